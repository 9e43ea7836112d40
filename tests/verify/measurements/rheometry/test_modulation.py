"""Coverage of E*(f) from curves of the virtual instrument that oscillate."""

import numpy as np

from asperity.measurements.rheometry.modulation import modulus_spectrum
from tests.measurements.rheometry.test_modulation import KNOWN, SPHERE, cells, errors
from tests.verify.verdict import Figure, judge


def test_intervals_cover_the_truth():
    """144 moduli, the contact point fitted: 1.645 std hold 90 %.

    The six frequencies of a curve share its contact point, so that the effective number is nearer 60.
    """
    dataset = cells(12)
    score = errors(dataset, modulus_spectrum(dataset, SPHERE, instrument=KNOWN))
    judge("Moduli of oscillating curves", [Figure("90 %", np.mean(np.abs(score) < 1.645), 0.8, 0.98)])
