"""What every model offers besides its architecture: checks at the entry, saving, loading."""

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
from safetensors.torch import load_file, save_file

import armodels_lite as ar
from armodels_lite import density


def randomised(model: ar.AutoregressiveModel, seed: int = 0) -> ar.AutoregressiveModel:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator))
    return model.eval()


def binary(model: ar.AutoregressiveModel, n: int = 16) -> torch.Tensor:
    return torch.randint(2, (n, *model.event_shape)).to(model.event_dtype)


def assert_same(one: ar.AutoregressiveModel, other: ar.AutoregressiveModel) -> None:
    x = binary(one)
    assert type(one) is type(other) and torch.equal(one.ordering, other.ordering)
    assert torch.equal(one.log_prob(x), other.log_prob(x))


def rewritten(path: Path, change: Callable[[dict], None]) -> None:
    """A safetensors file with something in it changed, its metadata kept."""
    with density.safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    weights = load_file(path)
    change(weights)
    save_file(weights, path, metadata=metadata)


# -- what comes back ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "build",
    [
        lambda: ar.FVSBN((4,), conditional=ar.Categorical(16)),
        lambda: ar.NADE([4], hidden=3, conditional=ar.LogisticMixture(2, levels=7)),
        lambda: ar.MADE((4,), hidden=(5, 6), conditional=ar.GaussianMixture(3), seed=3, direct=True),
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
def test_what_is_saved_comes_back(build: Callable[[], ar.AutoregressiveModel], tmp_path: Path) -> None:
    model = randomised(build())
    model.save_pretrained(tmp_path)
    loaded = ar.load_pretrained(tmp_path)
    assert loaded.conditional == model.conditional
    assert loaded.levels == model.levels
    assert loaded.dtype == model.dtype
    assert not loaded.training
    assert_same(model, loaded)


@pytest.mark.parametrize(
    "ordering", [np.array([3, 1, 0, 2]), list(np.array([3, 1, 0, 2])), range(3, -1, -1)], ids=lambda o: type(o).__name__
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
    model = randomised(Renamed((4,), hidden=3, conditional=ar.Categorical(5), ordering=torch.tensor([3, 1, 0, 2])))
    model.save_pretrained(tmp_path / "renamed")
    assert_same(model, ar.load_pretrained(tmp_path / "renamed"))


def test_an_argument_that_cannot_be_saved_is_refused(tmp_path: Path) -> None:
    """Dropped without a word it would come back as its default."""
    model = Labelled(4, label=object())
    with pytest.raises((TypeError, ValueError), match="label"):
        model.save_pretrained(tmp_path)


def test_float64_weights_stay_exact(tmp_path: Path) -> None:
    model = randomised(ar.FVSBN((4,)).double())
    with torch.no_grad():
        model.linear.bias.fill_(1 / 3)
    model.save_pretrained(tmp_path)
    assert ar.load_pretrained(tmp_path).linear.bias.dtype == torch.float64
    assert torch.equal(ar.load_pretrained(tmp_path).linear.bias, model.linear.bias)


def test_the_files_are_readable_json_and_safetensors(tmp_path: Path) -> None:
    ar.MADE((4,), hidden=(5,), conditional=ar.Categorical(3), seed=1).save_pretrained(tmp_path / "a" / "b")
    assert sorted(p.name for p in (tmp_path / "a" / "b").iterdir()) == ["config.json", "model.safetensors"]
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
    (saved / "model.safetensors").write_bytes((tmp_path / "other" / "model.safetensors").read_bytes())
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
    save_file(load_file(saved / "model.safetensors"), saved / "model.safetensors", {"config": json.dumps(config)})
    with pytest.raises(ValueError, match="unknown model class 'os.system'; known are .*FVSBN"):
        ar.load_pretrained(saved)


@pytest.mark.parametrize(
    ("key", "value"), [("dtype", "float17"), ("dtype", "save"), ("arguments", {"nonsense": 1}), ("arguments", [])]
)
def test_a_config_with_nonsense(saved: Path, key: str, value: object) -> None:
    """Both files agree, and still no such model exists."""
    config = json.loads((saved / "config.json").read_text())
    config[key] = value
    (saved / "config.json").write_text(json.dumps(config))
    save_file(load_file(saved / "model.safetensors"), saved / "model.safetensors", {"config": json.dumps(config)})
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
            patch.setattr(density, "save_file", half_a_file)
        else:
            patch.setattr(density.os, "replace", one_move)
        with pytest.raises(Killed):
            new.save_pretrained(tmp_path)
    loaded = ar.load_pretrained(tmp_path)
    x = binary(old)
    assert any(torch.equal(loaded.log_prob(x), model.log_prob(x)) for model in (old, new))
    if moment == "writing weights":
        assert_same(loaded, old)
    new.save_pretrained(tmp_path)  # and the next save works
    assert_same(new, ar.load_pretrained(tmp_path))


# -- checks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [ar.FVSBN, ar.MADE])
@pytest.mark.parametrize(
    "event_shape",
    [(), 784, 784.0, (0,), (-3,), (4.0,), "4", None, (True,), (2, "3"), [[4]], np.array([0])],
    ids=repr,
)
def test_event_shapes_that_make_no_sense(build: type, event_shape) -> None:
    with pytest.raises((ValueError, TypeError), match="event_shape must be a tuple of positive ints"):
        build(event_shape)


@pytest.mark.parametrize("event_shape", [(4,), [4], torch.Size([4]), (1, 2, 2), (2, 2)], ids=repr)
def test_event_shapes_that_do(event_shape) -> None:
    model = ar.FVSBN(event_shape)
    assert model.event_shape == tuple(event_shape) and type(model.event_shape) is tuple
    assert model.num_variables == 4


@pytest.mark.parametrize("num_classes", [0, -1, 2.0, "3", True], ids=repr)
def test_numbers_of_classes_that_make_no_sense(num_classes) -> None:
    with pytest.raises((ValueError, TypeError), match="num_classes must be a positive int, got"):
        ar.FVSBN((4,), num_classes=num_classes)


@pytest.mark.parametrize("context_shape", [(), 3, (0,), (2.0,)], ids=repr)
def test_context_shapes_that_make_no_sense(context_shape) -> None:
    with pytest.raises((ValueError, TypeError), match="context_shape must be a tuple of positive ints"):
        ar.MADE((4,), context_shape=context_shape)


def test_one_kind_of_context_only() -> None:
    with pytest.raises(ValueError, match="num_classes or context_shape, not both"):
        ar.MADE((4,), num_classes=2, context_shape=(3,))


def test_loss_is_the_mean_negative_log_likelihood() -> None:
    model = randomised(ar.NADE((4,), hidden=3))
    x = binary(model)
    torch.testing.assert_close(model.loss(x), -model.log_prob(x).mean())
    with pytest.raises(ValueError, match="batch is empty"):
        model.loss(x[:0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("build", [ar.FVSBN, ar.NADE, ar.MADE])
def test_the_number_of_parameters_depends_on_no_dtype(build: type, dtype: torch.dtype) -> None:
    model = build((784,))
    before = model.num_parameters()
    assert model.to(dtype).num_parameters() == before


# -- what goes in ---------------------------------------------------------------------------------------------------

X = torch.zeros(2, 4)
WRONG_X = {
    "float64": (ar.Bernoulli(), X.double(), "x must be torch.float32 for this model, got torch.float64"),
    "integers": (ar.Bernoulli(), X.long(), "x must be torch.float32 for this model, got torch.int64"),
    "bools": (ar.Bernoulli(), X.bool(), "got torch.bool"),
    "grey levels": (ar.Bernoulli(), X + 0.5, "Bernoulli variables are 0 or 1, got 0.5"),
    "NaN": (ar.Bernoulli(), X * torch.nan, "0 or 1, got nan"),
    "no batch": (ar.Bernoulli(), X[0], r"x must have shape \(B, 4\), got \(4,\)"),
    "too wide": (ar.Bernoulli(), torch.zeros(2, 5), r"shape \(B, 4\), got \(2, 5\)"),
    "image": (ar.Bernoulli(), X.view(2, 1, 2, 2), r"shape \(B, 4\), got \(2, 1, 2, 2\)"),
    "a list": (ar.Bernoulli(), X.tolist(), "x must be a torch.Tensor, got list"),
    "an array": (ar.Bernoulli(), X.numpy(), "x must be a torch.Tensor, got ndarray"),
    "nothing": (ar.Bernoulli(), None, "x must be a torch.Tensor, got NoneType"),
    "level 3": (ar.Categorical(3), X.long() + 3, "levels 0 to 2, got 3"),
    "level -1": (ar.Categorical(3), X.long() - 1, "levels 0 to 2, got -1"),
    "int32": (ar.Categorical(3), X.int(), "x must be torch.int64 for this model, got torch.int32"),
    "scaled": (ar.LogisticMixture(1), X, "x must be torch.int64 for this model, got torch.float32"),
    "infinity": (ar.GaussianMixture(1), X - torch.inf, "finite values, got -inf"),
}


@pytest.mark.parametrize("what", WRONG_X)
def test_events_that_do_not_fit(what: str) -> None:
    conditional, x, message = WRONG_X[what]
    model = ar.FVSBN((4,), conditional=conditional)
    for ask in (model.log_prob, model.loss, model.check, model):
        with pytest.raises((ValueError, TypeError), match=message):
            ask(x)


WRONG_CONTEXT = {
    "missing": (None, r"conditional: give int64 classes \(B,\) in 0..2 as context"),
    "too high": (torch.tensor([0, 3]), "classes are 0 to 2, got 0 to 3"),
    "negative": (torch.tensor([-1, 0]), "classes are 0 to 2, got -1 to 0"),
    "one-hot": (torch.eye(3)[:2], r"context must have shape \(B\), got \(2, 3\)"),
    "a number": (1, "context must be a torch.Tensor, got int"),
    "int32": (torch.zeros(2).int(), "context must be torch.int64 for this model, got torch.int32"),
    "too few": (torch.zeros(1).long(), "context holds 1 entries for 2 events"),
}


@pytest.mark.parametrize("what", WRONG_CONTEXT)
def test_classes_that_do_not_fit(what: str) -> None:
    context, message = WRONG_CONTEXT[what]
    model = ar.NADE((4,), hidden=3, num_classes=3)
    for ask in (lambda: model.log_prob(X, context), lambda: model.sample(2, context=context)):
        with pytest.raises((ValueError, TypeError), match=message):
            ask()


def test_contexts_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="this FVSBN is not conditional, but a context was given"):
        ar.FVSBN((4,)).log_prob(X, torch.zeros(2).long())
    model = ar.MADE((4,), hidden=(5,), context_shape=(2, 3))
    good = torch.randn(2, 2, 3)
    assert model.log_prob(X, good).shape == (2,)
    for context, message in (
        (None, r"give a float context \(B, 2, 3\)"),
        (good.double(), "context must be torch.float32 for this model, got torch.float64"),
        (good[0], r"context must have shape \(B, 2, 3\), got \(2, 3\)"),
        (good * torch.nan, "context must be finite"),
        (good[:1], "context holds 1 entries for 2 events"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            model.log_prob(X, context)


@pytest.mark.parametrize("conditional", [ar.Bernoulli(), ar.Categorical(3), ar.GaussianMixture(2)], ids=repr)
@pytest.mark.parametrize("build", [ar.FVSBN, ar.NADE, ar.MADE])
def test_any_layout_dtype_and_mode(build: type, conditional: ar.Conditional) -> None:
    """Transposed events, gradients with respect to x, training mode, float64: the same log-probabilities."""
    model = randomised(build((5,), conditional=conditional))
    x = binary(model, 7)
    expected = model.log_prob(x)
    assert torch.equal(model.log_prob(x.T.contiguous().T), expected)
    assert torch.equal(model.train().log_prob(x), expected)
    with torch.inference_mode():
        assert torch.equal(model.log_prob(x), expected)
        assert model.sample(2).shape == (2, 5)
    if x.is_floating_point():
        assert torch.equal(model.log_prob(x.clone().requires_grad_()), expected)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(model.log_prob(x), expected, atol=0.3, rtol=0.05)
    wide = model.double()
    x = x.to(wide.event_dtype)
    assert wide.log_prob(x).dtype == torch.float64 and wide.sample(2).dtype == wide.event_dtype
    torch.testing.assert_close(wide.log_prob(x).float(), expected, atol=1e-4, rtol=1e-5)
    with pytest.raises(TypeError, match="for this model, got torch.float32"):
        wide.log_prob(torch.zeros(2, 5))
