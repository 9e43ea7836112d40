"""Force curves of files, folders and stores as one dataset; stored again in one format."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from os import PathLike
from pathlib import Path

import xarray as xr

from asperity.data import curve_files, provenance, store
from asperity.data.curve_files import NothingToAnalyze
from asperity.data.verbs import verb
from asperity.measurements.force_curves import unreadable
from asperity.measurements.force_curves.heights import contradictions
from asperity.messages import ArgumentError

__all__ = ["Paths", "convert", "listed", "read"]

_log = logging.getLogger("asperity")

Paths = str | PathLike[str] | Iterable[str | PathLike[str]]


def listed(paths: Paths) -> list[str]:
    """The names of one path or of several.

    Raises:
        ArgumentError: none is given.
    """
    names = [str(paths)] if isinstance(paths, str | PathLike) else [str(path) for path in paths]
    if not names:
        raise ArgumentError("paths is an empty list: name at least one file or folder of force curves")
    return names


@verb()
def read(paths: Paths, *, spring_constant: float | None = None,
         sensitivity: float | None = None) -> xr.Dataset:
    """Force curves of one file (lazy), or of several files and folders together (in memory).

    Args:
        paths: a file of any vendor, a stored ``.nc`` or ``.zarr``, a folder, or several of them.
        spring_constant: N/m; replaces the file's.
        sensitivity: m/V; replaces the file's.

    Returns:
        the curves; where some of several files could not be read, ``attrs["failed_files"]`` is a JSON list of them.

    Raises:
        ReadError: the one file cannot be read.
        NothingToAnalyze: none of several files could be read.
    """
    names = listed(paths)
    given = {"spring_constant": spring_constant, "sensitivity": sensitivity}
    if len(names) == 1 and (not Path(names[0]).is_dir() or names[0].endswith(".zarr")):
        dataset, records = curve_files.open_file(names[0], **given), [provenance.file_record(names[0])]
    else:
        sources, statuses = curve_files.open_files(names, spring_constant=spring_constant,
                                              sensitivity=sensitivity)
        if not sources:
            raise NothingToAnalyze(statuses)
        records = [source.record for source in sources]
        loaded = [curve_files.load_curves(source.dataset) for source in sources]
        dataset = curve_files.combine([curves for curves, _ in loaded])
        if failed := [f"{status.file}: {status.reason}" for status in statuses if status.outcome == "failed"]:
            dataset.attrs["failed_files"] = json.dumps(failed)
        unreadable.say(unreadable.attribute([one for own in loaded for one in unreadable.named(*own)]))
    for line in contradictions([dataset]):
        _log.warning("%s", line)
    return provenance.record(dataset, provenance.step("read", {"paths": names, **given}, inputs=records))


@verb()
def convert(paths: Paths, out: str | PathLike[str], *, spring_constant: float | None = None,
            sensitivity: float | None = None) -> Path:
    """Store the force curves of ``paths`` (as `read`) in ``out``: ``.nc``, or ``.zarr`` block by block."""
    return store.save(read(paths, spring_constant=spring_constant, sensitivity=sensitivity), out)
