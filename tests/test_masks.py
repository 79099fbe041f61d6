"""Masks as pure functions: against loops over units, for many degrees."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from armodels_lite.masks import degree_mask, expand_mask, made_degrees, made_masks

NETWORKS = [(6, [5]), (7, [3, 9]), (2, [4, 4, 4]), (1, [3]), (5, []), (10, [2]), (4, [100, 1, 50])]
SEEDS = [None, 0, 1, 2, 3]


def paths(degrees: list[torch.Tensor]) -> torch.Tensor:
    """Number of paths from each input (column) to each output (row)."""
    product = torch.eye(len(degrees[0]), dtype=torch.int64)
    for mask in made_masks(degrees):
        product = mask.long() @ product
    return product


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("size", "hidden"), NETWORKS)
def test_no_path_from_a_variable_to_itself_or_back(
    size: int, hidden: list[int], seed: int | None
) -> None:
    for ordering in (torch.arange(size), torch.randperm(size)):
        degrees = made_degrees(ordering.argsort(), hidden, seed)
        in_order = paths(degrees)[ordering][:, ordering]
        assert torch.equal(in_order, in_order.tril(-1))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("size", "hidden"), NETWORKS)
def test_masks_are_the_rule_of_degrees(size: int, hidden: list[int], seed: int | None) -> None:
    degrees = made_degrees(torch.randperm(size), hidden, seed)
    masks = made_masks(degrees)
    assert len(masks) == len(hidden) + 1
    for (below, above), mask in zip(pairwise(degrees), masks[:-1], strict=True):
        assert mask.dtype == torch.bool
        assert mask.tolist() == [[a >= b for b in below.tolist()] for a in above.tolist()]
    assert masks[-1].tolist() == [
        [o > h for h in degrees[-1].tolist()] for o in degrees[0].tolist()
    ]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("size", "hidden"), NETWORKS)
def test_degrees(size: int, hidden: list[int], seed: int | None) -> None:
    rank = torch.randperm(size)
    inputs, *layers = made_degrees(rank, hidden, seed)
    assert torch.equal(inputs, rank + 1)
    assert [len(layer) for layer in layers] == hidden
    for layer in layers:
        assert layer.min() >= 1 and layer.max() <= max(1, size - 1)
    again = made_degrees(rank, hidden, seed)
    assert all(torch.equal(one, other) for one, other in zip([inputs, *layers], again, strict=True))


@pytest.mark.parametrize(("size", "units"), [(6, 5), (6, 10), (6, 13), (785, 500), (3, 1)])
def test_without_a_seed_degrees_are_spread_evenly(size: int, units: int) -> None:
    (degrees,) = made_degrees(torch.arange(size), [units])[1:]
    counts = np.bincount(degrees, minlength=size)[1:]
    assert counts.sum() == units and counts.max() - counts.min() <= 1


def test_with_a_seed_degrees_differ_and_respect_the_layer_below() -> None:
    rank = torch.arange(50)
    one, other = (made_degrees(rank, [40, 3, 40], seed) for seed in (0, 1))
    assert not torch.equal(one[1], other[1])
    for degrees in (one, other):
        assert (
            degrees[3].min() >= degrees[2].min() > 1
        )  # three units of fifty degrees: the lowest is above 1


def test_a_seed_leaves_the_global_generator_alone() -> None:
    state = torch.get_rng_state()
    made_degrees(torch.arange(5), [4], seed=3)
    assert torch.equal(torch.get_rng_state(), state)


def test_wide_layers_connect_every_earlier_variable() -> None:
    size = 9
    assert torch.equal(
        paths(made_degrees(torch.arange(size), [size - 1, 2 * size])) > 0,
        torch.ones(size, size, dtype=torch.bool).tril(-1),
    )


def test_degree_mask_by_hand() -> None:
    outputs, inputs = torch.tensor([1, 2, 3]), torch.tensor([1, 2])
    assert degree_mask(outputs, inputs, strict=True).int().tolist() == [[0, 0], [1, 0], [1, 1]]
    assert degree_mask(outputs, inputs, strict=False).int().tolist() == [[1, 0], [1, 1], [1, 1]]


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 1), (1, 2), (2, 3)])
def test_expand_mask_is_a_kronecker_product(rows: int, columns: int) -> None:
    mask = torch.rand(4, 5) < 0.5
    expected = np.kron(mask.numpy(), np.ones((rows, columns), dtype=bool))
    assert np.array_equal(expand_mask(mask, rows, columns).numpy(), expected)
