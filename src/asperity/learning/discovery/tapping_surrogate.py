r"""Amplitude and phase of tapping mode at resonance over an elastic sample that does not attract.

Height $z_c$, free amplitude $A_0$, stiffness k, quality Q of the lever and $E^*\sqrt R$ of the contact (Hertz) make
three groups: $z_c/A_0$, the hardness $E^*\sqrt{RA_0}/k$ and Q. The amplitude lies between that over the hardest sample,
$z_c$, and $A_0$; the phase between $\arcsin z_c/A_0$ and 90 degrees: $\sin\varphi = A/A_0$ where contact takes no
energy (but for what harmonics lose in the lever). What is learnt is the logit of the share of that way, so that no
value is ever beyond a limit. The solver is `asperity.dynamics.oscillation`.

Without attraction one motion alone is stable in this box: from rest and from a free oscillation amplitudes are equal to
1e-7. With attraction two are stable in wide ranges of heights, and which of them is seen depends on how it was reached:
a function of these groups then does not exist, and no surrogate here is for it.

Source: Garcia, San Paulo, Phys. Rev. B 60, 4961 (1999); Cleveland et al., Appl. Phys. Lett. 72, 2613 (1998).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from asperity.contact.hertz import Hertz
from asperity.dynamics.cantilever import Cantilever
from asperity.dynamics.oscillation import Drive, SteadyOscillation, at_rest, free_motion, steady
from asperity.dynamics.tip_force import TipForce
from asperity.learning.discovery.dimensions import named_group
from asperity.learning.discovery.surrogate import Axis, Between, Surrogate, surrogate

__all__ = ["TAPPING_AXES", "TAPPING_UNITS", "amplitude_surrogate", "phase_surrogate", "solved_tapping"]

#: name -> unit of what goes in
TAPPING_UNITS = {"height": "m", "free_amplitude": "m", "radius": "m", "reduced_modulus": "Pa", "spring_constant": "N/m",
                 "quality": "1"}
TAPPING_AXES = (
    Axis(named_group("height_share", {"height": 1, "free_amplitude": -1}, TAPPING_UNITS), 0.4, 0.95, "linear"),
    Axis(named_group("hardness", {"reduced_modulus": 1, "radius": "1/2", "free_amplitude": "1/2",
                                  "spring_constant": -1}, TAPPING_UNITS), 0.1, 10.0, "logarithmic"),
    Axis(named_group("quality", {"quality": 1}, TAPPING_UNITS), 50.0, 200.0, "logarithmic"))

_STEPS = 1024  # of a period


def solved_tapping(groups: Float[np.ndarray, "point axis"], *, free: bool = False) -> SteadyOscillation:
    """The oscillations at these groups (lengths in the free amplitude), from rest or from a free oscillation."""
    with jax.enable_x64(True):
        return _solved(jnp.asarray(groups, float), jnp.asarray(free))


@jax.jit
def _solved(groups: Array, free: Array) -> SteadyOscillation:
    def one(group: Array) -> SteadyOscillation:
        share, hardness, quality = group
        unit = jnp.ones_like(share)
        lever = Cantilever(unit, unit, quality)
        drive = Drive.at_resonance(lever, 1.0)
        contact = Hertz(radius=unit, modulus=hardness, poisson_ratio=0.0 * unit)
        start = jax.tree.map(lambda a, b: jnp.where(free, a, b), free_motion(lever), at_rest(lever, drive)._replace(
            bridged=False))
        return steady(lever, drive, TipForce(contact, radius=unit), share, start, steps=_STEPS)

    return jax.lax.map(one, groups)


def amplitude_surrogate(*, solves: int = 256, seed: int = 0) -> Surrogate:
    """The amplitude over the free amplitude; never below the height, never above 1."""
    limit = Between(lambda groups: groups[0], lambda _: 1.0)
    return surrogate(lambda groups: solved_tapping(groups).amplitude, TAPPING_AXES, limit, solves=solves, seed=seed)


def phase_surrogate(*, solves: int = 256, seed: int = 0) -> Surrogate:
    """The phase in rad by which the deflection lags behind the drive: of the hardest sample to 90 degrees."""
    limit = Between(lambda groups: jnp.arcsin(groups[0]), lambda _: jnp.pi / 2)
    return surrogate(lambda groups: solved_tapping(groups).phase, TAPPING_AXES, limit, solves=solves, seed=seed)
