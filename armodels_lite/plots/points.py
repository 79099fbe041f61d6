"""Points with names: models by what they score and what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from .style import INK, QUIET, WIDTH, as_array, in_style, new_figure

__all__ = ["points"]

SIZE = 9  # of the names, in points
NEAR = (7, 14, 24, 36, 50, 70, 95)  # how far from its point a name may stand, in points
LINE = np.linspace(0.3, 1, 8)  # where a line to a name is looked at, as shares of its length


@in_style
def points(
    places: Mapping[str, Any],
    *,
    xlabel: str,
    ylabel: str,
    xscale: str = "log",
    errors: Mapping[str, float] | None = None,
    ylim: tuple[float, float] | None = None,
    width: float = WIDTH,
    height: float = 4.4,
) -> Figure:
    """A dot for each name, the name beside it: where the place nearest to the dot is taken, further off, with a line.

    Args:
        places: name -> (x, y).
        xscale: "linear" or "log".
        errors: name -> half the length of a vertical bar, for some or all of the names.
        ylim: what the vertical axis shows; all points lie within.

    Raises:
        TypeError: places are not numeric.
        ValueError: no places, a place that is not a pair, an unknown scale, an x that a logarithmic axis cannot show,
            errors for unknown names, a point outside ylim.

    >>> figure = points({"small": (10, 2.0), "large": (1000, 1.0)}, xlabel="weights", ylabel="nats")
    >>> sorted(text.get_text() for text in figure.axes[0].texts)
    ['large', 'small']
    """
    table = _checked(places, xscale, errors, ylim)
    figure, ((axes,),) = new_figure(width=width, height=height)
    axes.plot(*table.T, "o", color=INK, markersize=5)
    for name, error in (errors or {}).items():
        x, y = table[list(places).index(name)]
        axes.vlines(x, y - error, y + error, color=INK, linewidth=1)
    axes.set(xscale=xscale, xlabel=xlabel, ylabel=ylabel)
    axes.margins(x=0.12)
    if ylim is not None:
        axes.set_ylim(*ylim)
    figure.draw_without_rendering()  # settles where the axes lie
    _write_names(axes, list(places), table)
    return figure


def _checked(
    places: Mapping[str, Any],
    xscale: str,
    errors: Mapping[str, float] | None,
    ylim: tuple[float, float] | None,
) -> np.ndarray:
    table = as_array(list(places.values()), "places", 2)
    if table.shape[1] != 2:
        raise ValueError(f"each place must be a pair (x, y), got {table.shape[1]} numbers")
    if xscale not in ("linear", "log"):
        raise ValueError(f'scales are "linear" and "log", got {xscale!r}')
    if xscale == "log" and table[:, 0].min() <= 0:
        raise ValueError(
            f"a logarithmic axis takes positive numbers, an x is {table[:, 0].min():g}"
        )
    if unknown := set(errors or {}) - set(places):
        raise ValueError(f"errors names {sorted(unknown)}, and the places are {list(places)}")
    if ylim is not None and not (ylim[0] <= table[:, 1].min() and table[:, 1].max() <= ylim[1]):
        low, high = table[:, 1].min(), table[:, 1].max()
        raise ValueError(f"ylim is {ylim}, and the points lie between {low:g} and {high:g}")
    return table


def _write_names(axes: Axes, names: list[str], table: np.ndarray) -> None:
    """Each name at the first place of `_offsets` where neither it nor its line covers a point or another name."""
    unit = axes.figure.dpi / 72  # pixels in a point
    dots = axes.transData.transform(table)
    taken = [Bbox.from_bounds(x - 4 * unit, y - 4 * unit, 8 * unit, 8 * unit) for x, y in dots]
    inside = axes.get_window_extent()
    for index, name in enumerate(names):
        others = [box for number, box in enumerate(taken) if number != index]
        for offset, align in _offsets():
            end = dots[index] + np.multiply(offset, unit)
            box = _box(name, end, align, unit)
            within = all(inside.contains(*corner) for corner in box.get_points())
            line = [tuple(dots[index] + share * (end - dots[index])) for share in LINE]
            crossed = any(other.contains(*point) for other in others for point in line)
            if within and not crossed and not any(box.overlaps(other) for other in taken):
                break
        taken += [box, *(Bbox.from_bounds(x - 1, y - 1, 2, 2) for x, y in line)]
        _write(axes, name, table[index], offset, align)


def _write(
    axes: Axes, name: str, place: np.ndarray, offset: tuple[float, float], align: str
) -> None:
    line = {"arrowstyle": "-", "color": QUIET, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 3}
    text = axes.annotate(
        name,
        place,
        offset,
        textcoords="offset points",
        fontsize=SIZE,
        ha=align,
        va="center",
        arrowprops=line if np.hypot(*offset) > 1.5 * NEAR[0] else None,
    )
    text.set_in_layout(False)  # the axes stay where they were when the places were chosen


def _offsets() -> Iterator[tuple[tuple[float, float], str]]:
    """Where a name may stand, from its dot in points: right, left, then above and below, nearer places first."""
    for distance in NEAR:
        for angle in (0, 180, 30, -30, 150, -150, 60, -60, 120, -120, 90, -90):
            across, up = np.cos(np.radians(angle)), np.sin(np.radians(angle))
            align = "left" if across > 0.1 else "right" if across < -0.1 else "center"
            yield (distance * across, 1.2 * distance * up), align


def _box(name: str, place: np.ndarray, align: str, unit: float) -> Bbox:
    """About what the name covers, in pixels."""
    wide, high = 0.62 * SIZE * len(name) * unit, 1.25 * SIZE * unit
    left = place[0] - {"left": 0, "center": wide / 2, "right": wide}[align]
    return Bbox.from_bounds(left, place[1] - high / 2, wide, high)
