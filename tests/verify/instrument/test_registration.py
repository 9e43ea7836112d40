"""Registration of two frames over many draws: its error against the Cramer-Rao bound, its coverage, its bias.

``python -m tests.instrument.test_registration`` prints the reference's table, 512 x 512.
"""

import numpy as np
import pytest

from asperity.instrument.registration import register
from tests.instrument.test_registration import cramer_rao, errors, pair, price_of_not_knowing
from tests.verify.verdict import Figure, judge


@pytest.mark.parametrize(("noise", "median"), [(0.02, 0.01), (0.10, 0.05)])
def test_error_is_near_the_bound(noise, median):
    """12 frames of 256 x 256 with line offsets free."""
    seeds = range(12)
    error, _ = errors(256, noise, seeds)
    bound = np.array([cramer_rao(256, noise, seed) for seed in seeds]) * price_of_not_knowing(256, noise)
    judge(f"Errors of registration, noise {noise:g}", [
        Figure("rms over the bound", np.sqrt(np.mean(error**2 / bound)), 0.0, 1.5),
        Figure("median, pixels", np.median(np.hypot(*error.T)), 0.0, median)])


def within(standardized, deviations, expected):
    """The share within +-deviations, and its limits at three of its standard errors."""
    error = 3 * np.sqrt(expected * (1 - expected) / standardized.size)
    share = np.mean(np.abs(standardized) < deviations)
    return Figure(f"{100 * expected:.0f} %", share, expected - error, expected + error)


@pytest.mark.parametrize(("noise", "smooth"), [(0.03, 0), (0.1, 0), (0.05, 4)])
def test_covariance_covers(noise, smooth):
    """68 and 95 % intervals, in white noise and in noise correlated over five samples of a line."""
    _, standardized = errors(96, noise, range(80), smooth=smooth)
    limit = 3 / np.sqrt(standardized.size)
    judge(f"Coverage of shifts, noise {noise:g} over {smooth + 1} samples", [
        within(standardized, 1.0, 0.6827), within(standardized, 1.96, 0.95),
        Figure("mean pull", standardized.mean(), -limit, limit)])


def test_fractions_of_a_pixel_do_not_attract():
    """Every frame a quarter of a pixel off, where least squares would be drawn to the half: no bias."""
    offsets = []
    for seed in range(40):
        result = register(*pair(96, 0.1, seed, (0.5, 0.5)))
        offsets.append((result.shift - 0.5) / np.sqrt(np.diag(result.covariance)))
    judge("Bias of shifts of half a pixel", [
        Figure("largest mean pull", np.abs(np.mean(offsets, axis=0)).max(), 0.0, 3 / np.sqrt(40))])
