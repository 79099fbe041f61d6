"""Questions about notebooks 10 and 11: recurrent networks, attention."""

from __future__ import annotations

from .question import Answer, Question

__all__ = ["QUESTIONS"]

QUESTIONS = (
    Question(
        "10",
        (
            "A tanh RNN has 50 hidden units and 20 symbols, one-hot in and softmax out, no biases and a first "
            "state of zeros. How many weights has it?"
        ),
        (
            Answer(
                "2,500",
                "That is W_hh alone, the d² of the textbook. The symbols' matrices count too.",
            ),
            Answer(
                "4,500",
                "50² + 50 · 20 + 20 · 50: state to state, symbol to state, state to symbol.",
            ),
            Answer("3,500", "One of the two matrices that touch the symbols was left out."),
            Answer(
                "It depends on the length of the text.",
                "The same matrices are used at every step. That is why any length will do.",
            ),
        ),
        right=1,
    ),
    Question(
        "10",
        (
            "The largest singular value of W_hh in a tanh RNN is 0.9. How large can the gradient be 50 steps back, "
            "compared with now?"
        ),
        (
            Answer(
                "Of any size.",
                "Each step multiplies by W_hh and slopes of at most 1: every factor shrinks it.",
            ),
            Answer(
                "Exactly 0.9⁵⁰, about 0.005, of it.",
                (
                    "The slopes of tanh are below 1 where units are away from 0, and not every direction is "
                    "stretched most."
                ),
            ),
            Answer(
                "0.9 of it: the weights are shared.",
                "Sharing makes the factors alike. There are still 50 of them.",
            ),
            Answer(
                "At most about 0.005 of it.",
                (
                    "0.9⁵⁰ = 0.0052, and the slopes of tanh only make it smaller. A singular value below 1 is "
                    "enough to vanish."
                ),
            ),
        ),
        right=3,
    ),
    Question(
        "11",
        (
            "A query at step 2 has the scores ln 3, 0 and 0 with the keys of steps 1, 2 and 3. The model is causal "
            "and may see steps 1 and 2. What are the weights?"
        ),
        (
            Answer("0.6, 0.2, 0.2", "That is the softmax without a mask: step 2 would see step 3."),
            Answer(
                "0.75, 0.25, 0",
                "e^(ln 3) = 3 and e⁰ = 1: 3/4 and 1/4. The masked score is −∞, its weight exactly 0.",
            ),
            Answer(
                "0.6, 0.2, 0",
                (
                    "Masked behind the softmax and not divided by the sum: the weights add up to 0.8, and the "
                    "future has had a say."
                ),
            ),
            Answer("0.5, 0.5, 0", "The scores count: e^(ln 3) is three times e⁰."),
        ),
        right=1,
    ),
    Question(
        "11",
        (
            "A Transformer with rotary positions (no learnt ones) gets texts of 512 symbols in place of 256. What "
            "exactly doubles?"
        ),
        (
            Answer(
                "Its number of weights",
                "They do not depend on the length. Only learnt positions would bring a vector for each new place.",
            ),
            Answer(
                "The number of scores that attention computes",
                "There is one for each pair of steps: four times as many.",
            ),
            Answer(
                "Its cache of keys and values at the end of the text",
                "One key and one value for each step, layer and head.",
            ),
            Answer(
                "The number of passes for the likelihood of a text",
                "One pass gives all conditionals of a known text, whatever its length.",
            ),
        ),
        right=2,
    ),
)
