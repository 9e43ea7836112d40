"""Non-adhesive tips: Sneddon's integrals, the law dF/d(delta) = 2 E* a, bounds of the pyramids."""

import math

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest

from asperity.contact import Cone, FlatPunch, Hertz, Pyramid3, Pyramid4, Sphere, profile, sphere

pytestmark = pytest.mark.usefixtures("x64")

REDUCED = 1e3 / 0.75


def test_sphere_over_thirteen_decades_of_indentation():
    with mp.workdps(40):
        u = [mp.mpf(10) ** (mp.mpf(k) / 20 - 6) for k in range(155)]
        displacement = np.array([float(x * mp.tanh(x)) for x in u])
        load = np.array([float(x * (1 + mp.tanh(x) ** 2) - mp.tanh(x)) for x in u])
    ours = jax.vmap(sphere.load)(jnp.asarray(displacement))
    np.testing.assert_allclose(ours, load, rtol=2e-15)


def test_sphere_is_single_precise_in_single_precision():
    """No cancellation: a few float32 eps over the whole range."""
    displacement = np.geomspace(1e-10, 50, 400)
    exact = np.asarray(jax.vmap(sphere.load)(jnp.asarray(displacement)))
    ours = jax.vmap(sphere.load)(jnp.asarray(displacement, dtype=jnp.float32))
    assert ours.dtype == jnp.float32
    np.testing.assert_allclose(ours, exact, rtol=1e-6)


def test_the_paraboloid_overestimates_a_sphere_by_the_known_percentages():
    for ratio, excess in ((0.1, 1.0), (0.5, 5.3), (1, 11.1), (2, 24)):
        percent = 100 * (4 / 3 * ratio**1.5 / float(sphere.load(jnp.asarray(float(ratio)))) - 1)
        assert percent == pytest.approx(excess, abs=0.5 if excess == 24 else 0.05)


@pytest.mark.parametrize(("build", "slope"), [
    (lambda: Hertz(radius=2.0), lambda r: r / 2),
    (lambda: Sphere(radius=2.0), lambda r: r / jnp.sqrt(4 - r**2)),
    (lambda: Cone(half_angle=1.0), lambda r: jnp.full_like(r, 1 / math.tan(1.0)))],
    ids=["hertz", "sphere", "cone"])
def test_models_agree_with_the_integrals_over_their_profile(build, slope):
    """F(delta) and dF/d(delta) = 2 E* a at three contact radii."""
    model = build()
    for radius in (0.05, 0.5, 1.5):
        indentation, area = profile.elastic_contact(slope, jnp.asarray(radius))
        force, stiffness = jax.value_and_grad(model.force)(indentation)
        assert float(force) == pytest.approx(float(area) * REDUCED, rel=1e-12)
        assert float(stiffness) == pytest.approx(2 * REDUCED * radius, rel=1e-12)


def test_flat_punch_has_a_constant_stiffness():
    punch = FlatPunch(punch_radius=0.5)
    assert float(jax.grad(punch.force)(0.3)) == pytest.approx(REDUCED, rel=1e-14)
    assert float(punch.force(-0.1)) == 0


@pytest.mark.parametrize(("build", "sides"), [
    (lambda: Pyramid3(half_angle=1.0), 3), (lambda: Pyramid4(half_angle=1.0), 4),
    (lambda: Pyramid4(half_angle=1.0, convention="rico"), 4)], ids=["three", "bilodeau", "rico"])
def test_a_pyramid_lies_between_its_inscribed_and_circumscribed_cones(build, sides):
    """A larger tip feels more force: face cone inside, edge cone (tan / cos(pi/n)) outside."""
    inner, force = float(Cone(half_angle=1.0).force(0.1)), float(build().force(0.1))
    assert inner < force < inner / math.cos(math.pi / sides)


def test_conventions_differ_by_the_known_gap_and_others_are_refused():
    bilodeau, rico = Pyramid4(half_angle=1.0), Pyramid4(half_angle=1.0, convention="rico")
    assert float(bilodeau.force(0.1) / rico.force(0.1)) == pytest.approx(0.7453 * math.sqrt(2), rel=1e-6)
    with pytest.raises(ValueError, match="bilodeau, rico"):
        Pyramid4(half_angle=1.0, convention="jpk")  # type: ignore[arg-type]


@pytest.mark.parametrize(("build", "size", "exponent"), [
    (lambda x: Hertz(radius=x), 1e-6, 0.5), (lambda x: FlatPunch(punch_radius=x), 1e-6, 1.0),
    (lambda x: Sphere(radius=x), 1e-3, 0.5)], ids=["hertz", "flat_punch", "sphere, shallow"])
def test_exponent_of_the_size_of_the_tip(build, size, exponent):
    slope = jax.grad(lambda log_size: jnp.log(build(jnp.exp(log_size)).force(1e-9)))(math.log(size))
    assert float(slope) == pytest.approx(exponent, abs=1e-5)
