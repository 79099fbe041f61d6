"""Where the boxes of a directed graph go, and which way its arrows take. Pure geometry, in CSS pixels, y downwards.

Layers of equal depth from top to bottom, after K. Sugiyama, S. Tagawa and M. Toda, "Methods for Visual Understanding
of Hierarchical System Structures" (1981): an arrow that skips a layer keeps a place of its own in it, so it never runs
through a box.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

from .cutting import Point, cut

__all__ = ["Layout", "layered", "placed"]

MARGIN, GAP, LEVEL = 8, 20, 48  # around everything, between boxes of a layer, between layers
LANE = 14  # the width that an arrow takes where it skips a layer
SWEEPS = 12
CANVAS = (360.0, 260.0)  # for positions that the caller chose; larger where boxes would overlap
CLEAR = 8  # pixels that a bent arrow keeps from other boxes

Node = int | tuple[int, int, int]  # a variable, or (parent, child, layer) where an arrow passes


@dataclass(frozen=True)
class Layout:
    """A graph's places.

    Attributes:
        width, height: of the whole graph.
        box: width and height of every box.
        centres: of the boxes.
        routes: (parent, child) -> the points of the arrow, from the edge of one box to that of the other.
    """

    width: float
    height: float
    box: tuple[float, float]
    centres: tuple[Point, ...]
    routes: dict[tuple[int, int], list[Point]]


# -- layers --------------------------------------------------------------------------------------------------------


def layered(parents: Sequence[Sequence[int]], order: Sequence[int], box: Point) -> Layout:
    """Boxes in layers, parents above children.

    Args:
        parents: parents[v] lists the parents of variable v; no cycles.
        order: all variables, parents before children.
        box: width and height of a box.

    >>> [y for _, y in layered([[], [0], [1], [0, 1]], range(4), (60, 40)).centres]
    [28.0, 116.0, 204.0, 204.0]
    """
    depth = _depths(parents, order)
    layers, links = _with_lanes(parents, depth)
    layers = _uncrossed(layers, links)
    across = _across(layers, links, box[0])
    half_widths = {node: _width(node, box[0]) / 2 for node in across}
    left = min(across[node] - half_widths[node] for node in across) - MARGIN
    right = max(across[node] + half_widths[node] for node in across) + MARGIN
    down = [MARGIN + box[1] / 2 + (box[1] + LEVEL) * layer for layer in range(len(layers))]
    centres = tuple((across[v] - left, down[depth[v]]) for v in range(len(parents)))
    routes = {}
    for child, own in enumerate(parents):
        paths = [_lane(parent, child, depth, across, left, down, box[1]) for parent in own]
        arrivals = _arrivals(centres[child], box, [path[-1] for path in paths])
        for parent, path, arrival in zip(own, paths, arrivals, strict=True):
            routes[parent, child] = [*path, arrival]
    return Layout(right - left, down[-1] + box[1] / 2 + MARGIN, box, centres, routes)


def _depths(parents: Sequence[Sequence[int]], order: Sequence[int]) -> list[int]:
    """The longest way from a root; a root itself goes right above its highest child."""
    depth = [0] * len(parents)
    for v in order:
        depth[v] = max((depth[u] + 1 for u in parents[v]), default=0)
    for v, own in enumerate(parents):
        if not own:
            depth[v] = min((depth[w] - 1 for w, of_w in enumerate(parents) if v in of_w), default=0)
    return depth


def _with_lanes(
    parents: Sequence[Sequence[int]], depth: Sequence[int]
) -> tuple[list[list[Node]], list[tuple[Node, Node]]]:
    """What each layer holds, and the links between neighbouring layers, upper end first."""
    layers: list[list[Node]] = [[] for _ in range(max(depth) + 1)]
    links: list[tuple[Node, Node]] = []
    for v, layer in enumerate(depth):
        layers[layer].append(v)
    for child, own in enumerate(parents):
        for parent in own:
            lanes = [(parent, child, layer) for layer in range(depth[parent] + 1, depth[child])]
            for lane in lanes:
                layers[lane[2]].append(lane)
            links += pairwise([parent, *lanes, child])
    return layers, links


def _uncrossed(layers: list[list[Node]], links: list[tuple[Node, Node]]) -> list[list[Node]]:
    """The layers with their entries in an order with few crossings: each goes to the mean of its neighbours."""
    best, fewest = layers, _crossings(layers, links)
    for sweep in range(SWEEPS):
        if fewest == 0:
            break
        layers = [list(layer) for layer in layers]
        down = sweep % 2 == 0
        for layer in layers if down else layers[::-1]:
            place = {node: k for row in layers for k, node in enumerate(row)}
            near = {
                node: [place[a if down else b] for a, b in links if node == (b if down else a)]
                for node in layer
            }
            layer.sort(key=lambda n: sum(near[n]) / len(near[n]) if near[n] else place[n])
        crossings = _crossings(layers, links)
        if crossings < fewest:
            best, fewest = layers, crossings
    return best


def _crossings(layers: list[list[Node]], links: list[tuple[Node, Node]]) -> int:
    place = {node: (row, k) for row, layer in enumerate(layers) for k, node in enumerate(layer)}
    ends = [(*place[upper], place[lower][1]) for upper, lower in links]
    return sum(
        row == other_row and (a - c) * (b - d) < 0
        for (row, a, b), (other_row, c, d) in combinations(ends, 2)
    )


def _across(
    layers: list[list[Node]], links: list[tuple[Node, Node]], width: float
) -> dict[Node, float]:
    """Horizontal places: each entry near the mean of its neighbours, as far as the others in its layer allow."""
    across: dict[Node, float] = {}
    for layer in layers:
        across.update(zip(layer, _spread([0.0] * len(layer), layer, width), strict=True))
    near: dict[Node, list[Node]] = {node: [] for node in across}
    for upper, lower in links:
        near[upper].append(lower)
        near[lower].append(upper)
    for _ in range(SWEEPS):
        for layer in [*layers, *layers[::-1]]:
            wished = [
                sum(across[other] for other in near[node]) / len(near[node])
                if near[node]
                else across[node]
                for node in layer
            ]
            across.update(zip(layer, _spread(wished, layer, width), strict=True))
    return across


def _spread(wished: Sequence[float], layer: Sequence[Node], width: float) -> list[float]:
    """The places nearest to those wished for, in squares, that keep neighbours apart: isotonic regression."""
    offsets = [0.0]
    for a, b in pairwise(layer):
        offsets.append(offsets[-1] + (_width(a, width) + _width(b, width)) / 2 + GAP)
    blocks: list[list[float]] = []  # of entries that touch: sum and number
    for wish, offset in zip(wished, offsets, strict=True):
        blocks.append([wish - offset, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1] = [blocks[-1][0] + total, blocks[-1][1] + count]
    places = [total / count for total, count in blocks for _ in range(int(count))]
    return [place + offset for place, offset in zip(places, offsets, strict=True)]


def _width(node: Node, box_width: float) -> float:
    return box_width if isinstance(node, int) else LANE


def _lane(
    parent: int,
    child: int,
    depth: Sequence[int],
    across: dict[Node, float],
    left: float,
    down: Sequence[float],
    height: float,
) -> list[Point]:
    """An arrow's points but the last: out of the parent, then straight down past the boxes of each layer between."""
    points = [(across[parent] - left, down[depth[parent]] + height / 2)]
    for layer in range(depth[parent] + 1, depth[child]):
        x = across[parent, child, layer] - left
        points += [(x, down[layer] - height / 2), (x, down[layer] + height / 2)]
    return points


def _arrivals(centre: Point, box: Point, origins: Sequence[Point]) -> list[Point]:
    """Where arrows from above meet the top of a box: side by side, in the order in which they come."""
    step = min(box[0] * 0.6 / max(len(origins) - 1, 1), box[0] * 0.36)
    rank = {
        k: place for place, k in enumerate(sorted(range(len(origins)), key=origins.__getitem__))
    }
    first = centre[0] - step * (len(origins) - 1) / 2
    return [(first + step * rank[k], centre[1] - box[1] / 2) for k in range(len(origins))]


# -- places that the caller chose ----------------------------------------------------------------------------------


def placed(
    parents: Sequence[Sequence[int]], positions: Sequence[Point], box: Point, names: Sequence[str]
) -> Layout:
    """Boxes at given positions, x and y in 0..1 with y downwards; arrows straight, or bent around boxes in their way.

    Raises:
        ValueError: other positions than a pair for each variable, or boxes that overlap however large the drawing.
    """
    positions = _checked_positions(positions, len(parents))
    for scale in (1.0, 1.3, 1.7, 2.2, 2.8):
        width, height = (scale * side for side in CANVAS)
        centres = tuple(
            (
                MARGIN + box[0] / 2 + x * (width - box[0] - 2 * MARGIN),
                MARGIN + box[1] / 2 + y * (height - box[1] - 2 * MARGIN),
            )
            for x, y in positions
        )
        overlaps = _overlaps(centres, box)
        if not overlaps:
            break
    else:
        a, b = overlaps[0]
        raise ValueError(
            f"the positions of {names[a]} and {names[b]} are too close: "
            f"{positions[a]} and {positions[b]}"
        )
    routes = {
        (parent, child): _bent(parent, child, centres, box, (width, height))
        for child, own in enumerate(parents)
        for parent in own
    }
    return Layout(width, height, box, centres, routes)


def _checked_positions(positions: Sequence[Point], size: int) -> list[Point]:
    message = f"positions must be {size} pairs (x, y) of numbers in 0..1, got {positions!r}"
    try:
        pairs = [(float(x), float(y)) for x, y in positions]
    except (TypeError, ValueError) as error:
        raise ValueError(message) from error
    if len(pairs) != size or not all(0 <= place <= 1 for pair in pairs for place in pair):
        raise ValueError(message)
    return pairs


def _overlaps(centres: Sequence[Point], box: Point) -> list[tuple[int, int]]:
    return [
        (a, b)
        for a, b in combinations(range(len(centres)), 2)
        if abs(centres[a][0] - centres[b][0]) < box[0] + CLEAR
        and abs(centres[a][1] - centres[b][1]) < box[1] + CLEAR
    ]


def _bent(
    parent: int, child: int, centres: Sequence[Point], box: Point, canvas: Point
) -> list[Point]:
    """The straightest way past all other boxes with one bend at most; straight where there is none."""
    start, end = centres[parent], centres[child]
    length = math.dist(start, end)
    normal = ((start[1] - end[1]) / length, (end[0] - start[0]) / length)
    others = [centre for v, centre in enumerate(centres) if v not in (parent, child)]
    paths = [[start, end]]
    for shift in range(20, int(max(canvas)), 20):
        for share in (0.5, 0.3, 0.7):
            for side in (shift, -shift):
                bend = tuple(
                    a + share * (b - a) + side * n
                    for a, b, n in zip(start, end, normal, strict=True)
                )
                if all(2 <= place <= edge - 2 for place, edge in zip(bend, canvas, strict=True)):
                    paths.append([start, bend, end])
    path = next((path for path in paths if _is_clear(path, others, box)), paths[0])
    return [_border(path[1], start, box), *path[1:-1], _border(path[-2], end, box)]


def _is_clear(path: Sequence[Point], others: Sequence[Point], box: Point) -> bool:
    half = [side / 2 + CLEAR for side in box]
    return not any(
        cut(path, (x - half[0], x + half[0]), (y - half[1], y + half[1])) for x, y in others
    )


def _border(outside: Point, centre: Point, box: Point) -> Point:
    """Where the way from a point to a box's centre enters the box."""
    inside = cut(
        [outside, centre],
        (centre[0] - box[0] / 2, centre[0] + box[0] / 2),
        (centre[1] - box[1] / 2, centre[1] + box[1] / 2),
    )
    return inside[0][0]
