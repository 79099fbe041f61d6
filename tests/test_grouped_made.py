"""GroupedMADE: variables of one group do not see each other; the contract suite has the rest."""

from __future__ import annotations

import math

import contract
import pytest
import torch
from random_weights import randomised

import armodels_lite as ar

GROUPS = [(6,), (1, 5), (5, 1), (2, 2, 2), (1, 2, 3), (1,) * 6]


def grouped(groups: tuple[int, ...], **arguments: object) -> ar.GroupedMADE:
    given = {"event_shape": (1, 2, 3), "hidden": (40, 30), "ordering": "random(3)", **arguments}
    return randomised(ar.GroupedMADE(groups=groups, **given), seed=1).double()


def group_of_step(groups: tuple[int, ...]) -> torch.Tensor:
    return torch.tensor([g for g, size in enumerate(groups) for _ in range(size)])


@pytest.mark.parametrize("groups", GROUPS, ids=str)
@pytest.mark.parametrize("direct", [False, True], ids=["", "direct"])
def test_each_variable_sees_all_groups_before_its_own(
    groups: tuple[int, ...], direct: bool
) -> None:
    model = grouped(groups, direct=direct)
    with torch.no_grad():
        for layer in list(model.layers)[:-1]:
            layer.bias.add_(2.0)  # a ReLU that never fires would hide a dependency
    group = group_of_step(groups)
    assert torch.equal(ar.dependencies(model), group.unsqueeze(1) > group)
    assert model.groups == groups


def test_random_degrees_leak_nothing_either() -> None:
    for seed in range(5):
        model = grouped((1, 3, 2), seed=seed, hidden=(9, 8))
        group = group_of_step((1, 3, 2))
        assert not (ar.dependencies(model) & (group.unsqueeze(1) <= group)).any()


def test_groups_of_one_are_a_made() -> None:
    for arguments in ({}, {"seed": 4}, {"direct": True, "num_classes": 2}):
        given = {"hidden": (20, 15), "ordering": "spiral", **arguments}
        made = randomised(ar.MADE((1, 2, 3), **given), seed=2)
        model = ar.GroupedMADE((1, 2, 3), groups=[1] * 6, **given)
        model.load_state_dict(made.state_dict())
        x, context = contract.events(made), contract.contexts(made)
        assert torch.equal(model.params(x, context), made.params(x, context))
        assert model.num_parameters() == made.num_parameters()


def test_a_single_group_is_a_product_of_independent_variables() -> None:
    model = grouped((6,))
    x = contract.events(model, 10)
    params = model.params(x)
    assert torch.equal(params, params[:1].expand_as(params))
    assert abs(ar.total_probability(model) - 1) < 1e-10


@pytest.mark.parametrize("groups", GROUPS, ids=str)
def test_one_pass_draws_a_group(groups: tuple[int, ...]) -> None:
    model = grouped(groups, conditional=ar.Categorical(3))
    u = contract.noise(model, 20)
    x = torch.zeros(20, *model.event_shape, dtype=model.event_dtype)
    for positions in model.ordering.split(list(groups)):
        drawn = model(x).draw(u)
        x.flatten(1)[:, positions] = drawn.flatten(1)[:, positions]
    assert torch.equal(x, model.sample(noise=u))


def test_masked_entries_are_no_parameters() -> None:
    """Without hidden layers: four biases, and two variables that see two others."""
    assert ar.GroupedMADE((4,), groups=(2, 2), hidden=()).num_parameters() == 4 + 2 * 2
    assert ar.GroupedMADE((4,), groups=(3, 1), hidden=()).num_parameters() == 4 + 3
    assert ar.GroupedMADE((4,), groups=(4,), hidden=()).num_parameters() == 4


def test_the_price_is_an_assumption() -> None:
    """Two equal bits: a group of both cannot learn that they are equal, groups of one can."""
    x = torch.tensor([[0.0, 0.0], [1.0, 1.0]]).double()
    for groups, optimum in (((2,), 2 * math.log(2)), ((1, 1), math.log(2))):
        model = randomised(ar.GroupedMADE((2,), groups=groups, hidden=(4,)), 0.3).double()
        contract.check_fit_reaches(model, x, optimum, steps=200)


def test_another_ordering_keeps_the_groups() -> None:
    model = grouped((1, 2, 3))
    other = model.with_ordering("reverse")
    assert other.groups == (1, 2, 3) and other.layers[0].weight is model.layers[0].weight
    group = group_of_step((1, 2, 3))
    assert not (ar.dependencies(other) & (group.unsqueeze(1) <= group)).any()
    assert abs(ar.total_probability(other) - 1) < 1e-10


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ((2, 3), "groups must sum to the 4 variables, got 5"),
        ((1, 2), "groups must sum to the 4 variables, got 3"),
        ((0, 4), r"groups must be a tuple of positive ints .* got \(0, 4\)"),
        ((5, -1), "groups must be a tuple of positive ints"),
        ((2.0, 2.0), "groups must be a tuple of positive ints"),
        ((True, 3), "groups must be a tuple of positive ints"),
        ((), "groups must be a tuple of positive ints"),
        (4, "groups must be a tuple of positive ints"),
        ("22", "groups must be a tuple of positive ints"),
        (None, "groups must be a tuple of positive ints"),
    ],
    ids=repr,
)
def test_groups_that_do_not_fit(groups: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ar.GroupedMADE((4,), groups=groups)


def test_several_orderings_are_not_its_own() -> None:
    for more in ({"masks": 2}, {"order_agnostic": True}):
        with pytest.raises(TypeError, match="unexpected keyword argument"):
            ar.GroupedMADE((4,), groups=(2, 2), **more)
