"""`import armodels_lite` is light: it loads torch and what it needs, no plotting, no widgets, no downloads."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = [
    "matplotlib",
    "ipywidgets",
    "IPython",
    "sklearn",
    "statsmodels",
    "accelerate",
    "pooch",
    "anywidget",
    "pandas",
]


def run(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def loaded() -> tuple[set[str], set[str]]:
    """Top-level modules that `import torch` loads, and those that the package loads on top."""
    code = """
import sys
import torch
before = {name.partition(".")[0] for name in sys.modules}
import armodels_lite
after = {name.partition(".")[0] for name in sys.modules}
print(",".join(sorted(before)))
print(",".join(sorted(after - before)))
"""
    before, added = run(code).splitlines()
    return set(before.split(",")), set(added.split(","))


@pytest.mark.parametrize("name", HEAVY)
def test_heavy_packages_are_not_loaded(loaded: tuple[set[str], set[str]], name: str) -> None:
    before, added = loaded
    if name in before:
        pytest.skip(f"torch itself loads {name} here")
    assert name not in added


def test_importing_prints_nothing_and_warns_of_nothing() -> None:
    assert (
        run("import warnings; warnings.simplefilter('error', UserWarning); import armodels_lite")
        == ""
    )


def test_importing_draws_no_random_numbers_and_sets_nothing() -> None:
    code = """
import torch
torch.manual_seed(5)
state, threads, dtype = torch.get_rng_state(), torch.get_num_threads(), torch.get_default_dtype()
import armodels_lite
assert torch.equal(torch.get_rng_state(), state)
assert torch.get_num_threads() == threads and torch.get_default_dtype() == dtype
assert torch.is_grad_enabled()
"""
    run(code)


def test_public_names_exist_and_are_documented() -> None:
    import armodels_lite as ar

    assert ar.__all__ == sorted(
        ar.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name)
    )
    for name in ar.__all__:
        assert getattr(ar, name).__doc__, f"{name} has no docstring"
