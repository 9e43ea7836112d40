r"""A tip and a load for a stiff contact with little adhesion: Johnson, Kendall and Roberts's contact, turned round.

With the radius R of the tip and the load F chosen, the contact radius a follows from

$$a^3 = \frac{3R}{4E^*}\Big(F + 3\pi wR + \sqrt{6\pi wRF + (3\pi wR)^2}\Big), \qquad E^* = \frac{E}{1-\nu^2}$$

and from it the stiffness $dF/d\delta$, the mean pressure $F/\pi a^2$ and the pull-off force $\tfrac32\pi wR$. Without
adhesion in the contact a bound p of the pressure leaves $F_{po}/S \ge w/p$: no tip is better.
"""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import Any

import jax.numpy as jnp
import numpy as np
import xarray as xr

from asperity.data.verbs import verb
from asperity.learning.discovery import design
from asperity.learning.discovery.design import Aim, InverseProblem
from asperity.measurements.discovery.experiment.levers import levers_of
from asperity.measurements.discovery.inverse.finishing import finished, in_words, preferred
from asperity.measurements.discovery.inverse.posterior import Input, Knowledge, known_of
from asperity.measurements.discovery.inverse.question import Question, Request, aims_of, answer, answer_of_list
from asperity.messages import ArgumentError, known_keys, number

__all__ = ["design_tip", "pressed_tip"]

_NONE = float("nan")  # an input that is not there unless somebody says it
#: a glassy polymer
_SAMPLE = {"modulus": Input("Pa", 2.5e9, 0.10),
           "work_of_adhesion": Input("J/m^2", 0.05, 0.20),
           "poisson_ratio": Input("1", 0.35),
           "thickness": Input("m", _NONE)}
_LEVER = {"spring_constant": Input("N/m", _NONE),
          "radius_ratio": Input("1", 1.0, 0.10, most=10.0),  # true over chosen
          "load_ratio": Input("1", 1.0, 0.10, most=10.0)}
_VARIABLES = {"radius": (5e-9, 50e-6),  # m; etched tips to beads
              "load": (1e-11, 1e-3)}  # N
#: aim -> (small, bound where nobody gives one)
_TARGETS = {"pull_off_force": (True, 70e-9),  # N
            "stiffness": (False, 50.0),  # N/m
            "pressure": (True, 88e6)}  # Pa: 1.1 times a yield stress of 80 MPa, the onset of plasticity
_SLOPE = 0.3  # contact radius over tip radius: beyond it no paraboloid
_DEEP = 0.1  # contact radius over thickness: beyond it the base is felt by 10 % and more
_DEFLECTIONS = (2e-9, 500e-9)  # m: seen above the noise, and within a photodiode's range
_STIFFNESSES = (0.1, 30.0)  # of contact over lever
_LOADS = np.geomspace(1e-11, 1e-5, 49)  # N, at which each lever of a list is worked out
_RANGE = 0.3e-9  # m, of the attraction
_SOFT = 3.0  # Tabor's parameter, from which on JKR holds within some percent
_UNITS = {"radius": ("m", "radius of the tip"), "load": ("N", "load"),
          "spring_constant": ("N/m", "spring constant of the lever"),
          "pull_off_force": ("N", "pull-off force"), "stiffness": ("N/m", "stiffness of the contact"),
          "pressure": ("Pa", "mean pressure in the contact"),
          "contact_over_tip_radius": ("1", "contact radius over tip radius"),
          "contact_over_thickness": ("1", "contact radius over thickness"),
          "deflection": ("m", "deflection of the lever"), "least_deflection": ("m", "deflection of the lever"),
          "relative_stiffness": ("1", "stiffness of the contact over that of the lever"),
          "least_relative_stiffness": ("1", "stiffness of the contact over that of the lever")}


def pressed_tip(chosen: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """What follows from ``radius`` (m) and ``load`` (N): forces, stiffness and pressure of the contact, in SI.

    Source: Johnson, Kendall, Roberts, Proc. R. Soc. Lond. A 324, 301 (1971).
    """
    radius, load = chosen["radius"] * known["radius_ratio"], chosen["load"] * known["load_ratio"]
    modulus, w = known["modulus"] / (1 - known["poisson_ratio"] ** 2), known["work_of_adhesion"]
    pull = 3 * jnp.pi * w * radius
    a = jnp.cbrt(3 * radius / (4 * modulus) * (load + pull + jnp.sqrt(2 * pull * load + pull**2)))
    neck = jnp.sqrt(2 * jnp.pi * w * a / modulus)  # m, by which adhesion lifts the surface
    stiffness = (4 * modulus * a**2 / radius - 3 * modulus * neck) / (2 * a / radius - neck / (2 * a))
    spring = chosen.get("spring_constant", known.get("spring_constant", 1.0))
    deflection, relative = load / spring, stiffness / spring
    return {"pull_off_force": pull / 2, "stiffness": stiffness, "pressure": load / (jnp.pi * a**2),
            "contact_over_tip_radius": a / radius, "contact_over_thickness": a / known.get("thickness", 1.0),
            "deflection": deflection, "least_deflection": deflection, "relative_stiffness": relative,
            "least_relative_stiffness": relative}


def _limits(names: Mapping[str, Any]) -> list[Aim]:
    """Where the formulas hold, and what a lever can show."""
    found = [Aim("contact_over_tip_radius", True, _SLOPE)]
    if "thickness" in names:
        found.append(Aim("contact_over_thickness", True, _DEEP))
    if "spring_constant" in names:
        found += [Aim("deflection", True, _DEFLECTIONS[1]), Aim("least_deflection", False, _DEFLECTIONS[0]),
                  Aim("relative_stiffness", True, _STIFFNESSES[1]),
                  Aim("least_relative_stiffness", False, _STIFFNESSES[0])]
    return found


@verb(results="results")
def design_tip(results: xr.Dataset | None = None, *, sample: Mapping[str, float] | None = None,
               targets: Mapping[str, float] | None = None, lever: Mapping[str, float] | None = None,
               levers: Mapping[str, Any] | str | PathLike[str] | None = None, probability: float = 0.9,
               prefer: str = "pull_off_force", draws: int = 1000, seed: int = 0) -> xr.Dataset:
    """The radius of a tip and the load for a stiff contact, little pull-off force and a bounded pressure.

    Args:
        results: of a fit with modulus (and work of adhesion): draws are of its curves. Else ``sample`` says them.
        sample: ``modulus`` (Pa), ``work_of_adhesion`` (J/m^2), both with ``..._std`` (relative), ``poisson_ratio``, and
            ``thickness`` (m) of a layer, whose base must not be felt.
        targets: ``pull_off_force`` (N, at most), ``stiffness`` (N/m, at least), ``pressure`` (Pa, at most).
        lever: ``spring_constant`` (N/m), which then must show the load; ``radius_ratio`` and ``load_ratio``, true over
            chosen, with ``..._std``: how well a tip is as ordered, and a load as set.
        levers: instead of any radius, those of a table (see
            `asperity.measurements.discovery.experiment.levers.levers_of`), ``"catalogue"`` for the one that comes with
            asperity; or ``name``, ``spring_constant`` (N/m) and ``radius`` (m), lists. Each is worked out at 49 loads.
        probability: wanted, that all targets are met.
        prefer: ``pull_off_force`` or ``stiffness``, which is improved as far as the probability allows.
        draws: of what is known, that search; four times as many judge.
        seed: of the draws.

    Returns:
        rows of designs (``role``: the front, the same with back-off, the optimum, the proposal) with what follows from
        each, the probability that all targets are met, and the factors by which bounds must give if none can be.

    Raises:
        ArgumentError: an input that there is not, or that cannot be.
        DataError: results without a usable curve.

    Source: Johnson, Kendall, Roberts, Proc. R. Soc. Lond. A 324, 301 (1971).
    """
    index = preferred(prefer, ("pull_off_force", "stiffness"))
    aims, taken = aims_of(targets, _TARGETS, _UNITS)
    listed = _levers(levers)
    known = known_of({"sample": sample, "lever": lever}, {"sample": _SAMPLE, "lever": _LEVER}, results)
    if listed and "spring_constant" in known.values:
        raise ArgumentError("lever: spring_constant is given, and the levers have their own; leave one out")
    problem = InverseProblem(pressed_tip, _VARIABLES, (aims["pull_off_force"], aims["stiffness"]),
                             (aims["pressure"], *_limits({**known.values, **(listed or {})})))
    question = Question("tip", {"": problem}, _UNITS, known, Request(probability, index, draws, seed))
    made = answer(question) if listed is None else answer_of_list(question, *_pressed_with(listed))
    arguments = {"sample": sample, "targets": targets, "lever": lever, "levers": listed, "probability": probability,
                 "prefer": prefer, "draws": draws, "seed": seed}
    words = in_words(known.taken | taken, {**_SAMPLE, **_LEVER}, _UNITS)
    return finished(made, "design_tip", arguments, words, results, (pressed_tip, design), _about_adhesion(made, known))


def _levers(levers: Any) -> dict[str, list[Any]] | None:
    """``name``, ``spring_constant`` and ``radius`` of the levers that are meant, nominal ones of a table.

    Raises:
        ArgumentError: lists of different lengths, or numbers that cannot be. ReadError: no such table.
    """
    if levers is None:
        return None
    if not isinstance(levers, Mapping):
        found = levers_of(None if levers == "catalogue" else levers)
        return {"name": list(found.names), "spring_constant": found.spring_constant[:, 1].tolist(),
                "radius": found.radius[:, 1].tolist()}
    said = known_keys("levers", levers, ("name", "spring_constant", "radius"))
    if set(said) != {"name", "spring_constant", "radius"} or not all(isinstance(one, list | tuple)
                                                                     for one in said.values()):
        raise ArgumentError("levers: must be name, spring_constant and radius, each a list")
    if len({len(one) for one in said.values()}) != 1 or not said["name"]:
        raise ArgumentError("levers: name, spring_constant and radius must be lists of one length, not empty")
    return {"name": [str(name) for name in said["name"]],
            "spring_constant": [number("spring_constant in levers", k, above=0.0, most=1e6, unit="N/m")
                                for k in said["spring_constant"]],
            "radius": [number("radius in levers", r, above=0.0, most=0.1, unit="m") for r in said["radius"]]}


def _pressed_with(levers: Mapping[str, list[Any]]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Every lever at every load: the variables, and the names."""
    count = len(levers["name"])
    return ({"radius": np.repeat(levers["radius"], len(_LOADS)), "load": np.tile(_LOADS, count),
             "spring_constant": np.repeat(levers["spring_constant"], len(_LOADS))},
            np.repeat(levers["name"], len(_LOADS)))


def _about_adhesion(made: xr.Dataset, known: Knowledge) -> list[str]:
    """Whether the contact is one of Johnson, Kendall and Roberts's."""
    radius = float(made["radius"].values[made["role"].values == "proposal"][0])
    modulus = known.values["modulus"] / (1 - known.values["poisson_ratio"] ** 2)
    tabor = float(np.cbrt(radius * known.values["work_of_adhesion"] ** 2 / (modulus**2 * _RANGE**3)))
    if tabor > _SOFT:
        return []
    return [f"Tabor's parameter is {tabor:.2g} for an attraction that reaches 0.3 nm: between the limits of DMT and "
            "JKR. JKR, which is taken here, tells the pull-off force up to a quarter too small for so stiff a contact."]
