"""The decoder's own promises: what it takes, what it refuses, that it shares nothing. Numbers: test_contract.py."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

import armodels_lite as ar
from armodels_lite.decoder import NaiveDecoder

BUILD = {
    "FVSBN": lambda **options: ar.FVSBN((1, 2, 3), **options),
    "NADE": lambda **options: ar.NADE((1, 2, 3), hidden=5, **options),
    "MADE": lambda **options: ar.MADE((1, 2, 3), hidden=(23, 19), direct=True, **options),
}
N, T = 4, 6


def build(name: str, **options) -> ar.AutoregressiveModel:
    model = BUILD[name](ordering="random(1)", **options).double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    return model


@pytest.fixture(params=BUILD)
def model(request) -> ar.AutoregressiveModel:
    return build(request.param)


def bits(model: ar.AutoregressiveModel, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(2, (N, *model.event_shape), generator=generator).to(model.event_dtype)


def in_order(model: ar.AutoregressiveModel, x: torch.Tensor) -> torch.Tensor:
    return x.flatten(1)[:, model.ordering]


@pytest.mark.parametrize("cache", [True, False])
def test_a_walk_adds_up_to_log_prob(model: ar.AutoregressiveModel, cache: bool) -> None:
    x = bits(model)
    decoder = model.decoder(N, cache=cache)
    assert isinstance(decoder, NaiveDecoder) == (not cache)
    total = torch.zeros(N, dtype=torch.float64)
    for t, x_t in enumerate(in_order(model, x).T):
        assert decoder.t == t
        dist = decoder.distribution()
        assert tuple(dist.batch_shape) == (N,)
        total += dist.log_prob(x_t)
        decoder.observe(x_t)
    assert decoder.t == T
    assert torch.equal(decoder.x.view_as(x), x)
    torch.testing.assert_close(total, model.log_prob(x).detach(), atol=1e-12, rtol=0)


@pytest.mark.parametrize("cache", [True, False])
def test_asking_changes_nothing(model: ar.AutoregressiveModel, cache: bool) -> None:
    decoder = model.decoder(N, cache=cache)
    decoder.prefill(bits(model), 3)
    first, second = decoder.distribution(), decoder.distribution()
    assert torch.equal(first.params, second.params) and decoder.t == 3
    kept = first.params.clone()
    for _ in range(3):
        decoder.observe(torch.ones(N, dtype=torch.float64))
    decoder.rewind(0)
    assert torch.equal(first.params, kept), (
        "a distribution handed out must not change with later steps"
    )
    assert not first.params.requires_grad


@pytest.mark.parametrize("cache", [True, False])
def test_nothing_follows_the_last_variable(model: ar.AutoregressiveModel, cache: bool) -> None:
    decoder = model.decoder(N, cache=cache)
    decoder.prefill(bits(model), T)
    with pytest.raises(ValueError, match="all 6 variables are observed"):
        decoder.distribution()
    with pytest.raises(ValueError, match="all 6 variables are observed"):
        decoder.observe(torch.zeros(N, dtype=torch.float64))
    assert decoder.t == T


def test_prefill_uses_the_first_t_only(model: ar.AutoregressiveModel) -> None:
    """What lies behind may be anything: it is not looked at."""
    x = bits(model)
    spoiled = x.clone()
    spoiled.flatten(1)[:, model.ordering[4:]] = math.nan
    decoder, other = model.decoder(N), model.decoder(N)
    decoder.prefill(x, 4)
    other.prefill(spoiled, 4)
    assert torch.equal(decoder.distribution().params, other.distribution().params)
    assert not other.x.isnan().any()


def test_given_tensors_are_copied(model: ar.AutoregressiveModel) -> None:
    x, value = bits(model), torch.ones(N, dtype=torch.float64)
    decoder = model.decoder(N)
    decoder.prefill(x, 3)
    decoder.observe(value)
    params, known = decoder.distribution().params.clone(), decoder.x.clone()
    x.fill_(7.0)
    value.fill_(7.0)
    assert torch.equal(decoder.distribution().params, params) and torch.equal(decoder.x, known)


def test_forks_go_their_own_ways(model: ar.AutoregressiveModel) -> None:
    """Both ways round: neither the original's steps nor the fork's touch the other, rewinding included."""
    x, y = bits(model), 1 - bits(model)
    expected = model.decoder(N, cache=False)
    expected.prefill(x, 3)
    original = model.decoder(N)
    original.prefill(x, 3)
    fork = original.fork()
    assert fork.t == 3
    original.prefill(y, 5)
    torch.testing.assert_close(
        fork.distribution().params, expected.distribution().params, atol=1e-12, rtol=0
    )
    original.prefill(x, 3)
    fork.rewind(1)
    fork.observe(in_order(model, y)[:, 1])
    torch.testing.assert_close(
        original.distribution().params, expected.distribution().params, atol=1e-12, rtol=0
    )
    assert (fork.t, original.t) == (2, 3)


@pytest.mark.parametrize("name", BUILD)
def test_each_row_has_its_own_class(name: str) -> None:
    model = build(name, num_classes=3)
    context = torch.tensor([2, 0, 1, 1])
    decoder = model.decoder(N, context)
    decoder.prefill(bits(model), 2)
    params = model.params(bits(model), context).detach().flatten(1)[:, model.ordering[2]]
    torch.testing.assert_close(
        decoder.distribution().params, params.unsqueeze(-1), atol=1e-12, rtol=0
    )
    with pytest.raises(ValueError, match=r"conditional: give int64 classes \(B,\) in 0..2"):
        model.decoder(N)
    with pytest.raises(ValueError, match="context holds 2 entries for 4"):
        model.decoder(N, context[:2])


def test_a_surplus_context_is_refused(model: ar.AutoregressiveModel) -> None:
    with pytest.raises(ValueError, match="not conditional, but a context was given"):
        model.decoder(N, torch.zeros(N, dtype=torch.int64))


@pytest.mark.parametrize("n", [-1, 2.0, True, None, "2"], ids=repr)
def test_numbers_of_sequences_that_make_no_sense(model: ar.AutoregressiveModel, n) -> None:
    with pytest.raises(
        (ValueError, TypeError), match="number of samples must be an int of at least 0"
    ):
        model.decoder(n)


@pytest.mark.parametrize("cache", [True, False])
def test_no_sequences_at_all(model: ar.AutoregressiveModel, cache: bool) -> None:
    decoder = model.decoder(0, cache=cache)
    for _ in range(T):
        assert tuple(decoder.distribution().batch_shape) == (0,)
        decoder.observe(torch.zeros(0, dtype=torch.float64))
    decoder.rewind(2)
    decoder.prefill(torch.zeros(0, 1, 2, 3, dtype=torch.float64), 5)
    assert decoder.t == 5


REFUSED: dict[str, tuple[Callable[[ar.Decoder], None], str]] = {
    "observe: a number": (lambda d: d.observe(1.0), "Tensor"),
    "observe: too many": (
        lambda d: d.observe(torch.zeros(5, dtype=torch.float64)),
        "one entry for each of 4 sequences, got 5",
    ),
    "observe: a column": (
        lambda d: d.observe(torch.zeros(4, 1, dtype=torch.float64)),
        r"got \(4, 1\)",
    ),
    "observe: integers": (
        lambda d: d.observe(torch.zeros(4).long()),
        "must be torch.float64 for this model, got torch.int64",
    ),
    "observe: float32": (
        lambda d: d.observe(torch.zeros(4)),
        "must be torch.float64 for this model, got torch.float32",
    ),
    "observe: a half": (lambda d: d.observe(torch.full((4,), 0.5).double()), "0 or 1, got 0.5"),
    "observe: NaN": (lambda d: d.observe(torch.full((4,), math.nan).double()), "0 or 1, got nan"),
    "prefill: a list": (lambda d: d.prefill([[0.0] * 6] * 4, 2), "Tensor"),
    "prefill: flat": (
        lambda d: d.prefill(torch.zeros(4, 6).double(), 2),
        r"shape \(B, 1, 2, 3\), got \(4, 6\)",
    ),
    "prefill: dtype": (
        lambda d: d.prefill(torch.zeros(4, 1, 2, 3), 2),
        "must be torch.float64 for this model, got torch.float32",
    ),
    "prefill: values": (
        lambda d: d.prefill(torch.full((4, 1, 2, 3), 2.0).double(), 2),
        "0 or 1, got 2",
    ),
    "prefill: t = 7": (
        lambda d: d.prefill(torch.zeros(4, 1, 2, 3).double(), 7),
        r"t must be .*0\.\.6, got 7",
    ),
    "prefill: t = -1": (
        lambda d: d.prefill(torch.zeros(4, 1, 2, 3).double(), -1),
        r"t must be .*0\.\.6, got -1",
    ),
    "prefill: t = 1.5": (
        lambda d: d.prefill(torch.zeros(4, 1, 2, 3).double(), 1.5),
        r"t must be .*0\.\.6, got 1.5",
    ),
    "prefill: t = True": (
        lambda d: d.prefill(torch.zeros(4, 1, 2, 3).double(), True),
        "t must be .*got True",
    ),
    "rewind: ahead": (
        lambda d: d.rewind(4),
        "cannot rewind to step 4: only 3 variables are observed",
    ),
    "rewind: -1": (lambda d: d.rewind(-1), r"t must be .*0\.\.6, got -1"),
    "rewind: text": (lambda d: d.rewind("1"), r"t must be .*0\.\.6, got '?1'?"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_does_not_fit_is_refused_and_changes_nothing(
    model: ar.AutoregressiveModel, what: str
) -> None:
    act, message = REFUSED[what]
    decoder = model.decoder(N)
    decoder.prefill(bits(model), 3)
    params, known = decoder.distribution().params.clone(), decoder.x.clone()
    with pytest.raises((ValueError, TypeError), match=message):
        act(decoder)
    assert decoder.t == 3 and torch.equal(decoder.x, known)
    assert torch.equal(decoder.distribution().params, params)


def test_levels_out_of_range_are_refused() -> None:
    decoder = ar.MADE((4,), hidden=(5,), conditional=ar.Categorical(3)).decoder(2)
    with pytest.raises(ValueError, match="levels 0 to 2, got 3"):
        decoder.observe(torch.tensor([0, 3]))
    with pytest.raises(TypeError, match=r"must be torch.int64 .*got torch.float32"):
        decoder.observe(torch.tensor([0.0, 1.0]))


def test_a_made_unit_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of all products over a whole walk: every hidden unit and every output once, no more."""
    model = build("MADE")
    rows, addmm = [], torch.addmm
    decoder = model.decoder(N)
    monkeypatch.setattr(
        torch,
        "addmm",
        lambda bias, weight, x: (rows.append(len(weight)), addmm(bias, weight, x))[1],
    )
    for x_t in in_order(model, bits(model)).T:
        decoder.distribution()
        decoder.observe(x_t)
    assert sum(rows) == 23 + 19 + T
