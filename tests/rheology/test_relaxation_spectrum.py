"""Relaxation spectra: physics exact for any parameters, estimates close to the truth, bands that hold it.

``python -m tests.rheology.test_relaxation_spectrum`` prints the coverage of the bands over many spectra.
"""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls
from scipy.special import gamma

from asperity.rheology import spectrum_estimate as estimate
from asperity.rheology.kramers_kronig import loss_from_storage, storage_from_plateau
from asperity.rheology.relaxation_spectrum import RelaxationSpectrum, debye
from asperity.rheology.spectrum_posterior import sample_from_relaxation, sample_spectrum
from tests.conftest import shared_data

pytestmark = pytest.mark.usefixtures("x64")
OMEGA = np.logspace(-1.5, 1.5, 15)
BEYOND = np.concatenate([np.logspace(-2.5, -1.6, 10), np.logspace(1.6, 2.5, 10)])


def material(strength, tau, spring=0.0, viscosity=0.0):
    return RelaxationSpectrum(jnp.asarray(strength, float), jnp.asarray(tau, float), jnp.asarray(float(spring)),
                              jnp.asarray(float(viscosity)))


def modulus_of(spectrum, omega):
    """E* of the (batch of) materials in NumPy."""
    tau = spectrum.relaxation_time.reshape(-1, spectrum.relaxation_time.shape[-1])[0]
    storage, loss = debye(np.asarray(omega)[:, None], tau)
    strength = np.asarray(spectrum.relaxing_modulus)
    return (np.asarray(spectrum.equilibrium_modulus)[..., None] + strength @ storage.T
            + 1j * (strength @ loss.T + np.asarray(spectrum.viscosity)[..., None] * omega))


def error(found, true):
    return np.sqrt(np.mean(np.abs(found - true) ** 2 / np.abs(true) ** 2, axis=-1))


# ---------------------------------------------------------------- truths

def discrete(rng, spread=0.5):
    tau, strength = np.logspace(-2.5, 2.5, 7), np.exp(spread * rng.normal(size=7))
    return lambda w: 1.0 + (strength * 1j * w[:, None] * tau / (1 + 1j * w[:, None] * tau)).sum(1)


def gel(rng):
    low, high, share = rng.uniform(0.05, 0.25), rng.uniform(0.5, 0.9), 10 ** rng.uniform(-2, -0.5)
    return lambda w: (1j * w) ** low + share * (1j * w) ** high


def solid(rng):
    order, tau = rng.uniform(0.3, 0.7), 10 ** rng.uniform(-1, 1)
    return lambda w: 1 + 9 * (1j * w * tau) ** order / (1 + (1j * w * tau) ** order)


def noisy(modulus, relative, rng):
    return modulus + relative * np.abs(modulus) * (rng.normal(size=modulus.shape) + 1j * rng.normal(size=modulus.shape))


# ---------------------------------------------------------------- physics, exact for any parameters

PARAMETERS = st.integers(0, 2**32 - 1)


def drawn(seed):
    """Any nonnegative material: lognormal over twelve decades, some strengths 0, with or without the free terms."""
    rng = np.random.default_rng(seed)
    count = rng.integers(1, 60)
    strength = np.exp(rng.normal(scale=6, size=count)) * (rng.random(count) < rng.random())
    spring, viscosity = np.exp(rng.normal(scale=4, size=2)) * (rng.random(2) < 0.5)
    if not strength.any():
        spring += 1.0
    return strength, np.logspace(-4, 4, count), spring, viscosity


@settings(max_examples=100)
@given(seed=PARAMETERS)
def test_passive_whatever_the_parameters(seed):
    strength, tau, spring, viscosity = drawn(seed)
    omega = np.logspace(-7, 7, 200)
    storage, loss = debye(omega[:, None], tau)
    storage, loss = spring + storage @ strength, loss @ strength + viscosity * omega
    step, rounding = omega[1] / omega[0], 1 + 1e-12
    assert (loss >= 0).all()
    assert (storage[1:] * rounding >= storage[:-1]).all()
    assert (storage[1:] <= storage[:-1] * step**2 * rounding).all()
    assert (loss[1:] <= loss[:-1] * step * rounding).all()
    assert (loss[1:] * step * rounding >= loss[:-1]).all()
    if not viscosity:
        high = spring + strength.sum()
        assert (loss**2 <= (storage - spring) * (high - storage) + 1e-12 * high**2).all()


def test_kramers_kronig_exactly():
    """Random spectra pass through the relations, up to the grid's own errors (5e-6 at 10 per decade)."""
    omega = np.logspace(-11, 11, 22 * 10 + 1)
    center = np.abs(np.log10(omega)) < 3
    for seed in range(5):
        strength = np.random.default_rng(seed).exponential(size=40) ** 3
        one = material(strength, np.logspace(-3, 3, 40), 0.3)
        modulus = np.asarray(one.complex_modulus(omega))
        scale = strength.sum()
        storage = storage_from_plateau(omega, modulus.imag, one.plateau)
        assert np.abs(storage - modulus.real)[center].max() < 5e-6 * scale
        assert np.abs(loss_from_storage(omega, modulus.real) - modulus.imag)[center].max() < 5e-6 * scale


@pytest.mark.parametrize(("spring", "viscosity"), [(0.5, 0.0), (0.0, 0.0), (0.5, 0.3), (0.0, 2.0)])
@pytest.mark.parametrize("count", [1, 4, 40])
def test_creep_is_the_inverse_laplace_transform(count, spring, viscosity):
    rng = np.random.default_rng(count)
    strength, tau = np.exp(rng.normal(size=count)), np.logspace(-3, 3, count)
    if count == 40:
        strength[rng.random(count) < 0.5] = 0.0
    time = np.array([1e-4, 0.02, 1.0, 300.0, 1e5])

    def exact(t):
        def compliance(s):
            terms = sum(float(e) * s * x / (1 + s * x) for e, x in zip(strength, tau))
            return 1 / (s * (mpmath.mpf(spring) + viscosity * s + terms))
        with mpmath.workdps(30):
            return float(mpmath.invertlaplace(compliance, t, method="talbot", degree=40))

    found = material(strength, tau, spring, viscosity).creep_compliance(time)
    assert np.allclose(found, [exact(t) for t in time], rtol=1e-11)


def test_creep_limits():
    """One branch and a spring: the standard linear solid; no branch left: a Kelvin-Voigt solid; t = 0: the glass."""
    time = np.array([0.0, 0.1, 1.0, 10.0])
    creep = 1 / 2 - (1 / 2 - 1 / 5) * np.exp(-time * 2 / (5 * 0.7))
    assert np.allclose(material([3.0], [0.7], 2.0).creep_compliance(time), creep, rtol=1e-12)
    kelvin = (1 - np.exp(-time * 2 / 0.5)) / 2
    assert np.allclose(material([0.0], [0.7], 2.0, 0.5).creep_compliance(time), kelvin, rtol=1e-12, atol=1e-15)


def test_single_precision_is_good_to_six_digits():
    strength, tau = np.random.default_rng(0).random(60), np.logspace(-3, 3, 60)
    time = np.array([0.0, 1e-3, 1.0, 1e3])
    double = material(strength, tau, 1.0).creep_compliance(time)
    with jax.enable_x64(False):
        single = material(strength, tau, 1.0).creep_compliance(time)
    assert np.asarray(single).dtype == np.float32
    assert np.allclose(single, double, rtol=5e-6)


def test_time_and_frequency_agree():
    """iw times the transform of E(t) is E*, and the integral of E(t) is that of its derivative."""
    one = material([2.0, 1.0, 3.0], [0.1, 1.0, 10.0], 0.5, 0.2)
    value = mpmath.quad(lambda t: mpmath.exp(-1j * t) * sum(
        e * mpmath.exp(-t / x) for e, x in ((2, 0.1), (1, 1), (3, 10))), [0, 1, 5, 20, 100, 400])
    assert complex(one.complex_modulus(1.0)) == pytest.approx(complex(1j * value) + 0.5 + 0.2j, rel=1e-10)
    assert complex(one.operational_modulus(1j)) == pytest.approx(complex(one.complex_modulus(1.0)), rel=1e-13)
    slope = jax.grad(one.relaxation_integral)(0.7)
    assert float(slope) == pytest.approx(float(one.relaxation_modulus(0.7)), rel=1e-13)
    assert float(one.plateau) == pytest.approx(float(one.relaxation_modulus(0.0)))


# ---------------------------------------------------------------- estimates

def test_least_squares_is_optimal():
    """Karush-Kuhn-Tucker conditions of the smoothed problem, and the value that SciPy finds for it in one piece."""
    rng = np.random.default_rng(0)
    true = solid(rng)(OMEGA)
    data = estimate.frequency_data(OMEGA, noisy(true, 0.05, rng), 0.05 * np.abs(true))
    problem = estimate.whitened(*data)
    smoothing = estimate.by_discrepancy(problem)
    found, chi_square = estimate.smoothed(problem, smoothing)
    slope = (problem.matrix.T @ (problem.matrix @ found - problem.target)
             + smoothing * problem.rough.T @ (problem.rough @ found))
    size = np.abs(problem.matrix.T @ problem.target).max()
    assert (found >= 0).all()
    assert slope.min() > -1e-8 * size
    assert np.abs(slope[found > 0]).max() < 1e-8 * size
    free, norm = nnls(problem.matrix, problem.target)
    assert chi_square == pytest.approx(norm**2 + np.count_nonzero(free), rel=0.02)


def test_exact_data_come_back():
    """Almost without noise, a spectrum on nodes of its own: E* to 1e-4 in the band."""
    true = discrete(np.random.default_rng(0))(OMEGA)
    fit = estimate.fit_spectrum(OMEGA, true, 1e-5 * np.abs(true))
    assert error(modulus_of(fit.spectrum, OMEGA), true) < 1e-3


@pytest.mark.parametrize("truth", [discrete, gel, solid])
def test_close_to_the_truth(truth):
    """Medians of 20 spectra with 5 % noise of |E*| on each part: in the band less than what six free parameters of
    15 points leave, 0.05 sqrt(2 6 / 30) = 3.2 %, and a tenth; beyond it better than the nearest passive spectrum."""
    truths = [truth(np.random.default_rng(seed)) for seed in range(20)]
    data = np.array([noisy(f(OMEGA), 0.05, np.random.default_rng([1, k])) for k, f in enumerate(truths)])
    noise = estimate.noise_of(data, relative=0.05)
    fit = estimate.fit_spectrum(OMEGA, data, noise)
    inside = error(modulus_of(fit.spectrum, OMEGA), np.array([f(OMEGA) for f in truths]))
    far = np.array([f(BEYOND) for f in truths])
    each = [estimate.frequency_data(OMEGA, row, s) for row, s in zip(data, noise)]
    rough = estimate.spectrum_of(each[0].design, np.array([estimate.nearest_passive(*one)[0] for one in each]))
    assert fit.converged.all()
    assert np.median(inside) < 0.035
    assert np.median(error(modulus_of(fit.spectrum, BEYOND), far)) < np.median(error(modulus_of(rough, BEYOND), far))


def test_units_and_scale_do_not_matter():
    """Pa or MPa, seconds or hours: the same material."""
    rng = np.random.default_rng(3)
    data = noisy(solid(rng)(OMEGA), 0.03, rng)
    one = estimate.fit_spectrum(OMEGA, data, estimate.noise_of(data, relative=0.03))
    other = estimate.fit_spectrum(OMEGA / 3600, 1e6 * data, estimate.noise_of(1e6 * data, relative=0.03))
    assert np.allclose(other.spectrum.relaxing_modulus, 1e6 * one.spectrum.relaxing_modulus, rtol=1e-6, atol=1e-3)
    assert np.allclose(other.spectrum.relaxation_time, 3600 * one.spectrum.relaxation_time)


def test_missing_points_do_not_count():
    rng = np.random.default_rng(0)
    data = noisy(gel(rng)(OMEGA), 0.05, rng)
    noise = estimate.noise_of(data, relative=0.05)
    holes = data.copy()
    holes[4] = np.nan
    infinite = noise.copy()
    infinite[4] = complex(np.inf, np.inf)
    one, other = (estimate.fit_spectrum(OMEGA, *given) for given in ((holes, noise.real), (data, infinite)))
    assert one.data == other.data == 28
    assert np.allclose(one.spectrum.relaxing_modulus, other.spectrum.relaxing_modulus, rtol=1e-6, atol=1e-12)
    empty = estimate.fit_spectrum(OMEGA, np.full((2, 15), np.nan), 1.0)
    assert not empty.converged.any()
    assert np.isnan(empty.spectrum.relaxing_modulus).all()


def test_relaxation_in_time():
    """A power law sampled in time with 2 % noise: E(t) to 1 %, and E* follows from the same spectrum."""
    time = np.logspace(-2, 2, 60)
    true = time**-0.3
    values = true * (1 + 0.02 * np.random.default_rng(0).normal(size=60))
    fit = estimate.fit_relaxation(time, values, 0.02 * values)
    one = jax.tree.map(jnp.asarray, fit.spectrum)
    assert error(np.asarray(one.relaxation_modulus(time)), true) < 0.01
    omega = np.logspace(-1, 1, 10)
    assert error(np.asarray(one.complex_modulus(omega)), gamma(0.7) * (1j * omega) ** 0.3) < 0.02


def test_bad_input_is_named():
    data = np.ones(15) + 1j
    with pytest.raises(ValueError, match="frequencies"):
        estimate.fit_spectrum(-OMEGA, data, 0.1)
    with pytest.raises(ValueError, match="15 points"):
        estimate.fit_spectrum(OMEGA, data[1:], 0.1)
    with pytest.raises(ValueError, match="noise must be positive"):
        estimate.fit_spectrum(OMEGA, data, 0.0)
    with pytest.raises(ValueError, match="must be stated"):
        estimate.noise_of(data)
    with pytest.raises(ValueError, match="loop over them"):
        sample_spectrum(OMEGA, np.stack([data, data]), 0.1)


def test_noise_is_as_stated():
    noise = estimate.noise_of(np.array([3 + 4j]), relative=0.1, absolute=1.2)
    assert noise[0] == pytest.approx(1.3 + 1.3j)
    assert estimate.noise_of(np.array([3 + 4j]), relative=0.1, each=True)[0] == pytest.approx(0.3 + 0.4j)


# ---------------------------------------------------------------- bands

def coverage(truth, sets, draws, first=0):
    """Share of true E' and E'' inside bands of 90 %, in the band and one decade beyond, and the bands' medians."""
    inside = []
    for seed in range(first, first + sets):
        rng = np.random.default_rng([2, seed])
        f = truth(rng)
        data = noisy(f(OMEGA), 0.05, rng)
        posterior = sample_spectrum(OMEGA, data, estimate.noise_of(data, relative=0.05), draws=draws, seed=seed)
        row = []
        for omega in (OMEGA, BEYOND):
            drawn, true = modulus_of(posterior, omega), f(omega)
            for part, value in ((drawn.real, true.real), (drawn.imag, true.imag)):
                low, high = np.quantile(part, [0.05, 0.95], axis=0)
                row += [np.mean((low <= value) & (value <= high)), np.median((high - low) / 2 / np.abs(true))]
        inside.append(row)
    return np.mean(inside, axis=0)


@pytest.mark.study
@pytest.mark.parametrize("truth", [gel, solid])
def test_bands_hold_the_truth(truth):
    """12 spectra of 60 correlated values: the standard error is some 4 %, so 0.7 is far below any 0.83."""
    shares = coverage(truth, 12, 100)[[0, 2]]
    assert shares.mean() > 0.7
    assert coverage(truth, 2, 100)[5] > 1.5 * coverage(truth, 2, 100)[1]  # wider beyond the band


def test_bands_shrink_with_the_noise_and_repeat():
    rng = np.random.default_rng(0)
    true = solid(rng)(OMEGA)
    widths = []
    for relative in (0.05, 0.005):
        data = noisy(true, relative, np.random.default_rng(1))
        draws = sample_spectrum(OMEGA, data, estimate.noise_of(data, relative=relative), draws=60)
        widths.append(np.median(np.std(modulus_of(draws, OMEGA).real, axis=0)))
    assert 4 < widths[0] / widths[1] < 20
    again = sample_spectrum(OMEGA, data, estimate.noise_of(data, relative=relative), draws=60)
    assert np.array_equal(again.relaxing_modulus, draws.relaxing_modulus)


def test_bands_from_time():
    time = np.logspace(-2, 2, 40)
    values = time**-0.3 * (1 + 0.02 * np.random.default_rng(0).normal(size=40))
    draws = sample_from_relaxation(time, values, 0.02 * values, draws=60)
    relaxed = (np.asarray(draws.equilibrium_modulus)[:, None]
               + draws.relaxing_modulus @ np.exp(-time[:, None] / draws.relaxation_time[0]).T)
    low, high = np.quantile(relaxed, [0.05, 0.95], axis=0)
    assert np.mean((low < time**-0.3) & (time**-0.3 < high)) > 0.6


# ---------------------------------------------------------------- measured data

def ansys(name):
    """(g_i, tau_i) of an ANSYS material file."""
    lines = shared_data(f"rheology/pyvisco/{name}").read_text().splitlines()
    numbers = [float(x) for line in lines if line.startswith("TBDATA") for x in line.split(",")[2:]]
    return np.array(numbers[::2]), np.array(numbers[1::2])


def test_master_curve_in_frequency_is_at_least_as_close_as_ansys():
    frequency, storage, loss = np.loadtxt(shared_data("rheology/pyvisco/freq_user_master.csv"), delimiter=",",
                                          skiprows=2).T
    omega, modulus = 2 * np.pi * frequency, storage + 1j * loss
    share, tau = ansys("ansys_freq_master.prony_terms.MPL")
    parts = debye(omega[:, None], tau)
    theirs = error(storage.max() * (1 - share.sum() + parts[0] @ share + 1j * parts[1] @ share), modulus)
    fit = estimate.fit_spectrum(omega, modulus, estimate.noise_of(modulus, relative=0.05))  # 7 % of |E*| in all
    data = estimate.frequency_data(omega, modulus, np.abs(modulus))
    nearest = estimate.spectrum_of(data.design, estimate.nearest_passive(*data)[0])
    assert theirs == pytest.approx(0.0748, abs=2e-4)
    assert error(modulus_of(nearest, omega), modulus) < 0.071 < theirs
    assert error(modulus_of(fit.spectrum, omega), modulus) < 0.075


def test_master_curve_in_time_is_at_least_as_close_as_ansys():
    time, modulus = np.loadtxt(shared_data("rheology/pyvisco/time_user_master.csv"), delimiter=",", skiprows=2).T
    share, tau = ansys("ansys_time_master.prony_terms.MPL")
    theirs = error(modulus.max() * (1 - share.sum() + np.exp(-time[:, None] / tau) @ share), modulus)
    fit = estimate.fit_relaxation(time, modulus, 0.005 * modulus)
    decay = np.exp(-time[:, None] / fit.spectrum.relaxation_time)
    ours = error(fit.spectrum.equilibrium_modulus + decay @ fit.spectrum.relaxing_modulus, modulus)
    assert theirs == pytest.approx(0.0145, abs=1e-4)
    assert ours < 0.0145


if __name__ == "__main__":
    for truth in (solid, gel, discrete):
        shares = coverage(truth, 60, 300)
        print(f"{truth.__name__:>9}: bands of 90 % hold E' {shares[0]:.3f}, E'' {shares[2]:.3f} in the band "
              f"(half width {100 * shares[1]:.1f} / {100 * shares[3]:.1f} % of |E*|), "
              f"{shares[4]:.3f}, {shares[6]:.3f} one decade beyond ({100 * shares[5]:.1f} / {100 * shares[7]:.1f} %)")
