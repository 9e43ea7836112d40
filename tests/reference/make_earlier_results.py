"""Writes earlier_results.json: what the fits said of a few made curves when it was written last.

The curves are made here by formula and with noise of an integer generator, so that no version of another package
changes them. Run, where numbers are meant to change, and say in CHANGELOG.md what changed:
python -m tests.reference.make_earlier_results
"""

import json
from pathlib import Path

import numpy as np

import asperity
from asperity.data.curves import Curves, to_dataset

FILE = Path(__file__).parent / "earlier_results.json"
MODELS = {"hertz": {"name": "hertz", "radius": 5e-6}, "jkr": {"name": "jkr", "radius": 5e-6}}
#: which curves with which model; what JKR makes of curves half of which touch nothing hangs on the last digits
CASES = (("sound", "hertz"), ("sound", "jkr"), ("spoiled", "hertz"))
#: what is kept of each curve
NAMES = ("modulus", "modulus_std", "modulus_std_noise", "modulus_std_model", "modulus_low", "modulus_high",
         "modulus_dof", "contact_point", "contact_point_std", "work_of_adhesion", "work_of_adhesion_std",
         "pull_off_force", "pull_off_force_std", "noise_std", "noise_correlation", "reduced_chi_square",
         "misfit_chance", "model_chance", "modulus_half_depth", "modulus_at_contact", "indentation_max",
         "glitches", "retraction", "departure", "flag")
STIFFNESS = 0.05  # N/m of the lever
RADIUS = 5e-6  # m of the tip
NOISE = 2e-11  # N
CURVES = 16  # sound ones, of two lengths


def uniform(seed, count):
    """Numbers from 0 to 1 of a linear congruential generator (Numerical Recipes' constants)."""
    state, found = seed, []
    for _ in range(count):
        state = (1664525 * state + 1013904223) % 2**32
        found.append(state / 2**32)
    return np.array(found)


def normal(seed, count):
    """Sums of twelve uniform numbers, less six: of variance one, and normal enough."""
    return uniform(seed, 12 * count).reshape(count, 12).sum(axis=1) - 6


def branch(modulus, work):
    """Height of the lever's base and force (m, N) of JKR in contact, from deep to where the lever tears the tip off."""
    reduced = modulus / 0.75
    a = np.linspace(2e-8, 1.6e-6, 40_000)
    force = 4 * reduced * a**3 / (3 * RADIUS) - np.sqrt(8 * np.pi * work * reduced * a**3)
    depth = a**2 / RADIUS - np.sqrt(2 * np.pi * work * a / reduced)
    height = -depth - force / STIFFNESS
    last = int(np.argmax(height))
    return height[last:][::-1], force[last:][::-1]


def curve(number, samples):
    """Approach without, retraction with adhesion: heights (m) and forces (N) of each."""
    modulus = 8e3 * (1 + 0.1 * number)
    base, held = branch(modulus, 2e-5)
    deep, far = -3.5e-7 - 1e-9 * number, 9e-7
    height = np.linspace(far, deep, samples)
    tip = np.linspace(far, deep, 40_000)
    pushed = 4 / 3 * modulus / 0.75 * np.sqrt(RADIUS) * np.clip(-tip, 0, None) ** 1.5
    coming = np.interp(-height, -(tip - pushed / STIFFNESS), pushed)
    going = np.interp(height[::-1], base, held, right=0.0)
    noise = NOISE * normal(number + 1, 2 * samples).reshape(2, samples)
    return (height, height[::-1]), (coming + noise[0], going + noise[1])


def spoiled():
    """The same with what curves suffer: flags are numbers, too."""
    whole = [curve(number, 160) for number in range(6)]
    flat, late, cut, steps = whole[0][1], whole[1], whole[2][1], whole[3][1]
    kinds = [(whole[0][0], tuple(NOISE * normal(91 + i, len(force)) for i, force in enumerate(flat))),  # never touches
             (tuple(part[120:] if i == 0 else part[:40] for i, part in enumerate(late[0])),  # begins in contact
              tuple(part[120:] if i == 0 else part[:40] for i, part in enumerate(late[1]))),
             (whole[2][0], tuple(np.minimum(force, 0.4 * force.max()) for force in cut)),  # the detector ends
             (whole[3][0], tuple(np.where(np.arange(160) == 70, 5e-8, force) for force in steps)),  # a glitch
             (whole[4][0], tuple(force + 0.02 * NOISE * np.arange(160) for force in whole[4][1])),  # drift
             (tuple(part[-20:] for part in whole[5][0]), tuple(part[-20:] for part in whole[5][1]))]  # too few
    return kinds


def dataset(curves, session):
    """As a reader hands them over."""
    counts = np.array([[len(part) for part in height] for height, _ in curves])
    channels = {"height": lambda i: curves[i][0], "force": lambda i: curves[i][1]}
    made = Curves(("approach", "retract"), counts, channels, session=session, spring_constant=STIFFNESS)
    return to_dataset(made, f"{session}.made").load()


def found():
    """Session and model -> name -> one number for each curve."""
    sets = {"sound": dataset([curve(i, 160 + 90 * (i % 2)) for i in range(CURVES)], "sound"),
            "spoiled": dataset(spoiled(), "spoiled")}
    told = {}
    for name, kind in CASES:
        results = asperity.fit(sets[name], MODELS[kind], spring_constant_std=0.05, radius_std=0.02)
        told[f"{name}, {kind}"] = {key: results[key].values.tolist() for key in NAMES if key in results}
    return told


if __name__ == "__main__":
    FILE.write_text(json.dumps(found(), indent=0).replace(",\n", ", ").replace("], ", "],\n") + "\n", encoding="utf-8")
