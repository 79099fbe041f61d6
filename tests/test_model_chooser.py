"""The chooser: every task has an answer, none contradicts what the course measured, every control, the tree."""

from __future__ import annotations

import html
import itertools
import re
import statistics
from pathlib import Path
from xml.etree import ElementTree

import ipywidgets
import pytest
from test_widgets import descendants, find, press

import armodels_lite as ar
from armodels_lite.card import read_card
from armodels_lite.widgets import ModelChooser, chooser_tree
from armodels_lite.widgets.chooser_models import MODELS
from armodels_lite.widgets.chooser_rules import (
    CAUTIONS,
    CONSTRAINTS,
    DATA,
    FITS,
    MOST,
    PRIORITIES,
    caution,
    recommend,
)
from armodels_lite.widgets.chooser_tree import first_choices, two_lines

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
CHECKPOINTS = NOTEBOOKS.parent / "data" / "checkpoints"
TASKS = list(itertools.product(DATA, PRIORITIES, CONSTRAINTS))
SMALL, LARGE = "small image, about 8 × 8", "larger image, 28 × 28 and up"
OTHER_FAMILIES = {name for name, model in MODELS.items() if not model.autoregressive}


def five_trainings(name: str) -> float:
    """Nats on the test digits, the mean over the seeds."""
    return statistics.mean(ar.stored_results("side_by_side")[name]["nats"])


def names(*task: str) -> list[str]:
    return [choice.name for choice in recommend(*task)]


def card(checkpoint: str) -> dict:
    return read_card(CHECKPOINTS / checkpoint)


def nats(checkpoint: str) -> float:
    return card(checkpoint)["scores"]["test"]["nats"]


# -- tables ------------------------------------------------------------------------------------------------------


def test_tables_speak_of_known_models_and_tasks() -> None:
    for table in (*FITS.values(), *PRIORITIES.values(), *CONSTRAINTS.values()):
        assert set(table) <= set(MODELS)
        assert all(
            isinstance(points, int) and why[-1] not in ".;" for points, why in table.values()
        )
    assert set(CAUTIONS) - {""} <= {*FITS, *PRIORITIES, *CONSTRAINTS}
    assert set(MODELS) == {name for fits in FITS.values() for name in fits}, "each fits something"


def test_models_have_a_class_and_a_notebook() -> None:
    there = {path.name.split("_")[0] for path in NOTEBOOKS.glob("[01]*.ipynb")} | {"14"}
    for model in MODELS.values():
        assert model.notebook in there and model.cost[-1] != "."
        if model.autoregressive:
            assert issubclass(
                getattr(ar, re.match(r"ar\.(\w+)", model.made_by)[1]), ar.AutoregressiveModel
            )


def test_the_ways_to_make_a_model_work() -> None:
    shapes = {
        "RNN": (5,),
        "Transformer": (5,),
        "WaveNet": (5,),
        "linear AR": (5,),
        "PixelCNN++": (3, 4, 4),
    }
    needed = {
        "NADE": "hidden=2", "MADE": "hidden=(2,)", "any-order NADE": "hidden=2", "RNN": "hidden=2",
        "Transformer": "width=4, heads=1, layers=1", "WaveNet": "channels=2, layers=2",
        "PixelCNN": "channels=2, layers=2",
        "PixelRNN": "channels=2, layers=1", "PixelCNN++": "channels=4, mixtures=2", "linear AR": "order=1",
        "Bayes net": "parents=[[]] * 16",
    }  # fmt: skip
    for name, model in MODELS.items():
        if model.autoregressive:
            shape = shapes.get(name, (16,) if name in ("Bayes net", "FVSBN") else (1, 4, 4))
            given = re.search(r"\.\.\., (.*)\)", model.made_by)
            arguments = ", ".join(filter(None, [needed.get(name), given and given[1]]))
            constructor = model.made_by.split("(")[0]
            made = eval(f"{constructor}({shape}, {arguments})", {"ar": ar})
            assert isinstance(made, ar.AutoregressiveModel)


# -- recommendations ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS, ids="-".join)
def test_every_task_has_an_answer(task: tuple[str, str, str]) -> None:
    choices = recommend(*task)
    assert 1 <= len(choices) <= MOST and len({c.name for c in choices}) == len(choices)
    assert any(choice.model.autoregressive for choice in choices)
    points = [choice.points for choice in choices]
    assert points == sorted(points, reverse=True) and all(choice.reasons for choice in choices)
    assert choices[0].reasons[0] == FITS[task[0]][choices[0].name][1]
    assert caution(*task).startswith("Not ") and caution(*task).endswith(".")
    if task[2] == "exact likelihood":
        assert not {"VAE", "diffusion model"} & {choice.name for choice in choices}
    if task[2] == "latent features":
        assert choices[0].name == "VAE"


def test_points_are_sums_over_the_three_tables() -> None:
    (first, *_) = recommend("columns of mixed kinds", "interpretability", "no GPU")
    assert (first.name, first.points) == ("Bayes net", 4 + 5 + 1)
    assert first.reasons == (
        FITS["columns of mixed kinds"]["Bayes net"][1],
        PRIORITIES["interpretability"]["Bayes net"][1],
        CONSTRAINTS["no GPU"]["Bayes net"][1],
    )


def test_small_images_follow_the_digits() -> None:
    """PixelCNN++ is ahead, the next are level, FVSBN is behind, convolutions and LSTMs need the place."""
    with_units = {"NADE": "NADE", "PixelCNN": "PixelCNN", "RNN": "LSTM", "MADE": "MADE"}
    with_units |= {"Transformer": "Transformer", "any-order NADE": "NADE, any order"}
    with_units |= {"PixelCNN++": "PixelCNN++"}
    behind = five_trainings("FVSBN")
    for name, row in with_units.items():
        score = five_trainings(row)
        assert f"{score:.1f} nats" in FITS[SMALL][name][1] and score < behind - 1.2
        assert FITS[SMALL][name][0] - FITS[SMALL]["FVSBN"][0] >= 2
    assert f"{behind:.1f} nats" in FITS[SMALL]["FVSBN"][1]
    assert all("position=True" in FITS[SMALL][name][1] for name in ("PixelCNN", "RNN"))
    best = names(SMALL, "best likelihood")
    assert best == ["PixelCNN++", "NADE", "PixelCNN"]


def test_larger_images_follow_binarised_mnist() -> None:
    scores = {
        "Transformer": "transformer",
        "PixelRNN": "pixelrnn",
        "PixelCNN": "gated_pixelcnn",
        "NADE": "nade",
        "MADE": "made",
        "FVSBN": "fvsbn",
    }
    measured = {name: nats(f"binarized_mnist_{short}") for name, short in scores.items()}
    for name, score in measured.items():
        assert f"{score:.1f} nats on binarised MNIST" in FITS[LARGE][name][1]
    ranked = sorted(measured, key=measured.get)
    fits = [FITS[LARGE][name][0] for name in ranked]
    assert fits == sorted(fits, reverse=True)
    assert names(LARGE, "best likelihood") == ranked[:3]


def test_minutes_are_those_of_the_cards() -> None:
    cards = {"FVSBN": "fvsbn", "MADE": "made", "NADE": "nade", "PixelCNN": "gated_pixelcnn"}
    for name, short in {**cards, "Transformer": "transformer", "PixelRNN": "pixelrnn"}.items():
        minutes = card(f"binarized_mnist_{short}")["compute"]["minutes"]
        told = float(re.search(r"([\d.]+) minutes", PRIORITIES["fast training"][name][1])[1])
        assert told == pytest.approx(minutes, abs=0.55)
    assert names(LARGE, "fast training")[0] == "MADE"


@pytest.mark.parametrize("data", DATA)
def test_what_the_course_found_about_priorities(data: str) -> None:
    assert names(data, "best likelihood")[0] != "FVSBN"
    assert names(data, "any-order completion")[0] == "any-order NADE"
    assert names(data, "interpretability")[0] in ("FVSBN", "Bayes net", "linear AR")
    assert "Transformer" not in names(data, "little data")[:1] + names(data, "small memory")[:1]
    assert not OTHER_FAMILIES & {names(data, "best likelihood")[0]}
    assert "diffusion model" not in names(data, "fast sampling", "offline on a phone")


def test_who_must_draw_many_pixels_at_once_is_sent_elsewhere() -> None:
    assert set(names(LARGE, "fast sampling")[:2]) == {"normalising flow", "VAE"}
    assert names(LARGE, "fast sampling", "exact likelihood")[0] == "normalising flow"
    assert "never fewer" in caution(LARGE, "fast sampling")


def test_music_and_series_and_text() -> None:
    assert names("polyphonic music", "best likelihood")[0] == "RNN"
    assert "links within a step" in FITS["polyphonic music"]["RNN"][1]
    assert f"{nats('jsb_chorales_gru'):.0f} nats" in FITS["polyphonic music"]["RNN"][1]
    assert f"{nats('jsb_chorales_gru_independent'):.0f} with" in FITS["polyphonic music"]["RNN"][1]
    text = FITS["text or symbols"]
    assert f"{nats('tiny_shakespeare_transformer') / 256:.2f} nats" in text["Transformer"][1]
    assert f"{nats('tiny_shakespeare_lstm') / 128:.2f} nats" in text["RNN"][1]
    assert names("text or symbols", "best likelihood", "long sequences")[0] == "RNN"
    assert names("sound or real-valued series", "little data")[0] == "linear AR"
    assert names("sound or real-valued series", "best likelihood", "long sequences")[0] == "WaveNet"


@pytest.mark.parametrize("function", [recommend, caution])
def test_unknown_tasks_are_refused(function: object) -> None:
    for task, what in (
        (("video", "best likelihood"), "data"),
        ((DATA[0], "beauty"), "priority"),
        ((DATA[0], "best likelihood", None), "constraint"),
    ):
        with pytest.raises(ValueError, match=f"{what} must be one of '.*; got"):
            function(*task)


# -- the widget --------------------------------------------------------------------------------------------------


def words(chooser: ModelChooser) -> str:
    return html.unescape(re.sub("<[^>]*>", " ", chooser._list.value))


def test_every_task_is_shown() -> None:
    chooser = ModelChooser()
    for task in TASKS:
        chooser.choose(*task)
        assert chooser.task == task and chooser.controls.error == ""
        assert chooser.controls.drawn == DATA.index(task[0])
        told = words(chooser)
        assert caution(*task) in told
        for number, choice in enumerate(recommend(*task), 1):
            assert f"{number}. {choice.name}" in told and choice.model.cost in told
            assert f"notebook {choice.model.notebook}" in told and "; ".join(choice.reasons) in told


def test_step_and_dropdown_of_the_data_go_together() -> None:
    chooser = ModelChooser()
    chooser.controls.set_state({"step": 2})  # as the browser does
    assert find(chooser, "data").value == DATA[2] and "80.8 nats" in words(chooser)
    find(chooser, "data").value = "polyphonic music"
    assert chooser.step == DATA.index("polyphonic music") and chooser.controls.drawn == chooser.step
    assert chooser.controls.readouts == list(DATA) and "189 nats" in words(chooser)
    pages = []
    for step in range(chooser.last + 1):
        chooser.step = step
        pages.append(chooser._list.value)
    assert len(set(pages)) == len(DATA), "each step shows something else"


def test_reset_restores_what_was_given() -> None:
    chooser = ModelChooser("text or symbols", "small memory")
    before = repr(chooser)
    assert before == "ModelChooser('text or symbols', 'small memory', 'none')"
    chooser.choose(SMALL, "interpretability", "no GPU")
    assert chooser.recommendations[0].name == "FVSBN"
    press(chooser.controls, {"action": "reset"})
    assert chooser.task == (DATA[0], "small memory", "none")


def test_a_chooser_refuses_unknown_tasks_and_stays() -> None:
    chooser = ModelChooser()
    with pytest.raises(ValueError, match="priority must be one of"):
        chooser.choose(SMALL, "beauty")
    assert chooser.task == (DATA[0], "best likelihood", "none")
    with pytest.raises(ValueError, match="data must be one of"):
        ModelChooser("video")
    with pytest.raises(ValueError, match="steps are 0 to 6"):
        chooser.step = 7


def test_errors_are_shown_and_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    chooser = ModelChooser()
    monkeypatch.setitem(FITS, DATA[1], {})
    with pytest.raises(StopIteration):
        chooser.step = 1
    assert chooser.controls.error.startswith("StopIteration")
    chooser.step = 0
    assert chooser.controls.error == ""


def test_every_control_says_what_it_is() -> None:
    controls = [w for w in descendants(ModelChooser()) if isinstance(w, ipywidgets.Dropdown)]
    assert len(controls) == 3 and all(c.description and c.tooltip for c in controls)
    assert not any(isinstance(w, ipywidgets.Output) for w in descendants(ModelChooser()))


# -- the tree ----------------------------------------------------------------------------------------------------


def test_the_tree_shows_the_rules() -> None:
    tree = ModelChooser().strip()
    assert tree.svg == chooser_tree().svg
    shown = [
        text.text
        for text in ElementTree.fromstring(tree.svg).iter("{http://www.w3.org/2000/svg}text")
    ]
    for data, priority in itertools.product(DATA, PRIORITIES):
        firsts = first_choices(data, priority)
        best = [c for c in recommend(data, priority) if c.model.autoregressive]
        assert firsts[0] == best[0].name and f"{priority} {' or '.join(firsts)}" in tree.alt
        lines = two_lines(firsts[0]) if len(firsts) == 1 else [firsts[0], f"or {firsts[1]}"]
        assert set(lines + two_lines(data) + two_lines(priority)) <= set(shown)


def test_nothing_overlaps_in_the_tree() -> None:
    """Texts of one line end before the next begins, in a font as wide as DejaVu Sans."""
    svg = ElementTree.fromstring(chooser_tree().svg)
    texts = [
        t for t in svg.iter("{http://www.w3.org/2000/svg}text") if t.get("text-anchor") == "start"
    ]
    lines: dict[str, list] = {}
    for text in texts:
        assert float(text.get("font-size")) >= 13
        lines.setdefault(text.get("y"), []).append(text)
    for line in lines.values():
        line.sort(key=lambda text: float(text.get("x")))
        ends = [*(float(text.get("x")) for text in line[1:]), float(svg.get("width"))]
        for text, end in zip(line, ends, strict=True):
            size = 0.68 if text.get("font-weight") == "600" else 0.59
            assert (
                float(text.get("x")) + size * float(text.get("font-size")) * len(text.text) < end
            ), text.text
