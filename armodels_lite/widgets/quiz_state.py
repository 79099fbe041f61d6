"""The quiz without a browser: which question is shown, what was chosen, what counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from .quiz_questions import QUESTIONS, Question

__all__ = ["QuizState", "Score", "checked_questions"]


@dataclass(frozen=True)
class Score:
    """Of a topic: how many questions there are, how many were checked, how many of these are right."""

    topic: str
    right: int
    checked: int
    total: int


@dataclass(frozen=True)
class QuizState:
    """What a learner has done; every method returns a new state.

    Attributes:
        questions: all of them.
        topic: the one that is shown; None for all.
        chosen: index of a question -> index of the chosen answer.
        checked: indices of the questions whose answer was checked. It counts, and stays.

    >>> state = QuizState().choose(0, 1).check(0)
    >>> state.right(0), state.scores()[0]
    (True, Score(topic='Likelihood and measuring', right=1, checked=1, total=4))
    """

    questions: tuple[Question, ...] = QUESTIONS
    topic: str | None = None
    chosen: Mapping[int, int] = field(default_factory=dict)
    checked: frozenset[int] = frozenset()

    @property
    def topics(self) -> list[str]:
        """In the order in which they are first asked about."""
        return list(dict.fromkeys(question.topic for question in self.questions))

    @property
    def shown(self) -> list[int]:
        """Indices of the questions about the topic."""
        return [k for k, q in enumerate(self.questions) if self.topic in (None, q.topic)]

    def about(self, topic: str | None) -> QuizState:
        """Show this topic alone, or all for None. ValueError for one without questions."""
        if topic is not None and topic not in self.topics:
            raise ValueError(
                f"topics here are {', '.join(map(repr, self.topics))}, or None for all; got {topic!r}"
            )
        return replace(self, topic=topic)

    def choose(self, index: int, answer: int) -> QuizState:
        """Choose an answer; ValueError for one that does not exist or where it was checked before."""
        question = self._question(index)
        if type(answer) is not int or answer not in range(len(question.answers)):
            raise ValueError(f"answers are 0 to {len(question.answers) - 1}, got {answer!r}")
        if index in self.checked:
            raise ValueError("this answer was checked before and counts; Reset begins anew")
        return replace(self, chosen={**self.chosen, index: answer})

    def check(self, index: int) -> QuizState:
        """Count the chosen answer; ValueError where none was chosen."""
        self._question(index)
        if index not in self.chosen:
            raise ValueError("choose an answer before it is checked")
        return replace(self, checked=self.checked | {index})

    def right(self, index: int) -> bool:
        """Whether the answer was checked and is right."""
        return index in self.checked and self.chosen[index] == self._question(index).right

    def scores(self) -> list[Score]:
        """Of every topic, also of those that are not shown now."""
        asked = {
            topic: [k for k, q in enumerate(self.questions) if q.topic == topic]
            for topic in self.topics
        }
        return [
            Score(topic, sum(map(self.right, at)), len(self.checked & {*at}), len(at))
            for topic, at in asked.items()
        ]

    def missed(self) -> dict[str, int]:
        """Notebook -> how many of its questions were answered wrongly, where any were."""
        wrong = [self.questions[k].notebook for k in sorted(self.checked) if not self.right(k)]
        return dict(Counter(wrong))

    def _question(self, index: int) -> Question:
        if type(index) is not int or index not in range(len(self.questions)):
            raise ValueError(f"questions are 0 to {len(self.questions) - 1}, got {index!r}")
        return self.questions[index]


def checked_questions(questions: Sequence[Question]) -> tuple[Question, ...]:
    """As a tuple. Raises TypeError for anything but questions, ValueError for none or for one asked twice."""
    if isinstance(questions, str) or not isinstance(questions, Sequence):
        raise TypeError(f"questions must be a list of Question, got {type(questions).__name__}")
    for question in questions:
        if not isinstance(question, Question):
            raise TypeError(f"questions must be of type Question, got {type(question).__name__}")
    if not questions or len({question.text for question in questions}) < len(questions):
        raise ValueError(
            f"questions must be different ones, at least one, got {len(questions)} of them"
        )
    return tuple(questions)
