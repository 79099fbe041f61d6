"""Orderings: permutations, channels kept together, small cases by hand."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from armodels_lite.orderings import make_ordering, subscale

NAMES = ["raster", "reverse", "spiral", "hilbert", "random", "random(7)", "subscale(1)"]
IMAGES = [
    (1, 1, 1),
    (1, 1, 5),
    (1, 4, 1),
    (1, 8, 8),
    (3, 2, 3),
    (3, 5, 7),
    (2, 3, 2),
    (4, 6, 1),
    (1, 28, 28),
]


def pixels(name: str, height: int, width: int) -> list[tuple[int, int]]:
    """(row, column) of each step for one channel."""
    return [divmod(p, width) for p in make_ordering(name, (1, height, width)).tolist()]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", IMAGES, ids=str)
def test_every_ordering_is_a_permutation(name: str, shape: tuple[int, ...]) -> None:
    order = make_ordering(name, shape)
    assert order.dtype == torch.int64
    assert order.sort().values.tolist() == list(range(math.prod(shape)))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", IMAGES, ids=str)
def test_channels_of_a_pixel_stay_together_in_order(name: str, shape: tuple[int, ...]) -> None:
    channels, height, width = shape
    steps = make_ordering(name, shape).view(height * width, channels)
    assert torch.equal(
        steps // (height * width), torch.arange(channels).expand(height * width, channels)
    )
    assert (steps % (height * width) == steps[:, :1]).all()
    assert steps[:, 0].tolist() == make_ordering(name, (1, height, width)).tolist()


@pytest.mark.parametrize("shape", IMAGES, ids=str)
def test_raster_formula(shape: tuple[int, ...]) -> None:
    channels, height, width = shape
    expected = [(t % channels) * height * width + t // channels for t in range(math.prod(shape))]
    assert make_ordering("raster", shape).tolist() == expected


@pytest.mark.parametrize("shape", [(1,), (6,), (5, 2), (3, 2, 2, 2)], ids=str)
def test_raster_of_what_is_no_image(shape: tuple[int, ...]) -> None:
    """Storage order: in a sequence of vectors the entries of a vector come one after the other."""
    assert make_ordering("raster", shape).tolist() == list(range(math.prod(shape)))


def test_reverse() -> None:
    assert make_ordering("reverse", (4,)).tolist() == [3, 2, 1, 0]
    assert make_ordering("reverse", (1, 2, 2)).tolist() == [3, 2, 1, 0]
    assert make_ordering("reverse", (2, 1, 3)).tolist() == [2, 5, 1, 4, 0, 3]


@pytest.mark.parametrize(
    ("height", "width", "drawn"),
    [
        (3, 3, ["012", "783", "654"]),
        (2, 3, ["012", "543"]),
        (3, 2, ["01", "52", "43"]),
        (1, 4, ["0123"]),
        (4, 1, ["0", "1", "2", "3"]),
        (3, 4, ["0123", "9ab4", "8765"]),
        (5, 3, ["012", "bc3", "ad4", "9e5", "876"]),
        (4, 4, ["0123", "bcd4", "afe5", "9876"]),
    ],
)
def test_spiral_by_hand(height: int, width: int, drawn: list[str]) -> None:
    """Each pixel shows its step, in hexadecimal."""
    expected = {int(step, 16): (r, c) for r, row in enumerate(drawn) for c, step in enumerate(row)}
    assert pixels("spiral", height, width) == [expected[t] for t in range(height * width)]


@pytest.mark.parametrize(("height", "width"), [(5, 8), (9, 9), (7, 2), (28, 28)])
def test_spiral_walks_from_neighbour_to_neighbour(height: int, width: int) -> None:
    path = pixels("spiral", height, width)
    assert path[0] == (0, 0)
    assert all(abs(r - q) + abs(c - d) == 1 for (r, c), (q, d) in pairwise(path))


@pytest.mark.parametrize(
    ("side", "drawn"),
    [
        (1, ["0"]),
        (2, ["03", "12"]),
        # Four squares of two: the first and the last are transposed, all join end to start.
        (4, ["01ef", "32dc", "478b", "569a"]),
    ],
)
def test_hilbert_by_hand(side: int, drawn: list[str]) -> None:
    """The curve up to its mirror image in the diagonal, which names the same curve."""
    path = pixels("hilbert", side, side)
    expected = {int(step, 16): (r, c) for r, row in enumerate(drawn) for c, step in enumerate(row)}
    one = [expected[t] for t in range(side * side)]
    assert path in (one, [(c, r) for r, c in one])


@pytest.mark.parametrize("side", [2, 4, 8, 16, 32])
def test_hilbert_neighbours_are_adjacent(side: int) -> None:
    path = pixels("hilbert", side, side)
    assert path[0] == (0, 0)
    assert all(abs(r - q) + abs(c - d) == 1 for (r, c), (q, d) in pairwise(path))


@pytest.mark.parametrize("side", [4, 8, 16])
def test_hilbert_fills_each_quadrant_before_the_next(side: int) -> None:
    path, half = pixels("hilbert", side, side), side // 2
    for quarter in range(4):
        part = path[quarter * half * half : (quarter + 1) * half * half]
        assert len({(r // half, c // half) for r, c in part}) == 1


@pytest.mark.parametrize(("height", "width"), [(3, 3), (5, 8), (1, 6), (28, 28), (12, 4)])
def test_hilbert_on_other_sides_skips_points_outside(height: int, width: int) -> None:
    side = 2 ** math.ceil(math.log2(max(height, width)))
    inside = [(r, c) for r, c in pixels("hilbert", side, side) if r < height and c < width]
    assert pixels("hilbert", height, width) == inside


@pytest.mark.parametrize(
    ("factor", "height", "width", "drawn"),
    [
        (1, 2, 3, ["012", "345"]),
        (2, 2, 2, ["01", "23"]),
        (2, 3, 5, ["06172", "adbec", "38495"]),
        (2, 4, 3, ["041", "6a7", "253", "8b9"]),
        (3, 4, 4, ["0461", "8ab9", "cefd", "2573"]),
        (3, 3, 3, ["012", "345", "678"]),
    ],
)
def test_subscale_by_hand(factor: int, height: int, width: int, drawn: list[str]) -> None:
    """Each pixel shows its step, in hexadecimal."""
    expected = {int(step, 16): (r, c) for r, row in enumerate(drawn) for c, step in enumerate(row)}
    found = pixels(f"subscale({factor})", height, width)
    assert found == [expected[t] for t in range(height * width)]


@pytest.mark.parametrize("factor", [1, 2, 3])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 5, 7), (2, 3, 4), (3, 28, 28)], ids=str)
def test_subscale_draws_one_sub_image_after_the_other(factor: int, shape: tuple[int, ...]) -> None:
    """Permutes the pixels, keeps their channels together, walks each sub-image in raster order."""
    channels, height, width = shape
    order = make_ordering(f"subscale({factor})", shape)
    assert order.sort().values.tolist() == list(range(math.prod(shape)))
    steps = order.view(-1, channels)
    assert torch.equal(
        steps - steps[:, :1], torch.arange(channels).expand_as(steps) * height * width
    )
    path = [divmod(p, width) for p in steps[:, 0].tolist()]
    key = [(r % factor, c % factor, r, c) for r, c in path]
    assert key == sorted(key)


def test_subscale_by_its_names() -> None:
    shape = (3, 5, 7)
    assert torch.equal(make_ordering("subscale", shape), subscale(shape, 2))
    assert torch.equal(make_ordering("subscale(3)", shape), subscale(shape, 3))
    assert torch.equal(subscale(shape, 1), make_ordering("raster", shape))


@pytest.mark.parametrize("name", ["subscale(0)", "subscale(4)", "subscale(10)"])
def test_a_factor_that_does_not_fit(name: str) -> None:
    factor = name[9:-1]
    with pytest.raises(
        ValueError, match=f"must be from 1 to 3, the image's shorter side, got {factor}"
    ):
        make_ordering(name, (1, 3, 5))


def test_random_is_fixed_by_its_seed() -> None:
    shape = (1, 8, 8)
    assert torch.equal(make_ordering("random(3)", shape), make_ordering("random(3)", shape))
    assert torch.equal(make_ordering("random", shape), make_ordering("random(0)", shape))
    assert not torch.equal(make_ordering("random(3)", shape), make_ordering("random(4)", shape))
    state = torch.get_rng_state()
    make_ordering("random(5)", shape)
    assert torch.equal(torch.get_rng_state(), state), "the global generator was used"


@pytest.mark.parametrize(
    "ordering",
    [
        [2, 0, 3, 1],
        (2, 0, 3, 1),
        torch.tensor([2, 0, 3, 1]),
        torch.tensor([2, 0, 3, 1], dtype=torch.int32),
        np.array([2, 0, 3, 1]),
        np.array([2, 0, 3, 1], dtype=np.uint8),
    ],
    ids=lambda o: type(o).__name__,
)
def test_own_permutation(ordering) -> None:
    found = make_ordering(ordering, (1, 2, 2))
    assert found.tolist() == [2, 0, 3, 1] and found.dtype == torch.int64
    if isinstance(ordering, torch.Tensor | np.ndarray):
        ordering[0] = 0
        assert found.tolist() == [2, 0, 3, 1], "the ordering shares memory with the caller's"


@pytest.mark.parametrize(
    ("ordering", "message"),
    [
        ("Raster", "unknown ordering 'Raster'; known are raster, reverse, spiral, hilbert"),
        ("", "unknown ordering ''"),
        ("random(-1)", "unknown ordering"),
        ("random(x)", "unknown ordering"),
        ("random(1", "unknown ordering"),
        ("subscale(-1)", r"unknown ordering 'subscale\(-1\)'; known .* subscale\(FACTOR\)"),
        ("subscale(1.5)", "unknown ordering"),
        ("subscale(2)x", "unknown ordering"),
        ("spiral(2)", "unknown ordering"),
        ([0, 0, 1, 2], "each of 0..3 once, got"),
        ([0, 1, 2], "each of 0..3 once"),
        ([0, 1, 2, 3, 4], "each of 0..3 once"),
        ([1, 2, 3, 4], "each of 0..3 once"),
        ([-1, 0, 1, 2], "each of 0..3 once"),
        ([True, False, True, False], "list of integers, got torch.bool"),
        ([0.0, 1.0, 2.0, 3.0], "list of integers, got torch.float32"),
        ([[0, 1], [2, 3]], r"list of integers, got torch.int64 of shape \(2, 2\)"),
        ([], "list of integers"),
        (5, "list of integers"),
        (None, "list of integers"),
        ({0, 1, 2, 3}, "list of integers"),
        (["a", "b", "c", "d"], "list of integers"),
    ],
    ids=repr,
)
def test_bad_orderings(ordering, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        make_ordering(ordering, (1, 2, 2))


@pytest.mark.parametrize("name", ["spiral", "hilbert", "subscale"])
@pytest.mark.parametrize("shape", [(4,), (2, 2), (1, 1, 2, 2)], ids=str)
def test_curves_need_an_image(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(
        ValueError, match=rf"the {name} ordering needs an image event \(C, H, W\), got"
    ):
        make_ordering(name, shape)
