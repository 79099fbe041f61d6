"""A language model writes, character by character: the text so far, the next character's chances, and u among them.

`text_state` draws, `text_view` shows; here are the controls.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import ipywidgets
from torch import Tensor

from ..chain import AutoregressiveModel
from .chart_stepper import ChartStepper
from .one_event import next_seed
from .svg import Drawing
from .temperature import temperature_slider
from .text_state import COLDEST, HOTTEST, TextFrame, TextState
from .text_view import (
    bars_drawing,
    caption,
    choice_drawing,
    explanation,
    score_words,
    sentence,
    text_drawing,
)

__all__ = ["TextSampler"]


class TextSampler(ChartStepper):
    """A model of sequences writes a text after a prompt, a character a step.

    The prompt, the temperature and the seed can be changed. The noise of a seed stays, so another temperature shows
    what the same uniform numbers pick then. Where the symbol that ends a text is drawn, the walk ends.

    Args:
        model, symbols, prompt, length, temperature, seed, context: see `TextState`.
        start: the step to begin with.
        interval: milliseconds a step while playing.

    Raises:
        TypeError, ValueError: the model writes no text, an argument does not fit it, or there is no such step.

    >>> import armodels_lite as ar
    >>> sampler = TextSampler(ar.FVSBN((12,), conditional=ar.Categorical(3)), "ab ", prompt="ba")
    >>> sampler.step = 4
    >>> sampler, sampler.text
    (TextSampler(character 4 of 10), 'baaaba')
    """

    def __init__(
        self,
        model: AutoregressiveModel,
        symbols: Any,
        prompt: str = "",
        length: int | None = None,
        temperature: float = 1.0,
        seed: int = 0,
        context: int | Tensor | None = None,
        *,
        start: int = 0,
        interval: int = 200,
    ) -> None:
        self.state = TextState(
            model,
            symbols,
            prompt=prompt,
            length=length,
            temperature=temperature,
            seed=seed,
            context=context,
        )
        self._first = prompt, temperature, seed
        self._make_controls()
        new = ipywidgets.Button(description="New text", tooltip="Draw with other uniform numbers")
        end = ipywidgets.Button(description="To the end", tooltip="Write the whole text")
        super().__init__(
            3,
            last=self.state.last,
            start=start,
            options=[self._box, self._temperature, new, end, self._note],
            label="character",
            jump=10,
            interval=interval,
        )
        # What is chosen here makes the text: it stands above.
        views, playback, options = self.children
        self.children = (options, views, playback)
        self.react(self._box, self._set_prompt)
        self.react(self._temperature, self._set_temperature)
        self.on_click(new, self._renew)
        self.on_click(end, self._go_to_end)

    def _make_controls(self) -> None:
        prompt, temperature, _ = self._first
        # In a single line no newline can be typed.
        many = "\n" in self.state.alphabet.symbols
        self._box = (ipywidgets.Textarea if many else ipywidgets.Text)(
            prompt,
            description="prompt",
            tooltip="How the text begins; it counts when you leave the box",
            continuous_update=False,
            style={"description_width": "initial"},
            **({"rows": 2} if many else {}),
        )
        self._temperature = temperature_slider(
            temperature, COLDEST, HOTTEST, continuous_update=False
        )
        self._note = ipywidgets.HTML(layout={"width": "100%"})

    @property
    def text(self) -> str:
        """The text so far, the symbol that ends it left out."""
        return self.state.text(self.step)

    # -- changes -------------------------------------------------------------------------------------------------

    def _change(self, change: Callable[[Any], None], value: Any) -> None:
        """Another text: the step stays, a whole text stays whole."""
        whole = self.step == self.last
        change(value)
        last = self.state.last
        self._walk_on(last if whole else min(self.step, last))

    def _walk_on(self, step: int) -> None:
        """Go to a step of a text that may have another length than the one before."""
        with self.controls.hold_sync():
            self.controls.last = max(self.last, step)
            self.step = step
            self.controls.last = self.state.last

    def _set_temperature(self, temperature: float) -> None:
        self._change(self.state.set_temperature, temperature)

    def _set_prompt(self, prompt: str) -> None:
        """Begin anew with another prompt; what is no prompt changes nothing, and is told."""
        try:
            self.state.set_prompt(prompt)
        except ValueError as error:
            told = html.escape(f"Not taken: {error}. The text still begins as before.")
            self._note.value = f'<div class="armodels-error" role="alert">{told}</div>'
            return
        self._note.value = ""
        self._walk_on(0)

    def _renew(self) -> None:
        self._change(self.state.renew, next_seed(self.state.seed))

    def _go_to_end(self) -> None:
        self.step = self.last

    def restart(self) -> None:
        prompt, temperature, seed = self._first
        self._note.value = ""
        self.state.renew(seed)
        self._temperature.value, self._box.value = temperature, prompt
        self._walk_on(0)

    # -- what the shell asks for ---------------------------------------------------------------------------------

    def frame(self, step: int) -> TextFrame:
        return self.state.frame(step)

    def drawings(self, frame: TextFrame) -> list[Drawing]:
        return [text_drawing(frame), bars_drawing(frame), choice_drawing(frame)]

    def strip_drawings(self, frame: TextFrame) -> list[Drawing]:
        """The text and the next character's chances, narrow enough for three steps side by side."""
        return [text_drawing(frame, compact=True), bars_drawing(frame, compact=True)]

    def sentences(self, frame: TextFrame) -> list[str]:
        return [sentence(frame), score_words(frame), explanation(frame)]

    def told(self, frame: TextFrame) -> list[str]:
        return [sentence(frame), score_words(frame)]

    def caption(self, frame: TextFrame) -> str:
        return caption(frame)
