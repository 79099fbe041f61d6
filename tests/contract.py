"""What every model must show, and what an autoregressive one must besides, as functions that raise AssertionError.

`test_contract.py` runs them over all models; `test_planted_bugs.py` runs them over broken ones.
"""

from __future__ import annotations

import copy
import math

import pytest
import torch
from scipy import stats
from torch import Tensor

import armodels_lite as ar

SIZE = 6  # events in a test batch


def events(model: ar.AutoregressiveModel, n: int = SIZE, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (n, *model.event_shape)
    if isinstance(model.conditional, ar.PiecewiseConstant):
        low, high = model.conditional.edges[0], model.conditional.edges[-1]
        return (low + (high - low) * torch.rand(shape, generator=generator)).to(model.event_dtype)
    if model.levels is None:
        return torch.randn(shape, generator=generator).to(model.event_dtype)
    x = torch.randint(model.levels, shape, generator=generator)
    return (x % cardinalities(model).view(model.event_shape)).to(model.event_dtype)


def cardinalities(model: ar.AutoregressiveModel) -> Tensor:
    """The number of levels of each variable (T,)."""
    mixed = model.conditional.cardinalities
    return torch.tensor(mixed or [model.levels] * model.num_variables)


def contexts(model: ar.AutoregressiveModel, n: int = SIZE) -> Tensor | None:
    if model.num_classes is not None:
        return torch.arange(n) % model.num_classes
    if model.context_shape is not None:
        generator = torch.Generator().manual_seed(2)
        return torch.randn((n, *model.context_shape), generator=generator).to(model.dtype)
    return None


def noise(model: ar.AutoregressiveModel, n: int = SIZE, seed: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((n, *model.event_shape), generator=generator, dtype=torch.float64).clamp(
        1e-6, 1 - 1e-6
    )


def in_order(model: ar.AutoregressiveModel, x: Tensor) -> Tensor:
    return x.flatten(1)[:, model.ordering]


def check_causality(model: ar.AutoregressiveModel, promised: Tensor) -> None:
    """The measured dependencies are exactly the promised ones, strictly lower triangular."""
    found = ar.dependencies(model, events(model, 24), contexts(model, 24))
    leaks = found.triu().nonzero().tolist()
    assert not leaks, f"conditional {leaks[0][0]} depends on variable {leaks[0][1]}"
    assert torch.equal(found, promised), f"differs at {(found != promised).nonzero().tolist()}"


def check_normalisation(model: ar.AutoregressiveModel) -> None:
    """The probabilities of all events sum to one, for every class."""
    if model.num_classes is None:
        choices = [None]
    else:
        choices = [torch.tensor([c]) for c in range(model.num_classes)]
    for context in choices:
        total = ar.total_probability(model, context)
        assert abs(total - 1) < 1e-10, f"the probabilities sum to {total}"


def check_steps_equal_pass(model: ar.AutoregressiveModel, atol: float) -> None:
    """Along a given x the decoder finds the parameters that the parallel pass finds."""
    x, context = events(model), contexts(model)
    with torch.no_grad():
        params = model.params(x, context).flatten(1, -2)[:, model.ordering]
    decoder = model.decoder(SIZE, context)
    for t, x_t in enumerate(in_order(model, x).T):
        torch.testing.assert_close(
            decoder.distribution().params, params[:, t], atol=atol, rtol=atol
        )
        decoder.observe(x_t)
    assert decoder.t == model.num_variables


def check_cached_equals_naive(model: ar.AutoregressiveModel) -> None:
    """The same uniforms give the same draws, cached or not, plain, tempered and completed."""
    u, context = noise(model), contexts(model)
    observed = events(model, seed=9)
    mask = torch.rand(observed.shape, generator=torch.Generator().manual_seed(4)) < 0.4
    masks = ({"observed": observed, "mask": m} for m in (mask, known_by_all(model, observed)))
    for options in ({}, {"temperature": 0.7}, *masks):
        cached = model.sample(noise=u, context=context, **options)
        naive = model.sample(noise=u, context=context, cache=False, **options)
        if model.levels is None:
            torch.testing.assert_close(cached, naive, atol=1e-8, rtol=1e-8)
        else:
            assert torch.equal(cached, naive), f"draws differ with {options}"


def known_by_all(model: ar.AutoregressiveModel, observed: Tensor) -> Tensor:
    """A mask that all samples share: known at the beginning, in the middle and at the end of the walk, else missing."""
    last = model.num_variables - 1
    known = torch.zeros(model.num_variables, dtype=torch.bool)
    known[model.ordering[[0, last // 2, last]]] = last > 2
    return known.view(1, *model.event_shape).expand_as(observed).clone()


def check_decoder_moves(model: ar.AutoregressiveModel) -> None:
    """prefill, rewind and fork lead to the state that stepping leads to."""
    x, context = events(model), contexts(model)
    values, others = in_order(model, x), in_order(model, events(model, seed=11))

    def stepped(t: int) -> ar.Decoder:
        decoder = model.decoder(SIZE, context)
        for step in range(t):
            decoder.observe(values[:, step])
        return decoder

    def assert_same(one: ar.Decoder, other: ar.Decoder) -> None:
        assert one.t == other.t
        assert torch.equal(one.x, other.x)
        for step in range(
            one.t, model.num_variables
        ):  # the rest of the walk shows whether the states agree
            torch.testing.assert_close(
                one.distribution().params, other.distribution().params, atol=1e-10, rtol=1e-10
            )
            one.observe(values[:, step])
            other.observe(values[:, step])

    for t in {0, 1, model.num_variables // 2, model.num_variables}:
        prefilled = model.decoder(SIZE, context)
        prefilled.prefill(x, t)
        assert_same(prefilled, stepped(t))
        rewound = stepped(model.num_variables)
        rewound.rewind(t)
        assert_same(rewound, stepped(t))
        check_fork(stepped(t), stepped(t), values, others)


def check_fork(original: ar.Decoder, alone: ar.Decoder, values: Tensor, others: Tensor) -> None:
    """Forks that go their own ways, one straight on and one with rewinds, leave the original as if alone."""
    straight, restless = original.fork(), original.fork()
    start = original.t
    for step in range(start, values.shape[1]):
        straight.observe(others[:, step])
        restless.observe(others[:, step])
        restless.rewind(start)
        for again in range(start, step + 1):
            restless.observe(others[:, again])
        torch.testing.assert_close(
            original.distribution().params, alone.distribution().params, atol=1e-10, rtol=1e-10
        )
        original.observe(values[:, step])
        alone.observe(values[:, step])


def check_samples_follow(model: ar.AutoregressiveModel, n: int = 20_000) -> None:
    """Frequencies of sampled events agree with exp(log_prob): chi-square, fixed seed."""
    context = None if model.num_classes is None else torch.ones(n, dtype=torch.int64)
    sample = model.sample(n, context=context, generator=torch.Generator().manual_seed(6))
    levels = cardinalities(model)
    powers = levels.cumprod(0) // levels
    size = int(levels.prod())
    counts = torch.bincount((sample.flatten(1).long() * powers).sum(1), minlength=size)
    codes = torch.arange(size).unsqueeze(1)
    every = (codes // powers % levels).to(model.event_dtype).view(-1, *model.event_shape)
    some = None if context is None else context[:1].expand(len(every))
    with torch.no_grad():
        expected = model.log_prob(every, some).double().exp() * n
    rare = expected < 5  # too rare for the chi-square: counted together
    observed = torch.cat([counts[~rare], counts[rare].sum().unsqueeze(0)]).double()
    expected = torch.cat([expected[~rare], expected[rare].sum().unsqueeze(0)])
    observed, expected = observed[expected > 0], expected[expected > 0]
    p_value = stats.chisquare(observed, expected * observed.sum() / expected.sum()).pvalue
    assert p_value > 1e-3, f"frequencies do not follow exp(log_prob): p = {p_value:.2g}"


def check_quantiles(model: ar.AutoregressiveModel) -> None:
    """Continuous draws: the conditional's distribution function at the draw gives back the uniform."""
    u, context = noise(model), contexts(model)
    for step in model.sample_steps(noise=u, context=context):
        x_t = step.x.flatten(1)[:, step.position]
        torch.testing.assert_close(step.dist.cdf(x_t), step.u, atol=1e-6, rtol=0)


# Parts of convolutional models that handle the rows above: where an image has one row, nothing passes through them.
FOR_ROWS_ABOVE = ("vertical", "link", "above")


def check_gradients(model: ar.AutoregressiveModel) -> None:
    """Every parameter gets a gradient, and a forward pass changes no weight."""
    if model.num_variables == 1 and isinstance(model, ar.AutoregressiveModel):
        return  # a single variable has nothing to depend on: only its biases learn
    before = copy.deepcopy(model.state_dict())
    model.loss(events(model, 24), contexts(model, 24)).backward()
    one_row = len(model.event_shape) == 3 and model.event_shape[1] == 1
    for name, parameter in model.named_parameters():
        if one_row and any(part in name for part in FOR_ROWS_ABOVE):
            continue
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, (
            f"{name} gets no gradient"
        )
        assert torch.isfinite(parameter.grad).all(), f"{name} has a gradient that is not finite"
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name]), f"{name} changed in a forward pass"


def check_save_load(model: ar.AutoregressiveModel, folder: str) -> None:
    """What comes back from disk is the same model to the last bit. An ensemble, without weights of its own, refuses."""
    if isinstance(model, ar.OrderEnsemble):
        with pytest.raises(TypeError, match=r"Save that, ensemble.model"):
            model.save_pretrained(folder)
        return
    model.save_pretrained(folder)
    loaded = ar.load_pretrained(folder)
    x, context = events(model), contexts(model)
    assert type(loaded) is type(model)
    assert loaded.conditional == model.conditional
    assert loaded.dtype == model.dtype
    if isinstance(model, ar.AutoregressiveModel):
        assert torch.equal(loaded.ordering, model.ordering)
    assert torch.equal(loaded.log_prob(x, context), model.log_prob(x, context))
    assert loaded.num_parameters() == model.num_parameters()


def check_batch_sizes(model: ar.AutoregressiveModel) -> None:
    """One event and none: same numbers as in a batch, right shapes."""
    x, context = events(model), contexts(model)
    first = None if context is None else context[:1]
    torch.testing.assert_close(model.log_prob(x[:1], first), model.log_prob(x, context)[:1])
    none = None if context is None else context[:0]
    assert model.log_prob(x[:0], none).shape == (0,)
    for n, some in ((0, none), (1, first)):
        given = {} if some is None else {"context": some}
        assert model.sample(n, **given).shape == (n, *model.event_shape)


def check_fit_reaches(
    model: ar.AutoregressiveModel, x: Tensor, optimum: float, steps: int = 600
) -> None:
    """Full-batch training on x comes within 1% of a nat of the known optimum, and not below it."""
    optimiser = torch.optim.Adam(model.parameters(), lr=0.03)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        optimiser.zero_grad()
        model._loss(x).backward()
        optimiser.step()
        schedule.step()
    reached = model.loss(x).item()
    assert math.isclose(reached, optimum, abs_tol=0.01) and reached > optimum - 1e-6, (
        f"reached {reached:.4f}, the optimum is {optimum:.4f}"
    )
