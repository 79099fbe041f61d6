"""The look of all figures: fonts, lines, colours and colour maps, and arrays as figures need them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

__all__ = [
    "COLOURS",
    "WIDTH",
    "as_array",
    "as_arrays",
    "colour_map",
    "colour_table",
    "in_style",
    "new_figure",
    "places_of",
    "style",
]

WIDTH = 7.2  # inches: the width of a full figure in a notebook
LINE = 0.27  # inches: the height of a line of text
MAX_NUMBERS = 100  # cells with a number in each; in more of them numbers are too small to read

# M. Okabe and K. Ito's colours, told apart by colour-blind readers, sorted so that neighbours differ in
# lightness too; lines differ in their dashes as well, so that a greyscale print loses nothing.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (7, 2, 1.5, 2)), (0, (3, 1)), (0, (9, 3)), "-")
MARKERS = ("o", "^", "s", "D", "v", "P", "X")  # as dashes, for series drawn as dots
INK, QUIET, FRAME = "#222222", "#595959", "#B0B0B0"

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so a figure is the same on every machine
    "font.size": 12,
    "axes.titlesize": 12,
    "axes.labelsize": 12,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "legend.fontsize": 11,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "figure.dpi": 110,
    "savefig.facecolor": "white",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.grid": False,
    "grid.color": "#E4E4E4",
    "lines.linewidth": 2.0,
    "image.interpolation": "nearest",
    "axes.prop_cycle": matplotlib.cycler(color=COLOURS) + matplotlib.cycler(linestyle=DASHES),
}

# In each map lightness runs one way only, so a greyscale print keeps the order of the values.
_MAPS: dict[str, Colormap] = {
    "ink": LinearSegmentedColormap.from_list("ink", ["#FFFFFF", "#161616"]),
    "probability": matplotlib.colormaps["Blues"],
    "sequential": matplotlib.colormaps["Blues"],
    # From class 0 to class 1, light enough for points and lines on top: the faint blue, the middle and the orange that
    # the widget `DecisionBoundary` shows on a white page.
    "classes": LinearSegmentedColormap.from_list("classes", ["#E6F1F7", "#CCCBC6", "#E6A069"]),
    "diverging": LinearSegmentedColormap.from_list(
        "diverging", ["#06245E", "#3F6BB5", "#A6A6A6", "#E8B54A", "#FFF2B0"]
    ),
}


@contextmanager
def style() -> Iterator[None]:
    """The course's style for figures of one's own: `with plots.style(): ...`. Settings return to what they were."""
    with matplotlib.rc_context(STYLE):
        yield


def in_style(function: Callable[..., Figure]) -> Callable[..., Figure]:
    """Decorator: run a function that makes a figure inside `style()`."""

    @functools.wraps(function)
    def styled(*args: Any, **kwargs: Any) -> Figure:
        with style():
            return function(*args, **kwargs)

    return styled


def new_figure(
    rows: int = 1, columns: int = 1, *, width: float = WIDTH, height: float = 3.4
) -> tuple[Figure, np.ndarray]:
    """An empty figure in the course's style with rows x columns axes: (figure, axes of shape (rows, columns)).

    Width and height are in inches. The figure belongs to nobody but the caller: pyplot does not know it, so
    nothing needs closing and nothing is shown twice.

    >>> figure, axes = new_figure(1, 2)
    >>> axes.shape
    (1, 2)
    """
    with style():
        figure = Figure(figsize=(width, height), layout="constrained")
        axes: np.ndarray[Any, np.dtype[Any]] = figure.subplots(rows, columns, squeeze=False)
    return figure, axes


def colour_map(name: str) -> Colormap:
    """One of the course's colour maps. Raises ValueError for an unknown name."""
    if name not in _MAPS:
        raise ValueError(f"unknown colour map {name!r}; known are {', '.join(_MAPS)}")
    return _MAPS[name]


def colour_table(name: str) -> np.ndarray:
    """A colour map as bytes (256, 3), from the lowest to the highest value: what widgets colour pixels with.

    >>> colour_table("ink")[0]
    array([255, 255, 255], dtype=uint8)
    """
    return np.round(colour_map(name)(np.arange(256))[:, :3] * 255).astype(np.uint8)


def as_array(x: Any, name: str, ndim: int | tuple[int, ...]) -> np.ndarray:
    """x as a float64 numpy array with one of the given numbers of axes.

    Raises:
        TypeError: x is not numeric.
        ValueError: wrong number of axes, no entries, or a value that is not finite.
    """
    if hasattr(x, "detach"):  # a torch tensor, perhaps on a GPU, perhaps in a graph
        x = x.detach().cpu().double().numpy()
    try:
        array = np.asarray(x, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{name} must be an array of numbers, got {type(x).__name__}: {error}"
        ) from error
    accepted = (ndim,) if isinstance(ndim, int) else ndim
    if array.ndim not in accepted:
        axes = " or ".join(map(str, accepted))
        raise ValueError(f"{name} must have {axes} axes, got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} is empty, shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(
            f"{name} must be finite, and {int((~np.isfinite(array)).sum())} entries are not"
        )
    return array


def as_arrays(x: Any, name: str, ndim: int) -> list[np.ndarray]:
    """One array with `ndim` axes, a stack of such arrays, or a sequence of them that may differ in shape, as a list.

    Raises:
        TypeError, ValueError: as `as_array`.
    """
    if isinstance(x, (list, tuple)) and x and not np.isscalar(x[0]) and np.ndim(x[0]) == ndim:
        return [as_array(array, f"{name}[{index}]", ndim) for index, array in enumerate(x)]
    array = as_array(x, name, (ndim, ndim + 1))
    return [array] if array.ndim == ndim else list(array)


def places_of(series: Mapping[str, np.ndarray], x: Any, first: int = 1) -> dict[str, np.ndarray]:
    """Each series' places on the x axis: `x` for all, x[name] for each, or first, first + 1, ... where x is None.

    Raises:
        ValueError: x names other series, or has another length than a series.
    """
    if isinstance(x, Mapping):
        check_names("x", x, series)
        if missing := [name for name in series if name not in x]:
            raise ValueError(f"x has no places for series {', '.join(map(repr, missing))}")
    places = {}
    for name, values in series.items():
        if x is None:
            where = np.arange(first, first + len(values), dtype=np.float64)
        elif isinstance(x, Mapping):
            where = as_array(x[name], f"x[{name!r}]", 1)
        else:
            where = as_array(x, "x", 1)
        if len(where) != len(values):
            raise ValueError(
                f"series {name!r} has {len(values)} values for {len(where)} places on the x axis"
            )
        places[name] = where
    return places


def strip_frame(axes: Axes) -> None:
    """Take away everything around the picture: ticks and spines."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def outline(axes: Axes, mark: int | None, across: int) -> None:
    """A frame around one pixel of a picture `across` pixels wide, visible on light and dark; none for None."""
    if mark is None:
        return
    corner = (mark % across - 0.5, mark // across - 0.5)
    for colour, thickness in (("white", 4), (COLOURS[1], 2)):
        frame = {"edgecolor": colour, "linewidth": thickness, "zorder": 4 - thickness / 2}
        axes.add_patch(Rectangle(corner, 1, 1, fill=False, **frame))


def check_count(name: str, given: Sequence[Any] | None, needed: int, things: str) -> None:
    """Raise ValueError unless there are as many of `name` as there are things they belong to."""
    if given is not None and len(given) != needed:
        raise ValueError(f"{name} has {len(given)} entries for {needed} {things}")


def check_names(argument: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Raise ValueError for a given name that is not known, TypeError for one string instead of names."""
    if isinstance(given, str):
        raise TypeError(f"{argument} takes names in a list, got the string {given!r}")
    known = list(known)
    if unknown := [name for name in given if name not in known]:
        raise ValueError(
            f"{argument} names {', '.join(map(repr, unknown))}, and the series are {known}"
        )
