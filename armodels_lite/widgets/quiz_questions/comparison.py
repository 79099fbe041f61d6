"""Questions about notebook 14: the models side by side, compression, ways around slow sampling."""

from __future__ import annotations

from .question import Answer, Question

__all__ = ["QUESTIONS"]

QUESTIONS = (
    Question(
        "14",
        "A table heads its column for binarised MNIST “bits/dim” and lists 88. What can be meant?",
        (
            Answer(
                "88 bits/dim",
                "A fair coin for each pixel needs 1 bit/dim. No sensible model of binary pixels needs 88.",
            ),
            Answer(
                "88 bits per image, 0.112 bits/dim",
                "88 bits are 61 nats. The best autoregressive models that we know of need about 78.",
            ),
            Answer(
                "88 nats per image, 0.162 bits/dim",
                "88/(784 ln 2) = 0.162. The header is wrong by a factor of 543.",
            ),
            Answer(
                "A perplexity of 88 per pixel",
                "A pixel has two values, so a fair coin has the perplexity 2.",
            ),
        ),
        right=2,
    ),
    Question(
        "14",
        (
            "On the 8 × 8 digits, means over five trainings: FVSBN 18.47 nats, MADE 17.07, NADE 16.76, LSTM 16.81, "
            "PixelCNN 16.72, Transformer 17.21. Differences between two of them carry standard errors of about 0.12. "
            "What do these numbers show?"
        ),
        (
            Answer(
                "A hidden layer pays; which of NADE, LSTM and PixelCNN is best cannot be told.",
                (
                    "FVSBN is behind by ten standard errors or more. The three named lie within 0.1 nats of each "
                    "other, less than one error."
                ),
            ),
            Answer(
                "A ladder: each newer architecture is better than the one before.",
                (
                    "The Transformer is the newest and the last of those with a hidden layer. At this size there "
                    "is no ladder."
                ),
            ),
            Answer(
                "Convolutions win on images, since they know neighbours.",
                (
                    "PixelCNN and NADE differ by far less than an error. On 28 × 28 pixels convolutions are ahead "
                    "of NADE; the size matters."
                ),
            ),
            Answer(
                "Nothing: test images differ too much.",
                (
                    "That spread cancels when models are compared image by image: FVSBN's gap is ten errors wide "
                    "or more."
                ),
            ),
        ),
        right=0,
    ),
    Question(
        "14",
        (
            "A MADE has D = 1,000 inputs, 500 hidden units and as many outputs: about a million multiplications a "
            "pass. What does drawing one example cost?"
        ),
        (
            Answer(
                "About a million: one pass gives all conditionals.",
                (
                    "One pass is enough for a known example. In drawing, each value has to be there before the "
                    "next pass."
                ),
            ),
            Answer(
                "About 10⁹, with a cache or without.",
                "Without one. But units that are complete need not be computed again.",
            ),
            Answer(
                "About 10⁹ naively; with a cache about a million, in one single step.",
                "The sums are right. But the 1,000 steps wait for one another, with a cache too.",
            ),
            Answer(
                "About 10⁹ naively, a million with a cache; 1,000 steps.",
                "A thousand passes naively. A cache computes each unit once. Neither makes fewer steps.",
            ),
        ),
        right=3,
    ),
    Question(
        "14",
        (
            "A model gives a message of 64 symbols −log₂ p(x) = 20.5. About how many bits does a coder such as "
            "arithmetic coding, or numeral systems, need for it?"
        ),
        (
            Answer(
                "At least 64, one for each symbol",
                (
                    "That is the limit of a code for single symbols, such as Huffman's. These codes are one number "
                    "for the whole message."
                ),
            ),
            Answer(
                "21 to 23: whole bits, and a small constant",
                "−log₂ p bits, plus at most about two for the end of the whole message.",
            ),
            Answer("14.2, since 20.5 ln 2 = 14.2", "Those are nats. A file is made of bits."),
            Answer(
                "20, the 0.5 is rounded off",
                (
                    "The message must be told from all others that are as probable: rounding down is not possible "
                    "in general."
                ),
            ),
        ),
        right=1,
    ),
    Question(
        "14",
        (
            "A file was compressed with a model on a GPU in 32 bits. On another machine the first values come out "
            "right, then all is garbage. What is the most likely reason?"
        ),
        (
            Answer(
                "Compression with a model is lossy.",
                "It is lossless: each symbol is found by its interval. Here the intervals differ.",
            ),
            Answer(
                "The model is too weak for these data.",
                "A weak model makes long files, and right ones.",
            ),
            Answer(
                "The two ends computed different probabilities.",
                (
                    "A last bit moves the border of an interval; one wrong symbol, and all that follows is "
                    "conditioned on it."
                ),
            ),
            Answer(
                "The receiver lacks the noise that the sender drew.",
                "Nothing is drawn: coding and decoding are deterministic.",
            ),
        ),
        right=2,
    ),
    Question(
        "14",
        (
            "Predictive sampling (guess and check) guesses all values, lets one pass answer with the same uniform "
            "numbers, takes the answer as the next guess, and stops when nothing changes. What does it draw?"
        ),
        (
            Answer(
                "Exactly what step-by-step sampling draws with these numbers",
                "A guess is kept only where it equals the draw, so nothing changes but the number of passes.",
            ),
            Answer(
                "The most probable values",
                "The guess may be a likely value; what is kept is decided by the uniform numbers.",
            ),
            Answer(
                "An approximation, good if the guesses are",
                "Bad guesses cost passes, never accuracy.",
            ),
            Answer(
                "Samples of the guessing model",
                "It only proposes. The big model's own draw has the last word.",
            ),
        ),
        right=0,
    ),
    Question(
        "14",
        (
            "Speculative decoding: a small model q proposes symbol a. q(a) = 0.5, the large model has p(a) = 0.3. "
            "With what probability is a accepted?"
        ),
        (
            Answer(
                "0.3",
                "That is how often the large model draws a. The proposal has already happened with probability 0.5.",
            ),
            Answer("0.5", "That is how often a is proposed, not how often it is kept."),
            Answer(
                "1: it is likely under both",
                "Then a would come out with probability 0.5, which is too often.",
            ),
            Answer(
                "0.6",
                (
                    "min(1, p/q) = 0.3/0.5. So a comes out by this way with 0.5 · 0.6 = 0.3, as it should; a "
                    "rejection draws from what is left of p, and can never give a."
                ),
            ),
        ),
        right=3,
    ),
    Question(
        "14",
        "How does a subscale pixel network (Menick and Kalchbrenner, 2019) go through an image?",
        (
            Answer(
                "Several resolutions at the same time",
                (
                    "That is how a source of the lecture has it. The parts are not resolutions, and they are not "
                    "drawn at the same time."
                ),
            ),
            Answer(
                "Sub-images of every k-th pixel, one after the other",
                (
                    "A sequence of interleaved sub-images of equal size, each given those before it, and value by "
                    "value inside."
                ),
            ),
            Answer(
                "Independent tiles, side by side",
                "Nothing is assumed to be independent: the chain rule stays exact.",
            ),
            Answer(
                "In log N steps for N pixels",
                (
                    "That is the parallel multi-scale model (Reed et al., 2017), which assumes independences. Here "
                    "it is one step a value."
                ),
            ),
        ),
        right=1,
    ),
    Question(
        "14",
        (
            "The parallel multi-scale PixelCNN (Reed et al., 2017) draws N pixels in about log N steps. What does "
            "it pay with?"
        ),
        (
            Answer(
                "With memory: it caches every layer",
                "Caches make steps cheap. They never make fewer steps.",
            ),
            Answer(
                "With nothing: the factors of the chain rule can be computed in parallel",
                "For known images. In drawing, a factor that needs a value has to wait for it.",
            ),
            Answer(
                "With an assumption: independence within a group of pixels",
                (
                    "They are drawn at once, so they cannot see each other. What they have in common beyond the "
                    "earlier groups is lost."
                ),
            ),
            Answer(
                "With exactness: the likelihood is a bound",
                "Its likelihood is exact, for the model with these independences.",
            ),
        ),
        right=2,
    ),
    Question(
        "14",
        "A WaveNet is distilled into a student that draws all samples at once (Parallel WaveNet). What is given up?",
        (
            Answer(
                "The teacher's distribution, and cheap likelihoods of given sounds",
                (
                    "The student imitates; it is another distribution. It is fast at drawing, and slow at scoring "
                    "a sound that it has not drawn."
                ),
            ),
            Answer(
                "Nothing: it is the same distribution as the teacher's, computed faster",
                "The student minimises a divergence from the teacher, and does not reach 0.",
            ),
            Answer(
                "Only training time",
                "Training it takes more, but what changes is the distribution.",
            ),
            Answer(
                "Parallel training: the student learns sample by sample",
                "It draws whole sounds at once in training too, and the teacher scores each in one pass.",
            ),
        ),
        right=0,
    ),
    Question(
        "14b",
        (
            "You need exact log p(x) and draws whose number of sequential steps does not grow with the number of "
            "pixels. Which family offers both?"
        ),
        (
            Answer(
                "Variational autoencoders",
                "Draws are fast, but of the likelihood there is only a bound or an estimate.",
            ),
            Answer(
                "Autoregressive models with a cache",
                "Exact, but a step for each variable; the cache makes each step cheap.",
            ),
            Answer(
                "Diffusion models, trained by their bound",
                (
                    "The number of steps does not grow with the pixels, but training, and as a rule scoring, uses "
                    "a bound."
                ),
            ),
            Answer(
                "Normalising flows of coupling layers",
                (
                    "Both directions are one pass through the layers (RealNVP, Glow). The price: every layer has "
                    "to be invertible."
                ),
            ),
        ),
        right=3,
    ),
    Question(
        "14b",
        (
            "A generator draws pure noise 99 times in 100, and otherwise from a very good model. How much average "
            "log-likelihood can it lose against the good model alone, for an image of a million values?"
        ),
        (
            Answer(
                "At most 4.6 nats for the whole image",
                (
                    "Its density is at least 1/100 of the good one's, and ln 100 = 4.6. Next to nothing, although "
                    "nearly every sample is ruined: likelihood and looks are two questions."
                ),
            ),
            Answer(
                "99 % of it",
                "Densities are mixed, not their logarithms.",
            ),
            Answer(
                "About 4.6 nats for each value",
                "The choice between noise and model is made once an image, not once a value.",
            ),
            Answer(
                "All of it: log p(x) becomes minus infinity",
                "Each image keeps a hundredth of the density that the good model gives it.",
            ),
        ),
        right=0,
    ),
)
