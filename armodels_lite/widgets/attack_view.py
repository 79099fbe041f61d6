"""Attacks of growing size against a detector that goes by likelihood: the charts and the words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from .attack_state import AttackTable, Share, SizeFrame
from .svg import ACCENT, BLUE, FILL, QUIET, Chart, Drawing, text_width

__all__ = ["caption", "histogram_chart", "in_short", "roc_chart", "sentences"]

COMPACT = 240  # width of a chart in the strip
HEADROOM = 1.25  # room for words above the fullest bin
APART = 6  # pixels between two lines of a hatching, along an axis
MOST_POINTS = 200  # of a curve that are drawn
SMALL = 13
GAP = 6  # pixels between a line and its words
LETTERS = 16  # of the name of an attack above a frame of the strip

Rect = tuple[float, float, float, float]


# -- histograms ----------------------------------------------------------------------------------------------------


class _Keyed(Chart):
    """A chart with a row for keys above it."""

    TOP = 36


class _Compact(Chart):
    """The same without numbers on its left, and with two rows for keys."""

    LEFT, TOP = 12, 54


def histogram_chart(frame: SizeFrame, table: AttackTable, *, compact: bool = False) -> Chart:
    """Clean images, pale under a line; attacked ones dark where the classifier is wrong, hatched where it is right.

    A dark and a hatched bar stand on one another. The axes are the same for all attacks and sizes.
    """
    chart = (_Compact if compact else _Keyed)(
        (table.edges[0], table.edges[-1]),
        (0, HEADROOM * table.highest),
        label=_label(frame, table),
        width=COMPACT if compact else 420,
        height=230 if compact else 270,
        x_label=table.unit if compact else f"{table.unit} (less probable →)",
        y_label="" if compact else "images, %",
        y_ticks={} if compact else None,
    )
    outline = [chart.place(x, y) for x, y in _outline(table.edges, frame.clean)]
    chart.polyline(outline, "none", fill=FILL)
    both = frame.fooled + frame.resisted
    dark = _rects(chart, table.edges, np.zeros_like(both), frame.fooled)
    hatched = _rects(chart, table.edges, frame.fooled, both)
    chart.rects(dark, ACCENT)
    _hatch(chart, hatched, ACCENT)
    attacked = [chart.place(x, y) for x, y in _outline(table.edges, both)]
    chart.polyline(attacked, ACCENT, width=1.2)
    chart.polyline(outline, "currentColor", width=1.6)
    _threshold(chart, frame, table)
    _keys(chart, compact)
    return chart


def _outline(edges: np.ndarray, heights: np.ndarray) -> Iterable[tuple[float, float]]:
    """The corners of a histogram, from the axis to the axis."""
    return zip(np.repeat(edges, 2), [0, *np.repeat(heights, 2), 0], strict=True)


def _rects(chart: Chart, edges: np.ndarray, low: np.ndarray, high: np.ndarray) -> list[Rect]:
    """Bars (x, y, width, height) in pixels, between two heights; none where these are equal."""
    rects = []
    for k in np.flatnonzero(high > low):
        left, top = chart.place(edges[k], high[k])
        right, bottom = chart.place(edges[k + 1], low[k])
        # Hundredths of pixels are written out: finer ones would only lengthen the picture.
        rects.append(tuple(round(float(v), 2) for v in (left, top, right - left, bottom - top)))
    return rects


def _hatch(drawing: Drawing, rects: Sequence[Rect], colour: str) -> None:
    """Slanting lines x + y = constant in all rectangles, which meet where these touch."""
    path = []
    for left, top, width, height in rects:
        right, bottom = left + width, top + height
        first = math.ceil((left + top) / APART)
        for k in range(first, math.floor((right + bottom) / APART) + 1):
            start, end = max(left, APART * k - bottom), min(right, APART * k - top)
            if end > start:
                path.append(f"M{start:.1f} {APART * k - start:.1f}L{end:.1f} {APART * k - end:.1f}")
    if path:
        drawing.parts.append(
            f'<path d="{"".join(path)}" stroke="{colour}" stroke-width="1.2" fill="none"/>'
        )


def _threshold(chart: Chart, frame: SizeFrame, table: AttackTable) -> None:
    """The line beyond which images are called attacked, if there is one."""
    if frame.threshold == -math.inf:
        return
    place = chart.place(table.improbable(frame.threshold), 0)[0]
    chart.line((place, chart.top - 4), (place, chart.bottom), "currentColor", width=2, dashed=True)
    words, sign, anchor, room = "called attacked →", 1, "start", chart.width - place
    if place > room:
        sign, anchor, room = -1, "end", place
    size = min(SMALL, SMALL * (room - GAP) / (0.9 * text_width(words, SMALL)))
    chart.text(place + GAP * sign, chart.top + 8, words, anchor=anchor, size=size, bold=True)


def _keys(chart: Chart, compact: bool) -> None:
    """What the three kinds of bars are."""
    left, y = 4.0, 17.0
    if compact:
        kinds = ("clean", "attacked, right", "fooled")
    else:
        kinds = ("clean", "attacked, still right", "attacked, fooled")
    for kind, words in enumerate(kinds):
        box = (left, y - 10, 20.0, 12.0)
        if kind == 0:
            chart.polyline(_corners(box), "none", fill=FILL)
            chart.polyline(_corners(box), "currentColor", width=1.6)
        elif kind == 1:
            _hatch(chart, [box], ACCENT)
            chart.polyline(_corners(box), ACCENT, width=1.2)
        else:
            chart.rects([box], ACCENT)
        chart.text(left + 26, y, words, anchor="start", size=SMALL)
        left += 26 + 0.8 * text_width(words, SMALL) + 14
        if compact and kind == 0:
            left, y = 4.0, 37.0


def _corners(rect: Rect) -> list[tuple[float, float]]:
    x, y, width, height = rect
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]


# -- the ROC curve -------------------------------------------------------------------------------------------------


def roc_chart(frame: SizeFrame, *, compact: bool = False) -> Chart:
    """Share of the attacked images called attacked against that of the clean ones, at every threshold; a dot here."""
    alarms, detected = 100 * frame.false_alarms.value, 100 * frame.detected.value
    ticks = {0: "0", 50: "50", 100: "100"}
    chart = Chart(
        (0, 100),
        (0, 100),
        label=(
            f"ROC curve, area {frame.auc:.3f}; the dot is at {alarms:.1f}% false alarms and "
            f"{detected:.1f}% detected"
        ),
        width=COMPACT,
        height=200 if compact else 270,
        x_label="false alarms, %",
        y_label="called attacked, %",
        x_ticks=ticks,
        y_ticks=ticks,
    )
    xs, ys = (100 * _thinned(values) for values in frame.curve)
    chart.curve([0, 100], [0, 100], QUIET, width=1.2, dashed=True)
    chart.curve(xs, ys, BLUE, filled=True)
    chart.note(96, 6, f"AUC {frame.auc:.3f}", anchor="end", bold=True)
    chart.circle(chart.place(alarms, detected), 6, ACCENT, stroke="currentColor", stroke_width=1.5)
    return chart


def _thinned(values: np.ndarray) -> np.ndarray:
    """At most MOST_POINTS of the values, evenly chosen, the first and the last among them."""
    if len(values) <= MOST_POINTS:
        return values
    return values[np.linspace(0, len(values) - 1, MOST_POINTS).round().astype(int)]


# -- words ---------------------------------------------------------------------------------------------------------


def caption(frame: SizeFrame) -> str:
    """Attack and size; a long name of an attack is cut."""
    if not frame.step:
        return "Clean images"
    name = frame.attack
    return f"{name if len(name) <= LETTERS else name[: LETTERS - 1] + '…'}, eps {frame.size}"


def in_short(frame: SizeFrame) -> str:
    """The numbers alone."""
    wrong = "Fooled" if frame.step else "Wrong"
    return (
        f"Classifier right: {_percent(frame.right)}. Called attacked: {_percent(frame.detected)}. "
        f"{wrong} and not called attacked: {_percent(frame.unnoticed)}. "
        f"False alarms: {frame.asked}% asked for, {_percent(frame.false_alarms)} found."
    )


def sentences(frame: SizeFrame, table: AttackTable) -> list[str]:
    """What happens to the images; the line and its false alarms; the area, and what the intervals mean."""
    return [_outcome(frame), _line(frame, table), _area(frame)]


def _outcome(frame: SizeFrame) -> str:
    images = _count(frame.right.total, "attacked image" if frame.step else "clean image")
    name = f"{frame.attack}, eps {frame.size}" if frame.step else "eps 0, no attack yet"
    told = (
        f"{name}: the classifier is right on {_percent(frame.right)} of {images}. "
        f"Called attacked: {_with_interval(frame.detected)}. "
    )
    through = _with_interval(frame.unnoticed)
    if not frame.step:
        return f"{told}Wrong and not called attacked: {through}."
    return (
        f"{told}Fooled and not called attacked, the number that matters: {through}; without an attack "
        f"{_percent(frame.unattacked)}."
    )


def _line(frame: SizeFrame, table: AttackTable) -> str:
    references = _count(frame.references, "reference image")
    if frame.threshold == -math.inf:
        least = f"1/{frame.references + 1}"
        return (
            f"No line: with {references} no p-value is below {least}, so {frame.asked}% of false alarms cannot be "
            "asked for, and nothing is called attacked."
        )
    return (
        f"False alarms: {frame.asked}% asked for, {_with_interval(frame.false_alarms)} found on the clean images. "
        f"The line at {table.improbable(frame.threshold):.2f} {_unit(table)} comes from {references}: beyond it "
        f"an image's rank p-value is at most {frame.asked}%."
    )


def _area(frame: SizeFrame) -> str:
    return (
        f"AUC {frame.auc:.3f}: the probability that a random attacked image is less probable than a random clean one, "
        "ties counted half. "
        "Brackets hold 95% intervals (Wilson) for this line; another reference would move the line too."
    )


def _label(frame: SizeFrame, table: AttackTable) -> str:
    name = f"{frame.attack}, eps {frame.size}" if frame.step else "eps 0"
    told = f"histograms of clean and of attacked images, {name}; "
    if frame.threshold == -math.inf:
        return f"{told}no line"
    return (
        f"{told}beyond a line at {table.improbable(frame.threshold):.2f} {_unit(table)} lie {_percent(frame.detected)} "
        f"of the attacked and {_percent(frame.false_alarms)} of the clean ones"
    )


def _unit(table: AttackTable) -> str:
    return "bits/dim" if table.num_variables else "nats"


def _count(number: int, name: str) -> str:
    return f"{number:,} {name}{'' if number == 1 else 's'}"


def _percent(share: Share) -> str:
    return f"{100 * share.value:.1f}%"


def _with_interval(share: Share) -> str:
    low, high = share.interval
    return f"{_percent(share)} ({100 * low:.1f}% to {100 * high:.1f}%)"
