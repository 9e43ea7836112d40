"""Creep of a piezo: slow modes that follow the drive, and the logarithmic law that many of them make."""

from __future__ import annotations

import math
from typing import final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from asperity.instrument.scanner_memory import as_array
from asperity.messages import ArgumentError

__all__ = ["Creep", "logarithmic_creep"]


@final
class Creep(eqx.Module):
    r"""A sum of Kelvin-Voigt modes that lag behind the drive u.

    $$y = \sum_j c_j x_j, \qquad \dot x_j = (u - x_j) / \tau_j$$

    After a step of the drive, y rises as $\sum_j c_j (1 - e^{-t/\tau_j})$. The drive is held from sample
    to sample (zero-order hold), for which the update is exact whatever the steps of time. ``strengths`` (m,)
    are the displacement (m) per unit of drive, not negative; ``decay_times`` (m,) in s, positive. No modes:
    no creep. The fastest mode of a real instrument is mostly the lag of its amplifier and sensor.

    Raises:
        ValueError: a negative strength or a decay time that is not positive.
    """

    strengths: Float[Array, " m"] = eqx.field(converter=as_array, default=())
    decay_times: Float[Array, " m"] = eqx.field(converter=as_array, default=())

    def __check_init__(self):
        c, tau = self.strengths, self.decay_times
        if not (isinstance(c, np.ndarray) and isinstance(tau, np.ndarray)):
            return
        if c.ndim != 1 or c.shape != tau.shape or not ((c >= 0) & (tau > 0) & np.isfinite(c + tau)).all():
            raise ArgumentError(f"strengths = {c}, decay_times = {tau}: one of each per mode, strengths not "
                                "negative, times positive")

    def after_step(self, time: Array) -> Array:
        """The displacement (m) that creep adds, the time (s) after a unit step of the drive."""
        return -jnp.expm1(-jnp.asarray(time)[..., None] / self.decay_times) @ self.strengths

    def rested(self, states: Float[Array, " m"], drive: Array, duration: Array | float) -> Float[Array, " m"]:
        """The creep states after the drive was held for a duration (s)."""
        return states - jnp.expm1(-duration / self.decay_times) * (drive - states)


def logarithmic_creep(rate: float, shortest: float, longest: float, *, per_decade: int = 3) -> Creep:
    r"""Modes whose sum creeps as $\gamma \log_{10} t$ per unit step, for times well inside the two limits.

    An even density of modes over $\ln\tau$ gives
    $\gamma/\ln 10 \int (1 - e^{-t/\tau})\, d\ln\tau = \gamma\,(\log_{10}(t/\tau_1) + 0.2507)$; the sum over
    modes at distance $h = \ln 10 / n$ ripples around it by $2 \gamma/\ln 10\; |\Gamma(2\pi i/h)|$, which is
    $2\cdot10^{-6} \gamma$ for 3 modes per decade. The law bends at its limits: 1.5 decades before the longest
    time it is off by 0.014 $\gamma$, 1.5 decades after the shortest by less than 0.0001 $\gamma$.

    Args:
        rate: gamma, displacement (m) per unit of drive and decade.
        shortest, longest: first and last decay time, s.
        per_decade: modes per decade.

    Raises:
        ValueError: limits that are not 0 < shortest < longest, or no modes.
    """
    if not 0 < shortest < longest or per_decade < 1:
        raise ArgumentError(f"shortest = {shortest:g} s, longest = {longest:g} s, {per_decade} modes per "
                            "decade: need 0 < shortest < longest and at least one mode per decade")
    count = max(2, 1 + round(per_decade * math.log10(longest / shortest)))
    decay_times = np.geomspace(shortest, longest, count)
    strengths = np.full(count, rate * math.log10(longest / shortest) / (count - 1))
    strengths[[0, -1]] /= 2
    return Creep(strengths, decay_times)
