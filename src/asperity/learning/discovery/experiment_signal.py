"""The curve of a planned experiment as a model of its unknowns, and how much it is expected to tell of the modulus."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from asperity.instrument.spring_constant import BOLTZMANN
from asperity.learning.discovery.experiment_budget import Pressed, RelativeStd, SignalNoise, contacted, shares
from asperity.learning.discovery.information import Outlook, expected_information, linear_marginal

__all__ = ["UNKNOWNS", "curve_information", "heights", "outlook", "slope_information"]

#: what is not known of an experiment, in the order of the parameters: logarithms, and the contact point (m)
UNKNOWNS = ("modulus", "contact point", "spring constant", "sensitivity", "radius", "thickness")
_BINS = 12  # of the deflection in contact; twice as many tell less than 0.01 nats more
_UNSEEN = 1e-6  # m: standard uncertainty of the contact point beforehand


def heights(unknown: Array, pressed: Pressed, *, thermal: Array | bool = False, layered: bool = False) -> Array:
    """The heights (m) at which the detector shows the deflections 1, 2, ... 12 twelfths of what the load gives.

    ``unknown`` are those of `UNKNOWNS`, beside what ``pressed`` says: with the sensitivity off by s the true deflection
    is e^s of what is shown, and a thermal spring constant is off by -2 s besides.
    """
    modulus, contact, k, s, radius, thickness = unknown
    shown = (jnp.arange(_BINS) + 1) / _BINS * pressed.load / pressed.spring_constant
    own = jnp.where(thermal, k - 2 * s, k)
    constant = pressed.spring_constant * jnp.exp(own)
    true = pressed._replace(modulus=pressed.modulus * jnp.exp(modulus), spring_constant=constant,
                            radius=pressed.radius * jnp.exp(radius), thickness=pressed.thickness * jnp.exp(thickness))

    def one(deflection: Array) -> Array:
        return contacted(true._replace(load=constant * deflection), layered=layered).indentation + deflection

    return contact + jax.vmap(one)(shown * jnp.exp(s))


def outlook(pressed: Pressed, known: RelativeStd, noise: SignalNoise, spread: Array | float, *,
            layered: bool = False) -> Outlook:
    """What is known beforehand: the modulus to ``spread`` (of its logarithm), the rest as it is calibrated.

    The noise is that of the mean height of a bin of all curves, half of whose samples are in contact.
    """
    std = jnp.stack([jnp.asarray(one, float) for one in (
        spread, _UNSEEN, jnp.sqrt(shares(known)[0]), known.sensitivity, known.radius,
        known.thickness if layered else 0.0)])
    loads = (jnp.arange(_BINS) + 1) / _BINS * pressed.load
    stiffness = jax.vmap(lambda load: contacted(pressed._replace(load=load), layered=layered).stiffness)(loads)
    softer = 1 + pressed.spring_constant / stiffness
    squares = noise.height**2 + softer**2 * (
        noise.detector**2 + BOLTZMANN * noise.temperature / (pressed.spring_constant + stiffness))
    return Outlook(jnp.zeros(len(UNKNOWNS)), std, jnp.sqrt(squares * _BINS / (0.5 * noise.samples * noise.curves)))


def curve_information(pressed: Pressed, known: RelativeStd, noise: SignalNoise, spread: Array | float, key: Array, *,
                      layered: bool = False) -> Array:
    """Nats about ln E, all else averaged out, expected over what is known beforehand (`expected_information`)."""
    before = outlook(pressed, known, noise, spread, layered=layered)
    return expected_information(lambda unknown: heights(unknown, pressed, thermal=known.thermal, layered=layered),
                                before, key, of=0)


def slope_information(pressed: Pressed, known: RelativeStd, noise: SignalNoise, spread: Array | float, *,
                      layered: bool = False) -> Array:
    """The same by the slopes in the middle of what is known beforehand, where the curve is taken for linear."""
    before = outlook(pressed, known, noise, spread, layered=layered)
    slopes = jax.jacfwd(lambda unknown: heights(unknown, pressed, thermal=known.thermal, layered=layered))(before.mean)
    return linear_marginal(slopes, before.std, before.noise)
