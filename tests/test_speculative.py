"""Speculative sampling: whatever the draft, draws follow the model; a good draft saves passes."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from random_weights import randomised
from scipy import stats
from torch import Tensor

import armodels_lite as ar
from armodels_lite import speculative


def generator(seed: int = 4) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def p_value(model: ar.AutoregressiveModel, x: Tensor, context: Tensor | None = None) -> float:
    """Chi-square of the frequencies of x against exp(log_prob) over all events; rare ones are counted together."""
    every = torch.tensor(list(product(range(model.levels), repeat=model.num_variables)))
    shaped = every.view(-1, *model.event_shape).to(model.event_dtype)
    given = None if context is None else context[:1].expand(len(shaped))
    with torch.no_grad():
        expected = len(x) * model.log_prob(shaped, given).double().exp()
    place = model.levels ** torch.arange(model.num_variables).flip(0)
    counts = torch.bincount((x.flatten(1).long() * place).sum(1), minlength=len(every)).double()
    assert counts[expected == 0].sum() == 0, "an impossible event was drawn"
    rare = expected < 5
    counts = torch.cat([counts[~rare], counts[rare].sum(0, keepdim=True)])
    expected = torch.cat([expected[~rare], expected[rare].sum(0, keepdim=True)])
    counts, expected = counts[expected > 0], expected[expected > 0]
    return stats.chisquare(counts, expected * counts.sum() / expected.sum()).pvalue


LEVELS = ar.Categorical(3)
MIXTURE = ar.LogisticMixture(2, levels=3)


def pair(kind: str) -> tuple[ar.AutoregressiveModel, ar.AutoregressiveModel]:
    """A model and a draft of few events."""
    models = {
        "bits": lambda: (ar.NADE((4,), hidden=5), ar.FVSBN((4,))),
        "levels": lambda: (
            ar.NADE((3,), hidden=5, conditional=LEVELS, ordering="reverse"),
            ar.FVSBN((3,), conditional=LEVELS, ordering="reverse"),
        ),
        "mixture": lambda: (
            ar.MADE((3, 1, 1), hidden=(20,), conditional=MIXTURE, ordering=[1, 2, 0]),
            ar.FVSBN((3, 1, 1), conditional=MIXTURE, ordering=[1, 2, 0]),
        ),
        "a draft of another kind": lambda: (
            ar.PixelCNNpp((1, 1, 3), channels=4, blocks=1, conditional=MIXTURE),
            ar.PixelCNN((1, 1, 3), channels=4, layers=1, conditional=LEVELS),
        ),
        "vectors": lambda: (
            ar.RNN((2, 2), hidden=5, links=True),
            ar.Transformer((2, 2), width=4, heads=1, layers=1),
        ),
    }
    model, draft = models[kind]()
    return randomised(model, 1.0, seed=1), randomised(draft, 1.0, seed=2)


KINDS = ["bits", "levels", "mixture", "a draft of another kind", "vectors"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ahead", [1, 2, 9])
def test_draws_follow_the_model(kind: str, ahead: int) -> None:
    """Whether the draft runs to the end of the event, or beyond, and though it knows nothing of the model."""
    model, draft = pair(kind)
    found = ar.speculative_sample(model, draft, 5000, ahead=ahead, generator=generator())
    assert found.x.dtype == model.event_dtype and found.x.shape == (5000, *model.event_shape)
    assert p_value(model, found.x) > 1e-3
    assert p_value(draft, found.x) < 1e-9  # the test can tell the two apart
    assert 0 < found.accepted < 0.95
    assert (found.passes >= 1).all() and (found.passes <= model.num_variables).all()


def test_draws_follow_the_model_of_each_class() -> None:
    model = randomised(ar.FVSBN((3,), num_classes=2, conditional=LEVELS), 1.0, seed=1)
    draft = randomised(ar.NADE((3,), hidden=3, num_classes=2, conditional=LEVELS), 1.0, seed=2)
    context = torch.arange(8000) % 2
    x = ar.speculative_sample(model, draft, 8000, ahead=2, context=context, generator=generator()).x
    for c in range(2):
        assert p_value(model, x[context == c], torch.tensor([c])) > 1e-3
        assert p_value(model, x[context == c], torch.tensor([1 - c])) < 1e-9


def certain_net(values: list[list[float]], levels: int = 2) -> ar.BayesNet:
    """Independent variables with these probabilities, zeros among them."""
    conditional = ar.Bernoulli() if levels == 2 else ar.Categorical(levels)
    net = ar.BayesNet((len(values),), parents=[[]] * len(values), conditional=conditional)
    for v, probs in enumerate(values):
        net.set_table(v, probs)
    return net


@pytest.mark.parametrize("ahead", [1, 3])
def test_levels_that_the_draft_never_draws(ahead: int) -> None:
    """And levels that the model never takes: both have probability 0 on one side alone."""
    model = certain_net([[0.5, 0.5, 0.0], [0.2, 0.3, 0.5], [0.0, 0.0, 1.0]], levels=3)
    draft = certain_net([[0.0, 0.5, 0.5], [1.0, 0.0, 0.0], [0.0, 0.5, 0.5]], levels=3)
    x = ar.speculative_sample(model, draft, 5000, ahead=ahead, generator=generator()).x
    assert p_value(model, x) > 1e-3


def test_after_an_end_nothing_but_the_end_is_drawn() -> None:
    model = randomised(ar.RNN((4,), hidden=4, conditional=LEVELS, end=1), 0.5, seed=1)
    draft = randomised(ar.FVSBN((4,), conditional=LEVELS), 0.5, seed=2)
    found = ar.speculative_sample(model, draft, 4000, ahead=2, generator=generator())
    assert p_value(model, found.x) > 1e-3


# -- passes and shares ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [1, 2, 4, 6, 7, 20])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_perfect_draft_is_always_kept(ahead: int, dtype: torch.dtype) -> None:
    model = randomised(ar.MADE((7,), hidden=(30,), conditional=LEVELS), 1.0).to(dtype)
    found = ar.speculative_sample(model, model, 300, ahead=ahead)
    assert found.accepted == 1
    assert (found.passes == math.ceil(7 / (ahead + 1))).all()


@pytest.mark.parametrize("ahead", [1, 3, 10])
def test_a_draft_that_is_always_wrong_is_never_kept(ahead: int) -> None:
    model, draft = certain_net([0.0] * 6), certain_net([1.0] * 6)
    found = ar.speculative_sample(model, draft, 20, ahead=ahead)
    assert (found.x == 0).all() and found.accepted == 0
    assert (found.passes == 6).all()  # one value a pass


@pytest.mark.parametrize("ahead", [1, 5])
def test_the_share_kept_is_what_the_two_have_in_common(ahead: int) -> None:
    """Of one variable sum_v min(p(v), q(v)): what lies beyond the event is not judged."""
    p, q = torch.tensor([0.1, 0.2, 0.7]), torch.tensor([0.5, 0.3, 0.2])
    model, draft = certain_net([p.tolist()], levels=3), certain_net([q.tolist()], levels=3)
    found = ar.speculative_sample(model, draft, 20_000, ahead=ahead, generator=generator())
    expected = torch.minimum(p, q).sum().item()
    assert found.accepted == pytest.approx(expected, abs=4 * math.sqrt(0.25 / 20_000))
    assert (found.passes == 1).all() and p_value(model, found.x) > 1e-3


def test_values_after_the_first_that_is_refused_are_not_judged() -> None:
    """The first value is always refused, the second always kept when it comes: in the next pass."""
    model, draft = certain_net([0.0, 1.0, 1.0, 1.0]), certain_net([1.0, 1.0, 1.0, 1.0])
    found = ar.speculative_sample(model, draft, 10, ahead=2)
    assert found.x.tolist() == [[0, 1, 1, 1]] * 10
    assert (found.passes == 2).all()
    assert found.accepted == pytest.approx(2 / 3)  # refused: the first; kept: the second and third


def test_each_draw_goes_on_at_its_own_pace() -> None:
    """Half of the classes have a right draft, half a wrong one."""
    model, draft = (ar.FVSBN((6,), num_classes=2) for _ in range(2))
    with torch.no_grad():  # all other weights start at 0
        model.class_bias.weight.copy_(torch.tensor([[50.0], [50.0]]).expand(2, 6))
        draft.class_bias.weight.copy_(torch.tensor([[50.0], [-50.0]]).expand(2, 6))
    context = torch.tensor([0, 1, 0, 1, 1])
    found = ar.speculative_sample(model, draft, 5, ahead=2, context=context)
    assert (found.x == 1).all()
    assert found.passes.tolist() == [2, 6, 2, 6, 6]
    assert found.accepted == pytest.approx(2 * 4 / (2 * 4 + 3 * 6))


def test_no_draws() -> None:
    found = ar.speculative_sample(ar.FVSBN((2, 3)), ar.FVSBN((2, 3)), 0)
    assert found.x.shape == (0, 2, 3) and found.passes.shape == (0,)
    assert math.isnan(found.accepted)


# -- the tests above would notice ------------------------------------------------------------------------------------


def no_correction(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a refusal draw from p, not from what p has more than q."""
    right = speculative._Run._draw_after
    monkeypatch.setattr(
        speculative._Run,
        "_draw_after",
        lambda self, rows, run, p, q: right(self, rows, run, p, torch.zeros_like(q)),
    )


def no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every value that the model can take at all."""
    right = speculative._Run._uniform
    monkeypatch.setattr(
        speculative._Run,
        "_uniform",
        lambda self, shape: right(self, shape) * (1e-12 if len(shape) == 2 else 1),
    )


def draft_of_the_wrong_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge with q in another order than that of the drawn values."""
    right = speculative._Run._drafted
    monkeypatch.setattr(
        speculative._Run, "_drafted", lambda self, rows, steps: right(self, rows, steps).flip(1)
    )


@pytest.mark.parametrize("bug", [no_correction, no_refusal, draft_of_the_wrong_step])
def test_a_planted_bug_is_found(bug, monkeypatch: pytest.MonkeyPatch) -> None:
    model, draft = pair("levels")
    bug(monkeypatch)
    x = ar.speculative_sample(model, draft, 5000, ahead=2, generator=generator()).x
    assert p_value(model, x) < 1e-6


def test_probabilities_sum_to_one_in_float64_though_the_model_is_float32() -> None:
    """Otherwise a refused value may leave nothing to draw from: p and q would not weigh the same."""
    model, draft = (
        randomised(ar.FVSBN((5,), conditional=ar.Categorical(50)), 1.0, s) for s in (1, 2)
    )
    run = speculative._Run(model, draft, 8, 2, None, None)
    steps = torch.arange(5).expand(8, -1)
    for each in (model, draft):
        total = run._probabilities(each, torch.arange(8), steps).sum(-1)
        torch.testing.assert_close(total, torch.ones(8, 5).double(), atol=1e-14, rtol=0)


# -- what stays as it was, and errors --------------------------------------------------------------------------------


def test_a_seed_means_the_same_draws_and_modes_come_back() -> None:
    model = ar.Transformer((5,), width=8, heads=2, layers=1, dropout=0.5)
    draft = ar.FVSBN((5,))
    randomised(model).train()
    state = torch.get_rng_state()
    one, two = (ar.speculative_sample(model, draft, 50, generator=generator(1)) for _ in range(2))
    assert torch.equal(one.x, two.x) and torch.equal(one.passes, two.passes)
    assert not torch.equal(one.x, ar.speculative_sample(model, draft, 50, generator=generator(2)).x)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(module.training for module in [*model.modules(), *draft.modules()])
    assert not one.x.requires_grad
    torch.manual_seed(7)
    drawn = ar.speculative_sample(model, draft, 50).x
    torch.manual_seed(7)
    assert torch.equal(ar.speculative_sample(model, draft, 50).x, drawn)


def with_nan(model: ar.AutoregressiveModel) -> ar.AutoregressiveModel:
    with torch.no_grad():
        next(model.parameters()).fill_(math.nan)
    return model


NETS = [
    ar.BayesNet((3,), parents=[[], [0], [1]], conditional=ar.Categorical(levels))
    for levels in ((3, 2, 2), (2, 3, 2))
]


@pytest.mark.parametrize(
    ("model", "draft", "error", "message"),
    [
        (ar.FVSBN((3,)), None, TypeError, "needs two autoregressive models, got NoneType"),
        (None, ar.FVSBN((3,)), TypeError, "needs two autoregressive models, got NoneType"),
        (
            ar.LinearAR((3,)),
            ar.LinearAR((3,)),
            ValueError,
            "must be discrete, and the model has Ga",
        ),
        (
            ar.FVSBN((3,)),
            ar.LinearAR((3,)),
            ValueError,
            "draft and model must agree in levels: the model has 2, the draft None",
        ),
        (
            ar.FVSBN((3,)),
            ar.FVSBN((4,)),
            ValueError,
            r"agree in event_shape: the model has \(3,\), the draft \(4,\)",
        ),
        (
            ar.FVSBN((3,), conditional=LEVELS),
            ar.FVSBN((3,), conditional=ar.Categorical(4)),
            ValueError,
            "agree in levels: the model has 3, the draft 4",
        ),
        (
            ar.FVSBN((3,)),
            ar.FVSBN((3,), conditional=ar.Categorical(2)),
            ValueError,
            "agree in event_dtype: the model has torch.float32, the draft torch.int64",
        ),
        (
            ar.FVSBN((3,), num_classes=2),
            ar.FVSBN((3,)),
            ValueError,
            "agree in num_classes: the model has 2, the draft None",
        ),
        (
            ar.MADE((3,), hidden=(4,), context_shape=(2,)),
            ar.MADE((3,), hidden=(4,)),
            ValueError,
            r"agree in context_shape: the model has \(2,\), the draft None",
        ),
        (
            ar.FVSBN((3,)),
            ar.FVSBN((3,), ordering="reverse"),
            ValueError,
            "must draw in one ordering: build both with the same ordering=",
        ),
        (*NETS, ValueError, r"levels of each variable: .*\(3, 2, 2\)\), the draft .*\(2, 3, 2\)\)"),
        (
            NETS[0],
            ar.FVSBN((3,), conditional=LEVELS),
            ValueError,
            r"levels of each variable: .* the draft Categorical\(levels=3\)",
        ),
        (with_nan(ar.FVSBN((3,))), ar.FVSBN((3,)), ValueError, "weights that are NaN"),
        (ar.FVSBN((3,)), with_nan(ar.FVSBN((3,))), ValueError, "weights that are NaN"),
        (
            ar.FVSBN((3,), num_classes=2),
            ar.FVSBN((3,), num_classes=2),
            ValueError,
            "is conditional: give int64 classes",
        ),
    ],
    ids=lambda value: "",
)
def test_pairs_that_do_not_fit(model, draft, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        ar.speculative_sample(model, draft, 2)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"n": -1}, ValueError, "an int of at least 0, got -1"),
        ({"n": None}, ValueError, "an int of at least 0, got None"),
        ({"ahead": 0}, ValueError, "ahead must be a positive int, got 0"),
        ({"ahead": True}, ValueError, "ahead must be a positive int, got True"),
        ({"ahead": 2.0}, ValueError, "ahead must be a positive int, got 2.0"),
        ({"generator": 3}, TypeError, "generator must be a torch.Generator, got int"),
        ({"context": torch.tensor([0, 1])}, ValueError, "not conditional, but a context was given"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(change: dict, error: type, message: str) -> None:
    given = {"n": 2, **change}
    with pytest.raises(error, match=message):
        ar.speculative_sample(ar.FVSBN((3,)), ar.FVSBN((3,)), **given)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_the_draws_follow_the_model_too() -> None:
    model, draft = (randomised(kind((4,))).cuda() for kind in (ar.NADE, ar.FVSBN))
    found = ar.speculative_sample(model, draft, 20_000, ahead=2, generator=generator())
    assert found.x.is_cuda and p_value(model.cpu(), found.x.cpu()) > 1e-3
