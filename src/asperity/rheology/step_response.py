r"""Relaxation and creep from a force curve with a hold, by the indentation as it was measured.

No hold is a step: the ramp takes time, the feedback overshoots, the indentation goes on. Force and indentation
are tied by Lee and Radok's integral over what was measured,

$$F(t) = \frac{1}{1-\nu^2}\int E(t-s)\,d g(\delta(s)), \qquad E(t) = E_e + \sum_k E_k e^{-t/\tau_k},\; E_k \ge 0,$$

whether the height was held (stress relaxation) or the force (creep); J(t) follows from the same E_k. The integral
is exact for g linear between samples. Where the contact shrinks, the difference between Ting's and Lee and Radok's
force of the fitted material is taken off the data and the fit repeated. The contact point is fitted with it, the
spectrum smoothed by the discrepancy principle (`asperity.rheology.spectrum_estimate`), and both are drawn anew
from data with the residual's noise for intervals (randomize, then optimize). The ideal step,
E(t) = (1 - nu^2) F(t)/g(t), is given beside it, for its bias.

Source: Lee, Radok, J. Appl. Mech. 27, 438 (1960); Ting, J. Appl. Mech. 33, 845 (1966); Bardsley et al., SIAM J. Sci.
Comput. 36, A1895 (2014) for the intervals.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import least_squares, minimize_scalar, nnls

from asperity.contact import AbstractElasticContact
from asperity.messages import DataError
from asperity.rheology._model import AbstractRelaxationModel
from asperity.rheology.generalized_maxwell import GeneralizedMaxwell
from asperity.rheology.hereditary import lee_radok, ting
from asperity.rheology.spectrum_estimate import Whitened, by_discrepancy, relaxation_nodes, smoothed

__all__ = ["LawFit", "StepFit", "StepRecord", "fit_law", "fit_step", "ideal_creep", "ideal_relaxation", "record"]

_RAMP = 96  # points of a record before the hold
_BEFORE = 0.4  # of the time from where the force shows to the hold, that a record begins earlier
_BLOCKS = 10  # of the baseline, whose means tell how well it is known
_EXACT = 1e-6  # of the range of the force, below which noise is not believed
_ROUNDS = 3  # of weights and of the correction for shrinking contact
_SHRINKS = 0.005  # of the largest indentation, given up again, from which it is made


class StepRecord(NamedTuple):
    """A force curve from shortly before contact to the end of the hold, in means over short times."""

    time: np.ndarray  # (n,) s
    tip_position: np.ndarray  # (n,) m
    force: np.ndarray  # (n,) N, without its baseline
    noise: np.ndarray  # (n,) N, standard deviation of each mean if the samples' noise is white
    level_std: float  # N, standard uncertainty of the baseline
    hold: float  # s, when the hold begins
    touch: float  # m, tip position at which the force first shows


class StepFit(NamedTuple):
    """The relaxation spectrum of one record."""

    model: GeneralizedMaxwell
    draws: GeneralizedMaxwell  # arrays with draws in front
    contact_point: float  # m
    contact_point_std: float  # m
    force: np.ndarray  # (n,) N, fitted
    residual: float  # rms over the largest force
    spread: float  # variance of the fit's errors over that of white noise: residuals that are large, or alike

    def relaxation_modulus(self, time: Any) -> np.ndarray:
        """(3, m) E(t) in Pa and the ends of its 90 % interval at times in s."""
        return self._banded("relaxation_modulus", time)

    def creep_compliance(self, time: Any) -> np.ndarray:
        """(3, m) J(t) in 1/Pa and the ends of its 90 % interval at times in s."""
        return self._banded("creep_compliance", time)

    def _banded(self, name: str, time: Any) -> np.ndarray:
        with jax.enable_x64(True):
            at = jnp.asarray(time, float)
            spread = np.log(np.asarray(_evaluated(self.draws, name, at))).std(axis=0)
            value = np.asarray(_evaluated(jax.tree.map(lambda a: jnp.asarray(a)[None], self.model), name, at))[0]
        return value * np.exp(1.645 * np.stack([0 * spread, -spread, spread]))


@partial(jax.jit, static_argnames="name")
def _evaluated(models: GeneralizedMaxwell, name: str, time: jax.Array) -> jax.Array:
    """(draw, time) values of a function of time of several materials."""
    each = jax.vmap(getattr(GeneralizedMaxwell, name), (None, 0))
    return jax.vmap(each, (0, None))(models, time)


class LawFit(NamedTuple):
    """A material of few parameters."""

    model: AbstractRelaxationModel
    std: dict[str, float]  # of the parameters, relative: from the residual, with its correlation counted
    contact_point: float
    contact_point_std: float
    residual: float  # rms over the largest force


class _Design(NamedTuple):
    """Force per Pa of every Maxwell branch and, in the last column, of the spring."""

    relaxation_time: np.ndarray  # (k,) s
    matrix: np.ndarray  # (n, k + 1) m^2


def record(time: Any, tip_position: Any, force: Any, hold: float, *, points: int = 256) -> StepRecord:
    """Means of one curve over times that grow in the hold, from shortly before contact on.

    Args:
        time: (n,) s, ascending, approach and hold one after the other.
        tip_position: (n,) m, height + deflection, falling into the sample.
        force: (n,) N; its mean over the first half of what lies before contact is taken off.
        hold: s, the time at which the hold begins.
        points: of the record; records of one size share compiled code.

    Raises:
        ValueError: shapes, a hold that is not inside, too few samples, or no baseline before contact.
    """
    t, z, f = (np.asarray(a, float) for a in (time, tip_position, force))
    if not (t.shape == z.shape == f.shape and t.ndim == 1) or not t[0] < hold < t[-1] or len(t) < 2 * points:
        raise ValueError(f"{t.shape}, {z.shape}, {f.shape} samples with a hold at {hold:g} s: give three arrays of "
                         f"one length, at least {2 * points} samples, and a hold that begins inside")
    ramp = t < hold
    level, top = np.median(f[: max(int(ramp.sum()) // 4, 1)]), np.max(f)
    away = np.flatnonzero(ramp & (f - level < 0.03 * (top - level)))
    if len(away) < 0.02 * ramp.sum() or len(away) < 4 * _BLOCKS:
        raise DataError("the curve begins in contact: its history is not known. Record the approach from off the "
                        "surface, with a baseline")
    parts = np.array_split(f[away], 3)
    if np.median(parts[2]) - np.median(parts[0]) > 0.02 * (top - level):
        raise DataError("the curve begins in contact, or its baseline rises: its history is not known. Record the "
                        "approach from off the surface, or take the tilt off")
    blocks = np.array([b.mean() for b in np.array_split(f[away[: len(away) // 2]], _BLOCKS)])
    level, level_std = float(blocks.mean()), float(blocks.std(ddof=1) / np.sqrt(_BLOCKS))
    touch = float(t[away[-1]])
    ends = _ends(t, touch, hold, points)
    which = np.clip(np.searchsorted(ends, t, side="right") - 1, -1, points)
    filled = (which >= 0) & (which < points)
    count = np.bincount(which[filled], minlength=points)
    kept = count > 0
    means = [np.bincount(which[filled], a[filled], points)[kept] / count[kept] for a in (t, z, f - level)]
    full = np.linspace(0, 1, points), np.linspace(0, 1, len(means[0]))
    means.append(_scatter(f) / np.sqrt(count[kept]))
    means = [np.interp(*full, a) for a in means] if kept.sum() < points else means
    return StepRecord(*means, level_std, float(hold), float(z[away[-1]]))


def _scatter(force: np.ndarray) -> float:
    """Standard deviation of the samples' noise from their second differences, robustly."""
    return max(float(1.4826 * np.median(np.abs(np.diff(force, 2))) / np.sqrt(6)), _EXACT * float(np.ptp(force)))


def _ends(time: np.ndarray, touch: float, hold: float, points: int) -> np.ndarray:
    """Ends of the bins: even from before contact to the hold, then growing."""
    ramp = np.linspace(max(touch - _BEFORE * (hold - touch), time[0]), hold, _RAMP + 1)
    sample = float(np.median(np.diff(time[time >= hold])))
    count, length = points - _RAMP, time[-1] - hold
    later = np.geomspace(max(sample, 1e-4 * length), length * (1 + 1e-9), count)
    spaced = np.maximum(later, sample * np.arange(1, count + 1))
    return np.concatenate([ramp, hold + np.minimum(spaced, length * (1 + 1e-9))])


def fit_step(data: StepRecord, contact: AbstractElasticContact, *, draws: int = 100, seed: int = 0) -> StepFit:
    """The relaxation spectrum and the contact point of one record, with intervals.

    Args:
        data: of `record`.
        contact: the tip and Poisson's ratio; its modulus has no part.
        draws: repetitions from which the intervals come.
        seed: of them.

    Raises:
        ValueError: no contact point at which any relaxing material gives these forces.
    """
    nodes, target = _nodes(data), data.force
    found = _fitted(data, contact, nodes, target, np.full(len(target), data.noise.mean()))
    for _ in range(_ROUNDS):
        point, design, parameters, _ = found
        noise = _with_misfit(data, target - design.matrix @ parameters)
        if _shrinks(data, point):
            target = data.force - _ting_excess(data, contact, _material(design, parameters), point)
        found = _fitted(data, contact, nodes, target, noise, point)
    point, design, parameters, smoothing = found
    rest = target - design.matrix @ parameters
    noise = _with_misfit(data, rest)
    spread = _alike(rest / noise) * max(float(np.mean((rest / noise) ** 2)), 1.0)
    drawn, points = _drawn(data, contact, (design, parameters, smoothing), (point, noise, spread), draws, seed)
    return StepFit(_material(design, parameters), _material(design, drawn), point, float(points.std()),
                   data.force - rest, float(np.sqrt(np.mean(rest**2)) / data.force.max()), spread)


def _with_misfit(data: StepRecord, rest: np.ndarray) -> np.ndarray:
    """Standard deviation of every mean: its noise, and what the residual is above that."""
    return np.sqrt(data.noise**2 + max(float(np.mean(rest**2 - data.noise**2)), 0.0))


def _fitted(data: StepRecord, contact: AbstractElasticContact, nodes: np.ndarray, target: np.ndarray,
            noise: np.ndarray, near: float | None = None) -> tuple[float, _Design, np.ndarray, float]:
    """Contact point, design, parameters and lambda at one target and noise."""
    point = _contact_point(data, contact, nodes, target, (noise, near))
    design = _design(data, contact, point, nodes)
    problem = _whitened(design, target, noise)
    smoothing = by_discrepancy(problem)
    return point, design, smoothed(problem, smoothing)[0] * problem.scale, smoothing


def _nodes(data: StepRecord) -> np.ndarray:
    held = data.time > data.hold
    shortest = (data.hold - data.time[0]) / _RAMP
    return relaxation_nodes(shortest * 10**1.5, (data.time[held][-1] - data.hold) / 10**0.5)


def _growth(data: StepRecord, contact: AbstractElasticContact, point: float) -> np.ndarray:
    """g / (1 - nu^2) at every time in m^2."""
    with jax.enable_x64(True):
        shape = np.asarray(_shapes(contact, jnp.asarray(point - data.tip_position)))
    return shape / (1 - float(contact.poisson_ratio) ** 2)


@jax.jit
def _shapes(contact: AbstractElasticContact, depth: jax.Array) -> jax.Array:
    return jax.vmap(contact.shape)(depth)


def _design(data: StepRecord, contact: AbstractElasticContact, point: float, nodes: np.ndarray) -> _Design:
    growth = _growth(data, contact, point)
    steps, rises = np.diff(data.time), np.diff(growth)
    memory = np.zeros((len(growth), len(nodes)))
    for i, (step, rise) in enumerate(zip(steps, rises, strict=True)):
        kept = np.exp(-step / nodes)
        memory[i + 1] = memory[i] * kept - rise * np.expm1(-step / nodes) * nodes / step
    return _Design(nodes, np.column_stack([memory, growth]))


def _contact_point(data: StepRecord, contact: AbstractElasticContact, nodes: np.ndarray, target: np.ndarray,
                   around: tuple[np.ndarray, float | None]) -> float:
    """The contact point of the least misfit of any nonnegative spectrum at a noise, anywhere or near another."""
    noise, near = around
    depth = data.touch - data.tip_position.min()
    low, high = data.touch - 0.1 * depth, min(data.touch + depth, float(data.tip_position[0]))

    def misfit(point: float) -> float:
        matrix = _design(data, contact, point, nodes).matrix / noise[:, None]
        size = np.maximum(matrix.max(axis=0), 1e-300)
        return nnls(matrix / size, target / noise, maxiter=3000)[1] ** 2

    if near is not None:
        return _least(misfit, near - 0.05 * depth, near + 0.05 * depth, depth)
    places = np.linspace(low, high, 12)
    found = np.array([misfit(p) for p in places])
    if not np.isfinite(found).all() or found.min() > 0.5 * np.sum((target / noise) ** 2):
        raise DataError("no contact point lets any relaxing material give these forces: check the signs of force and "
                        "tip position, and the time of the hold")
    k = int(np.clip(found.argmin(), 1, len(places) - 2))
    return _least(misfit, places[k - 1], places[k + 1], depth)


def _least(function: Callable[[float], float], low: float, high: float, depth: float) -> float:
    """Where a function of the contact point is least, to 1e-4 of the depth."""
    found = minimize_scalar(function, bounds=(low, high), method="bounded", options={"xatol": 1e-4 * depth})
    return float(found.x)  # pyright: ignore[reportAttributeAccessIssue]


def _whitened(design: _Design, target: np.ndarray, noise: np.ndarray) -> Whitened:
    """The problem in units of the noise and of what each parameter alone would be."""
    scale = np.abs(target).max() / design.matrix.max(axis=0)
    spacing = np.log(design.relaxation_time[1] / design.relaxation_time[0])
    bends = np.diff(np.diag(scale[:-1] / scale[-1]), 2, axis=0) / spacing
    return Whitened(design.matrix * scale / noise[:, None], target / noise, np.pad(bends, ((0, 0), (0, 1))), scale,
                    len(target))


def _material(design: _Design, parameters: np.ndarray) -> GeneralizedMaxwell:
    time = np.broadcast_to(design.relaxation_time, parameters[..., :-1].shape)
    with jax.enable_x64(True):
        given = (jnp.asarray(a) for a in (parameters[..., :-1], time, parameters[..., -1], 0 * parameters[..., -1]))
        return GeneralizedMaxwell(*given)


def _shrinks(data: StepRecord, point: float) -> bool:
    depth = point - data.tip_position
    return bool(depth.max() - depth[-1] > _SHRINKS * depth.max())


_TING = jax.jit(ting)
_LEE_RADOK = jax.jit(lee_radok)


def _ting_excess(data: StepRecord, contact: AbstractElasticContact, model: AbstractRelaxationModel,
                 point: float) -> np.ndarray:
    """What Ting's force is above that of Lee and Radok."""
    with jax.enable_x64(True):
        arguments = contact, model, jnp.asarray(data.time), jnp.asarray(_from_outside(data, point))
        return np.asarray(_TING(*arguments) - _LEE_RADOK(*arguments))


def _from_outside(data: StepRecord, point: float) -> np.ndarray:
    """The indentation, the first sample out of contact."""
    depth = point - data.tip_position
    return np.concatenate([np.minimum(depth[:1], 0.0), depth[1:]])


def _alike(rest: np.ndarray) -> float:
    """Sum of the autocorrelation up to its first negative value: 1 for white residuals."""
    ahead = np.correlate(rest, rest, "full")[len(rest) - 1:]
    ahead = ahead / (ahead[0] or 1.0)
    last = int(np.argmax(ahead < 0)) or len(ahead)
    return float(2 * ahead[:last].sum() - 1)


def _drawn(data: StepRecord, contact: AbstractElasticContact, found: tuple[_Design, np.ndarray, float],
           around: tuple[float, np.ndarray, float], draws: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Parameters and contact points of repeated measurements: the same problem with noise on data and prior."""
    (design, parameters, smoothing), (point, noise, spread) = found, around
    step = 1e-3 * (point - data.tip_position.min())
    moved = (_design(data, contact, point + step, design.relaxation_time).matrix - design.matrix) @ parameters
    fitted, unit = design.matrix @ parameters, noise * np.sqrt(spread)
    problem = _whitened(design, fitted, unit)
    size = float(np.linalg.norm(moved / unit)) / np.sqrt(len(unit))
    both = np.column_stack([moved, -moved]) / (unit[:, None] * size)
    prior = np.sqrt(smoothing / spread) * problem.rough
    matrix = np.block([[problem.matrix, both], [prior, np.zeros((len(prior), 2))]])
    bend = prior @ (parameters / problem.scale)
    rng, rows, points = np.random.default_rng(seed), [], []
    for _ in range(draws):
        level = data.level_std * rng.standard_normal() / unit
        drawn = problem.target + level + rng.standard_normal(len(fitted)), bend + rng.standard_normal(len(bend))
        one = nnls(matrix, np.concatenate(drawn), maxiter=10000)[0]
        rows.append(one[:-2] * problem.scale)
        points.append((one[-2] - one[-1]) / size * step)
    return np.array(rows), np.array(points)


def fit_law(data: StepRecord, contact: AbstractElasticContact, law: AbstractRelaxationModel,
            contact_point: float) -> LawFit:
    """A relaxation model of few positive parameters and the contact point, by least squares on Ting's force.

    Args:
        data: of `record`.
        contact: the tip and Poisson's ratio.
        law: a model with its start values, such as ``Springpot(1e3, 0.2)`` or ``StandardLinearSolid(...)``.
        contact_point: m, to start from, such as that of `fit_step`.
    """
    depth = contact_point - data.tip_position.min()
    upper = [*(0.0 if name == "order" else 60.0 for name in law.fitted), 0.5]
    x = np.array([*(np.log(float(getattr(law, name))) for name in law.fitted), 0.0])

    def material(x: np.ndarray) -> AbstractRelaxationModel:
        return dataclasses.replace(law, **{n: jnp.asarray(v) for n, v in zip(law.fitted, np.exp(x[:-1]), strict=True)})

    def rest(x: np.ndarray) -> np.ndarray:
        indentation = jnp.asarray(_from_outside(data, contact_point + x[-1] * depth))
        force = np.asarray(_TING(contact, material(x), jnp.asarray(data.time), indentation))
        return np.nan_to_num(force - data.force, nan=1e3 * data.force.max())

    with jax.enable_x64(True):
        x = _solved(lambda x: rest(x) / data.force.max(), x, upper).x
        noise = _with_misfit(data, rest(x))
        solved = _solved(lambda x: rest(x) / noise, x, upper)
        x, score = solved.x, solved.fun
        model = material(x)
    variance = max(float(np.mean(score**2)), 1.0) * _alike(score)
    inverse = np.linalg.pinv(solved.jac)
    std = np.sqrt(np.diag(inverse @ inverse.T) * variance + (inverse @ (data.level_std / noise)) ** 2)
    return LawFit(model, dict(zip(law.fitted, (float(s) for s in std), strict=False)),
                  float(contact_point + x[-1] * depth), float(std[-1] * depth),
                  float(np.sqrt(np.mean((score * noise) ** 2)) / data.force.max()))


def _solved(function: Callable[[np.ndarray], np.ndarray], start: np.ndarray, upper: list[float]) -> Any:
    lower = [*(-60.0 for _ in upper[1:]), -0.5]
    return least_squares(function, start, diff_step=1e-6, bounds=(lower, upper))


def ideal_relaxation(data: StepRecord, contact: AbstractElasticContact,
                     contact_point: float) -> tuple[np.ndarray, np.ndarray]:
    """Times since the hold began and E(t) = (1 - nu^2) F / g as if the indentation had been a step."""
    held = data.time > data.hold
    with np.errstate(divide="ignore", invalid="ignore"):
        return data.time[held] - data.hold, (data.force / _growth(data, contact, contact_point))[held]


def ideal_creep(data: StepRecord, contact: AbstractElasticContact,
                contact_point: float) -> tuple[np.ndarray, np.ndarray]:
    """Times since the hold began and J(t) = g / ((1 - nu^2) F) as if the force had been a step."""
    time, modulus = ideal_relaxation(data, contact, contact_point)
    return time, 1 / modulus
