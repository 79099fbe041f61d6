"""A guide to the choice of a model: data, priority and constraint in, a short ranked list with reasons out.

`chooser_rules` decides, `chooser_tree` draws the rules as one picture; here are the words and the controls.
"""

from __future__ import annotations

import html
from typing import Any

import ipywidgets

from .chooser_rules import (
    CONSTRAINTS,
    DATA,
    PRIORITIES,
    Recommendation,
    caution,
    check_task,
    recommend,
)
from .chooser_tree import chooser_tree
from .dropdowns import dropdown
from .stepper import Stepper
from .svg import Strip

__all__ = ["ModelChooser"]


class ModelChooser(Stepper):
    """Which model for which task. A step is a kind of data; the dropdowns set it, the priority and a constraint.

    Args:
        data, priority, constraint: what to begin with, keys of the tables in `chooser_rules`.

    Raises:
        ValueError: one of them is unknown.

    >>> chooser = ModelChooser("polyphonic music")
    >>> [choice.name for choice in chooser.recommendations]
    ['RNN', 'Transformer', 'any-order NADE']
    """

    def __init__(
        self,
        data: str = DATA[0],
        priority: str = "best likelihood",
        constraint: str = "none",
    ) -> None:
        check_task(data, priority, constraint)
        self._first = priority, constraint
        self._list = ipywidgets.HTML()
        self._data = dropdown("data", "What is to be modelled", list(DATA), data)
        self._priority = dropdown("priority", "What counts most", list(PRIORITIES), priority)
        self._constraint = dropdown(
            "constraint", "What must hold besides", list(CONSTRAINTS), constraint
        )
        super().__init__(
            [self._list],
            last=len(DATA) - 1,
            start=DATA.index(data),
            options=[self._data, self._priority, self._constraint],
            label="kind of data",
            interval=5000,
            readouts=list(DATA),
        )
        self._data.observe(self._data_chosen, "value")
        for control in (self._priority, self._constraint):
            self.react(control, lambda _: None)

    @property
    def task(self) -> tuple[str, str, str]:
        """Data, priority, constraint."""
        return DATA[self.step], self._priority.value, self._constraint.value

    @property
    def recommendations(self) -> list[Recommendation]:
        """What is shown, best first."""
        return recommend(*self.task)

    def choose(
        self, data: str | None = None, priority: str | None = None, constraint: str | None = None
    ) -> None:
        """What the dropdowns do; None leaves one as it is. ValueError for an unknown choice."""
        given = data, priority, constraint
        wanted = [old if new is None else new for old, new in zip(self.task, given, strict=True)]
        check_task(*wanted)
        controls = self._data, self._priority, self._constraint
        for control, value in zip(controls, wanted, strict=True):
            control.value = value

    def draw(self, step: int) -> None:
        data, priority, constraint = DATA[step], self._priority.value, self._constraint.value
        choices = recommend(data, priority, constraint)
        items = "".join(_item(number, choice) for number, choice in enumerate(choices, 1))
        more = f"<b>When to look elsewhere.</b> {html.escape(caution(data, priority, constraint))}"
        self._list.value = f"{items}<div>{more}</div>"
        self._data.value = data

    def restart(self) -> None:
        self._priority.value, self._constraint.value = self._first

    def strip(self) -> Strip:
        """The rules as one picture, for a page without a kernel."""
        return chooser_tree()

    def _data_chosen(self, change: Any) -> None:
        self.step = DATA.index(change["new"])

    def __repr__(self) -> str:
        return f"ModelChooser({', '.join(map(repr, self.task))})"


def _item(number: int, choice: Recommendation) -> str:
    """A recommendation as HTML: its name and where to find it, why, and what it costs."""
    model = choice.model
    family = "" if model.autoregressive else "not autoregressive; "
    place = html.escape(f"{family}{model.made_by}; notebook {model.notebook}")
    head = f'<span class="armodels-title">{number}. {html.escape(choice.name)}</span> ({place})'
    why = html.escape("; ".join(choice.reasons))
    cost = f'<div class="armodels-quiet">What it costs: {html.escape(model.cost)}.</div>'
    return f'<div style="margin-bottom: 8px"><div>{head}</div><div>Why: {why}.</div>{cost}</div>'
