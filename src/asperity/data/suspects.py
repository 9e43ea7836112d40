"""Which curve a worker was at when it ended, kept in files beside the plan of a job.

A trial says which curve it is at before each of them. The one at which a worker ends for the second time is left out
from then on: once is not enough, for a worker may be killed by a person, or for memory, whatever it is at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from asperity.data import disk

__all__ = ["Suspects"]


class Suspects:
    """The curves of the job in ``place`` that ended a worker; each has a key of its own, a text."""

    def __init__(self, place: Path) -> None:
        self._at, self._once, self._twice = (place / f"{name}.json" for name in ("at", "suspects", "broken"))

    def broken(self) -> list[str]:
        """The keys of the curves that are left out."""
        return list(disk.table(self._twice))

    def each(self, curves: Mapping[str, str]) -> Iterator[str]:
        """The keys of ``curves`` (key -> what it is called), suspects first; while one is given, it is said which."""
        once = disk.table(self._once)
        for key in sorted(curves, key=lambda key: key not in once):
            disk.keep_table(self._at, {"key": key, "named": curves[key]})
            yield key
        self.nowhere()

    def nowhere(self) -> None:
        """Forget where a trial was."""
        disk.remove(self._at)

    def blame(self) -> str:
        """What the curve is called at which a trial ended for the second time, from now on broken; else ""."""
        at, once = disk.table(self._at), disk.table(self._once)
        self.nowhere()
        if not at:
            return ""
        own = {str(at["key"]): str(at["named"])}
        if at["key"] not in once:
            disk.keep_table(self._once, once | own)
            return ""
        disk.keep_table(self._twice, disk.table(self._twice) | own)
        return str(at["named"])
