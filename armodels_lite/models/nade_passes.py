"""NADE's sums over all steps, with gradients computed by hand: memory does not grow with steps x batch x hidden.

Left to autograd, NADE keeps every hidden layer. Here the steps are handled in blocks, everything in drawing order, and
work memory is a few blocks (BLOCK, B, H). With g_t the gradient with respect to a_t's own use in step t,

    gradient of W_t = x_t (g_{t+1} + ... + g_T)        as W_t enters every later running sum
                    = x_t (g_1 + ... + g_T)  -  x_t (g_1 + ... + g_t).

`Outputs` uses the first line: it sweeps forward for the outputs and, when the gradient comes, backward, rebuilding the
running sum by subtraction. `LossAndGradient` uses the second: for the mean negative log-likelihood, g_t is known as
soon as step t is done, so one forward sweep gives the loss and the gradient, and no hidden layer is computed twice.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..conditionals import Conditional

# Steps handled together: enough to make the cost of calling operations small, few enough to stay in the cache.
BLOCK = 16


def _without_autocast(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keeps the dtype of the arguments also under autocast: a sum over hundreds of steps needs all its digits."""

    @functools.wraps(function)
    def wrapped(ctx: Any, first: Tensor, *others: Tensor) -> Any:
        with torch.autocast(first.device.type, enabled=False):
            return function(ctx, first, *others)

    return wrapped


class Outputs(torch.autograd.Function):
    """V_t sigmoid(a_t) for all t: x (T, B, F), W (T, F, H), a (B, H), V (T, P, H) -> (T, B, P)."""

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


class LossAndGradient(torch.autograd.Function):
    """Mean negative log-likelihood of values (T, B), in nats; b (T, B, P), the other tensors as for `Outputs`."""

    @staticmethod
    @_without_autocast
    def forward(
        ctx: Any,
        x: Tensor,
        W: Tensor,
        a: Tensor,
        V: Tensor,
        b: Tensor,
        values: Tensor,
        conditional: Conditional,
    ) -> Tensor:
        out, grad_out = torch.empty_like(b), torch.empty_like(b)
        grad_W, grad_V = torch.empty_like(W), torch.empty_like(V)
        work, grad_a, sums = _Block(a), a.new_empty(BLOCK, *a.shape), a.new_empty(BLOCK, *a.shape)
        grad_slots, sum_slots = grad_a.unbind(), sums.unbind()
        so_far = torch.zeros_like(a)  # g_1 + ... + g_t
        for start in range(0, len(x), BLOCK):
            block = slice(start, start + BLOCK)
            x_, W_, V_, grad_ = x[block], W[block], V[block], grad_out[block]
            steps = len(x_)
            a = work.fill(a, x_, W_)
            h, grad = work.h[:steps], grad_a[:steps]
            torch.baddbmm(b[block], h, V_.transpose(1, 2), out=out[block])
            score = conditional.distribution(out[block]).score(values[block])
            torch.mul(score, -1 / len(a), out=grad_)
            torch.bmm(grad_.transpose(1, 2), h, out=grad_V[block])
            _product(grad_, V_, out=grad)
            torch.ops.aten.sigmoid_backward(grad, h, grad_input=grad)
            for g, slot in zip(grad_slots[:steps], sum_slots[:steps], strict=True):
                so_far = torch.add(so_far, g, out=slot)
            torch.bmm(x_.transpose(1, 2), sums[:steps], out=grad_W[block])
        torch.sub(torch.matmul(x.transpose(1, 2), so_far), grad_W, out=grad_W)
        grad_W[-1] = 0  # the last variable feeds nothing; the subtraction leaves a rounding error
        ctx.save_for_backward(grad_W, so_far, grad_V, grad_out)
        return -conditional.distribution(out).log_prob(values).sum() / len(a)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor) -> tuple[Tensor | None, ...]:
        grad_W, grad_a, grad_V, grad_b = (grad_loss * grad for grad in ctx.saved_tensors)
        return None, grad_W, grad_a, grad_V, grad_b, None, None


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
