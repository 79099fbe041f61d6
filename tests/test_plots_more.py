"""Figures for series and classifiers: curves of different lengths with bands and dots, stems, decision maps."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.collections import FillBetweenPolyCollection, LineCollection
from matplotlib.colors import to_hex, to_rgb
from PIL import Image

from armodels_lite import plots
from armodels_lite.plots.style import COLOURS
from armodels_lite.widgets.decision_boundary import Plane, _heat_map

POINTS = np.array([[0.0, 0.0], [1.0, 1.0], [0.5, 0.25], [0.75, 0.5]])
LABELS = np.array([0, 1, 1, 0])
SLOPE = np.tile(np.linspace(0, 1, 5), (3, 1))  # p rises from left to right
SQUARE = (0.0, 1.0, 0.0, 1.0)


def kinds(axes: Axes, kind: type) -> list[Any]:
    return [artist for artist in axes.collections if isinstance(artist, kind)]


# Curves


def test_curves_of_different_places_share_an_axis() -> None:
    x = {"history": [0, 1, 2], "forecast": torch.tensor([2.0, 3.0])}
    figure = plots.curves({"history": [5, 4, 3], "forecast": [3, 1]}, x=x)
    history, forecast = figure.axes[0].lines
    assert history.get_xdata().tolist() == [0, 1, 2]
    assert forecast.get_xdata().tolist() == [2, 3]
    assert forecast.get_ydata().tolist() == [3, 1]


def label_places(figure: Any) -> dict[str, tuple[float, float]]:
    """Each label's (left edge in axes shares, height in data units)."""
    figure.draw_without_rendering()
    (axes,) = figure.axes
    found = {}
    for text in axes.texts:
        box = text.get_window_extent()
        left = axes.transAxes.inverted().transform((box.x0, 0))[0]
        found[text.get_text()] = (
            left,
            axes.transData.inverted().transform(axes.transAxes.transform(text.xy))[1],
        )
    return found


def test_labels_stand_right_of_the_axes_wherever_lines_end() -> None:
    x = {"short": [0, 1], "late": [8, 9], "whole": [0, 9]}
    figure = plots.curves({"short": [1, 2], "late": [3, 8], "whole": [0, 5]}, x=x)
    places = label_places(figure)
    assert all(left > 1 for left, _ in places.values())
    assert {name: round(height, 6) for name, (_, height) in places.items()} == {
        "short": 2,
        "late": 8,
        "whole": 5,
    }


def test_labels_and_samples_of_ragged_lines_do_not_touch() -> None:
    x = {name: [0, end] for end, name in enumerate("abcdefg", start=1)}
    figure = plots.curves({name: [0, 1] for name in x}, x=x, title="seven", height=3)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    boxes = sorted((text.get_window_extent() for text in axes.texts), key=lambda box: box.y0)
    assert all(upper.y0 >= lower.y1 - 2 for lower, upper in itertools.pairwise(boxes))
    right = axes.get_window_extent().x1
    assert len(figure.artists) == 7
    for sample in figure.artists:
        across = sample.get_transform().transform(sample.get_xydata())[:, 0]
        assert right < across.min() and across.max() < min(box.x0 for box in boxes)


def test_samples_show_each_look_only_where_a_label_is_far_from_its_line() -> None:
    together = plots.curves({"a": [1, 2], "b": [2, 3]}, references={"r": 1.5})
    assert not together.artists
    ragged = plots.curves({"a": [1, 2], "b": [2, 3, 4]}, references={"r": 1.5})
    assert [to_hex(sample.get_color()).upper() for sample in ragged.artists[:2]] == list(
        COLOURS[:2]
    )
    assert len(ragged.artists) == 3 and len(ragged.axes[0].lines) == 3
    dotted = plots.curves({"a": [1, 2], "b": [2, 3]}, dots=["b"])
    assert [len(sample.get_xdata()) for sample in dotted.artists] == [2, 1]


def test_label_of_a_line_cut_by_xlim_stands_where_the_line_leaves() -> None:
    figure = plots.curves({"a": [0, 10]}, x=[0, 10], xlim=(0, 4))
    assert figure.axes[0].get_xlim() == (0, 4)
    assert label_places(figure)["a"][1] == pytest.approx(4)
    straight = plots.curves(
        {"a": [1, 1e-3]}, x=[1, 1e3], xlim=(1, 10), xscale="log", yscale="log"
    )  # a straight line on these scales, y = 1 / x
    assert label_places(straight)["a"][1] == pytest.approx(0.1)


def test_label_stands_at_the_right_end_of_a_line_that_runs_leftwards() -> None:
    assert label_places(plots.curves({"a": [7, 1]}, x=[2, 0]))["a"][1] == pytest.approx(7)


def test_band_is_light_and_lies_between_its_edges() -> None:
    figure = plots.curves(
        {"a": [0.0, 0, 0], "b": [1.0, 2, 3]}, bands={"b": ([0.5, 1, 2], [1.5, 4, 6])}
    )
    (band,) = kinds(figure.axes[0], FillBetweenPolyCollection)
    corners = {tuple(corner) for corner in band.get_paths()[0].vertices.tolist()}
    assert {(1, 0.5), (2, 1), (3, 2), (1, 1.5), (2, 4), (3, 6)} == corners
    red, green, blue, opacity = band.get_facecolor()[0]
    assert (red, green, blue) == pytest.approx(to_rgb(COLOURS[1]))
    lightness = 1 - opacity * (1 - np.dot((red, green, blue), (0.2126, 0.7152, 0.0722)))
    assert 0.8 < lightness < 0.95  # seen on white paper, and far from the line


def test_dots_have_no_line_and_their_bands_are_bars() -> None:
    figure = plots.curves(
        {"perfect": [0, 1], "one": [0.2, 0.7], "two": [0.3, 0.6]},
        dots=["one", "two"],
        bands={"one": ([0.1, 0.6], [0.4, 0.9])},
    )
    (axes,) = figure.axes
    perfect, one, two = axes.lines
    assert perfect.get_linestyle() != "None" and perfect.get_marker() == "None"
    assert {one.get_linestyle(), two.get_linestyle()} == {"None"}
    assert one.get_marker() != two.get_marker()  # told apart in grey
    (bars,) = kinds(axes, LineCollection)
    assert [segment.tolist() for segment in bars.get_segments()] == [
        [[1, 0.1], [1, 0.4]],
        [[2, 0.6], [2, 0.9]],
    ]
    assert not kinds(axes, FillBetweenPolyCollection)


TWO = {"a": [1.0, 2.0], "b": [2.0, 3.0]}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"x": {"a": [1, 2]}}, "no places for series 'b'"),
        ({"x": {"a": [1, 2], "b": [1, 2], "c": [1]}}, "x names 'c'"),
        ({"x": {"a": [1, 2], "b": [1]}}, "series 'b' has 2 values for 1 places"),
        ({"bands": {"c": ([1, 2], [1, 2])}}, "bands names 'c'"),
        ({"bands": {"a": ([1, 2], [1, 2, 3])}}, r"bands\['a'\] has 2 low and 3 high"),
        ({"bands": {"a": ([1, 3], [1, 2])}}, r"bands\['a'\].*index 1 low is 3 and high is 2"),
        ({"bands": {"a": 3}}, r"bands\['a'\] must be \(low, high\), each \(N,\), got 3"),
        ({"references": {"r": np.nan}}, "reference 'r' must be finite"),
        ({"references": {"r": [1.0, 2.0]}}, "reference 'r' must have 0 axes"),
        ({"bands": {"a": [[1, 2]]}}, r"bands\['a'\] must be \(low, high\)"),
        ({"bands": {"a": ([1, np.nan], [2, 2])}}, r"bands\['a'\] must be finite"),
        ({"bands": {"a": ([0, 1], [2, 2])}, "yscale": "log"}, r"bands\['a'\] has 0"),
        ({"dots": ["a", "z"]}, "dots names 'z'"),
        ({"xlim": (2, 1)}, "xlim must be .* left < right"),
        ({"xlim": (0, 1), "xscale": "log"}, "xlim has 0"),
        ({"xlim": (5, 9)}, "xlim .* leaves out series 'a'"),
    ],
)
def test_curves_refuse_what_does_not_fit(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plots.curves(TWO, **options)


def test_curves_refuse_one_string_for_names() -> None:
    with pytest.raises(TypeError, match="reference 'r' must be an array of numbers"):
        plots.curves(TWO, references={"r": "low"})
    with pytest.raises(TypeError, match="dots takes names in a list, got the string 'ab'"):
        plots.curves(TWO, dots="ab")


# Stems


def drawn_dots(axes: Axes) -> dict[str, list[list[float]]]:
    """Open and filled dots, as (place, value)."""
    dots: dict[str, list[list[float]]] = {"open": [], "filled": []}
    for line in axes.lines:
        if line.get_marker() == "o":
            kind = "open" if to_hex(line.get_markerfacecolor()) == "#ffffff" else "filled"
            dots[kind] += line.get_xydata().tolist()
    return dots


def test_stems_fill_the_dots_beyond_the_limit() -> None:
    (axes,) = plots.stems([1.0, -0.5, 0.2, 0.3], limit=0.3).axes
    # A value at the limit is not beyond it.
    assert drawn_dots(axes) == {"filled": [[0, 1], [1, -0.5]], "open": [[2, 0.2], [3, 0.3]]}
    segments = [s.tolist() for part in kinds(axes, LineCollection) for s in part.get_segments()]
    assert sorted(segments) == [
        [[place, 0], [place, value]] for place, value in enumerate([1.0, -0.5, 0.2, 0.3])
    ]
    across = {line.get_ydata()[0] for line in axes.lines if line.get_marker() == "None"}
    assert across == {-0.3, 0.0, 0.3}


def test_stems_without_a_limit_are_all_filled() -> None:
    (axes,) = plots.stems(torch.tensor([0.0, 0.5])).axes
    assert drawn_dots(axes) == {"open": [], "filled": [[0, 0], [1, 0.5]]}


def test_stems_side_by_side_share_one_scale() -> None:
    values = {"acf": [1.0, 0.5, 0.2], "pacf": [-0.4, 0.1]}
    figure = plots.stems(
        values, x={"acf": [0, 1, 2], "pacf": [1, 2]}, limit={"pacf": 0.2}, ylabel="value"
    )
    figure.draw_without_rendering()
    first, second = figure.axes
    assert [first.get_title(), second.get_title()] == ["acf", "pacf"]
    assert first.get_ylim() == second.get_ylim()
    low, high = first.get_ylim()
    assert low < -0.4 and high > 1
    assert [first.get_ylabel(), second.get_ylabel()] == ["value", ""]
    assert drawn_dots(first)["open"] == []  # no limit there
    assert drawn_dots(second) == {"filled": [[1, -0.4]], "open": [[2, 0.1]]}
    renamed = plots.stems(values, titles=["one", "two"])
    assert [axes.get_title() for axes in renamed.axes] == ["one", "two"]


def test_stems_leave_the_rest_of_a_row_empty() -> None:
    figure = plots.stems({name: [1.0, 0.2] for name in "abcd"})
    assert len(figure.axes) == 6
    assert [axes.axison for axes in figure.axes] == [True] * 4 + [False] * 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.stems({}), "at least one"),
        (lambda: plots.stems([[1.0]]), "values .* 1 axes"),
        (lambda: plots.stems({"a": [np.inf]}), "values 'a' must be finite"),
        (lambda: plots.stems([1.0, 2.0], x=[1]), "2 values for 1 places"),
        (lambda: plots.stems([1.0], limit=0), "limit must be a positive number, got 0"),
        (lambda: plots.stems([1.0], limit=np.nan), "limit must be finite"),
        (lambda: plots.stems({"a": [1.0]}, limit={"b": 0.1}), "limit names 'b'"),
        (lambda: plots.stems({"a": [1.0]}, titles=["a", "b"]), "titles has 2 entries for 1 panels"),
        (lambda: plots.stems([1.0], columns=0), "columns"),
        (lambda: plots.stems([1.0], columns=True), "columns must be .* got True"),
    ],
)
def test_stems_refuse_what_does_not_fit(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


# Decision maps


def contour(axes: Axes) -> np.ndarray:
    return np.concatenate([path.vertices for part in axes.collections for path in part.get_paths()])


def test_strong_line_runs_where_the_probability_is_one_half() -> None:
    (axes, _) = plots.decision_maps(SLOPE, POINTS, LABELS, extent=(0, 4, -1, 1)).axes
    line = contour(axes)
    np.testing.assert_allclose(line[:, 0], 2)  # the middle of 0 to 4
    assert {line[:, 1].min(), line[:, 1].max()} == {-1, 1}
    assert (*axes.get_xlim(), *axes.get_ylim()) == (0, 4, -1, 1)


def test_row_0_of_a_map_is_at_the_bottom() -> None:
    rising = np.array([[0.0, 0.0], [0.4, 0.4], [1.0, 1.0]])  # one half is crossed at 7/12
    (axes, _) = plots.decision_maps(rising, POINTS, LABELS, extent=SQUARE).axes
    np.testing.assert_allclose(contour(axes)[:, 1], 7 / 12)
    (picture,) = axes.images
    assert picture.origin == "lower" and picture.get_clim() == (0, 1)
    # Cells are centred on the grid's places, so the outermost reach half a cell beyond the panel.
    assert picture.get_extent() == [-0.5, 1.5, -0.25, 1.25]


def test_a_map_that_stays_on_one_side_has_no_line(recwarn: pytest.WarningsRecorder) -> None:
    (axes, _) = plots.decision_maps(np.full((3, 3), 0.7), POINTS, LABELS, extent=SQUARE).axes
    assert not axes.collections and not recwarn.list


def test_classes_differ_in_marker_and_filling() -> None:
    figure = plots.decision_maps(SLOPE, POINTS, LABELS, extent=SQUARE, classes=("ham", "spam"))
    zero, one = figure.axes[0].lines
    assert zero.get_xydata().tolist() == POINTS[[0, 3]].tolist()
    assert one.get_xydata().tolist() == POINTS[[1, 2]].tolist()
    assert (zero.get_marker(), one.get_marker()) == ("o", "s")
    assert to_hex(zero.get_markerfacecolor()) != "#ffffff" == to_hex(one.get_markerfacecolor())
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["ham", "spam"]


def test_classes_have_the_colours_of_the_decision_boundary_widget() -> None:
    """Markers, and the map at p = 0, 1/2 and 1: what the widget shows on a white page."""
    figure = plots.decision_maps(SLOPE, POINTS, LABELS, extent=SQUARE)
    zero, one = figure.axes[0].lines
    drawing = Plane((0, 1), (0, 1), label="two points")
    drawing.mark((10, 10), 0)
    drawing.mark((30, 10), 1)
    circle, square = (ElementTree.fromstring(part) for part in drawing.parts[-2:])
    assert to_hex(zero.get_markerfacecolor()) == circle.get("fill").lower()
    assert to_hex(one.get_markeredgecolor()) == square.get("stroke").lower()
    png = _heat_map(np.array([[0.0, 0.5, 1.0]]))
    red_green_blue, opacity = np.split(np.asarray(Image.open(io.BytesIO(png)))[0] / 255, [3], 1)
    (picture,) = figure.axes[0].images
    np.testing.assert_allclose(
        picture.cmap([0.0, 0.5, 1.0])[:, :3], 1 - opacity * (1 - red_green_blue), atol=0.01
    )


def test_panels_share_points_and_a_colour_bar() -> None:
    figure = plots.decision_maps([SLOPE, SLOPE.T, SLOPE], POINTS, LABELS, extent=SQUARE)
    *panels, bar = figure.axes
    assert len(panels) == 3 and bar.get_ylabel() == "p(y = 1 | x)"
    assert [len(line.get_xdata()) for axes in panels for line in axes.lines] == [2] * 6


def test_each_panel_may_have_its_own_points() -> None:
    points, labels = [POINTS, POINTS[:1]], [LABELS, LABELS[:1]]
    figure = plots.decision_maps(np.stack([SLOPE, SLOPE]), points, labels, extent=SQUARE)
    figure.draw_without_rendering()
    first, second = figure.axes[:2]
    assert [len(line.get_xdata()) for line in (*first.lines, *second.lines)] == [2, 2, 1, 0]
    # A class without points leaves the layout alone.
    assert second.get_window_extent().width > 0.3 * figure.bbox.width


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"maps": SLOPE + 0.1}, r"maps\[0\] runs from 0.1 to 1.1"),
        ({"maps": SLOPE[0]}, "maps must have 2 or 3 axes"),
        ({"maps": SLOPE[:1]}, "at least 2 x 2"),
        ({"points": POINTS[:, :1]}, r"points must have shape \(N, 2\)"),
        ({"points": POINTS * 2}, "2 of 4 points lie outside extent"),
        ({"points": [POINTS, POINTS]}, "points has 2 entries for 1 maps"),
        ({"labels": LABELS[:3]}, "labels has 3 entries for 4 points"),
        ({"labels": LABELS + 1}, "labels must be 0 or 1, got .1. 2."),
        ({"extent": (0, 1, 1, 0)}, "extent must be"),
        ({"extent": (0, 1)}, "extent must be"),
        ({"titles": ["a", "b"]}, "titles has 2 entries for 1 maps"),
        ({"classes": ("a",)}, "classes has 1 entries"),
        ({"columns": 0}, "columns"),
        ({"columns": True}, "columns must be an int of at least 1, got True"),
    ],
)
def test_decision_maps_refuse_what_does_not_fit(change: dict[str, Any], message: str) -> None:
    arguments = {"maps": SLOPE, "points": POINTS, "labels": LABELS, "extent": SQUARE, **change}
    with pytest.raises(ValueError, match=message):
        plots.decision_maps(**arguments)


def test_colours_of_classes_stay_light() -> None:
    """Points and lines are drawn over them; and lightness falls all the way, as in the other maps."""
    lightness = plots.colour_table("classes") @ np.array([0.2126, 0.7152, 0.0722])
    assert lightness.min() > 160 and (np.diff(lightness) <= 0.5).all()
    assert lightness[0] - lightness[-1] > 60


def test_unrolled_draws_what_there_is_and_no_more() -> None:
    figure = plots.unrolled(
        ["a", "b", None, "c"],
        [None, "x", "y", "z"],
        parts={"first": 2, "then": 2},
        drawn=True,
    )
    axes = figure.axes[0]
    words = [text.get_text() for text in axes.texts if text.get_text().strip()]
    assert sorted(words) == ["a", "b", "c", "first", "then", "x", "y", "z"]
    # Three from state to state, three from inputs, three to outputs, and y is read as the input c.
    arrows = [text.arrow_patch for text in axes.texts if getattr(text, "arrow_patch", None)]
    assert len(arrows) == 3 + 3 + 3 + 1


@pytest.mark.parametrize(
    "arguments", [(["a"], ["b"]), (["a", "b"], ["c"]), (["a", "b"], ["c", "d"], {"part": 3})]
)
def test_unrolled_refuses_what_does_not_fit(arguments) -> None:
    inputs, outputs, *parts = arguments
    with pytest.raises(ValueError, match="at least two steps"):
        plots.unrolled(inputs, outputs, parts=parts[0] if parts else None)
