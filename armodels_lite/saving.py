"""Writing a model into a folder and reading it back: its class and arguments as JSON, its weights as safetensors."""

from __future__ import annotations

import copy
import json
import os
from inspect import Parameter
from pathlib import Path
from typing import Any, ClassVar

import torch
from huggingface_hub import PyTorchModelHubMixin
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from .card import verify_files
from .checksum import checksum
from .conditionals import Conditional
from .replacing import current

__all__ = ["SHIPPED", "SavedModel", "find_folder", "load_pretrained", "round_weights", "shipped"]

CONFIG, WEIGHTS, UNFINISHED = "config.json", "model.safetensors", ".unfinished"
SHIPPED = Path(__file__).resolve().parent.parent / "data" / "checkpoints"

# How constructor arguments that are not JSON are written into a saved model's config.
_CODERS = {
    Conditional: (Conditional.to_json, Conditional.from_json),
    Tensor: (Tensor.tolist, torch.tensor),
    torch.Size: (list, torch.Size),
}


# The only names under which they mean the same when they are read back.
_READ_BACK = {"conditional": Conditional, "ordering": Tensor}


class SavedModel(nn.Module, PyTorchModelHubMixin, library_name="armodels-lite", license="mit"):
    """A module that remembers its constructor's arguments, so that a folder can hold it whole."""

    _classes: ClassVar[dict[str, type[SavedModel]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # The mixin forgets its coders in every subclass, so each one is given them again.
        super().__init_subclass__(coders=_CODERS, **kwargs)
        SavedModel._classes[_class_name(cls)] = cls

    def __new__(cls, *args: Any, **kwargs: Any) -> SavedModel:
        # The mixin keeps the constructor's arguments for the config, and leaves out what is not JSON without a word.
        model = super().__new__(cls, *args, **kwargs)
        # Copies: the caller may change a list later, and the model does not change with it.
        model._hub_mixin_config = copy.deepcopy(model._hub_mixin_config)
        names = list(cls._hub_mixin_init_parameters)[1:]
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        model._not_json = {name: v for name, v in given.items() if not _is_saved(name, v)}
        kinds = {name: cls._hub_mixin_init_parameters[name].kind for name in names}
        model._nameless = [name for name in names if kinds[name] is Parameter.POSITIONAL_ONLY]
        # Those that *args took; all others could be given by name, and will be.
        model._nameless += [n for n in names[: len(args)] if kinds[n] is Parameter.VAR_POSITIONAL]
        return model

    @property
    def dtype(self) -> torch.dtype:
        """Float dtype of the weights."""
        return next(self.parameters()).dtype

    def _arguments(self) -> dict[str, Any]:
        """The constructor's arguments by name, defaults included, as they were given; an array may be a list now.

        Raises TypeError when one of them had no name.
        """
        self._require_names()
        return _decoded({**copy.deepcopy(self._hub_mixin_config or {}), **self._not_json})

    def _require_names(self) -> None:
        if self._nameless:
            raise TypeError(
                f"a saved {type(self).__name__} is built again from its arguments by name, and its __init__ takes "
                f"{', '.join(self._nameless)} by place: give every argument a name"
            )

    def config(self) -> dict[str, Any]:
        """What `save_pretrained` writes beside the weights: class, constructor arguments, dtype.

        Raises TypeError when an argument of the constructor was nothing that JSON can hold, or had no name.
        """
        self._require_names()
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

    def save_pretrained(
        self,
        save_directory: str | Path,
        *,
        stored_dtype: torch.dtype | None = None,
        **hub_arguments: Any,
    ) -> None:
        """Write config.json and model.safetensors into a folder, which is made if need be.

        Both files are written under temporary names and then moved, each as a whole: an interrupted save leaves the
        model that was there before or the new one. The weights carry a copy of the config; `load_pretrained` notices
        if the two files do not belong together. Arguments that the Hub's `push_to_hub` passes on are accepted and
        not needed here.

        Args:
            save_directory: the folder.
            stored_dtype: a smaller float dtype for the file, torch.float16 for instance; loaded, the weights have
                their own dtype again. See `round_weights`.

        Raises:
            ValueError: a weight would not come back from `stored_dtype` as it was.
            TypeError: as `config`.
        """
        entries = self.config()
        if stored_dtype is not None:
            entries["stored_dtype"] = str(stored_dtype).removeprefix("torch.")
        config = json.dumps(entries, indent=2, sort_keys=True)
        weights = {
            name: _stored(name, tensor.detach().contiguous(), stored_dtype)
            for name, tensor in self.state_dict().items()
        }
        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        # The same bytes on every system: a card holds their SHA-256.
        (folder / (CONFIG + UNFINISHED)).write_text(config + "\n", encoding="utf-8", newline="\n")
        metadata = {"config": config, "crc32": str(checksum(weights))}
        save_file(weights, folder / (WEIGHTS + UNFINISHED), metadata=metadata)
        _sort_header(folder / (WEIGHTS + UNFINISHED))
        for name in (WEIGHTS, CONFIG):
            os.replace(folder / (name + UNFINISHED), folder / name)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> SavedModel:
        """`load_pretrained` for a model that must be of this class. Local folders only, nothing is downloaded."""
        model = load_pretrained(folder)
        if not isinstance(model, cls):
            raise ValueError(f"{folder} holds a {type(model).__name__}, not a {cls.__name__}")
        return model


def load_pretrained(folder: str | Path) -> SavedModel:
    """The model saved in a folder, or shipped under a name, on the CPU and in eval mode, exact to the last bit.

    What a recipe wrote has a card (card.json) with the SHA-256 of its files, which are compared.

    Raises:
        FileNotFoundError: no such folder or name, or a file is missing in it.
        ValueError: a file is damaged, the files do not belong together, the weights do not fit the model.
    """
    path = find_folder(folder)
    verify_files(path)
    config, (weights, own) = _read_config(path / CONFIG), _read_weights(path / WEIGHTS)
    if own != config:
        config = _left_over(path, own)
    model_class = SavedModel._classes.get(config["class"])
    if model_class is None:
        known = ", ".join(sorted(SavedModel._classes))
        raise ValueError(
            f"{path / CONFIG} names the unknown model class {config['class']!r}; known are {known}"
        )
    try:
        model = model_class(**_decoded(config["arguments"])).to(getattr(torch, config["dtype"]))
        model.load_state_dict(weights, strict=True)
        _require_same_dtypes(model, weights, config.get("stored_dtype"))
    except (RuntimeError, TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"{path} does not fit a {config['class']}: {error}") from error
    return model.eval()


def _decoded(arguments: dict[str, Any]) -> dict[str, Any]:
    """Constructor arguments from those of a config."""
    conditional = arguments.get("conditional")
    if conditional is None:
        return dict(arguments)
    return {**arguments, "conditional": Conditional.from_json(conditional)}


def find_folder(folder: str | Path) -> Path:
    """The folder given, or that of the checkpoint shipped under this name.

    A folder without a model in it (that of an unfinished training, say) does not hide a shipped one of the same name.

    Raises FileNotFoundError, listing what ships, if there is neither.
    """
    places = [current(Path(folder)), current(SHIPPED / folder)]
    places = [path for path in places if path.is_dir()]
    for path in places:
        if (path / CONFIG).is_file():
            return path
    if places:
        return places[0]
    names = ", ".join(shipped()) or "none"
    raise FileNotFoundError(
        f"no folder {str(folder)!r}, and no shipped checkpoint of that name (shipped: {names})"
    )


def shipped() -> list[str]:
    """The names of the checkpoints that ship, sorted."""
    if not SHIPPED.is_dir():
        return []
    return sorted(p.name for p in SHIPPED.iterdir() if p.is_dir() and not p.name.startswith("."))


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
    for key, kind in (("class", str), ("arguments", dict), ("dtype", str)):
        if not isinstance(config[key], kind):
            raise ValueError(
                f"{path} is damaged: {key} must be a {kind.__name__}, got {config[key]!r}"
            )
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


def _require_same_dtypes(
    model: nn.Module, weights: dict[str, Tensor], stored_dtype: str | None
) -> None:
    """Copying into another dtype would round without a word: TypeError for that."""
    smaller = None if stored_dtype is None else getattr(torch, stored_dtype)
    for name, tensor in model.state_dict().items():
        expected = smaller if smaller and tensor.is_floating_point() else tensor.dtype
        if weights[name].dtype != expected:
            raise TypeError(f"{name} is {weights[name].dtype} in the file, and not {expected}")


@torch.no_grad()
def round_weights(model: nn.Module, dtype: torch.dtype) -> None:
    """Round every float weight of a model, in place, to a value that `dtype` can hold; their dtype stays.

    Saved with `stored_dtype=dtype` it then comes back exactly. torch.float16 keeps 11 significant bits.

    Raises:
        ValueError: a weight is too large for `dtype`; the weights are then as they were.
    """
    floats = {n: t for n, t in model.state_dict().items() if t.is_floating_point()}
    rounded = {name: tensor.to(dtype).to(tensor.dtype) for name, tensor in floats.items()}
    for name, tensor in rounded.items():
        if not torch.equal(tensor.isfinite(), floats[name].isfinite()):
            raise ValueError(f"{name} holds numbers that {dtype} cannot hold")
    for name, tensor in rounded.items():
        floats[name].copy_(tensor)


def _stored(name: str, tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    """The tensor as it is written; ValueError if floats would not come back from this dtype as they were."""
    if dtype is None or not tensor.is_floating_point():
        return tensor
    smaller = tensor.to(dtype)
    if not torch.equal(smaller.to(tensor.dtype), tensor):
        raise ValueError(
            f"{name} holds numbers that {dtype} cannot hold exactly: round_weights(model, {dtype}) first"
        )
    return smaller


def _sort_header(path: Path) -> None:
    """Put the JSON header of a safetensors file in order: equal models then give equal files, so equal SHA-256.

    safetensors writes the entries of its metadata in an order that changes from process to process.
    """
    content = path.read_bytes()
    data = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8:data]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # the numbers after it stay aligned
    path.write_bytes(len(header).to_bytes(8, "little") + header + content[data:])


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


def _is_saved(name: str, value: Any) -> bool:
    """Does this constructor argument come back from the config, as it is or decoded? A tuple comes back as a list."""
    if isinstance(value, (Conditional, Tensor)):
        return isinstance(value, _READ_BACK.get(name, ()))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_saved("", entry) for key, entry in value.items())
    if isinstance(value, (list, tuple)):
        return all(_is_saved("", entry) for entry in value)
    return value is None or isinstance(value, (int, float, str))
