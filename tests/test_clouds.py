"""Clouds of points side by side."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from armodels_lite import plots

GROUPS = np.array([0, 1, 1, 0, 1])
POINTS = np.arange(10.0).reshape(5, 2) / 10


def test_every_panel_shows_both_groups_on_the_same_axes() -> None:
    panels = [POINTS, torch.tensor(-POINTS), POINTS.tolist()]
    figure = plots.clouds(panels, GROUPS, limit=2, titles=["a", "b", "c"], names=("one", "two"))
    assert [axes.get_title() for axes in figure.axes] == ["a", "b", "c"]
    for axes, sign in zip(figure.axes, (1, -1, 1), strict=True):
        first, second = (drawn.get_offsets() for drawn in axes.collections[:2])
        assert np.allclose(first, sign * POINTS[GROUPS == 0])
        assert np.allclose(second, sign * POINTS[GROUPS == 1])
        assert axes.get_xlim() == axes.get_ylim() == (-2, 2)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "two"]


def test_rings_are_drawn_in_the_last_panel_alone() -> None:
    figure = plots.clouds([POINTS] * 3, GROUPS, limit=3, rings=(1, 2), columns=2)
    assert [len(axes.lines) for axes in figure.axes] == [0, 0, 2, 0]
    radii = [np.hypot(*line.get_data()) for line in figure.axes[2].lines]
    assert np.allclose(radii[0], 1) and np.allclose(radii[1], 2)
    assert not figure.axes[3].axison  # no fourth panel


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"points": [POINTS.T]}, r"shape \(N, 2\), got \(2, 5\)"),
        ({"groups": GROUPS[:4]}, "groups"),
        ({"groups": GROUPS + 1}, "must be 0 or 1"),
        ({"limit": 0}, "limit must be a positive number, got 0"),
        ({"titles": ["a", "b"]}, "titles"),
        ({"names": ("a",)}, "names"),
    ],
)
def test_bad_input_is_named(changes: dict, message: str) -> None:
    arguments = {"points": [POINTS], "groups": GROUPS, "limit": 1.0, **changes}
    with pytest.raises(ValueError, match=message):
        plots.clouds(**arguments)
