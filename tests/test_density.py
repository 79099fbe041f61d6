"""What every model offers besides its architecture: checks of what goes in, the loss, the number of parameters."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from random_weights import randomised

import armodels_lite as ar


def binary(model: ar.AutoregressiveModel, n: int = 16) -> torch.Tensor:
    return torch.randint(2, (n, *model.event_shape)).to(model.event_dtype)


# -- constructors ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [ar.FVSBN, ar.MADE])
@pytest.mark.parametrize(
    "event_shape",
    [(), 784, 784.0, (0,), (-3,), (4.0,), "4", None, (True,), (2, "3"), [[4]], np.array([0])],
    ids=repr,
)
def test_event_shapes_that_make_no_sense(build: type, event_shape) -> None:
    with pytest.raises(
        (ValueError, TypeError), match="event_shape must be a tuple of positive ints"
    ):
        build(event_shape)


@pytest.mark.parametrize("event_shape", [(4,), [4], torch.Size([4]), (1, 2, 2), (2, 2)], ids=repr)
def test_event_shapes_that_do(event_shape) -> None:
    model = ar.FVSBN(event_shape)
    assert model.event_shape == tuple(event_shape) and type(model.event_shape) is tuple
    assert model.num_variables == 4


@pytest.mark.parametrize("num_classes", [0, -1, 2.0, "3", True], ids=repr)
def test_numbers_of_classes_that_make_no_sense(num_classes) -> None:
    with pytest.raises((ValueError, TypeError), match="num_classes must be a positive int, got"):
        ar.FVSBN((4,), num_classes=num_classes)


@pytest.mark.parametrize("context_shape", [(), 3, (0,), (2.0,)], ids=repr)
def test_context_shapes_that_make_no_sense(context_shape) -> None:
    with pytest.raises(
        (ValueError, TypeError), match="context_shape must be a tuple of positive ints"
    ):
        ar.MADE((4,), context_shape=context_shape)


def test_one_kind_of_context_only() -> None:
    with pytest.raises(ValueError, match="num_classes or context_shape, not both"):
        ar.MADE((4,), num_classes=2, context_shape=(3,))


@pytest.mark.parametrize(
    "conditional", [ar.Bernoulli, "bernoulli", 2, ar.Bernoulli().distribution], ids=str
)
def test_a_conditional_is_an_instance(conditional) -> None:
    with pytest.raises(
        TypeError, match=r"conditional must be a Conditional such as ar.Bernoulli\(\), got"
    ):
        ar.FVSBN((4,), conditional=conditional)


def test_loss_is_the_mean_negative_log_likelihood() -> None:
    model = randomised(ar.NADE((4,), hidden=3))
    x = binary(model)
    torch.testing.assert_close(model.loss(x), -model.log_prob(x).mean())
    with pytest.raises(ValueError, match="batch is empty"):
        model.loss(x[:0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("build", [ar.FVSBN, ar.NADE, ar.MADE])
def test_the_number_of_parameters_depends_on_no_dtype(build: type, dtype: torch.dtype) -> None:
    model = build((784,))
    before = model.num_parameters()
    assert model.to(dtype).num_parameters() == before


# -- what goes in ---------------------------------------------------------------------------------------------------

X = torch.zeros(2, 4)
WRONG_X = {
    "float64": (
        ar.Bernoulli(),
        X.double(),
        "x must be torch.float32 for this model, got torch.float64",
    ),
    "integers": (
        ar.Bernoulli(),
        X.long(),
        "x must be torch.float32 for this model, got torch.int64",
    ),
    "bools": (ar.Bernoulli(), X.bool(), "got torch.bool"),
    "grey levels": (ar.Bernoulli(), X + 0.5, "Bernoulli variables are 0 or 1, got 0.5"),
    "NaN": (ar.Bernoulli(), X * torch.nan, "0 or 1, got nan"),
    "no batch": (ar.Bernoulli(), X[0], r"x must have shape \(B, 4\), got \(4,\)"),
    "too wide": (ar.Bernoulli(), torch.zeros(2, 5), r"shape \(B, 4\), got \(2, 5\)"),
    "image": (ar.Bernoulli(), X.view(2, 1, 2, 2), r"shape \(B, 4\), got \(2, 1, 2, 2\)"),
    "a list": (ar.Bernoulli(), X.tolist(), "x must be a torch.Tensor, got list"),
    "an array": (ar.Bernoulli(), X.numpy(), "x must be a torch.Tensor, got ndarray"),
    "nothing": (ar.Bernoulli(), None, "x must be a torch.Tensor, got NoneType"),
    "level 3": (ar.Categorical(3), X.long() + 3, "levels 0 to 2, got 3"),
    "level -1": (ar.Categorical(3), X.long() - 1, "levels 0 to 2, got -1"),
    "int32": (ar.Categorical(3), X.int(), "x must be torch.int64 for this model, got torch.int32"),
    "scaled": (ar.LogisticMixture(1), X, "x must be torch.int64 for this model, got torch.float32"),
    "infinity": (ar.GaussianMixture(1), X - torch.inf, "finite values, got -inf"),
}


@pytest.mark.parametrize("what", WRONG_X)
def test_events_that_do_not_fit(what: str) -> None:
    conditional, x, message = WRONG_X[what]
    model = ar.FVSBN((4,), conditional=conditional)
    for ask in (model.log_prob, model.loss, model.check, model):
        with pytest.raises((ValueError, TypeError), match=message):
            ask(x)


WRONG_CONTEXT = {
    "missing": (None, r"conditional: give int64 classes \(B,\) in 0..2 as context"),
    "too high": (torch.tensor([0, 3]), "classes are 0 to 2, got 0 to 3"),
    "negative": (torch.tensor([-1, 0]), "classes are 0 to 2, got -1 to 0"),
    "one-hot": (torch.eye(3)[:2], r"context must have shape \(B,\), got \(2, 3\)"),
    "a number": (1, "context must be a torch.Tensor, got int"),
    "int32": (torch.zeros(2).int(), "context must be torch.int64 for this model, got torch.int32"),
    "too few": (torch.zeros(1).long(), "context holds 1 entries for 2 events"),
}


@pytest.mark.parametrize("what", WRONG_CONTEXT)
def test_classes_that_do_not_fit(what: str) -> None:
    context, message = WRONG_CONTEXT[what]
    model = ar.NADE((4,), hidden=3, num_classes=3)
    for ask in (lambda: model.log_prob(X, context), lambda: model.sample(2, context=context)):
        with pytest.raises((ValueError, TypeError), match=message):
            ask()


def test_contexts_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="this FVSBN is not conditional, but a context was given"):
        ar.FVSBN((4,)).log_prob(X, torch.zeros(2).long())
    model = ar.MADE((4,), hidden=(5,), context_shape=(2, 3))
    good = torch.randn(2, 2, 3)
    assert model.log_prob(X, good).shape == (2,)
    for context, message in (
        (None, r"give a float context \(B, 2, 3\)"),
        (good.double(), "context must be torch.float32 for this model, got torch.float64"),
        (good[0], r"context must have shape \(B, 2, 3\), got \(2, 3\)"),
        (good * torch.nan, "context must be finite"),
        (good[:1], "context holds 1 entries for 2 events"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            model.log_prob(X, context)


@pytest.mark.parametrize(
    "conditional", [ar.Bernoulli(), ar.Categorical(3), ar.GaussianMixture(2)], ids=repr
)
@pytest.mark.parametrize("build", [ar.FVSBN, ar.NADE, ar.MADE])
def test_any_layout_dtype_and_mode(build: type, conditional: ar.Conditional) -> None:
    """Transposed events, gradients with respect to x, training mode, float64: the same log-probabilities."""
    model = randomised(build((5,), conditional=conditional), scale=0.2)
    x = binary(model, 7)
    expected = model.log_prob(x)
    assert torch.equal(model.log_prob(x.T.contiguous().T), expected)
    assert torch.equal(model.train().log_prob(x), expected)
    with torch.inference_mode():
        assert torch.equal(model.log_prob(x), expected)
        assert model.sample(2).shape == (2, 5)
    if x.is_floating_point():
        assert torch.equal(model.log_prob(x.clone().requires_grad_()), expected)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(model.log_prob(x), expected, atol=0.3, rtol=0.05)
    wide = model.double()
    x = x.to(wide.event_dtype)
    assert wide.log_prob(x).dtype == torch.float64 and wide.sample(2).dtype == wide.event_dtype
    torch.testing.assert_close(wide.log_prob(x).float(), expected, atol=1e-4, rtol=1e-5)
    with pytest.raises(TypeError, match="for this model, got torch.float32"):
        wide.log_prob(torch.zeros(2, 5))
