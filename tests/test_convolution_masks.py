"""The masks of convolutional models step by step: words by hand, pictures against the fields, every control."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
import torch
from test_widget_foundations import pictures, words
from test_widgets import find, press

import armodels_lite as ar
from armodels_lite.widgets import MaskStepper
from armodels_lite.widgets.convolution_masks import ConvolutionMasks
from armodels_lite.widgets.field_view import LATER
from armodels_lite.widgets.made_masks import MadeMasks
from armodels_lite.widgets.svg import ACCENT, FILL

SMALL = {"channels": 6, "layers": 2, "kernel_size": 3}


def grey(**options: object) -> ConvolutionMasks:
    torch.manual_seed(0)
    return MaskStepper(ar.PixelCNN((1, 5, 5), **SMALL), **options)


def rgb(**options: object) -> ConvolutionMasks:
    torch.manual_seed(0)
    return MaskStepper(ar.PixelCNN((3, 5, 5), **SMALL), **options)


def cells(picture: str, colour: str) -> int:
    """Squares of a colour, the sample in the key left out."""
    squares = ElementTree.fromstring(picture).findall(f"{{*}}rect[@fill='{colour}']")
    return sum(square.get("width") == square.get("height") != "12.0" for square in squares)


# -- which view ----------------------------------------------------------------------------------------------------


def test_what_is_given_decides_which_masks_are_shown() -> None:
    for kind in (ar.PixelCNN, ar.GatedPixelCNN):
        assert isinstance(MaskStepper(kind((1, 3, 3), **SMALL)), ConvolutionMasks)
    model = ar.PixelCNNpp((1, 3, 3), channels=2, blocks=1)
    assert isinstance(MaskStepper(model=model), ConvolutionMasks)
    assert all(isinstance(made, MadeMasks) for made in (MaskStepper(), MaskStepper(4, (6,))))
    assert repr(grey(start=2)) == "MaskStepper(step 2 of 3)"


@pytest.mark.parametrize("model", [ar.NADE((4,)), ar.MADE((4,), hidden=(8,)), torch.nn.ReLU()])
def test_other_models_are_refused(model: torch.nn.Module) -> None:
    with pytest.raises(TypeError, match=r"or the sizes of a MADE such as .* got "):
        MaskStepper(model)


# -- words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (
            0,
            "The first layer looks at 3 × 3 places, pixel 13 in their middle. Mask A keeps the 4 that are drawn before "
            "it.",
        ),
        (
            1,
            "Layer 1: pixel 13 sees 4 of the 12 pixels before it. More layers reach 7 more. Hatched: pixel 10 lies in "
            "the blind spot, no number of layers reaches it.",
        ),
        (
            2,
            "Layer 2: pixel 13 sees 11 of the 12 pixels before it (7 new). Hatched: pixel 10 lies in the blind spot, "
            "no number of layers reaches it.",
        ),
        (
            3,
            "By the masks pixel 13 sees 11 of the 12 pixels before it. Measured with the model's weights: all 25 "
            "entries agree. How: every value was changed by itself (armodels_lite.receptive_field).",
        ),
    ],
)
def test_words_by_hand(step: int, expected: str) -> None:
    widget = grey()
    assert widget.sentences(widget.frame(step))[0] == expected


def test_counts_are_compared_with_the_formula() -> None:
    widget = MaskStepper(ar.PixelCNN((1, 5, 5), channels=2, layers=3, kernel_size=3), start=2)
    assert "L = 2 layers of 3 × 3 see 1.5 L² + 2.5 L = 11 pixels." in words(widget)
    widget.step = 3
    assert "= 21 pixels; here borders cut the field." in words(widget)
    gated = MaskStepper(ar.GatedPixelCNN((1, 5, 5), **SMALL), start=1)
    assert "1 layer sees 7 pixels. 6 pixels come in by the vertical stack, 1 by" in words(gated)


@pytest.mark.parametrize(("channel", "own"), [(0, "no channel"), (1, "red"), (2, "red and green")])
def test_channels_of_the_own_pixel_are_named(channel: int, own: str) -> None:
    widget = rgb(channel=channel, start=1)
    assert f"before it, and of its own pixel {own}. More" in words(widget)


def test_the_first_pixel_sees_nothing() -> None:
    widget = grey(pixel=(0, 0), start=2)
    assert "pixel 1 sees no other pixel, for it is the first." in words(widget)
    widget.step = 3
    assert "all 25 entries agree" in words(widget)


def test_weights_that_leave_a_connection_unused_are_told() -> None:
    widget = grey()
    with torch.no_grad():
        widget.walked.model.first.weight[:, 0, 0] = 0  # the row above
        widget.walked.model.layers[0].weight.zero_()
    widget.step = 3
    assert "weights: 10 of the allowed values make no difference. How:" in words(widget)
    assert "they differ" in pictures(widget)[1]


def test_resolutions_and_streams_of_a_pixelcnnpp_are_told() -> None:
    model = ar.PixelCNNpp((3, 12, 12), channels=4, blocks=1, resolutions=2)
    widget = MaskStepper(model, (7, 7), start=3)
    assert "Block 1 down at half resolution: the place that stands for blue of" in words(widget)
    assert "10 pixels seen earlier (dots) it does not see" in words(widget)
    widget.step = widget.last - 1
    assert "adds what earlier channels of the same pixel say" in words(widget)
    readouts = widget.controls.readouts
    assert readouts[:4] == ["first kernel", "first layer", "block 1 down", "block 1 down, half"]
    assert readouts[-2:] == ["channels", "measured"]


# -- pictures ------------------------------------------------------------------------------------------------------


def test_pictures_show_as_many_cells_as_the_words_count() -> None:
    widget = grey()
    kernel, image = pictures(widget)
    assert (cells(kernel, FILL), cells(kernel, LATER)) == (4, 5)
    assert (cells(image, FILL), cells(image, LATER)) == (0, 12)
    widget.step = 2
    kernel, image = pictures(widget)
    assert (cells(kernel, FILL), cells(kernel, LATER)) == (5, 4), "mask B keeps the centre"
    assert (cells(image, FILL), cells(image, ACCENT), cells(image, LATER)) == (4, 7, 12)
    widget.step = 3
    assert [cells(picture, FILL) for picture in pictures(widget)] == [11, 11]


def test_tables_show_which_colour_reads_which() -> None:
    kernel, _ = pictures(rgb())
    taps = 5  # blue reads red and green at the centre
    mask_a, mask_b = 3, 6
    assert cells(kernel, FILL) == taps + mask_a + mask_b
    assert ">mask A<" in kernel and ">mask B<" in kernel


def test_taps_outside_the_image_are_marked() -> None:
    corner, middle = pictures(grey(pixel=(0, 0)))[0], pictures(grey())[0]
    assert corner.count(">0<") == 5 and "0: outside the image" in corner
    assert ">0<" not in middle and "outside" not in middle


def test_large_images_are_drawn_without_numbers() -> None:
    model = ar.GatedPixelCNN((1, 28, 28), channels=2, layers=2, kernel_size=3)
    _, image = pictures(MaskStepper(model, start=1))
    assert ">407<" not in image and ">25<" in image, "heads at every fifth column"


# -- controls ------------------------------------------------------------------------------------------------------


def test_dropdowns_choose_the_pixel_and_reset_takes_it_back() -> None:
    widget = rgb(pixel=(1, 2), channel=0)
    find(widget, "row").value = 4
    find(widget, "column").value = 0
    find(widget, "channel").value = 1
    assert widget.place == (1, 4, 0) and "pixel 21" in words(widget)
    widget.step = 2
    press(widget.controls, {"action": "reset"})
    assert widget.place == (0, 1, 2) and widget.step == 0 and "pixel 8" in words(widget)
    assert [find(widget, name).value for name in ("channel", "row", "column")] == [0, 1, 2]


def test_grey_images_have_no_choice_of_channels() -> None:
    with pytest.raises(StopIteration):
        find(grey(), "channel")


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1, 4), (4, 3, 1)])
def test_every_pixel_of_odd_shapes_draws(shape: tuple[int, int, int]) -> None:
    for kind in (ar.PixelCNN, ar.GatedPixelCNN, ar.PixelCNNpp):
        widget = MaskStepper(kind(shape, channels=4))
        for row in range(shape[1]):
            find(widget, "row").value = row
            for step in (0, 1, widget.last - 1):
                widget.step = step
                assert widget.controls.error == ""


def test_strips_show_four_telling_steps() -> None:
    deep = MaskStepper(ar.PixelCNN((1, 5, 5), channels=2, layers=5, kernel_size=3))
    assert deep.strip_steps() == [0, 1, 3, 5]
    assert grey().strip_steps() == [0, 1, 2, 3]
    captions = [deep.caption(frame) for frame in deep.strip_frames()]
    assert captions == ["the first kernel", "after layer 1", "after layer 3", "after layer 5"]
