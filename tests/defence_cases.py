"""Models of levels of every kind, with images, for tests of likelihoods between levels and of purification."""

from __future__ import annotations

import pytest
import torch
from models_under_test import CASES, Case
from torch import Tensor

import armodels_lite as ar

# Each kind of model; among them every kind of levels, contexts, orderings, several channels.
NAMES = (
    "FVSBN-image-spiral",
    "FVSBN-categorical",
    "NADE-logistic-class",
    "MADE-categorical-class",
    "MADE-vector",
    "PixelCNN-bernoulli",
    "PixelCNN-rgb-image",
    "GatedPixelCNN-rgb-everything",
    "PixelCNNpp-logistic",
    "PixelRNN-row-categorical-class",
    "Transformer-categorical-class",
    "Transformer-rgb-logistic",
    "RNN-gru-logistic",
    "RNN-vectors-everything",
    "WaveNet-class",
)
# These have no likelihood between levels: see `relaxed_log_prob`.
WITHOUT_RELAXATION = ("PixelCNNpp-rgb", "PixelCNNpp-rgb-categorical", "BayesNet-mixed", "RNN-end")
BY_NAME = {case.name: case for case in CASES}

relaxed_models = pytest.mark.parametrize("case", [BY_NAME[name] for name in NAMES], ids=NAMES)
every_model = pytest.mark.parametrize(
    "case",
    [BY_NAME[name] for name in NAMES + WITHOUT_RELAXATION],
    ids=NAMES + WITHOUT_RELAXATION,
)


def with_images(case: Case, n: int = 4) -> tuple[ar.AutoregressiveModel, Tensor, Tensor | None]:
    """The model in float64, n images and their context: noise, but for models that give some images probability 0."""
    model, generator = case.build(), torch.Generator().manual_seed(1)
    context = None
    if model.num_classes is not None:
        context = torch.randint(model.num_classes, (n,), generator=generator)
    elif model.context_shape is not None:
        context = torch.rand(n, *model.context_shape, generator=generator, dtype=torch.float64)
    if case.name in WITHOUT_RELAXATION:
        return model, model.sample(n, context=context, generator=generator), context
    x = torch.randint(model.levels, (n, *model.event_shape), generator=generator)
    return model, x.to(model.event_dtype), context
