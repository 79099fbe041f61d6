"""The attention of one query to an image as drawings: discs on the pixels that the steps have read, and the row."""

from __future__ import annotations

from itertools import groupby

import numpy as np

from .attention_bars import title_words
from .attention_state import AttentionFrame, Event
from .attention_view import COMPACT, hatch, legend_ends
from .attention_words import channel_name
from .cutting import Point
from .svg import ACCENT, BLUE, QUIET, Chart, Drawing

__all__ = ["image_drawing", "row_chart"]

IMAGE, WIDE = 330, 664  # pixels on the screen
# Cells keep their colours in a dark theme: an image is ink on white paper.
TO_COME, STRIPES = "#e4e4e4", "#9a9a9a"
DARKEST = 0.35  # of ink, from 0 for black: discs stay visible on it
SMALL, GAP = 12.5, 8.0
HEAD, FOOT = 50.0, 24.0  # pixels: above the image, for the start; below it


class _Board:
    """Where the cells of an image are; several channels stand side by side."""

    def __init__(self, event: Event, width: float) -> None:
        channels, self.height, self.width = event.shape
        self.channels = channels
        across = channels * self.width
        self.cell = min(40.0, (width - 4 - GAP * (channels - 1)) / across)
        self.left = (width - self.cell * across - GAP * (channels - 1)) / 2
        self.top = HEAD + (16 if channels > 1 else 0)

    def corner(self, place: tuple[int, int, int]) -> Point:
        channel, row, column = place
        x = self.left + channel * (self.width * self.cell + GAP) + self.cell * column
        return x, self.top + self.cell * row

    def middle(self, place: tuple[int, int, int]) -> Point:
        x, y = self.corner(place)
        return x + self.cell / 2, y + self.cell / 2

    @property
    def bottom(self) -> float:
        return self.top + self.cell * self.height


def image_drawing(frame: AttentionFrame, width: float = IMAGE) -> Drawing:
    """The image up to the pixel that is predicted; a disc on each pixel that a step has read, its area the share."""
    event, board = frame.event, _Board(frame.event, width)
    drawing = Drawing(width, board.bottom + FOOT, label=_image_label(frame))
    compact = width <= COMPACT
    low, high = legend_ends(frame)
    drawing.text(2, 14, title_words(frame), anchor="start", bold=True, size=13)
    start = (width - 22, 36.0)
    drawing.text(start[0] - 16, 40, "start", anchor="end", size=SMALL)
    drawing.rect((start[0] - 11, 25), 22, 22, "#ffffff", stroke=QUIET, stroke_width=0.8)
    known = event.rank.reshape(event.shape) < frame.query
    for channel in range(board.channels):
        _pixels(drawing, board, event, known[channel], channel)
        if board.channels > 1:
            x, y = board.corner((channel, 0, 0))
            name = channel_name(event, channel)
            drawing.text(x + board.cell * board.width / 2, y - 5, name, size=SMALL)
    places = [board.middle(event.place(s - 1)) for s in range(1, len(event))]
    _discs(drawing, [start, *places], frame.tones, [11.0, *[board.cell / 2] * len(places)])
    corner = board.corner(event.place(frame.query))
    thick = max(2.0, board.cell / 9)
    drawing.rect(corner, board.cell, board.cell, "none", stroke=ACCENT, stroke_width=thick)
    _legend(drawing, frame, f"{low} to {high}", compact=compact)
    return drawing


def _pixels(drawing: Drawing, board: _Board, event: Event, known: np.ndarray, channel: int) -> None:
    """Known pixels in grey, those to come striped; a patch shows its own pixels."""
    fine = event.patch
    seen = known.repeat(fine, 0).repeat(fine, 1)
    greys = np.where(seen, np.round(255 * (DARKEST + (1 - DARKEST) * event.picture[channel])), -1)
    size = board.cell / fine
    left, top = board.corner((channel, 0, 0))
    for row, line in enumerate(greys.astype(int).tolist()):
        column = 0
        # Cells of a kind side by side are one shape.
        for grey, group in groupby(line):
            count = len(list(group))
            fill = TO_COME if grey < 0 else f"#{grey:02x}{grey:02x}{grey:02x}"
            corner = left + size * column, top + size * row
            drawing.rect(corner, size * count, size + 0.3, fill)
            column += count
    to_come = [board.corner((channel, *place)) for place in np.argwhere(~known).tolist()]
    hatch(drawing, [(corner, (board.cell, board.cell)) for corner in to_come], STRIPES)
    lines = [
        f"M{left:.1f} {top + board.cell * k:.1f}h{board.cell * board.width:.1f}"
        for k in range(board.height + 1)
    ]
    lines += [
        f"M{left + board.cell * k:.1f} {top:.1f}v{board.cell * board.height:.1f}"
        for k in range(board.width + 1)
    ]
    drawing.parts.append(f'<path d="{"".join(lines)}" stroke="{QUIET}" stroke-width="0.4"/>')


def _discs(drawing: Drawing, places: list[Point], tones: np.ndarray, radii: list[float]) -> None:
    """The area of a disc is its share; NaN and the smallest shares have none."""
    circles = []
    for (x, y), tone, most in zip(places, tones.tolist(), radii, strict=True):
        if tone > 0.002:
            circles.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{0.96 * most * tone**0.5:.1f}"/>')
    drawing.parts.append(
        f'<g fill="{BLUE}" stroke="#ffffff" stroke-width="0.8">{"".join(circles)}</g>'
    )


def _legend(drawing: Drawing, frame: AttentionFrame, ends: str, *, compact: bool) -> None:
    y, x = drawing.height - 8, 2.0
    drawing.circle((x + 6, y - 4), 5.5, BLUE)
    drawing.text(x + 15, y, f"area: {ends}", anchor="start", size=SMALL)
    if compact:
        return
    x += 22 + 0.58 * SMALL * (len(ends) + 6) + 8
    drawing.rect((x, y - 10), 11, 11, "none", stroke=ACCENT, stroke_width=2.2)
    drawing.text(x + 16, y, "predicted", anchor="start", size=SMALL)
    x += 84
    drawing.rect((x, y - 10), 11, 11, TO_COME, stroke=STRIPES, stroke_width=0.6)
    hatch(drawing, [((x, y - 10), (11, 11))], STRIPES)
    drawing.text(x + 16, y, "to come", anchor="start", size=SMALL)


def _image_label(frame: AttentionFrame) -> str:
    event = frame.event
    channel, row, column = event.place(frame.query)
    where = f"row {row + 1}, column {column + 1}"
    if event.shape[0] > 1:
        where = f"{channel_name(event, channel)}, {where}"
    return (
        f"image of {event.shape[1]} by {event.shape[2]}, {frame.query} variables drawn; a disc on each for the "
        f"{title_words(frame)}; predicted is {where}"
    )


def row_chart(frame: AttentionFrame) -> Chart:
    """The query's whole row at one of the first four stages, against the steps in drawing order."""
    values, outline = frame.current, frame.unmasked if frame.step == 3 else None
    whole = (
        frame.scaled
        if frame.step == 2
        else values
        if outline is None
        else np.maximum(values, outline)
    )
    low, high = min(0.0, float(whole.min())), max(0.0, float(whole.max()))
    last = max(1, len(frame.event) - 1)
    legend = {title_words(frame): BLUE}
    if outline is not None and frame.leaked > 0:
        legend["without the mask"] = QUIET
    chart = Chart(
        (0, last),
        (low, high + 0.06 * (high - low) if high > low else 1.0),
        label=f"{title_words(frame)} against the steps looked at; the query is step {frame.query}",
        width=WIDE,
        height=170,
        x_label="step looked at; 0 is the start, step s has read the variable before it",
        y_label="",
        legend=legend,
    )
    chart.upright(frame.query, ACCENT, words="the query", width=1.5, dashed=True)
    if len(legend) > 1:
        chart.curve(range(last + 1), outline[: last + 1], QUIET, width=1, dashed=True)
    chart.curve(range(len(values)), values, BLUE, width=1.5)
    return chart
