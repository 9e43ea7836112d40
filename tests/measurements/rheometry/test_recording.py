"""Times that do not rise are mended or refused; single huge samples are replaced."""

import numpy as np
import pytest

from asperity.contact import Hertz
from asperity.measurements.rheometry.power_law import fit_viscoelastic
from asperity.measurements.rheometry.recording import mended, with_clock, without_spikes
from asperity.messages import DataError
from tests.measurements.rheometry.test_power_law import COUNT, RADIUS, virtual_curves


@pytest.mark.study  # some 7 s
def test_times_of_few_digits_give_the_same_material(caplog):
    """Rounded to 1 ms, a hundredth of the ramp, moduli change by less than a hundredth; stretched in time, by half."""
    data = virtual_curves(COUNT, 0)
    coarse = data.assign(time=data["time"].round(3))
    step = float(data["time"][0, 0, 1] - data["time"][0, 0, 0])
    assert step < 5e-4
    plain, mended = (fit_viscoelastic(some, Hertz(radius=RADIUS)) for some in (data, coarse))
    assert "are taken as even" in caplog.text
    assert (np.abs(mended["modulus"] / plain["modulus"] - 1) < 0.01).all()
    assert (np.abs(mended["order"] - plain["order"]) < 0.01).all()


def test_times_that_stand_still_are_refused():
    data = virtual_curves(2, 0, samples=200)
    with pytest.raises(DataError, match="do not rise"):
        with_clock(data.assign(time=0 * data["time"]))
    with pytest.raises(DataError, match="do not rise"):
        with_clock(data.assign(time=-data["time"]))
    one = data["time"].copy()
    one[0] = 0.0
    found = with_clock(data.assign(time=one))["time"]
    assert np.isnan(found[0]).all()
    np.testing.assert_array_equal(found[1], data["time"][1])


def test_times_that_rise_are_left_alone():
    data = virtual_curves(2, 0, samples=200)
    assert mended(data) is data


def test_a_spike_is_replaced_and_said(caplog):
    """Fifty times the largest force in one sample, and so much of the height: the line between the neighbors."""
    data = virtual_curves(2, 0, samples=200)
    force, height = data["force"].values.copy(), data["height"].values.copy()
    force[0, 0, 40] = 50 * force.max()
    height[1, 1, 30] += 50 * np.ptp(height)
    found = without_spikes(data.assign(force=(data["force"].dims, force), height=(data["height"].dims, height)))
    assert "2 samples far off" in caplog.text
    for name, at in (("force", (0, 0, 40)), ("height", (1, 1, 30))):
        values = data[name].values
        between = (values[at[0], at[1], at[2] - 1] + values[at[0], at[1], at[2] + 1]) / 2
        assert found[name].values[at] == pytest.approx(between, rel=1e-9)
        elsewhere = np.ones(values.shape, bool)
        elsewhere[at] = False
        np.testing.assert_array_equal(found[name].values[elsewhere], values[elsewhere])
