"""Rank p-values: against counting, and uniform on clean images that no training has seen."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from defence_cases import BY_NAME, with_images
from random_weights import randomised
from scipy.stats import chisquare, kstest
from torch import Tensor

import armodels_lite as ar
from armodels_lite.pixeldefend import p_value
from armodels_lite.shades import to_shades


def counted(log_probs: Tensor, reference: Tensor) -> list[float]:
    return [
        (1 + sum(r <= p for r in reference.tolist())) / (len(reference) + 1)
        for p in log_probs.tolist()
    ]


def model_of_levels() -> ar.MADE:
    return randomised(ar.MADE((1, 2, 3), hidden=(20,), conditional=ar.Categorical(4)).double())


def levels_of(n: int, seed: int) -> Tensor:
    return torch.randint(4, (n, 1, 2, 3), generator=torch.Generator().manual_seed(seed))


def test_it_counts() -> None:
    model, x, reference = model_of_levels(), levels_of(300, 0), levels_of(77, 1)
    found = p_value(model, x, reference)
    expected = counted(model.log_prob(x), model.log_prob(reference))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)
    assert found.shape == (300,) and found.min() >= 1 / 78 and found.max() <= 1


def test_ties_count_as_no_more_probable() -> None:
    """An image equal to one of the reference is not stranger than it."""
    model, x = model_of_levels(), levels_of(1, 0)
    own = model.log_prob(x).detach()
    reference = torch.cat([own, own, own - 1, own + 1])
    assert p_value(model, x, reference).item() == pytest.approx(4 / 5)
    assert p_value(ar.FVSBN((2,)), torch.zeros(1, 2), torch.ones(9, 2)).item() == 1


def test_images_and_log_probs_levels_and_shades_agree() -> None:
    model, x, reference = model_of_levels(), levels_of(20, 0), levels_of(30, 1)
    expected = p_value(model, x, reference)
    log_probs = model.log_prob(reference).detach()
    assert torch.equal(p_value(model, x, log_probs), expected)
    assert torch.equal(p_value(model, x, log_probs.flip(0)), expected)
    in_shades = p_value(model, to_shades(x, 4), to_shades(reference, 4))
    assert torch.equal(in_shades, expected)


@pytest.mark.parametrize("n", [0, 1, 255, 256, 257, 600])
def test_batches_of_any_size(n: int) -> None:
    model, reference = model_of_levels(), levels_of(30, 1)
    x = levels_of(600, 0)
    assert torch.equal(p_value(model, x[:n], reference), p_value(model, x, reference)[:n])


@pytest.mark.parametrize("name", ["MADE-categorical-class", "MADE-vector"])
def test_contexts_go_with_their_images(name: str) -> None:
    model, x, context = with_images(BY_NAME[name], 300)
    reference = torch.linspace(-12, -2, 50, dtype=torch.float64)
    found = p_value(model, x, reference, context)
    np.testing.assert_allclose(
        found.numpy(), counted(model.log_prob(x, context), reference), rtol=1e-6
    )


def test_densities_without_a_chain_have_p_values() -> None:
    x = torch.rand(200, 2, generator=torch.Generator().manual_seed(0))
    histogram = ar.Histogram((2,), conditional=ar.PiecewiseConstant(4))
    ar.fit(histogram, x, epochs=1)
    assert ((p_value(histogram, x[:5], x) > 0) & (p_value(histogram, x[:5], x) <= 1)).all()
    outside = torch.full((1, 2), 3.0)  # log p is -inf
    assert p_value(histogram, outside, x).item() == pytest.approx(1 / 201)


# ---- what the p-value promises -----------------------------------------------------------------------------


def test_ranks_of_exchangeable_images_are_uniform() -> None:
    """Whatever the model: here it has nothing to do with the images, which another model has drawn."""
    drawn_by = randomised(ar.FVSBN((24,)).double(), scale=0.7)
    judge = randomised(ar.FVSBN((24,)).double(), scale=0.7, seed=1)
    sets, size = 1000, 20
    images = drawn_by.sample(sets * size, generator=torch.Generator().manual_seed(0))
    log_probs = judge.log_prob(images).detach().view(sets, size)
    firsts = images.view(sets, size, 24)[:, 0]
    found = torch.cat([p_value(judge, firsts[i : i + 1], log_probs[i, 1:]) for i in range(sets)])
    ranks = (found * size).round().long()
    assert chisquare(torch.bincount(ranks, minlength=size + 1)[1:]).pvalue > 0.01


def test_with_ties_false_alarms_are_rarer_than_asked_for() -> None:
    """A model with four images: P(p <= a) stays below a, at some a far below."""
    model = ar.FVSBN((2,)).double()
    with torch.no_grad():
        model.linear.bias.copy_(torch.tensor([1.0, 2.0]))
    images = model.sample(800 * 10, generator=torch.Generator().manual_seed(0)).view(800, 10, 2)
    log_probs = model.log_prob(images.view(-1, 2)).detach().view(800, 10)
    found = torch.cat([p_value(model, images[i, :1], log_probs[i, 1:]) for i in range(800)])
    shares = {a: (found <= a + 1e-6).double().mean().item() for a in (0.1, 0.2, 0.3, 0.5, 0.7)}
    # Standard errors are at most 0.018.
    assert all(share <= a + 0.04 for a, share in shares.items())
    assert min(share - a for a, share in shares.items()) < -0.1


def test_reference_images_must_not_be_those_of_the_training() -> None:
    """An overfitted model: held-out images look strange among training images, and usual among held-out ones."""
    digits = ar.load("digits", levels=2)
    train = digits.train.x[:100]
    held_out = torch.cat([digits.valid.x, digits.test.x])
    torch.manual_seed(0)
    model = ar.MADE((1, 8, 8), hidden=(100,))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(150):
        optimizer.zero_grad()
        model.loss(train).backward()
        optimizer.step()
    among_trained = p_value(model, held_out, train)
    assert (among_trained <= 0.05).double().mean() > 0.5  # asked for: 0.05 false alarms
    assert kstest(among_trained.numpy(), "uniform").statistic > 0.4
    # Half of the held-out images among the other half. The mean over many halves knows no luck of one.
    log_probs = model.log_prob(held_out).detach()
    generator, found = torch.Generator().manual_seed(0), []
    for _ in range(60):
        order = torch.randperm(600, generator=generator)
        found.append(p_value(model, held_out[order[:300]], log_probs[order[300:]]))
    for level in (0.05, 0.2, 0.5, 0.9):
        share = (torch.cat(found) <= level + 1e-6).double().mean().item()
        assert share == pytest.approx(math.floor(level * 301) / 301, abs=0.01)


# ---- errors ------------------------------------------------------------------------------------------------


def test_what_is_refused() -> None:
    model, x = model_of_levels(), levels_of(3, 0)
    for reference, found in (
        (torch.zeros(0), "got 0 with 0 NaN"),
        (torch.tensor([0, math.nan]), "got 2 with 1 NaN"),
    ):
        with pytest.raises(ValueError, match=f"at least one image and no NaN, {found}"):
            p_value(model, x, reference)
    with pytest.raises(ValueError, match=r"reference|\(B, 1, 2, 3\)"):
        p_value(model, x, torch.zeros(5).long())
    with pytest.raises(ValueError, match="none of the 4 levels"):
        p_value(model, torch.full((1, 1, 2, 3), 0.5), x)
    with pytest.raises(ValueError, match="levels 0 to 3, got 4"):
        p_value(model, x + 4 - x.clamp(max=0), x)
    with torch.no_grad():
        next(model.parameters()).fill_(math.nan)
    with pytest.raises(ValueError, match=r"log p\(x\) is NaN for 3 of 3 images"):
        p_value(model, x, torch.zeros(2))


def test_with_a_context_the_reference_is_log_probs() -> None:
    model, x, context = with_images(BY_NAME["MADE-categorical-class"], 3)
    with pytest.raises(ValueError, match=r"reference must be log-probabilities \(N,\)"):
        p_value(model, x, x, context)
