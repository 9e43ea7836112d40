"""Phase held at 90 degrees, amplitude kept: closed form, the integral of perturbation theory, the open loop, losses."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from asperity.contact import Hertz
from asperity.dynamics.cantilever import Cantilever
from asperity.dynamics.frequency_modulation import bent, locked, weak_shift
from asperity.dynamics.oscillation import Drive, free_motion, steady
from asperity.dynamics.tip_force import TipForce
from asperity.learning.gp.frequency_shift import oscillating

K, F0, RADIUS, HAMAKER, CUTOFF = 40.0, 3e5, 10e-9, 6.4e-20, 0.165e-9
MODULUS = 2e9


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def sample(hamaker, viscosity=0.0):
    return TipForce(Hertz(radius=RADIUS, modulus=MODULUS, poisson_ratio=0.0), radius=RADIUS, hamaker=hamaker,
                    cutoff=CUTOFF, viscosity=viscosity)


@functools.partial(jax.jit, static_argnames="steps")
def found(hamaker, height, amplitude, viscosity=0.0, quality=400.0, steps=512):
    return locked(Cantilever(K, F0, quality), sample(hamaker, viscosity), height, amplitude, steps=steps)


def closed_form(hamaker, nearest, amplitude):
    return -hamaker * RADIUS / (6 * K * (nearest * (nearest + 2 * amplitude)) ** 1.5)


@pytest.mark.parametrize(("nearest", "amplitude", "weak"), [(2e-9, 5e-9, 0.01), (1e-9, 0.2e-9, 0.001),
                                                            (3e-9, 50e-9, 1.0)])
def test_the_closed_form_of_van_der_waals_forces(nearest, amplitude, weak):
    """Perturbation theory is of first order: what is off falls with the force, and is extrapolated away."""
    weak = [weak * HAMAKER, weak * HAMAKER / 2]
    ratio = [float(found(h, nearest + amplitude, amplitude).shift) / F0 / closed_form(h, nearest, amplitude)
             for h in weak]
    assert abs(ratio[0] - 1) < 1e-3
    assert (ratio[0] - 1) / (ratio[1] - 1) == pytest.approx(2, rel=1e-2)
    assert 2 * ratio[1] - ratio[0] == pytest.approx(1, abs=2e-8)


def test_the_integral_in_contact():
    """Van der Waals and Hertz, weak against the lever; the integral by 4000 nodes, for its kink."""
    amplitude, nearest, weak = 20e-9, -2e-9, 1e-3

    def force(distance):
        inside = jnp.maximum(CUTOFF - distance, 0.0)
        return weak * (-HAMAKER * RADIUS / 6 / jnp.maximum(distance, CUTOFF) ** 2
                       + 4 / 3 * MODULUS * jnp.sqrt(RADIUS) * inside**1.5)

    exact = float(oscillating(amplitude, K, 4000)(force, jnp.asarray(nearest)))
    lever = Cantilever(K, F0, 400.0)
    soft = TipForce(Hertz(radius=RADIUS, modulus=weak * MODULUS, poisson_ratio=0.0), radius=RADIUS,
                    hamaker=weak * HAMAKER, cutoff=CUTOFF)
    one = jax.jit(lambda: locked(lever, soft, jnp.asarray(nearest + amplitude), jnp.asarray(amplitude), steps=8192))()
    assert bool(one.found)
    assert float(one.shift) / F0 == pytest.approx(exact, rel=2e-3)
    assert exact > 0


def test_the_quality_factor_does_not_enter():
    in_air, in_vacuum = (found(HAMAKER, 7e-9, 5e-9, quality=quality) for quality in (200.0, 1e5))
    assert bool(in_air.found & in_vacuum.found)
    assert float(in_air.shift) == pytest.approx(float(in_vacuum.shift), rel=1e-6)


def test_the_open_loop_driven_so_settles_to_it():
    """At 9.5 nm; at 9 nm from its own motion alone: from the free one it falls to another branch."""
    lever = Cantilever(K, F0, 400.0)

    @jax.jit
    def driven(one, height, start):
        drive = Drive(jnp.stack([one.drive]), one.frequency)
        return steady(lever, drive, sample(HAMAKER), height, start, steps=2048)

    one = found(HAMAKER, 9.5e-9, 10e-9, steps=2048)
    other = driven(one, 9.5e-9, free_motion(lever))
    assert bool(other.settled)
    assert float(other.amplitude) == pytest.approx(10e-9, rel=1e-6)
    assert float(other.phase) == pytest.approx(np.pi / 2, abs=1e-5)
    near = found(HAMAKER, 9e-9, 10e-9, steps=2048)
    assert float(near.shift) > 0 > float(one.shift)  # contact that is stiffer than the attraction is soft
    assert float(driven(near, 9e-9, near.oscillation.motion).amplitude) == pytest.approx(10e-9, rel=1e-6)
    assert float(driven(near, 9e-9, free_motion(lever)).amplitude) < 9e-9


def test_losses_ask_for_drive_and_hardly_shift_the_frequency():
    """pi a (F0 - k a r^2 / Q / r) is the energy that the sample takes up in one period."""
    plain, lossy = (found(HAMAKER, 9.5e-9, 10e-9, viscosity=viscosity, steps=2048) for viscosity in (0.0, 200.0))
    rate = float(lossy.frequency) / F0
    energy = np.pi * 10e-9 * (float(lossy.drive) - K * 10e-9 * rate / 400.0)
    assert float(lossy.oscillation.dissipation) == pytest.approx(energy, rel=1e-2)
    assert float(lossy.oscillation.dissipation) > 100 * abs(float(plain.oscillation.dissipation))
    virial = float(lossy.oscillation.virial)
    assert rate**2 == pytest.approx(1 - 2 * virial / (K * 1e-16), abs=1e-5)


def test_the_shift_of_first_order_is_the_closed_form_of_van_der_waals():
    shift = weak_shift(lambda z: -HAMAKER * RADIUS / 6 / z**2, 1e-9, 10e-9, K, 256)
    assert float(shift) == pytest.approx(closed_form(HAMAKER, 1e-9, 10e-9), rel=1e-9)
    amplitudes = np.array([2e-9, 5e-9])
    found = bent(Cantilever(K, F0, 400.0), sample(HAMAKER), 9e-9, amplitudes)
    np.testing.assert_allclose(found, closed_form(HAMAKER, 9e-9 - amplitudes, amplitudes), rtol=1e-9)


def test_the_bent_resonance_is_that_of_the_phase_held():
    """In contact, where the force is not weak: the frequency at 90 degrees within a tenth of its shift."""
    lever, amplitude = Cantilever(K, F0, 400.0), 10e-9
    exact = found(HAMAKER, 9.5e-9, amplitude)
    assert bool(exact.found)
    first = float(bent(lever, sample(HAMAKER), 9.5e-9, np.array([amplitude]))[0]) * F0
    assert first == pytest.approx(float(exact.shift), rel=0.1, abs=5.0)
