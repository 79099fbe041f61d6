"""Filters that cut the unlikely levels off a discrete distribution before a value is drawn."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["top_k", "top_p"]


def top_k(k: int) -> Callable[[Tensor], Tensor]:
    """Keep the k most probable levels; of equally probable ones the lower level goes first.

    Returns a function on log-probabilities (..., K) that puts -inf on the levels cut off. k may exceed K.
    Source: A. Fan, M. Lewis, Y. Dauphin, "Hierarchical Neural Story Generation", 2018.

    >>> import torch
    >>> top_k(2)(torch.tensor([0.5, 0.2, 0.3]).log()).exp()
    tensor([0.5000, 0.0000, 0.3000])
    """
    if not isinstance(k, int) or isinstance(k, bool) or k < 1:
        raise ValueError(f"top_k needs an int of at least 1, got {k!r}")

    def keep(log_probs: Tensor) -> Tensor:
        order = log_probs.argsort(dim=-1, descending=True, stable=True)
        return log_probs.scatter(-1, order[..., k:], -math.inf)

    return keep


def top_p(p: float) -> Callable[[Tensor], Tensor]:
    """Keep the smallest set of most probable levels whose probability reaches p, 0 < p <= 1 (the nucleus).

    Returns a function on log-probabilities (..., K) that puts -inf on the levels cut off.
    Source: A. Holtzman, J. Buys, L. Du, M. Forbes, Y. Choi, "The Curious Case of Neural Text Degeneration", 2020.

    >>> import torch
    >>> top_p(0.7)(torch.tensor([0.5, 0.2, 0.3]).log()).exp()
    tensor([0.5000, 0.0000, 0.3000])
    """
    if not isinstance(p, (int, float)) or not 0 < p <= 1:
        raise ValueError(f"top_p needs a number above 0 and at most 1, got {p!r}")

    def keep(log_probs: Tensor) -> Tensor:
        ordered, order = log_probs.sort(dim=-1, descending=True, stable=True)
        # What the more probable levels hold already. Not below 1 can only be rounding, so p = 1 cuts nothing off.
        before = ordered.double().softmax(-1).cumsum(-1).roll(1, -1)
        before[..., 0] = 0
        ordered = ordered.masked_fill((before >= p) & (p < 1), -math.inf)
        return torch.empty_like(log_probs).scatter(-1, order, ordered)

    return keep
