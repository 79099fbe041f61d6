"""The labels of binarized_mnist: found by comparison with MNIST, kept, and made anew when they are damaged."""

from __future__ import annotations

import gzip
import struct
from dataclasses import replace
from hashlib import sha256

import data_server
import numpy as np
import pytest
import torch
from test_matching import blobs, drawn

import armodels_lite.data as data
from armodels_lite.data import images

here = data_server.here  # fixture

TRAIN, VALID, TEST = 90, 30, 40


def idx(array: np.ndarray) -> bytes:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return gzip.compress(header + array.tobytes())


@pytest.fixture
def labels(here, monkeypatch) -> dict[str, torch.Tensor]:
    """Small files in the place of MNIST's and of binarized MNIST's, in another order; the labels that are true."""
    grey, test_grey = blobs(TRAIN + VALID, size=28), blobs(TEST, size=28, seed=9)
    digits = torch.arange(TRAIN + VALID) % 10
    order, test_order = torch.randperm(TRAIN + VALID), torch.randperm(TEST)
    contents = [grey.view(-1, 28, 28), digits, test_grey.view(-1, 28, 28), digits[:TEST]]
    monkeypatch.setattr(
        images,
        "MNIST",
        replace(
            images.MNIST,
            remote=tuple(
                data_server.put_file(here / "mnist", file.name, idx(c.to(torch.uint8).numpy()))
                for file, c in zip(images.MNIST.remote, contents, strict=True)
            ),
        ),
    )
    binary = np.packbits(drawn(grey)[order].numpy(), axis=1)
    rows = {
        "train": binary[:TRAIN],
        "valid": binary[TRAIN:],
        "test": np.packbits(drawn(test_grey)[test_order].numpy(), axis=1),
    }
    true = {"train": digits[order][:TRAIN], "valid": digits[order][TRAIN:]}
    true["test"] = digits[test_order]
    entry = data.registry()["binarized_mnist"]
    (here / entry.name).mkdir()
    np.savez(here / entry.name / entry.packed.name, **rows)
    packed = replace(entry.packed, sha256={k: sha256(v).hexdigest() for k, v in rows.items()})
    monkeypatch.setitem(data.REGISTRY, entry.name, replace(entry, packed=packed))
    digests = {k: sha256(v.to(torch.uint8).numpy()).hexdigest() for k, v in true.items()}
    monkeypatch.setattr(images, "DIGITS_DRAWN", replace(images.DIGITS_DRAWN, sha256=digests))
    return true


def assert_are(labels: dict[str, torch.Tensor], loaded: data.Data) -> None:
    for part, y in labels.items():
        assert getattr(loaded, part).y.dtype == torch.int64
        assert torch.equal(getattr(loaded, part).y, y)
    assert loaded.class_names == tuple("0123456789")


def test_labels_are_found_once_and_kept_beside_the_images(labels, here, monkeypatch):
    assert data.load("binarized_mnist").test.y is None
    assert not (here / "binarized_mnist" / "labels.npz").exists()
    assert_are(labels, data.load("binarized_mnist", labels=True))
    assert sorted(path.name for path in (here / "binarized_mnist").iterdir()) == [
        "binarized_mnist.npz",
        "labels.npz",
    ]
    monkeypatch.setattr(images, "most_likely_sources", None)
    monkeypatch.setattr(images, "MNIST", None)
    assert_are(labels, data.load("binarized_mnist", labels=True))
    assert data.status("binarized_mnist").state == "ready" and data.verify("binarized_mnist")


def test_damaged_labels_are_named_and_found_anew(labels, here):
    data.load("binarized_mnist", labels=True)
    path = here / "binarized_mnist" / "labels.npz"
    with np.load(path) as stored:
        arrays = {key: stored[key].copy() for key in stored}
    arrays["valid"][3] ^= 1
    np.savez(path, **arrays)
    with pytest.warns(UserWarning, match=r"labels\.npz is damaged .*'valid'.*; making it anew"):
        assert_are(labels, data.load("binarized_mnist", labels=True))
    assert_are(labels, data.load("binarized_mnist", labels=True))


def test_without_mnist_the_error_says_that_it_is_needed(labels, here):
    for path in (here / "mnist").iterdir():
        path.unlink()
    with pytest.raises(FileNotFoundError, match="data set 'mnist' once(.|\n)*put it"):
        data.load("binarized_mnist", labels=True)
    assert data.load("binarized_mnist").test.y is None


def test_where_nothing_can_be_kept_there_are_labels_all_the_same(labels, monkeypatch):
    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(images, "write_packed", full)
    with pytest.warns(UserWarning, match="cannot be kept .* next time: no space left"):
        assert_are(labels, data.load("binarized_mnist", labels=True))


def test_labels_of_other_images_are_not_kept(labels, here, monkeypatch):
    digests = dict.fromkeys(images.DIGITS_DRAWN.sha256, "0" * 64)
    monkeypatch.setattr(images, "DIGITS_DRAWN", replace(images.DIGITS_DRAWN, sha256=digests))
    with pytest.raises(ValueError, match="is not the published one"):
        data.load("binarized_mnist", labels=True)
    assert [path.name for path in (here / "binarized_mnist").iterdir()] == ["binarized_mnist.npz"]
