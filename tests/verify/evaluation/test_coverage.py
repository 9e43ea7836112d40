"""The bootstrap by session covers the truth."""

import numpy as np
import pytest
from scipy.stats import binomtest

from asperity.evaluation import coverage
from tests.verify.verdict import Figure, judge


@pytest.mark.parametrize("sessions", [8, 12, 30])
def test_bootstrap_by_session_covers_the_truth(sessions):
    """Mean of points that share their session's offset: 90 % intervals hold the truth, within binomial bounds
    around 88 to 92 % (the interval is itself an approximation)."""
    rng = np.random.default_rng(3)
    trials, each = 400, 10
    groups = np.repeat(np.arange(sessions), each)
    held = 0
    for trial in range(trials):
        values = rng.normal(size=sessions)[groups] + 0.5 * rng.normal(size=groups.size)
        found = coverage.bootstrap(np.mean, [values], by_session=groups, draws=200, seed=trial)
        held += found.lower <= 0 <= found.upper
    judge(f"Bootstrap of {sessions} sessions", [
        Figure("90 %", held / trials, 0.0, 1.0),
        Figure("probability of as little at 88 %", binomtest(held, trials, 0.88, alternative="less").pvalue, 1e-3),
        Figure("probability of as much at 92 %", binomtest(held, trials, 0.92, alternative="greater").pvalue, 1e-3)])
