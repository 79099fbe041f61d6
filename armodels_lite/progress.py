"""One line of progress that leaves nothing behind.

On a terminal the line is tqdm's bar, removed when done. In a live notebook it is one output that is rewritten
in place and emptied when done. Everywhere else (a notebook executed without a reader, a log file, CI) there
is none, so no stored notebook and no log ever holds a half-drawn bar.
"""

from __future__ import annotations

import sys
import time

__all__ = ["Progress"]

SECONDS_BETWEEN_UPDATES = 0.1


class Progress:
    """A line that counts to `total`, with `note` behind it. Use it in a `with` statement.

    Args:
        total: the number of units of work.
        label: what is being done, at most a few words.
        unit: the name of one unit; `"B"` shows sizes as kB and MB.
        show: `"auto"` (a terminal or a live notebook), or `False` for none.

    Raises:
        ValueError: for any other `show`.

    >>> with Progress(3, "reading", show=False) as progress:
    ...     for _ in range(3):
    ...         progress.update(1, note="all well")
    """

    def __init__(self, total: int, label: str, unit: str = "it", show: bool | str = "auto") -> None:
        if show not in (True, False, "auto"):
            raise ValueError(f"progress is {show!r}; accepted: 'auto', True, False")
        self.total, self.label, self.unit = total, label, unit
        self.done, self.note = 0, ""
        self._bar, self._line, self._last = None, None, 0.0
        if show is not False:
            self._open()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def shown(self) -> bool:
        """Whether somebody is there to see the line."""
        return self._bar is not None or self._line is not None

    def update(self, units: int = 1, note: str | None = None) -> None:
        """Count `units` more, and change the note if one is given. Redraws at most ten times a second."""
        self.done += units
        if note is not None:
            self.note = note
        if self._bar is not None:
            if note is not None:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(units)
        elif self._line is not None and time.monotonic() - self._last > SECONDS_BETWEEN_UPDATES:
            self._last = time.monotonic()
            self._line.update(
                {"text/plain": f"{self.label}: {self.done}/{self.total} {self.note}"}, raw=True
            )

    def close(self) -> None:
        """Remove the line; a second call does nothing."""
        if self._bar is not None:
            self._bar.close()
        if self._line is not None:
            self._line.update({"text/plain": ""}, raw=True)
        self._bar = self._line = None

    def _open(self) -> None:
        if _in_live_notebook():
            from IPython.display import display

            self._line = display(
                {"text/plain": f"{self.label}: 0/{self.total}"}, raw=True, display_id=True
            )
        elif sys.stderr is not None and sys.stderr.isatty():
            from tqdm import tqdm

            self._bar = tqdm(
                total=self.total,
                desc=self.label,
                unit=self.unit,
                unit_scale=self.unit == "B",
                leave=False,
            )


def _in_live_notebook() -> bool:
    """True where a person runs the cell: executors such as nbclient announce that they can give no input."""
    if "IPython" not in sys.modules:
        return False
    kernel = getattr(sys.modules["IPython"].get_ipython(), "kernel", None)
    return bool(getattr(kernel, "_allow_stdin", False))
