"""Chorales as keys and as voices."""

from __future__ import annotations

import json
from dataclasses import replace

import data_server
import pytest
import torch

import armodels_lite.data as data
from armodels_lite.data.music import as_keys

here = data_server.here  # fixture


# ---- voices to keys ----------------------------------------------------------------------------------------


def test_keys_are_those_of_the_voices():
    """Compared with one loop over every note."""
    voices = torch.randint(0, 48, (3, 7, 4), generator=torch.Generator().manual_seed(1))
    keys = as_keys(voices, lowest=36)
    expected = torch.zeros(3, 7, 88)
    for i, j, v in torch.cartesian_prod(*map(torch.arange, voices.shape)).tolist():
        if voices[i, j, v] > 0:
            expected[i, j, 36 + voices[i, j, v] - 1 - 21] = 1
    assert torch.equal(keys, expected) and keys.dtype == torch.float32 and keys.is_contiguous()


def test_the_ends_of_the_piano_unisons_and_rests():
    keys = as_keys(torch.tensor([[1, 88, 1, 0], [0, 0, 0, 0]]), lowest=21)
    assert keys.nonzero().tolist() == [[0, 0], [0, 87]]


@pytest.mark.parametrize(
    ("voices", "lowest", "message"),
    [
        ([[1]], 20, "pitches 21 to 108, and level 1 with lowest=20 is the pitch 20"),
        ([[0, 89]], 21, "level 89 with lowest=21 is the pitch 109"),
        ([[3, -1]], 21, r"at least 0 \(a rest\), got -1"),
    ],
)
def test_what_no_piano_has_is_named(voices, lowest, message):
    with pytest.raises(ValueError, match=message):
        as_keys(torch.tensor(voices), lowest)
    with pytest.raises(TypeError, match=r"int64, got torch\.float32"):
        as_keys(torch.tensor(voices).float(), lowest)
    with pytest.raises(TypeError, match="tensor of int64, got list"):
        as_keys(voices, lowest)


# ---- windows, steps, levels --------------------------------------------------------------------------------


def piece(length: int, lowest: int = 48) -> list[list[int]]:
    """A scale over a bass that rests in every fourth sixteenth."""
    return [
        [lowest + 12 + t % 24, lowest + 8, lowest + 4, -1 if t % 4 == 3 else lowest]
        for t in range(length)
    ]


@pytest.fixture
def small(here, monkeypatch):
    """Six made pieces in the place of the chorales."""
    stored = {
        "train": [piece(40), piece(24), piece(12)],
        "valid": [piece(40, lowest=47), piece(32)],
        "test": [piece(44)],
    }
    entry = data.registry()["jsb_chorales"]
    content = json.dumps(stored).encode()
    file = data_server.put_file(here / entry.name, entry.remote[0].name, content)
    monkeypatch.setitem(data.REGISTRY, entry.name, replace(entry, remote=(file,)))
    return stored


def test_windows_follow_one_another_and_the_last_ends_with_its_piece(small):
    loaded = data.load("jsb_chorales", voices=True, step=2, window=8)
    # 20 steps: 0-7, 8-15, 12-19; 12 steps: 0-7, 4-11; 6 steps: none.
    assert (len(loaded.train), len(loaded.valid), len(loaded.test)) == (5, 5, 3)
    long, middle, short = loaded.pieces["train"]
    assert [len(p) for p in (long, middle, short)] == [20, 12, 6]
    expected = [long[:8], long[8:16], long[12:], middle[:8], middle[4:]]
    assert torch.equal(loaded.train.x, torch.stack(expected))
    assert torch.equal(loaded.valid.x[3:], loaded.pieces["valid"][1].reshape(2, 8, 4))


def test_levels_are_the_same_for_all_parts_and_steps(small):
    for step in (1, 2, 4):
        loaded = data.load("jsb_chorales", voices=True, step=step, window=4)
        assert loaded.lowest == 47 and loaded.levels == 83 - 47 + 2 and loaded.step == step
        assert loaded.event_shape == (4, 4) and loaded.train.x.dtype == torch.int64
        pitches = torch.tensor(small["test"][0][::step])
        levels = loaded.pieces["test"][0]
        assert torch.equal(levels + 46, pitches.where(pitches >= 0, torch.tensor(46)))
    assert data.load("jsb_chorales", voices=True, step=1, window=4).train.x.min() == 0


def test_keys_are_the_default_and_agree_with_the_voices(small):
    keys = data.load("jsb_chorales", step=1, window=8)
    voices = data.load("jsb_chorales", voices=True, step=1, window=8)
    assert keys.event_shape == (8, 88) and keys.levels == 2 and keys.lowest == 21
    for part in ("train", "valid", "test"):
        k, v = getattr(keys, part), getattr(voices, part)
        assert k.y is None and torch.equal(k.x, as_keys(v.x, voices.lowest))
    sounding = keys.pieces["test"][0][0].nonzero().flatten() + keys.lowest
    assert sounding.tolist() == sorted(small["test"][0][0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"voices": 1}, "no voices=1; accepted: False, True"),
        ({"transposed": "C"}, "no transposed='C'; accepted: False, True"),
        ({"step": 3}, r"no step=3; accepted: \(1, 2, 4, 8, 16\)"),
        ({"window": 11}, "no window=11; accepted: 1 to 10"),
        ({"window": 0}, "no window=0"),
        ({"levels": 2}, "no option 'levels'; accepted: voices, step, window, transposed"),
    ],
)
def test_options_list_what_is_accepted(small, options, message):
    with pytest.raises(ValueError, match=message):
        data.load("jsb_chorales", **options)


def test_transposed_chorales_end_on_a_c(small):
    """Moved as a whole, by at most half an octave, rests left as they are."""
    own, moved = (
        data.load("jsb_chorales", voices=True, step=1, window=4, transposed=t)
        for t in (False, True)
    )
    for one, other in zip(own.pieces["train"], moved.pieces["train"], strict=True):
        assert torch.equal(one > 0, other > 0)
        last = other[-1][other[-1] > 0].min() + moved.lowest - 1
        shift = (other + moved.lowest - one - own.lowest)[one > 0].unique()
        assert last % 12 == 0 and len(shift) == 1 and -6 <= shift <= 5


# ---- the real file, where it is at hand --------------------------------------------------------------------


@pytest.fixture(scope="module")
def chorales() -> data.MusicData:
    if data.status("jsb_chorales").state != "ready":
        pytest.skip("the file of the chorales is not here")
    return data.load("jsb_chorales", voices=True)


def test_real_chorales_have_the_published_split(chorales):
    lengths = {part: [len(p) for p in pieces] for part, pieces in chorales.pieces.items()}
    assert {part: len(each) for part, each in lengths.items()} == {
        "train": 229,
        "valid": 76,
        "test": 77,
    }
    # Arrays of the quarter-note version, padded, have the shape (229, 129, 88) for others, too.
    assert max(lengths["train"]) == 129 and sum(map(sum, lengths.values())) == 23_134
    assert chorales.lowest == 36 and chorales.levels == 47 and chorales.event_shape == (32, 4)
    assert [len(s) for s in (chorales.train, chorales.valid, chorales.test)] == [559, 187, 186]
    soprano, alto, tenor, bass = (
        chorales.train.x[..., v][chorales.train.x[..., v] > 0].float().mean() for v in range(4)
    )
    assert soprano > alto > tenor > bass


def test_real_keys_are_those_of_the_other_file_of_the_same_authors(chorales):
    """jsb-chorales-16th.json holds the same pieces without voices, in another order."""
    path = data.fetch("jsb_chorales")[0].with_name("jsb-chorales-16th.json")
    if not path.is_file():
        pytest.skip("the file without voices is not here")
    stored = json.loads(path.read_text())
    for part, pieces in chorales.pieces.items():
        ours = {as_keys(p, chorales.lowest).numpy().tobytes() for p in pieces}
        theirs = set()
        for each in stored[part]:
            keys = torch.zeros(len(each[::4]), 88)
            down = [(t, int(p) - 21) for t, pitches in enumerate(each[::4]) for p in pitches]
            keys[tuple(torch.tensor(down).T)] = 1
            theirs.add(keys.numpy().tobytes())
        assert ours == theirs and len(ours) == len(pieces)
