"""The card of a checkpoint: how it was made, what it scores, and the SHA-256 of its files."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path

__all__ = ["CARD", "read_card", "verify_files", "write_card"]

CARD = "card.json"


def write_card(folder: Path, entries: dict) -> None:
    """Write card.json, `entries` and the SHA-256 of every other file in the folder."""
    digests = {path.name: _digest(path) for path in sorted(folder.iterdir()) if path.name != CARD}
    unfinished = folder / f".{CARD}.unfinished"
    text = json.dumps({**entries, "sha256": digests}, indent=2, ensure_ascii=False)
    unfinished.write_text(text + "\n", encoding="utf-8")
    os.replace(unfinished, folder / CARD)


def read_card(folder: Path) -> dict:
    """What the card says. Raises FileNotFoundError without one, ValueError for one that is damaged."""
    path = folder / CARD
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: this is no checkpoint of a recipe")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        digests = card["sha256"]
        if not all(isinstance(digest, str) for digest in digests.values()):
            raise TypeError("sha256 must hold text")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: {error!r}") from error
    return card


def verify_files(folder: Path) -> None:
    """Raise ValueError unless every file that the card lists is there as it was written; no card, no check."""
    if not (folder / CARD).is_file():
        return
    for name, expected in read_card(folder)["sha256"].items():
        path = folder / name
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing")
        found = _digest(path)
        if found != expected:
            raise ValueError(f"{path} is damaged: its SHA-256 is {found}, its card says {expected}")


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
