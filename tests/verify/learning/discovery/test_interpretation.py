"""Shares of Ishigami's function, by itself and of a Gaussian process of 150 values: do the bands hold the truth?"""

import numpy as np
import pytest
from scipy import stats

from asperity.learning.discovery.scaling_law import scaling_law
from asperity.learning.discovery.sensitivity import process_draws, sobol_shares
from asperity.learning.discovery.smooth_process import smooth_process
from tests.verify.verdict import Figure, judge

EXACT = np.array([[0.31391, 0.44241, 0], [0.55759, 0.44241, 0.24368]])
UNITS = {"modulus": "Pa", "radius": "m", "indentation": "m"}


def ishigami(x):
    return np.sin(x[0]) + 7 * np.sin(x[1]) ** 2 + 0.1 * x[2] ** 4 * np.sin(x[0])


def held(function, low, high, count, seed):
    found = sobol_shares(function, [stats.uniform(low, high - low)] * 3, count=count, seed=seed)
    return int((np.abs(np.stack([found.first, found.total]) - EXACT) <= found.reach).sum())


def of_process(seed):
    places = 2 * stats.qmc.Sobol(3, rng=np.random.default_rng(seed)).random(150) - 1
    process = smooth_process(places, ishigami(np.pi * places.T))
    return held(lambda x: process_draws(process, x.T, 8, seed), -1, 1, 256, seed)


@pytest.mark.study
@pytest.mark.filterwarnings("ignore:The balance properties")
def test_bands_of_shares():
    judge("Six shares of Ishigami's function in their bands of 95 %, three seeds", [
        Figure("of the function, 1024 points, of 18",
               sum(held(ishigami, -np.pi, np.pi, 1024, s) for s in range(3)), 17),
        Figure("of a process of 150 values, of 18", sum(of_process(s) for s in range(3)), 17)])


@pytest.mark.study
def test_noise_is_seldom_taken_for_a_law_of_its_own():
    """Hertz with 2 % noise: called a single power law, and its fractions found."""
    single = fractions = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        points = {name: 10 ** rng.uniform(-1, 1, 100) for name in UNITS}
        force = points["modulus"] * points["radius"] ** 0.5 * points["indentation"] ** 1.5
        law = scaling_law(points, UNITS, force * np.exp(0.02 * rng.standard_normal(100)), "N")
        single += law.single
        fractions += [power.written for power in law.powers] == ["1", "1/2", "3/2"]
    judge("Hertz with 2 % noise, 100 points, 60 draws", [Figure("called a single power law", single / 60, 0.9),
                                                        Figure("1, 1/2, 3/2 found", fractions / 60, 0.85)])
