"""The rules of `chooser_rules` as one picture: from the data over the priority to a model."""

from __future__ import annotations

from .chooser_rules import DATA, FITS, PRIORITIES, recommend
from .svg import BLUE, QUIET, Drawing, Strip, strip

__all__ = ["chooser_tree", "first_choices"]

LEFT, FIRST = 14, 190  # pixels: the places of the trunk and of the first column
COLUMN, ROW = 100, 46
MARGIN = 24  # beside the last column, whose head is one long word
TOP = 132  # of the first row
QUESTION = "Must all values be drawn at once, or do you need one code for the whole example?"
NOTE = "At 8 × 8 most models with hidden layers lie within a nat of each other."
ELSEWHERE = "Yes: a VAE, a flow, a diffusion model (notebooks 08, 09, 14b)"


def first_choices(data: str, priority: str) -> list[str]:
    """The autoregressive models with the most points, without a constraint; two where they share the first place.

    >>> first_choices("small image, about 8 × 8", "best likelihood")
    ['PixelCNN++', 'NADE']
    """
    found = [choice for choice in recommend(data, priority) if choice.model.autoregressive]
    best = [c.name for c in found if c.points == found[0].points]
    same_fit = [name for name in best if FITS[data][name][0] == FITS[data][best[0]][0]]
    return same_fit[:2]


def chooser_tree() -> Strip:
    """A tree, black on white, with the rules' first choices for each kind of data and each priority.

    >>> "text or symbols: best likelihood Transformer or RNN" in chooser_tree().alt
    True
    """
    width = FIRST + COLUMN * len(PRIORITIES) + MARGIN
    drawing = Drawing(width, TOP + ROW * len(DATA) + 26, label=_words())
    _draw_root(drawing)
    for column, priority in enumerate(PRIORITIES):
        _write(drawing, FIRST + COLUMN * column, TOP - 18, two_lines(priority), bold=True)
    for row, data in enumerate(DATA):
        _draw_row(drawing, TOP + ROW * row, data)
    end = TOP + ROW * (len(DATA) - 0.5)
    drawing.line((LEFT, 60), (LEFT, end), QUIET)
    foot = TOP + ROW * len(DATA) + 18
    drawing.text(LEFT + 16, foot, NOTE, anchor="start", size=13.5)
    return strip([[drawing]], ["Which autoregressive model?"], _words())


def _draw_root(drawing: Drawing) -> None:
    drawing.rect((2, 6), drawing.width - 4, 54, "none", stroke=BLUE, radius=6)
    drawing.text(12, 28, QUESTION, anchor="start", size=14, bold=True)
    drawing.text(12, 49, ELSEWHERE, anchor="start", size=14)
    drawing.text(
        LEFT + 8, 82, "No: what are the data, and what counts most?", anchor="start", size=14
    )


def _draw_row(drawing: Drawing, top: float, data: str) -> None:
    middle = top + ROW / 2
    drawing.line((LEFT, middle), (LEFT + 12, middle), QUIET)
    drawing.line((LEFT + 16, top), (drawing.width - 2, top), QUIET, width=0.6)
    _write(drawing, LEFT + 16, middle, two_lines(data), bold=True)
    for column, priority in enumerate(PRIORITIES):
        names = first_choices(data, priority)
        lines = [names[0], f"or {names[1]}"] if len(names) > 1 else two_lines(names[0])
        _write(drawing, FIRST + COLUMN * column, middle, lines)


def _write(
    drawing: Drawing, x: float, middle: float, lines: list[str], *, bold: bool = False
) -> None:
    """Lines of text with their middle at this height."""
    for number, words in enumerate(lines):
        y = middle + 5 + 17 * (number - (len(lines) - 1) / 2)
        drawing.text(x, y, words, anchor="start", size=13.5, bold=bold)


def two_lines(words: str) -> list[str]:
    """A name of more than eleven letters, broken at the space that leaves the longer line shortest.

    >>> two_lines("columns of mixed kinds"), two_lines("Transformer")
    (['columns of', 'mixed kinds'], ['Transformer'])
    """
    parts = words.split(" ")
    if len(words) <= 11 or len(parts) == 1:
        return [words]
    broken = [[" ".join(parts[:k]), " ".join(parts[k:])] for k in range(1, len(parts))]
    return min(broken, key=lambda lines: max(map(len, lines)))


def _words() -> str:
    rows = []
    for data in DATA:
        firsts = [
            f"{priority} {' or '.join(first_choices(data, priority))}" for priority in PRIORITIES
        ]
        rows.append(f"{data}: {', '.join(firsts)}.")
    return f"A decision tree. {QUESTION} {ELSEWHERE}. No: first choices. {' '.join(rows)} {NOTE}"
