"""Dilated causal convolutions as a graph: what lies behind one output, and what fast generation keeps of it.

Level l = 1 ... L is the output of layer l, level 0 what the first layer takes: at step t the value x_(t-1), at step 1
zeros. The node of level l at step t takes level l - 1 at the steps t, t - d, ..., t - (K - 1) d. Steps count from 1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ..models.wavenet import WaveNet

__all__ = [
    "MODES",
    "QUEUES",
    "TREE",
    "Queue",
    "TreeFrame",
    "checked_count",
    "checked_dilations",
    "of_model",
    "receptive_field",
    "tree_paths",
]

TREE, QUEUES = MODES = ("tree", "queues")
MOST_LAYERS = 8  # more would be too tall to draw
MOST_DILATION = 128
KERNELS = (2, 4)  # least and most taps
LENGTHS = (8, 40)  # steps that can be drawn, least and most


def receptive_field(dilations: Sequence[int], kernel_size: int) -> int:
    """R = 1 + (K - 1) sum d: from the first to the last value that an output may depend on, gaps included.

    >>> receptive_field((1, 2, 4, 8), 2)
    16
    """
    return 1 + (kernel_size - 1) * sum(dilations)


def tree_paths(dilations: Sequence[int], kernel_size: int, t: int) -> list[Counter[int]]:
    """For each level 0 ... L: step -> number of paths that lead there from the output at step t.

    Only steps from 1 on: what lies before are zeros, which nobody computes.

    >>> tree_paths((1, 1), 2, 9)
    [Counter({8: 2, 9: 1, 7: 1}), Counter({9: 1, 8: 1}), Counter({9: 1})]
    """
    levels = [Counter({t: 1})]
    for dilation in reversed(dilations):
        below: Counter[int] = Counter()
        for step, paths in levels[0].items():
            for source in taps(step, dilation, kernel_size):
                below[source] += paths
        levels.insert(0, below)
    return levels


def taps(step: int, dilation: int, kernel_size: int) -> list[int]:
    """The steps that a node takes, latest first, as far as they exist.

    >>> taps(20, 9, 3)
    [20, 11, 2]
    """
    back = (step - k * dilation for k in range(kernel_size))
    return [source for source in back if source >= 1]


@dataclass(frozen=True)
class Queue:
    """What fast generation keeps for one layer when step t begins: its last (K - 1) d inputs.

    Attributes:
        layer: 1 ... L; the inputs are nodes of level `layer` - 1.
        dilation, kernel_size: of the layer.
        t: the step that is computed.
    """

    layer: int
    dilation: int
    kernel_size: int
    t: int

    @property
    def size(self) -> int:
        return (self.kernel_size - 1) * self.dilation

    @property
    def held(self) -> range:
        """Steps of its entries, oldest first; those before step 1 are zeros, with which it began."""
        return range(self.t - self.size, self.t)

    @property
    def read(self) -> tuple[int, ...]:
        """The steps among them that the layer takes, latest first."""
        return tuple(self.t - k * self.dilation for k in range(1, self.kernel_size))

    @property
    def popped(self) -> int:
        """The oldest entry: read for the last time, it leaves when the input of step t is pushed."""
        return self.t - self.size


@dataclass(frozen=True)
class TreeFrame:
    """The graph behind the prediction of x_t, and a place in the walk through it.

    Attributes:
        dilations: of the layers, the first layer's first.
        kernel_size: K, taps of every layer.
        length: T, how many steps are shown.
        t: the step that is predicted, 1 to T.
        mode: "tree" or "queues".
        step: of the walk. In a tree how many levels below the top are reached, 0 to L; L + 1 follows the shift to the
            values. With queues t - 1.
    """

    dilations: tuple[int, ...]
    kernel_size: int
    length: int
    t: int
    mode: str
    step: int

    @property
    def layers(self) -> int:
        return len(self.dilations)

    @property
    def last(self) -> int:
        """The last step of the walk."""
        return self.layers + 1 if self.mode == TREE else self.length - 1

    @property
    def whole(self) -> bool:
        """Whether the walk has come down to the values."""
        return self.mode == QUEUES or self.step == self.layers + 1

    @property
    def lowest(self) -> int:
        """The lowest level that the walk has reached."""
        return max(0, self.layers - self.step) if self.mode == TREE else 0

    @property
    def field(self) -> int:
        """R; see `receptive_field`."""
        return receptive_field(self.dilations, self.kernel_size)

    @cached_property
    def paths(self) -> list[Counter[int]]:
        """See `tree_paths`."""
        return tree_paths(self.dilations, self.kernel_size, self.t)

    def steps(self, level: int) -> list[int]:
        """The steps at which a level has nodes of the tree, earliest first."""
        return sorted(self.paths[level])

    def edges(self, level: int) -> list[tuple[int, int]]:
        """(step, source): what the tree's nodes of a level, at least 1, take from the level below."""
        dilation = self.dilations[level - 1]
        return [
            (step, source)
            for step in self.steps(level)
            for source in taps(step, dilation, self.kernel_size)
        ]

    # -- values --------------------------------------------------------------------------------------------------

    @cached_property
    def reached(self) -> list[int]:
        """The s of all x_s that the prediction of x_t depends on: one less than the steps of the inputs."""
        return [step - 1 for step in self.steps(0) if step > 1]

    @property
    def span(self) -> range:
        """The s of all x_s that R covers, as far as they exist."""
        return range(max(1, self.t - self.field), self.t)

    @cached_property
    def gaps(self) -> list[int]:
        """The s inside the span to which no path leads."""
        return sorted(set(self.span) - set(self.reached))

    @cached_property
    def offsets(self) -> int:
        """How many different values an output depends on, far from the start; R unless there are gaps."""
        far = self.field + 1
        return len(tree_paths(self.dilations, self.kernel_size, far)[0])

    # -- work: nodes of layers, inputs not counted ---------------------------------------------------------------

    @cached_property
    def nodes(self) -> int:
        """Different nodes of the tree: what naive generation computes if it computes nothing else."""
        return sum(len(level) for level in self.paths[1:])

    @cached_property
    def unshared(self) -> int:
        """Nodes of the tree if each were computed once for every path to it: (K^L - 1) / (K - 1) far from the start."""
        return sum(level.total() for level in self.paths[1:])

    @property
    def pass_nodes(self) -> int:
        """Nodes of a pass of all layers over all steps of the receptive field that exist."""
        return self.layers * min(self.t, self.field)

    @cached_property
    def queues(self) -> list[Queue]:
        """One for each layer, the first layer's first."""
        return [
            Queue(layer, dilation, self.kernel_size, self.t)
            for layer, dilation in enumerate(self.dilations, 1)
        ]


# -- checks --------------------------------------------------------------------------------------------------------


def checked_dilations(dilations: Sequence[int]) -> tuple[int, ...]:
    """The dilations as a tuple; ValueError for what is no list of layers that can be drawn."""
    listed = isinstance(dilations, Sequence) and not isinstance(dilations, str)
    given = tuple(dilations) if listed else ()
    whole = all(type(dilation) is int and 1 <= dilation <= MOST_DILATION for dilation in given)
    if not 1 <= len(given) <= MOST_LAYERS or not whole:
        raise ValueError(
            f"dilations must be 1 to {MOST_LAYERS} ints from 1 to {MOST_DILATION}, one a layer, got {dilations!r}"
        )
    return given


def checked_count(name: str, value: int, least: int, most: int) -> int:
    """An int from least to most; ValueError for anything else."""
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{name} must be an int from {least} to {most}, got {value!r}")
    return value


def of_model(model: WaveNet) -> tuple[tuple[int, ...], int]:
    """Dilations and kernel size of a WaveNet.

    Raises:
        TypeError: another model.
        ValueError: a WaveNet with more layers, longer kernels, larger dilations or fewer steps than can be drawn.
    """
    if not isinstance(model, WaveNet):
        raise TypeError(f"model must be a WaveNet, got {type(model).__name__}")
    if len(model.dilations) > MOST_LAYERS:
        raise ValueError(
            f"a WaveNet of at most {MOST_LAYERS} layers can be drawn, got one of {len(model.dilations)}: "
            "show a smaller one, or a part of it by its dilations"
        )
    if model.num_variables < LENGTHS[0]:
        raise ValueError(
            f"a WaveNet of at least {LENGTHS[0]} steps can be drawn, got event shape {model.event_shape}"
        )
    return checked_dilations(model.dilations), checked_count(
        "kernel_size", model.kernel_size, *KERNELS
    )
