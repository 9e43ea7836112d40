"""The page about a simulated oscillation: amplitude and phase on both ways, forces, energy, and what to doubt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from asperity.data.results import listed
from asperity.measurements.tapping.claims import apart, joules, two_branches
from asperity.report.numbers import plain, prefix
from asperity.report.page import Finding, Page, Panel
from asperity.report.pictures import Line, lines

if TYPE_CHECKING:
    from bokeh.plotting import figure

__all__ = ["page"]

_TOLD = 1.5  # times its numerical error, from which a dissipation is told
_ELECTRON = 1.602176634e-19  # C
_INPUTS = (("model", "", "contact model"), ("spring_constant", "N/m", "spring constant"),
           ("frequency", "Hz", "first resonance"), ("quality", "1", "quality factor"), ("modes", "1", "modes"),
           ("free_amplitude", "m", "free amplitude"), ("height_of_sweep", "m", "height"), ("radius", "m", "tip radius"),
           ("half_angle", "rad", "half-opening angle"), ("punch_radius", "m", "punch radius"),
           ("modulus", "Pa", "modulus"), ("poisson_ratio", "1", "Poisson's ratio"), ("thickness", "m", "thickness"),
           ("work_of_adhesion", "J/m^2", "work of adhesion"), ("hamaker", "J", "Hamaker constant"),
           ("cutoff", "m", "cut-off distance"), ("viscosity", "Pa s", "viscosity"))


def page(made: xr.Dataset) -> Page:
    """The page about the result of `asperity.tapping`."""
    said = [str(one) for one in listed(made, "findings")]
    axis = "height" if "height" in made.dims else "frequency"
    title = "tapping: " + ("amplitude and phase curves" if axis == "height" else "resonance curves")
    return Page("simulation", title, said[0], _findings(made, axis), tuple(said[1:]),
                (_curves(made, axis), _forces(made, axis), _inputs(made)))


def _findings(made: xr.Dataset, axis: str) -> tuple[Finding, ...]:
    good = made["flag"].values < 2
    rows = []
    if not good.any():
        return ()
    other = two_branches(made)
    if other.any():
        where = np.flatnonzero(other.any(axis=0))
        middle = int(where[len(where) // 2])
        ways = (0, int(np.argmax(other[:, middle])))
        a, phase = made["amplitude"].values[ways, middle], np.degrees(made["phase"].values[ways, middle])
        rows.append(Finding("two branches", f"{plain(a[0], 'm')} at {phase[0]:.1f}° and {plain(a[1], 'm')} at "
                            f"{phase[1]:.1f}°", f"Amplitude and phase at {_at(made, axis, middle)}, "
                            f"{_way(made, ways[0])} and {_way(made, ways[1])}."))
    for name, unit, word, meaning in (
            ("peak_force", "N", "largest force", "The peak force of the sweep"),
            ("dissipation", "J", "largest dissipation", "In one period, taken up by the sample"),
            ("contact_time", "1", "longest contact", "Share of the period in contact")):
        values = np.where(good, made[name].values, -np.inf)
        way, point = np.unravel_index(int(np.argmax(values)), values.shape)
        value = float(values[way, point])
        if name == "dissipation":
            text = _energy(value, float(made["dissipation_error"].values[way, point]))
        elif name == "contact_time":
            text = f"{plain(100 * value, '%', 2)} of the period" if value > 0 else "none: the tip never touches"
        else:
            text = plain(value, unit) if value > 0 else "none: the tip is attracted all the time"
        rows.append(Finding(word, text, f"{meaning}; at {_at(made, axis, int(point))}, {_way(made, int(way))}."))
    return tuple(rows)


def _energy(value: float, error: float) -> str:
    """Joules and electron volts, where it is more than the numerical error."""
    if value < _TOLD * error:
        return f"none that is told from the numerical error of {joules(error)}"
    return f"{joules(value)} ({value / _ELECTRON:.3g} eV)"


def _way(made: xr.Dataset, way: int) -> str:
    name = str(made["sweep"].values[way])
    return {"free": "from the free motion", "rest": "from rest"}.get(name, name)


def _at(made: xr.Dataset, axis: str, point: int) -> str:
    return plain(float(made[axis].values[point]), made[axis].attrs["units"], 3 if axis == "height" else 6)


def _drawn(made: xr.Dataset, axis: str, name: str, title: str, unit: str,
           place: str = "top_right") -> figure:
    """One quantity on both ways, and dots for what is on neither, or has not settled."""
    x = made[axis].values
    length, metre = prefix(float(np.abs(x).max()), made[axis].attrs["units"])
    values = made[name].values
    if unit == "°":
        values, factor, written = np.degrees(values), 1.0, "°"
    elif name == "contact_time":
        values, factor, written = 100 * values, 1.0, "%"
    elif unit == "J":
        factor, written = 1e-18, "aJ"
    else:
        factor, written = prefix(float(np.nanmax(np.abs(values))), unit)
    drawn = [Line(_way(made, way), x / length, values[way] / factor) for way in (0, 1)]
    different = apart(made)
    other = different[:, 0] & different[:, 1]
    for some, word in ((other, "from free motion or rest"), (made["flag"].values == 2, "unsettled")):
        if some.any():
            at = np.broadcast_to(x / length, some.shape)[some]
            drawn.append(Line(word, at, values[some] / factor, dots=True))
    plot = lines(drawn, title, f"{axis} ({metre})", f"{title} ({written})")
    plot.legend.update(location=place)
    return plot


def _curves(made: xr.Dataset, axis: str) -> Panel:
    words = ("On both ways each point begins with the motion of the one before. Dots are other oscillations that are "
             "stable too: which one an instrument shows depends on how it came there.")
    low = axis == "height"
    return Panel("Amplitude and phase", words, (
        _drawn(made, axis, "amplitude", "amplitude", "m", "bottom_right" if low else "top_right"),
        _drawn(made, axis, "phase", "phase", "°", "top_right" if low else "bottom_right")))


def _forces(made: xr.Dataset, axis: str) -> Panel:
    words = "The peak force is the largest of one period."
    drawn = [_drawn(made, axis, "peak_force", "peak force", "N"),
             _drawn(made, axis, "contact_time", "contact time", "1")]
    if _dissipates(made):
        words += " The dissipation is the work that the tip does on the sample in one period."
        drawn.insert(1, _drawn(made, axis, "dissipation", "dissipation", "J"))
    return Panel("Force, energy and contact", words, (*drawn, _drawn(made, axis, "deflection", "mean deflection", "m",
                                                                     "bottom_right")))


def _dissipates(made: xr.Dataset) -> bool:
    """Whether the largest dissipation is told from the numerical error."""
    values = np.where(made["flag"].values < 2, made["dissipation"].values, -np.inf)
    largest = np.unravel_index(int(np.argmax(values)), values.shape)
    return bool(values[largest] > _TOLD * made["dissipation_error"].values[largest])


def _inputs(made: xr.Dataset) -> Panel:
    taken = set(listed(made, "taken")[0]) if listed(made, "taken") else set()
    rows = []
    for name, unit, word in _INPUTS:
        if name in made.attrs:
            value = made.attrs[name]
            text = str(value) if isinstance(value, str) else _written(float(value), unit)
            rows.append((word, text, "assumed" if name in taken else ""))
    return Panel("What was simulated", "", (), ("input", "value", ""), tuple(rows))


def _written(value: float, unit: str) -> str:
    if unit == "J":
        return joules(value)
    return f"{value:.4g} {unit}".removesuffix(" 1") if unit == "1" or not value else plain(value, unit, 4)
