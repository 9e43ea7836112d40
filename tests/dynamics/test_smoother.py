"""The elimination of the states against a dense solution, and what the spline is."""

import numpy as np
import pytest

from asperity.dynamics import smoother
from asperity.dynamics.lever_motion import step_rule
from asperity.dynamics.smoother import DEPARTURES, ForceSpline, Seen, Settings, smoothed

PLACES = np.array([-1.0, -0.8, -0.5, -0.1, 0.4])


def test_a_spline_vanishes_with_its_slope_at_its_last_knot():
    spline = ForceSpline.on(PLACES)
    for derivative in (0, 1):
        assert np.abs(spline.matrix(np.array([0.4 - 1e-12, 0.4, 2.0]), derivative)).max() < 1e-10
    assert np.abs(spline.matrix(np.array([-1.1]))).sum() > 0  # goes on where the tip comes nearer


def problem():
    random = np.random.default_rng(0)
    spline, held = ForceSpline.on(PLACES), Settings(30.0, 0.2, 1e-4, np.full(len(DEPARTURES), 0.1))
    rule = step_rule(30.0, 0.2)
    drive = random.standard_normal((40, len(rule.share)))
    one = Seen(np.cos(0.4 * np.arange(21))[:, None] + 1e-2 * random.standard_normal((21, 1)), drive, drive[::-1], 2)
    bends = smoother._bends(spline)
    return smoother._Problem([one], spline, held, np.arange(len(DEPARTURES)), bends.T @ bends)


def test_the_elimination_is_the_dense_solution():
    own = problem()
    states = np.random.default_rng(1).standard_normal((41, 2))
    unknown = 0.1 * np.random.default_rng(2).standard_normal(own.spline.size + len(DEPARTURES))
    weights = smoother._Weights(0.02, 1e-3, 1.0)
    _, _, _, curvature, slope = smoother._eliminated(own, own.records[0], states, unknown, weights)

    def residuals(vector):
        now = smoother._Now([vector[:82].reshape(41, 2)], vector[82:])
        departures = smoother._departures(own, now.unknown)
        rest = smoother._rest(own, own.records[0], now.states[0], now.unknown[: own.spline.size], departures)
        missed = smoother._missed(own.records[0], now.states[0], departures) / weights.noise
        return np.concatenate([(rest @ smoother._whitener(own, weights).T).ravel(), missed.ravel()])

    at = np.concatenate([states.ravel(), unknown])
    step = 1e-6
    jacobian = np.stack([(residuals(at + step * unit) - residuals(at - step * unit)) / (2 * step)
                         for unit in np.eye(len(at))], axis=1)
    whole, pull = jacobian.T @ jacobian, jacobian.T @ residuals(at)
    inside, across = whole[:82, :82], whole[:82, 82:]
    np.testing.assert_allclose(curvature, whole[82:, 82:] - across.T @ np.linalg.solve(inside, across), rtol=2e-4,
                               atol=1e-5 * np.abs(curvature).max())
    np.testing.assert_allclose(slope, pull[82:] - across.T @ np.linalg.solve(inside, pull[:82]), rtol=2e-4,
                               atol=1e-5 * np.abs(slope).max())


def test_a_straight_law_has_no_bend():
    bends = smoother._bends(ForceSpline.on(PLACES))
    centers = np.array([np.concatenate([np.repeat(-1.0, 3), PLACES, np.repeat(0.4, 3)])[i + 1 : i + 4].mean()
                        for i in range(len(PLACES))])
    assert np.abs((bends @ (3 + 2 * centers))[:-2]).max() < 1e-12


def test_noise_of_free_motion_is_told():
    """No force: the deflection of a free lever with white noise of 0.01 gives that back, and a law of zero."""
    at = 0.2 * np.arange(401)
    random = np.random.default_rng(3)
    free = np.cos(at * np.sqrt(1 - 1 / 3600)) * np.exp(-at / 60) + 0.01 * random.standard_normal(401)
    nothing = np.zeros((400, len(step_rule(30.0, 0.2).share)))
    found = smoothed([Seen(free[:, None], nothing, nothing, 1)], ForceSpline.on(PLACES),
                     Settings(30.0, 0.2, 1e-9, np.zeros(len(DEPARTURES))))
    assert found.noise == pytest.approx(0.01, rel=0.1)
    force = found.coefficients
    assert np.abs(force).max() < 0.1
