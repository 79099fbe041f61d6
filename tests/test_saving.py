"""Saving and loading: what is saved comes back to the last bit, or an error says why not."""

from __future__ import annotations

import copy
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from random_weights import randomised
from safetensors.torch import load_file, save_file

import armodels_lite as ar
from armodels_lite import saving
from armodels_lite.checksum import checksum


def binary(model: ar.AutoregressiveModel, n: int = 16) -> torch.Tensor:
    return torch.randint(2, (n, *model.event_shape)).to(model.event_dtype)


def assert_same(one: ar.AutoregressiveModel, other: ar.AutoregressiveModel) -> None:
    x = binary(one)
    assert type(one) is type(other) and torch.equal(one.ordering, other.ordering)
    assert torch.equal(one.log_prob(x), other.log_prob(x))


def rewritten(path: Path, change: Callable[[dict], None]) -> None:
    """A safetensors file with something in it changed, its metadata kept."""
    with saving.safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    weights = load_file(path)
    change(weights)
    metadata["crc32"] = str(checksum(weights))  # else the change itself would be noticed
    save_file(weights, path, metadata=metadata)


# -- what comes back ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "build",
    [
        lambda: ar.FVSBN((4,), conditional=ar.Categorical(16)),
        lambda: ar.NADE([4], hidden=3, conditional=ar.LogisticMixture(2, levels=7)),
        lambda: ar.MADE(
            (4,), hidden=(5, 6), conditional=ar.GaussianMixture(3), seed=3, direct=True
        ),
        lambda: ar.FVSBN((4,), ordering=torch.tensor([3, 1, 0, 2])),
        lambda: ar.FVSBN((4,), ordering=(3, 1, 0, 2)),
        lambda: ar.FVSBN(torch.Size([4]), ordering=[3, 1, 0, 2]),
        lambda: ar.MADE((1, 2, 2), hidden=(5,), ordering="random(9)", seed=0),
        lambda: ar.MADE((4,), hidden=()),
        lambda: ar.NADE((4,), hidden=3).double(),
        lambda: ar.FVSBN((4,)).bfloat16(),
        lambda: copy.deepcopy(ar.FVSBN((4,), ordering=[3, 1, 0, 2])),
    ],
)
def test_what_is_saved_comes_back(
    build: Callable[[], ar.AutoregressiveModel], tmp_path: Path
) -> None:
    model = randomised(build())
    model.save_pretrained(tmp_path)
    loaded = ar.load_pretrained(tmp_path)
    assert loaded.conditional == model.conditional
    assert loaded.levels == model.levels
    assert loaded.dtype == model.dtype
    assert not loaded.training
    assert_same(model, loaded)


@pytest.mark.parametrize(
    "ordering",
    [np.array([3, 1, 0, 2]), list(np.array([3, 1, 0, 2])), range(3, -1, -1)],
    ids=lambda o: type(o).__name__,
)
def test_no_ordering_is_lost(ordering, tmp_path: Path) -> None:
    """An ordering that the model takes but JSON does not must not come back as raster: saved, or refused."""
    model = randomised(ar.FVSBN((4,), ordering=ordering))
    model.save_pretrained(tmp_path)
    assert_same(model, ar.load_pretrained(tmp_path))


class Labelled(ar.FVSBN):
    """A model of a reader's own, with an argument of its own."""

    def __init__(self, size: int, label: object = None) -> None:
        super().__init__((size,), ordering="reverse")
        self.label = label


class Renamed(ar.NADE):
    """A subclass that adds nothing: the coders must reach it all the same."""


def test_subclasses_are_saved_too(tmp_path: Path) -> None:
    model = randomised(Labelled(4, label="tall"))
    model.save_pretrained(tmp_path / "labelled")
    loaded = ar.load_pretrained(tmp_path / "labelled")
    assert loaded.label == "tall"
    assert_same(model, loaded)
    model = randomised(
        Renamed((4,), hidden=3, conditional=ar.Categorical(5), ordering=torch.tensor([3, 1, 0, 2]))
    )
    model.save_pretrained(tmp_path / "renamed")
    assert_same(model, ar.load_pretrained(tmp_path / "renamed"))


def test_an_argument_that_cannot_be_saved_is_refused(tmp_path: Path) -> None:
    """Dropped without a word it would come back as its default."""
    model = Labelled(4, label=object())
    with pytest.raises((TypeError, ValueError), match="label"):
        model.save_pretrained(tmp_path)


@pytest.mark.parametrize(
    "label",
    [ar.Categorical(3), torch.ones(2), [ar.Bernoulli()], {"a": {1: 2}}, {2: "b"}],
    ids=lambda label: type(label).__name__,
)
def test_an_argument_that_would_come_back_as_something_else_is_refused(
    label: object, tmp_path: Path
) -> None:
    """A conditional under another name would come back as a dict, a tensor as a list, a key 1 as "1"."""
    with pytest.raises(TypeError, match="cannot hold label="):
        Labelled(4, label=label).save_pretrained(tmp_path)


class ByPlace(ar.FVSBN):
    """A constructor with a parameter that has no name for its caller."""

    def __init__(self, size: int, /, ordering: str = "raster") -> None:
        super().__init__((size,), ordering=ordering)


class PassedOn(ar.FVSBN):
    """A constructor that passes on whatever it gets."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)


@pytest.mark.parametrize(
    ("model", "named"), [(ByPlace(4), "size"), (PassedOn((4,), ordering="reverse"), "args")]
)
def test_an_argument_without_a_name_is_refused(model: ar.FVSBN, named: str, tmp_path: Path) -> None:
    """It could be written, but not be given to the constructor by its name."""
    with pytest.raises(TypeError, match=f"takes {named} by place: give every argument a name"):
        model.save_pretrained(tmp_path)


def test_arguments_passed_on_by_name_come_back(tmp_path: Path) -> None:
    model = randomised(PassedOn(event_shape=(4,), ordering="reverse"))
    model.save_pretrained(tmp_path)
    assert_same(model, ar.load_pretrained(tmp_path))


def test_the_header_of_the_weights_is_in_order_and_aligned(tmp_path: Path) -> None:
    ar.FVSBN((4,)).save_pretrained(tmp_path)
    content = (tmp_path / "model.safetensors").read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    assert size % 8 == 0
    for entries in (header, header["__metadata__"]):
        assert list(entries) == sorted(entries)


class Mixed(ar.FVSBN):
    """A float32 model with a number that needs float64."""

    def __init__(self, event_shape: tuple[int, ...]) -> None:
        super().__init__(event_shape)
        self.register_buffer("precise", torch.tensor(1 / 3, dtype=torch.float64))


def test_a_tensor_of_another_dtype_is_not_rounded(tmp_path: Path) -> None:
    Mixed((4,)).save_pretrained(tmp_path)
    with pytest.raises(
        ValueError, match="precise is torch.float64 in the file, and not torch.float32"
    ):
        ar.load_pretrained(tmp_path)
    Mixed((4,)).double().save_pretrained(tmp_path)
    assert ar.load_pretrained(tmp_path).precise.item() == 1 / 3


def test_float64_weights_stay_exact(tmp_path: Path) -> None:
    model = randomised(ar.FVSBN((4,)).double())
    with torch.no_grad():
        model.linear.bias.fill_(1 / 3)
    model.save_pretrained(tmp_path)
    assert ar.load_pretrained(tmp_path).linear.bias.dtype == torch.float64
    assert torch.equal(ar.load_pretrained(tmp_path).linear.bias, model.linear.bias)


def test_the_files_are_readable_json_and_safetensors(tmp_path: Path) -> None:
    ar.MADE((4,), hidden=(5,), conditional=ar.Categorical(3), seed=1).save_pretrained(
        tmp_path / "a" / "b"
    )
    assert sorted(p.name for p in (tmp_path / "a" / "b").iterdir()) == [
        "config.json",
        "model.safetensors",
    ]
    config = json.loads((tmp_path / "a" / "b" / "config.json").read_text())
    assert config["class"] == "MADE" and config["dtype"] == "float32"
    assert config["arguments"]["conditional"] == {"name": "Categorical", "arguments": {"levels": 3}}
    assert config["arguments"]["ordering"] == "raster" and config["arguments"]["event_shape"] == [4]
    weights = load_file(tmp_path / "a" / "b" / "model.safetensors")
    assert not {"ordering", "rank", "layers.0.mask"} & set(weights)


def test_saving_again_replaces(tmp_path: Path) -> None:
    randomised(ar.FVSBN((4,)), seed=1).save_pretrained(tmp_path)
    model = randomised(ar.NADE((4,), hidden=2), seed=2)
    model.save_pretrained(str(tmp_path))
    assert_same(model, ar.load_pretrained(str(tmp_path)))
    assert_same(model, ar.NADE.from_pretrained(tmp_path))
    with pytest.raises(ValueError, match="holds a NADE, not a MADE"):
        ar.MADE.from_pretrained(tmp_path)


# -- what does not --------------------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    randomised(ar.NADE((4,), hidden=3)).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no shipped checkpoint of that name"):
        ar.load_pretrained(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError, match="nonsense"):
        ar.load_pretrained("nonsense")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file(saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"{name} is missing"):
        ar.load_pretrained(saved)


@pytest.mark.parametrize("kept", [0.0, 0.1, 0.5, 0.99])
@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_truncated_file(saved: Path, name: str, kept: float) -> None:
    content = (saved / name).read_bytes()
    (saved / name).write_bytes(content[: max(0, int(len(content) * kept) - 2)])
    with pytest.raises(ValueError, match=f"{name} is damaged"):
        ar.load_pretrained(saved)


@pytest.mark.parametrize("content", ["[]", "3", '"NADE"', "null"])
def test_json_of_something_else(saved: Path, content: str) -> None:
    (saved / "config.json").write_text(content)
    with pytest.raises(ValueError, match=r"config\.json (is damaged|lacks)"):
        ar.load_pretrained(saved)


@pytest.mark.parametrize("key", ["class", "arguments", "dtype"])
def test_a_config_that_lacks_something(saved: Path, key: str) -> None:
    config = json.loads((saved / "config.json").read_text())
    del config[key]
    (saved / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=f"config.json lacks {key}"):
        ar.load_pretrained(saved)


@pytest.mark.parametrize(
    "change",
    [
        lambda weights: weights.pop("c"),
        lambda weights: weights.update(extra=torch.zeros(2)),
        lambda weights: weights.update(c=torch.zeros(5)),
        lambda weights: weights.update(c=torch.zeros(3, 1)),
    ],
    ids=["missing", "surplus", "longer", "other shape"],
)
def test_weights_that_do_not_fit(saved: Path, change: Callable[[dict], None]) -> None:
    rewritten(saved / "model.safetensors", change)
    with pytest.raises(ValueError, match="does not fit a NADE"):
        ar.load_pretrained(saved)


def test_files_of_two_saves(saved: Path, tmp_path: Path) -> None:
    """Same shapes, another ordering: nothing but the config in the weights tells."""
    ar.NADE((4,), hidden=3, ordering="reverse").save_pretrained(tmp_path / "other")
    (saved / "model.safetensors").write_bytes(
        (tmp_path / "other" / "model.safetensors").read_bytes()
    )
    with pytest.raises(ValueError, match="not saved with the config.json beside it"):
        ar.load_pretrained(saved)


def test_weights_from_elsewhere(saved: Path) -> None:
    save_file(load_file(saved / "model.safetensors"), saved / "model.safetensors")
    with pytest.raises(ValueError, match="not saved with the config.json beside it"):
        ar.load_pretrained(saved)


def test_an_unknown_class(saved: Path) -> None:
    config = json.loads((saved / "config.json").read_text())
    config["class"] = "os.system"
    (saved / "config.json").write_text(json.dumps(config))
    save_file(
        load_file(saved / "model.safetensors"),
        saved / "model.safetensors",
        {"config": json.dumps(config)},
    )
    with pytest.raises(ValueError, match="unknown model class 'os.system'; known are .*FVSBN"):
        ar.load_pretrained(saved)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("dtype", "float17"),
        ("dtype", "save"),
        ("dtype", 32),
        ("arguments", {"nonsense": 1}),
        ("arguments", []),
        ("arguments", 5),
        ("arguments", [["event_shape", [4]]]),
        ("arguments", {"event_shape": [4], "hidden": 3, "conditional": 5}),
        ("arguments", {"event_shape": [4], "hidden": 3, "conditional": {"name": "Categorical"}}),
        ("class", ["NADE"]),
    ],
)
def test_a_config_with_nonsense(saved: Path, key: str, value: object) -> None:
    """Both files agree, and still no such model exists."""
    config = json.loads((saved / "config.json").read_text())
    config[key] = value
    (saved / "config.json").write_text(json.dumps(config))
    save_file(
        load_file(saved / "model.safetensors"),
        saved / "model.safetensors",
        {"config": json.dumps(config)},
    )
    with pytest.raises(ValueError, match="NADE|dtype|arguments"):
        ar.load_pretrained(saved)


def test_nothing_is_unpickled(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("something was unpickled")

    for owner, name in ((pickle, "load"), (pickle, "loads"), (torch, "load")):
        monkeypatch.setattr(owner, name, forbidden)
    ar.load_pretrained(saved)
    (saved / "model.safetensors").write_bytes(pickle.dumps({"W": 1}))
    with pytest.raises(ValueError, match="model.safetensors is damaged"):
        ar.load_pretrained(saved)


# -- interrupted saves ----------------------------------------------------------------------------------------------


class Killed(BaseException):
    """Stands for the process being killed."""


@pytest.mark.parametrize("same_config", [True, False], ids=["same model", "another model"])
@pytest.mark.parametrize("moment", ["writing weights", "between the files"])
def test_an_interrupted_save_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, same_config: bool
) -> None:
    """After the interruption the folder loads: the old model or the new one, whole."""
    old = randomised(ar.NADE((4,), hidden=3), seed=1)
    new = randomised(ar.NADE((4,), hidden=3 if same_config else 7), seed=2)
    old.save_pretrained(tmp_path)
    calls = []

    def half_a_file(tensors: dict, path: Path, metadata: dict) -> None:
        Path(path).write_bytes(b"\x00" * 100)
        raise Killed

    def one_move(source: Path, target: Path) -> None:
        calls.append(target)
        if len(calls) == 2:
            raise Killed
        os.rename(source, target)

    with monkeypatch.context() as patch:
        if moment == "writing weights":
            patch.setattr(saving, "save_file", half_a_file)
        else:
            patch.setattr(saving.os, "replace", one_move)
        with pytest.raises(Killed):
            new.save_pretrained(tmp_path)
    loaded = ar.load_pretrained(tmp_path)
    x = binary(old)
    assert any(torch.equal(loaded.log_prob(x), model.log_prob(x)) for model in (old, new))
    if moment == "writing weights":
        assert_same(loaded, old)
    new.save_pretrained(tmp_path)  # and the next save works
    assert_same(new, ar.load_pretrained(tmp_path))


@pytest.mark.parametrize("place", [60, -3])
def test_a_single_flipped_bit_is_noticed(tmp_path: Path, place: int) -> None:
    """In the copy of the config that the header holds, and in the weights."""
    randomised(ar.NADE((4,), hidden=3)).save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"model\.safetensors"):
        ar.load_pretrained(tmp_path)


def test_what_the_caller_changes_later_does_not_change_the_model(tmp_path: Path) -> None:
    parents, order = [[], [0]], [1, 0]
    net, model = ar.BayesNet((2,), parents=parents), ar.FVSBN((2,), ordering=order)
    parents[1].clear()
    order.reverse()
    for saved in (net, model):
        saved.save_pretrained(tmp_path)
        assert_same(saved, ar.load_pretrained(tmp_path))
    assert net.config()["arguments"]["parents"] == [[], [0]]
