"""Questions about notebooks 01 to 05: densities, graphs, classifiers, the running example, the chain rule."""

from __future__ import annotations

from .question import Answer, Question

__all__ = ["QUESTIONS"]

QUESTIONS = (
    Question(
        "01",
        "At some x a model has the density p(x) = 2.5. What follows?",
        (
            Answer(
                "The model is wrong: no probability exceeds 1.",
                "A density is no probability. Only its integral over a set is one, and that is at most 1.",
            ),
            Answer(
                "Nothing is wrong: a narrow density is high.",
                "A density has a unit, one over that of x. In centimetres in place of metres it would be 0.025.",
            ),
            Answer(
                "Most samples from the model will lie close to x.",
                "That depends on the width too: 2.5 over a width of 0.01 holds only 0.025 of the probability.",
            ),
            Answer(
                "x is a typical example.",
                "The place of the highest density need not be typical; notebook 01 shows one that never occurs.",
            ),
        ),
        right=1,
    ),
    Question(
        "01",
        (
            "A histogram has four bins of width 0.5 with 3, 9, 6 and 2 training points. What is its density in the "
            "second bin?"
        ),
        (
            Answer(
                "0.45",
                "That is the share 9/20, a probability. The density is the share divided by the width.",
            ),
            Answer(
                "0.225",
                "The share was multiplied by the width; dividing it makes the area of the bar equal to the share.",
            ),
            Answer(
                "18",
                "That is the count divided by the width. The counts have to be divided by their sum, 20, as well.",
            ),
            Answer(
                "0.9",
                "9/20 of the points on a width of 0.5: 0.45/0.5 = 0.9. Its bar has the area 0.45.",
            ),
        ),
        right=3,
    ),
    Question(
        "02",
        "A Bayes net of four binary variables is a chain, A → B → C → D. How many free parameters has it?",
        (
            Answer(
                "7",
                "One for A, and two for each of B, C, D: one for each value of the parent. 1 + 2 + 2 + 2.",
            ),
            Answer("8", "A has no parent, so one number suffices for it."),
            Answer("15", "That is the table without any independence, 2⁴ − 1."),
            Answer(
                "3",
                "The arrows are three, but each of the tables behind them has two rows, and A needs a number too.",
            ),
        ),
        right=0,
    ),
    Question(
        "02",
        "Clouds bring rain, and clouds bring cold: rain ← clouds → cold. When are rain and cold independent?",
        (
            Answer(
                "Always: there is no arrow between them.",
                "Without knowing the clouds, rain makes clouds likelier, and so cold: they are dependent.",
            ),
            Answer(
                "Never: they have a common cause.",
                "Once the clouds are known, rain tells nothing more about cold.",
            ),
            Answer(
                "When it is known whether there are clouds.",
                "A common cause that is known blocks the path. (A common effect that is known opens one.)",
            ),
            Answer(
                "As long as nothing is known about the clouds.",
                "That would be right for a common effect, a collider. For a common cause it is the other way round.",
            ),
        ),
        right=2,
    ),
    Question(
        "03",
        "A logistic regression has z = 0 for an example with the label 1. What does the example cost?",
        (
            Answer(
                "0 nats",
                "z = 0 is not certainty; it is p = 0.5. Only z → ∞ would cost nothing.",
            ),
            Answer("0.69 nats", "σ(0) = 0.5, and −ln 0.5 = ln 2 = 0.693: a fair coin's surprise."),
            Answer(
                "0.5 nats",
                "That is the probability σ(0). Its cost is minus its natural logarithm.",
            ),
            Answer("1 nat", "1 is the cost in bits, −log₂ 0.5. In nats it is ln 2."),
        ),
        right=1,
    ),
    Question(
        "03",
        "Which of these can a logistic regression of two bits x₁, x₂ not express, however large its weights?",
        (
            Answer(
                "x₁ and x₂",
                "A straight line separates (1, 1) from the other three corners of the square.",
            ),
            Answer("x₁ or x₂", "A straight line separates (0, 0) from the others."),
            Answer(
                "x₁ and not x₂",
                "A straight line cuts off the corner (1, 0); the weight of x₂ is negative.",
            ),
            Answer(
                "x₁ or x₂, but not both",
                (
                    "That is XOR: (1, 0) and (0, 1) lie across the square, and no straight line has them alone on "
                    "one side."
                ),
            ),
        ),
        right=3,
    ),
    Question(
        "04",
        "A model needs 22.18 nats on average for an image of 64 binary pixels. How many bits/dim is that?",
        (
            Answer("0.35", "That is nats per pixel, 22.18/64. It still has to be divided by ln 2."),
            Answer(
                "0.50",
                "22.18/(64 ln 2) = 0.500: half of what a fair coin for each pixel needs.",
            ),
            Answer(
                "0.24",
                "It was multiplied by ln 2 = 0.693; a nat is more than a bit, so the number of bits is larger.",
            ),
            Answer(
                "32",
                "That is bits per image, 22.18/ln 2. Bits per dimension are 64 times fewer.",
            ),
        ),
        right=1,
    ),
    Question(
        "04",
        (
            "On the same 300 test images model A needs 17.0 ± 0.27 nats, model B 17.2 ± 0.27. Image by image the "
            "difference is 0.20 ± 0.05 (mean ± standard error). What do you conclude?"
        ),
        (
            Answer(
                "Nothing: the two intervals overlap.",
                (
                    "Hard images are hard for both models; that common part fills the intervals and cancels in the "
                    "difference."
                ),
            ),
            Answer(
                "A is better, since 17.0 < 17.2.",
                "Two means always differ somehow. What counts is the difference against its own error.",
            ),
            Answer(
                "A is better: the difference is four standard errors.",
                "0.20/0.05 = 4. Compare models paired, on the same images.",
            ),
            Answer(
                "Nothing: 300 images are never enough.",
                (
                    "How many are enough depends on the difference and its spread. Here the standard error is a "
                    "quarter of the difference."
                ),
            ),
        ),
        right=2,
    ),
    Question(
        "05",
        (
            "p(x₁ = 1) = 0.5, p(x₂ = 1 | x₁ = 1) = 0.8, p(x₃ = 1 | x₁ = 1, x₂ = 1) = 0.75. What is the surprise "
            "−ln p of (1, 1, 0)?"
        ),
        (
            Answer(
                "1.20 nats",
                (
                    "That is the surprise of (1, 1, 1): the last factor must be the probability of what happened, "
                    "1 − 0.75."
                ),
            ),
            Answer("0.10 nats", "0.1 is the probability itself; the surprise is −ln 0.1."),
            Answer(
                "1.55 nats",
                "That adds the probabilities. They are multiplied; their logarithms are added.",
            ),
            Answer("2.30 nats", "0.5 · 0.8 · 0.25 = 0.1, and −ln 0.1 = 2.303."),
        ),
        right=3,
    ),
    Question(
        "05",
        "The same variables are factorised by the chain rule in two different orders. What is true?",
        (
            Answer(
                "The exact factors give one p(x); learnt ones of a limited form need not.",
                (
                    "The chain rule holds in every order. Logistic regressions in two orders are two different "
                    "sets of distributions."
                ),
            ),
            Answer(
                "Every order gives the same p(x), with logistic regressions too.",
                (
                    "True of exact conditionals only. Whether logistic regressions can express them depends on the "
                    "order."
                ),
            ),
            Answer(
                "Only one of the orders gives probabilities that sum to 1.",
                "Every order does, whatever the conditionals are, as long as each of them sums to 1.",
            ),
            Answer(
                "Only the natural order, time or raster, is a valid factorisation.",
                "Any permutation is valid. Some make the conditionals easier to learn.",
            ),
        ),
        right=0,
    ),
)
