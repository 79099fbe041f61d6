"""What a training run carries from step to step: optimiser, averaged weights, best weights, history."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn

from .history import History
from .settings import Settings

__all__ = ["TrainingState", "fingerprint"]

MOMENTUM = 0.9  # of "sgd"


class TrainingState:
    """The state of a run on a model that is already on its device.

    Args:
        keep_best: keep the weights of the epoch best on the validation data; else those of the latest.
    """

    def __init__(self, model: nn.Module, settings: Settings, keep_best: bool) -> None:
        self.model, self.settings, self.keep_best = model, settings, keep_best
        self.weights = [weight for weight in model.parameters() if weight.requires_grad]
        self.optimizer = _optimizer(self.weights, settings)
        self.average = (
            None if settings.ema is None else [weight.detach().clone() for weight in self.weights]
        )
        self.steps = 0
        self.history = History()
        self.kept = self._snapshot()

    # -- one step -------------------------------------------------------------------------------------------

    def set_learning_rate(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def clip_gradient(self) -> Tensor | None:
        """Shorten the gradient if it is too long; returns its norm before, or None if there is no limit."""
        if self.settings.clip is None:
            return None
        return nn.utils.clip_grad_norm_(self.weights, self.settings.clip)

    def step(self) -> None:
        """Change the weights, and let their average follow."""
        self.optimizer.step()
        self.steps += 1
        if self.average is not None:
            decay = min(self.settings.ema, (1 + self.steps) / (10 + self.steps))
            torch._foreach_lerp_(
                self.average, [weight.detach() for weight in self.weights], 1 - decay
            )

    # -- the end of an epoch --------------------------------------------------------------------------------

    @contextmanager
    def result_weights(self) -> Iterator[None]:
        """Inside, the model has the weights that are measured and kept: the averaged, if there are any."""
        if self.average is None:
            yield
            return
        current = [weight.detach().clone() for weight in self.weights]
        _assign(self.weights, self.average)
        try:
            yield
        finally:
            _assign(self.weights, current)

    def record(self, train: float, valid: float | None, rate: float, seconds: float) -> None:
        """Note an epoch, and keep its weights if they are the ones to keep."""
        if self.history.add(train, valid, rate, seconds):
            self.kept = self._snapshot()

    def leave(self, keep_current: bool = False) -> None:
        """Give the model the weights that it is to end with."""
        finite = all(bool(weight.isfinite().all()) for weight in self.weights)
        if not (keep_current and finite):
            self.model.load_state_dict(self.kept)

    def _snapshot(self) -> dict[str, Tensor]:
        return {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}

    # -- storing and restoring ------------------------------------------------------------------------------

    def stored(self, data_mark: int) -> tuple[dict[str, Tensor], dict]:
        """All of it as named tensors and as JSON values."""
        tensors = {f"model/{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors |= {f"kept/{name}": tensor for name, tensor in self.kept.items()}
        for index, weight in enumerate(self.weights):
            for key, value in self.optimizer.state[weight].items():
                tensors[f"optimizer/{index}/{key}"] = value
            if self.average is not None:
                tensors[f"average/{index}"] = self.average[index]
        state = {
            "settings": asdict(self.settings),
            "history": asdict(self.history),
            "steps": self.steps,
            "data": data_mark,
            "keep_best": self.keep_best,
        }
        return tensors, state

    def restore(
        self, tensors: dict[str, Tensor], state: dict, data_mark: int, folder: Path
    ) -> None:
        """Take over what `stored` gave. Raises ValueError if it comes from another run."""
        differences = self.settings.differences(state["settings"])
        if state["data"] != data_mark:
            differences.append("the training data differ")
        if state["keep_best"] != self.keep_best:
            differences.append(
                "validation data were " + ("given" if state["keep_best"] else "not given")
            )
        groups = _grouped(tensors)
        if _shapes(groups["model"]) != _shapes(self.model.state_dict()):
            differences.append("the model has other weights")
        if differences:
            raise ValueError(
                f"the checkpoint in {folder} is of another training: {'; '.join(differences)}"
            )
        self.model.load_state_dict(groups["model"])
        device = self.weights[0].device
        self.kept = {name: tensor.to(device) for name, tensor in groups["kept"].items()}
        if self.average is not None:
            _assign(self.average, [groups["average"][str(i)] for i in range(len(self.weights))])
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in groups["optimizer"].items():
            index, key = name.split("/")
            moments.setdefault(int(index), {})[key] = tensor
        param_groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": param_groups})
        self.steps, self.history = state["steps"], History(**state["history"])


def fingerprint(x: Tensor, context: Tensor | None) -> int:
    """A checksum of the training data."""
    value = zlib.crc32(x.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    if context is not None:
        value = zlib.crc32(
            context.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy(), value
        )
    return value


def _grouped(tensors: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    groups: dict[str, dict[str, Tensor]] = {"model": {}, "kept": {}, "average": {}, "optimizer": {}}
    for name, tensor in tensors.items():
        group, rest = name.split("/", 1)
        groups[group][rest] = tensor
    return groups


def _shapes(tensors: dict[str, Tensor]) -> dict[str, tuple]:
    return {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}


@torch.no_grad()
def _assign(targets: list[Tensor], values: list[Tensor]) -> None:
    for target, value in zip(targets, values, strict=True):
        target.copy_(value)


def _optimizer(weights: list[Tensor], settings: Settings) -> torch.optim.Optimizer:
    """SGD with momentum, or Adam with decoupled weight decay, fused into one kernel where the device can."""
    options = {"lr": settings.learning_rate, "weight_decay": settings.weight_decay}
    if settings.optimizer == "sgd":
        return torch.optim.SGD(weights, momentum=MOMENTUM, **options)
    try:
        return torch.optim.AdamW(weights, fused=True, **options)
    except RuntimeError:
        return torch.optim.AdamW(weights, **options)
