"""What every attack promises: its ball, its levels, its success; and that it leaves the classifier as it was."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest
import torch
from attack_cases import LEVELS, classifier, digits, inner, linear
from random_weights import randomised
from torch import Tensor, nn

import armodels_lite as ar
from armodels_lite import attacks

EPS = 2 / 16


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def noise(*given, **options) -> Tensor:
    return attacks.random_noise(*given, generator=seeded(), **options)


def pgd(*given, **options) -> Tensor:
    return attacks.pgd(*given, generator=seeded(), **options)


def random_search(*given, **options) -> Tensor:
    return attacks.random_search(*given, generator=seeded(), **{"queries": 40, **options})


short_cw = partial(
    attacks.carlini_wagner, iterations=40, search_steps=1, constant=100.0, learning_rate=0.25
)
IN_A_BALL = {"noise": noise, "fgsm": attacks.fgsm, "bim": attacks.bim, "pgd": pgd}
IN_A_BALL["random_search"] = random_search
SMALLEST = {"deepfool": attacks.deepfool, "carlini_wagner": short_cw}
every_attack = pytest.mark.parametrize(
    "attack", (IN_A_BALL | SMALLEST).values(), ids=[*IN_A_BALL, *SMALLEST]
)
smallest = pytest.mark.parametrize("attack", SMALLEST.values(), ids=SMALLEST)
Attack = Callable[..., Tensor]


def moved(x: Tensor, found: Tensor) -> Tensor:
    """(B,): the largest change of a pixel."""
    return (found - x).abs().flatten(1).amax(1)


# ---- the ball, the levels, success -------------------------------------------------------------------------


@every_attack
@pytest.mark.parametrize("levels", [None, LEVELS])
def test_attacked_images_are_shades_inside_the_ball(attack: Attack, levels: int | None) -> None:
    x, y = digits(20)
    before = x.clone()
    found = attack(classifier(), x, y, eps=EPS, levels=levels)
    assert found.shape == x.shape and found.dtype == x.dtype and not found.requires_grad
    assert found.min() >= 0 and found.max() <= 1
    assert 0 < moved(x, found).max() <= EPS + 1e-6
    assert torch.equal(x, before)


@every_attack
def test_with_levels_the_result_has_them_and_the_ball_is_rounded_down(attack: Attack) -> None:
    x, y = digits(20)
    found = attack(classifier(), x, y, eps=2.9 / 16, levels=LEVELS)
    assert torch.equal(found * 16, (found * 16).round())
    assert moved(x, found).max() == 2 / 16


@every_attack
def test_a_ball_without_room_changes_nothing(attack: Attack) -> None:
    x, y = digits(5)
    assert torch.equal(attack(classifier(), x, y, eps=0), x)
    assert torch.equal(attack(classifier(), x, y, eps=0.9 / 16, levels=LEVELS), x)


@smallest
@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("levels", [None, LEVELS])
def test_the_smallest_change_fools_or_is_none(
    attack: Attack, targeted: bool, levels: int | None
) -> None:
    x, y = digits(30)
    wanted, eps = ((y + 1) % 10, 4 / 16) if targeted else (y, EPS)
    found = attack(classifier(), x, wanted, eps=eps, targeted=targeted, levels=levels)
    reached = (classifier().predict(found) == wanted) == targeted
    as_it_was = moved(x, found) == 0
    assert torch.equal(reached, ~as_it_was)
    assert 15 < reached.sum() < 30  # the ball is too small for some


@smallest
def test_what_is_wrong_already_stays(attack: Attack) -> None:
    x, y = digits(5)
    assert torch.equal(attack(classifier(), x, (y + 1) % 10), x)
    assert torch.equal(attack(classifier(), x, y, targeted=True), x)


def test_stronger_attacks_fool_more() -> None:
    x, y = digits(100)
    right = {
        name: (classifier().predict(attack(classifier(), x, y, eps=EPS, levels=LEVELS)) == y).sum()
        for name, attack in IN_A_BALL.items()
    }
    assert right["noise"] > 90 > 60 > right["fgsm"] > right["bim"]
    assert right["pgd"] <= right["bim"] + 2
    assert right["random_search"] < right["noise"] - 10


def test_targets_are_reached() -> None:
    x, y = digits(50)
    wanted = (y + 1) % 10
    for attack in (attacks.bim, pgd):
        found = attack(classifier(), x, wanted, eps=4 / 16, targeted=True, levels=LEVELS)
        assert (classifier().predict(found) == wanted).float().mean() > 0.8


def test_a_margin_is_kept_with_confidence() -> None:
    x, y = digits(10)
    found = attacks.carlini_wagner(classifier(), x, y, confidence=2.0, iterations=50)
    logits = classifier().logits(found)
    own = logits.gather(1, y[:, None]).squeeze(1)
    others = logits.scatter(1, y[:, None], -torch.inf).amax(1)
    assert (moved(x, found) > 0).all() and (others - own >= 2.0 - 1e-4).all()


# ---- any classifier ----------------------------------------------------------------------------------------


class OwnModule(nn.Module):
    """Someone else's classifier, with a part that behaves differently in training."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Flatten(), nn.Dropout(0.9), nn.Linear(12, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x)


def test_module_function_and_classifier_are_attacked_alike() -> None:
    model = linear(3)
    own = OwnModule().double()
    own.network[2].load_state_dict(model.network[0].state_dict())
    weight, bias = model.network[0].weight, model.network[0].bias

    def by_hand(images: Tensor) -> Tensor:
        return images @ weight.T + bias

    x, y = inner(model, 6)
    for attack in (IN_A_BALL | SMALLEST).values():
        expected = attack(model, x, y, eps=0.1)
        for other in (own.train(), model.logits, by_hand):
            torch.testing.assert_close(attack(other, x, y, eps=0.1), expected)


@every_attack
def test_two_classes_with_one_output_are_two_classes(attack: Attack) -> None:
    model = linear(2)
    x, y = inner(model, 6)
    weight, bias = model.network[0].weight, model.network[0].bias

    def both(images: Tensor) -> Tensor:
        z = (images @ weight.T + bias) / 2
        return torch.cat([-z, z], 1)

    torch.testing.assert_close(
        attack(model, x, y, eps=0.3), attack(both, x, y, eps=0.3), atol=1e-4, rtol=0
    )


@every_attack
def test_the_classifier_is_left_as_it_was(attack: Attack) -> None:
    model = randomised(ar.Classifier((12,), 3, hidden=(5,))).train()
    model.network[0].eval()
    own = OwnModule().train()
    x, y = torch.rand(4, 12, generator=seeded()), torch.tensor([0, 1, 2, 0])
    for victim in (model, own):
        modes = [module.training for module in victim.modules()]
        weights = [parameter.clone() for parameter in victim.parameters()]
        attack(victim, x, y, eps=0.2)
        assert [module.training for module in victim.modules()] == modes
        assert all(map(torch.equal, weights, victim.parameters()))
        assert all(parameter.grad is None for parameter in victim.parameters())
        assert all(parameter.requires_grad for parameter in victim.parameters())


@every_attack
def test_global_random_numbers_and_gradient_mode_stay(attack: Attack) -> None:
    x, y = digits(3)
    state = torch.get_rng_state()
    with torch.no_grad():
        inside = attack(classifier(), x, y, eps=EPS)
        assert not torch.is_grad_enabled()
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(attack(classifier(), x.requires_grad_(), y, eps=EPS), inside)
    assert x.grad is None


@pytest.mark.parametrize("attack", [attacks.random_noise, attacks.pgd, attacks.random_search])
def test_the_generator_decides(attack: Attack) -> None:
    x, y = digits(4)
    options = {"steps": 1, "step_size": 0.01} if attack is attacks.pgd else {}
    first, again, other = (
        attack(
            classifier(), x, y, eps=EPS, generator=torch.Generator().manual_seed(seed), **options
        )
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)


# ---- batches and dtypes ------------------------------------------------------------------------------------


@every_attack
@pytest.mark.parametrize("levels", [None, LEVELS])
def test_no_images(attack: Attack, levels: int | None) -> None:
    x, y = digits(1)
    found = attack(classifier(), x[:0], y[:0], eps=EPS, levels=levels)
    assert found.shape == (0, 1, 8, 8) and found.dtype == x.dtype


@pytest.mark.parametrize("name", ["fgsm", "bim", "deepfool", "carlini_wagner"])
def test_other_images_of_the_batch_make_no_difference(name: str) -> None:
    attack = {**IN_A_BALL, **SMALLEST}[name]
    model = randomised(ar.Classifier((12,), 4, hidden=(8,), activation="tanh").double(), scale=1.0)
    x = torch.rand(5, 12, generator=seeded(), dtype=torch.float64)
    y = model.predict(x)
    together = attack(model, x, y, eps=0.3)
    assert together.dtype == torch.float64 and (together != x).any(1).all()
    for i in range(5):
        torch.testing.assert_close(
            attack(model, x[i : i + 1], y[i : i + 1], eps=0.3)[0], together[i], atol=1e-7, rtol=0
        )


# ---- a defence, a penalty ----------------------------------------------------------------------------------


def test_bpda_is_the_defence_forward_and_the_identity_backward() -> None:
    model = randomised(ar.Classifier((12,), 3, hidden=(5,), activation="tanh").double())
    x = torch.rand(4, 12, generator=seeded(), dtype=torch.float64).requires_grad_()

    def defence(images: Tensor) -> Tensor:
        assert not images.requires_grad and not torch.is_grad_enabled()
        return (images * 3).round() / 3

    guarded = attacks.bpda(model, defence)
    defended = (x.detach() * 3).round() / 3
    torch.testing.assert_close(guarded(x), model.logits(defended))
    weights = torch.randn(4, 3, generator=seeded(), dtype=torch.float64)
    (found,) = torch.autograd.grad((weights * guarded(x)).sum(), x)
    defended.requires_grad_()
    (expected,) = torch.autograd.grad((weights * model.logits(defended)).sum(), defended)
    torch.testing.assert_close(found, expected)


def test_no_gradient_reaches_the_weights_behind_bpda() -> None:
    x, _ = digits(2)
    guarded = attacks.bpda(classifier(), torch.round)
    guarded(x.requires_grad_()).sum().backward()
    assert x.grad.abs().sum() > 0
    assert all(weight.grad is None and weight.requires_grad for weight in classifier().parameters())


def test_an_attack_that_is_cut_short_leaves_the_classifier_as_it_was() -> None:
    def broken(images: Tensor) -> Tensor:
        raise KeyError("a penalty that fails")

    model = ar.Classifier((1, 8, 8), 10).train()
    with pytest.raises(KeyError, match="fails"):
        attacks.pgd(model, *digits(2), eps=EPS, penalty=broken)
    assert model.training and all(weight.requires_grad for weight in model.parameters())


def test_a_defence_that_stops_gradients_falls_to_bpda() -> None:
    x, y = digits(50)

    def blurred(images: Tensor) -> Tensor:
        return (images * 4).round() / 4

    plain = attacks.pgd(
        lambda z: classifier().logits(blurred(z)), x, y, eps=4 / 16, generator=seeded()
    )
    knowing = attacks.pgd(attacks.bpda(classifier(), blurred), x, y, eps=4 / 16, generator=seeded())
    right = [(classifier().predict(blurred(found)) == y).sum() for found in (plain, knowing)]
    assert right[0] > 40 and right[1] < 15


def test_a_search_needs_no_gradient() -> None:
    """A defence that stops gradients does not stop it; and no call more is made than was asked for."""
    x, y = digits(50)
    calls = []

    @torch.no_grad()
    def guarded(images: Tensor) -> Tensor:
        calls.append(len(images))
        return classifier().logits((images * 4).round() / 4)

    found = random_search(guarded, x, y, eps=4 / 16, queries=60)
    assert (guarded(found).argmax(1) == y).sum() < 25
    assert len(calls) <= 60 + 3  # the first look, the check of the labels, and the line above
    assert calls[-2] < 50  # images that fool already are left alone


def test_a_search_goes_on_from_between_two_classes() -> None:
    # Both logits are equal at the clean image, and class 0 is told, which is right.
    def model(x: Tensor) -> Tensor:
        return torch.stack([x[:, 0], 0.5 * torch.ones(len(x))], 1)

    x, y = torch.full((1, 1), 0.5), torch.tensor([0])
    found = attacks.random_search(model, x, y, eps=0.1, generator=seeded())
    assert model(found).argmax(1) == 1


def test_a_search_goes_on_where_another_attack_ended() -> None:
    x, y = digits(60)
    before = noise(classifier(), x, y, eps=EPS, levels=LEVELS)
    found = random_search(classifier(), x, y, eps=EPS, levels=LEVELS, start=before)
    fooled, now = (classifier().predict(images) != y for images in (before, found))
    assert torch.equal(found[fooled], before[fooled]) and now[fooled].all()
    assert now.sum() > fooled.sum()
    assert moved(x, found).max() <= EPS + 1e-6


def test_a_module_behind_a_defence_is_in_eval_mode() -> None:
    own = OwnModule().train()
    guarded = attacks.bpda(own, lambda images: images)
    x = torch.rand(50, 12, generator=seeded())
    assert torch.equal(guarded(x), own.eval()(x))


def test_a_penalty_keeps_attacks_probable() -> None:
    """The penalised attack stays more probable under a density, and still beats noise."""
    x, y = digits(40)
    train = ar.load("digits", levels=LEVELS, shades=True).train.x
    mean, scale = train.mean(0), train.std(0) + 0.1

    def log_p(images: Tensor) -> Tensor:
        return torch.distributions.Normal(mean, scale).log_prob(images).flatten(1).sum(1)

    free = attacks.pgd(classifier(), x, y, eps=EPS, generator=seeded())
    kept = attacks.pgd(
        classifier(), x, y, eps=EPS, penalty=lambda z: -0.3 * log_p(z), generator=seeded()
    )
    assert (log_p(kept) > log_p(free)).all()
    assert (classifier().predict(kept) != y).sum() > (
        classifier().predict(noise(classifier(), x, y, eps=EPS)) != y
    ).sum()


def test_pgd_gives_the_best_image_on_its_way() -> None:
    """With steps far too long the last image is no better than another; what is kept is no worse than the start."""
    x, y = digits(30)
    options = {"eps": EPS, "step_size": 1.0}
    losses = [
        -classifier()(
            attacks.pgd(classifier(), x, y, steps=n, generator=seeded(), **options)
        ).log_prob(y)
        for n in (1, 2, 5, 9)
    ]
    for fewer, more in pairwise(losses):
        assert (more >= fewer - 1e-5).all()
