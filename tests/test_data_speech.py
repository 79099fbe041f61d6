"""Spoken digits: an archive of our own in their format, what is refused, and the real one where it is at hand."""

from __future__ import annotations

import io
import wave
import zipfile
from dataclasses import replace
from hashlib import sha256

import data_server
import numpy as np
import pytest
import torch

import armodels_lite.data as data
from armodels_lite import sound
from armodels_lite.data import speech

here, serve = data_server.here, data_server.serve  # fixtures

FOLDER = "free-spoken-digit-dataset-1.0.10/"
RELEASE = "45a9b976ba3397a2fd5c70a9f2e43c34f442a3a6be47392ecfc41174b678f37e"


def length(digit: int, speaker: int) -> int:
    return 10 + digit + 10 * speaker


def wav(samples: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def recordings() -> dict[str, bytes]:
    """Of each recording the length tells its digit and its speaker, and the first sample its number.

    The loudest sample is the last but one. The first is minus number / 100 of it.
    """
    files = {}
    for digit in range(10):
        for speaker, name in enumerate(speech.SPEAKERS):
            for number in range(50):
                samples = np.zeros(length(digit, speaker))
                loudest = 100 * (1 + speaker * 60)
                samples[0], samples[-2] = -number * loudest / 100, loudest
                files[f"{digit}_{name}_{number}.wav"] = wav(samples)
    return files


def zipped(files: dict[str, bytes], folder: str = FOLDER + "recordings/", **options) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as archive:
        for name, content in files.items():
            archive.writestr(folder + name, content)
        archive.writestr(FOLDER + "README.md", "Spoken digits.")
        archive.writestr(FOLDER + "acquire_data/0_george_0.wav", "not one of the recordings")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return recordings()


@pytest.fixture
def register(serve, files, monkeypatch):
    """`register(archive)` lets our server give this archive; what counts is the SHA-256 of the right recordings."""
    digest = sha256(b"".join(name.encode() + files[name] for name in sorted(files))).hexdigest()

    def put(archive: bytes, **options) -> None:
        entry = data.registry()["fsdd"]
        urls = serve("v1.0.10.zip", archive, **options).urls
        file = replace(entry.remote[0], sha256=digest, urls=urls)
        monkeypatch.setitem(data.REGISTRY, "fsdd", replace(entry, remote=(file,)))

    return put


# ---- what is loaded ----------------------------------------------------------------------------------------------


def test_parts_are_those_that_the_publisher_names(register, files):
    register(zipped(files))
    fsdd = data.load("fsdd", window=70)
    for part, numbers in (("train", range(10, 50)), ("valid", range(5, 10)), ("test", range(5))):
        split = getattr(fsdd, part)
        assert len(split) == 60 * len(numbers) and split.x.dtype == split.y.dtype == torch.int64
        assert split.y.bincount().tolist() == [len(split) // 10] * 10
        expected = length(split.y, fsdd.speakers[part])
        assert torch.equal(fsdd.lengths[part], expected) and fsdd.lengths[part].dtype == torch.int64
        first = sound.mu_law(-0.9 * np.repeat(numbers, 60) / 100)
        assert split.x[:, 0].tolist() == first.tolist()
    assert fsdd.test.y[:11].tolist() == [*range(10), 0]
    assert fsdd.speakers["test"][::10][:7].tolist() == [0, 1, 2, 3, 4, 5, 0]
    assert fsdd.speaker_names[5] == "yweweler" and fsdd.rate == 8000


def test_all_are_equally_loud_and_silence_follows(register, files):
    register(zipped(files))
    fsdd = data.load("fsdd", window=80)
    x, ends = fsdd.train.x, fsdd.lengths["train"]
    loudest = x.gather(1, ends[:, None] - 2)
    assert (loudest == int(sound.mu_law([0.9])[0])).all()
    after = torch.arange(80) >= ends[:, None]
    assert (x[after] == 128).all() and after.any(1).all()
    assert sound.inverse_mu_law(x[after]).max() < 1e-4


def test_a_longer_recording_is_cut_after_it_is_scaled(register, files):
    """The loudest sample lies behind the window; what is before it stays as soft as it was."""
    register(zipped(files))
    whole, cut = data.load("fsdd", window=80), data.load("fsdd", window=8)
    assert cut.event_shape == (8,) and (cut.lengths["test"] == 8).all()
    assert torch.equal(cut.train.x, whole.train.x[:, :8])


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_levels(register, files, levels):
    register(zipped(files))
    fsdd = data.load("fsdd", window=80, levels=levels)
    assert fsdd.levels == levels and 0 <= fsdd.test.x.min() and fsdd.test.x.max() < levels
    assert fsdd.test.x[0, -1] == levels // 2


def test_voices_are_told_apart(register, files):
    register(zipped(files))
    plain, told = data.load("fsdd", window=20), data.load("fsdd", window=20, voices=True)
    assert torch.equal(told.test.y, 10 * plain.speakers["test"] + plain.test.y)
    assert torch.equal(told.train.x, plain.train.x)
    assert sorted(set(told.valid.y.tolist())) == list(range(60))
    assert told.class_names[int(told.test.y[13])] == "jackson 3" and len(told.class_names) == 60


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 0}, "no window=0; accepted: 1 to 18262"),
        ({"voices": 1}, "voices=1; accepted: False, True"),
        ({"levels": 257}, "no levels=257; accepted: 2 to 256"),
        ({"rate": 8000}, "no option 'rate'; accepted: window, levels, voices"),
    ],
)
def test_other_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        data.load("fsdd", **options)


# ---- the archive -------------------------------------------------------------------------------------------------


def test_the_same_recordings_packed_otherwise_are_the_same_data(register, files, here, serve):
    """GitHub may pack its archive anew; and a folder "recordings" by itself is as good."""
    register(zipped(files))
    expected = data.load("fsdd", window=20).train.x
    (path,) = data.verify("fsdd")
    turned = dict(reversed(files.items()))
    path.write_bytes(zipped(turned, "recordings/", compression=zipfile.ZIP_DEFLATED))
    assert data.status("fsdd").state == "ready" and data.verify("fsdd") == [path]
    assert torch.equal(data.load("fsdd", window=20).train.x, expected)
    assert serve.asked == ["/v1.0.10.zip"]
    assert [p.name for p in (here / "fsdd").iterdir()] == ["fsdd_recordings.zip"]


def changed(files: dict[str, bytes]) -> bytes:
    content = bytearray(files["3_theo_7.wav"])
    content[-1] ^= 1
    return zipped({**files, "3_theo_7.wav": bytes(content)})


def without_one(files: dict[str, bytes]) -> bytes:
    return zipped({name: files[name] for name in files if name != "9_lucas_49.wav"})


def climbing(files: dict[str, bytes]) -> bytes:
    return zipped({**files, "../../../recordings/evil.wav": b"RIFF"})


def huge(files: dict[str, bytes]) -> bytes:
    return zipped({**files, "0_george_0.wav": bytes(2 << 20)}, compression=zipfile.ZIP_DEFLATED)


def with_a_wrong_sum(files: dict[str, bytes]) -> bytes:
    archive = bytearray(zipped(files))
    archive[archive.index(files["0_george_0.wav"]) + 60] ^= 255
    return bytes(archive)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (changed, "SHA-256 [0-9a-f]{64} instead of"),
        (without_one, "it holds 2,999 recordings, not the expected ones"),
        (climbing, "it holds 3,001 recordings, not the expected ones"),
        (huge, "a recording in it has more than 1,048,576 bytes"),
        (with_a_wrong_sum, "no readable zip archive: Bad CRC-32"),
        (lambda files: zipped(files)[:-100], "no readable zip archive"),
        (lambda files: b"<html>Not here</html>", "no readable zip archive"),
    ],
)
def test_an_archive_with_anything_else_is_refused(register, files, here, make, message):
    register(make(files))
    with pytest.raises(FileNotFoundError, match=rf"(?s){message}.*Its contents' SHA-256 is"):
        data.load("fsdd")
    assert [path.name for path in here.parent.rglob("*") if path.is_file()] == []


def test_an_answer_that_ends_early_and_a_damaged_copy(register, files, here):
    archive = zipped(files)
    register(archive, cut=5000)
    with pytest.raises(FileNotFoundError):
        data.load("fsdd")
    register(archive)
    assert data.status("fsdd").state == "missing" and data.status("fsdd").bytes == 16_000_000
    data_server.put_file(here / "fsdd", "fsdd_recordings.zip", archive[:9000])
    assert data.status("fsdd").state == "damaged"
    with pytest.raises(ValueError, match=r"fsdd_recordings\.zip is damaged \(no readable zip"):
        data.verify("fsdd")
    with pytest.warns(UserWarning, match="fetching it anew"):
        data.load("fsdd", window=5)
    assert data.status("fsdd").state == "ready"


# ---- the real recordings, where they are at hand -----------------------------------------------------------------


def test_real_recordings():
    if data.status("fsdd").state != "ready":
        pytest.skip("the archive of spoken digits is not here")
    file = data.registry()["fsdd"].remote[0]
    path = data.verify("fsdd")[0]
    assert speech.recordings_digest(path) == RELEASE == file.sha256
    assert path.stat().st_size == pytest.approx(file.bytes, rel=0.05)
    fsdd = data.load("fsdd")
    assert (len(fsdd.train), len(fsdd.valid), len(fsdd.test)) == (2400, 300, 300)
    assert fsdd.event_shape == (4096,) and fsdd.levels == 256
    assert torch.cat(list(fsdd.lengths.values())).lt(4096).double().mean() == pytest.approx(
        0.755, abs=5e-3
    )
    with zipfile.ZipFile(path) as archive:
        content = archive.read("recordings/7_theo_3.wav")
    samples = np.frombuffer(content[44:], "<i2") / 1.0
    samples *= 0.9 / np.abs(samples).max()
    example = 3 * 60 + 4 * 10 + 7  # number 3, speaker 4, digit 7
    heard = sound.inverse_mu_law(fsdd.test.x[example])[: len(samples)]
    noise = np.mean((heard - samples[:4096]) ** 2)
    assert 10 * np.log10(np.mean(samples[:4096] ** 2) / noise) > 35  # decibels
    assert np.abs(heard).max() == pytest.approx(0.9, abs=0.02)
