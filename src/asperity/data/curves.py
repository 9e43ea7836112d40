"""The dataset of force curves: its dimensions, variables and identity coordinates.

One `xarray.Dataset` holds all curves of one file (a single curve is a map of one). Dimensions:

``curve``    one per measured position;
``segment``  the *named segments* in time order: ``approach``, ``pause``, ``modulation``, ``retract``
             (repeated kinds are numbered: ``modulation``, ``modulation_2``, ...);
``sample``   padded to the longest segment; ``sample_count(curve, segment)`` says how many are real,
             the rest is NaN. A curve that lacks a segment has count 0 there.

Variables with dims (curve, segment, sample), in SI, repulsive force positive, lazy when read from
a file: ``height`` (the sensor where there is one, else the drive), ``height_drive`` (only beside a
sensor height), ``time``, and the most processed of ``force``, ``deflection``,
``deflection_voltage`` that the calibration allows (the less processed ones stay beside it);
``tip_position`` only where the file gives it.

Coordinates per curve: ``file``, ``curve_in_file``, ``session`` (same lever, same calibration, same
day: what a leakage-safe split must not cut), ``spring_constant``, ``sensitivity`` (NaN: unknown),
``x``, ``y`` (m, NaN: unknown), ``row``, ``column`` (grid indices, -1: none).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from asperity.messages import ArgumentError, DataError, shown
from asperity.quantities import QUANTITIES, variable_attributes

__all__ = ["SAMPLED", "SEGMENT_KINDS", "Curves", "Loader", "SchemaError", "known_segment", "segment_kind",
           "to_dataset", "validate"]

#: the kinds of a segment; a segment's name is its kind, numbered from the second of its kind on
SEGMENT_KINDS = ("approach", "pause", "modulation", "retract")
#: the sampled variables (curve, segment, sample)
SAMPLED = ("time", "height", "height_drive", "tip_position", "deflection_voltage", "deflection", "force")

#: the samples of a curve, one array per segment
Loader = Callable[..., Sequence[Any]]  # np.ndarray, or None of a segment that was not asked for

_DIMS = ("curve", "segment", "sample")
_PER_CURVE = ("file", "curve_in_file", "session", "spring_constant", "sensitivity", "x", "y", "row", "column")


class SchemaError(DataError):
    """A dataset that is not a set of force curves; the message says which part is missing or wrong."""


def known_segment(name: str) -> str:
    """The name of a segment, of one of the kinds, numbered or not.

    Raises:
        ArgumentError: it is none; the message lists the kinds.
    """
    if name and segment_kind(name) in SEGMENT_KINDS:
        return name
    raise ArgumentError(f"segment = {shown(name)} is not known; known: {', '.join(SEGMENT_KINDS)}, and the second of a "
                        "kind as retract_2")


@dataclass(frozen=True)
class Curves:
    """What a reader hands over: names, counts, calibration, and one loader per channel.

    ``channels[name](curve)`` returns the arrays of that curve, one per segment (empty where the
    curve lacks the segment), in SI and float64; nothing is read before it is called. A loader whose attribute
    ``by_segment`` is true is asked for the segments in use alone, ``channels[name](curve, (0, 2))``, and gives None for
    the others. ``name`` is
    ``height``, ``height_drive``, ``time``, ``tip_position`` and one or more of
    ``deflection_voltage``, ``deflection``, ``force``; a channel that follows from another by the
    calibration (deflection = sensitivity * voltage, force = spring constant * deflection) is left out.
    Scalars in ``spring_constant`` ... ``column`` hold for every curve.
    """

    segments: tuple[str, ...]
    counts: np.ndarray  # (curve, segment) int
    channels: dict[str, Loader]
    session: str
    spring_constant: Any = np.nan  # N/m
    sensitivity: Any = np.nan  # m/V
    x: Any = np.nan  # m
    y: Any = np.nan  # m
    row: Any = -1
    column: Any = -1
    attrs: dict[str, Any] = field(default_factory=dict)  # instrument, software, date, vendor channel names


class _LazyChannel(BackendArray):
    """A (curve, segment, sample) array that loads the curves it is asked for, padded with NaN."""

    def __init__(self, load: Loader, shape: tuple[int, int, int], factor: np.ndarray | None) -> None:
        self.load, self.shape, self.dtype, self.factor = load, shape, np.dtype(float), factor

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        curve_key, *rest = key
        curves = np.atleast_1d(np.arange(self.shape[0])[curve_key])
        asked = np.arange(self.shape[2])[rest[1]]
        width = int(np.max(asked, initial=-1)) + 1  # a long curve does not pad the short ones that are asked for
        block = np.full((len(curves), self.shape[1], width), np.nan)
        wanted = tuple(np.unique(np.arange(self.shape[1])[rest[0]]).tolist())
        some = (wanted,) if len(wanted) < self.shape[1] and getattr(self.load, "by_segment", False) else ()
        for i, curve in enumerate(curves):
            for j, samples in enumerate(self.load(int(curve), *some)):
                if samples is not None:
                    block[i, j, : len(samples)] = samples[:width]
            if self.factor is not None:
                block[i] *= self.factor[curve]
        first = 0 if isinstance(curve_key, int | np.integer) else slice(None)
        if first == 0:
            block = block[0]
        rest = [rest[0], rest[1] if isinstance(rest[1], slice) else asked]
        for axis, part in reversed(list(enumerate(rest, start=block.ndim - 2))):
            block = block[(slice(None),) * axis + (part,)]
        return block


def segment_kind(name: str) -> str:
    """The kind of a segment from its name: ``modulation_2`` is a ``modulation``."""
    return name.rsplit("_", 1)[0] if name[-1].isdigit() and "_" in name else name


def number_segments(kinds: Sequence[str]) -> tuple[str, ...]:
    """Unique names for a sequence of kinds: (pause, pause) -> (pause, pause_2)."""
    seen: dict[str, int] = {}
    names = []
    for kind in kinds:
        seen[kind] = seen.get(kind, 0) + 1
        names.append(kind if seen[kind] == 1 else f"{kind}_{seen[kind]}")
    return tuple(names)


def to_dataset(curves: Curves, path: str, *, spring_constant: float | None = None,
               sensitivity: float | None = None) -> xr.Dataset:
    """The lazy dataset of what a reader found; given constants replace those of the file.

    Args:
        curves: the reader's result.
        path: the file, kept as identity of every curve.
        spring_constant: N/m; replaces the file's.
        sensitivity: m/V; replaces the file's.

    A given constant changes ``force`` and ``deflection`` only where they are derived from the
    photodiode signal or the deflection; a file that stores the force alone is rescaled by the
    ratio of the constants.
    """
    counts = np.asarray(curves.counts, dtype=np.int64)
    n_curves = counts.shape[0]

    def per_curve(value: Any, dtype: Any) -> np.ndarray:
        return np.ascontiguousarray(np.broadcast_to(np.asarray(value, dtype=dtype), (n_curves,)))

    own_k, own_s = per_curve(curves.spring_constant, float), per_curve(curves.sensitivity, float)
    k = own_k if spring_constant is None else per_curve(spring_constant, float)
    s = own_s if sensitivity is None else per_curve(sensitivity, float)
    loaders: dict[str, tuple[Loader, np.ndarray | None]] = {
        name: (load, None) for name, load in curves.channels.items()}
    if "deflection" in loaders and sensitivity is not None and np.isfinite(own_s).all():
        loaders["deflection"] = (loaders["deflection"][0], s / own_s)
    if "deflection" not in loaders and "deflection_voltage" in loaders and np.isfinite(s).any():
        loaders["deflection"] = (loaders["deflection_voltage"][0], s)
    if "deflection" in loaders and np.isfinite(k).any() and ("force" not in loaders or spring_constant or sensitivity):
        load, factor = loaders["deflection"]
        loaders["force"] = (load, k if factor is None else k * factor)
    elif "force" in loaders and spring_constant is not None and np.isfinite(own_k).all():
        loaders["force"] = (loaders["force"][0], k / own_k)

    shape = (n_curves, counts.shape[1], int(counts.max(initial=0)))
    variables = {}
    for name in SAMPLED:
        if name in loaders:
            lazy = indexing.LazilyIndexedArray(_LazyChannel(loaders[name][0], shape, loaders[name][1]))
            variables[name] = xr.Variable(_DIMS, lazy, variable_attributes(name))
    coords = {
        "curve": np.arange(n_curves),
        "segment": np.asarray(curves.segments, dtype=str),
        "sample_count": (_DIMS[:2], counts),
        "file": ("curve", per_curve(path, str)),
        "curve_in_file": ("curve", np.arange(n_curves)),
        "session": ("curve", per_curve(curves.session, str)),
        "spring_constant": ("curve", k, variable_attributes("spring_constant")),
        "sensitivity": ("curve", s, variable_attributes("sensitivity")),
        "x": ("curve", per_curve(curves.x, float), variable_attributes("x")),
        "y": ("curve", per_curve(curves.y, float), variable_attributes("y")),
        "row": ("curve", per_curve(curves.row, np.int64)),
        "column": ("curve", per_curve(curves.column, np.int64)),
    }
    return validate(xr.Dataset(variables, coords, attrs=dict(curves.attrs)))


def validate(dataset: xr.Dataset) -> xr.Dataset:
    """Return ``dataset`` unchanged if it obeys the schema, else raise `SchemaError`."""
    for dim in _DIMS:
        if dim not in dataset.dims:
            raise SchemaError(f"not a force-curve dataset: no dimension '{dim}' (found {tuple(dataset.dims)})")
    for name in ("sample_count", *_PER_CURVE):
        if name not in dataset.coords:
            raise SchemaError(f"not a force-curve dataset: no coordinate '{name}'")
    names = [str(name) for name in dataset["segment"].values]
    if len(set(names)) != len(names) or any(segment_kind(n) not in SEGMENT_KINDS for n in names):
        raise SchemaError(f"segments {names} must be unique and of the kinds {SEGMENT_KINDS}")
    if not {"force", "deflection", "deflection_voltage"} & set(dataset.data_vars):
        raise SchemaError("no force, deflection or deflection_voltage variable")
    if not {"height", "tip_position"} & set(dataset.data_vars):
        raise SchemaError("no height or tip_position variable")
    for name in dataset.data_vars:
        if name in SAMPLED:
            if dataset[name].dims != _DIMS:
                raise SchemaError(f"variable '{name}' has dims {dataset[name].dims}, expected {_DIMS}")
            if dataset[name].attrs.get("units") != QUANTITIES[str(name)].unit:
                raise SchemaError(f"variable '{name}' must be in {QUANTITIES[str(name)].unit}, "
                                  f"found {dataset[name].attrs.get('units')!r}")
    return dataset
