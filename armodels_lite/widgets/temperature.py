"""The slider with which a learner sets the temperature."""

from __future__ import annotations

from typing import Any

import ipywidgets

__all__ = ["temperature_slider"]


def temperature_slider(
    value: float, coldest: float, hottest: float, **options: Any
) -> ipywidgets.FloatSlider:
    """A slider in steps of 0.05 from the coldest to the hottest; `options` are further ones of the slider."""
    return ipywidgets.FloatSlider(
        value,
        min=coldest,
        max=hottest,
        step=0.05,
        description="temperature",
        tooltip="Below 1 sharpens every probability, above 1 flattens it",
        style={"description_width": "initial"},
        **options,
    )
