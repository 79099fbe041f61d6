"""The chain rule, written once: p(x) = prod_t p(x_t | x_<t).

An architecture says only how x_<t becomes the parameters of the distribution of x_t: for all t in one parallel pass
(`params`) and, where it can do better than recomputing, one step at a time (a `Decoder`). Likelihood, sampling and
completion follow here for every model at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from .conditionals import Bernoulli, Categorical, Conditional, GaussianMixture, LogisticMixture
from .decoder import Decoder, NaiveDecoder
from .density import DensityModel
from .distributions import Distribution
from .orderings import make_ordering
from .sampling import Filter, Sampler, Step, check_count, sampling_mode
from .sharing import share_weights

if TYPE_CHECKING:
    from typing import Self  # from Python 3.11 on

__all__ = ["AutoregressiveModel", "Decoder", "NaiveDecoder", "Step"]


class AutoregressiveModel(DensityModel):
    """A model of p(x) as a product of conditionals, in the order that `ordering` gives.

    A subclass implements `params`, and `cached_decoder` where it can step faster than by recomputing.

    Args:
        event_shape: shape of one event; its T = prod(event_shape) entries are the variables.
        conditional: the distribution of one variable; Bernoulli unless given.
        ordering: a name ("raster", "reverse", "spiral", "hilbert", "random", "random(7)", "subscale(2)") or a
            permutation of 0..T-1: entry t is the flat position of the variable drawn at step t.
        num_classes, context_shape: see `DensityModel`.

    Raises:
        ValueError, TypeError: for arguments that are not accepted; the message says what is.
    """

    # The conditionals that a model supports; one that supports others says so.
    conditionals: ClassVar[tuple[type[Conditional], ...]] = (
        Bernoulli,
        Categorical,
        GaussianMixture,
        LogisticMixture,
    )
    # Whether x may also be (B, L, ...) with L below the length of the event: the probability of a prefix.
    takes_prefixes: ClassVar[bool] = False

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        conditional: Conditional | None = None,
        ordering: str | Sequence[int] | Tensor = "raster",
        num_classes: int | None = None,
        context_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__(event_shape, num_classes=num_classes, context_shape=context_shape)
        conditional = Bernoulli() if conditional is None else conditional
        if not isinstance(conditional, Conditional):
            raise TypeError(
                f"conditional must be a Conditional such as ar.Bernoulli(), got {conditional!r}"
            )
        if not isinstance(conditional, self.conditionals):
            accepted = ", ".join(kind.__name__ for kind in self.conditionals)
            raise ValueError(
                f"{type(self).__name__} takes {accepted} as conditional, got {conditional!r}"
            )
        self.conditional = conditional
        order = make_ordering(ordering, self.event_shape)
        # An array or a range is no JSON: it is saved as the list that it stands for.
        if self._not_json.pop("ordering", None) is not None:
            self._hub_mixin_config["ordering"] = order.tolist()
        # Both follow from the constructor's arguments, so they move with the model but are not saved as weights.
        self.register_buffer("ordering", order, persistent=False)
        self.register_buffer("rank", order.argsort(), persistent=False)

    def extra_repr(self) -> str:
        return f"{self.event_shape}, {self.conditional!r}, {self.num_parameters():,} parameters"

    def with_ordering(self, ordering: str | Sequence[int] | Tensor) -> AutoregressiveModel:
        """The same weights with another ordering: a new model that shares its Parameters with this one.

        Both hold the same `nn.Parameter` objects, so training one trains the other. The ordering and the masks that
        follow from it are the new model's own, and so are train and eval mode from here on; `.to` moves the shared
        weights and these for the model it is called on alone. Saved, the new model is one of the new ordering.

        The likelihood is exact for the new model. It is poor unless the weights were trained for that ordering too: any
        of `ar.NADE(..., order_agnostic=True)` and `ar.MADE(..., order_agnostic=True)`, or one of `model.orderings` of
        `ar.MADE(..., masks=M)`. Otherwise FVSBN and MADE, besides, switch other connections on: weights that no
        training has touched as long as the old mask switched them off.

        Args:
            ordering: as in the constructor.

        Raises:
            ValueError: no such ordering; a model of a kind that takes no other ordering; a model whose weights are
                no longer those that it was built with.
            TypeError: a model built by arguments that have no name.

        >>> import armodels_lite as ar
        >>> model = ar.NADE((3,), hidden=4, order_agnostic=True)
        >>> other = model.with_ordering([2, 0, 1])
        >>> other.ordering, other.W is model.W
        (tensor([2, 0, 1]), True)
        """
        wanted = make_ordering(ordering, self.event_shape)
        name = type(self).__name__
        self._require_names()
        try:
            other = self._rebuilt(ordering=ordering)
        except TypeError as error:  # all arguments but the ordering have been accepted before
            raise ValueError(f"{name} takes no ordering of one's own: {error}") from error
        if not torch.equal(other.ordering, wanted):
            raise ValueError(f"{name} took the ordering {ordering!r}, but does not draw in it")
        return other

    def _rebuilt(self, **changed: Any) -> Self:
        """A model built by this one's arguments, but for those that are changed, that shares its weights."""
        # The weights drawn here are not kept, so no random number may be used up for them.
        with torch.random.fork_rng(devices=[]), torch.device("cpu"):
            other = type(self)(**{**self._arguments(), **changed})
        share_weights(other, self)
        return other

    # -- what an architecture says -------------------------------------------------------------------------------

    def params(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Parameters (B, *event_shape, P) of every conditional p(x_t | x_<t), in storage layout, in one pass."""
        raise NotImplementedError

    def cached_decoder(self, n: int, context: Tensor | None) -> Decoder:
        """A decoder that reuses what earlier steps computed; recomputes unless a model knows better."""
        return NaiveDecoder(self, n, context)

    # -- likelihood ----------------------------------------------------------------------------------------------

    @property
    def event_dtype(self) -> torch.dtype:
        return self.conditional.event_dtype(self.dtype)

    @property
    def levels(self) -> int | None:
        """Number of values of one variable; None if it is continuous."""
        return self.conditional.levels

    def forward(self, x: Tensor, context: Tensor | None = None) -> Distribution:
        """All conditionals p(x_t | x_<t) at once: a distribution with batch shape (B, *event_shape).

        Its `sample()` draws every variable given the *true* values before it, so it is no sample of the model.
        """
        self.check(x, context)
        return self.conditional.distribution(self.params(x, context))

    def _accepted_shape(self, x: Tensor) -> tuple[int, ...]:
        length, *rest = self.event_shape
        if self.takes_prefixes and isinstance(x, Tensor) and x.dim() == 1 + len(self.event_shape):
            length = min(length, x.shape[1])
        return (length, *rest)

    @property
    def _also_accepted(self) -> str:
        length, *rest = self.event_shape
        prefix = ", ".join(["B", "L", *map(str, rest)])
        return f" or, for a prefix, ({prefix}) with L <= {length}" if self.takes_prefixes else ""

    def _check_values(self, x: Tensor) -> None:
        self.conditional.check_values(x)

    def _log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        log_probs = self.conditional.distribution(self.params(x, context)).log_prob(x)
        return log_probs.flatten(1).sum(1)

    # -- sampling ------------------------------------------------------------------------------------------------

    def sample(
        self,
        n: int | None = None,
        *,
        noise: Tensor | None = None,
        context: Tensor | None = None,
        temperature: float = 1.0,
        filter: Filter | None = None,
        generator: torch.Generator | None = None,
        observed: Tensor | None = None,
        mask: Tensor | None = None,
        cache: bool = True,
    ) -> Tensor:
        """Draw events (n, *event_shape): x_t = draw_t(u_t), a deterministic map of uniform noise.

        Args:
            n: number of events; may be left out when `noise` is given.
            noise: (n, *event_shape) in (0, 1), indexed by position. Default: the grid (2k+1)/2^24.
            context: class labels or a context tensor for conditional models, n entries.
            temperature: below 1 sharpens, above 1 flattens every conditional.
            filter: `top_k(k)` or `top_p(p)`, for discrete variables.
            generator: torch.Generator for the default noise.
            observed, mask: completion. Both (n, *event_shape); where the bool mask is True the value of
                `observed` is kept. Each drawn value depends on the values before it in the ordering, only.
            cache: False recomputes the whole model at every step, for reference.

        Raises:
            ValueError, TypeError: for arguments that do not fit together or to the model.

        >>> import armodels_lite as ar
        >>> model = ar.FVSBN((4,))                      # all weights start at 0: four fair coins
        >>> model.sample(noise=torch.tensor([[0.62, 0.25, 0.80, 0.49]]))
        tensor([[0., 1., 0., 1.]])
        """
        sampler = Sampler(
            self,
            n,
            noise=noise,
            context=context,
            temperature=temperature,
            filter=filter,
            generator=generator,
            observed=observed,
            mask=mask,
            cache=cache,
        )
        with sampling_mode(self):
            return sampler.run().view(sampler.n, *self.event_shape)

    def sample_steps(
        self,
        n: int | None = None,
        *,
        noise: Tensor | None = None,
        context: Tensor | None = None,
        temperature: float = 1.0,
        filter: Filter | None = None,
        generator: torch.Generator | None = None,
        observed: Tensor | None = None,
        mask: Tensor | None = None,
        cache: bool = True,
    ) -> Iterator[Step]:
        """Like `sample`, but yields a `Step` for each variable as it is drawn. Arguments are checked at the call."""
        sampler = Sampler(
            self,
            n,
            noise=noise,
            context=context,
            temperature=temperature,
            filter=filter,
            generator=generator,
            observed=observed,
            mask=mask,
            cache=cache,
        )
        return self._iterate(sampler)

    def _iterate(self, sampler: Sampler) -> Iterator[Step]:
        steps = sampler.steps()
        while True:
            with sampling_mode(self):  # entered anew for each step: the caller may train in between
                found = next(steps, None)
            if found is None:
                return
            t, position, dist, u = found
            yield Step(
                t, position, dist, u, sampler.decoder.x.view(sampler.n, *self.event_shape).clone()
            )

    def decoder(self, n: int, context: Tensor | None = None, cache: bool = True) -> Decoder:
        """A decoder for n sequences at step 0; cache=False gives the one that recomputes, for reference."""
        check_count(n)
        self.check_context(context, n)
        with torch.no_grad():
            return self.cached_decoder(n, context) if cache else NaiveDecoder(self, n, context)
