"""The scanner from curves that hold its drive and a sensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from asperity.data import calibrations as calibration
from asperity.data.calibrations import CalibrationError
from asperity.data.verbs import verb
from asperity.instrument.height_correction import Trace, joined
from asperity.instrument.height_correction import correct as move
from asperity.instrument.identification import Identified, identify
from asperity.measurements.calibration.record import calibration_of, curves_of
from asperity.measurements.force_curves.heights import traces
from asperity.measurements.force_curves.read import Paths
from asperity.messages import DataError
from asperity.report.numbers import plain

__all__ = ["scanner"]

_CURVES = 9  # of a map, from which a scanner is identified: the first is only the others' past
_PAUSES = (0.1, 0.3, 1.0, 3.0)  # time between curves, over that of a curve


@verb(paths="curves")
def scanner(paths: Paths | xr.Dataset, *, curves: int = _CURVES) -> xr.Dataset:
    """Hysteresis and creep of the scanner, from curves that hold the drive and a sensor's height.

    Args:
        paths: files as `asperity.read`, or force curves; at least four of one map in the order of their time.
        curves: how many to use, from the first; the last third only judges.

    Returns:
        the scanner's numbers, ``height_std`` (m, rms error of a corrected height on the curves that only judged),
        and for display the last curve's ``drive`` with what a straight line and the scanner leave.

    Raises:
        CalibrationError: no sensor height, too few curves, or reversals sampled too coarsely; it says which.
    """
    data, step = curves_of(paths, "calibrate.scanner", {"curves": curves})
    if "height_drive" not in data:
        raise DataError(
            "the curves hold no drive beside a sensor's height: from the drive alone, hysteresis and creep cannot be "
            "told from the sample's viscoelasticity. Take curves of an instrument or mode that records both")
    recorded = traces(data.isel(curve=slice(0, curves)).load())
    judges = range(len(recorded) - max(1, len(recorded) // 3), len(recorded))
    try:
        found = identify(recorded, held_out=judges, pauses=_pauses(recorded))
    except DataError as error:
        raise CalibrationError(f"{data['file'].values[0]}: {error}") from error
    numbers: dict[str, Any] = dict(calibration.scanner_numbers(found.scanner))
    pause = {} if found.order.pause is None else {"scanner_pause": ((), found.order.pause, {"units": "s"})}
    shown = _left(recorded, found)
    made = xr.Dataset({**numbers, **pause, "scanner_residual": ((), found.residual, {"units": "m"}), **shown})
    return calibration_of(made, "scanner", _about_scanner(found, len(recorded), len(judges)), step,
                          before=paths)


def _pauses(recorded: Sequence[Trace]) -> tuple[float, ...] | None:
    """Candidates for the time between curves; None where they share one clock."""
    ends, starts = [trace.time[-1] for trace in recorded[:-1]], [trace.time[0] for trace in recorded[1:]]
    if all(start > end for start, end in zip(starts, ends)):
        return None
    return tuple(factor * float(np.ptp(recorded[-1].time)) for factor in _PAUSES)


def _left(recorded: Sequence[Trace], found: Identified) -> dict[str, Any]:
    """The last curve: its drive, and what a straight line and the scanner leave of the sensor's height."""
    trace = recorded[-1]
    assert trace.height is not None
    record = joined(recorded, found.order.pause)
    made = move(found.scanner, [Trace(record.time, record.drive)], tolerance=1.0)[0][0].height[-len(trace.drive):]
    line = np.polyval(np.polyfit(trace.drive, trace.height, 1), trace.drive)
    kept = np.unique(np.linspace(0, len(line) - 1, 2000).astype(int))
    rest = trace.height - made
    columns = {"drive": trace.drive, "left_by_line": trace.height - line, "left_by_scanner": rest - np.nanmean(rest)}
    return {name: ("sample", values[kept], {"units": "m"}) for name, values in columns.items()}


def _about_scanner(found: Identified, curves: int, judges: int) -> list[str]:
    order = found.order
    parts = [f"{order.plays} plays", f"{order.modes} creep modes", *(["a static bend"] if order.bent else [])]
    said = [f"On {judges} of {curves} curves that took no part in it, heights from the drive are wrong by "
            f"{plain(found.residual, 'm', 2)} rms, {100 * found.relative:.2g} % of their range; "
            f"a straight line leaves {100 * found.linear:.2g} %.",
            f"The model that predicted left-out curves best has {', '.join(parts)}.",
            "The error bars of an analysis do not hold this error of the heights: where it is no small part of the "
            "indentation, take a sensor."]
    if found.relative > 0.5 * found.linear:
        said.append("That is hardly better than a straight line: do not use this scanner.")
    return said
