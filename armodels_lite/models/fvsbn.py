"""FVSBN: every conditional is a logistic regression on the variables before it.

Source: B. J. Frey, G. E. Hinton, P. Dayan, "Does the Wake-Sleep Algorithm Produce Good Density Estimators?", 1996,
and B. J. Frey, "Graphical Models for Machine Learning and Digital Communication", 1998. Here the T regressions are
one matrix product with a strictly triangular mask, and any conditional may take the place of the Bernoulli.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..chain import AutoregressiveModel
from ..conditionals import Conditional
from ..decoder import Decoder
from ..layers import MaskedLinear
from ..masks import degree_mask, expand_mask

__all__ = ["FVSBN"]


class FVSBN(AutoregressiveModel):
    """Fully visible sigmoid belief network: logit of x_t = b_t + sum over i < t of W[t, i] x_i.

    For binary variables it has T(T+1)/2 parameters. Its loss is convex, so training starts from zero weights.

    Args:
        event_shape, conditional, ordering, num_classes: see `AutoregressiveModel`. A class adds its own biases.

    >>> FVSBN((784,)).num_parameters()
    307720
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        conditional: Conditional | None = None,
        ordering: str | Sequence[int] | Tensor = "raster",
        num_classes: int | None = None,
    ) -> None:
        super().__init__(
            event_shape, conditional=conditional, ordering=ordering, num_classes=num_classes
        )
        outputs, features = self.conditional.num_params, self.conditional.num_features
        mask = degree_mask(self.rank, self.rank, strict=True)
        self.linear = MaskedLinear(expand_mask(mask, outputs, features))
        nn.init.zeros_(self.linear.weight)
        with torch.no_grad():
            self.linear.bias.copy_(self.conditional.initial_params().repeat(self.num_variables))
        self.class_bias = None
        if num_classes is not None:
            self.class_bias = nn.Embedding(num_classes, self.num_variables * outputs)
            nn.init.zeros_(self.class_bias.weight)

    def params(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        features = self.conditional.features(x, self.dtype).flatten(1)  # (B, T F)
        params = self.linear(features)  # (B, T P)
        if self.class_bias is not None:
            params = params + self.class_bias(context)
        return params.view(len(x), *self.event_shape, self.conditional.num_params)

    def cached_decoder(self, n: int, context: Tensor | None) -> Decoder:
        return FVSBNDecoder(self, n, context)


class FVSBNDecoder(Decoder):
    """Keeps the running logits of all variables: a value adds its column once, to the variables after it."""

    state = ("x", "_running")

    def _start(self) -> None:
        model, order, conditional = self.model, self.model.ordering, self.model.conditional
        size, features = model.num_variables, conditional.num_features
        self._outputs = outputs = conditional.num_params
        # Weights and biases in drawing order; those of one variable's parameters lie side by side.
        weight = model.linear.weight.view(size, outputs, size, features)[order][:, :, order]
        self._weight = weight.permute(2, 3, 0, 1).flatten(2)  # (T from, F, T to x P)
        bias = model.linear.bias.view(1, size, outputs)[:, order]
        if model.class_bias is not None:
            bias = bias + model.class_bias(self.context).view(self.n, size, outputs)[:, order]
        self._bias = bias.flatten(1).expand(self.n, -1)
        self._running = self._bias.clone()  # (n, T x P)

    def _params(self) -> Tensor:
        return self._running[:, self.t * self._outputs : (self.t + 1) * self._outputs]

    def _observed(self, x_t: Tensor) -> None:
        later = self.t * self._outputs
        weight = self._weight[self.t - 1, :, later:]  # (F, what is still to come)
        self.model.conditional.add_product_(self._running[:, later:], x_t, weight)

    def _restart(self, values: Tensor, t: int) -> None:
        features = self.model.conditional.features(values, self._running.dtype).flatten(1)
        later = t * self._outputs
        self._running = self._bias.clone()
        self._running[:, later:] += features @ self._weight[:t, :, later:].flatten(0, 1)
