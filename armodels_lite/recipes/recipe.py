"""What a named training is: which model, on which data, with which numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

from ..base import Model

__all__ = ["Recipe"]


@dataclass(frozen=True)
class Recipe:
    """One training.

    Attributes:
        name: of the recipe and of its checkpoint.
        about: the model in a few words.
        data: name of the data set, for `ar.load`.
        model: builds the untrained model; its weights are drawn from torch's global random state.
        training: keyword arguments of `ar.fit`.
        options: further arguments of `ar.load`.
        seed: of the first weights and of the training.
        published: what the literature reports for such a model, with its source; "" where there is nothing.
    """

    name: str
    about: str
    data: str
    model: Callable[[], Model]
    training: Mapping[str, object]
    options: Mapping[str, object] = field(default_factory=dict)
    seed: int = 0
    published: str = ""

    def untrained(self) -> Model:
        """The model before training: the same weights each time, the global random state left as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return self.model()
