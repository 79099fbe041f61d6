"""Measured results that took too long for a notebook: written by a script of benchmarks/, read by name."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

__all__ = ["FOLDER", "stored_results"]

FOLDER = files(__package__).joinpath("results")


def stored_results(name: str) -> dict[str, dict[str, Any]]:
    """What the script wrote under this name, row by row; its docstring in benchmarks/ says what was measured.

    "digits_seeds" (benchmarks/seeds.py): for each model its number of "parameters" and the "nats" per test image of
    the binary digits, one for each training. "digits_made" (benchmarks/made.py): the same for MADEs of several sizes.
    "spoken_digits" (benchmarks/spoken_digits.py): how samples of the WaveNet that says digits are judged, beside real
    recordings, and nats per level; each row has entries of its own, "..._se" being standard errors.

    Those of notebook 14, seconds throughout. "side_by_side" (benchmarks/side_by_side.py): for each model "parameters",
    what its conditionals have in common ("shares"), "nats" per test and "valid" image and the "seconds" of each
    training, and the mean nats "per image". "side_by_side_cost", "side_by_side_mnist": "steps" and "cache bytes" a
    sample, and for samples drawn together or alone the seconds each takes "cached", "naive" and "predictive", and the
    "passes" of the last. "complexity" (benchmarks/complexity.py): for each length in "T" the seconds of a "pass", of a
    "training step" and of drawing, "cached" and "naive". In these four the row "measured" names the "machine", the
    "date" and the "seeds".

    Raises ValueError for a name under which nothing is stored.

    >>> len(stored_results("digits_seeds")["NADE"]["nats"])
    5
    """
    known = sorted(file.name.removesuffix(".json") for file in FOLDER.iterdir())
    if name not in known:
        raise ValueError(f"there are stored results for {', '.join(known)}, got {name!r}")
    return json.loads(FOLDER.joinpath(f"{name}.json").read_text(encoding="utf-8"))
