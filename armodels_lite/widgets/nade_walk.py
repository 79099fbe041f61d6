"""NADE pixel by pixel: each pixel adds to a running sum, the hidden units follow, and foretell the next pixel.

`nade_state` computes, `nade_view` draws; here are the words and the controls.
"""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets
import numpy as np
from torch import Tensor

from ..models.nade import NADE
from .chart_stepper import ChartStepper
from .nade_state import NADEFrame, NADESteps
from .nade_view import (
    COMPACT,
    image_drawing,
    nats_words,
    next_drawing,
    p_words,
    surprise_chart,
    units_drawing,
)
from .numbers import told_apart
from .svg import Drawing

__all__ = ["NADEWalk"]


# -- words ---------------------------------------------------------------------------------------------------------


def arrival_words(frame: NADEFrame) -> list[str]:
    """What the last pixel was and what it changed."""
    steps = frame.steps
    if frame.step == 0:
        return ["No pixel has arrived: the running sum of each unit is its bias c."]
    white = steps.x[frame.step - 1] == 0
    told = f"{_pixel(steps, frame.step - 1)} was {'white' if white else 'ink'}: "
    if white and not steps.marks:
        return [f"{told}white adds nothing, so no unit changed."]
    if steps.marks:
        told += (
            "its column of W for having arrived was added to the running sum."
            if white
            else "its columns of W for ink and for having arrived were added to the running sum."
        )
    else:
        told += "its column of W was added to the running sum."
    most = frame.moved_most
    if frame.sums[most] == frame.before[most]:
        return [told, "It is 0 for every unit shown, so none of them changed."]
    before, now = told_apart(float(frame.before[most]), float(frame.sums[most]))
    among = "" if len(steps.units) == steps.all_units else " of those shown"
    return [told, f"Unit {steps.units[most] + 1} changed most{among}: from {before} to {now}."]


def next_words(frame: NADEFrame) -> list[str]:
    """What the model expects of the next pixel, and what it is; at the end the total."""
    steps, step = frame.steps, frame.step
    if frame.done:
        worst = int(steps.surprise.argmax())
        return [
            f"All {len(steps)} pixels have arrived: -log p(x) = {nats_words(steps.total)}. "
            f"{_pixel(steps, worst)} surprised most: {nats_words(steps.surprise[worst])}."
        ]
    row, column = steps.place(step)
    told = [
        f"Next: pixel {step + 1} (row {row + 1}, column {column + 1}), p(ink) = {p_words(steps.probs[step])}; "
        f"it is {'ink' if steps.x[step] else 'white'}: {nats_words(steps.surprise[step])}."
    ]
    if step:
        told.append(f"So far {nats_words(frame.so_far)}.")
    return told


def _pixel(steps: NADESteps, pixel: int) -> str:
    row, column = steps.place(pixel)
    return f"Pixel {pixel + 1} (row {row + 1}, column {column + 1})"


# -- the widget ----------------------------------------------------------------------------------------------------


class NADEWalk(ChartStepper):
    """A walk through one image with a NADE. At step t, 0..T, t pixels have arrived and pixel t + 1 is foretold.

    In words, pixels count from 1 in the order in which they arrive, and so do rows, columns and hidden units. The
    buttons go to the next pixel of ink and to the pixel that surprised the model most.

    Args:
        model: a NADE of binary images (1, H, W) up to 32 by 32, without classes, in any ordering.
        x: one image, floats 0 or 1 of shape (1, H, W), (H, W) or (H*W,).
        units: which hidden units are shown, at most 16 different indices from 0; the first 16 unless given.
        start: the step to begin with.

    Raises:
        TypeError, ValueError: see `NADESteps`; ValueError also if start is no step.

    Source: H. Larochelle, I. Murray, The Neural Autoregressive Distribution Estimator (2011).

    >>> import torch
    >>> walk = NADEWalk(NADE((1, 8, 8), hidden=4), torch.zeros(8, 8), start=2)
    >>> walk
    NADEWalk(pixels arrived 2 of 64)
    >>> walk.sentences(walk.frame(2))[0]
    'Pixel 2 (row 1, column 2) was white: white adds nothing, so no unit changed. Next: pixel 3 (row 1, column 3), ...'
    """

    def __init__(
        self, model: NADE, x: Tensor, *, units: Sequence[int] | None = None, start: int = 0
    ) -> None:
        self.steps = NADESteps(model, x, units=units)
        ink = ipywidgets.Button(
            description="Next ink", tooltip="Go on until the next pixel of ink has arrived"
        )
        worst = ipywidgets.Button(
            description="Most surprising",
            tooltip="Go to the pixel with the largest -log p, just before it arrives",
        )
        super().__init__(
            4,
            last=len(self.steps),
            start=start,
            options=[ink, worst],
            label="pixels arrived",
            jump=self.steps.width,
            interval=500,
        )
        self.on_click(ink, self.next_ink)
        self.on_click(worst, self.most_surprising)

    def next_ink(self) -> None:
        """Go on until the next pixel of ink has arrived, or all pixels where no more ink comes."""
        coming = np.flatnonzero(self.steps.x[self.step :])
        self.step = self.step + int(coming[0]) + 1 if len(coming) else self.last

    def most_surprising(self) -> None:
        """Go to the step before the pixel with the largest -log p arrives."""
        self.step = int(self.steps.surprise.argmax())

    def frame(self, step: int) -> NADEFrame:
        return NADEFrame(self.steps, step)

    def drawings(self, frame: NADEFrame) -> list[Drawing]:
        return [
            image_drawing(frame),
            units_drawing(frame),
            next_drawing(frame),
            surprise_chart(frame),
        ]

    def sentences(self, frame: NADEFrame) -> list[str]:
        white = (
            "White adds a column too here, for having arrived: the model must tell white from not yet arrived."
            if self.steps.marks
            else "A pixel of ink adds its column of W to all units at once, a white pixel adds nothing."
        )
        return [
            " ".join([*arrival_words(frame), *next_words(frame)]),
            f"{white} So a step costs the same, however many pixels have arrived. h = sigmoid(a), and "
            "p(ink) = sigmoid(b + V h), with b and V of the next pixel.",
            "Pixels count from 1 in the order in which they arrive.",
        ]

    def caption(self, frame: NADEFrame) -> str:
        return f"{frame.step} of {self.last} arrived"

    def strip_steps(self) -> list[int]:
        """First ink, a unit's largest change halfway, the most surprising pixel, the end; others if these coincide."""
        steps, last = self.steps, self.last
        middle = slice(last // 4, max(3 * last // 4, last // 4 + 1))
        changes = np.abs(np.diff(steps.sums, axis=0)).max(1)[middle]
        telling = [
            last,
            int(steps.surprise.argmax()),
            int((steps.x == 1).argmax()) + 1,
            middle.start + int(changes.argmax()) + 1,
        ]
        spare = [last // 2, 0, last // 4, 3 * last // 4]
        return sorted(list(dict.fromkeys([*telling, *spare]))[:4])

    def strip_drawings(self, frame: NADEFrame) -> list[Drawing]:
        """The image, the units and the next pixel, narrow enough for four steps side by side."""
        return [make(frame, COMPACT) for make in (image_drawing, units_drawing, next_drawing)]
