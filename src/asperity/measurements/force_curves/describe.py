"""What is in files of force curves, for people and machines."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

import xarray as xr

from asperity.data import curve_files, opening
from asperity.data.readers import force_curves as readers
from asperity.data.readers._errors import printable
from asperity.measurements.force_curves import unreadable
from asperity.measurements.force_curves.summary import middle
from asperity.report.numbers import count_of
from asperity.units import in_words

__all__ = ["describe", "format_table"]

#: samples of one channel that a check has in memory at a time
_AT_ONCE = 1 << 22
#: damaged curves of one file that are named one by one; more are counted
_NAMED = 20


def describe(paths: Iterable[str | PathLike[str]], *, check: bool = False) -> list[dict[str, Any]]:
    """What is in each file under ``paths``: outcome, content, calibration, and ``text`` for people.

    A ``check`` reads all that the curves hold, and not only headers: ``unreadable_curves`` are those that are damaged.
    """
    described = []
    for path, named in curve_files.find_files(paths):
        try:
            with opening.naming(path, "force curve"):
                described.append(_content(path, curve_files.open_file(path), check))
        except readers.ReadError as error:
            skipped = not named and isinstance(error, readers.NotRecognized | readers.Unsupported)
            described.append(
                {
                    "file": printable(path),
                    "outcome": "skipped" if skipped else "failed",
                    "reason": str(error),
                    "text": str(error),
                }
            )
    return described


def _damaged(dataset: xr.Dataset) -> list[dict[str, Any]]:
    """The curves of which something cannot be read, some at a time."""
    step = max(1, _AT_ONCE // max(1, dataset.sizes["segment"] * dataset.sizes["sample"]))
    found = []
    for start in range(0, dataset.sizes["curve"], step):
        some, causes = curve_files.load_curves(dataset.isel(curve=slice(start, start + step)))
        found += unreadable.named(some, causes)
    return found


def _about(damaged: list[dict[str, Any]], count: int) -> list[str]:
    """What a check of so many curves found."""
    if not damaged:
        return [f"all of {count_of(count, 'curve')} could be read"]
    more = [f"and {len(damaged) - _NAMED} more"] if len(damaged) > _NAMED else []
    return [f"{len(damaged)} of {count_of(count, 'curve')} cannot be read:", *unreadable.in_words(damaged[:_NAMED]),
            *more]


def _content(path: Path, dataset: xr.Dataset, check: bool) -> dict[str, Any]:
    calibration = {name: middle(dataset[name].values) for name in ("spring_constant", "sensitivity")}
    said = {
        name: "unknown" if value is None else in_words(value, dataset[name].attrs["units"])
        for name, value in calibration.items()
    }
    words = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in said.items())
    longest = dataset["sample_count"].max("curve")
    segments = {str(name): int(longest.sel(segment=name)) for name in dataset["segment"].values}
    parts = ", ".join(f"{name} (up to {count} samples)" for name, count in segments.items())
    channels = [str(name) for name in dataset.data_vars]
    text = f"{path}: {dataset.sizes['curve']} curves; {parts}; {words}; channels {', '.join(channels)}"
    missing = curve_files.missing_calibration(dataset, path)
    lines = [] if missing is None else [f"{missing.problem} {missing.remedy}"]
    damaged = _damaged(dataset) if check else []
    lines += _about(damaged, dataset.sizes["curve"]) if check else []
    return {
        "file": str(path),
        "outcome": "read",
        "reason": "" if missing is None else str(missing),
        "curves": dataset.sizes["curve"],
        "segments": segments,
        "channels": channels,
        **calibration,
        "attributes": {name: str(value) for name, value in dataset.attrs.items()},
        "text": "\n  ".join([text, *lines]),
    } | ({"unreadable_curves": damaged} if check else {})


def format_table() -> list[str]:
    """One line per file format that can be read: its name and usual endings."""
    return [f"{module.NAME} ({', '.join(module.EXTENSIONS)})" for module in readers._modules()] + [
        "asperity store (.nc, .zarr)"
    ]
