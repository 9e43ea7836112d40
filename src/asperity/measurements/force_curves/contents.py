"""What a results dataset holds, gathered once: flags, files, the fitted properties, any column as plain numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from asperity.data.results import Code, codes, listed
from asperity.learning.discrepancy import VAGUE
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves.unreadable import CURVES
from asperity.quantities import QUANTITIES

__all__ = ["Columns", "Contents", "Grid", "Property", "gathered", "grids", "median", "of_files", "words_of"]

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
#: of which an interval that begins at zero is an upper limit
_LIMITED = ("work_of_adhesion", "pull_off_force")
#: a grid may be this much larger than the number of its curves; beyond, row and column are not trusted
_SPARSEST = 50


class Columns(dict[str, np.ndarray]):
    """Any variable as float64 per curve, read when it is first asked for, and only then.

    One scalar serves all curves; a variable that is missing or has other dimensions is NaN.
    """

    def __init__(self, results: xr.Dataset) -> None:
        super().__init__()
        self._results = results

    def __missing__(self, name: str) -> np.ndarray:
        count = self._results.sizes.get("curve", 0)
        if name not in self._results.variables or self._results[name].dims not in ((), ("curve",)):
            self[name] = np.full(count, np.nan)
        else:
            self[name] = np.broadcast_to(np.asarray(self._results[name].values, dtype=float), (count,))
        return self[name]


@dataclass(frozen=True)
class Property:
    """A fitted property of the sample: numbers per curve in ``unit``, and what is typical of the usable curves.

    ``words`` is the name for people; ``std`` the total standard deviation; ``parts`` (standard deviations,
    label) those of noise, calibration and model, or the total where it is not split; ``ends`` are those of the interval
    that holds 95 %, NaN where the results have none; ``median`` and ``typical`` (median standard deviation, label)
    are over the usable curves, NaN where nothing is known; ``missed`` are the curves that the model does not describe,
    where no model part says how far off its numbers are.
    """

    name: str
    words: str
    unit: str
    values: np.ndarray
    std: np.ndarray
    parts: list[tuple[np.ndarray, str]]
    ends: tuple[np.ndarray, np.ndarray]
    median: float
    typical: list[tuple[float, str]]
    limited: np.ndarray
    missed: np.ndarray
    limit: float


@dataclass(frozen=True, eq=False)
class Contents:
    """What the page, the screen and the scorecard ask of results; made once by `gathered`, then handed on.

    ``flags`` and ``usable`` are per curve (``count`` of them); ``codes`` says what a flag means and
    ``outcomes`` how many curves have it, the commonest first. ``which`` is the index in ``files`` per curve.
    ``measured`` are the fitted properties that some usable curve has a value of, the modulus first;
    ``columns`` is every other variable, ``units`` their units. ``results`` is where all this comes from:
    its attributes and its curves of display are nowhere else.
    """

    results: xr.Dataset
    count: int
    flags: np.ndarray
    usable: np.ndarray
    codes: Mapping[int, Code]
    outcomes: Mapping[int, int]
    which: np.ndarray
    files: list[str]
    failed_files: list[Any]
    unreadable: list[Any]
    measured: tuple[Property, ...]
    columns: Columns
    units: Mapping[str, str]


def gathered(results: xr.Dataset) -> Contents:
    """The contents of what a fit returned, or what was stored of it; any part may be missing."""
    columns, known = Columns(results), codes(results)
    flags = _flags(results, columns)
    usable = np.isin(flags, [flag for flag, code in known.items() if code.usable])
    units = {str(name): _unit(results, str(name)) for name in results.variables}
    which, files = _files(results)
    return Contents(
        results=results,
        count=len(flags),
        flags=flags,
        usable=usable,
        codes=known,
        outcomes=dict(Counter(flags.tolist()).most_common()),
        which=which,
        files=files,
        failed_files=listed(results, "failed_files"),
        unreadable=listed(results, CURVES),
        measured=tuple(_property(columns, name, units[name], usable) for name in _measured(results, columns, usable)),
        columns=columns,
        units=units,
    )


def _unit(results: xr.Dataset, name: str) -> str:
    """The unit that the dataset states, else that of the vocabulary, else none."""
    return str(results[name].attrs.get("units", QUANTITIES[name].unit if name in QUANTITIES else "1"))


def words_of(name: str) -> str:
    """The name for people: ``work_of_adhesion`` is adhesion."""
    return _SHORT.get(name, name.replace("_", " "))


def _flags(results: xr.Dataset, columns: Columns) -> np.ndarray:
    """The outcome of each curve as int; without the variable, a finite modulus counts as converged."""
    if "flag" in results.variables:
        return np.nan_to_num(columns["flag"], nan=float(Outcome.unreadable)).astype(int)
    return np.where(np.isfinite(columns["modulus"]), int(Outcome.converged), int(Outcome.unreadable))


def _measured(results: xr.Dataset, columns: Columns, usable: np.ndarray) -> list[str]:
    """The fitted properties of the sample that have a value on some usable curve; the modulus first."""
    found = [
        str(name)
        for name in results.data_vars
        if results[name].dims == ("curve",)
        and f"{name}_std" in results.variables
        and name not in _NUISANCE
        and not str(name).startswith("true_")
        and np.isfinite(columns[str(name)][usable]).any()
    ]
    order = {"modulus": 0, "reduced_modulus": 1, "work_of_adhesion": 2, "pull_off_force": 9}
    return sorted(found, key=lambda name: (order.get(name, 5), name))


def _property(columns: Columns, name: str, unit: str, usable: np.ndarray) -> Property:
    kinds = ("noise", "calibration", "model")
    std, split = columns[f"{name}_std"], [(columns[f"{name}_std_{kind}"], kind) for kind in kinds]
    parts = [(part, kind) for part, kind in split if np.isfinite(part).any() and np.nanmax(part) > 0] or [(std, "")]
    unknown = ~(columns["modulus_std_model"] <= VAGUE * np.abs(columns["modulus"]))
    missed = usable & (columns["flag"] == Outcome.misfit) & unknown & (name != "pull_off_force")
    typical = [(median(part[usable]), kind) for part, kind in parts]
    ends = columns[f"{name}_low"], columns[f"{name}_high"]
    limited = (ends[0] <= 0) & (name in _LIMITED)
    known = usable & np.isfinite(columns[name])
    most = 2 * (limited & known).sum() > known.sum()
    limit = median(ends[1][known]) if most else float("nan")
    return Property(name, words_of(name), unit, columns[name], std, parts, ends, median(columns[name][usable]), typical,
                    limited, missed, limit)


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


def median(array: np.ndarray) -> float:
    """The median of the finite entries; NaN if there is none."""
    finite = array[np.isfinite(array)]
    return float(np.median(finite)) if finite.size else float("nan")


def _files(results: xr.Dataset) -> tuple[np.ndarray, list[str]]:
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


def of_files(contents: Contents, chosen: np.ndarray, count: int) -> list[np.ndarray]:
    """The ``chosen`` curves of each of the first ``count`` files, in order; one pass, however many files."""
    ordered = chosen[np.argsort(contents.which[chosen], kind="stable")]
    return np.split(ordered, np.searchsorted(contents.which[ordered], np.arange(1, count + 1)))[:count]


def grids(contents: Contents) -> list[Grid]:
    """One `Grid` for each file whose curves have rows and columns (at least two of both)."""
    if not {"row", "column"} <= contents.units.keys():
        return []
    row, column = (np.nan_to_num(contents.columns[name], nan=-1).astype(int) for name in ("row", "column"))
    positions = np.stack([contents.columns["x"], contents.columns["y"]])
    placed = of_files(contents, np.flatnonzero((row >= 0) & (column >= 0)), len(contents.files))
    return [
        _grid(name, curves, row[curves], column[curves], positions[:, curves])
        for name, curves in zip(contents.files, placed)
        if _is_grid(row[curves], column[curves])
    ]


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
