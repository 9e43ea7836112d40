"""The exponent of the pull-off force against the radius: Maugis's equations in 30 digits, limits, least value."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest

from asperity.contact import MaugisDugdale
from asperity.contact.pull_off import pull_off_exponent

pytestmark = pytest.mark.usefixtures("x64")

_exponent = jax.jit(jax.vmap(pull_off_exponent))


def exact_load(t, lam):
    """P(t) of Maugis's equations at t = sqrt((c/a)^2 - 1)."""
    angle = mp.atan(t)
    square = lam / 2 * (t + (t * t - 1) * angle)
    linear = 4 * lam**2 / 3 * (t * angle - mp.sqrt(1 + t * t) + 1)
    a = 2 / (linear + mp.sqrt(linear**2 + 4 * square))
    return a**3 - lam * a * a * (t + (1 + t * t) * angle)


def least_load(lam):
    """Golden-section search of the most negative load over ln t: a maximum needs no derivative."""
    ratio = (mp.sqrt(5) - 1) / 2
    steps = [mp.mpf(k) / 4 for k in range(-16, 29)]
    least = min(steps, key=lambda u: exact_load(mp.e**u, lam))
    low, high = least - mp.mpf(1) / 4, least + mp.mpf(1) / 4
    while high - low > mp.mpf(10) ** -14:  # the load is flat there: its error is the square of this
        one, other = high - ratio * (high - low), low + ratio * (high - low)
        if exact_load(mp.e**one, lam) < exact_load(mp.e**other, lam):
            high = other
        else:
            low = one
    return exact_load(mp.e ** low, lam)


def exact_exponent(parameter):
    """Central differences of ln|P| over ln lambda with a step of 1e-6: error 1e-11."""
    lam, step = mp.mpf(parameter), mp.mpf(10) ** -6
    above, below = (mp.log(-least_load(lam * mp.e**s)) for s in (step, -step))
    return float(1 + (above - below) / (2 * step) / 3)


@pytest.mark.parametrize("parameter", [0.01, 0.26, 0.4888, 0.517, 1.4, 30.0])
def test_exponent_against_maugis_in_30_digits(parameter):
    with mp.workdps(30):
        exact = exact_exponent(parameter)
    assert float(_exponent(jnp.asarray([parameter]))[0]) == pytest.approx(exact, abs=1e-9)


def test_least_exponent():
    """0.962539 at lambda = 0.4888 (mpmath, 40 digits: 0.96253859 at 0.48884)."""
    parameters = np.geomspace(0.01, 100, 40001)
    exponents = np.asarray(_exponent(jnp.asarray(parameters)))
    assert exponents.min() == pytest.approx(0.96253859, abs=1e-8)
    assert parameters[exponents.argmin()] == pytest.approx(0.48884, rel=1e-3)
    assert exponents.max() < 1


def test_limits():
    """s* -> 1 - (1/2) (8/3)(pi - 2)/sqrt(pi) lambda^(3/2) / 2 near DMT, 1 near JKR."""
    small = np.array([1e-3, 4e-3])
    leading = (8 / 3) * (np.pi - 2) / np.sqrt(np.pi) / 4
    found = (1 - np.asarray(_exponent(jnp.asarray(small)))) / small**1.5
    np.testing.assert_allclose(found, leading, rtol=0.01)  # the next term's share is 0.3 %
    assert float(_exponent(jnp.asarray([100.0]))[0]) == pytest.approx(1, abs=1e-5)


def test_exponent_is_the_slope_of_the_force_at_fixed_material():
    """d ln F / d ln R of the model's own pull-off force with lambda ~ R^(1/3)."""

    @jax.jit
    def log_force(log_radius):
        lam = 0.7 * jnp.exp(log_radius / 3)
        tip = MaugisDugdale(radius=30e-9 * jnp.exp(log_radius), work_of_adhesion=jnp.asarray(0.05),
                            modulus=jnp.asarray(1e9), maugis_parameter=lam)
        return jnp.log(tip.pull_off_force())

    step = 1e-4
    slope = (log_force(jnp.asarray(step)) - log_force(jnp.asarray(-step))) / (2 * step)
    assert float(slope) == pytest.approx(float(pull_off_exponent(jnp.asarray(0.7))), abs=1e-8)
