"""Music as time steps of notes: jsb_chorales, as piano keys or as four voices."""

from __future__ import annotations

import json

import numpy as np
import torch
from torch import Tensor

from .containers import MusicData, Split
from .entry import DataSet, accept
from .store import RemoteFile, obtain

__all__ = ["JSB_CHORALES", "as_keys"]

PARTS = ("train", "valid", "test")
KEYS, LOWEST_KEY = 88, 21  # a piano: MIDI pitches 21 (A0) to 108 (C8)


def as_keys(voices: Tensor, lowest: int) -> Tensor:
    """The piano keys that voices sound: which key is down, and no longer whose note it is.

    Args:
        voices: (..., V) int64 levels; 0 is a rest, level k the MIDI pitch lowest + k - 1.
        lowest: the MIDI pitch of level 1.

    Returns:
        (..., 88) float32, 1 where a key is down; key k has the MIDI pitch 21 + k. Two voices on one note are one key.

    Raises:
        TypeError: voices are no tensor of int64.
        ValueError: a level below 0, or a pitch outside 21 to 108.

    >>> keys = as_keys(torch.tensor([[25, 17, 13, 0]]), lowest=48)
    >>> keys.shape, (keys[0].nonzero().flatten() + 21).tolist()
    (torch.Size([1, 88]), [60, 64, 72])
    """
    if not isinstance(voices, Tensor) or voices.dtype != torch.int64:
        kind = voices.dtype if isinstance(voices, Tensor) else type(voices).__name__
        raise TypeError(f"voices must be a tensor of int64, got {kind}")
    sounding, key = voices > 0, voices + (lowest - 1 - LOWEST_KEY)
    wrong = (voices < 0) | (sounding & ((key < 0) | (key >= KEYS)))
    if wrong.any():
        level = int(voices[wrong][0])
        raise ValueError(
            f"a piano has the pitches {LOWEST_KEY} to {LOWEST_KEY + KEYS - 1}, and level {level} with lowest={lowest} "
            f"is the pitch {lowest + level - 1}"
            if level > 0
            else f"levels must be at least 0 (a rest), got {level}"
        )
    # Rests go into one column too many, which is cut off.
    keys = torch.zeros(*voices.shape[:-1], KEYS + 1, device=voices.device)
    return keys.scatter_(-1, key.where(sounding, torch.tensor(KEYS)), 1.0)[..., :KEYS].contiguous()


# ---- Bach's chorales ---------------------------------------------------------------------------------------


def _load_jsb_chorales(
    entry: DataSet,
    voices: bool = False,
    step: int = 4,
    window: int = 32,
    transposed: bool = False,
) -> MusicData:
    """x: (N, window, 88) float32 keys, or with voices=True (N, window, 4) int64 levels; y: None."""
    for option, value in (("voices", voices), ("transposed", transposed)):
        if not isinstance(value, bool):
            raise ValueError(
                f"the data set {entry.name!r} has no {option}={value!r}; accepted: False, True"
            )
    accept(entry, "step", step, (1, 2, 4, 8, 16))
    pitches = _read_pitches(entry)
    if transposed:
        pitches = {part: [_ending_on_c(piece) for piece in pitches[part]] for part in PARTS}
    lowest, highest = _range(pitches)
    pieces = {part: [_levels(piece[::step], lowest) for piece in pitches[part]] for part in PARTS}
    if not voices:
        pieces = {part: [as_keys(piece, lowest) for piece in pieces[part]] for part in PARTS}
    longest = min(max(map(len, pieces[part])) for part in PARTS)
    accept(entry, "window", window, range(1, longest + 1))
    splits = {part: Split(_windows(pieces[part], window)) for part in PARTS}
    return MusicData(
        **entry.about(),
        **splits,
        event_shape=tuple(splits["train"].x.shape[1:]),
        levels=highest - lowest + 2 if voices else 2,
        pieces=pieces,
        lowest=lowest if voices else LOWEST_KEY,
        step=step,
    )


def _read_pitches(entry: DataSet) -> dict[str, list[Tensor]]:
    """Each part's pieces, (L, 4) int64 MIDI pitches of soprano, alto, tenor, bass; -1 is a rest."""
    stored = json.loads(obtain(entry.name, entry.remote[0]).read_text(encoding="ascii"))
    return {
        part: [torch.from_numpy(np.array(piece, dtype=np.int64)) for piece in stored[part]]
        for part in PARTS
    }


def _ending_on_c(pitches: Tensor) -> Tensor:
    """The piece moved by -6 to 5 semitones, so that the lowest note of its last chord is a C."""
    sounding = pitches >= 0
    last = pitches[sounding.any(1)][-1]
    shift = (6 - int(last[last >= 0].min())) % 12 - 6
    return torch.where(sounding, pitches + shift, pitches)


def _range(pitches: dict[str, list[Tensor]]) -> tuple[int, int]:
    """The lowest and the highest pitch of all parts: an alphabet that does not depend on `step` and `window`."""
    every = torch.cat([piece.flatten() for part in PARTS for piece in pitches[part]])
    sounding = every[every >= 0]
    return int(sounding.min()), int(sounding.max())


def _levels(pitches: Tensor, lowest: int) -> Tensor:
    """Pitches with -1 for a rest to levels with 0 for a rest and 1 for the lowest pitch."""
    return (pitches - (lowest - 1)).where(pitches >= 0, torch.tensor(0))


def _windows(pieces: list[Tensor], window: int) -> Tensor:
    """Pieces, each (L, ...), as windows (N, window, ...), one after the other.

    Where steps of a piece are left over, one more window ends with the piece and overlaps the window before it: no
    step is lost, the final chord least of all. A piece shorter than a window gives none.
    """
    windows = []
    for piece in pieces:
        starts = list(range(0, len(piece) - window + 1, window))
        if starts and len(piece) % window:
            starts.append(len(piece) - window)
        windows += [piece[start : start + window] for start in starts]
    return torch.stack(windows)


JSB_CHORALES = DataSet(
    name="jsb_chorales",
    loader=_load_jsb_chorales,
    description="382 chorales for four voices by J. S. Bach, in their own keys: 229/76/77 whole in .pieces, and in "
    "windows of 32 time steps (window=) of a quarter note (step=4 sixteenths). 88 binary piano keys a step, or "
    "with voices=True the pitches of the four voices. With transposed=True all end on a C. A piece's last window may "
    "overlap the one before.",
    licence="public domain (the music); the terms of the encoding are not stated",
    source="J. S. Bach; split of N. Boulanger-Lewandowski, Y. Bengio, P. Vincent (2012), as distributed by "
    "C.-Z. A. Huang (JSB-Chorales-dataset)",
    remote=(
        RemoteFile(
            "Jsb16thSeparated.json",
            "79294cc374f9252e95ef4b703161524c1c53dc1f712c236f00f1c1f5d54af5a7",
            1666444,
            (
                "https://raw.githubusercontent.com/czhuang/JSB-Chorales-dataset/master/Jsb16thSeparated.json",
            ),
        ),
    ),
)
