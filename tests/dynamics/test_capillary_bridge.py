"""Forces with a memory: a neck of liquid, adhesion that lets go late, an attraction that is larger on the way out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from asperity.contact import JKR, Hertz
from asperity.dynamics.cantilever import Cantilever
from asperity.dynamics.capillary_bridge import CapillaryBridge, held
from asperity.dynamics.oscillation import Drive, at_rest, free_motion, steady
from asperity.dynamics.tip_force import TipForce

K, F0, Q, RADIUS, CUTOFF, FREE = 40.0, 3e5, 200.0, 20e-9, 0.165e-9, 20e-9
TENSION, VOLUME, FILM = 0.072, 30e-27, 0.3e-9


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def hertz():
    return Hertz(radius=RADIUS, modulus=2e9, poisson_ratio=0.3)


def test_the_force_of_a_neck_of_constant_volume():
    """By its geometry: the radius that holds the volume, and the pressure of the meniscus over that circle."""
    bridge = CapillaryBridge.of_films(TENSION, VOLUME, FILM)
    for distance in (0.0, 0.5e-9, 2e-9):
        def content(r, d=distance):
            return quad(lambda rho: 2 * np.pi * rho * (d + rho**2 / 2 / RADIUS), 0, r, epsabs=0)[0] - VOLUME

        r = brentq(content, 1e-12, 1e-7, xtol=1e-18)
        force = -np.pi * r**2 * 2 * TENSION / (distance + r**2 / 2 / RADIUS)
        assert float(bridge.force(jnp.asarray(distance), RADIUS)) == pytest.approx(force, rel=1e-9)
    slope = jax.grad(lambda d: bridge.energy(d, RADIUS))(1e-9)
    assert float(slope) == pytest.approx(-float(bridge.force(jnp.asarray(1e-9), RADIUS)), rel=1e-12)


def test_a_bond_is_there_for_its_part_of_a_step():
    near, far = 1.0, 3.0
    cases = [  # distance, half of the way, there before -> share, there after
        (2.0, -0.5, False, 0.0, False), (1.2, -0.4, False, 0.25, True), (0.5, -0.2, True, 1.0, True),
        (2.0, 0.5, True, 1.0, True), (2.9, 0.4, True, 0.625, False), (3.5, 0.4, False, 0.0, False)]
    for distance, half, there, share, after in cases:
        found = held(jnp.asarray(distance), jnp.asarray(half), jnp.asarray(there), (near, far))
        assert float(found[0]) == pytest.approx(share, abs=1e-12)
        assert bool(found[1]) == after


def oscillation(force, steps=2048, height=15e-9, start=None):
    lever = Cantilever(K, F0, Q)
    drive = Drive.at_resonance(lever, FREE)
    found = steady(lever, drive, force, jnp.asarray(height), free_motion(lever) if start is None else
                   start(lever, drive), steps=steps)
    said = np.pi * K * float(found.amplitude) / Q * (FREE * np.sin(float(found.phase)) - float(found.amplitude))
    return found, said


def test_a_neck_takes_up_the_area_of_its_loop():
    """In each period once, from the distance of formation to that of rupture; the phase says the same."""
    bridge = CapillaryBridge.of_films(TENSION, VOLUME, FILM)
    loop = quad(lambda d: -float(bridge.force(jnp.asarray(d), RADIUS)), 2 * FILM, VOLUME ** (1 / 3), epsabs=0)[0]
    assert float(bridge.loop(RADIUS)) == pytest.approx(loop, rel=1e-9)
    found, said = oscillation(TipForce(hertz(), radius=RADIUS, cutoff=CUTOFF, bridge=bridge))
    assert bool(found.settled)
    assert float(found.nearest) < CUTOFF
    assert float(found.dissipation) == pytest.approx(loop, rel=2e-3)
    assert said == pytest.approx(loop, rel=1e-2)


def test_a_neck_that_is_not_reached_does_nothing():
    """Above the films nothing forms; one that is there from the beginning breaks and stays away."""
    bridge = CapillaryBridge(TENSION, VOLUME, 0.5e-9, 3e-9)
    found, _ = oscillation(TipForce(hertz(), radius=RADIUS, bridge=bridge), height=21e-9, start=lambda lever, _:
                           free_motion(lever)._replace(bridged=jnp.asarray(True)))
    assert float(found.amplitude) == pytest.approx(FREE, rel=1e-6)
    assert not bool(found.motion.bridged)


def test_adhesion_takes_up_what_is_between_its_branches():
    """JKR: no force before contact, the adhesive branch back to where it lets go; from rest the same oscillation."""
    contact = JKR(radius=RADIUS, modulus=5e9, work_of_adhesion=0.02, poisson_ratio=0.3)
    end = float(contact.end_of_contact(contact.amplitudes_of()[1]))
    loop = quad(lambda depth: -float(contact.force(jnp.asarray(depth))), end, 0, epsabs=0)[0]
    assert end < 0 < loop
    found, _ = oscillation(TipForce(contact, radius=RADIUS))
    other, _ = oscillation(TipForce(contact, radius=RADIUS), start=at_rest)
    assert float(found.dissipation) == pytest.approx(loop, rel=5e-3)
    assert float(other.amplitude) == pytest.approx(float(found.amplitude), rel=1e-6)


def test_an_attraction_that_is_larger_on_the_way_out():
    """E = eps H R / 6 (1/a0 + (a0 - d)/a0^2) with the least distance d of the surfaces, below a0."""
    hamaker, share = 1e-19, 0.3
    found, said = oscillation(TipForce(hertz(), radius=RADIUS, hamaker=hamaker, cutoff=CUTOFF, hysteresis=share))
    depth = CUTOFF - float(found.nearest)
    assert depth > 0
    loop = share * hamaker * RADIUS / 6 * (1 / CUTOFF + depth / CUTOFF**2)
    assert float(found.dissipation) == pytest.approx(loop, rel=2e-2)
    assert said == pytest.approx(loop, rel=2e-2)
