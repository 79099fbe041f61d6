"""The masks of a small MADE: matrices by hand, paths by walking them, what a model depends on, the steps."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
import torch

from armodels_lite import MADE
from armodels_lite.masks import made_degrees
from armodels_lite.widgets.mask_state import MaskFrame, MaskNetwork, Move, like, walk
from armodels_lite.widgets.mask_words import sentence

ORDER, DEGREES = [1, 2, 0], [[2, 1, 2, 1]]  # x2, x3, x1
M1 = [[0, 1, 1], [0, 1, 0], [0, 1, 1], [0, 1, 0]]  # rows h1..h4, columns x1..x3
M2 = [[1, 1, 1, 1], [0, 0, 0, 0], [0, 1, 0, 1]]  # rows x1..x3, columns h1..h4
PATHS = [[0, 4, 2], [0, 0, 0], [0, 2, 0]]


def networks(count: int) -> list[MaskNetwork]:
    """Sizes, orders and degrees of all kinds: even, from a seed, and given, some of which leave units without input."""
    chance, found = random.Random(0), []
    for number in range(count):
        variables = chance.randint(2, 6)
        hidden = [chance.randint(2, 8) for _ in range(chance.randint(1, 2))]
        order = chance.sample(range(variables), variables)
        options: dict[str, object] = [{}, {"seed": number}, {"degrees": None}][number % 3]
        if number % 3 == 2:
            options = {
                "degrees": [[chance.randint(1, variables - 1) for _ in range(n)] for n in hidden]
            }
        found.append(MaskNetwork(variables, hidden, ordering=order, **options))
    return found


# -- numbers -------------------------------------------------------------------------------------------------------


def test_masks_and_paths_by_hand() -> None:
    network = MaskNetwork(3, (4,), ordering=ORDER, degrees=DEGREES)
    assert network.degrees == ((3, 1, 2), (2, 1, 2, 1), (3, 1, 2))
    assert [mask.tolist() for mask in network.masks] == [M1, M2]
    assert network.paths.tolist() == PATHS
    assert network.in_drawing_order(network.paths).tolist() == [[0, 0, 0], [2, 0, 0], [4, 2, 0]]
    assert network.measured.tolist() == [[False] * 3, [True, False, False], [True, True, False]]
    assert network.missing == [] and network.total == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("network", networks(15), ids=str)
def test_a_model_depends_on_what_has_a_path(network: MaskNetwork) -> None:
    product = network.in_drawing_order(network.paths)
    assert ((product > 0) == network.measured).all()
    assert (np.triu(product) == 0).all()
    frame = MaskFrame(network, walk(network), 0)
    assert frame.agree == network.variables**2


@pytest.mark.parametrize("network", networks(9), ids=str)
def test_paths_are_those_found_by_walking(network: MaskNetwork) -> None:
    """Every sequence of units, one of each layer, of which each may hear the one before."""
    layers, last = network.degrees, network.last_layer
    counts = np.zeros_like(network.paths)
    used = [[np.zeros_like(mask, bool) for mask in network.masks] for _ in layers[0]]
    for route in itertools.product(*(range(len(layer)) for layer in layers)):
        degrees = [layer[unit] for layer, unit in zip(layers, route, strict=True)]
        hidden = degrees[:-1]
        if hidden == sorted(hidden) and degrees[-2] < degrees[-1]:
            counts[route[-1], route[0]] += 1
            for layer in range(last):
                used[route[-1]][layer][route[layer + 1], route[layer]] = True
    assert (network.paths == counts).all()
    for output in range(network.variables):
        for edges, expected in zip(network.on_paths(output), used[output], strict=True):
            assert (edges == expected).all()


def test_degrees_and_masks_are_those_of_made() -> None:
    for seed in (None, 0, 3):
        network = MaskNetwork(5, (6, 4), ordering="random(1)", seed=seed)
        model = MADE((5,), hidden=(6, 4), ordering="random(1)", seed=seed)
        for layer, mask in zip(model.layers, network.masks, strict=True):
            assert (layer.mask.numpy() == mask).all()
        expected = made_degrees(model.rank, (6, 4), seed)
        assert [list(layer) for layer in network.degrees[:-1]] == [d.tolist() for d in expected]


def test_the_model_has_the_given_masks_weights_everywhere_and_leaves_chance_alone() -> None:
    network = MaskNetwork(3, (4,), ordering=ORDER, degrees=DEGREES)
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    model = network.model
    assert torch.equal(torch.random.get_rng_state(), before)
    assert [layer.mask.int().tolist() for layer in model.layers] == [M1, M2]
    assert all((layer.weight > 0).all() and (layer.bias > 0).all() for layer in model.layers)
    x = model.sample(8)  # by the decoder, which goes by the degrees
    assert x.shape == (8, 3)
    full = [torch.ones_like(layer.mask) for layer in model.layers]
    for layer, mask in zip(model.layers, full, strict=True):
        layer.mask.copy_(mask)
    unmasked = MaskNetwork(3, (4,), ordering=ORDER, degrees=DEGREES)
    unmasked.__dict__["model"] = model
    assert unmasked.measured.all(), "only the masks held the weights back"
    said = sentence(MaskFrame(unmasked, [Move("measured")], 0))
    assert "6 of 9 entries do not agree with the paths" in said


# -- steps ---------------------------------------------------------------------------------------------------------


def test_steps_are_counted() -> None:
    network = MaskNetwork(3, (4,), ordering=ORDER, degrees=DEGREES)
    units, entries = 3 + 4 + 3, 4 * 3 + 3 * 4
    assert len(walk(network)) == 1 + units + entries + 3 + 2
    assert len(walk(network, rows=True)) == 1 + units + (4 + 3) + 3 + 2
    assert len(walk(network, output=0)) == 1 + units + entries + 2 + 2
    large = MaskNetwork(6, (8, 8))
    assert len(walk(large)) == 1 + 28 + (48 + 64 + 48) + 6 + 2
    assert len(walk(large, rows=True, output=5)) == 1 + 28 + 22 + 3 + 2


def test_decisions_follow_the_walk() -> None:
    network = MaskNetwork(3, (4,), ordering=ORDER, degrees=DEGREES)
    moves = walk(network)
    for step in range(len(moves)):
        frame = MaskFrame(network, moves, step)
        assert len(frame.known) == min(step, 10)
        assert sum(int(known.sum()) for known in frame.decided) == min(max(step - 10, 0), 24)
    assert [(m.layer, m.unit, m.column) for m in moves[11:35]] == [
        *((1, row, column) for row in range(4) for column in range(3)),
        *((2, row, column) for row in range(3) for column in range(4)),
    ]


def test_the_like_step_of_another_walk() -> None:
    network = MaskNetwork(3, (4,))
    entries, rows = walk(network), walk(network, rows=True)
    for step, move in enumerate(rows):
        if move.kind != "mask":
            assert rows[like(rows, move)] == entries[like(entries, move)] == move
        else:
            there = entries[like(entries, move)]
            assert (there.layer, there.unit, there.column) == (move.layer, move.unit, 0)
            assert like(rows, there) == step
    small = walk(MaskNetwork(2, (2,)))
    assert small[like(small, Move("mask", 1, 3, 1))] == Move("mask", 1, 0, 0)
