"""Stems: a vertical line and a dot for each of a few numbers, such as autocorrelations."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .style import (
    COLOURS,
    QUIET,
    WIDTH,
    as_array,
    check_count,
    check_names,
    in_style,
    new_figure,
    places_of,
)

__all__ = ["stems"]


@in_style
def stems(
    values: Any,
    *,
    x: Any = None,
    limit: float | Mapping[str, float] | None = None,
    xlabel: str = "lag",
    ylabel: str = "autocorrelation",
    titles: Sequence[str] | None = None,
    columns: int = 3,
    width: float | None = None,
    height: float = 2.6,
) -> Figure:
    """Values as vertical lines from zero with a dot at the end, in one panel or several on one scale.

    Dots beyond the limit are filled, those within it are open. Without a limit all are filled.

    Args:
        values: (N,), or name -> (N_i,) for several panels, titled by the names.
        x: (N,) places on the axis, or name -> places (N_i,); 0, 1, 2, ... unless given, as lags are counted.
        limit: height of the dotted lines above and below zero, such as 1.96 / sqrt(n) for the autocorrelations of
            n independent values (about 95 % of them lie within); or name -> height where panels differ.
        titles: a text above each panel instead of its name.
        columns: panels in a row.
        width, height: inches of the figure's width and of one row of panels; unless given, 4.2 wide for one panel
            and the full width for several.

    Raises:
        TypeError: values are not numeric.
        ValueError: no values, lengths that differ from x, names of panels that are not there or are missing, a
            limit that is not positive and finite, or a number of titles or columns that does not fit.
    """
    named = dict(values) if isinstance(values, Mapping) else {"": values}
    if not named:
        raise ValueError("stems needs at least one series of values")
    if type(columns) is not int or columns < 1:
        raise ValueError(f"columns must be an int of at least 1, got {columns!r}")
    check_count("titles", titles, len(named), "panels")
    series = {name: as_array(entry, f"values {name!r}", 1) for name, entry in named.items()}
    places = places_of(series, x, first=0)
    limits = _limits(limit, list(series))

    columns = min(columns, len(series))
    rows = math.ceil(len(series) / columns)
    width = width or (4.2 if len(series) == 1 else WIDTH)
    figure, grid = new_figure(rows, columns, width=width, height=rows * height)
    spacing = 72 * (width / columns - 0.6) / max(map(len, series.values()))  # points a stem
    size = float(np.clip(0.75 * spacing, 2.0, 6.0))
    for index, axes in enumerate(grid.flat):
        if index >= len(series):
            axes.axis("off")
            continue
        name = list(series)[index]
        _draw_stems(axes, places[name], series[name], limits[name], size)
        title = name if titles is None else titles[index]
        axes.set(xlabel=xlabel, ylabel="" if index % columns else ylabel, title=title)
        axes.sharey(grid[0, 0])
        axes.tick_params(labelleft=index % columns == 0)
    grid[0, 0].margins(y=0.08)
    return figure


def _limits(limit: Any, names: Sequence[str]) -> dict[str, float | None]:
    """A limit for each panel, None where there is none."""
    if isinstance(limit, Mapping):
        check_names("limit", limit, names)
        limits = {name: limit.get(name) for name in names}
    else:
        limits = dict.fromkeys(names, limit)
    for height in limits.values():
        if height is not None and not 0 < float(as_array(height, "limit", 0)) < np.inf:
            raise ValueError(f"limit must be a positive number, got {height}")
    return {name: None if height is None else float(height) for name, height in limits.items()}


def _draw_stems(
    axes: Axes, places: np.ndarray, values: np.ndarray, limit: float | None, size: float
) -> None:
    beyond = np.abs(values) > (-1.0 if limit is None else limit)
    axes.axhline(0, color=QUIET, linewidth=1, linestyle="-", zorder=1)
    if limit is not None:
        axes.axhspan(-limit, limit, facecolor="#F1F1F1", edgecolor="none", zorder=0)
        for height in (-limit, limit):
            axes.axhline(height, color=QUIET, linewidth=1.2, linestyle=(0, (1, 3)), zorder=1)
    for chosen, colour, face, thick in (
        (~beyond, QUIET, "white", 1.0),
        (beyond, COLOURS[0], COLOURS[0], 1.8),
    ):
        if chosen.any():
            thick = min(thick, size / 2)
            lines = {"colors": colour, "linewidth": thick, "linestyles": "-", "zorder": 2}
            axes.vlines(places[chosen], 0, values[chosen], **lines)
            dots = {"marker": "o", "markersize": size, "markerfacecolor": face, "zorder": 3}
            axes.plot(places[chosen], values[chosen], color=colour, linestyle="none", **dots)
    if np.array_equal(places, places.round()):
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
