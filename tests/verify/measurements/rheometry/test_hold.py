"""Bands of E(t) from ramps and holds on measured noise, with drift, tilt, drag and a second hold.

`python -m tests.verify.measurements.rheometry.test_hold` prints the table of docs/nanorheology.md.
"""

from typing import NamedTuple

import numpy as np

from asperity.contact import Hertz
from asperity.learning.outcome import Outcome
from asperity.measurements.rheometry.hold import holds
from tests.verify.measurements.force_curves.measured_noise import RADIUS, SOURCES, source
from tests.verify.measurements.rheometry.held_curves import LENGTH, MATERIALS, PROTOCOLS, curves, held
from tests.verify.verdict import Figure, judge

COUNT = 8  # curves of a cell
SIGNAL = 100.0  # largest force over the noise
#: what is amiss -> the protocol, and parts of the largest force
CONDITIONS = {"nothing": ("one hold", {}), "drift 3 %": ("one hold", {"drift": 0.03}),
              "tilt 3 %": ("one hold", {"tilt": 0.03}), "drag 1 %": ("one hold", {"drag": 0.01}),
              "two holds": ("two holds", {})}


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


def cells(names=tuple(SOURCES), materials=tuple(MATERIALS), conditions=tuple(CONDITIONS), count=COUNT):
    """The coverage of every cell."""
    for name in names:
        own = source(name)
        length = min(LENGTH, int(0.95 * min(map(len, own.baselines))))
        for material in materials:
            for condition in conditions:
                protocol, amiss = CONDITIONS[condition]
                one = held(own, material, protocol, SIGNAL * own.std, length)
                data = curves(own, one, count, np.random.default_rng(1), **amiss)
                found = holds(data, Hertz(radius=RADIUS))
                good = found["flag"].values <= Outcome.misfit
                grid, last = found["fit_time"].values, 0.9 * PROTOCOLS[protocol][-1]
                at = [int(np.argmin(np.abs(grid - t))) for t in (max(0.03, grid[0]), 0.1, 0.3, 1.0, last)]
                truth = one.size * MATERIALS[material].modulus(grid[at])
                value, low, high = (found[f"relaxation_fit{end}"].values[good][:, at] for end in ("", "_low", "_high"))
                point, std = (found[key].values[good] for key in ("contact_point", "contact_point_std"))
                yield Cell(name, material, condition, float(good.mean()),
                           float(np.mean((low <= truth) & (truth <= high))),
                           float(np.median(((high - low) / 2 / value)[:, 2])),
                           float(np.median(value[:, 2] / truth[2] - 1)), float(np.mean(np.abs(point) < 1.645 * std)))


def test_bands_hold_on_measured_noise():
    """75 cells of 8 curves: a standard error of a cell is some 7 %, of all together 1 %.

    The aim is 85-97 % in every cell; 14 miss it (78 to 82), see docs/nanorheology.md.
    """
    found = list(cells())
    figures = [Figure("usable", float(np.mean([one.usable for one in found])), 0.95),
               Figure("all, 90 %", float(np.mean([one.inside for one in found])), 0.85, 0.97),
               Figure("cells below 85 %", sum(one.inside < 0.85 for one in found), 0, 18),
               Figure("the least", min(one.inside for one in found), 0.7),
               Figure("contact points, 90 %", float(np.mean([one.point for one in found])), 0.85)]
    for kind, names in (("condition", CONDITIONS), ("material", MATERIALS)):
        figures += [Figure(f"{name}, 90 %", float(np.mean([one.inside for one in found if getattr(one, kind) == name])),
                           0.82, 0.99) for name in names]
    rest = [one.inside for one in found if one.source != "Bruker volume"]
    figures.append(Figure("without the Bruker volume, 90 %", float(np.mean(rest)), 0.88, 0.97))
    judge("Bands of E(t) from holds, on the noise of five instruments", figures)


def main() -> None:
    """Print the table, and what is pooled."""
    found = list(cells())
    print("| noise of | material | " + " | ".join(CONDITIONS) + " |")
    print("|---|---|" + "---|" * len(CONDITIONS))
    for name in SOURCES:
        for material in MATERIALS:
            row = [one for one in found if (one.source, one.material) == (name, material)]
            print(f"| {name} | {material} | " + " | ".join(
                f"{100 * one.inside:.0f} ({100 * one.width:.1f})" for one in row) + " |")
    every, points, off = ([getattr(one, name) for one in found] for name in ("inside", "point", "off"))
    print(f"\nAll: {100 * np.mean(every):.1f} %; {sum(0.85 <= one <= 0.97 for one in every)} of {len(every)} cells "
          f"within 85-97 %, {sum(one > 0.97 for one in every)} above; contact points {100 * np.mean(points):.1f} %; "
          f"largest median error at 0.3 s {100 * np.abs(off).max():.1f} %; least usable "
          f"{100 * min(one.usable for one in found):.0f} %.")


if __name__ == "__main__":
    main()
