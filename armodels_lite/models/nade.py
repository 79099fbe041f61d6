"""NADE: one hidden layer per conditional, all tied together by one running sum.

Source: H. Larochelle, I. Murray, "The Neural Autoregressive Distribution Estimator", 2011; B. Uria, M.-A. Cote,
K. Gregor, I. Murray, H. Larochelle, "Neural Autoregressive Distribution Estimation", 2016, for real-valued and
categorical variables. Differs from the papers: the gradient is computed by a backward pass of its own that rebuilds
the running sum by subtraction, so memory does not grow with batch x variables x hidden units.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..chain import AutoregressiveModel
from ..conditionals import Conditional
from ..decoder import Decoder

__all__ = ["NADE"]

# Steps handled together: enough to make the cost of calling operations small, few enough to stay in the cache.
BLOCK = 8


class NADE(AutoregressiveModel):
    """Neural autoregressive distribution estimator.

        a_t = c + sum over i < t of W_i x_i          (a running sum: one column of W is added a step)
        h_t = sigmoid(a_t)
        parameters of x_t = b_t + V_t h_t

    Weights belong to positions in storage layout: W (T, F, H), V (T, P, H), b (T, P), c (H,), with F features and P
    parameters a variable (both 1 for binary variables).

    Args:
        hidden: number H of hidden units.
        event_shape, conditional, ordering, num_classes: see `AutoregressiveModel`. A class adds its own c and b.

    >>> NADE((784,), hidden=500).num_parameters()
    785284
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        hidden: int = 500,
        conditional: Conditional | None = None,
        ordering: str | Sequence[int] | Tensor = "raster",
        num_classes: int | None = None,
    ) -> None:
        super().__init__(event_shape, conditional=conditional, ordering=ordering, num_classes=num_classes)
        if not isinstance(hidden, int) or hidden < 1:
            raise ValueError(f"hidden must be a positive int, got {hidden!r}")
        size, outputs, features = (
            self.num_variables,
            self.conditional.num_params,
            self.conditional.num_features,
        )
        self.hidden = hidden
        self.W = nn.Parameter(_uniform((size, features, hidden), fan_in=size))
        self.c = nn.Parameter(torch.zeros(hidden))
        self.V = nn.Parameter(_uniform((size, outputs, hidden), fan_in=hidden))
        self.b = nn.Parameter(self.conditional.initial_params().repeat(size, 1))
        self.class_c = self.class_b = None
        if num_classes is not None:
            self.class_c = nn.Embedding(num_classes, hidden)
            self.class_b = nn.Embedding(num_classes, size * outputs)
            nn.init.zeros_(self.class_c.weight)
            nn.init.zeros_(self.class_b.weight)

    def initial_sum(self, n: int, context: Tensor | None) -> Tensor:
        """a_0, the hidden pre-activation before any variable is seen: (n, H)."""
        a = self.c.expand(n, -1)
        return a if self.class_c is None else a + self.class_c(context)

    def params(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        features = self.conditional.features(x.flatten(1), self.dtype)  # (B, T, F)
        in_order = features.transpose(0, 1)[self.ordering]  # (T, B, F)
        a = self.initial_sum(len(x), context)
        out = _NADEPass.apply(in_order, self.W[self.ordering], a, self.V[self.ordering])  # (T, B, P)
        params = out[self.rank].transpose(0, 1) + self.b  # (B, T, P)
        if self.class_b is not None:
            params = params + self.class_b(context).view_as(params)
        return params.reshape(len(x), *self.event_shape, self.conditional.num_params)

    def cached_decoder(self, n: int, context: Tensor | None) -> Decoder:
        return NADEDecoder(self, n, context)


class _NADEPass(torch.autograd.Function):
    """V_t sigmoid(a_t) for all t, everything in drawing order.

    x (T, B, F), W (T, F, H), a (B, H), V (T, P, H) -> (T, B, P). Work memory is a few blocks (BLOCK, B, H).
    """

    @staticmethod
    @torch.amp.custom_fwd(device_type="cuda", cast_inputs=torch.float32)
    def forward(ctx: Any, x: Tensor, W: Tensor, a: Tensor, V: Tensor) -> Tensor:
        out = x.new_empty(len(x), x.shape[1], V.shape[1])
        h = a.new_empty(BLOCK, *a.shape)
        for out_, x_, W_, V_ in zip(*(tensor.split(BLOCK) for tensor in (out, x, W, V)), strict=True):
            a = _hidden(a, x_, W_, h)
            torch.bmm(h[: len(x_)], V_.transpose(1, 2), out=out_)
        ctx.save_for_backward(x, W, V, a)
        return out

    @staticmethod
    @once_differentiable
    @torch.amp.custom_bwd(device_type="cuda")
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Tensor | None, Tensor, Tensor, Tensor]:
        x, W, V, a = ctx.saved_tensors
        grad_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        grad_W, grad_V, grad_a = torch.empty_like(W), torch.empty_like(V), torch.zeros_like(a)
        buffers = [a.new_empty(BLOCK, *a.shape) for _ in range(3)]
        for start in reversed(range(0, len(x), BLOCK)):
            block = slice(start, start + BLOCK)
            h, grad_h, later = (buffer[: len(x[block])] for buffer in buffers)
            # The running sum at the block's start: what the block added is taken away again.
            a = a - x[block].transpose(0, 1).flatten(1) @ W[block].flatten(0, 1)
            _hidden(a, x[block], W[block], h)
            torch.bmm(grad_out[block].transpose(1, 2), h, out=grad_V[block])
            _products(grad_out[block], V[block], out=grad_h)
            torch.ops.aten.sigmoid_backward(grad_h, h, grad_input=grad_h)
            grad_a = _sums_from_the_end(grad_h, grad_a, later)
            torch.bmm(x[block].transpose(1, 2), later, out=grad_W[block])
            if grad_x is not None:
                torch.bmm(later, W[block].transpose(1, 2), out=grad_x[block])
        return grad_x, grad_W, grad_a, grad_V


def _hidden(a: Tensor, x: Tensor, W: Tensor, h: Tensor) -> Tensor:
    """From the running sum a (B, H) before a block: writes h of each of its steps, returns the sum after it."""
    # With one feature a variable the product is an outer one, which elementwise code does in a single sweep.
    add_product = torch.addcmul if x.shape[2] == 1 else torch.addmm
    sums = h[: len(x)].unbind()
    sums[0].copy_(a)
    for before, after, x_t, W_t in zip(sums, sums[1:], x, W, strict=False):
        add_product(before, x_t, W_t, out=after)
    after_block = add_product(sums[-1], x[-1], W[-1])
    torch.sigmoid(h, out=h)
    return after_block


def _products(left: Tensor, right: Tensor, out: Tensor) -> None:
    """Batched left (K, B, P) @ right (K, P, H); for P = 1 an elementwise product is faster."""
    if left.shape[2] == 1:
        torch.mul(left, right, out=out)
    else:
        torch.bmm(left, right, out=out)


def _sums_from_the_end(terms: Tensor, last: Tensor, later: Tensor) -> Tensor:
    """Writes later[k] = last + the terms after k; returns later[0] + terms[0]."""
    slots = later.unbind()
    slots[-1].copy_(last)
    for after, before, term in zip(slots[:0:-1], slots[-2::-1], terms.unbind()[:0:-1], strict=True):
        torch.add(after, term, out=before)
    return slots[0] + terms[0]


class NADEDecoder(Decoder):
    """Keeps the running sum: a value adds its column of W, O(hidden) work a step."""

    def _start(self) -> None:
        model, order = self.model, self.model.ordering
        self._W, self._V, self._b = model.W[order], model.V[order], model.b[order]
        self._class_b = None
        if model.class_b is not None:
            self._class_b = model.class_b(self.context).view(self.n, *model.b.shape)[:, order]
        self._a = model.initial_sum(self.n, self.context).clone()

    def _params(self) -> Tensor:
        params = torch.addmm(self._b[self.t], self._a.sigmoid(), self._V[self.t].T)
        return params if self._class_b is None else params + self._class_b[:, self.t]

    def _observed(self, x_t: Tensor) -> None:
        self._a += self.model.conditional.project(x_t, self._W[self.t - 1])

    def _restart(self, values: Tensor, t: int) -> None:
        features = self.model.conditional.features(values, self._a.dtype).flatten(1)
        self._a = self.model.initial_sum(self.n, self.context) + features @ self._W[:t].flatten(0, 1)


def _uniform(shape: tuple[int, ...], fan_in: int) -> Tensor:
    return torch.empty(shape).uniform_(-1, 1) * math.sqrt(3 / fan_in)
