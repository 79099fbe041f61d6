"""What happened during training, epoch by epoch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields

__all__ = ["History"]


@dataclass
class History:
    """The record of a training run. Losses are mean negative log-likelihoods in nats per example.

    Attributes:
        train_loss: one number an epoch, the mean over the epoch while the weights were changing.
        valid_loss: one number an epoch, measured after it (with averaged weights, if there are any); empty
            without validation data.
        learning_rate: at the last step of each epoch.
        seconds: duration of each epoch.
        best_epoch: the epoch, counted from 1, whose weights the model holds; 0 if none was finished.
        stopped_because: "epochs" (all done), "patience", "interrupted"; "" while training goes on.

    >>> history = History(train_loss=[3.0, 2.0], best_epoch=2, stopped_because="epochs")
    >>> len(history), list(history.epochs), History.from_json(history.to_json()) == history
    (2, [1, 2], True)
    """

    train_loss: list[float] = field(default_factory=list)
    valid_loss: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    best_epoch: int = 0
    stopped_because: str = ""

    def __len__(self) -> int:
        return len(self.train_loss)

    @property
    def epochs(self) -> range:
        """1, 2, ... as the horizontal axis of a plot."""
        return range(1, len(self) + 1)

    def to_json(self) -> str:
        """All of it as JSON text; floats come back to the last bit."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def from_json(cls, text: str) -> History:
        """The inverse of `to_json`. Raises ValueError for text that is no History."""
        stored, names = json.loads(text), {entry.name for entry in fields(cls)}
        if not isinstance(stored, dict) or stored.keys() != names:
            raise ValueError(
                f"no History: it must be a JSON object with the keys {', '.join(sorted(names))}"
            )
        return cls(**stored)

    def add(self, train: float, valid: float | None, learning_rate: float, seconds: float) -> bool:
        """Append an epoch; returns whether its weights are the ones to keep: the best on the validation data
        so far, or, without validation data, the latest.
        """
        best = valid is None or not self.valid_loss or valid < self.valid_loss[self.best_epoch - 1]
        self.train_loss.append(train)
        if valid is not None:
            self.valid_loss.append(valid)
        self.learning_rate.append(learning_rate)
        self.seconds.append(seconds)
        if best:
            self.best_epoch = len(self)
        return best
