"""The judge of spoken digits: its spectra, its simple models and its search for copies, on sounds that we know."""

from __future__ import annotations

import importlib
import json
import math
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from scipy import stats
from scipy.signal import lfilter

import armodels_lite as ar
from armodels_lite.saving import SHIPPED
from armodels_lite.sound import inverse_mu_law, mu_law

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
RATE = 8000


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("spoken_digits")


@pytest.fixture
def simple(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("level_baselines")


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def tone(hertz: float, start: int, stop: int, size: int = 4096) -> np.ndarray:
    """Levels (1, size) of a sine wave from one sample to another, and silence around it."""
    at = np.arange(size)
    return mu_law(0.5 * np.sin(2 * math.pi * hertz / RATE * at) * ((at >= start) & (at < stop)))[
        None
    ]


# ---- spectra -----------------------------------------------------------------------------------------------


def test_mel_filters_are_triangles_that_cover_each_frequency(judge: ModuleType) -> None:
    filters = judge.mel_filters()
    assert filters.shape == (24, 129) and (filters.max(1) > 0).all()
    peaks = filters.argmax(1)
    assert (np.diff(peaks) > 0).all()
    # Each frequency between the first peak and the last belongs to two neighbours, by 1 in all.
    assert filters.sum(0)[peaks[0] + 1 : peaks[-1]] == pytest.approx(1)


@pytest.mark.parametrize("hertz", [300, 1000, 2500])
def test_a_tone_is_loudest_in_its_own_band(judge: ModuleType, hertz: int) -> None:
    spectrum = judge.log_mel(tone(hertz, 0, 4096))[0]
    assert spectrum.shape == (49, 24)
    band = judge.mel_filters()[:, round(hertz / RATE * 256)].argmax()
    assert (spectrum.argmax(1) == band).all()


def test_features_do_not_depend_on_when_the_word_is_said(judge: ModuleType) -> None:
    early, late = judge.features(np.concatenate([tone(700, 400, 2000), tone(700, 2000, 3600)]))
    longer, other = judge.features(np.concatenate([tone(700, 400, 3600), tone(2000, 400, 2000)]))
    assert early.shape == (24 * 24 + 1,)
    assert early == pytest.approx(late, abs=0.01)  # 20 frames later
    assert np.abs(early - other).mean() > 1
    assert longer[-1] == pytest.approx(early[-1] + 2)  # the length, in units of 10 frames


def test_noise_is_as_loud_as_asked_and_ends_with_the_recording(judge: ModuleType) -> None:
    x = tone(500, 0, 3000)
    hissing = judge.noisy(x, 20, rng())
    noise = (inverse_mu_law(hissing) - inverse_mu_law(x))[0]
    end = judge.sound_lengths(x)[0]
    assert (noise[end:] == 0).all()
    power = (inverse_mu_law(x)[0, :end] ** 2).mean() / (noise[:end] ** 2).mean()
    assert 10 * math.log10(power) == pytest.approx(20, abs=0.5)


def test_noise_follows_the_loudness(judge: ModuleType) -> None:
    samples = inverse_mu_law(judge.loud_noise(tone(500, 1000, 3000), rng()))[0]
    assert samples[1200:2800].std() == pytest.approx(0.5 / math.sqrt(2), rel=0.1)
    assert np.abs(samples[:800]).max() < 1e-3 > np.abs(samples[3200:]).max()


# ---- shares and means --------------------------------------------------------------------------------------


class Says:
    """A classifier that answers what it is told, whatever it hears."""

    def __init__(self, *answers: int) -> None:
        self.answers = np.array(answers)

    def predict(self, heard: np.ndarray) -> np.ndarray:
        return self.answers[: len(heard)]


def test_judged_counts_digits_speakers_and_confusions(judge: ModuleType) -> None:
    known = {"digit": (Says(3, 3, 1, 7), ""), "speaker": (Says(0, 2, 2, 5), "")}
    x, y = np.repeat(tone(500, 0, 2000), 4, 0), np.array([3, 23, 27, 57])
    found = judge.judged(known, x, y)
    assert found["digit"] == 0.75 and found["speaker"] == 1
    assert found["digit_se"] == pytest.approx(math.sqrt(0.75 * 0.25 / 4), abs=1e-4)
    # Of 4 x 4 pairs of a label and an answer 6 agree.
    assert found["digit_shuffled"] == pytest.approx(6 / 16, abs=0.07)
    confusion = np.array(found["confusion"])
    assert confusion[3, 3] == 2 and confusion[7, 1] == 1 and confusion[7, 7] == 1
    assert confusion.sum() == 4


def test_nats_per_level_are_a_ratio_of_sums(judge: ModuleType) -> None:
    counts = rng().integers(100, 200, 400).astype(float)
    nats = 2.5 * counts + rng().normal(size=400) * 10
    found = judge.per_level("sound", nats, counts)
    assert found["sound"] == pytest.approx(nats.sum() / counts.sum(), abs=1e-4)
    resampled = [
        nats[some].sum() / counts[some].sum()
        for some in np.random.default_rng(1).integers(0, 400, (500, 400))
    ]
    assert found["sound_se"] == pytest.approx(np.std(resampled), rel=0.15)


# ---- endings -----------------------------------------------------------------------------------------------


def test_where_the_sound_ends_and_whether_it_pauses(judge: ModuleType) -> None:
    x = np.full((4, 4096), 128)
    x[0, :1000] = 90
    x[1, 500:4096] = 90
    x[2, [0, 2000]] = 90
    assert judge.sound_lengths(x).tolist() == [1000, 4096, 2001, 0]
    assert judge.has_gap(x).tolist() == [False, False, True, False]


def test_endings_are_compared_with_the_recordings_of_the_class(judge: ModuleType) -> None:
    x = np.full((3, 4096), 128)
    x[0, :1000], x[1, :2000], x[2, :] = 90, 90, 90
    found = judge.endings(
        x, np.array([0, 1, 1]), np.array([900, 1100, 2500, 2700]), np.array([0, 0, 1, 1])
    )
    assert found["ends"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["in_range"] == pytest.approx(1 / 3, abs=1e-4)
    assert found["length_error"] == pytest.approx((0 + 600 + 1496) / 3, abs=0.1)


# ---- copies ------------------------------------------------------------------------------------------------


def test_a_copy_is_found_wherever_it_lies_and_however_loud(judge: ModuleType) -> None:
    noise = rng().normal(size=(3, 4096)) * 0.1
    recordings = mu_law(np.clip(noise, -1, 1))
    samples = inverse_mu_law(recordings).astype(np.float64)
    other = np.random.default_rng(1).normal(size=400)
    pieces = np.stack([0.3 * samples[1, 777:1177], -samples[2, 3696:], other])
    matches = judge.best_matches(pieces, recordings)
    assert matches[0] == pytest.approx(1, abs=1e-6)
    assert 0.1 < matches[1] < 0.4 and 0.1 < matches[2] < 0.4  # upside down is no copy
    stretches = np.lib.stride_tricks.sliding_window_view(samples, 400, axis=1)
    lengths = np.linalg.norm(stretches, axis=2) * np.linalg.norm(other)
    by_hand = ((stretches @ other) / lengths).max()
    assert matches[2] == pytest.approx(by_hand)


def test_pieces_are_those_that_sound(judge: ModuleType) -> None:
    pieces = judge.loud_pieces(tone(500, 800, 2000)[0], 400)
    assert pieces.shape == (3, 400)


# ---- simple models -----------------------------------------------------------------------------------------


def test_counted_models_are_distributions(simple: ModuleType) -> None:
    x = rng().integers(100, 140, (5, 300))
    counted = np.arange(300) < 250 * np.ones((5, 1))
    q, counts = simple.frequencies(x, counted), simple.pairs(x, counted)
    assert q.sum() == pytest.approx(1) and (q > 0).all()
    assert counts.sum() == 5 * 250
    assert counts[120, 121] == sum(
        (a, b) == (120, 121) for row in x for a, b in zip([128, *row[:249]], row[:250], strict=True)
    )
    rows = simple.bigram(counts, q, 10.0)
    assert rows.sum(1) == pytest.approx(1)
    assert rows[3] == pytest.approx(q)  # a level that never came before


def test_weights_of_an_autoregressive_process_are_found(simple: ModuleType) -> None:
    noise = rng().normal(size=(5, 4000))
    samples = lfilter([1.0], [1.0, -1.5, 0.8], noise)
    weights = simple.linear_weights(samples, np.ones(samples.shape, bool), 3)
    assert weights == pytest.approx([1.5, -0.8, 0], abs=0.02)
    residuals = samples - simple.predictions(samples, weights)
    assert residuals[:, 2:] == pytest.approx(noise[:, 2:], abs=0.3)


@pytest.mark.parametrize("kind", ["gaussian", "laplace"])
def test_a_density_over_levels_has_mass_1(simple: ModuleType, kind: str) -> None:
    levels = np.arange(256)
    mass = simple.interval_probs(levels, 0.1, 0.02, kind)
    assert mass.sum() == pytest.approx(1)
    # Counted: mu-law of many draws from the density.
    density = {"gaussian": stats.norm, "laplace": stats.laplace}[kind](0.1, 0.02)
    drawn = mu_law(density.rvs(200_000, random_state=0))
    assert np.bincount(drawn, minlength=256) / 200_000 == pytest.approx(mass, abs=3e-3)


def test_the_scale_follows_earlier_residuals_only(simple: ModuleType) -> None:
    residuals = rng().normal(size=(1, 50))
    loudness = simple.loudness(residuals, 0.9)[0]
    by_hand = [0.0]
    for r in residuals[0, :-1]:
        by_hand.append(0.9 * by_hand[-1] + 0.1 * abs(r))
    assert loudness == pytest.approx(np.array(by_hand))


def test_the_linear_predictor_is_a_distribution_given_the_past(simple: ModuleType) -> None:
    past, weights, q = rng().integers(90, 160, 30), np.array([0.9, -0.1]), np.full(256, 1 / 256)
    every = np.concatenate([np.tile(past, (256, 1)), np.arange(256)[:, None]], 1)
    for decay in (0.0, 0.95):
        last = simple.linear_log_prob(every, weights, q, ("laplace", 0.7, decay, 0.01))[:, -1]
        assert np.exp(last).sum() == pytest.approx(1)


# ---- the model ---------------------------------------------------------------------------------------------


def test_log_probs_by_level_add_up_to_those_of_the_recording(judge: ModuleType) -> None:
    torch.manual_seed(0)
    model = ar.WaveNet((20,), channels=4, layers=3, num_classes=60)
    x, y = torch.randint(0, 256, (5, 20)), torch.arange(5)
    found = judge.log_probs(model, x, y, batch=2)
    assert found.shape == (5, 20)
    assert found.sum(1) == pytest.approx(model.log_prob(x, y).detach().numpy(), rel=1e-5)


# ---- what is stored ----------------------------------------------------------------------------------------


def test_the_stored_figures_belong_to_the_checkpoint_that_ships() -> None:
    rows = ar.stored_results("spoken_digits")
    scores = json.loads((SHIPPED / "fsdd_wavenet" / "card.json").read_text(encoding="utf-8"))[
        "scores"
    ]
    wavenet = rows["likelihood, WaveNet"]
    assert wavenet["window"] == pytest.approx(scores["test"]["nats"] / 4096, abs=2e-4)
    others = [row for name, row in rows.items() if name.startswith("likelihood") and row != wavenet]
    assert len(others) == 6 and all(row["sound"] > wavenet["sound"] for row in others)


def test_the_stored_recogniser_hears_words_and_its_counts_agree() -> None:
    rows = ar.stored_results("spoken_digits")
    judged = {name: row for name, row in rows.items() if "confusion" in row}
    for name, row in judged.items():
        confusion = np.array(row["confusion"])
        assert confusion.sum() == row["recordings"], name
        assert np.trace(confusion) / row["recordings"] == pytest.approx(row["digit"], abs=1e-4)
        assert row["digit_shuffled"] == pytest.approx(0.1, abs=0.01), name
    assert judged["real recordings, test"]["digit"] > 0.95
    noise = judged["noise as loud as real recordings"]["digit"]
    assert all(row["digit"] > noise + 0.1 for name, row in judged.items() if "samples" in name)
