r"""The uncertainty of a modulus before it is measured: what a lever, a tip and a load make of what is known of them.

A paraboloid of radius R is pressed by a lever of stiffness k to the load F, with the deflection d = F/k and the
indentation $\delta = a^2/R$, $F = \frac43 E^* \sqrt{R}\,\delta^{3/2}$. One relative error of the deflection sensitivity
moves the force by as much and the indentation by $-\rho$ times as much, $\rho = d/\delta$. With k, s and R known to
relative standard uncertainties $\sigma$

$$\mathrm{Var}(\ln E) = \sigma_k^2 + (1 + \tfrac32\rho)^2\,\sigma_s^2 + \tfrac14\sigma_R^2 + \text{noise}^2 .$$

A spring constant by the thermal method is proportional to $s^{-2}$: of its variance $4\sigma_s^2$ is the
sensitivity's, and the second term becomes $(-1 + \tfrac32\rho)^2\,\sigma_s^2$, which vanishes at $\rho = 2/3$: there
the force that is too small by the one error and the indentation that is too small by the other make the same modulus.

These are the factors at the end of the curve with a known contact point; `factors` has those of a whole curve whose
contact point, level and tilt are fitted, as `asperity.fit` does.

Source: derived here; the contact of Hertz, J. reine angew. Math. 92, 156 (1881); onset of plasticity: Johnson, Contact
Mechanics (1985).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from asperity.contact._layer_table import layer_correction
from asperity.instrument.spring_constant import BOLTZMANN
from asperity.learning.discovery.newton import newton
from asperity.learning.discovery.small_systems import solved

__all__ = ["CONSTRAINTS", "SOURCES", "Budget", "Contacted", "Factors", "Pressed", "RelativeStd", "SignalNoise",
           "budget", "closed_variance", "contacted", "factors", "floor", "force", "margins", "shares", "total"]

_NODES = 64  # of the part in contact, and as many before it; 256 change no factor by 1e-3
_IN_CONTACT = 0.5  # of the samples of a curve
#: of the mean pressure over the yield stress, where plastic flow begins below a paraboloid
_ONSET = 1.1
#: of the contact radius over that of the tip, up to which a sphere is a paraboloid within 4 %
_SHALLOW = 0.3
#: of the contact radius over the thickness, up to which the base adds less than 12 % of force (15 % if bonded)
_THIN = 0.1
_LEAST_DEFLECTION = 2e-9  # m: 20 times the noise of a usual detector
_MOST_DEFLECTION = 500e-9  # m: where a photodiode ceases to be linear
_LEAST_INDENTATION = 1e-9  # m: below it no surface is smooth, and none a continuum
_SOFTEST = 0.1  # lever over contact: softer, nearly all of the height bends the lever
_STIFFEST = 30.0  # lever over contact: stiffer, the lever hardly bends

#: what must hold, in the order of `margins`
CONSTRAINTS = ("mean pressure", "contact radius over tip radius", "contact radius over thickness",
               "smallest deflection", "largest deflection", "smallest indentation", "lever too soft for the contact",
               "lever too stiff for the contact")
#: where the uncertainty of ln E comes from, in the order of `Budget`
SOURCES = ("spring constant", "sensitivity", "radius", "thickness", "noise")


class Pressed(NamedTuple):
    """What is pressed by what: SI; the thickness is infinite of a half-space, the yield stress where none is known."""

    modulus: Array | float  # Pa
    poisson_ratio: Array | float
    thickness: Array | float  # m
    yield_stress: Array | float  # Pa
    spring_constant: Array | float  # N/m
    radius: Array | float  # m
    load: Array | float  # N


class Contacted(NamedTuple):
    """The contact at the load: indentation, its radius (m), mean pressure (Pa), deflection (m), stiffness (N/m)."""

    indentation: Array
    contact_radius: Array
    pressure: Array
    deflection: Array
    stiffness: Array

    @property
    def ratio(self) -> Array:
        """Deflection over indentation."""
        return self.deflection / self.indentation


class RelativeStd(NamedTuple):
    """Relative standard uncertainties; that of k is total, also where it is by the ``thermal`` method."""

    spring_constant: Array | float
    sensitivity: Array | float
    radius: Array | float
    thickness: Array | float = 0.0
    thermal: Array | bool = False


class SignalNoise(NamedTuple):
    """White noise of detector and height (m), temperature (K), samples of one curve, and curves."""

    detector: Array | float = 0.1e-9
    height: Array | float = 0.2e-9
    temperature: Array | float = 298.15
    samples: Array | float = 1000.0
    curves: Array | float = 100.0


class Budget(NamedTuple):
    """Variances of ln E, one for each of `SOURCES`."""

    spring_constant: Array
    sensitivity: Array
    radius: Array
    thickness: Array
    noise: Array


def closed_variance(ratio: Array, known: RelativeStd) -> tuple[Array, Array, Array]:
    """The closed terms of spring constant, sensitivity and radius at a ratio of deflection to indentation."""
    own, shared = shares(known)
    factor = jnp.where(known.thermal, -1.0, 1.0) + 1.5 * ratio
    return own, factor**2 * shared, jnp.asarray(known.radius) ** 2 / 4


def shares(known: RelativeStd) -> tuple[Array, Array]:
    """The variance of ln k that is its own, and that of ln s, which a thermal k shares."""
    k, s = jnp.asarray(known.spring_constant) ** 2, jnp.asarray(known.sensitivity) ** 2
    return jnp.where(known.thermal, jnp.maximum(k - 4 * s, 0.0), k), s


def floor(known: RelativeStd) -> Array:
    """The least standard uncertainty of ln E at any load, without noise: at rho = 0, or 2/3 of a thermal k."""
    return jnp.sqrt(sum(closed_variance(jnp.where(known.thermal, 2 / 3, 0.0), known)))


def force(indentation: Array, pressed: Pressed, *, layered: bool) -> Array:
    """The force (N) at one indentation (m): of a half-space, or of a layer bonded to a rigid base."""
    reduced = pressed.modulus / (1 - jnp.asarray(pressed.poisson_ratio) ** 2)
    found = 4 / 3 * reduced * jnp.sqrt(pressed.radius * indentation) * indentation
    if layered:
        reach = jnp.sqrt(pressed.radius * indentation) / pressed.thickness
        found = found * layer_correction(reach, jnp.asarray(pressed.poisson_ratio), 2, True)
    return found


def contacted(pressed: Pressed, *, layered: bool = False) -> Contacted:
    """The contact at the load. The contact radius is that of a half-space at the same indentation."""
    reduced = pressed.modulus / (1 - jnp.asarray(pressed.poisson_ratio) ** 2)
    depth = (3 * pressed.load / (4 * reduced * jnp.sqrt(jnp.asarray(pressed.radius)))) ** (2 / 3)
    if layered:
        depth = jnp.exp(newton(lambda log: jnp.log(force(jnp.exp(log), pressed, layered=True)),
                               jnp.log(jnp.asarray(pressed.load)), jnp.log(depth)))
    stiffness = jax.grad(lambda at: force(at, pressed, layered=layered))(depth)
    radius = jnp.sqrt(pressed.radius * depth)
    return Contacted(depth, radius, pressed.load / (jnp.pi * radius**2),
                     jnp.asarray(pressed.load / pressed.spring_constant), stiffness)


def margins(pressed: Pressed, *, layered: bool = False) -> Array:
    """ln(value / bound) of each of `CONSTRAINTS`, or ln(bound / value) of a least value: positive where one is broken.

    The mean pressure is held below 1.1 times the yield stress, the contact radius below 0.3 R and 0.1 h (h itself
    where the layer is modeled), the deflection between 2 and 500 nm, the indentation above 1 nm, and the lever's
    stiffness between 0.1 and 30 times that of the contact.
    """
    at = contacted(pressed, layered=layered)
    thin = 1.0 if layered else _THIN
    stiff = pressed.spring_constant / at.stiffness
    return jnp.log(jnp.stack([
        at.pressure / (_ONSET * pressed.yield_stress), at.contact_radius / (_SHALLOW * pressed.radius),
        at.contact_radius / (thin * pressed.thickness), _LEAST_DEFLECTION / at.deflection,
        at.deflection / _MOST_DEFLECTION, _LEAST_INDENTATION / at.indentation, _SOFTEST / stiff, stiff / _STIFFEST]))


class Factors(NamedTuple):
    """d ln E / d ln of the spring constant, sensitivity, radius and thickness; and the noise of one curve in ln E."""

    spring_constant: Array
    sensitivity: Array
    radius: Array
    thickness: Array
    noise: Array


def factors(pressed: Pressed, noise: SignalNoise, *, layered: bool = False) -> Factors:
    """What errors make of the modulus of a whole curve: the first-order answer of a least-squares fit.

    The fit is that of `asperity.fit`: of the force against the tip position, every sample alike, with modulus, contact
    point, and level and tilt of the baseline free. Half of the samples, evenly spaced in height, are in contact.
    """
    at = contacted(pressed, layered=layered)
    depth = at.indentation * (jnp.arange(_NODES) + 0.5) / _NODES
    values, slopes = jax.vmap(jax.value_and_grad(lambda one: force(one, pressed, layered=layered)))(depth)
    k = jnp.asarray(pressed.spring_constant)
    samples = _IN_CONTACT * noise.samples * (1 + slopes / k) / (1 + slopes / k).sum()
    before = -(at.indentation + at.deflection) * (jnp.arange(_NODES) + 0.5) / _NODES
    columns = jnp.stack([values, slopes * at.indentation, jnp.full(_NODES, pressed.load),
                         pressed.load * depth / at.indentation], axis=1) / pressed.load
    outside = jnp.stack([0 * before, 0 * before, 1 + 0 * before, before / at.indentation], axis=1)
    columns = jnp.concatenate([columns, outside])
    counts = jnp.concatenate([samples, jnp.full(_NODES, (1 - _IN_CONTACT) * noise.samples / _NODES)])
    row = solved((columns.T * counts) @ columns, jnp.eye(4)[0]) @ (columns.T * counts) / pressed.load
    contact = row[:_NODES]
    thermal = BOLTZMANN * noise.temperature
    squares = jnp.concatenate([(k + slopes) ** 2 * noise.detector**2 + (k + slopes) * thermal
                               + slopes**2 * noise.height**2,
                               jnp.full(_NODES, k**2 * noise.detector**2 + k * thermal)])
    thinner = _by_thickness(depth, pressed) if layered else 0 * values
    return Factors(contact @ values, contact @ (values + slopes * values / k),
                   -contact @ (values / 2 + _by_radius(depth, pressed, layered)), -contact @ thinner,
                   jnp.sqrt((row**2 / counts * squares).sum()))


def _by_thickness(depth: Array, pressed: Pressed) -> Array:
    """dF / d ln h of a bonded layer."""
    def of(log: Array, one: Array) -> Array:
        return force(one, pressed._replace(thickness=jnp.exp(log)), layered=True)

    return jax.vmap(jax.grad(of), (None, 0))(jnp.log(jnp.asarray(pressed.thickness)), depth)


def _by_radius(depth: Array, pressed: Pressed, layered: bool) -> Array:
    """dF / d ln R beyond F/2, which is all of a half-space: C depends on sqrt(R)/h."""
    return -_by_thickness(depth, pressed) / 2 if layered else 0 * depth


def budget(by: Factors, known: RelativeStd, noise: SignalNoise) -> Budget:
    """The variance of ln E, one part for each of `SOURCES`; `total` of it is the standard uncertainty."""
    own, shared = shares(known)
    sensitivity = by.sensitivity - jnp.where(known.thermal, 2 * by.spring_constant, 0.0)
    return Budget(by.spring_constant**2 * own, sensitivity**2 * shared, by.radius**2 * jnp.asarray(known.radius) ** 2,
                  by.thickness**2 * jnp.asarray(known.thickness) ** 2, by.noise**2 / noise.curves)


def total(parts: Budget) -> Array:
    """The standard uncertainty of ln E."""
    return jnp.sqrt(sum(parts))
