"""The budget of an experiment: limits, an experiment done in NumPy, what forbids it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from asperity.learning.discovery.experiment_budget import (
    CONSTRAINTS,
    Factors,
    Pressed,
    RelativeStd,
    SignalNoise,
    budget,
    closed_variance,
    contacted,
    factors,
    floor,
    force,
    margins,
    total,
)
from tests.verify.learning.discovery.experiments import Experiment, curve, fitted

GEL = Pressed(1e4, 0.5, 20e-6, np.inf, 0.2, 2.5e-6, 1.5e-9)
USUAL = RelativeStd(0.1, 0.03, 0.1)


@pytest.fixture(autouse=True)
def exact():
    with jax.enable_x64(True):
        yield


def test_the_floor_and_the_closed_terms():
    assert float(floor(USUAL)) == pytest.approx(np.sqrt(0.1**2 + 0.03**2 + 0.05**2))
    assert sum(closed_variance(jnp.asarray(0.4), USUAL)) == pytest.approx(0.1**2 + (1.6 * 0.03) ** 2 + 0.05**2)
    thermal = USUAL._replace(thermal=True)
    assert float(closed_variance(jnp.asarray(2 / 3), thermal)[1]) == pytest.approx(0, abs=1e-20)
    assert float(floor(thermal)) == pytest.approx(np.sqrt(0.1**2 - 0.06**2 + 0.05**2))
    at_zero = sum(closed_variance(jnp.asarray(0.0), thermal))  # 4 s^2 of k, and s^2 with the other sign: s^2 in all
    assert at_zero == pytest.approx(0.1**2 - 0.06**2 + 0.03**2 + 0.05**2)


def test_the_contact_is_that_of_hertz():
    at = contacted(GEL)
    assert float(force(at.indentation, GEL, layered=False)) == pytest.approx(GEL.load, rel=1e-12)
    assert float(at.stiffness) == pytest.approx(1.5 * GEL.load / float(at.indentation), rel=1e-12)
    assert float(at.pressure) == pytest.approx(GEL.load / (np.pi * 2.5e-6 * float(at.indentation)), rel=1e-12)


@pytest.mark.parametrize("constant", [0.2, 0.02, 0.004])
def test_factors_are_what_a_fit_does_with_a_wrong_sensitivity(constant):
    """An experiment and its fit in NumPy, without noise: the sensitivity off by 0.1 %."""
    one = Experiment(1e4 / 0.75, 2.5e-6, constant, 1.5e-9)
    height, deflection = curve(one, 2000)
    shown = np.stack([deflection * off for off in (0.999, 1.001)])
    moduli = fitted(height - shown, constant * shown, one.depth, one.radius)
    found = np.log(moduli[1] / moduli[0]) / np.log(1.001 / 0.999)
    told = factors(GEL._replace(spring_constant=constant, thickness=np.inf), SignalNoise())
    assert float(told.sensitivity) == pytest.approx(found, rel=5e-3)
    assert float(told.spring_constant) == pytest.approx(1, abs=1e-9)
    assert float(told.radius) == pytest.approx(-0.5, abs=1e-9)


def test_what_is_told_does_not_depend_on_units():
    """All lengths by 10, all forces by 1000: the same numbers without dimension."""
    other = Pressed(1e5, 0.5, 2e-4, np.inf, 20.0, 25e-6, 1.5e-6)
    noise = SignalNoise(temperature=0.0)
    for a, b in zip(factors(GEL, noise), factors(other, noise._replace(detector=1e-9, height=2e-9))):
        assert float(a) == pytest.approx(float(b), rel=1e-9)


def test_a_thick_layer_is_a_half_space_and_a_thin_one_is_not():
    thick, thin = GEL._replace(thickness=1e-2), GEL._replace(thickness=5e-6)
    noise = SignalNoise()
    of_layer = jax.jit(lambda pressed: factors(pressed, noise, layered=True))
    for a, b in zip(of_layer(thick), factors(GEL, noise)):
        assert float(a) == pytest.approx(float(b), abs=2e-3)
    by = of_layer(thin)
    assert float(by.thickness) > 0.05  # a layer that is thicker than is believed seems softer: E must be larger
    pressed = jax.jit(lambda one: force(contacted(one, layered=True).indentation, one, layered=True))
    assert float(pressed(thin)) == pytest.approx(GEL.load, rel=1e-10)
    parts = budget(by, USUAL._replace(thickness=0.1), noise)
    assert float(parts.thickness) == pytest.approx(float(by.thickness) ** 2 * 0.01)


def test_every_constraint_is_broken_where_it_should_be():
    broken = {"mean pressure": GEL._replace(yield_stress=1e2),
              "contact radius over tip radius": GEL._replace(radius=1e-7),
              "contact radius over thickness": GEL._replace(thickness=1e-6),
              "smallest deflection": GEL._replace(spring_constant=2.0),
              "largest deflection": GEL._replace(spring_constant=1e-3),
              "smallest indentation": GEL._replace(modulus=1e8),
              "lever too soft for the contact": GEL._replace(modulus=1e8),
              "lever too stiff for the contact": GEL._replace(spring_constant=2.0)}
    assert set(broken) == set(CONSTRAINTS)
    assert float(margins(GEL).max()) < 0.1
    for name, pressed in broken.items():
        assert float(margins(pressed)[CONSTRAINTS.index(name)]) > 0, name


def test_a_better_calibration_takes_its_part_away():
    by = Factors(*(jnp.asarray(x) for x in (1.0, 1.6, -0.5, 0.0, 0.0)))
    now, then = (float(total(budget(by, known, SignalNoise()))) for known in (USUAL, USUAL._replace(spring_constant=0)))
    assert now**2 - then**2 == pytest.approx(0.01)
