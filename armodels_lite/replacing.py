"""Replacing a folder as a whole: a process killed at any moment leaves the old one or the new one, complete."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

__all__ = ["current", "finish", "replace_folder"]


def replace_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Let `fill` write files into a new folder beside this one, then put it in this one's place.

    What raises in `fill`, or stops it, leaves the folder as it was.
    """
    finish(folder)
    unfinished = _beside(folder, "unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    fill(unfinished)
    for path in unfinished.iterdir():
        with path.open("rb+") as file:
            os.fsync(file.fileno())  # on the disk before the old folder goes
    os.replace(unfinished, _beside(folder, "new"))
    finish(folder)


def finish(folder: Path) -> None:
    """Do what remains of a replacement that was stopped when the new folder was complete."""
    new, old = _beside(folder, "new"), _beside(folder, "old")
    if new.is_dir():
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
            os.replace(folder, old)
        os.replace(new, folder)
    shutil.rmtree(old, ignore_errors=True)


def current(folder: Path) -> Path:
    """Where the folder's content is: beside it when a replacement was stopped between its two renames."""
    if folder.name and not folder.exists() and (new := _beside(folder, "new")).is_dir():
        return new
    return folder


def _beside(folder: Path, what: str) -> Path:
    return folder.with_name(f".{folder.name}.{what}")
