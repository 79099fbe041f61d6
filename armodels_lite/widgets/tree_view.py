"""The graph of dilated convolutions as a drawing: a row for each layer, a column for each step.

Round nodes are computed by a layer, square ones are what the first layer takes, and the cells at the bottom the values.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .cutting import Point
from .svg import ACCENT, BLUE, FILL, GREEN, QUIET, Drawing, text_width
from .tree_state import QUEUES, TREE, Queue, TreeFrame

__all__ = ["COMPACT", "WIDTH", "tree_drawing"]

WIDTH, COMPACT = 690, 244  # pixels: on the screen, and of a frame in a strip
LEFT, SHORT_LEFT, RIGHT = 96, 42, 14  # margins; names of rows stand on the left
HEAD = 44  # from the top edge to the top level, for what is predicted
NUMBERED = 14  # the narrowest column whose cell holds a number
BACK = 16  # columns before step t that a strip shows at least
# Cells keep these colours in a dark theme, as those of every grid of pixels in the course.
EMPTY, INK = "#ffffff", "#111111"


@dataclass
class _Sheet:
    """A drawing with a column for each of the steps and a row for each level, and the values below."""

    frame: TreeFrame
    steps: range
    width: float
    compact: bool
    drawing: Drawing = field(init=False)

    def __post_init__(self) -> None:
        self.left = SHORT_LEFT if self.compact else LEFT
        self.cell = (self.width - self.left - RIGHT) / len(self.steps)
        self.radius = min(6.5, 0.38 * self.cell)
        levels = self.frame.layers
        self.gap = 27 if self.compact else min(44, max(32, 230 / levels))
        self.drop = self.gap + 4  # from the inputs to the values
        bottom = self.row(0) + self.drop
        self.drawing = Drawing(self.width, bottom + 20, label=_label(self.frame))

    def column(self, step: float) -> float:
        return self.left + (step - self.steps.start + 0.5) * self.cell

    def row(self, level: int) -> float:
        return HEAD + (self.frame.layers - level) * self.gap

    def at(self, level: int, step: float) -> Point:
        return self.column(step), self.row(level)

    @property
    def values(self) -> float:
        """The middle of the row of values."""
        return self.row(0) + self.drop

    def node(self, level: int, step: int, fill: str, stroke: str, *, grow: float = 0) -> None:
        (x, y), radius = self.at(level, step), self.radius + grow
        if level:
            self.drawing.circle((x, y), radius, fill, stroke=stroke, stroke_width=1.4)
            return
        side = 1.8 * radius
        corner = x - side / 2, y - side / 2
        self.drawing.rect(corner, side, side, fill, stroke=stroke, stroke_width=1.4)

    def pale(self, level: int, step: int) -> None:
        x, y = self.at(level, step)
        side = 1.3 * min(3.0, 0.2 * self.cell)
        if level:
            self.drawing.circle((x, y), side / 1.3, "none", stroke=QUIET, stroke_width=0.5)
        else:
            corner = x - side / 2 - 0.5, y - side / 2 - 0.5
            self.drawing.rect(corner, side + 1, side + 1, "none", stroke=QUIET, stroke_width=0.5)

    def value(self, step: int, fill: str, colour: str, *, struck: bool = False) -> None:
        """A cell of the bottom row, crossed out or not; its number where there is room for it."""
        side = min(self.cell - 1, 19)
        x, y = self.column(step), self.values
        self.drawing.rect(
            (x - side / 2, y - 9), side, 18, fill, stroke=QUIET, stroke_width=0.7, radius=2
        )
        if struck:
            self._cross(x, y, side)
        if self.cell >= NUMBERED:
            self.drawing.text(x, y + 4, str(step), colour=colour, size=10.5)

    def _cross(self, x: float, y: float, side: float) -> None:
        half = side / 2 - 1.5
        for way in (-1, 1):
            self.drawing.line((x - half, y - 7.5 * way), (x + half, y + 7.5 * way), ACCENT)


def tree_drawing(frame: TreeFrame, *, compact: bool = False) -> Drawing:
    """The tree behind the prediction of x_t as far as the walk has come, or what fast generation does at step t.

    A compact one is narrow enough for four frames side by side; it shows the steps around the tree.
    """
    steps = range(1, frame.length + 1)
    if compact:
        first = max(1, frame.t - max(BACK, frame.field))
        steps = range(first, min(frame.length, frame.t + 1) + 1)
    sheet = _Sheet(frame, steps, COMPACT if compact else WIDTH, compact)
    _draw_names(sheet)
    _draw_values(sheet)
    if frame.mode == TREE:
        _draw_tree(sheet)
    else:
        _draw_queues(sheet)
    _draw_output(sheet)
    return _with_key(sheet)


def _label(frame: TreeFrame) -> str:
    """What the drawing shows, for readers who do not see it."""
    told = f"{frame.layers} layers with dilations {', '.join(map(str, frame.dilations))} over {frame.length} steps: "
    if frame.mode == QUEUES:
        sizes = ", ".join(str(queue.size) for queue in frame.queues)
        return f"{told}queues of {sizes} entries at step {frame.t}, one new node in each layer"
    counts = [f"level {k} has {len(frame.steps(k))}" for k in range(frame.layers, -1, -1)]
    shown = ", ".join(counts[: frame.step + 1])
    end = f"; {len(frame.reached)} values are reached" if frame.whole else ""
    return f"{told}nodes behind the prediction of x{frame.t}: {shown}{end}"


# -- parts of both views -------------------------------------------------------------------------------------------


def _draw_names(sheet: _Sheet) -> None:
    """What each row is, on its left."""
    frame, drawing = sheet.frame, sheet.drawing
    for level in range(frame.layers + 1):
        y = sheet.row(level)
        dilation = f"d = {frame.dilations[level - 1]}" if level else "input"
        if sheet.compact:
            drawing.text(2, y + 4, dilation, anchor="start", size=11)
            continue
        name = f"layer {level}, {dilation}" if level else dilation
        if frame.mode == QUEUES:
            under = (
                f"{frame.queues[level].size} for layer {level + 1}" if level < frame.layers else ""
            )
        else:
            under = "" if level else "the value before"
        drawing.text(2, y + (0 if under else 4), name, anchor="start", size=12)
        drawing.text(2, y + 13, under, anchor="start", size=11, colour=QUIET)
    drawing.text(2, sheet.values + 4, "x" if sheet.compact else "values x", anchor="start", size=12)


def _draw_values(sheet: _Sheet) -> None:
    """The cells of the values, the numbers in them, and the one to be predicted."""
    frame, drawing = sheet.frame, sheet.drawing
    reached = set(frame.reached) if frame.whole else set()
    gaps = frame.gaps if frame.whole and frame.mode == TREE else []
    if frame.mode == QUEUES:
        reached = {frame.t - 1}  # the one value that is new
    for step in sheet.steps:
        if step < frame.t:
            fill = FILL if step in reached else EMPTY
            sheet.value(step, fill, INK, struck=step in gaps)
        elif step > frame.t:
            sheet.value(step, "none", QUIET)
    sheet.value(frame.t, EMPTY, INK)
    half = min(sheet.cell - 1, 19) / 2
    x, y = sheet.column(frame.t), sheet.values
    corner = x - half, y - 9
    drawing.rect(corner, 2 * half, 18, "none", stroke=ACCENT, stroke_width=2.4, radius=2)
    if sheet.compact:
        _name_values(sheet)


def _name_values(sheet: _Sheet) -> None:
    """Below narrow cells: the first value reached, if it is far enough, and the one predicted."""
    frame, drawing = sheet.frame, sheet.drawing
    y = sheet.values + 21
    drawing.height += 14
    ends = [frame.t]
    if frame.mode == TREE and frame.whole and frame.reached:
        first = frame.reached[0]
        if sheet.column(frame.t) - sheet.column(first) > 30:
            ends.append(first)
    for step in ends:
        words = f"x{step}"
        drawing.text(drawing.inside(sheet.column(step), words, 11), y, words, size=11)


def _draw_output(sheet: _Sheet) -> None:
    """Above the top node what is made from it."""
    frame, drawing = sheet.frame, sheet.drawing
    x, y = sheet.at(frame.layers, frame.t)
    words = f"p(x{frame.t} | x<{frame.t})" if frame.t > 1 else "p(x1)"
    size = 12 if sheet.compact else 13
    drawing.line((x, y - sheet.radius - 3), (x, 20), "currentColor", width=1.4)
    drawing.text(drawing.inside(x, words, size), 14, words, size=size)


def _hop(sheet: _Sheet, step: int, colour: str) -> None:
    """From x_(step - 1) to the input at a step: the shift by one."""
    start = sheet.column(step - 1), sheet.values - 9
    x, y = sheet.at(0, step)
    sheet.drawing.line(start, (x, y + sheet.radius), colour, width=1.6, dashed=sheet.cell > 13)


# -- the tree ------------------------------------------------------------------------------------------------------


def _draw_tree(sheet: _Sheet) -> None:
    """Nodes and edges from the top to the lowest level reached; the latest ones stand out."""
    frame = sheet.frame
    for level in range(frame.layers + 1):
        lit = set(frame.steps(level)) if level >= frame.lowest else set()
        for step in sheet.steps:
            if step not in lit:
                sheet.pale(level, step)
    for level in range(frame.layers, frame.lowest, -1):
        newest = level - 1 == frame.lowest and not frame.whole
        for step, source in frame.edges(level):
            ends = sheet.at(level - 1, source), sheet.at(level, step)
            sheet.drawing.line(*ends, ACCENT if newest else BLUE, width=1.8 if newest else 1.3)
    if frame.whole:
        for value in frame.reached:
            _hop(sheet, value + 1, ACCENT)
    for level in range(frame.layers, frame.lowest - 1, -1):
        newest = level == frame.lowest and not frame.whole
        for step in frame.steps(level):
            if newest:
                sheet.node(level, step, ACCENT, INK, grow=0.8)
            else:
                sheet.node(level, step, BLUE, BLUE)


# -- queues --------------------------------------------------------------------------------------------------------


def _draw_queues(sheet: _Sheet) -> None:
    """One new node in each layer, what it takes from its queue, and what naive generation computes besides."""
    frame = sheet.frame
    for queue in frame.queues:
        _draw_box(sheet, queue)
    for queue in frame.queues:
        end = sheet.at(queue.layer, frame.t)
        for source in (frame.t, *queue.read):
            if source >= 1:
                colour = ACCENT if source == frame.t else BLUE
                sheet.drawing.line(sheet.at(queue.layer - 1, source), end, colour, width=1.8)
    if frame.t > 1:
        _hop(sheet, frame.t, ACCENT)
    read = {(queue.layer - 1, step) for queue in frame.queues for step in queue.read}
    for level in range(frame.layers + 1):
        again = set(frame.steps(level))
        for step in sheet.steps:
            if step == frame.t:
                sheet.node(level, step, ACCENT, INK, grow=0.8)
            elif (level, step) in read:
                sheet.node(level, step, BLUE, BLUE)
            elif step in again:
                sheet.node(level, step, EMPTY, BLUE, grow=-1)
            else:
                sheet.pale(level, step)


def _draw_box(sheet: _Sheet, queue: Queue) -> None:
    """The queue of a layer, around its inputs of the last steps; what leaves it and what enters it next."""
    drawing, level = sheet.drawing, queue.layer - 1
    half = sheet.radius + 4
    y = sheet.row(level)
    first = max(queue.held.start, sheet.steps.start)
    if first < queue.t:
        left, right = sheet.column(first - 0.5) + 0.5, sheet.column(queue.t - 0.5) - 0.5
        corner, size = (left, y - half), (right - left, 2 * half)
        drawing.rect(corner, *size, FILL, opacity=0.25, radius=4)
        drawing.rect(corner, *size, "none", stroke=GREEN, stroke_width=1.8, radius=4)
    small = 9 if sheet.compact else 11
    if queue.popped in sheet.steps:
        x = sheet.column(queue.popped)
        drawing.text(x + 2, y - half - 3, "out", anchor="end", size=small)
    drawing.text(sheet.column(queue.t) + 4, y - half - 3, "in", anchor="start", size=small)


# -- the key -------------------------------------------------------------------------------------------------------


def _with_key(sheet: _Sheet) -> Drawing:
    """Below the graph what its signs mean, in as many rows as it takes."""
    frame, drawing = sheet.frame, sheet.drawing
    if frame.mode == QUEUES:
        again = "only naive" if sheet.compact else "computed again by naive generation only"
        looks = {"new": "new", "read from a queue": "lit", "queue": "box", again: "again"}
    else:
        looks = {"in the tree": "lit", "not needed": "pale"}
        if not frame.whole:
            looks = {"new in this step": "new", **looks}
        else:
            looks["value reached"] = "value"
            if frame.gaps:
                looks["in the span, not reached"] = "gap"
    size = 11 if sheet.compact else 12
    x, y = 2.0, drawing.height + 10
    for words, look in looks.items():
        room = 18 + 0.86 * text_width(words, size) + 8
        if x > 2 and x + room - 8 > drawing.width:
            x, y = 2.0, y + 18
        _sample(drawing, (x + 7, y), look)
        drawing.text(x + 18, y + 4, words, anchor="start", size=size)
        x += room
    drawing.height = y + 12
    return drawing


def _sample(drawing: Drawing, centre: Point, look: str) -> None:
    x, y = centre
    circles = {"new": (ACCENT, INK, 6), "lit": (BLUE, BLUE, 5.5), "again": (EMPTY, BLUE, 5)}
    if look in circles:
        fill, stroke, radius = circles[look]
        drawing.circle(centre, radius, fill, stroke=stroke, stroke_width=1.4)
    elif look == "pale":
        drawing.circle(centre, 3, "none", stroke=QUIET, stroke_width=0.5)
    elif look == "box":
        corner = x - 6, y - 6
        drawing.rect(corner, 12, 12, FILL, opacity=0.25, radius=3)
        drawing.rect(corner, 12, 12, "none", stroke=GREEN, stroke_width=1.8, radius=3)
    else:
        fill = FILL if look == "value" else EMPTY
        drawing.rect((x - 6, y - 7), 12, 14, fill, stroke=QUIET, stroke_width=0.7, radius=2)
        if look == "gap":
            drawing.line((x - 5, y - 6), (x + 5, y + 6), ACCENT)
            drawing.line((x - 5, y + 6), (x + 5, y - 6), ACCENT)
