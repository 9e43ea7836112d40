"""The contact in a recovered force: exact where the force is, and with the errors of its covariance."""

import numpy as np
import pytest

from asperity.contact.hertz import Hertz
from asperity.dynamics.force_recovery import Recovered
from asperity.dynamics.recovered_contact import contact_in
from asperity.messages import DataError

TIP = Hertz(radius=10e-9, poisson_ratio=0.3)
AT = np.linspace(-5e-9, 5e-9, 101)


def law(noise=0.0, seed=0):
    depth = np.maximum(0.2e-9 - AT, 0)
    force = 4 / 3 * 1e9 / 0.91 * np.sqrt(10e-9) * depth**1.5 - 2e-9 * np.exp(-np.maximum(AT - 0.2e-9, 0) / 1e-9)
    std = np.full(len(AT), max(noise, 1e-13))
    draw = noise * np.random.default_rng(seed).standard_normal(len(AT))
    return Recovered(AT, force + draw, std, np.diag(std**2), 1e-12, {}, [], True)


def test_an_exact_contact_is_found():
    found = contact_in(law(), TIP)
    assert found.modulus == pytest.approx(1e9, rel=1e-6)
    assert found.surface == pytest.approx(0.2e-9, rel=1e-5)
    assert found.attraction == pytest.approx(-2e-9, rel=1e-5)


@pytest.mark.study  # more than 10 s
def test_its_errors_are_those_that_come():
    """200 draws of white noise: the pull has a standard deviation of 1 to 5 %."""
    found = [contact_in(law(1e-10, seed), TIP) for seed in range(200)]
    pull = np.array([(one.modulus - 1e9) / one.modulus_std for one in found])
    assert 0.85 < pull.std() < 1.15
    assert abs(pull.mean()) < 0.25


def test_no_contact_is_refused():
    flat = law()._replace(force=np.zeros(len(AT)))
    with pytest.raises(DataError, match="no contact is seen"):
        contact_in(flat, TIP)
