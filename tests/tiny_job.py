"""A job of a few curves and everything that a job may write, for tests of what happens to files."""

import json

import numpy as np
import xarray as xr

from asperity.data import disk, jobs, store


def chunk(number, size, factor):
    """The result of one chunk: numbers that tell chunk and job apart."""
    values = factor * (np.arange(2.0 * size).reshape(size, 2) + 100 * number + 1)
    return xr.Dataset({"modulus": (("curve", "point"), values, {"units": "Pa"}),
                       "flag": ("curve", np.zeros(size, np.int8))},
                      coords={"file": ("curve", ["日本"] * size)}, attrs={"factor": factor})


def whole(folder, sizes, *, factor, restart=False, zarr=False):
    """Do the job and write its results; returns how many chunks were made."""
    made = []

    def work(number):
        made.append(number)
        return chunk(number, sizes[number], factor)

    with jobs.run({"factor": factor}, sizes, work, folder=folder, restart=restart) as chunks:
        if zarr:
            store.save_blocks(chunks, folder / "results.zarr")
        results = xr.concat(list(chunks), "curve")
        store.save(results, folder / "results.nc")
        for name in ("results.csv", "report.html"):
            with disk.replacing(folder / name) as temporary, open(temporary, "w", encoding="utf-8") as stream:
                stream.write(f"{factor}\n")
    return len(made)


def mixed(folder):
    """Whether a result of one job stands beside the name of another, or two results are of two jobs."""
    found = {float((folder / name).read_text()) for name in ("results.csv", "report.html")
             if (folder / name).exists()}
    found |= {store.load(folder / name).attrs["factor"] for name in ("results.nc", "results.zarr")
              if (folder / name).exists()}
    manifest = folder / "chunks" / "job.json"
    if manifest.exists():
        found.add(json.loads(manifest.read_text())["factor"])
    return len(found) > 1
