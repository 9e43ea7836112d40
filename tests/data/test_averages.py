"""Means of neighboring samples: exact sums, nothing lost, nothing touched where it is short enough."""

import numpy as np
import xarray as xr

from asperity.data.averages import averaged, widths
from asperity.data.curves import Curves, to_dataset

COUNTS = np.array([[7, 4], [3, 10], [0, 5]])


def curves():
    """A lazy file; sample i of curve c, segment j is 100 c + 10 j + i."""
    channels = {name: lambda curve: [100.0 * curve + 10 * j + np.arange(n) for j, n in enumerate(COUNTS[curve])]
                for name in ("height", "force")}
    return to_dataset(Curves(("approach", "retract"), COUNTS, channels, session="a"), "f")


def test_means_are_those_of_neighbors():
    found = averaged(curves(), longest=4)
    assert widths(COUNTS, 4).tolist() == [[2, 1], [1, 3], [1, 2]]
    assert found["sample_count"].values.tolist() == [[4, 4], [3, 4], [0, 3]]
    assert found.sizes["sample"] == 4
    np.testing.assert_array_equal(found["force"][0, 0], [0.5, 2.5, 4.5, 6])
    np.testing.assert_array_equal(found["force"][0, 1], [10, 11, 12, 13])
    np.testing.assert_array_equal(found["height"][1, 1], [111, 114, 117, 119])
    np.testing.assert_array_equal(found["height"][2], [[np.nan] * 4, [210.5, 212.5, 214, np.nan]])
    assert found["force"].attrs["units"] == "N"


def test_short_curves_stay_as_they_are():
    xr.testing.assert_identical(averaged(curves(), longest=10), curves().load())


def test_a_sample_that_is_not_finite_spoils_its_mean_alone():
    spoilt = curves().load()
    spoilt["force"][0, 0, 3] = np.nan
    np.testing.assert_array_equal(averaged(spoilt, longest=4)["force"][0, 0], [0.5, np.nan, 4.5, 6])


def test_samples_that_are_not_asked_for_are_not_allocated():
    lazy = curves()
    for part in (slice(0, 3), slice(1, 6, 2), [4, 0, -1], 2, slice(None, None, -1)):
        np.testing.assert_array_equal(lazy["force"].isel(sample=part), lazy["force"].values[..., part])
