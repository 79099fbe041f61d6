"""DeepFool: step by step to the nearest border between classes, as if borders were straight."""

from __future__ import annotations

import torch
from torch import Tensor

from ..arguments import finite_number, positive
from .victim import Classifier, Victim

__all__ = ["deepfool"]


def deepfool(
    classifier: Classifier,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | None = None,
    steps: int = 50,
    overshoot: float = 0.02,
    targeted: bool = False,
    levels: int | None = None,
) -> Tensor:
    """The smallest change (l2 norm) that crosses a border, found by treating the classifier as linear at each step.

    With logits f and labels y, the border to class k is where f_k = f_y. If f were linear there, with w_k the gradient
    of f_k - f_y, it would lie |f_k - f_y| / ||w_k|| away, in the direction of w_k. Each step goes to the nearest
    border; an image that has crossed one stops.

    Args:
        classifier, x, y, targeted, levels: see `armodels_lite.attacks.fgsm`. Targeted, only the border to y counts.
        eps: the largest change of a pixel, 0 to 1; None for no limit.
        steps: at most so many.
        overshoot: the whole change is made larger by this share, so that it ends beyond the border.

    Returns:
        Attacked images, shades of the shape and dtype of x. Where the classifier errs already, and where the attack
        fails, the image as it was.

    Raises:
        ValueError, TypeError: for arguments that are not accepted; the message says what is.

    Source: S.-M. Moosavi-Dezfooli, A. Fawzi, P. Frossard, "DeepFool: A Simple and Accurate Method to Fool Deep Neural
    Networks", 2016. Differs: all classes are tried, not ten; images stay within [0, 1]; the paper knows neither targets
    nor levels, nor a limit eps. It leaves the class that was predicted; here an image not predicted as y is done.
    """
    victim = Victim(classifier, x, y, targeted, levels)
    radius = None if eps is None else victim.radius(eps)
    positive("steps", steps)
    if not finite_number(overshoot) or overshoot < 0:
        raise ValueError(f"overshoot must be a number of at least 0, got {overshoot!r}")
    image = victim.x.clone()
    left = torch.arange(len(image), device=image.device)  # images that have crossed no border yet
    change = torch.zeros_like(image)
    with victim.attacked():
        for step in range(steps + 1):
            logits, slopes = _linearised(victim, image[left])
            active = ~victim.fooled(logits)
            victim, left, change = victim.part(active), left[active], change[active]
            if step == steps or not len(left):
                break
            change = change + _to_border(victim, logits[active], slopes[active]).view_as(change)
            image[left] = victim.project(victim.x + (1 + overshoot) * change, radius)
    image[left] = victim.x
    return victim.result(image)


def _linearised(victim: Victim, image: Tensor) -> tuple[Tensor, Tensor]:
    """Logits (B, K), and the gradient of each (B, K, D)."""
    image = image.detach().requires_grad_()
    logits = victim.logits(image)
    rows = [
        torch.autograd.grad(logits[:, k].sum(), image, retain_graph=True)[0].flatten(1)
        for k in range(logits.shape[1])
    ]
    return logits.detach(), torch.stack(rows, 1)


def _to_border(victim: Victim, logits: Tensor, slopes: Tensor) -> Tensor:
    """The step (B, D) to the border that is nearest, if the classifier is linear."""
    label = victim.y if not victim.targeted else logits.argmax(1)
    batch = torch.arange(len(label), device=label.device)
    gap = logits - logits[batch, label].unsqueeze(1)  # (B, K): f_k - f_label, 0 at the label
    normal = slopes - slopes[batch, label].unsqueeze(1)  # (B, K, D)
    # Where a gradient vanishes the border is as good as infinitely far away.
    length = normal.norm(dim=2).clamp(min=1e-12)
    distance = gap.abs() / length
    distance[batch, label] = torch.inf
    nearest = victim.y if victim.targeted else distance.argmin(1)
    size = (distance[batch, nearest] + 1e-4) / length[batch, nearest]  # a hair beyond the border
    return size.unsqueeze(1) * normal[batch, nearest]
