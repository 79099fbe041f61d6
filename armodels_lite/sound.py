"""Sound: notes on a keyboard made audible, samples as levels of mu-law, and a player for a notebook.

    from armodels_lite import sound
    samples = sound.synthesise(keys)
    sound.player(samples, sound.RATE, "A chorale, sampled from the model")

A sound is a float32 array (samples,) of values from -1 to 1, `rate` of them a second. Arrays may be numpy arrays, torch
tensors or nested lists.
"""

from __future__ import annotations

import base64
import html
import io
import math
import wave
from typing import Any

import numpy as np

__all__ = [
    "RATE",
    "Player",
    "frequency",
    "inverse_mu_law",
    "mu_law",
    "note_name",
    "player",
    "synthesise",
    "to_wav",
]

RATE = 8000  # samples a second: four harmonics of every note up to B5 lie below half of it
PARTIALS = (1.0, 0.5, 0.25, 0.12)  # amplitudes of a tone's harmonics, the fundamental first
ATTACK, RELEASE = 0.015, 0.05  # seconds in which a note swells and fades
HELD = 0.4  # the share of its start that a held note falls to,
DECAY = 0.6  # most of the way in this many seconds
PEAK = 0.9  # magnitude of the loudest sample of a piece
NAMES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
LOWEST_RATE, HIGHEST_RATE = 3000, 192_000  # what browsers play
MOST_LEVELS = 1 << 16


def note_name(pitch: int) -> str:
    """The name of a MIDI pitch, with the octave that begins at C; sharps stand for flats too.

    Raises:
        ValueError: no int from 0 to 127.

    >>> note_name(60), note_name(69), note_name(22)
    ('C4', 'A4', 'A♯0')
    """
    octave, step = divmod(_checked_pitch(pitch), 12)
    return f"{NAMES[step]}{octave - 1}"


def frequency(pitch: int) -> float:
    """The frequency of a MIDI pitch in Hz: A4 = 440 Hz, and 12 equal steps make an octave, a factor of 2.

    Raises:
        ValueError: no int from 0 to 127.

    >>> frequency(69), round(frequency(60), 2)
    (440.0, 261.63)
    """
    return 440.0 * 2 ** ((_checked_pitch(pitch) - 69) / 12)


# -- notes to samples ------------------------------------------------------------------------------------------------


def synthesise(
    keys: Any, lowest: int = 21, seconds_per_step: float = 0.4, rate: int = RATE
) -> np.ndarray:
    """The sound of a piano roll.

    A key that is down in consecutive steps is one note held through, for a roll does not say whether it was struck
    again. A note is a sum of up to four harmonics, those below rate / 2; it swells and fades softly, so nothing clicks.
    One factor scales the whole piece, so that its loudest sample has magnitude 0.9, however many voices sound.

    Args:
        keys: (T, V), 0 or 1 (or bool): whether key v is down in step t.
        lowest: MIDI pitch of key 0; 21 is A0, the lowest key of a piano.
        seconds_per_step: how long a step lasts.
        rate: samples a second.

    Returns:
        float32 (samples,) with round(T * seconds_per_step * rate) samples; zeros where no key is down.

    Raises:
        TypeError: keys that are no numbers.
        ValueError: another shape, values besides 0 and 1, keys above MIDI pitch 127, a note whose frequency is not
            below rate / 2, a step that is not positive or shorter than 20 samples, or a rate that browsers do not play.

    >>> a_minor = np.zeros((4, 88))
    >>> a_minor[:, [36, 39, 43]] = 1  # A3, C4, E4
    >>> samples = synthesise(a_minor)
    >>> samples.shape, samples.dtype, round(float(abs(samples).max()), 3)
    ((12800,), dtype('float32'), 0.9)
    """
    down = _checked_keys(keys, lowest)
    _check_rate(rate)
    edges = _edges(len(down), seconds_per_step, rate)
    samples = np.zeros(edges[-1])
    for key in np.flatnonzero(down.any(0)).tolist():
        pitch = lowest + key
        if frequency(pitch) >= rate / 2:
            raise ValueError(
                f"rate must be more than twice the frequency of every note; {note_name(pitch)} has "
                f"{frequency(pitch):.0f} Hz, got rate {rate}"
            )
        # +1 where the key goes down, -1 where it goes up.
        change = np.diff(down[:, key].astype(np.int8), prepend=0, append=0)
        starts, ends = edges[change == 1], edges[change == -1]
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            samples[start:end] += _tone(frequency(pitch), end - start, rate)
    loudest = np.abs(samples).max()
    if loudest > 0:
        samples *= PEAK / loudest
    return samples.astype(np.float32)


def _tone(hertz: float, count: int, rate: int) -> np.ndarray:
    """One note of `count` samples: harmonics times an envelope that starts and ends at zero."""
    seconds = np.arange(count) / rate
    tone = np.zeros(count)
    for number, amplitude in enumerate(PARTIALS, 1):
        if number * hertz < rate / 2:  # a higher one would sound as another, lower frequency
            tone += amplitude * np.sin(2 * math.pi * number * hertz * seconds)
    attack, release = (min(round(part * rate), count // 2) for part in (ATTACK, RELEASE))
    envelope = HELD + (1 - HELD) * np.exp(-seconds / DECAY)
    envelope[:attack] *= _swell(attack)
    envelope[count - release :] *= _swell(release)[::-1]
    return tone * envelope


def _swell(count: int) -> np.ndarray:
    """From 0 up to nearly 1, level at both ends: half a period of a cosine."""
    return 0.5 - 0.5 * np.cos(math.pi * np.arange(count) / count)


def _edges(steps: int, seconds_per_step: float, rate: int) -> np.ndarray:
    """The first sample of each step, and the end: int64 (steps + 1,)."""
    number = isinstance(seconds_per_step, (int, float)) and not isinstance(seconds_per_step, bool)
    if not number or not math.isfinite(seconds_per_step) or seconds_per_step * rate < 20:
        raise ValueError(
            f"seconds_per_step must be a finite number, at least 20 samples of 1/{rate} s long, got "
            f"{seconds_per_step!r}"
        )
    return np.round(np.arange(steps + 1) * seconds_per_step * rate).astype(np.int64)


# -- samples to levels -----------------------------------------------------------------------------------------------


def mu_law(samples: Any, levels: int = 256) -> np.ndarray:
    """Samples as whole numbers, with steps that are fine for soft sound and coarse for loud sound.

    With mu = levels - 1, f(x) = sign(x) ln(1 + mu |x|) / ln(1 + mu) stretches the soft samples. Then f is rounded to
    the nearest of `levels` values at equal distances; level k stands for 2 k / mu - 1, so level 0 for -1 and level mu
    for 1. Silence, f = 0, has a level of its own where their number is odd. Where it is even, silence lies half-way
    between two levels and becomes the upper one, levels // 2: of 256 levels number 128, which stands for a sample of
    0.00009, too soft to be heard. These 256 levels are those of WaveNet (A. van den Oord and others, 2016).
    Telephones (ITU-T G.711, 1972) use 256 levels, too, and put straight pieces in the place of the curve f.

    Args:
        samples: floats from -1 to 1, of any shape.
        levels: from 2 to 65,536.

    Returns:
        int64 of the same shape, 0 to levels - 1.

    Raises:
        TypeError: samples that are no floats.
        ValueError: samples that are not finite or beyond -1 and 1, or another number of levels.

    >>> mu_law([-1.0, -0.01, 0.0, 0.01, 1.0])
    array([  0,  98, 128, 157, 255])
    """
    mu = _checked_levels(levels) - 1
    values = _checked_samples(samples).astype(np.float64)
    stretched = np.sign(values) * np.log1p(mu * np.abs(values)) / math.log1p(mu)
    return np.floor((stretched + 1) / 2 * mu + 0.5).astype(np.int64)


def inverse_mu_law(k: Any, levels: int = 256) -> np.ndarray:
    """The samples that levels of `mu_law` stand for; `mu_law` makes the same levels of them.

    Args:
        k: ints from 0 to levels - 1, of any shape.
        levels: as they were made with.

    Returns:
        float32 of the same shape, from -1 to 1: sign(f) ((1 + mu)^|f| - 1) / mu with f = 2 k / mu - 1, mu = levels - 1.

    Raises:
        TypeError: levels that are no ints.
        ValueError: a level below 0 or above levels - 1, or another number of levels than 2 to 65,536.

    >>> [round(sample, 4) for sample in inverse_mu_law([0, 98, 128, 157, 255]).tolist()]
    [-1.0, -0.0102, 0.0001, 0.0102, 1.0]
    """
    mu = _checked_levels(levels) - 1
    values = _as_numpy(k)
    if values.dtype.kind not in "iu":
        raise TypeError(f"levels must be ints, got dtype {values.dtype}")
    if values.size and (values.min() < 0 or values.max() > mu):
        raise ValueError(f"levels must be from 0 to {mu}, got {values.min()} to {values.max()}")
    stretched = 2 * values.astype(np.float64) / mu - 1
    return (np.sign(stretched) * np.expm1(np.abs(stretched) * math.log1p(mu)) / mu).astype(
        np.float32
    )


# -- samples to a notebook -------------------------------------------------------------------------------------------


class Player:
    """A sound with controls to play it, which Jupyter shows as an HTML audio element.

    Attributes:
        wav: the bytes of a WAV file.
        label: what is to be heard; shown above the controls, and read by screen readers.
        seconds: how long it lasts.
    """

    def __init__(self, wav: bytes, label: str) -> None:
        if not isinstance(label, str) or not label.strip():
            raise ValueError(f"label must say in words what is to be heard, got {label!r}")
        self.wav, self.label = wav, " ".join(label.split())
        with wave.open(io.BytesIO(wav)) as file:
            self.seconds = file.getnframes() / file.getframerate()

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.wav).decode("ascii")
        label = html.escape(self.label, quote=True)
        # `src` stands in the audio element: JupyterLab takes it away from a source element of an untrusted notebook.
        return (
            f'<figure style="margin: 0"><figcaption>{label}</figcaption>'
            f'<audio controls preload="metadata" aria-label="{label}" src="data:audio/wav;base64,{data}"></audio>'
            "</figure>"
        )

    def __repr__(self) -> str:
        return f"{self.label} (sound, {self.seconds:.1f} s)"


def player(samples: Any, rate: int, label: str, *, bits: int = 8) -> Player:
    """Controls to play a sound in a notebook, which keeps it as WAV in letters: 4/3 of a byte for each byte.

    A second at 8,000 samples of 8 bits takes 10.7 kB; 16 bits take twice as much. Rounding to 8 bits adds a faint hiss,
    about 50 dB below a sine wave of amplitude 1.

    Args:
        samples: (samples,), from -1 to 1.
        rate: samples a second.
        label: what is to be heard, in words.
        bits: of a sample, 8 or 16.

    Raises:
        TypeError, ValueError: as `to_wav`; ValueError for a label that is not made of words.

    >>> player(synthesise(np.ones((5, 1)), lowest=69), RATE, "A4, held")
    A4, held (sound, 2.0 s)
    """
    return Player(to_wav(samples, rate, bits=bits), label)


def to_wav(samples: Any, rate: int, *, bits: int = 8) -> bytes:
    """A WAV file of one channel, uncompressed: 44 bytes and bits / 8 bytes for each sample.

    Raises:
        TypeError: samples that are no floats.
        ValueError: another shape than (samples,), none, values that are not finite or beyond -1 and 1, bits besides
            8 and 16, or a rate that browsers do not play.
    """
    _check_rate(rate)
    if type(bits) is not int or bits not in (8, 16):
        raise ValueError(f"bits must be 8 or 16, got {bits!r}")
    values = _checked_samples(samples)
    if values.ndim != 1 or not len(values):
        raise ValueError(
            f"samples must have shape (samples,) with at least one, got {values.shape}"
        )
    whole = np.round(values.astype(np.float64) * (2 ** (bits - 1) - 1)).astype(np.int16)
    # By the format 8 bits are unsigned with silence at 128, and 16 bits are signed.
    data = (whole + 128).astype(np.uint8) if bits == 8 else whole.astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(bits // 8)
        file.setframerate(rate)
        file.writeframes(data.tobytes())
    return buffer.getvalue()


# -- checks ----------------------------------------------------------------------------------------------------------


def _as_numpy(x: Any) -> np.ndarray:
    """An array of a numpy array, a tensor (perhaps on a GPU, perhaps in a graph) or a list."""
    return np.asarray(x.detach().cpu().numpy() if hasattr(x, "detach") else x)


def _checked_samples(samples: Any) -> np.ndarray:
    """Floats from -1 to 1, of any shape."""
    values = _as_numpy(samples)
    if values.dtype.kind != "f":
        raise TypeError(f"samples must be floats from -1 to 1, got dtype {values.dtype}")
    if values.size and not (np.isfinite(values).all() and np.abs(values).max() <= 1):
        raise ValueError(
            f"samples must be finite and from -1 to 1, got {values.min():g} to {values.max():g}"
        )
    return values


def _checked_levels(levels: int) -> int:
    if type(levels) is not int or not 2 <= levels <= MOST_LEVELS:
        raise ValueError(f"levels must be an int from 2 to {MOST_LEVELS:,}, got {levels!r}")
    return levels


def _checked_pitch(pitch: int) -> int:
    if isinstance(pitch, bool) or not isinstance(pitch, (int, np.integer)) or not 0 <= pitch <= 127:
        raise ValueError(f"a MIDI pitch is an int from 0 to 127, got {pitch!r}")
    return int(pitch)


def _checked_keys(keys: Any, lowest: int) -> np.ndarray:
    """Bool (T, V)."""
    values = _as_numpy(keys)
    if values.dtype.kind not in "biuf":
        raise TypeError(f"keys must be an array of 0 and 1, got dtype {values.dtype}")
    if values.ndim != 2 or not values.size:
        raise ValueError(f"keys must have shape (steps, keys), none of them 0, got {values.shape}")
    if others := np.setdiff1d(values, (0, 1)).tolist():
        raise ValueError(f"keys are 0 (up) or 1 (down), got {others[0]:g}")
    highest = _checked_pitch(lowest) + values.shape[1] - 1
    if highest > 127:
        raise ValueError(
            f"MIDI pitches end at 127; {values.shape[1]} keys from lowest = {lowest} would end at {highest}"
        )
    return values.astype(bool)


def _check_rate(rate: int) -> None:
    if type(rate) is not int or not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise ValueError(
            f"rate must be an int from {LOWEST_RATE:,} to {HIGHEST_RATE:,} samples a second, got {rate!r}"
        )
