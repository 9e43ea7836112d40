"""Intervals of modulus, order and contact point from force curves without a hold, on measured noise.

The force is Ting's for a power law under an even ramp in and out, in closed form by incomplete beta functions; nothing
of asperity makes these curves. `python -m tests.verify.measurements.rheometry.test_power_law` prints the table of
docs/nanorheology.md.
"""

from typing import NamedTuple

import numpy as np
import pytest
import xarray as xr
from scipy.special import beta, betainc

from asperity.contact import Hertz
from asperity.learning.outcome import Outcome
from asperity.measurements.rheometry.power_law import fit_viscoelastic
from tests.measurements.rheometry.test_power_law import errors
from tests.verify.measurements.force_curves.measured_noise import RADIUS, SOURCES, Source, pieces, source
from tests.verify.verdict import Figure, judge

LENGTH = 2048  # samples of a curve at most, half of them of each direction
DEPTH = 1e-6  # m
RAMP = 0.2  # s in contact on the way in
COUNT = 24  # curves of a cell
SIGNAL = 60.0  # largest force over the noise
ORDERS = (0.1, 0.3)
QUANTITIES = ("modulus", "order", "contact_point")
#: -> curves of a session, directions, share of the way in that is in contact, and what is amiss, in largest forces
CONDITIONS = {"one curve": (1, True, 0.4, {}), "24 curves": (24, True, 0.4, {}), "contact 80 %": (24, True, 0.8, {}),
              "tilt 3 %": (24, True, 0.4, {"tilt": 0.03}), "drag 2 %": (24, True, 0.4, {"drag": 0.02}),
              "approach alone": (24, False, 0.4, {})}


class Cell(NamedTuple):
    """One source, order and condition."""

    source: str
    order: float
    condition: str
    usable: float  # share of the curves,
    unlike: float  # and of those whose residual is not taken for noise
    standard: dict[str, float]  # by quantity: share of errors within one standard uncertainty
    wide: dict[str, float]  # and within the interval of 95 %
    bar: dict[str, float]  # median standard uncertainty over
    error: dict[str, float]  # the root mean square error


def force(time: np.ndarray, order: float) -> np.ndarray:
    """N per Pa of E(1 s), from t = 0 where the tip touches to its loss, for E(t) = (t / 1 s)^-order."""
    speed = DEPTH / RAMP
    unit = 4 / 3 / 0.75 * np.sqrt(RADIUS) * 1.5 * speed**1.5 * beta(1.5, 1 - order)
    back = time - 2 ** (1 / (1 - order)) * (time - RAMP)  # when the contact was as large on the way in
    share = np.clip(np.where(time > RAMP, back / np.maximum(time, 1e-12), 1.0), 0.0, 1.0)
    return unit * np.maximum(time, 0.0) ** (1.5 - order) * betainc(1.5, 1 - order, share)


def curves(own: Source, order: float, share: float, rng: np.random.Generator, *, size: int, tilt: float = 0.0,
           drag: float = 0.0) -> tuple[xr.Dataset, float]:
    """`COUNT` curves in sessions of ``size`` with one piece of measured noise each, and their E(1 s) in Pa.

    ``tilt`` over the whole way of the height, ``drag`` between the directions: parts of the largest force.
    """
    n = min(LENGTH, int(0.95 * min(map(len, own.baselines)))) // 2
    step = RAMP / share / n
    time = (np.arange(2 * n) - n) * step + RAMP + rng.uniform(0, 1, (COUNT, 1)) * step
    modulus = SIGNAL * own.std / float(force(np.array([RAMP]), order)[0])
    pushed = modulus * force(time, order)
    height = -DEPTH / RAMP * np.minimum(time, 2 * RAMP - time) - pushed / own.spring_constant
    top = pushed.max()
    recorded = pushed + pieces(own, COUNT, rng, 2 * n) + np.where(time <= RAMP, drag / 2, -drag / 2) * top
    recorded += tilt * top * rng.choice([-1, 1], (COUNT, 1)) * height / np.ptp(height)
    axes = ("curve", "segment", "sample")
    channels = {"time": (time - time[:, :1], "s"), "height": (height, "m"), "force": (recorded, "N")}
    coordinates = {"segment": ["approach", "retract"], "file": ("curve", ["generated"] * COUNT),
                   "session": ("curve", [f"session {i // size}" for i in range(COUNT)]),
                   "curve_in_file": ("curve", np.arange(COUNT)), "curve": np.arange(COUNT),
                   "sample_count": (axes[:2], np.full((COUNT, 2), n)),
                   "spring_constant": ("curve", np.full(COUNT, own.spring_constant), {"units": "N/m"})}
    return xr.Dataset({name: (axes, values.reshape(COUNT, 2, n), {"units": unit})
                       for name, (values, unit) in channels.items()}, coordinates), modulus


def cells(names=tuple(SOURCES), conditions=tuple(CONDITIONS)):
    """The coverage of every cell."""
    for name in names:
        for order in ORDERS:
            for condition in conditions:
                size, both, share, amiss = CONDITIONS[condition]
                data, modulus = curves(source(name), order, share, np.random.default_rng(1), size=size, **amiss)
                found = fit_viscoelastic(data, Hertz(radius=RADIUS), retract=both)
                good = found["flag"].values <= Outcome.short_baseline
                truth = dict(zip(QUANTITIES, (modulus, order, 0.0)))
                error = {key: (found[key] - truth[key]).values[good] for key in QUANTITIES}
                bar = {key: found[f"{key}_std_noise"].values[good] for key in QUANTITIES}
                ends = {key: [found[f"{key}_{end}"].values[good] for end in ("low", "high")] for key in QUANTITIES}
                unlike = np.isin(found["flag"].values, (Outcome.small_misfit, Outcome.misfit))
                yield Cell(name, order, condition, float(good.mean()), float(unlike.mean()),
                           {key: float(np.mean(np.abs(error[key]) < bar[key])) for key in QUANTITIES},
                           {key: float(np.mean((ends[key][0] <= truth[key]) & (truth[key] <= ends[key][1])))
                            for key in QUANTITIES},
                           {key: float(np.median(bar[key])) for key in QUANTITIES},
                           {key: float(np.sqrt(np.mean(error[key] ** 2))) for key in QUANTITIES})


def test_intervals_hold_on_measured_noise():
    """60 cells of 24 curves: a standard error of a cell is some 5 %, of all together below 1 %.

    The aim is 85-97 % in every cell; contact points under slow noise miss it, see docs/nanorheology.md.
    """
    found = list(cells())
    figures = [Figure("usable", float(np.mean([one.usable for one in found])), 0.97),
               Figure("flagged as misfit", float(np.mean([one.unlike for one in found])), 0.0, 0.05)]
    for key in QUANTITIES:
        wide = [one.wide[key] for one in found]
        figures += [Figure(f"{key}, 68 %", float(np.mean([one.standard[key] for one in found])), 0.63, 0.73),
                    Figure(f"{key}, 95 %", float(np.mean(wide)), 0.92, 0.98),
                    Figure(f"{key}, cells below 85 %", sum(one < 0.85 for one in wide), 0, 9)]
    judge("Power law of force curves, on the noise of five instruments", figures)


@pytest.mark.parametrize("retract", [True, False])
def test_stated_uncertainty_covers_the_truth(retract):
    """64 virtual curves: no bias beyond 4 standard errors, and error bars not too small (they may be too large)."""
    found, usable = errors(64, retract=retract)
    figures = [Figure("usable", usable.mean(), 0.95)]
    for name, (error, std, _) in found.items():
        ratio = error / std
        figures += [
            Figure(f"{name}, mean pull", ratio.mean(), -4 / np.sqrt(64), 4 / np.sqrt(64)),
            Figure(f"{name}, spread of pulls", ratio.std(), 0.0, 1 + 4 / np.sqrt(2 * 64)),
            Figure(f"{name}, 95 %", (np.abs(ratio) < 1.96).mean(), 0.95 - 4 * np.sqrt(0.05 * 0.95 / 64))]
    judge(f"Power law of force curves, {'both directions' if retract else 'approach alone'}", figures)


def main() -> None:
    """Print the table, and what is pooled."""
    found = list(cells())
    print("| noise of | order | " + " | ".join(CONDITIONS) + " |\n|---|---|" + "---|" * len(CONDITIONS))
    for name in SOURCES:
        for order in ORDERS:
            row = [one for one in found if (one.source, one.order) == (name, order)]
            print(f"| {name} | {order:g} | " + " | ".join(
                " / ".join(f"{100 * one.wide[key]:.0f}" for key in QUANTITIES) for one in row) + " |")
    print()
    for key in QUANTITIES:
        wide, ratio = [one.wide[key] for one in found], [one.bar[key] / one.error[key] for one in found]
        print(f"{key.replace('_', ' ')}: {100 * np.mean([one.standard[key] for one in found]):.1f} / "
              f"{100 * np.mean(wide):.1f} %; {sum(one < 0.85 for one in wide)} of {len(wide)} cells below 85 %, "
              f"the least {100 * min(wide):.0f}; standard uncertainty over error {min(ratio):.1f} to {max(ratio):.1f}")
    print(f"least usable {100 * min(one.usable for one in found):.0f} %; "
          f"flagged as misfit {100 * np.mean([one.unlike for one in found]):.1f} %")


if __name__ == "__main__":
    main()
