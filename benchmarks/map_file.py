"""The supplied JPK map, and the same curves again and again as a larger map."""

from __future__ import annotations

import zipfile
from pathlib import Path

__all__ = ["MAP", "RADIUS", "enlarge", "supplied_map"]

#: 16 curves of 4000 + 4000 samples on cells, from PyFMRheo's test files (MIT)
MAP = "force/jpk/map-data-2022.10.29-12.27.34.564.jpk-force-map"
RADIUS = 5e-6


def supplied_map(data: Path) -> Path | None:
    """The map under the folder of measured data, or None."""
    path = data / MAP
    return path if path.exists() else None


def enlarge(source: Path, folder: Path, curves: int) -> Path:
    """Write a map of ``curves`` curves that repeats those of ``source``, in a grid, under its name.

    The grid has four lines, or one where ``curves`` is no multiple of 4. pyfmreader reads the date from the name,
    afmformats wants the members in the instrument's order.
    """
    target = folder / str(curves) / source.name
    target.parent.mkdir(parents=True)
    with zipfile.ZipFile(source) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    shared = {name: content for name, content in members.items() if not name.startswith("index/")}
    folders: dict[int, dict[str, bytes]] = {}
    for name in members:
        if name.startswith("index/") and name != "index/":
            _, number, rest = name.split("/", 2)
            folders.setdefault(int(number), {})[rest] = members[name]
    lines = 1 if curves % 4 else 4
    shared["header.properties"] = _resized(shared["header.properties"], curves // lines, lines)
    last = shared.pop("shared-data/header.properties")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in {**shared, "index/": b""}.items():
            archive.writestr(name, content)
        for number in range(curves):
            for rest, content in folders[number % len(folders)].items():
                archive.writestr(f"index/{number}/{rest}", content)
        archive.writestr("shared-data/header.properties", last)
    return target


def _resized(header: bytes, columns: int, rows: int) -> bytes:
    """The header of the map with another number of grid points."""
    new = {b"position-pattern.grid.ilength": columns, b"position-pattern.grid.jlength": rows,
           b".indexes.max": columns * rows - 1}
    lines = header.split(b"\n")
    for i, line in enumerate(lines):
        key = line.split(b"=")[0]
        lines[i] = next((b"%s=%d" % (key, value) for end, value in new.items() if key.endswith(end)), line)
    return b"\n".join(lines)
