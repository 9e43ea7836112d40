"""The fit of thermal spectra: exact models, likelihood theory, coverage, lines, and records in time.

``python -m tests.instrument.test_thermal`` prints the statistics of 200 spectra in each of 20 conditions.
"""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from asperity.instrument.hydrodynamics import (
    Fluid,
    air,
    hydrodynamic_circular,
    hydrodynamic_function,
    reynolds_number,
    water,
)
from asperity.instrument.spectral_lines import find_lines
from asperity.instrument.thermal import HarmonicOscillator, ImmersedLever, spectral_density
from asperity.instrument.thermal_fit import fit_spectra, fit_spectrum

WATER = Fluid(997.0, 890e-6)
CONDITIONS = [(quality, averages) for quality in (2, 5, 20, 100, 300) for averages in (1, 10, 100, 1000)]


def resonance_of(quality):
    """Hz; stiff levers in air ring high, soft ones in water low."""
    return 24e3 if quality < 10 else 70e3


def truth_of(quality):
    """A mode of 1e-20 m^2 on white noise of 1 % of its plateau or 0.1 % of its peak, and some 1/f noise."""
    resonance, mean_square = resonance_of(quality), 1e-20
    plateau = mean_square * 2 / (np.pi * resonance * quality)
    return np.array([mean_square, resonance, quality, max(0.01, 1e-3 * quality**2) * plateau,
                     0.02 * plateau * resonance])


def grid_of(quality, bins=3000):
    return resonance_of(quality) * 3 * np.arange(1, bins + 1) / bins


def drawn(model, frequency, truth, averages, count, seed):
    """(count, k) averaged periodograms with exactly gamma distributed bins."""
    with jax.enable_x64(True):
        density = np.asarray(spectral_density(model, frequency, truth))
    return density * np.random.default_rng(seed).gamma(averages, 1 / averages, (count, len(frequency)))


def bound_of(model, frequency, truth, averages):
    """Cramer-Rao standard deviations of ln mean square, ln resonance, ln quality, by central differences."""
    def logarithm(p):
        with jax.enable_x64(True):
            return np.log(np.asarray(spectral_density(model, frequency, p)))

    h = 1e-5
    rows = [(logarithm(truth * (1 + h * e)) - logarithm(truth * (1 - h * e))) / (2 * h) for e in np.eye(5)]
    return np.sqrt(np.diag(np.linalg.inv(averages * np.array(rows) @ np.array(rows).T)))[:3]


def statistics(quality, averages, count, bins=3000, seed=0):
    """Of ln(mean square) = -ln(spring constant), ln(resonance), ln(quality)."""
    frequency, truth = grid_of(quality, bins), truth_of(quality)
    spectra = drawn(HarmonicOscillator(), frequency, truth, averages, count, seed)
    fit = fit_spectra(frequency, spectra)
    error = np.log(fit.parameters[:, :3] / truth[:3])
    bound = bound_of(HarmonicOscillator(), frequency, truth, averages)
    seconds = averages / frequency[0]
    floor = np.sqrt(quality / (np.pi * truth[1] * seconds))
    sd = error.std(axis=0, ddof=1)
    inside = np.abs(error) < norm.ppf(0.975) * fit.std[:, :3]
    return {"bias": error.mean(axis=0) / sd, "ratio": sd / bound, "floor": floor, "bound": bound, "sd": sd,
            "coverage": inside.mean(axis=0), "alarms": fit.lines.any(axis=1).mean(), "p": fit.p_value,
            "converged": fit.converged}


# the physics


def test_the_circular_cylinder_agrees_with_exact_bessel_functions():
    for reynolds in (1e-6, 1e-3, 1.0, 50.0, 1e4, 1e8):
        root = mpmath.sqrt(1j * mpmath.mpf(reynolds))
        exact = 1 + 4j * mpmath.besselk(1, -1j * root) / (root * mpmath.besselk(0, -1j * root))
        assert complex(hydrodynamic_circular(reynolds)) == pytest.approx(complex(exact), rel=1e-13)


def test_the_blade_moves_the_mass_of_an_ideal_fluid_when_fast():
    """Gamma = 1 + O(1/sqrt(Re)), with a boundary layer somewhat thicker than the 2 sqrt(2) of a cylinder."""
    thickness = (np.real(hydrodynamic_function([1e3, 1e4])) - 1) * np.sqrt([1e3, 1e4])
    assert np.all((thickness > 2 * np.sqrt(2)) & (thickness < 4 * np.sqrt(2)))


def test_fluids_at_room_temperature():
    """Handbook values: air at 25 C, 1 atm: 1.184 kg/m^3, 18.4 uPa s; water at 25 C: 997.05, 890 uPa s."""
    assert air(298.15) == pytest.approx((1.184, 18.4e-6), rel=2e-3)
    assert water(298.15).density == pytest.approx(997.047, rel=1e-5)
    assert water(298.15).viscosity == pytest.approx(890.0e-6, rel=1e-3)
    assert water(333.15) == pytest.approx((983.2, 466.0e-6), rel=1e-3)
    assert water(278.15) == pytest.approx((999.97, 1518e-6), rel=1e-3)


@pytest.mark.parametrize("wrong", [lambda: hydrodynamic_function(1e5), lambda: air(25.0), lambda: water(25.0),
                                   lambda: air(300.0, 1.0), lambda: ImmersedLever.of(1e-5, WATER, 10.0, 1.0)])
def test_values_outside_what_is_known_are_refused(wrong):
    with pytest.raises(ValueError, match=r"known from|described from|growing range"):
        wrong()


def test_the_oscillator_obeys_equipartition(x64):
    def density(f):
        return float(spectral_density(HarmonicOscillator(), f, (3.0, 2.0, 1.7, 0.0, 0.0)))

    assert quad(density, 0, np.inf, epsrel=1e-10)[0] == pytest.approx(3.0, rel=1e-8)


@pytest.mark.parametrize("quality", [1.2, 5.0])
def test_the_immersed_lever_obeys_equipartition(x64, quality):
    """Only if the mass and the damping of the fluid belong together (causality): here to 1e-4.

    What lies below the least frequency is constant in f S(f) f^-1 and adds less than 1e-3; it is counted.
    """
    model = ImmersedLever.of(4.5e-6, WATER, 30.0, 3e6)
    f = np.geomspace(30.0, 3e6, 20001)
    density = np.asarray(spectral_density(model, f, (1.0, 24e3, quality, 0.0, 0.0)))
    assert np.trapezoid(density, f) + density[0] * f[0] == pytest.approx(1.0, abs=1e-4)


def test_the_polynomial_follows_the_hydrodynamic_function(x64):
    model = ImmersedLever.of(4.5e-6, WATER, 10.0, 4e5)
    f = np.geomspace(10.0, 4e5, 997)
    exact = hydrodynamic_function(reynolds_number(f, 4.5e-6, WATER))
    real, imaginary = model.gamma(jnp.asarray(f))
    np.testing.assert_allclose(real, np.real(exact), rtol=1e-6)
    np.testing.assert_allclose(imaginary, np.imag(exact), rtol=1e-6)


def test_in_a_thin_gas_the_immersed_lever_is_a_harmonic_oscillator(x64):
    """At Q = 300 the fluid's mass no longer matters, and its damping varies little over the peak."""
    f = np.linspace(69e3, 71e3, 401)
    parameters = (1.0, 70e3, 300.0, 0.0, 0.0)
    immersed = spectral_density(ImmersedLever.of(30e-6, air(298.15), 1e3, 1e6), f, parameters)
    np.testing.assert_allclose(immersed, spectral_density(HarmonicOscillator(), f, parameters), rtol=2e-2)


# the statistics


def test_the_number_of_averages_shows_in_the_scatter():
    frequency = grid_of(20)
    for averages in (1, 3, 10, 1000):
        power = drawn(HarmonicOscillator(), frequency, truth_of(20), averages, 1, 0)[0]
        scatter = fit_spectrum(frequency, power).scatter
        np.testing.assert_allclose(scatter, averages, rtol=4 * 2.6 / np.sqrt(len(frequency)))


@pytest.mark.study
def test_a_fit_is_as_sure_as_it_says():
    """Four spectra: within 4.5 deviations, which are the bound's; coverage and bias are judged in tests/verify."""
    frequency, truth = grid_of(20), truth_of(20)
    fit = fit_spectra(frequency, drawn(HarmonicOscillator(), frequency, truth, 100, 4, 0))
    assert fit.converged.all()
    assert np.abs(np.log(fit.parameters[:, :3] / truth[:3]) / fit.std[:, :3]).max() < 4.5
    bound = bound_of(HarmonicOscillator(), frequency, truth, 100)
    np.testing.assert_allclose(fit.std[:, :3], np.tile(bound, (4, 1)), rtol=0.2)


def test_a_wrong_model_is_noticed():
    frequency, truth = grid_of(2), truth_of(2)
    model = ImmersedLever.of(4.5e-6, WATER, frequency[0], frequency[-1])
    power = drawn(model, frequency, truth, 100, 1, 0)[0]
    assert fit_spectrum(frequency, power, model=model).p_value > 1e-3
    assert fit_spectrum(frequency, power).p_value < 1e-6


# electronic lines


@pytest.mark.parametrize("averages", [1, 100])
def test_lines_are_found_and_do_not_change_the_result(averages):
    frequency, truth = grid_of(20), truth_of(20)
    power = drawn(HarmonicOscillator(), frequency, truth, averages, 1, 0)[0]
    clean = fit_spectrum(frequency, power)
    spoilt, at = power.copy(), [150, 500, 995, 1750, 2750]
    spoilt[at] += np.median(power) * np.array([3e4, 1e3, 3e5, 1e3, 100])
    fit = fit_spectrum(frequency, spoilt)
    assert set(at) <= set(np.flatnonzero(fit.lines))
    assert fit.lines.sum() <= 15
    lost = np.sqrt(np.maximum(fit.std**2 - clean.std**2, 0) + 0.15**2 * clean.std**2)[:3]
    assert np.all(np.abs(np.log(fit.parameters / clean.parameters)[:3]) < 3 * lost)
    kept = fit_spectrum(frequency, spoilt, false_alarm=0.0)
    assert not kept.lines.any()


@pytest.mark.study
def test_the_rate_of_false_alarms_is_the_stated_one():
    """400 flat spectra, known truth: a line among 2000 bins of 10 % of them (sd 1.5 %) or fewer."""
    for averages in (1, 10, 1000):
        ratio = np.random.default_rng(0).gamma(averages, 1 / averages, (400, 2000))
        found = find_lines(ratio, np.ones(ratio.shape, bool), averages, 0.1).any(axis=1).mean()
        assert 0.02 < found < 0.1 + 3 * 0.015


# records in time, as an instrument makes them


def record(quality, samples, rate, seed):
    """A Gaussian record with the truth's spectrum, exact on the grid of the whole record."""
    frequency = np.fft.rfftfreq(samples, 1 / rate)
    frequency[0] = frequency[1]
    with jax.enable_x64(True):
        density = np.asarray(spectral_density(HarmonicOscillator(), frequency, truth_of(quality)))
    draw = np.random.default_rng(seed).normal(size=(2, len(frequency)))
    spectrum = np.sqrt(density * rate * samples / 2) * (draw[0] + 1j * draw[1]) / np.sqrt(2)
    spectrum[0] = 0
    return np.fft.irfft(spectrum, samples)


# what is refused


@pytest.mark.parametrize(("change", "message"), [
    (lambda f, p: (f, p[:-1]), "shape"), (lambda f, p: (f**1.1, p), "evenly"),
    (lambda f, p: (f[:20], p[:20]), "widen the band"), (lambda f, p: (f, 10 * np.log10(p)), "decibel"),
    (lambda f, p: (f, np.where(f > 5e4, np.nan, p)), "finite")])
def test_bad_spectra_are_refused(change, message):
    frequency = grid_of(2, 600)
    power = drawn(HarmonicOscillator(), frequency, truth_of(2), 1, 1, 0)[0]
    with pytest.raises(ValueError, match=message):
        fit_spectrum(*change(frequency, power))
    with pytest.raises(ValueError, match="averages"):
        fit_spectrum(frequency, power, averages=0)


def main():
    """The table of acceptance: 200 spectra of 6000 bins in every condition, n estimated from the scatter."""
    print("of ln(mean square); T is the record behind all averages")
    print("   Q     n   sd %   bound %  sqrt(Q/(pi f T)) %   sd/bound  bias/sd  coverage  (of ln Q)  alarms")
    total = []
    for quality, averages in CONDITIONS:
        s = statistics(quality, averages, 200, bins=6000)
        total.append(s["coverage"])
        print(f"{quality:4d} {averages:5d} {100 * s['sd'][0]:7.3f} {100 * s['bound'][0]:7.3f} "
              f"{100 * s['floor']:12.3f} {s['ratio'][0]:14.3f} {s['bias'][0]:9.3f} {s['coverage'][0]:8.3f} "
              f"{s['coverage'][2]:9.3f} {s['alarms']:9.3f}", flush=True)
    print("coverage over all of ln mean square, ln resonance, ln quality:", np.mean(total, axis=0))


if __name__ == "__main__":
    main()


@pytest.mark.parametrize("rounded", [lambda f: np.round(f, -1), lambda f: np.round(f), lambda f: np.array(
    [float(f"{value:.3e}") for value in f])])
def test_frequencies_that_were_written_with_few_digits_are_even(rounded):
    """Steps of 12.2 Hz in four digits are 10 or 20 Hz: "not evenly spaced"."""
    frequency = 12.2070312 * np.arange(1, 3001)
    truth = truth_of(2) * np.array([1, 0.25, 1, 4, 1])
    power = drawn(HarmonicOscillator(), frequency, truth, 10, 1, 3)[0]
    found, exact = (fit_spectrum(grid, power) for grid in (rounded(frequency), frequency))
    np.testing.assert_allclose(found.parameters[:3], exact.parameters[:3], rtol=1e-3)
    for uneven in (rounded(frequency**1.02), rounded(np.sort(frequency + 30 * np.random.default_rng(1).random(3000)))):
        with pytest.raises(ValueError, match="evenly"):
            fit_spectrum(uneven, power)
