"""Levels and shades: there and back, rounding with a gradient that passes, and `load(..., shades=True)`."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import armodels_lite as ar
from armodels_lite import data, shades

PARTS = ("train", "valid", "test")


@pytest.mark.parametrize("levels", [2, 3, 16, 17, 50, 256])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_there_and_back(levels: int, dtype: torch.dtype) -> None:
    x = torch.arange(levels).view(1, -1)
    found = shades.to_shades(x, levels, dtype)
    assert found.dtype == dtype and found.shape == x.shape
    np.testing.assert_allclose(found.numpy(), np.linspace(0, 1, levels)[None], rtol=1e-6)
    back = shades.to_levels(found, levels)
    assert back.dtype == torch.int64 and torch.equal(back, x)
    assert torch.equal(shades.rounded(found, levels), found)
    assert torch.equal(shades.to_shades(x.to(dtype), levels, dtype), found)


@pytest.mark.parametrize("levels", [2, 5, 17, 256])
def test_rounded_is_the_nearest_level(levels: int) -> None:
    x = torch.rand(500, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    grid = np.linspace(0, 1, levels)
    nearest = grid[np.abs(x.numpy()[:, None] - grid).argmin(1)]
    np.testing.assert_allclose(shades.rounded(x, levels).numpy(), nearest, atol=1e-12)


def test_the_gradient_passes_straight_through() -> None:
    x = torch.tensor([0.1, 0.6, 1.0], requires_grad=True)
    weights = torch.tensor([3.0, -2.0, 5.0])
    (found,) = torch.autograd.grad((weights * shades.rounded(x, 5) ** 2).sum(), x)
    torch.testing.assert_close(found, 2 * weights * torch.tensor([0.0, 0.5, 1.0]))


@pytest.mark.parametrize("shape", [(0,), (0, 1, 8, 8), ()])
def test_any_shape(shape: tuple[int, ...]) -> None:
    x = torch.zeros(shape, dtype=torch.int64)
    found = shades.to_shades(x, 17)
    assert found.shape == shape
    assert torch.equal(shades.to_levels(found, 17), x)
    assert shades.rounded(found, 17).shape == shape


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.tensor([0, 17]), "levels 0 to 16, got 17"),
        (torch.tensor([-1]), "levels 0 to 16, got -1"),
        (torch.tensor([0.5]), "levels 0 to 16, got 0.5"),
        (torch.tensor([math.nan]), "levels 0 to 16, got nan"),
    ],
)
def test_what_is_no_level(x: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shades.to_shades(x, 17)


@pytest.mark.parametrize("number", [-0.01, 1.01, math.nan, math.inf])
def test_what_is_no_shade(number: float) -> None:
    for function in (shades.to_levels, shades.rounded):
        with pytest.raises(ValueError, match=f"between 0 and 1, got {number:g}"):
            function(torch.tensor([0.5, number]), 17)


def test_a_shade_between_levels_is_refused_and_the_remedy_named() -> None:
    with pytest.raises(ValueError, match=r"shade 0\.1 is none of the 17 levels k / 16; .*rounded"):
        shades.to_levels(torch.tensor([0.25, 0.1]), 17)


def test_types_and_numbers_of_levels() -> None:
    for function in (shades.to_levels, shades.rounded):
        with pytest.raises(TypeError, match="shades are floats from 0 to 1, got torch.int64"):
            function(torch.tensor([0, 1]), 17)
    for function in (shades.to_shades, shades.to_levels, shades.rounded):
        with pytest.raises(TypeError, match="images are a tensor, got list"):
            function([0.0], 17)
        for levels in (1, 2.0, None, True):
            with pytest.raises(
                ValueError, match=f"levels must be an int of at least 2, got {levels}"
            ):
                function(torch.zeros(1), levels)


# ---- data sets ---------------------------------------------------------------------------------------------


def in_shades(name: str, **options) -> None:
    """Each part holds the same images as without `shades`, divided by the highest level."""
    plain, shaded = data.load(name, **options), data.load(name, shades=True, **options)
    assert shaded.event_shape == plain.event_shape and shaded.levels == plain.levels
    for part in PARTS:
        ours, theirs = getattr(shaded, part), getattr(plain, part)
        assert ours.x.dtype == torch.float32 and ours.x.shape == theirs.x.shape
        assert torch.equal(shades.to_levels(ours.x, plain.levels), theirs.x.long())
        assert ours.y is theirs.y is None or torch.equal(ours.y, theirs.y)


@pytest.mark.parametrize(
    "options",
    [
        {"levels": 2},
        {"levels": 17},
        {"colour": True, "levels": 17},
        {"levels": 17, "flat": True},
        {"levels": 17, "given": "half"},
        {"colour": True, "levels": 17, "given": "luminance"},
        {"levels": 2, "given": "noisy"},
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_digits_in_shades(options: dict) -> None:
    in_shades("digits", **options)


def test_hills_in_shades() -> None:
    in_shades("hills", window=12, levels=8)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "binarized_mnist", "cifar10"])
def test_larger_images_in_shades(name: str) -> None:
    if data.status(name).state != "ready":
        pytest.skip(f"the files of {name} are not here")
    in_shades(name, **({"levels": 16} if name in ("mnist", "fashion_mnist") else {}))


def test_a_classifier_takes_what_is_loaded() -> None:
    digits = ar.load("digits", levels=17, shades=True)
    model = ar.Classifier(digits.event_shape, 10)
    assert ar.evaluate(model, digits.test).nats == pytest.approx(math.log(10))


def test_what_has_no_shades() -> None:
    with pytest.raises(ValueError, match="'sunspots' holds no images, so it has no shades=True"):
        data.load("sunspots", shades=True)
    with pytest.raises(ValueError, match="shades must be True or False, got 1"):
        data.load("digits", shades=1)
    with pytest.raises(ValueError, match="shades=True needs pixels, and patch= makes symbols"):
        data.load("binarized_mnist", patch=2, shades=True)
    with pytest.raises(ValueError, match="no option 'shade'; accepted: .*given, shades"):
        data.load("digits", shade=True)
