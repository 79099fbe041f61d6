"""The shell of widgets that show charts with words below: a step is a frame of numbers, a frame is drawn and told."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ipywidgets

from .stepper import Stepper
from .svg import Drawing, Strip, strip, text_width

__all__ = ["ChartStepper"]


class ChartStepper(Stepper):
    """Charts side by side, sentences below them, the controls last.

    A subclass says what the numbers are at a step (`frame`) and how they are drawn and told (`drawings`, `sentences`,
    `caption`), all without changing anything; and what the static strip shows (`strip_steps`, or `strip_frames`
    where a step alone does not say it).

    Args:
        charts: how many drawings a frame has.
        before: widgets that stand left of them.
        options: see `Stepper`, as all other arguments.
    """

    def __init__(
        self, charts: int, *, before: Sequence[ipywidgets.Widget] = (), **options: Any
    ) -> None:
        self._charts = [ipywidgets.HTML() for _ in range(charts)]
        self._words = ipywidgets.HTML()
        row = ipywidgets.HBox([*before, *self._charts]).add_class("armodels-views")
        super().__init__([ipywidgets.VBox([row, self._words])], **options)

    # -- what a widget says --------------------------------------------------------------------------------------

    def frame(self, step: int) -> Any:
        """The numbers at this step."""
        raise NotImplementedError

    def drawings(self, frame: Any) -> Sequence[Drawing]:
        """One drawing for each chart."""
        raise NotImplementedError

    def sentences(self, frame: Any) -> Sequence[str]:
        """What is to be seen, in words and numbers; the first paragraph says it all, later ones explain."""
        raise NotImplementedError

    def told(self, frame: Any) -> list[str]:
        """Paragraphs below a frame of the strip: the first sentence unless a subclass says otherwise."""
        return [self.sentences(frame)[0]]

    def caption(self, frame: Any) -> str:
        """A few words above a frame of the strip."""
        raise NotImplementedError

    def strip_steps(self) -> Sequence[int]:
        """The steps of the strip unless others are asked for."""
        return sorted({0, self.last // 2, self.last})

    def strip_frames(self) -> Sequence[Any]:
        """The frames of the strip unless steps are asked for."""
        return [self.frame(step) for step in self.strip_steps()]

    def strip_drawings(self, frame: Any) -> Sequence[Drawing]:
        """What the strip shows of a frame: all charts unless a subclass leaves some out."""
        return self.drawings(frame)

    # -- what follows --------------------------------------------------------------------------------------------

    _settling = False  # while controls follow one another

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """Inside this block controls change by consequence, not by choice: nothing follows from it yet."""
        self._settling, before = True, self._settling
        try:
            yield
        finally:
            self._settling = before

    def draw(self, step: int) -> None:
        frame = self.frame(step)
        pictures = [drawing.svg() for drawing in self.drawings(frame)]
        first, *others = (html.escape(words) for words in self.sentences(frame))
        for chart, picture in zip(self._charts, pictures, strict=True):
            chart.value = picture
        quiet = "".join(f'<div class="armodels-quiet">{words}</div>' for words in others)
        self._words.value = f"<div>{first}</div>{quiet}"

    def strip(self, steps: Sequence[int] | None = None) -> Strip:
        """The charts at some steps, side by side, for a page without a kernel; the widget stays where it is.

        Args:
            steps: a few telling frames unless given.

        Raises:
            ValueError: no steps, or one that does not exist.
        """
        if steps is None:
            frames = self.strip_frames()
        else:
            frames = [self.frame(self._checked(step)) for step in steps]
        captions = [self.caption(frame) for frame in frames]
        columns, alt = [], []
        for frame, caption in zip(frames, captions, strict=True):
            charts, told = list(self.strip_drawings(frame)), self.told(frame)
            width = max(chart.width for chart in charts)
            columns.append([*charts, paragraphs(told, width)])
            alt.append(f"{caption}: {' '.join(told)}")
        return strip(columns, captions, " ".join(alt))


def paragraphs(texts: Sequence[str], width: float) -> Drawing:
    """Text, broken at spaces where the width ends."""
    lines: list[str] = []
    for words in texts:
        line = ""
        # An equation is not broken at the end of a line.
        for word in words.replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}").split(" "):
            longer = f"{line} {word}" if line else word
            # Most letters are narrower than `text_width` allows for: a line of many may be a little longer.
            if line and text_width(longer, 13) > 1.1 * width:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    drawing = Drawing(width, 18 * len(lines) + 4, label=" ".join(texts))
    for number, line in enumerate(lines):
        drawing.text(2, 14 + 18 * number, line, anchor="start", size=13)
    return drawing
