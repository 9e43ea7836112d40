"""The force law back from a tapping record, by another library's integrator; with noise, and what it says of itself."""

import numpy as np
import pytest

from asperity.contact.hertz import Hertz
from asperity.dynamics.force_recovery import TappedLever, TappingRecord, knots_about, recover_force
from asperity.dynamics.recovered_contact import contact_in
from asperity.messages import DataError
from tests.dynamics.tapped_lever import CUTOFF, F0, HEIGHT, MODULUS, RADIUS, SAMPLES, K, Q, law, motion

LEVER = TappedLever(K, F0, Q)
TIP = Hertz(radius=RADIUS, poisson_ratio=0.0)


def record(noise=0.0, seed=0, channels=2):
    _, states, drive = motion()
    states = states + noise * np.random.default_rng(seed).standard_normal(states.shape)
    return TappingRecord(states[:, :channels], drive, 1 / F0 / SAMPLES)


def error(found):
    """Root mean square error of the force in contact over its peak."""
    touching = found.distance < 0
    assert touching.sum() >= 20
    peak = law(HEIGHT + motion()[1][:, 0].min())
    return np.sqrt(np.mean((found.force - law(found.distance))[touching] ** 2)) / peak


@pytest.mark.parametrize(("channels", "bound"), [(2, 1e-3), (1, 3e-3)])
def test_without_noise(channels, bound):
    """Position and velocity, and the position alone; the modulus is that of the contact."""
    found = recover_force([record(channels=channels)], LEVER, HEIGHT)
    assert found.settled
    assert error(found) < bound
    contact = contact_in(found, TIP)
    assert contact.modulus == pytest.approx(MODULUS, rel=5e-3)
    assert contact.surface == pytest.approx(CUTOFF, abs=0.02e-9)
    assert contact.attraction == pytest.approx(law(CUTOFF), rel=0.05)


@pytest.mark.parametrize(("channels", "bound"), [(2, 0.03), (1, 0.06)])
def test_ten_picometers_of_noise(channels, bound):
    """The noise is told, the error is of the size that is stated, and the modulus lies within its own."""
    found = recover_force([record(1e-11, 1, channels)], LEVER, HEIGHT)
    assert found.noise == pytest.approx(1e-11, rel=0.05)
    assert error(found) < bound
    ratio = (found.force - law(found.distance))[found.distance < -0.5e-9] / found.std[found.distance < -0.5e-9]
    assert 0.2 < np.sqrt(np.mean(ratio**2)) < 2.5
    contact = contact_in(found, TIP)
    assert abs(contact.modulus - MODULUS) < 4 * contact.modulus_std


def test_constants_that_are_not_known():
    """Wrong by what is stated, quality, frequency and drive come back; the spring constant scales force and error."""
    wrong = TappedLever(K, F0 * (1 + 2e-4), Q * 1.05, frequency_std=3e-4, quality_std=0.1, drive_std=0.1,
                        drive_phase_std=0.1, offset_std=1e-9)
    found = recover_force([record(1e-12)], wrong, HEIGHT)
    off, std = found.departures["frequency"]
    assert off == pytest.approx(-2e-4, abs=4 * std)
    assert std < 1e-5
    assert error(found) < 0.01
    known = recover_force([record(1e-12)], LEVER, HEIGHT)
    scaled = recover_force([record(1e-12)], LEVER._replace(stiffness_std=0.1), HEIGHT)
    assert scaled.std[0] / scaled.force[0] == pytest.approx(0.1, rel=0.05)
    assert known.std[0] / known.force[0] < 0.01


def test_a_height_that_is_not_known_moves_the_law():
    knots = knots_about(CUTOFF, -6e-9, 14e-9, 0.12e-9)
    known = recover_force([record(1e-12)], LEVER, HEIGHT, knots=knots)
    moved = recover_force([record(1e-12)], LEVER, HEIGHT, height_std=0.1e-9, knots=knots)
    slope = np.gradient(known.force, known.distance)[10]
    assert np.sqrt(moved.std[10] ** 2 - known.std[10] ** 2) == pytest.approx(abs(slope) * 0.1e-9, rel=0.02)


def test_two_records_say_more_than_one():
    knots = knots_about(CUTOFF, -6e-9, 14e-9, 0.12e-9)
    one, two = (recover_force([record(1e-11, seed) for seed in range(count)], LEVER, HEIGHT, knots=knots)
                for count in (1, 2))
    assert 0.6 < np.median(two.std[:-1] / one.std[:-1]) < 0.9


def test_what_is_too_little_is_refused():
    whole = record()
    with pytest.raises(DataError, match="record longer"):
        recover_force([whole._replace(seen=whole.seen[:200], drive=whole.drive[:200])], LEVER, HEIGHT)
    with pytest.raises(DataError, match="let them hold all of its path"):
        recover_force([whole], LEVER, HEIGHT, knots=np.linspace(0, 1e-8, 30))
    with pytest.raises(DataError, match="sample faster"):
        recover_force([whole._replace(interval=1e-6)], LEVER, HEIGHT)
    with pytest.raises(DataError, match="not finite"):
        recover_force([whole._replace(seen=whole.seen * np.nan)], LEVER, HEIGHT)
    with pytest.raises(DataError, match="four for each"):
        recover_force([whole], LEVER, HEIGHT, knots=np.linspace(-7e-9, 1e-8, 1000))
