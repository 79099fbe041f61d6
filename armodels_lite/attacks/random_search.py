"""Random search: an attack that follows no gradient, so nothing that hides gradients stops it."""

from __future__ import annotations

import torch
from torch import Tensor

from ..arguments import positive, random_numbers
from ..shades import check_shades
from .victim import Classifier, Victim

__all__ = ["random_search"]

# Shares of the values that a trial changes, at the beginning and at the end.
LARGEST, SMALLEST = 0.3, 0.03


def random_search(
    classifier: Classifier,
    x: Tensor,
    y: Tensor,
    *,
    eps: float,
    queries: int = 100,
    start: Tensor | None = None,
    targeted: bool = False,
    levels: int | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Try random changes inside the ball, and keep those that bring the attack nearer to success.

    A trial gives some of the values, chosen at random, one of x - eps, x and x + eps. It is kept if the margin by which
    the attack fails becomes smaller. Trials change fewer values as time goes on. An image that fools is left alone.

    Args:
        classifier, x, y, targeted, levels: see `armodels_lite.attacks.fgsm`; no gradient is asked for.
        eps: the largest change of a value, 0 to 1.
        queries: at most so many trials. The classifier is called twice more: to check it, and at the beginning.
        start: images inside the ball to begin with, such as another attack's; x unless given.
        generator: torch.Generator of the trials; torch's global one unless given.

    Returns, raises: as `armodels_lite.attacks.fgsm`. Never nearer to the right answer than `start`.

    Source: the idea is that of M. Andriushchenko, F. Croce, N. Flammarion, M. Hein, "Square Attack: a Query-Efficient
    Black-Box Adversarial Attack via Random Search", 2020. Differs: single values in place of squares, since images here
    are small.
    """
    victim = Victim(classifier, x, y, targeted, levels)
    radius = victim.radius(eps)
    positive("queries", queries)
    random_numbers("generator", generator)
    image = _checked(victim, radius, start)
    with victim.attacked(), torch.no_grad():
        margin = victim.margin(victim.logits(image))
        for query in range(queries):
            left = margin >= 0  # at 0 two classes are equal, and either may be the one that is told
            if not left.any():
                break
            part = victim.part(left)
            share = LARGEST + (SMALLEST - LARGEST) * query / queries
            trial = _trial(part, image[left], radius, share, generator)
            found = part.margin(part.logits(trial))
            better = found < margin[left]
            image[left] = torch.where(better.view(-1, *[1] * (x.dim() - 1)), trial, image[left])
            margin[left] = torch.where(better, found, margin[left])
    return victim.result(image)


def _checked(victim: Victim, radius: float, start: Tensor | None) -> Tensor:
    """The images to begin with; raises ValueError for some outside the ball."""
    if start is None:
        return victim.x.clone()
    if not isinstance(start, Tensor) or start.shape != victim.x.shape:
        found = tuple(start.shape) if isinstance(start, Tensor) else type(start).__name__
        raise ValueError(
            f"start must be images of shape {tuple(victim.x.shape)}, as x; got {found}"
        )
    check_shades(start)
    distance = (start - victim.x).abs().max().item() if start.numel() else 0.0
    if distance > radius + 1e-6:
        raise ValueError(
            f"start must lie in the ball of radius {radius:g} around x, got a distance of {distance:g}"
        )
    return victim.project(start.detach().to(victim.x), radius).clone()


def _trial(
    victim: Victim, image: Tensor, radius: float, share: float, generator: torch.Generator | None
) -> Tensor:
    device = "cpu" if generator is None else generator.device
    chosen = torch.rand(image.shape, generator=generator, device=device) < share
    change = torch.randint(-1, 2, image.shape, generator=generator, device=device)
    moved = victim.project(victim.x + radius * change.to(victim.x), radius)
    return torch.where(chosen.to(image.device), moved, image)
