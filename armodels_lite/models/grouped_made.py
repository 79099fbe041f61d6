"""A MADE that draws several variables at a time: those of a group do not see each other.

Source of the idea: S. Reed, A. van den Oord, N. Kalchbrenner, S. Gomez Colmenarejo, Z. Wang, Y. Chen, D. Belov, N. de
Freitas, "Parallel Multiscale Autoregressive Density Estimation", 2017. Differs from the paper: one masked network for
all groups in place of a convolutional one for each, and any partition of the variables.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..arguments import sizes
from ..conditionals import Conditional
from ..masks import made_degrees
from .made import MADE

__all__ = ["GroupedMADE"]


class GroupedMADE(MADE):
    """p(x) = prod_g prod over t in group g of p(x_t | all groups before g): as many passes to sample as groups.

    The price is an assumption: given the groups before, the variables of a group are independent. With groups of one
    variable each this is a MADE, with a single group it is a product of independent variables.

    `ar.predictive_sample` draws in one pass more than there are groups, at most.

    Args:
        groups: sizes of the groups, in drawing order; they sum to T.
        event_shape, hidden, conditional, ordering, seed, direct, num_classes, context_shape: see `MADE`.

    Raises:
        ValueError: groups that are no positive ints or do not sum to T; see `MADE` for the rest.

    >>> model = GroupedMADE((4,), groups=[1, 3], hidden=(8,))
    >>> from armodels_lite import dependencies
    >>> dependencies(model, torch.zeros(1, 4)).int()              # row t: what p(x_t | ...) looks at
    tensor([[0, 0, 0, 0],
            [1, 0, 0, 0],
            [1, 0, 0, 0],
            [1, 0, 0, 0]], dtype=torch.int32)
    """

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        groups: Sequence[int],
        hidden: Sequence[int] = (500,),
        conditional: Conditional | None = None,
        ordering: str | Sequence[int] | Tensor = "raster",
        seed: int | None = None,
        direct: bool = False,
        num_classes: int | None = None,
        context_shape: Sequence[int] | None = None,
    ) -> None:
        self.groups = sizes("groups", groups)
        super().__init__(
            event_shape,
            hidden=hidden,
            conditional=conditional,
            ordering=ordering,
            seed=seed,
            direct=direct,
            num_classes=num_classes,
            context_shape=context_shape,
        )

    def _made_degrees(self, seed: int | None) -> tuple[list[Tensor], Tensor]:
        """An input's degree is the number of variables up to the end of its group: a unit of this degree is ready when
        the group is drawn. An output sees the units that were ready when its group began.
        """
        if sum(self.groups) != self.num_variables:
            raise ValueError(
                f"groups must sum to the {self.num_variables} variables, got {sum(self.groups)}"
            )
        size = torch.tensor(self.groups)
        ends = size.cumsum(0)
        group = torch.arange(len(size)).repeat_interleave(size)[self.rank]
        # Hidden units are spread over the groups as a MADE spreads them over variables, then take the groups' degrees.
        numbers = made_degrees(torch.arange(len(size)), self.hidden, seed)
        degrees = [ends[group], *(ends[number - 1] for number in numbers[1:])]
        return degrees, (ends - size)[group] + 1
