"""Drawings of models: who depends on whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .style import FRAME, QUIET, WIDTH, in_style, new_figure

__all__ = ["chain_graph", "unrolled"]

PARTS = ("#CFE3F2", "#F3D9C4", "#D5EBDD")  # fills that differ in greyscale, too


@in_style
def chain_graph(labels: Sequence[str], *, width: float = 6.5) -> Figure:
    """Variables in a row, an arrow from each to every later one: the chain rule without any independence.

    Args:
        labels: what stands in the circles, in drawing order; mathematics between dollar signs.

    Raises:
        ValueError: fewer than two labels.
    """
    if len(labels) < 2:
        raise ValueError(f"a chain needs at least two variables, got {len(labels)}")
    figure, axes = new_figure(width=width, height=2.3)
    ax = axes[0, 0]
    arrow = {"arrowstyle": "-|>", "connectionstyle": "arc3,rad=-0.45", "facecolor": "black"}
    for start in range(len(labels)):
        for end in range(start + 1, len(labels)):
            ends = {"xy": (end, 0.13), "xytext": (start, 0.13)}
            ax.annotate("", **ends, arrowprops={**arrow, "shrinkA": 6, "shrinkB": 6})
    for place, label in enumerate(labels):
        box = {"boxstyle": "circle", "facecolor": "white"}
        ax.text(place, 0, label, ha="center", va="center", fontsize=15, bbox=box)
    ax.set(xlim=(-0.4, len(labels) - 0.6), ylim=(-0.25, 0.28 * (len(labels) - 1) + 0.2))
    ax.axis("off")
    return figure


@in_style
def unrolled(
    inputs: Sequence[str | None],
    outputs: Sequence[str | None],
    *,
    parts: Mapping[str, int] | None = None,
    drawn: bool = False,
    width: float = WIDTH,
) -> Figure:
    """A recurrent network unrolled in time: a state a step, its input below and its output above where it has one.

    Args:
        inputs, outputs: for each step what stands below and above its state; None where there is nothing.
        parts: name -> number of steps; the states of a part share a colour, and its name stands above them.
            They are as many as the steps together.
        drawn: a dashed arrow leads from each output to the input of the next step, where both are there: what was drawn
            is read.
        width: inches.

    Raises:
        ValueError: fewer than two steps, other numbers of outputs or of steps in the parts.
    """
    count = len(inputs)
    parts = {"": count} if parts is None else dict(parts)
    if count < 2 or len(outputs) != count or sum(parts.values()) != count:
        raise ValueError(
            f"unrolled needs at least two steps, and outputs and parts for each: got {count} inputs, "
            f"{len(outputs)} outputs and parts of {sum(parts.values())} steps"
        )
    figure, axes = new_figure(width=width, height=2.5)
    ax = axes[0, 0]
    fills = [fill for fill, steps in zip(PARTS, parts.values(), strict=False) for _ in range(steps)]
    for step, (below, above) in enumerate(zip(inputs, outputs, strict=True)):
        if step:
            _arrow(ax, (step - 1, 1), (step, 1))
        if below is not None:
            _arrow(ax, (step, 0), (step, 1))
        if above is not None:
            _arrow(ax, (step, 1), (step, 2))
        if drawn and step and inputs[step] is not None and outputs[step - 1] is not None:
            _arrow(ax, (step - 1, 2), (step, 0), linestyle=(0, (3, 2)))
    for step, (below, above) in enumerate(zip(inputs, outputs, strict=True)):
        for place, label, fill in ((0, below, "white"), (2, above, "white"), (1, " ", fills[step])):
            if label is not None:
                box = {"boxstyle": "round,pad=0.4", "facecolor": fill, "edgecolor": FRAME}
                ax.text(step, place, label, ha="center", va="center", fontsize=11, bbox=box)
    start = 0
    for name, steps in parts.items():
        ax.text(start - 0.3, 2.45, name, ha="left", va="bottom", fontsize=11, color=QUIET)
        start += steps
    ax.set(xlim=(-0.6, count - 0.4), ylim=(-0.4, 2.8 if any(parts) else 2.4))
    ax.axis("off")
    return figure


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], **style: Any) -> None:
    look = {"arrowstyle": "-|>", "facecolor": "black", "shrinkA": 15, "shrinkB": 15, **style}
    ax.annotate("", xy=end, xytext=start, arrowprops=look)
