"""The histogram's density of one variable: against numpy, at the edges, and where rounding could leave a bin."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy import integrate

import armodels_lite as ar

DTYPES = [torch.float32, torch.float64]
TINY, ALMOST_ONE = 2.0**-24, 1 - 2.0**-24  # the ends of the noise grid
GRID = [TINY, 0.1, 0.5, 0.9, ALMOST_ONE]
EDGES = [-2.0, -1.5, 0.1, 0.7, 5.0]  # 0.1 and 0.7 are no binary fractions


def test_density_agrees_with_numpy() -> None:
    data = np.random.default_rng(0).normal(size=1000)
    edges = np.array([-4.0, -1.0, -0.5, 0.0, 0.25, 1.0, 4.0])
    counts, _ = np.histogram(data, edges)
    density, _ = np.histogram(data, edges, density=True)
    dist = ar.PiecewiseConstant(edges).distribution(torch.tensor(np.log(counts)))
    bins = np.digitize(data, edges) - 1
    np.testing.assert_allclose(dist.log_prob(torch.tensor(data)).exp(), density[bins], rtol=1e-12)
    u = torch.tensor(GRID, dtype=torch.float64)
    wide = ar.PiecewiseConstant(edges).distribution(dist.params.expand(len(u), -1))
    expected = np.interp(u, np.concatenate([[0.0], np.cumsum(counts) / counts.sum()]), edges)
    np.testing.assert_allclose(wide.draw(u), expected, rtol=1e-9)
    assert dist.mean.item() == pytest.approx(
        float((counts / counts.sum()) @ ((edges[1:] + edges[:-1]) / 2))
    )


def test_edges_belong_to_the_bin_above() -> None:
    dist = ar.PiecewiseConstant([0.0, 1.0, 3.0]).distribution(torch.tensor([0.25, 0.75]).log())
    density = dist.log_prob(torch.tensor([0.0, 0.999, 1.0, 3.0])).exp()
    torch.testing.assert_close(
        density, torch.tensor([0.25, 0.25, 0.375, 0.375])
    )  # the last edge is inside
    assert dist.log_prob(torch.tensor([-1e-6, 3.00001])).tolist() == [-math.inf, -math.inf]


def test_empty_bins_are_never_drawn() -> None:
    logits = torch.tensor([-math.inf, 0.0, -math.inf, 0.0, -math.inf])
    dist = ar.PiecewiseConstant(5, 0.0, 5.0).distribution(logits.expand(3, -1))
    drawn = dist.draw(torch.tensor([TINY, 0.75, 0.9]))
    torch.testing.assert_close(drawn, torch.tensor([1 + 2 * TINY, 3.5, 3.8]))
    assert dist.log_prob(torch.tensor(0.5)).tolist() == [-math.inf] * 3


def test_edges_are_not_rounded_with_the_network() -> None:
    """A network in bfloat16 must not move the edges: 1001 and 1002 are the same number there."""
    conditional = ar.PiecewiseConstant([1000.0, 1001.0, 1002.0, 1003.0])
    dist = conditional.distribution(torch.zeros(3, dtype=torch.bfloat16))
    assert dist.log_prob(torch.tensor([1000.5, 1001.5, 1002.5])).tolist() == pytest.approx(
        [-math.log(3)] * 3
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_edge_belongs_to_the_bin_above(dtype: torch.dtype) -> None:
    """Also edges such as 0.1 and 0.7, which are other numbers in float32 than in float64."""
    log_masses = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=dtype).log()
    dist = ar.PiecewiseConstant(EDGES).distribution(log_masses)
    edges = torch.tensor(EDGES, dtype=dtype)
    density = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=dtype) / edges.diff()
    at, above = dist.log_prob(edges).exp(), torch.cat([density, density[-1:]])
    torch.testing.assert_close(at, above)
    below = dist.log_prob(edges.nextafter(torch.full_like(edges, -math.inf))).exp()
    torch.testing.assert_close(below, torch.cat([torch.zeros(1, dtype=dtype), density]))


def test_the_score_is_one_hot_minus_masses() -> None:
    """d log p(x) / d logits = one-hot(bin) - masses, whatever the widths."""
    params = torch.tensor([0.3, -1.0, 2.0, 0.5], dtype=torch.float64)
    dist = ar.PiecewiseConstant(EDGES).distribution(params)
    expected = torch.tensor([0.0, 0.0, 1.0, 0.0], dtype=torch.float64) - params.softmax(0)
    torch.testing.assert_close(dist.score(torch.tensor(0.3, dtype=torch.float64)), expected)


def test_the_mean_is_the_integral() -> None:
    params = torch.tensor([0.3, -1.0, 2.0, 0.5], dtype=torch.float64)
    dist = ar.PiecewiseConstant(EDGES).distribution(params)
    moment = sum(
        integrate.quad(lambda x: x * dist.log_prob(torch.tensor(x)).exp().item(), low, high)[0]
        for low, high in pairwise(EDGES)
    )
    assert dist.mean.item() == pytest.approx(moment, abs=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
def test_draws_never_round_into_the_bin_above(dtype: torch.dtype) -> None:
    """Uniforms right below a step of the distribution function: a bin without mass starts at the next edge."""
    bins = [0.0, 1000.1, 1000.2, 1000.7]
    logits = torch.tensor([0.0, -math.inf, 0.0], dtype=dtype)
    u = 0.5 - 2.0 ** -torch.arange(20.0, 50.0, dtype=torch.float64)
    dist = ar.PiecewiseConstant(bins).distribution(logits.expand(len(u), -1))
    drawn = dist.draw(u)
    assert drawn.dtype == dtype and torch.isfinite(dist.log_prob(drawn)).all()
    assert (drawn < torch.tensor(1000.1, dtype=dtype)).all() and drawn[-1] > 1000.09


def test_draws_invert_the_distribution_function() -> None:
    """Mass below the draw, by adding bins up, is the uniform again."""
    masses = np.array([0.4, 0.0, 0.25, 0.35])
    u = torch.linspace(0.001, 0.999, 333, dtype=torch.float64)
    logits = torch.tensor(masses).log().expand(len(u), -1)
    drawn = ar.PiecewiseConstant(EDGES).distribution(logits).draw(u)
    below = np.interp(drawn, EDGES, np.concatenate([[0.0], masses.cumsum()]))
    np.testing.assert_allclose(below, u, atol=1e-12)


def test_one_row_of_masses_serves_many_uniforms() -> None:
    logits, u = torch.tensor([0.2, 0.1, 0.3, 0.4]).log(), torch.tensor([0.1, 0.25, 0.8])
    dist = ar.PiecewiseConstant(EDGES).distribution(logits)
    each = [dist.draw(value).item() for value in u]
    assert dist.draw(u).tolist() == each


@pytest.mark.parametrize("temperature", [1e-3, 1e-39, 1e-45])
def test_tiny_temperatures_leave_the_densest_bin(temperature: float) -> None:
    """The bin of highest density, not of highest mass; nothing overflows on the way."""
    logits = torch.tensor([0.05, 0.05, 0.5, 0.4]).log()  # densities 0.1, 0.03, 0.83, 0.09
    dist = ar.PiecewiseConstant(EDGES).distribution(logits).tempered(temperature)
    assert dist.log_prob(torch.tensor(0.2)).exp().item() == pytest.approx(1 / 0.6)
    assert 0.1 <= dist.draw(torch.tensor(0.99)).item() < 0.7


def test_high_temperatures_flatten_the_density_not_the_masses() -> None:
    logits = torch.tensor([0.05, 0.05, 0.5, 0.4], dtype=torch.float64).log()
    dist = ar.PiecewiseConstant(EDGES).distribution(logits).tempered(1e9)
    x = torch.tensor([-1.9, 0.0, 0.5, 4.0], dtype=torch.float64)
    np.testing.assert_allclose(dist.log_prob(x).exp(), np.full(4, 1 / 7), rtol=1e-6)


def test_a_bin_without_mass_stays_so_at_every_temperature() -> None:
    dist = ar.PiecewiseConstant(EDGES).distribution(torch.tensor([0.0, -math.inf, 0.0, 0.0]))
    for temperature in (0.3, 5.0):
        log_prob = dist.tempered(temperature).log_prob(torch.tensor([-1.8, 0.0, 0.5]))
        assert torch.isfinite(log_prob).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("bins", "low", "high"), [(21, 0.1, 0.3), (3, 0.0, 0.7), (3, np.float32(0.5), 2)]
)
def test_the_last_edge_is_the_one_given(bins: int, low: float, high: float) -> None:
    conditional = ar.PiecewiseConstant(bins, low, high)
    assert (conditional.edges[0], conditional.edges[-1]) == (low, high)
    assert ar.PiecewiseConstant(**json.loads(json.dumps(conditional.arguments))) == conditional


@pytest.mark.parametrize("arguments", [(3, 1e16, 1e16 + 2), (3, -1e308, 1e308), (10.0,), (None,)])
def test_bins_that_cannot_be_told_apart_are_refused(arguments: tuple) -> None:
    with pytest.raises(
        ValueError, match="bin edges must increase|bins must be an int, or the edges"
    ):
        ar.PiecewiseConstant(*arguments)
