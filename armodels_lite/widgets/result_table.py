"""Results as a table that can be sorted by any column.

`result_state` sorts, `result_view` writes HTML and plain text; here are the controls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets

from .dropdowns import dropdown
from .result_state import ResultColumn, ResultFrame, ResultState
from .result_view import html_table, text_table
from .stepper import Stepper

__all__ = ["ResultTable", "StaticTable"]

EVERY = "all"


class StaticTable:
    """A table in one order: HTML where that is shown, plain text of at most 100 characters a line elsewhere."""

    def __init__(self, html: str, text: str) -> None:
        self.html, self.text = html, text

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


class ResultTable(Stepper):
    """A table of results, sorted by the column that is chosen; each step goes on to the next column.

    Where a column says which end is good, that end comes first and the best value is bold. Missing values come last;
    a note below says why they are missing. Step 0 has the rows as given, step k is sorted by the k-th column.

    Args:
        rows: each a mapping from the columns' keys to values, or a tuple with a value for each column. A value is a
            text, a number, a pair (mean, error), `Missing(reason)`, or None for one that was not measured.
        columns: `ResultColumn`s, or keys. The first one holds the rows' names.
        caption: what the table shows, for everybody and for screen readers.
        sort: the key of the column by which it is sorted at first; as given unless a key is given.
        group: the key of a column of texts, such as a family; a list then chooses among them.

    Raises:
        TypeError: rows or columns of another kind.
        ValueError: no rows or columns, values that are missing or of a wrong kind, an unknown key, or no caption.

    >>> from armodels_lite.widgets import Missing, ResultColumn
    >>> columns = ["model", ResultColumn("nats", better="lower"), ResultColumn("ms", "one image", unit="ms")]
    >>> rows = [("FVSBN", 17.9, 1.25), ("NADE", (17.2, 0.1), Missing("not timed"))]
    >>> table = ResultTable(rows, columns, caption="Digits", sort="nats")
    >>> table
    ResultTable(2 rows, 3 columns, sorted by nats)
    >>> table.static()
    Digits; sorted by nats, lowest first, which is the best
    model          nats  one image
                                ms
    NADE   17.20 ± 0.10*        – a
    FVSBN         17.90        1.25
    *: of the rows shown the lowest in nats.
    – a: not timed
    """

    def __init__(
        self,
        rows: Sequence[Mapping[str, Any] | Sequence[Any]],
        columns: Sequence[ResultColumn | str],
        *,
        caption: str = "Results",
        sort: str | None = None,
        group: str | None = None,
    ) -> None:
        self.state = ResultState(rows, columns, group)
        if not isinstance(caption, str) or not caption.strip():
            raise ValueError(f"caption must say what the table shows, got {caption!r}")
        self.caption = caption
        start = 0 if sort is None else 1 + self.state.column(sort)
        names = ["as given", *(column.name for column in self.state.columns)]
        self._first = start
        self._table = ipywidgets.HTML()
        super().__init__(
            [self._table],
            last=len(self.state.columns),
            start=start,
            options=self._make_options(names, start),
            label="sorted by",
            interval=1500,
            readouts=[names[0], *(f"by {name}" for name in names[1:])],
        )
        # The table is tall: what sorts it stands above.
        views, playback, options = self.children
        self.children = (options, views, playback)
        self.react(self._reverse, lambda _: None)
        self.react(self._group, lambda _: None)

    def _make_options(self, names: list[str], start: int) -> list[ipywidgets.Widget]:
        by = [(name, number) for number, name in enumerate(names)]
        self._by = dropdown("sort by", "The column by which the rows are sorted", by, start)
        self._by.observe(self._by_changed, "value")
        self._reverse = ipywidgets.Checkbox(
            value=False,
            description="other way round",
            tooltip="The other end first: the worst, the last of the alphabet",
            indent=False,
            layout={"width": "max-content"},
        )
        groups = [EVERY, *self.state.groups]
        self._group = dropdown("show", "Which rows are shown", [(g, g) for g in groups], EVERY)
        return [self._by, self._reverse, *([self._group] if self.state.groups else [])]

    def _by_changed(self, change: Any) -> None:
        self.step = change["new"]  # and the step draws

    def restart(self) -> None:
        self._reverse.value, self._group.value = False, EVERY

    def choose(
        self, sort: str | None = None, *, reverse: bool | None = None, group: str | None = None
    ) -> None:
        """What the controls do: sort by the column of a key, turn the order round, show a group, or "all".

        Raises:
            ValueError: no such column or group; nothing is changed then.
        """
        step = self.step if sort is None else 1 + self.state.column(sort)
        if group not in (None, EVERY, *self.state.groups):
            raise ValueError(f"groups are {', '.join([EVERY, *self.state.groups])}; got {group!r}")
        if reverse is not None:
            self._reverse.value = reverse
        if group is not None:
            self._group.value = group
        self.step = step

    # -- what the shell asks for ---------------------------------------------------------------------------------

    def frame(self, step: int) -> ResultFrame:
        """The table's order at a step, as the controls say."""
        group = None if self._group.value == EVERY else self._group.value
        by = step - 1 if step else None
        return self.state.frame(by, reverse=self._reverse.value, group=group)

    def draw(self, step: int) -> None:
        self._table.value = html_table(self.state, self.frame(step), self.caption)
        self._by.value = step

    def static(self) -> StaticTable:
        """The table in its first order, all rows, for a page without a kernel; the widget stays as it is."""
        frame = self.state.frame(self._first - 1 if self._first else None)
        return StaticTable(
            html_table(self.state, frame, self.caption),
            text_table(self.state, frame, self.caption),
        )

    def __repr__(self) -> str:
        name = self.controls.readouts[self.step]
        order = f"sorted {name}" if self.step else name
        shape = f"{len(self.state.values)} rows, {len(self.state.columns)} columns"
        return f"{type(self).__name__}({shape}, {order})"
