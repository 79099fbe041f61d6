"""The final quiz: a question a step, checked one by one, with the score by topic on the last page.

`quiz_questions` holds the questions, `quiz_state` counts, `quiz_view` writes; here are the controls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anywidget
import ipywidgets
import traitlets

from .dropdowns import dropdown
from .quiz_questions import QUESTIONS, Question
from .quiz_state import QuizState, checked_questions
from .quiz_view import QuizSheet, feedback, notes, result_page
from .stepper import ASSETS, Stepper

__all__ = ["Quiz", "QuizCard"]

ALL = "all topics"
NOTHING = -1  # no answer is chosen


class QuizCard(anywidget.AnyWidget):
    """A question and its answers as radio buttons; Enter among them asks for the check.

    Attributes:
        heading, question, answers: what is asked.
        chosen: the index of the chosen answer, -1 for none. Written by both sides.
        locked: whether the choice counts and stays.
        right: the index of the right answer once it is told, -1 before.
        notes: what stands below each answer, empty for nothing.
        feedback: what is said about the choice; screen readers announce it.
    """

    _esm = (ASSETS / "quiz.js").read_text(encoding="utf-8")
    _css = (ASSETS / "quiz.css").read_text(encoding="utf-8")

    heading = traitlets.Unicode("").tag(sync=True)
    question = traitlets.Unicode("").tag(sync=True)
    answers = traitlets.List(traitlets.Unicode()).tag(sync=True)
    chosen = traitlets.Int(NOTHING).tag(sync=True)
    locked = traitlets.Bool(False).tag(sync=True)
    right = traitlets.Int(NOTHING).tag(sync=True)
    notes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    feedback = traitlets.Unicode("").tag(sync=True)


class Quiz(Stepper):
    """Questions on all topics of the course; the last step is the score.

    Choose an answer (arrow keys), then Check (or Enter): what is right and why the others are wrong appears below the
    answers, and the answer counts. Step and Back keep what was chosen. Reset begins anew.

    Args:
        questions: those of the course unless given.
        topic: the topic to begin with; None for all.
        start: the step to begin with.

    Raises:
        TypeError: the questions are no list of `Question`.
        ValueError: no questions, one asked twice, an unknown topic, or start is no step.

    >>> quiz = Quiz()
    >>> quiz.choose(1)
    >>> quiz.check()
    'Right.'
    """

    def __init__(
        self,
        questions: Sequence[Question] = QUESTIONS,
        topic: str | None = None,
        *,
        start: int = 0,
    ) -> None:
        self.state = QuizState(checked_questions(questions)).about(topic)
        self._first_topic = topic
        self._drawing, self._hint = False, ""
        self._card = QuizCard()
        self._result = ipywidgets.HTML()
        self._check = ipywidgets.Button(
            description="Check", tooltip="Is the chosen answer right, and why (Enter)"
        )
        self._topic = dropdown(
            "topic", "Which questions are asked", [ALL, *self.state.topics], topic or ALL
        )
        super().__init__(
            [ipywidgets.VBox([self._card, self._check, self._result])],
            last=len(self.state.shown),
            start=start,
            options=[self._topic],
            label="question",
            interval=20_000,
            readouts=self._readouts(),
        )
        self._card.observe(self._chosen, "chosen")
        self.react(self._topic, self._set_topic)
        self.on_click(self._check, self._count)
        self._card.on_msg(self._message_of_card)

    # -- what a learner does -------------------------------------------------------------------------------------

    def choose(self, answer: int) -> None:
        """Choose an answer of the question that is shown, by its index.

        Raises ValueError for one that does not exist, on the last page, or where the answer counts already.
        """
        self.state = self.state.choose(self._index(), answer)
        self.redraw()

    def check(self) -> str:
        """What the button does; returns what it says. ValueError where nothing is chosen, or on the last page."""
        self.state = self.state.check(self._index())
        self.redraw()
        return feedback(self.state, self._index())

    def show_topic(self, topic: str | None) -> None:
        """What the dropdown does; None for all. ValueError for an unknown topic."""
        self.state.about(topic)
        self._topic.value = topic or ALL

    # -- what follows --------------------------------------------------------------------------------------------

    def draw(self, step: int) -> None:
        asks = step < len(self.state.shown)
        self._drawing = True
        try:
            if asks:
                self._draw_question(step)
            else:
                self._result.value = result_page(self.state)
        finally:
            self._drawing = False
        for view, visible in ((self._card, asks), (self._check, asks), (self._result, not asks)):
            view.layout.display = None if visible else "none"

    def _draw_question(self, step: int) -> None:
        index = self.state.shown[step]
        question = self.state.questions[index]
        with self._card.hold_sync():
            self._card.heading = f"Question {step + 1} of {self.last}. Notebook {question.notebook}: {question.topic}"
            self._card.question = question.text
            self._card.answers = [answer.text for answer in question.answers]
            self._card.chosen = self.state.chosen.get(index, NOTHING)
            self._card.locked = index in self.state.checked
            self._card.right = question.right if self._card.locked else NOTHING
            self._card.notes = notes(self.state, index)
            self._card.feedback = self._hint or feedback(self.state, index)
        self._hint = ""

    def restart(self) -> None:
        self.state = QuizState(self.state.questions, self.state.topic)
        self.show_topic(self._first_topic)

    def strip(self) -> QuizSheet:
        """All questions of the topic with their answers folded, for a page without a kernel."""
        return QuizSheet([self.state.questions[index] for index in self.state.shown])

    def _index(self) -> int:
        if self.step == self.last:
            raise ValueError("the last page asks nothing; go back to a question")
        return self.state.shown[self.step]

    def _readouts(self) -> list[str]:
        count = len(self.state.shown)
        return [*(f"question {number} of {count}" for number in range(1, count + 1)), "your score"]

    def _chosen(self, change: Any) -> None:
        if self._drawing:  # the choice is shown, not made
            return
        with self.reporting():
            self.state = self.state.choose(self._index(), change["new"])
        self.redraw()

    def _count(self) -> None:
        if self._index() in self.state.chosen:
            self.state = self.state.check(self._index())
        else:
            self._hint = "Choose an answer first."

    def _message_of_card(self, _: Any, content: dict[str, Any], __: Any) -> None:
        if content.get("action") == "check":
            self._check.click()

    def _set_topic(self, name: str) -> None:
        """The question that is shown stays, where it belongs to the topic; otherwise begin with the first one."""
        before = None if self.step == self.last else self._index()
        self.state = self.state.about(None if name == ALL else name)
        shown = self.state.shown
        self._go_on_at(shown.index(before) if before in shown else 0)

    def _go_on_at(self, step: int) -> None:
        with self.controls.hold_sync():  # the browser sees all of it or nothing
            self.controls.last = len(self.state.shown)
            self.controls.readouts = self._readouts()
            self.controls.step = step

    def __repr__(self) -> str:
        return f"Quiz({len(self.state.shown)} questions)"
