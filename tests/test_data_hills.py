"""hills: against windows that NumPy cuts from the map by itself, and against matplotlib's own shading."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import cbook
from matplotlib.colors import LightSource

import armodels_lite.data as data
from armodels_lite.data import terrain

ROWS = {"train": (90, 240), "valid": (240, 290), "test": (290, 342)}


def heights() -> np.ndarray:
    """(344, 403), metres."""
    with np.load(cbook.get_sample_data("jacksboro_fault_dem.npz", asfileobj=False)) as arrays:
        return arrays["elevation"].astype(np.int64)


@cache
def light() -> np.ndarray:
    """(342, 170): the slopes that face the upper left corner, of every pixel with four neighbours."""
    h = heights()
    found = np.empty((342, 170), np.int64)
    for i in range(342):
        for j in range(170):
            rise = h[i + 1, j + 2] - h[i + 1, j], h[i + 2, j + 1] - h[i, j + 1]
            found[i, j] = sum(rise)
    return found


def squares(picture: np.ndarray, side: int) -> np.ndarray:
    height, width = picture.shape
    return np.stack(
        [
            picture[i : i + side, j : j + side]
            for i in range(0, height - side + 1, 4)
            for j in range(0, width - side + 1, 4)
        ]
    )[:, None]


def test_what_it_holds() -> None:
    hills = data.load("hills")
    assert {part: tuple(getattr(hills, part).x.shape) for part in ROWS} == {
        "train": (1184, 1, 24, 24),
        "valid": (259, 1, 24, 24),
        "test": (296, 1, 24, 24),
    }
    assert hills.event_shape == (1, 24, 24) and hills.levels == 8 and hills.class_names is None
    for part in ROWS:
        split = getattr(hills, part)
        assert split.x.dtype == torch.int64 and split.y is None and split.x.is_contiguous()
        assert split.x.unique().tolist() == list(range(8))
    assert data.status("hills").state == "included" and data.verify("hills") == []
    assert "24x24" in hills.description and "public domain" in hills.licence


@pytest.mark.parametrize(("window", "levels"), [(24, 8), (50, 2), (9, 16)])
def test_against_numpy(window: int, levels: int) -> None:
    """Each level is how many of the training part's quantiles a pixel reaches."""
    picture = light()
    edges = np.quantile(picture[slice(*ROWS["train"])], np.arange(1, levels) / levels)
    found = data.load("hills", window=window, levels=levels)
    assert found.event_shape == (1, window, window) and found.levels == levels
    for part, rows in ROWS.items():
        cut = picture[slice(*rows)]
        expected = squares((cut[..., None] >= edges).sum(-1), window)
        assert np.array_equal(getattr(found, part).x.numpy(), expected)


def test_the_parts_share_no_pixel_and_lie_on_the_map() -> None:
    bounds = [(rows.start, rows.stop) for rows in terrain.ROWS.values()]
    assert bounds == list(ROWS.values())
    assert all(above[1] <= below[0] for above, below in pairwise(bounds))
    assert bounds[-1][1] == len(light())


@pytest.mark.parametrize("levels", [2, 8, 16])
def test_the_levels_of_the_training_part_are_equally_frequent(levels: int) -> None:
    """Of its pixels, not of its windows, which overlap; heights are whole metres, so many slopes are equal."""
    squares = iter(data.load("hills", window=8, levels=levels).train.x[:, 0])
    picture = torch.full(
        (148, 168), -1
    )  # all but the last two rows and columns are in one window or more
    for i in range(0, 141, 4):
        for j in range(0, 161, 4):
            picture[i : i + 8, j : j + 8] = next(squares)
    shares = torch.bincount(picture.flatten(), minlength=levels) / picture.numel()
    assert next(squares, None) is None and (shares - 1 / levels).abs().max() < 0.01


def test_the_light_comes_from_the_upper_left() -> None:
    """Bright where matplotlib's own shading from the north-west is; row 0 is the north."""
    shaded = LightSource(azdeg=315, altdeg=45).hillshade(heights(), dx=74, dy=93)
    assert np.corrcoef(shaded[1:-1, 1:171].flat, light().flat)[0, 1] > 0.95
    with np.load(cbook.get_sample_data("jacksboro_fault_dem.npz", asfileobj=False)) as arrays:
        assert arrays["ymin"] > arrays["ymax"]  # the latitudes of its first and its last row


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 7}, "no window=7; accepted: 8 to 50"),
        ({"window": 51}, "no window=51; accepted: 8 to 50"),
        ({"window": 24.0}, r"no window=24\.0"),
        ({"levels": 1}, "no levels=1; accepted: 2 to 16"),
        ({"levels": 17}, "no levels=17; accepted: 2 to 16"),
        ({"levels": True}, "no levels=True"),
        ({"step": 2}, "no option 'step'; accepted: window, levels, given"),
    ],
)
def test_options_list_what_is_accepted(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        data.load("hills", **options)


def test_another_map_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    published = heights()
    changed = published.copy()
    changed[200, 100] += 1
    path = tmp_path / "jacksboro_fault_dem.npz"
    np.savez(path, elevation=changed.astype(np.int16))
    monkeypatch.setattr(cbook, "get_sample_data", lambda name, asfileobj: path)
    with pytest.raises(ValueError, match="installed matplotlib .* holds other 'hills' data"):
        data.verify("hills")
    np.savez(path, elevation=published)
    assert data.verify("hills") == []  # the same heights, stored otherwise
