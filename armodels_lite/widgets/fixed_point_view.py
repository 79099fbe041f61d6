"""One pass of predictive sampling as pictures: what was read, what came out, what is settled, and the way so far."""

from __future__ import annotations

import numpy as np

from ..plots import colour_table
from .board import WHITE, Board
from .fixed_point_state import FixedPointFrame
from .svg import ACCENT, BLUE, GREEN, QUIET, Chart, Drawing, text_width
from .ticks import nice_ticks

__all__ = [
    "guess_drawing",
    "mean_drawing",
    "naive_drawing",
    "out_drawing",
    "progress_chart",
    "settled_drawing",
]

SIDE = 144  # pixels on the screen for an image's longer side
WIDTH = 156  # of a picture's drawing: five fit side by side
TOP, LINE = 27, 16  # above an image; a line of words below it
SMALL = 12  # letters
HAIR = 0.4  # pixels: a line between two cells
FINE = 8  # pixels on the screen: between smaller cells lines would make white grey
MARKED = 12  # pixels on the screen that a cell needs for a dot in it
# Dark, pale, white with a cross: told apart without colours. Cells keep them in a dark theme.
SETTLED, RIGHT, EMPTY = BLUE, "#bcdcf2", "#e4e4e4"

Key = list[tuple[str, str]]  # colour and words; without a colour words alone


# -- five pictures of an image -------------------------------------------------------------------------------------


def guess_drawing(frame: FixedPointFrame) -> Drawing:
    """What the pass read, with a line around the pixels that were settled before it."""
    title = "First guess" if frame.step == 0 else f"Pass {frame.step} reads"
    key = [("", f"settled before: {frame.known_before}")]
    if frame.known_before:
        key.append(("", "(inside the line)"))
    board = _picture(frame, title, key, _inks(frame.guess, frame.count))
    board.outline(frame.rank < frame.known_before)
    return board.drawing


def mean_drawing(frame: FixedPointFrame) -> Drawing:
    """The probability of 1, or the mean level, of each pixel, given the guess for all pixels before it."""
    what = "p(x = 1 | guess)" if frame.count == 2 else "mean level | guess"
    if frame.means is None:
        return _picture(frame, what, [("", "no pass yet")], _empty(frame)).drawing
    table = colour_table("probability")
    colours = _hexes(table, frame.means)
    ends = "0", "1" if frame.count == 2 else str(frame.count - 1)
    key = [
        (_hexes(table, np.array(k / 2)).item(), words) for k, words in ((0, ends[0]), (2, ends[1]))
    ]
    return _picture(frame, what, key, colours).drawing


def out_drawing(frame: FixedPointFrame) -> Drawing:
    """What came out: the next guess. A dot on each pixel unlike its guess, a ring around the first of them."""
    if frame.step == 0:
        return _picture(frame, "Comes out", [("", "no pass yet")], _empty(frame)).drawing
    count = int(frame.changed.sum())
    key = [("", f"{count} of {frame.total} unlike the guess")]
    if has_dots(frame) and count:
        key = [(ACCENT, key[0][1])]
    title = "The draw" if frame.finished else "Comes out"
    board = _picture(frame, title, key, _inks(frame.x, frame.count))
    for row, column in np.argwhere(frame.changed).tolist() if has_dots(frame) else []:
        x, y = board.corner(row + 0.5, column + 0.5)
        board.drawing.circle((x, y), 0.2 * board.cell, ACCENT, stroke=WHITE, stroke_width=1)
    if frame.first is not None:
        _ring(board, *frame.first.place)
    return board.drawing


def settled_drawing(frame: FixedPointFrame) -> Drawing:
    """Which pixels are settled for good, which are right though nobody can know it yet, which are wrong."""
    by_luck = frame.right & ~frame.settled
    colours = np.where(frame.settled, SETTLED, np.where(by_luck, RIGHT, WHITE))
    key = [
        (SETTLED, f"settled for good: {frame.known}"),
        (RIGHT, f"right, not known yet: {int(by_luck.sum())}"),
        ("x", f"still wrong: {int((~frame.right).sum())}"),
    ]
    board = _picture(frame, "How far it is", key, colours)
    for row, column in np.argwhere(~frame.right).tolist():
        _cross(board.drawing, *board.corner(row, column), board.cell)
    return board.drawing


def naive_drawing(frame: FixedPointFrame) -> Drawing:
    """What naive sampling would have drawn with as many passes: one pixel in each."""
    drawn = frame.naive
    colours = np.where(drawn, _inks(frame.final, frame.count), EMPTY)
    count = int(drawn.sum())
    key = [("", f"{count} of {frame.total} drawn"), (EMPTY, "not drawn yet")]
    board = _picture(frame, "Naive sampling", key, colours)
    board.outline(drawn)
    return board.drawing


def has_dots(frame: FixedPointFrame) -> bool:
    """Whether pixels unlike their guess are marked: on smaller cells the dots would hide the image."""
    return _cell(frame) >= MARKED


# -- their parts ---------------------------------------------------------------------------------------------------


def _cell(frame: FixedPointFrame) -> int:
    """Pixels on the screen for a cell."""
    return int(SIDE // max(frame.rank.shape))


def _picture(frame: FixedPointFrame, title: str, key: Key, colours: np.ndarray) -> Board:
    """An image in colours (H, W), its title above, the key below."""
    height, width = colours.shape
    cell = _cell(frame)
    told = ", ".join(words for _, words in key)
    foot = TOP + cell * height + 8
    drawing = Drawing(WIDTH, foot + LINE * len(key), label=f"{title}: {told}")
    size = min(13.0, 13.0 * WIDTH / text_width(title, 11.5))
    drawing.text(WIDTH / 2, 15, title, bold=True, size=round(size, 1))
    board = Board(drawing, cell, (WIDTH - cell * width) / 2, TOP)
    _paint(board, colours)
    for number, (colour, words) in enumerate(key):
        _key_line(drawing, foot + LINE * number, colour, words)
    return board


def _key_line(drawing: Drawing, top: float, colour: str, words: str) -> None:
    """A swatch, or a cross for "x", or nothing, and words beside it."""
    left, side = (WIDTH - SIDE) / 2, 11
    if not colour:
        drawing.text(left, top + 11, words, anchor="start", size=SMALL)
        return
    fill = WHITE if colour == "x" else colour
    drawing.rect((left, top + 1), side, side, fill, stroke=QUIET, stroke_width=0.6)
    if colour == "x":
        _cross(drawing, left, top + 1, side)
    drawing.text(left + side + 6, top + 11, words, anchor="start", size=SMALL)


def _paint(board: Board, colours: np.ndarray) -> None:
    """Cells in colours (H, W), with lines between them."""
    board.paint(colours)
    height, width = colours.shape
    high, wide = board.cell * height, board.cell * width
    every = (height, width) if board.cell < FINE else (1, 1)  # the border alone, or all lines
    rows = [(*board.corner(row, 0), wide, HAIR) for row in range(0, height + 1, every[0])]
    columns = [(*board.corner(0, k), HAIR, high) for k in range(0, width + 1, every[1])]
    board.drawing.rects([*rows, *columns], QUIET)


def _inks(levels: np.ndarray, count: int) -> np.ndarray:
    """The colours of levels: 0 white, the highest black."""
    return _hexes(colour_table("ink"), levels / (count - 1))


def _hexes(table: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Shares of any shape, from 0 to 1, as colours of a table (256, 3)."""
    names = np.array(["#{:02x}{:02x}{:02x}".format(*shade) for shade in table.tolist()])
    return names[np.rint(255 * shares).astype(int)]


def _empty(frame: FixedPointFrame) -> np.ndarray:
    return np.full(frame.rank.shape, EMPTY)


def _ring(board: Board, row: int, column: int) -> None:
    """A coloured square around a pixel, with a white line inside and outside."""
    line = max(1.6, min(4.0, board.cell / 9))
    for colour, width in ((WHITE, 2.2 * line), (ACCENT, line)):
        board.drawing.rect(
            board.corner(row, column),
            board.cell,
            board.cell,
            "none",
            stroke=colour,
            stroke_width=round(width, 2),
        )


def _cross(drawing: Drawing, left: float, top: float, side: float) -> None:
    near, far = 0.22 * side, 0.78 * side
    width = max(1.0, min(2.2, side / 8))
    for start, end in ((near, far), (far, near)):
        drawing.line((left + start, top + near), (left + end, top + far), ACCENT, width=width)


# -- the way so far ------------------------------------------------------------------------------------------------


def progress_chart(frame: FixedPointFrame) -> Chart:
    """Pixels settled, and right, after each pass, beside naive sampling; the line marks this pass."""
    steps = list(range(frame.passes + 1))
    chart = Chart(
        (0, frame.passes),
        (0, frame.total),
        label=(
            f"pixels after each of {frame.passes} passes; settled: {_listed(frame.settled_by)}; "
            f"right: {_listed(frame.right_by)}; naive sampling: one in each pass"
        ),
        width=640,
        height=190,
        x_label="passes",
        y_label="pixels",
        x_ticks={k: f"{k:g}" for k in nice_ticks(0, frame.passes, 12) if k % 1 == 0},
        legend={"settled for good": BLUE, "naive sampling": "currentColor", "right": GREEN},
    )
    chart.curve(steps, frame.right_by.tolist(), GREEN, width=1.6)
    chart.curve(steps, steps, "currentColor", width=1.8, dashed=True)
    chart.curve(steps, frame.settled_by.tolist(), BLUE)
    chart.upright(frame.step, ACCENT, width=1.5)
    chart.dot(frame.step, frame.known)
    return chart


def _listed(counts: np.ndarray) -> str:
    """Counts as words; of many the first few and the last."""
    texts = [str(count) for count in counts.tolist()]
    return ", ".join(texts if len(texts) <= 16 else [*texts[:12], "...", texts[-1]])
