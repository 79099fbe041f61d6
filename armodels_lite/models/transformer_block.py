"""The block of a Transformer: attention between the steps, then a network within each, both added to the stream."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..attention import AttentionSteps, attend, attention_steps, rotate

__all__ = ["Block", "SelfAttention", "join_heads", "split_heads"]

Turn = tuple[Tensor, Tensor] | None


class SelfAttention(nn.Module):
    """Attention of the steps of a sequence to one another, by several heads side by side: (B, L, width) to the same."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)  # three matrices in one product
        self.merge = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None, turn: Turn) -> Tensor:
        q, k, v = split_heads(self.query_key_value(x), self.heads, turn)
        return self.merge(join_heads(attend(q, k, v, mask)))

    def steps(self, x: Tensor, mask: Tensor, turn: Turn) -> AttentionSteps:
        """What `forward` does before it merges the heads, written out."""
        return attention_steps(*split_heads(self.query_key_value(x), self.heads, turn), mask)


class Block(nn.Module):
    """h <- h + attention(norm(h)), then h <- h + W_2 gelu(W_1 norm(h)): (B, L, width) to the same."""

    def __init__(self, width: int, heads: int, expand: int, dropout: float) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = SelfAttention(width, heads)
        self.widen, self.narrow = nn.Linear(width, expand * width), nn.Linear(expand * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, h: Tensor, mask: Tensor | None, turn: Turn) -> Tensor:
        h = h + self.dropout(self.attention(self.norm_1(h), mask, turn))
        return h + self.dropout(self.narrow(F.gelu(self.widen(self.norm_2(h)))))

    @torch.no_grad()
    def initialise(self, branches: int) -> None:
        """Each of so many branches starts small enough for their sum to be of order one, however many there are."""
        attention = self.attention
        for layer in (attention.query_key_value, attention.merge, self.widen, self.narrow):
            layer.weight.normal_(std=1 / math.sqrt(layer.in_features))
            layer.bias.zero_()
        for last in (attention.merge, self.narrow):
            last.weight.div_(math.sqrt(branches))


def split_heads(x: Tensor, heads: int, turn: Turn) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values, each (B, heads, L, d), from all three side by side (B, L, 3 heads d)."""
    q, k, v = x.unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
    return (q, k, v) if turn is None else (rotate(q, *turn), rotate(k, *turn), v)


def join_heads(x: Tensor) -> Tensor:
    """(B, heads, L, d) to (B, L, heads d)."""
    return x.transpose(1, 2).flatten(2)
