r"""Materials as a nonnegative spectrum of retardation times: what creep after a step of stress shows directly.

$$J(t) = J_g + \phi\,t + \sum_k L_k\,(1 - e^{-t/\tau_k}), \qquad
  J^*(\omega) = J' - iJ'' = J_g + \frac{\phi}{i\omega} + \sum_k \frac{L_k}{1 + i\omega\tau_k}, \qquad E^* = 1/J^*$$

with the compliance $J_g$ of the glass, the fluidity $\phi = 1/\eta$ of a steady flow, and $L_k = L(\ln\tau_k)\,\Delta
\ln\tau$, all nonnegative. Such a material relaxes by a nonnegative spectrum, too, and causality and dissipation hold
whatever the parameters.
Source: Ferry, Viscoelastic Properties of Polymers (1980), chapter 3.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from asperity.rheology.relaxation_spectrum import RelaxationSpectrum
from asperity.rheology.spectrum_estimate import Design

__all__ = ["RetardationSpectrum", "retardation_of"]


class RetardationSpectrum(NamedTuple):
    """One material; or many, with batch dimensions in front of every array, under `vmap`."""

    retarded_compliance: Any  # (n,) L_k in 1/Pa
    retardation_time: Any  # (n,) s, evenly spaced in ln tau
    glassy_compliance: Any  # J_g in 1/Pa
    fluidity: Any  # 1/(Pa s)

    @property
    def density(self) -> Any:
        """L(ln tau), (..., n) in 1/Pa."""
        return self.retarded_compliance / jnp.log(self.retardation_time[..., 1:2] / self.retardation_time[..., :1])

    def creep_compliance(self, time: Any) -> jax.Array:
        """J(t) in 1/Pa for t > 0 in s, elementwise."""
        time = jnp.asarray(time)
        grown = -jnp.expm1(-time[..., None] / self.retardation_time)
        return self.glassy_compliance + self.fluidity * time + jnp.sum(self.retarded_compliance * grown, axis=-1)

    def complex_modulus(self, angular_frequency: Any) -> jax.Array:
        """E* in Pa at angular frequencies > 0 in rad/s, elementwise."""
        s = 1j * jnp.asarray(angular_frequency)
        branches = jnp.sum(self.retarded_compliance / (1 + s[..., None] * self.retardation_time), axis=-1)
        return 1 / (self.glassy_compliance + self.fluidity / s + branches)

    def relaxation_modulus(self, time: Any) -> jax.Array:
        r"""E(t) in Pa for t > 0 in s, elementwise: exact, without numerical inversion.

        With Q = s E(s) the material whose modulus is $s/Q(s) = J_g s + \phi + \sum (L_k/\tau_k)\,s\tau_k/(1+s\tau_k)$
        is one of a relaxation spectrum with the spring $\phi$ and the dashpot $J_g$. It creeps by the integral of E(t),
        so that E(t) is the slope of that creep.
        """
        dual = RelaxationSpectrum(self.retarded_compliance / self.retardation_time, self.retardation_time,
                                  jnp.asarray(self.fluidity), jnp.asarray(self.glassy_compliance))
        time = jnp.asarray(time)
        return jax.jvp(dual.creep_compliance, (time,), (jnp.ones_like(time),))[1]


def retardation_of(design: Design, parameters: np.ndarray) -> RetardationSpectrum:
    """The material with parameters (..., n + 2) of a design of creep."""
    count = len(design.relaxation_time)
    compliance = parameters[..., :count]
    tau = np.broadcast_to(design.relaxation_time, compliance.shape)
    return RetardationSpectrum(compliance, tau, parameters[..., count], parameters[..., count + 1])
