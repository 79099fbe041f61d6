"""The cached decoder of Gated PixelCNN: the vertical stack a row at a time, the horizontal one a pixel at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..layers import gate
from .conditioning import halves
from .pixel_decoder import HeadStep, PixelDecoder, row_of, rows_last
from .pixelcnn_decoder import first_rows
from .row_cache import RowCache

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
        self._links = [layer.link.weight.flatten(1).T.contiguous() for layer in layers]
        self._mix = [
            (layer.mix.bias, layer.mix.masked_weight().flatten(1).T.contiguous())
            for layer in layers
        ]
        self._head = HeadStep(self.model.head)
        self._given = [halves(bias) for bias in self.model.given(self.context)]

    def _clear(self) -> None:
        for cache in [*self._above, *self._left]:
            cache.clear()

    def _load(self, x: Tensor) -> None:
        """All rows but the last: `_begin_row` brings that one through the vertical stack."""
        rows = x.shape[2]
        image = self.model.image(x)
        given = self.model.given(self.context)
        given = [bias if bias is None else first_rows(bias, rows) for bias in given]
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
            given = row_of(bias, row)
            cache.look_up(link if given is None else given if link is None else link + given)
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

    def _write(self, column: int, channel: int, x_t: Tensor) -> None:
        self._left[0].cells[column][:, channel] = self.model.scaled(x_t)

    def _compute_pixel(self, row: int, column: int) -> Tensor:
        known = None
        for cache, (bias, weight) in zip(self._left, self._mix, strict=True):
            if known is not None:
                cache.cells[column].copy_(known)
            gated = gate(cache.at(column), -1)
            mixed = torch.addmm(bias, gated, weight)
            known = mixed if known is None else known + mixed
        return self._head(known)
