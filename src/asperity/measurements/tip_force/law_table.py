"""What the draws of one force law say together, in SI, and the dataset of many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from asperity.contact import AbstractElasticContact
from asperity.data.results import flag_attributes, identity
from asperity.learning.gp import mixture
from asperity.learning.gp.approach import PARAMETERS, PARTS, POINTS, UNIT, Answers, ScaledApproach
from asperity.learning.gp.approach_bins import Binned
from asperity.learning.outcome import Outcome

__all__ = ["POINTWISE", "ForceLaw", "grid", "kept", "numbers", "sizes_of", "surface_shift", "table", "together", "told",
           "variable"]

_INSIDE = 40  # points of a law in contact,
_OUTSIDE = 80  # and before it
_NEAR = 1 / 30  # of the nearest measured separation, the nearest point before contact
_LEAST = 0.03  # nm, or so near at least
_ENDS = (0.025, 0.975)  # of the bands
_SLOWEST = 1.25  # power by which an attraction falls that is told: slow waves come out at 0.8 to 1.1, forces above 1.5
#: variable -> dimensions beside curve, unit, what it is
_ARRAYS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "separation": (("point",), "m", "separation; negative in contact"),
    "force": (("point",), "N", "force law: posterior mean"),
    "force_low": (("point",), "N", "force law: lower end of the interval that holds 95 %"),
    "force_high": (("point",), "N", "force law: upper end of the interval that holds 95 %"),
    "force_std_epistemic": (("point",), "N", "force law: standard uncertainty, of what the data leave open"),
    "force_std_noise": (("point",), "N", "one further sample: standard deviation by the noise of its force"),
    "force_std_position": (("point",), "N", "one further sample: standard deviation by the noise of its place"),
    "extrapolated": (("point",), "1", "1 where nothing was measured: nearer, farther, or in a jump; else 0"),
    "force_gradient": (("point",), "N/m", "derivative of the force law with respect to the separation"),
    "force_gradient_std": (("point",), "N/m", "its standard uncertainty"),
    "part_force": (("point", "part"), "N", "parts of the force law: posterior means"),
    "part_low": (("point", "part"), "N", "parts: lower ends of the intervals that hold 95 %"),
    "part_high": (("point", "part"), "N", "parts: upper ends of the intervals that hold 95 %"),
    "part_covariance": (("point", "part", "part_"), "N^2", "covariances of the parts"),
    "hyperparameter": (("draw", "parameter"), "1", "draws from the posterior; natural logarithms but for the surface"),
    "bin_separation": (("bin",), "m", "data: mean separations of bins from the most likely surface"),
    "bin_force": (("bin",), "N", "data: mean forces of bins, the far baseline's median taken off"),
    "bin_std": (("bin",), "N", "data: standard uncertainty of the forces as the table states it; NaN: it does not"),
    "bin_baseline": (("bin",), "N", "data: level and tilt of the baseline, by what the law leaves before contact"),
    "bin_frequency_shift": (("bin",), "Hz", "data: frequency shifts"),
    "bin_frequency_shift_std": (("bin",), "Hz", "data: their standard uncertainty as the table states it"),
    "bin_frequency_shift_fit": (("bin",), "Hz", "frequency shifts of the force law: posterior mean"),
    "bin_frequency_shift_fit_low": (("bin",), "Hz", "lower end of the interval that holds 95 %"),
    "bin_frequency_shift_fit_high": (("bin",), "Hz", "upper end of the interval that holds 95 %"),
    "bin_frequency_shift_fit_std": (("bin",), "Hz", "their standard uncertainty, of what the data leave open"),
    "bin_frequency_shift_level": (("bin",), "Hz", "level, tilt and slow noise that the data show beside the force law"),
    "bin_covariance": (("bin", "bin_"), "N^2", "data: covariance of the noise of these means, of the force alone"),
    "bin_softness": (("bin",), "1", "slope of the rough contact over the spring constant"),
    "bin_steepness": (("bin",), "N/m", "slope of the rough contact"),
    "bin_time": (("bin",), "1", "coordinate of the baseline's level and tilt"),
}


def sizes_of(draws: int) -> dict[str, int]:
    """The sizes of the dimensions that the law of an approach has."""
    return {"point": _INSIDE + _OUTSIDE, "part": len(PARTS), "part_": len(PARTS), "draw": draws,
            "parameter": len(PARAMETERS), "bin": POINTS, "bin_": POINTS}


#: the variables that a law has at each separation
POINTWISE = tuple(name for name, (dims, _, _) in _ARRAYS.items() if dims[0] == "point")
#: variable -> unit, what it is
_NUMBERS = {
    "contact_point": ("m", "tip position of the most likely surface"),
    "contact_point_std": ("m", "its standard uncertainty"),
    "modulus": ("Pa", "modulus at vanishing depth, by the contact part"),
    "modulus_std": ("Pa", "its standard uncertainty"),
    "modulus_low": ("Pa", "lower end of the interval that holds 95 %"),
    "modulus_high": ("Pa", "upper end of the interval that holds 95 %"),
    "contact_attraction": ("N", "attraction at contact, negative"),
    "contact_attraction_std": ("N", "its standard uncertainty"),
    "contact_attraction_low": ("N", "lower end of the interval that holds 95 %"),
    "contact_attraction_high": ("N", "upper end of the interval that holds 95 %"),
    "discrepancy": ("1", "share of the elastic force at the largest depth that the contact model does not have"),
    "discrepancy_std": ("1", "its standard uncertainty"),
    "attraction_from": ("m", "nearest separation that was measured"),
    "attraction_to": ("m", "largest separation to which the attraction is told from zero; NaN: nowhere"),
    "attraction_like_waves": ("1", "1 where it falls no faster than 1/z, as slow waves do: none is told"),
    "attraction_exponent": ("1", "power by which the attraction falls"),
    "attraction_exponent_std": ("1", "its standard uncertainty, 0.5 if the data say nothing"),
    "noise_factor": ("1", "noise in the law's own bins over that of the far baseline"),
    "position_noise": ("m", "noise of the height, as far as contact shows it"),
    "surface_std": ("m", "how far off the rough surface may be"),
    "depth": ("m", "largest indentation from the rough surface"),
    "stiffness": ("N", "force of the rough contact there"),
    "surface_shift": ("m", "of the most likely surface from the rough one, deeper"),
    "scale": ("N", "unit of force in the fit"),
    "level": ("N", "force that the data show where there is none, at the farthest separation; taken off"),
    "level_std": ("N", "its standard uncertainty"),
    "level_change": ("N", "by how much that is more at the farthest separation than at the nearest: a tilt"),
    "noise_correlation": ("1", "correlation of the noise of neighboring rows"),
    "frequency_shift_noise_std": ("Hz", "standard deviation of the noise of one frequency shift"),
    "noise_std": ("N", "standard deviation of one sample of the far baseline"),
    "moved": ("1", "share of the last moves of the draws that were accepted"),
}


#: what a curve's law never has: a curve without one does not have it either
_OF_TABLES = ("level", "level_std", "level_change", "noise_correlation", "frequency_shift_noise_std", "bin_std",
              "bin_frequency_shift")


class ForceLaw(NamedTuple):
    """One curve's force law."""

    arrays: dict[str, np.ndarray]
    numbers: dict[str, float]
    flag: Outcome
    problem: str


def surface_shift(own: ScaledApproach, theta: np.ndarray) -> float:
    """By how much the most likely surface is deeper than the rough one, UNIT."""
    return float(np.median(theta[:, 0]) * float(own.surface_std))


def grid(own: ScaledApproach, theta: np.ndarray) -> np.ndarray:
    """The separations at which the law is told, UNIT."""
    shift = surface_shift(own, theta)
    z = np.asarray(own.z)[np.asarray(own.there) > 0] + shift
    nearest = max(_NEAR * float(z[z > 0].min()), _LEAST) if (z > 0).any() else _LEAST
    depth = max(float(own.depth) - shift, _LEAST)
    outside = np.geomspace(nearest, max(float(z[0]), 2 * nearest), _OUTSIDE)
    return np.concatenate([-depth * np.linspace(1, 0, _INSIDE) ** 2, outside])


def told(own: ScaledApproach, theta: np.ndarray, at: np.ndarray, answer: Answers,
         noise: tuple[float, float]) -> dict[str, Any]:
    """The law at separations ``at`` (UNIT), from all draws together.

    ``noise``: N, standard deviation of one sample, and the spring constant, N/m.
    """
    scale = float(own.scale)
    law = together(np.asarray(answer.mean) * scale, np.asarray(answer.covariance) * scale**2, at * UNIT, UNIT)
    loud, unsteady = (float(np.exp(theta[:, PARAMETERS.index(name)]).mean()) for name in ("noise", "position_noise"))
    gradient = law["force_gradient"]
    seen = (np.asarray(own.z)[np.asarray(own.there) > 0] + surface_shift(own, theta)) * UNIT
    return law | {"extrapolated": _extrapolated(at * UNIT, seen),
                  "force_std_noise": noise[0] * loud * np.abs(1 - gradient / noise[1]),
                  "force_std_position": np.abs(gradient) * unsteady * UNIT}


def _extrapolated(z: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """1 where nothing was measured: deeper, farther, between the nearest sample before contact and the first in it.

    ``z``: separations; ``seen``: those of the data, m.
    """
    jump = seen[seen <= 0].max(initial=-np.inf), seen[seen > 0].min(initial=np.inf)
    return 1.0 * ((z < seen.min()) | (z > seen.max()) | ((z > jump[0]) & (z < jump[1])))


def together(mean: np.ndarray, within: np.ndarray, separation: np.ndarray, unit: float) -> dict[str, Any]:
    """The law of all draws: (draw, point, row) means and (draw, point, row, row) covariances, in N and N per ``unit``.

    ``separation`` is in m, ``unit`` of it in m.
    """
    count = mean.shape[-1] // 2
    parts, slopes = slice(0, count), slice(count, 2 * count)
    total, spread = mean[..., parts].sum(axis=-1), _root(within[..., parts, parts].sum(axis=(-2, -1)))
    single = _root(np.diagonal(within[..., parts, parts], axis1=-2, axis2=-1))
    between = mixture.covariance(mean, within)
    low, high = (mixture.quantile(total, spread, end) for end in _ENDS)
    part_low, part_high = (mixture.quantile(mean[..., parts], single, end) for end in _ENDS)
    return {"separation": separation, "force": total.mean(axis=0), "force_low": low, "force_high": high,
            "force_std_epistemic": _root(between[:, parts, parts].sum(axis=(1, 2))),
            "force_gradient": mean[..., slopes].sum(axis=-1).mean(axis=0) / unit,
            "force_gradient_std": _root(between[:, slopes, slopes].sum(axis=(1, 2))) / unit,
            "part_force": mean[..., parts].mean(axis=0), "part_low": part_low, "part_high": part_high,
            "part_covariance": between[:, parts, parts]}


def _root(variance: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(variance, 0.0))


def kept(own: ScaledApproach, theta: np.ndarray, law: dict[str, Any]) -> dict[str, Any]:
    """The data, with the baseline under the ``law``, and what else another question to it needs."""
    scale, shift = float(own.scale), surface_shift(own, theta)
    there = np.asarray(own.there) > 0

    def column(values: Any, unit: float) -> np.ndarray:
        return np.where(there, np.asarray(values) * unit, np.nan)

    both = there[:, None] & there
    z, force = column(own.z + shift, UNIT), column(own.y, scale)
    rest = force - np.interp(z, law["separation"], law["force"])
    return {"hyperparameter": theta, "bin_separation": z, "bin_force": force,
            "bin_baseline": np.where(there, _baseline(own, rest, z > 0), np.nan),
            "bin_covariance": np.where(both, np.asarray(own.covariance) * scale**2, np.nan),
            "bin_softness": column(own.softness, 1.0), "bin_steepness": column(own.steepness, scale / UNIT),
            "bin_time": column(own.time, 1.0)}


def _baseline(own: ScaledApproach, rest: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Level and tilt under what the law leaves before contact (N), weighted by the covariance of the noise."""
    use = outside & np.isfinite(rest)
    columns = np.stack([np.ones(POINTS), np.asarray(own.time)], axis=1)
    covariance = np.asarray(own.covariance)[np.ix_(use, use)]
    weighted = np.linalg.solve(covariance + 1e-12 * np.trace(covariance) * np.eye(len(covariance)), columns[use])
    return columns @ np.linalg.lstsq(weighted.T @ columns[use], weighted.T @ rest[use], rcond=None)[0]


def numbers(own: ScaledApproach, bins: Binned, law: dict[str, Any], answer: Answers, theta: np.ndarray,
            contact: AbstractElasticContact) -> dict[str, float]:
    """The single numbers of one law; the parts are read off at its deepest point, the first."""
    scale, shift = float(own.scale), surface_shift(own, theta)
    shifts = theta[:, 0] * float(own.surface_std)
    with jax.enable_x64(True):
        shape = float(contact.shape(jnp.asarray(-law["separation"][0])))
    mean, within = np.asarray(answer.mean)[:, 0, :3] * scale, np.asarray(answer.covariance)[:, 0, :3, :3] * scale**2
    std, factor = _root(np.diagonal(within, axis1=1, axis2=2)), (1 - float(contact.poisson_ratio) ** 2) / shape
    share, share_std = _share(mean, within)
    exponent = np.exp(theta[:, PARAMETERS.index("exponent")])
    nearest, seen = _seen(law, own, shift)
    waves = bool(np.isfinite(seen)) and float(exponent.mean()) < _SLOWEST
    return {"contact_point": -(bins.surface + shift * UNIT), "contact_point_std": float(shifts.std()) * UNIT,
            **_with_ends("modulus", factor * mean[:, 0], factor * std[:, 0]),
            **_with_ends("contact_attraction", mean[:, 2], std[:, 2]),
            "discrepancy": share, "discrepancy_std": share_std,
            "attraction_from": nearest, "attraction_to": np.nan if waves else seen,
            "attraction_like_waves": float(waves), "attraction_exponent": float(exponent.mean()),
            "attraction_exponent_std": float(exponent.std()),
            **{name: float(np.exp(theta[:, PARAMETERS.index(own_name)]).mean()) * unit for name, own_name, unit in (
                ("noise_factor", "noise", 1.0), ("position_noise", "position_noise", UNIT))},
            "surface_std": float(own.surface_std) * UNIT, "depth": float(own.depth) * UNIT,
            "stiffness": float(own.stiffness) * scale, "surface_shift": shift * UNIT, "scale": scale,
            "noise_std": bins.noise}


def _share(mean: np.ndarray, within: np.ndarray) -> tuple[float, float]:
    """The discrepancy's share of the elastic force, with its uncertainty, by the draws that have any bin in contact."""
    elastic = mean[:, 0] + mean[:, 1]
    touching = elastic != 0
    if not touching.any():
        return np.nan, np.nan
    mean, within, elastic = mean[touching], within[touching], elastic[touching]
    share = mean[:, 1] / elastic
    variance = (within[:, 1, 1] * (1 - share) ** 2 + within[:, 0, 0] * share**2
                - 2 * within[:, 0, 1] * share * (1 - share)) / elastic**2
    return float(share.mean()), float(np.sqrt(share.var() + np.maximum(variance, 0.0).mean()))


def _with_ends(name: str, mean: np.ndarray, std: np.ndarray) -> dict[str, float]:
    low, high = (float(mixture.quantile(mean, std, end)) for end in _ENDS)
    return {name: float(mean.mean()), f"{name}_std": float(np.sqrt(mean.var() + (std**2).mean())),
            f"{name}_low": low, f"{name}_high": high}


def _seen(law: dict[str, Any], own: ScaledApproach, shift: float) -> tuple[float, float]:
    """The nearest separation that was measured, and the largest to which the attraction is told from zero, m."""
    z = (np.asarray(own.z)[np.asarray(own.there) > 0] + shift) * UNIT
    nearest = float(z[z > 0].min(initial=np.inf))
    out = law["separation"] >= nearest
    told_apart = (law["part_high"][:, 2] < 0)[out]
    last = int(np.argmin(told_apart)) if not told_apart.all() else len(told_apart)
    return nearest, float(law["separation"][out][last - 1]) if last else np.nan


def variable(name: str, values: np.ndarray) -> tuple[tuple[str, ...], np.ndarray, dict[str, str]]:
    """The variable of this name with its dimensions, unit and meaning."""
    dims, unit, meaning = _ARRAYS[name]
    return ("curve", *dims), values, {"units": unit, "long_name": meaning}


def _has(name: str, found: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the table of these laws has a variable: one of them has it; where none has any, as curves have it."""
    if any(found):
        return any(name in one for one in found)
    return not name.startswith(_OF_TABLES)


def table(curves: xr.Dataset, found: Sequence[ForceLaw], sizes: Mapping[str, int]) -> xr.Dataset:
    """The laws of these curves, whose arrays have these ``sizes`` of dimensions; NaN where a curve has none."""
    variables: dict[str, Any] = {}
    for name, (dims, _, _) in _ARRAYS.items():
        if _has(name, [law.arrays for law in found]):
            nothing = np.full([sizes.get(dim, 0) for dim in dims], np.nan)
            variables[name] = variable(name, np.stack([law.arrays.get(name, nothing) for law in found]))
    for name, (unit, meaning) in _NUMBERS.items():
        if _has(name, [law.numbers for law in found]):
            values = np.array([law.numbers.get(name, np.nan) for law in found])
            variables[name] = ("curve", values, {"units": unit, "long_name": meaning})
    variables["flag"] = ("curve", np.array([int(law.flag) for law in found], np.int8), flag_attributes())
    variables["problem"] = ("curve", np.array([law.problem for law in found], str))
    return xr.Dataset(variables, {"curve": np.arange(len(found))} | identity(curves))
