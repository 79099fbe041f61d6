"""Autoregressive generative models for an interactive course: p(x) = prod_t p(x_t | x_<t).

>>> import armodels_lite as ar
>>> model = ar.NADE((1, 8, 8), hidden=16)
>>> x = model.sample(2)
>>> x.shape, model.log_prob(x).shape
(torch.Size([2, 1, 8, 8]), torch.Size([2]))
"""

from . import attacks
from .chain import AutoregressiveModel, Decoder, Step
from .completion import Completions, complete
from .compression import compress, decompress
from .conditionals import (
    Bernoulli,
    Categorical,
    Conditional,
    GaussianMixture,
    LogisticMixture,
    PiecewiseConstant,
)
from .continuation import continue_sequence
from .data import load, stored_results
from .density import DensityModel
from .filters import top_k, top_p
from .inspection import (
    dependencies,
    receptive_field,
    state_jacobian_norms,
    total_probability,
)
from .models import (
    FVSBN,
    MADE,
    NADE,
    RNN,
    Autoencoder,
    BayesNet,
    Classifier,
    GatedPixelCNN,
    GroupedMADE,
    Histogram,
    IndependentBernoulli,
    LinearAR,
    OrderEnsemble,
    PixelCNN,
    PixelCNNpp,
    PixelRNN,
    Transformer,
    WaveNet,
)
from .pixeldefend import p_value, purify
from .predictive import predictive_sample
from .saving import load_pretrained
from .speculative import speculative_sample
from .text import Vocabulary
from .training import Evaluation, History, bits_per_dim, evaluate, fit

__version__ = "0.1.0"

__all__ = [
    "FVSBN",
    "MADE",
    "NADE",
    "RNN",
    "Autoencoder",
    "AutoregressiveModel",
    "BayesNet",
    "Bernoulli",
    "Categorical",
    "Classifier",
    "Completions",
    "Conditional",
    "Decoder",
    "DensityModel",
    "Evaluation",
    "GatedPixelCNN",
    "GaussianMixture",
    "GroupedMADE",
    "Histogram",
    "History",
    "IndependentBernoulli",
    "LinearAR",
    "LogisticMixture",
    "OrderEnsemble",
    "PiecewiseConstant",
    "PixelCNN",
    "PixelCNNpp",
    "PixelRNN",
    "Step",
    "Transformer",
    "Vocabulary",
    "WaveNet",
    "attacks",
    "bits_per_dim",
    "complete",
    "compress",
    "continue_sequence",
    "decompress",
    "dependencies",
    "evaluate",
    "fit",
    "load",
    "load_pretrained",
    "p_value",
    "predictive_sample",
    "purify",
    "receptive_field",
    "speculative_sample",
    "state_jacobian_norms",
    "stored_results",
    "top_k",
    "top_p",
    "total_probability",
]
