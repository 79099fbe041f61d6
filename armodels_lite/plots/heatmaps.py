"""Arrays as colours: heat maps and matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .style import (
    FRAME,
    INK,
    LINE,
    MAX_NUMBERS,
    WIDTH,
    as_array,
    as_arrays,
    check_count,
    colour_map,
    in_style,
    new_figure,
    outline,
    strip_frame,
)

__all__ = ["heatmaps", "matrix"]


@in_style
def heatmaps(
    arrays: Any,
    titles: Sequence[str] | None = None,
    *,
    kind: str = "sequential",
    columns: int = 8,
    vmin: float | None = None,
    vmax: float | None = None,
    label: str | None = None,
    numbers: bool = False,
    marks: Sequence[int | None] | None = None,
    width: float = WIDTH,
) -> Figure:
    """Arrays as colours on one scale, with one colour bar for all.

    Args:
        arrays: (B, H, W), (H, W), or a sequence of arrays (H, W).
        titles: a short text above each.
        kind: "sequential" (light to dark, for probabilities) or "diverging" (blue, grey at zero, yellow, for
            weights: the scale is symmetric unless vmin and vmax say otherwise).
        label: what the colour bar measures.
        numbers: write the values into the cells (at most 100 cells an array).
        marks: for each array a cell to outline, counted row by row from 0, or None.

    Raises:
        ValueError: wrong shape or kind, or a number of titles or marks that does not fit.
    """
    if kind not in ("sequential", "diverging"):
        raise ValueError(f"kind must be 'sequential' or 'diverging', got {kind!r}")
    panels = as_arrays(arrays, "arrays", 2)
    check_count("titles", titles, len(panels), "arrays")
    check_count("marks", marks, len(panels), "arrays")
    low, high = _scale(panels, kind, vmin, vmax)
    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    side = (width - 1.0) / columns  # the colour bar takes about an inch
    tallest = max(panel.shape[0] / panel.shape[1] for panel in panels)
    row_height = min(side, 3.2) * tallest + (LINE if titles is not None else 0.1)
    figure, axes = new_figure(rows, columns, width=width, height=rows * row_height + 0.1)
    for index, place in enumerate(axes.flat):
        strip_frame(place)
        if index < len(panels):
            picture = place.imshow(panels[index], cmap=colour_map(kind), vmin=low, vmax=high)
            place.spines[:].set(visible=True, color=FRAME, linewidth=0.8)
            place.set_title(titles[index] if titles is not None else "", fontsize=11, pad=4)
            if numbers:
                _write_numbers(place, panels[index], colour_map(kind), low, high)
            outline(place, None if marks is None else marks[index], panels[index].shape[1])
    bar = figure.colorbar(picture, ax=axes, shrink=0.9, aspect=18, pad=0.02)
    bar.outline.set_visible(False)
    bar.locator = MaxNLocator(4)  # at most five round numbers
    bar.update_ticks()
    if label:
        bar.set_label(label)
    return figure


def _scale(
    panels: Sequence[np.ndarray], kind: str, vmin: float | None, vmax: float | None
) -> tuple[float, float]:
    low, high = min(panel.min() for panel in panels), max(panel.max() for panel in panels)
    if kind == "diverging":
        high = max(abs(low), abs(high)) or 1.0
        low = -high
    low, high = (low if vmin is None else vmin), (high if vmax is None else vmax)
    if high <= low:  # all values are equal
        high = low + 1
    return float(low), float(high)


def _write_numbers(axes: Axes, array: np.ndarray, colours: Any, low: float, high: float) -> None:
    """Values in the cells, in black or white, whichever stands out."""
    if array.size > MAX_NUMBERS:
        raise ValueError(
            f"numbers are readable in up to {MAX_NUMBERS} cells, and this array has {array.size}"
        )
    whole = bool((array == array.round()).all())
    for (row, column), value in np.ndenumerate(array):
        red, green, blue, _ = colours((value - low) / (high - low))
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.55
        # Adding 0 turns the -0 that rounding leaves into 0.
        text = f"{value + 0:.0f}" if whole else f"{round(value, 2) + 0:.2f}"
        axes.text(
            column, row, text, ha="center", va="center", fontsize=11, color="white" if dark else INK
        )


@in_style
def matrix(
    values: Any,
    *,
    row_label: str,
    column_label: str,
    row_names: Sequence[str] | None = None,
    column_names: Sequence[str] | None = None,
    title: str | None = None,
    numbers: bool = False,
    width: float = 4.2,
) -> Figure:
    """A mask or a dependency matrix: dark cells are true (or large), light ones false (or small).

    Args:
        values: (R, C), bool or numbers.
        row_label, column_label: what the axes count, such as "conditional j" and "variable i".
        row_names, column_names: a name for each row or column; indices from 0 unless given.
        numbers: write the values into the cells (at most 100 cells).

    Raises:
        ValueError: wrong shape, or a number of names that does not fit.
    """
    array = as_array(values, "values", 2)
    rows, columns = array.shape
    check_count("row_names", row_names, rows, "rows")
    check_count("column_names", column_names, columns, "columns")
    figure, ((axes,),) = new_figure(
        width=width, height=(width - 0.9) * rows / columns + 0.8 + LINE * bool(title)
    )
    low, high = min(0.0, array.min()), max(1.0, array.max())
    binary = bool(np.isin(array, (0, 1)).all())
    colours = colour_map("sequential")
    # Not quite black, and not quite white: cells stay told apart from lines and from the page.
    shown = 0.06 + 0.8 * array if binary else array
    axes.imshow(shown, cmap=colours, vmin=low, vmax=high, aspect="equal")
    if max(rows, columns) <= 64:
        axes.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
        axes.grid(
            which="minor",
            color="white",
            linewidth=1.5 if max(rows, columns) <= 20 else 0.5,
            linestyle="-",
        )
        axes.tick_params(which="minor", length=0)
    _name_cells(axes.xaxis, columns, column_names, every=8)
    _name_cells(axes.yaxis, rows, row_names, every=8)
    if numbers:
        _write_numbers(
            axes, array, lambda share: colours(0.06 + 0.8 * share if binary else share), low, high
        )
    axes.spines[:].set_visible(False)
    axes.set(xlabel=column_label, ylabel=row_label, title=title)
    return figure


def _name_cells(axis: Any, count: int, names: Sequence[str] | None, every: int) -> None:
    """Ticks on cells: all of them up to a dozen, else a few round ones."""
    if names is not None:
        axis.set_ticks(range(count), names)
    elif count <= 12:
        axis.set_ticks(range(count))
    else:
        steps = [step for step in (2, 4, 8, 14, 28, 49, 98, 196, 392) if count / step <= every + 1]
        axis.set_ticks(range(0, count, steps[0] if steps else math.ceil(count / every)))
    axis.set_tick_params(length=0)
