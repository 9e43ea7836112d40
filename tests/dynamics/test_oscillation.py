"""The driven lever over a sample: identities, converged values, both branches, and an independent integrator."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from asperity.contact import JKR, Hertz
from asperity.dynamics.cantilever import Cantilever, euler_bernoulli
from asperity.dynamics.oscillation import Drive, at_rest, free_motion, steady
from asperity.dynamics.sweeps import over_frequencies, over_heights
from asperity.dynamics.tip_force import TipForce

K, F0, Q, RADIUS, HAMAKER, CUTOFF = 40.0, 3e5, 400.0, 10e-9, 6.4e-20, 0.165e-9


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def sample(modulus, **more):
    """van der Waals forces and Hertz with this reduced modulus."""
    return TipForce(Hertz(radius=RADIUS, modulus=modulus, poisson_ratio=0.0), radius=RADIUS, hamaker=HAMAKER,
                    cutoff=CUTOFF, **more)


@functools.partial(jax.jit, static_argnames="steps")
@functools.partial(jax.vmap, in_axes=(0, 0, 0, 0, None))
def tapping(free, modulus, height, swinging, steps):
    lever = Cantilever(K, F0, Q)
    drive = Drive.at_resonance(lever, free)
    start = jax.tree.map(lambda a, b: jnp.where(swinging, a, b), free_motion(lever), at_rest(lever, drive))
    return steady(lever, drive, sample(modulus), height, start, steps=steps)


#: free amplitude (nm), modulus (GPa), height (nm), begun from the free motion; amplitude (nm), phase (deg), mean
#: deflection (nm), peak force (nN): converged values that two other integrators agree on
KNOWN = np.array([
    [10, 1.5, 5.0, 1, 6.18956, 38.240, 0.0091, 6.115], [10, 1.5, 9.0, 1, 9.95175, 84.361, 0.0008, 3.586],
    [10, 50, 7.0, 1, 7.01707, 44.565, 0.0088, 13.085], [20, 1.5, 14.0, 1, 15.53985, 50.986, 0.0157, 10.211],
    [20, 50, 10.0, 1, 10.09252, 30.307, 0.0216, 24.854], [20, 50, 18.0, 1, 18.05834, 64.544, 0.0107, 19.023],
    [30, 50, 21.0, 1, 21.15843, 44.853, 0.0266, 36.567], [10, 1.5, 9.0, 0, 8.87627, 117.423, np.nan, np.nan]])


@functools.cache
def known():
    free, modulus, height, swinging = KNOWN[:, :4].T
    with jax.enable_x64(True):
        return jax.tree.map(np.asarray, tapping(free * 1e-9, modulus * 1e9, height * 1e-9, swinging > 0, 2048))


def test_converged_values_and_both_branches():
    found = known()
    np.testing.assert_allclose(found.amplitude * 1e9, KNOWN[:, 4], atol=2e-5)
    np.testing.assert_allclose(np.degrees(found.phase), KNOWN[:, 5], atol=2e-3)
    tapped = np.isfinite(KNOWN[:, 6])
    np.testing.assert_allclose(found.deflection[tapped] * 1e9, KNOWN[tapped, 6], atol=1e-4)
    np.testing.assert_allclose(found.peak_force[tapped] * 1e9, KNOWN[tapped, 7], atol=2e-2)
    assert found.settled.all()
    assert found.peak_force[-1] < 0 < found.peak_force[1]  # the same parameters, attractive and repulsive


def test_a_conservative_force_at_resonance():
    """sin(phase) = A / A0, nothing is dissipated, and the virial is that of the phase but for the higher harmonics."""
    found, free = known(), KNOWN[:, 0] * 1e-9
    np.testing.assert_allclose(np.sin(found.phase), found.amplitude / free, atol=4e-5)
    assert np.abs(found.dissipation / (K * free**2)).max() < 1e-6
    np.testing.assert_allclose(found.virial, -K * found.amplitude * free / (2 * Q) * np.cos(found.phase), rtol=5e-3)
    np.testing.assert_allclose(found.mean_force, K * found.deflection, rtol=1e-4, atol=1e-16)


@pytest.mark.study
def test_second_order_in_the_step():
    """Against 4096 steps, each doubling takes the error of the amplitude down by about four."""
    free, modulus, height = (jnp.array([one]) for one in (20e-9, 1.5e9, 14e-9))
    best, *others = (float(tapping(free, modulus, height, jnp.array([True]), steps).amplitude[0])
                     for steps in (4096, 256, 512, 1024))
    errors = np.abs(np.array(others) - best)
    assert np.all(errors[:-1] / errors[1:] > 2.5)
    assert errors[-1] < 1e-3 * 20e-9


def test_without_a_sample_the_lever_is_free():
    lever = Cantilever(K, F0, Q)
    for ratio in (0.5, 0.99, 1.0, 1.3):
        drive = Drive(jnp.array([1e-10]), F0 * ratio)
        found = steady(lever, drive, sample(1e9), jnp.asarray(1e-3), free_motion(lever), steps=64, periods=3)
        exact = 1e-10 / K / abs(1 - ratio**2 + 1j * ratio / Q)
        assert float(found.amplitude) == pytest.approx(exact, rel=1e-6)
        assert float(found.phase) == pytest.approx(np.angle(1 - ratio**2 + 1j * ratio / Q), abs=1e-6)


def test_from_rest_it_swings_up_as_the_transient_says():
    """After n periods at resonance 1 - e^(-pi n / Q) of the amplitude, to the order of 1/Q."""
    lever, periods = Cantilever(K, F0, Q), 200
    drive = Drive.at_resonance(lever, 10e-9)
    found = steady(lever, drive, sample(1e9), jnp.asarray(1e-3), at_rest(lever, drive), steps=64, periods=periods)
    assert float(found.amplitude) == pytest.approx(10e-9 * (1 - np.exp(-np.pi * (periods + 0.5) / Q)), rel=2e-3)


@pytest.mark.parametrize("viscosity", [pytest.param(0.0, marks=pytest.mark.study), 50.0])
def test_an_adaptive_integrator_of_another_library_agrees(viscosity):
    """60 periods from the free motion, with and without viscosity in contact."""
    free, modulus, height, periods = 20e-9, 2e9, 14e-9, 60
    lever = Cantilever(K, F0, Q)
    drive = Drive.at_resonance(lever, free)
    force = sample(modulus, viscosity=viscosity)
    found = steady(lever, drive, force, jnp.asarray(height), free_motion(lever), steps=4096, periods=periods)

    def motion(phase, state):
        x, v = state
        d = height + x
        depth = max(CUTOFF - d, 0.0)
        pull = -HAMAKER * RADIUS / 6 / max(d, CUTOFF) ** 2
        drag = -viscosity * np.sqrt(RADIUS * depth) * v * 2 * np.pi * F0
        own = pull + 4 / 3 * modulus * np.sqrt(RADIUS) * depth**1.5 + drag
        return [v, -x - v / Q + free / Q * np.cos(phase) + own / K]

    steps = 2 * np.pi * np.arange(512) / 512 + 2 * np.pi * periods
    done = solve_ivp(motion, [0, steps[-1]], [0.0, free], method="DOP853", rtol=1e-10, atol=1e-19, max_step=0.02,
                     t_eval=steps)
    signal = 2 * np.mean(done.y[0] * np.exp(-1j * steps))
    assert float(found.amplitude) == pytest.approx(abs(signal), abs=2e-5 * free)
    assert float(found.phase) == pytest.approx(-np.angle(signal), abs=2e-4)


def test_viscosity_and_adhesion_take_up_what_the_phase_says():
    """E = pi k A (A0 sin(phase) - A) / Q at resonance, but for the higher harmonics."""
    lever, free = Cantilever(K, F0, Q), 20e-9
    drive = Drive.at_resonance(lever, free)
    adhesive = TipForce(JKR(radius=RADIUS, modulus=5e9, work_of_adhesion=0.02, poisson_ratio=0.3))
    for force in (sample(2e9, viscosity=50.0), adhesive):
        found = steady(lever, drive, force, jnp.asarray(12e-9), free_motion(lever), steps=4096)
        a, phase = float(found.amplitude), float(found.phase)
        assert bool(found.settled)
        assert float(found.dissipation) == pytest.approx(np.pi * K * a / Q * (free * np.sin(phase) - a), rel=0.01)
        assert float(found.dissipation) > 1e-20


def test_a_derivative_is_that_of_finite_differences():
    lever = Cantilever(K, F0, Q)
    drive = Drive.at_resonance(lever, 20e-9)

    @jax.jit
    def amplitude(log_modulus):
        return steady(lever, drive, sample(jnp.exp(log_modulus)), jnp.asarray(12e-9), free_motion(lever), steps=512,
                      periods=100).amplitude

    at, step = np.log(2e9), 1e-5
    numeric = (amplitude(at + step) - amplitude(at - step)) / (2 * step)
    assert float(jax.jvp(amplitude, (at,), (1.0,))[1]) == pytest.approx(float(numeric), rel=1e-4)


def test_modes_of_a_beam_are_there_and_matter_little():
    """With two more modes the amplitude of the first changes by the compliance that they add, some per cent."""
    beam = euler_bernoulli(K, F0, np.array([Q, Q, Q]))
    found = [steady(lever, Drive.at_resonance(lever, 20e-9), sample(1.5e9), jnp.asarray(14e-9), free_motion(lever),
                    steps=4096, periods=400) for lever in (beam, Cantilever(K, F0, Q))]
    one, other = (float(own.amplitude) for own in found)
    assert 0 < abs(one / other - 1) < 0.1


def test_a_sweep_down_and_up_differs_where_two_branches_are_stable():
    lever = Cantilever(K, F0, Q)
    drive = Drive.at_resonance(lever, 10e-9)
    down = np.linspace(12e-9, 8.0e-9, 9)
    one = jax.jit(lambda heights, start: over_heights(lever, drive, sample(1.5e9), heights, start, steps=256))
    first = one(down, free_motion(lever))
    back = one(down[::-1], jax.tree.map(lambda leaf: leaf[-1], first.motion))
    assert np.all(np.asarray(first.settled) & np.asarray(back.settled))
    difference = np.abs(np.asarray(first.phase) - np.asarray(back.phase)[::-1])
    assert difference[0] < 1e-3
    assert np.all(np.asarray(first.amplitude) < 10.01e-9)


def test_a_resonance_far_from_the_sample_is_that_of_the_lever():
    lever = Cantilever(K, F0, 50.0)
    drive = Drive.at_resonance(lever, 10e-9)
    at = F0 * np.array([0.97, 0.99, 1.0, 1.02])
    found = over_frequencies(lever, drive, sample(1e9), jnp.asarray(1e-3), at, steps=64)
    exact = 10e-9 / 50 / np.abs(1 - (at / F0) ** 2 + 1j * at / F0 / 50)
    np.testing.assert_allclose(found.amplitude, exact, rtol=1e-5)
    assert np.all(found.settled)


def test_what_has_not_settled_is_said():
    lever = Cantilever(K, F0, Q)
    drive = Drive.at_resonance(lever, 10e-9)
    from asperity.dynamics import oscillation

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(oscillation, "_DECAYS", 2)
        found = steady(lever, drive, sample(1.5e9), jnp.asarray(9e-9), at_rest(lever, drive), steps=128)
    assert not bool(found.settled)
