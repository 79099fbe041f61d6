"""JupyterLab starts, runs a notebook, and a widget answers a click; `armodels lab` shows the course."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from browser.lab import LabPage, lab_page, running_lab

pytestmark = pytest.mark.browser

COUNTER = """\
import ipywidgets as widgets
from IPython.display import display

import armodels_lite

count = widgets.Label("pressed 0 times")
button = widgets.Button(description="Press")


def press(_):
    number = int(count.value.split()[1]) + 1
    count.value = f"pressed {number} times"


button.on_click(press)
display(widgets.VBox([button, count]))"""


def write_notebook(path: Path, *sources: str) -> None:
    """A notebook with these code cells, not run."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in sources]
    )
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nbformat.write(notebook, path)


@pytest.fixture(scope="module")
def lab(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabPage]:
    """One JupyterLab for the tests of this file, on a folder with their notebooks."""
    course = tmp_path_factory.mktemp("course")
    write_notebook(course / "counter.ipynb", COUNTER)
    write_notebook(course / "broken.ipynb", "1 + 1", "1 / 0")
    with (
        running_lab(course, tmp_path_factory.mktemp("scratch")) as server,
        lab_page(chromium, server) as page,
    ):
        yield page


def test_widget_answers_a_click(lab: LabPage, tmp_path: Path) -> None:
    lab.open_notebook("counter.ipynb")
    lab.run_all()
    lab.page.get_by_text("pressed 0 times", exact=True).wait_for()
    lab.page.get_by_role("button", name="Press").click()
    lab.page.get_by_text("pressed 1 times", exact=True).wait_for()
    lab.screenshot(tmp_path / "counter.png")
    assert (tmp_path / "counter.png").stat().st_size > 10_000


def test_a_cell_that_raises_is_noticed(lab: LabPage) -> None:
    lab.open_notebook("broken.ipynb")
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        lab.run_all()
