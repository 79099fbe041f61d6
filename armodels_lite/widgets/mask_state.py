"""The masks of a small MADE, a decision a step: degrees, comparisons, paths, and what a model with them depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import index

import numpy as np
import torch

from ..inspection import dependencies, total_probability
from ..layers import layer_sizes
from ..masks import made_degrees, made_masks
from ..models.made import MADE
from ..orderings import make_ordering
from .ordering_state import Ordering

__all__ = ["MaskFrame", "MaskNetwork", "Move", "like", "walk"]

MOST_VARIABLES, MOST_UNITS, MOST_LAYERS = 6, 8, 2  # more would be too small to read
LETTERS = "hk"  # of the units of the first and the second hidden layer


class MaskNetwork:
    """Degrees and masks of a MADE of binary variables, and what such a MADE depends on.

    Layer 0 are the inputs, then come the hidden layers, the last layer are the outputs. Units and variables count
    from 0 here, from 1 in their names.

    Args:
        variables: T, 2 to 6.
        hidden: units of each hidden layer: one or two layers of 2 to 8 units.
        ordering: a name or a permutation of 0..T-1, see `make_ordering`.
        seed: of the hidden degrees; None spreads them evenly. See `made_degrees`.
        degrees: the hidden degrees themselves, for each hidden layer as many ints from 1 to T - 1 as it has units.

    Attributes:
        ordering: the variables as they are drawn, a tuple of T ints.
        degrees: of the units of every layer, a tuple of tuples; the first and the last are the same.
        masks: int64 (units above, units below) for every two neighbouring layers, 1 where a connection exists.
        paths: int64 (T, T), the number of paths from input (column) to output (row); the product of the masks.

    Raises:
        ValueError: for other sizes, orderings, seeds or degrees.

    Source: M. Germain, K. Gregor, I. Murray, H. Larochelle, "MADE: Masked Autoencoder for Distribution Estimation",
        2015.

    >>> network = MaskNetwork(3, ordering=[1, 2, 0], degrees=[[2, 1, 2, 1]])
    >>> network.degrees
    ((3, 1, 2), (2, 1, 2, 1), (3, 1, 2))
    >>> network.paths.tolist()
    [[0, 4, 2], [0, 0, 0], [0, 2, 0]]
    >>> bool((network.in_drawing_order(network.paths > 0) == network.measured).all())
    True
    """

    def __init__(
        self,
        variables: int = 3,
        hidden: Sequence[int] = (4,),
        *,
        ordering: Ordering = "raster",
        seed: int | None = None,
        degrees: Sequence[Sequence[int]] | None = None,
    ) -> None:
        self.variables, self.hidden = _checked_sizes(variables, hidden)
        order = make_ordering(ordering, (variables,))
        if seed is not None and (type(seed) is not int or seed < 0):
            raise ValueError(f"seed must be None or an int of at least 0, got {seed!r}")
        if seed is not None and degrees is not None:
            raise ValueError(f"seed must be None where degrees are given, got {seed}")
        self.ordering, self.seed, self.given = tuple(order.tolist()), seed, degrees is not None
        layers = made_degrees(order.argsort(), self.hidden, seed)
        if degrees is not None:
            layers[1:] = map(torch.tensor, _checked_degrees(degrees, self.variables, self.hidden))
        self.degrees = tuple(tuple(layer.tolist()) for layer in [*layers, layers[0]])
        self.masks = tuple(mask.long().numpy() for mask in made_masks(layers))
        self.paths = reduce(lambda below, mask: mask @ below, self.masks)

    def __repr__(self) -> str:
        return f"MaskNetwork(degrees {', '.join(map(str, self.degrees))})"

    @property
    def last_layer(self) -> int:
        """The number of the layer of outputs."""
        return len(self.degrees) - 1

    def name(self, layer: int, unit: int) -> str:
        """'x1' for the first input and its output, 'h1' for the first hidden unit, 'k1' for one of a second layer."""
        letter = "x" if layer in (0, self.last_layer) else LETTERS[layer - 1]
        return f"{letter}{unit + 1}"

    def in_drawing_order(self, matrix: np.ndarray) -> np.ndarray:
        """A (T, T) matrix with rows and columns put into the order in which the variables are drawn."""
        return matrix[np.ix_(self.ordering, self.ordering)]

    def allowed(self, output: int) -> list[int]:
        """The variables drawn before this one."""
        return list(self.ordering[: self.ordering.index(output)])

    @property
    def missing(self) -> list[tuple[int, int]]:
        """(output, input) for each dependency that the order allows but no path carries."""
        return [
            (output, earlier)
            for output in self.ordering
            for earlier in self.allowed(output)
            if self.paths[output, earlier] == 0
        ]

    @property
    def silent(self) -> list[int]:
        """Units of the last hidden layer that hear no input, though they may: all units below have larger degrees."""
        heard = reduce(lambda below, mask: mask @ below, self.masks[:-1]).any(1)
        return [unit for unit, hears in enumerate(heard.tolist()) if not hears]

    def on_paths(self, output: int) -> list[np.ndarray]:
        """Which connections lie on a path from an input to this output: bool, in the shapes of the masks."""
        below = [
            np.ones(self.variables, dtype=np.int64)
        ]  # paths that end at each unit, layer by layer
        for mask in self.masks:
            below.append(mask @ below[-1])
        above = np.eye(self.variables, dtype=np.int64)[output]  # paths from each unit to the output
        found = []
        for mask, ending in zip(self.masks[::-1], below[-2::-1], strict=True):
            found.append((mask * above[:, None] * ending) > 0)
            above = above @ mask
        return found[::-1]

    @cached_property
    def model(self) -> MADE:
        """A MADE in float64 with these masks. All weights and hidden biases are positive: no ReLU is off, no two
        paths cancel. Weights without a connection are not zero either: only the masks hold them back."""
        with torch.random.fork_rng(devices=[]):  # the layers draw first weights of their own
            model = MADE(
                (self.variables,), hidden=self.hidden, ordering=self.ordering, seed=self.seed
            ).double()
        if self.given:
            model.degrees = [torch.tensor(layer) for layer in self.degrees[:-1]]
            for layer, mask in zip(model.layers, self.masks, strict=True):
                layer.mask.copy_(torch.from_numpy(mask))
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for layer in model.layers:
                layer.weight.uniform_(0.5, 1.5, generator=generator).div_(layer.in_features)
                layer.bias.uniform_(0.1, 0.5, generator=generator)
        return model

    @cached_property
    def measured(self) -> np.ndarray:
        """What the conditionals of `model` depend on: bool (T, T), rows and columns in drawing order."""
        return dependencies(self.model).numpy()

    @cached_property
    def total(self) -> float:
        """The sum of p(x) of `model` over all events."""
        return total_probability(self.model)


# -- steps ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Move:
    """What one step decides or shows.

    Attributes:
        kind: "start", "degree", "mask", "paths", "product" or "measured".
        layer: that of `unit`; in "paths" the lowest layer to which the paths are followed, 0 for the inputs.
        unit: whose degree is given, whose row of a mask is decided, or the output whose paths are followed.
        column: the unit below in a "mask" step that decides one entry, None where it decides a row.
    """

    kind: str
    layer: int = 0
    unit: int = 0
    column: int | None = None


def walk(network: MaskNetwork, *, rows: bool = False, output: int | None = None) -> list[Move]:
    """All steps: degrees, masks, paths, the product, the measurement.

    Args:
        rows: whether a step decides a row of a mask, not an entry.
        output: follow the paths of this output alone, a layer a step; all outputs, one a step, unless given.

    >>> len(walk(MaskNetwork())), len(walk(MaskNetwork(), rows=True))
    (40, 23)
    """
    moves, order, last = [Move("start")], network.ordering, network.last_layer
    for layer, degrees in enumerate(network.degrees):
        units = order if layer in (0, last) else range(len(degrees))
        moves += [Move("degree", layer, unit) for unit in units]
    for layer, mask in enumerate(network.masks, 1):
        for unit, row in enumerate(mask):
            columns = [None] if rows else range(len(row))
            moves += [Move("mask", layer, unit, column) for column in columns]
    if output is None:
        moves += [Move("paths", 0, unit) for unit in order]
    else:
        moves += [Move("paths", layer, output) for layer in reversed(range(last))]
    return [*moves, Move("product"), Move("measured")]


def like(moves: Sequence[Move], move: Move) -> int:
    """The step of another walk that is most like a move: the same, else its row, else the first of its kind.

    >>> like(walk(MaskNetwork(), rows=True), Move("mask", 1, 2, 0))
    13
    """
    if move in moves:
        return moves.index(move)
    kind = [step for step, other in enumerate(moves) if other.kind == move.kind]
    place = move.layer, move.unit
    return next((k for k in kind if (moves[k].layer, moves[k].unit) == place), kind[0])


@dataclass(frozen=True, eq=False)
class MaskFrame:
    """What is known after a step of a walk."""

    network: MaskNetwork
    moves: Sequence[Move]
    step: int

    @property
    def move(self) -> Move:
        return self.moves[self.step]

    @cached_property
    def known(self) -> set[tuple[int, int]]:
        """(layer, unit) of all units that have their degree."""
        past = self.moves[: self.step + 1]
        return {(move.layer, move.unit) for move in past if move.kind == "degree"}

    @cached_property
    def decided(self) -> list[np.ndarray]:
        """Which entries of each mask are decided: bool, in the shapes of the masks."""
        decided = [np.zeros(mask.shape, dtype=bool) for mask in self.network.masks]
        for move in self.moves[: self.step + 1]:
            if move.kind == "mask":
                columns = slice(None) if move.column is None else move.column
                decided[move.layer - 1][move.unit, columns] = True
        return decided

    @cached_property
    def followed(self) -> list[np.ndarray]:
        """The connections on the paths that this step follows, as in `MaskNetwork.on_paths`; none elsewhere."""
        if self.move.kind != "paths":
            return [np.zeros(mask.shape, dtype=bool) for mask in self.network.masks]
        found = self.network.on_paths(self.move.unit)
        # Backwards from the output: what lies below the layer of this step is not yet looked at.
        return [edges & (layer >= self.move.layer) for layer, edges in enumerate(found)]

    @property
    def agree(self) -> int:
        """In how many entries there is a path where the model was measured to depend, and none where it was not."""
        network = self.network
        return int((network.in_drawing_order(network.paths > 0) == network.measured).sum())


# -- checks --------------------------------------------------------------------------------------------------------


def _checked_sizes(variables: int, hidden: Sequence[int]) -> tuple[int, tuple[int, ...]]:
    if type(variables) is not int or not 2 <= variables <= MOST_VARIABLES:
        raise ValueError(f"variables must be an int from 2 to {MOST_VARIABLES}, got {variables!r}")
    sizes = layer_sizes("hidden", hidden)
    if not 1 <= len(sizes) <= MOST_LAYERS or not all(2 <= size <= MOST_UNITS for size in sizes):
        raise ValueError(
            f"hidden must be one or two layers of 2 to {MOST_UNITS} units such as (4,) or (4, 4), got {hidden!r}"
        )
    return variables, sizes


def _checked_degrees(
    degrees: Sequence[Sequence[int]], variables: int, hidden: tuple[int, ...]
) -> list[list[int]]:
    try:
        layers = [[index(degree) for degree in layer] for layer in degrees]
    except TypeError:
        layers = []
    sizes, values = tuple(map(len, layers)), [degree for layer in layers for degree in layer]
    if sizes != hidden or not all(1 <= degree < variables for degree in values):
        raise ValueError(
            f"degrees must hold, for hidden layers of {' and '.join(map(str, hidden))} units, that many ints from 1 "
            f"to {variables - 1} (a unit of degree {variables} would see all and feed no output), got {degrees!r}"
        )
    return layers
