"""Gated PixelCNN: against loops over pixels written from the paper's equations, and what it may see."""

from __future__ import annotations

import contract
import pytest
import torch
from conv_paths import gated_pixelcnn_paths
from models_under_test import Case
from torch import Tensor

import armodels_lite as ar


def random_model(event_shape: tuple[int, ...], **arguments) -> ar.GatedPixelCNN:
    given = {"channels": 7, "layers": 3, "kernel_size": 3, **arguments}
    return Case("", ar.GatedPixelCNN, {"event_shape": event_shape, **given}).build()


# -- the equations, pixel by pixel ----------------------------------------------------------------------------------


def pixel_by_pixel(model: ar.GatedPixelCNN, x: Tensor, context: Tensor | None) -> Tensor:
    """The parameters. In the paper's words: y = tanh(W_f * x + V_f h) sigmoid(W_g * x + V_g h), in both stacks."""
    depth, height, width = model.event_shape
    values = model.image(x)
    vertical = {(i, j): values[:, :, i, j] for i in range(height) for j in range(width)}
    horizontal, size = dict(vertical), 2 * model.channels
    for number, layer in enumerate(model.layers):
        bias = 0
        if context is not None:
            every = model.given.classes(context)
            bias = every[:, number * 2 * size : (number + 1) * 2 * size]
        above = {at: look(layer.vertical, vertical, at) for at in vertical}
        left = {at: look(layer.horizontal, horizontal, at) for at in vertical}
        for i, j in left:
            if i > 0:
                left[i, j] = left[i, j] + above[i - 1, j] @ layer.link.weight[:, :, 0, 0].T
        before = horizontal
        vertical = {
            at: gated(a + (bias if context is None else bias[:, :size])) for at, a in above.items()
        }
        taken = {
            at: gated(a + (bias if context is None else bias[:, size:])) for at, a in left.items()
        }
        horizontal = {
            at: t @ layer.mix.masked_weight()[:, :, 0, 0].T + layer.mix.bias
            for at, t in taken.items()
        }
        if number > 0:
            horizontal = {at: h + before[at] for at, h in horizontal.items()}
    out = {at: model.head.pixel(h).unflatten(-1, (depth, -1)) for at, h in horizontal.items()}
    rows = [torch.stack([out[i, j] for j in range(width)], 2) for i in range(height)]
    return torch.stack(rows, 2)


def look(layer, known: dict, at: tuple[int, int]) -> Tensor:
    """One output of a convolution: its last row is the pixel's own, its columns reach as far right as `ahead`."""
    rows, columns = layer.kernel_size
    total = layer.bias
    for a in range(rows):
        for b in range(columns):
            there = at[0] + a - (rows - 1), at[1] + b - (columns - 1 - layer.ahead)
            if there in known:
                total = total + known[there] @ layer.masked_weight()[:, :, a, b].T
    return total


def gated(x: Tensor) -> Tensor:
    half = x.shape[1] // 2
    return torch.tanh(x[:, :half]) * torch.sigmoid(x[:, half:])


@pytest.mark.parametrize(
    ("event_shape", "arguments"),
    [
        ((1, 4, 5), {}),
        ((1, 1, 4), {"layers": 1}),
        ((3, 3, 2), {"num_classes": 3, "conditional": ar.Categorical(4), "layers": 2}),
        ((2, 2, 4), {"kernel_size": 5, "first_kernel_size": 3, "layers": 2}),
    ],
)
def test_one_pass_is_the_loop_over_pixels(event_shape: tuple[int, ...], arguments: dict) -> None:
    model = random_model(event_shape, **arguments)
    x, context = contract.events(model), contract.contexts(model)
    with torch.no_grad():
        found, expected = model.params(x, context), pixel_by_pixel(model, x, context)
    torch.testing.assert_close(found, expected)


# -- what a pixel sees ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kernel_size", "first", "layers"), [(3, 3, 1), (3, 3, 3), (5, 5, 2), (3, 7, 2)]
)
def test_it_sees_a_rectangle_above_and_the_row_to_the_left(
    kernel_size: int, first: int, layers: int
) -> None:
    model = ar.GatedPixelCNN(
        (1, 9, 15), channels=1, layers=layers, kernel_size=kernel_size, first_kernel_size=first
    )
    reach = first // 2 + (layers - 1) * (kernel_size // 2)
    expected = torch.zeros(9, 15, dtype=torch.bool)
    expected[max(0, 8 - reach - 1) : 8, max(0, 7 - reach) : 7 + reach + 1] = True
    expected[8, max(0, 7 - reach) : 7] = True
    assert torch.equal(gated_pixelcnn_paths(model)[8 * 15 + 7].view(9, 15), expected)


def test_measured_it_has_no_blind_spot() -> None:
    model = random_model((1, 4, 5), layers=4, channels=4)
    dependencies = ar.dependencies(model, contract.events(model))
    assert torch.equal(dependencies, torch.ones(20, 20, dtype=torch.bool).tril(-1))


# -- sizes ----------------------------------------------------------------------------------------------------------


def test_parameter_counts() -> None:
    """F = 16 features; two rows above of 3 or of 7 columns, the row to the left, the way down, the mix."""
    model = ar.GatedPixelCNN((1, 28, 28), channels=16, layers=3, kernel_size=3, first_kernel_size=7)
    link_and_mix = 32 * 32 + 16 * 16 + 16
    first = (
        (4 * 7 * 2 * 32 + 32) + (3 * 2 * 32 + 32 + 32) + link_and_mix
    )  # of its own pixel only the ones
    layer = (2 * 3 * 16 * 32 + 32) + (2 * 16 * 32 + 32) + link_and_mix
    head = (16 * 16 + 16) + (16 + 1)
    assert model.num_parameters() == first + 2 * layer + head


def test_the_vertical_stack_does_not_fade_with_depth() -> None:
    """It has no residual connections: what its layers know of an image must survive its gates."""
    torch.manual_seed(0)
    model = ar.GatedPixelCNN((1, 12, 12), channels=24, layers=16, kernel_size=3)
    x = (torch.rand(64, 1, 12, 12, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    with torch.no_grad():
        _, above, _ = model.pass_through(model.image(x), model.given(None))
    spread = [layer[:, :, 6:, 3:9].std(0).mean().item() for layer in above[1:]]
    assert all(0.1 < size < 0.6 for size in spread), spread
