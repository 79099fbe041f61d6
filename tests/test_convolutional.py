"""What the convolutional models share: training from start to optimum, context, arguments, data types."""

from __future__ import annotations

from typing import Any

import contract
import numpy as np
import pytest
import torch
from torch import Tensor

import armodels_lite as ar

BITS = ar.Categorical(2)
IMAGES: dict[type[ar.AutoregressiveModel], dict[str, Any]] = {
    ar.PixelCNN: {"channels": 16, "layers": 3, "kernel_size": 3},
    ar.GatedPixelCNN: {"channels": 16, "layers": 3, "kernel_size": 3},
    ar.PixelCNNpp: {"channels": 16, "blocks": 1, "conditional": BITS},
}
each = pytest.mark.parametrize("kind", IMAGES)


def made(kind: type[ar.AutoregressiveModel], *event_shape: int, **arguments: Any):
    torch.manual_seed(0)
    return kind(event_shape, **{**IMAGES[kind], **arguments})


def train(model: ar.AutoregressiveModel, x: Tensor, context: Tensor, steps: int) -> None:
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(steps):
        optimiser.zero_grad()
        model.loss(x, context).backward()
        optimiser.step()


# -- the beginning of training --------------------------------------------------------------------------------------


def spread(known: Tensor) -> float:
    """Root mean square of what differs between the images of a batch."""
    return (known - known.mean(0)).square().mean().sqrt().item()


@pytest.mark.parametrize("layers", [2, 24])
@pytest.mark.parametrize("kind", [ar.PixelCNN, ar.GatedPixelCNN])
@torch.no_grad()
def test_activations_keep_their_scale_with_depth(kind: type, layers: int) -> None:
    model = made(kind, 1, 10, 10, channels=32, layers=layers)
    x = (torch.rand(8, 1, 10, 10) < 0.5).float()
    known, *_, inputs = model.pass_through(model.image(x), model.given(None))
    scales = [
        spread(below) for below in [*inputs[1:], known]
    ]  # of the horizontal stack in the gated model
    assert all(0.1 < scale < 3 for scale in scales), scales
    assert 0.05 < spread(model.head(known)) < 2


@pytest.mark.parametrize("blocks", [1, 5])
@torch.no_grad()
def test_the_streams_keep_their_scale_with_depth(blocks: int) -> None:
    model = made(ar.PixelCNNpp, 1, 10, 10, channels=32, blocks=blocks)
    x = torch.randint(2, (8, 1, 10, 10))
    first, *given = model.given(None)
    for stream in model.network(*model.first(model.image(x), first), iter(given)):
        assert 0.3 < spread(stream) < 5


@torch.no_grad()
def test_wavenet_keeps_its_scale_with_depth() -> None:
    for stacks in (1, 4):
        torch.manual_seed(0)
        model = ar.WaveNet((200,), channels=32, layers=6, stacks=stacks)
        known = model.inputs(torch.randint(256, (8, 200)))
        total, inputs = model.pass_through(known, model.given(None))
        assert all(0.5 < spread(below) < 2 for below in inputs)
        assert 0.1 < spread(total) < 2


# -- its end --------------------------------------------------------------------------------------------------------


@each
def test_exclusive_or(kind: type) -> None:
    """x_3 = x_1 xor x_2 nine times out of ten, and x_4 = x_3: more than a linear model can do."""
    p = torch.tensor([9, 1, 1, 9, 1, 9, 9, 1]) / 40
    rows = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 3)
    x = rows.repeat_interleave((40 * p).round().long(), 0)
    x = torch.cat([x, x[:, 2:]], 1).view(-1, 1, 2, 2)
    model = made(kind, 1, 2, 2)
    entropy = -(p * p.log()).sum().item()
    contract.check_fit_reaches(model, x.to(model.event_dtype), entropy, steps=120)


# -- context --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*IMAGES, ar.WaveNet])
def test_a_class_decides_what_is_drawn(kind: type) -> None:
    """Class 0 learns zeros, class 1 learns ones."""
    if kind is ar.WaveNet:
        model = ar.WaveNet((6,), channels=16, layers=3, num_classes=2, conditional=BITS)
    else:
        model = made(kind, 1, 2, 3, num_classes=2)
    context = torch.tensor([0, 1]).repeat(8)
    shape = (16, *[1] * len(model.event_shape))
    x = context.view(shape).expand(16, *model.event_shape).to(model.event_dtype)
    train(model, x, context, 40)
    drawn = model.sample(16, context=context, generator=torch.Generator().manual_seed(1))
    assert (drawn == x).double().mean() > 0.95


@each
@pytest.mark.parametrize("shrink", [1, 2])
def test_an_image_decides_what_is_drawn(kind: type, shrink: int) -> None:
    """Each pixel is whether the context is positive there; a context of half the size covers four pixels each."""
    model = made(kind, 1, 4, 4, context_shape=(1, 4 // shrink, 4 // shrink))
    context = torch.randn(64, *model.context_shape)
    x = context.repeat_interleave(shrink, 2).repeat_interleave(shrink, 3) > 0
    train(model, x.to(model.event_dtype), context, 60)
    fresh = torch.randn(64, *model.context_shape)
    drawn = model.sample(64, context=fresh, generator=torch.Generator().manual_seed(1))
    expected = fresh.repeat_interleave(shrink, 2).repeat_interleave(shrink, 3) > 0
    assert (drawn == expected).double().mean() > 0.85


# -- data types -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [*IMAGES, ar.WaveNet])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_data_types(kind: type, dtype: torch.dtype) -> None:
    """Training, likelihood and sampling run in each; `.to` changes the dtype of floats in events too."""
    given = {"conditional": ar.LogisticMixture(3, levels=256), "num_classes": 2, "position": True}
    if kind is ar.WaveNet:
        model = ar.WaveNet((8,), channels=8, layers=3, **given)
    else:
        model = made(kind, 3, 3, 2, **given)
    exact = model.double().eval()
    x, context = contract.events(model), contract.contexts(model)
    expected = exact.log_prob(x, context)
    model = model.to(dtype)
    found = model.log_prob(x, context)
    tolerance = {torch.bfloat16: 0.1, torch.float32: 1e-4, torch.float64: 0}[dtype]
    torch.testing.assert_close(found.double(), expected, rtol=tolerance, atol=tolerance)
    model.loss(x, context).backward()
    assert all(p.dtype == p.grad.dtype == dtype for p in model.parameters())
    for cache in (True, False):
        drawn = model.sample(6, context=context, cache=cache)
        assert drawn.dtype == torch.int64 and torch.isfinite(model.log_prob(drawn, context)).all()


@pytest.mark.parametrize("kind", [*IMAGES, ar.WaveNet])
def test_drawing_under_autocast(kind: type) -> None:
    """A pass, `prefill` and single steps in bfloat16 agree as well as its digits allow."""
    if kind is ar.WaveNet:
        model = ar.WaveNet((12,), channels=8, layers=2, conditional=ar.GaussianMixture(2))
    else:
        model = made(kind, 1, 3, 4, num_classes=2, position=True)
    x, context = contract.events(model), contract.contexts(model)
    expected = model.params(x, context).flatten(1, -2).detach()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        decoder = model.decoder(len(x), context)
        decoder.prefill(x, 5)
        for t in range(5, 12):
            found = decoder.distribution().params
            torch.testing.assert_close(found, expected[:, t], atol=0.05, rtol=0.05)
            decoder.observe(contract.in_order(model, x)[:, t])
        assert model.sample(6, context=context).shape == x.shape


# -- errors ---------------------------------------------------------------------------------------------------------


@each
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"event_shape": (16,)}, r"has event shape \(C, H, W\), got \(16,\)"),
        ({"channels": 0}, "channels must be an int of at least 1, .* got 0"),
        ({"channels": -4}, "channels must be an int of at least 1, .* got -4"),
        ({"channels": True}, "channels must be an int of at least 1, .* got True"),
        ({"event_shape": (3, 2, 2), "channels": 2}, "channels must be an int of at least 3, one"),
        ({"ordering": "spiral"}, """takes ordering "raster" only, got 'spiral'"""),
        ({"conditional": ar.GaussianMixture(2)}, "as conditional, got GaussianMixture"),
        ({"conditional": ar.Categorical((2, 3))}, "only BayesNet takes"),
        ({"position": "yes"}, "position must be True or False, got 'yes'"),
        ({"num_classes": 0}, "num_classes must be a positive int, got 0"),
        ({"num_classes": 2, "context_shape": (1, 2, 2)}, "num_classes or context_shape, not both"),
        ({"context_shape": (2, 2)}, r"H' dividing 4 and W' dividing 6, got \(2, 2\)"),
        ({"context_shape": (1, 3, 6)}, r"H' dividing 4 and W' dividing 6, got \(1, 3, 6\)"),
        ({"context_shape": (1, 8, 6)}, "H' dividing 4"),
    ],
)
def test_errors(kind: type, arguments: dict, message: str) -> None:
    given = {**IMAGES[kind], "event_shape": (1, 4, 6), **arguments}
    with pytest.raises(ValueError, match=message):
        kind(**given)


@pytest.mark.parametrize("kind", [ar.PixelCNN, ar.GatedPixelCNN])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers": 0}, "layers must be a positive int, got 0"),
        ({"layers": "3"}, "layers must be a positive int, got '3'"),
        ({"kernel_size": 4}, "kernel_size must be an odd int of at least 3, got 4"),
        ({"kernel_size": 1}, "kernel_size must be an odd int of at least 3, got 1"),
        ({"kernel_size": np.int64(3)}, r"kernel_size must be .* got np.int64\(3\)"),
        ({"first_kernel_size": 0}, "first_kernel_size must be .* got 0"),
        ({"first_kernel_size": -3}, "first_kernel_size must be .* got -3"),
    ],
)
def test_errors_of_kernels_and_layers(kind: type, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind((1, 4, 4), **arguments)


@each
def test_no_other_ordering_later(kind: type) -> None:
    with pytest.raises(ValueError, match="raster"):
        made(kind, 1, 2, 2).with_ordering("reverse")
