"""Results as rows and columns, in any order: the state behind the sortable table. No widget, no HTML."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

__all__ = ["Missing", "ResultColumn", "ResultFrame", "ResultState"]

DASH = "\N{EN DASH}"
WAYS = (None, "lower", "higher")


# -- what a table is made of ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Missing:
    """A value that there is not, and why: "does not apply: draws everything at once"."""

    reason: str

    def __post_init__(self) -> None:
        if not isinstance(self.reason, str) or not self.reason.strip():
            raise ValueError(f"reason must say why there is no value, got {self.reason!r}")


@dataclass(frozen=True)
class ResultColumn:
    """A column of a `ResultTable`.

    Args:
        key: what its values are called in the rows.
        title: what stands above it, as short as can be; the key unless given.
        format: how a number is written, as in `format(value, ".2f")`; "," for whole numbers and ".2f" for others
            unless given. A pair of numbers is written "16.81 ± 0.10".
        unit: what stands below the title.
        note: what stands below the table.
        better: "lower" or "higher", where one end is the good one: that end comes first and is bold. None: neither.

    Raises:
        ValueError: a key that is no text, a format that no number takes, or another `better`.
    """

    key: str
    title: str = ""
    format: str = ""
    unit: str = ""
    note: str = ""
    better: str | None = None

    def __post_init__(self) -> None:
        texts = (self.key, self.title, self.format, self.unit, self.note)
        if not all(isinstance(text, str) for text in texts) or not self.key:
            raise ValueError(f"a column is described by texts, its key not empty, got {self!r}")
        if self.better not in WAYS:
            raise ValueError(f"better must be 'lower', 'higher' or None, got {self.better!r}")
        try:
            format(1.0, self.format)
        except ValueError as error:
            raise ValueError(f"{self.format!r} is no format for a number: {error}") from error

    @property
    def name(self) -> str:
        return self.title or self.key


@dataclass(frozen=True, eq=False)
class ResultFrame:
    """A table in one order.

    Attributes:
        by: the number of the column by which it is sorted; None: as given.
        descending: whether the largest, or the last of the alphabet, comes first.
        group: what its rows have in common; None: all rows are shown.
        rows: the numbers of the rows shown, in this order.
        best: pairs (row, column) whose value is the best of those shown, or is written alike; none where all are.
    """

    by: int | None
    descending: bool
    group: str | None
    rows: list[int]
    best: frozenset[tuple[int, int]]


# -- the table -----------------------------------------------------------------------------------------------------


class ResultState:
    """Rows and columns, checked; and their order by any column.

    Args:
        rows: each a mapping from the columns' keys to values, or a tuple with a value for each column. A value is a
            text, a number, a pair of numbers (mean, error), `Missing(reason)`, or None for a value not measured.
            A mapping may hold more.
        columns: `ResultColumn`s, or keys. The first one names the rows: texts.
        group: the key of a column of texts by which rows can be chosen.

    Attributes:
        values: values[row][column].
        reasons: why values are missing, each once.
        groups: the different texts of the column `group`, in the order of the rows.

    Raises:
        TypeError: rows that are neither mappings nor tuples, columns that are neither `ResultColumn`s nor texts.
        ValueError: no rows or columns, a value that is missing or of a wrong kind, or an unknown group.
    """

    def __init__(
        self,
        rows: Sequence[Mapping[str, Any] | Sequence[Any]],
        columns: Sequence[ResultColumn | str],
        group: str | None = None,
    ) -> None:
        self.columns = _checked_columns(columns)
        if isinstance(rows, str | Mapping) or not isinstance(rows, Sequence) or not rows:
            raise ValueError(f"rows must be a list of at least one row, got {rows!r}")
        self.values = [self._row(number, row) for number, row in enumerate(rows)]
        self.is_text = [self._checked_kind(number) for number in range(len(self.columns))]
        if not self.is_text[0]:
            raise ValueError(
                f"the first column names the rows, but {self.columns[0].key!r} holds numbers"
            )
        missing = (v.reason for row in self.values for v in row if isinstance(v, Missing))
        self.reasons = list(dict.fromkeys(missing))
        self._group = None if group is None else self.column(group)
        self.groups = self._groups()

    def _row(self, number: int, row: Any) -> list[Any]:
        keys = [column.key for column in self.columns]
        if isinstance(row, Mapping):
            lacking = [key for key in keys if key not in row]
            if lacking:
                raise ValueError(
                    f"row {number} has no {lacking[0]!r}; a value that there is not is Missing(reason) or None"
                )
            row = [row[key] for key in keys]
        elif isinstance(row, str) or not isinstance(row, Sequence):
            raise TypeError(f"a row is a mapping or a tuple of values, got {type(row).__name__}")
        if len(row) != len(keys):
            raise ValueError(f"row {number} has {len(row)} values for {len(keys)} columns")
        return [_checked_value(number, key, value) for key, value in zip(keys, row, strict=True)]

    def _checked_kind(self, number: int) -> bool:
        """Whether a column holds texts. ValueError if it holds texts and numbers."""
        kinds = {isinstance(v, str) for v in self._column(number) if not isinstance(v, Missing)}
        if len(kinds) > 1:
            raise ValueError(f"column {self.columns[number].key!r} holds texts and numbers")
        return kinds == {True}

    def _column(self, number: int) -> list[Any]:
        return [row[number] for row in self.values]

    def column(self, key: str) -> int:
        """The number of a column. ValueError for an unknown key."""
        keys = [column.key for column in self.columns]
        if key not in keys:
            raise ValueError(f"columns are {', '.join(keys)}; got {key!r}")
        return keys.index(key)

    def _groups(self) -> list[str]:
        if self._group is None:
            return []
        if not self.is_text[self._group]:
            raise ValueError(
                f"rows are chosen by texts; {self.columns[self._group].key!r} has none"
            )
        return list(dict.fromkeys(v for v in self._column(self._group) if isinstance(v, str)))

    # -- in order ----------------------------------------------------------------------------------------------------

    def frame(
        self, by: int | None = None, *, reverse: bool = False, group: str | None = None
    ) -> ResultFrame:
        """The table sorted by a column: the good end first where there is one, else ascending; `reverse` turns it.

        Missing values are last in both directions; equal ones stay as they were given. None: the order as given.
        """
        if group is not None and group not in self.groups:
            raise ValueError(f"groups are {', '.join(self.groups) or 'none'}; got {group!r}")
        shown = [
            number
            for number, row in enumerate(self.values)
            if group is None or row[self._group] == group
        ]
        if by is None:
            rows, descending = (shown[::-1] if reverse else shown), reverse
        else:
            descending = (self.columns[by].better == "higher") != reverse
            rows = self._sorted(shown, by, descending)
        return ResultFrame(by, descending, group, rows, self._best(shown))

    def _sorted(self, rows: list[int], by: int, descending: bool) -> list[int]:
        values = self._column(by)
        there = [row for row in rows if not isinstance(values[row], Missing)]
        there.sort(key=lambda row: sort_key(values[row]), reverse=descending)
        return there + [row for row in rows if isinstance(values[row], Missing)]

    def _best(self, rows: list[int]) -> frozenset[tuple[int, int]]:
        best = set()
        for number, column in enumerate(self.columns):
            if column.better is None or self.is_text[number]:
                continue
            there = [row for row in rows if not isinstance(self.values[row][number], Missing)]
            if not there:
                continue
            choose = min if column.better == "lower" else max
            winner = choose(there, key=lambda row, k=number: sort_key(self.values[row][k]))
            # What is written alike cannot be told apart by who reads it; where all is, none is the best.
            shown = mean_text(self.values[winner][number], column)
            alike = {r for r in there if mean_text(self.values[r][number], column) == shown}
            if len(alike) < len(there):
                best |= {(row, number) for row in alike}
        return frozenset(best)

    def text(self, row: int, column: int) -> str:
        """A value as it is written; a dash where there is none."""
        return written(self.values[row][column], self.columns[column])


def sort_key(value: Any) -> Any:
    """What a value is sorted by: a text without its capitals, the mean of a pair."""
    if isinstance(value, str):
        return value.casefold()
    return value[0] if isinstance(value, tuple) else value


def written(value: Any, column: ResultColumn) -> str:
    """A value as text, in the column's format.

    >>> written((16.814, 0.1), ResultColumn("nats"))
    '16.81 ± 0.10'
    >>> written(2080, ResultColumn("parameters"))
    '2,080'
    """
    if isinstance(value, Missing):
        return DASH
    if isinstance(value, tuple):
        return f"{mean_text(value, column)} ± {mean_text(value[1], column)}"
    return value if isinstance(value, str) else mean_text(value, column)


def mean_text(value: Any, column: ResultColumn) -> str:
    """A number, or the mean of a pair, in the column's format."""
    number = value[0] if isinstance(value, tuple) else value
    return format(number, column.format or ("," if isinstance(number, Integral) else ".2f"))


# -- what is accepted ----------------------------------------------------------------------------------------------


def _checked_columns(columns: Sequence[ResultColumn | str]) -> list[ResultColumn]:
    if isinstance(columns, str) or not isinstance(columns, Sequence) or not columns:
        raise ValueError(f"columns must be a list of at least one column, got {columns!r}")
    found = [ResultColumn(column) if isinstance(column, str) else column for column in columns]
    for column in found:
        if not isinstance(column, ResultColumn):
            raise TypeError(f"a column is a ResultColumn or a key, got {type(column).__name__}")
    keys = [column.key for column in found]
    if len(set(keys)) < len(keys):
        raise ValueError(f"columns must have different keys, got {', '.join(keys)}")
    return found


def _checked_value(row: int, key: str, value: Any) -> Any:
    """A text, a number, a pair of numbers as a tuple, or `Missing`."""
    if value is None:
        return Missing("not measured")
    if isinstance(value, str | Missing):
        return value
    if _is_number(value):
        return value
    if isinstance(value, tuple | list) and len(value) == 2 and all(map(_is_number, value)):
        return tuple(value)
    raise ValueError(
        f"row {row}, {key!r}: a value is a text, a finite number, a pair of numbers (mean, error), Missing(reason) "
        f"or None, got {value!r}"
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
