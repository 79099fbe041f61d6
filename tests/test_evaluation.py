"""The record of a training, and the measure of a model."""

from __future__ import annotations

import math

import pytest
import torch
from training_toys import Toy, bits

import armodels_lite as ar
from armodels_lite.data import load
from armodels_lite.training import History, bits_per_dim, evaluate, fit


def test_history_survives_json_to_the_last_bit():
    history = fit(Toy(), bits(), bits(seed=1), epochs=2)
    again = History.from_json(history.to_json())
    assert again == history and list(again.epochs) == [1, 2] and min(history.seconds) > 0
    with pytest.raises(ValueError, match="no History"):
        History.from_json('{"train_loss": []}')


def test_evaluate_against_the_definition():
    torch.manual_seed(0)
    model = ar.NADE((6,), hidden=4)
    x = bits(37)
    result, nats = evaluate(model, x, batch_size=10), -model.log_prob(x).detach().double()
    assert result.n == 37 and torch.allclose(result.per_example, nats, atol=1e-6)
    assert result.per_example.dtype == torch.float64
    assert result.nats == pytest.approx(nats.mean().item(), rel=1e-6)
    assert result.standard_error == pytest.approx(nats.std().item() / math.sqrt(37), rel=1e-5)
    assert result.bits_per_dim == pytest.approx(result.nats / (6 * math.log(2)))
    assert bits_per_dim(model, x) == pytest.approx(result.bits_per_dim)
    assert result.unit == "bits/dim" and "(n=37)" in str(result)
    assert math.isnan(evaluate(model, x[:1]).standard_error)


def test_continuous_data_are_measured_in_differential_bits():
    """A standard normal per variable: the mean of -log p(x) at x = 0 is log(2 pi) / 2 nats."""
    model = ar.FVSBN((3,), conditional=ar.GaussianMixture(1))
    result = evaluate(model, torch.zeros(4, 3))
    assert result.unit == "bits/dim (differential)"
    assert result.bits_per_dim == pytest.approx(result.nats / (3 * math.log(2)))


def test_evaluate_restores_modes_and_needs_no_gradient():
    model = Toy()
    result = evaluate(model, bits())
    assert model.training and model.dropout.training and not result.per_example.requires_grad
    assert result.nats == pytest.approx(evaluate(model, bits(), batch_size=3).nats)  # no dropout


def test_evaluate_and_bits_per_dim_refuse_what_does_not_fit():
    model = ar.FVSBN((6,))
    with pytest.raises(ValueError, match="data holds no examples"):
        evaluate(model, torch.zeros(0, 6))
    with pytest.raises(ValueError, match=r"events without any value \(x has shape \(3, 0\)\)"):
        evaluate(ar.LinearAR((6,)), torch.zeros(3, 6)[:, :0])
    with pytest.raises(ValueError, match="batch_size is 0"):
        evaluate(model, bits(), batch_size=0)
    with pytest.raises(TypeError, match=r"such as data\.train"):
        evaluate(model, load("digits"))
    with pytest.raises(ValueError, match="is not conditional, but a context was given"):
        bits_per_dim(model, bits(), torch.zeros(50, dtype=torch.long))
    with pytest.raises(TypeError, match="x must be a tensor"):
        bits_per_dim(model, [0.0])
