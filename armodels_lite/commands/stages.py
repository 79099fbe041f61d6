"""The stages of `armodels test`: style, unit tests, notebooks, browser; each a command of its own.

All stages run even when one fails, so that one run shows everything there is to mend.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from armodels_lite.commands.environment import (
    chromium_advice,
    course_root,
    find_chromium,
    in_ci,
    single_thread,
)

PYTEST = [sys.executable, "-m", "pytest", "-q", "--durations=10", "--durations-min=1"]


@dataclass(frozen=True)
class Stage:
    """One stage: what it is called, the commands it runs, and why it cannot run here (None: it can).

    An obstacle makes the stage count as skipped, or as failed where `obligatory` is true.
    """

    name: str
    commands: Sequence[Sequence[str]]
    obstacle: str | None = None
    obligatory: bool = True
    keep_backend: bool = True


@dataclass(frozen=True)
class Result:
    """What came of a stage: "passed", "failed" or "skipped", the seconds it took, and a remark."""

    name: str
    outcome: str
    seconds: float
    remark: str = ""


def style_stage() -> Stage:
    """Ruff's check and format over the package, the tests and the notebooks."""
    ruff = [sys.executable, "-m", "ruff"]
    return Stage("style", [[*ruff, "check", "."], [*ruff, "format", "--check", "."]])


def unit_stage(whole: bool) -> Stage:
    """Unit tests and doctests with two workers; with `whole`, the checkpoints on all of their test data too."""
    chosen = "not browser" if whole else "not browser and not slow_whole"
    return Stage("unit tests and doctests", [[*PYTEST, "-n", "2", "-m", chosen]])


def notebook_stage(root: Path) -> Stage:
    """Every notebook re-run from top to bottom, its outputs compared with the stored ones.

    `loadscope` keeps a notebook on one worker: without it the cells of one notebook would go to two kernels.
    """
    options = [
        "--nbval",
        "--nbval-current-env",
        "--nbval-sanitize-with",
        str(root / "tests/nbval_sanitize.cfg"),
    ]
    options += ["--nbval-cell-timeout", "120", "-n", "2", "--dist", "loadscope"]
    found = any((root / "notebooks").glob("*.ipynb"))
    obstacle = None if found else f"no notebook in {root / 'notebooks'}"
    return Stage("notebooks", [[*PYTEST, *options, "notebooks"]], obstacle, keep_backend=False)


def browser_stage(chromium: str | None, ci: bool) -> Stage:
    """JupyterLab driven in a real Chromium; without one, skipped on a user's machine and failed in CI.

    Each worker has a JupyterLab of its own. `worksteal` gives a worker neighbouring tests, which share it.
    """
    obstacle = None if chromium else f"no Chromium found. {chromium_advice()}"
    command = [*PYTEST, "-n", "2", "--dist", "worksteal", "-m", "browser", "tests/browser"]
    return Stage("browser", [command], obstacle, obligatory=ci)


def stages(root: Path, fast: bool, whole: bool = False) -> list[Stage]:
    """The stages of a full run, or of a fast one (no notebooks, no browser)."""
    chosen = [style_stage(), unit_stage(whole)]
    if not fast:
        chosen += [notebook_stage(root), browser_stage(find_chromium(), in_ci())]
    return chosen


def run_stage(stage: Stage, root: Path, call: Callable[..., int] = subprocess.call) -> Result:
    """Run one stage's commands in `root`, all of them, and say what came of it."""
    print(f"\n=== {stage.name} ===", flush=True)
    if stage.obstacle:
        outcome = "failed" if stage.obligatory else "skipped"
        print(f"{outcome.upper()}: {stage.obstacle}", flush=True)
        return Result(stage.name, outcome, 0.0, stage.obstacle)
    environment = single_thread(os.environ)
    if stage.keep_backend:
        environment["MPLBACKEND"] = "Agg"
    else:
        # A kernel picks its inline backend only when nothing else is asked for.
        environment.pop("MPLBACKEND", None)
    started = time.perf_counter()
    codes = [call(list(command), cwd=root, env=environment) for command in stage.commands]
    seconds = time.perf_counter() - started
    return Result(stage.name, "failed" if any(codes) else "passed", seconds)


def run_all(fast: bool = False, whole: bool = False) -> bool:
    """Run every stage and print a summary. Returns True when none failed.

    Args:
        fast: leave out the notebooks and the browser.
        whole: measure each checkpoint on its whole test part, not only on the first examples.

    Raises FileNotFoundError when the package is not installed from a checkout of the course.
    """
    root = course_root()
    results = [run_stage(stage, root) for stage in stages(root, fast, whole)]
    print("\n=== summary ===")
    for result in results:
        print(
            f"{result.outcome:8} {result.seconds:7.1f} s  {result.name}  {result.remark}".rstrip()
        )
    return all(result.outcome != "failed" for result in results)
