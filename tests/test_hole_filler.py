"""Filling a hole: both ways against `model.sample`, the presets, the brush, every control, words and colours.

What is refused: `test_hole_filler_errors.py`.
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

import armodels_lite as ar
from armodels_lite.orderings import hole_last
from armodels_lite.widgets import HoleFiller
from armodels_lite.widgets.hole_state import HOLES, PAINTED, HoleState, preset_hole
from armodels_lite.widgets.hole_view import HOLE_INK, MISSING, original_pixels

SHAPE = (1, 6, 5)
MODELS: dict[str, Callable[[], ar.AutoregressiveModel]] = {
    "fvsbn": lambda: ar.FVSBN(SHAPE),
    "spiral": lambda: ar.NADE(SHAPE, hidden=6, ordering="spiral"),
    "random": lambda: ar.MADE(SHAPE, hidden=(30,), ordering="random(1)"),
    "pixelcnn": lambda: ar.PixelCNN(SHAPE, channels=6, layers=2, kernel_size=3),
    "transformer": lambda: ar.Transformer(SHAPE, width=8, layers=1, heads=2),
}


def images(count: int = 3, shape: tuple[int, int, int] = SHAPE) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return (torch.rand(count, *shape, generator=generator) < 0.4).float()


def any_order() -> ar.AutoregressiveModel:
    return randomised(ar.NADE(SHAPE, hidden=7, order_agnostic=True).double(), 0.7, seed=1)


def state_of(name: str = "fvsbn", **options: object) -> HoleState:
    model = randomised(MODELS[name]().double(), 0.7)
    return HoleState(model, images(), any_order(), **{"seed": 3, **options})


def filler(**options: object) -> HoleFiller:
    model = randomised(ar.FVSBN(SHAPE).double(), 0.7)
    return HoleFiller(model, images(), any_order(), **{"seed": 3, **options})


def completed(model: ar.AutoregressiveModel, state: HoleState) -> np.ndarray:
    """The image with its hole filled by the model, as `sample` does it."""
    observed = state.images[state.index].unsqueeze(0).double()
    mask = torch.from_numpy(~state.hole).view(1, *SHAPE)
    generator = torch.Generator().manual_seed(state.seed)
    return model.sample(1, observed=observed, mask=mask, generator=generator)[0, 0].numpy()


def last_model(state: HoleState) -> ar.AutoregressiveModel:
    return state.any_order.with_ordering(hole_last(torch.from_numpy(~state.hole)[None]))


# -- numbers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hole", HOLES)
@pytest.mark.parametrize("name", MODELS)
def test_the_end_is_what_sample_draws(name: str, hole: str) -> None:
    state = state_of(name, hole=hole)
    for index in range(3):
        state.set_image(index)
        own, last = state.frame(state.total).ways
        assert np.array_equal(own.values, completed(state.model, state))
        assert np.array_equal(last.values, completed(last_model(state), state))
        assert own.name == ("its own order" if name in ("spiral", "random") else "raster order")


@pytest.mark.parametrize("name", MODELS)
def test_p_are_the_conditionals_given_what_stands_there(name: str) -> None:
    """Those of one pass over the finished image, in whatever order the steps are looked at."""
    state = state_of(name)
    walked = [state.frame(step) for step in range(state.total + 1)]
    end = walked[-1]
    for k, model in enumerate((state.model, last_model(state))):
        with torch.no_grad():
            x = torch.from_numpy(end.ways[k].values).view(1, *SHAPE)
            p = model(x).mean[0, 0].numpy()
        assert end.ways[k].probs[state.hole] == pytest.approx(p[state.hole], abs=1e-9)
        for frame in walked[:-1]:
            way = frame.ways[k]
            assert way.probs.flat[way.current.position] == way.current.mean
            assert int(way.drawn.sum()) == frame.step
            rank = model.rank.numpy().reshape(SHAPE[1:])
            before = rank < model.rank[way.current.position].item()
            assert np.array_equal(way.seen, before & ~state.hole)
            assert np.array_equal(way.drawn, before & state.hole)
            assert np.array_equal(way.wrong, way.drawn & (way.values != state.image))
    state.restart()
    for step in (5, 0, state.total, 2):
        again = state.frame(step)
        for way, before in zip(again.ways, walked[step].ways, strict=True):
            assert np.array_equal(way.values, before.values)
            assert way.probs == pytest.approx(before.probs, abs=1e-12)


def test_with_the_hole_last_every_known_pixel_is_seen() -> None:
    for step in range(state_of().total + 1):
        frame = state_of().frame(step)
        assert np.array_equal(frame.ways[1].seen, ~frame.hole)
        assert frame.ways[0].seen.sum() < frame.known


@pytest.mark.parametrize("name", MODELS)
def test_nats_are_sums_of_conditionals_of_the_true_pixels(name: str) -> None:
    """Variable by variable by the reference decoder, which sees true values and nothing else."""
    state = state_of(name)
    x = state.images[0].double().flatten()
    for way, model in zip(
        state.frame(state.total).ways, (state.model, last_model(state)), strict=True
    ):
        decoder, total = model.decoder(1, cache=False), 0.0
        for position in model.ordering.tolist():
            value = x[position].view(1)
            if state.hole.flat[position]:
                total -= decoder.distribution().log_prob(value).item()
            decoder.observe(value)
        assert way.nats == pytest.approx(total, abs=1e-9)


def test_nats_with_the_hole_last_are_those_of_the_hole_given_the_rest() -> None:
    """-log p(hole | known) = log p(known) - log p(x), and p(known) is a sum over all fillings of a small hole."""
    state = state_of()
    state.set_hole(PAINTED)
    pixels = [7, 8, 13, 22]
    for pixel in pixels:
        state.paint(pixel, True)
    last = state.frame(state.total).ways[1]
    every = state.images[:1].double().repeat(16, 1, 1, 1)
    every.flatten(1)[:, pixels] = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 4).double()
    model = last_model(state)
    with torch.no_grad():
        known = model.log_prob(every).logsumexp(0)
        x = model.log_prob(state.images[:1].double())
    assert last.nats == pytest.approx((known - x).item(), abs=1e-9)


def test_both_ways_draw_with_the_same_noise() -> None:
    state = state_of("random")
    noise = state.noise.flatten()
    for step in range(state.total):
        for way in state.frame(step).ways:
            assert way.current.u == noise[way.current.position].item()
    before = state.frame(state.total).ways[0].values
    state.renew(4)
    after = state.frame(state.total).ways[0].values
    assert np.array_equal(after, completed(state.model, state))
    assert not np.array_equal(before, after)


def test_a_model_trained_on_is_seen_after_restart() -> None:
    state = state_of()
    before = state.frame(0).ways[0].current.mean
    with torch.no_grad():
        state.model.linear.bias.add_(1.0)
    state.restart()
    assert state.frame(0).ways[0].current.mean > before
    assert np.array_equal(state.frame(state.total).ways[0].values, completed(state.model, state))


# -- holes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(8, 8), (28, 28), (6, 5), (5, 7), (4, 4)])
def test_presets(height: int, width: int) -> None:
    square, upper, lower, second = (preset_hole(name, height, width) for name in HOLES)
    rows, columns = (np.flatnonzero(square.any(axis)) for axis in (1, 0))
    assert square[np.ix_(rows, columns)].all() and square.sum() == len(rows) * len(columns)
    assert np.array_equal(square, square[::-1, ::-1]), "in the middle"
    assert not square[0].any() and not square[:, 0].any()
    assert upper.sum() == height // 2 * width and upper[: height // 2].all()
    assert np.array_equal(lower, ~upper)
    assert second.sum() == height * width // 2
    assert (second[1:] != second[:-1]).all() and (second[:, 1:] != second[:, :-1]).all()
    assert preset_hole("a square in the middle", 8, 8).sum() == 16


def test_clicks_drags_and_shift_paint_the_hole() -> None:
    widget = filler(start=2)
    kind, first = find(widget, "hole"), widget.state.hole
    outside = int(np.flatnonzero(~first)[0])

    def send(pixel: int, action: str) -> None:
        press(widget.grid, {"pixel": pixel, "action": action})

    send(outside, "flip")
    assert kind.value == PAINTED and widget.step == 0
    assert set(np.flatnonzero(widget.state.hole)) == {*np.flatnonzero(first), outside}
    assert widget.last == first.sum() + 1 and "Step 0 of 13: row 0, column 0," in words(widget)
    for pixel in (1, 2, 2):
        send(pixel, "same")  # dragging on into the hole
    assert widget.state.hole.flat[[1, 2]].all()
    send(2, "flip")
    send(1, "same")  # a stroke that began in the hole takes out
    assert not widget.state.hole.flat[[1, 2]].any()
    send(outside, "erase")
    send(29, "erase")  # no hole there: nothing happens
    assert np.array_equal(widget.state.hole, first)
    assert (
        np.frombuffer(widget.grid.flags, np.uint8).astype(bool).tolist() == first.flatten().tolist()
    )
    own, last = widget.frame(widget.last).ways
    assert np.array_equal(own.values, completed(widget.state.model, widget.state))
    assert np.array_equal(last.values, completed(last_model(widget.state), widget.state))


def test_a_painted_hole_is_kept_beside_the_presets_and_gone_after_reset() -> None:
    widget = filler()
    kind = find(widget, "hole")
    kind.value = PAINTED
    assert widget.last == 0 and "There is no hole. Click pixels" in words(widget)
    widget._edited(4, "flip")
    widget._edited(5, "same")
    widget.step = 1
    kind.value = "the lower half"
    assert widget.last == 15 and widget.step == 0
    kind.value = PAINTED
    assert set(np.flatnonzero(widget.state.hole)) == {4, 5} and widget.last == 2
    press(widget.controls, {"action": "reset"})
    assert kind.value == "a square in the middle" and widget.last == 12
    kind.value = PAINTED
    assert widget.last == 0 and not widget.state.hole.any()


def test_everything_missing_is_sampling() -> None:
    state = state_of()
    for pixel in range(30):
        state.paint(pixel, True)
    own, last = state.frame(30).ways
    generator = torch.Generator().manual_seed(3)
    assert np.array_equal(own.values, state.model.sample(1, generator=generator)[0, 0].numpy())
    assert not own.seen.any() and own.nats == pytest.approx(
        -state.model.log_prob(state.images[:1].double()).item(), abs=1e-9
    )
    assert np.array_equal(last.values, completed(state.any_order, state)), "raster is its own order"


# -- the widget ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hole", [*HOLES, PAINTED])
@pytest.mark.parametrize("two", [True, False])
def test_every_state_draws(hole: str, two: bool) -> None:
    widget = HoleFiller(randomised(ar.FVSBN(SHAPE)), images(), any_order().float() if two else None)
    widget.choose(hole=hole)
    for step in range(widget.last + 1):
        widget.step = step
        assert len(pictures(widget)) == 1 + two and widget.controls.error == ""
        for picture in pictures(widget):
            ElementTree.fromstring(picture)
        assert widget.grid.mark == (
            widget.state.fillings[0].positions[step] if step < widget.last else -1
        )
    assert "nan" not in words(widget)


def test_words_of_a_step_and_of_the_end() -> None:
    model = ar.FVSBN((1, 4, 4))  # all weights 0: every p is a half
    x = torch.zeros(1, 1, 4, 4)
    x[0, 0, 1, 1] = 1
    widget = HoleFiller(model, x, model)
    u = widget.state.noise.flatten()
    first, later = widget.frame(0), widget.frame(1)
    drawn = int(u[5] < 0.5)
    assert widget.sentences(first)[0] == (
        f"Step 0 of 4: row 1, column 1, which is 1 in the original. In raster order p = 0.500, u = {u[5]:.3f} "
        f"{'<' if drawn else '≥'} p, so {drawn} is drawn: {'right' if drawn else 'wrong'}. With the hole last "
        f"p = 0.500, u = {u[5]:.3f} {'<' if drawn else '≥'} p, so {drawn} is drawn: {'right' if drawn else 'wrong'}."
    )
    assert widget.sentences(later)[1] == (
        "In raster order the model has seen 5 of 12 known pixels so far: 7 come later in its order and are hidden "
        f"from it. With the hole last the model sees all 12 known pixels. Wrong so far: {1 - drawn} of 1 in raster "
        f"order, {1 - drawn} of 1 with the hole last."
    )
    wrong = int((u[[5, 6, 9, 10]] < 0.5).ne(torch.tensor([1, 0, 0, 0])).sum())
    end = widget.sentences(widget.frame(4))
    assert end[0] == (
        f"All 4 pixels of the hole are drawn. Wrong: {wrong} of 4 in raster order, {wrong} of 4 with the hole last."
    )
    assert "= 2.77 nats in raster order, 2.77 nats with the hole last. Caution:" in end[2]
    assert "this is no −log p(hole | all known pixels). With the hole last it is one." in end[2]
    assert "different weights" not in end[2], "it is one model"


def test_words_where_the_ways_come_to_different_pixels() -> None:
    model = ar.FVSBN((1, 4, 4), ordering="reverse")
    said = words(HoleFiller(model, torch.zeros(1, 1, 4, 4), ar.FVSBN((1, 4, 4))))
    assert "In the model's own order row 2, column 2, which is 0 in the original: p = " in said
    assert "With the hole last row 1, column 1, which is 0 in the original: p = " in said


def painted(*pixels: int) -> HoleFiller:
    """A hole of these pixels of 4 x 4."""
    model = ar.FVSBN((1, 4, 4))
    widget = HoleFiller(model, images(1, (1, 4, 4)), model)
    widget.choose(hole=PAINTED)
    for pixel in pixels:
        widget.state.paint(pixel, True)
    return widget


def test_what_the_last_pixel_of_the_hole_sees_is_not_what_all_see() -> None:
    """The first pixel of the image sees nothing, the last all others: that costs no -log p(hole | known)."""
    _, seen, score, _ = (widget := painted(0, 15)).sentences(widget.frame(2))
    assert seen == (
        "In raster order the model saw all 14 known pixels only at the last of the hole, 0 of them at the first. "
        "With the hole last the model sees all 14 known pixels."
    )
    assert "Caution: in raster order each pixel is scored given what comes before it alone" in score
    assert widget.sentences(widget.frame(1))[1].startswith("In raster order the model sees all 14")
    _, seen, score, _ = (widget := painted(15)).sentences(widget.frame(1))
    assert seen.startswith("In raster order the model sees all 15 known pixels. With")
    assert "Caution" not in score


def test_words_where_nothing_is_known_and_where_nothing_is_missing() -> None:
    widget = painted(*range(16))
    for step in (0, 16):
        assert widget.sentences(widget.frame(step))[1] == "Nothing is known: this is sampling."
    assert "known pixels" not in widget.strip().alt and "this is sampling" in widget.strip().alt
    middle = widget.sentences(widget.frame(8))[1]
    assert middle.startswith("Nothing is known: this is sampling. Wrong so far: ")
    alt = painted().strip().alt
    assert "Nothing is missing." in alt and "Click" not in alt


def test_no_caution_where_everything_known_comes_first() -> None:
    widget = filler(hole="the lower half")
    end = widget.sentences(widget.frame(widget.last))[2]
    assert "Caution" not in end and end.endswith("The two ways also have different weights.")


def test_an_ordering_that_was_not_learnt_is_told() -> None:
    model = ar.FVSBN(SHAPE)
    few, every = (
        ar.MADE(SHAPE, hidden=(8,), masks=3),
        ar.MADE(SHAPE, hidden=(8,), order_agnostic=True),
    )
    assert "was not trained for" in words(HoleFiller(model, images(), few))
    for good in (every, any_order().float()):
        assert "was not trained for" not in words(HoleFiller(model, images(), good))
    lower = HoleFiller(model, images(), few, hole="the lower half")  # hole last is raster there
    assert "was not trained for" not in words(lower)


def test_dropdowns_button_and_reset() -> None:
    widget = filler(start=3)
    start = pictures(widget)
    find(widget, "image").value = 2
    assert widget.step == 3 and widget.state.index == 2
    assert np.array_equal(widget.state.image, images()[2, 0].numpy())
    find(widget, "Another draw").click()
    assert widget.state.seed == 4 and "noise of seed 4" in words(widget)
    find(widget, "hole").value = "the upper half"
    assert (widget.step, widget.last) == (0, 15)
    assert widget.controls.interval == 400
    press(widget.controls, {"action": "reset"})
    assert (widget.step, widget.last, widget.state.seed) == (0, 12, 3)
    assert find(widget, "image").value == 0
    widget.step = 3
    assert pictures(widget) == start
    assert repr(widget) == "HoleFiller(1 x 6 x 5, a square in the middle, step 3 of 12)"
    single = HoleFiller(ar.FVSBN(SHAPE), images(1))
    with pytest.raises(StopIteration):
        find(single, "image")


def test_hidden_pixels_are_struck_and_wrong_ones_crossed() -> None:
    widget = filler(start=12)
    for way, picture in zip(widget.frame(12).ways, pictures(widget), strict=True):
        root = ElementTree.fromstring(picture)
        crosses = root.findall("{*}line[@stroke='#D55E00']")
        assert len(crosses) == 2 * way.wrong.sum()
        strikes = root.findall("{*}line[@stroke='#7a7a7a']")
        cell = 192 // 5
        length = sum(float(line.get("x2")) - float(line.get("x1")) for line in strikes)
        hidden = (~widget.state.hole & ~way.seen).sum()
        assert length == pytest.approx(cell * hidden, abs=0.1 * len(strikes) + 1e-6)
    assert "p(pixel = 1) = " in pictures(filler())[0]


def test_the_original_keeps_its_pixels_in_other_colours() -> None:
    image, hole = images()[0, 0].numpy(), preset_hole("every second pixel", 6, 5)
    pixels = original_pixels(image, hole)
    assert (pixels[..., 3] == 255).all()
    for row, column in np.ndindex(image.shape):
        colour = "#" + bytes(pixels[row, column, :3].tolist()).hex()
        inside = HOLE_INK if image[row, column] else MISSING
        assert colour == (
            inside if hole[row, column] else "#111111" if image[row, column] else "#ffffff"
        )


def test_strip_frames_say_what_they_show() -> None:
    widget = filler()
    assert [widget.caption(frame) for frame in widget.strip_frames()] == [
        "the hole",
        "raster order, step 6",
        "hole last, step 6",
        "filled",
    ]
    alt = widget.strip().alt
    assert "12 of 30 pixels are missing." in alt and "The true hole costs " in alt
    assert len(HoleFiller(ar.FVSBN(SHAPE), images()).strip_frames()) == 3
