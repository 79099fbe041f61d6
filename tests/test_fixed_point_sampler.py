"""Predictive sampling pass by pass: against the sampler and a plain loop, pictures, words, every control."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pytest
import test_widget_foundations as every_widget
import torch
from random_weights import randomised
from test_widget_foundations import pictures, words
from test_widgets import find, press
from torch import nn

import armodels_lite as ar
from armodels_lite.plots import colour_table
from armodels_lite.widgets import FixedPointSampler
from armodels_lite.widgets.fixed_point_sampler import change_words, counter
from armodels_lite.widgets.fixed_point_state import FixedPointFrame, FixedPointState
from armodels_lite.widgets.fixed_point_view import (
    SETTLED,
    mean_drawing,
    naive_drawing,
    out_drawing,
    settled_drawing,
)

SHAPE = (1, 4, 4)
GREY = {"conditional": ar.Categorical(5)}
MODELS: dict[str, Callable[[], ar.AutoregressiveModel]] = {
    "raster": lambda: ar.FVSBN(SHAPE),
    "subscale": lambda: ar.MADE(SHAPE, hidden=(40,), ordering="subscale(2)"),
    "random": lambda: ar.MADE(SHAPE, hidden=(40,), ordering="random(1)", **GREY),
    "pixelcnn": lambda: ar.PixelCNN(SHAPE, channels=6, layers=2, kernel_size=3, **GREY),
}
every_model = pytest.mark.parametrize("name", MODELS)


def model_of(name: str = "raster") -> ar.AutoregressiveModel:
    torch.manual_seed(0)
    return randomised(MODELS[name]().double(), 0.3 if name == "pixelcnn" else 0.8)


def widget_of(name: str = "raster", **options: object) -> FixedPointSampler:
    return FixedPointSampler(model_of(name), **{"seed": 1, **options})


def long_walk(**options: object) -> FixedPointSampler:
    """Each pixel nearly sure to be unlike the one before it: a wrong guess is passed on."""
    model = ar.FVSBN((1, 2, 4)).double()
    with torch.no_grad():
        model.linear.weight.copy_(torch.diag(torch.full((7,), -8.0), -1))
        model.linear.bias.fill_(4.0)
    return FixedPointSampler(model, **options)


def frames_of(state: FixedPointState) -> list[FixedPointFrame]:
    return [state.frame(step) for step in range(state.passes + 1)]


def chain(*guess: float) -> FixedPointState:
    """Three pixels, each nearly sure to be what the one before it is; the first is 1. The draw is 1, 1, 1."""
    model = ar.FVSBN((1, 1, 3)).double()
    with torch.no_grad():
        model.linear.weight[1, 0] = model.linear.weight[2, 1] = 20.0
        model.linear.bias[:] = torch.tensor([10.0, -10.0, -10.0])
    first = torch.tensor(guess or [0.0, 0.0, 0.0], dtype=torch.float64).view(1, 1, 1, 3)
    return FixedPointState(model, torch.full((1, 1, 1, 3), 0.5), guess=first)


# -- numbers -------------------------------------------------------------------------------------------------------


@every_model
def test_the_end_is_what_the_sampler_draws_in_as_many_passes(name: str) -> None:
    model = model_of(name)
    noise = ar.distributions.uniform_noise((4, *SHAPE), generator=torch.Generator().manual_seed(1))
    state, found = FixedPointState(model, noise), ar.predictive_sample(model, noise=noise)
    drawn = model.sample(noise=noise)
    assert FixedPointState(model, seed=1).frame(1).x.tolist() == state.frame(1).x.tolist()
    for index in range(4):
        state.choose(index)
        assert state.passes == found.passes[index]
        end = state.frame(state.passes)
        assert np.array_equal(end.x, drawn[index, 0].numpy()) and end.settled.all()
        assert np.array_equal(end.final, end.x) and end.finished


@every_model
def test_every_pass_is_that_of_a_plain_loop(name: str) -> None:
    """The model is asked again; what is settled is counted pixel by pixel in the drawing order."""
    state = FixedPointState(model_of(name), seed=1)
    model, order = state.model, state.model.ordering.tolist()
    for index in range(4):
        state.choose(index)
        known, before = 0, np.zeros(SHAPE[1:], dtype=int)
        for frame in frames_of(state)[1:]:
            assert np.array_equal(frame.guess, before)
            events = torch.from_numpy(frame.guess).view(1, *SHAPE).to(model.event_dtype)
            with torch.no_grad():
                probs = model(events).level_log_probs().exp().numpy()[0, 0]
            levels = np.arange(model.levels) / (model.levels - 1)
            assert frame.means == pytest.approx(probs @ levels, abs=1e-9)
            assert frame.known_before == known
            for position in order[known:]:
                known += 1
                if frame.x.flat[position] != frame.guess.flat[position]:
                    break
            assert frame.known == known == frame.settled.sum() == frame.settled_by[frame.step]
            assert frame.settled.flat[order[:known]].all()
            before = frame.x


@every_model
def test_what_is_settled_is_final_and_grows_faster_than_naive_sampling(name: str) -> None:
    state = FixedPointState(model_of(name), seed=1)
    for index in range(4):
        state.choose(index)
        frames = frames_of(state)
        for k, frame in enumerate(frames):
            assert all(
                np.array_equal(later.x[frame.settled], frame.x[frame.settled])
                for later in frames[k:]
            )
            assert frame.right[frame.settled].all()
            assert frame.known >= frame.naive.sum() == k
            assert not frame.naive[~frame.settled].any()
            assert frame.right_by[k] == (frame.x == frames[-1].x).sum()
        assert (np.diff(frames[0].settled_by) >= 1).all() and frames[-1].known == 16


@every_model
def test_the_first_difference_and_its_cause(name: str) -> None:
    state = FixedPointState(model_of(name), seed=1)
    order, causes = state.model.ordering.tolist(), 0
    for index in range(4):
        state.choose(index)
        frames = frames_of(state)
        for k, frame in enumerate(frames[1:], start=1):
            unlike = [p for p in order if frame.x.flat[p] != frame.guess.flat[p]]
            assert frame.changed.sum() == len(unlike)
            if not unlike:
                assert frame.first is None and frame.finished
                continue
            row, column = divmod(unlike[0], 4)
            first = frame.first
            assert (first.place, first.number) == ((row, column), order.index(unlike[0]) + 1)
            assert (first.guess, first.value) == (
                frame.guess[row, column],
                frame.final[row, column],
            )
            read = frames[k - 1].guess if k > 1 else frame.final
            wrong = [p for p in order[: first.number - 1] if read.flat[p] != frame.final.flat[p]]
            assert first.wrong == len(wrong) and (wrong or k == 1)
            assert first.culprit == (divmod(wrong[0], 4) if wrong else None)
            causes += bool(wrong)
    assert causes > 4


def test_a_chain_by_hand() -> None:
    """Each pass repairs one pixel, and one pass confirms unless the last pixel alone was wrong."""
    slow = chain()
    assert slow.frame(0).settled_by.tolist() == [0, 1, 2, 3]
    assert [frame.x.tolist() for frame in frames_of(slow)] == [
        [[0, 0, 0]],
        [[1, 0, 0]],
        [[1, 1, 0]],
        [[1, 1, 1]],
    ]
    assert slow.frame(3).first.culprit == (0, 1)
    assert slow.frame(2).means[0] == pytest.approx(torch.sigmoid(torch.tensor([10.0, 10, -10])))
    assert chain(1, 1, 1).frame(0).settled_by.tolist() == [0, 3]
    assert chain(1, 1, 0).frame(0).settled_by.tolist() == [0, 3]
    assert chain(1, 1, 0).frame(1).first.wrong == 0


# -- words ---------------------------------------------------------------------------------------------------------


def test_words_by_hand() -> None:
    told = [f"{counter(frame)} {change_words(frame)}" for frame in frames_of(chain())]
    assert told[0].startswith(
        "Before pass 1: a first guess, and nothing settled. 0 of its 3 pixels happen to be right."
    )
    assert told[1] == (
        "Pass 1: 1 of 3 pixels settled; naive sampling would have drawn 1. 1 pixel came out unlike the guess: row 1, "
        "column 1 (number 1 in the order), from 0 to 1. Its guess was made up: no pass had computed it."
    )
    assert told[2].endswith(
        "row 1, column 2 (number 2 in the order), from 0 to 1. Why: its guess came from a pass that had read one wrong "
        "pixel before this one: row 1, column 1."
    )
    assert told[3].endswith("All before it was right, and it is the last: 3 passes.")
    assert change_words(chain(1, 1, 1).frame(1)) == (
        "Nothing came out unlike its guess: the guess explains itself, so it is the draw. 1 pass in place of 3."
    )


def test_words_of_many_wrong_pixels() -> None:
    widget = widget_of()
    frames = [f for d in range(4) for f in (widget.choose(d), *frames_of(widget.state))[1:]]
    several = [f for f in frames if f.first and f.first.wrong > 1]
    row, column = several[0].first.culprit
    assert (
        f"had read {several[0].first.wrong} wrong pixels before this one, the first at row {row + 1}, "
        f"column {column + 1}."
    ) in change_words(several[0])
    many = next(f for f in frames if f.step and f.changed.sum() > 1)
    assert f"{many.changed.sum()} pixels came out unlike the guess, the first at" in change_words(
        many
    )


# -- pictures ------------------------------------------------------------------------------------------------------


def cells(svg: str, colour: str) -> int:
    """The area of one colour, in cells of 36 x 36 pixels; those of the key are no paths."""
    paths = [p for p in ElementTree.fromstring(svg).findall("{*}path") if p.get("fill") == colour]
    sizes = [rect.split("v")[:2] for p in paths for rect in p.get("d").split("h")[1::2]]
    return round(sum(float(width) * float(height.split("h")[0]) for width, height in sizes) / 36**2)


@every_model
def test_pictures_show_as_many_pixels_as_are_counted(name: str) -> None:
    state = FixedPointState(model_of(name), seed=1)
    for frame in frames_of(state):
        drawing = settled_drawing(frame)
        wrong = int((~frame.right).sum())
        assert cells(drawing.svg(), SETTLED) == frame.known
        assert cells(drawing.svg(), "#ffffff") == wrong
        lines = ElementTree.fromstring(drawing.svg()).findall("{*}line")
        assert len(lines) == 2 * (wrong + 1), "a cross on each, one in the key"
        assert f"settled for good: {frame.known}" in drawing.label
        assert cells(naive_drawing(frame).svg(), "#e4e4e4") == 16 - frame.step
        if frame.step:
            dots = ElementTree.fromstring(out_drawing(frame).svg()).findall("{*}circle")
            assert len(dots) == frame.changed.sum()


def test_probabilities_are_shades_of_blue() -> None:
    frame = chain().frame(2)
    first, *_, last = (
        "#{:02x}{:02x}{:02x}".format(*c) for c in colour_table("probability").tolist()
    )
    svg = mean_drawing(frame).svg()
    painted = [p.get("fill") for p in ElementTree.fromstring(svg).findall("{*}path")]
    assert painted[:2] == [last, first], "two sure of 1, then one sure of 0"
    assert "no pass yet" in mean_drawing(chain().frame(0)).label


def test_an_image_of_28_x_28_has_room() -> None:
    widget = FixedPointSampler(ar.IndependentBernoulli((1, 28, 28)), draws=1)
    for step in range(widget.last + 1):
        widget.step = step
        assert all(ElementTree.fromstring(picture) is not None for picture in pictures(widget))
    assert "784 of 784 pixels settled" in words(widget)


# -- the widget ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "check",
    [
        every_widget.test_every_step_draws_well_formed_pictures_inside_their_canvas,
        every_widget.test_keys_and_reset_walk,
        every_widget.test_every_control_says_what_it_is,
        every_widget.test_strip_has_alt_text_and_leaves_the_widget_alone,
    ],
)
def test_it_does_what_every_widget_must(check: Callable) -> None:
    check(long_walk)


def test_errors_are_shown_and_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    every_widget.test_errors_are_shown_and_raised(long_walk, monkeypatch)


@every_model
def test_every_state_is_drawn_and_told(name: str) -> None:
    widget = widget_of(name)
    for index in range(4):
        find(widget, "draw").value = index
        assert (widget.state.index, widget.last) == (index, widget.state.passes)
        for step in range(widget.last + 1):
            widget.step = step
            frame = widget.frame(step)
            assert widget.controls.error == "" and widget.controls.drawn == step
            told = f"Pass {step}: {frame.known} of 16 pixels settled; naive sampling would have drawn {step}."
            assert (told if step else "Before pass 1") in words(widget)
            assert (
                repr(widget) == f"FixedPointSampler(1 x 4 x 4, draw {index + 1} of 4, pass {step})"
            )


def test_another_draw_keeps_the_step_as_far_as_there_are_passes() -> None:
    widget = widget_of()
    passes = [(widget.choose(index), widget.last)[1] for index in range(4)]
    few, many = int(np.argmin(passes)), int(np.argmax(passes))
    assert passes[few] < passes[many]
    widget.choose(many)
    widget.step = widget.last
    widget.choose(few)
    assert (widget.step, widget.last) == (passes[few], passes[few])
    assert widget.controls.drawn == widget.step and "16 of 16" in words(widget)
    widget.choose(many)
    assert (widget.step, widget.last) == (passes[few], passes[many])
    press(widget.controls, {"action": "reset"})
    assert (widget.step, widget.state.index, find(widget, "draw").value) == (0, 0, 0)
    assert widget.last == passes[0]
    with pytest.raises(ValueError, match="draws are 0 to 3, got 4"):
        widget.choose(4)
    assert widget.state.index == find(widget, "draw").value == 0


def test_a_single_draw_needs_no_list_and_a_short_walk_has_a_strip() -> None:
    widget = FixedPointSampler(ar.IndependentBernoulli(SHAPE), draws=1)
    assert len(widget.children) == 2 and widget.strip_steps() == [0, 1, 2]
    assert "before pass 1: Before pass 1: a first guess" in widget.strip().alt


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": nn.Linear(2, 2)}, TypeError, "model must be an AutoregressiveModel, got Linear"),
        ({"model": ar.FVSBN((16,))}, ValueError, r"one channel, \(1, H, W\) .* shape \(16,\)"),
        (
            {"model": ar.FVSBN(SHAPE, conditional=ar.GaussianMixture(2))},
            ValueError,
            "model must be of levels",
        ),
        ({"noise": [0.5]}, TypeError, "noise must be a tensor"),
        ({"noise": torch.rand(2, 1, 3, 3)}, ValueError, r"noise must be floats of shape \(2, 1, 4"),
        ({"noise": torch.ones(1, *SHAPE)}, ValueError, "strictly between 0 and 1"),
        ({"noise": torch.rand(9, *SHAPE)}, ValueError, "at most 8 draws can be shown, got 9"),
        ({"noise": torch.rand(0, *SHAPE)}, ValueError, "at least one|for at least one draw"),
        ({"draws": 0}, ValueError, "draws must be a positive int, got 0"),
        ({"draws": 9}, ValueError, "at most 8 draws can be shown, got 9"),
        ({"seed": -1}, ValueError, "seed must be an int from 0"),
        ({"guess": torch.zeros(2, *SHAPE)}, ValueError, "guess must hold 4"),
        ({"start": 17}, ValueError, "steps are 0 to"),
    ],
)
def test_bad_arguments_are_refused(
    change: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        FixedPointSampler(**{"model": ar.FVSBN(SHAPE), **change})
