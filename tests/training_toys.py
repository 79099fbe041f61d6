"""What the tests of training share: events with structure, a toy model, and ways to look at weights."""

from __future__ import annotations

import torch
from torch import nn

from armodels_lite.training import Settings

OPTIONS = dict(
    epochs=6,
    batch_size=8,
    learning_rate=0.02,
    schedule="cosine",
    warmup=3,
    clip=1.0,
    ema=0.9,
    seed=7,
)


def bits(n: int = 50, size: int = 6, seed: int = 0) -> torch.Tensor:
    """Events (n, size) with structure: neighbours agree three times out of four."""
    generator = torch.Generator().manual_seed(seed)
    flips = (torch.rand(n, size, generator=generator) < 0.25).float()
    return flips.cumsum(1) % 2


def settings(**changes) -> Settings:
    defaults = dict(
        epochs=3, batch_size=8, learning_rate=0.01, schedule="constant", warmup=0, weight_decay=0.0, clip=None,
        ema=None, patience=None, seed=0, precision="float32",
    )  # fmt: skip
    return Settings(**{**defaults, **changes})


class Toy(nn.Module):
    """Independent bits with dropout on the logits; counts what it is given. Everything that `fit` asks of a model."""

    def __init__(self, size: int = 6, num_classes: int | None = None) -> None:
        super().__init__()
        self.event_shape, self.num_classes, self.context_shape = (size,), num_classes, None
        self.logits = nn.Parameter(torch.full((size,), 0.3))
        self.dropout = nn.Dropout(0.5)
        self.event_dtype, self.discrete = torch.float32, True
        self.calls, self.contexts, self.hook = 0, [], lambda call, loss: loss

    @property
    def device(self):
        return self.logits.device

    def check(self, x, context=None):
        if x.dtype != torch.float32 or not ((x == 0) | (x == 1)).all():
            raise ValueError("x must be floats 0 or 1")

    def _nats(self, x, context=None):
        logits = self.dropout(self.logits).expand_as(x)
        return nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)

    def _loss(self, x, context=None):
        self.calls += 1
        self.contexts.append(context)
        return self.hook(self.calls, self._nats(x, context).mean())


def weights_of(model: nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in model.parameters()]


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def interrupt_at(call_to_stop: int):
    def hook(call, loss):
        if call == call_to_stop:
            raise KeyboardInterrupt
        return loss

    return hook
