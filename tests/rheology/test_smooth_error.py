"""Smooth errors: their covariance, what the data tell of their share, and fits that they do not pull down."""

import numpy as np
import pytest

from asperity.messages import ArgumentError
from asperity.rheology import spectrum_estimate as estimate
from asperity.rheology.smooth_error import decorrelated, learnt_error
from asperity.rheology.spectrum_posterior import band, fitted, sampled

OMEGA = np.geomspace(0.1, 1000, 33)
DECADES = np.log10(OMEGA)
SOLID = 1000 + 3000j * OMEGA * 0.1 / (1 + 0.1j * OMEGA)


def measured(share, seed, noise=0.04):
    """A solid with 4 % error, of which a share is a straight line in gain and phase."""
    rng = np.random.default_rng([5, seed])
    along = np.stack([np.ones_like(DECADES), np.sqrt(3) * (DECADES - DECADES.mean()) / 2])
    drift = np.sqrt(share / 2) * noise * (rng.normal(size=(2, 2)) @ along)
    white = rng.normal(size=33) + 1j * rng.normal(size=33)
    values = SOLID * (1 + drift[0] + 1j * drift[1]) + np.sqrt(1 - share) * noise * np.abs(SOLID) * white
    return estimate.frequency_data(OMEGA, values, estimate.noise_of(values, relative=noise))


def test_the_covariance_is_that_of_gain_and_phase():
    """C^(-1/2) of the docstring's covariance, for errors that are a part of the material's modulus.

    The size of the noise, relative to it, is the running median over nine points.
    """
    data = measured(0.5, 0)
    error = learnt_error(data, 0.6)
    problem = estimate.whitened(*data)
    k = error.likeliest
    length = (0.5, 1.0, 2.0, 4.0)[error.length[k]]
    root = np.column_stack([decorrelated(problem._replace(target=unit), error, k).target for unit in np.eye(66)])
    found = np.linalg.inv(root @ root)
    kernel = np.exp(-0.5 * ((DECADES[:, None] - DECADES) / length) ** 2)
    material = data.design.matrix @ (estimate.smoothed(problem, estimate.by_discrepancy(problem))[0] * problem.scale)
    ratio = np.split(data.noise, 2)[0] / np.hypot(*np.split(material, 2))
    beside = np.lib.stride_tricks.sliding_window_view(np.pad(ratio, 4, "edge"), 9)
    relative = np.median(beside, axis=1) / np.split(data.noise, 2)[0]
    storage, loss = (part * relative for part in np.split(material, 2))
    gain, turn = np.concatenate([storage, loss]), np.concatenate([-loss, storage])
    smooth = np.tile(kernel, (2, 2)) * (np.outer(gain, gain) + np.outer(turn, turn))
    np.testing.assert_allclose(found, 0.4 * np.eye(66) + 0.6 * smooth, atol=2e-4)


def test_what_the_scatter_leaves_is_smooth():
    """Learnt shares of 0, a half and 0.9, means of six tables each."""
    found = {share: np.mean([learnt_error(measured(share, seed)).mean for seed in range(6)])
             for share in (0.0, 0.5, 0.9)}
    assert found[0.0] < 0.2
    assert 0.3 < found[0.5] < 0.7
    assert found[0.9] > 0.8


def test_a_stated_share_is_taken_and_a_wrong_one_refused():
    data = measured(0.5, 0)
    assert learnt_error(data, 0.0).mean == 0
    stated = learnt_error(data, 0.7)
    assert stated.mean == pytest.approx(0.7)
    assert stated.quantile(0.05) == stated.quantile(0.95) == 0.7
    for wrong in (-0.1, 1.0, np.nan):
        with pytest.raises(ArgumentError, match="smooth_share"):
            learnt_error(data, wrong)


def test_common_errors_do_not_pull_a_fit_down():
    """Where a gain is common to values that scatter, errors in parts of the *measured* values make every fit too small
    (by 7 % here): they are in parts of the material. The mean over eight tables is right to a few per cent."""
    off = []
    for seed in range(8):
        data = measured(0.8, seed)
        material = fitted(data, learnt_error(data, 0.8)).material
        off.append(np.mean(np.asarray(material.complex_modulus(OMEGA)) / SOLID).real - 1)
    assert abs(np.mean(off)) < 0.03


def test_bands_are_as_wide_as_the_drift():
    data = measured(0.8, 1)
    widths = []
    for share in (0.0, 0.8):
        found = sampled(data, learnt_error(data, share), draws=60)
        low, high = band(*(np.asarray(material.equilibrium_modulus) for material in found), 0.9)
        widths.append(high - low)
    assert widths[1] > 1.5 * widths[0]


def test_a_band_reaches_over_the_draws_and_their_mirror_images():
    """Without walls both are the same; a positive bias of the draws beside their center is taken off, down to 0."""
    rng = np.random.default_rng(0)
    center = np.full((4000, 1), 10.0)
    low, high = band(center + rng.normal(size=(4000, 1)), center, 0.9)
    np.testing.assert_allclose([low[0], high[0]], [10 - 1.645, 10 + 1.645], atol=0.1)
    small = np.full((4000, 1), 0.2)
    low, high = band(small + 0.3 + 0.1 * rng.normal(size=(4000, 1)), small, 0.9)
    assert low[0] == 0
    assert high[0] == pytest.approx(0.5 + 0.1645, abs=0.02)
    low, high = band(10 * np.exp(rng.normal(size=(4000, 1))), center, 0.9, ratio=True)
    np.testing.assert_allclose(np.log([low[0], high[0]]), np.log(10) + np.array([-1.645, 1.645]), atol=0.1)
