"""Spikes and wrong cells of recorded motions: how many are found, and how many sound records are called damaged.

`python -m tests.verify.measurements.test_recorded_damage [SEED]` prints the table.
"""

import sys

import numpy as np
import pytest

from asperity.measurements.time_series.damage import cut_off, damage_of, stands_still
from tests.measurements.time_series.sound_records import DRIVES, MOTIONS, sound
from tests.verify.verdict import Figure, judge

RECORDS = 40  # of each kind
LEAST, MOST = 10, 40  # standard deviations of the noise, of spikes
FOUND = 0.93  # of damaged values, at least: 0.95 less two standard errors of a share of 320
#: what is printed, and not counted: motions whose next value nothing tells to the noise that is added, and drives with
#: jumps or kinks in each period, out of which no single value stands
NOT_COUNTED = ("tapping", "thermal", "walk", "square", "triangle", "burst")


def noise_of(random):
    return 10 ** random.uniform(-4, -1.7)


def alarms(kind, seed):
    """Of sound records: how many are called damaged."""
    found = 0
    for i in range(RECORDS):
        random = np.random.default_rng([seed, i, hash_of(kind)])
        values = sound(kind, random, noise_of(random) * (random.random() < 0.7))
        found += bool(len(damage_of(values, adjacent=kind in MOTIONS).at) or cut_off(values) or stands_still(values))
    return found


def hash_of(kind):
    return (*MOTIONS, *DRIVES).index(kind)


def hits(kind, seed, wrong):
    """Share of damaged values that are found, and samples that are called damaged beside them."""
    found = asked = beside = 0
    for i in range(RECORDS):
        random = np.random.default_rng([seed, i, hash_of(kind)])
        noise = noise_of(random)
        values = sound(kind, random, noise)
        noise = max(noise, float(np.diff(np.unique(values)).min()))  # a step of the resolution, where that is larger
        places = random.choice(len(values), 1)
        damaged = values.copy()
        damaged[places] = wrong(values[places], noise, random)
        there = places[np.abs(damaged[places] - values[places]) > LEAST * noise]
        at = damage_of(damaged, adjacent=kind in MOTIONS).at
        found, asked = found + np.isin(there, at).sum(), asked + len(there)
        beside += np.setdiff1d(at, places).size
    return found / asked, beside


def spikes(values, noise, random):
    return values + noise * random.uniform(LEAST, MOST, len(values)) * random.choice([-1, 1], len(values))


def lost_points(values, _noise, _random):
    return 10 * values


def other_signs(values, _noise, _random):
    return -values


def figures(seed):
    made = []
    for kinds, word in ((MOTIONS, "motions"), (DRIVES, "drives")):
        called, count = [alarms(kind, seed) for kind in kinds], RECORDS * len(kinds)
        print("sound records called damaged:", *(f"{kind} {n}," for kind, n in zip(kinds, called, strict=True)))
        made.append(Figure(f"of {count} sound {word} called damaged", sum(called), highest=count / 200))
        for wrong in (spikes, lost_points, other_signs):
            shares = {kind: hits(kind, seed + 1, wrong) for kind in kinds}
            print(f"{wrong.__name__}: " + ", ".join(f"{kind} {100 * share:.0f} % (+{beside})"
                                                    for kind, (share, beside) in shares.items()))
            counted = [share for kind, (share, _) in shares.items() if kind not in NOT_COUNTED]
            what = f"{wrong.__name__.replace('_', ' ')} found in {word}"
            made.append(Figure(what, float(np.mean(counted)), lowest=FOUND))
    return made


@pytest.mark.study
def test_damage_is_found_and_sound_records_are_not_called_damaged():
    judge("damage of recorded motions", figures(2026))


if __name__ == "__main__":
    judge("damage of recorded motions", figures(int(sys.argv[1]) if len(sys.argv) > 1 else 2026))
