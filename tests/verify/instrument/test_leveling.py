"""The roughness that leveling takes, over simulated surfaces: its formula, and the coverage of its correction.

``python -m tests.instrument.test_leveling`` prints it for 200 surfaces in more conditions.
"""

import math

import numpy as np
import pytest

from tests.instrument.test_leveling import WAYS, bias_and_correction
from tests.verify.verdict import Figure, judge


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("exponent", [1.0, 2.0])
def test_the_bias_is_that_of_simulated_surfaces_and_its_correction_is_covered(way, exponent):
    rows, bias = bias_and_correction(range(24), 96, 3.0, exponent, way)
    error = rows[:, 0].std() / math.sqrt(24)
    limit = 4 * error + (0.05 * bias if way.startswith("median") else 0.0)  # the median's form holds for T << L
    off = 4 * np.std(rows[:, 2]) / math.sqrt(24) + 0.005
    judge(f"Leveling by {way}, correlation exp(-(r/T)^{exponent:g})", [
        Figure("mean square taken away", rows[:, 0].mean(), bias - limit, bias + limit),
        Figure("corrected rms, mean error", np.mean(rows[:, 2]), -off, off),
        Figure("corrected rms, mean pull", np.mean(rows[:, 3]), -4 / math.sqrt(24), 4 / math.sqrt(24)),
        Figure("corrected rms, spread of pulls", np.std(rows[:, 3]), 0.6, 1.5)])
