r"""From the oscillation of base and cantilever in contact to the complex modulus of the sample.

With the height z of the base, the deflection d, the indentation $\delta = -(z + d)$ up to a constant and
amplitudes of $e^{i\omega t}$, in this order:

1. the recorded height becomes the height at the time of the deflection, $z \leftarrow H z$ (``transfer``:
   lag and gain of piezo, sensor and filters);
2. the force on the tip is what bends the lever less what the liquid and the lever's own mass do,
   $$F = k d + (i\omega b - \omega^2 m)\,[(1-\beta)(z+d) + \beta z], \qquad
     K = \frac{F}{\delta} = k\frac{d}{\delta} - (i\omega b - \omega^2 m)\,
         \Big[1 - \beta + \beta\,\frac{z}{z+d}\Big];$$
3. the linearized contact gives the modulus,
   $$E^* = (1-\nu^2)\,\frac{K}{g'(\delta_0)}, \qquad g = C\,\delta^n: \quad g' = n\,C\,\delta_0^{n-1}.$$

b is the drag at contact and $\beta$ the share of it that belongs to the motion of the base. All of it on the
tip, $\beta = 0$, is the usual formula. A lever whose drag is spread along its length is dragged by its base
even where the tip hardly moves: projected on the static shape $\varphi = (3x^2 - x^3)/2$ of a lever with its
load at the tip, $\beta = 1 - \frac{33/140}{3/8} = 13/35$ (`UNIFORM_LEVER`; derived in the docs). A soft lever
with $\omega b \approx k$ needs it: without, the drag seems to make the storage modulus negative.

E* (Young) and G* = E*/(2 (1 + nu)) (shear) are different quantities; `shear_modulus` is the only way between.

Source: Mahaffy, Shih, MacKintosh, Kaes, Phys. Rev. Lett. 85, 880 (2000); Alcaraz et al., Biophys. J. 84, 2071
(2003).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from asperity.contact import AbstractElasticContact
from asperity.messages import DataError
from asperity.rheology.oscillation import Oscillation

__all__ = ["UNIFORM_LEVER", "DampedLever", "Stiffness", "contact_slope", "contact_stiffness", "harmonic_bias",
           "off_surface", "power_slope", "shear_modulus", "stiff_transfer", "young_modulus"]

#: share of the drag that belongs to the base, for a lever of uniform width
UNIFORM_LEVER = 13 / 35


class DampedLever(NamedTuple):
    """A cantilever in its liquid."""

    spring_constant: float  # k in N/m
    drag: float = 0.0  # b at contact in N s/m
    mass: float = 0.0  # m, effective, with the liquid that moves along, in kg
    base_share: float = 0.0  # beta


class Stiffness(NamedTuple):
    """K = F / delta at one frequency."""

    value: complex  # N/m; the real part stores, the imaginary part dissipates
    std: float  # N/m, of either part, from the noise of the recording
    correction: complex  # N/m, what was taken off for drag and mass


def contact_stiffness(found: Oscillation, lever: DampedLever, *, transfer: complex = 1.0) -> Stiffness:
    """K of the contact from the oscillation of (height, deflection).

    Args:
        found: of two signals, the height of the base in m (falling towards the sample) and the deflection in m
            (positive in repulsion).
        lever: its spring constant, drag and mass.
        transfer: H, the true height over the recorded one; a sensor that lags by a time tau needs
            exp(+i omega tau).

    Raises:
        ValueError: another number of signals, or a tip that does not move.
    """
    if len(found.amplitude) != 2:
        raise ValueError(f"{len(found.amplitude)} signals: give the oscillation of height and deflection")
    height, deflection = transfer * found.amplitude[0], found.amplitude[1]
    tip = height + deflection
    if tip == 0:
        raise DataError("the tip does not move against the sample: a rigid contact has no modulus to be found")
    omega = 2 * np.pi * found.frequency
    liquid = 1j * omega * lever.drag - omega**2 * lever.mass
    on_tip, on_base = (1 - lever.base_share) * liquid, lever.base_share * liquid
    whole = (lever.spring_constant * deflection + on_tip * tip + on_base * height) / tip
    gradient = np.array([transfer * (on_tip + on_base - whole), lever.spring_constant + on_tip - whole]) / -tip
    variance = (gradient @ found.covariance @ gradient.conj()).real
    return Stiffness(complex(-whole), float(np.sqrt(variance / 2)), complex(on_tip + on_base * height / tip))


def stiff_transfer(found: Oscillation) -> tuple[complex, float]:
    """The transfer H = -d/z measured on a sample far stiffer than the lever, and the std of either part.

    There the deflection mirrors the true height. ``found`` as in `contact_stiffness`.
    """
    height, deflection = found.amplitude
    value = -deflection / height
    gradient = np.array([-value, -1.0]) / height
    return complex(value), float(np.sqrt((gradient @ found.covariance @ gradient.conj()).real / 2))


def off_surface(found: Oscillation, lever: DampedLever, *, transfer: complex = 1.0) -> tuple[float, float, float]:
    """Drag in N s/m, mass in kg and the drag's std from an oscillation off the surface, where no tip force acts.

    ``lever`` gives the spring constant and the base's share; its drag and mass have no part.
    """
    bare = contact_stiffness(found, lever._replace(drag=0.0, mass=0.0), transfer=transfer)
    height, tip = transfer * found.amplitude[0], transfer * found.amplitude[0] + found.amplitude[1]
    share = 1 - lever.base_share + lever.base_share * height / tip
    omega = 2 * np.pi * found.frequency
    liquid = bare.value / share
    return liquid.imag / omega, -liquid.real / omega**2, bare.std / abs(share) / omega


def contact_slope(contact: AbstractElasticContact, indentation: Any) -> np.ndarray:
    """g'(delta) in m: the stiffness per reduced modulus, of any contact without adhesion, at indentations in m."""
    with jax.enable_x64(True):
        depth = jnp.asarray(indentation, float)
        return np.asarray(_slopes(contact, depth.ravel())).reshape(depth.shape)


@jax.jit
def _slopes(contact: AbstractElasticContact, depth: jax.Array) -> jax.Array:
    return jax.vmap(jax.grad(contact.shape))(depth)


def power_slope(prefactor: float, exponent: float, indentation: Any) -> np.ndarray:
    """g' = n C delta^(n - 1) in m of a tip with g = C delta^n, for tips that no contact model describes."""
    return exponent * prefactor * np.asarray(indentation) ** (exponent - 1)


def young_modulus(stiffness: Any, slope: Any, poisson_ratio: float) -> Any:
    """E* = (1 - nu^2) K / g' in Pa (a std of K gives the std of E*)."""
    return (1 - poisson_ratio**2) * np.asarray(stiffness) / slope


def shear_modulus(modulus: Any, poisson_ratio: float) -> Any:
    """G* = E* / (2 (1 + nu)) in Pa: a third of E* for an incompressible sample."""
    return np.asarray(modulus) / (2 * (1 + poisson_ratio))


def harmonic_bias(exponent: float, ratio: Any) -> Any:
    r"""Relative error of the linearized stiffness at the amplitude $A = r\,\delta_0$, r < 1.

    $$\frac{1}{\pi n r}\int_0^{2\pi}(1 + r\cos\theta)^n \cos\theta\,d\theta - 1 = \frac{(n-1)(n-2)}{8}\,r^2 + O(r^4)$$
    """
    theta = 2 * np.pi * (np.arange(64) + 0.5) / 64
    wave = np.cos(theta)
    swing = (1 + np.multiply.outer(np.asarray(ratio, float), wave)) ** exponent
    return 2 * (swing * wave).mean(axis=-1) / (exponent * np.asarray(ratio)) - 1
