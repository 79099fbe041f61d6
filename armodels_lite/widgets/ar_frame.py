"""The numbers of an AR(2) process: coefficients, inverse roots, a series, and whether it is stationary."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass

import numpy as np

__all__ = ["ARFrame", "ar_frame", "coefficients", "fixed_noise", "inverse_roots", "nearest_step"]

A_1 = [round(0.05 * k - 2, 2) for k in range(81)]  # what the step slider offers
A_2 = (-1.44, 1.2)
MOST_MODULUS = 1.2  # its square is 1.44: so each pair of roots has an a_2 on its slider
STEPS = 150
SHOWN = 100.0  # where the chart of the series ends: about 100 standard deviations of the noise
NEAR = 1e-9  # a modulus as near to 1 as this lies on the unit circle
DOUBLE = 1e-11  # a discriminant as near to 0 as this is rounding: the two roots are one


def inverse_roots(a_1: float, a_2: float) -> tuple[complex, complex]:
    """The zeros of z^2 - a_1 z - a_2, the one with the larger modulus, or the upper one of a pair, first.

    >>> inverse_roots(1.0, 0.0)
    ((1+0j), 0j)
    """
    # The closed form, not the eigenvalues of `numpy.roots`: those miss a double root by about 1e-8.
    discriminant = a_1 * a_1 + 4 * a_2
    if abs(discriminant) <= DOUBLE:
        return complex(a_1 / 2), complex(a_1 / 2)
    if discriminant < 0:
        upper = complex(a_1 / 2, math.sqrt(-discriminant) / 2)
        return upper, upper.conjugate()
    larger = (a_1 + math.copysign(math.sqrt(discriminant), a_1)) / 2
    return complex(larger), complex(-a_2 / larger + 0.0)  # 0, not -0


def coefficients(modulus: float, angle: float) -> tuple[float, float]:
    """(a_1, a_2) of the process whose inverse roots have this modulus and the angles +angle and -angle, in degrees.

    Rounded to 12 decimals.

    >>> coefficients(0.5, 90)
    (0.0, -0.25)
    """
    a_1, a_2 = 2 * modulus * math.cos(math.radians(angle)), -modulus * modulus
    # Rounding makes the cosine of 90 degrees 0; adding 0.0 turns -0.0 into 0.0.
    return round(a_1, 12) + 0.0, round(a_2, 12) + 0.0


@dataclass(frozen=True, eq=False)
class ARFrame:
    """One process x_t = a_1 x_{t-1} + a_2 x_{t-2} + eps_t and a series from it.

    Attributes:
        a_1, a_2: the coefficients.
        roots: the inverse roots; see `inverse_roots`.
        series: float64 (T,), x_1 to x_T; all before is 0.
    """

    a_1: float
    a_2: float
    roots: tuple[complex, complex]
    series: np.ndarray

    @property
    def modulus(self) -> float:
        """The larger modulus of the two roots; of a pair exactly sqrt(-a_2)."""
        return math.sqrt(-self.a_2) if self.roots[0].imag else abs(self.roots[0])

    @property
    def angle(self) -> float:
        """Degrees from the positive real axis to the first root, 0 to 180."""
        return math.degrees(cmath.phase(self.roots[0]))

    @property
    def is_pair(self) -> bool:
        """Whether modulus and angle say all: a complex pair, or one root twice."""
        return self.roots[0] == self.roots[1].conjugate()

    @property
    def state(self) -> str:
        """'stationary', 'unit root' (largest modulus 1) or 'explosive' (above 1)."""
        if abs(self.modulus - 1) <= NEAR:
            return "unit root"
        return "stationary" if self.modulus < 1 else "explosive"

    @property
    def variance(self) -> float:
        """Stationary variance of x_t for noise of variance 1; infinite where there is none."""
        if self.state != "stationary":
            return math.inf
        return (1 - self.a_2) / ((1 + self.a_2) * ((1 - self.a_2) ** 2 - self.a_1**2))

    @property
    def period(self) -> float:
        """Steps of a cycle, 360 degrees / angle; infinite without one (real roots)."""
        return 360 / self.angle if self.roots[0].imag else math.inf

    @property
    def leaves(self) -> int | None:
        """The first step with |x_t| above SHOWN, None if there is none."""
        beyond = np.flatnonzero(np.abs(self.series) > SHOWN)
        return int(beyond[0]) + 1 if len(beyond) else None


def ar_frame(a_1: float, a_2: float, noise: np.ndarray) -> ARFrame:
    """The process with these coefficients, driven by this noise, from zeros.

    Args:
        a_1: -2.4 to 2.4.
        a_2: -1.44 to 1.2.
        noise: float64 (T,), eps_1 to eps_T, T at least 1.

    Raises:
        TypeError: noise that is no array of numbers.
        ValueError: for other coefficients, or noise of another shape or not finite.
    """
    if not isinstance(noise, np.ndarray) or noise.dtype.kind not in "iuf":
        raise TypeError(f"noise must be a numpy array of numbers, got {noise!r}")
    if noise.ndim != 1 or not len(noise):
        raise ValueError(f"noise must have shape (T,) with T > 0, got {noise.shape}")
    if not np.isfinite(noise).all():
        raise ValueError(f"noise must be finite, got {noise[~np.isfinite(noise)][0]}")
    limit = 2 * MOST_MODULUS
    if not (abs(a_1) <= limit + NEAR and A_2[0] - NEAR <= a_2 <= A_2[1] + NEAR):
        raise ValueError(
            f"a_1 must be between {-limit:g} and {limit:g} and a_2 between {A_2[0]} and {A_2[1]}, "
            f"got {a_1} and {a_2}"
        )
    series, before, last = [], 0.0, 0.0
    for eps in noise.tolist():
        before, last = last, a_1 * last + a_2 * before + eps
        series.append(last)
    return ARFrame(a_1, a_2, inverse_roots(a_1, a_2), np.array(series))


def fixed_noise(seed: int) -> np.ndarray:
    """Noise N(0, 1) of 150 steps, float64, always the same for a seed."""
    return np.random.default_rng(seed).standard_normal(STEPS)


def nearest_step(a_1: float) -> int:
    """The step whose a_1 is nearest to this one."""
    return min(max(round((a_1 - A_1[0]) / 0.05), 0), len(A_1) - 1)
