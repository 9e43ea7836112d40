"""The page about the mechanics of a crystal: its constants, and what it costs to slide a plane."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from asperity.data.results import listed
from asperity.measurements.atoms.mechanics_claims import constant_rows, reference_of, told, with_band
from asperity.report.page import Finding, Page, Panel
from asperity.report.pictures import Line, lines, picture

if TYPE_CHECKING:
    from bokeh.plotting import figure

__all__ = ["page"]

_ANGSTROM = 1e-10  # m
_PIXELS = 96  # of the map of slip energies, along x
_STATES = {"unrelaxed": "all atoms held", "gap": "the gap at rest", "full": "all atoms at rest"}
_MODULI = (("bulk_modulus", "K", "bulk modulus"), ("shear_modulus", "G", "shear modulus"),
           ("young_modulus", "E", "Young's modulus"), ("poisson_ratio", "nu", "Poisson's ratio"),
           ("anisotropy", "", "universal anisotropy"), ("least_stiffness", "", "least stiffness of any strain"))


def page(made: xr.Dataset) -> Page:
    """The page about the result of `asperity.measurements.atoms.mechanics.crystal_mechanics`."""
    said = [str(one) for one in listed(made, "findings")]
    panels = [_constants(made), _moduli(made), _rest(made)]
    if "interfacial_stiffness" in made:
        panels[1:1] = [_stiffness(made), _slip(made), _surface(made)]
    panels.append(_potentials(made))
    return Page("mechanics of a crystal", f"{made.attrs['formula']}: elastic constants and sliding planes", said[0],
                _findings(made), tuple(said[1:]), tuple(panels))


def _findings(made: xr.Dataset) -> tuple[Finding, ...]:
    rows = [Finding("bulk modulus", told(made, "bulk_modulus"), "Hill's mean; of a polycrystal."),
            Finding("shear modulus", told(made, "shear_modulus"), "Hill's mean; of a polycrystal.")]
    if "interfacial_stiffness" in made:
        rows += [Finding("interfacial stiffness", told(made, "interfacial_stiffness", state="gap", way="x", push="x"),
                         f"Of the plane {made.attrs['plane']}, with the gap at rest, along x."),
                 Finding("ideal shear strength", told(made, "ideal_shear_strength", relaxation="gap"),
                         "Largest shear stress on the way, with the gap at rest.")]
    return tuple(rows)


def _beside(made: xr.Dataset, *names: str) -> tuple[str, ...]:
    """The cell of the reference, where the user gave any."""
    given = reference_of(made)
    if not given:
        return ()
    found = next((given[name] for name in names if name in given), None)
    return ("" if found is None else f"{found:.4g}",)


def _title(made: xr.Dataset, words: str) -> tuple[str, ...]:
    """What stands over the cells of the reference, where there are any."""
    return (words,) if reference_of(made) else ()


def _constants(made: xr.Dataset) -> Panel:
    rows = []
    for row in constant_rows(made):
        parts = []
        for name in ("elastic_constant", "elastic_constant_clamped"):
            value, low, high = (float(made[name + end].values[row.place]) for end in ("", "_low", "_high"))
            parts.append(with_band(value, low, high, "GPa"))
        rows.append((row.name, *parts, *_beside(made, *row.name.split(", "))))
    words = ("Those that are not named are 0 (below 0.2 % of the largest). Strains in the order xx, yy, zz, yz, xz, xy "
             "of the axes in which the crystal was given.")
    return Panel("Elastic constants", words, (), ("constants", "atoms at rest", "atoms strained like the cell",
                                                  *_title(made, "reference (GPa)")), tuple(rows))


def _moduli(made: xr.Dataset) -> Panel:
    rows = []
    for name, symbol, word in _MODULI:
        bounds = ""
        if f"{name}_voigt" in made:
            bounds = (f"{with_band(float(made[f'{name}_reuss']), np.nan, np.nan, 'GPa')} to "
                      f"{with_band(float(made[f'{name}_voigt']), np.nan, np.nan, 'GPa')}")
        rows.append((word, told(made, name), bounds, *_beside(made, symbol)))
    return Panel("Moduli of a polycrystal", "Between the bounds of equal stress (Reuss) and equal strain (Voigt).", (),
                 ("modulus", "Hill's mean", "bounds", *_title(made, "reference (GPa)")), tuple(rows))


def _rest(made: xr.Dataset) -> Panel:
    rows = [(f"length {name}", told(made, "length", vector=name), *_beside(made, name)) for name in "abc"]
    more = _beside(made)
    rows += [(f"angle at {name}", told(made, "angle", vector=name), *more) for name in "abc"]
    rows += [("volume of an atom", told(made, "volume_per_atom"), *more),
             ("energy of an atom", told(made, "energy_per_atom"), *more), ("pressure", told(made, "pressure"), *more)]
    return Panel("The crystal at rest", "", (), ("", "value", *_title(made, "reference")), tuple(rows))


def _stiffness(made: xr.Dataset) -> Panel:
    rows = []
    for state, words in _STATES.items():
        values = [told(made, "interfacial_stiffness", state=state, way=way, push=push)
                  for way, push in (("x", "x"), ("y", "y"), ("x", "y"))]
        rows.append((words, *values))
    a = made.attrs
    words = (f"What it costs to slide one half of the crystal over the other, for each area. x lies along the shortest "
             f"vector of the plane's lattice; the gap between the atoms on both sides is {a['gap']:.3g} Å. With all "
             f"atoms at rest the crystal between two such planes, {a['slab_thickness']:.3g} Å thick, gives way as "
             "well: that number depends on it.")
    return Panel(f"Interfacial stiffness of the plane ({a['plane']})", words, (), ("", "xx", "yy", "xy"), tuple(rows))


def _slip(made: xr.Dataset) -> Panel:
    at = made["slip"].values
    figures = []
    for name, title, unit in (("slip_energy", "slip energy", "J/m²"), ("slip_traction", "shear stress", "GPa")):
        drawn = []
        for which, label in (("rigid", "rigid"), ("gap", "gap at rest")):
            value, low, high = (made[name + end].sel(relaxation=which).values for end in ("", "_low", "_high"))
            if np.isfinite(value).all():
                band = (low, high) if np.isfinite(low).all() else (None, None)
                drawn.append(Line(label, at, value, *band))
        figures.append(lines(drawn, title, "slip (Å)", f"{title} ({unit})"))
    strong = [f"{told(made, 'ideal_shear_strength', relaxation=which)} {words}"
              for which, words in (("rigid", "rigid"), ("gap", "with the gap at rest"))]
    along = f"along [{made.attrs['direction']}]" if made.attrs["direction"] else "along x"
    return Panel("On the way", f"One half slides {along} until the crystal repeats. Ideal shear strength: "
                 f"{', '.join(strong)}.", tuple(figures))


def _surface(made: xr.Dataset) -> Panel:
    return Panel("Slip energies over the plane", "With the gap at rest at each place; a period of the plane's lattice "
                 "and more, between the computed places by their Fourier series.", (_map(made),))


def _map(made: xr.Dataset) -> figure:
    """The periodic energies on pixels."""
    flat = np.reshape(made.attrs["plane_vectors"], (2, 2))
    energy = made["gamma_energy"].values
    wide, high = flat[0, 0], abs(flat[1, 1])
    high = high * (2 if abs(flat[1, 0]) > 1e-3 else 1)
    x = np.linspace(0, wide * (2 if wide < high else 1), _PIXELS)
    y = np.linspace(0, high, max(round(_PIXELS * high / x[-1]), 8))
    places = np.stack(np.meshgrid(x, y, indexing="xy"), axis=-1) @ np.linalg.inv(flat)
    waves = np.fft.fft2(energy) / energy.size
    number = np.fft.fftfreq(len(energy), 1 / len(energy))
    even = np.abs(number) < len(energy) / 2  # the highest wave of an even count has no direction
    phase = [np.exp(2j * np.pi * places[..., way, None] * number) * even for way in (0, 1)]
    values = np.einsum("yxa,ab,yxb->yx", phase[0], waves, phase[1]).real
    values = np.clip(values, energy.min(), energy.max())
    return picture(values, x * _ANGSTROM, y * _ANGSTROM, "slip energy", "J/m^2")


def _potentials(made: xr.Dataset) -> Panel:
    names = json.loads(made.attrs["potential"])
    rows = [("potential", name) for name in names]
    rows += [("crystal", str(made.attrs["source"])), ("atoms of the cell that was given", str(made.attrs["atoms"]))]
    return Panel("What was computed", "", (), ("", ""), tuple(rows))
