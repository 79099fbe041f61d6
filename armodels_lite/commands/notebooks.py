"""Run notebooks and store them in one stable form, so that a second run leaves no difference.

What a stored notebook looks like (``normalise``):

- cell ids are kept; a missing, repeated or unusable one is derived from the cell's text, so it is stable;
- execution counts are 1..n; no timestamps, no widget state, no kernel details but the language;
- output text on the same stream is merged, carriage returns are resolved, and what `tests/nbval_sanitize.cfg`
  replaces (memory addresses, temporary paths of a cell) is replaced here too;
- PNG pictures carry pixels only, no text chunks;
- a live widget's view is left out, because its id is random and dead without the kernel: the widget's text
  (its `repr`) stays, which is also what nbval compares.

Outputs are always those of this run, in cells tagged `nbval-ignore-output` too: these alone may differ
from one run to the next.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import struct
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from armodels_lite.commands.environment import course_root, single_thread

VARYING_TAG = "nbval-ignore-output"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
# No version and no editor's details: they would change with every machine that runs the notebook.
LANGUAGE = {
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}
CELL_METADATA = ("tags", "slideshow", "jupyter", "nbgrader", "deletable", "editable")
USABLE_ID = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
OVERWRITTEN = re.compile(r"^.*\r(?=[^\n])", re.MULTILINE)
ANSI_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_TEXT_CHUNKS = (b"tEXt", b"zTXt", b"iTXt", b"tIME")
Patterns = list[tuple[str, str]]


class NotebookError(ValueError):
    """A notebook cannot be stored: it is no notebook, a cell raised, or an output must not be there."""


def course_notebooks() -> list[Path]:
    """The notebooks of the course, in order."""
    return sorted((course_root() / "notebooks").glob("*.ipynb"))


def sanitize_patterns() -> Patterns:
    """The (regular expression, replacement) pairs that nbval applies to outputs before comparing them."""
    text = (course_root() / "tests" / "nbval_sanitize.cfg").read_text(encoding="utf-8")
    return re.findall(r"^regex: (.*)\nreplace: (.*)$", text, flags=re.MULTILINE)


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook of format 4.

    nbformat's own reader would give random ids to cells without one, so the JSON is read as it is.
    Raises FileNotFoundError when there is no such file, NotebookError when it is no notebook of format 4.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no notebook at {path}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise NotebookError(f"{path} is not a notebook: {error}") from error
    if not isinstance(content, dict) or content.get("nbformat") != 4 or "cells" not in content:
        raise NotebookError(f"{path} is not a notebook of format 4")
    return nbformat.from_dict(nbformat.v4.rwbase.rejoin_lines(nbformat.from_dict(content)))


def _derived_id(cell: NotebookNode, taken: Iterable[str]) -> str:
    """An id from the cell's text: the first free one of a fixed sequence."""
    attempt = 0
    while True:
        text = f"{cell.cell_type}\n{cell.source}\n{attempt}"
        candidate = hashlib.sha256(text.encode("utf-8")).hexdigest()[:8]
        if candidate not in taken:
            return candidate
        attempt += 1


def assign_ids(cells: list[NotebookNode]) -> None:
    """Give every cell a usable id of its own, in place; the first cell with an id keeps it."""
    kept = {str(cell.get("id", "")) for cell in cells}
    seen: set[str] = set()
    for cell in cells:
        current = str(cell.get("id", ""))
        if current in seen or not USABLE_ID.match(current):
            cell["id"] = _derived_id(cell, kept | seen)
        seen.add(cell["id"])


def strip_png_text(png: bytes) -> bytes:
    """A PNG without its text and time chunks (matplotlib notes its version there); other bytes unchanged."""
    if not png.startswith(PNG_SIGNATURE):
        return png
    kept, position = [PNG_SIGNATURE], len(PNG_SIGNATURE)
    while position < len(png):
        (length,) = struct.unpack(">I", png[position : position + 4])
        end = position + 12 + length
        if png[position + 4 : position + 8] not in PNG_TEXT_CHUNKS:
            kept.append(png[position:end])
        position = end
    return b"".join(kept)


def replace_all(text: str, patterns: Patterns) -> str:
    """Apply every (regular expression, replacement) pair in turn.

    >>> replace_all("<object at 0x7f21>", [("0x[0-9a-f]+", "0x...")])
    '<object at 0x...>'
    """
    for pattern, replacement in patterns:
        text = re.sub(pattern, replacement, text)
    return text


# What `plots.show` and a widget's strip put out: stored as it is, and only alt text is compared.
PICTURE_IN_HTML = '<img alt="'


def _normal_data(data: dict, patterns: Patterns) -> dict:
    """One output's representations by MIME type, each in its stable form, without a widget's view."""
    kept = {}
    for mime, value in data.items():
        if mime == WIDGET_VIEW:
            continue
        if mime == "image/png":
            png = base64.b64decode(value)
            value = base64.b64encode(strip_png_text(png)).decode("ascii")
        elif isinstance(value, str) and PICTURE_IN_HTML not in value:
            value = replace_all(value, patterns)
        kept[mime] = value
    return kept


def _normal_output(
    output: NotebookNode, count: int | None, patterns: Patterns
) -> NotebookNode | None:
    """One output in its stable form; None when nothing of it can be kept."""
    output = NotebookNode(output)
    if output.output_type == "stream":
        output.text = replace_all(output.text, patterns)
    elif output.output_type == "error":
        output.evalue = replace_all(output.evalue, patterns)
        output.traceback = [replace_all(line, patterns) for line in output.traceback]
    else:
        output.data = _normal_data(output.data, patterns)
        if not output.data:
            return None
        if output.output_type == "execute_result":
            output.execution_count = count
    return output


def merge_streams(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join neighbouring outputs on the same stream; leave only what no carriage return overwrote."""
    merged: list[NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream":
            last = merged[-1] if merged else None
            if last is not None and last.output_type == "stream" and last.name == output.name:
                last.text += output.text
                continue
            output = NotebookNode(output)
        merged.append(output)
    for output in merged:
        if output.output_type == "stream":
            output.text = OVERWRITTEN.sub("", output.text)
    return merged


def normalise(notebook: NotebookNode, patterns: Patterns) -> NotebookNode:
    """A copy of the notebook in its stable form, described at the top. Doing it twice changes nothing."""
    cells, count = [], 0
    for cell in notebook.cells:
        metadata = {
            key: cell.metadata[key]
            for key in CELL_METADATA
            if cell.metadata.get(key) not in (None, {}, [])
        }
        normal = {
            "cell_type": cell.cell_type,
            "id": cell.get("id", ""),
            "metadata": metadata,
            "source": cell.source,
        }
        if "attachments" in cell:
            normal["attachments"] = cell.attachments
        if cell.cell_type == "code":
            executed = cell.get("execution_count") is not None
            count += executed
            outputs = merge_streams(cell.get("outputs", []))
            outputs = [
                _normal_output(output, count if executed else None, patterns) for output in outputs
            ]
            normal["execution_count"] = count if executed else None
            normal["outputs"] = [output for output in outputs if output is not None]
        cells.append(NotebookNode(normal))
    assign_ids(cells)
    metadata = {"kernelspec": KERNELSPEC, "language_info": LANGUAGE}
    return nbformat.from_dict(
        {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    )


def cell_name(index: int, source: str) -> str:
    """How messages name a cell: its place from 1, counting all cells, and its first line.

    >>> cell_name(2, "x = 1\\nprint(x)")
    'cell 3 (x = 1)'
    """
    lines = [line for line in source.splitlines() if line.strip()] or ["empty"]
    return f"cell {index + 1} ({lines[0].strip()[:60]})"


def problems(notebook: NotebookNode, forbidden_paths: Iterable[str] = ()) -> list[str]:
    """What keeps a notebook from being stored, one line each: an empty list means that it may be.

    Every code cell must have been run, because nbval compares nothing in a cell that was not; none may end in
    a semicolon, because nbval shows its result all the same; nothing may be written to stderr (warnings,
    progress bars); and no output may hold one of `forbidden_paths`.
    """
    found, expected = [], 0
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        name = cell_name(index, cell.source)
        expected += 1
        if cell.execution_count is None:
            found.append(f"{name} was not run")
        elif cell.execution_count != expected:
            found.append(f"{name} was run as number {cell.execution_count}, not {expected}")
        if cell.source.rstrip().endswith(";"):
            found.append(f"{name} ends in ';', which nbval does not obey: end it with plt.show()")
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stderr":
                found.append(f"{name} wrote to stderr: {output.text.strip()[:300]}")
            text = json.dumps(output)
            found += [
                f"{name} shows a path of this machine: {path}"
                for path in forbidden_paths
                if path in text
            ]
    return found


def serialise(notebook: NotebookNode) -> str:
    """The notebook's file content. Raises NotebookError when it does not follow the format."""
    try:
        nbformat.validate(notebook)
    except nbformat.ValidationError as error:
        raise NotebookError(f"the notebook would not be valid: {error.message}") from error
    return nbformat.writes(notebook) + "\n"


def write_atomically(path: Path, text: str) -> None:
    """Replace the file's content in one step: at every moment the old or the new file is there, whole."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        os.chmod(temporary, path.stat().st_mode & 0o777 if path.exists() else 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _this_python_kernels() -> type:
    """A class of kernel managers that run kernels in this Python, whatever kernels the user has installed."""
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager

    class ThisPython(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            return KernelSpec(**get_kernel_dict())

    return ThisPython


def _run(notebook: NotebookNode, folder: Path, timeout: float) -> None:
    """Run all cells in a new kernel of this Python, in place, with one thread and `folder` as working folder.

    Raises NotebookError, with the cell and its traceback, when a cell raises, is too slow or ends the kernel.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    running = {"cell": "the start of the kernel"}

    def note(cell: NotebookNode, cell_index: int) -> None:
        running["cell"] = cell_name(cell_index, cell.source)

    client = NotebookClient(
        notebook,
        kernel_manager_class=_this_python_kernels(),
        # Remarks of the kernel on its own transport would only alarm.
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        timeout=timeout,
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        store_widget_state=False,
        on_cell_start=note,
    )
    environment = single_thread(os.environ)
    # A kernel picks its inline backend only when nothing else is asked for.
    environment.pop("MPLBACKEND", None)
    try:
        client.execute(env=environment)
    except CellExecutionError as error:
        raise NotebookError(
            f"{running['cell']} raised {error.ename}: {error.evalue}\n{error.traceback}"
        ) from error
    except (CellTimeoutError, DeadKernelError) as error:
        raise NotebookError(f"{running['cell']}: {ANSI_COLOUR.sub('', str(error))}") from error


def execute(path: Path, timeout: float = 600.0) -> bool:
    """Run a notebook from top to bottom and store it in its stable form.

    Args:
        path: the notebook; its folder is the working folder.
        timeout: seconds that one cell may take.

    Returns:
        Whether the file changed.

    Raises:
        NotebookError: a cell raised, wrote to stderr, or shows a path of this machine. The file stays as is.
        FileNotFoundError: there is no such file.
    """
    path = path.resolve()
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    notebook = read_notebook(path)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook = normalise(notebook, [])
    _run(notebook, path.parent, timeout)
    notebook = normalise(notebook, sanitize_patterns())
    if found := problems(notebook, (str(course_root()),)):
        raise NotebookError("\n".join(found))
    text = serialise(notebook)
    if text == before:
        return False
    write_atomically(path, text)
    return True


def execute_all(paths: list[Path], timeout: float = 600.0) -> int:
    """Execute notebooks one after the other and print what came of each. Returns how many failed."""
    failed = 0
    for path in paths:
        started = time.perf_counter()
        try:
            outcome = "changed" if execute(path, timeout) else "unchanged"
        except (NotebookError, FileNotFoundError) as error:
            failed += 1
            outcome = f"NOT STORED\n{error}\n"
        print(f"{path}: {outcome} ({time.perf_counter() - started:.1f} s)", flush=True)
    return failed
