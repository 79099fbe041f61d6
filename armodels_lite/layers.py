"""Layers that the models share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = [
    "ACTIVATIONS",
    "CausalConv2d",
    "Masked",
    "MaskedLinear",
    "gate",
    "layer_sizes",
    "shift_down",
]

ACTIVATIONS = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}  # what a model's `activation` may name


def layer_sizes(name: str, sizes: Sequence[int]) -> tuple[int, ...]:
    """The sizes of some layers as a tuple; ValueError, naming the argument, unless they are positive ints."""
    # No range and no generator: the config of a saved model could not hold them.
    if not isinstance(sizes, (list, tuple)) or not all(type(k) is int and k > 0 for k in sizes):
        raise ValueError(
            f"{name} must be a tuple of positive ints such as (500, 500), got {sizes!r}"
        )
    return tuple(sizes)


class Masked(nn.Module):
    """A layer whose weight is multiplied by a mask of its shape, True where a connection exists.

    The mask multiplies in `forward`, so a loaded or edited weight cannot leak through a connection that does not
    exist. Each output starts with a scale that fits the number of its own connections: weights of variance
    gain^2 / count, biases within 1 / sqrt(count).
    """

    def _set_mask(self, mask: Tensor, gain: float, count: float | None = None) -> None:
        # A float mask multiplies faster than a bool one. It follows from the constructor, so it is not saved.
        self.register_buffer("mask", mask.to(self.weight.dtype), persistent=False)
        connections = self.mask.sum(tuple(range(1, mask.dim())), keepdim=True)
        if count is not None:
            connections.fill_(count)
        connections.clamp_(min=1)
        with torch.no_grad():
            self.weight.uniform_(-1, 1).mul_(gain * (3 / connections).sqrt())
            if self.bias is not None:
                # Not zero: a unit with one binary input and a negative weight would never fire, so never learn.
                self.bias.uniform_(-1, 1).div_(connections.flatten().sqrt())

    def masked_weight(self) -> Tensor:
        """The weight, exactly zero where no connection exists."""
        return self.weight * self.mask

    def num_parameters(self) -> int:
        """Entries that the mask leaves free, biases included."""
        return int(self.mask.count_nonzero()) + (0 if self.bias is None else self.bias.numel())


class MaskedLinear(Masked, nn.Linear):
    """A linear layer whose weight is multiplied by a mask: y = (mask * W) x + b. See `Masked`.

    mask: bool (out_features, in_features). With `count` given, that number takes the place of every row's own number
    of connections: for masks that change.
    """

    def __init__(
        self, mask: Tensor, *, gain: float = 1.0, bias: bool = True, count: float | None = None
    ) -> None:
        out_features, in_features = mask.shape
        super().__init__(in_features, out_features, bias=bias)
        self._set_mask(mask, gain, count)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(..., in_features) to (..., out_features); a mask given here, of the weight's dtype, replaces the own one."""
        mask = self.mask if mask is None else mask
        return F.linear(x, _Masked.apply(self.weight, mask), self.bias)


class CausalConv2d(Masked, nn.Conv2d):
    """A convolution that looks at the rows up to a pixel's own, with zeros around so that the size stays. See `Masked`.

    A kernel whose lower half a mask switches off (`convolution_mask`) is the same function without these rows: they
    are not stored and not computed, which leaves 28 of 49 taps of a kernel 7x7.

    Args:
        mask: bool (out_channels, in_channels, rows, columns); the last row is the pixel's own.
        ahead: how many of the columns lie right of the pixel's own; half of them, rounded down, unless given.
        stride: s gives an output to every s-th pixel of every s-th row, beginning with the first.
    """

    def __init__(
        self,
        mask: Tensor,
        *,
        ahead: int | None = None,
        stride: int = 1,
        gain: float = 1.0,
        bias: bool = True,
    ) -> None:
        out_channels, in_channels, rows, columns = mask.shape
        super().__init__(in_channels, out_channels, (rows, columns), stride=stride, bias=bias)
        self.ahead = columns // 2 if ahead is None else ahead
        self.behind, self.above = columns - 1 - self.ahead, rows - 1
        self._set_mask(mask, gain)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) to (B, out_channels, H, W), with a stride s (.., ceil(H / s), ceil(W / s))."""
        if self.above or self.behind or self.ahead:
            x = F.pad(x, (self.behind, self.ahead, self.above, 0))
        return self._conv_forward(x, self.masked_weight(), self.bias)


def shift_down(x: Tensor) -> Tensor:
    """Each row of (..., H, W) in the place of the one below it; zeros in the first."""
    return F.pad(x[..., :-1, :], (0, 0, 1, 0))


def gate(x: Tensor, dim: int) -> Tensor:
    """tanh(a) sigmoid(b), where a and b are the halves of x along `dim`: b decides how much of a passes."""
    signal, opening = x.chunk(2, dim)
    return signal.tanh() * opening.sigmoid()


class _Masked(torch.autograd.Function):
    """weight * mask, with a gradient that is masked in place: one large tensor less to write in every step.

    In place is safe because the masked weight goes into one matrix product only, whose gradient nobody else holds.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, mask: Tensor) -> Tensor:
        ctx.save_for_backward(mask)
        return weight * mask

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (mask,) = ctx.saved_tensors
        return grad.mul_(mask), None
