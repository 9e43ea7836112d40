"""Noise stated in parts of the modulus, from 2 to 40 %: false alarms of the three verdicts, and faults that are found.

``python -m tests.verify.rheology.test_relative_noise`` prints the table of docs/nanorheology.md.
"""

import numpy as np
import pytest

from asperity.rheology.passivity import check_passivity
from asperity.rheology.relative_noise import relative_noise
from asperity.rheology.spectrum_estimate import creep_data, frequency_data, time_data
from tests.rheology.test_relative_noise import CREEP, OMEGA, RELAXATION, SOLID, TIME, alarm
from tests.verify.verdict import Figure, judge

LEVELS = (0.02, 0.1, 0.2, 0.3, 0.4)
SETS = 60
SLOWLY = np.linspace(0, 1, len(TIME))
#: what no material gives at 2 % noise, and the least share of tables in which it is found
FAULTS = {"E(t) rises by 10 %": 0.75, "J(t) falls by 10 %": 0.85, "phase off by 6 deg": 0.95,
          "phase off by 3 deg": 0.95, "gain 10 % less above 1 Hz": 0.8}


def spectrum_alarm(values, relative):
    """The verdict of `asperity.spectrum`."""
    noise = relative_noise(frequency_data(OMEGA, values, 1.0), relative)
    return check_passivity(OMEGA, values, noise, relative=relative, draws=59).alarm


def shares(relative, relaxation=RELAXATION, creep=CREEP, modulus=SOLID, sets=SETS):
    """Shares of tables with an alarm: E*, E(t), J(t)."""
    rng, found = np.random.default_rng([61, int(1000 * relative)]), []
    for _ in range(sets):
        both = rng.standard_normal(len(OMEGA)) + 1j * rng.standard_normal(len(OMEGA))
        slow, creeping = 1 + relative * rng.standard_normal((2, len(TIME)))
        found.append((spectrum_alarm(modulus + relative * np.abs(SOLID) * both, relative),
                      alarm(time_data, relaxation * slow, relative), alarm(creep_data, creep * creeping, relative)))
    return np.mean(found, axis=0)


def found_faults(relative, sets=SETS):
    """The share of tables in which each fault is found."""
    low, rising, falling = shares(relative, 1000 * (1 + 0.1 * SLOWLY), 1e-3 * (1 - 0.1 * SLOWLY),
                                  SOLID * np.exp(-1j * np.radians(6)), sets)
    small = shares(relative, modulus=SOLID * np.exp(-1j * np.radians(3)), sets=sets)[0]
    gain = shares(relative, modulus=SOLID * np.where(OMEGA > 2 * np.pi, 0.9, 1.0), sets=sets)[0]
    return dict(zip(FAULTS, (rising, falling, low, small, gain)))


@pytest.mark.parametrize("relative", LEVELS)
def test_sound_tables_are_not_accused(relative):
    """At 5 % risk more than 7 alarms of 60 have a probability of 1 %."""
    judge(f"False alarms at {100 * relative:.0f} % noise, {SETS} tables", [
        Figure(name, share, 0.0, 7 / 60) for name, share in zip(("E*", "E(t)", "J(t)"), shares(relative))])


def test_faults_are_found():
    found = found_faults(0.02)
    judge("Faults found at 2 % noise", [Figure(name, found[name], least) for name, least in FAULTS.items()])


if __name__ == "__main__":
    print("| noise | E* | E(t) | J(t) |\n|---|---|---|---|")
    for level in LEVELS:
        print(f"| {100 * level:.0f} % |", " | ".join(f"{100 * share:.0f}" for share in shares(level)), "|", flush=True)
    for level in LEVELS[:2]:
        print(f"faults at {100 * level:.0f} %:", {name: f"{100 * share:.0f} %"
                                                 for name, share in found_faults(level).items()}, flush=True)
