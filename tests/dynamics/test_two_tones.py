"""Two modes driven at once: free amplitudes, first-order perturbation, and an independent integrator."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from asperity.contact import Hertz
from asperity.dynamics.cantilever import euler_bernoulli
from asperity.dynamics.oscillation import Drive, at_rest, free_motion, steady
from asperity.dynamics.tip_force import TipForce

K, F0, RADIUS, CUTOFF, MODULUS = 40.0, 3e5, 10e-9, 0.165e-9, 2e9
QUALITY = np.array([60.0, 90.0])
FRAME = 15  # the second mode of a beam is at 6.2669 of the first: 94 periods in 15
FREE = np.array([10e-9, 0.5e-9])


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def lever():
    return euler_bernoulli(K, F0, QUALITY)


def sample(hamaker, modulus=MODULUS):
    return TipForce(Hertz(radius=RADIUS, modulus=modulus, poisson_ratio=0.0), radius=RADIUS, hamaker=hamaker,
                    cutoff=CUTOFF)


def tones():
    """Frequencies (rad per radian of the first), modal stiffness, forces and complex responses, in NumPy."""
    beam, drive = lever(), Drive.of_modes(lever(), FREE, FRAME)
    k, own = np.asarray(beam.stiffness), np.asarray(beam.frequency) / F0
    rates = np.asarray(drive.frequency) / F0
    response = np.asarray(drive.force) / k / (1 - (rates[:, None] / own) ** 2 + 1j * rates[:, None] / own / QUALITY)
    return rates, own, k, np.asarray(drive.force), response


def test_without_a_sample_each_mode_has_its_free_amplitude():
    """But for what each tone does to the other mode: its force acts on its own mode alone, so nothing."""
    beam = lever()
    drive = Drive.of_modes(beam, FREE, FRAME)
    found = steady(beam, drive, sample(0.0), jnp.asarray(1e-3), free_motion(beam), steps=256, periods=30, frame=FRAME)
    np.testing.assert_allclose(found.amplitude, FREE, rtol=1e-9)
    rates, *_, response = tones()
    np.testing.assert_allclose(found.phase, -np.angle(np.diag(response)), atol=1e-9)
    assert rates[1] == pytest.approx(94 / 15, rel=1e-12)
    rest = steady(beam, drive, sample(0.0), jnp.asarray(1e-3), at_rest(beam, drive), steps=128, frame=FRAME)
    np.testing.assert_allclose(rest.amplitude, FREE, rtol=1e-6)
    assert bool(rest.settled)


def test_a_weak_force_changes_both_amplitudes_as_first_order_perturbation_says():
    """The force along the free motion, its Fourier components, times the compliance of the lever at each tone."""
    rates, own, k, _, response = tones()
    height, hamaker = 16e-9, 2e-23
    phase = 2 * np.pi * FRAME * np.arange(20000) / 20000
    free = (np.diag(response)[:, None] * np.exp(1j * rates[:, None] * phase)).real.sum(0)
    force = -hamaker * RADIUS / 6 / (height + free) ** 2
    part = 2 * np.mean(force * np.exp(-1j * rates[:, None] * phase), axis=1)
    compliance = (1 / k / (1 - (rates[:, None] / own) ** 2 + 1j * rates[:, None] / own / QUALITY)).sum(1)
    beam = lever()
    found = steady(beam, Drive.of_modes(beam, FREE, FRAME), sample(hamaker), jnp.asarray(height), free_motion(beam),
                   steps=512, periods=40 * FRAME, frame=FRAME)
    change = np.asarray(found.amplitude * np.exp(-1j * found.phase)) - np.diag(response)
    assert np.abs(change).max() < 1e-3 * FREE.min()
    np.testing.assert_allclose(change, compliance * part, rtol=5e-3)


@pytest.mark.study  # by another program
def test_an_adaptive_integrator_of_another_library_agrees():
    """From the free motion into contact, one frame and the next one measured."""
    rates, own, k, drives, response = tones()
    height, hamaker = 8e-9, 6.4e-20
    beam = lever()
    found = steady(beam, Drive.of_modes(beam, FREE, FRAME), sample(hamaker), jnp.asarray(height), free_motion(beam),
                   steps=8192, periods=FRAME, frame=FRAME)

    def motion(phase, state):
        x, v = state[:2], state[2:]
        d = height + x.sum()
        own_force = -hamaker * RADIUS / 6 / max(d, CUTOFF) ** 2
        own_force += 4 / 3 * MODULUS * np.sqrt(RADIUS) * max(CUTOFF - d, 0.0) ** 1.5
        pushed = (drives * np.cos(rates[:, None] * phase)).sum(0) + own_force
        return np.concatenate([v, own**2 * (pushed / k - x) - own / QUALITY * v])

    turns = 2 * np.pi * FRAME * (1 + np.arange(40000) / 40000)
    start = np.concatenate([response.real.sum(0), -(rates[:, None] * response.imag).sum(0)])
    done = solve_ivp(motion, [0, turns[-1]], start, method="DOP853", rtol=1e-10, atol=1e-19, max_step=0.03,
                     t_eval=turns)
    signal = 2 * np.mean(done.y[:2].sum(0) * np.exp(-1j * rates[:, None] * turns), axis=1)
    np.testing.assert_allclose(found.amplitude, np.abs(signal), atol=2e-5 * FREE[0])
    np.testing.assert_allclose(found.phase, -np.angle(signal), atol=2e-3)
    assert abs(float(found.amplitude[1]) / FREE[1] - 1) > 0.01  # the contact is felt by the second mode
