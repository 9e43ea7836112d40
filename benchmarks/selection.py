"""``python -m benchmarks.selection``: how often the contact model is chosen right, and how surely.

Generated curves with known truth, fixed seeds: the protocol of `benchmarks.selection_curves`. Prints every
figure beside its goal, met or not.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline

from asperity.learning.adequacy import labels
from asperity.learning.classifier import quick_select
from asperity.learning.lambda_posterior import SEPARATION_FACTOR
from asperity.learning.retraction import Retractions
from asperity.learning.selection import Options, Selection, select
from benchmarks.lennard_jones import TABOR_TO_MAUGIS, retraction
from benchmarks.selection_curves import NANOTIPS, Condition, Contact, Truth, measured, recorded

__all__ = ["Figures", "calibration_error", "figures", "separation_alone"]

BEADS = (1e-6, 50e-6)
_NOISE = (0.003, 0.01, 0.03)
_TABOR = (0.03, 0.1, 0.2, 0.4, 0.8, 1.6, 2.5)


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
    length = (np.pi * truth.work_of_adhesion * np.sqrt(curves.radius) / (4 / 3 * truth.modulus)) ** (2 / 3)
    return labels(SEPARATION_FACTOR * length / curves.separation, truth.load, truth.full)


def figures(count: int, condition: Condition, seed: int, choose: Callable[..., Selection] = select,
            record: Callable = measured) -> Figures:
    """Measure one condition on ``count`` fresh curves."""
    curves, truth = record(count, condition, seed)
    begin = time.process_time()
    chosen = choose(curves, Options())
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


def network(curves, options: Options) -> Selection:
    """The distilled classifier alone in the place of `select`: it gives no intervals."""
    quick = quick_select(curves, options, fall_back=False)
    nothing = np.full((len(quick.model), 3), np.nan)
    empty = np.zeros(len(quick.model))
    return Selection(quick.probability, quick.model, empty.astype(int), empty, empty, nothing, nothing, empty,
                     empty, nothing, empty, empty, nothing, nothing, empty)


def lennard_jones(count: int, condition: Condition, seed: int):
    """As `measured`, but with Lennard-Jones contacts of seven Tabor parameters as the truth."""
    rng = np.random.default_rng(seed)
    chosen, load = rng.integers(len(_TABOR), size=count), 2 * 25 ** rng.uniform(size=count)
    shapes = [retraction(mu, 50.0) for mu in _TABOR]
    found = [_sampled(*shapes[k], top, condition.full) for k, top in zip(chosen, load)]
    displacement, force = (np.array(a) for a in zip(*found))
    parameter = TABOR_TO_MAUGIS * np.array(_TABOR)[chosen]
    contact = Contact(parameter, displacement, force, force[:, 0], -force.min(axis=1))
    separation, radius = 0.2e-9 * 2.5 ** rng.uniform(size=count), 10e-9 * 10 ** rng.uniform(size=count)
    length, adhesion = parameter * separation / SEPARATION_FACTOR, 0.01 * 30 ** rng.uniform(size=count)
    return recorded(contact, length, radius, adhesion, separation, (condition, rng))


def _sampled(displacement: np.ndarray, force: np.ndarray, load: float,
             full: bool) -> tuple[np.ndarray, np.ndarray]:
    """256 even places from the end of contact (or of its tail, at 1 %), or from the pull-off."""
    lowest = int(force.argmin())
    first = int(np.argmax(force < 0.01 * force.min())) if full else lowest
    deepest = np.interp(load, force[lowest:], displacement[lowest:])
    place = np.linspace(displacement[first], deepest, 256)
    return place, CubicSpline(displacement, force)(place)


def _line(name: str, found: Figures) -> str:
    return (f"{name:46s} {found.accuracy:8.3f} {found.calibration:6.3f} {found.answered:8.3f} "
            f"{found.right:6.3f} {found.separation:8.3f} {found.modulus:7.3f} {found.adhesion:8.3f} "
            f"{found.misfits:8.4f} {found.rate:7.0f}")


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
                found += [(f"{name}, compliance {s:+.0%}", plain._replace(compliance=s))
                          for s in (0.03, -0.03)]
    return found


def _first_part(count: int, quick: bool) -> None:
    for seed, (name, condition) in enumerate(_conditions(not quick)):
        print(_line(name, figures(count, condition, seed)), flush=True)
    for full in (True, False):  # as the prototype: no compliance error, and none allowed for
        found = figures(count, Condition(full, 0.003, spread=1e-4), 50)
        print(_line(f"{'neck' if full else 'pull-off up'}, noise 0.3%, compliance known", found), flush=True)
    for radii in (NANOTIPS, BEADS):
        found = figures(count, Condition(drawn=True, radii=radii), 100)
        print(_line(f"neck, noise 1.0%, R {radii[0] * 1e6:g} to {radii[1] * 1e6:g} um", found), flush=True)
    for spread, full in product((0.3, 0.0), (True, False)):
        condition = Condition(full, drawn=True, force_spread=spread)
        informed = Options(force_uncertainty=spread)
        found = figures(count, condition, 101, lambda c, _, told=informed: select(c, told))
        name = f"{'neck' if full else 'pull-off up'}, noise 1.0%, spring constant +-{spread:.0%}"
        print(_line(name, found), flush=True)


def _second_part(count: int) -> None:
    print("\nthe network alone (trained on radii of 10 to 100 nm)")
    for seed, (name, condition) in enumerate(_conditions(False)):
        for radii, tips in ((NANOTIPS, "nm"), (BEADS, "um")):
            found = figures(count, condition._replace(radii=radii), seed, network)
            print(_line(f"{name}, R in {tips}", found), flush=True)
    print(f"\nLennard-Jones truth, Tabor parameters {_TABOR}")
    for full in (True, False):
        for noise in _NOISE:
            name = f"{'neck' if full else 'pull-off up'}, noise {noise:.1%}"
            found = figures(count // 4, Condition(full, noise, drawn=True), 200, select, lennard_jones)
            print(_line(name, found), flush=True)


def _speed(count: int = 4096) -> None:
    """Wall and CPU time of a whole map, after compilation."""
    print("\nspeed of a map of 4096 curves of 512 samples")
    curves, _ = measured(count, Condition(full=False), 300)
    for name, work in (("network", lambda c: quick_select(c, fall_back=False)),
                       ("network, falling back", quick_select), ("full posterior", select)):
        work(Retractions(*(a[:32] for a in curves)))
        wall, cpu = time.perf_counter(), time.process_time()
        work(curves)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        print(f"{name:24s} {wall:7.2f} s wall, {cpu:7.2f} s CPU, {count / cpu:7.0f} curves per CPU second",
              flush=True)


def main() -> None:
    """Run all conditions and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.selection")
    parser.add_argument("--count", type=int, default=2048, help="curves per condition (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="leave out the fixed compliance errors")
    parser.add_argument("--only", choices=("posterior", "others", "speed"), help="one part alone")
    options = parser.parse_args()
    select(measured(32, Condition(), 99)[0])  # compile
    print(_header(), flush=True)
    if options.only in (None, "posterior"):
        _first_part(options.count, options.quick)
    if options.only in (None, "others"):
        _second_part(options.count)
    if options.only in (None, "speed"):
        _speed()


if __name__ == "__main__":
    main()
