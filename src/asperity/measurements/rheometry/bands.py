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
from asperity.rheology.spectrum_posterior import Material, MaterialFit, Sampled, band

__all__ = ["LEVEL", "Curve", "about_errors", "constants", "density", "over", "resting",
           "smooth_shares", "terminal"]

LEVEL = 0.9  #: of the credible bands
_TERMINAL = 0.5  # least part of the zero-rate viscosity that E''/omega is at the lowest frequency, where it is reached
_FLOWING = 2.0  # least loss tangent there: what flows dissipates more than it stores
_FAR = 10.0  # times slower or faster than all data: what cannot be told from a constant
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


def over(verb: str, fitted: MaterialFit, sampled: Sampled, grid: np.ndarray) -> Curve:
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


def density(fitted: MaterialFit, sampled: Sampled) -> dict[str, Any]:
    """H over ``relaxation_time``, or of a material that creeps L over ``retardation_time``."""
    creeping = isinstance(fitted.material, RetardationSpectrum)
    name, unit = ("retardation", "1/Pa") if creeping else ("relaxation", "Pa")
    with jax.enable_x64(True):
        every = Curve(*(np.asarray(material.density) for material in (fitted.material, *sampled)))
    times = np.asarray(getattr(fitted.material, f"{name}_time"))
    return {**every.table(f"{name}_density", f"{name}_time", unit), f"{name}_time": (f"{name}_time", times,
                                                                                     {"units": "s"})}


def constants(fitted: MaterialFit, sampled: Sampled, names: dict[str, str],
              span: tuple[float, float]) -> dict[str, Any]:
    """Constants of the material with their bands.

    Args:
        fitted, sampled: the material.
        names: field of the material -> name of the variable.
        span: the shortest and the longest time of the data in s, 1/omega of frequencies.

    Branches ten times faster or slower than all data cannot be told from a constant: the upper end counts them in.
    """
    found = {}
    for field, name in names.items():
        every = (fitted.material, *sampled)
        table = Curve(*(np.asarray(getattr(one, field), float) for one in every)).table(name, (), _HIDDEN[field][0])
        whole = Curve(*(np.asarray(getattr(one, field)) + _hidden(one, field, span) for one in every))
        upper = whole.table(f"{name}", (), "")[f"{name}_high"][1]
        found |= table | {f"{name}_high": ((), np.maximum(table[f"{name}_high"][1], upper), table[name][2])}
    return found


#: constant -> its unit, the branches that may look like it, the power of their times that they add with, which of them
_HIDDEN = {"equilibrium_modulus": ("Pa", "relaxing_modulus", "relaxation_time", 0, "slow"),
           "viscosity": ("Pa s", "relaxing_modulus", "relaxation_time", 1, "fast"),
           "fluidity": ("1/(Pa s)", "retarded_compliance", "retardation_time", -1, "slow"),
           "glassy_compliance": ("1/Pa", "retarded_compliance", "retardation_time", 0, "fast")}


def _hidden(material: Any, field: str, span: tuple[float, float]) -> np.ndarray:
    """What the branches far beyond the data add to a constant."""
    _, strength, place, power, which = _HIDDEN[field]
    tau = np.asarray(getattr(material, place))
    there = tau > _FAR * span[1] if which == "slow" else tau < span[0] / _FAR
    return np.sum(np.where(there, np.asarray(getattr(material, strength)) * tau**power, 0.0), axis=-1)


def resting(fitted: MaterialFit, sampled: Sampled, verb: str, span: tuple[float, float]) -> dict[str, Any]:
    """``equilibrium_modulus``; its lower end is 0 unless it makes most of the modulus at the slowest frequency or time.

    A branch slower than the data looks like a spring: only where a plateau is seen is there one to speak of. The spring
    is a part of the modulus at the slowest point, so its upper end is not above that of this modulus.
    Arguments as in `constants`; ``verb`` is the function of the material that was measured.
    """
    modulus = over(verb, fitted, sampled, np.array([1 / span[1] if verb == "complex_modulus" else span[1]]))
    slowest = Curve(*(np.real(part[..., 0]) for part in modulus))
    springs = (np.asarray(one.equilibrium_modulus) for one in (fitted.material, *sampled))  # pyright: ignore
    share = Curve(*(one / np.where(whole > 0, whole, np.inf) for one, whole in zip(springs, slowest)))
    found = constants(fitted, sampled, {"equilibrium_modulus": "equilibrium_modulus"}, span)
    dims, high, about = found["equilibrium_modulus_high"]
    most = np.maximum(slowest.table("modulus", (), "")["modulus_high"][1], found["equilibrium_modulus"][1])
    found |= {"equilibrium_modulus_high": (dims, np.minimum(high, most), about)}
    if band(share.drawn, share.center, LEVEL)[0] >= _PLATEAU:
        return found
    return found | {"equilibrium_modulus_low": ((), 0.0, {"units": "Pa"})}


def terminal(fitted: MaterialFit, sampled: Sampled, liquid: bool, lowest: float) -> dict[str, Any]:
    r"""``zero_rate_viscosity``, the limit of E''/omega of a liquid, NaN where the data do not reach it.

    $$\eta_0 = \eta + \sum_k E_k\,\tau_k$$

    It is reached if no plateau is seen (``liquid``), and if at the ``lowest`` frequency (rad/s) the loss is twice the
    storage and makes half of $\eta_0\,\omega$ by the lower end of its band.
    """
    def flow(material: Any) -> np.ndarray:
        return np.asarray(material.viscosity) + np.sum(material.relaxing_modulus * material.relaxation_time, axis=-1)

    viscosity = Curve(*map(flow, (fitted.material, *sampled)))
    modulus = over("complex_modulus", fitted, sampled, np.array([lowest]))
    share = Curve(*(np.imag(part[..., 0]) / lowest / whole for part, whole in zip(modulus, viscosity)))
    flowing = np.imag(modulus.value[0]) > _FLOWING * np.real(modulus.value[0])
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
        return ("The errors are taken as independent from point to point, as stated: a drift over decades is not in "
                "the bands.")
    if given is not None:
        return f"Of the variance of the noise {100 * given:.3g} % is taken as {drift}, as stated."
    low, high = (100 * error.quantile(end) for end in ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    ends = f" ({low:.0f} to {high:.0f})" if round(low) != round(high) else ""
    return (f"Of the variance of the noise {100 * error.mean:.0f} %{ends} is taken as {drift}: "
            "what the scatter from point to point leaves of it. The bands hold it.")
