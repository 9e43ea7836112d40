"""The page about a spectrum or a relaxation: the data, the material behind them, and what causality says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import xarray as xr

from asperity.data.results import assumptions
from asperity.learning.outcome import Outcome
from asperity.report.numbers import plain, prefix
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
    told = np.isfinite(made["relaxation_fit"].values)
    good = np.flatnonzero(told.any(axis=1))
    good = good[np.argsort(flag[good], kind="stable")]
    figures = []
    for name, label in (("relaxation_fit", "E(t)"), ("creep_fit", "J(t)")) if len(good) else ():
        factor, unit = _scale(made, name) if name == "relaxation_fit" else (1.0, "1/Pa")
        drawn = [_with_band(f"curve {i}", grid, [made[name + end].values[i] / factor for end in ("", "_low", "_high")])
                 for i in good[:4]]
        figures.append(lines(drawn, label, "time (s)", f"{label} ({unit})", logarithmic=True))
    if not len(good):
        return Page("relaxation", Path(str(made.attrs["file"])).name, said[0], (), tuple(said[1:]))
    sound = good[flag[good] != Outcome.misfit]
    if not len(sound):
        said.insert(0, "No relaxing material gives these forces: the numbers of the fit cannot be defended.")
    good = sound if len(sound) else good
    last = int(np.flatnonzero(told[good].all(axis=0))[-1])  # the end of the shortest hold
    middle, low, high = (plain(float(np.median(made[f"relaxation_fit{end}"].values[good, last])), "Pa", 3)
                         for end in ("", "_low", "_high"))
    many = "" if len(good) == 1 else f"Median of {len(good)} curves, and of the ends of their bands. "
    value = f"{middle} ({low} to {high}, 90 %)" if len(sound) else f"about {middle}, not defended"
    found = Finding(f"E({plain(float(grid[last]), 's', 2)})", value,
                    f"{many}At the end of the {'shortest ' if len(good) > 1 else ''}hold.")
    return Page("relaxation", Path(str(made.attrs["file"])).name, said[0], (found,), tuple(said[1:]), (
        Panel("Relaxation and creep", "Bands: 90 %, with the noise of the baselines, level, tilt, drift and drag. "
              "Times begin with four samples of a hold; those shorter than the ramp rest on its shape, and "
              "below a tenth of it bands may be too narrow.",
              tuple(figures)),))


def _headline(made: xr.Dataset, oscillating: bool) -> str:
    if not oscillating:
        kind = "creeping" if "creep_compliance" in made else "relaxing"
        return (f"No {kind} material with the stated noise gives these data." if made.attrs["alarm"] else
                f"The data are those of a {kind} material, as far as the stated noise tells.")
    return ("No causal, dissipating material with the stated noise gives these data." if made.attrs["alarm"] else
            "The data are those of a causal, dissipating material, as far as this band shows.")


def _findings(made: xr.Dataset) -> tuple[Finding, ...]:
    """The constants of the fitted material with their bands, if it is one."""
    if made.attrs["alarm"]:
        return ()
    if "fluidity" in made:
        return _creep_findings(made)
    said = [Finding("equilibrium modulus", _between(made, "equilibrium_modulus", "Pa"),
                    "What does not relax within ten times the slowest data, by the fit; band of 90 %.")]
    if "loss_fit" not in made:
        return tuple(said)
    dashpot = Finding("parallel dashpot", _between(made, "parallel_dashpot", "Pa s"),
                      "What relaxes faster than a tenth of the fastest data, by the fit, and any drag that was "
                      "left in; not the zero-shear viscosity of a melt. Band of 90 %.")
    return (*said, *_flow(made), dashpot)


def _flow(made: xr.Dataset) -> tuple[Finding, ...]:
    """The viscosity at rate zero of what may be a liquid."""
    shear = made.attrs["modulus"] == "shear_"
    name = "zero-shear viscosity" if shear else "zero-rate viscosity"
    letter = "G" if shear else "E"
    of = "" if shear else ("It is that of extension, as the modulus: three times the zero-shear viscosity of an "
                           "incompressible liquid. ")
    if int(made["terminal"]) == 1:
        return (Finding(name, _between(made, "zero_rate_viscosity", "Pa s"), f"{of}The limit of {letter}''/omega, "
                        "which the data reach, if nothing slower than they show follows; band of 90 %."),)
    if int(made["terminal"]) == 0:
        first = float(made["frequency"][0])
        seen = float(made["loss_fit_low"].sel(fit_frequency=first, method="nearest"))
        least = plain(seen / (2 * np.pi * first), "Pa s", 2)
        return (Finding(name, "not reached", f"{of}{letter}''/omega still rises at the lowest frequency: if it is a "
                        f"liquid, above {least}; a solid cannot be told from it."),)
    return ()


def _creep_findings(made: xr.Dataset) -> tuple[Finding, ...]:
    """What creep tells: the viscosity of a steady flow and the modulus at once, or what they exceed."""
    return (Finding("viscosity of steady flow", _between(made, "fluidity", "Pa s", inverse=True),
                    "By the part of J(t) that grows as t, by the fit; slow creep may look like it. Band of 90 %."),
            Finding("modulus at once", _at_once(made), "1/J of what follows faster than a tenth of the first time, by "
                    "the fit; it may be as low as 1/J at the first time. Band of 90 %."))


def _at_once(made: xr.Dataset) -> str:
    """The modulus before anything creeps. How much creeps before the first time no datum tells: it may be nothing."""
    first = made["creep_fit_high"].sel(fit_time=float(made["time"].min()), method="nearest")
    return _between(made, "glassy_compliance", "Pa", inverse=True, beyond=float(first))


def _between(made: xr.Dataset, name: str, unit: str, *, inverse: bool = False, beyond: float = 0.0) -> str:
    """A value, or one over it, with the ends of its band; a limit where the lower end is nothing beside the upper.

    ``beyond``: what it may be, whatever its band says.
    """
    value, low, high = (float(made[name + end]) for end in ("", "_low", "_high"))
    high = max(high, beyond)
    if high <= 0:
        return "none seen"
    if low <= _NOTHING * high:
        return f"{'>' if inverse else '<'} {plain(1 / high if inverse else high, unit)} (95 %)"
    told = (1 / value, 1 / high, 1 / low) if inverse else (value, low, high)
    middle, least, most = (plain(one, unit) for one in told)
    return f"{middle} ({least} to {most})"


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
    creeping = "creep_compliance" in made
    factor, unit = prefix(float(np.nanmedian(1 / np.abs(made["creep_fit"].values))), "Pa") if creeping else \
        _scale(made, "relaxation_modulus")
    grid, time = made["fit_time"].values, made["time"].values
    fit = [made[f"relaxation_fit{end}"].values / factor for end in ("", "_low", "_high")]
    creep = [made[f"creep_fit{end}"].values * factor for end in ("", "_low", "_high")]
    measured = Line("measured", time, made["creep_compliance"].values * factor if creeping else
                    made["relaxation_modulus"].values / factor, dots=True)
    own, other = ([], [measured]) if creeping else ([measured], [])
    figures = (lines([*own, _with_band("material", grid, fit)], "relaxation", "time (s)", f"E(t) ({unit})",
                     logarithmic=True),
               lines([*other, _with_band("material", grid, creep)], "creep", "time (s)", f"J(t) (1/{unit})",
                     logarithmic=True))
    title, also = ("Creep", "Relaxation") if creeping else ("Relaxation", "Creep")
    return [Panel(title, f"Bands: 90 % credible. {also} is that of the same material.",
                  figures[::-1] if creeping else figures)]


def _density(made: xr.Dataset) -> Panel:
    creeping = "retardation_density" in made
    kind = "retardation" if creeping else "relaxation"
    name, letter = f"{kind}_density", "L" if creeping else "H"
    factor, unit = (1.0, "1/Pa") if creeping else _scale(made, name)
    bands = [made[name + end].values / factor for end in ("", "_low", "_high")]
    times = np.log10(made[f"{kind}_time"].values)
    return Panel(f"{kind.capitalize()} times", 
                 f"{letter} per unit of ln tau; beyond the data the smoothness alone decides.",
                 (lines([_with_band(letter, times, bands)], f"{kind} spectrum", f"log10 {kind} time (s)",
                        f"{letter} ({unit})"),))
