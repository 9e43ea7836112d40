r"""A film thick enough for its base not to be felt: the exact layer, turned round.

With the thickness h and the load F chosen, the indentation $\delta$ of a sphere of radius R follows from

$$F = \tfrac43 E^*\sqrt R\,\delta^{3/2}\;C_\nu\!\left(\frac{\sqrt{R\delta}}{h}\right)$$

with the tabulated solution C for a film that is bonded to a rigid base, and C - 1 is by how much the modulus of a
half-space would come out too large. At a bound of it $\sqrt{R\delta}/h$ is one number: the front is
$h \propto \sqrt\delta$.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import xarray as xr

from asperity.contact._layer_table import REACH, layer_correction
from asperity.contact.layered import HertzBondedLayer
from asperity.data.verbs import verb
from asperity.learning.discovery import design
from asperity.learning.discovery.design import Aim, InverseProblem
from asperity.learning.discovery.newton import newton
from asperity.measurements.discovery.inverse.finishing import finished, in_words, preferred
from asperity.measurements.discovery.inverse.posterior import Input, known_of
from asperity.measurements.discovery.inverse.question import Question, Request, aims_of, answer

__all__ = ["design_film", "pressed_film"]

#: a soft gel under a bead
_SAMPLE = {"modulus": Input("Pa", 10e3, 0.10),
           "poisson_ratio": Input("1", 0.5)}
_LEVER = {"radius": Input("m", 2.5e-6, 0.05),
          "load_ratio": Input("1", 1.0, 0.10, most=10.0),  # true over chosen
          "thickness_ratio": Input("1", 1.0, 0.05, most=10.0)}
_VARIABLES = {"thickness": (1e-9, 1e-3),  # m
              "load": (1e-12, 1e-4)}  # N
#: aim -> (small, bound where nobody gives one)
_TARGETS = {"film_thickness": (True, 20e-6),  # m
            "indentation": (False, 100e-9),  # m: well above noise and roughness
            "base_effect": (True, 0.10),
            "strain": (True, 0.10)}  # indentation over thickness
_SLOPE = 0.3  # contact radius over tip radius: beyond it no paraboloid
_UNITS = {"thickness": ("m", "thickness of the film"), "load": ("N", "load"),
          "film_thickness": ("m", "thickness of the film as it comes out"),
          "indentation": ("m", "indentation"),
          "base_effect": ("1", "by how much the base makes the modulus too large, fitted as a half-space"),
          "strain": ("1", "indentation over thickness"),
          "contact_over_tip_radius": ("1", "contact radius over tip radius"),
          "contact_over_thickness": ("1", "contact radius over thickness")}


def pressed_film(chosen: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """What follows from ``thickness`` (m) and ``load`` (N): the indentation and how far the base is felt, in SI.

    Source: Dimitriadis et al., Biophys. J. 82, 2798 (2002); Hayes et al., J. Biomech. 5, 541 (1972).
    """
    thickness, load = chosen["thickness"] * known["thickness_ratio"], chosen["load"] * known["load_ratio"]
    radius, ratio = known["radius"], known["poisson_ratio"]
    half = (3 * load * (1 - ratio**2) / (4 * known["modulus"] * jnp.sqrt(radius))) ** (2 / 3)

    def pressed(logarithm: Any) -> Any:
        """ln of the force over that for which the half-space is indented by 1 m."""
        reach = jnp.sqrt(radius) * jnp.exp(logarithm / 2) / thickness
        return 1.5 * logarithm + jnp.log(layer_correction(reach, ratio, 2, True))

    found = newton(pressed, 1.5 * jnp.log(half), jnp.log(half))
    indentation = jnp.exp(found)
    contact = jnp.sqrt(radius * indentation)
    return {"film_thickness": thickness, "indentation": indentation,
            "base_effect": jnp.exp(pressed(found) - 1.5 * found) - 1, "strain": indentation / thickness,
            "contact_over_tip_radius": contact / radius, "contact_over_thickness": contact / thickness}


@verb(results="results")
def design_film(results: xr.Dataset | None = None, *, sample: Mapping[str, float] | None = None,
                targets: Mapping[str, float] | None = None, lever: Mapping[str, float] | None = None,
                probability: float = 0.9, prefer: str = "film_thickness", draws: int = 1000,
                seed: int = 0) -> xr.Dataset:
    """The thickness of a film and the load at which it is indented far enough and its base is not felt.

    Args:
        results: of a fit with modulus: draws are of its curves. Else ``sample`` says it.
        sample: ``modulus`` (Pa) with ``modulus_std`` (relative), ``poisson_ratio``.
        targets: ``film_thickness`` (m, at most), ``indentation`` (m, at least), ``base_effect`` (at most: by how much a
            half-space would be too stiff), ``strain`` (indentation over thickness, at most).
        lever: ``radius`` (m) of the tip; ``load_ratio`` and ``thickness_ratio``, true over chosen; with ``..._std``.
        probability: wanted, that all targets are met.
        prefer: ``film_thickness`` or ``indentation``, which is improved as far as the probability allows.
        draws: of what is known, that search; four times as many judge.
        seed: of the draws.

    Returns:
        as `asperity.measurements.discovery.inverse.tip.design_tip`.

    Raises:
        ArgumentError: an input that there is not, or that cannot be.
        DataError: results without a usable curve.
    """
    index = preferred(prefer, ("film_thickness", "indentation"))
    aims, taken = aims_of(targets, _TARGETS, _UNITS)
    known = known_of({"sample": sample, "lever": lever}, {"sample": _SAMPLE, "lever": _LEVER}, results)
    problem = InverseProblem(pressed_film, _VARIABLES, (aims["film_thickness"], aims["indentation"]), (
        aims["base_effect"], aims["strain"], 
        Aim("contact_over_tip_radius", True, _SLOPE), Aim("contact_over_thickness", True, REACH)))
    made = answer(Question("film", {"": problem}, _UNITS, known, Request(probability, index, draws, seed)))
    arguments = {"sample": sample, "targets": targets, "lever": lever, "probability": probability, "prefer": prefer,
                 "draws": draws, "seed": seed}
    words = in_words(known.taken | taken, {**_SAMPLE, **_LEVER}, _UNITS)
    return finished(made, "design_film", arguments, words, results, (pressed_film, HertzBondedLayer, design))
