"""Dilated convolutions as a tree and as queues: against WaveNet itself, and against the graph walked node by node."""

from __future__ import annotations

from itertools import product
from xml.etree import ElementTree

import pytest
import torch
from test_widget_foundations import pictures, words
from test_widgets import find, press

import armodels_lite as ar
from armodels_lite.widgets import DilationTree
from armodels_lite.widgets.dilation_tree import PRESETS
from armodels_lite.widgets.tree_state import QUEUES, TREE, TreeFrame, receptive_field, tree_paths
from armodels_lite.widgets.tree_view import tree_drawing

SVG = "{http://www.w3.org/2000/svg}"
LAYERS = [*PRESETS, (1,), (3,), (1, 4, 1, 4), (8, 4, 2, 1), (2, 2), (1, 2, 40)]
every_stack = pytest.mark.parametrize("dilations", LAYERS, ids=str)
every_kernel = pytest.mark.parametrize("kernel_size", [2, 3])


def tree(dilations: tuple[int, ...], kernel_size: int, t: int, length: int = 32) -> TreeFrame:
    """The whole tree behind x_t."""
    return TreeFrame(dilations, kernel_size, length, t, TREE, len(dilations) + 1)


def queues(dilations: tuple[int, ...], kernel_size: int, t: int, length: int = 32) -> TreeFrame:
    return TreeFrame(dilations, kernel_size, length, t, QUEUES, t - 1)


def walked(dilations: tuple[int, ...], kernel_size: int, t: int) -> list[tuple[int, int]]:
    """(level, step) at the end of every path down from the output, a node once for each path."""
    found = [(len(dilations), t)]
    if dilations:
        *lower, top = dilations
        for k in range(kernel_size):
            if t - k * top >= 1:
                found += walked(tuple(lower), kernel_size, t - k * top)
    return found


def wavenet(length: int, layers: int, stacks: int, kernel_size: int) -> ar.WaveNet:
    """A small one whose every weight matters."""
    torch.manual_seed(0)
    model = ar.WaveNet(
        (length,),
        channels=6,
        layers=layers,
        stacks=stacks,
        kernel_size=kernel_size,
        conditional=ar.Categorical(2),
    ).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.uniform_(-1, 1)
    return model


# -- the tree ------------------------------------------------------------------------------------------------------


@every_stack
@every_kernel
def test_the_tree_is_the_graph_walked_node_by_node(
    dilations: tuple[int, ...], kernel_size: int
) -> None:
    for t in (1, 2, 5, 12, 31):
        frame, found = tree(dilations, kernel_size, t), walked(dilations, kernel_size, t)
        for level in range(len(dilations) + 1):
            steps = [step for at, step in found if at == level]
            assert frame.steps(level) == sorted(set(steps))
            assert frame.paths[level] == {step: steps.count(step) for step in set(steps)}
        computed = [node for node in found if node[0] > 0]
        assert (frame.nodes, frame.unshared) == (len(set(computed)), len(computed))
        assert frame.reached == sorted({step - 1 for at, step in found if at == 0 and step > 1})
        assert t not in frame.reached
        assert set(frame.reached) | set(frame.gaps) == set(frame.span)
        assert not set(frame.reached) & set(frame.gaps)


@every_stack
@every_kernel
def test_far_from_the_start_counts_have_closed_forms(
    dilations: tuple[int, ...], kernel_size: int
) -> None:
    layers, field = len(dilations), receptive_field(dilations, kernel_size)
    frame = tree(dilations, kernel_size, 500, 500)
    assert frame.field == field == 500 - frame.reached[0] == len(frame.span)
    assert frame.unshared == (kernel_size**layers - 1) // (kernel_size - 1)
    assert frame.offsets == len(frame.reached) == field - len(frame.gaps)
    assert sum(frame.paths[0].values()) == kernel_size**layers
    sums = {sum(back) for back in product(*(range(0, kernel_size * d, d) for d in dilations))}
    assert {500 - 1 - back for back in sums} == set(frame.reached)


def test_known_stacks() -> None:
    plain, doubling, stacks, tripling, gaps = (tree(dilations, 2, 32) for dilations in PRESETS)
    assert [f.field for f in (plain, doubling, stacks, tripling, gaps)] == [5, 16, 15, 14, 6]
    assert (plain.nodes, plain.unshared) == (1 + 2 + 3 + 4, 15)
    assert (doubling.nodes, doubling.unshared) == (15, 15)
    assert stacks.nodes == 41 and stacks.unshared == 63
    assert gaps.reached == [26, 27, 30, 31] and gaps.gaps == [28, 29]
    assert len(tripling.reached) == 8 and len(tripling.gaps) == 6
    thirds = tree((1, 3, 9), 3, 28)
    assert thirds.field == 27 and thirds.reached == list(range(1, 28)) and thirds.nodes == 13
    assert tree_paths((1, 1), 2, 9)[0] == {7: 1, 8: 2, 9: 1}


@pytest.mark.parametrize(("layers", "stacks"), [(1, 1), (4, 1), (2, 2), (3, 2)])
@every_kernel
def test_a_wavenet_depends_on_what_the_tree_reaches(
    layers: int, stacks: int, kernel_size: int
) -> None:
    """Every preset that a WaveNet can have is among these: 1 ... 2^(layers - 1), once or twice."""
    length = 18
    model = wavenet(length, layers, stacks, kernel_size)
    measured = ar.dependencies(model)
    dilations = tuple(model.dilations)
    assert model.receptive_field == receptive_field(dilations, kernel_size)
    for t in range(1, length + 1):
        reached = tree(dilations, kernel_size, t, length).reached
        assert [s + 1 for s in measured[t - 1].nonzero().flatten().tolist()] == reached


@pytest.mark.parametrize("dilations", [(1, 1, 1, 1), (1, 3, 9), (1, 4), (1, 4, 1, 4)], ids=str)
@every_kernel
def test_other_dilations_agree_with_convolutions(
    dilations: tuple[int, ...], kernel_size: int
) -> None:
    """Convolutions whose weights are all 1, on events of one 1 each: the output counts the paths."""
    t = 30
    x = torch.eye(t - 1, dtype=torch.float64).unsqueeze(1)  # one event for each value
    known = torch.nn.functional.pad(x, (1, 0))
    ones = torch.ones(1, 1, kernel_size, dtype=torch.float64)
    for dilation in dilations:
        padded = torch.nn.functional.pad(known, ((kernel_size - 1) * dilation, 0))
        known = torch.nn.functional.conv1d(padded, ones, dilation=dilation)
    frame = tree(dilations, kernel_size, t)
    paths = {s: frame.paths[0][s + 1] for s in frame.reached}
    assert {s + 1: int(n) for s, n in enumerate(known[:, 0, t - 1].tolist()) if n} == paths


# -- queues --------------------------------------------------------------------------------------------------------


@every_stack
@every_kernel
def test_queues_hold_all_that_new_nodes_need(dilations: tuple[int, ...], kernel_size: int) -> None:
    """Kept as lists that take in one entry and let one out, they hold at each step what a `Queue` says."""
    kept = [[step for step in range(1 - (kernel_size - 1) * d, 1)] for d in dilations]
    for t in range(1, 25):
        frame = queues(dilations, kernel_size, t)
        assert sum(queue.size for queue in frame.queues) == frame.field - 1
        for queue, entries, dilation in zip(frame.queues, kept, dilations, strict=True):
            assert list(queue.held) == entries and queue.size == len(entries)
            needed = {t - k * dilation for k in range(1, kernel_size)}
            assert set(queue.read) == needed <= set(entries)
            entries.append(t)
            assert entries.pop(0) == queue.popped


@pytest.mark.parametrize(("layers", "stacks", "kernel_size"), [(4, 1, 2), (3, 2, 2), (2, 1, 3)])
def test_the_decoder_of_a_wavenet_keeps_queues_of_these_sizes(
    layers: int, stacks: int, kernel_size: int
) -> None:
    model = wavenet(12, layers, stacks, kernel_size)
    frame = queues(tuple(model.dilations), kernel_size, 9)
    decoder = model.decoder(1)
    assert decoder._sizes == [queue.size for queue in frame.queues]
    assert len(decoder._queues) == frame.field - 1


def test_work_of_a_sample() -> None:
    frame = queues((1, 2, 4, 8), 2, 28)
    assert (frame.layers, frame.nodes, frame.pass_nodes) == (4, 15, 64)
    early = queues((1, 2, 4, 8), 2, 5)
    assert early.nodes == len({n for n in walked((1, 2, 4, 8), 2, 5) if n[0]})
    assert early.pass_nodes == 20
    for t in range(1, 30):
        frame = queues((1, 2, 4), 3, t)
        assert frame.layers <= frame.nodes <= frame.pass_nodes


# -- drawings ------------------------------------------------------------------------------------------------------


def shapes(frame: TreeFrame, tag: str, fill: str) -> list[ElementTree.Element]:
    """Shapes of a colour above the key."""
    picture = tree_drawing(frame)
    root = ElementTree.fromstring(picture.svg())
    bottom = picture.height - 20
    top = "cy" if tag == "circle" else "y"
    found = root.findall(f"{SVG}{tag}[@fill='{fill}']")
    return [shape for shape in found if float(shape.get(top)) < bottom]


@every_kernel
@pytest.mark.parametrize("dilations", PRESETS, ids=str)
def test_as_many_nodes_and_values_are_drawn_as_are_counted(
    dilations: tuple[int, ...], kernel_size: int
) -> None:
    frame = tree(dilations, kernel_size, 28)
    assert len(shapes(frame, "circle", "#0072B2")) == frame.nodes
    assert len(shapes(frame, "rect", "#0072B2")) == len(frame.steps(0))
    assert len(shapes(frame, "rect", "#56B4E9")) == len(frame.reached)
    drawing = ElementTree.fromstring(tree_drawing(frame).svg())
    hops = [line for line in drawing.iter(f"{SVG}line") if line.get("stroke-dasharray")]
    assert len(hops) == len(frame.reached)
    assert all(float(hop.get("x1")) < float(hop.get("x2")) for hop in hops), "one step later"
    key = "in the span, not reached"
    assert (key in "".join(drawing.itertext())) == bool(frame.gaps)


def test_new_nodes_are_one_a_layer_and_the_input() -> None:
    frame = queues((1, 2, 4, 8), 2, 28)
    assert len(shapes(frame, "circle", "#D55E00")) == 4
    assert len(shapes(frame, "rect", "#D55E00")) == 1
    assert len(shapes(frame, "circle", "#0072B2")) + len(shapes(frame, "rect", "#0072B2")) == 4


def test_the_walk_lights_one_level_more_at_each_step() -> None:
    widget = DilationTree()
    for step in range(widget.last):
        frame = widget.frame(step)
        lit = [len(shapes(frame, tag, "#D55E00")) for tag in ("circle", "rect")]
        assert sum(lit) == 2**step, "the newest level"
        assert not shapes(frame, "rect", "#56B4E9"), "no value before the last step"


@pytest.mark.parametrize("compact", [False, True])
def test_no_text_leaves_its_drawing(compact: bool) -> None:
    for t, mode in product((1, 2, 32), (TREE, QUEUES)):
        for dilations in PRESETS:
            step = len(dilations) + 1 if mode == TREE else t - 1
            frame = TreeFrame(dilations, 3, 32, t, mode, step)
            drawing = tree_drawing(frame, compact=compact)
            for text in ElementTree.fromstring(drawing.svg()).iter(f"{SVG}text"):
                x, y = float(text.get("x")), float(text.get("y"))
                half = 0.3 * float(text.get("font-size")) * len(text.text or "")
                left = x - {"start": 0, "middle": half, "end": 2 * half}[text.get("text-anchor")]
                assert left > -1 and left + 2 * half < drawing.width + 1, text.text
                assert 8 < y < drawing.height


# -- words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dilations", "kernel_size", "t", "step", "expected"),
    [
        ((1, 2, 4, 8), 2, 28, 0, "What predicts x28 is one node, the one of layer 4 at step 28."),
        (
            (1, 2, 4, 8),
            2,
            28,
            1,
            "Layer 4 has dilation 8: a node takes layer 3 at its own step and 8 steps before. So its 1 node of the "
            "tree takes 2 nodes of layer 3, at steps 20 and 28.",
        ),
        (
            (1, 2, 4, 8),
            2,
            28,
            4,
            "Layer 1 has dilation 1: a node takes the input at its own step and 1 step before. So its 8 nodes of the "
            "tree take 16 inputs, at steps 13 to 28.",
        ),
        (
            (1, 3, 9),
            3,
            12,
            1,
            "Layer 3 has dilation 9: a node takes layer 2 at its own step and 9 and 18 steps before. So its 1 node of "
            "the tree takes 2 nodes of layer 2, at steps 3 and 12. What lies before step 1 is zeros.",
        ),
        (
            (1, 2, 4, 8),
            2,
            28,
            5,
            "The input at a step is the value before it; x28 itself is not reached. x28 depends on x12 to x27, all 16 "
            "of them.",
        ),
        (
            (1, 4),
            2,
            28,
            3,
            "The input at a step is the value before it; x28 itself is not reached. x28 depends on 4 of the 6 values "
            "from x22 to x27: the 2 crossed out are not reached by any path.",
        ),
        (
            (1, 2, 4, 8),
            2,
            6,
            5,
            "The input at a step is the value before it; x6 itself is not reached. x6 depends on x1 to x5, all 5 of "
            "them. The field is cut: only 5 values come before x6.",
        ),
    ],
)
def test_words_of_the_walk_by_hand(
    dilations: tuple[int, ...], kernel_size: int, t: int, step: int, expected: str
) -> None:
    widget = DilationTree(dilations, kernel_size, step=t)
    assert widget.sentences(widget.frame(step))[0] == expected


def test_counts_are_said() -> None:
    widget = DilationTree((1, 1, 1, 1))
    told = words(widget).replace("\N{NO-BREAK SPACE}", " ")
    assert "R = 1 + (K - 1) × sum of d = 1 + 1 × (1 + 1 + 1 + 1) = 5." in told
    assert (
        "10 nodes in 4 layers; computed anew for each path that leads to them, they would be 15."
        in told
    )
    assert (
        "at least the tree again, 10 nodes; a pass of all layers over the 5 steps of the field"
        in told
    )
    assert "computes 4 × 5 = 20. With queues it is 4." in told
    widget.choose(dilations=(1, 4))
    assert "= 6, but R counts the span: 4 of its 6 values are reached." in words(widget)
    widget.choose(t=3)
    assert "far from the start, 4 of its 6 values are reached" in words(widget)


def test_words_of_the_queues_by_hand() -> None:
    widget = DilationTree()
    widget.choose(mode="queues")
    assert widget.sentences(widget.frame(27))[0] == (
        "Step 28: 4 new nodes, one in each layer, from x27 and 4 entries read from the queues. Then each queue takes "
        "in its input of step 28 and lets its oldest entry out: steps 20, 24, 26 and 27."
    )
    assert "1 + 2 + 4 + 8 = 15 = R - 1 in all" in words(widget).replace("\N{NO-BREAK SPACE}", " ")
    widget.step = 4
    assert "4 entries read from the queues (1 of them zero)" in words(widget)
    assert "lets its oldest entry out: steps 1, 3 and 4, or a zero." in words(widget)
    widget.step = 0
    assert "from no value yet and 4 entries read from the queues (all of them zero)" in words(
        widget
    )


# -- controls ------------------------------------------------------------------------------------------------------


def test_controls_choose_layers_kernel_and_step() -> None:
    widget = DilationTree()
    widget.step = widget.last
    find(widget, "dilations").value = (1, 3, 9)
    assert (widget.dilations, widget.kernel_size) == ((1, 3, 9), 3), "made for kernel 3"
    assert find(widget, "kernel").value == 3 and widget.step == widget.last == 4
    find(widget, "kernel").value = 2
    assert "depends on 8 of the 14 values" in words(widget)
    find(widget, "step t").value = 3
    assert "x3 itself is not reached" in words(widget)
    widget.step = 1
    find(widget, "dilations").value = (1, 2, 4, 1, 2, 4)
    assert widget.step == 1 and widget.last == 7 and widget.controls.readouts[2] == "layer 4"
    press(widget.controls, {"action": "reset"})
    assert (widget.dilations, widget.kernel_size, widget.t) == ((1, 2, 4, 8), 2, 28)
    assert widget.step == 0 and find(widget, "step t").value == 28


def test_queues_walk_through_time_and_the_tree_goes_on_where_they_stopped() -> None:
    widget = DilationTree(length=20, step=15)
    slider = find(widget, "step t")
    find(widget, "show").value = "queues"
    assert widget.step == 14 and widget.last == 19 and slider.layout.display == "none"
    assert "Step 15: 4 new nodes" in words(widget)
    before = pictures(widget)
    widget.step = 15
    assert pictures(widget) != before and "Step 16" in words(widget)
    find(widget, "dilations").value = (1, 1, 1, 1)
    assert widget.step == 15 and "steps 15." not in words(widget) and "step 15." in words(widget)
    find(widget, "show").value = "tree"
    assert slider.value == widget.t == 16 and slider.layout.display is None
    assert widget.step == widget.last == 5 and "x16 depends on x11 to x15" in words(widget)
    find(widget, "show").value = "queues"
    press(widget.controls, {"action": "reset"})
    assert (widget.mode, widget.t, widget.step) == ("tree", 15, 0)


def test_a_model_shows_its_own_layers() -> None:
    model = wavenet(16, 3, 2, 3)
    widget = DilationTree(model=model)
    assert widget.dilations == (1, 2, 4, 1, 2, 4) and widget.kernel_size == 3
    assert widget.length == 16 and widget.t == 12
    assert "1, 2, 4, 1, 2, 4 (the model)" in dict(find(widget, "dilations").options)
    assert DilationTree(model=ar.WaveNet((4000,), layers=3, kernel_size=4)).kernel_size == 4
    assert widget.strip_frames()[0].kernel_size == 3


def test_other_dilations_join_the_choices() -> None:
    widget = DilationTree((2, 5), 4)
    assert find(widget, "dilations").value == (2, 5) and find(widget, "kernel").value == 4
    widget.choose(dilations=[1, 8], kernel_size=2, mode="queues", t=9)
    assert find(widget, "dilations").value == (1, 8) and widget.step == 8
    before = (widget.dilations, widget.kernel_size, widget.t, widget.mode, widget.step)
    for wrong in ({"mode": "graph"}, {"t": 33}, {"kernel_size": 1}, {"dilations": ()}):
        with pytest.raises(ValueError, match="must be"):
            widget.choose(**{"dilations": (1, 1), **wrong})
    assert before == (widget.dilations, widget.kernel_size, widget.t, widget.mode, widget.step)


def test_the_strip_compares_plain_dilated_stacks_and_queues() -> None:
    widget = DilationTree()
    frames = widget.strip_frames()
    captions = [widget.caption(frame) for frame in frames]
    assert captions == ["1, 1, 1, 1", "1, 2, 4, 8", "1, 2, 4, 1, 2, 4", "queues at step 28"]
    alt = widget.strip().alt.replace("\N{NO-BREAK SPACE}", " ")
    assert "R = 1 + 1 × (1 + 1 + 1 + 1) = 5" in alt and "x28 depends on x12 to x27" in alt
    own = [frame.dilations for frame in DilationTree((1, 1, 1, 1)).strip_frames()]
    assert len(set(own[:3])) == 3


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"dilations": ()}, ValueError, r"dilations must be 1 to 8 ints from 1 to 128.* got \(\)"),
        ({"dilations": (1, 0)}, ValueError, "dilations must be 1 to 8 ints"),
        ({"dilations": "12"}, ValueError, "one a layer, got '12'"),
        ({"dilations": (1, 2.0)}, ValueError, "dilations must be"),
        ({"dilations": (1,) * 9}, ValueError, "dilations must be"),
        ({"kernel_size": 1}, ValueError, "kernel_size must be an int from 2 to 4, got 1"),
        ({"length": 7}, ValueError, "length must be an int from 8 to 40, got 7"),
        ({"step": 33}, ValueError, "step must be an int from 1 to 32, got 33"),
        ({"step": 0}, ValueError, "step must be an int from 1 to 32, got 0"),
        ({"model": 3}, TypeError, "model must be a WaveNet, got int"),
        ({"model": ar.WaveNet((9,), channels=1, layers=9)}, ValueError, "at most 8 layers .* of 9"),
        ({"model": ar.WaveNet((5,), channels=1, layers=2)}, ValueError, "at least 8 steps"),
        (
            {"model": ar.WaveNet((9,), channels=1, layers=2), "kernel_size": 2},
            ValueError,
            "or a model that has both",
        ),
    ],
)
def test_dilation_tree_refuses_bad_arguments(
    arguments: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        DilationTree(**arguments)
