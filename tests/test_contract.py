"""The contract suite: every model of the course, every check. See `contract.py` for what is asked."""

from __future__ import annotations

import math

import contract
import pytest
import torch
from models_under_test import CASES, DENSITIES, Case, promised_dependencies

import armodels_lite as ar

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
every_density = pytest.mark.parametrize("case", [*CASES, *DENSITIES], ids=lambda case: case.name)
discrete = pytest.mark.parametrize(
    "case", [c for c in [*CASES, *DENSITIES] if not c.continuous], ids=lambda case: case.name
)
continuous = pytest.mark.parametrize(
    "case", [c for c in CASES if c.continuous], ids=lambda case: case.name
)


@every_case
def test_causality(case: Case) -> None:
    model = case.build()
    contract.check_causality(model, promised_dependencies(model))


@every_density
def test_normalisation(case: Case) -> None:
    model = case.build()
    if case.continuous and model.num_variables > 2:
        pytest.skip(
            "quadrature handles two continuous variables; a normal density is the reference"
        )
    contract.check_normalisation(model)


@every_case
def test_one_pass_equals_steps(case: Case) -> None:
    contract.check_steps_equal_pass(case.build(), atol=1e-10)
    contract.check_steps_equal_pass(case.build(torch.float32), atol=1e-5)


@every_case
def test_cached_equals_naive(case: Case) -> None:
    contract.check_cached_equals_naive(case.build())


@every_case
def test_decoder_moves(case: Case) -> None:
    contract.check_decoder_moves(case.build())


@discrete
def test_samples_follow_the_model(case: Case) -> None:
    model = case.build()
    if model.levels**model.num_variables > 2**10:
        pytest.skip("too many events for a chi-square test at this sample size")
    if model.context_shape is None:
        contract.check_samples_follow(model)


@continuous
def test_draws_are_quantiles(case: Case) -> None:
    contract.check_quantiles(case.build())


@every_density
def test_gradients(case: Case) -> None:
    contract.check_gradients(case.build())


@every_density
def test_save_and_load(case: Case, tmp_path) -> None:
    contract.check_save_load(case.build(), tmp_path / "model")


@every_density
def test_batch_sizes(case: Case) -> None:
    contract.check_batch_sizes(case.build())


# -- training reaches known optima ---------------------------------------------------------------------------------


def table(counts: list[int], shape: tuple[int, ...], levels: int) -> tuple[torch.Tensor, float]:
    """Events with the given counts, and their entropy in nats: the best mean loss that any model can reach."""
    size = math.prod(shape)
    codes = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    x = codes.unsqueeze(1) // levels ** torch.arange(size) % levels
    p = torch.tensor(counts, dtype=torch.float64)
    p = p[p > 0] / p.sum()
    return x.view(-1, *shape), -(p * p.log()).sum().item()


@pytest.mark.parametrize("model", [ar.FVSBN, ar.NADE, ar.MADE])
def test_two_coins(model) -> None:
    torch.manual_seed(0)
    x, entropy = table([5, 20, 40, 35], (2,), 2)
    contract.check_fit_reaches(model((2,)), x.float(), entropy)


@pytest.mark.parametrize("model", [ar.NADE, ar.MADE])
def test_exclusive_or(model) -> None:
    """x_3 = x_1 xor x_2 nine times out of ten: needs a hidden layer."""
    torch.manual_seed(0)
    x, entropy = table([9, 1, 1, 9, 1, 9, 9, 1], (3,), 2)
    hidden = 16 if model is ar.NADE else (16,)
    contract.check_fit_reaches(model((3,), hidden=hidden), x.float(), entropy)


def test_exclusive_or_is_beyond_fvsbn() -> None:
    x, entropy = table([9, 1, 1, 9, 1, 9, 9, 1], (3,), 2)
    with pytest.raises(AssertionError, match="reached 2.07"):  # three fair coins: 3 ln 2
        contract.check_fit_reaches(ar.FVSBN((3,)), x.float(), entropy)


@pytest.mark.parametrize("model", [ar.FVSBN, ar.NADE, ar.MADE])
def test_two_dice(model) -> None:
    torch.manual_seed(0)
    x, entropy = table([3, 9, 1, 14, 2, 5, 8, 6, 12], (2,), 3)
    contract.check_fit_reaches(model((2,), conditional=ar.Categorical(3)), x, entropy)


@pytest.mark.parametrize("model", [ar.FVSBN, ar.NADE, ar.MADE])
def test_one_gaussian(model) -> None:
    x = torch.linspace(-2, 5, 101).unsqueeze(1)
    optimum = 0.5 * math.log(2 * math.pi * math.e * x.var(correction=0).item())
    contract.check_fit_reaches(model((1,), conditional=ar.GaussianMixture(1)), x, optimum)


# -- sizes ----------------------------------------------------------------------------------------------------------


def test_parameter_counts() -> None:
    assert ar.FVSBN((784,)).num_parameters() == 784 * 785 // 2 == 307_720
    assert ar.NADE((784,), hidden=500).num_parameters() == 500 * 784 + 500 + 784 * 501 == 785_284
    made = ar.MADE((3,), hidden=(4,))  # degrees 1, 1, 2, 2
    assert made.num_parameters() == (1 + 1 + 2 + 2) + 4 + (0 + 2 + 4) + 3


@pytest.mark.parametrize("depth", [1, 4, 12])
def test_activations_keep_their_scale_with_depth(depth: int) -> None:
    torch.manual_seed(0)
    model = ar.MADE((64,), hidden=(200,) * depth)
    h = (torch.rand(256, 64) < 0.5).float()
    for layer in list(model.layers)[:-1]:
        h = layer(h).relu()
        assert 0.1 < h.square().mean().sqrt() < 10


# -- on a GPU, where there is one ----------------------------------------------------------------------------------


RGB = ("everything", "image")  # cases of both kinds of PixelCNN


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(
    "name",
    [
        *(
            f"{model}-{kind}"
            for model in ("FVSBN", "NADE", "MADE")
            for kind in ("bernoulli", "categorical-class", "logistic", "gaussian")
        ),
        *(f"RNN-{label}" for label in ("lstm-bernoulli", "gru-class", "rnn-gaussian", "end-class")),
        "RNN-vectors-everything",
        *(f"PixelRNN-{kind}-rgb-categorical-class" for kind in ("row", "diagonal")),
        *(f"Transformer-{kind}" for kind in ("categorical", "rotary-local-class", "end-class")),
        *(f"{kind}-rgb-{label}" for kind in ("PixelCNN", "GatedPixelCNN") for label in RGB),
        *(f"PixelCNNpp-{label}" for label in ("three-resolutions", "rgb-class", "small-image")),
        *(f"WaveNet-{label}" for label in ("logistic-class", "three-taps-stacks-class")),
    ],
)
def test_on_a_gpu(name: str) -> None:
    """Probabilities, draws and measurements on CUDA are those of the CPU."""
    (case,) = [case for case in CASES if case.name == name]
    model = case.build()
    x, context, noise = contract.events(model), contract.contexts(model), contract.noise(model)
    expected = model.log_prob(x, context), model.sample(noise=noise, context=context)
    dependencies, total = ar.dependencies(model), ar.total_probability(model)
    model = model.cuda()
    context = None if context is None else context.cuda()
    torch.testing.assert_close(model.log_prob(x.cuda(), context).cpu(), expected[0])
    for cache in (True, False):
        drawn = model.sample(noise=noise.cuda(), context=context, cache=cache).cpu()
        torch.testing.assert_close(drawn, expected[1], atol=1e-6, rtol=1e-6)
    assert torch.equal(ar.dependencies(model), dependencies)
    assert math.isclose(ar.total_probability(model), total, rel_tol=1e-9)
