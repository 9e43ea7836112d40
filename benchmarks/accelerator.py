"""The same fit on a GPU, where JAX finds one: wall time against that of the CPU's one core."""

from __future__ import annotations

import time

import jax
import numpy as np

from benchmarks.fits import fit
from benchmarks.generated import hertz_curves
from benchmarks.table import Row, note

__all__ = ["on_accelerator"]


def on_accelerator(count: int, repeats: int) -> list[Row]:
    """The ratio of wall times, or that there is no GPU."""
    found = [device for device in jax.devices() if device.platform != "cpu"]
    if not found:
        return [note("fit Hertz on a GPU", "no GPU", "JAX sees none")]
    curves = hertz_curves(count)
    times = {device: [_wall(curves, device) for _ in range(repeats + 1)][1:]
             for device in (found[0], jax.devices("cpu")[0])}
    gpu, cpu = (float(np.median(times[device])) / count for device in times)
    return [note(f"fit Hertz on {found[0].device_kind}, {count} curves", f"{gpu * 1e6:.3g} us wall per curve",
                 f"CPU {cpu * 1e6:.3g} us: x {cpu / gpu:.3g}", gpu=gpu, cpu=cpu, ratio=cpu / gpu)]


def _wall(curves, device) -> float:
    start = time.perf_counter()
    with jax.default_device(device):
        fit(curves)
    return time.perf_counter() - start
