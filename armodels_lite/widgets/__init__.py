"""Widgets: each a pure function from state to arrays and text, and a thin shell of controls around it.

    from armodels_lite.widgets import PixelSampler
    PixelSampler(model)

Importing this package loads ipywidgets and matplotlib; `import armodels_lite` does not.
"""

from .ar_process import ARProcess
from .attack_sizes import AttackSizes
from .attention_viewer import AttentionViewer
from .bernoulli_likelihood import BernoulliLikelihood
from .chooser_tree import chooser_tree
from .decision_boundary import DecisionBoundary
from .dilation_tree import DilationTree
from .fixed_point_sampler import FixedPointSampler
from .gradient_reach import GradientReach
from .grid import PixelGrid
from .histogram_bins import HistogramBins
from .hole_filler import HoleFiller
from .mask_stepper import MaskStepper
from .mixture_steps import MixtureSteps
from .model_chooser import ModelChooser
from .nade_walk import NADEWalk
from .network_view import network_figure
from .network_walk import NetworkWalk
from .next_symbol import NextSymbol
from .ordering_walk import OrderingWalk
from .pixel_sampler import PixelSampler
from .purifier import Purifier
from .quiz import Quiz
from .result_state import Missing, ResultColumn
from .result_table import ResultTable
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
    "FixedPointSampler",
    "GradientReach",
    "HistogramBins",
    "HoleFiller",
    "MaskStepper",
    "Missing",
    "MixtureSteps",
    "ModelChooser",
    "NADEWalk",
    "NetworkWalk",
    "NextSymbol",
    "OrderingWalk",
    "PixelGrid",
    "PixelSampler",
    "Purifier",
    "Quiz",
    "ResultColumn",
    "ResultTable",
    "SamplerState",
    "SkewWalk",
    "Stepper",
    "TextSampler",
    "TwoKLs",
    "UnrolledRNN",
    "chooser_tree",
    "network_figure",
]
