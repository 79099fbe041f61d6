"""The histogram: a density that is constant in every cell of a grid, found by counting."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..conditionals import Conditional, PiecewiseConstant
from ..density import DensityModel
from ..sampling import check_noise
from .counting import check_counting

__all__ = ["Histogram"]


class Histogram(DensityModel):
    """One mass for each of the B^D cells of a grid: p(x) = mass of the cell that holds x / volume of the cell.

    Its one weight, `logits` (B,) or (B, B), holds the log-masses up to a constant and starts at 0: every cell alike.
    `count` sets it in closed form, and it can be trained like any other. An edge belongs to the bin above, the last
    edge to the last bin; outside the edges the density is 0 and the log-density -inf. Edges that the dtype cannot tell
    apart raise a ValueError when the model is used.

    Args:
        event_shape: (1,) or (2,): one variable or two.
        conditional: the bins, the same for both variables: `PiecewiseConstant(bins, low, high)`.

    Raises:
        ValueError, TypeError: for more than two variables, or a conditional of another kind.

    >>> model = Histogram((1,), conditional=PiecewiseConstant(4, 0.0, 2.0))
    >>> model.count(torch.tensor([[0.1], [0.2], [0.5], [2.0]])).probs
    tensor([0.5000, 0.2500, 0.0000, 0.2500])
    >>> model.log_prob(torch.tensor([[0.3], [1.2], [1.7]])).exp().tolist()          # each bin is 1/2 wide
    [1.0, 0.0, 0.5]
    """

    def __init__(
        self, event_shape: Sequence[int], *, conditional: PiecewiseConstant | None = None
    ) -> None:
        super().__init__(event_shape)
        if self.event_shape not in ((1,), (2,)):
            raise ValueError(
                f"a Histogram has event shape (1,) or (2,), got {self.event_shape}: "
                "with D variables it needs bins^D cells"
            )
        conditional = PiecewiseConstant() if conditional is None else conditional
        if not isinstance(conditional, PiecewiseConstant):
            error = ValueError if isinstance(conditional, Conditional) else TypeError
            raise error(
                "conditional must be the bins, such as ar.PiecewiseConstant(20, low=0.0, high=1.0), "
                f"got {conditional!r}"
            )
        self.conditional = conditional
        bins = conditional.num_params
        self.logits = nn.Parameter(torch.zeros((bins,) * self.num_variables))

    def extra_repr(self) -> str:
        return f"{self.event_shape}, {self.conditional!r}, {self.num_parameters():,} parameters"

    def num_parameters(self) -> int:
        """B^D - 1: the masses sum to one."""
        return self.logits.numel() - 1

    @property
    def event_dtype(self) -> torch.dtype:
        return self.dtype

    @property
    def edges(self) -> Tensor:
        """The edges of the bins (B + 1,), the same on every axis; float32 at least."""
        return torch.tensor(self.conditional.edges, dtype=_wide(self.dtype), device=self.device)

    @property
    def probs(self) -> Tensor:
        """The mass of every cell, shape (B,) or (B, B); float32 at least."""
        return self._log_masses().detach().exp()

    @torch.no_grad()
    def count(self, x: Tensor, pseudocount: float = 0.0) -> Histogram:
        """Set the maximum-likelihood estimate k / n from events x (n, *event_shape); returns the model.

        k is the number of events in a cell. With a pseudocount a the mass is (k + a) / (n + a B^D): as if a events had
        been seen in every cell besides. Without one an empty cell gets mass 0: an event there has log p = -inf, and
        `fit` has no finite weights to start from.

        Raises:
            ValueError, TypeError: for events that do not fit or lie outside the edges, no events, or a negative
                pseudocount.
        """
        check_counting(self, x, pseudocount)
        outside = self._outside(x)
        if outside.any():
            low, high = self.conditional.edges[0], self.conditional.edges[-1]
            raise ValueError(
                f"the bins reach from {low} to {high}, got {x[outside][0].item()}: give wider bins"
            )
        counts = torch.bincount(self._cell(x), minlength=self.logits.numel()).double()
        weights = counts + pseudocount
        weights = weights / weights.max()  # the sum of huge ones may be infinite
        self.logits.copy_((weights / weights.sum()).log().view_as(self.logits))
        return self

    def sample(
        self,
        n: int | None = None,
        *,
        noise: Tensor | None = None,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw events (n, *event_shape): a deterministic map of uniform noise, one number for each variable.

        The first variable is drawn from its marginal, the second from the row of the table that the first one chose.
        Cells of mass 0 are never drawn.

        Args:
            n: number of events; may be left out when `noise` is given.
            noise: (n, *event_shape) in (0, 1). Default: the grid (2k+1)/2^24.
            generator: torch.Generator for the default noise.

        Raises:
            ValueError, TypeError: for arguments that do not fit together or to the model.
        """
        noise = check_noise(self, n, noise, generator)
        self._check_edges()
        if self.logits.isnan().any():
            raise ValueError("this Histogram has weights that are NaN: it cannot be sampled")
        with torch.no_grad():
            log_masses = self._log_masses()
            marginal = log_masses if self.num_variables == 1 else log_masses.logsumexp(1)
            first = self._draw(marginal.expand(len(noise), -1), noise[:, 0])
            columns = [first]
            if self.num_variables == 2:
                columns.append(self._draw(log_masses[self._bins(first)], noise[:, 1]))
            return self._as_events(torch.stack(columns, 1))

    def _draw(self, log_masses: Tensor, u: Tensor) -> Tensor:
        """One variable (n,) from the masses of its bins (n, B), normalised or not."""
        return self.conditional.distribution(log_masses).draw(u)

    def _as_events(self, x: Tensor) -> Tensor:
        """x in the model's dtype; in half precision a value that is rounded into another bin is put back."""
        rounded = x.to(self.dtype)
        if rounded.dtype == x.dtype:
            return rounded
        low, high = self.edges[0], self.edges[-1]
        bins, wide = self._bins(x), rounded.to(x.dtype)
        too_high = (self._bins(wide) > bins) | (wide > high)
        too_low = (self._bins(wide) < bins) | (wide < low)
        infinity = torch.full_like(rounded, math.inf)
        rounded = torch.where(too_high, rounded.nextafter(-infinity), rounded)
        return torch.where(too_low, rounded.nextafter(infinity), rounded)

    def _log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        log_widths = self.edges.diff().log()[self._bins(x)].sum(1)
        log_density = self._log_masses().flatten()[self._cell(x)] - log_widths
        return log_density.masked_fill(self._outside(x).any(1), -math.inf)

    def _check_values(self, x: Tensor) -> None:
        self.conditional.check_values(x)
        self._check_edges()

    def _check_edges(self) -> None:
        """Raise ValueError where the edges are rounded to equal or infinite ones."""
        edges = self.edges
        if not (edges.isfinite().all() and (edges.diff() > 0).all()):
            raise ValueError(
                f"{self.conditional!r} has edges that {edges.dtype} cannot tell apart: "
                "give wider bins, or make the model .double()"
            )

    def _log_masses(self) -> Tensor:
        """Log of the mass of every cell, shape of `logits`."""
        logits = self.logits.to(_wide(self.dtype))
        return logits.flatten().log_softmax(0).view_as(logits)

    def _bins(self, x: Tensor) -> Tensor:
        """The bin 0..B-1 of each value, int64; what lies outside counts to the bin beside it."""
        inner = self.edges[1:-1]
        return torch.bucketize(x.to(inner.dtype).contiguous(), inner, right=True)

    def _cell(self, x: Tensor) -> Tensor:
        """The flat index (n,) of the cell that holds each event (n, D)."""
        bins = self._bins(x)
        return bins[:, 0] if self.num_variables == 1 else bins[:, 0] * len(self.logits) + bins[:, 1]

    def _outside(self, x: Tensor) -> Tensor:
        """Bool, shape of x: which values lie beyond the first or the last edge."""
        edges = self.edges
        return (x < edges[0]) | (x > edges[-1])


def _wide(dtype: torch.dtype) -> torch.dtype:
    """Half precision is for weights; densities are computed in float32 at least."""
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype
