r"""A lattice that is stiff and light: struts that are stretched, or struts that are bent.

With the share $\rho$ of the volume that is solid, of modulus $E_s$, the modulus of the lattice is

$$E = \tfrac13\,c\,E_s\,\rho \quad\text{(stretched)}, \qquad E = c\,E_s\,\rho^2 \quad\text{(bent)}$$

with c = 1 for ideal ones. Stretched struts are stiffer below $\rho = 1/3$, where the two are equal, and bent ones above
it: as formulas. Beyond some 0.3 the struts are no struts any more, and neither holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import xarray as xr

from asperity.data.verbs import verb
from asperity.learning.discovery import design
from asperity.learning.discovery.design import InverseProblem
from asperity.measurements.discovery.inverse.finishing import finished, in_words, preferred
from asperity.measurements.discovery.inverse.posterior import Input, known_of
from asperity.measurements.discovery.inverse.question import Question, Request, aims_of, answer

__all__ = ["bent_lattice", "design_lattice", "stretched_lattice"]

#: a printed acrylic
_SAMPLE = {"modulus": Input("Pa", 3e9, 0.10)}  # of the solid
_PROCESS = {"stretch_factor": Input("1", 1.0, 0.15, most=10.0),  # c: nodes, waviness, anisotropy
            "bend_factor": Input("1", 1.0, 0.15, most=10.0),
            "density_ratio": Input("1", 1.0, 0.05, most=10.0)}  # solid share as built over chosen
_VARIABLES = {"relative_density": (0.005, 0.6)}
_THICK = 0.3  # relative density beyond which neither formula holds
#: aim -> (small, bound where nobody gives one)
_TARGETS = {"built_density": (True, 0.2),
            "lattice_modulus": (False, 100e6)}  # Pa
_UNITS = {"relative_density": ("1", "share of the volume that is solid"),
          "built_density": ("1", "share of the volume that is solid, as built"),
          "lattice_modulus": ("Pa", "modulus of the lattice")}


def stretched_lattice(chosen: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """E = c E_s rho / 3.

    Source: Deshpande, Ashby, Fleck, Acta Mater. 49, 1035 (2001).
    """
    density = chosen["relative_density"] * known["density_ratio"]
    return {"built_density": density, "lattice_modulus": known["stretch_factor"] * known["modulus"] * density / 3}


def bent_lattice(chosen: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """E = c E_s rho^2.

    Source: Deshpande, Ashby, Fleck, Acta Mater. 49, 1035 (2001).
    """
    density = chosen["relative_density"] * known["density_ratio"]
    return {"built_density": density, "lattice_modulus": known["bend_factor"] * known["modulus"] * density**2}


@verb(results="results")
def design_lattice(results: xr.Dataset | None = None, *, sample: Mapping[str, float] | None = None,
                   targets: Mapping[str, float] | None = None, process: Mapping[str, float] | None = None,
                   probability: float = 0.9, prefer: str = "built_density", draws: int = 1000,
                   seed: int = 0) -> xr.Dataset:
    """The kind of a lattice and its relative density for a modulus, as light as can be.

    Args:
        results: of a fit with the modulus of the solid: draws are of its curves. Else ``sample`` says it.
        sample: ``modulus`` (Pa) of the solid with ``modulus_std`` (relative).
        targets: ``built_density`` (at most), ``lattice_modulus`` (Pa, at least).
        process: ``stretch_factor`` and ``bend_factor``, moduli over those of ideal lattices; ``density_ratio``, the
            solid share as built over the chosen one; with ``..._std``.
        probability: wanted, that all targets are met.
        prefer: ``built_density`` or ``lattice_modulus``, which is improved as far as the probability allows.
        draws: of what is known, that search; four times as many judge.
        seed: of the draws.

    Returns:
        as `asperity.measurements.discovery.inverse.tip.design_tip`; ``alternative`` is stretched or bent.

    Raises:
        ArgumentError: an input that there is not, or that cannot be.
        DataError: results without a usable curve.
    """
    index = preferred(prefer, ("built_density", "lattice_modulus"))
    aims, taken = aims_of(targets, _TARGETS, _UNITS)
    known = known_of({"sample": sample, "process": process}, {"sample": _SAMPLE, "process": _PROCESS}, results)
    problems = {name: InverseProblem(physics, _VARIABLES, (aims["built_density"], aims["lattice_modulus"]))
                for name, physics in (("stretched", stretched_lattice), ("bent", bent_lattice))}
    made = answer(Question("lattice", problems, _UNITS, known, Request(probability, index, draws, seed)))
    arguments = {"sample": sample, "targets": targets, "process": process, "probability": probability,
                 "prefer": prefer, "draws": draws, "seed": seed}
    words = in_words(known.taken | taken, {**_SAMPLE, **_PROCESS}, _UNITS)
    return finished(made, "design_lattice", arguments, words, results, (stretched_lattice, design),
                    _about_density(made))


def _about_density(made: xr.Dataset) -> list[str]:
    """Where the formulas are left."""
    said = ["Stretched and bent struts are equally stiff at a relative density of 1/3 for ideal lattices: below it "
            "stretched ones are better, above it bent ones, as formulas."]
    density = float(made["relative_density"].values[made["role"].values == "proposal"][0])
    if density > _THICK:
        said.append(f"The proposal has a relative density of {density:.2g}: beyond {_THICK} the struts are no struts, "
                    "and neither formula holds; treat it as a solid with pores.")
    return said
