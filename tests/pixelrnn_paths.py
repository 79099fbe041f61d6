"""What a PixelRNN may see, by following sets of variables through its layers on the grid of pixels."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

import armodels_lite as ar


def pixelrnn_paths(model: ar.PixelRNN) -> Tensor:
    """Bool (T, T) in drawing order: is there a path from variable i (column) to conditional j (row)?"""
    depth, height, width = model.event_shape
    known = _first_convolution(model)
    for layer in range(len(model.layers)):
        if model.kind == "row":
            states = _row(known)
        else:
            states = _diagonal(known, with_values=layer == 0)
        known = known | np.logical_or.accumulate(states, axis=2)
    known = np.logical_or.accumulate(known, axis=2)  # (H, W, C, H, W, C): a group, and what it sees
    return torch.from_numpy(known.reshape(depth * height * width, -1))


def _first_convolution(model: ar.PixelRNN) -> np.ndarray:
    depth, height, width = model.event_shape
    reach = model.kernel_size // 2
    known = np.zeros((height, width, depth, height, width, depth), dtype=bool)
    for i, j, g, a, b, c in np.ndindex(known.shape):
        near = abs(i - a) <= reach and abs(j - b) <= reach
        known[i, j, g, a, b, c] = near and (a, b, c) < (i, j, g)
    return known


def _row(known: np.ndarray) -> np.ndarray:
    height, width = known.shape[:2]
    states = np.logical_or.accumulate(known, axis=2)
    for i in range(height):
        for j in range(width):
            if j > 0:
                states[i, j] |= known[i, j - 1].any(0)
            for above in range(max(0, j - 1), min(width, j + 2)) if i > 0 else ():
                states[i, j] |= states[i - 1, above].any(0)
    return states


def _diagonal(known: np.ndarray, *, with_values: bool) -> np.ndarray:
    height, width = known.shape[:2]
    ahead = np.logical_or.accumulate(known, axis=2)
    back = ahead.copy()
    for i in range(height):
        for j in range(width):
            ahead[i, j] |= ahead[i, j - 1].any(0) if j > 0 else False
            ahead[i, j] |= ahead[i - 1, j].any(0) if i > 0 else False
        for j in reversed(range(width)):
            back[i, j, :, i, j] |= with_values
            back[i, j] |= back[i, j + 1].any(0) if j + 1 < width else False
            back[i, j] |= back[i - 1, j].any(0) if i > 0 else False
    ahead[1:] |= back[:-1]
    return ahead
