"""Spring constants against exact numbers, a published set of levers, vendors' files; errors by coverage."""

import jax
import numpy as np
import pytest
from scipy.integrate import solve_bvp

from asperity.data.readers.force_curves import open_dataset
from asperity.data.readers.thermal_spectra import open_spectrum
from asperity.instrument import spring_constant as sc
from asperity.instrument.calibration import calibrate, compare_with, withheld
from asperity.instrument.calibration_methods import Lever, Method, Surroundings, decide
from asperity.instrument.hydrodynamics import Fluid, air, water
from asperity.instrument.sensitivity import deflection_sensitivity, straight_sensitivity
from asperity.instrument.spring_constant import Estimate, Known
from asperity.instrument.thermal import HarmonicOscillator, ImmersedLever, spectral_density
from asperity.messages import DataError
from tests.conftest import shared_data

#: width, length (um), resonance (kHz), quality factor and N/m of Sader 1999 levers in air (1.18, 1.86e-5), as
#: listed in PyFMRheo's test_k_calibration; N/m computed from Sader's formula with 0.1906 and 3.1415
LEVERS = [(29, 397, 17.36, 55.5, 0.15731), (29, 197, 69.87, 136.0, 1.3035), (29, 97, 278.7, 309.0, 10.752),
          (20, 203, 10.31, 17.6, 0.010227), (20, 160, 15.61, 22.7, 0.017756),
          (20, 128, 24.03, 30.9, 0.034030), (20, 105, 36.85, 41.7, 0.066573), (20, 77, 64.26, 60.3, 0.15015)]
WATER = Fluid(997.0, 890e-6)
WATER_FILE = "force/thermal/PFQNM-H2O-thermal-noise-data_vDeflection_2022.01.12-11.37.51.tnd"
CURVE_FILE = "force/jpk/fmt-jpk-cl_calibration_force-save-2015.02.04-11.25.21.294.jpk-force"


# numbers


def test_factors_of_a_rectangular_lever():
    assert pytest.approx(0.970688, abs=5e-7) == sc.BETA
    assert pytest.approx(1.089716, abs=5e-7) == sc.CHI
    assert sc.BETA / sc.CHI**2 == pytest.approx(0.817435, abs=5e-7)
    assert np.sqrt(sc.BETA) / sc.CHI == pytest.approx(0.904121, abs=5e-7)


def test_factors_agree_with_the_beam_equation_solved_numerically():
    """w'''' = a^4 w, clamped and free, normalized to w(1) = 1: the same a^4 and slope at the end."""
    def beam(x, w, p):
        return np.vstack([w[1], w[2], w[3], p[0] * w[0]])

    def ends(left, right, p):
        return np.array([left[0], left[1], right[2], right[3], right[0] - 1])

    x = np.linspace(0, 1, 41)
    found = solve_bvp(beam, ends, x, np.vstack([x**2, 2 * x, 0 * x + 2, 0 * x]), [12.0], tol=1e-8)
    assert found.success
    assert pytest.approx(12 / found.p[0], rel=1e-6) == sc.BETA
    assert pytest.approx(1.5 / found.y[1, -1], rel=1e-6) == sc.CHI


@pytest.mark.parametrize(("width", "length", "resonance", "quality", "expected"), LEVERS)
def test_sader_agrees_with_the_published_levers(width, length, resonance, quality, expected):
    """To the digits printed, the rounded factor and the rounded pi (together 1.2e-4)."""
    k = sc.sader(resonance * 1e3, quality, width=width * 1e-6, length=length * 1e-6,
                 fluid=Fluid(1.18, 1.86e-5))
    assert k == pytest.approx(expected, rel=1.5e-4)


def test_the_vendors_water_lever_by_sader():
    values = {"width": 4.5e-6, "length": 54e-6, "fluid": WATER}
    assert sc.sader(24.25e3, 2.05, **values) == pytest.approx(44.51e-3, rel=1e-4)
    assert sc.sader(24.25e3, 2.05, **values, tilt=np.radians(10)) == pytest.approx(45.89e-3, rel=1e-4)


def test_equipartition_and_the_sensitivity_without_contact_are_inverse():
    s = sc.contact_free_sensitivity(0.05, 3e-5, 300.0)
    assert sc.equipartition(3e-5, 300.0, s) == pytest.approx(0.05, rel=1e-14)
    plain = sc.equipartition(3e-5, 300.0, 2 * s, beta=1, chi=1)
    assert plain == pytest.approx(0.05 / 4 * sc.CHI**2 / sc.BETA)


def test_a_coefficient_follows_its_law():
    a = sc.from_coefficient(20e3, 50.0, 1e-9)
    assert sc.from_coefficient(40e3, 100.0, 1e-9) / a == pytest.approx(2**2.3, rel=1e-12)
    assert sc.from_coefficient(20e3, 50.0, 1e-9, tilt=np.pi / 3) / a == pytest.approx(4.0)


def test_uncertainties_of_inputs_propagate_as_the_exponents_say():
    inputs = {"mean_square": Known(1e-5, 1e-7), "temperature": Known(300.0, 3.0),
              "sensitivity": Known(5e-8, 1e-9), "chi": Known(sc.CHI, 0.0)}
    _, parts = sc.propagate(sc.equipartition, inputs)
    assert parts == pytest.approx({"mean_square": 0.01, "temperature": 0.01, "sensitivity": 0.04}, rel=2e-3)
    _, std = sc.propagate_fit(lambda m, f, q: m * f**2 / q, [1.0, 2.0, 3.0],
                              [[1.0, 0.1, 0.2], [0.1, 2.0, 0.3], [0.2, 0.3, 3.0]])
    assert std**2 == pytest.approx(1 + 4 * 2 + 3 + 2 * (2 * 0.1 - 0.2 - 2 * 0.3), rel=1e-6)


# deciding between methods


def method(name, value, relative):
    return Method(name, Estimate(value, 0.0, value * relative), {"statistics": 0.0, "band": 0.0})


def test_methods_that_agree_are_not_averaged():
    name, k, said = decide([method("equipartition", 1.1, 0.1), method("sader", 1.0, 0.05)], None)
    assert (name, k.value, k.std) == ("sader", 1.0, pytest.approx(0.05))
    assert "agree" in said[0]


def test_methods_that_disagree_widen_the_error_until_it_covers_them():
    name, k, said = decide([method("equipartition", 1.3, 0.03), method("sader", 1.0, 0.02)], None)
    assert name == "sader"
    assert k.value + 2 * k.std >= 1.3 - 1e-12
    assert "disagree" in said[0]


def test_methods_far_apart_are_refused_unless_one_is_asked_for():
    far = [method("equipartition", 10.0, 0.1), method("sader", 25.0, 0.05)]
    name, k, said = decide(far, None)
    assert name == ""
    assert np.isnan(k.value)
    assert "no spring constant is given" in said[0]
    name, k, said = decide(far, "equipartition")
    assert (name, k.value) == ("equipartition", 10.0)
    assert k.value + 2 * k.std >= 25.0


def test_one_method_that_contradicts_the_file_gives_no_number():
    """Like two methods that disagree: a factor of 3 is refused, one of 1.2 not; two that agree outweigh the file."""
    frequency, power = spectrum_of(HarmonicOscillator(), 60e3, 100.0, 1e-20, 100, 0)
    found = calibrate(frequency, power, Lever(), Surroundings(300.0), sensitivity=Known(1.0, 0.0))
    k = found.spring_constant.value
    assert withheld(found, 1.2 * k) is found
    refused = withheld(found, 3 * k)
    assert (refused.method, np.isnan(refused.spring_constant.value)) == ("", True)
    assert "only equipartition is possible, and it is a factor of 3.00 from that" in refused.findings[-1]
    two = found._replace(methods=found.methods * 2)
    assert withheld(two, 3 * k) is two


# the whole way


def spectrum_of(model, resonance, quality, mean_square, averages, seed, bins=3000):
    frequency = 4 * resonance * np.arange(1, bins + 1) / bins
    plateau = mean_square * 2 / (np.pi * resonance * quality)
    with jax.enable_x64(True):
        density = spectral_density(model, frequency, (mean_square, resonance, quality, 0.05 * plateau,
                                                      0.02 * plateau * resonance))
    return frequency, np.asarray(density) * np.random.default_rng(seed).gamma(averages, 1 / averages, bins)


@pytest.mark.study
def test_in_water_the_likelier_model_is_the_true_one_and_lines_do_no_harm():
    k, s = 0.045, 11e-9
    mean_square = sc.equipartition(1.0, 298.15, s) / k
    model = ImmersedLever.of(4.5e-6, WATER, 60.0, 1e5)
    frequency, power = spectrum_of(model, 24e3, 2.0, mean_square, 100, 0)
    power[[240, 1000, 1800]] *= [300, 30, 1000]
    lever = Lever(Known(4.5e-6, 1e-7), Known(54e-6, 1e-6), beta=Known(sc.BETA, 0.0), chi=Known(sc.CHI, 0.0))
    found = calibrate(frequency, power, lever, Surroundings(Known(298.15, 0.5), *WATER),
                      sensitivity=Known(s, 1e-11), band=(1e3, 9.6e4))
    assert found.model == "immersed lever"
    assert found.fit.lines[[240, 1000, 1800]].all()
    assert any("3 electronic lines left out" in line for line in found.findings)
    equipartition = found.methods[0].spring_constant
    assert abs(equipartition.value - k) < 3 * equipartition.std_statistical
    assert any("harmonic oscillator" in line and "dominates" in line for line in found.findings)


def test_what_cannot_be_is_refused():
    frequency, power = spectrum_of(HarmonicOscillator(), 60e3, 100.0, 1e-5, 10, 0)
    with pytest.raises(ValueError, match="no method"):
        calibrate(frequency, power, Lever(), Surroundings(300.0))
    with pytest.raises(ValueError, match="'sader' is possible"):
        calibrate(frequency, power, Lever(), Surroundings(300.0), sensitivity=1e-7, method="sader")
    with pytest.raises(ValueError, match="temperature"):
        calibrate(frequency, power, Lever(), Surroundings(-3.0), sensitivity=1e-7)
    noise = np.random.default_rng(0).gamma(10, 0.1, len(frequency))
    with pytest.raises(ValueError, match="no resonance"):
        calibrate(frequency, noise, Lever(), Surroundings(300.0), sensitivity=1e-7, band=(6e3, 2.4e5))


# measured spectra


def test_the_vendors_constant_from_the_vendors_parameters():
    """JPK: 45.8785 mN/m from its own amplitude, frequency, quality factor, sensitivity and factor 0.9."""
    attrs = open_spectrum(shared_data(WATER_FILE)).attrs
    mean_square = np.pi / 2 * attrs["resonance"] * attrs["quality"] * attrs["amplitude_density"] ** 2
    k = sc.equipartition(mean_square, attrs["temperature"], attrs["sensitivity"],
                         beta=attrs["correction_factor"], chi=1.0)
    assert k == pytest.approx(attrs["spring_constant"], rel=1e-3)
    by_damping = sc.sader(attrs["resonance"], attrs["quality"], width=attrs["width"], length=attrs["length"],
                          fluid=Fluid(attrs["density"], attrs["viscosity"]), tilt=attrs["tilt"])
    assert by_damping == pytest.approx(attrs["spring_constant"], rel=1e-3)


@pytest.mark.study
def test_the_measured_water_spectrum_is_limited_by_the_model():
    spectrum = open_spectrum(shared_data(WATER_FILE))
    a = spectrum.attrs
    found = calibrate(spectrum.frequency.values, spectrum.power.values,
                      Lever(a["width"], a["length"], a["tilt"], beta=a["correction_factor"], chi=1.0),
                      Surroundings(a["temperature"], a["density"], a["viscosity"]),
                      sensitivity=a["sensitivity"], band=(2e3, 1e5))
    assert found.fit.scatter == pytest.approx(1.0, abs=0.1)  # one periodogram
    assert found.model == "immersed lever"
    oscillator, immersed = ([band.spring_constants["equipartition"].value for band in found.bands
                             if band.model == name] for name in ("harmonic oscillator", "immersed lever"))
    assert np.ptp(oscillator) > 2 * np.ptp(immersed)
    assert min(oscillator) < 43e-3 < 46e-3 < max(oscillator)  # the bands move the vendor's own model by 7 %
    dominated = [line for line in found.findings if "the error of the model dominates" in line]
    assert any(line.startswith("harmonic oscillator, equipartition") for line in dominated)
    assert abs(found.spring_constant.value - a["spring_constant"]) < 2 * found.spring_constant.std
    assert "agrees within two standard deviations with equipartition and sader" in compare_with(
        found, "header", a["spring_constant"])


@pytest.mark.study
def test_the_measured_spectrum_in_air_is_refused_because_methods_disagree():
    spectrum = open_spectrum(shared_data("force/thermal/thermal.nid"))
    lever = Lever(width=40e-6, length=225e-6)  # nominal dimensions of the lever named in the file
    surroundings = Surroundings(313.15, *air(313.15))
    values = spectrum.frequency.values, spectrum.power.values, lever, surroundings
    found = calibrate(*values, sensitivity=1.0)
    by_motion, by_damping = (m.spring_constant.value for m in found.methods)
    assert 8 < by_motion < 11.5
    assert 21 < by_damping < 26
    assert np.isnan(found.spring_constant.value)
    assert any("methods disagree" in line and "factor" in line for line in found.findings)
    insisted = calibrate(*values, sensitivity=1.0, method="sader").spring_constant
    assert insisted.value == by_damping
    assert insisted.value - 2 * insisted.std <= by_motion * (1 + 1e-9)
    header = spectrum.attrs
    assert sc.sader(header["resonance"], header["quality"], width=40e-6, length=225e-6,
                    fluid=Fluid(1.18, 1.86e-5)) == pytest.approx(25.4, rel=2e-3)


# the sensitivity


def stiff_curve(sensitivity, seed, samples=4000, noise=2e-3):
    """Approach and retract in sensor height (m), drive height with 5 % of hysteresis, and voltage (V)."""
    rng = np.random.default_rng(seed)
    part = np.linspace(0, 1, samples)
    true = 2e-6 - 2.3e-6 * part
    loop = 0.05 * 2.3e-6 * 4 * part * (1 - part)
    curves = {}
    for name, sign, order in (("approach", 1, slice(None)), ("retract", -1, slice(None, None, -1))):
        voltage = np.maximum(-true, 0) / sensitivity + noise * rng.normal(size=samples)
        sensor = true + 0.2e-9 * rng.normal(size=samples)
        curves[name] = [channel[order] for channel in (sensor, true + sign * loop, voltage)]
    return curves


def test_the_sensor_gives_the_sensitivity_and_the_drive_does_not():
    z = []
    for seed in range(20):
        curves = stiff_curve(50e-9, seed)
        found = deflection_sensitivity({n: (c[0], c[2]) for n, c in curves.items()}, sensor=True)
        assert found.sensitivity.value == pytest.approx(50e-9, rel=5e-3)
        z.append((found.sensitivity.value - 50e-9) / found.sensitivity.std)
    assert np.mean(np.abs(z) < 2) >= 0.8
    curves = stiff_curve(50e-9, 0)
    drive = deflection_sensitivity({n: (c[1], c[2]) for n, c in curves.items()}, sensor=False)
    one = deflection_sensitivity({"approach": (curves["approach"][1], curves["approach"][2])}, sensor=False)
    assert abs(one.sensitivity.value / 50e-9 - 1) > 0.05
    assert any("hysteresis" in line for line in drive.findings)
    assert any("differ by" in line for line in drive.findings)
    assert drive.sensitivity.std_systematic / drive.sensitivity.value > 0.05


def test_outliers_and_the_window_do_not_change_the_sensitivity():
    height, _, voltage = stiff_curve(50e-9, 0)["approach"]
    voltage[3600] += 3.0
    found = deflection_sensitivity({"approach": (height, voltage)}, sensor=True)
    named = deflection_sensitivity({"approach": (height, voltage)}, sensor=True, window=(1.0, 5.0))
    assert found.sensitivity.value == pytest.approx(50e-9, rel=5e-3)
    assert named.sensitivity.value == pytest.approx(50e-9, rel=5e-3)
    assert len(named.windows) == 1


def test_curves_that_show_no_contact_are_refused():
    height = np.linspace(1e-6, 0, 500)
    noise = np.random.default_rng(0).normal(size=500)
    with pytest.raises(ValueError, match="does not rise"):
        deflection_sensitivity({"approach": (height, noise)}, sensor=True)
    with pytest.raises(ValueError, match="no curve"):
        deflection_sensitivity({}, sensor=True)
    with pytest.raises(ValueError, match="same length"):
        deflection_sensitivity({"approach": (height[1:], noise)}, sensor=True)


@pytest.mark.parametrize(("part", "after"), [(0.6, 0.0), (0.85, 0.0), (0.6, 2e-3)])
def test_a_photodiode_that_saturates_is_called_that(part, after):
    """Cut at 60 and 85 % of the highest voltage, also with noise after the cut: "a surface that yields" before."""
    rng = np.random.default_rng(3)
    curves = {name: (c[0], np.minimum(c[2], part * c[2].max()) + after * rng.normal(size=len(c[2])))
              for name, c in stiff_curve(50e-9, 0, samples=400).items()}
    with pytest.raises(DataError, match=r"stays at its highest, .* saturates; press less"):
        deflection_sensitivity(curves, sensor=True)
    named = deflection_sensitivity(curves, sensor=True, window=(0.5, 3.0))
    assert named.sensitivity.value == pytest.approx(50e-9, rel=5e-3)


def test_steps_of_a_converter_are_no_saturation():
    curves = {name: (c[0], np.round(c[2] / 0.05) * 0.05) for name, c in stiff_curve(50e-9, 0).items()}
    assert deflection_sensitivity(curves, sensor=True).sensitivity.value == pytest.approx(50e-9, rel=5e-3)


def test_noise_is_called_noise():
    """Of 20 % of the rise: "does not rise (from 0.8 V to 36 V)" before."""
    curves = soft_curve(np.inf, 1.0, 0.2, 0)
    with pytest.raises(DataError, match=r"noise .* is too large: 0\.[789]\d V, and contact raises it by [34]\."):
        deflection_sensitivity(curves, sensor=True)


def test_the_measured_calibration_curve_says_how_little_it_knows():
    """Only 5 to 9 samples are in steep contact, and the directions differ: no number to rely on, and none is given."""
    curve = open_dataset(shared_data(CURVE_FILE)).isel(curve=0)
    parts = {name: (curve.height.sel(segment=name).values, curve.deflection_voltage.sel(segment=name).values)
             for name in ("approach", "retract")}
    line = straight_sensitivity(parts, sensor=True)
    assert line.sensitivity.std > 0.08 * line.sensitivity.value
    assert any("samples in steep contact" in text for text in line.findings)
    with pytest.raises(DataError, match="surface that yields"):
        deflection_sensitivity(parts, sensor=True)


# a surface that yields


def soft_curve(ratio, power, noise, seed, samples=1000):
    """Approach and retract in sensor height (m) and voltage (V) on a surface that yields; s is 70 nm/V."""
    rng = np.random.default_rng(seed)
    deflection = np.linspace(0, 3e-7, 2001)
    way = deflection + (0.0 if np.isinf(ratio) else 3e-7 / ratio / power * (deflection / 3e-7) ** power)
    base = np.linspace(-6e-7, way[-1], samples)
    bent = np.interp(base, way, deflection)
    return {name: (-base[order], (bent[order] + noise * 3e-7 * rng.normal(size=samples)) / 70e-9)
            for name, order in (("approach", slice(None)), ("retract", slice(None, None, -1)))}


@pytest.mark.parametrize("power", [2 / 3, 1 / 2])
@pytest.mark.parametrize("ratio", [0.3, 1.0, 5.0])
def test_a_surface_that_yields_gives_no_sensitivity(ratio, power):
    """Stiffness of the contact over the lever's 0.3 to 5: a straight line reads 20 to 240 % too much."""
    with pytest.raises(DataError, match=r"yields.*glass"):
        deflection_sensitivity(soft_curve(ratio, power, 0.005, 0), sensor=True)


def test_a_surface_that_yields_a_little_widens_the_error_and_a_stiff_one_keeps_its_number():
    little = deflection_sensitivity(soft_curve(100.0, 2 / 3, 0.002, 0), sensor=True).sensitivity
    assert abs(little.value - 70e-9) < 2 * little.std
    assert little.std < 0.02 * little.value
    curves = soft_curve(np.inf, 1.0, 0.002, 0)
    found, line = deflection_sensitivity(curves, sensor=True), straight_sensitivity(curves, sensor=True)
    assert found.sensitivity.value == line.sensitivity.value
    assert found.sensitivity.std < 0.005 * found.sensitivity.value
    assert "the bend of the contact" in found.findings[-1]


def test_water_and_air_surround_a_lever():
    assert sc.sader(20e3, 3.0, width=20e-6, length=1e-4, fluid=water(298.15)) > 100 * sc.sader(
        20e3, 3.0, width=20e-6, length=1e-4, fluid=air(298.15))
