"""The surrogate of the adhesive layer from a few contacts."""

import jax
import numpy as np
import pytest

from asperity.learning.discovery.dimensions import check_complete, rescaled
from asperity.learning.discovery.layer_surrogate import ADHESION, DEPTH, LAYER_UNITS, layer_surrogate, solved_parts
from asperity.messages import ArgumentError

VALUES = {"indentation": 2e-8, "radius": 3e-8, "thickness": 6e-8, "reduced_modulus": 1e7, "poisson_ratio": 0.45,
          "work_of_adhesion": 1e-2}


@pytest.fixture(scope="module")
def made():
    with jax.enable_x64(True):
        return layer_surrogate(solves=32)


def test_its_force_is_that_of_the_solver_in_any_units(made):
    with jax.enable_x64(True):
        told = made.force(**VALUES)
        groups = made.pressing.groups(VALUES)
        pressing, pulling = solved_parts(np.asarray(groups)[None])
        exact = VALUES["reduced_modulus"] * VALUES["thickness"] ** 3 / VALUES["radius"] * (pressing - pulling)[0]
        assert abs(told.value - exact) < 4 * told.std < 0.4 * abs(exact)
        other = rescaled(VALUES, LAYER_UNITS, {"m": 1e9, "kg": 1e3, "s": 1e6})
        np.testing.assert_allclose(made.pressing.groups(other), groups, rtol=1e-12)
        newton = rescaled({"force": float(told.value)}, {"force": "N"}, {"m": 1e9, "kg": 1e3, "s": 1e6})["force"]
        np.testing.assert_allclose(made.force(**other).value, newton, rtol=1e-9)  # see test_surrogate
        with pytest.raises(ArgumentError, match=r"reach = .* is outside 0\.05 to 3"):
            made.force(**{**VALUES, "thickness": 2e-9})


def test_its_groups_are_all_that_small_slopes_leave(made):
    check_complete([DEPTH, ADHESION, made.pressing.axes[1].group], LAYER_UNITS, symmetries=1)
