"""The motion between samples, against a matrix exponential and exact integrals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import expm

from asperity.dynamics.lever_motion import between, free_flow, path, step_rule

A = np.array([[0.0, 1.0], [-1.0, -1 / 7.0]])


def test_the_flow_is_the_matrix_exponential():
    np.testing.assert_allclose(step_rule(7.0, 0.3).flow, expm(0.3 * A), rtol=1e-13)


def test_one_flow_of_any_rate_for_both_kinds_of_arrays():
    quality, rate = np.array([7.0, 0.6, 400.0]), np.array([1.0, 6.3, 0.2])
    exact = [expm(0.3 * np.array([[0.0, 1.0], [-(r**2), -r / q]])) for q, r in zip(quality, rate, strict=True)]
    np.testing.assert_allclose(free_flow(quality, rate, 0.3), exact, rtol=1e-12)
    with jax.enable_x64(True):
        found = free_flow(jnp.asarray(quality), jnp.asarray(rate), 0.3, jnp)
    np.testing.assert_allclose(found, free_flow(quality, rate, 0.3), rtol=1e-14)


def test_a_constant_force_pushes_as_it_does_exactly():
    exact = np.linalg.solve(A, (expm(0.3 * A) - np.eye(2)) @ np.array([0.0, 1.0]))
    np.testing.assert_allclose(step_rule(7.0, 0.3).kick.sum(axis=0), exact, rtol=1e-9)


def test_white_noise_spreads_as_it_does_exactly():
    """The stationary covariance is kept: S = e^(Ah) S e^(Ah)^T + what one step adds, with S = Q/2."""
    rule = step_rule(7.0, 0.3)
    stationary = 3.5 * np.eye(2)
    np.testing.assert_allclose(rule.flow @ stationary @ rule.flow.T + rule.spread, stationary, rtol=1e-8, atol=1e-9)


def test_cubics_are_interpolated_exactly():
    def cubic(t):
        return 1 + t - 2 * t**2 + 0.5 * t**3

    t, rule = np.arange(6.0), step_rule(7.0, 0.3)
    found = between(cubic(t), rule.share)
    np.testing.assert_allclose(found[1:-1], cubic(t[1:-2, None] + rule.share), rtol=1e-12)
    slope = 1 - 4 * t * 0.3 + 1.5 * (0.3 * t) ** 2
    both = np.stack([cubic(0.3 * t)[:-1], slope[:-1], cubic(0.3 * t)[1:], slope[1:]], axis=1)
    np.testing.assert_allclose(both @ path(rule), cubic(0.3 * (t[:-1, None] + rule.share)), rtol=1e-12)
    assert path(rule).sum(axis=1)[[0, 2]].sum() == pytest.approx(len(rule.share))
