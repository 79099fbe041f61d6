"""PixelRNN's layers in steps: reach against states that pass on what they know, and against a PixelRNN itself."""

from __future__ import annotations

from itertools import product
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from test_widget_foundations import pictures, words
from test_widgets import find, press

import armodels_lite as ar
from armodels_lite.models.pixelrnn_layers import skew
from armodels_lite.widgets import SkewWalk
from armodels_lite.widgets.skew_state import (
    DIAGONAL,
    KINDS,
    ROW,
    SkewFrame,
    diagonal_reach,
    diagonal_turns,
    row_reach,
    skewed,
)
from armodels_lite.widgets.skew_view import image_drawing, steps_drawing

SHAPES = [(5, 6), (2, 2), (2, 8), (8, 2), (4, 4), (3, 7)]
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
every_kind = pytest.mark.parametrize("kind", KINDS)
Seen = dict[tuple[int, int], frozenset[tuple[int, int]]]


def cells(shape: tuple[int, int]) -> list[tuple[int, int]]:
    return list(product(range(shape[0]), range(shape[1])))


def as_set(mask: np.ndarray) -> set[tuple[int, int]]:
    return set(map(tuple, np.argwhere(mask).tolist()))


def own(shape: tuple[int, int]) -> Seen:
    """Before any layer each place knows itself."""
    return {cell: frozenset([cell]) for cell in cells(shape)}


def row_lstm(inputs: Seen) -> Seen:
    """What each state knows: row by row, from the three states above and two inputs."""
    states: Seen = {}
    for r, c in inputs:
        states[r, c] = frozenset().union(
            inputs[r, c],
            inputs.get((r, c - 1), frozenset()),
            *(states.get((r - 1, k), frozenset()) for k in (c - 1, c, c + 1)),
        )
    return states


def one_direction(inputs: Seen, side: int) -> Seen:
    """What each state knows: from its input, the state above and the one on a side, -1 for left and 1 for right."""
    states: Seen = {}
    for r, c in sorted(inputs, key=lambda cell: (cell[0], -side * cell[1])):
        near = [states.get(cell, frozenset()) for cell in ((r - 1, c), (r, c + side))]
        states[r, c] = frozenset().union(inputs[r, c], *near)
    return states


def diagonal_lstm(inputs: Seen) -> Seen:
    right, left = one_direction(inputs, -1), one_direction(inputs, 1)
    return {(r, c): right[r, c] | left.get((r - 1, c), frozenset()) for r, c in inputs}


# -- what is seen --------------------------------------------------------------------------------------------------


@every_shape
def test_closed_forms_are_what_states_pass_on(shape: tuple[int, int]) -> None:
    row, right, left = row_lstm(own(shape)), *(one_direction(own(shape), side) for side in (-1, 1))
    for cell in cells(shape):
        assert as_set(row_reach(shape, cell)) == row[cell]
        assert as_set(diagonal_reach(shape, cell)) == right[cell]
        assert as_set(diagonal_reach(shape, cell, from_right=True)) == left[cell]


@every_shape
def test_both_directions_together_see_everything_before_and_nothing_after(
    shape: tuple[int, int],
) -> None:
    both = diagonal_lstm(own(shape))
    for cell in cells(shape):
        frame = SkewFrame(DIAGONAL, shape, cell, 0).at("sum")
        before = {other for other in cells(shape) if other < cell}
        assert as_set(frame.reached) == both[cell] == before | {cell}
        assert as_set(frame.before) == before and not frame.blind.any()


def test_depth_adds_a_column_on_the_left_and_none_on_the_right() -> None:
    """What the widget says of further layers."""
    shape, (row, column) = (4, 8), (3, 3)
    known = own(shape)
    for layer in (1, 2, 3):
        known = row_lstm(known)
        for k in range(row + 1):
            seen = [c for r, c in known[row, column] if r == row - k]
            assert (min(seen), max(seen)) == (max(0, column - k - layer), min(7, column + k))
            assert len(seen) == max(seen) - min(seen) + 1


@pytest.mark.parametrize(("kind", "name"), [(ROW, "row"), (DIAGONAL, "diagonal")])
@pytest.mark.parametrize("pixel", [(0, 0), (0, 5), (3, 2), (4, 0), (4, 6)])
def test_a_pixelrnn_depends_on_what_the_widget_shows(
    kind: str, name: str, pixel: tuple[int, int]
) -> None:
    """A layer's input at a place is a 3x3 convolution with mask A: what it sees is before that place, one step away.

    The direction from right to left reads the pixel at its own place besides.
    """
    shape = (5, 7)
    torch.manual_seed(0)
    model = ar.PixelRNN((1, *shape), kind=name, layers=1, kernel_size=3, channels=24).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(-0.4, 0.4)
    field = ar.receptive_field(model, pixel[0] * shape[1] + pixel[1])[0].numpy()
    frame = SkewFrame(kind, shape, pixel, 0).at("rows" if kind == ROW else "sum")
    inputs = {
        (r + down, c + right)
        for r, c in as_set(frame.reached)
        for down, right in ((-1, -1), (-1, 0), (-1, 1), (0, -1))
    }
    assert as_set(field) == (inputs & set(cells(shape))) | as_set(frame.parts[1])
    if kind == DIAGONAL:
        assert as_set(field) == as_set(frame.before)


# -- steps ---------------------------------------------------------------------------------------------------------


@every_shape
def test_skewing_is_that_of_the_model(shape: tuple[int, int]) -> None:
    image = np.arange(1, shape[0] * shape[1] + 1).reshape(shape)
    assert (skewed(image, 0) == skew(torch.tensor(image)).numpy()).all()
    mirrored = skew(torch.tensor(image[:, ::-1].copy())).numpy()[:, ::-1]
    assert (skewed(image, 0, from_right=True) == mirrored).all()
    # A column holds the states of one step.
    turns = skewed(diagonal_turns(shape), 0)
    for step in range(1, sum(shape)):
        assert set(turns[:, step - 1].tolist()) <= {0, step} and step in turns[:, step - 1]


@every_kind
@every_shape
def test_a_step_needs_only_what_earlier_steps_computed(kind: str, shape: tuple[int, int]) -> None:
    """And all states of a direction are computed once: in H rows, or in H + W - 1 diagonals."""
    count = shape[0] if kind == ROW else sum(shape) - 1
    first = SkewFrame(kind, shape, (0, 0), 0)
    assert first.count == count and first.last == (count if kind == ROW else 2 * count + 1)
    assert not first.now.any() and not first.done.any()
    seen: dict[str, list[tuple[int, int]]] = {"rows": [], "right": [], "left": []}
    for step in range(1, first.last + 1):
        frame = SkewFrame(kind, shape, (0, 0), step)
        if frame.phase == "sum":
            assert step == first.last and frame.done.all() and not frame.now.any()
            continue
        earlier = set(seen[frame.phase])
        assert as_set(frame.done) == earlier and frame.now.any()
        for cell in as_set(frame.now):
            below = (cell[0] + 1, cell[1])
            followed = below if frame.phase == "left" else cell
            if followed[0] < shape[0]:
                moved = SkewFrame(kind, shape, followed, step)
                assert moved.source == cell and set(moved.state_sources) <= earlier
        seen[frame.phase] += sorted(as_set(frame.now))
    for phase in ("rows",) if kind == ROW else ("right", "left"):
        assert sorted(seen[phase]) == cells(shape)


@every_shape
def test_the_frame_of_a_phase_computes_the_followed_state(shape: tuple[int, int]) -> None:
    for cell in cells(shape):
        for kind, phase in ((ROW, "rows"), (DIAGONAL, "right"), (DIAGONAL, "left")):
            frame = SkewFrame(kind, shape, cell, 0).at(phase)
            assert frame.phase == phase
            if frame.source is None:
                assert phase == "left" and cell[0] == 0 and not frame.reached.any()
            else:
                assert frame.now[frame.source]
                # Everything that the state sees is computed by then.
                assert as_set(frame.reached) <= as_set(frame.done | frame.now)


# -- words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "step", "expected"),
    [
        (
            ROW,
            1,
            "Step 1 of 5: the 6 states of row 1 are computed at once, each from zeros, for there is no row above, and "
            "the inputs at its own place and on its left. The state of pixel 21 sees 16 of the 20 pixels before it; "
            "4 hatched ones are out of its reach.",
        ),
        (
            ROW,
            4,
            "Step 4 of 5: the 6 states of row 4 are computed at once, each from up to three states of row 3, and the "
            "inputs at its own place and on its left. The state of pixel 21 sees 16 of the 20 pixels before it; "
            "4 hatched ones are out of its reach.",
        ),
        (
            DIAGONAL,
            1,
            "Left to right, step 1 of 10: 1 state is computed at once, from its input and zeros. The state of pixel 21 "
            "sees 11 of the 20 pixels before it; 9 hatched ones are out of its reach.",
        ),
        (
            DIAGONAL,
            14,
            "Right to left, step 4 of 10: the 4 states of one diagonal are computed at once, each from the state above "
            "and the one on the right, which both stand in the column before. Pixel 21 takes the state of pixel 15, "
            "the one above it: that of its own place has seen pixels on its right, which come later. In this direction "
            "it sees 12 of the 20 pixels before it.",
        ),
        (
            DIAGONAL,
            21,
            "The states from right to left are moved down by one row and added to those from left to right. Pixel 21 "
            "sees 11 pixels from the left and 12 from the right: together all 20 pixels before it.",
        ),
    ],
)
def test_words_by_hand(kind: str, step: int, expected: str) -> None:
    widget = SkewWalk((5, 6), kind, (3, 2))
    assert widget.sentences(widget.frame(step))[0] == expected


def test_counts_of_steps_are_said() -> None:
    widget = SkewWalk((4, 7))
    assert "a layer takes 4 steps, one a row, for 28 pixels" in words(widget)
    assert "28 turns, whatever the layer" in words(widget)
    widget.choose(kind=DIAGONAL)
    assert "10 steps, one a diagonal (4 + 7 - 1), in each direction, for 28 pixels" in words(widget)


def test_pixels_with_little_before_them() -> None:
    widget = SkewWalk((3, 4), DIAGONAL, (0, 0))
    assert "Pixel 1 is the first: there is nothing before it to see." in words(widget)
    widget.choose(pixel=(0, 1))
    assert "The state of pixel 2 sees the 1 pixel before it." in words(widget)
    widget.step = 8
    assert "Pixel 2 lies in the first row: from right to left it gets zeros." in words(widget)
    widget.choose(kind=ROW, pixel=(0, 2))
    assert "sees 1 of the 2 pixels before it; 1 hatched one is out of its reach." in words(widget)


# -- drawings ------------------------------------------------------------------------------------------------------


def rects(svg: str, fill: str, side: float) -> int:
    root = ElementTree.fromstring(svg)
    return sum(
        rect.get("fill") == fill and float(rect.get("width")) == side
        for rect in root.iter("{http://www.w3.org/2000/svg}rect")
    )


@every_kind
@every_shape
def test_cells_are_as_many_as_counted(kind: str, shape: tuple[int, int]) -> None:
    for step in range(SkewFrame(kind, shape, (1, 1), 0).last + 1):
        frame = SkewFrame(kind, shape, (1, 1), step)
        svg = image_drawing(frame, 30).svg()
        assert rects(svg, "#D55E00", 30) == frame.now.sum()
        assert rects(svg, "#d4d4d4", 30) == (frame.done & ~frame.reached).sum()
        assert rects(svg, "#ffffff", 30) == (~frame.done & ~frame.now).sum()
        blue, green = rects(svg, "#56B4E9", 30), rects(svg, "#8fd0bb", 30)
        assert blue + green == (frame.done & frame.reached).sum()
        assert green == ((frame.parts[1] & ~frame.parts[0]).sum() if frame.phase == "sum" else 0)
        svg = steps_drawing(frame, 30).svg()
        if kind == DIAGONAL and frame.phase != "sum":
            assert rects(svg, "#D55E00", 30) == frame.now.sum()
            beside = shape[0] * (shape[0] - 1)
            assert rects(svg, "none", 30) == beside


def test_the_outline_goes_around_what_is_seen() -> None:
    """Its length is that of the edges between a cell that is seen and one that is not."""
    shape = (5, 6)
    for cell in cells(shape):
        frame = SkewFrame(ROW, shape, cell, 0)
        seen = as_set(frame.reached)
        edges = sum(
            (r + down, c + right) not in seen
            for r, c in seen
            for down, right in ((1, 0), (-1, 0), (0, 1), (0, -1))
        )
        root = ElementTree.fromstring(image_drawing(frame, 30).svg())
        lines = root.findall("{*}line[@stroke='#0072B2']")
        assert len(lines) == edges + 4, "and four in the key"


def test_numbers_stand_where_the_skewed_pixels_are() -> None:
    frame = SkewFrame(DIAGONAL, (3, 4), (1, 1), 2)
    root = ElementTree.fromstring(steps_drawing(frame, 30).svg())
    placed = {
        text.text: (int((float(text.get("y")) - 42) // 30), int((float(text.get("x")) - 24) // 30))
        for text in root.findall("{*}text[@fill='#111111']")
    }
    assert placed == {str(4 * r + c + 1): (r, r + c) for r, c in cells((3, 4))}


def test_the_drawings_fit_a_notebook() -> None:
    for shape in (*SHAPES, (8, 8)):
        for kind in KINDS:
            widget = SkewWalk(shape, kind)
            for step in range(widget.last + 1):
                assert sum(d.width for d in widget.drawings(widget.frame(step))) + 16 <= 692
            wide = [
                d.width for frame in widget.strip_frames() for d in widget.strip_drawings(frame)
            ]
            assert set(wide) == {236}


# -- controls ------------------------------------------------------------------------------------------------------


def test_another_layer_goes_on_where_the_pixel_is_computed() -> None:
    widget = SkewWalk((5, 6), pixel=(2, 4), start=1)
    find(widget, "layer").value = DIAGONAL
    assert (widget.kind, widget.step, widget.last) == (DIAGONAL, 7, 21)
    assert widget.frame(widget.step).now[2, 4] and widget.controls.drawn == 7
    assert widget.controls.readouts[7] == "left to right, 7 of 10"
    assert widget.controls.readouts[20:] == ["right to left, 10 of 10", "both directions"]
    widget.step = 21
    find(widget, "layer").value = ROW
    assert (widget.step, widget.last, len(widget.controls.readouts)) == (3, 5, 6)
    assert widget.controls.readouts[:2] == ["start", "row 1 of 5"]


def test_sliders_move_the_pixel_and_keep_the_step() -> None:
    widget = SkewWalk((5, 6), start=2)
    before = pictures(widget)
    find(widget, "row").value = 2
    find(widget, "column").value = 6
    assert (widget.pixel, widget.step) == ((1, 5), 2) and pictures(widget) != before
    assert "The state of pixel 12 sees" in words(widget)


def test_another_size_moves_the_pixel_inside() -> None:
    widget = SkewWalk((8, 8), DIAGONAL, (7, 7), start=29)
    find(widget, "image").value = (3, 4)
    assert (widget.shape, widget.pixel, widget.last) == ((3, 4), (2, 1), 13)
    row, column = find(widget, "row"), find(widget, "column")
    assert (row.max, column.max, row.value, column.value) == (3, 4, 3, 2)
    assert widget.frame(widget.step).now[widget.pixel] and widget.controls.error == ""


def test_choosing_does_what_the_controls_do_and_reset_undoes_it() -> None:
    widget = SkewWalk((5, 6), pixel=(4, 4))
    first = pictures(widget)
    widget.choose(kind=DIAGONAL, shape=(2, 7), pixel=(1, 6))
    assert (find(widget, "layer").value, find(widget, "image").value) == (DIAGONAL, (2, 7))
    assert (widget.pixel, widget.step, widget.controls.drawn) == ((1, 6), 8, 8)
    widget.choose(pixel=(0, 3))
    assert (widget.pixel, widget.step, find(widget, "column").value) == ((0, 3), 8, 4)
    for bad in ({"kind": "row"}, {"shape": (9, 9)}, {"pixel": (2, 0)}):
        with pytest.raises(ValueError):
            widget.choose(**{"kind": ROW, **bad})
        assert (widget.kind, widget.shape, widget.pixel) == (DIAGONAL, (2, 7), (0, 3))
    press(widget.controls, {"action": "reset"})
    assert (widget.kind, widget.shape, widget.pixel, widget.step) == (ROW, (5, 6), (4, 4), 0)
    assert pictures(widget) == first and repr(widget) == "SkewWalk(step 0 of 5)"


def test_the_strip_shows_one_pixel_in_both_layers() -> None:
    picture = SkewWalk((4, 5), DIAGONAL, (2, 2)).strip()
    captions = [
        "Row LSTM",
        *(f"Diagonal: {way}" for way in ("left to right", "right to left", "both added")),
    ]
    assert all(f"{caption}: " in picture.alt for caption in captions)
    assert "together all 12 pixels before it" in picture.alt
    assert float(ElementTree.fromstring(picture.svg).get("width")) < 1020


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((1, 5),), r"shape must be \(H, W\), two ints from 2 to 8, got \(1, 5\)"),
        (((5, 9),), r"got \(5, 9\)"),
        (((5, 6.0),), r"got \(5, 6.0\)"),
        (((1, 5, 6),), r"got \(1, 5, 6\)"),
        ((5,), "got 5"),
        (((5, 6), "row"), "kind must be 'Row LSTM' or 'Diagonal BiLSTM', got 'row'"),
        (((5, 6), ROW, (5, 0)), r"from 0, inside 5 rows and 6 columns, got \(5, 0\)"),
        (((5, 6), ROW, (0, -1)), r"got \(0, -1\)"),
        (((5, 6), ROW, 3), "got 3"),
    ],
)
def test_bad_arguments_are_refused(arguments: tuple[object, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SkewWalk(*arguments)
