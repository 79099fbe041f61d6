"""Texts as sequences of characters: tiny_shakespeare, names and course_text."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np

from ..text import Vocabulary
from .containers import Split, TextData
from .entry import DataSet, accept
from .store import RemoteFile, obtain

__all__ = ["COURSE_TEXT", "NAMES", "TINY_SHAKESPEARE"]

PARTS = ("train", "valid", "test")


# ---- one long text, cut into windows -----------------------------------------------------------------------


def _windows(entry: DataSet, text: str, window: int) -> TextData:
    """The first 90% of a text is train; valid and test are the halves of the rest.

    The windows, (N, window) int64, follow one another without overlap; what is left at the end of a part is in
    `.text` only.
    """
    start = len(text) * 9 // 10
    middle = (start + len(text)) // 2
    parts = dict(zip(PARTS, (text[:start], text[start:middle], text[middle:]), strict=True))
    accept(entry, "window", window, range(1, min(map(len, parts.values())) + 1))
    vocabulary = Vocabulary.of(text)
    splits = {}
    for part, characters in parts.items():
        n = len(characters) // window
        splits[part] = Split(vocabulary.encode(characters[: n * window]).reshape(n, window))
    return TextData(
        **entry.about(),
        **splits,
        event_shape=(window,),
        levels=len(vocabulary),
        vocabulary=vocabulary,
        text=parts,
    )


# ---- tiny Shakespeare --------------------------------------------------------------------------------------


def _load_tiny_shakespeare(entry: DataSet, window: int = 256) -> TextData:
    """x: (N, window) int64, 65 symbols; y: None."""
    content = obtain(entry.name, entry.remote[0]).read_bytes()
    return _windows(entry, content.decode("ascii"), window)


TINY_SHAKESPEARE = DataSet(
    name="tiny_shakespeare",
    loader=_load_tiny_shakespeare,
    description="1,115,394 characters of Shakespeare's plays, 65 symbols: whole in .text, and in windows of "
    "256 characters (window=). Train is the usual first 90%; the usual validation set, the last 10%, is "
    "cut into two halves, valid and test.",
    licence="public domain (the plays)",
    source="A. Karpathy, char-rnn, 2015",
    remote=(
        RemoteFile(
            "input.txt",
            "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            1115394,
            (
                "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
            ),
        ),
    ),
)


# ---- names -------------------------------------------------------------------------------------------------

NAME_LENGTH = 16  # the longest name has 15 letters; END follows
NAME_ORDER_SHA256 = "b5032dc5886717659e35dae395cced94273d116e6cac1c4c5e7c20279c1b35e2"


def _load_names(entry: DataSet) -> TextData:
    """x: (N, 16) int64, 26 letters and END, which has the number 0 and is written "."; y: None."""
    listed = obtain(entry.name, entry.remote[0]).read_text(encoding="ascii").split()
    names = list(dict.fromkeys(listed))  # each once: a name must not stand in train and in test
    vocabulary = Vocabulary(".abcdefghijklmnopqrstuvwxyz", end=".")
    rows = vocabulary.encode_all(names, NAME_LENGTH)
    parts = dict(zip(PARTS, _shuffled_parts(len(names)), strict=True))
    return TextData(
        **entry.about(),
        **{part: Split(rows[indices]) for part, indices in parts.items()},
        event_shape=(NAME_LENGTH,),
        levels=len(vocabulary),
        vocabulary=vocabulary,
        text={part: "\n".join(names[i] for i in indices) for part, indices in parts.items()},
    )


def _shuffled_parts(n: int) -> list[np.ndarray]:
    """The indices 0 to n - 1 in a random order that is always the same, cut after 80% and 90%.

    NumPy does not promise that another version permutes alike, so the order itself is checked (ValueError).
    """
    order = np.random.Generator(np.random.PCG64(0)).permutation(n)
    if sha256(order.astype("<i8").tobytes()).hexdigest() != NAME_ORDER_SHA256:
        raise ValueError(
            f"NumPy {np.__version__} permutes otherwise than the one that the split of 'names' was made with"
        )
    return np.split(order, [n * 8 // 10, n * 9 // 10])


NAMES = DataSet(
    name="names",
    loader=_load_names,
    description="29,494 different first names given in the USA, a to z, 2 to 15 letters, filled up with the END "
    "symbol to 16. Split 23595/2949/2950 at random.",
    licence="MIT (makemore); the names are from the US Social Security Administration",
    source="A. Karpathy, makemore, 2022",
    remote=(
        RemoteFile(
            "names.txt",
            "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
            228145,
            ("https://raw.githubusercontent.com/karpathy/makemore/master/names.txt",),
        ),
    ),
)


# ---- the course's own text ---------------------------------------------------------------------------------

COURSE_TEXT_PATH = Path(__file__).resolve().parents[2] / "data" / "course_text.txt"
COURSE_TEXT_SHA256 = "aed7c8c8252cb93ecd55698eda84efdaa2bb1a4b7b882444c1b7396bec6ded57"


def _load_course_text(entry: DataSet, window: int = 128) -> TextData:
    """x: (N, window) int64, 62 symbols; y: None."""
    if not COURSE_TEXT_PATH.is_file():
        raise FileNotFoundError(
            f"{COURSE_TEXT_PATH} is missing: it comes with a checkout of the course, not with the package alone"
        )
    text = COURSE_TEXT_PATH.read_text(encoding="ascii")  # line endings of any kind become \n
    if sha256(text.encode()).hexdigest() != COURSE_TEXT_SHA256:
        raise ValueError(
            f"{COURSE_TEXT_PATH} is not the text that stored results were made with: restore it from the repository"
        )
    return _windows(entry, text, window)


COURSE_TEXT = DataSet(
    name="course_text",
    loader=_load_course_text,
    description="83,185 characters of prose from the notebooks of this course, 62 symbols, frozen: whole in "
    ".text, and in windows of 128 characters (window=). The first 90% are train, then 5% valid and 5% test.",
    licence="MIT",
    source="this course (data/course_text.txt)",
)
