"""The line of progress is there while work goes on, and leaves nothing behind."""

from __future__ import annotations

import io
import time

import pytest

from armodels_lite.progress import Progress

nbformat = pytest.importorskip("nbformat")

CELL = """
import time
from armodels_lite.progress import Progress
with Progress(4, "working") as line:
    for _ in range(4):
        time.sleep(0.11)
        line.update(1, note="so far so good")
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_a_bar_that_is_wiped_out(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with Progress(3, "working") as line:
        assert line.shown
        time.sleep(0.12)
        line.update(3, note="loss 1.0")
    text = terminal.getvalue()
    assert "working" in text and "loss 1.0" in text
    assert text.endswith("\r") and text.rstrip("\r").rsplit("\r", 1)[-1].strip() == ""
    assert not line.shown


@pytest.mark.parametrize("show", [False, "auto", True])
def test_a_file_or_pipe_sees_nothing(capfd, show):
    with Progress(3, "working", show=show) as line:
        line.update(3, note="x")
        assert not line.shown and line.done == 3
    assert capfd.readouterr() == ("", "")


def test_unknown_choice():
    with pytest.raises(ValueError, match="progress is 'yes'; accepted: 'auto', True, False"):
        Progress(1, "x", show="yes")


def test_a_notebook_that_is_executed_stores_nothing():
    from nbclient import NotebookClient

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    assert notebook.cells[0].outputs == [] and notebook.cells[0].execution_count == 1


def test_a_live_notebook_sees_one_line_that_ends_empty():
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    messages = []
    try:
        client.execute_interactive(CELL, allow_stdin=True, timeout=60, output_hook=messages.append)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    shown = [
        m
        for m in messages
        if m["msg_type"] in ("display_data", "update_display_data", "stream", "error")
    ]
    assert shown[0]["msg_type"] == "display_data"
    assert {m["msg_type"] for m in shown[1:]} == {"update_display_data"}
    texts = [message["content"]["data"]["text/plain"] for message in shown]
    assert texts[-1] == "" and any("so far so good" in text for text in texts)
    assert len({message["content"]["transient"]["display_id"] for message in shown}) == 1
