"""Recordings of speech: fsdd, spoken digits."""

from __future__ import annotations

import io
import lzma
import wave
import zipfile
import zlib
from hashlib import sha256
from pathlib import Path, PurePosixPath

import numpy as np
import torch

from ..sound import mu_law
from .containers import SoundData, Split
from .entry import DataSet, accept
from .store import RemoteFile, obtain

__all__ = ["FSDD", "recordings_digest"]

RATE = 8000  # samples a second
PEAK = 0.9  # magnitude of the loudest sample of each recording, once scaled
LONGEST = 18262  # samples
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
NUMBERS = {"train": range(10, 50), "valid": range(5, 10), "test": range(5)}  # of the recordings
NAMES = tuple(
    f"{digit}_{speaker}_{number}.wav"
    for digit in range(10)
    for speaker in SPEAKERS
    for number in range(50)
)
LARGEST = 1 << 20  # bytes; no recording is nearly as large
UNREADABLE = (  # what zipfile raises
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    NotImplementedError,  # an unknown compression
    RuntimeError,  # a password
)


# ---- the archive -------------------------------------------------------------------------------------------


def recordings_digest(path: Path) -> str:
    """The SHA-256 (hex) of the recordings in a zip archive: of the name and the bytes of each, ascending by name.

    GitHub packs the archive of a release when it is asked for, so the archive itself need not stay the same.

    Raises:
        ValueError: no archive that holds exactly these recordings.
    """
    digest = sha256()
    for name, content in sorted(_recordings(path).items()):
        digest.update(name.encode("ascii") + content)
    return digest.hexdigest()


def _recordings(path: Path) -> dict[str, bytes]:
    """The WAV files in the folder "recordings" of the archive, by name. Nothing is unpacked to the disk."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if _is_recording(member)]
            if sorted(PurePosixPath(member.filename).name for member in members) != sorted(NAMES):
                raise ValueError(f"it holds {len(members):,} recordings, not the expected ones")
            if any(member.file_size > LARGEST for member in members):
                raise ValueError(f"a recording in it has more than {LARGEST:,} bytes")
            return {PurePosixPath(member.filename).name: archive.read(member) for member in members}
    except UNREADABLE as error:
        raise ValueError(f"no readable zip archive: {error}") from error


def _is_recording(member: zipfile.ZipInfo) -> bool:
    name = PurePosixPath(member.filename)
    return name.parent.name == "recordings" and name.suffix == ".wav"


# ---- spoken digits -----------------------------------------------------------------------------------------


def _load_fsdd(
    entry: DataSet, window: int = 4096, levels: int = 256, voices: bool = False
) -> SoundData:
    """x: (N, window) int64 levels of mu-law; y: (N,) int64, the digit.

    With voices=True y tells the speaker as well: 10 speaker + digit, from 0 to 59.
    """
    accept(entry, "window", window, range(1, LONGEST + 1))
    accept(entry, "levels", levels, range(2, 257))
    if not isinstance(voices, bool):
        raise ValueError(
            f"the data set {entry.name!r} has no voices={voices!r}; accepted: False, True"
        )
    recordings = _recordings(obtain(entry.name, entry.remote[0]))
    splits, lengths, speakers = {}, {}, {}
    for part, numbers in NUMBERS.items():
        # Every ten examples in a row are the ten digits, of one speaker.
        spoken = [(d, s, n) for n in numbers for s in range(len(SPEAKERS)) for d in range(10)]
        sounds = [_samples(recordings[f"{d}_{SPEAKERS[s]}_{n}.wav"])[:window] for d, s, n in spoken]
        digits, who, _ = torch.tensor(spoken).unbind(1)
        y = 10 * who + digits if voices else digits.contiguous()
        splits[part] = Split(_padded(sounds, window, levels), y)
        lengths[part] = torch.tensor([len(samples) for samples in sounds])
        speakers[part] = who.contiguous()
    return SoundData(
        **entry.about(),
        **splits,
        event_shape=(window,),
        levels=levels,
        class_names=_class_names(voices),
        rate=RATE,
        lengths=lengths,
        speakers=speakers,
        speaker_names=SPEAKERS,
    )


def _class_names(voices: bool) -> tuple[str, ...]:
    digits = tuple(str(digit) for digit in range(10))
    return tuple(f"{name} {digit}" for name in SPEAKERS for digit in digits) if voices else digits


def _samples(content: bytes) -> np.ndarray:
    """The samples in a WAV file of 16 bits, float64, scaled so that the loudest has magnitude 0.9."""
    with wave.open(io.BytesIO(content)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64)
    return samples * (PEAK / max(1.0, np.abs(samples).max(initial=0.0)))


def _padded(sounds: list[np.ndarray], window: int, levels: int) -> torch.Tensor:
    """The levels of each sound and then of silence, (N, window) int64."""
    x = np.full((len(sounds), window), mu_law(np.zeros(1), levels)[0])
    for row, samples in zip(x, sounds, strict=True):
        row[: len(samples)] = mu_law(samples, levels)
    return torch.from_numpy(x)


FSDD = DataSet(
    name="fsdd",
    loader=_load_fsdd,
    description="3,000 recordings of six men who say the ten digits, 50 times each, at 8,000 samples a second. "
    "The first 4,096 samples of each (window=), scaled to a peak of 0.9, as 256 levels of mu-law (levels=); "
    "silence follows where a recording is shorter. Split 2400/300/300: recordings 0 to 4 of each digit and "
    "speaker are test, 5 to 9 valid.",
    licence="CC BY-SA 4.0",
    source="Z. Jackson and contributors: Free Spoken Digit Dataset, version 1.0.10",
    remote=(
        RemoteFile(
            "fsdd_recordings.zip",
            "45a9b976ba3397a2fd5c70a9f2e43c34f442a3a6be47392ecfc41174b678f37e",
            16_000_000,
            (
                "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.zip",
                "https://codeload.github.com/Jakobovski/free-spoken-digit-dataset/zip/refs/tags/v1.0.10",
            ),
            contents=recordings_digest,
        ),
    ),
)
