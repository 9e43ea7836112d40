r"""Kramers-Kronig relations for a spectrum measured on a finite band, at any frequencies.

Integrated by parts the relations weight slopes with a logarithm that decays on both sides,

$$E''(\omega) = \frac1\pi\int \frac{dE'}{du}\,\ln\coth\frac{|u-\ln\omega|}{2}\,du + \eta\omega, \qquad
  E'(\omega) = E_0 - \frac{\omega}{\pi}\int \frac{d(E''/\xi)}{du}\,\ln\coth\frac{|u-\ln\omega|}{2}\,du,
  \qquad u = \ln\xi.$$

For values linear in u between the points the integrals are exact by the antiderivative
$\int_0^x \ln\coth\frac t2\,dt = \frac{\pi^2}{4} - \mathrm{Li}_2(e^{-x}) + \mathrm{Li}_2(-e^{-x})$. Beyond the band
the data go on as power laws with the slopes at their ends; the viscosity $\eta$ and the constant $E_0$, which
the relations do not see, are fitted. Bode, Network Analysis and Feedback Amplifier Design (1945), chapter 14.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import spence

from asperity.messages import ArgumentError, DataError

__all__ = ["FiniteBand", "finite_band", "ln_coth_integral", "ln_coth_weights"]

_TAIL = 6.0  # decades over which the power laws go on
_PER_DECADE = 20  # nodes in a tail, and least density of nodes within the band


def ln_coth_integral(x: Any) -> np.ndarray:
    r"""$\int_0^x \ln\coth(|t|/2)\,dt$, odd in x; $\pm\pi^2/4$ at infinity.

    Args:
        x: any shape, 1.
    """
    x = np.asarray(x, np.float64)
    decayed = np.exp(-np.abs(x))
    return np.sign(x) * (np.pi**2 / 4 - spence(1 - decayed) + spence(1 + decayed))


def ln_coth_weights(nodes: Any, at: Any) -> np.ndarray:
    r"""Matrix W (m, n) with $(W f)_i = \frac1\pi\int f'(u) \ln\coth\frac{|u-v_i|}{2}\,du$.

    f is linear between the nodes and constant beyond them.

    Args:
        nodes: (n,) ln(omega), ascending, spaced at will.
        at: (m,) ln(omega) of the results.

    Raises:
        ValueError: nodes that do not ascend.
    """
    u, v = np.asarray(nodes, np.float64), np.asarray(at, np.float64)
    if u.ndim != 1 or len(u) < 2 or not (np.diff(u) > 0).all():
        raise ArgumentError("the nodes must be two or more ascending logarithms of frequencies")
    per_slope = np.diff(ln_coth_integral(u[None, :] - v[:, None]), axis=1) / np.diff(u) / np.pi
    weights = np.zeros((len(v), len(u)))
    weights[:, 1:] += per_slope
    weights[:, :-1] -= per_slope
    return weights


class FiniteBand(NamedTuple):
    """What the relations make of a measured band; Pa unless said otherwise."""

    predicted: np.ndarray  # (n,) complex: E' from the measured E'', E'' from the measured E'
    viscosity: float  # Pa s, free
    equilibrium: float  # the free constant of E'
    residual: np.ndarray  # (n,) complex: measured - predicted
    distance: float  # rms of |residual| / |E*| over the points away from the edges, 1


def finite_band(angular_frequency: Any, modulus: Any, *, edge: float = 0.2) -> FiniteBand:
    """Predict E'' from E' and E' from E'' on the band that was measured.

    The prediction is exact only for data that go on as power laws; for noise-free solids and gels on three decades
    the middle half of the band is right to about 0.1 % of |E*|, and the edges to some per cent. Judge a residual by
    that of a causal model at the same frequencies (see `asperity.rheology.passivity`).

    Args:
        angular_frequency: (n,) rad/s, ascending, n >= 5.
        modulus: (n,) complex E* in Pa.
        edge: decades at either end that are left out of ``distance``, the viscosity and the constant.

    Raises:
        ValueError: shapes, values that are not finite, or a band too narrow for the edges.
    """
    omega, modulus = np.asarray(angular_frequency, np.float64), np.asarray(modulus, np.complex128)
    u = _log_frequency(omega, modulus)
    inside = (u > u[0] + edge * np.log(10)) & (u < u[-1] - edge * np.log(10))
    if inside.sum() < 3:
        raise DataError(f"only {inside.sum()} of {len(u)} points are more than {edge:g} decades inside the band; "
                        "measure a broader band or choose a smaller edge")
    size = np.abs(modulus)
    loss, viscosity = _with_free(_transform(u, modulus.real, (0.0, 0.9)), omega, modulus.imag, size, inside)
    storage, equilibrium = _with_free(-omega * _transform(u, modulus.imag / omega, (-1.0, 0.0)), np.ones_like(omega),
                                      modulus.real, size, inside)
    residual = modulus - (storage + 1j * loss)
    distance = np.sqrt(np.mean(np.abs(residual[inside] / modulus[inside]) ** 2))
    return FiniteBand(storage + 1j * loss, viscosity, equilibrium, residual, float(distance))


def _log_frequency(omega: np.ndarray, modulus: np.ndarray) -> np.ndarray:
    if omega.ndim != 1 or modulus.shape != omega.shape or len(omega) < 5:
        raise DataError(f"five or more frequencies with one modulus each are needed; got shapes {omega.shape} "
                        f"and {modulus.shape}")
    if not (np.isfinite(modulus).all() and (omega > 0).all() and (np.diff(omega) > 0).all()
            and (modulus != 0).all()):
        raise DataError("frequencies must be positive and ascending, moduli finite and not 0; sort the points and "
                        "leave out the missing ones")
    return np.log(omega)


def _transform(u: np.ndarray, values: np.ndarray, slopes: tuple[float, float]) -> np.ndarray:
    """The ln coth integral at the points of a band, with a power law at either end.

    Beyond ``slopes``, the least at the low end and the largest at the high end, the integrals would not converge.
    """
    low, high = max(_slope(u, values, 0), slopes[0]), min(_slope(u, values, -1), slopes[1])
    step = np.arange(1, int(_TAIL * _PER_DECADE) + 1) * np.log(10) / _PER_DECADE
    inner = np.union1d(u, np.arange(u[0], u[-1], np.log(10) / _PER_DECADE))
    nodes = np.concatenate([u[0] - step[::-1], inner, u[-1] + step])
    f = np.concatenate([values[0] * np.exp(-low * step[::-1]), _between(u, values, inner),
                        values[-1] * np.exp(high * step)])
    return ln_coth_weights(nodes, u) @ f


def _between(u: np.ndarray, values: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Values between the points: linear in ln-ln where all are positive, else linear in ln(omega)."""
    if (values > 0).all():
        return np.exp(np.interp(nodes, u, np.log(values)))
    return np.interp(nodes, u, values)


def _slope(u: np.ndarray, values: np.ndarray, end: int) -> float:
    """d ln|values| / du at one end, 0 where the sign changes near it."""
    near = np.abs(u - u[end]) <= max(0.1 * np.log(10), np.abs(u[end] - u[2 if end == 0 else -3]) * (1 + 1e-9))
    if not (values[near] * np.sign(values[end]) > 0).all():
        return 0.0
    return float(np.polyfit(u[near] - u[end], np.log(np.abs(values[near])), 1)[0])


def _with_free(integral: np.ndarray, column: np.ndarray, measured: np.ndarray, size: np.ndarray,
               inside: np.ndarray) -> tuple[np.ndarray, float]:
    """The integral plus the multiple of the column that comes closest to the measured values."""
    weighted = (column / size)[inside]
    free = float(weighted @ ((measured - integral) / size)[inside] / (weighted @ weighted))
    return integral + free * column, free
