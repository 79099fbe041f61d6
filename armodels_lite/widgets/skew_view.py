"""One step of a recurrent layer of PixelRNN as drawings: the image, and beside it how the states are computed."""

from __future__ import annotations

import numpy as np

from .board import EDGE, LEFT, TOP, WHITE, Board, sheet
from .skew_state import ROW, SkewFrame, skewed
from .svg import ACCENT, FILL, Drawing, text_width

__all__ = ["cell_size", "image_drawing", "steps_drawing"]

WIDTH, COMPACT = 690, 236  # pixels on the screen: of both drawings together, of a frame in a strip
HEADS = 54  # the left margin where rows have names
LARGEST = 40  # the side of a cell
# Cells keep these colours in a dark theme, as those of every grid of pixels in the course.
TO_COME, DONE = WHITE, "#d4d4d4"
FROM_RIGHT = "#8fd0bb"  # a green light enough for numbers


def cell_size(shape: tuple[int, int], width: float | None = None) -> float:
    """The side of a cell, such that both drawings stand side by side, or the wider one has a width."""
    height, across = shape
    skew = across + height - 1
    if width is None:
        return min(LARGEST, (WIDTH - 16 - 2 * (LEFT + EDGE)) / (across + skew))
    return min(LARGEST, (width - LEFT - EDGE) / skew, (width - HEADS - EDGE) / across)


# -- the parts of both drawings -----------------------------------------------------------------------------------


def _count(number: int) -> list[str]:
    return [str(k) for k in range(1, number + 1)]


# -- the image -----------------------------------------------------------------------------------------------------


def image_drawing(frame: SkewFrame, cell: float) -> Drawing:
    """The image: which states are computed, and what the followed one sees."""
    height, width = frame.shape
    seen = int((frame.before & frame.reached).sum())
    row, column = frame.pixel
    board = sheet(
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


def _mark(board: Board, frame: SkewFrame, places: dict[tuple[int, int], tuple[int, int]]) -> None:
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
        key = Board(drawing, 11, x, y)
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
    board = sheet(
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
    board = sheet(
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
    board = sheet(
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
    states = Board(drawing, cell, HEADS, TOP + apart * cell)
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
