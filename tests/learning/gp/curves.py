"""Curves that the tests of the solvers share: the default composition on a force law of its own, with white noise."""

import jax.numpy as jnp
import numpy as np

from asperity.learning.gp.force_prior import FORCE_PRIORS
from asperity.learning.gp.observed import Observed

#: logarithms of the hyperparameters of the default composition, and of the noise
THETA = np.log([3.0, 0.4, 0.7, 0.17, 2.0, 1.0, 0.02])


def force_curve(number, seed=0, farthest=8.0):
    """Separations in ascending order, and forces."""
    rng = np.random.default_rng(seed)
    z = np.sort(rng.uniform(0.3, farthest, number))
    return jnp.asarray(z), jnp.asarray(3 * np.exp(-z / 0.4) - 0.17 / z**2 + rng.normal(0, 0.02, number))


def observed(theta, z, y):
    """With the noise that ``theta`` ends with."""
    return Observed(z, y, jnp.full(len(z), jnp.exp(2 * theta[-1])), jnp.ones(len(z), bool))


def kernel(theta, name="decaying"):
    """Of the composition of this name, at the nearest separation 0.3."""
    return FORCE_PRIORS[name].kernel(theta[: len(FORCE_PRIORS[name].parameters)], jnp.asarray(0.3))


def padded(data, by=5):
    """With so many points more that were not observed, whose values are rubbish."""
    z = jnp.concatenate([data.z, jnp.full(by, data.z[-1])])
    time = None if data.time is None else jnp.concatenate([data.time, jnp.full(by, data.time[-1])])
    return Observed(z, jnp.concatenate([data.y, jnp.full(by, jnp.nan)]),
                    jnp.concatenate([data.variance, jnp.zeros(by)]),
                    jnp.concatenate([data.there, jnp.zeros(by, bool)]), time, data.noise)
