import numpy as np
import pytest

from asperity.data.results import listed
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves.contents import file_names, flags, grids, inputs, measured, usable
from tests.measurements.force_curves.page.examples import flagged, joined, map_results, off_grid


def turned(results, angle, pitch=1e-6):
    """The same map scanned at an angle (rad)."""
    column, row = results["column"].values * pitch, results["row"].values * pitch
    x, y = np.cos(angle) * column - np.sin(angle) * row, np.sin(angle) * column + np.cos(angle) * row
    return results.assign_coords(x=("curve", x), y=("curve", y))


def curve_at(results, x, y):
    """The curve that the grid shows at (x, y), by the edges that it states."""
    (grid,) = grids(results)
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
    (grid,) = grids(map_results(6, 9, pitch=0.5e-6))
    assert (grid.left, grid.bottom) == pytest.approx((0.75e-6, -2.25e-6))
    assert (grid.width, grid.height) == pytest.approx((4.5e-6, 3e-6))


def test_without_positions_the_axes_count_pixels_with_row_zero_at_the_bottom():
    results = map_results(6, 9)
    nothing = ("curve", np.full(54, np.nan))
    (grid,) = grids(results.assign_coords(x=nothing, y=nothing))
    assert grid.unit == "pixel"
    assert "unknown" in grid.note
    assert grid.curves[0, 0] == 0
    assert grid.curves[0, 8] == 8
    assert (grid.left, grid.width) == (-0.5, 9)


def test_a_turned_scan_is_drawn_along_its_lines_and_says_so():
    (grid,) = grids(turned(map_results(6, 9), np.radians(30)))
    assert "turned by 30°" in grid.note
    assert (grid.width, grid.height) == pytest.approx((9e-6, 6e-6))
    assert grid.curves[1, 0] == 9


def test_missing_pixels_stay_empty():
    results = map_results(4, 5).isel(curve=[i for i in range(20) if i != 7])
    (grid,) = grids(results)
    assert (grid.curves < 0).sum() == 1
    assert grid.curves[1, 2] == -1


def test_no_grid_from_a_line_from_no_indices_or_from_absurd_ones():
    assert grids(map_results(1, 9)) == []
    assert grids(off_grid(map_results(4, 5))) == []
    absurd = map_results(4, 5).assign_coords(row=("curve", np.arange(20) * 10**6))
    assert grids(absurd) == []


def test_files_keep_their_order_and_lose_the_folders_they_share():
    parts = [
        map_results(2, 2, file="b/x.jpk"),
        map_results(2, 2, file="a/x.jpk"),
        map_results(2, 2, file="z.nid"),
    ]
    which, names = file_names(joined(parts))
    assert names == ["b/x.jpk", "a/x.jpk", "z.nid"]
    assert which.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert file_names(map_results(2, 2))[1] == ["map.jpk-force-map"]
    assert len(grids(joined(parts))) == 3


def test_flags_decide_what_is_usable():
    results = flagged(
        map_results(2, 3), {1: Outcome.no_contact, 2: Outcome.misfit, 3: Outcome.short_baseline}
    )
    assert usable(results).tolist() == [True, False, True, True, True, True]
    without = results.drop_vars("flag")
    assert flags(without)[1] == Outcome.unreadable
    assert usable(without).tolist() == [True, False, True, True, True, True]


def test_measured_properties_are_found_and_ordered():
    assert measured(map_results(2, 3)) == ["modulus", "pull_off_force"]
    assert measured(flagged(map_results(1, 2), dict.fromkeys(range(2), Outcome.no_contact))) == []
    assert "radius" in inputs(map_results(2, 3))


def test_json_attributes_may_be_damaged():
    results = map_results(1, 2)
    for text, found in (("[1, 2]", [1, 2]), ("no json", ["no json"]), ("", []), ('{"a": 1}', [{"a": 1}])):
        assert listed(results.assign_attrs(history=text), "history") == found
    assert listed(results, "absent") == []
