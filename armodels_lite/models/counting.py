"""What every model that is fitted by counting asks of its data."""

from __future__ import annotations

import math

from torch import Tensor

from ..density import DensityModel


def check_counting(model: DensityModel, x: Tensor, pseudocount: float) -> None:
    """Raise ValueError or TypeError unless x holds events of the model, at least one, and pseudocount >= 0."""
    model.check(x)
    if len(x) == 0 or not 0 <= pseudocount < math.inf:
        raise ValueError(
            f"counting needs events and a pseudocount >= 0, got {len(x)} events and {pseudocount}"
        )
