"""What in a table is no force: each function says it in one sentence, or in none."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["related", "stays", "turns", "waves"]

_SURE = 4.0  # standard deviations, from which a doubt is told
_BY_CHANCE = 1e-4  # probability of as large a wave in white noise, below which it is told
_STAYS = ("At the largest separations the law does not fall off as forces do, not even as 1/z: waves are in the data, "
          "or a drift. Take it off first; the law's bands do not hold it.")
_TURNS = ("Over the farther half of the data the law attracts and repels, as waves do and forces hardly: take the "
          "waves off first; the law's bands do not hold them.")
_RELATED = ("What the law leaves is no noise, not even one that follows from row to row: waves, or a force that no sum "
            "of both parts follows. Its bands do not hold that.")
_WAVES = ("A wave is in what the law leaves, of about {:.0f} rows: take the waves off first; the law's bands do not "
          "hold them.")


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
    return [_WAVES.format(len(rest) / (largest + 1))] if by_chance < _BY_CHANCE else []
