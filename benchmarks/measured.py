"""Measured curves: the JPK map on cells, read, fitted and taken the whole way by asperity and by others."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from asperity.contact.hertz import Hertz
from asperity.data.readers import force_curves as readers
from asperity.measurements.force_curves.analyze import analyze
from benchmarks import peers
from benchmarks.fits import fit, moduli_of
from benchmarks.generated import Curves
from benchmarks.machine import compare
from benchmarks.map_file import RADIUS, enlarge
from benchmarks.table import Row, limit, note, ratio

__all__ = ["approach_curves", "fit_measured", "read_all", "reading", "whole_way"]

READING_GOAL = 1.5e-3  # CPU s per curve
_SMALL = 256  # curves; more take the other readers minutes


def read_all(path: Path) -> int:
    """Open a file and load force and height of all its curves; how many there are."""
    dataset = readers.open_dataset(path)
    dataset["force"].values, dataset["height"].values
    return dataset.sizes["curve"]


def reading(source: Path, sizes: Sequence[int], repeats: int) -> list[Row]:
    """Maps of several sizes, by the others up to `_SMALL` curves."""
    rows, ours = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            path = enlarge(source, Path(folder), size)
            times = compare(_readers(path, size), repeats)
            ours[size] = times.pop("asperity")
            what = f"read a JPK map of {size} curves"
            rows.append(limit(f"{what}, per curve", ours[size].middle, READING_GOAL))
            rows += [ratio(what, ours[size], name, timing) for name, timing in times.items()]
    first, last = ours[sizes[0]].middle, ours[sizes[-1]].middle
    growth = f"x {last / first:.2f} from {sizes[0]} to {sizes[-1]} curves"
    return [*rows, note("  growth of the cost per curve", growth, growth=last / first)]


def _readers(path: Path, size: int) -> dict[str, tuple[Callable[[], object], int]]:
    found: dict[str, tuple[Callable[[], object], int]] = {"asperity": (lambda: read_all(path), size)}
    if size > _SMALL:
        return found
    if peers.installed("afmformats"):
        found["afmformats"] = lambda: peers.read_afmformats(path), size
    if peers.installed("pyfmreader"):
        found["pyfmreader"] = lambda: peers.read_pyfmreader(path), size
    return found


def approach_curves(path: Path, radius: float) -> Curves:
    """Tip position (height + force / k) and force of the approach of every curve, right-aligned."""
    part = readers.open_dataset(path).sel(segment="approach")
    force, height = part["force"].values, part["height"].values
    position = height + force / part["spring_constant"].values[:, None]
    length = int(part["sample_count"].values.max())
    shift = length - part["sample_count"].values
    aligned = np.full((2, len(force), length), np.nan)
    for i, (gap, row) in enumerate(zip(shift, zip(position, force))):
        for k in (0, 1):
            aligned[k, i, gap:] = row[k][: length - gap]
    return Curves(Hertz(radius=radius), aligned[0], aligned[1], np.full(len(force), np.nan))


def fit_measured(source: Path, count: int, repeats: int) -> list[Row]:
    """The fit alone: the 16 curves again and again as one batch, against nanite's fit of each."""
    own = approach_curves(source, radius=10e-6)  # nanite's default tip
    some = len(own.force)
    again = np.resize(np.arange(some), count)
    curves = Curves(own.model, own.position[again], own.force[again], own.modulus[again])
    ours = fit(curves, tilt=False)
    moduli = moduli_of(curves, ours)
    what = f"fit Hertz, {count} measured curves of {own.force.shape[1]}"
    if not peers.installed("nanite"):
        times = compare({"asperity": (lambda: fit(curves, tilt=False), count)}, repeats)
        return [limit(f"{what}, per curve", times["asperity"].middle, remark="nanite is not installed")]
    nanite = peers.NaniteCurves(source)
    theirs = np.array(nanite.moduli())
    work: dict[str, tuple[Callable[[], object], int]] = {
        "asperity": (lambda: fit(curves, tilt=False), count), "nanite": (nanite.moduli, some)}
    times = compare(work, repeats)
    relative = np.abs(theirs / moduli[:some] - 1)
    return [ratio(what, times["asperity"], "nanite", times["nanite"], 50),
            note("  nanite against asperity",
                 f"dE/E median {np.median(relative):.1e}, max {relative.max():.1e}", f"{some} curves",
                 relative_difference=[float(np.median(relative)), float(relative.max())])]


def _whole(path: Path) -> np.ndarray:
    """The moduli of a file, from its path."""
    return analyze(path, {"name": "hertz", "radius": RADIUS})["modulus"].values


def whole_way(source: Path, count: int, repeats: int) -> list[Row]:
    """From the file to moduli; the others on the 16 curves that there are."""
    import logging

    logging.getLogger("asperity").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        path, some = enlarge(source, Path(folder), count), 16
        _whole(path)
        work: dict[str, tuple[Callable[[], object], int]] = {"asperity": (lambda: _whole(path), count)}
        for name, way in (("nanite", peers.nanite_way), ("pyfmrheo", peers.pyfmrheo_way)):
            if peers.installed(name):
                way(source)
                work[name] = (lambda way=way: way(source)), some
        times = compare(work, repeats)
        ours = times.pop("asperity")
        what = f"file to moduli, {count} curves of 2 x 4000"
        rows = [ratio(what, ours, name, timing) for name, timing in times.items()]
    alone = [limit(f"{what}, per curve", ours.middle, remark="nanite, pyfmrheo are not installed")]
    return rows or alone
