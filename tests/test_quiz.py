"""The quiz: its questions, with every number in them computed anew, the counting, every control, the sheet."""

from __future__ import annotations

import html
import math
import re
import statistics
from collections import Counter
from pathlib import Path

import ipywidgets
import pytest
import torch
from test_widgets import descendants, find, press

import armodels_lite as ar
from armodels_lite.widgets import Quiz
from armodels_lite.widgets.quiz_questions import QUESTIONS, TOPICS, Answer, Question
from armodels_lite.widgets.quiz_state import QuizState, Score
from armodels_lite.widgets.quiz_view import QuizSheet, notes, result_page

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
CHECKPOINTS = NOTEBOOKS.parent / "data" / "checkpoints"
LN2 = math.log(2)
every_question = pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.text[:40])


def toy(count: int = 3) -> list[Question]:
    """Questions about notebooks 01, 02, ..., the first answer of the first is right, of the second the second, ..."""
    answers = (Answer("a <b>", "why a & b"), Answer("c", "why c"), Answer("d", "why d"))
    names = list(TOPICS)
    return [Question(names[k], f"question {k} <x>?", answers, right=k % 3) for k in range(count)]


def asked(start: str) -> Question:
    (found,) = [question for question in QUESTIONS if question.text.startswith(start)]
    return found


# -- questions ---------------------------------------------------------------------------------------------------


@every_question
def test_a_question_is_plain_text_with_reasons(question: Question) -> None:
    texts = [question.text, *(part for a in question.answers for part in (a.text, a.why))]
    assert all(text == text.strip() and len(text) > 0 for text in texts)
    assert not any(
        mark in text for text in texts for mark in ("$", "\\", "  ", "simply", "obviously")
    )
    assert question.text[-1] in "?." and all(a.why[-1] in ".)" for a in question.answers)
    assert len({answer.why for answer in question.answers}) == len(question.answers)


def test_there_are_enough_questions_on_every_notebook() -> None:
    assert len(QUESTIONS) >= 34 and len({question.text for question in QUESTIONS}) == len(QUESTIONS)
    assert all(count >= 2 for count in Counter(q.notebook for q in QUESTIONS).values())
    assert {question.notebook for question in QUESTIONS} == set(TOPICS)
    there = {path.name.split("_")[0] for path in NOTEBOOKS.glob("[01]*.ipynb")}
    assert there == set(TOPICS)
    assert [q.notebook for q in QUESTIONS] == sorted(
        (q.notebook for q in QUESTIONS), key=list(TOPICS).index
    )


def test_neither_place_nor_length_gives_the_right_answer_away() -> None:
    places = Counter(question.right for question in QUESTIONS)
    assert max(places.values()) <= 0.35 * len(QUESTIONS) and len(places) == 4
    longest = sum(
        len(q.answers[q.right].text)
        > max(len(a.text) for a in q.answers if a is not q.answers[q.right])
        for q in QUESTIONS
    )
    assert longest <= 0.4 * len(QUESTIONS)


# The beginning of a question, and numbers that its answers show, the right one's first.
NUMBERS = {
    "A histogram has four": ["0.9", "0.45", "0.225", "18"],
    "A Bayes net of four": [str(1 + 3 * 2), str(4 * 2), str(2**4 - 1), "3"],
    "A logistic regression has z": [f"{-math.log(1 / (1 + math.exp(0))):.2f} nats", "0 nats", "0.5", "1 nat"],
    "A model needs 22.18": [
        f"{22.18 / 64 / LN2:.2f}", f"{22.18 / 64:.2f}", f"{22.18 / 64 * LN2:.2f}", f"{22.18 / LN2:.0f}"
    ],
    "p(x₁ = 1) = 0.5": [
        f"{-math.log(0.5 * 0.8 * 0.25):.2f}", f"{-math.log(0.5 * 0.8 * 0.75):.2f}", "0.10", f"{0.5 + 0.8 + 0.25:.2f}"
    ],
    "A tanh RNN has 50": [f"{50 * 50 + 2 * 50 * 20:,}", f"{50 * 50:,}", f"{50 * 50 + 50 * 20:,}"],
    "The largest singular": [f"{0.9**50:.3f}"],
    "A WaveNet has kernels": [str(1 + 2 * 15), str(1 + 15), "256", str(2 * 15)],
    "Four completions": [f"{1 / (0.49 + 0.03):.1f}", "4", f"{0.49 + 0.03:.2f}", f"{1 / 0.7:.1f}"],
    "A linear classifier has z": [f"{0.8 / 4:g}", f"{0.8 / 2:g}", f"{0.8 / math.sqrt(6):.2f}", "0.8"],
    "A table heads": [f"{88 / 784 / LN2:.3f} bits/dim", f"{88 / 784:.3f} bits/dim"],
    "Speculative decoding": [f"{min(1, 0.3 / 0.5):g}", "0.3", "0.5", "1"],
}  # fmt: skip


@pytest.mark.parametrize("start", NUMBERS)
def test_numbers_are_those_of_the_formulas(start: str) -> None:
    question = asked(start)
    right, *others = NUMBERS[start]
    assert right in question.answers[question.right].text
    wrong = [a.text for a in question.answers if a is not question.answers[question.right]]
    assert all(any(number in text for text in wrong) for number in others)


def right_answer(start: str) -> str:
    question = asked(start)
    return question.answers[question.right].text


def test_numbers_are_those_of_the_models() -> None:
    grown = ar.FVSBN((21,)).num_parameters() - ar.FVSBN((20,)).num_parameters()
    assert right_answer("An FVSBN has 20") == str(grown) == "21"
    nade, fvsbn = ar.NADE((64,), hidden=16).num_parameters(), ar.FVSBN((64,)).num_parameters()
    assert right_answer("For D = 64") == "16" and (nade, fvsbn) == (2128, 2080)
    scores = torch.tensor([math.log(3), 0.0, -math.inf]).softmax(0)
    assert right_answer("A query at step 2") == ", ".join(f"{w:g}" for w in scores.tolist())


def test_a_wavenet_sees_31_past_samples() -> None:
    model = ar.WaveNet((40,), channels=2, layers=4, stacks=2, conditional=ar.Categorical(3))
    seen = ar.dependencies(model)[39].nonzero().flatten().tolist()
    assert seen == list(range(39 - 31, 39))


def test_the_likelihoods_are_those_measured() -> None:
    told, measured = asked("On the 8 × 8 digits, means").text, ar.stored_results("side_by_side")
    for name in ("FVSBN", "MADE", "NADE", "LSTM", "PixelCNN", "Transformer"):
        score = statistics.mean(measured[name]["nats"])
        assert re.search(rf"{name}:? (\d+\.\d+)", told)[1] == f"{score:.2f}"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"notebook": "15"}, "notebook must be one of 01, .* got '15'"),
        ({"answers": (Answer("a", "b"),) * 2}, "a question has 3 to 5 answers, got 2"),
        ({"answers": (Answer("a", "b"),) * 3}, "two answers are alike: 'question 0"),
        ({"right": 3}, "right must be the index of an answer, 0 to 2, got 3"),
        ({"right": -1}, "right must be the index of an answer, 0 to 2, got -1"),
    ],
)
def test_a_question_refuses_what_it_cannot_ask(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Question(**{**vars(toy()[0]), **change})


# -- counting ----------------------------------------------------------------------------------------------------


def test_scores_count_what_was_checked_by_topic() -> None:
    state = QuizState(tuple(toy(4)))  # notebooks 01 and 04 share a topic, 02 and 03 another one
    state = state.choose(0, 0).check(0).choose(3, 1).check(3).choose(1, 1)
    assert state.scores() == [
        Score("Likelihood and measuring", 1, 2, 2),
        Score("Chain rule, graphs, classifiers", 0, 0, 2),
    ]
    assert state.missed() == {"04": 1}
    assert state.check(1).scores()[1].right == 1
    assert state.choose(1, 2).check(1).missed() == {"02": 1, "04": 1}
    assert "To read again: notebook 04 (1 missed)." in result_page(state)
    assert "1 of 2" in result_page(state) and "2 of 4" in result_page(state)
    assert result_page(state).count('<th scope="col">') == 3  # topic, right, checked
    assert result_page(state).count('<th scope="row">') == len(state.topics) + 1


def test_a_checked_answer_counts_and_stays() -> None:
    state = QuizState(tuple(toy())).choose(0, 1).choose(0, 2).check(0)
    assert state.chosen == {0: 2} and not state.right(0)
    with pytest.raises(ValueError, match="checked before and counts"):
        state.choose(0, 0)
    with pytest.raises(ValueError, match="choose an answer before"):
        state.check(1)
    for index, answer in ((3, 0), (-1, 0), (True, 0), (1, 3), (1, -1), (1, 1.0)):
        with pytest.raises(ValueError, match="(questions|answers) are 0 to 2, got"):
            state.choose(index, answer)


def test_every_right_answer_is_called_right_and_no_other() -> None:
    for index, question in enumerate(QUESTIONS):
        for answer in range(len(question.answers)):
            state = QuizState().choose(index, answer)
            assert notes(state, index) == [""] * len(question.answers)
            state = state.check(index)
            assert state.right(index) == (answer == question.right)
            told = notes(state, index)
            assert told[answer].startswith(
                f"Your answer, {'right' if state.right(index) else 'wrong'}. "
            )
            assert [text.split(". ")[0].endswith("ight") for text in told].index(
                True
            ) == question.right
            assert all(text.endswith(a.why) for text, a in zip(told, question.answers, strict=True))


# -- the widget --------------------------------------------------------------------------------------------------


def visible(widget: ipywidgets.Widget) -> bool:
    return widget.layout.display != "none"


def test_every_step_asks_its_question_and_the_last_one_shows_the_score() -> None:
    quiz = Quiz()
    assert quiz.last == len(QUESTIONS) and len(quiz.controls.readouts) == len(QUESTIONS) + 1
    for step, question in enumerate(QUESTIONS):
        quiz.step = step
        assert quiz._card.question == question.text and quiz.controls.drawn == step
        assert quiz._card.answers == [answer.text for answer in question.answers]
        assert (quiz._card.chosen, quiz._card.locked, quiz._card.right) == (-1, False, -1)
        assert visible(quiz._card) and visible(quiz._check) and not visible(quiz._result)
    quiz.step = quiz.last
    assert not visible(quiz._card) and not visible(quiz._check) and visible(quiz._result)
    assert "Nothing was checked yet" in quiz._result.value
    for act in (quiz.check, lambda: quiz.choose(0)):
        with pytest.raises(ValueError, match="the last page asks nothing"):
            act()


def test_choices_are_remembered_while_stepping() -> None:
    quiz = Quiz(toy())
    quiz._card.set_state({"chosen": 1})  # as the browser does
    quiz.step = 1
    assert quiz._card.chosen == -1
    quiz.choose(1)
    assert quiz.check() == "Right." and quiz._card.feedback == "Right." and quiz._card.right == 1
    quiz.step = 0
    assert (quiz._card.chosen, quiz._card.locked, quiz._card.feedback) == (1, False, "")
    press(quiz._card, {"action": "check"})  # Enter
    assert quiz._card.feedback == "Not right: the answer is A. Notebook 01 explains it."
    assert quiz._card.notes == ["Right. why a & b", "Your answer, wrong. why c", "Wrong. why d"]
    quiz.step = 1
    assert (quiz._card.chosen, quiz._card.locked, quiz._card.feedback) == (1, True, "Right.")


def test_check_without_a_choice_asks_for_one() -> None:
    quiz = Quiz(toy())
    find(quiz, "Check").click()
    assert quiz._card.feedback == "Choose an answer first." and quiz.state.checked == frozenset()
    quiz.step = 1
    assert quiz._card.feedback == ""
    with pytest.raises(ValueError, match="choose an answer before"):
        quiz.check()


def test_errors_are_shown_and_raised() -> None:
    quiz = Quiz(toy())
    quiz.choose(1)
    quiz.check()
    with pytest.raises(ValueError, match="checked before"):
        quiz._card.chosen = 0
    assert quiz.controls.error.startswith("ValueError: this answer was checked before")
    quiz.step = 1
    assert quiz.controls.error == ""


def test_the_topic_keeps_the_question_where_it_belongs_to_it() -> None:
    quiz = Quiz(toy(5), start=3)  # notebooks 01 to 05; 01 and 04 share a topic
    find(quiz, "topic").value = "Likelihood and measuring"
    assert quiz._card.question == "question 3 <x>?" and (quiz.step, quiz.last) == (1, 2)
    assert quiz.controls.readouts == ["question 1 of 2", "question 2 of 2", "your score"]
    quiz.choose(0)
    quiz.check()
    quiz.show_topic("Chain rule, graphs, classifiers")
    assert quiz._card.question == "question 1 <x>?" and (quiz.step, quiz.last) == (0, 3)
    quiz.show_topic(None)
    assert (quiz.step, quiz.last) == (1, 5) and quiz.state.checked == {3}
    with pytest.raises(
        ValueError, match="topics here are 'Likelihood and measuring', .* got 'chess'"
    ):
        quiz.show_topic("chess")
    assert repr(Quiz(toy(5), "Likelihood and measuring")) == "Quiz(2 questions)"


def test_from_the_score_a_topic_begins_with_its_first_question() -> None:
    quiz = Quiz(toy(5), start=5)
    find(quiz, "topic").value = "Chain rule, graphs, classifiers"
    assert (quiz.step, quiz.last, quiz._card.question) == (0, 3, "question 1 <x>?")
    assert visible(quiz._card)


def test_reset_begins_anew() -> None:
    quiz = Quiz(toy(5))
    quiz.choose(1)
    quiz.check()
    quiz.show_topic("Chain rule, graphs, classifiers")
    quiz.step = 2
    press(quiz.controls, {"action": "reset"})
    assert (quiz.step, quiz.last, quiz.state) == (0, 5, QuizState(tuple(toy(5))))
    assert (quiz._card.chosen, quiz._card.locked, find(quiz, "topic").value) == (
        -1,
        False,
        "all topics",
    )


def test_every_control_says_what_it_is() -> None:
    kinds = (ipywidgets.Button, ipywidgets.Dropdown)
    controls = [w for w in descendants(Quiz()) if isinstance(w, kinds)]
    assert len(controls) == 2 and all(c.description and c.tooltip for c in controls)
    assert not any(isinstance(w, ipywidgets.Output) for w in descendants(Quiz()))


@pytest.mark.parametrize(
    ("questions", "error", "message"),
    [
        ([], ValueError, "at least one, got 0 of them"),
        (toy(1) * 2, ValueError, "must be different ones, .* got 2"),
        ("what?", TypeError, "must be a list of Question, got str"),
        ([1], TypeError, "must be of type Question, got int"),
    ],
)
def test_a_quiz_refuses_other_things(
    questions: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Quiz(questions)
    for start in (-1, 4, 1.0):
        with pytest.raises(ValueError, match="steps are 0 to 3"):
            Quiz(toy(), start=start)


# -- without a kernel --------------------------------------------------------------------------------------------


def test_the_sheet_holds_every_question_and_explanation_folded() -> None:
    quiz = Quiz(start=3)
    sheet = quiz.strip()
    page = sheet._repr_html_()
    assert (repr(sheet), quiz.step) == (f"QuizSheet({len(QUESTIONS)} questions)", 3)
    assert (
        page.count("<details>")
        == page.count("</details>")
        == len(QUESTIONS) + len(set(TOPICS.values()))
    )
    for question in QUESTIONS:
        for text in (question.text, *(part for a in question.answers for part in (a.text, a.why))):
            assert html.escape(text) in page
    assert page.count(" is right.</b>") == len(QUESTIONS) and page == Quiz().strip()._repr_html_()


def test_the_sheet_calls_the_right_letter_right() -> None:
    page = QuizSheet(toy())._repr_html_()
    assert re.findall(r"<b>(.) is right", page) == ["A", "B", "C"]
    assert "question 0 &lt;x&gt;?" in page and "a &lt;b&gt;" in page and "why a &amp; b" in page
    one = Quiz(toy(5), "Likelihood and measuring").strip()
    assert repr(one) == "QuizSheet(2 questions)" and "question 1" not in one._repr_html_()
