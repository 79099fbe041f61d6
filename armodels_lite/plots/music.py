"""Music as piano rolls: time to the right, pitch upwards."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, MultipleLocator

from ..sound import note_name
from .style import COLOURS, LINE, WIDTH, as_array, as_arrays, check_count, in_style, new_figure

__all__ = ["piano_roll"]

BLACK_KEYS = (1, 3, 6, 8, 10)  # half-tones above C
BLACK_ROW, BAR = "#F0F0F0", "#9A9A9A"
FEW_OCTAVES = (0, 2, 4, 7, 9)  # C, D, E, G, A: what is named where one C alone is in sight
FEWEST = 12  # keys that a panel shows: an octave


@in_style
def piano_roll(
    rolls: Any,
    *,
    lowest: int = 21,
    titles: Sequence[str] | None = None,
    xlabel: str = "time step",
    bar: int | None = None,
    columns: int = 2,
    width: float = WIDTH,
    height: float = 2.4,
) -> Figure:
    """Piano rolls side by side: a dark cell is a key that is down. Rows of black keys are shaded.

    All panels show the same pitches: those that sound in any of them, with a margin, and at least an octave.

    Args:
        rolls: (T, V) with values from 0 to 1 (bool, or probabilities, which are drawn paler), a stack (B, T, V), a
            list of rolls that may differ in length, or name -> roll for panels titled by the names.
        lowest: MIDI pitch of key 0; 21 is A0, the lowest key of a piano.
        titles: a text above each panel instead of its name.
        xlabel: what a step is, such as "quarter note". Step t, counted from 0, reaches from t to t + 1 on the axis.
        bar: a vertical line after every so many steps.
        columns: panels in a row.
        width, height: inches of the figure's width and of one row of panels.

    Raises:
        TypeError: rolls that are not numeric.
        ValueError: no rolls, wrong shape, numbers of keys that differ, values below 0 or above 1, pitches outside
            0..127, or titles, bar or columns that do not fit.
    """
    named = isinstance(rolls, Mapping)
    if named and not rolls:
        raise ValueError("piano_roll needs at least one roll")
    if named:
        panels = [as_array(roll, f"roll {name!r}", 2) for name, roll in rolls.items()]
    else:
        panels = as_arrays(rolls, "rolls", 2)
    _check_rolls(panels, lowest)
    check_count("titles", titles, len(panels), "rolls")
    for name, value in (("columns", columns), ("bar", bar)):
        if (name, value) != ("bar", None) and (type(value) is not int or value < 1):
            raise ValueError(f"{name} must be an int of at least 1, got {value!r}")
    titles = list(rolls) if named and titles is None else titles
    bottom, top = _pitch_range(panels, lowest)

    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure, grid = new_figure(
        rows, columns, width=width, height=rows * (height + LINE * (titles is not None))
    )
    for index, axes in enumerate(grid.flat):
        if index >= len(panels):
            axes.axis("off")
            continue
        _draw_roll(axes, panels[index], lowest, bottom, top)
        _draw_time(axes, len(panels[index]), bar)
        axes.set(xlabel=xlabel if index + columns >= len(panels) else "")
        axes.set_title(titles[index] if titles is not None else "")
        axes.tick_params(labelleft=index % columns == 0)
    return figure


def _draw_roll(axes: Axes, roll: np.ndarray, lowest: int, bottom: int, top: int) -> None:
    """The pitches from bottom to top: rows of black keys, cells, and names of notes."""
    steps, keys = roll.shape
    for pitch in range(bottom, top + 1):
        if pitch % 12 in BLACK_KEYS:
            axes.axhspan(pitch - 0.5, pitch + 0.5, facecolor=BLACK_ROW, edgecolor="none", zorder=0)
    # The same ink everywhere, as opaque as the value: rows of keys show through a small probability.
    cells = np.empty((keys, steps, 4))
    cells[..., :3] = to_rgb(COLOURS[0])
    cells[..., 3] = roll.T
    extent = (0, steps, lowest - 0.5, lowest + keys - 0.5)
    axes.imshow(cells, origin="lower", extent=extent, aspect="auto", zorder=2)
    axes.set_ylim(bottom - 0.5, top + 0.5)
    pitches = range(bottom, top + 1)
    octaves = [pitch for pitch in pitches if pitch % 12 == 0]
    named = octaves if len(octaves) > 1 else [p for p in pitches if p % 12 in FEW_OCTAVES]
    axes.set_yticks(named, [note_name(pitch) for pitch in named])
    edges = [pitch - 0.5 for pitch in octaves]
    axes.hlines(edges, 0, steps, colors=BAR, linewidth=0.6, linestyles="-", zorder=1)
    axes.tick_params(axis="y", length=0)


def _draw_time(axes: Axes, steps: int, bar: int | None) -> None:
    axes.set_xlim(0, steps)
    if bar is None:
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        return
    places = np.arange(bar, steps, bar)
    axes.vlines(places, *axes.get_ylim(), colors=BAR, linewidth=0.9, linestyles="-", zorder=1)
    # At most about eight numbers, all of them at bars.
    axes.xaxis.set_major_locator(MultipleLocator(bar * math.ceil(steps / bar / 8)))


def _pitch_range(panels: Sequence[np.ndarray], lowest: int) -> tuple[int, int]:
    """The lowest and the highest pitch to show."""
    sounding = np.flatnonzero(np.any([panel.any(0) for panel in panels], axis=0))
    if not len(sounding):  # silence, shown around the middle key
        sounding = np.array([panels[0].shape[1] // 2])
    low, high = lowest + int(sounding[0]) - 1, lowest + int(sounding[-1]) + 1
    missing = max(0, FEWEST - (high - low + 1))
    return low - missing // 2, high + missing - missing // 2


def _check_rolls(panels: Sequence[np.ndarray], lowest: int) -> None:
    counts = sorted({panel.shape[1] for panel in panels})
    if len(counts) > 1:
        raise ValueError(f"rolls must have the same number of keys, got {counts}")
    for panel in panels:
        if panel.min() < 0 or panel.max() > 1:
            raise ValueError(
                f"rolls hold values from 0 to 1, got {panel.min():g} to {panel.max():g}"
            )
    if type(lowest) is not int or lowest < 0 or lowest + counts[0] > 128:
        raise ValueError(
            f"lowest must be a MIDI pitch such that all {counts[0]} keys are in 0..127, got {lowest!r}"
        )
