"""Figures of music and sound: cells where keys are down, names where notes are, spectra against known waves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from armodels_lite import plots


def roll(steps: int, *notes: tuple[int, int], keys: int = 88) -> np.ndarray:
    """A roll with notes (step, MIDI pitch)."""
    down = np.zeros((steps, keys))
    for step, pitch in notes:
        down[step, pitch - 21] = 1
    return down


def cell(axes: Axes, step: int, pitch: int) -> float:
    """How strong the colour is at the middle of a cell, found by its place on the axes."""
    (picture,) = axes.images
    left, right, bottom, top = picture.get_extent()
    array = picture.get_array()
    row = int((pitch - bottom) / (top - bottom) * array.shape[0])
    column = int((step + 0.5 - left) / (right - left) * array.shape[1])
    assert picture.origin == "lower"
    return float(array[row, column, 3])


def names(axes: Axes) -> dict[str, float]:
    """What is written at which height."""
    labels = [label.get_text() for label in axes.get_yticklabels()]
    return dict(zip(labels, axes.get_yticks().tolist(), strict=True))


def panels_shown(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.axison]


# -- piano rolls ---------------------------------------------------------------------------------------------------


def test_cells_stand_at_their_step_and_pitch() -> None:
    (axes,) = plots.piano_roll(roll(6, (0, 60), (1, 60), (5, 81))).axes
    for step in range(6):
        for pitch in (59, 60, 61, 81):
            down = (step, pitch) in {(0, 60), (1, 60), (5, 81)}
            assert cell(axes, step, pitch) == down
    assert axes.get_xlim() == (0, 6)


def test_the_range_holds_all_notes_of_all_panels_and_no_more() -> None:
    figure = plots.piano_roll({"high": roll(4, (0, 84)), "low": roll(7, (3, 43))})
    high, low = figure.axes
    assert high.get_ylim() == low.get_ylim() == (41.5, 85.5)
    assert (high.get_title(), low.get_title()) == ("high", "low")
    assert (high.get_xlim(), low.get_xlim()) == ((0, 4), (0, 7))
    assert names(high) == {"C3": 48, "C4": 60, "C5": 72, "C6": 84}


def test_one_octave_is_the_least_and_has_more_names() -> None:
    (axes,) = plots.piano_roll(roll(2, (0, 69))).axes
    low, high = axes.get_ylim()
    assert high - low == 12 and low < 69 < high
    assert {"A4": 69, "G4": 67}.items() <= names(axes).items()
    (silent,) = plots.piano_roll(np.zeros((3, 88))).axes
    assert np.ptp(silent.get_ylim()) == 12


def test_lowest_moves_all_pitches() -> None:
    (axes,) = plots.piano_roll(np.eye(20, 20), lowest=60).axes
    assert cell(axes, 0, 60) == cell(axes, 7, 67) == 1 and cell(axes, 7, 60) == 0
    assert names(axes) == {"C4": 60, "C5": 72}


def test_rows_of_black_keys_are_shaded() -> None:
    (axes,) = plots.piano_roll(roll(4, (0, 60), (1, 72))).axes
    shaded = sorted(round(patch.get_y() + 0.5) for patch in axes.patches)
    assert shaded == [61, 63, 66, 68, 70, 73]


def test_probabilities_are_paler() -> None:
    values = torch.full((3, 88), 0.25)
    values[1, 40] = 1
    (axes,) = plots.piano_roll(values).axes
    assert cell(axes, 1, 61) == 1 and cell(axes, 2, 61) == 0.25


def test_lines_stand_at_bars() -> None:
    figure = plots.piano_roll(roll(10, (0, 60)), bar=4)
    (axes,) = figure.axes
    lines = [
        segment[0][0]
        for part in axes.collections
        for segment in part.get_segments()
        if segment[0][0] == segment[1][0]
    ]
    assert lines == [4, 8]
    figure.draw_without_rendering()
    assert [tick for tick in axes.get_xticks() if 0 <= tick <= 10] == [0, 4, 8]
    without = plots.piano_roll(roll(10, (0, 60))).axes[0].collections
    assert len(without) == len(axes.collections) - 1


def test_panels_fill_rows_and_leave_the_rest_empty() -> None:
    figure = plots.piano_roll(np.zeros((3, 8, 88)), titles=["a", "b", "c"], xlabel="beat")
    assert len(figure.axes) == 4
    first, second, third = panels_shown(figure)
    labels = [axes.get_xlabel() for axes in (first, second, third)]
    assert labels == ["", "beat", "beat"], "below the lowest panel of each column"
    assert [axes.get_title() for axes in (first, second, third)] == ["a", "b", "c"]
    one = plots.piano_roll({"a": roll(3), "b": roll(4)}, titles=["x", "y"], columns=1)
    assert [axes.get_title() for axes in one.axes] == ["x", "y"]
    assert plots.to_png(one)[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.piano_roll({}), "at least one roll"),
        (lambda: plots.piano_roll(np.zeros(88)), "rolls must have 2 or 3 axes, got shape .88,"),
        (lambda: plots.piano_roll({"a": np.zeros(88)}), "roll 'a' must have 2 axes"),
        (lambda: plots.piano_roll(np.full((2, 88), 1.5)), "from 0 to 1, got 1.5 to 1.5"),
        (
            lambda: plots.piano_roll([roll(2), roll(2, keys=60)]),
            r"same number of keys, got \[60, 88",
        ),
        (lambda: plots.piano_roll(roll(2), lowest=41), "all 88 keys are in 0..127, got 41"),
        (lambda: plots.piano_roll(roll(2), lowest=21.0), "got 21.0"),
        (lambda: plots.piano_roll(roll(2), bar=0), "bar must be an int of at least 1, got 0"),
        (lambda: plots.piano_roll(roll(2), columns=None), "columns must be .* got None"),
        (lambda: plots.piano_roll(roll(2), titles=["a", "b"]), "titles has 2 entries for 1 rolls"),
    ],
)
def test_piano_rolls_refuse(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


# -- sound ---------------------------------------------------------------------------------------------------------


def test_spectrogram_finds_two_waves_one_after_the_other() -> None:
    t = np.arange(4000) / 8000
    samples = np.concatenate(
        [0.5 * np.sin(2 * np.pi * 500 * t), 0.2 * np.cos(2 * np.pi * 1500 * t)]
    )
    seconds, hertz, magnitudes = plots.spectrogram(samples, 8000)
    assert magnitudes.shape == (len(hertz), len(seconds))
    assert (seconds[0], seconds[-1]) == (0, 0.992) and (hertz[0], hertz[-1]) == (0, 4000)
    for when, pitch, amplitude in ((0.25, 500, 0.5), (0.75, 1500, 0.2)):
        column = magnitudes[:, np.abs(seconds - when).argmin()]
        assert hertz[column.argmax()] == pitch and column.max() == pytest.approx(
            amplitude, rel=1e-6
        )


def test_spectrogram_of_a_constant_is_at_zero() -> None:
    seconds, _, magnitudes = plots.spectrogram(np.full(1000, 0.3), 1000, window=0.1)
    middle = magnitudes[:, len(seconds) // 2]
    assert middle[0] == pytest.approx(0.3) and middle[2:].max() < 1e-9


@pytest.mark.parametrize("length", [8, 9])
def test_spectrogram_agrees_with_a_sum(length: int) -> None:
    """One piece by the definition, for an even and an odd window; the highest frequency of an even one has no twin."""
    values = np.random.default_rng(0).normal(size=100)
    seconds, hertz, magnitudes = plots.spectrogram(values, 100, window=length / 100)
    column = 10
    start = round(seconds[column] * 100) - length // 2
    n = np.arange(length)
    weights = 0.5 - 0.5 * np.cos(2 * np.pi * n / length)
    for row, pitch in enumerate(hertz):
        wave = np.exp(-2j * np.pi * pitch / 100 * n)
        expected = abs((values[start : start + length] * weights * wave).sum()) / weights.sum()
        twice = 1 if pitch in (0, 50) else 2
        assert magnitudes[row, column] == pytest.approx(twice * expected)


def test_a_short_sound_is_a_line_and_a_long_one_a_range() -> None:
    short = np.sin(np.arange(200))
    (axes,) = plots.waveform(short, 100).axes
    assert axes.lines[0].get_ydata().tolist() == short.tolist()
    assert axes.lines[0].get_xdata()[-1] == pytest.approx(1.99) and axes.get_xlim() == (0, 2)
    long = np.zeros(50_000)
    long[31_111], long[40_000] = 0.9, -0.4
    (axes,) = plots.waveform(long, 8000).axes
    places = axes.collections[0].get_paths()[0].vertices
    assert not axes.lines and (places[:, 1].max(), places[:, 1].min()) == (0.9, -0.4)
    peak = places[places[:, 1].argmax(), 0]
    assert peak == pytest.approx(31_111 / 8000, abs=50_000 / 8000 / 1200)


def test_the_spectrogram_shares_the_time_axis_and_ends_at_a_frequency() -> None:
    samples = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    figure = plots.waveform(samples, 8000, spectrum=True, highest=1000, decibels=40, title="A4")
    wave, spectrum, bar = figure.axes
    assert wave.get_xlim() == spectrum.get_xlim() == (0, 1) and spectrum.get_ylim() == (0, 1000)
    assert (wave.get_title(), spectrum.get_xlabel(), bar.get_ylabel()) == ("A4", "seconds", "dB")
    (picture,) = spectrum.images
    assert picture.get_clim() == (-40, 0) and picture.get_array().min() == -40
    row = picture.get_array()[:, 20].argmax()
    low, high = picture.get_extent()[2:]
    rows = picture.get_array().shape[0]
    assert low + (row + 0.5) * (high - low) / rows == pytest.approx(440, abs=8)
    assert plots.to_png(plots.waveform(np.zeros(3000), 8000, spectrum=True))[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.waveform(np.zeros((2, 9)), 8), "samples must have 1 axes"),
        (lambda: plots.waveform([0.5], 8), "samples must be at least 2, got 1"),
        (lambda: plots.waveform([0.5, np.nan], 8), "samples must be finite"),
        (lambda: plots.waveform([0.5, 0.1], 8.0), "rate must be an int .* got 8.0"),
        (lambda: plots.waveform([0.5, 0.1], 8, decibels=-60), "decibels must be a positive number"),
        (lambda: plots.waveform([0.5, 0.1], 8, highest=0), "highest must be a positive number"),
        (lambda: plots.spectrogram(np.zeros(9), 8, window=0.25), "at least 4 samples, got 0.25 s"),
    ],
)
def test_sounds_are_checked(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
