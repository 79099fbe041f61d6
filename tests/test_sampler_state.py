"""The sampler's state, and the pictures and words made of it: no widget, no browser."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from samplers import MODELS, randomised, sampled, state_of
from torch import nn

import armodels_lite as ar
from armodels_lite import plots
from armodels_lite.widgets import SamplerState
from armodels_lite.widgets.sampler_view import Look, chart, image_pixels, mean_pixels, sentence

# -- state -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_stepping_to_the_end_is_sampling(name: str) -> None:
    state = state_of(name)
    for step in range(state.total + 1):
        state.go(step)
    assert torch.equal(state.x, sampled(state))
    assert torch.equal(torch.tensor(state.frame().values).view_as(state.x), state.x.double())
    expected = state.model.log_prob(state.x, state.context).item()
    assert state.frame().log_prob == pytest.approx(expected, abs=1e-9)
    seeded = state.model.sample(
        1, context=state.context, generator=torch.Generator().manual_seed(3)
    )
    assert torch.equal(state.x, seeded)


@pytest.mark.parametrize("name", MODELS)
def test_back_and_forward_are_exact(name: str) -> None:
    state = state_of(name)
    forward = [state.go(step) for step in range(state.total + 1)]
    for step in [*reversed(range(state.total + 1)), 5, 1, state.total, 0]:
        again = state.go(step)
        for field in ("values", "known", "means", "foreseen", "painted"):
            assert np.array_equal(getattr(again, field), getattr(forward[step], field))
        assert again.current == forward[step].current


def test_a_jump_shows_what_steps_show() -> None:
    walked, jumped = state_of("binary"), state_of("binary")
    for step in range(8):
        walked.go(step)
    assert np.array_equal(walked.frame().means, jumped.go(7).means)


@pytest.mark.parametrize("name", MODELS)
def test_frames_show_the_conditionals(name: str) -> None:
    """The means are those of one pass over the finished image, as far as the drawing has come."""
    state = state_of(name)
    means = state.model(sampled(state), state.context).mean.detach().numpy().reshape(-1)
    frame = state.go(7)
    order = state.model.ordering.numpy()
    assert set(np.flatnonzero(frame.foreseen)) == set(order[:8])
    assert set(np.flatnonzero(frame.known)) == set(order[:7])
    assert frame.means.reshape(-1)[order[:8]] == pytest.approx(means[order[:8]], abs=1e-9)
    assert frame.current.position == order[7] and frame.current.t == 7
    end = state.go(state.total)
    assert end.current is None and end.known.all() and end.foreseen.all()


@pytest.mark.parametrize("name", MODELS)
def test_paint_is_completion(name: str) -> None:
    """Whenever a pixel is painted, before or after it is drawn, the image is the completion that `sample` gives."""
    state = state_of(name)
    channels = state.shape[0]
    levels = state.model.levels
    values = [[1.0], [0.0]] if levels is None else [[levels - 1] * channels, [0] * channels]
    plain = sampled(state)
    state.go(9)
    for pixel, value in ((1, values[0]), (10, values[1])):
        state.paint(pixel, value)
    observed, mask = state.completion()
    assert int(mask.sum()) == 2 * channels
    assert_same(state, sampled(state, observed=observed, mask=mask))
    frame = state.frame()
    assert [frame.values.reshape(channels, -1)[c, 1] for c in range(channels)] == values[0]
    assert set(np.flatnonzero(frame.painted.any(0))) == {1, 10}
    state.erase(1)
    state.clear()
    assert_same(state, plain)


def assert_same(state: SamplerState, x: torch.Tensor) -> None:
    """The same levels; for continuous variables the same to rounding, since a rewind adds in another order."""
    if state.model.levels is None:
        torch.testing.assert_close(state.x, x, rtol=1e-10, atol=1e-10)
    else:
        assert torch.equal(state.x, x)


def test_what_comes_before_a_painted_pixel_stays() -> None:
    state = state_of("random order")
    before = state.go(state.total)
    step = 11
    pixel = int(state.model.ordering[step])
    state.paint(pixel, 1 - before.values.flat[pixel])
    after = state.frame()
    earlier = state.model.ordering[:step].numpy()
    assert np.array_equal(after.values.flat[earlier], before.values.flat[earlier])
    assert np.array_equal(after.means.flat[earlier], before.means.flat[earlier])
    assert after.means.flat[pixel] == pytest.approx(before.means.flat[pixel], abs=1e-12)
    later = state.model.ordering[step + 1 :].numpy()
    assert not np.allclose(after.means.flat[later], before.means.flat[later])


def test_noise_class_and_temperature_change_the_image() -> None:
    state = state_of("classes")
    state.go(state.total)
    state.renew(8)
    assert torch.equal(
        state.x,
        state.model.sample(1, context=state.context, generator=torch.Generator().manual_seed(8)),
    )
    state.set_context(0)
    assert torch.equal(state.x, sampled(state)) and int(state.context) == 0
    state.set_temperature(0.5)
    assert torch.equal(state.x, sampled(state, temperature=0.5))
    assert state.frame().log_prob == pytest.approx(
        state.model.log_prob(state.x, state.context).item(), abs=1e-9
    )
    assert state.step == state.total


def test_a_model_trained_on_is_seen_after_restart() -> None:
    state = state_of("binary")
    state.go(state.total)
    with torch.no_grad():
        state.model.linear.bias.add_(1.0)
    state.restart()
    assert torch.equal(state.x, sampled(state))


def test_sampling_leaves_the_training_mode() -> None:
    state = state_of("binary")
    state.model.train()
    state.go(5)
    assert state.model.training and torch.is_grad_enabled()


def test_vector_models_are_shown_as_images() -> None:
    model = randomised(ar.MADE((20,), hidden=(8,)))
    state = SamplerState(
        model, image_shape=(4, 5), noise=torch.full((20,), 0.3, dtype=torch.float64)
    )
    assert state.shape == (1, 4, 5) and state.seed is None
    assert torch.equal(state.x, sampled(state))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: SamplerState(nn.Linear(2, 2)), TypeError, "AutoregressiveModel"),
        (lambda: SamplerState(ar.FVSBN((20,))), ValueError, "image_shape"),
        (lambda: SamplerState(ar.FVSBN((2, 3, 3))), ValueError, "image_shape"),
        (lambda: SamplerState(ar.FVSBN((20,)), image_shape=(3, 3)), ValueError, "20 variables"),
        (
            lambda: SamplerState(ar.FVSBN((1, 2, 2)), noise=torch.ones(1, 1, 2, 2)),
            ValueError,
            "between 0 and 1",
        ),
        (lambda: SamplerState(ar.FVSBN((1, 2, 2)), noise=torch.rand(4)), ValueError, "noise"),
        (lambda: SamplerState(ar.FVSBN((1, 2, 2)), context=1), ValueError, "not conditional"),
        (lambda: SamplerState(ar.FVSBN((1, 2, 2), num_classes=3), context=3), ValueError, "0 to 2"),
        (lambda: SamplerState(ar.FVSBN((1, 2, 2)), temperature=0), ValueError, "positive"),
        (lambda: state_of("binary").go(21), ValueError, "0 to 20"),
        (lambda: state_of("binary").paint(20, 1), ValueError, "0 to 19"),
        (lambda: state_of("binary").paint(0, 0.5), ValueError, "0.5"),
        (lambda: state_of("grey levels").paint(0, 7), ValueError, "levels 0 to 6"),
        (lambda: state_of("grey levels").paint(0, 1.5), ValueError, "whole levels"),
        (lambda: state_of("rgb").paint(0, 1), ValueError, "3 channels"),
        (lambda: state_of("binary").set_temperature(-1), ValueError, "positive"),
        (lambda: state_of("classes").set_context(5), ValueError, "0 to 2"),
    ],
)
def test_bad_input_is_refused(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("seed", [-1, 2**64, 1.0, True, None, "3"], ids=repr)
def test_seeds_that_do_not_exist(seed: object) -> None:
    state = state_of("binary")
    before = state.x
    for ask in (lambda: SamplerState(state.model, seed=seed), lambda: state.renew(seed)):
        with pytest.raises(ValueError, match=r"seed must be an int from 0 to 2\^64 - 1, got"):
            ask()
    assert state.seed == 3 and torch.equal(state.x, before)
    state.renew(2**64 - 1)


def test_a_model_that_gives_nan_is_named() -> None:
    model = ar.FVSBN((1, 2, 2))
    with torch.no_grad():
        model.linear.bias.fill_(torch.nan)
    with pytest.raises(ValueError, match="step 0: the model's parameters give no finite value"):
        SamplerState(model).go(1)


# -- views: pure functions of the state --------------------------------------------------------------------------


def test_pixels_are_white_black_or_see_through() -> None:
    state = state_of("binary")
    look, frame = Look(state.model), state.go(8)
    pixels = image_pixels(frame, look).reshape(-1, 4)
    assert (pixels[:8, 3] == 255).all() and (pixels[8:, 3] == 0).all()
    ink = plots.colour_table("ink")
    for pixel, value in zip(pixels[:8], frame.values.flat, strict=False):
        assert np.array_equal(pixel[:3], ink[255 if value else 0])
    heat = mean_pixels(frame, look).reshape(-1, 4)
    assert (heat[:9, 3] == 255).all() and (heat[9:, 3] == 0).all()
    expected = plots.colour_table("probability")[round(255 * frame.means.flat[8])]
    assert np.array_equal(heat[8, :3], expected)


def test_rgb_pixels_show_the_channels_drawn() -> None:
    state = state_of("rgb")
    frame = state.go(4)  # one whole pixel, and the red of the next
    pixels = image_pixels(frame, Look(state.model)).reshape(-1, 4)
    assert list(pixels[:, 3] > 0) == [True, True] + [False] * 10
    assert list(pixels[0, :3]) == [round(255 * frame.values[c].flat[0] / 15) for c in range(3)]
    assert list(pixels[1, 1:3]) == [0, 0]


def test_sentence_of_a_binary_pixel() -> None:
    model = ar.FVSBN((1, 8, 8))
    with torch.no_grad():
        model.linear.bias.fill_(-0.5)  # p = 0.378
    noise = torch.full((1, 1, 8, 8), 0.25)
    noise[0, 0, 1, 5] = 0.62
    state, look = SamplerState(model, noise=noise), Look(model)
    assert sentence(state.go(12), look, 64) == (
        "Step 12 of 64: row 1, column 4. p = 0.378, u = 0.250 < p, so the pixel becomes 1."
    )
    assert sentence(state.go(13), look, 64).endswith(
        "p = 0.378, u = 0.620 ≥ p, so the pixel becomes 0."
    )
    state.paint(12, 0)
    assert sentence(state.go(12), look, 64).endswith(
        "u = 0.250 < p, so the draw would be 1; but the pixel is painted, so it becomes 0."
    )
    assert sentence(state.go(64), look, 64).startswith("All 64 variables are drawn: log p(x) = ")


def test_sentence_shows_enough_digits() -> None:
    model = ar.FVSBN((1, 2, 2)).double()
    noise = torch.full((1, 1, 2, 2), 0.49996, dtype=torch.float64)
    state = SamplerState(model, noise=noise)
    assert "p = 0.50000, u = 0.49996 < p" in sentence(state.go(0), Look(model), 4)


def test_sentence_of_levels_and_of_continuous_pixels() -> None:
    model = ar.FVSBN((1, 2, 2), conditional=ar.Categorical(4))
    state = SamplerState(model, noise=torch.tensor([0.3, 0.1, 0.9, 0.5]).view(1, 1, 2, 2))
    look = Look(model)
    assert "p(1) = 0.250, cdf(0) = 0.250 ≤ u = 0.300 < cdf(1) = 0.500" in sentence(
        state.go(0), look, 4
    )
    assert "p(0) = 0.250, u = 0.100 < cdf(0) = 0.250, so the pixel becomes 0." in sentence(
        state.go(1), look, 4
    )
    model = ar.FVSBN((1, 2, 2), conditional=ar.GaussianMixture(1))
    state = SamplerState(model, noise=torch.full((1, 1, 2, 2), 0.5))
    assert "u = 0.500 is the cdf at 0.000, so the pixel becomes 0.000." in sentence(
        state.go(0), Look(model), 4
    )


@pytest.mark.parametrize("name", MODELS)
def test_chart_is_well_formed_at_every_step(name: str) -> None:
    from xml.etree import ElementTree

    state = state_of(name)
    look = Look(state.model)
    for step in range(state.total):
        svg = ElementTree.fromstring(chart(state.go(step), look))
        assert svg.get("aria-label")
        places = [
            float(item.get(key))
            for item in svg.iter()
            for key in ("x", "x1", "x2")
            if item.get(key)
        ]
        assert all(0 <= place <= 270 for place in places), "nothing is drawn outside the chart"
        texts = svg.findall(".//{*}text")
        assert texts
        for text in texts:  # nor a centred text, at 9 pixels a character
            half = 4.5 * len(text.text) if text.get("text-anchor") == "middle" else 0
            assert half <= float(text.get("x")) <= 270 - half
        assert "nan" not in chart(state.go(step), look)
    assert chart(state.go(state.total), look) == ""


def test_interval_chart_puts_u_inside_the_share_of_its_value() -> None:
    from xml.etree import ElementTree

    state = state_of("binary")
    for step in range(state.total):
        frame = state.go(step)
        svg = ElementTree.fromstring(chart(frame, Look(state.model)))
        share = next(item for item in svg if item.get("fill") == "#56B4E9")
        tick = next(item for item in svg if item.get("stroke-width") == "3")
        inside = float(tick.get("x1")) < float(share.get("x")) + float(share.get("width"))
        assert inside == bool(frame.current.drawn)


def test_noise_that_does_not_fit_is_refused() -> None:
    model = ar.FVSBN((1, 4, 4))
    for noise in (torch.rand(3, 3), torch.rand(2, 1, 4, 4)):
        with pytest.raises(
            ValueError, match=r"noise for one event has shape \(1, 1, 4, 4\) or \(1, 4, 4\), got"
        ):
            SamplerState(model, noise=noise)
    with pytest.raises(TypeError, match="must be a torch.Tensor, got list"):
        SamplerState(model, noise=[0.5] * 16)


def test_a_context_that_does_not_fit_is_called_a_context() -> None:
    model = ar.MADE((1, 4, 4), hidden=(8,), context_shape=(3,))
    with pytest.raises(
        ValueError, match=r"context for one event has shape \(1, 3\) or \(3,\), got"
    ):
        SamplerState(model, context=torch.rand(4))
