"""Attention: a query looks at the keys it may see and takes the mean of their values, weighted by how well they fit.

Source: A. Vaswani et al., "Attention Is All You Need", 2017.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["AttentionSteps", "attend", "attention_steps", "rotate"]


@dataclass(frozen=True)
class AttentionSteps:
    """Everything between queries, keys and values and the output, step by step.

    Attributes:
        queries: (..., L, d), one for each step that looks.
        keys, values: (..., S, d), one for each step that is looked at.
        scores: (..., L, S) query . key.
        scaled: the scores over sqrt(d).
        masked: -inf where a query may not look.
        weights: softmax of these over the keys; a row sums to 1.
        output: (..., L, d), the values weighted and summed.
    """

    queries: Tensor
    keys: Tensor
    values: Tensor
    scores: Tensor
    scaled: Tensor
    masked: Tensor
    weights: Tensor
    output: Tensor


def attention_steps(
    queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None
) -> AttentionSteps:
    """Attention written out, to look at: softmax(Q K^T / sqrt(d)) V, with every intermediate result.

    Args:
        queries: (..., L, d).
        keys, values: (..., S, d).
        mask: bool (L, S), True where a query may look; each row needs a True. None: everywhere.

    >>> one = torch.eye(2)
    >>> steps = attention_steps(one, one, one, mask=torch.tensor([[True, False], [True, True]]))
    >>> steps.weights
    tensor([[1.0000, 0.0000],
            [0.3302, 0.6698]])
    """
    scores = queries @ keys.transpose(-2, -1)
    scaled = scores / math.sqrt(queries.shape[-1])
    masked = scaled if mask is None else scaled.masked_fill(~mask, -math.inf)
    weights = masked.softmax(-1)
    return AttentionSteps(
        queries, keys, values, scores, scaled, masked, weights, output=weights @ values
    )


def attend(queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """The output of `attention_steps` by the fused kernel, which keeps no (L, S) matrix in memory.

    mask: bool (L, S), or None for the causal one: query t sees the keys up to t, where L = S; a single query sees all.
    """
    causal = mask is None and queries.shape[-2] > 1
    return F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, is_causal=causal)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position: turn each pair (x_i, x_{i + d/2}) by the angle of its step; x (..., L, d), cos, sin (L, d/2).

    A query turned by t and a key turned by s have the same dot product for every pair of steps t - s apart.

    Source: J. Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021.
    """
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)
