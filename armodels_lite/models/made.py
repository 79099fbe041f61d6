"""MADE: an autoencoder whose masks make every output a conditional.

Source: M. Germain, K. Gregor, I. Murray, H. Larochelle, "MADE: Masked Autoencoder for Distribution Estimation", 2015.
Differs from the paper: degrees are spread evenly unless a seed is given; any conditional may take the Bernoulli's
place; a class or a vector may enter every layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..chain import AutoregressiveModel
from ..conditionals import Conditional
from ..decoder import Decoder
from ..layers import MaskedLinear, layer_sizes
from ..masks import expand_mask, made_degrees, made_masks

__all__ = ["MADE"]


class MADE(AutoregressiveModel):
    """Masked autoencoder with ReLU hidden layers: all T conditionals from one pass of an ordinary network.

    Args:
        hidden: units of each hidden layer; () leaves a linear model.
        seed: None spreads the degrees of the hidden units evenly, an int draws them at random.
        direct: adds links from each input to the outputs after it.
        event_shape, conditional, ordering, num_classes, context_shape: see `AutoregressiveModel`. The context adds a
            bias of its own to every layer.

    >>> from armodels_lite import total_probability
    >>> model = MADE((3,), hidden=(4,), ordering=[1, 2, 0])
    >>> round(total_probability(model), 6)
    1.0
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        hidden: Sequence[int] = (500,),
        conditional: Conditional | None = None,
        ordering: str | Sequence[int] | Tensor = "raster",
        seed: int | None = None,
        direct: bool = False,
        num_classes: int | None = None,
        context_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(
            event_shape,
            conditional=conditional,
            ordering=ordering,
            num_classes=num_classes,
            context_shape=context_shape,
        )
        self.hidden = layer_sizes("hidden", hidden)
        if seed is not None and (type(seed) is not int or seed < 0):
            raise ValueError(f"seed must be None or an int of at least 0, got {seed!r}")
        if not isinstance(direct, bool):
            raise ValueError(f"direct must be True or False, got {direct!r}")
        self.degrees = made_degrees(self.rank, self.hidden, seed)
        masks = made_masks(self.degrees)
        outputs, features = self.conditional.num_params, self.conditional.num_features
        masks[0] = expand_mask(masks[0], 1, features)
        masks[-1] = expand_mask(masks[-1], outputs, 1)
        self.layers = nn.ModuleList(
            [
                *(MaskedLinear(mask, gain=math.sqrt(2)) for mask in masks[:-1]),
                MaskedLinear(masks[-1]),
            ]
        )
        with torch.no_grad():
            self.layers[-1].bias.copy_(self.conditional.initial_params().repeat(self.num_variables))
        self.direct = None
        if direct:
            strict = self.degrees[0].unsqueeze(1) > self.degrees[0]
            self.direct = MaskedLinear(expand_mask(strict, outputs, features), bias=False)
            nn.init.zeros_(self.direct.weight)
        self.context_biases = self._context_biases()

    def _context_biases(self) -> nn.ModuleList | None:
        """One map from the context to a bias for every layer, starting at zero."""
        if self.num_classes is None and self.context_shape is None:
            return None
        biases = nn.ModuleList()
        for layer in self.layers:
            if self.num_classes is not None:
                bias = nn.Embedding(self.num_classes, layer.out_features)
            else:
                bias = nn.Linear(math.prod(self.context_shape), layer.out_features, bias=False)
            nn.init.zeros_(bias.weight)
            biases.append(bias)
        return biases

    def context_bias(self, layer: int, context: Tensor | None) -> Tensor | None:
        """What the context adds to a layer, (B, units); None for an unconditional model."""
        if self.context_biases is None:
            return None
        return self.context_biases[layer](
            context if self.num_classes is not None else context.flatten(1)
        )

    def params(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        features = self.conditional.features(x, self.dtype).flatten(1)  # (B, T F)
        h = features
        for index, layer in enumerate(self.layers):
            h = layer(h)
            bias = self.context_bias(index, context)
            if bias is not None:
                h = h + bias
            if index < len(self.hidden):
                h = h.relu()
        if self.direct is not None:
            h = h + self.direct(features)
        return h.view(len(x), *self.event_shape, self.conditional.num_params)

    def cached_decoder(self, n: int, context: Tensor | None) -> Decoder:
        return MADEDecoder(self, n, context)


class MADEDecoder(Decoder):
    """Computes each hidden unit once, when the last variable that it may see is known.

    With the units of a layer sorted by degree, the units ready after t variables are a prefix, and so is every row
    of the masked weights: no gather, no masked entry is ever multiplied. Activations are kept as (units, n).
    """

    state = ("x", "_features", "_hidden")

    def _start(self) -> None:
        model = self.model
        conditional, order = model.conditional, model.ordering
        size, outputs, features = (
            model.num_variables,
            conditional.num_params,
            conditional.num_features,
        )
        # Permutations of the units of every layer: variables by their step, hidden units by degree.
        orders = [
            order,
            *(degrees.to(order.device).argsort(stable=True) for degrees in model.degrees[1:]),
            order,
        ]
        self._ends = [_ends(degrees, size) for degrees in model.degrees[1:]]
        self._weights, self._biases = [], []
        for index, layer in enumerate(model.layers):
            first, last = index == 0, index == len(model.layers) - 1
            rows = _expanded(orders[index + 1], outputs if last else 1)
            columns = _expanded(orders[index], features if first else 1)
            self._weights.append(layer.masked_weight()[rows][:, columns])
            bias = layer.bias.unsqueeze(1)
            context_bias = model.context_bias(index, self.context)
            if context_bias is not None:
                bias = bias + context_bias.T
            self._biases.append(bias[rows])
        self._direct = None
        if model.direct is not None:
            weight = model.direct.masked_weight()
            self._direct = weight[_expanded(order, outputs)][:, _expanded(order, features)]
        self._features = torch.zeros(
            size * features, self.n, dtype=model.dtype, device=model.device
        )
        self._hidden = [
            torch.zeros(units, self.n, dtype=model.dtype, device=model.device)
            for units in model.hidden
        ]

    def _params(self) -> Tensor:
        outputs, features = self.model.conditional.num_params, self.model.conditional.num_features
        rows = slice(self.t * outputs, (self.t + 1) * outputs)
        if self._hidden:
            below, known = self._hidden[-1], self._ends[-1][self.t]
        else:
            below, known = self._features, self.t * features
        params = torch.addmm(self._biases[-1][rows], self._weights[-1][rows, :known], below[:known])
        if self._direct is not None:
            known = self.t * features
            params = params + self._direct[rows, :known] @ self._features[:known]
        return params.T  # (n, P)

    def _observed(self, x_t: Tensor) -> None:
        conditional = self.model.conditional
        width = conditional.num_features
        self._features[(self.t - 1) * width : self.t * width] = conditional.features(
            x_t, self._features.dtype
        ).T
        self._activate(self.t - 1, self.t)

    def _activate(self, before: int, t: int) -> None:
        """Compute the hidden units whose degree lies in before + 1 .. t."""
        below, known = self._features, t * self.model.conditional.num_features
        for h, weight, bias, ends in zip(
            self._hidden, self._weights[:-1], self._biases[:-1], self._ends, strict=True
        ):
            ready = slice(ends[before], ends[t])
            if ready.start < ready.stop:
                h[ready] = torch.addmm(bias[ready], weight[ready, :known], below[:known]).relu()
            below, known = h, ends[t]

    def _restart(self, values: Tensor, t: int) -> None:
        features = self.model.conditional.features(values, self._features.dtype)  # (n, t, F)
        self._features[: features.shape[1] * features.shape[2]] = features.flatten(1).T
        self._activate(0, t)


def _ends(degrees: Tensor, size: int) -> list[int]:
    """For t = 0..T: how many units have degree at most t."""
    return torch.bincount(degrees, minlength=size + 1).cumsum(0).tolist()


def _expanded(order: Tensor, width: int) -> Tensor:
    """A permutation of blocks as a permutation of the entries in blocks of `width`."""
    return (order.unsqueeze(1) * width + torch.arange(width, device=order.device)).flatten()
