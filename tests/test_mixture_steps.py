"""Mixtures of Gaussians: against closed forms, a round of EM by hand and scipy; words and controls."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from scipy import integrate, stats
from test_widget_foundations import pictures, words
from test_widgets import find, press

from armodels_lite.widgets import MixtureSteps
from armodels_lite.widgets.mixture_fits import MixtureFit, fit_mixture, fit_mixtures, parts_log
from armodels_lite.widgets.mixture_steps import (
    MixtureFrame,
    density_chart,
    histogram_of,
    likelihood_chart,
    narrow_words,
    optimum_words,
)


def clusters(n: int = 300, seed: int = 0) -> np.ndarray:
    """A third around -2 with sigma 0.5, the others around 3 with sigma 1."""
    rng = np.random.default_rng(seed)
    left = np.arange(n) % 3 == 0
    return rng.normal(np.where(left, -2.0, 3.0), np.where(left, 0.5, 1.0))


def log_density(fit: MixtureFit, x: np.ndarray) -> np.ndarray:
    parts = stats.norm.pdf(x[:, None], fit.means, fit.sigmas)
    return np.log(parts @ fit.weights)


def fake(train: float, held_out: float, components: int) -> MixtureFit:
    ones = np.ones(components)
    return MixtureFit(ones / components, ones, ones, train, held_out, None, np.empty(0))


# -- fits ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e5])
def test_one_component_has_the_closed_form(scale: float) -> None:
    train, held_out = scale * clusters(), scale * clusters(50, 1)
    fit = fit_mixture(train, held_out, 1, seed=0)
    assert fit.weights == pytest.approx([1.0]) and fit.means == pytest.approx([train.mean()])
    assert fit.sigmas == pytest.approx([train.std()], rel=1e-5)
    normal = stats.norm(train.mean(), train.std())
    assert fit.train == pytest.approx(normal.logpdf(train).mean(), abs=1e-5)
    assert fit.held_out == pytest.approx(normal.logpdf(held_out).mean(), abs=1e-5)
    assert fit.narrow is None and len(fit.sits_on) == 300, "all within 3 sigma"


def test_two_clusters_are_found() -> None:
    fit = fit_mixture(clusters(3000), clusters(300, 1), 2, seed=0)
    assert fit.weights == pytest.approx([1 / 3, 2 / 3], abs=0.02)
    assert fit.means == pytest.approx([-2, 3], abs=0.1)
    assert fit.sigmas == pytest.approx([0.5, 1.0], abs=0.05)


@pytest.mark.parametrize("components", [2, 3, 5])
def test_likelihoods_are_those_of_scipy_and_a_round_of_em_changes_little(components: int) -> None:
    train, held_out = clusters(), clusters(80, 1)
    fit = fit_mixture(train, held_out, components, seed=0)
    assert fit.weights.sum() == pytest.approx(1) and (np.diff(fit.means) >= 0).all()
    assert fit.train == pytest.approx(log_density(fit, train).mean(), abs=1e-9)
    assert fit.held_out == pytest.approx(log_density(fit, held_out).mean(), abs=1e-9)
    # One round of EM by hand: responsibilities, then weighted shares, means and variances.
    r = fit.weights * stats.norm.pdf(train[:, None], fit.means, fit.sigmas)
    r /= r.sum(1, keepdims=True)
    means = r.T @ train / r.sum(0)
    sigmas = np.sqrt((r * (train[:, None] - means) ** 2).sum(0) / r.sum(0))
    after = MixtureFit(r.mean(0), means, sigmas, 0.0, 0.0, None, np.empty(0))
    assert -1e-6 < log_density(after, train).mean() - fit.train < 1e-4
    k = fit.sigmas.argmin()
    z = stats.norm(fit.means[k], fit.sigmas[k]).cdf(train)
    assert np.array_equal(fit.sits_on, train[(z > 0.00135) & (z < 0.99865)])


def test_shifting_and_stretching_the_data_does_the_same_to_the_mixture() -> None:
    train, held_out = clusters(), clusters(80, 1)
    fit = fit_mixture(train, held_out, 3, seed=0)
    moved = fit_mixture(1000 - 7 * train, 1000 - 7 * held_out, 3, seed=0)
    assert moved.weights == pytest.approx(fit.weights[::-1], rel=1e-3)
    assert moved.means == pytest.approx(1000 - 7 * fit.means[::-1], rel=1e-3)
    assert moved.sigmas == pytest.approx(7 * fit.sigmas[::-1], rel=1e-3)
    assert moved.held_out == pytest.approx(fit.held_out - math.log(7), abs=1e-3)


def test_a_component_on_equal_values_is_narrow_and_said() -> None:
    train = np.concatenate([np.linspace(0, 10, 60), np.full(12, 4.0)])
    widget = MixtureSteps(train, train, most=4)
    fit = widget.frame(3).fit
    assert fit.narrow is not None and set(fit.sits_on) == {4.0}
    assert fit.sigmas.min() == pytest.approx(1e-3 * train.std(), rel=0.01), "the floor"
    widget.step = 3
    assert (
        f"has sigma {fit.sigmas.min():.3g}: it sits on 12 of 72 training values near 4, all equal."
        in words(widget)
    )
    marks = ElementTree.fromstring(pictures(widget)[0]).findall("{*}polygon")
    assert len(marks) == 1, "the peak is higher than the chart"
    assert "Careful" not in " ".join(widget.sentences(widget.frame(0)))
    assert not narrow_words(widget.frame(0)) and "Careful" in widget.strip().alt


def test_more_components_than_different_values() -> None:
    widget = MixtureSteps(np.repeat([0.0, 1.0, 5.0], 10), np.array([0.0, 2.0]), start=7)
    assert "it sits on 10 of 30 training values near " in words(widget)
    assert "at 0 (sigma " in words(widget) and "e-1" not in words(widget)


def test_fits_are_kept() -> None:
    train, held_out = clusters(60), clusters(20, 1)
    fits = fit_mixtures(train, held_out, 3, 0)
    assert fit_mixtures(train.copy(), held_out.copy(), 3, 0) is fits
    assert fit_mixtures(train + 1, held_out, 3, 0) is not fits
    assert [len(fit) for fit in fits] == [1, 2, 3]


# -- drawings ------------------------------------------------------------------------------------------------------


def test_bars_and_parts_are_densities() -> None:
    edges, heights = histogram_of(clusters())
    assert (heights * np.diff(edges)).sum() == pytest.approx(1) and len(heights) == 14
    fit = fit_mixture(clusters(), clusters(20, 1), 3, seed=0)
    for k in range(3):
        area, _ = integrate.quad(
            lambda x, k=k: math.exp(
                parts_log(fit.weights, fit.means, fit.sigmas, np.array([x]))[k, 0]
            ),
            fit.means[k] - 9 * fit.sigmas[k],
            fit.means[k] + 9 * fit.sigmas[k],
        )
        assert area == pytest.approx(fit.weights[k], rel=1e-6)


def test_the_line_stands_where_the_density_is() -> None:
    fits = [fit_mixture(clusters(), clusters(20, 1), 2, seed=0)]
    frame = MixtureFrame(fits, 0, clusters(), *histogram_of(clusters()))
    chart = density_chart(frame, "x")
    svg = ElementTree.fromstring(chart.svg())
    line = svg.find("{*}polyline[@stroke-width='3']")
    peak = min(float(pair.split(",")[1]) for pair in line.get("points").split())
    x = np.linspace(*chart.x, 5001)
    assert peak == pytest.approx(
        chart.place(0, np.exp(log_density(frame.fit, x)).max())[1], abs=0.5
    )
    dashed = [p for p in svg.findall("{*}polyline") if p.get("stroke-dasharray")]
    assert len(dashed) == 2


@pytest.mark.parametrize(
    ("most", "expected"),
    [(8, ["1", "2", "3", "4", "5", "6", "7", "8"]), (12, ["2", "4", "6", "8", "10", "12"])],
)
def test_every_k_has_a_tick_where_there_is_room(most: int, expected: list[str]) -> None:
    fits = [fake(-1.0 - 1 / k, -1.1 - 1 / k, k) for k in range(1, most + 1)]
    chart = likelihood_chart(MixtureFrame(fits, 1, clusters(), *histogram_of(clusters())))
    texts = [item.text for item in ElementTree.fromstring(chart.svg()).findall("{*}text")]
    assert [text for text in texts if text and text.isdigit()] == expected


@pytest.mark.filterwarnings("error")
def test_held_out_values_far_away_do_not_press_the_chart_together() -> None:
    widget = MixtureSteps(clusters(60), np.array([1e6]), most=3)
    assert widget.frame(2).fit.held_out < -1e9
    for step in range(3):
        widget.step = step
    assert widget.controls.error == ""


# -- words and controls --------------------------------------------------------------------------------------------


def test_words_and_the_button_say_which_k_is_best() -> None:
    widget = MixtureSteps(torch.tensor(clusters(60)), clusters(40, 1).astype(np.float32), most=6)
    held_out = [fit.held_out for fit in widget.fits]
    best = int(np.argmax(held_out))
    widget.step = 5 if best != 5 else 4
    assert f"Best on held-out values: K = {best + 1}, {held_out[best]:.3f} nats." in words(widget)
    find(widget, "Best on held-out").click()
    fit = widget.frame(best).fit
    assert widget.step == best and "No other K is better on held-out values." in words(widget)
    assert f"training {fit.train:.3f}, held-out {fit.held_out:.3f}" in words(widget)
    assert f"{fit.weights[0]:.3f} at {fit.means[0]:.4g} (sigma {fit.sigmas[0]:.3g})" in words(
        widget
    )
    assert widget.controls.readouts[:2] == ["1 Gaussian", "2 Gaussians"]
    press(widget.controls, {"action": "reset"})
    assert widget.step == 0 and words(widget).strip().startswith("1 Gaussian.")


def test_a_poor_optimum_is_said() -> None:
    fits = [fake(-2.0, -2.0, 1), fake(-1.0, -1.5, 2), fake(-1.2, -1.4, 3)]
    frames = [MixtureFrame(fits, k, clusters(), *histogram_of(clusters())) for k in range(3)]
    assert optimum_words(frames[2]) == [
        "EM ended in a poor optimum: K = 2 has a higher training likelihood, -1.000 nats."
    ]
    assert not optimum_words(frames[1]) and frames[0].best is fits[2]


def test_the_strip_shows_four_numbers_of_components() -> None:
    widget = MixtureSteps(clusters(30), clusters(9, 1), most=6)
    captions = [widget.caption(frame) for frame in widget.strip_frames()]
    assert captions == ["K = 1", "K = 2", "K = 4", "K = 6"]
    short = MixtureSteps(clusters(30), clusters(9, 1), most=2)
    assert short.strip_steps() == [0, 1]


# -- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"train": [1.0, 2.0]},
            TypeError,
            "train must be a tensor or an array of floats, got list",
        ),
        ({"train": torch.arange(20)}, TypeError, "floats, got torch.int64"),
        ({"held_out": np.arange(20)}, TypeError, "held_out must be .* got int64"),
        ({"train": torch.rand(20, 1)}, ValueError, r"shape \(n,\) with n >= 16, got \(20, 1\)"),
        ({"train": torch.rand(15)}, ValueError, r"n >= 16, got \(15,\)"),
        ({"held_out": torch.rand(0)}, ValueError, r"n >= 1, got \(0,\)"),
        ({"train": torch.full((20,), math.nan)}, ValueError, "train must be finite .* got nan"),
        ({"held_out": torch.tensor([math.inf])}, ValueError, "held_out must be finite .* got inf"),
        ({"train": np.linspace(0, 1e200, 20)}, ValueError, "no larger than 1e\\+100"),
        ({"train": torch.ones(20)}, ValueError, "train must have values that differ, got 1 only"),
        ({"most": 0}, ValueError, "most must be an int of at least 2, got 0"),
        ({"most": 1}, ValueError, "most must be an int of at least 2, got 1"),
        ({"most": 3.0}, ValueError, "most must be an int of at least 2, got 3.0"),
        ({"seed": -1}, ValueError, "seed must be an int from 0 to"),
        ({"seed": None}, ValueError, "seed must be an int from 0 to"),
        ({"start": 2, "most": 2}, ValueError, "steps are 0 to 1, got 2"),
    ],
)
def test_bad_input_is_refused(
    change: dict[str, object], error: type[Exception], message: str
) -> None:
    good = {"train": torch.linspace(0, 1, 20), "held_out": torch.rand(5)}
    with pytest.raises(error, match=message):
        MixtureSteps(**{**good, **change})
