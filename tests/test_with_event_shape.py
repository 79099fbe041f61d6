"""The same weights for images of another size: shared, not copied, and a model of that size in every other respect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import contract
import pytest
import torch
from random_weights import randomised
from torch import Tensor

import armodels_lite as ar

BITS, LEVELS = ar.Categorical(2), ar.Categorical(3)
KINDS: dict[str, tuple[type[ar.AutoregressiveModel], dict[str, Any]]] = {
    "PixelCNN": (ar.PixelCNN, {"channels": 6, "layers": 3, "kernel_size": 3}),
    "GatedPixelCNN": (ar.GatedPixelCNN, {"channels": 6, "layers": 3, "kernel_size": 3}),
    "PixelCNNpp": (ar.PixelCNNpp, {"channels": 4, "blocks": 1, "conditional": BITS}),
    "PixelCNNpp, one resolution": (
        ar.PixelCNNpp,
        {"channels": 4, "blocks": 1, "resolutions": 1, "conditional": BITS},
    ),
}
every_kind = pytest.mark.parametrize("name", KINDS)


def made(name: str, *event_shape: int, **arguments: Any) -> ar.AutoregressiveModel:
    """A model in float64 and eval mode, with large weights."""
    kind, given = KINDS[name]
    return randomised(kind(event_shape, **{**given, **arguments}), scale=0.2).double()


def built(name: str, model: ar.AutoregressiveModel, *event_shape: int, **arguments: Any):
    """One of that size from the start, given the model's weights."""
    other = made(name, *event_shape, **arguments)
    other.load_state_dict(model.state_dict())
    return other


@every_kind
def test_the_weights_are_the_same_objects(name: str) -> None:
    model = made(name, 1, 3, 4)
    before = torch.get_rng_state()
    large = model.with_event_shape((1, 7, 6))
    assert torch.equal(torch.get_rng_state(), before)
    assert type(large) is type(model) and large.event_shape == (1, 7, 6)
    assert large.dtype == torch.float64 and not large.training
    assert large.ordering.tolist() == list(range(42)) and model.event_shape == (1, 3, 4)
    ours, theirs = dict(model.named_parameters()), dict(large.named_parameters())
    assert ours.keys() == theirs.keys() and all(ours[key] is theirs[key] for key in ours)


@every_kind
@pytest.mark.parametrize("shape", [(1, 7, 6), (1, 1, 5), (1, 2, 1)], ids=str)
def test_it_is_the_model_built_with_that_shape(name: str, shape: tuple[int, ...]) -> None:
    model = made(name, 1, 3, 4)
    other, expected = model.with_event_shape(shape), built(name, model, *shape)
    x = contract.events(expected)
    assert torch.equal(other.log_prob(x), expected.log_prob(x))
    assert other.config() == expected.config()
    back, x = other.with_event_shape((1, 3, 4)), contract.events(model)
    assert torch.equal(back.log_prob(x), model.log_prob(x))


@every_kind
def test_in_colour_and_with_classes(name: str) -> None:
    given = {"conditional": LEVELS, "num_classes": 2}
    model = made(name, 3, 2, 2, **given)
    large = model.with_event_shape((3, 3, 5))
    expected = built(name, model, 3, 3, 5, **given)
    x, context = contract.events(large), contract.contexts(large)
    assert torch.equal(large.log_prob(x, context), expected.log_prob(x, context))
    contract.check_cached_equals_naive(large)


def columns_that_differ(small: ar.AutoregressiveModel, size: tuple[int, int]) -> list[int]:
    """Of the small image's columns those whose parameters change where it is the upper left corner of a larger one."""
    large = small.with_event_shape((1, *size))
    x = contract.events(large, 4)
    _, height, width = small.event_shape
    with torch.no_grad():
        corner = large.params(x)[:, :, :height, :width]
        alone = small.params(x[:, :, :height, :width])
    difference = (corner - alone).abs().amax((0, 1, 2, 4))
    return (difference > 1e-12).nonzero().flatten().tolist()


@pytest.mark.parametrize("name", ["PixelCNN", "GatedPixelCNN"])
def test_the_upper_left_corner_does_not_feel_the_size(name: str) -> None:
    """Three layers 3 x 3 see three columns to the right; rows below come later in the ordering."""
    assert columns_that_differ(made(name, 1, 5, 12), (8, 20)) == [9, 10, 11]
    assert columns_that_differ(made(name, 1, 5, 12), (8, 12)) == []


def test_nor_does_that_of_pixelcnnpp() -> None:
    """Seven convolutions see a column further each where there is one resolution."""
    name = "PixelCNNpp, one resolution"
    found = columns_that_differ(made(name, 1, 5, 16), (8, 24))
    assert found and min(found) >= 9 and max(found) == 15
    assert columns_that_differ(made(name, 1, 5, 16), (8, 16)) == []


@every_kind
def test_a_larger_one_decodes_as_it_computes(name: str) -> None:
    large = made(name, 1, 2, 3).with_event_shape((1, 4, 5))
    contract.check_cached_equals_naive(large)
    contract.check_steps_equal_pass(large, atol=1e-10)
    contract.check_decoder_moves(large)


@every_kind
def test_probabilities_sum_to_one(name: str) -> None:
    contract.check_normalisation(made(name, 1, 1, 2).with_event_shape((1, 3, 3)))


@every_kind
def test_training_one_trains_the_other(name: str) -> None:
    small = made(name, 1, 3, 4)
    large = small.with_event_shape((1, 5, 5))
    x = contract.events(small)
    before: Tensor = small.log_prob(x).detach()
    ar.fit(large, contract.events(large), epochs=1, batch_size=3, progress=False)
    assert not torch.equal(small.log_prob(x), before)


@every_kind
def test_what_is_saved_has_the_new_size(name: str, tmp_path: Path) -> None:
    large = made(name, 1, 3, 4).with_event_shape([1, 5, 3])
    large.save_pretrained(tmp_path)
    loaded = ar.load_pretrained(tmp_path)
    x = contract.events(large)
    assert type(loaded) is type(large) and loaded.event_shape == (1, 5, 3)
    assert torch.equal(loaded.log_prob(x), large.log_prob(x))


@every_kind
@pytest.mark.parametrize(
    ("arguments", "shape", "message"),
    [
        ({"position": True}, (1, 8, 8), r"has position=True, so it is for \(1, 4, 4\) alone"),
        ({"context_shape": (1, 2, 2)}, (1, 8, 8), r"has context_shape=\(1, 2, 2\), so it is for"),
        ({}, (3, 8, 8), r"must be \(1, H, W\) for this \w+, got \(3, 8, 8\)"),
        ({}, (8, 8), r"must be \(1, H, W\) for this \w+, got \(8, 8\)"),
        ({}, (1, 0, 8), r"must be a tuple of positive ints .* got \(1, 0, 8\)"),
        ({}, 8, "must be a tuple of positive ints .* got 8"),
        ({}, None, "must be a tuple of positive ints .* got None"),
    ],
)
def test_errors(name: str, arguments: dict, shape: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made(name, 1, 4, 4, **arguments).with_event_shape(shape)


def test_a_model_that_was_changed_after_it_was_built_is_refused() -> None:
    model = made("PixelCNN", 1, 3, 4)
    model.extra = torch.nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"other weights than this one.*extra\.bias"):
        model.with_event_shape((1, 4, 4))
