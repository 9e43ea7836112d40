"""Drift within frames that no spline through the knots follows: is the error as large as it says?

``python -m tests.verify.instrument.test_drift_between`` prints the table of docs/instrument.md.
"""

from typing import NamedTuple

import numpy as np

from asperity.instrument.frame_drift import drift_within
from tests.verify.instrument.moving_surface import CURVES, scanned
from tests.verify.verdict import Figure, judge

EVEN, CLOSE = np.linspace(0, 4, 5), 4 * np.linspace(0, 1, 5) ** 2.5
TWO, THREE = np.linspace(0, 2, 3)[[0, 2]], np.linspace(0, 2, 3)
HONEST = {  # what is scanned, knots
    "linear, 2 px a frame": (("linear", {}), EVEN),
    "linear, 0.5 px": (("linear", {"size": 0.5}), EVEN),
    "linear, 5 px": (("linear", {"size": 5.0}), EVEN),
    "noise 10 %": (("linear", {"noise": 0.1}), EVEN),
    "noise 10 %, correlated over 20 px": (("linear", {"noise": 0.1, "along": 20.0}), EVEN),
    "rough: waves from 2.5 px, H 0.3": (("linear", {"shortest": 2.5, "hurst": 0.3}), EVEN),
    "aliased: waves from 1.2 px": (("linear", {"shortest": 1.2, "hurst": 0.5}), EVEN),
    "128 x 64": (("linear", {"shape": (128, 64)}), EVEN),
    "trace and retrace, lag, line offsets": (("linear", {"ways": "UDUD", "lag": 0.8, "offsets": 1.0}), EVEN),
    "creep of 0.4 frames": (("creep", {}), EVEN),
    "creep, 0.5 px": (("creep", {"size": 0.5}), EVEN),
    "creep, knots closer at the start": (("creep", {}), CLOSE),
    "creep, 3 knots": (("creep", {}), EVEN[::2]),
    "creep, two frames up": (("creep", {"ways": "uu"}), THREE),
}
HARD = {  # what the scans cannot know: printed; refused or not
    "creep, one up and one down": (("creep", {"ways": "ud"}), TWO),
    "fast creep, of 0.1 frames": (("fast creep", {}), EVEN),
    "logarithmic creep from 0.1 frames": (("logarithmic creep", {}), EVEN),
    "sine of 1.3 frames": (("sine of 1.3 frames", {}), EVEN),
    "sine of 1.3 frames, four frames up": (("sine of 1.3 frames", {"ways": "uuuu"}), EVEN),
    "step": (("step", {}), EVEN),
}


class Cell(NamedTuple):
    """Over draws and lines."""

    error: float  # root mean square of the error and of what is stated, pixels
    stated: float
    of_one: float  # shares within one and 1.96 standard deviations
    of_two: float
    refused: int


def cell(case, draws):
    (curve, how), knots = case
    errors, stated, refused = [], [], 0
    for seed in range(draws):
        made = scanned(seed, curve, **how)
        found = drift_within(made.frames, made.times, knots, directions=made.directions)
        refused += bool(found.flag)
        if not found.flag:
            when = np.unique(made.times)
            truth = np.multiply.outer(CURVES[curve](when) - CURVES[curve](knots[0]), made.strides)
            errors.append(found.displacement(when) - truth)
            stated.append(found.deviation(when))
    if not errors:
        return Cell(*[np.nan] * 4, refused)
    errors, stated = np.stack(errors), np.stack(stated)
    ratio = np.abs(errors / stated)
    return Cell(np.sqrt(np.mean(errors**2)), np.sqrt(np.mean(stated**2)), np.mean(ratio < 1), np.mean(ratio < 1.96),
                refused)


def table(cases, draws):
    """The cells, printed as they come."""
    print("\n| condition | rms error | stated | 68 % hold | 95 % hold | refused |\n|---|---|---|---|---|---|")
    found = {}
    for name, case in cases.items():
        found[name] = one = cell(case, draws)
        print(f"| {name} | {one.error:.4f} | {one.stated:.4f} | {100 * one.of_one:.0f} % | {100 * one.of_two:.0f} % | "
              f"{one.refused} of {draws} |", flush=True)
    return found


def test_drift_between_knots_is_as_sure_as_it_says():
    """Seven draws a cell: intervals of 68 and 95 % over all cells, and no cell whose error is far above the stated."""
    cells = table(HONEST, 7)
    judge("Drift between knots", [
        Figure("68 % intervals hold", np.mean([one.of_one for one in cells.values()]), 0.58, 0.85),
        Figure("95 % intervals hold", np.mean([one.of_two for one in cells.values()]), 0.90, 1.0),
        Figure("largest error over stated", max(one.error / one.stated for one in cells.values()), 0.3, 1.7)])


if __name__ == "__main__":
    table(HONEST | HARD, 16)
