"""One step of a walk through an image's pixels: the grid with the path, and what is known at each step."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from .ordering_state import OrderFrame, PixelOrder
from .svg import ACCENT, BLUE, FILL, QUIET, Chart, Drawing, text_width

__all__ = ["grid_drawing", "known_chart"]

SIDE = 256  # pixels on the screen for the longer side of a grid
MARGIN = 22  # for the numbers of rows and columns
MOST_BARS = 128  # one for each step; where there are more steps, one for each W steps
# Cells keep these colours in a dark theme: white and grey say which pixels are drawn.
DRAWN, PATH, FINE_PATH, TO_COME = "#d4d4d4", "#333333", "#777777", "#b0b0b0"
KNOWN = 0.7  # opacity of known neighbours, so that the path shows through


def grid_drawing(frame: OrderFrame, side: float = SIDE) -> Drawing:
    """The image as a grid: drawn pixels grey, those next to the current one blue, the path through all of them."""
    order, step = frame.order, frame.step
    cell = side / max(order.height, order.width)
    row, column = order.place(step)
    drawing = Drawing(
        MARGIN + cell * order.width + 8,
        MARGIN + cell * order.height + 4,
        label=(
            f"{order.name} ordering, {order.height} by {order.width} pixels: {step} are drawn; "
            f"next is row {row + 1}, column {column + 1}"
        ),
    )
    _draw_cells(drawing, order.ranks < step, cell)
    points = [
        (MARGIN + cell * (c + 0.5), MARGIN + cell * (r + 0.5))
        for r, c in map(order.place, range(len(order)))
    ]
    # On a fine grid the path of a random ordering would cover everything.
    thin, path = max(0.45, min(2.0, cell / 15)), PATH if cell > 12 else FINE_PATH
    drawing.polyline(points[step:], TO_COME, width=thin, dashed=True)
    drawing.polyline(points[: step + 1], path, width=thin)
    _draw_context(drawing, frame, cell)
    drawing.polyline(points[max(step - 1, 0) : step + 1], PATH, width=1.3 * thin)
    corner, edge = (MARGIN + cell * column, MARGIN + cell * row), max(1.0, cell / 14)
    drawing.rect(corner, cell, cell, ACCENT, stroke="#000000", stroke_width=edge)
    if step:
        drawing.circle(points[0], max(2.2, cell / 7), PATH)
    else:
        drawing.circle(points[0], max(2.2, cell / 7), "#ffffff")
    _draw_numbers(drawing, order, cell)
    return _with_key(drawing)


def _draw_cells(drawing: Drawing, drawn: np.ndarray, cell: float) -> None:
    height, width = drawn.shape
    drawing.rect((MARGIN, MARGIN), cell * width, cell * height, "#ffffff", stroke=QUIET)
    # Drawn pixels side by side are one rectangle.
    edges = np.diff(np.pad(drawn, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    starts, ends = np.argwhere(edges == 1), np.argwhere(edges == -1)
    for (row, start), (_, end) in zip(starts.tolist(), ends.tolist(), strict=True):
        drawing.rect(
            (MARGIN + cell * start, MARGIN + cell * row), cell * (end - start), cell, DRAWN
        )
    right, bottom = MARGIN + cell * width, MARGIN + cell * height
    for row in range(1, height):
        y = MARGIN + cell * row
        drawing.line((MARGIN, y), (right, y), QUIET, width=0.3)
    for column in range(1, width):
        x = MARGIN + cell * column
        drawing.line((x, MARGIN), (x, bottom), QUIET, width=0.3)


def _draw_context(drawing: Drawing, frame: OrderFrame, cell: float) -> None:
    """The known neighbours, and a frame around all neighbours."""
    order = frame.order
    row, column = order.place(frame.step)
    rows = range(max(row - 1, 0), min(row + 2, order.height))
    columns = range(max(column - 1, 0), min(column + 2, order.width))
    for r in rows:
        for c in columns:
            if order.ranks[r, c] < frame.step:
                drawing.rect(
                    (MARGIN + cell * c, MARGIN + cell * r), cell, cell, BLUE, opacity=KNOWN
                )
    corner = MARGIN + cell * columns[0], MARGIN + cell * rows[0]
    size = cell * len(columns), cell * len(rows)
    drawing.rect(corner, *size, "none", stroke=BLUE, stroke_width=max(1.5, cell / 14))


def _draw_numbers(drawing: Drawing, order: PixelOrder, cell: float) -> None:
    """The numbers of rows and columns, from 1; every eighth where there are many."""
    size = min(12.0, max(10.0, 0.5 * cell))

    def shown(count: int) -> list[int]:
        if max(order.ranks.shape) <= 10:
            return list(range(1, count + 1))
        return [1, *range(8, count + 1, 8)]

    for k in shown(order.height):
        drawing.text(MARGIN - 5, MARGIN + cell * (k - 0.5) + 4, str(k), anchor="end", size=size)
    for k in shown(order.width):
        drawing.text(MARGIN + cell * (k - 0.5), MARGIN - 6, str(k), size=size)


def _with_key(drawing: Drawing) -> Drawing:
    """Below the grid what its colours mean, in as many rows as it takes."""
    x, y = float(MARGIN), drawing.height + 6
    for words, fill, opacity in (
        ("now", ACCENT, 1.0),
        ("drawn", DRAWN, 1.0),
        ("known neighbour", BLUE, KNOWN),
    ):
        room = 16 + 0.9 * text_width(words, 12) + 8
        if x > MARGIN and x + room > drawing.width:
            x, y = float(MARGIN), y + 17
        drawing.rect((x, y), 11, 11, fill, stroke=QUIET, stroke_width=0.6, opacity=opacity)
        drawing.text(x + 15, y + 10, words, anchor="start", size=12)
        x += room
    drawing.height = y + 16
    return drawing


def known_chart(frame: OrderFrame) -> Chart:
    """How many neighbours are known at each step, of those that there are; steps to come are pale.

    Of more than 128 steps the mean is drawn, over W steps at a time; the dot is the current step's own count.
    """
    order, known, around = frame.order, frame.order.known, frame.order.around
    most, mean, now = int(around.max()), float(known.mean()), frame.step + 1
    group = 1 if len(order) <= MOST_BARS else order.width
    words = f"at step {now} {known[frame.step]} of {around[frame.step]}, {mean:.2f} on average"
    chart = Chart(
        (0.5, len(order) + 0.5),
        (0, most + 0.6),
        label=f"known neighbours at each of the {len(order)} steps of the {order.name} ordering: {words}",
        width=370,
        height=SIDE + MARGIN + 24,
        x_label="step" if group == 1 else f"step; each bar is the mean of {group} steps",
        y_label="neighbours",
        y_ticks={value: str(value) for value in range(0, most + 1, 2)},
        legend={"known": BLUE, f"mean {mean:.2f}": "currentColor", "all neighbours": FILL},
    )
    known_bars = _means(known, group)
    chart.polyline(_outline(chart, _means(around, group)), "none", fill=FILL)
    chart.polyline(_outline(chart, known_bars), "none", fill=BLUE)
    chart.polygon(_outline(chart, known_bars[:now]), BLUE)
    chart.level(mean, "currentColor")
    chart.upright(now, ACCENT, width=1.5)
    chart.dot(now, int(known[frame.step]))
    return chart


def _means(counts: np.ndarray, group: int) -> np.ndarray:
    """Each step's count replaced by the mean of its group of neighbouring steps."""
    return np.repeat(counts.reshape(-1, group).mean(1), group)


def _outline(chart: Chart, heights: np.ndarray) -> list[tuple[float, float]]:
    """Bars of width 1 side by side, as one shape; equal ones are one bar."""
    edges = [0, *(np.flatnonzero(np.diff(heights)) + 1).tolist(), len(heights)]
    corners = [(0.5, 0.0)]
    for left, right in pairwise(edges):
        height = float(heights[left])
        corners += [(left + 0.5, height), (right + 0.5, height)]
    return [chart.place(x, y) for x, y in [*corners, (len(heights) + 0.5, 0.0)]]
