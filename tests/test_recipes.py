"""Recipes, and what becomes of them: a checkpoint that can be trusted, whatever stops its training."""

from __future__ import annotations

import inspect
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import recipe_toys
import torch
from recipe_toys import STEPS, TINY, assert_equal, card_of, rewrite_card, tiny

import armodels_lite as ar
from armodels_lite import checkpoints, data, recipes, saving
from armodels_lite.checkpoints import train_recipe
from armodels_lite.recipes import RECIPES, Recipe, find_recipe
from armodels_lite.training import Settings, checkpoint

places, straight, shipped = (
    recipe_toys.places,
    recipe_toys.straight,
    recipe_toys.shipped,
)  # fixtures
TESTS = Path(__file__).parent


# ---- the recipes of the course -----------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=lambda recipe: recipe.name)
def test_a_recipe_can_be_run_and_its_numbers_stand_in_a_card(recipe: Recipe) -> None:
    given = {**recipe.training, "seed": recipe.seed}
    assert json.loads(json.dumps([given, dict(recipe.options)])) == [given, dict(recipe.options)]
    arguments = inspect.signature(ar.fit).parameters
    defaults = {name: arguments[name].default for name in Settings.__dataclass_fields__}
    Settings(**{**defaults, **given})
    accepted = inspect.signature(data.registry()[recipe.data].loader).parameters
    given_too = {"given", "shades"} if data.registry()[recipe.data].images else set()
    assert set(recipe.options) <= {*accepted} | given_too
    assert recipe.options.get("given") in (None, *data.given.GIVEN)
    assert recipe.about and RECIPES[recipe.name] is recipe and find_recipe(recipe.name) is recipe
    json.dumps(recipe.untrained().config())


def test_untrained_is_the_same_each_time_and_disturbs_nothing() -> None:
    recipe = tiny(model=lambda: ar.NADE((1, 8, 8), hidden=5))
    torch.manual_seed(1)
    first = torch.rand(3)
    torch.manual_seed(1)
    one = recipe.untrained()
    assert torch.equal(torch.rand(3), first)
    assert_equal(one, recipe.untrained())
    other = replace(recipe, seed=4).untrained()
    assert not torch.equal(one.W, other.W)


def test_an_unknown_recipe_lists_the_known() -> None:
    with pytest.raises(ValueError, match="no recipe 'x'; there are: .*binarized_mnist_fvsbn"):
        find_recipe("x")


def test_recipes_are_named_once() -> None:
    assert len(recipes._LISTED) == len(RECIPES)


# ---- from a recipe to a checkpoint -------------------------------------------------------------------------


def die_at_step(monkeypatch, step: int, error: type[BaseException] = KeyboardInterrupt):
    """Training stops in this step (from 1) of the process."""
    loss, calls = ar.FVSBN._loss, iter(range(1, 1000))

    def dying(self, x, context=None):
        if next(calls) == step:
            raise error
        return loss(self, x, context)

    monkeypatch.setattr(ar.FVSBN, "_loss", dying)


def test_the_checkpoint_is_what_was_trained_rounded_and_measured(straight) -> None:
    assert sorted(path.name for path in straight.iterdir()) == [
        "card.json",
        "config.json",
        "model.safetensors",
    ]
    assert not list((straight.parent.parent / "runs").iterdir())
    digits, model = ar.load("digits"), TINY.untrained()
    history = ar.fit(model, digits.train, digits.valid, **TINY.training, seed=TINY.seed)
    saving.round_weights(model, torch.float16)
    assert_equal(ar.load_pretrained(straight), model)
    card, found = card_of(straight), ar.evaluate(model, digits.test)
    assert card["scores"]["test"]["nats"] == pytest.approx(found.nats, abs=6e-5)
    assert card["scores"]["test"]["examples"] == 300
    assert card["training"] == {**TINY.training, "seed": 3}
    assert card["history"]["valid loss"] == [round(loss, 3) for loss in history.valid_loss]
    assert card["data"]["train / valid / test"] == [1197, 300, 300] and card["parameters"] == 2080


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
import torch
torch.set_num_threads({threads})
import armodels_lite as ar
from armodels_lite.checkpoints import train_recipe
from recipe_toys import STEPS, register
register()
loss, calls = ar.FVSBN._loss, []
def dying(self, x, context=None):
    calls.append(x)
    if len(calls) == STEPS + 2:                    # in the middle of the second epoch of this process
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    return loss(self, x, context)
ar.FVSBN._loss = dying
train_recipe("tiny", {out!r}, {runs!r})
"""


@pytest.mark.slow
def test_killed_twice_it_ends_with_the_same_weights_and_losses(tmp_path, straight, places) -> None:
    out, runs = tmp_path / "out", tmp_path / "runs"
    code = KILLED.format(
        tests=str(TESTS), threads=torch.get_num_threads(), out=str(out), runs=str(runs)
    )
    for finished in (1, 2):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        if os.name == "posix":
            assert done.returncode == -signal.SIGKILL, done.stderr
        state = checkpoint.load(runs / "tiny")[1]
        assert len(state["history"]["train_loss"]) == finished
        assert not (out / "tiny").exists()
    resumed = train_recipe("tiny", out, runs)
    assert_equal(ar.load_pretrained(resumed), ar.load_pretrained(straight))
    ours, theirs = card_of(resumed), card_of(straight)
    for key in ("history", "scores", "sha256"):
        assert ours[key] == theirs[key]
    assert not (runs / "tiny").exists()


def test_interrupted_it_says_so_and_goes_on(monkeypatch, straight, places) -> None:
    with monkeypatch.context() as patch:
        die_at_step(patch, 2 * STEPS + 1)
        with pytest.raises(KeyboardInterrupt):
            train_recipe("tiny")
    assert not places["folder"].exists() and checkpoint.exists(places["run"])
    with monkeypatch.context() as patch:
        die_at_step(patch, 2 * STEPS + 1)  # two epochs are left
        assert train_recipe("tiny") == places["folder"]
    assert_equal(ar.load_pretrained("tiny"), ar.load_pretrained(straight))
    assert card_of(places["folder"])["history"] == card_of(straight)["history"]


def test_stopped_while_it_is_measured_it_need_not_train_again(monkeypatch, places, shipped) -> None:
    """The checkpoint that was there before stays."""
    rewrite_card(shipped, lambda card: card.update(date="long ago"))
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "evaluate", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train_recipe("tiny")
    assert card_of(shipped)["date"] == "long ago" and ar.load_pretrained("tiny")
    die_at_step(monkeypatch, 1)
    train_recipe("tiny")
    assert card_of(shipped)["date"] != "long ago"


@pytest.fixture
def unfinished(monkeypatch, places) -> Path:
    """The folder of a training that was stopped after two of four epochs."""
    with monkeypatch.context() as patch:
        die_at_step(patch, 2 * STEPS + 1)
        with pytest.raises(KeyboardInterrupt):
            train_recipe("tiny")
    return places["run"]


def test_a_damaged_state_is_replaced_by_the_one_before_it(unfinished, straight) -> None:
    path = unfinished / checkpoint.LATEST
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.warns(UserWarning, match=r"checkpoint\.safetensors is truncated or damaged"):
        folder = train_recipe("tiny")
    assert_equal(ar.load_pretrained(folder), ar.load_pretrained(straight))


def test_when_no_state_is_whole_the_message_names_the_folder_to_remove(unfinished) -> None:
    for name in (checkpoint.LATEST, checkpoint.PREVIOUS):
        (unfinished / name).write_bytes(b"nothing")
    with pytest.raises(ValueError) as caught:
        train_recipe("tiny")
    assert f"remove the folder {unfinished}" in str(caught.value)
    shutil.rmtree(unfinished)
    assert train_recipe("tiny")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (tiny(learning_rate=0.5), "learning_rate was 0.02, is 0.5"),
        (tiny(seed=8), "seed was 3, is 8"),
        (tiny(model=lambda: ar.FVSBN((1, 8, 8), ordering="reverse")), "of another model"),
        (tiny(model=lambda: ar.NADE((1, 8, 8), hidden=2)), "of another model"),
    ],
    ids=["rate", "seed", "ordering", "class"],
)
def test_a_training_of_other_numbers_is_not_gone_on_with(
    unfinished, monkeypatch, changed, message
) -> None:
    monkeypatch.setitem(RECIPES, "tiny", changed)
    before = (unfinished / checkpoint.LATEST).read_bytes()
    with pytest.raises(ValueError, match=message) as caught:
        train_recipe("tiny")
    assert f"remove the folder {unfinished}" in str(caught.value)
    assert (unfinished / checkpoint.LATEST).read_bytes() == before


def test_an_unfinished_training_from_before_the_model_was_noted_goes_on(
    unfinished, straight
) -> None:
    (unfinished / checkpoints.MODEL).unlink()
    assert_equal(ar.load_pretrained(train_recipe("tiny")), ar.load_pretrained(straight))


@pytest.mark.parametrize("which", ["output", "runs"])
def test_a_folder_that_cannot_be_written_is_noticed_before_the_training(
    tmp_path, monkeypatch, places, which
) -> None:
    def forbidden(*_, **__):
        raise AssertionError("training started")

    monkeypatch.setattr(checkpoints, "fit", forbidden)
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="cannot write into .*file"):
        train_recipe("tiny", **{which: tmp_path / "file"})


def test_a_device_that_is_not_there(places) -> None:
    with pytest.raises(ValueError, match="device is 'warp', which is unknown or not there"):
        train_recipe("tiny", device="warp")
    train_recipe("tiny", device="cpu")  # and what was left behind is in nobody's way


TWO = """
import sys
sys.path.insert(0, {tests!r})
from armodels_lite.cli import app
from recipe_toys import register
register()
import armodels_lite.checkpoints as checkpoints
from pathlib import Path
checkpoints.RUNS = Path({runs!r})
app(["train", "--recipe", "tiny", "--output", {out!r}])
"""


@pytest.mark.slow
def test_of_two_processes_the_first_writes(tmp_path, straight) -> None:
    script = tmp_path / "two.py"
    out, runs = tmp_path / "out", tmp_path / "runs"
    script.write_text(TWO.format(tests=str(TESTS), out=str(out), runs=str(runs)))
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(
        [sys.executable, *torchrun, str(script)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("nats on 300 test examples") == 1 and "interrupted" not in done.stderr
    ours, theirs = card_of(out / "tiny"), card_of(straight)
    for part in ("train loss", "valid loss"):
        assert ours["history"][part] == pytest.approx(theirs["history"][part], abs=2e-3)
    assert not (runs / "tiny").exists()
