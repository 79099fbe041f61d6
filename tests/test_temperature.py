"""Temperature: discrete probabilities and densities to the power 1 / T, and the rule for mixtures of Gaussians."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import armodels_lite as ar

TINY, ALMOST_ONE = 2.0**-24, 1 - 2.0**-24  # the ends of the noise grid


@pytest.mark.parametrize("temperature", [0.3, 1.7])
@pytest.mark.parametrize(
    "conditional", [ar.Bernoulli(), ar.Categorical(4), ar.LogisticMixture(2, 6)], ids=repr
)
def test_discrete_temperature_is_a_power(conditional: ar.Conditional, temperature: float) -> None:
    dist = conditional.distribution(torch.randn(3, conditional.num_params, dtype=torch.float64))
    power = dist.level_log_probs().exp() ** (1 / temperature)
    found = dist.tempered(temperature).level_log_probs().exp()
    torch.testing.assert_close(found, power / power.sum(-1, keepdim=True))


@pytest.mark.parametrize("temperature", [1e-30, 1e-45, 1e-300])
@pytest.mark.parametrize(
    "conditional", [ar.Bernoulli(), ar.Categorical(4), ar.LogisticMixture(2, 6)], ids=repr
)
def test_a_tiny_temperature_takes_the_mode(conditional: ar.Conditional, temperature: float) -> None:
    """However small: probabilities stay numbers, and every draw is the most probable level."""
    dist = conditional.distribution(torch.randn(20, conditional.num_params))
    cold = dist.tempered(temperature)
    assert not cold.level_log_probs().isnan().any()
    mode = dist.level_log_probs().argmax(-1)
    for u in (TINY, 0.5, ALMOST_ONE):
        assert torch.equal(cold.draw(torch.full((20,), u)).long(), mode)


def test_excluded_levels_stay_excluded_when_tempered() -> None:
    dist = ar.Categorical(3).distribution(torch.tensor([0.0, -math.inf, 1.0])).tempered(50.0)
    assert dist.probs[1] == 0.0 and not dist.probs.isnan().any()


def test_gaussian_temperature() -> None:
    """Weights' logits / T, the means as they are, sigma * sqrt(T)."""
    params = torch.tensor([0.4, -1.2, 3.0, -2.0, 0.5, 0.1], dtype=torch.float64)
    found = ar.GaussianMixture(2).distribution(params).tempered(0.25).params
    assert found[0] - found[1] == pytest.approx((0.4 + 1.2) / 0.25)  # logits count by difference
    expected = [3.0, -2.0, 0.5 - math.log(2), 0.1 - math.log(2)]
    assert found[2:].tolist() == pytest.approx(expected)


@pytest.mark.parametrize("temperature", [1e-37, 1e-39, 1e-45])
def test_tiny_temperatures_leave_the_likeliest_component(temperature: float) -> None:
    dist = ar.GaussianMixture(2).distribution(torch.tensor([1.0, 2.0, -5.0, 5.0, 0.0, 0.0]))
    assert dist.tempered(temperature).draw(torch.tensor(0.5)) == pytest.approx(5.0)


def test_one_gaussian_tempered_is_a_power_of_its_density() -> None:
    dist = ar.GaussianMixture(1).distribution(torch.tensor([0.0, 1.0, 0.7], dtype=torch.float64))
    x = torch.linspace(-4, 6, 7, dtype=torch.float64)
    ratio = dist.tempered(0.6).log_prob(x) - dist.log_prob(x) / 0.6
    torch.testing.assert_close(ratio, ratio[:1].expand(7))  # equal up to the normalising constant


def test_piecewise_temperature_is_a_power_of_the_density() -> None:
    edges = [0.0, 0.1, 0.5, 2.0]
    dist = ar.PiecewiseConstant(edges).distribution(
        torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64).log()
    )
    widths = np.diff(edges)
    power = (np.array([0.2, 0.3, 0.5]) / widths) ** (1 / 0.7)
    expected = power / (power * widths).sum()
    found = dist.tempered(0.7).log_prob(torch.tensor([0.05, 0.2, 1.0], dtype=torch.float64)).exp()
    np.testing.assert_allclose(found, expected, rtol=1e-12)
