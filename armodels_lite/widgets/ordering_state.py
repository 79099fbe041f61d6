"""An ordering of an image's pixels, and how many neighbours of each pixel are known when its turn comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ..orderings import make_ordering

__all__ = ["OrderFrame", "Ordering", "PixelOrder", "image_shape"]

MOST_SIDE = 32  # rows or columns: more would be too small to see
AROUND = [(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1) if (r, c) != (0, 0)]

Ordering = str | Sequence[int] | Tensor


class PixelOrder:
    """In which order the pixels of an image are drawn, and how many neighbours of each are known by then.

    A pixel has up to 8 neighbours, those that share a side or a corner with it: 5 at the border, 3 in a corner.

    Args:
        name: what the ordering is called.
        ordering: a name or a permutation of the flat positions 0..C*H*W-1, see `make_ordering`.
        event_shape: (C, H, W). The walk is over pixels: the C channels of a pixel are drawn together.

    Attributes:
        kind: "raster", "random" and so on, None for a permutation of one's own.
        pixels: int64 (T,) with T = H*W, the flat pixel row * W + column drawn at each step.
        ranks: int64 (H, W), the step at which each pixel is drawn.
        known: int64 (T,), how many neighbours of the pixel of step t are drawn before it.
        around: int64 (T,), how many neighbours it has.

    Raises:
        ValueError: the event is no image, or no such ordering exists, or it takes a pixel's channels apart.

    >>> order = PixelOrder("raster", "raster", (1, 3, 3))
    >>> order.known.tolist()
    [0, 1, 1, 2, 4, 3, 2, 4, 3]
    """

    def __init__(self, name: str, ordering: Ordering, event_shape: Sequence[int]) -> None:
        self.name, self.event_shape = name, image_shape(event_shape)
        channels, self.height, self.width = self.event_shape
        count = self.height * self.width
        pixels = make_ordering(ordering, self.event_shape).numpy().reshape(count, channels) % count
        if (pixels != pixels[:, :1]).any():
            raise ValueError(
                f"ordering {name!r} takes the channels of a pixel apart; here the {channels} channels of a pixel "
                "must follow one another"
            )
        self.pixels = pixels[:, 0]
        self.kind = ordering.split("(")[0] if isinstance(ordering, str) else None
        self.ranks = np.empty((self.height, self.width), dtype=np.int64)
        self.ranks.flat[self.pixels] = np.arange(count)
        padded = np.pad(self.ranks, 1, constant_values=count)  # outside the image: never drawn
        shape = self.ranks.shape
        near = np.stack([padded[1 + r :, 1 + c :][: shape[0], : shape[1]] for r, c in AROUND])
        self.known = (near < self.ranks).sum(0).flat[self.pixels]
        self.around = (near < count).sum(0).flat[self.pixels]

    def __len__(self) -> int:
        return len(self.pixels)

    def place(self, step: int) -> tuple[int, int]:
        """(row, column) of the pixel of a step, counted from 0."""
        row, column = divmod(int(self.pixels[step]), self.width)
        return row, column


@dataclass(frozen=True, eq=False)
class OrderFrame:
    """One step of an ordering; `order.known[step]` neighbours of its pixel are known."""

    order: PixelOrder
    step: int

    @property
    def ages(self) -> list[int]:
        """How many steps ago each known neighbour was drawn, the latest first."""
        row, column = self.order.place(self.step)
        window = self.order.ranks[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        return sorted(int(self.step - rank) for rank in window.flat if rank < self.step)


def image_shape(event_shape: Sequence[int]) -> tuple[int, int, int]:
    """(C, H, W); ValueError for what is no image, has one pixel only or is too large to draw."""
    shape = tuple(event_shape) if isinstance(event_shape, Sequence) else ()
    whole = all(isinstance(size, int) and not isinstance(size, bool) for size in shape)
    if len(shape) != 3 or not whole or min(shape) < 1 or not 2 <= shape[1] * shape[2]:
        raise ValueError(
            f"event_shape must be that of an image, (C, H, W) with at least 2 pixels, got {event_shape!r}"
        )
    if max(shape[1:]) > MOST_SIDE:
        raise ValueError(
            f"at most {MOST_SIDE} rows and columns can be drawn, got event_shape {shape}"
        )
    return shape
