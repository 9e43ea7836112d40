"""What a results dataset holds, as plain arrays: values, flags, files, grids. Missing parts are NaN."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from asperity.data.results import codes
from asperity.learning.outcome import Outcome
from asperity.quantities import QUANTITIES

__all__ = ["Grid", "error_parts", "file_names", "flags", "grids", "inputs", "measured", "median",
           "unit_of", "usable", "values", "words_of"]

#: fitted with every model, but about where and how a curve was recorded, not about the sample
_NUISANCE = (
    "contact_point",
    "baseline_offset",
    "baseline_tilt",
    "radius",
    "spring_constant",
    "sensitivity",
    "poisson_ratio",
    "half_angle",
    "thickness",
)
_SHORT = {
    "work_of_adhesion": "adhesion",
    "pull_off_force": "pull-off force",
    "poisson_ratio": "Poisson's ratio",
}
#: a grid may be this much larger than the number of its curves; beyond, row and column are not trusted
_SPARSEST = 50


@dataclass(frozen=True)
class Grid:
    """The pixels of one file's map, oriented for drawing: ``curves[0, 0]`` is at the bottom left.

    ``curves`` (row, column) holds positions along the dimension ``curve`` (-1: none recorded);
    ``left, bottom, width, height`` are the outer edges in ``unit`` (m, or pixels where the
    positions are unknown); ``note`` says in words what the axes cannot.
    """

    file: str
    curves: np.ndarray
    left: float
    bottom: float
    width: float
    height: float
    unit: str
    labels: tuple[str, str]
    note: str


def values(results: xr.Dataset, name: str) -> np.ndarray:
    """The variable as float64 per curve; one scalar serves all curves; NaN where it is missing."""
    n = results.sizes.get("curve", 0)
    if name not in results.variables or results[name].dims not in ((), ("curve",)):
        return np.full(n, np.nan)
    return np.broadcast_to(np.asarray(results[name].values, dtype=float), (n,))


def unit_of(results: xr.Dataset, name: str) -> str:
    """The unit that the dataset states, else that of the vocabulary, else none."""
    known = QUANTITIES[name].unit if name in QUANTITIES else "1"
    return str(results[name].attrs.get("units", known)) if name in results.variables else known


def words_of(name: str) -> str:
    """The name for people: ``work_of_adhesion`` is adhesion."""
    return _SHORT.get(name, name.replace("_", " "))


def flags(results: xr.Dataset) -> np.ndarray:
    """The outcome of each curve as int; without the variable, a finite modulus counts as converged."""
    if "flag" in results.variables:
        return np.nan_to_num(values(results, "flag"), nan=float(Outcome.unreadable)).astype(int)
    finite = np.isfinite(values(results, "modulus"))
    return np.where(finite, int(Outcome.converged), int(Outcome.unreadable))


def usable(results: xr.Dataset) -> np.ndarray:
    """True per curve where its numbers may be used (see `asperity.data.results.codes`)."""
    return np.isin(flags(results), [flag for flag, code in codes(results).items() if code.usable])


def measured(results: xr.Dataset) -> list[str]:
    """The fitted properties of the sample that have a value on some usable curve; the modulus first."""
    found = [
        str(name)
        for name in results.data_vars
        if results[name].dims == ("curve",)
        and f"{name}_std" in results.variables
        and name not in _NUISANCE
        and not str(name).startswith("true_")
        and np.isfinite(values(results, str(name))[usable(results)]).any()
    ]
    order = {"modulus": 0, "reduced_modulus": 1, "work_of_adhesion": 2, "pull_off_force": 9}
    return sorted(found, key=lambda name: (order.get(name, 5), name))


def error_parts(results: xr.Dataset, name: str) -> list[tuple[np.ndarray, str]]:
    """(standard deviations per curve, label): noise and calibration, or the total where it is not split."""
    split = [(values(results, f"{name}_std_{kind}"), kind) for kind in ("noise", "calibration")]
    known = [(std, kind) for std, kind in split if np.isfinite(std).any() and np.nanmax(std) > 0]
    return known or [(values(results, f"{name}_std"), "")]


def median(array: np.ndarray) -> float:
    """The median of the finite entries; NaN if there is none."""
    finite = array[np.isfinite(array)]
    return float(np.median(finite)) if finite.size else float("nan")


def inputs(results: xr.Dataset) -> list[str]:
    """Names of the fixed inputs: calibration per curve, and every scalar that is a number or a text."""
    per_curve = [
        name
        for name in (
            "spring_constant",
            "spring_constant_std",
            "sensitivity",
            "sensitivity_std",
            "radius",
            "radius_std",
            "half_angle",
            "thickness",
            "poisson_ratio",
        )
        if name in results.variables and results[name].dims == ("curve",)
    ]
    scalars = [str(name) for name in results.variables if results[name].dims == ()]
    return per_curve + scalars


def file_names(results: xr.Dataset) -> tuple[np.ndarray, list[str]]:
    """(index of the file per curve, names): the part of the paths that differs, in order of appearance."""
    n = results.sizes.get("curve", 0)
    if "file" not in results.variables or n == 0:
        return np.zeros(n, dtype=int), ["the data"] if n else []
    paths = np.broadcast_to(results["file"].values.astype(str), (n,))
    unique, first, inverse = np.unique(paths, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.argsort(order)
    return rank[inverse], _shortened([str(unique[i]) for i in order])


def _shortened(paths: list[str]) -> list[str]:
    """The paths without the folders that all of them share."""
    folders = [path.split("/")[:-1] for path in paths]
    depth = [len(set(level)) == 1 for level in zip(*folders)]
    shared = depth.index(False) if False in depth else len(depth)
    return ["/".join(path.split("/")[shared:]) for path in paths]


def grids(results: xr.Dataset) -> list[Grid]:
    """One `Grid` for each file whose curves have rows and columns (at least two of both)."""
    if not {"row", "column"} <= set(results.variables):
        return []
    which, names = file_names(results)
    row, column = (np.nan_to_num(values(results, name), nan=-1).astype(int) for name in ("row", "column"))
    x, y = values(results, "x"), values(results, "y")
    placed = np.flatnonzero((row >= 0) & (column >= 0))
    placed = placed[np.argsort(which[placed], kind="stable")]  # one pass, however many files
    found = []
    for name, curves in zip(names, np.split(placed, np.searchsorted(which[placed], np.arange(1, len(names))))):
        if _is_grid(row[curves], column[curves]):
            found.append(_grid(name, curves, row[curves], column[curves], np.stack([x, y])[:, curves]))
    return found


def _is_grid(row: np.ndarray, column: np.ndarray) -> bool:
    if len(row) < 2 or np.ptp(row) < 1 or np.ptp(column) < 1:
        return False
    return (np.ptp(row) + 1.0) * (np.ptp(column) + 1.0) <= _SPARSEST * len(row)


def _grid(file: str, curves: np.ndarray, row: np.ndarray, column: np.ndarray, xy: np.ndarray) -> Grid:
    """Place the curves in their pixels and find the edges from the mean step along rows and columns."""
    first_row, first_column = row.min(), column.min()
    shape = (int(np.ptp(row)) + 1, int(np.ptp(column)) + 1)
    pixels = np.full(shape, -1)
    pixels[row - first_row, column - first_column] = curves
    doubled = len(curves) - int((pixels >= 0).sum())
    note = f"{doubled} curves share a pixel with a later one and are not drawn." if doubled else ""
    fitted = _steps(row - first_row, column - first_column, xy)
    if fitted is None:
        labels, left, bottom = ("column", "row"), first_column - 0.5, first_row - 0.5
        note = f"The lateral positions are unknown: the axes count pixels. {note}"
        return Grid(file, pixels, left, bottom, shape[1], shape[0], "pixel", labels, note.strip())
    origin, along, across = fitted
    width, height = np.hypot(*along) * shape[1], np.hypot(*across) * shape[0]
    angle = np.degrees(np.arctan2(along[1], along[0]))
    if abs(along[1]) > 0.02 * abs(along[0]) or abs(across[0]) > 0.02 * abs(across[1]):
        note = f"The scan lines are turned by {angle:.0f}° against x: the axes follow the scan. {note}"
        return Grid(
            file, pixels, 0.0, 0.0, width, height, "m", ("along a line", "across the lines"), note.strip()
        )
    pixels = pixels[:: 1 if across[1] > 0 else -1, :: 1 if along[0] > 0 else -1]
    left = min(origin[0], origin[0] + along[0] * (shape[1] - 1)) - abs(along[0]) / 2
    bottom = min(origin[1], origin[1] + across[1] * (shape[0] - 1)) - abs(across[1]) / 2
    return Grid(file, pixels, left, bottom, width, height, "m", ("x", "y"), note)


def _steps(row: np.ndarray, column: np.ndarray, xy: np.ndarray) -> tuple[np.ndarray, ...] | None:
    """(origin, step per column, step per row) of the positions by least squares; None if unknown."""
    known = np.isfinite(xy).all(axis=0)
    design = np.stack([np.ones(len(row)), column, row], axis=1)[known]
    if known.sum() < 3 or np.linalg.matrix_rank(design) < 3:
        return None
    origin, along, across = np.linalg.lstsq(design, xy[:, known].T, rcond=None)[0]
    short, long = sorted([np.hypot(*along), np.hypot(*across)])
    return (origin, along, across) if short > 1e-3 * long > 0 else None
