"""PixelDefend: a density of clean images detects attacked ones, and purifies them.

Detection: an attacked image should be improbable. How improbable is judged by rank, against images known to be clean.
Purification: near the image, within a ball that should hold the clean one, look for a more probable image.

Source: Y. Song, T. Kim, S. Nowozin, S. Ermon, N. Kushman, "PixelDefend: Leveraging Generative Models to Understand and
Defend against Adversarial Examples", 2018. It does not withstand an attack that knows of it: A. Athalye, N. Carlini,
D. Wagner, "Obfuscated Gradients Give a False Sense of Security", 2018; see `attacks.bpda` and the penalty of
`attacks.pgd`.

Images are given as the model's levels, or as shades: floats from 0 to 1, level k of K as k / (K - 1). For a model of
black and white the two are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .arguments import finite_number, positive
from .base import eval_mode, frozen
from .chain import AutoregressiveModel
from .density import DensityModel
from .relaxation import relaxed_log_prob
from .sampling import check_weights, sampling_mode
from .shades import to_levels, to_shades, whole_levels

__all__ = ["PurifyStep", "p_value", "purify", "purify_steps"]

BATCH = 256  # images at a time where they may be many


# ---- detection ---------------------------------------------------------------------------------------------


def p_value(
    model: DensityModel, x: Tensor, reference: Tensor, context: Tensor | None = None
) -> Tensor:
    """The rank p-value (B,) of each image among clean ones: (1 + #{i: log p(x_i) <= log p(x)}) / (N + 1).

    If x is clean, and was drawn like the N reference images, every rank is equally likely: P(p-value <= a) is at most
    a, for every a. So "call attacked what has a p-value of at most 0.05" calls one clean image in twenty attacked,
    whatever the model. This needs reference images that the model has not been trained on. It has learnt some of its
    training images by heart; against these, new clean images look improbable too.

    Args:
        model: any model with a likelihood.
        x: images (B, *event_shape), levels or shades.
        reference: N clean images, or their log-probabilities (N,) where these are at hand.
        context: of x, for conditional models; the reference must then be log-probabilities.

    Raises:
        ValueError, TypeError: for arguments that are not accepted; the message says what is.

    Source: Song et al. 2018, who rank among the training images. With held-out images: V. Vovk, A. Gammerman,
    G. Shafer, "Algorithmic Learning in a Random World", 2005; S. Bates, E. Candes, L. Lei, Y. Romano, M. Sesia,
    "Testing for Outliers with Conformal p-values", 2023.

    >>> import armodels_lite as ar
    >>> model = ar.FVSBN((2,))                           # all four images have log p = -1.386
    >>> p_value(model, torch.zeros(1, 2), torch.tensor([-3.0, -2.0, -1.0]))   # two of three are below: (1 + 2) / 4
    tensor([0.7500])
    """
    log_probs = _log_probs(model, x, context)
    if log_probs.isnan().any():
        raise ValueError(f"log p(x) is NaN for {int(log_probs.isnan().sum())} of {len(x)} images")
    if isinstance(reference, Tensor) and reference.dim() == 1 and reference.is_floating_point():
        ranked = reference.to(log_probs)
    elif context is not None:
        raise ValueError(
            "with a context the reference must be log-probabilities (N,), since each image has its own context"
        )
    else:
        ranked = _log_probs(model, reference, None)
    if not len(ranked) or ranked.isnan().any():
        raise ValueError(
            f"the reference must hold at least one image and no NaN, got {len(ranked)} with "
            f"{int(ranked.isnan().sum())} NaN"
        )
    below = torch.searchsorted(ranked.sort().values, log_probs, right=True)
    return (1 + below) / (len(ranked) + 1)


def _log_probs(model: DensityModel, x: Tensor, context: Tensor | None) -> Tensor:
    """Log-probability (B,) of each image, in nats, a batch at a time."""
    events = _as_events(model, x)
    model.check(events, context)
    with eval_mode(model), torch.no_grad():
        parts = [
            model._log_prob(part, None if context is None else context[i * BATCH :][:BATCH])
            for i, part in enumerate(events.split(BATCH))
        ]
    return torch.cat(parts)


# ---- purification ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PurifyStep:
    """One pixel of a greedy purification.

    Attributes:
        t: the step, from 0.
        position: flat position of the variable in storage layout.
        log_probs: (B, K) of its levels, given the purified values before it, in nats.
        allowed: bool (B, K), the levels inside the ball.
        before, after: (B,) int64, the level that it had and the one that is put there.
        x: a snapshot (B, *event_shape) after the step: purified up to here, as given beyond.
    """

    t: int
    position: int
    log_probs: Tensor
    allowed: Tensor
    before: Tensor
    after: Tensor
    x: Tensor


def purify(
    model: AutoregressiveModel,
    x: Tensor,
    *,
    eps: float,
    method: str = "greedy",
    threshold: float | None = None,
    steps: int = 20,
    context: Tensor | None = None,
) -> Tensor:
    """A more probable image near each: every value moves by at most eps.

    "greedy" goes through the image in the model's order, and gives each variable the most probable level inside the
    ball, given the purified values before it (its own, where no other is more probable). "gradient" climbs log p by
    signs of its gradient (`relaxed_log_prob`), returns to the ball after each step, and keeps the most probable of the
    images rounded on the way, the given one among them. Neither finds the most probable image of the ball. Greedy can
    even end at a less probable one than it was given: a pixel that is likely now may make later ones unlikely.

    Args:
        model: of levels or of black and white.
        x: images (B, *event_shape), levels or shades.
        eps: the largest change of a value, in the unit of x: a number of levels where x holds levels, from 0 to 1 where
            it holds shades (then the next lower multiple of a level counts).
        method: "greedy" or "gradient".
        threshold: in nats; images with log p of at least that stay as they are. None purifies all.
        steps: of the gradient's way; each is 2.5 eps / steps long.
        context: for conditional models, B entries.

    Returns:
        Images of the shape, dtype and unit of x.

    Raises:
        ValueError, TypeError: for arguments that are not accepted; the message says what is.

    Source: Song et al. 2018, greedy; with the threshold, their adaptive PixelDefend. Differs: a level as probable as
    the one that is there does not replace it.

    >>> import armodels_lite as ar
    >>> model = ar.FVSBN((3,))                        # x_2 and x_3 each want to be what the one before them is
    >>> with torch.no_grad():
    ...     model.linear.weight[1, 0] = model.linear.weight[2, 1] = 4.0
    ...     model.linear.bias[1:] = -2.0
    >>> purify(model, torch.tensor([[1.0, 0.0, 0.0]]), eps=1)
    tensor([[1., 1., 1.]])
    """
    if method not in ("greedy", "gradient"):
        raise ValueError(f'method must be "greedy" or "gradient", got {method!r}')
    positive("steps", steps)
    if threshold is not None and not finite_number(threshold):
        raise ValueError(f"threshold must be a number of nats or None, got {threshold!r}")
    events, radius = _checked(model, x, eps, context)
    if threshold is not None:
        suspicious = _log_probs(model, events, context) < threshold
        part = None if context is None else context[suspicious]
        purified = events.clone()
        purified[suspicious] = _purified(model, events[suspicious], radius, method, steps, part)
    else:
        purified = _purified(model, events, radius, method, steps, context)
    return _as_given(model, purified, x)


def purify_steps(
    model: AutoregressiveModel, x: Tensor, *, eps: float, context: Tensor | None = None
) -> Iterator[PurifyStep]:
    """The greedy purification, variable by variable; x in the steps holds levels. Arguments are checked at the call."""
    events, radius = _checked(model, x, eps, context)
    return _greedy_steps(model, events, radius, context)


def _purified(
    model: AutoregressiveModel,
    events: Tensor,
    radius: int,
    method: str,
    steps: int,
    context: Tensor | None,
) -> Tensor:
    if not len(events) or radius == 0:
        return events.clone()
    if method == "gradient":
        return _climbed(model, events, radius, steps, context)
    *_, last = _greedy_steps(model, events, radius, context)
    return last.x


def _greedy_steps(
    model: AutoregressiveModel, events: Tensor, radius: int, context: Tensor | None
) -> Iterator[PurifyStep]:
    with sampling_mode(model):
        decoder = model.decoder(len(events), context)
    x = events.flatten(1).clone()
    levels = torch.arange(model.levels, device=x.device)
    for t, position in enumerate(model.ordering.tolist()):
        with sampling_mode(model):
            log_probs = decoder.distribution().level_log_probs()
            before = x[:, position].long().clone()  # not a view: x changes below
            allowed = (levels - before.unsqueeze(1)).abs() <= radius
            best, after = log_probs.masked_fill(~allowed, -torch.inf).max(1)
            as_good = log_probs.gather(1, before.unsqueeze(1)).squeeze(1) >= best
            after = torch.where(as_good, before, after)
            x[:, position] = after.to(x.dtype)
            decoder.step(x[:, position])
        yield PurifyStep(
            t, position, log_probs, allowed, before, after, x.view(events.shape).clone()
        )


def _climbed(
    model: AutoregressiveModel, events: Tensor, radius: int, steps: int, context: Tensor | None
) -> Tensor:
    """Levels: the most probable of the images on the way up."""
    top = model.levels - 1
    given = to_shades(events, model.levels, model.dtype)
    low, high = (given - radius / top).clamp(min=0), (given + radius / top).clamp(max=1)
    best, most = events, _log_probs(model, events, context)
    x = given
    for _ in range(steps):
        x = x.detach().requires_grad_()
        with eval_mode(model), frozen(model), torch.enable_grad():
            (slope,) = torch.autograd.grad(relaxed_log_prob(model, x, context).sum(), x)
        x = (x.detach() + 2.5 * radius / top / steps * slope.sign()).clamp(low, high)
        nearest = (x * top).round().to(events.dtype)
        found = _log_probs(model, nearest, context)
        better = found > most
        most = torch.where(better, found, most)
        best = torch.where(better.view(-1, *[1] * (events.dim() - 1)), nearest, best)
    return best


# ---- levels and shades -------------------------------------------------------------------------------------


def _checked(
    model: AutoregressiveModel, x: Tensor, eps: float, context: Tensor | None
) -> tuple[Tensor, int]:
    """The images as the model's events, and the radius of the ball in levels."""
    if not isinstance(model, AutoregressiveModel) or not model.conditional.discrete:
        raise ValueError(f"purification needs an autoregressive model of levels, got {model!r}")
    check_weights(model)
    events = _as_events(model, x)
    model.check(events, context)
    if not finite_number(eps) or eps < 0:
        raise ValueError(f"eps must be a number of at least 0, got {eps!r}")
    if x.is_floating_point():
        if eps > 1:
            raise ValueError(
                f"x holds shades from 0 to 1, and so must eps be (such as 2 / 16), got {eps}"
            )
        return events, whole_levels(eps, model.levels)
    if eps != int(eps):
        raise ValueError(f"x holds levels, so eps is a whole number of them, got {eps}")
    return events, min(int(eps), model.levels - 1)  # no larger ball holds more


def _as_events(model: DensityModel, x: Tensor) -> Tensor:
    """Levels or shades as what the model takes."""
    levels = getattr(model, "levels", None)
    shades = isinstance(x, Tensor) and x.is_floating_point()
    return to_levels(x, levels) if levels and shades and model.event_dtype == torch.int64 else x


def _as_given(model: AutoregressiveModel, events: Tensor, x: Tensor) -> Tensor:
    """Events in the unit of x."""
    return to_shades(events, model.levels, x.dtype) if x.is_floating_point() else events
