r"""Roughness, correlation length and Hurst exponent of the surface under white noise, as a distribution.

The law of the surface is self-affine with a roll-off,

$$s(q) = A\,\bigl(1 + (q / q_r)^c\bigr)^{-(2 + 2 H)/c},$$

c = 2 for a rounded roll-off (k-correlation; a Gaussian spectrum as H grows without end), large for a sharp one, over
noise of variance n. The mean powers of the
`rings` are gamma distributed about what is expected of them, so that

$$\ln L = -\sum_b \nu_b \bigl(\ln \mu_b + P_b / \mu_b\bigr)$$

with $\nu_b$ independent modes in ring b, fewer where the law misses the rings by more than chance. Where it misses
them, as it must where the spectrum of a smooth surface falls faster than any power, rings of less than a hundredth of
the highest power are left out: they have no part in the roughness. What is not known
(A, H, $q_r$, c, n, and how much structure finer than the pixel the pixels show) is drawn from this likelihood under
priors that are flat, but for a large H, by the affine-invariant sampler of Goodman and Weare, Commun. Appl. Math.
Comput. Sci. 5, 65 (2010); every result is a quantile over the draws. $S_q^2$ and the autocorrelation
$\int s\,J_0(q r)\,q\,dq$ belong to the surface: noise and leveling have no part in them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares
from scipy.special import j0

from asperity.instrument.roughness_rings import Expected, Rings, part

__all__ = ["Interval", "Law", "law_of"]

_PARAMETERS = 6  # of a law
_WALKERS = 80
_ROUNDS = 700  # of all walkers; the first two fifths are forgotten
_FORGOTTEN = 280
_THIN = 4  # rounds from one kept to the next
_STRETCH = 2.0  # of a move, at most
_LEAST_NOISE = 1e-3  # of the lowest power, below which noise is none
_LONGEST = 0.1  # waves in the frame at the roll-off, at least
_SEEN = 0.5  # waves in the frame at the roll-off, below which the frame does not show one
_STEEP = 1.2  # H up to which all are alike likely beforehand; beyond, likelihood falls as (1 + H)^-2
_WEAK = 1e-2  # of the highest power, below which rings are left out where the law misses them
_FITS = 6.0  # standard deviations of the misfit of a right law, above which it does
_WEAKEST = 4.0  # times the power of the weakest ring, that the noise may have where that is left out
_LIMITS = {"hurst": (-0.4, 400.0), "sharpness": (0.02, 0.7), "finer": (0.0, 1.0)}  # sharpness is 1 / c
_UNLIKELY = 9.0  # deviance by which a law is worse than the best from which no walker starts there
_LAGS = 120  # at which the autocorrelation is computed
_SEED = 20_011


class Interval(NamedTuple):
    """The median of a number, and where it lies with a probability of 95 %."""

    value: float
    low: float
    high: float

    @property
    def std(self) -> float:
        """A standard deviation: a quarter of the interval, nearly."""
        return (self.high - self.low) / 3.92


class Law(NamedTuple):
    """What the rings of a frame say of its surface."""

    rms: Interval  # m, Sq
    correlation_length: Interval  # m, where the autocorrelation is 1/e
    hurst: Interval
    noise: Interval  # m, standard deviation of the white noise of one pixel
    resolved: bool  # the roll-off is in the frame: else rms and length have no upper end
    misfit: float  # deviance of the rings from the best law over its expectation; the intervals grow by its root
    amplitude: float  # m^2, of the best law
    roll_off: float  # rad/m, of the best law
    exponent: float  # 2 + 2 H, of the best law
    bend: float  # c, of the best law
    floor: float  # m^2, noise of the best law


class _Space(NamedTuple):
    """The parameters (ln power, H, ln roll-off over sqrt(1 + H), 1/c, ln noise, finer) and where they may lie."""

    expected: Expected
    low: np.ndarray
    high: np.ndarray


def law_of(found: Rings, *, unevenness: float = 1.0) -> Law:
    """The law of the surface, and the distribution of its numbers.

    Args:
        found: of an image, from `asperity.instrument.roughness_rings.rings`.
        unevenness: of the roughness over the frame, from `asperity.instrument.roughness_evenness.unevenness`: so many
            times fewer modes are independent.
    """
    used, space = found, _space(found)
    deviance, starts, misfit = _best(found, space)
    if misfit > 1 + _FITS * math.sqrt(2 / _freedom(found)):
        used = _stronger(found)
        space = _space(used)
        space.low[4], space.high[4] = (math.log(part * found.power.min()) for part in (_LEAST_NOISE, _WEAKEST))
        deviance, starts, misfit = _best(used, space)
    times = max(misfit, 1.0) * unevenness
    likely = deviance < deviance.min() + _UNLIKELY * times
    draws = _drawn(used, space, [s for s, kept in zip(starts, likely, strict=True) if kept], times)
    return _numbers(space, draws, starts[int(deviance.argmin())], misfit)


def _best(found: Rings, space: _Space) -> tuple[np.ndarray, list[np.ndarray], float]:
    """The deviances of the likeliest laws without and with folded structure, the laws, and the misfit of the better."""
    starts = [_fitted(found, space, finer) for finer in (0.1, 0.9)]
    deviance = _deviance(found, space, np.array(starts))
    return deviance, starts, float(deviance.min()) / _freedom(found)


def _freedom(found: Rings) -> int:
    """Rings beyond the parameters of a law."""
    return max(len(found.power) - _PARAMETERS, 1)


def _stronger(found: Rings) -> Rings:
    """The rings of more than a hundredth of the highest power."""
    return part(found, found.power > _WEAK * found.power.max())


def _space(found: Rings) -> _Space:
    nodes = found.expected.nodes
    wave = nodes[0] / 0.03  # of the frame
    lowest = _LEAST_NOISE * found.power.min()
    ranges = [(math.log(1e-6 * found.power.max()), math.log(1e4 * found.power.max())), _LIMITS["hurst"],
              (math.log(_LONGEST * wave), math.log(nodes[-1] / 64)), _LIMITS["sharpness"],
              (math.log(lowest), math.log(2 * found.power.max())), _LIMITS["finer"]]
    low, high = np.array(ranges).T
    return _Space(found.expected, low, high)


def _law(space: _Space, theta: np.ndarray) -> np.ndarray:
    """s at the nodes, (draws, nodes)."""
    power, hurst, _, inverse = (theta[:, k, None] for k in range(4))
    x = (np.log(space.expected.nodes) - _roll_off(theta)[:, None]) / inverse
    return np.exp(power - (2 + 2 * hurst) * inverse * np.logaddexp(0.0, x))


def _roll_off(theta: np.ndarray) -> np.ndarray:
    """ln of the roll-off: in terms of it over the root of 1 + H, steep laws tend to a Gaussian one."""
    return theta[:, 2] + 0.5 * np.log1p(theta[:, 1])


def _rare(hurst: np.ndarray) -> np.ndarray:
    """-ln of how likely an exponent is beforehand."""
    return 2 * np.log(np.maximum(1 + hurst, 1 + _STEEP) / (1 + _STEEP))


def _share(finer: np.ndarray) -> np.ndarray:
    """How much structure finer than the pixel is folded in: none or all, one as likely as the other, or a part."""
    return np.clip(10 * finer - 4.5, 0.0, 1.0)


def _expectation(space: _Space, theta: np.ndarray) -> np.ndarray:
    """The expected power of the rings, (draws, rings)."""
    expected, law = space.expected, _law(space, theta)
    share = _share(theta[:, 5, None])
    return law @ expected.direct.T + share * (law @ expected.folded.T) + np.exp(theta[:, 4, None]) * expected.white


def _terms(found: Rings, space: _Space, theta: np.ndarray) -> np.ndarray:
    """Twice the log likelihood that each ring lacks, (draws, rings)."""
    ratio = found.power / _expectation(space, theta)
    return 2 * found.expected.modes * np.maximum(ratio - 1 - np.log(ratio), 0.0)


def _deviance(found: Rings, space: _Space, theta: np.ndarray) -> np.ndarray:
    return _terms(found, space, theta).sum(axis=1)


def _fitted(found: Rings, space: _Space, finer: float) -> np.ndarray:
    """The likeliest law, from several beginnings."""
    def misses(theta: np.ndarray) -> np.ndarray:
        term = _terms(found, space, theta[None])[0]
        sign = np.sign(found.power - _expectation(space, theta[None])[0])
        return np.append(sign * np.sqrt(term), np.sqrt(2 * _rare(theta[1])))

    low, high = space.low.copy(), space.high.copy()
    low[5], high[5] = finer - 1e-3, finer + 1e-3
    best = None
    for waves in (2.0, 8.0):
        for hurst in (0.4, 1.5):
            roll = space.low[2] + math.log(waves / _LONGEST)
            ends = math.log(found.power[:3].max()), math.log(found.power.min() / 2)
            begin = np.array([ends[0], hurst, roll, 0.4, ends[1], finer])
            one = least_squares(misses, np.clip(begin, low + 1e-6, high - 1e-6), bounds=(low, high), x_scale=0.1,
                                max_nfev=60)
            best = one if best is None or one.cost < best.cost else best
    assert best is not None
    return best.x


def _drawn(found: Rings, space: _Space, starts: list[np.ndarray], misfit: float) -> np.ndarray:
    """Draws from the likelihood, (draws, parameters): pairs of walkers stretch towards or away from each other."""
    rng = np.random.default_rng(_SEED)

    def density(theta: np.ndarray) -> np.ndarray:
        inside = np.all((theta > space.low) & (theta < space.high), axis=1)
        clipped = np.clip(theta, space.low, space.high)
        value = -_deviance(found, space, clipped) / (2 * misfit) - _rare(clipped[:, 1])
        return np.where(inside, value, -np.inf)

    walkers = _begun(found, space, starts, misfit, rng)
    value = density(walkers)
    kept, half = [], _WALKERS // 2
    for number in range(_ROUNDS):
        order = rng.permutation(_WALKERS)
        for mine, others in ((order[:half], order[half:]), (order[half:], order[:half])):
            z = (1 + (_STRETCH - 1) * rng.random(half)) ** 2 / _STRETCH
            partner = walkers[rng.choice(others, half)]
            moved = partner + z[:, None] * (walkers[mine] - partner)
            new = density(moved)
            accept = np.log(rng.random(half)) < (walkers.shape[1] - 1) * np.log(z) + new - value[mine]
            walkers[mine[accept]], value[mine[accept]] = moved[accept], new[accept]
        if number >= _FORGOTTEN and number % _THIN == 0:
            kept.append(walkers.copy())
    return np.concatenate(kept)


def _begun(found: Rings, space: _Space, starts: list[np.ndarray], misfit: float,
           rng: np.random.Generator) -> np.ndarray:
    """Walkers about the likeliest laws, as far as the curvature there lets them lie."""
    walkers = []
    for start in starts:
        steps = 1e-3 * np.eye(len(start))
        slopes = (np.log(_expectation(space, start + steps)) - np.log(_expectation(space, start - steps))) / 2e-3
        information = (slopes * found.expected.modes / misfit) @ slopes.T + np.diag(16 / (space.high - space.low) ** 2)
        root = np.linalg.cholesky(np.linalg.inv(information))
        walkers.append(start + rng.normal(size=(_WALKERS // len(starts), len(start))) @ root.T)
    gap = 1e-3 * (space.high - space.low)
    begun = np.clip(np.concatenate(walkers), space.low + gap, space.high - gap)
    return begun + gap / 2 * rng.random(begun.shape)


def _interval(values: np.ndarray) -> Interval:
    low, value, high = np.quantile(values, [0.025, 0.5, 0.975])
    return Interval(float(value), float(low), float(high))


def _numbers(space: _Space, draws: np.ndarray, best: np.ndarray, misfit: float) -> Law:
    expected, law = space.expected, _law(space, draws)
    share = _share(draws[:, 5])
    variance = law @ expected.variance + share * (law @ expected.finer)
    wave = expected.nodes[0] / 0.03
    resolved = bool(np.quantile(_roll_off(draws), 0.025) > math.log(_SEEN * wave))
    power, hurst, _, sharpness, noise, _ = best
    return Law(_interval(np.sqrt(variance)), _interval(_lengths(expected, law, share, variance)),
               _interval(draws[:, 1]), _interval(np.exp(draws[:, 4] / 2)), resolved, misfit, math.exp(power),
               math.exp(_roll_off(best[None])[0]), 2 + 2 * float(hurst), 1 / float(sharpness), math.exp(noise))


def _lengths(expected: Expected, law: np.ndarray, share: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Where the autocorrelation of each draw falls to 1/e; the longest lag where it does not."""
    wave = expected.nodes[0] / 0.03
    lags = np.geomspace(math.pi / expected.nodes[-1] * 16, 4 * math.pi / (_LONGEST * wave), _LAGS)
    waves = j0(np.multiply.outer(expected.nodes, lags))
    curve = law @ (expected.variance[:, None] * waves)
    curve += share[:, None] * (law @ (expected.finer[:, None] * waves))
    curve = np.minimum.accumulate(curve / variance[:, None] - math.exp(-1), axis=1)
    after = np.clip((curve > 0).sum(axis=1), 1, _LAGS - 1)
    rows = np.arange(len(law))
    first, second = curve[rows, after - 1], curve[rows, after]
    part = np.clip(first / np.maximum(first - second, 1e-12), 0.0, 1.0)
    return np.exp(np.log(lags[after - 1]) + part * np.log(lags[after] / lags[after - 1]))
