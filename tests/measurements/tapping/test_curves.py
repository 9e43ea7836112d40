"""Amplitude and phase curves of the verb: both branches, identities, flags, and what is refused."""

import functools
import json

import numpy as np
import pytest

import asperity
from asperity.contact import MODELS
from asperity.measurements.replay import differences
from asperity.measurements.tapping.claims import two_branches
from asperity.messages import AsperityError

LEVER = {"spring_constant": 40.0, "frequency": 3e5, "quality": 100.0}


@functools.cache
def bistable():
    sample = {"name": "hertz", "radius": 10e-9, "modulus": 1.5e9, "poisson_ratio": 0.0, "hamaker": 6.4e-20}
    return asperity.tapping(sample, amplitude=10e-9, heights=(5e-9, 9e-9), points=2)


def test_the_converged_values_of_two_other_integrators():
    """At 9 nm both branches, at 5 nm the repulsive one."""
    made = bistable()
    other = two_branches(made)
    assert other[:, 1].any()
    high, low = made["amplitude"].sel(sweep=["free", "rest"], height=9e-9).values * 1e9
    assert high == pytest.approx(9.95175, abs=2e-3)
    assert low == pytest.approx(8.87627, abs=2e-3)
    phase = np.degrees(made["phase"].sel(sweep=["free", "rest"], height=9e-9).values)
    np.testing.assert_allclose(phase, [84.361, 117.423], atol=0.2)
    assert float(made["amplitude"].sel(sweep="free", height=5e-9)) * 1e9 == pytest.approx(6.18956, abs=2e-3)
    error = made["amplitude_error"].sel(sweep="free", height=9e-9)
    assert abs(high - 9.95175) * 1e-9 < float(error)


def test_a_conservative_sample_obeys_the_phase():
    made = bistable()
    np.testing.assert_allclose(np.sin(made["phase"].values), made["amplitude"].values / 10e-9, atol=2e-3)
    assert np.abs(made["dissipation"].values).max() < 1e-2 * np.pi * 40.0 * 1e-16 / 400.0


def test_the_claims_are_those_of_the_numbers():
    said = json.loads(bistable().attrs["findings"])
    assert said[0].startswith("Bistable")
    assert "attractive" in said[0]
    assert any("ASSUMED" in one and "spring constant 40 N/m" in one and "radius" not in one for one in said)
    alone = asperity.tapping({"name": "hertz", "hamaker": 0.0}, lever=LEVER, amplitude=5e-9, points=2)
    assert json.loads(alone.attrs["findings"])[0].startswith("At each height one oscillation is found")


def test_over_the_frequency_far_from_the_sample_it_is_the_lever():
    made = asperity.tapping("hertz", lever=LEVER, amplitude=5e-9, height=1e-6, frequencies=(2.98e5, 3.02e5), points=3)
    ratio = made["frequency"].values / 3e5
    exact = 5e-9 / 100 / np.abs(1 - ratio**2 + 1j * ratio / 100)
    for way in ("rising", "falling", "free", "rest"):
        np.testing.assert_allclose(made["amplitude"].sel(sweep=way), exact, rtol=1e-4)
    assert not made["flag"].any()


def test_the_usual_sweep_of_frequencies_holds_both_jumps():
    """A lever that strikes bends its resonance by more than its width: the sweep goes on until it has dropped."""
    made = asperity.tapping({"name": "hertz", "modulus": 1e9}, lever=LEVER, amplitude=10e-9, height=7e-9, points=25)
    amplitude, ways = made["amplitude"].values, two_branches(made).any(axis=0)
    assert ways.any()
    assert not ways[0]
    assert not ways[-1]
    assert amplitude[:, -1].max() < 0.5 * amplitude.max()
    assert "end of the sweep" not in json.loads(made.attrs["findings"])[0]


def test_an_end_of_the_sweep_is_not_a_jump():
    lever = {"name": "hertz", "modulus": 1e9}
    made = asperity.tapping(lever, lever=LEVER, amplitude=10e-9, height=7e-9, frequencies=(None, 3.013e5), points=9)
    assert float(made["frequency"][-1]) == 3.013e5
    assert "301.300 kHz (end of the sweep)" in json.loads(made.attrs["findings"])[0]
    for wrong in ((3e5,), (3.1e5, 3e5)):
        with pytest.raises(AsperityError, match="frequencies"):
            asperity.tapping("hertz", height=7e-9, frequencies=wrong)


def test_viscosity_is_told():
    made = asperity.tapping({"name": "hertz", "modulus": 1e9, "viscosity": 100.0}, lever=LEVER, amplitude=10e-9,
                            heights=(6e-9, 7e-9), points=2)
    a, phase = made["amplitude"].values, made["phase"].values
    said = np.pi * 40.0 * a / 100 * (10e-9 * np.sin(phase) - a)
    tapped = made["contact_time"].values > 0
    assert tapped.any()
    np.testing.assert_allclose(made["dissipation"].values[tapped], said[tapped], rtol=0.03)


def test_replay_gives_the_same_numbers():
    made = asperity.tapping({"name": "dmt", "work_of_adhesion": 0.02}, lever=LEVER, amplitude=5e-9, points=2)
    assert max(differences(made, asperity.replay(made)).values()) == 0
    assert len(json.loads(made.attrs["citations"])) >= 4


@pytest.mark.parametrize(("given", "said"), [
    ({"sample": {"name": "hertz", "depth": 1.0}}, "has no depth"),
    ({"sample": "hertz_bonded_layer"}, "needs thickness"),
    ({"sample": {"name": "jkr", "hamaker": 1e-19}}, "count that twice"),
    ({"sample": {"name": "hertz", "radius": -1e-9}}, "radius"),
    ({"sample": {"name": "jkr", "work_of_adhesion": 0.0}}, "without any take hertz"),
    ({"sample": {"name": "hertz", "hamaker": -1.0}}, "hamaker in sample"),
    ({"lever": {"quality": 0.3}}, "quality in lever"),
    ({"lever": {"stiffness": 1.0}}, "lever has no stiffness"),
    ({"lever": {"modes": 9}}, "modes in lever"),
    ({"heights": (-1e-9, 5e-9)}, "heights = -1e-09: must be a number in m above 0"),
    ({"heights": (5e-9, 1e-9)}, "the smaller first"),
    ({"heights": (1e-9, 5e-9), "height": 5e-9}, "leave out heights"),
    ({"frequencies": (1e5, 3e5)}, "give it, in m"),
    ({"height": 5e-9, "frequencies": (1.0, 3e5)}, "frequencies = 1.0"),
    ({"points": 1}, "points"), ({"amplitude": 5.0}, "amplitude = 5.0")])
def test_what_cannot_be_is_refused_before_the_work(given, said):
    with pytest.raises(AsperityError, match=said.replace("(", r"\(")):
        asperity.tapping(**given)


def test_a_model_by_any_of_its_names():
    assert "maugis_dugdale" in MODELS
    from asperity.measurements.tapping.setup import setup

    assert setup("Maugis-Dugdale", None).named["model"] == "maugis_dugdale"
    assert setup({"name": "cone", "radius": 5e-9}, None).named["radius"] == 5e-9
