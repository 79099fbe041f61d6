"""What a model is told about an image: `half`, `luminance`, `flipped`, and `load(given=...)`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import armodels_lite.data as data
from armodels_lite.data.given import GIVEN, NOISE, flipped, half, luminance, told

PARTS = ("train", "valid", "test")


def levels_like(*shape: int, levels: int) -> torch.Tensor:
    return torch.randint(levels, shape, generator=torch.Generator().manual_seed(0))


# ---- the three functions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
def test_half_is_the_mean_of_each_square(channels: int) -> None:
    x = levels_like(5, channels, 4, 6, levels=17)
    corners = [x.numpy()[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    found = half(x, levels=17)
    assert found.shape == (5, channels, 2, 3) and found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), sum(corners) / 4 / 16, atol=1e-7)


def test_half_of_black_and_white_counts_the_white() -> None:
    x = levels_like(9, 1, 8, 8, levels=2).float()
    assert set(half(x).unique().tolist()) == {0, 0.25, 0.5, 0.75, 1}
    assert half(x).mean().item() == pytest.approx(x.mean().item())


def test_luminance_rounds_the_exact_sum() -> None:
    """Against whole numbers of NumPy, for every colour of 17 levels."""
    red, green, blue = np.meshgrid(*[np.arange(17)] * 3, indexing="ij")
    exact = 299 * red + 587 * green + 114 * blue
    nearest = np.array([int(v // 1000 + (v % 1000 >= 500)) for v in exact.flat])
    x = torch.from_numpy(np.stack([red, green, blue]).reshape(1, 3, 17, -1))
    found = luminance(x, levels=17)
    assert found.shape == (1, 1, 17, 17 * 17) and found.dtype == torch.float32
    assert torch.equal(found.flatten() * 16, torch.from_numpy(nearest).float())


def test_the_luminance_of_grey_is_that_grey() -> None:
    for levels in (2, 17, 256):
        grey = torch.arange(levels).view(1, 1, 1, levels)
        expected = grey.float() / (levels - 1)
        assert torch.equal(luminance(grey.expand(1, 3, 1, levels), levels), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64])
def test_flipped_changes_that_share(dtype: torch.dtype) -> None:
    x = levels_like(50, 1, 20, 20, levels=2).to(dtype)
    found = flipped(x, 0.2, torch.Generator().manual_seed(1))
    assert found.dtype == torch.float32 and set(found.unique().tolist()) == {0, 1}
    changed = found != x
    # Twenty thousand fair draws: standard error 0.003, on black and on white pixels 0.004.
    assert changed.double().mean().item() == pytest.approx(0.2, abs=0.01)
    assert changed[x == 1].double().mean().item() == pytest.approx(0.2, abs=0.015)


def test_flipped_by_none_and_by_all() -> None:
    x = levels_like(3, 2, 4, 5, levels=2).float()
    assert torch.equal(flipped(x, 0.0), x) and torch.equal(flipped(x, 1.0), 1 - x)
    assert torch.equal(flipped(x, 0), x) and torch.equal(flipped(x, 1), 1 - x)


def test_the_generator_decides_and_the_images_stay() -> None:
    x = levels_like(3, 1, 8, 8, levels=2).float()
    before = x.clone()
    first, again, other = (flipped(x, 0.3, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    half(x)
    assert torch.equal(x, before)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (lambda: half(torch.zeros(1, 4, 4)), r"tensor \(N, C, H, W\), got \(1, 4, 4\)"),
        (lambda: half([[0.0]]), r"tensor \(N, C, H, W\), got list"),
        (lambda: half(torch.zeros(1, 1, 3, 4)), r"even height and width, got \(3, 4\)"),
        (lambda: half(torch.zeros(1, 1, 4, 3)), r"even height and width, got \(4, 3\)"),
        (lambda: half(torch.full((1, 1, 2, 2), 2.0)), "of 2 levels hold 0 to 1, got 2 to 2"),
        (lambda: half(torch.full((1, 1, 2, 2), -1.0)), "hold 0 to 1, got -1 to -1"),
        (lambda: half(torch.full((1, 1, 2, 2), torch.nan)), "hold 0 to 1, got nan"),
        (lambda: half(torch.zeros(1, 1, 2, 2), levels=1), "levels must be an int of at least 2"),
        (lambda: half(torch.zeros(1, 1, 2, 2), levels=2.0), r"at least 2, got 2\.0"),
        (lambda: luminance(torch.zeros(1, 1, 2, 2), 17), r"3 channels .*, got \(1, 1, 2, 2\)"),
        (lambda: luminance(torch.full((1, 3, 2, 2), 17), 17), "hold 0 to 16, got 17 to 17"),
        (lambda: flipped(torch.full((1, 1, 2, 2), 16)), "of 2 levels hold 0 to 1"),
        (lambda: flipped(torch.zeros(1, 1, 2, 2), 1.5), r"from 0 to 1, got 1\.5"),
        (lambda: flipped(torch.zeros(1, 1, 2, 2), True), "probability, from 0 to 1, got True"),
        (lambda: flipped(torch.zeros(1, 1, 2, 2), "0.1"), r"from 0 to 1, got '0\.1'"),
    ],
)
def test_errors(found, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        found()


# ---- as an option of `load` --------------------------------------------------------------------------------

LOADED = {
    "half": ({"levels": 17}, (1, 4, 4), lambda x: half(x, 17)),
    "luminance": ({"colour": True}, (1, 8, 8), lambda x: luminance(x, 17)),
}


@pytest.mark.parametrize("given", LOADED)
def test_digits_with_what_is_given_in_the_place_of_the_class(given: str) -> None:
    options, shape, expected = LOADED[given]
    found, plain = data.load("digits", given=given, **options), data.load("digits", **options)
    for part in PARTS:
        images, before = getattr(found, part), getattr(plain, part)
        assert torch.equal(images.x, before.x)
        assert images.y.shape == (len(before), *shape) and images.y.dtype == torch.float32
        assert torch.equal(images.y, expected(before.x))
    assert found.class_names is None and plain.class_names is not None
    assert (found.name, found.event_shape, found.levels) == ("digits", plain.event_shape, 17)


def test_noisy_digits_are_the_same_each_time_and_differ_from_part_to_part() -> None:
    first, again = (data.load("digits", given="noisy") for _ in range(2))
    changed = {}
    for part in PARTS:
        images = getattr(first, part)
        assert torch.equal(images.y, getattr(again, part).y)
        changed[part] = images.x != images.y
        assert changed[part].double().mean().item() == pytest.approx(NOISE, abs=0.01)
    assert not torch.equal(changed["valid"], changed["test"])
    assert not torch.equal(changed["valid"], changed["train"][:300])


def test_the_global_random_state_is_left_as_it_was() -> None:
    before = torch.get_rng_state()
    data.load("digits", given="noisy")
    assert torch.equal(torch.get_rng_state(), before)


def test_hills_at_half_the_size() -> None:
    hills = data.load("hills", window=16, given="half")
    assert hills.valid.y.shape == (len(hills.valid), 1, 8, 8)
    assert torch.equal(hills.valid.y, half(hills.valid.x, 8))


def test_binarized_mnist_at_half_the_size() -> None:
    if data.status("binarized_mnist").state != "ready":
        pytest.skip("the binarized MNIST file is not here")
    test = data.load("binarized_mnist", given="half").test
    assert test.y.shape == (10000, 1, 14, 14)
    squares = test.x[:100].unflatten(3, (14, 2)).unflatten(2, (14, 2))
    assert torch.equal(test.y[:100], squares.sum((3, 5)) / 4)
    with pytest.raises(ValueError, match="given='half' needs pixels"):
        data.load("binarized_mnist", patch=2, given="half")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("digits", {"given": "double"}, "no given='double'; accepted: half, luminance, noisy"),
        ("digits", {"given": ["half"]}, "accepted: half, luminance, noisy"),
        ("digits", {"given": "luminance"}, "grey values are those of 3 channels"),
        (
            "digits",
            {"given": "noisy", "levels": 17},
            "is for black and white; 'digits' has 17 levels",
        ),
        ("digits", {"given": "half", "flat": True}, r"'digits' has events \(64,\)"),
        ("hills", {"given": "half", "window": 9}, "even height and width"),
        (
            "breast_cancer",
            {"given": "half"},
            "'breast_cancer' holds no images, so it has no given='half'",
        ),
        ("co2", {"given": "noisy"}, "holds no images"),
    ],
)
def test_what_a_data_set_does_not_have(name: str, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        data.load(name, **options)


def test_told_takes_data_and_leaves_them_as_they_are() -> None:
    digits = data.load("digits")
    labels = digits.train.y.clone()
    assert [told(digits, given).train.y.shape[1:] for given in GIVEN if given != "luminance"] == [
        (1, 4, 4),
        (1, 8, 8),
    ]
    assert torch.equal(digits.train.y, labels)
