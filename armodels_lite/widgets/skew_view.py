"""One step of a recurrent layer of PixelRNN as drawings: the image, and beside it how the states are computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .cutting import Point
from .skew_state import ROW, SkewFrame, skewed
from .svg import ACCENT, BLUE, FILL, QUIET, Drawing, text_width

__all__ = ["cell_size", "image_drawing", "steps_drawing"]

WIDTH, COMPACT = 690, 236  # pixels on the screen: of both drawings together, of a frame in a strip
LEFT, TOP, EDGE = 24, 42, 6  # a board's margins; above it stand a title and the heads of columns
HEADS = 54  # the left margin where rows have names
NARROWEST = 150  # of a drawing, for the words above and below a small board
LARGEST = 40  # the side of a cell
# Cells keep these colours in a dark theme, as those of every grid of pixels in the course.
TO_COME, DONE, INK, HATCH = "#ffffff", "#d4d4d4", "#111111", "#7a7a7a"
FROM_RIGHT = "#8fd0bb"  # a green light enough for numbers


def cell_size(shape: tuple[int, int], width: float | None = None) -> float:
    """The side of a cell, such that both drawings stand side by side, or the wider one has a width."""
    height, across = shape
    skew = across + height - 1
    if width is None:
        return min(LARGEST, (WIDTH - 16 - 2 * (LEFT + EDGE)) / (across + skew))
    return min(LARGEST, (width - LEFT - EDGE) / skew, (width - HEADS - EDGE) / across)


# -- a board of cells ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Board:
    """Rows of square cells on a drawing, the upper left corner at (left, top)."""

    drawing: Drawing
    cell: float
    left: float = LEFT
    top: float = TOP

    def corner(self, row: float, column: float) -> Point:
        return self.left + self.cell * column, self.top + self.cell * row

    def fill(self, row: float, column: float, colour: str, number: int = 0) -> None:
        """A cell with a number in it."""
        self.drawing.rect(
            self.corner(row, column), self.cell, self.cell, colour, stroke=QUIET, stroke_width=0.6
        )
        if number:
            x, y = self.corner(row + 0.5, column + 0.5)
            size = min(13.0, max(9.0, 0.42 * self.cell))
            self.drawing.text(x, y + 0.36 * size, str(number), colour=INK, size=size)

    def empty(self, row: float, column: float) -> None:
        """A place beside the image: the page shows through."""
        corner = self.corner(row, column)
        self.drawing.rect(corner, self.cell, self.cell, "none", stroke=QUIET, stroke_width=0.25)

    def hatch(self, row: float, column: float) -> None:
        for share in (0.5, 1.0, 1.5):
            low, high = max(0.0, share - 1), min(1.0, share)
            start = self.corner(row + share - low, column + low)
            end = self.corner(row + share - high, column + high)
            self.drawing.line(start, end, HATCH, width=1)

    def outline(self, inside: np.ndarray) -> None:
        """A line around a set of cells, bool (R, C), along every edge between one that is in and one that is not."""
        padded = np.pad(inside, 1)
        for row, column in np.argwhere(padded[1:, :] != padded[:-1, :]).tolist():
            ends = self.corner(row, column - 1), self.corner(row, column)
            self.drawing.line(*ends, BLUE, width=2.6)
        for row, column in np.argwhere(padded[:, 1:] != padded[:, :-1]).tolist():
            ends = self.corner(row - 1, column), self.corner(row, column)
            self.drawing.line(*ends, BLUE, width=2.6)

    def ring(self, row: float, column: float, *, dashed: bool = False) -> None:
        inset = max(2.5, 0.09 * self.cell) / self.cell
        near, far = inset, 1 - inset
        corners = [(near, near), (near, far), (far, far), (far, near), (near, near)]
        points = [self.corner(row + r, column + c) for r, c in corners]
        self.drawing.polyline(points, INK, width=2.2, dashed=dashed)

    def arrow(self, start: Point, end: Point, *, dashed: bool = False) -> None:
        """From cell to cell, each (row, column), past the numbers in their middles."""
        (x1, y1), (x2, y2) = (self.corner(row + 0.5, column + 0.5) for row, column in (start, end))
        length = math.dist((x1, y1), (x2, y2))
        along, across = (x2 - x1) / length, (y2 - y1) / length
        gap, head = 0.27 * self.cell, max(4.0, 0.15 * self.cell)
        tip = x2 - gap * along, y2 - gap * across
        base = tip[0] - head * along, tip[1] - head * across
        begin = x1 + gap * along, y1 + gap * across
        self.drawing.line(begin, base, INK, width=1.8, dashed=dashed)
        wing = 0.6 * head
        sides = [(base[0] + s * wing * across, base[1] - s * wing * along) for s in (1, -1)]
        self.drawing.polygon([*sides, tip], INK)

    def heads(self, rows: Sequence[str], columns: Sequence[str]) -> None:
        size = min(12.0, max(9.0, 0.4 * self.cell))
        for row, words in enumerate(rows):
            x, y = self.corner(row + 0.5, 0)
            self.drawing.text(x - 5, y + 4, words, anchor="end", size=size)
        for column, words in enumerate(columns):
            x, y = self.corner(0, column + 0.5)
            self.drawing.text(x, y - 6, words, size=size)


def _sheet(rows: float, columns: int, cell: float, title: str, label: str) -> _Board:
    """An empty drawing for a board, with a title above it."""
    width = max(NARROWEST, LEFT + EDGE + cell * columns)
    drawing = Drawing(width, TOP + EDGE + cell * rows, label=label)
    drawing.text(2, 14, title, anchor="start", size=13, bold=True)
    return _Board(drawing, cell)


def _count(number: int) -> list[str]:
    return [str(k) for k in range(1, number + 1)]


# -- the image -----------------------------------------------------------------------------------------------------


def image_drawing(frame: SkewFrame, cell: float) -> Drawing:
    """The image: which states are computed, and what the followed one sees."""
    height, width = frame.shape
    seen = int((frame.before & frame.reached).sum())
    row, column = frame.pixel
    board = _sheet(
        height,
        width,
        cell,
        "image",
        f"image of {height} by {width} pixels: {int(frame.done.sum())} states computed, {int(frame.now.sum())} now; "
        f"of the {int(frame.before.sum())} pixels before the one in row {row + 1}, column {column + 1} {seen} are seen",
    )
    board.heads(_count(height), _count(width))
    for place in np.ndindex(frame.shape):
        board.fill(*place, _colour(frame, place), int(frame.numbers[place]))
        if frame.blind[place]:
            board.hatch(*place)
    board.outline(frame.reached)
    _mark(board, frame, {place: place for place in np.ndindex(frame.shape)})
    return _with_key(board.drawing, frame)


def _colour(frame: SkewFrame, place: tuple[int, int]) -> str:
    if frame.now[place]:
        return ACCENT
    if not frame.done[place]:
        return TO_COME
    if not frame.reached[place]:
        return DONE
    return FILL if frame.phase == "left" or frame.parts[0][place] else FROM_RIGHT


def _mark(board: _Board, frame: SkewFrame, places: dict[tuple[int, int], tuple[int, int]]) -> None:
    """A ring around the pixel, a dashed one around the state taken for it, and arrows from what enters that."""
    board.ring(*places[frame.pixel])
    if frame.source not in (None, frame.pixel):
        board.ring(*places[frame.source], dashed=True)
    for start in frame.state_sources:
        board.arrow(places[start], places[frame.source])


def _with_key(drawing: Drawing, frame: SkewFrame) -> Drawing:
    """Below the board what its colours and lines mean, in as many rows as it takes."""
    samples = [("computed", DONE), ("now", ACCENT), ("seen", "line")]
    if frame.phase == "sum":
        samples = [("left to right", FILL), ("right to left", FROM_RIGHT)]
    if frame.blind.any():
        samples.append(("before, not seen", "hatch"))
    x, y = 2.0, drawing.height + 6
    for words, look in samples:
        room = 16 + 0.9 * text_width(words, 12) + 6
        if x > 2 and x + room - 10 > drawing.width:
            x, y = 2.0, y + 17
        key = _Board(drawing, 11, x, y)
        key.fill(0, 0, TO_COME if look in ("line", "hatch") else look)
        if look == "line":
            key.outline(np.ones((1, 1), dtype=bool))
        if look == "hatch":
            key.hatch(0, 0)
        drawing.text(x + 15, y + 10, words, anchor="start", size=12)
        x += room
    drawing.height = y + 16
    return drawing


# -- how the states are computed -----------------------------------------------------------------------------------


def steps_drawing(frame: SkewFrame, cell: float) -> Drawing:
    """What a step works on: rows of states and inputs, the skewed map, or the map moved down by one row."""
    if frame.kind == ROW:
        return _row_drawing(frame, cell)
    return _moved_drawing(frame, cell) if frame.phase == "sum" else _skewed_drawing(frame, cell)


def _skewed_drawing(frame: SkewFrame, cell: float) -> Drawing:
    """The skewed map: a column of it is a diagonal of the image, and one step."""
    from_right = frame.phase == "left"
    height, count = frame.shape[0], frame.count
    side = "left" if from_right else "right"
    board = _sheet(
        height,
        count,
        cell,
        f"skewed to the {side}",
        f"the image with row i moved to the {side} by i - 1 places: {count} columns, each one step; "
        f"{frame.turn} of them are computed",
    )
    heads = _count(count)[::-1] if from_right else _count(count)
    board.heads(_count(height), heads)
    pixels = np.arange(frame.numbers.size).reshape(frame.shape)
    places = {}
    for place, pixel in np.ndenumerate(skewed(pixels, -1, from_right=from_right)):
        if pixel < 0:
            board.empty(*place)
            continue
        origin = divmod(int(pixel), frame.shape[1])
        places[origin] = place
        board.fill(*place, _colour(frame, origin), int(pixel) + 1)
        if frame.blind[origin]:
            board.hatch(*place)
    board.outline(skewed(frame.reached, 0, from_right=from_right))
    _mark(board, frame, places)
    return _below(board.drawing, "A column is a step.")


def _moved_drawing(frame: SkewFrame, cell: float) -> Drawing:
    """The states from right to left, one row lower: what is added to the states from left to right."""
    height, width = frame.shape
    board = _sheet(
        height,
        width,
        cell,
        "right to left, moved down",
        "the states from right to left moved down by one row: the first row is zeros, each pixel of the others gets "
        "the state of the pixel above it",
    )
    board.heads(_count(height), _count(width))
    seen = np.zeros(frame.shape, dtype=bool)
    seen[1:] = frame.parts[1][:-1]
    for row, column in np.ndindex(frame.shape):
        if row:
            colour = FROM_RIGHT if seen[row, column] else DONE
            board.fill(row, column, colour, int(frame.numbers[row - 1, column]))
        else:
            board.empty(row, column)
    board.outline(seen)
    board.ring(*frame.pixel)
    return _below(board.drawing, "The number is that of the", "pixel whose state it is.")


def _row_drawing(frame: SkewFrame, cell: float) -> Drawing:
    """The states of the row above, the states and the inputs of this row, and what enters one state."""
    width, column = frame.shape[1], frame.pixel[1]
    row = max(frame.turn, 1)
    apart = 1.6  # cells from one row of the drawing to the next
    board = _sheet(
        2 * apart + 1,
        width,
        cell,
        f"a state of row {row}",
        f"how row {row} is computed: a state takes the three states above it and two inputs, its own and the one on "
        "its left",
    )
    drawing = board.drawing
    drawing.width += HEADS - LEFT
    # Arrows cross the space between rows: it is as light as the cells in a dark theme too.
    drawing.rect((HEADS, TOP), cell * width, (2 * apart + 1) * cell, TO_COME)
    states = _Board(drawing, cell, HEADS, TOP + apart * cell)
    for k in range(width):
        number = int(frame.numbers[row - 1, k])
        if row > 1:
            states.fill(-apart, k, DONE, number - width)
        else:
            states.empty(-apart, k)
        states.fill(0, k, ACCENT if frame.turn else TO_COME, number)
        states.fill(apart, k, TO_COME, number)
    for k in (column - 1, column, column + 1):
        if 0 <= k < width:
            states.arrow((-apart, k), (0, column))
    for k in (column - 1, column):
        if k >= 0:
            states.arrow((apart, k), (0, column), dashed=True)
    states.ring(0, column)
    heads = {-apart: ("states", f"row {row - 1}"), 0: ("states", f"row {row}")}
    for place, lines in {**heads, apart: ("inputs", f"row {row}")}.items():
        if place < 0 and row == 1:
            lines = ("zeros",)
        x, y = states.corner(place + 0.5, 0)
        for number, line in enumerate(lines):
            shift = 13 * number - 2 if len(lines) > 1 else 4
            drawing.text(x - 6, y + shift, line, anchor="end", size=11)
    return drawing


def _below(drawing: Drawing, *lines: str) -> Drawing:
    """Words below a board."""
    for number, line in enumerate(lines, 1):
        drawing.text(2, drawing.height + 16 * number - 1, line, anchor="start", size=12)
    drawing.height += 16 * len(lines) + 5
    return drawing
