"""Widgets: each a pure function from state to arrays and text, and a thin shell of controls around it.

    from armodels_lite.widgets import PixelSampler
    PixelSampler(model)

Importing this package loads ipywidgets and matplotlib; `import armodels_lite` does not.
"""

from .grid import PixelGrid
from .pixel_sampler import PixelSampler
from .sampler_state import SamplerState
from .stepper import Controls, Stepper

__all__ = ["Controls", "PixelGrid", "PixelSampler", "SamplerState", "Stepper"]
