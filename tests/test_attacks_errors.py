"""What attacks refuse: each message names what was given, and what is accepted."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from attack_cases import LEVELS, classifier, digits, linear
from torch import Tensor

from armodels_lite import attacks

SHARED = {
    "noise": lambda *given, **options: attacks.random_noise(*given, **{"eps": 0.1, **options}),
    "fgsm": lambda *given, **options: attacks.fgsm(*given, **{"eps": 0.1, **options}),
    "bim": lambda *given, **options: attacks.bim(*given, **{"eps": 0.1, **options}),
    "pgd": lambda *given, **options: attacks.pgd(*given, **{"eps": 0.1, **options}),
    "random_search": lambda *given, **options: attacks.random_search(
        *given, **{"eps": 0.1, **options}
    ),
    "deepfool": attacks.deepfool,
    "carlini_wagner": attacks.carlini_wagner,
}
every_attack = pytest.mark.parametrize("attack", SHARED.values(), ids=SHARED)
BAD_INPUT = {
    "no function": ({"classifier": 3}, TypeError, "function from images to logits, got int"),
    "no tensor": ({"x": [0.5]}, TypeError, "images are a tensor, got list"),
    "levels": (
        {"x": torch.zeros(2, 1, 8, 8).long()},
        TypeError,
        "floats from 0 to 1, got torch.int64",
    ),
    "above 1": ({"x": torch.full((2, 1, 8, 8), 1.5)}, ValueError, "between 0 and 1, got 1.5"),
    "NaN": ({"x": torch.full((2, 1, 8, 8), math.nan)}, ValueError, "between 0 and 1, got nan"),
    "off the grid": (
        {"x": torch.full((2, 1, 8, 8), 0.11), "levels": LEVELS},
        ValueError,
        "shade 0.11 is none of the 17 levels",
    ),
    "one level": ({"levels": 1}, ValueError, "levels must be an int of at least 2, got 1"),
    "labels as floats": (
        {"y": torch.zeros(2)},
        ValueError,
        r"int64 labels of shape \(2,\), got torch.float32",
    ),
    "too few labels": (
        {"y": torch.zeros(1).long()},
        ValueError,
        r"shape \(2,\), got torch.int64 of \(1,\)",
    ),
    "labels as list": ({"y": [0, 1]}, ValueError, "int64 labels .*, got list"),
    "no such class": (
        {"y": torch.tensor([0, 10])},
        ValueError,
        "from 0 to 9, got 10: .* 10 classes",
    ),
    "a negative class": ({"y": torch.tensor([-1, 1])}, ValueError, "from 0 to 9, got -1"),
    "one logit": (
        {"classifier": lambda x: x.flatten(1)[:, :1]},
        ValueError,
        r"logits \(2, K\) with K at least 2, got \(2, 1\)",
    ),
    "logits of another batch": (
        {"classifier": lambda x: torch.zeros(3, 10)},
        ValueError,
        r"got \(3, 10\)",
    ),
    "no logits": ({"classifier": lambda x: "seven"}, TypeError, "as a tensor, got str"),
    "NaN as logits": (
        {"classifier": lambda x: torch.nan * x.flatten(1)[:, :10]},
        ValueError,
        "logits must be numbers, got NaN",
    ),
    "labels elsewhere": (
        {"y": torch.zeros(2, dtype=torch.int64, device="meta")},
        ValueError,
        "y must be on the device of x, cpu, got meta",
    ),
    "other images": ({"x": torch.zeros(2, 1, 4, 4)}, ValueError, r"\(B, 1, 8, 8\)"),
}


@every_attack
@pytest.mark.parametrize(("given", "error", "message"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_what_no_attack_takes(
    attack: Any, given: dict[str, Any], error: type[Exception], message: str
) -> None:
    x, y = digits(2)
    given = {"classifier": classifier(), "x": x, "y": y, **given}
    with pytest.raises(error, match=message):
        attack(given.pop("classifier"), given.pop("x"), given.pop("y"), **given)


@every_attack
@pytest.mark.parametrize("eps", [-0.1, 1.5, math.nan, "0.1", True, 2])
def test_eps_is_from_0_to_1(attack: Any, eps: Any) -> None:
    with pytest.raises(ValueError, match=f"eps must be a number from 0 to 1, .*got {eps!r}"):
        attack(classifier(), *digits(2), eps=eps)


@pytest.mark.parametrize("name", ["fgsm", "bim", "pgd", "deepfool", "carlini_wagner"])
def test_a_target_is_asked_for_by_true(name: str) -> None:
    with pytest.raises(ValueError, match="targeted must be True or False, got 1"):
        SHARED[name](classifier(), *digits(2), targeted=1)


@pytest.mark.parametrize("name", ["fgsm", "bim", "pgd", "deepfool", "carlini_wagner"])
def test_a_classifier_without_gradient_is_named(name: str) -> None:
    def stopped(x: Tensor) -> Tensor:
        with torch.no_grad():
            return classifier().logits(x)

    with pytest.raises(ValueError, match="logits have no gradient, .*bpda"):
        SHARED[name](stopped, *digits(2))


@pytest.mark.parametrize(
    ("attack", "given", "message"),
    [
        (attacks.bim, {"steps": 0}, "steps must be a positive int, got 0"),
        (attacks.pgd, {"steps": 2.0}, "steps must be a positive int, got 2.0"),
        (attacks.bim, {"step_size": 0}, "step_size must be a number above 0 and at most 1, got 0"),
        (attacks.pgd, {"step_size": math.nan}, "step_size must .* got nan"),
    ],
)
def test_steps_are_checked(attack: Any, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        attack(classifier(), *digits(2), eps=0.1, **given)


@pytest.mark.parametrize(
    ("attack", "given", "message"),
    [
        (attacks.deepfool, {"steps": 0}, "steps must be a positive int, got 0"),
        (
            attacks.deepfool,
            {"overshoot": -0.1},
            "overshoot must be a number of at least 0, got -0.1",
        ),
        (attacks.deepfool, {"overshoot": math.nan}, "overshoot must be .* got nan"),
        (attacks.carlini_wagner, {"iterations": 0}, "iterations must be a positive int, got 0"),
        (attacks.carlini_wagner, {"search_steps": 1.5}, "search_steps must be .* got 1.5"),
        (attacks.carlini_wagner, {"constant": 0}, "constant must be a number above 0, got 0"),
        (attacks.carlini_wagner, {"constant": math.inf}, "constant must be .* got inf"),
        (attacks.carlini_wagner, {"learning_rate": True}, "learning_rate must .* got True"),
        (
            attacks.carlini_wagner,
            {"confidence": math.nan},
            "confidence must .* at least 0, got nan",
        ),
    ],
)
def test_the_smallest_changes_are_checked(attack: Any, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        attack(classifier(), *digits(2), **given)


def test_generators_penalties_and_defences_are_checked() -> None:
    x, y = digits(2)
    for attack in (attacks.random_noise, attacks.pgd, attacks.random_search):
        with pytest.raises(TypeError, match="generator must be a torch.Generator, got int"):
            attack(classifier(), x, y, eps=0.1, generator=1)
    for penalty, found in ((lambda z: z.sum(), r"\(\)"), (lambda z: 3.0, "float")):
        with pytest.raises(
            ValueError, match=rf"penalty must be a tensor of shape \(2,\), got {found}"
        ):
            attacks.pgd(classifier(), x, y, eps=0.1, penalty=penalty)
    for defence, found in ((lambda z: z[:1], r"\(1, 1, 8, 8\)"), (lambda z: None, "NoneType")):
        with pytest.raises(ValueError, match=rf"keep the shape \(2, 1, 8, 8\), got {found}"):
            attacks.bpda(classifier(), defence)(x)


def test_events_of_no_axis_fit_no_classifier() -> None:
    with pytest.raises(ValueError, match=r"\(B, 12\)"):
        attacks.fgsm(linear(2), torch.rand(2).double(), torch.tensor([0, 1]), eps=0.1)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"queries": 0}, "queries must be a positive int, got 0"),
        ({"start": torch.zeros(1, 1, 8, 8)}, r"start must be images .*, as x; got \(1, 1, 8, 8\)"),
        ({"start": 0}, "start must be images .*, as x; got int"),
        ({"start": torch.full((2, 1, 8, 8), math.nan)}, "between 0 and 1, got nan"),
        ({"start": torch.ones(2, 1, 8, 8)}, r"ball of radius 0.1 around x, got a distance of 1"),
    ],
)
def test_a_search_is_checked(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        attacks.random_search(classifier(), *digits(2), eps=0.1, **given)
