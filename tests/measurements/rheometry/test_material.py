"""Spectra and relaxations from files: units, the material behind them, causality, curves with a hold, the pages."""

import json
import math
import re

import numpy as np
import pytest
import xarray as xr

import asperity
from asperity import units
from asperity.data import store
from asperity.data.readers._errors import ReadError
from asperity.data.readers.rheology_table import read_table
from asperity.measurements.replay import differences, replay
from asperity.measurements.rheometry import material as rheometry
from asperity.measurements.rheometry.bands import about_errors
from asperity.measurements.rheometry.page import page
from asperity.measurements.rheometry.power_law import power_law
from asperity.messages import ArgumentError, DataError
from asperity.rheology.smooth_error import SmoothError
from tests.conftest import shared_case, shared_data
from tests.test_cli import run

FREQUENCY = np.geomspace(0.1, 100, 16)


def solid(frequency: np.ndarray, time: float = 0.05) -> np.ndarray:
    """A standard linear solid, 1 kPa at rest and 3 kPa at once."""
    phase = 2j * math.pi * frequency * time
    return 1000 + 2000 * phase / (1 + phase)


def table(path, modulus, frequency=FREQUENCY, unit="kPa", factor=1e-3):
    rows = [f"{f:.9g},{factor * e.real:.9g},{factor * e.imag:.9g}" for f, e in zip(frequency, modulus)]
    path.write_text(f"frequency (Hz), storage_modulus ({unit}), loss_modulus ({unit})\n" + "\n".join(rows))
    return path


@pytest.fixture(scope="module", autouse=True)
def fewer_repetitions():
    """A p-value of at least 1 %, enough for the alarm at 5 %, and bands of at most 100 materials."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rheometry, "_REPEATS", 99)
        fewer_draws(patch, 100)
        yield


def fewer_draws(patch, most):
    """Where the command draws its 300 materials, ``most`` at most."""
    draw = rheometry.sampled
    patch.setattr(rheometry, "sampled", lambda *data, draws: draw(*data, draws=min(draws, most)))


@pytest.fixture(scope="module")
def noisy():
    rng = np.random.default_rng(0)
    truth = solid(FREQUENCY)
    return truth + 0.02 * np.abs(truth) * (rng.standard_normal(16) + 1j * rng.standard_normal(16))


@pytest.fixture(scope="module")
def made(noisy, tmp_path_factory):
    return rheometry.spectrum(table(tmp_path_factory.mktemp("s") / "solid.csv", noisy), noise=0.02, draws=100)


def test_units_of_a_table(tmp_path):
    found = read_table(table(tmp_path / "a.csv", solid(FREQUENCY)))
    np.testing.assert_allclose(found["storage_modulus"], solid(FREQUENCY).real, rtol=1e-8)
    again = read_table(table(tmp_path / "b.csv", solid(FREQUENCY), unit="Pa", factor=1.0))
    np.testing.assert_allclose(again["loss_modulus"], found["loss_modulus"], rtol=1e-8)
    angular = tmp_path / "c.csv"
    angular.write_text("omega [rad/s]; G' [Pa]; G'' [Pa]\n6.283185307; 5; 1\n62.83185307; 6; 2\n")
    shear = read_table(angular)
    np.testing.assert_allclose(shear["frequency"], [1, 10], rtol=1e-9)
    assert set(shear.data_vars) == {"shear_storage_modulus", "shear_loss_modulus"}


@pytest.mark.parametrize(("text", "message"), [
    ("f, E', E''\n1,2,3\n2,3,4\n", r"frequency, storage_modulus, loss_modulus have no unit.*frequency \(Hz\), stor"),
    ("f (Hz), E', E'' (Pa)\n1,2,3\n2,3,4\n", r"'storage_modulus' has no unit. .*for example: storage_modulus \(kPa\)"),
    ("f (Hz), storage_modulus (nm), loss_modulus (Pa)\n1,2,3\n2,3,4\n", "is in nm, expected Pa"),
    ("f (Hz), storage_modulus (Pa), loss_modulus (Pa)\n1,2,3\n2,x,4\n", "line 3, column 2 .*'x' is not a finite"),
    ("f (Hz), storage_modulus (Pa), loss_modulus (Pa)\n-1,2,3\n1,3,4\n", "not positive in every line"),
    ("a (Hz), b (Pa), c (Pa)\n1,2,3\n2,3,4\n", "the columns are unknown"),
    ("f (Hz)\n", "fewer than three lines"),
])
def test_a_table_that_is_none_says_why(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ReadError, match=message):
        read_table(tmp_path / "t.csv")


def test_the_material_is_found_and_causal(made):
    truth = solid(made["fit_frequency"].values)
    inside = (made["fit_frequency"] >= FREQUENCY[0]).values & (made["fit_frequency"] <= FREQUENCY[-1]).values
    found = made["storage_fit"].values + 1j * made["loss_fit"].values
    assert np.sqrt(np.mean(np.abs(found / truth - 1)[inside] ** 2)) < 0.02  # the noise of one point
    assert (made["loss_fit"] >= 0).all()
    assert made.attrs["alarm"] == 0
    held = (made["loss_fit_low"] <= truth.imag) & (truth.imag <= made["loss_fit_high"])
    assert held.values[inside].mean() > 0.5


def test_each_part_tells_the_other(made):
    middle = slice(4, 12)
    for part in ("storage", "loss"):
        off = (made[f"{part}_kk"] - made[f"{part}_modulus"]).values[middle]
        assert np.abs(off).max() < 0.15 * np.abs(solid(FREQUENCY)).max()


def test_a_phase_error_is_not_causal(noisy, tmp_path):
    turned = rheometry.spectrum(table(tmp_path / "t.csv", noisy * np.exp(-6j * math.pi / 180)), noise=0.02, draws=20)
    assert turned.attrs["alarm"] == 1
    code, out, _ = run("spectrum", tmp_path / "t.csv", "--noise", "2%", "--out", tmp_path / "t.nc")
    assert code == 1
    assert "No causal, dissipating material with the stated noise gives these data." in out


def test_noise_that_nobody_states_is_assumed_aloud(noisy, tmp_path):
    found = rheometry.spectrum(table(tmp_path / "s.csv", noisy), draws=20)
    assert "ASSUMED, because nobody said it: noise of 5 %" in found.attrs["findings"]


def test_it_is_made_again_from_its_history(made):
    assert max(differences(made, replay(made)).values()) == 0.0


def test_relaxation_and_creep_are_of_one_material(tmp_path):
    time = np.geomspace(0.01, 10, 40)
    values = 1000 + 2000 * np.exp(-time / 0.5)
    path = tmp_path / "r.csv"
    path.write_text("time (s), relaxation_modulus (Pa)\n" + "\n".join(f"{t},{e}" for t, e in zip(time, values)))
    found = asperity.relax(path, noise=0.01, draws=50)
    at = found["fit_time"].values
    np.testing.assert_allclose(found["relaxation_fit"], 1000 + 2000 * np.exp(-at / 0.5), rtol=0.02)
    slow = 1 / 1000 - (1 / 1000 - 1 / 3000) * np.exp(-at / 1.5)  # exact, of the same solid
    np.testing.assert_allclose(found["creep_fit"], slow, rtol=0.02)
    code, _, _ = run("relax", path, "--noise", "1%", "--out", tmp_path / "r.nc")
    assert code == 0
    assert (tmp_path / "r.html").stat().st_size > 100_000


def creep(path):
    """J(t) of a Zener solid, 1 kPa at rest, 3 kPa at once, after 1 % noise."""
    time = np.geomspace(0.01, 100, 40)
    exact = 1 / 1000 - (1 / 1000 - 1 / 3000) * np.exp(-time / 1.5)
    values = exact * (1 + 0.01 * np.random.default_rng(1).normal(size=40))
    rows = [f"{t:.6g};{1e3 * j:.6g}".replace(".", ",") for t, j in zip(time, values)]
    path.write_text("\n".join(["t/s;J/kPa^-1", *rows]))
    return path


@pytest.mark.study
def test_creep_and_its_relaxation_are_of_one_material(tmp_path):
    found = asperity.relax(creep(tmp_path / "j.csv"), noise=0.01, draws=50)
    at = found["fit_time"].values
    relaxed = 1000 + 2000 * np.exp(-at / 0.5)
    np.testing.assert_allclose(found["relaxation_fit"], relaxed, rtol=0.03)
    assert ((found["relaxation_fit_low"] <= relaxed) & (relaxed <= found["relaxation_fit_high"])).mean() > 0.8
    assert "relaxation_density" not in found
    assert found["retardation_density"].attrs["units"] == "1/Pa"
    code, out, _ = run("relax", tmp_path / "j.csv", "--noise", "1%", "--out", tmp_path / "j.nc")
    assert code == 0
    assert "The data are those of a creeping material" in out
    assert "noise is 1 % of the compliance" in out
    assert "modulus at once: " in out
    assert "viscosity of steady flow: >" in out or "viscosity of steady flow: none seen" in out
    assert "Retardation times" in (tmp_path / "j.html").read_text(encoding="utf-8")


@pytest.mark.study
def test_the_modulus_at_once_may_be_as_low_as_the_first_time_shows(tmp_path):
    """No datum tells what creeps before the first: "> 6.47 kPa (95 %)" was said of 5.0 in two of ten such tables."""
    time = np.geomspace(1e-3, 100, 41)
    exact = 1 / 1000 - (1 / 1000 - 1 / 5000) * np.exp(-time / 1.5)
    for seed in range(6):
        noisy = exact * (1 + 0.03 * np.random.default_rng([5, seed]).normal(size=41))
        told = page(asperity.relax(times(tmp_path / "J.csv", "creep_compliance (1/Pa)", noisy, time), draws=30))
        line = next(row.line for row in told.findings if row.name == "modulus at once")
        least = re.search(r"(?:> |\()([\d.]+ k?Pa)", line)
        assert units.parse(least[1], "Pa") < 5000, line


def test_a_falling_compliance_is_no_creep(tmp_path):
    time = np.geomspace(0.1, 10, 20)
    path = tmp_path / "j.csv"
    path.write_text("t (s),J (1/Pa)\n" + "\n".join(f"{t},{1e-3 * t**-0.3}" for t in time))
    code, out, _ = run("relax", path, "--noise", "1%", "--out", tmp_path / "j.nc")
    assert code == 1
    assert "No creeping material with the stated noise gives these data." in out


def melt(frequency):
    """The shear modulus of 20 modes of Rouse, 1 s the slowest, and its viscosity at rate zero."""
    mode = 1 / np.arange(1, 21) ** 2.0
    phase = 2j * math.pi * frequency[:, None] * mode
    return (1000 * phase / (1 + phase)).sum(1), 1000 * mode.sum()


@pytest.mark.parametrize(("lowest", "reached"), [(0.005, True), (1.0, False)])
def test_the_viscosity_of_a_melt_is_named_as_what_it_is(lowest, reached, tmp_path):
    frequency = np.geomspace(lowest, 100, 25)
    exact, viscosity = melt(frequency)
    rng = np.random.default_rng(3)
    values = exact + 0.02 * np.abs(exact) * (rng.standard_normal(25) + 1j * rng.standard_normal(25))
    path = table(tmp_path / "m.csv", values, frequency)
    path.write_text(path.read_text().replace("storage_modulus", "G'").replace("loss_modulus", "G''"))
    code, out, _ = run("spectrum", path, "--noise", "2%", "--out", tmp_path / "m.nc")
    made = store.load(tmp_path / "m.nc")
    assert code == 0
    assert "viscosity" not in made
    assert float(made["parallel_dashpot"]) < 0.1 * viscosity
    low, high = (float(made[f"zero_rate_viscosity{end}"]) for end in ("_low", "_high"))
    if reached:
        assert low <= viscosity <= high < 3 * low
        assert "zero-shear viscosity: 1." in out
    else:
        assert np.isnan(low)
        assert "zero-shear viscosity: not reached" in out
    assert "equilibrium modulus: < " in out


def test_a_solid_has_no_viscosity_at_rate_zero(made):
    assert int(made["terminal"]) == -1 or np.isnan(float(made["zero_rate_viscosity"]))
    assert float(made["equilibrium_modulus_low"]) <= 1000 <= float(made["equilibrium_modulus_high"])


def test_smooth_errors_are_learnt_stated_or_left_out_aloud(noisy, tmp_path):
    path = table(tmp_path / "s.csv", noisy)
    widths, said = [], []
    for share in (None, 0.9, 0.0):
        found = rheometry.spectrum(path, noise=0.02, smooth_share=share, draws=60)
        widths.append(float((found["storage_fit_high"] - found["storage_fit_low"]).median()))
        lines = json.loads(found.attrs["findings"])
        said.append(next(line for line in lines if "smooth" in line or "independent" in line))
        assert (found["storage_fit_low"] <= found["storage_fit"]).all()
        assert (found["storage_fit"] <= found["storage_fit_high"]).all()
    assert widths[1] > 1.3 * widths[2]
    assert "what the scatter from point to point leaves of it" in said[0]
    assert "90 % is taken as smooth (gain and phase that drift over decades), as stated" in said[1]
    assert "independent from point to point, as stated" in said[2]
    code, out, _ = run("spectrum", path, "--noise", "2%", "--smooth-share", "0", "--out", tmp_path / "s.nc")
    assert code == 0
    assert said[2] in out
    assert said[2][:40] in (tmp_path / "s.html").read_text(encoding="utf-8")
    with pytest.raises(ArgumentError, match="smooth_share = 1"):
        rheometry.spectrum(path, smooth_share=1.0)


@pytest.mark.parametrize(("command", "name", "noise", "code", "headline"), [
    ("relax", "relax_rising.csv", "1%", 1, "No relaxing material with the stated noise gives these data."),
    ("relax", "relax_t0.csv", "1%", 0, "The row at time 0 is left out"),
    ("spectrum", "spectrum_comma_dec.csv", "2%", 0, "31 points from 0.628 to 628 rad/s"),
    ("spectrum", "spectrum_abs_phase.csv", "2%", 0, "31 points from 0.628 to 628 rad/s")])
def test_what_people_reported(command, name, noise, code, headline, tmp_path):
    found, out, _ = run(command, shared_case(name), "--noise", noise, "--out", tmp_path / "c.nc")
    assert (found, headline in out) == (code, True)


def test_what_is_no_spectrum_is_refused():
    with pytest.raises(DataError, match="no spectrum: it needs storage_modulus"):
        rheometry.spectrum(xr.Dataset({"a": ("frequency", [1.0])}, {"frequency": [1.0]}))
    few = xr.Dataset({name: ("frequency", [1.0, 2.0]) for name in ("storage_modulus", "loss_modulus")},
                     {"frequency": [1.0, 2.0]})
    with pytest.raises(DataError, match="2 points have both moduli: at least 5"):
        rheometry.spectrum(few)


@pytest.mark.study
def test_a_measured_map_of_sines(tmp_path):
    """The 300 Hz points are flagged in every curve: their storage is negative, which a passive sample is not."""
    path = shared_data("force/jpk/map-data-2021.11.05-17.37.44.432.jpk-force-map")
    code, out, err = run("spectrum", path, "--radius", "2.5um", "--out", tmp_path / "m.nc")
    assert code == 0
    assert "negative_storage" in err or "5 points" in out
    made = store.load(tmp_path / "m.nc")
    assert made.sizes["frequency"] == 5
    assert float(made["frequency"].max()) < 300
    assert (made["storage_modulus_std"] > 0).all()


@pytest.mark.study
@pytest.mark.parametrize(("name", "usable"), [
    ("AFM_relaxation.txt", True), ("fmt-jpk-cc_pr14-brain-2021.06.30.jpk-force", True),
    ("fmt-jpk-sr_cell1-0008.jpk-force", False)])
def test_measured_holds(name, usable, tmp_path):
    code, _, _ = run("relax", shared_data(f"force/rheology/{name}"), "--radius", "2.5um", "--out", tmp_path / "h.nc")
    made = store.load(tmp_path / "h.nc")
    assert code == (0 if usable else 1)
    assert (made["flag"].values == 0).all() == usable
    if usable:
        relaxed = made["relaxation_fit"].values[0]
        assert (np.diff(relaxed) <= 0).all()
        assert (made["relaxation_fit_low"].values <= made["relaxation_fit"].values).all()
        assert float(made["residual"][0]) < 0.05
    else:
        assert "its history is not known" in " ".join(json.loads(made.attrs["findings"]))


def test_adhesion_is_left_out_and_said_so():
    from asperity.measurements.rheometry.hold import holds
    from asperity.virtual.force_map import virtual_map

    curves = virtual_map(rows=1, columns=1, samples=64)
    with pytest.raises(ArgumentError, match="JKR has adhesion"):
        power_law(curves, {"name": "jkr", "radius": 5e-6})
    with pytest.raises(DataError, match="no hold: it needs an approach and a pause after it"):
        holds(curves, {"name": "hertz", "radius": 5e-6})


def times(path, title, values, time=None):
    time = np.logspace(-2, 2, 30) if time is None else time
    path.write_text(f"time (s),{title}\n" + "".join(f"{t:.8g},{v:.8g}\n" for t, v in zip(time, values)))
    return path


def test_noise_of_a_third_of_the_modulus_that_is_stated_is_no_alarm(tmp_path):
    """Of each measured value, what is small by chance counted as surer: 5 of 9 such tables were no material."""
    rng, time = np.random.default_rng(40), np.logspace(-2, 2, 30)
    noisy = 1 + 0.35 * rng.standard_normal((2, 30))
    relaxing = times(tmp_path / "E.csv", "relaxation_modulus (Pa)", (1000 + 2000 * np.exp(-time)) * noisy[0])
    creeping = times(tmp_path / "J.csv", "creep_compliance (1/Pa)", 1e-3 * (1 - 2 / 3 * np.exp(-time / 3)) * noisy[1])
    for path in (relaxing, creeping):
        assert rheometry.relax(path, noise=0.35, draws=10).attrs["alarm"] == 0


@pytest.mark.parametrize("noise", [0.02, None])
def test_a_spring_is_not_above_the_modulus_that_it_is_a_part_of(tmp_path, noise):
    """A Zener solid with E' = 1.00 kPa at the lowest frequency had a spring of less than 1.93 kPa."""
    frequency = np.geomspace(0.01, 100, 13)
    rng = np.random.default_rng(3)
    values = solid(frequency, 0.1 / (2 * math.pi)) * (1 + 0.02 * rng.standard_normal(13))
    found = rheometry.spectrum(table(tmp_path / "s.csv", values, frequency), noise=noise, draws=100)
    first = float(found["storage_fit_high"].sel(fit_frequency=frequency[0], method="nearest"))
    assert 950 < float(found["equilibrium_modulus_high"]) < min(1.02 * first, 1250)
    time = np.logspace(-2, 2, 30)
    relaxed = rheometry.relax(times(tmp_path / "E.csv", "modulus (Pa)", 1000 + 2000 * np.exp(-time)), noise=noise,
                              draws=100)
    assert 950 < float(relaxed["equilibrium_modulus_high"]) <= 1.001 * float(relaxed["relaxation_fit_high"][-1])


def test_a_table_of_both_relaxation_and_creep_is_asked_for_one(tmp_path):
    path = tmp_path / "b.csv"
    rows = "".join(f"{t},{1000 + 1000 / t},{t / (1000 * t + 1000)}\n" for t in range(1, 10))
    path.write_text(f"time (s),relaxation_modulus (Pa),creep_compliance (1/Pa)\n{rows}")
    with pytest.raises(DataError, match=r"both relaxation_modulus and creep_compliance.*one of the two columns"):
        rheometry.relax(path, noise=0.02)


def test_rows_at_one_place_that_scatter_by_more_than_the_noise_are_said(tmp_path):
    frequency = np.r_[FREQUENCY, FREQUENCY]
    values = np.r_[solid(FREQUENCY), 1.1 * solid(FREQUENCY)]
    path = table(tmp_path / "dup.csv", values, frequency)
    assert read_table(path).attrs["repeat_scatter"] == pytest.approx(0.05 / 1.05, rel=1e-6)  # sqrt(2 / 2 numbers)
    said = json.loads(rheometry.spectrum(path, noise=0.02, draws=10).attrs["findings"])
    assert "WARNING: rows at one frequency scatter by 4.8 % (standard deviation), more than the noise of 2 %" in said[0]
    assert "Give a noise of 4.8 % or more" in said[0]
    assert not rheometry.spectrum(path, noise=0.05, draws=10).attrs["findings"].count("WARNING")


def test_moduli_that_are_negative_or_zero_throughout_are_named(tmp_path):
    with pytest.raises(DataError, match=r"storage_modulus is negative in all 16 rows.*sign"):
        rheometry.spectrum(table(tmp_path / "n.csv", -solid(FREQUENCY)))
    with pytest.raises(DataError, match="storage_modulus is 0 in all 16 rows"):
        rheometry.spectrum(table(tmp_path / "z.csv", 0 * solid(FREQUENCY)))
    for factor, message in ((-1, "negative in all 30 rows"), (0, "0 in all 30 rows")):
        with pytest.raises(DataError, match=message):
            rheometry.relax(times(tmp_path / "t.csv", "relaxation_modulus (Pa)", np.full(30, factor * 1000.0)))


def test_some_negative_values_are_an_alarm_without_a_warning(tmp_path):
    values = 1000 + 2000 * np.exp(-np.logspace(-2, 2, 30))
    values[-6:] = -50
    found = rheometry.relax(times(tmp_path / "t.csv", "relaxation_modulus (Pa)", values), noise=0.02, draws=20)
    assert found.attrs["alarm"] == 1


def test_a_modulus_beside_a_phase_is_its_magnitude(tmp_path):
    modulus = solid(FREQUENCY)
    rows = [f"{f:.9g},{abs(e):.9g},{math.degrees(np.angle(e)):.9g}" for f, e in zip(FREQUENCY, modulus)]
    (tmp_path / "p.csv").write_text("frequency (Hz),modulus (Pa),phase (deg)\n" + "\n".join(rows))
    found = read_table(tmp_path / "p.csv")
    np.testing.assert_allclose(found["loss_modulus"], modulus.imag, rtol=1e-7)
    assert set(found.data_vars) == {"storage_modulus", "loss_modulus"}


def test_an_alarm_says_that_the_noise_is_relative_to_each_value(tmp_path):
    time = np.logspace(-2, 1.5, 30)
    values = 2000 * np.exp(-time) + 20 * np.random.default_rng(4).standard_normal(30)
    path = times(tmp_path / "m.csv", "relaxation_modulus (Pa)", values, time)
    found = rheometry.relax(path, noise=0.02, draws=20)
    assert found.attrs["alarm"] == 1
    assert "relative to each value" in found.attrs["findings"]
    assert "relaxation_modulus_std (Pa)" in found.attrs["findings"]
    rows = "".join(f"{t:.8g},{v:.8g},20\n" for t, v in zip(time, values))
    path.write_text(f"time (s),relaxation_modulus (Pa),relaxation_modulus_std (Pa)\n{rows}")
    stated = rheometry.relax(path, draws=20)
    assert stated.attrs["alarm"] == 0
    assert "relative to each value" not in stated.attrs["findings"]


def test_a_share_of_the_smooth_errors_without_a_range_is_one_number():
    one = SmoothError(np.array([0.97]), np.zeros(1, int), np.ones(1), ())
    assert "97 % is taken" in about_errors(one, None, ("gain",))
    two = SmoothError(np.array([0.3, 0.9]), np.zeros(2, int), np.array([0.5, 0.5]), ())
    assert "60 % (30 to 90) is taken" in about_errors(two, None, ("gain",))


def test_columns_of_which_nothing_is_made_are_said(tmp_path):
    """Of a table with E and G, one was taken without a word."""
    rows = "".join(f"{f},{3 * f},{2 * f},{f},{0.7 * f},1\n" for f in (1, 2, 4))
    (tmp_path / "t.csv").write_text("f (Hz),E' (Pa),E'' (Pa),G' (Pa),G'' (Pa),torque (N)\n" + rows)
    words = read_table(tmp_path / "t.csv").attrs["left_out"]
    assert "taken is storage_modulus and loss_modulus, and nothing is made of shear_storage_modulus" in words
    assert "torque (N)" in words
    (tmp_path / "t.csv").write_text("f (Hz),E' (Pa),G'' (Pa)\n1,3,2\n2,4,2\n4,5,2\n")
    with pytest.raises(ReadError, match=r"one part of E\* and one of G\*"):
        read_table(tmp_path / "t.csv")


def test_a_phase_of_the_other_sign_is_named(tmp_path):
    rows = "".join(f"{f:g},{250 * f**0.3:.6g},{{}}27\n" for f in np.geomspace(0.01, 100, 21))
    for sign, hint in (("-", True), ("", False)):
        (tmp_path / "t.csv").write_text("frequency (Hz),|E*| (Pa),phase (deg)\n" + rows.replace("{}", sign))
        said = rheometry.spectrum(tmp_path / "t.csv", draws=20).attrs["findings"]
        assert ("has the other sign" in said) is hint
