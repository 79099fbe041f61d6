"""log p between the levels: equal to log p at the levels, and with the gradient of finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from defence_cases import BY_NAME, WITHOUT_RELAXATION, relaxed_models, with_images
from models_under_test import Case
from random_weights import randomised

import armodels_lite as ar
from armodels_lite.relaxation import relaxed_log_prob
from armodels_lite.shades import to_shades


def between_levels(shape: torch.Size, levels: int) -> torch.Tensor:
    """Shades that keep a tenth of a level's distance from every level."""
    generator = torch.Generator().manual_seed(2)
    lower = torch.randint(levels - 1, shape, generator=generator)
    share = 0.1 + 0.8 * torch.rand(shape, generator=generator, dtype=torch.float64)
    return (lower + share) / (levels - 1)


@relaxed_models
def test_at_the_levels_it_is_the_log_probability(case: Case) -> None:
    model, x, context = with_images(case)
    found = relaxed_log_prob(model, to_shades(x, model.levels, torch.float64), context)
    torch.testing.assert_close(found, model.log_prob(x, context))


@relaxed_models
def test_the_gradient_is_that_of_finite_differences(case: Case) -> None:
    model, x, context = with_images(case, 2)
    x = between_levels(x.shape, model.levels).requires_grad_()
    (slope,) = torch.autograd.grad(relaxed_log_prob(model, x, context).sum(), x)
    step = 1e-6 * torch.randn(x.shape, generator=torch.Generator().manual_seed(3)).double()
    with torch.no_grad():
        up, down = (relaxed_log_prob(model, x + sign * step, context) for sign in (1, -1))
    torch.testing.assert_close(
        (up - down) / 2, (slope * step).flatten(1).sum(1), rtol=1e-4, atol=1e-10
    )
    assert (slope != 0).double().mean() > 0.9


def test_bits_by_hand() -> None:
    model = randomised(ar.FVSBN((3,)).double(), scale=1.0)
    weight = model.linear.weight.detach().numpy()
    bias = model.linear.bias.detach().numpy()
    x = between_levels(torch.Size([5, 3]), 2)
    z = x.numpy() @ np.tril(weight, -1).T + bias
    by_hand = x.numpy() * -np.log1p(np.exp(-z)) + (1 - x.numpy()) * -np.log1p(np.exp(z))
    np.testing.assert_allclose(relaxed_log_prob(model, x).detach().numpy(), by_hand.sum(1))


def test_one_variable_is_a_line_between_its_levels() -> None:
    model = randomised(ar.MADE((1,), hidden=(3,), conditional=ar.Categorical(5)).double())
    at_levels = model.log_prob(torch.arange(5).view(-1, 1)).detach().numpy()
    x = torch.linspace(0, 1, 41, dtype=torch.float64).view(-1, 1)
    expected = np.interp(x.numpy().ravel(), np.linspace(0, 1, 5), at_levels)
    np.testing.assert_allclose(relaxed_log_prob(model, x).detach().numpy(), expected)


def test_float32_and_no_images() -> None:
    model = randomised(
        ar.MADE((1, 2, 3), hidden=(5,), conditional=ar.LogisticMixture(2, levels=16))
    )
    x = torch.randint(16, (6, 1, 2, 3), generator=torch.Generator().manual_seed(0))
    found = relaxed_log_prob(model, to_shades(x, 16))
    torch.testing.assert_close(found, model.log_prob(x), rtol=1e-4, atol=1e-4)
    assert relaxed_log_prob(model, torch.zeros(0, 1, 2, 3)).shape == (0,)


# ---- one-hot vectors of floats -----------------------------------------------------------------------------


def test_features_between_two_levels_mix_their_vectors() -> None:
    x = torch.tensor([[0.0, 0.25], [1.5, 3.0]], dtype=torch.float64, requires_grad=True)
    found = ar.Categorical(4).features(x, torch.float64)
    rows = [[[1, 0, 0, 0], [0.75, 0.25, 0, 0]], [[0, 0.5, 0.5, 0], [0, 0, 0, 1]]]
    torch.testing.assert_close(found, torch.tensor(rows, dtype=torch.float64))
    # Towards the next level; at the last one from the level before it.
    weights = torch.tensor([1.0, 10.0, 100.0, 1000.0], dtype=torch.float64)
    (slope,) = torch.autograd.grad((found @ weights).sum(), x)
    assert slope.tolist() == [[9, 9], [90, 900]]


def test_features_of_levels_as_floats_are_those_of_levels() -> None:
    x = torch.arange(5).view(1, 5)
    conditional = ar.Categorical(5)
    expected = conditional.features(x, torch.float32)
    assert torch.equal(conditional.features(x.float(), torch.float32), expected)


# ---- errors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WITHOUT_RELAXATION)
def test_models_that_have_none_say_why(name: str) -> None:
    model, x, context = with_images(BY_NAME[name], 1)
    channels = isinstance(model, ar.PixelCNNpp)
    message = "no relaxation for 3 channels" if channels else "every level to be possible"
    with pytest.raises(ValueError, match=message):
        relaxed_log_prob(model, torch.zeros(x.shape).double(), context)


def test_what_is_refused() -> None:
    model = ar.MADE((3,), hidden=(4,), conditional=ar.Categorical(5), num_classes=2)
    x, context = torch.zeros(2, 3), torch.tensor([0, 1])
    continuous = ar.MADE((3,), hidden=(4,), conditional=ar.GaussianMixture(2))
    for other in (continuous, ar.Classifier((3,), 2)):
        with pytest.raises(ValueError, match="needs a model of levels, got"):
            relaxed_log_prob(other, x)
    with pytest.raises(TypeError, match="floats from 0 to 1, got torch.int64"):
        relaxed_log_prob(model, x.long(), context)
    with pytest.raises(ValueError, match="between 0 and 1, got 2"):
        relaxed_log_prob(model, x + 2, context)
    with pytest.raises(ValueError, match=r"\(B, 3\)"):
        relaxed_log_prob(model, torch.zeros(2, 4), context)
    with pytest.raises((TypeError, ValueError), match="class"):
        relaxed_log_prob(model, x)
