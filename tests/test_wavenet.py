"""WaveNet: against loops over time written from the paper's equations, how far it sees, prefixes, its queues."""

from __future__ import annotations

import itertools
import math

import contract
import pytest
import torch
from models_under_test import Case
from torch import Tensor

import armodels_lite as ar


def random_model(event_shape: tuple[int, ...], **arguments) -> ar.WaveNet:
    given = {"channels": 4, "layers": 2, "conditional": ar.Categorical(3), **arguments}
    return Case("", ar.WaveNet, {"event_shape": event_shape, **given}).build()


# -- the equations, step by step ------------------------------------------------------------------------------------


def step_by_step(model: ar.WaveNet, x: Tensor, context: Tensor | None) -> Tensor:
    """The parameters (B, T, P): z = tanh(W_f * x) sigmoid(W_g * x), then the two ways on from there."""
    taps, size = model.kernel_size, model.channels
    if isinstance(model.conditional, ar.Categorical):
        embedded = model.embed.weight[x]
    else:
        embedded = model.conditional.features(x, model.dtype) @ model.embed.weight.T
        embedded = embedded + model.embed.bias
    known = [torch.zeros_like(embedded[:, 0]), *embedded.unbind(1)[:-1]]
    if model.place is not None:
        known = [k + model.place(model.times[t]) for t, k in enumerate(known)]
    skips = [torch.zeros(())] * len(known)
    for number, (layer, dilation) in enumerate(zip(model.layers, model.dilations, strict=True)):
        weight = layer.convolution.weight.unflatten(1, (taps, size))
        z = []
        for t in range(len(known)):
            total = layer.convolution.bias
            if context is not None:
                every = model.classes(context).unflatten(1, (len(model.layers), 2 * size))
                total = total + every[:, number]
            for k in range(taps):
                back = t - (taps - 1 - k) * dilation
                if back >= 0:
                    total = total + known[back] @ weight[:, k].T
            z.append(torch.tanh(total[..., :size]) * torch.sigmoid(total[..., size:]))
        skips = [s + layer.skip(gated) for s, gated in zip(skips, z, strict=True)]
        if layer.residual is not None:
            known = [k + layer.residual(gated) for k, gated in zip(known, z, strict=True)]
    assert layer.residual is None  # nothing follows the last layer
    return torch.stack([model.out(model.mix(s.relu()).relu()) for s in skips], 1)


@pytest.mark.parametrize(
    ("length", "arguments"),
    [
        (9, {"layers": 3}),
        (9, {"kernel_size": 3, "stacks": 2, "num_classes": 3, "position": True}),
        (7, {"conditional": ar.GaussianMixture(2), "stacks": 2, "skip_channels": 3}),
        (3, {"conditional": ar.LogisticMixture(2, levels=9), "layers": 4}),
    ],
)
def test_one_pass_is_the_loop_over_time(length: int, arguments: dict) -> None:
    model = random_model((length,), **arguments)
    x, context = contract.events(model), contract.contexts(model)
    with torch.no_grad():
        found, expected = model.params(x, context), step_by_step(model, x, context)
    torch.testing.assert_close(found, expected)


# -- how far it sees ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layers", "stacks", "kernel_size", "reach"),
    [(1, 1, 2, 2), (3, 1, 2, 8), (3, 2, 2, 15), (2, 1, 3, 7), (2, 3, 3, 19)],
)
def test_the_receptive_field_is_the_measured_one(
    layers: int, stacks: int, kernel_size: int, reach: int
) -> None:
    length = reach + 3
    model = random_model((length,), layers=layers, stacks=stacks, kernel_size=kernel_size)
    assert model.receptive_field == reach
    seen = ar.receptive_field(model, length - 1)
    assert seen.nonzero().flatten().tolist() == list(range(length - 1 - reach, length - 1))


def test_ten_layers_see_1024_samples() -> None:
    """Dilations 1 to 512, by the gradient of one prediction with respect to all values before it."""
    model = random_model((1100,), layers=10, conditional=ar.GaussianMixture(1), channels=2)
    x = torch.randn(1, 1100, dtype=torch.float64, requires_grad=True)
    model.params(x)[0, -1].sum().backward()
    assert model.dilations == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    assert model.receptive_field == 1024
    seen = x.grad[0].nonzero().flatten()
    assert seen.min() == 1099 - 1024 and seen.max() == 1098


# -- prefixes -------------------------------------------------------------------------------------------------------


def test_a_prefix_has_the_probability_of_all_its_continuations() -> None:
    model = random_model((4,), position=True)
    prefix = torch.tensor([[2, 0]])
    every = torch.tensor([[2, 0, a, b] for a, b in itertools.product(range(3), repeat=2)])
    torch.testing.assert_close(
        model.log_prob(prefix).exp().sum(), model.log_prob(every).exp().sum()
    )
    assert model.log_prob(torch.zeros(2, 0, dtype=torch.int64)).tolist() == [0, 0]


@pytest.mark.parametrize("length", [1, 2, 6])
def test_the_conditionals_of_a_prefix_are_those_of_the_whole(length: int) -> None:
    model = random_model((7,), num_classes=2, position=True)
    x, context = contract.events(model), contract.contexts(model)
    torch.testing.assert_close(
        model.params(x[:, :length], context), model.params(x, context)[:, :length]
    )


# -- queues ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [{"layers": 4}, {"layers": 3, "stacks": 2, "kernel_size": 3}])
def test_the_queues_go_round_many_times(arguments: dict) -> None:
    model = random_model((50,), **arguments)
    contract.check_steps_equal_pass(model, atol=1e-10)


def test_the_queues_hold_what_the_layers_look_back_at_and_no_more() -> None:
    model = random_model((5000,), layers=6, stacks=2, kernel_size=3)
    decoder = model.decoder(3)
    assert decoder._queues.shape == (2 * 2 * (2**6 - 1), 3, 4)


def test_a_long_prefix_is_caught_up_with_in_one_pass() -> None:
    model = random_model((80,), layers=3, stacks=2, num_classes=2)
    x, context = contract.events(model, 2), contract.contexts(model, 2)
    for t in (1, 3, 4, 5, 37, 79):
        decoder = model.decoder(2, context)
        decoder.prefill(x, t)
        with torch.no_grad():
            expected = model.params(x, context)[:, t]
        torch.testing.assert_close(decoder.distribution().params, expected)


# -- training -------------------------------------------------------------------------------------------------------


def test_it_learns_a_sine() -> None:
    """Eight phases of a sine wave in five levels: the phase is all there is to guess, ln 8 nats."""
    torch.manual_seed(0)
    phase, time = torch.arange(8).unsqueeze(1), torch.arange(16)
    x = (2 + 2 * torch.sin(2 * math.pi * (phase + time + 0.5) / 8)).round().long()
    assert len(x.unique(dim=0)) == 8
    model = ar.WaveNet((16,), channels=16, layers=3, conditional=ar.Categorical(5))
    contract.check_fit_reaches(model, x, math.log(8), steps=120)


# -- sizes and errors -----------------------------------------------------------------------------------------------


def test_parameter_counts() -> None:
    """C = 6 channels, S = 5 to the output, 4 layers: taps, the way to the output, the way to the next layer."""
    given = {"channels": 6, "layers": 2, "stacks": 2, "skip_channels": 5, "kernel_size": 3}
    model = ar.WaveNet((20,), conditional=ar.Categorical(9), **given)
    layers = 4 * ((3 * 6 * 12 + 12) + (6 * 5 + 5)) + 3 * 6 * 6
    ends = (5 * 5 + 5) + (5 * 9 + 9)
    assert model.num_parameters() == 9 * 6 + layers + ends
    model = ar.WaveNet((20,), conditional=ar.GaussianMixture(3), **given)
    assert model.num_parameters() == (6 + 6) + layers + ends
    more = ar.WaveNet(
        (20,), conditional=ar.GaussianMixture(3), num_classes=7, position=True, **given
    )
    assert more.num_parameters() - model.num_parameters() == 7 * 4 * 12 + 12 * 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"event_shape": (2, 3)}, r"WaveNet has event shape \(T,\), got \(2, 3\)"),
        ({"channels": 0}, "channels must be a positive int, got 0"),
        ({"channels": -3}, "channels must be a positive int, got -3"),
        ({"layers": 2.0}, "layers must be a positive int, got 2.0"),
        ({"stacks": True}, "stacks must be a positive int, got True"),
        ({"skip_channels": 0}, "skip_channels must be a positive int, got 0"),
        ({"kernel_size": 1}, "kernel_size must be an int of at least 2, got 1"),
        ({"position": 1}, "position must be True or False, got 1"),
        ({"ordering": "reverse"}, """takes ordering "raster" only, got 'reverse'"""),
        ({"conditional": ar.Bernoulli()}, "takes Categorical, LogisticMixture, GaussianMixture"),
        ({"conditional": ar.Categorical((2, 3))}, "only BayesNet takes"),
    ],
)
def test_errors(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ar.WaveNet(**{"event_shape": (2,), **arguments})


def test_longer_than_the_longest() -> None:
    model = random_model((6,))
    with pytest.raises(ValueError, match=r"or, for a prefix, \(B, L\) with L <= 6, got \(2, 7\)"):
        model.log_prob(torch.zeros(2, 7, dtype=torch.int64))
