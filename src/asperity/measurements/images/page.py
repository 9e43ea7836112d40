"""The page about a corrected image."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from asperity.report.numbers import measurement, plain
from asperity.report.page import Finding, Page, Panel
from asperity.report.pictures import Line, lines, picture

__all__ = ["page"]


def page(result: xr.Dataset) -> Page:
    """The page about a corrected image."""
    found = json.loads(result.attrs["corrections"])
    channel = next(str(name).removesuffix("_background") for name in result if str(name).endswith("_background"))
    x, y = result["x"].values, result["y"].values
    background = result[f"{channel}_background"].values
    leveled = result.get(f"{channel}_leveled", result[channel]).values
    unit = str(result[channel].attrs["units"])
    panels = [Panel("Leveling", "Gray: missing (scars). Right: what was taken off.",
                    (picture(leveled + background, x, y, "as recorded", unit),
                     picture(leveled, x, y, "leveled", unit), picture(background, x, y, "background", unit)))]
    if f"{channel}_std" in result:
        row = result.sizes["y"] // 2
        band = result[channel].values[row], result[f"{channel}_std"].values[row]
        profile = lines([Line("leveled", 1e9 * x, 1e9 * leveled[row]),
                         Line("denoised, ± 2 std", 1e9 * x, 1e9 * band[0], 1e9 * (band[0] - 2 * band[1]),
                              1e9 * (band[0] + 2 * band[1]))], f"line {row}", "x (nm)", "height (nm)")
        panels.append(Panel("Denoising", "; ".join(found["guard"]),
                            (picture(result[channel].values, x, y, "denoised", unit), profile)))
    if f"{channel}_surface" in result:
        surface = result[f"{channel}_surface"].values
        certain = np.where(result[f"{channel}_certain"].values, surface, np.nan)
        panels.append(Panel("Without the tip", "Gray on the right: the tip did not touch there for sure; the surface "
                            "on the left is an upper bound there, no measurement.",
                            (picture(surface, x, y, "highest possible surface", unit),
                             picture(certain, x, y, "touched for sure", unit))))
    name = Path(str(result["file"].item())).name
    return Page("image", name, _headline(found), _findings(found, unit), tuple(_remarks(found)), tuple(panels))


def _headline(found: Mapping[str, Any]) -> str:
    if found.get("guard_kept") is False:
        return "Denoising changed what it must keep: do not use the denoised heights."
    if "certain" in found:
        return f"The tip touched {100 * found['certain']:.0f} % of the pixels for sure."
    share = f"{100 * found['missing']:.2g} % of the pixels"
    return "Leveled" + (f"; {share} are missing: scars, or not recorded." if found["missing"] else ".")


def _findings(found: Mapping[str, Any], unit: str) -> tuple[Finding, ...]:
    rows = []
    if np.isfinite(found.get("roughness", np.nan)):
        rows.append(Finding("Roughness Sq", measurement(found["roughness"], unit, [(found["roughness_std"], "")]),
                            f"Root mean square height, with the {100 * found['leveling_bias']:.1f} % of the mean "
                            "square that leveling took away put back (measured: "
                            f"{plain(found['roughness_measured'], unit)})."))
    else:
        rows.append(Finding("Roughness Sq", plain(found["roughness_measured"], unit),
                            "Root mean square height as leveled: a lower bound, for leveling took away more."))
    if found.get("roughness_resolved"):
        rows.append(Finding("Correlation length", plain(found["correlation_length"], "m"),
                            "Where the autocorrelation has fallen to 1/e: blocks of a split should be several times "
                            "as wide."))
    if "noise_std" in found:
        rows.append(Finding("Noise", plain(found["noise_std"], unit), "Of one pixel, from trace and retrace."))
    if "hurst" in found:
        rows.append(Finding("Spectral exponent", f"{found['exponent']:.2f} ± {found['exponent_std']:.2f}",
                            f"Of the surface without noise; Hurst exponent {found['hurst']:.2f}."))
    return tuple(rows)


def _remarks(found: Mapping[str, Any]) -> list[str]:
    remarks = []
    if found.get("roughness_resolved") is False:
        remarks.append("The correlation length is beyond a tenth of the frame: the roughness grows with the frame and "
                       "has no value of its own here.")
    if "certain" in found and not found["noise_bound"]:
        remarks.append("Without a retrace the noise is not known: the map of certain pixels takes the image for exact.")
    return remarks
