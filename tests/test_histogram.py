"""The histogram: against numpy and counting by hand, at the edges, in every dtype, trained, saved, sampled."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

import armodels_lite as ar
from armodels_lite import Histogram

DTYPES = [torch.float32, torch.float64]
HALVES = [torch.float16, torch.bfloat16]
UNEVEN = [-3.0, -1.0, -0.4, 0.1, 0.7, 3.0]
TINY, ALMOST_ONE = 2.0**-24, 1 - 2.0**-24  # the ends of the noise grid


def bins(count: int = 5, low: float = -2.0, high: float = 3.0) -> ar.PiecewiseConstant:
    return ar.PiecewiseConstant(count, low, high)


def correlated(n: int, seed: int = 0) -> torch.Tensor:
    """Events (n, 2) inside (-3, 3), the two values far from independent; float64."""
    rng = np.random.default_rng(seed)
    first = rng.uniform(-2.9, 2.9, n)
    return torch.tensor(np.stack([first, 0.8 * first + rng.uniform(-0.5, 0.5, n)], 1))


def random_histogram(size: int, edges: list[float] = UNEVEN) -> Histogram:
    model = Histogram((size,), conditional=ar.PiecewiseConstant(edges)).double()
    with torch.no_grad():
        model.logits.normal_()
    return model


# -- counting -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2])
def test_counting_agrees_with_numpy(size: int) -> None:
    x = correlated(500)[:, :size].contiguous()
    model = Histogram((size,), conditional=ar.PiecewiseConstant(UNEVEN)).double()
    assert model.count(x) is model
    counts, _ = np.histogramdd(x.numpy(), [UNEVEN] * size)
    density, _ = np.histogramdd(x.numpy(), [UNEVEN] * size, density=True)
    assert model.probs.shape == (5,) * size
    np.testing.assert_allclose(model.probs, counts / 500, atol=1e-15)
    cells = tuple(np.digitize(x.numpy(), UNEVEN).T - 1)
    np.testing.assert_allclose(model.log_prob(x).exp().detach(), density[cells], rtol=1e-12)


def test_the_first_variable_is_the_first_axis() -> None:
    model = Histogram((2,), conditional=bins(2, 0.0, 2.0))
    model.count(torch.tensor([[0.5, 1.5], [0.5, 1.5], [1.5, 1.5], [0.5, 0.5]]))
    torch.testing.assert_close(model.probs, torch.tensor([[0.25, 0.5], [0.0, 0.25]]))


@pytest.mark.parametrize("pseudocount", [0.5, 1, 7.0])
def test_smoothing_adds_events_to_every_cell(pseudocount: float) -> None:
    model = Histogram((2,), conditional=bins(2, 0.0, 2.0)).double()
    x = torch.tensor([[0.5, 1.5], [0.5, 1.5], [1.5, 1.5]], dtype=torch.float64)
    found = model.count(x, pseudocount).probs
    k = torch.tensor([[0.0, 2.0], [0.0, 1.0]], dtype=torch.float64)
    torch.testing.assert_close(found, (k + pseudocount) / (3 + 4 * pseudocount))


def test_counting_forgets_what_was_there_before() -> None:
    model = Histogram((1,), conditional=bins(3, 0.0, 3.0))
    model.count(torch.tensor([[0.5], [1.5]])).count(torch.tensor([[2.5]]))
    assert model.probs.tolist() == [0.0, 0.0, 1.0]


def test_counting_maximises_the_likelihood() -> None:
    """No other masses give the counted data a higher likelihood."""
    x = correlated(200)
    model = Histogram((2,), conditional=ar.PiecewiseConstant(UNEVEN)).double().count(x)
    best = model.loss(x).item()
    for scale in (1e-3, 0.1, 1.0):
        other = copy.deepcopy(model)
        with torch.no_grad():
            other.logits.add_(scale * torch.randn(5, 5, dtype=torch.float64))
        assert other.loss(x).item() > best


# -- densities ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_edges_belong_to_the_bin_above_and_the_last_to_the_last_bin(dtype: torch.dtype) -> None:
    """As in PiecewiseConstant, also where an edge is no binary fraction."""
    model = Histogram((1,), conditional=ar.PiecewiseConstant(UNEVEN)).to(dtype)
    with torch.no_grad():
        model.logits.copy_(torch.tensor([0.1, 0.2, 0.3, 0.25, 0.15]).log())
    edges = model.edges
    around = [edges, *(edges.nextafter(torch.full_like(edges, end)) for end in (-9.0, 9.0))]
    x = torch.cat(around)
    expected = model.conditional.distribution(model.logits).log_prob(x)
    torch.testing.assert_close(model.log_prob(x.unsqueeze(1)), expected)
    assert model.count(edges.unsqueeze(1)).probs.tolist() == pytest.approx([1 / 6] * 4 + [2 / 6])


def test_outside_the_edges_the_density_is_zero() -> None:
    model = random_histogram(2)
    x = torch.tensor([[0.0, 3.001], [-3.001, 0.0], [9.0, -9.0], [3.0, -3.0]], dtype=torch.float64)
    log_prob = model.log_prob(x).detach()
    assert log_prob[:3].tolist() == [-math.inf] * 3 and math.isfinite(log_prob[3])


def test_an_empty_cell_is_impossible() -> None:
    model = Histogram((1,), conditional=bins(2, 0.0, 2.0)).count(torch.tensor([[0.5]]))
    assert model.log_prob(torch.tensor([[0.5], [1.5]])).tolist() == [0.0, -math.inf]


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("edges", [UNEVEN, [0.0, 1e-3, 40.0], [0.0, 1.0]])
def test_the_density_integrates_to_one(size: int, edges: list[float]) -> None:
    model = random_histogram(size, edges)
    assert ar.total_probability(model) == pytest.approx(1, abs=1e-12)
    assert ar.total_probability(model.float()) == pytest.approx(1, abs=1e-5)
    model.double().count(torch.zeros(1, size, dtype=torch.float64))  # all mass in one cell
    assert ar.total_probability(model) == pytest.approx(1, abs=1e-12)


def test_a_density_that_is_too_high_does_not() -> None:
    class Doubled(Histogram):
        def _log_prob(self, x: torch.Tensor, context: torch.Tensor | None = None) -> torch.Tensor:
            return super()._log_prob(x, context) + math.log(2)

    assert ar.total_probability(Doubled((2,), conditional=bins()).double()) == pytest.approx(2)


def test_too_many_cells_to_sum() -> None:
    model = Histogram((2,), conditional=bins(1025))
    with pytest.raises(ValueError, match=r"1025\^2 cells are too many to sum"):
        ar.total_probability(model)


@pytest.mark.parametrize("size", [1, 2])
def test_batches_of_one_and_of_none(size: int) -> None:
    model = random_histogram(size)
    x = correlated(6)[:, :size].contiguous()
    torch.testing.assert_close(model.log_prob(x[:1]), model.log_prob(x)[:1])
    assert model.log_prob(x[:0]).shape == (0,)
    assert model.sample(0).shape == (0, size) and model.sample(1).shape == (1, size)


def test_a_transposed_batch_is_read_right() -> None:
    model, x = random_histogram(2), correlated(50)
    torch.testing.assert_close(model.log_prob(x.T.contiguous().T), model.log_prob(x))


# -- training -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2])
def test_training_reaches_the_counted_optimum(size: int) -> None:
    x = correlated(300)[:, :size].float()
    counted = Histogram((size,), conditional=bins(4, -3.5, 3.5)).count(x)
    trained = Histogram((size,), conditional=bins(4, -3.5, 3.5))
    ar.fit(trained, x, epochs=300, batch_size=300, learning_rate=0.1, schedule="cosine")
    best = counted.loss(x).item()
    assert best - 1e-6 < trained.loss(x).item() < best + 1e-2
    torch.testing.assert_close(trained.probs, counted.probs, atol=5e-3, rtol=0)


def test_the_gradient_is_the_difference_of_masses() -> None:
    """d loss / d logits = model's masses - data's masses."""
    x, model = correlated(100), random_histogram(2)
    model.loss(x).backward()
    data = copy.deepcopy(model).count(x).probs
    torch.testing.assert_close(model.logits.grad, model.probs - data)


def test_counted_masses_can_be_trained_on() -> None:
    """A pseudocount keeps every weight finite; without one, training says that it needs finite weights."""
    first, then = torch.tensor([[0.5]]), torch.tensor([[0.5], [1.5], [2.5], [2.5]])
    model = Histogram((1,), conditional=bins(3, 0.0, 3.0)).count(first, pseudocount=0.1)
    ar.fit(model, then, epochs=150, batch_size=4, learning_rate=0.1, schedule="cosine")
    torch.testing.assert_close(model.probs, torch.tensor([0.25, 0.25, 0.5]), atol=5e-3, rtol=0)
    with pytest.raises(FloatingPointError, match="no longer finite"):
        ar.fit(model.count(first), first, epochs=1)


def test_its_likelihood_is_a_density() -> None:
    model = Histogram((2,), conditional=bins(2, 0.0, 2.0))
    found = ar.evaluate(model, torch.rand(10, 2))
    assert found.nats == pytest.approx(math.log(4)) and found.unit == "bits/dim (differential)"


# -- samples --------------------------------------------------------------------------------------------------------


def test_noise_becomes_values_by_the_chain_rule() -> None:
    """By hand: masses [[1, 1], [0, 2]] / 4; both rows are 1/2; the second row has only its last cell."""
    model = Histogram((2,), conditional=bins(2, 0.0, 2.0)).double()
    model.count(torch.tensor([[0.5, 0.5], [0.5, 1.5], [1.5, 1.5], [1.5, 1.5]], dtype=torch.float64))
    noise = torch.tensor(
        [[0.25, 0.25], [0.25, 0.75], [0.75, 0.25], [0.6, 0.9]], dtype=torch.float64
    )
    expected = [[0.5, 0.5], [0.5, 1.5], [1.5, 1.25], [1.2, 1.9]]
    np.testing.assert_allclose(model.sample(noise=noise), expected, atol=1e-12)


def test_one_variable_is_drawn_as_its_conditional_draws() -> None:
    model = random_histogram(1)
    noise = torch.linspace(0.001, 0.999, 101, dtype=torch.float64).unsqueeze(1)
    dist = model.conditional.distribution(model.logits.detach().expand(101, -1))
    torch.testing.assert_close(model.sample(noise=noise)[:, 0], dist.draw(noise[:, 0]))


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("dtype", DTYPES)
def test_samples_follow_the_masses(size: int, dtype: torch.dtype) -> None:
    model, n = random_histogram(size).to(dtype), 20_000
    x = model.sample(n, generator=torch.Generator().manual_seed(6))
    assert x.shape == (n, size) and x.dtype == dtype and not x.requires_grad
    counts, _ = np.histogramdd(x.double().numpy(), [UNEVEN] * size)
    expected = model.probs.double().numpy().ravel() * n
    expected *= counts.sum() / expected.sum()  # float32 sums to one up to rounding only
    assert counts.sum() == n and stats.chisquare(counts.ravel(), expected).pvalue > 1e-3


@pytest.mark.parametrize("dtype", [*DTYPES, *HALVES])
def test_cells_without_mass_are_never_drawn(dtype: torch.dtype) -> None:
    """The diagonal alone has mass, off two cells of it; uniforms at both ends and right beside the steps."""
    model = Histogram((2,), conditional=ar.PiecewiseConstant(UNEVEN)).to(dtype)
    with torch.no_grad():
        model.logits.fill_(-math.inf)
        model.logits.diagonal()[[0, 2, 4]] = torch.tensor([0.0, 1.0, 0.0], dtype=dtype)
    shares = model.probs.double().diagonal().cumsum(0).tolist()
    beside = [share + step for share in shares[:-1] for step in (-1e-9, -1e-16, 0, 1e-16, 1e-9)]
    u = torch.tensor([TINY, *beside, 0.3, ALMOST_ONE], dtype=torch.float64)
    x = model.sample(noise=torch.cartesian_prod(u, u))
    assert x.dtype == dtype and torch.isfinite(model.log_prob(x)).all()


def test_noise_is_left_alone_and_the_seed_repeats() -> None:
    model = random_histogram(2)
    noise = torch.rand(5, 2, dtype=torch.float64)
    before = noise.clone()
    assert torch.equal(model.sample(noise=noise), model.sample(5, noise=before))
    assert torch.equal(noise, before)
    seeded = [model.sample(4, generator=torch.Generator().manual_seed(k)) for k in (1, 1, 2)]
    assert torch.equal(seeded[0], seeded[1]) and not torch.equal(seeded[0], seeded[2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "say how many samples"),
        ({"n": -1}, "int of at least 0, got -1"),
        ({"n": 2.0}, "int of at least 0, got 2.0"),
        ({"n": 3, "noise": torch.full((2, 2), 0.5)}, "n is 3, but noise is for 2 samples"),
        ({"noise": torch.full((2, 1), 0.5)}, r"floats of shape \(2, 2\), got torch.float32 of"),
        ({"noise": torch.ones(2, 2).long()}, "floats of shape .*, got torch.int64"),
        ({"noise": torch.zeros(2, 2)}, "strictly between 0 and 1"),
        ({"noise": torch.full((2, 2), math.nan)}, "strictly between 0 and 1"),
        ({"noise": [[0.5, 0.5]]}, "noise must be a tensor .* got list"),
        ({"n": 2, "generator": 7}, "generator must be a torch.Generator, got int"),
    ],
    ids=str,
)
def test_noise_that_does_not_fit(arguments: dict, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        Histogram((2,), conditional=bins()).sample(**arguments)


def test_weights_that_are_nan_are_not_sampled() -> None:
    model = random_histogram(2)
    with torch.no_grad():
        model.logits[0, 0] = math.nan
    with pytest.raises(ValueError, match="weights that are NaN"):
        model.sample(3)


# -- what goes in ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event_shape", [(3,), (1, 1), (2, 2), (784,)])
def test_one_or_two_variables(event_shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"event shape \(1,\) or \(2,\), got"):
        Histogram(event_shape, conditional=bins())


@pytest.mark.parametrize(
    ("conditional", "error"),
    [
        (ar.Bernoulli(), ValueError),
        (ar.GaussianMixture(2), ValueError),
        (10, TypeError),
        (ar.PiecewiseConstant, TypeError),
    ],
    ids=repr,
)
def test_the_conditional_must_be_bins(conditional: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="conditional must be the bins.* got"):
        Histogram((1,), conditional=conditional)


def test_the_default_is_ten_bins_of_the_unit_interval() -> None:
    model = Histogram((1,))
    torch.testing.assert_close(model.edges, torch.linspace(0, 1, 11))
    torch.testing.assert_close(model.log_prob(torch.rand(4, 1)), torch.zeros(4))


@pytest.mark.parametrize("value", [3.5, -2.0625])
def test_values_outside_are_not_counted(value: float) -> None:
    model = Histogram((2,), conditional=bins())
    before = model.logits.clone()
    x = torch.tensor([[0.0, 1.0], [0.5, value]])
    with pytest.raises(ValueError, match=rf"the bins reach from -2.0 to 3.0, got {value}"):
        model.count(x)
    assert torch.equal(model.logits, before)


@pytest.mark.parametrize(
    ("n", "pseudocount"), [(0, 0.0), (0, 1.0), (3, -1.0), (3, math.inf), (3, math.nan)]
)
def test_what_cannot_be_counted(n: int, pseudocount: float) -> None:
    with pytest.raises(ValueError, match=rf"got {n} events and {pseudocount}"):
        Histogram((1,), conditional=bins()).count(torch.zeros(n, 1), pseudocount)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(3, 1), r"shape \(B, 2\), got \(3, 1\)"),
        (torch.zeros(2), r"shape \(B, 2\), got \(2,\)"),
        (torch.zeros(3, 2).double(), "float32 for this model, got torch.float64"),
        (torch.zeros(3, 2).long(), "float32 for this model, got torch.int64"),
        (torch.full((3, 2), math.nan), "finite values, got nan"),
        (torch.full((3, 2), math.inf), "finite values, got inf"),
        ([[0.0, 0.0]], "torch.Tensor, got list"),
    ],
    ids=str,
)
def test_events_that_do_not_fit(x: object, message: str) -> None:
    model = Histogram((2,), conditional=bins())
    for ask in (model.log_prob, model.loss, model.count):
        with pytest.raises((ValueError, TypeError), match=message):
            ask(x)


def test_it_takes_no_context_and_no_empty_loss() -> None:
    model = Histogram((1,), conditional=bins())
    with pytest.raises(ValueError, match="not conditional"):
        model.log_prob(torch.zeros(1, 1), torch.zeros(1).long())
    with pytest.raises(ValueError, match="batch is empty"):
        model.loss(torch.zeros(0, 1))


# -- sizes, dtypes, files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_free_parameters(size: int, count: int) -> None:
    model = Histogram((size,), conditional=bins(count))
    assert model.num_parameters() == count**size - 1
    assert f"{count**size - 1:,} parameters" in repr(model)


@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision(dtype: torch.dtype) -> None:
    """Weights and events are half; densities and the shares of the cells are computed in float32."""
    model = random_histogram(2).to(dtype)
    wide = copy.deepcopy(model).float()
    x = correlated(40).to(dtype)
    assert model.event_dtype == dtype
    assert model.log_prob(x).dtype == model.probs.dtype == model.edges.dtype == torch.float32
    assert torch.equal(model.log_prob(x), wide.log_prob(x.float()))
    noise = torch.rand(200, 2)
    drawn, reference = model.sample(noise=noise), wide.sample(noise=noise)
    assert drawn.dtype == dtype
    assert torch.equal(model.log_prob(drawn), wide.log_prob(reference))  # the same cells
    assert torch.allclose(drawn.float(), reference, atol=0.02)
    model.count(x)
    torch.testing.assert_close(model.probs, wide.count(x.float()).probs, atol=0.02, rtol=0)


@pytest.mark.parametrize("dtype", [*DTYPES, *HALVES])
@pytest.mark.parametrize("edges", [bins(3), ar.PiecewiseConstant(UNEVEN)], ids=repr)
def test_what_is_saved_comes_back(
    dtype: torch.dtype, edges: ar.PiecewiseConstant, tmp_path: Path
) -> None:
    model = Histogram((2,), conditional=edges).to(dtype)
    model.count(torch.tensor([[0.3, 0.4], [1.0, -1.0]], dtype=dtype))  # most cells are empty
    model.save_pretrained(tmp_path)
    loaded = ar.load_pretrained(tmp_path)
    assert type(loaded) is Histogram and loaded.conditional == edges and loaded.dtype == dtype
    assert loaded.num_parameters() == model.num_parameters()
    assert torch.equal(loaded.logits, model.logits) and torch.equal(loaded.edges, model.edges)


def test_edges_that_are_one_in_float32_are_refused() -> None:
    model, x = Histogram((1,), conditional=bins(100, 1000.0, 1000.001)), torch.full((3, 1), 1000.0)
    for use in (model.log_prob, model.count, lambda _: model.sample(2)):
        with pytest.raises(ValueError, match=r"torch.float32 cannot tell apart.*\.double\(\)"):
            use(x)
    assert ar.total_probability(model.double().count(x.double())) == pytest.approx(1)
