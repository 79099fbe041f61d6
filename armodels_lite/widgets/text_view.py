"""A text being written: its pictures and its words, pure functions of a frame."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from .cutting import Point
from .numbers import told_apart
from .svg import ACCENT, BLUE, FILL, QUIET, Drawing, text_width
from .text_state import Alphabet, Choice, TextFrame

__all__ = [
    "bars_drawing",
    "caption",
    "choice_drawing",
    "explanation",
    "laid_out",
    "line_count",
    "score_words",
    "sentence",
    "text_drawing",
]

WIDTH, BARS, CHOICE = 660, 330, 314  # pixels: the text, and both charts below it side by side
COMPACT = 250  # of either drawing in a strip
COLUMNS, COMPACT_COLUMNS = 70, 28  # characters in a line
MOST_LINES = 14
SHADE = 0.6  # opacity of the highest surprise: letters stay legible on it, in the dark too
MARGIN, SMALL = 8, 13
MOST_LIKELY = 8  # symbols that the bars show; below them the one drawn and all others


# -- the text ------------------------------------------------------------------------------------------------------


def laid_out(levels: list[int], alphabet: Alphabet, columns: int) -> list[tuple[int, int]]:
    """(line, column) of each symbol, and of the one that would come next.

    Words that do not fit into a line of `columns` go to the next one, longer ones are cut. The space or the newline
    after a full line hangs over, in column `columns`.
    """
    places: list[tuple[int, int]] = []
    line = column = word = 0  # `word`: the symbol that the current word begins with
    for level in levels:
        symbol = alphabet.symbols[level] if level != alphabet.end else ""
        if symbol not in (" ", "\n") and column >= columns:
            moved = len(places) - word
            # A word that fills the line by itself, or is too long for any, stays where it began.
            if moved < columns:
                places[word:] = [(line + 1, i) for i in range(moved)]
                line, column = line + 1, moved
            else:
                line, column, word = line + 1, 0, len(places)
        elif column > columns:
            line, column = line + 1, 0
        places.append((line, column))
        column += 1
        if symbol == "\n":
            line, column = line + 1, 0
        if symbol in (" ", "\n"):
            word = len(places)
    if column > columns:
        line, column = line + 1, 0
    return [*places, (line, column)]


def line_count(frame: TextFrame, columns: int) -> int:
    """How many lines the picture has room for: the same at every step, so that nothing below it moves."""
    if "\n" in frame.alphabet.symbols:  # most lines are short
        return min(MOST_LINES, 3 + math.ceil(frame.length / min(20, 0.5 * columns)))
    return min(MOST_LINES, 1 + math.ceil(frame.length / (0.85 * columns)))


def text_drawing(frame: TextFrame, *, compact: bool = False) -> Drawing:
    """The text so far in letters of one width: the prompt underlined, what was written shaded by its surprise."""
    width, columns = (COMPACT, COMPACT_COLUMNS) if compact else (WIDTH, COLUMNS)
    cell = (width - 2 * MARGIN) / (columns + 1)  # one more for what hangs over
    head, high = (44 if compact else 26), 2.3 * cell
    places = laid_out(frame.levels, frame.alphabet, columns)
    lines = line_count(frame, columns)
    above = max(0, places[-1][0] + 1 - lines)
    drawing = Drawing(width, head + lines * high + MARGIN, label=_text_label(frame))
    _legend(drawing, frame, above, compact=compact)

    def corner(place: tuple[int, int]) -> Point:
        return MARGIN + place[1] * cell, head + (place[0] - above) * high

    letters: list[str] = []
    for index, (level, place) in enumerate(zip(frame.levels, places, strict=False)):
        if place[0] < above:
            continue
        left, top = corner(place)
        if index < len(frame.prompt):
            bottom = top + high - 3
            drawing.line((left, bottom), (left + cell, bottom), QUIET, width=2)
        else:
            surprise = frame.written[index - len(frame.prompt)].surprise
            opacity = _shade(surprise, len(frame.alphabet))
            if opacity >= 0.01:
                drawing.rect((left, top), cell, high - 1, BLUE, opacity=round(opacity, 2))
        letters.append(_letter(left + cell / 2, top + 1.6 * cell, level, frame.alphabet))
    drawing.parts.append(
        f'<g font-family="monospace" font-size="{1.65 * cell:.1f}" text-anchor="middle">{"".join(letters)}</g>'
    )
    if frame.current is not None:
        left, top = corner(places[-1])
        drawing.rect((left, top), cell, high - 1, "none", stroke=ACCENT, stroke_width=2)
    return drawing


def _letter(x: float, y: float, level: int, alphabet: Alphabet) -> str:
    glyph = alphabet.glyph(level)
    if not glyph:
        return ""
    mark = level == alphabet.end or alphabet.symbols[level] == "\n"
    colour = QUIET if mark else "currentColor"
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}">{html.escape(glyph)}</text>'


def _shade(surprise: float, levels: int) -> float:
    """The opacity of a surprise: full from ln K, what one of K equally likely symbols costs."""
    return SHADE * min(surprise / math.log(levels), 1.0)


def _legend(drawing: Drawing, frame: TextFrame, above: int, *, compact: bool) -> None:
    left, y = float(MARGIN), 15.0
    drawing.text(left, y, "surprise \N{MINUS SIGN}ln p: 0", anchor="start", size=SMALL)
    left += 116
    for tone in range(9):
        drawing.rect((left + 9 * tone, y - 12), 9, 15, BLUE, opacity=round(SHADE * tone / 8, 2))
    drawing.rect((left, y - 12), 81, 15, "none", stroke=QUIET, stroke_width=0.8)
    full = f"{math.log(len(frame.alphabet)):.1f}"
    more = f"{full}+" if compact else f"{full} nats or more"
    drawing.text(left + 87, y, more, anchor="start", size=SMALL)
    left, y = (float(MARGIN), 34.0) if compact else (left + 220, y)
    if frame.prompt:
        drawing.text(left, y, "prompt", anchor="start", size=SMALL)
        drawing.line((left, y + 5), (left + 46, y + 5), QUIET, width=2)
    if above:
        told = f"{above} line{'s' if above > 1 else ''} above"
        drawing.text(drawing.width - MARGIN, y, told, anchor="end", size=SMALL, colour=QUIET)


def _text_label(frame: TextFrame) -> str:
    levels, alphabet = frame.levels, frame.alphabet
    if not levels:
        return "text so far: nothing"
    symbols = [alphabet.symbols[level] for level in levels[: -1 if frame.ended else None]]
    seen = "".join(symbol if symbol.isprintable() else " " for symbol in symbols)
    return f"text so far: {seen}{' (end)' if frame.ended else ''}"


# -- the next character --------------------------------------------------------------------------------------------


def bars_drawing(frame: TextFrame, *, compact: bool = False) -> Drawing:
    """The most likely next symbols: probability after temperature as bars, the model's own as outlines."""
    choice, count = frame.current, len(frame.alphabet)
    width, high, head = (COMPACT, 21, 42) if compact else (BARS, 21, 26)
    height = head + min(count, MOST_LIKELY + 2) * high + 4
    drawing = Drawing(width, height, label=_bars_label(frame))
    if choice is None:
        drawing.text(width / 2, drawing.height / 2, "no next character", colour=QUIET)
        return drawing
    _bars_legend(drawing, frame, compact=compact)
    rows = [[level] for level in _shown(choice)]
    others = [level for level in range(count) if [level] not in rows]
    for row, levels in enumerate([*rows, others] if others else rows):
        values = [float(choice.probs[levels].sum())]
        if frame.temperature != 1:
            values.append(float(np.exp(choice.log_probs[levels]).sum()))
        name = f"{len(others)} more" if levels is others else frame.alphabet.name(levels[0])
        _bar(
            drawing,
            head + row * high,
            name,
            values,
            marked=choice.level in levels,
            quiet=levels is others,
        )
    return drawing


def _bars_legend(drawing: Drawing, frame: TextFrame, *, compact: bool) -> None:
    drawing.rect((MARGIN, 5), 22, 10)
    if frame.temperature == 1:
        drawing.text(MARGIN + 27, 15, "p of the next character", anchor="start", size=SMALL)
        return
    words = f"temperature {frame.temperature:.2f}"
    drawing.text(MARGIN + 27, 15, words, anchor="start", size=SMALL)
    left, y = (MARGIN, 31) if compact else (0.55 * drawing.width, 15)
    drawing.rect((left, y - 8), 22, 6, "none", stroke="currentColor", stroke_width=1)
    drawing.text(left + 27, y, "temperature 1", anchor="start", size=SMALL)


def _shown(choice: Choice) -> list[int]:
    """The most likely symbols, and the one drawn if it is not among them."""
    shown = choice.most_likely(MOST_LIKELY)
    return shown if choice.level in shown else [*shown, choice.level]


def _bar(
    drawing: Drawing,
    top: float,
    name: str,
    values: Sequence[float],
    *,
    marked: bool = False,
    quiet: bool = False,
) -> None:
    """A row: the name, the probability as a bar, the model's own (if told) as an outline below it, the number."""
    left, right = 80.0, drawing.width - 54
    colour = QUIET if quiet else "currentColor"
    if marked:
        drawing.polygon([(4, top + 3), (4, top + 15), (13, top + 9)], ACCENT)
    drawing.text(left - 6, top + 13.5, name, anchor="end", size=SMALL, bold=marked, colour=colour)
    bar, *outline = (value * (right - left) for value in values)
    drawing.rect((left, top + 1), bar, 10 if outline else 16, QUIET if quiet else FILL)
    for width in outline:
        drawing.rect((left, top + 12), width, 5, "none", stroke=colour, stroke_width=1)
    drawing.line((left, top - 1), (left, top + 19), QUIET)
    number = f"{values[0]:.3f}" if not 0 < values[0] < 0.0005 else "<0.001"
    drawing.text(
        drawing.width - 4, top + 13.5, number, anchor="end", size=SMALL, bold=marked, colour=colour
    )


def _bars_label(frame: TextFrame) -> str:
    choice = frame.current
    if choice is None:
        return "no next character: the text is complete"
    told = ", ".join(
        f"{frame.alphabet.name(level)} {choice.probs[level]:.3f}" for level in _shown(choice)
    )
    return f"probabilities of the next character at temperature {frame.temperature:g}: {told}"


# -- how u picks it ------------------------------------------------------------------------------------------------


def choice_drawing(frame: TextFrame) -> Drawing:
    """All symbols' shares of (0, 1) side by side, u among them; below it the part around u, enlarged."""
    choice = frame.current
    if choice is None:
        drawing = Drawing(CHOICE, 240, label="no next character: the text is complete")
        drawing.text(CHOICE / 2, 120, "the text is complete", colour=QUIET)
        return drawing
    (low, high), name = choice.share, frame.alphabet.name(choice.level)
    drawing = Drawing(
        CHOICE,
        240,
        label=f"shares of (0, 1): u = {choice.u:.3f} falls into that of {name}, from {low:.3f} to {high:.3f}",
    )
    drawing.text(MARGIN, 15, "u picks the character", anchor="start", bold=True, size=SMALL)
    _shares(drawing, frame, (0.0, 1.0), 60)
    u_text = f"u = {choice.u:.3f}"
    place = MARGIN + choice.u * (CHOICE - 2 * MARGIN)
    drawing.text(drawing.inside(place, u_text), 44, u_text, bold=True)
    window = _window(low, high)
    if window == (0.0, 1.0):
        _ends(drawing, window, 112)
        return drawing
    for share, end in zip(window, (MARGIN, CHOICE - MARGIN), strict=True):
        start = MARGIN + share * (CHOICE - 2 * MARGIN)
        drawing.line((start, 94), (end, 150), QUIET, dashed=True)
    _shares(drawing, frame, window, 150)
    _ends(drawing, window, 202)
    return drawing


def _window(low: float, high: float) -> tuple[float, float]:
    """The part of (0, 1) to enlarge: four times as wide as the share in its middle, all of it if that is wide."""
    width = 4 * (high - low)
    if width >= 0.8:
        return 0.0, 1.0
    start = min(max((low + high - width) / 2, 0.0), 1.0 - width)
    return start, start + width


def _shares(drawing: Drawing, frame: TextFrame, window: tuple[float, float], top: float) -> None:
    """The shares inside a window of (0, 1), named where there is room, and a tick at u."""
    choice, bottom = frame.current, top + 34
    room = drawing.width - 2 * MARGIN

    def x(share: float) -> float:
        inside = (share - window[0]) / (window[1] - window[0])
        return MARGIN + room * min(max(inside, 0.0), 1.0)

    edges = [0.0, *choice.probs.cumsum().tolist()]
    for level, (low, high) in enumerate(pairwise(edges)):
        left, right = x(low), x(high)
        chosen = level == choice.level
        if chosen:
            drawing.rect((left, top), right - left, bottom - top, FILL)
        if right - left >= 3:  # borders of narrower ones would run together
            drawing.line((right, top), (right, bottom), QUIET, width=1)
        name = frame.alphabet.name(level)
        if text_width(name, SMALL) + 4 <= right - left:
            colour = "#000000" if chosen else "currentColor"
            drawing.text((left + right) / 2, top + 22, name, size=SMALL, colour=colour, bold=chosen)
    drawing.rect((MARGIN, top), room, bottom - top, "none", stroke="currentColor")
    for start, end in (
        (top - 8, top + 9),
        (bottom - 8, bottom + 8),
    ):  # the names between stay legible
        drawing.line((x(choice.u), start), (x(choice.u), end), ACCENT, width=3)


def _ends(drawing: Drawing, window: tuple[float, float], y: float) -> None:
    low, high = (f"{share:.3f}" if window != (0.0, 1.0) else f"{share:.0f}" for share in window)
    drawing.text(MARGIN, y + 8, low, anchor="start", size=SMALL)
    drawing.text(drawing.width - MARGIN, y + 8, high, anchor="end", size=SMALL)


# -- words ---------------------------------------------------------------------------------------------------------


def sentence(frame: TextFrame) -> str:
    """What happens at this step."""
    choice = frame.current
    if choice is None:
        why = "the end symbol was drawn" if frame.ended else f"all {frame.length} places are taken"
        return f"The text is complete: {why}."
    name = _quoted(frame.alphabet.name(choice.level))
    low, u, high = told_apart(choice.share[0], choice.u, choice.share[1])
    own = math.exp(choice.log_probs[choice.level])
    told = f"Its probability is {choice.probs[choice.level]:.3f}"
    if frame.temperature != 1:
        told += f" at temperature {frame.temperature:.2f}, {own:.3f} at temperature 1"
    return (
        f"Place {choice.t + 1} of {frame.length}: u = {u} lies in the share of {name}, "
        f"{low} to {high}, so {name} comes next. {told}; its surprise is {choice.surprise:.2f} nats."
    )


def _quoted(name: str) -> str:
    return f"‘{name}’" if len(name) == 1 else name


def score_words(frame: TextFrame) -> str:
    """Nats and perplexity of what is written."""
    if not frame.written:
        return "Nothing is written yet."
    count = f"{frame.step} character{'s' if frame.step > 1 else ''}"
    if frame.ended:
        count += ", the end among them"
    return (
        f"Written so far: {count}; {frame.nats:.2f} nats, {frame.nats / frame.step:.2f} a character, "
        f"perplexity {frame.perplexity:.2f} a character."
    )


def explanation(frame: TextFrame) -> str:
    """What surprise, prompt and noise mean here."""
    given = "The prompt is given and costs nothing. " if frame.prompt else ""
    return (
        "Surprise is \N{MINUS SIGN}ln p under the model itself, at temperature 1. The shading is full from "
        f"ln {len(frame.alphabet)} = {math.log(len(frame.alphabet)):.2f} nats, the surprise of a uniform guess. {given}"
        f"The noise of seed {frame.seed} stays the same at every temperature."
    )


def caption(frame: TextFrame) -> str:
    """A few words above a frame of a strip."""
    if frame.current is None:
        return "the whole text"
    return f"{frame.step} written"
