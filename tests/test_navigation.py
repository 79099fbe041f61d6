"""The course map, the two cells by which each notebook leads to the others, and every link in the course."""

from __future__ import annotations

import json
import re
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from armodels_lite.cli import app
from armodels_lite.commands import environment
from armodels_lite.commands.environment import course_root
from armodels_lite.commands.navigation import (
    APPENDICES,
    CHEAT_SHEET,
    COURSE,
    END_ID,
    GLOSSARY,
    PAGES,
    TOP_ID,
    Page,
    end_cell,
    fragment,
    link_notebooks,
    linked,
    read_terms,
    stored_form,
    terms_by_file,
    top_cell,
)
from armodels_lite.commands.notebooks import NotebookError, course_notebooks

NOTEBOOKS = course_root() / "notebooks"
MARKDOWN = MarkdownIt("commonmark").enable("table")


# Links and what they lead to


class Tags(HTMLParser):
    """The links and pictures that are written as HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        wanted = {"a": "href", "img": "src"}.get(tag)
        self.targets += [value for name, value in attrs if name == wanted and value]


def markdown_cells(path: Path) -> list[tuple[str, str]]:
    """(id, text) of each markdown cell; a text file is one cell."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return [("", text)]
    cells = json.loads(text)["cells"]
    return [(cell["id"], "".join(cell["source"])) for cell in cells if is_markdown(cell)]


def is_markdown(cell: dict) -> bool:
    return cell["cell_type"] == "markdown"


def targets(text: str) -> list[str]:
    """Where the links and pictures of a markdown text lead, as a browser is given it."""
    found = []
    for block in MARKDOWN.parse(text):
        for token in [block, *(block.children or [])]:
            if token.type in ("html_block", "html_inline"):
                found += Tags(token.content).targets
            found += [token.attrs[name] for name in ("href", "src") if name in token.attrs]
    return found


@cache
def anchors(path: Path) -> frozenset[str]:
    """The fragments by which JupyterLab finds a place in a notebook: `cell-id=...`, and the text of a heading.

    It compares a link's fragment with a heading's text, spaces replaced by `-`, character by character. In the link
    the browser has encoded what an address may not hold, such as quotes and letters with accents, and nothing decodes
    it again: such a heading cannot be linked to, nor can a link be written with `%27` and the like.
    """
    found = set()
    for name, text in markdown_cells(path):
        found.add(f"cell-id={name}")
        blocks = MARKDOWN.parse(text)
        for opening, inline in pairwise(blocks):
            if opening.type == "heading_open":
                words = [part.content for part in inline.children if part.type != "html_inline"]
                found.add("".join(words).replace(" ", "-"))
    return frozenset(found)


def broken_links(path: Path) -> list[str]:
    """The relative links of a notebook, or of a markdown file, that lead nowhere."""
    broken = []
    for name, text in markdown_cells(path):
        for target in targets(text):
            if re.match(r"[a-z][a-z0-9+.-]*:", target, re.IGNORECASE):
                continue  # a web address, a picture in the text
            file, _, place = target.partition("#")
            other = path.parent / unquote(file) if file else path
            if not other.exists() or (place and place not in anchors(other)):
                broken.append(f"{path.name}, cell {name!r}: {target}")
    return broken


@pytest.mark.parametrize(
    "path", [*course_notebooks(), course_root() / "README.md"], ids=lambda path: path.name
)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    assert broken_links(path) == []


def notebook_of(*texts: str) -> dict:
    cells = [
        {
            "cell_type": "markdown",
            "id": f"c{place:03}",
            "metadata": {},
            "source": text.splitlines(keepends=True),
        }
        for place, text in enumerate(texts)
    ]
    code = {"cell_type": "code", "execution_count": 1, "id": "code", "metadata": {}}
    cells.append(code | {"outputs": [], "source": ["x = '# no [heading](nowhere.md)'"]})
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def store(path: Path, *texts: str) -> Path:
    path.write_text(stored_form(notebook_of(*texts)), encoding="utf-8")
    return path


def test_the_right_links_are_found_right(tmp_path: Path) -> None:
    store(
        tmp_path / "other.ipynb",
        "# What is p(x)?\ntext",
        "## Depth: `LinearAR`, *again*\n\n### Why $\\sqrt{d}$?\n\n#### Bayes' rule",
    )
    path = store(
        tmp_path / "this.ipynb",
        "# Here & there\n[a](other.ipynb), [b](#Here-&-there), [c](https://example.org/x.html#y)",
        rf"[d](other.ipynb#{fragment('What is p(x)?')}) [e](other.ipynb#What-is-p(x)?)",
        "[f](other.ipynb#Depth:-LinearAR,-again) [g](other.ipynb#cell-id=c001)",
        '<a href="other.ipynb#Bayes\'-rule">h</a> `[no](link.md)` <details>\n\n[i][1]\n\n</details>',
        "```\n[no](link.md)\n# No heading\n```\n\n[1]: other.ipynb#Bayes'-rule",
    )
    assert broken_links(path) == []


@pytest.mark.parametrize(
    "planted",
    [
        "[x](gone.ipynb)",
        "[x](other.ipynb#Gone)",
        "[x](other.ipynb#Bayes%27-rule)",  # JupyterLab decodes nothing
        "[x](other.ipynb#café)",  # and the browser encodes this
        "[x](other.ipynb#the-code's-heading)",
        "[x](other.ipynb#cell-id=c009)",
        "[x](#Bayes'-rule)",
        "![x](picture.png)",
        '<details><summary>x</summary>\n<a href="gone.md">x</a></details>',
        "| a |\n| --- |\n| [x](gone.md) |",
        "- <b>b</b>\n  > [x](gone.md)",
    ],
)
def test_a_broken_link_is_caught(tmp_path: Path, planted: str) -> None:
    headings = "# Other\n#### Bayes' rule\n## café\n\n```\n# the code's heading\n```"
    store(tmp_path / "other.ipynb", headings)
    path = store(tmp_path / "this.ipynb", "# This\n[good](other.ipynb)", planted)
    assert len(broken_links(path)) == 1 and "c001" in broken_links(path)[0]


# The course map


def test_the_map_is_in_order() -> None:
    assert [page.file for page in COURSE] == sorted(page.file for page in COURSE)
    numbers = [page.title.split()[0] for page in COURSE]
    for place, page in enumerate(COURSE):
        assert page.stem.startswith(f"{numbers[place]}_")
        assert set(re.findall(r"\d+b?", page.needs)) <= set(numbers[:place])


def numbers_in(text: str) -> set[str]:
    """The notebooks that a text names: single ones, and those of "05 to 07"."""
    numbers = [page.title.split()[0] for page in COURSE]
    found = set(re.findall(r"\b(?:0\d|1\d)b?\b", re.sub(r"sections? \d+", "", text)))
    for first, last in re.findall(r"\b([01]\d) to ([01]\d)\b", text):
        found |= set(numbers[numbers.index(first) : numbers.index(last) + 1])
    return found


@pytest.mark.parametrize("page", COURSE, ids=lambda page: page.stem)
def test_the_map_names_what_the_notebooks_opening_asks_for(page: Page) -> None:
    opening = markdown_cells(NOTEBOOKS / page.file)[0][1]
    asked = re.search(r"^\*\*You need\*\* (.*)$", opening, re.MULTILINE)
    assert asked, "the opening has no line that begins with **You need**"
    assert numbers_in(asked[1]) == numbers_in(page.needs)


def test_next_leads_through_the_whole_course_and_previous_back() -> None:
    def leads(word: str, page: Page) -> str | None:
        first_line = top_cell(page).splitlines()[0]
        found = re.search(rf"\*\*{word}:\*\* \[[^]]+\]\(([^)]+)\)", first_line)
        return found and found[1]

    files = [page.file for page in COURSE]
    assert [leads("Next", page) for page in COURSE] == [*files[1:], None]
    assert [leads("Previous", page) for page in COURSE] == [None, *files[:-1]]
    assert all(leads("Next", page) is None for page in APPENDICES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_map_names_all_others_and_marks_the_page_itself(page: Page) -> None:
    folded = top_cell(page).partition("<details>")[2]
    assert targets(folded) == [other.file for other in PAGES if other != page]
    assert f"**{page.title}** (you are here)" in folded


def test_the_readme_lists_every_page_in_order() -> None:
    listed = targets((course_root() / "README.md").read_text(encoding="utf-8"))
    listed = [target for target in listed if target.endswith(".ipynb")]
    assert listed == [f"notebooks/{page.file}" for page in PAGES]


# The glossary


def test_terms_are_read_off_the_glossary() -> None:
    text = (
        "# Glossary\n[Explained in](99.ipynb)\n\n## B\n\n#### Bayes' rule\nTurns round. See [B](b.ipynb).\n\n"
        "Explained in [02](02.ipynb#4.-Asking), [refresher](r.ipynb), [02](02.ipynb#5.-More).\n\n"
        "#### BPE\nSee [Bayes' rule](#Bayes'-rule).\n\n#### Bin\nA cell.\n\nExplained in [02](02.ipynb).\n"
    )
    assert terms_by_file(text) == {"02.ipynb": ["Bayes' rule", "Bin"], "r.ipynb": ["Bayes' rule"]}


def test_every_entry_names_its_notebooks_and_every_notebook_has_terms() -> None:
    text = "\n\n".join(text for _, text in markdown_cells(NOTEBOOKS / GLOSSARY.file))
    entries = re.split(r"^#### ", text, flags=re.MULTILINE)[1:]
    placed = {term for terms in terms_by_file(text).values() for term in terms}
    for entry in entries:
        term, _, body = entry.partition("\n")
        assert term in placed or re.match(r"\s*See \[[^]]+\]\(#", body), f"nothing explains {term}"
    assert len(entries) == len({entry.partition("\n")[0] for entry in entries})
    missing = [page.file for page in COURSE if not terms_by_file(text).get(page.file)]
    assert missing == []


def test_few_terms_stand_open_and_many_are_folded() -> None:
    few, many = end_cell(COURSE[1], ["A", "B"]), end_cell(COURSE[1], [f"T {i}" for i in range(20)])
    assert "<details>" not in few and "(appendix_glossary.ipynb#A)" in few
    assert "(20)</summary>" in many and "(appendix_glossary.ipynb#T-19)" in many
    assert "Terms" not in end_cell(CHEAT_SHEET, [])


# The cells in the notebooks


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_notebook_has_its_two_cells(page: Page) -> None:
    notebook = json.loads((NOTEBOOKS / page.file).read_text(encoding="utf-8"))
    current = linked(notebook, page, read_terms(NOTEBOOKS).get(page.file, []))
    up_to_date = notebook["cells"] == current["cells"]
    assert up_to_date, "run: armodels links"


@pytest.fixture
def small_course(tmp_path: Path) -> Path:
    """A folder with a notebook for every page."""
    for page in PAGES:
        store(tmp_path / page.file, f"# {page.title}\n\nä \u2028 <é>", "## Section", "The end.")
    entries = [
        f"#### Term of {page.stem}\nText.\n\nExplained in [x]({page.file}#Section)."
        for page in COURSE
    ]
    store(tmp_path / GLOSSARY.file, "# Glossary", "\n\n".join(entries))
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_links_are_written_once_and_change_nothing_else(small_course: Path) -> None:
    before = contents(small_course)
    assert link_notebooks(small_course) == [page.file for page in PAGES]
    after = contents(small_course)
    assert link_notebooks(small_course) == [] and contents(small_course) == after
    assert set(after) == set(before)  # no temporary file is left
    for file, content in after.items():
        notebook = json.loads(content)
        ids = [cell["id"] for cell in notebook["cells"]]
        assert ids.index(TOP_ID) == 1 and ids.index(END_ID) == len(ids) - 1
        others = [cell for cell in notebook["cells"] if cell["id"] not in (TOP_ID, END_ID)]
        assert stored_form(notebook | {"cells": others}).encode() == before[file]
        assert broken_links(small_course / file) == []
        text = "".join(notebook["cells"][-1]["source"])
        own = f"Term of {Path(file).stem}"
        assert re.findall(r"\[(Term of [^]]*)\]", text) == ([own] if "appendix" not in file else [])


def test_cells_that_were_changed_or_moved_are_put_right(small_course: Path) -> None:
    link_notebooks(small_course)
    after = contents(small_course)
    path = small_course / COURSE[3].file
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = notebook["cells"]
    cells[1]["source"] = ["old"]
    notebook["cells"] = [cells[-1], *cells[:-1]]
    path.write_text(stored_form(notebook), encoding="utf-8")
    assert link_notebooks(small_course) == [path.name]
    assert contents(small_course) == after


def test_nothing_is_written_when_one_notebook_cannot_be(small_course: Path) -> None:
    def refused(error: type[Exception], message: str) -> None:
        before = contents(small_course)
        with pytest.raises(error, match=message):
            link_notebooks(small_course)
        assert contents(small_course) == before

    last = small_course / PAGES[-1].file
    text = last.read_text(encoding="utf-8")
    last.write_text(text + "\n", encoding="utf-8")
    refused(NotebookError, rf"{last.name} is not stored in the stable form.*armodels execute")
    last.write_text("no JSON", encoding="utf-8")
    refused(NotebookError, f"{last.name} is not a notebook")
    last.unlink()
    refused(FileNotFoundError, f"no {last.name} in")
    last.write_text(text, encoding="utf-8")
    store(small_course / "15_more.ipynb", "# More")
    refused(ValueError, "not on the course map.*15_more.ipynb")


def test_the_command_says_what_it_changed(small_course: Path, monkeypatch, tmp_path_factory):
    root = tmp_path_factory.mktemp("course")
    (root / "notebooks").symlink_to(small_course, target_is_directory=True)
    monkeypatch.setattr(environment, "course_root", lambda: root)
    first, second = CliRunner().invoke(app, ["links"]), CliRunner().invoke(app, ["links"])
    assert first.exit_code == 0 and first.output.count(": changed") == len(PAGES)
    assert second.exit_code == 0 and second.output == "every link is as it should be\n"
    (small_course / COURSE[0].file).unlink()
    third = CliRunner().invoke(app, ["links"])
    assert third.exit_code == 1 and f"no {COURSE[0].file}" in third.output
