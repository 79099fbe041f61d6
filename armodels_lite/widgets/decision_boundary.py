"""How does a network bend its decision boundary? Hidden units on a slider, the plane on the left, losses on the right.

A frame is one trained network: `boundary_frame` makes it, `plane_chart` and `loss_chart` draw it. The points and the
training are in `boundary_fits`.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import contourpy
import ipywidgets
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .boundary_fits import NAMES, TRAIN, UNITS, Fit, fits_of, make_points
from .chart_stepper import ChartStepper
from .cutting import Point, cut
from .svg import ACCENT, BLUE, QUIET, Chart, Drawing

__all__ = [
    "BoundaryFrame",
    "DecisionBoundary",
    "boundary_frame",
    "loss_chart",
    "plane_chart",
    "unit_segments",
]

# The part of the plane that is shown; all training points are in it.
X, Y = (-3.6, 3.6), (-3.0, 3.0)
# Points a side, of the heat map and of the grid that the boundary is found on.
PIXELS, FINE = 48, 121
CLEARLY = 0.02  # nats: a smaller difference between training losses is not worth a sentence
FAINT, STRONG = 25, 150  # opacity of 255 where p = 0 and where p = 1


# -- numbers -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class BoundaryFrame:
    """One network among those with fewer and more hidden units.

    Attributes:
        name, seed: of the data and of the random start.
        step: which of `fits` is shown.
        fits: the networks of this start, by rising number of hidden units.
        first: those of start 0, to tell whether this start found good weights.
        x, y: the training points, float32 (n, 2) and int64 (n,).
        probs: p(y=1|x), float64 (48, 48): rows from the top down, at the middle of each pixel.
        boundary: the lines p = 0.5, each float64 (m, 2); none where one class is more probable all over.
    """

    name: str
    seed: int
    step: int
    fits: Sequence[Fit]
    first: Sequence[Fit]
    x: Tensor
    y: Tensor
    probs: np.ndarray
    boundary: list[np.ndarray]

    @property
    def fit(self) -> Fit:
        return self.fits[self.step]

    def simpler_optimum(self) -> Fit | None:
        """A network with no more units, of this start or of start 0, whose training loss is clearly lower.

        Where there is one, this network is in a poor optimum: with weight 0 for further units it could copy it.
        """
        best = min([*self.fits[: self.step], *self.first[: self.step + 1]], key=_train_loss)
        return best if _train_loss(best) < _train_loss(self.fit) - CLEARLY else None

    def overfits(self) -> Fit | None:
        """The network with fewer units and the lowest held-out loss, if this one is worse although it fits better.

        Worse means by more than two standard errors of the mean difference over the held-out points.
        """
        if self.step == 0:
            return None
        best = min(self.fits[: self.step], key=lambda fit: fit.losses[1])
        excess = self.fit.held_out - best.held_out
        error = excess.std(ddof=1) / math.sqrt(len(excess))
        fits_better = _train_loss(self.fit) < _train_loss(best)
        return best if fits_better and excess.mean() > 2 * error else None


def boundary_frame(name: str, seed: int, step: int) -> BoundaryFrame:
    """The network with `UNITS[step]` hidden units on the data of that name; trains all of them if that is not done.

    Raises:
        ValueError: a name that is not in `NAMES`, a seed that is no non-negative int, or a step that is no index of
            `UNITS`.
    """
    if type(step) is not int or not 0 <= step < len(UNITS):
        raise ValueError(f"step must be an int in 0..{len(UNITS) - 1}, got {step!r}")
    x, y = make_points(name, *TRAIN)
    fits = fits_of(name, seed)
    half_x, half_y = (0.5 * (side[1] - side[0]) / PIXELS for side in (X, Y))
    across = np.linspace(X[0] + half_x, X[1] - half_x, PIXELS)
    down = np.linspace(Y[1] - half_y, Y[0] + half_y, PIXELS)
    probs = torch.sigmoid(torch.from_numpy(_on_grid(fits[step], across, down))).numpy()
    across, up = np.linspace(*X, FINE), np.linspace(*Y, FINE)
    # On log-odds a line between two grid points is a better guess than on probabilities.
    lines = contourpy.contour_generator(across, up, _on_grid(fits[step], across, up)).lines(0.0)
    return BoundaryFrame(name, seed, step, fits, fits_of(name, 0), x, y, probs, lines)


def unit_segments(fit: Fit) -> list[tuple[Point, Point, Point]]:
    """The lines where a unit's weighted input is 0, as far as they can be seen: (start, end, direction).

    The direction has length 1 and points to the side where the weighted input, so also tanh of it, is positive.
    """
    segments = []
    reach = 2 * math.hypot(X[1], Y[1])
    for w1, w2, bias in fit.lines():
        length = math.hypot(w1, w2)
        if length == 0:
            continue
        n1, n2, offset = float(w1 / length), float(w2 / length), float(bias / length)
        foot = (-offset * n1, -offset * n2)
        ends = [(foot[0] - side * n2, foot[1] + side * n1) for side in (reach, -reach)]
        segments += [(*part, (n1, n2)) for part in cut(ends, X, Y)]
    return segments


def _on_grid(fit: Fit, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    grid = np.stack(np.meshgrid(xs, ys), -1).reshape(-1, 2)
    return fit.logits(torch.from_numpy(grid)).numpy().reshape(len(ys), len(xs))


def _train_loss(fit: Fit) -> float:
    return fit.losses[0]


# -- drawings ------------------------------------------------------------------------------------------------------


class Plane(Chart):
    """The plane of x1 and x2, in the same scale, with room above for a legend of markers and lines."""

    TOP = 32

    def mark(self, place: Point, label: int) -> None:
        """A point of class 0, a full circle, or 1, a hollow square."""
        if label == 0:
            self.circle(place, 3.6, BLUE, stroke="#ffffff", stroke_width=0.8)
        else:
            corner = (place[0] - 3, place[1] - 3)
            self.rect(corner, 6, 6, "#ffffff", stroke=ACCENT, stroke_width=2)

    def legend(self) -> None:
        for label, left in ((0, 8.0), (1, 62.0)):
            self.mark((left, 12), label)
            self.text(left + 9, 16.5, f"y = {label}", anchor="start", size=13)
        self.line((114, 12), (132, 12), width=3)
        self.text(136, 16.5, "p = 0.5", anchor="start", size=13)
        self.line((194, 12), (212, 12), dashed=True)
        self.text(216, 16.5, "unit’s sum = 0", anchor="start", size=13)


def plane_chart(frame: BoundaryFrame) -> Chart:
    """p(y=1|x) as shading, stronger where class 1 is more probable, under points, units and the boundary."""
    units = UNITS[frame.step]
    chart = Plane(
        X,
        Y,
        label=f"{frame.name}: p(y = 1 | x) of a network with {units} hidden units, its boundary and its units' lines",
        height=296,
        x_label="x₁",
        y_label="x₂",
    )
    chart.legend()
    width, height = chart.right - chart.left, chart.bottom - chart.top
    chart.image((chart.left, chart.top), width, height, _heat_map(frame.probs))
    for point, label in zip(frame.x.tolist(), frame.y.tolist(), strict=True):
        chart.mark(chart.place(*point), label)
    for start, end, direction in unit_segments(frame.fit):
        chart.curve(*zip(start, end, strict=True), "currentColor", width=1.2, dashed=True)
        _draw_arrow(chart, ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2), direction)
    for line in frame.boundary:
        chart.curve(line[:, 0], line[:, 1], "currentColor", width=3)
    return chart


def _draw_arrow(chart: Chart, foot: Point, direction: Point) -> None:
    x, y = chart.place(*foot)
    dx, dy = direction[0], -direction[1]
    tip = (x + 13 * dx, y + 13 * dy)
    back = (x + 6 * dx, y + 6 * dy)
    chart.line((x, y), back, width=1.6)
    chart.polygon(
        [tip, (back[0] - 4 * dy, back[1] + 4 * dx), (back[0] + 4 * dy, back[1] - 4 * dx)],
        "currentColor",
    )


def _heat_map(probs: np.ndarray) -> bytes:
    """A PNG from faint blue to strong orange; the page shows through, so it is light or dark as the page is."""
    share = np.linspace(0, 1, 256)[:, None]
    blue, orange = (np.array([int(c[k : k + 2], 16) for k in (1, 3, 5)]) for c in (BLUE, ACCENT))
    colours = (1 - share) * blue + share * orange
    palette = np.hstack([colours, FAINT + share * (STRONG - FAINT)]).round().astype(np.uint8)
    rgba = palette[np.round(255 * probs).astype(np.uint8)]
    buffer = io.BytesIO()
    Image.fromarray(rgba).save(buffer, format="PNG")
    return buffer.getvalue()


def loss_chart(frame: BoundaryFrame) -> Chart:
    """Training and held-out loss of all networks of this start; the numbers of units stand in equal distances."""
    train, held_out = zip(*(fit.losses for fit in frame.fits), strict=True)
    steps, guess = range(len(UNITS)), math.log(2)
    chart = Chart(
        (-0.3, steps[-1] + 0.3),
        (0, 1.1 * max(*train, *held_out, guess)),
        label="training and held-out loss in nats per example against the number of hidden units",
        height=296,
        x_label="hidden units",
        y_label="loss, nats per example",
        x_ticks={step: str(units) for step, units in enumerate(UNITS)},
        legend={"training": BLUE, "held-out": ACCENT},
    )
    chart.level(guess)
    chart.note(3.4, guess, "coin: ln 2", shift=(0, -5), colour=QUIET)
    # No higher than the dots, so that it does not cross the words.
    chart.curve([frame.step] * 2, [0, max(frame.fit.losses)], QUIET, width=1.5)
    chart.curve(steps, train, BLUE)
    chart.curve(steps, held_out, ACCENT, dashed=True)
    for step in steps:
        radius = 6 if step == frame.step else 3
        chart.dot(step, train[step], BLUE, radius=radius)
        chart.dot(step, held_out[step], ACCENT, radius=radius)
    return chart


# -- words ---------------------------------------------------------------------------------------------------------


def _shape(frame: BoundaryFrame) -> str:
    """What the picture shows."""
    units, loss = UNITS[frame.step], _train_loss(frame.fit)
    if units == 0:
        words = "No hidden units: logistic regression, whose boundary is one straight line."
        if loss < math.log(2) - CLEARLY:
            return words
        return f"{words} The loss stays near ln 2 = 0.693 nats, that of a fair coin: no line separates these classes."
    if not frame.boundary:
        return "No point in the picture has p = 0.5: the same class is more probable all over."
    if units == 1:
        return "One unit changes p in one direction only: the boundary is straight, parallel to the unit's line."
    gain = _train_loss(frame.fits[0]) - loss
    if gain < CLEARLY:
        return "The boundary may bend at each unit's line, but here that hardly lowers the training loss."
    return (
        "The boundary can bend near each unit's line. "
        f"The training loss is {gain:.3f} nats lower than without hidden units."
    )


def _overfitting(frame: BoundaryFrame) -> list[str]:
    best = frame.overfits()
    if best is None:
        return []
    excess = frame.fit.losses[1] - best.losses[1]
    return [
        f"Overfitting: the training loss is lower than with {_named(best.units)}, "
        f"but the held-out loss is {excess:.3f} nats higher."
    ]


def _named(units: int) -> str:
    return f"{units} hidden unit" + ("" if units == 1 else "s")


# -- the widget ----------------------------------------------------------------------------------------------------


class DecisionBoundary(ChartStepper):
    """A slider for the number of hidden units: 0, 1, 2, 3, 4, 6, 8 and 16 are steps 0 to 7.

    All networks are trained when the data or the random start is chosen, in one to two seconds; see
    `boundary_fits.train_all`. The button takes the next start, with other random weights on the same points.

    Args:
        data: "XOR", "ring", "moons" or "blobs".
        seed: of the random start, a non-negative int.
        start: the step to begin with.

    Raises:
        ValueError: for anything else.

    Sources: for what a network without hidden units cannot do, M. Minsky and S. Papert, Perceptrons (1969); for
    training hidden units, D. E. Rumelhart, G. E. Hinton and R. J. Williams, Learning representations by
    back-propagating errors (1986).

    >>> widget = DecisionBoundary(start=2)
    >>> widget
    DecisionBoundary(network 2 of 7)
    >>> widget.frame(2).fit.parameters
    9
    """

    def __init__(self, data: str = "XOR", *, seed: int = 0, start: int = 0) -> None:
        # Before anything is built: this trains, or refuses the name or the seed.
        fits_of(data, seed)
        self.data, self.seed = self._first = (data, seed)
        self._dropdown = ipywidgets.Dropdown(
            options=NAMES, value=data, description="data", tooltip="Which points to tell apart"
        )
        again = ipywidgets.Button(
            description="New start", tooltip="Train again, from other random weights"
        )
        super().__init__(
            2,
            last=len(UNITS) - 1,
            start=start,
            options=[self._dropdown, again],
            label="network",
            readouts=[_named(units) for units in UNITS],
            jump=2,
            interval=1000,
        )
        self.react(self._dropdown, self._set_data)
        self.on_click(again, self.new_start)

    def _set_data(self, data: str) -> None:
        self.data = data

    def new_start(self) -> None:
        """Other random weights: the seed after this one."""
        self.seed += 1

    def restart(self) -> None:
        self._dropdown.value, self.seed = self._first

    def frame(self, step: int) -> BoundaryFrame:
        return boundary_frame(self.data, self.seed, step)

    def drawings(self, frame: BoundaryFrame) -> list[Drawing]:
        return [plane_chart(frame), loss_chart(frame)]

    def sentences(self, frame: BoundaryFrame) -> list[str]:
        fit = frame.fit
        train, held_out = fit.losses
        told = [
            f"{frame.name}, start {frame.seed}: {self.caption(frame)}, {fit.parameters} parameters. "
            f"Training loss {train:.3f} nats per example, {100 * fit.train_correct:.1f} % correct; "
            f"held-out loss {held_out:.3f} nats, {100 * fit.held_out_correct:.1f} % correct.",
            _shape(frame),
        ]
        if frame.name == "XOR" and fit.units < 2:
            told.append("XOR needs at least two units: two lines, with one class between them.")
        if better := frame.simpler_optimum():
            where = "this start" if better in frame.fits else "start 0"
            told.append(
                f"Training ended in a poor optimum: {_named(better.units)} of {where} reached a training loss of "
                f"{_train_loss(better):.3f} nats. Another start may do better."
            )
        told += _overfitting(frame)
        hidden = fit.units - len(unit_segments(fit))
        if hidden:
            verb = "lies" if hidden == 1 else "lie"
            told.append(f"The lines of {hidden} of {fit.units} units {verb} outside the picture.")
        return told

    def told(self, frame: BoundaryFrame) -> list[str]:
        return [*self.sentences(frame)[:2], *_overfitting(frame)]

    def caption(self, frame: BoundaryFrame) -> str:
        return _named(UNITS[frame.step])

    def strip_steps(self) -> list[int]:
        """A straight line, two units, and as many as there are."""
        return [UNITS.index(0), UNITS.index(2), len(UNITS) - 1]
