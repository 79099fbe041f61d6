"""Figures as they leave Python: PNG bytes, and pictures with alt text in a notebook."""

from __future__ import annotations

import base64
import html
import io
import sys

from matplotlib.figure import Figure
from PIL import Image

__all__ = ["Picture", "show", "to_png"]

DPI = 110


def to_png(figure: Figure, dpi: float = DPI) -> bytes:
    """The figure as PNG: the same bytes each time, because the file notes neither date nor software."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, pil_kwargs={"compress_level": 1})
    picture = Image.open(buffer).convert("RGB")
    # Up to 256 colours fit a palette, which is exact and makes a smaller file.
    if (colours := picture.getcolors(256)) is not None:
        picture = picture.quantize(len(colours), dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


class Picture:
    """A PNG with alt text, which Jupyter shows as an HTML image.

    Neither JupyterLab nor nbconvert's usual template reads alt text from an output's metadata, so the picture goes
    out as HTML with the image inside. Where HTML is not shown, the alt text itself stands in its place.
    """

    def __init__(self, png: bytes, alt: str) -> None:
        if not isinstance(alt, str) or len(alt.split()) < 3:
            raise ValueError(f"alt must say in words what the picture shows, got {alt!r}")
        self.png, self.alt = png, " ".join(alt.split())

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.png).decode("ascii")
        alt = html.escape(self.alt, quote=True)
        return f'<img alt="{alt}" style="max-width: 100%" src="data:image/png;base64,{data}">'

    def __repr__(self) -> str:
        return self.alt


def show(figure: Figure, alt: str, *, dpi: float = DPI) -> None:
    """Show a figure in the notebook, with text for readers who do not see it.

    Args:
        figure: a matplotlib Figure; it is closed if pyplot holds it, so that it is not shown twice.
        alt: one or two sentences that say what is to be seen, not a repetition of the title.
        dpi: pixels per inch.

    Raises:
        TypeError: `figure` is no Figure.
        ValueError: the alt text is missing or not made of words.
    """
    from IPython.display import display

    if not isinstance(figure, Figure):
        raise TypeError(f"show takes a matplotlib Figure, got {type(figure).__name__}")
    picture = Picture(to_png(figure, dpi), alt)
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close(figure)
    display(picture)
