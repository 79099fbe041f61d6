"""Widgets: each a pure function from state to arrays and text, and a thin shell of controls around it.

    from armodels_lite.widgets import PixelSampler
    PixelSampler(model)

Importing this package loads ipywidgets and matplotlib; `import armodels_lite` does not.
"""

from .ar_process import ARProcess
from .attack_sizes import AttackSizes
from .attention_viewer import AttentionViewer
from .bernoulli_likelihood import BernoulliLikelihood
from .decision_boundary import DecisionBoundary
from .dilation_tree import DilationTree
from .gradient_reach import GradientReach
from .grid import PixelGrid
from .histogram_bins import HistogramBins
from .hole_filler import HoleFiller
from .mask_stepper import MaskStepper
from .mixture_steps import MixtureSteps
from .nade_walk import NADEWalk
from .network_view import network_figure
from .network_walk import NetworkWalk
from .next_symbol import NextSymbol
from .ordering_walk import OrderingWalk
from .pixel_sampler import PixelSampler
from .purifier import Purifier
from .quiz import Quiz
from .sampler_state import SamplerState
from .skew_walk import SkewWalk
from .stepper import Controls, Stepper
from .text_sampler import TextSampler
from .two_kls import TwoKLs
from .unrolled_rnn import UnrolledRNN

__all__ = [
    "ARProcess",
    "AttackSizes",
    "AttentionViewer",
    "BernoulliLikelihood",
    "Controls",
    "DecisionBoundary",
    "DilationTree",
    "GradientReach",
    "HistogramBins",
    "HoleFiller",
    "MaskStepper",
    "MixtureSteps",
    "NADEWalk",
    "NetworkWalk",
    "NextSymbol",
    "OrderingWalk",
    "PixelGrid",
    "PixelSampler",
    "Purifier",
    "Quiz",
    "SamplerState",
    "SkewWalk",
    "Stepper",
    "TextSampler",
    "TwoKLs",
    "UnrolledRNN",
    "network_figure",
]
