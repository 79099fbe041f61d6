"""A model writes a text: against `model.sample` and `model.log_prob`, the layout by hand, every control."""

from __future__ import annotations

import html
import math
import re
import time
from types import SimpleNamespace
from xml.etree import ElementTree

import ipywidgets
import numpy as np
import pytest
import torch
from random_weights import randomised
from test_widget_foundations import pictures, words
from test_widgets import descendants, find, press

import armodels_lite as ar
from armodels_lite.widgets import TextSampler
from armodels_lite.widgets.text_state import Alphabet, TextFrame, TextState
from armodels_lite.widgets.text_view import laid_out, line_count, text_drawing

SYMBOLS = "ab <\n"
MODELS = {
    "fvsbn": lambda: ar.FVSBN((20,), conditional=ar.Categorical(5)),
    "nade": lambda: ar.NADE((20,), hidden=6, conditional=ar.Categorical(5)),
    "logistic": lambda: ar.FVSBN((20,), conditional=ar.LogisticMixture(2, 5)),
    "gru": lambda: ar.RNN((20,), hidden=7, cell="gru", conditional=ar.Categorical(5)),
    "classes": lambda: ar.MADE((20,), hidden=(9,), conditional=ar.Categorical(5), num_classes=3),
}
every_model = pytest.mark.parametrize("name", MODELS)


def model_of(name: str = "nade", scale: float = 0.8) -> ar.AutoregressiveModel:
    torch.manual_seed(0)
    return randomised(MODELS[name]().double(), scale)


def sampler_of(name: str = "nade", **options: object) -> TextSampler:
    return TextSampler(model_of(name), SYMBOLS, **{"prompt": "ba ", "seed": 3, **options})


def namer(**options: object) -> TextSampler:
    """A model of words of up to 12 letters that end in a full stop, which comes about every fifth time."""
    torch.manual_seed(0)
    model = ar.RNN((12,), hidden=4, conditional=ar.Categorical(5), end=4)
    return TextSampler(randomised(model, 0.4), ar.Vocabulary("abc<.", end="."), **options)


def sampled(state: TextState) -> torch.Tensor:
    """The levels (T,) that completion of the prompt gives."""
    prompt, total = state.prompt, state.model.num_variables
    observed = torch.zeros(1, total, dtype=torch.int64)
    observed[0, : len(prompt)] = torch.tensor(prompt, dtype=torch.int64)
    return state.model.sample(
        1,
        generator=torch.Generator().manual_seed(state.seed),
        observed=observed,
        mask=(torch.arange(total) < len(prompt)).unsqueeze(0),
        context=state.context,
        temperature=state.temperature,
    )[0]


# -- the state ---------------------------------------------------------------------------------------------------


@every_model
@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.0])
def test_writing_to_the_end_is_sampling(name: str, temperature: float) -> None:
    state = TextState(model_of(name), SYMBOLS, prompt="ba ", temperature=temperature, seed=3)
    for step in range(state.last + 1):
        frame = state.frame(step)
    x = sampled(state)
    assert frame.levels == x.tolist() and frame.current is None
    assert state.text(state.last) == "".join(SYMBOLS[level] for level in x)
    with torch.no_grad():
        of_each = state.model(x.unsqueeze(0), state.context).log_prob(x)[0]
    assert frame.nats == pytest.approx(-of_each[3:].sum().item(), abs=1e-9)
    assert frame.perplexity == pytest.approx((-of_each[3:].mean()).exp().item())
    surprises = [choice.surprise for choice in frame.written]
    assert surprises == pytest.approx((-of_each[3:]).tolist(), abs=1e-9)


@every_model
def test_a_choice_holds_both_distributions_and_u_lies_in_the_share(name: str) -> None:
    state = TextState(model_of(name), SYMBOLS, prompt="b", temperature=0.6, seed=5)
    x = sampled(state).unsqueeze(0)
    with torch.no_grad():
        logs = state.model(x, state.context).level_log_probs()[0].numpy()
    for step in range(state.last):
        choice = state.frame(step).current
        assert choice.log_probs == pytest.approx(logs[step + 1], abs=1e-9)
        sharpened = np.exp(logs[step + 1]) ** (1 / 0.6)
        assert choice.probs == pytest.approx(sharpened / sharpened.sum(), abs=1e-9)
        low, high = choice.share
        assert low <= choice.u < high and high - low == pytest.approx(choice.probs[choice.level])
        best = choice.most_likely(2)
        assert choice.probs[best[0]] >= choice.probs[best[1]] >= np.sort(choice.probs)[-2]


def test_going_back_and_jumping_show_the_same() -> None:
    walked, jumped = (TextState(model_of(), SYMBOLS, seed=2) for _ in range(2))
    forward = [walked.frame(step) for step in range(walked.last + 1)]
    for step in (20, 3, 11, 0):
        for state in (walked, jumped):
            again = state.frame(step)
            assert again.levels == forward[step].levels and again.nats == forward[step].nats
    with pytest.raises(ValueError, match="steps are 0 to 20, got 21"):
        walked.frame(21)


def test_temperature_draws_from_the_same_noise() -> None:
    state = TextState(model_of(), SYMBOLS, prompt="a", seed=1)
    before = state.frame(state.last)
    state.set_temperature(0.3)
    colder = state.frame(state.last)
    assert [c.u for c in colder.written] == [c.u for c in before.written]
    assert colder.levels == sampled(state).tolist() != before.levels
    state.set_temperature(1.0)
    assert state.frame(state.last).levels == before.levels
    state.renew(2)
    assert state.frame(state.last).levels == sampled(state).tolist() != before.levels


def test_a_shorter_length_writes_the_beginning() -> None:
    long, short = (TextState(model_of(), SYMBOLS, length=length) for length in (None, 8))
    assert short.last == 8 and short.text(8) == long.text(8)


@pytest.mark.parametrize("model_ends", [True, False])
def test_the_end_symbol_ends_the_text(model_ends: bool) -> None:
    """Whoever names the end, the vocabulary or the model, the text stops where `sample` first draws it."""
    torch.manual_seed(0)
    model = ar.RNN(
        (12,), hidden=4, conditional=ar.Categorical(5), **({"end": 4} if model_ends else {})
    )
    symbols = "abcd." if model_ends else SimpleNamespace(symbols="abcd.", end=4)
    lengths = set()
    for seed in range(12):
        state = TextState(randomised(model, 0.2), symbols, prompt="ab", seed=seed)
        x = sampled(state).tolist()
        last = state.frame(state.last)
        assert last.levels == (x[: x.index(4) + 1] if 4 in x else x)
        assert last.ended == (4 in x) and last.current is None
        assert state.text(state.last) == "".join("abcd."[k] for k in x).split(".")[0]
        lengths.add(state.last)
    assert len(lengths) > 3


def test_a_model_trained_on_is_seen_after_restart() -> None:
    state = TextState(model_of(), SYMBOLS)
    state.frame(9)
    randomised(state.model, 1.0, seed=9)
    state.restart()
    assert state.frame(20).levels == sampled(state).tolist()
    state.model.train()
    state.restart()
    state.frame(5)
    assert state.model.training and torch.is_grad_enabled()


def test_weights_that_are_nan_are_told() -> None:
    model = model_of("fvsbn")
    with torch.no_grad():
        next(model.parameters()).fill_(math.nan)
    with pytest.raises(ValueError, match="parameters are NaN"):
        TextState(model, SYMBOLS).frame(3)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": torch.nn.Linear(2, 2)}, TypeError, "AutoregressiveModel, got Linear"),
        ({"model": ar.FVSBN((4, 5), conditional=ar.Categorical(5))}, ValueError, r"shape \(T,\)"),
        ({"model": ar.FVSBN((20,))}, ValueError, "must be int levels"),
        (
            {"model": ar.FVSBN((20,), conditional=ar.Categorical(5), ordering="reverse")},
            ValueError,
            "from left to right: the model's ordering must be 'raster'",
        ),
        ({"symbols": "abc"}, ValueError, "the model has 5 levels, but there are 3 symbols"),
        ({"symbols": "abcda"}, ValueError, r"stand there once, got more of \['a'\]"),
        ({"symbols": 5}, TypeError, "symbols must be a string, .* got int"),
        ({"symbols": SimpleNamespace(symbols=SYMBOLS, end=5)}, ValueError, "a level 0 to 4, got 5"),
        ({"prompt": 3}, TypeError, "a text must be a string, got int"),
        ({"prompt": "bxéx"}, ValueError, "has no symbol x, é; its symbols are space, newline, ab<"),
        ({"prompt": "\t"}, ValueError, "has no symbol tab"),
        (
            {"prompt": "b<", "symbols": SimpleNamespace(symbols=SYMBOLS, end=3)},
            ValueError,
            "< ends a text",
        ),
        ({"prompt": "a" * 20}, ValueError, "at most 19 characters here, got 20"),
        ({"prompt": "abab", "length": 4}, ValueError, "at most 3 characters here, got 4"),
        ({"length": 21}, ValueError, "length must be an int from 1 to 20, got 21"),
        ({"length": 4.0}, ValueError, "length must be an int"),
        ({"temperature": 3.0}, ValueError, "temperature must lie between 0.1 and 2, got 3.0"),
        ({"temperature": 0}, ValueError, "temperature must be a positive number"),
        ({"seed": -1}, ValueError, "seed must be an int from 0"),
        ({"context": 1}, ValueError, "context"),
    ],
)
def test_what_writes_no_text_is_refused(
    change: dict[str, object], error: type[Exception], message: str
) -> None:
    arguments = {"model": MODELS["fvsbn"](), "symbols": SYMBOLS, **change}
    with pytest.raises(error, match=message):
        TextSampler(**arguments)


# -- the pictures ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("aa bb", ["aa bb"]),
        ("aa bbb", ["aa ", "bbb"]),  # a word that does not fit goes to the next line
        ("aaaaa ", ["aaaaa "]),  # a space hangs over
        ("aaaaa  b", ["aaaaa ", " b"]),
        ("aaaaaaa b", ["aaaaa", "aa b"]),  # a word longer than a line is cut
        ("aaaaa\nb", ["aaaaa\n", "b"]),
        ("a\n\nb", ["a\n", "\n", "b"]),
        ("a aaaaaa", ["a ", "aaaaa", "a"]),
    ],
)
def test_lines_are_wrapped_at_words(text: str, lines: list[str]) -> None:
    alphabet = Alphabet("ab \n")
    places = laid_out(list(alphabet.encode(text)), alphabet, 5)
    found = [""] * (places[-1][0] + 1)
    for symbol, (line, column) in zip(text, places, strict=False):
        assert column == len(found[line]) <= 5
        found[line] += symbol
    assert found == lines + [""] * (len(found) - len(lines))
    assert places[-1][1] == len(found[-1])


def test_what_is_written_never_moves_lines_of_finished_words() -> None:
    alphabet = Alphabet("ab \n")
    levels = torch.randint(0, 4, (300,), generator=torch.Generator().manual_seed(0)).tolist()
    whole = laid_out(levels, alphabet, 9)
    for count in range(1, 300):
        if levels[count - 1] >= 2:
            assert laid_out(levels[:count], alphabet, 9)[:count] == whole[:count]


def letters(picture: str) -> list[str]:
    group = ElementTree.fromstring(picture).find("{*}g[@font-family='monospace']")
    return [item.text for item in group]


def shades(picture: str) -> list[float]:
    """The opacities of cells: what lies below the legend."""
    rects = ElementTree.fromstring(picture).findall("{*}rect[@fill='#0072B2']")
    return [float(r.get("fill-opacity", 1)) for r in rects if float(r.get("y")) > 20]


def test_letters_are_escaped_and_newlines_shown() -> None:
    state = TextState(model_of(), SYMBOLS, prompt="a<b \n<a")
    picture = text_drawing(state.frame(0)).svg()
    assert letters(picture) == list("a<b↵<a")
    assert "a&lt;b" in picture and 'aria-label="text so far: a&lt;b  &lt;a"' in picture
    root = ElementTree.fromstring(picture)
    underlines = [r for r in root.findall("{*}line") if float(r.get("y1")) > 24]
    assert len(underlines) == 7 and not shades(picture), "the prompt is underlined, not shaded"


def test_shading_is_in_proportion_to_surprise_up_to_that_of_a_uniform_guess() -> None:
    state = TextState(model_of(scale=1.5), "ab <c", prompt="a", seed=4)
    frame = state.frame(state.last)
    surprises = [choice.surprise for choice in frame.written]
    expected = [0.6 * min(s / math.log(5), 1) for s in surprises]
    shown = [share for share in expected if share >= 0.01]
    assert shades(text_drawing(frame).svg()) == pytest.approx(shown, abs=0.006)
    assert max(surprises) > math.log(5) > min(surprises)


def test_only_the_last_lines_of_a_long_text_are_shown() -> None:
    state = TextState(ar.FVSBN((60,), conditional=ar.Categorical(2)), "a\n")
    first, last = state.frame(0), state.frame(60)
    assert line_count(first, 70) == line_count(last, 70) == 6
    lines = state.text(60).count("\n") + 1
    picture = text_drawing(last).svg()
    assert f"{lines - 6} lines above" in picture
    assert letters(picture).count("↵") == 5
    assert text_drawing(first).height == text_drawing(last).height


def test_symbols_that_cannot_be_seen_have_names() -> None:
    symbols = SimpleNamespace(symbols="\x00\u00a0 \n\t'.", end=6)
    alphabet = Alphabet(symbols)
    names = [alphabet.name(level) for level in range(7)]
    assert names == ["U+0000", "U+00A0", "space", "newline", "tab", "'", "end"]
    model = ar.FVSBN((9,), conditional=ar.Categorical(7))
    for seed in range(5):
        sampler = TextSampler(model, symbols, prompt="\x00\u00a0\t", seed=seed)
        for picture in pictures(sampler):
            ElementTree.fromstring(picture)


def bars(widget: TextSampler) -> dict[str, str]:
    """Name and number of each row of the bars."""
    texts = [item.text for item in ElementTree.fromstring(pictures(widget)[1]).findall("{*}text")]
    rows = texts[texts.index("temperature 1") + 1 :] if "temperature 1" in texts else texts[1:]
    return dict(zip(rows[::2], rows[1::2], strict=True))


def test_bars_show_the_most_likely_the_drawn_one_and_the_rest() -> None:
    symbols = "abcdefghijklmnopqrstuvwx \n"
    torch.manual_seed(0)
    model = randomised(ar.NADE((30,), hidden=5, conditional=ar.Categorical(26)), 0.6)
    widget = TextSampler(model, symbols, temperature=1.4, seed=1)
    seen = set()
    for step in range(widget.last):
        widget.step = step
        choice, rows = widget.frame(step).current, bars(widget)
        ranks = choice.most_likely(26)
        beyond = ranks.index(choice.level) >= 8
        seen.add(beyond)
        shown = ranks[:8] + [choice.level] * beyond
        assert list(rows) == [
            *(Alphabet(symbols).name(k) for k in shown),
            f"{26 - len(shown)} more",
        ]
        numbers = list(map(float, rows.values()))
        assert numbers[:-1] == pytest.approx(choice.probs[shown], abs=0.0005)
        assert sum(numbers) == pytest.approx(1, abs=0.006)
    assert seen == {True, False}


def test_at_temperature_one_there_are_no_outlines() -> None:
    def outlines(widget: TextSampler) -> int:
        root = ElementTree.fromstring(pictures(widget)[1])
        return len(root.findall("{*}rect[@fill='none']"))

    widget = sampler_of()
    assert outlines(widget) == 0
    widget._temperature.value = 0.5
    assert outlines(widget) == 6, "one in the legend and one for each of five symbols"


# -- the controls ------------------------------------------------------------------------------------------------


def test_words_of_a_step() -> None:
    widget = sampler_of(temperature=0.5)
    widget.step = 4
    choice = widget.frame(4).current
    told = words(widget)
    name = Alphabet(SYMBOLS).name(choice.level)
    assert f"Place 8 of 20: u = {choice.u:.3f} lies in the share of" in told and name in told
    assert f"probability is {choice.probs[choice.level]:.3f} at temperature 0.50, " in told
    assert f"surprise is {choice.surprise:.2f} nats" in told
    frame = widget.frame(4)
    assert f"4 characters; {frame.nats:.2f} nats" in told
    assert f"perplexity {frame.perplexity:.2f} a character" in told
    widget.step = widget.last
    assert "The text is complete: all 20 places are taken." in words(widget)


def test_temperature_and_new_text_keep_the_step_and_a_whole_text_whole() -> None:
    widget = sampler_of()
    widget.step = 6
    before = widget.text
    find(widget, "temperature").value = 0.3
    assert widget.step == 6 and widget.state.temperature == 0.3
    find(widget, "New text").click()
    assert widget.state.seed == 4 and widget.step == 6 and "seed 4" in words(widget)
    find(widget, "To the end").click()
    assert widget.step == widget.last == 17
    press(widget.controls, {"action": "reset"})
    assert (widget.step, widget.state.seed, widget.state.temperature) == (0, 3, 1.0)
    widget.step = 6
    assert widget.text == before


def test_the_walk_ends_with_the_text() -> None:
    widget = namer()
    for _ in range(30):
        whole = widget.step == widget.last
        find(widget, "New text").click()
        assert widget.last == widget.state.last == widget.controls.last
        assert widget.controls.error == "" and widget.controls.drawn == widget.step <= widget.last
        assert not whole or widget.step == widget.last
        find(widget, "To the end").click()
    ends = set()
    for value in (0.1, 2.0, 0.6, 1.4):
        find(widget, "temperature").value = value
        assert widget.step == widget.last == widget.state.last
        ends.add(widget.last)
    assert len(ends) > 1
    while not widget.frame(widget.last).ended:
        find(widget, "New text").click()
    assert "the end symbol was drawn" in words(widget) and "." not in widget.text
    assert letters(pictures(widget)[0])[-1] == "■"


def test_another_prompt_starts_anew_and_a_bad_one_changes_nothing() -> None:
    widget = sampler_of()
    box = find(widget, "prompt")
    assert isinstance(box, ipywidgets.Textarea), "newlines can be typed"
    assert isinstance(find(namer(), "prompt"), ipywidgets.Text)
    widget.step = 7
    before = pictures(widget), words(widget)
    box.value = "b<script>"
    note = next(w for w in descendants(widget) if w is widget._note)
    assert "no symbol s, c, r, i, p, t, &gt;" in note.value and 'role="alert"' in note.value
    assert (pictures(widget), words(widget)) == before and widget.controls.error == ""
    box.value = "a" * 20
    assert "at most 19 characters" in html.unescape(note.value)
    box.value = "a<\n"
    assert note.value == "" and widget.step == 0 and widget.text == "a<\n"
    widget.step = 5
    assert widget.state.frame(17).levels == sampled(widget.state).tolist()
    box.value = ""
    assert widget.last == 20 and widget.text == "" and "Nothing is written yet" in words(widget)
    box.value = "x"
    press(widget.controls, {"action": "reset"})
    assert (box.value, note.value, widget.text, widget.last) == ("ba ", "", "ba ", 17)


def test_a_class_is_written_for() -> None:
    texts = {sampler_of("classes", context=k, prompt="").state.text(20) for k in range(3)}
    assert len(texts) == 3
    assert sampler_of("classes", prompt="").state.text(20) in texts


def test_a_strip_shows_three_steps_of_this_text() -> None:
    strip = sampler_of(temperature=0.7).strip()
    assert re.search("0 written: Place 4 of 20.* 8 written: .* the whole text: The text", strip.alt)


def test_a_step_of_a_large_model_is_fast() -> None:
    model = ar.RNN((64,), hidden=512, cell="gru", conditional=ar.Categorical(65))
    widget = TextSampler(model, "".join(chr(40 + k) for k in range(64)) + "\n", temperature=0.8)
    times = []
    for step in [*range(1, 30), *range(28, 0, -1)]:
        start = time.process_time()  # not slowed by what else runs
        widget.step = step
        times.append(time.process_time() - start)
    assert np.median(times) < 0.03
    assert isinstance(widget.frame(3), TextFrame)
