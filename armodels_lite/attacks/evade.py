"""An attack with two aims: fool a classifier, and stay below the limit of a detector that watches."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..arguments import finite_number, positive
from .victim import Classifier, Victim

__all__ = ["evade"]

# In logits: how far beyond the border an image goes before it cares for the detector alone.
MARGIN = 0.3
GROWTH = 1.15  # of a weight, in a step
LIGHTEST, HEAVIEST = 1e-6, 1e6  # where a weight stops: it would overflow in a long run
LONGEST, SHORTEST = 0.29, 0.04  # steps at the beginning and at the end, as shares of eps


def evade(
    classifier: Classifier,
    x: Tensor,
    y: Tensor,
    *,
    eps: float,
    score: Callable[[Tensor], Tensor],
    limit: float,
    reserve: float = 0.0,
    steps: int = 30,
    weight: float = 0.05,
    targeted: bool = False,
    levels: int | None = None,
) -> Tensor:
    """Inside the ball, an image that the classifier gets wrong and that has a score below the limit.

    Each image follows those of its two aims that are unmet: down the margin by which the classifier is still right, and
    down the score, with a weight of its own for the second. The weight grows while the score is too high, and shrinks
    while it is not. Steps lie between signs and plain gradients: the square root of each entry, with its sign.

    Args:
        classifier, x, y, targeted, levels: see `armodels_lite.attacks.fgsm`.
        eps: the largest change of a value, 0 to 1.
        score: the detector, a function from shades (B, *event_shape) to numbers (B,) that torch can differentiate; high
            ones are suspicious. It is asked for a slope between the levels, and for a verdict at them.
        limit: scores of at least this raise an alarm.
        reserve: the score is brought down to limit - reserve, to allow for rounding.
        steps: how many.
        weight: of the score against logits, in the beginning.

    Returns:
        Attacked images, shades of the shape and dtype of x, each as first found; where none was found, the image as it
        was.

    Raises:
        ValueError, TypeError: for arguments that are not accepted; the message says what is.

    Source: the idea of a second term against the detector is that of B. Biggio et al., "Evasion Attacks against Machine
    Learning at Test Time", 2013, and N. Carlini, D. Wagner, "Adversarial Examples Are Not Easily Detected", 2017. They
    use one weight, or search for it.
    """
    victim = Victim(classifier, x, y, targeted, levels)
    radius = victim.radius(eps)
    positive("steps", steps)
    _check_numbers(limit=limit, reserve=reserve, weight=weight)
    image, found = victim.x.clone(), victim.x.clone()
    weights = _wide(image.new_full((len(image),), weight), image)
    done = torch.zeros(len(image), dtype=torch.bool, device=image.device)
    with victim.attacked():
        for step in range(steps + 1):
            logits, to_fool, slope = _slopes(victim, score, image)
            with torch.no_grad():
                now = score(victim.seen(image))
            new = victim.fooled(logits) & (now < limit) & ~done
            found[new], done = victim.seen(image)[new], done | new
            if step == steps:
                break
            weights = _adjusted(weights, _wide(now >= limit, image))
            direction = to_fool * _wide(victim.margin(logits) > -MARGIN, image)
            direction = direction + weights * slope * _wide(now > limit - reserve, image)
            length = radius * (SHORTEST + (LONGEST - SHORTEST) * (1 - step / steps))
            image = victim.project(image - length * _flattened(direction), radius)
    return victim.result(found)


def _check_numbers(**numbers: float) -> None:
    """Raise ValueError unless all are finite, and all but the limit at least 0."""
    for name, value in numbers.items():
        if not finite_number(value) or (name != "limit" and value < 0):
            raise ValueError(
                f"{name} must be a finite number, of at least 0 but for the limit, got {value!r}"
            )


def _adjusted(weights: Tensor, seen: Tensor) -> Tensor:
    """Larger for images that the detector would see, smaller for the others."""
    return torch.where(seen, GROWTH * weights, weights / GROWTH).clamp(LIGHTEST, HEAVIEST)


def _slopes(
    victim: Victim, score: Callable[[Tensor], Tensor], image: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The logits (B, K), and the gradients of the margin by which the attack fails and of the score."""
    image = image.detach().requires_grad_()
    logits, value = victim.logits(image), score(image)
    if not isinstance(value, Tensor) or value.shape != image.shape[:1]:
        found = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"the score must be a tensor of shape ({len(image)},), got {found}")
    if len(image) and not value.requires_grad:
        raise ValueError("the score has no gradient, and this attack follows it")
    if value.isnan().any():
        raise ValueError("the score must be a number for each image, got NaN")
    (to_fool,) = torch.autograd.grad(victim.margin(logits).sum(), image)
    (slope,) = torch.autograd.grad(value.sum(), image)
    return logits.detach(), to_fool, slope


def _flattened(direction: Tensor) -> Tensor:
    """Each entry's square root with its sign, the largest of an image being 1."""
    largest = _wide(direction.abs().flatten(1).amax(1), direction).clamp(min=1e-12)
    return direction.sign() * (direction.abs() / largest).sqrt()


def _wide(values: Tensor, image: Tensor) -> Tensor:
    """Numbers (B,) that go with images (B, *event_shape)."""
    return values.view(-1, *[1] * (image.dim() - 1))
