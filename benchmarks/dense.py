"""FVSBN, NADE and MADE at the size of MNIST, against yardsticks measured in the same run.

    python benchmarks/dense.py

Prints a table of medians and ratios. No data is needed: 128 random binary images of 784 pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from timing import machine, medians, peak_memory
from torch import Tensor, nn
from torch.nn import functional as F

import armodels_lite as ar

PIXELS, HIDDEN, BATCH = 784, 500, 128


class PlainNADE(nn.Module):
    """NADE as one writes it first: a loop over pixels, the gradient left to autograd."""

    def __init__(self) -> None:
        super().__init__()
        self.W = nn.Parameter(0.05 * torch.randn(PIXELS, HIDDEN))
        self.V = nn.Parameter(0.05 * torch.randn(PIXELS, HIDDEN))
        self.b, self.c = nn.Parameter(torch.zeros(PIXELS)), nn.Parameter(torch.zeros(HIDDEN))

    def loss(self, x: Tensor) -> Tensor:
        a = self.c.expand(len(x), -1)
        logits = []
        for t in range(PIXELS):
            logits.append(a.sigmoid() @ self.V[t] + self.b[t])
            a = a + x[:, t : t + 1] * self.W[t]
        return F.binary_cross_entropy_with_logits(torch.stack(logits, 1), x, reduction="sum") / len(
            x
        )


class Plain(nn.Module):
    """An unmasked network from pixels to pixels with the same loss: no model of anything, but the same arithmetic."""

    def __init__(self, *widths: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        self.net = nn.Sequential(*layers[:-1])

    def loss(self, x: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(self.net(x), x, reduction="sum") / len(x)


def binary_images() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return (torch.rand(BATCH, PIXELS, generator=generator) < 0.3).float()


def training_step(model: nn.Module) -> Callable[[], object]:
    x, optimiser = binary_images(), torch.optim.Adam(model.parameters(), fused=True)
    loss = model._loss if isinstance(model, ar.DensityModel) else model.loss

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        loss(x).backward()
        optimiser.step()

    return step


def nade_step() -> Callable[[], object]:
    return training_step(ar.NADE((PIXELS,), hidden=HIDDEN))


def plain_nade_step() -> Callable[[], object]:
    return training_step(PlainNADE())


def report(title: str, times: dict[str, float], yardstick: str, faster: bool = False) -> None:
    print(f"\n{title}")
    for name, value in times.items():
        ratio = times[yardstick] / value if faster else value / times[yardstick]
        print(f"  {name:<38} {value:9.1f} ms   {ratio:8.2f} x")


def main() -> None:
    print(machine())
    models = {
        "FVSBN 784": ar.FVSBN((PIXELS,)),
        "MADE 784-500-500-784": ar.MADE((PIXELS,), hidden=(HIDDEN, HIDDEN)),
        "NADE 784/500": ar.NADE((PIXELS,), hidden=HIDDEN),
    }
    fvsbn, made, nade = models.values()
    steps = {
        "one Linear 784-784": training_step(Plain(PIXELS, PIXELS)),
        "FVSBN 784": training_step(fvsbn),
    }
    report("Training step, batch 128, over one Linear", medians(steps, 101), "one Linear 784-784")
    mlp = Plain(PIXELS, HIDDEN, HIDDEN, PIXELS)
    steps = {
        "plain MLP 784-500-500-784": training_step(mlp),
        "MADE 784-500-500-784": training_step(made),
    }
    report(
        "Training step, batch 128, over a plain MLP",
        medians(steps, 101),
        "plain MLP 784-500-500-784",
    )
    steps = {"NADE by autograd": training_step(PlainNADE()), "NADE 784/500": training_step(nade)}
    report(
        "Training step, batch 128, faster than autograd by",
        medians(steps, 9),
        "NADE by autograd",
        faster=True,
    )
    print(
        f"  peak memory of a step: autograd {peak_memory(plain_nade_step):.0f} MB, NADE {peak_memory(nade_step):.0f} MB"
    )
    for name, model in models.items():
        sampling = {
            f"{name}, naive": lambda model=model: model.sample(BATCH, cache=False),
            f"{name}, cached": lambda model=model: model.sample(BATCH),
        }
        rounds = 1 if isinstance(model, ar.NADE) else 5
        report(
            "Sampling 128 images, faster than naive by",
            medians(sampling, rounds),
            f"{name}, naive",
            faster=True,
        )


if __name__ == "__main__":
    main()
