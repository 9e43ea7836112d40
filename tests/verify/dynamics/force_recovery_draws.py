"""Tapping records with thermal motion of the lever and white noise of its detector, and what is recovered of each.

The generator is its own: a point mass by leapfrog kicks of tip force, damping, drive and thermal noise, all draws side
by side, 2048 steps to a period. It shares nothing with `asperity.dynamics`.

``python -m tests.verify.dynamics.force_recovery_draws state 67 1`` prints one row of the table, with 67 draws.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

import numpy as np

from asperity.contact.hertz import Hertz
from asperity.dynamics.force_recovery import TappedLever, TappingRecord, recover_force
from asperity.dynamics.recovered_contact import contact_in
from asperity.messages import DataError

K, Q, F0 = 40.0, 400.0, 3e5
RADIUS, HAMAKER, CUTOFF, MODULUS = 10e-9, 6.4e-20, 0.165e-9, 1e9
FREE, HEIGHT = 20e-9, 14e-9
SAMPLES, PERIODS, STEPS = 64, 30, 2048
THERMAL = 1.380649e-23 * 295  # J
TIP = Hertz(radius=RADIUS, poisson_ratio=0.0)


class Scenario(NamedTuple):
    """What is measured, its noise (m), and what of the constants is not known."""

    channels: int
    noise: float
    thermal: bool
    unknown: TappedLever = TappedLever(K, F0, Q)
    height_std: float = 0.0


UNKNOWN = TappedLever(K, F0, Q, 0.05, 1e-4, 0.03, 0.05, 0.03, 0.1e-9)
SCENARIOS = {"state": Scenario(2, 1e-11, False), "deflection": Scenario(1, 1e-11, True),
             "quiet": Scenario(1, 1e-12, True), "unknown": Scenario(1, 1e-12, True, UNKNOWN, 0.1e-9)}


class Row(NamedTuple):
    """One draw: errors of the force in contact and of the modulus, and whether intervals hold."""

    force_error: float  # root mean square over the peak
    modulus_error: float  # relative
    modulus_std: float
    modulus_held: float
    contact_held: float  # share of the distances 0.3 nm and more into contact
    kink_held: float  # within 0.3 nm of the surface
    outside_held: float


def law(distance: np.ndarray) -> np.ndarray:
    """Derjaguin, Muller, Toporov: the truth, N."""
    depth = np.maximum(CUTOFF - distance, 0)
    return 4 / 3 * MODULUS * np.sqrt(RADIUS) * depth**1.5 - HAMAKER * RADIUS / 6 / np.maximum(distance, CUTOFF) ** 2


def motions(draws: int, seed: int, *, thermal: bool) -> tuple[np.ndarray, np.ndarray]:
    """(sample, draw, 2) positions and velocities (m), and the drive over the stiffness (m), from the free motion on."""
    random = np.random.default_rng(seed)
    h = 2 * np.pi / STEPS
    kick = np.sqrt(2 * THERMAL / K / Q * h) * thermal
    x, v = np.zeros(draws), np.full(draws, FREE)
    turn = np.array([np.cos(h / 2), np.sin(h / 2)])
    decay = np.exp(-h / Q)
    kept = np.empty((SAMPLES * PERIODS + 1, draws, 2))
    for step in range(STEPS * PERIODS + 1):
        if step % (STEPS // SAMPLES) == 0:
            kept[step // (STEPS // SAMPLES)] = np.stack([x, v], axis=1)
        x, v = turn[0] * x + turn[1] * v, turn[0] * v - turn[1] * x
        push = FREE / Q * np.cos((step + 0.5) * h) + law(HEIGHT + x) / K
        v = decay * v + h * push + kick * random.standard_normal(draws)
        x, v = turn[0] * x + turn[1] * v, turn[0] * v - turn[1] * x
    return kept, FREE / Q * np.cos(2 * np.pi / SAMPLES * np.arange(len(kept)))


def rows(name: str, draws: int, seed: int) -> list[Row]:
    """So many draws of a scenario; one that is refused counts as an interval that does not hold."""
    scenario = SCENARIOS[name]
    states, drive = motions(draws, seed, thermal=scenario.thermal)
    return [_row(scenario, states[:, draw], drive, np.random.default_rng([seed, draw])) for draw in range(draws)]


def _row(scenario: Scenario, states: np.ndarray, drive: np.ndarray, random: np.random.Generator) -> Row:
    known, z = scenario.unknown, random.standard_normal(8)
    seen = (states + scenario.noise * random.standard_normal(states.shape))[:, : scenario.channels]
    seen[:, 0] += z[5] * known.offset_std
    angle = z[4] * known.drive_phase_std
    turned = -FREE / Q * np.sin(2 * np.pi / SAMPLES * np.arange(len(drive)))
    stated = known._replace(stiffness=K * np.exp(-z[0] * known.stiffness_std),
                            frequency=F0 * np.exp(-z[1] * known.frequency_std),
                            quality=Q * np.exp(-z[2] * known.quality_std))
    told = (drive * np.cos(angle) - turned * np.sin(angle)) / (1 + z[3] * known.drive_std)
    height = HEIGHT + z[6] * scenario.height_std
    found = recover_force([TappingRecord(seen, told, 1 / F0 / SAMPLES)], stated, height,
                          height_std=scenario.height_std)
    off, at = found.force - law(found.distance), found.distance
    held = np.abs(off) <= 1.96 * found.std
    parts = [at < CUTOFF - 0.3e-9, np.abs(at - CUTOFF) <= 0.3e-9, (at > CUTOFF + 0.3e-9) & (at < 10e-9)]
    error = np.sqrt(np.mean(off[parts[0]] ** 2)) / law(HEIGHT + states[:, 0].min())
    shares = [float(held[part].mean()) if part.any() else np.nan for part in parts]
    try:
        contact = contact_in(found, TIP)
    except DataError:
        return Row(error, np.nan, np.nan, 0.0, *shares)
    wrong = contact.modulus / MODULUS - 1
    std = contact.modulus_std / MODULUS
    return Row(error, wrong, std, float(abs(wrong) <= 1.96 * std), *shares)


def figures(found: list[Row]) -> dict[str, float]:
    """What the draws say together."""
    table = np.array(found)
    wrong = float(np.sqrt(np.nanmean(table[:, 1] ** 2)))
    return {"mean error of the force": float(table[:, 0].mean()), "largest": float(table[:, 0].max()),
            "bias of the modulus": float(np.nanmean(table[:, 1])), "rms error": wrong,
            "stated": float(np.nanmean(table[:, 2])), "modulus held": float(table[:, 3].mean()),
            "force held in contact": float(np.nanmean(table[:, 4])), "at the surface": float(np.nanmean(table[:, 5])),
            "before contact": float(np.nanmean(table[:, 6]))}


if __name__ == "__main__":
    for what, number in figures(rows(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))).items():
        print(f"{what}: {number:.4f}")
