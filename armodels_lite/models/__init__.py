"""The models: each file holds one, with its cached decoder beside it."""

from .fvsbn import FVSBN
from .made import MADE
from .nade import NADE
from .tables import IndependentBernoulli

__all__ = ["FVSBN", "MADE", "NADE", "IndependentBernoulli"]
