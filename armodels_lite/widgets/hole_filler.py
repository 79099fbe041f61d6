"""Filling a hole in an image: in raster order, where what comes later is hidden, and with the hole last.

`hole_state` draws the pixels, `hole_view` the pictures; here are the words and the controls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import ipywidgets
from torch import Tensor

from ..chain import AutoregressiveModel
from .chart_stepper import ChartStepper
from .dropdowns import dropdown
from .grid import PixelGrid
from .hole_state import HOLES, PAINTED, HoleFrame, HoleState, WayFrame
from .hole_view import (
    SIDE,
    WIDTH,
    key_drawing,
    original_pixels,
    strip_drawing,
    way_drawing,
)
from .numbers import told_apart
from .one_event import next_seed
from .svg import Drawing

__all__ = ["HoleFiller"]

EMPTY = (
    "There is no hole. Click pixels of the original, or go there with the tab key, move with the arrow keys and "
    "press Enter; or choose a hole from the list."
)
PHRASES = {
    "raster order": "in raster order",
    "its own order": "in the model's own order",
    "hole last": "with the hole last",
}
HINT = "Click or drag: into the hole or out of it. Shift: out of it. Keys: arrows, enter, delete."


# -- words ---------------------------------------------------------------------------------------------------------


def now_words(frame: HoleFrame, ways: Sequence[WayFrame]) -> str:
    """The pixel that is drawn next, and how; or what has come of it."""
    if frame.total == 0:
        return EMPTY
    if frame.finished:
        return f"All {frame.total} pixels of the hole are drawn. Wrong: {_each(ways, _wrong)}."
    places = {way.current.position for way in ways}
    if len(places) == 1:
        where = _place(frame, *places)
        told = [_drawn(frame, way) for way in ways]
        return f"Step {frame.step} of {frame.total}: {where}. {' '.join(told)}"
    told = [_drawn(frame, way, f"{_place(frame, way.current.position)}: ") for way in ways]
    return f"Step {frame.step} of {frame.total}. {' '.join(told)}"


def _place(frame: HoleFrame, position: int) -> str:
    row, column = divmod(position, frame.image.shape[1])
    return f"row {row}, column {column}, which is {frame.image.flat[position]:.0f} in the original"


def _drawn(frame: HoleFrame, way: WayFrame, place: str = "") -> str:
    draw = way.current
    u, p = told_apart(draw.u, draw.mean)
    right = "right" if draw.drawn == frame.image.flat[draw.position] else "wrong"
    return (
        f"{_phrase(way).capitalize()} {place}p = {p}, u = {u} {'<' if draw.drawn else '≥'} p, "
        f"so {draw.drawn:.0f} is drawn: {right}."
    )


def seen_words(frame: HoleFrame, ways: Sequence[WayFrame]) -> str:
    """How much of what is known each way sees, and what is wrong so far."""
    parts = [] if frame.known else ["Nothing is known: this is sampling."]
    for way in ways if frame.known else []:
        seen, phrase = int(way.seen.sum()), _phrase(way).capitalize()
        if seen == frame.known and frame.finished and way.seen_first < seen:
            parts.append(
                f"{phrase} the model saw all {seen} known pixels only at the last of the hole, "
                f"{way.seen_first} of them at the first."
            )
            continue
        if seen == frame.known:
            parts.append(f"{phrase} the model sees all {seen} known pixels.")
            continue
        hidden = frame.known - seen
        later = "come" if hidden > 1 else "comes"
        until = "" if frame.finished else " so far"
        parts.append(
            f"{phrase} the model has seen {seen} of {frame.known} known pixels{until}: "
            f"{hidden} {later} later in its order and {'are' if hidden > 1 else 'is'} hidden from it."
        )
    if 0 < frame.step < frame.total:
        parts.append(f"Wrong so far: {_each(ways, _wrong)}.")
    return " ".join(parts)


def score_words(frame: HoleFrame) -> str:
    """What the original's pixels in the hole cost each way, and what these numbers are not."""
    ways = frame.ways
    words = (
        "The original's hole costs −Σ log p(true pixel | what the model sees, all of it true) = "
        f"{_each(ways, lambda way: f'{way.nats:.2f} nats')}."
    )
    if ways[0].seen_first < frame.known:
        words += (
            f" Caution: {_phrase(ways[0])} each pixel is scored given what comes before it alone, so this is no "
            "−log p(hole | all known pixels)."
        )
        if len(ways) > 1:
            words += f" {_phrase(ways[1]).capitalize()} it is one."
    if not frame.one_model:
        words += " The two ways also have different weights."
    return words


def noise_words(frame: HoleFrame) -> str:
    """Which noise is used, and a warning where the weights were not trained for an ordering."""
    ways = "Both ways use" if len(frame.ways) > 1 else "This is"
    words = f"{ways} the noise of seed {frame.seed}, one u for each pixel."
    if not all(way.learnt for way in frame.ways):
        words += (
            " This model was not trained for the ordering with the hole last, so there its p are poor: one trained for "
            "every ordering is needed."
        )
    return words


def _wrong(way: WayFrame) -> str:
    return f"{int(way.wrong.sum())} of {int(way.drawn.sum())}"


def _each(ways: Sequence[WayFrame], number: Callable[[WayFrame], str]) -> str:
    return ", ".join(f"{number(way)} {_phrase(way)}" for way in ways)


def _phrase(way: WayFrame) -> str:
    return PHRASES[way.name]


# -- the widget ----------------------------------------------------------------------------------------------------


class HoleFiller(ChartStepper):
    """A hole in a binary image, filled pixel by pixel in one or two ways, with the same noise.

    On the left stands the original, with the hole, which can be painted. In raster order (or whatever order `model`
    has) a pixel of the hole is drawn given what comes before it: known pixels that come later are hidden, and shown
    paler. With the hole last, a model of any ordering sees every known pixel. Step t has drawn t pixels of the hole.

    Args:
        model: an autoregressive model of binary images (1, H, W), H and W from 4 to 32.
        images: (N, 1, H, W), zeros and ones.
        any_order: a model of the same images trained for every ordering, `ar.MADE(..., order_agnostic=True)` or
            `ar.NADE(..., order_agnostic=True)`. None leaves the second way out.
        seed: the noise is that of `model.sample(1, generator=torch.Generator().manual_seed(seed))`.
        hole: the first hole: "a square in the middle", "the upper half", "the lower half" or "every second pixel".
        start: the step to begin with.

    Raises:
        TypeError: a model that is not autoregressive, or images that are no tensor.
        ValueError: models or images that are not binary images of one size, a model that takes no ordering as
            `any_order`, an unknown hole, or a seed or a step that does not exist.

    >>> import torch
    >>> import armodels_lite as ar
    >>> images = (torch.arange(64).view(1, 1, 8, 8) % 3 == 0).float()
    >>> filler = HoleFiller(ar.FVSBN((1, 8, 8)), images, start=4)
    >>> filler.sentences(filler.frame(4))[1]
    'In raster order the model has seen 22 of 48 known pixels so far: 26 come later in its order and are hidden ...'
    >>> filler
    HoleFiller(1 x 8 x 8, a square in the middle, step 4 of 16)
    """

    def __init__(
        self,
        model: AutoregressiveModel,
        images: Tensor,
        any_order: AutoregressiveModel | None = None,
        seed: int = 0,
        *,
        hole: str = next(iter(HOLES)),
        start: int = 0,
    ) -> None:
        self.state = HoleState(model, images, any_order, seed, hole)
        self._first = hole, seed
        self._stroke = True  # whether dragging puts pixels into the hole
        self.grid = PixelGrid(self.state.height, self.state.width, editable=True, size=SIDE)
        self.grid.corners = False  # the hole has colours of its own
        self.grid.kinds = ["in the hole", "known", ""]
        self.grid.on_edit(self._edited)
        super().__init__(
            1 if any_order is None else 2,
            before=[self._original()],
            last=self.state.total,
            start=start,
            options=self._make_options(),
            interval=self._pace(),
        )
        # What is chosen here makes the picture: it stands above. Words differ in length: the controls stay in place.
        views, playback, options = self.children
        self.children = (options, views, playback)
        self._words.layout.min_height = "11em"

    def _original(self) -> ipywidgets.VBox:
        panel = ipywidgets.VBox(
            [
                ipywidgets.HTML('<span class="armodels-title">Original and hole</span>'),
                self.grid,
                ipywidgets.HTML(f'<span class="armodels-quiet">{HINT}</span>'),
                ipywidgets.HTML(key_drawing().svg()),
            ],
            layout=ipywidgets.Layout(width=f"{WIDTH + 4}px"),
        )
        return panel.add_class("armodels-panel")

    # -- controls ------------------------------------------------------------------------------------------------

    def _make_options(self) -> list[ipywidgets.Widget]:
        state = self.state
        kinds = [*HOLES, PAINTED]
        self._hole = dropdown(
            "hole", "Which pixels are missing; or paint on the original", kinds, state.kind
        )
        self.react(self._hole, self._set_hole)
        options: list[ipywidgets.Widget] = [self._hole]
        count = len(state.images)
        numbers = [(f"{index + 1} of {count}", index) for index in range(count)]
        self._image = dropdown("image", "Which image has the hole", numbers, state.index)
        self.react(self._image, self._set_image)
        if count > 1:
            options.append(self._image)
        new = ipywidgets.Button(
            description="Another draw", tooltip="Draw with other uniform numbers"
        )
        self.on_click(new, lambda: state.renew(next_seed(state.seed)))
        return [*options, new]

    def _set_hole(self, kind: str) -> None:
        if not self._settling:
            self.state.set_hole(kind)
            self._settle(0)

    def _set_image(self, index: int) -> None:
        if not self._settling:
            self.state.set_image(index)

    def _edited(self, pixel: int, action: str) -> None:
        """A pixel of the original was clicked, dragged over, or taken out of the hole."""
        with self.reporting():
            if action == "flip":
                self._stroke = not self.state.hole.flat[pixel]
            self.state.paint(pixel, action != "erase" and self._stroke)
            self._settle(0)
        self.redraw()

    def choose(self, *, hole: str | None = None, image: int | None = None) -> None:
        """What the dropdowns do: another hole, by its name in the list; another image, counted from 0.

        Raises:
            ValueError: no such hole or image; nothing is changed then.
        """
        before = self.state.index
        if image is not None:
            self.state.set_image(image)
        try:
            self.state.set_hole(self.state.kind if hole is None else hole)
        except ValueError:
            self.state.set_image(before)
            raise
        self._settle(self.step if hole is None else 0)
        self.redraw()

    def _settle(self, step: int) -> None:
        """The controls as the state says, and the walk at a step."""
        with self._quiet(), self.controls.hold_sync():
            self._hole.value, self._image.value = self.state.kind, self.state.index
            self.controls.last = max(self.last, step)
            self.step = step
            self.controls.last = self.state.total
            self.controls.interval = self._pace()

    def _pace(self) -> int:
        """Milliseconds a step, so that a whole hole takes 12 seconds or less."""
        return max(30, min(400, 12000 // max(1, self.state.total)))

    def redraw(self) -> None:
        if not self._settling:
            super().redraw()

    def restart(self) -> None:
        hole, seed = self._first
        self.state.forget_paint()
        self.state.set_hole(hole)
        self.state.set_image(0)
        self.state.renew(seed)
        self._settle(0)

    # -- what the shell asks for ---------------------------------------------------------------------------------

    def draw(self, step: int) -> None:
        super().draw(step)
        state = self.state
        position = state.fillings[0].positions[step] if step < state.total else -1
        self.grid.show(
            original_pixels(state.image, state.hole),
            mark=position,
            flags=state.hole,
            label=f"The original, {state.height} by {state.width} pixels, {state.total} of them in the hole",
        )

    def frame(self, step: int) -> HoleFrame:
        return self.state.frame(step)

    def drawings(self, frame: HoleFrame) -> list[Drawing]:
        return [way_drawing(frame, way) for way in frame.ways]

    def sentences(self, frame: HoleFrame) -> list[str]:
        if frame.total == 0:
            return [EMPTY]
        score = [score_words(frame)] if frame.finished else []
        return [
            now_words(frame, frame.ways),
            seen_words(frame, frame.ways),
            *score,
            noise_words(frame),
        ]

    def caption(self, frame: HoleFrame) -> str:
        if isinstance(frame.shows, int):
            return f"{frame.ways[frame.shows].name}, step {frame.step}"
        return {"hole": "the hole", "end": "filled"}.get(
            frame.shows, f"step {frame.step} of {frame.total}"
        )

    def told(self, frame: HoleFrame) -> list[str]:
        if frame.total == 0:
            return ["Nothing is missing."]
        if frame.shows == "hole":
            return [f"{frame.total} of {frame.hole.size} pixels are missing."]
        if isinstance(frame.shows, int):
            ways = [frame.ways[frame.shows]]
            return [now_words(frame, ways), seen_words(frame, ways)]
        if frame.finished:
            nats = _each(frame.ways, lambda way: f"{way.nats:.2f} nats")
            return [now_words(frame, frame.ways), f"The true hole costs {nats}."]
        return [now_words(frame, frame.ways)]

    def strip_frames(self) -> list[HoleFrame]:
        """The hole; each way when half of it is drawn; and what came of it beside the original."""
        total = self.state.total
        middle = self.frame(total // 2)
        return [
            replace(self.frame(0), shows="hole"),
            *(replace(middle, shows=number) for number in range(len(middle.ways))),
            replace(self.frame(total), shows="end"),
        ]

    def strip_drawings(self, frame: HoleFrame) -> list[Drawing]:
        return [strip_drawing(frame)]

    def __repr__(self) -> str:
        state = self.state
        shape = f"1 x {state.height} x {state.width}"
        return f"{type(self).__name__}({shape}, {state.kind}, step {self.step} of {self.last})"
