"""The cached decoders of PixelRNN: one column of features a step, through all layers.

What a pixel takes from the rows above is the same for all steps of its row, so it is computed once, when the row
begins; what it takes from its own row, when the pixel's turn comes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from ..decoder import Decoder
from .pixelrnn_layers import lstm_cell

if TYPE_CHECKING:
    from .pixelrnn import PixelRNN

__all__ = ["DECODERS"]


class _PixelRNNDecoder(Decoder):
    """What both kinds share. The state holds rows (n, W, ...) of every layer.

    A pixel's column is computed again for each of its channels, with one channel more known each time; the last
    time is the one that later pixels see.

    Attributes:
        _values: (n, r + H, r + W + r, C F), the values so far with a margin of zeros, r wide.
        _above: (n, W, 2h), the first convolution's share of the rows above.
        _params_of_pixel: (n, C P), the parameters of the pixel of step t.
        _given: of each layer (n, W, 4h), what the rows above add to the gates, with all biases.
        _known: of each layer the map below, (n, 1 + W, 2h). Place 0 is left of the image, and zero, here and in
        _h, _c: of each layer (n, 1 + W, h), the states. Pixels not yet computed hold those of the row above.
    """

    state = ("x", "_values", "_above", "_params_of_pixel", "_given", "_known", "_h", "_c")
    model: PixelRNN

    def _start(self) -> None:
        model = self.model
        self._depth, self._height, self._width = model.event_shape
        self._weigh()
        self._clear()
        self._begin_row(0)
        self._compute_pixel(0, 0)

    def _weigh(self) -> None:
        """The weights in the shape that the steps need; they stay the same."""
        model, margin = self.model, self.model.kernel_size // 2
        self._margin, units = margin, model.channels
        kernel = model.first.masked_weight().permute(2, 3, 1, 0)  # (K, K, C F, 2h)
        self._kernel_above = kernel[:margin].reshape(-1, 2 * units)
        self._kernel_left = kernel[margin, : margin + 1].reshape(-1, 2 * units)
        self._from_below, self._biases, self._from_states = [], [], []
        for layer in model.layers:
            below, bias = layer.weights(self.context)
            states = layer.from_states
            if states is None:  # one line has none before it
                states = below.new_zeros(1, len(layer.reach) * units, 4 * units)
            self._from_below.append(below.contiguous())
            self._biases.append(bias)
            self._from_states.append(states)
        self._back = [(layer.back.bias, layer.back.masked_weight().T) for layer in model.layers]
        self._mix = model.mix.bias, model.mix.masked_weight().T
        self._out = model.out.bias, model.out.masked_weight().T

    def _clear(self) -> None:
        """A state that has seen nothing."""
        model, count = self.model, len(self.model.layers)

        def zeros(*shape: int) -> Tensor:
            return torch.zeros(self.n, *shape, dtype=model.dtype, device=model.device)

        width, units, margin = self._width, model.channels, self._margin
        numbers = self._depth * model.conditional.num_features
        self._values = zeros(margin + self._height, width + 2 * margin, numbers)
        self._above = zeros(width, 2 * units)
        self._params_of_pixel = zeros(self._depth * model.conditional.num_params)
        self._given = [zeros(width, 4 * units) for _ in range(count)]
        self._known = [zeros(1 + width, 2 * units) for _ in range(count)]
        self._h = [zeros(1 + width, units) for _ in range(count)]
        self._c = [zeros(1 + width, units) for _ in range(count)]

    def _params(self) -> Tensor:
        return self._params_of_pixel.unflatten(-1, (self._depth, -1))[:, self.t % self._depth]

    def _observed(self, x_t: Tensor) -> None:
        pixel, channel = divmod(self.t - 1, self._depth)
        row, column = divmod(pixel, self._width)
        features = self.model.conditional.features(x_t, self._values.dtype)
        size, margin = features.shape[-1], self._margin
        place = slice(channel * size, (channel + 1) * size)
        self._values[:, margin + row, margin + column, place] = features
        if self.t < self.model.num_variables:
            pixel = self.t // self._depth
            if pixel % self._width == 0 and channel == self._depth - 1:
                self._finish_row(row)
                self._begin_row(row + 1)
            self._compute_pixel(*divmod(pixel, self._width))

    def _begin_row(self, row: int) -> None:
        """Everything that the rows above add to the pixels of this one."""
        width, margin = self._width, self._margin
        windows = self._values[:, row : row + margin].unfold(2, 2 * margin + 1, 1)
        windows = windows.permute(0, 2, 1, 4, 3)[:, :width].flatten(2)  # (n, W, r K C F)
        self._above = self.model.first.bias + windows @ self._kernel_above
        for index in range(len(self._given)):
            self._given[index] = self._from_above(index)

    def _compute_pixel(self, row: int, column: int) -> None:
        margin = self._margin
        left = self._values[:, margin + row, column : column + margin + 1].flatten(1)
        known = torch.addmm(self._above[:, column], left, self._kernel_left)
        for index, (bias, weight) in enumerate(self._back):
            self._known[index][:, 1 + column] = known
            states = self._step_layer(index, column)
            known = known + torch.addmm(bias, states, weight)
        mixed = torch.addmm(self._mix[0], known.relu(), self._mix[1]).relu()
        self._params_of_pixel = torch.addmm(self._out[0], mixed, self._out[1])

    def _restart(self, values: Tensor, t: int) -> None:
        """The rows that are complete in one parallel pass, the rest of the pixels one by one."""
        self._clear()
        conditional = self.model.conditional
        features = conditional.features(values, self._values.dtype).flatten(1)
        missing = self._values.shape[-1] * self._height * self._width - features.shape[1]
        image = F.pad(features, (0, missing)).view(self.n, self._height, self._width, -1)
        margin = self._margin
        self._values[:, margin:, margin : margin + self._width] = image
        row, column = divmod(t // self._depth, self._width)
        if row == self._height:
            return
        if row > 0:
            self._load_row_above(image[:, :row].permute(1, 2, 0, 3))
        self._begin_row(row)
        for place in range(column + 1):
            self._compute_pixel(row, place)

    def _load_row_above(self, values: Tensor) -> None:
        """The states of the last row of `values` (rows, W, n, C F), from a pass over these rows."""
        known = self.model.embed(values)
        for index, layer in enumerate(self.model.layers):
            known, (one, other) = layer(known, values, self.context)
            self._take_states(index, one.transpose(0, 1), other.transpose(0, 1))

    # -- what the kinds say --------------------------------------------------------------------------------------

    def _from_above(self, index: int) -> Tensor:
        """What the row above and the biases add to the gates of a row, (n, W, 4h)."""
        raise NotImplementedError

    def _step_layer(self, index: int, column: int) -> Tensor:
        """The map (n, h) of a layer's LSTM at this pixel."""
        raise NotImplementedError

    def _finish_row(self, row: int) -> None:
        """What has to be computed once a row is complete."""

    def _take_states(self, index: int, one: Tensor, other: Tensor) -> None:
        """Make the states (n, W, h) that a layer returns for its last row those of the row above."""
        raise NotImplementedError


class RowDecoder(_PixelRNNDecoder):
    """Row LSTM: the states of the whole row above enter when the row begins.

    `_c_above` keeps c of the row above: a pixel needs it again for each of its channels.
    """

    state = (*_PixelRNNDecoder.state, "_c_above")

    def _clear(self) -> None:
        super()._clear()
        self._c_above = [c.clone() for c in self._c]

    def _from_above(self, index: int) -> Tensor:
        self._c_above[index] = self._c[index].clone()
        h = self._h[index]
        near = torch.cat([h[:, :-1], h[:, 1:], F.pad(h[:, 2:], (0, 0, 0, 1))], -1)
        return self._biases[index][0].unsqueeze(1) + near @ self._from_states[index][0]

    def _step_layer(self, index: int, column: int) -> Tensor:
        pair = self._known[index][:, column : column + 2].flatten(1)  # left neighbour, itself
        gates = torch.addmm(self._given[index][:, column], pair, self._from_below[index][0])
        h, c = lstm_cell(gates, self._c_above[index][:, 1 + column])
        self._h[index][:, 1 + column], self._c[index][:, 1 + column] = h, c
        return h

    def _take_states(self, index: int, one: Tensor, other: Tensor) -> None:
        self._h[index][:, 1:], self._c[index][:, 1:] = one, other


class DiagonalDecoder(_PixelRNNDecoder):
    """Diagonal BiLSTM: the second direction runs over each row as soon as that is complete, for the row below.

    `_right` holds, of each layer, the states (n, W, h) of the second direction in the row above.
    """

    state = (*_PixelRNNDecoder.state, "_right")

    def _clear(self) -> None:
        super()._clear()
        self._right = [torch.zeros_like(h[:, 1:]) for h in self._h]

    def _from_above(self, index: int) -> Tensor:
        up, _ = self._from_states[index][0].chunk(2)
        return self._biases[index][0].unsqueeze(1) + self._h[index][:, 1:] @ up

    def _step_layer(self, index: int, column: int) -> Tensor:
        below, left = self._known[index][:, 1 + column], self._h[index][:, column]
        weight = self._from_below[index][0, : below.shape[-1]]
        gates = torch.addmm(self._given[index][:, column], below, weight)
        gates = torch.addmm(gates, left, self._from_states[index][0].chunk(2)[1])
        h, c = lstm_cell(gates, self._c[index][:, column])
        self._h[index][:, 1 + column], self._c[index][:, 1 + column] = h, c
        return h + self._right[index][:, column]

    def _finish_row(self, row: int) -> None:
        margin, width = self._margin, self._width
        values = self._values[:, margin + row, margin : margin + width]
        for index, from_below in enumerate(self._from_below):
            inputs = self._known[index][:, 1:]
            if from_below.shape[1] > inputs.shape[-1]:
                inputs = torch.cat([inputs, values], -1)
            up, right = self._from_states[index][1].chunk(2)
            gates = self._biases[index][1].unsqueeze(1) + self._right[index] @ up
            gates = gates + inputs @ from_below[1]
            row_of_states = torch.empty_like(self._right[index])
            h = c = row_of_states.new_zeros(self.n, row_of_states.shape[-1])
            for column in reversed(range(width)):
                h, c = lstm_cell(torch.addmm(gates[:, column], h, right), c)
                row_of_states[:, column] = h
            self._right[index] = row_of_states

    def _take_states(self, index: int, one: Tensor, other: Tensor) -> None:
        self._h[index][:, 1:], self._right[index][:] = one, other


DECODERS: dict[str, type[_PixelRNNDecoder]] = {"row": RowDecoder, "diagonal": DiagonalDecoder}
