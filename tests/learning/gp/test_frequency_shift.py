"""What an oscillating tip shows of force laws whose means are known, and of one that was integrated in time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import ive

from asperity.learning.gp import dense, frequency_shift
from asperity.learning.gp.force_prior import FORCE_PRIORS
from asperity.learning.gp.observed import Observed, value
from asperity.messages import ArgumentError

Z = 0.3 + 0.06 * np.arange(60)  # nm
STIFFNESS = 40.0
amplitudes = pytest.mark.parametrize("a", [0.03, 0.3, 1.0, 10.0])


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def of_exponential(z, a, decay):
    """Of F = exp(-z / decay)."""
    return np.exp(-z / decay) * ive(1, a / decay) / (a * STIFFNESS)


def of_power(z, a, power):
    """Of F = -z^-1 and -z^-2, by residues."""
    root = np.sqrt(z * (z + 2 * a))
    return {1: (1 - (z + a) / root) / a**2, 2: -(root**-3.0)}[power] / STIFFNESS


def seen(force, a, z=Z, count=None, decay=0.1):
    functional = frequency_shift.oscillating(a, STIFFNESS, count or frequency_shift.nodes(a, decay, z.min()))
    return np.asarray(jax.vmap(lambda at: functional(force, at))(jnp.asarray(z)))


@amplitudes
@pytest.mark.parametrize("decay", [0.05, 0.2])
def test_an_exponential_force_gives_a_bessel_function(a, decay):
    exact = of_exponential(Z, a, decay)
    np.testing.assert_allclose(seen(lambda z: jnp.exp(-z / decay), a, decay=decay), exact, rtol=1e-9)
    by_rows = frequency_shift.rows(Z, a, STIFFNESS)
    np.testing.assert_allclose(by_rows.weight @ np.exp(-by_rows.at / decay), exact, atol=1e-7 * exact.max())


@amplitudes
@pytest.mark.parametrize("power", [1, 2])
def test_inverse_powers_have_closed_forms(a, power):
    """To the rounding of a difference of forces that are nearly equal at small amplitudes."""
    exact = of_power(Z, a, power)
    np.testing.assert_allclose(seen(lambda z: -(z**-float(power)), a), exact, rtol=1e-9 if a > 0.1 else 1e-8)
    by_rows = frequency_shift.rows(Z, a, STIFFNESS)
    np.testing.assert_allclose(by_rows.weight @ -(by_rows.at**-float(power)), exact, rtol=3e-6)


@pytest.mark.parametrize("tolerance", [1e-4, 1e-7, 1e-10])
def test_as_many_nodes_as_it_takes_and_no_more(tolerance):
    a, decay = 2.0, 0.1
    count = frequency_shift.nodes(a, decay, 3.0, tolerance)
    exact = of_exponential(Z, a, decay)

    def error(count):
        return np.abs(seen(lambda z: jnp.exp(-z / decay), a, count=count) / exact - 1).max()

    assert error(count) < 1.1 * tolerance < error(count - 1) * 1.1
    with pytest.raises(ArgumentError, match="nodes"):
        frequency_shift.nodes(1e5, 0.01, 0.3)


def test_at_small_amplitudes_it_is_the_gradient():
    """The next term is of second order: a^2 F''' / 8 over F' (of an exponential, (a / decay)^2 / 8), and a itself."""
    def force(z):
        return jnp.exp(-z / 0.2)

    small = frequency_shift.small_amplitude(STIFFNESS)
    for a, count in ((1e-3, 4), (1e-2, 6)):
        shifts = seen(force, a, count=count)
        limit = jax.vmap(lambda z: small(force, z))(jnp.asarray(Z + a))  # about the middle of the oscillation
        np.testing.assert_allclose(shifts / np.asarray(limit) - 1, a**2 / 0.2**2 / 8, rtol=1e-2)


@pytest.mark.parametrize("a", [0.05, 0.5])
def test_rows_give_the_covariances_of_the_double_quadrature(a):
    """Of processes with two derivatives, which polynomials of the seventh degree follow to 1e-6."""
    prior = FORCE_PRIORS["decaying"]
    covariance = prior.kernel(prior.prior.mean, jnp.asarray(Z[0])).covariance
    z, by_rows = jnp.asarray(Z[:12]), frequency_shift.rows(Z[:12], a, STIFFNESS)
    point = frequency_shift.oscillating(a, STIFFNESS, frequency_shift.nodes(a, 0.1, 0.3))
    exact = dense.gram(covariance, point, z, point, z)
    np.testing.assert_allclose(dense.gram(covariance, by_rows, z, by_rows, z), exact, atol=1e-6 * float(exact.max()))
    across = dense.gram(covariance, value, z, point, z)
    np.testing.assert_allclose(dense.gram(covariance, value, z, by_rows, z), across, atol=1e-6 * float(across.max()))


def test_force_and_gradient_are_found_from_exact_frequency_shifts():
    """Without noise to speak of, the posterior is the truth within what it says, and that is little."""
    a, z = 0.3, Z[:40]
    truth = np.exp(-(z - 0.3) / 0.15)
    measured = of_exponential(z, a, 0.15) * np.exp(0.3 / 0.15)
    prior, by_rows = FORCE_PRIORS["decaying"], frequency_shift.rows(z, a, STIFFNESS)
    noise = jnp.full(len(z), (1e-4 * measured.max()) ** 2)
    data = Observed(jnp.asarray(z), jnp.asarray(measured), noise, jnp.ones(len(z), bool))
    told = dense.condition(prior.kernel(prior.prior.mean, data.z[0]), data, functional=by_rows)
    mean, std = told.mean[:, :2].sum(axis=1), jnp.sqrt(told.covariance[:, :2, :2].sum(axis=(1, 2)))
    slope = told.mean[:, 2:].sum(axis=1)
    assert float(std.max()) < 0.01
    np.testing.assert_array_less(np.abs(mean - truth), 3 * std)
    np.testing.assert_allclose(slope[:20], -truth[:20] / 0.15, rtol=0.03, atol=0.01)


def test_averages_are_those_of_what_is_averaged():
    z = np.linspace(0.3, 20, 600)
    average = frequency_shift.averaging(z)
    assert len(average) < 150
    np.testing.assert_allclose(average.sum(axis=1), 1, rtol=1e-14)
    assert ((average > 0).sum(axis=0) == 1).all()
    by_rows = frequency_shift.rows(z, 0.5, STIFFNESS, average)
    assert len(by_rows.at) < 300
    exact = average @ of_power(z, 0.5, 2)
    np.testing.assert_allclose(by_rows.weight @ -(by_rows.at**-2.0), exact, rtol=1e-6)


@pytest.mark.parametrize(("z", "a"), [([0.0, 1.0], 1.0), ([0.5, 1.0], 0.0), ([-1.0, 1.0], 1.0)])
def test_what_cannot_be_is_refused(z, a):
    with pytest.raises(ArgumentError, match="positive"):
        frequency_shift.rows(np.array(z), a, 1.0)
    with pytest.raises(ArgumentError, match="positive"):
        frequency_shift.virial_rows(np.array(z), a)


QUALITY = 50.0
FREE = 2.0  # nm, the amplitude of the free lever
DRIVEN_AT = 0.995  # of the resonance


def amplitude_modulated(force, distances, loss=0.0):
    """Amplitude, phase and mean deflection of a driven lever at each distance, by integration of its motion in time.

    Time in radians of the free resonance; ``loss`` is the tip's own damping over that of the lever, within 0.5 nm.
    """
    drive = frequency_shift.drive(FREE, STIFFNESS, QUALITY, DRIVEN_AT)

    def motion(t, state):
        x, v = state.reshape(2, -1)
        z = distances + x
        lost = (1 + loss * np.exp(-z / 0.5)) * v / QUALITY
        return np.concatenate([v, (force(z) + drive * np.cos(DRIVEN_AT * t)) / STIFFNESS - x - lost])

    period = 2 * np.pi / DRIVEN_AT
    settled = period * np.ceil(2 * QUALITY * np.log(1e7) / period)
    start = np.concatenate([np.zeros_like(distances), np.zeros_like(distances)])
    times = settled + period * np.arange(64) / 64
    x = solve_ivp(motion, (0, times[-1]), start, "DOP853", times, rtol=1e-9, atol=1e-10).y[: len(distances)]
    first = 2 * (x * np.exp(1j * DRIVEN_AT * times)).mean(axis=1)
    return np.abs(first), np.angle(first), x.mean(axis=1)


def law(z):
    """Repulsion and van der Waals attraction, nN."""
    return 2 * np.exp(-(z - 0.3) / 0.15) - 0.02 / z**2


def virials(scale, loss=0.0):
    """As measured with the law times a scale, and by its mean over the oscillation; closest approaches, amplitudes."""
    distances = np.linspace(2.35, 3.6, 20)
    a, phase, mean = amplitude_modulated(lambda z: scale * law(z), distances, loss)
    z = distances + mean - a
    by_rows = frequency_shift.virial_rows(z, a)
    force = frequency_shift.drive(FREE, STIFFNESS, QUALITY, DRIVEN_AT)
    measured = frequency_shift.virial(a, phase, STIFFNESS, force, DRIVEN_AT)
    return measured, by_rows.weight @ (scale * law(by_rows.at)), z, a


def test_a_free_lever_has_no_virial():
    measured, _, _, a = virials(0.0)
    np.testing.assert_allclose(a, FREE, rtol=1e-6)
    np.testing.assert_allclose(measured, 0, atol=1e-6 * STIFFNESS * FREE**2)


def test_the_virial_of_amplitude_and_phase_is_that_of_the_force():
    """The rest comes of the higher harmonics: it is of second order in the force."""
    error = []
    for scale in (0.05, 0.1, 1.0):
        measured, exact, _, a = virials(scale)
        error.append(np.abs(measured - exact).max() / np.abs(exact).max())
        assert np.ptp(a) > 0.05 * scale  # each row has an amplitude of its own
    assert error[1] / error[0] == pytest.approx(2, rel=0.2)
    assert error[2] < 0.015


def test_what_the_tip_loses_does_not_enter_the_virial():
    """It makes the amplitude smaller, by five times as much as the force does, and the virial is still that of F."""
    measured, exact, _, a = virials(0.1, loss=1.0)
    assert np.abs(a - virials(0.1)[3]).max() > 0.05
    np.testing.assert_allclose(measured, exact, atol=0.01 * np.abs(exact).max())


def test_the_force_is_found_from_amplitude_and_phase():
    measured, exact, z, a = virials(1.0)
    prior, by_rows = FORCE_PRIORS["decaying"], frequency_shift.virial_rows(z, a)
    noise = jnp.full(len(z), (0.01 * np.abs(exact).max()) ** 2)
    data = Observed(jnp.asarray(z), jnp.asarray(measured), noise, jnp.ones(len(z), bool))
    told = dense.condition(prior.kernel(prior.prior.mean, data.z[0]), data, functional=by_rows)
    mean, std = told.mean[:, :2].sum(axis=1), jnp.sqrt(told.covariance[:, :2, :2].sum(axis=(1, 2)))
    np.testing.assert_array_less(np.abs(mean - law(z)), 3 * std)
    assert float(std[:10].max()) < 0.1 * np.abs(law(z)).max()
