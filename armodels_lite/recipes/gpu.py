"""Recipes about as large as in the papers, for a GPU.

They have not been run: their numbers are a start and no choice.
"""

from __future__ import annotations

from ..conditionals import Categorical
from ..models import GatedPixelCNN, PixelCNN, PixelCNNpp, WaveNet
from .recipe import Recipe
from .shared import LARGE, MNIST

__all__ = ["GPU_RECIPES"]

CIFAR = (3, 32, 32)
GPU = {**LARGE, "batch_size": 64, "learning_rate": 1e-3, "warmup": 1000, "clip": 1.0}

GPU_RECIPES = (
    Recipe(
        name="binarized_mnist_pixelcnn_large",
        about="for a GPU: PixelCNN with 16 layers of 128 features, 7 x 7 and 3 x 3 kernels",
        data="binarized_mnist",
        model=lambda: PixelCNN(
            MNIST, channels=128, layers=16, kernel_size=3, first_kernel_size=7, position=True
        ),
        training={**GPU, "epochs": 30},
        published="81.30 nats (PixelCNN; van den Oord, Kalchbrenner, Kavukcuoglu 2016)",
    ),
    Recipe(
        name="binarized_mnist_gated_pixelcnn_large",
        about="for a GPU: Gated PixelCNN with 12 layers of 64 features, 7 x 7 and 5 x 5 kernels",
        data="binarized_mnist",
        model=lambda: GatedPixelCNN(
            MNIST, channels=64, layers=12, kernel_size=5, first_kernel_size=7, position=True
        ),
        training={**GPU, "epochs": 30},
    ),
    Recipe(
        name="cifar10_gated_pixelcnn",
        about="for a GPU: Gated PixelCNN with 15 layers of 129 features, softmax over 256 levels",
        data="cifar10",
        model=lambda: GatedPixelCNN(
            CIFAR,
            channels=129,
            layers=15,
            kernel_size=5,
            first_kernel_size=7,
            conditional=Categorical(256),
        ),
        training={**GPU, "epochs": 60},
        published="3.03 bits/dim (Gated PixelCNN; van den Oord et al. 2016)",
    ),
    Recipe(
        name="cifar10_pixelcnnpp",
        about="for a GPU: PixelCNN++ with 160 features, 5 blocks at each of 3 resolutions, 10 mixtures",
        data="cifar10",
        model=lambda: PixelCNNpp(
            CIFAR, channels=160, blocks=5, resolutions=3, mixtures=10, dropout=0.5
        ),
        training={**GPU, "epochs": 200, "learning_rate": 4e-4, "ema": 0.9995},
        published="2.92 bits/dim (PixelCNN++; Salimans, Karpathy, Chen, Kingma 2017)",
    ),
    Recipe(
        name="fsdd_wavenet_large",
        about="for a GPU: WaveNet with three stacks of 10 layers, 96 channels, told speaker, digit and time",
        data="fsdd",
        options={"voices": True},
        model=lambda: WaveNet(
            (4096,), channels=96, layers=10, stacks=3, num_classes=60, position=True
        ),
        training={**GPU, "epochs": 60, "batch_size": 8},
    ),
)
