"""What a fitted material does over a grid, with bands of 90 %, and its constants; and what is said of its errors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from asperity.rheology.retardation_spectrum import RetardationSpectrum
from asperity.rheology.smooth_error import SmoothError
from asperity.rheology.spectrum_posterior import Fitted, Material, Sampled, band

__all__ = ["LEVEL", "Curve", "about_errors", "constants", "density", "over", "resting",
           "smooth_shares", "terminal"]

LEVEL = 0.9  #: of the credible bands
_TERMINAL = 0.5  # least part of the zero-rate viscosity that E''/omega shows at the lowest frequency, where it is reached
_FLOWING = 2.0  # least loss tangent there: what flows dissipates more than it stores
_PLATEAU = 0.6  # least part of the modulus at the slowest point that a spring makes, where its lower end is not 0


class Curve(NamedTuple):
    """A function of the material: of the fit, of every draw, and of the center of every draw."""

    value: np.ndarray  # (...)
    drawn: np.ndarray  # (draws, ...)
    center: np.ndarray  # (draws, ...)

    def table(self, name: str, dims: str | tuple[()], unit: str, *, ratio: bool = False) -> dict[str, Any]:
        """The variables ``name``, ``name_low`` and ``name_high``; the value lies between its ends."""
        low, high = band(self.drawn, self.center, LEVEL, ratio=ratio)
        about = {"units": unit}
        return {name: (dims, self.value, about), f"{name}_low": (dims, np.minimum(low, self.value), about),
                f"{name}_high": (dims, np.maximum(high, self.value), about)}


def over(verb: str, fitted: Fitted, sampled: Sampled, grid: np.ndarray) -> Curve:
    """A function of the material over a grid, in double precision."""
    with jax.enable_x64(True):
        at = jnp.asarray(grid)
        one = _read(fitted.material, at, verb=verb)
        many = [_read_each(some, at, verb=verb) for some in sampled]
    return Curve(*(np.asarray(part) for part in (one, *many)))


@partial(jax.jit, static_argnames="verb")
def _read(material: Material, grid: jax.Array, *, verb: str) -> jax.Array:
    return getattr(material, verb)(grid)


@partial(jax.jit, static_argnames="verb")
def _read_each(materials: Material, grid: jax.Array, *, verb: str) -> jax.Array:
    return jax.vmap(lambda material: getattr(material, verb)(grid))(materials)


def density(fitted: Fitted, sampled: Sampled) -> dict[str, Any]:
    """H over ``relaxation_time``, or of a material that creeps L over ``retardation_time``."""
    creeping = isinstance(fitted.material, RetardationSpectrum)
    name, unit = ("retardation", "1/Pa") if creeping else ("relaxation", "Pa")
    with jax.enable_x64(True):
        every = Curve(*(np.asarray(material.density) for material in (fitted.material, *sampled)))
    times = np.asarray(getattr(fitted.material, f"{name}_time"))
    return {**every.table(f"{name}_density", f"{name}_time", unit), f"{name}_time": (f"{name}_time", times,
                                                                                     {"units": "s"})}


def constants(fitted: Fitted, sampled: Sampled, names: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """Constants of the material with their bands: field -> (name of the variable, unit)."""
    found = {}
    for field, (name, unit) in names.items():
        parts = (np.asarray(getattr(material, field), float) for material in (fitted.material, *sampled))
        found |= Curve(*parts).table(name, (), unit)
    return found


def resting(fitted: Fitted, sampled: Sampled, verb: str, slowest: float) -> dict[str, Any]:
    """``equilibrium_modulus``, whose lower end is 0 unless it makes most of the modulus at the slowest frequency or time.

    A branch slower than the data looks like a spring: only where a plateau is seen is there one to speak of.
    """
    spring = Curve(*(np.asarray(m.equilibrium_modulus) for m in (fitted.material, *sampled)))  # pyright: ignore
    modulus = over(verb, fitted, sampled, np.array([slowest]))
    share = Curve(*(one / np.real(whole[..., 0]) for one, whole in zip(spring, modulus)))
    found = spring.table("equilibrium_modulus", (), "Pa")
    if band(share.drawn, share.center, LEVEL)[0] >= _PLATEAU:
        return found
    return found | {"equilibrium_modulus_low": ((), 0.0, {"units": "Pa"})}


def terminal(fitted: Fitted, sampled: Sampled, lowest: float) -> dict[str, Any]:
    r"""``zero_rate_viscosity``, the limit of E''/omega of a liquid, NaN where the data do not reach it.

    $$\eta_0 = \eta + \sum_k E_k\,\tau_k$$

    It is reached if no plateau is seen (`resting`), and if at the ``lowest`` frequency (rad/s) the loss is twice the
    storage and makes half of $\eta_0\,\omega$ by the lower end of its band.
    """
    def flow(material: Any) -> np.ndarray:
        return np.asarray(material.viscosity) + np.sum(material.relaxing_modulus * material.relaxation_time, axis=-1)

    viscosity = Curve(*map(flow, (fitted.material, *sampled)))
    modulus = over("complex_modulus", fitted, sampled, np.array([lowest]))
    share = Curve(*(part.imag[..., 0] / lowest / whole for part, whole in zip(modulus, viscosity)))
    liquid = float(resting(fitted, sampled, "complex_modulus", lowest)["equilibrium_modulus_low"][1]) == 0
    flowing = modulus.value.imag[0] > _FLOWING * modulus.value.real[0]
    reached = liquid and flowing and band(share.drawn, share.center, LEVEL)[0] >= _TERMINAL
    if not reached:
        viscosity = Curve(*(np.full_like(part, np.nan) for part in viscosity))
    found = viscosity.table("zero_rate_viscosity", (), "Pa s", ratio=True)
    return {**found, "terminal": ((), int(reached) if liquid else -1, {
        "flag_values": [-1, 0, 1], "flag_meanings": "solid not_reached reached",
        "long_name": "whether the data reach the terminal region of a liquid"})}


def smooth_shares(error: SmoothError) -> dict[str, Any]:
    """The share of the variance of the errors that is smooth, with the ends of its interval of 90 %."""
    about = {"units": "1", "long_name": "share of the variance of the error that is smooth over decades"}
    ends = (error.mean, error.quantile((1 - LEVEL) / 2), error.quantile((1 + LEVEL) / 2))
    return {f"smooth_share{end}": ((), value, about) for end, value in zip(("", "_low", "_high"), ends)}


def about_errors(error: SmoothError, given: float | None, what: Sequence[str]) -> str:
    """What was taken of the errors: of ``what`` (gain, phase) a part drifts over decades."""
    drift = f"smooth ({' and '.join(what)} that drift{'' if len(what) > 1 else 's'} over decades)"
    if given == 0:
        return "The errors are taken as independent from point to point, as stated: a drift over decades is not in the bands."
    if given is not None:
        return f"Of the variance of the noise {100 * given:.3g} % is taken as {drift}, as stated."
    low, high = (100 * error.quantile(end) for end in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return (f"Of the variance of the noise {100 * error.mean:.0f} % ({low:.0f} to {high:.0f}) is taken as {drift}: what the "
            "scatter from point to point leaves of it. The bands hold it.")
