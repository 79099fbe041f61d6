"""The likelihood of a coin's p after k ones in n throws, its logarithm and the slope that leads to k / n.

A frame is one p: `likelihood_frame` computes the numbers, `likelihood_chart` and `log_likelihood_chart` draw them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import ipywidgets

from .chart_stepper import ChartStepper
from .svg import ACCENT, BLUE, FILL, QUIET, Chart, Drawing
from .ticks import nice_ticks

__all__ = [
    "BernoulliLikelihood",
    "LikelihoodFrame",
    "likelihood_chart",
    "likelihood_frame",
    "log_likelihood_chart",
]

# Half of 3.84, the 95 % point of a chi-square variable with one degree of freedom: twice the distance from the top is
# one such variable for large n (S. S. Wilks, 1938).
DROP = 1.92
DEPTH = 9.0  # nats that the logarithm's chart reaches below the top
GRID = [i / 400 for i in range(401)]
MOST_THROWS = 100


@dataclass(frozen=True)
class LikelihoodFrame:
    """What k ones in n throws say about a probability p.

    Attributes:
        n, k, p: the data and the probability tried.
        likelihood: p^k (1 - p)^(n - k), with 0^0 = 1.
        log_likelihood: its logarithm in nats; -inf where the likelihood is 0.
        slope: derivative of the logarithm by p, in nats per unit of p; infinite where p = 0 or 1 is impossible.
        estimate: k / n.
        top: log-likelihood at the estimate.
        low, high: the p between which the log-likelihood is at most 1.92 nats below the top.
        standard_error: sqrt(estimate (1 - estimate) / n).
    """

    n: int
    k: int
    p: float
    likelihood: float
    log_likelihood: float
    slope: float
    estimate: float
    top: float
    low: float
    high: float
    standard_error: float


def likelihood_frame(n: int, k: int, p: float) -> LikelihoodFrame:
    """Likelihood, log-likelihood, slope and the uncertainty of the estimate.

    Raises:
        ValueError: n is no positive int, k is not in 0..n, or p is not in [0, 1].
    """
    _check_counts(n, k)
    if not 0 <= p <= 1:
        raise ValueError(f"p is a probability between 0 and 1, got {p!r}")
    estimate = k / n
    log_likelihood = _log_likelihood(n, k, p)
    low, high = likelihood_interval(n, k)
    return LikelihoodFrame(
        n=n,
        k=k,
        p=p,
        likelihood=math.exp(log_likelihood),
        log_likelihood=log_likelihood,
        slope=_slope(n, k, p),
        estimate=estimate,
        top=_log_likelihood(n, k, estimate),
        low=low,
        high=high,
        standard_error=math.sqrt(estimate * (1 - estimate) / n),
    )


def likelihood_interval(n: int, k: int, drop: float = DROP) -> tuple[float, float]:
    """The lowest and highest p whose log-likelihood is at most `drop` nats below the highest one."""
    top = _log_likelihood(n, k, k / n)

    def inside(p: float) -> bool:
        return _log_likelihood(n, k, p) >= top - drop

    low = 0.0 if k == 0 else _edge(inside, k / n, 0.0)
    high = 1.0 if k == n else _edge(inside, k / n, 1.0)
    return low, high


def _edge(inside: Callable[[float], bool], good: float, bad: float) -> float:
    """Where `inside` changes between a place inside and one outside, by halving."""
    for _ in range(52):
        middle = (good + bad) / 2
        good, bad = (middle, bad) if inside(middle) else (good, middle)
    return good


def _log_likelihood(n: int, k: int, p: float) -> float:
    return _times_log(k, p) + _times_log(n - k, 1 - p)


def _times_log(count: int, p: float) -> float:
    """count log p, where nothing counted adds nothing even to p = 0."""
    if count == 0:
        return 0.0
    return count * math.log(p) if p > 0 else -math.inf


def _slope(n: int, k: int, p: float) -> float:
    """k / p - (n - k) / (1 - p); a part without a count is 0, also at the end where it would be 0 / 0."""
    up = 0.0 if k == 0 else (k / p if p > 0 else math.inf)
    down = 0.0 if k == n else ((n - k) / (1 - p) if p < 1 else math.inf)
    return up - down


def _check_counts(n: int, k: int) -> None:
    if type(n) is not int or n < 1:
        raise ValueError(f"n must be an int of at least 1, got {n!r}")
    if type(k) is not int or not 0 <= k <= n:
        raise ValueError(f"k must be an int from 0 to n = {n}, got {k!r}")


# -- drawings ------------------------------------------------------------------------------------------------------


def likelihood_chart(frame: LikelihoodFrame) -> Chart:
    """The likelihood of every p, with k / n and the current p marked."""
    exponent = math.floor(frame.top / math.log(10) + 1e-9)  # L is drawn in units of 10^exponent
    unit = exponent * math.log(10)
    values = [math.exp(_log_likelihood(frame.n, frame.k, p) - unit) for p in GRID]
    high = 1.18 * math.exp(frame.top - unit)
    chart = Chart(
        (0, 1),
        (0, high),
        label=f"likelihood of p for {frame.k} ones in {frame.n} throws; p = {frame.p:.2f} is marked",
        x_label="p",
        y_label="L(p)" + (f", in units of 10{_superscript(exponent)}" if exponent else ""),
        y_ticks={value: f"{value:g}" for value in nice_ticks(0, high, 4)},
    )
    chart.upright(frame.estimate, QUIET, words=f"k/n = {_short(frame.estimate)}", dashed=True)
    chart.curve(GRID, values, BLUE, filled=True)
    _drop_line(chart, frame.p, math.exp(frame.log_likelihood - unit))
    return chart


def log_likelihood_chart(frame: LikelihoodFrame) -> Chart:
    """The log-likelihood with its tangent at the current p, over the shaded range of p within 1.92 nats of the top."""
    low, high = frame.top - DEPTH, frame.top + 0.12 * DEPTH
    chart = Chart(
        (0, 1),
        (low, high),
        label=(
            f"log-likelihood of p in nats; shaded from {frame.low:.3f} to {frame.high:.3f}; "
            f"p = {frame.p:.2f} is marked, with its tangent"
        ),
        x_label="p",
        y_label="log L(p), nats",
        legend={"log-likelihood": BLUE, "tangent": ACCENT, "95%": FILL},
    )
    chart.band(frame.low, frame.high, FILL)
    chart.level(frame.top - DROP)
    chart.upright(frame.estimate, QUIET, dashed=True)
    chart.curve(GRID, [_log_likelihood(frame.n, frame.k, p) for p in GRID], BLUE)
    if chart.shows(frame.p, frame.log_likelihood) and math.isfinite(frame.slope):
        ends = [frame.log_likelihood + frame.slope * (end - frame.p) for end in (0, 1)]
        chart.curve([0, 1], ends, ACCENT, width=2, dashed=True)
    chart.dot(frame.p, frame.log_likelihood)
    return chart


def _drop_line(chart: Chart, x: float, y: float) -> None:
    place = chart.place(x, y)
    chart.line((place[0], chart.bottom), place, ACCENT, width=1.5)
    chart.dot(x, y)


# -- words ---------------------------------------------------------------------------------------------------------


def sentences(frame: LikelihoodFrame) -> list[str]:
    """The numbers of a frame, then what they say about the uncertainty of k / n."""
    p = f"{frame.p:.2f}"
    now = (
        f"n = {frame.n}, k = {frame.k}, p = {p}: "
        f"L(p) = {_scientific(frame.likelihood)}, log L(p) = {_nats(frame.log_likelihood)}, "
        f"slope {_slope_words(frame)}."
    )
    best = (
        f"The best p is k/n = {_short(frame.estimate)}, log L = {_nats(frame.top)}. "
        f"95% likelihood interval (log L at most {DROP} nats below the top, shaded): "
        f"p from {frame.low:.3f} to {frame.high:.3f}."
    )
    error = f"Standard error of k/n, sqrt(p̂ (1 - p̂) / n) with p̂ = k/n: {frame.standard_error:.3f}."
    if frame.k in (0, frame.n):
        error += (
            f" Misleading here: with k = {'0' if frame.k == 0 else 'n'} the top lies at the end of the range, where "
            "the slope is not 0, so setting the slope to 0 does not find it; the interval shows what is still open."
        )
    return [now, best, error]


def _slope_words(frame: LikelihoodFrame) -> str:
    if math.isinf(frame.slope):
        return "infinite: this p makes the data impossible"
    # k / p and (n - k) / (1 - p) are the same at k / n, up to rounding.
    if abs(frame.slope) < 1e-9 * frame.n:
        return "0: this is the top"
    direction = "higher" if frame.slope > 0 else "lower"
    end = frame.p in (0.0, 1.0)
    further = "no p beyond the end" if end else f"a {direction} p is likelier"
    return f"{frame.slope:.2f} nats per unit of p ({further})"


def _nats(value: float) -> str:
    return f"{value:.3f} nats" if math.isfinite(value) else "-∞ nats"


def _short(value: float) -> str:
    return f"{value:.3g}"


def _scientific(value: float) -> str:
    """Small numbers as 1.23 × 10⁻⁴."""
    if value == 0 or value >= 0.001:
        return f"{value:.4g}"
    digits, exponent = f"{value:.2e}".split("e")
    return f"{digits} × 10{_superscript(int(exponent))}"


def _superscript(number: int) -> str:
    return str(number).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


# -- the widget ----------------------------------------------------------------------------------------------------


class BernoulliLikelihood(ChartStepper):
    """A slider for p, and sliders for the data: k ones in n throws. A step is one percent of p.

    Args:
        n: number of throws, 1 to 100.
        k: number of ones among them, 0 to n.
        start: the p to begin with, in percent.

    Raises:
        ValueError: for other numbers.

    Source: R. A. Fisher, On the mathematical foundations of theoretical statistics (1922).

    >>> widget = BernoulliLikelihood(n=10, k=7, start=70)
    >>> round(widget.frame(70).log_likelihood, 3), round(widget.frame(70).standard_error, 3)
    (-6.109, 0.145)
    """

    def __init__(self, n: int = 10, k: int = 7, *, start: int = 50) -> None:
        _check_counts(n, k)
        if n > MOST_THROWS:
            raise ValueError(f"n must be at most {MOST_THROWS}, got {n}")
        self.n, self.k = n, k
        self._first = n, k
        self._n = ipywidgets.IntSlider(
            n,
            min=1,
            max=MOST_THROWS,
            description="n, throws",
            tooltip="How often the coin was thrown",
            style={"description_width": "initial"},
        )
        self._k = ipywidgets.IntSlider(
            k,
            min=0,
            max=n,
            description="k, ones",
            tooltip="How often it came up 1",
            style={"description_width": "initial"},
        )
        super().__init__(
            2,
            last=100,
            start=start,
            options=[self._n, self._k],
            label="p, percent",
            readouts=[f"p = {percent / 100:.2f}" for percent in range(101)],
            jump=10,
            interval=100,
        )
        self.react(self._n, self._set_n)
        self.react(self._k, self._set_k)

    def _set_n(self, n: int) -> None:
        # k first: then no frame with k > n is ever asked for.
        self.k = min(self.k, n)
        self.n = n
        self._k.max = n

    def _set_k(self, k: int) -> None:
        self.k = k

    def restart(self) -> None:
        n, k = self._first
        self._n.value = n
        self._k.value = k

    def frame(self, step: int) -> LikelihoodFrame:
        return likelihood_frame(self.n, self.k, step / 100)

    def drawings(self, frame: LikelihoodFrame) -> list[Drawing]:
        return [likelihood_chart(frame), log_likelihood_chart(frame)]

    def sentences(self, frame: LikelihoodFrame) -> list[str]:
        return sentences(frame)

    def caption(self, frame: LikelihoodFrame) -> str:
        return f"p = {frame.p:.2f}, k = {frame.k} of n = {frame.n}"

    def strip_steps(self) -> list[int]:
        """Left of the top, at it, right of it."""
        top = round(100 * self.k / self.n)
        return sorted({top // 2, top, (top + 100) // 2})
