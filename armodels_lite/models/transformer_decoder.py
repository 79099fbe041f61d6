"""Drawing from a Transformer one variable at a time: keys and values of past steps are kept, never computed again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..attention import attend
from ..base import eval_mode
from ..conditionals import Categorical
from ..decoder import Decoder
from .endings import only_end
from .transformer_block import Block, join_heads, split_heads

if TYPE_CHECKING:
    from .transformer import Transformer

__all__ = ["TransformerDecoder"]


class TransformerDecoder(Decoder):
    """Keeps the keys and values of every step so far: 2 x layers x n x T x width numbers, allocated once.

    What an earlier step computed never changes, since no step looks ahead. So a new step costs one pass through the
    layers for itself alone, and a look at the keys and values of those before. Several known values (`prefill`) go
    through side by side in one pass; `rewind` computes a single step.
    """

    state = ("x", "_cache", "_out", "_ended")

    def _start(self) -> None:
        model: Transformer = self.model
        self._layers = [_Layer(block) for block in model.blocks]
        self._read = _Affine(model.readout, model.norm)
        self._symbols = model.symbols.detach()
        self._places, self._always = model.places_of_steps(), None
        if model.classes is not None:
            self._always = model.classes[self.context]
        self._only_end = None if model.end is None else only_end(model)
        shape = 2, self.n, model.heads, model.num_variables, model.width // model.heads
        self._cache = [self._symbols.new_empty(shape) for _ in self._layers]
        self._restart(self.x[:, :0], 0)

    # -- what the base asks --------------------------------------------------------------------------------------

    def _params(self) -> Tensor:
        if self._only_end is None:
            return self._out
        return torch.where(self._ended.unsqueeze(1), self._only_end, self._out)

    def _observed(self, x_t: Tensor) -> None:
        if self._only_end is not None:
            self._ended = self._ended | (x_t == self.model.end)
        if self.t < self.model.num_variables:
            self._run(self._begin(x_t, self.t), self.t, 1)

    def _restart(self, values: Tensor, t: int) -> None:
        """Steps 0 to t in one pass (0 to T - 1, if every value is known)."""
        self._remember_end(values)
        known = values[:, : self.model.num_variables - 1]
        with eval_mode(self.model.dropout):
            h = self.model.embed(known, self.context)
        self._run(h.flatten(0, 1), 0, h.shape[1])

    def _go_back(self, values: Tensor, t: int) -> None:
        """The keys and values of the steps before t stay as they are; step t is computed anew."""
        if t == 0:
            self._restart(values, t)
        elif t < self.model.num_variables:
            self._remember_end(values)
            self._run(self._begin(values[:, -1], t), t, 1)

    def _remember_end(self, values: Tensor) -> None:
        end = self.model.end
        self._ended = (values[:, :0] if end is None else values == end).any(1)

    # -- the network ---------------------------------------------------------------------------------------------

    def _begin(self, x_t: Tensor, step: int) -> Tensor:
        """What a step starts from, (n, width), having read the value x_t (n,) of the variable before."""
        conditional = self.model.conditional
        if isinstance(conditional, Categorical):
            h = self._symbols.index_select(0, x_t)
        else:
            h = conditional.features(x_t, self._symbols.dtype) @ self._symbols
        if self._places is not None:
            h = h + self._places[step]
        return h if self._always is None else h + self._always

    def _run(self, h: Tensor, first: int, length: int) -> None:
        """Pass the steps from `first` on, h (n length, width), through all layers: one new step, or all from step 0.

        Their keys and values are kept, and what the last of them predicts.
        """
        model, last = self.model, first + length
        mask, turn = model.mask_of(last, first), model.turn_of(last, first)
        for layer, cache in zip(self._layers, self._cache, strict=True):
            all_three = layer.query_key_value(h).view(self.n, length, 3 * model.width)
            q, k, v = split_heads(all_three, model.heads, turn)
            cache[0, :, :, first:last] = k
            cache[1, :, :, first:last] = v
            seen = attend(q, cache[0, :, :, :last], cache[1, :, :, :last], mask)
            h = layer.merge(join_heads(seen).flatten(0, 1)).add_(h)
            h = layer.narrow(F.gelu(layer.widen(h))).add_(h)
        self._out = self._read(h.view(self.n, length, model.width)[:, -1])


class _Layer:
    """A block's weights, laid out for single steps."""

    def __init__(self, block: Block) -> None:
        self.query_key_value = _Affine(block.attention.query_key_value, block.norm_1)
        self.merge = _Affine(block.attention.merge)
        self.widen = _Affine(block.widen, block.norm_2)
        self.narrow = _Affine(block.narrow)


class _Affine:
    """A linear layer, and the norm before it: the gains and shifts of the norm become part of weight and bias."""

    def __init__(self, linear: nn.Linear, norm: nn.LayerNorm | None = None) -> None:
        weight, bias = linear.weight.detach().T, linear.bias.detach()
        if norm is not None:
            weight, bias = (
                norm.weight.detach().unsqueeze(1) * weight,
                bias + norm.bias.detach() @ weight,
            )
        self.weight, self.bias = weight.contiguous(), bias.clone()
        self.normed, self.eps = (len(self.weight),) if norm is not None else None, norm and norm.eps

    def __call__(self, x: Tensor) -> Tensor:
        """(n, in_features) to (n, out_features)."""
        if self.normed is not None:
            x = F.layer_norm(x, self.normed, eps=self.eps)
        return torch.addmm(self.bias, x, self.weight)
