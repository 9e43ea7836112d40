"""The page about a corrected image."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from asperity.report.numbers import measurement, plain
from asperity.report.page import Finding, Page, Panel
from asperity.report.pictures import Line, lines, picture

__all__ = ["page"]

_NONE = 0.01  # of the leveled rms, below which a bound of the surface's own is none
_ENDS = {"top": "highest", "bottom": "lowest"}
_MISFIT = 2.0  # deviance over its expectation, from which the law of the surface is called wrong


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
    return Page("image", name, _headline(found), _findings(found, unit), tuple(_remarks(found, unit)), tuple(panels))


def _headline(found: Mapping[str, Any]) -> str:
    if found.get("guard_kept") is False:
        return "Denoising changed what it must keep: do not use the denoised heights."
    if "certain" in found:
        return f"The tip touched {100 * found['certain']:.0f} % of the pixels for sure."
    share = f"{100 * found['missing']:.2g} % of the pixels"
    return "Leveled" + (f"; {share} are missing: scars, or not recorded." if found["missing"] else ".")


def _findings(found: Mapping[str, Any], unit: str) -> tuple[Finding, ...]:
    rows = [_rms(found, unit), *_waves(found, unit), *_scales(found)]
    if "noise_std" in found:
        rows.append(Finding("Noise", plain(found["noise_std"], unit), "Of one pixel, from trace and retrace."))
    elif "noise_in_image" in found:
        rows.append(Finding("Noise", measurement(found["noise_in_image"], unit, [(found["noise_in_image_std"], "")]),
                            "White noise of one pixel, from the flat end of the spectrum; structure finer than the "
                            "pixel counts as noise where it cannot be told from it."))
    return tuple(rows)


def _rms(found: Mapping[str, Any], unit: str) -> Finding:
    leveled = plain(found["roughness_measured"], unit)
    measured = f"(as leveled, with noise: {leveled})"
    if "roughness_unknown" in found:
        return Finding("Roughness Sq", f"{leveled} as leveled, with noise",
                       f"What the surface has of its own is not known: {found['roughness_unknown']}.")
    beside = ", beside the waves" if "waves" in found else ""
    if _is_noise(found):
        return Finding("Roughness Sq", f"{leveled} as leveled, with noise; of the surface alone{beside} nothing that "
                       "could not be noise", "Root mean square height.")
    if "clipped" in found:
        return Finding("Roughness Sq", f"{leveled} as leveled, with noise; of the surface alone{beside} at least "
                       f"{plain(found['roughness_low'], unit)}",
                       "Root mean square height: cut-off heights make it smaller by an unknown amount.")
    if not found["roughness_resolved"]:
        return Finding("Roughness Sq", f"{leveled} as leveled, with noise and bow; of the surface alone{beside} at "
                       f"least {plain(found['roughness_low'], unit)}",
                       "Root mean square height: it grows with the frame, which is too small to show where that ends.")
    return Finding("Roughness Sq", measurement(found["roughness"], unit, [(found["roughness_std"], "")]) + beside,
                   f"Root mean square height of the surface, without noise and with what leveling took away put back "
                   f"{measured}. 95 %: {_between(found, 'roughness', unit)}.")


def _is_noise(found: Mapping[str, Any]) -> bool:
    """Whether no part of the heights is for sure the surface's."""
    return (not found.get("roughness_resolved", True)
            and found["roughness_low"] < _NONE * found["roughness_measured"])


def _waves(found: Mapping[str, Any], unit: str) -> list[Finding]:
    """Waves that stand out, if there are any."""
    if "waves" not in found:
        return []
    strongest = (f"{plain(found['waves_length'], 'm')} long, {math.degrees(found['waves_angle']):.0f}° from the fast "
                 "axis")
    return [Finding("Waves", f"about {plain(found['waves'], unit)} rms, the strongest {strongest}",
                    "They stand out from all others of their wavelength, and have no part in roughness, correlation "
                    "length and exponent. A grating, a lattice, stripes or steps of the surface, or hum of the mains "
                    "or a vibration: one image does not tell, but hum changes its wavelength with the scan rate.")]


def _scales(found: Mapping[str, Any]) -> list[Finding]:
    """Correlation length and Hurst exponent, or what keeps them from being known."""
    rows = []
    meaning = ("Where the autocorrelation of the surface has fallen to 1/e: blocks of a split should be several times "
               "as wide.")
    if found.get("roughness_resolved"):
        rows.append(Finding("Correlation length", measurement(
            found["correlation_length"], "m", [(found["correlation_length_std"], "")]),
            f"{meaning} 95 %: {_between(found, 'correlation_length', 'm')}."))
    elif "correlation_length_low" in found and not _is_noise(found):
        rows.append(Finding("Correlation length", f"at least {plain(found['correlation_length_low'], 'm')}", meaning))
    if "hurst" in found:
        rows.append(Finding("Hurst exponent", measurement(found["hurst"], "1", [(found["hurst_std"], "")]),
                            "How the roughness of the surface without noise grows with the wavelength below its "
                            f"roll-off. 95 %: {found['hurst_low']:.2f} to {found['hurst_high']:.2f}."))
    elif "hurst_words" in found:
        rows.append(Finding("Hurst exponent", "no value", f"{found['hurst_words'].capitalize()}."))
    return rows


def _between(found: Mapping[str, Any], name: str, unit: str) -> str:
    return f"{plain(found[f'{name}_low'], unit)} to {plain(found[f'{name}_high'], unit)}"


def _remarks(found: Mapping[str, Any], unit: str) -> list[str]:
    remarks = []
    if "clipped" in found:
        ends = " and ".join(f"{100 * share:.2g} % of the pixels hold exactly the {_ENDS[name]} value" for name, share in
                            found["clipped"].items())
        remarks.append(f"Heights are cut off: {ends}. The scanner, the sensor or an export came to the end of its "
                       "range. Scan again with the middle of the range on the surface, or export anew; steps, volumes "
                       "and roughness of this image are too small.")
    if found.get("line_offset"):
        remarks.append(f"Lines are offset against each other by about {plain(found['line_offset'], unit)} rms: left "
                       "out of the roughness, not of the heights. Take them off with lines = \"median\" "
                       "(--lines median).")
    if found.get("unexplained"):
        remarks.append(f"{plain(found['unexplained'], unit)} rms of the leveled heights are neither roughness nor "
                       "noise: bow of the scanner or offsets of lines. Level with a higher order (--level 2) or take "
                       "off lines (--lines median).")
    if found.get("spectrum_misfit", 0.0) > _MISFIT and "roughness_unknown" not in found:
        remarks.append("The surface does not obey the law behind roughness, correlation length and exponent "
                       "(self-affine with a roll-off, alike in all directions, under white noise): their errors are "
                       "enlarged for it, but speak of that law.")
    if found.get("guard_kept", True) is None:
        remarks.append(found["guard"][0] + ".")
    if "certain" in found and not found["noise_bound"]:
        remarks.append("Without a retrace the noise is not known: the map of certain pixels takes the image for exact.")
    return remarks
