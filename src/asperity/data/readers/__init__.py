"""Readers of force-curve files, one module per format.

A reader is a module with

``NAME``             the format in words, as shown to people;
``EXTENSIONS``       the usual endings, lower case, with the dot;
``matches(head, name)``  True if the first 4096 bytes (and the lower-case file name) are of this format;
``open_curves(path)``    the file as `asperity.data.schema.Curves`; reads headers only.

Everything that is wrong with a file is raised as a `ReadError` that names the file, the cause and
the remedy; no other exception leaves a reader, neither on opening nor on loading a curve.
A package adds a reader by the entry-point group ``asperity.readers``.
"""

from __future__ import annotations

import importlib
from functools import cache
from importlib.metadata import entry_points
from os import PathLike
from pathlib import Path
from types import ModuleType

import xarray as xr

from asperity.data.readers._errors import (
    CorruptFile,
    MissingCalibration,
    NotRecognized,
    ReadError,
    Unsupported,
)
from asperity.data.schema import Curves, to_dataset

__all__ = ["READERS", "CorruptFile", "MissingCalibration", "NotRecognized", "ReadError", "Unsupported",
           "find_reader", "open_curves", "open_dataset"]

#: the formats, asked in this order; the specific ones first
READERS = ("jpk", "nanoscope", "nanosurf", "igor", "chiaro", "workshop", "ntmdt", "jpk_text",
           "afmformats_hdf5", "afmformats_tab", "plain_csv")


@cache
def _modules() -> tuple[ModuleType, ...]:
    own = [importlib.import_module(f"asperity.data.readers.{name}") for name in READERS]
    return (*own, *(point.load() for point in entry_points(group="asperity.readers")))


def find_reader(path: str | PathLike[str]) -> ModuleType:
    """The reader module for a file, by its content; raises `NotRecognized` or `ReadError`."""
    path = Path(path)
    try:
        with open(path, "rb") as stream:
            head = stream.read(4096)
    except OSError as error:
        raise ReadError(path, f"cannot be opened ({error.strerror}).") from error
    if not head:
        raise CorruptFile(path, "the file is empty.", "Copy it again from the instrument.")
    for module in _modules():
        if module.matches(head, path.name.lower()):
            return module
    formats = "; ".join(f"{m.NAME} ({', '.join(m.EXTENSIONS)})" for m in _modules())
    raise NotRecognized(path, "the format is not recognized.",
                        f"Known formats: {formats}. Other data can be brought in as plain CSV.")


def open_curves(path: str | PathLike[str]) -> Curves:
    """Find the reader of ``path`` and open it; every failure is a `ReadError`."""
    module = find_reader(path)
    try:
        return module.open_curves(Path(path))
    except ReadError:
        raise
    except MemoryError as error:
        raise CorruptFile(path, f"its {module.NAME} header declares more data than memory can hold.") from error
    except Exception as error:  # a damaged file can break a parser anywhere: still name the file
        raise CorruptFile(path, f"not a readable {module.NAME} file ({type(error).__name__}: {error}).",
                          "It may be truncated or damaged; copy it again from the instrument.") from error


def open_dataset(path: str | PathLike[str], *, spring_constant: float | None = None,
                 sensitivity: float | None = None) -> xr.Dataset:
    """Open a file of any known format as a lazy dataset (see `asperity.data.schema`).

    Args:
        path: the file.
        spring_constant: N/m; replaces the file's.
        sensitivity: m/V; replaces the file's.

    Raises:
        ReadError: the file is missing, foreign, damaged or of an unsupported variant.
    """
    return to_dataset(open_curves(path), str(path), spring_constant=spring_constant, sensitivity=sensitivity)
