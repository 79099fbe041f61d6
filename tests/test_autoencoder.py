"""The autoencoder: its loss by hand, PCA as its linear case, its noise; what fit, evaluate and files make of it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from random_weights import randomised

import armodels_lite as ar
from armodels_lite.data import Split

KINDS = {
    "linear": {"event_shape": (5,), "binary": False},
    "binary": {"event_shape": (2, 3), "code": 1, "hidden": (4,)},
    "deep": {
        "event_shape": (1, 2, 3),
        "code": 3,
        "hidden": (7, 4),
        "activation": "tanh",
        "noise": 0.25,
    },
    "real": {"event_shape": (6,), "hidden": (8,), "activation": "sigmoid", "binary": False},
}
every_kind = pytest.mark.parametrize("arguments", KINDS.values(), ids=KINDS)


def events(model: ar.Autoencoder, n: int = 7) -> torch.Tensor:
    x = torch.randn(n, *model.event_shape, generator=torch.Generator().manual_seed(1))
    return ((x > 0) if model.binary else x).to(model.dtype)


def weights(network: torch.nn.Sequential) -> list[tuple[np.ndarray, np.ndarray]]:
    linears = [layer for layer in network if isinstance(layer, torch.nn.Linear)]
    return [(layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in linears]


# -- codes, reconstructions and the loss ----------------------------------------------------------------------------


@every_kind
def test_codes_reconstructions_and_loss_by_hand(arguments: dict) -> None:
    model = randomised(ar.Autoencoder(**arguments).double())
    x = events(model)
    activation = {
        "relu": lambda h: np.maximum(h, 0),
        "tanh": np.tanh,
        "sigmoid": lambda h: 1 / (1 + np.exp(-h)),
    }[arguments.get("activation", "relu")]

    def through(network: torch.nn.Sequential, h: np.ndarray) -> np.ndarray:
        *hidden, (weight, bias) = weights(network)
        for w, b in hidden:
            h = activation(h @ w.T + b)
        return h @ weight.T + bias

    flat = x.flatten(1).numpy()
    code = through(model.encoder, flat)
    out = through(model.decoder, code)
    if model.binary:
        out = 1 / (1 + np.exp(-out))
        error = -(flat * np.log(out) + (1 - flat) * np.log(1 - out)).sum(1)
    else:
        error = ((flat - out) ** 2).sum(1) / 2
    assert code.shape == (7, arguments.get("code", 2))
    np.testing.assert_allclose(model.encode(x).detach(), code, rtol=1e-10)
    np.testing.assert_allclose(model.decode(torch.tensor(code)).detach(), out.reshape(x.shape))
    np.testing.assert_allclose(model.reconstruct(x).detach(), out.reshape(x.shape))
    assert model.loss(x).item() == pytest.approx(error.mean(), rel=1e-10)
    np.testing.assert_allclose(ar.evaluate(model, x).per_example, error, rtol=1e-10)


def test_the_decoder_mirrors_the_encoder() -> None:
    model = ar.Autoencoder((2, 5), code=3, hidden=(8, 4))
    assert [w.shape for w, _ in weights(model.encoder)] == [(8, 10), (4, 8), (3, 4)]
    assert [w.shape for w, _ in weights(model.decoder)] == [(4, 3), (8, 4), (10, 8)]
    count = (10 * 8 + 8 * 4 + 4 * 3) * 2 + (8 + 4 + 3) + (4 + 8 + 10)
    assert model.num_parameters() == count and f"{count:,} parameters" in repr(model)


def test_an_untrained_model_rebuilds_a_half_or_zero() -> None:
    binary, real = ar.Autoencoder((6,), hidden=(4,)), ar.Autoencoder((6,), binary=False)
    x = events(binary)
    assert torch.equal(binary.reconstruct(x), torch.full((7, 6), 0.5))
    assert binary.loss(x).item() == pytest.approx(6 * math.log(2))
    assert torch.equal(real.reconstruct(events(real)), torch.zeros(7, 6))


def test_extreme_logits_give_finite_losses() -> None:
    model = ar.Autoencoder((1,), code=1)
    for network in (model.encoder, model.decoder):
        network[0].weight.data.fill_(100.0)
        network[0].bias.data.fill_(0.0)
    model.decoder[0].bias.data.fill_(-1000.0)  # the logit is 9000 for x = 1, -1000 for x = 0
    assert model._nats(torch.tensor([[1.0], [0.0]])).tolist() == [0.0, 0.0]
    model.decoder[0].weight.data.fill_(-100.0)  # now -11000 and -1000
    assert model._nats(torch.tensor([[1.0], [0.0]])).tolist() == [11000.0, 0.0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("binary", [True, False])
def test_losses_of_half_precision_are_computed_in_float32(binary: bool, dtype: torch.dtype) -> None:
    """The square of 1000 is infinite in float16 already."""
    model = ar.Autoencoder((4,), binary=binary).to(dtype)
    model.decoder[-1].bias.data.fill_(-1000.0)
    x = torch.tensor([[0.0, 1.0, 1.0, 0.0]], dtype=dtype)
    nats = 2000 if binary else (1000**2 + 1001**2)
    assert model._nats(x).tolist() == [nats] and model.loss(x).dtype == torch.float32
    assert model.encode(x).dtype == dtype and model.reconstruct(x).dtype == torch.float32


@every_kind
def test_every_parameter_gets_a_gradient(arguments: dict) -> None:
    model = randomised(ar.Autoencoder(**arguments))
    model.loss(events(model, 40)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().sum() > 0, name


def test_the_best_linear_autoencoder_is_pca() -> None:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(60, 6, generator=generator) @ torch.randn(6, 6, generator=generator)
    x = (x - x.mean(0)).double()
    torch.manual_seed(0)
    model = ar.Autoencoder((6,), code=2, binary=False).double()
    optimiser = torch.optim.LBFGS(
        model.parameters(), max_iter=200, tolerance_change=1e-12, line_search_fn="strong_wolfe"
    )

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        loss = model.loss(x)
        loss.backward()
        return loss

    optimiser.step(closure)
    _, singular, components = torch.linalg.svd(x, full_matrices=False)
    pca = (singular[2:] ** 2).sum().item() / 2 / len(x)
    assert model.loss(x).item() == pytest.approx(pca, rel=1e-4)
    basis, _ = torch.linalg.qr(model.decoder[0].weight.detach())
    plane = components[:2].T @ components[:2]
    torch.testing.assert_close(basis @ basis.T, plane, atol=1e-3, rtol=0)


# -- noise ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("start", [0.0, 1.0])
def test_binary_noise_changes_half_of_what_it_replaces(start: float, noise: float) -> None:
    model, n = ar.Autoencoder((100,), noise=noise), 40_000
    x = torch.full((n // 100, 100), start)
    corrupted = model.corrupt(x, torch.Generator().manual_seed(0))
    assert set(corrupted.unique().tolist()) <= {0.0, 1.0} and corrupted.dtype == x.dtype
    error = math.sqrt(noise / 2 * (1 - noise / 2) / n)  # of a binomial share
    assert abs((corrupted != x).double().mean().item() - noise / 2) <= 4 * error
    assert torch.equal(x, torch.full_like(x, start))


def test_real_noise_sets_its_share_to_zero() -> None:
    model = ar.Autoencoder((10, 10), binary=False, noise=0.3).double()
    x = events(model, 400)
    corrupted = model.corrupt(x, torch.Generator().manual_seed(0))
    replaced = corrupted != x
    assert (corrupted[replaced] == 0).all()
    error = math.sqrt(0.3 * 0.7 / x.numel())
    assert abs(replaced.double().mean().item() - 0.3) <= 4 * error


def test_corruption_follows_the_generator_or_the_global_seed() -> None:
    model = ar.Autoencoder((50,), noise=0.5).eval()
    x = events(model)
    first, again, other = (model.corrupt(x, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    torch.manual_seed(1)
    assert torch.equal(model.corrupt(x), first)


@pytest.mark.parametrize("binary", [True, False])
def test_only_training_hides_inputs_and_the_target_stays_clean(binary: bool) -> None:
    model = ar.Autoencoder((5,), hidden=(4,), binary=binary, noise=0.5).double()
    model = randomised(model).train()
    x = events(model, 20)
    torch.manual_seed(4)
    loss = model.loss(x)
    torch.manual_seed(4)
    given = model.reconstruct(model.corrupt(x))
    if binary:
        error = torch.nn.functional.binary_cross_entropy(given, x, reduction="sum") / 20
    else:
        error = (given - x).square().sum() / 40
    torch.testing.assert_close(loss, error)
    clean = randomised(ar.Autoencoder((5,), hidden=(4,), binary=binary).double())
    clean.load_state_dict(model.state_dict())
    assert torch.equal(model.reconstruct(x), clean.reconstruct(x))  # in train mode as well
    state = torch.get_rng_state()
    assert model.eval().loss(x).item() == clean.train().loss(x).item() != loss.item()
    assert torch.equal(torch.get_rng_state(), state)  # neither of the two drew a number


# -- training, measuring, saving ------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_fit_lowers_the_loss_on_digits(noise: float) -> None:
    digits = ar.load("digits")
    results = []
    for draws in range(2):
        torch.manual_seed(0)
        model = ar.Autoencoder(digits.event_shape, code=8, hidden=(32,), noise=noise)
        before = ar.evaluate(model, digits.valid).nats
        torch.rand(draws)  # what fit does follows from its own seed, the noise included
        history = ar.fit(model, digits.train, digits.valid, epochs=3, learning_rate=0.01)
        results.append(ar.evaluate(model, digits.valid).nats)
    assert before == pytest.approx(64 * math.log(2), rel=1e-5)
    assert results[0] == pytest.approx(min(history.valid_loss), rel=1e-4)
    assert results[0] < 0.6 * before and results[0] == results[1]


def test_it_is_no_density() -> None:
    model = ar.Autoencoder((2,))
    x = events(model)
    result = ar.evaluate(model, Split(x, torch.zeros(7, dtype=torch.int64)))
    assert result.bits_per_dim is None and str(result) == "1.39 ± 0.00 nats (n=7)"
    assert not isinstance(model, ar.DensityModel)
    assert not hasattr(model, "log_prob") and not hasattr(model, "sample")
    with pytest.raises(TypeError, match="need a density p\\(x\\), got Autoencoder"):
        ar.bits_per_dim(model, x)


@every_kind
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_saved_comes_back(arguments: dict, dtype: torch.dtype, tmp_path: Path) -> None:
    model = randomised(ar.Autoencoder(**arguments).to(dtype))
    model.save_pretrained(tmp_path)
    loaded = ar.load_pretrained(tmp_path)
    x = events(model)
    assert type(loaded) is ar.Autoencoder and loaded.noise == model.noise
    assert torch.equal(loaded._nats(x), model._nats(x))
    assert torch.equal(loaded.encode(x), model.encode(x))


# -- what goes in ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"event_shape": 5}, "event_shape must be a tuple of positive ints"),
        ({"code": 0}, "code must be an int of at least 1, got 0"),
        ({"code": 2.0}, "code must be an int of at least 1, got 2.0"),
        ({"code": True}, "code must be an int of at least 1, got True"),
        ({"hidden": 5}, "hidden must be a tuple of positive ints .* got 5"),
        ({"activation": "step"}, "one of relu, tanh, sigmoid, got 'step'"),
        ({"activation": ["relu"]}, r"one of relu, tanh, sigmoid, got \['relu'\]"),
        ({"binary": 1}, "binary must be True or False, got 1"),
        ({"noise": 1.0}, r"noise must be a probability in \[0, 1\), got 1.0"),
        ({"noise": -0.1}, "noise must be a probability"),
        ({"noise": math.nan}, "noise must be a probability .* got nan"),
        ({"noise": "0.1"}, "noise must be a probability .* got '0.1'"),
        ({"noise": False}, "noise must be a probability .* got False"),
    ],
)
def test_arguments_that_are_refused(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ar.Autoencoder(**{"event_shape": (5,), **arguments})


X = torch.zeros(3, 5)


@pytest.mark.parametrize("method", ["loss", "encode", "reconstruct", "corrupt"])
@pytest.mark.parametrize(
    ("binary", "x", "message"),
    [
        (True, X[:, :4], r"x must have shape \(B, 5\), got \(3, 4\)"),
        (True, X.double(), "x must be torch.float32"),
        (True, X.numpy(), "x must be a torch.Tensor, got ndarray"),
        (True, X + 0.5, "Bernoulli variables are 0 or 1, got 0.5"),
        (True, X / 0, "Bernoulli variables are 0 or 1, got nan"),
        (False, X - math.inf, "x must be finite, got -inf"),
    ],
)
def test_events_that_do_not_fit(binary: bool, x: object, message: str, method: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        getattr(ar.Autoencoder((5,), binary=binary), method)(x)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (X[:, :3], r"code must have shape \(B, 2\), got \(3, 3\)"),
        (X[0, :2], r"code must have shape \(B, 2\), got \(2,\)"),
        (X[:, :2].double(), "code must be torch.float32"),
        (X[:, :2] + math.inf, "code must be finite, got inf"),
        ([[0.0, 0.0]], "code must be a torch.Tensor, got list"),
    ],
)
def test_codes_that_do_not_fit(code: object, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        ar.Autoencoder((5,)).decode(code)


def test_other_input_that_does_not_fit() -> None:
    model = ar.Autoencoder((5,))
    with pytest.raises(TypeError, match="generator must be a torch.Generator, got int"):
        model.corrupt(X, 3)
    with pytest.raises(ValueError, match="batch is empty"):
        model.loss(X[:0])
    with pytest.raises(ValueError, match="this Autoencoder is not conditional"):
        model.loss(X, torch.zeros(3, dtype=torch.int64))


def test_no_event_has_no_reconstruction() -> None:
    model = ar.Autoencoder((1, 4, 4), hidden=(3,))
    assert model.reconstruct(torch.zeros(0, 1, 4, 4)).shape == (0, 1, 4, 4)
