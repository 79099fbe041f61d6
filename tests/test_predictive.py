"""Predictive sampling: the draws of the walk along the chain, and never more passes than it has steps."""

from __future__ import annotations

import math

import contract
import pytest
import torch
from models_under_test import CASES, Case
from random_weights import randomised
from torch import Tensor

import armodels_lite as ar
from armodels_lite.predictive import predictive_passes

BY_NAME = {case.name: case for case in CASES}
# Of every class a model or two: all conditionals, orderings other than raster, every kind of context, an end.
CHOSEN = [
    "FVSBN-categorical-class",
    "FVSBN-gaussian",
    "NADE-rgb-logistic",
    "NADE-agnostic-class",
    "NADE-image-hilbert",
    "MADE-deep",
    "MADE-vector",
    "MADE-gaussian-class",
    "GroupedMADE-deep",
    "GroupedMADE-class",
    "IndependentBernoulli",
    "LinearAR-series",
    "BayesNet-mixed",
    "RNN-vectors-everything",
    "RNN-end-class",
    "RNN-gru-gaussian",
    "PixelRNN-row-rgb",
    "PixelRNN-diagonal-categorical-class",
    "Transformer-rotary-local-class",
    "Transformer-strided-image",
    "Transformer-end",
    "WaveNet-gaussian-class",
    "WaveNet-logistic-class",
    "PixelCNN-rgb-image",
    "GatedPixelCNN-logistic-position",
    "PixelCNNpp-rgb-class",
]
chosen = pytest.mark.parametrize("case", [BY_NAME[name] for name in CHOSEN], ids=lambda c: c.name)


def assert_same(model: ar.AutoregressiveModel, found: Tensor, expected: Tensor) -> None:
    assert found.dtype == expected.dtype
    if model.conditional.discrete:
        assert torch.equal(found, expected)
    else:  # a pass and a cached step round differently
        torch.testing.assert_close(found, expected, atol=1e-9, rtol=1e-9)


def steps_right(model: ar.AutoregressiveModel, x: Tensor, final: Tensor) -> Tensor:
    """How many values of each event are right, counted from the first in drawing order to the first wrong one."""
    same = contract.in_order(model, x.isclose(final, rtol=1e-9, atol=1e-9))
    return same.long().cumprod(1).sum(1)


def chain_of_copies(size: int) -> ar.BayesNet:
    """x_1 is 1, each other variable copies the one before: a guess of zeros is wrong as long as it can be."""
    net = ar.BayesNet((size,), parents=[[], *([i] for i in range(size - 1))]).set_table(0, 1.0)
    for v in range(1, size):
        net.set_table(v, [0.0, 1.0])
    return net.double()


def test_a_model_of_every_class_is_among_those_chosen() -> None:
    classes = {case.name.split("-")[0] for case in CASES}
    assert {name.split("-")[0] for name in CHOSEN} == classes


@chosen
def test_the_draws_are_those_of_sample(case: Case) -> None:
    model = case.build()
    u, context = contract.noise(model), contract.contexts(model)
    expected = model.sample(noise=u, context=context)
    found = ar.predictive_sample(model, noise=u, context=context)
    assert_same(model, found.x, expected)
    assert found.passes.dtype == torch.int64 and found.passes.shape == (contract.SIZE,)
    assert (found.passes >= 1).all() and (found.passes <= model.num_variables).all()


@chosen
def test_what_is_said_to_be_settled_is_right(case: Case) -> None:
    """At each pass, with a poor guess: the values promised are final, and at least one more than at the pass before."""
    model = case.build()
    u, context, guess = contract.noise(model), contract.contexts(model), contract.events(model)
    final = model.sample(noise=u, context=context)
    passes = list(predictive_passes(model, noise=u, context=context, guess=guess))
    before = torch.zeros(contract.SIZE, dtype=torch.int64)
    for number, found in enumerate(passes):
        assert torch.equal(found.guess, guess)
        assert (steps_right(model, found.x, final) >= found.settled).all()
        assert (found.settled > before.clamp(max=model.num_variables - 1)).all()
        # One more than the values that came out as they were guessed, unless more were known before.
        agree = steps_right(model, found.guess, found.x)
        if model.conditional.discrete:
            assert (found.settled >= (agree + 1).clamp(max=model.num_variables)).all()
        guess, before = found.x, found.settled
        assert number < model.num_variables
    assert (before == model.num_variables).all()
    assert_same(model, passes[-1].x, final)


def passes_by_hand(model: ar.AutoregressiveModel, u: Tensor, context: Tensor | None) -> list[int]:
    """For each draw alone: passes until all but the last value came out as guessed, or T of them."""
    needed = []
    for i in range(len(u)):
        given = None if context is None else context[i : i + 1]
        x, count = torch.zeros(1, *model.event_shape, dtype=model.event_dtype), 0
        while True:
            guess, count = x, count + 1
            with torch.no_grad():
                x = model(guess, given).draw(u[i : i + 1]).to(model.event_dtype)
            inner = contract.in_order(model, guess == x)[:, :-1]
            if inner.all() or count == model.num_variables:
                break
        needed.append(count)
    return needed


@pytest.mark.parametrize(
    "name", ["NADE-rgb-logistic", "RNN-end-class", "PixelCNN-bernoulli", "Transformer-strided"]
)
def test_the_number_of_passes_is_counted_for_each_draw(name: str) -> None:
    model = BY_NAME[name].build()
    u, context = contract.noise(model, 20), contract.contexts(model, 20)
    found = ar.predictive_sample(model, noise=u, context=context)
    assert found.passes.tolist() == passes_by_hand(model, u, context)
    settled = [p.settled for p in predictive_passes(model, noise=u, context=context)]
    assert len(settled) == found.passes.max()
    done = (torch.stack(settled) < model.num_variables).sum(0) + 1
    assert torch.equal(done, found.passes)


@pytest.mark.parametrize("name", ["FVSBN-categorical-class", "PixelCNNpp-rgb", "WaveNet-logistic"])
def test_the_right_guess_needs_one_pass(name: str) -> None:
    model = BY_NAME[name].build()
    u, context = contract.noise(model), contract.contexts(model)
    right = model.sample(noise=u, context=context)
    found = ar.predictive_sample(model, noise=u, context=context, guess=right)
    assert torch.equal(found.x, right) and (found.passes == 1).all()


def test_a_guess_saves_passes_and_changes_nothing_else() -> None:
    model = BY_NAME["MADE-deep"].build()
    u = contract.noise(model, 50)
    plain = ar.predictive_sample(model, noise=u)
    guess = plain.x.clone()
    guess.flatten(1)[:, model.ordering[-2]] = 1 - guess.flatten(1)[:, model.ordering[-2]]
    kept = guess.clone()
    good = ar.predictive_sample(model, noise=u, guess=guess)
    poor = ar.predictive_sample(model, noise=u, guess=1 - plain.x)
    assert torch.equal(good.x, plain.x) and torch.equal(poor.x, plain.x)
    assert (good.passes == 2).all() and poor.passes.sum() > good.passes.sum()
    assert torch.equal(guess, kept), "the guess that was given has changed"


def test_the_worst_case_takes_as_many_passes_as_variables() -> None:
    net = chain_of_copies(9)
    found = ar.predictive_sample(net, 3)
    assert (found.x == 1).all() and found.passes.tolist() == [9, 9, 9]
    settled = [p.settled.tolist() for p in predictive_passes(net, 1)]
    assert settled == [[t] for t in range(1, 10)]


@pytest.mark.parametrize("groups", [(12,), (6, 6), (1, 11), (11, 1), (3, 4, 5), (1,) * 12])
def test_a_grouped_made_needs_one_pass_more_than_groups(groups: tuple[int, ...]) -> None:
    worst = 0
    for seed in range(3):
        model = ar.GroupedMADE((1, 3, 4), groups=groups, hidden=(40,), ordering="random(3)")
        randomised(model.double(), 2.0, seed)
        u = contract.noise(model, 30, seed)
        found = ar.predictive_sample(model, noise=u)
        assert torch.equal(found.x, model.sample(noise=u))
        worst = max(worst, int(found.passes.max()))
    assert worst <= min(len(groups) + 1, 12)
    assert worst >= min(len(groups), 3)  # the bound is no empty one


def test_independent_variables_need_two() -> None:
    model = randomised(ar.IndependentBernoulli((50,)), 1.0)
    assert (ar.predictive_sample(model, 20).passes == 2).all()


@pytest.mark.parametrize("conditional", [ar.Bernoulli(), ar.GaussianMixture(2)], ids=repr)
def test_one_variable_and_no_draws(conditional: ar.Conditional) -> None:
    model = randomised(ar.NADE((1,), hidden=2, conditional=conditional)).double()
    u = contract.noise(model)
    found = ar.predictive_sample(model, noise=u)
    assert_same(model, found.x, model.sample(noise=u))
    assert (found.passes == 1).all()
    none = ar.predictive_sample(ar.FVSBN((2, 3)), 0)
    assert none.x.shape == (0, 2, 3) and none.passes.shape == (0,)
    assert list(predictive_passes(ar.FVSBN((2, 3)), 0)) == []


def test_the_noise_is_that_of_sample() -> None:
    model = BY_NAME["NADE-categorical-class"].build()
    context = torch.tensor([0, 2, 1, 2])
    for draw in (model.sample, lambda *a, **k: ar.predictive_sample(model, *a, **k).x):
        seeded = draw(4, context=context, generator=torch.Generator().manual_seed(8))
        torch.manual_seed(8)
        assert torch.equal(draw(4, context=context), seeded)
        if draw == model.sample:
            expected = seeded
    assert torch.equal(seeded, expected)
    state = torch.get_rng_state()
    ar.predictive_sample(model, noise=contract.noise(model, 4), context=context)
    assert torch.equal(torch.get_rng_state(), state)


def test_dropout_is_off_and_the_mode_comes_back() -> None:
    model = ar.Transformer((6,), width=8, heads=2, layers=1, dropout=0.5).double()
    randomised(model).train()
    u = contract.noise(model, 20)
    expected = model.sample(noise=u)
    assert torch.equal(ar.predictive_sample(model, noise=u).x, expected)
    for found in predictive_passes(model, noise=u):
        assert all(module.training for module in model.modules())
        assert not found.x.requires_grad
    assert torch.equal(found.x, expected)


def test_what_a_pass_shows_may_be_written_on() -> None:
    model = BY_NAME["MADE-deep"].build()
    u = contract.noise(model)
    for found in predictive_passes(model, noise=u):
        last = found.x.clone()
        for tensor in (found.guess, found.x, found.settled):
            tensor.zero_()
    assert torch.equal(last, model.sample(noise=u))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": ar.Histogram((1,), conditional=ar.PiecewiseConstant(3))}, TypeError, "Histogra"),
        ({"model": None}, TypeError, "predictive sampling needs an autoregressive model, got None"),
        ({"n": None}, ValueError, "say how many samples: give n, or noise"),
        ({"n": -1}, ValueError, "an int of at least 0, got -1"),
        ({"n": 2.0}, ValueError, "an int of at least 0, got 2.0"),
        ({"noise": torch.full((3, 4), 0.5)}, ValueError, "n is 2, but noise is for 3 samples"),
        ({"noise": torch.zeros(2, 4)}, ValueError, "strictly between 0 and 1"),
        ({"noise": torch.full((2, 5), 0.5)}, ValueError, r"noise must be floats of shape \(2, 4\)"),
        ({"generator": 3}, TypeError, "generator must be a torch.Generator, got int"),
        ({"context": torch.tensor([0, 1])}, ValueError, "not conditional, but a context was given"),
        ({"model": ar.FVSBN((4,), num_classes=2)}, ValueError, "is conditional: give int64 classe"),
        ({"guess": torch.zeros(3, 4)}, ValueError, "guess must hold 2 events, one for each .* 3"),
        ({"guess": torch.zeros(2, 3)}, ValueError, r"guess must have shape \(B, 4\), got \(2, 3\)"),
        ({"guess": torch.zeros(2, 4).int()}, TypeError, "guess must be torch.float32 for this mod"),
        ({"guess": torch.full((2, 4), 0.5)}, ValueError, "Bernoulli variables are 0 or 1, got 0.5"),
        ({"guess": [[0.0] * 4] * 2}, TypeError, "guess must be a torch.Tensor, got list"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_does_not_fit_is_refused(change: dict, error: type, message: str) -> None:
    given = {"model": ar.FVSBN((4,)), "n": 2, **change}
    model = given.pop("model")
    with pytest.raises(error, match=message):
        ar.predictive_sample(model, **given)
    with pytest.raises(error, match=message):
        predictive_passes(model, **given)  # at the call, not at the first pass


def test_weights_that_are_nan_are_refused() -> None:
    model = ar.FVSBN((4,))
    with torch.no_grad():
        model.linear.bias[0] = math.nan
    with pytest.raises(ValueError, match="weights that are NaN"):
        ar.predictive_sample(model, 2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kind", [ar.MADE, ar.GatedPixelCNN])
def test_on_a_gpu_the_draws_are_those_of_sample(kind: type) -> None:
    model = randomised(kind((1, 4, 4))).double().cuda()
    noise = torch.rand(8, 1, 4, 4, dtype=torch.float64).clamp(1e-6, 1 - 1e-6).cuda()
    found = ar.predictive_sample(model, noise=noise)
    assert found.x.is_cuda and torch.equal(found.x, model.sample(noise=noise))
