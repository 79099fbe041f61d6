"""`armodels test`: all stages run, each counts, and a missing Chromium is never silent."""

from __future__ import annotations

import pytest

from armodels_lite.commands import stages
from armodels_lite.commands.environment import course_root


def test_the_stages_of_a_whole_and_of_a_fast_run() -> None:
    root = course_root()
    names = ["style", "unit tests and doctests", "notebooks", "browser"]
    assert [stage.name for stage in stages.stages(root, fast=False)] == names
    assert [stage.name for stage in stages.stages(root, fast=True)] == names[:2]


@pytest.mark.parametrize("whole", [False, True])
def test_checkpoints_are_measured_on_all_of_their_test_data_where_that_is_asked_for(whole) -> None:
    unit = stages.stages(course_root(), fast=True, whole=whole)[1]
    (command,) = unit.commands
    left_out = command[command.index("-m", command.index("-n")) + 1]
    assert ("slow_whole" in left_out) is not whole and "not browser" in left_out


def test_notebooks_are_compared_strictly_each_on_one_worker() -> None:
    (command,) = stages.notebook_stage(course_root()).commands
    assert "--nbval" in command and "--nbval-lax" not in command
    assert command[command.index("--dist") + 1] == "loadscope"
    assert command[command.index("-n") + 1] == "2"


def test_no_notebook_is_a_failure(tmp_path, capsys) -> None:
    result = stages.run_stage(stages.notebook_stage(tmp_path), tmp_path, call=lambda *a, **k: 0)
    assert result.outcome == "failed" and "no notebook in" in result.remark


@pytest.mark.parametrize(("ci", "outcome"), [(True, "failed"), (False, "skipped")])
def test_a_missing_chromium_fails_in_ci_and_is_shown_elsewhere(
    tmp_path, capsys, ci, outcome
) -> None:
    def never(*arguments, **options):
        raise AssertionError("the browser stage must not run without a browser")

    result = stages.run_stage(stages.browser_stage(None, ci), tmp_path, call=never)
    assert result.outcome == outcome
    assert f"{outcome.upper()}: no Chromium found. Install it with" in capsys.readouterr().out


def test_a_failing_command_fails_its_stage_and_the_others_run_all_the_same(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("MPLBACKEND", "something")
    seen = []

    def call(command, cwd, env):
        seen.append((command, cwd, env.get("MPLBACKEND"), env["OMP_NUM_THREADS"]))
        return len(seen) == 1

    first = stages.Stage("first", [["a"], ["b"]])
    second = stages.Stage("second", [["c"]], keep_backend=False)
    results = [stages.run_stage(stage, tmp_path, call) for stage in (first, second)]
    assert [result.outcome for result in results] == ["failed", "passed"]
    assert seen == [
        (["a"], tmp_path, "Agg", "1"),
        (["b"], tmp_path, "Agg", "1"),
        (["c"], tmp_path, None, "1"),
    ]


@pytest.mark.parametrize("code", [0, 1])
def test_the_summary_names_every_stage_and_decides(monkeypatch, capsys, code) -> None:
    chosen = [
        stages.Stage("one", [["x"]]),
        stages.Stage("two", [], "nothing here", obligatory=False),
    ]
    monkeypatch.setattr(stages, "stages", lambda root, fast, whole: chosen)
    monkeypatch.setattr(
        stages, "run_stage", lambda stage, root: run(stage, root, lambda *a, **k: code)
    )
    assert stages.run_all() is (code == 0)
    summary = capsys.readouterr().out.split("=== summary ===")[1]
    assert ("passed" if code == 0 else "failed") in summary
    assert "skipped" in summary and "nothing here" in summary


run = stages.run_stage
