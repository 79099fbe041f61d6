"""From a recipe to a checkpoint that ships, and back: train, write, measure again."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import torch

from .card import read_card, write_card
from .chain import AutoregressiveModel
from .data import load
from .data.containers import Data
from .recipes import Recipe, find_recipe
from .saving import SHIPPED, find_folder, load_pretrained, round_weights
from .training import Evaluation, History, evaluate, fit

__all__ = ["Comparison", "evaluate_checkpoint", "train_recipe"]

STORED = torch.float16  # half the size; what is measured is what is stored
RUNS = SHIPPED.parent.parent / "runs"


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
        device, progress: as for `ar.fit`.

    Returns:
        The checkpoint's folder; None when the training was interrupted, and in all but the first of several processes.

    Raises:
        ValueError: an unknown recipe; a training under way in `runs` that was started with other numbers or data.
        FileNotFoundError: the data are not here and cannot be fetched.
    """
    recipe = find_recipe(name)
    data, model = load(recipe.data, **recipe.options), recipe.untrained()
    run = Path(runs or RUNS) / recipe.name
    history = fit(
        model,
        data.train,
        data.valid,
        **recipe.training,
        seed=recipe.seed,
        device=device,
        checkpoint=run,
        resume=True,
        progress=progress,
    )
    if history.stopped_because == "interrupted" or os.environ.get("RANK", "0") != "0":
        return None
    round_weights(model, STORED)
    folder = Path(output or SHIPPED) / recipe.name
    _write(folder, model, _card(recipe, data, model, history, device))
    shutil.rmtree(run)
    return folder


@dataclass(frozen=True)
class Comparison:
    """A checkpoint measured again: what its card says and what was found, in nats per example."""

    name: str
    recorded: float
    measured: Evaluation

    def __str__(self) -> str:
        return f"{self.name}: {self.measured}; its card says {self.recorded:.2f} nats"


def evaluate_checkpoint(name: str | Path, part: str = "test") -> Comparison:
    """Measure a checkpoint on the data that its card names.

    Args:
        name: of a checkpoint that ships, or a folder with one.
        part: "valid" or "test".

    Raises:
        ValueError: another part, a damaged checkpoint.
        FileNotFoundError: no such checkpoint; the data are not here and cannot be fetched.
    """
    if part not in ("valid", "test"):
        raise ValueError(f"part is {part!r}; accepted: 'valid', 'test'")
    model, card = load_pretrained(name), read_card(find_folder(name))
    data = load(card["data"]["name"], **card["data"]["options"])
    measured = evaluate(model, getattr(data, part))
    return Comparison(card["name"], card["scores"][part]["nats"], measured)


def _write(folder: Path, model: AutoregressiveModel, card: dict) -> None:
    """The three files, in a folder that takes its place only when it is complete."""
    unfinished, before = (folder.with_name(f".{folder.name}.{what}") for what in ("new", "old"))
    for left_over in (unfinished, before):
        shutil.rmtree(left_over, ignore_errors=True)
    model.save_pretrained(unfinished, stored_dtype=STORED)
    write_card(unfinished, card)
    if folder.exists():
        os.replace(folder, before)
    os.replace(unfinished, folder)
    shutil.rmtree(before, ignore_errors=True)


def _card(
    recipe: Recipe, data: Data, model: AutoregressiveModel, history: History, device: str
) -> dict:
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
        "scores": {part: _score(model, data, part) for part in ("valid", "test")},
        "published": recipe.published,
        "history": {
            "best epoch": history.best_epoch,
            "train loss": [round(loss, 3) for loss in history.train_loss],
            "valid loss": [round(loss, 3) for loss in history.valid_loss],
        },
        "compute": {"minutes": round(sum(history.seconds) / 60, 1), **_machine(device)},
    }


def _score(model: AutoregressiveModel, data: Data, part: str) -> dict:
    found = evaluate(model, getattr(data, part))
    return {
        "nats": round(found.nats, 4),
        "standard error": round(found.standard_error, 4),
        "bits per dim": round(found.bits_per_dim, 5),
        "examples": found.n,
    }


def _machine(device: str) -> dict:
    gpu = torch.cuda.is_available() and not str(device).startswith("cpu")
    return {
        "device": torch.cuda.get_device_name() if gpu else f"CPU ({platform.machine()})",
        "threads": torch.get_num_threads(),
        "torch": torch.__version__.partition("+")[0],
        "python": platform.python_version(),
    }
