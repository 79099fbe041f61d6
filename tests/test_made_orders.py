"""MADE trained for several orderings or all: the loss of the ordering drawn, its masks, and what the weights learn."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
import torch
from contract import contexts, events
from random_weights import randomised
from scipy import stats
from test_nade_every_ordering import exclusive_or
from torch import Tensor

import armodels_lite as ar
from armodels_lite.orderings import shuffled

ALL = [list(order) for order in itertools.permutations(range(3))]


def several(
    event_shape: tuple[int, ...] = (3,), kind: type[ar.MADE] = ar.MADE, **options
) -> ar.MADE:
    """Random weights in float64, the same each time. A ReLU that never fires would hide what it hears."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = randomised(kind(event_shape, **{"hidden": (11, 9), **options})).double()
    with torch.no_grad():
        for layer in list(model.layers)[:-1]:
            layer.bias.add_(1.0)
    return model


def drawn_losses(model: ar.MADE, x: Tensor, draws: int) -> Tensor:
    torch.manual_seed(1)
    model.train()
    with torch.no_grad():
        return torch.stack([model.loss(x) for _ in range(draws)])


def own_losses(model: ar.MADE, x: Tensor, orderings: list | Tensor) -> Tensor:
    with torch.no_grad():
        return torch.stack([-model.with_ordering(o).log_prob(x).mean() for o in orderings])


def every_event(size: int) -> Tensor:
    return torch.tensor(list(itertools.product([0.0, 1.0], repeat=size)), dtype=torch.float64)


# -- which orderings ------------------------------------------------------------------------------------------------


def test_the_own_ordering_comes_first_and_more_masks_keep_the_first_ones() -> None:
    few, many = (ar.MADE((1, 2, 3), masks=m, ordering="spiral", seed=3) for m in (3, 7))
    assert few.orderings.shape == (3, 6) and few.orderings.dtype == torch.int64
    assert torch.equal(many.orderings[:3], few.orderings)
    assert torch.equal(many.orderings[0], many.ordering)
    assert torch.equal(many.orderings.sort(1).values, torch.arange(6).expand(7, 6))
    assert len(many.orderings.unique(dim=0)) > 4
    other = ar.MADE((1, 2, 3), masks=7, ordering="spiral", seed=4)
    assert not torch.equal(other.orderings, many.orderings)


@pytest.mark.parametrize("seed", [None, 0, 5])
def test_a_random_first_ordering_does_not_come_twice(seed: int | None) -> None:
    """ "random(5)" is the first ordering of seed 5: the others are those that follow it."""
    model = ar.MADE((9,), masks=4, seed=seed, ordering=f"random({seed or 0})")
    generator = torch.Generator().manual_seed(seed or 0)
    expected = torch.stack([shuffled((9,), generator) for _ in range(4)])
    assert torch.equal(model.orderings, expected)


@pytest.mark.parametrize("options", [{}, {"order_agnostic": True}], ids=str)
def test_one_mask_is_the_own_ordering(options: dict) -> None:
    model = ar.MADE((4,), ordering="reverse", **options)
    assert model.orderings.tolist() == [[3, 2, 1, 0]]


def test_the_channels_of_a_pixel_stay_together() -> None:
    """Positions p, p + 4 and p + 8 of an image with four pixels, one after the other."""
    pixels = ar.MADE((3, 2, 2), hidden=(5,), masks=4).orderings.view(4, 4, 3)
    assert torch.equal(pixels - pixels[:, :, :1], torch.tensor([0, 4, 8]).expand(4, 4, 3))
    # Two pixels of three channels have two orderings, not 6!.
    model = several((3, 1, 2), order_agnostic=True)
    x = events(model, 4)
    expected = own_losses(model, x, [[0, 2, 4, 1, 3, 5], [1, 3, 5, 0, 2, 4]])
    found = drawn_losses(model, x, 20).sort().values[[0, -1]]
    torch.testing.assert_close(found, expected.sort().values, atol=1e-12, rtol=1e-12)


# -- the loss in train mode -----------------------------------------------------------------------------------------

KINDS = {
    "bernoulli": {"event_shape": (5,)},
    "categorical": {"event_shape": (5,), "conditional": ar.Categorical(3), "direct": True},
    "logistic": {"event_shape": (3, 1, 2), "conditional": ar.LogisticMixture(2, levels=4)},
    "gaussian": {"event_shape": (4,), "conditional": ar.GaussianMixture(2)},
    "class": {"event_shape": (1, 2, 3), "num_classes": 3, "ordering": "spiral", "seed": 1},
    "vector": {"event_shape": (4,), "context_shape": (2,), "direct": True, "hidden": (7,)},
    "no-hidden": {"event_shape": (4,), "hidden": ()},
    "no-hidden-direct": {
        "event_shape": (4,),
        "hidden": (),
        "direct": True,
        "conditional": ar.Categorical(3),
    },
    "deep": {"event_shape": (5,), "hidden": (6, 7, 8), "seed": 2},
    "one-variable": {"event_shape": (1,)},
}
every_kind = pytest.mark.parametrize("kind", KINDS)


@every_kind
def test_loss_and_gradient_are_those_of_the_model_in_the_ordering_drawn(kind: str) -> None:
    """The masks made for one call against the masks of a model built with that ordering."""
    model = several(**KINDS[kind], order_agnostic=True)
    x, context = events(model, 8), contexts(model, 8)
    parameters = list(model.parameters())
    for seed in range(3):
        torch.manual_seed(seed)
        other = model.with_ordering(shuffled(model.event_shape)).eval()
        expected = other.loss(x, context)
        wanted = torch.autograd.grad(expected, parameters)
        torch.manual_seed(seed)
        loss = model.train().loss(x, context)
        torch.testing.assert_close(loss, expected, atol=1e-12, rtol=1e-12)
        found = torch.autograd.grad(loss, parameters)
        for one, two in zip(wanted, found, strict=True):
            torch.testing.assert_close(two, one, atol=1e-12, rtol=1e-11)


@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("options", [{"masks": 4}, {"order_agnostic": True}], ids=str)
def test_the_loss_is_that_of_one_ordering_all_equally_likely(options: dict, grad: bool) -> None:
    """Each draw is one of the orderings' own losses, in frequencies that chi-square accepts."""
    model, draws = several((5,) if "masks" in options else (3,), **options), 300
    x = events(model, 4)
    values = own_losses(model, x, model.orderings if "masks" in options else ALL)
    assert values.sort().values.diff().min() > 1e-4  # far enough apart to tell which one was drawn
    with torch.set_grad_enabled(grad):
        losses = drawn_losses(model, x, draws)
    distance, which = (losses.unsqueeze(1) - values).abs().min(1)
    assert distance.max() < 1e-12
    assert stats.chisquare(torch.bincount(which, minlength=len(values))).pvalue > 1e-3
    # So the mean over the draws estimates the mean over the orderings.
    error = values.std().item() / math.sqrt(draws)
    assert abs(losses.mean() - values.mean()) < 4 * error


def test_several_masks_win_over_order_agnostic() -> None:
    one, two = (several((5,), masks=3, order_agnostic=flag) for flag in (False, True))
    x = events(one, 4)
    assert torch.equal(drawn_losses(one, x, 9), drawn_losses(two, x, 9))
    assert one.num_parameters() == two.num_parameters()


@pytest.mark.parametrize("options", [{"masks": 3}, {"order_agnostic": True}], ids=str)
def test_a_call_of_loss_leaves_no_trace(options: dict) -> None:
    model = several((5,), direct=True, **options)
    before = [t.clone() for t in (*model.parameters(), *model.buffers())]
    x = events(model)
    expected = model.log_prob(x)
    model.train().loss(x)
    assert all(
        torch.equal(a, b)
        for a, b in zip(before, (*model.parameters(), *model.buffers()), strict=True)
    )
    assert torch.equal(model.log_prob(x), expected)


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize(
    "options", [{}, {"masks": 3}, {"order_agnostic": True}, {"masks": 1}], ids=str
)
def test_only_a_random_ordering_uses_up_random_numbers(options: dict, mode: str) -> None:
    model = ar.MADE((6,), hidden=(4,), **options).train(mode == "train")
    x = events(model, 3)
    before = torch.get_rng_state()
    model.log_prob(x)
    model.num_parameters()
    model.sample(2, generator=torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), before)
    model.loss(x)
    advanced = not torch.equal(torch.get_rng_state(), before)
    assert advanced == (mode == "train" and options not in ({}, {"masks": 1}))


@pytest.mark.parametrize("options", [{"masks": 3}, {"order_agnostic": True}], ids=str)
def test_everything_else_follows_the_own_ordering_in_either_mode(options: dict) -> None:
    model = several((6,), ordering="random(4)", **options)
    x, noise = events(model, 5), torch.rand(5, 6, dtype=torch.float64)
    log_prob, sample = model.log_prob(x), model.sample(noise=noise)
    torch.testing.assert_close(model.loss(x), -log_prob.mean(), atol=1e-12, rtol=1e-12)
    model.train()
    assert torch.equal(model.log_prob(x), log_prob)
    assert torch.equal(model.sample(noise=noise), sample)
    assert torch.equal(model.sample(noise=noise, cache=False), sample)


# -- bugs that must not go unnoticed --------------------------------------------------------------------------------


class OutputsStay(ar.MADE):
    """The ordering drawn moves the inputs and leaves the outputs where they were."""

    def _masks_of(self, rank: Tensor, last: Tensor | None = None) -> dict:
        return super()._masks_of(rank, self.rank)


class SeenStays(ar.MADE):
    """What is added for having been seen follows the own ordering, whichever was drawn."""

    def _masks_of(self, rank: Tensor, last: Tensor | None = None) -> dict:
        masks = super()._masks_of(rank, last)
        return {layer: mask for layer, mask in masks.items() if layer not in self.seen}


def total_of_losses(model: ar.MADE, seed: int) -> float:
    """The sum of exp(-loss) over all events, each time in the same ordering: a total probability."""
    model.train()
    total = 0.0
    with torch.no_grad():
        for x in every_event(model.num_variables):
            torch.manual_seed(seed)
            total += math.exp(-model.loss(x.unsqueeze(0)))
    return total


@pytest.mark.parametrize("options", [{"masks": 5}, {"order_agnostic": True}], ids=str)
def test_in_each_ordering_the_probabilities_sum_to_one(options: dict) -> None:
    model = several((4,), **options)
    for seed in range(4):
        assert math.isclose(total_of_losses(model, seed), 1, abs_tol=1e-10)
    for order in model.orderings:
        assert math.isclose(ar.total_probability(model.with_ordering(order)), 1, abs_tol=1e-10)


def test_outputs_that_stay_where_they_were_are_noticed() -> None:
    model = several((4,), kind=OutputsStay, order_agnostic=True)
    assert max(abs(total_of_losses(model, seed) - 1) for seed in range(4)) > 1e-3


def test_a_mask_that_does_not_follow_is_noticed() -> None:
    """To have been seen is no matter of values, so the probabilities still sum to one: the loss alone is another."""
    x = events(several())
    for kind, same in ((ar.MADE, True), (SeenStays, False)):
        model = several(kind=kind, order_agnostic=True)
        values = own_losses(several(order_agnostic=True), x, ALL)
        distance = (drawn_losses(model, x, 20).unsqueeze(1) - values).abs().min(1).values
        assert (distance.max() < 1e-12) == same
        assert math.isclose(total_of_losses(model, 0), 1, abs_tol=1e-10)


# -- parameters -----------------------------------------------------------------------------------------------------

COUNTED = {
    "plain": {"event_shape": (4,), "hidden": (12,)},
    "deep-direct": {"event_shape": (4,), "hidden": (9, 10), "direct": True},
    "categorical": {"event_shape": (3,), "conditional": ar.Categorical(3), "direct": True},
    "channels": {"event_shape": (3, 1, 3), "hidden": (24,), "direct": True},
    "broken-pixels": {"event_shape": (2, 1, 2), "hidden": (9,), "ordering": [0, 1, 2, 3]},
    "no-hidden": {"event_shape": (4,), "hidden": (), "direct": True},
    "one-variable": {"event_shape": (1,), "hidden": (3,)},
}


@pytest.mark.parametrize("options", [{}, {"masks": 2}, {"masks": 5}, {"order_agnostic": True}])
@pytest.mark.parametrize("kind", COUNTED)
def test_every_free_weight_gets_a_gradient_in_some_ordering(kind: str, options: dict) -> None:
    """And no other: `num_parameters` against the entries that some ordering, out of all, gives a gradient."""
    model = several(**COUNTED[kind], **options)
    with torch.no_grad():
        for parameter in model.parameters():  # all positive: no ReLU is off, no two paths cancel
            parameter.uniform_(0.01, 0.1)
    x, learnt = events(model, 40), list(model.orderings)
    if options.get("order_agnostic"):
        generator = torch.Generator().manual_seed(0)
        learnt += [shuffled(model.event_shape, generator) for _ in range(200)]  # all there are
    parameters = list(model.parameters())
    used = [torch.zeros_like(p, dtype=torch.bool) for p in parameters]
    for order in torch.stack(learnt).unique(dim=0):
        loss = model.with_ordering(order).loss(x)
        for mine, grad in zip(used, torch.autograd.grad(loss, parameters), strict=True):
            mine |= grad != 0
    # A single variable hears no hidden unit; the weights and biases of those are counted as anywhere.
    idle = 2 * 3 if kind == "one-variable" else 0
    idle += 3 if kind == "one-variable" and "order_agnostic" in options else 0
    assert sum(int(mine.sum()) for mine in used) + idle == model.num_parameters()


def test_sizes_by_hand() -> None:
    """784 - 500 - 784: all of both matrices, once more the first for having been seen, and the biases."""
    model = ar.MADE((784,), hidden=(500,), order_agnostic=True)
    assert model.num_parameters() == 3 * 784 * 500 + 500 + 784
    direct = ar.MADE((784,), hidden=(500,), order_agnostic=True, direct=True)
    assert direct.num_parameters() - model.num_parameters() == 2 * 784 * 783


def test_only_with_every_ordering_there_are_weights_for_having_been_seen() -> None:
    names = ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"]
    assert list(ar.MADE((5,), hidden=(4,)).state_dict()) == names
    assert list(ar.MADE((5,), hidden=(4,), masks=2).state_dict()) == names
    model = ar.MADE((5,), hidden=(4,), order_agnostic=True)
    assert list(model.state_dict()) == [*names, "seen.0.weight"]


@pytest.mark.parametrize("hidden", [(), (7,), (7, 3)], ids=str)
def test_the_degrees_of_hidden_units_are_the_same_in_every_ordering(hidden: tuple) -> None:
    model = ar.MADE((5,), hidden=hidden, masks=3, seed=2)
    assert [len(degrees) for degrees in model.degrees] == [5, *hidden]
    for order in model.orderings:
        twin = model.with_ordering(order)
        assert torch.equal(twin.degrees[0][order], torch.arange(1, 6))
        assert all(map(torch.equal, twin.degrees[1:], model.degrees[1:]))


def test_all_outputs_start_at_one_scale() -> None:
    """In one ordering the first output hears few units and starts with large weights; in another it hears all."""
    torch.manual_seed(0)
    model = ar.MADE((40,), hidden=(400,), order_agnostic=True)
    scales = model.layers[-1].weight.std(1)
    assert scales.max() / scales.min() < 1.2
    assert 0.5 < scales.mean() * math.sqrt(400 / 2) < 2
    assert (model.seen[0].weight == 0).all()


# -- what it learns -------------------------------------------------------------------------------------------------


def test_seen_to_be_0_differs_from_not_seen() -> None:
    """x_2 in second place after a 0: without the weights for having been seen, after which variable makes no odds."""
    zeros = torch.zeros(1, 3, dtype=torch.float64)
    model = several(order_agnostic=True)
    for scale, same in ((1, False), (0, True)):
        with torch.no_grad():
            model.seen[0].weight.mul_(scale)
        twins = (model.with_ordering(order) for order in ([0, 2, 1], [1, 2, 0]))
        one, other = (twin(zeros).probs[0, 2].item() for twin in twins)
        assert math.isclose(one, other, abs_tol=1e-9) == same


@pytest.mark.parametrize(
    "options", [{"masks": 3, "seed": 2}, {"order_agnostic": True}, {}], ids=str
)
def test_training_learns_its_orderings(options: dict) -> None:
    """Within 0.01 nats of the entropy in each. A MADE of one ordering is far off in the others."""
    x, entropy = exclusive_or()
    torch.manual_seed(0)
    model = ar.MADE((3,), hidden=(32,), **options)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.05, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 120)
    for _ in range(120):
        optimiser.zero_grad()
        model.loss(x).backward()
        optimiser.step()
        schedule.step()
    orders = model.orderings if "masks" in options else ALL
    excess = [ar.evaluate(model.with_ordering(order), x).nats - entropy for order in orders]
    assert min(excess) > -1e-4 and excess[0] < 0.01  # the model's own comes first
    assert max(excess) < 0.01 if options else max(excess) > 0.2


def test_an_ensemble_is_at_least_as_good_as_its_members_on_average() -> None:
    model = several((6,), masks=5)
    x = events(model, 30)
    ensemble = ar.OrderEnsemble(model, model.orderings)
    with torch.no_grad():
        each = torch.stack([member.log_prob(x) for member in ensemble.members])
        gain = ensemble.log_prob(x) - each.mean(0)
    assert (gain >= 0).all() and gain.mean() > 1e-3
    torch.testing.assert_close(each.mean(1), -own_losses(model, x, model.orderings))


@pytest.mark.parametrize("options", [{"masks": 4}, {"order_agnostic": True}], ids=str)
def test_a_fit_is_repeated_to_the_last_bit(options: dict) -> None:
    """The orderings follow from the seed of `fit`, whatever the state of torch's global generator."""
    x, _ = exclusive_or()
    results = []
    for state, seed in ((1, 5), (2, 5), (1, 6)):
        torch.manual_seed(0)
        model = ar.MADE((3,), hidden=(4,), **options)
        torch.manual_seed(state)
        ar.fit(model, x, epochs=2, batch_size=8, seed=seed, progress=False)
        results.append(model.layers[0].weight.detach())
    assert torch.equal(results[0], results[1]) and not torch.equal(results[0], results[2])


# -- saving, devices, errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"masks": 4, "seed": 3}, {"order_agnostic": True}], ids=str)
def test_it_comes_back_from_disk(options: dict, tmp_path: Path) -> None:
    model = several((1, 2, 3), ordering="spiral", direct=True, **options)
    model.save_pretrained(tmp_path)
    loaded = ar.load_pretrained(tmp_path)
    assert torch.equal(loaded.orderings, model.orderings)
    assert (loaded.masks, loaded.order_agnostic) == (model.masks, model.order_agnostic)
    assert loaded.num_parameters() == model.num_parameters()
    x = events(model)
    assert torch.equal(drawn_losses(loaded, x, 5), drawn_losses(model, x, 5))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_masks_have_the_dtype_of_the_weights(dtype: torch.dtype) -> None:
    """Degrees above 256 are no bfloat16 numbers: they are compared as integers."""
    model = ar.MADE((400,), hidden=(50,), order_agnostic=True, direct=True).to(dtype)
    rank = torch.randperm(400, generator=torch.Generator().manual_seed(0))
    twin = model.with_ordering(rank.argsort())
    masks = model._masks_of(rank)
    ours, theirs = ([*m.layers, m.direct, *m.seen] for m in (model, twin))
    for layer, other in zip(ours, theirs, strict=True):
        assert masks[layer].dtype == dtype and torch.equal(masks[layer], other.mask)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("options", [{"masks": 4}, {"order_agnostic": True}], ids=str)
def test_on_a_gpu_no_step_waits_for_an_ordering(options: dict) -> None:
    model = several((5,), direct=True, **options)
    x = events(model)
    expected = drawn_losses(model, x, 5)
    torch.testing.assert_close(drawn_losses(model.cuda(), x.cuda(), 5).cpu(), expected)
    torch.cuda.set_sync_debug_mode("error")
    try:
        model._masks_of(model._drawn_rank())
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("masks", [0, -1, True, 2.0, None, "2", [1]], ids=repr)
def test_numbers_of_masks_that_make_no_sense(masks) -> None:
    with pytest.raises(ValueError, match="masks must be an int of at least 1, got"):
        ar.MADE((4,), masks=masks)


@pytest.mark.parametrize("value", [1, 0, None, "yes"], ids=repr)
def test_values_of_order_agnostic_that_make_no_sense(value) -> None:
    with pytest.raises(ValueError, match="order_agnostic must be True or False, got"):
        ar.MADE((4,), order_agnostic=value)
