"""What an image reader hands over, and which quantity a vendor's channel is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from asperity.data.readers._table import unit_factor
from asperity.quantities import QUANTITIES

__all__ = ["AS_MATRIX", "Channel", "Identity", "Images", "identify", "si_unit"]

#: what to do with an image that no reader can read
AS_MATRIX = "Bring it in as a plain matrix of numbers (text or NumPy)."


@dataclass(frozen=True)
class Channel:
    """One recorded map: what the file calls it, and how to load it.

    ``load()`` returns float64 of the shape of its `Images`, in ``unit``: row 0 is the line of lowest y, column 0
    the pixel of lowest x, for trace and retrace alike. Pixels that were not recorded are NaN.
    """

    name: str  # the file's word for the signal, without the direction
    unit: str  # as the file writes it; "" where it does not say
    load: Callable[[], np.ndarray]
    retrace: bool = False
    second_pass: bool = False  # interleave, nap, lift


@dataclass(frozen=True)
class Images:
    """The channels of one file on one grid. Pairs are in the order of the array: along y, along x."""

    channels: tuple[Channel, ...]
    shape: tuple[int, ...]  # (rows, columns), or (frames, rows, columns)
    session: str  # same instrument, day, lever and calibration
    pitch: tuple[float, float] = (np.nan, np.nan)  # m, between pixel centers
    center: tuple[float, float] = (0.0, 0.0)  # m, of the scan
    line_time: float = np.nan  # s, from one line to the next: trace and retrace
    attrs: dict[str, Any] = field(default_factory=dict)  # format, instrument, software, date, scan_angle (rad)


class Identity(NamedTuple):
    """What a channel is: a quantity of the vocabulary or the vendor's own word, and which height it is."""

    quantity: str
    source: str  # of a height: "sensor" or "drive", else ""


#: words of a channel's name (letters and digits only, lower case) -> quantity by SI unit; asked in this order
_WORDS: tuple[tuple[str, dict[str, str], str], ...] = (
    ("error|setpoint", {}, ""),
    ("zsens|heightsens|sensorheight|measuredheight|heightmeasured|capacitivesensor|zaxissensor|lvdt|zsnsr",
     {"m": "height"}, "sensor"),
    ("height|topography|zaxis|^z$|^$", {"m": "height"}, "drive"),
    ("ampl", {"m": "amplitude", "V": "amplitude_voltage"}, ""),
    ("phase", {"rad": "phase"}, ""),
    ("potential|kpfm|skpm|cpd", {"V": "potential"}, ""),
    ("friction|lateral|torsion", {"V": "friction_voltage", "N": "friction"}, ""),
    ("defl", {"m": "deflection", "V": "deflection_voltage", "N": "force"}, ""),
    ("current", {"A": "current"}, ""),
    ("freq", {"Hz": "frequency"}, ""),
    ("adhesion", {"N": "pull_off_force"}, ""),
    ("modulus", {"Pa": "modulus"}, ""),
    ("indentation|deformation", {"m": "indentation"}, ""),
)

_UNITS = {"º": "deg", "°": "deg", "~m": "um", "Volts": "V", "volts": "V", "Å": "0.1 nm"}


def si_unit(unit: str) -> tuple[float, str]:
    """Factor and SI unit of a unit as files write it; a unit that is not known stays as it is, with factor 1.

    >>> si_unit("nm"), si_unit("log(Pa)")
    ((1e-09, 'm'), (1.0, 'log(Pa)'))
    """
    unit = _UNITS.get(unit.strip(), unit.strip())
    if unit == "0.1 nm":
        return 1e-10, "m"
    try:
        return unit_factor(unit) if unit else (1.0, "")
    except ValueError:
        return 1.0, unit


def identify(name: str, unit: str) -> Identity:
    """The quantity of a channel from its name and SI unit; else the file's own word.

    >>> identify("Z-Axis Sensor", "m"), identify("Amplitude Error", "V")
    (Identity(quantity='height', source='sensor'), Identity(quantity='amplitude_error', source=''))
    """
    letters = re.sub(r"[^a-z0-9]", "", name.lower())
    for words, quantities, source in _WORDS:
        if re.search(words, letters):
            found = quantities.get(unit)
            return Identity(found, source) if found else Identity(_own_word(name), "")
    return Identity(_own_word(name), "")


def _own_word(name: str) -> str:
    """A variable's name from the file's own; never that of a quantity, whose unit it does not have."""
    word = re.sub(r"\W+", "_", name.lower(), flags=re.ASCII).strip("_") or "values"
    return f"channel_{word}" if word in QUANTITIES or not word[0].isalpha() else word
