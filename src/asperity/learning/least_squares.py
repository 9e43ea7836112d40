r"""Batched least squares for contact models by variable projection.

Every curve is fitted with

$$F_i \approx b_0 + b_1 x_i + \sum_j c_j\, g_j(\delta_i; \theta), \qquad \delta_i = z_0 - s_i$$

where s is the tip position and x the same in units of the curve's span, increasing into the sample.
Offset, tilt and amplitudes c enter linearly and are eliminated, which leaves the contact point z_0 and
the shape parameters theta for Gauss-Newton steps (Kaufman's projection) with Levenberg damping. All sums
over the samples of a curve are taken in one pass over the data. The start is the best node of a scan
over contact points spaced logarithmically in depth, so that shallow and deep contacts are both found.

Source: Golub, Pereyra, SIAM J. Numer. Anal. 10, 413 (1973); Kaufman, BIT 15, 49 (1975).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from asperity.contact import AbstractContactModel
from asperity.learning.batches import Scaled, compiled, in_blocks, in_chunks, put, reduced, solve_small

__all__ = ["Fit", "basis_columns", "contact_force", "held_shapes", "least_squares"]

_OUTSIDE = -1e6  # the position x of a sample that does not count: far from the sample, where all g vanish
_ROUND = 6  # steps between two compactions of the curves that still move
_MAX_ROUNDS = 12  # rounds of so many steps, at most
_TOLERANCE = 1e-12  # relative decrease of the sum of squares that a further step promises
_LAST_DIGITS = 1e-9  # the same, where a step failed: what is left is rounding (below 1e-3 of an error bar)
_SCAN_POINTS = 64  # samples of a curve that the scan over the starts looks at
_STARTS = 4  # local minima of the scan that are followed where the signal is weak
_WEAK_SIGNAL = 30.0  # ratio of the force's range to its residual, below which one start is not trusted

# Where shape parameters start: nodes of the scan, relative to the logarithm of the span for lengths.
_SHAPE_NODES = {
    "log_displacement_scale": np.log(np.geomspace(3e-3, 0.5, 6)),
    "log_maugis_parameter": np.log([0.1, 0.5, 2.0]),
    "log_tabor_parameter": np.log([0.1, 0.5, 2.0]),
}


class Fit(NamedTuple):
    """The optimum of each curve, in scaled units (see `Scaled`)."""

    linear: Any  # (batch, 2 or 1 + amplitudes): b0, b1, c_j (b1 only with tilt)
    nonlinear: Any  # (batch, 1 + shape parameters): contact point x_0, theta
    sum_of_squares: Any  # (batch,)
    converged: Any  # (batch,) bool


class _Step(NamedTuple):
    """What one pass over the data gives at one point of the nonlinear parameters."""

    linear: jax.Array
    sum_of_squares: jax.Array
    curvature: jax.Array  # (batch, q, q)
    gradient: jax.Array  # (batch, q)


def _value_columns(model: AbstractContactModel, scaled: Scaled, nonlinear: jax.Array) -> list[jax.Array]:
    """The columns g_j alone, each (batch, sample)."""
    return _columns(lambda shapes, p: list(shapes(p)), model, scaled, nonlinear)


def basis_columns(model: AbstractContactModel, scaled: Scaled, nonlinear: jax.Array) -> list[jax.Array]:
    """The columns g_j, then dg_j/dx_0, then dg_j/dtheta_k, each (batch, sample), zero where not counted."""

    def with_slopes(shapes, p):
        values, push = jax.linearize(shapes, p)
        unit = [tuple(jnp.ones_like(v) if i == k else jnp.zeros_like(v) for i, v in enumerate(p))
                for k in range(len(p))]
        return [*values, *(slope for direction in unit for slope in push(direction))]

    return _columns(with_slopes, model, scaled, nonlinear)


def _columns(evaluate, model: AbstractContactModel, scaled: Scaled, nonlinear: jax.Array) -> list[jax.Array]:
    """``evaluate(shapes, p)`` for every sample, where ``shapes(p)`` are the g_j of that sample.

    A sample that is seen to be attached feels the model's contact branch, held at its end where the
    model would have let go; one that is seen to be off feels nothing. The jump itself then never moves
    from one sample to the next during the fit, and the sum of squares stays smooth.
    """

    def one(x, attached, span, p):
        return evaluate(lambda q: held_shapes(model, span * (x - q[0]), attached, tuple(q[1:])), tuple(p))

    adhesive = "work_of_adhesion" in model.fitted
    x = jnp.where(scaled.counted & (scaled.attached >= 0) if adhesive else scaled.counted, scaled.x, _OUTSIDE)
    return jax.vmap(jax.vmap(one, (0, 0, None, None)), (0, 0, 0, 0))(x, scaled.attached, scaled.span, nonlinear)


def held_shapes(model: AbstractContactModel, indentation: jax.Array, attached: jax.Array, theta: tuple) -> tuple:
    """The g_j of one sample; one that is seen to be attached is held where the model would let go."""
    if "work_of_adhesion" in model.fitted:
        held = jnp.maximum(indentation, model.end_of_contact(theta))
        indentation = jnp.where(attached > 0, held, indentation)
    return model.basis(indentation, theta)


class _Sums(NamedTuple):
    """The products of the columns, summed over the samples; each entry (batch,)."""

    normal: list[list[jax.Array]]  # of the linear columns: fixed ones, then amplitudes
    right: list[jax.Array]  # linear columns times y
    yy: jax.Array
    across: list[list[jax.Array]]  # every slope column times every linear column
    slope_y: list[jax.Array]
    slope_slope: list[list[jax.Array]]


def _base(scaled: Scaled, tilt: bool) -> list[jax.Array]:
    """The columns that do not move: 1, x (with tilt), and y last."""
    one = scaled.counted.astype(scaled.x.dtype)
    return [one, scaled.x, scaled.y] if tilt else [one, scaled.y]


def _fixed_products(scaled: Scaled, tilt: bool) -> dict[tuple[int, int], jax.Array]:
    """The sums of products of the base columns, which need to be taken only once."""
    base = _base(scaled, tilt)
    pairs = [(i, j) for i in range(len(base)) for j in range(i, len(base))]
    return dict(zip(pairs, reduced([base[i] * base[j] for i, j in pairs], jnp.add, 0.0)))


def _collect(model: AbstractContactModel, tilt: bool, scaled: Scaled, fixed: dict[tuple[int, int], jax.Array],
             columns: list[jax.Array]) -> _Sums:
    """All products that the elimination needs, summed in one pass as the columns are made."""
    base = _base(scaled, tilt)
    n_base, every = len(base), [*base, *columns]
    pairs = [(i, j) for i in range(len(every)) for j in range(max(i, n_base), len(every))]
    dot = dict(zip(pairs, reduced([every[i] * every[j] for i, j in pairs], jnp.add, 0.0))) | fixed
    dot |= {(j, i): value for (i, j), value in dot.items()}
    y = n_base - 1
    inside = [*range(y), *range(n_base, n_base + model.amplitudes)]
    slopes = range(n_base + model.amplitudes, len(every))
    return _Sums([[dot[i, j] for j in inside] for i in inside], [dot[i, y] for i in inside], dot[y, y],
                 [[dot[k, i] for i in inside] for k in slopes], [dot[k, y] for k in slopes],
                 [[dot[k, m] for m in slopes] for k in slopes])


def _squares(model: AbstractContactModel, tilt: bool, scaled: Scaled, fixed, nonlinear: jax.Array) -> jax.Array:
    """The sum of squares after elimination, (batch,): what the scan compares."""
    sums = _collect(model, tilt, scaled, fixed, _value_columns(model, scaled, nonlinear))
    (linear,) = solve_small(sums.normal, [sums.right])
    return sums.yy - sum(r * a for r, a in zip(sums.right, linear))


def _evaluate(model: AbstractContactModel, tilt: bool, scaled: Scaled, fixed, nonlinear: jax.Array) -> _Step:
    """Eliminate the linear parameters at ``nonlinear``; the curvature and gradient that remain."""
    amplitudes, slopes = model.amplitudes, range(nonlinear.shape[1])
    sums = _collect(model, tilt, scaled, fixed, basis_columns(model, scaled, nonlinear))
    (linear,) = solve_small(sums.normal, [sums.right])
    c = linear[-amplitudes:]

    def combine(k: int, entry) -> jax.Array:
        # the slope of the whole model along parameter k, from those of its columns
        return _dot(c, [entry(amplitudes * k + j) for j in range(amplitudes)])

    across = [[combine(k, lambda m, i=i: sums.across[m][i]) for i in range(len(linear))] for k in slopes]
    slope_slope = [[combine(k, lambda m, other=other: combine(other, lambda o: sums.slope_slope[m][o]))
                    for other in slopes] for k in slopes]
    projected = solve_small(sums.normal, across)
    curvature = [[slope_slope[k][o] - _dot(across[k], projected[o]) for o in slopes] for k in slopes]
    gradient = [combine(k, lambda m: sums.slope_y[m]) - _dot(across[k], linear) for k in slopes]
    return _Step(jnp.stack(linear, 1), jnp.maximum(sums.yy - _dot(sums.right, linear), 0.0),
                 jnp.stack([jnp.stack(row, 1) for row in curvature], 1), jnp.stack(gradient, 1))


def _dot(a: Sequence[jax.Array], b: Sequence[jax.Array]) -> jax.Array:
    return sum((u * v for u, v in zip(a, b)), start=jnp.zeros(()))


def _propose(step: _Step, damping: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The damped Gauss-Newton step, and the decrease of the sum of squares that it promises."""
    size = step.gradient.shape[1]
    matrix = [[step.curvature[:, i, j] * (1 + damping if i == j else 1.0) for j in range(size)]
              for i in range(size)]
    gradient = [step.gradient[:, i] for i in range(size)]
    (change,) = solve_small(matrix, [gradient])
    promise = _dot(change, gradient)
    limit = [0.25] + [1.0] * (size - 1)
    return jnp.stack([jnp.clip(d, -m, m) for d, m in zip(change, limit)], 1), promise


class _State(NamedTuple):
    nonlinear: jax.Array
    step: _Step
    damping: jax.Array
    converged: jax.Array


def _advance(model: AbstractContactModel, tilt: bool, scaled: Scaled, fixed, state: _State) -> _State:
    """One trial step of every curve; accepted where the sum of squares does not rise."""
    change, _ = _propose(state.step, state.damping)
    trial = state.nonlinear + change
    trial = trial.at[:, 0].set(jnp.clip(trial[:, 0], scaled.least, 0.9995))
    step = _with_secant(_evaluate(model, tilt, scaled, fixed, trial), state, trial)
    rounding = 1e-15 * fixed[max(fixed)]
    better = step.sum_of_squares <= state.step.sum_of_squares + rounding
    keep = better & ~state.converged

    def choose(new, old):
        return jnp.where(keep.reshape(keep.shape + (1,) * (new.ndim - 1)), new, old)

    damping = jnp.where(better, jnp.where(state.damping < 2e-3, 0.0, state.damping * 0.1),
                        jnp.maximum(state.damping, 1e-2) * 8.0)
    step = jax.tree.map(choose, step, state.step)
    _, promise = _propose(step, jnp.zeros_like(damping))
    enough = jnp.where(better, _TOLERANCE, _LAST_DIGITS) * step.sum_of_squares
    settled = promise <= enough + 1e-6 * rounding
    known = jnp.isfinite(state.step.sum_of_squares)
    damping = jnp.where(known, damping, state.damping)
    still = known & (jnp.max(jnp.abs(trial - state.nonlinear), axis=1) < 1e-10)  # no step improves
    return _State(choose(trial, state.nonlinear), step, damping, state.converged | settled | still)


def _with_secant(step: _Step, state: _State, trial: jax.Array) -> _Step:
    """With the contact point alone: the curvature from the change of the gradient since the last step.

    Where the model does not fit, that of Gauss and Newton is off by a factor, and its steps creep.
    """
    if trial.shape[1] > 1:
        return step
    usual, moved = step.curvature[:, 0, 0], (trial - state.nonlinear)[:, 0]
    secant = (state.step.gradient - step.gradient)[:, 0] / jnp.where(moved == 0, 1.0, moved)
    known = (moved != 0) & jnp.isfinite(state.step.sum_of_squares)
    curvature = jnp.where(known, jnp.clip(secant, 0.1 * usual, 10 * usual), usual)
    return step._replace(curvature=curvature[:, None, None])


@partial(compiled, static_argnames="tilt")
def _improve(model: AbstractContactModel, scaled: Scaled, padding: jax.Array, nonlinear: jax.Array,
             damping: jax.Array, *, tilt: bool) -> tuple[jax.Array, _Step, jax.Array, jax.Array]:
    """A few steps from ``nonlinear`` with ``damping``, chunk by chunk so that the data stay in the cache.

    A chunk that is nothing but ``padding`` takes no step.
    """

    def chunk(part):
        piece, pad, start, damping = part
        start = start.at[:, 0].set(jnp.clip(start[:, 0], piece.least, 0.9995))
        fixed, (count, size) = _fixed_products(piece, tilt), start.shape
        linear = model.amplitudes + (2 if tilt else 1)
        unknown = _Step(jnp.zeros((count, linear)), jnp.full(count, jnp.inf), jnp.zeros((count, size, size)),
                        jnp.zeros((count, size)))  # its step is zero: the first trial is the start itself
        first = _State(start, unknown, damping, pad)
        _, last = lax.while_loop(lambda s: (s[0] <= _ROUND) & ~s[1].converged.all(),
                                 lambda s: (s[0] + 1, _advance(model, tilt, piece, fixed, s[1])), (0, first))
        return last.nonlinear, last.step, last.converged, last.damping

    return in_chunks(chunk, (scaled, padding, nonlinear, damping))


def _shape_nodes(model: AbstractContactModel) -> list[np.ndarray]:
    """The values of each shape parameter that the scan tries, lengths in units of the span."""
    return [_SHAPE_NODES.get(name, np.linspace(-2.0, 2.0, 5)) for name in model.shape_names]


def _several_regimes(model: AbstractContactModel) -> bool:
    """Whether the last shape parameter is a regime, along which a fit may stop in the wrong one."""
    return len(model.shape_names) > 1


def _depths(model: AbstractContactModel) -> int:
    """How many contact points the scan tries."""
    return 12 if model.shape_names else 24


def _scan_nodes(model: AbstractContactModel, span: jax.Array) -> jax.Array:
    """The starting values to compare, (batch, node, 1 + shape parameters)."""
    depth = 1 - np.geomspace(2e-3, 0.995, _depths(model))
    nodes = jnp.asarray(np.array(list(product(depth, *_shape_nodes(model)))))
    lengths = np.array([0.0] + [1.0 if "displacement" in name else 0.0 for name in model.shape_names])
    return nodes[None] + lengths * jnp.log(span)[:, None, None]


@partial(compiled, static_argnames="tilt")
def _scan(model: AbstractContactModel, scaled: Scaled, padding: jax.Array, *,
          tilt: bool) -> tuple[jax.Array, jax.Array]:
    """The best nodes of the scan that are local minima over the depth of contact, best first.

    For a model with several regimes, the best of each regime. Returns (batch, starts, 1 + shape
    parameters), and how many of them are such minima, (batch,). The curves are `_thinned` ones.
    """
    nodes = _scan_nodes(model, scaled.span)
    last = len(_shape_nodes(model)[-1]) if model.shape_names else 1

    def chunk(part):
        piece, nodes = part
        fixed = _fixed_products(piece, tilt)
        squares = lax.map(lambda node: _squares(model, tilt, piece, fixed, node), jnp.moveaxis(nodes, 1, 0)).T
        number = jnp.arange(squares.shape[1]).reshape(-1, last)
        groups = number.T if _several_regimes(model) else number.reshape(_depths(model), -1)
        lowest, best = squares[:, groups].min(axis=2), squares[:, groups].argmin(axis=2)
        beside = jnp.pad(lowest, ((0, 0), (1, 1)), constant_values=jnp.inf)
        minimum = (lowest <= beside[:, :-2]) & (lowest <= beside[:, 2:]) | _several_regimes(model)
        order = jnp.argsort(jnp.where(minimum, lowest, jnp.inf), axis=1)[:, :_STARTS]
        chosen = groups[order, jnp.take_along_axis(best, order, axis=1)]
        return jnp.take_along_axis(nodes, chosen[:, :, None], axis=1), minimum.sum(axis=1)

    return in_chunks(chunk, (scaled, nodes))


def _thinned(scaled: Scaled) -> Scaled:
    """A subset of the samples: half even in number, half dense towards the last (deepest) one."""
    length, half = scaled.x.shape[1], _SCAN_POINTS // 2
    places = np.concatenate([np.linspace(0, 1, half), 1 - np.geomspace(1 / length, 1, half)])
    index = np.unique((places * (length - 1)).astype(int))
    x, y, counted, attached = (np.take(a, index, axis=1) for a in scaled[:4])
    return scaled._replace(x=x, y=y, counted=counted, attached=attached)


def least_squares(model: AbstractContactModel, scaled: Scaled, *, tilt: bool = True,
                  start: np.ndarray | None = None) -> Fit:
    """Fit every curve of the batch to its global least-squares optimum.

    Args:
        model: the template; its fixed fields (radius, ...) hold for the batch, its fitted ones are ignored.
        scaled: the curves, from `scale`; deepest samples last. A batch of any size is worked on in blocks
            of one shape, so that only a new number of samples compiles anew.
        tilt: fit a slope of the baseline besides its offset.
        start: (batch, 1 + shape parameters) near the optimum, instead of the scan.

    Returns:
        `Fit` of NumPy arrays. A curve whose steps did not settle has ``converged`` False. Nothing raises.
    """
    every = np.arange(scaled.x.shape[0])
    if start is not None:
        state = _settle(model, scaled, every, start, tilt)
        return Fit(state[1].linear, state[0], state[1].sum_of_squares, state[2])
    starts, minima = in_blocks(partial(_scan, model, tilt=tilt), every, _thinned(scaled))
    state = _settle(model, scaled, every, starts[:, 0], tilt)
    weak = every[(_signal(scaled, state[1]) < _WEAK_SIGNAL) | ~state[2] | _several_regimes(model)]
    curve, rank = np.nonzero(np.arange(1, starts.shape[1]) < minima[weak, None])
    if len(curve):
        again = _settle(model, scaled, weak[curve], starts[weak[curve], rank + 1], tilt)
        for row in np.argsort(-again[1].sum_of_squares):  # the best last
            if again[1].sum_of_squares[row] < state[1].sum_of_squares[weak[curve[row]]]:
                put(state, weak[curve[row:row + 1]], jax.tree.map(lambda a, row=row: a[row:row + 1], again))
    return Fit(state[1].linear, state[0], state[1].sum_of_squares, state[2])


def contact_force(model: AbstractContactModel, scaled: Scaled, fit: Fit) -> np.ndarray:
    """The fitted force of contact alone, scaled, (batch, sample)."""
    c = fit.linear[:, -model.amplitudes:]
    return in_blocks(partial(_contact, model), np.arange(len(c)), scaled, c, fit.nonlinear)


@compiled
def _contact(model, scaled: Scaled, padding: jax.Array, c: jax.Array, nonlinear: jax.Array) -> jax.Array:
    return _dot([c[:, j, None] for j in range(model.amplitudes)], _value_columns(model, scaled, nonlinear))


def _signal(scaled: Scaled, step: _Step) -> np.ndarray:
    """The range of the force of each curve over the rms of its residual."""
    number = np.maximum(np.asarray(scaled.counted).sum(axis=1), 1)
    rms = np.sqrt(step.sum_of_squares / number)
    return np.ptp(np.asarray(scaled.y), axis=1) / np.maximum(rms, 1e-300)


def _settle(model, scaled: Scaled, chosen: np.ndarray, start: np.ndarray, tilt: bool):
    """Rounds of a few steps for the ``chosen`` curves; after each, only those that still move go on."""
    improve = partial(_improve, model, tilt=tilt)
    state = in_blocks(improve, chosen, scaled, start, np.full(len(chosen), 1e-3))
    for _ in range(_MAX_ROUNDS):
        moving = np.flatnonzero(~state[2])
        if not len(moving):
            break
        put(state, moving, in_blocks(improve, chosen[moving], scaled, state[0][moving], state[3][moving]))
    return state
