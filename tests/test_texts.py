"""The text data sets: windows, splits, and what guards them."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import data_server
import numpy as np
import pytest
import torch

import armodels_lite.data as data
from armodels_lite.data import texts

here = data_server.here  # fixture


@pytest.fixture
def put(here, monkeypatch):
    """Put a small file in the place of the one file of a data set."""

    def put(name: str, content: str) -> None:
        entry = data.registry()[name]
        file = data_server.put_file(here / name, entry.remote[0].name, content.encode())
        monkeypatch.setitem(data.REGISTRY, name, replace(entry, remote=(file,)))

    return put


def parts(loaded: data.Data) -> dict[str, data.Split]:
    return {part: getattr(loaded, part) for part in ("train", "valid", "test")}


def assert_windows_follow_one_another(loaded: data.TextData) -> None:
    """Joined again, the windows are the text, up to a remainder shorter than one window."""
    (window,) = loaded.event_shape
    for part, split in parts(loaded).items():
        joined, whole = loaded.vocabulary.decode(split.x.flatten()), loaded.text[part]
        assert whole.startswith(joined) and 0 <= len(whole) - len(joined) < window
        assert split.x.dtype == torch.int64 and split.x.shape[1:] == (window,) and split.y is None


# ---- tiny Shakespeare --------------------------------------------------------------------------------------


def test_the_first_nine_tenths_are_train_and_the_rest_is_halved(put):
    text = "".join(chr(97 + i % 26) for i in range(1007))
    put("tiny_shakespeare", text)
    loaded = data.load("tiny_shakespeare", window=10)
    assert {part: len(whole) for part, whole in loaded.text.items()} == {
        "train": 906,
        "valid": 50,
        "test": 51,
    }
    assert "".join(loaded.text.values()) == text and loaded.levels == 26
    assert {part: len(split) for part, split in parts(loaded).items()} == {
        "train": 90,
        "valid": 5,
        "test": 5,
    }
    assert_windows_follow_one_another(loaded)


def test_a_window_must_fit_into_every_part(put):
    put("tiny_shakespeare", "ab" * 100)
    assert len(data.load("tiny_shakespeare", window=10).test) == 1
    for window in (0, 11, True, 2.0):
        with pytest.raises(ValueError, match=f"no window={window}; accepted: 1 to 10"):
            data.load("tiny_shakespeare", window=window)


def test_real_tiny_shakespeare():
    if data.status("tiny_shakespeare").state != "ready":
        pytest.skip("the file of tiny Shakespeare is not here")
    loaded = data.load("tiny_shakespeare")
    lengths = {part: len(whole) for part, whole in loaded.text.items()}
    assert lengths == {"train": 1_003_854, "valid": 55_770, "test": 55_770}
    assert loaded.levels == 65 and loaded.vocabulary.symbols.startswith("\n !$&',-.3:;?ABC")
    assert len(loaded.train) == 3921 and len(loaded.valid) == len(loaded.test) == 217
    assert_windows_follow_one_another(loaded)


# ---- names -------------------------------------------------------------------------------------------------


def test_names_are_permuted_by_the_rule_and_end(put, monkeypatch):
    names = [a + b for a in "abcdefghij" for b in ("nna", "o", "ernadette")]
    order = np.random.Generator(np.random.PCG64(0)).permutation(30)
    digest = sha256(order.astype("<i8").tobytes()).hexdigest()
    monkeypatch.setattr(texts, "NAME_ORDER_SHA256", digest)
    put("names", "\n".join([*names, *names[3:9]]))  # some stand twice in the list
    loaded = data.load("names")
    decoded = [
        name for split in parts(loaded).values() for name in loaded.vocabulary.decode(split.x)
    ]
    assert decoded == [names[i] for i in order]
    assert [len(split) for split in parts(loaded).values()] == [24, 3, 3]
    assert loaded.event_shape == (16,) and loaded.levels == 27 and loaded.train.x[:, -1].eq(0).all()
    assert loaded.text["test"].split() == decoded[-3:]


def test_another_order_would_be_noticed(put):
    put("names", "anna\nbo\neve")
    with pytest.raises(ValueError, match="permutes otherwise"):
        data.load("names")


def test_real_names():
    if data.status("names").state != "ready":
        pytest.skip("the file of names is not here")
    loaded = data.load("names")
    assert [len(split) for split in parts(loaded).values()] == [23595, 2949, 2950]
    ends = torch.cat([split.x for split in parts(loaded).values()]).eq(loaded.vocabulary.end)
    assert ends.any(1).all() and (~ends).sum(1).max() == 15
    train, valid, test = (set(whole.split()) for whole in loaded.text.values())
    assert len(train | valid | test) == len(train) + len(valid) + len(test) == 29_494


# ---- the course's own text ---------------------------------------------------------------------------------


def test_course_text_is_prose_in_few_symbols():
    loaded = data.load("course_text")
    text = "".join(loaded.text.values())
    assert len(text) == 83_185 and loaded.levels == len(set(text)) == 62 and text.isascii()
    assert {part: len(split) for part, split in parts(loaded).items()} == {
        "train": 584,
        "valid": 32,
        "test": 32,
    }
    assert_windows_follow_one_another(loaded)
    lines = text.splitlines()
    assert all(line.rstrip("\")'")[-1] in ".?" for line in lines)  # whole sentences
    assert len(set(lines)) == len(lines) and not any("  " in line for line in lines)
    assert data.status("course_text").state == "included" and data.verify("course_text") == []


def test_course_text_is_frozen(tmp_path, monkeypatch):
    content = texts.COURSE_TEXT_PATH.read_bytes().replace(b"\r\n", b"\n")
    copy = tmp_path / "course_text.txt"
    monkeypatch.setattr(texts, "COURSE_TEXT_PATH", copy)
    with pytest.raises(FileNotFoundError, match=r"course_text\.txt is missing: it comes with a"):
        data.load("course_text")
    copy.write_bytes(content.replace(b"\n", b"\r\n"))  # what git may make of it on Windows
    assert len(data.load("course_text").train) == 584
    copy.write_bytes(content.replace(b"dog", b"cat", 1))
    with pytest.raises(ValueError, match=r"course_text\.txt is not the text"):
        data.verify("course_text")
