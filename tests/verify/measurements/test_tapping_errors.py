"""Numerical errors that are stated of simulated oscillations, against eight times as many steps.

`python -m tests.verify.measurements.test_tapping_errors [SEED]` prints the table.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from asperity.dynamics.oscillation import Drive, free_motion, steady
from asperity.measurements.tapping.curves import _CHECKED, _COARSER, _SAFE, _STEPS
from asperity.measurements.tapping.setup import setup
from tests.verify.verdict import Figure, judge

SETTINGS = 32  # of each model
FINER = 4096  # steps


def oscillations(model, seed):
    """Of random samples, levers and heights: what each number of steps gives, from the motion of the usual one on."""
    random = np.random.default_rng(seed)
    made, amplitudes = [], 10 ** random.uniform(-8.3, -7.4, SETTINGS)
    for _ in range(SETTINGS):
        sample = {"name": model, "radius": random.uniform(5e-9, 20e-9), "modulus": 10 ** random.uniform(8.5, 9.7),
                  "work_of_adhesion": random.uniform(0.02, 0.1)}
        lever = {"spring_constant": 10 ** random.uniform(0.7, 1.7), "frequency": 3e5,
                 "quality": random.uniform(50, 300)}
        made.append(setup(sample, lever))
    lever, force = (jax.tree.map(lambda *some: jnp.stack([jnp.asarray(one) for one in some]), *parts)
                    for parts in zip(*((one.lever, one.force) for one in made), strict=True))
    heights = amplitudes * random.uniform(0.2, 1.0, SETTINGS)
    drive = jax.vmap(Drive.at_resonance)(lever, jnp.asarray(amplitudes))

    def run(start, steps):
        return jax.jit(jax.vmap(lambda *some: steady(*some, steps=steps)))(lever, drive, force, heights, start)

    usual = run(jax.vmap(free_motion)(lever), _STEPS)
    return usual, {steps: run(usual.motion, steps) for steps in (*_COARSER, FINER)}


def figures(seed):
    made = []
    for model in ("jkr", "dmt"):
        with jax.enable_x64(True):
            usual, others = oscillations(model, seed)
        good = np.logical_and.reduce([one.settled for one in (usual, *others.values())])
        good &= np.asarray(usual.contact_time) > 0
        made.append(Figure(f"{model}: settled and in contact, of {SETTINGS}", int(good.sum()), lowest=0.5 * SETTINGS))
        for name in _CHECKED:
            own, truth = (np.asarray(getattr(one, name)) for one in (usual, others[FINER]))
            stated = _SAFE * np.max([np.abs(own - np.asarray(getattr(others[n], name))) for n in _COARSER], axis=0)
            made.append(Figure(f"{model}: errors of {name.replace('_', ' ')} held",
                               float(np.mean((np.abs(own - truth) <= stated)[good])), lowest=0.95))
    return made


@pytest.mark.study
def test_stated_numerical_errors_hold():
    judge("numerical errors of tapping", figures(7))


if __name__ == "__main__":
    judge("numerical errors of tapping", figures(int(sys.argv[1]) if len(sys.argv) > 1 else 7))
