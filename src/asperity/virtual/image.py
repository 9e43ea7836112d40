"""Images of the virtual instrument: a surface seen by a tip that drifts, lags and is moved by a piezo, with noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from asperity.data.images import to_dataset
from asperity.data.readers.images._channels import Channel, Images
from asperity.instrument.height_correction import required_drive
from asperity.instrument.morphology import dilate
from asperity.instrument.scanner import Scanner
from asperity.instrument.subpixel import scan
from asperity.messages import ArgumentError
from asperity.virtual.scanner import at_rest

__all__ = ["Imaging", "virtual_images"]


def _still(time: np.ndarray) -> np.ndarray:
    return np.zeros((*time.shape, 2))


@dataclass(frozen=True)
class Imaging:
    """How the virtual instrument scans; SI units. The defaults disturb nothing."""

    pixel: float = 5e-9  # m
    line_time: float = 1.0  # s, trace and retrace of one line
    tip: np.ndarray | None = None  # (odd, odd) m, apex 0 at the center; None: a needle
    drift: Callable[[np.ndarray], np.ndarray] = field(default=_still)  # time (...) -> displacement (..., 2) in m
    lag: float = 0.0  # m, from trace to retrace
    tilt: tuple[float, float] = (0.0, 0.0)  # m/m along y and x
    noise: float = 0.0  # m, of every pixel
    line_noise: float = 0.0  # m, of the offset of every line, common to trace and retrace
    scars: int = 0  # broken stretches of a line in every frame, of the trace
    scar_height: float = 0.0  # m
    scanner: Scanner | None = None  # of the height: adds the drive beside the sensor


def virtual_images(surface: np.ndarray, imaging: Imaging, *, frames: int = 1, margin: int = 0,
                   seed: int = 0) -> xr.Dataset:
    """Frames of a surface in the schema of `asperity.data.images`, with the truth beside them.

    Args:
        surface: (rows, columns) heights in m on pixels of ``imaging.pixel``.
        imaging: tip, drift, noise, ...
        frames: scanned one after the other, all upwards.
        margin: pixels of the surface that are not scanned, on every side: what drift and the tip reach into.
        seed: of the noise.

    Returns:
        ``height`` and ``height_retrace`` (frame, y, x), without ``frame`` for one, ``height_drive`` with a scanner;
        ``true_height`` the surface itself, ``true_drift`` (frame, axis) in m when the frame begins.
    """
    touched = surface if imaging.tip is None else _dilated(surface, imaging.tip)
    rows, columns = (n - 2 * margin for n in surface.shape)
    generator = np.random.default_rng([seed, 86028121])
    trace, retrace = (_scanned(touched, imaging, (frames, rows, columns), margin, way) for way in (1, -1))
    ramp = imaging.pixel * np.add.outer(imaging.tilt[0] * np.arange(rows), imaging.tilt[1] * np.arange(columns))
    lines = imaging.line_noise * generator.standard_normal((frames, rows, 1)) + ramp
    trace = trace + lines + imaging.noise * generator.standard_normal(trace.shape)
    trace = trace + _scars(imaging, trace.shape, generator)
    retrace = retrace + lines + imaging.noise * generator.standard_normal(retrace.shape)
    heights = {("sensor", False): trace, ("sensor", True): retrace}
    if imaging.scanner is not None:
        heights[("drive", False)] = _driven(imaging, trace, retrace)
    found = to_dataset(_images(heights, imaging, seed), "virtual")
    inside = (slice(margin, margin + rows), slice(margin, margin + columns))
    starts = rows * imaging.line_time * np.arange(frames)
    return found.assign(true_height=(("y", "x"), surface[inside], {
        "units": "m", "long_name": "height of the surface", "quantity": "height", "scan_direction": "trace",
        "vendor_channel": ""})).assign_coords(true_drift=(("step", "axis"), imaging.drift(starts), {"units": "m"}))


def _dilated(surface: np.ndarray, tip: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(dilate(jnp.asarray(surface, float), jnp.asarray(tip, float)))


def _scanned(touched: np.ndarray, imaging: Imaging, shape: tuple[int, int, int], margin: int, way: int) -> np.ndarray:
    """The heights that a needle reads in all frames, (frame, row, column); ``way`` 1 is the trace, -1 the retrace."""
    frames, rows, columns = shape
    time = _times(shape, imaging.line_time, way)
    place = np.stack(np.broadcast_arrays(*np.ogrid[:frames, :rows, :columns][1:]), axis=-1).astype(float)
    place = place - imaging.drift(time) / imaging.pixel + margin
    place[..., 1] -= 0.5 * way * imaging.lag / imaging.pixel
    if np.array_equal(place, np.round(place)) and place.min() >= 0:
        return touched[place[..., 0].astype(int), place[..., 1].astype(int)]
    heights = scan(touched, np.moveaxis(place, -1, 0))
    if np.isnan(heights).any():
        raise ArgumentError(f"margin = {margin} pixels: the drift leaves the surface; give a larger one and more "
                            "surface")
    return heights


def _times(shape: tuple[int, int, int], line_time: float, way: int) -> np.ndarray:
    """When each pixel is scanned, s: the trace in the first half of the time of a line, the retrace in the second."""
    frames, rows, columns = shape
    line = np.arange(frames * rows).reshape(frames, rows, 1)
    part = (np.arange(columns) + 0.5) / columns
    return line_time * (line + (0.5 * part if way > 0 else 1 - 0.5 * part))


def _scars(imaging: Imaging, shape: tuple[int, int, int], generator: np.random.Generator) -> np.ndarray:
    """Stretches of a quarter of a line that stand out by the height of a scar."""
    found = np.zeros(shape)
    for frame in found:
        for row in generator.integers(1, shape[1] - 1, imaging.scars):
            start = generator.integers(0, 3 * shape[2] // 4)
            frame[row, start: start + shape[2] // 4] += imaging.scar_height
    return found


def _driven(imaging: Imaging, trace: np.ndarray, retrace: np.ndarray) -> np.ndarray:
    """The drive of the height over the trace, after the piezo has followed trace and retrace in turn."""
    assert imaging.scanner is not None
    height = np.concatenate([trace, retrace[..., ::-1]], axis=-1)
    time = imaging.line_time / height.shape[-1] * np.arange(height.size)
    memory = at_rest(imaging.scanner, height.flat[0])
    drive = required_drive(imaging.scanner, time, height.ravel(), memory=memory)[0].reshape(height.shape)
    return drive[..., : trace.shape[-1]]


def _images(heights: dict[tuple[str, bool], np.ndarray], imaging: Imaging, seed: int) -> Images:
    words = {"sensor": "ZSensor", "drive": "Height"}

    def load(values: np.ndarray) -> np.ndarray:
        return values

    squeezed = {key: values[0] if len(values) == 1 else values for key, values in heights.items()}
    channels = tuple(Channel(words[source], "m", partial(load, values), retrace=back)
                     for (source, back), values in squeezed.items())
    shape = next(iter(squeezed.values())).shape
    return Images(channels, shape, f"virtual-{seed}", (imaging.pixel, imaging.pixel), line_time=imaging.line_time,
                  attrs={"instrument": "asperity virtual instrument"})
