"""The caches of PixelCNN++'s network: of a block with its two streams, and of a resolution.

The upper stream is final for a whole row when the row begins, so its blocks pass over rows. The left stream passes over
pixels. A lower resolution has a row for every second row and a pixel for every second pixel; what it gives back to four
pixels is kept until they have used it.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from ..layers import CausalConv2d
from .conditioning import halves, plus
from .pixel_decoder import row_of
from .row_cache import RowCache, share_room

if TYPE_CHECKING:
    from .pixelcnnpp import Block, Resolution

__all__ = ["ResolutionCache"]


class ResolutionCache:
    """One resolution of the network: its blocks, and the cache of the next lower one.

    Args:
        resolution: whose weights are copied.
        n, width: number of images, and of pixels in a row at this resolution.
        given: yields the biases of one block after the other.
    """

    def __init__(
        self, resolution: Resolution, n: int, width: int, given: Iterator[Tensor | None]
    ) -> None:
        self.down = [BlockCache(block, n, width, next(given)) for block in resolution.down]
        self.lower = None
        if resolution.lower is not None:
            self.halve = [
                RowCache(conv, n, width) for conv in (resolution.halve_above, resolution.halve_left)
            ]
            half = -(-width // 2)
            every_second = (bias if bias is None else bias[..., ::2, ::2] for bias in given)
            self.lower = ResolutionCache(resolution.lower, n, half, every_second)
            self._double = [
                pointwise(conv) for conv in (resolution.double_above, resolution.double_left)
            ]
            features = resolution.double_above.in_channels
            # Both streams of two rows, as the lower resolution gives them back.
            self._back = resolution.double_above.weight.new_zeros(2, n, 2, 2 * half, features)
        self.back = [BlockCache(block, n, width, next(given)) for block in resolution.back]

    def clone(self) -> ResolutionCache:
        """An independent copy; the weights are shared."""
        twin = copy.copy(self)
        twin.down = [cache.clone() for cache in self.down]
        twin.back = [cache.clone() for cache in self.back]
        if self.lower is not None:
            twin.halve = [cache.clone() for cache in self.halve]
            twin.lower, twin._back = self.lower.clone(), self._back.clone()
        return twin

    def begin_row(self, row: int, above: Tensor) -> Tensor:
        """Bring the upper stream's row (n, W, F) through, and prepare the left stream; returns the row at the end."""
        kept = [above]
        for cache in self.down:
            above = cache.begin_row(row, above)
            kept.append(above)
        if self.lower is None:
            above = kept.pop()
        else:
            above = self._begin_lower_row(row, above)
        for cache in self.back:
            above = cache.begin_row(row, above, kept.pop())
        return above

    def _begin_lower_row(self, row: int, above: Tensor) -> Tensor:
        for cache in self.halve:
            cache.begin_row()
        self.halve[0].row.copy_(above)
        if row % 2 == 0:
            self.halve[1].look_up()
            below = self.lower.begin_row(row // 2, self.halve[0].whole_row())
            bias, weight = self._double[0]
            four = (below @ weight + bias).unflatten(-1, (-1, 2, 2))  # (n, w, F, 2, 2)
            self._back[0] = four.permute(0, 3, 1, 4, 2).flatten(2, 3)
        return self._back[0, :, row % 2, : above.shape[1]]

    def at(self, row: int, column: int, left: Tensor) -> Tensor:
        """Bring the left stream's pixel (n, F) through."""
        kept = [left]
        for cache in self.down:
            left = cache.at(column, left)
            kept.append(left)
        if self.lower is None:
            left = kept.pop()
        else:
            left = self._at_lower(row, column, left)
        for cache in self.back:
            left = cache.at(column, left, kept.pop())
        return left

    def _at_lower(self, row: int, column: int, left: Tensor) -> Tensor:
        self.halve[1].cells[column].copy_(left)
        if row % 2 == 0 and column % 2 == 0:
            half = column // 2
            below = self.lower.at(row // 2, half, self.halve[1].at(half))
            bias, weight = self._double[1]
            four = torch.addmm(bias, below, weight).unflatten(-1, (-1, 2, 2))
            self._back[1, :, :, column : column + 2] = four.permute(0, 2, 3, 1)
        return self._back[1, :, row % 2, column]


class BlockCache:
    """A block: two convolutions in either stream, and what stands beside between them.

    The rows of the upper stream enter `begin_row`, which also prepares the left stream; its pixels enter `at`.
    """

    def __init__(self, block: Block, n: int, width: int, bias: Tensor | None) -> None:
        self._given = halves(bias)
        self.convs = [
            RowCache(conv, n, width)
            for stream in (block.above, block.left)
            for conv in (stream.first, stream.second)
        ]
        share_room(self.convs)
        self._above_beside = None if block.above.beside is None else pointwise(block.above.beside)
        bias, weight = pointwise(block.left.beside)
        features = block.left.first.in_channels
        self._from_above = bias, weight[:features]
        self._from_short_cut = weight[features:]
        self._gates = weight.new_empty(n, 2 * features)  # working memory
        self._signal, self._opening = self._gates.chunk(2, 1)

    def clone(self) -> BlockCache:
        """An independent copy; the weights are shared."""
        twin = copy.copy(self)
        twin.convs = [cache.clone() for cache in self.convs]
        return twin

    def begin_row(self, row: int, above: Tensor, before: Tensor | None = None) -> Tensor:
        """The upper stream's row (n, W, F) and its short cut, through the block."""
        first, second, *left = self.convs
        for_above, for_left = (row_of(bias, row) for bias in self._given)
        for cache in self.convs:
            cache.begin_row()
        F.elu_(first.row.copy_(above))
        mixed = plus(first.whole_row(), for_above)
        if before is not None:
            bias, weight = self._above_beside
            mixed = mixed + (bias + F.elu(before) @ weight)
        F.elu_(second.row.copy_(mixed))
        signal, opening = second.whole_row().chunk(2, -1)
        above = above + signal * opening.sigmoid()
        bias, weight = self._from_above
        left[0].look_up(plus(bias + F.elu(above) @ weight, for_left))
        left[1].look_up()
        return above

    def at(self, column: int, known: Tensor, before: Tensor | None = None) -> Tensor:
        """The left stream's pixel (n, F) and its short cut, through the block."""
        _, _, first, second = self.convs
        F.elu_(first.cells[column].copy_(known))
        mixed = first.at(column)
        if before is not None:
            mixed = torch.addmm(mixed, F.elu(before), self._from_short_cut)
        F.elu_(second.cells[column].copy_(mixed))
        second.at(column, out=self._gates)
        return torch.addcmul(known, self._signal, self._opening.sigmoid_())


def pointwise(conv: CausalConv2d) -> tuple[Tensor, Tensor]:
    """Bias (F,) and weight (C, F) of a convolution 1 x 1."""
    return conv.bias, conv.masked_weight().flatten(1).T.contiguous()
