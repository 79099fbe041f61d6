"""Questions about notebooks 12, 12b and 13: convolutions, applications, attacks."""

from __future__ import annotations

from .question import Answer, Question

__all__ = ["QUESTIONS"]

QUESTIONS = (
    Question(
        "12",
        (
            "A WaveNet has kernels of size 2 and the dilations 1, 2, 4, 8, twice over. How many past samples can "
            "the prediction of x_t see?"
        ),
        (
            Answer(
                "31",
                "1 + 2 · (1 + 2 + 4 + 8). Within a stack the reach doubles with each layer; a second stack adds.",
            ),
            Answer("16", "That is one stack: 1 + 15. The second one reaches 15 further."),
            Answer(
                "256",
                "Stacks add, they do not multiply: 16 · 16 would need dilations up to 128.",
            ),
            Answer(
                "30",
                (
                    "The sum of the dilations counts the distances from the nearest sample seen. That sample "
                    "itself counts too."
                ),
            ),
        ),
        right=0,
    ),
    Question(
        "12",
        (
            "A plain PixelCNN (one stack, kernels of 3 × 3) has as many layers as you like. Which pixel, drawn "
            "earlier, can never influence the current one?"
        ),
        (
            Answer(
                "1 row above, 1 column right",
                "This neighbour is inside the very first kernel.",
            ),
            Answer("5 rows above, 3 columns left", "Within reach from the fifth layer on."),
            Answer(
                "Same row, 6 columns left",
                "Each layer reaches one column further to the left.",
            ),
            Answer(
                "1 row above, 4 columns right",
                "Every step to the right costs a row upwards: what lies further right than above is the blind spot.",
            ),
        ),
        right=3,
    ),
    Question(
        "12b",
        (
            "The upper half of a digit is known. A PixelCNN in raster order draws the lower half. What does it "
            "need to draw from p(lower | upper)?"
        ),
        (
            Answer(
                "Weights for the draws, from the known pixels",
                "Weights are needed where known pixels come after drawn ones. Here none does.",
            ),
            Answer(
                "Nothing more: it draws on",
                "All that is known comes first in the order, so each conditional sees it. The draws are exact.",
            ),
            Answer(
                "Training on random orders",
                "That helps for holes anywhere. This hole is at the end of the order.",
            ),
            Answer(
                "The upper half as context, in training",
                "Context would do too, at the price of training again; the order already provides what is needed.",
            ),
        ),
        right=1,
    ),
    Question(
        "12b",
        "Four completions of a hole have the weights 0.7, 0.1, 0.1 and 0.1. What is their effective number, 1/Σw²?",
        (
            Answer(
                "4",
                (
                    "Four were drawn, but one of them carries most of the weight. Four would be the number for "
                    "equal weights."
                ),
            ),
            Answer("0.52", "That is the sum of the squares; the number is one over it."),
            Answer(
                "1.9",
                "1/(0.49 + 3 · 0.01) = 1/0.52 = 1.92. The answer rests on about two draws.",
            ),
            Answer("1.4", "That is one over 0.7. All squares belong into the sum."),
        ),
        right=2,
    ),
    Question(
        "13",
        (
            "A linear classifier has z = 2x₁ − x₂ + x₃ − 0.2. For x = (0.5, 0.5, 0.5) z is 0.8, and right. From "
            "which ε on does FGSM turn its sign?"
        ),
        (
            Answer(
                "0.2",
                "FGSM moves each pixel by ε against its weight: z falls by (2 + 1 + 1) ε, and 0.8/4 = 0.2.",
            ),
            Answer(
                "0.4",
                (
                    "That divides by the sum of the weights, 2. The pixel with the negative weight moves the other "
                    "way, so the sizes add up."
                ),
            ),
            Answer(
                "0.33",
                "0.8/√6: the distance to the boundary in the Euclidean norm, which is DeepFool's.",
            ),
            Answer("0.8", "Each of the three pixels contributes, the first one twice."),
        ),
        right=0,
    ),
    Question(
        "13",
        (
            "A PixelCNN trained on photographs scores images from elsewhere, say house numbers. Their likelihood, "
            "compared with that of its own test images, ..."
        ),
        (
            Answer(
                "is always lower: that is how foreign images are found.",
                "It was found to be higher for whole data sets (Nalisnick et al., 2019).",
            ),
            Answer(
                "is lower once the model is good enough at its own images.",
                "Better models do it too: smooth, simple images are easy to predict, whoever made them.",
            ),
            Answer(
                "says nothing, because likelihoods are not normalised.",
                "They are: they sum to 1 over all images. That does not make each foreign image improbable.",
            ),
            Answer(
                "can be higher: smooth images are easy to predict.",
                "Likelihood depends on how complex an image is. A high one is no proof of belonging.",
            ),
        ),
        right=3,
    ),
    Question(
        "13",
        (
            "A detector asks a PixelCNN for log p(x) of an image of 28 × 28 pixels. How many passes of the network "
            "does one score take?"
        ),
        (
            Answer(
                "784, one for each pixel",
                "That is drawing. In scoring all pixels are known, so all conditionals come at once.",
            ),
            Answer(
                "1",
                (
                    "All inputs are known, and the masks keep each output honest. Drawing and purifying go pixel "
                    "by pixel."
                ),
            ),
            Answer(
                "28, one for each row",
                "Row by row is how states go in a Row LSTM. Convolutions need no such sequence.",
            ),
            Answer(
                "None: it is looked up",
                "A network stores no table of images; each image is scored anew.",
            ),
        ),
        right=1,
    ),
)
