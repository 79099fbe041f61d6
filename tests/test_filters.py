"""top_k and top_p against a plain loop over sorted levels."""

from __future__ import annotations

import math

import pytest
import torch

import armodels_lite as ar


def kept(filtered: torch.Tensor) -> list[int]:
    return filtered.isfinite().nonzero().flatten().tolist()


def by_rank(probs: list[float]) -> list[int]:
    """Levels, the most probable first; of equals the lower level first."""
    return sorted(range(len(probs)), key=lambda level: (-probs[level], level))


@pytest.mark.parametrize("k", [1, 2, 7, 39, 40, 1000])
def test_top_k_keeps_the_k_first(k: int) -> None:
    log_probs = torch.randn(5, 40, dtype=torch.float64).log_softmax(-1)
    for row, filtered in zip(log_probs, ar.top_k(k)(log_probs), strict=True):
        assert kept(filtered) == sorted(by_rank(row.tolist())[:k])
        assert torch.equal(filtered[kept(filtered)], row[kept(filtered)])


@pytest.mark.parametrize("p", [1e-9, 0.05, 0.3, 0.77, 0.999, 1.0])
def test_top_p_keeps_the_smallest_set(p: float) -> None:
    log_probs = torch.randn(5, 40, dtype=torch.float64).log_softmax(-1)
    for row, filtered in zip(log_probs, ar.top_p(p)(log_probs), strict=True):
        probs, total, expected = row.exp().tolist(), 0.0, []
        for level in by_rank(probs):
            if total >= p:
                break
            expected.append(level)
            total += probs[level]
        assert kept(filtered) == sorted(expected)
        assert torch.equal(filtered[kept(filtered)], row[kept(filtered)])


def test_equal_levels() -> None:
    even = torch.full((8,), 1 / 8).log()  # eighths add up without rounding
    assert kept(ar.top_k(3)(even)) == [0, 1, 2]
    for k in range(1, 9):
        assert kept(ar.top_p(k / 8)(even)) == list(range(k))
    assert kept(ar.top_p(0.26)(even)) == [0, 1, 2]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_top_p_of_one_keeps_every_level(dtype: torch.dtype) -> None:
    """Also those so rare that the sum of the others rounds to one."""
    log_probs = torch.tensor([0.0, -15.0, -20.0, -90.0], dtype=dtype).log_softmax(-1)
    assert kept(ar.top_p(1.0)(log_probs)) == [0, 1, 2, 3]


@pytest.mark.parametrize("keep", [ar.top_k(3), ar.top_p(1.0), ar.top_p(0.9)])
def test_excluded_levels_stay_excluded(keep) -> None:
    log_probs = torch.tensor([-math.inf, 0.5, -math.inf, 0.5]).log()
    assert set(kept(keep(log_probs))) <= {1, 3}


def test_the_most_probable_level_always_stays() -> None:
    log_probs = torch.randn(100, 300).log_softmax(-1)
    for keep in (ar.top_k(1), ar.top_p(1e-12)):
        filtered = keep(log_probs)
        assert filtered.isfinite().sum().item() == 100
        assert torch.equal(filtered.argmax(-1), log_probs.argmax(-1))


def test_the_argument_is_left_as_it_was() -> None:
    log_probs = torch.randn(2, 3, 5).log_softmax(-1)
    before = log_probs.clone()
    for keep in (ar.top_k(2), ar.top_p(0.5)):
        assert keep(log_probs).shape == (2, 3, 5)
        assert torch.equal(log_probs, before)


@pytest.mark.parametrize("k", [0, -1, 2.0, "2", None, True])
def test_bad_k(k) -> None:
    with pytest.raises((ValueError, TypeError), match="top_k needs an int of at least 1, got"):
        ar.top_k(k)


@pytest.mark.parametrize("p", [0, 0.0, -0.1, 1.0001, math.nan, "0.9", None])
def test_bad_p(p) -> None:
    with pytest.raises(
        (ValueError, TypeError), match="top_p needs a number above 0 and at most 1, got"
    ):
        ar.top_p(p)
