"""The walk over the pixels of an image that cached decoders share."""

from __future__ import annotations

import torch
from torch import Tensor

from ..decoder import Decoder

__all__ = ["PixelDecoder"]


class PixelDecoder(Decoder):
    """Raster order, a column of features a step: a kind says what begins with a row and what a pixel computes.

    A pixel's column is computed again for each of its channels, with one channel more known each time; the last time
    is the one that later pixels see.
    """

    # False where no feature of a pixel depends on the pixel's own channels.
    recomputes_channels = True

    def _start(self) -> None:
        self._depth, self._height, self._width = self.model.event_shape
        self._scale = 2 / (self.model.levels - 1)
        self._weigh()
        self._clear()
        self._begin_row(0)
        self._params_of_pixel = self._compute_pixel(0, 0)

    def _params(self) -> Tensor:
        if self._depth == 1:
            return self._params_of_pixel
        return self._params_of_pixel.unflatten(-1, (self._depth, -1))[:, self.t % self._depth]

    def _observed(self, x_t: Tensor) -> None:
        pixel, channel = divmod(self.t - 1, self._depth)
        row, column = divmod(pixel, self._width)
        self._write(column, channel, x_t)
        if self.t == self.model.num_variables:
            return
        if channel < self._depth - 1:
            if not self.recomputes_channels:
                return
        else:
            column += 1
            if column == self._width:
                row, column = row + 1, 0
                self._begin_row(row)
        self._params_of_pixel = self._compute_pixel(row, column)

    def _restart(self, values: Tensor, t: int) -> None:
        """The rows that are complete in one parallel pass, the rest of the pixels one by one."""
        self._clear()
        row, column = divmod(t // self._depth, self._width)
        if row == self._height:
            return
        if row > 0:
            size = self._depth * self._width * row
            above = values[:, :size].view(self.n, row, self._width, self._depth)
            self._load(above.permute(0, 3, 1, 2))
        self._begin_row(row)
        first = row * self._width * self._depth
        for place in range(column + 1):
            for channel in range(self._depth):
                step = first + place * self._depth + channel
                if step < t:
                    self._write(place, channel, values[:, step])
            self._params_of_pixel = self._compute_pixel(row, place)

    def _write(self, column: int, channel: int, x_t: Tensor) -> None:
        """Take a value (n,) of the current row: `model.scaled`, where it is to stand."""
        cell = self._cell(column).select(1, channel)
        cell.copy_(x_t).mul_(self._scale).sub_(1)

    # -- what a kind says ----------------------------------------------------------------------------------------

    def _weigh(self) -> None:
        """The weights in the shape that the steps need; they stay the same."""
        raise NotImplementedError

    def _clear(self) -> None:
        """A state that has seen nothing."""
        raise NotImplementedError

    def _load(self, x: Tensor) -> None:
        """The state when the rows of x (n, C, rows, W) are complete and the next has not begun."""
        raise NotImplementedError

    def _begin_row(self, row: int) -> None:
        """Everything that the rows above add to the pixels of this one."""
        raise NotImplementedError

    def _cell(self, column: int) -> Tensor:
        """Where the values of a pixel of the current row enter the network, (n, C + 1)."""
        raise NotImplementedError

    def _compute_pixel(self, row: int, column: int) -> Tensor:
        """The parameters (n, C P) of a pixel, and what later pixels need of it."""
        raise NotImplementedError


def rows_last(x: Tensor) -> Tensor:
    """(n, F, H, W) as (n, H, W, F)."""
    return x.permute(0, 2, 3, 1)


def row_of(bias: Tensor | None, row: int) -> Tensor | None:
    """Of biases (n or 1, F, H or 1, W or 1), or (F, H, W), those of one row: (n or 1, W or 1, F)."""
    if bias is None:
        return None
    if bias.dim() == 3:
        bias = bias.unsqueeze(0)
    return bias[:, :, row if bias.shape[2] > 1 else 0].transpose(1, 2)


class HeadStep:
    """The two linear maps of a `Head` for one pixel at a time: (n, F) to (n, C P)."""

    def __init__(self, head: torch.nn.Module) -> None:
        self.mix = head.mix.bias, head.mix.masked_weight().T.contiguous()
        self.out = head.out.bias, head.out.masked_weight().T.contiguous()

    def __call__(self, known: Tensor) -> Tensor:
        mixed = torch.addmm(self.mix[0], known.relu(), self.mix[1]).relu_()
        return torch.addmm(self.out[0], mixed, self.out[1])
