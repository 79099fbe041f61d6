"""The convolutional models of the contract suite: what each case is called, and what it is built with."""

from __future__ import annotations

from typing import Any

import armodels_lite as ar

BITS, LEVELS = ar.Categorical(2), ar.Categorical(3)
MIXTURE = ar.LogisticMixture(2, levels=3)

# For PixelCNN and GatedPixelCNN alike.
PIXEL_CNNS: dict[str, dict[str, Any]] = {
    "bernoulli": {"event_shape": (1, 3, 4)},
    "categorical-class": {"event_shape": (1, 2, 3), "conditional": LEVELS, "num_classes": 3},
    "logistic-position": {"event_shape": (1, 2, 3), "conditional": MIXTURE, "position": True},
    "class-position": {"event_shape": (1, 3, 2), "num_classes": 2, "position": True},
    "image": {"event_shape": (1, 2, 4), "context_shape": (2, 2, 4)},
    "small-image": {
        "event_shape": (1, 4, 3),
        "context_shape": (1, 2, 1),
        "position": True,
        "conditional": BITS,
    },
    "one-layer": {"event_shape": (1, 2, 7), "layers": 1},
    "deep": {"event_shape": (1, 4, 3), "layers": 5},
    "large-kernel": {"event_shape": (1, 3, 4), "kernel_size": 7},
    "large-first": {"event_shape": (1, 3, 4), "first_kernel_size": 5},
    "small-first": {"event_shape": (1, 2, 6), "kernel_size": 5, "first_kernel_size": 3},
    "rgb": {"event_shape": (3, 2, 2), "channels": 8, "layers": 3},
    "rgb-everything": {
        "event_shape": (2, 1, 3),
        "conditional": LEVELS,
        "num_classes": 2,
        "position": True,
    },
    "rgb-image": {"event_shape": (3, 1, 2), "conditional": MIXTURE, "context_shape": (3, 1, 2)},
    "rgb-one-pixel": {"event_shape": (3, 1, 1)},
    "one-row": {"event_shape": (1, 1, 5)},
    "one-column": {"event_shape": (1, 5, 1), "kernel_size": 5},
    "one-variable": {"event_shape": (1, 1, 1), "conditional": ar.Categorical(5)},
}
PIXEL_CNN_PPS: dict[str, dict[str, Any]] = {
    "logistic": {"event_shape": (1, 2, 4)},
    "categorical-class": {"event_shape": (1, 3, 2), "conditional": LEVELS, "num_classes": 2},
    "one-resolution": {"event_shape": (1, 2, 7), "resolutions": 1, "conditional": BITS},
    "three-resolutions": {"event_shape": (1, 5, 2), "resolutions": 3, "conditional": BITS},
    "odd-sides": {"event_shape": (1, 3, 3), "blocks": 2, "conditional": BITS},
    "one-row": {
        "event_shape": (1, 1, 5),
        "resolutions": 3,
        "num_classes": 2,
        "position": True,
    },
    "dropout": {"event_shape": (1, 2, 3), "dropout": 0.5},
    "image": {"event_shape": (1, 3, 2), "context_shape": (2, 3, 2)},
    "small-image": {"event_shape": (1, 4, 2), "context_shape": (1, 2, 1), "conditional": BITS},
    "rgb": {"event_shape": (3, 2, 1)},
    "rgb-categorical": {"event_shape": (3, 2, 2), "conditional": BITS},
    "rgb-class": {"event_shape": (3, 1, 2), "num_classes": 2, "position": True},
    "two-channels-image": {"event_shape": (2, 1, 3), "context_shape": (2, 1, 1)},
    "rgb-one-pixel": {"event_shape": (3, 1, 1)},
    "one-column": {"event_shape": (1, 6, 1), "resolutions": 3},
    "one-variable": {"event_shape": (1, 1, 1), "conditional": ar.Categorical(5)},
}
WAVE_NETS: dict[str, dict[str, Any]] = {
    "categorical": {"event_shape": (6,)},
    "logistic": {"event_shape": (5,), "conditional": MIXTURE},
    "gaussian": {"event_shape": (2,), "conditional": ar.GaussianMixture(2)},
    "gaussian-class": {
        "event_shape": (9,),
        "conditional": ar.GaussianMixture(2),
        "num_classes": 2,
        "position": True,
    },
    "class": {"event_shape": (5,), "num_classes": 3},
    "position": {"event_shape": (5,), "position": True},
    "logistic-class": {
        "event_shape": (5,),
        "conditional": MIXTURE,
        "num_classes": 2,
        "position": True,
    },
    "one-layer": {"event_shape": (7,), "layers": 1, "conditional": BITS},
    "longer-than-its-reach": {"event_shape": (10,), "conditional": BITS},
    "shorter-than-its-reach": {"event_shape": (4,), "layers": 4},
    "three-taps": {"event_shape": (10,), "kernel_size": 3, "conditional": BITS},
    "stacks": {"event_shape": (10,), "stacks": 2, "conditional": BITS},
    "three-taps-stacks-class": {
        "event_shape": (9,),
        "layers": 1,
        "kernel_size": 3,
        "stacks": 2,
        "skip_channels": 3,
        "num_classes": 2,
        "conditional": BITS,
    },
    "one-channel": {"event_shape": (5,), "channels": 1, "skip_channels": 6},
    "one-variable": {"event_shape": (1,), "conditional": ar.Categorical(5)},
}

DEFAULTS: list[tuple[type[ar.AutoregressiveModel], dict[str, Any], dict[str, dict[str, Any]]]] = [
    (ar.PixelCNN, {"channels": 7, "layers": 2, "kernel_size": 3}, PIXEL_CNNS),
    (ar.GatedPixelCNN, {"channels": 7, "layers": 2, "kernel_size": 3}, PIXEL_CNNS),
    (ar.PixelCNNpp, {"channels": 4, "blocks": 1, "conditional": MIXTURE}, PIXEL_CNN_PPS),
    (ar.WaveNet, {"channels": 4, "layers": 2, "conditional": LEVELS}, WAVE_NETS),
]
CONVOLUTIONAL = [
    (f"{kind.__name__}-{label}", kind, {**defaults, **given})
    for kind, defaults, cases in DEFAULTS
    for label, given in cases.items()
]
