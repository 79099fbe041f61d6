"""A grid of coloured pixels drawn by the browser, which a learner may click or paint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import traitlets

from .stepper import ASSETS, check_positive

__all__ = ["PixelGrid"]


class PixelGrid(anywidget.AnyWidget):
    """Pixels as large squares, nearest neighbour, with light lines between them; see-through ones are hatched.

    Where `editable`, a click, or Enter or space at a cursor that the arrow keys move, sends (pixel, action) to the
    functions registered with `on_edit`. Actions: "flip" (a click), "same" (dragging on), "erase" (shift and click,
    or delete).

    Args:
        rows, columns: size of the picture.
        editable: whether pixels can be clicked.
        size: width in CSS pixels that the picture may take; the side of a square is a whole number, at least 2.

    Raises:
        ValueError: rows, columns or size is no positive int.
    """

    _esm = (ASSETS / "grid.js").read_text(encoding="utf-8")
    _css = (ASSETS / "widgets.css").read_text(encoding="utf-8")

    rows = traitlets.Int(1).tag(sync=True)
    columns = traitlets.Int(1).tag(sync=True)
    size = traitlets.Int(252).tag(sync=True)
    editable = traitlets.Bool(False).tag(sync=True)
    frame = traitlets.Bytes(b"").tag(sync=True)  # rows x columns x 4: red, green, blue, opacity
    flags = traitlets.Bytes(b"").tag(
        sync=True
    )  # rows x columns: 1 draws a corner, for pixels set by hand
    mark = traitlets.Int(-1).tag(sync=True)  # the outlined pixel, -1 for none
    corners = traitlets.Bool(True).tag(sync=True)  # False: flags are told, not drawn
    # What a screen reader calls a pixel with a flag, another one, a see-through one.
    kinds = traitlets.List(traitlets.Unicode(), ["painted", "drawn", "not drawn"]).tag(sync=True)
    label = traitlets.Unicode("").tag(sync=True)  # what a screen reader says
    edited = traitlets.Int(0).tag(sync=True)  # edits handled so far; the browser may wait for it

    def __init__(self, rows: int, columns: int, *, editable: bool = False, size: int = 252) -> None:
        for name, value in (("rows", rows), ("columns", columns), ("size", size)):
            check_positive(name, value)
        super().__init__(rows=rows, columns=columns, editable=editable, size=size)

    def show(
        self,
        pixels: np.ndarray,
        *,
        mark: int = -1,
        flags: np.ndarray | None = None,
        label: str = "",
    ) -> None:
        """Show pixels (rows, columns, 4) of dtype uint8, in one message to the browser.

        Raises ValueError for another shape or dtype.
        """
        if pixels.shape != (self.rows, self.columns, 4) or pixels.dtype != np.uint8:
            raise ValueError(
                f"pixels must be uint8 of shape {(self.rows, self.columns, 4)}, got {pixels.dtype} of {pixels.shape}"
            )
        with self.hold_sync():
            self.frame = pixels.tobytes()
            self.flags = b"" if flags is None else flags.astype(np.uint8).tobytes()
            self.mark, self.label = mark, label

    def on_edit(self, handler: Callable[[int, str], None]) -> None:
        """Call handler(pixel, action) for each edit; pixels are counted row by row from 0."""

        def received(_: ipywidgets.Widget, content: dict[str, Any], __: Any) -> None:
            if content.get("action") in ("flip", "same", "erase"):
                try:
                    handler(int(content["pixel"]), content["action"])
                finally:
                    self.edited += 1

        self.on_msg(received)

    def __repr__(self) -> str:
        return f"PixelGrid({self.rows} x {self.columns})"
