"""Which grey image a binary one was drawn from: gives labels to binary images that were published without.

The source is the grey image under which the binary one is most likely. Comparing all pairs takes minutes, so the
search goes from coarse to fine: a few nearest grey images by a short summary of each, then the likelihood of those
alone. Where even the best of them is too unlikely to be the source, all are compared.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..progress import Progress

__all__ = ["most_likely_sources"]

SMALLEST = 1e-6  # probability: a pixel that cannot be drawn costs 14 nats, not infinitely many
DIRECTIONS = 48  # numbers in the summary of an image
CANDIDATES = 20  # nearest grey images whose likelihood is computed
DEVIATIONS = 6.0  # so far below its expected log-likelihood a drawing does not fall by chance
GROUP = 32  # grey images that are first judged by their best
AT_ONCE = 1000  # grey images turned into floats together
BATCH = 250  # binary images at once; with 60,000 grey ones a table of distances takes 60 MB


def most_likely_sources(
    binary: Tensor, grey: Tensor, progress: bool | str = "auto"
) -> tuple[Tensor, Tensor]:
    """For each binary image, the grey one under which it is most likely, pixels being drawn independently.

    Args:
        binary: (N, D) of values 0 and 1.
        grey: (M, D) uint8; a pixel is drawn as 1 with probability grey / 255, kept within 1e-6 of 0 and 1.
        progress: as for `ar.fit`.

    Returns:
        int64 (N,) indices into `grey`, and the float32 (N,) log-likelihoods there in nats.

    Raises:
        ValueError: shapes that do not fit each other, or no images.

    >>> grey = torch.tensor([[0, 250, 240], [250, 10, 0]], dtype=torch.uint8)
    >>> indices, nats = most_likely_sources(torch.tensor([[1, 0, 0], [0, 1, 1]]), grey)
    >>> indices.tolist(), [round(value, 2) for value in nats.tolist()]
    ([1, 0], [-0.06, -0.08])
    """
    if binary.dim() != 2 or grey.dim() != 2 or binary.shape[1:] != grey.shape[1:]:
        raise ValueError(
            f"images must be (N, D) and (M, D), got {tuple(binary.shape)} and {tuple(grey.shape)}"
        )
    if not len(binary) or not len(grey):
        raise ValueError(f"there are {len(binary)} binary and {len(grey)} grey images")
    score, summary = _Likelihood(grey), _Summary(grey)
    sources = torch.empty(len(binary), dtype=torch.int64)
    nats = torch.empty(len(binary))
    with Progress(len(binary), "finding sources", unit="image", show=progress) as line:
        for start in range(0, len(binary), BATCH):
            part = slice(start, start + BATCH)
            x = binary[part].float()
            sources[part], nats[part] = score.best_of(x, summary.nearest(x))
            line.update(len(x))
        for part in (nats < score.lowest[sources]).nonzero().flatten().split(BATCH):
            sources[part], nats[part] = score.best(binary[part].float())
    return sources, nats


class _Likelihood:
    """log p(binary | grey) = x . log_odds + constant, in nats; `lowest` is the least that a drawing from it has."""

    def __init__(self, grey: Tensor) -> None:
        self.log_odds = torch.empty(grey.shape)
        self.constant, self.lowest = torch.empty(len(grey)), torch.empty(len(grey))
        for start in range(0, len(grey), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            p = _probability(grey[part])
            log_q = torch.log1p(-p)
            odds = p.log() - log_q
            self.log_odds[part], self.constant[part] = odds, log_q.sum(1)
            mean = (p * odds + log_q).sum(1)
            deviation = (p * (1 - p) * odds.square()).sum(1).sqrt()
            self.lowest[part] = mean - DEVIATIONS * deviation

    def best_of(self, x: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor]:
        """The most likely of the candidates (B, K) of each image, as an index into all, and its log-likelihood."""
        nats = torch.bmm(self.log_odds[candidates], x.unsqueeze(2)).squeeze(2)
        best, place = (nats + self.constant[candidates]).max(1)
        return candidates.gather(1, place.unsqueeze(1)).squeeze(1), best

    def best(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The most likely of all, and its log-likelihood."""
        best, place = torch.addmm(self.constant, x, self.log_odds.T).max(1)
        return place, best


class _Summary:
    """Images as points along the directions in which the grey ones differ most, their principal components.

    A binary image is its source plus noise. The noise spreads over all directions, the differences between images do
    not: along a few of them the source is near.
    """

    def __init__(self, grey: Tensor) -> None:
        sample = _probability(grey[:: -(-len(grey) // 5000)])
        self.centre = sample.mean(0)
        centred = sample - self.centre
        directions = torch.linalg.eigh(centred.T @ centred).eigenvectors  # by ascending variance
        self.directions = directions[:, -DIRECTIONS:]
        points = torch.cat([self.of(_probability(part)) for part in grey.split(AT_ONCE)])
        spare = -len(points) % GROUP
        self.points = torch.nn.functional.pad(points.T, (0, spare))
        # |a - b|^2 = |a|^2 - 2 (a.b - |b|^2 / 2): the nearest b have the largest a.b - |b|^2 / 2.
        half_squares = points.square().sum(1) / 2
        self.offset = torch.nn.functional.pad(-half_squares, (0, spare), value=-torch.inf)
        self.candidates = min(CANDIDATES, len(points))
        self.table = torch.empty(0)

    def of(self, images: Tensor) -> Tensor:
        """(B, D) to (B, DIRECTIONS)."""
        return (images - self.centre) @ self.directions

    def nearest(self, x: Tensor) -> Tensor:
        """Indices (B, K) of the K = CANDIDATES grey images nearest to each binary one.

        They are in the K groups whose best are the best: sorting those is quicker than sorting all.
        """
        if len(self.table) != len(x):  # kept, because making it anew takes as long as filling it
            self.table = torch.empty(len(x), len(self.offset))
        torch.addmm(self.offset, self.of(x), self.points, out=self.table)
        best_of_group = self.table.view(len(x), -1, GROUP).amax(2)
        groups = best_of_group.topk(min(self.candidates, best_of_group.shape[1]), 1).indices
        members = (groups.unsqueeze(2) * GROUP + torch.arange(GROUP)).flatten(1)
        place = self.table.gather(1, members).topk(self.candidates, 1).indices
        return members.gather(1, place)


def _probability(grey: Tensor) -> Tensor:
    return (grey.float() / 255).clamp(SMALLEST, 1 - SMALLEST)
