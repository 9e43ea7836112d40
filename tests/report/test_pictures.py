"""Figures of lines: what stands at their axes."""

import numpy as np

from asperity.report.pictures import Line, lines


def test_small_numbers_at_a_logarithmic_axis_are_not_zero():
    """Of a few decades, whose ticks are at 1, 2 and 5: 0.0002 was written as 0."""
    x = np.geomspace(0.5, 20.0, 20)
    plot = lines([Line("one", x, 2e-4 * x)], "title", "x", "y", logarithmic=True)
    for axis, told in ((plot.xaxis[0], "5"), (plot.yaxis[0], "0.0002")):
        assert set(axis.major_label_overrides) == set(axis.ticker.ticks)
        assert axis.major_label_overrides[float(told)] == told
