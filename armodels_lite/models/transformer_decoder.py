"""Drawing from a Transformer one variable at a time: keys and values of past steps are kept, never computed again."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..attention import attend, rotate
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
        places = model.places_of_steps()
        self._places, self._always = None if places is None else places.detach(), None
        if model.classes is not None:
            self._always = model.classes[self.context]
        self._only_end = None if model.end is None else only_end(model)
        sizes = self.n, model.heads, model.num_variables, model.width // model.heads
        self._cache = self._symbols.new_empty(2, len(self._layers), *sizes)  # keys and values
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
            self._step(self._begin(x_t, self.t), self.t)

    def _restart(self, values: Tensor, t: int) -> None:
        """Steps 0 to t in one pass (0 to T - 1, if every value is known)."""
        self._remember_end(values)
        known = values[:, : self.model.num_variables - 1]
        with eval_mode(self.model.dropout):
            h = self.model.embed(known, self.context)
        self._all_steps(h)

    def _go_back(self, values: Tensor, t: int) -> None:
        """The keys and values of the steps before t stay as they are; step t is computed anew."""
        if t == 0:
            self._restart(values, t)
        elif t < self.model.num_variables:
            self._remember_end(values)
            self._step(self._begin(values[:, -1], t), t)

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

    def _all_steps(self, h: Tensor) -> None:
        """Pass steps 0 to L - 1, h (n, L, width), through all layers side by side.

        Their keys and values are kept, and what the last of them predicts.
        """
        model, length = self.model, h.shape[1]
        mask, turn = model.mask_of(length), model.turn_of(length)
        h = h.flatten(0, 1)
        for layer, kept in zip(self._layers, self._cache[..., :length, :].unbind(1), strict=True):
            all_three = layer.query_key_value(h).view(self.n, length, 3 * model.width)
            q, k, v = split_heads(all_three, model.heads, turn)
            kept[0], kept[1] = k, v
            q = q * math.sqrt(q.shape[-1])  # by which `attend` divides once more
            h = layer.add_to(h, join_heads(attend(q, k, v, mask)).flatten(0, 1))
        self._out = self._read(h.view(self.n, length, model.width)[:, -1])

    def _step(self, h: Tensor, step: int) -> None:
        """Pass one new step, h (n, width), through all layers; keep its keys and values, and what it predicts.

        With one query a head, what costs is to call operations and to read the cache: two batched products, with the
        softmax between them, are sooner done than the fused kernel, and views are made for all layers at once.
        """
        model, last = self.model, step + 1
        mask, turn = model.mask_of(last, step), model.turn_of(last, step)
        hidden = None if mask is None else ~mask
        n, width, d = self.n, model.width, model.width // model.heads
        places = self._cache[..., step, :].transpose(0, 2)  # (n, layers, 2, heads, d)
        keys, values = self._cache[..., :last, :].flatten(2, 3)  # each (layers, n heads, last, d)
        views = places.unbind(1), keys.transpose(2, 3).unbind(0), values.unbind(0)
        for layer, place, k, v in zip(self._layers, *views, strict=True):
            qkv = layer.query_key_value(h).view(n, 3, model.heads, d)
            if turn is not None:
                qkv[:, :2] = rotate(qkv[:, :2], *turn)
            place.copy_(qkv[:, 1:])
            scores = torch.bmm(qkv[:, 0].reshape(n * model.heads, 1, d), k)
            if hidden is not None:
                scores.masked_fill_(hidden, -math.inf)
            h = layer.add_to(h, torch.bmm(scores.softmax(-1), v).view(n, width))
        self._out = self._read(h)


class _Layer:
    """A block's weights, laid out for single steps."""

    def __init__(self, block: Block) -> None:
        attention = block.attention
        self.query_key_value = _Affine(attention.query_key_value, block.norm_1)
        self.merge = _Affine(attention.merge)
        self.widen = _Affine(block.widen, block.norm_2)
        self.narrow = _Affine(block.narrow)
        # What is the same at every step is done once. Queries come divided by sqrt(d), as attention asks for.
        width = attention.merge.in_features
        scale = torch.ones_like(self.query_key_value.bias)
        scale[:width] = math.sqrt(attention.heads / width)
        self.query_key_value.scale(scale)
        # gelu(a) = (z + z erf(z)) / sqrt(2) with z = a / sqrt(2): for a few numbers sooner done than F.gelu.
        self.widen.scale(math.sqrt(0.5))
        self.narrow.weight = math.sqrt(0.5) * self.narrow.weight

    def add_to(self, h: Tensor, seen: Tensor) -> Tensor:
        """The stream h (N, width) with both branches added in place; `seen`: the outputs of the heads, side by side."""
        self.merge.add_to(h, seen)
        z = self.widen(h)
        return self.narrow.add_to(h, torch.addcmul(z, z, z.erf()))


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

    def add_to(self, h: Tensor, x: Tensor) -> Tensor:
        """h (n, out_features) with this of x (n, in_features), which is not normed, added in place.

        Under autocast x may come in bfloat16, and operations in place do not convert it.
        """
        return h.addmm_(x.to(h.dtype), self.weight).add_(self.bias)

    def scale(self, factor: float | Tensor) -> None:
        """Multiply the outputs by a number, or each by its own (out_features,)."""
        self.weight, self.bias = self.weight * factor, self.bias * factor
