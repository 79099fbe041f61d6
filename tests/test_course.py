"""course.py: what it refuses and says, when it installs again, and that its version lists agree."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest
import yaml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
LINUX = {"bits": 64, "system": "Linux", "machine": "x86_64"}
CONSTRAINTS = "numpy==2.0.0\ntorch==2.13.0\ntorchy==1.0\n"


@pytest.fixture
def course():
    """course.py as a module of its own, so that a test may change its globals."""
    spec = importlib.util.spec_from_file_location("course", ROOT / "course.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pins() -> dict[str, list[str]]:
    """Each constrained package, in its normal spelling, with its exact versions."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, version = re.fullmatch(
                r"([a-z0-9-]+)==([^;\s]+)(?:; python_version [<>]=? .*)?", line
            ).groups()
            found.setdefault(name, []).append(version)
    return found


def requirements() -> list[str]:
    """pyproject.toml's requirements, those of the tests included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["dependencies"] + project["optional-dependencies"]["test"]


def split_requirement(requirement: str, operator: str) -> tuple[str, str]:
    name, version = requirement.split(operator)
    return name.lower().replace("_", "-"), version


def as_numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


@pytest.mark.parametrize("version", [(3, 10, 0), (3, 12, 4), (3, 14, 1)])
def test_supported_pythons(course, version) -> None:
    course.check_python(version, **LINUX)


@pytest.mark.parametrize(
    ("version", "machine", "words"),
    [
        ((3, 9, 18), LINUX, ["Python 3.9.18", "3.10 to 3.14", "apt install python3 python3-venv"]),
        ((3, 15, 0), LINUX, ["Python 3.15.0", "conda env create"]),
        (
            (3, 8, 0),
            {**LINUX, "system": "Windows"},
            ["winget install Python.Python.3.12", "py -3.12 course.py"],
        ),
        (
            (3, 8, 0),
            {**LINUX, "system": "Darwin"},
            ["brew install python@3.12", "python3.12 course.py"],
        ),
        ((3, 12, 0), {**LINUX, "bits": 32}, ["64-bit"]),
        ((3, 12, 0), {**LINUX, "system": "Darwin"}, ["Intel"]),
    ],
)
def test_an_unfit_python_is_named_with_what_mends_it(course, version, machine, words) -> None:
    with pytest.raises(course.SetupError) as error:
        course.check_python(version, **machine)
    assert all(word in str(error.value) for word in words)


def test_old_pythons_can_read_the_file() -> None:
    source = (ROOT / "course.py").read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 4))
    for node in ast.walk(tree):
        # What Python 2.7 could not read, though 3.4 can.
        assert not isinstance(node, (ast.JoinedStr, ast.AnnAssign, ast.Nonlocal)), (
            f"line {node.lineno}"
        )
        if isinstance(node, ast.FunctionDef):
            assert node.returns is None and not node.args.kwonlyargs, f"line {node.lineno}"
        if isinstance(node, ast.Raise):
            assert node.cause is None, f"line {node.lineno}"
    assert source.isascii()


@pytest.mark.parametrize(
    ("debian", "words"), [(True, "sudo apt install python3-venv"), (False, "complete Python")]
)
def test_a_missing_venv_module_is_named(course, monkeypatch, debian, words) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(course.SetupError, match=words):
        course.check_venv_module(debian)


def test_a_folder_that_cannot_be_used_is_named(course, tmp_path) -> None:
    course.check_folder(str(tmp_path), 10**10)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(course.SetupError, match=r"3 GB of free disk space.*has 1\.0 GB"):
        course.check_folder(str(tmp_path), 10**9)
    with pytest.raises(course.SetupError, match="Cannot write to .*absent"):
        course.check_folder(str(tmp_path / "absent"), 10**10)


def test_python_of_a_virtual_environment(course) -> None:
    assert course.venv_python("v", windows=True) == os.path.join("v", "Scripts", "python.exe")
    assert course.venv_python("v", windows=False) == os.path.join("v", "bin", "python")


def test_another_torch_replaces_the_pinned_one_alone(course) -> None:
    assert course.constraints_text(CONSTRAINTS, None) == CONSTRAINTS
    changed = course.constraints_text(CONSTRAINTS, "2.13.0+cu130")
    assert changed == "numpy==2.0.0\ntorch==2.13.0+cu130\ntorchy==1.0\n"


def test_when_the_environment_is_made_or_mended(course, tmp_path) -> None:
    folder = tmp_path / ".venv"
    python = folder / "python"

    def state(
        *, pyproject="p", constraints=CONSTRAINTS, index=None, version=(3, 12, 1), root="/course"
    ):
        stamp = course.fingerprint(pyproject, constraints, index, version, root)
        return course.venv_state(str(folder), str(python), stamp)

    assert state() == "absent"
    folder.mkdir()
    assert state() == "absent"
    python.touch()
    assert state() == "foreign"
    (folder / course.MARKER).touch()
    assert state() == "broken", "an install that was interrupted leaves no stamp"
    (folder / course.STAMP).write_text(
        course.fingerprint("p", CONSTRAINTS, None, (3, 12, 1), "/course")
    )
    assert state() == "ready"
    assert state(version=(3, 12, 9)) == "ready"
    assert state(pyproject="q") == "outdated"
    assert state(constraints=CONSTRAINTS + "more==1\n") == "outdated"
    assert state(root="/moved") == "outdated"
    assert state(version=(3, 13, 0)) == "broken"
    assert state(constraints=course.constraints_text(CONSTRAINTS, "2.11.0")) == "broken"
    assert state(index="some-index") == "broken"
    python.unlink()
    assert state() == "broken"


def test_an_interrupted_install_is_repaired_by_the_next_run(course, monkeypatch, tmp_path) -> None:
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(course, "ROOT", str(tmp_path))
    calls = []

    def make(command, **options):
        calls.append(command)
        if "venv" in command:
            venv.create(tmp_path / ".venv", with_pip=False)
        elif len(calls) == 2:
            raise KeyboardInterrupt
        return 0

    monkeypatch.setattr(course.subprocess, "call", make)
    monkeypatch.setattr(
        course, "hand_over", lambda python, arguments: calls.append([python, *arguments]) or 0
    )
    monkeypatch.delenv("ARMODELS_TORCH", raising=False)
    monkeypatch.setenv("ARMODELS_TORCH_INDEX", "an-index")
    assert course.main(["doctor"]) == 130
    assert course.main(["doctor"]) == 0
    python = course.venv_python(str(tmp_path / ".venv"), os.name == "nt")
    made, torch, build_tool, rest, handed_over = calls[2:]
    assert made[1:3] == ["-m", "venv"]
    assert torch[-3:] == ["torch==2.13.0", "--index-url", "an-index"]
    assert build_tool[-1] == "setuptools"
    assert rest[:4] == [python, "-m", "pip", "install"] and rest[-1] == f"{tmp_path}[test]"
    assert handed_over == [python, "doctor"]
    assert course.main(["doctor"]) == 0
    assert calls[7:] == [[python, "doctor"]], "a complete install is not repeated"


def test_a_foreign_environment_is_left_alone(course, monkeypatch, tmp_path, capsys) -> None:
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "mine").touch()
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(course, "ROOT", str(tmp_path))
    assert course.main(["lab"]) == 2
    assert "was not made by course.py" in capsys.readouterr().err
    assert (tmp_path / ".venv" / "mine").exists()


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("NameResolutionError: failed to resolve", "no network"),
        ("No matching distribution", "pip's lines above"),
    ],
)
def test_a_failed_install_names_the_cause(course, tmp_path, log, words) -> None:
    (tmp_path / "install.log").write_text(log)
    assert words in course.pip_failure(str(tmp_path / "install.log"))


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_installs_nothing(arguments) -> None:
    command = [sys.executable, str(ROOT / "course.py"), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "python course.py lab" in result.stdout


def test_every_requirement_has_an_exact_version_that_fits() -> None:
    exact = pins()
    for requirement in requirements():
        name, floor = split_requirement(requirement, ">=")
        assert name in exact, f"{name} is missing in constraints.txt"
        assert all(as_numbers(version) >= as_numbers(floor) for version in exact[name]), requirement


def test_torch_is_pinned_once_to_the_version_the_course_names() -> None:
    assert pins()["torch"] == ["2.13.0"]


def test_conda_environment_agrees_with_the_constraints() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *plain, with_pip = environment["dependencies"]
    assert plain == ["python=3.12", "pip"]
    *packages, course_itself = with_pip["pip"]
    assert course_itself == "-e .[test]"
    listed = dict(split_requirement(package, "==") for package in packages)
    assert list(listed) == [
        split_requirement(requirement, ">=")[0] for requirement in requirements()
    ]
    # Where Pythons differ, the first version is the one for newer Pythons.
    assert listed == {name: pins()[name][0] for name in listed}
