"""A hole being filled, as pictures: what each way sees and has drawn, its probabilities, and the original."""

from __future__ import annotations

import numpy as np

from .board import HATCH, INK, WHITE, Board, stretches
from .hole_state import HoleFrame, WayFrame
from .svg import ACCENT, BLUE, QUIET, Drawing, text_width

__all__ = [
    "SIDE",
    "WIDTH",
    "cell_size",
    "key_drawing",
    "original_pixels",
    "strip_drawing",
    "way_drawing",
]

SIDE = 192  # pixels on the screen for an image's width
STRIP_SIDE = 144  # the same in the strip
WIDTH, STRIP_WIDTH = 200, 164  # of a drawing, with room for words
LEFT = 4  # room for the lines around a picture
SMALL = 12  # letters
# Cells keep these colours in a dark theme, as those of every grid of pixels in the course.
PALE_INK, PALE = "#a8a8a8", "#ebebeb"  # known pixels that the model cannot see
MISSING = "#c6dff2"  # pixels of the hole without a value
AROUND = "#f0e7d0"  # known pixels, beside probabilities
HOLE_INK = "#2f6f9f"  # ink of the original in the hole


def cell_size(frame: HoleFrame, side: float = SIDE) -> int:
    """Pixels on the screen for a cell: as many as a `PixelGrid` of this size takes."""
    return max(2, int(side // frame.image.shape[1]))


# -- one picture ---------------------------------------------------------------------------------------------------


def _board(drawing: Drawing, frame: HoleFrame, cell: float, top: float) -> Board:
    """Room for an image below what is drawn so far, in the middle of the drawing's width."""
    height, width = frame.image.shape
    drawing.height = top + cell * height + LEFT
    return Board(drawing, cell, (drawing.width - cell * width) / 2, top)


def _fill(board: Board, colours: np.ndarray) -> None:
    """Cells in these colours (H, W), with lines between them."""
    board.paint(colours)
    height, width = colours.shape
    for row in range(height + 1):
        board.drawing.line(board.corner(row, 0), board.corner(row, width), QUIET, width=0.4)
    for column in range(width + 1):
        board.drawing.line(board.corner(0, column), board.corner(height, column), QUIET, width=0.4)


def _outline(board: Board, hole: np.ndarray) -> None:
    """The border of the hole, bool (H, W): thin where cells are small, edges in a row as one line."""
    for upright in (False, True):
        padded = np.pad(hole.T if upright else hole, ((1, 1), (0, 0)))
        for number, edges in enumerate(padded[1:] != padded[:-1]):
            for ends in stretches(edges):
                places = [(end, number) if upright else (number, end) for end in ends]
                corners = [board.corner(*place) for place in places]
                board.drawing.line(*corners, BLUE, width=round(min(2.6, board.cell / 6), 2))


def _strike(board: Board, inside: np.ndarray) -> None:
    """A line from the lower left to the upper right of every cell of a set, bool (H, W), neighbours' lines in one."""
    height, width = inside.shape
    flipped = inside[::-1]
    for offset in range(1 - height, width):
        first_row, first_column = height - 1 + min(offset, 0), max(offset, 0)
        for start, end in stretches(flipped.diagonal(offset)):
            corners = [(first_row + 1 - n, first_column + n) for n in (start, end)]
            board.drawing.line(*(board.corner(*c) for c in corners), HATCH, width=1)


def _cross(board: Board, row: int, column: int) -> None:
    """A wrong pixel: a cross that is seen on black and on white."""
    near, far = 0.24, 0.76
    # A small cell has no room for a border around the lines.
    looks = [(WHITE, 0.26), (ACCENT, 0.14)] if board.cell >= 10 else [(ACCENT, 0.2)]
    for colour, width in looks:
        for ends in (((near, near), (far, far)), ((far, near), (near, far))):
            places = [board.corner(row + r, column + c) for r, c in ends]
            board.drawing.line(*places, colour, width=round(width * board.cell, 2))


def _mark(board: Board, position: int, columns: int) -> None:
    """The pixel about to be drawn: a coloured square with a white line inside and outside."""
    corner = board.corner(*divmod(position, columns))
    line = round(max(1.6, min(4.0, board.cell / 9)), 2)
    for colour, width in ((WHITE, 2.2 * line), (ACCENT, line)):
        board.drawing.rect(
            corner, board.cell, board.cell, "none", stroke=colour, stroke_width=round(width, 2)
        )


def _image_colours(frame: HoleFrame, way: WayFrame) -> np.ndarray:
    """What is known and drawn so far; paler what the model cannot see."""
    colours = np.where(way.values == 1, INK, WHITE)
    hidden = ~frame.hole & ~way.seen
    colours = np.where(hidden, np.where(way.values == 1, PALE_INK, PALE), colours)
    return np.where(frame.hole & ~way.drawn, MISSING, colours)


def _heat_colours(frame: HoleFrame, way: WayFrame) -> np.ndarray:
    """In the hole the probabilities so far, white for 0 and black for 1; around it a colour that is no grey."""
    greys = np.array([f"#{level:02x}{level:02x}{level:02x}" for level in range(256)])
    colours = greys[np.round(255 * (1 - way.probs)).astype(int)]
    said = way.drawn.copy()
    if way.current is not None:
        said.flat[way.current.position] = True
    return np.where(frame.hole, np.where(said, colours, MISSING), AROUND)


def _heading(drawing: Drawing, y: float, words: str, *, bold: bool = False) -> None:
    size = min(14.0 if bold else 13.0, 13.0 * (drawing.width - 2) / text_width(words, 12))
    drawing.text(drawing.width / 2, y, words, bold=bold, size=round(size, 1))


# -- drawings ------------------------------------------------------------------------------------------------------


def way_drawing(frame: HoleFrame, way: WayFrame, side: float = SIDE) -> Drawing:
    """One way of filling: the image so far above, the probabilities in the hole below."""
    cell, columns = cell_size(frame, side), frame.image.shape[1]
    drawing = Drawing(max(WIDTH, 2 * LEFT + cell * columns), 0, label=_way_label(frame, way))
    _heading(drawing, 15, way.name.capitalize(), bold=True)
    _draw_seeing(drawing, frame, way, cell, 33)
    return drawing


def _draw_seeing(drawing: Drawing, frame: HoleFrame, way: WayFrame, cell: float, y: float) -> None:
    columns = frame.image.shape[1]
    few, seen = way.seen_first, int(way.seen.sum())
    counted = f"saw {few} to {seen}" if frame.finished and few < seen else f"sees {seen}"
    _heading(drawing, y, f"{counted} of {frame.known} known")
    board = _board(drawing, frame, cell, y + 9)
    _draw_image(board, frame, way)
    now = "" if way.current is None else f" = {way.current.mean:.3f}"
    _heading(drawing, drawing.height + 17, f"p(pixel = 1){now}")
    board = _board(drawing, frame, cell, drawing.height + 26)
    _fill(board, _heat_colours(frame, way))
    _outline(board, frame.hole)
    if way.current is not None:
        _mark(board, way.current.position, columns)


def _draw_image(board: Board, frame: HoleFrame, way: WayFrame) -> None:
    _fill(board, _image_colours(frame, way))
    _strike(board, ~frame.hole & ~way.seen)
    _outline(board, frame.hole)
    for row, column in np.argwhere(way.wrong).tolist():
        _cross(board, row, column)
    if way.current is not None:
        _mark(board, way.current.position, frame.image.shape[1])


def _way_label(frame: HoleFrame, way: WayFrame) -> str:
    words = (
        f"{way.name}: {frame.step} of {frame.total} pixels of the hole drawn, {int(way.wrong.sum())} wrong; "
        f"{int(way.seen.sum())} of {frame.known} known pixels seen"
    )
    if way.current is None:
        return words
    row, column = divmod(way.current.position, frame.image.shape[1])
    return f"{words}; next is row {row}, column {column} with p(pixel = 1) = {way.current.mean:.3f}"


def strip_drawing(frame: HoleFrame) -> Drawing:
    """What a frame of the strip is about: one way, or the original with the hole, or with what came of it."""
    cell = cell_size(frame, STRIP_SIDE)
    if isinstance(frame.shows, int):
        way = frame.ways[frame.shows]
        drawing = Drawing(STRIP_WIDTH, 0, label=_way_label(frame, way))
        _draw_seeing(drawing, frame, way, cell, 15)
        return drawing
    pictures = [] if frame.shows == "hole" else frame.ways
    words = ["the original with its hole", *(_way_label(frame, way) for way in pictures)]
    drawing = Drawing(STRIP_WIDTH, 0, label="; ".join(words))
    _heading(drawing, 15, "Original")
    board = _board(drawing, frame, cell, 24)
    inside = np.where(frame.image == 1, HOLE_INK, MISSING)
    _fill(board, np.where(frame.hole, inside, np.where(frame.image == 1, INK, WHITE)))
    _outline(board, frame.hole)
    for way in pictures:
        _heading(drawing, drawing.height + 17, way.name.capitalize())
        _draw_image(_board(drawing, frame, cell, drawing.height + 26), frame, way)
    return drawing


def original_pixels(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The original for a `PixelGrid`, (H, W, 4) of dtype uint8, in other colours where the hole is."""
    outside = np.where(image == 1, INK, WHITE)
    inside = np.where(image == 1, HOLE_INK, MISSING)
    colours = np.where(hole, inside, outside)
    table = {colour: [*bytes.fromhex(colour[1:]), 255] for colour in np.unique(colours).tolist()}
    return np.array([[table[c] for c in row] for row in colours.tolist()], dtype=np.uint8)


def key_drawing() -> Drawing:
    """What the colours mean, for the left of the pictures."""
    samples = [
        ("in the hole, to be drawn", MISSING, ""),
        ("the pixel drawn next", MISSING, "mark"),
        ("drawn, not as in the original", INK, "cross"),
        ("known, but not seen", PALE, "strike"),
        ("known: has no p", AROUND, ""),
    ]
    drawing = Drawing(WIDTH, 0, label="what the colours mean")
    for number, (words, colour, look) in enumerate(samples):
        y = 3 + 20.0 * number
        board = Board(drawing, 13, 3, y)
        board.fill(0, 0, colour)
        if look == "mark":
            _mark(board, 0, 1)
        elif look == "cross":
            _cross(board, 0, 0)
        elif look == "strike":
            _strike(board, np.ones((1, 1), dtype=bool))
        drawing.text(23, y + 11, words, anchor="start", size=SMALL)
    y = 3 + 20.0 * len(samples)
    for level in range(40):
        grey = round(255 * (1 - level / 39))
        drawing.rect((16 + 2 * level, y), 2.2, 12, f"#{grey:02x}{grey:02x}{grey:02x}")
    drawing.rect((16, y), 80, 12, "none", stroke=QUIET, stroke_width=0.8)
    drawing.text(8, y + 11, "0", size=SMALL)
    drawing.text(106, y + 11, "1", size=SMALL)
    drawing.text(118, y + 11, "p(pixel = 1)", anchor="start", size=SMALL)
    drawing.height = y + 18
    return drawing
