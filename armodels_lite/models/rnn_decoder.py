"""Drawing from a recurrent network one variable at a time: the state is carried along, never computed again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..base import eval_mode
from ..decoder import Decoder
from ..distributions import search_level
from .endings import only_end

if TYPE_CHECKING:
    from .rnn import RNN

__all__ = ["RNNDecoder"]


class RNNDecoder(Decoder):
    """Keeps the state of each layer: a step costs one pass through the cells, whatever came before.

    A step of a sequence of vectors has `width` variables; the cells move on when the last of them is known. With
    attention the past states are kept as well, as many as there are steps.
    """

    state = ("x", "_h", "_c", "_out", "_ended", "_past")

    def _start(self) -> None:
        model: RNN = self.model
        self._cells = [_Cell(model, layer) for layer in range(model.layers)]
        self._features = model.conditional.num_features
        self._outputs = model.conditional.num_params
        self._read = model.readout.weight.T.contiguous()
        bias = model.readout.bias
        self._read_bias = (
            self._read.new_zeros(self._read.shape[1]) if bias is None else bias.clone()
        )
        self._links = None if model.links is None else model.links.masked_weight().T
        self._only_end = None if model.end is None else only_end(model)
        self._inputs = self._input_weights()
        h, c = model.initial_state(self.n, self.context)
        self._h = list(h)
        self._c = [] if c is None else list(c)
        self._ended = torch.zeros(self.n, dtype=torch.bool, device=model.device)
        kept = model.steps if model.query is not None else 0
        self._past = self._read.new_zeros(self.n, kept, model.hidden)
        self._out = self._read_state(0)

    def _input_weights(self) -> Tensor:
        """The first layer's weights for the features of one step, (V F, gates): a row a feature.

        With one variable a step, what always comes along (bias, class) is added to a one-hot feature's row: then the
        row of a symbol is all that the cell needs to know of it.
        """
        model, cell = self.model, self._cells[0]
        size = model.width * self._features
        weight = cell.w_ih  # (inputs, gates)
        self._places = weight[size : size + model.steps - 1] if model.position else None
        self._base = cell.b_ih.expand(self.n, -1)
        if model.num_classes is not None:
            classes = weight[size + model.position * (model.steps - 1) :]
            self._base = self._base + classes[self.context]
        self._is_table = (
            model.width == 1 and self._features > 1 and self._places is None
        ) and model.num_classes is None
        return weight[:size] + cell.b_ih if self._is_table else weight[:size]

    def draw_rest(self, noise: Tensor) -> None:
        """As `Decoder.draw_rest`. Symbols from one layer with nothing besides have a loop of their own.

        It does the same operations on the same numbers; what it saves, a third for a single text, is Python's share.
        """
        model = self.model
        plain = self._is_table and model.layers == 1 and model.query is None and model.end is None
        if not plain or noise.dtype != self._out.dtype:
            super().draw_rest(noise)
            return
        step, table, read, bias = self._cells[0].step, self._inputs, self._read, self._read_bias
        todo = self._positions[self.t :]
        u, drawn = noise.T.unsqueeze(2).contiguous().unbind(0), []
        with torch.inference_mode():
            out, h, c = self._out, self._h[0], self._c[0] if self._c else None
            for position in todo:
                x_t = search_level(out, u[position])
                drawn.append(x_t)
                h, c = step(torch.embedding(table, x_t.view(-1)), h, c)
                out = torch.addmm(bias, h, read)
            if drawn:
                self.x[:, todo] = torch.cat(drawn, 1)
        self.t, self._out, self._h, self._c = model.steps, out, [h], [] if c is None else [c]

    # -- what the base asks --------------------------------------------------------------------------------------

    def _params(self) -> Tensor:
        params = self._out  # of the whole step
        if self.model.width > 1:
            place, size = self.t % self.model.width, self._outputs
            params = params[:, place * size : (place + 1) * size]
        if self._only_end is None:
            return params
        return torch.where(self._ended.unsqueeze(1), self._only_end, params)

    def _observed(self, x_t: Tensor) -> None:
        model = self.model
        step, place = divmod(self.t - 1, model.width)
        if self._only_end is not None:
            self._ended = self._ended | (x_t == model.end)
        if self._links is not None:
            rows = self._links[place * self._features : (place + 1) * self._features]
            model.conditional.add_product_(self._out, x_t, rows)
        if place == model.width - 1 and step + 1 < model.steps:
            self._advance(self._gates(x_t, step), step + 1)

    def _restart(self, values: Tensor, t: int) -> None:
        """All whole steps at once, as in training, then the variables of the step that is under way."""
        self._start()
        width, steps = self.model.width, self.model.steps
        whole = min(t // width, steps - 1)
        if whole:
            self._catch_up(values[:, : whole * width], whole)
        for later in range(whole * width, t):
            self.t = later + 1
            self._observed(values[:, later])

    # -- the network ---------------------------------------------------------------------------------------------

    def _gates(self, x_t: Tensor, step: int) -> Tensor:
        """What the first cell gets from the variables of this step: (n, gates)."""
        if self._is_table:
            return self._inputs.index_select(0, x_t)
        gates = self._base.clone() if self._places is None else self._base + self._places[step]
        if self.model.width == 1:
            self.model.conditional.add_product_(gates, x_t, self._inputs)
            return gates
        # The values of a step lie side by side in x, whichever way the steps are walked.
        first = self._positions[step * self.model.width]
        values = self.x[:, first : first + self.model.width]
        features = self.model.conditional.features(values, gates.dtype).flatten(1)
        return gates.addmm_(features, self._inputs)

    def _advance(self, gates: Tensor, step: int) -> None:
        """From the state before `step` to that of `step`, and what it predicts."""
        h, c = list(self._h), list(self._c)
        for layer, cell in enumerate(self._cells):
            if layer:
                gates = torch.addmm(cell.b_ih, h[layer - 1], cell.w_ih)
            h[layer], memory = cell(gates, h[layer], c[layer] if c else None)
            if c:
                c[layer] = memory
        self._h, self._c = h, c
        self._out = self._read_state(step)

    def _read_state(self, step: int) -> Tensor:
        h = self._h[-1]
        if self.model.query is not None:
            self._past[:, step] = h
            past = self._past[:, : step + 1]
            scores = torch.einsum("nh,nsh->ns", self.model.query(h), past) / math.sqrt(h.shape[1])
            seen = torch.einsum("ns,nsh->nh", scores.softmax(1), past)
            h = self.model.merge(torch.cat([h, seen], 1)).tanh()
        return torch.addmm(self._read_bias, h, self._read)

    def _catch_up(self, values: Tensor, whole: int) -> None:
        """The state after `whole` steps whose values (n, whole * V) are given, by the parallel pass."""
        model = self.model
        if model.end is not None:
            self._ended = (values == model.end).any(1)
        features = model.conditional.features(values, model.dtype)
        features = features.view(self.n, whole, model.width * self._features)
        start = torch.stack(self._h)
        inputs = model.cell_inputs(features, self.context)
        with eval_mode(model.cell):  # single steps have no dropout either
            if self._c:
                states, (h, c) = model.cell(inputs, (start, torch.stack(self._c)))
                self._c = list(c)
            else:
                states, h = model.cell(inputs, start)
        self._h = list(h)
        if model.query is not None:
            self._past[:, 1 : whole + 1] = states
        self._out = self._read_state(whole)


class _Cell:
    """One layer's weights, laid out for single steps: w_ih (inputs, gates), w_hh (hidden, gates).

    Both biases are in b_ih, but for the part of the GRU's second one on which its reset gate acts: b_new. The LSTM's
    gates are put into the order input, forget, output, cell, so that one sigmoid serves three of them.
    """

    def __init__(self, model: RNN, layer: int) -> None:
        source = model.cell
        w_ih, w_hh = (getattr(source, f"weight_{kind}_l{layer}").T for kind in ("ih", "hh"))
        if source.bias:
            b_ih, b_hh = (getattr(source, f"bias_{kind}_l{layer}") for kind in ("ih", "hh"))
        else:
            b_ih = b_hh = w_ih.new_zeros(w_ih.shape[1])
        self.kind, self.hidden = model.kind, model.hidden
        if model.kind == "lstm":
            i, f, g, o = torch.arange(4 * model.hidden, device=w_ih.device).chunk(4)
            order = torch.cat([i, f, o, g])
            w_ih, w_hh, b_ih, b_hh = w_ih[:, order], w_hh[:, order], b_ih[order], b_hh[order]
        if model.kind == "gru":
            two = 2 * model.hidden  # reset and update; then new
            self.w_gates, self.w_new = w_hh[:, :two].contiguous(), w_hh[:, two:].contiguous()
            self.b_new = b_hh[two:].clone()
            b_hh = torch.cat([b_hh[:two], torch.zeros_like(self.b_new)])
        self.w_ih, self.w_hh, self.b_ih = w_ih.contiguous(), w_hh.contiguous(), b_ih + b_hh
        self.step = {"rnn": self._rnn, "gru": self._gru, "lstm": self._lstm}[model.kind]

    def __call__(self, gates: Tensor, h: Tensor, c: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The next h and, for an LSTM, c, from the inputs' part of the gates (n, gates)."""
        return self.step(gates, h, c)

    def _rnn(self, gates: Tensor, h: Tensor, c: None) -> tuple[Tensor, None]:
        return torch.addmm(gates, h, self.w_hh).tanh_(), None

    def _gru(self, gates: Tensor, h: Tensor, c: None) -> tuple[Tensor, None]:
        two = 2 * self.hidden
        reset, update = torch.addmm(gates[:, :two], h, self.w_gates).sigmoid_().chunk(2, 1)
        recurrent = torch.addmm(self.b_new, h, self.w_new)
        new = torch.addcmul(gates[:, two:], reset, recurrent).tanh_()
        return torch.lerp(new, h, update), None

    def _lstm(self, gates: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        gates = torch.addmm(gates, h, self.w_hh)
        enter, forget, out = gates[:, : 3 * self.hidden].sigmoid_().chunk(3, 1)
        c = (forget * c).addcmul_(enter, gates[:, 3 * self.hidden :].tanh_())
        return out * c.tanh(), c
