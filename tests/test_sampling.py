"""What goes into sampling: noise, temperature, filters, observed values; and what does not fit."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from random_weights import randomised

import armodels_lite as ar
from armodels_lite.distributions import uniform_noise


@pytest.fixture
def coins() -> ar.AutoregressiveModel:
    """Binary, 2x3 pixels in a random order."""
    return randomised(ar.NADE((1, 2, 3), hidden=5, ordering="random(1)"))


@pytest.fixture
def dice() -> ar.AutoregressiveModel:
    return randomised(ar.MADE((4,), hidden=(12,), conditional=ar.Categorical(5)))


@pytest.fixture
def reals() -> ar.AutoregressiveModel:
    return randomised(ar.FVSBN((3,), conditional=ar.GaussianMixture(2)))


# -- noise ----------------------------------------------------------------------------------------------------------


def test_default_noise_is_the_grid(coins: ar.AutoregressiveModel) -> None:
    noise = uniform_noise((50, 1, 2, 3), generator=torch.Generator().manual_seed(4))
    found = list(coins.sample_steps(50, generator=torch.Generator().manual_seed(4)))
    for step in found:
        assert torch.equal(step.u, noise.flatten(1)[:, step.position])
        assert (step.u.double() * 2**24 % 2 == 1).all()
    assert torch.equal(coins.sample(noise=noise), found[-1].x)


def test_a_seed_repeats_the_sample(coins: ar.AutoregressiveModel) -> None:
    one, other, different = (
        coins.sample(40, generator=torch.Generator().manual_seed(s)) for s in (3, 3, 4)
    )
    assert torch.equal(one, other) and not torch.equal(one, different)
    torch.manual_seed(8)
    first = coins.sample(40)
    torch.manual_seed(8)
    assert torch.equal(coins.sample(40), first)


def test_noise_is_indexed_by_position(coins: ar.AutoregressiveModel) -> None:
    """The uniform of a pixel is at its place, whenever it is drawn; every other value comes out as before."""
    noise = torch.rand(1, 1, 2, 3).clamp(0.01, 0.99)
    for step in coins.sample_steps(noise=noise):
        assert step.u.item() == noise.flatten()[step.position].item()
        assert step.position == coins.ordering[step.t].item()
        assert step.x.flatten()[step.position] == float(step.u < step.dist.probs)


def test_noise_at_observed_positions_is_consumed(coins: ar.AutoregressiveModel) -> None:
    """With half of the pixels observed the free ones keep their own uniforms, and the observed ones' do not matter."""
    observed, mask = torch.ones(30, 1, 2, 3), torch.rand(30, 1, 2, 3) < 0.5
    generator = torch.Generator().manual_seed(1)
    noise = uniform_noise((30, 1, 2, 3), generator=generator)
    drawn = coins.sample(
        30, generator=torch.Generator().manual_seed(1), observed=observed, mask=mask
    )
    assert torch.equal(drawn, coins.sample(noise=noise, observed=observed, mask=mask))
    other = torch.where(mask, 1 - noise, noise)
    assert torch.equal(drawn, coins.sample(noise=other, observed=observed, mask=mask))


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_noise_of_any_float(coins: ar.AutoregressiveModel, dtype: torch.dtype) -> None:
    noise = (torch.randint(1, 256, (20, 1, 2, 3)) / 256).to(dtype)  # exact in all of them
    assert torch.equal(coins.sample(noise=noise), coins.sample(noise=noise.float()))


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        (torch.zeros(2, 4), "strictly between 0 and 1"),
        (torch.ones(2, 4), "strictly between 0 and 1"),
        (torch.full((2, 4), math.nan), "strictly between 0 and 1"),
        (torch.full((2, 4), 1 - 1e-5).half(), "strictly between 0 and 1"),  # rounds to one
        (torch.ones(2, 4).long(), r"floats of shape \(2, 4\), got torch.int64"),
        (torch.full((2, 3), 0.5), r"shape \(2, 4\), got torch.float32 of \(2, 3\)"),
        (torch.full((4,), 0.5), "noise must be floats of shape"),
        (torch.tensor(0.5), "noise must be"),
        ([[0.5] * 4], "noise must be .*list"),
        (np.full((2, 4), 0.5), "noise must be .*ndarray"),
    ],
    ids=str,
)
def test_noise_that_does_not_fit(dice: ar.AutoregressiveModel, noise, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        dice.sample(noise=noise)
    with pytest.raises((ValueError, TypeError), match=message):
        dice.sample_steps(noise=noise)  # at the call, not at the first step


@pytest.mark.parametrize(
    ("n", "message"),
    [
        (None, "give n, or noise"),
        (-1, "int of at least 0, got -1"),
        (2.0, "int of at least 0, got 2.0"),
        ("2", "int of at least 0, got '2'"),
        (True, "int of at least 0, got True"),
    ],
)
def test_numbers_of_samples_that_make_no_sense(
    dice: ar.AutoregressiveModel, n, message: str
) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        dice.sample(n)


@pytest.mark.parametrize("n", [2, 0, -1, True, 1.0], ids=repr)
def test_n_must_agree_with_noise(dice: ar.AutoregressiveModel, n) -> None:
    with pytest.raises((ValueError, TypeError), match=rf"{n}"):
        dice.sample(n, noise=torch.full((1, 4), 0.5))
    assert dice.sample(1, noise=torch.full((1, 4), 0.5)).shape == (1, 4)


class Counter(ar.AutoregressiveModel):
    """p(x_t = 1) grows with the number of ones before; what it sums with is made when first needed, and kept."""

    def __init__(self, event_shape: tuple[int, ...]) -> None:
        super().__init__(event_shape)
        self.slope = torch.nn.Parameter(torch.tensor(0.5))
        self.earlier = None

    def params(self, x: torch.Tensor, context: torch.Tensor | None = None) -> torch.Tensor:
        if self.earlier is None:
            self.earlier = torch.ones(x.shape[1], x.shape[1], dtype=x.dtype).triu(1)
        return (self.slope * (x @ self.earlier)).unsqueeze(-1)


class CounterDecoder(ar.Decoder):
    """One of one's own, which also lists the values that it is given."""

    state = ("x", "ones")

    def _start(self) -> None:
        self.ones, self.seen = torch.zeros(self.n, dtype=self.x.dtype), []

    def step(self, x_t: torch.Tensor) -> None:
        self.seen.append(x_t)
        super().step(x_t)

    def _params(self) -> torch.Tensor:
        return (self.model.slope * self.ones).unsqueeze(-1)

    def _observed(self, x_t: torch.Tensor) -> None:
        assert x_t.dtype == self.x.dtype
        self.ones = self.ones + x_t


def test_a_model_that_keeps_a_tensor_trains_after_sampling() -> None:
    """Nothing that sampling leaves behind is a tensor of inference mode, with which nothing can be trained."""
    model = Counter((4,))
    drawn = model.sample(3)
    assert not drawn.is_inference() and not model.earlier.is_inference()
    model.loss(drawn).backward()
    with torch.inference_mode():
        model.sample(3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_sample_takes_the_steps_of_ones_own_decoder(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    """`step` is called for every variable, with values of the model's dtype, as `sample_steps` does."""
    decoders = []

    def cached_decoder(model: Counter, n: int, context: torch.Tensor | None) -> ar.Decoder:
        decoders.append(CounterDecoder(model, n, context))
        return decoders[-1]

    monkeypatch.setattr(Counter, "cached_decoder", cached_decoder)
    model, noise = Counter((5,)).to(dtype), uniform_noise((30, 5))
    drawn = model.sample(noise=noise)
    *_, last = model.sample_steps(noise=noise)
    assert torch.equal(drawn, last.x) and drawn.dtype == dtype
    assert torch.equal(torch.stack(decoders[0].seen, 1), drawn)


# -- temperature and filters ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "temperature", [0, 0.0, -1, math.nan, math.inf, "1", None, torch.tensor(1.0), True], ids=repr
)
def test_temperatures_that_make_no_sense(dice: ar.AutoregressiveModel, temperature) -> None:
    with pytest.raises((ValueError, TypeError), match="temperature must be a positive number, got"):
        dice.sample(1, temperature=temperature)


def test_a_low_temperature_takes_the_mode(
    coins: ar.AutoregressiveModel, dice: ar.AutoregressiveModel
) -> None:
    for model in (coins, dice):
        for step in model.sample_steps(20, temperature=1e-4):
            assert step.dist.level_log_probs().exp().max(-1).values.min() > 0.99
        assert len(model.sample(20, temperature=1e-4).unique(dim=0)) == 1


def test_a_high_temperature_flattens(dice: ar.AutoregressiveModel) -> None:
    for step in dice.sample_steps(3, temperature=1e6):
        torch.testing.assert_close(step.dist.probs, torch.full((3, 5), 0.2), atol=1e-4, rtol=0)


def test_steps_show_what_was_drawn_from(
    dice: ar.AutoregressiveModel, reals: ar.AutoregressiveModel
) -> None:
    """Tempered first, then filtered."""
    noise = torch.full((2, 4), 0.5)
    plain, adjusted = (
        next(dice.sample_steps(noise=noise, **options)).dist.probs[0]
        for options in ({}, {"temperature": 0.5, "filter": ar.top_k(2)})
    )
    expected = plain.square() * (plain >= plain.sort().values[-2])
    torch.testing.assert_close(adjusted, expected / expected.sum())
    assert (adjusted > 0).sum() == 2
    first, cold = (next(reals.sample_steps(1, temperature=t)).dist.params for t in (1.0, 0.25))
    torch.testing.assert_close(cold[:, 0] - cold[:, 1], 4 * (first[:, 0] - first[:, 1]))
    torch.testing.assert_close(cold[:, 2:4], first[:, 2:4])
    torch.testing.assert_close(cold[:, 4:], first[:, 4:] - math.log(2))


def test_the_temperature_comes_before_the_filter(dice: ar.AutoregressiveModel) -> None:
    """For top_p the order matters: a flatter distribution has a larger nucleus."""
    noise = torch.full((1, 4), 0.5)
    plain = next(dice.sample_steps(noise=noise)).dist
    levels = plain.probs[0].sort(descending=True).values
    keep = ar.top_p(0.99 * levels[0].item())  # one level, untempered
    tempered_first = plain.tempered(20.0).filtered(keep).probs
    filtered_first = plain.filtered(keep).tempered(20.0).probs
    found = next(dice.sample_steps(noise=noise, temperature=20.0, filter=keep)).dist.probs
    torch.testing.assert_close(found, tempered_first)
    assert (found > 0).sum() > (filtered_first > 0).sum()


def test_nan_weights_are_refused() -> None:
    model = ar.NADE((3,), hidden=2)
    with torch.no_grad():
        model.c[0] = torch.nan
    with pytest.raises(ValueError, match="weights that are NaN"):
        model.sample(2)


@pytest.mark.parametrize("keep", [ar.top_k(1), ar.top_p(0.01)])
def test_filters_restrict_samples(
    dice: ar.AutoregressiveModel, coins: ar.AutoregressiveModel, keep
) -> None:
    for model in (dice, coins):
        sample = model.sample(100, filter=keep)
        assert len(sample.unique(dim=0)) == 1 and sample.dtype == model.event_dtype


def test_steps_of_a_filtered_binary_model(coins: ar.AutoregressiveModel) -> None:
    for step in coins.sample_steps(5, filter=ar.top_p(0.9)):
        assert step.dist.probs.shape == (5,)
        drawn = step.x.flatten(1)[:, step.position]
        assert torch.isfinite(step.dist.log_prob(drawn)).all()


def test_filters_need_levels(reals: ar.AutoregressiveModel) -> None:
    with pytest.raises(
        ValueError, match="needs discrete variables, and this model has GaussianMixture"
    ):
        reals.sample(1, filter=ar.top_k(2))


@pytest.mark.parametrize("keep", [5, "top_k", (40,)], ids=repr)
def test_a_filter_is_a_function(dice: ar.AutoregressiveModel, keep) -> None:
    with pytest.raises((ValueError, TypeError), match="filter must be"):
        dice.sample_steps(1, filter=keep)


def test_unknown_options_are_refused(dice: ar.AutoregressiveModel) -> None:
    with pytest.raises(TypeError, match="temp"):
        dice.sample(1, temp=0.5)
    with pytest.raises((ValueError, TypeError), match="generator"):
        dice.sample(1, generator=5)


# -- completion -----------------------------------------------------------------------------------------------------


def test_completion_keeps_what_is_observed(dice: ar.AutoregressiveModel) -> None:
    observed, mask = torch.randint(5, (200, 4)), torch.rand(200, 4) < 0.5
    noise = uniform_noise((200, 4))
    completed = dice.sample(noise=noise, observed=observed, mask=mask)
    assert torch.equal(completed[mask], observed[mask])
    for options in ({"temperature": 1e-3}, {"filter": ar.top_k(1)}):  # also where it is improbable
        assert torch.equal(
            dice.sample(noise=noise, observed=observed, mask=mask, **options)[mask], observed[mask]
        )
    none, every = torch.zeros_like(mask), torch.ones_like(mask)
    assert torch.equal(
        dice.sample(noise=noise, observed=observed, mask=none), dice.sample(noise=noise)
    )
    assert torch.equal(dice.sample(noise=noise, observed=observed, mask=every), observed)


def test_a_drawn_value_depends_on_the_values_before_it_only(dice: ar.AutoregressiveModel) -> None:
    """Observing the last variable changes nothing before it; observing the first does."""
    noise = uniform_noise((300, 4))
    plain = dice.sample(noise=noise)
    observed = (plain + 1) % 5
    last = torch.tensor([False, False, False, True]).expand(300, 4)
    assert torch.equal(dice.sample(noise=noise, observed=observed, mask=last)[:, :3], plain[:, :3])
    first = last.flip(1)
    assert not torch.equal(
        dice.sample(noise=noise, observed=observed, mask=first)[:, 1:], plain[:, 1:]
    )


def test_what_is_not_observed_may_be_anything(coins: ar.AutoregressiveModel) -> None:
    observed, mask = torch.full((3, 1, 2, 3), math.nan), torch.zeros(3, 1, 2, 3, dtype=torch.bool)
    observed[..., 0], mask[..., 0] = 1.0, True
    assert not coins.sample(3, observed=observed, mask=mask).isnan().any()


OBSERVED, MASK = torch.zeros(2, 4).long(), torch.ones(2, 4).bool()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"observed": OBSERVED}, "both observed and mask"),
        ({"mask": MASK}, "both observed and mask"),
        (
            {"observed": OBSERVED.float(), "mask": MASK},
            "observed must be torch.int64 .*, got torch.float32",
        ),
        (
            {"observed": OBSERVED, "mask": MASK.float()},
            "mask must be torch.bool for this model, got torch.float32",
        ),
        ({"observed": OBSERVED[:1], "mask": MASK[:1]}, "must hold 2 events, got 1 and 1"),
        ({"observed": OBSERVED, "mask": MASK[:1]}, "must hold 2 events, got 2 and 1"),
        (
            {"observed": OBSERVED[:, :3], "mask": MASK[:, :3]},
            r"observed must have shape \(B, 4\), got \(2, 3\)",
        ),
        ({"observed": OBSERVED, "mask": MASK[0]}, r"mask must have shape \(B, 4\), got \(4,\)"),
        ({"observed": OBSERVED + 5, "mask": MASK}, "levels 0 to 4, got 5"),
        (
            {"observed": OBSERVED.tolist(), "mask": MASK},
            "observed must be a torch.Tensor, got list",
        ),
        ({"observed": OBSERVED, "mask": True}, "mask must be a torch.Tensor, got bool"),
    ],
)
def test_completions_that_do_not_fit(
    dice: ar.AutoregressiveModel, options: dict, message: str
) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        dice.sample(2, **options)
