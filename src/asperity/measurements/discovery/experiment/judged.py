"""Every lever of a catalogue at every load: uncertainty, constraints, what better calibrations would do."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from asperity.learning.discovery.experiment_budget import (
    CONSTRAINTS,
    SOURCES,
    Pressed,
    RelativeStd,
    SignalNoise,
    budget,
    contacted,
    factors,
    floor,
    force,
    margins,
    total,
)
from asperity.learning.discovery.experiment_signal import curve_information, slope_information
from asperity.measurements.discovery.calibration_levels import BEST
from asperity.measurements.discovery.experiment.levers import Levers

__all__ = ["LOADS", "Asked", "best", "better", "judged", "lever_loads", "nearest"]

#: N, from far below to far above what a cantilever presses with: steps of 15 %
LOADS = np.geomspace(1e-12, 1e-4, 129)
#: where in the ranges of modulus, spring constant and radius a lever is judged: each end and the middle
_CORNERS = np.stack(np.meshgrid(range(3), range(3), range(3), indexing="ij")).reshape(3, -1)
#: of them those with the nominal lever
_NOMINAL = np.flatnonzero((_CORNERS[1] == 1) & (_CORNERS[2] == 1))
_SEED = 0  # of the draws, which all levers share
_UNCERTAIN = 0.5  # of ln E at least, beforehand: a modulus that is asked for is known to a factor of 1.6
_AS_GOOD = 1.02  # times the least uncertainty: among such loads the one farthest from all constraints is best
_STIFFNESSES = np.geomspace(1e-3, 1e3, 49)  # N/m, of the region that is drawn, and of a probe that nobody sells
_RADII = np.geomspace(5e-9, 5e-5, 33)  # m, of such a probe


class Asked(NamedTuple):
    """What is measured, how well all is known, and with what."""

    modulus: np.ndarray  # (3,) lowest, geometric mean, highest; Pa
    sample: dict[str, float]
    known: RelativeStd
    signal: SignalNoise
    levers: Levers


_OVER_LOADS = Pressed(None, None, None, None, None, None, 0)  # type: ignore[arg-type]
_OVER_CORNERS = Pressed(0, None, None, None, 0, 0, None)  # type: ignore[arg-type]


@partial(jax.jit, static_argnames="layered")
def _everywhere(pressed: Pressed, known: tuple[RelativeStd, ...], signal: SignalNoise, layered: bool) -> Any:
    """(corner, load): standard uncertainties by calibration, the budget of the first, margins, and the contact."""
    def one(at: Pressed) -> Any:
        by = factors(at, signal, layered=layered)
        parts = [budget(by, each, signal) for each in known]
        return (jnp.stack([total(part) for part in parts]), jnp.stack(parts[0]), margins(at, layered=layered),
                contacted(at, layered=layered))

    return jax.vmap(jax.vmap(one, (_OVER_LOADS,)), (_OVER_CORNERS,))(pressed)


@partial(jax.jit, static_argnames="layered")
def _edges(pressed: Pressed, layered: bool) -> Any:
    """(corner, load): the largest margin, and deflection over indentation."""
    def one(at: Pressed) -> Any:
        return margins(at, layered=layered).max(), contacted(at, layered=layered).ratio

    return jax.vmap(jax.vmap(one, (_OVER_LOADS,)), (_OVER_CORNERS,))(pressed)


def _pressed(asked: Asked, modulus: np.ndarray, constants: np.ndarray, radii: np.ndarray) -> Pressed:
    return Pressed(jnp.asarray(modulus), asked.sample["poisson_ratio"], asked.sample["thickness"],
                   asked.sample["yield_stress"], jnp.asarray(constants), jnp.asarray(radii), jnp.asarray(LOADS))


def better(known: RelativeStd) -> dict[str, RelativeStd]:
    """What would be known if each calibration alone, and then all, were as good as it is done best.

    A better sensitivity makes a thermal spring constant better; a better spring constant is by another method.
    """
    own = math.sqrt(max(float(known.spring_constant) ** 2 - 4 * float(known.sensitivity) ** 2, 0.0))
    least = {key: min(float(getattr(known, key)), value) for key, value in BEST.items()}
    constant = {"spring_constant": least["spring_constant"]}
    if float(known.spring_constant) > BEST["spring_constant"]:
        constant["thermal"] = False
    slope = {"sensitivity": least["sensitivity"]}
    if known.thermal:
        slope["spring_constant"] = math.hypot(own, 2 * least["sensitivity"])
    rest = {"radius": least["radius"], "thickness": least["thickness"]}
    return {"spring constant": known._replace(**constant), "sensitivity": known._replace(**slope),
            "radius": known._replace(radius=rest["radius"]), "thickness": known._replace(thickness=rest["thickness"]),
            "all": known._replace(**{**slope, **constant, **rest})}


def judged(asked: Asked, layered: bool) -> xr.Dataset:
    """The levers at all loads, over the ranges; see `asperity.plan_experiment`."""
    levers, alone = asked.levers, better(asked.known)
    rows = []
    with jax.enable_x64(True):
        for constants, radii in zip(levers.spring_constant, levers.radius):
            pressed = _pressed(asked, asked.modulus[_CORNERS[0]], constants[_CORNERS[1]], radii[_CORNERS[2]])
            found = _everywhere(pressed, (asked.known, *alone.values()), asked.signal, layered=layered)
            rows.append(jax.tree.map(np.asarray, found))
    std, parts, edge = (np.stack([row[i] for row in rows]) for i in range(3))  # (lever, corner, load, ...)
    contact = jax.tree.map(lambda *one: np.stack(one)[:, len(_CORNERS[0]) // 2], *(row[3] for row in rows))
    worst = std[:, _NOMINAL][..., 0].argmax(1)[:, None, :]  # of the moduli, with the nominal lever
    nominal = np.take_along_axis(std[:, _NOMINAL], worst[..., None], 1)[:, 0]
    variance = np.take_along_axis(parts[:, _NOMINAL], worst[..., None], 1)[:, 0]
    said = "relative standard uncertainty of the modulus"
    dims, more = ("lever", "load"), ("lever", "load", "constraint")
    told = {"std": (dims, nominal[..., 0], {"units": "1", "long_name": f"largest {said} over its range, with the "
                                            "nominal lever"}),
            "std_robust": (dims, std[..., 0].max(1), {"units": "1", "long_name": f"largest {said} over its range and "
                                                      "that of the lever"}),
            "std_better": ((*dims, "better"), nominal[..., 1:], {"units": "1", "long_name": f"{said}, if this were "
                                                                 "calibrated better"}),
            "variance": ((*dims, "source"), variance, {"units": "1", "long_name": "of ln modulus, where it is "
                                                       "largest, with the nominal lever"}),
            "margin": (more, edge[:, _NOMINAL].max(1), {"units": "1", "long_name": "ln of value over bound"}),
            "margin_robust": (more, edge.max(1), {"units": "1", "long_name": "the same over the range of the lever"}),
            **_contacts(contact)}
    for end in ("", "_robust"):
        told[f"feasible{end}"] = (dims, (told[f"margin{end}"][1] <= 0).all(-1), {
            "long_name": "no constraint is broken" + (" in the range of the lever" if end else "")})
    made = xr.Dataset(told, {
        "lever": list(levers.names), "load": ("load", LOADS, {"units": "N", "long_name": "largest load"}),
        "constraint": list(CONSTRAINTS), "source": list(SOURCES), "better": list(alone),
        "end": ["lowest", "nominal", "highest"],
        "spring_constant": (("lever", "end"), levers.spring_constant, {"units": "N/m"}),
        "radius": (("lever", "end"), levers.radius, {"units": "m"}),
        "tip": ("lever", list(levers.tips)), "origin": ("lever", list(levers.sources))})
    with jax.enable_x64(True):
        about = {"floor": float(floor(asked.known)), **_probe(asked, made, layered), **_base(asked, made, layered)}
    more_told = {**_region(asked, made, layered), "information": _information(asked, made, layered)}
    return made.assign(more_told).assign_attrs(about)


def lever_loads(plan: xr.Dataset) -> list[tuple[int | None, bool]]:
    """Each lever's best load, None if it has none, and whether that holds over the lever's range."""
    found = []
    for i in range(plan.sizes["lever"]):
        one = plan.isel(lever=[i])
        robust = best(one, "_robust")
        design = robust or best(one)
        found.append((None if design is None else design[1], robust is not None))
    return found


@partial(jax.jit, static_argnames="layered")
def _nats(pressed: Pressed, known: RelativeStd, signal: SignalNoise, spread: float, layered: bool) -> Any:
    over = Pressed(None, None, None, None, 0, 0, 0)  # type: ignore[arg-type]

    def one(at: Pressed) -> Any:
        if layered:
            return slope_information(at, known, signal, spread, layered=True)
        return curve_information(at, known, signal, spread, jax.random.key(_SEED))

    return jax.vmap(one, (over,))(pressed)


def _information(asked: Asked, plan: xr.Dataset, layered: bool) -> Any:
    """Nats about ln E that each lever is expected to tell at its best load, beside what its range says already."""
    spread = max(math.log(asked.modulus[2] / asked.modulus[0]) / math.sqrt(12), _UNCERTAIN)
    loads = [load for load, _ in lever_loads(plan)]
    with jax.enable_x64(True):
        at = Pressed(asked.modulus[1], asked.sample["poisson_ratio"], asked.sample["thickness"],
                     asked.sample["yield_stress"], jnp.asarray(plan["spring_constant"].values[:, 1]),
                     jnp.asarray(plan["radius"].values[:, 1]), jnp.asarray([LOADS[load or 0] for load in loads]))
        none = all(load is None for load in loads)
        nats = np.nan if none else np.asarray(_nats(at, asked.known, asked.signal, spread, layered=layered))
    return ("lever", np.where([load is None for load in loads], np.nan, nats), {
        "units": "1", "long_name": f"expected information on ln modulus (nats) at the best load, which was known to "
        f"{spread:.2g}"})


def _base(asked: Asked, plan: xr.Dataset, layered: bool) -> dict[str, float]:
    """By how much a bonded base raises the force on the half-space that is fitted, at most, in the best design."""
    thickness = asked.sample["thickness"]
    if layered or not math.isfinite(thickness):
        return {}
    lever, load = best(plan, "_robust") or best(plan) or nearest(plan)
    radius = float(plan["radius"].values[lever, 2])
    soft = Pressed(asked.modulus[0], asked.sample["poisson_ratio"], thickness, math.inf, 1.0, radius, LOADS[load])
    depth = contacted(soft).indentation
    ratio = force(depth, soft, layered=True) / force(depth, soft, layered=False)
    return {"base_bias": float(ratio) - 1}


def _contacts(at: Any) -> dict[str, Any]:
    """The contact in the middle of all ranges."""
    meanings = {"indentation": ("m", "largest indentation"), "contact_radius": ("m", "largest contact radius"),
                "pressure": ("Pa", "largest mean pressure"), "deflection": ("m", "largest deflection")}
    return {name: (("lever", "load"), getattr(at, name),
                   {"units": unit, "long_name": f"{meaning}, in the middle of all ranges"})
            for name, (unit, meaning) in meanings.items()}


def best(plan: xr.Dataset, end: str = "", std: xr.DataArray | None = None) -> tuple[int, int] | None:
    """Lever and load of the least uncertainty that breaks no constraint; None if all do.

    Args:
        plan: as `judged` makes it.
        end: "_robust" over the range of the lever.
        std: another uncertainty than that of the plan.
    """
    values = np.where(plan[f"feasible{end}"].values, (plan[f"std{end}"] if std is None else std).values, np.inf)
    if not np.isfinite(values).any():
        return None
    lever = int(values.min(1).argmin())
    good = values[lever] <= _AS_GOOD * values[lever].min()
    return lever, int(np.where(good, plan[f"margin{end}"].values[lever].max(-1), np.inf).argmin())


def nearest(plan: xr.Dataset, end: str = "") -> tuple[int, int]:
    """Lever and load at which the constraint that is broken most is broken least."""
    edge = plan[f"margin{end}"].values.max(-1)
    lever, load = np.unravel_index(int(edge.argmin()), edge.shape)
    return int(lever), int(load)


def _region(asked: Asked, plan: xr.Dataset, layered: bool) -> dict[str, Any]:
    """The largest uncertainty over stiffness and load with the radius of the best lever; NaN if a constraint breaks."""
    lever, _ = best(plan, "_robust") or best(plan) or nearest(plan)
    radius = float(plan["radius"].values[lever, 1])
    rows = []
    with jax.enable_x64(True):
        for constant in _STIFFNESSES:
            pressed = _pressed(asked, asked.modulus, np.full(3, constant), np.full(3, radius))
            std, _, edge, _ = _everywhere(pressed, (asked.known,), asked.signal, layered=layered)
            rows.append(np.where((np.asarray(edge) <= 0).all((0, -1)), np.asarray(std)[..., 0].max(0), np.nan))
    return {"region_std": (("stiffness", "load"), np.stack(rows), {
        "units": "1", "long_name": f"largest uncertainty with the radius of {plan['lever'].values[lever]}"}),
        "stiffness": ("stiffness", _STIFFNESSES, {"units": "N/m"})}


def _probe(asked: Asked, plan: xr.Dataset, layered: bool) -> dict[str, float]:
    """Of a plan without a feasible lever: the probe of any stiffness and radius that would do best, if one would."""
    if plan["feasible"].values.any():
        return {}
    found, shape, least = {}, len(_STIFFNESSES), math.inf
    for radius in _RADII:
        pressed = _pressed(asked, np.tile(asked.modulus, shape), np.repeat(_STIFFNESSES, 3), np.full(3 * shape, radius))
        edge, ratio = (np.asarray(one).reshape(shape, 3, -1).max(1) for one in _edges(pressed, layered=layered))
        cost = np.where(edge <= 0, ratio / (1 + ratio), 1 + np.maximum(edge, 0.0))  # one that is allowed, before others
        stiff, load = np.unravel_index(int(cost.argmin()), cost.shape)
        if cost[stiff, load] < least:
            least = cost[stiff, load]
            found = {"probe_margin": float(edge[stiff, load]), "probe_radius": float(radius),
                     "probe_spring_constant": float(_STIFFNESSES[stiff]), "probe_load": float(LOADS[load])}
    one = Pressed(asked.modulus[1], asked.sample["poisson_ratio"], asked.sample["thickness"],
                  asked.sample["yield_stress"], found["probe_spring_constant"], found["probe_radius"],
                  found["probe_load"])
    found["probe_std"] = float(total(budget(factors(one, asked.signal, layered=layered), asked.known, asked.signal)))
    return found
