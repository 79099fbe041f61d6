"""What a model of images can be told about one: a smaller copy, its grey values, a noisy copy.

Each is a function of a batch of images. `ar.load(..., given=...)` puts its result in the place of the labels, so that
a model with a `context_shape` learns p(image | what is given). Such a context is float32, from 0 to 1.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from ..arguments import number_of_levels, random_numbers
from .containers import Data, Split

__all__ = ["GIVEN", "LUMINANCE", "flipped", "half", "luminance", "told"]

GIVEN = ("half", "luminance", "noisy")
NOISE = 0.1  # the share of pixels that changes sides in given="noisy"

# How bright red, green and blue look, in thousandths. Source: ITU-R Recommendation BT.601, where the sum is called
# luma: it is one of the values that a screen is sent.
LUMINANCE = (299, 587, 114)


def half(x: Tensor, levels: int = 2) -> Tensor:
    """Images of half the height and width: the mean of each square of 2 x 2 pixels, as a share of the highest level.

    Args:
        x: (N, C, H, W), levels 0 to levels - 1, with H and W even.

    Returns:
        (N, C, H / 2, W / 2) float32, from 0 to 1.

    Raises:
        ValueError: no such images.

    >>> half(torch.tensor([[[[0., 1.], [1., 1.]]]]))
    tensor([[[[0.7500]]]])
    """
    _check(x, levels)
    if x.shape[2] % 2 or x.shape[3] % 2:
        raise ValueError(f"half an image needs an even height and width, got {tuple(x.shape[2:])}")
    return F.avg_pool2d(x.float(), 2) / (levels - 1)


def luminance(x: Tensor, levels: int) -> Tensor:
    """The grey values of images in colour: how bright each pixel looks, rounded to the nearest level, as a share of
    the highest.

    Args:
        x: (N, 3, H, W), red, green and blue, levels 0 to levels - 1.

    Returns:
        (N, 1, H, W) float32, from 0 to 1.

    Raises:
        ValueError: no such images.

    >>> luminance(torch.tensor([16, 0, 0]).view(1, 3, 1, 1), levels=17)
    tensor([[[[0.3125]]]])
    """
    _check(x, levels)
    _check_whole(x)
    if x.shape[1] != 3:
        raise ValueError(f"grey values are those of 3 channels (N, 3, H, W), got {tuple(x.shape)}")
    weights = torch.tensor(LUMINANCE, device=x.device).view(1, 3, 1, 1)
    thousandths = (x.long() * weights).sum(1, keepdim=True)
    return (thousandths + 500).div(1000, rounding_mode="floor") / (levels - 1)


def flipped(x: Tensor, share: float = 0.1, generator: torch.Generator | None = None) -> Tensor:
    """A noisy copy of images in black and white: each pixel has changed sides with probability `share`.

    Args:
        x: (N, C, H, W) of 0 and 1.
        generator: of the noise; torch's global one unless given.

    Returns:
        (N, C, H, W) float32 of 0 and 1.

    Raises:
        ValueError: no such images, or a share that is no probability.

    >>> flipped(torch.zeros(1, 1, 1, 4), share=1.0)
    tensor([[[[1., 1., 1., 1.]]]])
    """
    _check(x, 2)
    _check_whole(x)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise ValueError(f"share must be a probability, from 0 to 1, got {share!r}")
    random_numbers("generator", generator)
    where = "cpu" if generator is None else generator.device
    changed = torch.rand(x.shape, generator=generator, device=where).to(x.device) < share
    return torch.where(changed, 1 - x.float(), x.float())


def told(data: Data, given: str) -> Data:
    """The data with what is given, one of `GIVEN`, in the place of the labels.

    "half" is a copy of half the height and width, "luminance" the grey values of an image in colour, "noisy" a copy in
    black and white in which a tenth of the pixels has changed sides, the same ones each time (`flipped` makes new
    ones).

    Raises:
        ValueError: an unknown name, or data that have no such thing.
    """
    check_given(given)
    if data.levels is None or len(data.event_shape) != 3:
        raise ValueError(
            f"given={given!r} needs images of levels (C, H, W); {data.name!r} has events {data.event_shape}"
        )
    if given == "noisy" and data.levels != 2:
        raise ValueError(
            f"given='noisy' is for black and white; {data.name!r} has {data.levels} levels here, and may have levels=2"
        )
    parts = {}
    for seed, part in enumerate(("train", "valid", "test")):
        x, noise = getattr(data, part).x, torch.Generator().manual_seed(seed)
        if given == "half":
            y = half(x, data.levels)
        elif given == "luminance":
            y = luminance(x, data.levels)
        else:
            y = flipped(x, NOISE, noise)
        parts[part] = Split(x, y)
    return replace(data, **parts, class_names=None)


def check_given(given: str) -> None:
    """Raise ValueError unless it is one of `GIVEN`."""
    if given not in GIVEN:
        raise ValueError(f"there is no given={given!r}; accepted: {', '.join(GIVEN)}")


def _check_whole(x: Tensor) -> None:
    if x.is_floating_point() and not torch.equal(x, x.round()):
        raise ValueError(f"levels are whole numbers, got {x[x != x.round()][0].item():g}")


def _check(x: Tensor, levels: int) -> None:
    number_of_levels(levels)
    if not isinstance(x, Tensor) or x.dim() != 4:
        found = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        raise ValueError(f"images must be a tensor (N, C, H, W), got {found}")
    if x.numel() and not (0 <= x.min() and x.max() <= levels - 1):
        low, high = x.min().item(), x.max().item()
        raise ValueError(
            f"images of {levels} levels hold 0 to {levels - 1}, got {low:g} to {high:g}"
        )
