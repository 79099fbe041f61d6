"""A table of results as HTML, readable without a mouse, and as plain text."""

from __future__ import annotations

import html
import string
import textwrap

from .result_state import DASH, Missing, ResultFrame, ResultState

__all__ = ["html_table", "order_words", "text_table"]

LONG = 16  # letters of a text that asks for a wider column
WIDEST = 100  # characters in a line of plain text
GREY = "#808080"  # seen on white and on black
# In the cells themselves: a page without a kernel has no style sheet of the course.
TABLE = "border-collapse:collapse;table-layout:auto;margin:0;font-size:11.5px;line-height:1.35;color:inherit"
HEAD = f"padding:2px 4px;vertical-align:bottom;white-space:normal;border-bottom:1px solid {GREY};"
CELL = "padding:2px 4px;vertical-align:top;border-bottom:1px solid rgba(128,128,128,0.25);"
SORTED = "background:rgba(128,128,128,0.16);"
CAPTION = "text-align:left;caption-side:top;padding:0 0 6px;font-size:13px;color:inherit"
NOTES = "margin:6px 0 0;padding:0;list-style:none;font-size:12px;line-height:1.4"


# -- words ---------------------------------------------------------------------------------------------------------


def order_words(state: ResultState, frame: ResultFrame) -> str:
    """By what the table is sorted, and which end is on top."""
    group = "" if frame.group is None else f"{frame.group} only; "
    if frame.by is None:
        return f"{group}in the order as given{', from the end' if frame.descending else ''}"
    column = state.columns[frame.by]
    if state.is_text[frame.by]:
        end = "Z to A" if frame.descending else "A to Z"
    else:
        end = "highest first" if frame.descending else "lowest first"
        if column.better is not None:
            good = frame.descending == (column.better == "higher")
            end += ", which is the best" if good else ", which is the worst"
    return f"{group}sorted by {column.name}, {end}"


def _best_words(state: ResultState) -> list[str]:
    """What bold means."""
    found = []
    for better, end in (("lower", "lowest"), ("higher", "highest")):
        names = [column.name for column in state.columns if column.better == better]
        if names:
            found.append(f"the {end} in {', '.join(names)}")
    return [f"of the rows shown {'; '.join(found)}"] if found else []


def _notes(state: ResultState, best: str) -> list[str]:
    """What stands below the table; `best` says how the best values are marked."""
    marks = _marks(state)
    return [
        *(f"{best}: {words}." for words in _best_words(state)),
        *(f"{column.name}: {column.note}" for column in state.columns if column.note),
        *(f"{DASH} {mark}: {reason}" for reason, mark in marks.items()),
    ]


def _marks(state: ResultState) -> dict[str, str]:
    """A letter for each reason why a value is missing; numbers where there are many."""
    letters = string.ascii_lowercase
    few = len(state.reasons) <= len(letters)
    return {r: letters[k] if few else str(k + 1) for k, r in enumerate(state.reasons)}


# -- HTML ----------------------------------------------------------------------------------------------------------


def html_table(state: ResultState, frame: ResultFrame, caption: str) -> str:
    """The table with its caption and its notes; where the page is too narrow for it, it scrolls by itself."""
    looks = _looks(state, frame)
    head = "".join(_head(state, frame, number) for number in range(len(state.columns)))
    body = "".join(_row(state, frame, row, looks) for row in frame.rows)
    words = f"<b>{html.escape(caption)}</b>; {html.escape(order_words(state, frame))}"
    table = (
        f'<table style="{TABLE}"><caption style="{CAPTION}">{words}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
    notes = "".join(f"<li>{html.escape(note)}</li>" for note in _notes(state, "Bold"))
    label = html.escape(caption, quote=True)
    return (
        f'<div role="region" tabindex="0" aria-label="{label}" style="overflow-x:auto">{table}</div>'
        f'<ul style="{NOTES}">{notes}</ul>'
    )


def _head(state: ResultState, frame: ResultFrame, number: int) -> str:
    column, arrow, sort, look = state.columns[number], "", "", HEAD + _align(state, number)
    if frame.by == number:
        way, sign = ("descending", "▼") if frame.descending else ("ascending", "▲")
        sort, look = f' aria-sort="{way}"', look + SORTED
        arrow = f'&nbsp;<span aria-hidden="true">{sign}</span>'
    note = f' title="{html.escape(column.note, quote=True)}"' if column.note else ""
    unit = (
        f'<br><span style="font-weight:400">{html.escape(column.unit)}</span>'
        if column.unit
        else ""
    )
    name = html.escape(column.name)
    return f'<th scope="col"{sort}{note} style="{look}">{name}{arrow}{unit}</th>'


def _looks(state: ResultState, frame: ResultFrame) -> list[str]:
    """The style of the cells of each column."""
    return [
        CELL + _align(state, number) + _wrap(state, number) + (SORTED if frame.by == number else "")
        for number in range(len(state.columns))
    ]


def _row(state: ResultState, frame: ResultFrame, row: int, looks: list[str]) -> str:
    name, *others = (_cell(state, frame, row, number) for number in range(len(looks)))
    cells = [f'<th scope="row" style="{looks[0]}font-weight:400">{name}</th>']
    cells += [
        f'<td style="{look}">{words}</td>' for look, words in zip(looks[1:], others, strict=True)
    ]
    return f"<tr>{''.join(cells)}</tr>"


def _cell(state: ResultState, frame: ResultFrame, row: int, number: int) -> str:
    value, words = state.values[row][number], html.escape(state.text(row, number))
    if isinstance(value, Missing):
        reason = html.escape(value.reason, quote=True)
        dash = f'<span role="img" aria-label="none: {reason}" title="{reason}">{words}</span>'
        return f"{dash}&nbsp;{_marks(state)[value.reason]}"
    return f"<strong>{words}</strong>" if (row, number) in frame.best else words


def _align(state: ResultState, number: int) -> str:
    return f"text-align:{'left' if state.is_text[number] else 'right'};"


def _wrap(state: ResultState, number: int) -> str:
    """Long texts may take two lines; numbers may not, and their digits stand below each other."""
    if number == 0 or not state.is_text[number]:
        return "white-space:nowrap;font-variant-numeric:tabular-nums;"
    longest = max(len(state.text(row, number)) for row in range(len(state.values)))
    return "white-space:normal;" + ("min-width:9em;" if longest > LONG else "")


# -- plain text ----------------------------------------------------------------------------------------------------


def text_table(state: ResultState, frame: ResultFrame, caption: str) -> str:
    """The same in lines of at most 100 characters; columns that do not fit follow below, with the names again."""
    columns = [_text_column(state, frame, number) for number in range(len(state.columns))]
    blocks = [_block(columns[0], block) for block in _blocks(columns)]
    words = [f"{caption}; {order_words(state, frame)}", *_notes(state, "*")]
    wrapped = [textwrap.fill(line, WIDEST, subsequent_indent="  ") for line in words]
    return "\n".join([wrapped[0], "\n\n".join(blocks), *wrapped[1:]])


def _text_column(state: ResultState, frame: ResultFrame, number: int) -> list[str]:
    """Title, unit and values, all of one width; texts on the left, numbers on the right."""
    column, marks = state.columns[number], _marks(state)
    cells = []
    for row in frame.rows:
        value = state.values[row][number]
        mark = "*" if (row, number) in frame.best else ""
        if isinstance(value, Missing):
            mark = f" {marks[value.reason]}"
        cells.append(_clipped(state.text(row, number)) + mark)
    starred = not state.is_text[number] and any(cell.endswith("*") for cell in cells)
    if starred:  # the last digits stay below each other
        cells = [cell if cell.endswith("*") else f"{cell} " for cell in cells]
    texts = [_clipped(column.name), _clipped(column.unit), *cells]
    width = max(map(len, texts))
    return [text.ljust(width) if state.is_text[number] else text.rjust(width) for text in texts]


def _clipped(words: str, most: int = 40) -> str:
    return words if len(words) <= most else f"{words[: most - 3]}..."


def _blocks(columns: list[list[str]]) -> list[list[list[str]]]:
    """The columns after the first, in groups that fit beside it."""
    blocks: list[list[list[str]]] = [[]]
    width = start = len(columns[0][0])
    for column in columns[1:]:
        if blocks[-1] and width + 2 + len(column[0]) > WIDEST:
            blocks.append([])
            width = start
        blocks[-1].append(column)
        width += 2 + len(column[0])
    return blocks


def _block(names: list[str], columns: list[list[str]]) -> str:
    lines = ["  ".join(cells).rstrip() for cells in zip(names, *columns, strict=True)]
    return "\n".join(line for line in lines if line)
