"""How many bins should a histogram have? The density on the left, its worth on data it has not seen on the right.

A frame is one histogram: `histogram_frame` makes it from data and a number of bins, `density_chart` and
`likelihood_chart` draw it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import ipywidgets
import numpy as np
import torch
from torch import Tensor

from ..conditionals import PiecewiseConstant
from ..models.histogram import Histogram
from .chart_stepper import ChartStepper
from .svg import ACCENT, BLUE, QUIET, Chart, Drawing

__all__ = [
    "HistogramBins",
    "HistogramFrame",
    "density_chart",
    "histogram_frame",
    "likelihood_chart",
]

PSEUDOCOUNTS = (0.0, 0.1, 0.5, 1.0, 2.0)
MOST_TICKS = 120  # more than these in a rug run together


@dataclass(frozen=True, eq=False)
class HistogramFrame:
    """A histogram with equal bins, fitted by counting.

    Attributes:
        bins: how many; 0 is no histogram yet, and then the numbers below are NaN and the arrays empty.
        width: of a bin.
        pseudocount: added to the count of every bin.
        edges, density: float64 (bins + 1,) and (bins,).
        train, held_out: mean log-density of the two data sets, in nats a point.
        lost: float64, the held-out points that fell into bins with density 0; where there are any, `held_out` is -inf.
    """

    bins: int
    width: float
    pseudocount: float
    edges: np.ndarray
    density: np.ndarray
    train: float
    held_out: float
    lost: np.ndarray


def histogram_frame(
    train: Tensor, held_out: Tensor, bins: int, *, low: float, high: float, pseudocount: float = 0.0
) -> HistogramFrame:
    """The histogram of `train` (n,) with equal bins from low to high, judged on both data sets.

    Raises:
        ValueError, TypeError: data outside the bins, no data, or a negative number.
    """
    if bins == 0:
        nothing = np.empty(0)
        return HistogramFrame(
            0, math.nan, pseudocount, nothing, nothing, math.nan, math.nan, nothing
        )
    model = Histogram((1,), conditional=PiecewiseConstant(bins, low, high)).double()
    x, y = train.double(), held_out.double()
    model.count(x[:, None], pseudocount)
    width = (high - low) / bins
    with torch.no_grad():
        log_probs = model.log_prob(torch.cat([x, y])[:, None])
    seen, unseen = log_probs[: len(x)], log_probs[len(x) :]
    return HistogramFrame(
        bins=bins,
        width=width,
        pseudocount=pseudocount,
        edges=model.edges.numpy(),
        density=model.probs.numpy() / width,
        train=seen.mean().item(),
        held_out=unseen.mean().item(),
        lost=y[unseen == -math.inf].numpy(),
    )


def best_bins(frames: Sequence[HistogramFrame]) -> int:
    """The number of bins with the highest held-out likelihood; the smallest of several."""
    return max(frames, key=lambda frame: (frame.held_out > -math.inf, frame.held_out)).bins


def density_chart(
    frame: HistogramFrame, train: np.ndarray, held_out: np.ndarray, axis: tuple[float, float, str]
) -> Chart:
    """The density as bars, over ticks for held-out points; dots are points that it rules out.

    Args:
        train, held_out: the data; training points are drawn while there are no bars.
        axis: low, high and the name of x.
    """
    low, high, name = axis
    top = 1.1 * frame.density.max() if frame.bins else 1.0
    chart = Chart(
        (low, high),
        (0, top),
        label=f"histogram density with {frame.bins} bins over held-out points",
        x_label=name,
        y_label="density",
        y_ticks=None if frame.bins else {},
        legend={"training": BLUE, "held-out": ACCENT},
    )
    if frame.bins:
        chart.bars(frame.edges, frame.density)
    else:
        for x in _thinned(train):
            place, _ = chart.place(x, 0)
            chart.line((place, chart.bottom - 8), (place, chart.bottom - 22), BLUE, width=0.8)
    chart.rug(_thinned(held_out), ACCENT)
    for x in _thinned(frame.lost):
        chart.dot(x, 0, radius=4)
    return chart


def likelihood_chart(frames: Sequence[HistogramFrame], bins: int) -> Chart:
    """Log-likelihood against the number of bins; `frames[b]` has b bins, a marker is at `bins`."""
    frames = frames[1:]
    counts = [frame.bins for frame in frames]
    train, held_out = ([getattr(frame, name) for frame in frames] for name in ("train", "held_out"))
    without = [frame.bins for frame in frames if frame.held_out == -math.inf]
    low, high = _likelihood_range([*train, *held_out], max(held_out))
    chart = Chart(
        (0, counts[-1]),
        (low, high),
        label="mean log-likelihood of training and held-out data against the number of bins",
        x_label="number of bins",
        y_label="log p, nats per point",
        legend={"training": BLUE, "held-out (ticks: -∞)" if without else "held-out": ACCENT},
    )
    if bins:
        chart.upright(bins, QUIET, width=1.5)
    chart.curve(counts, train, BLUE)
    chart.curve(counts, held_out, ACCENT, dashed=True)
    chart.rug(without, ACCENT)
    if bins:
        chart.dot(bins, train[bins - 1], BLUE)
        chart.dot(bins, held_out[bins - 1], ACCENT)
    return chart


def _likelihood_range(values: Sequence[float], best: float) -> tuple[float, float]:
    """The range of the chart: what is far below the best held-out value would press the rest together."""
    finite = [value for value in values if math.isfinite(value)]
    high = max(finite)
    low = max(min(finite), best - max(0.3, 2 * (high - best)))
    margin = 0.08 * (high - low) or 1.0
    return low - margin, high + margin


class HistogramBins(ChartStepper):
    """A slider for the number of bins, and the likelihood of held-out data that tells which number is good.

    Step b shows the histogram with b bins; step 0 the data alone.

    Args:
        train, held_out: float tensors (n,) and (m,), the data to count and the data to judge by.
        low, high: where the bins begin and end; all data must lie between.
        most: the largest number of bins, at least 2.
        pseudocount: what is added to every bin's count to begin with.
        x_label: the name of the variable.
        start: the number of bins to begin with; 10, or `most` if that is smaller, unless given.

    Raises:
        ValueError, TypeError: data or numbers other than that.

    Source: H. A. Sturges, The choice of a class interval (1926), asked first; the held-out answer is
    M. Stone, Cross-validatory choice and assessment of statistical predictions (1974).

    >>> HistogramBins(torch.rand(50), torch.rand(20), low=0.0, high=1.0, most=20)
    HistogramBins(bins 10 of 20)
    """

    def __init__(
        self,
        train: Tensor,
        held_out: Tensor,
        *,
        low: float,
        high: float,
        most: int = 60,
        pseudocount: float = 0.0,
        x_label: str = "x",
        start: int | None = None,
    ) -> None:
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"low must be below high and both finite, got {low} and {high}")
        if type(most) is not int or most < 2:
            raise ValueError(f"most must be an int of at least 2, got {most!r}")
        if not 0 <= pseudocount < math.inf:
            raise ValueError(f"pseudocount must be a finite number >= 0, got {pseudocount}")
        self.train = _checked_data("train", train, low, high)
        self.held_out = _checked_data("held_out", held_out, low, high)
        self.low, self.high, self.most, self.x_label = low, high, most, x_label
        self.pseudocount = self._first = float(pseudocount)
        self._dropdown = ipywidgets.Dropdown(
            options=[(f"{a:g}", a) for a in sorted({*PSEUDOCOUNTS, self._first})],
            value=self._first,
            description="pseudocount",
            tooltip="Added to the count of every bin, so that no bin is empty",
            style={"description_width": "initial"},
        )
        # All of them now, so that no choice costs more than a drawing later.
        self._frames = {a: self._make_frames(a) for _, a in self._dropdown.options}
        super().__init__(
            2,
            last=most,
            start=min(10, most) if start is None else start,
            options=[self._dropdown],
            label="bins",
            jump=10,
        )
        self.react(self._dropdown, self._set_pseudocount)

    def _make_frames(self, pseudocount: float) -> list[HistogramFrame]:
        return [
            histogram_frame(
                self.train,
                self.held_out,
                bins,
                low=self.low,
                high=self.high,
                pseudocount=pseudocount,
            )
            for bins in range(self.most + 1)
        ]

    @property
    def frames(self) -> list[HistogramFrame]:
        """The histograms with 0 to `most` bins at the current pseudocount."""
        return self._frames[self.pseudocount]

    def _set_pseudocount(self, pseudocount: float) -> None:
        self.pseudocount = pseudocount

    def restart(self) -> None:
        self._dropdown.value = self._first

    def frame(self, step: int) -> HistogramFrame:
        return self.frames[step]

    def drawings(self, frame: HistogramFrame) -> list[Drawing]:
        axis = (self.low, self.high, self.x_label)
        return [
            density_chart(frame, self.train.numpy(), self.held_out.numpy(), axis),
            likelihood_chart(self.frames, frame.bins),
        ]

    def sentences(self, frame: HistogramFrame) -> list[str]:
        best = best_bins(self.frames[1:])
        found = (
            f"Best on held-out data with pseudocount {self.pseudocount:g}: "
            f"{self.caption(self.frames[best])}, {self.frames[best].held_out:.3f} nats per point."
        )
        if frame.bins == 0:
            return [
                f"No bins yet: {len(self.train)} training and {len(self.held_out)} held-out points."
            ]
        told = (
            f"{self.caption(frame)} of width {frame.width:.4g}. "
            f"Mean log-likelihood in nats per point: training {frame.train:.3f}, "
        )
        if not len(frame.lost):
            return [f"{told}held-out {frame.held_out:.3f}.", found]
        fall = "falls into an empty bin" if len(frame.lost) == 1 else "fall into empty bins"
        points = "point" if len(self.held_out) == 1 else "points"
        lost = f"{len(frame.lost)} of {len(self.held_out)} held-out {points} {fall}"
        why = "One point of density 0 makes log p of the whole set -∞; a pseudocount above 0 mends it."
        return [f"{told}held-out -∞: {lost}.", found, why]

    def caption(self, frame: HistogramFrame) -> str:
        return f"{frame.bins} bin" + ("" if frame.bins == 1 else "s")

    def strip_steps(self) -> list[int]:
        """Too few bins, the best number, too many."""
        best = best_bins(self.frames[1:])
        return sorted({max(1, best // 4), best, self.most})


def _checked_data(name: str, x: Tensor, low: float, high: float) -> Tensor:
    """The data as float64 on the CPU."""
    if not isinstance(x, Tensor) or not x.is_floating_point():
        kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f"{name} must be a tensor of floats, got {kind}")
    if x.ndim != 1 or len(x) == 0:
        raise ValueError(f"{name} must have shape (n,) with n > 0, got {tuple(x.shape)}")
    outside = ~((x >= low) & (x <= high))
    if outside.any():
        raise ValueError(
            f"{name} must lie between low = {low} and high = {high}, got {x[outside][0].item()}"
        )
    # In float32 a value at low or high may lie a rounding error beyond it.
    return x.detach().double().cpu().clamp(low, high)


def _thinned(x: np.ndarray) -> np.ndarray:
    """At most MOST_TICKS of the values, evenly chosen."""
    if len(x) <= MOST_TICKS:
        return x
    return x[np.linspace(0, len(x) - 1, MOST_TICKS).round().astype(int)]
