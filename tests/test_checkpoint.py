"""A training that is killed, resumed, damaged or shared by several processes ends where it should."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from training_toys import OPTIONS, Toy, bits, interrupt_at, same, weights_of

import armodels_lite as ar
from armodels_lite.training import History, checkpoint, fit

REPOSITORY = Path(__file__).parent.parent

KILLED = """
import os, signal, sys, torch
sys.path.insert(0, {tests!r})
from training_toys import OPTIONS, Toy, bits
from armodels_lite.training import fit
torch.set_num_threads({threads})
model = Toy()
def hook(call, loss):
    if call == 7 * 3 + 4:                      # in the middle of the fourth epoch of seven steps
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    return loss
model.hook = hook
fit(model, bits(), bits(seed=1), checkpoint={folder!r}, **OPTIONS)
"""


def test_a_killed_training_resumes_to_the_last_bit(tmp_path):
    code = KILLED.format(
        tests=str(Path(__file__).parent), threads=torch.get_num_threads(), folder=str(tmp_path)
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL if os.name == "posix" else done.returncode != 0, (
        done.stderr
    )
    straight, resumed = Toy(), Toy()
    expected = fit(straight, bits(), bits(seed=1), **OPTIONS)
    torch.manual_seed(99)
    history = fit(resumed, bits(), bits(seed=1), checkpoint=tmp_path, resume=True, **OPTIONS)
    assert resumed.calls == 3 * 7  # three epochs were finished before the kill
    assert same(weights_of(resumed), weights_of(straight))
    for name in ("train_loss", "valid_loss", "learning_rate", "best_epoch", "stopped_because"):
        assert getattr(history, name) == getattr(expected, name)


def test_a_run_with_sgd_goes_on_to_the_last_bit(tmp_path):
    options = {**OPTIONS, "optimizer": "sgd"}
    straight, stopped, resumed = Toy(), Toy(), Toy()
    fit(straight, bits(), bits(seed=1), **options)
    stopped.hook = interrupt_at(7 * 3 + 1)
    fit(stopped, bits(), bits(seed=1), checkpoint=tmp_path, **options)
    fit(resumed, bits(), bits(seed=1), checkpoint=tmp_path, resume=True, **options)
    assert same(weights_of(resumed), weights_of(straight))
    assert not same(weights_of(stopped), weights_of(straight))


@pytest.fixture
def folder(tmp_path):
    """A checkpoint folder after three of six epochs, with the one before it."""
    model = Toy()
    model.hook = interrupt_at(7 * 3 + 1)
    fit(model, bits(), bits(seed=1), checkpoint=tmp_path / "run", **OPTIONS)
    return tmp_path / "run"


@pytest.fixture(scope="module")
def uninterrupted():
    model = Toy()
    fit(model, bits(), bits(seed=1), **OPTIONS)
    return weights_of(model)


def _resume(folder, model=None, x=None, valid=..., how=True, **changes):
    model = model or Toy()
    valid = bits(seed=1) if valid is ... else valid
    history = fit(
        model,
        bits() if x is None else x,
        valid,
        checkpoint=folder,
        resume=how,
        **{**OPTIONS, **changes},
    )
    return model, history


def test_the_folder_holds_two_states_and_nothing_unfinished(folder):
    assert sorted(path.name for path in folder.iterdir()) == [
        "checkpoint.safetensors",
        "previous.safetensors",
    ]


def test_nothing_is_unpickled(folder, uninterrupted, monkeypatch):
    def forbidden(*args, **kwargs):
        raise AssertionError("unpickling")

    for module, name in (
        (torch, "load"),
        (pickle, "load"),
        (pickle, "loads"),
        (pickle, "Unpickler"),
    ):
        monkeypatch.setattr(module, name, forbidden)
    model, _ = _resume(folder)
    assert same(weights_of(model), uninterrupted)


@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped", "no header"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_still_works(
    folder, uninterrupted, damage
):
    path = folder / checkpoint.LATEST
    content = path.read_bytes()
    flipped = content[:-3] + bytes([content[-3] ^ 1]) + content[-2:]
    path.write_bytes(
        {"truncated": content[:-5], "empty": b"", "flipped": flipped, "no header": content[9:]}[
            damage
        ]
    )
    model = Toy()
    with pytest.raises(
        ValueError, match=r"checkpoint\.safetensors is truncated or damaged.*resume='previous'"
    ):
        _resume(folder, model)
    assert same(weights_of(model), weights_of(Toy()))
    model, history = _resume(folder, how="previous")
    assert model.calls == 4 * 7 and len(history) == 6
    assert same(weights_of(model), uninterrupted)


def test_going_on_from_the_state_before_keeps_it_until_there_is_a_newer_one(folder, monkeypatch):
    """A damaged file never takes the place of the only whole one, not even between two saves."""
    path, save, wholes = folder / checkpoint.LATEST, checkpoint.save, []
    path.write_bytes(path.read_bytes()[:200])

    def save_and_look(*arguments):
        save(*arguments)
        wholes.append(checkpoint.exists(folder) and (folder / checkpoint.PREVIOUS).exists())
        checkpoint.load(folder, previous=True)  # raises if it is damaged

    monkeypatch.setattr(checkpoint, "save", save_and_look)
    _resume(folder, how="previous")
    assert wholes and all(wholes)


def test_a_damaged_checkpoint_without_one_before_it(folder):
    (folder / checkpoint.PREVIOUS).unlink()
    (folder / checkpoint.LATEST).write_bytes(b"nothing")
    with pytest.raises(ValueError, match="start again in an empty folder"):
        _resume(folder)


def test_stopped_between_the_two_renames(folder, uninterrupted):
    (folder / checkpoint.LATEST).unlink()
    (folder / ".checkpoint.safetensors.unfinished").write_bytes(b"half")
    model, _ = _resume(folder)
    assert model.calls == 4 * 7 and same(weights_of(model), uninterrupted)


def test_a_write_that_fails_leaves_the_last_state(folder, monkeypatch):
    import safetensors.torch

    def full(*args, **kwargs):
        raise OSError("no space left on device")

    before = (folder / checkpoint.LATEST).read_bytes()
    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(OSError, match="no space left"):
        _resume(folder)
    assert (folder / checkpoint.LATEST).read_bytes() == before


def test_a_folder_in_use_is_not_overwritten_by_accident(folder):
    before = (folder / checkpoint.LATEST).read_bytes()
    with pytest.raises(ValueError, match="holds a checkpoint already: resume=True goes on"):
        _resume(folder, how=False)
    assert (folder / checkpoint.LATEST).read_bytes() == before


def test_resume_starts_where_there_is_nothing_yet(tmp_path, uninterrupted):
    model, history = _resume(tmp_path / "new")
    assert len(history) == 6 and same(weights_of(model), uninterrupted)
    again, history = _resume(tmp_path / "new")
    assert again.calls == 0 and len(history) == 6 and history.stopped_because == "epochs"
    assert same(weights_of(again), uninterrupted)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": 0.5}, "learning_rate was 0.02, is 0.5"),
        ({"epochs": 9}, "epochs was 6, is 9"),
        ({"x": bits(seed=3)}, "the training data differ"),
        ({"valid": None}, "validation data were given"),
        ({"model": ar.FVSBN((6,))}, "the model has other weights"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(folder, changes, message):
    model = changes.get("model") or Toy()
    before = weights_of(model)
    with pytest.raises(ValueError, match=f"is of another training.*{message}"):
        _resume(folder, **{**changes, "model": model})
    assert same(weights_of(model), before)


def test_a_constant_schedule_may_be_made_longer(tmp_path):
    longer, straight = Toy(), Toy()
    fit(longer, bits(), epochs=2, checkpoint=tmp_path, checkpoint_every=10)
    fit(longer, bits(), epochs=4, checkpoint=tmp_path, resume=True)
    fit(straight, bits(), epochs=4)
    assert same(weights_of(longer), weights_of(straight))


def test_no_previous_state_to_resume_from(tmp_path):
    fit(Toy(), bits(), epochs=1, checkpoint=tmp_path)
    with pytest.raises(FileNotFoundError, match=r"previous\.safetensors does not exist"):
        fit(Toy(), bits(), epochs=1, checkpoint=tmp_path, resume="previous")


# ---- several processes -------------------------------------------------------------------------------------------

TWO = """
import sys, torch
sys.path.insert(0, {tests!r})
from training_toys import bits
from armodels_lite.training import fit
import armodels_lite as ar
torch.manual_seed(0)
model = ar.MADE((6,), hidden=(16,), seed=0)
history = fit(model, bits(), bits(seed=1), epochs=3, batch_size=7, clip=1.0, ema=0.9, checkpoint={folder!r})
assert torch.distributed.get_world_size() == 2
if torch.distributed.get_rank() == 0:
    model.save_pretrained({saved!r})
    open({saved!r} + "/history.json", "w").write(history.to_json())
"""


@pytest.mark.slow
def test_two_processes_do_what_one_does(tmp_path):
    """50 events in batches of 7: the parts are uneven, and the last batch of one leaves a process without any."""
    script, saved = tmp_path / "two.py", tmp_path / "saved"
    script.write_text(
        TWO.format(tests=str(Path(__file__).parent), folder=str(tmp_path / "run"), saved=str(saved))
    )
    run = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc_per_node",
        "2",
        str(script),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(
        run, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, env=environment
    )
    assert done.returncode == 0, done.stderr[-3000:]
    torch.manual_seed(0)
    one = ar.MADE((6,), hidden=(16,), seed=0)
    expected = fit(one, bits(), bits(seed=1), epochs=3, batch_size=7, clip=1.0, ema=0.9)
    two, history = (
        ar.load_pretrained(saved),
        History.from_json((saved / "history.json").read_text()),
    )
    for a, b in zip(weights_of(one), weights_of(two), strict=True):
        assert torch.allclose(a, b, atol=1e-5)
    assert history.train_loss == pytest.approx(expected.train_loss, abs=1e-5)
    assert checkpoint.exists(tmp_path / "run")
