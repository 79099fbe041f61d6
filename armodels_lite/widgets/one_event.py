"""What widgets that draw a single event need: its noise from a seed, batches of one, and a model that fits."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..chain import AutoregressiveModel
from ..density import DensityModel
from ..distributions import uniform_noise

__all__ = [
    "as_batch_of_one",
    "check_grey_model",
    "context_of_one",
    "next_seed",
    "seeded_noise",
    "seeded_uniform",
]

SEEDS = 2**64
LARGEST = 32  # pixels, for a side of an image


def seeded_noise(model: DensityModel, seed: int) -> Tensor:
    """The noise (1, *event_shape) with which `model.sample(1, generator=...)` draws after `manual_seed(seed)`.

    Raises ValueError for a seed that is no int from 0 to 2^64 - 1.
    """
    return seeded_uniform((1, *model.event_shape), seed).to(model.device)


def seeded_uniform(shape: tuple[int, ...], seed: int) -> Tensor:
    """`uniform_noise` of this shape after `manual_seed(seed)`; raises as `seeded_noise`."""
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < SEEDS:
        raise ValueError(f"seed must be an int from 0 to 2^64 - 1, got {seed!r}")
    return uniform_noise(shape, generator=torch.Generator().manual_seed(seed))


def next_seed(seed: int | None) -> int:
    """The seed of the next noise; 0 comes after the last, and after noise that was given (None).

    >>> next_seed(None), next_seed(3)
    (0, 4)
    """
    return 0 if seed is None else (seed + 1) % SEEDS


def as_batch_of_one(name: str, x: Tensor, shape: Sequence[int]) -> Tensor:
    """x (1, *shape), given with or without its batch axis.

    Raises:
        TypeError, ValueError: x is no tensor, or of another shape; the message calls it by `name`.
    """
    if not isinstance(x, Tensor):
        raise TypeError(f"{name} must be a torch.Tensor, got {type(x).__name__}")
    if tuple(x.shape) not in (tuple(shape), (1, *shape)):
        raise ValueError(
            f"{name} for one event has shape {(1, *shape)} or {tuple(shape)}, got {tuple(x.shape)}"
        )
    return x.reshape(1, *shape)


def context_of_one(model: DensityModel, context: int | Tensor | None) -> Tensor | None:
    """The context of one event as a batch: a class as an int, or a tensor with or without its batch axis.

    Raises TypeError or ValueError as `as_batch_of_one`.
    """
    if context is None:
        return None
    if isinstance(context, int):
        return torch.tensor([context], device=model.device)
    return as_batch_of_one("context", context, model.context_shape or ())


def check_grey_model(model: AutoregressiveModel) -> None:
    """Raise unless this is an autoregressive model of levels, of images of one channel, that needs no context."""
    if not isinstance(model, AutoregressiveModel):
        raise TypeError(f"model must be an AutoregressiveModel, got {type(model).__name__}")
    if model.levels is None:
        raise ValueError(
            "model must be of levels, with ar.Categorical, ar.LogisticMixture or ar.Bernoulli as conditional; "
            f"it has {model.conditional!r}"
        )
    shape = model.event_shape
    if len(shape) != 3 or shape[0] != 1 or max(shape) > LARGEST:
        raise ValueError(
            f"model must be of images of one channel, (1, H, W) with H and W up to {LARGEST}; its events have shape "
            f"{shape}"
        )
    if model.num_classes is not None or model.context_shape is not None:
        raise ValueError("model must be one without classes and without context")
