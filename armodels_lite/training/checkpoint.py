"""The state of a training run in one file, which is replaced as a whole or not at all.

A safetensors file holds the tensors; its header holds everything else as JSON. The file before it is kept
under another name. Nothing is unpickled.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from torch import Tensor

from ..checksum import checksum

__all__ = ["LATEST", "PREVIOUS", "exists", "load", "save", "set_latest_aside"]

LATEST, PREVIOUS = "checkpoint.safetensors", "previous.safetensors"
ASIDE = "set_aside.safetensors"


def save(folder: Path, tensors: dict[str, Tensor], state: dict) -> None:
    """Write a checkpoint. At every moment the folder holds at least one that is whole."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / f".{LATEST}.unfinished"
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    save_file(
        tensors, unfinished, metadata={"state": json.dumps(state), "crc32": str(checksum(tensors))}
    )
    _flush(unfinished)
    if (folder / LATEST).exists():
        os.replace(folder / LATEST, folder / PREVIOUS)
    os.replace(unfinished, folder / LATEST)
    if os.name == "posix":  # elsewhere a folder cannot be opened
        _flush(folder)


def set_latest_aside(folder: Path) -> None:
    """Give the latest checkpoint another name, when a run goes on from the one before it.

    Else the next `save` would put it, perhaps damaged, in the place of the only one that is whole.
    """
    if (folder / LATEST).exists():
        os.replace(folder / LATEST, folder / ASIDE)


def exists(folder: Path) -> bool:
    """Whether there is a checkpoint to go on from."""
    return (folder / LATEST).exists() or (folder / PREVIOUS).exists()


def load(folder: Path, previous: bool = False) -> tuple[dict[str, Tensor], dict]:
    """Tensors and state of the latest checkpoint, or of the one before it.

    Raises:
        FileNotFoundError: there is none.
        ValueError: the file is truncated or damaged; names it, and what can be gone on from instead.
    """
    path = folder / PREVIOUS if previous else folder / LATEST
    if not previous and not path.exists():  # stopped between the two renames of `save`
        path = folder / PREVIOUS
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    try:
        return _read(path)
    except ValueError as error:
        way_out = "start again in an empty folder"
        if path.name == LATEST and (folder / PREVIOUS).exists():
            way_out = f"resume='previous' goes on from {folder / PREVIOUS}"
        raise ValueError(
            f"the checkpoint {path} is truncated or damaged ({error}); {way_out}"
        ) from error


def _read(path: Path) -> tuple[dict[str, Tensor], dict]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    if "state" not in header or header.get("crc32") != str(checksum(tensors)):
        raise ValueError("the checksum does not match")
    return tensors, json.loads(header["state"])


def _flush(path: Path) -> None:
    """Have the operating system bring a file or folder to the disk."""
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
