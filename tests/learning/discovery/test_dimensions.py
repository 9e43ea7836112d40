"""Groups of quantities: exact null spaces, invariance under a change of units, and what no law can do."""

from fractions import Fraction

import jax
import numpy as np
import pytest

from asperity.learning.discovery.dimensions import (
    BASE,
    check_complete,
    dimension,
    dimensionless_groups,
    named_group,
    null_space,
    product_of,
    rescaled,
)
from asperity.messages import ArgumentError

LAYER = {"radius": "m", "thickness": "m", "reduced_modulus": "Pa", "indentation": "m", "work_of_adhesion": "J/m^2",
         "poisson_ratio": "1"}
ADHESION = {"work_of_adhesion": 1, "radius": 2, "reduced_modulus": -1, "thickness": -3}


@pytest.mark.parametrize(("unit", "same"), [("J/m^2", "N/m"), ("N s/m", "kg/s"), ("Pa s", "kg/m/s"), ("V", "J/C"),
                                            ("F", "C/V"), ("W", "J Hz"), ("1", "rad"), ("N/m^3/2", "kg m^-1/2 s^-2")])
def test_units_are_products(unit, same):
    assert dimension(unit) == dimension(same)


def test_the_null_space_is_exact_where_floating_point_is_not():
    matrix = [[Fraction(1, 3), Fraction(-1, 7), 0, 10**18], [0, 10**18 + 1, 1, -1]]
    basis = null_space(matrix)
    assert len(basis) == 2
    for vector in basis:
        assert all(sum(a * n for a, n in zip(row, vector)) == 0 for row in matrix)
        assert np.gcd.reduce(np.array(vector, object)) in (1, -1)


def test_the_pendulum_has_one_group():
    groups = dimensionless_groups({"length": "m", "gravity": "m/s^2", "period": "s"})
    assert [dict(group.exponents) for group in groups] == [{"length": Fraction(-1), "gravity": 1, "period": 2}]


@pytest.fixture
def _double():
    with jax.enable_x64(True):
        yield


@pytest.mark.usefixtures("_double")
def test_groups_do_not_change_with_the_units():
    values = {"radius": 3.3e-8, "thickness": 4e-7, "reduced_modulus": 7e5, "indentation": 2e-8,
              "work_of_adhesion": 1.7e-3, "poisson_ratio": 0.0}
    groups = [*dimensionless_groups(LAYER), named_group("alpha", ADHESION, LAYER),
              named_group("chi", {"radius": "1/2", "indentation": "1/2", "thickness": -1}, LAYER)]
    force = product_of("force", "N", LAYER)
    rng = np.random.default_rng(1)
    for _ in range(5):
        factors: dict[str, float] = dict(zip(BASE, 10.0 ** rng.uniform(-9, 9, 3)))
        other = rescaled(values, LAYER, factors)
        for group in groups:
            np.testing.assert_allclose(group.value(other), group.value(values), rtol=1e-12)
        moved = rescaled({"force": 1.0}, {"force": "N"}, factors)["force"]
        np.testing.assert_allclose(force.value(other), moved * force.value(values), rtol=1e-12)


def test_an_output_that_cannot_follow_is_refused():
    with pytest.raises(ArgumentError, match=r"force \(N\) cannot follow from radius \(m\), poisson_ratio \(1\)"):
        product_of("force", "N", {"radius": "m", "poisson_ratio": "1"})
    with pytest.raises(ArgumentError, match=r"nothing can depend on temperature \(K\)"):
        dimensionless_groups({**LAYER, "temperature": "K"})
    with pytest.raises(ArgumentError, match=r"unit 'Pa s\^order' is not known"):
        dimension("Pa s^order")


def test_named_groups_are_checked():
    with pytest.raises(ArgumentError, match=r"alpha .* has the unit m\^1"):
        named_group("alpha", ADHESION | {"thickness": -2}, LAYER)
    with pytest.raises(ArgumentError, match="height is not among"):
        named_group("alpha", {"height": 1}, LAYER)
    alpha, nu = named_group("alpha", ADHESION, LAYER), named_group("nu", {"poisson_ratio": 1}, LAYER)
    depth = named_group("depth", {"indentation": 1, "thickness": -1}, LAYER)
    slender = named_group("slender", {"radius": 1, "thickness": -1}, LAYER)
    check_complete([alpha, nu, depth, slender], LAYER)
    with pytest.raises(ArgumentError, match="their units leave 4"):
        check_complete([alpha, nu, depth], LAYER)
    with pytest.raises(ArgumentError, match="a product of the others"):
        check_complete([alpha, nu, depth, named_group("twice", {"indentation": 2, "thickness": -2}, LAYER)], LAYER)
