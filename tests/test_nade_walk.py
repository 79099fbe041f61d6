"""A NADE pixel by pixel: sums against explicit products, p against the model, words by hand, every control."""

from __future__ import annotations

import math
import statistics
import time
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from test_widget_foundations import nade_walk, pictures, words
from test_widgets import find, press
from torch import nn

from armodels_lite import NADE
from armodels_lite.conditionals import Categorical
from armodels_lite.widgets import NADEWalk
from armodels_lite.widgets.nade_state import NADEFrame, NADESteps
from armodels_lite.widgets.nade_view import next_drawing, units_drawing

ORDERINGS = ["raster", "reverse", "spiral", "random(3)"]


def model_and_image(
    shape: tuple[int, int] = (4, 6), *, hidden: int = 5, seed: int = 0, ordering: str = "raster"
) -> tuple[NADE, torch.Tensor]:
    torch.manual_seed(seed)
    model = NADE((1, *shape), hidden=hidden, ordering=ordering)
    for weights in (model.W, model.V, model.b, model.c):
        nn.init.normal_(weights, std=0.8)
    return model, (torch.rand(1, *shape) < 0.4).float()


def by_hand() -> tuple[NADE, torch.Tensor]:
    """Two rows of two pixels, ink on the diagonal; every p(ink) is 1/4."""
    model = NADE((1, 2, 2), hidden=2)
    with torch.no_grad():
        model.W.copy_(torch.tensor([[[1.5, -0.5]], [[9.0, 9.0]], [[9.0, 9.0]], [[0.0, 2.0]]]))
        model.c.copy_(torch.tensor([-0.4, 1.0]))
        model.V.zero_()
        model.b.fill_(-math.log(3))
    return model, torch.eye(2)


# -- numbers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_p_is_what_the_model_says(ordering: str) -> None:
    model, x = model_and_image(ordering=ordering)
    model.double()
    steps = NADESteps(model, x)
    with torch.no_grad():
        p = torch.sigmoid(model.params(x[None].double())).flatten()
        total = -model.log_prob(x[None].double()).item()
    assert np.allclose(steps.probs, p[model.ordering].numpy(), rtol=0, atol=1e-12)
    assert steps.total == pytest.approx(total, abs=1e-6)
    assert NADEFrame(steps, len(steps)).so_far == pytest.approx(total, abs=1e-6)
    single = model.float().log_prob(x[None]).item()
    assert steps.total == pytest.approx(-single, abs=1e-4)


@pytest.mark.parametrize("ordering", ORDERINGS)
def test_sums_are_products_of_w_and_the_pixels_so_far(ordering: str) -> None:
    model, x = model_and_image(ordering=ordering)
    steps = NADESteps(model, x)
    flat, weights = x.flatten().double(), model.W[:, 0].detach().double()
    for t in range(len(steps) + 1):
        seen = model.ordering[:t]
        a = model.c.detach().double() + flat[seen] @ weights[seen]
        assert np.allclose(steps.sums[t], a.numpy(), rtol=0, atol=1e-12)
        assert np.allclose(steps.hidden[t], torch.sigmoid(a).numpy(), rtol=0, atol=1e-12)
        frame = NADEFrame(steps, t)
        arrived = torch.zeros(24, dtype=torch.bool)
        arrived[seen] = True
        assert (frame.arrived == arrived.reshape(4, 6).numpy()).all()
    assert (frame.ink == x[0].numpy().astype(bool)).all()


def test_a_constant_feature_is_added_for_every_pixel() -> None:
    """As in a NADE for any ordering: besides x there is a feature that is 1, with weights of its own."""
    model, x = model_and_image()
    model.W = nn.Parameter(torch.randn(24, 2, 5))
    steps = NADESteps(model, x)
    inputs = torch.stack([x.flatten(), torch.ones(24)], 1).double()
    added = torch.einsum("tf,tfh->th", inputs, model.W.detach().double())
    expected = model.c.detach().double() + added.cumsum(0)
    assert steps.marks and np.allclose(steps.sums[1:], expected.numpy(), rtol=0, atol=1e-12)
    said = words(NADEWalk(model, torch.zeros(24), start=3))
    assert "was white: its column of W for having arrived was added" in said
    assert "adds nothing" not in said and "White adds a column too here" in said
    said = words(NADEWalk(model, torch.ones(24), start=3))
    assert "its columns of W for ink and for having arrived were added" in said


def test_p_of_a_model_for_every_ordering_is_what_it_says() -> None:
    torch.manual_seed(0)
    model = NADE((1, 3, 3), hidden=4, ordering="spiral", order_agnostic=True)
    x = (torch.rand(1, 3, 3) < 0.5).float()
    untrained = words(NADEWalk(model, torch.zeros(9), start=2))
    assert "It is 0 for every unit shown, so none of them changed." in untrained
    nn.init.normal_(model.W)
    other = model.with_ordering("random(1)").double()
    steps = NADESteps(other, x)
    assert steps.marks and steps.total == pytest.approx(
        -other.log_prob(x[None].double()).item(), abs=1e-6
    )


def test_three_shapes_of_one_image_are_the_same() -> None:
    model, x = model_and_image()
    totals = {NADESteps(model, shaped).total for shaped in (x, x[0], x.flatten(), x.double())}
    assert len(totals) == 1


def test_chosen_units_are_columns_of_all_and_change_no_probability() -> None:
    model, x = model_and_image(hidden=20)
    first, chosen = NADESteps(model, x), NADESteps(model, x, units=[19, 3])
    assert first.sums.shape == (25, 16) and first.units.tolist() == list(range(16))
    assert (chosen.sums[:, 1] == first.sums[:, 3]).all() and chosen.total == first.total
    said = words(NADEWalk(model, torch.ones(24), units=[19, 3], start=1))
    assert "changed most of those shown" in said and ("Unit 20 " in said or "Unit 4 " in said)


@pytest.mark.filterwarnings("error")
def test_certain_models_do_not_overflow() -> None:
    model, x = by_hand()
    with torch.no_grad():
        model.b.fill_(1000.0)
        model.c.fill_(-1000.0)
    steps = NADESteps(model, x)
    assert steps.surprise.tolist() == [0.0, 1000.0, 1000.0, 0.0]
    assert (steps.hidden[0] == 0).all()
    widget = NADEWalk(model, x, start=4)
    assert "× 10⁻⁸⁶⁹" in pictures(widget)[2], "exp(-2000) is no float"


# -- words and pictures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (
            0,
            "No pixel has arrived: the running sum of each unit is its bias c. "
            "Next: pixel 1 (row 1, column 1), p(ink) = 0.250; it is ink: 1.386 nats.",
        ),
        (
            1,
            "Pixel 1 (row 1, column 1) was ink: its column of W was added to the running sum. "
            "Unit 1 changed most: from -0.400 to 1.100. "
            "Next: pixel 2 (row 1, column 2), p(ink) = 0.250; it is white: 0.288 nats. So far 1.386 nats.",
        ),
        (
            2,
            "Pixel 2 (row 1, column 2) was white: white adds nothing, so no unit changed. "
            "Next: pixel 3 (row 2, column 1), p(ink) = 0.250; it is white: 0.288 nats. So far 1.674 nats.",
        ),
        (
            4,
            "Pixel 4 (row 2, column 2) was ink: its column of W was added to the running sum. "
            "Unit 2 changed most: from 0.500 to 2.500. All 4 pixels have arrived: -log p(x) = 3.348 nats. "
            "Pixel 1 (row 1, column 1) surprised most: 1.386 nats.",
        ),
    ],
)
def test_words_by_hand(step: int, expected: str) -> None:
    widget = NADEWalk(*by_hand())
    assert widget.sentences(widget.frame(step))[0] == expected


def test_small_numbers_are_not_rounded_to_nothing() -> None:
    model, _ = by_hand()
    with torch.no_grad():
        model.b.fill_(-9.0)
    said = words(NADEWalk(model, torch.zeros(2, 2)))
    assert "p(ink) = 0.0001; it is white: 0.0001 nats" in said


def test_bars_are_as_long_as_their_numbers() -> None:
    """Two bars of one axis are in proportion to the sums, and h ends where its share of the axis is."""
    frame = NADEFrame(NADESteps(*by_hand()), 1)
    svg = ElementTree.fromstring(units_drawing(frame).svg())
    key, *bars = [float(rect.get("width")) for rect in svg.iter("{http://www.w3.org/2000/svg}rect")]
    assert key == 12 and len(bars) == 4
    assert bars[0] / bars[2] == pytest.approx(1.1 / 0.5, rel=0.01)
    h = [1 / (1 + math.exp(-a)) for a in (1.1, 0.5)]
    assert bars[1] / bars[3] == pytest.approx(h[0] / h[1], rel=0.01)


def test_the_bar_of_p_is_its_share_and_the_mark_stands_where_the_pixel_is() -> None:
    for step, side in ((0, 1.0), (1, 0.0)):
        drawing = next_drawing(NADEFrame(NADESteps(*by_hand()), step))
        svg = ElementTree.fromstring(drawing.svg())
        frame, bar = svg.findall("{*}rect")
        assert float(bar.get("width")) == pytest.approx(0.25 * float(frame.get("width")), abs=0.1)
        tip = float(svg.find("{*}polygon").get("points").split()[-1].split(",")[0])
        start, width = float(frame.get("x")), float(frame.get("width"))
        assert tip == pytest.approx(start + side * width, abs=0.1)


def test_marks_in_the_image_follow_the_ordering() -> None:
    model, x = model_and_image((3, 3), ordering="spiral")
    widget = NADEWalk(model, x, start=4)  # 0 1 2 5 have arrived, 8 is next
    svg = ElementTree.fromstring(pictures(widget)[0])
    ring = svg.find("{*}circle[@stroke='#0072B2']")
    frame = svg.find("{*}rect[@stroke='#D55E00']")
    cell = float(frame.get("width"))
    assert float(ring.get("cx")) // cell == 2 and float(ring.get("cy")) // cell == 1
    assert float(frame.get("x")) == pytest.approx(2 + 2 * cell, abs=0.2)
    assert float(frame.get("y")) == pytest.approx(2 + 2 * cell, abs=0.2)
    widget.step = 9
    svg = ElementTree.fromstring(pictures(widget)[0])
    outlined = svg.findall("{*}rect[@stroke='#D55E00']")
    assert [float(rect.get("width")) for rect in outlined] == [11.0], "only in the key"


# -- controls ------------------------------------------------------------------------------------------------------


def test_buttons_go_to_ink_and_to_the_most_surprising_pixel() -> None:
    model, x = model_and_image()
    widget = NADEWalk(model, x)
    ink = np.flatnonzero(widget.steps.x) + 1
    for step in [*ink.tolist(), 24, 24]:
        find(widget, "Next ink").click()
        assert widget.step == step
    find(widget, "Most surprising").click()
    assert widget.step == int(widget.steps.surprise.argmax())
    assert f"{widget.steps.surprise.max():.3f} nats" in words(widget)
    press(widget.controls, {"action": "reset"})
    assert widget.step == 0 and repr(widget) == "NADEWalk(pixels arrived 0 of 24)"
    assert widget.controls.jump == 6


def test_the_strip_shows_four_telling_steps() -> None:
    model, x = model_and_image(seed=2)
    widget = NADEWalk(model, x)
    steps = widget.strip_steps()
    assert len(set(steps)) == 4 and steps == sorted(steps) and steps[-1] == 24
    assert int(widget.steps.surprise.argmax()) in steps
    assert int(np.flatnonzero(widget.steps.x)[0]) + 1 in steps
    assert max(drawing.width for drawing in widget.strip_drawings(widget.frame(3))) <= 220
    blank = NADEWalk(model, torch.zeros(4, 6))
    assert len(set(blank.strip_steps())) == 4


def test_steps_of_a_large_image_cost_little() -> None:
    model, x = model_and_image((28, 28), hidden=500, ordering="random(0)")
    widget = NADEWalk(model, x)
    durations = []
    for step in range(300, 320):
        start = time.perf_counter()
        widget.step = step
        durations.append(1000 * (time.perf_counter() - start))
    assert statistics.median(durations) < 60, "30 on a quiet machine"


# -- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"event_shape": (16,)}, "must be that of an image"),
        ({"event_shape": (2, 4, 4)}, "images must have 1 channel, got event_shape"),
        ({"event_shape": (1, 40, 4)}, "at most 32 rows and columns"),
        ({"num_classes": 3}, "without classes, got one with num_classes"),
        ({"conditional": Categorical(3)}, "binary variables .* got Categorical"),
    ],
)
def test_other_models_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NADEWalk(NADE(**{"event_shape": (1, 4, 4), "hidden": 2, **options}), torch.zeros(4, 4))


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([[0.0]], TypeError, "x must be a tensor of floats, got list"),
        (torch.zeros(4, 6, dtype=torch.int64), TypeError, "got torch.int64"),
        (torch.zeros(6, 4), ValueError, r"\(1, 4, 6\), \(4, 6\) or \(24,\), got \(6, 4\)"),
        (torch.zeros(2, 1, 4, 6), ValueError, "x must be one image"),
        (torch.full((4, 6), 0.5), ValueError, "Bernoulli variables are 0 or 1, got 0.5"),
        (torch.full((4, 6), math.nan), ValueError, "Bernoulli variables are 0 or 1"),
    ],
)
def test_what_is_no_binary_image_is_refused(
    x: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        NADEWalk(model_and_image()[0], x)


@pytest.mark.parametrize("units", [[], [5], [-1], [0, 0], [0.0], [True], 3, "01"])
def test_units_that_do_not_exist_are_refused(units: object) -> None:
    with pytest.raises(ValueError, match="units must be 1 to 16 different indices from 0 to 4"):
        NADEWalk(*model_and_image(), units=units)


def test_seventeen_units_and_other_things_are_refused() -> None:
    model, x = model_and_image(hidden=30)
    with pytest.raises(ValueError, match="units must be 1 to 16"):
        NADEWalk(model, x, units=list(range(17)))
    with pytest.raises(TypeError, match="model must be a NADE, got Linear"):
        NADEWalk(nn.Linear(2, 2), x)
    nn.init.constant_(model.V, math.nan)
    with pytest.raises(ValueError, match="weights that are not finite"):
        NADEWalk(model, x)
    with pytest.raises(ValueError, match="steps are 0 to 16"):
        nade_walk(start=17)
