"""The verb for recorded motions: a force with a modulus from a table, what is refused, what is doubted."""

import json

import numpy as np
import pytest

import asperity
from asperity.learning.outcome import Outcome
from asperity.measurements.force_curves.fit import fit
from asperity.measurements.replay import differences, replay
from asperity.measurements.time_series.page import page
from asperity.measurements.time_series.series import series_model
from asperity.measurements.time_series.series_csv import as_curves, write_force
from asperity.messages import ArgumentError
from tests.conftest import shared_data
from tests.dynamics.tapped_lever import FREE, HAMAKER, HEIGHT, K, Q
from tests.dynamics.tapped_lever import motion as states_of
from tests.measurements.time_series.tapping_table import CUTOFF, F0, LEVER, MODULUS, RADIUS, law, write

TIP = {"name": "hertz", "radius": RADIUS, "poisson_ratio": 0.0}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    table = write(tmp_path_factory.mktemp("series") / "tapping.csv")
    return series_model(table, lever=LEVER, contact=TIP)


def test_force_and_modulus_of_a_deflection_with_noise(made):
    """Two picometers of noise: the force in contact, the modulus and the contact within their errors."""
    at, force = made["distance"].values, made["tip_force"].values
    inside = at < CUTOFF - 0.3e-9
    assert np.sqrt(np.mean((force - law(at))[inside] ** 2)) < 0.02 * law(at[0])
    assert abs(float(made["modulus"]) - MODULUS) < 3 * float(made["modulus_std"]) < 0.15 * MODULUS
    assert abs(float(made["contact_point"]) - CUTOFF) < 3 * float(made["contact_point_std"])
    assert float(made["detector_noise"]) == pytest.approx(2e-12, rel=0.1)
    assert int(made["flag"]) == 0
    assert json.loads(made.attrs["history"])[-1]["verb"] == "series_model"


def test_a_replay_gives_the_same(made):
    assert max(differences(made, replay(made)).values()) < 1e-9


def test_draws_of_the_force_are_fitted_as_force_curves(made):
    """The spread of the moduli of draws is what is not known: the truth lies in it."""
    curves = as_curves(made, LEVER["spring_constant"]).isel(curve=slice(0, 16))
    found = fit(curves, {"name": "dmt", "radius": RADIUS, "poisson_ratio": 0.0}, segment="approach")["modulus"].values
    assert abs(np.median(found) - MODULUS) < 3 * max(found.std(), 0.03 * MODULUS)


def test_the_force_is_a_force_table(made, tmp_path):
    from asperity.data.readers.force_table import force_table_shows, read_force_table

    path = write_force(made, tmp_path / "force.csv")
    assert force_table_shows(path) == "force"
    np.testing.assert_allclose(read_force_table(path)["force"].values[0], float(made["tip_force"][0]))


def test_a_drive_in_volts_needs_the_free_amplitude(tmp_path):
    path = write(tmp_path / "volts.csv", drive="mV")
    with pytest.raises(ArgumentError, match="free_amplitude"):
        series_model(path, lever=LEVER)
    found = series_model(path, lever={**LEVER, "free_amplitude": 20e-9}, contact=TIP)
    assert float(found["modulus"]) == pytest.approx(MODULUS, rel=0.15)


@pytest.mark.parametrize(("lever", "said"), [
    ({"spring_constant": 40.0}, "resonance_frequency and quality"), ({"mass": 1.0}, "nothing of that name"),
    ({**LEVER, "quality": -1.0}, "above 0")])
def test_levers_that_are_not_known_enough(tmp_path, lever, said):
    with pytest.raises(ArgumentError, match=said):
        series_model(write(tmp_path / "a.csv"), lever=lever)


def test_a_contact_that_attracts_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match="without adhesion"):
        series_model(write(tmp_path / "a.csv"), lever=LEVER, contact={"name": "jkr", "radius": RADIUS})


def test_motions_alone_are_modeled(tmp_path):
    found = asperity.series_model(write(tmp_path / "a.csv", drive=""))
    assert "tip_force" not in found
    strongest = int(np.argmax(found["contribution"].values))
    assert float(found["frequency"][strongest]) == pytest.approx(3e5, rel=0.03)
    assert {"prediction_error", "prediction_error_lifted", "prediction_error_relifted"} <= set(found.data_vars)


@pytest.mark.parametrize(("wrong", "said"), [
    ({"spring_constant": 80.0}, "drive"), *(pytest.param(*more, marks=pytest.mark.study) for more in (
        ({"quality": 200.0}, "quality"), ({"resonance_frequency": 303e3}, "frequency")))])
def test_a_lever_that_the_record_contradicts_gives_no_modulus(tmp_path, wrong, said):
    """A spring constant wrong by 2 is a force and a modulus wrong by 2, with the narrow band of its uncertainty."""
    found = series_model(write(tmp_path / "a.csv"), lever={**LEVER, "spring_constant_std": 0.05, **wrong}, contact=TIP)
    assert found["flag"].attrs["flag_meanings"].split()[int(found["flag"])] == "misfit"
    assert f"contradicts what is said of the lever: {said}" in found.attrs["findings"]
    assert "modulus" not in found


def test_departures_are_shares_also_where_they_are_large(tmp_path):
    found = series_model(write(tmp_path / "a.csv"), lever={**LEVER, "quality": 200.0})
    assert float(found["quality_departure"]) == pytest.approx(1.0, abs=0.1)


def test_a_force_of_another_tip_gives_no_modulus(tmp_path, made):
    """The recovered force of a sphere against a cone: chi-square tells, the force stays."""
    path = write(tmp_path / "a.csv", noise=1e-13)
    found = series_model(path, lever=LEVER, contact={"name": "cone", "half_angle": 0.35, "poisson_ratio": 0.0})
    assert float(found["contact_misfit"]) > 2 > float(made["contact_misfit"])
    assert "modulus" not in found
    assert "not that of this contact" in page(found).headline
    assert int(found["flag"]) != 0


def test_a_flat_end_tells_no_modulus(tmp_path):
    """Its force grows in proportion to the depth: surface and attraction are one number."""
    found = series_model(write(tmp_path / "a.csv"), lever=LEVER, contact={"name": "flat_punch", "punch_radius": RADIUS})
    assert "not told apart" in found.attrs["findings"]


def test_a_contact_without_a_lever_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match="quality of the lever must be known"):
        series_model(write(tmp_path / "a.csv"), contact=TIP)


@pytest.mark.study
def test_a_velocity_of_another_scale_is_told(tmp_path):
    """Twice the velocity is no motion of the lever: the law does not settle, which is said, without a modulus."""
    at, states, drive = states_of()
    deflection, force, velocity = states[:, 0], K * drive, 2 * 2 * np.pi * F0 * states[:, 1]
    noise = 3e-12 * np.random.default_rng(0).standard_normal((2, len(at)))
    columns = [at / (2 * np.pi * F0), deflection + noise[0], velocity + 2 * np.pi * F0 * noise[1], force]
    np.savetxt(tmp_path / "a.csv", np.stack(columns, axis=1), delimiter=",", comments="",
               header="time (s), deflection (m), velocity (m/s), drive (N)")
    made = series_model(tmp_path / "a.csv", lever=LEVER, contact=TIP)
    assert made["flag"] == Outcome.not_converged
    assert "modulus" not in made
    assert "did not settle: do not use it" in made.attrs["findings"]


@pytest.mark.study
def test_a_drive_that_is_sought_says_where(tmp_path):
    """A motion that settles beats beside its drive."""
    path = write(tmp_path / "a.csv", drive="")
    found = series_model(path, lever={**LEVER, "free_amplitude": 20e-9})
    assert "give --drive-frequency" in found.attrs["findings"]
    found = series_model(path, lever={**LEVER, "free_amplitude": 20e-9, "drive_frequency": F0}, contact=TIP)
    assert float(found["modulus"]) == pytest.approx(MODULUS, rel=0.15)


def test_a_tip_that_nobody_gave_is_said(tmp_path):
    found = series_model(write(tmp_path / "a.csv"), lever=LEVER, contact={"name": "hertz", "poisson_ratio": 0.3})
    assert json.loads(found.attrs["assumed"]) == {"radius": 1e-6}
    assert "ASSUMED, because nobody said it: radius" in found.attrs["findings"]


def tones(path, *parts, samples=2000, trend=0.0):
    """A table of tones (amplitude in nm, frequency in Hz) at 19.2 million samples in a second."""
    at = np.arange(samples) / 19.2e6
    seen = 0.01 * np.random.default_rng(1).standard_normal(samples) + trend * np.arange(samples) / samples
    seen = seen + sum(size * np.sin(2 * np.pi * frequency * at + 1) for size, frequency in parts)
    np.savetxt(path, np.stack([at * 1e6, seen], axis=1), delimiter=",", header="time (us), deflection (nm)",
               comments="", fmt="%.10g")
    return path


def sure(found):
    """The frequencies with a small residual."""
    return np.sort(found["frequency"].values[found["residual"].values < 0.05])


def test_a_fast_tone_is_not_taken_for_a_slow_one(tmp_path):
    """One sample of two is used: 8 MHz would be seen at 1.6 MHz."""
    found = series_model(tones(tmp_path / "a.csv", (10, 3e5), (2, 8e6)))
    np.testing.assert_allclose(sure(found), [3e5], rtol=1e-4)
    assert "above 3.84 MHz" in found.attrs["findings"]


def test_a_drift_does_not_hide_the_motion(tmp_path):
    found = series_model(tones(tmp_path / "a.csv", (10, 3e5), trend=200.0))
    assert sure(found)[-1] == pytest.approx(3e5, rel=1e-4)


def test_a_short_record_keeps_its_samples(tmp_path):
    found = series_model(tones(tmp_path / "a.csv", (10, 5e4), samples=1024))
    assert sure(found)[-1] == pytest.approx(5e4, rel=1e-2)
    assert found.sizes["step"] > 20


def test_noise_is_not_predicted(tmp_path):
    """Errors over many beginnings: about 1, of noise alone; rates are numbers."""
    found = series_model(tones(tmp_path / "a.csv"))
    assert 0.8 < float(np.mean(found["prediction_error"])) < 1.2
    assert np.isfinite(found["damping_rate"]).all()
    assert float(found["residual"].min()) > 0.5


def test_the_fastest_tone_there_can_be(tmp_path):
    """The map of an alternating signal is -1: half of the sampling rate, not 0."""
    path = tmp_path / "a.csv"
    path.write_text("time (us), deflection (nm)\n" + "".join(f"{i},{(-1) ** i}\n" for i in range(400)))
    assert float(series_model(path)["frequency"][0]) == pytest.approx(5e5)


def test_a_lever_of_several_modes_is_doubted():
    """A supplied simulation with three modes: what one mode leaves is no noise, and that is said."""
    path = shared_data("dynamics/tappingmode_sim") / "epoxy_1stMode_189.txt"
    found = series_model(path, lever={"spring_constant": 6.5, "resonance_frequency": 46e3, "quality": 150.0,
                                      "free_amplitude": 230e-9})
    assert found["flag"].attrs["flag_meanings"].split()[int(found["flag"])] in {"misfit", "not_converged"}
    assert float(found["frequency"][0]) == pytest.approx(46e3, rel=1e-3)


@pytest.mark.study
def test_a_motion_that_repeats_itself_does_not_tell_the_force(tmp_path):
    """A settled lever over 60 periods, by the leapfrog of this test, 3 pm of noise: 0.9 +- 0.2 GPa came of 2."""
    steps, per, modulus = 512, 64, 2e9 / (1 - 0.3**2)
    drive = FREE / Q * np.cos(2 * np.pi * (np.arange(steps) + 0.5) / steps)
    h, x, v, seen = 2 * np.pi / steps, 0.0, FREE, []

    def force(distance):
        depth = max(CUTOFF - distance, 0.0)
        attraction = HAMAKER * RADIUS / 6 / max(distance, CUTOFF) ** 2
        return 4 / 3 * modulus * RADIUS**0.5 * depth**1.5 - attraction

    for period in range(960):
        for i in range(steps):
            x += v * h / 2
            v = (v * (1 - h / Q / 2) + (drive[i] - x + force(HEIGHT + x) / K) * h) / (1 + h / Q / 2)
            x += v * h / 2
            if period >= 900 and i % (steps // per) == steps // per - 1:
                seen.append(x)
    at = 2 * np.pi / per * np.arange(1, len(seen) + 1)
    noisy = np.array(seen) + 3e-12 * np.random.default_rng(0).standard_normal(len(seen))
    columns = [at / (2 * np.pi * F0) * 1e6, noisy * 1e9, K * FREE / Q * np.cos(at) * 1e9]
    np.savetxt(tmp_path / "s.csv", np.stack(columns, axis=1), delimiter=",", comments="",
               header="time (us), deflection (nm), drive (nN)", fmt="%.10g")
    made = series_model(tmp_path / "s.csv", lever=LEVER)
    assert made["flag"] == Outcome.misfit
    assert "The motion repeats itself: its lower turning point moves by" in made.attrs["findings"]
    assert "Give the tip (--radius, --model)" in made.attrs["findings"]
