"""The single numbers of a law, from draws some of which have no contact at all."""

import numpy as np
import pytest

from asperity.measurements.tip_force import law_table


def test_the_share_of_the_discrepancy_is_that_of_draws_in_contact():
    mean = np.array([[3.0, 1.0, -2.0], [0.0, 0.0, -2.0]])
    within = np.tile(np.diag([0.04, 0.09, 0.01]), (2, 1, 1))
    share, std = law_table._share(mean, within)
    assert share == pytest.approx(0.25)
    rng = np.random.default_rng(0)
    contact, more = rng.normal(3, 0.002, 100_000), rng.normal(1, 0.003, 100_000)  # a hundredth of it: linear
    assert std == pytest.approx(100 * (more / (contact + more)).std(), rel=0.02)
    assert np.isnan(law_table._share(mean[1:], within[1:])).all()
