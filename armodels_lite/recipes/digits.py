"""Recipes for the handwritten digits of 8 x 8 pixels: black and white, with grey levels, in colour."""

from __future__ import annotations

from ..conditionals import Categorical, LogisticMixture
from ..models import FVSBN, MADE, NADE, RNN, GatedPixelCNN, PixelCNN, PixelCNNpp, Transformer
from .recipe import Recipe
from .shared import DIGITS, IMAGES_SMALL, LEVELS, LEVELS_TRAINING, SMALL

__all__ = ["DIGITS_RECIPES"]

MADE_SMALL = {**SMALL, "epochs": 60, "learning_rate": 1e-2, "weight_decay": 0.3}

DIGITS_RECIPES = (
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
)
