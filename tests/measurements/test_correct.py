"""Corrections of force curves: the scanner's heights, on curves whose heights are known."""

import numpy as np
import pytest
import xarray as xr

import asperity
from asperity import correct
from asperity.data import calibrations as calibration
from asperity.data import provenance, store
from asperity.virtual.force_map import virtual_map
from asperity.virtual.scanner import driven, virtual_scanner

STROKE = 1.4e-6


@pytest.fixture(scope="module")
def truth():
    return virtual_map(rows=2, columns=3, samples=256)


@pytest.fixture(scope="module")
def scanner():
    return virtual_scanner(STROKE)


@pytest.fixture(scope="module")
def measured(scanner):
    return xr.Dataset({**calibration.scanner_numbers(scanner), "scanner_residual": 1e-10, "scanner_pause": 0.1},
                      attrs={"calibration": "scanner"})


def test_the_scanner_survives_its_numbers(measured, scanner):
    again = calibration.scanner_of(calibration.records(measured)[0]["scanner"])
    assert str(again) == str(scanner)
    np.testing.assert_array_equal(again.hysteresis.weights, scanner.hysteresis.weights)
    np.testing.assert_array_equal(again.creep.decay_times, scanner.creep.decay_times)


def test_heights_come_back_from_the_drive(truth, scanner, measured):
    """All but the first curve's, whose past is in no file: that is said, and wiped out within the curve."""
    raw = driven(truth, scanner, sensor=False)
    off = (raw["height"] - truth["height"]).std(["segment", "sample"]) / STROKE
    assert (off > 0.02).all()  # what is corrected is there
    got = correct.curves(raw, calibration=measured)
    np.testing.assert_allclose(got["height"][1:], truth["height"][1:], atol=1e-10 * STROKE)
    np.testing.assert_array_equal(got["height_drive"], raw["height"])
    assert provenance.history(got)[-1]["verb"] == "correct.curves"


def test_a_sensor_is_believed(truth, scanner, measured, caplog):
    both = driven(truth, scanner)
    np.testing.assert_array_equal(correct.curves(both, calibration=measured)["height"], truth["height"])
    assert "are a sensor's: the scanner is not applied" in caplog.text


def test_an_analysis_corrects_what_has_no_sensor(truth, scanner, measured, tmp_path):
    store.save(driven(truth, scanner, sensor=False), tmp_path / "raw.nc")
    store.save(truth, tmp_path / "true.nc")
    model = {"name": "jkr", "radius": 5e-6}
    right = asperity.analyze(tmp_path / "true.nc", model)
    wrong = asperity.analyze(tmp_path / "raw.nc", model)
    mended = asperity.analyze(tmp_path / "raw.nc", model, calibration=measured)
    assert (np.abs(wrong["modulus"] / right["modulus"] - 1) > 0.01).any()
    np.testing.assert_allclose(mended["modulus"][1:], right["modulus"][1:], rtol=1e-6)


def test_curves_without_time_are_refused(truth, measured):
    with pytest.raises(ValueError, match="no time, without which creep cannot be known"):
        correct.curves(truth.drop_vars("time"), calibration=measured)
