"""Bands of E(t) from ramps and holds on measured noise, with drift, tilt, drag and a second hold.

`python -m tests.verify.measurements.rheometry.test_hold` prints the tables of docs/nanorheology.md, and with names of
sources or `soft` behind it a part of them.
"""

import sys
from typing import NamedTuple

import numpy as np

from asperity.contact import Hertz
from asperity.learning.outcome import Outcome
from asperity.measurements.rheometry.hold import holds
from tests.verify.measurements.force_curves.measured_noise import RADIUS, SOURCES, Source, source
from tests.verify.measurements.rheometry.held_curves import LENGTH, MATERIALS, PROTOCOLS, RAMP, curves, held
from tests.verify.verdict import Figure, judge

COUNT = 8  # curves of a session,
SESSIONS = (11,)  # seeds of those of a cell; three take three quarters of an hour
SIGNAL = 100.0  # largest force over the noise
#: what is amiss -> the protocol, and parts of the largest force
CONDITIONS = {"nothing": ("one hold", {}), "drift 3 %": ("one hold", {"drift": 0.03}),
              "tilt 3 %": ("one hold", {"tilt": 0.03}), "drag 1 %": ("one hold", {"drag": 0.01}),
              "two holds": ("two holds", {})}
#: material -> white noises over the largest force, on a lever that bends by a third of the way
SOFT = {name: (0.003, 0.01) for name in ("20 ms", "Zener", "two times", "power law")}
SAMPLES, FEW = 800, 16  # samples of such a curve, curves of a cell
TOP, BEND = 1e-9, 3e-7  # N, the largest force, and m, that the lever bends by it
TABLE = ("Zener", "two times", "power law")  # materials on measured noise


class Cell(NamedTuple):
    """One source, material and condition."""

    source: str
    material: str
    condition: str
    usable: float  # share of the curves
    inside: float  # share of the bands of 90 % that hold E(t), over times and usable curves
    width: float  # median half-width of the bands, relative, at a third of a second
    off: float  # median error there, relative
    point: float  # share of the contact points within 1.645 standard uncertainties


def cells(names=tuple(SOURCES), materials=TABLE, conditions=tuple(CONDITIONS), seeds=SESSIONS):
    """The coverage of every cell."""
    for name in names:
        own = source(name)
        length = min(LENGTH, int(0.95 * min(map(len, own.baselines))))
        for material in materials:
            for condition in conditions:
                protocol, amiss = CONDITIONS[condition]
                one = held(own, material, protocol, SIGNAL * own.std, length)
                last = 0.9 * PROTOCOLS[protocol][-1]
                parts = [told(curves(own, one, COUNT, np.random.default_rng(seed), **amiss), one, material,
                              (0.03, 0.1, 0.3, 1.0, last)) for seed in seeds]
                inside, half, off, point = (np.concatenate(part) for part in zip(*parts))
                yield Cell(name, material, condition, len(inside) / (COUNT * len(seeds)), float(inside.mean()),
                           float(np.median(half[:, 2])), float(np.median(off[:, 2])), float(point.mean()))


def told(data, one, material, times):
    """Of the usable curves of a session: (curve, time) whether bands hold E(t), their half-width, the error, relative;
    (curve,) whether the contact point lies within 1.645 standard uncertainties."""
    found = holds(data, Hertz(radius=RADIUS))
    good, grid = found["flag"].values <= Outcome.misfit, found["fit_time"].values
    at = [int(np.argmin(np.abs(grid - max(t, grid[0])))) for t in times]
    truth = one.size * MATERIALS[material].modulus(grid[at])
    value, low, high = (found[f"relaxation_fit{end}"].values[good][:, at] for end in ("", "_low", "_high"))
    point, std = (found[key].values[good] for key in ("contact_point", "contact_point_std"))
    return (low <= truth) & (truth <= high), (high - low) / 2 / value, value / truth - 1, np.abs(point) < 1.645 * std


class SoftCell(NamedTuple):
    """One material and noise, on a soft lever: by time, s."""

    material: str
    noise: float
    times: tuple[float, ...]
    inside: np.ndarray  # (time,) share of the bands of 90 % that hold E(t)
    half: np.ndarray  # (time,) median half-width, relative
    off: np.ndarray  # (time,) median error, relative


def soft_cells(materials=tuple(SOFT)):
    """White noise on a lever that bends with it, at times below the ramp's and up to the end of the hold."""
    times = (0.02, 0.03, 0.06, 0.1, 0.2, RAMP, 1.0, 0.9 * PROTOCOLS["one hold"][-1])
    for material in materials:
        for noise in SOFT[material]:
            rng = np.random.default_rng(21)
            own = Source([noise * rng.standard_normal(4 * SAMPLES) * TOP for _ in range(FEW)], TOP / BEND)
            one = held(own, material, "one hold", TOP, SAMPLES)
            inside, half, off, _ = told(curves(own, one, FEW, rng), one, material, times)
            yield SoftCell(material, noise, times, inside.mean(axis=0), np.median(half, axis=0), np.median(off, axis=0))


def test_bands_hold_on_measured_noise():
    """75 cells of 8 curves: a standard error of a cell is some 7 %, of all together 1 %.

    The aim is 85-97 % in every cell; 3 miss it from below (80 to 82), see docs/nanorheology.md.
    """
    found = list(cells())
    figures = [Figure("usable", float(np.mean([one.usable for one in found])), 0.95),
               Figure("all, 90 %", float(np.mean([one.inside for one in found])), 0.85, 0.97),
               Figure("cells below 85 %", sum(one.inside < 0.85 for one in found), 0, 12),
               Figure("the least", min(one.inside for one in found), 0.7),
               Figure("contact points, 90 %", float(np.mean([one.point for one in found])), 0.85)]
    for kind, names in (("condition", CONDITIONS), ("material", MATERIALS)):
        figures += [Figure(f"{name}, 90 %", float(np.mean([one.inside for one in found if getattr(one, kind) == name])),
                           0.82, 0.99) for name in names]
    rest = [one.inside for one in found if one.source != "Bruker volume"]
    figures.append(Figure("without the Bruker volume, 90 %", float(np.mean(rest)), 0.88, 0.97))
    judge("Bands of E(t) from holds, on the noise of five instruments", figures)


def test_bands_hold_where_noise_moves_the_tip():
    """8 cells of 16 curves at 8 times; times below the ramp's are those at which bands held 0 to 7 of 16."""
    found = list(soft_cells())
    below = np.array(found[0].times) < RAMP
    early, late = ([one.inside[some] for one in found] for some in (below, ~below))
    judge("Bands of E(t) on a lever that bends with its noise", [
        Figure("below the ramp, 90 %", float(np.mean(early)), 0.85), Figure("later, 90 %", float(np.mean(late)), 0.88),
        Figure("the least of a time", min(float(one.inside.min()) for one in found), 0.6),
        Figure("error at the end", max(abs(float(one.off[-1])) for one in found), 0.0, 0.01),
        Figure("error over the half-width", max(float(np.max(np.abs(one.off) / one.half)) for one in found), 0.0, 0.8)])


def main(names=tuple(SOURCES), soft=True) -> None:
    """Print the tables, and what is pooled."""
    found = list(cells(names))
    if found:
        print("| noise of | material | " + " | ".join(CONDITIONS) + " |")
        print("|---|---|" + "---|" * len(CONDITIONS))
        for name in names:
            for material in TABLE:
                row = [one for one in found if (one.source, one.material) == (name, material)]
                print(f"| {name} | {material} | " + " | ".join(
                    f"{100 * one.inside:.0f} ({100 * one.width:.1f})" for one in row) + " |")
        every, points, off = ([getattr(one, name) for one in found] for name in ("inside", "point", "off"))
        within, above = sum(0.85 <= one <= 0.97 for one in every), sum(one > 0.97 for one in every)
        print(f"\nAll: {100 * np.mean(every):.1f} %; {within} of {len(every)} cells within 85-97 %, {above} above; "
              f"contact points {100 * np.mean(points):.1f} %; largest median error at 0.3 s "
              f"{100 * np.abs(off).max():.1f} %; least usable {100 * min(one.usable for one in found):.0f} %.\n")
    for i, one in enumerate(soft_cells() if soft else ()):
        if not i:
            print("| material | noise | " + " | ".join(f"{t:.3g} s" for t in one.times) + " |")
            print("|---|---|" + "---|" * len(one.times))
        print(f"| {one.material} | {100 * one.noise:.1f} % | " + " | ".join(
            f"{100 * i:.0f} ({100 * o:+.1f} ± {100 * h:.1f})" for i, h, o in zip(one.inside, one.half, one.off)) + " |")


if __name__ == "__main__":
    asked = sys.argv[1:]
    main(*([tuple(name for name in asked if name in SOURCES), "soft" in asked] if asked else []))
