"""What every model of the course offers: checks at the entry, a loss to train with, saving and loading."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

import torch
from torch import Tensor, nn

from .arguments import sizes
from .layers import Masked
from .saving import SavedModel

__all__ = ["Model", "eval_mode", "frozen"]


class Model(SavedModel):
    """A network over events of one shape, with a loss in nats.

    A subclass implements `_nats` and `event_dtype`.

    Args:
        event_shape: shape of one event, for instance (784,) or (1, 28, 28); T is its product.
        num_classes: makes the model class-conditional; `context` is then int64 (B,).
        context_shape: makes it conditional on a float tensor; `context` is then (B, *context_shape).

    Raises:
        ValueError: for an event shape or a number of classes that makes no sense.
    """

    _context_name: ClassVar[str] = "context"  # what error messages call the second input

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        num_classes: int | None = None,
        context_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        if num_classes is not None and context_shape is not None:
            raise ValueError("give num_classes or context_shape, not both")
        self.event_shape = sizes("event_shape", event_shape)
        self.context_shape = (
            None if context_shape is None else sizes("context_shape", context_shape)
        )
        if num_classes is not None and (type(num_classes) is not int or num_classes < 1):
            raise ValueError(f"num_classes must be a positive int, got {num_classes!r}")
        self.num_classes = num_classes
        self.num_variables = math.prod(self.event_shape)

    # -- what a subclass says ------------------------------------------------------------------------------------

    @property
    def event_dtype(self) -> torch.dtype:
        """The dtype that events must have."""
        raise NotImplementedError

    def _nats(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """What each of the checked examples costs, (B,) in nats: the loss is the mean of it."""
        raise NotImplementedError

    def _check_values(self, x: Tensor) -> None:
        """Raise ValueError for values that cannot occur."""

    # -- what follows --------------------------------------------------------------------------------------------

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def loss(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """What an example of the batch costs on average, in nats: the scalar that training minimises.

        For a density that is the mean negative log-likelihood, for a classifier the cross-entropy.

        Raises:
            ValueError, TypeError: a wrong shape, dtype, device, value or context; an empty batch.
        """
        self.check(x, context)
        if len(x) == 0:
            raise ValueError("the loss is a mean over a batch, and this batch is empty")
        return self._loss(x, context)

    def _loss(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        return self._nats(x, context).mean()

    def check(self, x: Tensor, context: Tensor | None = None) -> None:
        """Raise ValueError or TypeError unless x is a batch of events of this model, and context fits it.

        Looks at values, so on a GPU it waits for the device: call it once at entry, not in an inner loop.
        """
        self.check_events(x)
        self.check_context(context, len(x))

    def check_events(self, x: Tensor) -> None:
        """Raise ValueError or TypeError unless x is a batch of events of this model."""
        self._check_tensor("x", x, self._accepted_shape(x), self.event_dtype, self._also_accepted)
        self._check_values(x)

    def check_context(self, context: Tensor | None, n: int) -> None:
        """Raise ValueError or TypeError unless `context` is what this model needs for n events."""
        if self.num_classes is None and self.context_shape is None:
            if context is not None:
                raise ValueError(
                    f"this {type(self).__name__} is not conditional, but a context was given"
                )
            return
        if context is None:
            need = (
                f"int64 classes (B,) in 0..{self.num_classes - 1}"
                if self.num_classes
                else f"a float context (B, {', '.join(map(str, self.context_shape))})"
            )
            raise ValueError(
                f"this {type(self).__name__} is conditional: give {need} as {self._context_name}"
            )
        shape, dtype = ((), torch.int64) if self.num_classes else (self.context_shape, self.dtype)
        self._check_tensor(self._context_name, context, shape, dtype)
        if len(context) != n:
            raise ValueError(f"{self._context_name} holds {len(context)} entries for {n} events")
        if (
            self.num_classes
            and n
            and not (0 <= int(context.min()) and int(context.max()) < self.num_classes)
        ):
            low, high = int(context.min()), int(context.max())
            raise ValueError(f"classes are 0 to {self.num_classes - 1}, got {low} to {high}")
        if self.context_shape and not torch.isfinite(context).all():
            raise ValueError(
                f"context must be finite, got {context[~torch.isfinite(context)][0].item()}"
            )

    def _accepted_shape(self, x: Tensor) -> tuple[int, ...]:
        """The shape that each event of the batch x must have."""
        return self.event_shape

    @property
    def _also_accepted(self) -> str:
        """What an error about the shape of x says after the shape of whole events."""
        return ""

    def _check_tensor(
        self, name: str, x: Tensor, shape: tuple[int, ...], dtype: torch.dtype, besides: str = ""
    ) -> None:
        if not isinstance(x, Tensor):
            raise TypeError(f"{name} must be a torch.Tensor, got {type(x).__name__}")
        if x.dim() != 1 + len(shape) or tuple(x.shape[1:]) != shape:
            accepted = f"(B, {', '.join(map(str, shape))})" if shape else "(B,)"
            raise ValueError(f"{name} must have shape {accepted}{besides}, got {tuple(x.shape)}")
        if x.dtype != dtype:
            raise TypeError(f"{name} must be {dtype} for this model, got {x.dtype}")
        if x.device != self.device:
            raise ValueError(f"{name} is on {x.device}, the model on {self.device}")

    def num_parameters(self) -> int:
        """Number of free parameters: masked entries of a weight do not count."""
        masked = sum(
            m.num_parameters() - m.weight.numel() - (0 if m.bias is None else m.bias.numel())
            for m in self.modules()
            if isinstance(m, Masked)
        )
        return sum(p.numel() for p in self.parameters()) + masked


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """No gradients for the parameters inside: those of what goes in cost half as much then."""
    free = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in free:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in free:
            parameter.requires_grad_(True)


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Eval mode inside; afterwards each part of the model is in the mode it had."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
