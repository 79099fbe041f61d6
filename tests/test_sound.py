"""Sound: frequencies by Fourier transform, edges of notes by hand, WAV files read back by the standard library."""

from __future__ import annotations

import base64
import io
import re
import wave
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

from armodels_lite import sound


def one_key(pitch: int, steps: int = 5, **options: object) -> np.ndarray:
    return sound.synthesise(np.ones((steps, 1)), lowest=pitch, **options)


def spectrum(samples: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies in Hz and power, of the samples under a Hann window."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    return np.fft.rfftfreq(len(samples), 1 / rate), power


def read(wav: bytes) -> tuple[wave._wave_params, bytes]:
    with wave.open(io.BytesIO(wav)) as file:
        return file.getparams(), file.readframes(file.getnframes())


# -- notes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pitch", "name", "hertz"),
    [
        (21, "A0", 27.5),
        (60, "C4", 261.6256),
        (61, "C♯4", 277.1826),
        (69, "A4", 440),
        (108, "C8", 4186.009),
    ],
)
def test_names_and_frequencies_of_equal_temperament(pitch: int, name: str, hertz: float) -> None:
    assert sound.note_name(pitch) == name
    assert sound.frequency(pitch) == pytest.approx(hertz, abs=1e-3)


@pytest.mark.parametrize("pitch", [-1, 128, 60.0, True, "C4"])
def test_what_is_no_pitch_is_refused(pitch: object) -> None:
    for function in (sound.note_name, sound.frequency):
        with pytest.raises(ValueError, match="an int from 0 to 127"):
            function(pitch)


@pytest.mark.parametrize("rate", [8000, 11025, 16000])
@pytest.mark.parametrize("pitch", [33, 60, 69, 81])
def test_a_tone_has_its_frequency_and_its_octave(pitch: int, rate: int) -> None:
    hertz, power = spectrum(one_key(pitch, rate=rate), rate)
    strongest = hertz[power.argmax()]
    assert strongest == pytest.approx(sound.frequency(pitch), abs=0.6)  # bins are 0.5 Hz apart
    above = power * (hertz > 1.5 * strongest)
    assert hertz[above.argmax()] == pytest.approx(2 * sound.frequency(pitch), abs=0.6)


def test_harmonics_above_half_the_rate_are_left_out() -> None:
    """B7 has 3951 Hz: at 8000 samples a second its octave would sound at 98 Hz."""
    hertz, power = spectrum(one_key(107), 8000)
    assert power[hertz < 3800].sum() < 1e-5 * power.sum()
    with pytest.raises(ValueError, match="C8 has 4186 Hz, got rate 8000"):
        one_key(108)
    assert len(one_key(108, rate=11025)) == 22050


def test_voices_sound_together() -> None:
    keys = np.zeros((5, 88))
    keys[:, [48, 64]] = 1  # A4 and C♯6 (1108.73 Hz)
    hertz, power = spectrum(sound.synthesise(keys), 8000)
    for pitch in (69, 85):
        near = abs(hertz - sound.frequency(pitch)) < 1
        assert power[near].max() > 0.1 * power.max()


# -- time ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "seconds", "rate", "count"),
    [(4, 0.4, 8000, 12800), (7, 1 / 3, 8000, 18667), (3, 0.25, 11025, 8269)],
)
def test_length_is_that_of_the_steps(steps: int, seconds: float, rate: int, count: int) -> None:
    assert one_key(60, steps, seconds_per_step=seconds, rate=rate).shape == (count,)


def test_a_key_that_stays_down_is_one_note() -> None:
    """Two steps of 0.4 s: held through there is sound at 0.4 s; with a pause of a step there is none."""
    held = one_key(69, 2)
    assert abs(held[3100:3300]).max() > 0.4
    apart = sound.synthesise([[1], [0], [1]], lowest=69)
    assert (apart[3200:6400] == 0).all()
    assert abs(apart[3000:3200]).max() < abs(apart[2600:2800]).max()
    # Both notes are the same note.
    np.testing.assert_allclose(apart[:3200], apart[6400:], atol=1e-6)


@pytest.mark.parametrize("pitch", [36, 60, 81])
def test_notes_begin_and_end_without_a_click(pitch: int) -> None:
    """A click is a jump: at both ends of a note samples are far smaller than in it, and grow from zero."""
    samples = sound.synthesise([[0], [1], [1], [0]], lowest=pitch)
    note = np.abs(samples[3200:9600])
    assert note[0] == 0 and note[-1] < 0.003
    assert max(note[:8].max(), note[-8:].max()) < 0.02 < 0.25 < note[200:600].max()


def test_a_held_note_grows_softer_and_sounds_on() -> None:
    samples = abs(one_key(60, 20))
    parts = [samples[start : start + 3200].max() for start in range(0, 64000, 3200)]
    assert all(later < earlier + 1e-6 for earlier, later in pairwise(parts))
    assert parts[3] < 0.6 * parts[0]
    assert samples[60000:63000].max() == pytest.approx(0.4 * parts[0], rel=0.15)


def test_silence_and_rests() -> None:
    silent = sound.synthesise(np.zeros((3, 88)))
    assert silent.dtype == np.float32 and silent.shape == (9600,) and (silent == 0).all()


@pytest.mark.parametrize("voices", [1, 4, 20, 80])
def test_the_loudest_sample_is_the_same_for_any_number_of_voices(voices: int) -> None:
    keys = np.zeros((6, 88), dtype=bool)
    keys[1:5, :voices] = True
    samples = sound.synthesise(keys)
    assert abs(samples).max() == pytest.approx(0.9, abs=1e-6)


def test_tensors_lists_and_arrays_are_alike() -> None:
    keys = np.eye(4)
    expected = sound.synthesise(keys, lowest=60)
    for same in (keys.astype(bool), keys.tolist(), torch.eye(4), torch.eye(4, requires_grad=True)):
        np.testing.assert_array_equal(sound.synthesise(same, lowest=60), expected)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"keys": np.ones(4)}, ValueError, r"keys must have shape \(steps, keys\), .* got \(4,\)"),
        ({"keys": np.ones((0, 88))}, ValueError, r"none of them 0, got \(0, 88\)"),
        ({"keys": np.full((2, 2), 0.5)}, ValueError, r"keys are 0 \(up\) or 1 \(down\), got 0.5"),
        ({"keys": [[0, 2]]}, ValueError, "got 2"),
        ({"keys": [[0, np.nan]]}, ValueError, "got nan"),
        ({"keys": [["C4"]]}, TypeError, "keys must be an array of 0 and 1, got dtype <U2"),
        ({"lowest": 125}, ValueError, "end at 127; 4 keys from lowest = 125 would end at 128"),
        ({"lowest": -1}, ValueError, "a MIDI pitch is an int from 0 to 127, got -1"),
        ({"seconds_per_step": 0}, ValueError, "seconds_per_step must be a finite number"),
        ({"seconds_per_step": np.inf}, ValueError, "got inf"),
        ({"seconds_per_step": "1"}, ValueError, "got '1'"),
        ({"rate": 8000.0}, ValueError, "rate must be an int from 3,000 to 192,000 .* got 8000.0"),
        ({"rate": 2000}, ValueError, "got 2000"),
    ],
)
def test_synthesise_refuses(
    change: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        sound.synthesise(**{"keys": np.eye(4), "lowest": 60, **change})


# -- WAV and player --------------------------------------------------------------------------------------------------


def test_eight_bits_are_unsigned_around_128() -> None:
    parameters, data = read(sound.to_wav(np.array([0.0, 1.0, -1.0, 0.5, -0.004]), 8000))
    assert (parameters.nchannels, parameters.sampwidth, parameters.framerate) == (1, 1, 8000)
    assert list(data) == [128, 255, 1, 192, 127]  # 63.5 rounds to the even 64


def test_sixteen_bits_are_signed() -> None:
    parameters, data = read(sound.to_wav(torch.tensor([0.0, 1.0, -1.0, 0.5]), 44100, bits=16))
    assert (parameters.sampwidth, parameters.framerate) == (2, 44100)
    assert np.frombuffer(data, "<i2").tolist() == [0, 32767, -32767, 16384]


@pytest.mark.parametrize(("bits", "decibels"), [(8, 49.9), (16, 98.1)])
def test_rounding_costs_as_much_as_the_docstring_says(bits: int, decibels: float) -> None:
    wish = np.sin(2 * np.pi * 440.1234 * np.arange(80_000) / 8000)
    _, data = read(sound.to_wav(wish, 8000, bits=bits))
    if bits == 8:
        heard = (np.frombuffer(data, np.uint8) - 128.0) / 127
    else:
        heard = np.frombuffer(data, "<i2") / 32767
    noise = ((heard - wish) ** 2).mean()
    assert 10 * np.log10((wish**2).mean() / noise) == pytest.approx(decibels, abs=0.3)


def test_the_player_holds_the_file_and_says_what_it_is() -> None:
    samples = one_key(69, 4)
    player = sound.player(samples, 8000, 'Bach & "friends",\n sampled')
    figure = ElementTree.fromstring(re.sub(r"controls ", 'controls="" ', player._repr_html_()))
    caption, audio = figure
    assert caption.text == audio.get("aria-label") == 'Bach & "friends", sampled'
    assert audio.tag == "audio" and audio.get("controls") is not None
    kind, data = audio.get("src").split(",")
    assert kind == "data:audio/wav;base64" and base64.b64decode(data) == player.wav
    assert player.wav == sound.to_wav(samples, 8000)
    assert repr(player) == 'Bach & "friends", sampled (sound, 1.6 s)' and player.seconds == 1.6


def test_sixteen_seconds_take_171_kilobytes() -> None:
    html = sound.player(np.zeros(128_000), 8000, "silence")._repr_html_()
    assert 170_000 < len(html) < 172_000
    assert len(sound.player(np.zeros(128_000), 8000, "silence", bits=16)._repr_html_()) > 340_000


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"samples": [0, 1]}, TypeError, "samples must be floats from -1 to 1, got dtype int64"),
        ({"samples": np.zeros((1, 8))}, ValueError, r"shape \(samples,\) .* got \(1, 8\)"),
        ({"samples": np.zeros(0)}, ValueError, r"at least one, got \(0,\)"),
        ({"samples": [0.0, 1.01]}, ValueError, "finite and from -1 to 1, got 0 to 1.01"),
        ({"samples": [0.0, np.nan]}, ValueError, "finite and from -1 to 1"),
        ({"rate": True}, ValueError, "rate must be an int"),
        ({"rate": 400_000}, ValueError, "got 400000"),
        ({"label": " "}, ValueError, "label must say in words what is to be heard, got ' '"),
        ({"label": 3}, ValueError, "got 3"),
        ({"bits": 24}, ValueError, "bits must be 8 or 16, got 24"),
        ({"bits": 8.0}, ValueError, "bits must be 8 or 16, got 8.0"),
    ],
)
def test_player_refuses(change: dict[str, object], error: type[Exception], message: str) -> None:
    arguments = {"samples": [0.0, 0.5], "rate": 8000, "label": "a test", **change}
    with pytest.raises(error, match=message):
        sound.player(**arguments)


# -- mu-law ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [2, 3, 16, 17, 255, 256, 1024, 65536])
def test_levels_come_back_from_their_samples(levels: int) -> None:
    k = np.arange(levels)
    samples = sound.inverse_mu_law(k, levels)
    assert samples.dtype == np.float32 and (np.diff(samples) > 0).all()
    assert samples[0] == -1 and samples[-1] == 1
    np.testing.assert_array_equal(samples, -samples[::-1])
    again = sound.mu_law(samples, levels)
    assert again.dtype == np.int64
    np.testing.assert_array_equal(again, k)


def test_mu_law_is_the_curve_in_equal_steps() -> None:
    """The curve through logarithms to the base 256, rounded by comparison with all 256 values."""
    wish = np.linspace(-1, 1, 4001)
    curve = np.sign(wish) * np.emath.logn(256, 1 + 255 * abs(wish))
    nearest = abs(curve[:, None] - np.linspace(-1, 1, 256)).argmin(1)
    level = sound.mu_law(wish)
    # Exactly half-way, at silence, the upper one is taken.
    np.testing.assert_array_equal(np.delete(level, 2000), np.delete(nearest, 2000))
    assert level[2000] == 128 and (np.diff(level) >= 0).all()
    assert (
        sound.mu_law(torch.tensor([[0.5, -0.5]])).tolist() == sound.mu_law([[0.5, -0.5]]).tolist()
    )


def test_silence_comes_back_as_silence() -> None:
    assert sound.inverse_mu_law(sound.mu_law([0.0], 255), 255) == 0
    closest = sound.inverse_mu_law(np.arange(256))[[127, 128]]
    assert sound.inverse_mu_law(sound.mu_law([0.0])) == closest[1] == -closest[0]
    assert closest[1] == pytest.approx((256 ** (1 / 255) - 1) / 255, rel=1e-6)


@pytest.mark.parametrize("levels", [16, 256])
def test_the_largest_error_is_at_the_ends(levels: int) -> None:
    """Half a step of the curve below 1: 1 - g(1 - 1 / mu), with g the curve's inverse."""
    mu = levels - 1
    wish = np.linspace(-1, 1, 200_001)
    error = abs(sound.inverse_mu_law(sound.mu_law(wish, levels), levels) - wish)
    bound = 1 - (levels ** (1 - 1 / mu) - 1) / mu
    assert 0.99 * bound < error.max() <= bound + 1e-6
    assert error[abs(wish) < 0.1].max() < 0.3 * bound


@pytest.mark.parametrize("amplitude", [0.01, 0.1, 1.0])
def test_soft_sound_keeps_its_signal_to_noise_ratio(amplitude: float) -> None:
    """The noise of fine steps has the power E[(dx/df)^2] / (3 mu^2). Equal steps do worse on soft sound."""
    mu = 255
    wish = np.linspace(-amplitude, amplitude, 80_001)
    power = (wish**2).mean()
    slope = 1 + mu * amplitude + mu**2 * power  # E[(1 + mu |x|)^2], as E|x| is half the amplitude
    expected = 10 * np.log10(power * 3 * mu**2 / ((np.log(256) / mu) ** 2 * slope))

    def decibels(heard: np.ndarray) -> float:
        return 10 * np.log10(power / ((heard - wish) ** 2).mean())

    companded = decibels(sound.inverse_mu_law(sound.mu_law(wish)))
    assert companded == pytest.approx(expected, abs=0.3)
    linear = decibels(np.round(wish * 127) / 127)
    assert (companded > linear + 8) == (amplitude < 1)
    assert (linear > companded + 8) == (amplitude == 1.0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: sound.mu_law([0.0, 1.01]), ValueError, "from -1 to 1, got 0 to 1.01"),
        (lambda: sound.mu_law([0.0, np.nan]), ValueError, "finite and from -1 to 1"),
        (lambda: sound.mu_law(np.array([5, 6])), TypeError, "must be floats .* got dtype int64"),
        (
            lambda: sound.mu_law([0.0], 1),
            ValueError,
            "levels must be an int from 2 to 65,536, got 1",
        ),
        (lambda: sound.mu_law([0.0], 256.0), ValueError, "got 256.0"),
        (lambda: sound.inverse_mu_law([0.5]), TypeError, "levels must be ints, got dtype float64"),
        (lambda: sound.inverse_mu_law([3, 256]), ValueError, "from 0 to 255, got 3 to 256"),
        (lambda: sound.inverse_mu_law([-1], 16), ValueError, "from 0 to 15, got -1 to -1"),
    ],
)
def test_mu_law_refuses(call, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
