"""Who is attacked: a classifier as a function from shades to logits, with what is done to the images before it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..arguments import flag, number_of_levels
from ..base import eval_mode, frozen
from ..shades import check_eps, check_shades, rounded, to_levels, whole_levels

__all__ = ["Victim", "bpda"]

Classifier = Callable[[Tensor], Any]


def bpda(classifier: Classifier, defence: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The classifier behind a defence, x -> logits of defence(x), made fit for attacks that follow gradients.

    A defence that changes the image a little, and whose gradient is zero, wrong or not to be had (rounding, search,
    randomness), stops such attacks without making anything safer. Forward, the defence is computed as it is; backward,
    it counts as the identity, since its output is near its input ("backward pass differentiable approximation").

    Args:
        classifier: as for every attack.
        defence: shades (B, *event_shape) to shades of the same shape. No gradient flows through it, nor to the weights
            of the classifier.

    Raises:
        ValueError, TypeError: when called, where the defence changes the shape or the classifier puts out no logits.

    Source: A. Athalye, N. Carlini, D. Wagner, "Obfuscated Gradients Give a False Sense of Security: Circumventing
    Defenses to Adversarial Examples", 2018. They allow any smooth approximation; this is the identity.

    >>> x = torch.tensor([[0.2, 0.7]], requires_grad=True)
    >>> guarded = bpda(lambda shades: 3 * shades, defence=torch.round)
    >>> guarded(x)
    tensor([[0., 3.]], grad_fn=<MulBackward0>)
    >>> torch.autograd.grad(guarded(x).sum(), x)
    (tensor([[3., 3.]]),)
    """

    def guarded(x: Tensor) -> Tensor:
        with torch.no_grad():
            defended = defence(x.detach())
        if not isinstance(defended, Tensor) or defended.shape != x.shape:
            found = (
                tuple(defended.shape) if isinstance(defended, Tensor) else type(defended).__name__
            )
            raise ValueError(f"the defence must keep the shape {tuple(x.shape)}, got {found}")
        with _at_rest(classifier):
            return logits_of(classifier, defended + (x - x.detach()))

    return guarded


class Victim:
    """A classifier under attack, and the checked arguments that all attacks share.

    Args:
        classifier: a function from shades (B, *event_shape) to logits (B, K), or an `ar.Classifier`.
        x: shades (B, *event_shape).
        y: int64 (B,), the true labels, or with `targeted` those to be reached.
        targeted: whether the attack wants y, or anything but y.
        levels: K if images have so many levels; None if they have any shade.

    Raises:
        ValueError, TypeError: for arguments that are not accepted; the message says what is.
    """

    def __init__(
        self, classifier: Classifier, x: Tensor, y: Tensor, targeted: bool, levels: int | None
    ) -> None:
        if not callable(classifier):
            raise TypeError(
                f"the classifier must be a function from images to logits, got {type(classifier).__name__}"
            )
        check_shades(x)
        if levels is not None:
            number_of_levels(levels)
            to_levels(x, levels)  # raises where a shade is none of theirs
        if not isinstance(y, Tensor) or y.dtype != torch.int64 or y.shape != x.shape[:1]:
            found = f"{y.dtype} of {tuple(y.shape)}" if isinstance(y, Tensor) else type(y).__name__
            raise ValueError(f"y must be int64 labels of shape ({len(x)},), got {found}")
        if y.device != x.device:
            raise ValueError(f"y must be on the device of x, {x.device}, got {y.device}")
        self.classifier, self.levels = classifier, levels
        self.x, self.y = x.detach(), y
        self.targeted = flag("targeted", targeted)
        with self.attacked(), torch.no_grad():
            classes = self.logits(self.x).shape[1]
        wrong = (y < 0) | (y >= classes)
        if wrong.any():
            raise ValueError(
                f"y must hold labels from 0 to {classes - 1}, got {int(y[wrong][0])}: the classifier has "
                f"{classes} classes"
            )

    def part(self, chosen: Tensor) -> Victim:
        """The same with some of the images only, by a mask bool (B,)."""
        smaller = copy.copy(self)
        smaller.x, smaller.y = self.x[chosen], self.y[chosen]
        return smaller

    @contextmanager
    def attacked(self) -> Iterator[None]:
        """A context in which the classifier is in eval mode, and gradients are on, but not those of its weights."""
        with _at_rest(self.classifier), torch.enable_grad():
            yield

    def seen(self, x: Tensor) -> Tensor:
        """The image that the classifier gets: rounded to levels, if it has any; gradients pass straight through."""
        return x if self.levels is None else rounded(x, self.levels)

    def logits(self, x: Tensor) -> Tensor:
        """(B, K); raises ValueError where the classifier puts out something else, or lets no gradient through."""
        out = logits_of(self.classifier, self.seen(x))
        if torch.is_grad_enabled() and x.requires_grad and not out.requires_grad:
            raise ValueError(
                "the classifier's logits have no gradient, and this attack follows it; armodels_lite.attacks.bpda "
                "gives one to a classifier behind a defence that has none"
            )
        return out

    def fooled(self, logits: Tensor) -> Tensor:
        """bool (B,): whether the attack has reached what it wants."""
        return (logits.argmax(1) == self.y) == self.targeted

    def loss(self, logits: Tensor) -> Tensor:
        """What the attack drives up, (B,) in nats: -log p(y), or log p(y) with a target."""
        cross_entropy = F.cross_entropy(logits, self.y, reduction="none")
        return -cross_entropy if self.targeted else cross_entropy

    def margin(self, logits: Tensor) -> Tensor:
        """(B,): how far the attack is from success, in logits; below 0 it has succeeded, at 0 two classes are equal."""
        own = logits.gather(1, self.y[:, None]).squeeze(1)
        others = logits.scatter(1, self.y[:, None], -torch.inf).amax(1)
        return others - own if self.targeted else own - others

    def radius(self, eps: float) -> float:
        """The size of the ball, checked; with levels the next lower multiple of a level, so that rounding stays inside.

        Raises ValueError unless eps is a number from 0 to 1.
        """
        if self.levels is None:
            return check_eps(eps)
        return whole_levels(eps, self.levels) / (self.levels - 1)

    def project(self, x: Tensor, radius: float | None) -> Tensor:
        """The nearest image that has shades, and is in the ball of that radius (l-infinity) around the clean one."""
        if radius is not None:
            x = torch.minimum(torch.maximum(x, self.x - radius), self.x + radius)
        return x.clamp(0, 1)

    def result(self, x: Tensor) -> Tensor:
        """The attacked image, as the classifier sees it."""
        return self.seen(x.detach())


def logits_of(classifier: Classifier, x: Tensor) -> Tensor:
    """(B, K) from any classifier; raises TypeError or ValueError if it puts out something else."""
    out = classifier.logits(x) if hasattr(classifier, "logits") else classifier(x)
    if not isinstance(out, Tensor):
        raise TypeError(
            f"the classifier must put out logits (B, K) as a tensor, got {type(out).__name__}"
        )
    if out.dim() != 2 or len(out) != len(x) or out.shape[1] < 2:
        raise ValueError(
            f"the classifier must put out logits ({len(x)}, K) with K at least 2, got {tuple(out.shape)}"
        )
    if out.isnan().any():
        raise ValueError("the classifier's logits must be numbers, got NaN")
    return out


@contextmanager
def _at_rest(classifier: Classifier) -> Iterator[None]:
    """A module in eval mode, its weights without gradients; a function has neither."""
    if not isinstance(classifier, nn.Module):
        yield
        return
    with eval_mode(classifier), frozen(classifier):
        yield
