"""The AR(2) process: against statsmodels, scipy and numpy, and its controls in both directions."""

from __future__ import annotations

import math
import warnings
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy.signal import lfilter
from statsmodels.tsa.arima_process import ArmaProcess, arma_acovf
from test_widget_foundations import pictures, words
from test_widgets import find, press

from armodels_lite.widgets import ARProcess
from armodels_lite.widgets.ar_frame import (
    A_1,
    MOST_MODULUS,
    ar_frame,
    coefficients,
    fixed_noise,
    inverse_roots,
)
from armodels_lite.widgets.ar_process import sentences, series_chart

NOISE = fixed_noise(0)
GRID = [(a_1, round(0.05 * k - 1.4, 2)) for a_1 in A_1[::4] for k in range(53)]


def told(a_1: float, a_2: float) -> str:
    return " ".join(sentences(ar_frame(a_1, a_2, NOISE)))


# -- numbers -----------------------------------------------------------------------------------------------------


def test_roots_are_those_of_numpy_and_of_vieta() -> None:
    for a_1, a_2 in GRID:
        roots = inverse_roots(a_1, a_2)
        assert sum(roots) == pytest.approx(a_1, abs=1e-12)
        assert roots[0] * roots[1] == pytest.approx(-a_2, abs=1e-12)
        assert abs(roots[0]) >= abs(roots[1]) - 1e-12
        # numpy finds a double root to about 1e-8.
        assert np.allclose(
            np.sort_complex(roots), np.sort_complex(np.roots([1, -a_1, -a_2])), atol=1e-7
        )


def test_stationary_is_what_the_triangle_and_statsmodels_say() -> None:
    states = set()
    for a_1, a_2 in GRID:
        frame = ar_frame(a_1, a_2, NOISE)
        margin = min(1 + a_2, 1 - a_1 - a_2, 1 + a_1 - a_2)
        expected = (
            "unit root" if abs(margin) < 1e-9 else "stationary" if margin > 0 else "explosive"
        )
        assert frame.state == expected, (a_1, a_2)
        if expected != "unit root":
            assert ArmaProcess([1, -a_1, -a_2], [1]).isstationary == (expected == "stationary")
        states.add(frame.state)
    assert states == {"stationary", "unit root", "explosive"}


@pytest.mark.parametrize(
    "process", [(0.0, 0.0), (0.9, 0.0), (1.39, -0.69), (-0.5, 0.3), (0.3, -0.95), (1.0, -0.25)]
)
def test_variance_is_that_of_statsmodels(process: tuple[float, float]) -> None:
    a_1, a_2 = process
    expected = arma_acovf([1, -a_1, -a_2], [1], nobs=3)[0]
    assert ar_frame(a_1, a_2, NOISE).variance == pytest.approx(expected, rel=1e-9)


def test_the_variance_of_an_ar_1_has_its_textbook_form_and_ends_at_the_unit_root() -> None:
    assert ar_frame(0.9, 0, NOISE).variance == pytest.approx(1 / (1 - 0.81))
    assert ar_frame(1.0, 0, NOISE).variance == ar_frame(0.0, -1.0, NOISE).variance == math.inf


def test_the_series_is_the_filtered_noise() -> None:
    for a_1, a_2 in [(0.0, 0.0), (1.39, -0.69), (1.0, 0.0), (-2.0, 1.2), (2.0, 1.2)]:
        expected = lfilter([1], [1, -a_1, -a_2], NOISE)
        assert np.allclose(ar_frame(a_1, a_2, NOISE).series, expected, rtol=1e-9)
    assert np.array_equal(ar_frame(0.0, 0.0, NOISE).series, NOISE)


def test_the_series_passes_100_where_numpy_says() -> None:
    frame = ar_frame(*coefficients(1.02, 30), NOISE)
    assert (
        np.abs(frame.series[: frame.leaves - 1]).max() <= 100 < abs(frame.series[frame.leaves - 1])
    )
    assert ar_frame(0.9, 0.0, NOISE).leaves is None


def test_modulus_and_angle_come_back_from_the_coefficients() -> None:
    for modulus in (0.01, 0.5, 1.0, 1.02, MOST_MODULUS):
        for angle in (1, 33.25, 90, 144, 179):
            frame = ar_frame(*coefficients(modulus, angle), NOISE)
            assert frame.is_pair and frame.modulus == pytest.approx(modulus, abs=1e-9)
            # Coefficients are rounded to 12 decimals; near the real axis a small modulus feels that most.
            assert frame.angle == pytest.approx(angle, abs=1e-6)
            assert frame.period == pytest.approx(360 / angle)


def test_a_modulus_of_exactly_1_is_not_stationary() -> None:
    for angle in range(181):
        assert ar_frame(*coefficients(1.0, angle), NOISE).state == "unit root"
        assert ar_frame(*coefficients(0.99, angle), NOISE).state == "stationary"
        assert ar_frame(*coefficients(1.01, angle), NOISE).state == "explosive"


@pytest.mark.parametrize(
    "process", [(2.5, 0.0), (0.0, 1.3), (0.0, -1.5), (math.nan, 0.0), (0.0, math.inf)]
)
def test_processes_outside_the_charts_are_refused(process: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match=r"a_1 must be between -2.4 and 2.4 and a_2 between"):
        ar_frame(*process, NOISE)


def test_other_bad_arguments_are_refused() -> None:
    for a_2 in (1.25, -1.5, math.nan, "0.5"):
        with pytest.raises(ValueError, match="a_2 must be between -1.44 and 1.2, got"):
            ARProcess(a_2)
    for noise in (np.zeros(0), np.zeros((2, 3))):
        with pytest.raises(ValueError, match=r"noise must have shape \(T,\) with T > 0, got"):
            ar_frame(0.5, 0.0, noise)
    with pytest.raises(ValueError, match="noise must be finite, got nan"):
        ar_frame(0.5, 0.0, np.array([0.0, math.nan]))
    for noise in ([0.0, 1.0], np.array(["a"]), None):
        with pytest.raises(TypeError, match="noise must be a numpy array of numbers, got"):
            ar_frame(0.5, 0.0, noise)


# -- words -------------------------------------------------------------------------------------------------------


def test_words_of_a_cycle() -> None:
    text = told(1.39, -0.69)
    angle = math.degrees(math.acos(1.39 / (2 * math.sqrt(0.69))))
    assert f"a_1 = 1.39, a_2 = -0.69: roots 0.83 at ±{angle:.1f} degrees: stationary;" in text
    assert f"a cycle of about {360 / angle:.1f} steps" in text
    assert f"fades to half every {math.log(0.5) / math.log(math.sqrt(0.69)):.1f} steps." in text
    assert f"Stationary variance: {arma_acovf([1, -1.39, 0.69], [1])[0]:.2f}" in text


def test_words_of_real_roots_and_of_the_boundary() -> None:
    half_life = math.log(0.5) / math.log(0.9)
    assert f"root 0.90: stationary; a shock fades to half every {half_life:.1f} steps." in told(
        0.9, 0
    )
    assert "roots 0.80 and -0.50: stationary" in told(0.3, 0.4) and "in the end" in told(0.3, 0.4)
    assert "twice the root 0.50" in told(1.0, -0.25)
    assert "white noise, a shock is gone at the next step" in told(0, 0)
    assert "a random walk, not stationary; a shock never fades" in told(1.0, 0)
    assert "a unit root, not stationary" in told(1.45, -0.45)
    assert "a shock grows by itself at every step" in told(2.0, -1.0)
    assert "a cycle of about 4.0 steps; a shock never fades" in told(0.0, -1.0)
    assert "no stationary variance" in told(1.0, 0) and "Stationary variance" not in told(1.0, 0)


def test_words_of_an_explosion() -> None:
    text = told(*coefficients(1.02, 30))
    assert "explosive, not stationary; a cycle of about 12.0 steps" in text
    assert f"doubles every {math.log(2) / math.log(1.02):.1f} steps" in text
    assert "passes ±100 at step" in text


def test_a_modulus_close_to_1_is_never_told_as_1() -> None:
    assert "root 0.9999: stationary" in told(0.9999, 0)
    assert "root 1.0001: explosive" in told(1.0001, 0)


# -- drawings ----------------------------------------------------------------------------------------------------


def test_an_explosion_is_drawn_to_its_end_and_no_further() -> None:
    frame = ar_frame(*coefficients(1.2, 110), NOISE)
    chart = series_chart(frame)
    svg = ElementTree.fromstring(chart.svg())
    pairs = [
        pair.split(",")
        for line in svg.findall("{*}polyline")
        for pair in line.get("points").split()
    ]
    assert max(float(x) for x, _ in pairs) <= chart.place(frame.leaves, 0)[0] + 0.1
    assert all(chart.top - 0.1 <= float(y) <= chart.bottom + 0.1 for _, y in pairs)
    assert len(svg.findall("{*}polygon")) == 1 and f"cut at step {frame.leaves}" in chart.label
    calm = ElementTree.fromstring(series_chart(ar_frame(0.9, 0, NOISE)).svg())
    assert not calm.findall("{*}polygon")


def test_the_strip_shows_three_kinds() -> None:
    widget = ARProcess()
    captions = [widget.caption(frame) for frame in widget.strip_frames()]
    kinds = [caption.split(":")[0] for caption in captions]
    assert kinds == ["cycles", "random walk", "explosive"]
    assert all(caption in widget.strip().alt for caption in captions)
    groups = ElementTree.fromstring(widget.strip().svg).findall("{*}g")
    assert len(groups) == 12, "three frames of three charts, with words below"


# -- controls ----------------------------------------------------------------------------------------------------


def sliders(widget: ARProcess) -> tuple[float, ...]:
    return tuple(find(widget, name).value for name in ("a_2", "modulus", "angle, degrees"))


def test_coefficients_move_the_root_sliders() -> None:
    widget = ARProcess()
    widget.step = 60
    find(widget, "a_2").value = -0.5
    root = np.roots([1, -1.0, 0.5])[0]
    angle = math.degrees(abs(np.angle(root)))
    assert sliders(widget) == (-0.5, round(abs(root), 2), round(angle)) == (-0.5, 0.71, 45)
    widget.controls.set_state({"step": 50})  # as the browser does
    root = np.roots([1, -0.5, 0.5])[0]
    angle = math.degrees(abs(np.angle(root)))
    assert sliders(widget) == (-0.5, round(abs(root), 2), round(angle)) == (-0.5, 0.71, 69)
    assert (widget.a_1, widget.a_2) == (0.5, -0.5) and "a_1 = 0.50, a_2 = -0.50" in words(widget)


def test_root_sliders_move_the_coefficients_exactly() -> None:
    widget = ARProcess()
    find(widget, "modulus").value = 0.83
    find(widget, "angle, degrees").value = 34
    expected = 2 * 0.83 * math.cos(math.radians(34)), -0.83 * 0.83
    assert (widget.a_1, widget.a_2) == pytest.approx(expected, abs=1e-11)
    assert sliders(widget) == (-0.69, 0.83, 34)
    assert A_1[widget.step] == 1.4 == min(A_1, key=lambda a_1: abs(a_1 - expected[0]))
    assert widget.controls.readouts[widget.step] == "a_1 = 1.376"
    assert widget.controls.drawn == widget.step and "a_1 = 1.376, a_2 = -0.689" in words(widget)
    widget.step += 1
    assert widget.a_1 == 1.45 and widget.controls.readouts == [f"a_1 = {a_1:.2f}" for a_1 in A_1]


def test_controls_do_not_drift() -> None:
    """Back and forth, each slider as it is told, never as the others answer."""
    widget = ARProcess()
    modulus, angle = find(widget, "modulus"), find(widget, "angle, degrees")
    for _ in range(3):
        for value in (0, 180, 90, 1, 60):
            angle.value = value
            assert (angle.value, modulus.value) == (value, sliders(widget)[1])
        for value in (0.0, MOST_MODULUS, 0.3, 0.7):
            modulus.value = value
            assert (modulus.value, angle.value) == (value, 60)
        assert (widget.a_1, widget.a_2) == coefficients(0.7, 60)
    start = (widget.a_1, widget.a_2, sliders(widget))
    for _ in range(3):
        find(widget, "a_2").value = 1.0
        find(widget, "a_2").value = start[1]
    assert (widget.a_1, widget.a_2, sliders(widget)) == start


def test_sliders_are_only_given_values_that_a_browser_keeps() -> None:
    """A slider in the browser moves any other value to its nearest step and reports that as a wish."""
    widget = ARProcess(-0.6789)
    grids = {"a_2": 0.01, "modulus": 0.01, "angle, degrees": 1}
    for step in range(widget.last + 1):
        widget.step = step
        for name, size in grids.items():
            slider = find(widget, name)
            steps = (slider.value - slider.min) / size
            assert slider.step == size and steps == pytest.approx(round(steps), abs=1e-9)
            assert slider.min <= slider.value <= slider.max
    assert (widget.a_1, widget.a_2) == (2.0, -0.6789)


def test_a_browser_that_repeats_what_it_was_told_moves_nothing() -> None:
    widget = ARProcess(-0.6789)
    process = widget.a_1, widget.a_2
    for name in ("a_2", "modulus", "angle, degrees"):
        slider = find(widget, name)
        for value in (slider.value * (1 + 1e-15), slider.value * (1 - 1e-15)):
            slider.set_state({"value": value})
            assert (widget.a_1, widget.a_2) == process
    modulus = find(widget, "modulus")
    modulus.set_state({"value": 0.9000000000000001})
    assert modulus.value == 0.9000000000000001, "no answer that would pull a dragged slider back"
    assert widget.a_2 == pytest.approx(-0.81, abs=1e-12)


def test_a_root_slider_keeps_what_the_other_one_only_rounds() -> None:
    widget = ARProcess(-0.69)
    modulus, angle = math.sqrt(0.69), widget.frame(widget.step).angle
    find(widget, "modulus").value = 0.9
    assert (widget.a_1, widget.a_2) == pytest.approx(coefficients(0.9, angle), abs=1e-11)
    widget = ARProcess(-0.69)
    find(widget, "angle, degrees").value = 60
    assert (widget.a_1, widget.a_2) == pytest.approx((modulus, -0.69), abs=1e-11)


def test_one_move_is_one_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    widget = ARProcess()
    drawn = []
    good = ARProcess.drawings
    monkeypatch.setattr(ARProcess, "drawings", lambda self, f: (drawn.append(f), good(self, f))[1])
    for move in (
        lambda: setattr(widget, "step", 10),
        lambda: setattr(find(widget, "a_2"), "value", -0.9),
        lambda: setattr(find(widget, "modulus"), "value", 0.4),
        lambda: setattr(find(widget, "angle, degrees"), "value", 120),
        lambda: find(widget, "new noise").click(),
        lambda: press(widget.controls, {"action": "reset"}),
    ):
        drawn.clear()
        move()
        assert len(drawn) == 1 and drawn[0].a_1 == widget.a_1 and drawn[0].a_2 == widget.a_2


def test_root_sliders_rest_while_the_roots_are_real() -> None:
    widget = ARProcess()
    modulus, angle = find(widget, "modulus"), find(widget, "angle, degrees")
    assert not modulus.disabled and not angle.disabled
    find(widget, "a_2").value = 0.1
    assert modulus.disabled and angle.disabled and not modulus.readout
    assert "The roots are real here; the sliders for modulus and angle need" in words(widget)
    find(widget, "a_2").value = -0.8
    assert not modulus.disabled and not angle.disabled and modulus.readout
    angle.value = 0  # a double root is still a pair: the slider can go on from here
    modulus.value = 0
    assert not modulus.disabled and not angle.disabled


def test_a_slider_that_misses_0_by_rounding_is_at_0() -> None:
    widget = ARProcess(start=60)
    find(widget, "a_2").value = -1.44 + sum([0.01] * 144)
    assert widget.a_2 == 0 and "a_2 = 0.00: AR(1) with root 1.00: a random walk" in words(widget)


def test_new_noise_is_other_noise_and_reset_brings_back_the_first() -> None:
    widget = ARProcess()
    before, process = pictures(widget), (widget.a_1, widget.a_2)
    find(widget, "new noise").click()
    assert widget.seed == 1 and (widget.a_1, widget.a_2) == process
    assert pictures(widget)[0] != before[0] and pictures(widget)[1:] == before[1:]
    find(widget, "modulus").value = 1.2
    find(widget, "angle, degrees").value = 180
    assert widget.step == 0 and widget.a_1 == -2.4
    press(widget.controls, {"action": "reset"})
    assert (widget.seed, widget.step, widget.a_1, widget.a_2) == (0, 0, -2.0, -0.7)
    widget.step = 68
    assert pictures(widget) == before


def test_extremes_are_drawn_without_warnings() -> None:
    widget = ARProcess()
    a_2, modulus, angle = (find(widget, name) for name in ("a_2", "modulus", "angle, degrees"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for second in (a_2.min, -1.0, 0.0, 1.0, a_2.max):
            a_2.value = second
            for step in (0, 1, 20, 40, 60, 80):
                widget.step = step
                assert "nan" not in words(widget) and "-0.00" not in words(widget)
        for length in (0.0, 0.01, 1.0, modulus.max):
            modulus.value = length
            for turn in (0, 1, 90, 180):
                angle.value = turn
                assert widget.controls.error == "" and "nan" not in "".join(pictures(widget))
                assert (modulus.value, angle.value) == (length, turn)
