"""Nanosurf thermal tuning (``.nid``): amplitude densities of spectrum and fit, in m/sqrt(Hz).

The container is that of the force curves, `asperity.data.readers.force_curves.nanosurf`.
The vendor's results stand in its
info section as texts like ``179.8kHz``. The power is the square of the stored amplitude density.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from asperity.data.readers._errors import Unsupported
from asperity.data.readers.vendors.nanosurf_header import NanosurfHeader

__all__ = ["NAME", "matches", "read"]

NAME = "Nanosurf thermal spectrum (.nid)"
_PREFIXES = {"": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6}
_VARIABLES = {"Spectrum FFT": "power", "Spectrum Fit": "power_fit"}
#: name in the header -> (attribute, unit)
_ATTRIBUTES = {"Frequency:": ("resonance", "Hz"), "Q Factor:": ("quality", ""), "Averages": ("averages", ""),
               "Spring Constant:": ("spring_constant", "N/m"),
               "Cantilever temperature": ("temperature", "°C")}
_TEXTS = {"Cantilever type": "lever", "Measurement environment": "environment", "Date": "date"}


def matches(head: bytes) -> bool:
    """True if the file is a Nanosurf file with a spectrum."""
    return head.startswith(b"[DataSet]") and b"=Spectrum FFT" in head


def read(path: Path) -> xr.Dataset:
    """The spectrum; see `asperity.data.readers.thermal_spectra`."""
    header = NanosurfHeader.read(path)
    blocks = [block for block in header.blocks if block.group in _VARIABLES]
    if not any(block.group == "Spectrum FFT" for block in blocks):
        raise Unsupported(path, "a Nanosurf file without a thermal spectrum.")
    first = blocks[0]
    for block in blocks:
        unit = block.section.get("Dim2Unit", "")
        if block.points != first.points or unit not in ("m/sqrt(Hz)", "V/sqrt(Hz)"):
            raise Unsupported(path, f"'{block.group}' has {block.points} points in {unit!r}; an amplitude "
                                    "density in m/sqrt(Hz) or V/sqrt(Hz) was expected.")
    least, span = first.number("Dim0Min"), first.number("Dim0Range")
    frequency = least + span * np.arange(first.points) / max(first.points - 1, 1)
    columns = {_VARIABLES[block.group]: ("frequency", block.load(0, block.points) ** 2,
                                         {"units": f"{block.section['Dim2Unit'][0]}^2/Hz"})
               for block in blocks}
    return xr.Dataset(columns, {"frequency": ("frequency", frequency, {"units": "Hz"})},
                      _attributes(header.find("DataSet-Info")))


def _attributes(info: Mapping[str, str]) -> dict[str, float | str]:
    found: dict[str, float | str] = {new: info[old] for old, new in _TEXTS.items() if old in info}
    for old, (new, unit) in _ATTRIBUTES.items():
        match = re.fullmatch(r"([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*([mkM]?)" + re.escape(unit),
                             info.get(old, "").strip())
        if match:
            found[new] = float(match[1]) * _PREFIXES[match[2]] + (273.15 if unit == "°C" else 0.0)
    return found
