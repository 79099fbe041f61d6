"""Both directions of the Kullback-Leibler divergence: against the closed form, quadrature, and by their controls."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, stats
from test_widget_foundations import pictures, words
from test_widgets import find, press

from armodels_lite.widgets import TwoKLs
from armodels_lite.widgets.two_kls import Target


def closed_form(m1: np.ndarray | float, s1: float, m2: np.ndarray | float, s2: float) -> np.ndarray:
    """KL(N(m1, s1^2) || N(m2, s2^2)) in nats."""
    return np.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 0.5


@pytest.mark.parametrize(("mean", "sigma"), [(0.0, 1.0), (3.0, 0.2), (-50.0, 7.0)])
def test_one_component_has_the_closed_form(mean: float, sigma: float) -> None:
    target = Target((1.0,), (mean,), (sigma,))
    for width in (target.q_sigmas[0], sigma, target.q_sigmas[-1]):
        there = closed_form(mean, sigma, target.q_means, width)
        back = closed_form(target.q_means, width, mean, sigma)
        assert np.allclose(target.forward(target.q_means, width), there, rtol=0, atol=1e-9)
        assert np.allclose(target.reverse(width), back, rtol=0, atol=1e-9)
    assert target.best_reverse()[0] == 40


@pytest.mark.parametrize(
    "mixture",
    [
        ((0.6, 0.4), (-2.0, 2.0), (0.6, 0.9)),
        ((0.3, 0.3, 0.4), (0.0, 10.0, 3.0), (0.3, 0.5, 0.4)),
        ((0.9, 0.1), (0.0, 0.0), (0.2, 3.0)),
    ],
)
def test_mixtures_agree_with_adaptive_quadrature(mixture: tuple[tuple[float, ...], ...]) -> None:
    target = Target(*mixture)
    weights, means, sigmas = map(np.array, mixture)

    def log_p(x: float) -> float:
        return np.logaddexp.reduce(np.log(weights) + stats.norm.logpdf(x, means, sigmas))

    def expect(log_a: object, log_b: object, spots: np.ndarray, reach: float) -> float:
        def part(x: float) -> float:
            return math.exp(log_a(x)) * (log_a(x) - log_b(x))

        places = np.unique(np.linspace(spots.min() - reach, spots.max() + reach, 160))
        pieces = [integrate.quad(part, a, b, epsabs=1e-11) for a, b in pairwise(places)]
        return sum(value for value, _ in pieces)

    index, sigma = 23, float(target.q_sigmas[len(target.q_sigmas) // 5])
    q = stats.norm(target.q_means[index], sigma).logpdf
    forward = expect(log_p, q, means, 9 * sigmas.max())
    reverse = expect(q, log_p, target.q_means[[index]], 9 * sigma)
    assert target.forward(target.q_means[index], sigma) == pytest.approx(forward, abs=1e-6)
    assert target.reverse(sigma)[index] == pytest.approx(reverse, abs=1e-6)


def test_the_buttons_find_the_best_q_of_each_direction() -> None:
    widget = TwoKLs(start=0)
    target = widget.target
    find(widget, "Best for KL(p||q)").click()
    best = widget.frame(widget.step)
    assert best.mean == pytest.approx(0.6 * -2 + 0.4 * 2)
    variance = 0.6 * (0.36 + 1.6**2) + 0.4 * (0.81 + 2.4**2)
    assert best.sigma == pytest.approx(math.sqrt(variance))
    assert widget.caption(best) == "Best for KL(p||q)"
    others = [target.forward(target.q_means, sigma).min() for sigma in target.q_sigmas]
    assert best.values[0] <= min(others)

    find(widget, "Best for KL(q||p)").click()
    best = widget.frame(widget.step)
    assert best.values[1] == min(target.reverse(sigma).min() for sigma in target.q_sigmas)
    assert abs(best.mean + 2) < 0.1 and abs(best.sigma - 0.6) < 0.06, "q sits on one component"
    assert widget.caption(best) == "Best for KL(q||p)"
    assert f"KL(q||p) = {best.values[1]:.3f} nats" in words(widget)


def test_a_browser_that_rounds_to_a_step_changes_nothing() -> None:
    widget = TwoKLs()
    widget.best_for_forward()
    shown, exact = widget._slider.value, widget.target.sigma
    assert shown in widget.target.q_sigmas and shown != exact
    widget._slider.value = shown + 1e-14  # what the browser reports back
    assert widget.sigma == exact
    widget._slider.value = shown + 0.1
    assert widget.sigma == shown + 0.1


def test_sigma_changes_both_divergences_and_reset_restores_it() -> None:
    widget = TwoKLs()
    slider = find(widget, "sigma of q")
    first, before = slider.value, pictures(widget)
    slider.value = 3.0
    assert widget.sigma == 3.0 and "sigma 3.00" in words(widget)
    assert all(a != b for a, b in zip(pictures(widget), before, strict=True))
    slider.value = slider.min
    slider.value = slider.max
    assert widget.controls.error == ""
    press(widget.controls, {"action": "reset"})
    assert widget.sigma == slider.value == first and widget.step == 0


def test_a_sigma_beyond_the_grid_is_refused() -> None:
    target = Target((1.0,), (0.0,), (1.0,))
    for sigma in (target.q_sigmas[0] / 2, 100.0):
        with pytest.raises(ValueError, match="sigma of q must be between"):
            target.reverse(sigma)


@pytest.mark.parametrize(
    ("mixture", "message"),
    [
        (((0.5, 0.5), (0.0,), (1.0, 1.0)), "the same length, got shapes"),
        (((), (), ()), "the same length"),
        (((0.5, 0.6), (0.0, 1.0), (1.0, 1.0)), "weights must be positive and sum to 1, got"),
        (((0.0, 1.0), (0.0, 1.0), (1.0, 1.0)), "weights must be positive"),
        (((0.5, 0.5), (0.0, 1.0), (1.0, 0.0)), "sigmas must be positive"),
        (((0.5, 0.5), (0.0, math.nan), (1.0, 1.0)), "must be finite"),
        (((0.5, 0.5), (0.0, 1.0), (1.0, 0.0001)), "too small for means"),
        (((1.0,), (0.0,), (1e-200,)), "squares that a float holds"),
        (((1.0,), (0.0,), (1e200,)), "squares that a float holds"),
    ],
)
def test_kls_refuse_what_is_no_mixture(
    mixture: tuple[tuple[float, ...], ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        TwoKLs(*mixture)


@pytest.mark.filterwarnings("error")
def test_a_very_narrow_q_is_drawn_without_warnings() -> None:
    widget = TwoKLs((0.5, 0.5), (1.0, 1.0), (0.1, 3.0))
    for sigma in np.linspace(widget._slider.min, widget._slider.max, 7):
        widget._slider.value = float(sigma)
        for step in (0, 40, 80):
            widget.step = step
    assert widget.controls.error == ""
