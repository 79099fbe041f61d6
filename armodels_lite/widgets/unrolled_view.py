"""An unrolled recurrent network as a drawing: the copies of its cell from left to right, gradients below them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from .cutting import Point
from .svg import ACCENT, FILL, GREEN, QUIET, Drawing, text_width
from .unrolled_numbers import draw_cell, shown_symbol
from .unrolled_state import UnrolledFrame

__all__ = ["COMPACT", "chain_drawing"]

WIDE, COMPACT = 672, 250  # pixels on the screen and in a strip
LEFT, RIGHT = 20, 4  # beside the copies
MOST_SPACING, LEAST_SPACING = 130, 45  # pixels between two copies
SMALL, TINY = 12, 11  # letters
PAID, BARS, LETTERS = 42, 96, 110  # pixels: base lines of losses, bars and the letters below them
STATE = 146  # pixels: the upper edge of the states
BAR = 46  # of probability 1
ROW, GAP, RADIUS = 18, 26, 13  # of a number of the state, between state and input, of an input


@dataclass(frozen=True)
class _Chain:
    """Where the copies of the cell are drawn, and which parts of them the step is about."""

    frame: UnrolledFrame
    width: float

    @cached_property
    def shown(self) -> range:
        """The copies that fit: all on the screen, in a strip those around the step."""
        length = len(self.frame.run)
        count = min(length, int((self.width - LEFT - RIGHT) // LEAST_SPACING))
        first = min(max(self.frame.move.t - count // 2, 0), length - count)
        return range(first, first + count)

    @property
    def spacing(self) -> float:
        return min(MOST_SPACING, (self.width - LEFT - RIGHT) / len(self.shown))

    @property
    def box(self) -> float:
        """The width of a state."""
        return min(52.0, self.spacing - 9)

    @property
    def bottom(self) -> float:
        """The lower edge of the states."""
        return STATE + ROW * len(self.frame.run.cell.h_1)

    @property
    def middle(self) -> float:
        """The height of the arrows from state to state."""
        return (STATE + self.bottom) / 2

    @property
    def input(self) -> float:
        """The height of the inputs."""
        return self.bottom + GAP + RADIUS

    @property
    def height(self) -> float:
        return self.input + RADIUS + 44

    def place(self, t: int) -> float:
        """The middle of a copy."""
        return LEFT + self.spacing * (t - self.shown.start + 0.5)

    def active(self, part: str, t: int) -> bool:
        """Whether the step is about this part of copy t; "hh" and "xh" lead from t to the state of t + 1."""
        move = self.frame.move
        parts = {
            "start": [("state", 0)],
            "predict": [("state", move.t), ("hy", move.t), ("bars", move.t)],
            "see": [("bars", move.t), ("input", move.t), ("loss", move.t)],
            "update": [("state", move.t + 1), ("hh", move.t), ("xh", move.t)],
            "back": [("state", move.t), ("hh", move.t)],
        }
        if move.kind == "back" and move.t == len(self.frame.run) - 1:
            parts["back"] = [("state", move.t), ("hy", move.t), ("loss", move.t)]
        return (part, t) in parts[move.kind]

    def colour(self, part: str, t: int, *, known: bool) -> str:
        if self.active(part, t):
            return GREEN if self.frame.move.kind == "back" else ACCENT
        return "currentColor" if known else QUIET


def chain_drawing(frame: UnrolledFrame, width: float = WIDE) -> Drawing:
    """The copies of the cell from left to right, input below, state, prediction above; gradients below the chain."""
    chain = _Chain(frame, width)
    drawing = Drawing(width, chain.height, label=_chain_label(frame))
    _draw_total(drawing, frame)
    titles = {"loss": PAID - 5, "p": BARS - BAR / 2, "state": chain.middle, "input": chain.input}
    for title, y in titles.items():
        drawing.text(12, y, title, size=TINY, colour=QUIET, turned=True)
    for t in chain.shown:
        _draw_state(drawing, chain, t)
        _draw_arrows(drawing, chain, t)
        _draw_input(drawing, chain, t)
        _draw_prediction(drawing, chain, t)
        _draw_gradient(drawing, chain, t)
    return drawing


def _chain_label(frame: UnrolledFrame) -> str:
    run, told = frame.run, []
    for t in range(frame.predicted):
        symbol = run.word[t]
        p = run.probs[t, run.indices[t]]
        paid = f", paid {run.losses[t]:.3f} nats" if t < frame.seen else ""
        told.append(f"p(x{t + 1} = {symbol}) = {p:.4f}{paid}")
    for t in reversed(range(frame.back, len(run))):
        told.append(f"gradient at h{t + 1} of size {run.norms[t]:.3g}")
    chain = f"{len(run)} copies of one cell, {frame.known} with a state"
    return f"{chain}: {'; '.join(told)}" if told else f"{chain}, no prediction yet"


def _draw_total(drawing: Drawing, frame: UnrolledFrame) -> None:
    """The losses paid so far and their sum, the losses only where there is room."""
    if frame.seen == 0:
        drawing.text(2, 15, "nothing paid yet", anchor="start", size=13, colour=QUIET)
        return
    word = "".join(map(shown_symbol, frame.run.word[: frame.seen]))
    parts = " + ".join(f"{loss:.2f}" for loss in frame.run.losses[: frame.seen])
    total = f"{frame.so_far:.3f} nats"
    words = f"-ln p({word}) = {parts} = {total}"
    if frame.seen == 1 or 0.85 * text_width(words, 13) > drawing.width:
        words = f"-ln p({word}) = {total}"
    drawing.text(2, 15, words, anchor="start", size=13, bold=True)


def _draw_state(drawing: Drawing, chain: _Chain, t: int) -> None:
    """The numbers of a state one above the other, or a pale box where it is not known yet."""
    run, known = chain.frame.run, t < chain.frame.known
    x, box = chain.place(t), chain.box
    corner = (x - box / 2, float(STATE))
    if known:
        for row, value in enumerate(run.states[t]):
            place = (corner[0], STATE + ROW * row)
            draw_cell(drawing, place, (box, ROW), float(value), scale=1.0)
    colour, strong = chain.colour("state", t, known=known), chain.active("state", t)
    width = 3 if strong else 1.4 if known else 0.8
    height = chain.bottom - STATE
    drawing.rect(corner, box, height, "none", stroke=colour, stroke_width=width, radius=3)
    style = {"anchor": "end", "size": SMALL, "bold": strong}
    drawing.text(x - 7, STATE - 7, f"h{t + 1}", colour=colour, **style)


def _draw_arrows(drawing: Drawing, chain: _Chain, t: int) -> None:
    """W_hy up to the prediction, W_hh to the next state, and W_xh from the input onto that way, not into this state."""
    frame, x = chain.frame, chain.place(t)
    between = (x + chain.spacing / 2, chain.middle + 4)
    paths = {
        "hy": ((x, STATE - 3.0), (x, LETTERS + 8.0), t < frame.predicted),
        "xh": ((x + RADIUS + 1, chain.input - 5), between, t + 1 < frame.known),
        "hh": ((x + chain.box / 2 + 2, chain.middle), None, t + 1 < frame.known),
    }
    for part, (start, end, known) in paths.items():
        if part != "hy" and t + 1 == len(frame.run):
            continue  # after the last symbol nothing is predicted: no state follows
        colour, strong = chain.colour(part, t, known=known), chain.active(part, t)
        if end is None:
            last = t + 1 not in chain.shown
            end = (x + chain.spacing - chain.box / 2 - 3, chain.middle)
            end = (min(end[0], drawing.width - 1) if last else end[0], end[1])
        width = 2.6 if strong else 1.2 if known else 0.8
        back = strong and frame.move.kind == "back"
        ends = (end, start) if back else (start, end)
        _draw_arrow(drawing, *ends, colour, width)
        _name_arrow(drawing, chain, part, start, end, colour)


def _name_arrow(
    drawing: Drawing, chain: _Chain, part: str, start: Point, end: Point, colour: str
) -> None:
    """The name of the arrow's weights beside it, where there is room: the same at every copy."""
    name = f"W_{part}"
    if part == "hh":
        if end[0] - start[0] > 24:
            middle = (start[0] + end[0]) / 2 - 2
            drawing.text(middle, start[1] - 7, name, size=10, colour=colour)
    elif chain.spacing > 60:
        # Beside the middle: of the upright arrow, or below the slanting one.
        x, y = (start[0] + end[0]) / 2 + 7, (start[1] + end[1]) / 2 + (4 if part == "hy" else 11)
        drawing.text(x, y, name, anchor="start", size=10, colour=colour)


def _draw_arrow(drawing: Drawing, start: Point, end: Point, colour: str, width: float) -> None:
    length = math.hypot(end[0] - start[0], end[1] - start[1])
    dx, dy = (end[0] - start[0]) / length, (end[1] - start[1]) / length
    head = min(5 + 1.2 * width, length)
    foot = (end[0] - head * dx, end[1] - head * dy)
    drawing.line(start, foot, colour, width=round(width, 2))
    half = 0.5 * head
    sides = [(foot[0] + s * half * dy, foot[1] - s * half * dx) for s in (-1, 1)]
    drawing.polygon([*sides, end], colour)


def _draw_input(drawing: Drawing, chain: _Chain, t: int) -> None:
    """The symbol in a circle: pale until it is seen."""
    seen, x = t < chain.frame.seen, chain.place(t)
    colour = chain.colour("input", t, known=seen)
    width = 3 if chain.active("input", t) else 1.4 if seen else 0.8
    drawing.circle((x, chain.input), RADIUS, "none", stroke=colour, stroke_width=width)
    symbol = shown_symbol(chain.frame.run.word[t])
    drawing.text(x, chain.input + 5, symbol, bold=seen, colour="currentColor" if seen else QUIET)
    style = {"anchor": "end", "size": SMALL, "bold": width == 3}
    drawing.text(x - 8, chain.input - RADIUS - 2, f"x{t + 1}", colour=colour, **style)


def _draw_prediction(drawing: Drawing, chain: _Chain, t: int) -> None:
    """A bar for p of each symbol, the true one in the accent's colour over a bold letter; above them the loss."""
    frame, run, x = chain.frame, chain.frame.run, chain.place(t)
    count = len(run.cell.symbols)
    slot = min(17.0, (chain.spacing - 6) / count)
    left, active = x - slot * count / 2, chain.active("bars", t)
    if t < frame.predicted:
        for number, symbol in enumerate(run.cell.symbols):
            true, height = number == run.indices[t], BAR * float(run.probs[t, number])
            corner = (left + slot * number + 1, BARS - height)
            drawing.rect(corner, slot - 2, height, ACCENT if true else FILL)
            if slot > 8.5:
                middle, colour = left + slot * (number + 0.5), ACCENT if true else "currentColor"
                style = {"size": TINY, "bold": true, "colour": colour}
                drawing.text(middle, LETTERS - 2, shown_symbol(symbol), **style)
    base = chain.colour("bars", t, known=t < frame.predicted)
    drawing.line((left, BARS), (left + slot * count, BARS), base, width=2 if active else 0.8)
    if t < frame.seen:
        colour, bold = chain.colour("loss", t, known=True), chain.active("loss", t)
        drawing.text(x, PAID, f"{run.losses[t]:.3f}", size=SMALL, bold=bold, colour=colour)


def _draw_gradient(drawing: Drawing, chain: _Chain, t: int) -> None:
    """The size of the gradient at h_t, and the arrow that brought it there from h_{t+1}, as wide as it is large."""
    run, x = chain.frame.run, chain.place(t)
    if t < chain.frame.back:
        return
    y, strong = chain.input + RADIUS + 16, t == chain.frame.back
    size = float(run.norms[t])
    digits = 2 if chain.spacing > 60 else 1
    drawing.text(x, y + 20, f"{size:.{digits}g}", size=SMALL, bold=strong, colour=GREEN)
    if t + 1 == len(run):
        drawing.circle((x, y), 5, GREEN)
        return
    width = 0.6 + 9 * size / float(run.norms.max())
    start = min(chain.place(t + 1) - 7, drawing.width - 2)
    _draw_arrow(drawing, (start, y), (x + 4, y), GREEN, width)
