"""The roughness of surfaces without noise after four ways of leveling: what leveling takes is put back."""

import numpy as np
import pytest

from asperity.instrument.leveling import level_lines, level_lines_polynomial, level_polynomial
from asperity.measurements.images.roughness import law_of_image
from tests.verify.verdict import Figure, judge

COUNT = 24  # surfaces
#: -> how, the order that it takes off the frame, and what off each line
WAYS = {
    "mean of lines": (lambda h: level_lines(h, statistic="mean"), None, "mean"),
    "median of lines": (level_lines, None, "median"),
    "parabola along lines": (lambda h: level_lines_polynomial(h, 2), None, 2),
    "plane": (lambda h: level_polynomial(h, 1), 1, None),
}


def correlated(seed, n, length, exponent):
    """A part of a periodic Gaussian surface of unit variance with the autocorrelation exp(-(r/T)^e)."""
    axis = np.fft.fftfreq(2 * n, 1 / (2 * n))
    power = np.fft.fft2(np.exp(-((np.hypot(axis[:, None], axis) / length) ** exponent))).real
    white = np.fft.fft2(np.random.default_rng([seed, 7]).standard_normal(power.shape))
    return np.fft.ifft2(white * np.sqrt(np.maximum(power, 0))).real[:n, :n]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("exponent", [1.0, 2.0])
def test_the_roughness_comes_back(way, exponent):
    """Intervals of 95 % hold the true rms, and the error has no mean, within what so few surfaces tell."""
    level, order, lines = WAYS[way]
    laws = [law_of_image(level(correlated(seed, 96, 3.0, exponent)).height, (1.0, 1.0), order, lines)[0]
            for seed in range(COUNT)]
    held = np.mean([law.rms.low <= 1.0 <= law.rms.high for law in laws])
    error = np.array([law.rms.value - 1.0 for law in laws])
    judge(f"Leveling by {way}, correlation exp(-(r/T)^{exponent:g})", [
        Figure("held at 95 %", held, 0.95 - 4 * np.sqrt(0.05 * 0.95 / COUNT)),
        Figure("mean error of the rms", error.mean(), -4 * error.std() / np.sqrt(COUNT) - 0.01,
               4 * error.std() / np.sqrt(COUNT) + 0.01),
        Figure("spread of the errors", error.std(), 0.0, 0.1)])
