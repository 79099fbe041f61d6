"""What a binary NADE computes as the pixels of one image arrive: running sums, hidden units, the next pixel's p."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..conditionals import Bernoulli
from ..models.nade import NADE
from .ordering_state import image_shape

__all__ = ["NADEFrame", "NADESteps"]

MOST_UNITS = 16  # more bars than these would be too thin to read


class NADESteps:
    """All steps of a NADE on one image, computed once in float64; pixels count in the order in which they arrive.

    Args:
        model: a NADE of binary images (1, H, W) up to 32 by 32 with T = H*W pixels, without classes.
        x: the image, floats 0 or 1 of shape (1, H, W), (H, W) or (T,); ink is 1.
        units: which hidden units are shown, at most 16 different indices from 0; the first 16 unless given.

    Attributes:
        height, width: of the image.
        order: int64 (T,), the flat pixel row * W + column that arrives at each step.
        x: float64 (T,), the pixels in that order.
        units: int64 (U,), the hidden units that are shown.
        marks: whether a pixel that has arrived adds a column of its own besides that for ink.
        sums: float64 (T + 1, U), the running sums a of the shown units after 0..T pixels.
        hidden: float64 (T + 1, U), h = sigmoid(a).
        probs: float64 (T,), p(ink) of each pixel given those before it.
        surprise: float64 (T,), -log p of what each pixel is, in nats.

    Raises:
        TypeError: model is no NADE, or x no tensor of floats.
        ValueError: the model has classes or is not of binary images, its weights are not finite, x has another shape or
            values, or units are not as above.

    Source: H. Larochelle, I. Murray, The Neural Autoregressive Distribution Estimator (2011).

    >>> model = NADE((1, 2, 2), hidden=3)
    >>> _ = model.requires_grad_(False), model.V.zero_()  # no weights: p(ink) = 0.5 for every pixel
    >>> NADESteps(model, torch.ones(2, 2)).probs.tolist()
    [0.5, 0.5, 0.5, 0.5]
    """

    def __init__(self, model: NADE, x: Tensor, *, units: Sequence[int] | None = None) -> None:
        self.height, self.width = _checked_model(model)
        values = _checked_image(model, x)
        self.units = _checked_units(model.hidden, units)
        self.all_units = model.hidden
        order = model.ordering.cpu()
        self.order, self.x = order.numpy(), values[order].numpy()
        added = self._added(model, values[order])  # (T, H)
        sums = np.vstack([_array(model.c), added]).cumsum(0)
        hidden = _sigmoid(sums)
        log_odds = _array(model.b)[self.order, 0]
        log_odds = log_odds + (_array(model.V)[self.order, 0] * hidden[:-1]).sum(1)
        if not np.isfinite(log_odds).all():
            raise ValueError("model has weights that are not finite: p(ink) cannot be computed")
        self.sums, self.hidden = sums[:, self.units], hidden[:, self.units]
        self.probs = _sigmoid(log_odds)
        # log p(1) - log p(0) changes its sign with the pixel: -log sigmoid of the log-odds for what it is.
        self.surprise = np.logaddexp(0.0, np.where(self.x == 1, -log_odds, log_odds))

    def _added(self, model: NADE, values: Tensor) -> np.ndarray:
        """What each pixel, in order of arrival, adds to the running sum: float64 (T, H)."""
        features = model.conditional.features(values, torch.float64)
        weights = _array(model.W)[self.order]
        # A NADE for any ordering has one more weight, for having arrived: its feature is 1 for ink and for white.
        self.marks = weights.shape[1] > features.shape[1]
        if self.marks:
            features = torch.cat([features, torch.ones_like(features[:, :1])], 1)
        return np.einsum("tf,tfh->th", features.numpy(), weights)

    def __len__(self) -> int:
        return len(self.x)

    @property
    def total(self) -> float:
        """-log p(x), in nats."""
        return float(self.surprise.sum())

    def place(self, pixel: int) -> tuple[int, int]:
        """(row, column) of the pixel that arrives at this place in the order; all count from 0."""
        row, column = divmod(int(self.order[pixel]), self.width)
        return row, column


@dataclass(frozen=True, eq=False)
class NADEFrame:
    """After `step` pixels of an image, 0..T. The last one that arrived is pixel step - 1, the next is pixel step."""

    steps: NADESteps
    step: int

    @property
    def arrived(self) -> np.ndarray:
        """Which pixels have arrived: bool (H, W)."""
        return self._on_grid(np.arange(len(self.steps)) < self.step)

    @property
    def ink(self) -> np.ndarray:
        """Which pixels are ink, arrived or not: bool (H, W)."""
        return self._on_grid(self.steps.x == 1)

    def _on_grid(self, values: np.ndarray) -> np.ndarray:
        grid = np.empty(len(values), dtype=bool)
        grid[self.steps.order] = values
        return grid.reshape(self.steps.height, self.steps.width)

    @property
    def done(self) -> bool:
        """Whether all pixels have arrived."""
        return self.step == len(self.steps)

    @property
    def sums(self) -> np.ndarray:
        """The running sums now: float64 (U,)."""
        return self.steps.sums[self.step]

    @property
    def before(self) -> np.ndarray:
        """The running sums before the last pixel arrived; those now if none has."""
        return self.steps.sums[max(self.step - 1, 0)]

    @property
    def hidden(self) -> np.ndarray:
        """h = sigmoid(a) now: float64 (U,)."""
        return self.steps.hidden[self.step]

    @property
    def moved_most(self) -> int:
        """The shown unit, by its place among those shown, whose sum the last pixel changed most."""
        return int(np.abs(self.sums - self.before).argmax())

    @property
    def so_far(self) -> float:
        """-log p of the pixels that have arrived, in nats."""
        return float(self.steps.surprise[: self.step].sum())


def _checked_model(model: NADE) -> tuple[int, int]:
    """Height and width of the images."""
    if not isinstance(model, NADE):
        raise TypeError(f"model must be a NADE, got {type(model).__name__}")
    if not isinstance(model.conditional, Bernoulli):
        raise ValueError(
            f"model must be a NADE of binary variables (Bernoulli), got {model.conditional!r}"
        )
    if model.class_c is not None:
        raise ValueError("model must be a NADE without classes, got one with num_classes")
    channels, height, width = image_shape(model.event_shape)
    if channels != 1:
        raise ValueError(f"images must have 1 channel, got event_shape {tuple(model.event_shape)}")
    return height, width


def _checked_image(model: NADE, x: Tensor) -> Tensor:
    """The image as float64 (T,) in storage layout."""
    if not isinstance(x, Tensor) or not x.is_floating_point():
        kind = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f"x must be a tensor of floats, got {kind}")
    channel, height, width = model.event_shape
    accepted = [(channel, height, width), (height, width), (height * width,)]
    if tuple(x.shape) not in accepted:
        raise ValueError(
            f"x must be one image of shape {', '.join(map(str, accepted[:2]))} or {accepted[2]}, got {tuple(x.shape)}"
        )
    model.conditional.check_values(x)
    return x.detach().double().cpu().flatten()


def _checked_units(hidden: int, units: Sequence[int] | None) -> np.ndarray:
    if units is None:
        return np.arange(min(hidden, MOST_UNITS))
    chosen = list(units) if isinstance(units, Sequence) and not isinstance(units, str) else []
    whole = all(type(unit) is int and 0 <= unit < hidden for unit in chosen)
    if not whole or not 1 <= len(chosen) <= MOST_UNITS or len(set(chosen)) != len(chosen):
        raise ValueError(
            f"units must be 1 to {MOST_UNITS} different indices from 0 to {hidden - 1}, got {units!r}"
        )
    return np.array(chosen)


def _array(weights: Tensor) -> np.ndarray:
    return weights.detach().double().cpu().numpy()


def _sigmoid(a: np.ndarray) -> np.ndarray:
    # By tanh, which overflows nowhere.
    return 0.5 * (1 + np.tanh(0.5 * a))
