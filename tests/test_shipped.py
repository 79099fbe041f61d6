"""Every checkpoint that ships: small, whole, of a recipe that still says the same, and as good as its card says."""

from __future__ import annotations

import json
import math
import re
import time

import pytest

import armodels_lite as ar
from armodels_lite import data
from armodels_lite.card import read_card
from armodels_lite.checkpoints import evaluate_checkpoint
from armodels_lite.density import DensityModel
from armodels_lite.recipes import RECIPES
from armodels_lite.saving import SHIPPED, shipped

LARGEST, LARGEST_SUM = 5_000_000, 40_000_000  # bytes
NAMES = shipped()
FILES = ["card.json", "config.json", "model.safetensors"]

# Paths of a machine: /home/somebody, /tmp/x, C:\Users, and the like; "a / b" and "nats/dim" are none.
MACHINE_PATH = re.compile(r"(?<![\w.])[/~]\w+/|[A-Za-z]:\\|\\\\\w|file:")

each = pytest.mark.parametrize("name", NAMES)


def size(name: str) -> int:
    return sum(path.stat().st_size for path in (SHIPPED / name).iterdir())


def test_what_counts_as_a_path_of_a_machine() -> None:
    found = ["/home/ada/x", "in /tmp/x", '"/root/a"', r"C:\Users", "~/x/y", "file://x"]
    assert all(MACHINE_PATH.search(text) for text in found)
    fine = ["train / valid / test", "bits/dim", "https://example.org/x/", "and/or", "CPU (x86_64)"]
    assert not any(MACHINE_PATH.search(text) for text in fine)


def test_all_of_them_are_small_enough_to_ship() -> None:
    assert sum(map(size, NAMES)) <= LARGEST_SUM


@each
def test_it_is_three_small_files(name: str) -> None:
    assert sorted(path.name for path in (SHIPPED / name).iterdir()) == FILES
    assert size(name) <= LARGEST


@each
def test_it_loads_quickly_and_whole(name: str) -> None:
    started = time.process_time()
    model = ar.load_pretrained(name)  # compares the SHA-256 of its files
    assert time.process_time() - started < 2
    assert model.num_parameters() == read_card(SHIPPED / name)["parameters"]


@each
def test_its_recipe_is_the_one_that_it_was_made_with(name: str) -> None:
    """Whoever changes a recipe trains it anew."""
    card, recipe = read_card(SHIPPED / name), RECIPES[name]
    assert card["name"] == name
    assert card["training"] == {**recipe.training, "seed": recipe.seed}
    assert card["data"]["name"] == recipe.data and card["data"]["options"] == dict(recipe.options)
    assert card["about"] == recipe.about and card["published"] == recipe.published
    configs = [model.config() for model in (ar.load_pretrained(name), recipe.untrained())]
    assert json.dumps(configs[0], sort_keys=True) == json.dumps(configs[1], sort_keys=True)


@each
def test_its_card_is_complete(name: str) -> None:
    card = read_card(SHIPPED / name)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", card["date"])
    assert card["command"] == f"armodels train --recipe {name}"
    assert card["data"]["licence"] == data.registry()[card["data"]["name"]].licence
    sizes = dict(zip(("train", "valid", "test"), card["data"]["train / valid / test"], strict=True))
    is_density = isinstance(ar.load_pretrained(name), DensityModel)
    for part in ("valid", "test"):
        score = card["scores"][part]
        assert score["examples"] == sizes[part] and 0 < score["standard error"] < math.inf
        assert math.isfinite(score["nats"])
        if is_density:
            assert math.isfinite(score["bits per dim"])
        else:
            assert score["bits per dim"] is None
    first = card["scores"]["test"].get("first", {})
    assert 1 <= first.get("examples", 0) <= sizes["test"], f"armodels evaluate {name} --write-first"
    history = card["history"]
    epochs = len(history["train loss"])
    assert 1 <= history["best epoch"] <= epochs == len(history["valid loss"])
    assert epochs <= card["training"]["epochs"]
    # Rounded to 16 bits, the weights of the best epoch are hardly worse. The card rounds losses to three decimals.
    best = history["valid loss"][history["best epoch"] - 1]
    assert card["scores"]["valid"]["nats"] == pytest.approx(best, rel=1e-3, abs=5.5e-4)
    assert card["compute"]["minutes"] >= 0
    assert {"device", "threads", "torch", "python"} <= set(card["compute"])
    assert set(card["sha256"]) == set(FILES) - {"card.json"}


@each
def test_no_file_names_a_place_on_a_machine(name: str) -> None:
    header = (SHIPPED / name / "model.safetensors").read_bytes()
    length = int.from_bytes(header[:8], "little")
    texts = [header[8 : 8 + length].decode()]
    texts += [(SHIPPED / name / file).read_text(encoding="utf-8") for file in FILES[:2]]
    for text in texts:
        assert not [value for value in strings(json.loads(text)) if MACHINE_PATH.search(value)]


def strings(value: object) -> list[str]:
    """All texts in a JSON value, keys included."""
    if isinstance(value, dict):
        return [text for pair in value.items() for entry in pair for text in strings(entry)]
    if isinstance(value, list):
        return [text for entry in value for text in strings(entry)]
    return [value] if isinstance(value, str) else []


@each
@pytest.mark.parametrize(
    "first", [True, pytest.param(False, marks=pytest.mark.slow_whole)], ids=["first", "whole"]
)
def test_measured_again_it_is_as_good_as_its_card_says(first: bool, name: str) -> None:
    """On the first examples of the test part, and, where that is asked for, on all of them."""
    source = read_card(SHIPPED / name)["data"]["name"]
    if data.status(source).state not in ("ready", "included"):
        pytest.skip(f"the data set {source} is not here")
    comparison = evaluate_checkpoint(name, first=first)
    assert comparison.measured.nats == pytest.approx(comparison.recorded, abs=1e-3)
    assert comparison.agrees
