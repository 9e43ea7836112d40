"""What the curves of one session show together of their contact model."""

import numpy as np
import pytest

from asperity.contact import Hertz
from asperity.learning.discrepancy import FEWEST, SEEN, Departure, _hermite
from asperity.measurements.force_curves.fit_curves import fit_curves, learn_noise
from tests.verify.measurements.force_curves.defects import (
    DEFECTS,
    LARGEST,
    MODULUS,
    RADIUS,
    SOUND,
    at_best,
    paraboloid,
    ramp,
    session,
)

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


def test_what_hardly_shows_is_what_the_best_test_hardly_sees():
    """A modulus that rises with the radius of contact by a tenth: its bias, over how surely the best test sees it."""
    _, learnt = shown("contact 40%")
    deepest = (LARGEST / paraboloid(np.array(1.0))) ** (2 / 3)
    layered = ramp(lambda d: paraboloid(d) * (1 + 0.1 * np.sqrt(np.maximum(d, 0.0) / deepest)))
    alone = session(layered, 1, 1e6, np.random.default_rng(0))
    bias = float(fit_curves(alone, MODEL, noise=learnt)["modulus"][0]) / MODULUS - 1
    least = 3.3 * bias / (np.sqrt(COUNT) * at_best(layered, SIGNAL))
    assert learnt.model.unseen == pytest.approx(least, rel=0.3)  # the noise is learnt from half of twelve curves


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


@pytest.mark.parametrize(("signal", "told_apart"), [(30.0, False), (3000.0, True)])
def test_a_second_likeness_is_named_where_the_noise_hides_the_difference(signal, told_apart):
    data = session(DEFECTS["stiffening 1.3 times"](), COUNT, signal, np.random.default_rng(0))
    model = learn_noise(data, MODEL, segment="approach").model
    rising = {Departure.like_a_sample_that_stiffens_with_depth, Departure.like_a_thin_layer_on_a_stiff_support}
    assert model.departure in rising
    assert (model.second in rising - {model.departure}) == (not told_apart)


def test_few_curves_are_not_tested():
    data, learnt = shown("stiffening 1.3 times", FEWEST - 1)
    assert np.isnan([learnt.model.std, learnt.model.chance, learnt.model.unseen]).all()
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


def test_cubics_are_those_of_scipy_to_the_last_digit():
    from scipy.interpolate import CubicHermiteSpline

    draw = np.random.default_rng(5)
    x, y, slope = np.sort(draw.random(60)), draw.normal(size=60), draw.normal(size=60)
    at = np.clip(draw.normal(0.5, 0.4, 3000), x[0], x[-1])
    theirs = CubicHermiteSpline(x, y, slope)
    for own, expected in zip(_hermite(x, y, slope)(at), (theirs(at), theirs(at, 1)), strict=True):
        np.testing.assert_array_equal(own, expected)
