"""How many bells does a density need? A mixture of K Gaussians on the left, what K is worth on the right.

A frame is one mixture among those with fewer and more components: `density_chart` and `likelihood_chart` draw it. The
fits are in `mixture_fits`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import ipywidgets
import numpy as np
from torch import Tensor

from .chart_stepper import ChartStepper
from .mixture_fits import MixtureFit, checked_values, fit_mixtures, parts_log
from .svg import ACCENT, BLUE, QUIET, Chart, Drawing

__all__ = ["MixtureFrame", "MixtureSteps", "density_chart", "likelihood_chart"]

SPREAD = 1e-9  # values that differ by a smaller share of the largest are equal up to rounding
POINTS = 241  # of the density's curve, and more where a component is narrow
HEADROOM = 1.5  # how much higher than the highest bar the chart is; what is higher still is cut
CLEARLY = 0.0005  # nats a value: smaller differences are not seen in three decimals
COMPACT = 230  # width of a chart in a strip


@dataclass(frozen=True, eq=False)
class MixtureFrame:
    """One of `fits`, the mixtures with 1, 2, 3 ... components, over the values that they were fitted to.

    Attributes:
        train: float64 (n,).
        edges, heights: the values' histogram as a density, float64 (b + 1,) and (b,); the same for all steps.
    """

    fits: Sequence[MixtureFit]
    step: int
    train: np.ndarray
    edges: np.ndarray
    heights: np.ndarray

    @property
    def fit(self) -> MixtureFit:
        return self.fits[self.step]

    @property
    def best(self) -> MixtureFit:
        """The mixture with the highest held-out likelihood; the smallest of several."""
        return max(self.fits, key=lambda fit: fit.held_out)

    def simpler_optimum(self) -> MixtureFit | None:
        """The mixture with fewer components and the highest training likelihood, if this one's is clearly lower.

        Then EM ended in a poor optimum: with weight 0 for the other components this mixture could be that one.
        """
        simpler = max(self.fits[: self.step + 1], key=lambda fit: fit.train)
        return simpler if simpler.train > self.fit.train + CLEARLY else None


def histogram_of(train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges and heights of 8 to 40 equal bars: about twice the cube root of n, Rice's rule, which suits most data."""
    bins = min(40, max(8, math.ceil(2 * len(train) ** (1 / 3))))
    heights, edges = np.histogram(train, bins=bins, density=True)
    return edges, heights


# -- drawings ------------------------------------------------------------------------------------------------------


class _Small(Chart):
    """A chart without numbers on its left."""

    LEFT = 12


def density_chart(frame: MixtureFrame, x_label: str, *, compact: bool = False) -> Chart:
    """The mixture as a thick line and its weighted components as thin ones, over the bars of the training values.

    An arrowhead at the top marks a component whose peak is higher than the chart.
    """
    fit, edges = frame.fit, frame.edges
    margin = 0.06 * (edges[-1] - edges[0])
    ends, top = (edges[0] - margin, edges[-1] + margin), HEADROOM * frame.heights.max()
    chart = (_Small if compact else Chart)(
        ends,
        (0, top),
        label=f"density of a mixture of {_named(len(fit))} over a histogram of the training values",
        width=COMPACT if compact else 330,
        x_label=x_label,
        y_label="" if compact else "density",
        y_ticks={} if compact else None,
        legend={"mixture": ACCENT, "parts" if compact else "components": "currentColor"},
    )
    chart.bars(edges, frame.heights)
    x = _curve_places(fit, ends)
    chart.curve(x, _density(fit, x), ACCENT, width=3)
    for weight, mean, sigma in zip(fit.weights, fit.means, fit.sigmas, strict=True):
        around = mean + sigma * np.linspace(-4, 4, 49)
        part = np.exp(parts_log(*(np.array([v]) for v in (weight, mean, sigma)), around))[0]
        chart.curve(around, part, "currentColor", width=1.2, dashed=True)
    for mean, peak in zip(fit.means, _density(fit, fit.means), strict=True):
        if peak > top:
            chart.dot(mean, peak, radius=4.5)
    return chart


def _curve_places(fit: MixtureFit, ends: tuple[float, float]) -> np.ndarray:
    """Equal steps, and finer ones around each mean, so that no peak falls between two places."""
    around = fit.means + fit.sigmas * np.linspace(-4, 4, 25)[:, None]
    places = np.concatenate([np.linspace(*ends, POINTS), around.ravel()])
    return np.unique(places[(places >= ends[0]) & (places <= ends[1])])


def _density(fit: MixtureFit, x: np.ndarray) -> np.ndarray:
    return np.exp(np.logaddexp.reduce(parts_log(fit.weights, fit.means, fit.sigmas, x)))


def likelihood_chart(frame: MixtureFrame) -> Chart:
    """Mean log-likelihood of training and held-out values against K; the current K is marked."""
    counts = list(range(1, len(frame.fits) + 1))
    train = [fit.train for fit in frame.fits]
    held_out = [fit.held_out for fit in frame.fits]
    now = frame.step + 1
    every = math.ceil(len(counts) / 10)
    chart = Chart(
        (0.6, counts[-1] + 0.4),
        _likelihood_range(train, held_out),
        label="mean log-likelihood of training and held-out values against the number of components",
        x_label="components K",
        y_label="log p, nats per value",
        x_ticks={k: str(k) for k in counts[every - 1 :: every]},
        legend={"training": BLUE, "held-out": ACCENT},
    )
    chart.upright(now, QUIET, width=1.5)
    chart.curve(counts, train, BLUE)
    chart.curve(counts, held_out, ACCENT, dashed=True)
    for k, *values in zip(counts, train, held_out, strict=True):
        for value, colour in zip(values, (BLUE, ACCENT), strict=True):
            chart.dot(k, value, colour, radius=6 if k == now else 3)
    return chart


def _likelihood_range(train: Sequence[float], held_out: Sequence[float]) -> tuple[float, float]:
    """What lies far below the best held-out value would press the rest together: it is cut."""
    high, best = max(*train, *held_out), max(held_out)
    low = max(min(*train, *held_out), best - max(1.0, 3 * (high - best)))
    margin = 0.1 * (high - low) or 1.0
    return low - margin, high + margin


# -- words ---------------------------------------------------------------------------------------------------------


def likelihood_words(frame: MixtureFrame) -> str:
    """The nats of both data sets, and which K is best on values held out."""
    fit, best = frame.fit, frame.best
    told = (
        f"{_named(len(fit))}. Mean log-likelihood in nats per value: "
        f"training {fit.train:.3f}, held-out {fit.held_out:.3f}."
    )
    if fit is best:
        return f"{told} No other K is better on held-out values."
    return f"{told} Best on held-out values: K = {len(best)}, {best.held_out:.3f} nats."


def component_words(fit: MixtureFit) -> str:
    """Weight, mean and sigma of each component, by rising mean."""
    parts = [
        f"{weight:.3f} at {_place(mean, sigma)} (sigma {sigma:.3g})"
        for weight, mean, sigma in zip(fit.weights, fit.means, fit.sigmas, strict=True)
    ]
    return f"Weights and means: {', '.join(parts)}."


def narrow_words(frame: MixtureFrame) -> list[str]:
    """A warning where a component fits a few values instead of the density."""
    fit = frame.fit
    if fit.narrow is None:
        return []
    count = len(fit.sits_on)
    sigma, place = fit.sigmas[fit.narrow], _place(fit.means[fit.narrow], fit.sigmas[fit.narrow])
    equal = ", all equal" if count > 1 and np.ptp(fit.sits_on) == 0 else ""
    return [
        f"Careful: the narrowest component has sigma {sigma:.3g}: "
        f"it sits on {count} of {len(frame.train)} training values near {place}{equal}. "
        "It raises the training likelihood by making just these values probable; new values elsewhere gain nothing."
    ]


def optimum_words(frame: MixtureFrame) -> list[str]:
    """Where EM has found less than there is."""
    better = frame.simpler_optimum()
    if better is None:
        return []
    return [
        f"EM ended in a poor optimum: K = {len(better)} has a higher training likelihood, {better.train:.3f} nats."
    ]


def _place(mean: float, sigma: float) -> str:
    """A mean in four digits; 0 where it is 0 up to rounding."""
    return f"{0.0 if abs(mean) < 1e-6 * sigma else mean:.4g}"


def _named(components: int) -> str:
    return "1 Gaussian" if components == 1 else f"{components} Gaussians"


# -- the widget ----------------------------------------------------------------------------------------------------


class MixtureSteps(ChartStepper):
    """A slider for the number K of Gaussians in a mixture that is fitted to values in one dimension.

    Step k shows the mixture with K = k + 1 components. All are fitted when the widget is made: for each K the best of
    5 starts of EM, see `fit_mixture`.

    Args:
        train, held_out: tensors or arrays of floats (n,) and (m,), to fit to and to judge by.
        x_label: the name of the variable.
        most: the largest K, at least 2; there must be at least 2 * most training values.
        seed: of the starts, an int from 0 to 2^32 - 1.
        start: the step to begin with.

    Raises:
        TypeError: data that are no floats.
        ValueError: data of another shape, not finite, too few or all equal; another most, seed or start.
        ArithmeticError: EM did not come to rest.

    Source: for mixtures and EM, G. McLachlan and D. Peel, Finite Mixture Models (2000).

    >>> import torch
    >>> x = torch.cat([torch.linspace(1, 3, 40), torch.linspace(9, 11, 40)])
    >>> widget = MixtureSteps(x, x, most=3, start=1)
    >>> widget
    MixtureSteps(mixture 1 of 2)
    >>> widget.sentences(widget.frame(1))[1]
    'Weights and means: 0.500 at 2 (sigma 0.592), 0.500 at 10 (sigma 0.592).'
    """

    def __init__(
        self,
        train: Tensor | np.ndarray,
        held_out: Tensor | np.ndarray,
        *,
        x_label: str = "x",
        most: int = 8,
        seed: int = 0,
        start: int = 0,
    ) -> None:
        if type(most) is not int or most < 2:
            raise ValueError(f"most must be an int of at least 2, got {most!r}")
        if type(seed) is not int or not 0 <= seed < 2**32:
            raise ValueError(f"seed must be an int from 0 to 2^32 - 1, got {seed!r}")
        self.train = checked_values("train", train, 2 * most)
        self.held_out = checked_values("held_out", held_out, 1)
        if np.ptp(self.train) <= SPREAD * np.abs(self.train).max():
            raise ValueError(f"train must have values that differ, got {self.train[0]:g} only")
        self.x_label = x_label
        self.fits = fit_mixtures(self.train, self.held_out, most, seed)
        self._edges, self._heights = histogram_of(self.train)
        best = ipywidgets.Button(
            description="Best on held-out",
            tooltip="Go to the number of components with the highest held-out likelihood",
            layout={"width": "max-content"},
        )
        super().__init__(
            2,
            last=most - 1,
            start=start,
            options=[best],
            label="mixture",
            readouts=[_named(k) for k in range(1, most + 1)],
            interval=1000,
        )
        self.on_click(best, self.best_on_held_out)

    def best_on_held_out(self) -> None:
        """Go to the number of components with the highest held-out likelihood."""
        self.step = len(self.frame(0).best) - 1

    def frame(self, step: int) -> MixtureFrame:
        return MixtureFrame(self.fits, step, self.train, self._edges, self._heights)

    def drawings(self, frame: MixtureFrame) -> list[Drawing]:
        return [density_chart(frame, self.x_label), likelihood_chart(frame)]

    def sentences(self, frame: MixtureFrame) -> list[str]:
        return [
            likelihood_words(frame),
            component_words(frame.fit),
            *narrow_words(frame),
            *optimum_words(frame),
            "Each component is its weight times a Gaussian, and the mixture is their sum. The bars are the training "
            "values. EM finds a local optimum only; the best of 5 starts is shown.",
        ]

    def told(self, frame: MixtureFrame) -> list[str]:
        return [likelihood_words(frame), *narrow_words(frame)]

    def caption(self, frame: MixtureFrame) -> str:
        return f"K = {len(frame.fit)}"

    def strip_steps(self) -> list[int]:
        """K = 1, 2, 4 and the largest."""
        return sorted({0, 1, min(3, self.last), self.last})

    def strip_drawings(self, frame: MixtureFrame) -> list[Drawing]:
        """The density alone, narrow enough for four side by side."""
        return [density_chart(frame, self.x_label, compact=True)]
