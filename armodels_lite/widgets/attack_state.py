"""Attacks of growing size against a detector that goes by likelihood: shares, intervals, histograms, ROC curves.

Nothing here calls a network: all follows from log-probabilities and from where the classifier was right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

__all__ = ["ASKED", "AttackTable", "Judged", "Share", "SizeFrame", "area", "roc", "threshold"]

ASKED = (1, 2, 5, 10, 20)  # percent of false alarms that can be asked for
BINS = 36
Z = NormalDist().inv_cdf(0.975)  # 95% of a normal distribution lie within so many sigmas


# -- counting ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Share:
    """`count` of `total` images.

    >>> share = Share(2, 10)
    >>> share.value, [round(end, 3) for end in share.interval]
    (0.2, [0.057, 0.51])
    """

    count: int
    total: int

    @property
    def value(self) -> float:
        """From 0 to 1."""
        return self.count / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95% interval, for images drawn independently. It has a width even where none or all are counted.

        Source: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", 1927.
        """
        n, p = self.total, self.value
        middle = (p + Z**2 / (2 * n)) / (1 + Z**2 / n)
        half = Z / (1 + Z**2 / n) * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
        low, high = middle - half, middle + half
        # The ends are exact here, up to rounding.
        return 0.0 if self.count == 0 else low, 1.0 if self.count == n else high


def threshold(reference: np.ndarray, asked: int) -> float:
    """The log-probability in nats below which an image gets a rank p-value of at most `asked` percent.

    With N clean images for reference it is the k-th smallest of their log-probabilities, k = asked (N + 1) / 100
    rounded down. Where k is 0, no p-value is so small, and the threshold is -inf.

    Args:
        reference: log-probabilities (N,) in rising order.
        asked: percent, an int.

    Source: the p-value of `armodels_lite.pixeldefend.p_value`; see there.

    >>> threshold(np.array([-9.0, -5.0, -4.0, -1.0]), asked=40)   # p-values are multiples of 1/5
    -5.0
    """
    rank = asked * (len(reference) + 1) // 100
    return float(reference[rank - 1]) if rank else -math.inf


def roc(clean: np.ndarray, attacked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares of clean and of attacked images that are called attacked, as the threshold rises: float64 (T,) each.

    There is a threshold between any two neighbouring values, so the curve goes from (0, 0) to (1, 1).

    Args:
        clean, attacked: log-probabilities, of any order; what lies below the threshold is called attacked.
    """
    thresholds = np.append(np.unique(np.concatenate([clean, attacked])), np.inf)
    below, found = (
        np.searchsorted(np.sort(values), thresholds) / len(values) for values in (clean, attacked)
    )
    return below, found


def area(curve: tuple[np.ndarray, np.ndarray]) -> float:
    """The area under a curve of `roc`: P(attacked below clean) for a random image of either, ties counted half."""
    return float(np.trapezoid(curve[1], curve[0]))


# -- frames --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Judged:
    """What the two networks say of M images.

    Attributes:
        log_probs: float64 (M,) in nats, from the density.
        right: bool (M,), whether the classifier gives the true label.
    """

    log_probs: np.ndarray
    right: np.ndarray


@dataclass(frozen=True, eq=False)
class SizeFrame:
    """One attack of one size, against a detector with one rate of false alarms.

    Attributes:
        attack, size: the names of both.
        step: the number of the size; at 0 nothing is changed.
        asked: percent of false alarms asked for.
        threshold: log-probability in nats; images below are called attacked. -inf where none can be.
        references: how many clean images it comes from.
        right: attacked images that the classifier gets right.
        detected: attacked images that are called attacked.
        unnoticed: attacked images that the classifier gets wrong and that are not called attacked.
        false_alarms: clean images that are called attacked.
        unattacked: clean images that the classifier gets wrong and that are not called attacked.
        curve: see `roc`.
        auc: its area.
        clean, resisted, fooled: float64 (bins,), the percentage of images in each bin: clean ones, attacked ones that
            the classifier gets right, and those that it gets wrong.
    """

    attack: str
    size: str
    step: int
    asked: int
    threshold: float
    references: int
    right: Share
    detected: Share
    unnoticed: Share
    false_alarms: Share
    unattacked: Share
    curve: tuple[np.ndarray, np.ndarray]
    auc: float
    clean: np.ndarray
    resisted: np.ndarray
    fooled: np.ndarray


class AttackTable:
    """All images, judged at all sizes of all attacks, and the axes that show them.

    Args:
        reference, clean, attacks, sizes, num_variables: see `AttackSizes`.

    Attributes:
        reference: float64 (N,) in rising order.
        clean: M images as they are.
        attacks: name -> the same images at each size, the clean ones first.
        sizes: their names, "0" first.
        edges: float64 (bins + 1,), the bins of all histograms, in the unit of the axis.
        highest: percentage of images in the fullest bin of all.
        unit: of the axis.

    Raises:
        ValueError: for arguments that are not accepted; the message says what is.
    """

    def __init__(
        self,
        reference: Any,
        clean: tuple[Any, Any],
        attacks: Mapping[str, Sequence[tuple[Any, Any]]],
        sizes: Sequence[str],
        num_variables: int | None = None,
    ) -> None:
        if num_variables is not None and (type(num_variables) is not int or num_variables < 1):
            raise ValueError(f"num_variables must be a positive int or None, got {num_variables!r}")
        self.reference = np.sort(_log_probs("reference", reference))
        self.clean = _judged("clean", clean)
        self.sizes = ("0", *_size_names(sizes))
        self.attacks = _checked_attacks(attacks, self.clean, self.sizes)
        self.num_variables = num_variables
        self.unit = "-log p, nats" if num_variables is None else "bits/dim"
        self.edges = self._common_edges()
        every = (judged for row in self.attacks.values() for judged in row)
        self.highest = max(self._percent(judged.log_probs).max() for judged in every)

    def improbable(self, log_probs: Any) -> Any:
        """Log-probabilities on the axis: -log p in nats, or bits per dimension where their number is known."""
        if self.num_variables is None:
            return -log_probs
        return -log_probs / (self.num_variables * math.log(2))

    def frame(self, attack: str, step: int, asked: int) -> SizeFrame:
        """The numbers of an attack at a size; O(M log M)."""
        attacked, clean = self.attacks[attack][step], self.clean
        below = threshold(self.reference, asked)
        called, alarms = attacked.log_probs < below, clean.log_probs < below
        curve = roc(clean.log_probs, attacked.log_probs)
        return SizeFrame(
            attack=attack,
            size=self.sizes[step],
            step=step,
            asked=asked,
            threshold=below,
            references=len(self.reference),
            right=_share(attacked.right),
            detected=_share(called),
            unnoticed=_share(~attacked.right & ~called),
            false_alarms=_share(alarms),
            unattacked=_share(~clean.right & ~alarms),
            curve=curve,
            auc=area(curve),
            clean=self._percent(clean.log_probs),
            resisted=self._percent(attacked.log_probs, attacked.right),
            fooled=self._percent(attacked.log_probs, ~attacked.right),
        )

    def _common_edges(self) -> np.ndarray:
        """One range for all attacks, sizes and thresholds, so that the bars move and the axis stays."""
        values = [judged.log_probs for row in self.attacks.values() for judged in row]
        lines = [threshold(self.reference, asked) for asked in ASKED]
        shown = self.improbable(np.concatenate([*values, [x for x in lines if x > -math.inf]]))
        low, high = shown.min(), shown.max()
        # Values that are as good as equal get an axis too.
        size = max(1.0, abs(low), abs(high))
        margin = 0.02 * (high - low) if high - low > 1e-6 * size else 0.1 * size
        return np.linspace(low - margin, high + margin, BINS + 1)

    def _percent(self, log_probs: np.ndarray, chosen: np.ndarray | None = None) -> np.ndarray:
        """The percentage of all images that are chosen and fall into each bin."""
        values = self.improbable(log_probs if chosen is None else log_probs[chosen])
        return 100 * np.histogram(values, self.edges)[0] / len(log_probs)


def _share(chosen: np.ndarray) -> Share:
    return Share(int(chosen.sum()), len(chosen))


# -- what is accepted ----------------------------------------------------------------------------------------------


def _log_probs(name: str, values: Any) -> np.ndarray:
    """Finite float64 (n,), n > 0."""
    array = _array(name, values)
    if array.dtype.kind not in "fiu" or array.ndim != 1 or len(array) == 0:
        raise ValueError(
            f"{name} must hold log-probabilities in nats, an array of shape (n,) with n > 0, got "
            f"{array.dtype} of shape {array.shape}"
        )
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        wrong = array[~np.isfinite(array)]
        raise ValueError(
            f"{name} must hold finite log-probabilities, got {wrong[0]} in {len(wrong)} of {len(array)} places"
        )
    return array


def _judged(name: str, pair: Any, count: int | None = None) -> Judged:
    """A pair of arrays of one length, which is `count` where that is given."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        found = f"{len(pair)} entries" if isinstance(pair, tuple | list) else type(pair).__name__
        raise ValueError(f"{name} must be a pair (log_probs, right), got {found}")
    log_probs = _log_probs(f"log_probs of {name}", pair[0])
    right = _array(f"right of {name}", pair[1])
    if right.dtype != np.bool_ or right.shape != log_probs.shape:
        raise ValueError(
            f"right of {name} must be bools of shape {log_probs.shape}, as its log_probs, got {right.dtype} of "
            f"shape {right.shape}"
        )
    if count is not None and len(log_probs) != count:
        raise ValueError(
            f"{name} must hold the {count} images of clean, attacked, got {len(log_probs)}"
        )
    return Judged(log_probs, right)


def _array(name: str, values: Any) -> np.ndarray:
    if hasattr(values, "detach"):  # a torch tensor, perhaps on a GPU, perhaps in a graph
        values = values.detach().cpu().numpy()
    try:
        return np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{name} must be one array of shape (n,): {error}") from error


def _size_names(sizes: Any) -> tuple[str, ...]:
    names = tuple(sizes) if isinstance(sizes, tuple | list) else ()
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        raise ValueError(
            f"sizes must be the names of one size or more, such as ('1/16', '2/16'), got {sizes!r}"
        )
    if len({"0", *names}) <= len(names):
        raise ValueError(
            f"sizes must differ from each other and from '0', which stands for the clean images, got {sizes!r}"
        )
    return names


def _checked_attacks(
    attacks: Any, clean: Judged, sizes: Sequence[str]
) -> dict[str, tuple[Judged, ...]]:
    """Each attack's images at all sizes; size 0 is the clean ones."""
    if not isinstance(attacks, Mapping) or not attacks:
        found = "no attack" if isinstance(attacks, Mapping) else type(attacks).__name__
        raise ValueError(
            f"attacks must map a name to one pair (log_probs, right) for each size, got {found}"
        )
    checked = {}
    for name, row in attacks.items():
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f"attacks must have names, got {name!r}")
        if not isinstance(row, tuple | list) or len(row) != len(sizes) - 1:
            found = f"{len(row)}" if isinstance(row, tuple | list) else type(row).__name__
            raise ValueError(
                f"attack {name!r} must have a pair (log_probs, right) for each of the {len(sizes) - 1} sizes "
                f"(0 not among them, as that is clean), got {found}"
            )
        judged = (
            _judged(f"attack {name!r} of size {size}", pair, len(clean.right))
            for size, pair in zip(sizes[1:], row, strict=True)
        )
        checked[name] = (clean, *judged)
    return checked
