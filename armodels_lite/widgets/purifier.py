"""PixelDefend's greedy purification, pixel by pixel: an attacked image on its way to a more probable one.

`purify_state` walks, `purify_view` draws; here are the words and the controls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import ipywidgets
import numpy as np
from torch import Tensor

from ..chain import AutoregressiveModel
from .chart_stepper import ChartStepper
from .dropdowns import dropdown
from .next_words import p_text
from .numbers import told_apart
from .purify_state import PurifyFrame, PurifyState, Reading, Visit
from .purify_view import (
    attacked_drawing,
    clean_drawing,
    distance_chart,
    has_signs,
    level_chart,
    now_drawing,
    strip_drawings,
)
from .svg import Drawing

__all__ = ["Purifier"]

MOST = 4  # levels: the end of the slider of the ball's radius, or more if more is asked for

COMPARISON = (
    "The defence never sees the clean image, nor the classifier. It knows the attacked image, the ball around it and "
    "the model of clean images."
)
LINE = "In the third image a line goes around the pixels visited."
SIGN = "A triangle marks a pixel that moved: upwards is darker."


# -- words ---------------------------------------------------------------------------------------------------------


def visit_words(visit: Visit) -> str:
    """The pixel at hand: the level that it has, the one that it gets, and why."""
    low, high = visit.ball
    ball = f"levels {low} to {high}" if low < high else f"level {low} alone"
    where = f"row {visit.row}, column {visit.column}"
    before = float(visit.probs[visit.before])
    if low == high:
        return (
            f"{where} has level {visit.before}, {said_p(before)}. The ball has {ball}, so it stays."
        )
    if not visit.moves:
        return (
            f"{where} has level {visit.before}, {said_p(before)}. In the ball, {ball}, no other is more probable, so "
            "it stays."
        )
    was, now = _both(before, float(visit.probs[visit.after]))
    return (
        f"{where} has level {visit.before}, {was}. In the ball, {ball}, the most probable is {visit.after}, {now}, "
        f"so it becomes {visit.after}."
    )


def clean_words(visit: Visit) -> str:
    """Whether the move was one towards the clean image."""
    told = f"The clean image has level {visit.clean} here"
    if not visit.moves:
        return f"{told}."
    way = {-1: "towards it", 0: "past it, as far away", 1: "away from it"}[
        int(np.sign(visit.astray))
    ]
    return f"{told}: a move {way}."


def said_p(value: float) -> str:
    """A probability in words.

    >>> said_p(0.25), said_p(0.0001)
    ('p = 0.250', 'p below 0.001')
    """
    text = p_text(value)
    sign = {"<": "below ", ">": "above "}.get(text[0], "= ")
    return f"p {sign}{text.lstrip('<>')}"


def _both(first: float, second: float) -> tuple[str, str]:
    """Two probabilities, the second larger, so that it is seen that they differ."""
    if p_text(first) != p_text(second):
        return said_p(first), said_p(second)
    if p_text(first).startswith("<"):
        ratio = second / first
        times = f"{ratio:.3g}" if ratio < 999.5 else "1,000 or more"
        return said_p(first), f"{times} times as probable"
    return tuple(f"p = {text}" for text in told_apart(first, second))


def step_words(frame: PurifyFrame) -> str:
    """Where the walk is, and what happens there."""
    if frame.finished:
        return f"All {frame.total} pixels are visited, and {frame.moved} of them moved."
    return f"Step {frame.step} of {frame.total}: {visit_words(frame.current)}"


def image_words(frame: PurifyFrame) -> str:
    """How many pixels moved, how probable the image is, and how far it is from the clean one."""
    attacked, now = frame.attacked, frame.now
    moved = "" if frame.finished else f"Moved so far: {frame.moved} of {frame.step} visited. "
    words = (
        f"{moved}−log p of the whole image: {attacked.nats:.1f} nats attacked, {now.nats:.1f} now, "
        f"{frame.clean.nats:.1f} clean. Distance from the clean image, in levels: at most {attacked.farthest} attacked "
        f"and {now.farthest} now, on average {attacked.mean_distance:.2f} and {now.mean_distance:.2f}."
    )
    if frame.finished and now.nats > attacked.nats:
        words += (
            " Pixel by pixel the most probable was chosen, and yet the image became less probable: a pixel that is "
            "likely now can make later ones unlikely."
        )
    return words


def guess_words(frame: PurifyFrame) -> str:
    """What the classifier calls the three images."""
    told = [
        f"{reading.guess} ({said_p(reading.probability)}) {when}"
        for reading, when in (
            (frame.attacked, "attacked"),
            (frame.now, "now"),
            (frame.clean, "clean"),
        )
    ]
    return f"The classifier says {', '.join(told)}."


def _short(reading: Reading) -> str:
    """An image in a few words, for the strip."""
    nats = f"{reading.nats:.1f} nats"
    if reading.guess is None:
        return nats
    return f"{nats}, called {reading.guess} with {said_p(reading.probability)}"


# -- the widget ----------------------------------------------------------------------------------------------------


class Purifier(ChartStepper):
    """An attacked image that is purified greedily: each pixel gets the most probable level of a ball around it.

    Clean, attacked and purified image stand side by side, below them p(level | purified pixels before) of the pixel at
    hand. Step t has purified t pixels, in the model's order; the last step is what `purify` returns.

    Args:
        model: an autoregressive model of levels, or of black and white, of images (1, H, W) up to 32 x 32.
        clean, attacked: shades (N, 1, H, W), floats from 0 to 1, each one of the model's K levels k / (K - 1).
        classifier: an `ar.Classifier`, or a function from shades (B, 1, H, W) to logits (B, classes). None leaves its
            guesses out.
        eps: the radius of the ball at first, in shades; the next lower multiple of a level counts, as in `purify`.
        class_names: one for each class; their numbers unless given.
        start: the step to begin with.

    Raises:
        TypeError: a model that is not autoregressive, images that are no tensor of floats, a classifier that is no
            function.
        ValueError: a model or images that do not fit, shades that are none of the levels, an eps that is not in
            [0, 1], logits or names that do not fit each other, or a step that does not exist.

    Source: Y. Song, T. Kim, S. Nowozin, S. Ermon, N. Kushman, "PixelDefend: Leveraging Generative Models to Understand
    and Defend against Adversarial Examples", 2018.

    >>> import torch
    >>> import armodels_lite as ar
    >>> model = ar.FVSBN((1, 2, 2))                   # x_4 wants to be what x_3 is
    >>> with torch.no_grad():
    ...     model.linear.weight[3, 2], model.linear.bias[3] = 4.0, -2.0
    >>> image = torch.tensor([[[[1.0, 0.0], [1.0, 0.0]]]])
    >>> widget = Purifier(model, image, image, eps=1, start=3)
    >>> widget.sentences(widget.frame(3))[0]
    'Step 3 of 4: row 1, column 1 has level 0, p = 0.119. In the ball, levels 0 to 1, the most probable is 1, ...'
    >>> widget
    Purifier(1 x 2 x 2, image 0, eps 1 of 1 levels, step 3 of 4)
    """

    def __init__(
        self,
        model: AutoregressiveModel,
        clean: Tensor,
        attacked: Tensor,
        classifier: Callable[[Tensor], Any] | None = None,
        eps: float = 2 / 16,
        *,
        class_names: Sequence[str] | None = None,
        start: int = 0,
    ) -> None:
        self.state = PurifyState(model, clean, attacked, classifier, eps, class_names)
        self._first = self.state.radius
        super().__init__(
            4,
            last=self.state.total,
            start=start,
            options=self._make_options(),
            jump=self.state.width,
            interval=max(30, min(400, 12000 // self.state.total)),
        )
        # Words differ in length: the controls stay in place.
        self._words.layout.min_height = "9em"

    def _make_options(self) -> list[ipywidgets.Widget]:
        state = self.state
        numbers = [(f"{index + 1} of {state.images}", index) for index in range(state.images)]
        self._image = dropdown("image", "Which image is purified", numbers, 0)
        self.react(self._image, lambda index: state.choose(index=index))
        top = state.model.levels - 1
        self._eps = ipywidgets.IntSlider(
            state.radius,
            min=0,
            max=max(min(MOST, top), state.radius),
            description="eps, levels",
            tooltip="The radius of the ball: how many levels a pixel may move",
            continuous_update=False,
            style={"description_width": "initial"},
        )
        self.react(self._eps, lambda radius: state.choose(radius=radius))
        skip = ipywidgets.Button(
            description="Next move", tooltip="Go on to the next pixel that moves"
        )
        self.on_click(skip, self.skip)
        images = [self._image] if state.images > 1 else []
        return [*images, self._eps, skip]

    def skip(self) -> None:
        """Go to the next pixel that gets another level; to the end if none does."""
        self.step = self.state.next_move(self.step)

    def restart(self) -> None:
        with self._quiet():
            self._image.value, self._eps.value = 0, self._first
        self.state.choose(0, self._first)

    def redraw(self) -> None:
        if not self._settling:
            super().redraw()

    # -- what the shell asks for ---------------------------------------------------------------------------------

    def frame(self, step: int) -> PurifyFrame:
        return self.state.frame(step)

    def drawings(self, frame: PurifyFrame) -> list[Drawing]:
        chart = distance_chart if frame.finished else level_chart
        return [clean_drawing(frame), attacked_drawing(frame), now_drawing(frame), chart(frame)]

    def sentences(self, frame: PurifyFrame) -> list[str]:
        guesses = [] if self.state.classifier is None else [guess_words(frame)]
        key = [] if frame.finished else [LINE]
        if has_signs(frame):
            key.append(SIGN)
        return [step_words(frame), image_words(frame), *guesses, " ".join([COMPARISON, *key])]

    def caption(self, frame: PurifyFrame) -> str:
        if frame.shows == "given":
            return "clean, attacked"
        return "purified" if frame.finished else f"step {frame.step} of {frame.total}"

    def told(self, frame: PurifyFrame) -> list[str]:
        if frame.shows == "given":
            return [
                f"Clean: {_short(frame.clean)}.",
                f"Attacked: {_short(frame.attacked)}.",
                "The defence sees the attacked one alone.",
            ]
        if frame.finished:
            return [step_words(frame), f"Now {_short(frame.now)}."]
        return [step_words(frame), clean_words(frame.current)]

    def strip_frames(self) -> list[PurifyFrame]:
        """What is given; the pixel that gains most in log p; one that moves off the clean level; what comes of it."""
        state = self.state
        visits = [state.visit(step) for step in range(state.total)]
        moving = [step for step, visit in enumerate(visits) if visit.moves]
        best = max(moving, key=lambda step: visits[step].gain, default=state.total // 3)
        others = [step for step in moving if step != best]
        astray = max(others, key=lambda step: visits[step].astray, default=2 * state.total // 3)
        return [
            replace(state.frame(0), shows="given", current=None),
            *(state.frame(step) for step in sorted((best, astray))),
            state.frame(state.total),
        ]

    def strip_drawings(self, frame: PurifyFrame) -> Sequence[Drawing]:
        return strip_drawings(frame)

    def __repr__(self) -> str:
        state = self.state
        shape, top = f"1 x {state.height} x {state.width}", state.model.levels - 1
        return (
            f"{type(self).__name__}({shape}, image {state.index}, eps {state.radius} of {top} levels, "
            f"step {self.step} of {self.last})"
        )
