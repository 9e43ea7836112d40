r"""JPK thermal noise data (``.tnd``): text with a header of ``# name: value unit`` lines, then columns.

The columns are named and have their units in the last lines of the header. The measured one is a mean of
periodograms; ``average`` is smoothed along the frequency, ``fit-data`` is the vendor's fit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr

from asperity.data.readers._errors import CorruptFile, Unsupported
from asperity.data.readers._text import read_text

__all__ = ["NAME", "matches", "read"]

NAME = "JPK thermal noise data (.tnd)"
_NUMBER = re.compile(r"(?P<number>[-+]?\d[\d.]*(?:[eE][-+]?\d+)?)"
                     r"(?:×10(?P<power>[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+))?\s*(?P<unit>.*)")
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_PREFIXES = {"": 1.0, "p": 1e-12, "n": 1e-9, "µ": 1e-6, "μ": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6}
_BASES = ("Hz", "m/V", "N/m", "V/√Hz", "V²/Hz", "m²/Hz", "kg/m³", "Pa·s", "m", "V", "K")
#: name in the header -> attribute
_ATTRIBUTES = {"spring constant": "spring_constant", "sensitivity": "sensitivity", "parameter.f": "resonance",
               "parameter.Q": "quality", "parameter.A": "amplitude_density", "parameter.noise": "noise",
               "settings.temperature": "temperature", "settings.environment density": "density",
               "settings.environment viscosity": "viscosity", "cantilever.width": "width",
               "cantilever.length": "length", "cantilever.correction factor": "correction_factor"}
_TEXTS = {"cantilever.name": "lever", "settings.environment": "environment",
          "settings.method": "vendor_method"}
_VARIABLES = {"average": "power_smooth", "fit-data": "power_fit"}


def matches(head: bytes) -> bool:
    """True if the file starts as JPK thermal noise data do."""
    return head.startswith(b"# thermal noise data")


def read(path: Path) -> xr.Dataset:
    """The spectrum; see `asperity.data.readers.thermal_spectra`."""
    lines = read_text(path).splitlines()
    pairs = [line[1:].strip().partition(": ") for line in lines if line.startswith("#")]
    header = {name.strip(): value.strip() for name, _, value in pairs}
    names = re.findall(r"'([^']*)'", header.get("Channels", ""))
    units = re.findall(r"'([^']*)'", header.get("Units", ""))
    if len(names) < 2 or len(units) != len(names) or names[0] != "Frequency" or units[0] != "Hz":
        raise CorruptFile(path, f"its header names the columns {names} with the units {units}; 'Frequency' "
                                "in Hz and a power were expected.")
    table = _table(path, [line for line in lines if line.strip() and not line.startswith("#")], len(names))
    columns = {_VARIABLES.get(name, "power"): ("frequency", values, {"units": _power_unit(path, unit)})
               for name, unit, values in zip(names[1:], units[1:], table[:, 1:].T)}
    if "power" not in columns:
        raise Unsupported(path, f"it holds only {', '.join(names)}: no measured spectrum.")
    frequency = ("frequency", table[:, 0], {"units": "Hz"})
    return xr.Dataset(columns, {"frequency": frequency}, _attributes(header))


def _table(path: Path, rows: list[str], columns: int) -> np.ndarray:
    try:
        table = np.array([row.split() for row in rows], dtype=float)
    except ValueError as error:
        raise CorruptFile(path, f"a row of its table is incomplete or no number ({error}).") from error
    if table.ndim != 2 or table.shape[1] != columns:
        raise CorruptFile(path, f"its table has the shape {table.shape}; {columns} columns are announced.")
    return table


def _power_unit(path: Path, unit: str) -> str:
    plain = unit.replace("²", "^2")
    if plain not in ("V^2/Hz", "m^2/Hz"):
        raise Unsupported(path, f"a spectrum in {unit!r}; V^2/Hz and m^2/Hz are known.")
    return plain


def _attributes(header: Mapping[str, str]) -> dict[str, float | str]:
    """What the header says, in SI; what is absent or in a foreign unit is left out."""
    found: dict[str, float | str] = {new: header[old] for old, new in _TEXTS.items() if old in header}
    for old, new in _ATTRIBUTES.items():
        value = _si(header.get(old, ""))
        if np.isfinite(value):
            found[new] = value
    angles = [float(a) for a in re.findall(r"([-+]?\d+(?:\.\d+)?)\s*°", header.get("cantilever.angle", ""))]
    return {**found, **({"tilt": float(np.radians(sum(angles)))} if angles else {})}


def _si(text: str) -> float:
    """A number like ``4.5 µm``, ``4.501×10⁻¹⁰ V²/Hz`` or ``25.0 ℃`` in SI, or NaN."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return np.nan
    number = float(match["number"]) * 10.0 ** int((match["power"] or "0").translate(_SUPERSCRIPTS))
    unit = match["unit"].strip()
    if unit in ("℃", "°C"):
        return number + 273.15
    if not unit:
        return number
    prefixes = [unit.removesuffix(base) for base in _BASES if unit.endswith(base)]
    return number * next((_PREFIXES[prefix] for prefix in prefixes if prefix in _PREFIXES), np.nan)
