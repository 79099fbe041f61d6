"""The purification widget: what is refused, and what the message says."""

from __future__ import annotations

import pytest
import torch
from test_purifier import SHAPE, classifier_of, model_of, shades, state_of
from torch import nn

import armodels_lite as ar
from armodels_lite.widgets import Purifier


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": nn.Linear(2, 2)}, TypeError, "model must be an AutoregressiveModel, got Linear"),
        (
            {"model": ar.FVSBN(SHAPE, conditional=ar.GaussianMixture(2))},
            ValueError,
            "model must be of levels, with ar.Categorical, ar.LogisticMixture or ar.Bernoulli",
        ),
        ({"model": ar.FVSBN((12,))}, ValueError, r"one channel, \(1, H, W\) .* shape \(12,\)"),
        ({"model": ar.FVSBN((3, 4, 3))}, ValueError, r"its events have shape \(3, 4, 3\)"),
        ({"model": ar.FVSBN((1, 2, 33))}, ValueError, "H and W up to 32"),
        ({"model": ar.FVSBN(SHAPE, num_classes=2)}, ValueError, "without classes and without"),
        ({"clean": [[0.0]]}, TypeError, "clean must be a tensor of shades, floats .* got list"),
        (
            {"attacked": torch.zeros(3, *SHAPE, dtype=torch.int64)},
            TypeError,
            "attacked must be a tensor of shades, floats from 0 to 1, got torch.int64",
        ),
        ({"clean": shades()[0]}, ValueError, r"clean must have shape \(N, 1, 4, 3\) with N > 0"),
        ({"attacked": shades()[:0]}, ValueError, r"attacked must .* got \(0, 1, 4, 3\)"),
        (
            {"attacked": shades()[:2]},
            ValueError,
            "clean and attacked must hold the same number of images, got 3 and 2",
        ),
        (
            {"attacked": shades() * 0.9},
            ValueError,
            r"attacked: the shade 0\.\d+ is none of the 5 levels k / 4",
        ),
        ({"clean": shades() + 1}, ValueError, "clean: shades lie between 0 and 1"),
        ({"clean": shades() * torch.nan}, ValueError, "clean: shades lie between 0 and 1, got nan"),
        ({"eps": 2}, ValueError, "eps must be a number from 0 to 1, .*, got 2"),
        ({"eps": True}, ValueError, "eps must be a number from 0 to 1"),
        ({"eps": "1"}, ValueError, "eps must be a number from 0 to 1, .*, got '1'"),
        ({"classifier": "a"}, TypeError, "classifier must be an ar.Classifier or a function"),
        ({"classifier": lambda x: x}, ValueError, r"must put out logits \(1, K\)"),
        (
            {"classifier": lambda x: x.flatten(1) * torch.nan},
            ValueError,
            "the classifier's logits must be numbers, got NaN",
        ),
        ({"class_names": ["a"]}, ValueError, "class_names has 1 entries for 3 classes"),
        ({"start": 13}, ValueError, "steps are 0 to 12, got 13"),
    ],
)
def test_bad_arguments_are_refused(
    change: dict[str, object], error: type[Exception], message: str
) -> None:
    given = {"model": model_of(), "clean": shades(), "attacked": shades(seed=1)}
    with pytest.raises(error, match=message):
        Purifier(**{**given, "classifier": classifier_of(), **change})


def test_what_does_not_exist_is_refused_and_changes_nothing() -> None:
    state = state_of()
    for change, message in (
        ({"index": 3}, "images are 0 to 2, got 3"),
        ({"index": 1.0}, "images are 0 to 2, got 1.0"),
        ({"radius": 5}, "a radius is 0 to 4 levels, got 5"),
        ({"radius": -1, "index": 1}, "a radius is 0 to 4 levels, got -1"),
    ):
        with pytest.raises(ValueError, match=message):
            state.choose(**change)
    assert (state.index, state.radius) == (0, 1)
    for step in (-1, 13, 2.0):
        with pytest.raises(ValueError, match=f"steps are 0 to 12, got {step}"):
            state.frame(step)
