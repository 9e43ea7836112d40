"""Adhesion from fit and reading: the one is the other through the model; what cannot be told from zero is a limit."""

import jax
import numpy as np
import pytest

from asperity.contact import DMT, JKR, Hertz, JKRCone
from asperity.learning.adhesion import adhesion_of, judged, model_pull_off
from asperity.learning.detachment import Detachment
from asperity.learning.uncertainty import ErrorBars, ParameterEstimates

RADIUS = 5e-6
JKR_FORCE = 1.5 * np.pi * RADIUS  # N per J/m^2


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def estimates(work, response=1e-6):
    """A modulus of 5 kPa and this work of adhesion, of which every N of noise in a block moves the second."""
    count = len(work)
    moved = np.zeros((count, 5, 64))
    moved[:, 1] = response
    values = np.column_stack([np.full(count, 5e3), work, np.zeros((count, 3))])
    changes = np.zeros((count, 5, 2))
    changes[:, 1] = [0.1 * 1e-4, -0.05 * 1e-4]
    empty = np.zeros((count, 1))
    return ParameterEstimates(values, moved, np.zeros((count, 5, 5)), moved[:, :1], empty, changes, empty, empty, empty)


@pytest.mark.parametrize("model", [JKR(radius=RADIUS), DMT(radius=RADIUS), JKRCone(half_angle=1.1)])
def test_the_adhesion_of_a_pull_off_is_the_one_that_pulls_with_it(model):
    values = np.array([[5e3, 1.0, 0, 0, 0]] * 3)
    work = np.array([1e-9, 1e-4, 1.0])
    force = [float(type(model)(**{name: getattr(model, name) for name in model.fixed}, modulus=5e3,
                               work_of_adhesion=one).pull_off_force()) for one in work]
    np.testing.assert_allclose(adhesion_of(model, values, np.array(force)), work, rtol=1e-6)  # a template is float32
    assert (adhesion_of(model, values, np.zeros(3)) == 0).all()


def test_the_pull_off_of_a_model_moves_with_its_adhesion_and_not_with_its_radius():
    """The force is what is fitted: a radius that is 5 % larger makes the work 5 % smaller and leaves the force."""
    pull = model_pull_off(JKR(radius=RADIUS), estimates(np.array([1e-4])), {"spring_constant": 0.1, "radius": 0.05})
    np.testing.assert_allclose(pull.force, JKR_FORCE * 1e-4)
    np.testing.assert_allclose(pull.response, JKR_FORCE * 1e-6)
    np.testing.assert_allclose(pull.calibration[0], [0.1 * pull.force[0], 0.0], atol=1e-20)
    assert np.isnan(model_pull_off(Hertz(radius=RADIUS), estimates(np.ones(2)), {}).force).all()


def decided(work, work_std, read, noise=1e-12, retracting=True, model=None):
    """What is made of one fit with a standard uncertainty of its work, and of one reading (force, std, low, high)."""
    model = JKR(radius=RADIUS) if model is None else model
    found = estimates(np.array([work]))
    pull = model_pull_off(model, found, {"spring_constant": 0.1, "radius": 0.05})
    std = np.array([[1.0, work_std, 1.0, 1.0, 1.0, work_std * float(pull.force[0]) / work]])
    bars = ErrorBars(np.zeros((1, 6, 6)), std, np.full((1, 6), 1e5))
    force, of_read, low, high = (np.array([one]) for one in read)
    seen = Detachment(force, of_read, np.full(1, 1e5), low, high, np.zeros(1, np.int8))
    own = np.array([noise]), 1.96 * std[:, -1]
    return judged(model, found, bars, pull, seen, noise=own, retracting=retracting)


def test_where_fit_and_reading_agree_the_surer_is_taken():
    force = JKR_FORCE * 1e-4
    fit = decided(1e-4, 1e-6, (1.02 * force, 0.03 * force, 0.96 * force, 1.08 * force))
    assert fit.followed[0]
    np.testing.assert_allclose([fit.force[0], fit.std[0]], [force, 0.01 * force])
    assert np.isnan(fit.work[0][0])
    read = decided(1e-4, 1e-5, (1.02 * force, 0.03 * force, 0.96 * force, 1.08 * force))
    assert not read.followed[0]
    np.testing.assert_allclose(read.force[0], 1.02 * force)


def test_a_fit_that_pulls_with_another_force_than_was_read_is_contradicted():
    force = JKR_FORCE * 1e-4
    fit = decided(1e-4, 1e-6, (0.6 * force, 0.01 * force, 0.58 * force, 0.62 * force))
    assert fit.contradicted[0]
    np.testing.assert_allclose(fit.force[0], 0.6 * force)
    np.testing.assert_allclose(fit.work[0][0], 0.58e-4)
    assert fit.work[1][0] > 1e-4
    seen = (0.6 * force, 0.01 * force, 0.58 * force, 0.62 * force)
    assert not decided(1e-4, 1e-6, seen, retracting=False).contradicted[0]  # an approach and a retraction may differ


def test_a_vanishing_adhesion_with_a_vanishing_bar_is_an_upper_limit():
    """The force goes with the root of w: the linear bar of 1e-23 J/m^2 is 1e-24, where 1e-5 cannot be told from it."""
    force = JKR_FORCE * 1e-5
    fit = decided(1e-23, 1e-24, (0.2 * force, 0.5 * force, 0.0, 1.2 * force))
    np.testing.assert_allclose([fit.work[0][0], fit.work[1][0]], [0.0, 1.2e-5])
    assert (fit.force[0], fit.low[0]) == (0.2 * force, 0.0)
    alone = decided(1e-7, 1e-7, (np.nan,) * 4, retracting=False)  # of an approach, sqrt w = 1 +- 0.5 in these units
    np.testing.assert_allclose([alone.work[0][0], alone.work[1][0]], [0.0, 1e-7 * (1 + 0.98) ** 2], rtol=1e-3)


def test_where_a_jump_may_hide_in_the_noise_the_upper_end_is_that_of_both():
    force = JKR_FORCE * 1e-4
    fit = decided(1e-4, 5e-6, (0.9 * force, 0.1 * force, 0.7 * force, 1.5 * force), noise=0.2 * force)
    assert fit.followed[0]
    np.testing.assert_allclose([fit.low[0], fit.high[0]], [0.902 * force, 1.5 * force], rtol=1e-3)
    np.testing.assert_allclose([fit.work[0][0], fit.work[1][0]], [0.902e-4, 1.5e-4], rtol=1e-3)
