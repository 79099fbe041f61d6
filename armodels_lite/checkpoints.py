"""From a recipe to a checkpoint that ships, and back: train, write, measure again."""

from __future__ import annotations

import json
import math
import os
import platform
import shutil
import tempfile
import warnings
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import torch

from .base import Model
from .card import read_card, write_card
from .data import load
from .data.containers import Data, Split
from .recipes import Recipe, find_recipe
from .replacing import replace_folder
from .saving import SHIPPED, find_folder, load_pretrained, round_weights
from .training import Evaluation, History, checkpoint, evaluate, fit

__all__ = ["RUNS", "Comparison", "evaluate_checkpoint", "train_recipe", "write_first_score"]

STORED = torch.float16  # half the size; what is measured is what is stored
RUNS = SHIPPED.parent.parent / "runs"
MODEL = "model.json"  # in the folder of an unfinished training: the model that is trained there
PARTS = ("valid", "test")

# What `first=True` measures: at most so many examples, and variables. Seconds, even for a slow model on long sounds.
FIRST_EXAMPLES, FIRST_VARIABLES = 500, 2**18

# ---- train -------------------------------------------------------------------------------------------------


def train_recipe(
    name: str,
    output: str | Path | None = None,
    runs: str | Path | None = None,
    device: str = "auto",
    progress: bool | str = "auto",
) -> Path | None:
    """Run a recipe and write its checkpoint: config.json, model.safetensors, card.json.

    The state of the training is kept in a folder after each epoch. Stopped (Ctrl-C, a killed process, a power cut) and
    called again, the run goes on where it was, to the last bit, and removes that folder when the checkpoint is written.
    A checkpoint that was there before stays until the new one is complete.

    The weights are rounded to 16 bits, then measured, so that the card's scores are those of the stored weights.

    Args:
        name: of the recipe.
        output: folder for checkpoints; this one goes to output/name. The course's data/checkpoints unless given.
        runs: folder for the state of unfinished trainings. The course's runs/ unless given.
        device, progress: as for `ar.fit`. Measuring is done on the CPU.

    Returns:
        The checkpoint's folder; None in all but the first of several processes.

    Raises:
        KeyboardInterrupt: the training was interrupted; the next call goes on.
        ValueError: an unknown recipe or device; a training under way in `runs` that was started with another model,
            other numbers or data, or that is damaged beyond repair: the message names the folder to remove.
        FileNotFoundError: the data are not here and cannot be fetched.
        OSError: `output` or `runs` cannot be written to, which is tried before the training starts.
    """
    recipe = find_recipe(name)
    folder, run = Path(output or SHIPPED) / recipe.name, Path(runs or RUNS) / recipe.name
    _require_writable(folder.parent)
    _require_writable(run)
    data, model = load(recipe.data, **recipe.options), recipe.untrained()
    history = _fit(recipe, data, model, run, device, progress)
    if history.stopped_because == "interrupted":
        raise KeyboardInterrupt
    if not _is_first_process():
        return None
    round_weights(model, STORED)
    card = _card(recipe, data, model, history, device)

    def fill(unfinished: Path) -> None:
        model.save_pretrained(unfinished, stored_dtype=STORED)
        write_card(unfinished, card)

    replace_folder(folder, fill)
    shutil.rmtree(run, ignore_errors=True)
    return folder


def _fit(
    recipe: Recipe,
    data: Data,
    model: Model,
    run: Path,
    device: str,
    progress: bool | str,
) -> History:
    """Train, from where a run that was stopped is; what keeps it from going on is said with the way out."""
    try:
        resume = _where_to_go_on(run)
        _require_same_model(run, model)
        return fit(
            model,
            data.train,
            data.valid,
            **recipe.training,
            seed=recipe.seed,
            device=device,
            checkpoint=run,
            resume=resume,
            progress=progress,
        )
    except ValueError as error:
        if str(run) not in str(error):
            raise
        raise ValueError(
            f"{error}\nTo start the training anew, remove the folder {run}; the epochs done there are then lost."
        ) from error


def _where_to_go_on(run: Path) -> bool | str:
    """What `fit` is to resume from: the latest state, or, if that is damaged, the one before it.

    Either leads to the same weights. Raises ValueError when both are damaged.
    """
    if not checkpoint.exists(run):
        return True
    try:
        checkpoint.load(run)
    except ValueError as error:
        if not (run / checkpoint.PREVIOUS).exists():
            raise
        checkpoint.load(run, previous=True)
        warnings.warn(f"{error}; going on from that one", UserWarning, stacklevel=4)
        return "previous"
    return True


def _require_same_model(run: Path, model: Model) -> None:
    """Raise ValueError if the training in `run` is of a model built otherwise; note the model if there is none.

    `fit` compares the shapes of the weights, which another ordering, for instance, does not change.
    """
    path, mine = run / MODEL, json.dumps(model.config(), indent=2, sort_keys=True) + "\n"
    if checkpoint.exists(run) and path.exists():
        if path.read_text(encoding="utf-8") != mine:
            raise ValueError(f"the training in {run} is of another model than this recipe's")
        return
    unfinished = path.with_name(f".{MODEL}.{os.getpid()}")
    unfinished.write_text(mine, encoding="utf-8")
    os.replace(unfinished, path)


def _require_writable(folder: Path) -> None:
    """Raise OSError now, not after hours, if nothing can be written into the folder; it is made if need be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise type(error)(f"cannot write into {folder}: {error}") from error


def _is_first_process() -> bool:
    several = torch.distributed.is_available() and torch.distributed.is_initialized()
    return not several or torch.distributed.get_rank() == 0


# ---- measure again -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Comparison:
    """A checkpoint measured again.

    Attributes:
        name: of the checkpoint.
        part: of the data, "valid" or "test".
        recorded: what its card says, in nats per example.
        measured: what was found now.
        first: whether only the first examples of the part were measured.
    """

    name: str
    part: str
    recorded: float
    measured: Evaluation
    first: bool = False

    @property
    def tolerance(self) -> float:
        """How far two machines may differ by rounding, in nats: 0.001, or a hundred-thousandth of a large score."""
        return max(1e-3, 1e-5 * abs(self.recorded))

    @property
    def agrees(self) -> bool:
        """Whether the two differ by no more than that."""
        return abs(self.measured.nats - self.recorded) <= self.tolerance

    def __str__(self) -> str:
        measured = self.measured
        verdict = "the same" if self.agrees else f"NOT the same within {self.tolerance:.3g} nats"
        examples = f"{'the first ' if self.first else ''}{measured.n} examples"
        return (
            f"{self.name} on {self.part}, {examples}: measured {measured.nats:.4f} nats "
            f"(standard error {measured.standard_error:.2f}), its card says {self.recorded:.4f}: {verdict}"
        )


def evaluate_checkpoint(name: str | Path, part: str = "test", *, first: bool = False) -> Comparison:
    """Measure a checkpoint, on the CPU, on the data that its card names.

    Args:
        name: of a checkpoint that ships, or a folder with one.
        part: "valid" or "test".
        first: measure only the part's first examples, as many as the card's entry "first" counts: seconds instead of
            up to minutes.

    Raises:
        ValueError: another part, a damaged checkpoint, data that do not fit the model; a card that does not say what
            the first examples score, where `first` asks for it.
        FileNotFoundError: no such checkpoint, or one without a card; the data are not here and cannot be fetched.
    """
    if part not in PARTS:
        raise ValueError(f"part is {part!r}; accepted: {', '.join(map(repr, PARTS))}")
    folder = find_folder(name)
    card, model = read_card(folder), load_pretrained(folder)
    recorded = card["scores"][part]
    if first:
        if "first" not in recorded:
            raise ValueError(
                f"the card in {folder} does not say what the first {part} examples score; "
                f"`armodels evaluate {card['name']} --part {part} --write-first` measures that and writes it there"
            )
        recorded = recorded["first"]
    several = recorded["examples"] if first else None  # None: all
    try:
        measured = evaluate(model, _split(card, part)[:several])
    except TypeError as error:
        raise ValueError(f"{folder} does not fit the data that its card names: {error}") from error
    return Comparison(card["name"], part, recorded["nats"], measured, first)


def _split(card: dict[str, Any], part: str) -> Split:
    return getattr(load(card["data"]["name"], **card["data"]["options"]), part)


def write_first_score(name: str | Path, part: str = "test") -> Comparison:
    """Write into a checkpoint's card what the first examples of a part score, for `first=True` later.

    A card written by `train_recipe` says so already; this is for one that does not. The whole part is measured, and
    nothing is written unless it agrees with the card.

    Args:
        name: of a checkpoint that ships, or a folder with one.
        part: "valid" or "test".

    Returns:
        How the whole part compares with the card.

    Raises:
        ValueError, FileNotFoundError: as `evaluate_checkpoint`.
    """
    comparison = evaluate_checkpoint(name, part)
    if comparison.agrees:
        folder = find_folder(name)
        card = read_card(folder)
        card["scores"][part]["first"] = _first(comparison.measured, _split(card, part))
        write_card(folder, card)
    return comparison


# ---- what the card says ------------------------------------------------------------------------------------


def _card(
    recipe: Recipe, data: Data, model: Model, history: History, device: str
) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "about": recipe.about,
        "date": date.today().isoformat(),
        "command": f"armodels train --recipe {recipe.name}",
        "data": {
            "name": recipe.data,
            "options": dict(recipe.options),
            "train / valid / test": [len(data.train), len(data.valid), len(data.test)],
            "licence": data.licence,
        },
        "training": {**recipe.training, "seed": recipe.seed},
        "parameters": model.num_parameters(),
        "scores": {part: _score(model, data, part) for part in PARTS},
        "published": recipe.published,
        "history": {
            "best epoch": history.best_epoch,
            "train loss": [round(loss, 3) for loss in history.train_loss],
            "valid loss": [round(loss, 3) for loss in history.valid_loss],
        },
        "compute": {"minutes": round(sum(history.seconds) / 60, 1), **_machine(device)},
    }


def _score(model: Model, data: Data, part: str) -> dict[str, Any]:
    split = getattr(data, part)
    found = evaluate(model, split)
    bits = found.bits_per_dim
    return {
        "nats": round(found.nats, 4),
        "standard error": round(found.standard_error, 4),
        "bits per dim": None if bits is None else round(bits, 5),
        "examples": found.n,
        "first": _first(found, split),
    }


def _first(found: Evaluation, split: Split) -> dict[str, float | int]:
    """What the first of the examples score: FIRST_EXAMPLES of them, or fewer where they are long or few."""
    # The length of the examples, which may be less than what the model takes.
    fit_in = FIRST_VARIABLES // math.prod(split.x.shape[1:])
    several = max(1, min(FIRST_EXAMPLES, fit_in, found.n))
    return {"examples": several, "nats": round(found.per_example[:several].mean().item(), 4)}


def _machine(device: str) -> dict[str, str | int]:
    kind = str(device).partition(":")[0]
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    name = (
        torch.cuda.get_device_name(None if device == "auto" else device) if kind == "cuda" else ""
    )
    return {
        "device": name or f"{kind.upper()} ({platform.machine()})",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__.partition("+")[0],
        "python": platform.python_version(),
    }
