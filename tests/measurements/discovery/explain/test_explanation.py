"""What the error bar of a modulus is made of."""

import functools
import json

import numpy as np
import pytest

import asperity
from asperity.cli import app
from asperity.data import store
from asperity.learning.discovery.sensitivity import linear_shapley
from asperity.measurements.discovery.explain.budget import Calibrated, better, calibration_parts
from asperity.measurements.discovery.explain.explanation import size_in_words
from asperity.measurements.discovery.explain.page import page
from asperity.messages import DataError
from asperity.virtual.force_map import virtual_map

STD = {"spring_constant_std": 0.1, "sensitivity_std": 0.03, "radius_std": 0.1}


@functools.cache
def curves():
    return virtual_map(rows=1, columns=2, samples=512, seed=3)


def fitted(dataset, **std):
    return asperity.fit(dataset, {"name": "hertz", "radius": 5e-6}, **std)


@functools.cache
def results():
    return fitted(curves(), **STD)


def test_the_parts_are_the_error_bar():
    made = asperity.explain(results())
    whole = np.sqrt((made["relative_std"] ** 2).sum("source", skipna=False)).values
    use = np.isfinite(whole)
    assert use.any()
    stated = results()["modulus_std"].values / results()["modulus"].values
    np.testing.assert_allclose(whole[use], stated[use], rtol=1e-12)
    assert made["relative_std"].values[use][0, 2] == pytest.approx(0.05, rel=1e-3)  # E goes as R^-1/2
    assert made["relative_std"].values[use][0, 0] == pytest.approx(0.1, rel=1e-3)  # and as k
    assert json.loads(made.attrs["history"])[-1]["verb"] == "explain"


def test_how_the_modulus_follows_the_sensitivity_is_what_another_sensitivity_gives():
    other = curves().copy(deep=True)
    other["force"] = other["force"] * 1.001
    change = np.log(fitted(other)["modulus"].values / fitted(curves())["modulus"].values) / np.log(1.001)
    np.testing.assert_allclose(change, results()["modulus_by_sensitivity"].values, rtol=0.05)


@pytest.mark.parametrize("r", [-0.8, 0.0, 0.6])
def test_correlated_calibrations_are_shared_as_by_shapley(r):
    changes, known = np.array([1.0, 1.8, -0.5]), Calibrated((0.1, 0.03, 0.1), r)
    covariance = np.diag(np.square(known.std))
    covariance[0, 1] = covariance[1, 0] = r * 0.1 * 0.03
    parts = calibration_parts(changes, known)
    assert parts.sum() == pytest.approx(changes @ covariance @ changes)
    np.testing.assert_allclose(parts / parts.sum(), linear_shapley(changes, covariance), atol=1e-12)


def test_a_better_sensitivity_makes_a_spring_constant_from_thermal_noise_better():
    known = Calibrated((0.1, 0.04, 0.1), -0.8)  # k as s^-2, and 6 % of its own
    found = better(known, 1, 0.01)
    assert found.std == pytest.approx((np.hypot(0.06, 0.02), 0.01, 0.1))
    assert found.correlation * found.std[0] / 0.01 == pytest.approx(-2)
    assert better(known, 0, 0.02) == Calibrated((0.02, 0.04, 0.1))


def test_what_was_not_given_is_said():
    said = " ".join(json.loads(asperity.explain(fitted(curves())).attrs["findings"]))
    assert "No uncertainty was given of the spring constant, sensitivity, size of the tip" in said
    assert "-> " not in said


def test_the_command_writes_a_page_and_a_table(tmp_path):
    from typer.testing import CliRunner

    path = store.save(results(), tmp_path / "results.nc")
    done = CliRunner().invoke(app, ["explain", str(path), "--out", str(tmp_path / "why.nc"), "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)["findings"]
    assert any(line.startswith("spring constant known to 2 % instead of 10 %") for line in said)
    assert (tmp_path / "why.html").exists()
    assert (tmp_path / "why.csv").read_text().splitlines()[0].startswith("curve,spring constant (relative std)")
    assert page(store.load(tmp_path / "why.nc")).headline == said[0]


def test_results_that_do_not_say_it_are_refused():
    lacking = results().drop_vars("modulus_by_spring_constant")
    with pytest.raises(DataError, match="make them again"):
        asperity.explain(lacking)
    nothing = results().assign(flag=results()["flag"] * 0 + int(max(results()["flag"].attrs["flag_values"])))
    with pytest.raises(DataError, match="none of 2 curves"):
        asperity.explain(nothing)


def test_a_large_error_bar_is_a_factor_and_no_percents():
    assert size_in_words(0.21) == "21 %"
    assert size_in_words(0.948) == "a factor of three"  # as `analyze` says of the same results
