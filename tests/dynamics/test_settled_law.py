"""The law of contact back from a settled motion: by other integrators, with noise, and what it does not tell."""

import jax
import numpy as np
import pytest

from asperity.contact.cone import Cone
from asperity.contact.hertz import Hertz
from asperity.dynamics.cantilever import Cantilever
from asperity.dynamics.force_recovery import TappedLever
from asperity.dynamics.oscillation import Drive, free_motion, steady
from asperity.dynamics.settled_law import SettledRecord, settled_law
from asperity.dynamics.settled_motion import harmonics_of, phase_rate
from asperity.dynamics.settled_orbit import COMMON, nodes_of, orbit
from asperity.dynamics.tip_force import TipForce
from asperity.messages import DataError
from tests.dynamics.settled_lever import CUTOFF, F0, FREE, HEIGHT, MODULUS, PULL, RADIUS, K, Q, motion, period

LEVER = TappedLever(K, F0, Q, frequency_std=1e-3, quality_std=0.05, drive_std=0.05, drive_phase_std=0.05,
                    offset_std=1e-9)
TIP = Hertz(radius=RADIUS, poisson_ratio=0.0)
RATE = 2 * np.pi / 64


def record(free=FREE, **about):
    return SettledRecord(motion(free=free, **about), free / Q + 0j, True, RATE, RATE / (2 * np.pi * F0))


@pytest.fixture(scope="module")
def noisy():
    return settled_law([record(noise=3e-12)], LEVER, TIP)


def test_one_period_is_that_of_another_integrator():
    """The harmonics from the same beginning, 1024 uneven steps against DOP853: to a third of a picometer's millionth.

    3e-6 nm is what a fit holds a harmonic to (1e-7 of the stroke); the first two are the drive's and the offset's.
    """
    path = period(1024)
    at = int(np.argmax(path))
    begin, whole = 2 * np.pi * at / 1024, np.fft.rfft(path * 1e9) / 512
    pace = float(np.fft.irfft(1j * np.arange(513) * whole)[at]) * 512
    common = np.array([np.log(MODULUS / 1e9), np.log(PULL * 1e9), np.log(CUTOFF * 1e9), *[0.0] * (len(COMMON) - 3)])
    start = np.append(common, [path[at] * 1e9, pace, 0.0, 0.0, 0.0, (CUTOFF - HEIGHT) * 1e9, 0.0])

    def gone(unknown):
        return orbit(unknown, TIP, (K, Q, 1.0, 1.0, begin), FREE / Q * 1e9 + 0j)

    found, slopes = gone(start)
    phase, weight = nodes_of(begin)
    shown = 2 * np.exp(-1j * np.outer(np.arange(2, 40), phase)) @ (weight * found[:-2])
    assert np.abs(shown - whole[2:40]).max() < 3e-6
    assert np.abs(found[-2:]).max() < 3e-5
    step = np.eye(len(start))[0] * 1e-4
    differences = (gone(start + step)[0] - gone(start - step)[0]) / 2e-4
    np.testing.assert_allclose(differences, slopes[:, 0], atol=1e-3 * np.abs(slopes[:, 0]).max())


@pytest.mark.study
def test_without_noise():
    """The law to the error of a foretold motion: a harmonic is held to 1e-7 of the stroke, which tells 2 %."""
    found = settled_law([record()], LEVER, TIP)
    assert found.settled
    assert found.probability > 0.5
    assert found.modulus == pytest.approx(MODULUS, rel=2e-3)
    assert found.modulus_std < 0.03 * MODULUS
    assert found.values["pull"][0] == pytest.approx(PULL, rel=0.01)
    assert found.contact_points[0, 0] + HEIGHT == pytest.approx(CUTOFF, abs=0.01e-9)
    assert abs(found.values["viscosity"][0]) < 0.5


def test_the_simulator_of_asperity():
    """Its own steady oscillation, 4096 steps of Strang's splitting."""
    with jax.enable_x64(True):
        lever = Cantilever(K, F0, Q)
        force = TipForce(Hertz(radius=RADIUS, modulus=MODULUS, poisson_ratio=0.0), radius=RADIUS,
                         hamaker=6 * PULL * CUTOFF**2 / RADIUS, cutoff=CUTOFF)
        shown = steady(lever, Drive.at_resonance(lever, FREE), force, HEIGHT, free_motion(lever), steps=4096)
    own = 2 * np.fft.rfft(period(1024))[1] / 1024
    assert float(shown.amplitude) == pytest.approx(abs(own), abs=1e-13)
    assert float(shown.phase) == pytest.approx(-np.angle(own), abs=1e-5)


def test_three_picometers_of_noise(noisy):
    assert noisy.modulus_low < MODULUS < noisy.modulus_high
    assert 0.05 < noisy.modulus_std / MODULUS < 0.25
    assert 1e-3 < noisy.probability < 0.999
    assert noisy.harmonics[0].noise == pytest.approx(3e-12, rel=0.05)
    assert abs(noisy.values["pull"][0] - PULL) < 3 * noisy.values["pull"][1]


@pytest.mark.study  # more than 10 s
def test_two_amplitudes_tell_more_and_heights_that_are_known_even_more(noisy):
    records = [record(noise=3e-12), record(free=30e-9, noise=3e-12, seed=1)]
    free, tied = (settled_law(records, LEVER, TIP, height_std=std) for std in (None, 0.0))
    for one in (free, tied):
        assert one.modulus_low < MODULUS < one.modulus_high
    assert 2 * tied.modulus_std < free.modulus_std < 0.8 * noisy.modulus_std
    assert tied.contact_points[0, 0] == pytest.approx(tied.contact_points[1, 0], abs=1e-13)


@pytest.mark.study  # some 5 s
def test_a_viscosity_is_found_beside_the_modulus():
    """0.2 of the modulus, times the radian frequency of the drive."""
    found = settled_law([record(noise=1e-12, viscosity=0.2 * MODULUS)], LEVER, TIP)
    value, std = found.values["viscosity"]
    assert found.modulus_low < MODULUS < found.modulus_high
    assert abs(value - 0.2 * MODULUS / (2 * np.pi * F0)) < 3 * std < 0.5 * value
    assert found.probability > 1e-3


@pytest.mark.study  # more than 10 s
def test_the_tip_has_to_be_known():
    """A cone's motion at 0.3 pm: the cone gives its modulus; a sphere fits as well and gives a third of it."""
    seen = record(noise=3e-13, shape="cone")
    cone = settled_law([seen], LEVER, Cone(half_angle=np.pi / 4, poisson_ratio=0.0))
    assert cone.probability > 1e-3
    assert cone.modulus_low < MODULUS < cone.modulus_high
    sphere = settled_law([seen], LEVER, TIP)
    assert sphere.probability > 1e-3
    assert sphere.modulus < 0.5 * MODULUS


@pytest.mark.study  # some 10 s
def test_a_motion_that_touches_nothing_tells_no_modulus():
    """Far from the sample: nothing but the linear motion; neither end of the modulus is told."""
    found = settled_law([record(noise=3e-12, height=60e-9)], LEVER, TIP)
    assert found.modulus_low == 0 or found.modulus_high / found.modulus_low > 100


def test_the_noise_beside_the_harmonics_and_the_open_period():
    """A slow change of the amplitude opens the mean period by what the ends show, with the error that is stated."""
    count = 64 * 80
    phase = RATE * np.arange(count)
    grown = (10e-9 + 0.1e-9 * np.arange(count) / count) * np.cos(phase)
    draws = 2e-12 * np.random.default_rng(2).standard_normal((20, count))
    found = [harmonics_of(grown + draw, RATE) for draw in draws]
    pull = np.array([(one.gap - [0.1e-9 / 80, 0.0]) / one.gap_std for one in found])
    assert 0.6 < np.sqrt(np.mean(pull[:, 0] ** 2)) < 1.4
    assert np.sqrt(np.mean(pull[:, 1] ** 2)) < 1.4
    assert np.mean([one.noise for one in found]) == pytest.approx(2e-12, rel=0.03)
    assert np.mean([one.std[10] for one in found]) == pytest.approx(2e-12 * np.sqrt(2 / count), rel=0.05)


def test_the_rate_of_a_drive():
    rate = 0.2937
    wave = np.cos(rate * np.arange(3000) + 1.0) + 0.01 * np.random.default_rng(0).standard_normal(3000)
    assert phase_rate(wave, rate * (1 + 3e-4)) == pytest.approx(rate, abs=1e-6)


def test_what_is_too_little_is_refused():
    with pytest.raises(DataError, match="record longer"):
        harmonics_of(np.cos(RATE * np.arange(300)), RATE)
    with pytest.raises(DataError, match="sample faster"):
        harmonics_of(np.cos(1.0 * np.arange(3000)), 1.0)
