"""Pictures: grids of images, frames of a widget, orderings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .style import (
    FRAME,
    INK,
    LINE,
    MAX_NUMBERS,
    WIDTH,
    as_array,
    check_count,
    colour_map,
    in_style,
    new_figure,
    outline,
    strip_frame,
)

__all__ = ["frame_strip", "image_grid", "ordering_path"]

COLUMN = 0.92  # inches of an image's column in a grid


@in_style
def image_grid(
    images: Any,
    titles: Sequence[str] | None = None,
    *,
    columns: int = 8,
    row_labels: Sequence[str] | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    colours: str = "ink",
    width: float | None = None,
) -> Figure:
    """Images side by side on one scale of grey (0 is white, the largest value black), or in colour.

    Args:
        images: (B, H, W), (B, 1, H, W), or RGB as (B, 3, H, W).
        titles: a short text above each image.
        columns: images in a row; the last row may be shorter.
        row_labels: a text to the left of each row.
        vmin, vmax: the values shown white and black. Unless given: 0 or the smallest value if that is lower, and
            1 or the largest value if that is higher.
        colours: "ink", or "probability" for probabilities and means.
        width: inches of the figure; unless given, 0.92 a column, or what the longest title takes.

    Raises:
        ValueError: wrong shape, or a number of titles or labels that does not fit.
    """
    tiles = _tiles(images)
    if type(columns) is not int or columns < 1:
        raise ValueError(f"columns must be an int of at least 1, got {columns!r}")
    columns = min(columns, len(tiles))
    rows = math.ceil(len(tiles) / columns)
    check_count("titles", titles, len(tiles), "images")
    check_count("row_labels", row_labels, rows, "rows")
    low = min(0.0, tiles.min()) if vmin is None else vmin
    high = max(1.0, tiles.max()) if vmax is None else vmax

    tile_height, tile_width = tiles.shape[1:3]
    gap = 0.1 * tile_width
    margin = 0.1 + (max(map(_text_width, row_labels)) if row_labels else 0.0)
    column = (
        max([COLUMN, *map(_text_width, titles or [])])
        if width is None
        else (width - margin) / columns
    )
    scale = column / (tile_width + gap)  # inches a pixel
    above = gap if titles is None else LINE / scale  # room over an image
    pitch = tile_width + gap, tile_height + above
    size = (margin + columns * column, rows * pitch[1] * scale + 0.05)
    figure = Figure(figsize=size)
    axes = figure.add_axes((margin / size[0], 0, 1 - margin / size[0], 1))
    for index, tile in enumerate(tiles):
        x, y = index % columns * pitch[0], index // columns * pitch[1] + above
        extent = (x, x + tile_width, y + tile_height, y)
        axes.imshow(tile, extent=extent, cmap=colour_map(colours), vmin=low, vmax=high)
        axes.add_patch(
            Rectangle((x, y), tile_width, tile_height, fill=False, edgecolor=FRAME, linewidth=0.8)
        )
        if titles is not None:
            axes.text(
                x + tile_width / 2,
                y - 0.05 / scale,
                titles[index],
                ha="center",
                va="bottom",
                fontsize=11,
            )
    for row, label in enumerate(row_labels or []):
        middle = row * pitch[1] + above + tile_height / 2
        axes.annotate(
            label, (-gap, middle), ha="right", va="center", fontsize=11, annotation_clip=False
        )
    axes.set_xlim(-gap / 2, columns * pitch[0] - gap / 2)
    axes.set_ylim(rows * pitch[1] + 0.025 / scale, -0.025 / scale)
    strip_frame(axes)
    return figure


def _text_width(text: str) -> float:
    """Inches that a text of 11 points takes, roughly; enough to leave room for it."""
    return 0.09 * len(text) + 0.1


def _tiles(images: Any) -> np.ndarray:
    """Images as (B, H, W), or (B, H, W, 3) in colour with values in [0, 1]."""
    tiles = as_array(images, "images", (3, 4))
    if tiles.ndim == 3:
        return tiles
    if tiles.shape[1] == 1:
        return tiles[:, 0]
    if tiles.shape[1] != 3:
        raise ValueError(
            f"images must be (B, H, W), (B, 1, H, W) or (B, 3, H, W), got {tiles.shape}"
        )
    if tiles.min() < 0 or tiles.max() > 255:
        raise ValueError(
            f"RGB values must lie in 0..1 or 0..255, got {tiles.min():g} to {tiles.max():g}"
        )
    return np.moveaxis(tiles / (255 if tiles.max() > 1 else 1), 1, -1)


@in_style
def frame_strip(
    rows: Mapping[str, Sequence[np.ndarray]],
    titles: Sequence[str],
    *,
    marks: Sequence[int | None] | None = None,
    width: float = WIDTH,
) -> Figure:
    """Frames of a widget side by side, for a page without a kernel: one row of pictures for each kind of view.

    Args:
        rows: label -> pictures (H, W, 4) of dtype uint8 (red, green, blue, opacity), one for each title. What is
            see-through is hatched, as in the widgets: it is not known yet.
        titles: a text below each column.
        marks: for each column a pixel to outline, counted row by row from 0, or None.

    Raises:
        ValueError: no rows, or numbers of pictures, titles and marks that differ.
    """
    if not rows or not titles:
        raise ValueError("frame_strip needs at least one row and one title")
    for name, pictures in rows.items():
        check_count(f"row {name!r}", pictures, len(titles), "titles")
    marks = [None] * len(titles) if marks is None else list(marks)
    check_count("marks", marks, len(titles), "titles")
    height, across = next(iter(rows.values()))[0].shape[:2]
    column = min((width - 0.1) / len(titles), 1.6)
    row_height = column * height / across + LINE
    figure, axes = new_figure(
        len(rows),
        len(titles),
        width=column * len(titles) + 0.1,
        height=len(rows) * row_height + LINE,
    )
    for line, (name, pictures) in zip(axes, rows.items(), strict=True):
        for place, picture, mark in zip(line, pictures, marks, strict=True):
            strip_frame(place)
            hatched = {
                "facecolor": "white",
                "edgecolor": "#CFCFCF",
                "hatch": "/////",
                "linewidth": 0,
            }
            place.add_patch(Rectangle((-0.5, -0.5), across, height, **hatched))
            place.imshow(picture, zorder=1)
            place.add_patch(
                Rectangle((-0.5, -0.5), across, height, fill=False, edgecolor=FRAME, linewidth=0.8)
            )
            outline(place, mark, across)
        line[0].set_title(name, loc="left", fontsize=11, pad=4)
    for place, title in zip(axes[-1], titles, strict=True):
        place.set_xlabel(title, fontsize=11)
    return figure


@in_style
def ordering_path(
    orderings: Any,
    image_shape: tuple[int, int],
    *,
    numbers: bool | None = None,
    columns: int = 3,
    width: float | None = None,
) -> Figure:
    """In which order the pixels are drawn: a path over pixels that are light (first) to dark (last).

    Without numbers a dot marks the first pixel and a square the last.

    Args:
        orderings: an ordering (T,) of flat positions in layout (C, H, W), or name -> ordering for several panels.
            A pixel's channels follow each other, and its first visit counts.
        image_shape: (H, W).
        numbers: write each pixel's step into it; unless given, where cells are large enough.
        columns: panels in a row.
        width: inches of the figure; unless given, 3.6 for one panel and the full width for several.

    Raises:
        ValueError: an ordering that is no permutation of the image's variables, or a wrong image shape.
    """
    named = dict(orderings) if isinstance(orderings, Mapping) else {"": orderings}
    if not named:
        raise ValueError("ordering_path needs at least one ordering")
    paths = {name: _pixel_path(ordering, image_shape) for name, ordering in named.items()}
    columns = min(columns, len(paths))
    rows = math.ceil(len(paths) / columns)
    width = width or (3.6 if len(paths) == 1 else WIDTH)
    height, across = image_shape
    side = width / columns
    titled = any(paths)
    figure, axes = new_figure(
        rows, columns, width=width, height=rows * (side * height / across + LINE * titled + 0.05)
    )
    for place in axes.flat:
        strip_frame(place)
    cell = 72 * side / max(height, across)  # points
    written = height * across <= MAX_NUMBERS and cell >= 26 if numbers is None else numbers
    for place, (name, path) in zip(axes.flat, paths.items(), strict=False):
        _draw_path(place, path, image_shape, written)
        place.set_title(name, fontsize=12, pad=4)
    return figure


def _pixel_path(ordering: Any, image_shape: tuple[int, int]) -> np.ndarray:
    """Pixels (H * W,) in the order of their first visit."""
    height, width = image_shape
    pixels = height * width
    positions = as_array(ordering, "ordering", 1).astype(int)
    if len(positions) % pixels or not np.array_equal(np.sort(positions), np.arange(len(positions))):
        raise ValueError(
            f"an ordering for an image of {height} x {width} is a permutation of 0..T-1 with T a multiple of "
            f"{pixels}, got {len(positions)} entries from {positions.min()} to {positions.max()}"
        )
    visited = positions % pixels
    _, first = np.unique(visited, return_index=True)
    return visited[np.sort(first)]


def _draw_path(axes: Axes, path: np.ndarray, image_shape: tuple[int, int], numbers: bool) -> None:
    height, width = image_shape
    row, column = np.divmod(path, width)
    steps = np.empty(image_shape)
    steps[row, column] = np.linspace(0.05, 0.65, len(path))
    colours = colour_map("sequential")
    axes.imshow(steps, cmap=colours, vmin=0, vmax=1)
    # Lines between cells show where pixels are, up to a size at which they would hide the colours.
    if max(height, width) <= 16:
        axes.vlines(np.arange(1, width) - 0.5, -0.5, height - 0.5, colors="white", linewidth=0.5)
        axes.hlines(np.arange(1, height) - 0.5, -0.5, width - 0.5, colors="white", linewidth=0.5)
    thickness = 1.6 if max(height, width) <= 16 else 0.8
    axes.plot(column, row, color=INK, linestyle="-", linewidth=thickness, solid_joinstyle="round")
    if numbers:
        for step, (x, y) in enumerate(zip(column, row, strict=True)):
            box = {
                "boxstyle": "round,pad=0.12",
                "facecolor": colours(steps[y, x]),
                "edgecolor": "none",
            }
            axes.text(x, y, str(step), ha="center", va="center", fontsize=11, bbox=box)
    else:
        axes.plot(column[0], row[0], marker="o", color=INK, markersize=6)
        axes.plot(column[-1], row[-1], marker="s", markerfacecolor="white", color=INK, markersize=6)
