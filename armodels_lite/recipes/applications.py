"""Recipes for what models of images are used for.

Most are told something of the image beside the pixels drawn so far: a smaller copy, its grey values, a noisy copy
(`ar.load(given=...)`) or a class. One draws a texture, of hills; one draws the digits in any order. The classifiers
judge what others draw.
"""

from __future__ import annotations

from ..conditionals import Categorical, LogisticMixture
from ..models import NADE, Classifier, GatedPixelCNN, PixelCNN, PixelCNNpp
from .recipe import Recipe
from .shared import DIGITS, IMAGES, IMAGES_SMALL, LARGE, LEVELS, LEVELS_TRAINING, MNIST, SMALL

__all__ = ["APPLICATION_RECIPES"]

APPLICATION_RECIPES = (
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
        # With a learning rate of 1e-2 nothing is learnt from the grey values: exchanged ones give the same score.
        training={**LEVELS_TRAINING, "epochs": 60, "learning_rate": 3e-3},
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
        about="Gated PixelCNN: 4 layers of 16 features, 5 x 5 kernels, 8 grey levels",
        data="hills",
        model=lambda: GatedPixelCNN(
            (1, 24, 24), channels=16, layers=4, kernel_size=5, conditional=Categorical(8)
        ),
        # The map is one, and its pieces overlap: larger networks learn it by heart.
        training={**IMAGES_SMALL, "epochs": 8, "batch_size": 16, "learning_rate": 5e-3},
    ),
    Recipe(
        name="digits_nade_orders",
        about="NADE with 256 hidden units that has learnt every ordering",
        data="digits",
        model=lambda: NADE(DIGITS, hidden=256, order_agnostic=True),
        training={**SMALL, "epochs": 300, "learning_rate": 1e-2, "weight_decay": 0.05},
    ),
    Recipe(
        name="digits_classifier",
        about="classifier with two convolutional layers of 32 and 64 channels",
        data="digits",
        model=lambda: Classifier(DIGITS, 10, channels=(32, 64)),
        training={**IMAGES_SMALL, "epochs": 20, "learning_rate": 3e-3},
    ),
    Recipe(
        name="binarized_mnist_classifier",
        about="classifier with three convolutional layers of 8, 16 and 32 channels",
        data="binarized_mnist",
        options={"labels": True},
        model=lambda: Classifier(MNIST, 10, channels=(8, 16, 32)),
        training={
            **LARGE,
            "batch_size": 64,
            "epochs": 4,
            "learning_rate": 5e-3,
            "weight_decay": 0.02,
        },
    ),
)
