"""MADE's masks, one decision a step: who gets which degree, who may hear whom, and which paths are left.

`mask_state` computes, `mask_view` draws, `mask_words` tells; here are the controls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets

from ..orderings import make_ordering
from .chart_stepper import ChartStepper
from .dropdowns import dropdown
from .mask_state import MaskFrame, MaskNetwork, Move, like, walk
from .mask_view import COMPACT, graph_drawing, masks_drawing, product_drawing
from .mask_words import DEGREE, caption, order_words, readout, remark, sentence
from .ordering_state import Ordering
from .svg import Drawing

__all__ = ["MadeMasks"]

MANY = 60  # entries of all masks beyond which a step decides a row
SIZES = [(4,), (6,), (8,), (4, 4), (6, 6)]  # hidden layers to choose from, besides those given
ORDERINGS = ["raster", "reverse", "random(1)", "random(2)", "random(3)"]
EVEN, GIVEN, EVERY = (
    -1,
    -2,
    -1,
)  # what dropdowns hold: to ipywidgets None means that nothing is chosen


class MadeMasks(ChartStepper):
    """The masks of a MADE of a few binary variables, made step by step, and checked on a real one at the end.

    Units get their degrees, one a step; every entry of every mask is decided by comparing two of them; the paths to
    each output are followed backwards and counted; their number, the product of the masks, is compared with the
    dependencies measured on an `armodels_lite.MADE`. Of large networks a step decides a row of a mask, unless "one row
    a step" is cleared. Another order or other degrees keep the step, other sizes go to the like one.

    Args:
        variables: T, 2 to 6.
        hidden: units of each hidden layer: one or two layers of 2 to 8 units.
        ordering: a name or a permutation of 0..T-1, see `make_ordering`.
        seed: of the hidden degrees; None spreads them evenly.
        degrees: the hidden degrees themselves, for each hidden layer as many ints from 1 to T - 1 as it has units;
            they hold until a control changes the sizes or asks for others.
        start: the step to begin with.

    Raises:
        ValueError: for other sizes, orderings, seeds or degrees, or a step that does not exist.

    Source: M. Germain, K. Gregor, I. Murray, H. Larochelle, "MADE: Masked Autoencoder for Distribution Estimation",
        2015.

    >>> stepper = MadeMasks(ordering=[1, 2, 0], degrees=[[2, 1, 2, 1]], start=11)
    >>> stepper.sentences(stepper.frame(11))[0]
    'Hidden unit h1 has degree 2, input x1 has degree 3: 3 ≤ 2 is false, so no connection.'
    >>> stepper.step = 37
    >>> stepper.sentences(stepper.frame(37))[0]
    'Output x1, drawn last, hears h1, h2, h3 and h4; these hear x2 and x3: 4 paths from x2 and 2 paths from x3.'
    """

    def __init__(
        self,
        variables: int = 3,
        hidden: Sequence[int] = (4,),
        ordering: Ordering = "raster",
        seed: int | None = None,
        degrees: Sequence[Sequence[int]] | None = None,
        *,
        start: int = 0,
    ) -> None:
        self.network = MaskNetwork(variables, hidden, ordering=ordering, seed=seed, degrees=degrees)
        self._first = self.network
        self._make_controls()
        self.moves = walk(self.network, rows=self._rows.value)
        controls = [
            self._variables,
            self._hidden,
            self._order,
            self._seed,
            self._output,
            self._rows,
        ]
        super().__init__(
            2,
            last=len(self.moves) - 1,
            start=start,
            options=controls,
            jump=5,
            interval=1200,
            readouts=self._readouts(),
        )
        # What is chosen here makes the picture: it stands above. Words differ in length: the controls stay in place.
        views, playback, options = self.children
        self.children = (options, views, playback)
        self._words.layout.min_height = "9em"
        for control in (self._variables, self._hidden):
            self.react(control, self._resize)
        for control in (self._order, self._seed, self._rows):
            self.react(control, self._change)
        self.react(self._output, self._follow)

    # -- controls ------------------------------------------------------------------------------------------------

    def _make_controls(self) -> None:
        network = self.network
        sizes = sorted({*SIZES, network.hidden}, key=lambda size: (len(size), size))
        self._variables = dropdown(
            "variables", "How many variables there are", range(2, 7), network.variables
        )
        self._hidden = dropdown(
            "hidden units",
            "Units of the hidden layer, or of both",
            [(", ".join(map(str, size)), size) for size in sizes],
            network.hidden,
        )
        self._order = dropdown(
            "order", "In which order the variables are drawn", self._orders(), network.ordering
        )
        self._seed = dropdown(
            "hidden degrees",
            "Given, spread evenly, or drawn at random from a seed",
            self._seeds(),
            self._first_seed(),
        )
        self._output = dropdown(
            "paths to",
            "Whose paths are followed, of one output layer by layer",
            self._outputs(),
            EVERY,
        )
        self._rows = ipywidgets.Checkbox(
            value=_many(network),
            description="one row a step",
            tooltip="Decide a row of a mask in a step, not an entry",
            indent=False,
            layout={"width": "max-content"},
        )

    def _first_seed(self) -> int:
        first = self._first
        if first.given:
            return GIVEN
        return EVEN if first.seed is None else first.seed

    def _orders(self) -> list[tuple[str, tuple[int, ...]]]:
        """'x2, x3, x1' and the permutation, the one first given included."""
        count = self.network.variables
        orders = [tuple(make_ordering(name, (count,)).tolist()) for name in ORDERINGS]
        if self._first.variables == count:
            orders.append(self._first.ordering)
        return [(", ".join(f"x{v + 1}" for v in order), order) for order in dict.fromkeys(orders)]

    def _seeds(self) -> list[tuple[str, int]]:
        first, network = self._first, self.network
        seeds = sorted({*range(5), *([] if first.seed is None else [first.seed])})
        options = [("even", EVEN), *((f"seed {seed}", seed) for seed in seeds)]
        same = (first.variables, first.hidden) == (network.variables, network.hidden)
        return [("given", GIVEN), *options] if first.given and same else options

    def _outputs(self) -> list[tuple[str, int]]:
        each = [(f"x{v + 1}", v) for v in range(self.network.variables)]
        return [("every output", EVERY), *each]

    # -- changes -------------------------------------------------------------------------------------------------

    def _resize(self, _: Any) -> None:
        """Other sizes: degrees given for the first ones no longer fit, nor may an order or an output."""
        if self._settling:
            return
        with self._quiet():
            self.network = MaskNetwork(self._variables.value, self._hidden.value)
            _offer(self._order, self._orders(), self.network.ordering)
            _offer(self._seed, self._seeds(), EVEN)
            _offer(self._output, self._outputs(), EVERY)
            self._rows.value = _many(self.network)
        self._change(None)

    def _change(self, _: Any) -> None:
        """Other masks or other steps, as the controls now say."""
        if self._settling:
            return
        chosen = self._seed.value
        if chosen == GIVEN:
            options = {"degrees": self._first.degrees[1:-1]}
        else:
            options = {"seed": None if chosen == EVEN else chosen}
        self.network = MaskNetwork(
            self._variables.value, self._hidden.value, ordering=self._order.value, **options
        )
        self._walk_on(self.moves[self.step])

    def _follow(self, _: Any) -> None:
        """Other paths to follow: there the walk goes on."""
        if not self._settling:
            self._walk_on(None)

    def _walk_on(self, move: Move | None) -> None:
        """The walk that the controls now ask for, at the step most like a move, or where paths begin."""
        chosen = self._output.value
        output = None if chosen == EVERY else chosen
        self.moves = walk(self.network, rows=self._rows.value, output=output)
        last, kinds = len(self.moves) - 1, [other.kind for other in self.moves]
        step = kinds.index("paths") if move is None else like(self.moves, move)
        with self.controls.hold_sync(), self._quiet():
            self.controls.last = max(self.last, step)
            self.step = step
            self.controls.last = last
            self.controls.readouts = self._readouts()

    def redraw(self) -> None:
        if not self._settling:
            super().redraw()

    def _readouts(self) -> list[str]:
        return [readout(self.frame(step)) for step in range(len(self.moves))]

    def __repr__(self) -> str:
        return f"MaskStepper({self.controls.label} {self.step} of {self.last})"

    def restart(self) -> None:
        first = self._first
        with self._quiet():
            self._variables.value, self._hidden.value = first.variables, first.hidden
            self.network = first
            _offer(self._order, self._orders(), first.ordering)
            _offer(self._seed, self._seeds(), self._first_seed())
            _offer(self._output, self._outputs(), EVERY)
            self._order.value, self._seed.value = first.ordering, self._first_seed()
            self._output.value, self._rows.value = EVERY, _many(first)
        self._change(None)

    # -- what the shell asks for ---------------------------------------------------------------------------------

    def frame(self, step: int) -> MaskFrame:
        return MaskFrame(self.network, self.moves, step)

    def drawings(self, frame: MaskFrame) -> list[Drawing]:
        return self._drawn(frame)

    def strip_drawings(self, frame: MaskFrame) -> list[Drawing]:
        """Both drawings, narrow enough for four steps side by side."""
        return self._drawn(frame, COMPACT, COMPACT)

    def _drawn(self, frame: MaskFrame, *widths: float) -> list[Drawing]:
        counted = frame.move.kind in ("product", "measured")
        makers = (graph_drawing, product_drawing if counted else masks_drawing)
        if not widths:
            return [make(frame) for make in makers]
        return [make(frame, width) for make, width in zip(makers, widths, strict=True)]

    def sentences(self, frame: MaskFrame) -> list[str]:
        return [sentence(frame), remark(frame)]

    def caption(self, frame: MaskFrame) -> str:
        return caption(frame)

    def told(self, frame: MaskFrame) -> list[str]:
        """The sentence of the step; where all degrees are known, what they are."""
        if caption(frame) == "all degrees":
            return [f"The order is {order_words(frame.network)}. {DEGREE}"]
        return [sentence(frame)]

    def strip_steps(self) -> list[int]:
        """All degrees, a connection left out, the paths to the output drawn last, counted beside measured."""
        kinds = [move.kind for move in self.moves]
        degrees = kinds.index("mask") - 1
        return [degrees, self._left_out(), kinds.index("product") - 1, self.last]

    def _left_out(self) -> int:
        """The first step that decides against a connection; the first of all masks if there is none."""
        for step, move in enumerate(self.moves):
            if move.kind == "mask":
                entries = self.network.masks[move.layer - 1][move.unit]
                if not entries[slice(None) if move.column is None else move.column].all():
                    return step
        return [move.kind for move in self.moves].index("mask")


def _many(network: MaskNetwork) -> bool:
    """Whether there are too many entries to decide one a step."""
    return sum(mask.size for mask in network.masks) > MANY


def _offer(dropdown: ipywidgets.Dropdown, options: Sequence[tuple[str, Any]], other: Any) -> None:
    """Other options; what was chosen stays chosen where it still exists."""
    chosen = dropdown.value
    if list(dropdown.options) != list(options):
        dropdown.options = options
        values = [value for _, value in options]
        dropdown.value = chosen if chosen in values else other
