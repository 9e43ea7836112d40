"""Where the curves of a result were recorded, and where others may be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from asperity.data.results import codes
from asperity.learning.discovery.plan import Site
from asperity.learning.discovery.variogram import FEWEST, nearest_distances, spacing_of
from asperity.messages import ArgumentError, DataError, shown
from asperity.report.numbers import count_of
from asperity.units import in_words

__all__ = ["MappedCurves", "measured", "sites_of", "written"]

_ON_IT = 0.05  # of a pitch, by which places are off their lattice at most
_TAKEN = 0.3  # of a pitch, within which a site has its curve
_FINER = 0.5  # of the spacing: the pitch of new sites where all of the old ones are taken, or where none are seen
_MOST = 250_000  # sites of an area
_SAME = 1e-6  # of the extent, or of a pitch: places that differ by less are one


class MappedCurves(NamedTuple):
    """The usable curves of a result; ``everywhere`` also the places of those that are left out."""

    places: np.ndarray  # (curve, 2)
    values: np.ndarray  # (curve,), the logarithm of the modulus in Pa
    noise: np.ndarray  # (curve,), variance of it
    everywhere: np.ndarray  # (curve, 2)
    unit: str  # "m" or "pixel"
    said: tuple[str, ...]  # what there is to say of those that are left out


def measured(results: xr.Dataset) -> MappedCurves:
    """The logarithm of the modulus of the usable curves, with the variance of its noise, and their places.

    The calibration, common to a session, has no part in the noise: it moves all of them alike.

    Raises:
        DataError: no modulus, no places, or too few curves.
    """
    if "modulus" not in results:
        raise DataError("results without a modulus: the next curves are chosen by its map; analyze the curves first")
    everywhere, unit = _places(results)
    modulus = results["modulus"].values.astype(float)
    known = codes(results)
    flags = results["flag"].values if "flag" in results else np.zeros(len(modulus), int)
    usable = np.array([known[int(flag)].usable for flag in flags]) & (modulus > 0) & np.isfinite(everywhere).all(axis=1)
    if usable.sum() < FEWEST:
        raise DataError(f"results with {count_of(int(usable.sum()), 'usable curve')} at known places, of "
                        f"{len(modulus)}: {FEWEST} at least are needed to see whether neighbors are alike. Measure a "
                        "coarse grid of 4 x 4 or 5 x 5 first")
    name = next((name for name in ("modulus_std_noise", "modulus_std") if name in results), None)
    std = np.nan_to_num(results[name].values.astype(float)) / modulus if name else np.zeros(len(modulus))
    if np.ptp(everywhere[usable], axis=0).max() <= 0:
        raise DataError("results with all curves at one place: there is no map to choose the next places by")
    return MappedCurves(everywhere[usable], np.log(modulus[usable]), std[usable] ** 2,
                    everywhere[np.isfinite(everywhere).all(axis=1)], unit, tuple(_left_out(results, usable, name)))


def _places(results: xr.Dataset) -> tuple[np.ndarray, str]:
    for names, unit in ((("x", "y"), "m"), (("column", "row"), "pixel")):
        if all(name in results.coords or name in results for name in names):
            found = np.stack([results[name].values.astype(float) for name in names], axis=-1)
            if found.ndim == 2 and np.isfinite(found).all(axis=1).any():
                return found, unit
    raise DataError("results without places: neither x and y nor row and column are known of the curves; the file "
                    "format does not hold them, or a table of curves needs columns x and y")


def _left_out(results: xr.Dataset, usable: np.ndarray, name: str | None) -> list[str]:
    said = []
    if not usable.all():
        said.append(f"{count_of(int((~usable).sum()), 'curve')} of {len(usable)} left out, flagged as not usable or "
                    "without a modulus; no new curve is put on their places.")
    known = codes(results)
    doubtful = [known[int(flag)].name for flag in results["flag"].values[usable]] if "flag" in results else []
    if wrong := doubtful.count("misfit"):
        said.append(f"{count_of(wrong, 'curve')} {'is' if wrong == 1 else 'are'} flagged misfit: "
                    "their moduli are apparent ones. Places are chosen "
                    "by how moduli differ, which stands if the model is wrong in the same way everywhere.")
    if name is None:
        said.append("No uncertainty of the moduli is known: the noise is part of what changes from place to place.")
    if "session" in results.coords and len(set(results["session"].values[usable].tolist())) > 1:
        said.append("The curves are of several sessions: the map is right only if x and y have the same origin in all "
                    "of them, and spring constant and sensitivity are those of one calibration.")
    return said


def sites_of(curves: MappedCurves, budget: int, area: Sequence[float] | None, spacing: float | None) -> Site:
    """The sites of an area, and those of them that are free.

    Args:
        area: left, bottom, right, top; None: the box around all curves.
        spacing: of the sites; None: that of the lattice that the curves are on while it has free sites enough, else
            half of it; half of the distance of neighbors where the curves are on no lattice.

    Raises:
        ArgumentError: an area without extent, or too many sites in it.
    """
    low, high = _box(curves, area)
    pitch = _pitch(curves.everywhere) if spacing is None else spacing
    while True:
        found = _lattice(curves, low, high, pitch)
        if spacing is not None or len(found.free) >= budget:
            return found
        pitch *= _FINER


def _box(curves: MappedCurves, area: Sequence[float] | None) -> tuple[np.ndarray, np.ndarray]:
    if area is None:
        return curves.everywhere.min(axis=0), curves.everywhere.max(axis=0)
    corners = np.asarray(area, float)
    if corners.shape != (4,) or not np.isfinite(corners).all() or not (corners[:2] < corners[2:]).all():
        raise ArgumentError(f"area = {shown(list(area))}: must be left, bottom, right and top, with left below right "
                            "and bottom below top")
    return corners[:2], corners[2:]


def _pitch(places: np.ndarray) -> float:
    nearest = nearest_distances(places)
    lone = nearest > _SAME * np.ptp(places, axis=0).max()
    pitch = float(nearest[lone].min()) if lone.any() else spacing_of(places)
    steps = (places - places.min(axis=0)) / pitch
    return pitch if np.abs(steps - np.rint(steps)).max() <= _ON_IT else _FINER * spacing_of(places)


def _lattice(curves: MappedCurves, low: np.ndarray, high: np.ndarray, pitch: float) -> Site:
    from scipy.spatial import KDTree

    if not np.prod((high - low) / pitch + 1) <= _MOST:
        sides = " by ".join(written(float(side), curves.unit) for side in high - low)
        raise ArgumentError(f"spacing = {written(pitch, curves.unit)}: an area of {sides} has more than {_MOST} such "
                            "sites; give a larger spacing, or a smaller area")
    origin = curves.everywhere.min(axis=0)
    axes = [origin[i] + pitch * np.arange(np.ceil((low[i] - origin[i]) / pitch - _ON_IT),
                                          np.floor((high[i] - origin[i]) / pitch + _ON_IT) + 1) for i in (0, 1)]
    sites = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
    sites[np.abs(sites) < _SAME * pitch] = 0.0
    if not len(sites):
        raise ArgumentError(f"spacing = {written(pitch, curves.unit)}: no site of it lies in the area; give a smaller "
                            "spacing")
    free = KDTree(curves.everywhere).query(sites)[0] > _TAKEN * pitch
    return Site(sites, sites[free], pitch)


def written(length: float, unit: str) -> str:
    """A length in words: with a prefix, or in pixels."""
    return in_words(length, "m") if unit == "m" else f"{length:.3g} pixels"
