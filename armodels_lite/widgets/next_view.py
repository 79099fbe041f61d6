"""Temperature, a filter and a draw on one distribution: the picture, a pure function of a frame."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .cutting import cut
from .next_state import STAGES, NextFrame
from .next_words import follows, fraction, p_text
from .svg import ACCENT, BLUE, FILL, QUIET, Drawing, text_width
from .ticks import tick_texts

__all__ = ["COMPACT", "Row", "next_drawing", "rows"]

MOST, COMPACT_MOST = 15, 7  # symbols with a bar of their own
HEAD, HIGH, FOOT = 56, 20, 26  # pixels: above the rows, a row, below them
SMALL = 13
AFTER = 16  # letters of what the symbol follows


@dataclass(frozen=True)
class Layout:
    """Places in pixels: the bars from `left` to `right`, the shares of (0, 1) from `low` to `high` if there are any."""

    width: float
    left: float
    right: float
    number: float
    low: float = 0.0
    high: float = 0.0
    most: int = MOST
    letters: int = 13  # of a name that are shown


WIDE = Layout(width=660, left=122, right=334, number=386, low=412, high=648)
COMPACT = Layout(width=240, left=104, right=190, number=238, most=COMPACT_MOST, letters=11)


@dataclass(frozen=True, eq=False)
class Row:
    """A bar: one symbol, or all the others together.

    Attributes:
        name: what stands before it.
        levels: int64 (n,), from most to least likely.
    """

    name: str
    levels: np.ndarray

    def sum(self, values: np.ndarray) -> float:
        """What the row's symbols have together, of something (K,)."""
        return float(values[self.levels].sum())


def rows(frame: NextFrame, layout: Layout = WIDE) -> list[Row]:
    """The most likely symbols, the likeliest first, and all others in one row; a single other one by its name."""
    count, most = len(frame.order), layout.most
    single = count if count <= most + 1 else most
    shown = [
        Row(_short(frame.names[level], layout.letters), np.array([level]))
        for level in frame.order[:single]
    ]
    if single == count:
        return shown
    return [*shown, Row(f"{count - single} others", frame.order[single:])]


# -- the picture ---------------------------------------------------------------------------------------------------


def next_drawing(frame: NextFrame, layout: Layout = WIDE) -> Drawing:
    """Bars from most to least likely, filled as they are now, outlined as they were before, hatched where cut.

    Beside them, where the layout has room, the same probabilities added up from the top; at the draw the shares of
    (0, 1), with u among them.
    """
    bars = rows(frame, layout)
    height = HEAD + HIGH * len(bars) + FOOT
    drawing = Drawing(layout.width, height, label=_label(frame, bars))
    _legend(drawing, frame, layout)
    end = _scale(frame, bars)
    _axis(drawing, tick_texts(0, end, 2), end, (layout.left, layout.right))
    for number, row in enumerate(bars):
        _bar(drawing, frame, row, HEAD + HIGH * number, end, layout)
    if layout.high:
        _axis(drawing, {0: "0", 0.5: "0.5", 1: "1"}, 1.0, (layout.low, layout.high))
        if frame.step == len(STAGES) - 1:
            _shares(drawing, frame, bars, layout)
        else:
            _sums(drawing, frame, bars, layout)
    return drawing


def _scale(frame: NextFrame, bars: Sequence[Row]) -> float:
    """The end of the axis of probabilities: the same at every step, so that bars can be compared."""
    highest = max(row.sum(p) for row in bars for p in (frame.own, frame.tempered, frame.final))
    return min(1.0, math.ceil(10 * highest - 1e-9) / 10)


def _legend(drawing: Drawing, frame: NextFrame, layout: Layout) -> None:
    title = f"{frame.step} {_title(frame)}" if layout.high else _title(frame)
    drawing.text(4, 16, title, anchor="start", bold=True, size=SMALL)
    left, y = 4.0, 37.0
    for kind, words in _keys(frame):
        box = (left, y - 10), 20, 11
        if kind == "filled":
            drawing.rect(*box)
        elif kind == "outline":
            drawing.rect(*box, "none", stroke="currentColor")
        else:
            _hatched(drawing, *box)
        drawing.text(left + 25, y, words, anchor="start", size=SMALL)
        left += 25 + 0.85 * text_width(words, SMALL) + 14
    if layout.high:
        told = "shares of (0, 1)" if frame.step == 4 else "added up from the top"
        drawing.text(layout.low, 16, told, anchor="start", bold=True, size=SMALL)
        told = follows(frame.after, AFTER)
        drawing.text(layout.number, y, told, anchor="end", size=SMALL, colour=QUIET)


def _title(frame: NextFrame) -> str:
    settings = frame.settings
    titles = {
        "top-k": f"top-k cuts, k = {settings.k}",
        "top-p": f"top-p cuts, p = {fraction(settings.p)}",
        "none": "no filter",
    }
    return (
        "p of the next symbol",
        f"after temperature {settings.temperature:.2f}",
        titles[settings.filter],
        "divided by the sum",
        "the draw",
    )[frame.step]


def _keys(frame: NextFrame) -> list[tuple[str, str]]:
    return (
        [("filled", "the model")],
        [("filled", "now"), ("outline", "the model")],
        [("filled", "kept"), ("hatched", "cut")],
        [("filled", "now"), ("outline", "before the cut")],
        [("filled", "now"), ("outline", "the model")],
    )[frame.step]


def _axis(drawing: Drawing, ticks: dict[float, str], top: float, ends: tuple[float, float]) -> None:
    low, high = ends
    bottom = drawing.height - FOOT + 2
    drawing.line((low, bottom), (high, bottom), QUIET)
    drawing.line((low, HEAD - 4), (low, bottom), QUIET)
    for value, words in ticks.items():
        place = low + value / top * (high - low)
        drawing.line((place, bottom), (place, bottom + 4), QUIET)
        drawing.text(drawing.inside(place, words, SMALL), bottom + 18, words, size=SMALL)


def _bar(
    drawing: Drawing, frame: NextFrame, row: Row, top: float, end: float, layout: Layout
) -> None:
    """A row: the name, the bar and its number."""
    scale = (layout.right - layout.left) / end
    kept = frame.kept[row.levels]
    gone = frame.step >= 2 and not kept.any()
    drawn = frame.step == 4 and frame.level in row.levels
    colour = QUIET if gone else "currentColor"
    if drawn:
        drawing.polygon([(2, top + 3), (2, top + 15), (11, top + 9)], ACCENT)
    style = {"anchor": "end", "size": SMALL, "colour": colour, "bold": drawn}
    drawing.text(layout.left - 6, top + 13.5, row.name, **style)
    value = row.sum(frame.current)
    # What the model itself excludes is not cut by the filter.
    told = "cut" if gone and frame.step > 2 and row.sum(frame.tempered) > 0 else p_text(value)
    drawing.text(layout.number, top + 13.5, told, **style)
    if frame.step == 2:
        stays = float(frame.tempered[row.levels[kept]].sum())
        drawing.rect((layout.left, top + 2), stays * scale, 14)
        _hatched(drawing, (layout.left + stays * scale, top + 2), (value - stays) * scale, 14)
        return
    thin = frame.before is not None
    drawing.rect((layout.left, top + (5 if thin else 2)), value * scale, 8 if thin else 14)
    if thin:
        was = row.sum(frame.before) * scale
        drawing.rect((layout.left, top + 2), was, 14, "none", stroke=colour)


def _sums(drawing: Drawing, frame: NextFrame, bars: Sequence[Row], layout: Layout) -> None:
    """Each row's probability begins where the row above ends, so a row's end is the sum from the top."""
    width, total = layout.high - layout.low, 0.0
    cutting = frame.step == 2
    for number, row in enumerate(bars):
        top = HEAD + HIGH * number
        left = layout.low + total * width
        mine = row.sum(frame.current)
        stays = float(frame.current[row.levels[frame.kept[row.levels]]].sum()) if cutting else mine
        drawing.rect((left, top + 2), stays * width, 14)
        if cutting:
            _hatched(drawing, (left + stays * width, top + 2), (mine - stays) * width, 14)
        total = min(1.0, total + mine)
        right = layout.low + total * width
        if number + 1 < len(bars) and bars[number + 1].sum(frame.current) > 0:
            drawing.line((right, top + 2), (right, top + HIGH + 2), QUIET, width=1)
    if cutting and frame.settings.filter == "top-p":
        _p_line(drawing, frame, layout)
    elif cutting and frame.settings.filter == "top-k":
        _k_line(drawing, frame, bars, layout)


def _p_line(drawing: Drawing, frame: NextFrame, layout: Layout) -> None:
    p = frame.settings.p
    _upright(drawing, p, f"p = {fraction(p)}", layout, dashed=True)


def _upright(
    drawing: Drawing, share: float, words: str, layout: Layout, *, dashed: bool = False
) -> None:
    """A line through all rows at a share of (0, 1), with words above it."""
    place = layout.low + share * (layout.high - layout.low)
    half = text_width(words, SMALL) / 2
    middle = drawing.inside(max(place, layout.low + half), words, SMALL)
    drawing.text(middle, HEAD - 12, words, size=SMALL, bold=True)
    bottom = drawing.height - FOOT + 2
    drawing.line((place, HEAD - 7), (place, bottom), ACCENT, width=2, dashed=dashed)


def _k_line(drawing: Drawing, frame: NextFrame, bars: Sequence[Row], layout: Layout) -> None:
    """A line below row k, if symbol k has a row of its own and one follows."""
    k = frame.settings.k
    single = sum(len(row.levels) == 1 for row in bars)
    if k > single or k == len(bars):
        return
    place = HEAD + HIGH * k - 1
    drawing.line((2, place), (layout.high, place), ACCENT, width=2, dashed=True)
    words = f"k = {k}"
    # Beside the bars: where row k's bar ends far to the right, the next row is empty on the left.
    if float(frame.tempered[frame.order[:k]].sum()) > 0.4:
        drawing.text(layout.low + 5, place + 15, words, anchor="start", size=SMALL, bold=True)
    else:
        drawing.text(layout.high, place - 5, words, anchor="end", size=SMALL, bold=True)


def _shares(drawing: Drawing, frame: NextFrame, bars: Sequence[Row], layout: Layout) -> None:
    """Each symbol's part of (0, 1), in the order of the levels; the line at u meets the one that is drawn."""
    width = layout.high - layout.low
    ends = frame.final.cumsum()
    for number, row in enumerate(bars):
        top = HEAD + HIGH * number
        # Of a row of many thousands only what can be seen.
        seen = row.levels[(frame.final[row.levels] * width >= 0.2) | (row.levels == frame.level)]
        for level in seen:
            chosen = level == frame.level
            long = max(1.0, frame.final[level] * width)
            left = min(layout.low + (ends[level] - frame.final[level]) * width, layout.high - long)
            drawing.rect((left, top + 2), long, 14, BLUE if chosen else FILL)
    _upright(drawing, frame.u, f"u = {frame.u:.3f}", layout)


def _hatched(drawing: Drawing, corner: tuple[float, float], width: float, height: float) -> None:
    """A pale rectangle of slanting lines; nothing where it has no width."""
    if width <= 0:
        return
    left, top = corner
    x, y = (left, left + width), (top, top + height)
    drawing.rect(corner, width, height, "none", stroke=QUIET, stroke_width=1)
    for start in np.arange(left - height, left + width, 5):
        for part in cut([(start, top + height), (start + height, top)], x, y):
            drawing.line(part[0], part[-1], QUIET, width=1)


def _label(frame: NextFrame, bars: Sequence[Row]) -> str:
    told = []
    for row in bars:
        gone = frame.step >= 2 and not frame.kept[row.levels].any()
        told.append(f"{row.name} {'cut' if gone else p_text(row.sum(frame.current))}")
    return f"{_title(frame)}: {', '.join(told)}"


def _short(name: str, letters: int) -> str:
    return name if len(name) <= letters else f"{name[: letters - 1]}…"
