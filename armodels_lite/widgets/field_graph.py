"""Which inputs a convolutional model can see after each layer, followed along the masks of its own layers.

Every convolution keeps the taps that its mask keeps, each with the same positive number; everything that is not linear
is left out. Nothing cancels then, so the derivative of an output by an input is positive exactly where a path leads.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..layers import CausalConv2d, shift_down
from ..masks import channel_groups, convolution_mask
from ..models.convolutional import ConvolutionalModel, Head
from ..models.gated_pixelcnn import GatedLayer, GatedPixelCNN
from ..models.pixelcnn import PixelCNN
from ..models.pixelcnnpp import Block, GatedResidual, PixelCNNpp, Resolution, doubled

__all__ = ["FieldGraph", "Kernel", "Stage", "fields_by_layer"]

# Ways into the network, each a part of what is seen.
PARTS = {
    PixelCNN: ("masked convolution",),
    GatedPixelCNN: ("vertical stack", "horizontal stack"),
    PixelCNNpp: ("upper stream", "left stream", "channels of the pixel"),
}


@dataclass(frozen=True, eq=False)
class Kernel:
    """A convolution as it looks around a pixel.

    Attributes:
        name: of the part of the layer that it belongs to.
        top, left: where the first row and column of its taps lie, counted from the pixel: -1 is the row above.
        taps: bool (C', C, rows, columns), True where features of colour C' read features of colour C.
    """

    name: str
    top: int
    left: int
    taps: np.ndarray

    @property
    def kept(self) -> np.ndarray:
        """Taps that some features keep: bool (rows, columns)."""
        return self.taps.any((0, 1))

    @property
    def centre(self) -> np.ndarray | None:
        """Which colours read which at the pixel itself, bool (C', C); None if the kernel does not reach it."""
        rows, columns = self.taps.shape[2:]
        if -self.top < rows and -self.left < columns:
            return self.taps[:, :, -self.top, -self.left]
        return None


@dataclass(frozen=True, eq=False)
class Stage:
    """A layer, or a block of layers, after which is asked what a pixel sees.

    Attributes:
        name: "layer 2" or "block 1 down".
        kernels: of its first convolutions; none where a stage has no convolution.
        factor: pixels that one place of it stands for, along either side: 1, 2, 4, ...
        mask: "A" or "B" where there is a masked convolution.
    """

    name: str
    kernels: tuple[Kernel, ...]
    factor: int = 1
    mask: str = ""


class FieldGraph:
    """The network as connections between pixels.

    Args:
        model: a `PixelCNN`, `GatedPixelCNN` or `PixelCNNpp`.

    Attributes:
        shape: (C, H, W).
        parts: names of the P ways into the network: one of a PixelCNN, the stacks or streams of the others.
        stages: what follows one another, S of them.

    Raises:
        TypeError: another model.

    >>> model = PixelCNN((1, 3, 3), channels=2, layers=1, kernel_size=3)
    >>> FieldGraph(model).field(4, 0)[0, 0].astype(int)  # what the first layer shows the pixel in the middle
    array([[1, 1, 1],
           [1, 0, 0],
           [0, 0, 0]])
    """

    def __init__(self, model: ConvolutionalModel) -> None:
        kind = next((kind for kind in PARTS if isinstance(model, kind)), None)
        if kind is None:
            names = ", ".join(kind.__name__ for kind in PARTS)
            raise TypeError(
                f"fields are followed in a model that is one of {names}, got {type(model).__name__}"
            )
        self.model, self.shape, self.parts = model, model.event_shape, PARTS[kind]
        walks = {PixelCNN: _pixelcnn, GatedPixelCNN: _gated, PixelCNNpp: _pixelcnnpp}
        with torch.enable_grad():
            self._images = [
                torch.ones(1, *self.shape, dtype=torch.float64, requires_grad=True)
                for _ in self.parts
            ]
            walked = list(walks[kind](model, *self._images))
            self._deepest = _deepened(model, walked[-1][1]) if kind is PixelCNN else None
        self.stages = [stage for stage, _ in walked]
        self._known = [known for _, known in walked]
        self._fields: dict[tuple[int, int], np.ndarray] = {}
        self._limits: dict[int, np.ndarray] = {}

    def field(self, position: int, stage: int) -> np.ndarray:
        """What the output of a flat position would see if the network ended after a stage: bool (P, C, H, W).

        Stages count from 0. At a lower resolution it is what the place sees that stands for the pixel.
        """
        key = position, stage
        if key not in self._fields:
            self._fields[key] = self._follow(
                self._known[stage], position, self.stages[stage].factor
            )
        return self._fields[key]

    def limit(self, position: int) -> np.ndarray:
        """What it could see with any number of further layers: bool (C, H, W). Only a PixelCNN has blind spots."""
        if position not in self._limits:
            if self._deepest is None:
                rank = self.model.rank.cpu().numpy().reshape(self.shape)
                self._limits[position] = rank < rank.flat[position]
            else:
                self._limits[position] = self._follow(self._deepest, position, 1).any(0)
        return self._limits[position]

    def _follow(self, known: Tensor, position: int, factor: int) -> np.ndarray:
        """Inputs from which a path leads to a place of a map, (1, C, h, w): bool (P, C, H, W)."""
        channel, row, column = np.unravel_index(position, self.shape)
        place = known[0, channel, row // factor, column // factor]
        slopes = torch.autograd.grad(place, self._images, retain_graph=True, allow_unused=True)
        none = torch.zeros_like(self._images[0])
        return np.stack([(none if s is None else s)[0].numpy() > 0 for s in slopes])


def fields_by_layer(model: ConvolutionalModel, position: int) -> np.ndarray:
    """What the output of a flat position sees after each layer or block: bool (S, C, H, W), from the masks alone.

    Raises:
        TypeError: a model that is no `PixelCNN`, `GatedPixelCNN` or `PixelCNNpp`.

    >>> model = PixelCNN((1, 5, 5), channels=4, layers=3, kernel_size=3)
    >>> fields_by_layer(model, 12).sum((1, 2, 3)).tolist()
    [4, 11, 11]
    """
    graph = FieldGraph(model)
    return np.stack([graph.field(position, s).any(0) for s in range(len(graph.stages))])


# -- convolutions --------------------------------------------------------------------------------------------------


def _by_colour(mask: Tensor, outputs: Tensor, inputs: Tensor) -> Tensor:
    """Connections (O, I, rows, columns) between features as shares of those between colours (C', C, rows, columns).

    outputs, inputs: the colour of each feature; inputs of colour -1, the ones, are left out.
    """
    values = inputs >= 0
    rows, columns = F.one_hot(outputs).double(), F.one_hot(inputs[values]).double()
    counts = torch.einsum("oihw,oc,ik->ckhw", mask[:, values].cpu().double(), rows, columns)
    # Numbers stay of order one however deep the network is.
    return counts / counts.sum().clamp(min=1)


def _through(layer: CausalConv2d, x: Tensor, outputs: Tensor, inputs: Tensor) -> Tensor:
    x = F.pad(x, (layer.behind, layer.ahead, layer.above, 0))
    return F.conv2d(x, _by_colour(layer.mask, outputs, inputs), stride=layer.stride)


def _at_pixel(layer: nn.Module, x: Tensor, outputs: Tensor, inputs: Tensor) -> Tensor:
    """Through a linear map of each pixel's features."""
    return F.conv2d(x, _by_colour(layer.mask[:, :, None, None], outputs, inputs))


def _kernel(
    name: str,
    layer: CausalConv2d,
    outputs: Tensor,
    inputs: Tensor,
    *,
    whole: bool = False,
    down: int = 0,
) -> Kernel:
    """How a layer looks around a pixel.

    whole: add the taps after the pixel, which are not stored; down: rows by which its output is shifted down.
    """
    taps = _by_colour(layer.mask, outputs, inputs).numpy() > 0
    if whole:
        below, right = layer.above, layer.behind - layer.ahead
        taps = np.pad(taps, ((0, 0), (0, 0), (0, below), (0, right)))
    return Kernel(name, -layer.above - down, -layer.behind, taps)


# -- the networks --------------------------------------------------------------------------------------------------


Walk = Iterator[
    tuple[Stage, Tensor]
]  # each stage with what a pixel would know if it were the last: (1, C, h, w)


def _pixelcnn(model: PixelCNN, image: Tensor) -> Walk:
    groups = channel_groups(model.channels, model.depth)
    known, inputs = torch.zeros(()), model.input_groups
    for number, layer in enumerate([model.first, *model.layers], 1):
        kernel = _kernel("", layer, groups, inputs, whole=True)
        source = image if number == 1 else known
        known = known + _through(layer, source, groups, inputs)
        inputs = groups
        yield (
            Stage(f"layer {number}", (kernel,), mask="A" if number == 1 else "B"),
            _through_head(model.head, known, groups),
        )


def _gated(model: GatedPixelCNN, above: Tensor, left: Tensor) -> Walk:
    groups, inputs = channel_groups(model.channels, model.depth), model.input_groups
    for number, layer in enumerate(model.layers, 1):
        both = groups.repeat(2)  # signals and gates
        down, beside = (
            _kernel("vertical stack", layer.vertical, both, inputs, down=1),
            _kernel("horizontal stack", layer.horizontal, both, inputs, whole=True),
        )
        above, left = _gated_layer(layer, above, left, groups, inputs)
        inputs = groups
        yield (
            Stage(f"layer {number}", (down, beside), mask="A" if number == 1 else "B"),
            _through_head(model.head, left, groups),
        )


def _gated_layer(
    layer: GatedLayer, above: Tensor, left: Tensor, groups: Tensor, inputs: Tensor
) -> tuple[Tensor, Tensor]:
    both = groups.repeat(2)
    above = _through(layer.vertical, above, both, inputs)
    moved = _through(layer.link, shift_down(above), both, both)
    known = _through(layer.horizontal, left, both, inputs) + moved
    known = _through(layer.mix, known, groups, groups)
    return above, known if layer.first else left + known


def _through_head(head: Head, known: Tensor, groups: Tensor) -> Tensor:
    """What the parameters of each channel are made of: (1, C, H, W)."""
    colours = torch.arange(head.depth).repeat_interleave(head.out.out_features // head.depth)
    return _at_pixel(head.out, _at_pixel(head.mix, known, groups, groups), colours, groups)


def _deepened(model: PixelCNN, known: Tensor) -> Tensor:
    """What is known after as many more layers as can add anything: with each a path gets on by a row or a column."""
    size, colours = model.kernel_size, torch.arange(model.depth)
    mask = convolution_mask(colours, colours, (size, size), strict=False)
    layer = CausalConv2d(mask[:, :, : size // 2 + 1])
    for _ in range(sum(model.size)):
        known = known + _through(layer, known, colours, colours)
    return known


# PixelCNN++: no feature belongs to one colour, so all have the number 0.


def _pixelcnnpp(model: PixelCNNpp, above: Tensor, left: Tensor, own: Tensor) -> Walk:
    features, inputs = _alike(model.channels), model.input_groups
    kernels = (
        _kernel("upper stream", model.first_above, features, inputs, down=1),
        _kernel("left stream", model.first_left, features, inputs, whole=True),
    )
    above = shift_down(_through(model.first_above, above, features, inputs))
    left = _through(model.first_left, left, features, inputs)

    def each(known: Tensor) -> Tensor:
        return known.expand(-1, model.depth, -1, -1)

    yield Stage("first layer", kernels, mask="A"), each(left)
    for stage, known in _resolution(model.network, above, left, 1):
        yield stage, each(known)
    if model.depth > 1:
        earlier = torch.ones(model.depth, model.depth, dtype=torch.float64).tril(-1)
        yield (
            Stage("channels", ()),
            each(known) + F.conv2d(own, earlier[:, :, None, None]),
        )


def _resolution(
    network: Resolution, above: Tensor, left: Tensor, factor: int
) -> Generator[tuple[Stage, Tensor], None, tuple[Tensor, Tensor]]:
    """The blocks down, those of lower resolutions, the blocks back; returns both streams."""
    kept = [(above, left)]
    for number, block in enumerate(network.down, 1):
        above, left = _block(block, above, left)
        kept.append((above, left))
        yield _stage(block, f"block {number} down", factor), left
    if network.lower is None:
        above, left = kept.pop()
    else:
        size = above.shape[2:]
        low = _within(network.halve_above, above), _within(network.halve_left, left)
        low = yield from _resolution(network.lower, *low, 2 * factor)
        above, left = (doubled(known.repeat(1, 4, 1, 1), size) for known in low)
    for number, block in enumerate(network.back, 1):
        above, left = _block(block, above, left, kept.pop())
        yield _stage(block, f"block {number} back", factor), left
    return above, left


def _stage(block: Block, name: str, factor: int) -> Stage:
    streams = {"upper stream": block.above.first, "left stream": block.left.first}
    kernels = (
        _kernel(stream, layer, _alike(layer.out_channels), _alike(layer.in_channels))
        for stream, layer in streams.items()
    )
    return Stage(name, tuple(kernels), factor)


def _block(
    block: Block, above: Tensor, left: Tensor, before: tuple[Tensor, Tensor] | None = None
) -> tuple[Tensor, Tensor]:
    above = _residual(block.above, above, None if before is None else before[0])
    return above, _residual(block.left, left, above if before is None else above + before[1])


def _residual(unit: GatedResidual, x: Tensor, beside: Tensor | None) -> Tensor:
    mixed = _within(unit.first, x)
    if beside is not None:
        mixed = mixed + _within(unit.beside, beside)
    return x + _within(unit.second, mixed)


def _within(layer: CausalConv2d, x: Tensor) -> Tensor:
    return _through(layer, x, _alike(layer.out_channels), _alike(layer.in_channels))


def _alike(features: int) -> Tensor:
    return torch.zeros(features, dtype=torch.int64)
