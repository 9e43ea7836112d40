"""The page about a calibration: its constants, what to think of them, and the data they rest on."""

from __future__ import annotations

import json

import numpy as np
import xarray as xr

from asperity.data.calibrations import CONSTANTS
from asperity.report.numbers import measurement
from asperity.report.page import Finding, Page, Panel
from asperity.report.pictures import Line, lines, picture

__all__ = ["constants_in_words", "page"]

_TITLES = {"spring_constant": "Spring constant", "sensitivity": "Deflection sensitivity", "scanner": "Scanner",
           "tip": "Tip"}


def constants_in_words(calibration: xr.Dataset) -> list[Finding]:
    """Every constant with its uncertainty."""
    found = []
    for name in CONSTANTS:
        if name not in calibration:
            continue
        variable = calibration[name]
        split = [(float(calibration[f"{name}_std_{kind}"]), kind) for kind in ("statistical", "systematic")
                 if f"{name}_std_{kind}" in calibration]
        parts = split or [(float(calibration.get(f"{name}_std", np.nan)), "")]
        words = measurement(float(variable), str(variable.attrs.get("units", "")), parts)
        meaning = str(variable.attrs.get("long_name", "")).capitalize()
        found.append(Finding(name.replace("_", " "), words, f"{meaning}."))
    if "scanner_residual" in calibration:
        words = measurement(float(calibration["scanner_residual"]), "m", [])
        found.append(Finding("height error", words.replace(" (uncertainty unknown)", ""),
                             "Root mean square, on curves that took no part."))
    return found


def page(calibration: xr.Dataset) -> Page:
    """The page about any calibration."""
    kind, said = str(calibration.attrs["calibration"]), json.loads(calibration.attrs["findings"])
    panels = {"scanner": _scanner, "sensitivity": _sensitivity, "tip": _tip, "spring_constant": _spectrum}[kind]
    return Page("calibration", _TITLES[kind], said[0], tuple(constants_in_words(calibration)), tuple(said[1:]),
                tuple(panels(calibration)))


def _scanner(calibration: xr.Dataset) -> list[Panel]:
    drive = 1e6 * calibration["drive"].values
    left = [Line(label, drive, 1e9 * calibration[name].values, dots=True)
            for label, name in (("a straight line", "left_by_line"), ("the scanner's model", "left_by_scanner"))]
    plays = [Line("weights", 1e6 * calibration["scanner_thresholds"].values, calibration["scanner_weights"].values,
                  dots=True)]
    return [Panel("What is left of the sensor's height", "A curve that took no part.",
                  (lines(left, "sensor minus model", "drive (µm)", "difference (nm)"),
                   lines(plays, "plays", "threshold (µm)", "weight")))]


def _sensitivity(calibration: xr.Dataset) -> list[Panel]:
    height, voltage = 1e6 * calibration["height"].values, calibration["voltage"].values
    touched = voltage > np.min(voltage) + 0.3 * np.ptp(voltage)
    middle = height[touched].mean(), voltage[touched].mean()
    slope = -1e-6 / float(calibration["sensitivity"])
    shown = [Line("recorded", height, voltage, dots=True),
             Line("sensitivity", height[touched], middle[1] + slope * (height[touched] - middle[0]))]
    return [Panel("The curve", "", (lines(shown, "photodiode", "height (µm)", "voltage (V)"),))]


def _tip(calibration: xr.Dataset) -> list[Panel]:
    heights, pitch = calibration["tip_height"].values, float(calibration["tip_pitch"])
    y, x = ((np.arange(n) - n // 2) * pitch for n in heights.shape)
    middle = heights.shape[0] // 2
    fitted = (heights + calibration["tip_shape_residual"].values)[middle]
    sections = [Line("estimate, fast axis", 1e9 * x, 1e9 * heights[middle]),
                Line("fitted shape", 1e9 * x, 1e9 * fitted),
                Line("estimate, slow axis", 1e9 * y, 1e9 * heights[:, heights.shape[1] // 2])]
    return [Panel("The tip", "Height from the apex down.",
                  (picture(heights, x, y, "outer bound of the tip", "m"),
                   lines(sections, "sections", "from the apex (nm)", "height (nm)")))]


def _spectrum(calibration: xr.Dataset) -> list[Panel]:
    frequency = 1e-3 * calibration["frequency"].values
    unit = str(calibration["power"].attrs.get("units", "V^2/Hz")).replace("^2", "²")
    used = calibration["used"].values.astype(bool)
    shown = [Line("recorded", frequency, np.where(used, calibration["power"].values, np.nan), dots=True),
             Line("fit", frequency, np.where(used, calibration["power_fit"].values, np.nan))]
    methods = calibration["method"].values
    rows = [(str(name), measurement(float(calibration["method_spring_constant"][i]), "N/m",
                                    [(float(calibration["method_std_statistical"][i]), "statistical"),
                                     (float(calibration["method_std_systematic"][i]), "systematic")]))
            for i, name in enumerate(methods)]
    return [Panel("Spectrum", "Bins outside the band and electronic lines are left out.",
                  (lines(shown, "thermal motion", "frequency (kHz)", f"power density ({unit})", logarithmic=True),)),
            Panel("Methods", "", (), ("method", "spring constant"), tuple(rows))]
