"""Charts of numbers: curves and bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import COLOURS, DASHES, FRAME, QUIET, WIDTH, as_array, in_style, new_figure

__all__ = ["bars", "curves"]


@in_style
def curves(
    series: Mapping[str, Any],
    *,
    x: Any = None,
    xlabel: str = "epoch",
    ylabel: str = "nats per image",
    references: Mapping[str, float] | None = None,
    ylim: tuple[float, float] | None = None,
    xscale: str = "linear",
    yscale: str = "linear",
    title: str | None = None,
    width: float = WIDTH,
    height: float = 3.4,
) -> Figure:
    """Lines over a common x axis, each named at its right end; horizontal lines for values to compare with.

    Args:
        series: name -> values (N,), drawn in order with different colours and dashes.
        x: (N,) places on the axis; 1, 2, ... unless given, as epochs are counted.
        references: name -> height of a thin dotted line across the chart.
        ylim: range of the y axis; what the lines need unless given.
        xscale, yscale: "linear" or "log".

    Raises:
        ValueError: no series, lengths that differ from x, another scale, or a number that is not positive on a
            logarithmic axis, which has no place for it.
    """
    if not series:
        raise ValueError("curves needs at least one series")
    lines = {name: as_array(values, f"series {name!r}", 1) for name, values in series.items()}
    figure, ((axes,),) = new_figure(width=width, height=height)
    ends: list[tuple[str, float, str]] = []
    right = -np.inf
    for index, (name, values) in enumerate(lines.items()):
        places = np.arange(1, len(values) + 1) if x is None else as_array(x, "x", 1)
        if len(places) != len(values):
            raise ValueError(
                f"series {name!r} has {len(values)} values for {len(places)} places on the x axis"
            )
        _check_scale(f"x of series {name!r}", places, xscale)
        _check_scale(f"series {name!r}", values, yscale)
        colour = COLOURS[index % len(COLOURS)]
        marker = "o" if len(values) == 1 else None
        axes.plot(
            places, values, color=colour, linestyle=DASHES[index % len(DASHES)], marker=marker
        )
        ends.append((name, float(values[-1]), colour))
        right = max(right, float(places[-1]))
    for name, value in (references or {}).items():
        _check_scale(f"reference {name!r}", np.asarray(value), yscale)
        axes.axhline(value, color=QUIET, linewidth=1.2, linestyle=(0, (1, 3)), zorder=1)
        ends.append((name, float(value), QUIET))
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title, xscale=xscale, yscale=yscale)
    axes.margins(x=0.02)
    if ylim is not None:
        axes.set_ylim(*ylim)
    _label_ends(axes, ends, height)
    return figure


def _check_scale(name: str, values: np.ndarray, scale: str) -> None:
    if scale not in ("linear", "log"):
        raise ValueError(f'scales are "linear" and "log", got {scale!r}')
    if scale == "log" and values.min() <= 0:
        raise ValueError(f"a logarithmic axis takes positive numbers, {name} has {values.min():g}")


def _label_ends(axes: Axes, ends: list[tuple[str, float, str]], height: float) -> None:
    """Write each name to the right of the axes at its line's last height, moved apart where they would touch."""
    to_share = axes.transData + axes.transAxes.inverted()  # also where the axis is logarithmic
    shares = [to_share.transform((axes.get_xlim()[0], value))[1] for _, value, _ in ends]
    line_height = 0.25 / max(height - 0.9, 0.5)  # a quarter inch, as a share of the axis
    places = _moved_apart([min(max(share, 0.0), 1.0) for share in shares], line_height)
    for (name, _, colour), place in zip(ends, places, strict=True):
        axes.annotate(
            name,
            (1.0, place),
            xycoords="axes fraction",
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            color=colour,
            fontsize=11,
            annotation_clip=False,
        )


def _moved_apart(places: Sequence[float], gap: float) -> np.ndarray:
    """The same places, moved as little as needed so that sorted neighbours are at least `gap` apart.

    >>> _moved_apart([1.0, 1.0, 5.0], 1.0)
    array([0.5, 1.5, 5. ])
    """
    order = np.argsort(np.asarray(places), kind="stable")
    # Pool neighbours: a group of labels that touch shares one centre, the mean of their wishes.
    groups: list[tuple[float, list[int]]] = []
    for index in order:
        groups.append((float(places[index]), [int(index)]))
        while len(groups) > 1:
            (lower, below), (upper, above) = groups[-2:]
            if upper - lower >= gap * (len(below) + len(above)) / 2 - 1e-12 * gap:
                break
            members = below + above
            groups[-2:] = [(float(np.mean([places[i] for i in members])), members)]
    moved = np.empty(len(places))
    for centre, members in groups:
        moved[members] = centre + gap * (np.arange(len(members)) - (len(members) - 1) / 2)
    return moved


@in_style
def bars(
    values: Mapping[str, float],
    *,
    errors: Mapping[str, float] | None = None,
    xlabel: str = "nats per image",
    highlight: str | None = None,
    xlim: tuple[float, float] | None = None,
    digits: int = 2,
    title: str | None = None,
    width: float = WIDTH,
) -> Figure:
    """Horizontal bars, the first at the top, each with its value written beside it.

    Args:
        values: name -> length of the bar.
        errors: name -> half width of an error bar, for some or all names; say in the text what it is.
        highlight: a name whose bar stands out; all others are grey.
        xlim: range of the axis. It starts at 0 unless given: lengths of bars are compared by eye.
        digits: decimals of the written values.

    Raises:
        ValueError: no values, one that is not finite, or errors or a highlight for unknown names.
    """
    names, errors = list(values), dict(errors or {})
    lengths = as_array(list(values.values()), "values", 1)
    unknown = [
        name for name in [*errors, *([highlight] if highlight else [])] if name not in values
    ]
    if unknown:
        raise ValueError(
            f"no value is given for {', '.join(map(repr, unknown))}; names are {names}"
        )
    figure, ((axes,),) = new_figure(width=width, height=0.75 + 0.42 * len(names))
    places = np.arange(len(names))
    colours = [COLOURS[0] if highlight in (None, name) else FRAME for name in names]
    half = [errors.get(name, 0.0) for name in names]
    axes.barh(places, lengths, color=colours, height=0.68)
    shown = [i for i in places if half[i]]
    if shown:
        axes.errorbar(
            lengths[shown],
            shown,
            xerr=[half[i] for i in shown],
            fmt="none",
            ecolor="black",
            capsize=3,
            lw=1.5,
        )
    for place, length, error in zip(places, lengths, half, strict=True):
        text = f"{length:.{digits}f}" + (f" ± {error:.{digits}f}" if error else "")
        outward = 1 if length >= 0 else -1
        axes.annotate(
            text,
            (length + outward * error, place),
            xytext=(6 * outward, 0),
            textcoords="offset points",
            va="center",
            ha="left" if outward > 0 else "right",
            fontsize=11,
        )
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.set(xlabel=xlabel, title=title)
    axes.margins(x=0.18)  # room for the written values
    if xlim is not None:
        axes.set_xlim(*xlim)
    axes.axvline(0, color=QUIET, linewidth=1)
    return figure
