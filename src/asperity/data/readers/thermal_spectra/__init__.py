"""Thermal spectra of cantilevers from instrument files.

Every reader gives an `xarray.Dataset` over the coordinate ``frequency`` (Hz) with the variable ``power``,
the one-sided power spectral density as measured (V^2/Hz or m^2/Hz, see its ``units``), and where the file has
them ``power_smooth`` (smoothed by the vendor: not for fitting) and ``power_fit`` (the vendor's fit). What the
vendor found or was told is in ``attrs`` in SI units: ``spring_constant``, ``sensitivity``, ``resonance``,
``quality``, ``temperature``, ``averages``, ``width``, ``length``, ``tilt``, ``density``, ``viscosity``.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np
import xarray as xr

from asperity.data.opening import DAMAGED, naming
from asperity.data.readers._appearance import appearance
from asperity.data.readers._errors import CorruptFile, NotRecognized
from asperity.data.readers._text import read_head
from asperity.data.readers.thermal_spectra import jpk_tnd, nanosurf_nid

__all__ = ["open_spectrum"]

_READERS = (jpk_tnd, nanosurf_nid)


def open_spectrum(path: str | PathLike[str]) -> xr.Dataset:
    """Read a thermal spectrum.

    Raises:
        NotRecognized: no known format.
        CorruptFile: damaged: rows that are no numbers, frequencies that do not rise, power that is negative.
        Unsupported: a file of a known format without a thermal spectrum.
        ReadError: the file cannot be opened.
    """
    path = Path(path)
    head = read_head(path)
    reader = next((r for r in _READERS if r.matches(head)), None)
    if reader is None:
        raise NotRecognized(path, f"not a known file of a thermal spectrum: it looks like {appearance(head)}.",
                            f"Known are: {'; '.join(r.NAME for r in _READERS)}.")
    with naming(path, reader.NAME):
        spectrum = reader.read(path)
    return _checked(path, spectrum).assign_attrs(file=str(path), format=reader.NAME)


def _checked(path: Path, spectrum: xr.Dataset) -> xr.Dataset:
    frequency, power = spectrum["frequency"].values, spectrum["power"].values
    steps = np.diff(frequency)
    if len(frequency) < 16 or not (np.isfinite(frequency).all() and (steps > 0).all()):
        raise CorruptFile(path, f"its {len(frequency)} frequencies do not rise from row to row.", DAMAGED)
    if not (np.isfinite(power).all() and (power >= 0).all() and power.max() > 0):
        raise CorruptFile(path, "its power spectral density is not positive everywhere.", DAMAGED)
    return spectrum
