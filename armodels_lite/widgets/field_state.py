"""A pixel and what a convolutional model lets it see, a layer a step: by the masks, and at last measured."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from ..inspection import default_context, receptive_field
from ..models.convolutional import ConvolutionalModel
from ..models.gated_pixelcnn import GatedPixelCNN
from ..models.pixelcnn import PixelCNN
from .field_graph import FieldGraph, Stage

__all__ = ["FieldFrame", "Walked", "checked_place", "measured_field", "open_count"]

MOST_CHANGED = 32  # variables that are changed one by one; of more, a derivative tells
VALUES = 2000  # of all random images together at which derivatives are taken
MOST = 32  # rows or columns: more would be too small to see

Place = tuple[int, int, int]  # channel, row, column, from 0


class Walked:
    """A model with its graph, and what was measured on it.

    Args:
        model: a `PixelCNN`, `GatedPixelCNN` or `PixelCNNpp` of at most 32 rows and columns.

    Raises:
        TypeError: another model.
        ValueError: too large an image.
    """

    def __init__(self, model: ConvolutionalModel) -> None:
        self.model, self.graph = model, FieldGraph(model)
        self.shape = model.event_shape
        if max(self.shape[1:]) > MOST:
            raise ValueError(
                f"images are drawn up to {MOST} x {MOST} pixels, got event shape {self.shape}"
            )
        self._measured: dict[int, np.ndarray] = {}

    def flat(self, place: Place) -> int:
        return int(np.ravel_multi_index(place, self.shape))

    @property
    def last(self) -> int:
        """The last step: the first shows a kernel, the last what is measured, one each the stages between."""
        return len(self.graph.stages) + 1

    @property
    def changed(self) -> bool:
        """Whether each variable is changed by itself to measure; else derivatives tell."""
        return self.model.num_variables <= MOST_CHANGED

    def measured(self, place: Place) -> np.ndarray:
        """What the output at a place depends on: bool (C, H, W)."""
        position = self.flat(place)
        if position not in self._measured:
            measure = receptive_field if self.changed else measured_field
            self._measured[position] = measure(self.model, position).numpy()
        return self._measured[position]


@dataclass(frozen=True, eq=False)
class FieldFrame:
    """What an output sees at a step.

    Attributes:
        walked: the model.
        place: (channel, row, column) of the output, from 0.
        step: 0 for the kernel of the first layer, then 1 to S after each stage, then S + 1 for the measurement.
    """

    walked: Walked
    place: Place
    step: int

    @property
    def graph(self) -> FieldGraph:
        return self.walked.graph

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.walked.shape

    @property
    def pixel(self) -> tuple[int, int]:
        return self.place[1:]

    @property
    def kind(self) -> str:
        """ "kernel", "stage" or "measured"."""
        if self.step == 0:
            return "kernel"
        return "measured" if self.step == self.walked.last else "stage"

    @property
    def stage(self) -> Stage:
        """The one that the step is about: of the kernel the first, of the measurement the last."""
        return self.graph.stages[self._index]

    @property
    def _index(self) -> int:
        return min(max(self.step, 1), len(self.graph.stages)) - 1

    @cached_property
    def numbers(self) -> np.ndarray:
        """The pixels from 1 in raster order: int64 (H, W)."""
        return np.arange(1, np.prod(self.shape[1:]) + 1).reshape(self.shape[1:])

    @property
    def number(self) -> int:
        return int(self.numbers[self.pixel])

    @cached_property
    def before(self) -> np.ndarray:
        """The values drawn before the output's: bool (C, H, W)."""
        rank = self.walked.model.rank.cpu().numpy().reshape(self.shape)
        return rank < rank[self.place]

    @cached_property
    def parts(self) -> np.ndarray:
        """What is seen by each way into the network: bool (P, C, H, W). Nothing yet while the kernel is shown."""
        parts = self.graph.field(self.walked.flat(self.place), self._index)
        return parts & (self.step > 0)

    @cached_property
    def seen(self) -> np.ndarray:
        """bool (C, H, W)."""
        return self.parts.any(0)

    @cached_property
    def earlier(self) -> np.ndarray:
        """What the stages before this one saw: bool (C, H, W)."""
        position, found = self.walked.flat(self.place), np.zeros(self.shape, dtype=bool)
        for stage in range(min(self.step, self.walked.last - 1) - 1):
            found |= self.graph.field(position, stage).any(0)
        return found

    @cached_property
    def new(self) -> np.ndarray:
        """What this stage is the first to see: bool (C, H, W)."""
        return self.seen & ~self.earlier

    @cached_property
    def kept(self) -> np.ndarray:
        """What stages before saw and a place of this, lower, resolution does not: short cuts bring it back."""
        return self.earlier & ~self.seen

    @cached_property
    def blind(self) -> np.ndarray:
        """Drawn before, and out of reach of any number of layers: bool (C, H, W)."""
        return self.before & ~self.graph.limit(self.walked.flat(self.place))

    @cached_property
    def measured(self) -> np.ndarray:
        """What the output depends on, as measured: bool (C, H, W)."""
        return self.walked.measured(self.place)

    @cached_property
    def others(self) -> np.ndarray:
        """All pixels but the output's own: bool (H, W)."""
        return self.numbers != self.number

    def pixels(self, values: np.ndarray) -> np.ndarray:
        """Pixels but the own one of which some channel is in a set, (C, H, W): bool (H, W)."""
        return values.any(0) & self.others

    def count(self, values: np.ndarray) -> int:
        """How many these are."""
        return int(self.pixels(values).sum())

    @property
    def own_channels(self) -> list[int]:
        """The channels of the own pixel that are seen."""
        return np.flatnonzero(self.seen[(slice(None), *self.pixel)]).tolist()


def open_count(model: ConvolutionalModel, layers: int) -> int | None:
    """Pixels that so many layers see where the image has no borders; None for a PixelCNN++.

    Let R be how far all layers together reach to the left, and upwards. A PixelCNN sees R pixels of its own row and, a
    rows above, R on the left, the one above, and on the right what min(a, layers) layers reach, each on its way up. If
    the first is not one of them, mask A makes it go left by at least one. A GatedPixelCNN sees R pixels of its own row
    and all 2 R + 1 columns of the R + 1 rows above.

    >>> [open_count(PixelCNN((1, 5, 5), layers=4, kernel_size=3), layers) for layers in (1, 2, 3, 4)]
    [4, 11, 21, 34]
    """
    if not isinstance(model, (PixelCNN, GatedPixelCNN)):
        return None
    first, other = model.first_kernel_size // 2, model.kernel_size // 2
    reach = first + (layers - 1) * other
    if isinstance(model, GatedPixelCNN):
        return reach + (reach + 1) * (2 * reach + 1)
    return reach + sum(
        reach + 1 + _right(first, other, min(above, layers), layers)
        for above in range(1, reach + 1)
    )


def _right(first: int, other: int, climbing: int, layers: int) -> int:
    """How far right a path gets if so many of the layers go up."""
    farthest = first + (climbing - 1) * other
    return max(farthest, climbing * other - 1) if climbing < layers else farthest


def measured_field(model: ConvolutionalModel, position: int) -> torch.Tensor:
    """What the conditional at a flat position depends on, bool (C, H, W), where changing all values takes too long.

    A value counts if the derivative of the parameters (of a random sum of them) by it is not 0 at one of some random
    images (up to 16), in a copy of the model in float64; a channel of the pixel itself also if another value of it
    changes a parameter.
    """
    exact = copy.deepcopy(model).double().cpu().eval()
    generator = torch.Generator().manual_seed(0)
    n = min(16, max(1, VALUES // exact.num_variables))
    x = torch.randint(exact.levels, (n, *exact.event_shape), generator=generator)
    x, context = x.to(exact.event_dtype), default_context(exact, n)

    def params(x: torch.Tensor) -> torch.Tensor:
        return exact.params(x, context).flatten(1, -2)[:, position]

    changes = torch.zeros(exact.event_shape, dtype=torch.bool)
    if exact.depth > 1:
        _, row, column = np.unravel_index(position, exact.event_shape)
        with torch.no_grad():
            reference = params(x)
            for channel in range(exact.depth):
                other = x.clone()
                other[:, channel, row, column] += exact.levels // 2
                changes[channel, row, column] = (params(other % exact.levels) != reference).any()
    image = exact.image(x).detach().requires_grad_()
    exact.image = lambda _: image  # levels have no derivatives, the numbers made of them do
    with torch.enable_grad():
        found = params(x)
        weights = torch.rand(found.shape, generator=generator, dtype=found.dtype)
        (slopes,) = torch.autograd.grad((found * weights).sum(), image)
    return changes | (slopes[:, : exact.depth] != 0).any(0)


def checked_place(
    pixel: Sequence[int] | None, channel: int | None, shape: tuple[int, int, int]
) -> Place:
    """(channel, row, column) from 0: the last channel and the middle unless given; ValueError for a place outside."""
    depth, height, width = shape
    pixel = (height // 2, width // 2) if pixel is None else pixel
    pair = tuple(pixel) if isinstance(pixel, Sequence) else ()
    if not (
        len(pair) == 2
        and all(type(k) is int for k in pair)
        and 0 <= pair[0] < height
        and 0 <= pair[1] < width
    ):
        raise ValueError(
            f"pixel must be (row, column), from 0, inside {height} rows and {width} columns, got {pixel!r}"
        )
    channel = depth - 1 if channel is None else channel
    if type(channel) is not int or not 0 <= channel < depth:
        raise ValueError(f"channel must be an int in 0..{depth - 1}, got {channel!r}")
    return (channel, *pair)
