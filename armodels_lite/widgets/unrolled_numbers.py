"""A step of an unrolled recurrent network in numbers: the weights it uses, and its sum written out in columns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..plots import COLOURS
from .cutting import Point
from .svg import ACCENT, BLUE, GREEN, QUIET, Drawing, text_width
from .unrolled_state import UnrolledFrame

__all__ = ["draw_cell", "number_text", "numbers_drawing", "shown_symbol", "weights_drawing"]

WEIGHTS, NUMBERS = 372, 284  # pixels on the screen, where both stand side by side
NEGATIVE = COLOURS[3]
ROW, HEAD = 20.0, 62.0  # pixels: of a row of numbers, above the first of them
SMALL, TINY = 12, 11  # letters


def shown_symbol(symbol: str) -> str:
    """A symbol as it is drawn: white space by a sign.

    >>> shown_symbol("e"), shown_symbol(" ")
    ('e', '␣')
    """
    return {" ": "␣", "\n": "⏎", "\t": "⇥"}.get(symbol, symbol)


def number_text(value: float) -> str:
    """Two decimals, fewer where the number is large, more where it is small; by a power of ten where that is shorter.

    >>> number_text(0.256), number_text(-12.34), number_text(-0.0034), number_text(0.00012), number_text(12345.6)
    ('0.26', '-12.3', '-0.003', '1e-04', '1e+04')
    """
    size = abs(value)
    if size >= 999.5 or 0 < size < 0.00095:
        return f"{value:.0e}"
    digits = 0 if size >= 99.95 else 1 if size >= 9.995 else 2 if size >= 0.00995 or not size else 3
    return f"{value:.{digits}f}"


# -- cells ---------------------------------------------------------------------------------------------------------


def draw_cell(
    drawing: Drawing, corner: Point, size: tuple[float, float], value: float, scale: float
) -> None:
    """A number on a ground that is the stronger the larger it is, hatched where it is negative.

    Where the cell is too narrow for the number a sign stands for it.
    """
    x, y = corner
    drawing.parts.append(
        f'<g transform="translate({x:.1f} {y:.1f})">{_cell(size, value, scale)}</g>'
    )


@lru_cache(maxsize=2048)
def _cell(size: tuple[float, float], value: float, scale: float) -> str:
    """The shapes of a cell at the origin: of hundreds, few change from step to step."""
    width, height = size
    cell = Drawing(width, height, label="")
    strength = 0.55 * min(1.0, abs(value) / scale)
    ground, line = BLUE if value > 0 else NEGATIVE, {"stroke": QUIET, "stroke_width": 0.5}
    cell.rect((0, 0), width, height, ground, opacity=strength, **line)
    if value < 0:
        _hatch(cell)
    words = number_text(value)
    if 0.82 * text_width(words, TINY) > width:
        words = "+" if value > 0 else "–" if value < 0 else "0"
    letters = SMALL if 0.85 * text_width(words, SMALL) < width else TINY
    cell.text(width / 2, height / 2 + 0.36 * letters, words, size=letters)
    return "".join(cell.parts)


def _hatch(cell: Drawing) -> None:
    """Rising lines, 8 pixels apart, cut at the edges."""
    for number in range(math.ceil((cell.width + cell.height) / 8) - 1):
        foot = 8 * (number + 1) - cell.height
        start, end = max(foot, 0.0), min(foot + cell.height, cell.width)
        low, high = cell.height - (start - foot), cell.height - (end - foot)
        cell.line((start, low), (end, high), NEGATIVE, width=0.9)


# -- the weights ---------------------------------------------------------------------------------------------------


def weights_drawing(frame: UnrolledFrame, width: float = WEIGHTS) -> Drawing:
    """All weights, in the same place at every step; what the step uses is framed."""
    cell = frame.run.cell
    d, k = len(cell.h_1), len(cell.symbols)
    gap, names = 10.0, 14.0
    size = min(34.0, (width - 2 * gap - names - 4) / (2 * d + k))
    drawing = Drawing(width, _height(frame), label=_weights_label(frame))
    title = "the weights, the same at every step"
    drawing.text(2, 15, title, anchor="start", size=13, bold=True)
    matrices = {"W_hh": cell.W_hh, "W_xh": cell.W_xh, "W_hy": cell.W_hy}
    scale = max(float(np.abs(w).max()) for w in matrices.values()) or 1.0
    left = 2.0
    for name, matrix in matrices.items():
        left += names if name == "W_hy" else 0.0
        used = used_columns(frame, name)
        colour = QUIET if used is None else _strong(frame)
        drawing.text(left, 38, name, anchor="start", size=13, colour=colour)
        for (row, column), value in np.ndenumerate(matrix):
            corner = (left + size * column, HEAD + ROW * row)
            draw_cell(drawing, corner, (size, ROW), float(value), scale)
        if name == "W_xh":
            for number, symbol in enumerate(map(shown_symbol, cell.symbols)):
                drawing.text(left + size * (number + 0.5), HEAD - 6, symbol, size=SMALL)
        elif name == "W_hy":
            _draw_row_names(drawing, frame, left - 5, "end")
        if used is not None:
            first, count = used
            corner, height = (left + size * first, HEAD), ROW * len(matrix)
            drawing.rect(corner, size * count, height, "none", stroke=colour, stroke_width=3)
        left += size * matrix.shape[1] + gap
    return drawing


def used_columns(frame: UnrolledFrame, name: str) -> tuple[int, int] | None:
    """(first column, how many) of a matrix that the step uses; None where it uses none."""
    move, run = frame.move, frame.run
    last = move.t == len(run) - 1
    whole = {"predict": "W_hy", "update": "W_hh", "back": "W_hy" if last else "W_hh"}
    if whole.get(move.kind) == name:
        return 0, len(run.cell.h_1)
    if (move.kind, name) == ("update", "W_xh"):
        return int(run.indices[move.t]), 1
    return None


def _weights_label(frame: UnrolledFrame) -> str:
    used = [name for name in ("W_hh", "W_xh", "W_hy") if used_columns(frame, name)]
    return f"the matrices W_hh, W_xh and W_hy; this step uses {' and '.join(used) or 'none'}"


def _draw_row_names(drawing: Drawing, frame: UnrolledFrame, at: float, anchor: str) -> None:
    for row, symbol in enumerate(frame.run.cell.symbols):
        base = HEAD + ROW * (row + 0.5) + 4
        drawing.text(at, base, shown_symbol(symbol), anchor=anchor, size=SMALL)


def _height(frame: UnrolledFrame) -> float:
    """Of both drawings, so that nothing moves from step to step."""
    cell = frame.run.cell
    return HEAD + ROW * max(len(cell.h_1), len(cell.symbols)) + 26


def _strong(frame: UnrolledFrame) -> str:
    return GREEN if frame.move.kind == "back" else ACCENT


# -- the step written out ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    """Numbers one above the other.

    Attributes:
        title: above the numbers.
        values: one a row.
        before: a sign between the column before and this one.
        symbols: on which side the rows have the names of the symbols, "left" or "right"; empty for none.
        result: whether this is what the step is for.
        row: the only row of a result that is framed; all of them unless given.
        scale: the size of the number with the strongest ground.
    """

    title: str
    values: np.ndarray
    before: str = ""
    symbols: str = ""
    result: bool = False
    row: int | None = None
    scale: float = 1.0


def numbers_drawing(frame: UnrolledFrame, width: float = NUMBERS) -> Drawing:
    """What the step computes, in columns from left to right; what it is for is framed."""
    title, columns, below = written_out(frame)
    told = [
        f"{column.title}: {', '.join(number_text(value) for value in column.values.tolist())}"
        for column in columns
    ]
    drawing = Drawing(width, _height(frame), label=f"{title}; {'; '.join(told)}; {below}")
    for base, words in ((15.0, title), (drawing.height - 6, below)):
        letters = min(13.0, 13 * width / (0.9 * text_width(words, 13)))
        drawing.text(2, base, words, anchor="start", size=letters, bold=words == title)
    gap, side = 20.0, 16.0
    size = min(54.0, (width - 2 * side - gap * (len(columns) - 1)) / len(columns))
    left = side
    for column in columns:
        _draw_column(drawing, frame, column, left, size)
        if column.before:
            middle = HEAD + ROW * len(column.values) / 2 + 5
            drawing.text(left - gap / 2, middle, column.before, bold=True)
        left += size + gap
    return drawing


def _draw_column(
    drawing: Drawing, frame: UnrolledFrame, column: Column, left: float, size: float
) -> None:
    colour = _strong(frame) if column.result else "currentColor"
    letters = min(13.0, 13 * (size + 18) / (0.85 * text_width(column.title, 13)))
    middle = left + size / 2
    drawing.text(middle, HEAD - 8, column.title, size=letters, bold=column.result, colour=colour)
    for row, value in enumerate(column.values.tolist()):
        draw_cell(drawing, (left, HEAD + ROW * row), (size, ROW), value, column.scale)
    if column.symbols:
        at, anchor = (left - 5, "end") if column.symbols == "left" else (left + size + 5, "start")
        _draw_row_names(drawing, frame, at, anchor)
    if column.result:
        first, count = (0, len(column.values)) if column.row is None else (column.row, 1)
        corner = (left, HEAD + ROW * first)
        drawing.rect(corner, size, ROW * count, "none", stroke=colour, stroke_width=3)


def written_out(frame: UnrolledFrame) -> tuple[str, list[Column], str]:
    """What stands above the columns, the columns, and what stands below them."""
    makers = {
        "start": _start,
        "predict": _prediction,
        "see": _payment,
        "update": _update,
        "back": _derivative,
    }
    return makers[frame.move.kind](frame)


def _start(frame: UnrolledFrame) -> tuple[str, list[Column], str]:
    cell = frame.run.cell
    sizes = [w.size for w in (cell.W_hh, cell.W_xh, cell.W_hy, cell.h_1)]
    below = f"{' + '.join(map(str, sizes))} = {cell.num_parameters} numbers"
    return "the first state, learnt too", [Column("h1", cell.h_1, result=True)], below


def _prediction(frame: UnrolledFrame) -> tuple[str, list[Column], str]:
    run, t = frame.run, frame.move.t
    scores = run.scores[t]
    columns = [
        Column(f"h{t + 1}", run.states[t]),
        Column(f"W_hy h{t + 1}", scores, "→", scale=_scale(scores)),
        Column(f"p(x{t + 1})", run.probs[t], "→", symbols="right", result=True),
    ]
    title = f"p(x{t + 1} | x<{t + 1}) = softmax(W_hy h{t + 1})" if t else "p(x1) = softmax(W_hy h1)"
    symbol = shown_symbol(run.word[t])
    return title, columns, f"the true symbol, {symbol}, has p = {run.probs[t, run.indices[t]]:.4f}"


def _payment(frame: UnrolledFrame) -> tuple[str, list[Column], str]:
    run, t = frame.run, frame.move.t
    true = int(run.indices[t])
    costs = run.costs[t]
    columns = [
        Column(f"p(x{t + 1})", run.probs[t], symbols="left"),
        Column("-ln p", costs, "→", result=True, row=true, scale=_scale(costs)),
    ]
    below = (
        f"-ln {run.probs[t, true]:.4f} = {run.losses[t]:.3f} nats for {shown_symbol(run.word[t])}"
    )
    return f"the loss of x{t + 1} = {shown_symbol(run.word[t])}", columns, below


def _update(frame: UnrolledFrame) -> tuple[str, list[Column], str]:
    run, t = frame.run, frame.move.t
    summands = run.from_state[t], run.from_input[t]
    scale = _scale(np.array([*summands, sum(summands)]))
    columns = [
        Column(f"W_hh h{t + 1}", summands[0], scale=scale),
        Column(f"W_xh x{t + 1}", summands[1], "+", scale=scale),
        Column("sum", sum(summands), "=", scale=scale),
        Column(f"h{t + 2}", run.states[t + 1], "→", result=True),
    ]
    symbol = shown_symbol(run.word[t])
    title = f"h{t + 2} = tanh(W_hh h{t + 1} + W_xh x{t + 1})"
    return title, columns, f"W_xh x{t + 1} is column {symbol}; → is tanh"


def _derivative(frame: UnrolledFrame) -> tuple[str, list[Column], str]:
    """∂h names the derivative of the last loss with respect to h."""
    run, t = frame.run, frame.move.t
    last, scale = len(run) - 1, _scale(run.gradients)
    result = Column(f"∂h{t + 1}", run.gradients[t], "→", result=True, scale=scale)
    if t == last:
        columns = [Column(f"p - x{t + 1}", run.score_gradient, symbols="left"), result]
        return f"∂h{t + 1} = W_hyᵀ (p - x{t + 1})", columns, f"size {run.norms[t]:.3g}"
    before, slope = run.gradients[t + 1], run.slopes[t]
    columns = [
        Column(f"∂h{t + 2}", before, scale=scale),
        Column(f"1-h{t + 2}²", slope, "×"),
        Column("product", slope * before, "=", scale=scale),
        result,
    ]
    below = f"size {run.norms[t + 1]:.3g} → {run.norms[t]:.3g}"
    return f"∂h{t + 1} = W_hhᵀ ((1 - h{t + 2}²) × ∂h{t + 2})", columns, below


def _scale(values: np.ndarray) -> float:
    """The size of the largest number, 1 where all are 0."""
    return float(np.abs(values).max()) or 1.0
