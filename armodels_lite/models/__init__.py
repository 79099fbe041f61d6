"""The models: each file holds one, with its cached decoder beside it."""

from .autoencoder import Autoencoder
from .bayes_net import BayesNet
from .classical import LinearAR
from .classifier import Classifier
from .ensemble import OrderEnsemble
from .fvsbn import FVSBN
from .gated_pixelcnn import GatedPixelCNN
from .grouped_made import GroupedMADE
from .histogram import Histogram
from .made import MADE
from .nade import NADE
from .pixelcnn import PixelCNN
from .pixelcnnpp import PixelCNNpp
from .pixelrnn import PixelRNN
from .rnn import RNN
from .tables import IndependentBernoulli
from .transformer import Transformer
from .wavenet import WaveNet

__all__ = [
    "FVSBN",
    "MADE",
    "NADE",
    "RNN",
    "Autoencoder",
    "BayesNet",
    "Classifier",
    "GatedPixelCNN",
    "GroupedMADE",
    "Histogram",
    "IndependentBernoulli",
    "LinearAR",
    "OrderEnsemble",
    "PixelCNN",
    "PixelCNNpp",
    "PixelRNN",
    "Transformer",
    "WaveNet",
]
