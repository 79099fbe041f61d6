"""MADE's masks step by step: words by hand, pictures against the matrices, every control."""

from __future__ import annotations

import itertools
from xml.etree import ElementTree

import ipywidgets
import pytest
from test_mask_state import DEGREES, M1, M2, ORDER
from test_widget_foundations import pictures, words
from test_widgets import descendants, press

from armodels_lite.widgets import MaskStepper
from armodels_lite.widgets.made_masks import MadeMasks
from armodels_lite.widgets.mask_state import MaskFrame, MaskNetwork, Move, walk
from armodels_lite.widgets.mask_view import (
    COMPACT,
    MATRICES,
    graph_drawing,
    masks_drawing,
    product_drawing,
)
from armodels_lite.widgets.mask_words import joined, sentence

BLUE, ACCENT = "#0072B2", "#D55E00"


def stepper(**options: object) -> MadeMasks:
    return MaskStepper(**{"ordering": ORDER, "degrees": DEGREES, **options})


def told(widget: MadeMasks, step: int) -> str:
    return sentence(widget.frame(step))


def control(widget: MadeMasks, name: str) -> ipywidgets.Widget:
    return next(w for w in descendants(widget) if getattr(w, "description", None) == name)


# -- words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (1, "Input x2 is drawn first: degree 1."),
        (3, "Input x1 is drawn third: degree 3."),
        (
            4,
            "Hidden unit h1 has degree 2: it may see the first 2 variables drawn, x2 and x3.",
        ),
        (5, "Hidden unit h2 has degree 1: it may see the first variable drawn, x2."),
        (8, "Output x2 has the degree of input x2, 1. It gives p(x2), so it may hear nothing."),
        (
            10,
            "Output x1 has the degree of input x1, 3. It gives p(x1 | x2, x3), so it may hear only units that have "
            "seen at most the first 2.",
        ),
        (
            11,
            "Hidden unit h1 has degree 2, input x1 has degree 3: 3 ≤ 2 is false, so no connection.",
        ),
        (
            13,
            "Hidden unit h1 has degree 2, input x3 has degree 2: 2 ≤ 2 is true, so they are connected.",
        ),
        (
            31,
            "Output x3 has degree 2, hidden unit h1 has degree 2: 2 < 2 is false, so no connection.",
        ),
        (
            35,
            "Output x2, drawn first: no path ends here, so p(x2) is the same whatever the inputs are.",
        ),
        (36, "Output x3, drawn second, hears h2 and h4; these hear x2: 2 paths from x2."),
        (
            37,
            "Output x1, drawn last, hears h1, h2, h3 and h4; these hear x2 and x3: 4 paths from x2 and 2 paths from "
            "x3.",
        ),
        (
            38,
            "M2 M1 counts the paths from each input (column) to each output (row): 8 paths in all. Rows and columns "
            "now stand in the drawing order x2, x3, x1: on and above the diagonal all entries are 0.",
        ),
        (
            39,
            "Measured on a MADE with these masks and random positive weights: all 9 entries agree; an output changes "
            "with an input exactly where a path leads. Every dependency that the order allows has a path.",
        ),
    ],
)
def test_words_by_hand(step: int, expected: str) -> None:
    assert told(stepper(), step) == expected


def test_every_comparison_in_words_is_true_of_its_numbers() -> None:
    widget = stepper()
    entries = [*itertools.chain(*M1), *itertools.chain(*M2)]
    for step, entry in enumerate(entries, 11):
        said = told(widget, step).split(": ")[1]
        below, sign, above, _, truth, *_ = said.replace(",", "").split()
        holds = int(below) < int(above) or (sign == "≤" and below == above)
        assert truth == str(holds).lower() == str(bool(entry)).lower()
        assert ("no connection" in said) == (entry == 0)
        assert sign == ("≤" if step < 23 else "<")


def test_rows_in_words() -> None:
    widget = stepper()
    control(widget, "one row a step").value = True
    said = [told(widget, step).replace("\N{NO-BREAK SPACE}", " ") for step in range(11, 18)]
    assert said[0] == (
        "Hidden unit h1 has degree 2. Connected: x2 (1 ≤ 2), x3 (2 ≤ 2). Not connected: x1 (3 > 2)."
    )
    assert said[4].endswith(
        "Connected: h1 (2 < 3), h2 (1 < 3), h3 (2 < 3), h4 (1 < 3). Not connected: none."
    )
    assert said[6].endswith(
        "Connected: h2 (1 < 2), h4 (1 < 2). Not connected: h1 (2 ≥ 2), h3 (2 ≥ 2)."
    )


def test_what_is_allowed_but_has_no_path_is_said_and_framed() -> None:
    widget = MaskStepper(3, (4,), degrees=[[1, 1, 1, 1]])
    said = told(widget, widget.last)
    assert "all 9 entries agree" in said
    assert said.endswith(
        "Some allowed dependency has no path (x3 on x2): allowed is not the same as used."
    )
    assert "4 paths from x1. x2 would be allowed, but no path leads there." in told(
        widget, widget.last - 2
    )
    widget.step = widget.last
    assert "allowed, but no path" in pictures(widget)[1]
    assert "allowed, but no path" not in product_drawing(stepper().frame(39)).svg()


def test_units_that_hear_no_input_are_said_to() -> None:
    """k1 may see the first variable only, but all units below it have seen two."""
    widget = MaskStepper(3, (2, 2), degrees=[[2, 2], [1, 2]])
    assert widget.network.silent == [0]
    said = [told(widget, step) for step in range(widget.last - 4, widget.last - 1)]
    assert said[1] == (
        "Output x2, drawn second: x1 would be allowed, but no path leads from an input to this output. k1 hears no "
        "input: all units below have a larger degree."
    )
    assert said[2] == (
        "Output x3, drawn last, hears k2; these hear h1 and h2; these hear x1 and x2: 2 paths from x1 and 2 paths "
        "from x2. k1 hears no input: all units below have a larger degree."
    )


def test_paths_of_one_output_go_back_layer_by_layer() -> None:
    widget = MaskStepper(3, (2, 2))
    control(widget, "paths to").value = 2
    first = widget.step
    assert [move.kind for move in widget.moves[first:]] == ["paths"] * 3 + ["product", "measured"]
    assert [told(widget, step) for step in range(first, first + 3)] == [
        "Output x3, drawn last, hears k1 and k2.",
        "Output x3, drawn last, hears k1 and k2; these hear h1 and h2.",
        "Output x3, drawn last, hears k1 and k2; these hear h1 and h2; these hear x1 and x2: 3 paths from x1 and 1 "
        "path from x2.",
    ]
    control(widget, "paths to").value = 0
    assert widget.step == first and "x1, drawn first: no path ends here" in words(widget)
    control(widget, "paths to").value = -1
    assert widget.step == first and len(widget.moves) == first + 5


@pytest.mark.parametrize(
    ("options", "source"),
    [
        ({}, "The degrees 1 to 3 are spread evenly"),
        ({"seed": 7}, "Seed 7 drew the hidden degrees from 1 to 3 at random."),
        ({"degrees": [[1, 2, 3, 1]]}, "The hidden degrees were given."),
        ({"variables": 2}, "With two variables only degree 1 is possible."),
    ],
)
def test_where_degrees_come_from(options: dict[str, object], source: str) -> None:
    widget = MaskStepper(**{"variables": 4, **options})
    assert source in widget.sentences(widget.frame(widget.network.variables + 1))[1]


def test_lists_of_names() -> None:
    widget = MaskStepper(3, (6,))
    said = told(widget, widget.last - 2)
    assert "hears h1 to h6; these hear x1 and x2: 6 paths from x1 and 3 paths from x2." in said
    assert joined(["x1"]) == "x1" and joined(["x1", "x2"]) == "x1 and x2"


# -- pictures ------------------------------------------------------------------------------------------------------


def lines(svg: str, colour: str) -> list[ElementTree.Element]:
    return ElementTree.fromstring(svg).findall(f"{{*}}line[@stroke='{colour}']")


def test_an_edge_is_drawn_where_the_entry_is_1() -> None:
    widget, drawn = stepper(), 0
    entries = [*itertools.chain(*M1), *itertools.chain(*M2)]
    for step, entry in enumerate(entries, 11):
        svg = graph_drawing(widget.frame(step)).svg()
        assert len(lines(svg, "#808080")) == drawn
        (now,) = lines(svg, ACCENT)
        assert (now.get("stroke-dasharray") is None) == (entry == 1)
        drawn += entry
        assert f"; {drawn} connections" in svg


def test_followed_edges_are_as_many_as_the_entries_marked() -> None:
    widget = stepper()
    for step, edges in ((35, 0), (36, 4), (37, 10)):
        frame = widget.frame(step)
        assert len(lines(graph_drawing(frame).svg(), BLUE)) == edges
        cells = ElementTree.fromstring(masks_drawing(frame).svg()).findall(
            f"{{*}}rect[@fill='{BLUE}']"
        )
        assert len(cells) == edges
    texts = [t.text for t in ElementTree.fromstring(graph_drawing(frame).svg()).iter() if t.text]
    assert texts.count("4 paths") == texts.count("2 paths") == 1


def test_labels_spell_the_matrices() -> None:
    widget = stepper()
    masks = masks_drawing(widget.frame(34)).label
    assert masks == (
        "masks M1: h1 0 1 1; h2 0 1 0; h3 0 1 1; h4 0 1 0. M2: x1 1 1 1 1; x2 0 0 0 0; x3 0 1 0 1"
    )
    assert "M1: h1 0 open open; h2" in masks_drawing(widget.frame(11)).label
    assert product_drawing(widget.frame(39)).label == (
        "number of paths in drawing order, output by output: 0 0 0; 2 0 0; 4 2 0; "
        "measured dependencies: 0 0 0; 1 0 0; 1 1 0"
    )
    assert "measured" not in product_drawing(widget.frame(38)).label


@pytest.mark.parametrize("width", [MATRICES, COMPACT])
@pytest.mark.parametrize(("variables", "hidden"), [(6, (8, 8)), (2, (2,)), (4, (3, 6))])
def test_nothing_leaves_its_canvas_and_heights_stay(
    variables: int, hidden: tuple[int, ...], width: float
) -> None:
    network, heights = MaskNetwork(variables, hidden, seed=0), set()
    moves = walk(network)
    for kind in ("start", "degree", "mask", "paths", "measured"):
        step = max(step for step, move in enumerate(moves) if move.kind == kind)
        for make in (graph_drawing, masks_drawing, product_drawing):
            drawing = make(MaskFrame(network, moves, step), width)
            heights.add(drawing.height)
            for item in ElementTree.fromstring(drawing.svg()).iter():
                for across, down in (("x", "y"), ("cx", "cy"), ("x1", "y1"), ("x2", "y2")):
                    if item.get(across):
                        assert 0 <= float(item.get(across)) <= width
                        assert 0 <= float(item.get(down)) <= drawing.height
    assert len(heights) == 1


# -- controls ------------------------------------------------------------------------------------------------------


def test_keys_walk_and_the_slider_says_where() -> None:
    widget = stepper()
    widget.controls.set_state({"step": 11})  # as the browser does
    assert "3 ≤ 2 is false" in words(widget)
    assert widget.controls.readouts[11] == "step 11 of 39: mask M1"
    assert widget.controls.readouts[4] == "step 4 of 39: degree of hidden unit h1"
    assert len(widget.controls.readouts) == widget.last + 1 and widget.controls.jump == 5


def test_another_order_keeps_the_step_and_another_size_the_place() -> None:
    widget = stepper(start=39)
    control(widget, "order").value = (2, 1, 0)
    assert widget.step == 39 and "drawing order x3, x2, x1" in told(widget, 38)
    assert widget.network.degrees[1] == (2, 1, 2, 1), "the degrees given still fit"
    control(widget, "variables").value = 5
    assert widget.step == widget.last == 1 + 14 + 40 + 5 + 2 - 1
    assert control(widget, "order").label == "x1, x2, x3, x4, x5"
    assert "given" not in [name for name, _ in control(widget, "hidden degrees").options]
    assert "all 25 entries agree" in words(widget)
    control(widget, "hidden degrees").value = 3
    assert "all 25 entries agree" in words(widget)
    widget.step = 15 + 7  # h2, x3
    control(widget, "hidden units").value = (6, 6)
    assert (
        widget.moves[widget.step] == Move("mask", 1, 1) and control(widget, "one row a step").value
    )
    press(widget.controls, {"action": "reset"})
    assert widget.step == 0 and widget.last == 39 and len(widget.controls.readouts) == 40
    assert widget.network.degrees == ((3, 1, 2), (2, 1, 2, 1), (3, 1, 2))
    assert control(widget, "hidden degrees").label == "given"
    assert control(widget, "order").label == "x2, x3, x1"


def test_the_given_degrees_can_be_left_and_chosen_again() -> None:
    widget = stepper(degrees=[[2, 2, 2, 1]])
    control(widget, "hidden degrees").value = -1
    assert widget.network.degrees[1] == (1, 1, 2, 2)
    control(widget, "hidden units").value = (6,)
    assert widget.network.degrees[1] == (1, 1, 1, 2, 2, 2)
    control(widget, "hidden units").value = (4,)
    control(widget, "hidden degrees").label = "given"
    assert widget.network.degrees[1] == (2, 2, 2, 1)


def test_what_was_given_is_among_the_choices() -> None:
    widget = MaskStepper(6, (3, 5), ordering=[5, 0, 4, 1, 3, 2], seed=99)
    labels = {
        name: control(widget, name).label
        for name in ("variables", "hidden units", "order", "hidden degrees", "paths to")
    }
    assert labels == {
        "variables": "6",
        "hidden units": "3, 5",
        "order": "x6, x1, x5, x2, x4, x3",
        "hidden degrees": "seed 99",
        "paths to": "every output",
    }
    assert len(control(MaskStepper(2), "order").options) == 2


@pytest.mark.parametrize("rows", [True, False])
def test_steps_of_other_choices_draw(rows: bool) -> None:
    widget = MaskStepper(2, (2,))
    for name, chosen in (
        ("hidden units", (4, 4)),
        ("variables", 6),
        ("order", None),
        ("paths to", 3),
    ):
        box = control(widget, name)
        box.value = box.options[-1][1] if chosen is None else chosen
    control(widget, "one row a step").value = rows
    for step in [*range(0, widget.last, 4), widget.last]:
        widget.step = step
    assert widget.controls.drawn == widget.last and "all 36 entries agree" in words(widget)


def test_the_strip_shows_four_telling_steps() -> None:
    widget = stepper()
    assert widget.strip_steps() == [10, 11, 37, 39]
    captions = [widget.caption(frame) for frame in widget.strip_frames()]
    assert captions == [
        "all degrees",
        "x1 to h1: not connected",
        "paths to x1",
        "counted, measured",
    ]
    assert widget.told(widget.frame(10)) == [
        "The order is x2, x3, x1. Degree: the place in the drawing order; of a hidden unit: the last place that it "
        "may see."
    ]
    for large in (MaskStepper(6, (8, 8), seed=1), MaskStepper(2, (2,))):
        steps = large.strip_steps()
        assert len(set(steps)) == 4 and steps == sorted(steps)
        move = large.moves[steps[1]]
        entries = large.network.masks[move.layer - 1][move.unit]
        assert not entries[slice(None) if move.column is None else move.column].all()


# -- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variables": 1}, "variables must be an int from 2 to 6, got 1"),
        ({"variables": 7}, "variables must be an int from 2 to 6, got 7"),
        ({"variables": 3.0}, "variables must be an int from 2 to 6, got 3.0"),
        ({"hidden": ()}, r"one or two layers of 2 to 8 units such as \(4,\)"),
        ({"hidden": (4, 4, 4)}, "hidden must be one or two layers"),
        ({"hidden": (9,)}, "layers of 2 to 8 units"),
        ({"hidden": 4}, "hidden must be a tuple of positive ints"),
        ({"ordering": [0, 1]}, "an ordering must contain each of 0..2 once"),
        ({"ordering": "sideways"}, "unknown ordering 'sideways'"),
        ({"seed": -1}, "seed must be None or an int of at least 0, got -1"),
        ({"seed": 0, "degrees": DEGREES}, "seed must be None where degrees are given, got 0"),
        ({"degrees": [[2, 1, 2]]}, "degrees must hold, for hidden layers of 4 units"),
        ({"degrees": [[2, 1, 3, 1]]}, "ints from 1 to 2 .a unit of degree 3 would see all"),
        ({"degrees": [[2, 1, 0, 1]]}, "ints from 1 to 2"),
        ({"degrees": [2, 1, 2, 1]}, "degrees must hold"),
        ({"degrees": [[2.0, 1, 2, 1]]}, "degrees must hold"),
        ({"degrees": DEGREES, "start": 40}, "steps are 0 to 39, got 40"),
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MaskStepper(**options)
