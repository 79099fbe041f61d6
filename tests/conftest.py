"""Settings for every test: one thread, no window, a fixed seed; and what browser tests need."""

from __future__ import annotations

import os
from pathlib import Path

# Before numpy, torch or matplotlib are imported: they read these once.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest
import torch

from armodels_lite.commands.environment import chromium_advice, find_chromium, in_ci


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    """Tests that draw without a generator of their own draw the same each time."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium. Without one the test is skipped, or fails in CI."""
    path = find_chromium()
    if path is None:
        message = f"no Chromium found. {chromium_advice()}"
        if in_ci():
            pytest.fail(message)
        pytest.skip(message)
    return path


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """An empty folder for what JupyterLab writes besides its notebooks."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder
