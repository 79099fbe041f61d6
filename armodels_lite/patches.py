"""Small squares of binary pixels as symbols, and back: fewer, richer steps for a model of images."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["pack_patches", "unpack_patches"]


def pack_patches(x: Tensor, size: int = 2) -> Tensor:
    """Binary images (N, 1, H, W), floats 0 and 1, as symbols (N, 1, H / size, W / size), int64 below 2^(size^2).

    The pixels of a square, row by row, are read as a binary number, the first pixel as its highest digit. Nothing is
    lost, so the probability of the symbols is that of the image.

    Raises:
        ValueError: another shape, values besides 0 and 1, or sides that `size` does not divide.

    >>> pack_patches(torch.tensor([[[[1.0, 0.0], [1.0, 1.0]]]]))
    tensor([[[[11]]]])
    """
    _check_size(size)
    if x.dim() != 4 or x.shape[1] != 1 or any(side % size for side in x.shape[2:]):
        raise ValueError(
            f"x must be (N, 1, H, W) with sides that {size} divides, got {tuple(x.shape)}"
        )
    if not ((x == 0) | (x == 1)).all():
        raise ValueError("pixels must be 0 or 1")
    bits = x.unflatten(3, (-1, size)).unflatten(2, (-1, size)).transpose(3, 4).flatten(4)
    return (bits.long() * _digits(size, x.device)).sum(-1)


def unpack_patches(symbols: Tensor, size: int = 2) -> Tensor:
    """The inverse of `pack_patches`: symbols (N, 1, h, w), ints, to images (N, 1, h size, w size), float32.

    Raises:
        ValueError: another shape, or symbols outside 0 to 2^(size^2) - 1.
    """
    _check_size(size)
    if symbols.dim() != 4 or symbols.shape[1] != 1 or symbols.is_floating_point():
        raise ValueError(
            f"symbols must be ints (N, 1, h, w), got {symbols.dtype} {tuple(symbols.shape)}"
        )
    symbols = symbols.long()  # smaller types cannot be compared with the largest symbols
    if symbols.numel() and not 0 <= symbols.min() <= symbols.max() < 2 ** (size * size):
        raise ValueError(
            f"symbols of {size} x {size} pixels are 0 to {2 ** (size * size) - 1}, "
            f"got {symbols.min()} to {symbols.max()}"
        )
    bits = symbols.unsqueeze(-1) // _digits(size, symbols.device) % 2
    return bits.float().unflatten(-1, (size, size)).transpose(3, 4).flatten(4, 5).flatten(2, 3)


def _digits(size: int, device: torch.device) -> Tensor:
    return 2 ** torch.arange(size * size - 1, -1, -1, device=device)


def _check_size(size: int) -> None:
    if type(size) is not int or not 1 <= size <= 7:
        raise ValueError(f"size must be an int from 1 to 7 (2^49 symbols), got {size!r}")
