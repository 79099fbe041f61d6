"""Mixtures of 1, 2, 3 ... Gaussians fitted to values in one dimension by EM, and judged on values held out."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

__all__ = ["MixtureFit", "checked_values", "fit_mixture", "fit_mixtures"]

STARTS = 5
# How long EM may go on from one start, and the gain in nats a value below which it stops.
ROUNDS, TOLERANCE = 1000, 1e-4
# Added to every component's variance, as a share of that of all values: without it a component could shrink onto one
# value, and the likelihood would be infinite.
FLOOR = 1e-6
MOST = 1e100  # values up to here have squares that a float holds
NARROW = 0.05  # a component with less than this share of the standard deviation of all values is worth a warning


@dataclass(frozen=True, eq=False)
class MixtureFit:
    """A mixture of K Gaussians, by rising means.

    Attributes:
        weights, means, sigmas: float64 (K,); the weights sum to 1.
        train, held_out: mean log-density of both data sets, in nats a value.
        narrow: the number, from 0, of the narrowest component if it is so narrow that it fits single values, else None.
        sits_on: the training values that the narrowest component sits on, float64: those within 3 of its sigmas.
    """

    weights: np.ndarray
    means: np.ndarray
    sigmas: np.ndarray
    train: float
    held_out: float
    narrow: int | None
    sits_on: np.ndarray

    def __len__(self) -> int:
        return len(self.weights)


def parts_log(
    weights: np.ndarray, means: np.ndarray, sigmas: np.ndarray, x: np.ndarray
) -> np.ndarray:
    """Log of each weighted component's density: float64 (K, n), in nats, for x (n,)."""
    z = (x - means[:, None]) / sigmas[:, None]
    return np.log(weights / (sigmas * math.sqrt(2 * math.pi)))[:, None] - 0.5 * z**2


def fit_mixture(train: np.ndarray, held_out: np.ndarray, components: int, seed: int) -> MixtureFit:
    """The mixture with that many components: of 5 starts of EM the one with the highest training likelihood.

    Args:
        train, held_out: float64 (n,) and (m,), see `checked_values`.
        components: K, at least 1 and at most n.
        seed: of the starts, an int from 0 to 2^32 - 1.

    Raises:
        ArithmeticError: no start came to rest.

    Source: A. P. Dempster, N. M. Laird, D. B. Rubin, Maximum likelihood from incomplete data via the EM algorithm
    (1977); scikit-learn's implementation.

    >>> x = np.array([0.0, 2.0, 100.0, 102.0])
    >>> fit_mixture(x, x, 2, seed=0).means.round(6).tolist()
    [1.0, 101.0]
    """
    from sklearn.mixture import GaussianMixture

    # In standard units, so that the same numbers serve data of every scale.
    centre, scale = train.mean(), train.std()
    model = GaussianMixture(
        components,
        n_init=STARTS,
        init_params="k-means++",
        reg_covar=FLOOR,
        tol=TOLERANCE,
        max_iter=ROUNDS,
        random_state=seed,
    )
    model.fit(((train - centre) / scale)[:, None])
    if not model.converged_:
        raise ArithmeticError(f"EM with {components} components did not end in {ROUNDS} rounds")
    order = model.means_[:, 0].argsort(kind="stable")
    weights, means = model.weights_[order], centre + scale * model.means_[order, 0]
    sigmas = scale * np.sqrt(model.covariances_[order, 0, 0])
    log_p, unseen = (
        np.logaddexp.reduce(parts_log(weights, means, sigmas, x)) for x in (train, held_out)
    )
    narrowest = int(sigmas.argmin())
    return MixtureFit(
        weights=weights,
        means=means,
        sigmas=sigmas,
        train=float(log_p.mean()),
        held_out=float(unseen.mean()),
        narrow=narrowest if sigmas[narrowest] < NARROW * scale else None,
        sits_on=train[abs(train - means[narrowest]) <= 3 * sigmas[narrowest]],
    )


def fit_mixtures(
    train: np.ndarray, held_out: np.ndarray, most: int, seed: int
) -> tuple[MixtureFit, ...]:
    """The mixtures with 1 to `most` components, see `fit_mixture`; kept for when the same ones are asked for again."""
    return _kept_fits(train.tobytes(), held_out.tobytes(), most, seed)


@functools.lru_cache(maxsize=8)
def _kept_fits(train: bytes, held_out: bytes, most: int, seed: int) -> tuple[MixtureFit, ...]:
    x, y = np.frombuffer(train), np.frombuffer(held_out)
    return tuple(fit_mixture(x, y, k, seed) for k in range(1, most + 1))


def checked_values(name: str, x: Tensor | np.ndarray, least: int) -> np.ndarray:
    """The values as float64 on the CPU.

    Raises:
        TypeError: x is no tensor or array of floats.
        ValueError: x has another shape than (n,), fewer values than `least`, or values that are not finite
            or beyond 1e100.
    """
    values = x.detach().cpu().double().numpy() if _float_tensor(x) else x
    if not isinstance(values, np.ndarray) or not np.issubdtype(values.dtype, np.floating):
        kind = getattr(x, "dtype", type(x).__name__)
        raise TypeError(f"{name} must be a tensor or an array of floats, got {kind}")
    if values.ndim != 1 or len(values) < least:
        raise ValueError(f"{name} must have shape (n,) with n >= {least}, got {values.shape}")
    values = values.astype(np.float64)
    wrong = ~(np.abs(values) <= MOST)  # true for NaN as well
    if wrong.any():
        raise ValueError(
            f"{name} must be finite and no larger than {MOST:g}, got {values[wrong][0]}"
        )
    return values


def _float_tensor(x: object) -> bool:
    return isinstance(x, Tensor) and x.is_floating_point()
