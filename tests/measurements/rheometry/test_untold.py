"""Corrections of sine segments that nobody told: said, and as large as telling them makes the difference."""

import json

import numpy as np
import pytest

from asperity.data import store
from asperity.measurements.rheometry.material import median_spectrum, spectrum
from asperity.measurements.rheometry.modulation import InstrumentResponse, modulus_spectrum
from asperity.rheology.oscillatory_contact import DampedLever
from asperity.rheology.structural_damping import StructuralDamping
from asperity.virtual.oscillation import Recording, virtual_oscillations
from tests.measurements.rheometry.test_modulation import SPHERE, Hertz
from tests.test_cli import run

TYPICAL = {"drag": 2e-6, "lag": 1e-4}


@pytest.fixture(scope="module")
def curves():
    """Three curves of a soft solid on a lever without drag, lag or mass, up to 100 Hz."""
    material = StructuralDamping(modulus=300.0, order=0.2, viscosity=0.2)
    made = virtual_oscillations(Hertz(radius=5e-6), material, DampedLever(0.05),
                                Recording(frequencies=(1.0, 3.0, 10.0, 30.0, 100.0), noise=1e-10), curves=3, seed=0)
    return made.load()


def untold(curves, instrument=None):
    return modulus_spectrum(curves, SPHERE, instrument=instrument, contact_point=0.0)


def test_the_effect_is_that_of_a_second_analysis(curves):
    """The medians that the sentence names are those between two analyses, with and without the typical correction."""
    plain = untold(curves)
    words, place = plain.attrs["untold"], -1
    assert "At 100 Hz" in words
    assert (plain.flag[:, place] == 0).all()
    for name, value in TYPICAL.items():
        told = untold(curves, {name: value})
        change = np.median(np.abs(told.loss_modulus / plain.loss_modulus - 1)[:, place])
        assert f"E'' by {100 * change:.2g} %" in words
        assert change > 0.02
        assert json.loads(told.attrs["assumed"]) == {other: 0.0 for other in TYPICAL if other != name}
        assert ("hydrodynamic drag" in told.attrs["untold"]) == (name == "lag")


def test_what_is_told_is_not_assumed_even_where_it_is_zero(curves):
    for instrument in (dict.fromkeys(TYPICAL, 0.0), InstrumentResponse(**TYPICAL)):
        told = untold(curves, instrument)
        assert json.loads(told.attrs["assumed"]) == {}
        assert told.attrs["untold"] == ""
        assert not any("ASSUMED to be zero" in line for line in json.loads(
            spectrum(median_spectrum(told), draws=4).attrs["findings"]))


def test_the_screen_and_the_page_say_it(curves, tmp_path):
    file = store.save(curves, tmp_path / "sines.nc")
    _, out, _ = run("spectrum", file, "--radius", "5um", "--out", tmp_path / "s.nc")
    said = [line for line in out.splitlines() if line.startswith("ASSUMED to be zero")]
    assert len(said) == 1
    assert "hydrodynamic drag of the lever and lag of the recorded height" in said[0]
    assert "ASSUMED to be zero" in (tmp_path / "s.html").read_text(encoding="utf-8")
    assert json.loads(store.load(tmp_path / "s.nc").attrs["assumed"]) == dict.fromkeys(TYPICAL, 0.0)
