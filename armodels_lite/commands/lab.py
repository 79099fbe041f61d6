"""JupyterLab for the course: on this machine only, behind a token, with this environment's kernel."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from armodels_lite.commands.environment import course_root

HOST = "127.0.0.1"


def lab_arguments(root: Path, browser: bool, port: int, token: str) -> list[str]:
    """JupyterLab's arguments. They outrank a user's own configuration, which could open it to the network.

    A taken port is no error: the server goes on to the next free one.
    """
    return [
        f"--ServerApp.ip={HOST}",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=50",
        "--ServerApp.allow_remote_access=False",
        # In a container one is often root; Lab is reachable from that machine alone, and only with the token.
        "--ServerApp.allow_root=True",
        f"--ServerApp.root_dir={root}",
        "--LabApp.default_url=/lab/tree/notebooks",
        f"--ServerApp.open_browser={browser}",
        f"--IdentityProvider.token={token}",
        # The question whether to fetch Jupyter's news would be the first thing a student sees.
        "--LabApp.news_url=None",
    ]


def run_lab(browser: bool, port: int) -> None:
    """Serve JupyterLab on notebooks/ until Ctrl-C; print its address first.

    Raises FileNotFoundError when the package is not installed from a checkout of the course.
    """
    # Imported here: JupyterLab takes a second, and no other command needs it.
    from jupyterlab.labapp import LabApp

    root = course_root()
    # A kernel "python3" in the user's home folder would run another Python than the course's.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    # In this process, so that the token appears in no list of processes.
    token = secrets.token_hex(24)
    server = LabApp.initialize_server(lab_arguments(root, browser, port, token))
    address = f"{server.connection_url}lab/tree/notebooks?token={token}"
    print(f"\nThe course is open at\n    {address}\nStop it with Ctrl-C.\n", flush=True)
    server.start()
