"""One causal convolution, walked row by row and pixel by pixel: what the cached decoders of images are made of."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from ..layers import CausalConv2d

__all__ = ["RowCache"]


class RowCache:
    """The last rows of a convolution's input, and its output for one pixel, or one row, at a time.

    What the rows above add to the pixels of a row is final when the row begins: one matrix product finds it for the
    whole row. A pixel then needs the taps of its own row alone. They lie side by side in memory, so that the second
    product takes them as they are; nothing is gathered.

    Views of memory are made once and used in every row, since to make one costs as much as a small product.

    Args:
        conv: the layer; its weights are copied.
        n: number of images.
        width: of its input.
    """

    def __init__(self, conv: CausalConv2d, n: int, width: int) -> None:
        weight = conv.masked_weight().permute(2, 3, 1, 0)  # (rows, columns, C, F)
        own = conv.behind + 1
        self._from_all = weight.reshape(-1, weight.shape[-1])
        self._from_above = weight[:-1].reshape(-1, weight.shape[-1])
        self._from_own = weight[-1, :own].reshape(-1, weight.shape[-1])
        self._bias = conv.bias
        self._conv, self._width, self._outputs = conv, width, -(-width // conv.stride[0])
        padded = conv.behind + width + conv.ahead
        self._rows = weight.new_zeros(n, conv.above + 1, padded, weight.shape[2])
        self._above = weight.new_zeros(n, self._outputs, weight.shape[-1])
        self._make_views()

    def _make_views(self) -> None:
        rows, conv = self._rows, self._conv
        behind, stride = conv.behind, conv.stride[0]
        self.cells = [rows[:, -1, behind + j] for j in range(self._width)]  # (n, C) each, to be written to
        starts = range(0, self._width, stride)
        self._windows = [rows[:, -1, j : j + behind + 1].flatten(1) for j in starts]
        self._starts = [self._above[:, j] for j in range(self._outputs)]
        self.row = rows[:, -1, behind : behind + self._width]  # (n, W, C), to be written to

    def clone(self) -> RowCache:
        """An independent copy; the weights are shared."""
        twin = copy.copy(self)
        twin._rows, twin._above = self._rows.clone(), self._above.clone()
        twin._make_views()
        return twin

    def clear(self) -> None:
        """As if nothing had been seen."""
        self._rows.zero_()

    def load(self, rows: Tensor) -> None:
        """Take the last of the complete rows (n, R, W, C), R at least 0, as those before the row that begins next."""
        self.clear()
        known = min(rows.shape[1], self._rows.shape[1])
        if known:
            behind = self._conv.behind
            self._rows[:, -known:, behind : behind + self._width] = rows[:, -known:]

    def begin_row(self) -> None:
        """What was the own row is now the one above; the own row is empty."""
        self._rows[:, :-1] = self._rows[:, 1:].clone()
        self._rows[:, -1] = 0

    def look_up(self, given: Tensor | None = None) -> None:
        """Find what the rows above add to each pixel of this row; `given` (n or 1, W or 1, F) joins."""
        if self._conv.above:
            self._above.copy_(self._products(self._conv.above, self._from_above))
        else:
            self._above.zero_()
        if self._bias is not None:
            self._above += self._bias
        if given is not None:
            self._above += given

    def at(self, j: int) -> Tensor:
        """The output (n, F) number j of this row, its own and the left cells being filled in."""
        return torch.addmm(self._starts[j], self._windows[j], self._from_own)

    def whole_row(self) -> Tensor:
        """The outputs (n, W, F) of a row that is filled in, for kernels that look ahead in their own row."""
        outputs = self._products(self._conv.above + 1, self._from_all)
        return outputs if self._bias is None else outputs + self._bias

    def _products(self, count: int, weight: Tensor) -> Tensor:
        """The first `count` of the stored rows, seen through the kernel at each output, times its weights there."""
        rows, columns = self._rows, self._conv.behind + 1 + self._conv.ahead
        n, _, padded, features = rows.shape
        windows = rows.as_strided(
            (n, self._outputs, count, columns * features),
            (rows.stride(0), self._conv.stride[0] * features, padded * features, 1),
            rows.storage_offset(),
        )
        return windows.reshape(n, self._outputs, count * columns * features) @ weight
