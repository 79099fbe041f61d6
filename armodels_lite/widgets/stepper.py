"""The shell that every widget shares: steps 0..last, and controls to walk through them.

A widget is a class like this one; `draw` is all that it must say:

    class Squares(Stepper):
        def __init__(self) -> None:
            self.text = ipywidgets.HTML()
            super().__init__([self.text], last=9, label="number")

        def draw(self, step: int) -> None:
            self.text.value = f"{step} squared is {step * step}"

Whatever fails inside is shown in the widget, and raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import traitlets

__all__ = ["Controls", "Stepper"]

ASSETS = Path(__file__).parent


class Controls(anywidget.AnyWidget):
    """Reset, back, play, step, a slider and a line for errors.

    Keys, while anything in it has the focus: right and left arrow for a step, page up and down for `jump` steps,
    home and end, space to play or pause.

    Attributes:
        step: where the walk is, 0 to last. Written by both sides.
        drawn: the step whose picture is out; playing waits for it, so a slow kernel is never overtaken.
        playing: whether the browser goes on by itself, a step every `interval` milliseconds.
        error: shown as an alert unless empty.
        label: what a step is called, for screen readers and beside the slider.
        readouts: what stands beside the slider at each step; "label step of last" where the list ends.
    """

    _esm = (ASSETS / "controls.js").read_text(encoding="utf-8")
    _css = (ASSETS / "widgets.css").read_text(encoding="utf-8")

    step = traitlets.Int(0).tag(sync=True)
    last = traitlets.Int(1).tag(sync=True)
    drawn = traitlets.Int(-1).tag(sync=True)
    jump = traitlets.Int(1).tag(sync=True)
    interval = traitlets.Int(250).tag(sync=True)
    playing = traitlets.Bool(False).tag(sync=True)
    error = traitlets.Unicode("").tag(sync=True)
    label = traitlets.Unicode("step").tag(sync=True)
    readouts = traitlets.List(traitlets.Unicode()).tag(sync=True)


class Stepper(ipywidgets.VBox):
    """Views above, controls below; a subclass implements `draw`, and `restart` if there is more to reset.

    Args:
        views: the widgets that `draw` updates; they stand side by side where there is room.
        last: the last step, at least 1; the first is 0.
        start: the step to begin with.
        options: further controls, below the slider.
        label: what a step is called.
        jump: steps that page up and page down go.
        interval: milliseconds between steps while playing.
        readouts: see `Controls`.

    Raises:
        ValueError: `last` or `interval` is no positive int, or `start` is not in 0..last.
    """

    def __init__(
        self,
        views: Sequence[ipywidgets.Widget],
        *,
        last: int,
        start: int = 0,
        options: Sequence[ipywidgets.Widget] = (),
        label: str = "step",
        jump: int = 1,
        interval: int = 250,
        readouts: Sequence[str] = (),
    ) -> None:
        check_positive("last", last)
        check_positive("interval", interval)
        self.controls = Controls(
            last=last, label=label, jump=jump, interval=interval, readouts=list(readouts)
        )
        self.controls.step = self._checked(start)
        rows: list[ipywidgets.Widget] = [
            ipywidgets.HBox(list(views)).add_class("armodels-views"),
            self.controls,
        ]
        if options:
            rows.append(ipywidgets.HBox(list(options)).add_class("armodels-options"))
        super().__init__(rows)
        self.add_class("armodels-widget")
        self.redraw()
        self.controls.observe(self._step_changed, "step")
        self.controls.on_msg(self._message)

    # -- what a widget says --------------------------------------------------------------------------------------

    def draw(self, step: int) -> None:
        """Bring the views to this step."""
        raise NotImplementedError

    def restart(self) -> None:
        """Undo what was changed besides the step; called by the reset button."""

    # -- what follows --------------------------------------------------------------------------------------------

    @property
    def step(self) -> int:
        """Where the walk is. Setting it draws; ValueError for a step that does not exist."""
        return self.controls.step

    @step.setter
    def step(self, step: int) -> None:
        self.controls.step = self._checked(step)

    @property
    def last(self) -> int:
        return self.controls.last

    def reset(self) -> None:
        """Back to the first step, with what `restart` undoes undone."""
        self.controls.playing = False
        with self.reporting():
            self.restart()
        if self.step == 0:
            self.redraw()
        else:
            self.step = 0

    def redraw(self) -> None:
        """Draw the current step again, after something else than the step has changed."""
        with self.reporting():
            step = self.step
            self.draw(step)
            self.controls.drawn = step

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Inside this block an exception stops playing and is shown in the widget; then it goes on to the caller."""
        try:
            yield
        except Exception as error:
            self.controls.playing = False
            self.controls.error = f"{type(error).__name__}: {error}"
            raise
        self.controls.error = ""

    def react(
        self, control: ipywidgets.Widget, handler: Callable[[Any], None], name: str = "value"
    ) -> None:
        """When a trait of another control changes, call handler(new value) and draw again."""

        def changed(change: Any) -> None:
            with self.reporting():
                handler(change["new"])
            self.redraw()

        control.observe(changed, name)

    def on_click(self, button: ipywidgets.Button, handler: Callable[[], None]) -> None:
        """When a button is pressed, call handler() and draw again."""

        def clicked(_: Any) -> None:
            with self.reporting():
                handler()
            self.redraw()

        button.on_click(clicked)

    def _step_changed(self, _: Any) -> None:
        self.redraw()

    def _message(self, _: Any, content: dict[str, Any], __: Any) -> None:
        if content.get("action") == "reset":
            self.reset()

    def _checked(self, step: int) -> int:
        if (
            not isinstance(step, int)
            or isinstance(step, bool)
            or not 0 <= step <= self.controls.last
        ):
            raise ValueError(f"steps are 0 to {self.controls.last}, got {step!r}")
        return step

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.controls.label} {self.step} of {self.last})"


def check_positive(name: str, value: int) -> None:
    """Raise ValueError unless value is an int of at least 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be an int of at least 1, got {value!r}")
