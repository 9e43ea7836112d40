"""The vocabulary: every physical quantity that asperity names, written once.

A quantity has one SI unit, one symbol, one meaning, physical bounds, a typical scale (used to
solve in numbers of order one) and the names under which instrument files and other programs
store it. Contact models, datasets, reports and the command line all read it from here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from asperity.messages import number

__all__ = ["QUANTITIES", "Quantity", "bounds", "canonical_name", "quantity", "variable_attributes"]


@dataclass(frozen=True)
class Quantity:
    """One physical quantity: SI ``unit``, ``symbol``, ``meaning``, bounds, scale, file aliases."""

    name: str
    unit: str
    symbol: str
    meaning: str
    lower: float = -math.inf
    upper: float = math.inf
    scale: float = 1.0
    aliases: tuple[str, ...] = ()
    ends: str = "[]"  # of the interval from lower to upper: a round one does not belong to it


_ALL = (
    # material
    Quantity("modulus", "Pa", "E", "Young's modulus of the sample", 0.0, scale=1e3,
             aliases=("E", "young's modulus", "youngs modulus")),
    Quantity("reduced_modulus", "Pa", "E*", "reduced (plane-strain) modulus", 0.0, scale=1e3),
    Quantity("poisson_ratio", "1", "nu", "Poisson's ratio of the sample", -1.0, 0.5, ends="(]"),
    Quantity("work_of_adhesion", "J/m^2", "w", "work of adhesion per unit area", 0.0, scale=1e-3),
    Quantity("maugis_parameter", "1", "lambda", "Maugis (elasticity) parameter", 0.0),
    Quantity("tabor_parameter", "1", "mu", "Tabor's parameter", 0.0),
    Quantity("thickness", "m", "h", "thickness of the sample layer on its rigid base", 0.0, scale=1e-6, ends="(]"),
    # viscoelastic
    Quantity("viscosity", "Pa s", "eta", "viscosity", 0.0, scale=1e2),
    Quantity("equilibrium_modulus", "Pa", "E_e", "modulus that remains after relaxation", 0.0, scale=1e3),
    Quantity("relaxing_modulus", "Pa", "E_1", "modulus that relaxes", 0.0, scale=1e3),
    Quantity("relaxation_time", "s", "tau", "relaxation time", 0.0),
    Quantity("storage_modulus", "Pa", "E'", "storage part of the complex Young's modulus", scale=1e3),
    Quantity("loss_modulus", "Pa", "E''", "loss part of the complex Young's modulus", scale=1e3),
    Quantity("shear_storage_modulus", "Pa", "G'", "storage part of the complex shear modulus", scale=1e3),
    Quantity("shear_loss_modulus", "Pa", "G''", "loss part of the complex shear modulus", scale=1e3),
    Quantity("drag", "N s/m", "b", "drag coefficient of the cantilever at contact", 0.0, scale=1e-6),
    Quantity("drag_coefficient", "N s/m", "b_2", "viscous drag on the lever per speed", scale=1e-6),
    Quantity("lag", "s", "tau_H", "time by which the recorded height lags the true one", scale=1e-4),
    Quantity("order", "1", "beta", "exponent of a power law: 0 of a spring, 1 of a dashpot", 0.0, 1.0),
    Quantity("quasi_property", "Pa s^order", "c", "strength of a springpot", 0.0, scale=1e3),
    Quantity("larger_order", "1", "a", "larger of two exponents", 0.0, 1.0),
    Quantity("larger_quasi_property", "Pa s^order", "c_a", "strength of the springpot of larger exponent",
             0.0, scale=1e3),
    Quantity("smaller_order", "1", "b", "smaller of two exponents", 0.0, 1.0),
    Quantity("smaller_quasi_property", "Pa s^order", "c_b", "strength of the springpot of smaller exponent",
             0.0, scale=1e3),
    Quantity("parallel_order", "1", "c", "exponent of the parallel branch", 0.0, 1.0),
    Quantity("parallel_quasi_property", "Pa s^order", "c_c", "strength of the parallel springpot", 0.0, scale=1e3),
    Quantity("broadness", "1", "a", "exponent that broadens a relaxation: 1 of a single time", 0.0, 1.0),
    Quantity("asymmetry", "1", "b", "exponent that skews a relaxation: 1 if symmetric", 0.0, 1.0),
    # tip
    Quantity("radius", "m", "R", "radius of curvature of the tip apex", 0.0, scale=1e-6,
             aliases=("tip radius", "tip_radius"), ends="(]"),
    Quantity("half_angle", "rad", "alpha", "half-opening angle, between axis and side (face)",
             0.0, math.pi / 2, ends="()"),
    Quantity("punch_radius", "m", "a", "radius of a flat cylindrical punch", 0.0, scale=1e-6, ends="(]"),
    # instrument
    Quantity("spring_constant", "N/m", "k", "spring constant of the cantilever", 0.0, scale=0.1,
             aliases=("spring constant", "spring_const", "k", "springconstant"), ends="(]"),
    Quantity("sensitivity", "m/V", "s", "deflection sensitivity (inverse optical lever)", 0.0,
             scale=1e-8, aliases=("invols", "deflection sensitivity"), ends="(]"),
    Quantity("setpoint", "N", "F_set", "force at which the approach turns", scale=1e-9),
    Quantity("sampling_rate", "Hz", "f_s", "samples per second", 0.0, ends="(]",
             aliases=("sampling rate", "sample rate", "sampling frequency")),
    Quantity("temperature", "K", "T", "temperature", 0.0, ends="(]"),
    # sampled along a curve
    Quantity("time", "s", "t", "time since the start of the curve",
             aliases=("time", "seriesTime")),
    Quantity("height", "m", "z", "height of the cantilever base; falls towards the sample",
             scale=1e-6, aliases=("height (measured)", "measuredHeight", "capacitiveSensorHeight",
                                  "ZSnsr", "z sensor", "zsensr")),
    Quantity("height_drive", "m", "z_drive", "commanded height of the cantilever base",
             scale=1e-6, aliases=("height (piezo)", "height", "Raw", "z-axis")),
    Quantity("deflection_voltage", "V", "U", "photodiode signal of the cantilever deflection"),
    Quantity("deflection", "m", "d", "deflection of the cantilever; positive in repulsion",
             scale=1e-9, aliases=("vDeflection", "Defl", "DFL", "deflection")),
    Quantity("force", "N", "F", "force on the tip; positive in repulsion", scale=1e-9,
             aliases=("force", "load")),
    Quantity("tip_position", "m", "s", "tip-sample separation up to a constant: height + deflection",
             scale=1e-6, aliases=("tip position",)),
    Quantity("indentation", "m", "delta", "indentation of the sample; positive in contact",
             scale=1e-7, aliases=("indentation",)),
    # imaged
    Quantity("amplitude", "m", "A", "oscillation amplitude of the cantilever", 0.0, scale=1e-9),
    Quantity("amplitude_voltage", "V", "U_A", "photodiode signal of the oscillation amplitude"),
    Quantity("phase", "rad", "phi", "phase of the cantilever oscillation against its drive"),
    Quantity("frequency", "Hz", "f", "oscillation frequency of the cantilever, or its shift"),
    Quantity("friction", "N", "F_L", "lateral force on the tip", scale=1e-9),
    Quantity("friction_voltage", "V", "U_L", "photodiode signal of the cantilever torsion"),
    Quantity("potential", "V", "U_CPD", "surface (contact) potential"),
    Quantity("current", "A", "I", "current between tip and sample", scale=1e-9),
    # map
    Quantity("x", "m", "x", "lateral position of the curve", scale=1e-6,
             aliases=("position x",)),
    Quantity("y", "m", "y", "lateral position of the curve", scale=1e-6,
             aliases=("position y",)),
    # fitted or derived per curve
    Quantity("contact_point", "m", "z_0", "tip position at which the sample surface lies",
             scale=1e-6),
    Quantity("baseline_offset", "N", "b_0", "force of the baseline at the contact point", scale=1e-11),
    Quantity("baseline_tilt", "N/m", "b_1", "slope of the baseline against tip position", scale=1e-4),
    Quantity("pull_off_force", "N", "F_po", "largest attractive force of the retraction (a magnitude)",
             0.0, scale=1e-9),
    Quantity("force_max", "N", "F_max", "largest force above the baseline", scale=1e-9),
    Quantity("indentation_max", "m", "delta_max", "largest indentation in the fit", scale=1e-7),
    Quantity("noise_std", "N", "sigma_F", "standard deviation of the force noise on the baseline",
             0.0, scale=1e-11),
)

#: name -> Quantity
QUANTITIES: dict[str, Quantity] = {q.name: q for q in _ALL}

_ALIASES = {alias.lower(): q.name for q in reversed(_ALL) for alias in (*q.aliases, q.name)}


def canonical_name(name: str) -> str | None:
    """The vocabulary's name for ``name`` (any case; file aliases allowed), or None if unknown."""
    return _ALIASES.get(name.strip().lower())


def quantity(name: str, **kwargs: Any) -> Any:
    """An `equinox.field` that carries the Quantity ``name``; keywords (``default=...``) pass through.

    Numbers are checked against the bounds of the quantity; arrays pass as they are.

    >>> class Hertz(AbstractContactModel):                           # doctest: +SKIP
    ...     modulus: Float[Array, ""] = quantity("modulus")
    """
    import equinox as eqx
    import jax.numpy as jnp

    unit = "" if QUANTITIES[name].unit == "1" else QUANTITIES[name].unit

    def converted(value: Any) -> Any:
        if value is None or isinstance(value, (int, float, str)):
            return jnp.asarray(number(name, value, unit=unit, **bounds(name)))
        return value

    return eqx.field(converter=converted, metadata={"quantity": QUANTITIES[name]}, **kwargs)


def bounds(name: str) -> dict[str, float]:
    """What `asperity.messages.number` has to hold of this quantity: ``above`` or ``least``, and ``most``."""
    q = QUANTITIES[name]
    return {"above" if q.ends[0] == "(" else "least": q.lower,
            "most": math.nextafter(q.upper, q.lower) if q.ends[1] == ")" else q.upper}


def variable_attributes(name: str) -> dict[str, str]:
    """The attributes ``units``, ``long_name``, ``symbol`` of a dataset variable of this quantity."""
    q = QUANTITIES[name]
    return {"units": q.unit, "long_name": q.meaning, "symbol": q.symbol}
