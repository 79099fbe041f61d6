"""Medians of interleaved runs: what is compared runs in turn, so a busy machine slows all of it alike."""

from __future__ import annotations

import multiprocessing
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch


def medians(candidates: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median milliseconds of each candidate over `rounds` rounds, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for counted in [False, *[True] * rounds]:
        for name, run in candidates.items():
            start = time.perf_counter()
            run()
            if counted:
                seconds[name].append(time.perf_counter() - start)
    return {name: 1000 * statistics.median(values) for name, values in seconds.items()}


def peak_memory(build: Callable[[], Callable[[], object]]) -> float:
    """How many MB a process grows by, at its peak, while it runs what `build` returns. Linux only.

    Each measurement has a process of its own, so that memory kept from another one does not count.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_growth, (build,))


def _growth(build: Callable[[], Callable[[], object]]) -> float:
    run = build()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    before = _kilobytes("VmRSS")
    run()
    return (_kilobytes("VmHWM") - before) / 1024


def _kilobytes(field: str) -> int:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(field))


def machine() -> str:
    """One line that names what the figures were measured on."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        name = next((s.split(":")[1].strip() for s in lines if s.startswith("model name")), name)
    return (
        f"{name}, {torch.get_num_threads()} threads, torch {torch.__version__}, "
        f"Python {platform.python_version()}"
    )
