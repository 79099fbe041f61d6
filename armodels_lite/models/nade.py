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
        x = x.contiguous()
        out = x.new_empty(len(x), x.shape[1], V.shape[1])
        sums = a.new_empty(BLOCK, *a.shape)
        a = a.clone()
        for start in range(0, len(x), BLOCK):
            block = slice(start, start + BLOCK)
            a, h = _hidden(a, x[block], W[block], sums)
            torch.bmm(h, V[block].transpose(1, 2), out=out[block])
        ctx.save_for_backward(x, W, V, a)
        return out

    @staticmethod
    @once_differentiable
    @torch.amp.custom_bwd(device_type="cuda")
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        x, W, V, a = ctx.saved_tensors
        grad_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        grad_W, grad_V = torch.empty_like(W), torch.empty_like(V)
        grad_a = torch.zeros_like(a)  # what flows into the running sum from all later steps
        sums, later = a.new_empty(BLOCK, *a.shape), a.new_empty(BLOCK, *a.shape)
        for start in reversed(range(0, len(x), BLOCK)):
            block = slice(start, start + BLOCK)
            # The running sum at the block's start: what the block added is taken away again.
            a = a - x[block].transpose(0, 1).flatten(1) @ W[block].flatten(0, 1)
            _, h = _hidden(a, x[block], W[block], sums)
            torch.bmm(grad_out[block].transpose(1, 2), h, out=grad_V[block])
            grad_h = torch.bmm(grad_out[block], V[block])
            grad_sums = torch.ops.aten.sigmoid_backward(grad_h, h)
            for step in reversed(range(len(h))):
                later[step] = grad_a
                grad_a += grad_sums[step]
            torch.bmm(x[block].transpose(1, 2), later[: len(h)], out=grad_W[block])
            if grad_x is not None:
                torch.bmm(later[: len(h)], W[block].transpose(1, 2), out=grad_x[block])
        return grad_x, grad_W, grad_a, grad_V


def _hidden(a: Tensor, x: Tensor, W: Tensor, sums: Tensor) -> tuple[Tensor, Tensor]:
    """From the running sum at a block's start: the sum at its end (B, H), and h of each step (steps, B, H)."""
    steps = len(x)
    sums[0] = a
    for step in range(steps - 1):
        torch.addmm(sums[step], x[step], W[step], out=sums[step + 1])
    end = torch.addmm(sums[steps - 1], x[steps - 1], W[steps - 1])
    return end, sums[:steps].sigmoid_()


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
