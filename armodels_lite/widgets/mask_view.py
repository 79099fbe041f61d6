"""The masks of a small MADE as drawings: the layered graph, the masks as matrices, the paths beside the measurement."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .cutting import Point
from .mask_state import MaskFrame, MaskNetwork
from .mask_words import comparison, product_name
from .svg import ACCENT, BLUE, FILL, QUIET, Drawing, text_width

__all__ = ["graph_drawing", "masks_drawing", "product_drawing"]

GRAPH, MATRICES = 316, 280  # pixels on the screen; both stand side by side in a notebook's column
COMPACT = 236  # for either in a strip
TITLE, HEADS, NAMES = 20, 30, 40  # pixels: above a matrix, of its column heads, of its row heads
APART = 14  # pixels between matrices
ABSENT = ("", "0", "–")  # in a square matrix: not yet measured, no path, no dependency
SMALL, TINY = 12, 11  # letters
UPPER, LOWER = 26, 40  # pixels above the outputs of the graph and below its inputs


# -- the graph -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Graph:
    """Where the units are drawn: inputs at the bottom, outputs at the top."""

    network: MaskNetwork
    width: float
    height: float

    LEFT, RIGHT = 20, 8

    @property
    def spacing(self) -> float:
        """Between two units of the largest layer."""
        return (self.width - self.LEFT - self.RIGHT) / max(map(len, self.network.degrees))

    @property
    def named(self) -> bool:
        """Whether the name of a hidden unit fits beside its circle."""
        return self.spacing >= 36

    @property
    def radius(self) -> float:
        return min(14.0, (0.265 if self.named else 0.32) * self.spacing)

    def level(self, layer: float) -> float:
        top, bottom = UPPER + self.radius, self.height - LOWER - self.radius
        return bottom - layer * (bottom - top) / self.network.last_layer

    def place(self, layer: int, unit: int) -> Point:
        count = len(self.network.degrees[layer])
        room = self.width - self.LEFT - self.RIGHT
        return self.LEFT + room * (unit + 0.5) / count, self.level(layer)


def graph_drawing(frame: MaskFrame, width: float = GRAPH) -> Drawing:
    """Units with their degrees, and the connections decided so far; what the step is about stands out."""
    network = frame.network
    graph = _Graph(network, width, _height(network, width))
    drawing = Drawing(width, graph.height, label=_graph_label(frame))
    edges = []
    for layer, mask in enumerate(network.masks, 1):
        for (above, below), entry in np.ndenumerate(mask):
            style = _edge_style(frame, layer, above, below, bool(entry))
            if style is not None:
                edges.append((style, graph.place(layer - 1, below), graph.place(layer, above)))
    for style, start, end in sorted(edges, key=lambda edge: edge[0][0]):  # strong ones above others
        _draw_edge(drawing, start, end, graph.radius, style)
    for layer, degrees in enumerate(network.degrees):
        for unit in range(len(degrees)):
            _draw_unit(drawing, graph, frame, layer, unit)
    titles = ["inputs", *["hidden"] * len(network.hidden), "outputs"]
    for layer, title in enumerate(titles):
        drawing.text(12, graph.level(layer), title, size=TINY, colour=QUIET, turned=True)
    return drawing


def _graph_label(frame: MaskFrame) -> str:
    network, found = frame.network, []
    for layer, degrees in enumerate(network.degrees):
        told = [
            f"{network.name(layer, unit)} {degree if (layer, unit) in frame.known else 'open'}"
            for unit, degree in enumerate(degrees)
        ]
        found.append(", ".join(told))
    drawn = sum(
        int((mask * known).sum()) for mask, known in zip(network.masks, frame.decided, strict=True)
    )
    return f"network, from inputs to outputs with degrees: {'; '.join(found)}; {drawn} connections"


def _edge_style(
    frame: MaskFrame, layer: int, above: int, below: int, entry: bool
) -> tuple[int, str, float, bool] | None:
    """(strong, colour, width, dashed) of a connection, None where nothing is drawn."""
    move = frame.move
    in_row = move.kind == "mask" and (move.layer, move.unit) == (layer, above)
    if in_row and move.column in (None, below):
        return (1, ACCENT, 3.0, False) if entry else (1, ACCENT, 1.4, True)
    if not entry or not frame.decided[layer - 1][above, below]:
        return None
    if frame.followed[layer - 1][above, below]:
        return 1, BLUE, 3.0, False
    return 0, QUIET, 0.8 if move.kind == "paths" else 1.3, False


def _draw_edge(
    drawing: Drawing,
    start: Point,
    end: Point,
    radius: float,
    style: tuple[int, str, float, bool],
) -> None:
    """From the rim of one circle to that of the other."""
    (x0, y0), (x1, y1) = start, end
    share = radius / math.hypot(x1 - x0, y1 - y0)
    dx, dy = share * (x1 - x0), share * (y1 - y0)
    _, colour, width, dashed = style
    drawing.line((x0 + dx, y0 + dy), (x1 - dx, y1 - dy), colour, width=width, dashed=dashed)


def _draw_unit(drawing: Drawing, graph: _Graph, frame: MaskFrame, layer: int, unit: int) -> None:
    network, radius = graph.network, graph.radius
    x, y = graph.place(layer, unit)
    colour, stroke = _rim(frame, layer, unit)
    drawing.circle((x, y), radius, "none", stroke=colour, stroke_width=stroke)
    size = min(14.0, 1.15 * radius)
    if (layer, unit) in frame.known:
        degree = str(network.degrees[layer][unit])
        drawing.text(x, y + 0.36 * size, degree, bold=True, size=size)
    name = network.name(layer, unit)
    if layer == 0:
        drawing.text(x, y + radius + 15, name, size=SMALL)
        if frame.move.kind == "paths" and frame.move.layer == 0:
            _draw_count(drawing, graph, int(network.paths[frame.move.unit, unit]), (x, y))
    elif layer == network.last_layer:
        drawing.text(x, y - radius - 7, name, size=SMALL)
    elif graph.named:
        drawing.text(x + radius + 2, y + 4, name, anchor="start", size=TINY)


def _draw_count(drawing: Drawing, graph: _Graph, count: int, centre: Point) -> None:
    """Below an input the number of paths from it, with the word where there is room."""
    if count == 0:
        return
    words = f"{count} path{'s' if count > 1 else ''}"
    words = words if 0.8 * text_width(words, SMALL) < graph.spacing else str(count)
    x, y = centre
    drawing.text(x, y + graph.radius + 31, words, size=SMALL, bold=True, colour=BLUE)


def _rim(frame: MaskFrame, layer: int, unit: int) -> tuple[str, float]:
    """The colour and the width of a circle's line."""
    move, network = frame.move, frame.network
    this = (move.layer, move.unit) == (layer, unit)
    if move.kind in ("degree", "mask") and this:
        return ACCENT, 3.0
    if move.kind == "mask" and (move.layer - 1, move.column) == (layer, unit):
        return ACCENT, 3.0
    if move.kind == "paths":
        heard = layer < network.last_layer and frame.followed[layer][:, unit].any()
        if heard or (layer, unit) == (network.last_layer, move.unit):
            return BLUE, 3.0
    return "currentColor", 1.4


# -- matrices ------------------------------------------------------------------------------------------------------


def _cell_size(network: MaskNetwork) -> float:
    most = max(map(len, network.degrees))
    return 24.0 if most <= 4 else 20.0 if most <= 6 else 17.0


def _height(network: MaskNetwork, width: float) -> float:
    """Of all drawings of a network, so that nothing moves from step to step."""
    heights = [TITLE + HEADS + _cell_size(network) * len(mask) for mask in network.masks]
    masks = sum(heights) + APART * (len(heights) - 1) + 4
    return max(masks, 250.0, _product_height(network, width))


def masks_drawing(frame: MaskFrame, width: float = MATRICES) -> Drawing:
    """The masks, the one into the outputs at the top as in the graph; entries not yet decided are empty."""
    network, cell = frame.network, _cell_size(frame.network)
    heights = [TITLE + HEADS + cell * len(mask) for mask in network.masks]
    height = _height(network, width)
    drawing = Drawing(width, height, label=_masks_label(frame))
    gap = (height - 4 - sum(heights)) / max(len(heights) - 1, 1)
    top = 0.0
    for layer in reversed(range(1, network.last_layer + 1)):
        _draw_mask(drawing, frame, layer, top, cell)
        top += heights[layer - 1] + gap
    return drawing


def _masks_label(frame: MaskFrame) -> str:
    """'M1: h1 0 1 1; h2 0 1 open; ...'."""
    told = []
    for layer, (mask, decided) in enumerate(
        zip(frame.network.masks, frame.decided, strict=True), 1
    ):
        rows = [
            f"{frame.network.name(layer, unit)} "
            + " ".join(str(e) if d else "open" for e, d in zip(row, known, strict=True))
            for unit, (row, known) in enumerate(zip(mask, decided, strict=True))
        ]
        told.append(f"M{layer}: {'; '.join(rows)}")
    return f"masks {'. '.join(told)}"


def _draw_mask(drawing: Drawing, frame: MaskFrame, layer: int, top: float, cell: float) -> None:
    network, move = frame.network, frame.move
    mask, decided = network.masks[layer - 1], frame.decided[layer - 1]
    followed = frame.followed[layer - 1]
    here = move.kind == "mask" and move.layer == layer
    kinds = ["input", *["hidden", "second hidden"][: len(network.hidden)], "output"]
    sign = "<" if layer == network.last_layer else "≤"
    words = f"M{layer}: {kinds[layer - 1]} {sign} {kinds[layer]}"
    drawing.text(2, top + 14, words, anchor="start", size=13, bold=True)

    corner, columns = (float(NAMES), top + TITLE + HEADS), mask.shape[1]
    marked = (move.unit, move.column) if here else (None, None)
    heads = _heads(frame, layer), _heads(frame, layer - 1)
    _draw_heads(drawing, corner, cell, *heads, marked)
    for (row, column), entry in np.ndenumerate(mask):
        x, y = corner[0] + cell * column, corner[1] + cell * row
        if decided[row, column]:
            _draw_entry(drawing, (x, y), cell, int(entry), path=bool(followed[row, column]))
        drawing.rect((x, y), cell, cell, "none", stroke=QUIET, stroke_width=0.6)
    if here:
        first, count = (0, columns) if move.column is None else (move.column, 1)
        place = (corner[0] + cell * first, corner[1] + cell * move.unit)
        drawing.rect(place, cell * count, cell, "none", stroke=ACCENT, stroke_width=3)
        if move.column is not None:
            _draw_comparison(drawing, frame, corner[0] + cell * columns, place[1] + cell / 2)


def _heads(frame: MaskFrame, layer: int) -> list[tuple[str, str]]:
    """Name and degree of each unit of a layer, the degree empty where it is open."""
    network = frame.network
    return [
        (network.name(layer, unit), str(degree) if (layer, unit) in frame.known else "")
        for unit, degree in enumerate(network.degrees[layer])
    ]


def _draw_entry(drawing: Drawing, corner: Point, cell: float, entry: int, *, path: bool) -> None:
    x, y = corner
    if entry:
        drawing.rect(corner, cell, cell, BLUE if path else FILL)
    colour = QUIET if not entry else "#ffffff" if path else "#000000"
    size = min(13.0, 0.65 * cell)
    drawing.text(
        x + cell / 2, y + cell / 2 + 0.36 * size, str(entry), colour=colour, size=size, bold=path
    )


def _draw_heads(
    drawing: Drawing,
    corner: Point,
    cell: float,
    rows: Sequence[tuple[str, str]],
    columns: Sequence[tuple[str, str]],
    marked: tuple[int | None, int | None] = (None, None),
) -> None:
    """Names and, in bold, degrees: of rows on the left, of columns above; those marked in the accent's colour."""
    left, top = corner
    for row, (name, degree) in enumerate(rows):
        base, colour = top + cell * (row + 0.5) + 4, _head_colour(row == marked[0])
        drawing.text(left - 20, base, name, anchor="end", size=SMALL, colour=colour)
        drawing.text(left - 5, base, degree, anchor="end", size=SMALL, bold=True, colour=colour)
    for column, (name, degree) in enumerate(columns):
        x, colour = left + cell * (column + 0.5), _head_colour(column == marked[1])
        size = SMALL if cell >= 20 else TINY
        drawing.text(x, top - 18, name, size=size, colour=colour)
        drawing.text(x, top - 5, degree, size=SMALL, bold=True, colour=colour)


def _head_colour(marked: bool) -> str:
    return ACCENT if marked else "currentColor"


def _draw_comparison(drawing: Drawing, frame: MaskFrame, left: float, middle: float) -> None:
    """Beside a row what decides its entry, where there is room."""
    compared, true = comparison(frame)
    # Most letters are narrower than `text_width` allows for.
    room = 1.15 * (drawing.width - left - 12)
    told = f"{compared} is {str(true).lower()}"
    for words, size in ((told, 15), (told, 12), (compared, 15), (compared, 12)):
        if text_width(words, size) <= room:
            style = {"anchor": "start", "bold": True, "colour": ACCENT}
            drawing.text(left + 10, middle + 0.36 * size, words, size=size, **style)
            return


# -- the product ---------------------------------------------------------------------------------------------------


def _product_cell(network: MaskNetwork, width: float) -> tuple[float, bool]:
    """The size of a cell, and whether both matrices stand side by side."""
    cell = ((width - 10) / 2 - NAMES) / network.variables
    if cell >= 15.5:
        return min(cell, 30.0), True
    return min(26.0, (width - NAMES) / network.variables), False


def _product_height(network: MaskNetwork, width: float) -> float:
    cell, beside = _product_cell(network, width)
    one = TITLE + HEADS + cell * network.variables
    return (one if beside else 2 * one + APART) + 44


def product_drawing(frame: MaskFrame, width: float = MATRICES) -> Drawing:
    """The number of paths, and beside it what a model was measured to depend on, both in drawing order."""
    network = frame.network
    cell, beside = _product_cell(network, width)
    size = TITLE + HEADS + cell * network.variables
    paths = network.in_drawing_order(network.paths)
    measured = network.measured if frame.move.kind == "measured" else None
    drawing = Drawing(width, _height(network, width), label=_product_label(paths, measured))
    corners = [(0.0, 0.0), ((width + 10) / 2, 0.0) if beside else (0.0, size + APART)]
    counts = [[str(count) for count in row] for row in paths.tolist()]
    marks = [[""] * network.variables for _ in counts]
    if measured is not None:
        marks = [["✓" if entry else "–" for entry in row] for row in measured.tolist()]
    _draw_square(drawing, network, corners[0], cell, f"paths, {product_name(network)}", counts)
    _draw_square(drawing, network, corners[1], cell, "measured", marks)
    key = corners[1][1] + size + 18
    drawing.rect((2, key - 10), 12, 12, QUIET, opacity=0.25)
    drawing.text(20, key, "not drawn before", anchor="start", size=SMALL)
    if network.missing:
        drawing.rect((2, key + 8), 12, 12, "none", stroke=ACCENT, stroke_width=2.4)
        drawing.text(20, key + 18, "allowed, but no path", anchor="start", size=SMALL)
    return drawing


def _product_label(paths: np.ndarray, measured: np.ndarray | None) -> str:
    told = f"number of paths in drawing order, output by output: {_rows(paths)}"
    if measured is None:
        return told
    return f"{told}; measured dependencies: {_rows(measured.astype(int))}"


def _rows(matrix: np.ndarray) -> str:
    return "; ".join(" ".join(map(str, row)) for row in matrix.tolist())


def _draw_square(
    drawing: Drawing,
    network: MaskNetwork,
    corner: Point,
    cell: float,
    title: str,
    texts: Sequence[Sequence[str]],
) -> None:
    """A (T, T) matrix in drawing order; what is not allowed is shaded."""
    left, top = corner[0] + NAMES, corner[1] + TITLE + HEADS
    drawing.text(corner[0] + 2, corner[1] + 14, title, anchor="start", size=13, bold=True)
    count, order = network.variables, network.ordering
    heads = [(network.name(0, variable), str(k)) for k, variable in enumerate(order, 1)]
    _draw_heads(drawing, (left, top), cell, heads, heads)
    missing = network.missing
    framed = []
    for row in range(count):
        for column in range(count):
            x, y = left + cell * column, top + cell * row
            if texts[row][column] not in ABSENT:  # also where it is not allowed: a leak would show
                drawing.rect((x, y), cell, cell)
            elif column >= row:
                drawing.rect((x, y), cell, cell, QUIET, opacity=0.25)
            if (order[row], order[column]) in missing:
                framed.append((x, y))
            _draw_square_text(drawing, (x, y), cell, texts[row][column])
            drawing.rect((x, y), cell, cell, "none", stroke=QUIET, stroke_width=0.6)
    for place in framed:
        drawing.rect(place, cell, cell, "none", stroke=ACCENT, stroke_width=2.4)


def _draw_square_text(drawing: Drawing, corner: Point, cell: float, words: str) -> None:
    filled = words not in ABSENT
    size = min(14.0, 0.65 * cell, cell / max(0.6 * len(words), 1))
    x, y = corner[0] + cell / 2, corner[1] + cell / 2 + 0.36 * size
    colour = "#000000" if filled else "currentColor"
    drawing.text(x, y, words, size=size, bold=filled, colour=colour)
