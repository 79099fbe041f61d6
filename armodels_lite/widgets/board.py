"""Square cells in rows, such as the pixels of a small image: filled, numbered, marked."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from .cutting import Point
from .svg import BLUE, QUIET, Drawing

__all__ = ["EDGE", "INK", "LEFT", "TOP", "WHITE", "Board", "sheet", "stretches"]

LEFT, TOP, EDGE = 24, 42, 6  # a board's margins; above it stand a title and the heads of columns
NARROWEST = 150  # of a drawing, for the words above and below a small board
# Cells keep these colours in a dark theme, as those of every grid of pixels in the course.
WHITE, INK, HATCH = "#ffffff", "#111111", "#7a7a7a"


@dataclass(frozen=True)
class Board:
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
            self.write(row, column, str(number))

    def paint(self, colours: np.ndarray) -> None:
        """Cells in these colours (R, C), without lines; those of one colour side by side are one rectangle."""
        rects = defaultdict(list)
        for row, line in enumerate(colours.tolist()):
            for colour, cells in groupby(range(len(line)), line.__getitem__):
                first, *others = cells
                size = self.cell * (1 + len(others)), self.cell
                rects[colour].append((*self.corner(row, first), *size))
        for colour, same in rects.items():
            self.drawing.rects(same, colour)

    def write(self, row: float, column: float, words: str) -> None:
        x, y = self.corner(row + 0.5, column + 0.5)
        size = min(13.0, max(9.0, 0.42 * self.cell))
        self.drawing.text(x, y + 0.36 * size, words, colour=INK, size=size)

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

    def stripe(self, inside: np.ndarray, *, upright: bool) -> None:
        """Thin lines through a set of cells, bool (R, C), from one border of it to the other."""
        for number, line in enumerate(inside.T if upright else inside):
            for start, end in stretches(line):
                for share in (0.14, 0.86):
                    ends = (number + share, start), (number + share, end)
                    places = [self.corner(*(p[::-1] if upright else p)) for p in ends]
                    self.drawing.line(*places, INK, width=0.9)

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


def stretches(inside: np.ndarray) -> list[tuple[int, int]]:
    """Where a row of bools is True without a break: pairs (first, one after the last).

    >>> stretches(np.array([True, True, False, True]))
    [(0, 2), (3, 4)]
    """
    out = np.zeros(1, dtype=bool)
    borders = np.flatnonzero(np.concatenate([out, inside]) != np.concatenate([inside, out]))
    return [(start, end) for start, end in borders.reshape(-1, 2).tolist()]


def sheet(rows: float, columns: int, cell: float, title: str, label: str) -> Board:
    """An empty drawing for a board, with a title above it."""
    width = max(NARROWEST, LEFT + EDGE + cell * columns)
    drawing = Drawing(width, TOP + EDGE + cell * rows, label=label)
    drawing.text(2, 14, title, anchor="start", size=13, bold=True)
    return Board(drawing, cell)
