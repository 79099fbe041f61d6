"""NADE: one hidden layer per conditional, all tied together by one running sum.

Source: H. Larochelle, I. Murray, "The Neural Autoregressive Distribution Estimator", 2011; B. Uria, M.-A. Cote,
K. Gregor, I. Murray, H. Larochelle, "Neural Autoregressive Distribution Estimation", 2016, for real-valued and
categorical variables. Differs from the papers: passes of its own (`nade_passes`) compute the gradient, so that memory
does not grow with batch x variables x hidden units.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..chain import AutoregressiveModel
from ..conditionals import Conditional
from ..decoder import Decoder
from .nade_passes import LossAndGradient, Outputs

__all__ = ["NADE"]


class NADE(AutoregressiveModel):
    """Neural autoregressive distribution estimator.

        a_t = c + sum over i < t of W_i x_i          (a running sum: one column of W is added a step)
        h_t = sigmoid(a_t)
        parameters of x_t = b_t + V_t h_t

    Weights belong to positions in storage layout: W (T, F, H), V (T, P, H), b (T, P), c (H,), with F features and P
    parameters a variable (both 1 for binary variables).

    Args:
        hidden: number H of hidden units.
        event_shape, conditional, ordering, num_classes: see `AutoregressiveModel`. A class adds its own c and b.

    >>> NADE((784,), hidden=500).num_parameters()
    785284
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        hidden: int = 500,
        conditional: Conditional | None = None,
        ordering: str | Sequence[int] | Tensor = "raster",
        num_classes: int | None = None,
    ) -> None:
        super().__init__(
            event_shape, conditional=conditional, ordering=ordering, num_classes=num_classes
        )
        if type(hidden) is not int or hidden < 1:
            raise ValueError(f"hidden must be a positive int, got {hidden!r}")
        size, outputs, features = (
            self.num_variables,
            self.conditional.num_params,
            self.conditional.num_features,
        )
        self.hidden = hidden
        self.W = nn.Parameter(_uniform((size, features, hidden), fan_in=size))
        self.c = nn.Parameter(torch.zeros(hidden))
        self.V = nn.Parameter(_uniform((size, outputs, hidden), fan_in=hidden))
        self.b = nn.Parameter(self.conditional.initial_params().repeat(size, 1))
        self.class_c = self.class_b = None
        if num_classes is not None:
            self.class_c = nn.Embedding(num_classes, hidden)
            self.class_b = nn.Embedding(num_classes, size * outputs)
            nn.init.zeros_(self.class_c.weight)
            nn.init.zeros_(self.class_b.weight)

    def initial_sum(self, n: int, context: Tensor | None) -> Tensor:
        """a_0, the hidden pre-activation before any variable is seen: (n, H)."""
        a = self.c.expand(n, -1)
        return a if self.class_c is None else a + self.class_c(context)

    def biases(self, n: int, context: Tensor | None) -> Tensor:
        """b and what the class adds to it: (n, T, P)."""
        b = self.b.expand(n, -1, -1)
        return b if self.class_b is None else b + self.class_b(context).view_as(b)

    def params(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        out = Outputs.apply(
            self._features_in_order(x),
            self.W[self.ordering],
            self.initial_sum(len(x), context),
            self.V[self.ordering],
        )  # (T, B, P)
        params = out[self.rank].transpose(0, 1) + self.biases(len(x), context)
        return params.reshape(len(x), *self.event_shape, self.conditional.num_params)

    def _loss(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        if not torch.is_grad_enabled() or x.requires_grad:
            return super()._loss(x, context)
        return LossAndGradient.apply(
            self._features_in_order(x),
            self.W[self.ordering],
            self.initial_sum(len(x), context),
            self.V[self.ordering],
            self.biases(len(x), context).transpose(0, 1)[self.ordering],
            x.flatten(1).T[self.ordering],
            self.conditional,
        )

    def _features_in_order(self, x: Tensor) -> Tensor:
        """What the values x feed into the running sum, in drawing order: (T, B, F)."""
        return self.conditional.features(x.flatten(1), self.dtype).transpose(0, 1)[self.ordering]

    def cached_decoder(self, n: int, context: Tensor | None) -> Decoder:
        return NADEDecoder(self, n, context)


class NADEDecoder(Decoder):
    """Keeps the running sum: a value adds its column of W, O(hidden) work a step."""

    state = ("x", "_a")

    def _start(self) -> None:
        model, order = self.model, self.model.ordering
        self._W, self._V, self._b = model.W[order], model.V[order], model.b[order]
        self._class_b = None
        if model.class_b is not None:
            self._class_b = model.class_b(self.context).view(self.n, *model.b.shape)[:, order]
        self._a = model.initial_sum(self.n, self.context).clone()

    def _params(self) -> Tensor:
        params = torch.addmm(self._b[self.t], self._a.sigmoid(), self._V[self.t].T)
        return params if self._class_b is None else params + self._class_b[:, self.t]

    def _observed(self, x_t: Tensor) -> None:
        self.model.conditional.add_product_(self._a, x_t, self._W[self.t - 1])

    def _restart(self, values: Tensor, t: int) -> None:
        features = self.model.conditional.features(values, self._a.dtype).flatten(1)
        self._a = self.model.initial_sum(self.n, self.context) + features @ self._W[:t].flatten(
            0, 1
        )


def _uniform(shape: tuple[int, ...], fan_in: int) -> Tensor:
    return torch.empty(shape).uniform_(-1, 1) * math.sqrt(3 / fan_in)
