"""The decision boundary of small networks: losses against plain torch, geometry against the networks, the controls."""

from __future__ import annotations

import io
import math
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from matplotlib.textpath import TextPath
from PIL import Image
from test_widget_foundations import pictures, words
from test_widgets import find, press
from torch.nn.functional import cross_entropy

import armodels_lite as ar
from armodels_lite.training.randomness import own_randomness
from armodels_lite.widgets import DecisionBoundary
from armodels_lite.widgets.boundary_fits import (
    HELD_OUT,
    NAMES,
    TRAIN,
    UNITS,
    Fit,
    fits_of,
    make_points,
    train_all,
)
from armodels_lite.widgets.decision_boundary import (
    BoundaryFrame,
    X,
    Y,
    boundary_frame,
    plane_chart,
    unit_segments,
)
from armodels_lite.widgets.svg import Drawing


@pytest.mark.parametrize("name", NAMES)
def test_points_are_balanced_repeatable_and_in_the_picture(name: str) -> None:
    x, y = make_points(name, *TRAIN)
    assert (x.shape, x.dtype, y.dtype) == ((120, 2), torch.float32, torch.int64)
    assert y.bincount().tolist() == [60, 60]
    assert torch.equal(x, make_points(name, *TRAIN)[0])
    assert not torch.equal(x, make_points(name, 120, TRAIN[1] + 1)[0])
    assert x[:, 0].abs().max() < X[1] and x[:, 1].abs().max() < Y[1]


def test_clouds_of_xor_lie_at_four_corners() -> None:
    x, y = make_points("XOR", 8000, seed=0)
    for side_x in (1, -1):
        for label in (0, 1):
            cloud = x[(y == label) & (torch.arange(8000) // 2 % 2 == (0 if side_x == 1 else 1))]
            expected = [1.1 * side_x, 1.1 * side_x * (1 if label == 0 else -1)]
            assert np.allclose(cloud.mean(0), expected, atol=0.05)
            assert np.allclose(cloud.std(0), 0.55, atol=0.05)


def test_losses_and_accuracies_are_those_of_plain_torch() -> None:
    for step, fit in enumerate(fits_of("XOR", 0)):
        for (n, seed), mean, correct in (
            (TRAIN, fit.losses[0], fit.train_correct),
            (HELD_OUT, fit.losses[1], fit.held_out_correct),
        ):
            x, y = make_points("XOR", n, seed)
            with torch.no_grad():
                z = fit.model.network(x)
            logits = torch.cat([torch.zeros_like(z), z], 1)
            assert mean == pytest.approx(cross_entropy(logits, y).item(), abs=1e-5)
            assert correct == pytest.approx((logits.argmax(1) == y).float().mean().item())
            assert mean == pytest.approx(ar.evaluate(fit.model, (x, y)).nats, abs=1e-5)
        assert fit.parameters == (3, 5, 9, 13, 17, 25, 33, 65)[step]
        assert fit.parameters == (4 * fit.units + 1 if fit.units else 3)


def test_side_by_side_training_is_training_one_by_one() -> None:
    data = make_points("moons", 40, 0)
    fits = train_all(data, data, 5, units=(0, 3, 2), starts=1, steps=60)
    x, y = data[0].double(), data[1]
    with own_randomness(torch.device("cpu"), 5):
        models = [
            ar.models.classifier.Classifier((2,), 2, hidden=h, activation="tanh").double()
            for h in ((), (3,), (2,))
        ]
    for fit, model in zip(fits, models, strict=True):
        adam = torch.optim.Adam(model.parameters(), lr=0.05)
        for _ in range(60):
            adam.zero_grad()
            model.loss(x, y).backward()
            adam.step()
        for ours, theirs in zip(fit.model.parameters(), model.parameters(), strict=True):
            assert torch.allclose(ours.double(), theirs, atol=1e-5)


def test_training_is_repeatable_and_leaves_torch_alone() -> None:
    data = make_points("XOR", 40, 0)
    before = torch.get_rng_state()
    first, again, other = (train_all(data, data, seed, steps=20) for seed in (3, 3, 4))
    assert torch.equal(before, torch.get_rng_state())
    assert [fit.losses for fit in first] == [fit.losses for fit in again]
    assert first[2].losses != other[2].losses


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_training_works_where_gradients_are_off(mode: type) -> None:
    data = make_points("XOR", 40, 0)
    expected = train_all(data, data, 3, units=(0, 2), steps=20)
    with mode():
        points = make_points("XOR", 40, 0)
        for x in (points[0], points[0].double()):
            found = train_all((x, points[1]), points, 3, units=(0, 2), steps=20)
            assert [fit.losses for fit in found] == [fit.losses for fit in expected]


def test_training_works_where_float64_is_the_default() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        data = make_points("XOR", 40, 0)
        (fit,) = train_all(data, data, 3, units=(2,), steps=100)
    finally:
        torch.set_default_dtype(torch.float32)
    assert fit.losses[0] < math.log(2)
    assert {parameter.dtype for parameter in fit.model.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"units": ()}, r"units must be one or more ints of at least 0, got \(\)"),
        ({"units": (2, -1)}, r"units must be .* got \(2, -1\)"),
        ({"starts": 0}, "starts must be an int of at least 1, got 0"),
        ({"steps": -1}, "steps must be an int of at least 0, got -1"),
        ({"seed": 2**64}, r"seed must be below 2\^64, got 18446744073709551616"),
    ],
)
def test_nothing_is_trained_with_bad_settings(arguments: dict[str, object], message: str) -> None:
    data = make_points("XOR", 4, 0)
    with pytest.raises(ValueError, match=message):
        train_all(data, data, **{"seed": 0, **arguments})


@pytest.mark.parametrize("step", [-1, 8, 1.0, True])
def test_steps_outside_are_refused(step: object) -> None:
    with pytest.raises(ValueError, match=r"step must be an int in 0\.\.7, got"):
        boundary_frame("XOR", 0, step)


def test_the_legend_fits_its_chart() -> None:
    chart = plane_chart(boundary_frame("XOR", 0, 2))
    texts = ElementTree.fromstring(chart.svg()).findall("{*}text")
    legend = [text for text in texts if text.get("y") == "16.5"]
    assert [text.text for text in legend] == ["y = 0", "y = 1", "p = 0.5", "unit’s sum = 0"]
    # DejaVu Sans is wider than most of the fonts that browsers use.
    widths = [TextPath((0, 0), text.text, size=13).get_extents().x1 for text in legend]
    ends = [float(t.get("x")) + width for t, width in zip(legend, widths, strict=True)]
    # Before a text stands its marker or its piece of line.
    before = (13, 22, 22)
    starts = [float(t.get("x")) - room for t, room in zip(legend[1:], before, strict=True)]
    starts.append(chart.width)
    assert all(end < start for end, start in zip(ends, starts, strict=True))


def test_more_starts_are_never_worse() -> None:
    data = make_points("XOR", *TRAIN)
    one, four = (train_all(data, data, 0, units=(2,), starts=s, steps=100)[0] for s in (1, 4))
    assert four.losses[0] <= one.losses[0]


def test_xor_needs_two_units_and_sixteen_overfit() -> None:
    fits = {fit.units: fit for fit in fits_of("XOR", 0)}
    assert fits[0].losses[0] == pytest.approx(math.log(2), abs=0.01)
    assert fits[1].losses[0] > 0.5 and fits[2].losses[0] < 0.3
    assert fits[16].losses[0] < 0.05 and fits[16].losses[1] > fits[3].losses[1] + 0.3


def test_the_boundary_is_where_both_classes_are_equally_probable() -> None:
    frame = boundary_frame("ring", 0, UNITS.index(4))
    for line in frame.boundary:
        assert np.abs(frame.fit.logits(torch.from_numpy(line)).numpy()).max() < 0.6
    # A closed line around the disc: its middle is on one side, the ring on the other.
    around = max(frame.boundary, key=len)
    assert np.allclose(around[0], around[-1])
    radius = np.hypot(*(around - around.mean(0)).T)
    assert 0.6 < radius.min() and radius.max() < 2
    assert frame.probs[24, 24] > 0.9 or frame.probs[24, 24] < 0.1


def test_shading_is_p_with_its_first_row_on_top() -> None:
    frame = boundary_frame("ring", 0, 3)
    for row, column in ((0, 0), (5, 40), (47, 10)):
        place = [X[0] + (column + 0.5) * 7.2 / 48, Y[1] - (row + 0.5) * 6.0 / 48]
        expected = frame.fit.model.probs(torch.tensor([place]))[0, 1].item()
        assert frame.probs[row, column] == pytest.approx(expected, abs=1e-5)


def test_units_are_zero_on_their_lines_and_positive_where_the_arrow_points() -> None:
    fit = fits_of("XOR", 0)[UNITS.index(6)]
    segments = unit_segments(fit)
    assert 0 < len(segments) <= 6
    first = fit.model.network[0]
    for start, end, direction in segments:
        assert all(X[0] - 1e-9 <= x <= X[1] + 1e-9 for x, _ in (start, end))
        assert all(Y[0] - 1e-9 <= y <= Y[1] + 1e-9 for _, y in (start, end))
        with torch.no_grad():
            at, ahead = (
                first(torch.tensor([place]))[0]
                for place in (start, (start[0] + direction[0], start[1] + direction[1]))
            )
        unit = at.abs().argmin()
        assert at[unit].abs() < 1e-4 and ahead[unit] > 0
    assert unit_segments(fits_of("XOR", 0)[0]) == []


def altered(frame: BoundaryFrame, step: int, train: float, held_out: float) -> BoundaryFrame:
    """The frame as if the network at a step had these losses, the same for each point."""
    fits = list(frame.fits)
    fit = fits[step]
    seen, unseen = np.full(120, train), np.full(400, held_out)
    fits[step] = Fit(fit.units, fit.model, seen, unseen, fit.train_correct, fit.held_out_correct)
    return BoundaryFrame(**{**vars(frame), "fits": fits, "step": step})


def test_overfitting_and_poor_optima_are_said_when_the_numbers_say_so() -> None:
    widget = DecisionBoundary()
    told = [" ".join(widget.sentences(widget.frame(step))) for step in range(8)]
    assert "near ln 2" in told[0] and "at least two units" in told[0] and "3 parameters" in told[0]
    assert "Overfitting" not in told[2] and "poor optimum" not in told[2]
    assert "Overfitting" in told[7] and "3 hidden units" in told[7]
    frame = widget.frame(4)
    poor = " ".join(widget.sentences(altered(frame, 4, 0.5, 0.5)))
    assert "poor optimum: 3 hidden units" in poor or "poor optimum: 4 hidden units" in poor
    assert "Overfitting" not in poor, "it fits the training points worse"
    good = " ".join(widget.sentences(altered(frame, 4, 0.01, 0.1)))
    assert "Overfitting" not in good and "poor optimum" not in good


def test_data_start_and_reset() -> None:
    widget = DecisionBoundary(start=2)
    before = pictures(widget)
    find(widget, "New start").click()
    assert widget.seed == 1 and "XOR, start 1: 2 hidden units, 9 parameters" in words(widget)
    assert all(a != b for a, b in zip(pictures(widget), before, strict=True))
    find(widget, "data").value = "ring"
    assert "ring, start 1" in words(widget) and widget.controls.error == ""
    press(widget.controls, {"action": "reset"})
    assert (widget.data, widget.seed, widget.step) == ("XOR", 0, 0)
    assert find(widget, "data").value == "XOR" and "XOR, start 0: 0 hidden" in words(widget)
    widget.step = 2
    assert pictures(widget) == before


def test_the_strip_shows_none_two_and_sixteen_units() -> None:
    widget = DecisionBoundary()
    assert [frame.fit.units for frame in widget.strip_frames()] == [0, 2, 16]
    assert widget.strip().alt.count("nats") >= 3 and "16 hidden units:" in widget.strip().alt


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": "spiral"}, "data must be one of XOR, ring, moons, blobs, got 'spiral'"),
        ({"data": ["XOR"]}, r"data must be one of XOR, ring, moons, blobs, got \['XOR'\]"),
        ({"seed": 2**64}, r"seed must be below 2\^64"),
        ({"seed": -1}, "seed must be an int of at least 0, got -1"),
        ({"seed": 0.0}, "seed must be an int of at least 0, got 0.0"),
        ({"start": 8}, "steps are 0 to 7, got 8"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DecisionBoundary(**arguments)


@pytest.mark.parametrize("n", [1, 10.0, True])
def test_points_come_in_whole_numbers(n: object) -> None:
    with pytest.raises(ValueError, match="n must be an int of at least 2"):
        make_points("XOR", n, 0)


def test_an_image_is_placed_in_a_drawing() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (2, 3), "#102030").save(buffer, format="PNG")
    drawing = Drawing(40, 30, label="a picture")
    drawing.image((5, 6), 20, 10, buffer.getvalue())
    item = ElementTree.fromstring(drawing.svg()).find("{*}image")
    assert [item.get(key) for key in ("x", "y", "width", "height")] == [
        "5.0",
        "6.0",
        "20.0",
        "10.0",
    ]
    assert item.get("href").startswith("data:image/png;base64,iVBOR")
    with pytest.raises(ValueError, match="bytes of a PNG file, got b'GIF89a'"):
        drawing.image((0, 0), 1, 1, b"GIF89a")
