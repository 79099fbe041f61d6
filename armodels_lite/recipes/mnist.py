"""Recipes for binarized MNIST: 28 x 28 pixels, each black or white."""

from __future__ import annotations

from ..conditionals import Categorical
from ..models import FVSBN, MADE, NADE, GatedPixelCNN, PixelCNN, PixelRNN, Transformer
from .recipe import Recipe
from .shared import IMAGES, LARGE, MNIST, TEXT

__all__ = ["MNIST_RECIPES"]

MADE_LARGE = {**LARGE, "epochs": 16, "learning_rate": 5e-3, "warmup": 300, "weight_decay": 0.05}
GATED = {"channels": 20, "layers": 5, "kernel_size": 5, "first_kernel_size": 7, "position": True}

MNIST_RECIPES = (
    Recipe(
        name="binarized_mnist_fvsbn",
        about="FVSBN, random order",
        data="binarized_mnist",
        model=lambda: FVSBN(MNIST, ordering="random"),
        # In raster order the best run with "sgd" was 0.3 nats better on valid than the best with Adam.
        training={
            **LARGE,
            "epochs": 18,
            "optimizer": "sgd",
            "learning_rate": 0.15,
            "warmup": 300,
        },
        published="97.45 nats (FVSBN; Larochelle, Murray 2011)",
    ),
    Recipe(
        name="binarized_mnist_nade",
        about="NADE with 500 hidden units, raster order",
        data="binarized_mnist",
        model=lambda: NADE(MNIST, hidden=500),
        training={
            **LARGE,
            "epochs": 13,
            "learning_rate": 1e-2,
            "warmup": 400,
            "weight_decay": 0.02,
        },
        published="88.33 nats (NADE, one hidden layer, fixed order; Uria, Murray, Larochelle 2014)",
    ),
    Recipe(
        name="binarized_mnist_made",
        about="MADE with one hidden layer of 1,000 units and direct links, raster order",
        data="binarized_mnist",
        model=lambda: MADE(MNIST, hidden=(1000,), direct=True),
        training=MADE_LARGE,
        published="88.40 nats (MADE, one hidden layer of 8,000 units, one order; Germain et al. 2015)",
    ),
    Recipe(
        name="binarized_mnist_made_classes",
        about="MADE as above, told which digit it is to draw",
        data="binarized_mnist",
        options={"labels": True},
        model=lambda: MADE(MNIST, hidden=(1000,), direct=True, num_classes=10),
        training=MADE_LARGE,
    ),
    Recipe(
        name="binarized_mnist_pixelrnn",
        about="PixelRNN: one Diagonal BiLSTM with 24 features",
        data="binarized_mnist",
        model=lambda: PixelRNN(MNIST, kind="diagonal", channels=24, layers=1),
        training={
            **LARGE,
            "batch_size": 32,
            "epochs": 6,
            "learning_rate": 5e-3,
            "warmup": 300,
        },
        published="80.75 nats (one Diagonal BiLSTM, h = 32), 79.20 (seven, h = 16; van den Oord, Kalchbrenner, "
        "Kavukcuoglu 2016)",
    ),
    Recipe(
        name="binarized_mnist_pixelcnn",
        about="PixelCNN: 7 layers of 32 features, 5 x 5 kernels, told the place of each pixel",
        data="binarized_mnist",
        model=lambda: PixelCNN(MNIST, channels=32, layers=7, kernel_size=5, position=True),
        training={**IMAGES, "epochs": 5},
        published="81.30 nats (PixelCNN; van den Oord, Kalchbrenner, Kavukcuoglu 2016)",
    ),
    Recipe(
        name="binarized_mnist_gated_pixelcnn",
        about="Gated PixelCNN: 5 layers of 20 features, 5 x 5 kernels, told the place of each pixel",
        data="binarized_mnist",
        model=lambda: GatedPixelCNN(MNIST, **GATED),
        training={**IMAGES, "epochs": 2},
    ),
    Recipe(
        name="binarized_mnist_gated_pixelcnn_classes",
        about="Gated PixelCNN as above, told which digit it is to draw",
        data="binarized_mnist",
        options={"labels": True},
        model=lambda: GatedPixelCNN(MNIST, num_classes=10, **GATED),
        training={**IMAGES, "epochs": 2},
    ),
    Recipe(
        name="binarized_mnist_transformer",
        about="image GPT over squares of 2 x 2 pixels, read as one of 16 symbols: 4 layers of width 64, 4 heads",
        data="binarized_mnist",
        options={"patch": 2},
        model=lambda: Transformer(
            (1, 14, 14),
            width=64,
            layers=4,
            heads=4,
            position="learned+rotary",
            conditional=Categorical(16),
        ),
        training={
            **TEXT,
            "epochs": 4,
            "batch_size": 32,
            "learning_rate": 4e-3,
            "weight_decay": 0.05,
        },
    ),
)
