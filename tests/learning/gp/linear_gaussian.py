"""A posterior that is known: straight-line data of two unknowns with normal priors."""

import jax.numpy as jnp
import numpy as np
from scipy.stats import multivariate_normal

from asperity.learning.gp.hyperparameters import GaussianPrior

PRIOR = GaussianPrior(jnp.array([0.5, -1.0]), jnp.array([1.0, 0.5]))
NOISE = 0.4
_X = np.linspace(-0.5, 1.5, 9)
DESIGN = np.stack([np.ones(9), _X], axis=1)
Y = DESIGN @ [1.3, -0.6] + NOISE * np.random.default_rng(3).normal(size=9)


def likelihood(theta):
    """Of `Y`, normalized."""
    return -0.5 * (((jnp.asarray(Y) - DESIGN @ theta) / NOISE) ** 2 + jnp.log(2 * jnp.pi * NOISE**2)).sum()


def posterior():
    """Mean, covariance, and the logarithm of the evidence, in closed form."""
    mean, own = np.asarray(PRIOR.mean), np.diag(np.asarray(PRIOR.std) ** 2)
    total = DESIGN @ own @ DESIGN.T + NOISE**2 * np.eye(9)
    gain = own @ DESIGN.T @ np.linalg.inv(total)
    evidence = multivariate_normal.logpdf(Y, DESIGN @ mean, total)
    return mean + gain @ (Y - DESIGN @ mean), own - gain @ DESIGN @ own, evidence
