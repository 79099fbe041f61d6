"""How far attacks of growing size move the likelihoods of images, and what a threshold makes of it.

`attack_state` counts, `attack_view` draws and tells; here are the controls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets

from .attack_state import ASKED, AttackTable, SizeFrame
from .attack_view import caption, histogram_chart, in_short, roc_chart, sentences
from .chart_stepper import ChartStepper
from .dropdowns import dropdown
from .svg import Drawing

__all__ = ["AttackSizes"]


class AttackSizes(ChartStepper):
    """Clean and attacked images by their likelihood, a detector's line between them, and its ROC curve.

    A step is a size of the attack; step 0 shows the clean images themselves. The detector calls attacked what has a
    rank p-value of at most 1, 2, 5, 10 or 20% among reference images. All numbers are given; no network is called.

    Args:
        reference: log-probabilities (N,) in nats of clean images that the density has not been trained on. The line
            comes from them.
        clean: a pair (log_probs, right) of M other clean images: their log-probabilities (M,) in nats, and bools (M,),
            whether the classifier gives the true label.
        attacks: name -> one such pair for each size, of the same M images in the same order, attacked. All M count:
            those that an attack leaves as they were, because it failed, count as attacked too.
        sizes: the names of the sizes, from the smallest: ("1/16", "2/16") for eps = 1/16 and 2/16. Size 0 is `clean`.
        num_variables: of an image, as in `model.num_variables`; the axis then shows bits/dim, else nats.
        attack: the one to begin with; the first unless given.
        asked: percent of false alarms asked for to begin with.
        start: the step to begin with.

    Arrays may be numpy's, torch's or lists.

    Raises:
        ValueError: arrays of other shapes or kinds, numbers that are not finite, or a choice that does not exist.

    Source: Y. Song, T. Kim, S. Nowozin, S. Ermon, N. Kushman, "PixelDefend: Leveraging Generative Models to Understand
    and Defend against Adversarial Examples", 2018.

    >>> import numpy as np
    >>> reference, clean = np.arange(-99.0, 0.0), np.arange(-99.0, 0.0, 2.0)
    >>> right = np.ones(50, dtype=bool)
    >>> attacks = {"PGD": [(clean - 30, ~right), (clean - 200, ~right)]}
    >>> widget = AttackSizes(reference, (clean, right), attacks, ("1/16", "2/16"), asked=10, start=1)
    >>> frame = widget.frame(1)
    >>> frame.threshold, frame.detected, frame.unnoticed
    (-90.0, Share(count=20, total=50), Share(count=30, total=50))
    """

    def __init__(
        self,
        reference: Any,
        clean: tuple[Any, Any],
        attacks: Mapping[str, Sequence[tuple[Any, Any]]],
        sizes: Sequence[str],
        *,
        num_variables: int | None = None,
        attack: str | None = None,
        asked: int = 5,
        start: int = 0,
    ) -> None:
        self.table = AttackTable(reference, clean, attacks, sizes, num_variables)
        names = list(self.table.attacks)
        attack = names[0] if attack is None else attack
        if attack not in names:
            raise ValueError(f"attack must be one of {', '.join(names)}, got {attack!r}")
        if type(asked) is not int or asked not in ASKED:
            raise ValueError(f"asked must be a percentage among {ASKED}, got {asked!r}")
        self.attack, self.asked = self._first = attack, asked
        self._attack = dropdown("attack", "How the images are attacked", names, attack)
        self._asked = ipywidgets.SelectionSlider(
            options=[(f"{percent}%", percent) for percent in ASKED],
            value=asked,
            description="false alarms asked for",
            tooltip="The share of clean images that may be called attacked; it sets the line",
            style={"description_width": "initial"},
            layout={"width": "360px"},
        )
        super().__init__(
            2,
            last=len(self.table.sizes) - 1,
            start=start,
            options=[self._attack, self._asked],
            label="size of the attack",
            readouts=["eps 0, clean", *(f"eps {size}" for size in self.table.sizes[1:])],
            interval=800,
        )
        self.react(self._attack, self._set_attack)
        self.react(self._asked, self._set_asked)

    def _set_attack(self, attack: str) -> None:
        self.attack = attack

    def _set_asked(self, asked: int) -> None:
        self.asked = asked

    def restart(self) -> None:
        self._attack.value, self._asked.value = self._first

    def frame(self, step: int) -> SizeFrame:
        return self.table.frame(self.attack, step, self.asked)

    def drawings(self, frame: SizeFrame) -> list[Drawing]:
        return [histogram_chart(frame, self.table), roc_chart(frame)]

    def strip_drawings(self, frame: SizeFrame) -> list[Drawing]:
        """Both charts, narrow enough for four side by side."""
        return [histogram_chart(frame, self.table, compact=True), roc_chart(frame, compact=True)]

    def sentences(self, frame: SizeFrame) -> list[str]:
        return sentences(frame, self.table)

    def told(self, frame: SizeFrame) -> list[str]:
        return [in_short(frame)]

    def caption(self, frame: SizeFrame) -> str:
        return caption(frame)

    def strip_frames(self) -> list[SizeFrame]:
        """Clean images; this attack at its largest; what gets through most often; the same with the most false alarms.

        Where this attack at its largest is what gets through most often, it is half as large first.
        """
        frame = self.table.frame
        through = [
            frame(attack, step, self.asked)
            for attack in self.table.attacks
            for step in range(1, self.last + 1)
        ]
        worst = max(through, key=lambda frame: frame.unnoticed.count)
        own_worst = (worst.attack, worst.step) == (self.attack, self.last)
        return [
            frame(self.attack, 0, self.asked),
            frame(self.attack, max(1, self.last // 2) if own_worst else self.last, self.asked),
            worst,
            frame(worst.attack, worst.step, ASKED[-1]),
        ]
