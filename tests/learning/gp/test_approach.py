"""The model of an approach: its covariance against its formula, units, baselines, padding."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from asperity.contact import Hertz
from asperity.learning.gp import approach, dense
from asperity.learning.gp.approach_bins import binned
from tests.measurements.tip_force import approaching

HERTZ = Hertz(radius=approaching.RADIUS)
STIFFNESS = 2.0
MEANS = np.array([mean for mean, _ in approach.PRIOR.values()])
AT = np.array([-15.0, -5.0, -1.0, 0.5, 2.0, 20.0])  # nm


@functools.cache
def bins():
    height, force = approaching.approach(1, stiffness=STIFFNESS)
    position = -(height + force / STIFFNESS)
    return binned(position, force, np.ones(len(force), bool), HERTZ)


def task():
    """Under jax.enable_x64."""
    return approach.scaled(bins(), STIFFNESS)


def density(own, theta=MEANS):
    return float(dense.log_likelihood(approach._kernel(jnp.asarray(theta), own, HERTZ),
                                      approach._observed(jnp.asarray(theta), own)))


def test_the_covariance_is_that_of_the_docstring():
    with jax.enable_x64(True):
        own = task()
        kernel = approach._kernel(jnp.asarray(MEANS), own, HERTZ)
        found = np.asarray(dense.gram(kernel.covariance, lambda f, x: f(x), jnp.asarray(AT), lambda f, x: f(x),
                                      jnp.asarray(AT)))
    cutoff, size, exponent, bend, share, length = np.exp(MEANS[1:7])
    depth = float(own.depth)
    v = np.sqrt(np.maximum(-AT, 0) / depth)
    distance = np.maximum(AT, 0) + cutoff
    x = np.sqrt(3) * np.abs(v[:, None] - v) / length
    y = np.sqrt(5) * np.abs(np.log(distance[:, None] / distance)) / bend
    h, a = v**3, size * (cutoff / distance) ** exponent
    exact = (10.0**2 * np.outer(h, h)
             + (share * float(own.stiffness)) ** 2 * np.outer(h * v, h * v) * (1 + x) * np.exp(-x)
             + np.outer(a, a) * (1 + y + y**2 / 3) * np.exp(-y))
    np.testing.assert_allclose(found, exact, rtol=1e-9)


@pytest.mark.study
def test_draws_are_finite_and_move():
    with jax.enable_x64(True):
        found = approach.draws_of(task(), HERTZ, jax.random.key(0), 16)
    assert np.isfinite(found.theta).all()
    assert np.isfinite(float(found.evidence))
    assert float(found.moved) > 0.05


def test_newtons_or_nanonewtons_are_the_same():
    """The task is without units of force: what a factor of force and spring constant changes is its scale alone."""
    many = bins()._replace(force=bins().force * 1e9, covariance=bins().covariance * 1e18, noise=bins().noise * 1e9,
                           stiffness=bins().stiffness * 1e9, slope=bins().slope * 1e9)
    with jax.enable_x64(True):
        one, other = task(), approach.scaled(many, STIFFNESS * 1e9)
        np.testing.assert_allclose(density(one), density(other), rtol=1e-10)
    for name, value in one._asdict().items():
        same = np.asarray(value) * (1e9 if name == "scale" else 1)
        np.testing.assert_allclose(np.asarray(getattr(other, name)), same, rtol=1e-9, atol=1e-15)


def test_the_bins_do_not_know_the_unit_of_force_either():
    height, force = approaching.approach(1, stiffness=STIFFNESS)
    position = -(height + force / STIFFNESS)
    other = binned(position, 1e9 * force, np.ones(len(force), bool), HERTZ)
    assert other.surface == pytest.approx(bins().surface, abs=1e-15)
    np.testing.assert_allclose(other.force, 1e9 * bins().force, rtol=1e-9)
    np.testing.assert_allclose(other.covariance, 1e18 * bins().covariance, rtol=1e-6)
    assert other.stiffness == pytest.approx(1e9 * bins().stiffness, rel=1e-6)


def test_level_and_tilt_of_the_baseline_are_no_force():
    with jax.enable_x64(True):
        own = task()
        lifted = own._replace(y=own.y + own.there * (0.3 + 0.2 * own.time))
        theta = jnp.asarray(MEANS)[None]
        plain, other = (approach.answers(one, HERTZ, theta, jnp.asarray(AT)) for one in (own, lifted))
        std = np.sqrt(np.diagonal(plain.covariance, axis1=-2, axis2=-1))
        assert np.abs(np.asarray(other.mean - plain.mean) / np.maximum(std, 1e-12)).max() < 0.01
        np.testing.assert_allclose(other.covariance, plain.covariance)


def test_padding_is_no_data():
    with jax.enable_x64(True):
        own = task()
        more = approach.ScaledApproach(*(np.pad(one, 9)[(slice(9, None),) * np.ndim(one)] if np.ndim(one) else one
                                         for one in own))
        assert density(jax.tree.map(jnp.asarray, more)) == pytest.approx(density(own), rel=1e-7)
        used = np.asarray(own.there) > 0
        few = approach.ScaledApproach(*(np.asarray(one)[np.ix_(*(used,) * np.ndim(one))] if np.ndim(one) else one
                                        for one in own))
        assert density(jax.tree.map(jnp.asarray, few)) == pytest.approx(density(own), rel=1e-7)


def test_too_many_bins_are_refused():
    twice = bins()._replace(force=np.tile(bins().force, 2))
    with pytest.raises(ValueError, match=f"more than {approach.POINTS}"):
        approach.scaled(twice, STIFFNESS)
