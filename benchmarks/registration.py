"""``python -m benchmarks.registration``: the shift of two frames, its error and its time, beside what is installed.

512 x 512 parts of self-affine surfaces, shifted exactly by up to 12 pixels, white noise as a part of their
standard deviation, no line offsets. scikit-image, OpenCV and pystackreg are compared where they are installed.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from statistics import median

import numpy as np
from rich.console import Console
from rich.table import Table

from asperity.instrument.registration import register
from asperity.virtual.surface import self_affine
from benchmarks.machine import seconds

SIZE, PAIRS, NOISES = 512, 8, (0.0, 0.02, 0.05, 0.10)
Shift = Callable[[np.ndarray, np.ndarray], np.ndarray]


def ours(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """`register` with line offsets free, as raw frames need it."""
    return register(first, second).shift


def scikit_image(upsampled: int, windowed: bool) -> Shift:
    """Phase correlation as scikit-image has it, or high-passed, windowed and not normalized."""
    from scipy.ndimage import gaussian_filter
    from skimage.registration import phase_cross_correlation

    window = np.outer(*(np.hanning(SIZE),) * 2)

    def find(first, second):
        if windowed:
            first, second = (window * (f - gaussian_filter(f, 20)) for f in (first, second))
        form = {"normalization": None} if windowed else {}
        return -phase_cross_correlation(first, second, upsample_factor=upsampled, **form)[0]

    return find


def open_cv(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Enhanced correlation coefficient, translation, from zero."""
    import cv2

    mean, size = first.mean(), first.std()
    frames = [((f - mean) / size).astype(np.float32) for f in (first, second)]
    start = np.eye(2, 3, dtype=np.float32)
    stop = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 200, 1e-6)
    warp = cv2.findTransformECC(frames[0], frames[1], start, cv2.MOTION_TRANSLATION, stop)[1]
    return warp[::-1, 2].astype(float)


def stackreg(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The pyramid of Thevenaz, translation."""
    from pystackreg import StackReg

    return StackReg(StackReg.TRANSLATION).register(first, second)[[1, 0], 2]


def candidates() -> dict[str, Shift]:
    """What is installed."""
    found: dict[str, Shift] = {"asperity": ours}
    if _installed("skimage"):
        found["scikit-image, default, x 100"] = scikit_image(100, False)
        found["scikit-image, Hann, not normalized"] = scikit_image(100, True)
    if _installed("cv2"):
        found["OpenCV ECC"] = open_cv
    if _installed("pystackreg"):
        found["pystackreg"] = stackreg
    return found


def _installed(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def pairs(noise: float) -> list[tuple[np.ndarray, np.ndarray, np.ndarray, float]]:
    """Two frames, their shift, and the Cramer-Rao bound of it for a known surface."""
    made = []
    for seed in range(PAIRS):
        rng = np.random.default_rng(seed)
        shift = rng.uniform(-12, 12, 2)
        first, second = (self_affine((SIZE, SIZE), seed=seed, shift=tuple(s)) for s in (np.zeros(2), shift))
        deviation = noise * first.std()
        bound = np.sqrt(2 * deviation**2 * sum(1 / np.sum(g**2) for g in np.gradient(first)))
        first, second = (f + deviation * rng.standard_normal(f.shape) for f in (first, second))
        made.append((first, second, shift, float(bound)))
    return made


def main() -> None:
    """Print the table."""
    data = {noise: pairs(noise) for noise in NOISES}
    table = Table("", *(f"noise {noise:g}" for noise in NOISES), "CPU s, least",
                  title=f"median error in pixels of {PAIRS} pairs of {SIZE} x {SIZE}", title_justify="left")
    for name, find in candidates().items():
        cells, spent = [], []
        for noise in NOISES:
            errors = []
            for first, second, shift, _ in data[noise]:
                result: list[np.ndarray] = []
                frames = first.copy(), second.copy()  # some change what they are given
                spent.append(seconds(lambda find=find, two=frames, r=result: r.append(find(*two))))
                errors.append(float(np.hypot(*(result[0] - shift))))
            cells.append(f"{median(errors):.2g}")
        table.add_row(name, *cells, f"{min(spent):.2f}")
    bounds = [median(pair[3] for pair in data[noise]) for noise in NOISES]
    table.add_row("Cramer-Rao (rms), surface known", *(f"{bound:.2g}" for bound in bounds), "")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
