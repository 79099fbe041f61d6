"""The cached decoder of WaveNet: what each layer has put out is kept until the layer above has used it.

A layer with dilation d looks at its input now and d steps ago. So it needs the last d of its inputs and no others: a
queue, filled at one end and read at the other. All queues together are one piece of memory, in which every layer writes
round and round in its own part.

Source: T. Le Paine, P. Khorrami, S. Chang, Y. Zhang, P. Ramachandran, M. A. Hasegawa-Johnson, T. S. Huang, "Fast
Wavenet Generation Algorithm", 2016. Differs from it: what all layers find in their queues is known before a step
begins, so one product handles it for all of them at once.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..decoder import Decoder

if TYPE_CHECKING:
    from .wavenet import WaveNet

__all__ = ["WaveNetDecoder"]


class WaveNetDecoder(Decoder):
    """State: `_queues` (Q, n, C), the queues of all layers, and the parameters of the next step.

    The rest are weights, in the shape that the steps need, and working memory that each step fills anew. The gate is
    computed as tanh(a) (1 + tanh(b / 2)) / 2, which is tanh(a) sigmoid(b) with one pass over both halves; its factors
    1/2 are in the weights.
    """

    state = ("x", "_queues", "_params_of_step")
    model: WaveNet

    def _start(self) -> None:
        self._weigh()
        self._lay_out_queues()
        self._make_room()
        self._queues = self._bias.new_zeros(self._size, self.n, self.model.channels)
        self._step_network(None)

    def _weigh(self) -> None:
        model, channels = self.model, self.model.channels
        halved = torch.ones(2 * channels, dtype=model.dtype, device=model.device)
        halved[channels:] = 0.5
        convolutions = [layer.convolution for layer in model.layers]
        weights = [conv.weight.T * halved for conv in convolutions]
        past = (model.kernel_size - 1) * channels
        self._from_past = torch.stack([weight[:past] for weight in weights])
        self._from_now = [weight[past:].contiguous() for weight in weights]
        biases = [
            conv.bias if bias is None else conv.bias + bias[:, 0]
            for conv, bias in zip(convolutions, model.given(self.context), strict=True)
        ]
        self._bias = torch.stack([(bias * halved).expand(self.n, -1) for bias in biases])
        self._residual = [layer.residual.weight.T / 2 for layer in model.layers[:-1]]
        self._skip = torch.cat([layer.skip.weight.T / 2 for layer in model.layers])
        self._skip_bias = sum(layer.skip.bias for layer in model.layers)
        self._mix = model.mix.bias, model.mix.weight.T
        self._out = model.out.bias, model.out.weight.T

    def _lay_out_queues(self) -> None:
        """Which places to read and to write at step t; both repeat with the length of the longest queue."""
        model, device = self.model, self.model.device
        sizes = [(model.kernel_size - 1) * dilation for dilation in model.dilations]
        *begins, self._size = accumulate(sizes, initial=0)
        self._sizes, self._begins, self._period = sizes, begins, max(sizes)
        steps = torch.arange(self._period).unsqueeze(1)
        size, begin = torch.tensor(sizes), torch.tensor(begins)
        taps = torch.arange(model.kernel_size - 1, 0, -1).unsqueeze(1)
        back = taps * torch.tensor(model.dilations)
        read = (steps.unsqueeze(1) - back) % size + begin  # (period, K - 1, layers)
        self._read = read.transpose(1, 2).flatten(1).to(device).unbind(0)
        self._write = (steps % size + begin).to(device).unbind(0)

    def _make_room(self) -> None:
        """Working memory, and views of each layer's part of it: a view costs as much as a small product."""
        model, n = self.model, self.n
        count, channels = len(model.layers), model.channels

        def room(*shape: int) -> Tensor:
            return torch.empty(shape, dtype=model.dtype, device=model.device)

        self._inputs = room(count, n, channels)
        self._mixed = room(count, n, 2 * channels)
        self._gated = room(n, count * channels)
        self._layers = [
            (*parts, after, weight, residual)
            for *parts, after, weight, residual in zip(
                self._inputs.unbind(0),
                self._mixed.unbind(0),
                self._mixed[..., :channels].unbind(0),
                self._mixed[..., channels:].unbind(0),
                self._gated.split(channels, 1),
                [*self._inputs[1:].unbind(0), None],
                self._from_now,
                [*self._residual, None],
                strict=True,
            )
        ]

    def _params(self) -> Tensor:
        return self._params_of_step

    def _observed(self, x_t: Tensor) -> None:
        if self.t < self.model.num_variables:
            self._step_network(self.model.embedded(x_t))

    def _step_network(self, value: Tensor | None) -> None:
        """Bring the value (n, C) before this step, None before the first, through all layers."""
        self._fill_first(value)
        place = self.t % self._period
        past = self._queues.index_select(0, self._read[place])
        torch.baddbmm(self._bias, self._by_layer(past), self._from_past, out=self._mixed)
        for known, mixed, signal, opening, gated, after, weight, residual in self._layers:
            mixed.addmm_(known, weight).tanh_()
            torch.addcmul(signal, signal, opening, out=gated)
            if after is not None:
                torch.addmm(known, gated, residual, out=after)
        self._queues.index_copy_(0, self._write[place], self._inputs)
        total = torch.addmm(self._skip_bias, self._gated, self._skip).relu_()
        mixed = torch.addmm(self._mix[0], total, self._mix[1]).relu_()
        self._params_of_step = torch.addmm(self._out[0], mixed, self._out[1])

    def _fill_first(self, value: Tensor | None) -> None:
        first, model = self._inputs[0], self.model
        first.zero_() if value is None else first.copy_(value)
        if model.place is not None:
            first += model.place(model.times[self.t])

    def _by_layer(self, past: Tensor) -> Tensor:
        """What the queues hold, (layers (K - 1), n, C), as the taps of each layer (layers, n, (K - 1) C)."""
        if self.model.kernel_size == 2:
            return past
        return past.unflatten(0, (-1, self.model.kernel_size - 1)).transpose(1, 2).flatten(2)

    def _restart(self, values: Tensor, t: int) -> None:
        """All given values in one parallel pass, whose last inputs of each layer fill the queues."""
        model = self.model
        self._queues.zero_()
        self.t = t
        if t == model.num_variables:
            return
        if t > 0:
            _, inputs = model.pass_through(model.inputs(values), model.given(self.context))
            for known, size, begin in zip(inputs, self._sizes, self._begins, strict=True):
                steps = torch.arange(max(0, t - size), t, device=model.device)
                known = known.to(self._queues.dtype)  # another one under autocast
                self._queues[begin + steps % size] = known[:, steps].transpose(0, 1)
        self._step_network(model.embedded(values[:, -1]) if t > 0 else None)
