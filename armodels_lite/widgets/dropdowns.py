"""A named dropdown, as wide as its widest choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets

__all__ = ["dropdown"]


def dropdown(name: str, tooltip: str, options: Sequence[Any], value: object) -> ipywidgets.Dropdown:
    """A choice among `options` (values, or pairs of what is shown and the value), with its name before it."""
    return ipywidgets.Dropdown(
        options=options,
        value=value,
        description=name,
        tooltip=tooltip,
        style={"description_width": "initial"},
        layout={"width": "max-content"},
    )
