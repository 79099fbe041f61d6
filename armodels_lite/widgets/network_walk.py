"""Drawing one event from a Bayes net, a variable a step, parents first; or evaluating an event of one's own.

On the left the graph; beside it the table of the variable that was just decided, with the row that its parents'
values choose, and the uniform number against the probabilities of that row; in words, the product so far.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ipywidgets
from torch import Tensor

from ..dseparation import ancestral_set
from ..models.bayes_net import BayesNet
from .chart_stepper import ChartStepper
from .network_state import Decision, NetworkState, WalkFrame
from .network_table import draw_decision, draw_factors, shares
from .network_view import Naming, draw_graph, make_layout
from .numbers import told_apart
from .one_event import next_seed
from .svg import Drawing

__all__ = ["NetworkWalk"]

MOST_FACTORS = 10  # of a product written out
DRAWN = -1  # what a dropdown holds for a variable that is drawn: to ipywidgets None means that nothing is chosen
STRIP_WIDTH = 1250  # pixels of a strip's frames, beyond which they would be too small on a page


class NetworkWalk(ChartStepper):
    """Ancestral sampling: the event is drawn parents first, each variable from one row of its table.

    A variable's value can be given by hand; the product then holds the probability of that value, so with all of them
    given the last step shows the joint probability of that event.

    Args:
        net: a Bayes net.
        noise, seed: see `NetworkState`.
        positions: (x, y) in 0..1 of each variable in the drawing, y downwards; in layers unless given.
        value_names: for some variables, or for all in a sequence, the names of their values; "no" and "yes" unless
            given where there are two, numbers from 0 where there are more.
        start: the step to begin with; after step s, s variables are decided.

    Raises:
        TypeError: net is no BayesNet.
        ValueError: another argument does not fit the net; the message says what is accepted.

    Source: M. Henrion, "Propagating Uncertainty in Bayesian Networks by Probabilistic Logic Sampling" (1988).

    >>> import torch
    >>> net = BayesNet((2,), parents=[[], [0]], names=["rain", "wet"])
    >>> net = net.set_table("rain", 0.2).set_table("wet", [0.1, 0.9])
    >>> walk = NetworkWalk(net, noise=torch.tensor([0.15, 0.95]))
    >>> walk.step = 2
    >>> print(walk.sentences(walk.frame(2))[0])
    wet, given rain = yes: u = 0.950 ≥ p(yes) = 0.900, so wet = no. p(x) = 0.2 × 0.1 = 0.02, log p(x) = -3.912 nats.
    >>> walk.give("wet", "yes")
    >>> round(walk.frame(2).probability, 6)
    0.18
    """

    def __init__(
        self,
        net: BayesNet,
        *,
        noise: Tensor | None = None,
        seed: int = 0,
        positions: Sequence[tuple[float, float]] | None = None,
        value_names: Mapping[str | int, Sequence[str]] | Sequence[Sequence[str]] | None = None,
        start: int = 0,
    ) -> None:
        self.state = NetworkState(net, noise=noise, seed=seed)
        self.net, self.naming = net, Naming(net, value_names)
        longest = [f"{max(names, key=len)}, given" for names in self.naming.values]
        self._layout = make_layout(net, positions, longest)
        self._dropdowns = [self._make_dropdown(v) for v in range(net.num_variables)]
        renew = ipywidgets.Button(
            description="New noise", tooltip="Draw with other uniform numbers"
        )
        super().__init__(
            2,
            last=net.num_variables,
            start=start,
            options=[renew, *self._dropdowns],
            interval=1500,
        )
        # Tables differ in height; what is below them is to stay where it is.
        decided = [self.frame(step) for step in range(1, self.last + 1)]
        height = max(self._decision(frame).height for frame in decided)
        self._charts[1].layout.min_height = f"{height:.0f}px"
        self.on_click(renew, self._renew)
        for v, dropdown in enumerate(self._dropdowns):
            self.react(dropdown, lambda value, v=v: self._set(v, value))

    def _make_dropdown(self, v: int) -> ipywidgets.Dropdown:
        name = self.naming.variables[v]
        values = [(words, k) for k, words in enumerate(self.naming.values[v])]
        return ipywidgets.Dropdown(
            options=[("drawn", DRAWN), *values],
            value=DRAWN,
            description=name,
            tooltip=f"Let {name} be drawn, or give it a value",
            style={"description_width": "initial"},
            layout={"width": "max-content"},
        )

    def _renew(self) -> None:
        self.state.renew(next_seed(self.state.seed))

    def _set(self, v: int, value: int) -> None:
        self.state.give(v, None if value == DRAWN else value)

    def give(self, variable: str | int, value: int | str | None) -> None:
        """What the dropdown of a variable does: give it a value, by number or name, or with None let it be drawn.

        Raises:
            ValueError: the variable or the value does not exist.
        """
        v = self.net.index(variable)
        names = self.naming.values[v]
        if isinstance(value, str) and value in names:
            value = names.index(value)
        if value is not None and not (type(value) is int and 0 <= value < len(names)):
            raise ValueError(
                f"{self.naming.variables[v]} can be 0 to {len(names) - 1}, {', '.join(names)}, "
                f"or None for drawn, got {value!r}"
            )
        self._dropdowns[v].value = DRAWN if value is None else value

    def restart(self) -> None:
        for dropdown in self._dropdowns:
            dropdown.value = DRAWN
        self.state.restart()

    # -- what the shell asks for ---------------------------------------------------------------------------------

    def frame(self, step: int) -> WalkFrame:
        return self.state.frame(step)

    def drawings(self, frame: WalkFrame) -> list[Drawing]:
        return [self._graph(frame), self._decision(frame)]

    def _graph(self, frame: WalkFrame) -> Drawing:
        decided = {d.variable: self.naming.values[d.variable][d.value] for d in frame.decisions}
        given = set(self.state.given)  # outlined from the start, named when their turn comes
        words = {v: f"{name}, given" if v in given else name for v, name in decided.items()}
        current = frame.decisions[-1].variable if frame.decisions else None
        return draw_graph(self._layout, self.net, words, given=given, current=current)

    def _decision(self, frame: WalkFrame) -> Drawing:
        if not frame.decisions:
            return draw_factors(self._factors(), "One factor for each variable:")
        last = frame.decisions[-1]
        return draw_decision(
            self.naming,
            last,
            self.net.parents[last.variable],
            ones_first=self._ones_first,
        )

    @property
    def _ones_first(self) -> bool:
        return self.net.conditional.num_params == 1

    def _factors(self) -> list[str]:
        """'p(Cloudy)', 'p(Rainy | Cloudy)', ..., in the order of drawing."""
        order, parents = self.net.ordering.tolist(), self.net.parents
        return [self.naming.conditional(v, parents[v]) for v in order]

    def sentences(self, frame: WalkFrame) -> list[str]:
        return [" ".join(self.told(frame)), self._remarks()]

    def told(self, frame: WalkFrame) -> list[str]:
        """What was just decided and why, and the product so far."""
        if not frame.decisions:
            return [
                f"Nothing is decided yet. Each of the {self.last} variables comes after its parents; "
                "the row of its table that their values choose says how probable its values are."
            ]
        return [self._reason(frame.decisions[-1]), self._product(frame)]

    def _reason(self, last: Decision) -> str:
        """Why the variable just decided has its value."""
        v, naming = last.variable, self.naming
        becomes = naming.says(v, last.value)
        state = zip(self.net.parents[v], last.row, strict=True)
        row = ", ".join(naming.says(w, value) for w, value in state)
        where = f"{naming.variables[v]}{f', given {row}' if row else ''}"
        if last.given:
            p = f"{last.probability:.3f}"
            return f"{where}: {becomes} was set by hand, not drawn; its probability is {p}."
        if self._ones_first:
            u, p = told_apart(last.u, last.probs[1])
            sign = "<" if last.value == 1 else "≥"
            return f"{where}: u = {u} {sign} p({naming.values[v][1]}) = {p}, so {becomes}."
        found = {k: (low, high) for k, low, high in shares(last.probs, False)}
        low, high = found[last.value]
        above, u = told_apart(high, last.u)
        below = f"{told_apart(low, last.u)[0]} ≤ " if last.value > 0 else ""
        return f"{where}: {below}u = {u} < {above}, the share of {naming.values[v][last.value]}, so {becomes}."

    def _product(self, frame: WalkFrame) -> str:
        factors = [f"{decision.probability:.4g}" for decision in frame.decisions]
        if len(factors) > MOST_FACTORS:
            factors = [*factors[:3], "…", *factors[3 - MOST_FACTORS :]]
        whole = frame.step == self.last
        p, log_p = ("p(x)", "log p(x)") if whole else ("p(so far)", "log p")
        terms = [*factors, f"{frame.probability:.4g}"] if frame.step > 1 else factors
        product = f"{' × '.join(terms[:-1])} = {terms[-1]}" if frame.step > 1 else terms[0]
        number = f"{frame.log_prob:.3f}".replace("inf", "∞")
        return f"{p} = {product}, {log_p} = {number} nats."

    def _remarks(self) -> str:
        noise = "given noise" if self.state.seed is None else f"noise of seed {self.state.seed}"
        given = set(self.state.given)
        if ancestral_set(self.net.parents, given) == given:
            return f"Drawn with {noise}."
        return (
            f"Drawn with {noise}. A value set by hand changes what comes after it, not how its ancestors are drawn: "
            "p(x | evidence) needs inference, as in net.query."
        )

    def caption(self, frame: WalkFrame) -> str:
        if not frame.decisions:
            return "step 0"
        return f"step {frame.step}: {self.naming.variables[frame.decisions[-1].variable]}"

    def strip_steps(self) -> list[int]:
        """Up to four steps, as many as are legible side by side; the last among them."""
        drawings = (self._graph(self.frame(0)), self._decision(self.frame(self.last)))
        width = max(drawing.width for drawing in drawings)
        count = min(4, max(2, int(STRIP_WIDTH / width)), self.last)
        return [round(self.last * (k + 1) / count) for k in range(count)]
