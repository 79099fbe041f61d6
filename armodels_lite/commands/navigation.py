"""`armodels links`: the course map, and the two cells by which each notebook leads to the others.

`COURSE` and `APPENDICES` are the one place where the order of the notebooks stands. From them, and from the glossary,
`link_notebooks` writes into each notebook

- under the opening: the notebook before, the one after, and the whole map, folded;
- at the end: both again, the terms that the glossary ascribes to this notebook, and the appendices for looking up.

The two cells are known by their ids; nothing else in the file changes, and a second run changes nothing.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from armodels_lite.commands.notebooks import NotebookError, write_atomically

TOP_ID, END_ID = "course-nav-top", "course-nav-end"
FOLD_FROM = 8  # so many terms, or more, are folded


@dataclass(frozen=True)
class Page:
    """One notebook on the course map.

    Attributes:
        stem: its file's name, without `.ipynb`.
        title: how links call it.
        about: what it is about, in a few words.
        needs: which notebooks it builds on, by their numbers, as its opening says.
    """

    stem: str
    title: str
    about: str
    needs: str = ""

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.stem}.ipynb"


COURSE = (
    Page(
        "01_learning_a_generative_model",
        "01 Learning a generative model",
        "counting, maximum likelihood, KL divergence",
    ),
    Page(
        "02_bayes_nets_and_neural_models",
        "02 Bayes nets and neural models",
        "independence, or a functional form",
        needs="01",
    ),
    Page(
        "03_neural_models_for_classification",
        "03 Neural models for classification",
        "from logistic regression to the next pixel",
        needs="01, 02",
    ),
    Page(
        "04_running_example",
        "04 The running example",
        "digits; nats and bits per dimension",
        needs="01 to 03",
    ),
    Page(
        "05_autoregressive_models",
        "05 Autoregressive models",
        "the chain rule, orders, sampling; AR(p)",
        needs="01 to 04",
    ),
    Page(
        "06_fvsbn",
        "06 FVSBN",
        "a logistic regression for every pixel",
        needs="03 to 05",
    ),
    Page(
        "07_nade",
        "07 NADE",
        "a hidden layer for every pixel; any order",
        needs="03 to 06",
    ),
    Page(
        "08_autoregressive_models_and_autoencoders",
        "08 Autoregressive models and autoencoders",
        "why reconstruction is no likelihood; a VAE",
        needs="03, 05 to 07",
    ),
    Page(
        "09_made",
        "09 MADE",
        "masks turn an autoencoder into a density",
        needs="05 to 08",
    ),
    Page(
        "10_recurrent_networks",
        "10 Recurrent networks",
        "a state that is carried along: text, music, PixelRNN",
        needs="05, 07, 09",
    ),
    Page(
        "11_attention_and_transformers",
        "11 Attention and transformers",
        "looking back instead of remembering",
        needs="05, 09, 10",
    ),
    Page(
        "12_wavenet_and_pixelcnn",
        "12 WaveNet and the PixelCNN family",
        "convolutions that look back: sound and images",
        needs="05, 09 to 11",
    ),
    Page(
        "12b_applications",
        "12b Applications",
        "completing, enlarging, colouring, cleaning, inspecting",
        needs="05, 07, 09, 12",
    ),
    Page(
        "13_pixeldefend",
        "13 PixelDefend",
        "attacks, detection, purification, and their limits",
        needs="04, 05, 12",
    ),
    Page(
        "14_side_by_side",
        "14 Side by side",
        "all models compared; compression; faster sampling",
        needs="04 to 12",
    ),
    Page(
        "14b_summary",
        "14b Summary",
        "which model; other families; what is open; the final quiz",
        needs="14",
    ),
)
REFRESHER = Page(
    "appendix_refresher", "Refresher", "probability, linear algebra, PyTorch, notation"
)
CHEAT_SHEET = Page("appendix_cheat_sheet", "Cheat sheet", "the course on one page")
GLOSSARY = Page("appendix_glossary", "Glossary", "every term, and where it is explained")
BIBLIOGRAPHY = Page("appendix_bibliography", "Bibliography", "the sources")
APPENDICES = (REFRESHER, CHEAT_SHEET, GLOSSARY, BIBLIOGRAPHY)
PAGES = COURSE + APPENDICES


def fragment(heading: str) -> str:
    r"""The part of a link after `#` that leads to a heading in a notebook, ready to stand in markdown.

    JupyterLab's anchor of a heading is its text with each space replaced by `-`. It decodes no `%27` and the like, so
    characters stand for themselves; only parentheses are escaped, for markdown's sake.

    >>> print(fragment("What is p(x)?"))
    What-is-p\(x\)?
    """
    return re.sub(r"([()])", r"\\\1", heading.replace(" ", "-"))


def link(page: Page, text: str = "", heading: str = "") -> str:
    """A markdown link to a page, or to a heading on it; `text` stands in place of the page's title."""
    anchor = f"#{fragment(heading)}" if heading else ""
    return f"[{text or page.title}]({page.file}{anchor})"


def terms_by_file(glossary: str) -> dict[str, list[str]]:
    """The terms that each notebook explains, by its file's name, in the glossary's order.

    Args:
        glossary: its markdown. An entry is a heading `#### term`, the definition, and a line that begins with
            `Explained in` and links to notebooks; entries that only say "See ..." have none.
    """
    found: dict[str, list[str]] = {}
    for entry in re.split(r"^#### ", glossary, flags=re.MULTILINE)[1:]:
        term, _, body = entry.partition("\n")
        lines = re.findall(r"^Explained in .*$", body, flags=re.MULTILINE)
        files = re.findall(r"\]\(([^)#]+\.ipynb)", " ".join(lines))
        for file in dict.fromkeys(files):  # one link, though it may be named for two sections
            found.setdefault(file, []).append(term.strip())
    return found


def _neighbours(page: Page) -> tuple[Page | None, Page | None]:
    """The pages before and after, along the numbered notebooks; an appendix has none."""
    if page not in COURSE:
        return None, None
    place = COURSE.index(page)
    before = COURSE[place - 1] if place else None
    return before, COURSE[place + 1] if place + 1 < len(COURSE) else None


def _path(page: Page) -> str:
    """One line: previous and next, or for an appendix where the course begins."""
    before, after = _neighbours(page)
    parts = [f"**Previous:** {link(before)}"] if before else []
    parts += [f"**Next:** {link(after)}"] if after else []
    if page == COURSE[0]:
        parts.insert(0, f"Rusty? {link(REFRESHER)}")
    elif page == COURSE[-1]:
        parts.append(f"The end of the course; in short: {link(CHEAT_SHEET)}")
    elif page in APPENDICES:
        parts.append(f"The course begins with {link(COURSE[0])}")
    return " · ".join(parts)


def _map_line(entry: Page, here: Page) -> str:
    name = f"**{entry.title}** (you are here)" if entry == here else link(entry)
    needs = f"; builds on {entry.needs}" if entry.needs else ""
    return f"- {name}: {entry.about}{needs}"


def top_cell(page: Page) -> str:
    """The markdown under a notebook's opening."""
    lines = [_map_line(entry, page) for entry in COURSE]
    lines += ["", "Appendices:", ""] + [_map_line(entry, page) for entry in APPENDICES]
    folded = ["<details><summary>Course map</summary>", "", *lines, "", "</details>"]
    return "\n".join([_path(page), "", *folded])


def end_cell(page: Page, terms: list[str]) -> str:
    """The markdown that closes a notebook.

    Args:
        page: the notebook.
        terms: those that it explains, as they are headed in the glossary.
    """
    parts = ["---", _path(page)]
    if terms:
        words = " · ".join(link(GLOSSARY, term, term) for term in terms)
        if len(terms) < FOLD_FROM:
            parts.append(f"**Terms of this notebook:** {words}")
        else:
            summary = f"<details><summary>Terms of this notebook ({len(terms)})</summary>"
            parts += [summary, words, "</details>"]
    others = [entry for entry in (CHEAT_SHEET, GLOSSARY, BIBLIOGRAPHY) if entry != page]
    parts.append(f"**To look up:** {' · '.join(link(entry) for entry in others)}")
    return "\n\n".join(parts)


def _cell(name: str, text: str) -> dict:
    source = text.splitlines(keepends=True)
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": source}


def linked(notebook: dict, page: Page, terms: list[str]) -> dict:
    """A copy of a notebook, as JSON reads it, with its two cells: in their places, and as they are to be."""
    cells = [cell for cell in notebook["cells"] if cell.get("id") not in (TOP_ID, END_ID)]
    top, end = _cell(TOP_ID, top_cell(page)), _cell(END_ID, end_cell(page, terms))
    return notebook | {"cells": [*cells[:1], top, *cells[1:], end]}


def stored_form(notebook: dict) -> str:
    """How a notebook stands in its file."""
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _read(path: Path) -> dict:
    """A notebook as its JSON. Raises NotebookError when writing it again would change more than the two cells."""
    text = path.read_text(encoding="utf-8")
    try:
        notebook = json.loads(text)
    except ValueError as error:
        raise NotebookError(f"{path} is not a notebook: {error}") from error
    if not isinstance(notebook, dict) or not notebook.get("cells") or stored_form(notebook) != text:
        raise NotebookError(
            f"{path} is not stored in the stable form: run `armodels execute` first"
        )
    return notebook


def _check_map(folder: Path) -> None:
    """Every page has its notebook, and every notebook its page."""
    files, named = {path.name for path in folder.glob("*.ipynb")}, {page.file for page in PAGES}
    if missing := sorted(named - files):
        raise FileNotFoundError(f"no {', '.join(missing)} in {folder}, which the course map names")
    if strays := sorted(files - named):
        raise ValueError(f"not on the course map of commands/navigation.py: {', '.join(strays)}")


def read_terms(folder: Path) -> dict[str, list[str]]:
    """`terms_by_file` of the glossary in a folder of notebooks."""
    cells = _read(folder / GLOSSARY.file)["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    return terms_by_file("\n\n".join(texts))


def link_notebooks(folder: Path) -> list[str]:
    """Write the two cells into each notebook of the course; return the names of the files that changed.

    All are read before the first is written, so that an error leaves every file as it was.

    Args:
        folder: the one with the notebooks.

    Raises:
        FileNotFoundError: when a notebook of the map is missing.
        ValueError: when one is not on the map.
        NotebookError: when one is not stored in its stable form.
    """
    _check_map(folder)
    terms = read_terms(folder)
    changed = {}
    for page in PAGES:
        notebook = _read(folder / page.file)
        text = stored_form(linked(notebook, page, terms.get(page.file, [])))
        if text != stored_form(notebook):
            changed[page.file] = text
    for file, text in changed.items():
        write_atomically(folder / file, text)
    return list(changed)
