"""The next symbol: against plain numpy and `model.sample`, ties and limits of both filters, every control."""

from __future__ import annotations

import html
import math
import re
import time
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from random_weights import randomised
from scipy import stats
from test_widget_foundations import pictures, words
from test_widgets import find, press

import armodels_lite as ar
from armodels_lite.widgets import NextSymbol, TextSampler
from armodels_lite.widgets.next_state import (
    NextFrame,
    NextSettings,
    entropy,
    next_frame,
    symbol_names,
)
from armodels_lite.widgets.next_view import rows

WORDS = ["the", "a", "his", "mat", "floor", "understanding"]


def widget_of(probs: list[float], **options: object) -> NextSymbol:
    symbols = [f"s{level}" for level in range(len(probs))]
    return NextSymbol(torch.tensor(probs, dtype=torch.float64).log(), symbols, **options)


def frame_of(probs: np.ndarray | list[float], u: float = 0.5, **options: object) -> NextFrame:
    """The last frame of a draw, without a widget."""
    logits = torch.tensor(probs, dtype=torch.float64).log()
    names = tuple(f"s{level}" for level in range(len(probs)))
    return next_frame(logits, names, NextSettings(**options), torch.tensor(u), 4)


def random_widget(count: int = 40, seed: int = 0, **options: object) -> NextSymbol:
    rng = np.random.default_rng(seed)
    names = [f"s{level}" for level in range(count)]
    return NextSymbol(torch.from_numpy(2 * rng.normal(size=count)), names, **options)


def drawn_in_numpy(p: np.ndarray, settings: NextSettings, u: float) -> tuple[np.ndarray, int]:
    """What is left of p after temperature and filter, and the level that u gives: loops, no torch."""
    q = p ** (1 / settings.temperature)
    q /= q.sum()
    by_rank = sorted(range(len(q)), key=lambda level: (-q[level], level))
    if settings.filter == "top-k":
        by_rank = by_rank[: settings.k]
    elif settings.filter == "top-p":
        total, taken = 0.0, 0
        while total < settings.p and taken < len(q):
            total, taken = total + q[by_rank[taken]], taken + 1
        by_rank = by_rank[:taken]
    left = np.zeros_like(q)
    left[by_rank] = q[by_rank]
    left /= left.sum()
    total = 0.0
    for level, share in enumerate(left):
        total += share
        if u < total:
            return left, level
    raise AssertionError("u lies in no share")


# -- the numbers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.2, 0.7, 1.0, 2.0])
@pytest.mark.parametrize(
    "options",
    [
        {"filter": "none"},
        {"filter": "top-k", "k": 1},
        {"filter": "top-k", "k": 7},
        {"filter": "top-p", "p": 0.01},
        {"filter": "top-p", "p": 0.77},
    ],
    ids=str,
)
def test_every_stage_is_what_numpy_computes(temperature: float, options: dict[str, object]) -> None:
    for seed, u in enumerate(np.float32([0.01, 0.3, 0.5, 0.75, 0.999])):
        p = np.exp(2 * np.random.default_rng(seed).normal(size=40))
        p /= p.sum()
        frame = frame_of(p, u, temperature=temperature, **options)
        left, level = drawn_in_numpy(p, frame.settings, float(u))
        assert frame.own == pytest.approx(p, abs=1e-12)
        tempered = p ** (1 / temperature)
        assert frame.tempered == pytest.approx(tempered / tempered.sum(), abs=1e-12)
        assert frame.final == pytest.approx(left, abs=1e-12)
        assert frame.kept.tolist() == (left > 0).tolist() and frame.level == level
        assert frame.cut_mass == pytest.approx(frame.tempered[left == 0].sum(), abs=1e-12)
        low, high = frame.share
        assert low <= frame.u < high and high - low == pytest.approx(left[level])
        for now in (frame.own, frame.tempered, frame.final):
            assert entropy(now) == pytest.approx(stats.entropy(now), abs=1e-12)


def test_the_temperature_comes_before_the_filter() -> None:
    """Sharpened first, one symbol reaches 0.6; filtered first, two would be left."""
    frame = frame_of([0.5, 0.3, 0.2], temperature=0.5, filter="top-p", p=0.6)
    assert frame.kept.tolist() == [True, False, False]
    assert frame.tempered == pytest.approx(np.array([25, 9, 4]) / 38)


def test_of_equally_likely_symbols_the_first_stay() -> None:
    even = [1 / 8] * 8  # eighths add up without rounding
    for k in range(1, 9):
        for options in ({"filter": "top-k", "k": k}, {"filter": "top-p", "p": k / 8}):
            frame = frame_of(even, **options)
            assert frame.kept.tolist() == [True] * k + [False] * (8 - k)
            assert frame.order.tolist() == list(range(8))
    frame = frame_of([0.1, 0.3, 0.3, 0.3], filter="top-k", k=2, temperature=1.7)
    assert frame.kept.tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    "options",
    [{"filter": "top-k", "k": 6}, {"filter": "top-k", "k": 99}, {"filter": "top-p", "p": 1}],
)
def test_a_filter_that_cuts_nothing_says_so(options: dict[str, object]) -> None:
    widget = widget_of([0.4, 0.3, 0.2, 0.0999, 1e-4, 1e-20], temperature=1.0, start=2, **options)
    frame = widget.frame(2)
    assert frame.kept.all() and frame.cut_mass == 0 and "nothing is cut" in words(widget)
    assert "Kept: 6 of 6 symbols" in words(widget)
    widget.step = 3
    assert "Nothing was cut" in words(widget)


def test_a_small_p_leaves_the_likeliest_alone() -> None:
    widget = widget_of([0.2, 0.5, 0.3], temperature=1.0, filter="top-p", p=0.01, start=2)
    assert widget.frame(2).kept.tolist() == [False, True, False]
    assert "‘s1’ alone has 0.500 and stays by itself" in words(widget)
    widget.step = 4
    assert widget.frame(4).level == 1 and "0.000 to 1.000, so ‘s1’ is drawn" in words(widget)
    assert "Entropy 0.00 nats: as uncertain as a fair choice among 1.0 symbol;" in words(widget)


def test_excluded_symbols_are_no_choice_and_not_cut() -> None:
    logits = torch.tensor([0.0, -math.inf, 0.0, -math.inf])
    widget = NextSymbol(logits, "abcd", 0.5, "none", start=2)
    assert "No filter: all 2 symbols stay" in words(widget)
    drawn = {NextSymbol(logits, "abcd", seed=seed).frame(4).level for seed in range(6)}
    assert drawn == {0, 2}
    widget.step = 4
    assert ">cut<" not in pictures(widget)[0] and "Kept: 2 of 2" in words(widget)
    widget.step = 1
    assert "no temperature changes anything" in words(widget)


# -- a model -----------------------------------------------------------------------------------------------------


def model_of(kind: str) -> ar.AutoregressiveModel:
    torch.manual_seed(0)
    models = {
        "gru": lambda: ar.RNN((9,), hidden=5, cell="gru", conditional=ar.Categorical(5)),
        "classes": lambda: ar.NADE((9,), hidden=5, conditional=ar.Categorical(5), num_classes=3),
        "ending": lambda: ar.RNN((9,), hidden=5, conditional=ar.Categorical(5), end=4),
    }
    return randomised(models[kind](), 0.9)


@pytest.mark.parametrize("kind", ["gru", "classes", "ending"])
@pytest.mark.parametrize("prompt", ["", "ba c"])
def test_the_symbol_is_the_one_that_sample_draws(kind: str, prompt: str) -> None:
    model, symbols = model_of(kind), ar.Vocabulary("abc .", end="." if kind == "ending" else None)
    context = torch.tensor([2]) if kind == "classes" else None
    observed, mask = symbols.prompt(prompt, 1, 9)
    seen = set()
    for seed in range(5):
        widget = NextSymbol.from_model(model, symbols, prompt, context, seed=seed, k=3, p=0.8)
        find(widget, "temperature").value = 1.3
        for name, keep in (("none", None), ("top-k", ar.top_k(3)), ("top-p", ar.top_p(0.8))):
            find(widget, "filter").value = name
            x = model.sample(
                1,
                generator=torch.Generator().manual_seed(seed),
                context=context,
                observed=observed,
                mask=mask,
                temperature=1.3,
                filter=keep,
            )
            assert widget.frame(4).level == x[0, len(prompt)]
            seen.add(widget.frame(4).level)
    assert len(seen) > 2
    assert widget.frame(0).names == ("a", "b", "c", "space", "end" if kind == "ending" else ".")
    with torch.no_grad():
        logs = model(observed, context).level_log_probs()[0, len(prompt)]
    assert np.log(widget.frame(0).own) == pytest.approx(logs.numpy(), abs=1e-6)
    assert ("after ‘ba c’" in words(widget)) == bool(prompt)


def test_text_sampler_draws_the_same() -> None:
    model = model_of("gru")
    for seed in range(4):
        text = TextSampler(model, "abc .", "ba", temperature=0.6, seed=seed).frame(0).current
        widget = NextSymbol.from_model(model, "abc .", "ba", None, seed=seed, filter="none")
        find(widget, "temperature").value = 0.6
        frame = widget.frame(4)
        assert (frame.level, frame.u) == (text.level, text.u)
        assert frame.final == pytest.approx(text.probs, abs=1e-6)


# -- the picture -------------------------------------------------------------------------------------------------


def numbers(widget: NextSymbol) -> dict[str, str]:
    """Name and number of each row."""
    texts = ElementTree.fromstring(pictures(widget)[0]).findall("{*}text[@text-anchor='end']")
    told = [item.text for item in texts if item.get("x") in ("116.0", "386.0") and item.text]
    return dict(zip(told[::2], told[1::2], strict=True))


@pytest.mark.parametrize("count", [2, 15, 16, 17, 40])
def test_at_most_fifteen_bars_and_all_others_in_one(count: int) -> None:
    widget = random_widget(count, temperature=1.0, filter="none")
    frame = widget.frame(0)
    shown = count if count <= 16 else 15
    best = sorted(range(count), key=lambda level: -frame.own[level])
    told = numbers(widget)
    names = [f"s{level}" for level in best[:shown]]
    assert list(told) == names + [f"{count - 15} others"] * (count > 16)
    values = [float(text) for text in told.values() if text != "<0.001"]
    expected = [*np.sort(frame.own)[::-1][:shown], frame.own[best[shown:]].sum()]
    assert values == pytest.approx(expected[: len(values)], abs=0.0006)
    assert sum(row.sum(frame.own) for row in rows(frame)) == pytest.approx(1)


def test_what_is_cut_is_hatched_and_then_told_cut() -> None:
    widget = NextSymbol(torch.arange(6.0, 0.0, -1), WORDS, 1.0, "top-k", k=2, start=2)

    def filled() -> list[float]:
        rects = ElementTree.fromstring(pictures(widget)[0]).findall("{*}rect[@fill='#56B4E9']")
        return [float(r.get("width")) for r in rects if r.get("x") == "122.0"]

    scale = (334 - 122) / 0.8
    assert filled()[:2] == pytest.approx(scale * widget.frame(2).tempered[:2], abs=0.1)
    assert sum(filled()[2:]) == 0, "nothing is filled below the line"
    assert "0.086" in numbers(widget)["his"] and "k = 2" in pictures(widget)[0]
    widget.step = 3
    assert list(numbers(widget).values()) == ["0.731", "0.269"] + ["cut"] * 4
    outlines = ElementTree.fromstring(pictures(widget)[0]).findall("{*}rect[@fill='none']")
    widths = [float(r.get("width")) for r in outlines if r.get("x") == "122.0"]
    assert widths == pytest.approx(scale * widget.frame(2).tempered, abs=0.06)


def test_the_line_at_u_meets_the_share_of_the_drawn_symbol_alone() -> None:
    widget = random_widget(60, temperature=1.8, p=0.95, start=4)
    for _ in range(12):
        find(widget, "new u").click()
        root = ElementTree.fromstring(pictures(widget)[0])
        (line,) = root.findall("{*}line[@stroke='#D55E00']")
        (chosen,) = root.findall("{*}rect[@fill='#0072B2']")
        u, left, width = float(line.get("x1")), float(chosen.get("x")), float(chosen.get("width"))
        assert left - 0.2 <= u <= left + width + 0.2
        shares = [r for r in root.findall("{*}rect[@fill='#56B4E9']") if float(r.get("x")) >= 412]
        met = [r for r in shares if 0.2 < u - float(r.get("x")) < float(r.get("width")) - 0.2]
        assert not met and f"u = {widget.frame(4).u:.3f}" in pictures(widget)[0]


def test_symbols_get_names() -> None:
    assert symbol_names(["\n", " ", " the", "of\tit", "x"], 5) == (
        "newline",
        "space",
        "␣the",
        "of⇥it",
        "x",
    )
    assert symbol_names(ar.Vocabulary("ab.", end="."), 3) == ("a", "b", "end")
    long = NextSymbol(torch.tensor([1.0, 0.0]), ["a<b", "incomprehensibility"], after="x <\n" * 30)
    ElementTree.fromstring(pictures(long)[0])
    assert "a&lt;b" in pictures(long)[0] and "incomprehens…" in pictures(long)[0]
    assert "⏎" in html.unescape(words(long)) and len(words(long)) < 500


# -- the controls ------------------------------------------------------------------------------------------------


def test_only_the_slider_of_the_filter_can_be_moved_and_the_step_stays() -> None:
    widget = random_widget(start=3)
    filter, k, p = (find(widget, name) for name in ("filter", "k", "p"))
    seen = {pictures(widget)[0]}
    for value, enabled in (("top-k", k), ("none", None), ("top-p", p)):
        filter.value = value
        assert [s for s in (k, p) if not s.disabled] == [s for s in (k, p) if s is enabled]
        assert widget.settings.filter == value and widget.step == 3
        seen.add(pictures(widget)[0])
    assert len(seen) == 3
    for control, value in ((p, 0.5), (find(widget, "temperature"), 1.6)):
        control.value = value
        assert widget.step == 3 and pictures(widget)[0] not in seen
        seen.add(pictures(widget)[0])
    assert widget.settings == NextSettings(1.6, "top-p", 5, 0.5)
    widget.step = 4
    u = widget.frame(4).u
    find(widget, "new u").click()
    assert widget.step == 4 and widget.seed == 1 and widget.frame(4).u != u
    press(widget.controls, {"action": "reset"})
    assert (widget.step, widget.seed, widget.frame(0).u) == (0, 0, u)
    assert widget.settings == NextSettings(0.7, "top-p", 5, 0.9)
    assert (find(widget, "temperature").value, p.value, filter.value) == (0.7, 0.9, "top-p")


def test_a_browser_that_rounds_to_a_step_changes_nothing() -> None:
    widget = random_widget(temperature=0.777, p=0.123, k=200)
    temperature, p, k = (find(widget, name) for name in ("temperature", "p", "k"))
    assert (temperature.value, p.value, k.value, k.max) == (0.8, 0.12, 200, 200)
    temperature.value, p.value = 0.8 + 1e-14, 0.12 + 1e-14
    assert widget.settings == NextSettings(0.777, "top-p", 200, 0.123)
    p.value = 0.13
    assert widget.settings.p == 0.13
    for slider in (temperature, p, k):
        slider.value = slider.min
        slider.value = slider.max
    assert widget.settings == NextSettings(2.0, "top-p", 200, 1.0) and widget.controls.error == ""


def test_words_of_each_step() -> None:
    widget = widget_of([0.5, 0.2, 0.2, 0.1], temperature=1.0, p=0.65, filter="top-p", after="cat")
    assert "one distribution over 4 symbols after ‘cat’" in words(widget)
    assert "Entropy 1.22 nats: as uncertain as a fair choice among 3.4 symbols." in words(widget)
    widget.step = 1
    assert "Temperature 1.00 leaves every probability as it is" in words(widget)
    widget.step = 2
    assert "until the sum reaches p = 0.65: 2 symbols reach 0.700" in words(widget)
    assert "Without the last one, ‘s1’, the sum is 0.500: too little" in words(widget)
    assert "Kept: 2 of 4 symbols; cut mass 0.300." in words(widget)
    widget.step = 3
    assert "sums to 0.700" in words(widget) and "factor, 1.429" in words(widget)
    left = np.array([5, 2]) / 7
    assert f"Entropy {stats.entropy(left):.2f} nats" in words(widget)
    widget.step = 4
    assert re.search("u = 0.993 lies in the share of ‘s1’, 0.714 to 1.000", words(widget))
    assert "probability is 0.286; under the model itself it is 0.200" in words(widget)
    find(widget, "temperature").value = 0.5
    widget.step = 1
    assert "p^(1/0.50) = p^2.00" in words(widget) and "from 0.500 to 0.735" in words(widget)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"logits": [0.5, 0.5]}, TypeError, "logits must be a tensor of floats, got list"),
        ({"logits": torch.arange(6)}, TypeError, "a tensor of floats, got torch.int64"),
        ({"logits": torch.zeros(2, 3)}, ValueError, r"shape \(K,\) .* got \(2, 3\)"),
        ({"logits": torch.zeros(1), "symbols": "a"}, ValueError, "K of at least 2"),
        ({"logits": torch.full((6,), math.nan)}, ValueError, "got NaN or"),
        ({"logits": torch.full((6,), math.inf)}, ValueError, r"got NaN or \+inf"),
        ({"logits": torch.full((6,), -math.inf)}, ValueError, "at least one logit"),
        ({"symbols": "abc"}, ValueError, "there are 6 logits, but 3 symbols"),
        ({"symbols": ["the"] * 6}, ValueError, r"once, got more of \['the'\]"),
        ({"symbols": [*"abcde", ""]}, ValueError, "at least one character"),
        ({"symbols": [*"abcde", 5]}, TypeError, "symbols must be strings, got int: 5"),
        ({"symbols": 6}, TypeError, "symbols must be a string"),
        ({"temperature": 0.1}, ValueError, "temperature must lie between 0.2 and 2, got 0.1"),
        ({"temperature": 0}, ValueError, "temperature must be a positive number"),
        ({"filter": "top_p"}, ValueError, "filter must be one of none, top-k, top-p, got 'top_p'"),
        ({"k": 0}, ValueError, "top_k needs an int of at least 1, got 0"),
        ({"p": 1.5}, ValueError, "top_p needs a number above 0 and at most 1, got 1.5"),
        ({"seed": -1}, ValueError, "seed must be an int from 0"),
        ({"after": 5}, TypeError, "after must be a string, got int"),
        (
            {"place": 3, "length": 3},
            ValueError,
            "place must be an int from 0 to length - 1, got 3 of 3",
        ),
        ({"start": 5}, ValueError, "steps are 0 to 4"),
    ],
)
def test_bad_arguments_are_refused(
    change: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        NextSymbol(**{"logits": torch.zeros(6), "symbols": WORDS, **change})


def test_a_prompt_that_fills_the_model_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 8 characters here, got 9"):
        NextSymbol.from_model(model_of("gru"), "abc .", "a" * 9)
    with pytest.raises(TypeError, match="AutoregressiveModel, got Linear"):
        NextSymbol.from_model(torch.nn.Linear(2, 2), "ab")


def test_a_step_over_many_words_is_fast() -> None:
    widget = random_widget(50_000, temperature=2.0)
    times = []
    for _ in range(2):
        for step in range(5):
            start = time.process_time()  # not slowed by what else runs
            widget.step = step
            times.append(time.process_time() - start)
    assert np.median(times) < 0.03 and isinstance(widget.frame(2), NextFrame)
