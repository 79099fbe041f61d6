"""The WaveNet that says digits, judged: are its samples the digit asked for, and how likely are real recordings to it?

    python benchmarks/spoken_digits.py [PART ...]     # recogniser, samples, likelihood, baselines; all unless
                                                      # named: about five minutes on one core

- recogniser: classifiers of the digit and of the speaker, trained on the real recordings of the training part alone,
  and what they make of recordings that are not samples.
- samples: four of each speaker and digit, at three temperatures, judged by these classifiers; where they end; and
  whether they are copies of the training recordings.
- likelihood: nats per level of the test recordings, with the right class and with a wrong one; and the digit that
  Bayes' rule finds.
- baselines: the same of simple models.

Writes what it found, row by row, where `armodels_lite.stored_results("spoken_digits")` finds it. Standard errors are
over recordings.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from level_baselines import baselines
from scipy.fft import irfft, next_fast_len, rfft
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import armodels_lite as ar
from armodels_lite.data.results import FOLDER
from armodels_lite.sound import inverse_mu_law, mu_law

RESULTS = Path(str(FOLDER)) / "spoken_digits.json"
CHECKPOINT = "fsdd_wavenet"
RATE, SILENCE = 8000, 128  # samples a second, and the level of silence
FRAME, HOP, FFT, BANDS = 200, 80, 256, 24  # windows of 25 ms, every 10 ms
SOFTEST, FRAMES = 1e-3, 24  # power added to every band; frames that a word is stretched to
NOISE = (
    10,
    40,
)  # decibels below the recording, of the noise in the second copy that is learnt from
TEMPERATURES, TAKES = (1.0, 0.9, 0.8), 4
ENDED, GAP = 40, 400  # levels of silence that are an end (5 ms), and a gap (50 ms)
PIECES = {"50 ms": 400, "200 ms": 1600}  # what a copy is looked for in
BAYES = 60  # recordings that the model itself classifies


# ---- a recogniser ------------------------------------------------------------------------------------------


def mel_filters(bands: int = BANDS, lowest: float = 60.0) -> np.ndarray:
    """Triangles over the frequencies of the Fourier transform, equally far apart in mel, (bands, FFT / 2 + 1)."""
    ends = 2595 * np.log10(1 + np.array([lowest, RATE / 2]) / 700)
    edges = 700 * (10 ** (np.linspace(*ends, bands + 2) / 2595) - 1)
    left, peak, right = (edges[k : k + bands, None] for k in range(3))
    hertz = np.fft.rfftfreq(FFT, 1 / RATE)
    return np.clip(
        np.minimum((hertz - left) / (peak - left), (right - hertz) / (right - peak)), 0, 1
    )


def log_mel(x: np.ndarray) -> np.ndarray:
    """Levels of mu-law (N, T) as log power in mel bands, (N, frames, bands)."""
    samples = inverse_mu_law(x).astype(np.float64)
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME, axis=1)[:, ::HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(FRAME), FFT)) ** 2
    return np.log(power @ mel_filters().T + SOFTEST)


def features(x: np.ndarray) -> np.ndarray:
    """The word alone, stretched to 24 frames, and how long it was: (N, 24 * 24 + 1).

    The word goes from the first frame to the last with at least a thousandth of the power of the loudest one.
    """
    rows = []
    for spectrum in log_mel(x):
        power = np.exp(spectrum).sum(1)
        heard = np.flatnonzero(power >= power.max() / 1000)
        at = np.linspace(heard[0], heard[-1], FRAMES)
        frames = np.arange(len(spectrum))
        word = [np.interp(at, frames, band) for band in spectrum.T]
        rows.append(np.append(np.concatenate(word), (heard[-1] - heard[0]) / 10))
    return np.stack(rows)


def best_classifier(train: tuple, valid: tuple) -> tuple[object, str]:
    """Of three classifiers trained on (features, labels) the one that is right most often on the valid ones."""
    known = {
        "logistic regression, C = 0.01": LogisticRegression(C=0.01, max_iter=300),
        "support vectors, C = 3": SVC(C=3),
        "support vectors, C = 10": SVC(C=10),
    }
    fitted = {k: make_pipeline(StandardScaler(), rule).fit(*train) for k, rule in known.items()}
    name = max(fitted, key=lambda k: fitted[k].score(*valid))
    return fitted[name], name


@functools.cache
def recognisers(data: ar.data.SoundData) -> dict[str, tuple[object, str]]:
    """For "digit" and "speaker" the best classifier and its name.

    Each training recording is learnt from twice, as it is and with white noise: samples hiss, and a judge that is
    thrown by a little hiss would say nothing about the rest.
    """
    rng = np.random.default_rng(0)
    x, y = data.train.x.numpy(), data.train.y.numpy()
    hissing = noisy(x, rng.uniform(*NOISE, (len(x), 1)), rng)
    heard, labels = np.concatenate([features(x), features(hissing)]), np.concatenate([y, y])
    valid = features(data.valid.x.numpy()), asked(data.valid.y.numpy())
    return {
        what: best_classifier((heard, asked(labels)[what]), (valid[0], valid[1][what]))
        for what in ("digit", "speaker")
    }


def asked(y: np.ndarray) -> dict[str, np.ndarray]:
    """Digit and speaker of classes 10 speaker + digit."""
    return {"digit": y % 10, "speaker": y // 10}


def judged(known: dict[str, tuple[object, str]], x: np.ndarray, y: np.ndarray) -> dict:
    """How often the recognisers take x for what y says, with its standard error, and the digits confused.

    "..._shuffled" is the mean share over 100 shuffles of the labels. Row d of "confusion" says how often digit d was
    taken for each of the ten.
    """
    found, heard, rng = {"recordings": len(x)}, features(x), np.random.default_rng(0)
    for what, labels in asked(y).items():
        taken = known[what][0].predict(heard)
        found |= share(what, taken == labels)
        chance = np.mean([taken == rng.permutation(labels) for _ in range(100)])
        found[f"{what}_shuffled"] = round(float(chance), 4)
        if what == "digit":
            counts = np.bincount(10 * labels + taken, minlength=100)
            found["confusion"] = counts.reshape(10, 10).tolist()
    return found


def share(name: str, right: np.ndarray) -> dict[str, float]:
    """The share that is right, and its standard error."""
    p = float(np.mean(right))
    return {name: round(p, 4), f"{name}_se": round((p * (1 - p) / len(right)) ** 0.5, 4)}


def rows_of_recogniser(data: ar.data.SoundData) -> dict[str, dict]:
    """Real validation recordings and, made of test recordings, some with noise and some that are noise alone."""
    known = recognisers(data)
    names = {f"{what}_classifier": name for what, (_, name) in known.items()}
    x, y = data.test.x.numpy(), data.test.y.numpy()
    rng = np.random.default_rng(0)
    return {
        "real recordings, valid": judged(known, data.valid.x.numpy(), data.valid.y.numpy()) | names,
        "real recordings, 20 dB of noise": judged(known, noisy(x, 20, rng), y),
        "noise as loud as real recordings": judged(known, loud_noise(x, rng), y),
    }


def noisy(x: np.ndarray, decibels: float | np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Levels (N, T) with white noise, so much softer than each recording; the silence after its end stays silent."""
    samples = inverse_mu_law(x).astype(np.float64)
    sounds = np.arange(x.shape[1]) < sound_lengths(x)[:, None]
    power = (samples**2).sum(1, keepdims=True) / sounds.sum(1, keepdims=True)
    noise = rng.normal(size=x.shape) * np.sqrt(power / 10 ** (decibels / 10))
    return mu_law(np.clip(samples + noise * sounds, -1, 1))


def loud_noise(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """White noise with the loudness of each recording from moment to moment: a word without its sounds."""
    samples = inverse_mu_law(x).astype(np.float64)
    window = np.hanning(FRAME)
    power = np.stack([np.convolve(row**2, window / window.sum(), "same") for row in samples])
    return mu_law(np.clip(rng.normal(size=x.shape) * np.sqrt(np.maximum(power, 0)), -1, 1))


# ---- samples -----------------------------------------------------------------------------------------------


def drawn(model: ar.AutoregressiveModel, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """TAKES samples of each class, and the classes. Each temperature draws from the same noise."""
    classes = torch.arange(model.num_classes)
    takes = [
        model.sample(
            len(classes),
            context=classes,
            temperature=temperature,
            generator=torch.Generator().manual_seed(take),
        )
        for take in range(TAKES)
    ]
    return torch.cat(takes).numpy(), classes.repeat(TAKES).numpy()


def sound_lengths(x: np.ndarray) -> np.ndarray:
    """(N,): how many levels come before the silence that lasts to the end."""
    sounds = x != SILENCE
    return np.where(sounds.any(1), x.shape[1] - sounds[:, ::-1].argmax(1), 0)


def has_gap(x: np.ndarray) -> np.ndarray:
    """(N,): whether 50 ms of silence lie between the first sound and the last."""
    found = []
    for row in x:
        at = np.flatnonzero(row != SILENCE)
        found.append(bool(np.any(np.diff(at) > GAP)))
    return np.array(found)


def endings(x: np.ndarray, y: np.ndarray, lengths: np.ndarray, classes: np.ndarray) -> dict:
    """Whether recordings x of classes y end as those of the training do, of these `lengths` and `classes`.

    Returns:
        "ends": share with silence at the end; "in_range": with a length between the shortest and the longest of the
        class; "gap": with silence in between; "length": mean; "length_error": mean distance from the class's mean.
    """
    of_class = [lengths[classes == k] for k in range(classes.max() + 1)]
    shortest, mean, longest = np.array([(v.min(), v.mean(), v.max()) for v in of_class]).T
    own = sound_lengths(x)
    within = (own >= shortest[y]) & (own <= longest[y])
    return {
        **share("ends", own <= x.shape[1] - ENDED),
        **share("in_range", within),
        **share("gap", has_gap(x)),
        "length": round(float(own.mean()), 1),
        "length_error": round(float(np.abs(own - mean[y]).mean()), 1),
    }


# ---- copies ------------------------------------------------------------------------------------------------


def loud_pieces(x: np.ndarray, length: int) -> np.ndarray:
    """Pieces of one recording (T,), side by side, with at least a tenth of the energy of the loudest: (P, length)."""
    samples = inverse_mu_law(x).astype(np.float64)
    pieces = samples[: len(samples) // length * length].reshape(-1, length)
    energy = (pieces**2).sum(1)
    return pieces[energy >= energy.max() / 10]


def best_matches(pieces: np.ndarray, recordings: np.ndarray) -> np.ndarray:
    """For each piece (P, L) the highest correlation with a stretch of any recording (M, T), from -1 to 1: (P,).

    1 for a copy, whatever its loudness: sum(a b) / sqrt(sum(a^2) sum(b^2)).
    """
    length, samples = pieces.shape[1], inverse_mu_law(recordings).astype(np.float64)
    size = next_fast_len(samples.shape[1], real=True)
    total = np.cumsum(np.pad(samples**2, ((0, 0), (1, 0))), 1)
    energy = np.maximum(total[:, length:] - total[:, :-length], 1e-4 * length)
    spectra, best = rfft(samples, size), []
    for piece in pieces:
        products = irfft(spectra * np.conj(rfft(piece, size)), size)[:, : energy.shape[1]]
        best.append((products / np.sqrt(energy * (piece**2).sum())).max())
    return np.array(best)


def copying(x: np.ndarray, y: np.ndarray, train: ar.data.Split) -> dict:
    """How like the nearest stretch of a training recording of its class each recording is: its pieces' mean."""
    stored = {k: train.x[train.y == k].numpy() for k in np.unique(y)}
    found = {}
    for name, length in PIECES.items():
        matches = [
            best_matches(loud_pieces(row, length), stored[k]).mean()
            for row, k in zip(x, y, strict=True)
        ]
        found[name] = {
            "median": round(float(np.median(matches)), 4),
            "largest": round(float(np.max(matches)), 4),
        }
    return {"nearest": found}


def rows_of_samples(data: ar.data.SoundData) -> dict[str, dict]:
    """Samples at each temperature, and the test recordings."""
    model, known = ar.load_pretrained(CHECKPOINT), recognisers(data)
    lengths, classes = data.lengths["train"].numpy(), data.train.y.numpy()
    rows = {}
    for temperature in TEMPERATURES:
        x, y = drawn(model, temperature)
        name = f"samples, temperature {temperature}"
        rows[name] = judged(known, x, y) | endings(x, y, lengths, classes)
        rows[name] |= copying(x, y, data.train)
    x, y = data.test.x.numpy(), data.test.y.numpy()
    ends, copies = endings(x, y, lengths, classes), copying(x, y, data.train)
    return rows | {"real recordings, test": judged(known, x, y) | ends | copies}


# ---- likelihood --------------------------------------------------------------------------------------------


@torch.no_grad()
def log_probs(
    model: ar.AutoregressiveModel, x: torch.Tensor, y: torch.Tensor, batch: int = 10
) -> np.ndarray:
    """Log-probability of each level given those before it and the class, (N, T)."""
    parts = zip(x.split(batch), y.split(batch), strict=True)
    return np.concatenate([model(a, b).log_prob(a).double().numpy() for a, b in parts])


def per_level(name: str, nats: np.ndarray, counts: np.ndarray) -> dict[str, float]:
    """Nats per level from the nats and the number of levels of each recording, with the standard error of a ratio."""
    mean = nats.sum() / counts.sum()
    error = np.std(nats - mean * counts, ddof=1) / (len(nats) ** 0.5 * counts.mean())
    return {name: round(float(mean), 4), f"{name}_se": round(float(error), 4)}


def sounding(data: ar.data.SoundData, part: str) -> np.ndarray:
    """(N, T): what belongs to the recording, and not to the silence that fills the window."""
    return (torch.arange(data.event_shape[0]) < data.lengths[part].unsqueeze(1)).numpy()


def scores(found: np.ndarray, sounds: np.ndarray) -> dict[str, float]:
    """Nats per level of log-probabilities (N, T), where there is sound and over the whole window."""
    whole = np.full(len(found), found.shape[1])
    return {
        **per_level("sound", -(found * sounds).sum(1), sounds.sum(1)),
        **per_level("window", -found.sum(1), whole),
    }


def rows_of_baselines(data: ar.data.SoundData) -> dict[str, dict]:
    """The simple models, each fitted twice: to what sounds, and to whole windows."""
    x, sounds, rows = data.test.x.numpy(), sounding(data, "test"), {}
    for name in ("sound", "window"):
        parts = []
        for part in ("train", "valid"):
            levels, heard = getattr(data, part).x.numpy(), sounding(data, part)
            parts.append((levels, heard if name == "sound" else np.ones_like(heard)))
        for label, (found, chosen) in baselines(*parts, x).items():
            own = {k: v for k, v in scores(found, sounds).items() if k.startswith(name)}
            rows.setdefault(f"likelihood, {label}", {}).update(own | {f"{name}_chosen": chosen})
    return rows


def rows_of_likelihood(data: ar.data.SoundData) -> dict[str, dict]:
    """The model with the right class, a wrong digit and a wrong speaker; and Bayes' rule."""
    model, (x, y) = ar.load_pretrained(CHECKPOINT), (data.test.x, data.test.y)
    sounds, generator = sounding(data, "test"), torch.Generator().manual_seed(0)
    own = log_probs(model, x, y)
    rows = {"likelihood, WaveNet": scores(own, sounds)}
    more = torch.randint(1, 10, y.shape, generator=generator)
    others = {
        "digit": 10 * (y // 10) + (y + more) % 10,
        "speaker": (y + 10 * (1 + more % 5)) % 60,
    }
    for what, other in others.items():
        wrong = log_probs(model, x, other)
        gap = ((own - wrong) * sounds).sum(1)
        rows[f"likelihood, WaveNet, wrong {what}"] = {
            **scores(wrong, sounds),
            **per_level("more", gap, sounds.sum(1)),
            **share("own_is_likelier", gap > 0),
        }
    some = torch.randperm(len(x), generator=generator)[:BAYES]
    each = [log_probs(model, x[some], 10 * (y[some] // 10) + digit).sum(1) for digit in range(10)]
    right = np.argmax(each, 0) == (y[some] % 10).numpy()
    rows["digit by Bayes' rule, WaveNet"] = {"recordings": BAYES, **share("digit", right)}
    return rows


PARTS = {
    "recogniser": rows_of_recogniser,
    "samples": rows_of_samples,
    "likelihood": rows_of_likelihood,
    "baselines": rows_of_baselines,
}


def main(parts: list[str]) -> None:
    data = ar.load("fsdd", voices=True)
    for part in parts:
        started, cpu = time.perf_counter(), time.process_time()
        found = PARTS[part](data)
        stored = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
        lines = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in (stored | found).items()]
        RESULTS.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
        seconds = time.perf_counter() - started, time.process_time() - cpu
        for name, row in found.items():
            print(f"{name}: {row}")
        print("{}: {:.0f} s, {:.0f} s of the processor".format(part, *seconds), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or list(PARTS))
