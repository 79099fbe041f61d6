"""One event of a Bayes net being drawn variable by variable: the state behind the network widget. No widget."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..models.bayes_net import BayesNet
from ..sampling import check_noise
from .one_event import as_batch_of_one, seeded_noise

__all__ = ["Decision", "NetworkState", "WalkFrame"]


@dataclass(frozen=True, eq=False)
class Decision:
    """How one variable got its value.

    Attributes:
        variable: its position.
        row: the values of its parents.
        table: its probabilities (K_p1, ..., K_pm, K_v), float64.
        u: the uniform noise in (0, 1).
        value: its value.
        given: whether the value was given by hand; u then played no part.
    """

    variable: int
    row: tuple[int, ...]
    table: np.ndarray
    u: float
    value: int
    given: bool

    @property
    def probs(self) -> np.ndarray:
        """The row of the table in use, (K_v,) float64."""
        return self.table[self.row]

    @property
    def probability(self) -> float:
        """Of the value, given the parents."""
        return float(self.probs[self.value])


@dataclass(frozen=True, eq=False)
class WalkFrame:
    """The variables decided after some steps, in the order of drawing."""

    decisions: tuple[Decision, ...]

    @property
    def step(self) -> int:
        return len(self.decisions)

    @property
    def probability(self) -> float:
        """Of what is decided: the product of the factors so far. 1 when nothing is."""
        return math.prod(decision.probability for decision in self.decisions)

    @property
    def log_prob(self) -> float:
        """The sum of the logarithms, in nats; -inf if a factor is 0."""
        factors = [decision.probability for decision in self.decisions]
        return math.fsum(map(math.log, factors)) if all(factors) else -math.inf


class NetworkState:
    """One event of a Bayes net, drawn variable by variable.

    The values are those of `net.sample(noise=state.noise)`, with those given as `observed` and `mask` there.

    Args:
        net: a Bayes net.
        noise: (1, D) or (D,), floats in (0, 1), by position; made from `seed` unless given.
        seed: the noise is that of `net.sample(1, generator=torch.Generator().manual_seed(seed))`.

    Raises:
        TypeError: net is no BayesNet, or noise no tensor.
        ValueError: noise or seed do not fit.
    """

    def __init__(self, net: BayesNet, *, noise: Tensor | None = None, seed: int = 0) -> None:
        if not isinstance(net, BayesNet):
            raise TypeError(f"net must be an ar.BayesNet, got {type(net).__name__}")
        self.net = net
        self.seed: int | None = None
        self.given: dict[int, int] = {}
        if noise is None:
            self.renew(seed)
        else:
            self.noise = check_noise(net, 1, as_batch_of_one("noise", noise, net.event_shape), None)
            self.restart()

    def frame(self, step: int) -> WalkFrame:
        """After a step, 0 to D."""
        return WalkFrame(self._decisions[:step])

    @property
    def x(self) -> Tensor:
        """The whole event (1, D), of the net's dtype."""
        return self._x.clone()

    def renew(self, seed: int) -> None:
        """Other noise; values given stay. ValueError for a seed that is no int from 0 to 2^64 - 1."""
        self.noise = seeded_noise(self.net, seed)
        self.seed = seed
        self.restart()

    def give(self, v: int, value: int | None) -> None:
        """Give variable v a value, or with None let it be drawn again."""
        if value is None:
            self.given.pop(v, None)
        else:
            self.given[v] = value
        self.restart()

    def restart(self) -> None:
        """Draw everything anew, from the net as it is now, with the same noise and the same values given."""
        net = self.net
        observed = torch.zeros(1, net.num_variables, dtype=net.event_dtype, device=net.device)
        mask = torch.zeros_like(observed, dtype=torch.bool)
        for v, value in self.given.items():
            observed[0, v], mask[0, v] = value, True
        self._x = net.sample(noise=self.noise, observed=observed, mask=mask)
        values, noise = [int(value) for value in self._x[0]], self.noise[0].tolist()
        self._decisions = tuple(
            Decision(
                v,
                tuple(values[w] for w in net.parents[v]),
                net.table(v).cpu().numpy(),
                noise[v],
                values[v],
                v in self.given,
            )
            for v in net.ordering.tolist()
        )
