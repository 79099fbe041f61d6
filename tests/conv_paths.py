"""What a convolutional model may see, by following sets of variables through its layers on the grid of pixels.

A map of sets is a bool array: what each pixel (i, j), and in it each group of features g, knows of every variable. No
weight and no mask of the models enters, only what their layers are said to look at.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import numpy as np
import torch
from torch import Tensor

import armodels_lite as ar

Taps = Iterable[tuple[int, int]]  # offsets (rows, columns) of the pixels that a kernel looks at


def wavenet_paths(model: ar.WaveNet) -> Tensor:
    """Bool (T, T): each conditional sees the last R values, R by the closed form for doubling dilations."""
    stacks = model.dilations.count(1)
    layers = len(model.dilations) // stacks
    reach = 1 + stacks * (model.kernel_size - 1) * (2**layers - 1)
    size = model.num_variables
    return torch.ones(size, size, dtype=torch.bool).tril(-1).triu(-reach)


def pixelcnn_paths(model: ar.PixelCNN) -> Tensor:
    """Bool (T, T) in drawing order: is there a path from variable i (column) to conditional j (row)?"""
    known = _first(model.event_shape, model.first_kernel_size)
    for _ in model.layers:
        known = known | _at_pixel(known) | _before(known, model.kernel_size)
    return _in_order(_at_pixel(known))


def gated_pixelcnn_paths(model: ar.GatedPixelCNN) -> Tensor:
    """As `pixelcnn_paths`."""
    depth = model.event_shape[0]
    reach = model.first_kernel_size // 2
    above = _union(_values(model.event_shape), rectangle(-reach, 0, reach))
    left = _at_pixel(
        _first(model.event_shape, model.first_kernel_size, rows=0) | _down(above, depth)
    )
    for _ in model.layers[1:]:
        reach = model.kernel_size // 2
        above = _union(above, rectangle(-reach, 0, reach))
        taken = _at_pixel(left) | _before(left, model.kernel_size, rows=0) | _down(above, depth)
        left = left | _at_pixel(taken)
    return _in_order(_at_pixel(left))


def pixelcnnpp_paths(model: ar.PixelCNNpp) -> Tensor:
    """As `pixelcnn_paths`. The streams know whole pixels; a channel knows the ones before it besides."""
    depth, height, width = model.event_shape
    image = _values(model.event_shape)
    above = _union(image, rectangle(-3, -1, 2))
    left = _union(image, [(a, b) for a, b in rectangle(-2, 0, 2) if (a, b) < (0, 0)])
    _, left = _resolution(model.network, above, left)
    known = np.repeat(left, depth, axis=2)
    for i, j, g, c in np.ndindex(height, width, depth, depth):
        known[i, j, g, i, j, c] = c < g
    return _in_order(known)


def rectangle(top: int, bottom: int, reach: int) -> list[tuple[int, int]]:
    """Offsets of the rows from `top` to `bottom`, and as many columns to the left as to the right."""
    return list(product(range(top, bottom + 1), range(-reach, reach + 1)))


# -- PixelCNN++ -----------------------------------------------------------------------------------------------------

ABOVE = rectangle(-1, 0, 1)
LEFT = [(-1, -1), (-1, 0), (0, -1), (0, 0)]


def _resolution(level, above: np.ndarray, left: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    kept = [(above, left)]
    for _ in level.down:
        above, left = _block(above, left)
        kept.append((above, left))
    if level.lower is None:
        above, left = kept.pop()
    else:
        size = above.shape[:2]
        halved = _union(above, ABOVE)[::2, ::2], _union(left, LEFT)[::2, ::2]
        above, left = (_doubled(known, size) for known in _resolution(level.lower, *halved))
    for _ in level.back:
        above_before, left_before = kept.pop()
        above, left = _block(above, left, above_before, left_before)
    return above, left


def _block(
    above: np.ndarray, left: np.ndarray, *before: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    above_before, left_before = before or (above, left)
    above = above | _union(_union(above, ABOVE) | above_before, ABOVE)
    return above, left | _union(_union(left, LEFT) | above | left_before, LEFT)


def _doubled(known: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return known.repeat(2, 0).repeat(2, 1)[: size[0], : size[1]]


# -- sets -----------------------------------------------------------------------------------------------------------


def _values(event_shape: tuple[int, ...]) -> np.ndarray:
    """(H, W, 1, H, W, C): the image itself, each pixel one group that knows its own values."""
    depth, height, width = event_shape
    known = np.eye(height * width, dtype=bool).reshape(height, width, 1, height, width, 1)
    return known.repeat(depth, axis=5)


def _first(event_shape: tuple[int, ...], size: int, rows: int | None = None) -> np.ndarray:
    """(H, W, C, H, W, C): a kernel with mask A over the image."""
    depth, height, width = event_shape
    known = _before(_values(event_shape), size, rows).repeat(depth, axis=2)
    for i, j, g, c in np.ndindex(height, width, depth, depth):
        known[i, j, g, i, j, c] = c < g
    return known


def _before(known: np.ndarray, size: int, rows: int | None = None) -> np.ndarray:
    """What all groups of the pixels before know, those under a kernel of this size; `rows` above, or as it reaches."""
    reach = size // 2
    taps = rectangle(-(reach if rows is None else rows), 0, reach)
    return _union(known.any(2, keepdims=True), [tap for tap in taps if tap < (0, 0)])


def _at_pixel(known: np.ndarray) -> np.ndarray:
    """A linear map at each pixel with mask B: a group takes what those up to it know."""
    return np.logical_or.accumulate(known, axis=2)


def _down(known: np.ndarray, depth: int) -> np.ndarray:
    """What the row above knows, for every group."""
    return _union(known, [(-1, 0)]).repeat(depth, axis=2)


def _union(known: np.ndarray, taps: Taps) -> np.ndarray:
    """What the pixels at these offsets know together; outside the image nothing."""
    height, width = known.shape[:2]
    found = np.zeros_like(known)
    for down, right in taps:
        rows, columns = _overlap(height, down), _overlap(width, right)
        found[rows[0], columns[0]] |= known[rows[1], columns[1]]
    return found


def _overlap(size: int, offset: int) -> tuple[slice, slice]:
    """The places that have a neighbour at this offset, and these neighbours."""
    here = slice(max(0, -offset), max(0, min(size, size - offset)))
    return here, slice(here.start + offset, max(here.start, here.stop) + offset)


def _in_order(known: np.ndarray) -> Tensor:
    """(H, W, C, H, W, C) to (T, T): raster order, the channels of a pixel together."""
    size = known.shape[0] * known.shape[1] * known.shape[2]
    return torch.from_numpy(known.reshape(size, size))
