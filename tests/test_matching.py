"""A binary image is traced to the grey one that it was drawn from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from armodels_lite.data import matching
from armodels_lite.data.matching import most_likely_sources


def blobs(n: int, size: int = 10, seed: int = 0) -> torch.Tensor:
    """Grey images (n, size^2) uint8: black with two grey discs each, somewhere."""
    generator = torch.Generator().manual_seed(seed)
    centres = size * torch.rand(n, 2, 2, 1, 1, generator=generator)
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    distance = ((torch.stack([y, x]) - centres) ** 2).sum(2).sqrt()
    return (255 * (3 - distance).clamp(0, 1).amax(1)).flatten(1).to(torch.uint8)


def drawn(grey: torch.Tensor, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(grey.shape, generator=generator) < grey / 255).to(torch.uint8)


def all_pairs(binary: torch.Tensor, grey: torch.Tensor) -> np.ndarray:
    """log p (N, M) in float64, as its definition says."""
    g = np.clip(grey.numpy() / 255, 1e-6, 1 - 1e-6)[None]
    x = binary.numpy().astype(np.float64)[:, None]
    return (x * np.log(g) + (1 - x) * np.log(1 - g)).sum(2)


@pytest.mark.parametrize(("n", "m"), [(300, 400), (7, 33), (3, 5), (1, 1)])
def test_it_finds_what_the_comparison_of_all_pairs_finds(n, m):
    """Also where there are fewer grey images than candidates, and where the last group is not full."""
    grey = blobs(m)
    binary = drawn(grey[torch.arange(n) % m])
    expected = all_pairs(binary, grey)
    sources, nats = most_likely_sources(binary, grey, progress=False)
    assert sources.dtype == torch.int64 and nats.dtype == torch.float32
    # Twins are equally likely; so what counts is the likelihood.
    assert np.allclose(expected[np.arange(n), sources.numpy()], expected.max(1), atol=1e-3)
    assert np.allclose(nats.numpy(), expected.max(1), atol=1e-3)


def test_most_drawings_lead_back_to_their_source():
    grey = blobs(400)
    sources, _ = most_likely_sources(drawn(grey), grey)
    assert (sources == torch.arange(400)).float().mean() > 0.97


def test_where_the_summary_misleads_all_are_compared(monkeypatch):
    grey = blobs(200)
    binary = drawn(grey)
    expected = all_pairs(binary, grey).max(1)
    wrong = torch.zeros(len(grey), 2, dtype=torch.int64) + torch.tensor([3, 5])
    monkeypatch.setattr(matching._Summary, "nearest", lambda self, x: wrong[: len(x)])
    _, nats = most_likely_sources(binary, grey)
    assert np.allclose(nats.numpy(), expected, atol=1e-3)


@pytest.mark.parametrize(
    ("binary", "grey", "message"),
    [
        ((4, 9), (4, 16), r"got \(4, 9\) and \(4, 16\)"),
        ((4, 3, 3), (4, 9), r"got \(4, 3, 3\)"),
        ((0, 9), (4, 9), "0 binary and 4 grey"),
        ((4, 9), (0, 9), "4 binary and 0 grey"),
    ],
)
def test_images_that_cannot_be_compared(binary, grey, message):
    with pytest.raises(ValueError, match=message):
        most_likely_sources(torch.zeros(binary), torch.zeros(grey, dtype=torch.uint8))
