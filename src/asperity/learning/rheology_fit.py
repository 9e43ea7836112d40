r"""A viscoelastic model fitted to a spectrum, a relaxation or a creep curve, with uncertainties.

With residuals $r_i = (m_i(\theta) - y_i)/\sigma_i$, real and imaginary parts of E* counted singly,
each with its own noise,

$$\sigma_i^2 = \sigma_a^2 + \sigma_r^2\,y_i^2, \qquad \mathrm{Cov}\,\theta = s^2\,(J^T J)^{-1}$$

``additive`` noise $\sigma_a$ and ``relative`` noise $\sigma_r$ may be given; then s = 1. Without either the
fit is a relative least-squares fit, and the scatter s is that of the residuals. The unknowns are logarithms
(positive quantities) and logits (orders; an order that must exceed another one starts from there), so that
every step is a possible material. Gauss-Newton steps with Levenberg's damping, from several starts.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from asperity.messages import ArgumentError, DataError
from asperity.quantities import QUANTITIES
from asperity.rheology._model import AbstractRelaxationModel

__all__ = ["ModelFit", "fit_model"]

_STEPS = 200  # of the minimizer from each start, at most
_STARTS = 8  # of the minimizer; the best end is taken
_SPREAD = 1.5  # standard deviation of the unknowns at all starts but the first
_TOLERANCE = 1e-13  # relative decrease of the sum of squares that a further step promises
_EXACT = 1e-20  # mean square residual, in units of the noise, below which data are exact
_VERBS = ("complex_modulus", "relaxation_modulus", "creep_compliance")


class ModelFit(NamedTuple):
    """The best model; the covariance is that of its fitted fields, arrays flattened, in the order ``names``."""

    model: AbstractRelaxationModel
    names: tuple[str, ...]
    values: np.ndarray  # (parameter,)
    covariance: np.ndarray  # (parameter, parameter)
    sum_of_squares: float  # of the residuals r_i
    residual: np.ndarray  # (sample, 1 or 2) r_i, of a spectrum the real and the imaginary part
    converged: bool


def fit_model(template: AbstractRelaxationModel, places: np.ndarray, measured: np.ndarray, *,
              verb: str = "complex_modulus", relative: float = 0.0, additive: float = 0.0,
              seed: int = 0) -> ModelFit:
    """Fit the ``fitted`` fields of a model, starting from those of ``template``.

    Args:
        template: the model; its fitted fields are the first start, the others are held.
        places: (N,) angular frequencies in rad/s, or times in s; positive.
        measured: (N,) E* (complex) in Pa, E(t) in Pa or J(t) in 1/Pa.
        verb: ``complex_modulus``, ``relaxation_modulus`` or ``creep_compliance``.
        relative, additive: standard deviations of the noise, the first as a part of |y|, the second in
            units of y; both 0: relative least squares.
        seed: of the further starts.

    Raises:
        ValueError: an unknown verb, places that are not positive, shapes that differ, values that are not
            finite, a noise that is 0 or negative somewhere, or fewer numbers than parameters.
    """
    places, measured = np.asarray(places, float), np.asarray(measured)
    parts = _parts(measured)
    size = np.hypot(additive, (relative if relative or additive else 1.0) * np.abs(parts))
    _check(places, measured, size, verb)
    with jax.enable_x64(True):
        start = _pack(template)
        if parts.size < start.size:
            raise DataError(f"{parts.size} numbers cannot determine {start.size} parameters of "
                            f"{type(template).__name__}; give more points or a model with fewer")
        spread = _SPREAD * np.random.default_rng(seed).standard_normal((_STARTS, start.size))
        spread[0] = 0.0
        data = jnp.asarray(places), jnp.asarray(parts), jnp.asarray(size)
        found = _fit(template, start + jnp.asarray(spread), *data, verb=verb)
        best = int(np.nanargmin(np.where(np.isfinite(found[1]), found[1], np.inf)))
        return _report(template, found[0][best], data, verb, bool(found[2][best]), not (relative or additive))


def _parts(values):
    """The numbers that are compared, (sample, 1 or 2): a real value, or real and imaginary part."""
    return np.stack([values.real, values.imag][: 1 + np.iscomplexobj(values)], axis=1)


def _check(places: np.ndarray, measured: np.ndarray, size: np.ndarray, verb: str) -> None:
    if verb not in _VERBS:
        raise ArgumentError(f"there is no {verb!r} to fit; known: {', '.join(_VERBS)}")
    if places.ndim != 1 or places.shape != measured.shape:
        raise ValueError(f"places {places.shape} and measured {measured.shape} must be one number per sample")
    for what, bad in (("places are not positive", ~(places > 0)), ("measured values are not finite",
                      ~np.isfinite(measured)), ("noise is not positive (values of 0?)", ~(size > 0).all(axis=1))):
        if bad.any():
            raise DataError(f"{what} at sample {int(np.flatnonzero(bad)[0])} and {int(bad.sum())} in all; leave "
                            "them out, or give additive noise for values of 0")


def _bounded(name: str) -> bool:
    """Whether the quantity lies between 0 and 1."""
    return QUANTITIES[name].upper == 1.0


@jax.jit
def _pack(model: AbstractRelaxationModel) -> jax.Array:
    """The unknowns of a model, (parameter,)."""
    parts = []
    for name in model.fitted:
        value = jnp.atleast_1d(jnp.asarray(getattr(model, name), float))
        if _bounded(name):
            low = jnp.asarray(getattr(model, model.above[name]), float) if name in model.above else 0.0
            part = jnp.clip((value - low) / (1 - low), 1e-3, 1 - 1e-3)
            parts.append(jnp.log(part / (1 - part)))
        else:
            parts.append(jnp.log(jnp.maximum(value, 1e-300)))
    return jnp.concatenate(parts)


def _unpack(template: AbstractRelaxationModel, unknowns: jax.Array) -> AbstractRelaxationModel:
    """The model of the unknowns: the inverse of `_pack`."""
    found, place = {}, 0
    for name in template.fitted:
        shape = jnp.shape(getattr(template, name))
        count = int(np.prod(shape))
        part = unknowns[place: place + count].reshape(shape)
        found[name] = jax.nn.sigmoid(part) if _bounded(name) else jnp.exp(part)
        place += count
    for upper, lower in template.above.items():
        found[upper] = found[lower] + (1 - found[lower]) * found[upper]
    return dataclasses.replace(template, **found)


def _residual(template, verb: str, places, measured, size, unknowns) -> jax.Array:
    model = _unpack(template, unknowns)
    value = jax.vmap(getattr(model, verb))(places)
    parts = jnp.stack([value.real, value.imag][: measured.shape[1]], axis=1)
    return ((parts - measured) / size).ravel()


@partial(jax.jit, static_argnames="verb")
def _fit(template, starts, places, measured, size, *, verb: str):
    """Unknowns, sum of squares and whether the steps settled, of every start."""
    residual = partial(_residual, template, verb, places, measured, size)
    return lax.map(partial(_descend, residual), starts)


def _descend(residual, start):
    def linear(p):
        jacobian, r = jax.jacfwd(lambda q: (residual(q),) * 2, has_aux=True)(p)
        return r @ r, jacobian.T @ r, jacobian.T @ jacobian

    def advance(state):
        number, p, (squares, gradient, curvature), damping, _ = state
        scale = jnp.sqrt(jnp.maximum(jnp.diag(curvature), 1e-30))
        matrix = curvature / (scale[:, None] * scale) + damping * jnp.eye(len(p))
        step = -jnp.linalg.solve(matrix, gradient / scale) / scale
        trial = p + jnp.clip(step, -2.0, 2.0)
        new = linear(trial)
        better = new[0] <= squares
        settled = (-(step @ gradient) <= _TOLERANCE * squares) | (squares < _EXACT) | (damping > 1e12)
        p, point = jax.tree.map(lambda a, b: jnp.where(better, a, b), (trial, new), (p, (squares, gradient, curvature)))
        return number + 1, p, point, jnp.where(better, jnp.maximum(damping * 0.2, 1e-12), damping * 6), settled

    state = (0, start, linear(start), jnp.asarray(1e-2), False)
    _, p, (squares, *_), _, settled = lax.while_loop(lambda s: (s[0] < _STEPS) & ~s[4], advance, state)
    return p, squares, settled


def _report(template, unknowns, data, verb: str, converged: bool, scattered: bool) -> ModelFit:
    """The model and the covariance of its fields."""
    model, *numbers = _at(template, unknowns, *data, verb=verb)
    values, change, r, jacobian = map(np.asarray, numbers)
    scale = np.maximum(np.linalg.norm(jacobian, axis=0), 1e-300)
    inverse = np.linalg.pinv(jacobian / scale, rcond=1e-10) / scale[:, None]
    spread = inverse @ inverse.T * (r @ r / max(r.size - len(scale), 1) if scattered else 1.0)
    names = tuple(name if jnp.ndim(getattr(model, name)) == 0 else f"{name}_{k + 1}" for name in model.fitted
                  for k in range(jnp.size(getattr(model, name))))
    return ModelFit(model, names, values, change @ spread @ change.T, float(r @ r), r.reshape(data[1].shape), converged)


@partial(jax.jit, static_argnames="verb")
def _at(template, unknowns, places, measured, size, *, verb: str):
    """The model of the unknowns, its fields and the residuals, both with their Jacobians; compiled as a whole."""
    residual = partial(_residual, template, verb, places, measured, size)
    fields = partial(_fields, template)
    return (_unpack(template, unknowns), fields(unknowns), jax.jacfwd(fields)(unknowns), residual(unknowns),
            jax.jacfwd(residual)(unknowns))


def _fields(template, unknowns) -> jax.Array:
    model = _unpack(template, unknowns)
    return jnp.concatenate([jnp.atleast_1d(getattr(model, name)) for name in model.fitted])
