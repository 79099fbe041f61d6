"""Points of two classes in the plane, and networks with few and many hidden units trained to tell them apart."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from ..models.classifier import Classifier
from ..training.randomness import own_randomness

__all__ = ["HELD_OUT", "NAMES", "TRAIN", "UNITS", "Fit", "fits_of", "make_points", "train_all"]

UNITS = (0, 1, 2, 3, 4, 6, 8, 16)
NAMES = ("XOR", "ring", "moons", "blobs")
TRAIN, HELD_OUT = (120, 3), (400, 4)  # number of points, seed
# Attempts for each network with hidden units; with one, two units miss XOR most of the time.
STARTS = 4
STEPS, LEARNING_RATE = 1000, 0.05


# -- data ----------------------------------------------------------------------------------------------------------


def make_points(name: str, n: int, seed: int) -> tuple[Tensor, Tensor]:
    """n points of two classes, which take turns: x float32 (n, 2) and y int64 (n,).

    Args:
        name: "XOR", four clouds at the corners of a square, diagonal ones of one class; "ring", a disc inside a ring;
            "moons", two half circles that reach into each other; "blobs", two clouds side by side. In all of them
            Gaussian noise makes the classes overlap.
        n: at least 2.
        seed: a non-negative int; the same one gives the same points.

    Raises:
        ValueError: another name, n or seed.

    >>> x, y = make_points("XOR", 120, seed=1)
    >>> x.shape, y.bincount().tolist()
    (torch.Size([120, 2]), [60, 60])
    """
    _checked_name(name)
    _checked_int("n", n, 2)
    rng = np.random.default_rng(_checked_seed(seed))
    y = np.arange(n) % 2
    centres, sigma = _CENTRES[name](rng, y)
    x = centres + rng.normal(0, sigma, (n, 2))
    return torch.from_numpy(x).float(), torch.from_numpy(y)


def _xor(rng: np.random.Generator, y: np.ndarray) -> tuple[np.ndarray, float]:
    side = np.where(np.arange(len(y)) // 2 % 2 == 0, 1.1, -1.1)
    return np.stack([side, np.where(y == 0, side, -side)], 1), 0.55


def _ring(rng: np.random.Generator, y: np.ndarray) -> tuple[np.ndarray, float]:
    # The root makes the disc evenly dense.
    radius = np.where(y == 0, 1.7, 0.9 * np.sqrt(rng.random(len(y))))
    angle = rng.uniform(0, 2 * math.pi, len(y))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1), 0.35


def _moons(rng: np.random.Generator, y: np.ndarray) -> tuple[np.ndarray, float]:
    angle = rng.uniform(0, math.pi, len(y))
    upper = 1.5 * np.stack([np.cos(angle) - 0.5, np.sin(angle) - 0.25], 1)
    return np.where(y[:, None] == 0, upper, -upper), 0.35


def _blobs(rng: np.random.Generator, y: np.ndarray) -> tuple[np.ndarray, float]:
    return np.where(y[:, None] == 0, -1, 1) * np.array([0.8, 0.5]), 0.8


_CENTRES = {"XOR": _xor, "ring": _ring, "moons": _moons, "blobs": _blobs}


# -- training ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Fit:
    """A trained network.

    Attributes:
        units: hidden units H; 0 is logistic regression.
        model: the network.
        train, held_out: float64 (120,) and (400,), the loss of each point in nats.
        train_correct, held_out_correct: the share of points whose class the network finds more probable.
    """

    units: int
    model: Classifier
    train: np.ndarray
    held_out: np.ndarray
    train_correct: float
    held_out_correct: float

    @property
    def parameters(self) -> int:
        """4H + 1: two weights and a bias into each unit, a weight out of it, a last bias. 3 for H = 0."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @property
    def losses(self) -> tuple[float, float]:
        """Mean training and held-out loss, in nats per example."""
        return float(self.train.mean()), float(self.held_out.mean())

    def logits(self, x: Tensor) -> Tensor:
        """log p(y=1|x) / p(y=0|x) in nats, float64 (n,), for x (n, 2)."""
        with torch.no_grad():
            logits = self.model.logits(x.float()).double()
        return logits[:, 1] - logits[:, 0]

    def lines(self) -> np.ndarray:
        """float64 (H, 3): the weights w1, w2 and the bias b of each unit, whose line is w1 x1 + w2 x2 + b = 0."""
        if not self.units:
            return np.empty((0, 3))
        first = _linears(self.model)[0]
        return torch.cat([first.weight, first.bias[:, None]], 1).detach().double().numpy()


@torch.inference_mode(False)  # the caller may have switched gradients off
@torch.enable_grad()
def train_all(
    train: tuple[Tensor, Tensor],
    held_out: tuple[Tensor, Tensor],
    seed: int,
    *,
    units: Sequence[int] = UNITS,
    starts: int = STARTS,
    steps: int = STEPS,
) -> list[Fit]:
    """Networks with one hidden layer of tanh units, one for each of `units`, trained on the same points.

    Each begins at the random weights of a new `Classifier` and takes `steps` steps of Adam (D. P. Kingma and J. Ba,
    2015) with the gradient of all training points, in float64. A network with hidden units gets `starts` attempts
    from different random weights, and the one with the lowest training loss is kept; even so it may be in a poor
    optimum. Without a penalty on weights, the number of steps also bounds how large they grow.

    Args:
        train, held_out: x float32 (n, 2) and y int64 (n,), as from `make_points`.
        seed: of the random weights, a non-negative int. torch's own random state is left as it was.
        units, starts, steps: see above; at least one number of units, which is 0 or more, and at least one start.

    Raises:
        ValueError: a seed, units, starts or steps that are no such ints.
    """
    if not len(units) or not all(type(h) is int and h >= 0 for h in units):
        raise ValueError(f"units must be one or more ints of at least 0, got {units!r}")
    _checked_int("starts", starts, 1)
    _checked_int("steps", steps, 0)
    with own_randomness(torch.device("cpu"), _checked_seed(seed)):
        groups = [[_network(h) for _ in range(starts if h else 1)] for h in units]
    _descend([model for group in groups for model in group], train, steps)
    return [
        min((_judged(h, model, train, held_out) for model in group), key=lambda fit: fit.losses[0])
        for h, group in zip(units, groups, strict=True)
    ]


@functools.lru_cache(maxsize=64, typed=True)
def _trained(name: str, seed: int) -> tuple[Fit, ...]:
    return tuple(train_all(make_points(name, *TRAIN), make_points(name, *HELD_OUT), seed))


def fits_of(name: str, seed: int) -> tuple[Fit, ...]:
    """`train_all` on the course's points of that name; kept, so that going back costs nothing.

    Raises:
        ValueError: another name or seed.
    """
    # First, since what cannot be hashed cannot be looked up.
    return _trained(_checked_name(name), _checked_seed(seed))


def _network(units: int) -> Classifier:
    return Classifier((2,), 2, hidden=(units,) if units else (), activation="tanh").float()


def _descend(models: Sequence[Classifier], data: tuple[Tensor, Tensor], steps: int) -> None:
    """Train all models side by side, as one wide layer whose units each feed the output of their own model.

    Adam treats every weight alone, and no weight has a part in two models, so this is what training one after the
    other gives, in the time of one.
    """
    # Copies: what was made in inference mode cannot be trained on.
    x, y = (part.to(torch.float64, copy=True) for part in data)
    first, last = [_linears(m)[0] for m in models], [_linears(m)[-1] for m in models]
    deep = [k for k, model in enumerate(models) if len(_linears(model)) == 2]
    flat = [k for k in range(len(models)) if k not in deep]
    empty = torch.empty(0, dtype=torch.float64)

    def joined(parts: list[Tensor]) -> Tensor:
        return torch.cat([empty, *(p.detach().double().flatten() for p in parts)]).requires_grad_()

    w, b = joined([first[k].weight for k in deep]), joined([first[k].bias for k in deep])
    v, c = joined([last[k].weight for k in deep]), joined([layer.bias for layer in last])
    straight = joined([last[k].weight for k in flat])
    weights = [w, b, v, c, straight]
    owner = torch.tensor([k for k in deep for _ in range(first[k].out_features)], dtype=torch.long)
    route = nn.functional.one_hot(owner, len(models)).double()
    direct = nn.functional.one_hot(torch.tensor(flat, dtype=torch.long), len(models)).double()
    target = y[:, None].expand(-1, len(models))
    adam = torch.optim.Adam(weights, lr=LEARNING_RATE, fused=True)
    for _ in range(steps):
        hidden = torch.tanh(x @ w.view(-1, 2).T + b)
        logits = (hidden * v) @ route + c + x @ straight.view(-1, 2).T @ direct
        loss = binary_cross_entropy_with_logits(logits, target, reduction="sum") / len(x)
        adam.zero_grad()
        loss.backward()
        adam.step()
    sizes = [first[k].out_features for k in deep]
    with torch.no_grad():
        parts = [w.view(-1, 2).split(sizes), b.split(sizes), v.split(sizes)]
        for k, into, bias, out in zip(deep, *parts, strict=True):
            first[k].weight.copy_(into)
            first[k].bias.copy_(bias)
            last[k].weight.copy_(out[None])
        for k, row in zip(flat, straight.view(-1, 2), strict=True):
            last[k].weight.copy_(row[None])
        for layer, bias in zip(last, c, strict=True):
            layer.bias.fill_(bias)


def _judged(
    units: int, model: Classifier, train: tuple[Tensor, Tensor], held_out: tuple[Tensor, Tensor]
) -> Fit:
    fit = Fit(units, model, np.empty(0), np.empty(0), math.nan, math.nan)
    judged = []
    for x, y in (train, held_out):
        # How strongly the network speaks for the true class; ln(1 + exp(-margin)) is the loss -ln p(y|x).
        margin = fit.logits(x) * (2 * y - 1)
        judged.append((softplus(-margin).numpy(), (margin > 0).double().mean().item()))
    (seen, seen_correct), (unseen, unseen_correct) = judged
    return Fit(units, model, seen, unseen, seen_correct, unseen_correct)


def _linears(model: Classifier) -> list[nn.Linear]:
    return [layer for layer in model.network if isinstance(layer, nn.Linear)]


def _checked_name(name: str) -> str:
    if name not in NAMES:
        raise ValueError(f"data must be one of {', '.join(NAMES)}, got {name!r}")
    return name


def _checked_seed(seed: int) -> int:
    if _checked_int("seed", seed, 0) >= 2**64:  # torch takes no more
        raise ValueError(f"seed must be below 2^64, got {seed}")
    return seed


def _checked_int(name: str, value: int, low: int) -> int:
    if type(value) is not int or value < low:
        raise ValueError(f"{name} must be an int of at least {low}, got {value!r}")
    return value
