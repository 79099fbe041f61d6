"""Stored results: those that ship are whole, and an unknown name gets a clear error."""

from __future__ import annotations

import math

import pytest

import armodels_lite as ar


def test_every_row_has_parameters_and_as_many_trainings() -> None:
    rows = ar.stored_results("digits_seeds")
    assert {"FVSBN", "NADE", "untied NADE", "EoNADE", "EoNADE, ensemble of 32"} <= set(rows)
    assert rows["NADE"]["parameters"] == ar.NADE((1, 8, 8), hidden=128).num_parameters()
    for row in rows.values():
        assert len(row["nats"]) == 5 and all(0 < nats < 64 * math.log(2) for nats in row["nats"])


def test_the_rows_on_made_are_whole() -> None:
    rows = ar.stored_results("digits_made")
    model = ar.MADE((1, 8, 8), hidden=(500,), direct=True, masks=8)
    assert rows["8 orderings"]["parameters"] == model.num_parameters()
    for name, row in rows.items():
        assert len(row["nats"]) in (1, 3, 8)
        assert all(0 < nats < 64 * math.log(2) for nats in row["nats"]), name
    alone = rows["8 orderings, its orderings, one by one"]["nats"]
    together = rows["8 orderings, ensemble of its orderings"]["nats"]
    assert all(a >= b for a, b in zip(alone, together, strict=True))


def test_ensembles_are_at_least_as_good_as_their_members_on_average() -> None:
    rows = ar.stored_results("digits_seeds")
    alone = rows["EoNADE, mean of 32 orderings, one by one"]["nats"]
    together = rows["EoNADE, ensemble of 32"]["nats"]
    assert all(a >= b for a, b in zip(alone, together, strict=True))


@pytest.mark.parametrize("name", ["digits", "../splits", ["digits_seeds"]])
def test_an_unknown_name_is_refused(name: object) -> None:
    with pytest.raises(
        ValueError, match="there are stored results for complexity, digits_made, .*, got"
    ):
        ar.stored_results(name)
