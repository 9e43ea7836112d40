"""The tip against SciPy and the times named for Gwyddion: `python -m benchmarks.tip`.

CPU seconds on one core, the least of several runs; what is compiled on the first call has its own lines.
"""

from benchmarks.machine import one_core

if __name__ == "__main__":
    one_core()  # before NumPy and JAX are imported

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from scipy.ndimage import grey_dilation, grey_erosion

from asperity.instrument.blind_tip import bound_tip
from asperity.instrument.certainty import reconstruct
from asperity.instrument.morphology import dilate, erode
from asperity.virtual.surface import self_affine
from benchmarks.machine import seconds

__all__ = ["main"]

#: CPU seconds of Gwyddion 2.62's library on 512 x 512 with 31 x 31 (256 x 256 with 21 x 21 for the blind tip)
GWYDDION = {"erosion": 0.38, "dilation": 0.39, "certainty": 0.55, "blind tip": 8.1}


def least(work: Callable[[], object], runs: int) -> tuple[float, float]:
    """CPU seconds of the first call, and of the fastest of the following ones."""
    return seconds(work), min(seconds(work) for _ in range(runs))


def finished(work: Callable, *arguments: jax.Array) -> jax.Array:
    return work(*arguments).block_until_ready()


def bowl(size: int, depth: float) -> np.ndarray:
    half = size // 2
    y, x = np.mgrid[-half: half + 1, -half: half + 1]
    return -depth * (x**2 + y**2) / (2 * half**2)


def line(what: str, ours: tuple[float, float], scipy: float | None, gwyddion: str, goal: float | None) -> None:
    met = "" if goal is None else f"{goal:4.2f} s {'met' if ours[1] <= goal else 'missed'}"
    other = "" if scipy is None else f"{scipy:8.3f}"
    print(f"{what:34} {ours[1]:8.3f} {ours[0]:10.2f} {other:>8} {GWYDDION[gwyddion]:9.2f}  {met}", flush=True)


def main(runs: int = 7, pixels: int = 512, tip_size: int = 31) -> None:
    """Print the table."""
    surface, tip = self_affine((pixels, pixels), hurst=0.5, rms=20, shortest=2), bowl(tip_size, 10.0)
    image = grey_dilation(surface, structure=tip)
    print(f"{'CPU s':34} {'asperity':>8} {'first call':>10} {'SciPy':>8} {'Gwyddion':>9}  goal")
    with jax.enable_x64(True):
        on_device = jnp.asarray(image), jnp.asarray(tip)
        for name, ours, theirs in (("erosion", erode, grey_erosion), ("dilation", dilate, grey_dilation)):
            mine = least(partial(finished, ours, *on_device), runs)
            other = least(partial(theirs, image, structure=tip), runs)[1]
            line(f"{name} {pixels}^2, tip {tip_size}^2", mine, other, name, 0.08)
    mine = least(lambda: reconstruct(image, tip), runs)
    line(f"certainty {pixels}^2, tip {tip_size}^2", mine, None, "certainty", None)
    half, small = pixels // 2, bowl(21, 10.0)
    rough = grey_dilation(surface[:half, :half], structure=small)
    noise = 0.05 * np.random.default_rng(0).uniform(-1, 1, rough.shape)
    blind = least(lambda: bound_tip(rough, small.shape), runs)
    line(f"blind tip 21^2 on {half}^2", blind, None, "blind tip", 1.0)
    blind = least(lambda: bound_tip(rough + noise, small.shape, noise_bound=0.05), runs)
    line(f"blind tip 21^2 on {half}^2, noise 0.05", blind, None, "blind tip", 1.0)


if __name__ == "__main__":
    main()
