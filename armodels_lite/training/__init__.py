"""Training and measuring: `fit` minimises the negative log-likelihood, `evaluate` says what came of it."""

from .evaluation import Evaluation, bits_per_dim, evaluate
from .history import History
from .loop import fit
from .settings import Settings, learning_rate_at

__all__ = [
    "Evaluation",
    "History",
    "Settings",
    "bits_per_dim",
    "evaluate",
    "fit",
    "learning_rate_at",
]
