"""NADE: one hidden layer per conditional, all tied together by one running sum; on request for every ordering at once.

Source: H. Larochelle, I. Murray, "The Neural Autoregressive Distribution Estimator", 2011; B. Uria, M.-A. Cote,
K. Gregor, I. Murray, H. Larochelle, "Neural Autoregressive Distribution Estimation", 2016, for real-valued and
categorical variables. For every ordering: B. Uria, I. Murray, H. Larochelle, "A Deep and Tractable Density Estimator",
2014. Differs from the papers: passes of its own (`nade_passes`) compute the gradient, so that memory does not grow with
batch x variables x hidden units; and see `NADE` for what differs when it learns every ordering.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..chain import AutoregressiveModel
from ..conditionals import Conditional
from ..decoder import Decoder
from ..orderings import shuffled
from .nade_passes import LossAndGradient, Outputs

__all__ = ["NADE"]


class NADE(AutoregressiveModel):
    """Neural autoregressive distribution estimator.

        a_t = c + sum over i < t of W_i x_i          (a running sum: one column of W is added a step)
        h_t = sigmoid(a_t)
        parameters of x_t = b_t + V_t h_t

    Weights belong to positions in storage layout: W (T, F, H), V (T, P, H), b (T, P), c (H,), with F features and P
    parameters a variable (both 1 for binary variables).

    With `order_agnostic=True` the same weights learn every ordering (EoNADE). In train mode each call of `loss` draws
    one ordering from torch's global random state and returns the mean negative log-likelihood in it: an unbiased
    estimate of the mean over all orderings. (Pixels are shuffled; the channels of a pixel stay together.) In eval mode
    the loss is that of the model's own `ordering`; `log_prob` and `sample` use that one in either mode, and
    `with_ordering` gives the model of another. As a variable not yet seen must differ from one seen to be 0, each seen
    variable adds a vector of its own besides: a feature more, always 1, so that W is (T, F + 1, H).

    Differs from the paper: a training step takes one ordering for the whole batch and all its T conditionals, where
    the paper takes one position of the ordering and scales up the conditionals that may come there; the paper's
    networks may have several hidden layers, this one has one.

    Args:
        hidden: number H of hidden units.
        order_agnostic: True trains for every ordering, False for `ordering` alone.
        event_shape, conditional, ordering, num_classes: see `AutoregressiveModel`. A class adds its own c and b.

    >>> NADE((784,), hidden=500).num_parameters()
    785284
    >>> model = NADE((784,), hidden=500, order_agnostic=True)
    >>> model.num_parameters() - 785284 == 784 * 500
    True
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        hidden: int = 500,
        conditional: Conditional | None = None,
        ordering: str | Sequence[int] | Tensor = "raster",
        num_classes: int | None = None,
        order_agnostic: bool = False,
    ) -> None:
        super().__init__(
            event_shape, conditional=conditional, ordering=ordering, num_classes=num_classes
        )
        if type(hidden) is not int or hidden < 1:
            raise ValueError(f"hidden must be a positive int, got {hidden!r}")
        if not isinstance(order_agnostic, bool):
            raise ValueError(f"order_agnostic must be True or False, got {order_agnostic!r}")
        size, outputs, features = (
            self.num_variables,
            self.conditional.num_params,
            self.conditional.num_features + order_agnostic,
        )
        self.hidden, self.order_agnostic = hidden, order_agnostic
        self.W = nn.Parameter(_uniform((size, features, hidden), fan_in=size))
        with torch.no_grad():
            self.W[:, self.conditional.num_features :] = 0  # to be seen changes nothing at first
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
        params = self._params_in_order(x, context, self.ordering)[self.rank].transpose(0, 1)
        return params.reshape(len(x), *self.event_shape, self.conditional.num_params)

    def _params_in_order(self, x: Tensor, context: Tensor | None, order: Tensor) -> Tensor:
        """Parameters (T, B, P) of the conditionals of any ordering, one after the other."""
        out = Outputs.apply(
            self._features_in_order(x, order),
            self.W[order],
            self.initial_sum(len(x), context),
            self.V[order],
        )
        return out + self._biases_in_order(len(x), context, order)

    def _loss(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        order = self.ordering
        if self.order_agnostic and self.training:
            order = shuffled(self.event_shape).to(order.device)
        values = x.flatten(1).T[order]
        if not torch.is_grad_enabled() or x.requires_grad:
            params = self._params_in_order(x, context, order)
            return -self.conditional.distribution(params).log_prob(values).sum() / len(x)
        return LossAndGradient.apply(
            self._features_in_order(x, order),
            self.W[order],
            self.initial_sum(len(x), context),
            self.V[order],
            self._biases_in_order(len(x), context, order),
            values,
            self.conditional,
        )

    def _features_in_order(self, x: Tensor, order: Tensor) -> Tensor:
        """What the values x feed into the running sum, in drawing order: (T, B, F), with "seen" (T, B, F + 1)."""
        features = self.conditional.features(x.flatten(1), self.dtype).transpose(0, 1)[order]
        return F.pad(features, (0, 1), value=1.0) if self.order_agnostic else features

    def _biases_in_order(self, n: int, context: Tensor | None, order: Tensor) -> Tensor:
        return self.biases(n, context).transpose(0, 1)[order]

    def cached_decoder(self, n: int, context: Tensor | None) -> Decoder:
        return NADEDecoder(self, n, context)


class NADEDecoder(Decoder):
    """Keeps the running sum: a value adds its column of W, O(hidden) work a step."""

    state = ("x", "_a")

    def _start(self) -> None:
        model, order = self.model, self.model.ordering
        features = model.conditional.num_features
        self._W, self._V, self._b = model.W[order], model.V[order], model.b[order]
        # What a value adds, and what it adds to have been seen at all.
        self._W, self._seen = self._W[:, :features], self._W[:, features:].sum(1)
        self._class_b = None
        if model.class_b is not None:
            self._class_b = model.class_b(self.context).view(self.n, *model.b.shape)[:, order]
        self._a = model.initial_sum(self.n, self.context).clone()

    def _params(self) -> Tensor:
        params = torch.addmm(self._b[self.t], self._a.sigmoid(), self._V[self.t].T)
        return params if self._class_b is None else params + self._class_b[:, self.t]

    def _observed(self, x_t: Tensor) -> None:
        self.model.conditional.add_product_(self._a, x_t, self._W[self.t - 1])
        if self.model.order_agnostic:
            self._a += self._seen[self.t - 1]

    def _restart(self, values: Tensor, t: int) -> None:
        features = self.model.conditional.features(values, self._a.dtype).flatten(1)
        seen = self._seen[:t].sum(0)  # zeros unless the model is order-agnostic
        a = self.model.initial_sum(self.n, self.context) + seen
        self._a = a + features @ self._W[:t].flatten(0, 1)


def _uniform(shape: tuple[int, ...], fan_in: int) -> Tensor:
    return torch.empty(shape).uniform_(-1, 1) * math.sqrt(3 / fan_in)
