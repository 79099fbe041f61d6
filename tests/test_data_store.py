"""What happens when a file is missing, damaged or half delivered."""

from __future__ import annotations

import io
import os
from dataclasses import replace

import data_server
import numpy as np
import pytest
import torch

import armodels_lite.data as data
from armodels_lite.data import Data, DataSet, PackedFile, RemoteFile, Split, store

here, serve = data_server.here, data_server.serve  # fixtures

GOOD = bytes(range(256)) * 400


@pytest.fixture
def register(monkeypatch):
    """Put a data set of one file, called "toy", into the registry."""

    def put(file: RemoteFile) -> None:
        def loader(entry: DataSet) -> Data:
            x = torch.frombuffer(
                bytearray(store.obtain(entry.name, entry.remote[0]).read_bytes()), dtype=torch.uint8
            )
            return Data(
                **entry.about(),
                train=Split(x),
                valid=Split(x),
                test=Split(x),
                event_shape=(),
                levels=256,
            )

        monkeypatch.setitem(
            data.REGISTRY, "toy", DataSet("toy", loader, "a toy", "CC0", "here", (file,))
        )

    return put


def test_one_entry_is_all_a_new_data_set_needs(serve, register, here):
    register(serve("good.bin", GOOD))
    assert data.status("toy").state == "missing" and data.status("toy").bytes == len(GOOD)
    assert bytes(data.load("toy").train.x.tolist()) == GOOD
    assert data.status("toy").state == "ready" and data.verify("toy") == [here / "toy" / "good.bin"]
    assert data.fetch("toy") and serve.asked == ["/good.bin"]
    assert (here / "toy" / "good.bin").stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_dead_a_short_and_a_wrong_mirror_are_passed_over(serve, register, here):
    good = serve("good.bin", GOOD)
    wrong = serve("wrong.bin", GOOD[::-1]).urls
    short = serve("short.bin", GOOD, cut=1000).urls
    longer = serve("longer.bin", GOOD + b"!").urls
    missing = (good.urls[0].replace("good.bin", "nowhere"), "http://127.0.0.1:9/good.bin")
    register(replace(good, urls=missing + wrong + short + longer + good.urls))
    assert data.fetch("toy") == [here / "toy" / "good.bin"]
    assert (here / "toy" / "good.bin").read_bytes() == GOOD
    assert [path.name for path in (here / "toy").iterdir()] == ["good.bin"]


def test_when_no_mirror_helps_the_message_says_what_to_do(serve, register, here):
    short = serve("short.bin", GOOD, cut=1000)
    register(replace(short, urls=("http://127.0.0.1:9/short.bin", *short.urls)))
    with pytest.raises(FileNotFoundError) as caught:
        data.load("toy")
    message = str(caught.value)
    for part in (
        "'short.bin'",
        "http://127.0.0.1:9/short.bin",
        short.urls[0],
        str(here / "toy"),
        short.sha256,
    ):
        assert part in message
    assert list((here / "toy").iterdir()) == []


def test_a_damaged_file_is_named_and_fetched_anew(serve, register, here):
    register(serve("good.bin", GOOD))
    path = data.fetch("toy")[0]
    path.write_bytes(GOOD[:-1])
    assert data.status("toy").state == "damaged"
    with pytest.raises(
        ValueError, match=r"good\.bin is damaged \(102,399 bytes instead of 102,400\)"
    ):
        data.verify("toy")
    with pytest.warns(UserWarning, match=r"good\.bin is damaged .* fetching it anew"):
        data.load("toy")
    assert path.read_bytes() == GOOD
    path.write_bytes(b"?" + GOOD[1:])
    with pytest.raises(ValueError, match=r"good\.bin is damaged \(SHA-256"):
        data.verify("toy")
    with pytest.warns(UserWarning, match="fetching it anew"):
        data.load("toy")


def test_a_damaged_file_that_cannot_be_replaced_stays_and_is_an_error(serve, register, here):
    file = serve("good.bin", GOOD)
    register(replace(file, urls=("http://127.0.0.1:9/good.bin",)))
    data_server.put_file(here / "toy", "good.bin", GOOD[:50])
    with (
        pytest.warns(UserWarning),
        pytest.raises(ValueError, match="is damaged(.|\n)*could not be fetched"),
    ):
        data.load("toy")
    assert (here / "toy" / "good.bin").read_bytes() == GOOD[:50]


def test_a_truncated_download_never_replaces_a_good_file(serve, register, here):
    """The good copy lies in the cache, a bad one in front of it, and the server answers short."""
    file = serve("good.bin", GOOD, cut=10)
    register(file)
    data_server.put_file(here / "toy", "good.bin", b"bad")
    data_server.put_file(here.parent / "cache" / "toy", "good.bin", GOOD)
    assert bytes(data.load("toy").train.x.tolist()) == GOOD and serve.asked == []
    with pytest.raises(FileNotFoundError):
        store._download("toy", file, [])
    assert (here.parent / "cache" / "toy" / "good.bin").read_bytes() == GOOD


def test_a_folder_without_write_permission_is_read_and_never_written(serve, register, here):
    register(serve("good.bin", GOOD))
    data_server.put_file(here / "toy", "good.bin", b"bad")
    for folder in (here / "toy", here):
        folder.chmod(0o555)
    try:
        with pytest.warns(UserWarning, match="is damaged"):
            path = data.load("toy") and data.fetch("toy")[0]
        assert path == here.parent / "cache" / "toy" / "good.bin"
        assert (here / "toy" / "good.bin").read_bytes() == b"bad"
    finally:
        for folder in (here, here / "toy"):
            folder.chmod(0o755)


def test_nowhere_to_write_is_said(register, here, monkeypatch):
    register(RemoteFile("x", "0" * 64, 1, ()))
    monkeypatch.setattr(store, "folders", lambda: [here / "closed"])
    here.chmod(0o555)
    try:
        with pytest.raises(PermissionError, match="set ARMODELS_DATA to a folder"):
            data.fetch("toy")
    finally:
        here.chmod(0o755)


def test_verify_of_a_missing_file_names_the_folders(register, here):
    register(RemoteFile("x.bin", "0" * 64, 1, ()))
    with pytest.raises(FileNotFoundError, match=r"x\.bin of the data set 'toy' is in none of"):
        data.verify("toy")


def test_download_draws_nothing_where_nobody_looks(serve, register, capfd):
    register(serve("good.bin", GOOD))
    data.fetch("toy")
    assert capfd.readouterr() == ("", "")


def test_on_a_terminal_the_bar_is_wiped_out(serve, register, monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stderr", terminal)
    register(serve("good.bin", GOOD))
    data.fetch("toy")
    text = terminal.getvalue()
    assert "good.bin" in text and text.rstrip("\r").rsplit("\r", 1)[-1].strip() == ""


def test_arrays_that_would_need_unpickling_are_refused(here, monkeypatch):
    packed = PackedFile("evil.npz", {"a": "0" * 64}, dict)
    (here / "set").mkdir()
    np.savez(here / "set" / "evil.npz", a=np.array([{"an": "object"}], dtype=object))
    path, arrays, damaged = store.find_packed("set", packed)
    assert path is None and arrays == {} and "damaged" in damaged[0]
