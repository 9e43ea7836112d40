"""Spectra, relaxations and creep: the material behind them, what causality says of the data, and the page about it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
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
from asperity.measurements.rheometry.bands import (
    Curve,
    about_errors,
    constants,
    density,
    over,
    resting,
    smooth_shares,
    terminal,
)
from asperity.messages import ArgumentError, DataError
from asperity.report.citing import citations
from asperity.rheology import kramers_kronig, passivity, relaxation_spectrum
from asperity.rheology.finite_band import finite_band
from asperity.rheology.passivity import PassivityReport, check_passivity
from asperity.rheology.relative_noise import relative_noise
from asperity.rheology.relaxation_spectrum import RelaxationSpectrum
from asperity.rheology.smooth_error import learnt_error
from asperity.rheology.spectrum_estimate import Data, creep_data, frequency_data, time_data
from asperity.rheology.spectrum_posterior import MaterialFit, Sampled, fitted, sampled

__all__ = ["median_spectrum", "relax", "spectrum"]

_BY_CHANCE = 1e-3  # probability, below which a chi-square is none of the stated noise
_ASSUMED_NOISE = 0.05  # relative, where nobody states one
_BEYOND = 1.0  # decades beyond the data that are shown
_GRID = 161  # times or frequencies at which a fit is drawn
_REPEATS = 999  # repetitions of a measurement for the p-value
_CREEP = ("glassy_compliance", "fluidity")  # constants of a material that creeps
_MANY = 100  # points of a spectrum beyond which a tenth of these repetitions is made

#: E* of a material in double precision, compiled as a whole
_modulus = jax.jit(RelaxationSpectrum.complex_modulus)


@verb()
def spectrum(source: str | PathLike[str] | xr.Dataset, *, noise: float | None = None, smooth_share: float | None = None,
             draws: int = 300) -> xr.Dataset:
    """The material behind a spectrum E*(f), and whether a causal, dissipating material can have given it.

    Args:
        source: a table (see `asperity.data.readers.rheology_table`), or a dataset over ``frequency`` with
            ``storage_modulus`` and ``loss_modulus`` (or the shear ones), such as `median_spectrum` makes of a map.
        noise: relative standard uncertainty of E' and E'', in parts of |E*|, smooth and independent errors together; by
            default that of the source, else 5 %, which is said.
        smooth_share: of the variance of the noise, the part that is smooth in frequency, 0 <= share < 1 (gain and phase
            drift over decades, see `asperity.rheology.smooth_error`); by default learnt from the residuals; 0 for
            errors that are independent from point to point.
        draws: materials drawn for the credible bands.

    Returns:
        the data; over ``fit_frequency``, a decade beyond them on both sides, the fitted ``storage_fit`` and
        ``loss_fit`` with ``_low`` and ``_high`` (90 %); ``relaxation_density`` H over ``relaxation_time`` with its
        band; ``storage_kk`` and ``loss_kk``, what the Kramers-Kronig relations make of the other part, with
        ``kk_floor``, their own error on this band; the constants ``equilibrium_modulus``, ``parallel_dashpot`` and
        ``zero_rate_viscosity`` (NaN where the data do not reach the terminal region of a liquid, ``terminal``);
        ``smooth_share``; and the attributes ``findings`` and ``alarm``.

    Raises:
        DataError: no such quantities, fewer than five finite points, or a noise that is not positive.
        ArgumentError: a share outside 0 <= share < 1.
        ReadError: the table cannot be read.
    """
    data, inputs = _opened(source)
    kind = "shear_" if "storage_modulus" not in data and "shear_storage_modulus" in data else ""
    names = (f"{kind}storage_modulus", f"{kind}loss_modulus")
    kept, modulus = _measured_spectrum(data, names)
    omega = 2 * math.pi * kept["frequency"].values
    stated, said = _noise(kept, names, partial(frequency_data, omega, modulus), noise)
    numbers = frequency_data(omega, modulus, stated)
    error = learnt_error(numbers, smooth_share)
    relative = _relative(kept, names, noise)
    report = check_passivity(omega, modulus, stated, relative=relative,
                             draws=_REPEATS if len(omega) <= _MANY else _REPEATS // 10)
    found, bands = fitted(numbers, error), sampled(numbers, error, draws=draws)
    made = kept.drop_attrs(deep=False).assign(_kk_table(omega, modulus, report) | smooth_shares(error))
    table = _fit_table(omega, found, bands)
    liquid = float(table["equilibrium_modulus_low"][1]) == 0
    made = made.assign(table | terminal(found, bands, liquid, float(omega[0])))
    step = provenance.step("spectrum", {"noise": noise, "smooth_share": smooth_share, "draws": draws, **_named(source)},
                           inputs=inputs)
    origin = _origin(data, kramers_kronig, passivity, relaxation_spectrum)
    repeats = _about_repeats(data, np.abs(modulus), stated, "frequency")
    findings = json.dumps([*repeats, *_left_out(data), *_about_sign(modulus), *said,
                           about_errors(error, smooth_share, ("gain", "phase")), *_untold(data), *_in_words(report),
                           *(_about_alarm(names) if report.alarm and relative is not None else [])])
    named = made.assign_attrs(origin, findings=findings, alarm=int(report.alarm), modulus=kind or "young")
    return provenance.record(named, step, before=data if isinstance(source, xr.Dataset) else None)


def _measured_spectrum(data: xr.Dataset, names: Sequence[str]) -> tuple[xr.Dataset, np.ndarray]:
    """The points with both moduli, and E* there."""
    if not set(names) <= set(data.data_vars) or "frequency" not in data.coords:
        raise DataError(f"no spectrum: it needs {' and '.join(names)} over frequency; the source holds "
                        f"{_held(data)}")
    if data[names[0]].dims != ("frequency",):
        raise DataError("no spectrum: the source holds one for each curve; give their median, as median_spectrum makes")
    values = data[names[0]].values + 1j * data[names[1]].values
    finite = np.isfinite(values)
    if finite.sum() < 5:
        raise DataError(f"{finite.sum()} points have both moduli: at least 5 are needed for a spectrum")
    _require_positive(values[finite].real, names[0])
    return data.isel(frequency=finite), values[finite]


@verb()
def relax(source: str | PathLike[str] | xr.Dataset, *, noise: float | None = None, smooth_share: float | None = None,
          draws: int = 300) -> xr.Dataset:
    """The material behind a relaxation E(t) after a step of strain, or behind a creep J(t) after a step of stress.

    A relaxation is fitted with a nonnegative spectrum of relaxation times, a creep with one of retardation times; each
    tells the other exactly.

    Args:
        source: a table with ``time`` and ``relaxation_modulus`` or ``creep_compliance``, or a dataset of them.
        noise: relative standard uncertainty of E(t) or J(t), smooth and independent errors together; by default that of
            the source, else 5 %, which is said.
        smooth_share: of the variance of the noise, the part that is smooth in time (see `spectrum`).
        draws: materials drawn for the credible bands.

    Returns:
        the data, and over ``fit_time`` the ``relaxation_fit`` and ``creep_fit`` of the material with ``_low`` and
        ``_high`` (90 %); ``relaxation_density`` over ``relaxation_time`` and ``equilibrium_modulus``, or of a creep
        ``retardation_density`` over ``retardation_time``, ``glassy_compliance`` and ``fluidity``; ``smooth_share``; the
        attributes ``findings`` and ``alarm``.

    Raises:
        DataError: no such quantities, fewer than five finite points, or a noise that is not positive.
        ArgumentError: a share outside 0 <= share < 1.
        ReadError: the table cannot be read.
    """
    data, inputs = _opened(source)
    kept, name = _measured_times(data)
    time, values = kept["time"].values, kept[name].values
    creeping = name == "creep_compliance"
    problem = partial(creep_data if creeping else time_data, time, values)
    stated, said = _noise(kept, (name,), problem, noise)
    numbers = problem(np.real(stated))
    error = learnt_error(numbers, smooth_share)
    found, bands = fitted(numbers, error), sampled(numbers, error, draws=draws)
    alone = fitted(numbers, learnt_error(numbers, 0.0))  # the verdict: as if all of the noise were independent
    grid = np.geomspace(time[0], time[-1], _GRID)
    span = (float(time[0]), float(time[-1]))
    single = constants(found, bands, {name: name for name in _CREEP}, span) if creeping else \
        resting(found, bands, "relaxation_modulus", span)
    table = {**over("relaxation_modulus", found, bands, grid).table("relaxation_fit", "fit_time", "Pa", ratio=creeping),
             **over("creep_compliance", found, bands, grid).table("creep_fit", "fit_time", "1/Pa", ratio=not creeping),
             **density(found, bands), **single, **smooth_shares(error)}
    made = kept.drop_attrs(deep=False).assign(table).assign_coords(fit_time=("fit_time", grid, {"units": "s"}))
    step = provenance.step("relax", {"noise": noise, "smooth_share": smooth_share, "draws": draws, **_named(source)},
                           inputs=inputs)
    alarm = alone.chi_square > chi2.isf(_BY_CHANCE, alone.data)
    findings = json.dumps([*_about_repeats(data, np.abs(values), stated, "time"), *_left_out(data), *said,
                           about_errors(error, smooth_share, ("a gain",)),
                           _about(alone, "J(t)" if creeping else "E(t)"),
                           *(_about_alarm((name,)) if alarm and _relative(kept, (name,), noise) is not None else [])])
    named = made.assign_attrs(_origin(data, relaxation_spectrum), findings=findings, alarm=int(alarm))
    return provenance.record(named, step, before=data if isinstance(source, xr.Dataset) else None)


def _measured_times(data: xr.Dataset) -> tuple[xr.Dataset, str]:
    """The finite points, and which quantity they are of."""
    held = [one for one in ("relaxation_modulus", "creep_compliance") if one in data]
    if len(held) > 1:
        raise DataError(f"the source holds both {held[0]} and {held[1]}, and one material is fitted to one of them: "
                        "give a table with one of the two columns; the other is told from it (relaxation_fit and "
                        "creep_fit)")
    name = held[0] if held else None
    if name is None or "time" not in data.coords:
        raise DataError("no relaxation: it needs relaxation_modulus or creep_compliance over time; the source holds "
                        f"{_held(data)}")
    if data[name].dims != ("time",):
        raise DataError("no relaxation: the source holds one for each curve; give one of them, or their median")
    kept = data.isel(time=np.isfinite(data[name].values))
    if kept.sizes["time"] < 5:
        raise DataError(f"{kept.sizes['time']} finite points: at least 5 are needed for a relaxation")
    _require_positive(kept[name].values, name)
    return kept, name


def _require_positive(values: np.ndarray, name: str) -> None:
    """Raise `DataError` where no value is that of any material."""
    if (values == 0).all():
        raise DataError(f"{name} is 0 in all {len(values)} rows: the column holds no measurement")
    if (values <= 0).all():
        raise DataError(f"{name} is negative in all {len(values)} rows, where no material at rest is: the sign of "
                        "force or depth (or a phase by 180 deg) is likely the other; turn it in the table")


def _untold(data: xr.Dataset) -> list[str]:
    """What sine segments say of corrections that nobody told."""
    return [str(data.attrs["untold"])] if data.attrs.get("untold") else []


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


def _noise(data: xr.Dataset, names: Sequence[str], numbers: Callable[[Any], Data],
           given: float | None) -> tuple[np.ndarray, list[str]]:
    """Standard deviations (m,) of the parts, complex, and what is said of them; ``numbers`` makes data with a noise."""
    what = "compliance" if "creep_compliance" in names else "modulus"
    relative = _relative(data, names, given)
    if relative is None:
        stds = [data[f"{name}_std"].values for name in names]
        return stds[0] + 1j * stds[-1], ["The noise is that of the data."]
    if not relative > 0:
        raise ArgumentError(f"noise = {relative:g}: the relative standard uncertainty of the {what} must be above 0, "
                            "such as 0.02 (2%)")
    size = relative_noise(numbers(1.0), relative)
    if not (size > 0).all():
        columns = " and ".join(f"{name}_std" for name in names)
        raise DataError(f"the {what} is 0 at {np.sum(size <= 0)} of {len(size)} points, where a noise relative to it "
                        f"is none: leave these rows out, or give the standard uncertainty with a unit in {columns}")
    return size * (1 + 1j), [
        f"The stated noise is {100 * given:.3g} % of the {what}." if given is not None else
        f"ASSUMED, because nobody said it: noise of {100 * _ASSUMED_NOISE:g} % of the {what}. The bands and the test "
        "of causality depend on it."]


def _relative(data: xr.Dataset, names: Sequence[str], given: float | None) -> float | None:
    """The noise in parts of the material, given or assumed; None where the data come with standard deviations."""
    stds = [data[f"{name}_std"].values for name in names if f"{name}_std" in data]
    if given is None and len(stds) == len(names) and all((std > 0).all() for std in stds):
        return None
    return _ASSUMED_NOISE if given is None else given


def _about_sign(modulus: np.ndarray) -> list[str]:
    """Where every loss modulus is negative, and the storage modulus is not: a phase that was counted the other way."""
    if not (np.all(np.imag(modulus) < 0) and np.all(np.real(modulus) > 0)):
        return []
    return ["Every loss modulus is negative: the phase (or E'') has the other sign, as where the lag of the depth "
            "behind the force is written as a negative angle. Turn the sign of that column in the table and run it "
            "again."]


def _about_alarm(names: Sequence[str]) -> list[str]:
    """What a noise that is relative to each value may have to do with an alarm."""
    unit = "1/Pa" if "creep_compliance" in names else "Pa"
    columns = " and ".join(f"{name}_std ({unit})" for name in names)
    return ["The noise is relative to each value. One that is the same at all values, such as 1 % of the largest, is "
            f"more than that where they are small: give it in {columns}."]


def _about_repeats(data: xr.Dataset, size: np.ndarray, stated: np.ndarray, axis: str) -> list[str]:
    """What rows at one place say of the stated noise, where they scatter by more."""
    if "repeat_scatter" not in data.attrs:
        return []
    scatter, number = float(data.attrs["repeat_scatter"]), int(data.attrs["repeat_number"])
    noise = float(np.sqrt(np.mean(np.abs(stated / size) ** 2 / 2)))
    if scatter**2 * number <= noise**2 * chi2.isf(_BY_CHANCE, number):
        return []
    return [f"WARNING: rows at one {axis} scatter by {100 * scatter:.2g} % (standard deviation), more than the noise "
            f"of {100 * noise:.2g} %: the bands are too narrow, and an alarm may be due to it. Give a noise of "
            f"{100 * scatter:.2g} % or more."]


def _fit_table(omega: np.ndarray, found: MaterialFit, bands: Sampled) -> dict[str, Any]:
    grid = np.geomspace(omega[0] / 10**_BEYOND, omega[-1] * 10**_BEYOND, _GRID)
    modulus = over("complex_modulus", found, bands, grid)
    along = ("fit_frequency", grid / (2 * math.pi), {"units": "Hz"})
    span = (float(1 / omega[-1]), float(1 / omega[0]))
    single = constants(found, bands, {"viscosity": "parallel_dashpot"}, span)
    return {**Curve(*map(np.real, modulus)).table("storage_fit", "fit_frequency", "Pa"),
            **Curve(*map(np.imag, modulus)).table("loss_fit", "fit_frequency", "Pa"),
            **density(found, bands), **single, **resting(found, bands, "complex_modulus", span),
            "fit_frequency": along}


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


def _about(found: MaterialFit, what: str) -> str:
    return (f"The smoothest nonnegative spectrum that the noise allows leaves a chi-square of "
            f"{found.chi_square:.3g} on {found.data} values of {what}.")


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
    about = _origin(moduli) | {"untold": str(moduli.attrs.get("untold", ""))}
    made = xr.Dataset(found, {"frequency": moduli["frequency"]}, attrs=about)
    return provenance.record(made, provenance.step("median_spectrum", {}), before=moduli)


def _origin(data: xr.Dataset, *methods: object) -> dict[str, str]:
    """What a result says of where its numbers come from: file, assumptions, and what to cite for it."""
    file = data.attrs.get("file", data["file"].values.flat[0] if "file" in data.coords else "a dataset")
    cited = dict.fromkeys([*listed(data, "citations"), *citations(*methods)])
    return {"file": str(file), "assumed": str(data.attrs.get("assumed", "{}")), "citations": json.dumps(list(cited))}
