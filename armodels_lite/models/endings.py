"""The symbol that ends a sequence: after it nothing else can come, so that shorter sequences have probabilities too."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..conditionals import Categorical

if TYPE_CHECKING:
    from ..chain import AutoregressiveModel

__all__ = ["after_end", "checked_end", "only_end"]


def checked_end(model: AutoregressiveModel, end: int | None, *, forwards: bool) -> int | None:
    """`end`, if it can end the sequences of this model; ValueError if not."""
    if end is None:
        return None
    if not isinstance(model.conditional, Categorical) or len(model.event_shape) != 1:
        raise ValueError(
            f"end needs events (T,) with a Categorical conditional, got {model.event_shape} "
            f"with {model.conditional!r}"
        )
    if not forwards:
        raise ValueError("end stands behind a sequence, so the ordering must be 'raster'")
    if type(end) is not int or not 0 <= end < model.levels:
        raise ValueError(f"end must be a level 0 to {model.levels - 1}, got {end!r}")
    return end


def after_end(x: Tensor, end: int) -> Tensor:
    """Bool (B, L): is there an end before this step, for the symbols x (B, L)?"""
    ended = (x == end).cumsum(1).roll(1, 1).bool()
    ended[:, :1] = False
    return ended


def only_end(model: AutoregressiveModel) -> Tensor:
    """The logits (K,) after the end: nothing but `model.end` has a probability."""
    logits = torch.full((model.conditional.num_params,), -math.inf, dtype=model.dtype)
    logits[model.end] = 0
    return logits.to(model.device)
