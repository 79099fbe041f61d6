"""A Bayes net over discrete variables: the chain rule with each variable asking its parents alone.

Source: J. Pearl, "Probabilistic Reasoning in Intelligent Systems", 1988. Here the tables hold logits, so that they can
be set, counted from data, or trained by gradients like every other model.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..chain import AutoregressiveModel
from ..conditionals import Bernoulli, Categorical
from ..decoder import Decoder
from ..dseparation import ancestral_set, d_separated
from .counting import check_counting

__all__ = ["BayesNet"]

MAX_CELLS = 2**20  # of one table, and of the joint table that inference sums over


class BayesNet(AutoregressiveModel):
    """p(x) = prod_v p(x_v | parents of v), each factor a table with one row for each configuration of the parents.

    A new net has uniform tables. `set_table` and `count` fill them; `ar.fit` trains them. The variables are drawn
    parents first, and of those possible the first position first.

    Args:
        event_shape: (D,).
        parents: for each of the D variables the positions of its parents.
        conditional: `Bernoulli()`, the default, `Categorical(K)`, or `Categorical((3, 2, 2))` with a number of levels
            for each variable.
        names: D distinct names; x_1 to x_D unless given. Methods take a variable's name or its position.

    Attributes:
        parents: a tuple of positions for each variable.
        names: a tuple of D strings.
        cardinalities: the number of levels of each variable.

    Raises:
        ValueError: parents with a cycle or out of range, tables of more than 2^20 cells, other arguments that do not
            fit; the message says what is accepted.

    >>> net = BayesNet((2,), parents=[[], [0]], names=["rain", "wet"])
    >>> net = net.set_table("rain", 0.2).set_table("wet", [0.1, 0.9])        # p(1) for each row
    >>> round(net.probability({"rain": 1, "wet": 1}), 4)
    0.18
    >>> net.query("rain", {"wet": 1})                                        # 0.18 / (0.18 + 0.08)
    tensor([0.3077, 0.6923], dtype=torch.float64)
    >>> net.num_parameters()
    3
    """

    conditionals = (Bernoulli, Categorical)

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        parents: Sequence[Sequence[int]],
        conditional: Bernoulli | Categorical | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        size = _number_of_variables(event_shape)
        names, parents = _checked_names(names, size), _checked_parents(parents, size)
        order = _topological_order(parents, names)
        super().__init__(event_shape, conditional=conditional, ordering=order)
        self.names, self.parents = names, parents
        # A tuple of ranges is no JSON: it is saved as the lists that it stands for.
        for argument, value in (("parents", [list(p) for p in parents]), ("names", list(names))):
            if self._not_json.pop(argument, None) is not None:
                self._hub_mixin_config[argument] = value
        self.cardinalities = self.conditional.cardinalities or (self.levels,) * size
        if len(self.cardinalities) != size:
            raise ValueError(
                f"{self.conditional!r} is for {len(self.cardinalities)} variables, event_shape has {size}"
            )
        self._binary = isinstance(self.conditional, Bernoulli)
        self.logits = nn.ParameterList()
        for v in range(size):
            rows, last = self._table_shape(v)[:-1], 1 if self._binary else self.cardinalities[v]
            self.logits.append(nn.Parameter(torch.zeros(*rows, last)))

    def _table_shape(self, v: int) -> tuple[int, ...]:
        shape = tuple(self.cardinalities[u] for u in (*self.parents[v], v))
        if math.prod(shape) > MAX_CELLS:
            raise ValueError(
                f"the table of {self.names[v]} would have {math.prod(shape):,} cells (at most 2^20): "
                "give it fewer parents"
            )
        return shape

    def num_parameters(self) -> int:
        """Rows times (K - 1) for each table: the last probability of a row follows from the others."""
        return sum(
            math.prod(self._table_shape(v)[:-1]) * (k - 1) for v, k in enumerate(self.cardinalities)
        )

    # -- the chain rule ------------------------------------------------------------------------------------------

    def params(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        return torch.stack([self._row(v, x) for v in range(self.num_variables)], 1)

    def _row(self, v: int, x: Tensor) -> Tensor:
        """Parameters (B, P) of variable v: the row of its table that its parents' values in x (B, D) choose."""
        logits, parents = self.logits[v], self.parents[v]
        if parents:
            rows = logits[tuple(x[:, u].long() for u in parents)]
        else:
            rows = logits.expand(len(x), -1)
        # Levels that this variable does not have get no probability.
        return F.pad(rows, (0, self.conditional.num_params - rows.shape[-1]), value=-math.inf)

    def cached_decoder(self, n: int, context: Tensor | None) -> Decoder:
        return BayesNetDecoder(self, n, context)

    def _check_values(self, x: Tensor) -> None:
        self.conditional.check_values(x, range(self.num_variables))

    # -- tables --------------------------------------------------------------------------------------------------

    def index(self, variable: str | int) -> int:
        """The position of a variable given by name or position. Raises ValueError for an unknown one."""
        if type(variable) is int and 0 <= variable < self.num_variables:
            return variable
        if isinstance(variable, str) and variable in self.names:
            return self.names.index(variable)
        raise ValueError(
            f"unknown variable {variable!r}; accepted are positions 0 to {self.num_variables - 1} "
            f"and the names {', '.join(self.names)}"
        )

    def table(self, v: str | int) -> Tensor:
        """Probabilities (K_p1, ..., K_pm, K_v), float64, of variable v given its parents in the order of `parents`."""
        logits = self.logits[self.index(v)].detach().double()
        return self.conditional.distribution(logits).level_log_probs().exp()

    @torch.no_grad()
    def set_table(self, v: str | int, probabilities: Any) -> BayesNet:
        """Set the table of variable v; returns the net.

        Args:
            probabilities: an array, or nested lists, of the shape of `table(v)`, each row summing to 1. For a binary
                variable the last axis may be left out: p(v = 1) for each row.

        Raises:
            ValueError: another shape, values that are no probabilities, rows that do not sum to 1 (to 1e-6).
        """
        v = self.index(v)
        shape = self._table_shape(v)
        table = _as_table(probabilities)
        if shape[-1] == 2 and tuple(table.shape) == shape[:-1]:
            table = torch.stack([1 - table, table], -1)
        if tuple(table.shape) != shape:
            also = f", or {shape[:-1]} with p({self.names[v]} = 1)" if shape[-1] == 2 else ""
            raise ValueError(
                f"the table of {self.names[v]} has shape {shape}{also}, got {tuple(table.shape)}"
            )
        # The sum of a row with NaN is NaN, which is close to nothing.
        good = (table >= 0).all(-1) & ((table.sum(-1) - 1).abs() <= 1e-6)
        if not good.all():
            raise ValueError(
                f"each row of the table of {self.names[v]} must hold probabilities that sum to 1, "
                f"got {table[~good][0].tolist()}"
            )
        self._set_weights(v, table)
        return self

    @torch.no_grad()
    def count(self, x: Tensor, pseudocount: float = 1.0) -> BayesNet:
        """Set every table to the maximum-likelihood estimate from events x (B, D); returns the net.

        With k events in a cell and n in its row, the estimate is (k + a) / (n + a K) for a pseudocount a. Without one,
        a cell never seen gets probability 0 (its logit is infinite, so `ar.fit` cannot go on from there); a row never
        seen, of which the likelihood says nothing, is uniform.

        Raises:
            ValueError, TypeError: for events that do not fit, no events, or a negative pseudocount.
        """
        check_counting(self, x, pseudocount)
        for v in range(self.num_variables):
            shape = self._table_shape(v)
            cell = torch.zeros(len(x), dtype=torch.int64, device=x.device)
            for u in (*self.parents[v], v):
                cell = cell * self.cardinalities[u] + x[:, u].long()
            counts = torch.bincount(cell, minlength=math.prod(shape)).view(shape).double()
            counts += pseudocount
            counts[counts.sum(-1) == 0] = 1
            self._set_weights(v, counts)
        return self

    def _set_weights(self, v: int, weights: Tensor) -> None:
        """Make the rows of variable v proportional to `weights`, shape of its table, float64."""
        weights = weights / weights.amax(-1, keepdim=True)  # the sum of huge ones may be infinite
        logs = (weights / weights.sum(-1, keepdim=True)).log()
        self.logits[v].copy_(logs[..., 1:] - logs[..., :1] if self._binary else logs)

    # -- inference -----------------------------------------------------------------------------------------------

    def query(self, v: str | int, evidence: Mapping[str | int, int] | None = None) -> Tensor:
        """p(v | evidence), (K_v,) float64: the joint table summed over everything else, and normalised.

        Only the ancestors of the variables concerned matter; their joint table may have 2^20 cells.

        Raises:
            ValueError: unknown variables or values, evidence of probability 0, too large a table.
            TypeError: evidence is no mapping.
        """
        v, known = self.index(v), self._checked_evidence(evidence or {})
        weights = self._joint([v], known)
        total = weights.sum()
        if total == 0:
            given = ", ".join(f"{self.names[u]} = {value}" for u, value in known.items())
            raise ValueError(f"the evidence {given} has probability 0: nothing follows from it")
        return (weights / total).cpu()

    def probability(self, assignment: Mapping[str | int, int]) -> float:
        """Probability of a partial assignment, the other variables summed out. Raises as `query` does for bad ones.

        >>> BayesNet((3,), parents=[[], [0], [1]]).probability({"x_1": 1, "x_3": 0})
        0.25
        """
        return self._joint([], self._checked_evidence(assignment)).item()

    def d_separated(
        self, a: str | int, b: str | int, given: Iterable[str | int] | str | int = ()
    ) -> bool:
        """True iff the graph alone makes a and b independent given the variables `given`; see `dseparation`."""
        given = [given] if isinstance(given, (str, int)) else given
        return d_separated(
            self.parents, self.index(a), self.index(b), [self.index(u) for u in given]
        )

    def _checked_evidence(self, evidence: Mapping[str | int, int]) -> dict[int, int]:
        if not isinstance(evidence, Mapping):
            raise TypeError(f"values are given as {{variable: value}}, got {evidence!r}")
        known: dict[int, int] = {}
        for variable, value in evidence.items():
            v = self.index(variable)
            if v in known:
                raise ValueError(f"{self.names[v]} is given twice")
            if type(value) is not int or not 0 <= value < self.cardinalities[v]:
                raise ValueError(
                    f"{self.names[v]} has levels 0 to {self.cardinalities[v] - 1}, got {value!r}"
                )
            known[v] = value
        return known

    def _joint(self, kept: list[int], known: Mapping[int, int]) -> Tensor:
        """p(kept, known) with one axis for each variable kept, all others summed out; float64.

        An axis of a known variable that is kept has zeros where it is not the known value.
        """
        axes = sorted(ancestral_set(self.parents, [*kept, *known]))
        sizes = [self.cardinalities[u] for u in axes]
        if math.prod(sizes) > MAX_CELLS:
            raise ValueError(
                f"{math.prod(sizes):,} combinations of values are too many to enumerate (at most 2^20)"
            )
        joint = torch.ones(sizes, dtype=torch.float64, device=self.device)
        for v in axes:
            family = [*self.parents[v], v]
            table = self.table(v).permute(sorted(range(len(family)), key=family.__getitem__))
            joint *= table.view([self.cardinalities[u] if u in family else 1 for u in axes])
        for v, value in known.items():
            other = torch.arange(self.cardinalities[v], device=self.device) != value
            joint.index_fill_(axes.index(v), other.nonzero().flatten(), 0)
        summed = [axis for axis, u in enumerate(axes) if u not in kept]
        return joint.sum(summed) if summed else joint


class BayesNetDecoder(Decoder):
    """Reads one row of one table a step: the parents' values are all that it needs to remember."""

    def _params(self) -> Tensor:
        return self.model._row(self._positions[self.t], self.x)

    def _observed(self, x_t: Tensor) -> None:
        """The value itself is the state."""

    def _restart(self, values: Tensor, t: int) -> None:
        """The values themselves are the state."""


def _number_of_variables(event_shape: Sequence[int]) -> int:
    shape = tuple(event_shape) if isinstance(event_shape, Iterable) else event_shape
    if not (isinstance(shape, tuple) and len(shape) == 1 and type(shape[0]) is int):
        raise ValueError(f"the event_shape of a BayesNet is (D,), got {event_shape!r}")
    return shape[0]


def _checked_names(names: Sequence[str] | None, size: int) -> tuple[str, ...]:
    if names is None:
        return tuple(f"x_{v + 1}" for v in range(size))
    listed = isinstance(names, Sequence) and not isinstance(names, str)
    good = listed and all(isinstance(name, str) for name in names)
    if not good or len(names) != size or len(set(names)) != size:
        raise ValueError(f"names must be {size} distinct strings, got {names!r}")
    return tuple(names)


def _checked_parents(parents: Sequence[Sequence[int]], size: int) -> tuple[tuple[int, ...], ...]:
    if isinstance(parents, str) or not isinstance(parents, Sequence) or len(parents) != size:
        raise ValueError(
            f"parents must be {size} lists of positions, one for each variable, got {parents!r}"
        )
    for v, own in enumerate(parents):
        good = isinstance(own, Sequence) and all(type(u) is int and 0 <= u < size for u in own)
        if not good or len(set(own)) != len(own):
            raise ValueError(
                f"the parents of variable {v} must be distinct positions in 0..{size - 1}, got {own!r}"
            )
    return tuple(tuple(own) for own in parents)


def _topological_order(parents: Sequence[Sequence[int]], names: Sequence[str]) -> list[int]:
    """Parents before children; of the variables that could come next, the first. ValueError names a cycle."""
    waiting_for = [len(own) for own in parents]
    ready = [v for v, missing in enumerate(waiting_for) if missing == 0]
    order: list[int] = []
    while ready:
        order.append(heapq.heappop(ready))
        for child, own in enumerate(parents):
            if order[-1] in own:
                waiting_for[child] -= 1
                if waiting_for[child] == 0:
                    heapq.heappush(ready, child)
    if len(order) < len(parents):
        cycle = _cycle(parents, left=set(range(len(parents))) - set(order))
        arrows = " -> ".join(names[v] for v in cycle)
        raise ValueError(f"a Bayes net has no cycles, but parents holds {arrows}")
    return order


def _cycle(parents: Sequence[Sequence[int]], left: set[int]) -> list[int]:
    """A cycle, in the direction of the arrows, among variables that each have a parent among them."""
    walk = [min(left)]
    while walk.count(walk[-1]) == 1:
        walk.append(next(u for u in parents[walk[-1]] if u in left))
    return walk[walk.index(walk[-1]) :][::-1]


def _as_table(probabilities: Any) -> Tensor:
    try:
        return torch.as_tensor(probabilities, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"probabilities must be an array of numbers: {error}") from error
