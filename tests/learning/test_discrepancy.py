"""What the curves of one session show together of their contact model."""

import numpy as np
import pytest

from asperity.contact import Hertz
from asperity.learning.discrepancy import FEWEST, SEEN, Departure
from asperity.measurements.force_curves.fit_curves import fit_curves, learn_noise
from tests.verify.measurements.force_curves.defects import DEFECTS, MODULUS, RADIUS, SOUND, session

COUNT, SIGNAL = 12, 100.0
MODEL = Hertz(radius=RADIUS)


def shown(name: str, count: int = COUNT, seed: int = 0):
    """The curves of a session with this defect, and what is learnt of them."""
    curve = (SOUND | DEFECTS)[name]()
    data = session(curve, count, SIGNAL, np.random.default_rng(seed))
    return data, learn_noise(data, MODEL, segment="approach")


@pytest.fixture(scope="module")
def stiffening():
    return shown("stiffening 1.3 times")


def test_a_right_model_is_left_alone():
    _, learnt = shown("contact 40%")
    assert learnt.model.chance > 0.5
    assert learnt.model.std == 0.0
    assert learnt.model.departure == Departure.none_seen
    assert learnt.model.at_contact == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_not_seen_adds_nothing(seed):
    """Also where the noise alone leaves the modulus hardly known: much contact, a signal of 15."""
    data = session(SOUND["contact 70%"](), COUNT, 15.0, np.random.default_rng(seed))
    learnt = learn_noise(data, MODEL, segment="approach")
    assert learnt.model.chance > SEEN
    assert learnt.model.std == 0.0


def test_a_wrong_model_is_seen_and_its_error_is_part_of_the_bar(stiffening):
    """A modulus that rises by 30 % over the depth: the fit is 32 % off, its noise a tenth of that."""
    data, learnt = stiffening
    assert learnt.model.chance < 1e-3
    assert learnt.model.departure in (Departure.like_a_sample_that_stiffens_with_depth,
                                      Departure.like_a_thin_layer_on_a_stiff_support)
    found = fit_curves(data, MODEL, noise=learnt)
    off = found["modulus"].values - MODULUS
    assert (off > 5 * found["modulus_std_noise"].values).all()
    assert ((found["modulus_low"] < MODULUS) & (found["modulus_high"] > MODULUS)).all()
    np.testing.assert_allclose(found["modulus_std_model"], learnt.model.std * found["modulus"])
    np.testing.assert_allclose(found["modulus_std"], np.hypot(found["modulus_std_noise"], found["modulus_std_model"]))
    assert float(np.median(found["modulus_at_contact"])) == pytest.approx(MODULUS, rel=0.15)


def test_few_curves_are_not_tested():
    data, learnt = shown("stiffening 1.3 times", FEWEST - 1)
    assert np.isnan([learnt.model.std, learnt.model.chance]).all()
    assert learnt.model.departure == Departure.not_tested
    found = fit_curves(data, MODEL, noise=learnt)
    assert np.isnan(found["modulus_std_model"]).all()
    np.testing.assert_array_equal(found["modulus_std"], found["modulus_std_noise"])


@pytest.mark.parametrize("change", ["order", "units"])
def test_neither_the_order_of_the_curves_nor_their_units_matter(stiffening, change):
    """Forces ten times as large on a lever ten times as stiff are those of a sample ten times as stiff."""
    data, learnt = stiffening
    if change == "order":
        other = data.isel(curve=np.random.default_rng(1).permutation(COUNT))
    else:
        other = data.assign(force=data["force"] * 10).assign_coords(spring_constant=data["spring_constant"] * 10)
    again = learn_noise(other, MODEL, segment="approach").model
    assert again.std == pytest.approx(learnt.model.std, rel=1e-4)
    assert again.at_contact == pytest.approx(learnt.model.at_contact, rel=1e-4)
