"""Stated uncertainties against the scatter of repeated fits, and against refits with other constants."""

import jax
import numpy as np
import pytest

from asperity.contact import JKR, Hertz
from asperity.learning import noise as noise_model
from asperity.learning.attachment import find_jump
from asperity.learning.batches import scale
from asperity.learning.least_squares import least_squares
from asperity.learning.uncertainty import _block_average, block_covariance, estimate
from tests.learning.test_least_squares import curves
from tests.learning.test_noise import autoregressive

pytestmark = pytest.mark.usefixtures("x64")

HERTZ = Hertz(radius=5e-6, modulus=2e3)
NONE = {"spring_constant": 0.0, "sensitivity": 0.0, "radius": 0.0}


def solve(model, position, force, start=None, spring_constant=np.inf, baselines=None, relative=NONE):
    """Fit and estimate; the noise is learnt from ``baselines`` (N), by default white of unit strength."""
    counted = np.ones(force.shape, bool)
    attached, counted = find_jump(force, counted) if "work_of_adhesion" in model.fitted else (None, counted)
    scaled = scale(position, force, counted, attached, retracting=True)
    fit = least_squares(model, scaled, start=start)
    learnt = noise_model.learn(baselines if baselines is not None else [np.random.default_rng(0).normal(size=64)])
    strengths = np.tile(learnt.shared, (len(force), 1))
    k = np.full(len(force), spring_constant)
    covariance = block_covariance(learnt, strengths, force.shape[1])
    return estimate(model, scaled, fit, k, covariance, relative), fit, scaled


@pytest.mark.parametrize("memory", [0.0, 0.9])
def test_stated_noise_is_the_scatter_of_repeated_fits(memory):
    """400 fits hold their own standard deviation to 3.5 %; the learnt noise adds a few per cent."""
    rng = np.random.default_rng(1)
    position, force, _ = curves(HERTZ, count=1)
    errors = 0.01 * np.ptp(force) * autoregressive(400, force.shape[1], memory, rng)
    found, _, _ = solve(HERTZ, np.tile(position, (400, 1)), force + errors, baselines=list(errors))
    stated = np.sqrt(found.covariance[:, [0, 1], [0, 1]].mean(axis=0))
    np.testing.assert_allclose(stated, found.values[:, :2].std(axis=0), rtol=0.15)


def test_noise_in_the_deflection_moves_the_abscissa_too():
    """On a soft lever the residual of a noise n is (1 + F'/k) n: fits of such data scatter as stated."""
    rng = np.random.default_rng(2)
    position, force, _ = curves(HERTZ, count=1)
    k = 2e-3  # N/m, comparable to the slope of the contact
    errors = 2e-3 * np.ptp(force) * rng.standard_normal((400, force.shape[1]))
    found, _, _ = solve(HERTZ, position + errors / k, force + errors, spring_constant=k, baselines=list(errors))
    stated = np.sqrt(found.covariance[:, 0, 0].mean())
    ignored, _, _ = solve(HERTZ, position + errors / k, force + errors, baselines=list(errors))
    assert stated == pytest.approx(found.values[:, 0].std(), rel=0.15)
    assert np.sqrt(ignored.covariance[:, 0, 0].mean()) < 0.8 * stated


def test_calibration_equals_a_refit_with_other_constants():
    """The change per unit of each source, against central differences of the fit itself."""
    model = HERTZ
    position, force, _ = curves(model, count=2)
    k, step = 0.05, 1e-3
    relative = {"spring_constant": 1.0, "sensitivity": 1.0, "radius": 1.0}
    found, _, _ = solve(model, position, force, spring_constant=k, relative=relative)
    baseline = 0.1 * np.ptp(force) * 0
    clean = curves(model, count=2)[1] - found.baseline + baseline

    def modulus(radius=5e-6, stiffness=1.0, sensitivity=1.0):
        height = position - clean / k
        changed = solve(Hertz(radius=radius), height + clean / k * sensitivity, clean * stiffness * sensitivity)
        return changed[0].values[:, 0]

    for i, name in enumerate(("stiffness", "sensitivity", "radius")):
        size = 5e-6 if name == "radius" else 1.0
        slope = (modulus(**{name: size * (1 + step)}) - modulus(**{name: size * (1 - step)})) / (2 * step)
        np.testing.assert_allclose(found.calibration[:, 0, i], slope, rtol=2e-3)
    np.testing.assert_allclose(found.calibration[:, 0, 0], found.values[:, 0], rtol=1e-6)  # E ~ k exactly
    np.testing.assert_allclose(found.calibration[:, 0, 2], -0.5 * found.values[:, 0], rtol=1e-6)  # E ~ R^-1/2


def test_adhesion_follows_the_spring_constant():
    model = JKR(radius=5e-6, modulus=2e4, work_of_adhesion=1e-4)
    position, force, _ = curves(model, count=2)
    found, _, _ = solve(model, position, force, spring_constant=0.05,
                        relative={"spring_constant": 0.1, "sensitivity": 0.0, "radius": 0.2})
    np.testing.assert_allclose(found.calibration[:, :2, 0], 0.1 * found.values[:, :2], rtol=1e-5)
    np.testing.assert_allclose(found.calibration[:, 1, 2], -0.2 * found.values[:, 1], rtol=1e-5)  # w ~ F_po / R


def test_blocks_of_samples_stand_for_the_whole_covariance():
    """The quadratic form over 64 blocks against the full matrix, for a smooth column."""
    length, width = 512, 8
    lags = 0.97 ** np.arange(length)[None] + (np.arange(length) == 0)
    full = lags[0][np.abs(np.arange(length)[:, None] - np.arange(length))]
    column = np.maximum(np.linspace(-1, 1, length), 0) ** 1.5
    sums = column.reshape(64, width).sum(axis=1)
    blocks = _block_average(lags, width)[0][np.abs(np.arange(64)[:, None] - np.arange(64))]
    assert sums @ blocks @ sums == pytest.approx(column @ full @ column, rel=5e-3)


def test_estimates_do_not_depend_on_the_batch():
    position, force, _ = curves(HERTZ, count=40, noise=0.01)
    every, _, _ = solve(HERTZ, position, force)
    one, _, _ = solve(HERTZ, position[7:8], force[7:8])
    np.testing.assert_allclose(one.covariance[0], every.covariance[7], rtol=1e-6)
    assert jax.tree.all(jax.tree.map(lambda a: np.isfinite(a).all(), every))
