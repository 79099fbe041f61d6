"""The widgets without a browser: every control does what it says. tests/browser drives the real ones."""

from __future__ import annotations

import ipywidgets
import numpy as np
import pytest
import torch
from samplers import MODELS, sampled, state_of

import armodels_lite as ar
from armodels_lite import plots
from armodels_lite.widgets import PixelGrid, PixelSampler, Stepper
from armodels_lite.widgets.sampler_view import Look, image_pixels, mean_pixels, sentence

# -- shell -------------------------------------------------------------------------------------------------------


class Squares(Stepper):
    """A small widget that fails at one step."""

    def __init__(self, **options: object) -> None:
        self.text = ipywidgets.HTML()
        self.extra = ipywidgets.IntSlider()
        super().__init__([self.text], last=9, options=[self.extra], label="number", **options)
        self.react(self.extra, self.extra_changed)

    def draw(self, step: int) -> None:
        if step == 7:
            raise ArithmeticError("seven is not to be squared")
        self.text.value = str(step * step)

    def extra_changed(self, value: int) -> None:
        if value == 3:
            raise ValueError("three is not accepted")

    def restart(self) -> None:
        self.extra.value = 0


def press(widget: ipywidgets.Widget, content: dict[str, object]) -> None:
    """What a message from the browser does."""
    widget._handle_custom_msg(content, [])


def test_stepper_draws_each_step() -> None:
    widget = Squares(start=2)
    assert widget.text.value == "4" and widget.step == 2 and widget.controls.drawn == 2
    widget.step = 5
    assert widget.text.value == "25" and widget.controls.drawn == 5
    widget.controls.set_state({"step": 6})  # as the browser does
    assert widget.text.value == "36" and repr(widget) == "Squares(number 6 of 9)"
    widget.extra.value = 5
    press(widget.controls, {"action": "reset"})
    assert (widget.step, widget.text.value, widget.extra.value) == (0, "0", 0)


def test_errors_are_shown_raised_and_gone_at_the_next_step() -> None:
    widget = Squares(start=6)
    widget.controls.playing = True
    with pytest.raises(ArithmeticError):
        widget.step = 7
    assert widget.controls.error == "ArithmeticError: seven is not to be squared"
    assert not widget.controls.playing and widget.controls.drawn == 6
    widget.step = 8
    assert widget.controls.error == "" and widget.text.value == "64"
    with pytest.raises(ValueError, match="three"):
        widget.extra.value = 3
    assert widget.controls.error == "ValueError: three is not accepted"


@pytest.mark.parametrize("step", [-1, 10, 1.5, True])
def test_stepper_refuses_steps_that_do_not_exist(step: object) -> None:
    widget = Squares()
    with pytest.raises(ValueError, match="steps are 0 to 9"):
        widget.step = step
    with pytest.raises(ValueError, match="steps are 0 to 9"):
        Squares(start=step)


@pytest.mark.parametrize("name", ["last", "interval"])
def test_stepper_refuses_walks_without_steps_or_time(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be an int of at least 1, got 0"):
        Stepper([], **{"last": 3, name: 0})


@pytest.mark.parametrize("name", ["rows", "columns", "size"])
def test_grid_refuses_pictures_without_pixels(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be an int of at least 1, got -2"):
        PixelGrid(**{"rows": 2, "columns": 3, name: -2})


def test_grid_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3, 4\)"):
        PixelGrid(2, 3).show(np.zeros((3, 2, 4), dtype=np.uint8))
    with pytest.raises(ValueError, match="uint8"):
        PixelGrid(2, 3).show(np.zeros((2, 3, 4)))


# -- the sampler widget ------------------------------------------------------------------------------------------


def sampler_of(name: str = "binary", **options: object) -> PixelSampler:
    state = state_of(name)
    return PixelSampler(state.model, seed=3, context=state.context, **options)


def descendants(widget: ipywidgets.Widget) -> list[ipywidgets.Widget]:
    return [
        widget,
        *(found for child in getattr(widget, "children", ()) for found in descendants(child)),
    ]


def find(widget: ipywidgets.Widget, description: str) -> ipywidgets.Widget:
    return next(w for w in descendants(widget) if getattr(w, "description", None) == description)


@pytest.mark.parametrize("name", ["size", "interval"])
@pytest.mark.parametrize("value", [0, -20, 1.5, "200", True], ids=repr)
def test_sizes_and_intervals_are_positive(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{name} must be an int of at least 1, got"):
        sampler_of(**{name: value})
    sampler = sampler_of(size=100, interval=1)
    assert sampler.image.size == sampler.heat.size == 100 and sampler.controls.interval == 1
    assert sampler_of().controls.interval == 200


def test_sampler_refuses_seeds_that_do_not_exist() -> None:
    with pytest.raises(ValueError, match=r"seed must be an int .* got -1"):
        PixelSampler(ar.FVSBN((1, 2, 2)), seed=-1)


@pytest.mark.parametrize("name", MODELS)
def test_sampler_shows_every_step(name: str) -> None:
    sampler = sampler_of(name)
    look = Look(sampler.state.model)
    for step in range(sampler.last + 1):
        sampler.step = step
        frame = sampler.state.frame(step)
        assert sampler.image.frame == image_pixels(frame, look).tobytes()
        assert sampler.heat.frame == mean_pixels(frame, look).tobytes()
    assert "All" in sampler._words.value and sampler.image.mark == -1
    assert not any(isinstance(widget, ipywidgets.Output) for widget in descendants(sampler))


def test_sampler_repr_is_the_same_in_every_run() -> None:
    sampler = sampler_of(start_step=4)
    assert repr(sampler) == "PixelSampler(1 x 4 x 5, step 4 of 20)"
    assert sampler._repr_mimebundle_()["text/plain"] == repr(sampler)


def test_words_reach_the_page_as_they_are_meant() -> None:
    from html.parser import HTMLParser

    class Texts(HTMLParser):
        text = ""

        def handle_data(self, data: str) -> None:
            self.text += data

    sampler = sampler_of(start_step=2)
    page = Texts()
    page.feed(sampler._words.value)
    words = sentence(sampler.state.frame(), sampler.look, 20)
    assert page.text.replace("\N{NO-BREAK SPACE}", " ").startswith(words)


def test_clicks_paint_and_shift_clicks_undo() -> None:
    sampler = sampler_of(start_step=10)
    before = sampler.image.frame
    value = sampler.state.frame().values.flat[2]
    press(sampler.image, {"pixel": 2, "action": "flip"})
    assert sampler.state.frame().values.flat[2] == 1 - value
    assert (
        sampler.image.frame != before and sampler.image.flags[2] == 1 and sampler.image.edited == 1
    )
    observed, mask = sampler.state.completion()
    assert torch.equal(sampler.state.x, sampled(sampler.state, observed=observed, mask=mask))
    press(sampler.image, {"pixel": 2, "action": "erase"})
    assert sampler.image.frame == before and not any(sampler.image.flags)


def test_dragging_paints_what_the_first_pixel_got() -> None:
    sampler = sampler_of(start_step=20)
    value = 1 - sampler.state.frame().values.flat[0]
    press(sampler.image, {"pixel": 0, "action": "flip"})
    for pixel in (1, 2, 3):
        press(sampler.image, {"pixel": pixel, "action": "same"})
    assert list(sampler.state.frame().values.flat[:4]) == [value] * 4


def test_brushes_paint_levels_and_colours() -> None:
    grey = sampler_of("grey levels")
    find(grey, "paint with").value = 4
    press(grey.image, {"pixel": 3, "action": "flip"})
    assert grey.state.frame().values.flat[3] == 4
    rgb = sampler_of("rgb")
    find(rgb, "paint with").value = "#ff0088"
    press(rgb.image, {"pixel": 3, "action": "flip"})
    assert list(rgb.state.frame().values[:, 0, 3]) == [15, 0, 8]
    gaussian = sampler_of("gaussian", value_range=(-2, 2))
    find(gaussian, "paint with").value = -1.5
    press(gaussian.image, {"pixel": 3, "action": "flip"})
    assert gaussian.state.frame().values.flat[3] == -1.5


def test_options_change_the_image_and_reset_takes_paint_back() -> None:
    sampler = sampler_of("classes", start_step=20, class_names=["a", "b", "c"])
    frames = [sampler.image.frame]
    find(sampler, "New noise").click()
    frames.append(sampler.image.frame)
    assert sampler.state.seed == 4 and "seed 4" in sampler._words.value
    find(sampler, "class").value = 0
    frames.append(sampler.image.frame)
    find(sampler, "temperature").value = 2.0
    frames.append(sampler.image.frame)
    press(sampler.image, {"pixel": 0, "action": "flip"})
    frames.append(sampler.image.frame)
    assert len(set(frames)) == 5
    find(sampler, "Clear paint").click()
    assert sampler.image.frame == frames[3]
    press(sampler.image, {"pixel": 19, "action": "flip"})
    press(sampler.controls, {"action": "reset"})
    assert sampler.step == 0 and not sampler.state.frame().known.any()
    with pytest.raises(ValueError, match="2 entries for 3 classes"):
        sampler_of("classes", class_names=["a", "b"])


def test_a_failing_edit_is_shown() -> None:
    """ipywidgets logs what a message's handler raises and goes on; so the widget must say it."""
    sampler = sampler_of()
    press(sampler.image, {"pixel": 99, "action": "flip"})
    assert sampler.controls.error.startswith("ValueError: pixels are 0 to 19")


def test_strip_leaves_the_step_and_shows_the_frames() -> None:
    sampler = sampler_of(start_step=3)
    figure = sampler.strip((0, 5, 20))
    assert sampler.step == 3 and len(figure.axes) == 6
    frame = sampler.state.frame(5)
    shown = figure.axes[1].images[0].get_array()
    assert np.array_equal(shown, image_pixels(frame, sampler.look))
    assert [axes.get_xlabel() for axes in figure.axes[3:]] == ["step 0", "step 5", "step 20"]
    assert plots.to_png(figure) == plots.to_png(sampler_of().strip((0, 5, 20)))
    with pytest.raises(ValueError, match="0 to 20"):
        sampler.strip((0, 21))
