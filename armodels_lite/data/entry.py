"""What every data set has: its entry in the registry, and the checks and splits that loaders share.

A new data set joins in three steps:

1. In the file of its kind (images.py, features.py, series.py, or a new one), write its loader,
   `_load_NAME(entry, **options) -> Data`. Its keyword arguments are the options that `load` accepts.
2. Beside it, write its entry, `NAME = DataSet(...)`, with the files to fetch, if there are any.
3. Name the entry in `REGISTRY` (__init__.py), and describe it in data/README.md of the course.

`load`, `status`, `fetch` and `verify` then know it.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

import numpy as np
import torch

from .containers import Data, Split
from .store import PackedFile, RemoteFile, find, find_packed, obtain, write_packed

__all__ = [
    "DataSet",
    "accept",
    "as_published",
    "committed_split",
    "packed_arrays",
    "split_indices",
    "statistics",
]


@dataclass(frozen=True)
class DataSet:
    """One entry of the registry.

    Attributes:
        name: what `load` is asked for.
        loader: `loader(entry, **options) -> Data`; its keyword arguments are the options.
        description, licence, source: for people.
        remote: the files to fetch; empty where the data come with an installed package.
        packed: what is kept instead of those files, if anything.
        images: whether its events are images (C, H, W), so that `load(given=)` can tell something of them.
    """

    name: str
    loader: Callable[..., Data]
    description: str
    licence: str
    source: str
    remote: tuple[RemoteFile, ...] = ()
    packed: PackedFile | None = None
    images: bool = False

    def about(self) -> dict[str, str]:
        """The fields that every Data repeats."""
        return {
            "name": self.name,
            "description": self.description,
            "licence": self.licence,
            "source": self.source,
        }


# ---- checks ------------------------------------------------------------------------------------------------


def accept(entry: DataSet, option: str, value: object, accepted: range | tuple[int, ...]) -> None:
    """Raise ValueError, listing what is accepted, unless the option's value is one of these ints."""
    if isinstance(value, bool) or not isinstance(value, int) or value not in accepted:
        choice = (
            f"{accepted.start} to {accepted.stop - 1}" if isinstance(accepted, range) else accepted
        )
        raise ValueError(
            f"the data set {entry.name!r} has no {option}={value!r}; accepted: {choice}"
        )


def as_published(values: np.ndarray, digest: str, entry: DataSet) -> None:
    """Data that come with another package must be those that split and stored results were made with.

    Args:
        values: of any shape, in a unit in which they are whole numbers; they are rounded to int64.
        digest: the SHA-256 (hex) of the rounded values, little-endian, in C order.
        entry: named in the error.

    Raises:
        ValueError: the values are others.
    """
    if sha256(np.rint(values).astype("<i8").tobytes()).hexdigest() != digest:
        raise ValueError(
            f"the installed {entry.source} holds other {entry.name!r} data than this course was made with"
        )


# ---- splits and statistics ---------------------------------------------------------------------------------


def split_indices(entry: DataSet, n: int) -> dict[str, torch.Tensor]:
    """The int64 indices of "train", "valid" and "test" among `n` examples, each ascending.

    Those of valid and test are committed, in splits.json; train has all others.
    """
    committed = json.loads(files(__package__).joinpath("splits.json").read_text(encoding="utf-8"))
    stored = committed[entry.name]
    rest = torch.ones(n, dtype=torch.bool)
    rest[stored["valid"] + stored["test"]] = False
    return {
        "train": rest.nonzero().flatten(),
        "valid": torch.tensor(stored["valid"]),
        "test": torch.tensor(stored["test"]),
    }


def committed_split(entry: DataSet, x: torch.Tensor, y: torch.Tensor) -> dict[str, Split]:
    """Examples (N, *event_shape) and labels (N,) as the Splits "train", "valid" and "test"."""
    return {part: Split(x[i], y[i]) for part, i in split_indices(entry, len(x)).items()}


def statistics(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation (dividing by N) along the first axis, in the unit of `values`."""
    return values.mean(0), values.std(0, correction=0)


# ---- arrays that are kept instead of files -----------------------------------------------------------------


def packed_arrays(entry: DataSet) -> dict[str, np.ndarray]:
    """The entry's packed arrays, made once from its files. Files fetched for that alone are removed again.

    Raises:
        ValueError, FileNotFoundError, PermissionError: as `store.obtain` and `store.write_packed`.
    """
    path, arrays, damaged = find_packed(entry.name, entry.packed)
    if path is not None:
        return arrays
    if damaged:
        warnings.warn("; ".join(damaged) + "; making it anew", UserWarning, stacklevel=2)
    present = [find(entry.name, file)[0] for file in entry.remote]
    paths = [
        before or obtain(entry.name, file)
        for before, file in zip(present, entry.remote, strict=True)
    ]
    arrays = entry.packed.build(paths)
    write_packed(entry.name, entry.packed, arrays)
    for before, fetched in zip(present, paths, strict=True):
        if before is None:
            fetched.unlink()
    return arrays
