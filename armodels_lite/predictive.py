"""Predictive sampling: guess the whole event, check the guess in one parallel pass, keep what was right.

Sources: A. Wiggers, E. Hoogeboom, "Predictive Sampling with Forecasting Autoregressive Models", 2020; Y. Song, C. Meng,
R. Liao, S. Ermon, "Accelerating Feedforward Computation via Parallel Nonlinear Equation Solving", 2021, who call the
iteration Jacobi's. This is the form without learnt forecasts: each pass takes what the one before gave as its guess.

Why it is exact: with the noise u fixed, sampling is the system of equations x_t = draw(u_t; x_<t), t = 1..T. It has
one solution, since x_1 needs nothing and each x_t only those before it. A pass computes the right-hand side for all t
at once. Where the guess is right in all of x_<t, the pass gives x_t right. So each pass makes at least one more value
right for good, and T passes always suffice. A guess that the pass reproduces is the solution.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .chain import AutoregressiveModel
from .inspection import check_kind
from .sampling import check_noise, check_weights, sampling_mode

__all__ = ["PredictivePass", "PredictiveSample", "predictive_passes", "predictive_sample"]


@dataclass(frozen=True)
class PredictiveSample:
    """What `predictive_sample` drew.

    Attributes:
        x: (n, *event_shape), the draws.
        passes: int64 (n,), parallel passes of the model that each draw needed, the one that confirms it among them.
    """

    x: Tensor
    passes: Tensor


@dataclass(frozen=True)
class PredictivePass:
    """One pass over all events.

    Attributes:
        guess: (n, *event_shape), what the model read.
        x: (n, *event_shape), what it answers: the next guess.
        settled: int64 (n,), how many values of x, in drawing order, are known to be right for good.
    """

    guess: Tensor
    x: Tensor
    settled: Tensor


def predictive_sample(
    model: AutoregressiveModel,
    n: int | None = None,
    *,
    noise: Tensor | None = None,
    context: Tensor | None = None,
    generator: torch.Generator | None = None,
    guess: Tensor | None = None,
) -> PredictiveSample:
    """The draws of `model.sample` with the same noise, in fewer passes where values are easy to guess.

    Worth it where one pass over an event costs little more than one step, as on a GPU, and where the model has no
    cache. The passes are parallel in all variables and hold the parameters of all n events at once; a cached decoder
    does less arithmetic and holds less.

    In float32 a draw may differ from `model.sample` where u falls between two probabilities that differ in the last
    bit, since one pass and a cached step round differently. In float64 that is too rare to be met.

    Args:
        n, noise, context, generator: as for `model.sample`.
        guess: (n, *event_shape), the first guess; zeros unless given. A better one saves passes, and changes nothing
            else.

    Raises:
        TypeError: no autoregressive model.
        ValueError, TypeError: arguments that do not fit together or to the model.

    >>> import armodels_lite as ar
    >>> found = predictive_sample(ar.IndependentBernoulli((100,)), 2)       # no value depends on another
    >>> found.passes                                                       # one that draws, one that confirms
    tensor([2, 2])
    """
    noise, x = _checked(model, n, noise, context, generator, guess)
    passes = torch.zeros(len(noise), dtype=torch.int64, device=model.device)
    left = torch.arange(len(noise), device=model.device)  # draws that are not settled
    for _ in range(model.num_variables):
        if len(left) == 0:
            break
        given = None if context is None else context[left]
        new, settled = _pass(model, x[left], noise[left], given)
        x[left] = new
        passes[left] += 1
        left = left[settled < model.num_variables]
    return PredictiveSample(x, passes)


def predictive_passes(
    model: AutoregressiveModel,
    n: int | None = None,
    *,
    noise: Tensor | None = None,
    context: Tensor | None = None,
    generator: torch.Generator | None = None,
    guess: Tensor | None = None,
) -> Iterator[PredictivePass]:
    """`predictive_sample` pass by pass, over all draws until the last is settled, for who wants to watch.

    Arguments and errors are those of `predictive_sample`; they are checked at the call.

    >>> import armodels_lite as ar
    >>> [p.settled.item() for p in predictive_passes(ar.IndependentBernoulli((5,)), noise=torch.full((1, 5), 0.1))]
    [1, 5]
    """
    noise, guess = _checked(model, n, noise, context, generator, guess)
    return _passes(model, guess, noise, context)


def _checked(
    model: AutoregressiveModel,
    n: int | None,
    noise: Tensor | None,
    context: Tensor | None,
    generator: torch.Generator | None,
    guess: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Noise and first guess, each (n, *event_shape)."""
    check_kind(model, AutoregressiveModel, "predictive sampling needs an autoregressive model")
    check_weights(model)
    noise = check_noise(model, n, noise, generator).view(-1, *model.event_shape)
    model.check_context(context, len(noise))
    return noise, _first_guess(model, len(noise), guess)


def _passes(
    model: AutoregressiveModel, guess: Tensor, noise: Tensor, context: Tensor | None
) -> Iterator[PredictivePass]:
    settled = torch.zeros(len(guess), dtype=torch.int64, device=model.device)
    for _ in range(model.num_variables):
        if bool((settled == model.num_variables).all()):
            return
        x, settled = _pass(model, guess, noise, context)
        yield PredictivePass(guess.clone(), x.clone(), settled.clone())
        guess = x


def _pass(
    model: AutoregressiveModel, guess: Tensor, noise: Tensor, context: Tensor | None
) -> tuple[Tensor, Tensor]:
    """The values that the guess leads to, and how many of them are right for good (n,)."""
    with sampling_mode(model):
        params = model.params(guess, context)
        x = model.conditional.draw(params, noise).to(guess.dtype)
    return x, _settled(guess, x, model.ordering)


def _settled(guess: Tensor, x: Tensor, ordering: Tensor) -> Tensor:
    """How many values at the beginning are right: those that came out as guessed, and the first that did not."""
    same = (guess == x).flatten(1)[:, ordering]
    return (same.long().cumprod(1).sum(1) + 1).clamp(max=same.shape[1])


def _first_guess(model: AutoregressiveModel, n: int, guess: Tensor | None) -> Tensor:
    if guess is None:
        return torch.zeros(n, *model.event_shape, dtype=model.event_dtype, device=model.device)
    model._check_tensor("guess", guess, model.event_shape, model.event_dtype)
    if len(guess) != n:
        raise ValueError(f"guess must hold {n} events, one for each draw, got {len(guess)}")
    model._check_values(guess)
    return guess.clone()
