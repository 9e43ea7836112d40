"""Drift of sequences: positions, velocity and the way within frames are as sure as they say."""

import numpy as np
from scipy.stats import chi2

from tests.instrument.test_drift import chi_squares, standardized_drift
from tests.verify.verdict import Figure, judge


def by_chance(what, errors):
    """The probability of a larger chi-square of standardized errors."""
    return Figure(what, chi2.sf(np.sum(errors**2), errors.size), 1e-3, 1 - 1e-3)


def test_positions_and_velocity_are_as_sure_as_they_say():
    """Last position and velocity: standardized errors of variance 1; the cycles close as stated."""
    rows = chi_squares(range(7))
    judge("Drift from frame to frame", [
        by_chance("last position, p of chi-square", rows[:, :2]), by_chance("velocity, p of chi-square", rows[:, 2:4]),
        Figure("median closure of cycles", np.median(rows[:, 4]), 0.3, 2)])  # single sequences: 0.3 to 6


def test_drift_within_frames_is_as_sure_as_it_says():
    """Four frames up and down: chi-square of the knots, and a variance near the bound.

    The bound knows that the drift is a spline through these knots; the error does not, and is twice as large for it.
    """
    errors, ratios = standardized_drift(range(4))
    judge("Drift within frames", [by_chance("knots, p of chi-square", errors),
                                  Figure("std over the bound's", np.sqrt(np.median(ratios)), 0.0, 2.5)])
