"""Recurrent networks against PyTorch's bare layers and cells, measured in the same run.

    python benchmarks/sequences.py

Prints a table of medians and ratios. No data is needed: random characters out of 65.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from timing import machine, medians
from torch import Tensor, nn
from torch.nn import functional as F

import armodels_lite as ar

SYMBOLS, HIDDEN, LENGTH, BATCH = 65, 128, 128, 16
LAYERS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
CELLS = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}


class Plain(nn.Module):
    """The layer of torch.nn, a linear output and the cross entropy: what anyone would write for characters."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.layer = LAYERS[kind](SYMBOLS, HIDDEN, batch_first=True)
        self.readout = nn.Linear(HIDDEN, SYMBOLS)

    def loss(self, x: Tensor) -> Tensor:
        states, _ = self.layer(F.one_hot(x, SYMBOLS).float())
        logits = self.readout(states[:, :-1])  # the state after x_t predicts x_{t+1}
        return F.cross_entropy(logits.transpose(1, 2), x[:, 1:], reduction="sum") / len(x)


def model_of(kind: str) -> ar.RNN:
    return ar.RNN((LENGTH,), hidden=HIDDEN, cell=kind, conditional=ar.Categorical(SYMBOLS)).eval()


def training_step(model: nn.Module) -> Callable[[], object]:
    x = torch.randint(SYMBOLS, (BATCH, LENGTH), generator=torch.Generator().manual_seed(0))
    optimiser = torch.optim.Adam(model.parameters(), fused=True)
    loss = model._loss if isinstance(model, ar.RNN) else model.loss

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        loss(x).backward()
        optimiser.step()

    return step


def bare_steps(kind: str, n: int) -> Callable[[], object]:
    """The cell alone, LENGTH times on the same input: no output, no draw."""
    cell = CELLS[kind](SYMBOLS, HIDDEN)
    x = F.one_hot(torch.arange(n) % SYMBOLS, SYMBOLS).float()

    @torch.inference_mode()
    def run() -> None:
        h = torch.zeros(n, HIDDEN)
        state = (h, h) if kind == "lstm" else h
        for _ in range(LENGTH):
            state = cell(x, state)

    return run


def report(title: str, times: dict[str, float], yardstick: str, per: int = 1) -> None:
    print(f"\n{title}")
    for name, value in times.items():
        ratio = value / times[yardstick]
        print(f"  {name:<28} {1000 * value / per:10.0f} us   {ratio:8.2f} x")


def main() -> None:
    print(machine())
    for kind in LAYERS:
        steps = {f"nn.{kind.upper()}": training_step(Plain(kind))}
        steps[f"RNN(cell={kind!r})"] = training_step(model_of(kind))
        title = f"Training step, {BATCH} x {LENGTH} characters, {HIDDEN} units"
        report(title, medians(steps, 31), f"nn.{kind.upper()}")
    for kind in CELLS:
        for n in (1, 16):
            model, bare = model_of(kind), f"nn.{kind.upper()}Cell"
            runs = {
                bare: bare_steps(kind, n),
                "sample": lambda model=model, n=n: model.sample(n),
            }
            report(f"Sampling {n}, a character", medians(runs, 31), bare, LENGTH)
    model = model_of("gru")
    runs = {"cached": lambda: model.sample(16), "naive": lambda: model.sample(16, cache=False)}
    report("Sampling 16 with the GRU, a character", medians(runs, 1), "cached", LENGTH)


if __name__ == "__main__":
    main()
