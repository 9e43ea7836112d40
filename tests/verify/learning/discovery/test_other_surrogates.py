"""Pull-off force of Lennard-Jones surfaces, and tapping mode: accuracy, error bars, slopes, and raw variables.

``python -m tests.verify.learning.discovery.test_other_surrogates`` prints the tables of docs/surrogates.md.
"""

import jax
import jax.numpy as jnp
import numpy as np

from asperity.contact.surface_forces import surface_force_curve
from asperity.learning.discovery.polynomial_chaos import polynomial_chaos
from asperity.learning.discovery.pull_off_surrogate import pull_off_surrogate
from asperity.learning.discovery.smooth_process import smooth_process
from asperity.learning.discovery.tapping_surrogate import amplitude_surrogate, phase_surrogate, solved_tapping
from tests.verify.verdict import Figure, judge

ASKED = 400
#: covered by 95 %: 0.92 to 0.99, and above by the standard error of a share of 0.99 of so many points
COVERED = (0.92, 0.99 + (0.99 * 0.01 / ASKED) ** 0.5)
TAPPED = np.array([(0.4, 0.95), (0.1, 10.0), (50.0, 200.0)])


def strongest(parameter):
    """The largest attraction in pi w R, on a fine grid of gaps and narrow rings."""
    gaps = np.concatenate([[8, 4, 2, 1.5, 1.3], np.linspace(1.2, 1.02, 10), np.linspace(1.0, 0.85, 31)])
    return -surface_force_curve(parameter, gaps, width=0.6).force.min()


def test_the_pull_off_force():
    with jax.enable_x64(True):
        made = pull_off_surrogate(solves=16, seed=31)
        asked = np.exp(np.random.default_rng(6).uniform(np.log(0.01), np.log(1.2), 8))
        told = made.told(jnp.asarray(asked)[:, None])
        off = np.asarray(told.value) / [strongest(one) for one in asked] - 1
        ends = made.limit.output(jnp.array([-800.0, 800.0]), jnp.zeros(1))
        # d ln F / d ln R is least, 0.967, at mu = 0.65
        slope = 1 + 0.65 * made.slopes(jnp.array([0.65]))[0] / made.mean(jnp.array([0.65])) / 3
        judge("Pull-off force of Lennard-Jones surfaces, 16 solves, 8 others", [
            Figure("rms, %", 100 * np.sqrt(np.mean(off**2)), 0, 0.3),
            Figure("largest, %", 100 * abs(off).max(), 0, 0.3),
            Figure("limit of soft ones", float(ends[0]), 1.5, 1.5), Figure("limit of rigid ones", float(ends[1]), 2, 2),
            Figure("d ln F/d ln R at 0.65", float(slope), 0.957, 0.977)])


def drawn(count, seed):
    u = np.random.default_rng(seed).random((count, 3))
    return np.column_stack([TAPPED[0, 0] + np.ptp(TAPPED[0]) * u[:, 0],
                            *(low * (high / low) ** u[:, i + 1] for i, (low, high) in enumerate(TAPPED[1:]))])


def raw(groups, seed):
    """Logarithms of height, free amplitude, radius, modulus, stiffness, quality."""
    decades = np.random.default_rng(seed).random((len(groups), 3)) * [1, 1, 2] + [-8.5, -8.5, -0.5]
    amplitude, radius, stiffness = 10**decades.T
    modulus = groups[:, 1] * stiffness / np.sqrt(radius * amplitude)
    return np.log(np.column_stack([groups[:, 0] * amplitude, amplitude, radius, modulus, stiffness, groups[:, 2]]))


def by_raw_variables(asked, truth, solves):
    """The amplitude over the free one, of the logarithm of the amplitude learnt from raw variables: rms, %."""
    groups = drawn(solves, 41)
    given, at = raw(groups, 42), raw(asked, 43)
    low, high = given.min(axis=0), given.max(axis=0)
    places, asks = (2 * (one - low) / (high - low) - 1 for one in (given, at))
    values = np.log(np.asarray(solved_tapping(groups).amplitude)) + given[:, 1]
    best = min((smooth_process(places, values), polynomial_chaos(places, values)),
               key=lambda one: float(one.left_out_error))
    found = np.exp(np.asarray(jax.vmap(best)(jnp.asarray(asks))) - at[:, 1])
    return 100 * np.sqrt(np.mean((found - truth) ** 2))


def test_tapping():
    with jax.enable_x64(True):
        asked = drawn(ASKED, 7)
        exact, other = solved_tapping(asked), solved_tapping(asked, free=True)
        figures = [Figure("settled, share", float(np.mean(exact.settled & other.settled)), 1, 1),
                   Figure("amplitude from rest less that from free motion, largest, of A0",
                          float(abs(exact.amplitude - other.amplitude).max()), 0, 1e-6)]
        for name, make, truth, unit in (("amplitude, % of A0", amplitude_surrogate, exact.amplitude, 100.0),
                                        ("phase, degrees", phase_surrogate, exact.phase, 180 / np.pi)):
            made = make(solves=256, seed=31)
            told = made.told(jnp.asarray(asked))
            off = np.asarray(told.value - truth)
            slopes, steps = np.asarray(jax.vmap(made.slopes)(jnp.asarray(asked[:60]))), 1e-3 * np.ptp(TAPPED, axis=1)
            figures += [Figure(f"{name}: rms", unit * np.sqrt(np.mean(off**2)), 0, 0.3),
                        Figure(f"{name}: largest", unit * abs(off).max(), 0, 3),
                        Figure(f"{name}: covered by 95 %", np.mean(abs(off) <= 1.96 * np.asarray(told.std)), *COVERED)]
            for axis, group in enumerate(("height", "hardness", "quality")):
                move = steps[axis] * np.eye(3)[axis] / (1, 20, 1)[axis]
                up, down = (getattr(solved_tapping(asked[:60] + sign * move), name.split(",")[0]) for sign in (1, -1))
                wanted = np.asarray(up - down) / (2 * move[axis])
                error = np.sqrt(np.mean((slopes[:, axis] - wanted) ** 2) / np.mean(wanted**2))
                figures.append(Figure(f"{name.split(',')[0]}: slope with {group}, rms error, %", 100 * error, 0, 1))
        figures.append(Figure("raw variables, the same budget: amplitude, % of A0: rms",
                              by_raw_variables(asked, np.asarray(exact.amplitude), 256)))
        judge("Tapping, 256 solves, 400 others", figures)


if __name__ == "__main__":
    test_tapping()
    test_the_pull_off_force()
