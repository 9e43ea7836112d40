"""Supplied simulations of a lever with three modes on a viscoelastic sample, against their own force."""

import numpy as np
import pytest

from asperity.measurements.time_series.files import read_series
from asperity.measurements.time_series.series import series_model
from tests.conftest import shared_data
from tests.verify.verdict import Figure, judge

LEVER = {"spring_constant": 6.5, "resonance_frequency": 46e3, "quality": 150.0, "free_amplitude": 230e-9}


@pytest.mark.study
@pytest.mark.parametrize("height", [0, 99, 189])
def test_one_mode_and_a_force_of_the_distance_are_not_enough_and_that_is_said(height):
    """The error of the force over its peak is printed, not judged: that it is flagged is."""
    path = shared_data("dynamics/tappingmode_sim") / f"epoxy_1stMode_{height}.txt"
    found, record = series_model(path, lever=LEVER), read_series(path)
    order = np.argsort(record.deflection)
    own = np.interp(found["distance"], record.deflection[order], record.force[order])
    near = found["distance"] < record.deflection.min() + 30e-9
    off = np.sqrt(np.mean((found["tip_force"] - own).values[near] ** 2)) / record.force.max()
    judge(f"Supplied series at {height} nm", [
        Figure("rms error within 30 nm over the peak", float(off)), Figure("flag", float(found["flag"]), 1.0),
        Figure("frequency over 46 kHz", float(found["frequency"][0]) / 46e3, 0.999, 1.001)])
