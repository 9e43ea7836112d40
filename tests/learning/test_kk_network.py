"""Networks with causality in the loss: what the loss is, what it forbids, and what it is worth on known truths.

The full comparison, 20 data sets of each kind, is ``python -m benchmarks.kk_networks``.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from benchmarks import kk_networks as protocol

from asperity.learning import kk_network
from asperity.learning.kk_choice import choose_penalties
from asperity.learning.kk_network import Penalties, train_kk_networks
from asperity.learning.kk_training import Plan, _gradient, _State, complex_moduli, descend, measured
from asperity.learning.network_bands import _band, replicates
from asperity.learning.spectrum_network import _initial, train_spectrum_networks
from asperity.rheology.fractional_kelvin_voigt import FractionalKelvinVoigt
from asperity.rheology.kramers_kronig import KKMatrices
from asperity.rheology.spectrum_estimate import noise_of
from asperity.rheology.standard_linear_solid import StandardLinearSolid

OMEGA = np.logspace(-1.5, 1.5, 15)
SHORT = Plan(steps=200)


# --- the loss --------------------------------------------------------------------------------------------


def penalties_of(modulus_of, form, rotate=0.0):
    """The penalties of an exact spectrum on the grid of a network, its phase turned by some degrees."""
    grid = kk_network._grid(OMEGA, form)
    matrices = KKMatrices(form, grid.frequency, grid.storage, grid.loss, kk_network._collocation(len(grid.nodes)),
                          len(grid.frequency) // 2)
    exact = modulus_of(np.exp(grid.nodes)) * np.exp(1j * np.deg2rad(rotate))
    return np.asarray(kk_network._penalties(matrices, jnp.asarray(exact.real), jnp.asarray(exact.imag), jnp.zeros(())))


SOLID = StandardLinearSolid(jnp.asarray(1e3), jnp.asarray(2e3), jnp.asarray(1.0))
CELL = FractionalKelvinVoigt(jnp.asarray(30.0), jnp.asarray(0.7), jnp.asarray(500.0), jnp.asarray(0.2))


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("model", "form"), [(SOLID, "plateau"), (SOLID, "lncoth"), (CELL, "lncoth")])
def test_causal_spectra_cost_nothing_and_a_phase_error_costs(model, form):
    """The grid ends two decades beyond the collocation: its kernels have fallen to 1 %, those of a slow power law
    ((w/w_end)^0.3 of the larger springpot) to a fourth of that of its own slope."""
    exact, turned = (penalties_of(jax.vmap(model.complex_modulus), form, angle) for angle in (0.0, 5.0))
    assert np.sqrt(exact[0]) < 0.01  # of |E*|
    assert np.sqrt(turned[0]) > 0.03
    assert exact[1] == exact[2] == 0


@pytest.mark.usefixtures("x64")
def test_the_plateau_form_does_not_know_power_laws():
    assert np.sqrt(penalties_of(jax.vmap(CELL.complex_modulus), "plateau")[0]) > 0.03


@pytest.mark.usefixtures("x64")
def test_what_the_relations_cannot_see_is_free():
    """A spring costs nothing in either form; a dashpot costs nothing in the ln coth form."""
    def with_dashpot(w):
        return jax.vmap(SOLID.complex_modulus)(w) + 500 + 20j * w

    assert np.sqrt(penalties_of(with_dashpot, "lncoth")[0]) < 0.01
    assert np.sqrt(penalties_of(lambda w: jax.vmap(SOLID.complex_modulus)(w) + 500, "plateau")[0]) < 0.01


@pytest.mark.usefixtures("x64")
def test_negative_loss_and_falling_storage_cost_their_squares():
    flat = penalties_of(lambda w: 1.0 - 0.1j + 0 * w, "plateau")
    assert flat[1] == pytest.approx(0.01 / 1.01)
    falling = penalties_of(lambda w: 10 - 0.1 * np.log(w) + 0j, "plateau")[2]
    u = kk_network._grid(OMEGA, "plateau").nodes[16:-16]
    assert falling == pytest.approx(np.mean(0.01 / (10 - 0.1 * u) ** 2))


@pytest.mark.parametrize("convention", ["optics", "compliance"])
def test_the_wrong_sign_is_refused_with_a_reason(convention):
    data = protocol.data_sets("solid", 1)
    with pytest.raises(ValueError, match=r"opposite sign.*destroys the fit.*convention = 'modulus'"):
        train_kk_networks(data.angular_frequency, data.modulus, data.noise, convention=convention)


# --- training --------------------------------------------------------------------------------------------


def test_adam_steps_by_its_rate_and_finds_the_minimum():
    """The first step of Adam is the learning rate against the sign of the gradient, whatever its size."""
    def objective(x, goal, common):
        return (x - goal) ** 2, common * 0.0

    goals, start = jnp.asarray([3.0, -0.5]), jnp.zeros(2)
    moved, _ = descend(objective, start, goals, jnp.ones(()), Plan(steps=1, learning_rate=0.1))
    np.testing.assert_allclose(moved, [0.1, -0.1], rtol=1e-5)
    found, losses = descend(objective, start, goals, jnp.ones(()), Plan(steps=1000, learning_rate=0.1))
    np.testing.assert_allclose(found, goals, atol=1e-4)
    np.testing.assert_allclose(losses[0], (found - goals) ** 2)


def test_balance_moves_to_the_ratio_of_the_gradients():
    state = _State(jnp.asarray(1.0), jnp.asarray(0.0), jnp.asarray(0.0), jnp.asarray(1.0))
    gradient, weight = _gradient(lambda x: (6 * x, -2 * x), state, jnp.asarray(0.5), True)
    assert weight == pytest.approx(0.95 + 0.05 * 3)
    assert gradient == pytest.approx(6 - 0.5 * weight * 2)


@pytest.mark.study
def test_no_physics_during_the_warm_up():
    data = protocol.data_sets("solid", 2)
    plan = Plan(steps=100, warm_up=1.0, ramp=0.0)
    with_physics, without = (protocol.kk_networks(data, "log", plan, causality=w) for w in (10.0, 0.0))
    np.testing.assert_array_equal(with_physics, without)


def test_units_of_modulus_and_frequency_do_not_matter():
    data = protocol.data_sets("solid", 2)
    first = train_kk_networks(data.angular_frequency, data.modulus, data.noise, plan=SHORT)
    other = train_kk_networks(data.angular_frequency * 60, data.modulus * 1e6, data.noise * 1e6, plan=SHORT)
    here, there = complex_moduli(first.networks, OMEGA), complex_moduli(other.networks, OMEGA * 60)
    np.testing.assert_allclose(there, here * 1e6, rtol=1e-3)  # single precision, 200 steps


@pytest.mark.study
@pytest.mark.parametrize("train", [train_kk_networks, train_spectrum_networks])
def test_a_network_does_not_depend_on_its_place_in_the_batch(train):
    data = protocol.data_sets("solid", 2)  # as elsewhere: compiled once for all
    together = train(data.angular_frequency, data.modulus, data.noise, plan=SHORT)
    alone = train(data.angular_frequency, data.modulus[1], data.noise[1], plan=SHORT)
    np.testing.assert_allclose(complex_moduli(alone.networks, OMEGA), complex_moduli(together.networks, OMEGA)[1],
                               rtol=1e-3)
    assert together.misfit.shape == (2,)
    assert alone.misfit.shape == ()
    assert together.finite.all()


@pytest.mark.parametrize("train", [train_kk_networks, train_spectrum_networks])
def test_points_that_do_not_count(train):
    """Missing, or of infinite noise: the same as any other value there."""
    data = protocol.data_sets("solid", 1)
    found = []
    for value, noise in ((np.nan, 1.0), (1e9 + 1e9j, np.inf), (5.0 - 2j, complex(np.inf, np.inf))):
        modulus, deviation = data.modulus.copy(), data.noise.copy()
        modulus[0, 4], deviation[0, 4] = value, noise if isinstance(noise, complex) else complex(noise, noise)
        found.append(complex_moduli(train(data.angular_frequency, modulus, deviation, plan=SHORT).networks, OMEGA))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_real_noise_is_that_of_both_parts():
    spectra = measured(OMEGA, np.ones(15) * (3 + 4j), [*np.full(14, 0.5), np.inf])
    assert spectra.tolerance == pytest.approx(np.sqrt(2) * 0.1)
    assert (spectra.weight[0, :, :14] == 2).all()
    assert (spectra.weight[0, :, 14] == 0).all()


def test_the_precision_of_the_caller_does_not_matter():
    data = protocol.data_sets("solid", 2)
    found = []
    for double in (False, True):
        with jax.enable_x64(double):
            trained = train_kk_networks(OMEGA, data.modulus, data.noise, plan=SHORT)
            found.append(complex_moduli(trained.networks, OMEGA))
    np.testing.assert_array_equal(found[0], found[1])


def test_a_training_that_diverges_is_flagged():
    data = protocol.data_sets("solid", 2)
    trained = train_kk_networks(OMEGA, data.modulus, data.noise, plan=SHORT._replace(learning_rate=1e6))
    assert not trained.finite.any()


def test_progress_reaches_the_end():
    data, told = protocol.data_sets("solid", 1), []
    train_kk_networks(data.angular_frequency, data.modulus, data.noise, plan=Plan(steps=30),
                      progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (30, 30)
    assert told == sorted(told)


@pytest.mark.parametrize(("change", "match"), [
    ({"modulus": np.ones((1, 14), complex)}, "one value per frequency"),
    ({"angular_frequency": OMEGA[::-1]}, "ascending"),
    ({"noise": 0.0}, "noise must be positive"),
    ({"noise": np.nan}, "noise must be positive"),
    ({"noise": [1.0, 1.0, 1.0, *np.full(12, np.inf)]}, "fewer than 4 finite points"),
    ({"modulus": np.ones((1, 15)) * (1 - 1j)}, "output = 'signed'"),
    ({"penalties": Penalties(causality=-1.0)}, "not negative"),
    ({"penalties": Penalties(form="local")}, "form = 'local'"),
    ({"output": "linear"}, "output = 'linear'"),
    ({"plan": Plan(steps=0)}, "needs a step"),
])
def test_what_is_wrong_is_said(change, match):
    data = protocol.data_sets("solid", 1)
    arguments = {"angular_frequency": OMEGA, "modulus": data.modulus, "noise": data.noise, **change}
    with pytest.raises(ValueError, match=match):
        train_kk_networks(**arguments)


# --- what it is worth ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0.1, 1.0, 30.0])
def test_spectrum_networks_are_passive_with_any_weights(size):
    """E'' >= 0, 0 <= d ln E'/d ln w <= 2, |d ln E''/d ln w| <= 1."""
    rng, omega = np.random.default_rng(0), np.logspace(-6, 6, 97)
    networks = _initial(Plan(seed=np.arange(20)), (20,), np.logspace(-3, 3, 61))
    wild = jax.tree.map(lambda a: a + size * rng.standard_normal(a.shape) if eqx.is_array(a) else a,
                        networks.layers)
    networks = type(networks)(wild, size * rng.standard_normal((20, 2)), networks.relaxation_time, networks.scale)
    found = complex_moduli(networks, omega)
    assert (found.imag >= 0).all()
    per_step = np.log(omega[1] / omega[0])
    rise, bend = (np.diff(np.log(part), axis=-1) / per_step for part in (found.real, found.imag))
    assert rise.min() > -1e-9
    assert rise.max() < 2 + 1e-9
    assert np.abs(bend).max() < 1 + 1e-9


# --- choice and uncertainty ------------------------------------------------------------------------------


def test_held_out_blocks_are_not_shown():
    """The misfit of a block is that of networks trained without it."""
    data = protocol.data_sets("solid", 1)
    found = choose_penalties(OMEGA, data.modulus[0], data.noise[0], candidates=[Penalties()], plan=SHORT)
    block = np.arange(15) * 4 // 15 == 3
    shown = np.where(block, complex(np.inf, np.inf), data.noise[0])
    other = np.where(block, 1e9 * (1 + 1j), data.modulus[0])
    squares = []
    for seed in (0, 1):
        trained = train_kk_networks(OMEGA, other, shown, plan=SHORT._replace(seed=seed))
        off = (complex_moduli(trained.networks, OMEGA) - data.modulus[0])[block]
        noise = data.noise[0][block]
        squares.append(np.mean((off.real / noise.real) ** 2 + (off.imag / noise.imag) ** 2) / 2)
    assert found.by_block[0, 3] == pytest.approx(np.mean(squares), rel=1e-2)
    assert found.misfit[0] == pytest.approx(np.sum(found.by_block[0] * [4, 4, 4, 3]) / 15)


def test_a_choice_needs_candidates_and_points():
    with pytest.raises(ValueError, match="needs a candidate"):
        choose_penalties(OMEGA, np.ones(15) * (1 + 1j), 0.1, candidates=[])
    with pytest.raises(ValueError, match="8 frequencies"):
        choose_penalties(OMEGA[:6], np.ones(6) * (1 + 1j), 0.1)


def test_bands_hold_one_more_member():
    """Exact for normal members: 90 % within 0.9 +- 3.5 standard errors (0.003)."""
    values = np.random.default_rng(0).standard_normal((10000, 7, 1))
    _, lower, upper = _band(values[:, :6], 0.9)
    inside = (lower <= values[:, 6]) & (values[:, 6] <= upper)
    assert inside.mean() == pytest.approx(0.9, abs=0.0105)


def test_replicates_scatter_as_the_noise_says():
    modulus, noise = np.asarray([100 + 10j, -1 + 5j]), noise_of(np.asarray([100 + 10j, 100 + 10j]), relative=0.02)
    drawn, repeated = replicates(modulus, noise, members=4000)
    assert repeated.shape == drawn.shape == (4000, 2)
    np.testing.assert_allclose(drawn.real.std(axis=0), 2.01, rtol=0.05)
    np.testing.assert_allclose(drawn.imag.std(axis=0)[1], 2.01, rtol=0.25)  # 5 +- 2: lognormal
    assert (drawn.real[:, 0] > 0).all()
    signed = replicates(modulus, noise, members=4000, output="signed")[0]
    np.testing.assert_allclose(signed.imag.std(axis=0), 2.01, rtol=0.05)
    with pytest.raises(ValueError, match="members = 1"):
        replicates(modulus, noise, members=1)
