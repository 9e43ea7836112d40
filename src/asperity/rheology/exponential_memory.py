r"""Hereditary contact in a time linear in the number of samples: a memory made of exponentials.

$$E(t) = E_\infty + \sum_k w_k e^{-r_k t} + \eta\,\delta(t)$$

The integral over the past of each exponential is one number, carried on from sample to sample, its cells
taken exactly as in `asperity.rheology.hereditary`. A power law is such a sum to 1e-5:

$$t^{-\beta} = \frac{1}{\Gamma(\beta)}\int_{-\infty}^{\infty} e^{\beta v}\,e^{-t e^v}\,dv$$

by the trapezoidal rule in v; what is slower than the record is a constant, what is faster than its step a
delta function, both summed in closed form, which also continues the law to exponents somewhat below 0.

Source: Beylkin, Monzon, Appl. Comput. Harmon. Anal. 28, 131 (2010).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from asperity.rheology.mittag_leffler import reciprocal_gamma
from asperity.rheology.springpot import Springpot
from asperity.rheology.standard_linear_solid import StandardLinearSolid

__all__ = ["PronySeries", "as_exponentials", "carried", "lee_radok_integral", "power_law", "rates", "ting_integral"]

_STEP = 0.8  # of ln(rate): the relative error of the power law is below 2e-5 for exponents up to 0.9
_SLOW = 1e-4  # the slowest rate carried, per duration
_FAST = 20.0  # the fastest rate carried, per shortest step

Samples = Float[Array, " sample"]


class PronySeries(NamedTuple):
    """A relaxation function as a constant, exponentials, and a delta function; weights in the unit of the modulus."""

    weight: Float[Array, " mode"]
    rate: Float[Array, " mode"]  # 1/s
    constant: Float[Array, ""]
    impulse: Float[Array, ""]  # s


def rates(shortest: float, longest: float) -> np.ndarray:
    """The rates (mode,) in 1/s that a power law needs between two times in s."""
    count = math.ceil(math.log(_FAST * longest / shortest / _SLOW) / _STEP) + 1
    return _FAST / shortest * np.exp(-_STEP * np.arange(count))


def power_law(exponent: Float[Array, ""], rate: Float[Array, " mode"]) -> PronySeries:
    """t^-exponent with t in units of 1 s, -0.5 < exponent < 1, for the rates of `rates`."""
    size = _STEP * reciprocal_gamma(exponent)
    constant = rate[-1] ** exponent * reciprocal_gamma(1 + exponent) / _growth(_STEP * exponent)
    impulse = size * rate[0] ** (exponent - 1) / jnp.expm1(_STEP * (1 - exponent))
    return PronySeries(size * rate**exponent, rate, constant, impulse)


def as_exponentials(material: Springpot | StandardLinearSolid, rate: Float[Array, " mode"]) -> PronySeries:
    """A model as a sum of exponentials: its own, or for a power of time those of the rates of `rates`."""
    if isinstance(material, StandardLinearSolid):
        return PronySeries(jnp.atleast_1d(material.relaxing_modulus), 1 / jnp.atleast_1d(material.relaxation_time),
                           jnp.asarray(material.equilibrium_modulus), jnp.zeros(()))
    law = power_law(material.order, rate)
    size = material.quasi_property * reciprocal_gamma(1 - material.order)
    return PronySeries(size * law.weight, law.rate, size * law.constant, size * law.impulse)


def _growth(y: Float[Array, ""]) -> Float[Array, ""]:
    """(exp(y) - 1) / y, also at 0."""
    small = jnp.abs(y) < 1e-5
    safe = jnp.where(small, 1.0, y)
    return jnp.where(small, 1 + y / 2, jnp.expm1(safe) / safe)


def carried(memory: PronySeries, step: Samples, growth: Samples) -> Float[Array, "sample mode"]:
    """The integral of every weighted exponential over a linear ``growth`` within every ``step`` so far."""
    decay = jnp.exp(-memory.rate * step[:, None])
    gained = memory.weight / memory.rate * (1 - decay) * (growth / step)[:, None]
    return lax.scan(lambda state, one: ((new := one[0] * state + one[1]), new), jnp.zeros_like(memory.rate),
                    (decay, gained), unroll=1)[1]


def lee_radok_integral(memory: PronySeries, step: Samples, growth: Samples) -> Samples:
    r"""$\int E(t-s)\,dv(s)$ at every sample, of a v that starts from 0 and gains ``growth`` in every ``step``."""
    return carried(memory, step, growth).sum(axis=1) + _rest(memory, step, growth)


def _rest(memory: PronySeries, step: Samples, growth: Samples) -> Samples:
    """What the constant and the delta function add."""
    return memory.constant * jnp.cumsum(growth) + memory.impulse * growth / step


def ting_integral(memory: PronySeries, step: Samples, depth: Samples, shape: Samples, turn: int) -> Samples:
    r"""$\int_0^{t_1} E(t-s)\,dg(s)$ at every sample, the contact growing up to the sample ``turn``.

    Args:
        memory: the material.
        step: (N,) s, before each sample.
        depth: (N,) m, 0 before contact, after ``turn`` of any sign.
        shape: (N,) the shape function g at ``depth``.
        turn: the number of the deepest sample.
    """
    rise, growth = (jnp.diff(v, prepend=0.0) for v in (depth, shape))
    inward = slice(turn + 1)
    strain = carried(memory, step, rise)
    force = carried(memory, step[inward], growth[inward])
    total = (strain.sum(axis=1) + _rest(memory, step, rise))[turn + 1:]
    clock = jnp.cumsum(step)
    later = jnp.exp(-memory.rate * (clock[turn + 1:] - clock[turn])[:, None])
    earlier = jnp.exp(-memory.rate * (clock[turn] - clock[inward])[:, None])
    reached, pressed = strain[inward] * earlier, force * earlier
    plain, weighed = jnp.cumsum(rise)[inward], jnp.cumsum(growth)[inward]

    def at(states, sums, j):
        return (later * states[j]).sum(axis=1) + memory.constant * sums[j]


    def as_large(j):
        return (j < 0) | (lax.stop_gradient(at(reached, plain, jnp.maximum(j, 0))) <= lax.stop_gradient(total))

    last = _last_true(as_large, len(total), turn)
    lost = jnp.cumsum(last < 0) > 0
    low, high = jnp.clip(last, 0, turn), jnp.clip(last + 1, 0, turn)
    since, fall = total - at(reached, plain, low), at(reached, plain, high) - at(reached, plain, low)
    part = jnp.where(fall > 0, since / jnp.where(fall > 0, fall, 1.0), 0.0)
    first, second = at(pressed, weighed, low), at(pressed, weighed, high)
    shrinking = jnp.where(lost, 0.0, first + part * (second - first))
    return jnp.concatenate([lee_radok_integral(memory, step[inward], growth[inward]), shrinking])


def _last_true(holds, count: int, turn: int) -> jax.Array:
    """For each of ``count``: the last of -1 ... ``turn`` at which ``holds``, which is false after it was once."""
    def halve(_, ends):
        low, high = ends
        middle = (low + high) // 2
        right = holds(middle)
        return jnp.where(right, middle, low), jnp.where(right, high, middle)

    ends = jnp.full(count, -1), jnp.full(count, turn + 1)
    return lax.fori_loop(0, (turn + 2).bit_length(), halve, ends)[0]
