"""What `load` returns: named splits of tensors, with what one must know to use them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from torch import Tensor

from ..text import Vocabulary

__all__ = ["Data", "FeatureData", "MusicData", "SeriesData", "SoundData", "Split", "TextData"]


@dataclass(frozen=True, eq=False)
class Split:
    """Examples `x` of shape (N, *event_shape) and their labels `y`, (N,), or None. With `load(given=...)` y is what a
    model is told of each instead, (N, ...).

    `split[3]` is the pair (x[3], y[3]); `split[:100]`, or any index that picks several examples, is a
    Split.

    >>> import torch
    >>> split = Split(torch.zeros(4, 2), torch.arange(4))
    >>> len(split), split[:3].y.tolist(), split[1][1].item()
    (4, [0, 1, 2], 1)
    """

    x: Tensor
    y: Tensor | None = None

    def __post_init__(self) -> None:
        if self.y is not None and len(self.y) != len(self.x):
            raise ValueError(
                f"x holds {len(self.x)} examples and y {len(self.y)}; they must be as many"
            )

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index) -> Split | tuple[Tensor, Tensor | None]:
        x, y = self.x[index], None if self.y is None else self.y[index]
        return (x, y) if isinstance(index, int) else Split(x, y)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        labels = "None" if self.y is None else f"{tuple(self.y.shape)} {self.y.dtype}"
        return f"Split(x={tuple(self.x.shape)} {self.x.dtype}, y={labels})"


@dataclass(frozen=True, eq=False)
class Data:
    """A data set in three parts.

    Attributes:
        name: what it was loaded as.
        train, valid, test: the three Splits.
        event_shape: the shape of one example.
        levels: how many values a variable takes (2 for binary data), or None where it is continuous.
        description, licence, source: what it is, on what terms, and from where.
        class_names: the meaning of y, or None.
    """

    name: str
    train: Split
    valid: Split
    test: Split
    event_shape: tuple[int, ...]
    levels: int | None
    description: str = field(repr=False)
    licence: str = field(repr=False)
    source: str = field(repr=False)
    class_names: tuple[str, ...] | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False, repr=False)
class FeatureData(Data):
    """Standardised features: `x * std + mean` are the values as measured (float32, one entry a feature)."""

    feature_names: tuple[str, ...] = ()
    mean: Tensor | None = None
    std: Tensor | None = None


@dataclass(frozen=True, eq=False, repr=False)
class SeriesData(Data):
    """A time series whole, and cut into windows.

    Attributes:
        series: (N,) float64, the values as published, in time order.
        years: (N,), int64 years or float64 decimal years.
        observed: (N,) bool, False where a gap was filled.
        starts: the indices in `series` where the valid and the test part begin.
        mean, std: of the training part. A window is (series - mean) / std, so nats per example in the unit of
            the series are those of the windows plus `window * log(std)`.
    """

    series: Tensor | None = None
    years: Tensor | None = None
    observed: Tensor | None = None
    starts: tuple[int, int] = (0, 0)
    mean: float = 0.0
    std: float = 1.0


@dataclass(frozen=True, eq=False, repr=False)
class TextData(Data):
    """Text as sequences of numbers, and as text.

    Attributes:
        vocabulary: numbers the symbols: `vocabulary.decode(split.x[0])` is a str.
        text: part ("train", "valid", "test") to its whole text, with what the windows leave out at the end.
    """

    vocabulary: Vocabulary | None = None
    text: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False, repr=False)
class MusicData(Data):
    """Pieces of music, whole and cut into windows; one row of an example is one time step.

    Attributes:
        pieces: part ("train", "valid", "test") to its pieces, each (L, 88) float32 or (L, 4) int64 like one
            example, with a length L of its own.
        lowest: a MIDI pitch (60 is middle C). Of keys, that of the first: key k has the pitch lowest + k. Of voices,
            that of level 1: level k has the pitch lowest + k - 1, and level 0 is a rest.
        step: the length of a time step, in sixteenth notes.
    """

    pieces: dict[str, list[Tensor]] = field(default_factory=dict)
    lowest: int = 0
    step: int = 0


@dataclass(frozen=True, eq=False, repr=False)
class SoundData(Data):
    """Recordings as levels of mu-law: `sound.inverse_mu_law(split.x[0], data.levels)` are samples from -1 to 1.

    Attributes:
        rate: samples a second.
        lengths: part ("train", "valid", "test") to (N,) int64, how many samples of each example are sound; silence
            follows.
        speakers: part to (N,) int64, who speaks: a number in `speaker_names`.
        speaker_names: the speakers.
    """

    rate: int = 0
    lengths: dict[str, Tensor] = field(default_factory=dict)
    speakers: dict[str, Tensor] = field(default_factory=dict)
    speaker_names: tuple[str, ...] = ()
