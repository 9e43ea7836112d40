"""Retardation: J(t), E(t) and E* of one material against closed forms and a numerical inverse; fits of creep."""

import mpmath
import numpy as np
import pytest
from scipy.special import gamma

from asperity.rheology.retardation_spectrum import RetardationSpectrum
from asperity.rheology.smooth_error import learnt_error
from asperity.rheology.spectrum_estimate import creep_data
from asperity.rheology.spectrum_posterior import fitted

pytestmark = pytest.mark.usefixtures("x64")
TIME = np.logspace(-3, 2, 11)


def test_zener_and_maxwell_relax_as_they_do():
    """One retardation time is a standard linear solid of tau E_e/(E_e + E_1); none, with a flow, a Maxwell liquid."""
    rest, more, tau = 1e3, 2e3, 0.05
    glass = 1 / (rest + more)
    solid = RetardationSpectrum(np.array([1 / rest - glass]), np.array([tau * (rest + more) / rest]), glass, 0.0)
    np.testing.assert_allclose(solid.relaxation_modulus(TIME), rest + more * np.exp(-TIME / tau), rtol=1e-12)
    phase = 3j * tau
    np.testing.assert_allclose(solid.complex_modulus(3.0), rest + more * phase / (1 + phase), rtol=1e-12)
    liquid = RetardationSpectrum(np.zeros(2), np.array([0.1, 1.0]), 1e-3, 1 / 500)
    np.testing.assert_allclose(liquid.relaxation_modulus(TIME[:8]), 1e3 * np.exp(-TIME[:8] * 2), rtol=1e-10)
    np.testing.assert_allclose(liquid.creep_compliance(TIME), 1e-3 + TIME / 500, rtol=1e-14)


def test_relaxation_is_the_inverse_laplace_transform():
    rng = np.random.default_rng(0)
    compliance, tau = rng.exponential(size=20) ** 3, np.logspace(-3, 3, 20)
    one = RetardationSpectrum(compliance, tau, 0.1, 0.02)

    def exact(time):
        def modulus(s):
            terms = sum(float(part) / (1 + s * float(x)) for part, x in zip(compliance, tau))
            return 1 / (s * (mpmath.mpf("0.1") + mpmath.mpf("0.02") / s + terms))
        with mpmath.workdps(30):
            return float(mpmath.invertlaplace(modulus, time, method="talbot", degree=30))

    for time in (1e-3, 0.1, 10.0, 300.0):
        assert float(one.relaxation_modulus(time)) == pytest.approx(exact(time), rel=1e-10)


@pytest.mark.parametrize(("creep", "relaxed"), [
    (lambda t: 1e-3 - (1e-3 - 1 / 3e3) * np.exp(-t / 1.5), lambda t: 1e3 + 2e3 * np.exp(-t / 0.5)),
    (lambda t: 1e-3 + t / 5e3, lambda t: 1e3 * np.exp(-t / 5)),
    (lambda t: t**0.3 / (1e3 * gamma(1.3)), lambda t: 1e3 * t**-0.3 / gamma(0.7))],
    ids=["Zener", "Maxwell", "power law"])
def test_creep_tells_the_relaxation(creep, relaxed):
    """2 % noise on 40 points: J(t) to 1.5 % rms, and E(t) of the same material to 3 % where it is above a hundredth."""
    time = np.geomspace(0.01, 100, 40)
    values = creep(time) * (1 + 0.02 * np.random.default_rng(0).normal(size=40))
    data = creep_data(time, values, 0.02 * values)
    found = fitted(data, learnt_error(data)).material
    seen = relaxed(time) > 0.01 * relaxed(time[0])
    assert np.sqrt(np.mean((found.creep_compliance(time) / creep(time) - 1) ** 2)) < 0.015
    assert np.sqrt(np.mean((found.relaxation_modulus(time) / relaxed(time) - 1)[seen] ** 2)) < 0.03
