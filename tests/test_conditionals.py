"""The conditionals: sizes, features, what values they take, JSON, bad arguments."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

import armodels_lite as ar

ALL = [
    ar.Bernoulli(),
    ar.Categorical(2),
    ar.Categorical(17),
    ar.Categorical((3, 2, 2)),
    ar.LogisticMixture(),
    ar.LogisticMixture(2, levels=5),
    ar.GaussianMixture(),
    ar.GaussianMixture(1),
    ar.PiecewiseConstant(),
    ar.PiecewiseConstant(4, -1.0, 3.0),
    ar.PiecewiseConstant([0.0, 0.1, 2.5]),
]
every = pytest.mark.parametrize("conditional", ALL, ids=repr)


def values(conditional: ar.Conditional, n: int) -> torch.Tensor:
    if conditional.levels is None:
        return torch.rand(n)
    return torch.randint(conditional.levels, (n,)).to(conditional.event_dtype(torch.float32))


@pytest.mark.parametrize(
    ("conditional", "params", "features", "levels", "integers"),
    [
        (ar.Bernoulli(), 1, 1, 2, False),
        (ar.Categorical(17), 17, 17, 17, True),
        (ar.Categorical((2, 4, 3)), 4, 4, 4, True),
        (ar.LogisticMixture(), 30, 1, 256, True),
        (ar.LogisticMixture(2, levels=5), 6, 1, 5, True),
        (ar.GaussianMixture(3), 9, 1, None, False),
        (ar.PiecewiseConstant([0, 1, 4]), 2, 1, None, False),
    ],
    ids=repr,
)
def test_sizes(conditional, params: int, features: int, levels: int | None, integers: bool) -> None:
    assert (conditional.num_params, conditional.num_features, conditional.levels) == (
        params,
        features,
        levels,
    )
    assert conditional.discrete == (levels is not None)
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        assert conditional.event_dtype(dtype) == (torch.int64 if integers else dtype)


@every
@pytest.mark.parametrize("n", [0, 1, 6])
def test_add_product_adds_features_times_weight(conditional: ar.Conditional, n: int) -> None:
    x, weight = (
        values(conditional, n),
        torch.randn(conditional.num_features, 7, dtype=torch.float64),
    )
    features = conditional.features(x, torch.float64)
    assert features.shape == (n, conditional.num_features) and features.dtype == torch.float64
    out = torch.ones_like(features @ weight)
    conditional.add_product_(out, x, weight)
    torch.testing.assert_close(out, 1 + features @ weight)


@every
def test_different_values_have_different_features(conditional: ar.Conditional) -> None:
    x = torch.tensor([0, 1]).to(conditional.event_dtype(torch.float32))
    zero, one = conditional.features(x, torch.float32)
    assert not torch.equal(zero, one)


def test_features() -> None:
    x = torch.tensor([0, 3, 1])
    assert ar.Categorical(4).features(x, torch.float32).tolist() == [
        [1, 0, 0, 0],
        [0, 0, 0, 1],
        [0, 1, 0, 0],
    ]
    scaled = ar.LogisticMixture(1, levels=4).features(x, torch.float64).squeeze(-1)
    torch.testing.assert_close(scaled, torch.tensor([-1.0, 1.0, -1 / 3], dtype=torch.float64))


@every
def test_distribution_has_the_batch_shape(conditional: ar.Conditional) -> None:
    dist = conditional.distribution(torch.randn(3, 2, conditional.num_params))
    x = values(conditional, 6).view(3, 2)
    assert tuple(dist.batch_shape) == (3, 2)
    for found in (
        dist.log_prob(x),
        dist.mean,
        dist.draw(torch.rand(3, 2)),
        dist.tempered(0.5).log_prob(x),
    ):
        assert found.shape == (3, 2) and torch.isfinite(found).all()


@pytest.mark.parametrize("conditional", [c for c in ALL if c.cardinalities is None], ids=repr)
def test_training_starts_from_finite_parameters(conditional: ar.Conditional) -> None:
    start = conditional.initial_params()
    assert start.shape == (conditional.num_params,) and torch.isfinite(start).all()
    if isinstance(conditional, ar.GaussianMixture | ar.LogisticMixture):
        means = start.chunk(3)[1]
        assert len(means.unique()) == conditional.components, (
            "components that start equal stay equal"
        )
        assert means.abs().max() < 1 and means.sum().abs() < 1e-6


@pytest.mark.parametrize(
    ("conditional", "wrong", "message"),
    [
        (ar.Bernoulli(), [0.0, 1.0, 0.5], "Bernoulli variables are 0 or 1, got 0.5"),
        (ar.Bernoulli(), [1.0, math.nan], "0 or 1, got nan"),
        (ar.Bernoulli(), [-1.0], "0 or 1, got -1"),
        (ar.Categorical(3), [0, 3], "levels 0 to 2, got 3"),
        (ar.Categorical(3), [-1, 0], "levels 0 to 2, got -1"),
        (ar.LogisticMixture(1), [255, 256], "levels 0 to 255, got 256"),
        (ar.GaussianMixture(1), [0.0, math.nan], "finite values, got nan"),
        (ar.GaussianMixture(1), [-math.inf], "finite values, got -inf"),
        (ar.PiecewiseConstant(2), [math.inf], "finite values, got inf"),
    ],
)
def test_values_that_cannot_occur(
    conditional: ar.Conditional, wrong: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        conditional.check_values(torch.tensor([wrong]))


@every
def test_values_that_can(conditional: ar.Conditional) -> None:
    conditional.check_values(values(conditional, 5))
    conditional.check_values(values(conditional, 0))


@every
def test_json_round_trip(conditional: ar.Conditional) -> None:
    text = json.dumps(conditional.to_json())
    loaded = ar.Conditional.from_json(json.loads(text))
    assert loaded == conditional and hash(loaded) == hash(conditional)
    params = torch.randn(conditional.num_params)
    x = values(conditional, 5)
    assert torch.equal(
        loaded.distribution(params).log_prob(x), conditional.distribution(params).log_prob(x)
    )


def test_what_differs_is_not_equal() -> None:
    assert len(set(ALL)) == len(ALL)
    assert ar.Categorical(3) != ar.Categorical(4)
    assert ar.Bernoulli() != ar.Categorical(2)
    assert ar.Categorical(3) == ar.Categorical(levels=3)


# -- a number of levels for each variable ---------------------------------------------------------------------------


def test_mixed_cardinalities() -> None:
    conditional = ar.Categorical((3, 2, 2))
    assert conditional.cardinalities == (3, 2, 2) and conditional.levels == 3
    assert repr(conditional) == "Categorical(levels=(3, 2, 2))"
    assert conditional == ar.Categorical([3, 2, 2]) and conditional != ar.Categorical((2, 2, 3))
    assert conditional != ar.Categorical(3) and ar.Categorical(3).cardinalities is None
    loaded = ar.Conditional.from_json(json.loads(json.dumps(conditional.to_json())))
    assert loaded.cardinalities == (3, 2, 2)


@pytest.mark.parametrize(
    ("x", "variables", "message"),
    [
        ([[2, 1, 1], [0, 2, 0]], [0, 1, 2], "variable 1 has levels 0 to 1, got 2"),
        ([[1, 1], [1, 2]], [1, 0], None),  # columns in drawing order: 2 is a level of variable 0
        ([[1, 1], [1, 2]], [0, 2], "variable 2 has levels 0 to 1, got 2"),
        ([[2], [0]], [2], "variable 2 has levels 0 to 1, got 2"),
        ([2, 1, 2], None, None),  # three values of who knows which variables
        ([2, 3], None, r"Categorical\(levels=\(3, 2, 2\)\) has levels 0 to 2, got 3"),
        ([[0, -1]], [0, 1], "got -1"),
    ],
)
def test_values_of_mixed_cardinalities(
    x: list, variables: list[int] | None, message: str | None
) -> None:
    conditional = ar.Categorical((3, 2, 2))
    if message is None:
        conditional.check_values(torch.tensor(x), variables)
    else:
        with pytest.raises(ValueError, match=message):
            conditional.check_values(torch.tensor(x), variables)


def test_mixed_cardinalities_have_no_common_start() -> None:
    with pytest.raises(ValueError, match=r"only BayesNet takes; accepted .* ar.Categorical\(3\)"):
        ar.Categorical((3, 2, 2)).initial_params()


def test_missing_levels_leave_gradients_finite() -> None:
    params = torch.tensor([0.3, -0.2, -math.inf], requires_grad=True)
    dist = ar.Categorical((3, 2)).distribution(params)
    x = torch.tensor(1)
    (gradient,) = torch.autograd.grad(dist.log_prob(x), params)
    p = torch.tensor([0.3, -0.2]).softmax(0)
    torch.testing.assert_close(gradient, torch.stack([-p[0], 1 - p[1], torch.tensor(0.0)]))
    torch.testing.assert_close(dist.score(x), gradient)
    assert dist.mean.item() == pytest.approx(p[1].item())
    for changed in (dist.tempered(1e-30), dist.tempered(50.0), dist.filtered(ar.top_p(0.99))):
        assert changed.log_prob(torch.tensor(2)) == -math.inf
        assert changed.probs.sum().item() == pytest.approx(1)


def test_json_of_numpy_edges() -> None:
    conditional = ar.PiecewiseConstant(np.linspace(0, 1, 5))
    assert ar.Conditional.from_json(json.loads(json.dumps(conditional.to_json()))) == conditional


@pytest.mark.parametrize("data", [{"name": "Poisson", "arguments": {}}, {}])
def test_unknown_conditional_in_a_file(data: dict) -> None:
    with pytest.raises(ValueError, match="unknown conditional .*known are Bernoulli, Categorical"):
        ar.Conditional.from_json(data)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ar.Categorical(1), "levels must be an int of at least 2, got 1"),
        (lambda: ar.Categorical(True), "got True"),
        (lambda: ar.Categorical(3.0), "got 3.0"),
        (lambda: ar.Categorical("3"), "got '3'"),
        (lambda: ar.Categorical(()), "one int for each variable, got none"),
        (
            lambda: ar.Categorical((3, 1)),
            "each number of levels must be an int of at least 2, got 1",
        ),
        (lambda: ar.Categorical((3, 2.0)), "got 2.0"),
        (lambda: ar.Categorical([True, 2]), "got True"),
        (lambda: ar.GaussianMixture(0), "components must be an int of at least 1, got 0"),
        (lambda: ar.GaussianMixture(-2), "got -2"),
        (lambda: ar.LogisticMixture(0), "components must be"),
        (lambda: ar.LogisticMixture(1, levels=1), "levels must be an int of at least 2, got 1"),
        (lambda: ar.PiecewiseConstant(0), "bins must be an int of at least 1, got 0"),
        (lambda: ar.PiecewiseConstant(True), "got True"),
        (lambda: ar.PiecewiseConstant(3, 1.0, 0.0), "low must be below high"),
        (lambda: ar.PiecewiseConstant(3, 0.0, math.inf), "finite, got low=0.0, high=inf"),
        (lambda: ar.PiecewiseConstant([0.0]), "edges must increase and be at least two"),
        (lambda: ar.PiecewiseConstant([0.0, 1.0, 1.0]), "edges must increase"),
        (lambda: ar.PiecewiseConstant([0.0, math.nan, 1.0]), "edges must increase"),
        (lambda: ar.PiecewiseConstant([0.0, math.inf]), "edges must"),
    ],
)
def test_bad_arguments(build: Callable[[], ar.Conditional], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
