"""Small colour photographs: cifar10."""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path

import numpy as np
import torch

from .containers import Data, Split
from .entry import DataSet
from .store import RemoteFile, obtain

__all__ = ["CIFAR10", "read_batches"]

FOLDER = "cifar-10-batches-bin"
TRAINING = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST = ("test_batch.bin",)
SHAPE = (3, 32, 32)
RECORD = (
    1 + 3 * 32 * 32
)  # bytes: the label, then the red, the green and the blue pixels, row by row
BATCH = 10_000  # records in a file
THINGS = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


def _load_cifar10(entry: DataSet) -> Data:
    """x: (N, 3, 32, 32) int64, bytes of red, green and blue; y: (N,) int64."""
    batches = read_batches(obtain(entry.name, entry.remote[0]))
    x, y = _split_records(np.concatenate([batches[name] for name in TRAINING]))
    held_out = len(x) // 10
    return Data(
        **entry.about(),
        train=Split(x[:-held_out], y[:-held_out]),
        valid=Split(x[-held_out:], y[-held_out:]),
        test=Split(*_split_records(batches[TEST[0]])),
        event_shape=SHAPE,
        levels=256,
        class_names=THINGS,
    )


def read_batches(path: Path) -> dict[str, np.ndarray]:
    """The records, (10000, 3073) uint8, of each of the six files in the archive of CIFAR-10, by name.

    They are read into memory by their full names; nothing is unpacked to the disk, so whatever other members are called
    does no harm.

    Raises:
        ValueError: no such archive (the file is named), or one in which a file is missing or has another size.
    """
    batches = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                folder, _, name = member.name.rpartition("/")
                if folder == FOLDER and name in TRAINING + TEST and member.isreg():
                    if member.size != BATCH * RECORD:
                        raise ValueError(f"{path}: {member.name} has {member.size:,} bytes")
                    content = archive.extractfile(member).read()
                    batches[name] = np.frombuffer(content, np.uint8).reshape(BATCH, RECORD)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is no readable archive of CIFAR-10 ({error})") from error
    if missing := [name for name in TRAINING + TEST if name not in batches]:
        raise ValueError(f"{path} lacks {FOLDER}/{missing[0]}")
    return batches


def _split_records(records: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (N, 3, 32, 32) and labels (N,), both int64."""
    labels = torch.from_numpy(records[:, 0].astype(np.int64))
    return torch.from_numpy(records[:, 1:].astype(np.int64)).reshape(-1, *SHAPE), labels


CIFAR10 = DataSet(
    name="cifar10",
    loader=_load_cifar10,
    images=True,
    description="60,000 colour photographs of ten kinds of animals and vehicles, 32x32 pixels with 256 levels of red, "
    "green and blue. Split 45000/5000/10000, valid being the last 5,000 of the training files.",
    licence="not stated",
    source="A. Krizhevsky: Learning Multiple Layers of Features from Tiny Images, 2009 (binary version)",
    remote=(
        RemoteFile(
            "cifar-10-binary.tar.gz",
            "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            170052171,
            (
                "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                "https://cave.cs.toronto.edu/kriz/cifar-10-binary.tar.gz",
                "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/cifar-10-binary.tar.gz",
            ),
        ),
    ),
)
