"""Attacks of growing size: counts against scikit-learn, statsmodels and loops; pictures, words, controls.

What is refused: `test_attack_sizes_errors.py`.
"""

from __future__ import annotations

import math
import re
import time
from itertools import product
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from random_weights import randomised
from sklearn.metrics import roc_auc_score, roc_curve
from statsmodels.stats.proportion import proportion_confint
from test_widget_foundations import pictures, words
from test_widgets import find, press

import armodels_lite as ar
from armodels_lite.pixeldefend import p_value
from armodels_lite.widgets import AttackSizes
from armodels_lite.widgets.attack_state import (
    ASKED,
    Share,
    area,
    roc,
    threshold,
)
from armodels_lite.widgets.attack_view import HEADROOM, histogram_chart, roc_chart
from armodels_lite.widgets.svg import ACCENT, Chart

SIZES = ("1/16", "2/16", "3/16")
Pair = tuple[np.ndarray, np.ndarray]


def made_up(count: int = 80, seed: int = 0) -> tuple[np.ndarray, Pair, dict[str, list[Pair]]]:
    """Whole numbers, so that there are ties: noise that fools few and is seen, an attack that fools and is not."""
    rng = np.random.default_rng(seed)
    reference, log_probs = (rng.normal(-70, 10, n).round() for n in (99, count))
    right = rng.random(count) < 0.95
    attacks = {
        name: [
            (log_probs - (push * k + rng.normal(0, 4, count)).round(), rng.random(count) < keep**k)
            for k in (1, 2, 3)
        ]
        for name, push, keep in (("noise", 25, 0.95), ("small", 5, 0.5))
    }
    return reference, (log_probs, right), attacks


def widget_of(**options: object) -> AttackSizes:
    return AttackSizes(*made_up(), SIZES, **options)


def single(
    clean: list[float], attacked: list[float], right: list[bool], reference: object = None
) -> AttackSizes:
    """One attack of one size on images that the classifier gets right."""
    reference = np.linspace(-60, -40, 99) if reference is None else reference
    return AttackSizes(
        reference, (clean, [True] * len(clean)), {"PGD": [(attacked, right)]}, ("1",)
    )


# -- counting ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", range(4))
@pytest.mark.parametrize("attack", ["noise", "small"])
def test_roc_and_its_area_are_scikit_learns(attack: str, step: int) -> None:
    _, clean, attacks = made_up()
    attacked = [clean, *attacks[attack]][step][0]
    labels = np.repeat([0, 1], len(attacked))
    scores = -np.concatenate([clean[0], attacked])
    frame = widget_of().table.frame(attack, step, 5)
    alarms, detected, _ = roc_curve(labels, scores, drop_intermediate=False)
    assert np.allclose(frame.curve, (alarms, detected), rtol=0, atol=1e-12)
    assert frame.auc == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert (frame.auc == pytest.approx(0.5, abs=1e-12)) == (step == 0)
    point = frame.false_alarms.value, frame.detected.value
    assert any(np.allclose(point, on_curve) for on_curve in zip(*frame.curve, strict=True))


def test_area_of_arrays_of_different_lengths_counts_pairs() -> None:
    clean, attacked = np.array([-3.0, -1.0, 0.0]), np.array([-5.0, -1.0])
    pairs = [(a < c) + 0.5 * (a == c) for a, c in product(attacked, clean)]
    assert area(roc(clean, attacked)) == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize("count", [1, 4, 19, 60, 99, 150])
def test_the_line_is_where_the_rank_p_value_is_small_enough(count: int) -> None:
    rng = np.random.default_rng(count)
    reference = np.sort(rng.normal(size=count).round(1))
    seen = np.arange(-30, 31) / 10
    p_values = [(1 + (reference <= x).sum()) / (count + 1) for x in seen]
    for asked in ASKED:
        called = seen < threshold(reference, asked)
        assert called.tolist() == [p <= asked / 100 + 1e-12 for p in p_values]


@pytest.mark.parametrize("asked", ASKED)
def test_the_line_is_numpys_quantile_where_the_ranks_are_whole(asked: int) -> None:
    reference = np.sort(np.random.default_rng(0).normal(size=199))
    expected = np.quantile(reference, asked / 100, method="weibull")
    assert threshold(reference, asked) == pytest.approx(expected, abs=1e-12)


def test_the_detector_is_pixeldefends() -> None:
    """Images of a model that has them at few different probabilities, so that ranks are tied."""
    model = randomised(ar.FVSBN((6,)).double(), 1.0)
    x = (torch.rand(300, 6, generator=torch.Generator().manual_seed(0)) < 0.5).double()
    with torch.no_grad():
        reference, clean, attacked = model.log_prob(x).split(100)
    right = torch.ones(100, dtype=torch.bool)
    widget = AttackSizes(reference, (clean, right), {"PGD": [(attacked, ~right)]}, ("1",))
    for asked in ASKED:
        frame = widget.table.frame("PGD", 1, asked)
        small = [p_value(model, part, reference) <= asked / 100 for part in x.split(100)[1:]]
        assert frame.false_alarms == Share(int(small[0].sum()), 100)
        assert frame.detected == Share(int(small[1].sum()), 100)
        assert frame.unnoticed == Share(int((~small[1]).sum()), 100)


def test_clean_images_are_called_attacked_as_often_as_asked_for() -> None:
    """Means of many detectors: exactly the share asked for where (N + 1) times it is whole, less where it is not."""
    rng = np.random.default_rng(0)
    draws = np.sort(rng.normal(size=(4000, 59)))
    new = rng.normal(size=4000)
    for asked, expected in ((5, 3 / 60), (20, 12 / 60), (2, 1 / 60), (1, 0.0)):
        lines = np.array([threshold(row, asked) for row in draws])
        error = 4 * math.sqrt(expected * (1 - expected) / 4000)
        assert (new < lines).mean() == pytest.approx(expected, abs=error)


@pytest.mark.parametrize("count", [0, 1, 37, 79, 80])
def test_intervals_are_wilsons(count: int) -> None:
    expected = proportion_confint(count, 80, alpha=0.05, method="wilson")
    assert Share(count, 80).interval == pytest.approx(expected, abs=1e-12)
    assert Share(0, 1).interval[0] == 0 and Share(1, 1).interval[1] == 1


def test_shares_are_what_a_loop_counts() -> None:
    reference, clean, attacks = made_up()
    table = widget_of().table
    for attack, step, asked in product(attacks, range(4), ASKED):
        frame = table.frame(attack, step, asked)
        attacked = [clean, *attacks[attack]][step]
        images = list(zip(*attacked, strict=True))
        below = sorted(reference)[asked - 1]  # of 99: ranks are whole percents
        assert frame.threshold == below
        assert frame.right.count == sum(right for _, right in images)
        assert frame.detected.count == sum(value < below for value, _ in images)
        assert frame.unnoticed.count == sum(v >= below and not right for v, right in images)
        assert frame.false_alarms.count == sum(value < below for value in clean[0])
        assert frame.unattacked == table.frame(attack, 0, asked).unnoticed
        assert (frame.right.total, frame.references) == (80, 99)


def test_arrays_are_left_as_they_are_and_may_be_lists_or_tensors() -> None:
    reference, clean, attacks = made_up()
    before = reference.copy(), clean[0].copy()
    arrays = AttackSizes(reference, clean, attacks, SIZES).frame(0)
    assert (reference == before[0]).all() and (clean[0] == before[1]).all()
    tensors = {
        name: [
            (torch.tensor(x, dtype=torch.float32).requires_grad_(), torch.tensor(right))
            for x, right in row
        ]
        for name, row in attacks.items()
    }
    pair = clean[0].tolist(), clean[1].tolist()
    others = AttackSizes(reference.tolist(), pair, tensors, list(SIZES)).frame(0)
    assert (others.threshold, others.right, others.auc) == (
        arrays.threshold,
        arrays.right,
        arrays.auc,
    )


# -- pictures ------------------------------------------------------------------------------------------------------


def test_histograms_count_all_images_in_bits_per_dimension() -> None:
    _, clean, attacks = made_up()
    widget = widget_of(num_variables=64)
    table = widget.table
    assert table.improbable(-64 * math.log(2)) == pytest.approx(1)
    for attack, step in product(attacks, range(4)):
        frame = table.frame(attack, step, 5)
        log_probs, right = [clean, *attacks[attack]][step]
        for heights, values in (
            (frame.clean, clean[0]),
            (frame.resisted, log_probs[right]),
            (frame.fooled, log_probs[~right]),
        ):
            counts, _ = np.histogram(-values / 64 / np.log(2), table.edges)
            assert np.allclose(heights, 100 * counts / 80)
        assert frame.clean.sum() == pytest.approx(100)
        assert (frame.fooled + frame.resisted).sum() == pytest.approx(100)
    first = table.frame("small", 0, 5)
    assert np.allclose(first.fooled + first.resisted, first.clean)


def test_axes_stay_and_bars_move() -> None:
    widget = widget_of()
    ranges, bars = set(), set()
    for attack, step, asked in product(widget.table.attacks, range(4), (1, 20)):
        chart = histogram_chart(widget.table.frame(attack, step, asked), widget.table)
        ranges.add((chart.x, chart.y))
        bars.add("".join(dark_bars(chart)))
    assert len(ranges) == 1
    assert len(bars) == 7, "size 0 is the same for both attacks; the line does not change bars"
    ((low, high), (_, top)) = ranges.pop()
    every = np.concatenate([-row[0] for rows in made_up()[2].values() for row in rows])
    assert low < every.min() and every.max() < high
    frames = [widget.table.frame(a, s, 5) for a in widget.table.attacks for s in range(4)]
    fullest = max((frame.fooled + frame.resisted).max() for frame in frames)
    assert top == pytest.approx(HEADROOM * fullest)


def dark_bars(chart: Chart) -> list[str]:
    """The shapes of the key and of the bars of images that fool the classifier."""
    found = ElementTree.fromstring(chart.svg()).findall(f"{{*}}path[@fill='{ACCENT}']")
    return [path.get("d") for path in found]


def test_dark_bars_are_as_high_as_the_share_of_fooled_images() -> None:
    widget = widget_of()
    frame = widget.table.frame("small", 3, 5)
    chart = histogram_chart(frame, widget.table)
    bars, _ = dark_bars(chart)
    heights = [float(v) for v in re.findall(r"v([\d.]+)", bars)]
    unit = (chart.bottom - chart.top) / chart.y[1]
    drawn = np.array(heights) / unit
    assert drawn == pytest.approx(frame.fooled[frame.fooled > 0], abs=0.05)
    assert drawn.sum() == pytest.approx(100 * (1 - frame.right.value), abs=0.3)


def test_hatching_stays_inside_its_bars() -> None:
    widget = single([-50.0], [-50.0], [True])
    chart = histogram_chart(widget.frame(1), widget.table)
    paths = ElementTree.fromstring(chart.svg()).findall("{*}path[@fill='none']")
    (line,) = [p.get("d") for p in paths if "stroke" in p.keys() and "L" in p.get("d")][:1]
    numbers = np.array(re.findall(r"[\d.]+", line), dtype=float).reshape(-1, 2)
    k = np.flatnonzero(widget.frame(1).resisted)[0]
    left, top = chart.place(widget.table.edges[k], 100)
    right, bottom = chart.place(widget.table.edges[k + 1], 0)
    assert (numbers.min(0) >= np.array([left, top]) - 0.1).all()
    assert (numbers.max(0) <= np.array([right, bottom]) + 0.1).all()
    assert numbers[:, 1].max() - numbers[:, 1].min() > 0.9 * (bottom - top)
    sums = numbers.sum(1)
    assert np.allclose(sums / 6, (sums / 6).round(), atol=0.03), "lines of neighbours would meet"


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("shift", [-200.0, 0.0, 200.0])
def test_the_line_and_its_words_are_inside_the_chart(compact: bool, shift: float) -> None:
    """Also where attacked images are the more probable ones, and the line is far to the right."""
    reference, clean, _ = made_up()
    attacks = {"PGD": [(clean[0] + shift, clean[1])]}
    widget = AttackSizes(reference, clean, attacks, ("1",), asked=20)
    chart = histogram_chart(widget.frame(1), widget.table, compact=compact)
    svg = ElementTree.fromstring(chart.svg())
    (line,) = svg.findall("{*}line[@stroke-dasharray]")
    place = chart.place(-widget.frame(1).threshold, 0)[0]
    assert float(line.get("x1")) == float(line.get("x2")) == pytest.approx(place, abs=0.06)
    (text,) = [item for item in svg.iter() if item.text == "called attacked →"]
    width = 0.55 * float(text.get("font-size")) * len(text.text)
    start, at = text.get("text-anchor") == "start", float(text.get("x"))
    assert (at > place and at + width < chart.width) if start else (width < at < place)


def test_the_dot_of_the_roc_is_the_working_point() -> None:
    frame = widget_of().table.frame("small", 2, 10)
    chart = roc_chart(frame)
    (dot,) = ElementTree.fromstring(chart.svg()).findall("{*}circle")
    alarms, detected = 100 * frame.false_alarms.value, 100 * frame.detected.value
    place = chart.place(alarms, detected)
    assert (float(dot.get("cx")), float(dot.get("cy"))) == pytest.approx(place, abs=0.06)
    assert f"AUC {frame.auc:.3f}" in chart.svg() and f"{detected:.1f}% detected" in chart.label


def test_many_images_are_drawn_quickly() -> None:
    rng = np.random.default_rng(0)
    log_probs, right = rng.normal(size=3000), rng.random(3000) < 0.5
    row = [(log_probs - k, right) for k in range(1, 4)]
    widget = AttackSizes(log_probs, (log_probs, right), {"PGD": row}, SIZES)
    times = []
    for step in [1, 2, 3] * 3:
        start = time.process_time()
        widget.step = step
        times.append(time.process_time() - start)
    assert np.median(times) < 0.03
    assert max(map(len, pictures(widget))) < 25_000


# -- edge cases ----------------------------------------------------------------------------------------------------


def test_no_image_is_fooled() -> None:
    frame = single([-50, -51], [-55, -500], [True, True]).frame(1)
    assert frame.unnoticed == Share(0, 2) and frame.right == Share(2, 2)
    assert frame.fooled.sum() == 0 and frame.resisted.sum() == pytest.approx(100)


def test_all_are_detected() -> None:
    widget = single([-50, -51], [-500, -501], [False, False])
    frame = widget.frame(1)
    assert frame.detected == Share(2, 2) and frame.unnoticed == Share(0, 2) and frame.auc == 1
    widget.step = 1
    assert "the number that matters: 0.0% (0.0% to 65.8%)" in words(widget)


def test_an_image_on_the_line_is_not_called_attacked() -> None:
    reference = np.arange(-99.0, 0.0)
    frame = single([-95.0], [-95.0], [False], reference).frame(1)
    assert frame.threshold == -95 and frame.detected == Share(0, 1)
    assert single([-95.0], [-95.001], [False], reference).frame(1).detected == Share(1, 1)


def test_too_few_reference_images_give_no_line() -> None:
    widget = single([-50.0, -52.0], [-500.0, -90.0], [False, True], np.full(19, -50.0))
    widget.step = 1
    assert widget.frame(1).threshold == -50 and widget.frame(1).detected == Share(2, 2)
    find(widget, "false alarms asked for").value = 2
    frame = widget.frame(1)
    assert frame.threshold == -math.inf and frame.detected == Share(0, 2)
    assert frame.unnoticed == Share(1, 2) and frame.false_alarms == Share(0, 2)
    assert "with 19 reference images no p-value is below 1/20, so 2% of false" in words(widget)
    assert "called attacked →" not in pictures(widget)[0] and "no line" in pictures(widget)[0]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [0.0, -1234.5, -1e9])
def test_equal_values_are_drawn(value: float) -> None:
    widget = single([value], [value], [False], [value])
    for step, asked in product((0, 1), ASKED):
        find(widget, "false alarms asked for").value = asked
        widget.step = step
    assert widget.controls.error == "" and widget.frame(1).auc == 0.5
    assert "of 1 attacked image." in words(widget)


# -- controls and words --------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("num_variables", [None, 64])
def test_every_state_is_driven_without_a_browser(num_variables: int | None) -> None:
    widget = widget_of(num_variables=num_variables)
    attack, asked = find(widget, "attack"), find(widget, "false alarms asked for")
    seen = set()
    for name, percent, step in product(widget.table.attacks, ASKED, range(4)):
        attack.value, asked.value = name, percent
        widget.controls.set_state({"step": step})  # as the browser does
        frame = widget.frame(step)
        assert (frame.attack, frame.asked, frame.step) == (name, percent, step)
        assert widget.controls.drawn == step and widget.controls.error == ""
        told = words(widget)
        assert f"{percent}% asked for" in told and f"AUC {frame.auc:.3f}" in told
        assert f"{100 * frame.right.value:.1f}% of 80" in told
        assert f"Called attacked: {100 * frame.detected.value:.1f}% (" in told
        unit = "bits/dim" if num_variables else "nats"
        assert f"{widget.table.improbable(frame.threshold):.2f} {unit}" in told
        assert (f"{name}, eps {SIZES[step - 1]}:" in told) == (step > 0)
        seen.add("".join([*pictures(widget), told]))
    assert len(seen) == 2 * 5 * 4 - 5, "size 0 is the same for both attacks"


def test_reset_restores_what_was_given() -> None:
    widget = widget_of(attack="small", asked=10, start=2)
    before = words(widget)
    assert "small, eps 2/16" in before and "10% asked for" in before
    find(widget, "attack").value, find(widget, "false alarms asked for").value = "noise", 1
    assert "noise, eps 2/16" in words(widget) and "1% asked for" in words(widget)
    press(widget.controls, {"action": "reset"})
    assert (widget.step, widget.attack, widget.asked) == (0, "small", 10)
    widget.step = 2
    assert words(widget) == before


def test_words_of_the_clean_images_speak_of_no_attack() -> None:
    widget = widget_of()
    frame = widget.frame(0)
    assert "eps 0, no attack yet: the classifier is right on" in words(widget)
    assert "Fooled" not in words(widget) and frame.detected == frame.false_alarms
    assert widget.controls.readouts == ["eps 0, clean", "eps 1/16", "eps 2/16", "eps 3/16"]


def test_the_strip_shows_the_worst_and_what_more_false_alarms_make_of_it() -> None:
    widget = widget_of()
    clean, largest, worst, strict = widget.strip_frames()
    assert (clean.step, largest.attack, largest.step) == (0, "noise", 3)
    table = widget.table
    counts = [table.frame(a, s, 5).unnoticed.count for a in table.attacks for s in (1, 2, 3)]
    assert worst.attack == "small" and worst.unnoticed.count == max(counts)
    assert (strict.attack, strict.step, strict.asked) == (worst.attack, worst.step, 20)
    assert (
        f"False alarms: 20% asked for, {100 * strict.false_alarms.value:.1f}%" in widget.strip().alt
    )
    own = widget_of(attack=worst.attack).strip_frames()
    assert len({(frame.attack, frame.step, frame.asked) for frame in own}) == 4


def test_a_long_name_is_cut_above_the_strip_only() -> None:
    reference, clean, attacks = made_up()
    name = "an attack that knows of the detector"
    widget = AttackSizes(reference, clean, {name: attacks["small"]}, SIZES, start=1)
    assert widget.caption(widget.frame(1)) == "an attack that …, eps 1/16" and name in words(widget)
