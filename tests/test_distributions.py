"""The distributions against independent references: decimals of 60 digits, scipy, numpy, closed forms."""

from __future__ import annotations

import copy
import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
import torch
from scipy import optimize, stats

import armodels_lite as ar
from armodels_lite.distributions import uniform_noise

DTYPES = [torch.float32, torch.float64]
TINY, ALMOST_ONE = 2.0**-24, 1 - 2.0**-24  # the ends of the noise grid
GRID = [TINY, 1e-5, 0.1, 0.25, 0.5, 0.7, 0.999, ALMOST_ONE]


def exact_log_softmax(logits: list[float]) -> list[float]:
    """Log-probabilities by decimals of 60 digits."""
    with localcontext() as context:
        context.prec = 60
        weights = [Decimal(logit).exp() for logit in logits]
        return [float((weight / sum(weights)).ln()) for weight in weights]


def exact_log_mass(level: int, levels: int, mean: float, log_scale: float) -> float:
    """Log of the mass that a logistic puts on the interval of a level, by decimals."""
    with localcontext() as context:
        context.prec = 60
        scale = Decimal(max(log_scale, -7.0)).exp()
        upper = (Decimal(2 * level + 1) / (levels - 1) - 1 - Decimal(mean)) / scale
        lower = (Decimal(2 * level - 1) / (levels - 1) - 1 - Decimal(mean)) / scale
        if level == 0:
            mass = 1 / (1 + (-upper).exp())
        elif level == levels - 1:
            mass = 1 / (1 + lower.exp())
        else:  # written without a difference of numbers that are both close to one
            a, b = (-lower).exp(), (-upper).exp()
            mass = (a - b) / ((1 + a) * (1 + b))
        return float(mass.ln())


def first_level_above(u: float, probs: list[float]) -> int:
    """The smallest k with u < cdf(k), by counting."""
    total = 0.0
    for k, p in enumerate(probs):
        total += p
        if u < total:
            return k
    raise AssertionError(f"no level for u = {u}")


# -- tails ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("logit", [-10_000.0, -100.0, -30.0, -1.0, 0.0, 2.5, 30.0, 100.0, 10_000.0])
def test_bernoulli_tails(logit: float, dtype: torch.dtype) -> None:
    dist = ar.Bernoulli().distribution(torch.tensor([logit], dtype=dtype))
    log_p0, log_p1 = exact_log_softmax([0.0, logit])
    found = [dist.log_prob(torch.tensor(value, dtype=dtype)).item() for value in (0.0, 1.0)]
    close = {"rel": 4 * torch.finfo(dtype).eps, "abs": torch.finfo(dtype).tiny}
    assert found == pytest.approx([log_p0, log_p1], **close)
    assert dist.level_log_probs().tolist() == pytest.approx([log_p0, log_p1], **close)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "logits", [[100.0, -100.0], [-100.0, 0.0, 100.0], [100.0] * 4, [-100.0] * 3 + [-101.0]]
)
def test_categorical_tails(logits: list[float], dtype: torch.dtype) -> None:
    dist = ar.Categorical(len(logits)).distribution(torch.tensor(logits, dtype=dtype))
    found = dist.log_prob(torch.arange(len(logits)))
    assert torch.isfinite(found).all()
    eps = torch.finfo(dtype).eps
    assert found.tolist() == pytest.approx(exact_log_softmax(logits), rel=4 * eps, abs=4 * eps)


@pytest.mark.parametrize("dtype", DTYPES)
def test_gradients_in_the_tails(dtype: torch.dtype) -> None:
    logit = torch.tensor([-100.0], dtype=dtype, requires_grad=True)
    ar.Bernoulli().distribution(logit).log_prob(torch.ones((), dtype=dtype)).backward()
    assert logit.grad.item() == 1.0  # d log sigmoid(z) / dz = 1 - sigmoid(z)
    params = torch.tensor([0.0, 0.3, -9.0], dtype=dtype, requires_grad=True)
    ar.LogisticMixture(1, 256).distribution(params).level_log_probs().sum().backward()
    assert torch.isfinite(params.grad).all()


@pytest.mark.parametrize("mean", [-1.5, -1.0, 0.3, 3.0])
@pytest.mark.parametrize("log_scale", [-9.0, -7.0, -3.0, 0.0, 5.0])
@pytest.mark.parametrize("levels", [2, 3, 256])
def test_discretized_logistic_is_exact(levels: int, log_scale: float, mean: float) -> None:
    """Edge bins, interior bins beside the mean and thousands of scales away from it."""
    chosen = sorted({0, 1, levels // 2, levels - 2, levels - 1})
    expected = [exact_log_mass(level, levels, mean, log_scale) for level in chosen]
    for dtype, close in (
        (torch.float64, {"rel": 1e-10, "abs": 1e-11}),
        (torch.float32, {"rel": 1e-5, "abs": 1e-3}),
    ):
        dist = ar.LogisticMixture(1, levels).distribution(
            torch.tensor([0.0, mean, log_scale], dtype=dtype)
        )
        assert dist.log_prob(torch.tensor(chosen)).tolist() == pytest.approx(expected, **close)


def test_discretized_logistic_with_a_huge_scale() -> None:
    """Far above the data's own scale the inner levels are rare, not impossible, and gradients stay finite."""
    params = torch.tensor([0.0, 0.0, 110.0], requires_grad=True)
    found = ar.LogisticMixture(1, 256).distribution(params).level_log_probs()
    expected = [exact_log_mass(level, 256, 0.0, 110.0) for level in range(256)]
    assert found.tolist() == pytest.approx(expected, rel=1e-5, abs=1e-5)
    found.sum().backward()
    assert torch.isfinite(params.grad).all()


def test_discretized_logistic_agrees_with_scipy() -> None:
    levels, logits = 17, [0.3, -1.0, 0.5]
    means, log_scales = [-0.4, 0.1, 0.9], [-1.0, -2.5, 0.2]
    params = torch.tensor(logits + means + log_scales, dtype=torch.float64)
    weights = np.exp(logits) / np.exp(logits).sum()
    edges = np.concatenate(
        [[-np.inf], (2 * np.arange(levels - 1) + 1) / (levels - 1) - 1, [np.inf]]
    )
    cdf = sum(
        w * stats.logistic.cdf(edges, loc=m, scale=np.exp(s))
        for w, m, s in zip(weights, means, log_scales, strict=True)
    )
    dist = ar.LogisticMixture(3, levels).distribution(params)
    np.testing.assert_allclose(dist.level_log_probs().exp(), np.diff(cdf), rtol=1e-11)
    np.testing.assert_allclose(dist.cdf(torch.arange(levels)), cdf[1:], rtol=1e-12)


@pytest.mark.parametrize("levels", [2, 3, 17, 256])
def test_discretized_logistic_sums_to_one(levels: int) -> None:
    params = torch.randn(50, 12, dtype=torch.float64) * torch.tensor(
        [2.0] * 4 + [1.5] * 4 + [4.0] * 4
    )
    for dtype, atol in ((torch.float64, 1e-12), (torch.float32, 2e-5)):
        total = (
            ar.LogisticMixture(4, levels)
            .distribution(params.to(dtype))
            .level_log_probs()
            .exp()
            .sum(-1)
        )
        torch.testing.assert_close(total, torch.ones(50, dtype=dtype), atol=atol, rtol=0)


def test_gaussian_mixture_agrees_with_scipy() -> None:
    logits, means, log_sigmas = [0.3, -1.0, 2.0], [-4.0, 0.1, 3.0], [-3.0, 0.0, 2.0]
    dist = ar.GaussianMixture(3).distribution(
        torch.tensor(logits + means + log_sigmas, dtype=torch.float64)
    )
    weights = np.exp(logits) / np.exp(logits).sum()
    x = torch.tensor([-1000.0, -4.0, 0.0, 0.5, 7.0, 400.0], dtype=torch.float64)
    normals = [stats.norm(m, np.exp(s)) for m, s in zip(means, log_sigmas, strict=True)]
    with np.errstate(divide="ignore"):
        expected = np.logaddexp.reduce(
            [np.log(w) + n.logpdf(x) for w, n in zip(weights, normals, strict=True)]
        )
    np.testing.assert_allclose(dist.log_prob(x), expected, rtol=1e-12)
    np.testing.assert_allclose(
        dist.cdf(x), sum(w * n.cdf(x) for w, n in zip(weights, normals, strict=True)), atol=1e-15
    )
    assert dist.mean.item() == pytest.approx(float(weights @ means))


# -- draws ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_bernoulli_takes_one_below_p(dtype: torch.dtype) -> None:
    dist = ar.Bernoulli().distribution(torch.zeros(3, 1, dtype=dtype))
    drawn = dist.draw(torch.tensor([ALMOST_ONE / 2, 0.5, 0.6], dtype=dtype))
    assert drawn.tolist() == [1.0, 0.0, 0.0]  # u = p itself is not below p
    assert drawn.dtype == dtype
    sure = ar.Bernoulli().distribution(torch.tensor([[100.0], [-100.0]]))
    assert sure.draw(torch.tensor([ALMOST_ONE, TINY])).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("dtype", DTYPES)
def test_categorical_takes_the_first_level_above(dtype: torch.dtype) -> None:
    """Probabilities 1/4, 1/4, 0, 1/2 are exact: at u = cdf(k) the next level that has mass is taken."""
    dist = ar.Categorical(4).distribution(torch.tensor([0.25, 0.25, 0.0, 0.5], dtype=dtype).log())
    for u, level in (
        (TINY, 0),
        (0.25 - TINY, 0),
        (0.25, 1),
        (0.5 - TINY, 1),
        (0.5, 3),
        (ALMOST_ONE, 3),
    ):
        assert dist.draw(torch.tensor(u, dtype=dtype)).item() == level


@pytest.mark.parametrize("levels", [2, 3, 300])
def test_discrete_draws_by_counting(levels: int) -> None:
    """Levels drawn by Categorical and LogisticMixture are those found by adding probabilities up."""
    u = torch.rand(400, dtype=torch.float64)
    for conditional in (ar.Categorical(levels), ar.LogisticMixture(2, levels)):
        dist = conditional.distribution(torch.randn(conditional.num_params, dtype=torch.float64))
        probs = dist.level_log_probs().exp().tolist()
        wide = conditional.distribution(dist.params.expand(400, -1))
        assert wide.draw(u).tolist() == [first_level_above(value, probs) for value in u.tolist()]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kept", [[3], [0, 999], [5, 6, 700], [998]])
def test_levels_without_mass_are_never_drawn(kept: list[int], dtype: torch.dtype) -> None:
    logits = torch.full((1000,), -math.inf, dtype=dtype)
    logits[kept] = torch.randn(len(kept), dtype=dtype)
    dist = ar.Categorical(1000).distribution(logits.expand(len(GRID), -1))
    drawn = dist.draw(torch.tensor(GRID, dtype=torch.float32)).tolist()
    assert set(drawn) <= set(kept)
    assert (drawn[0], drawn[-1]) == (kept[0], kept[-1])


@pytest.mark.parametrize("keep", [ar.top_k(5), ar.top_p(0.3)])
@pytest.mark.parametrize("conditional", [ar.Categorical(256), ar.LogisticMixture(3, 256)])
def test_filtered_draws_stay_inside(conditional: ar.Conditional, keep) -> None:
    params = torch.randn(2000, conditional.num_params)
    dist = conditional.distribution(params).filtered(keep)
    for u in (TINY, ALMOST_ONE):
        drawn = dist.draw(torch.full((2000,), u))
        assert torch.isfinite(dist.log_prob(drawn)).all()
    torch.testing.assert_close(dist.level_log_probs().exp().sum(-1), torch.ones(2000))


def test_filtered_bernoulli_stays_a_bernoulli() -> None:
    """What sampling with a filter yields can be asked like any Bernoulli: float values, `probs` of one."""
    dist = ar.Bernoulli().distribution(torch.tensor([[1.0], [-1.0], [0.0]])).filtered(ar.top_k(1))
    assert dist.probs.tolist() == [1.0, 0.0, 0.0]  # of equally probable levels the lower one stays
    drawn = dist.draw(torch.tensor([ALMOST_ONE, TINY, TINY]))
    assert drawn.tolist() == [1.0, 0.0, 0.0]
    assert drawn.dtype == torch.float32
    assert dist.log_prob(drawn).tolist() == [0.0, 0.0, 0.0]
    assert dist.log_prob(1 - drawn).tolist() == [-math.inf] * 3


MIXTURES = {  # weight logits, means, sigmas
    "one": ([0.0], [0.3], [2.0]),
    "apart": ([0.0, 0.0], [-50.0, 50.0], [0.1, 0.1]),
    "nested": ([0.0, 1.0], [0.0, 0.0], [1e-3, 1e3]),
    "very nested": ([0.0, 0.0], [0.0, 1e-3], [1e-6, 1e6]),
    "rare": ([0.0, -14.0], [0.0, 1000.0], [1.0, 1.0]),
    "many": (
        [0.1 * i for i in range(10)],
        [math.sin(3 * i) for i in range(10)],
        [0.1 + 0.3 * i for i in range(10)],
    ),
}


@pytest.mark.parametrize("name", MIXTURES)
def test_gaussian_mixture_is_inverted(name: str) -> None:
    """Draws against scipy's root finder on scipy's normals, and the distribution function against the uniform."""
    logits, means, sigmas = (np.array(numbers) for numbers in MIXTURES[name])
    weights = np.exp(logits) / np.exp(logits).sum()
    u = torch.tensor(GRID, dtype=torch.float64)
    params = torch.tensor(np.concatenate([logits, means, np.log(sigmas)])).expand(len(u), -1)
    dist = ar.GaussianMixture(len(means)).distribution(params)
    drawn = dist.draw(u)
    torch.testing.assert_close(dist.cdf(drawn), u, atol=1e-6, rtol=0)
    for value, found in zip(GRID, drawn.tolist(), strict=True):
        quantiles = stats.norm.ppf(value, means, sigmas)
        if quantiles.min() == quantiles.max():
            expected = quantiles[0]
        else:
            expected = optimize.brentq(
                lambda x, value=value: weights @ stats.norm.cdf(x, means, sigmas) - value,
                quantiles.min(),
                quantiles.max(),
                xtol=1e-13,
            )
        if (
            weights @ stats.norm.pdf(expected, means, sigmas) > 1e-9
        ):  # between modes far apart any x will do
            assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_gaussian_draws_in_float32_are_the_rounded_ones() -> None:
    params = torch.randn(200, 9)
    u = uniform_noise((200,))
    narrow = ar.GaussianMixture(3).distribution(params).draw(u)
    wide = ar.GaussianMixture(3).distribution(params.double()).draw(u.double())
    assert narrow.dtype == torch.float32
    torch.testing.assert_close(narrow, wide.float(), atol=1e-7, rtol=1e-6)


@pytest.mark.parametrize(
    "conditional",
    [
        ar.Bernoulli(),
        ar.Categorical(5),
        ar.LogisticMixture(2, 9),
        ar.GaussianMixture(3),
        ar.PiecewiseConstant(4),
    ],
    ids=repr,
)
def test_draws_rise_with_u(conditional: ar.Conditional) -> None:
    u = torch.linspace(0.001, 0.999, 501)
    if isinstance(conditional, ar.Bernoulli):
        u = u.flip(0)  # 1 iff u < p: the only one that falls
    dist = conditional.distribution(torch.randn(conditional.num_params).expand(501, -1))
    assert (dist.draw(u).diff() >= 0).all()


# -- noise, shapes, dtypes ------------------------------------------------------------------------------------------


def test_noise_lies_on_its_grid() -> None:
    noise = uniform_noise((100_000,), generator=torch.Generator().manual_seed(0))
    scaled = noise.double() * 2**24
    assert noise.dtype == torch.float32
    assert torch.equal(scaled, scaled.round()) and (scaled % 2 == 1).all()
    assert 0 < noise.min() < 1e-4 and 1 - 1e-4 < noise.max() < 1
    assert stats.kstest(noise, "uniform").pvalue > 1e-3
    assert torch.equal(noise, uniform_noise((100_000,), generator=torch.Generator().manual_seed(0)))


def test_noise_reaches_neither_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The smallest and the largest k of the grid, forced."""
    monkeypatch.setattr(
        torch, "randint", lambda low, high, shape, **_: torch.tensor([low, high - 1])
    )
    assert uniform_noise((2,)).tolist() == [TINY, ALMOST_ONE]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_parameters_are_widened(dtype: torch.dtype) -> None:
    params = torch.randn(4, 6).to(dtype)
    x = torch.randn(4)
    half, full = (ar.GaussianMixture(2).distribution(p) for p in (params, params.float()))
    assert half.log_prob(x).dtype == torch.float32
    assert torch.equal(half.log_prob(x), full.log_prob(x))


@pytest.mark.parametrize("sample_shape", [(), (4,), (2, 3), (0,)])
def test_sample_shapes(sample_shape: tuple[int, ...]) -> None:
    for conditional in (
        ar.Bernoulli(),
        ar.Categorical(3),
        ar.LogisticMixture(2, 4),
        ar.GaussianMixture(2),
    ):
        dist = conditional.distribution(torch.zeros(5, 2, conditional.num_params))
        drawn = dist.sample(sample_shape)
        assert drawn.shape == (*sample_shape, 5, 2)
        assert dist.log_prob(drawn).shape == (*sample_shape, 5, 2)


def test_samples_have_the_right_frequencies() -> None:
    dist = ar.Categorical(3).distribution(torch.tensor([0.2, 0.5, 0.3]).log())
    counts = torch.bincount(dist.sample((5000,)), minlength=3)
    assert stats.chisquare(counts, [1000, 2500, 1500]).pvalue > 1e-3
    assert dist.mean.item() == pytest.approx(1.1)


def test_filters_need_levels() -> None:
    with pytest.raises(ValueError, match="discrete variables, got GaussianMixture"):
        ar.GaussianMixture(1).distribution(torch.zeros(3)).filtered(ar.top_k(1))


def test_scores_in_inference_mode() -> None:
    with torch.inference_mode():
        for dist, x in (
            (ar.Bernoulli().distribution(torch.zeros(2, 1)), torch.ones(2)),
            (ar.Categorical(3).distribution(torch.zeros(2, 3)), torch.tensor([0, 2])),
            (ar.GaussianMixture(2).distribution(torch.ones(2, 6)), torch.randn(2)),
            (ar.LogisticMixture(2, 8).distribution(torch.zeros(2, 6)), torch.tensor([0, 7])),
            (ar.PiecewiseConstant(3).distribution(torch.zeros(2, 3)), torch.rand(2)),
        ):
            found = dist.score(x)
            with torch.inference_mode(False), torch.enable_grad():
                params = dist.params.clone().requires_grad_()
                again = copy.copy(dist)
                again.params = params
                expected = torch.autograd.grad(again.log_prob(x.clone()).sum(), params)[0]
            torch.testing.assert_close(found, expected)
