"""The mean of one network's densities in many orderings.

Source: B. Uria, I. Murray, H. Larochelle, "A Deep and Tractable Density Estimator", 2014.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from ..chain import AutoregressiveModel
from ..conditionals import Conditional
from ..density import DensityModel
from ..layers import MaskedLinear
from ..orderings import shuffled
from ..sampling import check_count, check_noise, check_temperature

__all__ = ["OrderEnsemble"]


class OrderEnsemble(DensityModel):
    """p(x) = (p_1(x) + ... + p_M(x)) / M, each p_m the same weights drawn in an ordering of its own.

    The mean of M densities is a density, and its log-probability is exact. It is no product of conditionals in any one
    order, so it has no `params` and no steps. Because the logarithm of a mean is at least the mean of the logarithms
    (Jensen's inequality), the ensemble gives every event at least the log-probability that its members give it on
    average; the gain is the larger the more they differ. It costs M times the work of one member.

    The members share the weights of `model`: what trains one trains all, and nothing has to be saved but the model.
    They are good members if it was trained for their orderings: any of `ar.NADE(..., order_agnostic=True)` and
    `ar.MADE(..., order_agnostic=True)`; of `ar.MADE(..., masks=M)` those in `model.orderings`.

    Args:
        model: whose weights. It must take an ordering; see `AutoregressiveModel.with_ordering`.
        orderings: a number M >= 1 of random permutations of the pixels, the channels of a pixel kept together; or a
            sequence of orderings, each a name or a permutation.
        seed: of the random permutations; the first M are the same for every larger M.

    Attributes:
        model: as given.
        members: the M models, an `nn.ModuleList`.
        orderings: int64 (M, T), the permutation of each member.

    Raises:
        TypeError: a model that is not autoregressive.
        ValueError: a model that takes no other ordering, no such orderings or none, a seed that is no int >= 0.

    >>> import armodels_lite as ar
    >>> model = ar.NADE((4,), hidden=3, order_agnostic=True)
    >>> ensemble = ar.OrderEnsemble(model, ["raster", "reverse", [2, 0, 3, 1]])
    >>> round(ar.total_probability(ensemble), 6), ensemble.num_parameters() == model.num_parameters()
    (1.0, True)
    """

    def __init__(
        self,
        model: AutoregressiveModel,
        orderings: int | Sequence[str | Sequence[int] | Tensor] = 8,
        *,
        seed: int = 0,
    ) -> None:
        if not isinstance(model, AutoregressiveModel):
            raise TypeError(
                f"an ensemble of orderings needs an autoregressive model, got {type(model).__name__}"
            )
        super().__init__(
            model.event_shape, num_classes=model.num_classes, context_shape=model.context_shape
        )
        listed = _listed(orderings, seed, model.event_shape)
        self.model = model
        self.members = nn.ModuleList(model.with_ordering(ordering) for ordering in listed)
        self.training = model.training

    def extra_repr(self) -> str:
        return f"{len(self.members)} orderings, {self.num_parameters():,} parameters"

    @property
    def orderings(self) -> Tensor:
        return torch.stack([member.ordering for member in self.members])

    @property
    def conditional(self) -> Conditional:
        """The distribution of one variable, in every member."""
        return self.model.conditional

    @property
    def levels(self) -> int | None:
        """Number of values of one variable; None if it is continuous."""
        return self.model.levels

    @property
    def event_dtype(self) -> torch.dtype:
        return self.model.event_dtype

    def _check_values(self, x: Tensor) -> None:
        self.model._check_values(x)

    def _log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        log_probs = torch.stack([member._log_prob(x, context) for member in self.members])
        return log_probs.logsumexp(0) - math.log(len(self.members))

    def num_parameters(self) -> int:
        """Number of free parameters, shared ones counted once; a masked entry counts if some member uses it."""
        used: dict[nn.Parameter, Tensor] = {}
        for layer in self.members.modules():
            if isinstance(layer, MaskedLinear):
                used[layer.weight] = used.get(layer.weight, False) | (layer.mask != 0)
        never = sum(int((~mask).count_nonzero()) for mask in used.values())
        return sum(parameter.numel() for parameter in self.parameters()) - never

    def sample(
        self,
        n: int,
        *,
        context: Tensor | None = None,
        generator: torch.Generator | None = None,
        temperature: float = 1.0,
    ) -> Tensor:
        """Draw events (n, *event_shape): for each a member, all equally likely, and then an event from it.

        Args:
            n: number of events.
            context: class labels or a context tensor for conditional models, n entries.
            generator: torch.Generator for both; torch's global one unless given.
            temperature: below 1 sharpens, above 1 flattens every conditional of the member.

        Raises:
            ValueError, TypeError: for arguments that do not fit together or to the model.
        """
        check_count(n)
        self.check_context(context, n)
        check_temperature(temperature)
        noise = check_noise(self, n, None, generator).view(n, *self.event_shape)
        device = "cpu" if generator is None else generator.device
        chosen = torch.randint(len(self.members), (n,), generator=generator, device=device)
        x = noise.new_empty(noise.shape, dtype=self.event_dtype)
        for index in chosen.unique().tolist():
            mine = (chosen == index).to(noise.device)
            given = None if context is None else context[mine]
            x[mine] = self.members[index].sample(
                noise=noise[mine], context=given, temperature=temperature
            )
        return x

    def config(self) -> NoReturn:
        """Raises TypeError: an ensemble has no weights of its own to save."""
        raise TypeError(
            "an OrderEnsemble is not saved: its weights are those of its model. Save that, ensemble.model, and build "
            "the ensemble again from it with the same orderings and seed"
        )


def _listed(orderings: Any, seed: int, event_shape: Sequence[int]) -> Sequence[Any]:
    """The orderings one by one, drawn if only their number is given."""
    if type(seed) is not int or seed < 0:
        raise ValueError(f"seed must be an int of at least 0, got {seed!r}")
    if type(orderings) is int and orderings >= 1:
        generator = torch.Generator().manual_seed(seed)
        return [shuffled(event_shape, generator) for _ in range(orderings)]
    if isinstance(orderings, (list, tuple, Tensor)) and len(orderings) > 0:
        return list(orderings)
    raise ValueError(
        "orderings must be a number of at least 1, or a list of orderings such as "
        f'["raster", "random(7)"], got {orderings!r}'
    )
