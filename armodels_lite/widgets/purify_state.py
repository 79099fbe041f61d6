"""PixelDefend's greedy purification of one image, pixel by pixel: the state behind the widget. No widget, no figure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..attacks.victim import logits_of
from ..base import eval_mode
from ..chain import AutoregressiveModel
from ..pixeldefend import PurifyStep, purify_steps
from ..sampling import sampling_mode
from ..shades import to_levels, to_shades, whole_levels
from .one_event import check_grey_model

__all__ = ["PurifyFrame", "PurifyState", "Reading", "Visit"]


# -- what there is to see ------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Reading:
    """An image, and what model and classifier say about it.

    Attributes:
        levels: int64 (H, W).
        nats: -log p of the whole image, in nats.
        distances: int64 (H, W), how many levels each pixel is away from the clean image's.
        guess: what the classifier calls it; None without a classifier.
        probability: the classifier's, of its guess.
    """

    levels: np.ndarray
    nats: float
    distances: np.ndarray
    guess: str | None = None
    probability: float | None = None

    @property
    def farthest(self) -> int:
        """The largest distance of a pixel from the clean image, in levels."""
        return int(self.distances.max())

    @property
    def mean_distance(self) -> float:
        """The mean distance of a pixel from the clean image, in levels."""
        return float(self.distances.mean())


@dataclass(frozen=True, eq=False)
class Visit:
    """One pixel, and the level that it gets.

    Attributes:
        row, column: where it is, from 0.
        probs: float64 (K,), p(level | purified pixels before).
        allowed: bool (K,), the levels inside the ball.
        before, after, clean: the level that it has in the attacked image, the one it gets, the one in the clean image.
    """

    row: int
    column: int
    probs: np.ndarray
    allowed: np.ndarray
    before: int
    after: int
    clean: int

    @property
    def moves(self) -> bool:
        return self.before != self.after

    @property
    def ball(self) -> tuple[int, int]:
        """The lowest and the highest level inside the ball."""
        inside = np.flatnonzero(self.allowed)
        return int(inside[0]), int(inside[-1])

    @property
    def gain(self) -> float:
        """log p(after) - log p(before) at this pixel, in nats: 0 or more."""
        if not self.moves:
            return 0.0
        with np.errstate(divide="ignore"):
            return float(np.log(self.probs[self.after]) - np.log(self.probs[self.before]))

    @property
    def astray(self) -> int:
        """How many levels farther from the clean level the pixel gets; negative where it comes nearer."""
        return abs(self.after - self.clean) - abs(self.before - self.clean)


@dataclass(frozen=True, eq=False)
class PurifyFrame:
    """An image after `step` of its `total` pixels are purified.

    Attributes:
        radius: of the ball, in levels.
        count: K, how many levels there are.
        clean, attacked, now: the images; `now` is purified as far as the walk has come, attacked beyond.
        visited: bool (H, W), where that is.
        moved: how many pixels have another level than in the attacked image.
        current: the pixel at hand; None at the end.
        shows: what a frame of the strip is about: "given" (both images at the start) or "pixel".
    """

    step: int
    total: int
    radius: int
    count: int
    clean: Reading
    attacked: Reading
    now: Reading
    visited: np.ndarray
    moved: int
    current: Visit | None
    shows: str = "pixel"

    @property
    def finished(self) -> bool:
        return self.step == self.total


# -- the walk ------------------------------------------------------------------------------------------------------


class PurifyState:
    """The walk of `purify(model, attacked, eps=..., method="greedy")` through one image, at any step.

    Going to the last step gives exactly what `purify` returns. A pixel is purified when it is asked for, and kept.

    Args:
        model: an autoregressive model of levels, or of black and white, whose events are (1, H, W).
        clean, attacked: shades (N, 1, H, W), floats from 0 to 1, each one of the model's K levels k / (K - 1).
        classifier: an `ar.Classifier`, or a function from shades (B, 1, H, W) to logits (B, classes).
        eps: the radius of the ball, in shades; the next lower multiple of a level counts.
        class_names: one for each class; their numbers unless given.

    Attributes:
        index, radius: which image is purified, and the radius of the ball in levels. Set them by `choose`.

    Raises:
        TypeError: a model that is not autoregressive, images that are no tensor of floats, a classifier that is no
            function.
        ValueError: a model or images that do not fit, shades that are none of the levels, an eps that is not in
            [0, 1], logits or names that do not fit each other.
    """

    def __init__(
        self,
        model: AutoregressiveModel,
        clean: Tensor,
        attacked: Tensor,
        classifier: Callable[[Tensor], Any] | None = None,
        eps: float = 2 / 16,
        class_names: Sequence[str] | None = None,
    ) -> None:
        check_grey_model(model)
        self.model, self.classifier, self.class_names = model, classifier, class_names
        self.clean = _checked_levels("clean", clean, model)
        self.attacked = _checked_levels("attacked", attacked, model)
        if self.clean.shape != self.attacked.shape:
            raise ValueError(
                "clean and attacked must hold the same number of images, "
                f"got {len(self.clean)} and {len(self.attacked)}"
            )
        if classifier is not None and not callable(classifier):
            raise TypeError(
                "classifier must be an ar.Classifier or a function from shades to logits, "
                f"got {type(classifier).__name__}"
            )
        self._dtype = clean.dtype
        self.total = model.num_variables
        _, _, self.height, self.width = self.clean.shape
        self.choose(0, whole_levels(eps, model.levels))

    @property
    def images(self) -> int:
        """How many images there are."""
        return len(self.clean)

    def choose(self, index: int | None = None, radius: int | None = None) -> None:
        """Another image, counted from 0, or another ball, in levels; begins anew. ValueError if there is none such."""
        index = self.index if index is None else index
        radius = self.radius if radius is None else radius
        if type(index) is not int or not 0 <= index < self.images:
            raise ValueError(f"images are 0 to {self.images - 1}, got {index!r}")
        if type(radius) is not int or not 0 <= radius < self.model.levels:
            raise ValueError(f"a radius is 0 to {self.model.levels - 1} levels, got {radius!r}")
        self.index, self.radius = index, radius
        self.restart()

    def restart(self) -> None:
        """Begin anew, with model and classifier as they are now."""
        part = slice(self.index, self.index + 1)
        self._clean_levels = self.clean[part].cpu().numpy()[0, 0]
        self._clean, self._attacked = (
            self._reading(images[part]) for images in (self.clean, self.attacked)
        )
        # By how many pixels have moved: between two moves the image is the same.
        self._readings = {0: self._attacked}
        events = self.attacked[part].to(self.model.event_dtype)
        self._walk = purify_steps(self.model, events, eps=self.radius)
        self._steps: list[PurifyStep] = []
        self._visits: list[Visit] = []
        self._moved = [0]  # how many pixels have moved before each step

    # -- looking -------------------------------------------------------------------------------------------------

    def frame(self, step: int) -> PurifyFrame:
        """What there is to see after `step` pixels, 0 to H * W. ValueError for a step that does not exist."""
        if type(step) is not int or not 0 <= step <= self.total:
            raise ValueError(f"steps are 0 to {self.total}, got {step!r}")
        self._purify_until(step + 1)
        moved = self._moved[step]
        if moved not in self._readings:
            self._readings[moved] = self._reading(self._steps[step - 1].x)
        visited = np.zeros((self.height, self.width), dtype=bool)
        for visit in self._visits[:step]:
            visited[visit.row, visit.column] = True
        return PurifyFrame(
            step,
            self.total,
            self.radius,
            self.model.levels,
            self._clean,
            self._attacked,
            self._readings[moved],
            visited,
            moved,
            current=None if step == self.total else self.visit(step),
        )

    def visit(self, step: int) -> Visit:
        """The pixel that this step, 0 to H * W - 1, purifies."""
        self._purify_until(step + 1)
        return self._visits[step]

    def next_move(self, step: int) -> int:
        """The first step after this one that moves its pixel; the last step, where nothing is left, if none does."""
        for later in range(step + 1, self.total):
            if self.visit(later).moves:
                return later
        return self.total

    # -- inside --------------------------------------------------------------------------------------------------

    def _purify_until(self, count: int) -> None:
        """Purify until `count` pixels have their level, or all."""
        while len(self._steps) < min(count, self.total):
            step = next(self._walk)
            self._steps.append(step)
            self._visits.append(self._visit(step))
            self._moved.append(self._moved[-1] + self._visits[-1].moves)

    def _visit(self, step: PurifyStep) -> Visit:
        row, column = divmod(step.position, self.width)
        return Visit(
            row,
            column,
            probs=step.log_probs[0].double().exp().cpu().numpy(),
            allowed=step.allowed[0].cpu().numpy(),
            before=int(step.before),
            after=int(step.after),
            clean=int(self._clean_levels[row, column]),
        )

    def _reading(self, events: Tensor) -> Reading:
        """What there is to say about one image (1, 1, H, W) of levels."""
        with sampling_mode(self.model):
            nats = -float(self.model.log_prob(events.to(self.model.event_dtype)))
        levels = events[0, 0].long().cpu().numpy()
        distances = abs(levels - self._clean_levels)
        if self.classifier is None:
            return Reading(levels, nats, distances)
        return Reading(levels, nats, distances, *self._guess(events))

    def _guess(self, events: Tensor) -> tuple[str, float]:
        """The classifier's most probable class, the first of equal ones, and its probability."""
        network = isinstance(self.classifier, nn.Module)
        with eval_mode(self.classifier) if network else nullcontext(), torch.no_grad():
            shades = to_shades(events, self.model.levels, self._dtype)
            (logits,) = logits_of(self.classifier, shades)
        names = self.class_names
        if names is None:
            names = [str(number) for number in range(len(logits))]
        elif len(names) != len(logits):
            raise ValueError(f"class_names has {len(names)} entries for {len(logits)} classes")
        probability, guess = logits.double().softmax(0).max(0)
        return names[int(guess)], float(probability)


# -- what is accepted ----------------------------------------------------------------------------------------------


def _checked_levels(name: str, images: Tensor, model: AutoregressiveModel) -> Tensor:
    """Shades as int64 levels on the model's device; the messages call them by their name."""
    if not isinstance(images, Tensor) or not images.is_floating_point():
        kind = images.dtype if isinstance(images, Tensor) else type(images).__name__
        raise TypeError(f"{name} must be a tensor of shades, floats from 0 to 1, got {kind}")
    shape = tuple(images.shape)
    if len(shape) != 4 or shape[0] == 0 or shape[1:] != model.event_shape:
        wanted = ", ".join(map(str, model.event_shape))
        raise ValueError(f"{name} must have shape (N, {wanted}) with N > 0, got {shape}")
    try:
        return to_levels(images.detach(), model.levels).to(model.device)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
