"""The chain rule: worked example, steps, modes, one pass. All models: test_contract.py, arguments: test_sampling.py."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from random_weights import randomised
from torch import Tensor

import armodels_lite as ar
from armodels_lite.distributions import uniform_noise


@pytest.fixture
def coins() -> ar.AutoregressiveModel:
    """Binary, 2x3 pixels in a random order."""
    return randomised(ar.NADE((1, 2, 3), hidden=5, ordering="random(1)"))


# -- the worked example ---------------------------------------------------------------------------------------------

ROWS = [
    [0.2],
    [-0.5, 1.5],
    [-1.0, 0.8, 1.2],
    [-0.3, 0.6, 0.9, 1.1],
]  # bias, then one weight for each pixel before


@pytest.fixture
def four_pixels() -> ar.FVSBN:
    model = ar.FVSBN((1, 2, 2))
    with torch.no_grad():
        for t, (bias, *weights) in enumerate(ROWS):
            model.linear.bias[t] = bias
            model.linear.weight[t, :t] = torch.tensor(weights)
    return model


def test_the_example_evaluated(four_pixels: ar.FVSBN) -> None:
    def by_hand(x: list[int]) -> float:
        p = 1.0
        for t, (bias, *weights) in enumerate(ROWS):
            one = 1 / (1 + math.exp(-bias - sum(w * v for w, v in zip(weights, x, strict=False))))
            p *= one if x[t] else 1 - one
        return p

    assert by_hand([0, 1, 1, 0]) == pytest.approx(0.0144, abs=5e-5)
    for x in itertools.product([0, 1], repeat=4):
        event = torch.tensor(x, dtype=torch.float32).view(1, 1, 2, 2)
        assert four_pixels.log_prob(event).exp().item() == pytest.approx(by_hand(list(x)), rel=1e-5)


@pytest.mark.parametrize("cache", [True, False])
def test_the_example_sampled(four_pixels: ar.FVSBN, cache: bool) -> None:
    noise = torch.tensor([0.62, 0.25, 0.80, 0.50]).view(1, 1, 2, 2)
    probs = [0.5498, 0.3775, 0.5498, 0.6457]  # of the four pixels along [0, 1, 0, 1]
    steps = list(four_pixels.sample_steps(noise=noise, cache=cache))
    assert [round(step.dist.probs.item(), 4) for step in steps] == probs
    assert steps[-1].x.flatten().tolist() == [0, 1, 0, 1]
    assert torch.equal(four_pixels.sample(noise=noise, cache=cache), steps[-1].x)


# -- steps ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cache", [True, False])
def test_steps(coins: ar.AutoregressiveModel, cache: bool) -> None:
    steps = list(coins.sample_steps(3, generator=torch.Generator().manual_seed(0), cache=cache))
    assert [step.t for step in steps] == list(range(6))
    assert [step.position for step in steps] == coins.ordering.tolist()
    final = steps[-1].x
    for step in steps:
        assert (
            step.x.shape == (3, 1, 2, 3)
            and step.u.shape == (3,)
            and tuple(step.dist.batch_shape) == (3,)
        )
        known = torch.zeros(6, dtype=torch.bool)
        known[coins.ordering[: step.t + 1]] = True
        assert torch.equal(
            step.x.flatten(1), final.flatten(1) * known
        )  # 0 where nothing is drawn yet
    assert torch.equal(final, coins.sample(3, generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize("cache", [True, False])
def test_snapshots_do_not_alias(coins: ar.AutoregressiveModel, cache: bool) -> None:
    """Writing into a step, or keeping it, touches neither the sampling nor other steps."""
    noise = uniform_noise((3, 1, 2, 3))
    expected = [
        (s.x, s.dist.params.clone()) for s in coins.sample_steps(noise=noise.clone(), cache=cache)
    ]
    kept = []
    for step in coins.sample_steps(noise=noise, cache=cache):
        kept.append((step.x.clone(), step.dist.params))
        step.x.fill_(9.0)
    for (x, params), (wanted, wanted_params) in zip(kept, expected, strict=True):
        assert torch.equal(x, wanted) and torch.equal(params, wanted_params)


def test_a_step_cannot_be_changed(coins: ar.AutoregressiveModel) -> None:
    step = next(coins.sample_steps(1))
    with pytest.raises(AttributeError):
        step.t = 5


def test_arguments_of_steps_are_checked_at_the_call(coins: ar.AutoregressiveModel) -> None:
    with pytest.raises(ValueError, match="temperature"):
        coins.sample_steps(1, temperature=-1)


class Dropping(ar.FVSBN):
    """Looks at its mode: trained with dropout, and counts in which mode it was asked."""

    def __init__(self, event_shape, **options) -> None:
        super().__init__(event_shape, **options)
        self.part, self.frozen = torch.nn.Dropout(0.5), torch.nn.Dropout(0.5).eval()
        self.modes: set[tuple[bool, bool, bool]] = set()

    def params(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        self.modes.add((self.training, self.part.training, torch.is_grad_enabled()))
        return self.part(super().params(x, context))


def modes(model: Dropping) -> tuple[bool, bool, bool, bool]:
    return model.training, model.part.training, model.frozen.training, torch.is_grad_enabled()


@pytest.mark.parametrize("training", [True, False])
def test_modes_are_set_and_restored(training: bool) -> None:
    model = Dropping((3,)).train(training)
    model.frozen.eval()
    before = modes(model)
    model.sample(2, cache=False)
    assert modes(model) == before
    for _ in model.sample_steps(2, cache=False):
        assert modes(model) == before, "between the steps the model is the caller's"
    steps = model.sample_steps(2, cache=False)
    next(steps)
    del steps  # abandoned half way
    assert modes(model) == before
    with torch.no_grad():
        model.sample(2, cache=False)
        assert not torch.is_grad_enabled()
    assert model.modes == {(False, False, False)}
    assert not model.sample(2).requires_grad


def test_modes_are_restored_after_an_error() -> None:
    class Failing(Dropping):
        def params(self, x: Tensor, context: Tensor | None = None) -> Tensor:
            raise ArithmeticError("on purpose")

    model = Failing((3,)).train()
    model.frozen.eval()
    before = modes(model)
    with pytest.raises(ArithmeticError):
        model.sample(2, cache=False)
    with pytest.raises(ArithmeticError):
        list(model.sample_steps(2, cache=False))
    assert modes(model) == before


# -- one pass -------------------------------------------------------------------------------------------------------


def test_one_pass_holds_every_conditional() -> None:
    """`model(x).sample()` draws each variable given the true ones before it: no sample of the model."""
    copying = ar.FVSBN((3,))  # every pixel repeats the one before it, almost surely
    with torch.no_grad():
        copying.linear.weight.copy_(100 * torch.diag(torch.ones(2), -1))
        copying.linear.bias.copy_(torch.tensor([0.0, -50.0, -50.0]))
    zeros = copying(torch.zeros(2000, 3))
    assert tuple(zeros.batch_shape) == (2000, 3) and tuple(zeros.event_shape) == ()
    drawn = zeros.sample()
    assert 0.4 < drawn[:, 0].mean() < 0.6 and drawn[:, 1:].sum() == 0
    sampled = copying.sample(2000)
    assert torch.equal(sampled[:, :1].expand(-1, 3), sampled)


def test_rank_is_the_inverse_of_the_ordering(coins: ar.AutoregressiveModel) -> None:
    assert coins.ordering.dtype == coins.rank.dtype == torch.int64
    assert torch.equal(coins.rank[coins.ordering], torch.arange(6))
    assert torch.equal(coins.half().ordering, ar.NADE((1, 2, 3), ordering="random(1)").ordering)


@pytest.mark.parametrize("model", [ar.FVSBN, ar.NADE, ar.MADE])
def test_conditionals_outside_the_support_matrix_are_refused(
    model: type[ar.AutoregressiveModel],
) -> None:
    with pytest.raises(ValueError, match=r"takes Bernoulli, Categorical, .* got PiecewiseConstant"):
        model((4,), conditional=ar.PiecewiseConstant(3))


def test_noise_changed_between_steps_changes_nothing(coins: ar.AutoregressiveModel) -> None:
    noise = torch.full((1, *coins.event_shape), 0.3)
    expected = coins.sample(noise=noise)
    steps = coins.sample_steps(noise=noise)
    next(steps)
    noise.fill_(0.9)
    assert torch.equal(list(steps)[-1].x, expected)


def test_forks_share_what_never_changes() -> None:
    decoder = ar.FVSBN((4,)).decoder(1)
    fork = decoder.fork()
    assert fork._weight is decoder._weight and fork._running is not decoder._running
