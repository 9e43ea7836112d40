r"""The law of a self-affine surface under white noise, fitted to the Fourier modes by Whittle's likelihood."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from asperity.instrument.roughness_spectrum import Modes, modes, pitches
from asperity.messages import DataError

__all__ = ["PowerSpectrumFit", "fit_spectrum"]

_LOWEST = 4  # modes along an axis below which the window and the plane removed dominate
_FAST_LOWEST = 2  # modes of the fast axis below which line offsets live
_STEPS = 100  # of the fit, at most
_BANDS = 12  # of wavenumbers, to judge the fit
_HANN = 1 / 3  # second moment of the squared Hann window's spectrum, in modes^2


class PowerSpectrumFit(NamedTuple):
    r"""$C(q) = A\,((q^2 + q_r^2)/q_0^2)^{-p/2} + n$: amplitude A, exponent p, roll-off $q_r$, floor n.

    ``covariance`` is that of (ln amplitude, exponent, ln floor, ln roll_off); rows and columns of what was not
    fitted, or was found to be zero, are zero.
    """

    amplitude: float  # m^4 of an image, m^3 of a line, at the reference wavenumber
    exponent: float
    floor: float  # m^4 or m^3: of the mean of both scans where there were two
    roll_off: float  # rad/m, 0 if there is none
    reference: float  # rad/m, q_0
    covariance: np.ndarray  # (4, 4)
    band: tuple[float, float]  # rad/m, the wavenumbers fitted
    dimensions: int  # d, 2 for an image and 1 for a line
    misfit: float  # rms, over bands of wavenumbers, of data less law in standard errors: near 1 where the law holds
    bend: float = 2.0  # c of a roll-off $(q^c + q_r^c)^{-p/c}$: 2 is fitted here, larger is sharper

    @property
    def exponent_std(self) -> float:
        """Standard error of the exponent."""
        return math.sqrt(self.covariance[1, 1])

    @property
    def hurst(self) -> float:
        """H = (p - d) / 2."""
        return (self.exponent - self.dimensions) / 2

    def signal(self, wavenumber: np.ndarray) -> np.ndarray:
        """The spectrum of the surface without the floor, at wavenumbers above 0 in rad/m."""
        scaled = np.asarray(wavenumber) / self.reference, self.roll_off / self.reference
        with np.errstate(divide="ignore"):
            bent = self.bend * np.log(scaled[0]), self.bend * np.log(scaled[1])
        return self.amplitude * np.exp(-self.exponent / self.bend * np.logaddexp(*bent))


class _Ordinates(NamedTuple):
    """What is fitted: power of the (mean) image, and of half the difference of two scans, which is noise alone."""

    axes: np.ndarray  # (d, k) wavevectors over the reference
    blur: np.ndarray  # (d,) second moment of the window over the reference squared
    power: np.ndarray  # (k,) over their scale
    noise: np.ndarray  # (l,) over the same
    shared: float


def fit_spectrum(height: np.ndarray, pitch: float | tuple[float, ...], *, second: np.ndarray | None = None,
                 band: tuple[float, float] | None = None, roll_off: bool = False) -> PowerSpectrumFit:
    r"""Exponent, amplitude and noise floor of the spectrum of an image or a line.

    Minimizes $\sum \ln \mu + P/\mu$ over all modes of the band (Whittle), with the window's blur in the expected power
    to second order, $\mu = n + (1 + \tfrac12 \sum_a \sigma_a^2 \partial_a^2) C$. With a ``second`` scan of the same
    place, the mean has the floor n and half the difference is noise of the same power, so that the floor is
    known from modes without signal: this needs noise of equal size that the two scans do not share. Modes with fewer
    than two periods along the fast axis of an image are left out, for line offsets live there.

    The covariance is the inverse information times the number of modes that share a window; it was checked against
    the scatter over surfaces. It speaks of a surface that obeys the law: where ``misfit`` is well above 1 it does not,
    and neither exponent nor error mean what they say.

    Args:
        height: (rows, columns), the fast axis last, or (n,); m, NaN where missing.
        pitch: m along each axis; one number serves all.
        second: the same place scanned again.
        band: lowest and highest wavenumber in rad/m; default from 4 periods in the frame to the Nyquist wavenumber.
        roll_off: whether the spectrum may flatten below a wavenumber q_r, to be found.

    Raises:
        ValueError: shapes, a second scan that is a copy, too few modes in the band, or modes without power.
        DataError: no optimum found.
    """
    height = np.asarray(height, np.float64)
    steps = pitches(height, pitch)
    frame = [n * s for n, s in zip(height.shape, steps, strict=True)]
    if band is None:
        band = (2 * math.pi * _LOWEST / min(frame), min(math.pi / s for s in steps))
    mean, difference = height, None
    if second is not None:
        if np.shape(second) != height.shape:
            raise ValueError(f"two scans of different shape: {height.shape} and {np.shape(second)}")
        if not np.any(np.abs(height - second) > 0):
            raise DataError("the second scan equals the first: a copy tells nothing about the noise; leave it out")
        mean, difference = (height + second) / 2, modes((height - second) / 2, steps)
    reference = math.sqrt(band[0] * band[1])
    blur = np.array([_HANN * (2 * math.pi / length / reference) ** 2 for length in frame])
    data, scale = _ordinates(modes(mean, steps), difference, band, reference, blur)
    theta, covariance = _maximize(data, roll_off)
    return PowerSpectrumFit(math.exp(theta[0]) * scale, float(theta[1]), math.exp(theta[2]) * scale,
                            math.exp(theta[3]) * reference, reference, covariance, band, height.ndim,
                            _misfit(theta, data))


def _ordinates(mean: Modes, difference: Modes | None, band: tuple[float, float], reference: float,
               blur: np.ndarray) -> tuple[_Ordinates, float]:
    q = np.sqrt((mean.wavevector**2).sum(axis=0))
    inside = (q >= band[0] * (1 - 1e-9)) & (q <= band[1] * (1 + 1e-9))
    if q.ndim == 2:
        inside[:, :_FAST_LOWEST] = False
    inside &= mean.weight == 1  # each mode once
    power = np.abs(mean.amplitude[inside]) ** 2
    noise = np.empty(0) if difference is None else np.abs(difference.amplitude[inside]) ** 2
    if len(power) < 16 or not np.any(power > 0):
        raise DataError(f"{len(power)} modes with power between {band[0]:.3g} and {band[1]:.3g} rad/m: at least 16 "
                        "are needed; widen the band or take a larger frame")
    scale = float(np.median(power[power > 0]))
    return _Ordinates(mean.wavevector[:, inside] / reference, blur, power / scale, noise / scale, mean.shared), scale


def _expected(theta: np.ndarray, data: _Ordinates) -> tuple[np.ndarray, np.ndarray]:
    """The expected power of each signal mode and its derivatives by theta, (k,) and (4, k)."""
    p, rolled = theta[1], math.exp(2 * theta[3])
    squared = data.axes**2
    u = squared.sum(axis=0) + rolled
    law = np.exp(theta[0] - p / 2 * np.log(u))
    along = np.tensordot(data.blur, squared, 1)  # sum of sigma_a^2 q_a^2
    total = data.blur.sum()
    blurred = 1 + (p * (p + 2) * along / u**2 - p * total / u) / 2
    by_p = -0.5 * np.log(u) * blurred + ((2 * p + 2) * along / u**2 - total / u) / 2
    by_u = -p / 2 / u * blurred + (-2 * p * (p + 2) * along / u**3 + p * total / u**2) / 2
    floor = math.exp(theta[2])
    signal = law * blurred
    return signal + floor, np.stack([signal, law * by_p, np.full_like(u, floor), law * by_u * 2 * rolled])


def _loss(theta: np.ndarray, data: _Ordinates) -> float:
    mu = _expected(theta, data)[0]
    if not np.all(mu > 0):
        return math.inf
    return float(np.sum(np.log(mu) + data.power / mu)
                 + np.sum(theta[2] + data.noise * math.exp(-min(max(theta[2], -600.0), 600.0))))


def _misfit(theta: np.ndarray, data: _Ordinates) -> float:
    q = np.sqrt((data.axes**2).sum(axis=0))
    edges = np.geomspace(q.min(), q.max() * (1 + 1e-9), _BANDS + 1)
    which = np.searchsorted(edges, q, side="right") - 1
    count = np.bincount(which, minlength=_BANDS)
    excess = np.bincount(which, data.power / _expected(theta, data)[0] - 1, _BANDS)
    many = count >= 2 * data.shared
    return float(np.sqrt(np.mean(excess[many] ** 2 / (data.shared * count[many])))) if many.any() else math.nan


def _start(data: _Ordinates, roll_off: bool) -> np.ndarray:
    q = np.sqrt((data.axes**2).sum(axis=0))
    highest = data.power[q >= np.quantile(q, 0.9)]
    floor = np.mean(data.noise) if len(data.noise) else 0.5 * np.mean(highest)
    low = q <= np.quantile(q, 0.1)
    p = len(data.axes) + 1.0
    amplitude = max(np.mean(data.power[low]) - floor, 0.1 * np.mean(data.power[low])) / np.mean(q[low] ** -p)
    start = math.log(1.5 * q.min()) if roll_off else -math.inf
    return np.array([math.log(amplitude), p, math.log(max(floor, 1e-9)), start])


def _maximize(data: _Ordinates, roll_off: bool) -> tuple[np.ndarray, np.ndarray]:
    """Fisher scoring with damping over the parameters that the data show; the others are at zero."""
    theta, free = _start(data, roll_off), [0, 1, 2, 3] if roll_off else [0, 1, 2]
    q = np.sqrt((data.axes**2).sum(axis=0))
    damping, best = 1e-3, _loss(theta, data)
    for _ in range(_STEPS):
        gradient, information = _score(theta, data, free)
        step = np.linalg.solve(information + damping * np.diag(np.diag(information)), -gradient)
        moved = theta.copy()
        moved[free] += np.clip(step, -2, 2)
        loss = _loss(moved, data)
        if loss > best + 1e-9 * abs(best):
            damping *= 10
            continue
        small = np.max(np.abs(step) / (1e-3 * np.sqrt(np.diag(np.linalg.inv(information))))) < 1
        theta, best, damping = moved, loss, max(damping / 10, 1e-12)
        lowest = {2: theta[0] - theta[1] * math.log(q.max()) + math.log(1e-4), 3: math.log(0.1 * q.min())}
        gone = [k for k in free if theta[k] < lowest.get(k, -math.inf)]  # too small to matter anywhere in the band
        if gone:
            theta[gone] = -math.inf
            free, best = [k for k in free if k not in gone], _loss(theta, data)
        elif small:
            covariance = np.zeros((4, 4))
            covariance[np.ix_(free, free)] = data.shared * np.linalg.inv(_score(theta, data, free)[1])
            return theta, covariance
    raise DataError(f"the fit of the spectrum did not converge in {_STEPS} steps; it may not be a power law with "
                    "a floor: look at `isotropic_spectrum` and narrow the band")


def _score(theta: np.ndarray, data: _Ordinates, free: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of the loss and Fisher information."""
    mu, slopes = _expected(theta, data)
    relative = slopes[free] / mu
    gradient, information = relative @ (1 - data.power / mu), relative @ relative.T
    if len(data.noise) and 2 in free:
        k = free.index(2)
        gradient[k] += np.sum(1 - data.noise * math.exp(-theta[2]))
        information[k, k] += len(data.noise)
    return gradient, information
