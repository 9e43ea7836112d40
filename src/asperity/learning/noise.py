r"""The noise of a set of curves, learnt from what their fits leave.

What the error bar of a fit needs is the noise's spectrum down to frequencies that no curve shows well: the
fit itself absorbs them, and a baseline is shorter than the window. The logarithm of the spectral density S
is a smooth function of the logarithm of the frequency, given at knots,

$$u = \ln S, \qquad \bar u \sim N(m, \Sigma), \qquad u_i \sim N(\bar u, B):$$

the slope of the session's $\bar u$ is a Gaussian process with a memory, and each curve's own $u_i$ scatters
about $\bar u$, more at low frequencies than at high ones. What a curve shows are contrasts of its residual:
linear combinations, whose squares P have an expectation $\sum_k A_k e^{u_k}$ that is known, through the
fit's own projection. The logarithm of a mean of $m$ squares of Gaussian variables has the mean
$\ln E P + \psi(m/2) - \ln(m/2)$ and the variance $\psi'(m/2)$, so that $u$ is found by nonlinear regression
of logarithms: it holds for one curve, where a likelihood's maximum would lie far too low, and a single odd
curve or wave decides little. The posterior of u has a covariance, so that the variance of a parameter,
$V = \sum_k q_k e^{u_k}$, is known as well as its logarithm: the error follows Student's distribution, with
the degrees of freedom that give $\ln V$ that uncertainty.

Source: Geweke, Porter-Hudak, J. Time Ser. Anal. 4, 221 (1983) (regression of log-periodograms); Efron, Morris,
J. Am. Stat. Assoc. 70, 311 (1975) (curves of one session); JCGM 100:2008, annex G (degrees of freedom).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.fft import dct
from scipy.special import digamma, polygamma

__all__ = ["CONTRASTS", "MINIMUM_BASELINE", "PRIOR", "Contrasts", "SharedNoise", "Spectra",
           "SpectrumPrior", "autocovariance", "baseline_length", "between_knots", "beyond_windows", "correlation",
           "degrees_of_freedom", "evidence", "knots", "learn", "level", "mean_power", "of_baselines", "resolved",
           "spectra", "together"]

#: fewer samples before contact than this say nothing about the noise's correlation
MINIMUM_BASELINE = 24
#: slow contrasts of the whole window
CONTRASTS = 12
_KNOTS = 13  # frequencies at which a spectrum is given,
_SLOWEST = 4.0  # windows, the period of the slowest: what is slower looks like a line in one window
_LONGEST = 2048  # samples of a baseline that are used, the last ones before contact
_SINGLE = 12  # orders of a baseline that stand alone; the others are taken together
_TOGETHER = 16  # bands of the others
_LEAST_HALF = np.exp(-4.0) / 2  # degrees of freedom over two, at least
_MOST_HALF = np.exp(14.0) / 2  # and at most,
_NEWTON = 30  # steps of Newton's method to them, at most: three to six,
_SETTLED = 1e-8  # and the relative step that is the last: the next one would be its square
_ROUNDING = 1e-9  # of the largest force
_REMEMBERED = 128  # lengths of baselines whose tables are kept; 0.3 MB for the longest
_STEPS = 24  # of the regression, each of at most
_STEP = 2.0  # in the logarithm of the density,
_SMALL = 1e-5  # until none is larger than this: the results of a curve then do not depend on its batch
_ANY_LEVEL = 5.0  # standard deviation of the prior of ln S, as a whole
_SCATTER = (0.1, 0.3, 0.6, 1.0, 1.6)  # how much more or less than usual the curves of a session may differ
_USUAL = 0.7  # standard deviation of the logarithm of that factor
_LOUDER = (0.0, 0.1, 0.3, 1.0)  # standard deviations of ln S, as a whole, among the curves of a session
_ALIKE = 6.0  # of ln S, by which a curve may differ from the middle one and be learnt from: 20 times the noise
_NUGGET = 1e-6  # variance of a knot by itself, which makes matrices regular


class SpectrumPrior(NamedTuple):
    """What is known of the spectra of force noise before a session is seen; frequencies in natural logarithms."""

    slope: float  # of ln S against ln f, its mean
    slope_std: float  # how much it changes with the frequency, as a process with a memory
    slope_length: float  # of this length
    bumps: float  # standard deviation of ln S of each knot by itself
    scatter_slow: float  # standard deviation of a curve's ln S about that of its session, at the slowest knot,
    scatter_fast: float  # and at the fastest
    scatter_length: float  # over which it changes


#: learnt from measured baselines of five instruments by `asperity.learning.noise_prior`
PRIOR = SpectrumPrior(slope=-1.34, slope_std=1.86, slope_length=0.86, bumps=0.35, scatter_slow=0.4, scatter_fast=0.02,
                      scatter_length=1.95)


class Contrasts(NamedTuple):
    """What curves show of their noise: mean squares of contrasts of the residual."""

    power: np.ndarray  # (curve, row) N^2
    expected: np.ndarray  # (curve, row, knot) its expectation per N^2 of density at each knot
    number: np.ndarray  # (curve, row) how many independent contrasts it is the mean of; 0 where there is none


class SharedNoise(NamedTuple):
    """What the curves of a session have in common."""

    length: int  # samples of a window, which the knots belong to
    baseline: int  # samples of a baseline; 0: none was long enough
    mean: np.ndarray  # (knot,) ln S of a middling curve, S in N^2 per unit of frequency in cycles a sample
    covariance: np.ndarray  # (knot, knot) of that
    scatter: np.ndarray  # (knot, knot) covariance of a curve's own ln S about it
    excess: float = 1.0  # mean power of a curve over that of its spectrum, which is of middling contrasts


class Spectra(NamedTuple):
    """The spectrum of each curve's noise."""

    mean: np.ndarray  # (curve, knot) ln S
    covariance: np.ndarray  # (curve, knot, knot)


def knots(length: int) -> np.ndarray:
    """The logarithms of the frequencies (cycles a sample) at which the noise of windows of ``length`` is given."""
    return np.log(np.geomspace(1 / (_SLOWEST * length), 0.5, _KNOTS))


def between_knots(length: int, frequency: np.ndarray) -> np.ndarray:
    """How much of each knot of windows of ``length`` is in logarithms of frequencies, (knot, frequency); flat ends."""
    return np.array([np.interp(frequency, knots(length), unit) for unit in np.eye(_KNOTS)])


@lru_cache(_REMEMBERED)
def autocovariance(length: int, lags: int) -> np.ndarray:
    """The autocovariance of a unit density at each knot, (knot, lag): S is interpolated in ln f, flat below."""
    size = 1 << int(4 * _SLOWEST * max(length, lags) - 1).bit_length()
    frequency = np.log(np.maximum(np.fft.rfftfreq(size), 1e-12))
    return np.array([np.fft.irfft(share, size)[:lags] for share in between_knots(length, frequency)])


def learn(seen: Contrasts, length: int, baseline: int = 0, prior: SpectrumPrior | None = None) -> SharedNoise:
    """What the curves of one session have in common.

    Args:
        seen: the contrasts of its curves.
        length, baseline: samples of the windows and of the baselines that they belong to.
        prior: of spectra; by default `PRIOR`.

    Where no curve shows any noise, the density is zero: its logarithm is minus infinity.
    """
    live = (seen.number * (seen.power > 0)).sum(axis=1) > 0  # a dead channel tells of no other
    if not live.any():
        return SharedNoise(length, baseline, np.full(_KNOTS, -np.inf), np.zeros((_KNOTS, _KNOTS)), np.eye(_KNOTS))
    seen = _alike(Contrasts(*(part[live] for part in seen)))
    mean, covariance, scatter = _placed(prior or PRIOR, seen, length)
    if len(seen.power) == 1:
        return _measured(SharedNoise(length, baseline, *_pooled(seen, mean, covariance, scatter)[1:]), seen)
    louder = max(_LOUDER, key=lambda std: _pooled(seen, mean, covariance, scatter + std**2)[0])
    tried = [_pooled(seen, mean, covariance, factor**2 * scatter + louder**2) for factor in _SCATTER]
    likely = [found[0] - 0.5 * (np.log(factor) / _USUAL) ** 2 for found, factor in zip(tried, _SCATTER)]
    return _measured(SharedNoise(length, baseline, *tried[int(np.argmax(likely))][1:]), seen)


def _measured(noise: SharedNoise, seen: Contrasts) -> SharedNoise:
    """The noise with its excess: bursts and lines count in a mean square, and hardly in a mean logarithm.

    That of the middling curve: one that was cut off or begins in contact says nothing of the others.
    """
    stated = (seen.expected @ np.exp(spectra(noise, seen).mean)[..., None])[..., 0]
    ratio = (seen.power * seen.number).sum(axis=1) / (stated * seen.number).sum(axis=1)
    return noise._replace(excess=float(np.median(ratio)))


def evidence(seen: Contrasts, length: int, prior: SpectrumPrior) -> float:
    """How likely the prior makes what these curves of one session show: a natural logarithm, but for a constant."""
    return _pooled(seen, *_placed(prior, seen, length))[0]


def spectra(noise: SharedNoise, seen: Contrasts) -> Spectra:
    """The spectrum of each curve, from its own contrasts and from its session."""
    if not np.isfinite(noise.mean).all():
        count = len(seen.power)
        return Spectra(np.full((count, _KNOTS), -np.inf), np.zeros((count, _KNOTS, _KNOTS)))
    inverse = np.linalg.inv(noise.scatter)
    own = np.tile(noise.mean, (len(seen.power), 1))
    for _ in range(_STEPS):
        information, pull, _ = _linear(seen, own)
        step = np.linalg.solve(information + inverse, (pull + inverse @ noise.mean)[..., None])[..., 0] - own
        own = own + np.clip(step, -_STEP, _STEP)
        if np.abs(step).max() < _SMALL:
            break
    inner = np.linalg.inv(_linear(seen, own)[0] + inverse)
    share = inner @ inverse  # how much of the session's own uncertainty a curve takes over
    return Spectra(own, inner + share @ noise.covariance @ np.swapaxes(share, 1, 2))


def mean_power(noise: SharedNoise, found: Spectra) -> Spectra:
    """The spectra at their mean power, which errors follow: above the middling where noise comes in bursts or waves."""
    return found._replace(mean=found.mean + np.log(max(noise.excess, 1.0)))


def _alike(seen: Contrasts) -> Contrasts:
    """The curves whose noise is of the size of the others': a dead, smoothed or shaken one tells nothing of them."""
    total = (seen.power * seen.number).sum(axis=1) / (seen.expected.sum(axis=2) * seen.number).sum(axis=1)
    usual = np.sort(total)[len(total) // 2]
    alike = np.abs(np.log(total / usual)) <= _ALIKE
    return Contrasts(*(part[alike] for part in seen))


def _placed(prior: SpectrumPrior, seen: Contrasts, length: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`_shapes` at the knots of windows of ``length``, at the level that the contrasts have as a whole."""
    mean, covariance, scatter = _shapes(prior, knots(length))
    size = (seen.power * seen.number).sum() / (seen.expected @ np.exp(mean) * seen.number).sum()
    return mean + np.log(size), covariance, scatter


def _shapes(prior: SpectrumPrior, at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The prior's mean and covariance of a session's ln S at these knots, and the covariance of a curve's about it."""
    apart, place = np.abs(at[:, None] - at), at[-1] - at

    def spread(distance: np.ndarray) -> np.ndarray:
        """The variance of a difference of ln S: the integral of a slope with an exponential memory."""
        part = distance / prior.slope_length
        return 2 * (prior.slope_std * prior.slope_length) ** 2 * (part - 1 + np.exp(-part))

    nugget = _NUGGET * np.eye(len(at))
    shared = (_ANY_LEVEL**2 + (spread(place)[:, None] + spread(place) - spread(apart)) / 2
              + prior.bumps**2 * np.eye(len(at)) + nugget)
    slow = (at[-1] - at) / (at[-1] - at[0])
    width = prior.scatter_slow * slow + prior.scatter_fast * (1 - slow)
    near = np.sqrt(3) * apart / prior.scatter_length
    scatter = width[:, None] * width * (1 + near) * np.exp(-near) + nugget  # a process with one derivative
    return prior.slope * (place.mean() - place), shared, scatter


def _linear(seen: Contrasts, own: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The regression linear about ``own`` (curve, knot): information, what it pulls to, -2 ln likelihood."""
    there = (seen.number > 0) & (seen.power > 0)
    half = np.where(there, seen.number, 1) / 2
    few, place = np.unique(half, return_inverse=True)
    weight = np.where(there, 1 / polygamma(1, few)[place.reshape(half.shape)], 0.0)
    part = seen.expected * np.exp(own)[:, None, :]
    total = np.maximum(part.sum(axis=2), 1e-300)
    part = part / total[..., None]
    rest = np.where(there, np.log(np.where(there, seen.power, 1.0)) - digamma(half) + np.log(half) - np.log(total), 0.0)
    weighted = np.swapaxes(part * weight[..., None], 1, 2)
    information = weighted @ part
    pull = (weighted @ rest[..., None] + information @ own[..., None])[..., 0]
    return information, pull, (weight * rest**2).sum(axis=1)


def _pooled(seen: Contrasts, mean: np.ndarray, covariance: np.ndarray,
            scatter: np.ndarray) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Log evidence, mean and covariance of the session's ln S for this ``scatter`` of its curves, and that scatter."""
    inverse, prior = np.linalg.inv(scatter), np.linalg.inv(covariance)
    shared, own = mean, np.tile(mean, (len(seen.power), 1))
    for _ in range(_STEPS):
        information, pull, _ = _linear(seen, own)
        inner = np.linalg.inv(information + inverse)
        outer = prior + len(own) * inverse - inverse @ inner.sum(axis=0) @ inverse
        shared = np.linalg.solve(outer, prior @ mean + inverse @ (inner @ pull[..., None]).sum(axis=0)[:, 0])
        step = (inner @ (pull + inverse @ shared)[..., None])[..., 0] - own
        own = own + np.clip(step, -_STEP, _STEP)
        if np.abs(step).max() < _SMALL:
            break
    information, _, misfit = _linear(seen, own)
    inner = np.linalg.inv(information + inverse)
    outer = prior + len(own) * inverse - inverse @ inner.sum(axis=0) @ inverse
    apart, off = own - shared, shared - mean
    evidence = -0.5 * (misfit.sum() + np.einsum("nk,kl,nl->", apart, inverse, apart) + off @ prior @ off
                       - len(own) * np.linalg.slogdet(inverse)[1] - np.linalg.slogdet(inner)[1].sum()
                       - np.linalg.slogdet(prior)[1] + np.linalg.slogdet(outer)[1])
    return float(evidence), shared, np.linalg.inv(outer), scatter


def resolved(seen: Contrasts, quantum: np.ndarray, largest: np.ndarray) -> Contrasts:
    """The contrasts as far as forces can be told apart: none is less than the noise of rounding to a ``quantum``.

    Args:
        seen: as computed; exact zeros, and what rounding leaves of them, may be among them.
        quantum: (curve,) N, the step of the recorded forces, 0 where there is none to be seen; its noise is white with
            a standard deviation of a step over the square root of 12.
        largest: (curve,) N, the largest recorded force; a contrast below 1e-9 of it is rounding and does not count.
    """
    white = seen.expected.sum(axis=2)
    power = np.maximum(seen.power, (quantum**2 / 12)[:, None] * white)
    there = power > (_ROUNDING * largest[:, None]) ** 2 * white
    return Contrasts(np.where(there, power, 0.0), seen.expected, np.where(there, seen.number, 0.0))


def together(*parts: Contrasts) -> Contrasts:
    """Contrasts of the same curves, of several kinds."""
    return Contrasts(*(np.concatenate(columns, axis=1) for columns in zip(*parts)))


def baseline_length(baselines: Sequence[np.ndarray]) -> int:
    """The length that baselines are cut to: that of the fifth part of the shortest; shorter ones are left out.

    0 where none has `MINIMUM_BASELINE` samples.
    """
    live = [len(b) for b in baselines if len(b) >= MINIMUM_BASELINE and np.ptp(b) > 0]
    usable = live or [len(b) for b in baselines if len(b) >= MINIMUM_BASELINE]
    return int(min(np.quantile(usable, 0.2), _LONGEST)) if usable else 0


def of_baselines(baselines: Sequence[np.ndarray], baseline: int, length: int) -> Contrasts:
    """The contrasts of forces (N) before contact, each evenly sampled and ordered towards contact.

    Cosine coefficients of the last ``baseline`` samples after removal of a straight line: the cosine
    transform continues the baseline evenly at its ends, so that slow waves leak far less into high orders
    than in a Fourier transform.

    Args:
        baselines: of each curve; one that is shorter than ``baseline`` shows nothing.
        baseline: samples, see `baseline_length`.
        length: of the windows, which the knots belong to.
    """
    if not baseline:
        return Contrasts(np.zeros((len(baselines), 0)), np.zeros((len(baselines), 0, _KNOTS)),
                         np.zeros((len(baselines), 0)))
    edges = _edges(baseline)
    size = np.diff(edges)
    expected = np.add.reduceat(_expected(baseline, length), edges[:-1], axis=0) / size[:, None]
    power, number = np.zeros((len(baselines), len(expected))), np.zeros((len(baselines), len(expected)))
    long = [i for i, b in enumerate(baselines) if len(b) >= baseline]
    if long:
        squares = np.array([_squares(baselines[i], baseline) for i in long])
        power[long] = np.add.reduceat(squares, edges[:-1], axis=1) / size
        number[long] = size
    return Contrasts(power, np.broadcast_to(expected, (len(baselines), *expected.shape)), number)


def beyond_windows(seen: Contrasts, baseline: int, length: int) -> Contrasts:
    """Those of `of_baselines` that are faster than the contrasts of whole windows."""
    if not baseline:
        return seen
    faster = _edges(baseline)[:-1] + 2 >= (CONTRASTS + 0.5) * baseline / length
    return Contrasts(*(part[:, faster] for part in seen))


def level(noise: SharedNoise, found: Spectra) -> np.ndarray:
    """The standard deviation of each curve's noise about a straight line in a baseline, (curve,) N.

    Slower changes than the baseline can show, which a fitted line absorbs, are not part of it.
    """
    length = noise.baseline or noise.length
    return np.sqrt(noise.excess * (np.exp(found.mean) @ _expected(length, noise.length).sum(axis=0)) / length)


def correlation(noise: SharedNoise, found: Spectra) -> np.ndarray:
    """How many samples count as one independent one, (curve,): low-frequency power over mean power."""
    expected = _expected(noise.baseline or noise.length, noise.length)
    density = np.exp(found.mean)
    low = expected[: max(4, len(expected) // 20)].mean(axis=0)
    return (density @ low) / np.maximum(density @ expected.mean(axis=0), 1e-300)


def degrees_of_freedom(variance: np.ndarray) -> np.ndarray:
    r"""The degrees of freedom $\nu$ of an error whose variance is known with this variance of its logarithm.

    $\psi'(\nu/2)$ is the variance of the logarithm of a $\chi^2_\nu$. $1/\psi'$ is nearly a straight line, convex: from
    below, Newton's method rises to the root, quadratically. $\ln \nu$ is kept between -4 and 14.
    """
    variance = np.maximum(np.nan_to_num(np.asarray(variance, float), nan=np.inf, posinf=np.inf), 1e-300)
    half = np.clip(0.5 + 1 / variance, _LEAST_HALF, _MOST_HALF)
    for _ in range(_NEWTON):
        slope, before = polygamma(1, half), half
        half = np.clip(half + slope * (1 - slope / variance) / polygamma(2, half), _LEAST_HALF, _MOST_HALF)
        if np.max(np.abs(half - before) / half, initial=0.0) < _SETTLED:
            break
    return 2 * half


@lru_cache(_REMEMBERED)
def _edges(length: int) -> np.ndarray:
    """The bounds of the orders of a baseline that are taken together: the slow ones alone."""
    orders = length - 2
    wide = np.geomspace(_SINGLE, orders, _TOGETHER) if orders > _SINGLE else [orders]
    return np.unique(np.concatenate([np.arange(min(_SINGLE, orders)), np.round(wide).astype(int)]))


@lru_cache(_REMEMBERED)
def _line(length: int) -> np.ndarray:
    """An orthonormal basis of the straight lines, (length, 2)."""
    return np.linalg.qr(np.stack([np.ones(length), np.arange(length) - (length - 1) / 2], 1))[0]


def _squares(baseline: np.ndarray, length: int) -> np.ndarray:
    """Squared cosine coefficients of the last ``length`` samples after removal of a straight line, (order,)."""
    line, samples = _line(length), baseline[-length:]
    return np.square(dct(samples - line @ (line.T @ samples), norm="ortho")[2:])


@lru_cache(_REMEMBERED)
def _expected(baseline: int, length: int) -> np.ndarray:
    """The mean of `_squares` for a unit density at each knot of windows of ``length``, (order, knot).

    The coefficient is v.x with the transform's row v, less its straight line; its variance is the
    autocovariance of the noise, summed with the autocorrelation of v.
    """
    line = _line(baseline)
    rows = dct(np.eye(baseline), norm="ortho", axis=0)[2:]
    rows = rows - (rows @ line) @ line.T
    squared = np.abs(np.fft.rfft(rows, 2 * baseline, axis=1)) ** 2
    overlap = np.fft.irfft(squared, axis=1)[:, :baseline]
    overlap[:, 1:] *= 2
    return np.maximum(overlap @ autocovariance(length, baseline).T, 0.0)
