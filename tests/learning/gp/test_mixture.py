"""Mixtures of normal distributions, against SciPy and the law of total covariance."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import norm

from asperity.learning.gp import mixture


@pytest.mark.parametrize("probability", [1e-4, 0.025, 0.5, 0.975, 0.9999])
def test_the_quantiles_of_one_normal_are_its_own(probability):
    mean, std = np.array([[-3.0, 1e-9, 5e3]]), np.array([[1.0, 1e-12, 40.0]])
    exact = norm.ppf(probability, mean[0], std[0])
    np.testing.assert_allclose(mixture.quantile(mean, std, probability), exact, rtol=1e-9, atol=1e-20)


@pytest.mark.parametrize("probability", [0.025, 0.3, 0.5, 0.975])
@pytest.mark.parametrize(("mean", "std"), [((0.0, 5.0), (1.0, 0.1)), ((1.0, 1.2), (2.0, 0.5)), ((-40.0, 40.0), (1, 1))])
def test_the_quantiles_of_two_are_the_roots_of_their_distribution(mean, std, probability):
    exact = brentq(lambda x: norm.cdf(x, mean, std).mean() - probability, -60, 60, xtol=1e-12)
    found = mixture.quantile(np.array(mean, float), np.array(std, float), probability)
    assert norm.cdf(found, mean, std).mean() == pytest.approx(probability, abs=1e-9)
    if abs(probability - 0.5) > 0 or np.ptp(mean) < 10:  # between two that are far apart any number is the median
        assert found == pytest.approx(exact, abs=1e-6)


def test_distributions_without_width_are_steps():
    mean, std = np.array([0.0, 1.0, 2.0]), np.zeros(3)
    assert mixture.quantile(mean, std, 0.5) == pytest.approx(1.0, abs=1e-9)


def test_the_covariance_is_the_mean_within_and_that_of_the_means():
    rng = np.random.default_rng(0)
    mean, root = rng.normal(size=(7, 4, 3)), rng.normal(size=(7, 4, 3, 3))
    within = root @ np.swapaxes(root, -1, -2)
    second = (within + mean[..., :, None] * mean[..., None, :]).mean(axis=0)  # E[x x']
    middle = mean.mean(axis=0)
    exact = second - middle[..., :, None] * middle[..., None, :]
    np.testing.assert_allclose(mixture.covariance(mean, within), exact, rtol=1e-12, atol=1e-13)
