"""The numbers that a training run is made with, checked, and the learning rate as a function of the step."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields

__all__ = ["Settings", "learning_rate_at"]

SCHEDULES = ("constant", "cosine")
OPTIMIZERS = ("adam", "sgd")
PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class Settings:
    """What determines a run beside model and data; `fit` explains each.

    Raises:
        ValueError: for a value that makes no sense; the message says which and what is accepted.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    schedule: str
    warmup: int
    weight_decay: float
    clip: float | None
    ema: float | None
    patience: int | None
    seed: int
    precision: str
    optimizer: str = "adam"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            self._require(
                name,
                _is_int(getattr(self, name)) and getattr(self, name) >= 1,
                "an int of at least 1",
            )
        for name in ("warmup", "seed"):
            self._require(
                name,
                _is_int(getattr(self, name)) and getattr(self, name) >= 0,
                "an int of at least 0",
            )
        self._require("patience", self.patience is None or (_is_int(self.patience) and self.patience >= 1),
                      "None or an int of at least 1")  # fmt: skip
        self._require("learning_rate", _is_positive(self.learning_rate), "a positive number")
        decay = self.weight_decay
        self._require("weight_decay", decay == 0 or _is_positive(decay), "a number of at least 0")
        self._require(
            "clip", self.clip is None or _is_positive(self.clip), "None or a positive number"
        )
        average = self.ema is None or (_is_positive(self.ema) and self.ema < 1)
        self._require("ema", average, "None or a number between 0 and 1")
        self._require("schedule", self.schedule in SCHEDULES, " or ".join(map(repr, SCHEDULES)))
        self._require("optimizer", self.optimizer in OPTIMIZERS, " or ".join(map(repr, OPTIMIZERS)))
        self._require("precision", self.precision in PRECISIONS, " or ".join(map(repr, PRECISIONS)))

    def _require(self, name: str, holds: bool, accepted: str) -> None:
        if not holds:
            raise ValueError(f"{name} is {getattr(self, name)!r}; accepted: {accepted}")

    def differences(self, stored: dict) -> list[str]:
        """What keeps a run with these settings from being the continuation of a stored one.

        Training may be made longer and more or less patient, unless the learning rate follows from the
        length.
        """
        free = {"patience"} if self.schedule == "cosine" else {"patience", "epochs"}
        names = [entry.name for entry in fields(self) if entry.name not in free]
        mine = asdict(self)
        return [
            f"{n} was {stored.get(n)!r}, is {mine[n]!r}" for n in names if stored.get(n) != mine[n]
        ]


def learning_rate_at(step: int, steps: int, settings: Settings) -> float:
    """The learning rate of a step (from 0) out of `steps`: a straight rise over `settings.warmup` steps, then
    constant, or half a cosine that reaches 0 after the last step.

    >>> settings = Settings(1, 1, 1.0, "cosine", 2, 0.0, None, None, None, 0, "auto")
    >>> [round(learning_rate_at(step, 6, settings), 3) for step in range(6)]
    [0.5, 1.0, 1.0, 0.854, 0.5, 0.146]
    """
    if step < settings.warmup:
        return settings.learning_rate * (step + 1) / settings.warmup
    if settings.schedule == "constant":
        return settings.learning_rate
    done = (step - settings.warmup) / max(1, steps - settings.warmup)
    return settings.learning_rate * (1 + math.cos(math.pi * done)) / 2


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_positive(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf
