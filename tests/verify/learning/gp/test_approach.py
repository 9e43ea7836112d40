"""Whether the bands of a force law hold the truth, and its modulus, surface and attraction.

Tips that come down quasi-statically on a soft lever, with truths that are drawn anew for every curve; white and slow
noise, or measured baselines. `python -m tests.verify.learning.gp.test_approach` prints the table of
docs/tip_force_gp_contact.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import xarray as xr

import asperity
from tests.measurements.tip_force import approaching
from tests.verify.measurements.force_curves import measured_noise
from tests.verify.verdict import Figure, judge

CURVES = 12  # of a cell
DRAWS = 128
FAR = 20e-9  # m, up to which the bands are judged
LEVEL = 3e-11  # N, of the baseline of `approaching.approach`


class Cell(NamedTuple):
    """Tips of one kind; the truth of a curve is drawn about the modulus and the Hamaker constant, by 30 %."""

    radius: float  # m
    modulus: float  # Pa
    stiffness: float  # N/m
    hamaker: float  # J
    start: float  # m, of the base,
    end: float  # and its last place
    noise: float  # N, standard deviation of the white and of the slow one
    source: str = ""  # of measured noise, in their place


def _on(source: str) -> Callable[[], Cell]:
    """A sphere on the lever of measured baselines: 60 nm deep at a bending of 100 nm, a twentieth of it attraction."""

    def made() -> Cell:
        k, radius = measured_noise.source(source).spring_constant, 1e-6
        modulus = 0.75 * k * 1e-7 / (4 / 3 * np.sqrt(radius) * 6e-8**1.5)
        hamaker = 6 * approaching.CUTOFF**2 * 0.05 * k * 1e-7 / radius
        return Cell(radius, modulus, k, hamaker, 5e-7, -1.6e-7, 0.0, source)

    return made


CELLS: dict[str, Callable[[], Cell]] = {
    "soft: 1 um, 0.5 MPa, 0.1 N/m": lambda: Cell(1e-6, 5e5, 0.1, 1e-21, 5e-7, -1.5e-7, 2e-11),
    "stiff: 20 nm, 1 GPa, 2 N/m": lambda: Cell(2e-8, 1e9, 2.0, 1e-19, 2e-7, -2e-8, 1e-11),
    "stiff, no attraction": lambda: Cell(2e-8, 1e9, 2.0, 0.0, 2e-7, -2e-8, 1e-11),
    "stiff, strong attraction, 0.2 N/m": lambda: Cell(2e-8, 1e9, 0.2, 4e-19, 2e-7, -6e-8, 1e-11),
    "baselines of map 2022": _on("map 2022"),
    "baselines of Bruker volume": _on("Bruker volume"),
    "baselines of Nanosurf map": _on("Nanosurf map"),
}


#: cell -> what falls short there, and the share that is held at least. After a jump of nanometers the contact is seen
#: over less than 1 nm of depth, with heights that are noisy by 0.03 nm and forces by 0.07 nm: in most curves modulus
#: and attraction at contact are not told for that (`fitted`), and the law in contact comes out too soft
SHORT = {"stiff, strong attraction, 0.2 N/m": {"contact": 0.6, "attraction": 0.4, "surface": 0.4, "modulus": 0.4,
                                               "fitted": 0.0}}


class Held(NamedTuple):
    """Of one curve: shares of the band's points that hold the truth, and single numbers in units of their interval."""

    contact: float
    gap: float  # between the surface and the nearest separation that was measured
    before: float
    modulus: float
    attraction: float
    surface: float
    width: float  # of the modulus' interval over its truth, half
    off: float  # of the modulus, relative
    fitted: float  # whether modulus and attraction are told


def curve_of(cell: Cell, seed: int) -> tuple[xr.Dataset, float, Callable[[np.ndarray], np.ndarray]]:
    """One curve, its modulus, and its law."""
    rng = np.random.default_rng([seed, 7])
    modulus, hamaker = (value * np.exp(0.3 * rng.standard_normal()) for value in (cell.modulus, cell.hamaker))

    def law(z: np.ndarray) -> np.ndarray:
        return approaching.dmt(z, radius=cell.radius, hamaker=hamaker, modulus=modulus)

    source = measured_noise.source(cell.source) if cell.source else None
    made = approaching.dataset([seed], cell.stiffness, force=law, start=cell.start, end=cell.end, white=cell.noise,
                               slow=cell.noise, samples=source.length if source else 800)
    if source:
        made["force"] = made["force"] + measured_noise.pieces(source, 1, rng)[0]
    return made.assign_attrs(radius=cell.radius), modulus, law


def held(cell: Cell, seed: int) -> Held:
    """What the law of one curve holds."""
    curve, modulus, law = curve_of(cell, seed)
    made = asperity.force_law(curve, {"name": "hertz", "radius": cell.radius}, draws=DRAWS, seed=seed).isel(curve=0)
    z, truth = made["separation"].values, law(made["separation"].values)
    inside = (made["force_low"].values <= truth) & (truth <= made["force_high"].values)
    nearest = float(made["attraction_from"])

    def within(name: str, value: float) -> float:
        low, high = (float(made[f"{name}_{end}"]) for end in ("low", "high"))
        return float(low <= value <= high) if np.isfinite(low) else np.nan  # not told

    off = float(made["contact_point"]) - LEVEL / cell.stiffness
    places = (z < 0, (z > 0) & (z < nearest), (z >= nearest) & (z <= FAR))
    return Held(*(float(inside[some].mean()) if some.any() else np.nan for some in places),
                within("modulus", modulus), within("contact_attraction", float(law(np.array(0.0)))),
                float(abs(off) <= 1.96 * float(made["contact_point_std"])) if np.isfinite(off) else np.nan,
                float(made["modulus_high"] - made["modulus_low"]) / 2 / modulus, float(made["modulus"]) / modulus - 1,
                float(np.isfinite(made["modulus"])))


def of_cell(name: str, curves: int = CURVES) -> Held:
    """Means over the curves of a cell; of the width and the error of the modulus, medians."""
    cell = CELLS[name]()
    found = np.array([held(cell, 100 + seed) for seed in range(curves)])
    middle, half = np.nanmean(found, axis=0), np.nanmedian(found, axis=0)
    return Held(*middle[:6], *half[6:8], middle[8])


@pytest.mark.parametrize("name", CELLS)
def test_bands_hold_the_truth(name):
    """Of 12 curves with an error each, 9 or fewer are held in 2 % of cases where 95 % should be."""
    found = of_cell(name)
    judge(f"Force law, {name}", [
        *(Figure(f"{part}, 95 %", getattr(found, part), SHORT.get(name, {}).get(part, 0.75))
          for part in Held._fields[:6]),
        Figure("half width of the modulus", found.width), Figure("error of the modulus", found.off),
        Figure("fitted", found.fitted, SHORT.get(name, {}).get("fitted", 1.0))])


def main(names: list[str]) -> None:
    """Print one row for each cell."""
    print("| cell | contact | gap | before | modulus | attraction at contact | surface | modulus: half width, error |")
    print("|" + "---|" * 8, flush=True)
    for name in names or CELLS:
        one = of_cell(name)
        shares = " | ".join(f"{100 * share:.0f} %" for share in one[:6])
        print(f"| {name} | {shares} | {100 * one.width:.1f} %, {100 * one.off:+.1f} % |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
