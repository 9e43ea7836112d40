"""What people do now: one curve after the other, by scipy's curve_fit and lmfit.

Positions come in um, forces in nN, moduli in kPa, so that all parameters are near one, and the power 3/2 is
taken by a square root; both are kinder to these programs than what people usually write. ``depth`` is
-position: it grows into the sample.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import curve_fit

from asperity.contact.jkr import FOLD_DISPLACEMENT, load
from benchmarks.generated import RADIUS, Curves

__all__ = ["hertz_start", "jkr_start", "lmfit_hertz", "scipy_hertz", "scipy_jkr", "scipy_jkr_moduli"]

_STIFFNESS = 4 / 3 / 0.75 * np.sqrt(RADIUS * 1e6)  # nN / um^1.5 for 1 kPa at a Poisson ratio of 1/2


def _hertz(depth, modulus, contact, offset, tilt):
    indentation = np.maximum(depth - contact, 0.0)
    return _STIFFNESS * modulus * indentation * np.sqrt(indentation) + offset + tilt * depth


def hertz_start(depth: np.ndarray, force: np.ndarray) -> tuple[float, float, float, float]:
    """The contact where the force last was below 5 % of its range, the modulus from the deepest sample."""
    level = force[: len(force) // 10].mean()
    highest = force[-1] - level
    contact = depth[np.flatnonzero(force - level < 0.05 * highest)[-1]]
    return highest / _STIFFNESS / max(depth[-1] - contact, 1e-3) ** 1.5, contact, level, 0.0


def scipy_hertz(curves: Curves) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(modulus in Pa, its standard error, sum of squares in N^2) of each curve by `curve_fit` (LM)."""
    rows = []
    for position, force in zip(curves.position, curves.force):
        x, y = -1e6 * position, 1e9 * force
        best, covariance = curve_fit(_hertz, x, y, hertz_start(x, y))
        rows.append((best[0], np.sqrt(covariance[0, 0]), ((y - _hertz(x, *best)) ** 2).sum()))
    modulus, error, squares = np.array(rows).T
    return modulus * 1e3, error * 1e3, squares * 1e-18


def lmfit_hertz(curves: Curves) -> np.ndarray:
    """The modulus in Pa of each curve by lmfit's `Model.fit`."""
    import lmfit

    model, found = lmfit.Model(_hertz), []
    for position, force in zip(curves.position, curves.force):
        x, y = -1e6 * position, 1e9 * force
        start = dict(zip(("modulus", "contact", "offset", "tilt"), hertz_start(x, y)))
        found.append(model.fit(y, model.make_params(**start), depth=x).params["modulus"].value)
    return np.array(found) * 1e3


@cache
def _fast_load() -> Callable[[np.ndarray], np.ndarray]:
    """asperity's P(D), compiled, as a function of NumPy arrays."""
    compiled = jax.jit(jax.vmap(load))
    return lambda displacement: np.asarray(compiled(displacement))


def _jkr(attached: np.ndarray) -> Callable[..., np.ndarray]:
    """The retract curve; which samples are in contact is known, as it is to asperity."""
    fast = _fast_load()

    def force(depth, scale, contact, log_unit, offset, tilt):
        displacement = np.maximum((depth - contact) * np.exp(-log_unit), FOLD_DISPLACEMENT)
        return np.where(attached, scale * fast(displacement), 0.0) + offset + tilt * depth

    return force


def jkr_start(depth: np.ndarray, force: np.ndarray, attached: np.ndarray) -> tuple[float, ...]:
    """Scales from the pull-off force and a fifth of the depth; the contact from the jump."""
    level = np.median(force[~attached])
    scale, unit = (level - force.min()) / 1.5, (depth[-1] - depth[attached][0]) / 5
    return scale, depth[attached][0] - FOLD_DISPLACEMENT * unit, np.log(unit), level, 0.0


def scipy_jkr(curves: Curves, attached: np.ndarray, counted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(best parameters, sum of squares in N^2) of each curve by `curve_fit` (LM); NaN where it gave up.

    ``attached`` and ``counted`` are those of `asperity.learning.attachment.find_jump`.
    """
    rows = []
    with jax.enable_x64(True):
        for i in range(len(curves.force)):
            depth, force = -1e6 * curves.position[i], 1e9 * curves.force[i]
            rows.append(_scipy_jkr_one(depth, force, attached[i] > 0, counted[i]))
    found = np.array(rows)
    return found[:, :5], found[:, 5] * 1e-18


def _scipy_jkr_one(depth, force, attached, counted) -> np.ndarray:
    model = _jkr(attached)

    def weighted(depth, *parameters):
        return np.where(counted, model(depth, *parameters), 0.0)

    y = np.where(counted, force, 0.0)
    try:
        best, _ = curve_fit(weighted, depth, y, jkr_start(depth, force, attached), maxfev=5000)
    except RuntimeError:
        return np.full(6, np.nan)
    return np.append(best, ((y - weighted(depth, *best)) ** 2).sum())


def scipy_jkr_moduli(curves: Curves, best: np.ndarray) -> np.ndarray:
    """The modulus in Pa that belongs to each curve's scales."""
    with jax.enable_x64(True):
        def modulus(scale, log_unit):
            return curves.model.with_amplitudes((scale,), (log_unit,)).modulus

        scale, log_unit = jnp.asarray(best[:, 0] * 1e-9), jnp.asarray(best[:, 2] + np.log(1e-6))
        return np.asarray(jax.vmap(modulus)(scale, log_unit))
