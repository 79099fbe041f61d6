"""NADE: one hidden layer per conditional, all tied together by one running sum.

Source: H. Larochelle, I. Murray, "The Neural Autoregressive Distribution Estimator", 2011; B. Uria, M.-A. Cote,
K. Gregor, I. Murray, H. Larochelle, "Neural Autoregressive Distribution Estimation", 2016, for real-valued and
categorical variables. Differs from the papers: the gradient is computed by a backward pass of its own that rebuilds
the running sum by subtraction, so memory does not grow with batch x variables x hidden units.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from ..chain import AutoregressiveModel
from ..conditionals import Conditional
from ..decoder import Decoder

__all__ = ["NADE"]

# Steps handled together: enough to make the cost of calling operations small, few enough to stay in the cache.
BLOCK = 12


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
        super().__init__(
            event_shape, conditional=conditional, ordering=ordering, num_classes=num_classes
        )
        if type(hidden) is not int or hidden < 1:
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
        out = _NADEPass.apply(
            in_order, self.W[self.ordering], a, self.V[self.ordering]
        )  # (T, B, P)
        params = out[self.rank].transpose(0, 1) + self.b  # (B, T, P)
        if self.class_b is not None:
            params = params + self.class_b(context).view_as(params)
        return params.reshape(len(x), *self.event_shape, self.conditional.num_params)

    def cached_decoder(self, n: int, context: Tensor | None) -> Decoder:
        return NADEDecoder(self, n, context)


def _without_autocast(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keeps the dtype of the arguments also under autocast: a sum over hundreds of steps needs all its digits."""

    @functools.wraps(function)
    def wrapped(ctx: Any, first: Tensor, *others: Tensor) -> Any:
        with torch.autocast(first.device.type, enabled=False):
            return function(ctx, first, *others)

    return wrapped


class _NADEPass(torch.autograd.Function):
    """V_t sigmoid(a_t) for all t, everything in drawing order.

    x (T, B, F), W (T, F, H), a (B, H), V (T, P, H) -> (T, B, P). Work memory is a few blocks (BLOCK, B, H).
    """

    @staticmethod
    @_without_autocast
    def forward(ctx: Any, x: Tensor, W: Tensor, a: Tensor, V: Tensor) -> Tensor:
        out = x.new_empty(len(x), x.shape[1], V.shape[1])
        work = _Block(a)
        for out_, x_, W_, V_ in zip(
            *(tensor.split(BLOCK) for tensor in (out, x, W, V)), strict=True
        ):
            a = work.fill(a, x_, W_)
            torch.bmm(work.h[: len(x_)], V_.transpose(1, 2), out=out_)
        ctx.save_for_backward(x, W, V, a)
        return out

    @staticmethod
    @once_differentiable
    @_without_autocast
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Tensor | None, Tensor, Tensor, Tensor]:
        x, W, V, a = ctx.saved_tensors
        grad_x = torch.empty_like(x) if ctx.needs_input_grad[0] else None
        grad_W, grad_V, grad_a = torch.empty_like(W), torch.empty_like(V), torch.zeros_like(a)
        work, grad_h, later = _Block(a), a.new_empty(BLOCK, *a.shape), a.new_empty(BLOCK, *a.shape)
        grad_slots, later_slots = grad_h.unbind(), later.unbind()
        for start in reversed(range(0, len(x), BLOCK)):
            block = slice(start, start + BLOCK)
            x_, W_, V_, grad_ = x[block], W[block], V[block], grad_out[block]
            steps = len(x_)
            # The running sum at the block's start: what the block added is taken away again.
            a = a - x_.transpose(0, 1).flatten(1) @ W_.flatten(0, 1)
            work.fill(a, x_, W_)
            h, grad = work.h[:steps], grad_h[:steps]
            torch.bmm(grad_.transpose(1, 2), h, out=grad_V[block])
            _product(grad_, V_, out=grad)
            torch.ops.aten.sigmoid_backward(grad, h, grad_input=grad)
            # later[k] is what the steps after k send into the running sum.
            later_slots[steps - 1].copy_(grad_a)
            for k in range(steps - 1, 0, -1):
                torch.add(later_slots[k], grad_slots[k], out=later_slots[k - 1])
            torch.add(later_slots[0], grad_slots[0], out=grad_a)
            torch.bmm(x_.transpose(1, 2), later[:steps], out=grad_W[block])
            if grad_x is not None:
                torch.bmm(later[:steps], W_.transpose(1, 2), out=grad_x[block])
        return grad_x, grad_W, grad_a, grad_V


class _Block:
    """Memory for the hidden units h (BLOCK, B, H) of a few steps, used again for each block."""

    def __init__(self, a: Tensor) -> None:
        self.h = a.new_empty(BLOCK, *a.shape)
        self.slots = self.h.unbind()

    def fill(self, a: Tensor, x: Tensor, W: Tensor) -> Tensor:
        """From the running sum a (B, H) before a block: h of each of its steps. Returns the sum after it."""
        # With one feature a variable the product is an outer one, which elementwise code does in one sweep.
        add_product = torch.addcmul if x.shape[2] == 1 else torch.addmm
        last = len(x) - 1
        self.slots[0].copy_(a)
        for k, (x_t, W_t) in enumerate(zip(x[:last].unbind(), W[:last].unbind(), strict=True)):
            add_product(self.slots[k], x_t, W_t, out=self.slots[k + 1])
        after = add_product(self.slots[last], x[last], W[last])
        h = self.h[: last + 1]
        torch.sigmoid(h, out=h)
        return after


def _product(left: Tensor, right: Tensor, out: Tensor) -> None:
    """Batched left (K, B, P) @ right (K, P, H); for P = 1 an elementwise product is faster."""
    if left.shape[2] == 1:
        torch.mul(left, right, out=out)
    else:
        torch.bmm(left, right, out=out)


class NADEDecoder(Decoder):
    """Keeps the running sum: a value adds its column of W, O(hidden) work a step."""

    state = ("x", "_a")

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
        self.model.conditional.add_product_(self._a, x_t, self._W[self.t - 1])

    def _restart(self, values: Tensor, t: int) -> None:
        features = self.model.conditional.features(values, self._a.dtype).flatten(1)
        self._a = self.model.initial_sum(self.n, self.context) + features @ self._W[:t].flatten(
            0, 1
        )


def _uniform(shape: tuple[int, ...], fan_in: int) -> Tensor:
    return torch.empty(shape).uniform_(-1, 1) * math.sqrt(3 / fan_in)
