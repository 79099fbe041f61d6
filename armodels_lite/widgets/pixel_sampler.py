"""Sampling an image pixel by pixel, for any autoregressive image model: watch it, step it, paint into it.

On the left the image so far; beside it, for each pixel, the probability with which it was drawn; then the current
draw: the uniform number against the probability. A painted pixel keeps its value, and the model goes on from there.
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import ipywidgets
from matplotlib.figure import Figure
from torch import Tensor

from ..chain import AutoregressiveModel
from ..plots import colour_table, frame_strip
from .grid import PixelGrid
from .one_event import next_seed
from .sampler_state import Frame, SamplerState
from .sampler_view import CHART_WIDTH, Look, chart, image_pixels, mean_pixels, sentence
from .stepper import Stepper

__all__ = ["PixelSampler"]


class PixelSampler(Stepper):
    """A widget that draws one image of a model, a variable a step.

    Args:
        model: an autoregressive model of images with one or three channels.
        noise, seed, context, temperature, image_shape: see `SamplerState`.
        start_step: the step to begin with.
        class_names: names for the classes of a class-conditional model; their numbers unless given.
        value_range: values shown white and black; 0 and the highest level, or 0 and 1, unless given.
        size: CSS pixels that each picture may take.
        interval: milliseconds a step while playing; unless given, such that a whole image takes 12 seconds or less.

    Raises:
        TypeError, ValueError: the model draws no images, or an argument does not fit it.

    >>> import armodels_lite as ar
    >>> sampler = PixelSampler(ar.FVSBN((1, 8, 8)))
    >>> sampler.step = 12
    >>> sampler
    PixelSampler(1 x 8 x 8, step 12 of 64)
    """

    def __init__(
        self,
        model: AutoregressiveModel,
        *,
        noise: Tensor | None = None,
        seed: int = 0,
        context: int | Tensor | None = None,
        temperature: float = 1.0,
        start_step: int = 0,
        image_shape: Sequence[int] | None = None,
        class_names: Sequence[str] | None = None,
        value_range: tuple[float, float] | None = None,
        size: int = 252,
        interval: int | None = None,
    ) -> None:
        self.state = SamplerState(
            model,
            noise=noise,
            seed=seed,
            context=context,
            temperature=temperature,
            image_shape=image_shape,
        )
        self.look = Look(model, value_range)
        channels, height, width = self.state.shape
        if interval is None:
            interval = max(15, min(200, 12000 // self.state.total))
        self.image = PixelGrid(height, width, editable=True, size=size)
        self.heat = PixelGrid(height, width, size=size)
        self.image.on_edit(self._edited)
        self._why = ipywidgets.HTML()
        self._legend = ipywidgets.HTML(self._colour_bar())
        self._words = ipywidgets.HTML()
        self._stroke: list[float] = []  # the values that dragging goes on with
        views = [
            _panel("Image so far", self.image, ipywidgets.HTML(self._paint_hint()), width=size),
            _panel(self.look.heat_title, self.heat, self._legend, width=size),
            _panel("This step", self._why, self._words, width=CHART_WIDTH),
        ]
        super().__init__(
            views,
            last=self.state.total,
            start=start_step,
            options=self._make_options(class_names),
            jump=channels * width,
            interval=interval,
        )

    # -- what the shell asks for ---------------------------------------------------------------------------------

    def draw(self, step: int) -> None:
        frame = self.state.go(step)
        words = sentence(frame, self.look, self.state.total)
        mark = (
            -1
            if frame.current is None
            else frame.current.position % (self.image.rows * self.image.columns)
        )
        known = int(frame.known.sum())
        self.image.show(
            image_pixels(frame, self.look),
            mark=mark,
            flags=frame.painted.any(0),
            label=f"Image so far: {known} of {self.state.total} variables known",
        )
        self.heat.show(
            mean_pixels(frame, self.look), mark=mark, label=f"{self.look.heat_title}, as colours"
        )
        self._why.value = chart(frame, self.look)
        self._words.value = self._text(words, frame)

    def restart(self) -> None:
        self.state.clear()
        self.state.restart()

    # -- static frames -------------------------------------------------------------------------------------------

    def strip(self, steps: Sequence[int] | None = None) -> Figure:
        """The image and its probabilities at some steps, side by side, for a page without a kernel.

        Args:
            steps: five steps from first to last unless given.

        Returns:
            A matplotlib Figure, for `plots.show(sampler.strip(), alt)`.

        Raises:
            ValueError: no steps, or one that does not exist.
        """
        last = self.state.total
        steps = [round(last * share / 4) for share in range(5)] if steps is None else list(steps)
        frames = [self.state.frame(self._checked(step)) for step in steps]
        pixels = self.image.rows * self.image.columns
        marks = [frame.current.position % pixels if frame.current else None for frame in frames]
        rows = {
            "image so far": [image_pixels(frame, self.look) for frame in frames],
            "p(x = 1), dark is 1" if self.look.binary else "mean, dark is high": [
                mean_pixels(frame, self.look) for frame in frames
            ],
        }
        return frame_strip(rows, [f"step {step}" for step in steps], marks=marks)

    # -- the controls below the slider ---------------------------------------------------------------------------

    def _make_options(self, class_names: Sequence[str] | None) -> list[ipywidgets.Widget]:
        state = self.state
        noise = ipywidgets.Button(
            description="New noise", tooltip="Draw with other uniform numbers"
        )
        self.on_click(noise, lambda: state.renew(next_seed(state.seed)))
        clear = ipywidgets.Button(
            description="Clear paint", tooltip="Take back every painted pixel"
        )
        self.on_click(clear, state.clear)
        temperature = ipywidgets.FloatSlider(
            state.temperature,
            min=min(0.1, state.temperature),
            max=max(2.0, state.temperature),
            step=0.05,
            description="temperature",
            tooltip="Below 1 sharpens every probability, above 1 flattens it",
            continuous_update=False,
            style={"description_width": "initial"},
        )
        self.react(temperature, state.set_temperature)
        options: list[ipywidgets.Widget] = [noise, clear, temperature]
        if state.model.num_classes is not None:
            options.append(self._class_dropdown(class_names))
        self._brush = self._make_brush()
        if self._brush is not None:
            options.append(self._brush)
        return options

    def _class_dropdown(self, class_names: Sequence[str] | None) -> ipywidgets.Dropdown:
        count = self.state.model.num_classes
        names = [str(k) for k in range(count)] if class_names is None else list(class_names)
        if len(names) != count:
            raise ValueError(f"class_names has {len(names)} entries for {count} classes")
        dropdown = ipywidgets.Dropdown(
            options=[(name, k) for k, name in enumerate(names)],
            value=int(self.state.context),
            description="class",
            tooltip="The class that the image is drawn for",
        )
        self.react(dropdown, self.state.set_context)
        return dropdown

    def _make_brush(self) -> ipywidgets.Widget | None:
        """What a click paints with; a binary pixel is flipped and needs none."""
        if self.state.shape[0] == 3:
            return ipywidgets.ColorPicker(value="#d55e00", description="paint with", concise=False)
        if self.look.binary:
            return None
        if self.look.levels is not None:
            top = self.look.levels - 1
            return ipywidgets.IntSlider(top, min=0, max=top, description="paint with")
        low, high = self.look.low, self.look.high
        return ipywidgets.FloatSlider(
            high, min=low, max=high, step=(high - low) / 100, description="paint with"
        )

    def _brush_values(self, pixel: int) -> list[float]:
        """One value for each channel: what a click on this pixel gives it."""
        if isinstance(self._brush, ipywidgets.ColorPicker):
            shares = [int(self._brush.value[i : i + 2], 16) / 255 for i in (1, 3, 5)]
            values = [self.look.low + share * (self.look.high - self.look.low) for share in shares]
            return [round(v) for v in values] if self.look.levels is not None else values
        if self._brush is not None:
            return [self._brush.value]
        return [1.0 - self.state.frame().values.flat[pixel]]

    def _edited(self, pixel: int, action: str) -> None:
        """A pixel was clicked, dragged over, or erased."""
        with self.reporting():
            self.state.positions(pixel)  # there is such a pixel
            if action == "erase":
                self.state.erase(pixel)
            else:
                if action == "flip" or not self._stroke:
                    self._stroke = self._brush_values(pixel)
                self.state.paint(pixel, self._stroke)
        self.redraw()

    # -- texts ---------------------------------------------------------------------------------------------------

    def _text(self, words: str, frame: Frame) -> str:
        noise = "given noise" if self.state.seed is None else f"noise of seed {self.state.seed}"
        # An equation is not broken at the end of a line.
        words = html.escape(words).replace(" = ", "&nbsp;=&nbsp;")
        so_far = f"log p of the {frame.step} drawn so far:&nbsp;{frame.log_prob:.2f}&nbsp;nats"
        return f'<div>{words}</div><div class="armodels-quiet">{so_far}; {noise}</div>'

    def _paint_hint(self) -> str:
        what = "flip it" if self.look.binary else "paint it"
        return (
            f'<span class="armodels-quiet">Click a pixel to {what}, shift and click to undo. '
            "Keys: arrows, enter, delete.</span>"
        )

    def _colour_bar(self) -> str:
        if self.state.shape[0] == 3:
            return '<span class="armodels-quiet">Hatched: not known yet.</span>'
        stops = ", ".join(
            "rgb({}, {}, {})".format(*rgb) for rgb in colour_table("probability")[::51]
        )
        bar = (
            f'<span style="display: inline-block; width: 90px; height: 12px; border: 1px solid #808080; '
            f'vertical-align: middle; background: linear-gradient(to right, {stops})"></span>'
        )
        scale = f"{self.look.low:g} {bar} {self.look.high:g}"
        return f'<span class="armodels-quiet">{scale}, hatched: not known yet.</span>'

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.state.shape))
        return f"{type(self).__name__}({shape}, {self.controls.label} {self.step} of {self.last})"


def _panel(title: str, *content: ipywidgets.Widget, width: int) -> ipywidgets.VBox:
    head = ipywidgets.HTML(f'<span class="armodels-title">{html.escape(title)}</span>')
    panel = ipywidgets.VBox([head, *content], layout=ipywidgets.Layout(width=f"{width + 4}px"))
    return panel.add_class("armodels-panel")
