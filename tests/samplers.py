"""Image models of every kind, with random weights, for the tests of the sampler."""

from __future__ import annotations

from collections.abc import Callable

import torch
from random_weights import randomised

import armodels_lite as ar
from armodels_lite.widgets import SamplerState


class BinnedFVSBN(ar.FVSBN):
    """An image model with a conditional that only histograms have otherwise."""

    conditionals = (ar.PiecewiseConstant,)


MODELS: dict[str, Callable[[], ar.AutoregressiveModel]] = {
    "binary": lambda: ar.FVSBN((1, 4, 5)),
    "spiral": lambda: ar.NADE((1, 4, 5), hidden=6, ordering="spiral"),
    "random order": lambda: ar.MADE((1, 4, 5), hidden=(30,), ordering="random(1)"),
    "grey levels": lambda: ar.NADE((1, 4, 5), hidden=6, conditional=ar.Categorical(7)),
    "classes": lambda: ar.FVSBN((1, 4, 5), num_classes=3),
    "rgb": lambda: ar.FVSBN((3, 3, 4), conditional=ar.LogisticMixture(2, 16)),
    "rgb reverse": lambda: ar.NADE(
        (3, 3, 4), hidden=5, conditional=ar.Categorical(4), ordering="reverse"
    ),
    "gaussian": lambda: ar.NADE((1, 3, 4), hidden=5, conditional=ar.GaussianMixture(2)),
    "bins": lambda: BinnedFVSBN((1, 3, 4), conditional=ar.PiecewiseConstant(5)),
}


def state_of(name: str) -> SamplerState:
    model = randomised(MODELS[name]().double(), 0.2 if name in ("gaussian", "rgb") else 0.7)
    return SamplerState(model, seed=3, context=2 if name == "classes" else None)


def sampled(state: SamplerState, **options: object) -> torch.Tensor:
    return state.model.sample(noise=state.noise, context=state.context, **options)
