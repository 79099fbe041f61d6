"""A checksum of tensors, so that a file with a single wrong bit is noticed when it is read."""

from __future__ import annotations

import zlib

import torch
from torch import Tensor

__all__ = ["checksum"]


def checksum(tensors: dict[str, Tensor]) -> int:
    """CRC-32 over names and bytes, in the order of the names; the same for equal tensors on every device."""
    value = 0
    for name in sorted(tensors):
        data = tensors[name].detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        value = zlib.crc32(data.numpy(), zlib.crc32(name.encode(), value))
    return value
