"""A texture: hills seen from above, lit from the upper left: hills."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .containers import Data, Split
from .entry import DataSet, accept, as_published

__all__ = ["HILLS"]

# The mountains in the map. The parts lie one below the other and share no pixel.
COLUMNS = slice(0, 170)
ROWS = {"train": slice(90, 240), "valid": slice(240, 290), "test": slice(290, 342)}
STEP = 4  # pixels from one window to the next, in both directions


def _load_hills(entry: DataSet, window: int = 24, levels: int = 8) -> Data:
    """x: (N, 1, window, window) int64, squares that overlap, with `levels` grey levels; y: None.

    The levels are equally frequent in the training part (nearly so in its windows, which overlap); the highest is
    the brightest.
    """
    accept(entry, "window", window, range(8, 51))
    accept(entry, "levels", levels, range(2, 17))
    light = _light(entry)
    ranks = torch.arange(1, levels) / levels
    edges = torch.quantile(light[ROWS["train"]].flatten(), ranks)
    x = torch.bucketize(light, edges, right=True)
    return Data(
        **entry.about(),
        **{part: Split(_windows(x[rows], window)) for part, rows in ROWS.items()},
        event_shape=(1, window, window),
        levels=levels,
    )


def _light(entry: DataSet) -> Tensor:
    """How far each pixel of the map faces the light, (342, 170) float32, in metres: by how much the ground rises from
    the pixel to its left to that to its right, and from the pixel above it to that below, together.
    """
    from matplotlib.cbook import get_sample_data

    path = get_sample_data("jacksboro_fault_dem.npz", asfileobj=False)
    with np.load(path, allow_pickle=False) as arrays:
        height = arrays["elevation"].astype(np.int64)
    as_published(height, "9ab3e24a8e2fabcf01783cea4af7a05a67ffc2d67442fb095bcc4a6fed4f52f5", entry)
    height = torch.from_numpy(height).float()
    middle = slice(1, -1)
    light = height[middle, 2:] - height[middle, :-2] + height[2:, middle] - height[:-2, middle]
    return light[:, COLUMNS].contiguous()


def _windows(x: Tensor, side: int) -> Tensor:
    """All squares (N, 1, side, side) of a picture (H, W) that begin at every fourth row and column."""
    return x.unfold(0, side, STEP).unfold(1, side, STEP).reshape(-1, 1, side, side).contiguous()


HILLS = DataSet(
    name="hills",
    loader=_load_hills,
    images=True,
    description="Hills seen from above, lit from the upper left: overlapping squares of 24x24 pixels (window=8 to 50) "
    "with 8 grey levels (levels=2 to 16), equally frequent in the training part of the map. Train, valid and test are "
    "neighbouring pieces of one map, 150, 50 and 52 pixels high and 170 wide.",
    licence="public domain (according to whoever added it to matplotlib, which states no licence for it)",
    source="matplotlib (jacksboro_fault_dem.npz: heights measured by the Shuttle Radar Topography Mission of NASA)",
)
