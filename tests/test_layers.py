"""Masked layers: equal to a dense layer with a masked weight, whatever the weight holds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from armodels_lite.layers import CausalConv2d, MaskedLinear, gate, shift_down

MASK = torch.rand(5, 7, generator=torch.Generator().manual_seed(0)) < 0.4


@pytest.mark.parametrize("bias", [True, False])
def test_forward_is_a_dense_layer_with_a_masked_weight(bias: bool) -> None:
    layer, x = MaskedLinear(MASK, bias=bias), torch.randn(3, 7)
    weight = torch.where(MASK, layer.weight, 0.0)
    torch.testing.assert_close(layer(x), F.linear(x, weight, layer.bias))
    assert (layer.bias is not None) == bias


def test_masked_entries_get_no_gradient_and_no_say() -> None:
    layer, x = MaskedLinear(MASK), torch.randn(3, 7)
    before = layer(x)
    before.square().sum().backward()
    assert (layer.weight.grad[~MASK] == 0).all() and (layer.weight.grad[MASK] != 0).all()
    with torch.no_grad():
        layer.weight[~MASK] = 1e6
    assert torch.equal(layer(x), before)


def test_forward_leaves_the_weight_alone() -> None:
    layer = MaskedLinear(MASK)
    before = layer.weight.clone()
    layer(torch.randn(3, 7))
    assert torch.equal(layer.weight, before)
    assert (before[~MASK] != 0).any(), "only worth a test if there is something to lose"


def test_a_loaded_weight_cannot_leak() -> None:
    layer = MaskedLinear(MASK)
    state = layer.state_dict()
    assert set(state) == {"weight", "bias"}, "the mask follows from the constructor"
    layer.load_state_dict({"weight": torch.full((5, 7), 3.0), "bias": torch.zeros(5)})
    torch.testing.assert_close(layer(torch.eye(7)).T, 3.0 * MASK.float())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_number_of_parameters_depends_on_no_dtype(dtype: torch.dtype) -> None:
    """A sum of 80,601 ones does not fit float16, and loses its last digits in bfloat16."""
    mask = torch.ones(401, 401, dtype=torch.bool).tril()
    assert MaskedLinear(mask).to(dtype).num_parameters() == 401 * 402 // 2 + 401
    assert MaskedLinear(mask, bias=False).to(dtype).num_parameters() == 401 * 402 // 2


def test_rows_start_at_the_scale_of_their_connections() -> None:
    mask = torch.arange(1000) < torch.tensor([1, 10, 100, 1000]).unsqueeze(1)
    mask = mask.repeat_interleave(500, 0)
    layer = MaskedLinear(mask, gain=math.sqrt(2))
    outputs = layer.masked_weight() @ torch.randn(1000, 1000)
    scale = outputs.view(4, -1).std(1)
    assert ((1.2 < scale) & (scale < 1.6)).all(), (
        "the variance of an output is gain^2 however many inputs it has"
    )
    limit = mask.sum(1).rsqrt()
    assert (layer.bias.abs() <= limit).all() and layer.bias.abs().max() > 0.5


def test_a_row_without_connections_gives_its_bias() -> None:
    layer = MaskedLinear(torch.zeros(2, 3, dtype=torch.bool))
    assert torch.isfinite(layer.weight).all()
    assert torch.equal(layer(torch.randn(4, 3)), layer.bias.expand(4, 2))


def test_a_masked_convolution() -> None:
    """Dense but for the mask, with its number of free entries and the scale of its own connections."""
    mask = torch.rand(500, 3, 3, 5, generator=torch.Generator().manual_seed(0)) < 0.4
    layer, x = CausalConv2d(mask, gain=2.0), torch.randn(4, 3, 6, 7)
    weight = torch.where(mask, layer.weight, 0.0)
    out = layer(x)
    below = torch.zeros(500, 3, 2, 5)  # what the kernel leaves out: two rows, below the pixel's own
    whole = torch.cat([weight, below], 2)
    torch.testing.assert_close(out, F.conv2d(x, whole, layer.bias, padding=2))
    assert layer.num_parameters() == int(mask.sum()) + 500
    assert set(layer.state_dict()) == {"weight", "bias"}
    assert 1.7 < out[:, :, 2:, 2:-2].std() < 2.3
    out.square().sum().backward()
    assert (layer.weight.grad[~mask] == 0).all() and (layer.weight.grad[mask] != 0).all()
    with torch.no_grad():
        layer.weight[~mask] = 1e6
    assert torch.equal(layer(x), out)


@pytest.mark.parametrize(
    ("rows", "columns", "ahead", "stride"),
    [
        (4, 7, 3, 1),
        (1, 3, 0, 1),
        (1, 4, 0, 1),
        (2, 3, 1, 2),
        (2, 2, 0, 2),
        (3, 5, 2, 3),
        (1, 1, 0, 1),
    ],
)
def test_a_causal_convolution_is_a_dense_one_with_a_mask(
    rows: int, columns: int, ahead: int, stride: int
) -> None:
    """The kernel made square and centred, its missing taps switched off: same function, same gradients."""
    mask = torch.rand(5, 4, rows, columns, generator=torch.Generator().manual_seed(1)) < 0.7
    layer = CausalConv2d(mask, ahead=ahead, stride=stride).double()
    reach, behind = max(columns - 1 - ahead, ahead), columns - 1 - ahead
    whole = torch.zeros(5, 4, 2 * rows - 1, 2 * reach + 1, dtype=torch.float64)
    own = (..., slice(0, rows), slice(reach - behind, reach + ahead + 1))
    whole[own] = torch.where(mask, layer.weight, 0.0).detach()
    whole.requires_grad_()
    x = torch.randn(2, 4, 6, 8, dtype=torch.float64, requires_grad=True)
    found = layer(x)
    expected = F.conv2d(x, whole, layer.bias, stride=stride, padding=(rows - 1, reach))
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(found)
    (of_x, of_layer), (of_x_too, of_whole) = (
        torch.autograd.grad((out * weights).sum(), [x, weight])
        for out, weight in ((found, layer.weight), (expected, whole))
    )
    torch.testing.assert_close(of_x, of_x_too)
    torch.testing.assert_close(of_layer, of_whole[own] * mask)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (3, 4)])
def test_a_causal_convolution_keeps_the_size(shape: tuple[int, int]) -> None:
    layer = CausalConv2d(torch.ones(2, 3, 4, 7, dtype=torch.bool))
    assert layer(torch.randn(2, 3, *shape)).shape == (2, 2, *shape)


def test_shift_down_and_gate() -> None:
    x = torch.randn(2, 4, 3, 5)
    below = shift_down(x)
    assert (below[:, :, 0] == 0).all() and torch.equal(below[:, :, 1:], x[:, :, :-1])
    assert torch.equal(shift_down(x[:, :, :1]), torch.zeros(2, 4, 1, 5))
    expected = np.tanh(x[:, :2].numpy()) / (1 + np.exp(-x[:, 2:].numpy()))
    torch.testing.assert_close(gate(x, 1), torch.from_numpy(expected))
