"""The whole way from a file to results, table and page, as a user runs it, by the number of curves.

Every run is a process of its own, imports and start included: its CPU seconds and peak memory are those that the system
counts. asperity's command line keeps what it compiled; its first run here finds nothing kept, the others do.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks import peers
from benchmarks.machine import Timing, warm
from benchmarks.map_file import enlarge
from benchmarks.table import Row, limit, note, ratio

__all__ = ["whole_ways"]

#: curves, more of which nanite is not waited for
_MOST = 1024
#: CPU s of one file of `_FEW` curves, what it compiled kept and not
_WARM, _COLD, _FEW = 3.0, 7.0, 16
_GOALS = {16: 1.0, 1024: 8.0}  # times nanite's CPU seconds


class _Cost(NamedTuple):
    cpu: float  # s
    memory: float  # bytes at most


def whole_ways(source: Path, sizes: Sequence[int], repeats: int) -> list[Row]:
    """asperity and nanite in turn, on maps that repeat the curves of ``source``."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as place:
        kept = warm(Path(place) / "cache")
        first = _cost(_asperity(enlarge(source, Path(place) / "first", _FEW), Path(place)), kept)
        rows.append(limit(f"first run, {_FEW} curves, nothing kept", first.cpu, _COLD, _megabytes(first)))
        for size in sizes:
            path = enlarge(source, Path(place), size)
            commands = {"asperity": _asperity(path, Path(place))}
            if size <= _MOST and peers.installed("nanite"):
                commands["nanite"] = [sys.executable, "-m", "benchmarks.peers", str(path)]
            rows += _compared(size, commands, kept, repeats)
    return rows


def _compared(size: int, commands: Mapping[str, Sequence[str]], kept: Mapping[str, str], repeats: int) -> list[Row]:
    _cost(commands["asperity"], kept)  # other lengths of blocks are compiled
    spent: dict[str, list[_Cost]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            spent[name].append(_cost(command, kept))
    times = {name: Timing(min(cpu := [one.cpu / size for one in costs]), median(cpu)) for name, costs in spent.items()}
    what, ours = f"file to table and page, {size} curves, per curve", times.pop("asperity")
    rows = [ratio(what, ours, name, timing, _GOALS.get(size)) for name, timing in times.items()]
    whole = limit(f"  the run of {size} curves", ours.middle * size, _WARM if size == _FEW else None,
                  ", ".join(f"{name} {_megabytes(costs[0])}" for name, costs in spent.items()))
    return [*(rows or [note(what, f"{1e3 * ours.middle:.3g} ms")]), whole]


def _asperity(path: Path, place: Path) -> list[str]:
    return [sys.executable, "-c", "from asperity.cli import main; main()", "analyze", str(path), "--model", "hertz",
            "--radius", "5um", "--restart", "--out", str(place / "out")]


def _cost(command: Sequence[str], kept: Mapping[str, str]) -> _Cost:
    """What a process has cost, as the system says."""
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | kept)
    _, status, used = os.wait4(started.pid, 0)
    started.returncode = os.waitstatus_to_exitcode(status)
    if started.returncode not in (0, 1):  # 1: done, and some curves or files are not to be relied on
        raise RuntimeError(f"{' '.join(command)} ended with {started.returncode}")
    return _Cost(used.ru_utime + used.ru_stime, 1024.0 * used.ru_maxrss)


def _megabytes(cost: _Cost) -> str:
    return f"{cost.memory / 1e6:.0f} MB"
