"""Spectra and relaxations: the material behind them, what causality says of the data, and the page about it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import partial
from os import PathLike
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from scipy.stats import chi2

from asperity.data import provenance
from asperity.data.kinds import KINDS, kind_of
from asperity.data.readers.rheology_table import read_table
from asperity.data.results import listed
from asperity.data.verbs import verb
from asperity.messages import ArgumentError, DataError
from asperity.report.citing import citations
from asperity.rheology import kramers_kronig, passivity, relaxation_spectrum
from asperity.rheology.finite_band import finite_band
from asperity.rheology.passivity import PassivityReport, check_passivity
from asperity.rheology.relaxation_spectrum import RelaxationSpectrum
from asperity.rheology.spectrum_estimate import SpectrumFit, fit_relaxation, fit_spectrum, noise_of
from asperity.rheology.spectrum_posterior import sample_from_relaxation, sample_spectrum

__all__ = ["median_spectrum", "relax", "spectrum"]

_BY_CHANCE = 1e-3  # probability, below which a chi-square is none of the stated noise
_ASSUMED_NOISE = 0.05  # relative, where nobody states one
_LEVEL = 0.9  # of the credible bands
_BEYOND = 1.0  # decades beyond the data that are shown
_GRID = 161  # times or frequencies at which a fit is drawn
_REPEATS = 999  # repetitions of a measurement for the p-value
_MANY = 100  # points of a spectrum beyond which a tenth of these repetitions is made

#: E* of a material in double precision, compiled as a whole
_modulus = jax.jit(RelaxationSpectrum.complex_modulus)


@verb()
def spectrum(source: str | PathLike[str] | xr.Dataset, *, noise: float | None = None, draws: int = 300) -> xr.Dataset:
    """The material behind a spectrum E*(f), and whether a causal, dissipating material can have given it.

    Args:
        source: a table (see `asperity.data.readers.rheology_table`), or a dataset over ``frequency`` with
            ``storage_modulus`` and ``loss_modulus`` (or the shear ones), such as `median_spectrum` makes of a map.
        noise: relative standard uncertainty of E' and E'', in parts of |E*|; by default that of the source, else 5 %,
            which is said.
        draws: materials drawn for the credible bands.

    Returns:
        the data; over ``fit_frequency``, a decade beyond them on both sides, the fitted ``storage_fit`` and
        ``loss_fit`` with ``_low`` and ``_high`` (90 %); ``relaxation_density`` H over ``relaxation_time`` with its
        band; ``storage_kk`` and ``loss_kk``, what the Kramers-Kronig relations make of the other part, with
        ``kk_floor``, their own error on this band; and the attributes ``findings`` and ``alarm``.

    Raises:
        DataError: no such quantities, fewer than five finite points, or a noise that is not positive.
        ReadError: the table cannot be read.
    """
    data, inputs = _opened(source)
    kind = "shear_" if "storage_modulus" not in data and "shear_storage_modulus" in data else ""
    names = (f"{kind}storage_modulus", f"{kind}loss_modulus")
    if not set(names) <= set(data.data_vars) or "frequency" not in data.coords:
        raise DataError(f"no spectrum: it needs {' and '.join(names)} over frequency; the source holds "
                        f"{_held(data)}")
    if data[names[0]].dims != ("frequency",):
        raise DataError("no spectrum: the source holds one for each curve; give their median, as median_spectrum makes")
    values = [data[name].values for name in names]
    finite = np.isfinite(values[0]) & np.isfinite(values[1])
    if finite.sum() < 5:
        raise DataError(f"{finite.sum()} points have both moduli: at least 5 are needed for a spectrum")
    omega, modulus = 2 * math.pi * data["frequency"].values[finite], values[0][finite] + 1j * values[1][finite]
    stated, said = _noise(data.isel(frequency=finite), names, modulus, noise)
    report = check_passivity(omega, modulus, stated, draws=_REPEATS if len(omega) <= _MANY else _REPEATS // 10)
    fitted = fit_spectrum(omega, modulus, stated)
    bands = sample_spectrum(omega, modulus, stated, draws=draws)
    made = data.isel(frequency=finite).drop_attrs(deep=False).assign(_kk_table(omega, modulus, report))
    made = made.assign(_fit_table(omega, fitted, bands))
    step = provenance.step("spectrum", {"noise": noise, "draws": draws, **_named(source)}, inputs=inputs)
    origin = _origin(data, kramers_kronig, passivity, relaxation_spectrum)
    findings = json.dumps([*_left_out(data), *said, *_in_words(report)])
    named = made.assign_attrs(origin, findings=findings, alarm=int(report.alarm), modulus=kind or "young")
    return provenance.record(named, step, before=data if isinstance(source, xr.Dataset) else None)


@verb()
def relax(source: str | PathLike[str] | xr.Dataset, *, noise: float | None = None, draws: int = 300) -> xr.Dataset:
    """The material behind a relaxation E(t) after a step of strain.

    Args:
        source: a table with ``time`` and ``relaxation_modulus``, or a dataset of them.
        noise: relative standard uncertainty of E(t); by default that of the source, else 5 %, which is said.
        draws: materials drawn for the credible bands.

    Returns:
        the data, and over ``fit_time`` the fitted ``relaxation_fit`` and ``creep_fit`` (J(t) of the same material) with
        ``_low`` and ``_high`` (90 %); ``relaxation_density`` over ``relaxation_time``; the attribute ``findings``.

    Raises:
        DataError: no such quantities, fewer than five finite points, or a noise that is not positive.
        ReadError: the table cannot be read.
    """
    data, inputs = _opened(source)
    if "relaxation_modulus" not in data or "time" not in data.coords:
        raise DataError("no relaxation: it needs relaxation_modulus over time; the source holds "
                        f"{_held(data)}")
    if data["relaxation_modulus"].dims != ("time",):
        raise DataError("no relaxation: the source holds one for each curve; give one of them, or their median")
    kept = data.isel(time=np.isfinite(data["relaxation_modulus"].values))
    time, modulus = kept["time"].values, kept["relaxation_modulus"].values
    if len(time) < 5:
        raise DataError(f"{len(time)} finite points: at least 5 are needed for a relaxation")
    stated, said = _noise(kept, ("relaxation_modulus",), modulus.astype(complex), noise)
    fitted = fit_relaxation(time, modulus, np.real(stated))
    bands = sample_from_relaxation(time, modulus, np.real(stated), draws=draws)
    grid = np.geomspace(time[0], time[-1], _GRID)
    found = {**_banded("relaxation_fit", "fit_time", _over("relaxation_modulus", fitted, bands, grid), "Pa"),
             **_banded("creep_fit", "fit_time", _over("creep_compliance", fitted, bands, grid), "1/Pa"),
             **_density(fitted, bands)}
    made = kept.drop_attrs(deep=False).assign(found).assign_coords(fit_time=("fit_time", grid, {"units": "s"}))
    step = provenance.step("relax", {"noise": noise, "draws": draws, **_named(source)}, inputs=inputs)
    findings = json.dumps([*_left_out(data), *said, *_about(fitted, "E(t)")])
    alarm = float(fitted.chi_square) > chi2.isf(_BY_CHANCE, int(fitted.data))
    named = made.assign_attrs(_origin(data, relaxation_spectrum), findings=findings, alarm=int(alarm))
    return provenance.record(named, step, before=data if isinstance(source, xr.Dataset) else None)


def _left_out(data: xr.Dataset) -> list[str]:
    """What the table has and the spectrum has not, as a finding."""
    words = str(data.attrs.get("left_out", ""))
    return [f"{words[0].upper()}{words[1:]}."] if words else []


def _opened(source: Any) -> tuple[xr.Dataset, list[dict[str, Any]]]:
    if isinstance(source, xr.Dataset):
        return source, []
    return read_table(source), [provenance.file_record(source)]


def _held(data: xr.Dataset) -> str:
    """What a dataset is of, or some of its variables."""
    names = [str(name) for name in data.data_vars]
    return KINDS[kind_of(data)][0] if kind_of(data) else ", ".join([*names[:4], *(["..."] if names[4:] else [])])


def _named(source: Any) -> dict[str, str]:
    return {} if isinstance(source, xr.Dataset) else {"source": str(source)}


def _noise(data: xr.Dataset, names: Sequence[str], modulus: np.ndarray,
           given: float | None) -> tuple[np.ndarray, list[str]]:
    """Standard deviations of the parts, complex, and what is said of them."""
    if given is not None:
        try:
            return noise_of(modulus, relative=given), [f"The stated noise is {100 * given:.3g} % of the modulus."]
        except ValueError as error:
            raise ArgumentError(str(error)) from error
    stds = [data[f"{name}_std"].values for name in names if f"{name}_std" in data]
    if len(stds) == len(names) and all((std > 0).all() for std in stds):
        return stds[0] + 1j * stds[-1], ["The noise is that of the data."]
    return noise_of(modulus, relative=_ASSUMED_NOISE), [
        f"ASSUMED, because nobody said it: noise of {100 * _ASSUMED_NOISE:g} % of the modulus. The bands and the test "
        "of causality depend on it."]


def _fit_table(omega: np.ndarray, fitted: SpectrumFit, bands: RelaxationSpectrum) -> dict[str, Any]:
    grid = np.geomspace(omega[0] / 10**_BEYOND, omega[-1] * 10**_BEYOND, _GRID)
    found = _over("complex_modulus", fitted, bands, grid)
    along = ("fit_frequency", grid / (2 * math.pi), {"units": "Hz"})
    return {**_banded("storage_fit", "fit_frequency", [np.real(part) for part in found], "Pa"),
            **_banded("loss_fit", "fit_frequency", [np.imag(part) for part in found], "Pa"),
            **_density(fitted, bands), "fit_frequency": along}


def _over(verb: str, fitted: SpectrumFit, bands: RelaxationSpectrum, grid: np.ndarray) -> list[np.ndarray]:
    """A function of the material over a grid, in double precision: of the fit, and of every draw."""
    with jax.enable_x64(True):
        return [np.asarray(part) for part in _read(fitted.spectrum, bands, jnp.asarray(grid), verb=verb)]


@partial(jax.jit, static_argnames="verb")
def _read(one: RelaxationSpectrum, many: RelaxationSpectrum, grid: jax.Array, *, verb: str):
    def read(material):
        return getattr(material, verb)(grid)

    return read(one), jax.vmap(read)(many)


def _banded(name: str, dim: str, found: Sequence[np.ndarray], unit: str) -> dict[str, Any]:
    """The values of the fit, and their quantiles over the draws."""
    value, draws = found
    low, high = np.quantile(draws, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2], axis=0)
    return {name: (dim, value, {"units": unit}), f"{name}_low": (dim, low, {"units": unit}),
            f"{name}_high": (dim, high, {"units": unit})}


def _density(fitted: SpectrumFit, bands: RelaxationSpectrum) -> dict[str, Any]:
    with jax.enable_x64(True):
        every = [np.asarray(_densities(material)) for material in (fitted.spectrum, bands)]
    found = _banded("relaxation_density", "relaxation_time", every, "Pa")
    times = np.asarray(fitted.spectrum.relaxation_time)
    constants = {"equilibrium_modulus": "Pa", "viscosity": "Pa s"}
    single = {end: ((), value, {"units": unit}) for name, unit in constants.items()
              for end, value in _with_ends(name, fitted, bands)}
    return {**found, "relaxation_time": ("relaxation_time", times, {"units": "s"}), **single}


def _with_ends(name: str, fitted: SpectrumFit, bands: RelaxationSpectrum) -> list[tuple[str, float]]:
    """A constant of the material, and the ends of its band."""
    ends = np.quantile(np.asarray(getattr(bands, name), float), [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    value = float(getattr(fitted.spectrum, name))
    return [(name, value), (f"{name}_low", min(float(ends[0]), value)), (f"{name}_high", max(float(ends[1]), value))]


@jax.jit
def _densities(material: RelaxationSpectrum) -> jax.Array:
    return material.density


def _kk_table(omega: np.ndarray, modulus: np.ndarray, report: PassivityReport) -> dict[str, Any]:
    """What each part predicts of the other; its error is what it does to a passive material on the same band."""
    try:
        measured = finite_band(omega, modulus).predicted
        with jax.enable_x64(True):
            passive = np.asarray(_modulus(report.nearest, jnp.asarray(omega)))
        floor = np.abs(finite_band(omega, passive).predicted - passive)
    except ValueError:
        measured, floor = np.full(len(omega), complex(np.nan, np.nan)), np.full(len(omega), np.nan)
    with jax.enable_x64(True):
        rest = modulus - np.asarray(_modulus(report.nearest, jnp.asarray(omega)))
    values = {"storage_kk": np.real(measured), "loss_kk": np.imag(measured), "kk_floor": floor,
              "storage_residual": np.real(rest), "loss_residual": np.imag(rest)}
    return {name: ("frequency", value, {"units": "Pa"}) for name, value in values.items()}


def _in_words(report: PassivityReport) -> list[str]:
    """The report as sentences, its list of blind spots in one."""
    lines = str(report).splitlines()
    spots = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
    return [*(line for line in lines if not line.startswith("- ") and not line.startswith("not visible")),
            f"Not visible to this test: {'; '.join(spots)}."]


def _about(fitted: SpectrumFit, what: str) -> list[str]:
    return [f"The smoothest nonnegative spectrum that the noise allows leaves a chi-square of "
            f"{float(fitted.chi_square):.3g} on {int(fitted.data)} values of {what}."]


@verb(moduli="moduli")
def median_spectrum(moduli: xr.Dataset) -> xr.Dataset:
    """One spectrum of a map: the median over the usable curves at every frequency, and its standard error.

    Args:
        moduli: from `asperity.measurements.rheometry.modulation.modulus_spectrum`.

    The error is that of a median of the curves, by their spread (1.25 standard deviations over the root of their
    number, from the median absolute deviation); a frequency with fewer than three usable curves is NaN.
    """
    found: dict[str, Any] = {}
    usable = moduli["flag"].values == 0
    for name in ("storage_modulus", "loss_modulus"):
        values = np.where(usable, moduli[name].values, np.nan)
        count = np.isfinite(values).sum(axis=0)
        with np.errstate(invalid="ignore"):
            middle = np.array([np.nanmedian(column) if n > 2 else np.nan for column, n in zip(values.T, count)])
            spread = np.array([1.4826 * np.nanmedian(np.abs(column - m)) if n > 2 else np.nan
                               for column, m, n in zip(values.T, middle, count)])
        found[name] = ("frequency", middle, {"units": "Pa", "long_name": "median over the usable curves"})
        found[f"{name}_std"] = ("frequency", 1.2533 * spread / np.sqrt(np.maximum(count, 1)), {"units": "Pa"})
    made = xr.Dataset(found, {"frequency": moduli["frequency"]}, attrs=_origin(moduli))
    return provenance.record(made, provenance.step("median_spectrum", {}), before=moduli)


def _origin(data: xr.Dataset, *methods: object) -> dict[str, str]:
    """What a result says of where its numbers come from: file, assumptions, and what to cite for it."""
    file = data.attrs.get("file", data["file"].values.flat[0] if "file" in data.coords else "a dataset")
    cited = dict.fromkeys([*listed(data, "citations"), *citations(*methods)])
    return {"file": str(file), "assumed": str(data.attrs.get("assumed", "{}")), "citations": json.dumps(list(cited))}
