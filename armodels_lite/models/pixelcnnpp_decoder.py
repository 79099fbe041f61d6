"""The cached decoder of PixelCNN++: the upper stream a row at a time, the left one a pixel at a time, each resolution
only where it has pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from ..decoder import Decoder
from .conditioning import halves
from .pixel_decoder import PixelDecoder, row_of
from .resolution_cache import ResolutionCache
from .row_cache import RowCache

if TYPE_CHECKING:
    from .pixelcnnpp import PixelCNNpp

__all__ = ["PixelCNNppDecoder"]


class PixelCNNppDecoder(PixelDecoder):
    """State: the caches of the first layer and of the network, and the network's output at the current pixel."""

    state = ("x", "_first", "_network", "_params_of_pixel")
    recomputes_channels = False  # no feature of a pixel depends on its own channels
    model: PixelCNNpp

    def _weigh(self) -> None:
        model = self.model
        firsts = model.first_above, model.first_left
        self._first = [RowCache(conv, self.n, self._width) for conv in firsts]
        self._given, *given = model.given(self.context)
        self._network = ResolutionCache(model.network, self.n, self._width, iter(given))
        self._nothing = model.first_above.weight.new_zeros(self.n, self._width, model.channels)
        self._out = model.out.bias, model.out.weight.T

    def _clear(self) -> None:
        """The caches are new."""

    def _restart(self, values: Tensor, t: int) -> None:
        """Pixel by pixel: to fill the caches of all resolutions from a parallel pass would need code of its own."""
        Decoder._restart(self, values, t)

    def _begin_row(self, row: int) -> None:
        for_above, for_left = (row_of(bias, row) for bias in halves(self._given))
        above, left = self._first
        if row > 0:
            above.begin_row()
            above.row.copy_(left.row)
        before = above.whole_row() if row > 0 else self._nothing
        left.begin_row()
        left.look_up(for_left)
        left.row[..., -1] = 1
        self._network.begin_row(row, before if for_above is None else before + for_above)

    def _cell(self, column: int) -> Tensor:
        return self._first[1].cells[column]

    def _compute_pixel(self, row: int, column: int) -> Tensor:
        known = self._network.at(row, column, self._first[1].at(column))
        return torch.addmm(self._out[0], F.elu(known), self._out[1])

    def _params(self) -> Tensor:
        if self._depth == 1:
            return self._params_of_pixel
        pixel, channel = divmod(self.t, self._depth)
        values = self.x.view(self.n, self._depth, self._height * self._width)[..., pixel]
        return self.model.channel_params(self._params_of_pixel, values, channel + 1)[:, channel]
