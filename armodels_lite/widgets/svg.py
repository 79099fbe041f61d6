"""Small drawings as SVG: made in about a millisecond, sharp when projected, in the colours of the page's theme.

A widget shows `drawing.svg()` inside an `ipywidgets.HTML`. The same drawings, side by side in a `strip`, stand below
the widget for a page without a kernel.
"""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from ..plots import COLOURS

__all__ = [
    "ACCENT",
    "BLUE",
    "FILL",
    "GREEN",
    "QUIET",
    "Chart",
    "Drawing",
    "Strip",
    "nice_ticks",
    "strip",
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
    ) -> None:
        place = _attributes(
            x=corner[0], y=corner[1], width=max(width, 0), height=max(height, 0), rx=radius
        )
        self.parts.append(
            f'<rect {place} fill="{fill}" stroke="{stroke}" stroke-width="{stroke_width}"/>'
        )

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
        x_ticks, y_ticks: value -> text; round numbers unless given.

    >>> chart = Chart((0, 1), (0, 2), label="a falling line", x_label="p")
    >>> chart.curve([0, 1], [2, 0])
    >>> chart.place(0.5, 1)
    (188.0, 84.0)
    """

    LEFT, RIGHT, TOP, BOTTOM = 56, 10, 12, 44

    def __init__(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        *,
        label: str,
        width: float = 330,
        height: float = 200,
        x_label: str = "",
        y_label: str = "",
        x_ticks: Mapping[float, str] | None = None,
        y_ticks: Mapping[float, str] | None = None,
    ) -> None:
        super().__init__(width, height, label=label)
        self.x, self.y = x, y
        self.left, self.right = self.LEFT, width - self.RIGHT
        self.top, self.bottom = self.TOP, height - self.BOTTOM
        self.line((self.left, self.bottom), (self.right, self.bottom), QUIET)
        self.line((self.left, self.top), (self.left, self.bottom), QUIET)
        for value, words in (_ticks(*x, 5) if x_ticks is None else x_ticks).items():
            place = self.place(value, y[0])[0]
            self.line((place, self.bottom), (place, self.bottom + 4), QUIET)
            self.text(place, self.bottom + 18, words, size=13)
        for value, words in (_ticks(*y, 4) if y_ticks is None else y_ticks).items():
            place = self.place(x[0], value)[1]
            self.line((self.left - 4, place), (self.left, place), QUIET)
            self.text(self.left - 7, place + 4.5, words, anchor="end", size=13)
        self.text((self.left + self.right) / 2, height - 8, x_label)
        self.text(14, (self.top + self.bottom) / 2, y_label, turned=True)

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
        """A line through the values; it ends where y leaves the range for good and is broken where y is not finite."""
        for run in _runs(list(zip(xs, ys, strict=True)), self._visible):
            points = [self.place(x, y) for x, y in run]
            if filled and len(points) > 1:
                area = [(points[0][0], self.bottom), *points, (points[-1][0], self.bottom)]
                self.polyline(area, "none", fill=colour)
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
        self.circle(self.place(x, y), radius, colour)

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

    def _visible(self, point: tuple[float, float]) -> bool:
        return math.isfinite(point[0]) and math.isfinite(point[1])


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


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """At most about `count` round numbers between low and high.

    >>> nice_ticks(0, 1)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    raw = (high - low) / count
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(magnitude * k for k in (1, 2, 2.5, 5, 10) if magnitude * k >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def _ticks(low: float, high: float, count: int) -> dict[float, str]:
    return {value: f"{value:g}" for value in nice_ticks(low, high, count)}


def _runs(
    points: Sequence[tuple[float, float]], keep: Callable[[tuple[float, float]], bool]
) -> list[list[tuple[float, float]]]:
    """The points in stretches without gaps."""
    runs: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if keep(point):
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _attributes(**numbers: float) -> str:
    return " ".join(f'{name}="{value:.1f}"' for name, value in numbers.items())


def _dashes(dashed: bool) -> str:
    return ' stroke-dasharray="5 4"' if dashed else ""
