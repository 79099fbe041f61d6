"""A small classifier of digits that attacks are tried on, and the images."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

import armodels_lite as ar

LEVELS = 17  # of the digits


@cache
def classifier() -> ar.Classifier:
    """A perceptron, trained for a second: right on most digits, and as easily fooled as a large one."""
    train = ar.load("digits", levels=LEVELS, shades=True).train
    torch.manual_seed(0)
    model = ar.Classifier((1, 8, 8), 10, hidden=(24,))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(60):
        optimizer.zero_grad()
        model.loss(train.x, train.y).backward()
        optimizer.step()
    model.zero_grad(set_to_none=True)
    return model.eval()


@cache
def _right() -> tuple[Tensor, Tensor]:
    test = ar.load("digits", levels=LEVELS, shades=True).test
    right = classifier().predict(test.x) == test.y
    return test.x[right], test.y[right]


def digits(n: int) -> tuple[Tensor, Tensor]:
    """Shades (n, 1, 8, 8) and labels of test digits that the classifier gets right."""
    x, y = _right()
    return x[:n].clone(), y[:n].clone()


def linear(num_classes: int, seed: int = 0) -> ar.Classifier:
    """A linear classifier of 12 numbers in float64, random."""
    model = ar.Classifier((12,), num_classes).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return model.eval()


def inner(model: ar.Classifier, n: int, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Images far from the ends of [0, 1], and what the linear classifier says of them."""
    x = 0.4 + 0.2 * torch.rand(
        n, 12, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )
    return x, model.predict(x)


def to_border(model: ar.Classifier, x: Tensor) -> Tensor:
    """(B,), exact: how far, in the l2 norm, it is to the nearest border of a linear classifier."""
    weight, bias = model.network[0].weight.detach(), model.network[0].bias.detach()
    if model.num_classes == 2:
        return (x @ weight[0] + bias).abs() / weight[0].norm()
    scores, label = x @ weight.T + bias, model.predict(x)
    rows = torch.arange(len(x))
    gap = scores[rows, label].unsqueeze(1) - scores
    distance = gap / (weight[label].unsqueeze(1) - weight).norm(dim=2)
    distance[rows, label] = torch.inf
    return distance.amin(1)
