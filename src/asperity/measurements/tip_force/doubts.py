"""What in a table is no force: each function says it in one sentence, or in none."""

from __future__ import annotations

from typing import Any

import numpy as np

from asperity.report.numbers import plain

__all__ = ["related", "slow", "spikes", "stays", "step", "steps", "turns", "waves"]

_SURE = 4.0  # standard deviations, from which a doubt is told
_DITHERED = 0.4  # of a step: values whose noise is less go together, and no fit sees how far they are off
_OFF_STEP = 0.02  # of a step, by which a value may miss its place
_MOST_STEPS = 10_000  # over the range of the values: finer ones are digits, not steps
_BY_CHANCE = 1e-4  # probability of as large a wave in white noise, below which it is told
_STAYS = ("At the largest separations the law does not fall off as forces do, not even as 1/z: waves are in the data, "
          "or a drift. Take it off first; the law's bands do not hold it.")
_TURNS = ("Over the farther half of the data the law attracts and repels, as waves do and forces hardly: take the "
          "waves off first; the law's bands do not hold them.")
_RELATED = ("What the law leaves is no noise, not even one that follows from row to row: waves, or a force that no sum "
            "of both parts follows. Its bands do not hold that.")
_WAVES = ("A wave is in what the law leaves, of about {:.0f} rows: take the waves off first; the law's bands do not "
          "hold them.")
_TWO_ROWS = 2.5  # rows of a wave, below which neighbors alternate
_ALTERNATE = ("What the law leaves alternates from row to row, as where two recordings with two zeros are in one "
              "table: give one at a time; the law's bands do not hold both.")
_FAR_OFF = 5.0  # standard deviations, by which 1 of 3000 tables of 500 rows has a value off by chance
_SPIKE = ("At {} a value is off by {:.0f} standard deviations from what the rows before it and the noise allow: a "
          "spike, a jump, two recordings in one table, or a noise that is larger there. Take that out, or state the "
          "noise of each row; the law's bands do not hold it.")
_SLOW_POWER = 1.7  # mean of its draws; forces as 1/z come out at 1.5 (2.07 where the data say nothing of it)
_SLOW = ("The force falls more slowly than the law believes (the power of its long-range part is {:.1f}, about 2 was "
         "expected): if it is as 1/z, as between charges, bands {} do not hold it.")
_STEPS = ("The values come in steps of {}, coarser than their noise: by up to half of one they are all off together, "
          "which the law's bands do not hold. Give them with more digits.")


def step(values: np.ndarray) -> float:
    """The step in which values come, some of them twice; 0 if they come in none."""
    places = np.unique(values)
    apart = np.diff(places)
    apart = apart[apart > np.ptp(values) / _MOST_STEPS]
    if not len(apart) or len(places) == len(values):
        return 0.0
    number = (values - values.min()) / apart.min()
    return float(apart.min()) if np.abs(number - np.round(number)).max() < _OFF_STEP else 0.0


def steps(values: np.ndarray, noise: float, unit: str) -> list[str]:
    """That values come in steps that their ``noise`` (of one row) does not blur, if they do."""
    one = step(values)
    return [_STEPS.format(plain(one, unit, 2))] if noise < _DITHERED * one else []


def stays(law: dict[str, Any], z: np.ndarray) -> list[str]:
    """That the law falls off more slowly than 1/z over the farther part of the data ``z``, if it does."""
    place, size, std = (np.interp(z, law["separation"], values) for values in (
        law["separation"] - law["separation"][0], law["force"], law["force_std_epistemic"]))
    third = len(z) // 3
    middle, far = slice(third, len(z) - third), slice(len(z) - third, None)
    ratio = np.mean(1 / place[far]) / np.mean(1 / place[middle])
    excess = np.abs(size[far]).mean() - ratio * np.abs(size[middle]).mean()
    doubt = np.sqrt((std[far] ** 2).mean() + ratio**2 * (std[middle] ** 2).mean())
    return [_STAYS] if excess > _SURE / 2 * doubt else []


def turns(law: dict[str, Any], z: np.ndarray) -> list[str]:
    """That the law attracts and repels over the farther half of the data ``z``, if it does."""
    far = (law["separation"] >= (z[0] + z[-1]) / 2) & (law["separation"] <= z[-1])
    return [_TURNS] if (law["force_low"][far] > 0).any() and (law["force_high"][far] < 0).any() else []


def related(rest: np.ndarray) -> list[str]:
    """That what a law leaves is no white noise, if it is none. ``rest``: standardized, one for each row."""
    alike = float(rest[1:] @ rest[:-1] / max(rest @ rest, 1e-300))
    return [_RELATED] if alike > _SURE / np.sqrt(len(rest)) else []


def spikes(rest: np.ndarray, z: np.ndarray) -> list[str]:
    """That a value at one of the ``z`` (m) is far off, if one is. ``rest``: standardized, one for each of them."""
    worst = int(np.argmax(np.abs(rest)))
    size = float(np.abs(rest[worst]))
    return [_SPIKE.format(plain(float(z[worst]), "m", 2), size)] if size > _FAR_OFF else []


def slow(exponent: np.ndarray, where: str) -> list[str]:
    """That the force may fall as 1/z, by the draws of the ``exponent``; ``where`` bands then do not hold it."""
    power = float(exponent.mean())
    return [_SLOW.format(power, where)] if power < _SLOW_POWER else []


def waves(rest: np.ndarray) -> list[str]:
    """That a wave is in what a law leaves, if one is. ``rest``: standardized, one for each row.

    By the largest ordinate of its periodogram over their mean, which exceeds x by chance m exp(-x) times of m.

    Source: Fisher, Proc. R. Soc. A 125, 54 (1929).
    """
    power = np.abs(np.fft.rfft(rest - rest.mean())[1:-1]) ** 2
    if not len(power) or not power.sum() > 0:
        return []
    largest = int(np.argmax(power))
    by_chance = len(power) * np.exp(-power[largest] / power.mean())
    long = len(rest) / (largest + 1)
    said = _ALTERNATE if long < _TWO_ROWS else _WAVES.format(long)
    return [said] if by_chance < _BY_CHANCE else []
