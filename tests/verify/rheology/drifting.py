"""Materials and tables of a generator of its own: part of the error is smooth, gain and phase drift over decades.

Nothing here is taken from asperity: closed forms of E*(omega) and E(t), and smooth errors that are random waves or
straight lines in the logarithm of frequency or time, not the process that asperity assumes.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import gamma, wofz

__all__ = ["KINDS", "Material", "Table", "material", "smooth", "table"]

KINDS = ("SLS", "fractional", "power law", "melt")


class Material(NamedTuple):
    modulus: Callable[[np.ndarray], np.ndarray]  # E* at angular frequencies in rad/s
    relaxation: Callable[[np.ndarray], np.ndarray]  # E at times in s
    viscosity: float  # the limit of E''/omega of a liquid, else NaN
    rest: float  # E at infinite time


class Table(NamedTuple):
    place: np.ndarray  # frequencies in Hz, or times in s
    values: np.ndarray  # complex E* or E(t), with errors
    noise: float  # relative, of everything together


def material(kind: str, rng: np.random.Generator, middle: float) -> Material:
    """One of a kind, its times around ``middle`` (s)."""
    tau = middle * 10 ** rng.uniform(-0.7, 0.7)
    if kind == "SLS":
        rest, more = 10 ** rng.uniform(2, 4), 10 ** rng.uniform(2.5, 4.5)
        return Material(lambda w: rest + more * 1j * w * tau / (1 + 1j * w * tau),
                        lambda t: rest + more * np.exp(-t / tau), np.nan, rest)
    if kind == "fractional":  # Zener of order 1/2: E(t) = E_e + E_1 exp(t/tau) erfc(sqrt(t/tau))
        rest, more = 10 ** rng.uniform(2, 4), 10 ** rng.uniform(2.5, 4.5)
        return Material(lambda w: rest + more * (1j * w * tau) ** 0.5 / (1 + (1j * w * tau) ** 0.5),
                        lambda t: rest + more * wofz(1j * np.sqrt(t / tau)).real, np.nan, rest)
    if kind == "power law":
        order, rest = rng.uniform(0.1, 0.5), rng.choice([0.0, 0.3])
        return Material(lambda w: 1e3 * (rest + (1j * w * tau) ** order),
                        lambda t: 1e3 * (rest + (t / tau) ** -order / gamma(1 - order)), np.nan, 1e3 * rest)
    mode = tau * 10 / np.arange(1, 41) ** 2.0  # of Rouse
    return Material(lambda w: 1e3 * (1j * w[:, None] * mode / (1 + 1j * w[:, None] * mode)).sum(1),
                    lambda t: 1e3 * np.exp(-t[:, None] / mode).sum(1), 1e3 * mode.sum(), 0.0)


def smooth(decades: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A drift of standard deviation 1 over draws: waves of 2 to 8 decades, or a straight line."""
    if rng.random() < 0.5:
        waves = [np.cos(2 * np.pi * decades / rng.uniform(2, 8) + rng.uniform(0, 2 * np.pi)) for _ in range(4)]
        return np.sum(waves, axis=0) / np.sqrt(2)
    along = 2 * (decades - decades.mean()) / np.ptp(decades)
    return (rng.normal() + np.sqrt(3) * rng.normal() * along) / np.sqrt(2)


def table(one: Material, share: float, rng: np.random.Generator, *, time: bool = False) -> Table:
    """15 to 60 points over 3 to 6 decades around 1 s with 1 to 5 % error, whose variance is smooth to a ``share``.

    In time they end where nothing is left to be measured, at a thousandth of the first value.
    """
    count, width, noise = int(rng.integers(15, 61)), rng.uniform(3, 6), 10 ** rng.uniform(-2, np.log10(0.05))
    place = np.logspace(-width / 2, width / 2, count)
    slow, fast = noise * np.sqrt(share), noise * np.sqrt(1 - share)
    drift, other = smooth(np.log10(place), rng), smooth(np.log10(place), rng)
    if time:
        true = one.relaxation(place)
        values = true * (1 + slow * drift + fast * rng.normal(size=count))
        seen = true > 1e-3 * true[0]
        return Table(place[seen], values[seen], noise)
    true = one.modulus(2 * np.pi * place)
    white = rng.normal(size=count) + 1j * rng.normal(size=count)
    return Table(place, true * (1 + slow * (drift + 1j * other)) + fast * np.abs(true) * white, noise)
