"""Where a benchmark's figures go: with the machine, the date and the seeds, to be read by `ar.stored_results`."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from timing import machine

from armodels_lite.data.results import FOLDER


def write_results(name: str, rows: Mapping[str, dict], *, seeds: Sequence[int]) -> None:
    """Write the rows under this name, and what they were measured on as the entry "measured"."""
    measured = {
        "machine": machine(),
        "date": datetime.date.today().isoformat(),
        "seeds": list(seeds),
    }
    path = Path(str(FOLDER)) / f"{name}.json"
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(
        json.dumps({"measured": measured, **rows}, indent=1) + "\n", encoding="utf-8"
    )
    unfinished.replace(path)
