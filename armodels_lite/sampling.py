"""Drawing from a model: the arguments of `AutoregressiveModel.sample`, checked, and the loop over the variables."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .arguments import random_numbers
from .base import eval_mode
from .density import DensityModel
from .distributions import Distribution, uniform_noise

if TYPE_CHECKING:
    from .chain import AutoregressiveModel

__all__ = [
    "Filter",
    "Sampler",
    "Step",
    "adjusted",
    "check_count",
    "check_noise",
    "check_temperature",
    "check_weights",
    "sampling_mode",
]

Filter = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Step:
    """One step of sampling.

    Attributes:
        t: the step, from 0.
        position: flat position of the variable in storage layout.
        dist: what the value was drawn from (tempered and filtered), batch shape (n,).
        u: the uniform noise used, (n,).
        x: a snapshot (n, *event_shape) after the step; 0 where nothing is drawn yet.
    """

    t: int
    position: int
    dist: Distribution
    u: Tensor
    x: Tensor


class Sampler:
    """The arguments of `sample`, checked, and the loop over the variables."""

    def __init__(
        self,
        model: AutoregressiveModel,
        n: int | None,
        *,
        noise: Tensor | None,
        context: Tensor | None,
        temperature: float,
        filter: Filter | None,
        generator: torch.Generator | None,
        observed: Tensor | None,
        mask: Tensor | None,
        cache: bool,
    ) -> None:
        self.model = model
        self.noise = check_noise(model, n, noise, generator)
        self.n = len(self.noise)
        check_temperature(temperature)
        if filter is not None and not callable(filter):
            raise TypeError(f"filter must be a function such as ar.top_k(40), got {filter!r}")
        if filter is not None and not model.conditional.discrete:
            raise ValueError(
                f"a filter needs discrete variables, and this model has {model.conditional!r}"
            )
        self.temperature, self.filter = temperature, filter
        self.observed, self.mask = _completion(model, self.n, observed, mask)
        with sampling_mode(model):
            self.decoder = model.decoder(self.n, context, cache)

    def run(self) -> Tensor:
        """All steps: the sample (n, T)."""
        if self.mask is not None:
            self._run_through_hole()
        elif self.temperature == 1 and self.filter is None:
            check_weights(self.model)
            self.decoder.draw_rest(self.noise)
        else:
            for _ in self.steps():
                pass
        return self.decoder.x

    def _run_through_hole(self) -> None:
        """The values of `steps`, sooner: no conditional of a value that every sample knows, the known beginning in one
        pass (so up to rounding), no step after the last missing one.
        """
        check_weights(self.model)
        decoder, model = self.decoder, self.model
        known = self.mask.all(0)[model.ordering].tolist()  # at each step, by all samples
        missing = [t for t, by_all in enumerate(known) if not by_all]
        if missing and missing[0]:
            decoder.prefill(self.observed.view(self.n, *model.event_shape), missing[0])
        if missing:
            for t in range(missing[0], missing[-1] + 1):
                position = decoder._positions[t]
                decoder.step(self.observed[:, position] if known[t] else self._drawn(position)[2])
        after = model.ordering[missing[-1] + 1 if missing else 0 :]
        decoder.x[:, after] = self.observed[:, after]

    def steps(self) -> Iterator[tuple[int, int, Distribution, Tensor]]:
        check_weights(self.model)
        for t, position in enumerate(self.decoder._positions):
            dist, u, x_t = self._drawn(position)
            self.decoder.step(x_t)
            yield t, position, dist, u

    def _drawn(self, position: int) -> tuple[Distribution, Tensor, Tensor]:
        """Of the next variable the distribution, the noise, and the values (n,): drawn, or observed."""
        dist = adjusted(self.decoder.distribution(), self.temperature, self.filter)
        u = self.noise[:, position]
        x_t = dist.draw(u).to(self.decoder.x.dtype)
        if self.mask is not None:
            x_t = torch.where(self.mask[:, position], self.observed[:, position], x_t)
        return dist, u, x_t


def adjusted(dist: Distribution, temperature: float, filter: Filter | None) -> Distribution:
    """What is drawn from: the conditional at this temperature, then without the levels that the filter cuts off."""
    if temperature != 1:
        dist = dist.tempered(temperature)
    return dist if filter is None else dist.filtered(filter)


@contextmanager
def sampling_mode(model: AutoregressiveModel) -> Iterator[None]:
    """Eval mode and no gradients inside."""
    with eval_mode(model), torch.no_grad():
        yield


def check_noise(
    model: DensityModel,
    n: int | None,
    noise: Tensor | None,
    generator: torch.Generator | None,
    shape: tuple[int, ...] | None = None,
) -> Tensor:
    """The noise for n samples, (n, T) on the model's device: what was given, checked, or made by the generator.

    `shape` is that of the noise for one sample: `model.event_shape`, unless only a part of the event is drawn.

    Raises:
        ValueError, TypeError: if n, noise and generator do not fit together or to the model.
    """
    n = _number_of_samples(n, noise)
    shape = (n, *(model.event_shape if shape is None else shape))
    if noise is None:
        random_numbers("generator", generator)
        noise = uniform_noise(shape, generator=generator).to(model.device)
    elif tuple(noise.shape) != shape or not noise.is_floating_point():
        raise ValueError(
            f"noise must be floats of shape {shape}, got {noise.dtype} of {tuple(noise.shape)}"
        )
    elif noise.device != model.device:
        raise ValueError(f"noise is on {noise.device}, the model on {model.device}")
    elif not ((noise > 0) & (noise < 1)).all():
        low, high = noise.min().item(), noise.max().item()
        raise ValueError(
            f"noise must lie strictly between 0 and 1, got values from {low} to {high}"
        )
    return noise.flatten(1).clone()  # the caller may change theirs between steps


def _number_of_samples(n: int | None, noise: Tensor | None) -> int:
    if noise is None and n is None:
        raise ValueError("say how many samples: give n, or noise")
    if noise is None:
        return check_count(n)
    if not isinstance(noise, Tensor) or noise.dim() == 0:
        raise TypeError(
            f"noise must be a tensor with an entry a sample, got {type(noise).__name__}"
        )
    if n is not None and check_count(n) != len(noise):
        raise ValueError(f"n is {n}, but noise is for {len(noise)} samples")
    return len(noise)


def _completion(
    model: AutoregressiveModel, n: int, observed: Tensor | None, mask: Tensor | None
) -> tuple[Tensor | None, Tensor | None]:
    """Observed values and mask, flattened to (n, T), checked where the mask is True."""
    if observed is None and mask is None:
        return None, None
    if observed is None or mask is None:
        raise ValueError("completion needs both observed and mask")
    model._check_tensor("observed", observed, model.event_shape, model.event_dtype)
    model._check_tensor("mask", mask, model.event_shape, torch.bool)
    if len(observed) != n or len(mask) != n:
        raise ValueError(
            f"observed and mask must hold {n} events, got {len(observed)} and {len(mask)}"
        )
    model._check_values(observed.masked_fill(~mask, 0))
    return observed.flatten(1).clone(), mask.flatten(1).clone()


def check_weights(model: DensityModel) -> None:
    """Raise ValueError if some weight is NaN: the draws would look like values and mean nothing."""
    if any(weight.isnan().any() for weight in model.parameters()):
        name = type(model).__name__
        raise ValueError(f"this {name} has weights that are NaN: its probabilities mean nothing")


def check_temperature(temperature: float) -> None:
    """Raise ValueError unless it is a positive, finite number."""
    number = isinstance(temperature, (int, float)) and not isinstance(temperature, bool)
    if not (number and 0 < temperature < math.inf):
        raise ValueError(f"temperature must be a positive number, got {temperature!r}")


def check_count(n: int | None) -> int:
    """n, if it is a number of samples; ValueError if not."""
    if not isinstance(n, int) or isinstance(n, bool) or n < 0:
        raise ValueError(f"the number of samples must be an int of at least 0, got {n!r}")
    return n
