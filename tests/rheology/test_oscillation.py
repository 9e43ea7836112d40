"""Amplitudes against exact signals and Monte Carlo; moduli against a simulated lever; drag and nano-DMA inverted.

``python -m tests.rheology.test_oscillation`` prints coverage over many more draws than the suite takes.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import t as student

from asperity.contact import Cone, FlatPunch, Hertz, Pyramid4, Sphere
from asperity.rheology.drag import drag_of_ramps, fit_drag
from asperity.rheology.nano_dma import Indenter, contact_response, dynamic_modulus
from asperity.rheology.oscillation import oscillation
from asperity.rheology.oscillatory_contact import (
    UNIFORM_LEVER,
    DampedLever,
    contact_slope,
    contact_stiffness,
    harmonic_bias,
    off_surface,
    power_slope,
    shear_modulus,
    stiff_transfer,
    young_modulus,
)

SOFT = DampedLever(0.01, drag=5e-6, mass=2e-10, base_share=UNIFORM_LEVER)


def recorded(height, deflection, frequency, periods=12.0, rate=40):
    """Times and exact signals of two complex amplitudes."""
    time = np.arange(int(periods * rate)) / (rate * frequency)
    wave = np.exp(2j * np.pi * frequency * time)
    return time, np.stack([(a * wave).real for a in (height, deflection)])


def deflection_of(stiffness, lever, height, frequency):
    """What the lever does on a contact of that stiffness: the force balance solved for d."""
    omega = 2 * np.pi * frequency
    liquid = 1j * omega * lever.drag - omega**2 * lever.mass
    return -height * (stiffness + liquid) / (lever.spring_constant + stiffness + (1 - lever.base_share) * liquid)


def colored(rng, count, correlation=0.7):
    """Noise with a memory of a few samples, of standard deviation 1."""
    from scipy.signal import lfilter

    white = rng.standard_normal(count + 200)
    return np.sqrt(1 - correlation**2) * lfilter([1.0], [1.0, -correlation], white)[200:]


def test_exact_signals_with_drift_and_harmonic_come_back():
    time, signals = recorded(1e-8 * np.exp(0.3j), -2e-9 * np.exp(1.1j), 7.0, periods=11.3)
    slow = 5e-7 * (time / time[-1]) ** 3 + 2e-8
    second = 3e-10 * np.cos(4 * np.pi * 7.0 * time + 0.2)
    found = oscillation(time, signals + slow + second, 7.0)
    np.testing.assert_allclose(found.amplitude, [1e-8 * np.exp(0.3j), -2e-9 * np.exp(1.1j)], rtol=1e-9)
    np.testing.assert_allclose(found.second_harmonic, [0.03, 0.15], rtol=1e-7)
    np.testing.assert_allclose(found.coherence, 1.0, atol=1e-9)
    assert np.sqrt(np.abs(found.covariance).max()) < 1e-15
    assert found.periods == pytest.approx(11.3, rel=1e-2)


def draws(count, periods=10.0, samples=400, level=0.3, seed=0):
    """(draw, signal) errors, stds and degrees of freedom for signals in noise that both share in part."""
    rng = np.random.default_rng(seed)
    time, signals = recorded(1.0, 0.5j, 3.0, periods, int(samples / periods))
    rows = []
    for _ in range(count):
        common = colored(rng, len(time))
        noise = level * np.stack([common + 0.5 * colored(rng, len(time)), common])
        found = oscillation(time, signals + noise, 3.0)
        ratio = found.amplitude[1] / found.amplitude[0]
        slope = np.array([-ratio, 1.0]) / found.amplitude[0]
        rows.append([found.amplitude[0] - 1, found.amplitude[1] - 0.5j, ratio - 0.5j,
                     *np.sqrt(np.diag(found.covariance).real / 2),
                     np.sqrt((slope @ found.covariance @ slope.conj()).real / 2), found.degrees_of_freedom])
    rows = np.array(rows)
    return rows[:, :3], rows[:, 3:6].real, int(rows[0, 6].real)


def coverages(count, **options):
    error, std, freedom = draws(count, **options)
    width = student.ppf(0.95, freedom) * std
    return [(np.abs(part) <= width).mean() for part in (error.real, error.imag)]


@pytest.mark.study
def test_intervals_of_amplitudes_and_their_ratio_cover():
    """Correlated noise, two signals that share it: 90 % intervals of 400 draws hold 86 to 94 %.

    800 real and imaginary parts have a standard error of 1.1 %; the noise is read from a dozen frequencies
    whose power is not quite that of the drive's, which is the rest.
    """
    assert 0.86 <= np.mean(coverages(400)) <= 0.94
    assert 0.86 <= np.mean(coverages(400, periods=5.0, seed=1)) <= 0.94


def test_coherence_tells_noise_from_response():
    rng = np.random.default_rng(0)
    time, signals = recorded(1.0, 0.0, 5.0, periods=16)
    found = [oscillation(time, signals + 0.2 * rng.standard_normal(signals.shape), 5.0).coherence[0, 1]
             for _ in range(200)]
    assert np.mean(found) == pytest.approx(1 / 8, abs=0.03)  # that of unrelated signals in 8 windows
    time, signals = recorded(1.0, 1.0, 5.0, periods=16)
    assert oscillation(time, signals + 0.2 * rng.standard_normal(signals.shape), 5.0).coherence[0, 1] > 0.98


@pytest.mark.parametrize(("change", "says"), [
    ({"frequency": 0.0}, "positive"), ({"frequency": 0.1}, "3 periods"), ({"frequency": 20.0}, "4 samples or more"),
    ({"time": np.arange(10.0)}, "shape"), ({"time": np.arange(480.0)[::-1]}, "ascend")])
def test_what_cannot_be_fitted_says_why(change, says):
    time, signals = recorded(1.0, 1.0, 1.0)
    given = {"time": time, "signals": signals, "frequency": 1.0} | change
    with pytest.raises(ValueError, match=says):
        oscillation(**given)


@pytest.mark.parametrize("frequency", [1.0, 30.0, 300.0])
@pytest.mark.parametrize("lever", [DampedLever(0.01), SOFT, SOFT._replace(base_share=0.0)])
def test_stiffness_of_a_simulated_lever(frequency, lever):
    """The force balance solved forwards, its corrections undone: exact for every lag, drag, mass, share."""
    stiffness, transfer = 2e-3 + 7e-4j, 1.05 * np.exp(2j * np.pi * frequency * 1.2e-4)
    deflection = deflection_of(stiffness, lever, 1e-8, frequency)
    found = oscillation(*recorded(1e-8 / transfer, deflection, frequency), frequency)
    assert contact_stiffness(found, lever, transfer=transfer).value == pytest.approx(stiffness, rel=1e-8)


def test_the_forgotten_base_makes_the_storage_negative():
    """At 300 Hz the drag on a soft lever, taken as all on the tip, and a sensor's lag turn E' over."""
    deflection = deflection_of(2e-3 + 7e-4j, SOFT, 1e-8, 300.0)
    found = oscillation(*recorded(1e-8 * np.exp(-2j * np.pi * 300 * 1.2e-4), deflection, 300.0), 300.0)
    assert contact_stiffness(found, DampedLever(0.01)).value.real < 0
    assert contact_stiffness(found, SOFT._replace(base_share=0.0)).value.real < 0
    right = contact_stiffness(found, SOFT, transfer=np.exp(2j * np.pi * 300 * 1.2e-4))
    assert right.value == pytest.approx(2e-3 + 7e-4j, rel=1e-8)


def test_share_of_the_base_from_the_shape_of_a_loaded_lever():
    """The drag of a moving base on the static shape, by quadrature along the lever."""
    x, weight = np.polynomial.legendre.leggauss(8)
    x, weight = (x + 1) / 2, weight / 2
    shape = (3 * x**2 - x**3) / 2
    assert 1 - (weight @ shape**2) / (weight @ shape) == pytest.approx(UNIFORM_LEVER, rel=1e-12)


def test_lag_and_drag_are_measured_where_they_show():
    transfer = 0.97 * np.exp(0.2j)
    found = oscillation(*recorded(1e-8 / transfer, -1e-8, 100.0), 100.0)
    assert stiff_transfer(found)[0] == pytest.approx(transfer, rel=1e-9)
    deflection = deflection_of(0.0, SOFT, 1e-8, 100.0)
    found = oscillation(*recorded(1e-8 / transfer, deflection, 100.0), 100.0)
    drag, mass, _ = off_surface(found, SOFT, transfer=transfer)
    assert (drag, mass) == pytest.approx((SOFT.drag, SOFT.mass), rel=1e-7)


def test_std_of_stiffness_is_that_of_repeated_measurements():
    rng, values = np.random.default_rng(2), []
    deflection = deflection_of(2e-3 + 7e-4j, SOFT, 1e-8, 30.0)
    time, signals = recorded(1e-8, deflection, 30.0, periods=20)
    for _ in range(300):
        noise = np.stack([1e-10 * colored(rng, len(time)), 6e-10 * colored(rng, len(time))])
        one = contact_stiffness(oscillation(time, signals + noise, 30.0), SOFT)
        values.append([one.value, one.std])
    values = np.array(values)
    spread = np.sqrt(np.var(values[:, 0]) / 2)
    assert np.sqrt((values[:, 1].real ** 2).mean()) == pytest.approx(spread, rel=0.12)  # 600 parts: 3 % each, 4 sigma


TIPS = {"hertz": (Hertz(radius=5e-6), 4 / 3 * np.sqrt(5e-6), 1.5),
        "cone": (Cone(half_angle=1.0), 2 / np.pi * np.tan(1), 2),
        "pyramid": (Pyramid4(half_angle=0.6), 0.7453 * np.tan(0.6), 2),
        "pyramid of Rico": (Pyramid4(half_angle=0.6, convention="rico"), np.tan(0.6) / np.sqrt(2), 2),
        "punch": (FlatPunch(punch_radius=1e-6), 2e-6, 1)}


@pytest.mark.parametrize("name", TIPS)
def test_slopes_of_tips_are_those_of_powers(name):
    contact, prefactor, exponent = TIPS[name]
    depth = np.array([1e-7, 5e-7])
    np.testing.assert_allclose(contact_slope(contact, depth), power_slope(prefactor, exponent, depth), rtol=1e-6)
    small = contact_slope(Sphere(radius=5e-6), np.array([1e-9]))
    np.testing.assert_allclose(small, power_slope(4 / 3 * np.sqrt(5e-6), 1.5, np.array([1e-9])), rtol=1e-3)


def test_young_and_shear_are_apart_by_three():
    """What a published tool mixes under one name; and the textbook forms for a sphere."""
    stiffness, depth = 1e-3 + 3e-4j, 9e-7
    young = young_modulus(stiffness, contact_slope(Hertz(radius=5e-6), depth), 0.5)
    assert young == pytest.approx(0.75 * stiffness / (2 * np.sqrt(5e-6 * depth)), rel=1e-6)
    assert young / shear_modulus(young, 0.5) == pytest.approx(3.0)
    assert shear_modulus(young, 0.5) == pytest.approx(0.5 * stiffness / (4 * np.sqrt(5e-6 * depth)), rel=1e-6)


@pytest.mark.parametrize("exponent", [1.0, 1.5, 2.0])
def test_error_of_a_large_amplitude(exponent):
    """Against the force of an elastic contact over one period."""
    depth, amplitude = 1e-7, 4e-8
    time = np.arange(4000) / 200
    indentation = depth + amplitude * np.cos(2 * np.pi * time)
    found = oscillation(time, np.stack([indentation**exponent, indentation]), 1.0, drift=0)
    linear = exponent * depth ** (exponent - 1)
    measured = (found.amplitude[0] / found.amplitude[1]).real / linear - 1
    assert harmonic_bias(exponent, amplitude / depth) == pytest.approx(measured, abs=1e-9)
    assert harmonic_bias(exponent, 0.01) == pytest.approx((exponent - 1) * (exponent - 2) / 8 * 1e-4, abs=1e-8)


def drag_data(rng, strength=3e-12, distance=5e-7, points=8, noise=0.02):
    h = np.geomspace(2e-7, 3e-6, points)
    exact = strength / (h + distance)
    return h, exact * (1 + noise * rng.standard_normal(points)), noise * exact


def test_drag_law_comes_back_and_extrapolates():
    rng = np.random.default_rng(0)
    h, b, _ = drag_data(rng, noise=0.0)
    found = fit_drag(h, b)
    assert (found.strength, found.effective_distance, float(found.at())) == pytest.approx((3e-12, 5e-7, 6e-6), rel=1e-6)
    assert found.effective_radius(1e-3) == pytest.approx(np.sqrt(3e-12 / (6e-3 * np.pi)), rel=1e-6)
    assert b[0] < 0.8 * found.at(0)  # the drag at a distance corrects too little
    inside = []
    for _ in range(400):
        one = fit_drag(*drag_data(rng))
        inside.append(abs(one.at() - 6e-6) <= 1.645 * one.std())
    assert np.mean(inside) == pytest.approx(0.9, abs=0.05)  # standard error 1.5 %


def test_drag_that_the_law_cannot_follow_is_refused():
    with pytest.raises(ValueError, match="does not fall"):
        fit_drag([1e-7, 1e-6, 2e-6], [1e-6, 2e-6, 3e-6])
    with pytest.raises(ValueError, match="3 finite pairs"):
        fit_drag([1e-7, 1e-6], [2e-6, 1e-6])
    assert drag_of_ramps(2e-11, -3e-11, 4e-6, 6e-6) == pytest.approx(5e-6)


def test_nano_dma_inverts_its_instrument():
    """Springs in parallel and in series, composed forwards, over random instruments."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        indenter = Indenter(*(rng.uniform(0.2, 1, 4) * [200.0, 0.1, 2e-4, 2e-6]))
        contact = rng.uniform(1e3, 1e5) * np.exp(1j * rng.uniform(0, 1.4))
        omega = 2 * np.pi * rng.uniform(1, 200)
        parallel = indenter.spring_constant - indenter.mass * omega**2 + 1j * omega * indenter.damping
        whole = 1 / (1 / contact + indenter.frame_compliance) + parallel
        found = contact_response(1e-6, 1e-6 / abs(whole), np.angle(whole), omega / (2 * np.pi), indenter)
        assert found == pytest.approx(contact, rel=1e-9)


def test_nano_dma_of_a_punch_is_its_contact_stiffness():
    """S = 2 a E/(1 - nu^2) of a flat punch, also through a contact model; a rigid frame gives the textbook form."""
    area = np.pi * 1e-12
    modulus = dynamic_modulus(2e-6 * 3e9 / (1 - 0.09), area, 0.3)
    assert modulus == pytest.approx(3e9, rel=1e-12)
    found = contact_response(1e-6, 1e-8, 0.3, 50.0, Indenter(10.0, 0.02, 1e-4))
    omega = 2 * np.pi * 50
    assert found == pytest.approx(100 * np.cos(0.3) - 10 + 1e-4 * omega**2 + 1j * (100 * np.sin(0.3) - 0.02 * omega))
    with pytest.raises(ValueError, match="positive"):
        contact_response(1e-6, -1e-8, 0.3, 50.0, Indenter())


def test_frame_compliance_left_in_softens_the_sample():
    rigid, compliant = (contact_response(1e-6, 1e-11, 0.0, 1.0, Indenter(frame_compliance=c)).real for c in (0, 1e-6))
    assert 1 / rigid == pytest.approx(1 / compliant + 1e-6)


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    assert jnp.ones(1).dtype == jnp.float64
    for periods in (4.0, 5.0, 10.0, 20.0):
        parts = coverages(4000, periods=periods, seed=5)
        print(f"{periods:4.0f} periods: 90 % intervals of amplitudes and ratio hold",
              " ".join(f"{100 * v:.1f} %" for v in parts))
