"""A recipe that takes no time, and its checkpoint, for tests of what surrounds a training."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import armodels_lite as ar
from armodels_lite import checkpoints, saving
from armodels_lite.checkpoints import train_recipe
from armodels_lite.recipes import RECIPES, Recipe

STEPS = 3  # an epoch: 1,197 images in batches of 400

TINY = Recipe(
    name="tiny",
    about="FVSBN on small digits",
    data="digits",
    model=lambda: ar.FVSBN((1, 8, 8)),
    training={
        "batch_size": 400,
        "epochs": 4,
        "learning_rate": 0.02,
        "schedule": "cosine",
        "ema": 0.9,
    },
    seed=3,
    published="nothing",
)


def tiny(**changes: object) -> Recipe:
    """The recipe with other entries; those of `training` are given as keyword arguments too."""
    training = {key: changes.pop(key) for key in list(changes) if key in TINY.training}
    return replace(TINY, training={**TINY.training, **training}, **changes)


def register(recipe: Recipe = TINY) -> None:
    """Among the course's recipes, for a process of its own; tests take monkeypatch.setitem."""
    RECIPES[recipe.name] = recipe


@pytest.fixture
def places(tmp_path, monkeypatch) -> dict[str, Path]:
    """The tiny recipe among the others, and folders for checkpoints and unfinished trainings."""
    monkeypatch.setitem(RECIPES, "tiny", TINY)
    monkeypatch.setattr(checkpoints, "SHIPPED", tmp_path / "shipped")
    monkeypatch.setattr(saving, "SHIPPED", tmp_path / "shipped")
    monkeypatch.setattr(checkpoints, "RUNS", tmp_path / "runs")
    return {"folder": tmp_path / "shipped" / "tiny", "run": tmp_path / "runs" / "tiny"}


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> Path:
    """The tiny checkpoint of a training that nothing stopped."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECIPES, "tiny", TINY)
        root = tmp_path_factory.mktemp("straight")
        return train_recipe("tiny", root / "out", root / "runs")


@pytest.fixture
def shipped(straight, places) -> Path:
    """A copy of that checkpoint, where checkpoints ship."""
    return shutil.copytree(straight, places["folder"])


def assert_equal(one: ar.FVSBN, other: ar.FVSBN) -> None:
    ours, theirs = one.state_dict(), other.state_dict()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def card_of(folder: Path) -> dict:
    return json.loads((folder / "card.json").read_text())


def rewrite_card(folder: Path, change: Callable[[dict], object]) -> None:
    card = card_of(folder)
    change(card)
    (folder / "card.json").write_text(json.dumps(card))
