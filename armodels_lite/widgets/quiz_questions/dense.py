"""Questions about notebooks 06 to 09: FVSBN, NADE, autoencoders, MADE."""

from __future__ import annotations

from .question import Answer, Question

__all__ = ["QUESTIONS"]

QUESTIONS = (
    Question(
        "06",
        (
            "An FVSBN has 20 binary variables. You add one more, the last in the order. How many parameters come "
            "with it?"
        ),
        (
            Answer(
                "1",
                "One bias, yes; but the new conditional also has a weight for each variable before it.",
            ),
            Answer(
                "21",
                "20 weights for the variables before it, and a bias. The other conditionals do not see it.",
            ),
            Answer(
                "41",
                "That would let the 20 old conditionals see the new variable, which comes after them.",
            ),
            Answer("231", "That is the number of all parameters now, 21 · 22/2."),
        ),
        right=1,
    ),
    Question(
        "06",
        "What does it take to draw one image of 784 pixels from an FVSBN?",
        (
            Answer(
                "One pass: a masked matrix product gives all conditionals.",
                "That works for a known image. Here the inputs of the later conditionals have not been drawn yet.",
            ),
            Answer(
                "784 full passes; there is no other way.",
                "Naively, yes. But a running sum of what is known makes each step cheap.",
            ),
            Answer(
                "784 steps that can run side by side.",
                "Step t needs the values drawn in the steps before it.",
            ),
            Answer(
                "784 short steps, together the arithmetic of about one pass.",
                "Each step computes one conditional. The sequence stays; the repetition goes.",
            ),
        ),
        right=3,
    ),
    Question(
        "07",
        "NADE's likelihood takes about 2DH multiplications in place of about D²H/2. What makes the difference?",
        (
            Answer(
                "A running sum: each variable adds its column of W to what is there.",
                (
                    "The hidden sums for x_t and for the next variable differ by one column, because all "
                    "conditionals share W."
                ),
            ),
            Answer(
                "Its hidden layer is computed once, for the whole image.",
                "Then each output would see its own pixel. NADE has a hidden layer for each t.",
            ),
            Answer(
                "Masks set most of its weights to zero.",
                "That is MADE. In NADE the order is kept by when a column is added.",
            ),
            Answer(
                "Each conditional looks at the last few variables only, not at all of them.",
                "It looks at all earlier ones; nothing is cut off.",
            ),
        ),
        right=0,
    ),
    Question(
        "07",
        "For D = 64 pixels an FVSBN has 2,080 parameters. How many hidden units may NADE have to stay about equal?",
        (
            Answer("64", "2 · 64 · 64 + 64 + 64 = 8,320: four times as many."),
            Answer(
                "Any number: NADE grows linearly.",
                (
                    "It grows linearly in D for a fixed number H of units, as D·H. Whether that is less than D²/2 "
                    "depends on H."
                ),
            ),
            Answer("16", "2DH + H + D = 2,128 with H = 16. The limit is about D/4."),
            Answer("128", "2 · 64 · 128 + 128 + 64 = 16,576: eight times as many."),
        ),
        right=2,
    ),
    Question(
        "08",
        (
            "An autoencoder for binary pixels is trained with the cross-entropy of its outputs. What does that "
            "loss measure?"
        ),
        (
            Answer(
                "−log p(x), since the outputs are probabilities of the pixels.",
                (
                    "Each output has seen its own pixel, through the code. These numbers do not multiply to a "
                    "distribution over images."
                ),
            ),
            Answer(
                "−log p(x | code), for a code made from x itself.",
                "The code is not paid for. With a large enough code this falls to 0 for every image, noise included.",
            ),
            Answer(
                "A mere distance: it has no meaning as a probability.",
                (
                    "It is minus the log of a probability, that of the pixels given the code. What is missing is "
                    "p(code)."
                ),
            ),
            Answer(
                "An upper bound on −log p(x).",
                "That needs the price of the code besides, as in a VAE. Without it the number can lie far below.",
            ),
        ),
        right=1,
    ),
    Question(
        "08",
        (
            "For an image a VAE has the reconstruction term 9.0 nats and the price of the code, the KL term, 9.5 "
            "nats. What do you know about −log p(x) under the VAE?"
        ),
        (
            Answer(
                "It is exactly 18.5 nats.",
                "Only if the encoder were the exact posterior. In general there is a gap.",
            ),
            Answer(
                "It is at least 18.5 nats.",
                "The sum is an upper bound on −log p(x); with more draws the bound comes down.",
            ),
            Answer(
                "It is at most 18.5 nats.",
                "The two terms together are an upper bound. An autoregressive model gives the number itself.",
            ),
            Answer(
                "It is 9.0 nats; the code is no part of the image.",
                "Who wants to describe the image must describe the code as well.",
            ),
        ),
        right=2,
    ),
    Question(
        "09",
        (
            "In a MADE the output of degree d is allowed to read hidden units of degree at most d, in place of "
            "less than d. What happens?"
        ),
        (
            Answer(
                "Each conditional loses its last predecessor; the product stays a distribution.",
                "The other way round: each gains a variable too many.",
            ),
            Answer(
                "Nothing: the hidden layer's masks protect it.",
                (
                    "A hidden unit of degree d may read input d. The strict rule at the output is what keeps it "
                    "away from output d."
                ),
            ),
            Answer(
                "Training slows down, the model stays valid.",
                "The loss would fall fast, towards 0. That is the alarm.",
            ),
            Answer(
                "Outputs see their own inputs; the product is no distribution.",
                (
                    "A path leads from input d over a unit of degree d to output d. On a tiny model the sum over "
                    "all events shows it."
                ),
            ),
        ),
        right=3,
    ),
    Question(
        "09",
        (
            "You draw ten images of 784 pixels from a MADE, as one batch and without a cache. How many passes "
            "through the network does that take?"
        ),
        (
            Answer("784", "One pass for each variable; the ten images go through it together."),
            Answer("1", "One pass scores known images. In sampling the inputs are not known yet."),
            Answer("7,840", "The images do not depend on each other, so they share each pass."),
            Answer("10", "One pass for each image would need all of its pixels to be known."),
        ),
        right=0,
    ),
)
