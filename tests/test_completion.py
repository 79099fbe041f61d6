"""Completions against the exact p(hole | known), found by trying every filling."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from random_weights import randomised
from torch import Tensor

import armodels_lite as ar
from armodels_lite.orderings import hole_last


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def model_and_hole() -> tuple[ar.AutoregressiveModel, Tensor, Tensor]:
    """A PixelCNN on 3 x 3 pixels with large weights; a known image with three missing pixels, known ones after them."""
    model = randomised(ar.PixelCNN((1, 3, 3), channels=4, layers=2), scale=0.3, seed=1).double()
    observed = torch.tensor([[[[1.0, 0, 1], [0, 0, 1], [1, 1, 0]]]]).double()
    mask = torch.ones(1, 1, 3, 3, dtype=torch.bool)
    mask[0, 0, 0, 2] = mask[0, 0, 1, 0] = mask[0, 0, 1, 1] = False
    return model, observed, mask


def every_filling(observed: Tensor, mask: Tensor) -> Tensor:
    """(2^holes, *event_shape): the event with each filling of its hole."""
    holes = (~mask[0]).flatten().nonzero().flatten()
    fillings = torch.tensor(list(itertools.product((0.0, 1.0), repeat=len(holes))))
    x = observed.flatten(1).repeat(len(fillings), 1)
    x[:, holes] = fillings.to(x)
    return x.view(-1, *observed.shape[1:])


def frequencies(x: Tensor, fillings: Tensor) -> Tensor:
    """How often each of the fillings occurs in x, as shares."""
    same = (x.flatten(1).unsqueeze(1) == fillings.flatten(1)).all(2)
    assert same.any(1).all()  # what is known was kept
    return same.double().mean(0)


def test_resampled_completions_follow_the_exact_posterior() -> None:
    model, observed, mask = model_and_hole()
    fillings = every_filling(observed, mask)
    with torch.no_grad():
        exact = model.log_prob(fillings).softmax(0)
    done = ar.complete(model, observed, mask, 20000, generator=generator())
    found = frequencies(done.resample(20000, generator(1))[0], fillings)
    drawn = frequencies(done.x[0], fillings)
    assert (found - exact).abs().max() < 0.02
    assert (drawn - exact).abs().max() > 0.1  # as they were drawn they do not


def test_evidence_is_the_probability_of_what_is_known() -> None:
    model, observed, mask = model_and_hole()
    with torch.no_grad():
        exact = model.log_prob(every_filling(observed, mask)).logsumexp(0)
    done = ar.complete(model, observed, mask, 20000, generator=generator())
    assert done.log_evidence.item() == pytest.approx(exact.item(), abs=0.05)


def test_a_hole_at_the_end_needs_no_weights() -> None:
    """Nothing known comes after it, so all completions count alike, and the evidence is exact with one draw."""
    model, observed, _ = model_and_hole()
    mask = torch.ones(1, 1, 3, 3, dtype=torch.bool)
    mask[0, 0, 2, 1:] = False
    with torch.no_grad():
        exact = model.log_prob(every_filling(observed, mask)).logsumexp(0)
    done = ar.complete(model, observed, mask, 7, generator=generator())
    assert done.effective_draws.item() == pytest.approx(7)
    assert done.log_evidence.item() == pytest.approx(exact.item(), abs=1e-10)


def test_a_model_that_draws_the_hole_last_needs_none_either() -> None:
    _, observed, mask = model_and_hole()
    model = randomised(
        ar.NADE((1, 3, 3), hidden=5, order_agnostic=True), scale=1.0, seed=2
    ).double()
    model = model.with_ordering(hole_last(mask[0]))
    fillings = every_filling(observed, mask)
    done = ar.complete(model, observed, mask, 5000, generator=generator())
    assert done.effective_draws.item() == pytest.approx(5000)
    with torch.no_grad():
        exact = model.log_prob(fillings).softmax(0)
    assert (frequencies(done.x[0], fillings) - exact).abs().max() < 0.03


def test_several_events_each_with_its_own_hole_and_class() -> None:
    model = randomised(ar.FVSBN((4,), num_classes=2), scale=1.0, seed=3)
    observed = torch.tensor([[1.0, 0, 0, 1], [0, 1, 1, 0]])
    mask = torch.tensor([[True, False, True, True], [False, False, True, True]])
    done = ar.complete(
        model, observed, mask, 50, context=torch.tensor([0, 1]), generator=generator()
    )
    assert done.x.shape == (2, 50, 4) and done.log_weights.shape == (2, 50)
    for i in range(2):
        assert (done.x[i][:, mask[i]] == observed[i][mask[i]]).all()
        with torch.no_grad():
            log_probs = model(done.x[i], torch.full((50,), i)).log_prob(done.x[i])
        assert torch.allclose(done.log_weights[i], log_probs[:, mask[i]].sum(1), atol=1e-6)
    assert torch.allclose(done.weights.sum(1), torch.ones(2))
    assert done.resample(3).shape == (2, 3, 4)


def test_impossible_values_weigh_nothing_and_hide_nothing() -> None:
    """A missing value of probability 0 is never drawn; a known one of probability 0 gets weight 0, not NaN."""
    model = ar.RNN((3,), hidden=2, conditional=ar.Categorical(3), end=0)
    observed, mask = torch.tensor([[1, 0, 2]]), torch.tensor([[False, False, True]])
    done = ar.complete(model, observed, mask, 200, generator=generator())
    ended = (done.x[0, :, :2] == 0).any(1)
    assert ended.any() and not ended.all()
    assert torch.equal(done.weights[0] == 0, ended)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"draws": 0}, ValueError, "draws must be a positive int, got 0"),
        ({"draws": True}, ValueError, "draws must be"),
        ({"observed": torch.zeros(1, 3)}, ValueError, "observed"),
        ({"mask": torch.ones(1, 4)}, TypeError, "mask"),
        ({"mask": torch.ones(2, 4, dtype=torch.bool)}, ValueError, "mask"),
        ({"context": torch.tensor([0])}, ValueError, "not conditional"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict, error: type, message: str) -> None:
    arguments = {
        "observed": torch.zeros(1, 4),
        "mask": torch.ones(1, 4, dtype=torch.bool),
        "draws": 2,
    }
    with pytest.raises(error, match=message):
        ar.complete(ar.FVSBN((4,)), **{**arguments, **change})


def test_hole_last_keeps_both_parts_in_order() -> None:
    mask = torch.tensor([[[True, False, True], [False, True, True]]])
    assert hole_last(mask).tolist() == [0, 2, 4, 5, 1, 3]
    with pytest.raises(TypeError, match="mask must be a tensor of bool, got torch.float32"):
        hole_last(torch.ones(1, 2, 2))


def test_the_evidence_of_one_draw_is_its_weight() -> None:
    done = ar.Completions(torch.zeros(1, 1, 2), torch.tensor([[-3.0]]))
    assert done.log_evidence.item() == -3 and done.effective_draws.item() == 1
    two = ar.Completions(torch.zeros(1, 2, 2), torch.tensor([[0.0, math.log(3)]]))
    assert two.effective_draws.item() == pytest.approx(1 / (1 / 16 + 9 / 16))


@pytest.mark.parametrize("n", [0, -1, 2.0, True])
def test_resampling_wants_a_number(n: object) -> None:
    done = ar.Completions(torch.zeros(1, 2, 2), torch.zeros(1, 2))
    with pytest.raises(ValueError, match=f"n must be a positive int, got {n!r}"):
        done.resample(n)


def test_an_event_without_a_possible_completion_is_named() -> None:
    log_weights = torch.tensor([[0.0, -math.inf], [-math.inf, -math.inf]])
    done = ar.Completions(torch.zeros(2, 2, 3), log_weights)
    assert done.log_evidence[1] == -math.inf
    with pytest.raises(ValueError, match="no completion of event 1 is possible: the 2 that were"):
        done.resample(5)


def test_only_what_is_missing_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One conditional for each missing pixel: none for what is known before, between and after them."""
    model, observed, mask = model_and_hole()
    steps = []
    decoder = type(model.decoder(1))
    params = decoder._params
    monkeypatch.setattr(decoder, "_params", lambda self: steps.append(self.t) or params(self))
    model.sample(1, observed=observed, mask=mask)
    assert steps == (~mask).flatten().nonzero().flatten().tolist()


def test_no_events_have_no_completions() -> None:
    model, observed, mask = model_and_hole()
    done = ar.complete(model, observed[:0], mask[:0], 5)
    assert done.x.shape == (0, 5, 1, 3, 3) and done.resample(2).shape == (0, 2, 1, 3, 3)


def test_a_generator_is_one() -> None:
    done = ar.Completions(torch.zeros(1, 2, 2), torch.zeros(1, 2))
    with pytest.raises(TypeError, match="generator must be a torch.Generator, got int"):
        done.resample(1, generator=3)
