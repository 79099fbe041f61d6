"""Which connections a network may have so that output t depends on the variables before t alone.

All functions are pure: from orders and degrees to boolean masks. A mask has the shape of the weight that it
multiplies, (outputs, inputs): True where the connection is allowed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

__all__ = [
    "attention_mask",
    "channel_groups",
    "convolution_mask",
    "degree_mask",
    "expand_mask",
    "made_degrees",
    "made_masks",
]

PATTERNS = ("full", "local", "strided")  # of attention


def made_degrees(rank: Tensor, hidden: Sequence[int], seed: int | None = None) -> list[Tensor]:
    """Degrees of the inputs and of each hidden layer of a MADE: int64 tensors (T,), (h1,), (h2,), ...

    The variable drawn at step t (from 0) has degree t + 1: `rank` (T,) holds each variable's step. A hidden unit
    of degree d may see the variables of degree at most d; d runs from 1 to T - 1, since a unit of degree T would
    see all and feed nothing. With `seed=None` the degrees are spread evenly; with a seed they are drawn at random,
    at least the smallest degree of the layer below, as in the paper.

    Source: M. Germain, K. Gregor, I. Murray, H. Larochelle, "MADE: Masked Autoencoder for Distribution
    Estimation", 2015.

    >>> made_degrees(torch.tensor([0, 1, 2]), hidden=[4])
    [tensor([1, 2, 3]), tensor([1, 1, 2, 2])]
    """
    inputs = rank + 1
    highest = max(1, len(rank) - 1)
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    layers = [inputs]
    for units in hidden:
        if generator is None:
            degrees = 1 + torch.arange(units) * highest // units
        else:
            lowest = min(int(layers[-1].min()), highest)
            degrees = torch.randint(lowest, highest + 1, (units,), generator=generator)
        layers.append(degrees)
    return layers


def degree_mask(
    outputs: Tensor, inputs: Tensor, *, strict: bool, out: Tensor | None = None
) -> Tensor:
    """Bool (len(outputs), len(inputs)): may a unit of this degree see an input of that degree?

    Into a hidden layer an equal degree is allowed (strict=False). At the output it is not (strict=True): the
    output for x_t must not see x_t. `out`, a tensor of that shape and of any dtype, is filled with the mask and
    returned: as a float mask in one pass over memory.
    """
    compare = torch.gt if strict else torch.ge
    return compare(outputs.unsqueeze(1), inputs, out=out)


def made_masks(degrees: Sequence[Tensor], outputs: Tensor | None = None) -> list[Tensor]:
    """The masks of all layers of a MADE, hidden layers first, output last, from `made_degrees`.

    An output has the degree of its variable as an input, unless `outputs` (T,) gives others.

    >>> masks = made_masks(made_degrees(torch.tensor([0, 1, 2]), hidden=[4]))
    >>> (masks[1].int() @ masks[0].int())        # paths from input (column) to output (row)
    tensor([[0, 0, 0],
            [2, 0, 0],
            [4, 2, 0]], dtype=torch.int32)
    """
    into_hidden = [degree_mask(above, below, strict=False) for below, above in pairwise(degrees)]
    last = degrees[0] if outputs is None else outputs
    return [*into_hidden, degree_mask(last, degrees[-1], strict=True)]


def expand_mask(mask: Tensor, outputs_per_variable: int, inputs_per_variable: int) -> Tensor:
    """The mask between variables made one between their parameters (rows) and their features (columns)."""
    return mask.repeat_interleave(outputs_per_variable, 0).repeat_interleave(inputs_per_variable, 1)


def channel_groups(features: int, channels: int) -> Tensor:
    """The colour channel that each feature of a pixel belongs to: int64 (features,), from 0 to channels - 1.

    The features are split into consecutive groups, one for each channel of the image, as equal as they can be.
    Between features of one pixel `degree_mask` of their groups is the mask: with strict=True (mask A) a feature of
    group g sees the groups before g, with strict=False (mask B) its own as well.

    Source: A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016.

    Raises ValueError if some channel would be left without a feature.

    >>> groups = channel_groups(4, channels=3)
    >>> groups
    tensor([0, 0, 1, 2])
    >>> degree_mask(torch.arange(3), groups, strict=True).int()
    tensor([[0, 0, 0, 0],
            [1, 1, 0, 0],
            [1, 1, 1, 0]], dtype=torch.int32)
    """
    if not 1 <= channels <= features:
        raise ValueError(
            f"each of {channels} channels needs a feature of its own, got {features} features"
        )
    return torch.arange(features) * channels // features


def convolution_mask(
    outputs: Tensor, inputs: Tensor, size: tuple[int, int], *, strict: bool
) -> Tensor:
    """Bool (len(outputs), len(inputs), height, width): which taps of a kernel look at what is already drawn.

    In raster order that is every tap in a row above the centre or left of it in its row. At the centre, the pixel
    itself, the groups of the features decide: mask A (strict=True) lets group g see the groups before g, mask B
    (strict=False) its own as well.

    Args:
        outputs, inputs: the group of each feature, from `channel_groups`.
        size: height and width of the kernel, both odd.

    Raises ValueError for a size that has no centre.

    >>> grey = torch.tensor([0])
    >>> convolution_mask(grey, grey, (3, 3), strict=True)[0, 0].int()
    tensor([[1, 1, 1],
            [1, 0, 0],
            [0, 0, 0]], dtype=torch.int32)
    """
    height, width = size
    if not (height > 0 and width > 0 and height % 2 and width % 2):
        raise ValueError(f"height and width of a kernel must be odd, got {size}")
    taps = torch.arange(height * width).view(height, width)
    centre = taps[height // 2, width // 2]
    mask = (taps < centre).expand(len(outputs), len(inputs), -1, -1).clone()
    mask[:, :, height // 2, width // 2] = degree_mask(outputs, inputs, strict=strict)
    return mask


def attention_mask(size: int, pattern: str = "full", span: int | None = None) -> Tensor:
    """Bool (size, size): row t is True at the steps that step t looks at, among them t itself and none after it.

    - "full": all steps up to t;
    - "local": the last `span` of them;
    - "strided": the last `span`, and of the earlier ones those a multiple of `span` steps back. On an image in raster
      order, with the width as span, that is the row above up to here and the column above.

    Local and strided masks are sparse: about `span` and `span + size / span` entries a row in place of `size`. Over two
    layers a strided mask lets every step reach all before it.

    Source: R. Child, S. Gray, A. Radford, I. Sutskever, "Generating Long Sequences with Sparse Transformers", 2019.
    There each half of the heads has one of the two parts of the strided mask; here each head has both.

    Raises ValueError for a pattern or a span that does not exist.

    >>> attention_mask(6, "strided", 2).int()
    tensor([[1, 0, 0, 0, 0, 0],
            [1, 1, 0, 0, 0, 0],
            [1, 1, 1, 0, 0, 0],
            [0, 1, 1, 1, 0, 0],
            [1, 0, 1, 1, 1, 0],
            [0, 1, 0, 1, 1, 1]], dtype=torch.int32)
    """
    if pattern not in PATTERNS:
        raise ValueError(
            f"pattern must be one of {', '.join(map(repr, PATTERNS))}, got {pattern!r}"
        )
    if (span is None) != (pattern == "full") or not (
        span is None or (type(span) is int and span > 0)
    ):
        raise ValueError(
            f"span must be a positive int for 'local' and 'strided', and not be given for 'full'; got "
            f"{span!r} for {pattern!r}"
        )
    back = torch.arange(size).unsqueeze(1) - torch.arange(size)
    allowed = back >= 0
    if pattern == "local":
        return allowed & (back < span)
    if pattern == "strided":
        return allowed & ((back < span) | (back % span == 0))
    return allowed
