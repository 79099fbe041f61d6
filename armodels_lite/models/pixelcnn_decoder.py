"""The cached decoder of PixelCNN: each layer keeps the rows that its kernels still look at.

A naive step runs the whole network over the whole image. Here a step computes one column of features: at the layer
below, all that a pixel's taps see is known already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .pixel_decoder import HeadStep, PixelDecoder, row_of, rows_last
from .row_cache import RowCache, share_room

if TYPE_CHECKING:
    from .pixelcnn import PixelCNN

__all__ = ["PixelCNNDecoder", "first_rows"]


class PixelCNNDecoder(PixelDecoder):
    """State: of each layer a `RowCache` over its input, the first over values and ones."""

    state = ("x", "_caches", "_params_of_pixel")
    model: PixelCNN

    def _weigh(self) -> None:
        model = self.model
        convs = [model.first, *model.layers]
        self._caches = [RowCache(conv, self.n, self._width) for conv in convs]
        share_room(self._caches)
        # Working memory. Given as `out`, it keeps its dtype under autocast, which operations in place rely on.
        self._known = self._caches[0].above.new_empty(self.n, model.channels)
        self._head = HeadStep(model.head)
        self._given = model.given(self.context)

    def _clear(self) -> None:
        for cache in self._caches:
            cache.clear()

    def _load(self, x: Tensor) -> None:
        image = self.model.image(x)
        given = [bias if bias is None else first_rows(bias, x.shape[2]) for bias in self._given]
        _, inputs = self.model.pass_through(image, given)
        for cache, below in zip(self._caches, [image, *inputs], strict=True):
            cache.load(rows_last(below))

    def _begin_row(self, row: int) -> None:
        below = None
        for cache, bias in zip(self._caches, self._given, strict=True):
            cache.begin_row()
            cache.look_up(row_of(bias, row))
            if below is not None:  # each layer adds to what the one below it knows
                cache.above += below.above
            below = cache
        self._caches[0].row[..., -1] = 1

    def _cell(self, column: int) -> Tensor:
        return self._caches[0].cells[column]

    def _compute_pixel(self, row: int, column: int) -> Tensor:
        first, *caches = self._caches
        known, above = first.own(column, out=self._known), first.starts[column]
        for cache in caches:
            torch.add(known, above, out=cache.cells[column]).relu_()
            cache.add_own(column, known)
            above = cache.starts[column]
        return self._head(known + above)


def first_rows(bias: Tensor, count: int) -> Tensor:
    """Biases of the first rows alone."""
    return bias[..., :count, :] if bias.shape[-2] > 1 else bias
