"""The bootstrap of exponents by session covers, one by points does not."""

import numpy as np
from scipy.special import stdtrit

from asperity.evaluation.scaling import power_law
from tests.evaluation.test_scaling import exact_std, measured
from tests.verify.verdict import Figure, judge


def test_session_bootstrap_covers_and_a_plain_one_does_not():
    """400 data sets: Student 90 % intervals cover 0.90 (0.88 with 1000) and the standard deviation is right
    in the mean square if sessions are drawn whole; with points drawn, neither."""
    rng = np.random.default_rng(3)
    inside, ratio = {"session": 0, "point": 0}, {"session": [], "point": []}
    for _ in range(400):
        radius, force, which = measured(rng)
        for unit, labels in (("session", which), ("point", np.arange(len(which)))):
            found = power_law(radius, force, labels, resamples=300)
            reach = stdtrit(len(np.unique(labels)) - 1, 0.95) * found.std[0]
            inside[unit] += abs(found.mean[0] - 1) <= reach
            ratio[unit].append(found.std[0] / exact_std(radius, which))
    judge("Exponents of data in sessions", [
        Figure("sessions drawn, 90 %", inside["session"] / 400, 0.84, 0.96),  # 0.90 +- 4 standard errors
        Figure("points drawn, 90 %", inside["point"] / 400, 0.0, 0.6),
        Figure("sessions drawn, std over exact", np.sqrt(np.mean(np.square(ratio["session"]))), 0.95, 1.05),
        Figure("points drawn, std over exact", np.sqrt(np.mean(np.square(ratio["point"]))), 0.0, 0.5)])
