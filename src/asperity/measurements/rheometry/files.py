"""Spectra and relaxations of files: of a table, or of the force curves that a file holds."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import xarray as xr

from asperity.contact.named import Model, contact_model
from asperity.data.curve_files import missing_calibration
from asperity.data.curves import segment_kind
from asperity.data.readers._errors import MissingCalibration, ReadError
from asperity.data.readers.force_curves import find_reader
from asperity.measurements.force_curves.read import read
from asperity.measurements.rheometry.material import median_spectrum, relax, spectrum
from asperity.measurements.rheometry.power_law import power_law
from asperity.messages import DataError

__all__ = ["relaxation_of_file", "spectrum_of_file"]


_TABLES = {".csv", ".txt", ".dat", ".tsv"}


def spectrum_of_file(path: str | PathLike[str], model: Model, *, noise: float | None = None,
                     smooth_share: float | None = None, **job: Any) -> xr.Dataset:
    """`spectrum` of a table, or of the median over the curves of a file with sine segments.

    ``job`` is the ``folder``, ``restart``, ``progress`` and ``workers`` of `modulus_spectrum`.
    """
    contact_model(model)  # a wrong one is refused for a table, too, which needs none
    if Path(path).suffix.lower() in _TABLES:
        return spectrum(path, noise=noise, smooth_share=smooth_share)
    from asperity.measurements.rheometry.modulation import modulus_spectrum

    try:
        moduli = modulus_spectrum(_calibrated(path), model, **job)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    return spectrum(median_spectrum(moduli), noise=noise, smooth_share=smooth_share)


def relaxation_of_file(path: str | PathLike[str], model: Model, *, noise: float | None = None,
                       smooth_share: float | None = None, **job: Any) -> xr.Dataset:
    """What a file tells of relaxation: `relax` of a table; of force curves `holds` if they hold.

    Curves without a hold are fitted with a power law, approach and retraction together (see `power_law`). ``job`` is
    the ``folder``, ``restart``, ``progress`` and ``workers`` of either.
    """
    contact_model(model)  # a wrong one is refused for a table, too, which needs none
    if Path(path).suffix.lower() in _TABLES and not _curves_in(path):
        return relax(path, noise=noise, smooth_share=smooth_share)
    from asperity.measurements.rheometry.hold import holds

    curves = _calibrated(path)
    if any(segment_kind(str(name)) == "pause" for name in curves["segment"].values):
        return holds(curves, model, **job)
    return power_law(curves, model, **job)


def _calibrated(path: str | PathLike[str]) -> xr.Dataset:
    """The force curves of a file that has a force and a spring constant."""
    curves = read(path)
    if lacking := missing_calibration(curves, path):
        raise MissingCalibration(path, lacking.problem, "Store it with what is missing first: asperity convert FILE "
                                 "--spring-constant 0.04N/m --sensitivity 40nm/V --out curves.nc.")
    return curves


def _curves_in(path: str | PathLike[str]) -> bool:
    """Whether a text file is one of force curves."""
    try:
        find_reader(path)
    except ReadError:
        return False
    return True
