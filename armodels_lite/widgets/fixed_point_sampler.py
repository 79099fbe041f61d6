"""Predictive sampling, pass by pass: a whole image is guessed, checked in one pass, and guessed again.

`fixed_point_state` walks, `fixed_point_view` draws; here are the words and the controls.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..chain import AutoregressiveModel
from .chart_stepper import ChartStepper
from .dropdowns import dropdown
from .fixed_point_state import Difference, FixedPointFrame, FixedPointState
from .fixed_point_view import (
    guess_drawing,
    mean_drawing,
    naive_drawing,
    out_drawing,
    progress_chart,
    settled_drawing,
)
from .svg import Drawing

__all__ = ["FixedPointSampler"]

WHY = (
    "A pixel is right for good as soon as all pixels before it were right in the guess. So each pass settles at least "
    "one pixel, naive sampling exactly one. Both use the same noise and end with the same image."
)
COUNTING = (
    "'Before' means earlier in the model's drawing order. The sampler cannot tell the pale pixels of the fourth "
    "picture from wrong ones; we can, since we know the end. Rows and columns count from 1."
)


# -- words ---------------------------------------------------------------------------------------------------------


def counter(frame: FixedPointFrame) -> str:
    """How far predictive sampling is, and how far naive sampling would be."""
    if frame.step == 0:
        right = int(frame.right.sum())
        return (
            f"Before pass 1: a first guess, and nothing settled. {right} of its {frame.total} pixels happen to be "
            "right."
        )
    return (
        f"Pass {frame.step}: {frame.known} of {frame.total} pixels settled; naive sampling would have drawn "
        f"{frame.step}."
    )


def change_words(frame: FixedPointFrame) -> str:
    """How many pixels came out unlike their guess, which was the first, and why."""
    if frame.step == 0:
        return "The model will read this guess and compute p(x_t | guess before) for all pixels at once."
    if frame.first is None:
        return (
            "Nothing came out unlike its guess: the guess explains itself, so it is the draw. "
            f"{frame.passes} {_passes(frame.passes)} in place of {frame.total}."
        )
    count = int(frame.changed.sum())
    many = "1 pixel" if count == 1 else f"{count} pixels"
    words = f"{many} came out unlike the guess{', the first at' if count > 1 else ':'} {_difference(frame.first)}"
    if frame.finished:
        words += (
            f" All before it was right, and it is the last: {frame.passes} {_passes(frame.passes)}."
        )
    return words


def _difference(first: Difference) -> str:
    where = f"{_where(first.place)} (number {first.number} in the order), from {first.guess} to {first.value}."
    if first.culprit is None:
        return f"{where} Its guess was made up: no pass had computed it."
    if first.wrong == 1:
        wrong = f"one wrong pixel before this one: {_where(first.culprit)}"
    else:
        wrong = f"{first.wrong} wrong pixels before this one, the first at {_where(first.culprit)}"
    return f"{where} Why: its guess came from a pass that had read {wrong}."


def _where(place: tuple[int, int]) -> str:
    return f"row {place[0] + 1}, column {place[1] + 1}"


def _passes(count: int) -> str:
    return "pass" if count == 1 else "passes"


# -- the widget ----------------------------------------------------------------------------------------------------


class FixedPointSampler(ChartStepper):
    """Predictive sampling of an image: in each pass the model reads a guess and draws all pixels anew.

    Step k shows pass k: the guess that the model read, what it says of each pixel given the guess before it, what
    comes out with the fixed noise, which pixels are settled for good, and what naive sampling would have drawn
    after as many passes. The last pass settles the last pixel; the image is that of `model.sample` with this noise.

    Args:
        model: an autoregressive model of levels, or of black and white, of images (1, H, W) up to 32 x 32, in any
            ordering.
        noise: floats in (0, 1) of shape (n, 1, H, W), n up to 8; made from `draws` and `seed` unless given.
        draws: how many draws, where no noise is given.
        seed: the noise is that of `model.sample(draws, generator=torch.Generator().manual_seed(seed))`.
        guess: the first guess, (n, 1, H, W); zeros unless given.
        start: the step to begin with.

    Raises:
        TypeError: a model that is not autoregressive, or noise that is no tensor.
        ValueError: a model, noise, a guess or a seed that does not fit, more than 8 draws, or a step that does not
            exist.

    Sources: A. Wiggers, E. Hoogeboom, "Predictive Sampling with Forecasting Autoregressive Models", 2020; Y. Song,
    C. Meng, R. Liao, S. Ermon, "Accelerating Feedforward Computation via Parallel Nonlinear Equation Solving", 2021.

    >>> import torch
    >>> import armodels_lite as ar
    >>> model = ar.IndependentBernoulli((1, 2, 2))                     # no pixel depends on another
    >>> widget = FixedPointSampler(model, torch.full((1, 1, 2, 2), 0.1), start=2)
    >>> widget.sentences(widget.frame(1))[0]
    'Pass 1: 1 of 4 pixels settled; naive sampling would have drawn 1. 4 pixels came out unlike the guess, ...'
    >>> widget
    FixedPointSampler(1 x 2 x 2, draw 1 of 1, pass 2)
    """

    def __init__(
        self,
        model: AutoregressiveModel,
        noise: Tensor | None = None,
        *,
        draws: int = 4,
        seed: int = 0,
        guess: Tensor | None = None,
        start: int = 0,
    ) -> None:
        self.state = FixedPointState(model, noise, draws=draws, seed=seed, guess=guess)
        state = self.state
        names = [(f"{index + 1} of {state.draws}", index) for index in range(state.draws)]
        self._draw = dropdown("draw", "Which of the draws is shown", names, 0)
        super().__init__(
            6,
            last=state.passes,
            start=start,
            options=[self._draw] if state.draws > 1 else [],
            label="pass",
            interval=900,
        )
        self.react(self._draw, self._set_draw)
        # Words differ in length: the controls stay in place.
        self._words.layout.min_height = "9em"

    def choose(self, draw: int) -> None:
        """What the dropdown does: another draw, counted from 0. ValueError if there is none such."""
        self.state.choose(draw)  # refuses it before anything changes
        self._draw.value = draw
        self._settle()
        self.redraw()

    def _set_draw(self, index: int) -> None:
        if not self._settling:
            self.state.choose(index)
            self._settle()

    def _settle(self) -> None:
        """The steps of the draw at hand; the walk stays where it is, or goes to the last pass there is."""
        passes = self.state.passes
        with self._quiet(), self.controls.hold_sync():
            self.step = min(self.step, passes)
            self.controls.last = passes

    def restart(self) -> None:
        self.state.choose(0)
        with self._quiet():
            self._draw.value = 0
        self._settle()

    def redraw(self) -> None:
        if not self._settling:
            super().redraw()

    # -- what the shell asks for -----------------------------------------------------------------------------------

    def frame(self, step: int) -> FixedPointFrame:
        return self.state.frame(step)

    def drawings(self, frame: FixedPointFrame) -> list[Drawing]:
        pictures = guess_drawing, mean_drawing, out_drawing, settled_drawing, naive_drawing
        return [*(picture(frame) for picture in pictures), progress_chart(frame)]

    def sentences(self, frame: FixedPointFrame) -> list[str]:
        return [f"{counter(frame)} {change_words(frame)}", WHY, COUNTING]

    def caption(self, frame: FixedPointFrame) -> str:
        return f"pass {frame.step} of {frame.passes}" if frame.step else "before pass 1"

    def told(self, frame: FixedPointFrame) -> list[str]:
        return [counter(frame)]

    def strip_steps(self) -> Sequence[int]:
        """The first pass, the last, three between them; and what there was before where that makes too few."""
        passes = self.state.passes
        steps = {1 + (passes - 1) * k // 4 for k in range(5)}
        return sorted(steps if len(steps) > 2 else {0, *steps})

    def strip_drawings(self, frame: FixedPointFrame) -> list[Drawing]:
        return [out_drawing(frame), settled_drawing(frame)]

    def __repr__(self) -> str:
        state = self.state
        shape, draw = (
            f"1 x {state.height} x {state.width}",
            f"draw {state.index + 1} of {state.draws}",
        )
        return f"{type(self).__name__}({shape}, {draw}, pass {self.step})"
