"""The scanner of the virtual instrument: the drive that its heights took, and files that hold the drive alone."""

from __future__ import annotations

import numpy as np
import xarray as xr

from asperity.data.curves import validate
from asperity.instrument.creep import Creep, logarithmic_creep
from asperity.instrument.height_correction import Trace, joined, required_drive
from asperity.instrument.hysteresis import PrandtlIshlinskii
from asperity.instrument.scanner import Scanner
from asperity.instrument.scanner_memory import Memory
from asperity.quantities import variable_attributes

__all__ = ["at_rest", "driven", "virtual_scanner"]


def virtual_scanner(stroke: float, *, hysteresis: float = 0.1, creep: float = 0.01) -> Scanner:
    """A piezo whose loop over the ``stroke`` (m) is open by about ``hysteresis`` of it, and that creeps.

    Args:
        stroke: m, the largest range of its drive.
        hysteresis: width of the loop over the stroke.
        creep: what is added per decade of time, between 10 ms and 100 s, over the step.
    """
    plays = 8
    thresholds = np.arange(plays) * stroke / (2 * plays)
    later = np.full(plays - 1, 4 * hysteresis / (plays - 1))
    weights = np.concatenate([[1 - later.sum() / 2], later])
    modes = logarithmic_creep(creep, 1e-2, 1e2, per_decade=1) if creep else Creep()
    return Scanner(PrandtlIshlinskii(thresholds, weights), modes)


def at_rest(scanner: Scanner, height: float) -> Memory:
    """The memory after long rest at a height (m)."""
    return scanner.relaxed(height / (np.sum(scanner.hysteresis.weights) + np.sum(scanner.creep.strengths)))


def driven(dataset: xr.Dataset, scanner: Scanner, *, pause: float = 0.1, sensor: bool = True) -> xr.Dataset:
    """The curves of a virtual map as an instrument with this scanner records them.

    The heights of the map are what the scanner really does; its drive is what it takes to do them, from rest at the
    first height, curve after curve, held for ``pause`` (s) in between.

    Args:
        dataset: virtual curves with height and time, every curve with its own clock.
        scanner: drive in m, as instruments scale it.
        pause: s from one curve to the next.
        sensor: whether the file holds the sensor's ``height`` beside ``height_drive``; without it the drive is all
            that there is, stored as ``height``, as by instruments that have no sensor.
    """
    height, time = dataset["height"].values, dataset["time"].values
    present = np.isfinite(height)
    record = joined([Trace(t[there], z[there]) for z, t, there in zip(height, time, present)], pause)
    drive = np.full(height.shape, np.nan)
    memory = at_rest(scanner, record.drive[0])
    drive[present] = required_drive(scanner, record.time, record.drive, memory=memory)[0]
    stored = dataset["height"].copy(data=drive)
    if not sensor:
        return validate(dataset.assign(height=stored))
    return validate(dataset.assign(height_drive=stored.assign_attrs(variable_attributes("height_drive"))))
