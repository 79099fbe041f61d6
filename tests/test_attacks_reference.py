"""Attacks against others' code (the Adversarial Robustness Toolbox, SciPy) and against closed forms."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
import torch
from attack_cases import classifier, digits, inner, linear, to_border
from scipy.optimize import minimize
from torch import Tensor

import armodels_lite as ar
from armodels_lite import attacks


@pytest.fixture(scope="module")
def evasion() -> Any:
    """The toolbox's attacks. Imported here: it takes seconds, and no test of another file needs it."""
    return importlib.import_module("art.attacks.evasion")


@pytest.fixture(scope="module")
def estimator(evasion: Any) -> Any:
    """The classifier of digits, as the toolbox takes it."""
    estimators = importlib.import_module("art.estimators.classification")
    return estimators.PyTorchClassifier(
        model=classifier().network,
        loss=torch.nn.CrossEntropyLoss(),
        input_shape=(1, 8, 8),
        nb_classes=10,
        clip_values=(0, 1),
        device_type="cpu",
    )


def size(x: Tensor, found: Tensor) -> Tensor:
    """(B,): the length of the change, in the l2 norm."""
    return (found - x).flatten(1).norm(dim=1)


# ---- inside a ball -----------------------------------------------------------------------------------------

OTHERS = {
    "fgsm": ("FastGradientMethod", {}, {}),
    "bim": (
        "BasicIterativeMethod",
        {"eps_step": 0.02, "max_iter": 10, "verbose": False},
        {"steps": 10, "step_size": 0.02},
    ),
    "bim-as-pgd": (
        "ProjectedGradientDescent",
        {"eps_step": 0.03, "max_iter": 7, "num_random_init": 0, "verbose": False},
        {"steps": 7, "step_size": 0.03},
    ),
}


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize("name", OTHERS)
def test_the_same_images_as_the_toolbox(
    evasion: Any, estimator: Any, name: str, targeted: bool
) -> None:
    x, y = digits(64)
    label = (y + 3) % 10 if targeted else y
    kind, theirs, ours = OTHERS[name]
    other = getattr(evasion, kind)(estimator, eps=0.1, targeted=targeted, batch_size=64, **theirs)
    expected = other.generate(x.numpy(), label.numpy())
    attack = attacks.fgsm if name == "fgsm" else attacks.bim
    found = attack(classifier(), x, label, eps=0.1, targeted=targeted, **ours)
    assert (found != x).float().mean() > 0.5
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_pgd_is_a_loop_from_a_random_start() -> None:
    """By hand, with the same random numbers and the slopes of a linear classifier in closed form."""
    model = linear(2)
    x, y = inner(model, 5)
    weight = model.network[0].weight[0].detach().numpy()
    start = torch.rand(
        x.shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64
    ).numpy()
    low, high = x.numpy() - 0.25, x.numpy() + 0.25
    by_hand = x.numpy() + (2 * start - 1) * 0.25
    for _ in range(4):
        away = np.where(y.numpy() == 1, -1, 1)[:, None] * np.sign(weight)
        by_hand = np.clip(np.clip(by_hand + 0.1 * away, low, high), 0, 1)
    found = attacks.pgd(
        model, x, y, eps=0.25, steps=4, step_size=0.1, generator=torch.Generator().manual_seed(3)
    )
    np.testing.assert_allclose(found.numpy(), by_hand, atol=1e-12)


def test_noise_is_uniform_and_stays_in_the_picture() -> None:
    x = torch.full((200, 1, 8, 8), 0.5)
    x[100:] = 0.0
    generator = torch.Generator().manual_seed(0)
    change = (
        attacks.random_noise(classifier(), x, torch.zeros(200).long(), eps=0.2, generator=generator)
        - x
    )
    assert change[:100].mean().item() == pytest.approx(0, abs=0.005)
    assert change[:100].std().item() == pytest.approx(0.4 / 12**0.5, rel=0.02)
    assert (change[100:] == 0).float().mean().item() == pytest.approx(0.5, abs=0.02)


def test_fgsm_moves_a_linear_classifier_by_eps_times_the_l1_norm() -> None:
    """And no change of that size moves it further (Hoelder's inequality)."""
    model = linear(2)
    x, y = inner(model, 20)
    weight = model.network[0].weight.detach()[0]
    towards = torch.where(y == 1, -1.0, 1.0)
    moved = model.logits(attacks.fgsm(model, x, y, eps=0.1))[:, 1] - model.logits(x)[:, 1]
    torch.testing.assert_close(moved, 0.1 * weight.abs().sum() * towards.double())


def test_noise_moves_a_linear_classifier_by_eps_times_the_l2_norm() -> None:
    """Standard deviation eps ||w||_2 / sqrt(3), which is why noise is so much weaker than FGSM."""
    model = linear(2)
    x = inner(model, 1)[0].expand(4000, -1)
    found = attacks.random_noise(
        model, x, torch.zeros(4000).long(), eps=0.1, generator=torch.Generator().manual_seed(0)
    )
    moved = (model.logits(found) - model.logits(x))[:, 1]
    expected = 0.1 * model.network[0].weight.norm().item() / 3**0.5
    assert moved.std().item() == pytest.approx(expected, rel=0.04)


# ---- the smallest change -----------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 4])
def test_the_nearest_border_of_a_linear_classifier_is_reached(classes: int) -> None:
    model = linear(classes)
    x, y = inner(model, 15)
    exact = to_border(model, x)
    by_deepfool = attacks.deepfool(model, x, y, overshoot=0.02)
    by_cw = attacks.carlini_wagner(model, x, y, search_steps=6)
    for found in (by_deepfool, by_cw):
        assert (model.predict(found) != y).all()
        assert (size(x, found) >= exact - 1e-9).all()
    # DeepFool: the overshoot, and a step of 0.0001 beyond the border.
    torch.testing.assert_close(size(x, by_deepfool), 1.02 * (exact + 1e-4))
    # The margin counts the second most probable class, whose border need not be the nearest one.
    ratio = size(x, by_cw) / exact
    assert (ratio < 1.01).double().mean() >= (1.0 if classes == 2 else 0.8) and ratio.max() < 1.15


def test_deepfool_agrees_with_the_toolbox(evasion: Any, estimator: Any) -> None:
    x, y = digits(100)
    other = evasion.DeepFool(estimator, max_iter=50, epsilon=0.02, batch_size=100, verbose=False)
    theirs = torch.from_numpy(other.generate(x.numpy()))
    ours = attacks.deepfool(classifier(), x, y, steps=50, overshoot=0.02)
    for found in (ours, theirs):
        assert (classifier().predict(found) != y).all()
    # Theirs cuts to [0, 1] before the overshoot, step by step; ours the whole change at once.
    assert size(x, ours).median().item() == pytest.approx(size(x, theirs).median().item(), rel=0.05)
    ratio = size(x, ours) / size(x, theirs)
    assert 0.9 < ratio.median() < 1.05 and ratio.max() < 1.6


def test_carlini_wagner_is_at_least_as_good_as_the_toolbox(evasion: Any, estimator: Any) -> None:
    """Theirs searches along lines and stays far from the smallest change in so few iterations."""
    x, y = digits(5)
    other = evasion.CarliniL2Method(
        estimator,
        max_iter=10,
        binary_search_steps=4,
        initial_const=1.0,
        learning_rate=0.1,
        batch_size=5,
        verbose=False,
    )
    theirs = torch.from_numpy(other.generate(x.numpy(), y.numpy()))
    ours = attacks.carlini_wagner(classifier(), x, y)
    for found in (ours, theirs):
        assert (classifier().predict(found) != y).all()
    assert (size(x, ours) < size(x, theirs)).all()


def smallest_change(model: ar.Classifier, x: Tensor, y: int) -> float:
    """By sequential quadratic programming: the shortest change within [0, 1] to the border of any other class."""
    given = x.double().numpy().ravel()
    model = model.double()

    def logits(image: np.ndarray) -> Tensor:
        return model.logits(torch.from_numpy(image).view(1, *x.shape))[0]

    def slopes(image: np.ndarray, k: int) -> np.ndarray:
        z = torch.from_numpy(image).view(1, *x.shape).requires_grad_()
        out = model.logits(z)[0]
        return torch.autograd.grad(out[k] - out[y], z)[0].numpy().ravel()

    lengths = []
    for k in range(model.num_classes):
        if k != y:
            beyond = {
                "type": "ineq",
                "fun": lambda image, k=k: (logits(image)[k] - logits(image)[y]).item(),
                "jac": lambda image, k=k: slopes(image, k),
            }
            found = minimize(
                lambda image: ((image - given) ** 2).sum(),
                given,
                jac=lambda image: 2 * (image - given),
                bounds=[(0, 1)] * len(given),
                constraints=[beyond],
                method="SLSQP",
                options={"maxiter": 40},
            )
            if beyond["fun"](found.x) > -1e-6:
                lengths.append(found.fun**0.5)
    return min(lengths)


def test_smallest_changes_are_near_those_of_quadratic_programming() -> None:
    model = ar.Classifier((12,), 4, hidden=(10,), activation="tanh").double()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.7 * torch.randn(parameter.shape, generator=generator))
    x = torch.rand(6, 12, generator=generator, dtype=torch.float64)
    y = model.predict(x)
    exact = torch.tensor(
        [smallest_change(model, image, int(label)) for image, label in zip(x, y, strict=True)]
    )
    by_cw = size(x, attacks.carlini_wagner(model, x, y))
    by_deepfool = size(x, attacks.deepfool(model, x, y, overshoot=0.02))
    reached = by_deepfool > 0  # DeepFool finds no way to one of the images within [0, 1]
    assert reached.sum() >= 5
    assert (by_cw / exact).median() < 1.02 and (by_cw / exact).max() < 1.2
    assert (by_deepfool / exact)[reached].median() < 1.15
    assert (by_cw >= exact - 1e-4).all()  # nobody beats it
