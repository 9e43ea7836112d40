r"""Relaxation and creep from a force curve with holds, by the indentation as it was measured.

No hold is a step: the ramp takes time, the feedback overshoots, the indentation goes on. Force and indentation
are tied by Lee and Radok's integral over what was measured,

$$F(t) = b(t) + \frac{1}{1-\nu^2}\int E(t-s)\,d g(\delta(s)), \qquad
  E(t) = E_e + \eta\,\delta(t) + \sum_k E_k e^{-t/\tau_k},\; E_e, \eta, E_k \ge 0,$$

whether the height was held (stress relaxation) or the force (creep), once or several times; J(t) follows from the same
E_k, and the dashpot stands for all that relaxes faster than the samples follow. b holds the level, tilt, drift and drag
of `asperity.rheology.held_record`. The integral is exact for g linear between samples, and averaged as they are. Where
the contact shrinks, the difference between Ting's and Lee and Radok's force of the fitted material is taken off the
data and the fit repeated.

Everything is fitted at once by least squares under the covariance C of the noise. The noise n of the force moves the
tip by n/k as well, so that the residual is (1 + A g'/k) n, with A what turns the growth of g into force. Noise in g
would make what relaxes fast too weak (errors in variables): the tip is where the force that the fit takes for free of
noise puts it, and the data are moved by A g'/k times the noise that is so taken off.

The strengths E_k are held together by a weak prior alone, of the modulus of an elastic sample each. Intervals are
those of repeated fits (randomize, then optimize), each with noise of a strength drawn from what is known of it, on
data and on priors; a residual larger than the noise makes them wider. What may not be negative comes out too large
where it is nothing, and the rest too small, so that repeats are off from their fit: half of that is taken off the
fit, and the other half is in the band. (None leaves the end of a hold too low, all overshoots where the ramp hides
what is fast.) The ideal step, E(t) = (1 - nu^2) F(t)/g(t), is given beside it, for its bias.

Source: Lee, Radok, J. Appl. Mech. 27, 438 (1960); Ting, J. Appl. Mech. 33, 845 (1966); Bardsley et al., SIAM J. Sci.
Comput. 36, A1895 (2014) for the intervals.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize_scalar, nnls

from asperity.contact import AbstractElasticContact
from asperity.messages import DataError
from asperity.rheology._model import AbstractRelaxationModel
from asperity.rheology.generalized_maxwell import GeneralizedMaxwell
from asperity.rheology.held_force import noise_felt, unit_forces
from asperity.rheology.held_record import StepRecord, record
from asperity.rheology.hereditary import lee_radok, ting

__all__ = ["StepFit", "StepRecord", "fit_step", "from_outside", "record", "slow_contrasts", "ting_force",
           "whitening"]

_NOTHING = 1e-30  # m^2, below which nothing is in contact
_PER_DECADE = 8  # relaxation times,
_SLOWEST = 10.0  # times the length of the record, the slowest one
_AMPLITUDE = 1.0  # standard deviation of a branch, over the modulus of an elastic sample
_ROUNDS = 3  # of the contact point, the noise that moves the tip and the correction for shrinking contact
_SHRINKS = 0.005  # of the largest indentation, given up again, from which it is made
_PLACES = 14  # contact points that are tried first,
_BEYOND = 0.15  # of the depth outside of where the force shows,
_WITHIN = 0.5  # and inside
_NEAR = 0.06  # of the depth, that a later round moves the contact point
_CLOSE = 1e-4  # of the depth, to which it is found
_STEP = 1e-3  # of the depth, over which the force's change with it is taken
_ALIKE = 0.98  # at most, correlation of neighboring means that the material misses
_FREE = 12  # parameters that data of a hold usually determine
_LEVEL = 0.9  # of the intervals
_NORMAL = 1.645  # standard deviations that hold so much of a normal error


class StepFit(NamedTuple):
    """The relaxation spectrum of one record."""

    model: GeneralizedMaxwell
    draws: GeneralizedMaxwell  # arrays with draws in front
    contact_point: float  # m
    contact_point_std: float  # m, of which 1.645 hold 90 %
    force: np.ndarray  # (n,) N, fitted, with level, tilt, drift and drag; `StepRecord.steadied` takes it
    residual: float  # rms over the largest force
    chi_square: float  # mean square of the residual in contact over what the noise makes of it
    drift: float  # N/s

    def relaxation_modulus(self, time: Any) -> np.ndarray:
        """(3, m) E(t) in Pa and the ends of its 90 % interval at times in s."""
        return self._banded("relaxation_modulus", time)

    def creep_compliance(self, time: Any) -> np.ndarray:
        """(3, m) J(t) in 1/Pa and the ends of its 90 % interval at times in s."""
        return self._banded("creep_compliance", time)

    def _banded(self, name: str, time: Any) -> np.ndarray:
        with jax.enable_x64(True):
            at = jnp.asarray(time, float)
            drawn = np.log(np.asarray(_evaluated(self.draws, name, at)))
            value = np.asarray(_evaluated(jax.tree.map(lambda a: jnp.asarray(a)[None], self.model), name, at))[0]
        middle = np.median(drawn, axis=0)
        off = (middle - np.log(value)) / 2
        reach = np.quantile(np.abs(drawn - middle), _LEVEL, axis=0) + np.abs(off)
        return value * np.exp(np.stack([0 * reach, -reach, reach]) - off)


@partial(jax.jit, static_argnames="name")
def _evaluated(models: GeneralizedMaxwell, name: str, time: jax.Array) -> jax.Array:
    """(draw, time) values of a function of time of several materials."""
    each = jax.vmap(getattr(GeneralizedMaxwell, name), (None, 0))
    return jax.vmap(each, (0, None))(models, time)


class _Fitted(NamedTuple):
    """The fit of one record."""

    data: StepRecord  # the tip as it moves without noise
    point: float  # m, contact
    nodes: np.ndarray  # (k,) s
    problem: _Problem
    scaled: np.ndarray  # (unknown,) parameters over their scales,
    found: np.ndarray  # and themselves
    rest: np.ndarray  # (n,) N, what they leave
    white: Callable[[np.ndarray], np.ndarray]
    felt: np.ndarray  # (n, n) of `noise_felt`
    missed: np.ndarray  # (n, n) N^2 of `_missed`
    chi_square: float


class _Problem(NamedTuple):
    """Least squares with unknowns >= 0: branches, dashpot and spring, then lines of either sign; rows of unit noise."""

    data: np.ndarray  # (n, unknown)
    prior: np.ndarray  # (row, unknown)
    scale: np.ndarray  # (unknown,) of the parameters


def fit_step(data: StepRecord, contact: AbstractElasticContact, *, draws: int = 60, seed: int = 0) -> StepFit:
    """The relaxation spectrum and the contact point of one record, with intervals.

    Args:
        data: of `record`.
        contact: the tip and Poisson's ratio; its modulus has no part.
        draws: repetitions from which the intervals come.
        seed: of them.

    Raises:
        ValueError: no contact point at which any relaxing material gives these forces.
    """
    own = _fitted(data, contact)
    drawn, points = _drawn(data, contact, own, draws, np.random.default_rng(seed))
    reach = float(np.quantile(np.abs(points), _LEVEL))
    lines = own.found[len(own.nodes) + 2:].reshape(2, -1)
    before = (data.time < data.hold) & (data.tip_position > data.touch)
    return StepFit(_material(own.nodes, own.found), _material(own.nodes, drawn), own.point, reach / _NORMAL,
                   data.force - solve_triangular(own.felt, own.rest, lower=True),
                   float(np.sqrt(np.mean(own.rest**2)) / data.top), own.chi_square,
                   float((lines[0] - lines[1])[2] / np.ptp(data.time[before])))


def slow_contrasts(data: StepRecord, contact: AbstractElasticContact,
                   number: int) -> tuple[np.ndarray, np.ndarray, float]:
    """What the residual of the whole record shows of its noise, beyond what the baseline does.

    Args:
        data, contact: as `fit_step`.
        number: of slow cosines over the samples.

    Returns:
        (number,) N^2, the squared contrasts of the residual; (number, kind) what is expected of them per unit of
        strength of each kind of noise, through the projection of the fit; and chi-square, as of `StepFit`.

    Raises:
        ValueError: as `fit_step`.
    """
    own = _fitted(data, contact)
    samples = len(data.samples.tip_position)
    count = np.diff([*data.samples.edges, samples])
    place = (data.samples.edges + count / 2) / samples
    cosine = np.cos(np.pi * np.arange(1, number + 1)[:, None] * place) * count * np.sqrt(2 / samples)
    free = np.flatnonzero(own.scaled > 0)
    whole = np.column_stack([_columns(contact, own)[:, free], _along(contact, own)[1]])
    rows, prior = own.white(whole), np.pad(own.problem.prior[:, free], ((0, 0), (0, 1)))
    taken = np.linalg.pinv(rows.T @ rows + prior.T @ prior, hermitian=True) @ rows.T @ own.white(np.eye(len(place)))
    passed = (cosine - (cosine @ whole) @ taken) @ own.felt
    expected = np.einsum("ci,kij,cj->ck", passed, data.kinds, passed)
    return np.square(cosine @ own.rest), expected, own.chi_square


def _fitted(data: StepRecord, contact: AbstractElasticContact) -> _Fitted:
    """The fit alone."""
    nodes, depth = _nodes(data), data.touch - float(data.tip_position.min())
    white, target, felt = whitening(data.covariance), data.force, np.eye(len(data.force))
    point, measured = _first_point(data, contact, nodes, white), data
    for _ in range(_ROUNDS):
        misfit = partial(_misfit, data, contact, nodes=nodes, white=white, target=target)
        point = _least(misfit, point - _NEAR * depth, point + _NEAR * depth, depth)
        whole = np.column_stack([unit_forces(data, contact, point, nodes), data.lines, -data.lines])
        problem = _problem(data, whole[:, : len(nodes) + 2], white)
        found = _solved(problem, white(target))[0] * problem.scale
        felt = noise_felt(data, contact, point, nodes, found)
        white = whitening(felt @ data.covariance @ felt.T)
        noise = solve_triangular(felt, target - whole @ found, lower=True)
        data, target = measured.steadied(measured.force - noise), measured.force + felt @ noise - noise
        if _shrinks(data, point):
            target = target - _ting_excess(data, contact, _material(nodes, found), point)
    whole = np.column_stack([unit_forces(data, contact, point, nodes), data.lines, -data.lines])
    problem = _problem(data, whole[:, : len(nodes) + 2], white)
    found = _solved(problem, white(target))[0] * problem.scale
    chi_square, missed = _missed(data, target - whole @ found, white, felt)
    white = whitening(felt @ data.covariance @ felt.T + np.diag(np.diag(missed)))
    problem = _problem(data, whole[:, : len(nodes) + 2], white)
    scaled = _solved(problem, white(target))[0]
    found = scaled * problem.scale
    rest = target - whole @ found
    return _Fitted(data, point, nodes, problem, scaled, found, rest, white, felt, missed, chi_square)


def _columns(contact: AbstractElasticContact, own: _Fitted) -> np.ndarray:
    """(n, unknown) N, what each parameter over its scale contributes."""
    forces = unit_forces(own.data, contact, own.point, own.nodes)
    return np.column_stack([forces, own.data.lines, -own.data.lines]) * own.problem.scale


def _along(contact: AbstractElasticContact, own: _Fitted) -> tuple[float, np.ndarray]:
    """A small step of the contact point, m, and (n,) N, how the fitted force changes with it."""
    step = _STEP * (own.data.touch - float(own.data.tip_position.min()))
    ahead, behind = (unit_forces(own.data, contact, own.point + sign * step, own.nodes) for sign in (1, -1))
    return step, (ahead - behind) @ own.found[: len(own.nodes) + 2] / 2


def _nodes(data: StepRecord) -> np.ndarray:
    """(k,) s, relaxation times from the shortest step of the record to far beyond its end."""
    shortest, longest = float(np.diff(data.time).min()), _SLOWEST * float(data.time[-1] - data.hold)
    return np.geomspace(shortest, longest, int(_PER_DECADE * np.log10(longest / shortest)))


def whitening(covariance: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """What makes noise of this covariance white, of unit variance."""
    lower = cholesky(covariance, lower=True)
    return lambda values: solve_triangular(lower, values, lower=True)


def _problem(data: StepRecord, design: np.ndarray, white: Callable[[np.ndarray], np.ndarray]) -> _Problem:
    """The problem in units of the noise, every parameter in units of what alone would make the largest force."""
    size = data.top / np.maximum(design.max(axis=0), _NOTHING)
    branches, lines = design.shape[1] - 2, data.lines.shape[1]
    scale = np.concatenate([size, np.full(2 * lines, data.top)])
    weak = np.concatenate([size[:branches] / (size[-1] * _AMPLITUDE), [0.0, 0.0]])
    held = np.diag(data.top / data.spread)
    prior = np.block([[np.diag(weak)[:branches], np.zeros((branches, 2 * lines))],
                      [np.zeros((lines, len(weak))), held, -held]])
    rows = white(np.column_stack([design, data.lines, -data.lines]) * scale)
    return _Problem(rows, prior, scale)


def _solved(problem: _Problem, target: np.ndarray, prior: np.ndarray | float = 0.0) -> tuple[np.ndarray, float]:
    """The parameters over their scales, all >= 0, and the sum of squares."""
    matrix = np.concatenate([problem.data, problem.prior])
    size = np.maximum(np.linalg.norm(matrix, axis=0), 1e-300)
    right = np.concatenate([target, np.broadcast_to(prior, (len(problem.prior),))])
    found, norm = nnls(matrix / size, right, maxiter=20 * matrix.shape[1])
    return found / size, norm**2


def _misfit(data: StepRecord, contact: AbstractElasticContact, point: float, nodes: np.ndarray,
            white: Callable[[np.ndarray], np.ndarray], target: np.ndarray) -> float:
    return _solved(_problem(data, unit_forces(data, contact, point, nodes), white), white(target))[1]


def _first_point(data: StepRecord, contact: AbstractElasticContact, nodes: np.ndarray,
                 white: Callable[[np.ndarray], np.ndarray]) -> float:
    """The contact point of the least misfit of any nonnegative spectrum, among places about where the force shows."""
    depth = data.touch - float(data.tip_position.min())
    low, high = data.touch - _WITHIN * depth, min(data.touch + _BEYOND * depth, float(data.tip_position.max()))
    places = np.linspace(low, high, _PLACES)
    found = np.array([_misfit(data, contact, place, nodes, white, data.force) for place in places])
    without = white(np.column_stack([data.lines, data.force]))
    nothing = np.linalg.lstsq(without[:, :-1], without[:, -1])[1].sum()
    if not np.isfinite(found).all() or found.min() > 0.5 * nothing:
        raise DataError("no contact point lets any relaxing material give these forces: check the signs of force and "
                        "tip position, and the time of the hold")
    return float(places[int(found.argmin())])


def _least(function: Callable[[float], float], low: float, high: float, depth: float) -> float:
    """Where a function of the contact point is least."""
    found = minimize_scalar(function, bounds=(low, high), method="bounded", options={"xatol": _CLOSE * depth})
    return float(found.x)  # pyright: ignore[reportAttributeAccessIssue]


def _missed(data: StepRecord, rest: np.ndarray, white: Callable[[np.ndarray], np.ndarray],
            felt: np.ndarray) -> tuple[float, np.ndarray]:
    """Chi-square per datum in contact, and the covariance (n, n) N^2 of what noise does not explain of the residual.

    That is as large as the residual, and correlated from each mean to the next as the residual is.
    """
    touching = np.arange(len(rest)) >= int(np.argmax(data.tip_position <= data.touch))
    chi_square = float(np.sum(white(rest)[touching] ** 2)) / max(int(touching.sum()) - _FREE, 1)
    own = rest[touching]
    known = float(np.diag(felt @ data.covariance @ felt.T)[touching].mean())
    size = max(float(np.mean(own**2)) - known, 0.0) if chi_square > 1 else 0.0
    alike = float(np.clip(own[1:] @ own[:-1] / (own @ own), 0.0, _ALIKE))
    place = np.arange(len(rest))
    return chi_square, size * np.outer(touching, touching) * alike ** np.abs(place[:, None] - place)


def _drawn(data: StepRecord, contact: AbstractElasticContact, own: _Fitted, draws: int,
           rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Parameters and shifts of the contact point of repeated fits, with noise on data and priors."""
    problem, branches = own.problem, len(own.nodes) + 2
    step, along = _along(contact, own)
    moved = own.white(along)
    size = max(float(np.linalg.norm(moved)), 1e-300)
    both = np.column_stack([problem.data, moved / size, -moved / size])
    whole = _Problem(both, np.pad(problem.prior, ((0, 0), (0, 2))), np.concatenate([problem.scale, [1.0, 1.0]]))
    start = np.concatenate([own.scaled, [0.0, 0.0]])
    root = np.linalg.cholesky(data.noise.covariance + 1e-12 * np.eye(len(data.noise.mean)))
    rows, points = [], []
    for _ in range(draws):
        strength = np.exp(data.noise.mean + root @ rng.standard_normal(len(root)))
        covariance = own.felt @ data.drawn(strength) @ own.felt.T + own.missed
        noise = own.white(np.linalg.cholesky(covariance) @ rng.standard_normal(len(covariance)))
        one = _solved(whole, both @ start + noise, whole.prior @ start + rng.standard_normal(len(whole.prior)))[0]
        rows.append(one[:branches] * problem.scale[:branches])
        points.append((one[-2] - one[-1]) / size * step)
    return np.array(rows), np.array(points)


def _material(nodes: np.ndarray, parameters: np.ndarray) -> GeneralizedMaxwell:
    count = len(nodes)
    time = np.broadcast_to(nodes, (*parameters.shape[:-1], count))
    with jax.enable_x64(True):
        return GeneralizedMaxwell(*(jnp.asarray(a) for a in (
            parameters[..., :count], time, parameters[..., count + 1], parameters[..., count])))


def _shrinks(data: StepRecord, point: float) -> bool:
    depth = point - data.tip_position
    return bool(depth.max() - depth[-1] > _SHRINKS * depth.max())


#: Ting's force, compiled
ting_force = jax.jit(ting)
_LEE_RADOK = jax.jit(lee_radok)


def _ting_excess(data: StepRecord, contact: AbstractElasticContact, model: AbstractRelaxationModel,
                 point: float) -> np.ndarray:
    """What Ting's force is above that of Lee and Radok."""
    with jax.enable_x64(True):
        arguments = contact, model, jnp.asarray(data.time), jnp.asarray(from_outside(data, point))
        return np.asarray(ting_force(*arguments) - _LEE_RADOK(*arguments))


def from_outside(data: StepRecord, point: float) -> np.ndarray:
    """The indentation, the first sample out of contact."""
    depth = point - data.tip_position
    return np.concatenate([np.minimum(depth[:1], 0.0), depth[1:]])
