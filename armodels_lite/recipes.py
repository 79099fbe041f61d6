"""The named trainings behind the checkpoints that ship: which model, on which data, with which numbers.

A recipe is all that `armodels train --recipe NAME` needs; `checkpoints.py` runs it. Each was chosen on validation data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

from .chain import AutoregressiveModel
from .conditionals import Categorical, LogisticMixture
from .models import (
    FVSBN,
    MADE,
    NADE,
    RNN,
    GatedPixelCNN,
    PixelCNN,
    PixelCNNpp,
    PixelRNN,
    Transformer,
    WaveNet,
)

__all__ = ["RECIPES", "Recipe", "find_recipe"]


@dataclass(frozen=True)
class Recipe:
    """One training.

    Attributes:
        name: of the recipe and of its checkpoint.
        about: the model in a few words.
        data: name of the data set, for `ar.load`.
        model: builds the untrained model; its weights are drawn from torch's global random state.
        training: keyword arguments of `ar.fit`.
        options: further arguments of `ar.load`.
        seed: of the first weights and of the training.
        published: what the literature reports for such a model, with its source; "" where there is nothing.
    """

    name: str
    about: str
    data: str
    model: Callable[[], AutoregressiveModel]
    training: Mapping[str, object]
    options: Mapping[str, object] = field(default_factory=dict)
    seed: int = 0
    published: str = ""

    def untrained(self) -> AutoregressiveModel:
        """The model before training: the same weights each time, the global random state left as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return self.model()


MNIST, DIGITS, CIFAR = (1, 28, 28), (1, 8, 8), (3, 32, 32)

# Averaged weights (`ema`) and a learning rate that falls to 0 need no search for the moment to stop.
LARGE = {"batch_size": 128, "schedule": "cosine", "ema": 0.999}
MADE_LARGE = {**LARGE, "epochs": 16, "learning_rate": 5e-3, "warmup": 300, "weight_decay": 0.05}
SMALL = {"epochs": 30, "schedule": "cosine"}
# Gradients of recurrent networks can be very long for a step: they are clipped.
TEXT = {"schedule": "cosine", "warmup": 200, "clip": 1.0, "ema": 0.999}
CHORALES = {"transposed": True}
MUSIC = {**SMALL, "epochs": 40, "batch_size": 16, "learning_rate": 1e-2, "clip": 1.0}
IMAGES = {**LARGE, "batch_size": 32, "learning_rate": 1e-2, "warmup": 300, "weight_decay": 0.01}
GATED = {"channels": 20, "layers": 5, "kernel_size": 5, "first_kernel_size": 7, "position": True}
GPU = {**LARGE, "batch_size": 64, "learning_rate": 1e-3, "warmup": 1000, "clip": 1.0}
MADE_SMALL = {**SMALL, "epochs": 60, "learning_rate": 1e-2, "weight_decay": 0.3}
IMAGES_SMALL = {**SMALL, "batch_size": 32, "weight_decay": 1.0}
LEVELS = {"channels": 32, "blocks": 1, "resolutions": 1, "dropout": 0.3, "position": True}
LEVELS_TRAINING = {**SMALL, "batch_size": 32, "learning_rate": 1e-2, "weight_decay": 0.1}

_LISTED = (
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
    Recipe(
        name="digits_fvsbn",
        about="FVSBN, raster order",
        data="digits",
        model=lambda: FVSBN(DIGITS),
        training={**SMALL, "learning_rate": 3e-2},
    ),
    Recipe(
        name="digits_nade",
        about="NADE with 128 hidden units, raster order",
        data="digits",
        model=lambda: NADE(DIGITS, hidden=128),
        training={**SMALL, "epochs": 60, "learning_rate": 3e-2, "weight_decay": 0.1},
    ),
    Recipe(
        name="digits_made",
        about="MADE with one hidden layer of 500 units and direct links, raster order",
        data="digits",
        model=lambda: MADE(DIGITS, hidden=(500,), direct=True),
        training=MADE_SMALL,
    ),
    Recipe(
        name="digits_made_orders",
        about="MADE with 500 units and direct links that has learnt eight orderings",
        data="digits",
        model=lambda: MADE(DIGITS, hidden=(500,), direct=True, masks=8),
        training={**SMALL, "epochs": 150, "learning_rate": 1e-2, "weight_decay": 0.1},
    ),
    Recipe(
        name="digits_made_classes",
        about="MADE as above, told which digit it is to draw",
        data="digits",
        model=lambda: MADE(DIGITS, hidden=(500,), direct=True, num_classes=10),
        training=MADE_SMALL,
    ),
    Recipe(
        name="digits_lstm",
        about="LSTM with 128 units, the pixels row by row, told the place of each",
        data="digits",
        options={"flat": True},
        model=lambda: RNN((64,), hidden=128, position=True, dropout=0.2),
        training={
            **SMALL,
            "epochs": 40,
            "batch_size": 32,
            "learning_rate": 2e-2,
            "weight_decay": 0.1,
            "clip": 1.0,
        },
    ),
    Recipe(
        name="digits_transformer",
        about="Transformer with 2 layers of width 64, 4 heads, learned and rotary positions; a step a pixel",
        data="digits",
        model=lambda: Transformer(
            DIGITS, width=64, layers=2, heads=4, position="learned+rotary", dropout=0.1
        ),
        training={
            **SMALL,
            "epochs": 50,
            "batch_size": 32,
            "learning_rate": 1e-2,
            "warmup": 50,
            "weight_decay": 0.1,
            "clip": 1.0,
        },
    ),
    Recipe(
        name="digits_pixelcnn",
        about="PixelCNN: 4 layers of 32 features, 7 x 7 and 5 x 5 kernels, told the place of each pixel",
        data="digits",
        model=lambda: PixelCNN(
            DIGITS, channels=32, layers=4, kernel_size=5, first_kernel_size=7, position=True
        ),
        # These networks learn the images by heart: a strong weight decay was worth 0.5 nats on valid.
        training={**IMAGES_SMALL, "learning_rate": 1e-2},
    ),
    Recipe(
        name="digits_gated_pixelcnn",
        about="Gated PixelCNN: 3 layers of 32 features, 7 x 7 and 5 x 5 kernels, told the place of each pixel",
        data="digits",
        model=lambda: GatedPixelCNN(
            DIGITS, channels=32, layers=3, kernel_size=5, first_kernel_size=7, position=True
        ),
        training={**IMAGES_SMALL, "learning_rate": 5e-3},
    ),
    Recipe(
        name="digits_grey_pixelcnnpp",
        about="PixelCNN++ at one resolution, 32 features, told the place of each pixel: 17 grey levels, 5 logistics",
        data="digits",
        options={"levels": 17},
        model=lambda: PixelCNNpp(DIGITS, conditional=LogisticMixture(5, levels=17), **LEVELS),
        training=LEVELS_TRAINING,
    ),
    Recipe(
        name="digits_grey_pixelcnnpp_softmax",
        about="PixelCNN++ as above, with a probability of its own for each of the 17 levels in place of logistics",
        data="digits",
        options={"levels": 17},
        model=lambda: PixelCNNpp(DIGITS, conditional=Categorical(17), **LEVELS),
        training=LEVELS_TRAINING,
    ),
    Recipe(
        name="digits_colour_pixelcnnpp",
        about="PixelCNN++ at one resolution, 24 features, told the place of each pixel: 3 channels of 17 levels, "
        "5 logistics",
        data="digits",
        options={"colour": True},
        model=lambda: PixelCNNpp(
            (3, 8, 8),
            conditional=LogisticMixture(5, levels=17),
            **{**LEVELS, "channels": 24, "dropout": 0.1},
        ),
        training=LEVELS_TRAINING,
    ),
    # What is known of the image beside the pixels drawn so far: a smaller copy, its grey values, a noisy copy, a class.
    Recipe(
        name="digits_grey_pixelcnnpp_enlarge",
        about="PixelCNN++ at one resolution, 32 features: 8 x 8 pixels of 17 grey levels, given 4 x 4",
        data="digits",
        options={"levels": 17, "given": "half"},
        model=lambda: PixelCNNpp(
            DIGITS, conditional=Categorical(17), context_shape=(1, 4, 4), **LEVELS
        ),
        training=LEVELS_TRAINING,
    ),
    Recipe(
        name="binarized_mnist_pixelcnn_enlarge",
        about="PixelCNN: 5 layers of 32 features, 3 x 3 kernels: 28 x 28 pixels, given 14 x 14",
        data="binarized_mnist",
        options={"given": "half"},
        model=lambda: PixelCNN(
            MNIST, channels=32, layers=5, kernel_size=3, context_shape=(1, 14, 14)
        ),
        training={**IMAGES, "epochs": 3},
    ),
    Recipe(
        name="digits_colour_pixelcnnpp_from_grey",
        about="PixelCNN++ at one resolution, 24 features: 3 channels of 17 levels, given the grey values",
        data="digits",
        options={"colour": True, "given": "luminance"},
        model=lambda: PixelCNNpp(
            (3, 8, 8),
            conditional=LogisticMixture(5, levels=17),
            context_shape=(1, 8, 8),
            **{**LEVELS, "channels": 24, "dropout": 0.1},
        ),
        training=LEVELS_TRAINING,
    ),
    Recipe(
        name="digits_pixelcnn_clean",
        about="PixelCNN: 3 layers of 32 features, given a copy in which a tenth of the pixels is wrong",
        data="digits",
        options={"given": "noisy"},
        model=lambda: PixelCNN(
            DIGITS, channels=32, layers=3, kernel_size=5, context_shape=DIGITS, position=True
        ),
        training={**IMAGES_SMALL, "learning_rate": 5e-3},
    ),
    Recipe(
        name="digits_gated_pixelcnn_classes",
        about="Gated PixelCNN: 3 layers of 32 features, told which digit it is to draw",
        data="digits",
        model=lambda: GatedPixelCNN(
            DIGITS,
            channels=32,
            layers=3,
            kernel_size=5,
            first_kernel_size=7,
            position=True,
            num_classes=10,
        ),
        training={**IMAGES_SMALL, "learning_rate": 5e-3},
    ),
    Recipe(
        name="hills_gated_pixelcnn",
        about="Gated PixelCNN: 5 layers of 24 features, 5 x 5 kernels, 8 grey levels",
        data="hills",
        model=lambda: GatedPixelCNN(
            (1, 24, 24), channels=24, layers=5, kernel_size=5, conditional=Categorical(8)
        ),
        training={**SMALL, "epochs": 12, "batch_size": 16, "learning_rate": 5e-3},
    ),
    Recipe(
        name="tiny_shakespeare_lstm",
        about="LSTM with 512 units over characters",
        data="tiny_shakespeare",
        options={"window": 128},
        # The number of weights does not depend on the length: trained on windows of 128, used up to 512.
        model=lambda: RNN((512,), hidden=512, dropout=0.3, conditional=Categorical(65)),
        training={**TEXT, "epochs": 14, "batch_size": 16, "learning_rate": 8e-3},
        published="1.4697 nats per character on valid and test together, windows of 256 (nanoGPT, a Transformer of "
        "10.7 million weights; A. Karpathy 2022)",
    ),
    Recipe(
        name="tiny_shakespeare_transformer",
        about="Transformer with 4 layers of width 160, 5 heads, rotary positions, over characters",
        data="tiny_shakespeare",
        options={"window": 256},
        model=lambda: Transformer(
            (256,),
            width=160,
            layers=4,
            heads=5,
            position="rotary",
            dropout=0.1,
            conditional=Categorical(65),
        ),
        training={
            **TEXT,
            "epochs": 14,
            "batch_size": 8,
            "learning_rate": 4e-3,
            "weight_decay": 0.1,
        },
        published="1.4697 nats per character on valid and test together (nanoGPT, a Transformer of 10.7 million "
        "weights, windows of 256; A. Karpathy 2022)",
    ),
    Recipe(
        name="names_gru",
        about="GRU with 192 units over the letters of first names",
        data="names",
        model=lambda: RNN(
            (16,), hidden=192, cell="gru", dropout=0.3, conditional=Categorical(27), end=0
        ),
        training={**TEXT, "epochs": 20, "batch_size": 128, "learning_rate": 1e-2},
    ),
    Recipe(
        name="jsb_chorales_gru",
        about="GRU with 150 units over the 88 keys of chorales, linear links within a step",
        data="jsb_chorales",
        options=CHORALES,
        # Trained on windows of 32 quarter notes; the longest chorale has 160.
        model=lambda: RNN((160, 88), hidden=150, cell="gru", dropout=0.2, links=True),
        training=MUSIC,
        published="5.56 nats per step (RNN-NADE; Boulanger-Lewandowski, Bengio, Vincent 2012)",
    ),
    Recipe(
        name="jsb_chorales_gru_independent",
        about="GRU as above, the keys of a step independent of one another given the past",
        data="jsb_chorales",
        options=CHORALES,
        model=lambda: RNN((160, 88), hidden=150, cell="gru", dropout=0.1),
        training=MUSIC,
        published="8.43 nats per step (GRU with independent keys; Bai, Kolter, Koltun 2018)",
    ),
    Recipe(
        name="fsdd_wavenet",
        about="WaveNet: two stacks of 9 layers with 32 channels, told the speaker, the digit and the time",
        data="fsdd",
        options={"voices": True},
        model=lambda: WaveNet(
            (4096,), channels=32, layers=9, stacks=2, num_classes=60, position=True
        ),
        training={**TEXT, "epochs": 8, "batch_size": 4, "learning_rate": 1e-2},
    ),
    # About as large as in the papers, for a GPU. They have not been run: their numbers are a start and no choice.
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

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in _LISTED}


def find_recipe(name: str) -> Recipe:
    """The recipe of that name; raises ValueError, listing the names, when there is none."""
    if name not in RECIPES:
        raise ValueError(f"no recipe {name!r}; there are: {', '.join(RECIPES)}")
    return RECIPES[name]
