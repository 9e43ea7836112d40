"""Distributions of the fitted properties."""

import numpy as np
import pytest

from asperity.measurements.force_curves.page.sequences import _log_ticks


@pytest.mark.parametrize(("low", "high"), [(230, 1010), (7, 60), (0.75, 1.3), (1.5, 7.5), (1, 1e6), (1e-3, 1e9),
                                           (0.995, 1.005), (99, 1000), (3e-12, 5e-12), (1, 1 + 1e-9)])
def test_numbers_of_a_logarithmic_axis_do_not_overlap(low, high):
    """Bokeh's own did between 900 and 1100: the digits of a number take a tenth of the axis."""
    ticks = np.array(_log_ticks(low, high))
    assert ticks.min() >= low
    assert ticks.max() <= high
    assert len(ticks) >= 3 or high / low < 1.001
    assert (np.diff(np.log(ticks)) > 0.12 * np.log(high / low)).all()
    np.testing.assert_array_equal(ticks, [float(f"{tick:.4g}") for tick in ticks])
