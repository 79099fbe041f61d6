"""Small images of handwritten digits: digits, in black and white, in grey and in colour."""

from __future__ import annotations

import colorsys
from hashlib import sha256

import numpy as np
import torch

from .containers import Data
from .entry import DataSet, accept, as_published, committed_split

__all__ = ["DIGITS"]

GREY = 16  # the darkest of the 17 grey levels, full ink
INK = (0.75, 1.0)  # saturation and value of the colour that the strokes have
PAPER = (0.8, 0.3)  # those of the colour behind them


def _load_digits(
    entry: DataSet, levels: int | None = None, flat: bool = False, colour: bool = False
) -> Data:
    """x: (N, 1, 8, 8), float32 0/1 for levels=2, int64 grey levels 0 to 16 for levels=17; y: (N,) int64.

    With flat=True x is (N, 64), the pixels row by row, for models of sequences. With colour=True x is (N, 3, 8, 8)
    int64, 17 levels of red, green and blue. Without `levels` there are 2, and 17 in colour.
    """
    for option, value in (("flat", flat), ("colour", colour)):
        if not isinstance(value, bool):
            raise ValueError(
                f"the data set {entry.name!r} has no {option}={value!r}; accepted: False, True"
            )
    if levels is None:
        levels = GREY + 1 if colour else 2
    if colour:
        accept(entry, "colour=True with levels", levels, (GREY + 1,))
        if flat:
            raise ValueError(f"the data set {entry.name!r} has no flat=True with colour=True")
    accept(entry, "levels", levels, (2, GREY + 1))
    from sklearn.datasets import load_digits

    raw = load_digits()
    as_published(
        raw.images, "51aa641716dc54df7cda17ac1b9bc24c2e97846b98914a2d56b3a0de2b4b2e53", entry
    )
    shape = (3, 8, 8) if colour else (64,) if flat else (1, 8, 8)
    grey = _painted(raw.images) if colour else raw.images
    images = torch.from_numpy(grey).reshape(-1, *shape)
    x = (images >= 8).float() if levels == 2 else images.long()
    return Data(
        **entry.about(),
        **committed_split(entry, x, torch.from_numpy(raw.target).long()),
        event_shape=shape,
        levels=levels,
        class_names=tuple(str(digit) for digit in range(10)),
    )


# ---- colour ------------------------------------------------------------------------------------------------


def _painted(images: np.ndarray) -> np.ndarray:
    """Grey levels (N, 8, 8) from 0 to 16 as int64 (N, 3, 8, 8), each image in two colours of its own.

    A level g mixes g parts of the ink with 16 - g parts of the paper, rounded to the nearest level, halves up. Whole
    numbers alone are reckoned with, so the result is the same on every machine.
    """
    ink = np.array([_colour("ink", i, *INK) for i in range(len(images))])[:, :, None, None]
    paper = np.array([_colour("paper", i, *PAPER) for i in range(len(images))])[:, :, None, None]
    grey = images.astype(np.int64)[:, None]
    return (grey * ink + (GREY - grey) * paper + GREY // 2) // GREY


def _colour(name: str, i: int, saturation: float, value: float) -> list[int]:
    """Red, green and blue of image i, 0 to 16; the hue is as good as drawn at random, and can never change.

    It is the first four bytes of the SHA-256 of "NAME i", as a share of 2 ** 32.
    """
    drawn = sha256(f"{name} {i}".encode("ascii")).digest()[:4]
    hue = int.from_bytes(drawn, "big") / 2**32
    return [round(GREY * share) for share in colorsys.hsv_to_rgb(hue, saturation, value)]


DIGITS = DataSet(
    name="digits",
    loader=_load_digits,
    images=True,
    description="1,797 handwritten digits of 8x8 pixels with 17 grey levels; with levels=2 (the default) "
    "a pixel is 1 where its level is at least 8 of 16; with colour=True each is painted in two colours of its own. "
    "Split 1197/300/300, stratified by class.",
    licence="CC BY 4.0",
    source="scikit-learn (UCI, Optical Recognition of Handwritten Digits; E. Alpaydin, C. Kaynak, 1998)",
)
