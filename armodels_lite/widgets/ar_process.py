"""The autoregressive process of order 2: two coefficients, two roots, and whether what they make is stationary.

The numbers are in `ar_frame`; here `series_chart`, `triangle_chart` and `roots_chart` draw
them, `sentences` tells them.
"""

from __future__ import annotations

import math

import ipywidgets
import numpy as np

from .ar_frame import (
    A_1,
    A_2,
    MOST_MODULUS,
    NEAR,
    SHOWN,
    ARFrame,
    ar_frame,
    coefficients,
    fixed_noise,
    nearest_step,
)
from .chart_stepper import ChartStepper
from .svg import ACCENT, BLUE, FILL, QUIET, Chart, Drawing

__all__ = ["ARProcess", "roots_chart", "sentences", "series_chart", "triangle_chart"]


# -- drawings ------------------------------------------------------------------------------------------------------


def series_chart(frame: ARFrame, width: float = 676) -> Chart:
    """x_t against t; a series that leaves -100 to 100 ends there with an arrowhead."""
    shown = frame.series[: frame.leaves]
    top = min(SHOWN, max(3.0, 1.08 * float(np.abs(shown).max())))
    cut = f"; cut at step {frame.leaves}, beyond ±{SHOWN:g}" if frame.leaves else ""
    chart = Chart(
        (0, len(frame.series)),
        (-top, top),
        label=f"{len(frame.series)} steps of the series, between {-top:.1f} and {top:.1f}{cut}",
        width=width,
        height=200,
        x_label=f"step t{cut}",
        y_label="x_t",
    )
    chart.level(0, dashed=False)
    chart.curve(range(len(shown) + 1), [0.0, *shown], BLUE, width=1.6)
    if frame.leaves:
        chart.dot(frame.leaves, float(shown[-1]), ACCENT)
    return chart


def triangle_chart(frame: ARFrame) -> Chart:
    """The plane of the coefficients: the triangle of stationarity, the parabola below which roots are complex."""
    chart = Chart(
        (-2.5, 2.5),
        (-1.5, 1.25),
        label=(
            f"triangle of stationarity, the point ({_short(frame.a_1)}, {_short(frame.a_2)}) "
            f"marked: {frame.state}"
        ),
        height=250,
        x_label="a_1",
        y_label="a_2",
    )
    corners = [chart.place(x, y) for x, y in ((-2, -1), (0, 1), (2, -1), (-2, -1))]
    chart.polyline(corners, BLUE, width=1.5, fill=FILL)
    x = np.linspace(-2, 2, 41)
    chart.curve(x, -(x**2) / 4, QUIET, width=1.8, dashed=True)
    chart.note(0, 0.14, "real roots")
    chart.note(0, -0.62, "complex pair")
    chart.note(-2.4, 1.05, "not stationary", anchor="start")
    chart.dot(frame.a_1, frame.a_2, ACCENT, radius=6)
    return chart


def roots_chart(frame: ARFrame) -> Chart:
    """The plane of the inverse roots with the unit circle, as long in one direction as in the other."""
    words = " and ".join(f"{_complex(root)}" for root in frame.roots)
    place = {"stationary": "inside", "unit root": "not all inside", "explosive": "not all inside"}
    wide = 1.7 if max(abs(root.real) for root in frame.roots) < 1.65 else 2.9
    width, height = 330, 250
    share = (height - Chart.TOP - Chart.BOTTOM) / (width - Chart.LEFT - Chart.RIGHT)
    chart = Chart(
        (-wide, wide),
        (-wide * share, wide * share),
        label=f"inverse roots {words}, {place[frame.state]} the unit circle",
        width=width,
        height=height,
        x_label="inverse root, real part",
        y_label="imaginary part",
        x_ticks={value: f"{value}" for value in range(-int(wide), int(wide) + 1)},
        y_ticks={value: f"{value}" for value in (-1, 0, 1)},
    )
    turn = np.linspace(0, 2 * math.pi, 97)
    circle = [chart.place(math.cos(t), math.sin(t)) for t in turn]
    chart.polyline(circle, BLUE, width=1.5, fill=FILL)
    chart.level(0)
    chart.line(chart.place(0, -wide), chart.place(0, wide), QUIET, dashed=True)
    for root in frame.roots:
        chart.line(chart.place(0, 0), chart.place(root.real, root.imag), ACCENT, width=1.5)
        chart.dot(root.real, root.imag, ACCENT, radius=6)
    return chart


# -- words ---------------------------------------------------------------------------------------------------------


def sentences(frame: ARFrame) -> list[str]:
    """What kind of process it is, how far it strays, and how the charts say so."""
    now = f"a_1 = {_short(frame.a_1)}, a_2 = {_short(frame.a_2)}: {_roots_words(frame)}: {_kind(frame)}."
    if frame.state == "stationary":
        spread = (
            f"Stationary variance: {_amount(frame.variance)}, standard deviation "
            f"{_amount(math.sqrt(frame.variance))}; the noise alone has variance 1."
        )
    else:
        spread = "There is no stationary variance: the variance of x_t grows without end."
    if frame.leaves:
        spread += f" The series passes ±{SHOWN:g} at step {frame.leaves}; it is cut there."
    rule = (
        "The process is stationary where both inverse roots, the zeros of z² - a_1 z - a_2, lie inside the unit "
        "circle; this is the shaded triangle. "
    )
    if frame.is_pair:
        rule += (
            "Below the dashed parabola the roots are a complex pair: the process moves in cycles."
        )
    else:
        rule += "The roots are real here; the sliders for modulus and angle need a point below the dashed parabola."
    return [now, spread, rule]


def _roots_words(frame: ARFrame) -> str:
    first, second = frame.roots
    if first.imag:
        return f"roots {_apart_from_1(frame.modulus)} at ±{frame.angle:.1f} degrees"
    if first == second:
        return f"twice the root {_apart_from_1(first.real)}"
    if frame.a_2 == 0:
        return f"AR(1) with root {_apart_from_1(first.real)}"
    return f"roots {_apart_from_1(first.real)} and {_apart_from_1(second.real)}"


def _kind(frame: ARFrame) -> str:
    cycle = f"; a cycle of about {frame.period:.1f} steps" if frame.roots[0].imag else ""
    if frame.modulus == 0:
        return "stationary; white noise, a shock is gone at the next step"
    if frame.state == "unit root":
        name = "a random walk" if _is_random_walk(frame) else "a unit root"
        # A root of modulus 1 twice: t steps later a shock of 1 has become t + 1.
        shock = (
            "never fades" if frame.roots[0] != frame.roots[1] else "grows by itself at every step"
        )
        return f"{name}, not stationary{cycle}; a shock {shock}"
    steps = abs(math.log(2) / math.log(frame.modulus))
    if frame.state == "explosive":
        return f"explosive, not stationary{cycle}; {_shock(frame, 'doubles', steps)}"
    return f"stationary{cycle}; {_shock(frame, 'fades to half', steps)}"


def _shock(frame: ARFrame, change: str, steps: float) -> str:
    """Exact for AR(1) and the envelope of a cycle; for two real roots it holds once the larger one dominates."""
    if frame.roots[0].imag:
        return f"the swing after a shock {change} every {steps:.1f} steps"
    return f"a shock {change} every {steps:.1f} steps{' in the end' if frame.a_2 else ''}"


def _is_random_walk(frame: ARFrame) -> bool:
    return frame.a_2 == 0 and frame.a_1 > 0


def _caption(frame: ARFrame) -> str:
    if frame.state == "unit root" and _is_random_walk(frame):
        return "random walk"
    if frame.state != "stationary":
        return frame.state
    if frame.roots[0].imag:
        return "cycles"
    if frame.a_1 == 0:
        return "two interleaved AR(1)" if frame.a_2 else "white noise"
    return "wanders" if frame.a_1 > 0 else "alternates"


def _short(value: float) -> str:
    """Two decimals where they are exact, otherwise three."""
    digits = 2 if abs(value - round(value, 2)) < NEAR else 3
    return f"{round(value, digits) + 0.0:.{digits}f}"


def _apart_from_1(value: float) -> str:
    """Two decimals, or as many as it takes to show that a modulus is not 1."""
    digits = 2
    while digits < 9 and abs(round(value, digits)) == 1 and abs(abs(value) - 1) > NEAR:
        digits += 1
    return f"{round(value, digits) + 0.0:.{digits}f}"


def _amount(value: float) -> str:
    return f"{value:.2f}" if value < 1000 else f"{value:,.0f}"


def _complex(root: complex) -> str:
    if not root.imag:
        return _apart_from_1(root.real)
    return f"{root.real + 0.0:.2f} {'+' if root.imag > 0 else '-'} {abs(root.imag):.2f}i"


# -- the widget ----------------------------------------------------------------------------------------------------


class ARProcess(ChartStepper):
    """An AR(2) process moved by its coefficients or by its roots, always with the same noise. A step is 0.05 of a_1.

    The roots shown are the inverse roots, inside the unit circle for a stationary process. Some texts look at the
    zeros of 1 - a_1 B - a_2 B^2 instead: these are 1/z, and stationary means outside.

    Args:
        a_2: the second coefficient to begin with, -1.44 to 1.2.
        start: the step to begin with; step 40 is a_1 = 0.

    Attributes:
        a_1, a_2: the process shown, exactly. All sliders stand at the nearest value that they can show: one in the
            browser moves to such a value by itself and reports it, so it must not be given another.
        seed: of the noise.

    Raises:
        ValueError: for another a_2, or a step that does not exist.

    Source: G. E. P. Box and G. M. Jenkins, Time Series Analysis: Forecasting and Control (1970), chapter 3.

    >>> widget = ARProcess()
    >>> frame = widget.frame(widget.step)
    >>> frame.state, round(frame.modulus, 3), round(frame.period, 1)
    ('stationary', 0.837, 10.8)
    """

    def __init__(self, a_2: float = -0.7, *, start: int = 68) -> None:
        if not isinstance(a_2, (int, float)) or not A_2[0] <= a_2 <= A_2[1]:
            raise ValueError(f"a_2 must be between {A_2[0]} and {A_2[1]}, got {a_2!r}")
        self._first = a_2
        self.a_1, self.a_2, self.seed = A_1[0], a_2, 0
        self._noise = fixed_noise(self.seed)
        self._pair = (0.0, 0.0)
        self._a_2 = _slider("a_2", "Coefficient of x two steps back", *A_2, 0.01, ".2f")
        self._modulus = _slider(
            "modulus", "Distance of a complex pair of roots from 0", 0, MOST_MODULUS, 0.01, ".2f"
        )
        self._angle = _slider(
            "angle, degrees", "Angle of a complex pair of roots", 0, 180, 1, ".0f"
        )
        noise = ipywidgets.Button(description="new noise", tooltip="Draw other noise eps_t")
        super().__init__(
            3,
            last=len(A_1) - 1,
            start=start,
            options=[self._a_2, self._modulus, self._angle, noise],
            label="a_1",
            jump=10,
            interval=100,
        )
        self._move(self.a_1, self.a_2)
        self.react(self._a_2, self._set_a_2)
        self.react(self._modulus, self._set_modulus)
        self.react(self._angle, self._set_angle)
        self.on_click(noise, self.new_noise)

    def _move(self, a_1: float, a_2: float, pair: tuple[float, float] | None = None) -> None:
        """Take these coefficients and let all controls follow; `pair` is the modulus and angle they came from."""
        self.a_1, self.a_2 = a_1, a_2
        if pair is None:
            frame = ar_frame(a_1, a_2, self._noise)
            pair = (frame.modulus, frame.angle) if frame.is_pair else None
        self._pair = pair or self._pair
        with self._quiet():
            self.step = nearest_step(a_1)
            for slider, value in self._shown().items():
                # One that is being dragged hears nothing: an answer would pull it back to where it was.
                if abs(slider.value - value) > NEAR:
                    slider.value = value
            for slider in (self._modulus, self._angle):
                slider.disabled, slider.readout = pair is None, pair is not None
            readouts = [f"a_1 = {value:.2f}" for value in A_1]
            readouts[self.step] = f"a_1 = {_short(a_1)}"
            self.controls.readouts = readouts

    def _shown(self) -> dict[ipywidgets.FloatSlider, float]:
        """Where the sliders stand."""
        modulus, angle = self._pair
        return {
            self._a_2: round(self.a_2, 2) + 0.0,
            self._modulus: round(modulus, 2),
            self._angle: float(round(angle)),
        }

    def _is_wish(self, slider: ipywidgets.FloatSlider) -> bool:
        """Whether the user moved it: not if it follows, nor if a browser reports 33.00000000000001 when told 33."""
        return not self._settling and abs(slider.value - self._shown()[slider]) > NEAR

    def redraw(self) -> None:
        if not self._settling:
            super().redraw()

    def draw(self, step: int) -> None:
        if step != nearest_step(self.a_1):  # the step slider was moved
            self._move(A_1[step], self.a_2)
        super().draw(step)

    def _set_a_2(self, a_2: float) -> None:
        if self._is_wish(self._a_2):
            # A slider in the browser adds up its steps: 0 may come as 1e-16.
            self._move(self.a_1, round(a_2, 12) + 0.0)

    def _set_modulus(self, modulus: float) -> None:
        if self._is_wish(self._modulus):
            self._set_roots(modulus, self._pair[1])

    def _set_angle(self, angle: float) -> None:
        if self._is_wish(self._angle):
            self._set_roots(self._pair[0], angle)

    def _set_roots(self, *pair: float) -> None:
        modulus, angle = (round(value, 12) for value in pair)
        self._move(*coefficients(modulus, angle), (modulus, angle))

    def new_noise(self) -> None:
        """The same process with the noise of the next seed."""
        self.seed += 1
        self._noise = fixed_noise(self.seed)

    def restart(self) -> None:
        self.seed = 0
        self._noise = fixed_noise(self.seed)
        self._move(A_1[0], self._first)

    def frame(self, step: int) -> ARFrame:
        a_1 = self.a_1 if step == nearest_step(self.a_1) else A_1[step]
        return ar_frame(a_1, self.a_2, self._noise)

    def drawings(self, frame: ARFrame) -> list[Drawing]:
        return [series_chart(frame), triangle_chart(frame), roots_chart(frame)]

    def strip_drawings(self, frame: ARFrame) -> list[Drawing]:
        return [series_chart(frame, width=330), triangle_chart(frame), roots_chart(frame)]

    def sentences(self, frame: ARFrame) -> list[str]:
        return sentences(frame)

    def told(self, frame: ARFrame) -> list[str]:
        return sentences(frame)[:2]

    def caption(self, frame: ARFrame) -> str:
        return f"{_caption(frame)}: a_1 = {_short(frame.a_1)}, a_2 = {_short(frame.a_2)}"

    def strip_frames(self) -> list[ARFrame]:
        """A process close to a fit of yearly sunspot numbers, a random walk, an explosive pair."""
        chosen = [(1.39, -0.69), (1.0, 0.0), coefficients(1.02, 30)]
        return [ar_frame(a_1, a_2, fixed_noise(0)) for a_1, a_2 in chosen]


def _slider(
    description: str, tooltip: str, low: float, high: float, step: float, readout: str
) -> ipywidgets.FloatSlider:
    return ipywidgets.FloatSlider(
        min=low,
        max=high,
        step=step,
        readout_format=readout,
        description=description,
        tooltip=tooltip,
        style={"description_width": "initial"},
    )
