"""The radius of tips from noisy images of rough samples: how often its interval and its upper limit hold.

``python -m tests.verify.instrument.test_tip_radius`` prints it for more images of each condition.
"""

import math
import sys

import numpy as np

from asperity.messages import DataError
from tests.instrument.test_tip_radius import NM, measured, scans
from tests.verify.verdict import Figure, judge

#: tip, sample, radius (nm), pixel (nm), points of the surface to a pixel
CONDITIONS = [(kind, ground, radius, pitch, fine) for kind in ("paraboloid", "cone") for ground in ("needles", "rough")
              for radius, pitch, fine in ((10, 2, 1), (20, 2, 1), (20, 4, 1), (20, 2, 4))]
NOISES = (0.05, 0.3)  # nm, of trace and retrace each


def rows(condition, noise, count):
    """(radius, std, limit) over the truth for each image; NaN where there is none."""
    kind, ground, radius, pitch, fine = condition
    found = []
    for seed in range(count):
        rng = np.random.default_rng([seed, radius, pitch, fine, round(100 * noise), kind == "cone", ground == "rough"])
        pair = scans(kind, ground, radius * NM, noise * NM, rng, n=112, pitch=pitch * NM, fine=fine)
        try:
            fit, limit = measured(kind, pair, pitch * NM, 17)
        except DataError:
            found.append((math.nan, math.nan, math.nan))
            continue
        found.append((fit.radius, math.hypot(fit.std_statistical, fit.std_systematic), limit))
    return np.array(found) / (radius * NM)


def held(table):
    """Shares of the radii given, of intervals and of limits that hold the truth."""
    given = np.isfinite(table[:, 0])
    inside = np.abs(table[given, 0] - 1) < 1.96 * table[given, 1]
    return given.mean(), inside.mean(), np.mean(table[given, 2] >= 1 - 1e-9)


def test_the_interval_and_the_limit_hold():
    """Two images of each of 32 conditions."""
    table = np.concatenate([rows(condition, noise, 2) for condition in CONDITIONS for noise in NOISES])
    given, inside, limit = held(table)
    judge("Radius of a tip, 95 %", [Figure("radii given", given, 0.95), Figure("interval holds", inside, 0.9),
                                    Figure("upper limit holds", limit, 0.99),
                                    Figure("median over the truth", np.nanmedian(table[:, 0]), 0.95, 1.05)])


def main(count=10):
    """Every condition."""
    everything = []
    for condition in CONDITIONS:
        for noise in NOISES:
            table = rows(condition, noise, count)
            everything.append(table)
            given, inside, limit = held(table)
            print(f"{condition}, noise {noise} nm: R / truth {np.nanmedian(table[:, 0]):.3f} +- "
                  f"{np.nanmedian(table[:, 1]):.3f}, limit {np.nanmedian(table[:, 2]):.2f}; given {100 * given:.0f} %, "
                  f"interval {100 * inside:.0f} %, limit {100 * limit:.0f} %", flush=True)
    given, inside, limit = held(np.concatenate(everything))
    print(f"all: given {100 * given:.1f} %, interval {100 * inside:.1f} %, limit {100 * limit:.1f} %")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
