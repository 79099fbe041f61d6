"""Checks of what a caller gives: each returns the value, or raises an error that names the argument."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch

__all__ = [
    "finite_number",
    "flag",
    "number_of_levels",
    "odd_size",
    "positive",
    "random_numbers",
    "share",
    "sizes",
]


def positive(name: str, value: Any) -> int:
    """The value, if it is a positive int; ValueError if not."""
    # No bool and no integer of numpy: the config of a saved model could not hold them as what they are.
    if type(value) is not int or value < 1:
        raise ValueError(f"{name} must be a positive int, got {value!r}")
    return value


def number_of_levels(value: Any) -> int:
    """The value, if it is an int of at least 2; ValueError if not."""
    if type(value) is not int or value < 2:
        raise ValueError(f"levels must be an int of at least 2, got {value!r}")
    return value


def random_numbers(name: str, value: Any) -> torch.Generator | None:
    """The value, if it is a torch.Generator or None; TypeError if not."""
    if not isinstance(value, torch.Generator | None):
        raise TypeError(f"{name} must be a torch.Generator, got {type(value).__name__}")
    return value


def sizes(name: str, value: Any) -> tuple[int, ...]:
    """The value as a tuple, if it holds positive ints, one at least; ValueError if not."""
    found = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str) else ()
    if not found or not all(type(size) is int and size > 0 for size in found):
        raise ValueError(
            f"{name} must be a tuple of positive ints such as (784,) or (1, 28, 28), got {value!r}"
        )
    return found


def odd_size(name: str, value: Any) -> int:
    """The side of a kernel, if it is an odd int of at least 3; ValueError if not."""
    if type(value) is not int or value < 3 or value % 2 == 0:
        raise ValueError(f"{name} must be an odd int of at least 3, got {value!r}")
    return value


def share(name: str, value: Any) -> float:
    """The value, if it is a number of at least 0 and less than 1; ValueError if not."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise ValueError(f"{name} must be a share of at least 0 and less than 1, got {value!r}")
    return value


def finite_number(value: Any) -> bool:
    """Whether it is an int or a float, and neither True, False, NaN nor infinite."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def flag(name: str, value: Any) -> bool:
    """The value, if it is True or False; ValueError if not."""
    if type(value) is not bool:
        raise ValueError(f"{name} must be True or False, got {value!r}")
    return value
