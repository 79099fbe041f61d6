"""The recurrent layers of PixelRNN, and the skewing of an image that lets an LSTM step along its diagonals.

Both layers take a line of pixels a step: a row, or a diagonal. Maps are (H, W, B, features): pixels first.

Source: A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016; the LSTM with forget
gates: F. Gers, J. Schmidhuber, F. Cummins, "Learning to Forget: Continual Prediction with LSTM", 2000.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..layers import MaskedLinear
from ..masks import channel_groups, degree_mask

__all__ = [
    "KINDS",
    "DiagonalBiLSTM",
    "RowLSTM",
    "diagonal_orders",
    "lstm_cell",
    "skew",
    "unskew",
]


def skew(x: Tensor, dim: int = -1) -> Tensor:
    """Shift row i of an image to the right by i places, zeros beside it: (..., H, W, ...) to (..., H, W + H - 1, ...).

    Column d of the result is the diagonal of the pixels (i, d - i): each of them needs only what the columns before
    hold of its left and of its upper neighbour. Any dtype.

    Args:
        dim: the axis of the columns; that of the rows is the one before it.

    >>> skew(torch.tensor([[1, 2, 3], [4, 5, 6]]))
    tensor([[1, 2, 3, 0],
            [0, 4, 5, 6]])
    """
    dim = dim % x.dim()
    rows, columns = x.shape[dim - 1], x.shape[dim]
    # With H zeros after each row, rows that are one shorter begin one place later each.
    zeros = x.new_zeros((*x.shape[:dim], rows, *x.shape[dim + 1 :]))
    flat = torch.cat([x, zeros], dim).flatten(dim - 1, dim)
    width = columns + rows - 1
    return flat.narrow(dim - 1, 0, rows * width).unflatten(dim - 1, (rows, width))


def unskew(x: Tensor, dim: int = -1) -> Tensor:
    """The inverse of `skew`: (..., H, W + H - 1, ...) to (..., H, W, ...). What lies beside the image is dropped.

    >>> unskew(torch.tensor([[1, 2, 3, 0], [0, 4, 5, 6]]))
    tensor([[1, 2, 3],
            [4, 5, 6]])
    """
    dim = dim % x.dim()
    rows, width = x.shape[dim - 1], x.shape[dim]
    flat = x.flatten(dim - 1, dim)
    zeros = x.new_zeros((*flat.shape[: dim - 1], rows, *flat.shape[dim:]))
    wider = torch.cat([flat, zeros], dim - 1).unflatten(dim - 1, (rows, width + 1))
    return wider.narrow(dim, 0, width - rows + 1)


def lstm_cell(gates: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """h and c (..., h) of an LSTM from its gates (..., 4h) before the squashing: input, forget, output, content."""
    units = c.shape[-1]
    squashed, content = gates.split([3 * units, units], -1)
    take, keep, show = squashed.sigmoid().chunk(3, -1)
    c = torch.addcmul(keep * c, take, content.tanh())
    return show * c.tanh(), c


def lstm_along_lines(
    lines: Sequence[Tensor],
    spans: Sequence[tuple[int, int]],
    weight: Tensor | None,
    reach: Sequence[int],
) -> tuple[list[Tensor], list[Tensor]]:
    """An LSTM that takes a line of pixels a step; its state starts at zero, and is zero outside the image.

    Args:
        lines: of each line, what the input adds to the gates: (D, pixels, B, 4h) for D independent LSTMs.
        spans: of each line, the places (start, stop) of its pixels. A line may begin or end one place further than
            the line before.
        weight: (D, len(reach) h, 4h), from states of the line before to gates; None if there is only one line.
        reach: where a pixel looks at the line before, relative to its own place: -1, 0 or 1. The state c is always
            that of its own place.

    Returns:
        h and c of every line, each (D, pixels, B, h).
    """
    directions, pixels, batch, width = lines[0].shape
    h = c = lines[0].new_zeros(directions, pixels, batch, width // 4)
    before, shown, kept = spans[0], [], []
    for line, span in zip(lines, spans, strict=True):
        size, shift = span[1] - span[0], span[0] - before[0] + 1
        if weight is not None:
            padded = F.pad(h, (0, 0, 0, 0, 1, 1))
            near = torch.cat([padded.narrow(1, shift + place, size) for place in reach], -1)
            line = line + torch.bmm(near.flatten(1, 2), weight).view_as(line)
        if span != before:
            c = F.pad(c, (0, 0, 0, 0, 1, 1)).narrow(1, shift, size)
        h, c = lstm_cell(line, c)
        shown.append(h)
        kept.append(c)
        before = span
    return shown, kept


class _Layer(nn.Module):
    """What both kinds share: gates from the map below, an LSTM along lines, and the way back into the map.

    Args:
        event_shape: (C, H, W).
        channels: features h of an LSTM.
        gain: scale of what the layer adds to the map when training starts.
        values: how many numbers a pixel's own values are, for a direction that may read them; 0 if none does.
        num_classes: a class adds a bias of its own to the gates; None without classes.
    """

    reach: ClassVar[tuple[int, ...]]

    def __init__(
        self,
        event_shape: Sequence[int],
        channels: int,
        *,
        gain: float,
        values: int,
        num_classes: int | None,
    ) -> None:
        super().__init__()
        depth, height, width = event_shape
        self.channels, self.directions = channels, self._directions(height)
        below, units = channel_groups(2 * channels, depth), channel_groups(channels, depth)
        own = degree_mask(units.repeat(4 * self.directions), below, strict=False)
        self.from_below = MaskedLinear(self._input_mask(own, values))
        self.from_states = None
        if self._lines(height, width) > 1:
            inputs = len(self.reach) * channels
            weight = torch.empty(self.directions, inputs, 4 * channels)
            self.from_states = nn.Parameter(weight.uniform_(-1, 1).mul_((3 / inputs) ** 0.5))
        self.class_bias = None
        if num_classes is not None:
            self.class_bias = nn.Embedding(num_classes, 4 * channels * self.directions)
            nn.init.zeros_(self.class_bias.weight)
        self.back = MaskedLinear(degree_mask(below, units, strict=False), gain=gain)
        with torch.no_grad():
            # An open forget gate lets gradients through from the start.
            self.from_below.bias.view(self.directions, 4, channels)[:, 1] += 1.0

    def _directions(self, height: int) -> int:
        """The number D of LSTMs in an image of this height."""
        return 1

    def _lines(self, height: int, width: int) -> int:
        """The number of lines, so of steps."""
        raise NotImplementedError

    def _input_mask(self, own: Tensor, values: int) -> Tensor:
        """The mask (D 4h, inputs) of `from_below`, given the one between the features of one pixel."""
        raise NotImplementedError

    def weights(self, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """From inputs to the gates of each direction: weight (D, inputs, 4h) and bias (D, 1 or B, 4h)."""
        weight = self.from_below.masked_weight().unflatten(0, (self.directions, -1))
        bias = self.from_below.bias.unsqueeze(0)
        if self.class_bias is not None:
            bias = bias + self.class_bias(context)
        return weight.mT, bias.unflatten(1, (self.directions, -1)).transpose(0, 1)

    def _gates(self, inputs: Tensor, context: Tensor | None) -> Tensor:
        """The input's share of the gates: (D, pixels, B, inputs) to (D, pixels, B, 4h)."""
        weight, bias = self.weights(context)
        gates = torch.bmm(inputs.flatten(1, 2), weight).unflatten(1, inputs.shape[1:3])
        return gates + bias.unsqueeze(1)

    def states(
        self, known: Tensor, values: Tensor, context: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The LSTM's map (H, W, B, h), and of its last row the two states (W, B, h) that the next row needs."""
        raise NotImplementedError

    def forward(
        self, known: Tensor, values: Tensor, context: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The map above (H, W, B, 2h) from the one below, and the last row's states as in `states`.

        `values` (H, W, B, V) are the pixels' own, and `context` the classes (B,) if there are any.
        """
        states, last = self.states(known, values, context)
        return known + self.back(states), last


class RowLSTM(_Layer):
    """An LSTM whose step is a row. Its gates see the left neighbour and the pixel itself, and three states above."""

    reach: ClassVar[tuple[int, ...]] = (-1, 0, 1)

    def _lines(self, height: int, width: int) -> int:
        return height

    def _input_mask(self, own: Tensor, values: int) -> Tensor:
        return torch.cat(
            [torch.ones_like(own), own], 1
        )  # of the left neighbour everything is known

    def states(
        self, known: Tensor, values: Tensor, context: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The map, and h and c of the last row."""
        height, width = known.shape[:2]
        left = F.pad(known[:, :-1], (0, 0, 0, 0, 1, 0))
        gates = self._gates(torch.cat([left, known], -1).flatten(0, 1).unsqueeze(0), context)
        spans = [(0, width)] * height
        h, c = lstm_along_lines(gates.split(width, 1), spans, self.from_states, self.reach)
        return torch.cat(h), (h[-1][0], c[-1][0])


class DiagonalBiLSTM(_Layer):
    """Two LSTMs whose step is a diagonal: one from the left, and one from the right that is moved down by a row.

    In an image of one row the second one would be moved out of it, so there it does not exist. The diagonals are the
    columns of the skewed image, without the empty places beside it: about half of all.
    """

    reach: ClassVar[tuple[int, ...]] = (
        -1,
        0,
    )  # on the diagonal before: the upper and the left neighbour

    def _directions(self, height: int) -> int:
        return 2 if height > 1 else 1

    def _lines(self, height: int, width: int) -> int:
        return height + width - 1

    def _input_mask(self, own: Tensor, values: int) -> Tensor:
        if self.directions == 1:
            return own
        # The second direction is moved down, so it may read the values of the pixel itself.
        ahead, back = own.chunk(2)
        of_values = torch.cat(
            [ahead.new_zeros(len(ahead), values), back.new_ones(len(back), values)]
        )
        return torch.cat([own, of_values], 1)

    def states(
        self, known: Tensor, values: Tensor, context: Tensor | None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The map, and h of the last row from the left and from the right, this one not moved down."""
        height, width = known.shape[:2]
        if self.from_below.in_features > known.shape[-1]:
            known = torch.cat([known, values], -1)
        orders = diagonal_orders(height, width, known.device)[: self.directions]
        inputs = known.flatten(0, 1).index_select(0, orders.flatten())
        gates = self._gates(inputs.unflatten(0, orders.shape), context)
        spans = [(max(0, d - width + 1), min(height, d + 1)) for d in range(height + width - 1)]
        lines = gates.split([stop - start for start, stop in spans], 1)
        h, _ = lstm_along_lines(lines, spans, self.from_states, self.reach)
        places = orders.argsort(1)
        ahead, *back = (
            states.index_select(0, place).unflatten(0, (height, width))
            for states, place in zip(torch.cat(h, 1), places, strict=True)
        )
        if not back:
            return ahead, (ahead[-1], torch.zeros_like(ahead[-1]))
        return ahead + self._moved_down(back[0]), (ahead[-1], back[0][-1])

    @staticmethod
    def _moved_down(states: Tensor) -> Tensor:
        """Each row in the place of the one below it: what comes from the right is known one row later."""
        return F.pad(states[:-1], (0, 0, 0, 0, 0, 0, 1, 0))


def diagonal_orders(height: int, width: int, device: torch.device | None = None) -> Tensor:
    """The pixels along the diagonals, int64 (2, H W): from the left, and as in a mirror from the right.

    >>> diagonal_orders(2, 3)
    tensor([[0, 1, 3, 2, 4, 5],
            [2, 1, 5, 0, 4, 3]])
    """
    row = torch.arange(height, device=device).unsqueeze(1)
    column = torch.arange(width, device=device)
    order = ((row + column) * height + row).flatten().argsort()  # by diagonal, then by row
    return torch.stack([order, order // width * width + (width - 1 - order % width)])


KINDS: dict[str, type[_Layer]] = {"row": RowLSTM, "diagonal": DiagonalBiLSTM}
