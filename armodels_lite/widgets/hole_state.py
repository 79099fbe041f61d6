"""A hole in a binary image, filled pixel by pixel by models that see different parts of what is known. No widget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ..chain import AutoregressiveModel
from ..conditionals import Bernoulli
from ..decoder import Decoder
from ..orderings import hole_last, raster
from ..sampling import sampling_mode
from .one_event import seeded_noise
from .sampler_state import Draw, draw_next

__all__ = ["HOLES", "PAINTED", "Filling", "HoleFrame", "HoleState", "WayFrame", "preset_hole"]

SMALLEST, LARGEST = 4, 32  # pixels, for a side of an image
RASTER, OWN, LAST = "raster order", "its own order", "hole last"


# -- holes ---------------------------------------------------------------------------------------------------------


def _square(height: int, width: int) -> np.ndarray:
    hole = np.zeros((height, width), dtype=bool)
    hole[height // 4 : height - height // 4, width // 4 : width - width // 4] = True
    return hole


def _upper(height: int, width: int) -> np.ndarray:
    return np.indices((height, width))[0] < height // 2


def _lower(height: int, width: int) -> np.ndarray:
    return ~_upper(height, width)


def _second(height: int, width: int) -> np.ndarray:
    """As the black squares of a chessboard: all neighbours of a missing pixel are known."""
    return np.indices((height, width)).sum(0) % 2 == 1


HOLES: dict[str, Callable[[int, int], np.ndarray]] = {
    "a square in the middle": _square,
    "the upper half": _upper,
    "the lower half": _lower,
    "every second pixel": _second,
}
PAINTED = "painted"


def preset_hole(name: str, height: int, width: int) -> np.ndarray:
    """One of `HOLES` for an image: bool (H, W), True where a pixel is missing. ValueError for an unknown name."""
    check_hole(name, [*HOLES])
    return HOLES[name](height, width)


def check_hole(name: str, names: list[str]) -> None:
    """Raise ValueError unless the name is one of these."""
    if not isinstance(name, str) or name not in names:
        raise ValueError(f"a hole is one of {', '.join(map(repr, names))}, got {name!r}")


# -- one model fills it --------------------------------------------------------------------------------------------


class Filling:
    """A hole filled by a model in its ordering: known pixels are taken as they are, the others drawn.

    Exactly `model.sample(noise=noise, observed=image, mask=~hole)`. A pixel is drawn when it is asked for, and kept.

    Args:
        model: of binary images (1, H, W).
        image: the original, (1, 1, H, W) in the model's dtype.
        hole: bool (H, W), True where a pixel is missing.
        noise: (1, 1, H, W), floats in (0, 1).

    Attributes:
        ranks: (H, W), the step at which the model comes to a pixel, known or not.
        positions: flat positions of the missing pixels, in the model's ordering.
    """

    def __init__(
        self, model: AutoregressiveModel, image: Tensor, hole: np.ndarray, noise: Tensor
    ) -> None:
        self.model, self.image, self.hole, self.noise = model, image, hole, noise
        self.ranks = model.rank.cpu().numpy().reshape(hole.shape)
        order = model.ordering.tolist()
        self.positions = [position for position in order if hole.flat[position]]
        self._order, self._draws = order, []

    def draw(self, number: int) -> Draw:
        """How the hole's pixel of this number, from 0 in the model's ordering, gets its value."""
        if len(self._draws) <= number:
            with sampling_mode(self.model):
                while len(self._draws) <= number:
                    self._draws.append(self._next_draw())
        return self._draws[number]

    def _next_draw(self) -> Draw:
        position = self.positions[len(self._draws)]
        rank, decoder, known = self.ranks.flat[position], self._decoder, self.image.flatten()
        while decoder.t < rank:  # known pixels between two of the hole
            decoder.step(known[self._order[decoder.t]].view(1))
        return draw_next(decoder, position, self.noise.view(1, -1)[:, position])

    @cached_property
    def _decoder(self) -> Decoder:
        """A decoder that has seen the known pixels before the first of the hole, in one go where the model can."""
        decoder = self.model.decoder(1)
        decoder.prefill(self.image, int(self.ranks.flat[self.positions[0]]))
        return decoder

    def seen(self, number: int) -> np.ndarray:
        """Known pixels before the hole's pixel of this number, bool (H, W); after the last number, before the last."""
        if not self.positions:
            return np.ones_like(self.hole)
        position = self.positions[min(number, len(self.positions) - 1)]
        return ~self.hole & (self.ranks < self.ranks.flat[position])

    @cached_property
    def nats(self) -> float:
        """-sum over the hole of log p(true pixel | true pixels before it in the model's ordering)."""
        with sampling_mode(self.model):
            log_probs = self.model(self.image).log_prob(self.image)
        return -float(log_probs.double().flatten()[self.hole.flatten()].sum())


# -- what there is to see ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WayFrame:
    """One way of filling after `step` pixels of the hole are drawn. All arrays are (H, W).

    Attributes:
        name: "raster order", "its own order" or "hole last".
        values: known and drawn values, 0 elsewhere.
        drawn: bool, pixels of the hole that are drawn.
        seen: bool, known pixels that the model sees when it draws the current one (at the end: that it saw at all).
        seen_first: how many it sees when it draws the first of the hole. If that is all of them, `nats` is
            -log p(hole | known).
        probs: p(pixel = 1 | what the model sees) of drawn pixels and the current one, 0 elsewhere.
        current: the pixel about to be drawn; None at the end.
        wrong: bool, drawn pixels that differ from the original.
        nats: of the true hole, see `Filling.nats`; None before the end.
        learnt: whether the weights were trained for this ordering.
    """

    name: str
    values: np.ndarray
    drawn: np.ndarray
    seen: np.ndarray
    seen_first: int
    probs: np.ndarray
    current: Draw | None
    wrong: np.ndarray
    nats: float | None
    learnt: bool


@dataclass(frozen=True)
class HoleFrame:
    """A hole after `step` of its `total` pixels are drawn.

    Attributes:
        image: the original (H, W), floats 0 and 1.
        hole: bool (H, W), True where a pixel is missing.
        ways: the model's own ordering and, where there is a model for it, the hole last.
        one_model: whether both ways use the same weights.
        seed: of the noise.
        shows: what a frame of the strip is about: "all", "hole", "end", or the number of a way.
    """

    step: int
    total: int
    image: np.ndarray
    hole: np.ndarray
    ways: tuple[WayFrame, ...]
    one_model: bool
    seed: int
    shows: str | int = "all"

    @property
    def finished(self) -> bool:
        return self.step == self.total

    @property
    def known(self) -> int:
        """How many pixels are known from the start."""
        return self.hole.size - self.total


class HoleState:
    """Images, a hole, and the ways of filling it, all with the same noise at the same pixel.

    Args:
        model: an autoregressive model of binary images (1, H, W); it fills the hole in its own ordering.
        images: (N, 1, H, W) of zeros and ones.
        any_order: a model of the same images that takes any ordering; it fills the hole last. None leaves that out.
        seed: the noise is that of `model.sample(1, generator=torch.Generator().manual_seed(seed))`.
        hole: the name of the first hole, one of `HOLES`.

    Raises:
        TypeError: a model that is not autoregressive, or images that are no tensor.
        ValueError: models or images that are not binary images of one size from 4 x 4 to 32 x 32, a model that needs
            a context or takes no other ordering, an unknown hole, or a seed that does not exist.
    """

    def __init__(
        self,
        model: AutoregressiveModel,
        images: Tensor,
        any_order: AutoregressiveModel | None = None,
        seed: int = 0,
        hole: str = next(iter(HOLES)),
    ) -> None:
        check_model("model", model)
        self.model, self.any_order = model, any_order
        self.images = checked_images(images, model)
        if any_order is not None:
            check_model("any_order", any_order)
            if any_order.event_shape != model.event_shape:
                raise ValueError(
                    f"any_order must draw images {model.event_shape} as the model does, got {any_order.event_shape}"
                )
            try:
                any_order.with_ordering("reverse")
            except ValueError as error:
                name = type(any_order).__name__
                raise ValueError(
                    f"any_order must take any ordering, as ar.MADE and ar.NADE do, got a {name}: {error}"
                ) from error
        *_, self.height, self.width = self.images.shape
        self._raster = torch.equal(model.ordering.cpu(), raster(model.event_shape))
        self.index, self.kind = 0, hole
        self.hole = preset_hole(hole, self.height, self.width)
        self._painted = np.zeros_like(self.hole)
        self.renew(seed)

    # -- changing ------------------------------------------------------------------------------------------------

    def renew(self, seed: int) -> None:
        """Other noise. ValueError for a seed that is no int from 0 to 2^64 - 1."""
        noise = seeded_noise(self.model, seed)
        self.seed, self.noise = seed, noise
        self.restart()

    def set_image(self, index: int) -> None:
        """Another image, with the same hole and noise. ValueError for one that does not exist."""
        count = len(self.images)
        if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < count:
            raise ValueError(f"images are 0 to {count - 1}, got {index!r}")
        self.index = index
        self.restart()

    def set_hole(self, kind: str) -> None:
        """One of `HOLES`, or "painted" for the hole that was painted last. ValueError for anything else."""
        check_hole(kind, [*HOLES, PAINTED])
        if kind == PAINTED:
            hole = self._painted.copy()
        else:
            hole = preset_hole(kind, self.height, self.width)
        self.kind, self.hole = kind, hole
        self.restart()

    def paint(self, pixel: int, inside: bool) -> None:
        """Put a pixel, counted row by row from 0, into the hole or take it out; from now on the hole is painted.

        Raises ValueError for a pixel that does not exist.
        """
        count = self.hole.size
        if not isinstance(pixel, int) or isinstance(pixel, bool) or not 0 <= pixel < count:
            raise ValueError(f"pixels are 0 to {count - 1}, got {pixel!r}")
        hole = self.hole.copy()
        hole.flat[pixel] = inside
        self.kind, self.hole, self._painted = PAINTED, hole, hole
        self.restart()

    def forget_paint(self) -> None:
        """The painted hole is empty again."""
        self._painted = np.zeros_like(self.hole)

    def restart(self) -> None:
        """Fill the hole anew, with the models as they are now."""
        self._fillings: list[Filling] | None = None

    # -- looking -------------------------------------------------------------------------------------------------

    @property
    def total(self) -> int:
        """Pixels in the hole."""
        return int(self.hole.sum())

    @property
    def image(self) -> np.ndarray:
        """The original, (H, W)."""
        return self.images[self.index, 0].double().cpu().numpy()

    @property
    def fillings(self) -> list[Filling]:
        """One for each way, made when it is needed for the first time."""
        if self._fillings is None:
            models = [self.model]
            if self.any_order is not None:
                known = torch.from_numpy(~self.hole).unsqueeze(0)
                models.append(self.any_order.with_ordering(hole_last(known)))
            image = self.images[self.index : self.index + 1]
            self._fillings = [
                Filling(model, image.to(model.device, model.event_dtype), self.hole, self.noise)
                for model in models
            ]
        return self._fillings

    def frame(self, step: int) -> HoleFrame:
        """What there is to see after `step` pixels of the hole are drawn, 0 to `total`. ValueError for another."""
        if not 0 <= step <= self.total:
            raise ValueError(f"steps are 0 to {self.total}, got {step}")
        names = RASTER if self._raster else OWN, LAST
        ways = [self._way(name, way, step) for name, way in zip(names, self.fillings, strict=False)]
        return HoleFrame(
            step,
            self.total,
            self.image,
            self.hole,
            tuple(ways),
            one_model=self._one_model,
            seed=self.seed,
        )

    @property
    def _one_model(self) -> bool:
        """Whether both ways use the same weights, in different orderings."""
        if self.any_order is None:
            return True
        own, other = (set(map(id, m.parameters())) for m in (self.model, self.any_order))
        return own == other

    def _way(self, name: str, filling: Filling, step: int) -> WayFrame:
        image, end = self.image, step == self.total
        values, probs = np.where(self.hole, 0.0, image), np.zeros_like(image)
        drawn = np.zeros_like(self.hole)
        for number in range(step):
            draw = filling.draw(number)
            values.flat[draw.position], drawn.flat[draw.position] = draw.value, True
            probs.flat[draw.position] = draw.mean
        current = None if end else filling.draw(step)
        if current is not None:
            probs.flat[current.position] = current.mean
        wrong = drawn & (values != image)
        return WayFrame(
            name,
            values,
            drawn,
            seen=filling.seen(step),
            seen_first=int(filling.seen(0).sum()),
            probs=probs,
            current=current,
            wrong=wrong,
            nats=filling.nats if end else None,
            learnt=self._learnt(filling),
        )

    def _learnt(self, filling: Filling) -> bool:
        if filling.model is self.model:
            return True
        model = self.any_order
        # A MADE that has learnt several orderings lists them; one for every ordering lists its own alone.
        listed = getattr(model, "orderings", model.ordering.unsqueeze(0))
        if getattr(model, "order_agnostic", False) and len(listed) == 1:
            return True
        return bool((listed == filling.model.ordering).all(1).any())


# -- what is accepted ----------------------------------------------------------------------------------------------


def check_model(name: str, model: AutoregressiveModel) -> None:
    """Raise unless this is an autoregressive model of binary images that needs no context."""
    if not isinstance(model, AutoregressiveModel):
        raise TypeError(f"{name} must be an AutoregressiveModel, got {type(model).__name__}")
    shape = model.event_shape
    if (
        len(shape) != 3
        or shape[0] != 1
        or not all(SMALLEST <= side <= LARGEST for side in shape[1:])
    ):
        raise ValueError(
            f"{name} must draw images of one channel, (1, H, W) with H and W from {SMALLEST} to {LARGEST}; "
            f"its events have shape {shape}"
        )
    if not isinstance(model.conditional, Bernoulli):
        raise ValueError(
            f"{name} must be of binary images, with ar.Bernoulli() as conditional; it has {model.conditional!r}"
        )
    if model.num_classes is not None or model.context_shape is not None:
        raise ValueError(f"{name} must be a model without classes and without context")


def checked_images(images: Tensor, model: AutoregressiveModel) -> Tensor:
    """The images in the model's dtype and on its device."""
    if not isinstance(images, Tensor):
        raise TypeError(f"images must be a torch.Tensor, got {type(images).__name__}")
    shape = tuple(images.shape)
    if len(shape) != 4 or shape[0] == 0 or shape[1:] != model.event_shape:
        wanted = ", ".join(map(str, model.event_shape))
        raise ValueError(f"images must have shape (N, {wanted}) with N > 0, got {shape}")
    if not ((images == 0) | (images == 1)).all():
        raise ValueError("images must hold zeros and ones only, as the data sets of binary images")
    return images.to(model.device, model.event_dtype)
