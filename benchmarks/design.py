"""The front of a tip (JKR's pull-off, Hertz's stiffness, a bounded pressure) against NSGA-II of pymoo.

The exact front is a line in logarithms, of normalized hypervolume 0.71. The hypervolumes of both programs are compared,
too. ``python -m benchmarks.design`` prints the rows; pymoo is the extra ``design``.
"""

from __future__ import annotations

import math
import time

import numpy as np

from asperity.learning.discovery.design import Aim, Demands, InverseProblem, front
from asperity.learning.discovery.pareto import hypervolume
from benchmarks.peers import installed
from benchmarks.table import Row, note, show

__all__ = ["fronts"]

_MODULUS = 1e9  # Pa, reduced
_ADHESION = 0.05  # J/m^2
_PRESSURE = 1e8  # Pa
_RADII = (5e-9, 5e-6)  # m
_LOADS = (1e-11, 1e-2)  # N
_EXACT = 0.71  # hypervolume of the line below (1.1, 1.1)
_CORNER = np.array([1.1, 1.1])


def _pressed(chosen, known):
    a = (0.75 * chosen["load"] * chosen["radius"] / known["modulus"]) ** (1 / 3)
    return {"pull_off": 1.5 * math.pi * _ADHESION * chosen["radius"], "compliance": 0.5 / (known["modulus"] * a),
            "pressure": chosen["load"] / (math.pi * a**2)}


def _normalized(objectives: np.ndarray) -> np.ndarray:
    low = np.log([1.5 * math.pi * _ADHESION * _RADII[0], 1 / (1.5 * math.pi * _PRESSURE * _RADII[1])])
    return (objectives - low) / math.log(_RADII[1] / _RADII[0])


def _ours(points: int) -> tuple[np.ndarray, int, float]:
    problem = InverseProblem(_pressed, {"radius": _RADII, "load": _LOADS}, (Aim("pull_off"), Aim("compliance")),
                             (Aim("pressure", True, _PRESSURE),))
    demands = Demands(problem, {"modulus": _MODULUS})
    front(demands, 2)  # compiles
    demands.calls, demands._kept = 0, {}
    start = time.process_time()
    found = front(demands, points)
    return _normalized(found.demands[:, :2]), demands.calls, time.process_time() - start


def _theirs(generations: int, seed: int) -> tuple[np.ndarray, float]:
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.problem import Problem
    from pymoo.optimize import minimize

    class Tip(Problem):
        def __init__(self):
            super().__init__(n_var=2, n_obj=2, n_ieq_constr=1, xl=np.log([_RADII[0], _LOADS[0]]),
                             xu=np.log([_RADII[1], _LOADS[1]]))

        def _evaluate(self, x, out, *args, **kwargs):
            radius, load = np.exp(x).T
            found = _pressed({"radius": radius, "load": load}, {"modulus": _MODULUS})
            out["F"] = np.log(np.stack([found["pull_off"], found["compliance"]], 1))
            out["G"] = np.log(found["pressure"] / _PRESSURE)[:, None]

    start = time.process_time()
    found = minimize(Tip(), NSGA2(pop_size=40), ("n_gen", generations), seed=seed, verbose=False)
    return _normalized(np.atleast_2d(found.F)), time.process_time() - start


def fronts(generations: tuple[int, ...], seeds: int) -> list[Row]:
    """Calls of the model, hypervolume over the exact one and time of both."""
    rows, ours = [], {}
    for points in (12, 33):
        ours[points], calls, seconds = _ours(points)
        even = np.linspace(0, 1, points)
        most = hypervolume(np.stack([even, 1 - even], 1), _CORNER)
        volume = hypervolume(ours[points], _CORNER)
        rows.append(note(f"front of a tip, {points} points", f"{calls} calls, volume {volume / _EXACT:.4f} of exact",
                         f"{volume / most:.4f} of what so many points can have; {1e3 * seconds:.0f} ms", calls=calls,
                         hypervolume=volume / _EXACT, of_most=volume / most, seconds=seconds,
                         off=float(abs(ours[points].sum(1) - 1).max())))
    if not installed("pymoo"):
        return [*rows, note("NSGA-II", "left out: pymoo is not installed (extra 'design')")]
    from pymoo.indicators.hv import HV

    for count in generations:
        found = [_theirs(count, seed) for seed in range(seeds)]
        volumes = [hypervolume(one, _CORNER) / _EXACT for one, _ in found]
        rows.append(note(f"the same, NSGA-II, {40 * count} calls", "", f"hypervolume {np.mean(volumes):.4f} of exact, "
                         f"{1e3 * np.mean([seconds for _, seconds in found]):.0f} ms", hypervolume=float(
                             np.mean(volumes)), calls=40 * count))
    apart = abs(float(HV(ref_point=_CORNER)(ours[33])) - hypervolume(ours[33], _CORNER))
    return [*rows, note("hypervolumes of one front by both", f"apart by {apart:.1e}", off=apart)]


if __name__ == "__main__":
    show(fronts((25, 50, 100), 5), "fronts of a tip")
