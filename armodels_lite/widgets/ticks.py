"""Round numbers for the axes of charts."""

from __future__ import annotations

import math

__all__ = ["checked_range", "nice_ticks", "tick_texts"]


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """At most about `count` round numbers between low and high.

    >>> nice_ticks(0, 1)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    checked_range("ticks", (low, high))
    raw = (high - low) / count
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(magnitude * k for k in (1, 2, 2.5, 5, 10) if magnitude * k >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [
        float(f"{k * step:.12g}") for k in range(first, last + 1)
    ]  # 0.3, not 0.30000000000000004


def tick_texts(low: float, high: float, count: int) -> dict[float, str]:
    """Round numbers, in as many digits as it takes to tell them apart."""
    values = nice_ticks(low, high, count)
    for digits in range(6, 18):
        texts = [f"{value:.{digits}g}" for value in values]
        if len(set(texts)) == len(texts):
            break
    return dict(zip(values, texts, strict=True))


def checked_range(name: str, ends: tuple[float, float]) -> tuple[float, float]:
    """The ends of a range as floats; ValueError, naming it, unless they are finite and the lower one is first."""
    low, high = ends
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"{name} must be (low, high), finite and low < high, got {ends}")
    return float(low), float(high)
