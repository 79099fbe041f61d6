"""Recipes for attacks and for PixelDefend: a classifier of grey images to attack, a density of them to defend it.

Both see the same levels; the classifier sees them as shades, floats from 0 to 1.
"""

from __future__ import annotations

from ..conditionals import Categorical
from ..models import Classifier, PixelCNN
from .recipe import Recipe
from .shared import DIGITS, IMAGES, IMAGES_SMALL, LARGE, MNIST

__all__ = ["DEFENCE_RECIPES"]

LEVELS = 16  # of the larger images


def _pixelcnn() -> PixelCNN:
    return PixelCNN(
        MNIST,
        channels=32,
        layers=7,
        kernel_size=5,
        position=True,
        conditional=Categorical(LEVELS),
    )


def _classifier() -> Classifier:
    return Classifier(MNIST, 10, channels=(8, 16, 32))


DENSITY = {
    "about": "PixelCNN: 7 layers of 32 features, 5 x 5 kernels, told the place of each pixel: 16 grey levels",
    "options": {"levels": LEVELS},
    "model": _pixelcnn,
    "training": {**IMAGES, "epochs": 5},
}
CLASSIFIER = {
    "about": "classifier with three convolutional layers of 8, 16 and 32 channels: 16 grey levels as shades",
    "options": {"levels": LEVELS, "shades": True},
    "model": _classifier,
    "training": {
        **LARGE,
        "batch_size": 64,
        "epochs": 4,
        "learning_rate": 5e-3,
        "weight_decay": 0.02,
    },
}

DEFENCE_RECIPES = (
    Recipe(
        name="digits_grey_classifier",
        about="classifier with two convolutional layers of 16 and 32 channels: 17 grey levels as shades",
        data="digits",
        options={"levels": 17, "shades": True},
        model=lambda: Classifier(DIGITS, 10, channels=(16, 32)),
        training={**IMAGES_SMALL, "epochs": 20, "learning_rate": 3e-3},
    ),
    Recipe(name="mnist_grey_classifier", data="mnist", **CLASSIFIER),
    Recipe(name="mnist_grey_pixelcnn", data="mnist", **DENSITY),
    # The same for Fashion-MNIST. These two have not been run: the files are fetched when first asked for.
    Recipe(name="fashion_mnist_grey_classifier", data="fashion_mnist", **CLASSIFIER),
    Recipe(name="fashion_mnist_grey_pixelcnn", data="fashion_mnist", **DENSITY),
)
