"""Orderings of an image's pixels, drawn as paths: what is known around a pixel when its turn comes.

`ordering_state` counts, `ordering_view` draws; here are the words and the controls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import ipywidgets
import numpy as np

from .chart_stepper import ChartStepper
from .ordering_state import OrderFrame, Ordering, PixelOrder, image_shape
from .ordering_view import grid_drawing, known_chart
from .svg import Drawing

__all__ = ["OrderingWalk"]

STRIP_SIDE = 138  # pixels on the screen for a grid in the strip
LONGEST = 20  # characters of a name that fit above such a grid
SIDES = {(-1, 0): "above", (1, 0): "below", (0, -1): "on its left", (0, 1): "on its right"}
DESCRIPTIONS = {
    "raster": "Row by row from the top left, each row from left to right.",
    "reverse": "The raster ordering backwards, from the bottom right.",
    "spiral": "Clockwise along the border from the top left, then inwards ring by ring.",
    "hilbert": "Along Hilbert's curve, which fills one quarter of its square before the next.",
    "random": "A random order, drawn once and then the same for every image.",
}


# -- words ---------------------------------------------------------------------------------------------------------


def now_words(frame: OrderFrame) -> list[str]:
    """Which pixel is drawn, which of its neighbours are known and since when, where the previous pixel is."""
    order, step = frame.order, frame.step
    row, column = order.place(step)
    where = f"Step {step + 1} of {len(order)}: pixel in row {row + 1}, column {column + 1}."
    if step == 0:
        return [where, "It is the first: nothing is known."]
    ages, around = frame.ages, int(order.around[step])
    since = f", drawn {_joined(ages)} {_steps(ages[-1])} ago" if ages else ""
    known = {around: "all are", 0: "none is", 1: "1 is"}.get(len(ages), f"{len(ages)} are")
    return [
        where,
        f"Of its {around} neighbour{'s' if around > 1 else ''} {known} known{since}.",
        _previous(frame),
    ]


def _previous(frame: OrderFrame) -> str:
    (row, column), (r, c) = (frame.order.place(frame.step - k) for k in (0, 1))
    down, right = r - row, c - column
    if (down, right) in SIDES:
        return f"The previous pixel is the one {SIDES[down, right]}."
    if abs(down) == abs(right) == 1:
        return "The previous pixel touches it at a corner."
    parts = [
        f"{abs(count)} {name}{'s' if abs(count) > 1 else ''}"
        for count, name in ((down, "row"), (right, "column"))
        if count
    ]
    return f"The previous pixel is {' and '.join(parts)} away."


def order_words(order: PixelOrder) -> str:
    """What is true of the whole ordering: its jumps, how far apart neighbours are drawn, when they are known."""
    rows, columns = np.divmod(order.pixels, order.width)
    touching = int((abs(np.diff(rows)) + abs(np.diff(columns)) == 1).sum())
    moves = len(order) - 1
    how_often = (
        "always share a side"
        if touching == moves
        else f"share a side at {touching} of {moves} moves"
    )
    parts = [DESCRIPTIONS[order.kind]] if order.kind else []
    parts.append(f"Consecutive pixels {how_often}.")
    for axis, place in ((1, "row"), (0, "column")):
        gaps = abs(np.diff(order.ranks, axis=axis))
        if gaps.size:
            parts.append(f"Neighbours in a {place} are drawn {_apart(gaps)}.")
    half = len(order) // 2
    first, second = order.known[:half].mean(), order.known[half:].mean()
    parts.append(
        f"In the first half of the walk {first:.1f} neighbours are known on average, in the second {second:.1f}."
    )
    return " ".join(parts)


def _apart(gaps: np.ndarray) -> str:
    low, high = int(gaps.min()), int(gaps.max())
    if low == high:
        return f"{low} {_steps(low)} apart"
    return f"{low} to {high} steps apart, median {np.median(gaps):g}"


def _joined(numbers: Sequence[int]) -> str:
    *first, last = map(str, numbers)
    return f"{', '.join(first)} and {last}" if first else last


def _steps(count: int) -> str:
    return "step" if count == 1 else "steps"


def _checked_orderings(
    orderings: Sequence[str] | Mapping[str, Ordering],
) -> dict[str, Ordering]:
    """Name -> ordering; raises for anything else than some names or a mapping."""
    if isinstance(orderings, Mapping):
        chosen = dict(orderings)
    elif isinstance(orderings, str) or not isinstance(orderings, Sequence):
        raise TypeError(
            f"orderings must be a list of names or a mapping name -> ordering, got {orderings!r}"
        )
    else:
        chosen = {name: name for name in orderings if isinstance(name, str)}
        if len(chosen) != len(orderings):
            raise ValueError(
                "orderings in a list must be different names; a permutation needs a name, as in "
                f"{{'mine': permutation}}; got {orderings!r}"
            )
    if not chosen or not all(
        isinstance(name, str) and 1 <= len(name) <= LONGEST for name in chosen
    ):
        raise ValueError(
            f"orderings must have names of 1 to {LONGEST} characters, at least one, got {list(chosen)!r}"
        )
    return chosen


# -- the widget ----------------------------------------------------------------------------------------------------


class OrderingWalk(ChartStepper):
    """A walk through an image's pixels in a chosen ordering. Step t draws the pixel after t others, t = 0..T-1.

    In words, steps, rows and columns count from 1. Another ordering keeps the step, or, where "same pixel" is
    ticked, goes to the step at which it draws the current pixel.

    Args:
        event_shape: (C, H, W) with H and W up to 32. The walk is over the T = H*W pixels, because an ordering keeps
            the channels of a pixel together.
        orderings: names as in `make_ordering`, or a mapping from names of one's own to such names or permutations
            of 0..C*H*W-1.
        start: the step to begin with.

    Raises:
        TypeError: orderings is no list and no mapping.
        ValueError: the event is no image or too large, an ordering is unknown, or start is no step.

    Source: for pixels in raster order A. van den Oord, N. Kalchbrenner and K. Kavukcuoglu, Pixel Recurrent Neural
    Networks (2016).

    >>> walk = OrderingWalk((1, 4, 4), ["raster", "spiral"], start=9)
    >>> walk.sentences(walk.frame(9))[0]
    'Step 10 of 16: pixel in row 3, column 2. Of its 8 neighbours 4 are known, drawn 1, 3, 4 and 5 steps ago. The ...'
    >>> walk.choose("spiral", same_pixel=True)
    >>> walk.step
    15
    """

    def __init__(
        self,
        event_shape: Sequence[int] = (1, 8, 8),
        orderings: Sequence[str] | Mapping[str, Ordering] = (
            "raster",
            "reverse",
            "spiral",
            "hilbert",
            "random(0)",
        ),
        *,
        start: int = 0,
    ) -> None:
        chosen = _checked_orderings(orderings)
        shape = image_shape(event_shape)
        self.orders = {name: PixelOrder(name, value, shape) for name, value in chosen.items()}
        self.order = self._first = next(iter(self.orders.values()))
        self._about = {name: order_words(order) for name, order in self.orders.items()}
        self._dropdown = ipywidgets.Dropdown(
            options=list(self.orders),
            description="ordering",
            tooltip="In which order the pixels are drawn",
            style={"description_width": "initial"},
            layout={"width": "max-content"},
        )
        self._same_pixel = ipywidgets.Checkbox(
            description="same pixel",
            tooltip="Another ordering goes to the step at which it draws this pixel, not to the same step",
            indent=False,
            layout={"width": "max-content"},
        )
        count = len(self.order)
        super().__init__(
            2,
            last=count - 1,
            start=start,
            options=[self._dropdown, self._same_pixel],
            jump=shape[2],
            readouts=[f"step {step} of {count}" for step in range(1, count + 1)],
        )
        self.react(self._dropdown, self._set_order)

    def _set_order(self, name: str) -> None:
        place = self.order.place(self.step)
        self.order = self.orders[name]
        if self._same_pixel.value:
            self.step = int(self.order.ranks[place])

    def choose(self, name: str, *, same_pixel: bool | None = None) -> None:
        """What the dropdown does; `same_pixel` ticks or clears the box first. ValueError for an unknown name."""
        if not isinstance(name, str) or name not in self.orders:
            raise ValueError(f"orderings here are {', '.join(self.orders)}, got {name!r}")
        if same_pixel is not None:
            self._same_pixel.value = same_pixel
        self._dropdown.value = name

    def restart(self) -> None:
        self._same_pixel.value = False
        self._dropdown.value = self._first.name

    def frame(self, step: int) -> OrderFrame:
        return OrderFrame(self.order, step)

    def drawings(self, frame: OrderFrame) -> list[Drawing]:
        return [grid_drawing(frame), known_chart(frame)]

    def sentences(self, frame: OrderFrame) -> list[str]:
        order = frame.order
        channels = order.event_shape[0]
        together = (
            f" The {channels} channels of a pixel are drawn one after the other, so the walk is over pixels."
            if channels > 1
            else ""
        )
        return [
            " ".join(now_words(frame)),
            self._about[order.name],
            f"Over all steps the mean is {order.known.mean():.2f} for every ordering: each pair of neighbours counts "
            "once, when the later of the two is drawn. Orderings differ in when, and on which side, neighbours are "
            "known. The context of a pixel is all that is drawn before it, not its neighbours alone. "
            f"Rows and columns count from 1.{together}",
        ]

    def caption(self, frame: OrderFrame) -> str:
        return frame.order.name

    def strip_frames(self) -> list[OrderFrame]:
        """One pixel, a little above the middle, when its turn comes in each ordering."""
        height, width = self.order.ranks.shape
        place = (height - 1) // 3, (width - 1) // 2
        return [OrderFrame(order, int(order.ranks[place])) for order in self.orders.values()]

    def strip_drawings(self, frame: OrderFrame) -> list[Drawing]:
        """The grid alone, small enough for five side by side."""
        return [grid_drawing(frame, STRIP_SIDE)]

    def told(self, frame: OrderFrame) -> list[str]:
        return now_words(frame)
