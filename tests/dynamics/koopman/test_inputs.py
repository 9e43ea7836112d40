"""Models with inputs against systems that are linear or bilinear in their lifted state, in any unit and order."""

import numpy as np
import pytest

from asperity.dynamics.dictionaries import AbstractDictionary, Polynomials
from asperity.dynamics.koopman import (
    InputSums,
    Transitions,
    fit_inputs,
    input_rollout,
    input_sums_of,
    scalings_of,
    transitions,
)
from asperity.messages import ArgumentError, DataError

TURN = np.array([[0.9, 0.2], [-0.3, 0.8]])
PUSH = np.array([[0.1, 0.5], [0.4, -0.2]])  # (input, state)
TWIST = np.array([[[0.05, 0.1], [-0.1, 0.0]], [[0.0, -0.05], [0.1, 0.02]]])  # (input, state, state)
SLOW, FAST = 0.9, 0.5  # factors in one step of the slow manifold


class _Closed(AbstractDictionary):
    """(1, x1, x2, x1^2)."""

    def size(self, states):
        return 4

    def lift(self, x):
        return np.stack([np.ones_like(x[0]), x[0], x[1], x[0] ** 2])


def steps_of(twist=TWIST, count=2000, seed=0, size=(1.0, 1.0), reach=1.0):
    """x' = x A + u B + sum of u_i x B_i, with the outputs (x1 + u1, x2 u2)."""
    rng = np.random.default_rng(seed)
    x, u = rng.uniform(-1, 1, (count, 2)), rng.uniform(-1, 1, (count, 2))
    y = x @ TURN + u @ PUSH + np.einsum("si,sf,ift->st", u, x, twist)
    out = np.stack([x[:, 0] + u[:, 0], x[:, 1] * u[:, 1]], axis=1)
    return Transitions(x * size, u * reach, y * size, out)


def model_of(steps, dictionary=None, bilinear=False):
    dictionary = dictionary or Polynomials(1)
    scalings = scalings_of(steps)
    return fit_inputs(dictionary, scalings, input_sums_of(dictionary, scalings, steps, bilinear=bilinear))


def missed(model, steps):
    """The largest error of one step, in units of the states' ranges, and that of the outputs."""
    told, outputs = input_rollout(model, steps.before, steps.inputs[None])
    return (np.abs((told[0] - steps.after) / model.scalings.states.half).max(),
            np.abs(outputs[0] - steps.outputs).max())


def test_a_linear_system_with_inputs_is_exact():
    model = model_of(steps_of(0 * TWIST))
    half, reach = model.scalings.states.half, model.scalings.inputs.half
    np.testing.assert_allclose(model.matrix[1:, 1:3], TURN * half[:, None] / half, atol=1e-12)
    np.testing.assert_allclose(model.gain[:, 1:3], PUSH * reach[:, None] / half, atol=1e-12)
    other = steps_of(0 * TWIST, seed=1)
    assert missed(model, other)[0] < 1e-12
    assert not model.crossed.any()


def test_a_bilinear_system_is_exact_and_a_linear_model_of_it_is_not():
    steps, other = steps_of(), steps_of(seed=1)
    state, output = missed(model_of(steps, bilinear=True), other)
    assert max(state, output) < 1e-12
    assert missed(model_of(steps), other)[0] > 1e-2


def test_a_closed_nonlinear_system_with_an_input_that_its_functions_feel_bilinearly_is_exact():
    """x1' = (a + c u) x1, x2' = b x2 + (a^2 - b) x1^2 + u: x1^2 is moved by u x1^2 if u^2 is always 1."""
    rng = np.random.default_rng(2)
    x, u = rng.uniform(-1, 1, (3000, 2)), rng.choice([-1.0, 1.0], (3000, 1))
    y = np.stack([SLOW * x[:, 0] + 0.1 * u[:, 0] * x[:, 0],
                  FAST * x[:, 1] + (SLOW**2 - FAST) * x[:, 0] ** 2 + u[:, 0]], axis=1)
    steps = Transitions(x, u, y, np.empty((3000, 0)))
    model = model_of(steps, _Closed(), bilinear=True)
    inputs = rng.choice([-1.0, 1.0], (50, 4, 1))
    path = [x[:4]]
    for one in inputs:
        now = path[-1]
        path.append(np.stack([SLOW * now[:, 0] + 0.1 * one[:, 0] * now[:, 0],
                              FAST * now[:, 1] + (SLOW**2 - FAST) * now[:, 0] ** 2 + one[:, 0]], axis=1))
    told, _ = input_rollout(model, x[:4], inputs)
    np.testing.assert_allclose(told, path[1:], atol=1e-12)


@pytest.mark.parametrize("bilinear", [False, True])
def test_units_do_not_matter(bilinear):
    """Displacements of 1e-8 m beside velocities of 0.02 m/s, moved by 1e-9 m."""
    si, own = steps_of(size=(1e-8, 1.9e-2), reach=1e-9), steps_of()
    one, other = (model_of(steps, Polynomials(2), bilinear) for steps in (si, own))
    for name in ("matrix", "gain", "crossed"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-11)


def test_predictions_hold_over_the_horizon_where_the_system_is_bilinear():
    model = model_of(steps_of(), bilinear=True)
    rng = np.random.default_rng(3)
    start, inputs = rng.uniform(-0.5, 0.5, (8, 2)), rng.uniform(-0.5, 0.5, (100, 8, 2))
    path = [start]
    for u in inputs:
        path.append(path[-1] @ TURN + u @ PUSH + np.einsum("si,sf,ift->st", u, path[-1], TWIST))
    for relift in (False, True):
        told, _ = input_rollout(model, start, inputs, relift=relift)
        np.testing.assert_allclose(told, path[1:], atol=1e-11)


def test_sums_of_parts_add_to_the_whole_in_any_order():
    steps = steps_of(count=20001)
    scalings, dictionary = scalings_of(steps), Polynomials(3)

    def sums(part):
        return input_sums_of(dictionary, scalings, Transitions(*(one[part] for one in steps)), bilinear=True)

    whole, cut = sums(slice(None)), [sums(part) for part in (slice(15000, None), slice(0, 7), slice(7, 15000))]
    merged = cut[0].merged(cut[1]).merged(cut[2])
    assert merged.samples == whole.samples == 20001
    for name in ("gram", "across"):
        one, other = getattr(merged, name), getattr(whole, name)
        np.testing.assert_allclose(one, other, atol=1e-12 * np.abs(other).max())
    nothing = InputSums(0, 0 * whole.gram, 0 * whole.across)
    np.testing.assert_array_equal(whole.merged(nothing).gram, whole.gram)


def test_transitions_do_not_cross_the_end_of_an_episode():
    first = (np.arange(4.0)[:, None], np.array([[1.0], [2.0], [3.0]]), np.zeros((3, 1)))
    second = (10 + np.arange(3.0)[:, None], np.array([[4.0], [5.0]]), np.ones((2, 1)))
    found = transitions([first, second])
    assert found.before[:, 0].tolist() == [0, 1, 2, 10, 11]
    assert found.inputs[:, 0].tolist() == [1, 2, 3, 4, 5]
    assert (found.after - found.before == 1).all()
    assert found.outputs[:, 0].tolist() == [0, 0, 0, 1, 1]
    assert transitions([first[:2]]).outputs.shape == (3, 0)


def _used(column, value):
    steps = steps_of()
    steps.inputs[:, column] = value
    return steps


@pytest.mark.parametrize(("make", "error", "why"), [
    (lambda: transitions([]), DataError, "no episode"),
    (lambda: transitions([(np.zeros((3, 1)), np.zeros((3, 1)))]), DataError, "3 states has 3 inputs"),
    (lambda: scalings_of(_used(1, 0.0)), DataError, "input 1 is always 0"),
    (lambda: scalings_of(_used(1, np.nan)), DataError, "not finite"),
    (lambda: model_of(steps_of(count=12), Polynomials(3), True), ArgumentError, "12 transitions for 30 regressors"),
    (lambda: input_sums_of(Polynomials(1), scalings_of(steps_of()), Transitions(*(one[:0] for one in steps_of()))),
     DataError, "no transition")])
def test_wrong_data_say_what_is_wrong(make, error, why):
    with pytest.raises(error, match=why):
        make()
