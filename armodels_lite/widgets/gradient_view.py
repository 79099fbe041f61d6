"""How far gradients reach, drawn on a logarithmic scale, and told: what vanishes, what explodes, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from .gradient_state import STEPS, Reach, ReachFrame
from .svg import ACCENT, BLUE, GREEN, QUIET, Chart

__all__ = ["caption", "factor_chart", "sentences", "size_chart"]

LOW, HIGH = -10, 6  # powers of ten that the chart of sizes shows
TOP = 2.0  # largest factor of a step that its chart shows
COMPACT = 250  # width of a chart in the strip
STYLES = {"tanh RNN": (BLUE, False), "LSTM": (ACCENT, True), "GRU": (GREEN, False)}
SHORT = {"tanh RNN": "RNN", "LSTM": "LSTM", "GRU": "GRU"}
APART = 14  # pixels between the names of two curves
NEAR = 1e-9


# -- drawings ------------------------------------------------------------------------------------------------------


class _Named(Chart):
    """A chart with room for the names of its curves on the right."""

    RIGHT = 46

    def name(self, ends: Mapping[str, float]) -> None:
        """Names beside the right ends of curves, kept apart; a curve that ends outside is named at the edge."""
        places = {cell: self.place(self.x[1], end)[1] + 4.5 for cell, end in ends.items()}
        lowest = self.bottom + 4.5 - APART * (len(places) - 1)
        above = -math.inf
        for cell in sorted(places, key=places.get):
            above = max(min(places[cell], lowest), above + APART)
            lowest += APART
            self.text(self.right + 8, above, SHORT[cell], anchor="start", size=13)


def size_chart(frame: ReachFrame, width: float = 330) -> Chart:
    """The largest singular value of d h_T / d s against the distance T - s; thick as far as the gradient has come.

    A value above or below the chart is marked by an arrowhead.
    """
    sizes = {cell: np.log10(values) for cell, values in frame.reach.norms.items()}
    told = ", ".join(f"{cell} {_amount(frame.size(cell))}" for cell in sizes)
    chart = _Named(
        (0, STEPS),
        (LOW, HIGH),
        label=f"size of the gradient on a logarithmic scale, at distance {frame.distance}: {told}",
        width=width,
        height=250,
        x_label="distance T - s, steps",
        y_label="size of dh_T/ds",
        y_ticks={k: f"10{_superscript(k)}" if k else "1" for k in range(LOW + 2, HIGH, 4)},
    )
    chart.level(0)
    _curves(chart, sizes, frame, first=0)
    chart.name({cell: values[-1] for cell, values in sizes.items()})
    return chart


def factor_chart(frame: ReachFrame) -> Chart:
    """By what each single step multiplies the size; below 1 it shrinks."""
    factors = {cell: values[1:] / values[:-1] for cell, values in frame.reach.norms.items()}
    if frame.distance:
        told = ", ".join(f"{cell} {frame.factor(cell):.2f}" for cell in factors)
    else:
        told = "no step yet"
    chart = _Named(
        (0, STEPS),
        (0, TOP),
        label=f"factor of each step, at distance {frame.distance}: {told}",
        height=250,
        x_label="distance T - s, steps",
        y_label="factor of this step",
    )
    chart.level(1)
    _curves(chart, factors, frame, first=1)
    chart.name({cell: values[-1] for cell, values in factors.items()})
    return chart


def _curves(
    chart: Chart, curves: Mapping[str, np.ndarray], frame: ReachFrame, *, first: int
) -> None:
    """Thin lines over all distances from `first`, thick ones and a dot up to the frame's."""
    chart.upright(frame.distance, QUIET, width=1.5)
    reached = frame.distance - first + 1
    for cell, values in curves.items():
        colour, dashed = STYLES[cell]
        xs = range(first, first + len(values))
        chart.curve(xs, values, colour, width=0.9, dashed=dashed)
        if reached > 0:
            if reached > 1:
                chart.curve(xs[:reached], values[:reached], colour, width=2.8, dashed=dashed)
            chart.dot(frame.distance, float(values[reached - 1]), colour, radius=4.5)


# -- words ---------------------------------------------------------------------------------------------------------


def sentences(frame: ReachFrame) -> list[str]:
    """Sizes and factors of this step; what becomes of the RNN and why; the gates; what is shown."""
    return [
        step_words(frame),
        rnn_words(frame.reach),
        gate_words(frame),
        "Shown is the largest singular value of dh_T/ds_s: by how much, at most, a small change of the state at step s "
        "is larger or smaller in h_T. The end T stays, s goes back. The state is h; of the LSTM it is h and c "
        "together, and h_T alone is read. LSTM and GRU have recurrent weights as PyTorch draws them.",
    ]


def step_words(frame: ReachFrame) -> str:
    """Each cell's size at this distance, and the factor of the step."""
    k = frame.distance
    if k == 0:
        return "Distance 0: h_T itself, so every size is 1. Each step goes one state further back."
    sizes = [
        f"{cell} {_amount(frame.size(cell))} (this step × {frame.factor(cell):.2f})"
        for cell in frame.reach.norms
    ]
    return f"{k} step{'s' if k > 1 else ''} back, the gradient's size is: {', '.join(sizes)}."


def rnn_words(reach: Reach) -> str:
    """The tanh RNN over all distances: what the spectral radius says, and what it does not."""
    settings = reach.settings
    kind = settings.matrix
    if kind == "non-normal":
        kind += " (chains of four units, each hears the next)"
    told = (
        f"tanh RNN: W_hh is {kind}, with spectral radius {settings.radius:.2f} and largest singular value "
        f"{reach.stretch:.2f}."
    )
    return " ".join(
        [
            told,
            _without_inputs(reach) if settings.inputs == 0 else _with_inputs(reach),
            *_hump(reach),
        ]
    )


def _without_inputs(reach: Reach) -> str:
    radius = reach.settings.radius
    if abs(radius - 1) < NEAR:
        fate = "with a radius of 1 it neither vanishes nor explodes exponentially"
    elif radius < 1:
        fate = "with a radius below 1 it vanishes"
    else:
        fate = "with a radius above 1 it explodes"
    return f"Without inputs the state stays 0, where tanh' = 1: k steps multiply by W_hh^k, and in the end {fate}."


def _with_inputs(reach: Reach) -> str:
    radius, end = reach.settings.radius, float(reach.norms["tanh RNN"][-1])
    told = (
        f"With inputs tanh' is below 1, here {reach.slopes.mean():.2f} on average: at distance {STEPS} the size is "
        f"{_amount(end)}, without inputs {_amount(reach.linear)}."
    )
    if radius > 1 + NEAR and end < 1:
        told += " That an eigenvalue above 1 makes gradients explode is no rule."
    return told


def _hump(reach: Reach) -> list[str]:
    """Growth that a radius below 1 does not foretell."""
    sizes = reach.norms["tanh RNN"]
    peak = int(sizes.argmax())
    if reach.settings.radius > 1 - NEAR or sizes[peak] <= 1 + NEAR:
        return []
    return [
        f"At first it grows, to {_amount(float(sizes[peak]))} at distance {peak}, although the radius is below 1: the "
        "radius tells of the long run, and what bounds a single step is the largest singular value."
    ]


def gate_words(frame: ReachFrame) -> str:
    """The gates that keep the old state, and what they are worth along the LSTM's cell path."""
    bias, k = frame.reach.settings.gate_bias, frame.distance
    told = (
        f"LSTM and GRU: bias {bias:g} alone makes the gate that keeps the old state sigmoid({bias:g}) = "
        f"{1 / (1 + math.exp(-bias)):.3f}."
    )
    if k:
        path = float(frame.reach.cell_path[k])
        told += (
            " Along the LSTM's cell path alone, dc_T/dc_s is the product of its forget gates, here at most "
            f"{_amount(path)}."
        )
    if frame.reach.norms["LSTM"][-1] > 1:
        told += " Gates are no bound: here the paths through h let the LSTM's gradient grow."
    return told


def caption(frame: ReachFrame) -> str:
    """Kind and radius of W_hh, and the size of the inputs."""
    settings = frame.reach.settings
    return f"{settings.matrix} {settings.radius:g}, inputs {settings.inputs:g}"


def _amount(value: float) -> str:
    """Two digits, with a power of ten where the number is long."""
    if 0.01 <= value < 1000:
        return f"{value:.2g}" if value < 100 else f"{value:.0f}"
    digits, exponent = f"{value:.1e}".split("e")
    return (
        f"{digits}×10{_superscript(int(exponent))}"  # without spaces: no line ends inside a number
    )


def _superscript(number: int) -> str:
    return str(number).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
