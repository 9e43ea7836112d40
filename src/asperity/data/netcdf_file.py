"""NetCDF 4 files in which a name is looked up once.

h5netcdf goes from the name to the dataset whenever it asks for a shape, a type or an attribute, some hundred times
for a map of curves: more than half of the time in which such a file is opened and read.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5netcdf
import h5py
from xarray.backends import CachingFileManager, H5NetCDFStore

__all__ = ["named_store"]


class _Named(h5py.File):
    """A file that is open for reading, and remembers what it has found under a name."""

    def __init__(self, path: str) -> None:
        self._found: dict[str, Any] = {}
        super().__init__(path, "r")

    def __getitem__(self, name: Any) -> Any:
        if not isinstance(name, str):
            return super().__getitem__(name)
        if name not in self._found:
            self._found[name] = super().__getitem__(name)
        return self._found[name]

    def close(self) -> None:
        self._found.clear()
        super().close()


class _Reading(h5netcdf.File):
    """The NetCDF file in such a file, which it closes."""

    def __init__(self, path: str, mode: str = "r", **how: Any) -> None:
        self._closed = True  # until it is open
        self._named = _Named(path)
        super().__init__(self._named, mode, **how)

    def close(self) -> None:
        """Close both."""
        super().close()
        self._named.close()


def named_store(path: Path) -> H5NetCDFStore:
    """A file for `xarray.open_dataset`, read as xarray's own engine does. Raises what h5py raises."""
    how = {"decode_vlen_strings": True, "phony_dims": "access"}
    return H5NetCDFStore(CachingFileManager(_Reading, os.path.abspath(path), mode="r", kwargs=how), mode="r")
