"""OrderEnsemble: the mean of densities, its samples, and weights that stay shared."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import contract
import pytest
import torch
from random_weights import randomised
from scipy.special import logsumexp

import armodels_lite as ar


def agnostic(event_shape: tuple[int, ...] = (4,), **options) -> ar.NADE:
    model = randomised(ar.NADE(event_shape, hidden=5, order_agnostic=True, **options), scale=1.0)
    return model.double()


# -- the density ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("num_classes", [None, 3])
def test_log_prob_is_the_log_of_the_mean(num_classes: int | None) -> None:
    """Against scipy, member by member, in orderings given by name and as permutations."""
    orderings = ["raster", "reverse", [2, 0, 3, 1]]
    model = agnostic(conditional=ar.Categorical(3), num_classes=num_classes)
    ensemble = ar.OrderEnsemble(model, orderings)
    x, context = contract.events(model, 20), contract.contexts(model, 20)
    with torch.no_grad():
        each = torch.stack([model.with_ordering(o).log_prob(x, context) for o in orderings])
        found = ensemble.log_prob(x, context)
    expected = torch.from_numpy(logsumexp(each.numpy(), axis=0, b=1 / 3))
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)
    assert (found > each.mean(0)).all()  # Jensen: at least the mean of the logarithms
    torch.testing.assert_close(ensemble.loss(x, context), -expected.mean())


def test_one_member_is_the_model_in_that_ordering() -> None:
    model = agnostic()
    x = contract.events(model)
    (order,) = ar.OrderEnsemble(model, 1, seed=4).orderings.tolist()
    found = ar.OrderEnsemble(model, 1, seed=4).log_prob(x)
    assert torch.equal(found, model.with_ordering(order).log_prob(x))


def test_the_gradient_is_that_of_the_members_weighted_by_their_share() -> None:
    """d log mean p_m = sum over m of (p_m / sum of all) d log p_m."""
    model = agnostic()
    ensemble = ar.OrderEnsemble(model, 3)
    x = contract.events(model, 1)
    parameters = list(model.parameters())
    logs = [member.log_prob(x)[0] for member in ensemble.members]
    shares = torch.stack(logs).softmax(0).detach()
    expected = torch.autograd.grad(
        sum(s * log for s, log in zip(shares, logs, strict=True)), parameters
    )
    found = torch.autograd.grad(ensemble.log_prob(x)[0], parameters)
    for one, two in zip(expected, found, strict=True):
        torch.testing.assert_close(two, one, atol=1e-12, rtol=1e-12)


def test_train_mode_changes_nothing() -> None:
    ensemble = ar.OrderEnsemble(agnostic(), 3)
    x = contract.events(ensemble)
    expected = ensemble.eval().loss(x)
    assert torch.equal(ensemble.train().loss(x), expected)


def test_densities_of_continuous_variables() -> None:
    """The integral over a grid is one; quadrature, which follows the steps of one ordering, refuses."""
    ensemble = ar.OrderEnsemble(
        agnostic((2,), conditional=ar.GaussianMixture(1)), ["raster", [1, 0]]
    )
    side = torch.linspace(-15, 15, 601, dtype=torch.float64)
    with torch.no_grad():
        density = ensemble.log_prob(torch.cartesian_prod(side, side)).exp()
    assert math.isclose(density.sum() * 0.05**2, 1, rel_tol=1e-3)
    with pytest.raises(ValueError, match="autoregressive model, got OrderEnsemble"):
        ar.total_probability(ensemble)


# -- samples --------------------------------------------------------------------------------------------------------


def test_samples_follow_the_mean_and_not_one_member() -> None:
    """Chi-square accepts the ensemble; the same test on one member's density must refuse."""
    ensemble = ar.OrderEnsemble(agnostic((3,)), ["raster", "reverse", [1, 2, 0]])
    contract.check_samples_follow(ensemble)
    member = copy.deepcopy(ensemble.members[0])
    member.sample = ensemble.sample
    with pytest.raises(AssertionError, match="do not follow"):
        contract.check_samples_follow(member)


def test_samples_repeat_with_the_generator_and_leave_the_global_one_alone() -> None:
    ensemble = ar.OrderEnsemble(agnostic((2, 1, 3)), 4)
    before = torch.get_rng_state()
    one, two = (ensemble.sample(9, generator=torch.Generator().manual_seed(2)) for _ in range(2))
    assert torch.equal(one, two) and one.shape == (9, 2, 1, 3) and one.dtype == torch.float64
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(1)
    one = ensemble.sample(9)
    torch.manual_seed(1)
    assert torch.equal(one, ensemble.sample(9))


def test_each_sample_gets_its_own_class() -> None:
    """Class 0 is all zeros, class 1 all ones, whichever member draws."""
    model = ar.FVSBN((5,), num_classes=2)
    with torch.no_grad():
        model.class_bias.weight.copy_(torch.tensor([[-40.0] * 5, [40.0] * 5]))
    context = torch.arange(50) % 2
    x = ar.OrderEnsemble(model, 3).sample(50, context=context)
    assert torch.equal(x, context.float().unsqueeze(1).expand(-1, 5))


def test_temperature() -> None:
    """Near 0 every member draws its most likely values: as many different events as members, at most."""
    ensemble = ar.OrderEnsemble(agnostic((6,)), 3)
    assert len(ensemble.sample(200, temperature=1e-4).unique(dim=0)) <= 3
    assert len(ensemble.sample(200).unique(dim=0)) > 3


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n": -1}, ValueError, "the number of samples must be an int of at least 0"),
        ({"n": None}, ValueError, "the number of samples must be an int"),
        ({"n": 2, "temperature": 0}, ValueError, "temperature must be a positive number"),
        ({"n": 2, "generator": 3}, TypeError, "generator must be a torch.Generator"),
        ({"n": 2, "context": torch.tensor([0, 1])}, ValueError, "OrderEnsemble is not conditional"),
    ],
    ids=str,
)
def test_samples_that_make_no_sense(arguments: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        ar.OrderEnsemble(agnostic(), 2).sample(**arguments)


# -- members and weights --------------------------------------------------------------------------------------------


def test_random_orderings_come_from_the_seed() -> None:
    model = ar.NADE((3, 2, 2), hidden=3)
    before = torch.get_rng_state()
    few, many = ar.OrderEnsemble(model, 3, seed=5), ar.OrderEnsemble(model, 6, seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    assert few.orderings.shape == (3, 12) and torch.equal(many.orderings[:3], few.orderings)
    assert not torch.equal(ar.OrderEnsemble(model, 3, seed=6).orderings, few.orderings)
    # The three channels of a pixel come one after the other: positions p, p + 4 and p + 8.
    pixels = few.orderings.view(3, 4, 3)
    assert torch.equal(pixels - pixels[:, :, :1], torch.tensor([0, 4, 8]).expand(3, 4, 3))


def shared(ensemble: ar.OrderEnsemble) -> bool:
    weights = [id(weight) for weight in ensemble.model.parameters()]
    return all([id(w) for w in member.parameters()] == weights for member in ensemble.members)


def test_weights_stay_shared() -> None:
    model = randomised(ar.MADE((4,), hidden=(7,)))
    ensemble = ar.OrderEnsemble(model, 3)
    assert ensemble.model is model and shared(ensemble) and not ensemble.training
    twin = copy.deepcopy(ensemble).double()
    assert shared(twin) and twin.model.layers[0].weight is not model.layers[0].weight
    masks = [buffer for buffer in twin.buffers() if buffer.is_floating_point()]
    assert len(masks) == 2 * 4 and all(mask.dtype == torch.float64 for mask in masks)
    x = contract.events(twin)
    torch.testing.assert_close(twin.log_prob(x).float(), ensemble.log_prob(x.float()))


def test_fit_trains_the_weights_of_the_model() -> None:
    model = ar.NADE((4,), hidden=5, order_agnostic=True)
    ensemble = ar.OrderEnsemble(model, 3)
    x = torch.tensor([[0.0, 1.0, 1.0, 0.0]]).repeat(20, 1)
    before = ar.evaluate(model, x).nats
    ar.fit(ensemble, x, epochs=5, batch_size=5, learning_rate=0.03, progress=False)
    assert shared(ensemble) and ar.evaluate(model, x).nats < before - 1


def test_shared_weights_count_once() -> None:
    nade, fvsbn = ar.NADE((5,), hidden=3), ar.FVSBN((5,))
    assert ar.OrderEnsemble(nade, 4).num_parameters() == nade.num_parameters()
    # A weight that a mask switches off counts if it is on in another member: both triangles, and 5 biases.
    assert ar.OrderEnsemble(fvsbn, ["raster"]).num_parameters() == fvsbn.num_parameters() == 15
    assert ar.OrderEnsemble(fvsbn, ["raster", "reverse"]).num_parameters() == 25
    made = ar.MADE((5,), hidden=(7, 6), masks=3, direct=True)
    assert ar.OrderEnsemble(made, made.orderings).num_parameters() == made.num_parameters()
    assert ar.OrderEnsemble(made, made.orderings[:2]).num_parameters() < made.num_parameters()


def test_it_is_not_saved_but_its_model_is(tmp_path: Path) -> None:
    model = agnostic()
    ensemble = ar.OrderEnsemble(model, 3, seed=2)
    with pytest.raises(TypeError, match="its weights are those of its model. Save that"):
        ensemble.save_pretrained(tmp_path / "ensemble")
    assert not (tmp_path / "ensemble").exists()
    model.save_pretrained(tmp_path / "model")
    again = ar.OrderEnsemble(ar.load_pretrained(tmp_path / "model"), 3, seed=2)
    x = contract.events(model)
    assert torch.equal(again.log_prob(x), ensemble.log_prob(x))


# -- arguments that make no sense -----------------------------------------------------------------------------------


@pytest.mark.parametrize("orderings", [0, -1, True, 2.0, None, "raster", [], ()], ids=repr)
def test_orderings_that_are_neither_a_number_nor_a_list(orderings) -> None:
    with pytest.raises(ValueError, match="orderings must be a number of at least 1, or a list"):
        ar.OrderEnsemble(agnostic(), orderings)


@pytest.mark.parametrize("orderings", [["raster", "up"], [[0, 1]], [3], [[0, 1, 2, 2]]], ids=repr)
def test_a_wrong_ordering_is_refused(orderings) -> None:
    with pytest.raises(ValueError, match="ordering"):
        ar.OrderEnsemble(agnostic(), orderings)


@pytest.mark.parametrize("seed", [-1, 1.0, None, "0", True], ids=repr)
def test_seeds_that_make_no_sense(seed) -> None:
    with pytest.raises(ValueError, match="seed must be an int of at least 0, got"):
        ar.OrderEnsemble(agnostic(), 2, seed=seed)


def test_models_without_an_ordering_to_change() -> None:
    with pytest.raises(TypeError, match="needs an autoregressive model, got Histogram"):
        ar.OrderEnsemble(ar.Histogram((1,)))
    with pytest.raises(ValueError, match="BayesNet takes no ordering"):
        ar.OrderEnsemble(ar.BayesNet((2,), parents=[[], [0]]))


def test_events_are_checked() -> None:
    ensemble = ar.OrderEnsemble(agnostic(), 2)
    with pytest.raises(ValueError, match=r"x must have shape \(B, 4\), got \(2, 3\)"):
        ensemble.log_prob(torch.ones(2, 3, dtype=torch.float64))
    with pytest.raises(TypeError, match="x must be torch.float64"):
        ensemble.log_prob(torch.ones(2, 4))
    with pytest.raises(ValueError, match="Bernoulli variables are 0 or 1"):
        ensemble.log_prob(torch.full((2, 4), 0.5, dtype=torch.float64))
