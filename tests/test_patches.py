"""Squares of pixels as symbols: nothing is lost, and the digits are where they are said to be."""

from __future__ import annotations

import itertools

import pytest
import torch

from armodels_lite.patches import pack_patches, unpack_patches


@pytest.mark.parametrize("size", [1, 2, 3])
def test_nothing_is_lost(size: int) -> None:
    x = torch.randint(2, (5, 1, 6, 12), generator=torch.Generator().manual_seed(0)).float()
    symbols = pack_patches(x, size)
    assert symbols.dtype == torch.int64
    assert tuple(symbols.shape) == (5, 1, 6 // size, 12 // size)
    assert torch.equal(unpack_patches(symbols, size), x)


def test_a_symbol_is_its_pixels_read_as_a_number() -> None:
    x = torch.randint(2, (3, 1, 4, 6), generator=torch.Generator().manual_seed(1)).float()
    symbols = pack_patches(x, 2)
    for n, row, column in itertools.product(range(3), range(2), range(3)):
        square = x[n, 0, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].flatten().int()
        assert symbols[n, 0, row, column] == int("".join(map(str, square.tolist())), 2)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32, torch.int64])
def test_symbols_of_any_int(dtype: torch.dtype) -> None:
    """Also of one that cannot hold the largest symbol, 2^49 - 1, to compare with."""
    ones = unpack_patches(torch.ones(1, 1, 1, 1, dtype=dtype), 7)
    assert ones.sum() == 1 and ones[0, 0, 6, 6] == 1


def test_no_image_at_all() -> None:
    empty = torch.zeros(0, 1, 4, 4)
    assert torch.equal(unpack_patches(pack_patches(empty)), empty)


@pytest.mark.parametrize(
    ("x", "size", "message"),
    [
        (torch.zeros(2, 1, 4, 5), 2, r"sides that 2 divides, got \(2, 1, 4, 5\)"),
        (torch.zeros(2, 3, 4, 4), 2, r"\(N, 1, H, W\)"),
        (torch.full((1, 1, 2, 2), 0.5), 2, "pixels must be 0 or 1"),
        (torch.zeros(1, 1, 4, 4), 0, "size must be an int from 1 to 7"),
    ],
)
def test_bad_images(x: torch.Tensor, size: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pack_patches(x, size)


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        (torch.full((1, 1, 2, 2), 16), "are 0 to 15, got 16 to 16"),
        (torch.zeros(1, 1, 2, 2), "must be ints"),
        (torch.zeros(1, 2, 2, dtype=torch.int64), r"\(N, 1, h, w\)"),
    ],
)
def test_bad_symbols(symbols: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        unpack_patches(symbols)
