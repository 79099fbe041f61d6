"""A folder is replaced as a whole, whenever the process is killed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from armodels_lite.replacing import current, finish, replace_folder


class Killed(BaseException):
    """Stands for the process being killed."""


def fill_with(text: str):
    def fill(folder: Path) -> None:
        for name in ("a", "b"):
            (folder / name).write_text(text)

    return fill


def content(folder: Path) -> list[str]:
    return [(current(folder) / name).read_text() for name in ("a", "b")]


def kill_at(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process die before its `number`-th call (from 0) that changes a folder or its files."""
    calls = iter(range(1000))

    def dying(function):
        def call(*arguments, **options):
            if next(calls) == number:
                raise Killed
            return function(*arguments, **options)

        return call

    for owner, name in ((os, "replace"), (os, "fsync"), (shutil, "rmtree"), (Path, "write_text")):
        monkeypatch.setattr(owner, name, dying(getattr(owner, name)))


@pytest.mark.parametrize("before", [True, False], ids=["replaced", "first"])
@pytest.mark.parametrize("number", range(12))
def test_killed_anywhere_the_old_or_the_new_is_there(tmp_path, monkeypatch, number, before):
    folder = tmp_path / "name"
    if before:
        replace_folder(folder, fill_with("old"))
    killed = False
    with monkeypatch.context() as patch:
        kill_at(number, patch)
        try:
            replace_folder(folder, fill_with("new"))
        except Killed:
            killed = True
    # Two rmtree, two files, two fsync, up to three rmtree and three renames: the last numbers come too late.
    assert killed or number >= 9
    if not killed:
        assert content(folder) == ["new"] * 2
    elif before or current(folder).exists():
        assert content(folder) in (["old"] * 2, ["new"] * 2)
    replace_folder(folder, fill_with("newer"))
    assert content(folder) == ["newer"] * 2
    assert [path.name for path in tmp_path.iterdir()] == ["name"]


def test_what_fails_to_fill_it_changes_nothing(tmp_path):
    folder = tmp_path / "name"
    replace_folder(folder, fill_with("old"))

    def half(unfinished: Path) -> None:
        (unfinished / "a").write_text("new")
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        replace_folder(folder, half)
    assert content(folder) == ["old"] * 2


def test_a_stopped_replacement_is_finished(tmp_path):
    """Between the two renames: the old one has gone aside, the new one is not yet in its place."""
    folder = tmp_path / "name"
    for where, text in ((".name.new", "new"), (".name.old", "old")):
        (tmp_path / where).mkdir()
        fill_with(text)(tmp_path / where)
    assert content(folder) == ["new"] * 2
    finish(folder)
    assert content(folder) == ["new"] * 2 and current(folder) == folder
    assert [path.name for path in tmp_path.iterdir()] == ["name"]


def test_folders_without_a_name_of_their_own():
    assert current(Path("")) == Path("") and current(Path("/")) == Path("/")
