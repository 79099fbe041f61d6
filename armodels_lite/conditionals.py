"""The distribution of one variable, given the parameters that a network puts out for it.

A `Conditional` is the recipe: how many parameters a variable needs, which values it may take, how those
values are fed back into a network. Together with actual parameters it makes a `Distribution`
(`distributions.py`), which knows log-probabilities and turns uniform noise into values.

    >>> conditional = Categorical(levels=3)
    >>> dist = conditional.distribution(torch.tensor([[0.0, 0.0, 0.0]]))     # one variable, three logits
    >>> dist.draw(torch.tensor([0.5]))                                       # cdf is 1/3, 2/3, 1
    tensor([1])
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from . import distributions

__all__ = [
    "Bernoulli",
    "Categorical",
    "Conditional",
    "GaussianMixture",
    "LogisticMixture",
    "PiecewiseConstant",
]


class Conditional:
    """What every conditional offers. The attributes are constants of the recipe:

    - `num_params`: parameters of one variable, the size of the last axis that a network puts out;
    - `num_features`: numbers that represent one variable as a network's input;
    - `levels`: the number K of values of a discrete variable (0 to K-1), None for a continuous one;
    - `cardinalities`: where it differs between variables, the number of values of each; `levels` is the largest.
    """

    num_params: int
    num_features: int = 1
    levels: int | None = None
    cardinalities: tuple[int, ...] | None = None

    def __init__(self, **arguments: Any) -> None:
        self.arguments = arguments

    @property
    def discrete(self) -> bool:
        """True when the variable takes finitely many values."""
        return self.levels is not None

    def event_dtype(self, model_dtype: torch.dtype) -> torch.dtype:
        """The dtype that values must have in a model whose weights are `model_dtype`."""
        return model_dtype

    def distribution(self, params: Tensor) -> distributions.Distribution:
        """Distribution with batch shape `params.shape[:-1]` from params (..., num_params), any float dtype."""
        raise NotImplementedError

    def draw(self, params: Tensor, u: Tensor) -> Tensor:
        """`distribution(params).draw(u)`; where it pays, without making the distribution, for inner loops.

        A kind derived from one that does so overrides both or neither.
        """
        return self.distribution(params).draw(u)

    def initial_params(self) -> Tensor:
        """Parameters (num_params,) from which training starts well; models use them as output bias."""
        return torch.zeros(self.num_params)

    def features(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """Values (...,) as network input (..., num_features) of the given float dtype."""
        return x.to(dtype).unsqueeze(-1)

    def add_product_(self, out: Tensor, x: Tensor, weight: Tensor) -> None:
        """out += features(x) @ weight in place, the cheapest way: out (n, H), x (n,), weight (num_features, H)."""
        out.addcmul_(self.features(x, weight.dtype), weight)  # one feature: an outer product

    def check_values(self, x: Tensor, variables: Sequence[int] | None = None) -> None:
        """Raise ValueError when a value of x cannot occur, naming one that does not belong.

        `variables` says which ones the last axis of x holds, by flat position: it matters where variables differ in
        their number of levels. Without it, only what no variable can take is refused.
        """
        if not torch.isfinite(x).all():
            raise ValueError(f"{self!r} needs finite values, got {_first(x, ~torch.isfinite(x))}")

    def to_json(self) -> dict[str, Any]:
        """{"name": class name, "arguments": {...}}, the form in which a saved model keeps its conditional."""
        return {"name": type(self).__name__, "arguments": dict(self.arguments)}

    @staticmethod
    def from_json(data: dict[str, Any]) -> Conditional:
        """The inverse of `to_json`. Raises ValueError for an unknown name."""
        known = {
            cls.__name__: cls
            for cls in (Bernoulli, Categorical, GaussianMixture, LogisticMixture, PiecewiseConstant)
        }
        if data.get("name") not in known:
            raise ValueError(
                f"unknown conditional {data.get('name')!r}; known are {', '.join(known)}"
            )
        return known[data["name"]](**data["arguments"])

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.arguments.items())})"
        )

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.arguments == other.arguments

    def __hash__(self) -> int:
        return hash(repr(self))


class Bernoulli(Conditional):
    """A binary variable, stored as float 0 or 1. One parameter: the logit log p(1) - log p(0)."""

    num_params = 1
    levels = 2

    def distribution(self, params: Tensor) -> distributions.Bernoulli:
        return distributions.Bernoulli(params)

    def draw(self, params: Tensor, u: Tensor) -> Tensor:
        return distributions.draw_bit(distributions.at_least_float32(params).squeeze(-1), u)

    def check_values(self, x: Tensor, variables: Sequence[int] | None = None) -> None:
        wrong = (x != 0) & (x != 1)  # true for NaN as well
        if wrong.any():
            raise ValueError(f"Bernoulli variables are 0 or 1, got {_first(x, wrong)}")


class _Levels(Conditional):
    """Shared by the conditionals whose values are int64 levels 0..K-1."""

    def event_dtype(self, model_dtype: torch.dtype) -> torch.dtype:
        return torch.int64

    def check_values(self, x: Tensor, variables: Sequence[int] | None = None) -> None:
        wrong = (x < 0) | (x >= self.levels)
        if wrong.any():
            raise ValueError(f"{self!r} has levels 0 to {self.levels - 1}, got {_first(x, wrong)}")


class Categorical(_Levels):
    """An int64 level in 0..levels-1 with one free logit each. A network sees the level one-hot.

    Variables may differ: `Categorical((3, 2, 2))` gives the first of three variables 3 levels and the others 2. There
    are as many logits as the largest number of levels; -inf stands where a variable has no such level.

    >>> Categorical((3, 2, 2)).levels, Categorical((3, 2, 2)).cardinalities
    (3, (3, 2, 2))
    """

    def __init__(self, levels: int | Sequence[int]) -> None:
        if isinstance(levels, Sequence) and not isinstance(levels, str):
            levels = self.cardinalities = _cardinalities(levels)
            largest = max(levels)
        else:
            largest = _positive("levels", levels, at_least=2)
        super().__init__(levels=levels)
        self.levels = self.num_params = self.num_features = largest

    def distribution(self, params: Tensor) -> distributions.Categorical:
        return distributions.Categorical(params)

    def draw(self, params: Tensor, u: Tensor) -> Tensor:
        return distributions.draw_level(distributions.at_least_float32(params), u)

    def initial_params(self) -> Tensor:
        """Zeros (levels,). Raises ValueError for mixed cardinalities: no start is the same for every variable."""
        if self.cardinalities is not None:
            raise ValueError(
                f"{self!r} gives each variable its own number of levels, which only BayesNet takes; "
                f"accepted here is one number for all, such as ar.Categorical({self.levels})"
            )
        return super().initial_params()

    def check_values(self, x: Tensor, variables: Sequence[int] | None = None) -> None:
        super().check_values(x)
        if self.cardinalities is None or variables is None:
            return
        limits = torch.tensor([self.cardinalities[v] for v in variables], device=x.device)
        wrong = x >= limits
        if wrong.any():
            column = int(wrong.nonzero()[0, -1])
            variable, value = variables[column], _first(x[..., column], wrong[..., column])
            raise ValueError(
                f"variable {variable} has levels 0 to {self.cardinalities[variable] - 1}, got {value}"
            )

    def features(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """One-hot (..., K). A float between two levels (`relaxed_log_prob`) is a mixture of their vectors."""
        if not x.is_floating_point():
            return F.one_hot(x, self.levels).to(dtype)
        lower = x.detach().floor().clamp(max=self.levels - 2)
        share = (x - lower).unsqueeze(-1).to(dtype)
        vectors = F.one_hot(torch.stack([lower, lower + 1]).long(), self.levels).to(dtype)
        return (1 - share) * vectors[0] + share * vectors[1]

    def add_product_(self, out: Tensor, x: Tensor, weight: Tensor) -> None:
        out += weight[x]  # a one-hot vector times a matrix is a row of the matrix


class LogisticMixture(_Levels):
    """An int64 level in 0..levels-1 with a discretized mixture of logistics over [-1, 1].

    Level k stands for the interval of width 2/(K-1) around 2k/(K-1) - 1; the first and the last level also
    take the tails. Parameters per component: weight logit, mean, log scale.

    Source: T. Salimans, A. Karpathy, X. Chen, D. P. Kingma, "PixelCNN++: Improving the PixelCNN with
    Discretized Logistic Mixture Likelihood and Other Modifications", 2017. Differs from the paper's code: the
    probability of a level is a product of exact factors, so no floor is put under it. As there, log scales
    below -7 count as -7.
    """

    def __init__(self, components: int = 10, levels: int = 256) -> None:
        super().__init__(
            components=_positive("components", components),
            levels=_positive("levels", levels, at_least=2),
        )
        self.components, self.levels, self.num_params = components, levels, 3 * components

    def distribution(self, params: Tensor) -> distributions.LogisticMixture:
        return distributions.LogisticMixture(params, self.levels)

    def initial_params(self) -> Tensor:
        return _spread_components(self.components, log_scale=-1.5)

    def features(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        return (x.to(dtype) * (2 / (self.levels - 1)) - 1).unsqueeze(-1)


class GaussianMixture(Conditional):
    """A real variable with a mixture of Gaussians. Parameters per component: weight logit, mean, log sigma."""

    def __init__(self, components: int = 10) -> None:
        super().__init__(components=_positive("components", components))
        self.components, self.num_params = components, 3 * components

    def distribution(self, params: Tensor) -> distributions.GaussianMixture:
        return distributions.GaussianMixture(params)

    def initial_params(self) -> Tensor:
        return _spread_components(self.components, log_scale=0.0)


class PiecewiseConstant(Conditional):
    """A real variable with a constant density in each bin: the histogram's conditional. One logit per bin.

    `bins` is a number of equal bins between `low` and `high`, or the increasing edges themselves (then low
    and high are not used). Outside the bins the density is 0, so the log-probability is -inf.
    """

    def __init__(
        self, bins: int | Sequence[float] = 10, low: float = 0.0, high: float = 1.0
    ) -> None:
        if isinstance(bins, int):
            _positive("bins", bins)
            if not (math.isfinite(low) and math.isfinite(high) and low < high):
                raise ValueError(
                    f"low must be below high and both finite, got low={low!r}, high={high!r}"
                )
            low, high = float(low), float(high)
            super().__init__(bins=bins, low=low, high=high)
            # The last one as given: low + (high - low) may be a little less than high.
            edges = [*(low + (high - low) * i / bins for i in range(bins)), high]
        else:
            if not isinstance(bins, Iterable):
                raise ValueError(f"bins must be an int, or the edges of the bins, got {bins!r}")
            edges = [float(edge) for edge in bins]
            super().__init__(bins=edges)
        # Equal bins too may be narrower than a float can tell.
        finite = all(math.isfinite(edge) for edge in edges)
        if len(edges) < 2 or not finite or not all(a < b for a, b in pairwise(edges)):
            raise ValueError(
                f"bin edges must increase and be at least two finite numbers, got {_shortened(edges)}"
            )
        self.edges, self.num_params = edges, len(edges) - 1

    def distribution(self, params: Tensor) -> distributions.PiecewiseConstant:
        # Not in the network's dtype: in bfloat16 1001 and 1002 are one number.
        edges = torch.tensor(self.edges, dtype=torch.float64, device=params.device)
        return distributions.PiecewiseConstant(params, edges)


def _spread_components(components: int, log_scale: float) -> Tensor:
    """Equal weights, means spread over [-1, 1], one scale: components must differ or they stay equal forever."""
    # Midpoints of equal sub-intervals; a single component starts at 0.
    mean = (torch.arange(components) + 0.5) * 2 / components - 1
    return torch.cat([torch.zeros(components), mean, torch.full((components,), log_scale)])


def _positive(name: str, value: Any, at_least: int = 1) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < at_least:
        raise ValueError(f"{name} must be an int of at least {at_least}, got {value!r}")
    return value


def _cardinalities(levels: Sequence[int]) -> tuple[int, ...]:
    if not levels:
        raise ValueError("levels must be an int, or one int for each variable, got none")
    return tuple(_positive("each number of levels", k, at_least=2) for k in levels)


def _shortened(numbers: Sequence[float]) -> str:
    shown = ", ".join(str(number) for number in numbers[:8])
    return f"[{shown}, ...]" if len(numbers) > 8 else f"[{shown}]"


def _first(x: Tensor, wrong: Tensor) -> Any:
    return x[wrong].flatten()[0].item()
