r"""One period of a driven tip over a sample, from where it begins, with derivatives by all that is not known.

With the phase $\varphi$ of the drive, the ratio r of its frequency to the lever's, the drive D over the stiffness and
$u = z + x - d_0$, the distance from where contact begins,

$$r^2 x'' + \frac{r}{Q} x' + x = \Re D e^{i\varphi} + \frac{F(u, x')}{k}, \qquad
  F = -P \left(\frac{\lambda}{\lambda + \max(u, 0)}\right)^2 + E^* g(-u) - \eta\,\omega\,\frac{g'(-u)}{2}\,x',$$

with the pull P in contact, its range $\lambda$, the contact's shape g and a viscosity $\eta$ that acts on the radius
of contact $g'/2$ (Sneddon: the stiffness of every axisymmetric contact is $2 a E^*$). A sphere's van der Waals
attraction is that with $P = HR/6a_0^2$ and $\lambda = a_0$; the force is then `asperity.dynamics.tip_force.TipForce`'s.
A period is 1024 steps of the classical method of Runge and Kutta from one upper turning point to the next, at even s in
$\varphi = \varphi_0 + s + 0.85 \sin s$: closest where the tip is nearest.

Source: Garcia, San Paulo, Phys. Rev. B 60, 4961 (1999); Sneddon, Int. J. Eng. Sci. 3, 47 (1965).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

__all__ = ["COMMON", "OWN", "force_law", "nodes_of", "orbit"]

#: of all records: logarithms of E* / GPa, of the pull / nN and of the range / nm; eta omega (GPa); relative departures
#: of quality, frequency (logarithms), drive and stiffness (logarithm)
COMMON = ("reduced_modulus", "pull", "range", "viscosity", "quality", "frequency", "drive", "stiffness")
#: of each record: where it begins (nm, nm per rad), thermal push over the stiffness (nm), zero of the deflection (nm),
#: where contact begins (nm), phase of the drive (rad)
OWN = ("position", "velocity", "push_cosine", "push_sine", "offset", "contact_point", "drive_phase")
_NODES = 1024  # steps of a period
_CLOSER = 0.85  # of an even step, by which those about the lower turning point are shorter
_SHALLOWEST = 1e-12  # nm, where a shape's slope is taken outside contact
_NANO = 1e-9


def _force(contact: Any, common: Float[Array, " common"], distance: Float[Array, ""],
           pace: Float[Array, ""]) -> Float[Array, ""]:
    """Force (nN) at a distance (nm) from where contact begins, and its change (nm per rad)."""
    depth = jnp.maximum(-distance, _SHALLOWEST)
    shape, slope = jax.jvp(lambda at: contact.shape(at * _NANO) / _NANO**2, (depth,), (jnp.ones_like(depth),))
    reach = jnp.exp(common[2])
    attraction = -jnp.exp(common[1]) * (reach / (reach + jnp.maximum(distance, 0.0))) ** 2
    pressed = jnp.exp(common[0]) * shape - common[3] * slope / 2 * pace
    return attraction + jnp.where(distance < 0, pressed, 0.0)


def nodes_of(begin: float) -> tuple[Float[np.ndarray, " node"], Float[np.ndarray, " node"]]:
    """Phases of the nodes of a period that begins at this phase, the upper turning point, and weights of a mean."""
    even = 2 * np.pi / _NODES * np.arange(_NODES)
    return begin + even + _CLOSER * np.sin(even), (1 + _CLOSER * np.cos(even)) / _NODES


def _period(unknown: Array, contact: Any, lever: Array, drive: Array) -> tuple[Array, Array]:
    """(deflections at the nodes with the change of the state in the period, the same again)."""
    common, own = unknown[: len(COMMON)], unknown[len(COMMON):]
    stiffness, quality, ratio = lever[0] * jnp.exp(common[7]), lever[1] * jnp.exp(common[4]), lever[2]
    ratio = ratio * jnp.exp(-common[5])
    size = jnp.where(lever[3] > 0, jnp.exp(-common[7]), jnp.hypot(1 - ratio**2, ratio / quality)) * (1 + common[6])
    phasor = (drive[0] + 1j * drive[1]) * size * jnp.exp(1j * own[6]) + own[2] - 1j * own[3]
    even = 2 * jnp.pi / _NODES * jnp.arange(_NODES + 1)
    phase = lever[4] + even + _CLOSER * jnp.sin(even)
    steps = jnp.diff(phase)
    push = jnp.real(phasor * jnp.exp(1j * phase))
    middle = jnp.real(phasor * jnp.exp(1j * (phase[:-1] + steps / 2)))

    def bent(x: Array, v: Array, pushed: Array) -> Array:
        force = _force(contact, common, x - own[5], v)
        return (pushed - x + force / stiffness) / ratio**2 - v / (ratio * quality)

    def step(state: tuple[Array, Array], pushed: tuple[Array, ...]) -> tuple[tuple[Array, Array], Array]:
        (x, v), h = state, pushed[3]
        first = bent(x, v, pushed[0])
        second = bent(x + h / 2 * v, v1 := v + h / 2 * first, pushed[1])
        third = bent(x + h / 2 * v1, v2 := v + h / 2 * second, pushed[1])
        fourth = bent(x + h * v2, v3 := v + h * third, pushed[2])
        return (x + h / 6 * (v + 2 * v1 + 2 * v2 + v3), v + h / 6 * (first + 2 * second + 2 * third + fourth)), x

    end, path = jax.lax.scan(step, (own[0], own[1]), (push[:-1], middle, push[1:], steps))
    made = jnp.concatenate([path, jnp.stack([end[0] - own[0], end[1] - own[1]])])
    return made, made


_slopes = jax.jit(jax.jacfwd(_period, has_aux=True))


def orbit(unknown: Float[np.ndarray, " unknown"], contact: Any, lever: tuple[float, ...],
          drive: complex) -> tuple[Float[np.ndarray, " node"], Float[np.ndarray, "node unknown"]]:
    """The path of one period and its derivatives; the last two rows are the change of position and velocity in it.

    Args:
        unknown: `COMMON`, then `OWN`.
        contact: a model without adhesion; its modulus is not used.
        lever: stiffness (N/m), quality, the drive's frequency over its own, 1 for a drive that is a force, 0 for one
            that is known by its free amplitude, and the phase at which the period begins.
        drive: nm, the force over the stiffness or the free amplitude; times e^(i phase), its real part acts.
    """
    with jax.enable_x64(True):
        slopes, values = _slopes(jnp.asarray(unknown), contact, jnp.asarray(lever),
                                 jnp.asarray([drive.real, drive.imag]))
        return np.asarray(values), np.asarray(slopes)


_laws = jax.jit(jax.vmap(jax.value_and_grad(lambda unknown, contact: _force(
    contact, unknown[:-1], unknown[-1], jnp.zeros(())), argnums=0), (0, None)))


def force_law(common: Float[np.ndarray, " common"], contact: Any, distance: Float[np.ndarray, " point"],
              ) -> tuple[Float[np.ndarray, " point"], Float[np.ndarray, "point unknown"]]:
    """The force (nN) of a tip that stands still at these distances (nm) from where contact begins, and derivatives.

    The last column is the derivative by the distance.
    """
    with jax.enable_x64(True):
        whole = np.concatenate([np.tile(common, (len(distance), 1)), np.asarray(distance)[:, None]], axis=1)
        values, slopes = _laws(jnp.asarray(whole), contact)
        return np.asarray(values), np.asarray(slopes)
