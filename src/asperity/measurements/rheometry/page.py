"""The page about a spectrum or a relaxation: the data, the material behind them, and what causality says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import xarray as xr

from asperity.data.results import assumptions
from asperity.report.numbers import count_of, plain, prefix
from asperity.report.page import Finding, Page, Panel
from asperity.report.pictures import Line, lines

__all__ = ["page"]

_NOTHING = 1e-3  # of the upper end of a band, below which the lower one cannot be told from zero


def page(made: xr.Dataset) -> Page:
    """The page about the result of `asperity.measurements.rheometry.material.spectrum` or `relax`."""
    said = [*json.loads(made.attrs["findings"]), *assumptions(made)]
    if "curve" in made.dims:
        return _held(made, said)
    oscillating = "loss_fit" in made
    panels = _spectrum(made) if oscillating else _relaxation(made)
    name = Path(str(made.attrs["file"])).name
    return Page("spectrum" if oscillating else "relaxation", name, _headline(made, oscillating), _findings(made),
                tuple(said), (*panels, _density(made)))


def _held(made: xr.Dataset, said: list[str]) -> Page:
    """Curves with a hold: the relaxation of the first four that were fitted, those that agree with the noise first."""
    grid, flag = made["fit_time"].values, made["flag"].values
    good = np.flatnonzero(np.isfinite(made["relaxation_fit"].values[:, -1]))
    good = good[np.argsort(flag[good], kind="stable")]
    figures = []
    for name, label in (("relaxation_fit", "E(t)"), ("creep_fit", "J(t)")) if len(good) else ():
        factor, unit = _scale(made, name) if name == "relaxation_fit" else (1.0, "1/Pa")
        drawn = [_with_band(f"curve {i}", grid, [made[name + end].values[i] / factor for end in ("", "_low", "_high")])
                 for i in good[:4]]
        figures.append(lines(drawn, label, "time (s)", f"{label} ({unit})", logarithmic=True))
    ends = [np.nanmedian(made[f"relaxation_fit{end}"].values[:, -1]) if len(good) else np.nan
            for end in ("", "_low", "_high")]
    if not len(good):
        return Page("relaxation", Path(str(made.attrs["file"])).name, said[0], (), tuple(said[1:]))
    middle, low, high = (plain(float(end), "Pa", 3) for end in ends)
    found = Finding("E at the end of the hold", f"{middle} ({low} to {high})",
                    f"Median of {count_of(len(good), 'curve')}, and of the ends of its band of 90 %.")
    return Page("relaxation", Path(str(made.attrs["file"])).name, said[0], (found,), tuple(said[1:]), (
        Panel("Relaxation and creep", "Bands: 90 %, with the noise of the baselines, level, tilt, drift and drag. "
              "Times begin with four samples of a hold; those shorter than the ramp rest on its shape.",
              tuple(figures)),))


def _headline(made: xr.Dataset, oscillating: bool) -> str:
    if not oscillating:
        return ("No relaxing material with the stated noise gives these data." if made.attrs["alarm"] else
                "The data are those of a relaxing material, as far as the stated noise tells.")
    return ("No causal, dissipating material with the stated noise gives these data." if made.attrs["alarm"] else
            "The data are those of a causal, dissipating material, as far as this band shows.")


def _findings(made: xr.Dataset) -> tuple[Finding, ...]:
    """The constants of the fitted material with their bands, if it is one; a dashpot only of what oscillates."""
    if made.attrs["alarm"]:
        return ()
    said = [Finding("equilibrium modulus", _between(made, "equilibrium_modulus", "Pa"),
                    "What does not relax within ten times the slowest data, by the fit; band of 90 %.")]
    if "loss_fit" in made:
        said.append(Finding("parallel dashpot", _between(made, "viscosity", "Pa s"),
                            "What relaxes faster than a tenth of the fastest data, by the fit, and any drag that was "
                            "left in; not the zero-shear viscosity of a melt. Band of 90 %."))
    return tuple(said)


def _between(made: xr.Dataset, name: str, unit: str) -> str:
    """A value with the ends of its band; an upper limit where the lower end is nothing beside it."""
    value, low, high = (float(made[name + end]) for end in ("", "_low", "_high"))
    if low <= _NOTHING * high:
        return f"< {plain(high, unit)} (95 %)"
    return f"{plain(value, unit)} ({plain(low, unit)} to {plain(high, unit)})"


def _with_band(label: str, x: np.ndarray, parts: list[np.ndarray]) -> Line:
    """The line with its band: (value, low, high)."""
    return Line(label, x, parts[0], parts[1], parts[2])


def _scale(made: xr.Dataset, name: str) -> tuple[float, str]:
    return prefix(float(np.nanmedian(np.abs(made[name].values))), "Pa")


def _spectrum(made: xr.Dataset) -> list[Panel]:
    letter = "G" if made.attrs["modulus"] == "shear_" else "E"
    kind = "" if letter == "E" else "shear_"
    factor, unit = _scale(made, f"{kind}storage_modulus")
    f, grid = made["frequency"].values, made["fit_frequency"].values
    drawn, causal = [], []
    for part, sign in (("storage", "'"), ("loss", "''")):
        data = made[f"{kind}{part}_modulus"].values / factor
        fit = [made[f"{part}_fit{end}"].values / factor for end in ("", "_low", "_high")]
        drawn += [Line(f"{letter}{sign} measured", f, data, dots=True),
                  _with_band(f"{letter}{sign} material", grid, fit)]
        kk, floor = made[f"{part}_kk"].values / factor, made["kk_floor"].values / factor
        causal += [Line(f"{letter}{sign} measured", f, data, dots=True),
                   _with_band(f"{letter}{sign} from the other", f, [kk, kk - floor, kk + floor])]
    cole = [Line("measured", made[f"{kind}storage_modulus"].values / factor,
                 made[f"{kind}loss_modulus"].values / factor, dots=True),
            Line("material", made["storage_fit"].values / factor, made["loss_fit"].values / factor)]
    size = np.hypot(made[f"{kind}storage_modulus"].values, made[f"{kind}loss_modulus"].values) / 100
    rest = [Line(f"{letter}{sign}", np.log10(f), made[f"{part}_residual"].values / size, dots=True)
            for part, sign in (("storage", "'"), ("loss", "''"))]
    return [Panel("Spectrum", "Bands: 90 % credible, of the smoothest nonnegative spectrum of relaxation times.",
                  (lines(drawn, "storage and loss", "frequency (Hz)", f"modulus ({unit})", logarithmic=True),
                   lines(cole, "Cole-Cole", f"{letter}' ({unit})", f"{letter}'' ({unit})"))),
            Panel("Causality", "Each part predicted from the other by the Kramers-Kronig relations on this band; "
                  "the bands are the error that the finite band alone makes. Residuals are of the nearest passive "
                  "material: noise changes sign from point to point.",
                  (lines(causal, "Kramers-Kronig", "frequency (Hz)", f"modulus ({unit})", logarithmic=True),
                   lines(rest, "residual of the nearest passive material", "log10 frequency (Hz)", "residual (%)")))]


def _relaxation(made: xr.Dataset) -> list[Panel]:
    factor, unit = _scale(made, "relaxation_modulus")
    grid = made["fit_time"].values
    fit = [made[f"relaxation_fit{end}"].values / factor for end in ("", "_low", "_high")]
    creep = [made[f"creep_fit{end}"].values * factor for end in ("", "_low", "_high")]
    measured = Line("measured", made["time"].values, made["relaxation_modulus"].values / factor, dots=True)
    figures = (lines([measured, _with_band("material", grid, fit)], "relaxation", "time (s)", f"E(t) ({unit})",
                     logarithmic=True),
               lines([_with_band("material", grid, creep)], "creep", "time (s)", f"J(t) (1/{unit})", logarithmic=True))
    return [Panel("Relaxation", "Bands: 90 % credible. Creep is that of the same material.", figures)]


def _density(made: xr.Dataset) -> Panel:
    factor, unit = _scale(made, "relaxation_density")
    bands = [made[f"relaxation_density{end}"].values / factor for end in ("", "_low", "_high")]
    times = np.log10(made["relaxation_time"].values)
    return Panel("Relaxation times", "H per unit of ln tau; beyond the data the smoothness alone decides.",
                 (lines([_with_band("H", times, bands)], "relaxation spectrum", "log10 relaxation time (s)",
                        f"H ({unit})"),))
