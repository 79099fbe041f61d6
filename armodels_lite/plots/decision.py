"""What classifiers say about points in the plane: probabilities, the line between classes, and the data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D

from .style import (
    COLOURS,
    INK,
    LINE,
    WIDTH,
    as_array,
    as_arrays,
    check_count,
    colour_map,
    in_style,
    new_figure,
)

__all__ = ["decision_maps"]


@in_style
def decision_maps(
    maps: Any,
    points: Any,
    labels: Any,
    *,
    extent: tuple[float, float, float, float],
    titles: Sequence[str] | None = None,
    classes: tuple[str, str] = ("y = 0", "y = 1"),
    label: str = "p(y = 1 | x)",
    xlabel: str = "$x_1$",
    ylabel: str = "$x_2$",
    columns: int = 3,
    width: float = WIDTH,
) -> Figure:
    """Probabilities of class 1 over the plane, the line where they are one half, and points of both classes.

    The panels are square and share one colour bar. Filled blue circles are class 0, open orange squares class 1, and
    the map runs from faint blue to orange: as in the widget `DecisionBoundary`.

    Args:
        maps: p(y = 1 | x) on a grid, (H, W), (B, H, W) or a sequence of (H, W) for several panels. Entry [i, j]
            belongs to x = (np.linspace(left, right, W)[j], np.linspace(bottom, top, H)[i]): row 0 is at the
            bottom.
        points: (N, 2), the same in each panel, or a sequence of (N_i, 2), one for each.
        labels: 0 or 1 for each point, (N,), or a sequence of (N_i,), one for each panel.
        extent: (left, right, bottom, top) of the grid, and of the panels.
        titles: a short text above each panel.
        classes: names of class 0 and class 1 beside their markers.
        label: what the colour bar measures.
        columns: panels in a row.

    Raises:
        TypeError: an argument is not numeric.
        ValueError: wrong shape, maps that are no probabilities, labels other than 0 and 1, points outside the
            extent, or a number of points, labels, titles, classes or columns that does not fit.
    """
    panels = as_arrays(maps, "maps", 2)
    left, right, bottom, top = sides = _check_extent(extent)
    if type(columns) is not int or columns < 1:
        raise ValueError(f"columns must be an int of at least 1, got {columns!r}")
    check_count("titles", titles, len(panels), "maps")
    check_count("classes", classes, 2, "classes")
    _check_maps(panels)
    data = _data(points, labels, len(panels), sides)

    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    # Inches of a panel's side: the colour bar and its label take about an inch, numbers at the axes the rest.
    side = min((width - 1.1) / columns - 0.4, 4.0)
    above = LINE * (titles is not None)
    figure, grid = new_figure(
        rows, columns, width=width, height=rows * (side + above + 0.6) + LINE + 0.1
    )
    figure.set_layout_engine("compressed")  # moves panels of fixed shape together
    size = 6.0 if max(len(cloud) for cloud, _ in data) <= 100 else 4.5
    for index, axes in enumerate(grid.flat):
        if index >= len(panels):
            axes.axis("off")
            continue
        picture = _draw_map(axes, panels[index], sides)
        markers = _draw_points(axes, *data[index], size)
        axes.set(xlim=(left, right), ylim=(bottom, top), xlabel=xlabel)
        axes.set(title="" if titles is None else titles[index])
        axes.set(ylabel="" if index % columns else ylabel)
        axes.tick_params(labelleft=index % columns == 0)
        axes.set_box_aspect(1)
    bar = figure.colorbar(picture, ax=grid, aspect=18, pad=0.02, label=label)
    bar.outline.set_visible(False)
    bar.set_ticks([0, 0.25, 0.5, 0.75, 1])
    bar.ax.axhline(0.5, color=INK, linewidth=2, linestyle="-")  # the strong line of the maps
    figure.legend(markers, classes, loc="outside lower center", ncols=2, handletextpad=0.2)
    return figure


def _check_extent(extent: Any) -> tuple[float, float, float, float]:
    sides = as_array(extent, "extent", 1)
    if len(sides) != 4 or not (sides[0] < sides[1] and sides[2] < sides[3]):
        raise ValueError(
            f"extent must be (left, right, bottom, top) with left < right and bottom < top, got {extent}"
        )
    return tuple(map(float, sides))


def _check_maps(panels: Sequence[np.ndarray]) -> None:
    for index, panel in enumerate(panels):
        if min(panel.shape) < 2:
            raise ValueError(f"maps[{index}] needs at least 2 x 2 places, got shape {panel.shape}")
        # Sums in float32 may leave the interval by a rounding error.
        if panel.min() < -1e-6 or panel.max() > 1 + 1e-6:
            raise ValueError(
                f"maps hold probabilities from 0 to 1, and maps[{index}] runs from {panel.min():g} "
                f"to {panel.max():g}"
            )


def _data(
    points: Any, labels: Any, count: int, sides: tuple[float, float, float, float]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Points and labels of each panel, checked against each other and against the extent."""
    clouds, classes = as_arrays(points, "points", 2), as_arrays(labels, "labels", 1)
    clouds = clouds * count if len(clouds) == 1 else clouds
    classes = classes * count if len(classes) == 1 else classes
    check_count("points", clouds, count, "maps")
    check_count("labels", classes, count, "maps")
    left, right, bottom, top = sides
    for cloud, label in zip(clouds, classes, strict=True):
        if cloud.shape[1] != 2:
            raise ValueError(f"points must have shape (N, 2), got {cloud.shape}")
        check_count("labels", label, len(cloud), "points")
        if not np.isin(label, (0, 1)).all():
            raise ValueError(f"labels must be 0 or 1, got {np.unique(label)[:5]}")
        across, up = cloud.T
        outside = (across < left) | (across > right) | (up < bottom) | (up > top)
        if outside.any():
            raise ValueError(
                f"{int(outside.sum())} of {len(cloud)} points lie outside extent {sides}"
            )
    return list(zip(clouds, classes, strict=True))


def _draw_map(axes: Axes, panel: np.ndarray, sides: tuple[float, float, float, float]) -> AxesImage:
    left, right, bottom, top = sides
    height, width = panel.shape
    # The outermost values belong to the edges of the extent, so cells reach half a cell beyond it.
    across, up = (right - left) / (width - 1) / 2, (top - bottom) / (height - 1) / 2
    picture = axes.imshow(
        panel,
        cmap=colour_map("classes"),
        vmin=0,
        vmax=1,
        origin="lower",
        extent=(left - across, right + across, bottom - up, top + up),
        aspect="auto",
    )
    if panel.min() < 0.5 < panel.max():
        places = np.linspace(left, right, width), np.linspace(bottom, top, height)
        axes.contour(*places, panel, levels=[0.5], colors=INK, linewidths=2, linestyles="-")
    return picture


def _draw_points(axes: Axes, points: np.ndarray, labels: np.ndarray, size: float) -> list[Line2D]:
    """Class 0 and class 1, told apart by shape, by filling and by colour; the handles of a legend."""
    looks = (
        {"marker": "o", "markerfacecolor": COLOURS[0], "markeredgecolor": "white"},
        {"marker": "s", "markerfacecolor": "white", "markeredgecolor": COLOURS[1]},
    )
    handles = []
    for value, look in enumerate(looks):
        across, up = points[labels == value].T
        # Points on the edge are drawn whole, and the layout does not make room for them.
        (drawn,) = axes.plot(
            across,
            up,
            linestyle="none",
            markersize=size + 1 - value,
            markeredgewidth=0.6 if value == 0 else 1.4,
            zorder=3,
            clip_on=False,
            **look,
        )
        drawn.set_in_layout(False)
        handles.append(drawn)
    return handles
