"""From paths to curves: every file is read, skipped or failed, and one bad one never stops the rest."""

from __future__ import annotations

import logging
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from sys import intern
from typing import Any, Literal

import numpy as np
import xarray as xr

from asperity.data import opening, store
from asperity.data.curves import SAMPLED, SchemaError, validate
from asperity.data.provenance import file_record
from asperity.data.readers import force_curves as readers
from asperity.data.readers._errors import MissingCalibration, NotRecognized, ReadError, Unsupported, printable
from asperity.messages import DataError
from asperity.quantities import variable_attributes

__all__ = ["BROKEN", "FileStatus", "NothingToAnalyze", "Source", "blank", "calibrate", "combine", "find_files",
           "load_curves", "missing_calibration", "open_again", "open_file", "open_files"]

_log = logging.getLogger("asperity")

#: the cause of a curve that ends the process
BROKEN = "broke the program"

_OPEN_FILES = 1024  # files kept open, lazily: two chunks of small files; 15 to 25 kB each
_OPEN_BYTES = 256_000_000  # bytes of them in all: a reader of text keeps what it has parsed, about as large


@dataclass(frozen=True)
class FileStatus:
    """What became of one file: ``outcome`` is ``read``, ``skipped`` or ``failed``; ``reason`` says why."""

    file: str
    outcome: str
    reason: str = ""
    curves: int = 0


class _Shelf:
    """The datasets that were asked for last, open; any other is opened again when its turn comes."""

    def __init__(self) -> None:
        self.held: OrderedDict[Source, xr.Dataset] = OrderedDict()
        self.bytes = 0

    def put(self, source: Source, dataset: xr.Dataset) -> xr.Dataset:
        self.held[source] = dataset
        self.bytes += source.record["bytes"]
        while len(self.held) > _OPEN_FILES or (len(self.held) > 1 and self.bytes > _OPEN_BYTES):
            self.bytes -= self.held.popitem(last=False)[0].record["bytes"]
        return dataset

    def get(self, source: Source, opening: Callable[[], xr.Dataset]) -> xr.Dataset:
        if source not in self.held:
            return self.put(source, opening())
        self.held.move_to_end(source)
        return self.held[source]


class Source:
    """A file with curves: its record (``file``, ``bytes``, ``sha256``), and what is asked for again and again.

    A folder may hold more files than memory can hold open, even lazily: with a ``shelf`` the dataset is kept
    only as long as there is room, and opened anew when it is asked for later.
    """

    def __init__(self, dataset: xr.Dataset, record: Mapping[str, Any],
                 opening: Callable[[], xr.Dataset] | None = None, shelf: _Shelf | None = None) -> None:
        """``opening`` opens the lazy ``dataset`` again; without it, the dataset is kept."""
        self.record, self.attrs = dict(record), dict(dataset.attrs)
        self.sessions = dataset["session"].values.astype(str)  # (curve,)
        self.counts = np.minimum(dataset["sample_count"].values, dataset.sizes["sample"])  # (curve, segment)
        self.segments = tuple(intern(str(name)) for name in dataset["segment"].values)
        self.channels = tuple(sorted(intern(str(name)) for name in dataset.data_vars))
        self.broken: frozenset[int] = frozenset()  # curves that must not be read: they end the process
        self._open, self._shelf = opening or (lambda: dataset), shelf
        if shelf is not None:
            shelf.put(self, dataset)

    @property
    def dataset(self) -> xr.Dataset:
        """The lazy dataset of the curves."""
        return self._open() if self._shelf is None else self._shelf.get(self, self._open)

    def part(self, curves: slice | np.ndarray) -> Source:
        """Some of the curves, as a source of their own."""
        dataset, opened = self.dataset.isel(curve=curves), lambda: self.dataset.isel(curve=curves)
        return Source(dataset, self.record, opened if self._shelf is not None else None)

    def changed(self, change: Callable[[xr.Dataset], xr.Dataset]) -> Source:
        """The same file with its dataset changed, whenever it is opened."""
        opened = None if self._shelf is None else lambda: change(self.dataset)
        return Source(change(self.dataset), self.record, opened, self._shelf)


def find_files(paths: Iterable[str | PathLike[str]]) -> Iterator[tuple[Path, bool]]:
    """All files under ``paths`` in order, each once, with True where it was named itself.

    Folders are searched to any depth. Left out are hidden files and the folders that asperity wrote
    (they hold ``chunks/job.json``). A ``.zarr`` folder counts as one file; a folder that ends in ``.nc``, or may not
    be searched, is named as well.
    """
    seen: set[str] = set()
    for path in map(Path, paths):
        for found in _walk(path) if path.is_dir() and path.suffix != ".zarr" else [path]:
            real = _real(found)
            if real not in seen:
                seen.add(real)
                yield found, found == path


def _real(path: Path) -> str:
    """What a path leads to; itself where it leads nowhere (a NUL in it)."""
    try:
        return os.path.realpath(path)
    except ValueError:
        return str(path)


def _walk(folder: Path) -> Iterator[Path]:
    denied: list[OSError] = []
    for place, folders, files in os.walk(folder, onerror=denied.append):
        here = Path(place)
        if here.suffix == ".nc":
            yield here
        if (here / "chunks" / "job.json").exists():
            folders.clear()
            continue
        stores = [name for name in folders if name.endswith(".zarr")]
        folders[:] = sorted(name for name in folders if name not in stores and not name.startswith("."))
        yield from (here / name for name in sorted([*files, *stores]) if not name.startswith("."))
    yield from (Path(error.filename) for error in denied)


def open_file(path: str | PathLike[str], *, spring_constant: float | None = None,
              sensitivity: float | None = None) -> xr.Dataset:
    """Open one file of any vendor, or what asperity stored (``.nc``, ``.zarr``), as a lazy dataset.

    Args:
        path: the file.
        spring_constant: N/m; replaces the file's.
        sensitivity: m/V; replaces the file's.

    Raises:
        ReadError: missing, foreign, damaged, or not force curves.
    """
    path = Path(path)
    if path.suffix not in store.ENDINGS:
        return readers.open_dataset(path, spring_constant=spring_constant, sensitivity=sensitivity)
    with opening.naming(path, "stored"):
        return calibrate(_stored(path), spring_constant=spring_constant, sensitivity=sensitivity)


def _stored(path: Path) -> xr.Dataset:
    """Force curves that asperity stored."""
    try:
        held = store.open_store(path)
    except store.StoreError as error:
        if isinstance(error.__cause__, ReadError):
            raise error.__cause__ from None
        remedy = opening.DAMAGED if path.exists() else ""
        raise ReadError(path, str(error).removeprefix(f"{path}: ") + ".", remedy) from error
    try:
        return validate(held)
    except SchemaError as error:
        held.close()
        if "flag" in held:
            raise Unsupported(path, "it holds results, and no force curves.", f"'asperity report {path}' and "
                              f"'asperity score {path}' read results; give the curves to analyze them.") from error
        raise Unsupported(path, f"it holds no force curves ({error}).") from error


def calibrate(dataset: xr.Dataset, *, spring_constant: float | None = None,
              sensitivity: float | None = None) -> xr.Dataset:
    """The same curves with another calibration: deflection = s U, force = k d, scaled where stored.

    Args:
        dataset: force curves (see `asperity.data.curves`).
        spring_constant: k in N/m, replaces that of every curve.
        sensitivity: s in m/V, replaces that of every curve.

    What the old calibration gave is multiplied by the ratio of the constants; where it was unknown the
    channel is made from the less processed one, if that is there.
    """
    k, s = dataset["spring_constant"], dataset["sensitivity"]
    k_old, s_old = k, s
    channels = {}
    if sensitivity is not None:
        s = xr.full_like(s_old, sensitivity)
        if "deflection_voltage" in dataset:
            channels["deflection"] = dataset["deflection_voltage"] * s
        elif "deflection" in dataset:
            channels["deflection"] = dataset["deflection"] * (s / s_old)
    if spring_constant is not None:
        k = xr.full_like(k_old, spring_constant)
    deflection = channels.get("deflection", dataset.get("deflection"))
    if deflection is not None and bool(np.isfinite(k).any()):
        channels["force"] = deflection * k
    elif "force" in dataset and spring_constant is not None:
        channels["force"] = dataset["force"] * (k / k_old)
    if spring_constant is None and sensitivity is None:
        return dataset
    named = {name: channel.drop_attrs().assign_attrs(variable_attributes(name))
             for name, channel in channels.items()}
    return dataset.assign_coords(spring_constant=k, sensitivity=s).assign(named)


def missing_calibration(dataset: xr.Dataset,
                        path: str | PathLike[str]) -> MissingCalibration | None:
    """The error that names what is missing to have a force, or None if the dataset has one."""
    known = bool(np.isfinite(dataset["spring_constant"]).any())
    if "force" in dataset and (known or "deflection" not in dataset):
        return None
    wanted = []
    if "deflection" not in dataset and not np.isfinite(dataset["sensitivity"]).any():
        wanted.append(("sensitivity", "--sensitivity 40nm/V"))
    if not np.isfinite(dataset["spring_constant"]).any():
        wanted.append(("spring constant", "--spring-constant 0.04N/m"))
    return MissingCalibration(path, f"no {' and no '.join(name for name, _ in wanted)} in the file;",
                              f"give {' '.join(option for _, option in wanted)}.")


def open_files(paths: Iterable[str | PathLike[str]], *, segment: str | None = None,
               spring_constant: float | None = None, sensitivity: float | None = None,
               ) -> tuple[list[Source], list[FileStatus]]:
    """Open every file under ``paths``; returns those with curves to analyze, and what became of each file.

    A file of an unknown or unsupported kind is ``skipped`` where a folder was searched, and has
    ``failed`` where it was named itself; a damaged or uncalibrated one, or one without the
    ``segment`` that is asked for, has always failed.
    """
    sources, statuses, shelf = [], [], _Shelf()
    for path, named in find_files(paths):
        try:
            with opening.naming(path, "force curve"):
                again = partial(open_file, path, spring_constant=spring_constant, sensitivity=sensitivity)
                dataset = again()
                lacking = missing_calibration(dataset, path) or _missing_segment(dataset, path, segment)
                if lacking is not None:
                    raise lacking
                sources.append(Source(dataset, file_record(path), again, shelf))
                statuses.append(FileStatus(str(path), "read", curves=dataset.sizes["curve"]))
        except ReadError as error:
            skipped = isinstance(error, NotRecognized | Unsupported) and not named
            reason = error.problem if skipped else f"{error.problem} {error.remedy}".strip()
            statuses.append(FileStatus(printable(path), "skipped" if skipped else "failed", reason))
    for status in statuses if sources else ():  # else the error says it
        if status.outcome != "read":
            _log.log(logging.INFO if status.outcome == "skipped" else logging.WARNING, "%s: %s", status.file,
                     status.reason)
    return sources, statuses


#: what a worker has open
_again = _Shelf()


def open_again(record: Mapping[str, Any], *, spring_constant: float | None = None,
               sensitivity: float | None = None) -> Source:
    """The file of a record as a source, in another process than the one that recorded it.

    Raises:
        ReadError: it is gone, cannot be read, or is not what it was.
    """
    path = Path(record["file"])
    if not path.exists():
        raise ReadError(path, "it is gone since the work was planned.", "A relative name is meant from the folder in "
                        "which the analysis was started.")
    if file_record(path) != dict(record):
        raise ReadError(path, "it has changed since the work was planned.",
                        "Give --restart to 'asperity analyze' to work on what it is now.")
    with opening.naming(path, "force curve"):
        again = partial(open_file, path, spring_constant=spring_constant, sensitivity=sensitivity)
        return Source(again(), record, again, _again)


def _missing_segment(dataset: xr.Dataset, path: Path, segment: str | None) -> ReadError | None:
    present = [str(name) for name in dataset["segment"].values]
    if segment is None or segment in present:
        return None
    return ReadError(path, f"it has no segment '{segment}'.",
                     f"It has {', '.join(present)}; give one as --segment.")


def load_curves(dataset: xr.Dataset, loading: Callable[[xr.Dataset], xr.Dataset] = xr.Dataset.load,
                broken: Sequence[int] = ()) -> tuple[xr.Dataset, dict[int, str]]:
    """Load a block of curves into memory; returns it and position -> cause of those that cannot be read.

    An unreadable curve stays in the block with NaN samples, and so do the ``broken`` ones, which are not read; who
    flags it says why. ``loading`` brings a dataset into memory, as it is or `asperity.data.averages.averaged`.
    """
    try:
        whole = blank(dataset, broken) if len(broken) else dataset
        return loading(whole), dict.fromkeys(map(int, broken), BROKEN)
    except Exception as error:
        if dataset.sizes["curve"] == 1:
            why = f"{error.problem} {error.remedy}".strip() if isinstance(error, ReadError) else str(error)
            return loading(blank(dataset, [0])), {0: f"cannot be read: {why}"}
    parts = [load_curves(dataset.isel(curve=[i]), loading, [0] if i in broken else [])
             for i in range(dataset.sizes["curve"])]
    causes = {i: cause for i, (_, causes) in enumerate(parts) for cause in causes.values()}
    return _joined([part for part, _ in parts], "override"), causes


def _joined(datasets: Sequence[xr.Dataset], attrs: Literal["override", "drop_conflicts"]) -> xr.Dataset:
    return xr.concat(datasets, "curve", data_vars="minimal", coords="minimal", compat="override",
                     join="override", combine_attrs=attrs)


def blank(dataset: xr.Dataset, curves: Sequence[int]) -> xr.Dataset:
    """The dataset with NaN in all samples of the curves at these positions, without reading them."""
    keep = np.ones(dataset.sizes["curve"], bool)
    keep[list(curves)] = False
    sampled = {}
    for name in SAMPLED:
        if name in dataset:
            values = np.full(dataset[name].shape, np.nan)
            if keep.any():
                values[keep] = dataset[name][keep].values
            sampled[name] = (dataset[name].dims, values, dataset[name].attrs)
    return dataset.assign(sampled)


def combine(datasets: Sequence[xr.Dataset]) -> xr.Dataset:
    """Several sets of curves as one along ``curve``: segments united in order, samples padded with NaN.

    Sampled variables that not all of them have are left out. The curves are renumbered; ``file`` and
    ``curve_in_file`` keep their identity.
    """
    if len(datasets) == 1:
        return datasets[0]
    segments = _united([list(map(str, dataset["segment"].values)) for dataset in datasets])
    length = max(dataset.sizes["sample"] for dataset in datasets)
    common = set.intersection(*({str(name) for name in dataset.data_vars} for dataset in datasets))
    padded = [_padded(dataset[sorted(common)], segments, length) for dataset in datasets]
    joined = _joined(padded, "drop_conflicts")
    return validate(joined.assign_coords(curve=np.arange(joined.sizes["curve"])))


def _united(names: Sequence[list[str]]) -> list[str]:
    """All names, each list in its own order: what is new comes right after its predecessor."""
    united: list[str] = []
    for own in names:
        place = 0
        for name in own:
            if name not in united:
                united.insert(place, name)
            place = united.index(name) + 1
    return united


def _padded(dataset: xr.Dataset, segments: list[str], length: int) -> xr.Dataset:
    if list(dataset["segment"].values) != segments:
        dataset = dataset.reindex(segment=segments, fill_value={"sample_count": 0})
    missing = length - dataset.sizes["sample"]
    return dataset.pad(sample=(0, missing), constant_values=np.nan) if missing else dataset


class NothingToAnalyze(DataError):
    """No file with force curves; ``statuses`` says what became of each."""

    def __init__(self, statuses: Sequence[FileStatus]) -> None:
        self.statuses = tuple(statuses)
        lines = [f"{status.file}: {status.reason}" for status in statuses[:20]]
        more = [f"and {len(statuses) - 20} more"] if len(statuses) > 20 else []
        begin, between = (": ", " ") if len(statuses) <= 1 else ("\n  ", "\n  ")
        found = between.join([*lines, *more]) or (
            "no file is there. The folders that an analysis wrote are left out: 'asperity report FOLDER' and 'asperity "
            "score FOLDER' read their results")
        super().__init__(f"no file with force curves to analyze{begin}{found}")
