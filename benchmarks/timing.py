"""Medians of interleaved runs: what is compared runs in turn, so a busy machine slows all of it alike."""

from __future__ import annotations

import multiprocessing
import platform
import resource
import statistics
import time
from collections.abc import Callable

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
    """How many MB the process grows by, at its peak, while it runs what `build` returns: in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_growth, (build,))


def _growth(build: Callable[[], Callable[[], object]]) -> float:
    run = build()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def machine() -> str:
    """One line that names what the figures were measured on."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            name = next(
                line.split(":")[1].strip() for line in file if line.startswith("model name")
            )
    except (OSError, StopIteration):
        pass  # not Linux: the short name stands
    return f"{name}, {torch.get_num_threads()} threads, torch {torch.__version__}, Python {platform.python_version()}"
