"""The table that grows by a row in each notebook: size, quality and sampling speed of a model, measured alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from .chain import AutoregressiveModel
from .inspection import check_kind, default_context
from .training import evaluate

__all__ = ["Row", "Scoreboard", "measure"]

SAMPLES = 100  # drawn together


@dataclass(frozen=True)
class Row:
    """One model on one test set.

    Attributes:
        name: what the row is called.
        parameters: free parameters.
        nats, error: mean negative log-likelihood per example and its standard error over the examples.
        bits_per_dim: nats / (D ln 2).
        steps: conditionals that must be drawn one after the other for one sample.
        milliseconds: median time per sample when 100 are drawn together, on the machine at hand.
    """

    name: str
    parameters: int
    nats: float
    error: float
    bits_per_dim: float
    steps: int
    milliseconds: float


def measure(
    name: str, model: AutoregressiveModel, test: object, *, steps: int | None = None
) -> Row:
    """Measure a model on a split or a tensor of test events.

    Args:
        steps: sequential steps per sample; the number of variables unless given. With 1 no variable depends on
            another, and all are drawn at once.

    Raises:
        TypeError: a model that is no `AutoregressiveModel`.
        ValueError, TypeError: as `evaluate`.
    """
    check_kind(model, AutoregressiveModel, "the table compares autoregressive models")
    score = evaluate(model, test)
    return Row(
        name=name,
        parameters=model.num_parameters(),
        nats=score.nats,
        error=score.standard_error,
        bits_per_dim=score.bits_per_dim,
        steps=model.num_variables if steps is None else steps,
        milliseconds=1000 * _seconds(model, at_once=steps == 1) / SAMPLES,
    )


def _seconds(model: AutoregressiveModel, at_once: bool) -> float:
    """Median seconds to draw SAMPLES samples, after one run that does not count."""
    context = default_context(model, SAMPLES)
    shape = (SAMPLES, *model.event_shape)
    nothing = torch.zeros(shape, dtype=model.event_dtype, device=model.device)
    times = []
    for _ in range(4):
        start = time.perf_counter()
        if at_once:
            model(nothing, context).sample()
        else:
            model.sample(SAMPLES, context=context)
        if model.device.type == "cuda":
            torch.cuda.synchronize(model.device)
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


class Scoreboard:
    """Rows shown as a table, in HTML where that is shown and in plain text elsewhere."""

    columns = ("model", "parameters", "nats", "bits/dim", "steps to sample", "ms per sample")

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = list(rows)

    def _cells(self) -> list[tuple[str, ...]]:
        return [
            (
                row.name,
                f"{row.parameters:,}",
                f"{row.nats:.2f} ± {row.error:.2f}",
                f"{row.bits_per_dim:.3f}",
                str(row.steps),
                f"{row.milliseconds:.3f}",
            )
            for row in self.rows
        ]

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in self.columns)
        body = "".join(
            "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
            for cells in self._cells()
        )
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def __repr__(self) -> str:
        table = [self.columns, *self._cells()]
        widths = [max(len(row[i]) for row in table) for i in range(len(self.columns))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            for row in table
        ]
        return "\n".join(lines)
