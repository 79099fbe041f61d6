"""Shapes and numbers that several groups of recipes have in common."""

from __future__ import annotations

__all__ = [
    "DIGITS",
    "IMAGES",
    "IMAGES_SMALL",
    "LARGE",
    "LEVELS",
    "LEVELS_TRAINING",
    "MNIST",
    "SMALL",
    "TEXT",
]

# The shapes of an image: channels, rows, columns.
MNIST, DIGITS = (1, 28, 28), (1, 8, 8)

# Training on tens of thousands of events. Averaged weights (`ema`) and a learning rate that falls to 0 need no search
# for the moment to stop.
LARGE = {"batch_size": 128, "schedule": "cosine", "ema": 0.999}
# The same for a network of convolutions.
IMAGES = {**LARGE, "batch_size": 32, "learning_rate": 1e-2, "warmup": 300, "weight_decay": 0.01}

# Symbols one after another. Gradients of recurrent networks can be very long for a step: they are clipped.
TEXT = {"schedule": "cosine", "warmup": 200, "clip": 1.0, "ema": 0.999}

# Training on a thousand events or two.
SMALL = {"epochs": 30, "schedule": "cosine"}
# Networks of convolutions learn the digits by heart: a strong weight decay was worth 0.5 nats on valid.
IMAGES_SMALL = {**SMALL, "batch_size": 32, "weight_decay": 1.0}

# PixelCNN++ of digits with grey levels or colours: the model, and its training.
LEVELS = {"channels": 32, "blocks": 1, "resolutions": 1, "dropout": 0.3, "position": True}
LEVELS_TRAINING = {**SMALL, "batch_size": 32, "learning_rate": 1e-2, "weight_decay": 0.1}
