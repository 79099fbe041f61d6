"""Where the files of the data sets lie, how they are checked, and how they get there.

A file is looked for in `ARMODELS_DATA`, if that variable is set, then in the user's cache; each holds one
folder a data set. A file counts only when its SHA-256 is the published one. Otherwise it is downloaded beside
its place and moved there when it has been checked, so that a broken download never replaces a good file.
"""

from __future__ import annotations

import os
import threading
import warnings
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from ..progress import Progress

__all__ = ["PackedFile", "RemoteFile", "find", "find_packed", "folders", "obtain", "write_packed"]

VARIABLE = "ARMODELS_DATA"
TIMEOUT = (10.0, 60.0)  # seconds: to connect, and between two pieces of the answer
CHUNK = 1 << 16  # bytes


@dataclass(frozen=True)
class RemoteFile:
    """A file that is fetched: its name, SHA-256 (hex), size in bytes, and its addresses, best first.

    Some archives are packed anew when they are asked for, so that their bytes may change while what is in them does
    not. For such a file `contents(path)` gives the SHA-256 of what we use of it, or raises ValueError. That must
    then be `sha256`, and `bytes` is only about right.
    """

    name: str
    sha256: str
    bytes: int
    urls: tuple[str, ...]
    contents: Callable[[Path], str] | None = None


@dataclass(frozen=True)
class PackedFile:
    """A .npz that we keep instead of the (larger) files it is made from.

    Attributes:
        name: the file's name.
        sha256: of each array's bytes (C order). A .npz has no fixed bytes of its own: they depend on who
            wrote it.
        build: makes the arrays from the paths of the data set's RemoteFiles.
    """

    name: str
    sha256: dict[str, str]
    build: Callable[[list[Path]], dict[str, np.ndarray]]


def folders() -> list[Path]:
    """The folders that may hold data, in the order in which they are searched."""
    import pooch

    named = os.environ.get(VARIABLE)
    cache = Path(pooch.os_cache("armodels_lite"))
    return [Path(named).expanduser(), cache] if named else [cache]


def _problem(path: Path, file: RemoteFile, quick: bool = False) -> str | None:
    """What is wrong with the file, or None. A file found good is not read again until it changes."""
    stat = path.stat()
    if not file.contents and stat.st_size != file.bytes:
        return f"{stat.st_size:,} bytes instead of {file.bytes:,}"
    seen = (str(path), stat.st_mtime_ns, file.sha256)
    if seen in _found_good or (quick and not file.contents):
        return None
    try:
        digest = file.contents(path) if file.contents else sha256(path.read_bytes()).hexdigest()
    except ValueError as error:
        return str(error)
    if digest != file.sha256:
        return f"SHA-256 {digest} instead of {file.sha256}"
    _found_good.add(seen)
    return None


_found_good: set[tuple[str, int, str]] = set()


def find(dataset: str, file: RemoteFile, quick: bool = False) -> tuple[Path | None, list[str]]:
    """The path of the first good copy, or None; and what is wrong with the copies that are not good.

    `quick` judges a copy by its size alone, unless only its contents can tell.
    """
    damaged = []
    for path in _candidates(dataset, file.name):
        wrong = _problem(path, file, quick)
        if wrong is None:
            return path, damaged
        damaged.append(f"{path} is damaged ({wrong})")
    return None, damaged


def find_packed(
    dataset: str, packed: PackedFile
) -> tuple[Path | None, dict[str, np.ndarray], list[str]]:
    """As `find`, with the arrays in the good copy (empty where there is none)."""
    damaged = []
    for path in _candidates(dataset, packed.name):
        try:
            return path, _read_packed(path, packed), damaged
        except ValueError as error:
            damaged.append(str(error))
    return None, {}, damaged


def obtain(dataset: str, file: RemoteFile) -> Path:
    """The path of a good copy of `file`, downloaded if need be.

    Raises:
        FileNotFoundError: there is none and no address gave one.
        ValueError: there is only a damaged one and no address gave a good one.
        PermissionError: there is nowhere to write it to.
    """
    path, damaged = find(dataset, file)
    if path is None and damaged:
        warnings.warn("; ".join(damaged) + "; fetching it anew", UserWarning, stacklevel=2)
    return path or _download(dataset, file, damaged)


def write_packed(dataset: str, packed: PackedFile, arrays: dict[str, np.ndarray]) -> Path:
    """Keep the arrays where data may be written; raises ValueError if they are not the published ones."""
    target = _writable_folder(dataset) / packed.name
    part = _beside(target)
    try:
        with part.open("wb") as stream:
            np.savez_compressed(stream, **arrays)
        _read_packed(part, packed)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return target


def _read_packed(path: Path, packed: PackedFile) -> dict[str, np.ndarray]:
    """The arrays in `path`; raises ValueError, naming the file, unless they are the published ones."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in packed.sha256}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is damaged ({error})") from error
    for key, digest in packed.sha256.items():
        if sha256(np.ascontiguousarray(arrays[key])).hexdigest() != digest:
            raise ValueError(f"{path} is damaged (the array {key!r} is not the published one)")
    return arrays


def _candidates(dataset: str, name: str) -> list[Path]:
    return [path for folder in folders() if (path := folder / dataset / name).is_file()]


def _writable_folder(dataset: str) -> Path:
    """The data set's folder in the first place where it can be made; it exists afterwards."""
    for folder in folders():
        target = folder / dataset
        existing = next(parent for parent in (target, *target.parents) if parent.exists())
        # The mode is asked too, because to a superuser everything looks writable.
        if existing.is_dir() and os.access(existing, os.W_OK) and existing.stat().st_mode & 0o222:
            target.mkdir(parents=True, exist_ok=True)
            return target
    tried = " nor ".join(str(folder / dataset) for folder in folders())
    raise PermissionError(
        f"can write neither to {tried}; set {VARIABLE} to a folder that can be written to"
    )


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}-{threading.get_ident()}.part")


def _download(dataset: str, file: RemoteFile, damaged: list[str]) -> Path:
    target = _writable_folder(dataset) / file.name
    part, failures = _beside(target), []
    try:
        for url in file.urls:
            try:
                _transfer(url, part, file)
                wrong = _problem(part, file)
            except OSError as error:  # what requests raises derives from it
                wrong = str(error)
            if wrong is None:
                os.replace(part, target)
                return target
            failures.append(f"  {url}\n    {wrong}")
    finally:
        part.unlink(missing_ok=True)
    found = "".join(f"{text}.\n" for text in damaged)
    of = "Its contents'" if file.contents else "Its"
    message = (
        f"{found}The file {file.name!r} of the data set {dataset!r} could not be fetched:\n"
        + "\n".join(failures)
        + "\n"
        f"To install it by hand, download it on a machine with a network and put it into\n  {target.parent}\n"
        f"(or set {VARIABLE} to a folder that holds {dataset}/{file.name}). {of} SHA-256 is {file.sha256}."
    )
    raise ValueError(message) if damaged else FileNotFoundError(message)


def _transfer(url: str, part: Path, file: RemoteFile) -> None:
    import pooch

    with Progress(file.bytes, file.name, unit="B") as progress:
        watch = _PoochProgress(progress) if progress.shown else False
        get = pooch.HTTPDownloader(progressbar=watch, chunk_size=CHUNK, timeout=TIMEOUT)
        get(url, str(part), None)


class _PoochProgress:
    """The four members that pooch asks of a progress bar."""

    def __init__(self, progress: Progress) -> None:
        self.progress, self.total = progress, progress.total

    def update(self, size: int) -> None:
        self.progress.update(size)

    def reset(self) -> None:
        """pooch rewinds the bar to fill it at the end; ours is removed instead."""

    def close(self) -> None:
        self.progress.close()
