"""One causal convolution, walked row by row and pixel by pixel: what the cached decoders of images are made of."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from ..layers import CausalConv2d

__all__ = ["RowCache", "share_room"]


class RowCache:
    """The last rows of a convolution's input, and its output for one pixel, or one row, at a time.

    What the rows above add to the pixels of a row is final when the row begins: one matrix product finds it for the
    whole row. A pixel then needs the taps of its own row alone. They lie side by side in memory, so that the second
    product takes them as they are; nothing is gathered.

    Views of memory are made once and used in every row, since to make one costs as much as a small product.

    Args:
        conv: the layer, which has a bias; its weights are copied.
        n: number of images.
        width: of its input.

    Attributes:
        cells: for each pixel of the own row its features (n, C), to be written to.
        row: all of them, (n, W, C).
        above: what the rows above and the bias add to each output of this row, (n, W, F).
        starts: the same for one output after the other, (n, F) each.
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
        self.above = weight.new_zeros(n, self._outputs, weight.shape[-1])
        # Kept, because to ask for as much memory in every row can take longer than to fill it.
        self._room = weight.new_empty(n * self._outputs * len(self._from_all))
        self._make_views()

    def _make_views(self) -> None:
        conv, above = self._conv, self._conv.above
        self._one_by_one = self._rows.unbind(1)
        self.row = self._one_by_one[-1][:, conv.behind : conv.behind + self._width]
        self.cells = self.row.unbind(1)
        self.starts = self.above.unbind(1)
        columns = conv.behind + 1 + conv.ahead
        self._seen_above = self._seen(0, above, columns)
        self._seen_in_all = self._seen(0, above + 1, columns)
        self._seen_in_own = self._seen(above, 1, conv.behind + 1).squeeze(2).unbind(1)

    def _seen(self, first: int, count: int, columns: int) -> Tensor:
        """What the kernel sees at each output: of `count` rows, its first columns, (n, outputs, count, columns C)."""
        rows, features = self._rows[:, first:], self._rows.shape[3]
        return rows.as_strided(
            (self._rows.shape[0], self._outputs, count, columns * features),
            (rows.stride(0), self._conv.stride[0] * features, rows.stride(1), 1),
            rows.storage_offset(),
        )

    def clone(self) -> RowCache:
        """An independent copy; the weights are shared."""
        twin = copy.copy(self)
        twin._rows, twin.above = self._rows.clone(), self.above.clone()
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
        for above, below in pairwise(self._one_by_one):
            above.copy_(below)
        self._one_by_one[-1].zero_()

    def look_up(self, given: Tensor | None = None) -> None:
        """Find what the rows above add to each pixel of this row; `given` (n or 1, W or 1, F) joins."""
        if self._conv.above:
            self._outputs_of(self._seen_above, self._from_above, out=self.above)
        else:
            self.above.copy_(self._bias)
        if given is not None:
            self.above += given

    def at(self, j: int, out: Tensor | None = None) -> Tensor:
        """The output (n, F) number j of this row, its own and the left cells being filled in."""
        return torch.addmm(self.starts[j], self._seen_in_own[j], self._from_own, out=out)

    def own(self, j: int, out: Tensor | None = None) -> Tensor:
        """What this row alone adds to output j, (n, F): `at` without `starts`."""
        return torch.mm(self._seen_in_own[j], self._from_own, out=out)

    def add_own(self, j: int, total: Tensor) -> None:
        """The same, added to `total` (n, F)."""
        total.addmm_(self._seen_in_own[j], self._from_own)

    def whole_row(self) -> Tensor:
        """The outputs (n, W, F) of a row that is filled in, for kernels that look ahead in their own row."""
        return self._outputs_of(self._seen_in_all, self._from_all)

    def _outputs_of(self, seen: Tensor, weight: Tensor, out: Tensor | None = None) -> Tensor:
        """The bias and what the kernel sees times its weights, (n, outputs, F)."""
        n, outputs = seen.shape[:2]
        gathered = self._room[: seen.numel()].view(n * outputs, len(weight))
        gathered.view(seen.shape).copy_(seen)
        out = None if out is None else out.flatten(0, 1)
        found = torch.addmm(self._bias, gathered, weight, out=out)
        return found.view(n, outputs, weight.shape[1])


def share_room(caches: Sequence[RowCache]) -> None:
    """Let them work in the same memory, that of the one which needs most: each product fills it anew."""
    largest = max((cache._room for cache in caches), key=len)
    for cache in caches:
        cache._room = largest
