"""The page about the drift over repeated images."""

from __future__ import annotations

import json
from pathlib import Path

import xarray as xr

from asperity.instrument.phase_correlation import PairFlag
from asperity.report.numbers import measurement
from asperity.report.page import Finding, Page, Panel
from asperity.report.pictures import Line, lines

__all__ = ["page"]


def page(made: xr.Dataset) -> Page:
    """The page about a drift."""
    said = json.loads(made.attrs["findings"])
    constants = []
    if "velocity" in made:
        unit = "m/s" if made["velocity"].attrs["units"] == "m/s" else "m"
        for i, axis in enumerate(("y", "x")):
            words = measurement(float(made["velocity"][i]), unit, [(float(made["velocity_std"][i]), "")])
            constants.append(Finding(f"velocity along {axis}", words, "Mean." if unit == "m/s" else "Mean, per frame."))
    time, unit = made["time"].values, str(made["time"].attrs["units"])
    shown = [Line(axis, time, 1e9 * made["drift"].values[:, i],
                  1e9 * (made["drift"] - 2 * made["drift_std"]).values[:, i],
                  1e9 * (made["drift"] + 2 * made["drift_std"]).values[:, i]) for i, axis in enumerate(("y", "x"))]
    flags = [PairFlag(int(flag)) for flag in made["pair_flag"].values]
    rows = tuple((f"{a} to {b}", flag.name.replace("_", " "), "yes" if used else "no") for (a, b), flag, used in
                 zip(made["pair_frames"].values.tolist(), flags, made["pair_used"].values))
    return Page("drift", Path(str(made.attrs["file"])).name, said[0], tuple(constants), tuple(said[1:]), (
        Panel("Position", "Bands are ± 2 standard deviations.",
              (lines(shown, "position of the surface", f"time ({unit})", "drift (nm)"),)),
        Panel("Pairs", "", (), ("frames", "outcome", "used"), rows)))
