"""Drawings of graphical models."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from .style import in_style, new_figure

__all__ = ["chain_graph"]


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
