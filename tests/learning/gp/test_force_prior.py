"""Every composition builds, names its parts, and falls off as it says."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from asperity.learning.gp.force_prior import FORCE_PRIORS

each = pytest.mark.parametrize("name", FORCE_PRIORS)
NEAREST = 0.3


@pytest.fixture(autouse=True)
def _double(x64):
    """Double precision."""


def built(name):
    """At the mean of its prior."""
    composition = FORCE_PRIORS[name]
    return composition.kernel(composition.prior.mean, jnp.asarray(NEAREST))


def variance(kernel, at):
    return float(kernel.covariance(jnp.asarray(at), jnp.asarray(at)))


@each
def test_each_part_has_a_name(name):
    composition = FORCE_PRIORS[name]
    assert composition.name == name
    assert len(composition.parts) == len(set(composition.parts)) == len(built(name).parts)
    assert composition.prior.mean.shape == composition.prior.std.shape == (len(composition.parameters),)
    assert (np.asarray(composition.prior.std) > 0).all()


@each
def test_every_hyperparameter_does_something(name):
    composition, at = FORCE_PRIORS[name], jnp.asarray([0.4, 1.3])
    slope = jax.grad(lambda theta: composition.kernel(theta, jnp.asarray(NEAREST)).covariance(*at))
    assert (np.abs(np.asarray(slope(composition.prior.mean))) > 1e-6).all()


@each
def test_the_short_range_part_has_its_size_at_the_nearest_point(name):
    std = float(jnp.exp(FORCE_PRIORS[name].prior.mean[0]))
    assert variance(built(name).parts[0], NEAREST) == pytest.approx(std**2, rel=1e-12)


def test_the_first_falls_to_nothing_as_a_power():
    """Of its variance, s^2 z^-2q is left; the others keep theirs."""
    composition = next(iter(FORCE_PRIORS.values()))
    assert composition.name == "decaying"
    kernel = built("decaying")
    long = dict(zip(composition.parameters, np.exp(composition.prior.mean)))
    for at in (50.0, 500.0):
        exact = long["long_std"] ** 2 * at ** (-2 * long["exponent"])
        assert variance(kernel, at) == pytest.approx(exact, rel=1e-9)
    assert variance(kernel, 500.0) < 1e-8 * variance(kernel, NEAREST)
    for name in set(FORCE_PRIORS) - {"decaying"}:
        assert variance(built(name), 500.0) == pytest.approx(variance(built(name), 5e4), rel=1e-9)


def test_only_the_first_has_a_finite_state():
    assert built("decaying").states == 6
    assert not any(built(name).states for name in FORCE_PRIORS if name != "decaying")
