"""MADE: an autoencoder whose masks make every output a conditional, in one ordering, in several or in all.

Source: M. Germain, K. Gregor, I. Murray, H. Larochelle, "MADE: Masked Autoencoder for Distribution Estimation", 2015.
Differs from the paper: degrees are spread evenly unless a seed is given; any conditional may take the Bernoulli's
place; a class or a vector may enter every layer; and see `MADE` for what differs when it learns several orderings.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn

from ..chain import AutoregressiveModel
from ..conditionals import Conditional
from ..decoder import Decoder
from ..layers import MaskedLinear, layer_sizes
from ..masks import degree_mask, expand_mask, made_degrees, made_masks
from ..orderings import raster, reverse, shuffled

__all__ = ["MADE"]

Masks = Mapping[nn.Module, Tensor]  # the mask of some of the layers


class MADE(AutoregressiveModel):
    """Masked autoencoder with ReLU hidden layers: all T conditionals from one pass of an ordinary network.

    With `masks=M` the same weights learn M orderings: the model's own `ordering` and M - 1 random ones (pixels are
    shuffled; the channels of a pixel stay together). With `order_agnostic=True` they learn every ordering; M > 1
    orderings are learnt alone, whatever `order_agnostic` says. In train mode each call of `loss` draws one ordering
    from torch's global random state, all equally likely, and returns the mean negative log-likelihood in it. In eval
    mode the loss is that of `ordering` (so early stopping watches that one alone); `log_prob` and `sample` use it in
    either mode. `with_ordering` gives the model of another ordering, and `OrderEnsemble(model, model.orderings)` the
    mean of all M densities.

    With every ordering a variable not yet seen must differ from one seen to be 0, so each variable has a weight more
    for each unit that it feeds: it adds this for having been seen, whatever its value, under the same mask (the
    paper's companion weights on a vector of ones). M orderings do without: for 8 orderings of the digits these weights
    made the held-out likelihood worse, for 32 no better.

    Another ordering gives each input and output another degree and leaves those of the hidden units alone. Differs from
    the paper: there the degrees of the hidden units are drawn anew with each ordering, the M masks take turns instead
    of being drawn, and the companion weights are optional.

    Args:
        hidden: units of each hidden layer; () leaves a linear model.
        seed: None spreads the degrees of the hidden units evenly, an int draws them at random. The random orderings
            come from it too (from 0 if it is None): M masks are the first M of any larger number.
        direct: adds links from each input to the outputs after it.
        masks: number M of orderings to learn.
        order_agnostic: True trains for every ordering.
        event_shape, conditional, ordering, num_classes, context_shape: see `AutoregressiveModel`. The context adds a
            bias of its own to every layer.

    Attributes:
        orderings: int64 (M, T), the permutations that it learns, its own first; of `order_agnostic` that one alone.

    >>> from armodels_lite import OrderEnsemble, total_probability
    >>> model = MADE((3,), hidden=(4,), ordering=[1, 2, 0])
    >>> round(total_probability(model), 6)
    1.0
    >>> model = MADE((3,), hidden=(4,), ordering=[1, 2, 0], masks=2)
    >>> model.orderings
    tensor([[1, 2, 0],
            [2, 1, 0]])
    >>> round(total_probability(OrderEnsemble(model, model.orderings)), 6)
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
        masks: int = 1,
        order_agnostic: bool = False,
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
        if type(masks) is not int or masks < 1:
            raise ValueError(f"masks must be an int of at least 1, got {masks!r}")
        if not isinstance(order_agnostic, bool):
            raise ValueError(f"order_agnostic must be True or False, got {order_agnostic!r}")
        self.masks, self.order_agnostic = masks, order_agnostic
        self._several = masks > 1 or order_agnostic
        # They follow from the constructor's arguments, so they are not saved.
        orderings = torch.stack([self.ordering, *self._further_orderings(seed or 0)])
        self.register_buffer("orderings", orderings, persistent=False)
        self.degrees, self.output_degrees = self._made_degrees(seed)
        self.layers = self._masked_layers()
        self.direct = self._direct_links() if direct else None
        self.seen = self._seen_weights()
        self.context_biases = self._context_biases()

    def _made_degrees(self, seed: int | None) -> tuple[list[Tensor], Tensor]:
        """Degrees of the inputs and of each hidden layer, and those of the outputs."""
        degrees = made_degrees(self.rank, self.hidden, seed)
        return degrees, degrees[0]

    def _further_orderings(self, seed: int) -> list[Tensor]:
        """The M - 1 random orderings. The seed's first is passed over: "random(SEED)" means that one."""
        generator = torch.Generator().manual_seed(seed)
        return [shuffled(self.event_shape, generator) for _ in range(self.masks)][1:]

    def _masked_layers(self) -> nn.ModuleList:
        """The hidden layers and the output layer, with the masks of the model's own ordering."""
        masks = made_masks(self.degrees, self.output_degrees)
        outputs, features = self.conditional.num_params, self.conditional.num_features
        masks[0] = expand_mask(masks[0], 1, features)
        masks[-1] = expand_mask(masks[-1], outputs, 1)
        # An output hears many units in one ordering and few in another: all start at the scale of their mean.
        count = masks[-1].sum().item() / len(masks[-1]) if self._several else None
        layers = [
            *(MaskedLinear(mask, gain=math.sqrt(2)) for mask in masks[:-1]),
            MaskedLinear(masks[-1], count=count),
        ]
        with torch.no_grad():
            layers[-1].bias.copy_(self.conditional.initial_params().repeat(self.num_variables))
        return nn.ModuleList(layers)

    def _direct_links(self) -> MaskedLinear:
        """From the features of each variable to the outputs after it, starting at zero."""
        outputs, features = self.conditional.num_params, self.conditional.num_features
        strict = degree_mask(self.output_degrees, self.degrees[0], strict=True)
        direct = MaskedLinear(expand_mask(strict, outputs, features), bias=False)
        nn.init.zeros_(direct.weight)
        return direct

    def _seen_weights(self) -> nn.ModuleList:
        """With every ordering, what a variable adds for having been seen: to the first layer, and by direct links.

        They start at zero: to be seen changes nothing at first.
        """
        seen = nn.ModuleList()
        if self._several and self.masks == 1:
            features = self.conditional.num_features
            for layer in [self.layers[0], *([] if self.direct is None else [self.direct])]:
                seen.append(MaskedLinear(layer.mask[:, ::features] != 0, bias=False))
                nn.init.zeros_(seen[-1].weight)
        return seen

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

    def added_biases(
        self, layer: int, context: Tensor | None, masks: Masks | None = None
    ) -> Iterator[Tensor]:
        """What a layer adds to its own bias, (1 or B, units): for the variables that it sees, and for the context."""
        masks = masks or {}
        for index, seen in zip((0, len(self.hidden)), self.seen, strict=False):
            if index == layer:
                ones = self.ordering.new_ones(1, self.num_variables, dtype=self.dtype)
                yield seen(ones, masks.get(seen))
        bias = self.context_bias(layer, context)
        if bias is not None:
            yield bias

    def params(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        return self._params(x, context, {})

    def _params(self, x: Tensor, context: Tensor | None, masks: Masks) -> Tensor:
        """The parameters under the masks given; a layer that is given none has its own."""
        features = self.conditional.features(x, self.dtype).flatten(1)  # (B, T F)
        h = features
        for index, layer in enumerate(self.layers):
            h = layer(h, masks.get(layer))
            for bias in self.added_biases(index, context, masks):
                h = h + bias
            if index < len(self.hidden):
                h = h.relu()
        if self.direct is not None:
            h = h + self.direct(features, masks.get(self.direct))
        return h.view(len(x), *self.event_shape, self.conditional.num_params)

    # -- several orderings ---------------------------------------------------------------------------------------

    def _loss(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        if not (self._several and self.training):
            return super()._loss(x, context)
        params = self._params(x, context, self._masks_of(self._drawn_rank()))
        log_probs = self.conditional.distribution(params).log_prob(x)
        return -log_probs.flatten(1).sum(1).mean()

    def _drawn_rank(self) -> Tensor:
        """The rank (T,) of each variable in a random one of the orderings that the model learns."""
        if self.masks > 1:
            chosen = torch.randint(self.masks, (), device="cpu")
            return self.orderings[int(chosen)].argsort()
        return shuffled(self.event_shape).argsort().to(self.device, non_blocking=True)

    def _masks_of(self, rank: Tensor, last: Tensor | None = None) -> dict[nn.Module, Tensor]:
        """The masks of another ordering, for all layers but those between hidden units, which are the same in each.

        The variables have this rank as inputs, and as outputs too unless another one is given for them.
        """
        # int32: a comparison of int64 takes twice as long.
        inputs, outputs = rank.int() + 1, (rank if last is None else last).int() + 1
        params = outputs.repeat_interleave(self.conditional.num_params)
        features = inputs.repeat_interleave(self.conditional.num_features)
        hidden = [d.int().to(rank.device, non_blocking=True) for d in self.degrees[1:]]
        if hidden:
            links = [
                (self.layers[0], hidden[0], features, False),
                (self.layers[-1], params, hidden[-1], True),
            ]
        else:
            links = [(self.layers[0], params, features, True)]
        if self.direct is not None:
            links.append((self.direct, params, features, True))
        for seen, (_, above, _, strict) in zip(self.seen, [links[0], links[-1]], strict=False):
            links.append((seen, above, inputs, strict))
        return {
            layer: degree_mask(above, below, strict=strict, out=torch.empty_like(layer.mask))
            for layer, above, below, strict in links
        }

    def num_parameters(self) -> int:
        """Number of free parameters: a masked entry of a weight counts if some ordering to be learnt uses it."""
        free = super().num_parameters()
        if self._several:
            for layer, mask in self._ever_used().items():
                free += int(mask.count_nonzero()) - int(layer.mask.count_nonzero())
        return free

    def _ever_used(self) -> dict[nn.Module, Tensor]:
        """For the layers that `_masks_of` names: which entries some ordering uses, its own or one to be learnt."""
        ranks = self.orderings.argsort(1)
        first, last = ranks.amin(0), ranks.amax(0)
        after = torch.zeros(len(first), len(first), dtype=torch.bool, device=first.device)
        for rank in ranks:
            after |= degree_mask(rank, rank, strict=True)
        if self.masks == 1:
            # Two variables that come the same way round in raster order and in reverse are channels of one pixel, and
            # do so in every shuffle. Any other two may come either way round.
            shuffles = [order(self.event_shape).argsort() for order in (raster, reverse)]
            one, other = (degree_mask(r, r, strict=True).to(after.device) for r in shuffles)
            always = one & other
            first = first.minimum(always.sum(1))
            last = last.maximum(self.num_variables - 1 - always.sum(0))
            after |= one | other
        used = self._masks_of(first, last)
        between_variables = [] if self.hidden else [self.layers[0], *self.seen[:1]]
        if self.direct is not None:
            between_variables += [self.direct, *self.seen[1:]]
        for layer in between_variables:
            width = layer.in_features // self.num_variables
            used[layer] = expand_mask(after, self.conditional.num_params, width)
        return used

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
            for added in model.added_biases(index, self.context):
                bias = bias + added.T
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
