"""The drift from frame to frame of repeated images: where the surface is, how fast it moves, and the page about it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from asperity.data import provenance
from asperity.data.verbs import verb
from asperity.instrument.drift import Pair, Trajectory, join_pairs, mean_velocity, register_pairs
from asperity.instrument.phase_correlation import PairFlag
from asperity.measurements.images.correct import one_frame, pixel
from asperity.messages import DataError
from asperity.report.numbers import plain

__all__ = ["drift"]

_UNSTEADY = 4.0  # chi-square per degree of freedom about a constant velocity
_CONTRADICTION = 1e-3  # chance of the cycles' closure below which the pairs are said to contradict each other


@verb(images="image")
def drift(images: xr.Dataset | Sequence[xr.Dataset], *, channel: str = "height", reach: int = 3) -> xr.Dataset:
    """Where the surface is in every frame of a film, against the first.

    Args:
        images: a film, or images of one size and pixel in the order of their time.
        channel: of heights, or any other that shows the surface.
        reach: frames up to so far apart are compared; 2 and more leave cycles, whose closure is a check.

    Returns:
        ``drift`` (frame, axis) in m along y and x with ``drift_std``, NaN for frames that cannot be reached;
        ``velocity`` (axis) with its uncertainty, in m/s if the line time is known, else in m per frame; ``pair_flag``
        of every pair compared; and the attribute ``findings``.

    Raises:
        DataError: fewer than two frames, frames of different size or pixel, or frames too small to compare.
    """
    frames, pitch, duration = _frames(images, channel)
    pairs = register_pairs(frames, reach=min(reach, len(frames) - 1))
    path = join_pairs(pairs, len(frames))
    made = _dataset(pairs, path, pitch, duration)
    first = images if isinstance(images, xr.Dataset) else images[0]
    named = made.assign_attrs(findings=json.dumps(_findings(pairs, path, made)), file=str(first["file"].item()))
    step = provenance.step("correct.drift", {"channel": channel, "reach": reach})
    return provenance.record(named, step, before=first)


def _frames(images: xr.Dataset | Sequence[xr.Dataset], channel: str) -> tuple[list[np.ndarray], np.ndarray, float]:
    """The frames, the pixel's sides along y and x (m), and the time from frame to frame (s; NaN: unknown)."""
    several = [images] if isinstance(images, xr.Dataset) else list(images)
    if several and channel in several[0] and "frame" in several[0][channel].dims:
        found, kinds = list(several[0][channel].values), several[:1]
    else:
        found, kinds = [one_frame(image, channel).values for image in several], several
    sizes = np.array([pixel(image) for image in kinds])
    shapes = {frame.shape for frame in found}
    if len(found) < 2 or len(shapes) > 1 or np.ptp(sizes, axis=0).max() > 1e-3 * sizes.max():
        raise DataError(f"images hold {len(found)} frames of {len(shapes)} sizes: drift needs two or more frames of "
                        "one size and pixel")
    return found, sizes[0], float(kinds[0]["line_time"]) * found[0].shape[0]


def _dataset(pairs: Sequence[Pair], path: Trajectory, pitch: np.ndarray, duration: float) -> xr.Dataset:
    count = len(path.positions)
    std = np.sqrt(np.einsum("iaia->ia", path.covariance)) * pitch
    flags = {"flag_values": [int(flag) for flag in PairFlag], "flag_meanings": " ".join(flag.name for flag in PairFlag)}
    variables: dict[str, Any] = {
        "drift": (("frame", "axis"), path.positions * pitch, {"units": "m", "long_name": "position of the surface"}),
        "drift_std": (("frame", "axis"), std, {"units": "m"}),
        "pair_flag": ("pair", [int(pair.registration.flag) for pair in pairs], flags),
        "pair_used": ("pair", path.used), "pair_frames": (("pair", "side"), [[p.first, p.second] for p in pairs])}
    timed = np.isfinite(duration) and duration > 0
    times = np.arange(count) * (duration if timed else 1.0)
    if np.isfinite(path.positions[1:, 0]).any():
        found = mean_velocity(path, times)
        unsteady = found.chi_square / found.degrees_of_freedom if found.degrees_of_freedom else 1.0
        unit = {"units": "m/s" if timed else "m"}
        variables["velocity"] = ("axis", found.velocity * pitch, {
            **unit, "long_name": "mean velocity of the drift", "unsteadiness": unsteady})
        variables["velocity_std"] = ("axis", np.sqrt(max(unsteady, 1.0) * np.diag(found.covariance)) * pitch, unit)
    return xr.Dataset(variables, {"axis": ["y", "x"], "time": ("frame", times, {"units": "s" if timed else "frames"})})


def _findings(pairs: Sequence[Pair], path: Trajectory, made: xr.Dataset) -> list[str]:
    lost = int(np.isnan(path.positions[:, 0]).sum())
    reach = np.nanmax(np.hypot(*made["drift"].values.T)) if lost < len(path.positions) else np.nan
    said = [f"The surface moved by up to {plain(float(reach), 'm')} over {len(path.positions)} frames."]
    if lost:
        said.append(f"{lost} frames cannot be reached: no usable pair leads to them.")
    flags = [pair.registration.flag for pair in pairs if pair.registration.flag]
    said += [f"{flags.count(flag)} of {len(pairs)} pairs: {PairFlag(flag).meaning}" for flag in sorted(set(flags))]
    contradicting = sum(pair.registration.flag == 0 and not used for pair, used in zip(pairs, path.used))
    if contradicting:
        said.append(f"{contradicting} pairs contradict the others and are left out.")
    if "velocity" in made and made["velocity"].attrs["unsteadiness"] > _UNSTEADY:
        said.append("The drift is not steady: its velocity is a mean, with an error as wide as it changes.")
    if path.degrees_of_freedom and path.chance < _CONTRADICTION:
        said.append("The shifts around a cycle do not add up to nothing as well as they should (chance "
                    f"{path.chance:.1g}): the frames differ by more than a shift; the errors were widened.")
    elif not path.degrees_of_freedom:
        said.append("There is no cycle to check the shifts by.")
    return said
