"""Force curves with another calibration and corrected heights."""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr

from asperity.data import calibrations, curve_files, provenance
from asperity.data.calibrations import Calibration
from asperity.data.verbs import verb
from asperity.measurements.force_curves.heights import moved

__all__ = ["curves"]


@verb(dataset="curves", calibration="calibration")
def curves(dataset: xr.Dataset, *, calibration: Calibration | Sequence[Calibration] | None = None,
           spring_constant: float | None = None, sensitivity: float | None = None) -> xr.Dataset:
    """The same force curves with another calibration, and with the heights that the scanner really took.

    Args:
        dataset: force curves (see `asperity.data.curves`).
        calibration: what `asperity.calibrate` measured: spring constant, sensitivity, scanner.
        spring_constant: N/m; wins over the calibration's.
        sensitivity: m/V; wins over the calibration's.

    A scanner is applied where the file holds no sensor height.
    """
    said = {"spring_constant": spring_constant, "sensitivity": sensitivity}
    found = calibrations.records(calibration)
    _, given, _ = calibrations.applied(found, {"name": "hertz"}, said, {})
    corrected = curve_files.calibrate(moved(dataset, calibrations.scanner_in(found)), **given)
    step = provenance.step("correct.curves", {**said, "calibration": found or None})
    return provenance.record(corrected, step, before=dataset)
