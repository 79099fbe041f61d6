"""How the time of a pass, of a training step and of drawing grows with the number of variables T.

    python benchmarks/complexity.py            # about three minutes, on a machine that does nothing else
    python benchmarks/complexity.py GRU LSTM   # these alone; what is stored of the others stays

Random weights and random bits. Drawing without a cache takes T passes; one is timed and multiplied by T. Each model is
measured at several T, and everything else about it stays the same. One thread. Writes what
`armodels_lite.stored_results("complexity")` reads; notebook 14 fits a line to the logarithms.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence

import torch
from results import write_results
from timing import medians

import armodels_lite as ar
from armodels_lite.distributions import uniform_noise

LENGTHS = (256, 484, 1024, 2025, 4096)  # squares, so that an image can have so many pixels
BATCH = 8


def image(size: int) -> tuple[int, int, int]:
    side = math.isqrt(size)
    return 1, side, side


MODELS: dict[str, Callable[[int], ar.AutoregressiveModel]] = {
    "FVSBN": lambda size: ar.FVSBN((size,)),
    "NADE": lambda size: ar.NADE((size,), hidden=128),
    "MADE": lambda size: ar.MADE((size,), hidden=(512,)),
    "RNN (tanh)": lambda size: ar.RNN((size,), hidden=128, cell="rnn"),
    "GRU": lambda size: ar.RNN((size,), hidden=128, cell="gru"),
    "LSTM": lambda size: ar.RNN((size,), hidden=128, cell="lstm"),
    "Transformer": lambda size: ar.Transformer((size,), width=64, layers=2, heads=4),
    "WaveNet": lambda size: ar.WaveNet(
        (size,), channels=32, layers=6, stacks=1, conditional=ar.Categorical(2)
    ),
    "PixelCNN": lambda size: ar.PixelCNN(image(size), channels=32, layers=4, kernel_size=5),
    "Gated PixelCNN": lambda size: ar.GatedPixelCNN(
        image(size), channels=32, layers=3, kernel_size=5
    ),
    "PixelCNN++": lambda size: ar.PixelCNNpp(
        image(size), channels=32, blocks=1, resolutions=1, conditional=ar.Categorical(2)
    ),
    "PixelRNN": lambda size: ar.PixelRNN(image(size), kind="diagonal", channels=16, layers=1),
}


def measured(model: ar.AutoregressiveModel, rounds: int = 5) -> dict[str, float]:
    """Seconds for BATCH events: a pass, a training step, drawing with and without a cache."""
    noise = uniform_noise((BATCH, *model.event_shape), generator=torch.Generator().manual_seed(0))
    x = (noise > 0.5).to(model.event_dtype)

    def one_pass() -> None:
        with torch.no_grad():
            model.params(x)

    def step() -> None:
        model.zero_grad()
        model.loss(x).backward()

    times = medians(
        {"pass": one_pass, "training step": step, "cached": lambda: model.sample(noise=noise)},
        rounds,
    )
    seconds = {name: value / 1000 for name, value in times.items()}
    return {**seconds, "naive": seconds["pass"] * model.num_variables}


def grown(build: Callable[[int], ar.AutoregressiveModel]) -> dict[str, list[float]]:
    """`measured` at each length."""
    row = {"T": list(LENGTHS)}
    for size in LENGTHS:
        torch.manual_seed(0)
        for what, seconds in measured(build(size)).items():
            row.setdefault(what, []).append(seconds)
    return row


def main(names: Sequence[str]) -> None:
    if unknown := set(names) - set(MODELS):
        sys.exit(f"models are {', '.join(MODELS)}; got {', '.join(sorted(unknown))}")
    found = dict(ar.stored_results("complexity")) if names else {}
    for name in names or MODELS:
        found[name] = grown(MODELS[name])
        print(name, found[name], flush=True)
    rows = {name: found[name] for name in MODELS if name in found}
    write_results("complexity", rows, seeds=[0])


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1:])
