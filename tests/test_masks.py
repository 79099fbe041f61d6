"""Masks as pure functions: against loops over units, for many degrees."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from armodels_lite.masks import (
    channel_groups,
    convolution_mask,
    degree_mask,
    expand_mask,
    made_degrees,
    made_masks,
)

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


@pytest.mark.parametrize(("features", "channels"), [(1, 1), (5, 1), (3, 3), (16, 3), (7, 4)])
def test_channel_groups_are_consecutive_and_as_equal_as_can_be(
    features: int, channels: int
) -> None:
    groups = channel_groups(features, channels)
    assert groups.dtype == torch.int64 and groups.tolist() == sorted(groups.tolist())
    counts = np.bincount(groups, minlength=channels)
    assert len(counts) == channels and counts.sum() == features
    assert counts.min() >= 1 and counts.max() - counts.min() <= 1


def test_every_channel_needs_a_feature() -> None:
    with pytest.raises(ValueError, match="each of 3 channels needs .* got 2 features"):
        channel_groups(2, 3)


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("size", [(1, 1), (3, 3), (7, 7), (1, 5), (5, 3)])
def test_convolution_mask_by_loops(size: tuple[int, int], strict: bool) -> None:
    """A tap is on iff its pixel and channel come before those of the output, or, in mask B, are the same."""
    outputs, inputs = channel_groups(7, 3), channel_groups(4, 3)
    mask = convolution_mask(outputs, inputs, size, strict=strict)
    assert mask.dtype == torch.bool and mask.shape == (7, 4, *size)
    middle = size[0] // 2, size[1] // 2
    for o, i, *tap in np.ndindex(*mask.shape):
        there, here = (*tap, int(inputs[i])), (*middle, int(outputs[o]))
        assert mask[o, i, tap[0], tap[1]] == (there < here or (not strict and there == here))


@pytest.mark.parametrize("size", [(2, 3), (3, 4), (0, 1)])
def test_a_kernel_needs_a_centre(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"must be odd, got \("):
        convolution_mask(torch.tensor([0]), torch.tensor([0]), size, strict=True)
