"""Sound as figures: samples against time, and how strong each frequency is at each time."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .style import COLOURS, WIDTH, as_array, colour_map, in_style, new_figure

__all__ = ["spectrogram", "waveform"]

MOST_POINTS = (
    2400  # of a line; a longer sound is drawn as the range of its values, about two ranges a pixel
)
HEIGHT, TALL = 2.2, 2.2  # inches of the waveform, and what the spectrogram adds


@in_style
def waveform(
    samples: np.ndarray,
    rate: int,
    *,
    spectrum: bool = False,
    window: float = 0.064,
    decibels: float = 60.0,
    highest: float | None = None,
    title: str | None = None,
    width: float = WIDTH,
) -> Figure:
    """Samples against time in seconds, and, if wished, their spectrogram below on the same axis.

    Args:
        samples: (samples,), numbers from -1 to 1 or of any other range.
        rate: samples a second.
        spectrum: whether to draw the spectrogram.
        window, decibels: see `spectrogram`; the colours end that many decibels below the strongest value.
        highest: the highest frequency shown, in Hz; rate / 2 unless given.

    Raises:
        TypeError: samples that are not numeric.
        ValueError: wrong shape, fewer than 2 samples, or numbers that are not positive.
    """
    values = _checked_samples(samples, rate)
    for name, number in (("window", window), ("decibels", decibels), ("highest", highest)):
        if number is not None and not 0 < float(as_array(number, name, 0)):
            raise ValueError(f"{name} must be a positive number, got {number}")
    figure, panels = new_figure(1 + spectrum, 1, width=width, height=HEIGHT + TALL * spectrum)
    first, last = panels[0, 0], panels[-1, 0]
    _draw_waveform(first, values, rate)
    if spectrum:
        _draw_spectrogram(last, values, rate, window, decibels)
        last.set_ylim(0, min(highest or rate / 2, rate / 2))
        first.sharex(last)
        first.tick_params(labelbottom=False)
    first.set(ylabel="amplitude", title=title)
    last.set(xlabel="seconds", xlim=(0, len(values) / rate))
    return figure


def spectrogram(
    samples: np.ndarray, rate: int, window: float = 0.064
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How strong each frequency is at each time: Fourier transforms of short pieces under a Hann window.

    Pieces are `window` seconds long and overlap by three quarters. Before and after the sound there is silence. A sine
    wave whose frequency is one of those returned has its amplitude as magnitude.

    Returns:
        (seconds (N,), the middle of each piece; hertz (F,) from 0 to rate / 2; magnitudes (F, N) in the samples' unit),
        all float64.

    Raises:
        TypeError, ValueError: as `waveform`; ValueError for a window of fewer than 4 samples.

    >>> t = np.arange(8000) / 8000
    >>> seconds, hertz, magnitudes = spectrogram(0.5 * np.sin(2 * np.pi * 1000 * t), 8000)
    >>> middle = magnitudes[:, len(seconds) // 2]
    >>> float(hertz[middle.argmax()]), round(float(middle.max()), 3)
    (1000.0, 0.5)
    """
    values = _checked_samples(samples, rate)
    length = round(float(as_array(window, "window", 0)) * rate)
    if length < 4:
        raise ValueError(f"window must hold at least 4 samples, got {window} s at {rate} a second")
    hop = length // 4
    weights = np.hanning(length + 1)[:-1]  # periodic: their sum is exactly length / 2
    padded = np.pad(values, (length // 2, length))
    pieces = np.lib.stride_tricks.sliding_window_view(padded, length)[
        : len(values) + hop // 2 : hop
    ]
    magnitudes = np.abs(np.fft.rfft(pieces * weights)).T / weights.sum()
    magnitudes[1 : (length + 1) // 2] *= (
        2  # half of a wave's amplitude stands at the negative frequency
    )
    return np.arange(len(pieces)) * hop / rate, np.fft.rfftfreq(length, 1 / rate), magnitudes


def _draw_waveform(axes: Axes, values: np.ndarray, rate: int) -> None:
    if len(values) <= MOST_POINTS:
        axes.plot(np.arange(len(values)) / rate, values, color=COLOURS[0], linewidth=1)
        return
    starts = np.linspace(0, len(values), MOST_POINTS // 2, endpoint=False).astype(int)
    low, high = (ends.reduceat(values, starts) for ends in (np.minimum, np.maximum))
    axes.fill_between(
        starts / rate,
        low,
        high,
        facecolor=COLOURS[0],
        edgecolor=COLOURS[0],
        linewidth=0.4,
        linestyle="-",
    )


def _draw_spectrogram(
    axes: Axes, values: np.ndarray, rate: int, window: float, decibels: float
) -> None:
    seconds, hertz, magnitudes = spectrogram(values, rate, window)
    strongest = magnitudes.max() or 1.0
    floor = strongest * 10 ** (-decibels / 20)
    levels = 20 * np.log10(np.maximum(magnitudes, floor) / strongest)
    half_time, half_pitch = (seconds[1] - seconds[0]) / 2, hertz[1] / 2
    picture = axes.imshow(
        levels,
        cmap=colour_map("sequential"),
        vmin=-decibels,
        vmax=0,
        origin="lower",
        aspect="auto",
        extent=(-half_time, seconds[-1] + half_time, -half_pitch, hertz[-1] + half_pitch),
    )
    axes.set_ylabel("Hz")
    bar = axes.get_figure().colorbar(picture, ax=axes, pad=0.02, aspect=14)
    bar.outline.set_visible(False)
    bar.locator = MaxNLocator(4)
    bar.update_ticks()
    bar.set_label("dB")


def _checked_samples(samples: np.ndarray, rate: int) -> np.ndarray:
    values = as_array(samples, "samples", 1)
    if len(values) < 2:
        raise ValueError(f"samples must be at least 2, got {len(values)}")
    if type(rate) is not int or rate < 1:
        raise ValueError(f"rate must be an int of at least 1 sample a second, got {rate!r}")
    return values
