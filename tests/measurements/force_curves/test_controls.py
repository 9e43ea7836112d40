"""What a person decides about a fit: windows, baselines, curves left out; recorded, replayed, and right."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import asperity
from asperity.cli import app
from asperity.contact import JKR, Hertz
from asperity.data import store
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves.controls import controls, excluded_entries
from asperity.messages import ArgumentError
from asperity.virtual.force_map import virtual_map
from asperity.virtual.noise import Noise

RADIUS = 5e-6
TIP = {"name": "hertz", "radius": RADIUS}


@pytest.fixture(scope="module")
def hertz_map():
    return virtual_map(rows=6, columns=6, samples=384, model=Hertz(radius=RADIUS), seed=5).load()


def layered(count=8, samples=400, noise=4e-12):
    """A soft top of 2 kPa, and from 150 nm on a force that rises with another power: made with NumPy alone."""
    rng = np.random.default_rng(4)
    made = virtual_map(rows=1, columns=count, samples=samples, model=Hertz(radius=RADIUS), noise=Noise.silent()).load()
    height = made["height"].values
    tip = height - np.nanmin(height, axis=-1, keepdims=True)  # m above the deepest, an infinitely stiff lever
    depth = np.clip(4e-7 - tip, 0, None)
    force = 16 / 9 * 2e3 * np.sqrt(RADIUS) * depth**1.5 + 3e4 * np.clip(depth - 1.5e-7, 0, None) ** 2
    force = force + noise * rng.standard_normal(force.shape)
    made["force"].values[:] = np.where(np.isfinite(height), force, np.nan)
    made["height"].values[:] = tip - made["force"].values / made["spring_constant"].values[:, None, None]
    return made.drop_vars([name for name in made.data_vars if name.startswith("true_") or name == "deflection"])


def test_a_window_of_the_indentation_gives_the_modulus_of_what_lies_in_it():
    curves = layered()
    whole = asperity.fit(curves, TIP, segment="approach")
    part = asperity.fit(curves, TIP, segment="approach", window="0..150nm")
    assert (whole["flag"] == Outcome.misfit).all()
    assert (whole["modulus"] > 2.5e3).all()
    assert (part["flag"] <= Outcome.small_misfit).all()
    assert (np.abs(part["modulus"] - 2e3) < 4 * part["modulus_std"]).all()
    assert (part["indentation_max"] < 1.7e-7).all()


@pytest.mark.parametrize(("window", "quantity", "last"), [
    ("0..200nm", "indentation_max", 2e-7), ("0.1nN..0.8nN", "force_max", 8e-10), ("10%..50%", "force_max", 2e-9)])
def test_a_window_ends_where_it_says(hertz_map, window, quantity, last):
    found = asperity.fit(hertz_map, TIP, segment="approach", window=window)
    noise = 4 * found["noise_std"].values if quantity == "force_max" else 1e-8
    assert (np.abs(found[quantity].values - last) < 0.05 * last + noise).all()
    inside = (found["modulus_low"] <= hertz_map["true_modulus"]) & (hertz_map["true_modulus"] <= found["modulus_high"])
    assert inside.mean() > 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / 36)


def test_a_baseline_counts_from_the_contact_point(hertz_map):
    whole = asperity.fit(hertz_map, TIP, segment="approach")
    near = asperity.fit(hertz_map, TIP, segment="approach", baseline="0..300nm")
    far = near["window_start"] - near["contact_point"]
    assert (far < 3.1e-7).all()
    assert (whole["window_start"] - whole["contact_point"] > 4e-7).all()
    assert (near["sample_size"] < whole["sample_size"]).all()


def test_a_window_with_few_samples_of_a_curve_is_flagged(hertz_map):
    depth = asperity.fit(hertz_map, TIP, segment="approach")["indentation_max"].values
    found = asperity.fit(hertz_map, TIP, segment="approach", window=f"{1e9 * depth.min() - 4:.4f}..5000nm")
    assert found["flag"].values[depth.argmin()] == Outcome.too_few_samples


def test_curves_left_out_have_no_numbers_and_no_part_in_the_noise(hertz_map):
    spoiled = hertz_map.copy(deep=True)
    spoiled["force"].values[3] += 1e-9 * np.random.default_rng(0).standard_normal(spoiled["force"].values[3].shape)
    others = np.arange(36) != 3
    kept = asperity.fit(spoiled, TIP, segment="approach", exclude=[
        {"file": "virtual", "curve_in_file": 3, "reason": "shaken"}])
    alone = asperity.fit(spoiled.isel(curve=others), TIP, segment="approach")
    assert kept["flag"].values[3] == Outcome.excluded
    assert np.isnan(kept["modulus"].values[3])
    np.testing.assert_allclose(kept["modulus_std"].values[others], alone["modulus_std"].values, rtol=1e-7)
    assert json.loads(kept.attrs["excluded_curves"]) == [{"file": "virtual", "curve": 3, "problem": "shaken"}]


def test_adhesion_below_the_window_is_kept_where_it_begins_at_0():
    curves = virtual_map(rows=2, columns=2, samples=384, model=JKR(radius=RADIUS), seed=2).load()
    whole = asperity.fit(curves, {"name": "jkr", "radius": RADIUS})
    part = asperity.fit(curves, {"name": "jkr", "radius": RADIUS}, window="0..200nm")
    np.testing.assert_allclose(part["pull_off_force"], whole["pull_off_force"], rtol=0.05)
    assert (part["indentation_max"] < whole["indentation_max"]).all()


@pytest.mark.parametrize(("argument", "value", "said"), [
    ("window", "5", "must be a range with its unit"), ("window", "0..5", "must be a range with its unit"),
    ("window", "500nm..100nm", "must rise"), ("window", "-5..100nm", "0 at least"),
    ("window", "0..120%", "at most 100%"),
    ("baseline", "0..5nN", "200nm..2um"), ("exclude", [{"file": "a"}], "curve_in_file"),
    ("exclude", [{"file": "virtual", "curve_in_file": 99}], "curves 0 to 35"),
    ("exclude", [{"file": "other.nc", "curve_in_file": 0}], "not among the data")])
def test_what_is_no_window_is_said(hertz_map, argument, value, said):
    with pytest.raises(ArgumentError, match=said):
        asperity.fit(hertz_map, TIP, segment="approach", **{argument: value})


@pytest.mark.parametrize(("written", "meant"), [
    ("0..500nm", ("m", 0.0, 5e-7)), ("100..500 nm", ("m", 1e-7, 5e-7)), ("..1um", ("m", 0.0, 1e-6)),
    ("-0.2nN..2nN", ("N", -2e-10, 2e-9)), ("10..90%", ("1", 0.1, 0.9)), ("0.1um..500nm", ("m", 1e-7, 5e-7))])
def test_ranges_as_people_write_them(written, meant):
    assert controls(window=written).window == pytest.approx(meant)


def test_the_command_takes_a_table_of_curves_and_is_replayed(hertz_map, tmp_path):
    """Alike on two processes and, on one, from the history."""
    store.save(hertz_map.drop_vars([n for n in hertz_map.data_vars if n.startswith("true_")]), tmp_path / "map.nc")
    (tmp_path / "out.csv").write_text("file,curve_in_file,reason\nvirtual,2,bubble\nvirtual,7,edge\n")
    typed = ["analyze", str(tmp_path / "map.nc"), "--radius", "5um", "--window", "0..400nm", "--baseline", "0..2um",
             "--batch", "9"]
    own = [*typed, "--exclude", str(tmp_path / "out.csv"), "--out", str(tmp_path / "a"), "--workers", "2"]
    ran = CliRunner().invoke(app, own)
    assert ran.exit_code == 1, ran.output  # two curves are left out
    assert "2 curves left out by hand: bubble (1); edge (1)." in ran.output
    assert "Fitted window" in ran.output
    found = store.load(tmp_path / "a" / "results.nc")
    assert np.flatnonzero(found["flag"].values == Outcome.excluded).tolist() == [2, 7]
    again = asperity.replay(found)
    np.testing.assert_array_equal(found["modulus"], again["modulus"])
    np.testing.assert_array_equal(found["flag"], again["flag"])
    page = (tmp_path / "a" / "report.html").read_text(encoding="utf-8")
    assert "left out by hand: bubble" in page


def test_blanks_beside_the_cells_of_a_table_do_not_matter(tmp_path):
    (tmp_path / "out.csv").write_text("file, curve_in_file, reason\nvirtual, 3, a bubble\n")
    assert excluded_entries(tmp_path / "out.csv") == [{"file": "virtual", "curve_in_file": 3, "reason": "a bubble"}]
