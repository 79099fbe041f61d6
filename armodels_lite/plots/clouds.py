"""Points in the plane, several clouds side by side: what a transformation does to them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .style import COLOURS, INK, WIDTH, as_array, as_arrays, check_count, in_style, new_figure

__all__ = ["clouds"]

# Two groups: dots against open circles, so that they differ without colour too.
LOOKS = (
    {"facecolors": COLOURS[0], "edgecolors": "none", "s": 5},
    {"facecolors": "none", "edgecolors": COLOURS[1], "s": 9, "linewidths": 0.6},
)


@in_style
def clouds(
    points: Any,
    groups: Any,
    *,
    limit: float,
    titles: Sequence[str] | None = None,
    names: tuple[str, str] | None = None,
    rings: Sequence[float] = (),
    columns: int = 5,
    width: float = WIDTH,
) -> Figure:
    """Clouds of the same points in square panels, all on the same axes from -limit to limit.

    Args:
        points: a sequence of (N, 2), one for each panel.
        groups: 0 or 1 for each point, (N,), the same in each panel: filled blue dots and open orange circles.
        limit: half a panel's side; points beyond it are not drawn.
        titles: a short text above each panel.
        names: of the two groups, for the legend; no legend without them.
        rings: radii of circles around 0 in the last panel.
        columns: panels in a row.

    Raises:
        TypeError: an argument is not numeric.
        ValueError: wrong shape, groups other than 0 and 1, a limit that is not positive, a number of groups or titles
            that does not fit.
    """
    panels, group = as_arrays(points, "points", 2), as_array(groups, "groups", 1)
    _check(panels, group, limit)
    check_count("titles", titles, len(panels), "panels")
    check_count("names", names, 2, "groups")
    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    side = width / columns
    figure, grid = new_figure(rows, columns, width=width, height=rows * (side + 0.35) + 0.3)
    for index, axes in enumerate(grid.flat):
        if index >= len(panels):
            axes.axis("off")
            continue
        for value, look in enumerate(LOOKS):
            axes.scatter(*panels[index][group == value].T, **look)
        axes.set(xlim=(-limit, limit), ylim=(-limit, limit))
        axes.set(title="" if titles is None else titles[index])
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(2, integer=True))
        axes.tick_params(labelleft=index % columns == 0, labelsize=10)
        axes.set_box_aspect(1)
    angle = np.linspace(0, 2 * np.pi, 200)
    for radius in rings:
        last = grid.flat[len(panels) - 1]
        last.plot(radius * np.cos(angle), radius * np.sin(angle), color=INK, lw=0.8, ls="-")
    if names is not None:
        handles = [axes.scatter([], [], **{**look, "s": 30}) for look in LOOKS]
        figure.legend(handles, names, loc="outside lower center", ncols=2, handletextpad=0.2)
    return figure


def _check(panels: Sequence[np.ndarray], group: np.ndarray, limit: float) -> None:
    for panel in panels:
        if panel.shape[1] != 2:
            raise ValueError(f"points must have shape (N, 2), got {panel.shape}")
        check_count("groups", group, len(panel), "points")
    if not np.isin(group, (0, 1)).all():
        raise ValueError(f"groups must be 0 or 1, got {np.unique(group)[:5]}")
    if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not 0 < limit < math.inf:
        raise ValueError(f"limit must be a positive number, got {limit!r}")
