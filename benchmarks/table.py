"""The rows of the result: what was done, by whom, how fast, and whether a goal was met."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.machine import Timing

__all__ = ["Row", "limit", "note", "ratio", "show", "verdict", "write"]

_COLUMNS = ("what", "asperity", "other", "result", "goal", "met")


class Row(NamedTuple):
    """One line: ``result`` is the ratio other / asperity, ``met`` is None where there is no goal."""

    what: str
    asperity: str
    other: str
    result: str
    goal: str = ""
    met: bool | None = None
    numbers: Mapping[str, Any] = {}


def _duration(seconds: float) -> str:
    scale, unit = next(((s, u) for s, u in ((1.0, "s"), (1e-3, "ms")) if seconds >= s), (1e-6, "us"))
    return f"{seconds / scale:.3g} {unit}"


def _timing(timing: Timing) -> str:
    return f"{_duration(timing.middle)} ({_duration(timing.best)})"


def ratio(what: str, ours: Timing, name: str, theirs: Timing, goal: float | None = None) -> Row:
    """CPU time per curve of both, and how many times longer the other takes (medians)."""
    times = theirs.middle / ours.middle
    numbers = {"asperity": ours._asdict(), name: theirs._asdict(), "ratio": times, "goal": goal,
               "ratio_of_best": theirs.best / ours.best}
    return Row(what, _timing(ours), f"{name} {_timing(theirs)}", f"x {times:.3g}",
               f">= x {goal:g}" if goal else "", times >= goal if goal else None, numbers)


def limit(what: str, seconds: float, goal: float | None = None, remark: str = "") -> Row:
    """A time that has to stay below a goal."""
    return Row(what, _duration(seconds), remark, "", f"<= {_duration(goal)}" if goal else "",
               seconds <= goal if goal else None, {"seconds": seconds, "goal": goal})


def note(what: str, text: str, other: str = "", **numbers: Any) -> Row:
    """A line without a goal."""
    return Row(what, text, other, "", numbers=numbers)


def verdict(row: Row) -> str:
    """Whether the goal was met, in one word."""
    return "" if row.met is None else "yes" if row.met else "NO"


def show(rows: Sequence[Row], title: str) -> None:
    """Print the table."""
    table = Table(title=title, title_justify="left", pad_edge=False)
    for column in _COLUMNS:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row[:5], verdict(row))
    console = Console()
    console.width = max(console.width, 132)
    console.print(table)


def write(rows: Sequence[Row], about: Mapping[str, Any], path: Path) -> None:
    """Store the rows and what is known about the machine as JSON."""
    entries = [{"what": row.what, "met": row.met, "asperity": row.asperity, "other": row.other, **row.numbers}
               for row in rows]
    path.write_text(json.dumps({**about, "rows": entries}, indent=1) + "\n", encoding="utf-8")
