r"""Adhesion and pull-off force of a fitted contact: the one is known from the other.

A contact with adhesion lets go at the least force of its model, $\tfrac32\pi wR$ (JKR) or $2\pi wR$ (DMT), under any
lever: a soft one loses the tip where the slope of the force is that of the lever, negated, at or beyond the least
force. What noise n does to the force of the samples about that place, $(1 + F'/k)\,n$ and nothing at the jump itself,
therefore says nothing of the pull-off; what it does to modulus and work of adhesion does.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import jax
import numpy as np

from asperity.contact import AbstractContactModel
from asperity.learning.detachment import Detachment
from asperity.learning.student import wide
from asperity.learning.uncertainty import ErrorBars, ParameterEstimates

__all__ = ["Adhesion", "ModelPullOff", "judged", "model_pull_off"]

_RANGE = (1e-20, 1e6)  # J/m^2, in which a work of adhesion is looked for
_APART = 1.25  # times the half-widths of both intervals of 95 %, by which fit and reading may differ: 1 % of curves,
_NEGLIGIBLE = 0.1  # and in any case by this part of the larger: samples and the end of a jump
_SEEN = 3.0  # standard uncertainties of what is read, from which on the pull-off of a fit would have shown
_SURER = 3.0  # times smaller is the uncertainty of a reading that is taken in place of the fit
_NEAR = 12.0  # noise, up to which a jump may hide in it, and the fit places it as the noise has it
_STEPS = 50  # halvings of the logarithm of that: to 1e-13 of the value


class ModelPullOff(NamedTuple):
    """The pull-off force of fitted models."""

    force: np.ndarray  # (batch,) N, a magnitude; NaN where the model has no adhesion
    response: np.ndarray  # (batch, block) change per N of noise in all samples of a block
    calibration: np.ndarray  # (batch, source) N, change per standard uncertainty of each source
    gradient: np.ndarray  # (batch, parameter) N, change per unit of each parameter


class Adhesion(NamedTuple):
    """What fit and reading together say, (batch,); NaN where neither says anything."""

    force: np.ndarray  # N, the pull-off,
    std: np.ndarray  # N, half the width of an interval of 68.27 % from the noise,
    freedom: np.ndarray  # its degrees of freedom,
    low: np.ndarray  # N, the ends of the interval that holds 95 %, from the noise, NaN where it is about the force;
    high: np.ndarray  # the lower one is 0 where the pull-off cannot be told from none
    followed: np.ndarray  # bool, whether the pull-off is that of the fitted model
    contradicted: np.ndarray  # bool, whether the model pulls with another force than was read
    state: np.ndarray  # of `Retraction`
    spoils: bool  # whether what spoils the retraction spoils the fit
    work: tuple[np.ndarray, np.ndarray] | None  # J/m^2, the ends for the work of adhesion, NaN where it is about that


def judged(model: AbstractContactModel, found: ParameterEstimates, bars: ErrorBars, pull: ModelPullOff,
           read: Detachment, *, noise: tuple[np.ndarray, np.ndarray],
           retracting: bool) -> Adhesion:
    """The pull-off force, and how far the work of adhesion can be told from zero.

    Where the fitted retraction and what is read off it agree, the force of the fit is taken, unless the reading is far
    surer: a reading is the lowest of many places, which its uncertainty does not hold. Where it shows no
    attraction, the work of adhesion is at most what the largest force would need that may have been read: near zero
    the force of a contact of short-range adhesion goes with the square root of w, and a linear error of it with
    nothing. Where a fit follows an attraction in which the jump may hide, the upper end is that of both; where the two
    disagree, so are both ends.

    Args:
        model: the template of the fit.
        found, bars: its parameters and what noise does to them and, last, to the pull-off ``pull`` of the model.
        read: what is read off the retraction.
        noise: (batch,) N, standard deviation of a sample, and half the width of the interval of 95 % of the model's
            pull-off for the noise of the baseline alone: a wrong model is not excused by what it leaves in contact.
        retracting: whether the retraction is what is fitted.
    """
    force, std, freedom = pull.force, bars.std[:, -1], bars.freedom[:, -1]
    reach = wide(freedom) * std
    level, alone = noise
    apart, reaches = np.abs(force - read.force), alone + wide(read.freedom) * read.std
    contradicted = retracting & (apart > np.maximum(_APART * reaches, _NEGLIGIBLE * np.fmax(force, read.force)))
    plain, seen = force > reach, (read.low > 0) | (force > _SEEN * read.std)
    shown = retracting & plain & seen & ~contradicted
    followed = shown & ((std <= _SURER * read.std) | (read.low <= 0))
    near = shown & (force < _NEAR * level)
    ends = np.where(near, force - reach, np.nan), np.where(near, np.fmax(force + reach, read.high), np.nan)
    force, std, freedom, low, high = (np.where(followed, *both) for both in zip((force, std, freedom, *ends), read))
    work = None
    if "work_of_adhesion" in model.fitted and hasattr(model, "pull_off_force"):
        known = retracting & np.isfinite(read.high)
        limit = ~contradicted & (~plain | (known & ~seen))
        work = _work(model, found, bars, read, (known, limit, contradicted, near))
    return Adhesion(force, std, freedom, low, high, followed, contradicted, read.state, retracting, work)


def _work(model: AbstractContactModel, found: ParameterEstimates, bars: ErrorBars, read: Detachment,
          said: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The ends of the interval of 95 % of the work of adhesion where it is not about the value, NaN elsewhere."""
    known, limit, contradicted, near = said
    place = model.fitted.index("work_of_adhesion")
    value, reach = found.values[:, place], wide(bars.freedom[:, place]) * bars.std[:, place]
    root = reach**2 / (4 * np.maximum(value, 1e-300)) if model.shape_names else 0.0  # (sqrt w + reach of sqrt w)^2
    least, most = (adhesion_of(model, found.values, np.nan_to_num(end)) for end in (read.low, read.high))
    other = limit | contradicted | near
    low = np.where(contradicted, np.maximum(np.minimum(value - reach, least), 0.0), np.where(near, value - reach, 0.0))
    high = np.where(contradicted | near, np.fmax(value + reach, most),
                    np.where(known, most, np.maximum(value + reach + root, 0.0)))
    return np.where(other, low, np.nan), np.where(other, high, np.nan)


def model_pull_off(model: AbstractContactModel, found: ParameterEstimates,
                   relative_std: dict[str, float]) -> ModelPullOff:
    """The least force of each fitted model, and what noise and calibration do to it.

    Args:
        model: the template of the fit.
        found: its parameters.
        relative_std: relative standard uncertainties of the calibration's sources, as in `estimate`.
    """
    if not hasattr(model, "pull_off_force"):
        count, _, sources = found.calibration.shape
        return ModelPullOff(np.full(count, np.nan), np.zeros_like(found.response[:, 0]), np.zeros((count, sources)),
                            np.zeros_like(found.values))
    fitted, size = len(model.fitted), len(found.values)
    force, slope = (np.asarray(one) for one in _sloped(type(model))(_fields(model, found.values)))
    fixed = dict(zip(model.fixed, slope[:, fitted:].T))
    direct = [fixed[name] * float(getattr(model, name)) * std if name in fixed else np.zeros(size)
              for name, std in relative_std.items()]
    through = [np.einsum("bi,bij->bj", slope[:, :fitted], part[:, :fitted]) for part in (found.response,
                                                                                         found.calibration)]
    gradient = np.zeros_like(found.values)
    gradient[:, :fitted] = slope[:, :fitted]
    return ModelPullOff(force, through[0], through[1] + np.reshape(direct, (len(relative_std), size)).T, gradient)


def adhesion_of(model: AbstractContactModel, values: np.ndarray, force: np.ndarray) -> np.ndarray:
    """The work of adhesion, (batch,) J/m^2, with which the fitted models (batch, parameter) would pull with ``force``.

    By bisection of its logarithm: the pull-off force rises with it, whatever the model.
    """
    place = model.fitted.index("work_of_adhesion")
    low, high = (np.full(len(force), np.log(end)) for end in _RANGE)
    own = _fields(model, values)
    for _ in range(_STEPS):
        own[:, place] = np.exp((low + high) / 2)
        less = np.asarray(_sloped(type(model))(own)[0]) < force
        low, high = np.where(less, np.log(own[:, place]), low), np.where(less, high, np.log(own[:, place]))
    return np.where(force > 0, np.exp((low + high) / 2), 0.0)


def _fields(model: AbstractContactModel, values: np.ndarray) -> np.ndarray:
    """The fitted and the fixed fields of each model, (batch, field)."""
    fixed = np.array([float(getattr(model, name)) for name in model.fixed])
    return np.concatenate([values[:, : len(model.fitted)], np.broadcast_to(fixed, (len(values), len(fixed)))], axis=1)


@lru_cache
def _sloped(kind: type[AbstractContactModel]):
    """The pull-off force of models of this kind from their fields, (batch, field), and its gradient."""

    def force(fields):
        return getattr(kind(**dict(zip((*kind.fitted, *kind.fixed), fields))), "pull_off_force")()  # noqa: B009

    return jax.jit(jax.vmap(jax.value_and_grad(force)))
