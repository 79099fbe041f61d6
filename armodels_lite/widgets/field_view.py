"""What a pixel sees in a convolutional model as drawings: kernels, the image, its field by masks and as measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .board import EDGE, INK, LEFT, WHITE, Board, sheet
from .field_graph import Kernel
from .field_state import FieldFrame
from .field_words import channel_name, resolution, seen_words, subject
from .svg import ACCENT, FILL, QUIET, Drawing, text_width

__all__ = ["COMPACT", "image_drawing", "kernel_drawing", "measured_drawing"]

IMAGE, KERNEL, COMPACT = 440, 226, 236  # pixels on the screen; the last for one drawing in a strip
BESIDE = 336  # of each image where two stand side by side
LARGEST, READABLE = 40, 19  # sides of cells: the largest, the smallest with a number in it
TAP, ENTRY = 34, 26  # the largest side of a tap, and of an entry of the tables of colours
NARROWEST = 236  # of a drawing, for the words above and below a small image
LATER = "#dedede"  # pixels drawn later, and taps that a mask removes
TEXT = 12


# -- the kernels of a layer ----------------------------------------------------------------------------------------


def kernel_drawing(frame: FieldFrame, width: float = KERNEL) -> Drawing:
    """The kernels of the step's layer, each tap with the pixel that it looks at, and who reads which colour."""
    kernels = frame.stage.kernels
    drawing = Drawing(width, 0, label=_kernel_label(frame))
    drawing.text(2, 14, _kernel_title(frame), anchor="start", size=13, bold=True)
    drawing.height = 20
    for kernel in kernels:
        _draw_kernel(drawing, frame, kernel)
    _draw_tables(drawing, frame)
    if kernels:
        samples = [("kept", FILL), ("masked", LATER)] if _masked(kernels) else [("kept", FILL)]
        _draw_key(
            drawing, [*samples, ("the pixel" if frame.stage.factor == 1 else "its place", "ring")]
        )
        if _looks_outside(frame):
            _add_line(drawing, "0: outside the image")
    return drawing


def _kernel_title(frame: FieldFrame) -> str:
    stage = frame.stage
    if stage.factor > 1:
        return f"{stage.name}, {resolution(stage.factor)} resolution"
    return f"{stage.name}, mask {stage.mask}" if stage.mask else stage.name


def _kernel_label(frame: FieldFrame) -> str:
    told = [
        f"{kernel.name or 'kernel'} of {kernel.taps.shape[2]} by {kernel.taps.shape[3]} taps, "
        f"{int(_own_taps(frame, kernel).sum())} kept"
        for kernel in frame.stage.kernels
    ]
    return f"{_kernel_title(frame)}: {'; '.join(told) or 'no convolution'}"


def _masked(kernels: Sequence[Kernel]) -> bool:
    return any(not kernel.kept.all() for kernel in kernels)


def _own_taps(frame: FieldFrame, kernel: Kernel) -> np.ndarray:
    """The taps that features of the output's channel keep: bool (rows, columns)."""
    colour = min(frame.place[0], len(kernel.taps) - 1)
    return kernel.taps[colour].any(0)


def _draw_kernel(drawing: Drawing, frame: FieldFrame, kernel: Kernel) -> None:
    """Below what is drawn already: the taps, and the pixel, where they do not reach it."""
    kept = _own_taps(frame, kernel)
    rows, columns = kept.shape
    if kernel.name:
        moved = ", moved down" if -kernel.top >= rows else ""
        _add_line(drawing, f"{kernel.name}{moved}")
    deep = max(rows, 1 - kernel.top)
    cell = min(TAP, (drawing.width - LEFT - EDGE) / columns)
    board = Board(drawing, cell, LEFT, drawing.height + 4)
    for place in np.ndindex(kept.shape):
        board.fill(*place, FILL if kept[place] else LATER)
        if frame.stage.factor == 1 and cell >= READABLE:
            board.write(*place, str(_number(frame, kernel, place)))
    for row in range(rows, deep):
        for column in range(columns):
            board.empty(row, column)
    if deep > rows:
        board.fill(-kernel.top, -kernel.left, WHITE)
        board.write(-kernel.top, -kernel.left, str(frame.number))
    board.ring(-kernel.top, -kernel.left)
    drawing.height = board.top + deep * cell + 6


def _number(frame: FieldFrame, kernel: Kernel, place: tuple[int, int]) -> int:
    """The pixel that a tap looks at, 0 outside the image."""
    row, column = (
        own + first + k
        for own, first, k in zip(frame.pixel, (kernel.top, kernel.left), place, strict=True)
    )
    height, width = frame.shape[1:]
    inside = 0 <= row < height and 0 <= column < width
    return int(frame.numbers[row, column]) if inside else 0


def _looks_outside(frame: FieldFrame) -> bool:
    return frame.stage.factor == 1 and any(
        _number(frame, kernel, place) == 0
        for kernel in frame.stage.kernels
        for place in np.ndindex(kernel.kept.shape)
    )


def _draw_tables(drawing: Drawing, frame: FieldFrame) -> None:
    """Which colours read which at the pixel itself, of this layer; while the kernel is shown, of the next layer too."""
    tables = _tables(frame)
    if not tables:
        return
    _add_line(drawing, "at the pixel itself: who reads whom")
    depth = frame.shape[0]
    names = [channel_name(k, depth, short=True) for k in range(depth)]
    for number, (title, table) in enumerate(tables.items()):
        left = LEFT + number * (drawing.width - LEFT) / 2
        cell = min(ENTRY, 80 / depth)
        board = Board(drawing, cell, left, drawing.height + 34)
        drawing.text(left - 20, board.top - 20, title, anchor="start", size=TEXT)
        board.heads(names, names)
        for place in np.ndindex(table.shape):
            board.fill(*place, FILL if table[place] else LATER)
        wanted = np.zeros(table.shape, dtype=bool)
        wanted[frame.place[0]] = True
        board.outline(wanted)
        bottom = board.top + depth * cell + 8
    drawing.height = bottom


def _tables(frame: FieldFrame) -> dict[str, np.ndarray]:
    depth, stages = frame.shape[0], frame.graph.stages
    if depth == 1:
        return {}
    if not frame.stage.kernels:
        return {"by the output": np.tri(depth, k=-1, dtype=bool)}
    shown = stages[:2] if frame.kind == "kernel" else [frame.stage]
    found = {}
    for stage in shown:
        if not stage.mask:
            continue
        for kernel in stage.kernels:
            centre = kernel.centre
            if centre is not None and centre.shape == (depth, depth):
                found[f"mask {stage.mask}"] = centre
    return found


# -- the image -----------------------------------------------------------------------------------------------------


def image_drawing(frame: FieldFrame, width: float = IMAGE) -> Drawing:
    """The image: what was drawn before the pixel, what it sees by now, what is new, what it will never see."""
    title = f"what {subject(frame)} sees" if frame.step else "the image"
    board = _board(frame, width, title, f"{title}: {seen_words(frame)}")
    new = np.zeros_like(frame.seen) if frame.step < 2 else frame.new
    _draw_pixels(board, frame, frame.seen, new)
    if frame.kind == "kernel":
        board.outline(_window(frame))
    else:
        _draw_parts(board, frame)
        for place in np.argwhere(frame.pixels(frame.blind)).tolist():
            board.hatch(*place)
        for row, column in np.argwhere(frame.pixels(frame.kept)).tolist():
            centre = board.corner(row + 0.84, column + 0.5)
            board.drawing.circle(centre, max(1.3, 0.07 * board.cell), INK)
    _mark_pixel(board, frame)
    _draw_key(board.drawing, _image_samples(frame))
    return board.drawing


def measured_drawing(frame: FieldFrame, width: float = BESIDE, *, graph: bool = False) -> Drawing:
    """The image with what is seen by the graph, or with what the measurement found; a cross where they differ."""
    field = frame.seen if graph else frame.measured
    title = "by the masks" if graph else "measured on the model"
    count = frame.count(field)
    board = _board(frame, width, title, f"{title}: {count} pixels seen by {subject(frame)}")
    _draw_pixels(board, frame, field, np.zeros_like(field))
    for place in np.argwhere((frame.seen != frame.measured).any(0)).tolist():
        (left, top), (right, bottom) = (
            board.corner(*place),
            board.corner(place[0] + 1, place[1] + 1),
        )
        board.drawing.line((left, top), (right, bottom), INK, width=1.6)
        board.drawing.line((left, bottom), (right, top), INK, width=1.6)
    _mark_pixel(board, frame)
    samples = [("seen", FILL), ("before, not seen", WHITE), ("later", LATER)]
    if (frame.seen != frame.measured).any():
        samples.append(("they differ", "cross"))
    _draw_key(board.drawing, samples)
    return board.drawing


def _board(frame: FieldFrame, width: float, title: str, label: str) -> Board:
    height, across = frame.shape[1:]
    cell = min(LARGEST, (width - LEFT - EDGE) / across, (IMAGE - LEFT) / height)
    board = sheet(height, across, cell, title, label)
    board.drawing.width = max(board.drawing.width, min(width, NARROWEST))
    board.heads(_heads(height, cell), _heads(across, cell))
    return board


def _heads(count: int, cell: float) -> list[str]:
    """Numbers of rows or columns from 1, all or every fifth."""
    return [str(k) if cell >= READABLE or k == 1 or k % 5 == 0 else "" for k in range(1, count + 1)]


def _draw_pixels(board: Board, frame: FieldFrame, seen: np.ndarray, new: np.ndarray) -> None:
    """Cells with their numbers; a pixel of which only some channels are seen has a part for each."""
    colours = np.where(frame.numbers > frame.number, LATER, WHITE)
    colours[seen.all(0)] = FILL
    colours[seen.all(0) & new.any(0)] = ACCENT
    partly = (seen.any(0) & ~seen.all(0)).tolist()
    for row, line in enumerate(colours.tolist()):
        for column, colour in enumerate(line):
            board.fill(row, column, colour)
            if partly[row][column]:
                _draw_channels(board, (row, column), seen[:, row, column])
            if board.cell >= READABLE:
                board.write(row, column, str(frame.numbers[row, column]))


def _draw_channels(board: Board, place: tuple[int, int], channels: np.ndarray) -> None:
    part = board.cell / len(channels)
    left, top = board.corner(*place)
    for number in np.flatnonzero(channels).tolist():
        corner = left + number * part, top
        board.drawing.rect(corner, part, board.cell, FILL, stroke=QUIET, stroke_width=0.6)


def _draw_parts(board: Board, frame: FieldFrame) -> None:
    """A line around what is seen, and stripes that tell by which stack or stream."""
    if len(frame.parts) > 1:
        for part, upright in zip(frame.parts[:2], (True, False), strict=True):
            board.stripe(frame.pixels(part), upright=upright)
    board.outline(frame.pixels(frame.seen))


def _window(frame: FieldFrame) -> np.ndarray:
    """Where the taps of the first layer lie: bool (H, W)."""
    window = np.zeros(frame.shape[1:], dtype=bool)
    for kernel in frame.stage.kernels:
        for place in np.ndindex(kernel.kept.shape):
            number = _number(frame, kernel, place)
            if number:
                window.flat[number - 1] = True
    return window


def _mark_pixel(board: Board, frame: FieldFrame) -> None:
    """A ring; at a lower resolution also a line around the pixels that share its place."""
    factor = frame.stage.factor
    if factor > 1 and frame.kind == "stage":
        (top, left), (height, width) = (
            [factor * (k // factor) for k in frame.pixel],
            frame.shape[1:],
        )
        bottom, right = min(top + factor, height), min(left + factor, width)
        corners = [(top, left), (top, right), (bottom, right), (bottom, left), (top, left)]
        board.drawing.polyline([board.corner(*p) for p in corners], INK, width=1.6, dashed=True)
    board.ring(*frame.pixel)


def _image_samples(frame: FieldFrame) -> list[tuple[str, str]]:
    if frame.kind == "kernel":
        return [("before", WHITE), ("later", LATER), ("the kernel's taps", "line")]
    samples = [("seen", FILL)]
    if frame.step > 1 and frame.new.any():
        samples.append(("new", ACCENT))
    if len(frame.parts) > 1:
        names = [name.split()[0] for name in frame.graph.parts[:2]]
        samples += [(f"{names[0]} part", "upright"), (f"{names[1]} part", "level")]
    if frame.blind.any():
        samples.append(("blind spot", "hatch"))
    if frame.kept.any():
        samples.append(("kept for short cuts", "dot"))
    return [*samples, ("before", WHITE), ("later", LATER)]


# -- below a board -------------------------------------------------------------------------------------------------


def _add_line(drawing: Drawing, words: str) -> None:
    drawing.height += 18
    drawing.text(2, drawing.height - 4, words, anchor="start", size=TEXT)


def _draw_key(drawing: Drawing, samples: Sequence[tuple[str, str]]) -> None:
    """Below the board what its colours and lines mean, in as many rows as it takes."""
    x, y = 2.0, drawing.height + 6
    for words, look in samples:
        room = 17 + 0.92 * text_width(words, TEXT)
        if x > 2 and x + room > drawing.width:
            x, y = 2.0, y + 18
        key, one = Board(drawing, 12, x, y), np.ones((1, 1), dtype=bool)
        colours = {"upright": FILL, "level": FILL}
        key.fill(0, 0, look if look.startswith("#") else colours.get(look, WHITE))
        if look in colours:
            key.stripe(one, upright=look == "upright")
        elif look == "line":
            key.outline(one)
        elif look == "hatch":
            key.hatch(0, 0)
        elif look == "dot":
            drawing.circle((x + 6, y + 6), 2, INK)
        elif look == "ring":
            key.ring(0, 0)
        elif look == "cross":
            drawing.line((x, y), (x + 12, y + 12), INK, width=1.6)
            drawing.line((x, y + 12), (x + 12, y), INK, width=1.6)
        drawing.text(x + 17, y + 10.5, words, anchor="start", size=TEXT)
        x += room + 8
    drawing.height = y + 18
