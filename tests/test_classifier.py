"""The classifier: p(y | x) against scikit-learn and by hand; what fit, evaluate and files make of it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from random_weights import randomised
from sklearn.linear_model import LogisticRegression

import armodels_lite as ar
from armodels_lite.data import Split

KINDS = {
    "logistic": {"event_shape": (5,), "num_classes": 3},
    "binary": {"event_shape": (5,), "num_classes": 2, "hidden": (4,), "activation": "tanh"},
    "deep": {"event_shape": (2, 3), "num_classes": 4, "hidden": (6, 7), "activation": "sigmoid"},
    "convolutional": {"event_shape": (2, 5, 1), "num_classes": 3, "channels": (3, 4, 5)},
    "with both": {"event_shape": (1, 6, 7), "num_classes": 2, "channels": (4,), "hidden": (8,)},
}
every_kind = pytest.mark.parametrize("arguments", KINDS.values(), ids=KINDS)


def examples(model: ar.Classifier, n: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(n, *model.event_shape, generator=generator).to(model.dtype)
    return x, torch.randint(model.num_classes, (n,), generator=generator)


# -- the distribution -----------------------------------------------------------------------------------------------


@every_kind
def test_an_untrained_classifier_gives_every_class_the_same(arguments: dict) -> None:
    model = ar.Classifier(**arguments)
    x, y = examples(model)
    classes = model.num_classes
    torch.testing.assert_close(model.probs(x), torch.full((7, classes), 1 / classes))
    assert model.loss(x, y).item() == pytest.approx(math.log(classes))


@every_kind
def test_loss_is_the_mean_surprise_of_the_labels(arguments: dict) -> None:
    model = randomised(ar.Classifier(**arguments).double())
    x, y = examples(model)
    probs = model.probs(x)
    torch.testing.assert_close(probs.sum(1), torch.ones(7).double())
    by_hand = -torch.stack([probs[i, label] for i, label in enumerate(y)]).log().mean()
    torch.testing.assert_close(model.loss(x, y), by_hand)
    torch.testing.assert_close(-model(x).log_prob(y).mean(), by_hand)
    assert torch.equal(model.predict(x), probs.argmax(1))


def test_two_classes_have_one_output_the_log_odds() -> None:
    """The study-hours example: z = -3 + hours / 2."""
    model = ar.Classifier((1,), 2).double()
    model.network[0].weight.data.fill_(0.5)
    model.network[0].bias.data.fill_(-3.0)
    hours = torch.tensor([[2.0], [6.0], [8.0]]).double()
    z = model.logits(hours)
    assert z[:, 0].tolist() == [0, 0, 0] and z[:, 1].tolist() == [-2, 0, 1]
    sigmoid = [1 / (1 + math.exp(-v)) for v in (-2, 0, 1)]
    np.testing.assert_allclose(model.probs(hours)[:, 1].detach(), sigmoid, rtol=1e-12)


def test_extreme_logits_give_finite_losses() -> None:
    model = ar.Classifier((1,), 2)
    model.network[0].weight.data.fill_(1000.0)
    x, y = torch.tensor([[1.0], [1.0]]), torch.tensor([1, 0])
    assert ar.evaluate(model, (x, y)).per_example.tolist() == [0.0, 1000.0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("classes", [2, 3])
def test_likelihoods_of_half_precision_are_those_of_float32(
    classes: int, dtype: torch.dtype
) -> None:
    """In float16 the difference of logits 40000 and -40000 is infinite already."""
    model = ar.Classifier((1,), classes).to(dtype)
    weights = [[40000.0]] if classes == 2 else [[40000.0], [-40000.0], [0.5]]
    model.network[0].weight.data.copy_(torch.tensor(weights))
    x = torch.tensor([[1.0], [-1.0], [1e-4], [-1e-4]], dtype=dtype)
    y = torch.tensor([0, 0, 1, 1])
    logits = model.logits(x).float()
    expected = torch.nn.functional.cross_entropy(logits, y, reduction="none")
    assert expected.isfinite().all() and expected.max() >= 39000
    torch.testing.assert_close(model._nats(x, y), expected)
    torch.testing.assert_close(model.loss(x, y), expected.mean())
    torch.testing.assert_close(model.probs(x), logits.softmax(-1))
    assert model.probs(x).dtype == model.loss(x, y).dtype == torch.float32


def test_labels_are_not_predicted_from_logits_that_are_nan() -> None:
    model = ar.Classifier((2,), 3)
    model.network[0].bias.data[1] = math.nan
    with pytest.raises(ValueError, match="3 of 3 events have logits that are NaN"):
        model.predict(torch.zeros(3, 2))


def test_convolutions_are_those_of_torch() -> None:
    model = randomised(ar.Classifier((2, 5, 3), 3, channels=(4,)).double())
    x, _ = examples(model)
    convolution, linear = model.network[0], model.network[-1]
    h = torch.nn.functional.conv2d(x, convolution.weight, convolution.bias, padding=1).relu()
    padded = torch.nn.functional.pad(h, (0, 1, 0, 1), value=-math.inf)  # odd sides: one more
    pooled = padded.unfold(2, 2, 2).unfold(3, 2, 2).amax((-1, -2))
    assert pooled.shape == (7, 4, 3, 2)
    torch.testing.assert_close(model.logits(x), pooled.flatten(1) @ linear.weight.T + linear.bias)


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (((10,), 2), 11),
        (((10,), 2, (5,)), 61),
        (((784,), 10), 7850),
        (((2, 3), 4, (6, 7)), 6 * 6 + 6 + 6 * 7 + 7 + 7 * 4 + 4),
    ],
)
def test_parameter_counts(arguments: tuple, count: int) -> None:
    shape, classes, hidden = (*arguments, ())[:3]
    model = ar.Classifier(shape, classes, hidden=hidden)
    assert model.num_parameters() == count and f"{count:,} parameters" in repr(model)


@every_kind
def test_every_parameter_and_every_input_gets_a_gradient(arguments: dict) -> None:
    model = randomised(ar.Classifier(**arguments))
    x, y = examples(model, 40)
    x.requires_grad_()
    model.loss(x, y).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().sum() > 0, name
    assert x.grad.abs().sum() > 0


# -- training, measuring, saving ------------------------------------------------------------------------------------


def test_logistic_regression_reaches_the_optimum_of_scikit_learn() -> None:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(200, 4, generator=generator)
    y = (x[:, 0] - x[:, 1] + torch.randn(200, generator=generator) > 0).long() + (
        x[:, 2] > 1
    ).long()
    model = ar.Classifier((4,), 3).double()
    ar.fit(model, (x.double(), y), epochs=600, batch_size=200, learning_rate=0.05)
    reference = LogisticRegression(C=math.inf, max_iter=2000, tol=1e-10).fit(x, y)
    expected = reference.predict_log_proba(x)
    assert model.loss(x.double(), y).item() == pytest.approx(
        -expected[range(200), y].mean(), abs=1e-4
    )
    np.testing.assert_allclose(model.probs(x.double()).detach(), np.exp(expected), atol=0.01)


def test_exclusive_or_needs_a_hidden_layer() -> None:
    x = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    y = torch.tensor([0, 1, 1, 0])
    losses = {}
    for hidden in ((), (8,)):
        torch.manual_seed(0)
        model = ar.Classifier((2,), 2, hidden=hidden, activation="tanh")
        ar.fit(model, (x, y), epochs=400, batch_size=4, learning_rate=0.05)
        losses[hidden] = model.loss(x, y).item()
    assert losses[()] == pytest.approx(math.log(2), abs=1e-5) and losses[(8,)] < 0.01


def test_fit_takes_a_split_and_keeps_the_best_epoch() -> None:
    digits = ar.load("digits")
    torch.manual_seed(0)
    model = ar.Classifier(digits.event_shape, 10, channels=(8,))
    history = ar.fit(model, digits.train, digits.valid, epochs=3, learning_rate=0.01)
    result = ar.evaluate(model, digits.valid)
    assert result.nats == pytest.approx(min(history.valid_loss), rel=1e-4) and result.nats < 0.5


def test_evaluate_has_no_bits_per_dimension_for_it() -> None:
    model = ar.Classifier((2,), 3)
    x, y = examples(model)
    result = ar.evaluate(model, Split(x, y))
    assert result.bits_per_dim is None and str(result) == "1.10 ± 0.00 nats (n=7)"
    with pytest.raises(TypeError, match="need a density p\\(x\\), got Classifier"):
        ar.bits_per_dim(model, x, y)


@every_kind
def test_what_is_saved_comes_back(arguments: dict, tmp_path: Path) -> None:
    model = randomised(ar.Classifier(**arguments))
    model.save_pretrained(tmp_path)
    loaded = ar.load_pretrained(tmp_path)
    x, _ = examples(model)
    assert type(loaded) is ar.Classifier and torch.equal(loaded.logits(x), model.logits(x))


# -- what goes in ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 1}, "at least 2, got 1"),
        ({"num_classes": None}, "at least 2, got None"),
        ({"num_classes": 2.0}, "positive int, got 2.0"),
        ({"hidden": 5}, "hidden must be a tuple of positive ints .* got 5"),
        ({"hidden": (5, 0)}, "hidden must be"),
        ({"channels": "ab"}, "channels must be a tuple of positive ints"),
        ({"channels": (4,)}, r"need images: event shape \(C, H, W\), got \(5,\)"),
        ({"kernel_size": 4}, "odd positive int, got 4"),
        ({"hidden": range(1, 3)}, r"hidden must be a tuple of positive ints .* got range\(1, 3\)"),
        ({"hidden": (k for k in (4, 5))}, "hidden must be a tuple of positive ints"),
        ({"activation": "step"}, "one of relu, tanh, sigmoid, got 'step'"),
        ({"activation": ["relu"]}, r"one of relu, tanh, sigmoid, got \['relu'\]"),
    ],
)
def test_arguments_that_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ar.Classifier(**{"event_shape": (5,), "num_classes": 2, **arguments})


X, Y = torch.zeros(3, 5), torch.zeros(3, dtype=torch.int64)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X[:, :4], Y, r"x must have shape \(B, 5\), got \(3, 4\)"),
        (X.double(), Y, "x must be torch.float32"),
        (X / 0, Y, "x must be finite, got nan"),
        (X, None, "Classifier is conditional: give int64 classes .* as y"),
        (X, Y.float(), "y must be torch.int64"),
        (X, Y[:, None], r"y must have shape \(B,\), got \(3, 1\)"),
        (X, Y[:2], "y holds 2 entries for 3 events"),
        (X, Y + 3, "classes are 0 to 2, got 3 to 3"),
        (X[:0], Y[:0], "batch is empty"),
    ],
)
def test_examples_that_do_not_fit(x: torch.Tensor, y: torch.Tensor, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        ar.Classifier((5,), 3).loss(x, y)


def test_no_example_has_no_probabilities() -> None:
    model = ar.Classifier((1, 4, 4), 3, channels=(2,))
    assert model.probs(torch.zeros(0, 1, 4, 4)).shape == (0, 3)
