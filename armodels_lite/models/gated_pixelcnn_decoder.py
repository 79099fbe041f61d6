"""The cached decoder of Gated PixelCNN: the vertical stack a row at a time, the horizontal one a pixel at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..layers import gate
from .conditioning import halves
from .pixel_decoder import HeadStep, PixelDecoder, row_of, rows_last
from .pixelcnn_decoder import first_rows
from .row_cache import RowCache, share_room

if TYPE_CHECKING:
    from .gated_pixelcnn import GatedPixelCNN

__all__ = ["GatedPixelCNNDecoder"]


class GatedPixelCNNDecoder(PixelDecoder):
    """State: of each layer a `RowCache` in either stack.

    When a row begins, the vertical stack passes over the row before it, now complete. What it hands down is final for
    the whole row, so all that is left for a pixel are the taps to its left.
    """

    state = ("x", "_above", "_left", "_params_of_pixel")
    model: GatedPixelCNN

    def _weigh(self) -> None:
        layers = self.model.layers
        self._above = [RowCache(layer.vertical, self.n, self._width) for layer in layers]
        self._left = [RowCache(layer.horizontal, self.n, self._width) for layer in layers]
        share_room([*self._above, *self._left])
        self._links = [layer.link.weight.flatten(1).T.contiguous() for layer in layers]
        # The last row is the bias: it meets the ones that `_with_one` ends with.
        self._mix = [
            torch.cat([layer.mix.masked_weight().flatten(1).T, layer.mix.bias.unsqueeze(0)])
            for layer in layers
        ]
        self._make_room()
        self._head = HeadStep(self.model.head)
        self._biases = self.model.given(self.context)
        self._given = [halves(bias) for bias in self._biases]

    def _make_room(self) -> None:
        """Working memory that each layer of each pixel fills anew."""
        channels, like = self.model.channels, self._mix[0]
        self._mixed = like.new_empty(self.n, 2 * channels)
        self._halves = self._mixed.chunk(2, 1)
        self._with_one = like.new_ones(self.n, channels + 1)
        self._gated = self._with_one[:, :channels]
        self._nothing = like.new_zeros(self.n, channels)

    def _clear(self) -> None:
        for cache in [*self._above, *self._left]:
            cache.clear()

    def _load(self, x: Tensor) -> None:
        """All rows but the last: `_begin_row` brings that one through the vertical stack."""
        rows = x.shape[2]
        image = self.model.image(x)
        given = [bias if bias is None else first_rows(bias, rows) for bias in self._biases]
        _, above, left = self.model.pass_through(image, given)
        for cache, below in zip(self._above, above, strict=True):
            cache.load(rows_last(below[:, :, :-1]))
        for cache, below in zip(self._left, left, strict=True):
            cache.load(rows_last(below))

    def _begin_row(self, row: int) -> None:
        links: list[Tensor | None] = [None] * len(self._left)
        if row > 0:
            links = self._pass_down(row - 1)
        for cache, link, (_, bias) in zip(self._left, links, self._given, strict=True):
            cache.begin_row()
            cache.look_up(link)
            if bias is not None:
                cache.above += row_of(bias, row)
        self._left[0].row[..., -1] = 1

    def _pass_down(self, row: int) -> list[Tensor]:
        """What each layer of the vertical stack, having seen this row too, adds to the row below it."""
        below, links = self._left[0].row.clone(), []
        for cache, link, (bias, _) in zip(self._above, self._links, self._given, strict=True):
            cache.begin_row()
            cache.row.copy_(below)
            outputs = cache.whole_row()
            links.append(outputs @ link)
            bias = row_of(bias, row)
            below = gate(outputs if bias is None else outputs + bias, -1)
        return links

    def _cell(self, column: int) -> Tensor:
        return self._left[0].cells[column]

    def _compute_pixel(self, row: int, column: int) -> Tensor:
        signal, opening = self._halves
        known, afters = self._nothing, [*self._left[1:], None]
        for cache, weight, after in zip(self._left, self._mix, afters, strict=True):
            cache.at(column, out=self._mixed)
            torch.mul(signal.tanh_(), opening.sigmoid_(), out=self._gated)
            room = None if after is None else after.cells[column]
            known = torch.addmm(known, self._with_one, weight, out=room)
        return self._head(known)
