"""Control against closed forms, other solvers and itself: an unlimited horizon is the regulator; limits are kept."""

import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov
from scipy.optimize import minimize

from asperity.dynamics.control import (
    Belief,
    Goal,
    Limits,
    equilibrium,
    least_distance,
    planned,
    regulated,
    regulator,
    updated,
)
from asperity.dynamics.dictionaries import Polynomials
from asperity.dynamics.koopman import Transitions, fit_inputs, input_sums_of, scalings_of
from asperity.messages import ArgumentError, DataError

TURN = np.array([[0.95, 0.2], [-0.1, 0.9]])  # rows: x' = x TURN + u PUSH
PUSH = np.array([[0.02, 0.1]])
WIDE = np.array([np.inf])
FREE = Limits(-WIDE, WIDE, WIDE, np.array([np.inf]))


def model_of(step, states=2, degree=1, bilinear=False, outputs=lambda x, u: x[:, :1], size=1.0):
    rng = np.random.default_rng(0)
    x, u = size * rng.uniform(-1, 1, (3000, states)), size * rng.uniform(-1, 1, (3000, 1))
    x[:2], u[:2] = size * np.array([[-1.0], [1.0]]), size * np.array([[-1.0], [1.0]])
    steps = Transitions(x, u, step(x, u), outputs(x, u))
    scalings = scalings_of(steps)
    return fit_inputs(Polynomials(degree), scalings, input_sums_of(Polynomials(degree), scalings, steps,
                                                                   bilinear=bilinear))


def linear(x, u):
    return x @ TURN + u @ PUSH


def goal(target=0.0, effort=1.0):
    return Goal(np.array([target, 0.0]), np.array([1.0, np.inf]), np.array([effort]))


def states_of(gain, model, x):
    """The gain of unscaled states in unscaled inputs."""
    return gain[:, 1 : x + 1] * model.scalings.inputs.half / model.scalings.states.half


def test_of_one_state_the_gain_is_the_closed_form():
    """x' = a x + b u with the cost x^2 + r u^2: p = 1 + a^2 p - (a b p)^2 / (r + b^2 p)."""
    a, b, r = 1.1, 0.5, 0.3
    model = model_of(lambda x, u: a * x + b * u, states=1)
    q = r * (1 - a**2) - b**2  # b^2 p^2 + q p - r = 0
    p = (-q + np.sqrt(q**2 + 4 * b**2 * r)) / (2 * b**2)
    found = regulator(model, Goal(np.zeros(1), np.ones(1), np.sqrt([1 / r])))
    assert states_of(found.gain, model, 1)[0, 0] == pytest.approx(a * b * p / (r + b**2 * p), rel=1e-9)
    assert found.radius == pytest.approx(a - b * a * b * p / (r + b**2 * p), rel=1e-9)


def test_the_regulator_is_optimal_and_its_loop_stable():
    """No gain nearby costs less, by the Lyapunov equation of the closed loop."""
    model = model_of(linear)
    found = regulator(model, goal())
    gain = states_of(found.gain, model, 2)

    def cost(one):
        return np.trace(solve_discrete_lyapunov((TURN.T - PUSH.T @ one).T, np.diag([1.0, 0.0]) + one.T @ one))

    assert found.radius < 1
    rng = np.random.default_rng(1)
    assert all(cost(gain) <= cost(gain + 0.01 * rng.normal(size=(1, 2))) for _ in range(50))


def test_a_bilinear_model_is_regulated_about_its_state_of_rest():
    """x' = 0.9 x + u (1 + 0.5 x): at rest at r, u = 0.1 r / (1 + 0.5 r)."""
    model = model_of(lambda x, u: 0.9 * x + u * (1 + 0.5 * x), states=1, bilinear=True)
    wanted = Goal(np.array([0.4]), np.ones(1), np.ones(1))
    state, held = equilibrium(model, wanted)
    assert state[0] == pytest.approx(0.4, abs=1e-6)
    assert held[0] == pytest.approx(0.04 / 1.2, abs=1e-6)
    found = regulator(model, wanted)
    x = np.array([-0.5])
    for _ in range(60):
        u, _ = regulated(model, found, x, np.zeros(1))
        x = 0.9 * x + u * (1 + 0.5 * x)
    assert x[0] == pytest.approx(0.4, abs=1e-6)


def test_integral_action_leaves_no_offset_where_the_model_is_wrong():
    model = model_of(linear)
    ends = {}
    for integral in (0.0, 0.05):
        found = regulator(model, goal(0.3), integral=integral)
        x, total = np.zeros(2), np.zeros(2)
        for _ in range(400):
            u, total = regulated(model, found, x, total)
            x = linear(x, u) * 0.97 + 0.02  # decays faster than the model, and is pushed
        ends[integral] = x[0]
    assert ends[0.05] == pytest.approx(0.3, abs=1e-7)
    assert abs(ends[0.0] - 0.3) > 1e-2


def test_an_input_at_its_limit_does_not_wind_up():
    model = model_of(linear)
    found = regulator(model, goal(0.3), integral=0.05)
    limits = FREE._replace(lowest=np.array([-0.05]), highest=np.array([0.05]))
    u, total = regulated(model, found, np.array([-1.0, 0.0]), np.zeros(2), limits)
    assert abs(u[0]) == 0.05
    assert not total.any()


def test_a_mode_that_no_input_moves_is_said():
    def step(x, u):
        return np.stack([0.5 * x[:, 0] + u[:, 0], 1.0 * x[:, 1]], axis=1)

    with pytest.raises(ArgumentError, match="eigenvalue 1 does not decay, and no input moves it"):
        regulator(model_of(step), Goal(np.zeros(2), np.ones(2), np.ones(1)))


def test_powers_of_a_state_that_adds_up_its_input_are_not_stabilizable_and_relifting_is_the_remedy():
    """x' = x + u: x^2 has the eigenvalue 1 too, and one input cannot move both."""
    rng = np.random.default_rng(0)
    x, u = rng.uniform(-1, 1, (500, 1)), rng.choice([-0.1, 0.1], (500, 1))
    steps = Transitions(x, u, x + u, np.empty((500, 0)))
    scalings = scalings_of(steps)
    model = fit_inputs(Polynomials(2), scalings, input_sums_of(Polynomials(2), scalings, steps, bilinear=True))
    wanted = Goal(np.array([0.3]), np.ones(1), np.ones(1))
    with pytest.raises(ArgumentError, match="relift=True"):
        regulator(model, wanted)
    found = regulator(model, wanted, relift=True)
    golden = (np.sqrt(5) - 1) / 2  # the gain of x' = x + u with equal weights
    assert states_of(found.gain, model, 1)[0, 0] == pytest.approx(golden, rel=1e-6)


@pytest.mark.parametrize("relift", [False, True])
def test_a_long_horizon_without_limits_is_the_regulator(relift):
    model = model_of(linear)
    x = np.array([0.7, -0.4])
    u, _ = regulated(model, regulator(model, goal()), x, np.zeros(2))
    plan = planned(model, goal(), FREE, x, np.zeros((160, 1)), relift=relift, rounds=1)
    assert plan.inputs[0, 0] == pytest.approx(u[0], rel=1e-6)
    np.testing.assert_allclose(plan.states[0], linear(x, plan.inputs[0]), atol=1e-8)
    np.testing.assert_allclose(plan.outputs[1], plan.states[0, 0], atol=1e-8)


def test_plans_keep_limits_of_inputs_changes_and_outputs_and_cost_least_among_those():
    model = model_of(linear)
    limits = Limits(np.array([-0.5]), np.array([0.4]), np.array([0.3]), np.array([0.2]))
    x, last, wanted = np.array([-0.5, 0.0]), np.array([-0.2]), goal(0.5, effort=3.0)
    plan = planned(model, wanted, limits, x, np.zeros((10, 1)), last=last, relift=False, rounds=1)

    def path(inputs):
        states = [x]
        for u in inputs:
            states.append(linear(states[-1], u[None]))
        return np.array(states)

    def cost(flat):
        return ((path(flat)[1:, 0] - 0.5) ** 2).sum() + (flat**2).sum() / 9

    changes = np.diff(plan.inputs[:, 0], prepend=-0.2)
    assert (-0.5 - 1e-9 <= plan.inputs).all()
    assert (plan.inputs <= 0.4 + 1e-9).all()
    assert np.abs(changes).max() <= 0.3 + 1e-9
    assert path(plan.inputs[:, 0])[:-1, 0].max() <= 0.2 + 1e-4  # an output is the state before its step
    kept = [{"type": "ineq", "fun": lambda u: 0.2 - path(u)[:-1, 0]},
            {"type": "ineq", "fun": lambda u: 0.3 - np.abs(np.diff(u, prepend=-0.2))}]
    other = minimize(cost, np.zeros(10), bounds=[(-0.5, 0.4)] * 10, constraints=kept, method="SLSQP",
                     options={"maxiter": 500, "ftol": 1e-12})
    assert other.success
    np.testing.assert_allclose(plan.inputs[:, 0], other.x, atol=2e-3)
    assert np.isclose(np.abs(changes), 0.3, atol=1e-9).any()
    assert cost(plan.inputs[:, 0]) <= other.fun * (1 + 1e-4)


def test_an_output_that_cannot_keep_its_limit_exceeds_it_by_little_and_inputs_still_keep_theirs():
    model = model_of(linear)
    limits = Limits(np.array([-0.1]), np.array([0.1]), WIDE, np.array([0.2]))
    plan = planned(model, goal(), limits, np.array([0.9, 0.0]), np.zeros((10, 1)))
    assert plan.outputs[0, 0] == pytest.approx(0.9, abs=1e-6)
    assert np.abs(plan.inputs).max() <= 0.1 + 1e-9


@pytest.mark.parametrize("most", [-0.2, 0.0])
def test_limits_of_outputs_may_be_negative_or_zero(most):
    limits = FREE._replace(outputs=np.array([most]))
    plan = planned(model_of(linear), goal(0.5, effort=30.0), limits, np.array([-0.5, 0.0]), np.zeros((10, 1)),
                   relift=False)
    assert plan.outputs.max() == pytest.approx(most, abs=1e-4)


def test_a_state_that_is_not_finite_is_said():
    with pytest.raises(DataError, match="not finite"):
        planned(model_of(linear), goal(), FREE, np.array([np.nan, 0.0]), np.zeros((3, 1)))


def test_units_of_states_and_inputs_do_not_matter():
    big, small = model_of(linear), model_of(linear, size=1e-9)
    plans = []
    for model, size in ((big, 1.0), (small, 1e-9)):
        wanted = Goal(size * np.array([0.3, 0]), size * np.array([1, np.inf]), np.array([size]))
        limits = Limits(*(size * np.array([one]) for one in (-0.1, 0.1, 0.05, 0.25)))
        plans.append(planned(model, wanted, limits, size * np.array([-0.3, 0.1]), np.zeros((8, 1))).inputs / size)
    np.testing.assert_allclose(*plans, atol=1e-9)


def test_quadratic_programs_agree_with_another_solver():
    rng = np.random.default_rng(5)
    for _ in range(30):
        matrix, right = rng.normal(size=(9, 5)), 3 * rng.normal(size=9)
        bound, inside = rng.normal(size=(12, 5)), rng.normal(size=5)
        most = bound @ inside + rng.uniform(0, 0.3, 12)
        y = least_distance(matrix, right, bound, most)
        assert (bound @ y <= most + 1e-9).all()
        other = minimize(lambda y, m=matrix, r=right: ((m @ y - r) ** 2).sum(), inside, method="SLSQP", constraints={
            "type": "ineq", "fun": lambda y, b=bound, h=most: h - b @ y}, options={"ftol": 1e-13, "maxiter": 500})
        np.testing.assert_allclose(y, other.x, atol=1e-4)


def test_limits_that_contradict_each_other_are_said():
    with pytest.raises(DataError, match="contradict"):
        least_distance(np.eye(2), np.zeros(2), np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([-1.0, -1.0]))


def test_the_estimate_is_the_kalman_filter_where_the_model_is_linear():
    model = model_of(linear)
    rng = np.random.default_rng(3)
    noise, drift = np.array([0.1, 1.0]), np.array([0.01, 0.02])
    belief = Belief(np.array([0.1, -0.2]), np.diag([0.2, 0.3]))
    mean, covariance = belief.state, belief.covariance
    for _ in range(5):
        u, seen = rng.uniform(-0.3, 0.3, 1), rng.normal(scale=0.3)
        belief = updated(model, belief, u, np.array([seen, np.nan]), noise=noise, drift=drift)
        mean = linear(mean, u)
        covariance = TURN.T @ covariance @ TURN + np.diag(drift**2)
        gain = covariance[:, 0] / (covariance[0, 0] + noise[0] ** 2)
        mean = mean + gain * (seen - mean[0])
        covariance = covariance - np.outer(gain, covariance[0])
        np.testing.assert_allclose(belief.state, mean, atol=1e-8)
        np.testing.assert_allclose(belief.covariance, covariance, atol=1e-8)


@pytest.mark.parametrize(("wrong", "why"), [
    (Goal(np.zeros(2), np.array([0.0, 1.0]), np.ones(1)), "larger than 0"),
    (Goal(np.zeros(2), np.full(2, np.inf), np.ones(1)), "nothing is wanted"),
    (Goal(np.array([0.5, 0.9]), np.ones(2), np.ones(1)), "no state of rest")])
def test_a_goal_that_cannot_be_says_so(wrong, why):
    with pytest.raises(ArgumentError, match=why):
        regulator(model_of(linear), wrong)
