"""``python -m benchmarks.koopman_large FOLDER SAMPLES``: a record in zarr, made here, and its sums, with peak memory.

The record is 32 bytes a sample. Run it twice: the first call makes the record, the second only reads it.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np

__all__ = ["EPISODE", "measure", "write_record"]

EPISODE = 10_000  # samples
_TOGETHER = 100  # episodes made at once, one chunk


def write_record(path: Path, samples: int) -> None:
    """Episodes of two coupled oscillators, one of them with a cubic spring, from random states; chunks of 10^6."""
    import zarr

    stored = zarr.create_array(path, shape=(samples, 4), chunks=(EPISODE * _TOGETHER, 4), dtype="float64")
    rng = np.random.default_rng(0)
    turn = [np.exp(-0.002 + 1j * angle) for angle in (0.1, 0.23)]
    for begin in range(0, samples, EPISODE * _TOGETHER):
        lanes = min(_TOGETHER, (samples - begin) // EPISODE)
        a, b = rng.normal(size=(2, lanes)) + 1j * rng.normal(size=(2, lanes))
        made = np.empty((lanes, EPISODE, 4))
        for i in range(EPISODE):
            made[:, i] = np.stack([a.real, a.imag, b.real, b.imag], axis=1)
            a, b = turn[0] * a + 0.01j * b.real - 0.005j * a.real**3 / (1 + a.real**2), turn[1] * b + 0.01j * a.real
            a, b = a + 0.02 * rng.normal(size=lanes), b + 0.02 * rng.normal(size=lanes)
        stored[begin : begin + lanes * EPISODE] = made.reshape(-1, 4)


def measure(path: Path) -> dict[str, float]:
    """CPU and wall seconds of scaling, sums and model of 70 functions; the most memory of the process, bytes."""
    import zarr

    from asperity.dynamics.dictionaries import Polynomials
    from asperity.dynamics.koopman import eigenpairs, fit, scaling_of, sums_of_record

    stored, dictionary = zarr.open_array(path, mode="r"), Polynomials(4)
    start = time.process_time(), time.perf_counter()
    scaling = scaling_of(stored)
    sums = sums_of_record(dictionary, scaling, stored, starts=range(0, stored.shape[0], EPISODE))
    found = eigenpairs(fit(dictionary, scaling, sums))
    return {"samples": sums.samples, "cpu": time.process_time() - start[0], "wall": time.perf_counter() - start[1],
            "peak": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, "least_residual": found.residual[1]}


if __name__ == "__main__":
    place = Path(sys.argv[1]) / "record.zarr"
    if not place.exists():
        write_record(place, int(float(sys.argv[2])))
    else:
        print(json.dumps(measure(place)))
