"""NADE's own passes: right to the last gradient, and small in memory."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from random_weights import randomised
from torch import Tensor

import armodels_lite as ar
from armodels_lite.models.nade_passes import BLOCK, Outputs

SIZES = [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 3]
CONDITIONALS = {
    "bernoulli": ar.Bernoulli(),
    "categorical": ar.Categorical(3),
    "gaussian": ar.GaussianMixture(2),
    "logistic": ar.LogisticMixture(2, levels=5),
}


def events(model: ar.NADE, n: int) -> Tensor:
    if model.levels is None:
        return torch.randn(n, *model.event_shape, dtype=model.dtype)
    return torch.randint(model.levels, (n, *model.event_shape)).to(model.event_dtype)


def looped(model: ar.NADE, x: Tensor, context: Tensor | None = None) -> Tensor:
    """The parameters by the formula, one variable after the other, differentiated by autograd."""
    features = model.conditional.features(x.flatten(1), model.dtype)
    if model.order_agnostic:
        features = torch.cat([features, torch.ones_like(features[..., :1])], -1)
    a = model.c.expand(len(x), -1)
    if context is not None:
        a = a + model.class_c(context)
    out: list[Tensor] = [torch.empty(0)] * model.num_variables
    for position in model.ordering.tolist():
        out[position] = model.b[position] + torch.sigmoid(a) @ model.V[position].T
        a = a + features[:, position] @ model.W[position]
    params = torch.stack(out, 1)
    if context is not None:
        params = params + model.class_b(context).view_as(params)
    return params.view(len(x), *model.event_shape, -1)


@pytest.mark.parametrize("num_classes", [None, 3])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", CONDITIONALS)
def test_values_and_gradients_are_those_of_autograd(
    name: str, size: int, num_classes: int | None
) -> None:
    options = {
        "conditional": CONDITIONALS[name],
        "ordering": "random(1)",
        "num_classes": num_classes,
    }
    model = randomised(ar.NADE((size,), hidden=6, **options)).double()
    x, context = events(model, 4), None if num_classes is None else torch.tensor([0, 2, 2, 1])
    expected = looped(model, x, context)
    weights = torch.randn_like(expected)
    wanted = torch.autograd.grad(
        (expected * weights).sum(), list(model.parameters()), allow_unused=True
    )
    found = model.params(x, context)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)
    got = torch.autograd.grad((found * weights).sum(), list(model.parameters()), allow_unused=True)
    for (parameter, _), one, other in zip(model.named_parameters(), wanted, got, strict=True):
        one = torch.zeros_like(other) if one is None else one
        torch.testing.assert_close(
            other, one, atol=1e-11, rtol=1e-11, msg=lambda text, p=parameter: f"{p}: {text}"
        )


@pytest.mark.parametrize("num_classes", [None, 3])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", CONDITIONALS)
def test_the_loss_and_its_gradient_in_one_sweep(
    name: str, size: int, num_classes: int | None
) -> None:
    options = {"conditional": CONDITIONALS[name], "ordering": "random(1)"}
    model = randomised(ar.NADE((size,), hidden=6, num_classes=num_classes, **options)).double()
    x, context = events(model, 4), None if num_classes is None else torch.tensor([0, 2, 2, 1])
    log_probs = model.conditional.distribution(looped(model, x, context)).log_prob(x)
    expected, found = -log_probs.sum() / 4, model.loss(x, context)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)
    names, parameters = zip(*model.named_parameters(), strict=True)
    wanted = torch.autograd.grad(3 * expected, parameters, allow_unused=True)
    got = torch.autograd.grad(3 * found, parameters)
    for parameter, one, other in zip(names, wanted, got, strict=True):
        one = torch.zeros_like(other) if one is None else one
        torch.testing.assert_close(
            other, one, atol=1e-11, rtol=1e-11, msg=lambda text, p=parameter: f"{p}: {text}"
        )


@pytest.mark.parametrize(("features", "outputs"), [(1, 1), (3, 3), (1, 6)])
@pytest.mark.parametrize("size", [1, 3, BLOCK, BLOCK + 2])
def test_gradcheck(size: int, features: int, outputs: int) -> None:
    """Against finite differences, every input: x, W, a and V."""
    batch, hidden = 2, 3
    shapes = [
        (size, batch, features),
        (size, features, hidden),
        (batch, hidden),
        (size, outputs, hidden),
    ]
    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]
    assert torch.autograd.gradcheck(Outputs.apply, inputs)


def test_gradient_of_log_prob_with_respect_to_x() -> None:
    model = randomised(ar.NADE((BLOCK + 1,), hidden=4, conditional=ar.GaussianMixture(2))).double()
    x = events(model, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda value: model.log_prob(value), [x])


def test_float32_gradients_are_close_to_float64_over_784_steps() -> None:
    """The running sum is rebuilt by subtraction: the drift over a long event must stay at rounding level."""
    model = ar.NADE((784,), hidden=32)
    exact = copy.deepcopy(model).double()
    x = events(model, 8)
    model.loss(x).backward()
    exact.loss(x.double()).backward()
    for (name, one), other in zip(model.named_parameters(), exact.parameters(), strict=True):
        error = (one.grad.double() - other.grad).norm() / other.grad.norm()
        assert error < 1e-5, f"{name}: relative error {error:.1e}"


def test_gradients_survive_one_large_value() -> None:
    """A value of 1e4 enters the running sum and must leave it again without spoiling the steps before."""
    model = ar.NADE((40,), hidden=8, conditional=ar.GaussianMixture(1))
    x = events(model, 8)
    x[:, 25] = 1e4
    model.loss(x).backward()
    exact = copy.deepcopy(model).double()
    exact.zero_grad()
    exact.loss(x.double()).backward()
    for one, other in zip(model.parameters(), exact.parameters(), strict=True):
        assert (one.grad.double() - other.grad).norm() < 1e-3 * other.grad.norm()


def test_a_frozen_parameter_gets_no_gradient() -> None:
    model = ar.NADE((5,), hidden=4)
    model.W.requires_grad_(False)
    model.loss(events(model, 3)).backward()
    assert model.W.grad is None and model.V.grad.abs().sum() > 0


def test_gradients_add_up_over_batches() -> None:
    model = ar.NADE((11,), hidden=4).double()
    x = events(model, 6)
    model.log_prob(x).sum().backward()
    together = model.W.grad.clone()
    model.zero_grad()
    for part in x.split(2):
        model.log_prob(part).sum().backward()
    torch.testing.assert_close(model.W.grad, together)


def test_a_second_derivative_is_refused() -> None:
    """The backward pass is written by hand and is not itself differentiable: that must be an error, not a zero."""
    model = ar.NADE((5,), hidden=4)
    (first,) = torch.autograd.grad(model.loss(events(model, 3)), model.W, create_graph=True)
    with pytest.raises(RuntimeError):
        first.square().sum().backward()


# -- memory ---------------------------------------------------------------------------------------------------------


def saved_bytes(forward: Callable[[Tensor], Tensor], x: Tensor) -> int:
    """Bytes of all tensors that a forward pass keeps for the backward pass, each storage counted once."""
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = forward(x)
    assert result.requires_grad
    return sum(kept.values())


def test_what_is_kept_for_the_backward_pass() -> None:
    """No B x T x H: doubling the batch adds far less than the activations would take."""
    size, hidden, batch = 200, 64, 50
    model = ar.NADE((size,), hidden=hidden)
    x = events(model, 2 * batch)
    added = saved_bytes(model.loss, x) - saved_bytes(model.loss, x[:batch])
    activations = batch * size * hidden * 4
    per_variable = 6 * batch * size * 4  # x, features, logits and the like: B x T, without hidden
    assert added <= per_variable + 2 * batch * hidden * 4 < activations / 4
    # A plain loop does keep them: the measurement can tell.
    assert saved_bytes(partial(looped, model), x[:batch]) > activations


def peak_bytes(model: ar.NADE, forward: Callable[[Tensor], Tensor], x: Tensor) -> int:
    """The most memory that a training step holds at once beyond what was there before, by torch's own account."""
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as profile:
        forward(x).mean().backward()
    held = peak = 0
    for event in profile.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            peak = max(peak, held)
    model.zero_grad()
    return peak


def test_peak_memory_of_a_training_step() -> None:
    size, hidden, batch = 160, 128, 64
    model = ar.NADE((size,), hidden=hidden)
    x = events(model, batch)
    model.loss(x[:2]).backward()  # first calls allocate what stays
    activations = batch * size * hidden * 4
    weights = 2 * size * hidden * 4
    blocks = 8 * BLOCK * batch * hidden * 4
    peak = peak_bytes(model, model.log_prob, x)
    assert 0 < peak < 4 * weights + blocks + 10 * batch * size * 4
    longer = ar.NADE((2 * size,), hidden=hidden)
    added = peak_bytes(longer, longer.log_prob, events(longer, batch)) - peak
    assert added < 4 * weights + 10 * batch * size * 4 < activations
    assert (
        peak_bytes(model, partial(looped, model), x) > activations
    )  # the measurement sees what a plain loop holds


# -- other ways to run it -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONDITIONALS)
def test_autocast_on_a_cpu(name: str) -> None:
    """bfloat16 autocast: the pass stays in float32, forward and backward, and the gradients are close."""
    model = randomised(ar.NADE((BLOCK + 3,), hidden=6, conditional=CONDITIONALS[name]))
    x = events(model, 5)
    model.loss(x).backward()
    wanted = {key: parameter.grad.clone() for key, parameter in model.named_parameters()}
    model.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model.loss(x)
    loss.backward()
    torch.testing.assert_close(loss, model.loss(x), atol=0.02, rtol=0.01)
    for key, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, wanted[key], atol=0.05, rtol=0.05)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", CONDITIONALS)
def test_half_precision(name: str, dtype: torch.dtype) -> None:
    model = ar.NADE((BLOCK + 3,), hidden=6, conditional=CONDITIONALS[name])
    narrow = copy.deepcopy(model).to(dtype)
    x = events(model, 5)
    found = narrow.log_prob(x.to(narrow.event_dtype))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, model.log_prob(x), atol=0.15, rtol=0.05)
    narrow.loss(x.to(narrow.event_dtype)).backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in narrow.parameters())


def test_functional_call_sees_the_given_parameters() -> None:
    model, x = ar.NADE((5,), hidden=4), torch.ones(2, 5)
    given = {name: torch.zeros_like(parameter) for name, parameter in model.named_parameters()}
    assert torch.func.functional_call(model, given, (x,)).probs.tolist() == [[0.5] * 5] * 2


@pytest.mark.parametrize("hidden", [0, -1, 2.0, "5", (5,), None, True], ids=repr)
def test_numbers_of_hidden_units_that_make_no_sense(hidden) -> None:
    with pytest.raises((ValueError, TypeError), match="hidden must be a positive int, got"):
        ar.NADE((4,), hidden=hidden)


def test_the_last_variable_feeds_nothing() -> None:
    """W of the last variable has no influence: its gradient is exactly zero."""
    model = ar.NADE((BLOCK + 1,), hidden=4, ordering="random(3)")
    model.loss(events(model, 6)).backward()
    last = model.ordering[-1]
    assert (model.W.grad[last] == 0).all()
    assert math.isclose(
        model.W.grad.abs().sum(), model.W.grad[model.ordering[:-1]].abs().sum(), rel_tol=1e-6
    )
