"""A greedy purification as pictures: the three images, the conditional of the pixel at hand, what came of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..plots import colour_table
from .board import WHITE, Board
from .next_words import p_text
from .purify_state import PurifyFrame, Reading, Visit
from .svg import ACCENT, BLUE, FILL, QUIET, Chart, Drawing, text_width
from .ticks import nice_ticks, tick_texts

__all__ = [
    "attacked_drawing",
    "clean_drawing",
    "distance_chart",
    "has_signs",
    "level_chart",
    "now_drawing",
    "reading_lines",
    "strip_drawings",
]

SIDE = 192  # pixels on the screen for an image's width
WIDTH, STRIP_WIDTH = 206, 206  # of a picture's drawing
EDGE = 5  # room for the lines around a picture
SMALL = 12  # letters
HAIR = 0.4  # pixels: a line between two cells
SIGNED = 14  # pixels on the screen that a cell needs for a sign in it
# Ends of the axis of probabilities: few, so that bars of different pixels can be compared.
TOPS = (0.2, 0.5, 1.0)


# -- images --------------------------------------------------------------------------------------------------------


def clean_drawing(frame: PurifyFrame) -> Drawing:
    """The clean image, which the defence never sees."""
    return _picture(frame, frame.clean, "Clean, for comparison only")


def attacked_drawing(frame: PurifyFrame) -> Drawing:
    """The attacked image, in the middle of the ball."""
    return _picture(frame, frame.attacked, "Attacked")


def now_drawing(frame: PurifyFrame) -> Drawing:
    """The image as far as it is purified, with a line around what is, and triangles on pixels that have moved."""
    return _picture(frame, frame.now, "Purified" if frame.finished else "Purified so far")


def has_signs(frame: PurifyFrame) -> bool:
    """Whether pixels that moved are marked: on smaller cells the marks would hide the image."""
    return _cell(frame) >= SIGNED


def _cell(frame: PurifyFrame) -> int:
    """Pixels on the screen for a cell."""
    return int(SIDE // max(frame.clean.levels.shape))


def _picture(frame: PurifyFrame, reading: Reading, title: str) -> Drawing:
    height, width = reading.levels.shape
    cell = _cell(frame)
    lines = reading_lines(frame, reading)
    top = 22 + EDGE
    foot = top + cell * height + EDGE
    drawing = Drawing(WIDTH, foot + 16 * 3 + 2, label=f"{title}: {', '.join(lines)}")
    _heading(drawing, 15, title, bold=True)
    board = Board(drawing, cell, (WIDTH - cell * width) / 2, top)
    _fill(board, reading.levels, frame.count)
    if reading is frame.now and frame.step:
        _show_progress(board, frame)
    if frame.current is not None:
        _mark(board, frame.current)
    for number, words in enumerate(lines):
        _heading(drawing, foot + 13 + 16 * number, words)
    return drawing


def reading_lines(frame: PurifyFrame, reading: Reading) -> list[str]:
    """What stands below an image: how improbable it is, what the classifier says, how far from the clean one it is."""
    lines = [f"−log p = {reading.nats:.1f} nats"]
    if reading.guess is not None:
        lines.append(f"classifier: {reading.guess}, p = {p_text(reading.probability)}")
    if reading is frame.clean:
        return [*lines, "the defence never sees it"]
    return [*lines, f"off by {reading.mean_distance:.2f} levels, at most {reading.farthest}"]


def _fill(board: Board, levels: np.ndarray, count: int) -> None:
    """Cells in shades of ink, with lines between them."""
    shades = colour_table("ink")[[round(255 * level / (count - 1)) for level in range(count)]]
    colours = np.array(["#{:02x}{:02x}{:02x}".format(*shade) for shade in shades.tolist()])
    board.paint(colours[levels])
    height, width = levels.shape
    high, wide = board.cell * height, board.cell * width
    rows = [(*board.corner(row, 0), wide, HAIR) for row in range(height + 1)]
    columns = [(*board.corner(0, column), HAIR, high) for column in range(width + 1)]
    board.drawing.rects([*rows, *columns], QUIET)


def _show_progress(board: Board, frame: PurifyFrame) -> None:
    """A small triangle on each pixel that has moved, upwards for a higher level; a line around what is visited."""
    change = frame.now.levels - frame.attacked.levels
    for row, column in np.argwhere(change).tolist() if has_signs(frame) else []:
        tip, base = (0.64, 0.9) if change[row, column] > 0 else (0.9, 0.64)
        corners = [(base, 0.6), (base, 0.92), (tip, 0.76)]
        board.drawing.polygon([board.corner(row + r, column + c) for r, c in corners], ACCENT)
    if not frame.finished:
        board.outline(frame.visited)


def _mark(board: Board, visit: Visit) -> None:
    """The pixel at hand: a coloured square with a white line inside and outside."""
    corner = board.corner(visit.row, visit.column)
    line = max(1.6, min(4.0, board.cell / 9))
    for colour, width in ((WHITE, 2.2 * line), (ACCENT, line)):
        board.drawing.rect(
            corner, board.cell, board.cell, "none", stroke=colour, stroke_width=round(width, 2)
        )


def _heading(drawing: Drawing, y: float, words: str, *, bold: bool = False) -> None:
    size = min(13.0 if bold else SMALL, 13.0 * drawing.width / text_width(words, 11.5))
    drawing.text(drawing.width / 2, y, words, bold=bold, size=round(size, 1))


# -- the pixel at hand ---------------------------------------------------------------------------------------------


class LevelChart(Chart):
    """A chart over the levels, with rows of markers below its axis: names on the left, numbers on the right."""

    LEFT, RIGHT, TOP, BOTTOM = 76, 56, 26, 24
    HIGH = 19  # of a row

    def row(self, name: str, level: int, words: str, shape: str) -> None:
        """One more row: a marker below a level. Shapes: "chosen", "attacked", "clean"."""
        y = self.height + 6
        self.height += self.HIGH
        x, _ = self.place(level, 0)
        bold = shape == "chosen"
        self.text(self.left - 8, y + 4.5, name, anchor="end", size=SMALL, bold=bold)
        if words:
            self.text(self.right + 8, y + 4.5, words, anchor="start", size=SMALL, bold=bold)
        if bold:
            self.polygon([(x - 6, y + 5), (x + 6, y + 5), (x, y - 6)], BLUE)
        else:
            fill = "none" if shape == "clean" else ACCENT
            self.circle((x, y), 4.5, fill, stroke=ACCENT, stroke_width=1.8)


class NarrowLevelChart(LevelChart):
    """The same for a column of the strip: no numbers on the right."""

    LEFT, RIGHT = 60, 6


def level_chart(frame: PurifyFrame, *, narrow: bool = False) -> Chart:
    """p of every level of the pixel at hand, the ball shaded; where the pixel was, goes, and is in the clean image."""
    visit, count = frame.current, frame.count
    top = next(end for end in TOPS if visit.probs.max() <= end + 1e-9)
    chart = (NarrowLevelChart if narrow else LevelChart)(
        (-0.5, count - 0.5),
        (0, top),
        label=_chart_label(visit),
        width=STRIP_WIDTH if narrow else 640,
        height=130 if narrow else 150,
        x_ticks=_level_ticks(count, narrow),
        y_ticks=tick_texts(0, top, 2),
    )
    low, high = visit.ball
    title = "p(level), the ball is shaded" if narrow else _title(visit)
    chart.text(2, 14, title, anchor="start", size=SMALL if narrow else 13, bold=True)
    chart.band(low - 0.5, high + 0.5, QUIET, opacity=0.22)
    for end in (low - 0.5, high + 0.5):
        chart.upright(end, QUIET, dashed=True, width=1)
    for level, p in enumerate(visit.probs.tolist()):
        colour = BLUE if level == visit.after else FILL
        chart.bars([level - 0.4, level + 0.4], [p], colour)
    rows = [
        ("chosen", visit.after),
        ("attacked", visit.before),
        ("clean", visit.clean),
    ]
    for name, level in rows:
        chart.row(name, level, "" if narrow else p_text(visit.probs[level]), name)
    return chart


def _title(visit: Visit) -> str:
    return (
        f"p(level | purified pixels before) at row {visit.row}, column {visit.column}; "
        "shaded: the ball"
    )


def _level_ticks(count: int, narrow: bool) -> dict[float, str]:
    """Every level where there is room."""
    if count <= 20 and not narrow:
        return {level: str(level) for level in range(count)}
    return {
        level: f"{level:g}"
        for level in nice_ticks(0, count - 1, 4 if narrow else 10)
        if level % 1 == 0
    }


def _chart_label(visit: Visit) -> str:
    low, high = visit.ball
    inside = ", ".join(f"{level} {p_text(visit.probs[level])}" for level in range(low, high + 1))
    best = int(visit.probs.argmax())
    return (
        f"probabilities of the levels at row {visit.row}, column {visit.column}; in the ball {inside}; of all levels "
        f"{best} is the most probable with {p_text(visit.probs[best])}. Attacked {visit.before}, chosen {visit.after}, "
        f"clean {visit.clean}"
    )


# -- the end -------------------------------------------------------------------------------------------------------


def distance_chart(frame: PurifyFrame, *, narrow: bool = False) -> Chart:
    """How many pixels are how many levels away from the clean image: attacked against purified."""
    most = max(frame.attacked.farthest, frame.now.farthest, 1)
    counts = [
        np.bincount(reading.distances.flatten(), minlength=most + 1).tolist()
        for reading in (frame.attacked, frame.now)
    ]
    told = ", ".join(
        f"{distance}: {before} attacked, {after} purified"
        for distance, (before, after) in enumerate(zip(*counts, strict=True))
    )
    chart = DistanceChart(
        (-0.5, most + 0.5),
        (0, 1.05 * max(map(max, counts))),
        label=f"pixels by their distance from the clean image in levels: {told}",
        width=STRIP_WIDTH if narrow else 640,
        height=190 if narrow else 207,
        x_label="levels from clean" if narrow else "distance from the clean image, levels",
        y_label="pixels",
        x_ticks=_level_ticks(most + 1, narrow and most > 5),
    )
    for distance, pair in enumerate(zip(*counts, strict=True)):
        chart.pair(distance, *pair)
    chart.key((2 if narrow else chart.left, 17), "attacked", "purified")
    return chart


class DistanceChart(Chart):
    """A chart with two bars at a value: an outlined one on the left, a filled one on the right."""

    TOP = 30

    def pair(self, value: float, outlined: float, filled: float) -> None:
        left, middle, right = (self.place(value + shift, 0)[0] for shift in (-0.36, 0, 0.36))
        heights = [self.bottom - self.place(value, number)[1] for number in (outlined, filled)]
        self._box(left, self.bottom, middle - left, heights[0], filled=False)
        self._box(middle, self.bottom, right - middle, heights[1], filled=True)

    def key(self, corner: tuple[float, float], outlined: str, filled: str) -> None:
        left, y = corner
        for words, is_filled in ((outlined, False), (filled, True)):
            self._box(left, y, 18, 11, filled=is_filled)
            self.text(left + 23, y, words, anchor="start", size=SMALL)
            left += 23 + 0.85 * text_width(words, SMALL) + 16

    def _box(
        self, left: float, bottom: float, width: float, height: float, *, filled: bool
    ) -> None:
        fill = FILL if filled else "none"
        self.rect((left, bottom - height), width, height, fill, stroke="currentColor")


def strip_drawings(frame: PurifyFrame) -> Sequence[Drawing]:
    """Two drawings for a frame of the strip, one below the other."""
    if frame.shows == "given":
        return [clean_drawing(frame), attacked_drawing(frame)]
    chart = distance_chart if frame.finished else level_chart
    return [now_drawing(frame), chart(frame, narrow=True)]
