"""Round numbers for the axes of charts."""

from __future__ import annotations

import math

__all__ = ["checked_range", "nice_ticks", "tick_texts"]


def nice_ticks(low: float, high: float, count: int = 5) -> list[float]:
    """At most about `count` round numbers between low and high, in rising order.

    Raises ValueError unless low < high, both finite, and `count` is an int of at least 1.

    >>> nice_ticks(0, 1)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    checked_range("ticks", (low, high))
    if type(count) is not int or count < 1:
        raise ValueError(f"count must be an int of at least 1, got {count!r}")
    # Halves, since the distance of two huge numbers may be no float; nor may a step beyond 1e308 or below the least.
    raw = max(2 * min((high / 2 - low / 2) / count, 5e307), math.ulp(0.0))
    exponent = math.floor(math.log10(raw))
    steps = (float(f"{k}e{exponent}") for k in (1, 2, 2.5, 5, 10))
    step = next(step for step in steps if step >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    # 0.3, not 0.30000000000000004; and digits enough for ticks that differ in their last ones only.
    digits = max(12, math.ceil(math.log10(max(abs(low), abs(high)) / step)) + 2)
    ticks = (float(f"{k * step:.{digits}g}") for k in range(first, last + 1))
    return list(dict.fromkeys(ticks))


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
