"""What a question of the quiz consists of."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TOPICS", "Answer", "Question"]

# Notebook -> topic under which its questions are counted.
TOPICS = {
    "01": "Likelihood and measuring",
    "02": "Chain rule, graphs, classifiers",
    "03": "Chain rule, graphs, classifiers",
    "04": "Likelihood and measuring",
    "05": "Chain rule, graphs, classifiers",
    "06": "FVSBN, NADE, MADE, autoencoders",
    "07": "FVSBN, NADE, MADE, autoencoders",
    "08": "FVSBN, NADE, MADE, autoencoders",
    "09": "FVSBN, NADE, MADE, autoencoders",
    "10": "Recurrence and attention",
    "11": "Recurrence and attention",
    "12": "Convolutions and what they are used for",
    "12b": "Convolutions and what they are used for",
    "13": "Attacks and detection",
    "14": "Side by side, compression, fast sampling",
    "14b": "Side by side, compression, fast sampling",
}


@dataclass(frozen=True)
class Answer:
    """A possible answer.

    Attributes:
        text: the answer.
        why: why it is right, or which mistake leads to it.
    """

    text: str
    why: str


@dataclass(frozen=True)
class Question:
    """A question with one right answer. Plain text: formulas are written in Unicode, x₁, 2⁻³, p(x | y).

    Attributes:
        notebook: the one to read again for it, a key of TOPICS.
        text: the question.
        answers: three to five.
        right: the index of the right one.

    Raises:
        ValueError: the notebook is unknown, there are too few or too many answers, two alike, or none at `right`.

    >>> Question("06", "Has an FVSBN hidden units?", (Answer("no", "..."), Answer("yes", "...")), right=0)
    Traceback (most recent call last):
        ...
    ValueError: a question has 3 to 5 answers, got 2: 'Has an FVSBN hidden units?'
    """

    notebook: str
    text: str
    answers: tuple[Answer, ...]
    right: int

    def __post_init__(self) -> None:
        if self.notebook not in TOPICS:
            raise ValueError(f"notebook must be one of {', '.join(TOPICS)}, got {self.notebook!r}")
        if not 3 <= len(self.answers) <= 5:
            raise ValueError(
                f"a question has 3 to 5 answers, got {len(self.answers)}: {self.text!r}"
            )
        if len({answer.text for answer in self.answers}) < len(self.answers):
            raise ValueError(f"two answers are alike: {self.text!r}")
        if self.right not in range(len(self.answers)):
            raise ValueError(
                f"right must be the index of an answer, 0 to {len(self.answers) - 1}, got {self.right!r}"
            )

    @property
    def topic(self) -> str:
        return TOPICS[self.notebook]
