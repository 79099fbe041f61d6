"""The card of a checkpoint: how it was made, what it scores, and the SHA-256 of its files."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

__all__ = ["CARD", "read_card", "verify_files", "write_card"]

CARD = "card.json"

# What others read from a card, and its type. A name with slashes is an entry of an entry.
_READ = {
    "name": str,
    "about": str,
    "data/name": str,
    "data/options": dict,
    "scores/valid/nats": (int, float),
    "scores/test/nats": (int, float),
    "scores/test/examples": int,
    "sha256/config.json": str,
    "sha256/model.safetensors": str,
}
# A card may lack "first", what the first examples of a part score; if it is there, these are read.
_READ_WITH_FIRST = {"examples": int, "first/examples": int, "first/nats": (int, float)}


def write_card(folder: Path, entries: dict[str, Any]) -> None:
    """Write card.json, `entries` and the SHA-256 of every other file in the folder."""
    digests = {path.name: _digest(path) for path in sorted(folder.iterdir()) if path.name != CARD}
    unfinished = folder / f".{CARD}.unfinished"
    text = json.dumps({**entries, "sha256": digests}, indent=2, ensure_ascii=False)
    unfinished.write_text(text + "\n", encoding="utf-8", newline="\n")
    os.replace(unfinished, folder / CARD)


def read_card(folder: Path) -> dict[str, Any]:
    """What the card says. Raises FileNotFoundError without one, ValueError for one that is damaged."""
    path = folder / CARD
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: {folder} holds no checkpoint of a recipe")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    scores = {part: _entry(card, f"scores/{part}") for part in ("valid", "test")}
    with_first = [
        part for part, score in scores.items() if isinstance(score, dict) and "first" in score
    ]
    kinds = dict(_READ)
    for part in with_first:
        kinds |= {f"scores/{part}/{name}": kind for name, kind in _READ_WITH_FIRST.items()}
    for name, kind in kinds.items():
        value = _entry(card, name)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise ValueError(f"{path} is damaged: its entry {name} is {value!r}")
    for part in with_first:
        several, most = scores[part]["first"]["examples"], scores[part]["examples"]
        if not 1 <= several <= most:
            raise ValueError(
                f"{path} is damaged: its entry scores/{part}/first/examples is {several}, accepted are 1 to {most}"
            )
    return card


def _entry(card: object, name: str) -> object:
    """The entry of an entry that a name with slashes means; None where there is none."""
    for key in name.split("/"):
        card = card.get(key) if isinstance(card, dict) else None
    return card


def verify_files(folder: Path) -> None:
    """Compare the files in a folder with the SHA-256 that its card lists; without a card there is nothing to compare.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file or the card is damaged, or they do not belong together.
    """
    if not (folder / CARD).is_file():
        return
    for name, expected in read_card(folder)["sha256"].items():
        path = folder / name
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing")
        found = _digest(path)
        if found != expected:
            raise ValueError(
                f"{path} is damaged, or of another checkpoint: its SHA-256 is {found}, {CARD} says {expected}"
            )


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
