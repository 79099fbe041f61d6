"""The masks of a convolutional model, a layer a step: which pixels before a pixel it gets to see.

`field_graph` follows the connections, `field_state` holds a step and measures, `field_view` draws, `field_words` tells;
here are the controls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..models.convolutional import ConvolutionalModel
from .chart_stepper import ChartStepper
from .dropdowns import dropdown
from .field_state import FieldFrame, Walked, checked_place
from .field_view import COMPACT, image_drawing, kernel_drawing, measured_drawing
from .field_words import (
    caption,
    channel_name,
    count_words,
    kept_words,
    kernel_words,
    measured_words,
    missing_words,
    part_words,
    readout,
    remark,
    stage_words,
)
from .svg import Drawing

__all__ = ["ConvolutionMasks"]


class ConvolutionMasks(ChartStepper):
    """What a pixel sees through the layers of a model: first the kernel with its mask, then its field after each layer.

    The last step compares the field that the masks allow with the one measured on the model, with its weights.

    Args:
        model: a `PixelCNN`, `GatedPixelCNN` or `PixelCNNpp` of at most 32 rows and columns.
        pixel: (row, column) counted from 0 as array indices are; in words, rows and columns count from 1. The middle
            of the image unless given.
        channel: of the pixel, from 0; the last unless given.
        start: the step to begin with.

    Raises:
        TypeError: another model.
        ValueError: too large an image, or a pixel, channel or step that does not exist.

    Source: A. van den Oord, N. Kalchbrenner, K. Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016; A. van den Oord,
        N. Kalchbrenner, O. Vinyals, L. Espeholt, A. Graves, K. Kavukcuoglu, "Conditional Image Generation with
        PixelCNN Decoders", 2016 (the blind spot).

    >>> from armodels_lite import PixelCNN
    >>> masks = ConvolutionMasks(PixelCNN((1, 5, 5), channels=4, layers=2, kernel_size=3), start=2)
    >>> masks.sentences(masks.frame(2))[0]
    'Layer 2: pixel 13 sees 11 of the 12 pixels before it (7 new). Hatched: pixel 10 lies in the blind spot, no ...'
    """

    def __init__(
        self,
        model: ConvolutionalModel,
        pixel: Sequence[int] | None = None,
        channel: int | None = None,
        *,
        start: int = 0,
    ) -> None:
        self.walked = Walked(model)
        self.place = self._first = checked_place(pixel, channel, self.walked.shape)
        self._make_controls()
        options = [self._row, self._column]
        super().__init__(
            2,
            last=self.walked.last,
            start=start,
            options=[*options, self._channel] if self.walked.shape[0] > 1 else options,
            interval=1500,
            readouts=[readout(self.frame(step)) for step in range(self.walked.last + 1)],
        )
        # What is chosen here makes the picture: it stands above. Words differ in length: the controls stay in place.
        views, playback, choices = self.children
        self.children = (choices, views, playback)
        self._words.layout.min_height = "9em"
        for control in (self._row, self._column, self._channel):
            self.react(control, self._move)

    def _make_controls(self) -> None:
        depth, height, width = self.walked.shape
        channel, row, column = self.place

        def counted(size: int) -> list[tuple[str, int]]:
            return [(str(k + 1), k) for k in range(size)]

        self._row = dropdown("row", "The row of the pixel", counted(height), row)
        self._column = dropdown("column", "The column of the pixel", counted(width), column)
        names = [(channel_name(k, depth), k) for k in range(depth)]
        self._channel = dropdown("channel", "The channel of the pixel", names, channel)

    def _move(self, _: Any) -> None:
        if not self._settling:
            self.place = self._channel.value, self._row.value, self._column.value

    def restart(self) -> None:
        with self._quiet():
            self._channel.value, self._row.value, self._column.value = self.place = self._first

    def redraw(self) -> None:
        if not self._settling:
            super().redraw()

    def __repr__(self) -> str:
        return f"MaskStepper({self.controls.label} {self.step} of {self.last})"

    # -- what the shell asks for ---------------------------------------------------------------------------------

    def frame(self, step: int) -> FieldFrame:
        return FieldFrame(self.walked, self.place, step)

    def drawings(self, frame: FieldFrame) -> list[Drawing]:
        if frame.kind == "measured":
            return [measured_drawing(frame, graph=True), measured_drawing(frame)]
        return [kernel_drawing(frame), image_drawing(frame)]

    def strip_drawings(self, frame: FieldFrame) -> list[Drawing]:
        """The kernel at first, then the image."""
        if frame.kind == "kernel":
            return [kernel_drawing(frame, COMPACT)]
        if frame.kind == "measured":
            return [measured_drawing(frame, COMPACT)]
        return [image_drawing(frame, COMPACT)]

    def sentences(self, frame: FieldFrame) -> list[str]:
        if frame.kind == "kernel":
            return [kernel_words(frame), remark(frame)]
        if frame.kind == "measured":
            return [measured_words(frame), remark(frame)]
        told = [stage_words(frame), missing_words(frame)]
        more = [count_words(frame), part_words(frame), kept_words(frame)]
        return [" ".join(filter(None, told)), " ".join(filter(None, more)), remark(frame)]

    def caption(self, frame: FieldFrame) -> str:
        return caption(frame)

    def strip_steps(self) -> list[int]:
        """The kernel, the fields after the first, third and last layer; of shallow models the measurement too."""
        deepest = self.last - 1
        steps = sorted({0, 1, min(3, deepest), deepest})
        return steps if len(steps) == 4 else [*steps, self.last]
