"""The table of results: order, best values, HTML and plain text by hand, every control."""

from __future__ import annotations

import html
import re
from typing import Any
from xml.etree import ElementTree

import ipywidgets
import numpy as np
import pytest
from test_widgets import descendants, find, press

from armodels_lite.widgets import Missing, ResultColumn, ResultTable
from armodels_lite.widgets.result_state import ResultState
from armodels_lite.widgets.result_view import html_table, order_words, text_table

UNTIMED = Missing("draws everything at once")
ROWS = [
    {"model": "NADE", "kind": "dense", "nats": 16.76, "ms": 3.0, "hits": 0.91, "more": [1, 2]},
    {"model": "factors", "kind": "tables", "nats": 24.98, "ms": UNTIMED, "hits": None},
    {"model": "LSTM", "kind": "recurrent", "nats": (16.814, 0.22), "ms": 9, "hits": 0.93},
    {"model": "MADE", "kind": "dense", "nats": 17.07, "ms": 1.5, "hits": 0.93},
    {"model": "PixelCNN", "kind": "<conv>", "nats": 16.758, "ms": 12.25, "hits": 0.88},
]
COLUMNS = [
    "model",
    "kind",
    ResultColumn("nats", unit="per image", better="lower", note="test images, mean & error"),
    ResultColumn("ms", "one image", unit="ms"),
    ResultColumn("hits", "read", ".0%", better="higher"),
]


def state_of(**options: object) -> ResultState:
    return ResultState(ROWS, COLUMNS, **options)


def table_of(**options: object) -> ResultTable:
    return ResultTable(ROWS, COLUMNS, **{"caption": "Digits", "group": "kind", **options})


def names(table: ResultTable) -> list[str]:
    """The names of the rows that the widget shows, in order."""
    return re.findall(r'<th scope="row"[^>]*>([^<]*)</th>', table._table.value)


def parsed(text: str) -> ElementTree.Element:
    """The HTML of a table; it is well-formed XML but for line breaks and the space that does not break."""
    return ElementTree.fromstring(f"<p>{text.replace('<br>', '<br/>').replace('&nbsp;', ' ')}</p>")


# -- order ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "reverse", "expected"),
    [
        ("model", False, [1, 2, 3, 0, 4]),
        ("model", True, [4, 0, 3, 2, 1]),
        ("kind", False, [4, 0, 3, 2, 1]),  # equal ones as given
        ("nats", False, [4, 0, 2, 3, 1]),
        ("nats", True, [1, 3, 2, 0, 4]),
        ("ms", False, [3, 0, 2, 4, 1]),  # what is missing is last
        ("ms", True, [4, 2, 0, 3, 1]),  # in both directions
        ("hits", False, [2, 3, 0, 4, 1]),  # high is good: high comes first
        ("hits", True, [4, 0, 2, 3, 1]),
    ],
)
def test_orders_by_hand(key: str, reverse: bool, expected: list[int]) -> None:
    state = state_of()
    frame = state.frame(state.column(key), reverse=reverse)
    assert frame.rows == expected
    assert frame.descending == ((key == "hits") != reverse)


def test_numbers_are_sorted_as_numbers_and_texts_without_capitals() -> None:
    state = ResultState([("b", 9), ("C", 10), ("a", 1000), ("B", -1.5)], ["name", "count"])
    assert state.frame(1).rows == [3, 0, 1, 2]
    assert state.frame(0).rows == [2, 0, 3, 1]
    assert state.frame().rows == [0, 1, 2, 3] and state.frame(reverse=True).rows == [3, 2, 1, 0]


def test_groups_are_shown_alone_and_have_a_best_of_their_own() -> None:
    state = state_of(group="kind")
    assert state.groups == ["dense", "tables", "recurrent", "<conv>"]
    frame = state.frame(2, group="dense")
    assert frame.rows == [0, 3] and frame.best == {(0, 2), (3, 4)}
    assert state.frame(2, group="tables").best == frozenset()


def test_the_best_is_what_is_written_as_the_best_is() -> None:
    """16.758 and 16.76 print as 16.76; nobody can tell which is bold for a reason."""
    assert state_of().frame().best == {(0, 2), (4, 2), (2, 4), (3, 4)}
    even = ResultState([("a", 1, 2), ("b", 1, 3)], ["n", ResultColumn("x", better="lower"), "y"])
    assert even.frame().best == frozenset(), "where all are alike none is best"


@pytest.mark.parametrize("order", [None, 0, 2, 4])
def test_the_best_does_not_depend_on_the_order(order: int | None) -> None:
    assert state_of().frame(order, reverse=True).best == state_of().frame().best


# -- what is written -----------------------------------------------------------------------------------------------


def test_values_as_text() -> None:
    state = state_of()
    written = [[state.text(row, column) for column in range(5)] for row in range(3)]
    assert written == [
        ["NADE", "dense", "16.76", "3.00", "91%"],
        ["factors", "tables", "24.98", "–", "–"],
        ["LSTM", "recurrent", "16.81 ± 0.22", "9", "93%"],
    ]
    counts = ResultState([("a", np.int64(12345), np.float32(0.5))], ["n", "k", "p"])
    assert [counts.text(0, 1), counts.text(0, 2)] == ["12,345", "0.50"]


def test_plain_text_by_hand() -> None:
    assert repr(table_of(sort="nats").static()).splitlines() == [
        "Digits; sorted by nats, lowest first, which is the best",
        "model     kind                nats  one image  read",
        "                         per image         ms",
        "PixelCNN  <conv>            16.76*      12.25  88%",
        "NADE      dense             16.76*       3.00  91%",
        "LSTM      recurrent  16.81 ± 0.22           9  93%*",
        "MADE      dense             17.07        1.50  93%*",
        "factors   tables            24.98         – a  – b",
        "*: of the rows shown the lowest in nats; the highest in read.",
        "nats: test images, mean & error",
        "– a: draws everything at once",
        "– b: not measured",
    ]


def test_wide_tables_continue_below_and_no_line_is_longer_than_100() -> None:
    keys = ["name", *(f"column {k}" for k in range(12))]
    columns = [ResultColumn(key, note="word " * 40 if key == "column 3" else "") for key in keys]
    rows = [(f"row {k} of a long name", *[1000.5 * k] * 12) for k in range(3)]
    lines = repr(ResultTable(rows, columns).static()).splitlines()
    assert max(map(len, lines)) <= 100
    assert sum(line.startswith("row 2 of a long name") for line in lines) == 2
    assert sum(line.count("column") for line in lines if line.startswith("name")) == 12
    long = repr(ResultTable([("n" * 300, 1)], ["name", "x"]).static()).splitlines()
    assert max(map(len, long)) <= 100


# -- HTML ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [None, 0, 2, 4])
def test_html_is_a_table_that_a_screen_reader_can_walk(by: int | None) -> None:
    state = state_of()
    frame = state.frame(by)
    root = parsed(html_table(state, frame, "Digits & <more>"))
    region, table = root.find("div"), root.find("div/table")
    assert region.get("role") == "region" and region.get("tabindex") == "0"
    assert region.get("aria-label") == "Digits & <more>"
    caption = "".join(table.find("caption").itertext())
    assert caption == f"Digits & <more>; {order_words(state, frame)}"
    heads = table.findall("thead/tr/th")
    assert [head.get("scope") for head in heads] == ["col"] * 5
    assert [k for k, head in enumerate(heads) if head.get("aria-sort")] == (
        [] if by is None else [by]
    )
    assert heads[2].get("title") == "test images, mean & error"
    rows = table.findall("tbody/tr")
    for row, number in zip(rows, frame.rows, strict=True):
        assert row.find("th").get("scope") == "row"
        cells = ["".join(cell.itertext()) for cell in row]
        marks = {(1, 3): " a", (1, 4): " b"}
        texts = [state.text(number, k) + marks.get((number, k), "") for k in range(5)]
        assert cells == texts
        bold = {(number, k) for k, cell in enumerate(row) if cell.find("strong") is not None}
        assert bold == {place for place in frame.best if place[0] == number}


def test_the_reason_of_a_dash_is_a_tooltip_and_a_note() -> None:
    root = parsed(html_table(state_of(), state_of().frame(3), "Digits"))
    (dash, _) = root.findall(".//span[@role='img']")
    assert (
        dash.get("title") == UNTIMED.reason and dash.get("aria-label") == f"none: {UNTIMED.reason}"
    )
    notes = ["".join(item.itertext()) for item in root.findall("ul/li")]
    assert notes[-2:] == ["– a: draws everything at once", "– b: not measured"]
    assert notes[0] == "Bold: of the rows shown the lowest in nats; the highest in read."


def test_sorted_columns_say_which_way() -> None:
    state = state_of()
    for reverse, way in ((False, "descending"), (True, "ascending")):
        root = parsed(html_table(state, state.frame(4, reverse=reverse), "Digits"))
        assert root.find(".//th[@aria-sort]").get("aria-sort") == way
    said = [
        order_words(state, state.frame(by, reverse=r)) for by in (None, 0, 3, 4) for r in (0, 1)
    ]
    assert said == [
        "in the order as given",
        "in the order as given, from the end",
        "sorted by model, A to Z",
        "sorted by model, Z to A",
        "sorted by one image, lowest first",
        "sorted by one image, highest first",
        "sorted by read, highest first, which is the best",
        "sorted by read, lowest first, which is the worst",
    ]


# -- the widget ----------------------------------------------------------------------------------------------------


def test_steps_walk_through_the_columns_and_back() -> None:
    table = table_of()
    orders, views = [], []
    for step in range(6):
        table.step = step
        assert table.controls.drawn == step and table.controls.error == ""
        assert find(table, "sort by").value == step
        orders.append(names(table))
        views.append(table._table.value)
    assert orders[0] == [row["model"] for row in ROWS]
    assert orders[3] == ["PixelCNN", "NADE", "LSTM", "MADE", "factors"]
    assert len(set(views)) == 6
    for step in range(5, 0, -1):  # as the browser does
        table.controls.set_state({"step": step - 1})
        assert table._table.value == views[step - 1]
    assert table.controls.readouts == [
        "as given",
        "by model",
        "by kind",
        "by nats",
        "by one image",
        "by read",
    ]


def test_controls_sort_turn_and_choose() -> None:
    table = table_of()
    find(table, "sort by").value = 3
    assert table.step == 3 and names(table)[0] == "PixelCNN"
    find(table, "other way round").value = True
    assert names(table) == ["factors", "MADE", "LSTM", "NADE", "PixelCNN"]
    find(table, "show").value = "dense"
    assert names(table) == ["MADE", "NADE"] and "dense only; sorted by nats" in table._table.value
    table.step = 4
    assert names(table) == ["NADE", "MADE"], "what is chosen stays"
    press(table.controls, {"action": "reset"})
    assert (table.step, names(table)) == (0, [row["model"] for row in ROWS])
    assert (find(table, "other way round").value, find(table, "show").value) == (False, "all")


def test_choosing_does_what_the_controls_do() -> None:
    table = table_of()
    table.choose("hits", reverse=True, group="dense")
    assert names(table) == ["NADE", "MADE"] and find(table, "sort by").value == 5
    table.choose(group="all")
    assert len(names(table)) == 5
    for change, message in (
        (
            {"sort": "seconds", "group": "dense"},
            "columns are model, kind, nats, ms, hits; got 'sec",
        ),
        ({"sort": "ms", "group": "none"}, "groups are all, dense, tables, .*; got 'none'"),
    ):
        with pytest.raises(ValueError, match=message):
            table.choose(**change)
    assert table.step == 5 and len(names(table)) == 5


def test_every_control_says_what_it_is_and_no_group_needs_no_list() -> None:
    table = table_of(group=None)
    kinds = ipywidgets.Dropdown, ipywidgets.Checkbox
    controls = [w for w in descendants(table) if isinstance(w, kinds)]
    assert [control.description for control in controls] == ["sort by", "other way round"]
    assert all(control.tooltip for control in controls)
    assert not any(isinstance(w, ipywidgets.Output) for w in descendants(table))


def test_errors_are_shown_and_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of()
    with monkeypatch.context() as patch:
        patch.setattr(ResultState, "frame", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            table.step = 2
        assert table.controls.error.startswith("ZeroDivisionError")
    table.step = 3
    assert table.controls.error == ""


def test_static_is_the_first_order_whatever_is_shown() -> None:
    table = table_of(sort="nats")
    first = table._table.value
    table.choose("ms", reverse=True, group="dense")
    before, static = table._table.value, table.static()
    assert static._repr_html_() == first != before == table._table.value
    assert repr(static) == text_table(table.state, table.state.frame(2), "Digits")
    assert repr(table) == "ResultTable(5 rows, 5 columns, sorted by one image)"
    assert repr(table_of()) == "ResultTable(5 rows, 5 columns, as given)"
    assert "<conv>" not in first and "<conv>" in html.unescape(first)


# -- bad input -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"rows": []}, ValueError, r"rows must be a list of at least one row, got \[\]"),
        ({"rows": {"a": 1}}, ValueError, "rows must be a list of at least one row"),
        ({"rows": ["ab"]}, TypeError, "a row is a mapping or a tuple of values, got str"),
        ({"rows": [("a", 1, 2)]}, ValueError, "row 0 has 3 values for 2 columns"),
        ({"rows": [("a", 1), {"n": "b"}]}, ValueError, r"row 1 has no 'x'; .* Missing\(reason\)"),
        ({"rows": [("a", float("nan"))]}, ValueError, "row 0, 'x': .* a finite number, .* got nan"),
        ({"rows": [("a", True)]}, ValueError, "row 0, 'x': .* got True"),
        ({"rows": [("a", (1, 2, 3))]}, ValueError, r"a pair of numbers .* got \(1, 2, 3\)"),
        ({"rows": [("a", 1), ("b", "c")]}, ValueError, "column 'x' holds texts and numbers"),
        ({"rows": [(1, 1)]}, ValueError, "the first column names the rows, but 'n' holds numbers"),
        ({"columns": []}, ValueError, "columns must be a list of at least one column"),
        ({"columns": "nx"}, ValueError, "columns must be a list of at least one column, got 'nx'"),
        ({"columns": ["n", 3]}, TypeError, "a column is a ResultColumn or a key, got int"),
        ({"columns": ["n", "n"]}, ValueError, "different keys, got n, n"),
        ({"sort": "y"}, ValueError, "columns are n, x; got 'y'"),
        ({"group": "x"}, ValueError, "rows are chosen by texts; 'x' has none"),
        ({"caption": " "}, ValueError, "caption must say what the table shows, got ' '"),
    ],
)
def test_bad_arguments_are_refused(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ResultTable(**{"rows": [("a", 1)], "columns": ["n", "x"], **change})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ResultColumn(""), "its key not empty"),
        (lambda: ResultColumn("x", unit=3), "described by texts"),
        (lambda: ResultColumn("x", better="low"), "better must be 'lower', 'higher' or None"),
        (lambda: ResultColumn("x", format=".2q"), "'.2q' is no format for a number"),
        (lambda: Missing(" "), "reason must say why there is no value, got ' '"),
        (lambda: state_of(group="kind").frame(group="x"), "groups are dense, .*; got 'x'"),
    ],
)
def test_bad_parts_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
