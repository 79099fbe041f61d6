"""The linear autoregressive model AR(p): x_t = c + a_1 x_{t-1} + ... + a_p x_{t-p} + noise.

Sources: G. U. Yule, "On a Method of Investigating Periodicities in Disturbed Series", 1927; G. Walker, "On Periodicity
in Series of Related Terms", 1931. The recursion from partial autocorrelations to coefficients: N. Levinson, "The Wiener
RMS Error Criterion in Filter Design and Prediction", 1947; J. Durbin, "The Fitting of Time-Series Models", 1960. The
weights: O. Barndorff-Nielsen, G. Schou, "On the Parametrization of Autoregressive Models by Partial Autocorrelations",
1973; J. F. Monahan, "A Note on Enforcing Stationarity in Autoregressive-Moving Average Models", 1984.

What differs from most textbooks:

- The first p values have conditionals of their own, of order 0, 1, ..., p-1, as a stationary process has them. So the
  likelihood is exact, where least squares takes the first p values as given and leaves their likelihood out.
- The weights are partial autocorrelations behind a tanh, not coefficients: gradient steps cannot leave the stationary
  processes. A random walk (a root of modulus 1) is a limit that no finite weight reaches.
- The constant among the weights is the mean of the process, not the intercept c = mean (1 - a_1 - ... - a_p).
- `roots` are the zeros of z^p - a_1 z^(p-1) - ... - a_p, inside the unit circle. Books that take the zeros of
  1 - a_1 z - ... - a_p z^p look at their inverses, outside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..chain import AutoregressiveModel
from ..conditionals import Conditional, GaussianMixture
from ..decoder import Decoder

__all__ = ["LinearAR"]


class LinearAR(AutoregressiveModel):
    """Stationary Gaussian AR(p): x_t = c + sum over i = 1..p of a_i x_{t-i} + eps_t, eps_t ~ N(0, sigma^2).

    Three weights: `location` (1,), the mean of the process; `raw_partials` (p,), whose tanh are the partial
    autocorrelations; `log_sigma` (1,). Every value of them is a stationary process, and they start at 0: white noise.
    `set_coefficients` and `yule_walker` set them in closed form; `fit` finds the exact maximum-likelihood estimate.

    An event may be shorter than T: x (B, L) with L <= T has the probability of the first L variables.

    Args:
        event_shape: (T,), a series of T values.
        order: p >= 0, how many values back a conditional looks. With p >= T the event is the first T values of a
            longer process: only the first T - 1 partial autocorrelations and one scale can then be told from data.
        conditional: `GaussianMixture(1)`, the only one.
        ordering: "raster", the only one: a series is drawn in the order of time.

    Raises:
        ValueError, TypeError: for arguments that are not accepted; the message says what is.

    >>> model = LinearAR((100,), order=2).set_coefficients([1.4, -0.7], mean=50.0, sigma=15.0)
    >>> model.coefficients, model.partial_autocorrelations
    (tensor([ 1.4000, -0.7000]), tensor([ 0.8235, -0.7000]))
    >>> model.autocorrelations(3), model.roots.abs()
    (tensor([1.0000, 0.8235, 0.4529, 0.0576]), tensor([0.8367, 0.8367]))
    """

    conditionals: ClassVar[tuple[type[Conditional], ...]] = (GaussianMixture,)
    takes_prefixes: ClassVar[bool] = True

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        order: int = 1,
        conditional: Conditional | None = None,
        ordering: str = "raster",
    ) -> None:
        if not (isinstance(ordering, str) and ordering == "raster"):
            raise ValueError(f'LinearAR takes ordering "raster" only, got {ordering!r}')
        if type(order) is not int or order < 0:
            raise ValueError(f"order must be an int of at least 0, got {order!r}")
        conditional = GaussianMixture(1) if conditional is None else conditional
        super().__init__(event_shape, conditional=conditional)
        if len(self.event_shape) != 1:
            raise ValueError(f"LinearAR has event shape (T,), a series, got {self.event_shape}")
        if conditional.components != 1:
            raise ValueError(
                f"LinearAR takes GaussianMixture(1) as conditional, got {conditional!r}"
            )
        self.order = order
        self.location = nn.Parameter(torch.zeros(1))
        self.raw_partials = nn.Parameter(torch.zeros(order))
        self.log_sigma = nn.Parameter(torch.zeros(1))

    def extra_repr(self) -> str:
        return f"{self.event_shape}, order={self.order}, {self.num_parameters():,} parameters"

    # -- the process ---------------------------------------------------------------------------------------------

    @property
    def coefficients(self) -> Tensor:
        """a_1, ..., a_p: (p,), detached."""
        return self._exact_table()[-1].to(self.dtype)

    @property
    def partial_autocorrelations(self) -> Tensor:
        """r_1, ..., r_p: (p,) in (-1, 1), detached; r_k is the last coefficient of the best predictor of order k."""
        return self.raw_partials.detach().double().tanh().to(self.dtype)

    @property
    def mean(self) -> float:
        """Mean of the process, in the units of x. statsmodels calls it `const`."""
        return self.location.item()

    @property
    def sigma(self) -> float:
        """Standard deviation of the noise eps_t, in the units of x; inf where it is too large for a float64."""
        return self.log_sigma.detach().double().exp().item()

    @property
    def intercept(self) -> float:
        """c = mean (1 - a_1 - ... - a_p), in the units of x."""
        return self.mean * (1 - self._exact_table()[-1].sum().item())

    @property
    def roots(self) -> Tensor:
        """The zeros of z^p - a_1 z^(p-1) - ... - a_p: complex64 or complex128 (p,), the largest modulus first.

        All lie inside the unit circle. A zero r e^(i w) is a swing of period 2 pi / w steps that shrinks by the factor
        r at each step. A positive real one decays without swinging, a negative one changes sign at each step.
        """
        wide = torch.promote_types(self.dtype, torch.float32)
        return _inverse_roots(self._exact_table()[-1]).to(wide.to_complex())

    def autocorrelations(self, lags: int) -> Tensor:
        """Correlation of x_t with x_{t-k} for k = 0..lags: (lags + 1,), exact, detached.

        Raises ValueError unless `lags` is an int of at least 0.
        """
        if type(lags) is not int or lags < 0:
            raise ValueError(f"lags must be an int of at least 0, got {lags!r}")
        raw, table = self.raw_partials.detach().double(), self._exact_table()
        # What the predictor of order k leaves unexplained, as a share of the variance.
        unexplained = F.pad(-2 * _log_cosh(raw).cumsum(0), (1, 0)).exp()
        surprise = raw.tanh() * unexplained[:-1]
        rho = table.new_ones(lags + 1)
        for k in range(1, lags + 1):
            used = min(k - 1, self.order)
            rho[k] = table[used, :used] @ rho[k - used : k].flip(0)
            if k <= self.order:
                rho[k] += surprise[k - 1]
        return rho.to(self.dtype)

    # -- weights in closed form ----------------------------------------------------------------------------------

    @torch.no_grad()
    def set_coefficients(
        self, coefficients: Sequence[float] | Tensor, mean: float = 0.0, sigma: float = 1.0
    ) -> LinearAR:
        """Set the process by its coefficients a_1, ..., a_p, its mean and its noise; returns the model.

        Raises:
            ValueError: not p finite coefficients, a process that is not stationary, a mean that is not finite in the
                model's dtype, or a sigma that is not positive and finite. The weights are then as before.
        """
        a = self._as_coefficients(coefficients)
        if not (math.isfinite(mean) and math.isfinite(sigma) and sigma > 0):
            raise ValueError(
                f"mean must be finite and sigma positive and finite, got mean={mean!r}, sigma={sigma!r}"
            )
        if abs(mean) > torch.finfo(self.dtype).max:
            raise ValueError(f"mean={mean!r} is too large for a model in {self.dtype}")
        partials = _step_down(a)
        if not (partials.abs() < 1).all():
            raise ValueError(
                f"coefficients {a.tolist()} are not stationary: every root must have a modulus below 1, "
                f"and the largest modulus is {_inverse_roots(a)[0].abs().item():.6g}"
            )
        self.location.fill_(mean)
        self.raw_partials.copy_(partials.atanh())
        self.log_sigma.fill_(math.log(sigma))
        return self

    def _as_coefficients(self, given: Any) -> Tensor:
        """What `set_coefficients` was given as float64 (p,), or ValueError."""
        try:
            # Complex at first: a conversion to real numbers would drop imaginary parts.
            a = torch.as_tensor(given, dtype=torch.complex128).detach().to(self.device)
        except (TypeError, ValueError, RuntimeError, OverflowError):
            a = None
        if a is None or a.shape != (self.order,) or not (a.isfinite() & (a.imag == 0)).all():
            raise ValueError(f"coefficients must be {self.order} finite numbers, got {given!r}")
        return a.real

    @torch.no_grad()
    def yule_walker(self, x: Tensor) -> LinearAR:
        """Set the estimate of Yule and Walker from events x (B, L), p < L <= T; returns the model.

        The coefficients solve the equations that tie them to the autocovariances, with the biased sample
        autocovariances (sums over all pairs, divided by B L) in place of the true ones: these always give a stationary
        process. The mean is that of all values.

        Raises:
            ValueError, TypeError: events that do not fit, none, not longer than the order, all values equal, or so
                large that their mean is not finite in float64.
        """
        self.check(x)
        length = x.shape[1]
        if len(x) == 0 or length <= self.order:
            raise ValueError(
                f"order {self.order} needs at least one event of at least {self.order + 1} values, "
                f"got {len(x)} of {length}"
            )
        if (x == x[0, 0]).all():
            raise ValueError(
                f"a constant series has no autocorrelations: every value of x is {x[0, 0].item():g}"
            )
        mean = x.double().mean()
        z = x.double() - mean
        scale = z.abs().max()  # so that squares of tiny or huge values neither vanish nor overflow
        if not scale.isfinite():
            raise ValueError(
                f"values up to {x.abs().max().item():g} are too large to take their mean in float64"
            )
        z = z / scale
        pairs = [(z[:, k:] * z[:, : length - k]).mean(0).sum() for k in range(self.order + 1)]
        autocovariances = torch.stack(pairs) / length
        partials, unexplained = _levinson(autocovariances / autocovariances[0])
        self.location.fill_(mean)
        self.raw_partials.copy_(partials.atanh())
        self.log_sigma.fill_((autocovariances[0] * unexplained).log() / 2 + scale.log())
        return self

    # -- the conditionals ----------------------------------------------------------------------------------------

    def params(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Parameters (B, L, 3) of every conditional of x (B, L), any L <= T: weight logit, mean, log sigma."""
        length = x.shape[1]
        location, table, log_sigma = self._conditionals()
        order = torch.arange(length, device=x.device).clamp(max=self.order)  # of each step
        # Window t holds the p values before x_t, oldest first; zeros stand before the series, and meet coefficients 0.
        windows = F.pad(x - location, (self.order, 0)).unfold(1, self.order, 1)[:, :length]
        mean = location + (windows * table[order].flip(1)).sum(-1)
        return torch.stack([torch.zeros_like(mean), mean, log_sigma[order].expand_as(mean)], dim=-1)

    def cached_decoder(self, n: int, context: Tensor | None) -> Decoder:
        return LinearARDecoder(self, n, context)

    def _conditionals(self) -> tuple[Tensor, Tensor, Tensor]:
        """Location (1,), coefficients (p + 1, p) and log sigma (p + 1,): row k for steps that see k values back.

        In float32 at least: in half precision the recursion would lose the process.
        """
        wide = torch.promote_types(self.dtype, torch.float32)
        raw = self.raw_partials.to(wide)
        # sigma_k^2 = sigma^2 / prod over j > k of (1 - r_j^2), and log(1 - tanh^2) = -2 log cosh.
        from_row = _log_cosh(raw).flip(0).cumsum(0).flip(0)
        log_sigma = self.log_sigma.to(wide) + F.pad(from_row, (0, 1))
        return self.location.to(wide), _coefficient_table(raw.tanh()), log_sigma

    def _exact_table(self) -> Tensor:
        return _coefficient_table(self.raw_partials.detach().double().tanh())


class LinearARDecoder(Decoder):
    """Looks back at the last p values: they are all that a step needs, so there is no other state."""

    def _start(self) -> None:
        location, self._table, self._log_sigma = self.model._conditionals()
        # A copy: this may be the weight itself, and a step of training would change it but not the table.
        self._location = location.clone()

    def _params(self) -> Tensor:
        order = min(self.t, self.model.order)
        recent = self.x[:, self.t - order : self.t] - self._location  # oldest first
        mean = self._location + recent @ self._table[order, :order].flip(0)
        return torch.stack(
            [torch.zeros_like(mean), mean, self._log_sigma[order].expand_as(mean)], dim=-1
        )

    def _restart(self, values: Tensor, t: int) -> None:
        """Read the weights again; the values are all that has to be remembered."""
        self._start()


# -- Levinson's recursion, forwards and backwards ------------------------------------------------------------------


def _next_order(a: Tensor, r: Tensor) -> Tensor:
    """Coefficients (k,) of order k from those of order k - 1 and the partial autocorrelation r (1,) of lag k."""
    return torch.cat([a - r * a.flip(0), r])


def _coefficient_table(partials: Tensor) -> Tensor:
    """Coefficients of every order: (p + 1, p), row k holds a_{k,1}, ..., a_{k,k} and then zeros."""
    a, size = partials[:0], len(partials)
    rows = [F.pad(a, (0, size))]
    for k, r in enumerate(partials.split(1) if size else (), start=1):
        a = _next_order(a, r)
        rows.append(F.pad(a, (0, size - k)))
    return torch.stack(rows)


def _levinson(rho: Tensor) -> tuple[Tensor, Tensor]:
    """Partial autocorrelations (p,) from autocorrelations rho (p + 1,), and the share of variance left unexplained."""
    a, unexplained, partials = rho[:0], rho[0], torch.empty_like(rho[1:])
    for k in range(1, len(rho)):
        r = (rho[k : k + 1] - a @ rho[1:k].flip(0)) / unexplained
        a, unexplained = _next_order(a, r), unexplained * (1 - r.square()).squeeze()
        partials[k - 1] = r
    return partials, unexplained


def _step_down(a: Tensor) -> Tensor:
    """Partial autocorrelations (p,) from coefficients (p,). Some entry is not inside (-1, 1) iff not stationary."""
    partials = torch.empty_like(a)
    for k in reversed(range(len(a))):
        r, a = a[k], a[:k]
        partials[k] = r
        a = (a + r * a.flip(0)) / (1 - r.square())
    return partials


def _inverse_roots(a: Tensor) -> Tensor:
    """Zeros of z^p - a_1 z^(p-1) - ... - a_p, complex (p,), the largest modulus first: eigenvalues of the companion."""
    companion = torch.diag(a.new_ones(max(len(a) - 1, 0)), -1)[: len(a), : len(a)]
    companion[:1] = a
    roots = torch.linalg.eigvals(companion)
    return roots[roots.abs().argsort(descending=True)]


def _log_cosh(x: Tensor) -> Tensor:
    """log cosh x, where cosh itself would overflow."""
    return torch.logaddexp(x, -x) - math.log(2)
