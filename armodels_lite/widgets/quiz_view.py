"""The quiz as HTML: the result page, and the sheet with all questions for a page without a kernel."""

from __future__ import annotations

import html
from collections.abc import Sequence

from .quiz_questions import Question
from .quiz_state import QuizState

__all__ = ["LETTERS", "QuizSheet", "feedback", "notes", "result_page"]

LETTERS = "ABCDE"


def feedback(state: QuizState, index: int) -> str:
    """What a check says in a sentence; nothing before it."""
    if index not in state.checked:
        return ""
    if state.right(index):
        return "Right."
    question = state.questions[index]
    return f"Not right: the answer is {LETTERS[question.right]}. Notebook {question.notebook} explains it."


def notes(state: QuizState, index: int) -> list[str]:
    """What stands below each answer after the check: the verdict, and why. Nothing before it."""
    question = state.questions[index]
    if index not in state.checked:
        return [""] * len(question.answers)
    told = []
    for number, answer in enumerate(question.answers):
        chosen = "your answer, " if number == state.chosen[index] else ""
        verdict = "right" if number == question.right else "wrong"
        told.append(f"{(chosen + verdict).capitalize()}. {answer.why}")
    return told


def result_page(state: QuizState) -> str:
    """The score by topic, and which notebooks to read again."""
    scores = state.scores()
    rows = "".join(
        f'<tr><th scope="row">{html.escape(score.topic)}</th><td>{_share(score.right, score.checked)}</td>'
        f"<td>{score.checked} of {score.total}</td></tr>"
        for score in scores
    )
    right, checked = (
        sum(getattr(score, name) for score in scores) for name in ("right", "checked")
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("topic", "right", "checked"))
    total = f"<td>{_share(right, checked)}</td><td>{checked} of {len(state.questions)}</td>"
    table = (
        f'<table class="armodels-score"><thead><tr>{head}</tr></thead>'
        f'<tbody>{rows}</tbody><tfoot><tr><th scope="row">all</th>{total}</tr></tfoot></table>'
    )
    return f'<div class="armodels-title">Your score so far</div>{table}<div>{_advice(state)}</div>'


def _share(right: int, checked: int) -> str:
    return f"{right} of {checked}" if checked else "-"


def _advice(state: QuizState) -> str:
    if not state.checked:
        return "Nothing was checked yet: choose an answer and press Check."
    missed = state.missed()
    if not missed:
        return "All that you checked is right."
    names = [f"{name} ({count} missed)" for name, count in missed.items()]
    return f"To read again: notebook{'s' if len(names) > 1 else ''} {', '.join(names)}."


class QuizSheet:
    """All questions with their answers folded, which Jupyter shows as HTML."""

    def __init__(self, questions: Sequence[Question]) -> None:
        self.questions = tuple(questions)

    def _repr_html_(self) -> str:
        numbered = list(enumerate(self.questions, 1))
        parts = []
        for topic in dict.fromkeys(question.topic for question in self.questions):
            chosen = [_question(n, question) for n, question in numbered if question.topic == topic]
            title = f"{html.escape(topic)} ({len(chosen)} questions)"
            parts.append(f"<details><summary>{title}</summary>{''.join(chosen)}</details>")
        return "".join(parts)

    def __repr__(self) -> str:
        return f"QuizSheet({len(self.questions)} questions)"


def _question(number: int, question: Question) -> str:
    lettered = list(zip(LETTERS, question.answers, strict=False))
    answers = "<br>".join(f"{letter}. {html.escape(a.text)}" for letter, a in lettered)
    first = [(letter, a) for letter, a in lettered if a is question.answers[question.right]]
    others = [pair for pair in lettered if pair not in first]
    told = "<br>".join(
        f"<b>{letter}{' is right' if pair < 1 else ' is wrong'}.</b> {html.escape(a.why)}"
        for pair, (letter, a) in enumerate([*first, *others])
    )
    head = f"<b>{number}.</b> {html.escape(question.text)} <i>(Notebook {question.notebook})</i>"
    return f"<p>{head}<br>{answers}</p><details><summary>Answer</summary><p>{told}</p></details>"
