"""The purification widget: against `purify` and a loop without decoders, readings, every control, words.

What is refused: `test_purifier_errors.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from random_weights import randomised
from test_widget_foundations import pictures, words
from test_widgets import find, press
from torch import nn

import armodels_lite as ar
from armodels_lite.pixeldefend import purify_steps
from armodels_lite.shades import to_levels, to_shades
from armodels_lite.widgets import Purifier
from armodels_lite.widgets.next_words import p_text
from armodels_lite.widgets.purifier import said_p, visit_words
from armodels_lite.widgets.purify_state import PurifyState, Visit
from armodels_lite.widgets.purify_view import (
    clean_drawing,
    distance_chart,
    level_chart,
    now_drawing,
)

SHAPE, LEVELS = (1, 4, 3), 5
CATEGORICAL = {"conditional": ar.Categorical(LEVELS)}
MODELS: dict[str, Callable[[], ar.AutoregressiveModel]] = {
    "binary": lambda: ar.FVSBN(SHAPE),
    "fvsbn": lambda: ar.FVSBN(SHAPE, **CATEGORICAL),
    "made": lambda: ar.MADE(SHAPE, hidden=(30,), ordering="random(1)", **CATEGORICAL),
    "pixelcnn": lambda: ar.PixelCNN(SHAPE, channels=6, layers=2, kernel_size=3, **CATEGORICAL),
    "pixelcnnpp": lambda: ar.PixelCNNpp(
        SHAPE,
        channels=6,
        blocks=1,
        resolutions=1,
        conditional=ar.LogisticMixture(2, levels=LEVELS),
    ),
}


def model_of(name: str = "fvsbn") -> ar.AutoregressiveModel:
    return randomised(MODELS[name]().double(), 0.8)


def shades(levels: int = LEVELS, count: int = 3, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return to_shades(torch.randint(levels, (count, *SHAPE), generator=generator), levels)


def classifier_of() -> ar.Classifier:
    return randomised(ar.Classifier(SHAPE, 3))


def state_of(name: str = "fvsbn", eps: float = 0.25, **options: object) -> PurifyState:
    model = model_of(name)
    images = [shades(model.levels, seed=seed) for seed in (0, 1)]
    return PurifyState(model, *images, eps=1 if name == "binary" else eps, **options)


def widget_of(**options: object) -> Purifier:
    given = {"classifier": classifier_of(), "eps": 0.25, **options}
    return Purifier(model_of(), shades(), shades(seed=1), **given)


def purified_by_hand(state: PurifyState) -> list[tuple[int, np.ndarray, int, int]]:
    """(position, probabilities, level before, level after) of each pixel: whole passes, and a loop over the levels."""
    model, found = state.model, []
    x = state.attacked[state.index].flatten().tolist()
    for position in model.ordering.tolist():
        events = torch.tensor(x).view(1, *SHAPE).to(model.event_dtype)
        with torch.no_grad():
            log_probs = model(events).level_log_probs().reshape(len(x), -1)[position]
        probs = log_probs.exp().numpy()
        best = before = x[position]
        for level in range(model.levels):
            if abs(level - before) <= state.radius and probs[level] > probs[best]:
                best = level
        x[position] = best
        found.append((position, probs, before, best))
    return found


# -- numbers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_the_end_is_what_purify_returns(name: str) -> None:
    state = state_of(name)
    images = to_shades(state.attacked, state.model.levels, torch.float64)
    top = state.model.levels - 1
    for radius in range(state.model.levels):
        expected = to_levels(ar.purify(state.model, images, eps=radius / top), top + 1)
        for index in range(3):
            state.choose(index, radius)
            end = state.frame(state.total)
            assert np.array_equal(end.now.levels, expected[index, 0].numpy())
            assert end.moved == (expected[index] != state.attacked[index]).sum()
            assert end.finished and end.current is None and end.visited.all()


@pytest.mark.parametrize("name", MODELS)
def test_every_step_is_that_of_purify_steps_and_of_a_plain_loop(name: str) -> None:
    state = state_of(name)
    images = to_shades(state.attacked, state.model.levels, torch.float64)
    steps = list(purify_steps(state.model, images[:1], eps=1 if name == "binary" else 0.25))
    by_hand = purified_by_hand(state)
    before = state.attacked[0, 0].numpy()
    for t in np.random.default_rng(0).permutation(state.total).tolist():
        frame, step, visit = state.frame(t), steps[t], state.visit(t)
        position, probs, was, becomes = by_hand[t]
        assert frame.current is visit and (visit.row, visit.column) == divmod(position, SHAPE[2])
        assert (visit.before, visit.after) == (was, becomes) == (step.before, step.after)
        assert visit.probs == pytest.approx(probs, abs=1e-9)
        assert np.array_equal(visit.allowed, abs(np.arange(len(probs)) - was) <= state.radius)
        assert visit.clean == state.clean[0].flatten()[position]
        with np.errstate(divide="ignore"):
            gain = np.log(probs[becomes] / probs[was])
        assert visit.gain == pytest.approx(gain, abs=1e-9)
        past = steps[t - 1].x[0, 0].numpy() if t else before
        assert np.array_equal(frame.now.levels, past)
        assert frame.moved == (past != before).sum() <= t
        assert np.array_equal(
            np.flatnonzero(frame.visited), sorted(place for place, *_ in by_hand[:t])
        )


@pytest.mark.parametrize("kind", ["classifier", "module", "function"])
def test_readings(kind: str) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(12, 3)).train()
    given = {"classifier": classifier_of(), "module": network, "function": lambda x: x[:, 0, :3, 0]}
    state = state_of(classifier=given[kind], class_names=["a", "b", "c"])
    state.choose(index=1)
    for step in range(state.total + 1):
        frame = state.frame(step)
        for reading in (frame.clean, frame.attacked, frame.now):
            x = torch.from_numpy(reading.levels).view(1, *SHAPE)
            assert reading.nats == pytest.approx(-state.model.log_prob(x).item(), abs=1e-9)
            far = abs(reading.levels - state.clean[1, 0].numpy())
            assert reading.farthest == far.max()
            assert reading.mean_distance == pytest.approx(far.mean())
            x = to_shades(x, LEVELS)
            network.eval()
            logits = given[kind].logits(x) if kind == "classifier" else given[kind](x)
            network.train()
            p = np.exp(logits[0].detach().double().numpy())
            assert reading.guess == "abc"[p.argmax()]
            assert reading.probability == pytest.approx(p.max() / p.sum(), abs=1e-6)
        assert frame.clean.farthest == 0
        assert abs(frame.now.levels - frame.attacked.levels).max() <= 1
    assert network.training and network[1].training, "the mode is what it was"


def test_without_a_classifier_no_guess_is_told() -> None:
    widget = widget_of(classifier=None)
    assert widget.frame(0).now.guess is None
    assert "classifier says" not in words(widget) and "classifier:" not in pictures(widget)[0]
    assert "called" not in widget.strip().alt


def test_eps_0_moves_nothing() -> None:
    state = state_of(eps=0.2)  # less than a level
    assert state.radius == 0
    for step in range(state.total):
        frame = state.frame(step)
        assert frame.moved == 0 and frame.now is frame.attacked and frame.current.gain == 0
        assert visit_words(frame.current).endswith(
            f"The ball has level {frame.current.before} alone, so it stays."
        )
    assert state.next_move(0) == state.total
    widget = widget_of(eps=0.0)
    assert "All 12 pixels are visited, and 0 of them moved." in widget.strip().alt


def test_eps_counts_as_in_purify() -> None:
    """The next lower multiple of a level, and 2 / 16 of 16 steps are 2 although floats are not exact."""
    for eps, radius in ((0.0, 0), (0.24, 0), (0.25, 1), (3 * 0.25 - 1e-9, 3), (1, 4)):
        assert state_of(eps=eps).radius == radius
    for top in (1, 2, 3, 15, 16, 49, 99, 255):
        model = ar.FVSBN(SHAPE, conditional=ar.Categorical(top + 1))
        x = torch.zeros(1, *SHAPE)
        assert PurifyState(model, x, x, eps=2 / top if top > 1 else 1).radius == min(2, top)


def test_a_model_trained_on_is_seen_after_restart() -> None:
    state = state_of()
    before = state.frame(state.total).now
    with torch.no_grad():
        state.model.linear.bias.add_(torch.randn(state.model.linear.bias.shape).double())
    assert state.frame(state.total).now is before, "what is done is kept"
    state.restart()
    expected = ar.purify(state.model, to_shades(state.attacked[:1], LEVELS), eps=0.25)
    now = state.frame(state.total).now
    assert np.array_equal(now.levels, to_levels(expected, LEVELS)[0, 0].numpy())
    assert now.nats != before.nats


# -- the widget ----------------------------------------------------------------------------------------------------


def test_every_state_is_drawn_and_told() -> None:
    widget = widget_of()
    for index in range(3):
        find(widget, "image").value = index
        for radius in range(5):
            find(widget, "eps, levels").value = radius
            for step in range(widget.last + 1):
                widget.step = step
                assert widget.controls.error == "" and widget.controls.drawn == step
                frame = widget.frame(step)
                assert (widget.state.index, frame.radius) == (index, radius)
                told = words(widget)
                assert f"{frame.now.nats:.1f} now" in told and "The classifier says" in told
                assert ("All 12 pixels" if frame.finished else f"Step {step} of 12: row") in told
                assert all(
                    ElementTree.fromstring(picture) is not None for picture in pictures(widget)
                )


def test_controls_keep_the_step_and_reset_undoes_them() -> None:
    widget = widget_of(start=5)
    image, eps = find(widget, "image"), find(widget, "eps, levels")
    assert (eps.min, eps.max, eps.value) == (0, 4, 1)
    before = pictures(widget)
    eps.value = 3
    assert widget.step == 5 and widget.frame(5).radius == 3 and pictures(widget) != before
    image.value = 2
    assert widget.step == 5 and widget.state.index == 2 and widget.state.radius == 3
    assert repr(widget) == "Purifier(1 x 4 x 3, image 2, eps 3 of 4 levels, step 5 of 12)"
    press(widget.controls, {"action": "reset"})
    assert (image.value, eps.value, widget.step) == (0, 1, 0)
    assert (widget.state.index, widget.state.radius) == (0, 1)
    widget.step = 5
    assert pictures(widget) == before


def test_the_slider_of_eps_fits_the_levels() -> None:
    binary = Purifier(ar.FVSBN(SHAPE), shades(2), shades(2, seed=1), eps=0)
    assert (find(binary, "eps, levels").max, find(binary, "eps, levels").value) == (1, 0)
    model, x = ar.FVSBN(SHAPE, conditional=ar.Categorical(256)), torch.zeros(1, *SHAPE)
    assert find(Purifier(model, x, x, eps=2 / 255), "eps, levels").max == 4
    many = Purifier(model, x, x, eps=16 / 255)
    assert find(many, "eps, levels").max == 16
    names = [getattr(w, "description", "") for w in many.children[-1].children]
    assert names == ["eps, levels", "Next move"], "one image needs no list"


def test_next_move_goes_to_pixels_that_move_and_then_to_the_end() -> None:
    widget = widget_of()
    moving = [step for step in range(12) if widget.state.visit(step).moves]
    assert 3 <= len(moving) <= 10
    button, seen = find(widget, "Next move"), []
    while widget.step < widget.last:
        button.click()
        seen.append(widget.step)
        assert widget.controls.drawn == widget.step
    assert seen == [step for step in moving if step > 0] + [12]
    button.click()
    assert widget.step == 12 and widget.controls.error == ""


def test_strip_shows_given_gain_error_and_end() -> None:
    widget = widget_of(eps=0.5)
    given, *pixels, end = widget.strip_frames()
    assert given.shows == "given" and given.current is None and end.finished
    visits = [widget.state.visit(step) for step in range(12)]
    steps = [frame.step for frame in pixels]
    assert int(np.argmax([visit.gain for visit in visits])) in steps and steps[0] < steps[1]
    astray = [visit.astray for visit in visits if visit.moves]
    assert max(frame.current.astray for frame in pixels) == max(astray) > 0
    alt = widget.strip().alt
    assert "a move away from it" in alt and "The defence sees the attacked one alone." in alt


# -- pictures ------------------------------------------------------------------------------------------------------


def test_markers_bars_and_ball_stand_at_their_levels() -> None:
    state = state_of(eps=0.5)
    for step in range(state.total):
        frame = state.frame(step)
        visit, chart = frame.current, level_chart(frame)
        svg = ElementTree.fromstring(chart.svg())
        ends = [chart.place(level, 0)[0] for level in (visit.before, visit.clean)]
        circles = [float(circle.get("cx")) for circle in svg.findall("{*}circle")]
        assert circles == pytest.approx(ends, abs=0.06)
        corners = svg.find("{*}polygon").get("points").split()
        tip = float(corners[-1].split(",")[0])
        assert tip == pytest.approx(chart.place(visit.after, 0)[0], abs=0.06)
        band, *bars = svg.findall("{*}rect")
        low, high = np.flatnonzero(visit.allowed)[[0, -1]]
        left, right = (chart.place(x, 0)[0] for x in (low - 0.5, high + 0.5))
        assert float(band.get("x")) == pytest.approx(left, abs=0.06)
        assert float(band.get("width")) == pytest.approx(right - left, abs=0.11)
        heights = [float(bar.get("height")) for bar in bars]
        scale = (chart.bottom - chart.top) / chart.y[1]
        assert heights == pytest.approx(visit.probs * scale, abs=0.06)
        told = ", ".join(f"{k} {p_text(visit.probs[k])}" for k in range(low, high + 1))
        best = visit.probs.argmax()
        assert f"in the ball {told}; of all levels {best} is the most" in chart.label
        dark = [bar.get("fill") == bars[visit.after].get("fill") for bar in bars]
        assert dark == [level == visit.after for level in range(LEVELS)]


def test_images_have_the_shades_of_their_levels_and_triangles_where_pixels_moved() -> None:
    state = state_of(eps=0.5)
    state.choose(index=2)
    frame = state.frame(8)
    darker = int((frame.now.levels > frame.attacked.levels).sum())
    lighter = int((frame.now.levels < frame.attacked.levels).sum())
    assert darker and lighter
    svg = ElementTree.fromstring(now_drawing(frame).svg())
    places = [
        [float(corner.split(",")[1]) for corner in item.get("points").split()]
        for item in svg.findall("{*}polygon")
    ]
    assert sum(tip < base for base, _, tip in places) == darker
    assert sum(tip > base for base, _, tip in places) == lighter
    clean = ElementTree.fromstring(clean_drawing(frame).svg())
    assert not clean.findall("{*}polygon")
    fills = {path.get("fill") for path in clean.findall("{*}path")}
    shown = {round(255 - level / 4 * (255 - 0x16)) for level in np.unique(frame.clean.levels)}
    greys = {int(fill[1:3], 16) for fill in fills - {"#808080"}}
    assert all(min(abs(grey - other) for other in shown) <= 1 for grey in greys)
    assert len(greys) == len(shown)


def test_the_last_chart_counts_distances() -> None:
    state = state_of(eps=0.5)
    end = state.frame(state.total)
    chart = distance_chart(end)
    for distance in range(max(end.now.farthest, end.attacked.farthest) + 1):
        counts = [int((r.distances == distance).sum()) for r in (end.attacked, end.now)]
        assert f"{distance}: {counts[0]} attacked, {counts[1]} purified" in chart.label


# -- words ---------------------------------------------------------------------------------------------------------


def visit_with(probs: list[float], before: int, after: int, radius: int = 1) -> Visit:
    allowed = abs(np.arange(len(probs)) - before) <= radius
    return Visit(2, 3, np.array(probs), allowed, before, after, clean=0)


def test_words_of_a_visit() -> None:
    assert visit_words(visit_with([0.7, 0.2, 0.1], 1, 0)) == (
        "row 2, column 3 has level 1, p = 0.200. In the ball, levels 0 to 2, the most probable is 0, p = 0.700, so it "
        "becomes 0."
    )
    assert "levels 1 to 2, no other is more probable, so it stays." in visit_words(
        visit_with([0.5, 0.1, 0.4], 2, 2)
    )
    tiny = visit_words(visit_with([1 - 5e-5, 4e-5, 1e-5], 2, 1))
    assert "level 2, p below 0.001" in tiny and "is 1, 4 times as probable, so" in tiny
    tiny = visit_words(visit_with([1 - 5e-5, 4e-5, 1e-8], 2, 1))
    assert "is 1, 1,000 or more times as probable, so" in tiny
    assert "p = 0.4000" in visit_words(visit_with([0.4004, 0.4, 0.1996], 1, 0))
    impossible = visit_with([1.0, 0.0, 0.0], 1, 0)
    assert impossible.gain == np.inf and "has level 1, p = 0.000. In" in visit_words(impossible)
    assert (said_p(0.9999), said_p(1.0)) == ("p above 0.999", "p = 1.000")


def test_greedy_may_end_less_probable_and_that_is_said() -> None:
    model = ar.FVSBN((1, 2, 2))
    with torch.no_grad():
        model.linear.bias[:] = torch.tensor(
            [0.4, -5.0, -5.0, -5.0]
        )  # alone, 1 is likelier at first
        model.linear.weight[1:, 0] = 5.0  # but then the others are fair coins
    x = torch.zeros(1, 1, 2, 2)
    widget = Purifier(model, x, x, eps=1, start=4)
    frame = widget.frame(4)
    assert frame.moved == 1 and frame.now.nats > frame.attacked.nats
    assert "and yet the image became less probable" in words(widget)
    widget.step = 3
    assert "less probable" not in words(widget)
    assert "and yet" not in words(widget_of(start=12, eps=0.0))


def test_signs_are_told_where_they_are_drawn() -> None:
    widget = widget_of(start=3)
    assert "a line goes around" in words(widget) and "A triangle marks" in words(widget)
    widget.step = 12
    assert "a line goes around" not in words(widget) and "A triangle marks" in words(widget)
    x = torch.zeros(1, 1, 28, 28)
    large = Purifier(ar.FVSBN((1, 28, 28)), x, x, eps=1, start=2)
    assert "A triangle marks" not in words(large)
