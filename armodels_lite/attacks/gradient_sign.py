"""Attacks inside a ball: every pixel may move by at most eps (l-infinity norm). Noise, FGSM, BIM and PGD."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..arguments import positive, random_numbers
from .victim import Classifier, Victim

__all__ = ["bim", "fgsm", "pgd", "random_noise"]

Penalty = Callable[[Tensor], Tensor]


def random_noise(
    classifier: Classifier,
    x: Tensor,
    y: Tensor,
    *,
    eps: float,
    levels: int | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Each pixel moved by a number drawn evenly from -eps to eps: what every other attack has to beat.

    The classifier and the labels are taken, and checked, so that it can stand wherever an attack stands; the noise does
    not depend on them.

    Args:
        classifier, x, y, levels: see `armodels_lite.attacks`.
        eps: the largest change of a pixel, 0 to 1.
        generator: of the noise; torch's global one unless given.

    Returns:
        Attacked images, shades of the shape and dtype of x.

    Raises:
        ValueError, TypeError: for arguments that are not accepted; the message says what is.
    """
    victim = Victim(classifier, x, y, targeted=False, levels=levels)
    radius = victim.radius(eps)
    return victim.result(victim.project(victim.x + _uniform(victim.x, radius, generator), radius))


def fgsm(
    classifier: Classifier,
    x: Tensor,
    y: Tensor,
    *,
    eps: float,
    targeted: bool = False,
    levels: int | None = None,
) -> Tensor:
    """Fast gradient sign method: one step of length eps in every pixel, x + eps sign(grad of -log p(y | x)).

    Of all changes by at most eps a pixel, this one adds most to the loss if the loss is a straight line there. With
    `targeted=True` the sign is the other way, and y is where it leads.

    Args:
        classifier, x, y, levels: see `armodels_lite.attacks`.
        eps: the largest change of a pixel, 0 to 1.
        targeted: whether y are the labels to be reached, in place of the true ones to get away from.

    Returns:
        Attacked images, shades of the shape and dtype of x, whether or not they fool the classifier.

    Raises:
        ValueError, TypeError: for arguments that are not accepted; the message says what is.

    Source: I. J. Goodfellow, J. Shlens, C. Szegedy, "Explaining and Harnessing Adversarial Examples", 2015.
    """
    victim = Victim(classifier, x, y, targeted, levels)
    radius = victim.radius(eps)
    return victim.result(_climb(victim, victim.x, radius, steps=1, step_size=radius))


def bim(
    classifier: Classifier,
    x: Tensor,
    y: Tensor,
    *,
    eps: float,
    steps: int = 10,
    step_size: float | None = None,
    targeted: bool = False,
    levels: int | None = None,
) -> Tensor:
    """Basic iterative method: many small steps of FGSM, each followed by a return to the ball. PGD from x itself.

    Args:
        classifier, x, y, targeted, levels: see `fgsm`.
        eps: the largest change of a pixel, 0 to 1.
        steps: how many.
        step_size: of a step in every pixel; 1.25 eps / steps unless given.

    Returns, raises: as `fgsm`.

    Source: A. Kurakin, I. J. Goodfellow, S. Bengio, "Adversarial Examples in the Physical World", 2017. There a step is
    1 / 255 long and their number follows from eps; here the number is given. The steps together are as long as theirs
    where eps is at most 16 / 255, and longer beyond.
    """
    victim = Victim(classifier, x, y, targeted, levels)
    radius = victim.radius(eps)
    length = _step_size(step_size, 1.25 * radius / positive("steps", steps))
    return victim.result(_climb(victim, victim.x, radius, steps, length))


def pgd(
    classifier: Classifier,
    x: Tensor,
    y: Tensor,
    *,
    eps: float,
    steps: int = 20,
    step_size: float | None = None,
    targeted: bool = False,
    levels: int | None = None,
    penalty: Penalty | None = None,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Projected gradient descent: as `bim`, from a random place in the ball.

    Args:
        classifier, x, y, targeted, levels: see `fgsm`.
        eps: the largest change of a pixel, 0 to 1.
        steps: how many.
        step_size: of a step in every pixel; 2.5 eps / steps unless given.
        penalty: a function from shades (B, *event_shape), not rounded, to (B,), which the attack keeps low besides:
            it climbs loss - penalty. For an attack on a detector.
        generator: of the random start; torch's global one unless given.

    Returns, raises: as `fgsm`.

    Source: A. Madry, A. Makelov, L. Schmidt, D. Tsipras, A. Vladu, "Towards Deep Learning Models Resistant to
    Adversarial Attacks", 2018. Differs: of all images on the way, the one that climbed highest is kept, not the last;
    behind a defence (`bpda`) the loss goes up and down.
    """
    victim = Victim(classifier, x, y, targeted, levels)
    radius = victim.radius(eps)
    length = _step_size(step_size, 2.5 * radius / positive("steps", steps))
    start = victim.project(victim.x + _uniform(victim.x, radius, generator), radius)
    return victim.result(_climb(victim, start, radius, steps, length, penalty, keep_best=True))


def _climb(
    victim: Victim,
    x: Tensor,
    radius: float,
    steps: int,
    step_size: float,
    penalty: Penalty | None = None,
    keep_best: bool = False,
) -> Tensor:
    """Steps along the sign of the gradient, each followed by the projection to the ball: the last image or the best."""
    best, most = x, x.new_full((len(x),), -torch.inf)
    with victim.attacked():
        for _ in range(steps):
            x = x.detach().requires_grad_()
            gain = _gain(victim, x, penalty)
            best, most = _better(best, most, x.detach(), gain.detach())
            (gradient,) = torch.autograd.grad(gain.sum(), x)
            x = victim.project(x.detach() + step_size * gradient.sign(), radius)
        if keep_best:
            with torch.no_grad():
                x, _ = _better(best, most, x, _gain(victim, x, penalty))
    return x


def _gain(victim: Victim, x: Tensor, penalty: Penalty | None) -> Tensor:
    """What is climbed, (B,)."""
    loss = victim.loss(victim.logits(x))
    return loss if penalty is None else loss - _checked(penalty(x), x)


def _better(best: Tensor, most: Tensor, x: Tensor, gain: Tensor) -> tuple[Tensor, Tensor]:
    """Of each image the one with the higher gain, and that gain."""
    higher = gain > most
    chosen = torch.where(higher.view(-1, *[1] * (x.dim() - 1)), x, best)
    return chosen, torch.where(higher, gain, most)


def _checked(penalty: Tensor, x: Tensor) -> Tensor:
    if not isinstance(penalty, Tensor) or penalty.shape != x.shape[:1]:
        found = tuple(penalty.shape) if isinstance(penalty, Tensor) else type(penalty).__name__
        raise ValueError(f"the penalty must be a tensor of shape ({len(x)},), got {found}")
    return penalty


def _step_size(given: float | None, default: float) -> float:
    if given is None:
        return default
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given <= 1:
        raise ValueError(f"step_size must be a number above 0 and at most 1, got {given!r}")
    return float(given)


def _uniform(x: Tensor, radius: float, generator: torch.Generator | None) -> Tensor:
    """Noise of the shape of x, from -radius to radius; made on the generator's device."""
    random_numbers("generator", generator)
    device = "cpu" if generator is None else generator.device
    unit = torch.rand(x.shape, generator=generator, dtype=x.dtype, device=device)
    return (2 * unit.to(x.device) - 1) * radius
