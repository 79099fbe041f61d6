"""Charts of numbers: curves and bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from .style import (
    COLOURS,
    DASHES,
    FRAME,
    MARKERS,
    QUIET,
    WIDTH,
    as_array,
    check_names,
    in_style,
    new_figure,
    places_of,
)

__all__ = ["bars", "curves"]

SAMPLE = 22  # points: the piece of line before a name


@in_style
def curves(
    series: Mapping[str, Any],
    *,
    x: Any = None,
    bands: Mapping[str, tuple[Any, Any]] | None = None,
    dots: Sequence[str] = (),
    xlabel: str = "epoch",
    ylabel: str = "nats per image",
    references: Mapping[str, float] | None = None,
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    xscale: str = "linear",
    yscale: str = "linear",
    title: str | None = None,
    width: float = WIDTH,
    height: float = 3.4,
) -> Figure:
    """Lines over a common x axis, each named at the right; horizontal lines for values to compare with.

    A name stands at the height of its line's right end. Where lines end at different places, or some series are
    dots, a short piece of the line (or a dot) stands before each name.

    Args:
        series: name -> values (N,), drawn in order with different colours and dashes.
        x: (N,) places on the axis, or name -> places (N_i,) where series differ in length or begin elsewhere;
            1, 2, ... unless given, as epochs are counted.
        bands: name of a series -> (low, high), each (N,): the range between them, shaded lightly in the colour of
            the series. For dots and for a series of one value it is a vertical bar at each.
        dots: names of series drawn as dots without a line.
        references: name -> height of a thin dotted line across the chart.
        xlim, ylim: range of an axis; what the lines need unless given.
        xscale, yscale: "linear" or "log".

    Raises:
        TypeError: `dots` is one string, or values are not numeric.
        ValueError: no series, lengths that differ from x, places, bands or dots for a name that is no series, a
            band whose low end is above its high end, a reference that is not finite, an xlim that leaves a series
            out, another scale, or a number that is not positive on a logarithmic axis, which has no place for it.
    """
    if not series:
        raise ValueError("curves needs at least one series")
    lines = {name: as_array(values, f"series {name!r}", 1) for name, values in series.items()}
    places = places_of(lines, x)
    edges = _edges(bands or {}, lines)
    levels = {name: as_array(v, f"reference {name!r}", 0) for name, v in (references or {}).items()}
    check_names("dots", dots, lines)
    for name in lines:
        _check_scale(f"x of series {name!r}", places[name], xscale)
        _check_scale(f"series {name!r}", lines[name], yscale)
        if name in edges:
            _check_scale(f"bands[{name!r}]", edges[name][0], yscale)
    for name, value in levels.items():
        _check_scale(f"reference {name!r}", value, yscale)
    if xlim is not None:
        _check_xlim(xlim, places, xscale)
    figure, ((axes,),) = new_figure(width=width, height=height)
    drawn = []
    for index, (name, values) in enumerate(lines.items()):
        drawn.append(_draw_series(axes, index, places[name], values, name in dots))
        if name in edges:
            _draw_band(axes, places[name], edges[name], drawn[-1])
    for value in levels.values():
        drawn.append(
            axes.axhline(value, color=QUIET, linewidth=1.2, linestyle=(0, (1, 3)), zorder=1)
        )
    axes.set(xlabel=xlabel, ylabel=ylabel, title=title, xscale=xscale, yscale=yscale)
    axes.margins(x=0.02)
    if xlim is not None:
        axes.set_xlim(*xlim)
    if ylim is not None:
        axes.set_ylim(*ylim)
    _label_ends(axes, [*lines, *levels], drawn, height)
    return figure


def _edges(
    bands: Mapping[str, Any], lines: Mapping[str, np.ndarray]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Each band's lower and upper edge as arrays, checked against the series it belongs to."""
    check_names("bands", bands, lines)
    edges = {}
    for name, pair in bands.items():
        if not hasattr(pair, "__len__") or len(pair) != 2:
            raise ValueError(f"bands[{name!r}] must be (low, high), each (N,), got {pair!r}")
        low, high = (as_array(edge, f"bands[{name!r}]", 1) for edge in pair)
        if not len(low) == len(high) == len(lines[name]):
            raise ValueError(
                f"bands[{name!r}] has {len(low)} low and {len(high)} high values for "
                f"{len(lines[name])} values of the series"
            )
        if (low > high).any():
            place = int(np.argmax(low > high))
            raise ValueError(
                f"bands[{name!r}] must have low <= high, and at index {place} low is {low[place]:g} "
                f"and high is {high[place]:g}"
            )
        edges[name] = (low, high)
    return edges


def _check_scale(name: str, values: np.ndarray, scale: str) -> None:
    if scale not in ("linear", "log"):
        raise ValueError(f'scales are "linear" and "log", got {scale!r}')
    if scale == "log" and values.min() <= 0:
        raise ValueError(f"a logarithmic axis takes positive numbers, {name} has {values.min():g}")


def _check_xlim(xlim: tuple[float, float], places: Mapping[str, np.ndarray], xscale: str) -> None:
    limits = as_array(xlim, "xlim", 1)
    if len(limits) != 2 or not limits[0] < limits[1]:
        raise ValueError(f"xlim must be (left, right) with left < right, got {xlim}")
    _check_scale("xlim", limits, xscale)
    for name, where in places.items():
        if where.max() < limits[0] or where.min() > limits[1]:
            raise ValueError(
                f"xlim {xlim} leaves out series {name!r}, which runs from {where.min():g} to "
                f"{where.max():g}"
            )


def _draw_series(
    axes: Axes, index: int, places: np.ndarray, values: np.ndarray, dots: bool
) -> Line2D:
    """One series as a line, or as dots whose shape tells series apart where colour does not."""
    colour = COLOURS[index % len(COLOURS)]
    if dots:
        look = {
            "linestyle": "none",
            "marker": MARKERS[index % len(MARKERS)],
            "markersize": 6 if len(values) <= 50 else 3.5,
            "zorder": 2.5,  # over the lines
        }
    else:
        look = {
            "linestyle": DASHES[index % len(DASHES)],
            "marker": "o" if len(values) == 1 else None,
        }
    (line,) = axes.plot(places, values, color=colour, **look)
    return line


def _draw_band(
    axes: Axes, places: np.ndarray, edges: tuple[np.ndarray, np.ndarray], line: Line2D
) -> None:
    colour = line.get_color()
    if line.get_marker() != "None":
        axes.vlines(places, *edges, colors=colour, linewidth=1.2, linestyles="-", zorder=1.5)
        return
    # The thin edge keeps a band visible where its colour is light and where two bands overlap.
    axes.fill_between(
        places,
        *edges,
        facecolor=(colour, 0.2),
        edgecolor=(colour, 0.5),
        linewidth=0.8,
        linestyle="-",
        zorder=1,
    )


def _label_ends(axes: Axes, names: Sequence[str], lines: Sequence[Line2D], height: float) -> None:
    """Write names to the right of the axes, at the heights where lines end, moved apart where they would touch."""
    axes.get_xlim()  # settles the limits, which the lines' transforms need
    ends = [_right_end(axes, line) for line in lines]
    line_height = 0.25 / max(height - 0.9, 0.5)  # a quarter inch, as a share of the axis
    places = _moved_apart([min(max(share, 0.0), 1.0) for _, share in ends], line_height)
    # References run across the whole chart, and say nothing about where series end.
    own = [line.get_transform() == axes.transData for line in lines]
    rights = [right for (right, _), series in zip(ends, own, strict=True) if series]
    sampled = bool(np.ptp(rights) > 1e-6) or any(line.get_linestyle() == "None" for line in lines)
    for name, line, place in zip(names, lines, places, strict=True):
        if sampled:
            _draw_sample(axes, line, place)
        axes.annotate(
            name,
            (1.0, place),
            xycoords="axes fraction",
            xytext=(6 + (SAMPLE + 5) * sampled, 0),
            textcoords="offset points",
            va="center",
            color=line.get_color(),
            fontsize=11,
            annotation_clip=False,
        )


def _right_end(axes: Axes, line: Line2D) -> tuple[float, float]:
    """Where a line ends, or leaves the axes, at the right: (across, up) as shares of the axes."""
    to_share = line.get_transform() + axes.transAxes.inverted()  # also where an axis is logarithmic
    across, up = to_share.transform(line.get_xydata()).T
    order = np.argsort(across, kind="stable")
    right = min(1.0, across.max())
    return right, float(np.interp(right, across[order], up[order]))


def _draw_sample(axes: Axes, line: Line2D, place: float) -> None:
    """A short piece of the line, or one of its dots, to the right of the axes."""
    figure = axes.get_figure()
    from_right = figure.dpi_scale_trans + ScaledTranslation(1, 0, axes.transAxes)  # inches
    left, right = 6 / 72, (6 + SAMPLE) / 72
    across = [left, right] if line.get_marker() == "None" else [(left + right) / 2]
    sample = Line2D(across, [place] * len(across))
    sample.update_from(line)
    sample.set_transform(blended_transform_factory(from_right, axes.transAxes))
    # The figure owns it: among the axes' lines there are series and references alone.
    figure.add_artist(sample).set_clip_on(False)


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
