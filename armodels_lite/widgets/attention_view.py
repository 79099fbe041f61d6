"""The attention of one query to a sequence as drawings: the text shaded, and the matrix of all queries and keys."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

import numpy as np

from .attention_bars import title_words
from .attention_state import AttentionFrame, Event
from .attention_words import number
from .cutting import Point
from .svg import ACCENT, BLUE, QUIET, Drawing, text_width

__all__ = [
    "COMPACT",
    "MATRIX",
    "flow",
    "hatch",
    "matrix_drawing",
    "squares",
    "text_drawing",
    "window",
]

TEXT, MATRIX, COMPACT = 664, 380, 236  # pixels on the screen; COMPACT for everything in a strip
MOST_STEPS, COMPACT_STEPS = 40, 18  # queries and keys in the matrix
MOST_LINES = 7  # of the text
CELL, HIGH = 10.0, 23.0  # pixels: the width of a letter, the height of a line of text
MARGIN, SMALL = 6, 13
TEXT_SHADE, SHADE = (
    0.6,
    0.95,
)  # opacity of the largest share; letters stay legible on that of the text
SIGNS = {"space": "␣", "newline": "⏎", "tab": "⇥", "end": "\N{BLACK SQUARE}"}
LONGEST = 10  # letters of a word beside the matrix


def glyph(event: Event, variable: int, longest: int = LONGEST) -> str:
    """A value as short as it can be drawn: white space and the end by a sign, a long word cut."""
    name = event.names[variable]
    if event.unit == "character":
        return SIGNS.get(name, name)
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


# -- many cells in one shape ---------------------------------------------------------------------------------------


def squares(
    drawing: Drawing, corners: Sequence[Point], tones: np.ndarray, size: Point, full: float
) -> None:
    """Cells of one size, each the stronger the larger its share (n,); one shape for all of a tone, 32 tones."""
    width, height = size
    levels = np.round(32 * tones).astype(int)
    for level in range(1, 33):
        chosen = np.flatnonzero(levels == level)
        if len(chosen):
            path = "".join(
                f"M{corners[k][0]:.1f} {corners[k][1]:.1f}h{width:.1f}v{height:.1f}h{-width:.1f}z"
                for k in chosen
            )
            drawing.parts.append(
                f'<path d="{path}" fill="{BLUE}" fill-opacity="{full * level / 32:.3f}"/>'
            )


def hatch(drawing: Drawing, cells: Sequence[tuple[Point, Point]], colour: str = QUIET) -> None:
    """Slanting lines in each cell, (corner, (width, height)), about 10 pixels apart."""
    path = []
    for (x, y), (width, height) in cells:
        count = max(1, round(width / 10))
        for k in range(count):
            path.append(
                f"M{x + width * k / count:.1f} {y + height:.1f}l{width / count:.1f} {-height:.1f}"
            )
    if path:
        drawing.parts.append(
            f'<path d="{"".join(path)}" stroke="{colour}" stroke-width="0.8" fill="none"/>'
        )


# -- the text ------------------------------------------------------------------------------------------------------


def flow(widths: Sequence[float], ends: Sequence[str], room: float) -> list[tuple[int, float]]:
    """(line, x) of each token, in lines as wide as `room`.

    Args:
        widths: of the tokens.
        ends: what a token ends: "" nothing, "word" or "space" a word, "line" a line. A space or the end of a line may
            hang over. A word that does not fit goes to the next line, one longer than a line is cut.

    >>> flow([1, 1, 1, 1, 1], ["", "space", "", "", ""], 4)  # 'a bcd': the word is moved
    [(0, 0.0), (0, 1.0), (1, 0.0), (1, 1.0), (1, 2.0)]
    """
    places: list[tuple[int, float]] = []
    line, x, word = 0, 0.0, 0
    for token, (width, end) in enumerate(zip(widths, ends, strict=True)):
        if x + width > room and x > 0 and end not in ("space", "line"):
            begun = sum(widths[word:token])
            moves = places[word:] and places[word][1] > 0 and begun + width <= room
            first = word if moves else token
            line, x, word = line + 1, 0.0, first
            for moved in range(first, token):
                places[moved] = (line, x)
                x += widths[moved]
        places.append((line, x))
        x += width
        if end:
            word = token + 1
        if end == "line":
            line, x = line + 1, 0.0
    return places


def text_drawing(frame: AttentionFrame) -> Drawing:
    """The sequence in its own order: each token shaded by what the query gives to the step that has read it."""
    event = frame.event
    variables = event.rank.tolist()  # of each token, the step at which it is drawn
    glyphs = ["start", *(glyph(event, variable, 30) for variable in variables)]
    letters = event.unit == "character"
    widths = [
        CELL if letters and k else 0.85 * CELL * len(words) + 9 for k, words in enumerate(glyphs)
    ]
    ends = ["word", *(_end(event, variable) for variable in variables)]
    places = flow(widths, ends, TEXT - 2 * MARGIN - CELL)
    first, lines = _lines([line for line, _ in places], places[1 + variables.index(frame.query)][0])
    head = 28.0
    drawing = Drawing(TEXT, head + lines * (HIGH + 3) + MARGIN, label=_text_label(frame))
    _text_legend(drawing, frame)
    shown = [k for k, (line, _) in enumerate(places) if first <= line < first + lines]
    corners = {
        k: (MARGIN + places[k][1], head + (places[k][0] - first) * (HIGH + 3)) for k in shown
    }
    columns = {k: variables[k - 1] + 1 if k else 0 for k in shown}
    tones = [_tone(frame, columns[k]) for k in shown]
    _shade(drawing, [(corners[k], (widths[k], HIGH)) for k in shown], tones)
    parts = []
    for k in shown:
        x, y = corners[k]
        words = "" if letters and k and glyphs[k] == "␣" else glyphs[k]
        quiet = k == 0 or words in ("⏎", "\N{BLACK SQUARE}")
        colour = QUIET if quiet else "currentColor"
        parts.append(
            f'<text x="{x + widths[k] / 2:.1f}" y="{y + 16.5:.1f}" fill="{colour}">{html.escape(words)}</text>'
        )
    drawing.parts.append(
        f'<g font-family="monospace" font-size="14.5" text-anchor="middle">{"".join(parts)}</g>'
    )
    target = 1 + variables.index(frame.query)
    drawing.rect(corners[target], widths[target], HIGH, "none", stroke=ACCENT, stroke_width=2.2)
    return drawing


def _end(event: Event, variable: int) -> str:
    if event.unit != "character":
        return "word"
    return {"space": "space", "newline": "line"}.get(event.names[variable], "")


def _lines(lines: list[int], line: int) -> tuple[int, int]:
    """The first line that is shown, and how many: all, or some around the query's."""
    count = lines[-1] + 1
    shown = min(count, MOST_LINES)
    return min(max(0, line - MOST_LINES // 2 - 1), count - shown), shown


def _tone(frame: AttentionFrame, column: int) -> float:
    """The share of a column; NaN where it is struck out; what no step reads is as later steps are."""
    if column < len(frame.event):
        return float(frame.tones[column])
    return 0.0 if frame.step < 2 else math.nan


def _shade(drawing: Drawing, cells: list[tuple[Point, Point]], tones: list[float]) -> None:
    for (corner, (width, height)), tone in zip(cells, tones, strict=True):
        if TEXT_SHADE * tone >= 0.01:  # not so for NaN
            drawing.rect(corner, width, height, BLUE, opacity=round(TEXT_SHADE * tone, 2))
    hatch(drawing, [cell for cell, tone in zip(cells, tones, strict=True) if math.isnan(tone)])


def _text_legend(drawing: Drawing, frame: AttentionFrame) -> None:
    left, y = float(MARGIN), 15.0
    low, high = legend_ends(frame)
    words = f"{title_words(frame)}: {low}"
    drawing.text(left, y, words, anchor="start", size=SMALL)
    left = tone_bar(drawing, left + 0.87 * text_width(words, SMALL) + 6, y, TEXT_SHADE)
    drawing.text(left + 5, y, high, anchor="start", size=SMALL)
    left += 5 + 0.87 * text_width(high, SMALL) + 16
    drawing.rect((left, y - 11), 12, 14, "none", stroke=ACCENT, stroke_width=2)
    drawing.text(left + 18, y, "predicted", anchor="start", size=SMALL)
    if frame.step >= 2:
        left += 100
        drawing.rect((left, y - 11), 12, 14, "none", stroke=QUIET, stroke_width=0.8)
        hatch(drawing, [((left, y - 11), (12, 14))])
        drawing.text(left + 18, y, "struck out", anchor="start", size=SMALL)


def tone_bar(drawing: Drawing, left: float, y: float, full: float) -> float:
    """From the smallest to the largest share, on a base line at y; its right end."""
    for tone in range(9):
        drawing.rect((left + 7 * tone, y - 11), 7, 14, BLUE, opacity=round(full * tone / 8, 2))
    drawing.rect((left, y - 11), 63, 14, "none", stroke=QUIET, stroke_width=0.8)
    return left + 63


def legend_ends(frame: AttentionFrame) -> tuple[str, str]:
    """What no shade and the full shade mean in the query's row."""
    if frame.step >= 3:
        return "0", number(float(frame.current.max()))
    whole = frame.scores if frame.step == 0 else frame.scaled
    low, high = (
        f"{value:.1f}".replace("-", "\N{MINUS SIGN}") for value in (whole.min(), whole.max())
    )
    return low, high


def _text_label(frame: AttentionFrame) -> str:
    event = frame.event
    gap = "" if event.unit == "character" else " "
    signs = {"space": " ", "newline": " "} if event.unit == "character" else {}
    text = gap.join(signs.get(event.names[k], event.names[k]) for k in event.rank.tolist())
    return f"the text, each token shaded by its {title_words(frame)}: {text}"


# -- the matrix ----------------------------------------------------------------------------------------------------


def window(length: int, query: int, most: int) -> tuple[int, int]:
    """The steps that are shown, first and one past the last: all, or `most` with the query at three quarters.

    >>> window(30, 5, 40), window(100, 60, 40), window(100, 99, 40)
    ((0, 30), (31, 71), (60, 100))
    """
    if length <= most:
        return 0, length
    first = min(max(0, query - 3 * most // 4 + 1), length - most)
    return first, first + most


def matrix_drawing(frame: AttentionFrame, *, compact: bool = False) -> Drawing:
    """The stage for all queries (rows) and keys (columns): each row shaded by its own range, the query framed."""
    event, width = frame.event, COMPACT if compact else MATRIX
    first, last = window(len(event), frame.query, COMPACT_STEPS if compact else MOST_STEPS)
    count = last - first
    rows = [glyph(event, variable) for variable in range(first, last)]
    columns = [glyph(event, s - 1) if s else "start" for s in range(first, last)]
    left = 20.0 + max(8.0, max(0.6 * 11 * len(words) for words in rows))
    top = 40.0 + max(
        8.0, max(0.6 * 11 * len(words) for words in columns if words != "start" or count > 1)
    )
    cell = min(26.0, (width - left - 2) / count)
    drawing = Drawing(width, top + cell * count + 4, label=_matrix_label(frame, first, last))
    told = f"{title_words(frame)}, every query"
    drawing.text(2, 14, told, anchor="start", bold=True, size=SMALL)
    if count < len(event):
        told = (
            f"steps {first + 1} to {last}"
            if compact
            else f"steps {first + 1} to {last} of {len(event)}"
        )
        drawing.text(
            width - 2, 14 if not compact else 30, told, anchor="end", size=12, colour=QUIET
        )
    drawing.text(left, 30, "has read", anchor="start", size=12, colour=QUIET)
    drawing.text(11, top + cell * count / 2, "predicts", size=12, colour=QUIET, turned=True)
    _heads(drawing, rows, columns, (left, top, cell), frame.query - first)
    shares = frame.matrix(first, last)
    corners = [(left + cell * s, top + cell * t) for t in range(count) for s in range(count)]
    flat = shares.ravel()
    seen = np.flatnonzero(np.isfinite(flat))
    squares(drawing, [corners[k] for k in seen], flat[seen], (cell, cell), SHADE)
    hatch(drawing, [(corners[k], (cell, cell)) for k in np.flatnonzero(np.isnan(flat))])
    drawing.rect((left, top), cell * count, cell * count, "none", stroke=QUIET, stroke_width=0.8)
    corner = left - 1, top + cell * (frame.query - first) - 1
    drawing.rect(corner, cell * count + 2, cell + 2, "none", stroke=ACCENT, stroke_width=2)
    return drawing


def _heads(
    drawing: Drawing,
    rows: list[str],
    columns: list[str],
    place: tuple[float, float, float],
    query: int,
) -> None:
    """The tokens beside the rows, and above the columns: read upwards where one has several letters."""
    left, top, cell = place
    size = min(11.0, max(7.0, 1.05 * cell))
    turned = any(len(words) > 1 for words in columns if words != "start")
    for k, words in enumerate(rows):
        y = top + cell * (k + 0.5) + 0.36 * size
        drawing.text(left - 4, y, words, anchor="end", size=size, bold=k == query)
    for k, words in enumerate(columns):
        x = left + cell * (k + 0.5)
        if turned or words == "start":
            x += 0.36 * size
            drawing.text(x, top - 4, words, anchor="start", size=size, turned=True)
        else:
            drawing.text(x, top - 5, words, size=size)


def _matrix_label(frame: AttentionFrame, first: int, last: int) -> str:
    return (
        f"matrix of {title_words(frame)}, queries as rows and keys as columns, steps {first + 1} to {last} of "
        f"{len(frame.event)}; the row of step {frame.query + 1} is framed"
    )
