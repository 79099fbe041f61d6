"""The attack of Carlini and Wagner: the smallest change (l2 norm), by minimising change and margin together."""

from __future__ import annotations

import torch
from torch import Tensor

from ..arguments import finite_number, positive
from .victim import Classifier, Victim

__all__ = ["carlini_wagner"]

INSIDE = 1 - 1e-6  # shades of exactly 0 and 1 have no finite place on the scale of tanh


def carlini_wagner(
    classifier: Classifier,
    x: Tensor,
    y: Tensor,
    *,
    eps: float | None = None,
    confidence: float = 0.0,
    iterations: int = 100,
    search_steps: int = 5,
    constant: float = 1.0,
    learning_rate: float = 0.05,
    targeted: bool = False,
    levels: int | None = None,
) -> Tensor:
    """Minimise ||x' - x||^2 + c max(m(x'), -confidence), with m the margin in logits by which the attack fails.

    Untargeted m = z_y - max_{k != y} z_k, targeted m = max_{k != y} z_k - z_y; at or below 0 the attack has succeeded.
    x' = (tanh(w) + 1) / 2 keeps shades within [0, 1] while Adam moves w. Each image has a c of its own, found by
    bisection: lower after a success, ten times higher, or halfway back up, after a failure. The successful image with
    the smallest change is kept.

    Args:
        classifier, x, y, targeted, levels: see `armodels_lite.attacks.fgsm`. With levels, success and size are judged
            after rounding, so the result has the levels and still fools.
        eps: the largest change of a pixel, 0 to 1; None for no limit.
        confidence: by how many logits the attack must succeed; larger ones transfer better to other classifiers.
        iterations: of Adam for each c.
        search_steps: how many values of c.
        constant: the first c.
        learning_rate: of Adam, on w.

    Returns:
        Attacked images, shades of the shape and dtype of x; where none succeeded, the image as it was.

    Raises:
        ValueError, TypeError: for arguments that are not accepted; the message says what is.

    Source: N. Carlini, D. Wagner, "Towards Evaluating the Robustness of Neural Networks", 2017. Differs: far fewer
    iterations (theirs: up to 10,000 for each of 9 to 20 values of c); rounding is part of the search, where they round
    at the end and repair by a search on the lattice.
    """
    victim = Victim(classifier, x, y, targeted, levels)
    radius = None if eps is None else victim.radius(eps)
    positive("iterations", iterations)
    positive("search_steps", search_steps)
    for name, value in (("constant", constant), ("learning_rate", learning_rate)):
        if not finite_number(value) or value <= 0:
            raise ValueError(f"{name} must be a number above 0, got {value!r}")
    if not finite_number(confidence) or confidence < 0:
        raise ValueError(f"confidence must be a number of at least 0, got {confidence!r}")
    best = _Best(victim, confidence)
    low = victim.x.new_zeros(len(victim.x))
    high, weight = torch.full_like(low, torch.inf), torch.full_like(low, constant)
    with victim.attacked():
        best.update(victim.x, victim.logits(victim.x), torch.zeros_like(low))
        for _ in range(search_steps):
            reached = _minimise(victim, radius, best, weight, iterations, learning_rate)
            high = torch.where(reached, torch.minimum(high, weight), high)
            low = torch.where(reached, low, torch.maximum(low, weight))
            weight = torch.where(high.isinf(), 10 * weight, (low + high) / 2)
    return victim.result(best.image)


class _Best:
    """The successful image with the smallest change so far, of each in the batch; the clean one before there is any."""

    def __init__(self, victim: Victim, confidence: float) -> None:
        self.victim, self.confidence = victim, confidence
        self.image = victim.x.clone()
        self.size = victim.x.new_full((len(victim.x),), torch.inf)

    def update(self, image: Tensor, logits: Tensor, size: Tensor) -> Tensor:
        """Take over what is better; bool (B,): which images succeed now."""
        succeeded = self.victim.fooled(logits)
        if self.confidence > 0:
            succeeded = succeeded & (self.victim.margin(logits) <= -self.confidence)
        better = succeeded & (size < self.size)
        self.size = torch.where(better, size, self.size)
        self.image = torch.where(better.view(-1, *[1] * (image.dim() - 1)), image, self.image)
        return succeeded


def _minimise(
    victim: Victim,
    radius: float | None,
    best: _Best,
    weight: Tensor,
    iterations: int,
    learning_rate: float,
) -> Tensor:
    """Adam from the clean image with this c of each, (B,); bool (B,): which images succeeded at some time."""
    w = torch.atanh((2 * victim.x - 1) * INSIDE).requires_grad_()
    optimizer = torch.optim.Adam([w], lr=learning_rate)
    reached = torch.zeros_like(weight, dtype=torch.bool)
    for _ in range(iterations):
        image = victim.seen(victim.project((torch.tanh(w) + 1) / 2, radius))
        logits = victim.logits(image)
        size = (image - victim.x).square().flatten(1).sum(1)
        reached |= best.update(image.detach(), logits.detach(), size.detach())
        margin = victim.margin(logits).clamp(min=-best.confidence)
        w.grad = torch.autograd.grad((size + weight * margin).sum(), w)[0]
        optimizer.step()
    return reached
