"""From datasets to results: orientation, tilt, flags, calibration, and errors that say what is missing."""

import numpy as np
import pytest
import xarray as xr

from asperity.contact import DMT, JKR, Hertz, HertzBondedLayer
from asperity.data.readers._errors import MissingCalibration
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves.fit_curves import fit_curves, learn_noise
from asperity.virtual.force_map import Instrument, Noise, Specimen, virtual_map
from tests.verify.measurements.force_curves.measured_noise import RADIUS, Source, hertz, jkr, sessions

QUIET = Noise(detector=2e-11, drift=0.0, thermal=0.0, waviness=0.0, offset=5e-9, tilt=1.5e-3)


def fit(data, model, segment="approach", **options):
    return fit_curves(data, model, noise=learn_noise(data, model, segment=segment), segment=segment, **options)


@pytest.fixture(scope="module")
def hertz_map():
    return virtual_map(rows=4, columns=4, samples=256, model=Hertz(radius=5e-6, modulus=1e4), noise=QUIET).load()


def test_tilt_belongs_to_the_height(hertz_map):
    """A tilt of the deflection with height must not bias the modulus: the error is the noise's alone."""
    found = fit(hertz_map, Hertz(radius=5e-6))
    pull = (found["modulus"] - hertz_map["true_modulus"]) / found["modulus_std_noise"]
    assert np.abs(pull).max() < 4.5
    assert float((found["modulus_std_noise"] / found["modulus"]).max()) < 0.01
    place = (found["contact_point"] - hertz_map["true_contact_point"]) / found["contact_point_std_noise"]
    assert np.abs(place).max() < 4.5
    k = hertz_map["spring_constant"]
    assert np.abs((found["baseline_tilt"] - hertz_map["true_baseline_tilt"]) / k).max() < 1e-4  # of a lever's stiffness


def test_approach_and_retract_of_an_elastic_contact_agree(hertz_map):
    up, down = (fit(hertz_map, Hertz(radius=5e-6), segment)["modulus"] for segment in ("approach", "retract"))
    np.testing.assert_allclose(up, down, rtol=0.02)


@pytest.mark.parametrize("model", [JKR(radius=5e-6, modulus=1e4, work_of_adhesion=1e-4),
                                   DMT(radius=5e-6, modulus=1e4, work_of_adhesion=1e-4)])
def test_adhesive_contacts_are_recovered_from_the_retract(model):
    data = virtual_map(rows=4, columns=4, samples=256, model=model, noise=QUIET).load()
    found = fit(data, type(model)(radius=5e-6), "retract")
    assert (found["flag"] == Outcome.converged).all()
    for quantity in model.fitted:
        np.testing.assert_allclose(found[quantity], data[f"true_{quantity}"], rtol=0.02)
    np.testing.assert_allclose(found["modulus_half_depth"], found["modulus"], rtol=0.05)
    # the lowest of the samples: one sample's motion and some noise from the load minimum
    np.testing.assert_allclose(found["pull_off_force"], data["true_pull_off_force"], rtol=0.05)


def test_a_wrong_model_is_not_excused_by_what_it_leaves():
    """A cone's curve fitted as a paraboloid: the noise is that before contact, chi-square and error bar far above.

    The paraboloid touches later than the cone: some of the contact is taken for noise, but no more than a half of it.
    """
    noise = 1e-11
    rng = np.random.default_rng(5)
    own = Source([noise * rng.standard_normal(270) for _ in range(16)], 50.0)
    right = hertz(own, 400 * noise, 0.5)
    deepest = -right.height.min()
    cone = right._replace(force=lambda at: 400 * noise * (np.maximum(-at, 0) / deepest) ** 2)
    bars = []
    for contact, above, excess in ((right, (0.7, 1.4), 0.25), (cone, (10, np.inf), 0.5)):
        found = fit(sessions(own, contact, 16, 16, rng), Hertz(radius=RADIUS))
        np.testing.assert_allclose(found["noise_std"], noise, rtol=excess)
        assert above[0] < np.median(found["reduced_chi_square"]) < above[1]
        bars.append(float((found["modulus_std_noise"] / found["modulus"]).median()))
    assert bars[1] > 2 * bars[0]


@pytest.mark.study
def test_the_tilt_that_is_taken_off_carries_its_noise_into_the_modulus():
    """White noise on a stiff contact under a soft lever with a seventh of the ramp before contact: 128 errors hold
    their own standard deviation to 6 %; bars that take the tilt off the force alone are three times too small here."""
    rng = np.random.default_rng(4)
    own = Source([1e-12 * rng.standard_normal(270) for _ in range(128)], 0.2)
    contact = jkr(own, 60e-12, 0.85, 20e-12)
    data = sessions(own, contact, 128, 128, rng)
    found = fit(data, JKR(radius=RADIUS), "retract")
    for quantity in ("modulus", "work_of_adhesion", "contact_point"):
        error = found[quantity].values - contact.truth[quantity]
        assert np.median(found[f"{quantity}_std_noise"]) == pytest.approx(error.std(), rel=0.25), quantity
        above = found[f"{quantity}_high"] - found[quantity]
        assert (above > 1.9 * found[f"{quantity}_std"]).all()  # no normal error is known better than 1.96
        assert (found[f"{quantity}_dof"] > 1).all()
    assert (found["modulus_low"] >= 0).all()


def test_samples_of_the_jump_are_drawn_where_they_are():
    """They are data and not fitted: at their own tip position, and without a fit beside them."""
    rng = np.random.default_rng(6)
    own = Source([1e-12 * rng.standard_normal(270) for _ in range(4)], 0.2)
    data = sessions(own, jkr(own, 60e-12, 0.5, 20e-12), 4, 4, rng)
    found = fit(data, JKR(radius=RADIUS), "retract")
    tip = (data["height"] + data["force"] / 0.2).isel(segment=0).values
    for shown, fitted, all_tips in zip(found["display_tip_position"].values, found["display_fit"].values, tip):
        known = np.isfinite(shown)
        away = np.abs(shown[known, None] - all_tips).min(axis=1)
        assert away.max() < 1e-3 * np.ptp(all_tips)
        steps = np.abs(np.diff(shown[known]))
        assert steps.max() < 0.2 * np.ptp(all_tips)  # of 120 samples: no line runs back across the plot
        assert np.isfinite(fitted[known]).sum() > 100


def test_spoilt_curves_are_flagged_and_sound_ones_are_not():
    faults = {"no_contact": 0.1, "saturated": 0.1, "contact_out_of_range": 0.1}
    data = virtual_map(rows=12, columns=12, samples=256, seed=3, instrument=Instrument(faults=faults)).load()
    found = fit(data, JKR(radius=5e-6), "retract")
    spoilt = data["true_outcome"].values != Outcome.converged
    usable = found["flag"].values <= Outcome.short_baseline
    assert spoilt.sum() > 20
    assert (usable[~spoilt]).mean() > 0.98
    assert (~usable[spoilt]).mean() > 0.9  # some 'out of range' curves still show enough baseline
    assert np.isnan(found["modulus"].values[found["flag"].values >= Outcome.contact_out_of_range]).all()


def test_a_wrong_model_is_called_a_misfit():
    data = virtual_map(rows=3, columns=3, samples=256, model=JKR(radius=5e-6, modulus=1e4, work_of_adhesion=1e-4),
                       noise=QUIET).load()
    found = fit(data, Hertz(radius=5e-6), "retract")
    assert found["flag"].isin([Outcome.misfit, Outcome.bound_hit]).all()  # its baseline is wrong too: E is lost in it


def test_calibration_is_kept_apart_from_noise(hertz_map):
    found = fit(hertz_map, Hertz(radius=5e-6), spring_constant_std=0.1, radius_std=0.2)
    expected = np.hypot(0.1, 0.5 * 0.2) * found["modulus"]
    np.testing.assert_allclose(found["modulus_std_calibration"], expected, rtol=1e-3)
    total = np.hypot(found["modulus_std_noise"], found["modulus_std_calibration"])
    np.testing.assert_allclose(found["modulus_std"], total)


def test_ragged_and_padded_curves_fit_as_alone(hertz_map):
    """A curve's result does not depend on the longer curves beside it."""
    noise = learn_noise(hertz_map, Hertz(radius=5e-6), segment="approach")
    every = fit_curves(hertz_map, Hertz(radius=5e-6), noise=noise)
    longer = hertz_map.pad(sample=(0, 200))
    longer = longer.assign_coords(sample_count=hertz_map["sample_count"])
    for name in ("height", "force", "deflection", "time"):
        longer[name].attrs = hertz_map[name].attrs
    alone = fit_curves(longer.isel(curve=[5]), Hertz(radius=5e-6), noise=noise)
    np.testing.assert_allclose(alone["modulus"], every["modulus"][[5]], rtol=1e-6)


def test_results_survive_the_disk(hertz_map, tmp_path):
    found = fit(hertz_map, Hertz(radius=5e-6))
    found.to_netcdf(tmp_path / "r.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "r.nc", engine="h5netcdf") as stored:
        xr.testing.assert_identical(stored.load()["modulus"], found["modulus"])
        assert stored["flag"].attrs["flag_meanings"] == found["flag"].attrs["flag_meanings"]
        assert stored["modulus"].attrs["units"] == "Pa"


def test_missing_calibration_is_asked_for_by_name(hertz_map):
    bare = hertz_map.drop_vars(["force", "deflection"])
    bare["deflection_voltage"] = hertz_map["deflection"] / 5e-8
    unknown = np.full(bare.sizes["curve"], np.nan)
    bare = bare.assign_coords(spring_constant=("curve", unknown), sensitivity=("curve", unknown))
    with pytest.raises(MissingCalibration, match="--sensitivity and --spring-constant"):
        fit(bare, Hertz(radius=5e-6))


def test_an_unknown_segment_is_named(hertz_map):
    said = "segment = 'pause': the curves have none of this name; they have approach, retract"
    with pytest.raises(ValueError, match=said):
        fit(hertz_map, Hertz(radius=5e-6), "pause")


@pytest.mark.parametrize(("model", "segment"), [
    (Hertz(radius=5e-6, modulus=1e4), "approach"), (JKR(radius=5e-6, modulus=1e4, work_of_adhesion=1e-4), "retract")])
def test_specimens_without_noise_are_exact(model, segment):
    """Also of half of the depth, with and without a jump off contact."""
    data = virtual_map(rows=2, columns=2, samples=256, model=model, noise=Noise.silent(),
                       specimen=Specimen.uniform()).load()
    found = fit(data, type(model)(radius=5e-6), segment)
    np.testing.assert_allclose(found["modulus"], data["true_modulus"], rtol=1e-6)
    np.testing.assert_allclose(found["modulus_half_depth"], data["true_modulus"], rtol=1e-6)


def test_an_indentation_beyond_the_formula_is_flagged(hertz_map):
    """A layer of 0.1 um under a bead of 5 um: the contact radius is some ten times the thickness."""
    thin, thick = (fit(hertz_map, HertzBondedLayer(radius=5e-6, thickness=h)) for h in (1e-7, 1e-4))
    depth = thin["indentation_max"].values
    assert (depth > (4 * 1e-7) ** 2 / 5e-6).all()
    assert (thin["flag"] >= Outcome.bound_hit).all()
    assert (thick["flag"] < Outcome.bound_hit).all()
