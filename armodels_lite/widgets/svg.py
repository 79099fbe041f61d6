"""Small drawings as SVG: made in about a millisecond, sharp when projected, in the colours of the page's theme.

A widget shows `drawing.svg()` inside an `ipywidgets.HTML`. The same drawings, side by side in a `strip`, stand below
the widget for a page without a kernel.
"""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..plots import COLOURS
from .cutting import cut, runs
from .ticks import checked_range, tick_texts

__all__ = [
    "ACCENT",
    "BLUE",
    "FILL",
    "GREEN",
    "QUIET",
    "Chart",
    "Drawing",
    "Strip",
    "strip",
    "text_width",
]

BLUE, ACCENT, GREEN, _, FILL, *_ = COLOURS
QUIET = "#808080"  # legible on white and on black
FONT = 14  # pixels


class Drawing:
    """Shapes on a canvas of width x height CSS pixels, y downwards.

    Args:
        label: what is to be seen, for readers who do not see it.

    >>> drawing = Drawing(100, 20, label="a line of text")
    >>> drawing.text(50, 15, "p < 1")
    >>> "p &lt; 1" in drawing.svg()
    True
    """

    def __init__(self, width: float, height: float, *, label: str) -> None:
        self.width, self.height, self.label = width, height, label
        self.parts: list[str] = []

    def line(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        colour: str = "currentColor",
        *,
        width: float = 1.2,
        dashed: bool = False,
    ) -> None:
        ends = _attributes(x1=start[0], y1=start[1], x2=end[0], y2=end[1])
        self.parts.append(
            f'<line {ends} stroke="{colour}" stroke-width="{width}"{_dashes(dashed)}/>'
        )

    def polyline(
        self,
        points: Iterable[tuple[float, float]],
        colour: str = BLUE,
        *,
        width: float = 2.5,
        dashed: bool = False,
        fill: str = "none",
    ) -> None:
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        shape = f'points="{path}" fill="{fill}" fill-opacity="0.35" stroke-linejoin="round"'
        self.parts.append(
            f'<polyline {shape} stroke="{colour}" stroke-width="{width}"{_dashes(dashed)}/>'
        )

    def polygon(self, corners: Iterable[tuple[float, float]], colour: str = ACCENT) -> None:
        """A filled shape without an outline."""
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
        self.parts.append(f'<polygon points="{path}" fill="{colour}"/>')

    def rect(
        self,
        corner: tuple[float, float],
        width: float,
        height: float,
        fill: str = FILL,
        *,
        stroke: str = "none",
        stroke_width: float = 1.2,
        radius: float = 0,
        opacity: float = 1,
    ) -> None:
        faint = "" if opacity == 1 else f' fill-opacity="{opacity:g}"'
        place = _attributes(
            x=corner[0], y=corner[1], width=max(width, 0), height=max(height, 0), rx=radius
        )
        self.parts.append(
            f'<rect {place} fill="{fill}"{faint} stroke="{stroke}" stroke-width="{stroke_width}"/>'
        )

    def rects(self, rects: Iterable[tuple[float, float, float, float]], fill: str) -> None:
        """Many rectangles (x, y, width, height) of one colour as one shape: far fewer letters than one by one."""
        path = "".join(f"M{x:g} {y:g}h{w:g}v{h:g}h{-w:g}z" for x, y, w, h in rects)
        self.parts.append(f'<path d="{path}" fill="{fill}"/>')

    def circle(
        self,
        centre: tuple[float, float],
        radius: float,
        fill: str = ACCENT,
        *,
        stroke: str = "none",
        stroke_width: float = 1.2,
    ) -> None:
        place = _attributes(cx=centre[0], cy=centre[1], r=radius)
        self.parts.append(
            f'<circle {place} fill="{fill}" stroke="{stroke}" stroke-width="{stroke_width}"/>'
        )

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        anchor: str = "middle",
        colour: str = "currentColor",
        bold: bool = False,
        size: float = FONT,
        turned: bool = False,
    ) -> None:
        """Words with their base line at y; `anchor` is start, middle or end; `turned` reads upwards."""
        turn = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turned else ""
        style = f'text-anchor="{anchor}" fill="{colour}" font-size="{size:g}" font-weight="{600 if bold else 400}"'
        self.parts.append(
            f"<text {_attributes(x=x, y=y)} {style}{turn}>{html.escape(words)}</text>"
        )

    def inside(self, place: float, words: str, size: float = FONT) -> float:
        """A horizontal place moved so that words centred there are not clipped."""
        half = text_width(words, size) / 2 + 1
        return min(max(place, half), self.width - half)

    def image(self, corner: tuple[float, float], width: float, height: float, png: bytes) -> None:
        """A PNG, stretched to width x height and smoothed where it is enlarged; `corner` is the upper left one.

        Raises:
            ValueError: the bytes are no PNG.
        """
        if png[:8] != b"\x89PNG\r\n\x1a\n":
            raise ValueError(f"png must be the bytes of a PNG file, got {png[:8]!r}")
        place = _attributes(x=corner[0], y=corner[1], width=width, height=height)
        data = base64.b64encode(png).decode("ascii")
        self.parts.append(
            f'<image {place} preserveAspectRatio="none" href="data:image/png;base64,{data}"/>'
        )

    def svg(self) -> str:
        """The drawing as an <svg> element."""
        size = f'width="{self.width:g}" height="{self.height:g}" viewBox="0 0 {self.width:g} {self.height:g}"'
        label = html.escape(self.label, quote=True)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{label}" {size} '
            f'style="max-width: 100%" font-family="sans-serif">{"".join(self.parts)}</svg>'
        )


class Chart(Drawing):
    """A drawing with axes: what follows takes values, not pixels. What lies outside the ranges is left out or cut.

    Args:
        x, y: the ranges (low, high) of the axes.
        x_label, y_label: what the axes show.
        x_ticks, y_ticks: value -> text; round numbers unless given. The left margin grows with their width.
        legend: words -> colour, in a row above the chart; every second one is for a dashed line.

    Raises:
        ValueError: a range that is not two finite numbers, the lower one first.

    >>> chart = Chart((0, 1), (0, 2), label="a falling line", x_label="p")
    >>> chart.curve([0, 1], [2, 0])
    >>> chart.place(0.5, 1)
    (188.0, 89.0)
    """

    LEFT, RIGHT, TOP, BOTTOM = 56, 10, 12, 44

    def __init__(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        *,
        label: str,
        width: float = 330,
        height: float = 210,
        x_label: str = "",
        y_label: str = "",
        x_ticks: Mapping[float, str] | None = None,
        y_ticks: Mapping[float, str] | None = None,
        legend: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(width, height, label=label)
        self.x, self.y = checked_range("x", x), checked_range("y", y)
        x_ticks = tick_texts(*x, 5) if x_ticks is None else x_ticks
        y_ticks = tick_texts(*y, 4) if y_ticks is None else y_ticks
        widest = max((text_width(words, 13) for words in y_ticks.values()), default=0.0)
        self.left = max(self.LEFT, (22 if y_label else 0) + widest + 7)
        self.right = width - self.RIGHT
        self.top, self.bottom = self.TOP + (20 if legend else 0), height - self.BOTTOM
        self._draw_legend(legend or {})
        self.line((self.left, self.bottom), (self.right, self.bottom), QUIET)
        self.line((self.left, self.top), (self.left, self.bottom), QUIET)
        for value, words in x_ticks.items():
            place = self.place(value, y[0])[0]
            self.line((place, self.bottom), (place, self.bottom + 4), QUIET)
            self.text(self.inside(place, words, 13), self.bottom + 18, words, size=13)
        for value, words in y_ticks.items():
            place = self.place(x[0], value)[1]
            self.line((self.left - 4, place), (self.left, place), QUIET)
            self.text(self.left - 7, place + 4.5, words, anchor="end", size=13)
        middle = (self.left + self.right) / 2
        self.text(middle, height - 8, x_label, size=_fitted(x_label, 2 * (width - middle)))
        middle = (self.top + self.bottom) / 2
        self.text(14, middle, y_label, size=_fitted(y_label, 2 * middle), turned=True)

    def _draw_legend(self, legend: Mapping[str, str]) -> None:
        room = self.width - self.left - sum(26 + 12 for _ in legend)
        size = min(13, 13 * room / max(text_width("".join(legend), 13), 1))
        left = self.left
        for number, (words, colour) in enumerate(legend.items()):
            self.line((left, 12), (left + 20, 12), colour, width=2.5, dashed=number % 2 == 1)
            self.text(left + 26, 16.5, words, anchor="start", size=size)
            left += 26 + text_width(words, size) + 12

    def place(self, x: float, y: float) -> tuple[float, float]:
        """The pixel of a value; finite values outside the ranges are moved to the nearest edge."""
        (x_low, x_high), (y_low, y_high) = self.x, self.y
        share_x = min(max((x - x_low) / (x_high - x_low), 0.0), 1.0)
        share_y = min(max((y - y_low) / (y_high - y_low), 0.0), 1.0)
        return (
            self.left + share_x * (self.right - self.left),
            self.bottom - share_y * (self.bottom - self.top),
        )

    def curve(
        self,
        xs: Sequence[float],
        ys: Sequence[float],
        colour: str = BLUE,
        *,
        width: float = 2.5,
        dashed: bool = False,
        filled: bool = False,
    ) -> None:
        """A line through the values, cut at the edges of the chart and broken where a value is not finite.

        `filled` shades what lies below it. A value alone between breaks is drawn as a dot.
        """
        # Plain floats: those of numpy warn where a slope overflows.
        points = [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]
        for run in runs(points):
            if len(run) == 1:
                self.dot(*run[0], colour, radius=width)
                continue
            if filled:
                points = [self.place(x, y) for x, y in run]
                area = [(points[0][0], self.bottom), *points, (points[-1][0], self.bottom)]
                self.polyline(area, "none", fill=colour)
            for part in cut(run, self.x, self.y):
                points = [self.place(x, y) for x, y in part]
                self.polyline(points, colour, width=width, dashed=dashed)

    def bars(self, edges: Sequence[float], heights: Sequence[float], colour: str = FILL) -> None:
        """Bars between neighbouring edges, from the bottom of the chart."""
        for low, high, height in zip(edges[:-1], edges[1:], heights, strict=True):
            left, top = self.place(low, height)
            right, _ = self.place(high, height)
            self.rect(
                (left, top), right - left, self.bottom - top, colour, stroke=BLUE, stroke_width=0.6
            )

    def dot(self, x: float, y: float, colour: str = ACCENT, *, radius: float = 5) -> None:
        """A dot at a value; an arrowhead at the edge where y lies above or below the chart; nothing for NaN."""
        if self.shows(x, y):
            self.circle(self.place(x, y), radius, colour)
        elif self.x[0] <= x <= self.x[1] and not math.isnan(y):
            (place, edge), tail = self.place(x, y), 2 * radius * (-1 if y < self.y[0] else 1)
            corners = [(place - radius, edge + tail), (place + radius, edge + tail), (place, edge)]
            self.polygon(corners, colour)

    def shows(self, x: float, y: float) -> bool:
        """Whether a value lies inside the chart; edges belong to it."""
        return self.x[0] <= x <= self.x[1] and self.y[0] <= y <= self.y[1]

    def note(
        self, x: float, y: float, words: str, *, shift: tuple[float, float] = (0, 0), **style: Any
    ) -> None:
        """Words at a value, moved by `shift` pixels; for `style` see `Drawing.text`."""
        place = self.place(x, y)
        self.text(place[0] + shift[0], place[1] + shift[1], words, **{"size": 13, **style})

    def band(self, low: float, high: float, colour: str = FILL, *, opacity: float = 0.35) -> None:
        """A shaded range of x, from the bottom of the chart to its top."""
        left, right = self.place(low, self.y[0])[0], self.place(high, self.y[0])[0]
        self.rect((left, self.top), right - left, self.bottom - self.top, colour, opacity=opacity)

    def level(self, y: float, colour: str = QUIET, *, dashed: bool = True) -> None:
        """A horizontal line at y."""
        place = self.place(self.x[0], y)[1]
        self.line((self.left, place), (self.right, place), colour, dashed=dashed)

    def upright(
        self,
        x: float,
        colour: str = ACCENT,
        *,
        words: str = "",
        dashed: bool = False,
        width: float = 2,
    ) -> None:
        """A vertical line at x, with words beside its top."""
        place, _ = self.place(x, self.y[0])
        self.line((place, self.top), (place, self.bottom), colour, width=width, dashed=dashed)
        if words:
            near_right = place > (self.left + self.right) / 2
            shift, anchor = (-6, "end") if near_right else (6, "start")
            self.text(place + shift, self.top + 10, words, anchor=anchor, size=13, bold=True)

    def rug(self, xs: Iterable[float], colour: str = "currentColor") -> None:
        """A short tick on the x axis for each value."""
        for x in xs:
            place, _ = self.place(x, self.y[0])
            self.line((place, self.bottom), (place, self.bottom - 6), colour, width=0.8)


class Strip:
    """Drawings side by side as one picture with alt text, black on white, which Jupyter shows as an HTML image."""

    def __init__(self, svg: str, alt: str) -> None:
        if not isinstance(alt, str) or len(alt.split()) < 3:
            raise ValueError(f"alt must say in words what the picture shows, got {alt!r}")
        self.svg, self.alt = svg, " ".join(alt.split())

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.svg.encode()).decode("ascii")
        alt = html.escape(self.alt, quote=True)
        return f'<img alt="{alt}" style="max-width: 100%" src="data:image/svg+xml;base64,{data}">'

    def __repr__(self) -> str:
        return self.alt


def strip(frames: Sequence[Sequence[Drawing]], captions: Sequence[str], alt: str) -> Strip:
    """Frames in a row, each a column of drawings under its caption.

    Raises:
        ValueError: no frames, another number of captions, or an alt text that is not made of words.
    """
    if not frames or len(frames) != len(captions):
        raise ValueError(
            f"a strip needs a caption for each frame, got {len(captions)} for {len(frames)} frames"
        )
    gap, head = 14, 26
    widths = [max(drawing.width for drawing in frame) for frame in frames]
    height = head + max(sum(drawing.height + gap for drawing in frame) for frame in frames)
    sheet = Drawing(sum(widths) + gap * (len(frames) + 1), height, label=alt)
    sheet.rect((0, 0), sheet.width, sheet.height, "#ffffff")
    left = float(gap)
    for frame, caption, width in zip(frames, captions, widths, strict=True):
        sheet.text(left + width / 2, 18, caption, bold=True)
        top = float(head)
        for drawing in frame:
            sheet.parts.append(
                f'<g transform="translate({left:.1f} {top:.1f})">{"".join(drawing.parts)}</g>'
            )
            top += drawing.height + gap
        left += width + gap
    return Strip(sheet.svg().replace("currentColor", "#222222"), alt)


def text_width(words: str, size: float = FONT) -> float:
    """About how many pixels a text takes: a little more than most fonts need."""
    return 0.66 * size * len(words)


def _fitted(words: str, room: float) -> float:
    """The size of a label: smaller than usual where it would be clipped."""
    return min(FONT, FONT * room / max(text_width(words), 1))


def _attributes(**numbers: float) -> str:
    return " ".join(f'{name}="{value:.1f}"' for name, value in numbers.items())


def _dashes(dashed: bool) -> str:
    return ' stroke-dasharray="5 4"' if dashed else ""
