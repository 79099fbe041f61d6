"""The command line: which commands there are, and that errors come as one message with exit code 1."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from armodels_lite import data
from armodels_lite.cli import app


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
    assert all(command in printed for command in ("lab", "test", "execute", "doctor", "data"))


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


@pytest.mark.parametrize(("passed", "code"), [(True, 0), (False, 1)])
def test_test_exits_with_the_verdict(monkeypatch, passed, code) -> None:
    asked = []
    monkeypatch.setattr(
        "armodels_lite.commands.stages.run_all", lambda fast: asked.append(fast) or passed
    )
    assert invoke("test", "--fast").exit_code == code
    assert invoke("test").exit_code == code
    assert asked == [True, False]


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
