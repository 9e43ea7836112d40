"""The adhesive layer against JKR, Griffith's balance, the layer without adhesion and the limits of thin layers."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from asperity.contact.adhesive_layer import pressed_layer
from asperity.contact.fredholm import Layer, layer_contact, pull_off, punch_stiffness
from asperity.contact.jkr import JKR
from asperity.contact.layered import HertzBondedLayer, HertzUnbondedLayer


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


pressed = jax.jit(lambda indentation, radius, thickness, poisson_ratio, length, bonded=True: pressed_layer(
    indentation, radius, Layer(thickness=thickness, poisson_ratio=poisson_ratio, bonded=bonded), length),
    static_argnames="bonded")


def test_a_thick_layer_is_a_half_space():
    """The first correction is of order a/h: 1e-4 here."""
    radius, modulus, work = 1e-6, 1e4 / (1 - 0.3**2), 1e-4
    sample = JKR(radius=radius, modulus=1e4, work_of_adhesion=work, poisson_ratio=0.3)
    for indentation in (0.0, 1e-8, 1e-7):
        found = pressed(indentation, radius, 1e-2, 0.3, work / modulus)
        np.testing.assert_allclose(modulus * found.force, sample.force(jnp.asarray(indentation)), rtol=1e-4)


@pytest.mark.parametrize(("bonded", "model"), [(True, HertzBondedLayer), (False, HertzUnbondedLayer)])
def test_without_adhesion_it_is_the_tabulated_layer(bonded, model):
    sample = model(radius=1e-6, thickness=3e-7, modulus=1e4, poisson_ratio=0.45)
    found = pressed(2e-7, 1e-6, 3e-7, 0.45, 0.0, bonded=bonded)
    np.testing.assert_allclose(1e4 / (1 - 0.45**2) * found.force, sample.force(jnp.asarray(2e-7)), rtol=1e-6)
    assert found.pulling == 0


@pytest.mark.parametrize("poisson_ratio", [0.1, 0.495])
def test_the_energy_that_the_edge_releases_is_the_work_of_adhesion(poisson_ratio):
    """Griffith, from the compliance of flat punches alone."""
    found = pressed(0.3, 1.0, 1.0, poisson_ratio, 0.2)
    layer, step = Layer(thickness=1.0, poisson_ratio=poisson_ratio), 1e-4

    def compliance(a):
        return 1 / punch_stiffness(a, layer)

    a = found.contact_radius
    fall = (compliance(a - step) - compliance(a + step)) / (2 * step)
    np.testing.assert_allclose(found.pulling**2 * fall / (4 * math.pi * a), 0.2, rtol=1e-6)


def test_it_is_at_that_indentation_and_differentiable():
    def force(indentation):
        return pressed(indentation, 1.0, 1.0, 0.4, 0.1).force

    found = pressed(0.5, 1.0, 1.0, 0.4, 0.1)
    there = layer_contact(jnp.square, found.contact_radius, Layer(thickness=1.0, poisson_ratio=0.4), 0.1)
    np.testing.assert_allclose(there, (0.5, found.force), rtol=1e-9)
    np.testing.assert_allclose(jax.grad(force)(0.5), (force(0.501) - force(0.499)) / 2e-3, rtol=1e-5)
    assert np.isnan(force(-0.1))


@pytest.mark.parametrize(("poisson_ratio", "thin", "left"), [(0.0, 2.0, 0.005), (0.5, 3.0, 0.03)])
def test_the_pull_off_goes_from_that_of_a_half_space_to_that_of_a_thin_layer(poisson_ratio, thin, left):
    """In pi w R; what a thin layer lacks is of order h/a, and extrapolated away, but for its square."""
    layer, rows = Layer(thickness=1.0, poisson_ratio=poisson_ratio), []
    for adhesion in (1e-6, 1e3, 1e5) if poisson_ratio == 0.5 else (1e-6, 1e2, 1e3):
        radius, _, force = pull_off(jnp.square, layer, jnp.asarray(adhesion), (jnp.asarray(1e-3), jnp.asarray(19.0)))
        rows.append((float(1 / radius), -float(force) / (math.pi * adhesion)))
    assert rows[0][1] == pytest.approx(1.5, rel=1e-4)
    (near, one), (far, other) = rows[1:]
    assert one < other < thin
    assert other + (other - one) * far / (near - far) == pytest.approx(thin, rel=left)
