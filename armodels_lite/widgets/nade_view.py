"""One step of a NADE on an image: the pixels that have arrived, the hidden units, the next pixel, the surprise."""

from __future__ import annotations

import math
from itertools import groupby

import numpy as np

from .nade_state import NADEFrame, NADESteps
from .numbers import told_apart
from .svg import ACCENT, BLUE, FILL, QUIET, Chart, Drawing, text_width
from .ticks import tick_texts

__all__ = ["image_drawing", "next_drawing", "surprise_chart", "units_drawing"]

NARROW, WIDE = 236, 420  # pixels on the screen; both stand side by side in a notebook's column
COMPACT = 214  # for everything in a strip
# Cells keep their colours in a dark theme: an image is ink on white paper.
INK, WHITE, TO_COME, STRIPES = "#222222", "#ffffff", "#e4e4e4", "#9a9a9a"
MOST_ROW, LEAST_ROW = 24.0, 12.5  # the height of one unit's bar with its margins


def p_words(p: float) -> str:
    """A probability with three decimals, or as many as it takes to show that it is neither 0 nor 1.

    >>> p_words(0.25), p_words(0.00004)
    ('0.250', '0.00004')
    """
    return told_apart(p, float(round(p)))[0]


def nats_words(surprise: float) -> str:
    """Nats with three decimals, or as many as it takes to show that they are not 0.

    >>> nats_words(1.25), nats_words(0.00004)
    ('1.250 nats', '0.00004 nats')
    """
    return f"{told_apart(surprise, 0.0)[0]} nats"


# -- the image -----------------------------------------------------------------------------------------------------


def image_drawing(frame: NADEFrame, width: float = NARROW) -> Drawing:
    """Pixels that have arrived black or white, those to come striped; a ring on the last, a frame around the next."""
    steps, step = frame.steps, frame.step
    cell = (width - 4) / max(steps.height, steps.width)
    drawing = Drawing(
        width,
        cell * steps.height + 4,
        label=f"image of {steps.height} by {steps.width} pixels: {step} of {len(steps)} have arrived",
    )
    left = (width - cell * steps.width) / 2
    _draw_cells(drawing, frame, left, cell)

    def corner(pixel: int) -> tuple[float, float]:
        row, column = steps.place(pixel)
        return left + cell * column, 2 + cell * row

    if step:
        x, y = corner(step - 1)
        ring = max(1.5, cell / 12)
        drawing.circle(
            (x + cell / 2, y + cell / 2), cell / 3.4, "none", stroke=WHITE, stroke_width=2.4 * ring
        )
        drawing.circle(
            (x + cell / 2, y + cell / 2), cell / 3.4, "none", stroke=BLUE, stroke_width=ring
        )
    if not frame.done:
        drawing.rect(
            corner(step), cell, cell, "none", stroke=ACCENT, stroke_width=max(2.0, cell / 9)
        )
    return _with_key(drawing)


def _draw_cells(drawing: Drawing, frame: NADEFrame, left: float, cell: float) -> None:
    arrived, ink = frame.arrived, frame.ink
    kinds = np.where(arrived, ink.astype(int), 2)  # 0 white, 1 ink, 2 to come
    for row, line in enumerate(kinds.tolist()):
        start, top = 0, 2 + cell * row
        # Cells of a kind side by side are one shape.
        for kind, group in groupby(line):
            count = len(list(group))
            fill = (WHITE, INK, TO_COME)[kind]
            drawing.rect((left + cell * start, top), cell * count, cell, fill)
            if kind == 2:
                _draw_stripes(drawing, (left + cell * start, top), count, cell)
            start += count
    height, width = kinds.shape
    right, bottom = left + cell * width, 2 + cell * height
    for row in range(height + 1):
        drawing.line((left, 2 + cell * row), (right, 2 + cell * row), QUIET, width=0.5)
    for column in range(width + 1):
        x = left + cell * column
        drawing.line((x, 2), (x, bottom), QUIET, width=0.5)


def _draw_stripes(drawing: Drawing, corner: tuple[float, float], count: int, cell: float) -> None:
    """One diagonal a cell; the way back to the next one runs along the edge between the cells."""
    x, y = corner
    points = []
    for k in range(count):
        points += [(x + cell * k, y + cell), (x + cell * (k + 1), y)]
    drawing.polyline(points, STRIPES, width=0.6)


def _with_key(drawing: Drawing) -> Drawing:
    """Below the image what its marks mean."""
    y, x, size = drawing.height + 12, 2.0, 11.5
    for words in ("just arrived", "next", "to come"):
        if words == "just arrived":
            drawing.circle((x + 6, y), 4.2, WHITE, stroke=BLUE, stroke_width=2.2)
        elif words == "next":
            drawing.rect((x + 1, y - 5.5), 11, 11, TO_COME, stroke=ACCENT, stroke_width=2.4)
        else:
            drawing.rect((x + 1, y - 5.5), 11, 11, TO_COME, stroke=STRIPES, stroke_width=0.6)
            _draw_stripes(drawing, (x + 1, y - 5.5), 1, 11)
        drawing.text(x + 15, y + 4.5, words, anchor="start", size=size)
        x += 15 + 0.78 * text_width(words, size) + 7
    drawing.height = y + 10
    return drawing


# -- the hidden units ----------------------------------------------------------------------------------------------


def units_drawing(frame: NADEFrame, width: float = WIDE) -> Drawing:
    """For each unit shown its running sum, with a mark where it was before the last pixel, and h = sigmoid of it."""
    steps = frame.steps
    count = len(steps.units)
    row = min(MOST_ROW, max(LEAST_ROW, 216 / count))
    top, compact = 40.0, width < WIDE
    bottom = top + row * count
    label = "running sums and values of the hidden units: " + ", ".join(
        f"unit {unit + 1} {a:.2f} and {h:.2f}"
        for unit, a, h in zip(steps.units, frame.sums, frame.hidden, strict=True)
    )
    drawing = Drawing(width, bottom + 24, label=label)
    left = max(24.0, 8 + text_width(str(steps.units.max() + 1), 12))
    split = left + (width - left) * 0.62
    sums = _Axis(drawing, _sum_range(steps), (left, split - 10), (top, bottom), 3 if compact else 5)
    values = _Axis(drawing, (0.0, 1.0), (split + 10, width - 12), (top, bottom), 2)
    drawing.text((left + split) / 2 - 5, 14, "running sum a", size=13, bold=True)
    title = "h" if compact else "h = sigmoid(a)"
    drawing.text((split + width) / 2, 14, title, size=13, bold=True)
    _draw_units_key(drawing, left)
    for k, unit in enumerate(steps.units.tolist()):
        middle = top + row * (k + 0.5)
        drawing.text(left - 5, middle + 4, str(unit + 1), anchor="end", size=min(12.0, 0.9 * row))
        _draw_sum(drawing, sums, frame.before[k], frame.sums[k], middle, row)
        values.bar(0.0, frame.hidden[k], middle, 0.62 * row)
    return drawing


class _Axis:
    """A horizontal axis with its ticks, for bars above it."""

    def __init__(
        self,
        drawing: Drawing,
        ends: tuple[float, float],
        sides: tuple[float, float],
        rows: tuple[float, float],
        ticks: int,
    ) -> None:
        self.drawing, self.ends, self.sides = drawing, ends, sides
        top, bottom = rows
        drawing.line((sides[0], bottom), (sides[1], bottom), QUIET)
        for value, words in tick_texts(*ends, ticks).items():
            x = self.place(value)
            drawing.line((x, top if value == 0 else bottom), (x, bottom + 4), QUIET)
            drawing.text(drawing.inside(x, words, 12), bottom + 17, words, size=12)

    def place(self, value: float) -> float:
        low, high = self.ends
        return self.sides[0] + (value - low) / (high - low) * (self.sides[1] - self.sides[0])

    def bar(self, start: float, end: float, middle: float, height: float) -> None:
        first, last = sorted((self.place(start), self.place(end)))
        self.drawing.rect((first, middle - height / 2), last - first, height, FILL)


def _draw_sum(
    drawing: Drawing, axis: _Axis, before: float, now: float, middle: float, row: float
) -> None:
    """The sum now as a bar, and what the last pixel added as a thick line from the mark of the old value."""
    axis.bar(0.0, now, middle, 0.62 * row)
    old, new = axis.place(before), axis.place(now)
    if old != new:
        drawing.line((old, middle), (new, middle), ACCENT, width=0.24 * row)
    half = 0.42 * row
    drawing.line((old, middle - half), (old, middle + half), width=2)


def _draw_units_key(drawing: Drawing, left: float) -> None:
    x, y, size = left, 28.0, 11.5
    for words in ("now", "before", "added"):
        if words == "now":
            drawing.rect((x, y - 4), 12, 8, FILL)
        elif words == "before":
            drawing.line((x + 8, y - 5.5), (x + 8, y + 5.5), width=2)
        else:
            drawing.line((x, y), (x + 12, y), ACCENT, width=3.5)
        drawing.text(x + 16, y + 4, words, anchor="start", size=size)
        x += 16 + 0.8 * text_width(words, size) + 8


def _sum_range(steps: NADESteps) -> tuple[float, float]:
    """One range for all steps, so that bars of different steps can be compared; 0 lies in it."""
    low, high = min(0.0, float(steps.sums.min())), max(0.0, float(steps.sums.max()))
    margin = 0.04 * (high - low) or 1.0
    return low - margin, high + margin


# -- the next pixel ------------------------------------------------------------------------------------------------


def next_drawing(frame: NADEFrame, width: float = NARROW) -> Drawing:
    """p(ink) of the next pixel as a bar from 0 to 1, with a mark at what the pixel is."""
    steps, step = frame.steps, frame.step
    if frame.done:
        return _whole_drawing(frame, width)
    p, ink = float(steps.probs[step]), bool(steps.x[step])
    value, nats = ("ink" if ink else "white"), nats_words(steps.surprise[step])
    drawing = Drawing(
        width,
        128,
        label=f"pixel {step + 1}: p(ink) = {p_words(p)}, it is {value}, {nats}",
    )
    drawing.text(2, 14, f"Pixel {step + 1}: p(ink) = {p_words(p)}", anchor="start", bold=True)
    left, right, top, height = 14.0, width - 14.0, 44.0, 22.0
    place = left + p * (right - left)
    drawing.rect((left, top), right - left, height, "none", stroke=QUIET)
    drawing.rect((left, top), place - left, height, BLUE)
    # The pixel itself stands above the end of the bar that p should be near.
    x = right if ink else left
    drawing.polygon([(x - 6, top - 12), (x + 6, top - 12), (x, top - 2)], ACCENT)
    inwards, anchor = (-10, "end") if ink else (10, "start")
    drawing.text(x + inwards, top - 5, f"it is {value}", anchor=anchor, size=13)
    for mark, words in ((0.0, "0 white"), (0.5, "0.5"), (1.0, "1 ink")):
        x = left + mark * (right - left)
        drawing.line((x, top + height), (x, top + height + 4), QUIET)
        anchor = {0.0: "start", 0.5: "middle", 1.0: "end"}[mark]
        shift = {0.0: -8, 0.5: 0, 1.0: 8}[mark]
        drawing.text(x + shift, top + height + 18, words, anchor=anchor, size=12)
    drawing.text(2, 112, f"-log p(it is {value}) = {nats}", anchor="start", size=13)
    return drawing


def _whole_drawing(frame: NADEFrame, width: float) -> Drawing:
    steps = frame.steps
    words = [
        f"All {len(steps)} pixels have arrived.",
        f"-log p(x) = {nats_words(steps.total)}",
        f"p(x) = {_tiny(steps.total)}",
    ]
    drawing = Drawing(width, 128, label=" ".join(words))
    for k, line in enumerate(words):
        drawing.text(2, 14 + 24 * k, line, anchor="start", bold=k == 1, size=13)
    return drawing


def _tiny(nats: float) -> str:
    """exp(-nats) in powers of ten: it may be too small for a float."""
    exponent = math.floor(-nats / math.log(10))
    if exponent >= -3:
        return f"{math.exp(-nats):.3g}"
    digits = str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{10 ** (-nats / math.log(10) - exponent):.2f} × 10{digits}"


def surprise_chart(frame: NADEFrame) -> Chart:
    """-log p of the pixels so far, against their number, with what a fair coin would cost."""
    steps, step = frame.steps, frame.step
    totals = np.concatenate([[0.0], steps.surprise.cumsum()])
    chart = Chart(
        (0, len(steps)),
        (0, 1.08 * steps.total),
        label=f"surprise so far: {nats_words(frame.so_far)} after {step} of {len(steps)} pixels",
        width=WIDE,
        height=190,
        x_label="pixels arrived",
        y_label="nats",
        legend={"surprise so far": BLUE, "fair coin: ln 2 a pixel": QUIET},
    )
    ends = [0, len(steps)]
    chart.curve(ends, [0.0, len(steps) * math.log(2)], QUIET, width=1.5, dashed=True)
    chart.curve(range(step + 1), totals[: step + 1], BLUE)
    chart.dot(step, float(totals[step]), BLUE)
    return chart
