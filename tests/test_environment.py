"""What the course finds on a machine, and `armodels doctor`'s verdict."""

from __future__ import annotations

import re

import pytest

from armodels_lite.commands import environment


@pytest.mark.parametrize(
    ("value", "expected"), [("true", True), ("1", True), ("", False), ("false", False)]
)
def test_continuous_integration_is_recognised(monkeypatch, value, expected) -> None:
    monkeypatch.setenv("CI", value)
    assert environment.in_ci() is expected


def test_the_root_holds_the_notebooks_project_file() -> None:
    assert (environment.course_root() / "course.py").is_file()


def test_a_package_without_its_checkout_is_named(monkeypatch, tmp_path) -> None:
    module = tmp_path / "armodels_lite" / "commands" / "environment.py"
    monkeypatch.setattr(environment, "__file__", str(module))
    # The whole path up to the colon: the folder above the package is meant, not the package's own.
    named = (
        re.escape(f"no checkout of the course at {tmp_path.resolve()}: ") + "clone the repository"
    )
    with pytest.raises(FileNotFoundError, match=named):
        environment.course_root()


def test_a_named_chromium_goes_first_and_must_exist(monkeypatch, tmp_path) -> None:
    browser = tmp_path / "browser"
    monkeypatch.setenv("ARMODELS_CHROMIUM", str(browser))
    with pytest.raises(FileNotFoundError, match="ARMODELS_CHROMIUM names .*browser"):
        environment.find_chromium()
    browser.touch()
    assert environment.find_chromium() == str(browser)


def test_chromium_in_a_usual_place_is_found(monkeypatch, tmp_path) -> None:
    browser = tmp_path / "chrome.exe"
    browser.touch()
    monkeypatch.delenv("ARMODELS_CHROMIUM", raising=False)
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)
    monkeypatch.setattr(environment.platform, "system", lambda: "Windows")
    monkeypatch.setitem(
        environment.CHROMIUM_PLACES, "Windows", (str(tmp_path / "absent"), str(browser))
    )
    assert environment.find_chromium() == str(browser)


def test_doctor_reports_and_approves(capsys) -> None:
    assert environment.doctor()
    printed = capsys.readouterr().out
    for word in (
        "Python",
        "torch",
        "device",
        "Data        digits",
        "Chromium",
        "OK: the course can run here.",
    ):
        assert word in printed


def test_doctor_names_what_is_missing(monkeypatch, capsys) -> None:
    monkeypatch.setattr(environment, "PACKAGES", ("no-such-package",))
    assert not environment.doctor()
    assert "Missing: no-such-package. Delete the folder .venv" in capsys.readouterr().out
