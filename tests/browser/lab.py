"""Drive the real JupyterLab in a real Chromium: start it, open a notebook, run it, click, look.

    with running_lab(folder, scratch) as server, lab_page(chromium, server) as lab:
        lab.open_notebook("example.ipynb")
        lab.run_all()
        lab.page.get_by_role("button", name="Step").click()

Lab runs with configuration, settings and workspaces of its own, so nothing of the user's is read or changed.
Give it a folder with copies: Lab saves what it has run.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from armodels_lite.commands.environment import single_thread
from armodels_lite.commands.lab import lab_arguments

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SETTINGS = {
    # Lab would ask at its first start whether to fetch news.
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # Cells outside the window would otherwise not be in the page.
    "notebook-extension/tracker": {"windowingMode": "none"},
}
OPEN = """async (path) => {
    const app = window.jupyterapp;
    await app.restored;
    const panel = await app.commands.execute("docmanager:open", {path, factory: "Notebook"});
    await panel.context.ready;
    await panel.sessionContext.ready;
    app.shell.activateById(panel.id);
    window.coursePanel = panel;
}"""
IDLE = "() => window.coursePanel?.sessionContext.session?.kernel?.status === 'idle'"
RUN_ALL = """() => {
    window.courseRunDone = false;
    window.jupyterapp.commands.execute("notebook:run-all-cells").then(() => { window.courseRunDone = true; });
}"""
OUTPUTS = """() => Array.from(window.coursePanel.content.model.cells)
    .filter(cell => cell.type === "code").map(cell => cell.outputs.toJSON())"""


@dataclass(frozen=True)
class Server:
    """A running JupyterLab: its address, ending in a slash, and the token that opens it."""

    url: str
    token: str


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def private_environment(scratch: Path) -> dict[str, str]:
    """The environment of a Jupyter that reads and writes only below `scratch`, with one thread a kernel."""
    settings = scratch / "settings"
    for name, values in SETTINGS.items():
        file = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values), encoding="utf-8")
    config = scratch / "config"
    config.mkdir(parents=True, exist_ok=True)
    # Makes `window.jupyterapp` available in the page.
    exposed = {"LabApp": {"expose_app_in_browser": True}}
    (config / "jupyter_lab_config.json").write_text(json.dumps(exposed), encoding="utf-8")
    environment = single_thread(os.environ)
    environment.pop("MPLBACKEND", None)
    environment |= {
        "JUPYTER_CONFIG_DIR": str(config),
        "JUPYTER_DATA_DIR": str(scratch / "data"),
        "JUPYTER_RUNTIME_DIR": str(scratch / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        "JUPYTERLAB_WORKSPACES_DIR": str(scratch / "workspaces"),
        "IPYTHONDIR": str(scratch / "ipython"),
        "PYTHONUNBUFFERED": "1",
    }
    return environment


def wait_for_server(process: subprocess.Popen, scratch: Path, seconds: float) -> Server:
    """Wait until Lab answers; its address is in the file that it leaves in its runtime folder.

    Raises RuntimeError with the end of Lab's log when it ends or is not up in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        for file in (scratch / "runtime").glob("jpserver-*.json"):
            try:
                about = json.loads(file.read_text(encoding="utf-8"))
                urllib.request.urlopen(
                    f"{about['url']}api/status?token={about['token']}", timeout=5
                ).close()
            except (ValueError, urllib.error.URLError):
                continue
            return Server(about["url"], about["token"])
        time.sleep(0.1)
    log = (scratch / "lab.log").read_text(encoding="utf-8", errors="replace")
    raise RuntimeError(
        f"JupyterLab did not come up within {seconds} s; the end of its log:\n{log[-3000:]}"
    )


@contextmanager
def running_lab(folder: Path, scratch: Path, command: list[str] | None = None) -> Iterator[Server]:
    """JupyterLab serving `folder`, or what `command` starts, until the end of the block.

    Args:
        folder: what Lab shows; it may change there.
        scratch: an empty folder for everything else that Lab writes.
        command: what to start instead of Lab with the course's arguments.
    """
    token = secrets.token_hex(16)
    lab = [sys.executable, "-m", "jupyterlab", *lab_arguments(folder, False, free_port(), token)]
    environment = private_environment(scratch)
    with open(scratch / "lab.log", "wb") as log:
        process = subprocess.Popen(
            command or lab,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield wait_for_server(process, scratch, 60)
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class LabPage:
    """JupyterLab in a browser window; `page` is Playwright's, for clicks, keys and looking.

    Args:
        page: a fresh page.
        server: the running Lab.
        timeout: seconds that any one wait may take.
    """

    def __init__(self, page: Page, server: Server, timeout: float = 60.0) -> None:
        self.page = page
        self.server = server
        self.timeout = 1000 * timeout
        page.set_default_timeout(self.timeout)

    def open(self, path: str = "lab") -> None:
        """Go to a path of the server and wait until Lab has started up."""
        self.page.goto(f"{self.server.url}{path}?token={self.server.token}")
        self.page.wait_for_function("() => window.jupyterapp !== undefined")
        self.page.evaluate("async () => { await window.jupyterapp.restored; }")

    def open_notebook(self, path: str) -> None:
        """Open a notebook, given by its path below Lab's folder, and wait for its kernel to be idle."""
        self.open()
        self.page.evaluate(OPEN, path)
        self.wait_idle()

    def wait_idle(self) -> None:
        """Wait until the kernel has nothing to do."""
        self.page.wait_for_function(IDLE)

    def run_all(self) -> None:
        """Run all cells and wait for the end. Raises AssertionError when a cell raised."""
        self.page.evaluate(RUN_ALL)
        self.page.wait_for_function("() => window.courseRunDone")
        self.wait_idle()
        raised = [f"{output['ename']}: {output['evalue']}" for output in self.outputs("error")]
        assert not raised, f"cells raised: {raised}"

    def outputs(self, kind: str | None = None) -> list[dict]:
        """The notebook's outputs as they now are, or those of one kind, such as "error" or "stream"."""
        found = [output for outputs in self.outputs_of_cells() for output in outputs]
        return [output for output in found if kind is None or output["output_type"] == kind]

    def outputs_of_cells(self) -> list[list[dict]]:
        """The outputs of each code cell."""
        return self.page.evaluate(OUTPUTS)

    def screenshot(self, path: Path) -> None:
        """Store what the window shows as PNG."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path, caret="initial")


@contextmanager
def lab_page(chromium: str, server: Server, timeout: float = 60.0) -> Iterator[LabPage]:
    """A window of the given Chromium on a running Lab."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            yield LabPage(page, server, timeout)
        finally:
            browser.close()
