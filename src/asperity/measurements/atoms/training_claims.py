"""What a training says in words."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

__all__ = ["claims", "error_words"]

_WORSE = 1.5  # times the errors in training, from which new configurations are said to be harder
_REVERSED = 0.7  # of the error of the stresses, below which it must come with the sign changed
_FALLING = 0.05  # of the error of the forces, by which the last tenth of the training still lowered it


def error_words(table: xr.Dataset, choice: str) -> str:
    """The mean errors of one choice of structures."""
    one = table.sel(choice=choice)
    energy, force, stress = (float(one[f"error_{name}"]) for name in ("energy", "force", "stress"))
    parts = [f"energy {1e3 * energy:.3g} meV an atom" if np.isfinite(energy) else "",
             f"forces {1e3 * force:.3g} meV/Å" if np.isfinite(force) else "",
             f"stress {stress:.3g} GPa" if np.isfinite(stress) else ""]
    return ", ".join(filter(None, parts))


def claims(table: xr.Dataset) -> list[str]:
    """One sentence each, the headline first."""
    return [_headline(table), *_reversed(table), *_splits(table), *json.loads(table.attrs["remarks"]),
            *_intervals(table), *_unfinished(table)]


def _names(table: xr.Dataset) -> list[str]:
    return [str(name) for name in table["choice"].values]


def _headline(table: xr.Dataset) -> str:
    new = "test, new trajectories" if "test, new trajectories" in _names(table) else "test"
    count = int(table["structures"].sel(choice=new))
    fresh = new != "test" or table.attrs["by"] == "trajectory"
    what = "configurations of new trajectories" if fresh else "configurations between known ones"
    return f"Mean errors on {count} {what}: {error_words(table, new)}."


def _reversed(table: xr.Dataset) -> list[str]:
    """Whether the stresses are rather those of the other sign: energies and forces know it."""
    own, given = table["stress"].values, table["stress_reference"].values
    if not np.isfinite(given).any():
        return []
    off, other = (float(np.nanmean(np.abs(own - sign * given))) for sign in (1, -1))
    return [f"The given stresses have the wrong sign: energies and forces tell others, off by {off:.3g} GPa from the "
            f"given ones, and by {other:.3g} GPa with the sign changed. Do not use this potential; where stresses are "
            "positive in compression, as VASP writes them, train with --stress vasp."
            ] if other < _REVERSED * off else []


def _splits(table: xr.Dataset) -> list[str]:
    said = []
    if "test, trajectories in training" in _names(table):
        said.append(f"On the whole test set: {error_words(table, 'test')}; of it, on trajectories that are in "
                    f"training: {error_words(table, 'test, trajectories in training')}.")
    trained, tested = (float(table["error_force"].sel(choice=name)) for name in ("training", "test"))
    if tested > _WORSE * trained:
        said.append(f"In training the forces are off by {1e3 * trained:.3g} meV/Å, in the test by "
                    f"{tested / trained:.2g} times as much: more configurations like those tested would help.")
    return said


def _intervals(table: xr.Dataset) -> list[str]:
    count = int(table.attrs["member_count"])
    if count == 1:
        return ["No interval: one member does not tell how far off it is; --members 4 makes an ensemble."]
    held: Any = {name: float(table[f"error_{name}_held"].sel(choice="test")) for name in ("energy", "force", "stress")}
    parts = [f"{100 * value:.3g} % of {word}" for (name, value), word in zip(
        held.items(), ("energies", "forces", "stresses")) if np.isfinite(value)]
    return [f"Intervals of 95 %, the spread of {count} members times {float(table.attrs['factor']):.3g} as the "
            f"validation set asks for, hold {', '.join(parts)} of the test set."]


def _unfinished(table: xr.Dataset) -> list[str]:
    curve = np.nanmean(table["validation_force"].values, axis=0)
    tenth = max(len(curve) // 10, 1)
    if len(curve) < 20 or not np.isfinite(curve).all():
        return []
    before, now = curve[-2 * tenth:-tenth].mean(), curve[-tenth:].mean()
    return ["The error of the forces was still falling at the end: more minutes would make it smaller."] if (
        before - now > _FALLING * now) else []
