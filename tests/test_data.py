"""What the data sets hold."""

from __future__ import annotations

import gzip
import json
import struct
import subprocess
import sys
import time
import warnings
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import data_server
import numpy as np
import pytest
import torch

import armodels_lite.data as data
from armodels_lite.data import Split, images

here, serve = data_server.here, data_server.serve  # fixtures

# ---- what the data sets hold -------------------------------------------------------------------------------


def test_digits_are_binary_by_default():
    digits = data.load("digits")
    x = torch.cat([digits.train.x, digits.valid.x, digits.test.x])
    assert (len(digits.train), len(digits.valid), len(digits.test)) == (1197, 300, 300)
    assert (
        x.shape == (1797, 1, 8, 8)
        and x.dtype == torch.float32
        and set(x.unique().tolist()) == {0.0, 1.0}
    )
    assert x.mean().item() == pytest.approx(0.3230, abs=5e-5)
    assert (
        digits.event_shape == (1, 8, 8)
        and digits.levels == 2
        and digits.train.y.dtype == torch.int64
    )
    assert "8x8" in digits.description and digits.licence == "CC BY 4.0"


def test_flat_digits_are_the_same_pixels_in_a_row():
    for levels in (2, 17):
        images, rows = (data.load("digits", levels=levels, flat=flat) for flat in (False, True))
        assert rows.event_shape == (64,) and torch.equal(rows.test.x, images.test.x.flatten(1))
        assert torch.equal(rows.test.y, images.test.y)


def test_digits_grey_levels_are_what_the_binary_ones_are_made_from():
    grey, binary = data.load("digits", levels=17), data.load("digits")
    assert (
        grey.train.x.dtype == torch.int64 and grey.train.x.min() == 0 and grey.train.x.max() == 16
    )
    assert torch.equal((grey.valid.x >= 8).float(), binary.valid.x)
    assert torch.equal(grey.test.y, binary.test.y)


@pytest.mark.parametrize(("name", "size"), [("digits", 300), ("breast_cancer", 85)])
def test_committed_split_is_stratified_and_follows_its_recipe(name, size):
    """The recipe in data/README.md, written out a second time."""
    from sklearn.datasets import load_breast_cancer, load_digits

    labels = {"digits": load_digits, "breast_cancer": load_breast_cancer}[name]().target
    rng, expected = np.random.Generator(np.random.PCG64(0)), {"valid": [], "test": []}
    counts = np.bincount(labels)
    exact = counts * size / len(labels)
    sizes = np.floor(exact).astype(int)
    sizes[np.argsort(sizes - exact, kind="stable")[: size - sizes.sum()]] += 1
    for label, n in enumerate(sizes):
        order = rng.permutation(np.flatnonzero(labels == label))
        expected["valid"] += order[:n].tolist()
        expected["test"] += order[n : 2 * n].tolist()
    stored = json.loads(Path(data.__file__).with_name("splits.json").read_text())[name]
    assert stored == {part: sorted(indices) for part, indices in expected.items()}
    loaded = data.load(name)
    joined = torch.cat([loaded.train.y, loaded.valid.y, loaded.test.y])
    assert joined.bincount().tolist() == counts.tolist()
    spread = loaded.valid.y.bincount() / size - torch.tensor(counts) / len(labels)
    assert spread.abs().max() < 1 / size


def test_breast_cancer_is_standardised_by_its_training_part_alone():
    cancer = data.load("breast_cancer")
    assert (
        cancer.event_shape == (30,)
        and cancer.levels is None
        and cancer.class_names == ("malignant", "benign")
    )
    assert cancer.train.x.mean(0).abs().max() < 1e-5
    assert (cancer.train.x.std(0, correction=0) - 1).abs().max() < 1e-5
    assert cancer.valid.x.mean(0).abs().max() > 0.05
    radius = cancer.test.x[:, 0] * cancer.std[0] + cancer.mean[0]
    assert cancer.feature_names[0] == "mean radius" and 5 < radius.min() < radius.max() < 30


def test_sunspots_keep_the_series_and_cut_windows_in_time_order():
    sunspots = data.load("sunspots")
    assert sunspots.series.shape == (309,) and sunspots.years[[0, -1]].tolist() == [1700, 2008]
    assert sunspots.series.mean().item() == pytest.approx(49.752, abs=5e-4)
    assert sunspots.event_shape == (24,) and [
        len(s) for s in (sunspots.train, sunspots.valid, sunspots.test)
    ] == [
        177,
        27,
        36,
    ]
    first_test = sunspots.test.x[0].double() * sunspots.std + sunspots.mean
    assert sunspots.years[sunspots.starts[1]] == 1950
    assert torch.allclose(first_test, sunspots.series[sunspots.starts[1] :][:24], atol=1e-4)
    assert len(data.load("sunspots", window=10).valid) == 41


def test_co2_fills_gaps_by_straight_lines_and_says_where():
    co2 = data.load("co2")
    assert len(co2.series) == 2284 and (~co2.observed).sum() == 59 and not co2.series.isnan().any()
    gap = int((~co2.observed).nonzero()[0])
    assert co2.series[gap] == pytest.approx(
        ((co2.series[gap - 1] + co2.series[gap + 1]) / 2).item()
    )
    assert co2.years[0].item() == pytest.approx(1958 + 87 / 365) and co2.years.diff().min() > 0.015
    assert co2.event_shape == (52,) and co2.train.x.dtype == torch.float32


def test_split_is_indexable_and_iterable():
    split = Split(torch.arange(6.0).reshape(3, 2), torch.tensor([5, 6, 7]))
    assert [int(y) for _, y in split] == [5, 6, 7] and split[[2, 0]].y.tolist() == [7, 5]
    assert Split(split.x)[1][1] is None and Split(split.x)[:2].y is None
    with pytest.raises(ValueError, match="3 examples and y 2"):
        Split(split.x, torch.zeros(2))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("digit", {}, "unknown data set 'digit'; known: digits, mnist"),
        ("digits", {"level": 17}, "no option 'level'; accepted: levels, flat, colour, given"),
        ("digits", {"flat": 1}, "no flat=1; accepted: False, True"),
        ("binarized_mnist", {"levels": 2}, "no option 'levels'; accepted: labels, patch"),
        ("binarized_mnist", {"patch": 3}, "patch=3"),
        ("binarized_mnist", {"labels": 1}, "no labels=1; accepted: False, True"),
        ("breast_cancer", {"levels": 2}, "accepted: none"),
        ("digits", {"levels": 16}, r"no levels=16; accepted: \(2, 17\)"),
        ("digits", {"levels": True}, "no levels=True"),
        ("mnist", {"levels": 257}, "no levels=257; accepted: 2 to 256"),
        ("sunspots", {"window": 51}, "no window=51; accepted: 1 to 50"),
    ],
)
def test_unknown_names_and_options_list_what_is_accepted(name, options, message):
    with pytest.raises(ValueError, match=message):
        data.load(name, **options)


def test_data_that_come_with_another_package_are_checked(monkeypatch):
    from sklearn import datasets

    changed = datasets.load_digits()
    changed.images[0, 0, 0] = 1
    monkeypatch.setattr(datasets, "load_digits", lambda: changed)
    with pytest.raises(ValueError, match="holds other 'digits' data"):
        data.verify("digits")


# ---- reading the files of MNIST ----------------------------------------------------------------------------


def _idx(array: np.ndarray) -> bytes:
    return gzip.compress(
        struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
    )


@pytest.fixture
def small_mnist(here, monkeypatch):
    """The registry's mnist with four small files in its place; the images."""
    images = np.random.default_rng(0).integers(0, 256, (60000, 2, 2), dtype=np.uint8)
    labels = (np.arange(60000) % 10).astype(np.uint8)
    contents = [_idx(images), _idx(labels), _idx(images[:30]), _idx(labels[:30])]
    entry = data.registry()["mnist"]
    remote = tuple(
        data_server.put_file(here / "mnist", file.name, c)
        for file, c in zip(entry.remote, contents, strict=True)
    )
    monkeypatch.setitem(data.REGISTRY, "mnist", replace(entry, remote=remote))
    return torch.from_numpy(images).unsqueeze(1).long()


def test_mnist_levels_and_split(small_mnist):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        binary, grey, coarse = (data.load("mnist", levels=k) for k in (2, 256, 16))
    assert (len(grey.train), len(grey.valid), len(grey.test)) == (50000, 10000, 30)
    assert torch.equal(grey.valid.x, small_mnist[50000:]) and grey.valid.y[:3].tolist() == [0, 1, 2]
    assert torch.equal(coarse.train.x, small_mnist[:50000] // 16)
    assert (
        torch.equal(binary.test.x, (small_mnist[:30] >= 128).float())
        and binary.test.x.dtype == torch.float32
    )


def test_a_file_that_is_no_idx_file_is_named(tmp_path):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(struct.pack(">HBBI", 0, 8, 1, 10) + b"123"))
    with pytest.raises(ValueError, match=r"x\.gz is no IDX file"):
        images.read_idx(path)


def test_binarized_mnist_is_packed_once_and_the_text_removed(serve, here, monkeypatch):
    bits = np.random.default_rng(1).integers(0, 2, (7, 784), dtype=np.uint8)
    text = b"".join(b" ".join(str(bit).encode() for bit in row) + b"\n" for row in bits)
    entry = data.registry()["binarized_mnist"]
    remote = tuple(replace(serve(file.name, text), name=file.name) for file in entry.remote)
    packed = np.packbits(bits, axis=1)
    digests = dict.fromkeys(("train", "valid", "test"), sha256(packed).hexdigest())
    monkeypatch.setitem(
        data.REGISTRY,
        "binarized_mnist",
        replace(entry, remote=remote, packed=replace(entry.packed, sha256=digests)),
    )
    assert data.status("binarized_mnist").bytes == 3 * len(text)
    loaded = data.load("binarized_mnist")
    assert (
        torch.equal(loaded.valid.x.flatten(1), torch.from_numpy(bits).float())
        and loaded.train.y is None
    )
    folder = here / "binarized_mnist"
    assert [path.name for path in folder.iterdir()] == ["binarized_mnist.npz"]
    assert data.verify("binarized_mnist") == [folder / "binarized_mnist.npz"]
    (folder / "binarized_mnist.npz").write_bytes(b"PK\3\4 broken")
    with pytest.raises(ValueError, match=r"binarized_mnist\.npz is damaged"):
        data.verify("binarized_mnist")
    with pytest.warns(UserWarning, match="making it anew"):
        assert len(data.load("binarized_mnist").test) == 7


def test_importing_data_loads_nothing_heavy():
    code = (
        "import sys, armodels_lite.data; "
        "print([m for m in ('sklearn', 'pooch', 'statsmodels', 'pandas', 'IPython') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ---- the real files, where they are at hand ----------------------------------------------------------------


def _at_hand(name: str) -> bool:
    return data.status(name).state == "ready"


def test_real_mnist():
    if not _at_hand("mnist"):
        pytest.skip("the MNIST files are not here")
    started = time.process_time()  # other processes shall not count
    mnist = data.load("mnist")
    assert time.process_time() - started < 5  # takes 0.7 s
    assert (len(mnist.train), len(mnist.valid), len(mnist.test)) == (50000, 10000, 10000)
    assert mnist.train.y[:5].tolist() == [5, 0, 4, 1, 9] and mnist.test.y[:5].tolist() == [
        7,
        2,
        1,
        0,
        4,
    ]
    assert torch.cat([mnist.train.x, mnist.valid.x]).mean().item() == pytest.approx(
        0.1323, abs=5e-5
    )


def test_labels_of_the_real_test_images():
    """Found by the search, they are those whose SHA-256 is stored."""
    if not (_at_hand("mnist") and _at_hand("binarized_mnist")):
        pytest.skip("the MNIST files, or the binarized MNIST file, are not here")
    entry, mnist = data.registry()["binarized_mnist"], images.MNIST
    grey, digits = (images.read_idx(images.obtain("mnist", file)) for file in mnist.remote[2:])
    rows = images.packed_arrays(entry)["test"]
    found = images._labels_of(rows, grey, digits)
    assert sha256(found).hexdigest() == images.DIGITS_DRAWN.sha256["test"]
    assert np.array_equal(np.bincount(found), np.bincount(digits))


def test_real_binarized_mnist_is_the_published_text():
    """Written out as the original text, the packed rows have the SHA-256 of the original files."""
    if not _at_hand("binarized_mnist"):
        pytest.skip("the binarized MNIST file is not here")
    valid = data.load("binarized_mnist").valid.x.flatten(1).to(torch.uint8).numpy()
    text = np.full((len(valid), 2 * 784), ord(" "), dtype=np.uint8)
    text[:, 0::2] = valid + ord("0")
    text[:, -1] = ord("\n")
    published = data.registry()["binarized_mnist"].remote[1]
    assert text.nbytes == published.bytes and sha256(text).hexdigest() == published.sha256
