"""Predictive sampling pass by pass: the state behind the widget. No widget, no figure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ..arguments import positive
from ..chain import AutoregressiveModel
from ..predictive import predictive_passes
from ..sampling import sampling_mode
from .one_event import check_grey_model, seeded_uniform

__all__ = ["Difference", "FixedPointFrame", "FixedPointState"]

MOST_DRAWS = 8  # more would make a long list, and a long wait


# -- what there is to see ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """The first pixel, in drawing order, that came out of a pass unlike its guess; and why its guess was wrong.

    Its guess came out of the pass before. That pass read a guess of its own, with wrong pixels before this one.

    Attributes:
        place: (row, column), from 0.
        number: when its turn comes in the drawing order, from 1.
        guess, value: the level that was guessed, and the right one.
        wrong: how many wrong pixels stood before it in the guess of the pass before; 0 in the first pass.
        culprit: (row, column) of the first of them; None in the first pass.
    """

    place: tuple[int, int]
    number: int
    guess: int
    value: int
    wrong: int
    culprit: tuple[int, int] | None


@dataclass(frozen=True, eq=False)
class FixedPointFrame:
    """One draw after `step` of its `passes` passes. Arrays have the image's shape (H, W).

    Attributes:
        step, passes: how many passes are done, and how many this draw needs.
        count: K, how many levels there are.
        rank: int64, when the turn of each pixel comes, from 0.
        guess: int64 levels, what the pass read; the first guess at step 0.
        means: float64, p(x_t = 1 | guess before), of K levels the expected one / (K - 1); None at step 0.
        x: int64 levels, what came out; the first guess at step 0.
        final: int64 levels, the draw itself.
        known: how many pixels, in drawing order, are settled: known to be right for good.
        known_before: how many were before this pass.
        settled_by, right_by: int64 (passes + 1,), how many pixels are settled, and right, after 0, 1, ... passes.
        first: the first pixel that differs from its guess; None if none does.
    """

    step: int
    passes: int
    count: int
    rank: np.ndarray
    guess: np.ndarray
    means: np.ndarray | None
    x: np.ndarray
    final: np.ndarray
    known: int
    known_before: int
    settled_by: np.ndarray
    right_by: np.ndarray
    first: Difference | None

    @property
    def total(self) -> int:
        """T, how many pixels there are."""
        return self.rank.size

    @property
    def settled(self) -> np.ndarray:
        """Which pixels are known to be right for good."""
        return self.rank < self.known

    @cached_property
    def right(self) -> np.ndarray:
        """Which pixels are those of the final draw."""
        return self.x == self.final

    @cached_property
    def changed(self) -> np.ndarray:
        """Which pixels came out unlike their guess."""
        return self.x != self.guess

    @property
    def naive(self) -> np.ndarray:
        """Which pixels naive sampling would have drawn with as many passes: one in each."""
        return self.rank < self.step

    @property
    def finished(self) -> bool:
        return self.step == self.passes


# -- the walk ------------------------------------------------------------------------------------------------------


class FixedPointState:
    """All passes of `predictive_passes(model, noise=noise)`, for each draw up to the one that settles it.

    Args:
        model: an autoregressive model of levels, or of black and white, whose events are (1, H, W).
        noise: floats in (0, 1) of shape (n, 1, H, W), n up to 8; made from `draws` and `seed` unless given.
        draws: how many draws, where no noise is given.
        seed: the noise is that of `model.sample(draws, generator=torch.Generator().manual_seed(seed))`.
        guess: the first guess, (n, 1, H, W); zeros unless given.

    Attributes:
        index: which draw is looked at. Set it by `choose`.

    Raises:
        TypeError: a model that is not autoregressive, or noise that is no tensor.
        ValueError: a model, noise, a guess or a seed that does not fit, or more than 8 draws.
    """

    def __init__(
        self,
        model: AutoregressiveModel,
        noise: Tensor | None = None,
        *,
        draws: int = 4,
        seed: int = 0,
        guess: Tensor | None = None,
    ) -> None:
        check_grey_model(model)
        if noise is None:
            noise = seeded_uniform((positive("draws", draws), *model.event_shape), seed)
            noise = noise.to(model.device)
        self.draws = len(noise) if isinstance(noise, Tensor) and noise.dim() else 0
        if self.draws > MOST_DRAWS:
            raise ValueError(f"at most {MOST_DRAWS} draws can be shown, got {self.draws}")
        self.model = model
        self._walk = list(predictive_passes(model, noise=noise, guess=guess))
        if not self._walk:
            raise ValueError("noise must be for at least one draw, got none")
        settled = torch.stack([walked.settled for walked in self._walk]).cpu().numpy()
        self._settled = np.concatenate([np.zeros((1, self.draws), dtype=np.int64), settled])
        _, self.height, self.width = model.event_shape
        self.total = self.height * self.width
        self.rank = model.rank.cpu().numpy().reshape(self.height, self.width)
        self._means: dict[int, np.ndarray] = {}
        self.index = 0

    def choose(self, index: int) -> None:
        """Look at another draw, counted from 0. ValueError if there is none such."""
        if type(index) is not int or not 0 <= index < self.draws:
            raise ValueError(f"draws are 0 to {self.draws - 1}, got {index!r}")
        self.index = index

    @property
    def passes(self) -> int:
        """How many passes this draw needs, the one that confirms it among them."""
        return int((self._settled[:, self.index] < self.total).sum())

    def frame(self, step: int) -> FixedPointFrame:
        """What there is to see after `step` passes. ValueError for a step that does not exist."""
        if type(step) is not int or not 0 <= step <= self.passes:
            raise ValueError(f"steps are 0 to {self.passes}, got {step!r}")
        final = self._after(self.passes)
        right_by = [int((self._after(k) == final).sum()) for k in range(self.passes + 1)]
        settled_by = self._settled[: self.passes + 1, self.index]
        before = max(step - 1, 0)
        return FixedPointFrame(
            step,
            self.passes,
            self.model.levels,
            self.rank,
            guess=self._after(before),
            means=self._mean(step) if step else None,
            x=self._after(step),
            final=final,
            known=int(settled_by[step]),
            known_before=int(settled_by[before]),
            settled_by=settled_by,
            right_by=np.array(right_by),
            first=self._first_difference(step, final),
        )

    # -- inside ------------------------------------------------------------------------------------------------------

    def _after(self, step: int) -> np.ndarray:
        """The levels after so many passes; the first guess after none."""
        events = self._walk[step - 1].x if step else self._walk[0].guess
        return events[self.index, 0].long().cpu().numpy()

    def _mean(self, step: int) -> np.ndarray:
        """The mean shade of each pixel, from 0 to 1, given the guess that this pass read."""
        if step not in self._means:
            with sampling_mode(self.model):
                probs = self.model(self._walk[step - 1].guess).level_log_probs().double().exp()
            shades = torch.linspace(0, 1, self.model.levels, dtype=probs.dtype, device=probs.device)
            self._means[step] = (probs @ shades).cpu().numpy()
        return self._means[step][self.index, 0]

    def _first_difference(self, step: int, final: np.ndarray) -> Difference | None:
        guess, x = self._after(max(step - 1, 0)), self._after(step)
        numbers = np.sort(self.rank[guess != x])
        if len(numbers) == 0:
            return None
        number = int(numbers[0])
        wrong = np.empty(0, dtype=np.int64)
        if step > 1:  # the guess came out of the pass before, which had read this
            wrong = np.sort(self.rank[(self._after(step - 2) != final) & (self.rank < number)])
        place = self._place(number)
        return Difference(
            place,
            number + 1,
            int(guess[place]),
            int(x[place]),
            wrong=len(wrong),
            culprit=self._place(int(wrong[0])) if len(wrong) else None,
        )

    def _place(self, number: int) -> tuple[int, int]:
        """(row, column) of the pixel whose turn this is."""
        row, column = np.argwhere(self.rank == number)[0].tolist()
        return row, column
