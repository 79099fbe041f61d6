"""The sampler's pictures and words: pure functions from its state to pixels, SVG and HTML."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch

from .. import conditionals
from ..chain import AutoregressiveModel
from ..plots import colour_table
from .numbers import told_apart
from .sampler_state import Draw, Frame
from .svg import ACCENT, FILL, Drawing

__all__ = ["CHART_WIDTH", "Look", "chart", "image_pixels", "mean_pixels", "sentence"]

CHANNELS = ("red", "green", "blue")


class Look:
    """What follows from the model about how its images are shown.

    Attributes:
        binary: whether a variable is a Bernoulli variable.
        levels: number of values of a variable, None if it is continuous.
        low, high: the values shown as white and black (or as 0 and full red, green and blue).
        names: how a variable and its probabilities are called in text.
    """

    def __init__(
        self, model: AutoregressiveModel, value_range: tuple[float, float] | None = None
    ) -> None:
        self.binary = isinstance(model.conditional, conditionals.Bernoulli)
        self.levels = model.levels
        if value_range is None:
            value_range = (0.0, 1.0 if self.levels is None else self.levels - 1.0)
        self.low, self.high = value_range
        if not self.low < self.high:
            raise ValueError(f"value_range must be (low, high) with low < high, got {value_range}")
        self.heat_title = "p(x = 1 | pixels before)" if self.binary else "mean of x | pixels before"

    def bytes(self, values: np.ndarray) -> np.ndarray:
        """Values as uint8, 0 for low and 255 for high; what lies outside is shown as the nearer of the two."""
        share = (values - self.low) / (self.high - self.low)
        return np.round(255 * share.clip(0, 1)).astype(np.uint8)


def image_pixels(frame: Frame, look: Look) -> np.ndarray:
    """The image so far (H, W, 4) of dtype uint8: red, green, blue, and opacity 0 where nothing is known."""
    return _pixels(look.bytes(frame.values), frame.known, "ink")


def mean_pixels(frame: Frame, look: Look) -> np.ndarray:
    """The probabilities of 1, or the means, so far: as `image_pixels`."""
    return _pixels(look.bytes(frame.means), frame.foreseen, "probability")


def _pixels(shade: np.ndarray, known: np.ndarray, colours: str) -> np.ndarray:
    """Shades and mask (C, H, W) as (H, W, 4); one channel is coloured by a map, three are colours."""
    rgb = colour_table(colours)[shade[0]] if len(shade) == 1 else np.moveaxis(shade * known, 0, -1)
    opacity = np.where(known.any(0), 255, 0).astype(np.uint8)
    return np.concatenate([rgb, opacity[..., None]], -1)


# -- words ---------------------------------------------------------------------------------------------------------


def sentence(frame: Frame, look: Look, total: int) -> str:
    """What happens at this step, in words and numbers."""
    if frame.current is None:
        return f"All {total} variables are drawn: log p(x) = {frame.log_prob:.2f} nats."
    draw = frame.current
    return f"Step {frame.step} of {total}: {place(draw, frame.values.shape)}. {reason(draw, look)}"


def place(draw: Draw, shape: tuple[int, ...]) -> str:
    """Where a variable is: 'row 1, column 4', counted from 0."""
    channel, pixel = divmod(draw.position, shape[1] * shape[2])
    row, column = divmod(pixel, shape[2])
    return f"row {row}, column {column}" + (f", {CHANNELS[channel]}" if shape[0] == 3 else "")


def reason(draw: Draw, look: Look) -> str:
    """Why a variable becomes what it becomes."""
    if look.binary:
        u, p = told_apart(draw.u, draw.mean)
        why = f"p = {p}, u = {u} {'<' if draw.drawn else '≥'} p"
        become, drawn = f"becomes {draw.value:.0f}", f"{draw.drawn:.0f}"
    elif look.levels is not None:
        why, become, drawn = _level_reason(draw), f"becomes {draw.value:.0f}", f"{draw.drawn:.0f}"
    else:
        why = f"u = {draw.u:.3f} is the cdf at {draw.drawn:.3f}"
        become, drawn = f"becomes {draw.value:.3f}", f"{draw.drawn:.3f}"
    if draw.painted:
        return f"{why}, so the draw would be {drawn}; but the pixel is painted, so it {become}."
    return f"{why}, so the pixel {become}."


def _level_reason(draw: Draw) -> str:
    probs = level_probs(draw)
    cdf, level = probs.cumsum(), int(draw.drawn)
    u, above = told_apart(draw.u, cdf[level])
    if level == 0:
        return f"p(0) = {probs[0]:.3f}, u = {u} < cdf(0) = {above}"
    _, below = told_apart(draw.u, cdf[level - 1])
    return f"p({level}) = {probs[level]:.3f}, cdf({level - 1}) = {below} ≤ u = {u} < cdf({level}) = {above}"


def level_probs(draw: Draw) -> np.ndarray:
    """Probabilities (K,) of a discrete variable's levels."""
    return draw.dist.level_log_probs()[0].double().exp().cpu().numpy()


# -- the uniform against the probability ---------------------------------------------------------------------------

CHART_WIDTH, LEFT, RIGHT = 270, 34, 12  # CSS pixels


def chart(frame: Frame, look: Look) -> str:
    """The current draw as SVG: where u falls among the probabilities. Empty when everything is drawn."""
    if frame.current is None:
        return ""
    if look.binary:
        return interval_chart(frame.current)
    return cdf_chart(frame.current, look)


def interval_chart(draw: Draw) -> str:
    """The interval (0, 1): its share p gives 1, the rest 0; a tick at u."""
    x = _axis(0, 1)
    p, u = x(draw.mean), x(draw.u)
    top, bottom = 34, 70
    u_text, p_text = f"u = {draw.u:.3f}", f"p = {draw.mean:.3f}"
    drawing = Drawing(CHART_WIDTH, 100, label=f"{u_text} against {p_text}")
    drawing.rect((x(0), top), p - x(0), bottom - top)
    drawing.rect((x(0), top), x(1) - x(0), bottom - top, "none", stroke="currentColor")
    # A share too narrow for its text goes without: the sentence says it all.
    if p - x(0) > 42:
        drawing.text((x(0) + p) / 2, 57, "x = 1", colour="#000000")
    if x(1) - p > 42:
        drawing.text((p + x(1)) / 2, 57, "x = 0")
    drawing.line((u, top - 8), (u, bottom + 8), ACCENT, width=3)
    drawing.text(drawing.inside(u, u_text), top - 13, u_text, bold=True)
    drawing.line((p, top), (p, bottom + 5), width=1.5)
    p_place = drawing.inside(p, p_text)
    drawing.text(p_place, bottom + 22, p_text)
    for edge in (0, 1):
        if abs(x(edge) - p_place) > 46:
            drawing.text(x(edge), bottom + 22, str(edge))
    return drawing.svg()


def cdf_chart(draw: Draw, look: Look) -> str:
    """The distribution function as a staircase (or a curve); u meets it where the value is."""
    top, bottom = 14, 150
    values, cdf = _distribution_function(draw, look)
    step = 0.5 if look.levels is not None else 0.0
    x = _axis(values[0] - step, values[-1] + step)

    def y(share: float) -> float:
        return bottom - share * (bottom - top)

    if look.levels is not None:
        points = [(x(values[0] - step), y(0))]
        for value, before, after in zip(values, [0.0, *cdf[:-1]], cdf, strict=True):
            points += [(x(value - step), y(before)), (x(value - step), y(after))]
        points.append((x(values[-1] + step), y(1)))
    else:
        points = [(x(value), y(share)) for value, share in zip(values, cdf, strict=True)]
    meets, u = x(draw.drawn - step), y(draw.u)
    name = _number(draw.drawn, look)
    label = f"distribution function; u = {draw.u:.3f} gives {name}"
    drawing = Drawing(CHART_WIDTH, bottom + 26, label=label)
    drawing.line((LEFT, bottom), (CHART_WIDTH - RIGHT, bottom), width=1)
    drawing.line((LEFT, top), (LEFT, bottom), width=1)
    for share in (0, 1):
        drawing.text(LEFT - 6, y(share) + 5, str(share), anchor="end")
    drawing.polyline(points, FILL)
    drawing.line((LEFT, u), (meets, u), ACCENT, width=2.5)
    drawing.line((meets, u), (meets, bottom), ACCENT, width=1.5, dashed=True)
    u_place = min(max(u + 5, top + 20), bottom - 10)
    drawing.text(LEFT - 6, u_place, "u", anchor="end", bold=True)
    place = drawing.inside(x(draw.drawn), name)
    drawing.text(place, bottom + 18, name, bold=True)
    for end in (values[0], values[-1]):
        text = _number(end, look)
        end_place = drawing.inside(x(end), text)
        if abs(end_place - place) > 46:
            drawing.text(end_place, bottom + 18, text)
    return drawing.svg()


def _distribution_function(draw: Draw, look: Look) -> tuple[np.ndarray, np.ndarray]:
    """Places and the distribution function there: all levels, or quantiles of a continuous variable."""
    if look.levels is not None:
        cdf = level_probs(draw).cumsum()
        return np.arange(look.levels, dtype=float), cdf / cdf[-1]
    shares = np.unique(np.append(np.linspace(0.002, 0.998, 120), draw.u))
    u = torch.tensor(shares, dtype=draw.dist.params.dtype, device=draw.dist.params.device)
    many = copy.copy(draw.dist)  # the same distribution once for each share
    many.params = draw.dist.params.expand(len(u), -1)
    return many.draw(u).double().cpu().numpy(), shares


def _number(value: float, look: Look) -> str:
    return f"{value:.0f}" if look.levels is not None else f"{value:.2f}"


def _axis(low: float, high: float) -> Callable[[float], float]:
    """The map from values to horizontal places in the chart."""
    return lambda value: LEFT + (value - low) / ((high - low) or 1) * (CHART_WIDTH - LEFT - RIGHT)
