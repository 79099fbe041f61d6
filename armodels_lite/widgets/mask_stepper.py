"""Masks step by step: of a MADE by its sizes, of a convolutional model as it is."""

from __future__ import annotations

from typing import Any

from torch import nn

from ..models.convolutional import ConvolutionalModel
from .convolution_masks import ConvolutionMasks
from .made_masks import MadeMasks

__all__ = ["MaskStepper"]


def MaskStepper(*arguments: Any, **options: Any) -> MadeMasks | ConvolutionMasks:
    """What the masks of a network allow, a decision or a layer a step, and at last what was measured beside it.

    - `MaskStepper(variables=3, hidden=(4,), ...)`: the masks of a MADE of these sizes, from degrees to dependencies;
      see `MadeMasks`.
    - `MaskStepper(model, pixel=None, channel=None, ...)`: the receptive field of a `PixelCNN`, `GatedPixelCNN` or
      `PixelCNNpp`, layer by layer, with its blind spot; see `ConvolutionMasks`.

    Raises:
        TypeError: another model.
        ValueError: see the two classes.

    >>> from armodels_lite import GatedPixelCNN
    >>> MaskStepper(GatedPixelCNN((1, 5, 5), channels=4, layers=3))
    MaskStepper(step 0 of 4)
    >>> MaskStepper(3, (4,))
    MaskStepper(step 0 of 39)
    """
    model = arguments[0] if arguments else options.get("model")
    if isinstance(model, ConvolutionalModel):
        return ConvolutionMasks(*arguments, **options)
    if isinstance(model, nn.Module):
        raise TypeError(
            "MaskStepper takes a PixelCNN, a GatedPixelCNN or a PixelCNNpp, or the sizes of a MADE such as "
            f"MaskStepper(3, (4,)), got {type(model).__name__}"
        )
    return MadeMasks(*arguments, **options)
