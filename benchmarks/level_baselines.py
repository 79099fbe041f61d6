"""Models of recordings without a network: levels by frequency, by the level before, and a linear predictor.

Each gives log-probabilities (nats) of levels of mu-law (N, T), one for each level given those before it.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from scipy.signal import lfilter
from scipy.special import ndtr

from armodels_lite.sound import inverse_mu_law

LEVELS, SILENCE, ORDER = 256, 128, 16
WEIGHTS = (1.0, 10.0, 100.0, 1000.0)  # of the frequencies in a row of the bigram, in pairs
FLOORS = (0.01, 0.05, 0.1, 0.2)  # share of the frequencies in the linear predictor's mixture
FIXED = (0.006, 0.012, 0.025, 0.05, 0.1, 0.2)  # scale of the residuals where it stays the same
FACTORS, DECAYS = (0.7, 1.0, 1.4, 2.0), (0.7, 0.8, 0.9, 0.95)  # and where it follows the residuals
QUIETEST = 1e-4  # a scale is at least this: half of the distance between the two softest levels


def mean_nats(log_probs: np.ndarray, counted: np.ndarray) -> float:
    """Nats per level, over those that count."""
    return float(-log_probs[counted].mean())


# ---- by counting -------------------------------------------------------------------------------------------


def frequencies(x: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """The probability of each level, (256,); every level is counted once more than it occurs."""
    counts = np.bincount(x[counted], minlength=LEVELS) + 1.0
    return counts / counts.sum()


def pairs(x: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """How often each level (column) follows each other (row), (256, 256). Silence comes before the first."""
    both = LEVELS * before(x) + x
    return np.bincount(both[counted], minlength=LEVELS**2).reshape(LEVELS, LEVELS)


def before(x: np.ndarray) -> np.ndarray:
    """The level before each, silence before the first."""
    return np.concatenate([np.full_like(x[:, :1], SILENCE), x[:, :-1]], 1)


def bigram(counts: np.ndarray, q: np.ndarray, weight: float) -> np.ndarray:
    """p(level | level before), (256, 256): the counts of pairs, and the frequencies q as so many pairs more."""
    return (counts + weight * q) / (counts.sum(1, keepdims=True) + weight)


# ---- linear prediction -------------------------------------------------------------------------------------


def linear_weights(samples: np.ndarray, counted: np.ndarray, order: int = ORDER) -> np.ndarray:
    """Weights (order,) of the last samples, the latest first, with the least squared error: the covariance method."""
    gram, cross = np.zeros((order, order)), np.zeros(order)
    for row, count in zip(samples, counted, strict=True):
        padded = np.concatenate([np.zeros(order), row])
        past = np.lib.stride_tricks.sliding_window_view(padded[:-1], order)[count, ::-1]
        gram += past.T @ past
        cross += past.T @ row[count]
    return np.linalg.solve(gram + 1e-9 * np.trace(gram) * np.eye(order), cross)


def predictions(samples: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """What the last samples predict for each, (N, T), with zeros before the first."""
    return lfilter(np.concatenate([[0.0], weights]), 1.0, samples)


def loudness(residuals: np.ndarray, decay: float) -> np.ndarray:
    """The mean magnitude of the residuals before each sample; `decay` is the weight that each step takes away."""
    return lfilter([0.0, 1 - decay], [1.0, -decay], np.abs(residuals))


def interval_probs(x: np.ndarray, mean: np.ndarray, scale: np.ndarray, kind: str) -> np.ndarray:
    """The mass that a density puts on the samples which mu-law rounds to level x, (N, T).

    "gaussian": scale is the standard deviation. "laplace": scale is the mean magnitude of the residual.
    """
    halves = (2 * np.arange(LEVELS - 1) + 1) / (LEVELS - 1) - 1
    inner = np.sign(halves) * np.expm1(np.abs(halves) * math.log(LEVELS)) / (LEVELS - 1)
    edges = np.concatenate([[-np.inf], inner, [np.inf]])
    cdf = {"gaussian": ndtr, "laplace": _laplace_cdf}[kind]
    return cdf((edges[x + 1] - mean) / scale) - cdf((edges[x] - mean) / scale)


def _laplace_cdf(z: np.ndarray) -> np.ndarray:
    half = 0.5 * np.exp(-np.abs(z))
    return np.where(z < 0, half, 1 - half)


def linear_log_prob(
    x: np.ndarray, weights: np.ndarray, q: np.ndarray, settings: tuple[str, float, float, float]
) -> np.ndarray:
    """Log-probabilities (N, T) of the linear predictor with settings (kind, scale, decay, floor).

    With decay 0 the scale stays the same, otherwise it is a factor of the loudness of the last residuals. The share
    `floor` of the mixture are the frequencies q: no level is impossible, however far off the prediction was.
    """
    kind, factor, decay, floor = settings
    samples = inverse_mu_law(x, LEVELS).astype(np.float64)
    mean = predictions(samples, weights)
    scale = factor if decay == 0 else factor * loudness(samples - mean, decay) + QUIETEST
    return np.log((1 - floor) * interval_probs(x, mean, scale, kind) + floor * q[x])


def linear_settings() -> list[tuple[str, float, float, float]]:
    """All settings to choose from."""
    scales = [(scale, 0.0) for scale in FIXED] + list(itertools.product(FACTORS, DECAYS))
    kinds = ("gaussian", "laplace")
    return [(k, s, d, floor) for k in kinds for (s, d) in scales for floor in FLOORS]


# ---- chosen on the validation recordings ------------------------------------------------------------------


def baselines(
    train: tuple[np.ndarray, np.ndarray],
    valid: tuple[np.ndarray, np.ndarray],
    x: np.ndarray,
    first: int = 60,
) -> dict[str, tuple[np.ndarray, str]]:
    """Log-probabilities (N, T) of x under each baseline, and what was chosen, in words.

    `train` and `valid` are pairs of levels and of what counts, both (N, T); the linear predictor's settings are
    chosen on the `first` recordings of the latter.
    """
    q = frequencies(*train)
    counts, (levels, counted) = pairs(*train), valid

    def by_pairs(weight: float, x: np.ndarray) -> np.ndarray:
        return np.log(bigram(counts, q, weight))[before(x), x]

    weight = min(WEIGHTS, key=lambda w: mean_nats(by_pairs(w, levels), counted))
    quarter = train[0][::4], train[1][::4]  # plenty for a few weights
    samples = inverse_mu_law(quarter[0], LEVELS).astype(np.float64)
    linear = linear_weights(samples, quarter[1])
    some = levels[:first], counted[:first]
    found = {"levels by frequency": (np.log(q)[x], "")}
    found["bigram"] = (by_pairs(weight, x), f"frequencies count as {weight:g} pairs")
    for name, follows in (("fixed scale", False), ("scale of the last residuals", True)):
        settings = min(
            (s for s in linear_settings() if (s[2] > 0) == follows),
            key=lambda s: mean_nats(linear_log_prob(some[0], linear, q, s), some[1]),
        )
        chosen = "{}, scale {:g}, decay {:g}, {:g} by frequency".format(*settings)
        found[f"linear predictor, {name}"] = linear_log_prob(x, linear, q, settings), chosen
    return found
