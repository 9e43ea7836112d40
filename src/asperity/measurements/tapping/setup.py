"""What taps on what: the lever, its tip and the sample, from what people say of them and what is taken otherwise."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from asperity.contact.named import ModelError, contact_model, known_models
from asperity.dynamics.cantilever import Cantilever, euler_bernoulli
from asperity.dynamics.tip_force import TipForce
from asperity.messages import ArgumentError, known_keys, number, whole

__all__ = ["Setup", "setup"]

#: a stiff silicon lever in air, where nobody says another
_LEVER = {"spring_constant": 40.0,  # N/m
          "frequency": 300e3,  # Hz
          "quality": 400.0,
          "modes": 1}
#: a sharp tip of silicon on a polymer
_TIP = {"radius": 10e-9,  # m
        "modulus": 1e9,  # Pa
        "poisson_ratio": 0.3,
        "half_angle": math.radians(20),
        "punch_radius": 10e-9,  # m
        "work_of_adhesion": 0.05}  # J/m^2
#: beside the inputs of the contact model
_BESIDE = {"radius": 10e-9,  # m; of the apex, where the contact model has none
           "hamaker": 6.4e-20,  # J; silicon and a polymer
           "cutoff": 0.165e-9,  # m; between atoms in contact
           "viscosity": 0.0}  # Pa s
_MOST = {"radius": 0.1,  # m
         "hamaker": 1e-17,  # J; metals have 5e-19
         "cutoff": 1e-8,  # m
         "viscosity": 1e9}  # Pa s
_LEAST_QUALITY = 0.51  # below 1/2 nothing oscillates
_MOST_QUALITY = 1e6  # of levers in vacuum; a point of a sweep then takes minutes
_MOST_FREQUENCY = 1e9  # Hz
_MOST_MODES = 4  # 512 steps of a period of the first are 15 of the fourth


class Setup(NamedTuple):
    """What is simulated."""

    lever: Cantilever
    force: TipForce
    named: dict[str, Any]  # every input, in SI
    taken: dict[str, Any]  # those of them that nobody said


def setup(sample: str | Mapping[str, Any], lever: Mapping[str, float] | None) -> Setup:
    """The lever and the tip force that are meant.

    Args:
        sample: the name of a contact model, or ``name`` with its inputs (``radius``, ``modulus``, ...) and ``hamaker``
            (J), ``cutoff`` (m), ``viscosity`` (Pa s).
        lever: ``spring_constant`` (N/m), ``frequency`` (Hz), ``quality``, ``modes``.

    Raises:
        ArgumentError: an input that there is not, or that cannot be.
    """
    beam, unsaid = _lever(lever)
    try:
        force, named, untold = _sample({"name": sample} if isinstance(sample, str) else dict(sample))
    except ModelError as error:
        raise ArgumentError(f"sample: {error}") from error
    return Setup(beam, force, {**_LEVER, **dict(lever or {}), **named}, unsaid | untold)


def _lever(given: Mapping[str, float] | None) -> tuple[Cantilever, dict[str, Any]]:
    said = known_keys("lever", given, _LEVER)
    inputs = {**_LEVER, **said}
    number("spring_constant in lever", inputs["spring_constant"], above=0.0, most=1e6, unit="N/m")
    number("frequency in lever", inputs["frequency"], above=0.0, most=_MOST_FREQUENCY, unit="Hz")
    number("quality in lever", inputs["quality"], least=_LEAST_QUALITY, most=_MOST_QUALITY)
    modes = whole("modes in lever", inputs["modes"], 1, _MOST_MODES)
    made = euler_bernoulli(inputs["spring_constant"], inputs["frequency"], np.full(modes, float(inputs["quality"])))
    return made, {name: value for name, value in _LEVER.items() if name not in {*said, "modes"}}


def _sample(given: dict[str, Any]) -> tuple[TipForce, dict[str, Any], dict[str, Any]]:
    """The tip force, all its inputs, and those that nobody said."""
    written = given.pop("name", "hertz")
    name = re.sub(r"[\s-]+", "_", str(written).strip().lower())
    kind = known_models().get(name) or type(contact_model({"name": written}))
    inputs = {field.name for field in dataclasses.fields(kind)}
    beside = {key: number(f"{key} in sample", given.pop(key), least=0.0, most=most)
              for key, most in _MOST.items() if key in given and key not in inputs}
    untold = {key: value for key, value in _TIP.items() if key in inputs and key not in given}
    if given.get("work_of_adhesion") == 0:
        raise ArgumentError(f"work_of_adhesion = 0 J/m^2: the contact model '{name}' is one of adhesion, and must have "
                            "some; without any take hertz, or cone")
    contact = contact_model({"name": name, **given, **untold})
    usual = dict(_BESIDE)
    if "work_of_adhesion" in inputs:
        usual["hamaker"] = 0.0
        if beside.get("hamaker", 0.0) > 0:
            raise ArgumentError(f"hamaker = {beside['hamaker']:g} J: the contact model '{name}' attracts by its work "
                                "of adhesion, and a Hamaker constant would count that twice; leave it out, or take a "
                                "model without adhesion, such as hertz")
    values = {key: float(np.asarray(getattr(contact, key))) for key in inputs
              if not isinstance(getattr(contact, key), str)}
    force = {**usual, **beside}
    apex = values.get("radius", force["radius"])
    made = TipForce(contact, jnp.asarray(apex), jnp.asarray(force["hamaker"]), jnp.asarray(force["cutoff"]),
                    jnp.asarray(force["viscosity"]))
    unsaid = untold | {key: usual[key] for key in ("radius", "hamaker") if key not in {**beside, **values}}
    return made, {"model": name, **force, **values}, unsaid
