"""The force law back from a tapping record, by another library's integrator; with noise, and what it says of itself."""

import functools

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from asperity.dynamics.force_recovery import recover_force
from asperity.messages import DataError

K, Q, RADIUS, HAMAKER, CUTOFF, MODULUS = 40.0, 400.0, 10e-9, 6.4e-20, 0.165e-9, 1e9
FREE, HEIGHT = 20e-9, 14e-9
SAMPLES, PERIODS = 64, 30
KNOTS = np.concatenate([np.linspace(-6.0e-9, 0.1e-9, 24), np.geomspace(0.13e-9, 60e-9, 24)])


def law(distance):
    depth = np.maximum(CUTOFF - distance, 0)
    return 4 / 3 * MODULUS * np.sqrt(RADIUS) * depth**1.5 - HAMAKER * RADIUS / 6 / np.maximum(distance, CUTOFF) ** 2


@functools.cache
def record():
    """(states, drive, step) of a lever at resonance, from the free motion."""
    step = 2 * np.pi / SAMPLES
    at = step * np.arange(SAMPLES * PERIODS + 1)

    def motion(phase, state):
        return [state[1], -state[0] - state[1] / Q + FREE / Q * np.cos(phase) + law(HEIGHT + state[0]) / K]

    done = solve_ivp(motion, [0, at[-1]], [0.0, FREE], method="DOP853", rtol=1e-11, atol=1e-20, max_step=0.02,
                     t_eval=at)
    return done.y.T, K * FREE / Q * np.cos(at), step


def recovered(noise=0.0, seed=0):
    states, drive, step = record()
    states = states + noise * np.random.default_rng(seed).standard_normal(states.shape)
    return recover_force(states, HEIGHT, (K, Q), drive, step, KNOTS)


def touched():
    """The knots that the record covers with many samples: in contact, and before it."""
    return (KNOTS > HEIGHT + record()[0][:, 0].min() + 0.1e-9) & (KNOTS < 20e-9)


def test_without_noise():
    found, use = recovered(), touched()
    peak = law(HEIGHT + record()[0][:, 0].min())
    contact = use & (KNOTS < 0)
    assert contact.sum() >= 5
    assert np.sqrt(np.mean((found.force[contact] - law(KNOTS[contact])) ** 2)) < 5e-3 * peak
    assert np.abs(found.force[use & (KNOTS > 1e-9)] - law(KNOTS[use & (KNOTS > 1e-9)])).max() < 2e-3 * peak


def test_with_noise_its_errors_are_stated():
    """Ten picometers of noise on position and velocity: the error over the stated one is of the order of one."""
    use = touched() & ((KNOTS < -0.3e-9) | (KNOTS > 1e-9))  # but for the kink at the cut-off
    ratios = np.concatenate([(found.force - law(KNOTS))[use] / found.std[use]
                             for found in (recovered(1e-11, seed) for seed in range(6))])
    assert 0.5 < np.sqrt(np.mean(ratios**2)) < 2.0


def test_what_is_too_little_is_refused():
    states, drive, step = record()
    with pytest.raises(DataError, match="give four for each"):
        recover_force(states[:50], HEIGHT, (K, Q), drive[:50], step, KNOTS)
    with pytest.raises(DataError, match="let them hold all of its path"):
        recover_force(states, HEIGHT, (K, Q), drive, step, KNOTS[10:])
