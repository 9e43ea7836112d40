"""A quiet place to measure: one core, no hidden threads, CPU time, candidates in turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import NamedTuple

__all__ = ["Timing", "compare", "in_new_process", "load", "one_core", "seconds", "warm"]

_SINGLE = {**dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"),
           "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false", "JAX_ENABLE_COMPILATION_CACHE": "false"}


class Timing(NamedTuple):
    """CPU seconds per curve of one candidate."""

    best: float
    middle: float


def one_core() -> int:
    """Pin this process and all its children to one core; to be called before NumPy and JAX are imported."""
    os.environ.update(_SINGLE)
    if not hasattr(os, "sched_setaffinity"):
        return -1
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


def load() -> float:
    """Processes that compete for this machine, the mean of the last minute (NaN where it is not known)."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


def warm(folder: Path) -> dict[str, str]:
    """What a process needs in its environment to keep in ``folder`` what it compiled, and to find it there again."""
    return {"JAX_ENABLE_COMPILATION_CACHE": "true", "XDG_CACHE_HOME": str(folder)}


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of one call, all threads together."""
    start = time.process_time()
    work()
    return time.process_time() - start


def compare(candidates: Mapping[str, tuple[Callable[[], object], int]], repeats: int) -> dict[str, Timing]:
    """Time candidates in turn, so that a disturbance of the machine meets them alike.

    Args:
        candidates: name -> (work, number of curves it does).
        repeats: how often each is run.
    """
    spent: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(repeats):
        for name, (work, curves) in candidates.items():
            spent[name].append(seconds(work) / curves)
    return {name: Timing(min(times), median(times)) for name, times in spent.items()}


def in_new_process(module: str, *arguments: str) -> dict[str, float]:
    """Run ``python -m module`` on the same core; the numbers in the last line that it prints, as JSON."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])
