r"""The exponent of a contact, with a contact point of its own.

$$F_i = b + c\,\max(x - x_0, 0)^s$$

with offset b, amplitude c and contact point $x_0$ of each curve and one exponent s for all: 1 of a flat punch, 3/2 of a
paraboloid, 2 of a cone. A contact point that was fitted with another exponent bends the curve: a cone taken for a
paraboloid would show $x^{1.55}$. For each s the least sum of squares of every curve is found; s is where the sum
of all curves, each over its own noise, is least. The interval is that of resampled curves.

Source: Efron, Ann. Stat. 7, 1 (1979) (resampling).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

__all__ = ["FEWEST_CURVES", "Exponent", "contact_exponent"]

#: curves that an interval takes
FEWEST_CURVES = 3

_COARSE = np.linspace(0.4, 6.0, 29)  # exponents that are tried first,
_FINE = (np.linspace(-0.2, 0.2, 7), np.linspace(-0.04, 0.04, 7))  # and about the best of them, twice
_PLACES = 12  # contact points that are compared,
_NEARER = 4  # times ever nearer
_DRAWS = 400  # samples of curves
_LEVEL = 0.9  # that the interval holds
_FEWEST = 8  # samples of a curve
_GONE = 1e300  # sum of squares where nothing can be fitted


class Exponent(NamedTuple):
    """The exponent of several curves together, and the ends of its interval of 90 %: NaN for fewer than three."""

    value: float
    low: float
    high: float


def contact_exponent(indentation: np.ndarray, force: np.ndarray, *, seed: int = 0) -> Exponent:
    """The exponent that curves of one contact share.

    Args:
        indentation: (curve, sample) m, of any origin; NaN where a sample does not count.
        force: (curve, sample) N. Samples before contact may be among them; those after a jump off contact may not.
        seed: of the samples of curves.
    """
    known = np.isfinite(indentation) & np.isfinite(force)
    enough = known.sum(axis=1) >= _FEWEST
    x, y, use = indentation[enough], force[enough], known[enough]
    if not len(x):
        return Exponent(np.nan, np.nan, np.nan)
    lowest, highest = (f(x, axis=1, keepdims=True) for f in (np.nanmin, np.nanmax))
    x = np.where(use, (x - lowest) / np.maximum(highest - lowest, 1e-300), 0.0)
    size = np.nanmax(np.abs(np.where(use, y, 0.0)), axis=1, keepdims=True)
    y = np.where(use, y / np.maximum(size, 1e-300), 0.0)
    rest = np.where(use, y - (y.sum(axis=1) / use.sum(axis=1))[:, None], 0.0)
    rough = np.array([_squares(x, rest, use, s) for s in _COARSE])
    noise = rough.min(axis=0) / np.maximum(use.sum(axis=1) - 4, 1)
    weight = 1 / np.maximum(noise, 1e-12)
    center = float(_COARSE[int((rough * weight).sum(axis=1).argmin())])
    every = []
    for about in _FINE:
        exponents = center + about
        every.append((exponents, np.array([_squares(x, rest, use, s) for s in exponents]) * weight))
        center = _least(exponents, every[-1][1].sum(axis=1))
    if len(x) < FEWEST_CURVES or not _COARSE[0] < center < _COARSE[-1]:  # beyond what is tried there is no interval
        return Exponent(center, np.nan, np.nan)
    rng = np.random.default_rng(seed)
    spread = [_scatter(exponents, sums, rng) for exponents, sums in every]
    near = every[1][0][-1] - every[1][0][0]
    std = (spread[1] if 4 * spread[1] < near else spread[0]) * np.sqrt(len(x) / (len(x) - 1))
    reach = float(stdtrit(len(x) - 1, (1 + _LEVEL) / 2) * std)
    return Exponent(center, center - reach, center + reach)


def _scatter(exponents: np.ndarray, sums: np.ndarray, rng: np.random.Generator) -> float:
    """The standard deviation of the exponent of resampled curves."""
    count = sums.shape[1]
    return float(np.std([_least(exponents, sums[:, rng.integers(count, size=count)].sum(axis=1))
                         for _ in range(_DRAWS)]))


def _least(exponents: np.ndarray, sums: np.ndarray) -> float:
    """The place of the least of the sums, by a parabola through it and its neighbors."""
    best = int(np.clip(sums.argmin(), 1, len(sums) - 2))
    (a, b, c), step = sums[best - 1 : best + 2], exponents[best + 1] - exponents[best]
    bend = a - 2 * b + c
    return float(exponents[best] + (np.clip(0.5 * (a - c) / bend, -1.0, 1.0) * step if bend > 0 else 0.0))


def _squares(x: np.ndarray, rest: np.ndarray, use: np.ndarray, exponent: float) -> np.ndarray:
    """The least sum of squares of every curve with this exponent, (curve,); ``rest`` is the force less its mean."""
    center, reach = np.full(len(x), 0.4), 0.6
    least = np.full(len(x), _GONE)
    number, whole = use.sum(axis=1), (rest**2).sum(axis=1)

    def linear(place: np.ndarray) -> np.ndarray:
        """The sum of squares with this contact point, offset and amplitude eliminated."""
        g = np.where(use, np.maximum(x - place[:, None], 0.0) ** exponent, 0.0)
        g = np.where(use, g - (g.sum(axis=1) / number)[:, None], 0.0)
        across, own = (g * rest).sum(axis=1), (g * g).sum(axis=1)
        return np.where(own > 1e-12, whole - across**2 / np.maximum(own, 1e-12), _GONE)

    for _ in range(_NEARER):
        places = center[:, None] + reach * np.linspace(-1.0, 1.0, _PLACES)
        sums = np.stack([linear(places[:, k]) for k in range(_PLACES)], axis=1)
        center, reach = places[np.arange(len(x)), sums.argmin(axis=1)], 2 * reach / (_PLACES - 1)
        least = np.minimum(least, sums.min(axis=1))
    return least
