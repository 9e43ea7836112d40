"""Calibrations of the virtual instrument give its constants back, with honest errors, and go into an analysis."""

import json
import re
import sys

import numpy as np
import pytest

import asperity
from asperity import calibrate
from asperity.data import calibrations as calibration
from asperity.data import store
from asperity.data.calibrations import CalibrationError
from asperity.instrument.tip_shape import SphereCone, on_grid
from asperity.measurements.calibration.page import constants_in_words
from asperity.measurements.replay import VERBS
from asperity.messages import AsperityError
from asperity.virtual.calibration import stiff_curves, virtual_spectrum
from asperity.virtual.force_map import Instrument
from asperity.virtual.image import Imaging, virtual_images
from asperity.virtual.scanner import driven, virtual_scanner
from asperity.virtual.surface import self_affine
from tests.conftest import shared_data
from tests.test_cli import run

LEVER = Instrument(spring_constant=0.2, sensitivity=60e-9, resonance=60e3, quality=120.0)


def said(made) -> str:
    return " ".join(json.loads(made.attrs["findings"]))


@pytest.fixture(scope="module")
def stiff():
    """Curves with a sensor, and the same without one: the loop of the piezo is open by a tenth."""
    curves, piezo = stiff_curves(LEVER, curves=6, samples=800), virtual_scanner(1.3e-6)
    return driven(curves, piezo), driven(curves, piezo, sensor=False)


@pytest.fixture(scope="module")
def scanner(stiff):
    return calibrate.scanner(stiff[0])


@pytest.fixture(scope="module")
def sensitivity(stiff):
    return calibrate.sensitivity(stiff[0])


def test_the_sensitivity_from_a_sensor(sensitivity):
    off = float(sensitivity["sensitivity"]) - LEVER.sensitivity
    assert abs(off) < 1e-3 * LEVER.sensitivity
    assert sensitivity["sensitivity"].attrs["units"] == "m/V"


def test_the_sensitivity_from_a_drive_is_wrong_and_says_so(stiff, scanner):
    """The figure asked for: within 0.5 % after the inversion of a loop open by more than 5 %."""
    raw, mended = calibrate.sensitivity(stiff[1]), calibrate.sensitivity(stiff[1], scanner=scanner)
    assert abs(float(raw["sensitivity"]) / LEVER.sensitivity - 1) > 0.02
    assert "hysteresis of the scanner biases the sensitivity" in said(raw)
    assert float(raw["sensitivity_std"]) > abs(float(raw["sensitivity"]) - LEVER.sensitivity)
    assert abs(float(mended["sensitivity"]) / LEVER.sensitivity - 1) < 5e-3


def soft(stiff, ratio):
    """The same curves on a surface that yields as under a sphere, so many times as stiff as the lever at the end."""
    height, made = stiff["height"].values, stiff.copy(deep=True)
    rise = np.linspace(0, 1, 2001)
    pressed = -np.nanmin(height)
    way = rise + rise ** (2 / 3) / ratio / (2 / 3)
    for name, scale in (("deflection_voltage", 1 / LEVER.sensitivity),):
        bent = pressed / way[-1] * np.interp(-height, pressed * way / way[-1], rise) * scale
        made[name] = made[name].copy(data=np.where(height < 0, bent, 0.0) + np.where(height > 0, made[name].values, 0)
                                     + 2e-10 * scale * np.random.default_rng(0).normal(size=height.shape))
    return made


def test_a_surface_that_yields_gives_no_sensitivity_and_says_why(tmp_path):
    """Contact as stiff as the lever (it gave nearly twice the sensitivity), and 5 times."""
    for ratio in (1.0, 5.0):
        with pytest.raises(CalibrationError, match=r"bent like that of a surface that yields.*glass, mica, silicon"):
            calibrate.sensitivity(soft(stiff_curves(LEVER, curves=2), ratio))
    store.save(soft(stiff_curves(LEVER, curves=1), 1.0), tmp_path / "soft.nc")
    code, _, err = run("calibrate", "sensitivity", tmp_path / "soft.nc", "--out", tmp_path / "s.nc")
    assert code == 2
    assert "surface that yields" in " ".join(err.split())
    assert not (tmp_path / "s.nc").exists()


@pytest.mark.parametrize("file", ["force/jpk/fmt-jpk-fd_spot3-0192.jpk-force",
                                  "force/rheology/fmt-jpk-sr_cell1-0008.jpk-force"])
def test_measured_cells_give_no_sensitivity(file):
    with pytest.raises(CalibrationError, match="yields"):
        calibrate.sensitivity(shared_data(file))


def test_the_scanner_is_judged_on_curves_it_has_not_seen(scanner):
    stroke = 1.2e-6
    assert float(scanner["scanner_residual"]) < 1e-3 * stroke
    assert float(scanner["left_by_line"].std()) > 0.02 * stroke
    assert float(scanner["left_by_scanner"].std()) < 1e-3 * stroke
    assert "a straight line leaves" in said(scanner)


def test_the_spring_constant(sensitivity):
    """Eight spectra: the errors are as large as the statistical uncertainty says."""
    found = [calibrate.spring_constant(virtual_spectrum(LEVER, bins=2048, seed=seed), sensitivity=sensitivity)
             for seed in range(8)]
    off = [(float(one["spring_constant"]) - LEVER.spring_constant) / float(one["spring_constant_std_statistical"])
           for one in found]
    assert np.sqrt(np.mean(np.square(off))) < 1.8  # of 8 normal ones: 1 +- 0.25
    assert {one.attrs["sensitivity_exponent"] for one in found} == {-2.0}
    assert "nothing checks it" in said(found[0])


def test_a_spectrum_of_displacements_does_not_take_the_sensitivity_again(sensitivity):
    """In m^2/Hz: 31.8 TN/m for 0.05 N/m before. The uncertainty of the sensitivity counts; 5 % if it is not known."""
    volts = virtual_spectrum(LEVER, bins=2048)
    slope = float(sensitivity["sensitivity"])
    metres = volts.assign(power=("frequency", volts["power"].values * slope**2, {"units": "m^2/Hz"}))
    first = calibrate.spring_constant(volts, sensitivity=sensitivity)
    again = calibrate.spring_constant(metres, sensitivity=sensitivity)
    for name in ("spring_constant", "spring_constant_std"):
        assert float(again[name]) == pytest.approx(float(first[name]), rel=1e-5)
    assert "in m^2/Hz" not in said(first)
    assert "taken only for its uncertainty" in said(again)
    told, untold, held = (calibrate.spring_constant(one, sensitivity=number) for one, number in (
        (metres, slope), (metres, None), (metres.assign_attrs(sensitivity=slope), None)))
    for made in (told, untold, held):
        assert float(made["spring_constant"]) == pytest.approx(float(first["spring_constant"]), rel=1e-5)
        assert "sensitivity 5 %" in said(made)


def test_what_is_no_spring_constant_of_a_lever_is_refused(tmp_path):
    """A sensitivity in nm/V taken for m/V, and volts called metres: 2e-19 and 1e-16 N/m."""
    volts = virtual_spectrum(LEVER, bins=2048)
    with pytest.raises(CalibrationError, match=r"comes out as .* N/m, and levers have 0.0001 to 10000 N/m: check"):
        calibrate.spring_constant(volts, sensitivity=60.0)
    with pytest.raises(CalibrationError, match="check the unit of the spectrum"):
        calibrate.spring_constant(volts.assign(power=volts["power"].assign_attrs(units="m^2/Hz")))


def decimals(text):
    return len(text.partition(".")[2])


def test_no_calibration_shows_more_digits_than_its_error_carries(stiff, sensitivity, scanner):
    """Headline, page and findings: a value ends where its uncertainty has its second significant digit."""
    lever = {"width": 30e-6, "length": 190e-6}
    spectrum = virtual_spectrum(LEVER, bins=2048)
    constants = [sensitivity, calibrate.sensitivity(stiff[1]),
                 calibrate.spring_constant(spectrum, sensitivity=sensitivity),
                 calibrate.spring_constant(spectrum, sensitivity=60e-9),
                 calibrate.spring_constant(spectrum, lever=lever, fluid="air", method="sader")]
    for made in constants:
        for found in constants_in_words(made):
            value, *errors = re.findall(r"[-\u2212\d.]+", found.line)
            assert decimals(value) <= max(map(decimals, errors)), found.line
            largest = max(errors, key=float)
            assert len(largest.replace(".", "").lstrip("0")) <= 3, found.line
    for made in constants[2:]:
        stated = [re.match(r"(\w+): ([\d.]+) (m?)N/m, standard uncertainty ([\d.]+) % \w+, ([\d.]+) %", line)
                  for line in json.loads(made.attrs["findings"])]
        for row in filter(None, stated):
            value, parts = row[2], np.hypot(float(row[4]), float(row[5])) / 100
            assert 10 ** -decimals(value) > 0.9e-2 * parts * float(value), row[0]
            assert max(len(row[4].replace(".", "").lstrip("0")), len(row[5].replace(".", "").lstrip("0"))) <= 2


@pytest.mark.parametrize("as_json", [False, pytest.param(True, marks=pytest.mark.study)])  # some 6 s
def test_a_file_that_contradicts_its_only_method_gets_no_number(tmp_path, as_json):
    """The measured spectrum in air: 8.9 N/m by equipartition, 27.13 N/m in its header."""
    code, out, _ = run("calibrate", "spring-constant", shared_data("force/thermal/thermal.nid"), "--out",
                       tmp_path / "k.nc", *(["--json"] if as_json else []))
    assert code == 1
    if as_json:
        assert json.loads(out, parse_constant=pytest.fail)["spring_constant"] is None
    else:
        assert out.startswith("spring constant: no value\nThe method and the file disagree: no spring constant is")
    assert "no value" in (tmp_path / "k.html").read_text()
    made = store.load(tmp_path / "k.nc")
    assert np.isnan(made["spring_constant"])
    with pytest.raises(CalibrationError, match="gives no spring constant"):
        calibration.applied(calibration.records(made), "hertz", {"spring_constant": None}, {})
    insisted = calibrate.spring_constant(shared_data("force/thermal/thermal.nid"), method="equipartition")
    assert 8 < float(insisted["spring_constant"]) < 10


def test_methods_that_disagree_give_no_number(sensitivity, tmp_path):
    spectrum = virtual_spectrum(LEVER, bins=2048)
    lever = {"width": 30e-6, "width_std": 0.03, "length": 400e-6, "length_std": 0.02}
    refused = calibrate.spring_constant(spectrum, lever=lever, fluid="air", sensitivity=sensitivity)
    assert np.isnan(refused["spring_constant"])
    assert "the methods disagree, so no spring constant is given" in said(refused)
    with pytest.raises(CalibrationError, match=r"gives no spring constant .* insist on a method"):
        calibration.applied(calibration.records(refused), "hertz", {"spring_constant": None}, {})
    insisted = calibrate.spring_constant(spectrum, lever=lever, fluid="air", sensitivity=sensitivity,
                                         method="equipartition")
    assert abs(float(insisted["spring_constant"]) - 0.2) < 3 * float(insisted["spring_constant_std"])


def test_the_tip_is_an_upper_limit_close_to_the_truth():
    radius = 40e-9
    tip = on_grid(SphereCone(radius, 0.35), (15, 15), (5e-9, 5e-9))
    rough = self_affine((160, 160), hurst=0.5, rms=45e-9, shortest=2.0, longest=40.0)
    found = calibrate.tip(virtual_images(rough, Imaging(tip=tip), margin=8), size=15)
    assert (found["tip_height"].values >= tip - 1e-15).all()
    assert 0.99 * radius < float(found["radius"]) < 1.25 * radius
    assert "upper limit" in said(found)


def noisy_radius(seed):
    """The calibration of a tip by a noisy image, and the error of its radius in standard uncertainties."""
    radius = 40e-9
    tip = on_grid(SphereCone(radius, 0.35), (13, 13), (5e-9, 5e-9))
    rough = self_affine((144, 144), hurst=0.5, rms=45e-9, shortest=2.0, longest=40.0, seed=seed)
    found = calibrate.tip(virtual_images(rough, Imaging(tip=tip, noise=5e-11), margin=8, seed=seed), size=13)
    return found, (float(found["radius"]) - radius) / float(found["radius_std"])


def test_noise_does_not_enlarge_the_radius():
    """One noisy image; the errors of many are judged in tests/verify. The bound alone gave 1.2 times the truth."""
    found, off = noisy_radius(0)
    assert abs(off) < 2.0
    assert float(found["radius"]) == pytest.approx(40e-9, rel=0.1)
    assert float(found["tip_radius_limit"]) > 40e-9
    assert "the noise does not enlarge it" in said(found)


def test_the_digits_of_the_radius_are_those_that_the_pixel_allows():
    """Pixels of 19.5 nm: the reported file read 57.9945 nm +- 0.0051."""
    tip = on_grid(SphereCone(58e-9, 0.35), (13, 13), (19.5e-9, 19.5e-9))
    rough = self_affine((144, 144), hurst=0.5, rms=150e-9, shortest=2.0, longest=40.0)
    found = calibrate.tip(virtual_images(rough, Imaging(tip=tip, pixel=19.5e-9), margin=8).drop_vars("height_retrace"),
                          size=13)
    assert float(found["radius_std"]) > 19.5e-9**2 / (2 * 70e-9)


@pytest.mark.study  # some 5 s
def test_a_radius_beyond_its_own_limit_is_none():
    """Steps of a grating make a bound of no round shape: 167 um were given beside "at most 273 nm"."""
    found = calibrate.tip(shared_data("image/height/mi-1.mi"))
    assert np.isnan(found["radius"])
    assert "blunter than that bound itself allows" in found.attrs["findings"]


def test_an_image_that_falls_nowhere_tells_nothing_of_a_tip():
    """Noise above all heights: the limit was infinite, and ended in a traceback."""
    found = calibrate.tip(shared_data("image/height/spot_1-1000nm.ibw"))
    assert np.isnan(found["radius"])
    assert "nothing bounds its radius" in found.attrs["findings"]


def test_a_tip_cut_by_noise_gives_no_radius():
    """Without a retrace noise is not known; what it cuts is not given as a sharp tip."""
    tip = on_grid(SphereCone(40e-9, 0.35), (13, 13), (5e-9, 5e-9))
    rough = self_affine((144, 144), hurst=0.5, rms=45e-9, shortest=2.0, longest=40.0)
    image = virtual_images(rough, Imaging(tip=tip, noise=1e-9), margin=8).drop_vars("height_retrace")
    found = calibrate.tip(image, size=13)
    assert np.isnan(found["radius"])
    assert "No radius: the apex comes out sharper than a pixel of 5.00 nm" in said(found)
    with pytest.raises(CalibrationError, match="gives no radius"):
        calibration.applied(calibration.records(found), "hertz", {}, {})


@pytest.mark.parametrize(("call", "message"), [
    (lambda: calibrate.scanner(stiff_curves(LEVER, samples=200)), "no drive beside a sensor's height"),
    (lambda: calibrate.scanner(driven(stiff_curves(LEVER, curves=2, samples=200), virtual_scanner(1e-6))),
     "curves to learn from"),
    (lambda: calibrate.sensitivity(stiff_curves(LEVER, samples=200).rename(deflection_voltage="deflection")),
     "must be in m, found 'V'"),
    (lambda: calibrate.spring_constant(virtual_spectrum(LEVER, bins=512)), "no method is possible"),
    (lambda: calibrate.spring_constant(virtual_spectrum(LEVER), lever={"depth": 1.0}), "lever has no depth; known"),
    (lambda: calibrate.spring_constant(virtual_spectrum(LEVER), fluid="oil"), "fluid = .oil. is not known"),
    (lambda: calibrate.tip([], size=5), "images is an empty list"),
])
def test_what_cannot_be_calibrated_says_why(call, message):
    with pytest.raises(AsperityError, match=message):
        call()


def test_a_calibration_is_made_again_from_its_history(stiff, tmp_path):
    store.save(stiff[0], tmp_path / "stiff.nc")
    made = calibrate.sensitivity(tmp_path / "stiff.nc")
    from asperity.measurements.replay import differences, replay

    assert max(differences(made, replay(made)).values()) == 0.0
    assert {"calibrate.scanner", "calibrate.spring_constant", "calibrate.tip"} < set(VERBS)


def test_on_the_command_line(stiff, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    store.save(stiff[0], tmp_path / "stiff.nc")
    code, out, _ = run("calibrate", "sensitivity", tmp_path / "stiff.nc", "--out", tmp_path / "s.nc")
    assert code == 0
    assert "sensitivity: 60.0" in out
    assert (tmp_path / "s.html").stat().st_size > 10_000
    code, out, _ = run("calibrate", "scanner", tmp_path / "stiff.nc", "--out", tmp_path / "scanner.nc", "--json")
    assert code == 0
    assert json.loads(out)["scanner_residual"] < 2e-9
    code, out, _ = run("correct", tmp_path / "stiff.nc", "--calibration", tmp_path / "s.nc",
                       "--spring-constant", "0.2N/m", "--out", tmp_path / "c.nc")
    assert code == 0
    corrected = store.load(tmp_path / "c.nc")
    np.testing.assert_allclose(corrected["sensitivity"], 60e-9, rtol=1e-3)
    np.testing.assert_allclose(corrected["force"], 0.2 * corrected["deflection"], rtol=1e-12)
    code, _, err = run("calibrate", "scanner", shared_data("force/thermal/thermal.nid"), "--out", tmp_path / "x.nc")
    assert code == 2
    assert "Error:" in err


@pytest.mark.study
def test_measured_spectra_on_the_command_line(tmp_path):
    """The figures of the reference: 45.88 mN/m of the maker in water; header and methods far apart in the other."""
    water = shared_data("force/thermal/PFQNM-H2O-thermal-noise-data_vDeflection_2022.01.12-11.37.51.tnd")
    code, out, _ = run("calibrate", "spring-constant", water, "--out", tmp_path / "k.nc")
    assert code == 0
    made = store.load(tmp_path / "k.nc")
    assert abs(float(made["spring_constant"]) - 45.88e-3) < float(made["spring_constant_std"])
    assert "The file's own spring constant, 45.88 mN/m, agrees" in out
    code, out, _ = run("calibrate", "spring-constant", shared_data("force/thermal/thermal.nid"), "--width", "40um",
                       "--length", "225um", "--fluid", "air", "--out", tmp_path / "k.nc")
    assert code == 1
    assert "spring constant: no value" in out
    assert "27.13 N/m, agrees within two standard deviations with none of the methods" in out


@pytest.mark.study
def test_images_on_the_command_line(tmp_path):
    path = shared_data("image/height/di-2.di")
    code, out, _ = run("image", path, "--lines", "median", "--denoise", "--out", tmp_path / "i.nc")
    assert code == 0
    assert "300 nm x 300 nm" in out
    assert "Roughness Sq: 8.98 nm" in out
    assert (tmp_path / "i.html").stat().st_size > 100_000
    assert store.load(tmp_path / "i.nc")["height_std"].shape == (512, 512)
    code, out, err = run("image", path, "--channel", "phase")
    assert code == 2
    assert "channel = 'phase' is not known; known: height," in err


def test_the_module_is_lazy():
    assert "asperity.calibrate" in sys.modules
    assert asperity.calibrate is calibrate
