"""Viscoelastic models in their limits: each becomes another one, or a spring, or a dashpot."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from asperity.rheology.fractional_kelvin_voigt import FractionalKelvinVoigt
from asperity.rheology.fractional_maxwell import FractionalMaxwell
from asperity.rheology.fractional_zener import FractionalZener
from asperity.rheology.generalized_maxwell import GeneralizedMaxwell
from asperity.rheology.havriliak_negami import HavriliakNegami
from asperity.rheology.kelvin_voigt import KelvinVoigt
from asperity.rheology.maxwell import Maxwell
from asperity.rheology.springpot import Springpot
from asperity.rheology.standard_linear_solid import StandardLinearSolid
from asperity.rheology.structural_damping import StructuralDamping

TIMES = np.geomspace(1e-3, 20, 30)
FREQUENCIES = np.geomspace(1e-4, 1e4, 30)


@partial(jax.jit, static_argnames="verb")
def over(model, places, verb):
    return jax.vmap(getattr(model, verb))(places)


#: a model with parameters at the edge of its range, and the simpler one that it must be there
SAME = {
    "fractional Maxwell, orders 1 and 0": (lambda: FractionalMaxwell(30.0, 1.0, 700.0, 0.0),
                                           lambda: Maxwell(700.0, 30.0)),
    "fractional Kelvin-Voigt, orders 1 and 0": (lambda: FractionalKelvinVoigt(30.0, 1.0, 700.0, 0.0),
                                                lambda: KelvinVoigt(700.0, 30.0)),
    "fractional Zener, orders 1, 0, 0": (lambda: FractionalZener(270.0, 1.0, 900.0, 0.0, 400.0, 0.0),
                                         lambda: StandardLinearSolid(400.0, 900.0, 0.3)),
    "Havriliak-Negami, exponents 1": (lambda: HavriliakNegami(400.0, 900.0, 0.3, 1.0, 1.0),
                                      lambda: StandardLinearSolid(400.0, 900.0, 0.3)),
    "Cole-Cole": (lambda: HavriliakNegami(400.0, 900.0, 0.3, 0.6, 1.0),
                  lambda: FractionalZener(900.0 * 0.3**0.6, 0.6, 900.0, 0.0, 400.0, 0.0)),
    "one mode": (lambda: GeneralizedMaxwell(jnp.array([900.0]), jnp.array([0.3]), 400.0),
                 lambda: StandardLinearSolid(400.0, 900.0, 0.3)),
    "no branch": (lambda: GeneralizedMaxwell(jnp.array([0.0]), jnp.array([0.3]), 400.0, 30.0),
                  lambda: KelvinVoigt(400.0, 30.0)),
    "structural damping": (lambda: StructuralDamping(500.0, 0.2, 3.0),
                           lambda: FractionalKelvinVoigt(3.0, 1.0, 500.0 / np.cos(0.1 * np.pi), 0.2)),
    "structural damping without drag": (lambda: StructuralDamping(500.0, 0.2, 0.0),
                                        lambda: Springpot(500.0 / np.cos(0.1 * np.pi), 0.2)),
    "Zener without spring": (lambda: FractionalZener(300.0, 0.8, 900.0, 0.2, 0.0, 0.0),
                             lambda: FractionalMaxwell(300.0, 0.8, 900.0, 0.2)),
    "a stiff springpot in series": (lambda: FractionalMaxwell(500.0, 0.3, 1e18, 0.0),
                                    lambda: Springpot(500.0, 0.3)),
}


@pytest.mark.parametrize("case", SAME)
def test_a_model_becomes_the_simpler_one(case, x64):
    model, simpler = (build() for build in SAME[case])
    for verb, places in (("complex_modulus", FREQUENCIES), ("relaxation_modulus", TIMES),
                         ("creep_compliance", TIMES), ("relaxation_integral", TIMES)):
        value, expected = (np.asarray(over(m, places, verb)) for m in (model, simpler))
        np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-12 * np.abs(expected).max(), err_msg=verb)


def test_springpot_is_a_spring_or_a_dashpot(x64):
    spring, dashpot = Springpot(700.0, 0.0), Springpot(30.0, 1.0)
    time, frequency = jnp.asarray(0.4), jnp.asarray(5.0)
    assert complex(spring.complex_modulus(frequency)) == pytest.approx(700.0)
    assert float(spring.relaxation_modulus(time)) == pytest.approx(700.0)
    assert complex(dashpot.complex_modulus(frequency)) == pytest.approx(150j)
    assert float(dashpot.relaxation_modulus(time)) == 0.0
    assert float(dashpot.creep_compliance(time)) == pytest.approx(0.4 / 30)
    assert float(dashpot.relaxation_integral(time)) == pytest.approx(30.0)


@pytest.mark.parametrize("order", [0.1, 0.5, 0.9])
def test_loss_tangent_of_a_springpot_is_that_of_its_order(order, x64):
    spectrum = np.asarray(jax.vmap(Springpot(500.0, order).complex_modulus)(FREQUENCIES))
    np.testing.assert_allclose(spectrum.imag / spectrum.real, np.tan(np.pi * order / 2), rtol=1e-12)


#: model, modulus at low and at high frequency (None: a power law there, with this exponent of |E*|)
ENDS = {
    "Maxwell": (lambda: Maxwell(700.0, 30.0), 1.0, 700.0),
    "Kelvin-Voigt": (lambda: KelvinVoigt(700.0, 30.0), 700.0, 1.0),
    "Zener": (lambda: StandardLinearSolid(400.0, 900.0, 0.3), 400.0, 1300.0),
    "Prony": (lambda: GeneralizedMaxwell(jnp.array([9.0, 5.0]), jnp.array([0.3, 4.0]), 40.0), 40.0, 54.0),
    "fractional Maxwell": (lambda: FractionalMaxwell(30.0, 0.8, 70.0, 0.2), 0.8, 0.2),
    "fractional Kelvin-Voigt": (lambda: FractionalKelvinVoigt(30.0, 0.8, 70.0, 0.2), 0.2, 0.8),
    "Havriliak-Negami": (lambda: HavriliakNegami(400.0, 900.0, 0.3, 0.6, 0.8), 400.0, 1300.0),
    "structural damping": (lambda: StructuralDamping(500.0, 0.2, 3.0), 0.2, 1.0),
}


@pytest.mark.parametrize("case", ENDS)
def test_ends_of_the_spectrum(case, x64):
    """Far below and above all relaxation times: a plateau, or a power law of the dominant element."""
    build, low, high = ENDS[case]
    for end, place in ((low, 1e-30), (high, 1e30)):
        ends = np.abs(np.asarray(jax.vmap(build().complex_modulus)(jnp.array([place, 1.01 * place]))))
        if end > 1:
            np.testing.assert_allclose(ends, end, rtol=1e-6)
        else:
            assert np.log(ends[1] / ends[0]) / np.log(1.01) == pytest.approx(end, abs=1e-6)


def test_loss_of_a_zener_solid_peaks_at_its_relaxation_time(x64):
    """E'' peaks at omega tau = 1 with half of the relaxing modulus."""
    model = StandardLinearSolid(400.0, 900.0, 0.3)
    loss = np.asarray(jax.vmap(model.complex_modulus)(jnp.array([0.99, 1.0, 1.01]) / 0.3)).imag
    assert loss[1] == pytest.approx(450.0)
    assert loss[1] > max(loss[0], loss[2])


def test_published_parameters_of_cells_give_their_moduli(x64):
    """Structural damping of A549 cells (458 Pa, 0.22, 1.68 Pa s): the loss overtakes at high frequency."""
    model = StructuralDamping(458.0, 0.22, 1.68)
    slow, fast = (complex(model.complex_modulus(jnp.asarray(w))) for w in (1.0, 2 * np.pi * 1000))
    assert slow == pytest.approx(458.0 + 1j * (458.0 * np.tan(0.11 * np.pi) + 1.68), rel=1e-12)
    assert fast.imag > fast.real
