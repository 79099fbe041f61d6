"""Which model for which task: tables of points with their reasons, and a function that adds them up.

FITS says how well a model suits a kind of data, as far as likelihood goes; PRIORITIES and CONSTRAINTS add to that or
take away. A model without points for the data is not considered, one with VETO is not recommended. The numbers in the
reasons are this course's, measured on its own checkpoints; where it measured nothing, a reason follows from how a model
works.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .chooser_models import MODELS, Model

__all__ = [
    "CONSTRAINTS",
    "DATA",
    "FITS",
    "PRIORITIES",
    "Recommendation",
    "caution",
    "recommend",
]

VETO = -100
MOST = 3  # recommendations


Points = Mapping[str, tuple[int, str]]  # model -> how many, and why

FITS: dict[str, Points] = {
    "binary vector or table": {
        "NADE": (5, "hidden units catch interactions, and no grid is assumed"),
        "MADE": (4, "as NADE, in one ordinary pass, as deep as you like"),
        "FVSBN": (3, "a logistic regression for each variable: the baseline to beat"),
        "any-order NADE": (3, "one network for every order of the columns"),
        "Bayes net": (3, "if you know which variables depend on which"),
        "RNN": (2, "if the bits are a sequence"),
        "VAE": (2, "a code for each row, and a bound on its likelihood"),
    },
    "small image, about 8 × 8": {
        "PixelCNN++": (5, "16.4 nats on our digits, the best of seventeen models"),
        "NADE": (
            5,
            "16.8 nats on our digits; level with PixelCNN and LSTM, in a second and a half",
        ),
        "PixelCNN": (
            5,
            "16.7 nats as a plain stack, if it is told the place of each pixel (position=True)",
        ),
        "RNN": (4, "16.8 nats as an LSTM, if it is told the place of each pixel (position=True)"),
        "MADE": (4, "17.1 nats; level with most others"),
        "Transformer": (4, "17.2 nats; small data give it no advantage"),
        "any-order NADE": (4, "17.1 nats in raster order, and any other order as well"),
        "FVSBN": (2, "18.5 nats: without hidden units 1.3 to 2 nats behind"),
        "VAE": (2, "a code for each image, and a bound on its likelihood"),
    },
    "larger image, 28 × 28 and up": {
        "Transformer": (6, "80.8 nats on binarised MNIST, the best of our checkpoints"),
        "PixelRNN": (5, "83.1 nats on binarised MNIST; it sees all earlier pixels"),
        "PixelCNN": (
            5,
            "83.6 nats on binarised MNIST (gated), 84.2 with one stack; weights shared over all places",
        ),
        "PixelCNN++": (4, "2.92 bits/dim on CIFAR-10, published; ours draws small colour images"),
        "NADE": (3, "87.6 nats on binarised MNIST; it knows no neighbours"),
        "MADE": (2, "89.2 nats on binarised MNIST"),
        "any-order NADE": (2, "the only one here that completes any hole without weights"),
        "FVSBN": (1, "97.5 nats on binarised MNIST, the baseline"),
        "diffusion model": (4, "the common choice today where looks count"),
        "normalising flow": (2, "exact likelihood for continuous pixels"),
        "VAE": (2, "a code for each image"),
    },
    "text or symbols": {
        "Transformer": (
            5,
            "1.53 nats a character on Shakespeare; any two symbols are one look apart",
        ),
        "RNN": (5, "1.57 nats a character on Shakespeare as an LSTM"),
        "WaveNet": (2, "causal convolutions over symbols, with a fixed reach"),
        "any-order NADE": (1, "for short strings of a fixed length"),
        "FVSBN": (0, "for short strings of a fixed length, one logistic regression a place"),
        "VAE": (-1, "a code for each sentence; its decoder is autoregressive as a rule"),
    },
    "sound or real-valued series": {
        "WaveNet": (5, "dilated convolutions: a long reach, all samples trained at once"),
        "RNN": (4, "one value in, one prediction out, any length"),
        "linear AR": (3, "a few weights; hard to beat on short series"),
        "Transformer": (3, "looks anywhere in a window"),
        "any-order NADE": (
            2,
            "for windows of a fixed length, with mixtures of Gaussians (RNADE)",
        ),
        "normalising flow": (2, "a density of windows of real values"),
        "diffusion model": (2, "for windows drawn all at once"),
        "VAE": (1, "a code for each window"),
    },
    "polyphonic music": {
        "RNN": (
            5,
            "with links within a step (event (T, V)): 189 nats a window of chorales, 277 with independent keys",
        ),
        "Transformer": (4, "event (T, V): keys of a chord are drawn one after the other too"),
        "any-order NADE": (2, "fills voices in, in a window of fixed length"),
        "FVSBN": (0, "a window of fixed length, linear"),
        "VAE": (0, "a code for each window"),
    },
    "columns of mixed kinds": {
        "MADE": (
            4,
            "columns cut into ordered levels (notebook 09: 30 measurements, eight bins each)",
        ),
        "NADE": (4, "columns cut into levels; hidden units catch interactions"),
        "Bayes net": (4, "columns may differ in their number of levels: ar.Categorical((3, 2, 8))"),
        "any-order NADE": (3, "one network for every order of the columns"),
        "FVSBN": (
            3,
            "columns cut into ordered levels; in notebook 09 a linear model was a strong rival",
        ),
        "normalising flow": (2, "if all columns are continuous"),
        "VAE": (2, "a code for each row"),
    },
}

PRIORITIES: dict[str, Points] = {
    "best likelihood": {},
    "fast sampling": {
        "NADE": (3, "a column added and a row read for each variable: 1 ms for a digit of 8 × 8"),
        "FVSBN": (3, "each step is one logistic regression"),
        "MADE": (2, "with its cache about as fast as NADE"),
        "any-order NADE": (2, "each step is short"),
        "RNN": (3, "a step costs the same, however long the past"),
        "linear AR": (4, "a step is a sum of a few products"),
        "Bayes net": (3, "a step is a look into a table"),
        "WaveNet": (1, "queues: a step touches each layer once"),
        "PixelCNN": (1, "row caches: together about the arithmetic of one pass"),
        "PixelCNN++": (1, "caches: together about the arithmetic of one pass"),
        "Transformer": (-1, "the key-value cache makes steps cheap; it grows with the length"),
        "PixelRNN": (-2, "a long way through its states for each pixel"),
        "VAE": (5, "one pass draws all values at once"),
        "normalising flow": (5, "with coupling layers one pass draws all values at once"),
        "diffusion model": (
            2,
            "the number of steps does not grow with the image; there are many",
        ),
    },
    "fast training": {
        "FVSBN": (3, "convex, seconds at 8 × 8, 1.3 minutes on binarised MNIST"),
        "MADE": (5, "one pass, large products: seconds at 8 × 8, 9.4 minutes on binarised MNIST"),
        "NADE": (2, "seconds at 8 × 8, 21 minutes on binarised MNIST"),
        "Bayes net": (5, "counting: about a millisecond"),
        "linear AR": (4, "least squares"),
        "PixelCNN": (1, "all pixels at once: 24 minutes on binarised MNIST (gated)"),
        "PixelCNN++": (0, "all pixels at once, but many layers"),
        "WaveNet": (1, "all samples at once"),
        "Transformer": (-1, "all steps at once, but large: 76 minutes on binarised MNIST"),
        "RNN": (-1, "step by step along time"),
        "PixelRNN": (-1, "diagonal by diagonal: 35 minutes on binarised MNIST"),
        "any-order NADE": (-1, "it has to learn all orders"),
        "diffusion model": (-2, "long training is the rule"),
    },
    "little data": {
        "Bayes net": (3, "known independences are worth many examples"),
        "linear AR": (4, "very few weights"),
        "FVSBN": (2, "convex, no hidden units to overfit"),
        "NADE": (2, "shared weights; 1,197 digits suffice"),
        "MADE": (1, "stop early"),
        "any-order NADE": (1, "every order is another look at the same data"),
        "PixelCNN": (2, "what it learns at one place holds at all"),
        "PixelCNN++": (1, "what it learns at one place holds at all"),
        "PixelRNN": (1, "the same weights at every place"),
        "RNN": (2, "the same weights at every step"),
        "Transformer": (-2, "it must learn what others have built in"),
        "normalising flow": (-1, "many layers"),
        "diffusion model": (-2, "large networks"),
    },
    "small memory": {
        "PixelRNN": (3, "23,521 weights for binarised MNIST"),
        "PixelCNN": (2, "its weights do not grow with the image"),
        "PixelCNN++": (1, "its weights do not grow with the image"),
        "RNN": (3, "a state of fixed size, weights that do not grow with the length"),
        "linear AR": (4, "a handful of weights"),
        "Bayes net": (2, "small tables, if each variable has few parents"),
        "FVSBN": (1, "2,080 weights at 8 × 8; they grow with D²"),
        "WaveNet": (1, "queues as long as the dilations"),
        "MADE": (-1, "the weights of all masks are stored"),
        "Transformer": (-2, "a cache that grows with the length"),
        "VAE": (-1, "two networks"),
        "normalising flow": (-2, "many layers"),
        "diffusion model": (-2, "a large network"),
    },
    "any-order completion": {
        "any-order NADE": (6, "any hole can be drawn last, given all that is known"),
        "Bayes net": (2, "few variables: any question, by summing"),
        "Transformer": (0, "one order at a time; else weighted draws, ar.complete"),
        "MADE": (1, "trained with several orders (masks=...), it knows those"),
        "PixelCNN": (-1, "only holes at the end of its order; else weighted draws, ar.complete"),
        "PixelCNN++": (-1, "only holes at the end of its order; else weighted draws, ar.complete"),
        "PixelRNN": (-1, "only holes at the end of its order"),
        "RNN": (-1, "only what comes last; else weighted draws, ar.complete"),
        "WaveNet": (-1, "only what comes last; else weighted draws, ar.complete"),
        "diffusion model": (1, "known pixels can guide the steps, approximately"),
    },
    "interpretability": {
        "FVSBN": (5, "every weight is a change of log-odds"),
        "Bayes net": (5, "arrows and tables that can be read"),
        "linear AR": (5, "a few coefficients, with standard errors"),
        "NADE": (0, "columns of W can be looked at; do not read too much into them"),
        "MADE": (-1, "paths show what may depend on what, not how"),
        "RNN": (-1, "a state without names"),
        "Transformer": (-2, "attention weights are intermediate results, no explanations"),
        "PixelCNN": (-1, "its surprise for each pixel can be read, its weights cannot"),
        "PixelRNN": (-2, "a state without names"),
        "diffusion model": (-2, "no part of it can be read"),
        "normalising flow": (-1, "an invertible map that cannot be read"),
    },
}

CONSTRAINTS: dict[str, Points] = {
    "none": {},
    "no GPU": {
        "NADE": (1, "made for two cores"),
        "MADE": (1, "made for two cores"),
        "FVSBN": (1, "made for two cores"),
        "Bayes net": (1, "counting needs no GPU"),
        "linear AR": (1, "least squares need no GPU"),
        "Transformer": (-1, "ours was trained on one core, in 76 minutes; larger ones are not"),
        "diffusion model": (-3, "hardly trained without one"),
        "normalising flow": (-1, "slow without one"),
    },
    "offline on a phone": {
        "RNN": (1, "one small state, a cheap step"),
        "NADE": (1, "two matrices, cheap steps"),
        "FVSBN": (1, "one matrix"),
        "Bayes net": (1, "a few tables"),
        "linear AR": (2, "a few numbers"),
        "Transformer": (-2, "the cache and the weights have to fit"),
        "diffusion model": (-3, "too many passes of a large network"),
        "normalising flow": (-1, "many layers"),
    },
    "long sequences": {
        "RNN": (2, "a step costs the same, however long the past"),
        "WaveNet": (2, "dilations reach far at a fixed cost"),
        "PixelCNN": (1, "a fixed window"),
        "PixelCNN++": (1, "a fixed window"),
        "linear AR": (1, "a fixed window"),
        "Bayes net": (1, "few parents each"),
        "Transformer": (-2, "scores grow with T²; a local pattern helps"),
        "NADE": (-2, "weights grow with the length, which is fixed"),
        "any-order NADE": (-2, "weights grow with the length, which is fixed"),
        "MADE": (-2, "weights grow with the length, which is fixed"),
        "FVSBN": (-3, "weights grow with the square of the length"),
    },
    "exact likelihood": {
        "VAE": (VETO, "a bound"),
        "diffusion model": (VETO, "a bound"),
    },
    "latent features": {
        "VAE": (12, "a code for the whole example, with a prior"),
        "normalising flow": (2, "a code of the size of the data"),
        "Transformer": (0, "no code, but hidden states are good features"),
        "NADE": (0, "no code, but the last hidden units are features"),
        "RNN": (0, "no code, but the last state is a feature of the whole sequence"),
    },
}

DATA = tuple(FITS)


@dataclass(frozen=True)
class Recommendation:
    """A model for a task.

    Attributes:
        name: a key of MODELS.
        points: the sum from the three tables; more is better, and means nothing else.
        reasons: why, the data's first.
        model: what it costs, which class, which notebook.
    """

    name: str
    points: int
    reasons: tuple[str, ...]
    model: Model


def recommend(data: str, priority: str, constraint: str = "none") -> list[Recommendation]:
    """The best models for a task, best first: at most three, at least one of them autoregressive.

    Where points are equal, the model that suits the data better comes first.

    Args:
        data: a key of FITS.
        priority: a key of PRIORITIES.
        constraint: a key of CONSTRAINTS.

    Raises:
        ValueError: one of them is unknown.

    >>> [choice.name for choice in recommend("polyphonic music", "best likelihood")]
    ['RNN', 'Transformer', 'any-order NADE']
    """
    check_task(data, priority, constraint)
    found = [_scored(name, data, priority, constraint) for name in FITS[data]]
    ranked = sorted(found, key=lambda r: (-r.points, -FITS[data][r.name][0]))
    allowed = [choice for choice in ranked if choice.points > VETO / 2]
    best = allowed[:MOST]
    if not any(choice.model.autoregressive for choice in best):
        best[-1] = next(choice for choice in allowed if choice.model.autoregressive)
    return best


def _scored(name: str, data: str, priority: str, constraint: str) -> Recommendation:
    tables = FITS[data], PRIORITIES[priority], CONSTRAINTS[constraint]
    points, reasons = zip(*(table[name] for table in tables if name in table), strict=True)
    return Recommendation(name, sum(points), reasons, MODELS[name])


def check_task(data: str, priority: str, constraint: str) -> None:
    """Raise ValueError, naming what is accepted, unless all three are known."""
    for what, given, known in (
        ("data", data, FITS),
        ("priority", priority, PRIORITIES),
        ("constraint", constraint, CONSTRAINTS),
    ):
        if not isinstance(given, str) or given not in known:
            raise ValueError(f"{what} must be one of {', '.join(map(repr, known))}; got {given!r}")


# When to look beyond autoregressive models; the first that applies is said.
CAUTIONS: dict[str, str] = {
    "latent features": "Not an autoregressive model if you need one code for the whole example: a VAE has one. Both "
    "can be joined: an autoregressive model of the codes, or as the decoder.",
    "fast sampling": "Not an autoregressive model if all values must be drawn at once: caches make its steps cheap, "
    "never fewer. A VAE or a flow of coupling layers draws in one pass; a distilled student, too.",
    "larger image, 28 × 28 and up": "Not an autoregressive model if looks count more than likelihood, or the image is "
    "large: a diffusion model, or an autoregressive model of learnt codes in place of pixels.",
    "any-order completion": "Not a model of one order if holes are anywhere: it cannot see what comes after them. A "
    "diffusion model can be guided by known values, approximately.",
    "sound or real-valued series": "Not an autoregressive model where sound must come in real time on small machines: "
    "a distilled student or a flow draws all samples at once.",
    "polyphonic music": "Not a model that goes forward in time if some voices are given and others are to be added: "
    "train on many orders.",
    "text or symbols": "Not an autoregressive model if you only need vectors of sentences: a network that fills gaps "
    "from both sides (BERT) is trained for that.",
    "": "Not an autoregressive model if you need neither p(x) nor samples: for a label alone, train a classifier.",
}


def caution(data: str, priority: str, constraint: str = "none") -> str:
    """When not to use an autoregressive model, for this task. Raises ValueError as `recommend`."""
    check_task(data, priority, constraint)
    return next(CAUTIONS[key] for key in (constraint, priority, data, "") if key in CAUTIONS)
