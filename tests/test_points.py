"""Points with names."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.text import Annotation, Text

from armodels_lite import plots

NAMES = ["one", "two", "three", "a longer name", "five", "six", "seven"]
CROWDED = {name: (100 + k, 1 + 0.02 * k) for k, name in enumerate(NAMES)}


def drawn(places: dict, **arguments: object) -> tuple[Axes, dict[str, Annotation]]:
    figure = plots.points(places, xlabel="weights", ylabel="nats", **arguments)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    return axes, {text.get_text(): text for text in axes.texts}


def test_every_name_stands_beside_its_point() -> None:
    axes, texts = drawn({"a": (1, 2.0), "b": torch.tensor([100.0, 1.0])})
    assert axes.get_xscale() == "log"
    assert {name: tuple(text.xy) for name, text in texts.items()} == {"a": (1, 2), "b": (100, 1)}
    assert np.allclose(axes.lines[0].get_xydata(), [[1, 2], [100, 1]])
    assert all(text.arrow_patch is None for text in texts.values())  # there is room next to each


def test_names_of_crowded_points_do_not_cover_each_other() -> None:
    axes, texts = drawn(CROWDED, ylim=(0, 3))
    assert set(texts) == set(NAMES)
    # An annotation's own extent takes its line in: the text alone is asked.
    alone = [Text.get_window_extent(text) for text in texts.values()]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(alone, 2))
    dots = axes.transData.transform(list(CROWDED.values()))
    assert not any(box.contains(*dot) for box in alone for dot in dots)
    assert any(text.arrow_patch for text in texts.values())  # some had to move away


def test_a_name_beside_the_last_point_stays_inside() -> None:
    axes, texts = drawn({"a": (1, 1.0), "a name longer than the margin": (100, 2.0)})
    inside = axes.get_window_extent()
    for text in texts.values():
        assert all(inside.contains(*corner) for corner in Text.get_window_extent(text).get_points())


def test_no_line_runs_through_another_name() -> None:
    x = [6.35, 3.88, 0.0, 3.76, 2.99, 2.18, 5.84, 4.31, 1.54, 6.44]
    y = [1.25, 1.08, 1.2, 1.23, 1.23, 1.24, 1.12, 1.2, 1.17, 1.08]
    places = {f"model {k}": (100 + x[k], y[k]) for k in range(10)}
    axes, texts = drawn(places, ylim=(0, 3))
    boxes = {name: Text.get_window_extent(text) for name, text in texts.items()}
    lines = {name: text for name, text in texts.items() if text.arrow_patch}
    assert lines
    for name, text in lines.items():
        dot = axes.transData.transform(text.xy)
        end = dot + np.multiply(text.xyann, axes.figure.dpi / 72)
        for place in np.linspace(0.7 * dot + 0.3 * end, end, 50):  # beyond what is close to the dot
            assert not any(box.contains(*place) for other, box in boxes.items() if other != name)


def test_errors_are_bars() -> None:
    axes, _ = drawn({"a": (1, 2.0), "b": (2, 1.0)}, errors={"b": 0.25}, xscale="linear")
    (bar,) = axes.collections
    assert np.allclose(bar.get_segments(), [[[2, 0.75], [2, 1.25]]])


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"places": {}}, ValueError, "places"),
        ({"places": {"a": (1, 2, 3)}}, ValueError, "pair"),
        ({"places": {"a": ("x", 2)}}, TypeError, "places"),
        ({"places": {"a": (0, 2)}}, ValueError, "positive numbers, an x is 0"),
        ({"xscale": "sqrt"}, ValueError, "sqrt"),
        ({"errors": {"c": 1.0}}, ValueError, "'c'"),
        ({"ylim": (0, 1)}, ValueError, "points lie between 2 and 2"),
    ],
)
def test_bad_input_is_named(changes: dict, error: type, message: str) -> None:
    arguments = {"places": {"a": (1, 2.0)}, "xlabel": "", "ylabel": "", **changes}
    with pytest.raises(error, match=message):
        plots.points(**arguments)
