"""Drawings: values land on the right pixels, nothing is drawn outside a chart, and every picture says what it shows."""

from __future__ import annotations

import base64
import math
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from armodels_lite.widgets.cutting import cut, runs
from armodels_lite.widgets.svg import ACCENT, BLUE, Chart, Drawing, strip, text_width
from armodels_lite.widgets.ticks import nice_ticks


def elements(drawing: Drawing, name: str) -> list[ElementTree.Element]:
    return ElementTree.fromstring(drawing.svg()).findall(f"{{*}}{name}")


def paths(drawing: Drawing) -> list[list[tuple[float, float]]]:
    return [
        [tuple(map(float, pair.split(","))) for pair in line.get("points").split()]
        for line in elements(drawing, "polyline")
    ]


def test_words_are_escaped_and_the_label_is_read_out() -> None:
    drawing = Drawing(100, 20, label='"p" < 1 & more')
    drawing.text(50, 15, "a < b & c")
    root = ElementTree.fromstring(drawing.svg())
    assert root.get("aria-label") == '"p" < 1 & more' and root.get("role") == "img"
    assert root.find("{*}text").text == "a < b & c"


def test_a_negative_width_is_drawn_as_none() -> None:
    drawing = Drawing(10, 10, label="a box")
    drawing.rect((1, 2), -3, 4)
    assert elements(drawing, "rect")[0].get("width") == "0.0"


@pytest.mark.parametrize("ends", [(1, 1), (2, 1), (0, math.inf), (math.nan, 1)])
def test_charts_refuse_ranges_that_are_none(ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"x must be \(low, high\), finite and low < high, got"):
        Chart(ends, (0, 1), label="nothing")
    with pytest.raises(ValueError, match=r"y must be \(low, high\)"):
        Chart((0, 1), ends, label="nothing")
    with pytest.raises(ValueError, match=r"ticks must be"):
        nice_ticks(*ends)


def test_values_are_placed_in_proportion() -> None:
    chart = Chart((-2, 2), (10, 20), label="an empty chart")
    assert chart.place(-2, 10) == (chart.left, chart.bottom)
    assert chart.place(2, 20) == (chart.right, chart.top)
    x, y = chart.place(1, 12.5)
    assert x == pytest.approx(chart.left + 0.75 * (chart.right - chart.left))
    assert y == pytest.approx(chart.bottom - 0.25 * (chart.bottom - chart.top))


def test_curves_are_cut_at_the_edges_where_they_cross_them() -> None:
    chart = Chart((0, 4), (0, 1), label="a peak that is too high")
    chart.curve([0, 2, 4], [0, 2, 0])
    rising, falling = paths(chart)
    assert rising == [pytest.approx(chart.place(0, 0)), pytest.approx(chart.place(1, 1))]
    assert falling == [pytest.approx(chart.place(3, 1)), pytest.approx(chart.place(4, 0))]


def test_cut_keeps_the_length_inside_of_a_long_line() -> None:
    # A circle of radius 1 around the corner of the unit square: a quarter of it is inside.
    angles = [2 * math.pi * i / 1000 for i in range(1001)]
    parts = cut([(math.cos(a), math.sin(a)) for a in angles], (0, 1), (0, 1))
    lengths = [math.dist(a, b) for part in parts for a, b in pairwise(part)]
    assert sum(lengths) == pytest.approx(math.pi / 2, rel=1e-4) and len(parts) == 1
    assert cut([(2, 2), (3, 3)], (0, 1), (0, 1)) == []
    assert cut([(0.5, -1), (0.5, 2)], (0, 1), (0, 1)) == [[(0.5, 0.0), (0.5, 1.0)]]


def test_curves_break_where_values_are_missing() -> None:
    assert runs([(0, 1), (1, math.inf), (2, math.nan), (3, 2), (4, 3)]) == [
        [(0, 1)],
        [(3, 2), (4, 3)],
    ]
    chart = Chart((0, 4), (-1, 4), label="a broken line")
    chart.curve([0, 1, 2, 3, 4], [1, -math.inf, 2, 3, math.nan], ACCENT)
    assert len(paths(chart)) == 1 and "inf" not in chart.svg() and "nan" not in chart.svg()
    (lonely,) = elements(chart, "circle")
    assert (float(lonely.get("cx")), float(lonely.get("cy"))) == pytest.approx(chart.place(0, 1))


def test_a_dot_beyond_the_chart_is_an_arrowhead_at_its_edge() -> None:
    chart = Chart((0, 1), (0, 1), label="dots")
    chart.dot(0.5, 0.5)
    chart.dot(0.5, -math.inf)
    chart.dot(0.5, 7)
    chart.dot(0.5, math.nan)
    chart.dot(2, 0.5)
    assert len(elements(chart, "circle")) == 1
    tips = [arrow.get("points").split()[-1] for arrow in elements(chart, "polygon")]
    x, bottom = chart.place(0.5, 0)
    assert tips == [f"{x:.1f},{bottom:.1f}", f"{x:.1f},{chart.top:.1f}"]


def test_filled_curves_shade_down_to_the_bottom() -> None:
    chart = Chart((0, 1), (0, 1), label="a shaded line")
    chart.curve([0, 1], [0.5, 1], filled=True)
    area, _ = paths(chart)
    assert area[0] == (chart.left, chart.bottom) and area[-1] == (chart.right, chart.bottom)


def test_bars_stand_between_their_edges() -> None:
    chart = Chart((0, 4), (0, 2), label="two bars")
    chart.bars([0, 1, 4], [2, 0.5])
    narrow, wide = elements(chart, "rect")
    assert float(wide.get("width")) == pytest.approx(3 * float(narrow.get("width")), abs=0.2)
    assert float(narrow.get("height")) == pytest.approx(4 * float(wide.get("height")), abs=0.2)


@pytest.mark.parametrize("ticks", [{0.5: "0.5"}, {0.5: "0.000125"}])
def test_long_labels_are_not_clipped(ticks: dict[float, str]) -> None:
    chart = Chart(
        (0, 1),
        (0, 1),
        label="long labels",
        x_label="a name that is a good deal longer than the axis that it stands below",
        y_label="another name that is too long for its axis",
        y_ticks=ticks,
        x_ticks={1: "100000"},
        legend={"the first of two long names": BLUE, "the second of two long names": ACCENT},
    )
    for text in elements(chart, "text"):
        size, x = float(text.get("font-size")), float(text.get("x"))
        half = 0.5 * 0.6 * size * len(text.text)  # DejaVu Sans, the widest usual font, has 0.6
        if text.get("transform"):
            assert half <= float(text.get("y")) <= chart.height - half
        elif text.get("text-anchor") == "middle":
            assert half <= x <= chart.width - half
        elif text.get("text-anchor") == "end":
            assert x >= 2 * half + 14
        else:
            assert x + 2 * half <= chart.width
    assert text_width("ab", 10) == 2 * text_width("a", 10)


def test_ticks_are_round_and_inside() -> None:
    assert nice_ticks(-1, 1, 4) == [-1.0, -0.5, 0.0, 0.5, 1.0]
    assert nice_ticks(0, 2.4e-30, 4) == [0.0, 1e-30, 2e-30]
    assert nice_ticks(0.21, 0.29, 4) == [0.22, 0.24, 0.26, 0.28]
    for low, high in [(-3.7, 12.9), (0.001, 0.0023), (1e6, 3e6)]:
        ticks = nice_ticks(low, high)
        assert 3 <= len(ticks) <= 6 and low <= ticks[0] and ticks[-1] <= high


@pytest.mark.parametrize("count", [1, 4, 5])
@pytest.mark.parametrize(
    "ends",
    [
        (1, 1 + 1e-12),
        (1, math.nextafter(1, 2)),
        (0, 5e-324),
        (-5e-324, 5e-324),
        (0, 1e-320),
        (-1.7e308, 1.7e308),
        (0, 1.7e308),
        (1e16, 1e16 + 4),
    ],
)
def test_ticks_at_the_ends_of_floats_differ(ends: tuple[float, float], count: int) -> None:
    ticks = nice_ticks(*ends, count)
    assert 1 <= len(ticks) <= count + 2 and ticks == sorted(set(ticks))
    assert ends[0] <= ticks[0] and ticks[-1] <= ends[1]


@pytest.mark.parametrize("count", [0, -1, 2.0, True])
def test_ticks_are_counted_in_positive_ints(count: object) -> None:
    with pytest.raises(ValueError, match=f"count must be an int of at least 1, got {count}"):
        nice_ticks(0, 1, count)


def test_strip_is_an_image_with_alt_text() -> None:
    frames = [[Drawing(50, 30, label="left")], [Drawing(70, 20, label="right")] * 2]
    picture = strip(frames, ["one", "two"], "Two frames\nside by side")
    page = picture._repr_html_()
    data = page.split("base64,")[1].split('"')[0]
    root = ElementTree.fromstring(base64.b64decode(data))
    assert 'alt="Two frames side by side"' in page and repr(picture) == "Two frames side by side"
    assert float(root.get("width")) >= 120 and float(root.get("height")) >= 40
    assert [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")] == ["one", "two"]
    assert "currentColor" not in picture.svg, "an image does not know the page's colours"


def test_strip_refuses_what_cannot_be_shown() -> None:
    frames = [[Drawing(50, 30, label="left")]]
    with pytest.raises(ValueError, match="got 2 for 1 frames"):
        strip(frames, ["one", "two"], "a picture of something")
    with pytest.raises(ValueError, match="got 0 for 0 frames"):
        strip([], [], "a picture of something")
    with pytest.raises(ValueError, match="alt must say in words"):
        strip(frames, ["one"], "figure")


@pytest.mark.parametrize(
    "ends", [(0, 1), (1000.0, 1000.000001), (999_999, 1_000_001), (1e9, 1e9 + 3)]
)
def test_ticks_can_be_told_apart(ends: tuple[float, float]) -> None:
    chart = Chart((0, 1), ends, label="a narrow range", x_ticks={})
    texts = [text.text for text in elements(chart, "text") if text.text]
    assert len(texts) >= 3 and len(set(texts)) == len(texts)
    assert all(ends[0] <= float(text) <= ends[1] for text in texts)
