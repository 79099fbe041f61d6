"""Models whose parameters are probabilities themselves: found by counting, not by gradients."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..chain import AutoregressiveModel
from .counting import check_counting

__all__ = ["IndependentBernoulli"]


class IndependentBernoulli(AutoregressiveModel):
    """Every binary variable by itself: p(x) = prod_i p(x_i), a coin for each position.

    Args:
        event_shape, ordering: see `AutoregressiveModel`. The order changes nothing here.

    >>> model = IndependentBernoulli((2,))
    >>> model.count(torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]), pseudocount=0).probs
    tensor([0.6667, 0.3333])
    """

    def __init__(
        self, event_shape: Sequence[int], *, ordering: str | Sequence[int] | Tensor = "raster"
    ) -> None:
        super().__init__(event_shape, ordering=ordering)
        self.logits = nn.Parameter(torch.zeros(self.event_shape))

    @property
    def probs(self) -> Tensor:
        """p(x_i = 1) for every position, shape event_shape."""
        return self.logits.detach().sigmoid()

    @torch.no_grad()
    def count(self, x: Tensor, pseudocount: float = 1.0) -> IndependentBernoulli:
        """Set the maximum-likelihood estimate k / n from events x (B, *event_shape); returns the model.

        With a pseudocount a the estimate is (k + a) / (n + 2a): as if a ones and a zeros had been seen besides. Without
        one, a variable that never changed in x gets probability 0 or 1, and an event that disagrees log p = -inf.

        Raises:
            ValueError, TypeError: for events that do not fit, no events, or a negative pseudocount.
        """
        check_counting(self, x, pseudocount)
        ones, zeros = x.sum(0) + pseudocount, (1 - x).sum(0) + pseudocount
        self.logits.copy_(ones.log() - zeros.log())
        return self

    def params(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        return self.logits.unsqueeze(-1).expand(len(x), *self.logits.shape, 1)
