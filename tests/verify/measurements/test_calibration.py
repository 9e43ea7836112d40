"""How large the errors of calibrations are beside what is stated of them."""

import numpy as np

from tests.measurements.calibration.test_calibrate import noisy_radius
from tests.verify.verdict import Figure, judge


def test_radii_of_noisy_images_are_as_sure_as_they_say():
    """Six images: the root mean square of six normal errors is 1 +- 0.29."""
    off = [noisy_radius(seed)[1] for seed in range(6)]
    judge("Radius of a tip from noisy images", [
        Figure("rms error, in standard uncertainties", np.sqrt(np.mean(np.square(off))), 0.0, 2.0)])
