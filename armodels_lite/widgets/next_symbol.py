"""The next symbol: one distribution of a language model, reshaped by temperature, cut by a filter, drawn from by u.

`next_state` computes, `next_view` draws, `next_words` tells; here are the controls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import ipywidgets
import torch
from torch import Tensor

from ..chain import AutoregressiveModel
from .chart_stepper import ChartStepper
from .dropdowns import dropdown
from .next_state import (
    COLDEST,
    FILTERS,
    HOTTEST,
    STAGES,
    NextFrame,
    NextSettings,
    checked_logits,
    next_frame,
    symbol_names,
)
from .next_view import COMPACT, next_drawing
from .next_words import caption, sentences, state_words, step_words
from .one_event import next_seed, seeded_uniform
from .svg import Drawing
from .temperature import temperature_slider
from .text_state import TextState

__all__ = ["NextSymbol"]

MOST_K = 100  # the end of the slider of k, where there are more symbols


class NextSymbol(ChartStepper):
    """From a model's distribution over the next symbol to the symbol, in the order in which `sample` goes.

    Step 0 shows the model's probabilities, 1 those after temperature, 2 what the filter cuts, 3 the rest divided by
    its sum, 4 the draw by u. Every control keeps the step.

    Args:
        logits: floats (K,), normalised or not; -inf excludes a symbol. Of probabilities, their logarithm.
        symbols: K of them: a string, a list of words, or a vocabulary with the string as `symbols`.
        temperature: from 0.2 to 2.
        filter: "none", "top-k" or "top-p".
        k: symbols that top-k keeps, at least 1.
        p: the probability that top-p reaches, 0 < p <= 1.
        seed: of u, an int from 0 to 2^64 - 1.
        after: what the symbol follows, to be shown.
        place, length: u is the number at `place` of the `length` that the seed gives, as in a text that `sample` draws.
        start: the step to begin with.

    Raises:
        TypeError: the logits are no tensor of floats, or the symbols no strings.
        ValueError: the logits and symbols do not fit, or an argument is out of range.

    Source: A. Fan, M. Lewis, Y. Dauphin, Hierarchical Neural Story Generation, 2018 (top-k); A. Holtzman, J. Buys,
    L. Du, M. Forbes, Y. Choi, The Curious Case of Neural Text Degeneration, 2020 (top-p).

    >>> import torch
    >>> p = torch.tensor([0.5, 0.1, 0.2, 0.2])
    >>> widget = NextSymbol(p.log(), ["cat", "dog", "mat", "hat"], 1.0, "top-p", p=0.65, start=3)
    >>> frame = widget.frame(3)
    >>> frame.kept.tolist(), frame.final.round(3).tolist()  # 0.5 + 0.2 reach 0.65; of equal ones the first
    ([True, False, True, False], [0.714, 0.0, 0.286, 0.0])
    """

    def __init__(
        self,
        logits: Tensor,
        symbols: Any,
        temperature: float = 0.7,
        filter: str = "top-p",
        k: int = 5,
        p: float = 0.9,
        seed: int = 0,
        after: str = "",
        *,
        place: int = 0,
        length: int = 1,
        start: int = 0,
    ) -> None:
        self._logits = checked_logits(logits)
        self._names = symbol_names(symbols, len(self._logits))
        if not isinstance(after, str):
            raise TypeError(f"after must be a string, got {type(after).__name__}")
        if type(length) is not int or type(place) is not int or not 0 <= place < length:
            raise ValueError(
                f"place must be an int from 0 to length - 1, got {place!r} of {length!r}"
            )
        self._after, self._place, self._length = after, place, length
        self.settings = NextSettings(temperature, filter, k, p)
        self._first = self.settings, seed
        self._renew(seed)
        self._controls = self._make_controls()
        fresh = ipywidgets.Button(description="new u", tooltip="Draw with another uniform number")
        super().__init__(
            1,
            last=len(STAGES) - 1,
            start=start,
            options=[*self._controls.values(), fresh],
            label="stage",
            readouts=[f"{step}: {name}" for step, name in enumerate(STAGES)],
            interval=1500,
        )
        for name, control in self._controls.items():
            self.react(control, self._setter(name))
        self.on_click(fresh, lambda: self._renew(next_seed(self.seed)))

    @classmethod
    def from_model(
        cls,
        model: AutoregressiveModel,
        symbols: Any,
        prompt: str = "",
        context: int | Tensor | None = None,
        *,
        seed: int = 0,
        **options: Any,
    ) -> NextSymbol:
        """The symbol that a model of sequences draws after a prompt.

        It is the one that `model.sample(1, generator=torch.Generator().manual_seed(seed), ...)` puts there with the
        prompt as observed beginning, at the same temperature and with the same filter.

        Args:
            model, symbols, prompt, context: see `TextState`.
            seed: of the noise.
            options: the other arguments of `NextSymbol`.

        Raises:
            TypeError, ValueError: the model writes no text, or an argument does not fit it.

        >>> import armodels_lite as ar
        >>> widget = NextSymbol.from_model(ar.FVSBN((6,), conditional=ar.Categorical(2)), "ab", "ba")
        >>> widget.frame(0).own.tolist()
        [0.5, 0.5]
        """
        state = TextState(model, symbols, prompt=prompt, seed=seed, context=context)
        logits = torch.from_numpy(state.frame(0).current.log_probs)
        names = [state.alphabet.name(level) for level in range(len(state.alphabet))]
        return cls(
            logits,
            names,
            seed=seed,
            after=prompt,
            place=len(state.prompt),
            length=model.num_variables,
            **options,
        )

    def _make_controls(self) -> dict[str, ipywidgets.Widget]:
        first, most = self.settings, min(len(self._names), MOST_K)
        style = {"description_width": "initial"}
        controls = {
            "temperature": temperature_slider(first.temperature, COLDEST, HOTTEST),
            "filter": dropdown(
                "filter", "Which symbols stay possible after temperature", FILTERS, first.filter
            ),
            "k": ipywidgets.IntSlider(
                first.k,
                min=1,
                max=max(most, first.k),
                description="k",
                tooltip="How many symbols top-k keeps",
                style=style,
            ),
            "p": ipywidgets.FloatSlider(
                min=0.01,
                max=1.0,
                step=0.01,
                description="p",
                tooltip="The probability that top-p reaches",
                style=style,
            ),
        }
        for name in ("temperature", "p"):
            controls[name].value = _shown(controls[name], getattr(first, name))
        _enable(controls, first.filter)
        return controls

    # -- changes -------------------------------------------------------------------------------------------------

    def _setter(self, name: str) -> Callable[[Any], None]:
        def choose(value: Any) -> None:
            # A browser answers with the slider's value nearest to what it was told: that is no wish of the user.
            control = self._controls[name]
            value = _shown(control, value)
            if value != _shown(control, getattr(self.settings, name)):
                self.settings = replace(self.settings, **{name: value})
            _enable(self._controls, self.settings.filter)

        return choose

    def _renew(self, seed: int) -> None:
        """Another u."""
        self.u = seeded_uniform((1, self._length), seed)[0, self._place]
        self.seed = seed

    def restart(self) -> None:
        first, seed = self._first
        self._renew(seed)
        self.settings = first
        for name, value in asdict(first).items():
            self._controls[name].value = _shown(self._controls[name], value)

    # -- what the shell asks for ---------------------------------------------------------------------------------

    def frame(self, step: int) -> NextFrame:
        return next_frame(self._logits, self._names, self.settings, self.u, step, self._after)

    def drawings(self, frame: NextFrame) -> list[Drawing]:
        return [next_drawing(frame)]

    def strip_drawings(self, frame: NextFrame) -> Sequence[Drawing]:
        """The bars alone, narrow enough for four side by side."""
        return [next_drawing(frame, COMPACT)]

    def strip_steps(self) -> Sequence[int]:
        """The model, after temperature, what is cut, the draw."""
        return 0, 1, 2, 4

    def sentences(self, frame: NextFrame) -> list[str]:
        return sentences(frame)

    def told(self, frame: NextFrame) -> list[str]:
        return [step_words(frame), state_words(frame)]

    def caption(self, frame: NextFrame) -> str:
        return caption(frame)


def _enable(controls: dict[str, ipywidgets.Widget], filter: str) -> None:
    """Only the slider that belongs to the filter can be moved."""
    controls["k"].disabled = filter != "top-k"
    controls["p"].disabled = filter != "top-p"


def _shown(control: ipywidgets.Widget, value: Any) -> Any:
    """Where a control stands for a value: a slider of fractions at the nearest of its steps."""
    if not isinstance(control, ipywidgets.FloatSlider):
        return value
    steps = max(0, round((value - control.min) / control.step))
    return round(control.min + control.step * steps, 6)
