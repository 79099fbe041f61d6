"""`armodels lab` prints an address, and that address shows the notebooks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from browser.lab import free_port, lab_page, running_lab

from armodels_lite.commands.environment import course_root

pytestmark = pytest.mark.browser


def test_the_lab_command_opens_on_the_notebooks(chromium: str, scratch: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "armodels_lite.cli",
        "lab",
        "--no-browser",
        "--port",
        str(free_port()),
    ]
    with running_lab(course_root(), scratch, command) as server, lab_page(chromium, server) as lab:
        printed = (scratch / "lab.log").read_text()
        assert f"{server.url}lab/tree/notebooks?token={server.token}" in printed
        assert server.url.startswith("http://127.0.0.1:") and len(server.token) >= 32
        lab.open("lab/tree/notebooks")
        for notebook in sorted((course_root() / "notebooks").glob("*.ipynb")):
            lab.page.locator(".jp-DirListing-itemText", has_text=notebook.name).wait_for()
        lab.page.locator(".jp-BreadCrumbs", has_text="notebooks").wait_for()
