"""How PixelRNN's two recurrent layers read an image: row by row, or diagonal by diagonal.

`skew_state` says in which step a state is computed and what it has seen, `skew_view` draws; here are the words and the
controls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets

from .chart_stepper import ChartStepper
from .skew_state import DIAGONAL, KINDS, ROW, SkewFrame, checked_pixel, checked_shape
from .skew_view import COMPACT, cell_size, image_drawing, steps_drawing
from .svg import Drawing

__all__ = ["SkewWalk"]

SHAPES = ((3, 4), (4, 4), (5, 6), (8, 8))  # what the dropdown offers besides the first shape
SIDES = {"right": "left to right", "left": "right to left"}
INPUTS = (
    "What a layer gets at a pixel holds nothing of that pixel itself: a masked convolution before it has mixed earlier "
    "pixels only. So a state may use the input at its own place."
)
MOVED = " From right to left it may use the pixel at its own place too: it moves down a row, where that pixel is known."
NUMBERS = " Pixels are numbered in raster order."


# -- words ---------------------------------------------------------------------------------------------------------


def step_words(frame: SkewFrame) -> str:
    """What the step computes, and from what."""
    height, width = frame.shape
    if frame.phase == "start":
        if frame.kind == ROW:
            return (
                f"Nothing is computed yet. Each of the {height} steps computes the {width} states of a row at once, "
                "from the row above."
            )
        return (
            "Nothing is computed yet. The skewed map moves every row one place further right than the row above, so a "
            f"diagonal of the image becomes a column; each of the {frame.count} steps computes one column."
        )
    if frame.phase == "rows":
        above = (
            f"up to three states of row {frame.turn - 1}"
            if frame.turn > 1
            else "zeros, for there is no row above"
        )
        return (
            f"Step {frame.turn} of {frame.count}: the {width} states of row {frame.turn} are computed at once, each "
            f"from {above}, and the inputs at its own place and on its left."
        )
    if frame.phase == "sum":
        return "The states from right to left are moved down by one row and added to those from left to right."
    side = SIDES[frame.phase]
    many = int(frame.now.sum())
    states = f"the {many} states of one diagonal are" if many > 1 else "1 state is"
    near = "right" if frame.phase == "left" else "left"
    enter = (
        f"each from the state above and the one on the {near}, which both stand in the column before."
        if frame.turn > 1
        else "from its input and zeros."
    )
    return f"{side.capitalize()}, step {frame.turn} of {frame.count}: {states} computed at once, {enter}"


def pixel_words(frame: SkewFrame) -> str:
    """What the chosen pixel gets to see."""
    name, before = f"Pixel {frame.number}", int(frame.before.sum())
    if before == 0:
        return f"{name} is the first: there is nothing before it to see."
    if frame.phase == "left" and frame.source is None:
        return f"{name} lies in the first row: from right to left it gets zeros."
    seen = _of(int((frame.reached & frame.before).sum()), before)
    if frame.phase == "left":
        above = int(frame.numbers[frame.source])
        return (
            f"{name} takes the state of pixel {above}, the one above it: that of its own place has seen pixels on its "
            f"right, which come later. In this direction it sees {seen}."
        )
    if frame.phase == "sum":
        first, second = (int((part & frame.before).sum()) for part in frame.parts)
        return f"{name} sees {first} pixels from the left and {second} from the right: together {seen}."
    missed = int(frame.blind.sum())
    hidden = (
        f"; {missed} hatched {'one is' if missed == 1 else 'ones are'} out of its reach"
        if missed
        else ""
    )
    return f"The state of pixel {frame.number} sees {seen}{hidden}."


def _of(seen: int, before: int) -> str:
    if seen == before:
        return f"all {before} pixels before it" if before > 1 else "the 1 pixel before it"
    return f"{seen} of the {before} pixels before it" if before > 1 else "not the 1 pixel before it"


def count_words(frame: SkewFrame) -> str:
    """How many steps it takes, and what may run in parallel."""
    height, width = frame.shape
    if frame.kind == ROW:
        steps = f"{height} steps, one a row,"
    else:
        steps = f"{frame.count} steps, one a diagonal ({height} + {width} - 1), in each direction,"
    return (
        f"In training the whole image is known: a layer takes {steps} for {height * width} pixels. In sampling a pixel "
        f"must be drawn before the next one can use it: {height * width} turns, whatever the layer."
    )


def layer_words(kind: str) -> str:
    """What another layer, or the other direction, adds to what a pixel sees."""
    if kind == ROW:
        return (
            "What is seen widens by one column on each side with every row further up. Depth does not close the gap: a "
            "second layer adds one column on the left and none on the right."
        )
    return (
        "The directions do not wait for each other. Together they see everything before a pixel, at the price of more "
        "steps than there are rows."
    )


def readout(frame: SkewFrame) -> str:
    """What stands beside the slider."""
    if frame.phase in ("start", "sum"):
        return "start" if frame.phase == "start" else "both directions"
    turn = f"{frame.turn} of {frame.count}"
    return f"row {turn}" if frame.phase == "rows" else f"{SIDES[frame.phase]}, {turn}"


# -- the widget ----------------------------------------------------------------------------------------------------


class SkewWalk(ChartStepper):
    """A recurrent layer of PixelRNN at work on a small image, and what the state of a chosen pixel has seen.

    A step of a Row LSTM is a row. A step of a Diagonal BiLSTM is a diagonal, a column of the skewed map: first all from
    left to right, then all from right to left; the last step adds both. Another kind, or another size, goes on at the
    step that computes the state of the chosen pixel.

    Args:
        shape: (H, W), each from 2 to 8.
        kind: "Row LSTM" or "Diagonal BiLSTM".
        pixel: (row, column) of the pixel to follow, counted from 0 as array indices are; in words, rows and columns
            count from 1. A pixel in the lower left half unless given.
        start: the step to begin with.

    Raises:
        ValueError: no such kind, shape, pixel or step.

    Source: A. van den Oord, N. Kalchbrenner and K. Kavukcuoglu, Pixel Recurrent Neural Networks (2016).

    >>> walk = SkewWalk((5, 6), start=4)
    >>> walk.sentences(walk.frame(4))[0]
    'Step 4 of 5: the 6 states of row 4 are computed at once, ... The state of pixel 21 sees 16 of the 20 pixels ...'
    >>> walk.choose(kind="Diagonal BiLSTM")
    >>> walk.step, walk.last
    (6, 21)
    """

    def __init__(
        self,
        shape: Sequence[int] = (5, 6),
        kind: str = ROW,
        pixel: Sequence[int] | None = None,
        *,
        start: int = 0,
    ) -> None:
        self.shape = checked_shape(shape)
        self.kind = _checked_kind(kind)
        self.pixel = checked_pixel(pixel, self.shape)
        self._first = (self.shape, self.kind, self.pixel)
        self._make_controls()
        super().__init__(
            2,
            last=self.frame(0).last,
            start=start,
            options=[self._kind, self._shape, self._row, self._column],
            interval=1200,
            readouts=self._readouts(),
        )
        # What is chosen here makes the picture: it stands above. Words differ in length: the controls stay in place.
        views, playback, options = self.children
        self.children = (options, views, playback)
        self._words.layout.min_height = "10em"
        self.react(self._kind, self._set_kind)
        self.react(self._shape, self._set_shape)
        self.react(self._row, self._set_pixel)
        self.react(self._column, self._set_pixel)

    # -- controls ------------------------------------------------------------------------------------------------

    def _make_controls(self) -> None:
        shapes = sorted({*SHAPES, self.shape})
        common = {"style": {"description_width": "initial"}}
        narrow = {**common, "layout": {"width": "max-content"}}
        self._kind = ipywidgets.Dropdown(
            options=KINDS,
            value=self.kind,
            description="layer",
            tooltip="Which recurrent layer reads the image",
            **narrow,
        )
        self._shape = ipywidgets.Dropdown(
            options=[(f"{height} × {width}", (height, width)) for height, width in shapes],
            value=self.shape,
            description="image",
            tooltip="Rows and columns of the image",
            **narrow,
        )
        self._row, self._column = (
            ipywidgets.IntSlider(
                place + 1,
                min=1,
                max=size,
                description=name,
                tooltip=f"The {name} of the pixel whose state is followed",
                layout={"width": "180px"},
                **common,
            )
            for name, place, size in zip(("row", "column"), self.pixel, self.shape, strict=True)
        )

    def _set_kind(self, kind: str) -> None:
        if not self._settling:
            self._settle(self.shape, kind, self.pixel)

    def _set_shape(self, shape: tuple[int, int]) -> None:
        if not self._settling:
            self._settle(shape, self.kind, checked_pixel(None, shape))

    def _set_pixel(self, _: Any) -> None:
        if not self._settling:
            self.pixel = self._row.value - 1, self._column.value - 1

    def _settle(
        self, shape: tuple[int, int], kind: str, pixel: tuple[int, int], step: int | None = None
    ) -> None:
        """All controls as these say, and the walk at a step, unless given the one that computes the pixel's state."""
        self.shape, self.kind, self.pixel = shape, kind, pixel
        frame = self.frame(0)
        step = frame.at("rows" if kind == ROW else "right").step if step is None else step
        with self._quiet(), self.controls.hold_sync():
            self._kind.value, self._shape.value = kind, shape
            for slider, place, size in zip((self._row, self._column), pixel, shape, strict=True):
                slider.max = size
                slider.value = place + 1
            self.controls.last = max(self.last, step)
            self.step = step
            self.controls.last = frame.last
            self.controls.readouts = self._readouts()

    def redraw(self) -> None:
        if not self._settling:
            super().redraw()

    def choose(
        self,
        *,
        kind: str | None = None,
        shape: Sequence[int] | None = None,
        pixel: Sequence[int] | None = None,
    ) -> None:
        """What the controls do: another layer, another image, another pixel, (row, column) from 0.

        Raises:
            ValueError: no such kind, shape or pixel; nothing is changed then.
        """
        chosen = self.kind if kind is None else _checked_kind(kind)
        size = self.shape if shape is None else checked_shape(shape)
        kept = self.pixel if size == self.shape else None
        place = checked_pixel(kept if pixel is None else pixel, size)
        if size not in [value for _, value in self._shape.options]:
            options = sorted({*(value for _, value in self._shape.options), size})
            with self._quiet():
                self._shape.options = [(f"{h} × {w}", (h, w)) for h, w in options]
        same = (chosen, size) == (self.kind, self.shape)
        self._settle(size, chosen, place, self.step if same else None)
        self.redraw()

    def restart(self) -> None:
        self._settle(*self._first, step=0)

    def _readouts(self) -> list[str]:
        return [readout(self.frame(step)) for step in range(self.frame(0).last + 1)]

    # -- what the shell asks for ---------------------------------------------------------------------------------

    def frame(self, step: int) -> SkewFrame:
        return SkewFrame(self.kind, self.shape, self.pixel, step)

    def drawings(self, frame: SkewFrame) -> list[Drawing]:
        cell = cell_size(frame.shape)
        return [image_drawing(frame, cell), steps_drawing(frame, cell)]

    def strip_drawings(self, frame: SkewFrame) -> list[Drawing]:
        """Both drawings, narrow enough for four frames side by side, and equally wide."""
        cell = cell_size(frame.shape, COMPACT)
        drawings = [image_drawing(frame, cell), steps_drawing(frame, cell)]
        for drawing in drawings:
            drawing.width = max(drawing.width, COMPACT)
        return drawings

    def sentences(self, frame: SkewFrame) -> list[str]:
        return [
            f"{step_words(frame)} {pixel_words(frame)}",
            f"{count_words(frame)} {layer_words(frame.kind)}",
            INPUTS + (MOVED if frame.kind == DIAGONAL else "") + NUMBERS,
        ]

    def caption(self, frame: SkewFrame) -> str:
        if frame.kind == ROW:
            return ROW
        words = {"start": "start", **SIDES, "sum": "both added"}
        return f"Diagonal: {words[frame.phase]}"

    def strip_frames(self) -> list[SkewFrame]:
        """The chosen pixel when its state is computed: in a Row LSTM, in either direction of the other, and the sum."""
        row, diagonal = (SkewFrame(kind, self.shape, self.pixel, 0) for kind in (ROW, DIAGONAL))
        return [row.at("rows"), diagonal.at("right"), diagonal.at("left"), diagonal.at("sum")]


def _checked_kind(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"kind must be {' or '.join(map(repr, KINDS))}, got {kind!r}")
    return kind
