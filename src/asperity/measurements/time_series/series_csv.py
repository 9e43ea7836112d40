"""A recorded motion's model as tables, and its force as force curves for other commands."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np
import xarray as xr

from asperity.data import disk
from asperity.data.curves import Curves, Loader, to_dataset

__all__ = ["as_curves", "write_force", "write_modes"]

_CURVES = 64  # draws of the law, each a curve
_SAMPLES = 512  # of each
_MODES = ("frequency", "frequency_low", "frequency_high", "damping_rate", "damping_rate_low", "damping_rate_high",
          "contribution", "residual", "eigenvalue_real", "eigenvalue_imaginary")


def _write(path: str | PathLike[str], titles: list[str], columns: list[np.ndarray]) -> Path:
    rows = [",".join(titles), *(",".join("" if value != value else repr(value) for value in row)
                                for row in zip(*(column.tolist() for column in columns), strict=True))]
    with disk.replacing(Path(path)) as temporary:
        temporary.write_text("\r\n".join([*rows, ""]), encoding="utf-8")
    return Path(path)


def write_modes(made: xr.Dataset, path: str | PathLike[str]) -> Path:
    """One row for each mode, with units.

    Raises:
        StoreError: the disk refuses; what was at ``path`` is still there.
    """
    titles = [f"{name} ({made[name].attrs['units']})" for name in _MODES]
    return _write(path, titles, [made[name].values for name in _MODES])


def write_force(made: xr.Dataset, path: str | PathLike[str]) -> Path:
    """The recovered force as a force table, that `asperity force` reads: separation, force and its uncertainty.

    Rows whose force is 0 because it is taken to vanish there are left out.

    Raises:
        StoreError: the disk refuses; what was at ``path`` is still there.
    """
    use = made["tip_force_std"].values > 0
    names = {"separation (m)": "distance", "force (N)": "tip_force", "force_std (N)": "tip_force_std"}
    return _write(path, list(names), [made[name].values[use] for name in names.values()])


def as_curves(made: xr.Dataset, spring_constant: float, seed: int = 0) -> xr.Dataset:
    """Draws of the recovered force as force curves: the spread of what is fitted to them is what is not known.

    Each is an approach from where the force vanishes to the nearest distance, and the same way back: a force of the
    distance alone. White noise of the size of its median uncertainty is added: what reads the noise off the baseline
    would take a law without any to be exact.
    """
    at, force = made["distance"].values, made["tip_force"].values
    size, vectors = np.linalg.eigh(made["tip_force_covariance"].values)
    random = np.random.default_rng(seed)
    normal, std = random.standard_normal((_CURVES, len(at))), made["tip_force_std"].values
    drawn = force + (normal * np.sqrt(np.maximum(size, 0.0))) @ vectors.T
    dense = np.linspace(at[-1], at[0], _SAMPLES)
    noise = float(np.median(std[std > 0])) * random.standard_normal((_CURVES, 2, _SAMPLES))
    curves = np.stack([np.interp(dense, at, one) for one in drawn])
    both = np.stack([curves, curves[:, ::-1]], axis=1) + noise
    place = np.stack([dense, dense[::-1]])
    channels: dict[str, Loader] = {"height": lambda curve: list(place - both[curve] / spring_constant),
                                   "force": lambda curve: list(both[curve])}
    file, counts = str(made.attrs["file"]), np.full((_CURVES, 2), _SAMPLES)
    return to_dataset(Curves(("approach", "retract"), counts, channels, file, spring_constant=spring_constant),
                      file).load()
