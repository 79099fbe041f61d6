"""Grey levels 0 to K-1, and the same as shades: floats from 0 to 1, level k as k / (K - 1).

A model of images knows levels; a classifier, and who attacks it, sees shades. An attack moves freely between 0 and 1,
but an image file has K levels: whatever is fed to either network is rounded to them first.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .arguments import number_of_levels

__all__ = ["check_eps", "check_shades", "rounded", "to_levels", "to_shades", "whole_levels"]

# How far from k / (K - 1) a shade may lie: float32 keeps seven digits, and a level of 256 is 0.004 wide.
TOLERANCE = 1e-4


def to_shades(x: Tensor, levels: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Levels of any shape, 0 to levels - 1, int64 or floats, as shades of the given dtype.

    Raises:
        ValueError: something that is no level, or fewer than 2 levels.
        TypeError: no tensor.

    >>> to_shades(torch.tensor([0, 4, 16]), levels=17)
    tensor([0.0000, 0.2500, 1.0000])
    """
    number_of_levels(levels)
    _check_tensor(x)
    wrong = ~((x >= 0) & (x <= levels - 1) & (x == x.round()))
    if wrong.any():
        raise ValueError(
            f"there are the levels 0 to {levels - 1}, got {x[wrong].flatten()[0].item():g}"
        )
    return x.to(dtype) / (levels - 1)


def to_levels(x: Tensor, levels: int) -> Tensor:
    """Shades of any shape as int64 levels; the inverse of `to_shades`. Rounds nothing: see `rounded`.

    Raises:
        ValueError: a shade that is none of the levels', or fewer than 2 levels.
        TypeError: no tensor of floats.

    >>> to_levels(torch.tensor([0.0, 0.25, 1.0]), levels=17)
    tensor([ 0,  4, 16])
    """
    number_of_levels(levels)
    check_shades(x)
    level = (x * (levels - 1)).round()
    wrong = (x - level / (levels - 1)).abs() > TOLERANCE
    if wrong.any():
        raise ValueError(
            f"the shade {x[wrong].flatten()[0].item():g} is none of the {levels} levels k / {levels - 1}; "
            "armodels_lite.shades.rounded gives the nearest ones"
        )
    return level.long()


def rounded(x: Tensor, levels: int) -> Tensor:
    """The nearest shade k / (levels - 1) to each, in the dtype of x; halves go to the even level.

    The gradient passes as if nothing had been rounded ("straight through"): rounding alone has gradient 0 nearly
    everywhere, and would stop every attack that follows gradients without making the classifier any safer.

    Source: Y. Bengio, N. Leonard, A. Courville, "Estimating or Propagating Gradients Through Stochastic Neurons for
    Conditional Computation", 2013.

    Raises:
        ValueError: a shade outside [0, 1], or fewer than 2 levels.
        TypeError: no tensor of floats.

    >>> rounded(torch.tensor([0.1, 0.9]), levels=5)
    tensor([0., 1.])
    """
    number_of_levels(levels)
    check_shades(x)
    nearest = (x.detach() * (levels - 1)).round() / (levels - 1)
    return nearest + (x - x.detach())


def whole_levels(eps: float, levels: int) -> int:
    """The radius of a ball, in shades, as a number of levels: those that fit into it.

    Raises:
        ValueError: eps is no number from 0 to 1, or fewer than 2 levels.

    >>> whole_levels(2 / 16, levels=17), whole_levels(0.1, levels=17)
    (2, 1)
    """
    # A little more, since k / (K - 1) * (K - 1) may come out below k.
    return int(check_eps(eps) * (number_of_levels(levels) - 1) + 1e-6)


def check_eps(eps: float) -> float:
    """The value, if it is a number from 0 to 1; ValueError if not."""
    if isinstance(eps, bool) or not isinstance(eps, int | float) or not 0 <= eps <= 1:
        raise ValueError(
            f"eps must be a number from 0 to 1, in the unit of the shades (such as 8 / 255), got {eps!r}"
        )
    return float(eps)


def check_shades(x: Tensor) -> None:
    """Raise TypeError unless x is a tensor of floats, ValueError unless all are from 0 to 1."""
    _check_tensor(x)
    if not x.is_floating_point():
        raise TypeError(f"shades are floats from 0 to 1, got {x.dtype}")
    wrong = ~((x >= 0) & (x <= 1))
    if wrong.any():
        raise ValueError(f"shades lie between 0 and 1, got {x[wrong].flatten()[0].item():g}")


def _check_tensor(x: Tensor) -> None:
    if not isinstance(x, Tensor):
        raise TypeError(f"images are a tensor, got {type(x).__name__}")
