"""Numbers as text, for the words of widgets."""

from __future__ import annotations

__all__ = ["told_apart"]


def told_apart(*values: float) -> tuple[str, ...]:
    """All numbers with three decimals, or with as many as it takes to show that they differ.

    >>> told_apart(0.5, 0.50004)
    ('0.50000', '0.50004')
    """
    for digits in range(3, 9):
        texts = tuple(f"{value:.{digits}f}" for value in values)
        if len(set(texts)) == len(texts):
            break
    return texts
