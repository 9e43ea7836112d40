import numpy as np
import pytest

from asperity.data.results import listed
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves.contents import gathered, grids, of_files
from tests.measurements.force_curves.page.examples import flagged, joined, map_results, off_grid


def turned(results, angle, pitch=1e-6):
    """The same map scanned at an angle (rad)."""
    column, row = results["column"].values * pitch, results["row"].values * pitch
    x, y = np.cos(angle) * column - np.sin(angle) * row, np.sin(angle) * column + np.cos(angle) * row
    return results.assign_coords(x=("curve", x), y=("curve", y))


def curve_at(results, x, y):
    """The curve that the grid shows at (x, y), by the edges that it states."""
    (grid,) = grids(gathered(results))
    rows, columns = grid.curves.shape
    u, v = (x - grid.left) / grid.width * columns, (y - grid.bottom) / grid.height * rows
    return grid.curves[int(np.floor(v)), int(np.floor(u))]


@pytest.mark.parametrize("x_sign", [1, -1])
@pytest.mark.parametrize("y_sign", [1, -1])
def test_every_curve_is_drawn_where_it_was_measured(x_sign, y_sign):
    results = map_results(6, 9)
    results = results.assign_coords(x=x_sign * results["x"], y=y_sign * 2 * results["y"])
    for curve in range(results.sizes["curve"]):
        assert curve_at(results, float(results["x"][curve]), float(results["y"][curve])) == curve


def test_edges_are_half_a_pixel_outside_the_outer_positions():
    (grid,) = grids(gathered(map_results(6, 9, pitch=0.5e-6)))
    assert (grid.left, grid.bottom) == pytest.approx((0.75e-6, -2.25e-6))
    assert (grid.width, grid.height) == pytest.approx((4.5e-6, 3e-6))


def test_without_positions_the_axes_count_pixels_with_row_zero_at_the_bottom():
    results = map_results(6, 9)
    nothing = ("curve", np.full(54, np.nan))
    (grid,) = grids(gathered(results.assign_coords(x=nothing, y=nothing)))
    assert grid.unit == "pixel"
    assert "unknown" in grid.note
    assert grid.curves[0, 0] == 0
    assert grid.curves[0, 8] == 8
    assert (grid.left, grid.width) == (-0.5, 9)


def test_a_turned_scan_is_drawn_along_its_lines_and_says_so():
    (grid,) = grids(gathered(turned(map_results(6, 9), np.radians(30))))
    assert "turned by 30°" in grid.note
    assert (grid.width, grid.height) == pytest.approx((9e-6, 6e-6))
    assert grid.curves[1, 0] == 9


def test_missing_pixels_stay_empty():
    results = map_results(4, 5).isel(curve=[i for i in range(20) if i != 7])
    (grid,) = grids(gathered(results))
    assert (grid.curves < 0).sum() == 1
    assert grid.curves[1, 2] == -1


def test_no_grid_from_a_line_from_no_indices_or_from_absurd_ones():
    assert grids(gathered(map_results(1, 9))) == []
    assert grids(gathered(off_grid(map_results(4, 5)))) == []
    absurd = map_results(4, 5).assign_coords(row=("curve", np.arange(20) * 10**6))
    assert grids(gathered(absurd)) == []


def test_files_keep_their_order_and_lose_the_folders_they_share():
    parts = [
        map_results(2, 2, file="b/x.jpk"),
        map_results(2, 2, file="a/x.jpk"),
        map_results(2, 2, file="z.nid"),
    ]
    contents = gathered(joined(parts))
    assert contents.files == ["b/x.jpk", "a/x.jpk", "z.nid"]
    assert contents.which.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert gathered(map_results(2, 2)).files == ["map.jpk-force-map"]
    assert len(grids(contents)) == 3


def test_the_curves_of_each_file_are_found_in_order_whatever_lies_between_them():
    parts = [map_results(1, 3, file=f"{name}.jpk") for name in "cab"]
    order = np.random.default_rng(0).permutation(9)
    contents = gathered(joined(parts).isel(curve=order))
    chosen = np.arange(1, 9)
    expected = [[i for i in chosen if contents.which[i] == file] for file in range(3)]
    assert [curves.tolist() for curves in of_files(contents, chosen, 3)] == expected
    assert [curves.tolist() for curves in of_files(contents, chosen, 2)] == expected[:2]
    assert of_files(contents, chosen, 0) == []


def test_flags_decide_what_is_usable():
    results = flagged(
        map_results(2, 3), {1: Outcome.no_contact, 2: Outcome.misfit, 3: Outcome.short_baseline}
    )
    contents = gathered(results)
    assert contents.usable.tolist() == [True, False, True, True, True, True]
    assert contents.outcomes == {0: 3, Outcome.no_contact: 1, Outcome.misfit: 1, Outcome.short_baseline: 1}
    without = gathered(results.drop_vars("flag"))
    assert without.flags[1] == Outcome.unreadable
    assert without.usable.tolist() == [True, False, True, True, True, True]


def test_measured_properties_are_found_and_ordered():
    assert [found.name for found in gathered(map_results(2, 3)).measured] == ["modulus", "pull_off_force"]
    assert gathered(flagged(map_results(1, 2), dict.fromkeys(range(2), Outcome.no_contact))).measured == ()


def test_a_property_has_its_unit_its_parts_and_what_is_typical_of_the_usable_curves():
    results = flagged(map_results(1, 3), {1: Outcome.no_contact})
    results["modulus"].values[[0, 2]] = 1e3, 3e3
    results["modulus_std_noise"].values[[0, 2]] = 10.0, 20.0
    results["modulus_std_calibration"].values[:] = 0.0
    modulus, force = gathered(results).measured
    assert (modulus.words, modulus.unit, modulus.median, modulus.typical) == ("modulus", "Pa", 2e3, [(15.0, "noise")])
    assert [label for _, label in force.parts] == ["noise", "calibration"]
    ((total, label),) = gathered(results.drop_vars("modulus_std_noise")).measured[0].parts
    assert label == ""
    np.testing.assert_array_equal(total, results["modulus_std"].values)


def test_a_column_is_read_when_it_is_asked_for_and_once():
    columns = gathered(map_results(2, 3)).columns
    assert "noise_std" not in columns
    assert columns["noise_std"].tolist() == [3e-11] * 6
    assert columns["noise_std"] is columns["noise_std"]


def test_a_column_is_one_number_per_curve_and_nan_where_there_is_none():
    columns = gathered(map_results(2, 3)).columns
    assert columns["radius"].tolist() == [5e-6] * 6
    assert np.isnan(columns["absent"]).all()
    assert len(columns["absent"]) == len(columns["display_force"]) == 6
    assert np.isnan(columns["display_force"]).all()


def test_json_attributes_may_be_damaged():
    results = map_results(1, 2)
    for text, found in (("[1, 2]", [1, 2]), ("no json", ["no json"]), ("", []), ('{"a": 1}', [{"a": 1}])):
        assert listed(results.assign_attrs(history=text), "history") == found
    assert listed(results, "absent") == []
