"""The dataset of a scanned image: one `xarray.Dataset` per file, every channel on one grid.

Dimensions ``y``, ``x``, and ``frame`` in front where the file is a film. The coordinates ``x`` and ``y`` are the pixel
centers in m in the frame of the scan (fast axis x), both rising: row 0 is the lowest line, so that a plot against
the coordinates stands upright (``imshow`` needs ``origin="lower"``).

Every channel is a variable of its own. Its name says what it is:

    <quantity>[_drive][_second_pass][_retrace]      height, height_retrace, height_drive, phase_second_pass

``height`` is the height of the surface from the sensor where the file has one, else from the drive; the drive's
beside a sensor is ``height_drive``, as with force curves. The second pass is that of interleave, nap or lift
modes. Trace has no ending; retrace is *not* mirrored: the same pixel is the same place. A channel whose quantity
is not in the vocabulary keeps its own name and unit. A second channel of the same name gets ``_2``.

Attributes of a variable: ``units`` (SI), ``long_name``, ``quantity``, ``scan_direction`` (trace, retrace),
``source`` (of a height: sensor, or drive for what the file calls plain height), ``vendor_channel``. Scalar
coordinates: ``file``, ``session`` (same instrument, day, tip and calibration: what a leakage-safe split must not
cut) and ``line_time`` (s). Variables are loaded when used; unrecorded pixels are NaN.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from asperity.data.curves import SchemaError
from asperity.data.readers import images as image_readers
from asperity.data.readers._errors import MissingCalibration, ReadError
from asperity.data.readers.images._channels import Channel, Identity, Images, identify, si_unit
from asperity.messages import ArgumentError, shown
from asperity.quantities import QUANTITIES
from asperity.units import in_words

__all__ = ["open_images", "summary", "to_dataset", "validate"]

_PLANE = ("y", "x")
_MEANING = {"height": "height of the surface", "x": "pixel centers along the fast axis",
            "y": "pixel centers along the slow axis"}
_ATTRIBUTES = ("units", "quantity", "scan_direction", "vendor_channel")


def open_images(path: str | PathLike[str], *, pitch: float | None = None, unit: str | None = None) -> xr.Dataset:
    """Open an image file of any known format as a lazy dataset.

    Args:
        path: the file.
        pitch: m from pixel center to pixel center, along x and y; replaces the file's.
        unit: of the channels for which the file says none, for example ``"nm"``.

    Raises:
        MissingCalibration: the file does not say its pitch or its unit, and neither is given.
        ReadError: the file is missing, foreign, damaged or of an unsupported variant.
        ValueError: a pitch that is not positive, a unit that is not known.
    """
    path = Path(path)
    if unit is not None and si_unit(unit)[1] not in {quantity.unit for quantity in QUANTITIES.values()}:
        raise ArgumentError(f"unit = {shown(unit)} is not known; write for example 'nm', 'mV', 'deg'")
    images = image_readers.open_images(path, unit or "")
    if pitch is not None:
        if not 0 < pitch < np.inf:
            raise ArgumentError(f"pitch = {pitch!r}: must be a length in m above 0")
        images = replace(images, pitch=(pitch, pitch))
    if not np.isfinite(images.pitch).all():
        raise MissingCalibration(path, "it does not say how large its pixels are.", "Give --pixel 5nm (pitch=5e-9).")
    if not any(channel.unit for channel in images.channels):
        raise MissingCalibration(path, "it does not say the unit of its values.", "Give --unit nm (unit='nm').")
    return to_dataset(images, str(path))


class _LazyImage(BackendArray):
    """A channel that is loaded, whole and in SI, when a part of it is asked for."""

    def __init__(self, load: Callable[[], np.ndarray], factor: float, shape: tuple[int, ...]) -> None:
        self.load, self.factor, self.shape, self.dtype = load, factor, shape, np.dtype(float)

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._read)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        return self.factor * self.load()[key]


def to_dataset(images: Images, path: str) -> xr.Dataset:
    """The lazy dataset of what a reader found; ``path`` is kept as its identity."""
    dims = _PLANE if len(images.shape) == 2 else ("frame", *_PLANE)
    variables = {}
    for name, channel, identity in _named(images.channels):
        factor, unit = si_unit(channel.unit)
        lazy = indexing.LazilyIndexedArray(_LazyImage(channel.load, factor, images.shape))
        variables[name] = xr.Variable(dims, lazy, _attributes(channel, identity, unit))
    coords: dict[str, Any] = {
        dim: (dim, _centers(count, pitch, center), {"units": "m", "long_name": _MEANING[dim]})
        for dim, count, pitch, center in zip(_PLANE, images.shape[-2:], images.pitch, images.center)}
    coords |= {"file": path, "session": images.session,
               "line_time": ((), images.line_time, {"units": "s", "long_name": "time from line to line"})}
    return validate(xr.Dataset(variables, coords, attrs=dict(images.attrs)))


def _centers(count: int, pitch: float, center: float) -> np.ndarray:
    return center + pitch * (np.arange(count) - (count - 1) / 2)


def _named(channels: tuple[Channel, ...]) -> Iterator[tuple[str, Channel, Identity]]:
    """The variable's name of each channel; a drive beside a sensor of the same file is the drive."""
    identities = [identify(channel.name, si_unit(channel.unit)[1]) for channel in channels]
    sensor = any(identity.source == "sensor" for identity in identities)
    used: Counter[str] = Counter()
    for channel, identity in zip(channels, identities):
        name = identity.quantity + ("_drive" if sensor and identity.source == "drive" else "")
        name += ("_second_pass" if channel.second_pass else "") + ("_retrace" if channel.retrace else "")
        used[name] += 1
        yield name if used[name] == 1 else f"{name}_{used[name]}", channel, identity


def _attributes(channel: Channel, identity: Identity, unit: str) -> dict[str, str]:
    known = QUANTITIES.get(identity.quantity)
    meaning = _MEANING.get(identity.quantity) or (known.meaning if known else channel.name)
    source = {"source": identity.source} if identity.source else {}
    return {"units": unit, "long_name": meaning, "quantity": identity.quantity,
            "scan_direction": "retrace" if channel.retrace else "trace", "vendor_channel": channel.name} | source


def validate(dataset: xr.Dataset) -> xr.Dataset:
    """Return ``dataset`` unchanged if it is an image as described above, else raise `SchemaError`."""
    for name in (*_PLANE, "file", "session", "line_time"):
        if name not in dataset.coords:
            raise SchemaError(f"not an image: no coordinate '{name}' (it has {sorted(map(str, dataset.coords))})")
    for name in _PLANE:
        steps = np.diff(dataset[name].values)
        even = (steps > 0).all() and np.allclose(steps, steps[:1], rtol=1e-6)
        if dataset[name].attrs.get("units") != "m" or not even:
            raise SchemaError(f"the coordinate '{name}' must be in m, rising in equal steps")
    if not dataset.data_vars:
        raise SchemaError("not an image: no channel in it")
    for name, variable in dataset.data_vars.items():
        if variable.dims not in (_PLANE, ("frame", *_PLANE)):
            raise SchemaError(f"channel '{name}' has the dimensions {variable.dims}, expected {_PLANE}")
        missing = [key for key in _ATTRIBUTES if key not in variable.attrs]
        if missing:
            raise SchemaError(f"channel '{name}' lacks the attributes {missing}")
        known = QUANTITIES.get(variable.attrs["quantity"])
        if known and variable.attrs["units"] != known.unit:
            raise SchemaError(f"channel '{name}' must be in {known.unit}, found {variable.attrs['units']!r}")
    return dataset


def summary(dataset: xr.Dataset) -> list[str]:
    """What is in an image, as plain lines: the instrument, the size with units, and one line per channel.

    A channel's line has its root mean square about its mean (over all pixels that are known, divisor n) and its
    range. A channel that is damaged says so.
    """
    rows, columns = dataset.sizes["y"], dataset.sizes["x"]
    frames = f"{dataset.sizes['frame']} frames of " if "frame" in dataset.dims else ""
    origin = [dataset.attrs.get(key, "") for key in ("format", "instrument", "software", "date")]
    lines = [f"{Path(str(dataset['file'].item())).name}: {', '.join(str(part) for part in origin if part)}",
             f"{frames}{columns} x {rows} pixels, {_extent(dataset, 'x')} x {_extent(dataset, 'y')}"]
    if np.isfinite(line_time := float(dataset["line_time"])):
        lines[-1] += f", {in_words(line_time, 's')} per line"
    width = max(len(str(name)) for name in dataset.data_vars)
    return [*lines, *(f"  {name!s:<{width}}  {_in_words(variable)}" for name, variable in dataset.data_vars.items())]


def _extent(dataset: xr.Dataset, axis: str) -> str:
    """Pixels times pitch, in words."""
    values, count = dataset[axis].values, dataset.sizes[axis]
    return in_words(float(values[-1] - values[0]) * count / (count - 1), "m") if count > 1 else "one pixel"


def _in_words(variable: xr.DataArray) -> str:
    """rms, range, and where the numbers come from."""
    try:
        values = variable.values
    except ReadError as error:
        return error.problem
    unit = variable.attrs["units"]
    known = values[~np.isnan(values)]
    missing = values.size - known.size
    words = [f"rms {in_words(float(known.std()), unit)}", f"range {in_words(float(np.ptp(known)), unit)}",
             variable.attrs.get("source", ""), f"'{variable.attrs['vendor_channel']}'",
             f"{missing} pixels missing" if missing else ""]
    return ", ".join(word for word in words if word)
