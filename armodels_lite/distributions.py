"""Distributions of scalars, all driven by uniform noise.

Each has `log_prob(x)` in nats and `draw(u)`: a deterministic map from u in (0, 1) to a value, the inverse of
the distribution function. The same u therefore gives the same value whichever way the parameters were
computed, which is what lets cached and naive sampling be compared draw for draw.

Shapes: a distribution made from params (..., P) has batch shape (...) and scalar events; x and u have shape
(...) too, or one that broadcasts with it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = [
    "Bernoulli",
    "Categorical",
    "Distribution",
    "GaussianMixture",
    "LogisticMixture",
    "PiecewiseConstant",
    "uniform_noise",
]


def uniform_noise(shape: tuple[int, ...], *, generator: torch.Generator | None = None) -> Tensor:
    """Float32 noise of the given shape on the grid (2k+1)/2^24, k = 0..2^23-1: never 0, never 1.

    It is made on the generator's device (CPU without one), so that a seed means the same noise on every device.
    """
    device = "cpu" if generator is None else generator.device
    k = torch.randint(0, 2**23, shape, generator=generator, device=device)
    return (2 * k + 1).to(torch.float32) / 2**24


def at_least_float32(params: Tensor) -> Tensor:
    """Half precision is for networks; likelihoods and draws are computed in float32 at least."""
    return params.float() if params.dtype in (torch.float16, torch.bfloat16) else params


def draw_bit(logits: Tensor, u: Tensor) -> Tensor:
    """1 iff u < sigmoid(logit), else 0, in the dtype of the logits; all of one shape, or broadcast."""
    return (u < logits.sigmoid()).to(logits.dtype)


def draw_level(logits: Tensor, u: Tensor) -> Tensor:
    """The smallest level k with u < cdf(k), int64 (...); logits (..., K), u (...) or one that broadcasts."""
    u = u.unsqueeze(-1)
    if u.shape[:-1] == logits.shape[:-1] and u.dtype == logits.dtype:
        return search_level(logits, u.contiguous()).squeeze(-1)
    return (u >= _inner_cdf(logits)).sum(-1)


def search_level(logits: Tensor, u: Tensor) -> Tensor:
    """`draw_level` by one search instead of K comparisons: logits (..., K), u (..., 1) contiguous and of one dtype."""
    return torch.searchsorted(_inner_cdf(logits), u, right=True)


def _inner_cdf(logits: Tensor) -> Tensor:
    """The distribution function (..., K - 1) at all levels but the last, where it is 1 and above every u."""
    cdf = logits.softmax(-1).cumsum(-1)
    # Rounding can leave the sum below 1; dividing by it lets every u find a level that has mass.
    return cdf[..., :-1] / cdf[..., -1:]


class Distribution(torch.distributions.Distribution):
    """Base of the distributions here: holds params (..., P) and checks nothing (models check once at entry)."""

    arg_constraints = {}

    def __init__(self, params: Tensor) -> None:
        self.params = at_least_float32(params)
        super().__init__(params.shape[:-1], validate_args=False)

    def score(self, x: Tensor) -> Tensor:
        """The gradient of log_prob(x) with respect to params: (..., P), in nats per unit; x of shape (...)."""
        free = copy.copy(self)
        with torch.inference_mode(False), torch.enable_grad():
            # Tensors made in inference mode cannot be differentiated, copies of them can.
            params, x = (v.clone() if v.is_inference() else v for v in (self.params, x))
            free.params = params.detach().requires_grad_()
            return torch.autograd.grad(free.log_prob(x).sum(), free.params)[0]

    def draw(self, u: Tensor) -> Tensor:
        """The value at which the distribution function passes u; u in (0, 1), shape (...)."""
        raise NotImplementedError

    def sample(self, sample_shape: tuple[int, ...] = ()) -> Tensor:
        """Independent values (*sample_shape, ...), with noise from torch's global generator."""
        noise = uniform_noise((*sample_shape, *self.batch_shape)).to(self.params.device)
        if not sample_shape:
            return self.draw(noise)
        if noise.numel() == 0:
            return self.draw(noise)
        draws = [self.draw(row) for row in noise.reshape(-1, *self.batch_shape)]
        return torch.stack(draws).reshape(noise.shape)

    def tempered(self, temperature: float) -> Distribution:
        """The distribution sharpened (temperature < 1) or flattened (> 1)."""
        raise NotImplementedError

    def filtered(self, keep: Callable[[Tensor], Tensor]) -> Distribution:
        """The distribution restricted by `top_k` or `top_p`; ValueError for continuous variables."""
        raise ValueError(f"a filter needs discrete variables, got {type(self).__name__}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(batch_shape={tuple(self.batch_shape)})"


class Discrete(Distribution):
    """Base of the distributions over levels 0..K-1."""

    def level_log_probs(self) -> Tensor:
        """Log-probabilities (..., K) of all levels, in nats."""
        raise NotImplementedError

    def tempered(self, temperature: float) -> Distribution:
        """p^(1/temperature), renormalised."""
        log_probs = self.level_log_probs()
        # Relative to the mode, which stays at 0 however small the temperature: never -inf for every level.
        return Categorical(_over(log_probs - log_probs.amax(-1, keepdim=True), temperature))

    def filtered(self, keep: Callable[[Tensor], Tensor]) -> Distribution:
        return Categorical(keep(self.level_log_probs()))

    @property
    def mean(self) -> Tensor:
        probs = self.level_log_probs().exp()
        return probs @ torch.arange(probs.shape[-1], dtype=probs.dtype, device=probs.device)


class Bernoulli(Discrete):
    """p(1) = sigmoid(logit); params (..., 1) hold the logit; values are floats 0 and 1."""

    @property
    def logits(self) -> Tensor:
        return self.params.squeeze(-1)

    @property
    def probs(self) -> Tensor:
        return self.logits.sigmoid()

    mean = probs

    def log_prob(self, x: Tensor) -> Tensor:
        # log p(1) = logsigmoid(z), log p(0) = logsigmoid(-z): exact in both tails, where log(sigmoid(z)) is -inf.
        return F.logsigmoid((2 * x - 1) * self.logits)

    def score(self, x: Tensor) -> Tensor:
        return (x - self.probs).unsqueeze(-1)

    def level_log_probs(self) -> Tensor:
        return torch.stack([F.logsigmoid(-self.logits), F.logsigmoid(self.logits)], -1)

    def draw(self, u: Tensor) -> Tensor:
        """1 iff u < p."""
        return draw_bit(self.logits, u)

    def tempered(self, temperature: float) -> Bernoulli:
        return Bernoulli(_over(self.params, temperature))

    def filtered(self, keep: Callable[[Tensor], Tensor]) -> Bernoulli:
        # A level cut off has log-probability -inf, which makes the logit infinite and p exactly 0 or 1.
        zero, one = keep(self.level_log_probs()).unbind(-1)
        return Bernoulli((one - zero).unsqueeze(-1))


def _over(x: Tensor, temperature: float) -> Tensor:
    """x / temperature for a temperature that may be too small for x's dtype: 0 stays 0, the rest goes to infinity."""
    return x / max(temperature, torch.finfo(x.dtype).tiny)


class Categorical(Discrete):
    """Levels 0..K-1 with logits = params (..., K), normalised or not; -inf excludes a level."""

    @property
    def logits(self) -> Tensor:
        return self.params

    @property
    def probs(self) -> Tensor:
        return self.params.softmax(-1)

    def log_prob(self, x: Tensor) -> Tensor:
        log_probs, x = torch.broadcast_tensors(self.level_log_probs(), x.unsqueeze(-1))
        return log_probs.gather(-1, x[..., :1]).squeeze(-1)

    def level_log_probs(self) -> Tensor:
        return self.params.log_softmax(-1)

    def draw(self, u: Tensor) -> Tensor:
        """The smallest level k with u < cdf(k)."""
        return draw_level(self.params, u)


class _Mixture:
    """Parameters (..., 3M) read as weight logits, means and log scales, each (..., M)."""

    @property
    def components(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.params.chunk(3, -1)


class GaussianMixture(_Mixture, Distribution):
    """Density sum_m w_m N(x; mean_m, sigma_m^2).

    Nothing keeps sigma away from 0: below about e^-80 in float32 gradients are no longer finite.
    """

    def log_prob(self, x: Tensor) -> Tensor:
        logits, mean, log_sigma = self.components
        z = (x.unsqueeze(-1) - mean) * (-log_sigma).exp()
        log_normal = -0.5 * z.square() - log_sigma - 0.5 * math.log(2 * math.pi)
        return torch.logsumexp(logits.log_softmax(-1) + log_normal, -1)

    def cdf(self, x: Tensor) -> Tensor:
        """P(X <= x)."""
        logits, mean, log_sigma = self.components
        return (
            logits.softmax(-1) * torch.special.ndtr((x.unsqueeze(-1) - mean) * (-log_sigma).exp())
        ).sum(-1)

    @property
    def mean(self) -> Tensor:
        logits, mean, _ = self.components
        return (logits.softmax(-1) * mean).sum(-1)

    def draw(self, u: Tensor) -> Tensor:
        """The mixture's own quantile, to 1e-6 or better: one u per value, no separate draw of a component."""
        wide = GaussianMixture(self.params.double())
        _, mean, log_sigma = wide.components
        # The mixture's quantile lies between the smallest and the largest quantile of its components.
        quantiles = mean + log_sigma.exp() * torch.special.ndtri(u.double()).unsqueeze(-1)
        low, high = quantiles.amin(-1), quantiles.amax(-1)
        if mean.shape[-1] > 1:
            for _ in range(60):  # each halves the bracket, down to the last digit of a float64
                middle = (low + high) / 2
                below = wide.cdf(middle) < u
                low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return ((low + high) / 2).to(self.params.dtype)

    def tempered(self, temperature: float) -> GaussianMixture:
        """Weights' logits / temperature, sigma * sqrt(temperature): for one component this is p^(1/temperature)."""
        logits, mean, log_sigma = self.components
        logits = _over(logits - logits.amax(-1, keepdim=True), temperature)
        log_sigma = log_sigma + 0.5 * math.log(temperature)
        return GaussianMixture(torch.cat([logits, mean, log_sigma], -1))


class LogisticMixture(_Mixture, Discrete):
    """Levels 0..K-1; the mass of level k under each logistic is that of its interval, tails at both ends."""

    min_log_scale = -7.0

    def __init__(self, params: Tensor, levels: int) -> None:
        super().__init__(params)
        self.levels = levels

    def _upper_edge(self, x: Tensor) -> Tensor:
        """Standardised upper edge (..., M) of the interval of level x (...)."""
        _, mean, log_scale = self.components
        edge = (2 * x.to(mean.dtype) + 1) / (self.levels - 1) - 1
        return (edge.unsqueeze(-1) - mean) * (-self._floored(log_scale)).exp()

    def _floored(self, log_scale: Tensor) -> Tensor:
        return log_scale.clamp(min=self.min_log_scale)

    def _log_one_minus_exp(self, width: Tensor) -> Tensor:
        """log(1 - exp(-width)); for widths so small that they may not be told from 0, by its series."""
        log_width = math.log(2 / (self.levels - 1)) - self._floored(self.components[2])
        small = width < 1e-6
        # Filled, so that the side not taken has no infinite gradient.
        exact = torch.log(-torch.expm1(-width.masked_fill(small, 1.0)))
        return torch.where(small, log_width - width / 2, exact)

    def log_prob(self, x: Tensor) -> Tensor:
        weights = self.components[0].log_softmax(-1)
        return torch.logsumexp(weights + self.component_log_probs(x), -1)

    def component_log_probs(self, x: Tensor) -> Tensor:
        """The log-probability (..., M) of level x (...) under each component alone, in nats."""
        log_scale = self.components[2]
        upper = self._upper_edge(x)
        width = 2 / (self.levels - 1) * (-self._floored(log_scale)).exp()
        lower = upper - width
        # sigmoid(b) - sigmoid(a) = sigmoid(b) sigmoid(-a) (1 - exp(a - b)): three factors, each exact in its log.
        inside = F.logsigmoid(upper) + F.logsigmoid(-lower) + self._log_one_minus_exp(width)
        x = x.unsqueeze(-1)
        log_mass = torch.where(x == 0, F.logsigmoid(upper), inside)
        return torch.where(x == self.levels - 1, F.logsigmoid(-lower), log_mass)

    def cdf(self, x: Tensor) -> Tensor:
        """P(X <= x) for integer levels x."""
        inner = (self.components[0].softmax(-1) * self._upper_edge(x).sigmoid()).sum(-1)
        return torch.where(x >= self.levels - 1, torch.ones_like(inner), inner)

    def level_log_probs(self) -> Tensor:
        every = LogisticMixture(self.params.unsqueeze(-2), self.levels)
        return every.log_prob(torch.arange(self.levels, device=self.params.device))

    def draw(self, u: Tensor) -> Tensor:
        """The smallest level k with u < cdf(k): first which 16th of the levels holds it, then which 16th of that."""
        every = LogisticMixture(self.params.unsqueeze(-2), self.levels)
        parts = torch.arange(1, 16, device=self.params.device)
        level = torch.zeros((*self.batch_shape, 1), dtype=torch.int64, device=self.params.device)
        size = 16 ** -(-(self.levels - 1).bit_length() // 4)  # the next power of 16
        while size > 1:
            size //= 16
            last = level + size * parts - 1  # of each part but the last one
            level = level + size * (u.unsqueeze(-1) >= every.cdf(last)).sum(-1, keepdim=True)
        return level.squeeze(-1)


class PiecewiseConstant(Distribution):
    """Density p_k / width_k in bin k; logits = params (..., K); edges (K+1,). An edge belongs to the bin above."""

    def __init__(self, params: Tensor, edges: Tensor) -> None:
        super().__init__(params)
        self.edges = edges.to(self.params.dtype)

    def log_prob(self, x: Tensor) -> Tensor:
        log_density = self.params.log_softmax(-1) - self.edges.diff().log()
        index = torch.bucketize(x, self.edges[1:-1], right=True)
        log_density, index = torch.broadcast_tensors(log_density, index.unsqueeze(-1))
        value = log_density.gather(-1, index[..., :1]).squeeze(-1)
        outside = (x < self.edges[0]) | (x > self.edges[-1])
        return value.masked_fill(outside, -math.inf)

    @property
    def mean(self) -> Tensor:
        return self.params.softmax(-1) @ ((self.edges[1:] + self.edges[:-1]) / 2)

    def draw(self, u: Tensor) -> Tensor:
        """The bin whose share of (0, 1) holds u, then the place inside it by proportion."""
        k = Categorical(self.params.double()).draw(u.double()).unsqueeze(-1)
        mass = self.params.double().softmax(-1).expand(*k.shape[:-1], -1)
        below = (mass.cumsum(-1) - mass).gather(-1, k)
        share = ((u.double().unsqueeze(-1) - below) / mass.gather(-1, k)).clamp(0, 1)
        left, width = self.edges.double()[k], self.edges.double().diff()[k]
        value = (left + share * width).to(self.params.dtype)
        # Rounding can reach the upper edge, which is the bin above's: that bin may have no mass.
        last = self.edges[1:].nextafter(self.edges[:-1])[k]
        return torch.minimum(value, last).squeeze(-1)

    def tempered(self, temperature: float) -> PiecewiseConstant:
        """Density^(1/temperature), renormalised."""
        log_width = self.edges.diff().log()
        log_density = self.params.log_softmax(-1) - log_width
        # Relative to the highest bin, as for levels.
        log_density = _over(log_density - log_density.amax(-1, keepdim=True), temperature)
        return PiecewiseConstant(log_density + log_width, self.edges)
