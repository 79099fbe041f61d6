"""What the graph of a Bayes net says about independence, against the numbers of random nets."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from random_weights import randomised
from test_bayes_net import WEATHER, every_event, weather

import armodels_lite as ar
from armodels_lite.dseparation import d_separated


def random_parents(rng: np.random.Generator, size: int) -> list[list[int]]:
    """A random graph whose arrows need not go from lower to higher positions."""
    order = rng.permutation(size)
    parents: list[list[int]] = [[] for _ in range(size)]
    for i, j in itertools.combinations(order.tolist(), 2):
        if rng.random() < 0.45:
            parents[j].append(i)
    return parents


@pytest.mark.parametrize("seed", range(12))
def test_d_separation_against_numbers(seed: int) -> None:
    """With random tables two variables are independent, to the last digits, iff the graph separates them."""
    size = 5
    parents = random_parents(np.random.default_rng(seed), size)
    net = randomised(ar.BayesNet((size,), parents=parents).double(), 2.0, seed)
    joint = every_event(net)[1].reshape([2] * size)
    for a, b in itertools.combinations(range(size), 2):
        others = [v for v in range(size) if v not in (a, b)]
        for k in range(size - 1):
            for given in itertools.combinations(others, k):
                summed = tuple(v for v in others if v not in given)
                p = joint.sum(summed, keepdims=True)
                gap = p * p.sum((a, b), keepdims=True) - p.sum(a, keepdims=True) * p.sum(
                    b, keepdims=True
                )
                independent = np.abs(gap).max() < 1e-14
                assert net.d_separated(a, b, given) == independent, (parents, a, b, given)
                assert net.d_separated(b, a, given) == independent


def test_d_separation_by_name() -> None:
    net = weather()
    assert net.d_separated("Cloudy", "Cold", "Rainy") and net.d_separated("Cold", 3, given=[1])
    assert not net.d_separated("Cloudy", "Cold")
    assert not net.d_separated("Cloudy", "Windy", given=["Rainy", "Cold"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0), "must not overlap, got 0, 0 and"),
        ((0, 1, [1]), r"must not overlap, got 0, 1 and \[1\]"),
        ((0, 4), "variables are 0 to 3, got 4"),
        ((-1, 2), "got -1"),
        ((0, 1, [2.0]), "got 2.0"),
    ],
)
def test_questions_about_the_graph_that_make_no_sense(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        d_separated(WEATHER, *arguments)
