"""The linear autoregressive model: against a multivariate normal, against statsmodels, its start, forecasts, edges."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
import torch
from models_under_test import promised_dependencies
from random_weights import randomised
from scipy import linalg, stats
from statsmodels.datasets import sunspots
from statsmodels.regression.linear_model import yule_walker
from statsmodels.tsa.arima.model import ARIMA
from statsmodels.tsa.arima_process import ArmaProcess, arma_acovf
from statsmodels.tsa.stattools import levinson_durbin

import armodels_lite as ar
from armodels_lite import LinearAR

# AIC of the exact maximum-likelihood fit to the yearly sunspot numbers, 1700 to 2008.
SUNSPOT_AIC = {2: 2622.6371, 3: 2619.4036, 9: 2570.6226}


def random_process(length: int, order: int, seed: int = 0) -> LinearAR:
    return randomised(LinearAR((length,), order=order).double(), scale=0.8, seed=seed)


def covariance(model: LinearAR, length: int) -> np.ndarray:
    """Of the first values of the process: the companion form's stationary covariance, carried on lag by lag."""
    a = model.coefficients.numpy()
    size = max(len(a), 1)
    companion = np.eye(size, k=-1)
    companion[0, : len(a)] = a
    noise = np.zeros((size, size))
    noise[0, 0] = model.sigma**2
    state = linalg.solve_discrete_lyapunov(companion, noise)
    lags = [(np.linalg.matrix_power(companion, k) @ state)[0, 0] for k in range(length)]
    return linalg.toeplitz(lags)


def series() -> torch.Tensor:
    """The yearly sunspot numbers, 1700 to 2008: (1, 309), float64."""
    return torch.tensor(sunspots.load_pandas().endog.to_numpy(dtype=float)).unsqueeze(0)


@cache
def arima(order: int):
    """statsmodels' exact maximum-likelihood fit to the sunspots, to its last digits."""
    model = ARIMA(series()[0].numpy(), order=(order, 0, 0))
    start = model.fit().params
    return model.fit(start_params=start, method_kwargs={"pgtol": 1e-9, "factr": 10})


def as_fitted(order: int, length: int = 309) -> LinearAR:
    """The model with the numbers that statsmodels found."""
    params = arima(order).params
    model = LinearAR((length,), order=order).double()
    return model.set_coefficients(params[1:-1], mean=params[0], sigma=math.sqrt(params[-1]))


# -- the likelihood -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [0, 1, 2, 5])
@pytest.mark.parametrize("length", [1, 2, 5, 12])
def test_log_prob_is_that_of_a_multivariate_normal(order: int, length: int) -> None:
    model = random_process(length, order, seed=order + length)
    x = 2 * torch.randn(5, length, dtype=torch.float64)
    mean = np.full(length, model.mean)
    expected = stats.multivariate_normal(mean, covariance(model, length)).logpdf(x.numpy())
    np.testing.assert_allclose(model.log_prob(x).detach(), np.atleast_1d(expected), rtol=1e-10)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 9])
def test_a_prefix_has_its_marginal_probability(length: int) -> None:
    model = random_process(9, 3)
    x = torch.randn(4, 9, dtype=torch.float64)[:, :length]
    expected = np.zeros(4)
    if length:
        normal = stats.multivariate_normal(
            np.full(length, model.mean), covariance(model, 9)[:length, :length]
        )
        expected = normal.logpdf(x.numpy())
    np.testing.assert_allclose(model.log_prob(x).detach(), expected, rtol=1e-10)
    assert model(x).batch_shape == (4, length)


def test_events_longer_than_the_model_are_refused() -> None:
    message = r"shape \(B, 9\) or, for a prefix, \(B, L\) with L <= 9, got \(4, 10\)"
    with pytest.raises(ValueError, match=message):
        random_process(9, 3).log_prob(torch.zeros(4, 10, dtype=torch.float64))


@pytest.mark.parametrize("order", SUNSPOT_AIC)
def test_log_prob_is_statsmodels_loglike(order: int) -> None:
    found = as_fitted(order).log_prob(series()).item()
    assert math.isclose(found, arima(order).llf, abs_tol=1e-6)
    aic = 2 * (order + 2) - 2 * found  # order coefficients, mean and sigma
    assert math.isclose(aic, SUNSPOT_AIC[order], abs_tol=1e-3)


def test_published_numbers_of_the_sunspots() -> None:
    model = LinearAR((309,), order=2).double()
    model.set_coefficients([1.390633, -0.688573], mean=49.746198, sigma=math.sqrt(274.727))
    assert math.isclose(8 - 2 * model.log_prob(series()).item(), 2622.6371, abs_tol=1e-4)


def test_half_precision_weights_are_computed_with_in_float32() -> None:
    model = random_process(40, 3)
    rounded = model.bfloat16()
    x = torch.randn(3, 40).bfloat16()
    expected = rounded.log_prob(x)
    wide = LinearAR((40,), order=3)
    wide.load_state_dict({name: w.float() for name, w in rounded.state_dict().items()})
    torch.testing.assert_close(expected, wide.log_prob(x.float()), rtol=1e-5, atol=1e-5)


def test_a_long_series_takes_no_more_operations_than_a_short_one() -> None:
    def operations(length: int) -> int:
        """Nodes of the graph that the gradient of the loss goes through."""
        model = LinearAR((length,), order=9)
        waiting, seen = [model.loss(torch.randn(16, length)).grad_fn], set()
        while waiting:
            node = waiting.pop()
            if node is not None and node not in seen:
                seen.add(node)
                waiting.extend(parent for parent, _ in node.next_functions)
        return len(seen)

    assert operations(2000) == operations(20)


def test_close_to_a_random_walk_nothing_overflows() -> None:
    """A raw partial of 40: 1 - tanh^2 is 0 in float64, its logarithm is not."""
    model = LinearAR((5,), order=1).double()
    with torch.no_grad():
        model.raw_partials.fill_(40.0)
    first = model(torch.zeros(1, 5, dtype=torch.float64)).params[0, 0]
    assert math.isclose(first[2].item(), 40 - math.log(2))  # log cosh 40
    model.loss(torch.ones(1, 5, dtype=torch.float64)).backward()
    assert all(weight.grad.isfinite().all() for weight in model.parameters())


# -- the process ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [0, 1, 2, 6])
def test_coefficients_and_back(order: int) -> None:
    model = random_process(4, order)
    other = LinearAR((4,), order=order).double()
    assert other.set_coefficients(model.coefficients, model.mean, model.sigma) is other
    for name, weight in model.named_parameters():
        torch.testing.assert_close(other.get_parameter(name), weight, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("order", [0, 1, 4])
def test_autocorrelations_and_partials_are_those_of_statsmodels(order: int) -> None:
    model = random_process(4, order)
    polynomial = np.r_[1.0, -model.coefficients.numpy()]
    expected = arma_acovf(polynomial, [1.0], nobs=13)
    np.testing.assert_allclose(model.autocorrelations(12), expected / expected[0], atol=1e-12)
    _, _, partials, _, _ = levinson_durbin(expected, nlags=max(order, 1), isacov=True)
    np.testing.assert_allclose(
        model.partial_autocorrelations, partials[1 : order + 1], rtol=1e-8, atol=1e-12
    )


def test_roots_are_inside_and_solve_their_equation() -> None:
    model = random_process(4, 6)
    roots, a = model.roots, model.coefficients
    assert roots.shape == (6,) and roots.abs().max() < 1
    assert (roots.abs().diff() <= 1e-12).all()
    np.testing.assert_allclose(np.poly(roots.numpy()).real, np.r_[1.0, -a.numpy()], atol=1e-12)
    textbook = ArmaProcess(np.r_[1.0, -a.numpy()], [1.0]).arroots
    np.testing.assert_allclose(np.sort(1 / np.abs(textbook)), np.sort(roots.abs()), rtol=1e-8)
    assert LinearAR((4,), order=0).roots.shape == (0,)


def test_intercept_mean_and_sigma() -> None:
    model = LinearAR((4,), order=2).set_coefficients([0.5, 0.25], mean=8.0, sigma=3.0)
    assert model.mean == 8.0 and math.isclose(model.intercept, 2.0, rel_tol=1e-6)
    assert math.isclose(model.sigma, 3.0, rel_tol=1e-6)


def test_the_dependencies_are_a_band() -> None:
    model = random_process(8, 2)
    found = ar.dependencies(model)
    assert torch.equal(found, promised_dependencies(model))
    assert found.sum().item() == 1 + 6 * 2


# -- estimation -----------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:yule_walker currently returns a plain tuple:FutureWarning")
@pytest.mark.parametrize("order", SUNSPOT_AIC)
def test_yule_walker_is_that_of_statsmodels(order: int) -> None:
    model = LinearAR((309,), order=order).double()
    assert model.yule_walker(series()) is model
    a, sigma = yule_walker(series()[0].numpy(), order=order, method="mle")
    np.testing.assert_allclose(model.coefficients, a, rtol=1e-9)
    assert math.isclose(model.sigma, sigma, rel_tol=1e-9)
    assert math.isclose(model.mean, series().mean().item(), rel_tol=1e-12)


def test_yule_walker_of_several_events_averages_their_autocovariances() -> None:
    x = torch.randn(6, 11, dtype=torch.float64).cumsum(1)
    model = LinearAR((20,), order=3).double().yule_walker(x)
    z = x.numpy() - x.mean().item()
    gamma = [np.mean([row[k:] @ row[: 11 - k] for row in z]) / 11 for k in range(4)]
    a = linalg.solve_toeplitz(gamma[:3], gamma[1:])
    np.testing.assert_allclose(model.coefficients, a, rtol=1e-9)
    assert math.isclose(model.sigma**2, gamma[0] - a @ gamma[1:], rel_tol=1e-9)


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_yule_walker_is_stationary_and_does_not_mind_the_unit(scale: float) -> None:
    """A straight line is as far from stationary as a series can be."""
    x = scale * torch.arange(50, dtype=torch.float64).unsqueeze(0)
    model = LinearAR((50,), order=10).double().yule_walker(x)
    assert model.roots.abs().max() < 1
    plain = LinearAR((50,), order=10).double().yule_walker(x / scale)
    torch.testing.assert_close(model.coefficients, plain.coefficients)
    assert math.isclose(model.sigma, scale * plain.sigma, rel_tol=1e-9)


@pytest.mark.parametrize("order", [2, 9])
def test_fit_reaches_the_maximum_likelihood(order: int) -> None:
    x = series()
    model = LinearAR((309,), order=order).double().yule_walker(x)
    start = model.log_prob(x).item()
    ar.fit(model, x, epochs=200, learning_rate=0.02, schedule="cosine", progress=False)
    reached, best = model.log_prob(x).item(), arima(order).llf
    assert start < best - 1e-3, "the start leaves nothing to do"
    assert best - 1e-3 < reached < best + 1e-4


# -- sampling and forecasts -----------------------------------------------------------------------------------------


def test_samples_have_the_covariance_of_the_process() -> None:
    model = random_process(6, 2).float()
    x = model.sample(40_000, generator=torch.Generator().manual_seed(1)).double().numpy()
    expected = covariance(model, 6)
    np.testing.assert_allclose(x.mean(0), model.mean, atol=4 * (expected[0, 0] / 40_000) ** 0.5)
    np.testing.assert_allclose(np.cov(x.T), expected, atol=0.03 * expected[0, 0])


def test_long_samples_have_the_autocorrelations() -> None:
    model = LinearAR((400,), order=2).set_coefficients([1.2, -0.6], mean=3.0, sigma=0.5)
    x = model.sample(200, generator=torch.Generator().manual_seed(2)).double() - model.mean
    lagged = torch.stack([(x[:, k:] * x[:, : 400 - k]).mean() for k in range(9)])
    expected = model.autocorrelations(8).double()
    torch.testing.assert_close(lagged / lagged[0], expected, atol=0.02, rtol=0)


def forecast(model: LinearAR, x: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    """Complete x (L,) to the model's T values, once for each row of noise: the values drawn, (n, T - L)."""
    n, given = len(noise), len(x)
    observed, mask = torch.zeros(n, model.num_variables, dtype=x.dtype), torch.zeros_like(noise)
    observed[:, :given], mask[:, :given] = x, 1
    return model.sample(noise=noise, observed=observed, mask=mask.bool())[:, given:]


def test_completion_is_statsmodels_forecast() -> None:
    recent = series()[0, -40:]
    expected = arima(9).get_forecast(12)
    model = as_fitted(9, length=52)
    half = torch.full((1, 52), 0.5, dtype=torch.float64)  # every value the mean of its conditional
    np.testing.assert_allclose(forecast(model, recent, half)[0], expected.predicted_mean, rtol=1e-6)
    noise = torch.rand(4000, 52, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    drawn = forecast(model, recent, noise.clamp(1e-9, 1 - 1e-9)).numpy()
    np.testing.assert_allclose(drawn.std(0), expected.se_mean, rtol=0.05)
    error = np.abs(drawn.mean(0) - expected.predicted_mean)
    assert (error < 4 * expected.se_mean / math.sqrt(4000)).all()


# -- saving, edges, errors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [0, 4])
def test_saved_and_loaded(order: int, tmp_path) -> None:
    model = random_process(6, order)
    model.save_pretrained(tmp_path)
    loaded = LinearAR.from_pretrained(tmp_path)
    assert loaded.order == order and loaded.takes_prefixes
    x = torch.randn(3, 6, dtype=torch.float64)
    assert torch.equal(loaded.log_prob(x), model.log_prob(x))


def test_order_zero_is_independent_noise() -> None:
    model = LinearAR((3,), order=0).set_coefficients([], mean=2.0, sigma=0.5)
    x = torch.randn(4, 3)
    expected = torch.distributions.Normal(2.0, 0.5).log_prob(x).sum(1)
    torch.testing.assert_close(model.log_prob(x), expected)
    assert model.coefficients.shape == (0,) and model.autocorrelations(2).tolist() == [1, 0, 0]
    u = torch.rand(4, 3).clamp(1e-3, 1 - 1e-3)
    torch.testing.assert_close(model.sample(noise=u), model.sample(noise=u, cache=False))


def test_no_events() -> None:
    model = random_process(5, 2)
    assert model.log_prob(torch.zeros(0, 5, dtype=torch.float64)).shape == (0,)
    assert model.sample(0).shape == (0, 5)


def test_a_decoder_keeps_to_the_weights_it_began_with() -> None:
    """Training between two steps must not mix two models; a restart takes the weights as they are then."""
    model = LinearAR((4,), order=2).set_coefficients([0.5, 0.2], mean=3.0)
    x = torch.tensor([[1.0, 4.0, 2.0, 5.0]])
    old = model(x).params
    decoder = model.decoder(1)
    decoder.observe(x[:, 0])
    model.set_coefficients([-0.4, 0.1], mean=-10.0, sigma=2.0)
    torch.testing.assert_close(decoder.distribution().params, old[:, 1])
    new = model(x).params
    for restart in (lambda: decoder.rewind(1), lambda: decoder.prefill(x, 2)):
        restart()
        torch.testing.assert_close(decoder.distribution().params, new[:, decoder.t])


def test_a_sigma_beyond_float64_is_infinite() -> None:
    model = LinearAR((3,)).double()
    model.log_sigma.data.fill_(710.0)
    assert model.sigma == math.inf


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.filterwarnings("error")
def test_roots_of_half_precision_are_complex64(dtype: torch.dtype) -> None:
    model = LinearAR((3,), order=2).set_coefficients([1.0, -0.5]).to(dtype)
    assert model.roots.dtype == torch.complex64
    torch.testing.assert_close(model.roots.abs(), torch.full((2,), 0.5**0.5), atol=5e-3, rtol=0)


@pytest.mark.parametrize("order", [0, 2])
def test_a_mean_that_the_dtype_cannot_hold_is_refused(order: int) -> None:
    for dtype, largest in ((torch.float16, 65504.0), (torch.float32, 3e38)):
        model = LinearAR((3,), order=order).to(dtype)
        assert model.set_coefficients([0.1] * order, mean=-largest).mean == pytest.approx(-largest)
        with pytest.raises(ValueError, match=rf"mean=.* is too large for a model in {dtype}"):
            model.set_coefficients([0.1] * order, mean=-2 * largest)
        assert model.mean == pytest.approx(-largest)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"event_shape": (2, 3)}, r"event shape \(T,\)"),
        ({"order": -1}, "order must be an int of at least 0, got -1"),
        ({"order": 1.0}, "order must be an int of at least 0, got 1.0"),
        ({"order": True}, "order must be"),
        ({"conditional": ar.GaussianMixture(2)}, r"takes GaussianMixture\(1\)"),
        ({"conditional": ar.Bernoulli()}, "takes GaussianMixture"),
        ({"ordering": "reverse"}, '"raster" only'),
        ({"ordering": [2, 1, 0]}, '"raster" only'),
    ],
)
def test_arguments_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LinearAR(**{"event_shape": (3,), **arguments})


@pytest.mark.parametrize(
    "coefficients, settings, message",
    [
        ([0.5, 0.6], {}, r"largest modulus is 1\.06"),
        ([2.0, -1.0], {}, r"largest modulus is 1\b"),
        ([0.0, 4.0], {}, r"largest modulus is 2\b"),
        ([0.5], {}, "2 finite numbers"),
        ([0.5, math.nan], {}, "2 finite numbers"),
        ([0.5, 0.1j], {}, "2 finite numbers"),
        (torch.tensor([0.5, 0.1j]), {}, "2 finite numbers"),
        (np.array([0.5, 0.1j]), {}, "2 finite numbers"),
        (["0.5", "0.1"], {}, "2 finite numbers"),
        ([0.5, 10**400], {}, "2 finite numbers"),
        (None, {}, "2 finite numbers"),
        ([0.5, 0.1], {"sigma": 0.0}, "sigma positive"),
        ([0.5, 0.1], {"sigma": -1.0}, "sigma positive"),
        ([0.5, 0.1], {"mean": math.inf}, "mean must be finite"),
    ],
)
def test_coefficients_refused(coefficients: list, settings: dict, message: str) -> None:
    model = random_process(3, 2)
    before = model.coefficients
    with pytest.raises(ValueError, match=message):
        model.set_coefficients(coefficients, **settings)
    assert torch.equal(model.coefficients, before)


@pytest.mark.parametrize(
    "x, message",
    [
        (torch.full((2, 5), 0.1), "constant series"),
        (torch.zeros(0, 5), "at least one event"),
        (torch.randn(3, 2), "at least 3 values, got 3 of 2"),
        (torch.randn(3, 6), "shape"),
        (torch.tensor([[1.0, 2.0, math.nan]]), "finite"),
    ],
)
def test_yule_walker_refuses(x: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LinearAR((5,), order=2).yule_walker(x)


@pytest.mark.parametrize("x", [[1.5e308, 1.7e308, 1e308], [1.7e308, -1.7e308, -1.7e308]])
def test_yule_walker_refuses_values_whose_mean_or_spread_overflows(x: list[float]) -> None:
    with pytest.raises(
        ValueError, match=r"values up to 1.7e\+308 are too large to take their mean"
    ):
        LinearAR((3,)).double().yule_walker(torch.tensor([x], dtype=torch.float64))


def test_lags_refused() -> None:
    with pytest.raises(ValueError, match="lags must be an int of at least 0, got -1"):
        LinearAR((3,)).autocorrelations(-1)
