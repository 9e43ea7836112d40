"""Calibrations flow into an analysis: the numbers, their uncertainty, and the correlation of the two."""

import numpy as np
import pytest
import xarray as xr

import asperity
from asperity import correct
from asperity.contact.named import contact_model
from asperity.data import calibrations as calibration
from asperity.data import provenance, store
from asperity.measurements.replay import differences, replay
from asperity.virtual.force_map import Instrument, Noise, Specimen, virtual_map

TIP = {"name": "hertz", "radius": 5e-6}


def made(kind: str, exponent: float | None = None, **numbers: float) -> xr.Dataset:
    attrs = {"calibration": kind, **({} if exponent is None else {"sensitivity_exponent": exponent})}
    return xr.Dataset({name: ((), value) for name, value in numbers.items()}, attrs=attrs)


@pytest.fixture(scope="module")
def curves():
    return virtual_map(rows=1, columns=6, samples=256, noise=Noise.silent(), specimen=Specimen.uniform(),
                       model=contact_model({**TIP, "modulus": 1e4}),
                       instrument=Instrument(spring_constant=0.05, sensitivity=50e-9))


@pytest.fixture(scope="module")
def folder(curves, tmp_path_factory):
    place = tmp_path_factory.mktemp("calibrated")
    store.save(curves, place / "map.nc")
    store.save(made("spring_constant", -2.0, spring_constant=0.06, spring_constant_std=0.006), place / "k.cal.nc")
    store.save(made("sensitivity", sensitivity=45e-9, sensitivity_std=45e-11), place / "s.cal.nc")
    return place


def test_an_analysis_takes_what_was_measured(folder):
    got = asperity.analyze(folder / "map.nc", TIP, calibration=[folder / "k.cal.nc", folder / "s.cal.nc"])
    same = asperity.analyze(folder / "map.nc", TIP, spring_constant=0.06, sensitivity=45e-9,
                            spring_constant_std=0.1, sensitivity_std=0.01)
    np.testing.assert_array_equal(got["modulus"], same["modulus"])
    assert (got["spring_constant"] == 0.06).all()
    assert (got["modulus_std_calibration"] < same["modulus_std_calibration"]).all()  # errors of opposite sign
    assert max(differences(got, replay(got)).values()) == 0.0
    assert provenance.history(got)[-1]["arguments"]["calibration"][0]["spring_constant_std"] == 0.006


def test_what_is_given_wins(folder):
    got = asperity.analyze(folder / "map.nc", TIP, calibration=folder / "k.cal.nc", spring_constant=0.05)
    assert (got["spring_constant"] == 0.05).all()
    assert (got["modulus_std_calibration"] == 0).all()


def test_correlated_errors_are_those_of_a_wrong_sensitivity(curves, tmp_path):
    """If k was found with s alone in doubt, the uncertainty is the change of the result with s and k ~ s^-2."""
    from asperity.data.curve_files import Source
    from asperity.measurements.force_curves.fit_curves import fit_curves
    from asperity.measurements.force_curves.sessions import SessionNoise
    from asperity.measurements.force_curves.tip import resolved

    step = 1e-4
    noise = SessionNoise([Source(curves, {})], resolved(TIP, [curves]), "approach")("virtual-0")["virtual-0"]

    def modulus(factor: float) -> np.ndarray:
        changed = correct.curves(curves, spring_constant=0.05 * factor**-2, sensitivity=50e-9 * factor)
        return fit_curves(changed, contact_model(TIP), noise=noise, tilt=False)["modulus"].values

    slope = (modulus(1 + step) - modulus(1 - step)) / (2 * step)
    got = fit_curves(curves, contact_model(TIP), noise=noise, spring_constant_std=0.02, sensitivity_std=0.01,
                     calibration_correlation=-1.0, tilt=False)
    np.testing.assert_allclose(got["modulus_std_calibration"], 0.01 * np.abs(slope), rtol=1e-5)
    np.testing.assert_allclose(got["pull_off_force_std_calibration"], 0.01 * got["pull_off_force"], rtol=1e-9)


def test_the_tip_goes_to_the_model_that_has_it():
    tip = made("tip", radius=20e-9, radius_std=2e-9, half_angle=0.3, half_angle_std=0.03)
    found = calibration.records(tip)
    nothing = {"spring_constant": None, "sensitivity": None}
    model, _, std = calibration.applied(found, "hertz", nothing, {"radius_std": 0.0})
    assert model == {"name": "hertz", "radius": 20e-9, "poisson_ratio": 0.5}
    assert std["radius_std"] == pytest.approx(0.1)
    model, _, std = calibration.applied(found, "cone", nothing, {"radius_std": 0.0})
    assert model == {"name": "cone", "half_angle": 0.3, "poisson_ratio": 0.5}
    model, _, std = calibration.applied(found, {"name": "hertz", "radius": 1e-6}, nothing, {"radius_std": 0.0})
    assert model["radius"] == 1e-6
    assert std["radius_std"] == 0.0


def test_two_of_one_kind_are_refused(folder):
    with pytest.raises(calibration.CalibrationError, match="two calibrations give the spring constant"):
        calibration.records([folder / "k.cal.nc", folder / "k.cal.nc"])


def test_a_file_that_is_none_is_refused(folder):
    with pytest.raises(store.StoreError, match="holds no calibration; make one with: asperity calibrate"):
        calibration.records(folder / "map.nc")
