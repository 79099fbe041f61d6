"""The data sets: one small loader each, and the registry. A new data set is one loader and one entry."""

from __future__ import annotations

import gzip
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch

from .containers import Data, FeatureData, SeriesData, Split
from .store import PackedFile, RemoteFile, find, find_packed, obtain, write_packed

__all__ = ["REGISTRY", "DataSet", "packed_arrays"]


@dataclass(frozen=True)
class DataSet:
    """One entry of the registry.

    Attributes:
        name: what `load` is asked for.
        loader: `loader(entry, **options) -> Data`; its keyword arguments are the options.
        description, licence, source: for people.
        remote: the files to fetch; empty where the data come with an installed package.
        packed: what is kept instead of those files, if anything.
    """

    name: str
    loader: Callable[..., Data]
    description: str
    licence: str
    source: str
    remote: tuple[RemoteFile, ...] = ()
    packed: PackedFile | None = None

    def about(self) -> dict[str, str]:
        """The fields that every Data repeats."""
        return {
            "name": self.name,
            "description": self.description,
            "licence": self.licence,
            "source": self.source,
        }


# ---- digits ------------------------------------------------------------------------------------------------


def _load_digits(entry: DataSet, levels: int = 2) -> Data:
    _accept(entry, "levels", levels, (2, 17))
    from sklearn.datasets import load_digits

    raw = load_digits()
    _as_published(
        raw.images, "51aa641716dc54df7cda17ac1b9bc24c2e97846b98914a2d56b3a0de2b4b2e53", entry
    )
    images = torch.from_numpy(raw.images).unsqueeze(1)
    x = (images >= 8).float() if levels == 2 else images.long()
    train, valid, test = _committed_split(entry, x, torch.from_numpy(raw.target).long())
    names = tuple(str(digit) for digit in range(10))
    return Data(
        **entry.about(),
        train=train,
        valid=valid,
        test=test,
        event_shape=(1, 8, 8),
        levels=levels,
        class_names=names,
    )


# ---- MNIST -------------------------------------------------------------------------------------------------


def _load_mnist(entry: DataSet, levels: int = 2) -> Data:
    _accept(entry, "levels", levels, range(2, 257))
    paths = [obtain(entry.name, file) for file in entry.remote]
    images, labels, test_images, test_labels = (_read_idx(path) for path in paths)
    x, y = _quantise(images, levels), torch.from_numpy(labels.astype(np.int64))
    test = Split(_quantise(test_images, levels), torch.from_numpy(test_labels.astype(np.int64)))
    names = tuple(str(digit) for digit in range(10))
    return Data(
        **entry.about(),
        train=Split(x[:50000], y[:50000]),
        valid=Split(x[50000:], y[50000:]),
        test=test,
        event_shape=(1, 28, 28),
        levels=levels,
        class_names=names,
    )


def _read_idx(path: Path) -> np.ndarray:
    """The uint8 array in an IDX file: bytes 0, 0, 8, number of axes; their big-endian lengths; data."""
    content = gzip.decompress(path.read_bytes())
    axes = content[3]
    shape = np.frombuffer(content, ">u4", count=axes, offset=4)
    if content[:3] != b"\0\0\x08" or len(content) != 4 + 4 * axes + shape.prod():
        raise ValueError(f"{path} is no IDX file of bytes")
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def _quantise(images: np.ndarray, levels: int) -> torch.Tensor:
    """Bytes (N, 28, 28) to `levels` equal steps, (N, 1, 28, 28): float32 for two levels, else int64."""
    if levels == 2:
        return torch.from_numpy((images >= 128).astype(np.float32)).unsqueeze(1)
    steps = images if levels == 256 else (images.astype(np.uint16) * levels // 256)
    return torch.from_numpy(steps.astype(np.int64)).unsqueeze(1)


# ---- statically binarized MNIST ----------------------------------------------------------------------------


def _load_binarized_mnist(entry: DataSet) -> Data:
    arrays = packed_arrays(entry)
    parts = {}
    for part in ("train", "valid", "test"):
        bits = np.unpackbits(arrays[part].reshape(-1, 98), axis=1)
        parts[part] = Split(torch.from_numpy(bits.astype(np.float32)).reshape(-1, 1, 28, 28))
    return Data(**entry.about(), **parts, event_shape=(1, 28, 28), levels=2)


def packed_arrays(entry: DataSet) -> dict[str, np.ndarray]:
    """The entry's packed arrays, made once from its files. Files fetched for that alone are removed again."""
    path, arrays, damaged = find_packed(entry.name, entry.packed)
    if path is not None:
        return arrays
    if damaged:
        warnings.warn("; ".join(damaged) + "; making it anew", UserWarning, stacklevel=2)
    present = [find(entry.name, file)[0] for file in entry.remote]
    paths = [
        before or obtain(entry.name, file)
        for before, file in zip(present, entry.remote, strict=True)
    ]
    arrays = entry.packed.build(paths)
    write_packed(entry.name, entry.packed, arrays)
    for before, fetched in zip(present, paths, strict=True):
        if before is None:
            fetched.unlink()
    return arrays


def _pack_amat(paths: list[Path]) -> dict[str, np.ndarray]:
    """Rows of 784 characters 0 and 1, separated by blanks, to rows of 98 bytes."""
    arrays = {}
    for part, path in zip(("train", "valid", "test"), paths, strict=True):
        characters = np.frombuffer(path.read_bytes(), np.uint8)
        bits = characters[(characters == ord("0")) | (characters == ord("1"))] - ord("0")
        arrays[part] = np.packbits(bits.reshape(-1, 784), axis=1)
    return arrays


# ---- breast cancer -----------------------------------------------------------------------------------------


def _load_breast_cancer(entry: DataSet) -> FeatureData:
    from sklearn.datasets import load_breast_cancer

    raw = load_breast_cancer()
    _as_published(
        raw.data * 1e6, "037f3d02fc78a7fe43f89321ab6ce15b39dcb91d878d4c01eeb6ac1c791385c3", entry
    )
    features = torch.from_numpy(raw.data)
    mean, std = _statistics(features[_split_indices(entry, len(features))["train"]])
    x = ((features - mean) / std).float()
    train, valid, test = _committed_split(entry, x, torch.from_numpy(raw.target).long())
    return FeatureData(
        **entry.about(),
        train=train,
        valid=valid,
        test=test,
        event_shape=(30,),
        levels=None,
        class_names=tuple(str(name) for name in raw.target_names),
        feature_names=tuple(str(name) for name in raw.feature_names),
        mean=mean.float(),
        std=std.float(),
    )


# ---- time series -------------------------------------------------------------------------------------------


def _load_sunspots(entry: DataSet, window: int = 24) -> SeriesData:
    from statsmodels.datasets import sunspots

    table = sunspots.load_pandas().data
    _as_published(
        table.to_numpy() * 10,
        "5c1894f4fbb72480016bcdb4e9291f6a472b15263b6069d59733108e1862e830",
        entry,
    )
    series = torch.tensor(table["SUNACTIVITY"].to_numpy(dtype=np.float64))
    years = torch.tensor(table["YEAR"].to_numpy(dtype=np.int64))
    return _windows(
        entry, series, years, torch.ones(len(series), dtype=torch.bool), (1900, 1950), window
    )


def _load_co2(entry: DataSet, window: int = 52) -> SeriesData:
    from statsmodels.datasets import co2

    table = co2.load_pandas().data
    measured = table["co2"].to_numpy(dtype=np.float64)
    observed = ~np.isnan(measured)
    _as_published(
        np.where(observed, measured, 0) * 10,
        "f9d462407c33d3f5a079f17ecdd323ba04ed5310e7482270eecde79d7a684755",
        entry,
    )
    week = np.arange(len(measured))
    filled = np.interp(week, week[observed], measured[observed])
    years = table.index.year + (table.index.day_of_year - 1) / np.where(
        table.index.is_leap_year, 366, 365
    )
    years = torch.tensor(years.to_numpy(dtype=np.float64))
    return _windows(
        entry, torch.tensor(filled), years, torch.tensor(observed), (1985, 1993), window
    )


def _windows(
    entry: DataSet,
    series: torch.Tensor,
    years: torch.Tensor,
    observed: torch.Tensor,
    borders: tuple[int, int],
    window: int,
) -> SeriesData:
    """Cut a series at two years; a part gives all windows that lie in it whole, standardised by the first."""
    starts = tuple(int((years < border).sum()) for border in borders)
    parts = torch.tensor_split(series, starts)
    _accept(entry, "window", window, range(1, min(len(part) for part in parts) + 1))
    mean, std = (float(value) for value in _statistics(parts[0]))
    cut = [Split(((part - mean) / std).float().unfold(0, window, 1).contiguous()) for part in parts]
    return SeriesData(
        **entry.about(),
        train=cut[0],
        valid=cut[1],
        test=cut[2],
        event_shape=(window,),
        levels=None,
        series=series,
        years=years,
        observed=observed,
        starts=starts,
        mean=mean,
        std=std,
    )


# ---- what loaders share ------------------------------------------------------------------------------------


def _accept(entry: DataSet, option: str, value: object, accepted: range | tuple[int, ...]) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value not in accepted:
        choice = (
            f"{accepted.start} to {accepted.stop - 1}" if isinstance(accepted, range) else accepted
        )
        raise ValueError(
            f"the data set {entry.name!r} has no {option}={value!r}; accepted: {choice}"
        )


def _as_published(values: np.ndarray, digest: str, entry: DataSet) -> None:
    """Data that come with another package must be those that split and stored results were made with."""
    if sha256(np.rint(values).astype("<i8").tobytes()).hexdigest() != digest:
        raise ValueError(
            f"the installed {entry.source} holds other {entry.name!r} data than this course was made with"
        )


def _split_indices(entry: DataSet, n: int) -> dict[str, torch.Tensor]:
    """The committed indices of valid and test; train has all others."""
    stored = json.loads(files(__package__).joinpath("splits.json").read_text(encoding="utf-8"))[
        entry.name
    ]
    rest = torch.ones(n, dtype=torch.bool)
    rest[stored["valid"] + stored["test"]] = False
    return {
        "train": rest.nonzero().flatten(),
        "valid": torch.tensor(stored["valid"]),
        "test": torch.tensor(stored["test"]),
    }


def _committed_split(entry: DataSet, x: torch.Tensor, y: torch.Tensor) -> list[Split]:
    return [Split(x[index], y[index]) for index in _split_indices(entry, len(x)).values()]


def _statistics(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation (dividing by N) along the first axis."""
    return values.mean(0), values.std(0, correction=0)


# ---- the registry ------------------------------------------------------------------------------------------


def _mnist_file(name: str, digest: str, size: int) -> RemoteFile:
    mirrors = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
    return RemoteFile(name, digest, size, tuple(mirror + name for mirror in mirrors))


def _amat_file(part: str, digest: str, size: int) -> RemoteFile:
    name = f"binarized_mnist_{part}.amat"
    place = f"www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/{name}"
    # The same host twice: the SHA-256 protects the file, so a network that breaks its https need not stop us.
    return RemoteFile(name, digest, size, (f"https://{place}", f"http://{place}"))


_ENTRIES = (
    DataSet(
        name="digits",
        loader=_load_digits,
        description="1,797 handwritten digits of 8x8 pixels with 17 grey levels; with levels=2 (the default) "
        "a pixel is 1 where its level is at least 8 of 16. Split 1197/300/300, stratified by class.",
        licence="CC BY 4.0",
        source="scikit-learn (UCI, Optical Recognition of Handwritten Digits; E. Alpaydin, C. Kaynak, 1998)",
    ),
    DataSet(
        name="mnist",
        loader=_load_mnist,
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
    ),
    DataSet(
        name="binarized_mnist",
        loader=_load_binarized_mnist,
        description="MNIST binarized once by drawing each pixel with its grey value as probability: the "
        "fixed set that published likelihoods refer to. 50000/10000/10000 images of 28x28 pixels, no labels.",
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
                "test", "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c", 15680000
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
    ),
    DataSet(
        name="breast_cancer",
        loader=_load_breast_cancer,
        description="569 breast masses: 30 measured features of the cell nuclei, standardised with the "
        "mean and standard deviation of the training part; y is 0 malignant, 1 benign. Split 399/85/85, "
        "stratified by class.",
        licence="CC BY 4.0",
        source="scikit-learn (UCI, Breast Cancer Wisconsin (Diagnostic); Wolberg, Mangasarian, Street, 1995)",
    ),
    DataSet(
        name="sunspots",
        loader=_load_sunspots,
        description="Yearly sunspot numbers 1700-2008, n=309: whole in .series, .years; windows of 24 years "
        "(window=) from 1700-1899, 1900-1949 and 1950-2008, standardised by the first part.",
        licence="public domain",
        source="statsmodels (National Geophysical Data Center)",
    ),
    DataSet(
        name="co2",
        loader=_load_co2,
        description="Weekly atmospheric CO2 at Mauna Loa in ppm, March 1958 to December 2001, n=2284. The "
        "59 weeks without a value are filled by a straight line between their neighbours and are False in "
        ".observed. Windows of 52 weeks (window=) from 1958-1984, 1985-1992 and 1993-2001, standardised by "
        "the first part. The level rises throughout, so the later parts lie outside the range of the first.",
        licence="public domain",
        source="statsmodels (C. D. Keeling, T. P. Whorf, 2004)",
    ),
)

REGISTRY: dict[str, DataSet] = {entry.name: entry for entry in _ENTRIES}
