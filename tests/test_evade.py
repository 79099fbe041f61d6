"""The attack past a detector: both aims are met at the levels and inside the ball, or the image is left alone."""

from __future__ import annotations

import pytest
import torch
from attack_cases import LEVELS, classifier, digits, inner, linear
from torch import Tensor

from armodels_lite import attacks
from armodels_lite.shades import rounded

EPS = 3 / 16


def ink(x: Tensor) -> Tensor:
    """A detector of dark images."""
    return x.flatten(1).sum(1)


def evade(x: Tensor, y: Tensor, limit: float, **options) -> Tensor:
    options = {"eps": EPS, "levels": LEVELS, "score": ink, "reserve": 0.5, **options}
    return attacks.evade(classifier(), x, y, limit=limit, **options)


def test_what_is_found_meets_both_aims_and_the_rest_is_left_alone() -> None:
    x, y = digits(60)
    limit = ink(x).median().item()
    found = evade(x, y, limit)
    moved = (found != x).flatten(1).any(1)
    assert torch.equal(rounded(found, LEVELS), found)
    assert (found - x).abs().max() <= EPS + 1e-6
    assert (classifier().predict(found)[moved] != y[moved]).all()
    assert (ink(found)[moved] < limit).all()
    assert moved.sum() > 20 and torch.equal(found[~moved], x[~moved])


def test_more_pass_than_with_an_attack_that_ignores_the_detector() -> None:
    x, y = digits(60)
    limit = ink(x).median().item()

    def passed(images: Tensor) -> int:
        return int(((classifier().predict(images) != y) & (ink(images) < limit)).sum())

    blind = attacks.bim(classifier(), x, y, eps=EPS, levels=LEVELS)
    assert passed(evade(x, y, limit)) > passed(blind) + 5


def test_a_detector_that_never_alarms_leaves_an_ordinary_attack() -> None:
    x, y = digits(60)
    found = evade(x, y, limit=1e6)
    blind = attacks.pgd(
        classifier(), x, y, eps=EPS, levels=LEVELS, generator=torch.Generator().manual_seed(0)
    )
    wrong = [(classifier().predict(images) != y).sum() for images in (found, blind)]
    assert wrong[0] >= 0.8 * wrong[1]


def test_nothing_is_found_where_every_image_raises_the_alarm() -> None:
    x, y = digits(20)
    assert torch.equal(evade(x, y, limit=-1.0), x)


def test_a_linear_classifier_is_fooled_where_the_ball_allows_it() -> None:
    model = linear(2)
    x, y = inner(model, 40)
    weight = (model.network[0].weight[0] * (2 * y.double() - 1).unsqueeze(1)).detach()  # (B, 12)
    margin = (model.logits(x)[:, 1] * (2 * y.double() - 1)).detach()
    eps = 0.35
    # Down the margin as far as the ball allows, with no detector: exactly these can be fooled.
    reachable = margin < eps * weight.abs().sum(1)
    options = {"eps": eps, "score": ink, "steps": 100}
    found = attacks.evade(model, x, y, limit=1e6, **options)
    fooled = model.predict(found) != y
    assert torch.equal(fooled, fooled & reachable)
    assert fooled.sum() >= reachable.sum() - 2 > 10


def test_a_target_is_reached() -> None:
    x, y = digits(40)
    aim = (y + 1) % 10
    found = evade(x, aim, limit=1e6, eps=5 / 16, targeted=True)
    moved = (found != x).flatten(1).any(1)
    assert moved.sum() > 10 and (classifier().predict(found)[moved] == aim[moved]).all()


def test_other_images_of_the_batch_make_no_difference() -> None:
    x, y = digits(12)
    limit = ink(x).median().item()
    alone = torch.cat([evade(x[i : i + 1], y[i : i + 1], limit) for i in range(12)])
    assert torch.equal(alone, evade(x, y, limit))


def test_the_image_after_the_last_step_counts() -> None:
    x, y = digits(60)
    found = evade(x, y, limit=1e6, steps=1)
    assert (classifier().predict(found) != y).any()


def test_an_image_between_two_classes_is_not_taken_for_a_success() -> None:
    # Both logits are equal at the clean image, and class 0 is told, which is right.
    def model(x: Tensor) -> Tensor:
        return torch.stack([x[:, 0], 0.5 * torch.ones(len(x))], 1)

    x, y = torch.full((1, 1), 0.5), torch.tensor([0])
    found = attacks.evade(model, x, y, eps=0.1, score=ink, limit=1e6)
    assert model(found).argmax(1) == 1


def test_a_long_run_ends_with_numbers() -> None:
    x, y = digits(2)
    assert torch.equal(evade(x, y, limit=-1.0, steps=800), x)  # 1.15^800 is no float32


def test_an_empty_batch() -> None:
    x, y = digits(1)
    assert evade(x[:0], y[:0], 1.0).shape == (0, 1, 8, 8)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"limit": float("nan")}, "limit must be a finite number"),
        ({"reserve": -1.0}, "reserve must be a finite number, of at least 0"),
        ({"weight": -0.1}, "weight must be a finite number"),
        ({"steps": 0}, "steps must be a positive int"),
        ({"score": lambda x: x.sum()}, r"score must be a tensor of shape \(2,\)"),
        ({"score": lambda x: x.detach().flatten(1).sum(1)}, "score has no gradient"),
        (
            {"score": lambda x: x.flatten(1).sum(1) * float("nan")},
            "score must be a number for each",
        ),
    ],
)
def test_bad_arguments_are_refused(given: dict, message: str) -> None:
    x, y = digits(2)
    with pytest.raises(ValueError, match=message):
        evade(x, y, **{"limit": 1.0, **given})
