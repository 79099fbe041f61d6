"""Digits in colour, Fashion-MNIST and CIFAR-10: files of our own in their formats, and what is refused."""

from __future__ import annotations

import colorsys
import io
import tarfile
from dataclasses import replace
from hashlib import sha256

import data_server
import numpy as np
import pytest
import torch
from scipy import stats
from test_data_labels import idx

import armodels_lite.data as data
from armodels_lite.data import photographs

here, serve = data_server.here, data_server.serve  # fixtures

# ---- digits in colour --------------------------------------------------------------------------------------------


def whole(**options: object) -> tuple[torch.Tensor, torch.Tensor]:
    """Images and labels of the three parts, one after the other."""
    digits = data.load("digits", **options)
    parts = (digits.train, digits.valid, digits.test)
    return torch.cat([part.x for part in parts]), torch.cat([part.y for part in parts])


def test_painted_digits_can_never_change():
    x, y = whole(colour=True)
    assert x.shape == (1797, 3, 8, 8) and x.dtype == torch.int64 and 0 <= x.min() <= x.max() == 16
    assert torch.equal(y, whole()[1])
    assert data.load("digits", colour=True, levels=17).levels == 17
    digest = sha256(x.numpy().astype("<i8").tobytes()).hexdigest()
    assert digest == "cd128dd7e5e91fa65ac319c3d4fe99c78cab9d7e767ee2b1aa7d16e515e49fa9"


def test_a_painted_digit_is_its_grey_levels_between_two_colours():
    """Each level of a channel is within half a level of the straight line from paper to ink."""
    painted, grey = whole(colour=True)[0], whole(levels=17)[0] / 16
    for image, share in zip(painted[:300], grey[:300], strict=True):
        if share.max() < 1:  # 32 images have no pixel of full ink
            continue
        ink, paper = (image[:, share[0] == level].unique(dim=1) for level in (1, 0))
        assert ink.shape == paper.shape == (3, 1)
        line = share * ink[:, :, None] + (1 - share) * paper[:, :, None]
        assert (image - line).abs().max() <= 0.5
        assert paper.max() == 5 and ink.max() == 16  # dark and bright


def test_hues_are_uniform_and_tell_nothing_of_the_digit():
    """Of ink and of paper, in six parts of the circle of hues, over all images and digit by digit."""
    painted, y = whole(colour=True)
    grey = whole(levels=17)[0].flatten(1)
    for level in (16, 0):
        chosen = (grey == level).any(1)
        place = (grey == level).long().argmax(1)
        colours = painted.flatten(2)[torch.arange(len(y)), :, place][chosen] / 16
        hues = np.array([colorsys.rgb_to_hsv(*colour)[0] for colour in colours.tolist()])
        # Many rounded colours lie where one sixth ends and the next begins, so cut half-way between.
        sixths = np.floor((hues * 6 + 0.5) % 6).astype(int)
        assert stats.chisquare(np.bincount(sixths)).pvalue > 0.01
        table = np.histogram2d(sixths, y[chosen].numpy(), bins=(6, 10))[0]
        assert stats.chi2_contingency(table).pvalue > 0.01


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"colour": True, "levels": 2}, r"no colour=True with levels=2; accepted: \(17,\)"),
        ({"colour": True, "flat": True}, "no flat=True with colour=True"),
        ({"colour": 1}, "no colour=1; accepted: False, True"),
    ],
)
def test_other_options_of_digits_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        data.load("digits", **options)


# ---- Fashion-MNIST -----------------------------------------------------------------------------------------------


def test_fashion_mnist_is_read_as_mnist_is(serve, monkeypatch):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (50_010, 2, 2), dtype=np.uint8)
    labels = rng.integers(0, 10, 50_010, dtype=np.uint8)
    entry = data.registry()["fashion_mnist"]
    contents = (images, labels, images[:20], labels[:20])
    remote = tuple(
        serve(file.name, idx(content)) for file, content in zip(entry.remote, contents, strict=True)
    )
    monkeypatch.setitem(data.REGISTRY, entry.name, replace(entry, remote=remote))
    fashion = data.load("fashion_mnist", levels=4)
    assert (len(fashion.train), len(fashion.valid), len(fashion.test)) == (50_000, 10, 20)
    assert torch.equal(fashion.valid.x[:, 0], torch.from_numpy(images[50_000:] // 64).long())
    assert torch.equal(fashion.test.y, torch.from_numpy(labels[:20]).long())
    assert fashion.event_shape == (1, 28, 28) and fashion.levels == 4
    assert fashion.class_names[9] == "ankle boot" and len(set(fashion.class_names)) == 10
    assert set(data.load("fashion_mnist").test.x.unique().tolist()) == {0.0, 1.0}
    assert len(serve.asked) == 4


def test_fashion_mnist_has_files_of_its_own():
    """The files of MNIST have the same names; their folders and their SHA-256 keep them apart."""
    mnist, fashion = (data.registry()[name].remote for name in ("mnist", "fashion_mnist"))
    assert [file.name for file in mnist] == [file.name for file in fashion]
    assert not {file.sha256 for file in mnist} & {file.sha256 for file in fashion}


# ---- CIFAR-10 ----------------------------------------------------------------------------------------------------

SMALL = 20  # records in a file of ours


def batch(number: int) -> bytes:
    """Records whose label and pixels are drawn; written down by hand as label, red, green, blue."""
    rng = np.random.default_rng(number)
    records = (
        bytes([int(rng.integers(10))])
        + b"".join(rng.integers(0, 256, (32, 32), dtype=np.uint8).tobytes() for _ in range(3))
        for _ in range(SMALL)
    )
    return b"".join(records)


def batches() -> dict[str, bytes]:
    names = [f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]
    return {f"cifar-10-batches-bin/{name}": batch(k) for k, name in enumerate(names)}


def tarred(files: dict[str, bytes], link: str | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            if name == link:
                member.type, member.size, member.linkname = tarfile.SYMTYPE, 0, "/etc/passwd"
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def cifar(serve, monkeypatch):
    """`cifar(archive)` lets our server give this archive as CIFAR-10, with its own SHA-256."""
    monkeypatch.setattr(photographs, "BATCH", SMALL)
    entry = data.registry()["cifar10"]

    def put(archive: bytes, cut: int | None = None) -> None:
        file = serve("cifar-10-binary.tar.gz", archive, cut)
        monkeypatch.setitem(data.REGISTRY, "cifar10", replace(entry, remote=(file,)))

    return put


def test_cifar10_pixels_labels_and_parts(cifar):
    files = batches()
    # In another order, and with the other files of the published archive.
    cifar(tarred({"cifar-10-batches-bin/readme.html": b"<p>", **dict(reversed(files.items()))}))
    cifar10 = data.load("cifar10")
    assert (len(cifar10.train), len(cifar10.valid), len(cifar10.test)) == (90, 10, 20)
    assert cifar10.event_shape == (3, 32, 32) and cifar10.levels == 256
    content = files["cifar-10-batches-bin/data_batch_2.bin"][4 * 3073 : 5 * 3073]
    image, label = cifar10.train[SMALL + 4]
    assert image.dtype == label.dtype == torch.int64 and label == content[0]
    for channel, row, column in [(0, 0, 0), (0, 31, 2), (1, 0, 5), (2, 17, 31)]:
        assert image[channel, row, column] == content[1 + 1024 * channel + 32 * row + column]
    fifth = files["cifar-10-batches-bin/data_batch_5.bin"]
    assert cifar10.valid.y.tolist() == [fifth[3073 * k] for k in range(10, 20)]
    assert cifar10.test.y[0] == files["cifar-10-batches-bin/test_batch.bin"][0]
    assert cifar10.class_names[0] == "airplane" and len(set(cifar10.class_names)) == 10


def test_members_with_bad_names_do_no_harm(cifar, here):
    evil = {
        "../../../evil.bin": b"evil",
        "/tmp/evil.bin": b"evil",
        "../cifar-10-batches-bin/test_batch.bin": bytes(SMALL * 3073),
    }
    cifar(tarred({**batches(), **evil}))
    assert data.load("cifar10").test.x.double().mean() > 100
    found = [path.name for path in here.parent.rglob("*") if path.is_file()]
    assert found == ["cifar-10-binary.tar.gz"]


def test_an_archive_of_other_content_is_refused(cifar, here):
    """Its SHA-256 may be what it wants: the content is looked at, too."""
    files, name = batches(), "cifar-10-batches-bin/data_batch_3.bin"
    for archive, message in (
        (tarred({**files, name: b"short"}), "data_batch_3.bin has 5 bytes"),
        (tarred(files, link=name), "lacks cifar-10-batches-bin/data_batch_3.bin"),
        (tarred({key: files[key] for key in files if key != name}), "lacks .*data_batch_3.bin"),
        (tarred(files)[:-2000], "is no readable archive"),
        (b"<html>", "is no readable archive"),
    ):
        cifar(archive)
        for path in here.glob("cifar10/*"):
            path.unlink()
        with pytest.raises(ValueError, match=message):
            data.load("cifar10")


def test_a_download_of_cifar10_that_is_not_the_published_file(cifar, serve, monkeypatch, here):
    archive = tarred(batches())
    cifar(archive, cut=1000)
    with pytest.raises(FileNotFoundError, match="could not be fetched"):
        data.load("cifar10")
    entry = data.registry()["cifar10"]
    file = replace(serve("cifar-10-binary.tar.gz", archive), sha256="0" * 64)
    monkeypatch.setitem(data.REGISTRY, "cifar10", replace(entry, remote=(file,)))
    with pytest.raises(FileNotFoundError, match="SHA-256 [0-9a-f]{64} instead of 0000"):
        data.load("cifar10")
    assert list(here.glob("cifar10/*")) == []
