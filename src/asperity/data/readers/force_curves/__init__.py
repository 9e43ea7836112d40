"""Readers of force-curve files, one module per format.

A reader is a module with

``NAME``             the format in words, as shown to people;
``EXTENSIONS``       the usual endings, lower case, with the dot;
``matches(head, name)``  True if the first 4096 bytes (and the lower-case file name) are of this format;
``open_curves(path)``    the file as `asperity.data.curves.Curves`; reads headers only.

Everything that is wrong with a file is raised as a `ReadError` that names the file, the cause and
the remedy; no other exception leaves a reader, neither on opening nor on loading a curve.
A package adds a reader by the entry-point group ``asperity.readers``.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import entry_points
from os import PathLike
from pathlib import Path
from types import ModuleType

import numpy as np
import xarray as xr

from asperity.data.curves import Curves, Loader, SchemaError, to_dataset
from asperity.data.opening import DAMAGED, naming
from asperity.data.readers._appearance import appearance
from asperity.data.readers._errors import (
    CorruptFile,
    MissingCalibration,
    NotRecognized,
    ReadError,
    Unsupported,
    printable,
)
from asperity.data.readers._text import read_head
from asperity.quantities import QUANTITIES

__all__ = ["READERS", "CorruptFile", "MissingCalibration", "NotRecognized", "ReadError", "Unsupported",
           "find_reader", "open_curves", "open_dataset"]

_log = logging.getLogger("asperity")

#: the formats, asked in this order; the specific ones first
READERS = ("jpk", "nanoscope", "nanosurf", "igor", "chiaro", "workshop", "ntmdt", "jpk_text",
           "afmformats_hdf5", "afmformats_tab", "plain_csv")

#: samples; no curve is longer, but a damaged header may say so
_LONGEST_CURVE = 50_000_000
#: smallest and largest calibration, N/m and m/V (m/A where the photodiode's current is stored)
_CALIBRATION = {"spring_constant": (1e-6, 1e6), "sensitivity": (1e-15, 1e6)}
#: what no channel of an instrument exceeds, SI: more is damage, or a wrong unit
_LARGEST = {"time": 1e7, "height": 1.0, "height_drive": 1.0, "tip_position": 1.0, "deflection_voltage": 1e3,
            "deflection": 1e-2, "force": 10.0}


@cache
def _modules() -> tuple[ModuleType, ...]:
    own = [importlib.import_module(f"asperity.data.readers.force_curves.{name}") for name in READERS]
    return (*own, *(point.load() for point in entry_points(group="asperity.readers")))


def find_reader(path: str | PathLike[str]) -> ModuleType:
    """The reader module for a file, by its content; raises `NotRecognized` or `ReadError`."""
    path = Path(path)
    head = read_head(path)
    if not head:
        raise CorruptFile(path, "the file is empty.", "Copy it again from the instrument.")
    for module in _modules():
        if module.matches(head, path.name.lower()):
            return module
    formats = "; ".join(f"{m.NAME} ({', '.join(m.EXTENSIONS)})" for m in _modules())
    raise NotRecognized(path, f"the format is not recognized: it looks like {appearance(head)}.",
                        f"Known formats: {formats}. Other data can be brought in as plain CSV.")


def open_curves(path: str | PathLike[str]) -> Curves:
    """Find the reader of ``path`` and open it; every failure, now or on loading, is a `ReadError`.

    A loaded curve is checked: one array per segment, as long as its sample count, all finite, and of a
    magnitude that an instrument can have.
    """
    module, path = find_reader(path), Path(path)
    with naming(path, module.NAME):
        curves = module.open_curves(path)
    if said := curves.attrs.get("left_out"):
        _log.warning("%s: %s", printable(path), said)
    counts = np.asarray(curves.counts)
    if counts.size == 0 or counts.min() < 0 or counts.max() == 0 or counts.sum(axis=1).max() > _LONGEST_CURVE:
        raise CorruptFile(path, f"{counts.shape[0]} curves of up to {counts.max(initial=0)} samples "
                                "are not what an instrument writes.", DAMAGED)
    calibration = {name: _calibration(path, curves, name) for name in _CALIBRATION}
    return replace(curves, **calibration, channels={
        name: _Checked(path, module.NAME, name, load, counts) for name, load in curves.channels.items()})


def _calibration(path: Path, curves: Curves, name: str) -> np.ndarray:
    """``spring_constant`` or ``sensitivity``: 0 is unknown (NaN); what no lever has is refused."""
    values = np.asarray(getattr(curves, name), dtype=float)
    values = np.where(values == 0.0, np.nan, values)
    lowest, highest = _CALIBRATION[name]
    wrong = values[~np.isnan(values) & ~((values > lowest) & (values < highest))]
    if wrong.size:
        raise CorruptFile(path, f"the {name.replace('_', ' ')} in it is {wrong[0]:g} "
                                f"{QUANTITIES[name].unit}, which cannot be.",
                          "Correct it where the file was written, or copy the file again.")
    return values


@dataclass(frozen=True, eq=False)
class _Checked:
    """The samples of one channel of a curve, if they are what the header announced."""

    path: Path
    form: str
    channel: str
    load: Loader
    counts: np.ndarray

    @property
    def by_segment(self) -> bool:
        """Whether it can be asked for some segments alone; nothing is read of the others, nor checked."""
        return bool(getattr(self.load, "by_segment", False))

    def __call__(self, curve: int, segments: tuple[int, ...] | None = None) -> Sequence[np.ndarray | None]:
        with naming(self.path, self.form, f"curve {curve}, {self.channel}: "):
            found = self.load(curve) if segments is None else self.load(curve, segments)
        read = [samples for samples in found if samples is not None]
        lengths = [count if samples is None else len(samples)
                   for samples, count in zip(found, self.counts[curve].tolist(), strict=False)]
        if lengths != self.counts[curve].tolist() or len(found) != len(lengths):
            raise self._damaged(curve, f"{lengths} samples in the segments, announced {self.counts[curve].tolist()}.")
        if not all(np.isfinite(samples).all() for samples in read):
            raise self._damaged(curve, "samples that are not finite numbers.")
        largest = max((float(np.abs(samples).max(initial=0.0)) for samples in read), default=0.0)
        if largest > _LARGEST.get(self.channel, np.inf):
            raise self._damaged(curve, f"it reaches {largest:.3g} {QUANTITIES[self.channel].unit}, more than any "
                                       "instrument has.", "It is damaged, or in another unit than it says.")
        return found

    def _damaged(self, curve: int, problem: str, remedy: str = DAMAGED) -> CorruptFile:
        return CorruptFile(self.path, f"curve {curve}, {self.channel}: {problem}", remedy)


def open_dataset(path: str | PathLike[str], *, spring_constant: float | None = None,
                 sensitivity: float | None = None) -> xr.Dataset:
    """Open a file of any known format as a lazy dataset (see `asperity.data.curves`).

    Args:
        path: the file.
        spring_constant: N/m; replaces the file's.
        sensitivity: m/V; replaces the file's.

    Raises:
        ReadError: the file is missing, foreign, damaged or of an unsupported variant.
    """
    curves = open_curves(path)
    try:
        return to_dataset(curves, str(path), spring_constant=spring_constant, sensitivity=sensitivity)
    except SchemaError as error:
        raise Unsupported(path, f"it holds no complete force curves ({error}).") from error
