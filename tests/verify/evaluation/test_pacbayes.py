"""PAC-Bayes bounds hold over repeated draws, also for the luckiest of many predictors."""

import math

import numpy as np
import pytest
from scipy.stats import binom

from asperity.evaluation import pacbayes as pb
from tests.evaluation.test_pacbayes import BOUNDS, certificate
from tests.verify.verdict import Figure, judge

BROKEN = binom.ppf(0.999, 1000, 0.05)  # of 1000 draws at 5 % risk


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds_hold_for_the_best_of_ten_thousand(name):
    """1000 repeated draws: Q is the luckiest of 10 000 predictors, all of risk 1/2; KL = ln 10 000."""
    count, units = 10_000, 100
    risk = np.random.default_rng(0).binomial(units, 0.5, (1000, count)).min(axis=1) / units
    figures = [Figure("broken of 1000", np.sum(BOUNDS[name](risk, math.log(count), units) < 0.5), 0, BROKEN)]
    if name != "thiemann":  # which is loose at a risk of 1/2
        # the divergence is what makes it true
        figures.append(Figure("broken without the divergence", np.sum(BOUNDS[name](risk, 0.0, units) < 0.5), 801))
    judge(f"The bound {name} for the best of 10 000", figures)


def test_bounds_hold_on_1000_repeated_draws():
    rng = np.random.default_rng(1)
    risk, divergence, true = np.transpose([certificate(rng, 100, "physics") for _ in range(1000)])
    figures = [Figure(f"{name}, broken of 1000", np.sum(bound(risk, divergence, 100) < true), 0, BROKEN)
               for name, bound in BOUNDS.items()]
    # and they say something
    figures.append(Figure("largest bound of Maurer", pb.maurer_bound(risk, divergence, 100).max(), 0.0, 0.8))
    judge("Bounds of a physics prior", figures)
