"""Grey images of 28x28 pixels in files of MNIST's kind: mnist, fashion_mnist and binarized_mnist."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path

import numpy as np
import torch

from ..patches import pack_patches
from .containers import Data, Split
from .entry import DataSet, accept, packed_arrays
from .matching import most_likely_sources
from .store import PackedFile, RemoteFile, find_packed, obtain, write_packed

__all__ = ["BINARIZED_MNIST", "FASHION_MNIST", "MNIST", "read_idx"]

CLASS_NAMES = tuple(str(digit) for digit in range(10))
PARTS = ("train", "valid", "test")


# ---- MNIST -------------------------------------------------------------------------------------------------


def _load_mnist(entry: DataSet, levels: int = 2) -> Data:
    """x: (N, 1, 28, 28), float32 0/1 for levels=2, else int64 grey levels below `levels`; y: (N,) int64."""
    return _load_idx(entry, levels, CLASS_NAMES)


def _load_idx(entry: DataSet, levels: int, class_names: tuple[str, ...]) -> Data:
    """The images and labels in the entry's four IDX files; valid is the last 10,000 of the training file."""
    accept(entry, "levels", levels, range(2, 257))
    paths = [obtain(entry.name, file) for file in entry.remote]
    images, labels, test_images, test_labels = (read_idx(path) for path in paths)
    x, y = _quantise(images, levels), torch.from_numpy(labels.astype(np.int64))
    test = Split(_quantise(test_images, levels), torch.from_numpy(test_labels.astype(np.int64)))
    return Data(
        **entry.about(),
        train=Split(x[:50000], y[:50000]),
        valid=Split(x[50000:], y[50000:]),
        test=test,
        event_shape=(1, 28, 28),
        levels=levels,
        class_names=class_names,
    )


def read_idx(path: Path) -> np.ndarray:
    """The uint8 array in a gzipped IDX file: bytes 0, 0, 8, number of axes; their big-endian lengths; data.

    Raises:
        ValueError: the content is no such array (the file is named).
    """
    content = gzip.decompress(path.read_bytes())
    axes = content[3]
    shape = np.frombuffer(content, ">u4", count=axes, offset=4)
    if content[:3] != b"\0\0\x08" or len(content) != 4 + 4 * axes + shape.prod():
        raise ValueError(f"{path} is no IDX file of bytes")
    values = bytearray(
        memoryview(content)[4 + 4 * axes :]
    )  # torch asks for memory that can be written to
    return np.frombuffer(values, np.uint8).reshape(shape)


def _quantise(images: np.ndarray, levels: int) -> torch.Tensor:
    """Bytes (N, 28, 28) to `levels` equal steps, (N, 1, 28, 28): float32 for two levels, else int64."""
    if levels == 2:
        return torch.from_numpy((images >= 128).astype(np.float32)).unsqueeze(1)
    steps = images if levels == 256 else (images.astype(np.uint16) * levels // 256)
    return torch.from_numpy(steps.astype(np.int64)).unsqueeze(1)


def _mnist_file(name: str, digest: str, size: int) -> RemoteFile:
    mirrors = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
    return RemoteFile(name, digest, size, tuple(mirror + name for mirror in mirrors))


MNIST = DataSet(
    name="mnist",
    loader=_load_mnist,
    images=True,
    description="70,000 handwritten digits of 28x28 pixels; levels=2 (the default) is 1 where the byte "
    "is at least 128, levels=K is floor(byte K / 256). Split 50000/10000/10000, valid being the last "
    "10,000 of the training file.",
    licence="CC BY-SA 3.0",
    source="Y. LeCun, C. Cortes, C. J. C. Burges: the MNIST database",
    remote=(
        _mnist_file(
            "train-images-idx3-ubyte.gz",
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            9912422,
        ),
        _mnist_file(
            "train-labels-idx1-ubyte.gz",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            28881,
        ),
        _mnist_file(
            "t10k-images-idx3-ubyte.gz",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            1648877,
        ),
        _mnist_file(
            "t10k-labels-idx1-ubyte.gz",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            4542,
        ),
    ),
)


# ---- Fashion-MNIST -----------------------------------------------------------------------------------------


def _load_fashion_mnist(entry: DataSet, levels: int = 2) -> Data:
    """x: (N, 1, 28, 28), float32 0/1 for levels=2, else int64 grey levels below `levels`; y: (N,) int64."""
    return _load_idx(entry, levels, GARMENTS)


GARMENTS = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)


def _fashion_file(name: str, digest: str, size: int) -> RemoteFile:
    mirrors = (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",  # the place that its authors name
    )
    return RemoteFile(name, digest, size, tuple(mirror + name for mirror in mirrors))


FASHION_MNIST = DataSet(
    name="fashion_mnist",
    loader=_load_fashion_mnist,
    images=True,
    description="70,000 pictures of ten kinds of clothing, 28x28 pixels; levels=2 (the default) is 1 where the "
    "byte is at least 128, levels=K is floor(byte K / 256). Split 50000/10000/10000, valid being the last 10,000 of "
    "the training file.",
    licence="MIT",
    source="H. Xiao, K. Rasul, R. Vollgraf: Fashion-MNIST, 2017 (Zalando SE)",
    remote=(
        _fashion_file(
            "train-images-idx3-ubyte.gz",
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            26421880,
        ),
        _fashion_file(
            "train-labels-idx1-ubyte.gz",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            29515,
        ),
        _fashion_file(
            "t10k-images-idx3-ubyte.gz",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            4422102,
        ),
        _fashion_file(
            "t10k-labels-idx1-ubyte.gz",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            5148,
        ),
    ),
)


# ---- statically binarized MNIST ----------------------------------------------------------------------------


def _load_binarized_mnist(entry: DataSet, labels: bool = False, patch: int = 1) -> Data:
    """x: (N, 1, 28, 28) float32 0/1; y: None, or (N,) int64 for labels=True.

    With patch=2 each square of 2 x 2 pixels is a symbol: x is (N, 1, 14, 14) int64 with levels 0 to 15.
    """
    accept(entry, "patch", patch, (1, 2))
    if not isinstance(labels, bool):
        raise ValueError(
            f"the data set {entry.name!r} has no labels={labels!r}; accepted: False, True"
        )
    arrays = packed_arrays(entry)
    y = _digits_drawn(entry) if labels else dict.fromkeys(PARTS)
    images = {part: _unpack(arrays[part]) for part in PARTS}
    if patch > 1:
        images = {part: pack_patches(x, patch) for part, x in images.items()}
    return Data(
        **entry.about(),
        **{part: Split(images[part], y[part]) for part in PARTS},
        event_shape=(1, 28 // patch, 28 // patch),
        levels=2 ** (patch * patch),
        class_names=CLASS_NAMES if labels else None,
    )


def _digits_drawn(entry: DataSet) -> dict[str, torch.Tensor]:
    """The labels of each part, int64: found once by comparison with MNIST, then kept beside the images.

    Raises FileNotFoundError or ValueError when MNIST is needed and cannot be had.
    """
    path, labels, damaged = find_packed(entry.name, DIGITS_DRAWN)
    if path is None:
        if damaged:
            warnings.warn("; ".join(damaged) + "; making it anew", UserWarning, stacklevel=2)
        labels = DIGITS_DRAWN.build([*_mnist_paths(), find_packed(entry.name, entry.packed)[0]])
        try:
            write_packed(entry.name, DIGITS_DRAWN, labels)
        except OSError as error:
            message = f"the labels cannot be kept and will be found anew next time: {error}"
            warnings.warn(message, UserWarning, stacklevel=2)
    return {part: torch.from_numpy(labels[part].astype(np.int64)) for part in PARTS}


def _mnist_paths() -> list[Path]:
    try:
        return [obtain(MNIST.name, file) for file in MNIST.remote]
    except (OSError, ValueError) as error:
        kind = ValueError if isinstance(error, ValueError) else FileNotFoundError
        raise kind(
            "labels=True compares the images with those of the data set 'mnist' once, and that could not be had:\n"
            f"{error}"
        ) from error


def _match(paths: list[Path]) -> dict[str, np.ndarray]:
    """Labels (N,) uint8 of each part, from MNIST's four files and the packed binary images.

    Test was drawn from MNIST's test file; train and valid, mixed with each other, from its training file.
    """
    grey, digits, test_grey, test_digits = (read_idx(path) for path in paths[:4])
    with np.load(paths[4], allow_pickle=False) as images:
        rows, test_rows = np.concatenate([images["train"], images["valid"]]), images["test"]
        size = len(images["train"])
    labels = _labels_of(rows, grey, digits)
    test = _labels_of(test_rows, test_grey, test_digits)
    return {"train": labels[:size], "valid": labels[size:], "test": test}


def _labels_of(rows: np.ndarray, grey: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """The labels of the grey images (M, 28, 28) that the packed binary ones, (N, 98), were drawn from."""
    binary = torch.from_numpy(np.unpackbits(rows, axis=1))
    sources, _ = most_likely_sources(binary, torch.from_numpy(grey.reshape(len(grey), -1)))
    return digits[sources.numpy()]


def _unpack(rows: np.ndarray) -> torch.Tensor:
    """Rows of 98 bytes, a bit a pixel, to images (N, 1, 28, 28) float32."""
    bits = np.unpackbits(rows.reshape(-1, 98), axis=1)
    return torch.from_numpy(bits.astype(np.float32)).reshape(-1, 1, 28, 28)


def _pack_amat(paths: list[Path]) -> dict[str, np.ndarray]:
    """Rows of 784 characters 0 and 1, separated by blanks, to rows of 98 bytes."""
    arrays = {}
    for part, path in zip(PARTS, paths, strict=True):
        characters = np.frombuffer(path.read_bytes(), np.uint8)
        bits = characters[(characters == ord("0")) | (characters == ord("1"))] - ord("0")
        arrays[part] = np.packbits(bits.reshape(-1, 784), axis=1)
    return arrays


def _amat_file(part: str, digest: str, size: int) -> RemoteFile:
    name = f"binarized_mnist_{part}.amat"
    place = f"www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/{name}"
    # The same host twice: the SHA-256 protects the file, so a network that breaks its https need not stop us.
    return RemoteFile(name, digest, size, (f"https://{place}", f"http://{place}"))


BINARIZED_MNIST = DataSet(
    name="binarized_mnist",
    loader=_load_binarized_mnist,
    images=True,
    description="MNIST binarized once by drawing each pixel with its grey value as probability: the "
    "fixed set that published likelihoods refer to. 50000/10000/10000 images of 28x28 pixels; the digits "
    "they show with labels=True, which compares with mnist once; squares of 2x2 pixels as symbols with patch=2.",
    licence="CC BY-SA 3.0 (as MNIST)",
    source="R. Salakhutdinov, I. Murray (2008), as distributed by H. Larochelle",
    remote=(
        _amat_file(
            "train",
            "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d",
            78400000,
        ),
        _amat_file(
            "valid",
            "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2",
            15680000,
        ),
        _amat_file(
            "test",
            "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c",
            15680000,
        ),
    ),
    packed=PackedFile(
        name="binarized_mnist.npz",
        sha256={
            "train": "727146c35424b019f3e350e1e69faa05644a0abaf787e3f4e1a9632220a13906",
            "valid": "a256ac44ae26be720fad8616a05ed6ecfd1619930d9a208379bb2a4405df5b6d",
            "test": "9fcd8da6f0fdf09b2ba30fe63a0bb784042a0de82563172530229b983e294ff2",
        },
        build=_pack_amat,
    ),
)

DIGITS_DRAWN = PackedFile(
    name="labels.npz",
    sha256={
        "train": "8412fa05f88a60e55c9f434182cbcd829e0a2918a576632cfa5002deb43aeea6",
        "valid": "ad502ca809c8f0e332f8d621550df6592eb5ca9a0d007e8fe8c1d2dec6d2cfcf",
        "test": "f7cd9d3a7438833ddaff2865a3ef3497a9479b8a1fc1e2dc2db0faf6648419c2",
    },
    build=_match,
)
