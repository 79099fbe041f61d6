"""The notebooks with charts to step through, as a student meets them: run, press step, see the picture change."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from lab import LabPage, lab_page, running_lab
from playwright.sync_api import Locator

from armodels_lite import widgets

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
}

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_every_widget_steps(chromium: str, scratch: Path, tmp_path: Path) -> None:
    """One JupyterLab for all notebooks: starting it takes most of the time."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name in WIDGETS:
        copy_to_last_widget(name, folder)
    with running_lab(folder, scratch) as server, lab_page(chromium, server, 120) as lab:
        for name, count in WIDGETS.items():
            lab.open_notebook(name)
            lab.run_all()
            assert lab.outputs("error") == []
            assert [out for out in lab.outputs("stream") if out["name"] == "stderr"] == []
            found = walk_through(lab, tmp_path / Path(name).stem)
            assert found == count


def copy_to_last_widget(name: str, folder: Path) -> None:
    """Copy a notebook without what follows its last widget: nbval has run that already, and it takes long."""
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    classes = "|".join(name for name in widgets.__all__ if name[0].isupper())
    made = re.compile(rf"\b({classes})\(")
    shown = [k for k, cell in enumerate(notebook.cells) if made.search(cell.source)]
    del notebook.cells[shown[-1] + 1 :]
    nbformat.write(notebook, folder / name)


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
    assert views.inner_html() != before
    lab.page.keyboard.press("ArrowLeft")  # the focus is on the button
    wait_for_step(lab, controls, start)
    assert views.inner_html() == before
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
        lab.page.wait_for_timeout(300)
        assert dropdown.evaluate("element => element === document.activeElement")
        assert dropdown.evaluate("element => element.selectedIndex") == index
    lab.wait_idle()


def wait_for_step(lab: LabPage, controls: Locator, step: int) -> None:
    """Wait until the kernel has drawn this step; the picture follows in the next frames."""
    lab.page.wait_for_function(
        "([element, step]) => element.dataset.drawn === String(step)",
        arg=[controls.element_handle(), step],
    )
    lab.page.wait_for_timeout(300)
