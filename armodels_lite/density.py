"""What every model with a likelihood offers: checks at the entry, log_prob, loss, saving and loading."""

from __future__ import annotations

import copy
import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch
from huggingface_hub import PyTorchModelHubMixin
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from .checksum import checksum
from .conditionals import Conditional
from .layers import MaskedLinear

__all__ = ["DensityModel", "eval_mode", "load_pretrained"]

CONFIG, WEIGHTS, UNFINISHED = "config.json", "model.safetensors", ".unfinished"
SHIPPED = Path(__file__).resolve().parent.parent / "data" / "checkpoints"

# How constructor arguments that are not JSON are written into a saved model's config.
_CODERS = {
    Conditional: (Conditional.to_json, Conditional.from_json),
    Tensor: (Tensor.tolist, torch.tensor),
    torch.Size: (list, torch.Size),
}


class DensityModel(nn.Module, PyTorchModelHubMixin, library_name="armodels-lite", license="mit"):
    """A normalised distribution over events of one shape, with an exact log-probability.

    A subclass implements `_log_prob` and `event_dtype`, and `sample` where it can.

    Args:
        event_shape: shape of one event, for instance (784,) or (1, 28, 28); T is its product.
        num_classes: makes the model class-conditional; `context` is then int64 (B,).
        context_shape: makes it conditional on a float tensor; `context` is then (B, *context_shape).

    Raises:
        ValueError: for an event shape or a number of classes that makes no sense.
    """

    _classes: ClassVar[dict[str, type[DensityModel]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # The mixin forgets its coders in every subclass, so each one is given them again.
        super().__init_subclass__(coders=_CODERS, **kwargs)
        DensityModel._classes[_class_name(cls)] = cls

    def __new__(cls, *args: Any, **kwargs: Any) -> DensityModel:
        # The mixin keeps the constructor's arguments for the config, and leaves out what is not JSON without a word.
        model = super().__new__(cls, *args, **kwargs)
        # Copies: the caller may change a list later, and the model does not change with it.
        model._hub_mixin_config = copy.deepcopy(model._hub_mixin_config)
        given = {
            **dict(zip(list(cls._hub_mixin_init_parameters)[1:], args, strict=False)),
            **kwargs,
        }
        model._not_json = {name: value for name, value in given.items() if not _is_json(value)}
        return model

    def __init__(
        self,
        event_shape: Sequence[int],
        *,
        num_classes: int | None = None,
        context_shape: Sequence[int] | None = None,
    ) -> None:
        super().__init__()
        if num_classes is not None and context_shape is not None:
            raise ValueError("give num_classes or context_shape, not both")
        self.event_shape = _shape("event_shape", event_shape)
        self.context_shape = (
            None if context_shape is None else _shape("context_shape", context_shape)
        )
        if num_classes is not None and (type(num_classes) is not int or num_classes < 1):
            raise ValueError(f"num_classes must be a positive int, got {num_classes!r}")
        self.num_classes = num_classes
        self.num_variables = math.prod(self.event_shape)

    # -- what a subclass says ------------------------------------------------------------------------------------

    @property
    def event_dtype(self) -> torch.dtype:
        """The dtype that events must have."""
        raise NotImplementedError

    def _log_prob(self, x: Tensor, context: Tensor | None) -> Tensor:
        """Log-probability (B,) of checked events."""
        raise NotImplementedError

    def _check_values(self, x: Tensor) -> None:
        """Raise ValueError for values that cannot occur."""

    # -- what follows --------------------------------------------------------------------------------------------

    @property
    def dtype(self) -> torch.dtype:
        """Float dtype of the weights."""
        return next(self.parameters()).dtype

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Exact log-probability (B,) in nats of events x (B, *event_shape); a log-density if they are continuous.

        Raises ValueError or TypeError for a wrong shape, dtype, device, value or context.
        """
        self.check(x, context)
        return self._log_prob(x, context)

    def loss(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Mean negative log-likelihood of a batch, in nats: the scalar that training minimises.

        Raises as `log_prob` does, and ValueError for an empty batch.
        """
        self.check(x, context)
        if len(x) == 0:
            raise ValueError("the loss is a mean over a batch, and this batch is empty")
        return self._loss(x, context)

    def _loss(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        return -self._log_prob(x, context).mean()

    def check(self, x: Tensor, context: Tensor | None = None) -> None:
        """Raise ValueError or TypeError unless x is a batch of events of this model, and context fits it.

        Looks at values, so on a GPU it waits for the device: call it once at entry, not in an inner loop.
        """
        self._check_tensor("x", x, self.event_shape, self.event_dtype)
        self._check_values(x)
        self.check_context(context, len(x))

    def check_context(self, context: Tensor | None, n: int) -> None:
        """Raise ValueError or TypeError unless `context` is what this model needs for n events."""
        if self.num_classes is None and self.context_shape is None:
            if context is not None:
                raise ValueError(
                    f"this {type(self).__name__} is not conditional, but a context was given"
                )
            return
        if context is None:
            need = (
                f"int64 classes (B,) in 0..{self.num_classes - 1}"
                if self.num_classes
                else f"a float context (B, {', '.join(map(str, self.context_shape))})"
            )
            raise ValueError(f"this {type(self).__name__} is conditional: give {need} as context")
        shape, dtype = ((), torch.int64) if self.num_classes else (self.context_shape, self.dtype)
        self._check_tensor("context", context, shape, dtype)
        if len(context) != n:
            raise ValueError(f"context holds {len(context)} entries for {n} events")
        if (
            self.num_classes
            and n
            and not (0 <= int(context.min()) and int(context.max()) < self.num_classes)
        ):
            low, high = int(context.min()), int(context.max())
            raise ValueError(f"classes are 0 to {self.num_classes - 1}, got {low} to {high}")
        if self.context_shape and not torch.isfinite(context).all():
            raise ValueError(
                f"context must be finite, got {context[~torch.isfinite(context)][0].item()}"
            )

    def _check_tensor(
        self, name: str, x: Tensor, shape: tuple[int, ...], dtype: torch.dtype
    ) -> None:
        if not isinstance(x, Tensor):
            raise TypeError(f"{name} must be a torch.Tensor, got {type(x).__name__}")
        if x.dim() != 1 + len(shape) or tuple(x.shape[1:]) != shape:
            accepted = ", ".join(["B", *map(str, shape)])
            raise ValueError(f"{name} must have shape ({accepted}), got {tuple(x.shape)}")
        if x.dtype != dtype:
            raise TypeError(f"{name} must be {dtype} for this model, got {x.dtype}")
        if x.device != self.device:
            raise ValueError(f"{name} is on {x.device}, the model on {self.device}")

    def num_parameters(self) -> int:
        """Number of free parameters: masked entries of a weight do not count."""
        masked = sum(
            m.num_parameters() - m.weight.numel() - (0 if m.bias is None else m.bias.numel())
            for m in self.modules()
            if isinstance(m, MaskedLinear)
        )
        return sum(p.numel() for p in self.parameters()) + masked

    # -- saving and loading --------------------------------------------------------------------------------------

    def config(self) -> dict[str, Any]:
        """What `save_pretrained` writes beside the weights: class, constructor arguments, dtype.

        Raises TypeError when an argument of the constructor was nothing that JSON can hold.
        """
        if self._not_json:
            given = ", ".join(f"{name}={value!r}" for name, value in self._not_json.items())
            raise TypeError(
                f"a saved {type(self).__name__} keeps its arguments as JSON, which cannot hold {given}"
            )
        return {
            "class": _class_name(type(self)),
            "arguments": self._hub_mixin_config or {},
            "dtype": str(self.dtype).removeprefix("torch."),
        }

    def save_pretrained(self, save_directory: str | Path, **hub_arguments: Any) -> None:
        """Write config.json and model.safetensors into a folder, which is made if need be.

        Both files are written under temporary names and then moved, each as a whole: an interrupted save leaves the
        model that was there before or the new one. The weights carry a copy of the config; `load_pretrained` notices
        if the two files do not belong together. Arguments that the Hub's `push_to_hub` passes on are accepted and
        not needed here.
        """
        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        config = json.dumps(self.config(), indent=2, sort_keys=True)
        weights = {name: tensor.detach().contiguous() for name, tensor in self.state_dict().items()}
        (folder / (CONFIG + UNFINISHED)).write_text(config + "\n", encoding="utf-8")
        metadata = {"config": config, "crc32": str(checksum(weights))}
        save_file(weights, folder / (WEIGHTS + UNFINISHED), metadata=metadata)
        for name in (WEIGHTS, CONFIG):
            os.replace(folder / (name + UNFINISHED), folder / name)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> DensityModel:
        """`load_pretrained` for a model that must be of this class. Local folders only, nothing is downloaded."""
        model = load_pretrained(folder)
        if not isinstance(model, cls):
            raise ValueError(f"{folder} holds a {type(model).__name__}, not a {cls.__name__}")
        return model


@contextmanager
def eval_mode(model: nn.Module) -> Iterator[None]:
    """Eval mode inside; afterwards each part of the model is in the mode it had."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def load_pretrained(folder: str | Path) -> DensityModel:
    """The model saved in a folder, or shipped under a name, on the CPU and in eval mode, exact to the last bit.

    Raises:
        FileNotFoundError: no such folder or name, or a file is missing in it.
        ValueError: a file is damaged, the files do not belong together, the weights do not fit the model.
    """
    path = _find(folder)
    config, (weights, own) = _read_config(path / CONFIG), _read_weights(path / WEIGHTS)
    if own != config:
        config = _left_over(path, own)
    model_class = DensityModel._classes.get(config["class"])
    if model_class is None:
        known = ", ".join(sorted(DensityModel._classes))
        raise ValueError(
            f"{path / CONFIG} names the unknown model class {config['class']!r}; known are {known}"
        )
    arguments = dict(config["arguments"])
    if arguments.get("conditional") is not None:
        arguments["conditional"] = Conditional.from_json(arguments["conditional"])
    try:
        model = model_class(**arguments).to(getattr(torch, config["dtype"]))
        model.load_state_dict(weights, strict=True)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} does not fit a {config['class']}: {error}") from error
    return model.eval()


def _find(folder: str | Path) -> Path:
    for path in (Path(folder), SHIPPED / str(folder)):
        if path.is_dir():
            return path
    shipped = sorted(p.name for p in SHIPPED.iterdir() if p.is_dir()) if SHIPPED.is_dir() else []
    raise FileNotFoundError(
        f"no folder {str(folder)!r}, and no shipped checkpoint of that name (shipped: {', '.join(shipped) or 'none'})"
    )


def _read_config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        missing = {"class", "arguments", "dtype"} - config.keys()
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if missing:
        raise ValueError(f"{path} lacks {', '.join(sorted(missing))}")
    return config


def _read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any] | None]:
    """The weights, and the config that was saved with them."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}
        config = json.loads(metadata.get("config", "null"))
    except (SafetensorError, OSError, ValueError) as error:
        raise ValueError(f"{path} is damaged or truncated: {error}") from error
    if "crc32" in metadata and metadata["crc32"] != str(checksum(weights)):
        raise ValueError(f"{path} is damaged: the checksum of its weights does not match")
    return weights, config


def _left_over(folder: Path, config: dict[str, Any] | None) -> dict[str, Any]:
    """The config of weights whose save was interrupted before it was moved to its place."""
    left_over = folder / (CONFIG + UNFINISHED)
    if not left_over.is_file() or _read_config(left_over) != config:
        raise ValueError(
            f"{folder / WEIGHTS} was not saved with the {CONFIG} beside it: save the model again"
        )
    return config


def _class_name(cls: type) -> str:
    """What a config calls a class: a bare name is the package's own, whatever a notebook defines later."""
    package = __name__.partition(".")[0]
    own = cls.__module__.partition(".")[0] == package
    return cls.__name__ if own else f"{cls.__module__}.{cls.__qualname__}"


def _is_json(value: Any) -> bool:
    """Can the config hold this constructor argument, as it is or by one of the coders?"""
    try:
        return isinstance(value, tuple(_CODERS)) or json.dumps(value) is not None
    except (TypeError, ValueError):
        return False


def _shape(name: str, shape: Sequence[int]) -> tuple[int, ...]:
    sizes = tuple(shape) if isinstance(shape, Iterable) and not isinstance(shape, str) else ()
    if not sizes or not all(type(size) is int and size > 0 for size in sizes):
        raise ValueError(
            f"{name} must be a tuple of positive ints such as (784,) or (1, 28, 28), got {shape!r}"
        )
    return sizes
