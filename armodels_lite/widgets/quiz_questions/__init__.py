"""The questions of the final quiz, in the order of the notebooks; one module for each part of the course.

>>> QUESTIONS[0].notebook, QUESTIONS[0].topic
('01', 'Likelihood and measuring')
"""

from . import comparison, dense, foundations, images, sequences
from .question import TOPICS, Answer, Question

__all__ = ["QUESTIONS", "TOPICS", "Answer", "Question"]

QUESTIONS: tuple[Question, ...] = (
    *foundations.QUESTIONS,
    *dense.QUESTIONS,
    *sequences.QUESTIONS,
    *images.QUESTIONS,
    *comparison.QUESTIONS,
)
