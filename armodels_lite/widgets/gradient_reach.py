"""Vanishing and exploding gradients: a gradient walks back from the last state, step by step, through three cells.

`gradient_state` computes, `gradient_view` draws and tells; here are the controls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import ipywidgets

from .chart_stepper import ChartStepper
from .dropdowns import dropdown
from .gradient_state import (
    BIASES,
    INPUTS,
    MATRICES,
    RADII,
    STEPS,
    UNITS,
    ReachFrame,
    ReachSettings,
    reach,
)
from .gradient_view import COMPACT, caption, factor_chart, sentences, size_chart
from .svg import Drawing

__all__ = ["GradientReach"]

STRIP_DISTANCE = 30
# Without inputs the radius decides; inputs overrule it; and it does not say how the way begins.
STRIP = [("orthogonal", 0.9, 0.0), ("orthogonal", 1.1, 0.0), ("orthogonal", 1.1, 1.0)]
STRIP += [("non-normal", 0.8, 0.0)]


class GradientReach(ChartStepper):
    """How much h_T still feels of earlier states, in a tanh RNN, an LSTM and a GRU. A step is one state further back.

    The chart on the left shows the largest singular value of d h_T / d s against the distance T - s, on a logarithmic
    scale; s is the state, which is h, and for the LSTM h and c together. The chart on the right shows by what each step
    multiplies it. Nothing is trained: weights and inputs are random, the same for a seed. See `ReachSettings` for what
    can be set, and for what sets which cell.

    Args:
        matrix, radius: of the tanh RNN's W_hh: "orthogonal", "random" or "non-normal", and its spectral radius,
            0.5 to 1.6.
        inputs: their size, 0 to 3.
        gate_bias: of the LSTM's forget gate and the GRU's update gate, -2 to 6.
        units: 8, 16 or 32.
        seed: of weights and inputs.
        start: the step to begin with.

    Raises:
        ValueError: for other settings, or a step that does not exist.

    Source: R. Pascanu, T. Mikolov, Y. Bengio, On the difficulty of training recurrent neural networks, 2013; for gates
    S. Hochreiter, J. Schmidhuber, Long Short-Term Memory, 1997, F. Gers et al., Learning to Forget, 2000.

    >>> widget = GradientReach("orthogonal", 0.9, inputs=0, start=20)
    >>> frame = widget.frame(20)
    >>> round(frame.size("tanh RNN"), 6) == round(0.9**20, 6), round(frame.factor("tanh RNN"), 6)
    (True, 0.9)
    """

    def __init__(
        self,
        matrix: str = "random",
        radius: float = 0.9,
        inputs: float = 0.3,
        gate_bias: float = 1.0,
        units: int = 32,
        seed: int = 0,
        *,
        start: int = 0,
    ) -> None:
        self._first = self.settings = ReachSettings(matrix, radius, inputs, gate_bias, units, seed)
        self._reach = reach(self.settings)
        self._controls = self._make_controls()
        fresh = ipywidgets.Button(
            description="new weights", tooltip="Draw other weights and inputs, of the next seed"
        )
        super().__init__(
            2,
            last=STEPS,
            start=start,
            options=[*self._controls.values(), fresh],
            label="distance",
            readouts=[f"{k} step{'' if k == 1 else 's'} back" for k in range(STEPS + 1)],
            jump=10,
            interval=150,
        )
        for name, control in self._controls.items():
            self.react(control, self._setter(name))
        self.on_click(fresh, self.new_weights)

    def _make_controls(self) -> dict[str, ipywidgets.Widget]:
        first = self._first
        return {
            "matrix": dropdown("W_hh", "The tanh RNN's recurrent matrix", MATRICES, first.matrix),
            "radius": _slider(
                "radius", "Spectral radius of the tanh RNN's W_hh", RADII, 0.05, first.radius
            ),
            "inputs": _slider(
                "inputs",
                "Standard deviation of what inputs add to a unit",
                INPUTS,
                0.1,
                first.inputs,
            ),
            "gate_bias": _slider(
                "gate bias",
                "Bias of the LSTM's forget gate and of the GRU's update gate",
                BIASES,
                0.5,
                first.gate_bias,
            ),
            "units": dropdown("units", "Units of each cell", UNITS, first.units),
        }

    def _setter(self, name: str) -> Callable[[Any], None]:
        def choose(value: Any) -> None:
            # A browser answers with the slider's value nearest to what it was told: that is no wish of the user.
            control = self._controls[name]
            value = _shown(control, value)
            if value != _shown(control, getattr(self.settings, name)):
                self._set(**{name: value})

        return choose

    def _set(self, **changes: Any) -> None:
        settings = replace(self.settings, **changes)
        if settings != self.settings:
            self._reach, self.settings = reach(settings), settings

    def new_weights(self) -> None:
        """Weights and inputs of the next seed, all else as it is."""
        self._set(seed=self.settings.seed + 1)

    def restart(self) -> None:
        self._set(**asdict(self._first))
        for name, control in self._controls.items():
            control.value = _shown(control, getattr(self._first, name))

    def frame(self, step: int) -> ReachFrame:
        return ReachFrame(self._reach, step)

    def drawings(self, frame: ReachFrame) -> list[Drawing]:
        return [size_chart(frame), factor_chart(frame)]

    def sentences(self, frame: ReachFrame) -> list[str]:
        return sentences(frame)

    def caption(self, frame: ReachFrame) -> str:
        return caption(frame)

    def told(self, frame: ReachFrame) -> list[str]:
        """The sizes, and what becomes of the tanh RNN."""
        return sentences(frame)[:2]

    def strip_frames(self) -> list[ReachFrame]:
        """The radius rules; above 1 without inputs; above 1 with inputs; a matrix that is not normal."""
        chosen = [
            replace(self._first, matrix=matrix, radius=radius, inputs=inputs)
            for matrix, radius, inputs in STRIP
        ]
        return [ReachFrame(reach(settings), STRIP_DISTANCE) for settings in chosen]

    def strip_drawings(self, frame: ReachFrame) -> Sequence[Drawing]:
        """The sizes alone, narrow enough for four side by side."""
        return [size_chart(frame, COMPACT)]


def _slider(
    name: str, tooltip: str, ends: tuple[float, float], step: float, value: float
) -> ipywidgets.FloatSlider:
    slider = ipywidgets.FloatSlider(
        min=ends[0],
        max=ends[1],
        step=step,
        readout_format=".2f" if step < 0.1 else ".1f",
        description=name,
        tooltip=tooltip,
        # The curves take longer than a step: they follow when the slider is let go.
        continuous_update=False,
        style={"description_width": "initial"},
    )
    slider.value = _shown(slider, value)
    return slider


def _shown(control: ipywidgets.Widget, value: Any) -> Any:
    """Where a control stands for a value: a slider at the nearest of its steps."""
    if not isinstance(control, ipywidgets.FloatSlider):
        return value
    return round(control.min + control.step * round((value - control.min) / control.step), 6)
