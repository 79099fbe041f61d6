"""In which order the variables are drawn: permutations of flat positions.

An ordering is a LongTensor (T,): entry t is the flat position, in storage layout (C, H, W), of the variable
drawn at step t. The named orderings permute pixels and keep the channels of a pixel together, in order; in a
sequence of vectors (T, V) they permute the steps and keep each vector together.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = [
    "hilbert",
    "hole_last",
    "make_ordering",
    "random",
    "raster",
    "reverse",
    "shuffled",
    "spiral",
    "subscale",
]


def make_ordering(ordering: str | Sequence[int] | Tensor, event_shape: Sequence[int]) -> Tensor:
    """The permutation (T,) for a name ("raster", "reverse", "spiral", "hilbert", "random", "random(7)", "subscale",
    "subscale(2)") or a permutation of one's own. Raises ValueError for anything else.

    >>> make_ordering("reverse", (1, 2, 2))
    tensor([3, 2, 1, 0])
    """
    if not isinstance(ordering, str):
        return _own(ordering, math.prod(event_shape))
    if ordering in _NAMED:
        return _NAMED[ordering](event_shape)
    match = re.fullmatch(r"(random|subscale)\((\d+)\)", ordering)
    if match:
        return _NAMED[match[1]](event_shape, int(match[2]))
    raise ValueError(
        f"unknown ordering {ordering!r}; known are {', '.join(_NAMED)}, random(SEED), subscale(FACTOR), "
        "or a permutation of 0..T-1"
    )


def raster(event_shape: Sequence[int]) -> Tensor:
    """Row by row from the top left, as one reads: ordering[t] = (t % C) * H * W + t // C."""
    return _with_channels(torch.arange(_num_pixels(event_shape)), event_shape)


def reverse(event_shape: Sequence[int]) -> Tensor:
    """Raster backwards, from the last pixel to the first."""
    return _with_channels(torch.arange(_num_pixels(event_shape)).flip(0), event_shape)


def random(event_shape: Sequence[int], seed: int = 0) -> Tensor:
    """A permutation of the pixels fixed by the seed."""
    return shuffled(event_shape, torch.Generator().manual_seed(seed))


def shuffled(event_shape: Sequence[int], generator: torch.Generator | None = None) -> Tensor:
    """The generator's next permutation of the pixels, all equally likely; of torch's global generator without one."""
    return _with_channels(
        torch.randperm(_num_pixels(event_shape), generator=generator, device="cpu"), event_shape
    )


def spiral(event_shape: Sequence[int]) -> Tensor:
    """Clockwise from the top left corner along the border, then inwards ring by ring."""
    height, width = _image_size("spiral", event_shape)
    # Each pixel's ring, then its place along that ring.
    keys = []
    for row in range(height):
        for column in range(width):
            ring = min(row, column, height - 1 - row, width - 1 - column)
            h, w = height - 2 * ring, width - 2 * ring  # the ring's own size
            r, c = row - ring, column - ring
            if r == 0:
                along = c
            elif c == w - 1:
                along = w - 1 + r
            elif r == h - 1:
                along = (w - 1) + (h - 1) + (w - 1 - c)
            else:
                along = 2 * (w - 1) + (h - 1) + (h - 1 - r)
            keys.append((ring, along))
    pixels = sorted(range(height * width), key=keys.__getitem__)
    return _with_channels(torch.tensor(pixels), event_shape)


def hilbert(event_shape: Sequence[int]) -> Tensor:
    """Along Hilbert's curve, on which neighbouring steps are neighbouring pixels.

    Where a side is no power of two, the curve is that of the enclosing square and points outside are skipped.
    Source: D. Hilbert, "Ueber die stetige Abbildung einer Linie auf ein Flaechenstueck", 1891.
    """
    height, width = _image_size("hilbert", event_shape)
    side = 1 << (max(height, width) - 1).bit_length()
    points = (_hilbert_point(step, side) for step in range(side * side))
    pixels = [row * width + column for row, column in points if row < height and column < width]
    return _with_channels(torch.tensor(pixels), event_shape)


def subscale(event_shape: Sequence[int], factor: int = 2) -> Tensor:
    """A sequence of factor^2 interleaved sub-images: first every factor-th pixel of every factor-th row, a small copy
    of the image; then the same grid moved by a column, and so on. Each sub-image is drawn in raster order.

    Source: J. Menick, N. Kalchbrenner, "Generating High Fidelity Images with Subscale Pixel Networks and
    Multidimensional Upscaling", 2019. The sub-images come one after the other, each given those before: the order alone
    draws nothing in parallel.

    Raises ValueError for a factor below 1 or above a side of the image.

    >>> subscale((1, 4, 4)).view(4, 4)
    tensor([[ 0,  2,  8, 10],
            [ 1,  3,  9, 11],
            [ 4,  6, 12, 14],
            [ 5,  7, 13, 15]])
    """
    height, width = _image_size("subscale", event_shape)
    if not 1 <= factor <= min(height, width):
        raise ValueError(
            f"the factor of subscale must be from 1 to {min(height, width)}, the image's shorter side, got {factor}"
        )
    pixels = torch.arange(height * width).view(height, width)
    offsets = [(row, column) for row in range(factor) for column in range(factor)]
    parts = [pixels[row::factor, column::factor].flatten() for row, column in offsets]
    return _with_channels(torch.cat(parts), event_shape)


def hole_last(mask: Tensor) -> Tensor:
    """An ordering for completion: what is known first, what is missing last, each in storage layout's order.

    A model that draws in it sees every known value when it comes to the hole, so that its completions are draws of its
    p(hole | known).

    Args:
        mask: bool, of the shape of one event, True where a value is known.

    Returns:
        (T,) int64, a permutation of the flat positions.

    Raises:
        TypeError: the mask is no tensor of bool.

    >>> hole_last(torch.tensor([[[True, False], [False, True]]]))
    tensor([0, 3, 1, 2])
    """
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        raise TypeError(f"mask must be a tensor of bool, got {getattr(mask, 'dtype', type(mask))}")
    return (~mask).flatten().cpu().int().argsort(stable=True)


def _hilbert_point(step: int, side: int) -> tuple[int, int]:
    """(row, column) of a step on the curve: the quadrant is read off two bits at a time, innermost first."""
    row = column = 0
    size = 1
    while size < side:
        right, down = 1 & (step // 2), 1 & (step ^ (step // 2))
        if down == 0:  # the curve in this quadrant is transposed, and in one of them turned round
            if right == 1:
                row, column = size - 1 - row, size - 1 - column
            row, column = column, row
        column += size * right
        row += size * down
        step //= 4
        size *= 2
    return row, column


def _own(ordering: Sequence[int] | Tensor, size: int) -> Tensor:
    try:
        tensor = torch.as_tensor(ordering)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"an ordering is a name or a flat list of integers, got {ordering!r}"
        ) from error
    if tensor.is_floating_point() or tensor.dtype == torch.bool or tensor.dim() != 1:
        raise ValueError(
            f"an ordering is a flat list of integers, got {tensor.dtype} of shape {tuple(tensor.shape)}"
        )
    if not torch.equal(tensor.sort().values.cpu(), torch.arange(size, dtype=tensor.dtype)):
        raise ValueError(
            f"an ordering must contain each of 0..{size - 1} once, got {tensor.tolist()[:8]}..."
        )
    return tensor.to("cpu", torch.int64, copy=True)


def _num_pixels(event_shape: Sequence[int]) -> int:
    return math.prod(event_shape) // _num_channels(event_shape)


def _num_channels(event_shape: Sequence[int]) -> int:
    """Variables that belong together: an image's channels (C, H, W), the vector of a step (T, V)."""
    return {2: event_shape[-1], 3: event_shape[0]}.get(len(event_shape), 1)


def _with_channels(pixels: Tensor, event_shape: Sequence[int]) -> Tensor:
    """Flat positions for a sequence of pixels: each pixel's channels one after the other."""
    channels = torch.arange(_num_channels(event_shape))
    if len(event_shape) == 2:  # (T, V): the channels of a step lie side by side
        return (pixels.unsqueeze(1) * len(channels) + channels).flatten()
    return (pixels.unsqueeze(1) + channels * len(pixels)).flatten()


def _image_size(name: str, event_shape: Sequence[int]) -> tuple[int, int]:
    if len(event_shape) != 3:
        raise ValueError(
            f"the {name} ordering needs an image event (C, H, W), got {tuple(event_shape)}"
        )
    return event_shape[1], event_shape[2]


_NAMED = {
    "raster": raster,
    "reverse": reverse,
    "spiral": spiral,
    "hilbert": hilbert,
    "random": random,
    "subscale": subscale,
}
