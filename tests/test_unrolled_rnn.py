"""An RNN unrolled in time: numbers against torch, a widget of a real model, words by hand, pictures, every control."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from test_widget_foundations import pictures, words
from test_widgets import find, press
from torch import nn

from armodels_lite import NADE, RNN, Categorical
from armodels_lite.widgets import UnrolledRNN
from armodels_lite.widgets.svg import Drawing
from armodels_lite.widgets.unrolled_numbers import (
    draw_cell,
    number_text,
    numbers_drawing,
    written_out,
)
from armodels_lite.widgets.unrolled_state import Cell, Unrolled, UnrolledFrame, walk
from armodels_lite.widgets.unrolled_view import COMPACT, WIDE, chain_drawing
from armodels_lite.widgets.unrolled_words import readout

W_HH = [[0.3, -0.1, 0.5], [0.2, 0.4, -0.3], [-0.1, 0.2, 0.1]]
W_XH = [[0.5, -0.3, 0.8, 0.2], [0.7, 0.4, -0.2, 0.6], [-0.1, 0.2, 0.3, -0.5]]
W_HY = [[1.0, 0.5, -0.3], [2.2, -1.0, 0.8], [-3.0, 1.2, -0.5], [4.1, -1.5, 2.0]]
H_1 = (0.1, -0.2, 0.3)
HELLO = (W_HH, W_XH, W_HY, H_1)
ACCENT, GREEN = "#D55E00", "#009E73"
SVG = "{http://www.w3.org/2000/svg}"


def hello(**options: object) -> UnrolledRNN:
    return UnrolledRNN(*HELLO, **options)


def step_of(widget: UnrolledRNN, name: str) -> int:
    """The step with this readout, such as "see x3"."""
    return [readout(widget.frame(step)) for step in range(widget.last + 1)].index(name)


def told(widget: UnrolledRNN, name: str) -> str:
    return widget.sentences(widget.frame(step_of(widget, name)))[0]


def model(bias: bool = False, **options: object) -> RNN:
    torch.manual_seed(0)
    made = RNN((6,), **{"hidden": 3, "cell": "rnn", **options}, bias=bias)
    for weights in made.parameters():
        nn.init.normal_(weights)
    return made.double()


# -- numbers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("units", "symbols", "word"),
    [(3, "helo", "hello"), (1, "ab", "b"), (8, "abcdefgh", "hgfedcba")],
)
def test_numbers_are_those_of_torch(units: int, symbols: str, word: str) -> None:
    """nn.RNN forwards, autograd backwards."""
    torch.manual_seed(units)
    k = len(symbols)
    rnn = nn.RNN(k, units, bias=False, batch_first=True).double()
    readout = torch.randn(k, units, dtype=torch.float64)
    states = [torch.randn(units, dtype=torch.float64, requires_grad=True)]
    indices = torch.tensor([symbols.index(symbol) for symbol in word])
    for x in torch.eye(k, dtype=torch.float64)[indices[:-1]]:
        states.append(rnn(x[None, None], states[-1][None, None])[0][0, 0])
        states[-1].retain_grad()
    log_p = torch.log_softmax(torch.stack(states) @ readout.T, 1)
    (-log_p[-1, indices[-1]]).backward()

    run = Cell(rnn.weight_hh_l0, rnn.weight_ih_l0, readout, states[0], symbols=symbols).run(word)
    expected = {
        "states": torch.stack(states),
        "probs": log_p.exp(),
        "losses": -log_p[range(len(word)), indices],
        "gradients": torch.stack([state.grad for state in states]),
    }
    for name, values in expected.items():
        assert np.allclose(getattr(run, name), values.detach().numpy(), rtol=1e-10, atol=1e-12), (
            name
        )
    assert run.norms == pytest.approx([state.grad.norm().item() for state in states])
    sums = run.from_state + run.from_input
    assert np.allclose(np.tanh(sums), run.states[1:]) and len(sums) == len(word) - 1


def test_hello_by_hand() -> None:
    run = Cell(*HELLO, symbols="helo").run("hello")
    assert run.probs[0] == pytest.approx([0.1295, 0.2742, 0.0711, 0.5252], abs=5e-5)
    assert run.probs[1, 1] == pytest.approx(0.2248, abs=5e-5)
    # h_2 = tanh(W_hh h_1 + the column of h): 0.3*0.1 + 0.1*0.2 + 0.5*0.3 + 0.5 = 0.7 and so on.
    assert run.states[1] == pytest.approx(np.tanh([0.7, 0.55, -0.12]))
    assert run.so_far(5) == pytest.approx(-np.log(run.probs[range(5), [0, 1, 2, 2, 3]]).sum())
    assert run.cell.num_parameters == 36


def test_the_word_costs_what_the_model_says() -> None:
    made = model(conditional=Categorical(4))
    widget = UnrolledRNN.from_model(made, "helo", "hellol", ["oho"])
    x = torch.tensor([[0, 1, 2, 2, 3, 2]])
    assert widget.frame(widget.last).so_far == pytest.approx(-made.log_prob(x).item(), abs=1e-5)
    assert widget.cell.num_parameters == made.num_parameters()
    find(widget, "word").value = "oho"
    paid = widget.frame(step_of(widget, "see x3")).so_far
    prefix = made.params(torch.tensor([[3, 0, 3]]))[0].log_softmax(1)[range(3), [3, 0, 3]].sum()
    assert paid == pytest.approx(-prefix.item())


@pytest.mark.filterwarnings("error")
def test_huge_weights_and_certain_predictions_stay_finite() -> None:
    widget = UnrolledRNN([[1e6]], [[1e6, -1e6]], [[1e6], [0.0]], [1.0], "ab", "aab", start=8)
    run = widget.run
    assert run.losses.tolist() == [0, 0, 1e6] and run.norms.tolist() == [0, 0, 1e6]
    for step in range(widget.last + 1):
        widget.step = step
        assert "nan" not in words(widget) + "".join(pictures(widget))
    assert "The size goes from 1e+06 to 0, a factor of 0." in told(widget, "back to h2")
    assert told(widget, "back to h1").endswith(
        "from 0 to 0. After 2 steps back it is 0 times what it was at h3."
    )


def test_values_of_one_drawing_share_a_scale_of_their_own() -> None:
    """A shrinking gradient fades: its ground is measured against the largest gradient of the word."""
    widget = hello()
    for name in ("back to h5", "back to h1"):
        _, columns, _ = written_out(widget.frame(step_of(widget, name)))
        assert columns[-1].scale == np.abs(widget.run.gradients).max()


# -- steps and words -----------------------------------------------------------------------------------------------


def test_what_is_known_grows_step_by_step() -> None:
    run = Cell(*HELLO, symbols="helo").run("he")
    frames = [UnrolledFrame(run, walk(2), step) for step in range(8)]
    known = [(f.predicted, f.seen, f.known, f.back) for f in frames]
    expected = [(0, 0), (1, 0), (1, 1), (1, 1), (2, 1), (2, 2), (2, 2), (2, 2)]
    assert [entry[:2] for entry in known] == expected
    assert [entry[2] for entry in known] == [1, 1, 1, 2, 2, 2, 2, 2]
    assert [entry[3] for entry in known] == [2, 2, 2, 2, 2, 2, 1, 0]
    assert frames[0].so_far == 0 and frames[2].so_far == run.losses[0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "start",
            "One cell, drawn once for each symbol of “hello”, always with the same W_hh, W_xh and W_hy. Together with "
            "the first state h1 these are 36 numbers, for a word of any length.",
        ),
        (
            "predict x1",
            "No symbol has been seen: h1 is learnt and the same for every word. From it comes p(x1 = h) = 0.130; o is "
            "likeliest, with 0.525.",
        ),
        ("see x1", "x1 is h, which had p = 0.130: it costs -ln p = 2.044 nats."),
        (
            "make h2",
            "h2 = tanh(W_hh h1 + W_xh x1): what was known, and the column of W_xh for h. h2 sums up “h” in 3 numbers; "
            "h1 has done its work.",
        ),
        (
            "predict x3",
            "x3 has not been seen: of “he” only the summary h3 is left. From it comes p(x3 = l | “he”) = 0.696: no "
            "symbol is likelier.",
        ),
        (
            "see x4",
            "x4 is l, which had p = 0.002: it costs -ln p = 6.082 nats. So far 9.981 nats = -ln p(“hell”).",
        ),
        (
            "see x5",
            "x5 is o, which had p = 0.862: it costs -ln p = 0.148 nats. The word is complete: the 5 losses sum to "
            "10.129 nats = -ln p(“hello”), so p(“hello”) = 3.99e-05.",
        ),
        (
            "back to h5",
            "Now back: by how much does the last loss, -ln p(x5), change with h5? The derivative ∂h5 = W_hyᵀ (p - x5) "
            "has size 0.364.",
        ),
        (
            "back to h1",
            "One step back, from h2 to h1: each number of ∂h2 is multiplied by 1 - h2², the slope of tanh, then comes "
            "W_hhᵀ. The size goes from 0.00884 to 0.00286, a factor of 0.32. After 4 steps back it is 0.0079 times "
            "what it was at h5.",
        ),
    ],
)
def test_words_by_hand(name: str, expected: str) -> None:
    assert told(hello(), name) == expected


def test_white_space_is_drawn_as_a_sign() -> None:
    widget = UnrolledRNN([[0.5]], [[1.0, -1.0]], [[2.0], [0.0]], [0.0], "a ", "a a", start=5)
    assert "x2 is ␣" in words(widget) and "“a␣”" in words(widget)
    assert ">␣<" in pictures(widget)[0]


# -- pictures ------------------------------------------------------------------------------------------------------


def test_bars_are_as_high_as_p_and_the_true_one_stands_out() -> None:
    widget = hello()
    svg = ElementTree.fromstring(chain_drawing(widget.frame(step_of(widget, "predict x1"))).svg())
    bars = [r for r in svg.iter(f"{SVG}rect") if r.get("fill") in (ACCENT, "#56B4E9")]
    heights = np.array([float(bar.get("height")) for bar in bars])
    assert heights / heights.sum() == pytest.approx(widget.run.probs[0], abs=0.003)
    assert [bar.get("fill") == ACCENT for bar in bars] == [True, False, False, False]


@pytest.mark.parametrize(
    ("name", "count"), [("predict x1", 0), ("see x1", 1), ("predict x3", 2), ("see x5", 5)]
)
def test_losses_stand_over_seen_symbols_only(name: str, count: int) -> None:
    widget = hello()
    picture = chain_drawing(widget.frame(step_of(widget, name))).svg()
    shown = [f">{loss:.3f}<" in picture for loss in widget.run.losses]
    assert shown == [True] * count + [False] * (5 - count)


def test_arrows_back_are_as_wide_as_the_gradient_is_large() -> None:
    widget = UnrolledRNN(*HELLO, word="oooooooo")
    svg = ElementTree.fromstring(pictures_at(widget, "back to h1"))
    lines = [line for line in svg.iter(f"{SVG}line") if line.get("stroke") == GREEN]
    level = max(float(line.get("y1")) for line in lines)
    arrows = [line for line in lines if float(line.get("y1")) == level]
    assert all(float(line.get("x1")) > float(line.get("x2")) for line in arrows)
    widths = np.array([float(line.get("stroke-width")) for line in arrows])
    assert widths - 0.6 == pytest.approx(
        9 * widget.run.norms[:-1] / widget.run.norms.max(), abs=0.006
    )
    for norm in widget.run.norms:
        assert f">{norm:.2g}<" in pictures_at(widget, "back to h1")


def pictures_at(widget: UnrolledRNN, name: str) -> str:
    return chain_drawing(widget.frame(step_of(widget, name))).svg()


def test_the_update_is_written_out() -> None:
    frame = hello().frame(step_of(hello(), "make h2"))
    title, columns, _ = written_out(frame)
    assert title == "h2 = tanh(W_hh h1 + W_xh x1)"
    values = [column.values for column in columns]
    assert values[0] == pytest.approx([0.2, -0.15, -0.02])
    assert values[1].tolist() == [0.5, 0.7, -0.1], "the column of W_xh for h"
    assert values[0] + values[1] == pytest.approx(values[2])
    assert np.tanh(values[2]) == pytest.approx(values[3])
    assert "W_hh h1: 0.20, -0.15, -0.02" in numbers_drawing(frame).label


def test_weights_used_are_framed_and_the_symbol_picks_a_column() -> None:
    widget = hello()
    for name, frames in (
        ("start", 0),
        ("predict x2", 1),
        ("see x2", 0),
        ("make h3", 2),
        ("back to h2", 1),
    ):
        widget.step = step_of(widget, name)
        svg = ElementTree.fromstring(pictures(widget)[1])
        framed = svg.findall(f"{SVG}rect[@stroke-width='3']")
        assert len(framed) == frames, name
    widget.step = step_of(widget, "make h3")
    matrix, column = ElementTree.fromstring(pictures(widget)[1]).findall(
        "{*}rect[@stroke-width='3']"
    )
    assert float(matrix.get("width")) == pytest.approx(3 * float(column.get("width")), abs=0.2)


@pytest.mark.parametrize(("value", "lines"), [(-0.3, 7), (0.3, 0), (0.0, 0)])
def test_negative_numbers_are_hatched(value: float, lines: int) -> None:
    """A hatching line every 8 pixels of half the cell's rim, 40 + 20."""
    drawing = Drawing(100, 100, label="a cell")
    draw_cell(drawing, (10, 20), (40, 20), value, 1.0)
    svg = ElementTree.fromstring(drawing.svg())
    drawn = svg.findall("{*}g/{*}line")
    assert len(drawn) == lines and svg.find("{*}g").get("transform") == "translate(10.0 20.0)"
    for line in drawn:
        across, up = (float(line.get(f"{a}2")) - float(line.get(f"{a}1")) for a in "xy")
        assert across == pytest.approx(-up, abs=0.2) and 0 <= float(line.get("x1")) <= 40


@pytest.mark.parametrize("value", [0.0, -0.0, 0.00094, 0.00996, 0.0994, 9.996, -99.96, 999.6, -1e6])
def test_short_numbers_are_near_the_value(value: float) -> None:
    text = number_text(value)
    assert len(text) <= 6 and float(text) == pytest.approx(value, rel=0.06)


def test_pictures_fit_the_column_of_a_notebook_and_a_strip() -> None:
    """Also of the largest network: no text beyond the edges, by the width that texts are allowed."""
    rng = np.random.default_rng(0)
    largest = UnrolledRNN(
        *map(rng.normal, [0] * 4, [1] * 4, [(8, 8)] * 3 + [(8,)]), "abcdefgh", "abcdefgh"
    )
    for widget, every in ((hello(), 1), (largest, 4)):
        for step in range(0, widget.last + 1, every):
            frame = widget.frame(step)
            chain, weights, numbers = widget.drawings(frame)
            assert chain.width == WIDE <= 700 and weights.width + numbers.width + 16 <= WIDE
            assert weights.height == numbers.height
            for drawing in (chain, numbers, *widget.strip_drawings(frame)):
                assert_texts_fit(drawing.svg(), drawing.width)


def assert_texts_fit(picture: str, width: float) -> None:
    for text in ElementTree.fromstring(picture).iter(f"{SVG}text"):
        room = 0.56 * float(text.get("font-size")) * len(text.text)
        anchor = text.get("text-anchor") if not text.get("transform") else "turned"
        left = {"start": 0, "middle": room / 2, "end": room, "turned": 0}[anchor]
        right = {"start": room, "middle": room / 2, "end": 0, "turned": 0}[anchor]
        x = float(text.get("x"))
        assert x - left >= -1 and x + right <= width + 1, text.text


# -- controls ------------------------------------------------------------------------------------------------------


def test_another_word_keeps_the_step_where_it_can() -> None:
    widget = hello(others=("hole", "oooooooo", "h"))
    word = find(widget, "word")
    assert word.options == ("hello", "hole", "oooooooo", "h")
    widget.step = step_of(widget, "make h3")
    word.value = "hole"
    assert readout(widget.frame(widget.step)) == "make h3" and "“ho”" in words(widget)
    word.value = "hello"
    widget.step = step_of(widget, "see x5")
    word.value = "hole"
    assert readout(widget.frame(widget.step)) == "see x4" and widget.last == 15
    word.value = "oooooooo"
    widget.step = widget.last
    assert widget.last == 31 and widget.controls.readouts[-1] == "back to h1"
    word.value = "h"
    assert widget.last == 3 and readout(widget.frame(widget.step)) == "back to h1"
    assert widget.controls.drawn == widget.step and widget.controls.error == ""
    press(widget.controls, {"action": "reset"})
    assert (widget.step, word.value, widget.run.word) == (0, "hello", "hello")
    assert "“hello”" in words(widget) and repr(widget) == "UnrolledRNN(step 0 of 19)"


def test_a_word_without_updates_goes_to_the_start() -> None:
    widget = hello(others=("h",), start=3)
    find(widget, "word").value = "h"
    assert widget.step == 0 and len(widget.strip_frames()) >= 2


def test_the_strip_shows_four_telling_steps() -> None:
    widget = hello()
    shown = [readout(frame) for frame in widget.strip_frames()]
    assert shown == ["predict x2", "make h3", "see x5", "back to h1"]
    assert all(d.width == COMPACT or d.width < 300 for d in widget.strip_drawings(widget.frame(5)))


# -- errors --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"W_hh": W_XH},
            ValueError,
            r"W_hh must have shape \(3, 3\), for h_1 has 3 numbers; got \(3, 4\)",
        ),
        ({"W_xh": W_HY}, ValueError, r"W_xh must have shape \(3, 4\), .* 4 symbols; got \(4, 3\)"),
        ({"W_hy": [1.0]}, ValueError, r"W_hy must have shape \(4, 3\), .*; got \(1,\)"),
        (
            {"h_1": [[0.1, 0.2, 0.3]]},
            ValueError,
            r"h_1 must have shape \(d,\) .* got shape \(1, 3\)",
        ),
        ({"h_1": [0.0] * 9}, ValueError, "with d from 1 to 8"),
        ({"h_1": ["a", "b", "c"]}, ValueError, "h_1 must be an array of numbers"),
        ({"W_hh": [[0.1], [0.2, 0.3]]}, ValueError, "W_hh must be an array of numbers"),
        (
            {"h_1": torch.tensor([0.1, math.nan, 0.2])},
            ValueError,
            "finite numbers of at most 1e\\+06",
        ),
        ({"h_1": [0.1, 2e6, 0.2]}, ValueError, "h_1 must hold finite numbers"),
        ({"symbols": list("helo")}, TypeError, "symbols must be a string, got list"),
        (
            {"symbols": "hell"},
            ValueError,
            "symbols must be 2 to 8 different characters, got 'hell'",
        ),
        ({"symbols": "abcdefghi"}, ValueError, "symbols must be 2 to 8"),
        ({"word": "help"}, ValueError, "1 to 8 of the symbols 'helo', got 'help'"),
        ({"word": ""}, ValueError, "1 to 8 of the symbols"),
        ({"word": "o" * 9}, ValueError, "1 to 8 of the symbols"),
        ({"word": 5}, TypeError, "a word must be a string, got int"),
        ({"others": ["hole", "no"]}, ValueError, "got 'no'"),
        (
            {"others": "hole"},
            TypeError,
            "others must be a sequence of words, got the string 'hole'",
        ),
        ({"start": 20}, ValueError, "steps are 0 to 19, got 20"),
    ],
)
def test_bad_arguments_are_refused(
    change: dict[str, object], error: type[Exception], message: str
) -> None:
    arguments = {"W_hh": W_HH, "W_xh": W_XH, "W_hy": W_HY, "h_1": H_1}
    with pytest.raises(error, match=message):
        UnrolledRNN(**{**arguments, **change})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"cell": "lstm"},
            "must have cell='rnn', layers=1 and bias=False, got cell='lstm', layers=1",
        ),
        ({"layers": 2}, "layers=2"),
        ({"bias": True}, "bias=True"),
        ({"attention": True, "position": True}, "without attention, position"),
        ({"end": 0}, "without end"),
        ({"num_classes": 2}, "without num_classes"),
        ({"ordering": "reverse"}, "without ordering='reverse'"),
        (
            {"conditional": Categorical(3)},
            "symbols must be 3 characters, one for each level, got 'helo'",
        ),
        ({"conditional": None}, "with a Categorical conditional, got .* with Bernoulli"),
        ({"hidden": 9}, "h_1 must have shape"),
    ],
)
def test_other_models_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        UnrolledRNN.from_model(model(**{"conditional": Categorical(4), **options}), "helo", "hello")


def test_a_word_longer_than_the_events_and_other_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 6 symbols, as the model's events; got 7"):
        UnrolledRNN.from_model(model(conditional=Categorical(4)), "helo", "he", ["hellooo"])
    with pytest.raises(TypeError, match="model must be an RNN, got NADE"):
        Cell.from_model(NADE((4,), hidden=2), "helo")
    with pytest.raises(TypeError, match="a word must be a string"):
        Unrolled(Cell(*HELLO, symbols="helo"), None)
