"""`armodels lab`: on this machine only, behind a token, on another port when the wanted one is taken."""

from __future__ import annotations

import socket
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from browser.lab import running_lab

from armodels_lite.commands.environment import course_root
from armodels_lite.commands.lab import lab_arguments


def test_arguments_keep_lab_on_this_machine(tmp_path: Path) -> None:
    arguments = lab_arguments(tmp_path, browser=False, port=9000, token="secret")
    assert "--ServerApp.ip=127.0.0.1" in arguments
    assert "--IdentityProvider.token=secret" in arguments
    assert "--ServerApp.open_browser=False" in arguments


def test_lab_serves_the_course_behind_its_token(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [
            sys.executable,
            "-m",
            "armodels_lite.cli",
            "lab",
            "--no-browser",
            "--port",
            str(port),
        ]
        with running_lab(course_root(), tmp_path, command) as server:
            assert f":{port}/" not in server.url
            printed = (tmp_path / "lab.log").read_text(encoding="utf-8")
            assert f"{server.url}lab/tree/notebooks?token={server.token}" in printed
            contents = f"{server.url}api/contents/notebooks"
            with urllib.request.urlopen(f"{contents}?token={server.token}", timeout=10) as answer:
                assert answer.status == 200
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(contents, timeout=10)
