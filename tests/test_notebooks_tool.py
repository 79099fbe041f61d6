"""`armodels execute`: what it stores, what it refuses, and that a second run changes nothing."""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from armodels_lite.commands.notebooks import (
    VARYING_TAG,
    NotebookError,
    assign_ids,
    course_notebooks,
    execute,
    execute_all,
    normalise,
    problems,
    read_notebook,
    sanitize_patterns,
    serialise,
    strip_png_text,
)

new_code, new_markdown = nbformat.v4.new_code_cell, nbformat.v4.new_markdown_cell
FIGURE = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.show()"
WIDGET = "import ipywidgets\nslider = ipywidgets.IntSlider(3)\nslider"


def write(path: Path, *cells) -> Path:
    nbformat.write(nbformat.v4.new_notebook(cells=list(cells)), path)
    return path


def stored(outputs: list[dict]) -> list[dict]:
    """The outputs of one cell after normalising."""
    notebook = nbformat.v4.new_notebook(cells=[new_code("x", execution_count=7, outputs=outputs)])
    return normalise(notebook, sanitize_patterns()).cells[0].outputs


def text_output(text: str, **more) -> dict:
    data = {"text/plain": text, **more}
    return nbformat.v4.new_output("execute_result", data=data, execution_count=7)


def test_execute_stores_outputs_once_and_for_all(tmp_path: Path) -> None:
    path = write(
        tmp_path / "all.ipynb",
        new_markdown("# Title"),
        new_code("import os\nos.path.basename(os.getcwd()) == " + repr(tmp_path.name)),
        new_code("print('one')\nprint('two')\nobject()"),
        new_code(FIGURE),
        new_code(WIDGET),
        new_code("os.environ['OMP_NUM_THREADS']"),
        new_code("1 / 0", metadata={"tags": ["raises-exception"]}),
    )
    assert execute(path)
    first = path.read_bytes()
    assert not execute(path)
    assert path.read_bytes() == first

    notebook = read_notebook(path)
    nbformat.validate(notebook)
    assert [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"] == [
        1,
        2,
        3,
        4,
        5,
        6,
    ]
    assert sorted(notebook.metadata) == ["kernelspec", "language_info"]
    assert "version" not in notebook.metadata.language_info
    outputs = [cell.outputs for cell in notebook.cells[1:]]
    assert outputs[0][0].data["text/plain"] == "True"
    assert [output.get("text") for output in outputs[1]] == ["one\ntwo\n", None]
    assert outputs[1][1].data["text/plain"] == "<object at 0x...>"
    assert base64.b64decode(outputs[2][0].data["image/png"]).startswith(b"\x89PNG")
    assert list(outputs[3][0].data) == ["text/plain"]
    assert outputs[3][0].data["text/plain"] == "IntSlider(value=3)"
    assert outputs[4][0].data["text/plain"] == "'1'"
    assert outputs[5][0].ename == "ZeroDivisionError"


def test_strict_nbval_accepts_what_execute_stored(tmp_path: Path) -> None:
    path = write(
        tmp_path / "widget.ipynb",
        new_code(WIDGET),
        new_code(FIGURE),
        new_code("import time\ntime.time()", metadata={"tags": [VARYING_TAG]}),
        new_code("object()"),
    )
    assert execute(path)
    sanitize = Path(__file__).parent / "nbval_sanitize.cfg"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval"]
    command += ["--nbval-current-env", "--nbval-sanitize-with", str(sanitize), str(path)]
    # Without the backend that the tests draw with: a kernel is to pick its own.
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "4 passed" in result.stdout, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x = 1\nraise KeyError('gone')", r"cell 2 \(x = 1\) raised KeyError.*gone"),
        (
            "import warnings\nwarnings.warn('careful')",
            r"cell 2 \(import warnings\) wrote to stderr: .*careful",
        ),
        ("import os\nos._exit(1)", r"cell 2 \(import os\).*died"),
    ],
)
def test_a_notebook_that_must_not_be_stored_stays_as_it_was(
    tmp_path: Path, source: str, message: str
) -> None:
    path = write(tmp_path / "bad.ipynb", new_code("1"), new_code(source))
    before = path.read_bytes()
    with pytest.raises(NotebookError, match=f"(?s){message}"):
        execute(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_cell_that_never_ends_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "slow.ipynb", new_code("while True:\n    pass"))
    with pytest.raises(NotebookError, match=r"cell 1 \(while True:\).*timed out"):
        execute(path, timeout=1)


def test_what_is_no_notebook_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.ipynb").write_text("not JSON")
    (tmp_path / "old.ipynb").write_text(json.dumps({"nbformat": 3, "worksheets": []}))
    with pytest.raises(NotebookError, match=r"text.ipynb is not a notebook"):
        execute(tmp_path / "text.ipynb")
    with pytest.raises(NotebookError, match=r"old.ipynb is not a notebook of format 4"):
        execute(tmp_path / "old.ipynb")
    with pytest.raises(FileNotFoundError, match=r"no notebook at .*none.ipynb"):
        execute(tmp_path / "none.ipynb")


def test_one_bad_notebook_does_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    good = write(tmp_path / "good.ipynb", new_code("1 + 1"))
    assert execute_all([tmp_path / "none.ipynb", good]) == 1
    printed = capsys.readouterr().out
    assert "none.ipynb: NOT STORED" in printed and "good.ipynb: changed" in printed


def test_ids_are_kept_and_bad_ones_derived_from_the_text() -> None:
    def cells() -> list:
        found = [new_code(text) for text in "abcc"]
        found[0]["id"] = found[1]["id"] = "kept"
        del found[2]["id"]
        found[3]["id"] = "no spaces"
        return found

    first, second = cells(), cells()
    assign_ids(first)
    assign_ids(second)
    ids = [cell.id for cell in first]
    assert ids == [cell.id for cell in second]
    assert ids[0] == "kept" and len(set(ids)) == 4
    assign_ids(first)
    assert [cell.id for cell in first] == ids


def test_stray_metadata_and_a_dead_view_are_left_out() -> None:
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "random", "version_major": 2}}
    cell = new_code("x", execution_count=3, outputs=[text_output("Box()", **view)])
    cell.metadata = {"tags": ["keep"], "execution": {"iopub.status.busy": "now"}, "collapsed": True}
    notebook = nbformat.v4.new_notebook(cells=[cell])
    notebook.metadata = {
        "widgets": {"state": {}},
        "language_info": {"name": "python", "version": "3.99"},
    }
    normal = normalise(notebook, [])
    assert normal.cells[0].metadata == {"tags": ["keep"]}
    assert normal.cells[0].execution_count == 1
    assert normal.cells[0].outputs[0].data == {"text/plain": "Box()"}
    assert "3.99" not in serialise(normal) and "widgets" not in normal.metadata
    assert serialise(normalise(normal, [])) == serialise(normal)


def test_streams_are_merged_and_overwritten_text_is_dropped() -> None:
    def stream(name: str, text: str):
        return nbformat.v4.new_output("stream", name=name, text=text)

    outputs = stored([stream("stdout", "10%\r"), stream("stdout", "done\n"), stream("stderr", "!")])
    assert [(output.name, output.text) for output in outputs] == [
        ("stdout", "done\n"),
        ("stderr", "!"),
    ]


def test_temporary_paths_are_replaced() -> None:
    text = "/tmp/ipykernel_4711/123456.py:3: UserWarning"
    assert stored([text_output(text)])[0].data["text/plain"] == "<cell>:3: UserWarning"


def test_long_outputs_take_no_time() -> None:
    letters = 300_000 * "A"
    picture = f'<img alt="some words here" src="data:image/png;base64,{letters}">'
    started = time.perf_counter()
    data = stored([text_output(letters, **{"text/html": picture})])[0].data
    assert data == {"text/plain": letters, "text/html": picture}
    assert time.perf_counter() - started < 2


def test_png_keeps_its_pixels_only() -> None:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    notes = PngInfo()
    notes.add_text("Software", "version 1")
    stream = io.BytesIO()
    Image.new("L", (3, 2), 128).save(stream, "PNG", pnginfo=notes)
    png = strip_png_text(stream.getvalue())
    assert b"Software" in stream.getvalue() and b"Software" not in png
    assert Image.open(io.BytesIO(png)).tobytes() == bytes([128] * 6)
    assert strip_png_text(b"no PNG") == b"no PNG"


def test_problems_names_the_cell() -> None:
    cells = [
        new_code("a = 1", execution_count=None),
        new_code("b = 1", execution_count=5),
        new_code("plot();", execution_count=3),
        new_code("p", execution_count=4, outputs=[text_output("/somewhere/course/x")]),
        new_code(""),
    ]
    found = problems(nbformat.v4.new_notebook(cells=cells), ["/somewhere"])
    assert [line.split(" (")[0] for line in found] == ["cell 1", "cell 2", "cell 3", "cell 4"]
    assert "was not run" in found[0] and "number 5, not 2" in found[1] and "plt.show()" in found[2]
    assert "/somewhere" in found[3]


@pytest.mark.parametrize("path", course_notebooks(), ids=lambda path: path.name)
def test_the_courses_notebooks_are_stored_in_their_stable_form(path: Path) -> None:
    notebook = read_notebook(path)
    assert problems(notebook, [str(path.parent.parent)]) == []
    stable = serialise(normalise(notebook, sanitize_patterns())) == path.read_text(encoding="utf-8")
    assert stable, f"run: armodels execute {path.name}"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    varying = [cell for cell in code if VARYING_TAG in cell.metadata.get("tags", [])]
    assert 3 * len(varying) <= len(code), "more than a third of the code cells is not compared"
