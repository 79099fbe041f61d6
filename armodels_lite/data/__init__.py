"""Data sets by name: `load("digits")`. What is known about each stands in data/README.md of the course.

Nothing here unpickles anything, and no data set but the registry's is ever fetched. The data sets stand in
digits.py, images.py, photographs.py, terrain.py, features.py, series.py, texts.py, music.py and speech.py, each entry
beside its loader; entry.py tells how a new one joins.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from pathlib import Path

from ..arguments import flag
from ..shades import to_shades
from .containers import Data, FeatureData, MusicData, SeriesData, SoundData, Split, TextData
from .digits import DIGITS
from .entry import DataSet, packed_arrays
from .features import BREAST_CANCER
from .given import check_given, told
from .images import BINARIZED_MNIST, FASHION_MNIST, MNIST
from .music import JSB_CHORALES, as_keys
from .photographs import CIFAR10
from .results import stored_results
from .series import CO2, SUNSPOTS
from .speech import FSDD
from .store import PackedFile, RemoteFile, find, find_packed, folders, obtain
from .terrain import HILLS
from .texts import COURSE_TEXT, NAMES, TINY_SHAKESPEARE

__all__ = [
    "Data",
    "DataSet",
    "FeatureData",
    "MusicData",
    "PackedFile",
    "RemoteFile",
    "SeriesData",
    "SoundData",
    "Split",
    "Status",
    "TextData",
    "as_keys",
    "fetch",
    "folders",
    "load",
    "registry",
    "status",
    "stored_results",
    "verify",
]

REGISTRY: dict[str, DataSet] = {
    entry.name: entry
    for entry in (
        DIGITS,
        MNIST,
        BINARIZED_MNIST,
        FASHION_MNIST,
        CIFAR10,
        HILLS,
        BREAST_CANCER,
        SUNSPOTS,
        CO2,
        TINY_SHAKESPEARE,
        NAMES,
        COURSE_TEXT,
        JSB_CHORALES,
        FSDD,
    )
}


@dataclass(frozen=True)
class Status:
    """Whether a data set is there.

    Attributes:
        name: the data set.
        state: "included" (comes with an installed package, or with the course), "ready", "missing" or "damaged".
        files: each file's name and its path, or None where it is missing.
        bytes: what remains to be fetched.
    """

    name: str
    state: str
    files: dict[str, Path | None]
    bytes: int


def load(name: str, *, given: str | None = None, shades: bool = False, **options) -> Data:
    """Load a data set by name, fetching it first if it is not here yet.

    Args:
        name: one of `registry()`.
        given: for images: y is what a model is told about each in place of its label, float32 from 0 to 1: "half", a
            copy of half the height and width (N, C, H / 2, W / 2); "luminance", the grey values of colours
            (N, 1, H, W); "noisy", a copy (N, C, H, W) of black and white in which a tenth of the pixels is wrong.
        shades: for images: x holds floats from 0 to 1, float32, level k of K as k / (K - 1), as classifiers see them.
        options: "digits": `levels=2` (float32 0/1, a pixel is 1 where its grey level is at least 8 of 16)
            or `levels=17` (int64 grey levels); `flat=True` for sequences (64,); `colour=True` paints each in colours
            of its own, int64 (3, 8, 8) with 17 levels. "mnist", "fashion_mnist": `levels=2` to 256.
            "binarized_mnist": `labels=True` finds the digits once by comparison with mnist, `patch=2` makes symbols
            (1, 14, 14) of 2x2 pixels. "sunspots", "co2", "tiny_shakespeare", "course_text": `window=`, the length of
            the windows. "jsb_chorales": `window=`, `step=`, `voices=` and `transposed=`. "fsdd": `window=`,
            `levels=2` to 256, and `voices=True` to tell the speaker with the digit. "hills": `window=` 8 to 50,
            `levels=` 2 to 16. "cifar10" has none.
            data/README.md tells more.

    Returns:
        Data with `.train`, `.valid`, `.test` (each with `.x` and `.y`), `.event_shape`,
        `.description`.

    Raises:
        ValueError: an unknown name or option (the accepted ones are listed), or a damaged file that could not
            be fetched anew.
        FileNotFoundError: a file is missing and could not be fetched; says where to put it by hand.

    >>> data = load("digits")
    >>> data.train.x.shape, data.train.x.dtype, len(data.valid), len(data.test)
    (torch.Size([1197, 1, 8, 8]), torch.float32, 300, 300)
    """
    entry = _entry(name)
    accepted = tuple(inspect.signature(entry.loader).parameters)[1:]
    unknown = [option for option in options if option not in accepted]
    if unknown:
        listed = ", ".join((*accepted, *(["given", "shades"] if entry.images else []))) or "none"
        raise ValueError(f"the data set {name!r} has no option {unknown[0]!r}; accepted: {listed}")
    if given is not None:
        check_given(given)
        _need_pixels(entry, f"given={given!r}", options)
    if flag("shades", shades):
        _need_pixels(entry, "shades=True", options)
    data = entry.loader(entry, **options)
    if given is not None:
        data = told(data, given)
    return _shaded(data) if shades else data


def _shaded(data: Data) -> Data:
    """The data with x as shades, float32 from 0 to 1, in place of levels."""
    parts = {}
    for part in ("train", "valid", "test"):
        split = getattr(data, part)
        parts[part] = replace(split, x=to_shades(split.x, data.levels))
    return replace(data, **parts)


def _need_pixels(entry: DataSet, argument: str, options: dict[str, object]) -> None:
    if not entry.images:
        raise ValueError(f"the data set {entry.name!r} holds no images, so it has no {argument}")
    if options.get("patch", 1) != 1:
        raise ValueError(f"{argument} needs pixels, and patch= makes symbols of them")


def registry() -> dict[str, DataSet]:
    """The known data sets by name, a copy.

    >>> ", ".join(name for name, entry in registry().items() if entry.remote)
    'mnist, binarized_mnist, fashion_mnist, cifar10, tiny_shakespeare, names, jsb_chorales, fsdd'
    >>> ", ".join(name for name, entry in registry().items() if not entry.remote)
    'digits, hills, breast_cancer, sunspots, co2, course_text'
    """
    return dict(REGISTRY)


def status(name: str) -> Status:
    """Whether the data set is here. Files are judged by their sizes alone; `verify` reads them."""
    entry = _entry(name)
    if entry.packed and (path := find_packed(name, entry.packed)[0]):
        return Status(name, "ready", {entry.packed.name: path}, 0)
    if not entry.remote:
        return Status(name, "included", {}, 0)
    found = {file: find(name, file, quick=True) for file in entry.remote}
    lacking = [file for file, (path, _) in found.items() if path is None]
    damaged = any(found[file][1] for file in lacking)
    state = "damaged" if damaged else "missing" if lacking else "ready"
    files = {file.name: path for file, (path, _) in found.items()}
    return Status(name, state, files, sum(file.bytes for file in lacking))


def fetch(name: str) -> list[Path]:
    """Fetch whatever of the data set is missing or damaged; returns the paths of its files (none if
    included).

    Raises:
        ValueError, FileNotFoundError, PermissionError: as `load`.
    """
    entry = _entry(name)
    if entry.packed:
        packed_arrays(entry)
        return [find_packed(name, entry.packed)[0]]
    return [obtain(name, file) for file in entry.remote]


def verify(name: str) -> list[Path]:
    """Read every file of the data set that is here and compare it with the published SHA-256.

    Returns:
        The paths of the files, all good; none for a data set that comes with an installed package.

    Raises:
        FileNotFoundError: a file is missing (named, with the folders that were searched).
        ValueError: a file is damaged (named), or an installed package holds other data than expected.
    """
    entry = _entry(name)
    if not entry.remote:
        load(name)
        return []
    if entry.packed:
        path, _, damaged = find_packed(name, entry.packed)
        if damaged and path is None:
            raise ValueError("; ".join(damaged))
        if path is not None:
            return [path]
    return [_verified(name, file) for file in entry.remote]


def _verified(name: str, file: RemoteFile) -> Path:
    path, damaged = find(name, file)
    if path is not None:
        return path
    if damaged:
        raise ValueError("; ".join(damaged))
    places = ", ".join(str(folder / name) for folder in folders())
    raise FileNotFoundError(f"{file.name} of the data set {name!r} is in none of: {places}")


def _entry(name: str) -> DataSet:
    if name not in REGISTRY:
        raise ValueError(f"unknown data set {name!r}; known: {', '.join(REGISTRY)}")
    return REGISTRY[name]
