"""Where the training runs: the device, the precision, and the processes that share the work (accelerate)."""

from __future__ import annotations

import atexit
import functools
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

__all__ = ["Workers"]

MIXED_FROM = (
    10_000_000  # weights: below this, launching the operations costs more than their arithmetic
)


class _Objective(nn.Module):
    """The loss as a forward pass: what wraps a module for several processes acts on `forward`."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, context: Tensor | None) -> Tensor:
        return self.model._loss(x, context)


class Workers:
    """Puts the model on its device inside a `with` statement, and puts it back, in the mode it had, at the
    end.

    Args:
        model: what is trained.
        device: "auto" or a torch device.
        precision: "auto", "float32", "bfloat16".

    Raises:
        ValueError: a device that is unknown or not there.
    """

    def __init__(self, model: nn.Module, device: str | torch.device, precision: str) -> None:
        from accelerate import Accelerator

        # Placement stays ours: the device that accelerate picks first holds for the whole life of a process.
        self.accelerator = Accelerator(device_placement=False)
        _leave_together_at_exit()
        self.number = self.accelerator.num_processes
        self.index = self.accelerator.process_index
        self.is_main = self.accelerator.is_main_process
        self.model = model
        parameters = list(model.parameters())
        if not any(parameter.requires_grad for parameter in parameters):
            raise ValueError(f"this {type(model).__name__} has no weights to train")
        self.home = parameters[0].device
        self.device = self.accelerator.device if self.number > 1 else _choose(device, self.home)
        size = sum(parameter.numel() for parameter in parameters)
        self.mixed = precision == "bfloat16" or (
            precision == "auto" and _mixing_helps(self.device, size)
        )

    def __enter__(self) -> Workers:
        self.modes = [(module, module.training) for module in self.model.modules()]
        self.model.to(self.device)
        return self

    def __exit__(self, *_: object) -> None:
        self.model.to(self.home)
        for parameter in self.model.parameters():
            parameter.grad = None
        for module, mode in self.modes:
            module.training = mode
        if self.number > 1:
            self.accelerator.free_memory()  # else it keeps the wrapped model, and that the connection, to the end

    def prepare(self, model: nn.Module) -> nn.Module:
        """The loss as a module, wrapped so that its gradients are averaged over the processes."""
        if self.number == 1:
            return _Objective(model)
        return self.accelerator.prepare_model(_Objective(model), device_placement=False)

    def autocast(self) -> AbstractContextManager:
        return torch.autocast(self.device.type, torch.bfloat16) if self.mixed else nullcontext()

    def share(self, batch: Tensor) -> tuple[Tensor, float]:
        """This process's part of a batch, and the weight of its mean loss.

        The average over the processes of weighted means is then the mean over the whole batch, also where it
        does not divide evenly. A process that would have nothing takes one example with weight 0, because all
        must take part.
        """
        if self.number == 1:
            return batch, 1.0
        mine = batch[self.index :: self.number]
        return (mine, len(mine) * self.number / len(batch)) if len(mine) else (batch[:1], 0.0)

    def mean(self, value: Tensor) -> float:
        """The mean of a number over the processes."""
        return (value if self.number == 1 else self.accelerator.reduce(value, "mean")).item()

    def wait(self) -> None:
        self.accelerator.wait_for_everyone()


@functools.cache
def _leave_together_at_exit() -> None:
    """Once a process: closes the group at exit, else threads of its connection may abort the interpreter's end."""
    from accelerate import PartialState

    atexit.register(PartialState().destroy_process_group)


def _choose(device: str | torch.device, home: torch.device) -> torch.device:
    if device == "auto":
        if home.type != "cpu":
            return home
        return torch.device("cuda") if torch.cuda.is_available() else home
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, TypeError, AssertionError) as error:
        raise ValueError(f"device is {device!r}, which is unknown or not there: {error}") from error
    return (
        torch.device(chosen.type, torch.cuda.current_device()) if str(chosen) == "cuda" else chosen
    )


def _mixing_helps(device: torch.device, size: int) -> bool:
    return device.type == "cuda" and size >= MIXED_FROM and torch.cuda.is_bf16_supported()
