"""The next places of small maps: where they may be, what is left out, what is said."""

import json

import numpy as np
import pytest

import asperity
from asperity.data import store
from asperity.learning.outcome import Outcome
from asperity.measurements.discovery.next.points import NextVerdict, Purpose
from asperity.measurements.discovery.next.points_csv import write_csv
from asperity.messages import ArgumentError, DataError
from tests.learning.discovery.specimens import grid, inclusions, noisy, pixels, smooth
from tests.measurements.discovery.next.maps import results

AT = pixels()
START = grid(8)
MAP = results(AT[START], noisy(inclusions(4), 0)[START])
PIXELS = results(AT[START], smooth(0)[START], unit="pixel")


def told(made):
    return " ".join(json.loads(made.attrs["findings"]))


def test_places_of_a_full_map_are_new_ones_between_its_curves():
    made = asperity.next_points(MAP, "boundary", budget=12)
    at = np.stack([made["x"].values, made["y"].values], axis=-1)
    assert at.shape == (12, 2)
    away = np.hypot(at[:, None, 0] - MAP["x"].values, at[:, None, 1] - MAP["y"].values).min(axis=1)
    assert away.min() > 1e-6  # the spacing is 3 um, that of the sites half of it
    assert int(made["verdict"]) == NextVerdict.places
    assert float(made["threshold"]) == pytest.approx(1e3 * np.sqrt(3), rel=0.25)
    assert json.loads(made.attrs["history"])[-1]["verb"] == "next_points"
    assert len(json.loads(made.attrs["citations"])) > 3


def test_a_loop_that_is_interrupted_goes_on_as_if_it_was_not():
    first, again = (asperity.next_points(MAP, "boundary", budget=9) for _ in range(2))
    assert first.drop_attrs().identical(again.drop_attrs())
    moved = MAP.assign_coords(x=MAP["x"] + 1e-3, y=MAP["y"] - 2e-3)
    there = asperity.next_points(moved, "boundary", budget=9)
    np.testing.assert_allclose(there["x"], first["x"] + 1e-3, atol=1e-12)


def test_places_in_pixels_where_nobody_knows_meters(tmp_path):
    made = asperity.next_points(PIXELS, budget=4, spacing=1.0)
    assert made.attrs["unit"] == "pixel"
    rows = write_csv(made, tmp_path / "next.csv").read_text().splitlines()
    assert rows[0].startswith("number,column,row,purpose,predicted_modulus (Pa)")
    column, row = map(float, rows[1].split(",")[1:3])
    assert column % 1 == row % 1 == 0


def test_flagged_curves_are_left_out_and_their_places_stay_free_of_new_ones():
    flag = np.zeros(64, int)
    flag[[10, 11]] = Outcome.no_contact
    flag[12] = Outcome.misfit
    spoilt = results(AT[START], np.where(flag == Outcome.no_contact, 9.0, smooth(0)[START]), flag=flag)
    made = asperity.next_points(spoilt, budget=5)
    assert made.sizes["measured"] == 62
    assert "2 curves of 64 left out" in told(made)
    assert "1 curve is flagged misfit" in told(made)
    clean = asperity.next_points(spoilt.isel(curve=np.flatnonzero(flag != Outcome.no_contact)), budget=5)
    assert float(made["left"]) == pytest.approx(float(clean["left"]), rel=0.1)


def test_a_map_without_correlation_is_called_that():
    white = asperity.next_points(results(AT[START], np.random.default_rng(3).standard_normal(64)), budget=10)
    assert int(white["verdict"]) == NextVerdict.grid
    assert not white["worth"].values.any()
    assert "Nothing is claimed of places without a curve" in told(white)


def test_enough_is_said_with_places_that_test_it():
    made = asperity.next_points(results(AT[START], smooth(0)[START]), budget=5, target=0.9)
    assert int(made["verdict"]) == NextVerdict.enough
    assert set(made["purpose"].values.tolist()) == {int(Purpose.check)}
    assert made.sizes["point"] == 8
    assert "the target of 90 % is reached" in told(made)
    more = asperity.next_points(results(AT[START], smooth(0)[START]), budget=5, target=0.001)
    assert int(more["verdict"]) == NextVerdict.places


def test_the_first_place_is_gone_back_to_and_a_change_there_is_said():
    made = asperity.next_points(MAP, budget=9, repeat_every=4)
    assert made["purpose"].values.tolist() == [0, 0, 0, 1, 0, 0, 0, 1, 0]
    back = made["purpose"].values == Purpose.repeat
    np.testing.assert_array_equal(made["x"].values[back], np.full(2, MAP["x"].values[0]))
    worn = results(np.vstack([AT[START], AT[START[:1]]]), np.append(smooth(0)[START], smooth(0)[START[0]] + 0.5))
    assert "changed by +64.9 %" in told(asperity.next_points(worn, budget=3))


def test_an_area_and_a_spacing_are_kept():
    made = asperity.next_points(MAP, budget=6, area=[0.0, 0.0, 1e-5, 1e-5], spacing=5e-7)
    assert made["x"].values.max() <= 1e-5 + 1e-12
    assert made["place_x"].values.max() <= 1e-5 + 1e-12
    steps = (made["x"].values - MAP["x"].values.min()) / 5e-7
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-6)


@pytest.mark.parametrize(("more", "words"), [
    ({"area": [1.0, 0.0, 0.5, 1.0]}, "left below right"), ({"area": [0.0, 1.0]}, "left below right"),
    ({"spacing": 1e-10}, "more than 250000"), ({"spacing": 3e-6, "area": [1e-6, 1e-6, 2.2e-5, 2.2e-5]}, "has a curve"),
    ({"cost": {"curve_time": 2.0}}, "give both"), ({"cost": {"speed": 2.0}}, "cost has no speed"),
    ({"threshold": 1e3}, "two materials"), ({"goal": "maximum"}, "modulus, boundary")])
def test_what_cannot_be_asked_is_said(more, words):
    with pytest.raises(ArgumentError, match=words):
        asperity.next_points(MAP, **more)


@pytest.mark.parametrize(("wrong", "words"), [
    (PIXELS.isel(curve=slice(0, 6)), "6 usable curves"), (MAP.isel(curve=slice(0, 6)), "6 usable curves"),
    (MAP.drop_vars(["x", "y"]), "without places"),
    (MAP.drop_vars("modulus"), "without a modulus"), (MAP.assign_coords(x=0 * MAP["x"], y=0 * MAP["y"]), "one place")])
def test_results_that_have_no_map_are_said(wrong, words):
    with pytest.raises(DataError, match=words):
        asperity.next_points(wrong)


def test_it_is_stored_reported_and_replayed(tmp_path):
    path = store.save(asperity.next_points(MAP, "boundary", budget=4), tmp_path / "next.nc")
    page = asperity.report(store.load(path), tmp_path / "page.html").read_text(encoding="utf-8")
    assert "The next 4 curves" in page
    assert "semivariance" in page
