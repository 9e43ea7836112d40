"""``python -m benchmarks.selection``: how often the contact model is chosen right, and how well that is known.

Generated curves with known truth, fixed seeds: the protocol of `benchmarks.selection_curves`. Prints every
figure beside its goal, met or not.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from asperity.learning.adequacy import labels
from asperity.learning.lambda_posterior import SEPARATION_FACTOR
from asperity.learning.selection import Options, Selection, select
from benchmarks.selection_curves import NANOTIPS, Condition, Truth, measured

__all__ = ["Figures", "calibration_error", "figures", "separation_alone"]

BEADS = (1e-6, 50e-6)
_NOISE = (0.003, 0.01, 0.03)


class Figures(NamedTuple):
    """What one condition gives."""

    accuracy: float
    calibration: float  # expected calibration error
    answered: float  # part with a largest probability of at least 0.8
    right: float  # accuracy there
    separation: float  # accuracy of the separation alone, with delta_c known exactly
    modulus: float  # part of the truths inside the 90 % intervals
    adhesion: float
    misfits: float  # part whose residual test fails
    rate: float  # curves per CPU second


def calibration_error(probability: np.ndarray, truth: np.ndarray, bins: int = 15) -> float:
    """The mean distance of the largest probability from the part that is right, over even bins."""
    sure, right = probability.max(axis=1), probability.argmax(axis=1) == truth
    place = np.minimum((sure * bins).astype(int), bins - 1)
    return sum(abs((sure - right)[place == k].sum()) for k in range(bins)) / len(truth)


def separation_alone(curves, truth: Truth) -> np.ndarray:
    """The class of lambda = 0.6534 delta_c / z0 with the stated z0 and everything else exact."""
    stiffness = np.pi * truth.work_of_adhesion * curves.radius / np.sqrt(curves.radius) / (4 / 3 * truth.modulus)
    return labels(SEPARATION_FACTOR * stiffness ** (2 / 3) / curves.separation, truth.load, truth.full)


def figures(count: int, condition: Condition, seed: int, choose: Callable[..., Selection] = select,
            options: Options = Options()) -> Figures:
    """Measure one condition on ``count`` fresh curves."""
    curves, truth = measured(count, condition, seed)
    begin = time.process_time()
    chosen = choose(curves, options)
    rate = count / (time.process_time() - begin)
    expected = labels(truth.maugis_parameter, truth.load, truth.full)
    right, sure = chosen.model == expected, chosen.probability.max(axis=1) >= 0.8

    def held(interval: np.ndarray, value: np.ndarray) -> float:
        return float(np.mean((interval[:, 1] <= value) & (value <= interval[:, 2])))

    return Figures(
        float(right.mean()), calibration_error(chosen.probability, expected), float(sure.mean()),
        float(right[sure].mean()) if sure.any() else 1.0,
        float(np.mean(separation_alone(curves, truth) == expected)), held(chosen.modulus, truth.modulus),
        held(chosen.work_of_adhesion, truth.work_of_adhesion),
        float(np.mean((chosen.reasons & 2) > 0)), rate)


def _line(name: str, found: Figures) -> str:
    return (f"{name:46s} {found.accuracy:8.3f} {found.calibration:6.3f} {found.answered:8.3f} {found.right:6.3f} "
            f"{found.separation:8.3f} {found.modulus:7.3f} {found.adhesion:8.3f} {found.misfits:8.4f} {found.rate:7.0f}")


def _header() -> str:
    return (f"{'condition':46s} accuracy    ECE answered  right  z0 only modulus adhesion  misfits curves/s\n"
            + f"{'goal':46s}   .91/.95 <=.040   >=.800 >=.960             .88-.92  .88-.92             50")


def _conditions(variants: bool) -> list[tuple[str, Condition]]:
    """Every protocol and noise; compliance error none, drawn from its prior, or fixed."""
    found = []
    for full in (True, False):
        for noise in _NOISE:
            name, plain = f"{'neck' if full else 'pull-off up'}, noise {noise:.1%}", Condition(full, noise)
            found.append((f"{name}, no compliance error", plain))
            found.append((f"{name}, compliance drawn", plain._replace(drawn=True)))
            if variants:
                found += [(f"{name}, compliance {s:+.0%}", plain._replace(compliance=s)) for s in (0.03, -0.03)]
    return found


def main() -> None:
    """Run all conditions and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.selection")
    parser.add_argument("--count", type=int, default=2048, help="curves per condition (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="leave out the fixed compliance errors")
    options = parser.parse_args()
    select(measured(32, Condition(), 99)[0])  # compile
    print(_header(), flush=True)
    for seed, (name, condition) in enumerate(_conditions(not options.quick)):
        print(_line(name, figures(options.count, condition, seed)), flush=True)
    for radii in (NANOTIPS, BEADS):
        found = figures(options.count, Condition(drawn=True, radii=radii), 100)
        print(_line(f"neck, noise 1.0%, R {radii[0] * 1e6:g} to {radii[1] * 1e6:g} um", found), flush=True)


if __name__ == "__main__":
    main()
