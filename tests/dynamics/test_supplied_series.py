"""Identities on tapping series that another program simulated: three modes over a viscoelastic sample.

The series (k 6.5 N/m, 46 kHz, Q 150, free amplitude 230 nm) are of ealopez/TappingMode_Simulations (MIT), whose
notebook has Q 300 and 450 for the second and third mode; the ratios of their frequencies, 6.27 and 17.6, are read off
the series themselves.
"""

import numpy as np
import pytest

from tests.conftest import shared_data

K, F0, Q, FREE = 6.5, 46e3, np.array([150.0, 300.0, 450.0]), 230e-9
RATIO = np.array([1.0, 6.27, 17.6])
ORDERS = np.arange(60)  # harmonics


def series(height):
    """Harmonics of deflection and force against the drive, and the series of both."""
    time, tip, force, _ = np.loadtxt(
        shared_data(f"dynamics/tappingmode_sim/epoxy_1stMode_{height}.txt")).T * np.array([[1e-6], [1e-9], [1e-9], [1]])
    turn = np.exp(-1j * ORDERS[:, None] * 2 * np.pi * F0 * time)
    return 2 * turn @ tip / len(time), 2 * turn @ force / len(time), tip - tip.mean(), force


def response(orders):
    """(order, mode) deflection per force."""
    own = K * RATIO**2
    x = np.asarray(orders, float)[:, None] / RATIO
    return 1 / (own * (1 - x**2 + 1j * x / Q))


def said(height):
    """Amplitude, and cosine and sine of the phase."""
    first = series(height)[0][1]
    return abs(first), first.real / abs(first), -first.imag / abs(first)


@pytest.mark.parametrize(("height", "within"), [(99, 0.004), (189, 0.001)])
def test_the_virial(height, within):
    """<F x> = -k A A0 cos(phase) / 2Q."""
    a, cosine, _ = said(height)
    *_, tip, force = series(height)
    assert np.mean(force * tip) == pytest.approx(-K * a * FREE / (2 * Q[0]) * cosine, rel=within)


@pytest.mark.parametrize("height", [99, 189])
def test_what_the_tip_shows_is_the_response_of_three_modes(height):
    tip, force, *_ = series(height)
    own = response(ORDERS[2:20]).sum(1) * force[2:20]
    np.testing.assert_allclose(np.abs(own), np.abs(tip[2:20]), rtol=0.03, atol=2e-13)


@pytest.mark.parametrize(("height", "within"), [(99, 0.02), (189, 0.04)])
def test_the_dissipation_with_the_losses_of_higher_modes(height, within):
    """pi k A (A0 sin(phase) - A) / Q is the sample's and that of all other motion of the lever, a fifth of it here."""
    a, _, sine = said(height)
    tip, force, *_ = series(height)
    sample = np.pi * np.sum(ORDERS * np.imag(tip * force.conj()))
    whole = np.pi * K * a / Q[0] * (FREE * sine - a)
    assert 0.2 < whole / sample - 1 < 0.3
    modes = response(ORDERS[2:]) * force[2:, None]
    lever = np.pi * np.sum(K * RATIO / Q * ORDERS[2:, None] ** 2 * np.abs(modes) ** 2)
    assert whole - lever == pytest.approx(sample, rel=within)


@pytest.mark.parametrize("height", [0, 99, 189])
def test_the_first_mode_at_the_frequency_of_its_drive(height):
    """i k x / Q = F0 + F with the first mode's own deflection: what the others add at this frequency is taken off."""
    tip, force, *_ = series(height)
    drive = K * FREE / Q[0]
    own = tip[1] - (response([1])[0, 1:] * (drive + force[1])).sum()
    assert abs(1j * K / Q[0] * own - drive - force[1]) < 0.01 * drive
