"""What amplitude and phase curves say in words: branches, regimes, and what is not to be relied on."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

from asperity.data.results import codes
from asperity.quantities import QUANTITIES
from asperity.report.numbers import count_of, plain, spread
from asperity.units import in_words

__all__ = ["apart", "claims", "headline", "joules", "two_branches"]

_APART = 1e-3  # of the free amplitude, by which two branches differ at least
_APART_PHASE = np.radians(0.5)  # or this
_SMALL = 1e-15  # J, above which prefixes are used
_UNITS = {"frequency": "Hz", "quality": "1", "hamaker": "J", "spring_constant": "N/m"}


def apart(made: xr.Dataset) -> np.ndarray:
    """(sweep, sweep, point) whether both settled, and to different oscillations."""
    a, phase, settled = made["amplitude"].values, made["phase"].values, made["flag"].values < 2
    turned = np.abs(np.angle(np.exp(1j * (phase[:, None] - phase))))
    different = (np.abs(a[:, None] - a) > _APART * float(made.attrs["free_amplitude"])) | (turned > _APART_PHASE)
    return different & settled[:, None] & settled


def two_branches(made: xr.Dataset) -> np.ndarray:
    """(sweep, point) whether a sweep settled to another oscillation than some sweep before it in the list."""
    different = apart(made)
    return np.stack([different[way, :way].any(axis=0) for way in range(len(different))])


def runs(inside: np.ndarray) -> list[tuple[int, int]]:
    """First and last index of each run of True."""
    edges = np.diff(np.concatenate([[0], inside.astype(int), [0]]))
    return [(int(a), int(b) - 1) for a, b in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1))]


def headline(made: xr.Dataset) -> str:
    """The branches, or that there is one."""
    axis, x = _axis(made)
    other = two_branches(made)
    found = runs(np.asarray(other.any(axis=0)))
    if not found:
        unsettled = int((made["flag"].values == 2).sum())
        but = f", but {count_of(unsettled, 'oscillation')} of {made['flag'].size} did not settle" if unsettled else ""
        return (f"At each {axis} one oscillation is found, from all four beginnings{but}; another that none of them "
                "reaches is not excluded.")
    where = " and ".join(_as_far(_between(x, first, last, made[axis].attrs["units"]), first == 0, last == len(x) - 1)
                         for first, last in found)
    if axis == "height" and (kinds := _kinds(made, other)):
        return f"Bistable {where}: {kinds}."
    return f"Bistable {where}: two oscillations are stable there."


def _kinds(made: xr.Dataset, other: np.ndarray) -> str:
    """That one oscillation is attractive and the other repulsive, and what a sweep sees of them."""
    points = np.asarray(other.any(axis=0))
    above = made["phase"].values > np.pi / 2
    good = made["flag"].values < 2
    both = np.asarray((above & good).any(axis=0) & (~above & good).any(axis=0))
    if not both[points].all():
        return ""
    seen = [_regime(made["phase"].values[way, points]) for way in (0, 1)]
    ways = ("an approach stays {0}, a retraction {1}" if seen[0] != seen[1] else "both ways of a sweep stay {0}")
    tail = "" if "" in seen else "; " + ways.format(*seen)
    return f"an attractive and a repulsive oscillation are stable{tail}"


def _axis(made: xr.Dataset) -> tuple[str, np.ndarray]:
    axis = "height" if "height" in made.dims else "frequency"
    return axis, made[axis].values


def _between(x: np.ndarray, first: int, last: int, unit: str) -> str:
    if first == last:
        return f"at {plain(x[first], unit, 6 if unit == 'Hz' else 3)}"
    return f"from {spread(x[first], x[last], unit)}"


def _as_far(words: str, first: bool, last: bool) -> str:
    """The words of a range that the first or the last point of the sweep ends, with that said.

    >>> _as_far("from 300.38 to 301.12 kHz", False, True)
    'from 300.38 at least to 301.12 kHz (end of the sweep)'
    """
    if last:
        words = words.replace(" to ", " at least to ") + " (end of the sweep)"
    if first:
        words = words.replace("from ", "from at most ") + " (beginning of the sweep)"
    return words


def _regime(phase: np.ndarray) -> str:
    """``attractive`` where the phase is above 90 degrees, ``repulsive`` below, "" where it is on both sides."""
    if np.all(phase > np.pi / 2):
        return "attractive"
    return "repulsive" if np.all(phase < np.pi / 2) else ""


def claims(made: xr.Dataset) -> list[str]:
    """One sentence each, the headline first."""
    axis, _ = _axis(made)
    return [headline(made), *(_regimes(made) if axis == "height" else _resonances(made)), *_doubts(made),
            _about_steps(made), *_taken(made)]


def _regimes(made: xr.Dataset) -> list[str]:
    """Where each way is in the attractive and the repulsive regime."""
    x, said = made["height"].values, []
    free = float(made.attrs["free_amplitude"])
    for way, name in ((0, "down"), (1, "up")):
        phase = made["phase"].values[way]
        near = made["amplitude"].values[way] < (1 - _APART) * free
        parts = []
        for kind, inside in (("attractive", phase > np.pi / 2), ("repulsive", phase < np.pi / 2)):
            found = runs(inside & near)
            if found:
                parts.append(f"{kind} " + " and ".join(_between(x, a, b, "m") for a, b in reversed(found)))
        if parts:
            said.append(f"On the way {name}: {', '.join(parts)} (phase above and below 90°).")
    return said


def _resonances(made: xr.Dataset) -> list[str]:
    """Where the amplitude is largest, each way."""
    said, first = [], float(made.attrs["frequency"])
    for way, name in enumerate(made["sweep"].values[:2]):
        a = made["amplitude"].values[way]
        top = int(np.argmax(a))
        at = float(made["frequency"].values[top])
        end = " (at the end of the sweep)" if top in (0, len(a) - 1) else ""
        said.append(f"{str(name).capitalize()}: largest amplitude {plain(a[top], 'm')} at {plain(at, 'Hz', 6)}, "
                    f"{100 * (at / first - 1):+.3f} % from the free resonance{end}.")
    return said


def _doubts(made: xr.Dataset) -> list[str]:
    flag = made["flag"].values
    said = []
    for code, about in codes(made).items():
        count = int((flag == code).sum())
        if code == 1 and count:
            said.append(f"{count_of(count, 'oscillation')} of {flag.size} {'grazes' if count == 1 else 'graze'} "
                        "(flag grazing): the tip just touches; amplitude and phase hold, how they change with the "
                        "inputs may not.")
        if code == 2 and count:
            said.append(f"{count_of(count, 'oscillation')} of {flag.size} did not settle within 60 times of decay "
                        f"(flag {about.name}): subharmonic or irregular, or near the end of a branch; the numbers are "
                        "those of one period.")
    return said


def _about_steps(made: xr.Dataset) -> str:
    good = made["flag"].values < 2
    a, phase = (made[f"{name}_error"].values[good] for name in ("amplitude", "phase"))
    if not len(a):
        return "No oscillation settled; nothing is said of the numerical error."
    (middle, most), (turn, largest) = ((float(np.median(some)), float(some.max())) for some in (a, np.degrees(phase)))
    return (f"Numerical error of the amplitude: {plain(middle, 'm', 2)} in the median, {plain(most, 'm', 2)} at most, "
            f"of the phase {plain(turn, '°', 2)} and {plain(largest, '°', 2)} (twice the change with half or three "
            f"eighths of the {int(made.attrs['steps'])} steps of a period).")


def _taken(made: xr.Dataset) -> list[str]:
    found = json.loads(made.attrs["taken"])
    if not found:
        return []
    words = ", ".join(f"{name.replace('_', ' ').replace('poisson', 'Poisson').replace('hamaker', 'Hamaker constant')} "
                      f"{_valued(value, _UNITS.get(name) or QUANTITIES[name].unit)}" for name, value in found.items())
    return [f"ASSUMED, because nobody said it: {words}."]


def _valued(value: float, unit: str) -> str:
    return joules(value) if unit == "J" else plain(value, unit, 2) if unit == "rad" else in_words(value, unit)


def joules(value: float) -> str:
    """A small energy in attojoules, as of one period or of surfaces.

    >>> joules(6.4e-20), joules(2e-17), joules(0.0)
    ('0.064 aJ', '20 aJ', '0 J')
    """
    if value == 0 or value > _SMALL:
        return plain(value, "J") if value else "0 J"
    return f"{value / 1e-18:.3g} aJ"
