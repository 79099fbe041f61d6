"""The notebooks with charts to step through, as a student meets them: run, press step, see the picture change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from lab import LabPage, lab_page, running_lab
from nbformat import NotebookNode
from playwright.sync_api import Locator
from widget_cells import needed_cells

from armodels_lite import widgets
from armodels_lite.commands.notebooks import (
    VARYING_TAG,
    merge_streams,
    replace_all,
    sanitize_patterns,
)

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
WIDGETS = {
    "01_learning_a_generative_model.ipynb": 3,
    "02_bayes_nets_and_neural_models.ipynb": 2,
    "03_neural_models_for_classification.ipynb": 1,
    "05_autoregressive_models.ipynb": 2,
    "07_nade.ipynb": 2,
    "09_made.ipynb": 1,
    "10_recurrent_networks.ipynb": 4,
    "11_attention_and_transformers.ipynb": 4,
    "12_wavenet_and_pixelcnn.ipynb": 4,
    "12b_applications.ipynb": 1,
    "13_pixeldefend.ipynb": 2,
    "14_side_by_side.ipynb": 2,
    "14b_summary.ipynb": 2,
}

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def lab(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabPage]:
    """One JupyterLab for all notebooks: starting it takes longer than most of them."""
    folder = tmp_path_factory.mktemp("notebooks")
    for name in WIDGETS:
        nbformat.write(reduced(name), folder / name)
    scratch = tmp_path_factory.mktemp("scratch")
    with running_lab(folder, scratch) as server, lab_page(chromium, server, 120) as lab:
        yield lab


@pytest.mark.parametrize("name", WIDGETS)
def test_every_widget_steps(lab: LabPage, name: str, tmp_path: Path) -> None:
    lab.open_notebook(name)
    lab.run_all()
    assert lab.outputs("error") == []
    assert [out for out in lab.outputs("stream") if out["name"] == "stderr"] == []
    assert_as_stored(lab, reduced(name))
    assert walk_through(lab, tmp_path / "pictures") == WIDGETS[name]
    lab.page.evaluate("() => window.coursePanel.sessionContext.shutdown()")


def reduced(name: str) -> NotebookNode:
    """A notebook with its text and the code that its widgets need; nbval runs the rest, and it takes long."""
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    classes = "|".join(name for name in widgets.__all__ if name[0].isupper())
    made = re.compile(rf"\b({classes})(\.\w+)?\(")
    code = [k for k, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    kept = needed_cells(
        [notebook.cells[k].source for k in code], lambda source: bool(made.search(source))
    )
    left_out = set(code) - {code[k] for k in kept}
    notebook.cells = [cell for k, cell in enumerate(notebook.cells) if k not in left_out]
    return notebook


def assert_as_stored(lab: LabPage, notebook: NotebookNode) -> None:
    """Each cell says what it says in the whole notebook: none that it needs was left out."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell, now in zip(code, lab.outputs_of_cells(), strict=True):
        if VARYING_TAG not in cell.metadata.get("tags", []):
            assert texts(now) == texts(cell.outputs), cell.source


def texts(outputs: list[dict]) -> list[str]:
    """What the outputs of a cell say, in the form in which notebooks are stored."""
    merged = merge_streams([NotebookNode(output) for output in outputs])
    said = [out.text if out.output_type == "stream" else out.data["text/plain"] for out in merged]
    return [replace_all(text, sanitize_patterns()) for text in said if text]  # a finished bar: none


def walk_through(lab: LabPage, pictures: Path) -> int:
    """Step on by button, back by key, choose by key in each widget of the open notebook; returns how many there are."""
    pictures.mkdir()
    widgets = lab.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .armodels-widget")
    widgets.first.wait_for()
    for index in range(widgets.count()):
        step_and_return(lab, widgets.nth(index))
        choose_by_key(lab, widgets.nth(index).locator("select"))
        lab.screenshot(pictures / f"{index}.png")
    return widgets.count()


def step_and_return(lab: LabPage, widget: Locator) -> None:
    widget.scroll_into_view_if_needed()
    controls, views = widget.locator(".armodels-controls"), widget.locator(".armodels-views").first
    before, start = views.inner_html(), int(controls.get_attribute("data-drawn"))
    widget.get_by_role("button", name="Step", exact=True).click()
    wait_for_step(lab, controls, start + 1)
    wait_for(lab, views, "(element, before) => element.innerHTML !== before", before)
    lab.page.keyboard.press("ArrowLeft")  # the focus is on the button
    wait_for_step(lab, controls, start)
    wait_for(lab, views, "(element, before) => element.innerHTML === before", before)
    assert widget.locator(".armodels-error").is_hidden()


def choose_by_key(lab: LabPage, dropdowns: Locator) -> None:
    """The first dropdown, if any, goes on by arrow and back; JupyterLab does not take the key to leave the cell."""
    if dropdowns.count() == 0:
        return
    dropdown = dropdowns.first
    dropdown.focus()
    start = dropdown.evaluate("element => element.selectedIndex")
    moves = [("ArrowDown", start + 1), ("ArrowUp", start)]
    if start == dropdown.evaluate("element => element.length - 1"):  # below the last there is none
        moves = [("ArrowUp", start - 1), ("ArrowDown", start)]
    for key, index in moves:
        lab.page.keyboard.press(key)
        wait_for(lab, dropdown, "(element, index) => element.selectedIndex === index", index)
        lab.page.wait_for_timeout(300)  # long enough for a key that went astray to do something
        assert dropdown.evaluate("element => element === document.activeElement")
        assert dropdown.evaluate("element => element.selectedIndex") == index
    lab.wait_idle()


def wait_for_step(lab: LabPage, controls: Locator, step: int) -> None:
    """Wait until the kernel has drawn this step; the picture follows in the next frames."""
    wait_for(lab, controls, "(element, step) => element.dataset.drawn === String(step)", step)


def wait_for(lab: LabPage, locator: Locator, condition: str, value: object) -> None:
    """Wait until `condition`, a function of the element and `value`, is true in the page."""
    lab.page.wait_for_function(
        f"([element, value]) => ({condition})(element, value)",
        arg=[locator.element_handle(), value],
    )
