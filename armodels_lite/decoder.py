"""Walking along the chain one variable at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .base import eval_mode
from .distributions import Distribution

if TYPE_CHECKING:
    from .chain import AutoregressiveModel

__all__ = ["Decoder", "NaiveDecoder"]


class Decoder:
    """The state of n sequences after t variables: asks for the next conditional, takes the next value.

    A cached decoder implements `_params` (the parameters of step t) and `_observed` (what to remember of the value
    just written; it may come without `_params` before it), and `_restart` if it can catch up with t given values faster
    than step by step. Whatever mode the model is in, these compute as in eval mode: without dropout.

    Attributes:
        t: number of variables observed so far, 0 to T.
        x: (n, T) the values observed, at their flat positions; 0 where nothing is observed yet.
        state: names of the attributes that change from step to step: tensors, caches that have a `clone()` as tensors
            do, or lists of these. The others (weights in drawing order, say) are shared between forks.
    """

    state: tuple[str, ...] = ("x",)

    def __init__(self, model: AutoregressiveModel, n: int, context: Tensor | None = None) -> None:
        self.model, self.n, self.context = model, n, context
        self.x = torch.zeros(n, model.num_variables, dtype=model.event_dtype, device=model.device)
        self.t = 0
        # Plain ints: indexing with them is faster than with one-element tensors.
        self._positions: list[int] = model.ordering.tolist()
        self._start()

    def distribution(self) -> Distribution:
        """p(x_t | x_<t), batch shape (n,). Raises ValueError when all T variables are observed."""
        if self.t >= self.model.num_variables:
            raise ValueError(f"all {self.t} variables are observed: there is no next conditional")
        with torch.no_grad():
            return self.model.conditional.distribution(self._params())

    def observe(self, x_t: Tensor) -> None:
        """Take the values (n,) of variable t and move on to t + 1."""
        if self.t >= self.model.num_variables:
            raise ValueError(f"all {self.t} variables are observed: there is no variable to take")
        self._check("x_t", x_t, ())
        self.model.conditional.check_values(x_t.unsqueeze(1), self._positions[self.t : self.t + 1])
        with torch.no_grad():
            self.step(x_t)

    def step(self, x_t: Tensor) -> None:
        """`observe` without checks, for inner loops."""
        self.x[:, self._positions[self.t]] = x_t
        self.t += 1
        self._observed(x_t)

    def draw_rest(self, noise: Tensor) -> None:
        """Draw every variable that is left, x_t = draw_t(u_t), with noise (n, T) at flat positions.

        The same values as step by step, sooner: no distribution is made, and nothing is kept for gradients. For a
        decoder that nobody looks into afterwards.
        """
        draw, u = self.model.conditional.draw, noise.T.contiguous().unbind(0)
        with torch.inference_mode():
            for position in self._positions[self.t :]:
                self.step(draw(self._params(), u[position]).to(self.x.dtype))

    def prefill(self, x: Tensor, t: int) -> None:
        """Start again with the first t variables, in drawing order, taken from x (n, *event_shape)."""
        self._check("x", x, self.model.event_shape)
        known = self.model.ordering[: self._checked_step(t)]
        values = x.flatten(1)[:, known]
        self.model.conditional.check_values(values, known.tolist())
        self._fill(values, t, self._restart)

    def rewind(self, t: int) -> None:
        """Forget every variable from step t on."""
        if self._checked_step(t) > self.t:
            raise ValueError(f"cannot rewind to step {t}: only {self.t} variables are observed")
        self._fill(self.x[:, self.model.ordering[:t]], t, self._go_back)

    def fork(self) -> Decoder:
        """An independent copy in the same state: what one observes does not touch the other."""
        twin = copy.copy(self)
        for name in self.state:
            value = getattr(self, name)
            copied = [v.clone() for v in value] if isinstance(value, list) else value.clone()
            setattr(twin, name, copied)
        return twin

    def _fill(self, values: Tensor, t: int, rebuild: Callable[[Tensor, int], None]) -> None:
        """Make `values` (n, t) the first t variables and everything else unknown."""
        self.x.zero_()
        self.x[:, self.model.ordering[:t]] = values
        with torch.no_grad():
            rebuild(values, t)
        self.t = t

    def _check(self, name: str, x: Tensor, shape: tuple[int, ...]) -> None:
        self.model._check_tensor(name, x, shape, self.x.dtype)
        if len(x) != self.n:
            raise ValueError(
                f"{name} must hold one entry for each of {self.n} sequences, got {len(x)}"
            )

    def _checked_step(self, t: int) -> int:
        if not isinstance(t, int) or isinstance(t, bool) or not 0 <= t <= self.model.num_variables:
            raise ValueError(f"t must be an int in 0..{self.model.num_variables}, got {t!r}")
        return t

    # -- what a cached decoder says ------------------------------------------------------------------------------

    def _start(self) -> None:
        """Build the state that belongs to t = 0."""

    def _params(self) -> Tensor:
        """Parameters (n, P) of the conditional of step t."""
        raise NotImplementedError

    def _observed(self, x_t: Tensor) -> None:
        """Update the state: x_t (n,) has become variable t - 1."""

    def _restart(self, values: Tensor, t: int) -> None:
        """Build the state that belongs to step t, given the first t values (n, t) in drawing order."""
        self.t = 0
        self._start()
        for step in range(t):
            self.t = step + 1
            self._observed(values[:, step])

    def _go_back(self, values: Tensor, t: int) -> None:
        """As `_restart`; all variables up to t, with these values, and perhaps more have been observed before."""
        self._restart(values, t)


class NaiveDecoder(Decoder):
    """Remembers nothing and runs the whole model at every step: slow, and the reference for every other decoder."""

    def _params(self) -> Tensor:
        # Not in the inference mode of `draw_rest`: what the model makes here and keeps must serve training too.
        with eval_mode(self.model), torch.inference_mode(False), torch.no_grad():
            params = self.model.params(self.x.view(self.n, *self.model.event_shape), self.context)
        return params.flatten(1, -2)[:, self._positions[self.t]]

    def _restart(self, values: Tensor, t: int) -> None:
        """There is no state."""
