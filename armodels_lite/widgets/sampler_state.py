"""One image being drawn pixel by pixel: the state behind the sampler widget. No widget, no figure, no browser."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..chain import AutoregressiveModel
from ..decoder import Decoder
from ..distributions import Distribution
from ..sampling import sampling_mode
from .one_event import as_batch_of_one, context_of_one, seeded_noise

__all__ = ["Draw", "Frame", "SamplerState", "draw_next"]


@dataclass(frozen=True)
class Draw:
    """How one variable gets its value.

    Attributes:
        t, position: its step, and its flat position in layout (C, H, W).
        dist: what it is drawn from, temperature included, batch shape (1,).
        u: the uniform noise in (0, 1).
        drawn: what dist and u give.
        value: what it becomes: `drawn`, unless the pixel is painted.
        painted: whether it is.
        mean: mean of dist; for a binary variable the probability of 1.
        log_prob: log-probability of `value` under the model itself (temperature 1), in nats.
    """

    t: int
    position: int
    dist: Distribution
    u: float
    drawn: float
    value: float
    painted: bool
    mean: float
    log_prob: float


@dataclass(frozen=True)
class Frame:
    """What there is to see after `step` variables are drawn. All arrays have the image's shape (C, H, W).

    Attributes:
        values: values of known variables, 0 elsewhere; painted ones are known from the start.
        known: bool.
        means: the mean with which each variable was drawn, and that of the current one; 0 elsewhere.
        foreseen: bool, where `means` says something.
        painted: bool.
        current: the variable about to be drawn; None when all are.
        log_prob: log-probability of the variables drawn so far, in nats.
    """

    step: int
    values: np.ndarray
    known: np.ndarray
    means: np.ndarray
    foreseen: np.ndarray
    painted: np.ndarray
    current: Draw | None
    log_prob: float


class SamplerState:
    """The walk of `model.sample` through one image, forwards and backwards, with pixels painted over.

    Going to the last step gives exactly `model.sample(noise=state.noise, ...)`; painted pixels are completion, that is
    `observed` and `mask` there. What was once drawn is kept, so going back and forth shows the same again; after
    painting, only what comes later in the ordering is drawn anew, with the same noise.

    Args:
        model: an autoregressive model of images.
        noise: (1, *event_shape) or event_shape, floats in (0, 1); made from `seed` unless given.
        seed: the noise is that of `model.sample(1, generator=torch.Generator().manual_seed(seed))`.
        context: a class as int, or a context tensor (1, ...) or (...). A model with classes starts with class 0.
        temperature: positive; see `model.sample`.
        image_shape: (C, H, W) or (H, W) of a model whose event is a vector.

    Raises:
        TypeError: the model is not autoregressive.
        ValueError: its events are no images with 1 or 3 channels, or noise, seed, context or temperature do not fit.
    """

    def __init__(
        self,
        model: AutoregressiveModel,
        *,
        noise: Tensor | None = None,
        seed: int = 0,
        context: int | Tensor | None = None,
        temperature: float = 1.0,
        image_shape: Sequence[int] | None = None,
    ) -> None:
        if not isinstance(model, AutoregressiveModel):
            raise TypeError(f"the model must be an AutoregressiveModel, got {type(model).__name__}")
        self.model = model
        self.shape = _image_shape(model.event_shape, image_shape)
        self.total = model.num_variables
        self.step = 0
        self.seed: int | None = seed if noise is None else None
        self.noise = (
            seeded_noise(model, seed)
            if noise is None
            else as_batch_of_one("noise", noise, model.event_shape)
        )
        self.temperature = temperature
        self.context = context_of_one(
            model, 0 if context is None and model.num_classes else context
        )
        self._painted: dict[int, float] = {}
        self._order: list[int] = model.ordering.tolist()
        self._rank: list[int] = model.rank.tolist()
        self.restart()

    # -- walking -------------------------------------------------------------------------------------------------

    def go(self, step: int) -> Frame:
        """Go to a step, 0 to T, and say what there is to see. ValueError for a step that does not exist."""
        if not 0 <= step <= self.total:
            raise ValueError(f"steps are 0 to {self.total}, got {step}")
        frame = self.frame(step)
        self.step = step
        return frame

    def frame(self, step: int | None = None) -> Frame:
        """What there is to see at a step (at the current one unless given), without going there."""
        step = self.step if step is None else step
        self._draw_until(step + 1)
        past = self._draws[:step]
        current = self._draws[step] if step < self.total else None
        values, means = np.zeros((2, self.total))
        known, foreseen, painted = np.zeros((3, self.total), dtype=bool)
        for position, value in self._painted.items():
            values[position], known[position], painted[position] = value, True, True
        drawn = [draw.position for draw in past]
        values[drawn], known[drawn] = [draw.value for draw in past], True
        for draw in past if current is None else [*past, current]:
            means[draw.position], foreseen[draw.position] = draw.mean, True
        arrays = [array.reshape(self.shape) for array in (values, known, means, foreseen, painted)]
        return Frame(step, *arrays, current, math.fsum(draw.log_prob for draw in past))

    @property
    def x(self) -> Tensor:
        """The whole image (1, *event_shape) in the model's dtype, drawn to the end."""
        self._draw_until(self.total)
        return self._decoder.x.view(1, *self.model.event_shape).clone()

    # -- changing ------------------------------------------------------------------------------------------------

    def paint(self, pixel: int, values: float | Sequence[float]) -> None:
        """Overrule a pixel, counted row by row from 0, with one value for each channel.

        Raises ValueError for a pixel that does not exist or a value that the variable cannot have.
        """
        values = [values] if isinstance(values, (int, float)) else list(values)
        positions = self.positions(pixel)
        if len(values) != len(positions):
            raise ValueError(f"a pixel has {len(positions)} channels, got {len(values)} values")
        if self.model.levels is not None and not all(float(value).is_integer() for value in values):
            raise ValueError(f"this model's variables are whole levels, got {values}")
        self.model.conditional.check_values(torch.tensor(values).to(self.model.event_dtype))
        self._painted.update(zip(positions, values, strict=True))
        self._forget_from(min(self._rank[position] for position in positions))

    def erase(self, pixel: int) -> None:
        """Take back what was painted on a pixel; nothing happens where nothing was."""
        found = [
            position
            for position in self.positions(pixel)
            if self._painted.pop(position, None) is not None
        ]
        if found:
            self._forget_from(min(self._rank[position] for position in found))

    def clear(self) -> None:
        """Take back everything painted."""
        if self._painted:
            first = min(self._rank[position] for position in self._painted)
            self._painted.clear()
            self._forget_from(first)

    def positions(self, pixel: int) -> list[int]:
        """Flat positions of a pixel's channels. ValueError for a pixel that does not exist."""
        channels, height, width = self.shape
        if not 0 <= pixel < height * width:
            raise ValueError(f"pixels are 0 to {height * width - 1}, got {pixel}")
        return [channel * height * width + pixel for channel in range(channels)]

    def is_painted(self, pixel: int) -> bool:
        return any(position in self._painted for position in self.positions(pixel))

    def renew(self, seed: int) -> None:
        """Other noise; what is painted stays. ValueError for a seed that is no int from 0 to 2^64 - 1."""
        self.seed, self.noise = seed, seeded_noise(self.model, seed)
        self.restart()

    def set_context(self, context: int | Tensor | None) -> None:
        """Another class or context, with the same noise."""
        context = context_of_one(self.model, context)
        self.model.check_context(context, 1)
        self.context = context
        self.restart()

    def set_temperature(self, temperature: float) -> None:
        """Another temperature, with the same noise. ValueError unless it is positive."""
        if not 0 < temperature < math.inf:
            raise ValueError(f"temperature must be a positive number, got {temperature!r}")
        self.temperature = temperature
        self.restart()

    def restart(self) -> None:
        """Draw everything anew, from the model as it is now; the step, the noise and the paint stay."""
        # The call checks noise, context and temperature just as sampling does.
        self.model.sample_steps(
            noise=self.noise, context=self.context, temperature=self.temperature
        )
        with sampling_mode(self.model):
            self._decoder = self.model.decoder(1, self.context)
        self._draws: list[Draw] = []

    def completion(self) -> tuple[Tensor, Tensor]:
        """What is painted as (observed, mask), both (1, *event_shape), as `model.sample` takes them."""
        shape, device = (1, *self.model.event_shape), self.model.device
        observed = torch.zeros(self.total, dtype=self.model.event_dtype, device=device)
        mask = torch.zeros(self.total, dtype=torch.bool, device=device)
        for position, value in self._painted.items():
            observed[position], mask[position] = value, True
        return observed.view(shape), mask.view(shape)

    # -- inside --------------------------------------------------------------------------------------------------

    def _draw_until(self, count: int) -> None:
        """Draw until `count` variables have their values, or all."""
        if len(self._draws) < min(count, self.total):
            with sampling_mode(self.model):
                while len(self._draws) < min(count, self.total):
                    self._draws.append(self._next_draw())

    def _next_draw(self) -> Draw:
        position = self._order[len(self._draws)]
        u, painted = self.noise.view(1, -1)[:, position], self._painted.get(position)
        return draw_next(self._decoder, position, u, painted, self.temperature)

    def _forget_from(self, rank: int) -> None:
        """Forget what is drawn from step `rank` on."""
        if rank < len(self._draws):
            with sampling_mode(self.model):
                self._decoder.rewind(rank)
            del self._draws[rank:]


def draw_next(
    decoder: Decoder,
    position: int,
    u: Tensor,
    painted: float | None = None,
    temperature: float = 1.0,
) -> Draw:
    """Draw the decoder's next variable, which is at this position, with noise u (1,); the decoder goes on.

    A painted value overrules the draw. Raises ValueError where the model gives no finite value.
    """
    t, own = decoder.t, decoder.distribution()
    dist = own if temperature == 1 else own.tempered(temperature)
    drawn, mean = dist.draw(u).to(decoder.x.dtype), float(dist.mean)
    if not math.isfinite(drawn.item()) or not math.isfinite(mean):
        raise ValueError(
            f"step {t}: the model's parameters give no finite value: {dist.params.tolist()}"
        )
    value = drawn if painted is None else torch.full_like(drawn, painted)
    log_prob = float(own.log_prob(value))
    decoder.step(value)
    # A decoder may hand out a view of numbers that it goes on changing.
    dist = copy.copy(dist)
    dist.params = dist.params.clone()
    by_hand = painted is not None
    return Draw(t, position, dist, float(u), drawn.item(), value.item(), by_hand, mean, log_prob)


def _image_shape(event_shape: tuple[int, ...], given: Sequence[int] | None) -> tuple[int, int, int]:
    shape = tuple(event_shape if given is None else given)
    if len(shape) == 2:
        shape = (1, *shape)
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise ValueError(
            f"an image has shape (1, H, W), (3, H, W) or (H, W), got {shape}: give it as image_shape"
        )
    if math.prod(shape) != math.prod(event_shape):
        raise ValueError(
            f"image_shape {shape} does not hold the model's {math.prod(event_shape)} variables"
        )
    return shape
