"""Filling a hole: what is refused, and what the message says."""

from __future__ import annotations

import pytest
import torch
from test_hole_filler import MODELS, SHAPE, filler, images, state_of
from test_widget_foundations import pictures
from torch import nn

import armodels_lite as ar
from armodels_lite.widgets import HoleFiller
from armodels_lite.widgets.hole_state import PAINTED


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": nn.Linear(2, 2)}, TypeError, "model must be an AutoregressiveModel, got Linear"),
        (
            {"model": ar.FVSBN((30,))},
            ValueError,
            r"model must draw images of one channel, \(1, H, W\)",
        ),
        ({"model": ar.FVSBN((3, 6, 5))}, ValueError, r"its events have shape \(3, 6, 5\)"),
        ({"model": ar.FVSBN((1, 3, 40))}, ValueError, "H and W from 4 to 32"),
        (
            {"model": ar.FVSBN(SHAPE, conditional=ar.Categorical(2))},
            ValueError,
            "model must be of binary images, with ar.Bernoulli",
        ),
        ({"model": ar.FVSBN(SHAPE, num_classes=3)}, ValueError, "without classes and without"),
        ({"images": [[0.0]]}, TypeError, "images must be a torch.Tensor, got list"),
        ({"images": images()[0]}, ValueError, r"images must have shape \(N, 1, 6, 5\) with N > 0"),
        ({"images": images()[:0]}, ValueError, r"got \(0, 1, 6, 5\)"),
        ({"images": images(2, (1, 5, 6))}, ValueError, r"got \(2, 1, 5, 6\)"),
        ({"images": images() / 2}, ValueError, "images must hold zeros and ones only"),
        ({"images": images() * torch.nan}, ValueError, "zeros and ones only"),
        ({"any_order": 3}, TypeError, "any_order must be an AutoregressiveModel, got int"),
        ({"any_order": ar.FVSBN((1, 6, 6))}, ValueError, r"any_order must draw images \(1, 6, 5\)"),
        (
            {"any_order": MODELS["pixelcnn"]()},
            ValueError,
            "any_order must take any ordering, .* got a PixelCNN",
        ),
        ({"hole": "a circle"}, ValueError, "one of 'a square in the .* pixel', got 'a circle'"),
        ({"hole": PAINTED}, ValueError, "a hole is one of"),
        ({"seed": -1}, ValueError, r"seed must be an int from 0 to 2\^64 - 1, got -1"),
        ({"start": 13}, ValueError, "steps are 0 to 12, got 13"),
    ],
)
def test_bad_arguments_are_refused(
    change: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        HoleFiller(**{"model": ar.FVSBN(SHAPE), "images": images(), **change})


def test_bad_pixels_and_steps_are_refused() -> None:
    state = state_of()
    for pixel, shown in ((30, "30"), (-1, "-1"), ("1", "'1'"), (True, "True"), (1.5, "1.5")):
        with pytest.raises(ValueError, match=f"pixels are 0 to 29, got {shown}$"):
            state.paint(pixel, True)
    assert state.kind != PAINTED
    with pytest.raises(ValueError, match="steps are 0 to 12, got 13"):
        state.frame(13)
    widget = filler()
    with pytest.raises(ValueError, match="pixels are 0 to 29, got -1"):
        widget._edited(-1, "erase")
    assert "pixels are 0 to 29" in widget.controls.error


def test_a_refused_choice_changes_nothing() -> None:
    widget = filler(start=2)
    before = pictures(widget)
    for wrong in ({"hole": "a circle"}, {"image": 3}, {"image": 1, "hole": "a circle"}):
        with pytest.raises(
            ValueError, match=r"a hole is one of 'a square|images are 0 to 2, got 3"
        ):
            widget.choose(**wrong)
        widget.redraw()
        assert pictures(widget) == before and widget.step == 2


def test_the_error_lists_the_painted_hole_where_it_can_be_chosen() -> None:
    with pytest.raises(ValueError, match="'every second pixel', 'painted', got 'foo'$"):
        filler().choose(hole="foo")


def test_why_a_model_takes_no_other_ordering_is_told() -> None:
    """A NADE whose weights were changed takes none, though a NADE does."""
    model = ar.NADE(SHAPE, hidden=5)
    model.W = nn.Parameter(torch.zeros(5, 3))
    with pytest.raises(ValueError) as reason:
        model.with_ordering("reverse")
    with pytest.raises(ValueError, match="got a NADE: ") as error:
        HoleFiller(ar.FVSBN(SHAPE), images(), model)
    assert str(error.value).endswith(f": {reason.value}")
