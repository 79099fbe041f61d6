"""The named trainings behind the checkpoints that ship: which model, on which data, with which numbers.

A recipe is all that `armodels train --recipe NAME` needs; `checkpoints.py` runs it. Each was chosen on validation
data, but for those in `gpu.py` and those of Fashion-MNIST.
"""

from __future__ import annotations

from .applications import APPLICATION_RECIPES
from .defence import DEFENCE_RECIPES
from .digits import DIGITS_RECIPES
from .gpu import GPU_RECIPES
from .mnist import MNIST_RECIPES
from .recipe import Recipe
from .sequences import SEQUENCE_RECIPES

__all__ = ["RECIPES", "Recipe", "find_recipe"]

_LISTED = (
    *MNIST_RECIPES,
    *DIGITS_RECIPES,
    *APPLICATION_RECIPES,
    *DEFENCE_RECIPES,
    *SEQUENCE_RECIPES,
    *GPU_RECIPES,
)

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in _LISTED}


def find_recipe(name: str) -> Recipe:
    """The recipe of that name; raises ValueError, listing the names, when there is none."""
    if name not in RECIPES:
        raise ValueError(f"no recipe {name!r}; there are: {', '.join(RECIPES)}")
    return RECIPES[name]
