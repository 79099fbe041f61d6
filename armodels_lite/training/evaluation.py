"""How good a model is: what data cost it, in nats per example and, for a density, in bits per dimension."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..base import Model, eval_mode
from ..density import DensityModel

__all__ = [
    "Evaluation",
    "bits_per_dim",
    "evaluate",
    "examples",
    "nats_per_example",
]

CHECKED_AT_ONCE = 4096  # examples

# What a pass keeps of more no longer fits a processor's cache: twice as slow, and gigabytes for long sequences.
VARIABLES_AT_ONCE = 2**16


@dataclass(frozen=True)
class Evaluation:
    """What a model's loss is on some data: for a density the negative log-likelihood.

    Attributes:
        nats: the mean per example.
        standard_error: of that mean, over the examples (not over trainings); NaN for a single example.
        bits_per_dim: nats / (D ln 2) with D variables an example; None for a model that is no density.
        unit: what bits_per_dim measures: "bits/dim", or "bits/dim (differential)" for continuous variables,
            where the value depends on the unit of the data and may be negative; "" where there is none.
        n: the number of examples.
        per_example: (n,) float64 on the CPU, nats of each; two models on the same data are compared by the
            differences of these.
    """

    nats: float
    standard_error: float
    bits_per_dim: float | None
    unit: str
    n: int
    per_example: Tensor = field(repr=False)

    def __str__(self) -> str:
        nats = f"{self.nats:.2f} ± {self.standard_error:.2f} nats"
        bits = "" if self.bits_per_dim is None else f", {self.bits_per_dim:.3f} {self.unit}"
        return f"{nats}{bits} (n={self.n})"


def evaluate(model: Model, data: object, *, batch_size: int | None = None) -> Evaluation:
    """Measure a model on data, where the model is and in its own precision, in eval mode without gradients.

    Args:
        model: any model with a loss in nats. Its train or eval mode is restored afterwards.
        data: a split with `.x` and `.y`, a tensor of events (B, *event_shape), or a pair (x, y). y is used
            only by conditional models and classifiers.
        batch_size: examples at once; changes memory and time, not the result beyond rounding. Unless given, 256, or
            fewer where an example has many variables.

    Raises:
        ValueError, TypeError: data that do not fit the model, an empty set, a batch size below 1.

    >>> import armodels_lite as ar
    >>> model = ar.FVSBN((2,))                                     # starts as two fair coins
    >>> print(ar.evaluate(model, torch.tensor([[0.0, 1.0], [1.0, 1.0]])))
    1.39 ± 0.00 nats, 1.000 bits/dim (n=2)
    """
    x, context = examples(model, data, "data")
    if batch_size is None:
        batch_size = max(1, min(256, VARIABLES_AT_ONCE // max(1, x[0].numel())))
    if not isinstance(batch_size, int) or batch_size < 1:
        raise ValueError(f"batch_size is {batch_size!r}; accepted: an int of at least 1")
    check_all(model, x, context, model.device)
    nats = nats_per_example(model, x, context, batch_size, model.device)
    error = nats.std().item() / math.sqrt(len(nats)) if len(nats) > 1 else math.nan
    mean = nats.mean().item()
    bits, unit = None, ""
    if isinstance(model, DensityModel):
        bits = mean / (x[0].numel() * math.log(2))
        unit = "bits/dim (differential)" if _is_continuous(model) else "bits/dim"
    return Evaluation(mean, error, bits, unit, len(nats), nats)


def bits_per_dim(model: DensityModel, x: Tensor, context: Tensor | None = None) -> float:
    """Mean negative log-likelihood of x (B, *event_shape) in bits per dimension: nats / (D ln 2).

    For continuous variables this is the differential value: it depends on the unit of x and may be negative.

    Raises:
        ValueError, TypeError: as `model.log_prob`; for a model that is no density; for an empty batch.

    >>> import armodels_lite as ar
    >>> round(ar.bits_per_dim(ar.FVSBN((3,)), torch.ones(1, 3)), 6)
    1.0
    """
    if not isinstance(model, DensityModel):
        raise TypeError(f"bits per dimension need a density p(x), got {type(model).__name__}")
    if not isinstance(x, Tensor):
        raise TypeError(f"x must be a tensor, got {type(x).__name__}")
    conditional = model.num_classes is not None or model.context_shape is not None
    if context is not None and not conditional:
        raise ValueError(f"this {type(model).__name__} is not conditional, but a context was given")
    return evaluate(model, (x, context)).bits_per_dim


def examples(model: Model, data: object, name: str) -> tuple[Tensor, Tensor | None]:
    """Events and context in a split, a tensor or a pair; the context is None for a model that takes none.

    Raises:
        TypeError: for anything else.
        ValueError: an empty set, events without any value, or not as many labels as events.
    """
    if isinstance(data, Tensor):
        x, y = data, None
    elif isinstance(data, (tuple, list)) and len(data) == 2:
        x, y = data
    elif hasattr(data, "x"):
        x, y = data.x, getattr(data, "y", None)
    else:
        hint = "; pass one of its splits, such as data.train" if hasattr(data, "train") else ""
        raise TypeError(
            f"{name} must be a split with .x and .y, a tensor or a pair (x, y), got {type(data).__name__}{hint}"
        )
    if not isinstance(x, Tensor) or not (y is None or isinstance(y, Tensor)):
        raise TypeError(f"{name} must hold tensors, got {type(x).__name__} and {type(y).__name__}")
    if x.dim() == 0 or len(x) == 0:
        raise ValueError(f"{name} holds no examples (x has shape {tuple(x.shape)})")
    if x.numel() == 0:
        raise ValueError(f"{name} holds events without any value (x has shape {tuple(x.shape)})")
    if y is not None and len(y) != len(x):
        raise ValueError(f"{name} holds {len(x)} events and {len(y)} labels; they must be as many")
    conditional = model.num_classes is not None or model.context_shape is not None
    return x, (y if conditional else None)


def check_all(model: Model, x: Tensor, context: Tensor | None, device: torch.device) -> None:
    """`model.check` on all examples, a few thousand at a time; inner loops can then do without."""
    for start in range(0, len(x), CHECKED_AT_ONCE):
        part = slice(start, start + CHECKED_AT_ONCE)
        model.check(x[part].to(device), None if context is None else context[part].to(device))


@torch.no_grad()
def nats_per_example(
    model: Model, x: Tensor, context: Tensor | None, batch_size: int, device: torch.device
) -> Tensor:
    """Nats of each of the checked examples, (n,) float64 on the CPU."""
    parts = []
    with eval_mode(model):
        for start in range(0, len(x), batch_size):
            part = slice(start, start + batch_size)
            given = None if context is None else context[part].to(device)
            parts.append(model._nats(x[part].to(device), given))
    return torch.cat(parts).cpu().double()


def _is_continuous(model: DensityModel) -> bool:
    """Whether the model gives densities; where it has no `conditional`, float events say so."""
    conditional = getattr(model, "conditional", None)
    if conditional is not None:
        return not conditional.discrete
    return not getattr(model, "discrete", not model.event_dtype.is_floating_point)
