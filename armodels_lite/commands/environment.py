"""What this machine offers: the checkout, Chromium, versions, devices, data; and `armodels doctor`."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
PACKAGES = (
    "torch",
    "numpy",
    "matplotlib",
    "jupyterlab",
    "ipywidgets",
    "anywidget",
    "scikit-learn",
    "nbval",
)
CHROMIUM_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
)
CHROMIUM_PLACES = {
    "Darwin": (
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
    ),
    "Windows": (
        r"C:\Program Files\Google\Chrome\Application\chrome.exe",
        r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
        r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
    ),
}


def course_root() -> Path:
    """The folder of the course's checkout, the one that holds pyproject.toml.

    Raises FileNotFoundError when the package is installed without its checkout.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / "pyproject.toml").is_file():
        raise FileNotFoundError(
            f"no checkout of the course at {root}: clone the repository and run `python course.py lab` in it"
        )
    return root


def in_ci() -> bool:
    """Whether this run is a continuous-integration one: there, what is missing is a failure."""
    return os.environ.get("CI", "").lower() in ("1", "true", "yes")


def single_thread(environment: Mapping[str, str]) -> dict[str, str]:
    """A copy of the environment in which numerical libraries use one thread.

    Sums in another order change the last bits, so stored outputs are made and compared with one thread.

    >>> single_thread({"PATH": "/bin"})["OMP_NUM_THREADS"]
    '1'
    """
    return {**environment, **dict.fromkeys(THREAD_VARIABLES, "1")}


def find_chromium() -> str | None:
    """The path of a Chromium, Chrome or Edge for the browser tests, or None.

    ARMODELS_CHROMIUM names one; else the PATH, the usual places and Playwright's own download are searched.
    Raises FileNotFoundError when ARMODELS_CHROMIUM names a file that is not there.
    """
    named = os.environ.get("ARMODELS_CHROMIUM")
    if named:
        if not Path(named).is_file():
            raise FileNotFoundError(f"ARMODELS_CHROMIUM names {named}, which does not exist")
        return named
    for name in CHROMIUM_NAMES:
        if path := shutil.which(name):
            return path
    for place in CHROMIUM_PLACES.get(platform.system(), ()):
        if Path(place).is_file():
            return place
    return _downloaded_chromium()


def _downloaded_chromium() -> str | None:
    """The Chromium that `playwright install chromium` left, if it did."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() else None


def chromium_advice() -> str:
    """How to get a Chromium on this system."""
    if Path("/etc/debian_version").is_file():
        return "Install it with: sudo apt install chromium"
    return f'Install it with: "{sys.executable}" -m playwright install chromium'


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def torch_report() -> str:
    """One line on PyTorch: version, device, threads."""
    import torch

    if torch.cuda.is_available():
        device = f"cuda ({torch.cuda.get_device_name()})"
    elif torch.backends.mps.is_available():
        device = "mps"
    else:
        device = "cpu"
    return f"{torch.__version__}, device {device}, {torch.get_num_threads()} threads"


def data_report() -> list[str]:
    """One line per data set: its name and whether it is there."""
    from armodels_lite import data

    return [f"{name:18} {data.status(name).state}" for name in data.registry()]


def doctor() -> bool:
    """Print what the course finds on this machine. Returns True when everything it needs is there."""
    print(f"Python      {platform.python_version()} at {sys.executable}")
    print(f"System      {platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores")
    missing = [package for package in PACKAGES if _version(package) is None]
    for package in PACKAGES:
        print(f"{package:11} {_version(package) or 'MISSING'}")
    if "torch" not in missing:
        print(f"PyTorch     {torch_report()}")
    for line in data_report():
        print(f"Data        {line}")
    chromium = find_chromium()
    print(
        f"Chromium    {chromium or 'not found; only the browser tests need it. ' + chromium_advice()}"
    )
    if missing:
        print(
            f"\nMissing: {', '.join(missing)}. Delete the folder .venv and run: python course.py lab"
        )
        return False
    print("\nOK: the course can run here.")
    return True
