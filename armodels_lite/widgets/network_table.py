"""One variable's table of a Bayes net as a drawing: the row in use, and how a value is drawn from it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .network_state import Decision
from .network_view import Naming
from .svg import ACCENT, QUIET, Drawing, text_width

__all__ = ["draw_decision", "draw_factors", "shares"]

SMALL, LINE, PAD = 13, 20, 14  # pixels: size of letters, height of a row, between columns
MARK = 20  # the column of the arrow at the row in use
MOST_ROWS, MOST_COLUMNS = 8, 6  # of a larger table the part around the row in use
LONGEST = 14  # letters of a name in a cell
LEGIBLE = 10.0  # pixels: no letters smaller than these
NARROWEST, INTERVAL = 300.0, 92.0  # width of the drawing, height of its lower part


def draw_decision(
    naming: Naming, decision: Decision, parents: Sequence[int], *, ones_first: bool
) -> Drawing:
    """The table of a variable with the row in use, and below it the draw from that row.

    Args:
        decision: how the variable got its value.
        parents: its parents.
        ones_first: see `shares`.
    """
    v, row, u = decision.variable, decision.row, decision.u
    cells, used, chosen = _cells(naming, decision, parents)
    widths = _widths(cells)
    title = naming.conditional(v, parents)
    width = max(NARROWEST, MARK + sum(widths) + 2, min(text_width(title), 380.0))
    height = 26 + LINE * len(cells) + 30
    probs = decision.probs
    told = ", ".join(f"{p:.3f} for {n}" for p, n in zip(probs, naming.values[v], strict=True))
    state = ", ".join(naming.says(w, k) for w, k in zip(parents, row, strict=True))
    label = f"table {title}, row in use{f' {state}' if state else ''}: {told}; u = {u:.3f}"
    drawing = Drawing(width, height + INTERVAL, label=label)
    words, size = _fitted(title, width)
    drawing.text(2, 16, words, anchor="start", bold=True, size=size)
    _draw_cells(drawing, cells, widths, used, chosen, len(parents))
    _draw_interval(drawing, height, naming.values[v], shares(probs, ones_first), decision)
    return drawing


def shares(probs: np.ndarray, ones_first: bool) -> list[tuple[int, float, float]]:
    """The interval (0, 1) divided among the values: (value, low, high), from the left.

    A Bernoulli variable is 1 where u is small (`ones_first`), a Categorical one is 0 there.

    >>> shares(np.array([0.25, 0.75]), ones_first=True)
    [(1, 0.0, 0.75), (0, 0.75, 1.0)]
    """
    order = range(len(probs))[::-1] if ones_first else range(len(probs))
    highs = np.cumsum([probs[k] for k in order])
    highs[-1] = 1.0  # rounding may leave it a little beside
    lows = [0.0, *highs[:-1].tolist()]
    return list(zip(order, lows, highs.tolist(), strict=True))


def draw_factors(lines: Sequence[str], title: str) -> Drawing:
    """Lines of text below a title, at most a dozen."""
    if len(lines) > 12:
        lines = [*lines[:11], f"… and {len(lines) - 11} more"]
    width = max(NARROWEST, *(min(text_width(words), 380.0) for words in [title, *lines]))
    drawing = Drawing(width, 34 + LINE * len(lines), label=f"{title} {' '.join(lines)}")
    drawing.text(2, 16, title, anchor="start", bold=True)
    for number, words in enumerate(lines):
        words, size = _fitted(words, width)
        drawing.text(2, 42 + LINE * number, words, anchor="start", size=size)
    return drawing


def _fitted(words: str, width: float) -> tuple[str, float]:
    """Words and the size of letters that fit a width: smaller ones, and where they would be illegible, fewer."""
    size = min(14.0, 14 * width / text_width(words))
    if size >= LEGIBLE:
        return words, size
    return words[: int(width / text_width("x", LEGIBLE)) - 1].rstrip() + "…", LEGIBLE


# -- the table -----------------------------------------------------------------------------------------------------


def _cells(
    naming: Naming, decision: Decision, parents: Sequence[int]
) -> tuple[list[list[str]], int, int]:
    """Lines of text, the heads first; which line is in use; which column holds the value's probability."""
    v, table, value = decision.variable, decision.table, decision.value
    counts = table.shape[:-1]
    total = int(np.prod(counts, dtype=np.int64))
    in_use = int(np.ravel_multi_index(decision.row, counts)) if parents else 0
    rows, columns = _window(total, in_use, MOST_ROWS), _window(table.shape[-1], value, MOST_COLUMNS)
    more_left, more_right = columns.start > 0, columns.stop < table.shape[-1]

    def line(names: Sequence[str], numbers: Sequence[str]) -> list[str]:
        return [*names, *["…"] * more_left, *numbers, *["…"] * more_right]

    width = len(parents) + len(columns) + more_left + more_right
    lines = [
        line(
            [_short(naming.variables[w]) for w in parents],
            [_short(f"p({naming.values[v][k]})") for k in columns],
        )
    ]
    if rows.start > 0:
        lines.append([f"({rows.start} more)", *[""] * (width - 1)])
    used = len(lines) + in_use - rows.start
    for k in rows:
        state = np.unravel_index(k, counts) if parents else ()
        names = [_short(naming.values[w][i]) for w, i in zip(parents, state, strict=True)]
        lines.append(line(names, [f"{table[(*state, i)]:.3f}" for i in columns]))
    if rows.stop < total:
        lines.append([f"({total - rows.stop} more)", *[""] * (width - 1)])
    return lines, used, len(parents) + more_left + value - columns.start


def _window(count: int, chosen: int, most: int) -> range:
    """All of 0..count-1, or `most` of them around the one chosen."""
    first = min(max(chosen - most // 2, 0), max(count - most, 0))
    return range(first, min(first + most, count))


def _short(words: str) -> str:
    return words if len(words) <= LONGEST else words[: LONGEST - 1].rstrip() + "…"


def _widths(cells: Sequence[Sequence[str]]) -> list[float]:
    """Of the columns. A note of rows left out may run across several."""
    lines = [line for line in cells if not _is_note(line)]
    return [
        max(text_width(words, SMALL) for words in column) + PAD
        for column in zip(*lines, strict=True)
    ]


def _is_note(line: Sequence[str]) -> bool:
    return len(line) > 1 and not any(line[1:])


def _draw_cells(
    drawing: Drawing,
    cells: Sequence[Sequence[str]],
    widths: Sequence[float],
    used: int,
    chosen: int,
    names: int,
) -> None:
    """The lines of the table: an arrow and a tint at the one in use, a frame around the number that counts."""
    right = MARK + sum(widths)
    for number, line in enumerate(cells):
        top = 26 + LINE * number
        if number == used:
            drawing.rect((MARK, top), right - MARK, LINE, opacity=0.35)
            corners = [(5, top + 4), (5, top + LINE - 4), (MARK - 4, top + LINE / 2)]
            drawing.polygon(corners)
        left = MARK
        for column, (words, width) in enumerate(zip(line, widths, strict=True)):
            this = number == used and column == chosen
            if this:
                drawing.rect((left, top), width, LINE, "none", stroke=ACCENT, stroke_width=2.5)
            bold = number == 0 or this
            place = left + width / 2
            if _is_note(line):
                drawing.text(left + 6, top + 15, words, anchor="start", size=SMALL, colour=QUIET)
            else:
                drawing.text(place, top + 15, words, bold=bold, size=SMALL)
            left += width
    drawing.line((MARK, 26 + LINE), (right, 26 + LINE), QUIET)
    if names:
        edge = MARK + sum(widths[:names])
        drawing.line((edge, 28), (edge, 26 + LINE * len(cells)), QUIET)


# -- the draw ------------------------------------------------------------------------------------------------------


def _draw_interval(
    drawing: Drawing,
    top: float,
    names: Sequence[str],
    parts: Sequence[tuple[int, float, float]],
    decision: Decision,
) -> None:
    """The interval (0, 1) with a share for each value and a tick at u."""
    value, u, given = decision.value, decision.u, decision.given
    left, right, high, low = 14.0, drawing.width - 14.0, top + 16, top + 50

    def x(share: float) -> float:
        return left + share * (right - left)

    for k, start, end in parts:
        if k == value:
            drawing.rect((x(start), high), x(end) - x(start), low - high)
        # A share too narrow for its name goes without: the table says it all.
        words = _short(names[k])
        if x(end) - x(start) > text_width(words, SMALL) + 4:
            colour = "#000000" if k == value else "currentColor"
            place = _beside(x(u), x(start), x(end), text_width(words, SMALL))
            drawing.text(place, high + 22, words, colour=colour, bold=k == value, size=SMALL)
        if end < 1:
            drawing.line((x(end), high), (x(end), low + 5), width=1.5)
    drawing.rect((x(0), high), x(1) - x(0), low - high, "none", stroke="currentColor")
    words = f"u = {u:.3f}, not used" if given else f"u = {u:.3f}"
    colour = QUIET if given else ACCENT
    drawing.line((x(u), high - 8), (x(u), low + 8), colour, width=3, dashed=given)
    drawing.text(drawing.inside(x(u), words), high - 13, words, bold=not given)
    _draw_bounds(drawing, low + 22, [(x(end), end) for _, _, end in parts], x(0))


def _beside(tick: float, start: float, end: float, width: float) -> float:
    """The middle of a share, or of the larger part of it beside the tick if there words would meet the tick."""
    middle = (start + end) / 2
    if abs(tick - middle) > width / 2 + 4 or not start < tick < end:
        return middle
    low, high = max((start, tick), (tick, end), key=lambda part: part[1] - part[0])
    return (low + high) / 2 if high - low > width + 8 else middle


def _draw_bounds(
    drawing: Drawing, base: float, bounds: Sequence[tuple[float, float]], zero: float
) -> None:
    """Numbers below the bounds of the shares, those left out that would run into another; 0 and 1 come last."""
    free: list[float] = []
    inner = [(place, f"{share:.3f}") for place, share in bounds if 0 < share < 1]
    for place, words in [*inner, (zero, "0"), (bounds[-1][0], "1")]:
        place = drawing.inside(place, words, SMALL)
        half = text_width(words, SMALL) / 2
        if all(abs(place - other) > half + 22 for other in free):
            drawing.text(place, base, words, size=SMALL)
            free.append(place)
