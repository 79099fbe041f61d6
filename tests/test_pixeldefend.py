"""Purification: greedy against a loop over single conditionals, and what it may never do."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from defence_cases import BY_NAME, every_model, relaxed_models, with_images
from models_under_test import Case
from random_weights import randomised
from torch import Tensor

import armodels_lite as ar
from armodels_lite.pixeldefend import purify, purify_steps
from armodels_lite.shades import to_shades


def by_hand(
    model: ar.AutoregressiveModel, x: Tensor, radius: int, context: Tensor | None
) -> Tensor:
    """Image by image, variable by variable, level by level, each time from the whole model."""
    purified = x.clone()
    for i in range(len(x)):
        part = None if context is None else context[i : i + 1]
        for position in model.ordering.tolist():
            dist = model(purified[i : i + 1], part)
            log_probs = dist.level_log_probs().flatten(0, -2)[position].tolist()
            given = int(x[i].flatten()[position])
            best = given
            for level in range(max(0, given - radius), min(model.levels, given + radius + 1)):
                if log_probs[level] > log_probs[best]:
                    best = level
            purified[i].view(-1)[position] = best
    return purified


def digits_model() -> ar.MADE:
    return randomised(ar.MADE((1, 3, 3), hidden=(20,), conditional=ar.Categorical(6)).double())


def some_levels(n: int = 8) -> Tensor:
    return torch.randint(6, (n, 1, 3, 3), generator=torch.Generator().manual_seed(4))


# ---- greedy ------------------------------------------------------------------------------------------------


@every_model
def test_greedy_is_the_loop_by_hand(case: Case) -> None:
    model, x, context = with_images(case, 2)
    found = purify(model, x, eps=1, context=context)
    assert found.dtype == x.dtype and torch.equal(found, by_hand(model, x, 1, context))
    assert (found - x).abs().max() == 1


@pytest.mark.parametrize("name", ["FVSBN-image-spiral", "MADE-vector", "PixelCNNpp-logistic"])
def test_shades_are_purified_as_levels_are(name: str) -> None:
    model, x, context = with_images(BY_NAME[name])
    top = model.levels - 1
    shades = to_shades(x, model.levels, torch.float64)
    found = purify(model, shades, eps=1 / top, context=context)
    expected = purify(model, x, eps=1, context=context)
    assert torch.equal(found, to_shades(expected, model.levels, torch.float64))


@every_model
def test_in_the_whole_ball_greedy_is_greedy_decoding(case: Case) -> None:
    """Whatever image it was: the most probable level at each step, as samples of `top_k(1)`."""
    model, x, context = with_images(case)
    found = purify(model, x, eps=model.levels - 1, context=context)
    decoded = model.sample(len(x), context=context, filter=ar.top_k(1))
    assert torch.equal(found, decoded)


@every_model
def test_steps_end_where_purify_ends(case: Case) -> None:
    model, x, context = with_images(case)
    given, purified = x.flatten(1), x.clone()
    steps = list(purify_steps(model, x, eps=1, context=context))
    decoder = model.decoder(len(x), context, cache=False)
    assert [step.t for step in steps] == list(range(model.num_variables))
    assert [step.position for step in steps] == model.ordering.tolist()
    for step in steps:
        torch.testing.assert_close(step.log_probs, decoder.distribution().level_log_probs())
        level = torch.arange(model.levels)
        assert torch.equal(step.before, given[:, step.position].long())
        assert torch.equal(step.allowed, (level - step.before[:, None]).abs() <= 1)
        rows = torch.arange(len(x))
        assert step.allowed[rows, step.after].all()
        # Never less probable than what it replaces.
        before, after = (step.log_probs[rows, chosen] for chosen in (step.before, step.after))
        assert (after >= before).all() and (after > before)[step.after != step.before].all()
        decoder.observe(step.after.to(x.dtype))
        purified.view(len(x), -1)[:, step.position] = step.after.to(x.dtype)
        assert torch.equal(step.x, purified)  # a snapshot: later steps have not changed it
    assert torch.equal(steps[-1].x, purify(model, x, eps=1, context=context))


def test_a_tie_leaves_the_level_that_is_there() -> None:
    model = ar.MADE((1, 3, 3), hidden=(5,), conditional=ar.Categorical(6))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    x = some_levels()
    assert torch.equal(purify(model, x, eps=5), x)


def test_greedy_can_end_less_probable_than_it_began() -> None:
    """As the docstring warns: the first variable moves to its likelier value, and makes the second one unlikely."""
    model = ar.FVSBN((2,)).double()
    with torch.no_grad():
        model.linear.bias.copy_(torch.tensor([0.1, 6.0]))
        model.linear.weight[1, 0] = -6.0
    x = torch.tensor([[0.0, 1.0]]).double()
    found = purify(model, x, eps=1)
    assert found[0, 0] == 1 and model.log_prob(found) < model.log_prob(x) - 0.5
    assert torch.equal(purify(model, x, eps=1, method="gradient"), x)


# ---- gradient ----------------------------------------------------------------------------------------------


@relaxed_models
def test_gradient_stays_in_the_ball_and_never_ends_less_probable(case: Case) -> None:
    model, x, context = with_images(case)
    found = purify(model, x, eps=1, method="gradient", context=context, steps=5)
    assert found.dtype == x.dtype and (found - x).abs().max() <= 1
    before, after = model.log_prob(x, context), model.log_prob(found, context)
    assert (after >= before).all() and after.sum() > before.sum()


def test_both_methods_raise_the_likelihood_of_noisy_images() -> None:
    model, x = digits_model(), some_levels(50)
    before = model.log_prob(x).mean()
    gains = [
        model.log_prob(purify(model, x, eps=2, method=m)).mean() - before
        for m in ("greedy", "gradient")
    ]
    assert min(gains) > 1.0


# ---- both --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["greedy", "gradient"])
def test_ball_and_levels(method: str) -> None:
    model, x = digits_model(), some_levels()
    before = x.clone()
    for eps in (1, 2, 5):
        found = purify(model, x, eps=eps, method=method)
        assert found.min() >= 0 and found.max() <= 5 and (found - x).abs().max() <= eps
    shades = to_shades(x, 6, torch.float64)
    found = purify(model, shades, eps=0.5, method=method)  # two levels are 0.4, three 0.6
    assert torch.equal(found, to_shades(purify(model, x, eps=2, method=method), 6, torch.float64))
    assert torch.equal(x, before)


@pytest.mark.parametrize("method", ["greedy", "gradient"])
def test_no_room_and_no_images(method: str) -> None:
    model, x = digits_model(), some_levels()
    found = purify(model, x, eps=0, method=method)
    assert torch.equal(found, x) and found.data_ptr() != x.data_ptr()
    for empty in (x[:0], to_shades(x[:0], 6)):
        found = purify(model, empty, eps=1, method=method)
        assert found.shape == (0, 1, 3, 3) and found.dtype == empty.dtype
    assert purify(model, x[:0], eps=1, method=method, threshold=0.0).shape == (0, 1, 3, 3)


@pytest.mark.parametrize("method", ["greedy", "gradient"])
@pytest.mark.parametrize("name", ["MADE-categorical-class", "MADE-vector"])
def test_a_threshold_spares_what_is_probable(name: str, method: str) -> None:
    model, x, context = with_images(BY_NAME[name], 9)
    log_probs = model.log_prob(x, context)
    threshold = log_probs.median().item()
    options = {"eps": 1, "method": method, "context": context}
    everything = purify(model, x, **options)
    found = purify(model, x, threshold=threshold, **options)
    suspicious = log_probs < threshold
    assert 0 < suspicious.sum() < 9
    assert torch.equal(found[~suspicious], x[~suspicious])
    assert torch.equal(found[suspicious], everything[suspicious])
    assert torch.equal(purify(model, x, threshold=1, **options), everything)
    assert torch.equal(purify(model, x, threshold=-1e9, **options), x)


@pytest.mark.parametrize("name", ["Transformer-layers", "PixelCNNpp-dropout"])
def test_dropout_and_random_numbers_play_no_part(name: str) -> None:
    model, x, context = with_images(BY_NAME[name])
    for method in ("greedy", "gradient"):
        expected = purify(model.eval(), x, eps=1, method=method, context=context)
        state = torch.get_rng_state()
        found = purify(model.train(), x, eps=1, method=method, context=context)
        assert torch.equal(found, expected) and torch.equal(torch.get_rng_state(), state)
        assert all(module.training for module in model.modules())
        assert all(parameter.grad is None for parameter in model.parameters())


# ---- errors ------------------------------------------------------------------------------------------------

REFUSED: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"eps": -1}, ValueError, "eps must be a number of at least 0, got -1"),
    ({"eps": math.nan}, ValueError, "eps must be a number of at least 0, got nan"),
    ({"eps": True}, ValueError, "eps must be a number .*, got True"),
    ({"eps": "1"}, ValueError, "eps must be a number .*, got '1'"),
    ({"eps": 0.5}, ValueError, "x holds levels, so eps is a whole number of them, got 0.5"),
    (
        {"x": torch.zeros(1, 1, 3, 3), "eps": 2},
        ValueError,
        "shades from 0 to 1, and so must eps be .* got 2",
    ),
    ({"x": torch.full((1, 1, 3, 3), 0.1)}, ValueError, "shade 0.1 is none of the 6 levels"),
    ({"x": torch.full((1, 1, 3, 3), 6)}, ValueError, "levels 0 to 5, got 6"),
    ({"x": torch.zeros(1, 3, 3).long()}, ValueError, r"\(B, 1, 3, 3\)"),
    ({"x": [[0]]}, TypeError, "list"),
    (
        {"model": ar.MADE((2,), hidden=(3,), conditional=ar.GaussianMixture(1))},
        ValueError,
        "model of levels, got MADE",
    ),
    (
        {"model": ar.Classifier((2,), 2)},
        ValueError,
        "autoregressive model of levels, got Classifier",
    ),
    ({"context": torch.tensor([0])}, ValueError, "context"),
]


@pytest.mark.parametrize("given", REFUSED, ids=lambda given: given[2])
def test_what_is_refused(given: tuple[dict[str, Any], type[Exception], str]) -> None:
    changed, error, message = given
    arguments = {"model": digits_model(), "x": some_levels(1), "eps": 1, **changed}
    model, x = arguments.pop("model"), arguments.pop("x")
    with pytest.raises(error, match=message):
        purify(model, x, **arguments)
    with pytest.raises(error, match=message):
        purify_steps(model, x, **arguments)  # at the call, not at the first step


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"method": "best"}, 'method must be "greedy" or "gradient", got \'best\''),
        ({"steps": 0}, "steps must be a positive int, got 0"),
        ({"threshold": math.nan}, "threshold must be a number of nats or None, got nan"),
        ({"threshold": "low"}, "threshold must be .* got 'low'"),
    ],
)
def test_what_purify_alone_refuses(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        purify(digits_model(), some_levels(1), eps=1, **given)


def test_weights_that_are_nan_are_named() -> None:
    model = digits_model()
    with torch.no_grad():
        next(model.parameters()).fill_(math.nan)
    with pytest.raises(ValueError, match="MADE has weights that are NaN"):
        purify(model, some_levels(1), eps=1)
