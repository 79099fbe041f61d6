"""What is fitted by counting: pseudocounts of any size, and values given in another form than asked."""

from __future__ import annotations

import pytest
import torch
from test_bayes_net import weather

import armodels_lite as ar


def test_a_huge_pseudocount_is_the_uniform_distribution() -> None:
    """The sum over a row is infinite in float64."""
    x = torch.tensor([[1.0, 0.0, 0.0, 1.0]])
    net = weather().float().count(x, 1e308)
    assert all((net.table(v) - 0.5).abs().max() < 1e-6 for v in range(4))
    model = ar.Histogram((1,), conditional=ar.PiecewiseConstant(4)).count(x[:, :1], 1e308)
    torch.testing.assert_close(model.probs, torch.full((4,), 0.25))


@pytest.mark.parametrize("evidence", [[("Rainy", 1)], "Rainy", 1])
def test_evidence_is_a_mapping(evidence: object) -> None:
    with pytest.raises(TypeError, match="given as {variable: value}, got"):
        weather().query("Cold", evidence)
