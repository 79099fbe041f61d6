"""NADE trained for every ordering: the loss of a random ordering, and a conditional that knows what it has seen."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from random_weights import randomised
from scipy import stats
from test_nade import CONDITIONALS, events, looped

import armodels_lite as ar
from armodels_lite.models.nade_passes import BLOCK
from armodels_lite.orderings import shuffled

ALL = [list(order) for order in itertools.permutations(range(3))]


def agnostic(event_shape: tuple[int, ...] = (3,), **options) -> ar.NADE:
    return randomised(ar.NADE(event_shape, hidden=5, order_agnostic=True, **options)).double()


@pytest.mark.parametrize("num_classes", [None, 3])
@pytest.mark.parametrize("size", [1, BLOCK, BLOCK + 3])
@pytest.mark.parametrize("name", CONDITIONALS)
def test_values_and_gradients_are_those_of_the_formula(
    name: str, size: int, num_classes: int | None
) -> None:
    """By both routes, `params` and the loss in one sweep, in eval mode: in the model's own ordering."""
    torch.manual_seed(0)
    options = {"conditional": CONDITIONALS[name], "num_classes": num_classes}
    model = agnostic((size,), ordering="random(1)", **options)
    x, context = events(model, 4), None if num_classes is None else torch.tensor([0, 2, 2, 1])
    params, expected = model.params(x, context), looped(model, x, context)
    torch.testing.assert_close(params, expected, atol=1e-12, rtol=1e-12)
    parameters = list(model.parameters())
    losses = [
        -model.conditional.distribution(expected).log_prob(x).sum() / 4,
        -model.log_prob(x, context).mean(),
        model.loss(x, context),
    ]
    wanted, *others = (torch.autograd.grad(loss, parameters, allow_unused=True) for loss in losses)
    for loss, got in zip(losses[1:], others, strict=True):
        torch.testing.assert_close(loss, losses[0], atol=1e-12, rtol=1e-12)
        for one, other in zip(wanted, got, strict=True):
            one = torch.zeros_like(other) if one is None else one
            torch.testing.assert_close(other, one, atol=1e-11, rtol=1e-11)


# -- the loss in train mode -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("grad", [True, False])
def test_the_loss_in_train_mode_is_that_of_one_ordering_all_equally_likely(grad: bool) -> None:
    """Six orderings of three variables: each draw is one of the six values, in frequencies that chi-square accepts."""
    model, draws = agnostic(), 600
    x = events(model, 4)
    with torch.no_grad():
        values = torch.stack([-model.with_ordering(order).log_prob(x).mean() for order in ALL])
    assert values.sort().values.diff().min() > 1e-4  # far enough apart to tell which one was drawn
    model.train()
    torch.manual_seed(1)
    with torch.set_grad_enabled(grad):
        losses = torch.stack([model.loss(x).detach() for _ in range(draws)])
    distance, which = (losses.unsqueeze(1) - values).abs().min(1)
    assert distance.max() < 1e-12
    assert stats.chisquare(torch.bincount(which, minlength=6)).pvalue > 1e-3
    # So the mean over the draws estimates the mean over all orderings.
    error = values.std().item() / math.sqrt(draws)
    assert abs(losses.mean() - values.mean()) < 4 * error


@pytest.mark.parametrize("num_classes", [None, 2])
def test_its_gradient_is_that_of_the_model_in_the_ordering_drawn(num_classes: int | None) -> None:
    torch.manual_seed(0)
    model = agnostic((BLOCK + 2,), conditional=ar.Categorical(3), num_classes=num_classes)
    x, context = events(model, 4), None if num_classes is None else torch.tensor([0, 1, 1, 0])
    torch.manual_seed(7)
    other = model.with_ordering(shuffled(model.event_shape))
    wanted = torch.autograd.grad(-other.log_prob(x, context).mean(), list(model.parameters()))
    torch.manual_seed(7)
    loss = model.train().loss(x, context)
    for one, two in zip(wanted, torch.autograd.grad(loss, list(model.parameters())), strict=True):
        torch.testing.assert_close(two, one, atol=1e-12, rtol=1e-11)


def test_its_gradient_with_respect_to_x() -> None:
    torch.manual_seed(0)
    model = agnostic((4,), conditional=ar.GaussianMixture(1))
    x = events(model, 2).requires_grad_()
    torch.manual_seed(8)
    other = model.with_ordering(shuffled(model.event_shape))
    (expected,) = torch.autograd.grad(-other.log_prob(x).mean(), x)
    torch.manual_seed(8)
    (found,) = torch.autograd.grad(model.train().loss(x), x)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)


def test_the_channels_of_a_pixel_stay_together() -> None:
    """Two pixels of three channels: two orderings, not 6!."""
    model = agnostic((3, 1, 2))
    x = events(model, 4)
    orders = [[0, 2, 4, 1, 3, 5], [1, 3, 5, 0, 2, 4]]
    expected = {round(-model.with_ordering(o).log_prob(x).mean().item(), 9) for o in orders}
    torch.manual_seed(0)
    model.train()
    assert {round(model.loss(x).item(), 9) for _ in range(20)} == expected and len(expected) == 2


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("order_agnostic", [True, False])
def test_only_a_random_ordering_uses_up_random_numbers(order_agnostic: bool, mode: str) -> None:
    model = ar.NADE((6,), hidden=4, order_agnostic=order_agnostic).train(mode == "train")
    x = events(model, 3)
    before = torch.get_rng_state()
    model.log_prob(x)
    model.sample(2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), before)
    model.loss(x)
    advanced = not torch.equal(torch.get_rng_state(), before)
    assert advanced == (order_agnostic and mode == "train")


def test_log_prob_is_that_of_the_own_ordering_in_train_mode_too() -> None:
    model = agnostic((7,), ordering="random(4)")
    x = events(model, 5)
    expected = model.log_prob(x)
    assert torch.equal(model.train().log_prob(x), expected)
    torch.testing.assert_close(model.eval().loss(x), -expected.mean(), atol=1e-12, rtol=1e-12)


# -- what it learns -------------------------------------------------------------------------------------------------


def test_seen_to_be_0_differs_from_not_seen() -> None:
    """p(x_1 | x_0 = 0) is not p(x_1). In a NADE of one ordering a 0 adds nothing, and the two are the same."""
    zeros = torch.zeros(1, 2)
    for model, same in ((agnostic((2,)).float(), False), (randomised(ar.NADE((2,))), True)):
        models = (model.with_ordering(order) for order in ([0, 1], [1, 0]))
        second, first = (m(zeros).probs[0, 1].item() for m in models)
        assert math.isclose(second, first, abs_tol=1e-6) == same


def exclusive_or() -> tuple[torch.Tensor, float]:
    """x_3 = x_1 xor x_2 nine times out of ten, and the entropy of these data in nats."""
    codes = torch.repeat_interleave(torch.arange(8), torch.tensor([9, 1, 1, 9, 1, 9, 9, 1]))
    x = (codes.unsqueeze(1) // 2 ** torch.arange(3) % 2).float()
    return x, math.log(4) - 0.9 * math.log(0.9) - 0.1 * math.log(0.1)


def test_training_learns_every_ordering() -> None:
    """In each of the six orderings it comes within 0.01 nats of the entropy; a NADE of one ordering in that one."""
    x, entropy = exclusive_or()
    for order_agnostic in (True, False):
        torch.manual_seed(0)
        model = ar.NADE((3,), hidden=16, order_agnostic=order_agnostic)
        optimiser = torch.optim.Adam(model.parameters(), lr=0.1)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 300)
        for _ in range(300):
            optimiser.zero_grad()
            model.loss(x).backward()
            optimiser.step()
            schedule.step()
        excess = [ar.evaluate(model.with_ordering(o), x).nats - entropy for o in ALL]
        assert -1e-4 < excess[0] < 0.01  # the model's own
        if order_agnostic:
            assert min(excess) > -1e-4 and max(excess) < 0.01
        else:
            assert max(excess) > 0.5


def test_a_fit_is_repeated_to_the_last_bit() -> None:
    """The orderings follow from the seed of `fit`, whatever the state of torch's global generator."""
    x, _ = exclusive_or()
    results = []
    for state in (1, 2):
        torch.manual_seed(0)
        model = ar.NADE((3,), hidden=4, order_agnostic=True)
        torch.manual_seed(state)
        ar.fit(model, x, epochs=2, batch_size=8, seed=5, progress=False)
        results.append(model.W.detach())
    assert torch.equal(*results)


def test_its_size_and_its_start() -> None:
    """One vector more for each variable, zero at first: the new model gives what it would give without it."""
    model = ar.NADE((7,), hidden=4, conditional=ar.Categorical(3), order_agnostic=True)
    assert model.W.shape == (7, 4, 4) and (model.W[:, 3] == 0).all()
    plain = ar.NADE((7,), hidden=4, conditional=ar.Categorical(3))
    assert model.num_parameters() == plain.num_parameters() + 7 * 4


@pytest.mark.parametrize("value", [1, 0, None, "yes"], ids=repr)
def test_values_of_order_agnostic_that_make_no_sense(value) -> None:
    with pytest.raises(ValueError, match="order_agnostic must be True or False, got"):
        ar.NADE((4,), order_agnostic=value)
