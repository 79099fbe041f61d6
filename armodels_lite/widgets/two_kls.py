"""Two Gaussians to imitate with one: the two directions of the Kullback-Leibler divergence disagree about how.

`Target` holds the mixture p and integrates; a frame is one q: `kl_frame` computes its numbers, `density_chart` and
`divergence_chart` draw it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import ipywidgets
import numpy as np

from .chart_stepper import ChartStepper
from .svg import ACCENT, BLUE, GREEN, QUIET, Chart, Drawing

__all__ = ["KLFrame", "Target", "TwoKLs", "density_chart", "divergence_chart", "kl_frame"]

HALF_STEPS = 40  # steps of q's mean on each side of p's mean
REACH = 10.0  # standard deviations: what lies beyond is less than 1e-22 of a Gaussian's mass
MOST_POINTS = 40_000  # of the integration grid
SHOWN = 5.0  # nats that the chart of the divergences shows, or more if a curve would be missing


class Target:
    """A mixture of Gaussians p, and its divergences to and from a Gaussian q, by sums on a fine grid in float64.

    Args:
        weights, means, sigmas: of the components; the weights are positive and sum to 1.

    Attributes:
        mean, sigma: exact mean and standard deviation of p.
        q_means: float64 (81,), the means of q that are looked at; p's mean is in the middle.
        q_sigmas: float64, the standard deviations of q that are looked at, rising in equal steps.
        x, log_p: float64 (M,), the grid and log p there.

    Raises:
        ValueError: for other numbers, or components so narrow that the grid would need more than 40,000 points.

    >>> target = Target((1.0,), (0.0,), (1.0,))
    >>> target.q_means[60].item()
    1.0
    >>> round(target.forward(1.0, 1.0), 6), round(target.reverse(1.0)[60].item(), 6)  # 1/2 in closed form
    (0.5, 0.5)
    """

    def __init__(
        self, weights: Sequence[float], means: Sequence[float], sigmas: Sequence[float]
    ) -> None:
        self.weights, self.means, self.sigmas = _checked_mixture(weights, means, sigmas)
        self.mean = float(self.weights @ self.means)
        second = self.weights @ (self.sigmas**2 + (self.means - self.mean) ** 2)
        self.sigma = math.sqrt(second)
        half = float(max(abs(self.means - self.mean)) + 2 * max(self.sigmas))
        self.q_means = self.mean + half * np.arange(-HALF_STEPS, HALF_STEPS + 1) / HALF_STEPS
        self.q_sigmas = _sigma_grid(float(min(self.sigmas)), self.sigma)
        # A step of q's mean is a whole number of grid steps, so one row of weights serves all means.
        step = half / HALF_STEPS
        finest = min(min(self.sigmas), self.q_sigmas[0]) / 8
        # Where two components meet, log p bends within about sigma^2 / distance; equal steps of that size still
        # leave an error of about exp(-2 pi^2): the bend's nearest singularity is pi times as far from the real axis.
        if np.ptp(self.means) > 0:
            finest = min(finest, min(self.sigmas) ** 2 / np.ptp(self.means))
        self._stride = max(1, math.ceil(step / finest))
        reach = half + REACH * float(max(self.q_sigmas[-1], max(self.sigmas)))
        count = math.ceil(reach / step) * self._stride
        if 2 * count + 1 > MOST_POINTS:
            raise ValueError(
                f"sigmas {tuple(sigmas)} are too small for means {tuple(means)}: integrating needs {2 * count + 1:,} "
                f"points, at most {MOST_POINTS:,} are used"
            )
        self._dx = step / self._stride
        self.x = self.mean + self._dx * np.arange(-count, count + 1)
        self.log_p = self.log_density(self.x)
        self._negative_entropy = self._dx * float(np.exp(self.log_p) @ self.log_p)

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """log p(x) in nats, float64, of any shape."""
        parts = [
            math.log(weight) + _log_gaussian(x, mean, sigma)
            for weight, mean, sigma in zip(self.weights, self.means, self.sigmas, strict=True)
        ]
        return np.logaddexp.reduce(parts)

    def forward(self, mean: float | np.ndarray, sigma: float) -> float | np.ndarray:
        """KL(p || q) in nats for q = N(mean, sigma^2): the expectation of log q needs p's mean and variance alone."""
        squares = self.sigma**2 + (self.mean - mean) ** 2
        cross = 0.5 * math.log(2 * math.pi * sigma**2) + squares / (2 * sigma**2)
        return self._negative_entropy + cross

    def reverse(self, sigma: float) -> np.ndarray:
        """KL(q || p) in nats for q = N(m, sigma^2) with m each of `q_means`: float64 (81,).

        Raises:
            ValueError: sigma is smaller or larger than the grid allows.
        """
        low, high = self.q_sigmas[0], max(self.q_sigmas[-1], self.sigma)
        if not low * (1 - 1e-9) <= sigma <= high * (1 + 1e-9):
            raise ValueError(f"sigma of q must be between {low:g} and {high:g}, got {sigma}")
        width = math.ceil(REACH * sigma / self._dx)
        offsets = self._dx * np.arange(-width, width + 1)
        q = self._dx * np.exp(_log_gaussian(offsets, 0.0, sigma))
        middle = len(self.x) // 2
        first = middle - HALF_STEPS * self._stride - width
        windows = np.lib.stride_tricks.sliding_window_view(self.log_p[first:], len(q))
        expected = np.array([w @ q for w in windows[:: self._stride][: 2 * HALF_STEPS + 1]])
        return -0.5 * math.log(2 * math.pi * math.e * sigma**2) - expected

    def best_reverse(self) -> tuple[int, float]:
        """The q with the smallest KL(q || p) among all `q_means` and `q_sigmas`: index of the mean, and sigma."""
        table = np.array([self.reverse(sigma) for sigma in self.q_sigmas])
        row, column = np.unravel_index(table.argmin(), table.shape)
        return int(column), float(self.q_sigmas[row])


@dataclass(frozen=True, eq=False)
class KLFrame:
    """One q against p.

    Attributes:
        index, mean, sigma: q's mean by its number in `Target.q_means` and by value, and q's standard deviation.
        forward, reverse: KL(p || q) and KL(q || p) of all `q_means` at this sigma, in nats, float64 (81,).
    """

    index: int
    mean: float
    sigma: float
    forward: np.ndarray
    reverse: np.ndarray

    @property
    def values(self) -> tuple[float, float]:
        """KL(p || q) and KL(q || p) of this q, in nats."""
        return float(self.forward[self.index]), float(self.reverse[self.index])


def kl_frame(target: Target, index: int, sigma: float) -> KLFrame:
    """The numbers of q = N(target.q_means[index], sigma^2); raises as `Target.reverse` does."""
    return KLFrame(
        index=index,
        mean=float(target.q_means[index]),
        sigma=sigma,
        forward=target.forward(target.q_means, sigma),
        reverse=target.reverse(sigma),
    )


def _log_gaussian(x: np.ndarray, mean: float, sigma: float) -> np.ndarray:
    return -0.5 * ((x - mean) / sigma) ** 2 - math.log(sigma * math.sqrt(2 * math.pi))


def _sigma_grid(smallest: float, widest: float) -> np.ndarray:
    """Equal round steps from below the narrowest component to well above the whole mixture."""
    step = 10.0 ** math.floor(math.log10(widest / 4)) / 2
    low, high = max(1, round(smallest / 2 / step)), math.ceil(2 * widest / step)
    return step * np.arange(low, high + 1)


def _checked_mixture(
    weights: Sequence[float], means: Sequence[float], sigmas: Sequence[float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    given = [np.asarray(values, dtype=float) for values in (weights, means, sigmas)]
    lengths = {values.shape for values in given}
    if len(lengths) != 1 or given[0].ndim != 1 or len(given[0]) == 0:
        shapes = ", ".join(str(values.shape) for values in given)
        raise ValueError(
            f"weights, means and sigmas must have the same length, got shapes {shapes}"
        )
    if not all(np.isfinite(values).all() for values in given):
        raise ValueError(f"all numbers must be finite, got {weights}, {means}, {sigmas}")
    if (given[0] <= 0).any() or abs(given[0].sum() - 1) > 1e-6:
        raise ValueError(f"weights must be positive and sum to 1, got {tuple(weights)}")
    if (given[2] <= 0).any():
        raise ValueError(f"sigmas must be positive, got {tuple(sigmas)}")
    if given[2].min() < 1e-100 or max(given[2].max(), abs(given[1]).max()) > 1e100:
        raise ValueError(
            "sigmas from 1e-100 and numbers up to 1e100 have squares that a float holds, "
            f"got means {tuple(means)} and sigmas {tuple(sigmas)}"
        )
    return given[0] / given[0].sum(), given[1], given[2]


# -- drawings ------------------------------------------------------------------------------------------------------


def density_chart(frame: KLFrame, target: Target) -> Chart:
    """Both densities; a q higher than the chart is cut at its top."""
    low, high = target.q_means[0] - target.sigma, target.q_means[-1] + target.sigma
    x = np.linspace(low, high, 241)
    p = np.exp(target.log_density(x))
    q = np.exp(_log_gaussian(x, frame.mean, frame.sigma))
    chart = Chart(
        (low, high),
        (0, 1.8 * p.max()),
        label=f"density of p, and of q with mean {frame.mean:.2f} and sigma {frame.sigma:.2f}",
        x_label="x",
        y_label="density",
        legend={"p, target": BLUE, "q, Gaussian": ACCENT},
    )
    chart.curve(x, p, BLUE, filled=True)
    chart.curve(x, q, ACCENT, dashed=True)
    return chart


def divergence_chart(frame: KLFrame, target: Target) -> Chart:
    """Both divergences against q's mean, at this sigma; the current mean is marked."""
    top = max(frame.forward.max(), frame.reverse.max())
    lowest = max(frame.forward.min(), frame.reverse.min())
    top = min(1.08 * top, max(SHOWN, 1.5 * lowest))
    chart = Chart(
        (target.q_means[0], target.q_means[-1]),
        (0, top),
        label=(
            f"both divergences against the mean of q at sigma {frame.sigma:.2f}: at {frame.mean:.2f} "
            f"KL(p||q) is {frame.values[0]:.3f} and KL(q||p) is {frame.values[1]:.3f} nats"
        ),
        x_label="mean of q",
        y_label="nats",
        legend={"KL(p||q)": BLUE, "KL(q||p)": GREEN},
    )
    chart.upright(frame.mean, QUIET, width=1.5)
    chart.curve(target.q_means, frame.forward, BLUE)
    chart.curve(target.q_means, frame.reverse, GREEN, dashed=True)
    for value, colour in zip(frame.values, (BLUE, GREEN), strict=True):
        chart.dot(frame.mean, value, colour)
    return chart


# -- the widget ----------------------------------------------------------------------------------------------------


class TwoKLs(ChartStepper):
    """A Gaussian q that is moved over a mixture p, and both divergences between them. A step moves q's mean.

    Args:
        weights, means, sigmas: of the mixture's components.
        start: the step to begin with; the mixture's mean is step 40.

    Raises:
        ValueError: for numbers that are no mixture; see `Target`.

    Source: S. Kullback and R. A. Leibler, On information and sufficiency (1951); for the two directions C. M. Bishop,
    Pattern Recognition and Machine Learning (2006), section 10.1.

    >>> widget = TwoKLs()
    >>> widget.best_for_forward()
    >>> round(widget.frame(widget.step).mean, 3), round(widget.sigma, 3)
    (-0.4, 2.093)
    """

    def __init__(
        self,
        weights: Sequence[float] = (0.6, 0.4),
        means: Sequence[float] = (-2.0, 2.0),
        sigmas: Sequence[float] = (0.6, 0.9),
        *,
        start: int = 20,
    ) -> None:
        self.target = Target(weights, means, sigmas)
        self._best = self.target.best_reverse()
        grid = self.target.q_sigmas
        self._first = float(grid[len(grid) // 4])
        self._slider = ipywidgets.FloatSlider(
            self._first,
            min=grid[0],
            max=grid[-1],
            step=grid[1] - grid[0],
            readout_format=".2f" if grid[1] - grid[0] > 0.009 else ".2g",
            description="sigma of q",
            tooltip="Standard deviation of q",
            style={"description_width": "initial"},
        )
        forward = ipywidgets.Button(
            description="Best for KL(p||q)",
            tooltip="Give q the mean and the standard deviation of p",
        )
        reverse = ipywidgets.Button(
            description="Best for KL(q||p)",
            tooltip="Give q the mean and the standard deviation with the smallest KL(q||p)",
        )
        self.sigma, self._start = self._first, start
        super().__init__(
            2,
            last=2 * HALF_STEPS,
            start=start,
            options=[self._slider, forward, reverse],
            label="mean of q",
            readouts=[f"mean of q: {mean:.2f}" for mean in self.target.q_means],
            jump=10,
            interval=100,
        )
        self.react(self._slider, self._set_sigma)
        self.on_click(forward, self.best_for_forward)
        self.on_click(reverse, self.best_for_reverse)

    def _set_sigma(self, sigma: float) -> None:
        # A browser answers with the step nearest to what it was told: that is no wish of the user.
        if not math.isclose(sigma, self._nearest(self.sigma), rel_tol=1e-6):
            self.sigma = sigma

    def _nearest(self, sigma: float) -> float:
        """The value of the slider that is nearest to sigma."""
        grid = self.target.q_sigmas
        return float(grid[np.abs(grid - sigma).argmin()])

    def best_for_forward(self) -> None:
        """The q with the smallest KL(p || q): p's own mean and standard deviation, exactly."""
        self.sigma = self.target.sigma
        self._slider.value = self._nearest(self.sigma)
        self.step = HALF_STEPS

    def best_for_reverse(self) -> None:
        """The q with the smallest KL(q || p) among the means and the standard deviations that can be set."""
        index, self.sigma = self._best
        self._slider.value = self.sigma
        self.step = index

    def restart(self) -> None:
        self._slider.value = self.sigma = self._first

    def frame(self, step: int) -> KLFrame:
        return kl_frame(self.target, step, self.sigma)

    def drawings(self, frame: KLFrame) -> list[Drawing]:
        return [density_chart(frame, self.target), divergence_chart(frame, self.target)]

    def sentences(self, frame: KLFrame) -> list[str]:
        forward, reverse = frame.values
        return [
            f"q has mean {frame.mean:.2f} and sigma {frame.sigma:.2f}: "
            f"KL(p||q) = {forward:.3f} nats, KL(q||p) = {reverse:.3f} nats.",
            "KL(p||q) averages log p/q over p: it punishes q for being small where p is large, "
            "so q must cover all of p.",
            "KL(q||p) averages log q/p over q: it punishes q for being large where p is small, "
            "so q may settle on a part of p.",
        ]

    def caption(self, frame: KLFrame) -> str:
        if (frame.index, frame.sigma) == (HALF_STEPS, self.target.sigma):
            return "Best for KL(p||q)"
        if (frame.index, frame.sigma) == self._best:
            return "Best for KL(q||p)"
        return f"mean {frame.mean:.2f}, sigma {frame.sigma:.2f}"

    def strip_frames(self) -> list[KLFrame]:
        """The widget's first q, and the best q of either direction."""
        chosen = [(self._start, self._first), (HALF_STEPS, self.target.sigma), self._best]
        return [kl_frame(self.target, index, sigma) for index, sigma in chosen]
