"""Lines cut at the edges of a rectangle and broken where a value is missing: what a chart leaves out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

__all__ = ["Point", "cut", "runs"]

Point = tuple[float, float]


def runs(points: Sequence[Point]) -> list[list[Point]]:
    """The points in stretches of finite values."""
    stretches: list[list[Point]] = [[]]
    for point in points:
        if math.isfinite(point[0]) and math.isfinite(point[1]):
            stretches[-1].append(point)
        elif stretches[-1]:
            stretches.append([])
    return [stretch for stretch in stretches if stretch]


def cut(points: Sequence[Point], x: Point, y: Point) -> list[list[Point]]:
    """The parts of a line through the points that lie in the rectangle of the ranges x and y."""
    parts: list[list[Point]] = []
    for start, end in pairwise(points):
        piece = _cut_segment(start, end, x, y)
        if piece is None:
            continue
        if parts and parts[-1][-1] == piece[0]:
            parts[-1].append(piece[1])
        else:
            parts.append(list(piece))
    return parts


def _cut_segment(start: Point, end: Point, x: Point, y: Point) -> tuple[Point, Point] | None:
    """The part of a segment inside a rectangle, None if nothing is: Y.-D. Liang and B. Barsky (1984)."""
    enter, leave = 0.0, 1.0
    for axis, (low, high) in enumerate((x, y)):
        begin, change = start[axis], end[axis] - start[axis]
        if change == 0:
            if not low <= begin <= high:
                return None
            continue
        first, second = sorted(((low - begin) / change, (high - begin) / change))
        enter, leave = max(enter, first), min(leave, second)
    if enter > leave:
        return None

    def at(share: float) -> Point:
        # The ends themselves exactly, so that neighbouring segments are seen to meet.
        if share in (0.0, 1.0):
            return end if share else start
        return tuple(a + share * (b - a) for a, b in zip(start, end, strict=True))

    return at(enter), at(leave)
