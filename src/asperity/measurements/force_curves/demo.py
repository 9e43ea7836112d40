"""The demonstration: a virtual force map, analyzed like a measured one, compared with its truth."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import xarray as xr

from asperity.data import jobs, lock, store
from asperity.measurements.force_curves.analyze import analyze
from asperity.virtual.force_map import Instrument, virtual_map

__all__ = ["demo"]


def demo(
    out: str | PathLike[str],
    *,
    size: int = 64,
    samples: int = 512,
    seed: int = 0,
    progress: jobs.Progress | None = None,
) -> xr.Dataset:
    """Make a virtual map of ``size`` x ``size`` curves, store it in ``out``, and analyze the file.

    Args:
        out: folder for ``virtual-map.nc`` and the results of `asperity.measurements.force_curves.analyze.analyze`.
        size: rows and columns.
        samples: per segment.
        seed: of the map.
        progress: as `analyze`.

    The analysis knows the tip and the calibration, as an experimenter does, and nothing else. Some
    curves are spoiled on purpose (no contact, saturated detector, begun in contact). The results carry
    the truth as ``true_...`` for comparison.
    """
    instrument = Instrument(faults={"no_contact": 0.01, "saturated": 0.005, "contact_out_of_range": 0.005})
    truth = virtual_map(rows=size, columns=size, samples=samples, instrument=instrument, seed=seed)
    known = {name: truth.attrs[f"model_{name}"] for name in ("radius", "poisson_ratio")}
    model = {"name": "jkr", **known}
    folder = Path(out)
    with lock.held(folder):
        jobs.clear(folder)  # before the map that it was about
        path = store.save(truth, folder / "virtual-map.nc")
        return analyze(path, model, out=folder, restart=True, progress=progress)
