"""Dilated causal convolutions, as WaveNet has them: what lies behind one output, and how queues make sampling fast.

`tree_state` counts, `tree_view` draws, `tree_words` tells; here are the controls.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets

from ..models.wavenet import WaveNet
from .chart_stepper import ChartStepper
from .dropdowns import dropdown
from .svg import Drawing
from .tree_state import (
    KERNELS,
    LENGTHS,
    MODES,
    QUEUES,
    TREE,
    TreeFrame,
    checked_count,
    checked_dilations,
    of_model,
)
from .tree_view import tree_drawing
from .tree_words import (
    FORMULA,
    field_words,
    memory_words,
    node_words,
    queue_words,
    reach_words,
    walk_words,
    work_words,
)

__all__ = ["DilationTree"]

PLAIN, DOUBLING, STACKS = (1, 1, 1, 1), (1, 2, 4, 8), (1, 2, 4, 1, 2, 4)
TRIPLING = (1, 3, 9)
PRESETS = {
    PLAIN: "1, 1, 1, 1 (plain)",
    DOUBLING: "1, 2, 4, 8",
    STACKS: "1, 2, 4, 1, 2, 4 (two stacks)",
    TRIPLING: "1, 3, 9 (for kernel 3)",
    (1, 4): "1, 4 (leaves gaps)",
}
AHEAD = 4  # steps after the one predicted at first, for queues to move on to


class DilationTree(ChartStepper):
    """A stack of dilated causal convolutions: the tree behind one prediction, or the queues of fast generation.

    As a tree, a step of the walk goes down by one layer; the last one is the shift from the inputs to the values. With
    queues, a step is a step of time.

    Args:
        dilations: of 1 to 8 layers, each from 1 to 128, the first layer's first; (1, 2, 4, 8) unless given.
        kernel_size: taps K of every layer, 2 to 4; 2 unless given.
        length: T, steps that are shown, 8 to 40; with a model at most its own T.
        step: t, the step whose value is predicted at first, 1 to T; T - 4 unless given.
        model: a `WaveNet`, whose dilations and kernel size are shown instead.
        start: the step of the walk to begin with.

    Raises:
        TypeError: a model that is no WaveNet.
        ValueError: a number outside these ranges, dilations or a kernel size beside a model, or a model too large.

    Source: A. van den Oord et al., "WaveNet: A Generative Model for Raw Audio", 2016; for the queues T. Le Paine et
    al., "Fast Wavenet Generation Algorithm", 2016.

    >>> tree = DilationTree()
    >>> tree.choose(t=20)
    >>> tree.sentences(tree.frame(tree.last))[0]
    'The input at a step is the value before it; x20 itself is not reached. x20 depends on x4 to x19, all 16 of them.'
    >>> tree.choose(mode="queues")
    >>> tree.sentences(tree.frame(tree.step))[0]
    'Step 20: 4 new nodes, one in each layer, from x19 and 4 entries read from the queues. Then each queue ...'
    """

    def __init__(
        self,
        dilations: Sequence[int] | None = None,
        kernel_size: int | None = None,
        length: int = 32,
        step: int | None = None,
        model: WaveNet | None = None,
        *,
        start: int = 0,
    ) -> None:
        self.length = checked_count("length", length, *LENGTHS)
        self._names = dict(PRESETS)
        if model is not None:
            if dilations is not None or kernel_size is not None:
                raise ValueError("give dilations and kernel_size, or a model that has both")
            self.dilations, self.kernel_size = of_model(model)
            self.length = min(self.length, model.num_variables)
            self._names[self.dilations] = f"{_spelled(self.dilations)} (the model)"
        else:
            self.dilations = checked_dilations(DOUBLING if dilations is None else dilations)
            self.kernel_size = checked_count(
                "kernel_size", 2 if kernel_size is None else kernel_size, *KERNELS
            )
            self._names.setdefault(self.dilations, _spelled(self.dilations))
        step = max(1, self.length - AHEAD) if step is None else step
        self.t = checked_count("step", step, 1, self.length)
        self.mode = TREE
        self._first = (self.dilations, self.kernel_size, self.t, self.mode)
        self._make_controls()
        super().__init__(
            1,
            last=self.frame(0).last,
            start=start,
            options=[self._mode, self._dilations, self._kernel, self._t],
            interval=1200,
            readouts=self._readouts(),
        )
        # What is chosen here makes the picture: it stands above. Words differ in length: the controls stay in place.
        views, playback, options = self.children
        self.children = (options, views, playback)
        self._words.layout.min_height = "9em"
        self.react(self._mode, lambda mode: self._chosen(mode=mode))
        self.react(self._dilations, lambda dilations: self._chosen(dilations=dilations))
        self.react(self._kernel, lambda size: self._chosen(kernel_size=size))
        self.react(self._t, lambda t: self._chosen(t=t))

    # -- controls ------------------------------------------------------------------------------------------------

    def _make_controls(self) -> None:
        self._mode = dropdown(
            "show", "The tree behind one prediction, or the queues of fast generation", MODES, TREE
        )
        self._dilations = dropdown(
            "dilations",
            "Dilation of each layer, the first layer's first",
            self._choices(),
            self.dilations,
        )
        kernels = sorted({2, 3, self.kernel_size})
        self._kernel = dropdown("kernel", "Taps K of every convolution", kernels, self.kernel_size)
        self._t = ipywidgets.IntSlider(
            self.t,
            min=1,
            max=self.length,
            description="step t",
            tooltip="The step whose value is predicted",
            style={"description_width": "initial"},
            layout={"width": "220px"},
        )

    def _choices(self) -> list[tuple[str, tuple[int, ...]]]:
        return [(name, dilations) for dilations, name in self._names.items()]

    def _chosen(self, **what: Any) -> None:
        """A control was used."""
        if not self._settling:
            if what.get("dilations") == TRIPLING:
                what["kernel_size"] = 3
            self._apply(**what)

    def choose(
        self,
        *,
        dilations: Sequence[int] | None = None,
        kernel_size: int | None = None,
        t: int | None = None,
        mode: str | None = None,
    ) -> None:
        """What the controls do: other layers, another step to predict, "tree" or "queues".

        A tree that was walked to its end stays so. From queues to the tree it is the whole tree of the same step.

        Raises:
            ValueError: dilations, a kernel size, a step or a mode that is not accepted; nothing is changed then.
        """
        self._apply(dilations, kernel_size, t, mode)
        self.redraw()

    def _apply(
        self,
        dilations: Sequence[int] | None = None,
        kernel_size: int | None = None,
        t: int | None = None,
        mode: str | None = None,
    ) -> None:
        """What is given, checked; the rest as it is."""
        if mode is not None and mode not in MODES:
            raise ValueError(f"mode must be {' or '.join(map(repr, MODES))}, got {mode!r}")
        now = self.frame(self.step)
        layers = now.dilations if dilations is None else checked_dilations(dilations)
        size = (
            now.kernel_size
            if kernel_size is None
            else checked_count("kernel_size", kernel_size, *KERNELS)
        )
        t = now.t if t is None else checked_count("t", t, 1, self.length)
        mode = now.mode if mode is None else mode
        end = len(layers) + 1
        if mode == QUEUES:
            step = t - 1
        else:
            step = end if now.step == now.last or now.mode == QUEUES else min(now.step, end)
        self._settle(layers, size, t, mode, step)

    def _settle(
        self, dilations: tuple[int, ...], kernel_size: int, t: int, mode: str, step: int
    ) -> None:
        """All controls as these say, and the walk at a step."""
        self.dilations, self.kernel_size, self.t, self.mode = dilations, kernel_size, t, mode
        last = self.frame(0).last
        with self._quiet(), self.controls.hold_sync():
            if dilations not in self._names:
                self._names[dilations] = _spelled(dilations)
                self._dilations.options = self._choices()
            if kernel_size not in self._kernel.options:
                self._kernel.options = sorted({*self._kernel.options, kernel_size})
            self._mode.value, self._dilations.value = mode, dilations
            self._kernel.value, self._t.value = kernel_size, t
            # With queues the walk itself goes from step to step.
            self._t.layout.display = "none" if mode == QUEUES else None
            self.controls.last = max(self.last, step)
            self.step = step
            self.controls.last = last
            self.controls.readouts = self._readouts()

    def redraw(self) -> None:
        if not self._settling:
            super().redraw()

    def restart(self) -> None:
        self._settle(*self._first, step=0)

    def _readouts(self) -> list[str]:
        if self.mode == QUEUES:
            return [f"step {t} of {self.length}" for t in range(1, self.length + 1)]
        layers = [f"layer {k}" for k in range(len(self.dilations), 0, -1)]
        return [*layers, "input", "values"]

    # -- what the shell asks for ---------------------------------------------------------------------------------

    def frame(self, step: int) -> TreeFrame:
        t = step + 1 if self.mode == QUEUES else self.t
        return TreeFrame(self.dilations, self.kernel_size, self.length, t, self.mode, step)

    def drawings(self, frame: TreeFrame) -> list[Drawing]:
        return [tree_drawing(frame)]

    def strip_drawings(self, frame: TreeFrame) -> list[Drawing]:
        """A drawing narrow enough for four frames side by side."""
        return [tree_drawing(frame, compact=True)]

    def sentences(self, frame: TreeFrame) -> list[str]:
        if frame.mode == QUEUES:
            return [queue_words(frame), work_words(frame), memory_words(frame)]
        end = f" {reach_words(frame)}" if frame.whole else ""
        return [
            walk_words(frame) + end,
            f"{field_words(frame, FORMULA)} {node_words(frame)} {work_words(frame)}",
            "An output of WaveNet adds up what all layers have at step t; those nodes are in the tree.",
        ]

    def told(self, frame: TreeFrame) -> list[str]:
        if frame.mode == QUEUES:
            return [queue_words(frame), work_words(frame)]
        if not frame.whole:
            return [walk_words(frame)]
        return [reach_words(frame), field_words(frame), node_words(frame)]

    def caption(self, frame: TreeFrame) -> str:
        if frame.mode == QUEUES:
            return f"queues at step {frame.t}"
        if not frame.whole:
            return f"down to layer {frame.lowest}" if frame.lowest else "down to the input"
        name = _spelled(frame.dilations)
        return name if len(name) <= 20 else f"{frame.layers} layers"

    def strip_frames(self) -> list[TreeFrame]:
        """Whole trees without dilation, with the widget's first dilations and with two stacks; and the queues."""
        own, kernel_size, t, _ = self._first
        if own in (PLAIN, STACKS):
            own = DOUBLING
        trees = [
            TreeFrame(dilations, kernel_size, self.length, t, TREE, len(dilations) + 1)
            for dilations in (PLAIN, own, STACKS)
        ]
        return [*trees, TreeFrame(own, kernel_size, self.length, t, QUEUES, t - 1)]


def _spelled(dilations: Sequence[int]) -> str:
    return ", ".join(map(str, dilations))
