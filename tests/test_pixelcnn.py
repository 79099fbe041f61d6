"""PixelCNN: against whole kernels with masks, and what it may see."""

from __future__ import annotations

import contract
import pytest
import torch
from conv_paths import gated_pixelcnn_paths, pixelcnn_paths
from models_under_test import Case
from torch import Tensor
from torch.nn import functional as F

import armodels_lite as ar
from armodels_lite.masks import channel_groups, convolution_mask


def random_model(event_shape: tuple[int, ...], **arguments) -> ar.PixelCNN:
    given = {"channels": 7, "layers": 3, "kernel_size": 3, **arguments}
    return Case("", ar.PixelCNN, {"event_shape": event_shape, **given}).build()


# -- the network, written out ---------------------------------------------------------------------------------------


def written_out(model: ar.PixelCNN, x: Tensor) -> Tensor:
    """The parameters by convolutions with whole kernels, whose lower halves masks switch off."""
    depth = model.event_shape[0]
    groups, colours = channel_groups(model.channels, depth), torch.arange(depth)
    image = 2 * x.double() / (model.levels - 1) - 1
    image = torch.cat([image, torch.ones_like(image[:, :1])], 1)
    inputs = torch.cat([colours, torch.tensor([-1])])
    known = masked(model.first, image, groups, inputs, strict=True)
    for layer in model.layers:
        known = known + masked(layer, known.relu(), groups, groups, strict=False)
    known = known.relu().movedim(1, -1)
    mix = (groups[:, None] >= groups) * model.head.mix.weight
    known = F.linear(known, mix, model.head.mix.bias).relu()
    outputs = colours.repeat_interleave(model.conditional.num_params)
    out = (outputs[:, None] >= groups) * model.head.out.weight
    params = F.linear(known, out, model.head.out.bias)
    return params.unflatten(-1, (depth, -1)).permute(0, 3, 1, 2, 4)


def masked(layer, x: Tensor, outputs: Tensor, inputs: Tensor, *, strict: bool) -> Tensor:
    rows, size = layer.kernel_size
    mask = convolution_mask(outputs, inputs, (size, size), strict=strict)
    weight = torch.cat([layer.weight, 9.9 * torch.ones_like(layer.weight[:, :, 1:])], 2)
    assert weight.shape == mask.shape and rows == size // 2 + 1
    return F.conv2d(x, weight * mask, layer.bias, padding=size // 2)


@pytest.mark.parametrize(
    ("event_shape", "arguments"),
    [
        ((1, 5, 6), {}),
        ((1, 1, 6), {"layers": 1, "kernel_size": 5}),
        ((3, 4, 3), {"first_kernel_size": 7, "conditional": ar.Categorical(4)}),
        ((2, 3, 4), {"conditional": ar.LogisticMixture(3, levels=9), "kernel_size": 5}),
    ],
)
def test_cropped_kernels_are_masked_ones(event_shape: tuple[int, ...], arguments: dict) -> None:
    """The same function, and the same gradients."""
    model = random_model(event_shape, **arguments)
    x = contract.events(model)
    found, expected = model.params(x), written_out(model, x)
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(found)
    gradients = [
        torch.autograd.grad((params * weights).sum(), list(model.parameters()))
        for params in (found, expected)
    ]
    torch.testing.assert_close(*gradients)


# -- what a pixel sees ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_the_number_of_pixels_seen_grows_with_the_square_of_the_layers(layers: int) -> None:
    """A triangle of 1.5 L^2 + 2.5 L pixels, measured."""
    height, width = layers + 1, 2 * layers + 2
    model = random_model((1, height, width), layers=layers, channels=8)
    model.first.bias.data.add_(1.0)
    seen = ar.receptive_field(model, layers * width + layers)[0]
    assert seen.sum() == 1.5 * layers**2 + 2.5 * layers
    for above in range(1, layers + 1):  # all to the left, and one column more a row to the right
        assert seen[layers - above].nonzero().flatten().tolist() == list(range(layers + above + 1))
    assert seen[layers].nonzero().flatten().tolist() == list(range(layers))


@pytest.mark.parametrize(
    ("kernel_size", "first", "layers"), [(3, 3, 1), (3, 3, 4), (5, 5, 2), (5, 5, 3), (3, 7, 3)]
)
def test_a_pixel_is_seen_within_the_limits_of_the_kernels(
    kernel_size: int, first: int, layers: int
) -> None:
    """In the row a above: at most as far right as the kernels of a layers reach together."""
    model = ar.PixelCNN(
        (1, 9, 15), channels=1, layers=layers, kernel_size=kernel_size, first_kernel_size=first
    )
    found = pixelcnn_paths(model)[8 * 15 + 7].view(9, 15)
    reaches = [first // 2] + [kernel_size // 2] * (layers - 1)
    for row in range(9):
        above, limit = 8 - row, sum(reaches[: 8 - row])
        for column in range(15):
            right = column - 7
            inside = above <= sum(reaches) and -sum(reaches) <= right <= limit
            assert found[row, column] == (inside and (above > 0 or right < 0)), (row, column)


def test_the_blind_spot_of_the_central_pixel() -> None:
    """Of 406 pixels before it a deep stack 3 x 3 never sees 78; the gated model sees all."""
    given = {"event_shape": (1, 28, 28), "channels": 1, "layers": 27, "kernel_size": 3}
    centre = 14 * 28 + 14
    seen = pixelcnn_paths(ar.PixelCNN(**given))[centre]
    assert centre == 406 and not seen[centre:].any()
    assert (~seen[:centre]).sum() == sum(13 - above for above in range(1, 14)) == 78
    assert gated_pixelcnn_paths(ar.GatedPixelCNN(**given))[centre].sum() == 406


# -- sizes ----------------------------------------------------------------------------------------------------------


def test_parameter_counts() -> None:
    """F = 16 features. A kernel 7 x 7 has 24 taps before its centre, one 3 x 3 has 4; the ones are seen there too."""
    head = (16 * 16 + 16) + (16 + 1)
    model = ar.PixelCNN((1, 28, 28), channels=16, layers=4, kernel_size=3, first_kernel_size=7)
    first = (24 * 2 + 1) * 16 + 16
    assert model.num_parameters() == first + 3 * (5 * 16 * 16 + 16) + head
    colour = ar.PixelCNN((3, 4, 4), channels=3, layers=2, kernel_size=3)  # one feature a channel
    first = (4 * 4 * 3) + (1 + 2 + 3) + 3
    assert colour.num_parameters() == first + (4 * 9 + 6 + 3) + (6 + 3) + (6 + 3)
    placed = ar.PixelCNN((1, 4, 5), channels=6, layers=3, kernel_size=3, position=True)
    plain = ar.PixelCNN((1, 4, 5), channels=6, layers=3, kernel_size=3)
    assert placed.num_parameters() - plain.num_parameters() == 6 * 4 * 5
    classes = ar.PixelCNN((1, 4, 5), channels=6, layers=3, kernel_size=3, num_classes=10)
    assert classes.num_parameters() - plain.num_parameters() == 10 * 3 * 6
