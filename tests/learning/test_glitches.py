"""What is a glitch, and what is not."""

import numpy as np
import pytest

from asperity.contact import JKR, Hertz
from asperity.learning import glitches as learning
from asperity.learning.glitches import huge
from asperity.measurements.force_curves.contents import gathered
from asperity.measurements.force_curves.summary import glitches
from tests.verify.measurements.force_curves.measured_noise import RADIUS, Source, hertz, jkr, sessions

NOISE, LEVER, COUNT = 5e-12, 0.05, 8


def curves(kind: str):
    """Eight curves, what is true of them, and the fit."""
    rng = np.random.default_rng(1)
    own = Source([NOISE * rng.standard_normal(4096) for _ in range(COUNT)], LEVER)
    made = hertz(own, 60 * NOISE, 0.4) if kind == "hertz" else jkr(own, 60 * NOISE, 0.4, 20 * NOISE, 3.0)
    model = Hertz(radius=RADIUS) if kind == "hertz" else JKR(radius=RADIUS)
    return sessions(own, made, COUNT, COUNT, rng).load(), made, model


@pytest.mark.parametrize("kind", ["hertz", "jkr"])
@pytest.mark.parametrize("size", [3.0, 1e4])
@pytest.mark.parametrize("what", ["force", "height"])
def test_one_huge_sample_changes_nothing_and_is_named(kind, size, what):
    """It took the fit along: a contact out of range, or a modulus off by a half."""
    import asperity

    data, made, model = curves(kind)
    sound = asperity.fit(data, model, segment=made.segment)
    values = data[what].values
    at = values.shape[-1] // 8 if made.segment == "retract" else -values.shape[-1] // 8
    values[3, :, at] += size * (60 * NOISE if what == "force" else 100e-9)
    found = asperity.fit(data, model, segment=made.segment)
    assert found["glitches"].values.tolist() == [0, 0, 0, 1, 0, 0, 0, 0]
    np.testing.assert_allclose(found["modulus"], sound["modulus"], rtol=5e-3)
    np.testing.assert_array_equal(found["flag"], sound["flag"])
    assert glitches(gathered(found))[0].startswith("1 sample of 1 curve")
    assert not glitches(gathered(sound))


def test_noise_contacts_jumps_and_steps_are_no_glitches():
    """White and correlated noise, a snap, a step, a spike of five samples, a silent curve, a coarse quantum."""
    rng = np.random.default_rng(2)
    white = rng.standard_normal((500, 512))
    slow = np.cumsum(white, axis=1)
    ramp = np.tile(np.maximum(np.linspace(-1, 1, 512), 0) ** 1.5, (4, 1))
    snap = np.where(np.arange(512) < 300, 0.0, 1.0) - 0.5 * (np.arange(512) == 299)
    spike = np.where(abs(np.arange(512) - 200) < 3, 50.0, 0.0) + 0.1 * white[0]
    quanta = np.round(0.4 * white)
    for values in (white, slow, ramp, snap[None], spike[None], np.zeros((2, 512)), quanta,
                   rng.laplace(size=(500, 512))):
        assert not huge(values, np.ones(values.shape, bool)).any()


@pytest.mark.parametrize("places", [(17,), (12,), (511,), (100, 400), (200, 201)])
@pytest.mark.parametrize("offset", [0.0, 60.0, -1e4])
def test_nothing_hides_a_glitch(places, offset):
    """Neither padding beside an offset, nor an end, nor a larger one elsewhere or beside it."""
    counted = np.arange(512) >= 12
    contact = np.maximum(np.linspace(-1, 1, 512), 0) ** 1.5
    values = 7 * contact + 0.02 * np.random.default_rng(3).standard_normal(512) + offset
    for place, size in zip(places, (50.0, 10.0)):
        values[place] += size
    found = huge(np.where(counted, values, 0.0)[None], counted[None])[0]
    np.testing.assert_array_equal(np.flatnonzero(found), places)


def test_a_contact_of_two_samples_at_the_end_is_none_and_toggles_of_one_step_are_none():
    contact = np.zeros((1, 200))
    contact[0, -2:] = 1.0, 2.0**1.5
    toggles = np.zeros((1, 4000))
    toggles[0, ::97] = 1.0
    for values in (contact, toggles):
        assert not huge(values, np.ones(values.shape, bool)).any()


def test_curves_that_cannot_hold_one_are_passed_over_rightly(monkeypatch):
    """Looking at every curve finds the same: single ones, pairs, ends, jumps, gaps and steps, of all sizes."""
    rng = np.random.default_rng(8)
    values = np.cumsum(rng.normal(size=(600, 120)), axis=1) * rng.choice([0.0, 0.05, 1.0], size=(600, 1))
    values += rng.normal(size=values.shape) + np.where(np.arange(120) > rng.integers(120, size=(600, 1)), 30.0, 0.0)
    for row in values:
        for _ in range(rng.integers(3)):
            place, width = rng.integers(120), rng.integers(1, 4)
            row[place : place + width] += rng.normal() * 10 ** rng.uniform(0, 3)
    counted = (rng.random(values.shape) > 0.02) & (np.arange(120) >= rng.integers(40, size=(600, 1)))
    values[~counted] = 0.0
    quick = huge(values, counted)
    monkeypatch.setattr(learning, "_may_hold_one", lambda values, counted, least: np.ones(len(values), bool))
    assert quick.sum() > 100
    np.testing.assert_array_equal(quick, huge(values, counted))
