"""Stated uncertainties against the scatter of repeated fits, and against refits with other constants."""

import jax
import numpy as np
import pytest
from scipy.linalg import toeplitz
from scipy.stats import t as student

from asperity.contact import JKR, Hertz
from asperity.learning import batches
from asperity.learning import noise as noise_model
from asperity.learning.attachment import find_jump
from asperity.learning.batches import scale
from asperity.learning.least_squares import least_squares
from asperity.learning.response import BLOCKS, groups_of
from asperity.learning.uncertainty import _block_spectra, _squared, error_bars, estimate, of_windows
from tests.learning.test_least_squares import curves
from tests.learning.test_noise import autoregressive

pytestmark = pytest.mark.usefixtures("x64")

HERTZ = Hertz(radius=5e-6, modulus=2e3)
NONE = {"spring_constant": 0.0, "sensitivity": 0.0, "radius": 0.0}


def solve(model, position, force, start=None, spring_constant=np.inf, baselines=None, relative=NONE):
    """Fit and estimate: the estimates, the error bars, the curves; the noise is learnt from ``baselines`` (N)."""
    counted = np.ones(force.shape, bool)
    attached, counted = find_jump(force, counted) if "work_of_adhesion" in model.fitted else (None, counted)
    scaled = scale(position, force, counted, attached, retracting=True)
    fit = least_squares(model, scaled, start=start)
    k, samples = np.full(len(force), spring_constant), force.shape[1]
    found = estimate(model, scaled, fit, k, relative)
    baselines = [np.random.default_rng(0).normal(size=64)] if baselines is None else baselines
    size = noise_model.baseline_length(baselines)
    noise = noise_model.learn(noise_model.of_baselines(baselines, size, samples), samples, size)
    seen = noise_model.spectra(noise, noise_model.of_baselines([np.zeros(0)] * len(force), size, samples))
    return found, error_bars(found.response, seen, samples, samples, found.within), scaled


@pytest.mark.parametrize("model", [
    HERTZ, pytest.param(JKR(radius=5e-6, modulus=2e3, work_of_adhesion=1e-4), marks=pytest.mark.study)])
def test_what_a_few_curves_are_padded_to_changes_nothing(model, monkeypatch):
    """Three lengths, compiled for one: sums are taken in another order, and differ in their last digits."""
    rng = np.random.default_rng(6)
    for samples in (384, 512, 768):
        position, force, _ = curves(model, count=3)
        places = np.linspace(0, 1, samples)
        force, position = (np.stack([np.interp(places, np.linspace(0, 1, row.size), row) for row in rows])
                           for rows in (force, position))
        force = force + 1e-3 * np.ptp(force) * rng.standard_normal(force.shape)
        found = []
        for lengths in ((1024,), (samples,)):
            monkeypatch.setattr(batches, "_LENGTHS", lengths)
            estimates, bars, scaled = solve(model, position, force, spring_constant=0.05)
            found.append((*estimates, *bars, *scaled))
        for padded, plain in zip(*found, strict=True):
            assert padded.shape == plain.shape
            size = np.abs(plain).max(initial=0.0)
            np.testing.assert_allclose(padded, plain, rtol=1e-9, atol=1e-10 * size)


def test_blocks_of_a_padded_curve_are_its_own():
    """Of each length that a curve of few is padded before to 1024 samples, the same samples are in each block."""
    for samples in (384, 500, 512, 768, 1024):
        values = np.random.default_rng(samples).normal(size=samples)
        groups = groups_of(samples, 1024)
        width = -(-samples // BLOCKS)
        padded = np.concatenate([np.zeros(1024 - samples), values])
        found = padded.reshape(len(groups), -1).sum(axis=1) @ groups
        want = np.concatenate([values, np.zeros(width * BLOCKS - samples)]).reshape(BLOCKS, width).sum(axis=1)
        np.testing.assert_allclose(found, want, rtol=1e-12, atol=1e-12)
    assert groups_of(300, 1024) is None


@pytest.mark.study
@pytest.mark.parametrize("memory", [0.0, 0.9])
def test_stated_noise_is_the_scatter_of_repeated_fits(memory):
    """400 fits hold their own standard deviation to 3.5 %; the learnt noise adds a few per cent."""
    rng = np.random.default_rng(1)
    position, force, _ = curves(HERTZ, count=1)
    errors = 0.01 * np.ptp(force) * autoregressive(400, force.shape[1], memory, rng)
    found, bars, _ = solve(HERTZ, np.tile(position, (400, 1)), force + errors, baselines=list(errors))
    stated = np.sqrt((bars.std[:, :2] ** 2).mean(axis=0))
    np.testing.assert_allclose(stated, found.values[:, :2].std(axis=0), rtol=0.15)


def test_noise_in_the_deflection_moves_the_abscissa_too():
    """On a soft lever the residual of a noise n is (1 + F'/k) n: fits of such data scatter as stated."""
    rng = np.random.default_rng(2)
    position, force, _ = curves(HERTZ, count=1)
    k = 2e-3  # N/m, comparable to the slope of the contact
    errors = 2e-3 * np.ptp(force) * rng.standard_normal((400, force.shape[1]))
    found, bars, _ = solve(HERTZ, position + errors / k, force + errors, spring_constant=k, baselines=list(errors))
    stated = np.sqrt((bars.std[:, 0] ** 2).mean())
    _, ignored, _ = solve(HERTZ, position + errors / k, force + errors, baselines=list(errors))
    assert stated == pytest.approx(found.values[:, 0].std(), rel=0.15)
    assert np.sqrt((ignored.std[:, 0] ** 2).mean()) < 0.8 * stated


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
    """The quadratic form over 64 blocks against the full matrix, for a smooth column and each knot."""
    length, width = 512, 8
    lags = noise_model.autocovariance(length, length)
    full = lags[:, np.abs(np.arange(length)[:, None] - np.arange(length))]
    column = np.maximum(np.linspace(-1, 1, length), 0) ** 1.5
    sums = column.reshape(64, width).sum(axis=1)
    exact = np.einsum("i,kij,j->k", column, full, column)
    np.testing.assert_allclose(_block_spectra(length, width) @ _squared(sums), exact, rtol=5e-3,
                               atol=2e-4 * exact.max())


def test_contrasts_are_what_noise_leaves_of_itself():
    """Of one slow wave of noise on a soft lever: each contrast is its response to the wave, but for rounding."""
    position, force, _ = curves(HERTZ, count=1)
    k, samples = 0.05, force.shape[1]  # N/m: F'/k is up to 0.2, and the tilt of the baseline 1e-3 of k
    wave = 1e-6 * np.ptp(force) * np.sin(np.linspace(0, 9, samples))[None]
    quiet, noisy = (solve(HERTZ, position + f * wave / k, force + f * wave, spring_constant=k)[0] for f in (0.0, 1.0))
    width = -(-samples // 64)
    means = np.pad(wave[0], (0, 64 * width - samples)).reshape(64, width).sum(axis=1) / width
    np.testing.assert_allclose(noisy.seen[0] - quiet.seen[0], noisy.left[0] @ means, rtol=0,
                               atol=0.01 * np.abs(noisy.seen[0]).max())
    seen = of_windows(noisy.left, noisy.seen, samples, samples)
    assert seen.number[0].sum() >= 8  # a line and a contact take up no more than four of the twelve


def test_estimates_do_not_depend_on_the_batch():
    position, force, _ = curves(HERTZ, count=40, noise=0.01)
    found, every, _ = solve(HERTZ, position, force)
    _, one, _ = solve(HERTZ, position[7:8], force[7:8])
    np.testing.assert_allclose(one.covariance[0], every.covariance[7], rtol=1e-6)
    assert jax.tree.all(jax.tree.map(lambda a: np.isfinite(a).all(), (found, every)))


def exact(position, force, point, covariance):
    """The covariance of modulus, contact point, offset and slope at the truth, by a Jacobian of differences."""
    def model(p):
        depth = np.clip(p[1] - position, 0, None)
        return 16 / 9 * p[0] * np.sqrt(5e-6) * depth**1.5 + p[2] + p[3] * (position - point)

    truth = np.array([HERTZ.modulus, point, 0.0, 0.0])
    unit = np.array([HERTZ.modulus, 1e-9, np.ptp(force), np.ptp(force) / np.ptp(position)])
    jacobian = np.stack([(model(truth + 1e-5 * one * unit) - model(truth - 1e-5 * one * unit)) / 2e-5
                         for one in np.eye(4)], 1)
    gain = np.linalg.solve(jacobian.T @ jacobian, jacobian.T)
    return gain @ covariance @ gain.T * np.outer(unit, unit)


@pytest.mark.parametrize("memory", [0.0, 0.9])
@pytest.mark.parametrize("share", [0.02, 0.05, 0.1, 0.5])
def test_few_samples_in_contact_have_the_error_of_the_samples(share, memory):
    """The fit against the whole covariance of the samples: alike for white noise; slow noise, of which a block is taken
    to hold that of a straight line, and to hold it beside no other, by 0.87 to 1.22. Means of blocks alone: 0.24."""
    samples, depth = 512, 2e-7
    position = np.linspace(depth / share * (1 - share), -depth, samples)
    force = 16 / 9 * HERTZ.modulus * np.sqrt(5e-6) * np.clip(-position, 0, None) ** 1.5
    scaled = scale(position[None], force[None], np.ones((1, samples), bool), None)
    found = estimate(HERTZ, scaled, least_squares(HERTZ, scaled), np.full(1, np.inf), NONE)
    knots = np.exp(noise_model.knots(samples))
    density = (1 - memory**2) / np.abs(1 - memory * np.exp(-2j * np.pi * knots)) ** 2 * 1e-24
    seen = noise_model.Spectra(np.log(density)[None], np.zeros((1, len(knots), len(knots))))
    bars = error_bars(found.response, seen, samples, samples, found.within)
    noise = toeplitz(density @ noise_model.autocovariance(samples, samples))
    truth = exact(position, force, 0.0, noise)
    ratio = np.sqrt(np.diag(bars.covariance[0])[:2] / np.diag(truth)[:2])
    low, high = (0.995, 1.005) if memory == 0 else (0.85, 1.25)
    assert ((low < ratio) & (ratio < high)).all(), ratio


@pytest.mark.study
@pytest.mark.parametrize("memory", [0.0, 0.9, 0.99])
def test_the_error_of_a_single_curve_is_within_its_bar(memory):
    """Each of 150 curves is its own session, of which nothing else is known: 68 and 95 % within 3 sigma of the count,
    or above: what one curve says of its slow noise is little, and the prior allows for more than is there."""
    rng = np.random.default_rng(9)
    position, force, point = curves(HERTZ, count=1)
    samples = force.shape[1]
    noisy = force + 0.01 * np.ptp(force) * autoregressive(150, samples, memory, rng)
    counted = np.ones(noisy.shape, bool)
    scaled = scale(np.tile(position, (150, 1)), noisy, counted, None, retracting=True)
    found = estimate(HERTZ, scaled, least_squares(HERTZ, scaled), np.full(150, np.inf), NONE)
    residual = noisy - found.baseline - found.model_force
    before = int((np.abs(found.model_force) < 1e-12 * np.ptp(force)).all(axis=0).sum() * 0.95)
    error, stated, freedom = [], [], []
    for i in range(150):
        alone = type(found)(*(part[i : i + 1] for part in found))
        shown = noise_model.of_baselines([residual[i, :before]], before, samples)
        seen = noise_model.together(of_windows(alone.left, alone.seen, samples, samples),
                                    noise_model.beyond_windows(shown, before, samples))
        noise = noise_model.learn(seen, samples, before)
        bars = error_bars(alone.response, noise_model.spectra(noise, seen), samples, samples, alone.within)
        error.append(alone.values[0, :2] - [HERTZ.modulus, point[0]])
        stated.append(bars.std[0, :2])
        freedom.append(bars.freedom[0, :2])
    error, stated, freedom = np.array(error), np.array(stated), np.array(freedom)
    wide = stated * student.ppf(0.975, freedom) / student.ppf(0.5 + 0.6827 / 2, freedom)
    within = (np.abs(error) < stated).mean(axis=0), (np.abs(error) < wide).mean(axis=0)
    assert (within[0] > 0.6827 - 3 * np.sqrt(0.6827 * 0.3173 / 150)).all(), within
    assert (within[1] > 0.95 - 3 * np.sqrt(0.95 * 0.05 / 150)).all(), within
    assert (freedom > 1).all()
    assert (freedom < 60).all()  # one curve
