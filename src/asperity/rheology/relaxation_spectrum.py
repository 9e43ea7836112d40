r"""Materials as a nonnegative spectrum of relaxation times: causal and dissipative whatever the parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, final

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from asperity.quantities import quantity
from asperity.rheology._model import AbstractRelaxationModel, ComplexScalar, Scalar

__all__ = ["RelaxationSpectrum", "debye"]

_HALVINGS = 64  # of an interval with a zero in it: more than the 53 binary digits of float64


def debye(angular_frequency: Any, relaxation_time: Any) -> tuple[Any, Any]:
    r"""Storage and loss of one Maxwell element of modulus 1: the two parts of $i\omega\tau/(1 + i\omega\tau)$.

    Args:
        angular_frequency, relaxation_time: rad/s and s; NumPy or JAX, broadcast; both positive.
    """
    x = angular_frequency * relaxation_time
    loss = 1 / (x + 1 / x)
    return x * loss, loss


@final
class RelaxationSpectrum(AbstractRelaxationModel):
    r"""A spring, a dashpot and n Maxwell branches side by side that stand for a continuous spectrum H(ln tau).

    ::

            +--------/\/\/\--------+
            |          E_e         |
            +--------[=   ---------+
        o---+          eta         +---o
            +---/\/\/\---[=   -----+
            |    E_1     E_1 tau_1 |
            +---  ...              +     branches evenly spaced in ln tau, ten or more per decade
            +---/\/\/\---[=   -----+
                 E_n     E_n tau_n

    $$E^* = E_e + i\omega\eta + \sum_k E_k\frac{i\omega\tau_k}{1+i\omega\tau_k}, \qquad
      E(t) = E_e + \eta\,\delta(t) + \sum_k E_k e^{-t/\tau_k}, \qquad E_k = H(\ln\tau_k)\,\Delta\ln\tau$$

    For nonnegative parameters it obeys the Kramers-Kronig relations exactly, E'' >= 0,
    0 <= d ln E'/d ln w <= 2, |d ln E''/d ln w| <= 1 and, without viscosity, E''^2 <= (E' - E_e)(E_inf - E').
    Frequencies and times are arrays of any shape; for many materials `vmap`. Six digits in single precision.
    Source: Ferry, Viscoelastic Properties of Polymers (1980), chapter 3.
    """

    relaxing_modulus: Float[Array, " mode"] = quantity("relaxing_modulus")
    relaxation_time: Float[Array, " mode"] = quantity("relaxation_time")
    equilibrium_modulus: Scalar = quantity("equilibrium_modulus", default=0.0)
    viscosity: Scalar = quantity("viscosity", default=0.0)

    fitted: ClassVar[tuple[str, ...]] = ("relaxing_modulus", "equilibrium_modulus", "viscosity")

    @property
    def density(self) -> Array:
        """H(ln tau) = E_k / spacing of ln tau, (..., n) in Pa."""
        return self.relaxing_modulus / jnp.log(self.relaxation_time[..., 1:2] / self.relaxation_time[..., :1])

    @property
    def plateau(self) -> Array:
        """E' at infinite frequency = E(0+) in Pa."""
        return self.equilibrium_modulus + jnp.sum(self.relaxing_modulus, axis=-1)

    def operational_modulus(self, s: ComplexScalar) -> ComplexScalar:
        """Q(s) in Pa, elementwise."""
        phase = jnp.asarray(s)[..., None] * self.relaxation_time
        branches = jnp.sum(self.relaxing_modulus * (phase / (1 + phase)), axis=-1)
        return self.equilibrium_modulus + branches + self.viscosity * s

    def complex_modulus(self, angular_frequency: Scalar) -> ComplexScalar:
        """E* in Pa at angular frequencies > 0 in rad/s, elementwise; each part a sum of nonnegative terms."""
        omega = jnp.asarray(angular_frequency, jnp.result_type(float))
        storage, loss = debye(omega[..., None], self.relaxation_time)
        return lax.complex(self.equilibrium_modulus + jnp.sum(self.relaxing_modulus * storage, axis=-1),
                           self.viscosity * omega + jnp.sum(self.relaxing_modulus * loss, axis=-1))

    def relaxation_modulus(self, time: Scalar) -> Scalar:
        """E(t) in Pa for t > 0 in s, elementwise; the dashpot acts at t = 0 alone."""
        decay = jnp.exp(-jnp.asarray(time)[..., None] / self.relaxation_time)
        return self.equilibrium_modulus + jnp.sum(self.relaxing_modulus * decay, axis=-1)

    def relaxation_integral(self, time: Scalar) -> Scalar:
        """The integral of E from 0- to t in Pa s, elementwise."""
        time = jnp.asarray(time)
        decayed = -self.relaxation_time * jnp.expm1(-time[..., None] / self.relaxation_time)
        return self.equilibrium_modulus * time + self.viscosity + jnp.sum(self.relaxing_modulus * decayed, axis=-1)

    def creep_compliance(self, time: Scalar) -> Scalar:
        r"""J(t) in 1/Pa for t >= 0 in s, elementwise: exact, without numerical inversion.

        Q(s) has one zero $-x_j$ between any two poles $-1/\tau_k$, one below them and with a dashpot one above:
        $J(t) = J_g + \sum_j (1 - e^{-x_j t}) / (x_j Q'(-x_j))$ with $J_g = 1/E(0)$, or 0 with a dashpot. Without
        spring the first zero is 0 and its term is $t/\eta_0$. Branches below a rounding error of the plateau count
        as that. Source: Gross, Mathematical Structure of the Theories of Viscoelasticity (1953).
        """
        return _creep(self.relaxation_time, self.relaxing_modulus, jnp.asarray(self.equilibrium_modulus),
                      jnp.asarray(self.viscosity), jnp.asarray(time))


class _Poles(NamedTuple):
    """A material with the poles of Q(s) = s E(s) from the slowest to the fastest."""

    time: Array  # (n,) s, descending
    strength: Array  # (n,) Pa, positive
    spring: Array
    viscosity: Array


@jax.jit
def _creep(tau: Array, strength: Array, spring: Array, viscosity: Array, time: Array) -> Array:
    """J at times of any shape."""
    total = spring + jnp.sum(strength)
    least = jnp.finfo(total.dtype).eps * jnp.maximum(total, viscosity / tau[-1])
    material = _Poles(tau[::-1], jnp.maximum(strength, least)[::-1], spring, viscosity)
    slow, fast = _outer_zeros(material)
    inner, slope = _inner_zeros(material)
    parts = jnp.concatenate([_retarded(slow[None], _slope(slow * material.time - 1, material)[None], time),
                             _retarded(inner, slope, time)], axis=-1)
    quick = _retarded(fast, _slope(fast * material.time - 1, material), time)[..., 0]
    return jnp.sum(parts, axis=-1) + jnp.where(viscosity > 0, quick, 1 / total)


def _retarded(zero: Array, slope: Array, time: Array) -> Array:
    """(1 - e^(-x t)) / (x Q'), (..., k) for k zeros, which is t / Q' for x = 0."""
    time = time[..., None]
    y = zero * time
    small = y < 1e-8
    return time / slope * jnp.where(small, 1.0, -jnp.expm1(-y) / jnp.where(small, 1.0, y))


def _slope(beyond: Array, material: _Poles) -> Array:
    """Q'(-x) = eta + sum E_k tau_k / (1 - x tau_k)^2 for ``beyond`` = x tau_k - 1."""
    return material.viscosity + jnp.sum(material.strength * material.time / beyond**2, axis=-1)


def _q(beyond: Array, x: Array, material: _Poles) -> Array:
    """Q(-x), which falls from pole to pole."""
    springs = material.strength * x[..., None] * material.time / beyond
    return material.spring - material.viscosity * x + jnp.sum(springs, axis=-1)


def _halve(value: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """The zero of a falling function between two bounds."""
    def step(_, bounds):
        low, high = bounds
        middle = (low + high) / 2
        above = value(middle) > 0
        return jnp.where(above, middle, low), jnp.where(above, high, middle)
    low, high = lax.fori_loop(0, _HALVINGS, step, (low, high))
    return (low + high) / 2


def _inner_zeros(material: _Poles) -> tuple[Array, Array]:
    """The zeros above each pole but the fastest, (n - 1,) in 1/s, and Q' there.

    The distance from the pole is sought in ln x, so that x tau - 1 keeps its digits near it.
    """
    rate = -jnp.log(material.time)

    def beyond(distance: Array) -> Array:
        return jnp.expm1(distance[:, None] + rate[:-1, None] - rate)

    def value(distance: Array) -> Array:
        return _q(beyond(distance), jnp.exp(distance + rate[:-1]), material)

    distance = _halve(value, jnp.zeros_like(rate[:-1]), jnp.diff(rate))
    return jnp.exp(distance + rate[:-1]), _slope(beyond(distance), material)


def _outer_zeros(material: _Poles) -> tuple[Array, Array]:
    """The zero below the slowest rate (0 without a spring) and the one above the fastest (with a viscosity).

    Both are known within a factor of 2: from E_e - x eta_0 / (1 - x tau_max) <= Q <= E_e - x eta_0 with
    eta_0 = eta + sum E_k tau_k, and from E_g - eta x <= Q <= E_g x tau_min / (x tau_min - 1) - eta x.
    """
    tau, strength, spring, viscosity = material

    def value(x: Array) -> Array:
        return _q(x * tau - 1, x, material)

    flow = viscosity + jnp.sum(strength * tau)
    slow = _halve(value, spring / (flow + spring * tau[0]), jnp.minimum(spring / flow, 1 / tau[0]))
    glass = (spring + jnp.sum(strength)) / jnp.where(viscosity > 0, viscosity, 1.0)
    return slow, _halve(value, jnp.maximum(glass, 1 / tau[-1]), glass + 1 / tau[-1])
