"""The models: each file holds one, with its cached decoder beside it."""

from .bayes_net import BayesNet
from .classical import LinearAR
from .classifier import Classifier
from .fvsbn import FVSBN
from .histogram import Histogram
from .made import MADE
from .nade import NADE
from .tables import IndependentBernoulli

__all__ = [
    "FVSBN",
    "MADE",
    "NADE",
    "BayesNet",
    "Classifier",
    "Histogram",
    "IndependentBernoulli",
    "LinearAR",
]
