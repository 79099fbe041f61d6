"""Walks through an image's pixels: counts against loops over all pairs, words by hand, every control."""

from __future__ import annotations

import math
import statistics
import time
from itertools import pairwise
from xml.etree import ElementTree

import ipywidgets
import numpy as np
import pytest
import torch
from test_widget_foundations import pictures, words
from test_widgets import descendants, find, press

from armodels_lite.widgets import OrderingWalk
from armodels_lite.widgets.ordering_state import OrderFrame, PixelOrder
from armodels_lite.widgets.ordering_view import grid_drawing, known_chart
from armodels_lite.widgets.ordering_walk import now_words, order_words

NAMES = ["raster", "reverse", "spiral", "hilbert", "random(0)"]
every_ordering = pytest.mark.parametrize("name", NAMES)


def brute_force(order: PixelOrder) -> tuple[list[int], list[int], list[list[int]]]:
    """Known and all neighbours, and ages, by comparing every pixel with every other."""
    drawn_at = [order.place(step) for step in range(len(order))]
    known, around, ages = [], [], []
    for now, (row, column) in enumerate(drawn_at):
        near = [
            then
            for then, (r, c) in enumerate(drawn_at)
            if then != now and max(abs(r - row), abs(c - column)) == 1
        ]
        around.append(len(near))
        known.append(sum(then < now for then in near))
        ages.append(sorted(now - then for then in near if then < now))
    return known, around, ages


# -- counting ----------------------------------------------------------------------------------------------------


@every_ordering
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 4, 4), (2, 5, 7), (1, 1, 6), (1, 2, 1)])
def test_counts_are_those_of_all_pairs(name: str, shape: tuple[int, int, int]) -> None:
    order = PixelOrder(name, name, shape)
    known, around, ages = brute_force(order)
    assert order.known.tolist() == known and order.around.tolist() == around
    assert [OrderFrame(order, step).ages for step in range(len(order))] == ages
    assert sorted(order.pixels.tolist()) == list(range(shape[1] * shape[2]))
    assert all(order.ranks[order.place(step)] == step for step in range(len(order)))


@pytest.mark.parametrize(("height", "width"), [(8, 8), (3, 5), (1, 4)])
def test_the_mean_is_that_of_every_ordering(height: int, width: int) -> None:
    sides = height * (width - 1) + width * (height - 1)
    pairs = sides + 2 * (height - 1) * (width - 1)  # and the corners
    for name in NAMES:
        assert PixelOrder(name, name, (1, height, width)).known.sum() == pairs


def test_channels_do_not_change_the_walk_and_may_not_be_taken_apart() -> None:
    for name in NAMES:
        one, three = (PixelOrder(name, name, (channels, 4, 6)) for channels in (1, 3))
        assert one.pixels.tolist() == three.pixels.tolist()
    # Pixel 1 with channels 1, 0, then pixel 0: positions are channel * 2 + pixel.
    assert PixelOrder("mine", [3, 1, 0, 2], (2, 1, 2)).pixels.tolist() == [1, 0]
    with pytest.raises(ValueError, match="ordering 'mine' takes the channels of a pixel apart"):
        PixelOrder("mine", [0, 1, 2, 3], (2, 1, 2))


# -- words -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "step", "expected"),
    [
        ("raster", 0, "Step 1 of 64: pixel in row 1, column 1. It is the first: nothing is known."),
        (
            "raster",
            19,
            "Step 20 of 64: pixel in row 3, column 4. Of its 8 neighbours 4 are known, drawn 1, 7, 8 and 9 steps ago. "
            "The previous pixel is the one on its left.",
        ),
        (
            "raster",
            8,
            "Step 9 of 64: pixel in row 2, column 1. Of its 5 neighbours 2 are known, drawn 7 and 8 steps ago. "
            "The previous pixel is 1 row and 7 columns away.",
        ),
        (
            "spiral",
            1,
            "Step 2 of 64: pixel in row 1, column 2. Of its 5 neighbours 1 is known, drawn 1 step ago. "
            "The previous pixel is the one on its left.",
        ),
        (
            "spiral",
            63,
            "Step 64 of 64: pixel in row 5, column 4. Of its 8 neighbours all are known, drawn 1, 2, 3, 4, 5, 6, 7 "
            "and 8 steps ago. The previous pixel is the one on its right.",
        ),
    ],
)
def test_words_by_hand(name: str, step: int, expected: str) -> None:
    assert " ".join(now_words(OrderFrame(PixelOrder(name, name, (1, 8, 8)), step))) == expected


def test_words_for_pixels_that_touch_at_a_corner_or_not_at_all() -> None:
    order = PixelOrder("mine", [0, 4, 6, 2, 1, 3, 5, 7, 8], (1, 3, 3))
    told = [now_words(OrderFrame(order, step))[1:] for step in range(4)]
    assert told[1][1] == "The previous pixel touches it at a corner."
    assert told[3] == [
        "Of its 3 neighbours 1 is known, drawn 2 steps ago.",
        "The previous pixel is 2 rows and 2 columns away.",
    ]
    alone = OrderFrame(PixelOrder("mine", [0, 2, 1], (1, 1, 3)), 1)
    assert now_words(alone)[1:] == [
        "Of its 1 neighbour none is known.",
        "The previous pixel is 2 columns away.",
    ]
    last = OrderFrame(alone.order, 2)
    assert now_words(last)[1] == "Of its 2 neighbours all are known, drawn 1 and 2 steps ago."
    pair = OrderFrame(PixelOrder("raster", "raster", (1, 1, 2)), 1)
    assert now_words(pair)[1] == "Of its 1 neighbour 1 is known, drawn 1 step ago."


def test_what_is_said_of_orderings_is_true_of_them() -> None:
    for height, width in ((8, 8), (5, 7)):
        said = order_words(PixelOrder("raster", "raster", (1, height, width)))
        assert f"share a side at {height * (width - 1)} of {height * width - 1} moves" in said
        assert "in a row are drawn 1 step apart." in said
        assert f"in a column are drawn {width} steps apart." in said
    for name in ("hilbert", "spiral"):
        assert "Consecutive pixels always share a side." in order_words(
            PixelOrder(name, name, (1, 8, 8))
        )
    # Cut out of a larger square, Hilbert's curve jumps.
    assert "always" not in order_words(PixelOrder("hilbert", "hilbert", (1, 5, 7)))


@every_ordering
def test_halves_and_distances_are_those_of_all_pairs(name: str) -> None:
    order = PixelOrder(name, name, (1, 6, 6))
    known, _, _ = brute_force(order)
    halves = [statistics.mean(half) for half in (known[:18], known[18:])]
    said = order_words(order)
    assert f"first half of the walk {halves[0]:.1f} neighbours" in said
    assert f"in the second {halves[1]:.1f}." in said
    at = {order.place(step): step for step in range(36)}
    gaps = [abs(at[r, c] - at[r + 1, c]) for r in range(5) for c in range(6)]
    if len(set(gaps)) > 1:
        spread = f"{min(gaps)} to {max(gaps)} steps apart, median {statistics.median(gaps):g}"
        assert f"Neighbours in a column are drawn {spread}." in said


def test_orderings_of_ones_own_and_channels_are_told() -> None:
    columns = torch.arange(16).reshape(4, 4).T.flatten()
    pixels = torch.stack([columns, columns + 16], 1).flatten()
    widget = OrderingWalk((2, 4, 4), {"columns": pixels, "rows": "raster"}, start=1)
    assert "pixel in row 2, column 1" in words(widget)
    assert "in a column are drawn 1 step apart" in words(widget)
    assert "The 2 channels of a pixel are drawn one after the other" in words(widget)
    assert "Row by row" not in words(widget)
    widget.choose("rows")
    assert "Row by row" in words(widget)
    assert "channels" not in words(OrderingWalk((1, 4, 4)))


# -- drawings ----------------------------------------------------------------------------------------------------


@every_ordering
def test_grey_cells_and_blue_cells_are_as_many_as_counted(name: str) -> None:
    order = PixelOrder(name, name, (1, 8, 8))
    for step in (0, 1, 30, 63):
        svg = ElementTree.fromstring(grid_drawing(OrderFrame(order, step), side=80).svg())
        areas = {"#d4d4d4": 0.0, "#0072B2": 0.0, "#D55E00": 0.0}
        for rect in svg.findall("{*}rect"):
            if rect.get("fill") in areas and rect.get("stroke") != "#808080":  # not the key
                areas[rect.get("fill")] += float(rect.get("width")) * float(rect.get("height"))
        assert [area / 100 for area in areas.values()] == pytest.approx(
            [step, order.known[step], 1]
        )


def test_the_path_is_one_line_before_and_one_after() -> None:
    order = PixelOrder("hilbert", "hilbert", (1, 32, 32))
    svg = ElementTree.fromstring(grid_drawing(OrderFrame(order, 500)).svg())
    future, past, last = [line.get("points").split() for line in svg.findall("{*}polyline")]
    assert (len(future), len(past), len(last)) == (524, 501, 2)
    assert past[-1] == future[0] == last[1]
    steps = [
        math.dist(*[tuple(map(float, pair.split(","))) for pair in ends]) for ends in pairwise(past)
    ]
    assert steps == pytest.approx([8] * 500)


@pytest.mark.parametrize("side", [8, 16])
def test_bars_have_the_area_of_the_counts(side: int) -> None:
    """The area of the strong bars up to a step, of means where there are many steps, is the sum of the counts."""
    order = PixelOrder("random(3)", "random(3)", (1, side, side))
    step = 3 * side - 1  # the end of a group
    chart = known_chart(OrderFrame(order, step))
    polygon = next(p for p in chart.parts if p.startswith("<polygon"))
    text = polygon.split('"')[1]
    x, y = np.array([pair.split(",") for pair in text.split()], dtype=float).T
    area = 0.5 * abs(x @ np.roll(y, -1) - y @ np.roll(x, -1))
    unit = (chart.right - chart.left) / side**2 * (chart.bottom - chart.top) / (chart.y[1])
    assert area / unit == pytest.approx(order.known[: step + 1].sum(), rel=0.02)
    assert ("mean of 16 steps" in chart.svg()) == (side == 16)


# -- controls ----------------------------------------------------------------------------------------------------


def test_another_ordering_keeps_the_step_or_the_pixel() -> None:
    widget = OrderingWalk(start=19)
    dropdown = find(widget, "ordering")
    dropdown.value = "spiral"
    assert widget.step == 19 and "Step 20 of 64: pixel in row 8, column 3" in words(widget)
    widget.step = 0
    dropdown.value = "raster"
    widget.step = 19
    find(widget, "same pixel").value = True
    for name in ("spiral", "hilbert", "reverse", "random(0)", "raster"):
        before = pictures(widget)
        dropdown.value = name
        assert "pixel in row 3, column 4" in words(widget) and pictures(widget) != before
        assert widget.controls.drawn == widget.step
        assert widget.orders[name].place(widget.step) == (2, 3)
    assert widget.step == 19


def test_choosing_does_what_the_controls_do_and_reset_undoes_it() -> None:
    widget = OrderingWalk((1, 4, 4), ["hilbert", "raster"], start=5)
    place = widget.order.place(5)
    widget.choose("raster", same_pixel=True)
    assert find(widget, "ordering").value == "raster" and find(widget, "same pixel").value
    assert widget.order.place(widget.step) == place
    with pytest.raises(ValueError, match="orderings here are hilbert, raster, got 'spiral'"):
        widget.choose("spiral")
    with pytest.raises(ValueError, match=r"orderings here are hilbert, raster, got \['raster'\]"):
        widget.choose(["raster"])
    press(widget.controls, {"action": "reset"})
    assert (widget.step, widget.order.name, find(widget, "same pixel").value) == (
        0,
        "hilbert",
        False,
    )
    assert "Hilbert" in words(widget) and repr(widget) == "OrderingWalk(step 0 of 15)"
    assert widget.controls.readouts[0] == "step 1 of 16"
    boxes = [w for w in descendants(widget) if isinstance(w, ipywidgets.Checkbox)]
    assert len(boxes) == 1 and boxes[0].tooltip


def test_the_strip_shows_the_same_pixel_in_every_ordering() -> None:
    widget = OrderingWalk(start=7)
    picture = widget.strip()
    assert picture.alt.count("pixel in row 3, column 4.") == 5
    for name, step in zip(NAMES, (20, 45, 50, 10, 12), strict=True):
        assert f"{name}: Step {step} of 64" in picture.alt
    assert float(ElementTree.fromstring(picture.svg).get("width")) < 950
    assert (widget.step, widget.order.name) == (7, "raster")


@every_ordering
def test_the_largest_image_takes_little_time(name: str) -> None:
    widget = OrderingWalk((1, 32, 32), [name])
    durations = []
    for step in range(0, 1024, 64):
        start = time.perf_counter()
        widget.step = step + 1
        durations.append(1000 * (time.perf_counter() - start))
    assert statistics.median(durations) < 30


# -- bad input ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (((784,),), ValueError, r"must be that of an image, \(C, H, W\) .* got \(784,\)"),
        (((8, 8),), ValueError, r"got \(8, 8\)"),
        ((64,), ValueError, "that of an image, .* got 64"),
        (((1, 8.0, 8),), ValueError, r"got \(1, 8.0, 8\)"),
        (((1, 0, 8),), ValueError, r"got \(1, 0, 8\)"),
        (((1, 1, 1),), ValueError, r"at least 2 pixels, got \(1, 1, 1\)"),
        (
            ((1, 8, 33),),
            ValueError,
            r"at most 32 rows and columns can be drawn, got .*\(1, 8, 33\)",
        ),
        (((1, 4, 4), ["zigzag"]), ValueError, "unknown ordering 'zigzag'; known are raster"),
        (((1, 4, 4), "raster"), TypeError, "must be a list of names or a mapping"),
        (((1, 4, 4), 3), TypeError, "must be a list of names or a mapping .* got 3"),
        (((1, 4, 4), []), ValueError, "at least one, got"),
        (((1, 4, 4), {"n" * 21: "raster"}), ValueError, "names of 1 to 20 characters"),
        (((1, 4, 4), {3: "raster"}), ValueError, r"names of 1 to 20 characters.*got \[3\]"),
        (((1, 4, 4), ["raster", "raster"]), ValueError, "must be different names"),
        (((1, 2, 2), [[0, 1, 2, 3]]), ValueError, "a permutation needs a name"),
        (((1, 2, 2), {"mine": [0, 1, 2, 2]}), ValueError, r"each of 0..3 once"),
    ],
)
def test_bad_arguments_are_refused(
    arguments: tuple[object, ...], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        OrderingWalk(*arguments)
