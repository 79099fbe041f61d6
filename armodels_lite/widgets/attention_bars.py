"""The row of one query as bars, and its output as a sum of weighted values: drawings that every event has."""

from __future__ import annotations

import numpy as np

from .attention_state import AttentionFrame
from .attention_words import channel_name, number, ordinal
from .svg import ACCENT, BLUE, QUIET, Drawing
from .ticks import tick_texts

__all__ = ["BARS", "bars_drawing", "parts_drawing", "shown_columns", "title_words"]

BARS = 276  # pixels on the screen
MOST, COMPACT_MOST, HIDDEN = 12, 8, 4  # bars; of these at most so many that the mask strikes out
MOST_PARTS, COMPACT_PARTS = 9, 6
HEAD, ROW, FOOT = 44.0, 20.0, 24.0  # pixels: above the rows, a row, below them
NUMBER, SMALL = 44, 12.5
LONGEST = 15  # letters of a name


def title_words(frame: AttentionFrame) -> str:
    """What the stage shows, in a word or two."""
    words = ("q·k", f"q·k / √{frame.size}", "masked score", "weight", "part of the output")[
        frame.step
    ]
    return f"mean {words}" if frame.is_mean and frame.step < 4 else words


def row_name(frame: AttentionFrame, column: int) -> str:
    """What a column has read, short: 'start', '5th o', 'row 3, col 4'."""
    event = frame.event
    if column == 0:
        return "start"
    if event.unit == "pixel":
        channel, row, place = event.place(column - 1)
        if event.shape[0] == 1:
            return f"row {row + 1}, col {place + 1}"
        return f"{row + 1}, {place + 1} {channel_name(event, channel)}"
    name, place = event.names[column - 1], int(event.order[column - 1]) + 1
    words = f"x{place} = {name}" if event.unit == "variable" else f"{ordinal(place)} {name}"
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 1]}…"


def shown_columns(frame: AttentionFrame, most: int = MOST) -> list[int]:
    """The columns with a bar. At the first four stages the same: those of the largest weights, and of what the mask
    strikes out a few that would have the largest, sorted by the weight without the mask. Then the longest parts."""
    if frame.step == 4:
        order = np.argsort(-frame.contributions, kind="stable")
        return order[frame.allowed[order]][:most].tolist()
    order = np.lexsort((frame.scaled, frame.unmasked))[::-1]
    hidden = order[~frame.allowed[order]][:HIDDEN]
    seen = order[frame.allowed[order]]
    if frame.is_mean:  # a mask moves the weights of the heads differently
        seen = seen[np.argsort(-frame.weights[seen], kind="stable")]
    chosen = {*hidden.tolist(), *seen[: most - len(hidden)].tolist()}
    return [column for column in order.tolist() if column in chosen]


# -- bars ----------------------------------------------------------------------------------------------------------


def bars_drawing(frame: AttentionFrame, width: float = BARS, *, compact: bool = False) -> Drawing:
    """The query's row: the strongest columns with their numbers."""
    columns = shown_columns(frame, COMPACT_MOST if compact else MOST)
    unseen = (int(frame.allowed.sum()) if frame.step == 4 else len(frame.event)) - len(columns)
    height = HEAD + ROW * (len(columns) + (unseen > 0)) + FOOT
    drawing = Drawing(width, height, label=_bars_label(frame, columns))
    drawing.text(2, 14, f"{title_words(frame)} of this query", anchor="start", bold=True, size=13)
    _key(drawing, frame)
    values, outline = frame.current, _outline(frame)
    names = [row_name(frame, column) for column in columns]
    more = [f"{unseen} more"] if unseen else []
    left = 12 + 0.56 * SMALL * max(map(len, [*names, *more]))
    axis = _Axis(drawing, _ends(frame, columns), (left, width - NUMBER - 6))
    for row, column in enumerate(columns):
        gone = frame.step >= 2 and not frame.allowed[column]
        was = None if outline is None else float(outline[column])
        top = HEAD + ROW * row
        _name(drawing, names[row], left, top, quiet=gone)
        axis.bar(top, float(values[column]), was)
        told = "0" if gone and frame.step == 3 else number(float(values[column]))
        _number(drawing, told, top, quiet=gone)
    if more:
        top = HEAD + ROW * len(columns)
        drawing.text(left - 6, top + 14, more[0], anchor="end", size=SMALL, colour=QUIET)
        if frame.step == 3:
            rest = max(0.0, 1.0 - float(frame.weights[columns].sum()))
            _number(drawing, number(rest), top, quiet=True)
    axis.ticks()
    return drawing


def _outline(frame: AttentionFrame) -> np.ndarray | None:
    """(L,) what to compare with: before the scaling; without the mask; the value itself, of which the part is a share
    as large as the weight."""
    if frame.step == 3 and not frame.leaked:
        return None
    return (None, frame.scores, None, frame.unmasked, frame.lengths)[frame.step]


def _key(drawing: Drawing, frame: AttentionFrame) -> None:
    outline = _outline(frame)
    if outline is None:
        return
    drawing.rect((4, 22), 20, 10, "none", stroke="currentColor", stroke_width=1)
    told = ("", "before the division", "", "without the mask", "|v|; filled: weight × |v|")[
        frame.step
    ]
    drawing.text(29, 31.5, told, anchor="start", size=SMALL)


def _ends(frame: AttentionFrame, columns: list[int]) -> tuple[float, float]:
    """The range of the axis: all bars and outlines, and 0."""
    outline = _outline(frame)
    rows = [
        frame.scaled if frame.step == 2 else frame.current,
        *([] if outline is None else [outline]),
    ]
    shown = np.concatenate([row[columns] for row in rows])
    low, high = min(0.0, float(shown.min())), max(0.0, float(shown.max()))
    return (low, high) if high > low else (0.0, 1.0)


class _Axis:
    """A horizontal axis with bars above it, from 0."""

    def __init__(
        self, drawing: Drawing, ends: tuple[float, float], sides: tuple[float, float]
    ) -> None:
        self.drawing, self.ends, self.sides = drawing, ends, sides
        self.bottom = drawing.height - FOOT
        drawing.line((sides[0], self.bottom), (sides[1], self.bottom), QUIET)
        zero = self.place(0.0)
        drawing.line((zero, HEAD - 4), (zero, self.bottom), QUIET)

    def place(self, value: float) -> float:
        (low, high), (left, right) = self.ends, self.sides
        return left + (value - low) / (high - low) * (right - left)

    def bar(self, top: float, value: float, outline: float | None) -> None:
        thin = outline is not None
        if np.isfinite(value):
            start, end = sorted((self.place(0.0), self.place(value)))
            self.drawing.rect((start, top + (6 if thin else 3)), end - start, 7 if thin else 13)
        if outline is not None:
            start, end = sorted((self.place(0.0), self.place(outline)))
            self.drawing.rect(
                (start, top + 3), end - start, 13, "none", stroke="currentColor", stroke_width=1
            )

    def ticks(self) -> None:
        for value, words in tick_texts(*self.ends, 3).items():
            x = self.place(value)
            self.drawing.line((x, self.bottom), (x, self.bottom + 4), QUIET)
            words = words.replace("-", "\N{MINUS SIGN}")
            self.drawing.text(self.drawing.inside(x, words, 12), self.bottom + 17, words, size=12)


def _name(drawing: Drawing, words: str, right: float, top: float, *, quiet: bool) -> None:
    colour = QUIET if quiet else "currentColor"
    drawing.text(right - 6, top + 14, words, anchor="end", size=SMALL, colour=colour)
    if quiet:  # struck out
        start = right - 6 - 0.53 * SMALL * len(words)
        drawing.line((start, top + 10), (right - 6, top + 10), QUIET, width=1)


def _number(drawing: Drawing, words: str, top: float, *, quiet: bool = False) -> None:
    colour = QUIET if quiet else "currentColor"
    drawing.text(drawing.width - 4, top + 14, words, anchor="end", size=SMALL, colour=colour)


def _bars_label(frame: AttentionFrame, columns: list[int]) -> str:
    told = ", ".join(f"{row_name(frame, k)} {number(float(frame.current[k]))}" for k in columns)
    return f"{title_words(frame)} of the query at step {frame.query + 1}: {told}"


# -- the output ----------------------------------------------------------------------------------------------------


def parts_drawing(frame: AttentionFrame, width: float, *, compact: bool = False) -> Drawing:
    """The output as a sum: weight times value of each column, number by number, the longest first; below, the sum."""
    most = COMPACT_PARTS if compact else MOST_PARTS
    order = np.argsort(-frame.contributions, kind="stable")[: int(frame.allowed.sum())]
    shown, rest = order[:most].tolist(), order[most:]
    rows = [(row_name(frame, k), frame.parts[k], k) for k in shown]
    if len(rest):
        rows.append((f"{len(rest)} more", frame.parts[rest].sum(0), None))
    high = 30.0
    drawing = Drawing(width, HEAD + high * (len(rows) + 1) + 10, label=_parts_label(frame, shown))
    drawing.text(2, 14, "weight × value, added up", anchor="start", bold=True, size=13)
    left = 14 + max(0.56 * SMALL * len(name) for name, _, _ in [*rows, ("output", None, None)])
    right = width - NUMBER - 6
    if not compact:
        right = _columns_of_numbers(drawing, frame, shown, high)
    drawing.text(left, 34, f"{len(frame.output)} numbers", anchor="start", size=SMALL)
    drawing.text(drawing.width - 4, 34, "norm", anchor="end", size=SMALL)
    scale = (
        max(float(np.abs(part).max()) for _, part, _ in [*rows, ("", frame.output, None)]) or 1.0
    )
    for row, (name, part, _) in enumerate([*rows, ("output", frame.output, None)]):
        last = row == len(rows)
        top = HEAD + high * row + (6 if last else 0)
        drawing.text(left - 8, top + 18, name, anchor="end", size=SMALL, bold=last)
        _numbers(drawing, part / scale, (left, right), (top, high - 3), ACCENT if last else BLUE)
        told = number(float(np.linalg.norm(part)))
        drawing.text(drawing.width - 4, top + 18, told, anchor="end", size=SMALL, bold=last)
    line = HEAD + high * len(rows) + 1
    drawing.line((2, line), (width - 2, line), QUIET)
    return drawing


def _columns_of_numbers(
    drawing: Drawing, frame: AttentionFrame, shown: list[int], high: float
) -> float:
    """Weight and, of a single head, |v| of each column; the left end of what they take."""
    heads = (
        {"weight": frame.weights}
        if frame.is_mean
        else {"weight": frame.weights, "× |v|": frame.lengths}
    )
    for place, (name, values) in enumerate(reversed(heads.items())):
        x = drawing.width - 4 - 52 * (place + 1)
        drawing.text(x, 34, name, anchor="end", size=SMALL)
        for row, column in enumerate(shown):
            told = number(float(values[column]))
            drawing.text(x, HEAD + high * row + 18, told, anchor="end", size=SMALL)
    return drawing.width - 4 - 52 * len(heads) - 52


def _numbers(
    drawing: Drawing,
    shares: np.ndarray,
    sides: tuple[float, float],
    place: tuple[float, float],
    colour: str,
) -> None:
    """A vector as bars side by side, upwards where it is positive, downwards where it is negative."""
    (left, right), (top, high) = sides, place
    middle, step = top + high / 2, (right - left) / len(shares)
    wide = max(0.6, 0.8 * step)
    path = "".join(
        f"M{left + step * k:.1f} {middle:.1f}h{wide:.1f}v{-share * high / 2:.1f}h{-wide:.1f}z"
        for k, share in enumerate(shares.tolist())
    )
    drawing.parts.append(f'<path d="{path}" fill="{colour}"/>')
    drawing.line((left, middle), (right, middle), QUIET, width=0.6)


def _parts_label(frame: AttentionFrame, shown: list[int]) -> str:
    told = ", ".join(f"{row_name(frame, k)} {number(float(frame.contributions[k]))}" for k in shown)
    return f"norms of weight times value: {told}; of the output {number(float(np.linalg.norm(frame.output)))}"
