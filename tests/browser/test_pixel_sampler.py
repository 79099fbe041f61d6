"""The pixel sampler in the real JupyterLab: buttons, keys, slider and painting change the picture."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from lab import LabPage, lab_page, running_lab
from playwright.sync_api import Locator

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CELLS = [
    """import torch
import armodels_lite as ar
from armodels_lite import plots
from armodels_lite.widgets import PixelSampler
model = ar.FVSBN((1, 8, 8))
generator = torch.Generator().manual_seed(0)
with torch.no_grad():
    model.linear.weight.copy_(0.6 * torch.randn(64, 64, generator=generator))
    model.linear.bias.copy_(torch.randn(64, generator=generator))""",
    "sampler = PixelSampler(model, interval=30)\nsampler",
    """broken = ar.FVSBN((1, 8, 8))
with torch.no_grad():
    broken.linear.bias[3] = torch.nan
PixelSampler(broken)""",
    """plots.show(
    sampler.strip((0, 16, 32, 48, 64)),
    "An image of <noise> at five steps, \\"unknown\\" pixels hatched, above its probabilities.",
)""",
]


def write_notebook(path: Path, cells: list[str]) -> None:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    code = [nbformat.v4.new_code_cell(cell) for cell in cells]
    notebook = nbformat.v4.new_notebook(cells=code, metadata={"kernelspec": kernel})
    nbformat.write(notebook, path)


class SamplerPage:
    """The first sampler in a notebook that has been run."""

    def __init__(self, lab: LabPage) -> None:
        self.lab, self.page = lab, lab.page
        self.widget = self.page.locator(".armodels-widget").first
        self.controls = self.widget.locator(".armodels-controls")
        self.image = self.widget.locator("canvas").nth(0)
        self.heat = self.widget.locator("canvas").nth(1)

    def button(self, name: str) -> Locator:
        return self.widget.get_by_role("button", name=name, exact=True)

    def wait_for_step(self, step: int) -> None:
        """Wait until the kernel has drawn this step and the browser shows it."""
        self.controls.get_by_text(f"step {step} of 64", exact=True).wait_for()
        self.page.wait_for_function(
            "step => document.querySelector('.armodels-controls').dataset.drawn === String(step)",
            arg=step,
        )
        self.next_frame()

    def wait_for_edit(self, edits: int) -> None:
        self.page.wait_for_function(
            "edits => document.querySelector('canvas.armodels-grid').dataset.edited === String(edits)",
            arg=edits,
        )
        self.next_frame()

    def next_frame(self) -> None:
        self.page.evaluate(
            "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))"
        )

    def picture(self, canvas: Locator) -> str:
        """A hash of what a canvas shows."""
        return hashlib.sha256(canvas.evaluate("canvas => canvas.toDataURL()").encode()).hexdigest()

    def pixel(self, row: int, column: int) -> list[int]:
        """Red, green, blue and opacity in the middle of a pixel of the image."""
        script = """(canvas, [row, column]) => {
            const side = canvas.width / 8;
            const [x, y] = [(column + 0.5) * side, (row + 0.5) * side];
            return Array.from(canvas.getContext("2d").getImageData(x, y, 1, 1).data);
        }"""
        return self.image.evaluate(script, [row, column])

    def click_pixel(self, row: int, column: int, **options: object) -> None:
        box = self.image.bounding_box()
        side = box["width"] / 8
        self.image.click(position={"x": (column + 0.5) * side, "y": (row + 0.5) * side}, **options)


@pytest.fixture
def sampler(chromium: str, scratch: Path, tmp_path: Path) -> Iterator[SamplerPage]:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    write_notebook(folder / "sampler.ipynb", CELLS)
    with running_lab(folder, scratch) as server, lab_page(chromium, server) as lab:
        lab.open_notebook("sampler.ipynb")
        lab.run_all()
        page = SamplerPage(lab)
        page.wait_for_step(0)
        yield page


def test_sampler_in_jupyterlab(sampler: SamplerPage, tmp_path: Path) -> None:
    """One visit: starting JupyterLab takes most of the time, so everything is tried in it."""
    buttons_and_keys(sampler)
    slider(sampler)
    painting_with_the_mouse(sampler)
    painting_with_keys(sampler)
    playing(sampler)
    errors(sampler)
    alt_text(sampler)
    for theme in ("JupyterLab Light", "JupyterLab Dark"):
        sampler.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme
        )
        sampler.page.wait_for_timeout(500)
        sampler.widget.scroll_into_view_if_needed()
        sampler.lab.screenshot(tmp_path / f"{theme}.png")


def test_sampler_in_notebook_06(chromium: str, scratch: Path, tmp_path: Path) -> None:
    """The notebook as a student meets it: run all, no error, step, paint, and the picture follows."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    shutil.copy(NOTEBOOKS / "06_fvsbn.ipynb", folder)
    with running_lab(folder, scratch) as server, lab_page(chromium, server, 120) as lab:
        lab.open_notebook("06_fvsbn.ipynb")
        lab.run_all()
        assert lab.outputs("error") == []
        sampler = SamplerPage(lab)
        sampler.wait_for_step(28)
        sampler.button("Step").click()
        sampler.wait_for_step(29)
        before = sampler.picture(sampler.heat)
        sampler.click_pixel(3, 4)
        sampler.wait_for_edit(1)
        sampler.button("Step").click()
        sampler.wait_for_step(30)
        assert sampler.picture(sampler.heat) != before
        lab.screenshot(tmp_path / "notebook_06.png")


def buttons_and_keys(sampler: SamplerPage) -> None:
    before = sampler.picture(sampler.image), sampler.picture(sampler.heat)
    sampler.button("Step").click()
    sampler.wait_for_step(1)
    after = sampler.picture(sampler.image), sampler.picture(sampler.heat)
    assert before[0] != after[0] and before[1] != after[1]
    sampler.page.keyboard.press("ArrowRight")  # the focus is on the button
    sampler.wait_for_step(2)
    assert sampler.picture(sampler.image) != after[0]
    sampler.page.keyboard.press("ArrowLeft")
    sampler.wait_for_step(1)
    assert (sampler.picture(sampler.image), sampler.picture(sampler.heat)) == after
    sampler.button("Back").click()
    sampler.wait_for_step(0)
    assert (sampler.picture(sampler.image), sampler.picture(sampler.heat)) == before
    sampler.page.keyboard.press("End")
    sampler.wait_for_step(64)
    assert sampler.pixel(7, 7)[3] == 255
    sampler.widget.get_by_text("All 64 variables are drawn").wait_for()
    sampler.page.keyboard.press("Home")
    sampler.wait_for_step(0)
    assert sampler.pixel(7, 7)[3] == 0


def slider(sampler: SamplerPage) -> None:
    sampler.controls.get_by_role("slider", name="step").fill("20")
    sampler.wait_for_step(20)
    sampler.widget.get_by_text("Step 20 of 64: row 2, column 4.").wait_for()
    assert sampler.pixel(2, 3)[3] == 255 and sampler.pixel(2, 6)[3] == 0


def painting_with_the_mouse(sampler: SamplerPage) -> None:
    drawn = [sampler.pixel(row, column) for row in range(2) for column in range(8)]
    sampler.click_pixel(0, 3)
    sampler.wait_for_edit(1)
    painted = [sampler.pixel(row, column) for row in range(2) for column in range(8)]
    assert painted[3] != drawn[3] and painted[:3] == drawn[:3]
    assert painted[4:] != drawn[4:], "the pixels after a painted one follow it"
    sampler.click_pixel(0, 3, modifiers=["Shift"])
    sampler.wait_for_edit(2)
    assert [sampler.pixel(row, column) for row in range(2) for column in range(8)] == drawn
    sampler.click_pixel(6, 6)  # not drawn yet: it is given to the model
    sampler.wait_for_edit(3)
    assert sampler.pixel(6, 6)[3] == 255 and sampler.pixel(6, 5)[3] == 0


def painting_with_keys(sampler: SamplerPage) -> None:
    sampler.image.focus()
    before = sampler.pixel(6, 7)
    sampler.page.keyboard.press("ArrowRight")  # the cursor is where the mouse was
    sampler.page.keyboard.press("Enter")
    sampler.wait_for_edit(4)
    assert before[3] == 0 and sampler.pixel(6, 7)[3] == 255
    sampler.page.keyboard.press("Delete")
    sampler.wait_for_edit(5)
    assert sampler.pixel(6, 7)[3] == 0
    sampler.wait_for_step(20)  # none of these keys reached the slider


def playing(sampler: SamplerPage) -> None:
    sampler.button("Play").click()
    sampler.wait_for_step(64)
    sampler.button("Play").wait_for()  # it has stopped at the end
    sampler.button("New noise").click()
    sampler.widget.get_by_text("noise of seed 1").wait_for()
    sampler.button("Reset").click()
    sampler.wait_for_step(0)
    assert sampler.pixel(6, 6)[3] == 0, "reset takes the paint away"
    sampler.controls.get_by_role("slider", name="step").fill("37")
    sampler.wait_for_step(37)
    sampler.click_pixel(3, 3)
    sampler.wait_for_edit(6)


def errors(sampler: SamplerPage) -> None:
    broken = sampler.page.locator(".armodels-widget").nth(1)
    alert = broken.get_by_role("alert")
    assert alert.count() == 0
    broken.get_by_role("slider", name="step").press("End")
    alert.get_by_text("ValueError: step 3: the model's parameters give no finite value").wait_for()
    broken.get_by_role("slider", name="step").press("Home")
    alert.wait_for(state="detached")


def alt_text(sampler: SamplerPage) -> None:
    alt = 'An image of <noise> at five steps, "unknown" pixels hatched, above its probabilities.'
    assert sampler.page.locator(".jp-OutputArea-output img").get_attribute("alt") == alt
    plain = [output["data"]["text/plain"] for output in sampler.lab.outputs("display_data")]
    assert plain == [alt]
