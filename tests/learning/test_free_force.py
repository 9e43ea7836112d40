"""The weights of a smoothed force are those of a parabola through nine values."""

import numpy as np
from scipy.signal import savgol_coeffs

from asperity.learning.free_force import HALF, MIDDLE, smoothed


def test_the_weights_are_those_of_a_parabola_by_least_squares():
    np.testing.assert_allclose(MIDDLE, savgol_coeffs(2 * HALF + 1, 2, use="dot"), rtol=0, atol=1e-15)
    places = np.arange(-HALF, HALF + 1)
    fits = np.array([np.polyfit(places, row, 2)[-1] for row in np.eye(2 * HALF + 1)])
    np.testing.assert_allclose(MIDDLE, fits, rtol=0, atol=1e-14)


def test_a_parabola_is_left_as_it_is():
    x = np.linspace(-1, 1, 60)
    force = np.array([2 * x**2 - x + 0.5])
    np.testing.assert_allclose(smoothed(force)[:, HALF:-HALF], force[:, HALF:-HALF], rtol=0, atol=1e-14)
