"""The command line: which commands there are, and that errors come as one message with exit code 1."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import recipe_toys
from recipe_toys import rewrite_card
from typer.testing import CliRunner

from armodels_lite import checkpoints, data
from armodels_lite.cli import app
from armodels_lite.recipes import RECIPES

places, straight, shipped = (
    recipe_toys.places,
    recipe_toys.straight,
    recipe_toys.shipped,
)  # fixtures


def invoke(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def two_sets(monkeypatch):
    """A registry of two data sets, of which `bad` fails whatever is asked."""
    entry = SimpleNamespace(description="What it is.", licence="CC0")

    def ask(name: str) -> list[str]:
        if name == "bad":
            raise ValueError("file.gz of 'bad' is damaged")
        return [f"/data/{name}"]

    monkeypatch.setattr(data, "registry", lambda: {"good": entry, "bad": entry})
    monkeypatch.setattr(
        data, "status", lambda name: SimpleNamespace(state="missing", bytes=1_500_000)
    )
    monkeypatch.setattr(data, "fetch", ask)
    monkeypatch.setattr(data, "verify", ask)


def test_help_lists_the_commands() -> None:
    printed = invoke("--help").output
    assert all(
        command in printed
        for command in ("lab", "test", "execute", "train", "evaluate", "doctor", "data")
    )


def test_an_unknown_data_set_is_one_clear_message() -> None:
    result = invoke("data", "fetch", "nowhere")
    assert result.exit_code == 1
    assert "unknown data set 'nowhere'; known: digits" in result.output
    assert "Traceback" not in result.output


def test_a_missing_notebook_ends_with_code_1() -> None:
    result = invoke("execute", "nowhere.ipynb")
    assert result.exit_code == 1 and "no notebook at" in result.output


def test_an_unknown_option_is_refused() -> None:
    assert invoke("lab", "--port", "0").exit_code == 2
    assert invoke("nonsense").exit_code == 2


def test_data_list_shows_state_size_and_licence(two_sets) -> None:
    printed = invoke("data", "list").output
    assert (
        "good: missing, 1.5 MB to fetch" in printed
        and "What it is." in printed
        and "CC0" in printed
    )


def test_data_fetch_stops_at_the_first_failure(two_sets) -> None:
    assert "good: /data/good" in invoke("data", "fetch", "good").output
    result = invoke("data", "fetch")
    assert result.exit_code == 1 and "error: file.gz of 'bad' is damaged" in result.output


def test_data_verify_goes_through_all_and_fails_when_one_is_bad(two_sets) -> None:
    assert invoke("data", "verify", "good").exit_code == 0
    result = invoke("data", "verify", "bad", "good")
    assert result.exit_code == 1
    assert "bad: file.gz of 'bad' is damaged" in result.output and "good: good" in result.output


def test_train_without_a_recipe_lists_them_one_a_line() -> None:
    result = invoke("train")
    listed = [f"{recipe.name}: {recipe.about}" for recipe in RECIPES.values()]
    assert result.exit_code == 0 and result.output.splitlines() == listed
    result = invoke("train", "--recipe", "nonsense")
    assert result.exit_code == 1
    assert result.output.splitlines() == ["error: no recipe 'nonsense'; there are", *listed]


def test_train_writes_a_checkpoint_that_evaluate_confirms(places, shipped, tmp_path) -> None:
    result = invoke("train", "--recipe", "tiny", "--output", str(tmp_path / "out"))
    folder = tmp_path / "out" / "tiny"
    assert result.exit_code == 0 and f"{folder}: " in result.output
    assert f"its state is kept in {places['run']}" in result.output
    result = invoke("evaluate", str(folder), "--part", "valid")
    assert result.exit_code == 0 and "tiny on valid, 300 examples" in result.output
    result = invoke("evaluate", str(folder), "--first")
    assert result.exit_code == 0 and "tiny on test, the first 300 examples" in result.output
    assert invoke("evaluate", str(folder), "--write-first").exit_code == 0
    result = invoke("evaluate", str(folder), "--first", "--write-first")
    assert result.exit_code == 1 and "give one of them" in result.output
    assert invoke("evaluate").output == "tiny: FVSBN on small digits\n"
    rewrite_card(shipped, lambda card: card["scores"]["test"].update(nats=1.0))
    result = invoke("evaluate", "tiny")
    assert result.exit_code == 1 and "its card says 1.0000: NOT the same" in result.output
    (shipped / "card.json").unlink()
    result = invoke("evaluate")
    assert result.exit_code == 0 and result.output.startswith("tiny: ")
    assert "card.json is missing" in result.output


def test_evaluate_without_any_checkpoint(places) -> None:
    assert invoke("evaluate").output == "no checkpoint ships\n"
    result = invoke("evaluate", "tiny")
    assert result.exit_code == 1 and "no shipped checkpoint of that name" in result.output
    assert invoke("evaluate", "tiny", "--part", "train").exit_code == 1


@pytest.mark.parametrize("option", ["--first", "--write-first"])
def test_evaluate_of_the_first_examples_needs_a_name(shipped, option) -> None:
    result = invoke("evaluate", option)
    assert result.exit_code == 1
    assert result.output == f"error: {option} needs the name of a checkpoint\n"


def test_evaluate_first_says_that_it_is_for_the_test_part(shipped) -> None:
    rewrite_card(shipped, lambda card: card["scores"]["valid"].pop("first"))
    result = invoke("evaluate", "tiny", "--first", "--part", "valid")
    assert result.exit_code == 1 and "--part valid --write-first" in result.output
    assert "Of the test part; of valid where" in " ".join(
        invoke("evaluate", "--help").output.replace("│", "").split()
    )


def test_an_interrupted_training_ends_with_code_130(monkeypatch, places) -> None:
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "fit", interrupted)
    result = invoke("train", "--recipe", "tiny")
    assert result.exit_code == 130 and "the same command goes on" in result.output


@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 1)])
def test_test_exits_with_the_verdict(monkeypatch, passed, code) -> None:
    asked = []
    monkeypatch.setattr(
        "armodels_lite.commands.stages.run_all",
        lambda fast, whole: asked.append((fast, whole)) or passed,
    )
    assert invoke("test", "--fast").exit_code == code
    assert invoke("test").exit_code == code
    assert invoke("test", "--whole").exit_code == code
    assert asked == [(True, False), (False, False), (False, True)]


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "armodels_lite.cli", "data", "fetch", "nowhere"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.startswith("error: unknown data set") and "Traceback" not in result.stderr


@pytest.mark.parametrize("command", [["data", "list"], ["data", "verify", "digits"]], ids=" ".join)
def test_output_that_nobody_reads_any_more_ends_quietly(command: list[str]) -> None:
    """As in `armodels data list | head -1`, where the reader goes first."""
    read, write = os.pipe()
    os.close(read)
    try:
        result = subprocess.run(
            [sys.executable, "-m", "armodels_lite.cli", *command],
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        os.close(write)
    assert result.stderr == "" and result.returncode == 1
