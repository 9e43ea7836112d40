r"""Control with a model of inputs: a linear-quadratic regulator, model predictive control, an estimate of the state.

All deviations are weighed in units of what is tolerated. With the states x, their targets r and tolerances $\sigma$,
the inputs u and efforts $\epsilon$ (`Goal`), the cost is

$$J = \sum_k \Bigl[\sum_i \Bigl(\frac{x_{k,i} - r_i}{\sigma_i}\Bigr)^2
      + \sum_j \Bigl(\frac{u_{k,j}}{\epsilon_j}\Bigr)^2\Bigr].$$

`regulator` finds the u = u* - G (z - z*) that minimizes it forever, without limits, by the discrete Riccati equation;
with the sum of past errors as a state of its own, errors of the model leave no offset. `planned` minimizes it over a
horizon within limits on inputs, on their changes, and on outputs, and is called anew at each step with the state found
then. Under a linear model that is one quadratic program, else a few, each about the plan before it. `updated` is an
extended Kalman filter: some states are measured, the others follow from the model.

Source: Korda, Mezic, Automatica 93, 149 (2018) (predictive control with lifted states); Lawson, Hanson, Solving Least
Squares Problems (1974), chapter 23 (the quadratic program).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.linalg import LinAlgError, solve_discrete_are, solve_triangular
from scipy.optimize import least_squares, nnls

from asperity.dynamics.koopman.inputs import InputModel, input_rollout, within_box
from asperity.messages import ArgumentError, DataError

__all__ = ["Belief", "Goal", "Limits", "PlannedInputs", "Regulator", "equilibrium", "least_distance", "planned",
           "regulated", "regulator", "updated"]

_CHANGE = 1e-5  # of a scaled state: derivatives of the dictionary by central differences, good to 1e-10
_AT_REST = 1e-3  # of half the range of the data, by which a model may move in one step at its state of rest
_NEAR = 1e-6  # weight of the distance from the guess, which tells between several states of rest
_REACHED = 1e-9  # of the norm: a mode that inputs move less than that is not moved by them
_STEADY = 1e-9  # of 1: an eigenvalue this close to the unit circle does not decay
_EXCESS = 1e3  # weight of an output's excess over its limit, in units of the limit, against errors in tolerances
_NOTHING = 1e-12  # of the right-hand side: what is left of an infeasible least-distance problem


class Goal(NamedTuple):
    """What is wanted, in the states' and inputs' units."""

    target: Float[np.ndarray, " state"]  # where not wanted, a guess of the state of rest
    tolerance: Float[np.ndarray, " state"]  # infinite where not wanted
    effort: Float[np.ndarray, " input"]  # the input that costs as much as one tolerance


class Limits(NamedTuple):
    """What plans keep to."""

    lowest: Float[np.ndarray, " input"]
    highest: Float[np.ndarray, " input"]
    change: Float[np.ndarray, " input"]  # from one step to the next; infinite where free
    outputs: Float[np.ndarray, " output"]  # the largest; infinite where free


class Regulator(NamedTuple):
    """A feedback of the lifted state and of the sum of errors."""

    goal: Goal
    rest: Float[np.ndarray, " function"]  # z*
    rest_input: Float[np.ndarray, " input"]  # u*, scaled
    gain: Float[np.ndarray, "input function"]
    integral: Float[np.ndarray, "input state"]
    radius: float  # the largest eigenvalue of the closed loop, by the model


class PlannedInputs(NamedTuple):
    """Inputs to come, and what the model expects of them after or during each step."""

    inputs: Float[np.ndarray, "step input"]
    states: Float[np.ndarray, "step state"]
    outputs: Float[np.ndarray, "step output"]


class Belief(NamedTuple):
    """What is known about a state."""

    state: Float[np.ndarray, " state"]
    covariance: Float[np.ndarray, "state state"]


class _Tangent(NamedTuple):
    """Rows: what a change of the state, or of an input, does to the next state and to the outputs; all scaled."""

    state: np.ndarray
    state_outputs: np.ndarray
    inputs: np.ndarray
    inputs_outputs: np.ndarray


def _lifted_tangent(model: InputModel, z: np.ndarray, v: np.ndarray) -> _Tangent:
    """Of the lifted state: exact."""
    functions = len(z)
    moved = model.matrix + (v @ model.crossed.reshape(len(v), -1)).reshape(model.matrix.shape)
    pushed = model.gain + z @ model.crossed
    return _Tangent(moved[:, :functions], moved[:, functions:], pushed[:, :functions], pushed[:, functions:])


def _relifted(model: InputModel, x: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, _Tangent]:
    """The scaled state one step later, the outputs of the step, and their derivatives; x is held to the data's box."""
    states = len(x)
    shifts = np.concatenate([np.zeros((states, 1)), _CHANGE * np.eye(states), -_CHANGE * np.eye(states)], axis=1)
    lifted = model.dictionary.lift(within_box(x)[:, None] + shifts).T
    slope = (lifted[1 : states + 1] - lifted[states + 1 :]) / (2 * _CHANGE)
    own = _lifted_tangent(model, lifted[0], v)
    after, outputs = model.after(lifted[:1], v[None])
    return after[0, 1 : states + 1], outputs[0], _Tangent(slope @ own.state[:, 1 : states + 1],
                                                          slope @ own.state_outputs, own.inputs[:, 1 : states + 1],
                                                          own.inputs_outputs)


def _scaled_goal(model: InputModel, goal: Goal) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The scaled targets, and the weights of scaled errors and inputs."""
    states, inputs = model.scalings
    if not (np.asarray(goal.tolerance) > 0).all() or not (np.asarray(goal.effort) > 0).all():
        raise ArgumentError("goal: tolerances and efforts must be larger than 0; an infinite one is not weighed")
    if not np.isfinite(goal.tolerance).any():
        raise ArgumentError("goal: all tolerances are infinite, so that nothing is wanted; give one state a finite one")
    target = (np.asarray(goal.target) - states.center) / states.half
    return target, states.half / goal.tolerance, inputs.half / goal.effort


def equilibrium(model: InputModel, goal: Goal) -> tuple[Float[np.ndarray, " state"], Float[np.ndarray, " input"]]:
    """The state and the input at which the wanted states rest at their targets, searched for from the goal's target.

    Raises:
        ArgumentError: the model does not rest near.
    """
    target, weight, _ = _scaled_goal(model, goal)
    wanted = weight > 0
    states = len(target)
    guess = np.concatenate([target, np.zeros(len(model.gain))])

    def off(both: np.ndarray) -> np.ndarray:
        x, v = both[:states], both[states:]
        z, _ = model.after(model.dictionary.lift(x[:, None]).T, v[None])
        return np.concatenate([z[0, 1 : states + 1] - x, (x - target)[wanted], _NEAR * (both - guess)])

    found = least_squares(off, guess).x
    missed = np.abs(off(found)[: -len(found)]).max()
    if missed > _AT_REST:
        raise ArgumentError(f"the model has no state of rest near the goal: it misses by {missed:.2g} of half the "
                            "range of the data; choose a target that the data reach, and guess the states that are "
                            "not wanted")
    x, v = found[:states], found[states:]
    return model.scalings.states.back(x[:, None])[0], model.scalings.inputs.back(v[:, None])[0]


def regulator(model: InputModel, goal: Goal, *, integral: float = 0.0, relift: bool = False) -> Regulator:
    """The feedback that minimizes the goal's cost forever.

    Args:
        model: bilinear ones are taken about the goal's state of rest.
        goal: what is wanted; there must be no more wanted states than inputs if ``integral`` is not 0.
        integral: the weight of the sum of past errors, in tolerances, against one error; 0: no integral action.
        relift: feed back the states only, by the model's derivatives at rest; else the whole lifted state.

    Raises:
        ArgumentError: a mode that does not decay by itself is not moved by the inputs, so that no feedback helps.
    """
    target, weight, effort = _scaled_goal(model, goal)
    rest, kept = equilibrium(model, goal)
    z, v = model.lift(rest[None])[0], kept / model.scalings.inputs.half
    states = len(target)
    if relift:
        about = _relifted(model, model.scalings.states.scaled(rest[None])[:, 0], v)[2]
        a, b = about.state.T, about.inputs.T
    else:  # the first function is 1, and stays so
        about = _lifted_tangent(model, z, v)
        a, b = about.state[1:, 1:].T, about.inputs[:, 1:].T
    count = len(a)
    cost = np.zeros(count)
    cost[:states] = weight**2
    wanted = np.flatnonzero(weight) if integral > 0 else np.empty(0, int)
    errors = np.eye(count)[wanted] * weight[wanted, None]
    a = np.block([[a, np.zeros((count, len(wanted)))], [errors, np.eye(len(wanted))]])
    b = np.concatenate([b, np.zeros((len(wanted), b.shape[1]))])
    cost = np.diag(np.concatenate([cost, np.full(len(wanted), integral)]))
    gain = _riccati(a, b, cost, np.diag(effort**2))
    whole, sums = np.zeros((len(v), len(z))), np.zeros((len(v), states))
    whole[:, 1 : count + 1] = gain[:, :count]
    sums[:, wanted] = gain[:, count:]
    return Regulator(goal, z, v, whole, sums, float(np.abs(np.linalg.eigvals(a - b @ gain)).max()))


def _riccati(a: np.ndarray, b: np.ndarray, cost: np.ndarray, effort: np.ndarray) -> np.ndarray:
    """The gain of x' = a x + b u that minimizes the sum of x cost x + u effort u."""
    for value in np.linalg.eigvals(a):
        if abs(value) > 1 - _STEADY:
            reach = np.linalg.svd(np.concatenate([a - value * np.eye(len(a)), b], axis=1), compute_uv=False)[-1]
            if reach < _REACHED * np.linalg.norm(a, 2):
                raise ArgumentError(f"the model cannot be stabilized: its mode with the eigenvalue {value:.6g} does "
                                    "not decay, and no input moves it. Functions of a state that only adds up its "
                                    "input have such modes: take relift=True, or a dictionary of degree 1; integral "
                                    "action takes no more wanted states than inputs")
    try:
        solution = solve_discrete_are(a, b, cost, effort)
    except (LinAlgError, ValueError) as error:
        raise ArgumentError("the Riccati equation has no stabilizing solution: a mode that does not decay is not "
                            "weighed by the goal; give the state that shows it a tolerance, or take relift=True"
                            ) from error
    return np.linalg.solve(effort + b.T @ solution @ b, b.T @ solution @ a)


def regulated(model: InputModel, regulator: Regulator, x: Float[np.ndarray, " state"],
              total: Float[np.ndarray, " state"], limits: Limits | None = None
              ) -> tuple[Float[np.ndarray, " input"], Float[np.ndarray, " state"]]:
    """The input at the state x, and the new sum of errors (in tolerances, from 0).

    An input beyond its ``limits`` is cut, and its error not added.
    """
    goal = regulator.goal
    v = regulator.rest_input - regulator.gain @ (model.lift(x[None])[0] - regulator.rest) - regulator.integral @ total
    wished = v * model.scalings.inputs.half
    u = wished if limits is None else np.clip(wished, limits.lowest, limits.highest)
    return u, total + (x - goal.target) / goal.tolerance if (u == wished).all() else total


def least_distance(matrix: Float[np.ndarray, "row unknown"], right: Float[np.ndarray, " row"],
                   bound: Float[np.ndarray, "limit unknown"], most: Float[np.ndarray, " limit"]
                   ) -> Float[np.ndarray, " unknown"]:
    r"""The y that minimizes $|M y - r|$ where $G y \le h$: a strictly convex quadratic program.

    With $M = Q R$ and $w = R y - Q^\top r$ it is that of the least $|w|$, and its dual is a least-squares problem in
    numbers that are not negative.

    Raises:
        DataError: nothing satisfies all limits.
    """
    q, r = np.linalg.qr(matrix)
    free = q.T @ right
    rows = solve_triangular(r, bound.T, trans=1).T  # G R^-1
    room = most - rows @ free  # rows w <= room
    norms = np.linalg.norm(rows, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.max(-room / norms, initial=0.0, where=room < 0)  # w is at least as long
    if scale == 0:
        return solve_triangular(r, free)
    dual = np.concatenate([-rows.T, -room[None] / scale]) / norms
    last = np.zeros(len(free) + 1)
    last[-1] = 1.0
    rest = dual @ nnls(dual, last, maxiter=30 * len(room))[0] - last
    if abs(rest[-1]) < _NOTHING:
        raise DataError("no input satisfies all limits: the limits contradict each other")
    return solve_triangular(r, free - scale * rest[:-1] / rest[-1])


def planned(model: InputModel, goal: Goal, limits: Limits, x: Float[np.ndarray, " state"],
            guess: Float[np.ndarray, "step input"], *, last: Float[np.ndarray, " input"] | None = None,
            relift: bool = True, rounds: int = 2) -> PlannedInputs:
    """The inputs of the steps to come that minimize the cost within the limits.

    Inputs and their changes always keep to their limits; outputs exceed theirs, by as little as the inputs allow, only
    where the model sees no way to keep them.

    Args:
        model, goal, limits, x: the model, what is wanted, what is kept to, and the state now.
        guess: inputs to begin with, as many as steps are planned; the plan before, shifted by one, or zeros.
        last: the input of the step before, from which the first may change by so much; None: no such limit.
        relift: lift the expected state anew at each step; else the lifted state evolves.
        rounds: of quadratic programs, each about the plan before it; a linear model without relifting needs one.

    Raises:
        DataError: the state is not finite, or the limits contradict each other.
    """
    v = model.scalings.inputs.scaled(np.asarray(guess, float)).T
    start = model.scalings.states.scaled(np.asarray(x, float)[None])[:, 0]
    if not np.isfinite(start).all():
        raise DataError("the state to plan from is not finite: estimate with `updated` what is not measured")
    for _ in range(rounds):
        v = _better(model, goal, limits, start, v, last, relift)
    inputs = model.scalings.inputs.back(v.T)
    states, outputs = input_rollout(model, x, inputs[:, None], relift=relift)
    return PlannedInputs(inputs, states[:, 0], outputs[:, 0])


def _expected(model: InputModel, start: np.ndarray, v: np.ndarray, relift: bool
              ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Scaled states and outputs of each step, and what the inputs of all steps do to them, (step, input, what)."""
    count, inputs = v.shape
    states = len(start)
    own = start if relift else model.dictionary.lift(start[:, None])[:, 0]
    seen = slice(None) if relift else slice(1, states + 1)
    width = model.matrix.shape[1] - len(model.matrix)
    shown, moved = np.empty((count, states)), np.zeros((count, v.size, states))
    outputs, forced = np.empty((count, width)), np.zeros((count, v.size, width))
    carried = np.zeros((v.size, len(own)))
    for k in range(count):
        if relift:
            own, outputs[k], about = _relifted(model, own, v[k])
        else:
            about = _lifted_tangent(model, own, v[k])
            own, outputs[k] = (one[0] for one in model.after(own[None], v[k][None]))
        now = slice(k * inputs, (k + 1) * inputs)
        forced[k] = carried @ about.state_outputs
        carried = carried @ about.state
        forced[k, now] += about.inputs_outputs
        carried[now] += about.inputs
        shown[k], moved[k] = own[seen], carried[:, seen]
    return shown, outputs, moved, forced


def _better(model: InputModel, goal: Goal, limits: Limits, start: np.ndarray, v: np.ndarray, last: np.ndarray | None,
            relift: bool) -> np.ndarray:
    """The plan of the quadratic program about the plan v; its last unknown is the outputs' excess."""
    target, weight, effort = _scaled_goal(model, goal)
    half = model.scalings.inputs.half
    count, size = len(v), v.size
    states, outputs, moved, forced = _expected(model, start, v, relift)
    wanted = weight > 0
    slope = (moved[:, :, wanted] * weight[wanted]).transpose(0, 2, 1).reshape(-1, size)
    matrix = np.zeros((len(slope) + size + 1, size + 1))
    matrix[: len(slope), :size], matrix[-1, -1] = slope, _EXCESS
    matrix[len(slope) : -1, :size] = np.diag(np.tile(effort, count))
    right = np.concatenate([((target - states) * weight)[:, wanted].ravel(), -(v * effort).ravel(), [0.0]])
    bounded = np.isfinite(limits.outputs)
    most = np.asarray(limits.outputs)[bounded]
    unit = np.where(most == 0, 1.0, np.abs(most))
    steps = np.kron(np.eye(count) - np.eye(count, k=-1), np.eye(len(half)))
    first = np.full(len(half), np.nan) if last is None else np.asarray(last) / half
    before = np.concatenate([first[None], v[:-1]])
    change = np.asarray(limits.change) / half
    one = np.eye(size)
    parts = [(one, np.asarray(limits.highest) / half - v), (-one, v - np.asarray(limits.lowest) / half),
             (steps, change - (v - before)), (-steps, change + (v - before))]
    bound = [np.concatenate([rows, np.zeros((size, 1))], axis=1) for rows, _ in parts]
    excess = (forced[:, :, bounded] / unit).transpose(0, 2, 1).reshape(-1, size)
    bound += [np.concatenate([excess, -np.ones((len(excess), 1))], axis=1), np.eye(size + 1)[-1:] * -1]
    room = np.concatenate([*(rest.ravel() for _, rest in parts), ((most - outputs[:, bounded]) / unit).ravel(), [0.0]])
    finite = np.isfinite(room)
    found = least_distance(matrix, right, np.concatenate(bound)[finite], room[finite])
    return v + found[:-1].reshape(v.shape)


def updated(model: InputModel, belief: Belief, u: Float[np.ndarray, " input"], measured: Float[np.ndarray, " state"], *,
            noise: Float[np.ndarray, " state"], drift: Float[np.ndarray, " state"]) -> Belief:
    """What is known after a step with the input u, at whose end some states are measured.

    Args:
        model, belief: the model, and what was known before.
        u: the input of the step.
        measured: states; NaN where not measured.
        noise: standard deviation of a measured value.
        drift: standard deviation of what moves each state, in one step, beside the model: its errors, and what is
            not an input (the height of a sample).
    """
    scaling = model.scalings.states
    x, v = scaling.scaled(belief.state[None])[:, 0], u / model.scalings.inputs.half
    after, _, about = _relifted(model, x, v)
    slope = about.state.T
    spread = slope @ (belief.covariance / np.outer(scaling.half, scaling.half)) @ slope.T
    expected = scaling.back(after[:, None])[0]
    spread = spread * np.outer(scaling.half, scaling.half) + np.diag(np.asarray(drift) ** 2)
    known = np.isfinite(measured)
    unit = scaling.half[known]
    inner = spread[np.ix_(known, known)] / np.outer(unit, unit) + np.diag((np.asarray(noise)[known] / unit) ** 2)
    gain = np.linalg.solve(inner, spread[known] / unit[:, None]).T / unit
    state = expected + gain @ (measured - expected)[known]
    covariance = spread - gain @ spread[known]
    return Belief(state, (covariance + covariance.T) / 2)
