"""Random weights for the models that tests are made on."""

from __future__ import annotations

from typing import TypeVar

import torch

import armodels_lite as ar

Model = TypeVar("Model", bound=ar.DensityModel)


def randomised(model: Model, scale: float = 0.5, seed: int = 0) -> Model:
    """The model, in eval mode, with normal noise of this scale added to every weight and bias."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_(scale * noise.to(parameter.dtype))
    return model.eval()
