"""Slow waves of interference, longer than what is recorded before contact, beside a weak attraction or none.

`python -m tests.verify.measurements.tip_force.test_slow_waves [without] [with]` prints how often an attraction is told
where there is none, and where there is one (docs/tip_force_gp_contact.md).
"""

from __future__ import annotations

import sys
import time
from typing import NamedTuple

import numpy as np
import xarray as xr

import asperity
from tests.measurements.tip_force import approaching
from tests.verify.verdict import Figure, judge

DRAWS = 64
START = 200e-9  # m, where the base begins
WHITE = 1e-11  # N
HAMAKERS = (3e-20, 1e-19, 3e-19)  # J, of the attraction: 0.03, 0.11 and 0.33 nN at 1 nm from a tip of 20 nm


class Told(NamedTuple):
    """What was told of one curve."""

    seen: bool
    without: bool  # the same without the rule that what falls no faster than 1/z is no attraction
    held: bool  # the band of 95 % of the attraction holds it at the nearest separation that was measured
    size: float  # N, of the true attraction there
    wave: float  # N, amplitude


def curve(seed: int, hamaker: float) -> tuple[xr.Dataset, float]:
    """One approach with a wave of 0.75 to 4 times the length before contact, and its amplitude."""
    rng = np.random.default_rng([8, seed])
    period = START * 0.75 * (4 / 0.75) ** rng.random()
    size, phase = WHITE * 20 ** rng.random(), 2 * np.pi * rng.random()
    made = approaching.dataset([seed + 1000], force=lambda z: approaching.dmt(z, hamaker=hamaker), white=WHITE,
                               slow=3e-12)
    wave = size * np.sin(2 * np.pi * made["height"].values / period + phase)
    return made.assign(force=made["force"] + wave), size


def told(seed: int, hamaker: float) -> Told:
    """What the force law tells of one curve."""
    data, wave = curve(seed, hamaker)
    law = asperity.force_law(data, draws=DRAWS).isel(curve=0)
    if not np.isfinite(law["force"]).all():
        return Told(False, False, True, np.nan, wave)
    nearest = float(law["attraction_from"])
    z = law["separation"].values
    low, high = (float(np.interp(nearest, z, law[f"part_{end}"].values[:, 2])) for end in ("low", "high"))
    true = float(approaching.dmt(max(nearest, 0.0), hamaker=hamaker))
    seen = bool(np.isfinite(law["attraction_to"]))
    return Told(seen, seen or float(law["attraction_like_waves"]) > 0, low <= true <= high, -true, wave)


def table(count: int, hamaker: float) -> list[Told]:
    """Prints one row of the table."""
    start = time.process_time()
    found = [told(seed, hamaker) for seed in range(count)]
    seen, held = np.mean([one.seen for one in found]), np.mean([one.held for one in found])
    strong = [one.seen for one in found if one.size > one.wave]
    print(f"| {hamaker:.0e} | {count} | {sum(one.without for one in found)} | {sum(one.seen for one in found)} "
          f"({100 * seen:.1f} %) | {100 * held:.0f} % | {sum(strong)} of {len(strong)} | "
          f"{(time.process_time() - start) / count:.2f} |", flush=True)
    return found


def test_slow_waves_are_no_attraction():
    """What docs/tip_force_gp_contact.md says, on other curves."""
    title()
    none, some = table(40, 0.0), table(24, HAMAKERS[-1])
    judge("Slow waves longer than the baseline", [
        Figure("told an attraction where there is none", float(np.mean([one.seen for one in none])), 0, 0.03),
        Figure("told an attraction where there is one", float(np.mean([one.seen for one in some])), 0.5)])


def title() -> None:
    """Prints the head of the table."""
    print("| Hamaker constant, J | curves | told without the rule | attraction told | its band holds | "
          "told where larger than the wave | CPU s a curve |\n|" + "---|" * 7)


if __name__ == "__main__":
    counts = [int(one) for one in sys.argv[1:]] or [200, 40]
    title()
    table(counts[0], 0.0)
    for constant in HAMAKERS:
        table(counts[1], constant)
