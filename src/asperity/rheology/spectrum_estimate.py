r"""From measured E*(omega) or E(t) to a nonnegative relaxation spectrum.

The spectrum has ten nodes per decade, 1.5 decades beyond the data on either side, besides a spring and, from
frequencies, a dashpot. It minimizes

$$\chi^2 + \lambda \sum_k (h_{k+1} - 2 h_k + h_{k-1})^2, \qquad h_k = H_k/S_k, \qquad H_k, E_e, \eta \ge 0,$$

with S_k the measured |E*| at 1/tau_k, so that a master curve is smoothed alike from rubber to glass. The strength
$\lambda$ is the largest at which $\chi^2$ is still what the stated noise makes of a true spectrum: the least
$\chi^2$ of any nonnegative spectrum plus one for each parameter that this one uses (discrepancy principle); for data
that no such spectrum fits the noise is scaled up as they ask. Least squares with nonnegative unknowns by the active-set
method of Lawson and Hanson, Solving Least Squares Problems (1974), chapter 23, in SciPy's code.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from scipy.optimize import brentq, nnls

from asperity.messages import ArgumentError, DataError
from asperity.rheology.relaxation_spectrum import RelaxationSpectrum, debye

__all__ = ["FEWEST", "Data", "Design", "SpectrumFit", "Whitened", "by_discrepancy", "creep_data", "creep_design",
           "fit_relaxation", "fit_spectrum", "frequency_data", "frequency_design", "nearest_passive", "noise_of",
           "relaxation_nodes", "smoothed", "spectrum_of", "time_data", "time_design", "whitened"]

_PER_DECADE = 10  # relaxation times, unless others are asked for
_PADDING = 1.5  # decades of relaxation times beyond the data, on either side
_SMOOTHINGS = (np.log(1e-6), np.log(1e9))  # bounds of ln(lambda): from no effect to a straight H
_CLOSE = 0.02  # of ln(lambda)
FEWEST = 4  #: real numbers below which a spectrum is not fitted


class SpectrumFit(NamedTuple):
    """The estimate of one spectrum, or of many with batch dimensions in front of every array."""

    spectrum: RelaxationSpectrum  # NumPy arrays, relaxation_time too with the batch dimensions
    chi_square: np.ndarray  # (...) sum of squared residuals over their standard deviations
    data: np.ndarray  # (...) int, how many real numbers were fitted
    smoothing: np.ndarray  # (...) lambda
    converged: np.ndarray  # (...) bool; where not, all numbers are NaN (too few finite points)


class Design(NamedTuple):
    """What unit parameters contribute to the data: the linear model behind every fit here."""

    relaxation_time: np.ndarray  # (n,) s; of retardation where it creeps
    matrix: np.ndarray  # (rows, n + free), data per unit of each parameter
    time: np.ndarray  # (m,) s, 1/omega or t of the points
    kind: Literal["frequency", "relaxation", "creep"]

    @property
    def free(self) -> int:
        """Columns behind those of the branches: spring and dashpot, of a relaxation the spring alone."""
        return 1 if self.kind == "relaxation" else 2

    @property
    def parts(self) -> int:
        """Rows of a point: real and imaginary part of a modulus over frequency."""
        return 2 if self.kind == "frequency" else 1


class Data(NamedTuple):
    """Real numbers to be fitted, E' then E'' (or E(t)), and what unit parameters contribute to them."""

    design: Design
    values: np.ndarray  # (..., rows) Pa, finite
    noise: np.ndarray  # (..., rows) standard deviation in Pa, infinite where a value does not count


class Whitened(NamedTuple):
    """Least squares in units of the noise and of what a parameter alone would be."""

    matrix: np.ndarray  # (rows, n + free)
    target: np.ndarray  # (rows,)
    rough: np.ndarray  # (n - 2, n + free) second differences of H over the modulus at 1/tau
    scale: np.ndarray  # (n + free,) units of the parameters
    number: int  # of data that count


def noise_of(modulus: Any, *, relative: float = 0.0, absolute: float = 0.0, each: bool = False) -> np.ndarray:
    """Standard deviations of E' and E'' as the real and imaginary part, in Pa, like the modulus.

    Args:
        modulus: (..., m) complex E* in Pa.
        relative: of |E*|, or of E' and E'' by themselves with ``each``.
        absolute: in Pa, added in quadrature.
        each: whether the relative noise scales with each part (the phase is then known very well).

    Raises:
        ValueError: negative, or both 0.
    """
    if min(relative, absolute) < 0 or relative + absolute <= 0:
        raise ArgumentError(f"relative = {relative:g}, absolute = {absolute:g} Pa: the noise must be stated, as "
                            "nonnegative numbers that are not both 0")
    modulus = np.asarray(modulus)
    size = (np.abs(modulus.real), np.abs(modulus.imag)) if each else (np.abs(modulus), np.abs(modulus))
    noise = np.empty(modulus.shape, np.complex128)
    noise.real, noise.imag = (np.hypot(relative * part, absolute) for part in size)
    return noise


def relaxation_nodes(shortest: float, longest: float, per_decade: int = _PER_DECADE) -> np.ndarray:
    """Relaxation times from ``shortest`` to ``longest`` (s) and a padding beyond, evenly spaced in ln tau."""
    low, high = np.log10(shortest) - _PADDING, np.log10(longest) + _PADDING
    return np.logspace(low, high, int(np.ceil((high - low) * per_decade)) + 1)


def frequency_design(angular_frequency: Any, relaxation_time: Any) -> Design:
    """Rows E' then E'' of (m,) frequencies in rad/s; the last two columns are spring and dashpot."""
    omega, tau = np.asarray(angular_frequency, np.float64), np.asarray(relaxation_time, np.float64)
    storage, loss = debye(omega[:, None], tau)
    none = np.zeros_like(omega)
    rows = [np.column_stack([storage, none + 1, none]), np.column_stack([loss, none, omega])]
    return Design(tau, np.concatenate(rows), 1 / omega, "frequency")


def time_design(time: Any, relaxation_time: Any) -> Design:
    """Rows E(t) of (m,) times in s; the last column is the spring."""
    time, tau = np.asarray(time, np.float64), np.asarray(relaxation_time, np.float64)
    return Design(tau, np.column_stack([np.exp(-time[:, None] / tau), np.ones_like(time)]), time, "relaxation")


def creep_design(time: Any, retardation_time: Any) -> Design:
    """Rows J(t) of (m,) times in s; the last two columns are the glass and t, of a steady flow."""
    time, tau = np.asarray(time, np.float64), np.asarray(retardation_time, np.float64)
    columns = [-np.expm1(-time[:, None] / tau), np.ones_like(time), time]
    return Design(tau, np.column_stack(columns), time, "creep")


def frequency_data(angular_frequency: Any, modulus: Any, noise: Any, *, per_decade: int = _PER_DECADE) -> Data:
    """The linear problem of E*(omega); arguments and errors as in `fit_spectrum`."""
    omega, modulus = _positive("frequencies in rad/s", angular_frequency), np.asarray(modulus, np.complex128)
    design = frequency_design(omega, relaxation_nodes(1 / omega.max(), 1 / omega.min(), per_decade))
    return _checked(design, modulus, np.asarray(noise), len(omega))


def fit_spectrum(angular_frequency: Any, modulus: Any, noise: Any) -> SpectrumFit:
    """The smoothest nonnegative spectrum that the stated noise allows, from E*(omega).

    Args:
        angular_frequency: (m,) rad/s, positive.
        modulus: (..., m) complex E* in Pa; points that are not finite are left out.
        noise: standard deviation in Pa, broadcast to the modulus: real, the same for E' and E'', or complex
            (see `noise_of`).

    Raises:
        ValueError: shapes, frequencies or noise that are not positive.
    """
    return _fit(frequency_data(angular_frequency, modulus, noise))


def fit_relaxation(time: Any, relaxation_modulus: Any, noise: Any) -> SpectrumFit:
    """The smoothest nonnegative spectrum that the stated noise allows, from E(t) after a step of strain.

    Args:
        time: (m,) s since the step, positive.
        relaxation_modulus: (..., m) E(t) in Pa; points that are not finite are left out.
        noise: standard deviation in Pa, broadcast to the modulus.

    Raises:
        ValueError: shapes, times or noise that are not positive.
    """
    return _fit(time_data(time, relaxation_modulus, noise))


def time_data(time: Any, relaxation_modulus: Any, noise: Any) -> Data:
    """The linear problem of E(t); arguments and errors as in `fit_relaxation`."""
    time, values = _positive("times in s", time), np.asarray(relaxation_modulus, np.float64)
    design = time_design(time, relaxation_nodes(time.min(), time.max()))
    return _checked(design, values, np.asarray(noise, np.float64), len(time))


def creep_data(time: Any, creep_compliance: Any, noise: Any) -> Data:
    """The linear problem of J(t) in 1/Pa after a step of stress, with noise in 1/Pa; errors as in `fit_relaxation`."""
    time, values = _positive("times in s", time), np.asarray(creep_compliance, np.float64)
    design = creep_design(time, relaxation_nodes(time.min(), time.max()))
    return _checked(design, values, np.asarray(noise, np.float64), len(time))


def nearest_passive(design: Design, values: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, float]:
    """Nonnegative parameters (n + free,) closest to the values (rows,) in units of the noise, and chi-square.

    Points with infinite noise do not count. No smoothing: of all passive spectra the best advocate of the data.
    """
    problem = whitened(design, values, noise)
    found, chi_square = smoothed(problem, 0.0)
    return found * problem.scale, chi_square


def spectrum_of(design: Design, parameters: np.ndarray) -> RelaxationSpectrum:
    """The material with parameters (..., n + free) of a design over frequencies or times of relaxation."""
    count = len(design.relaxation_time)
    strength = parameters[..., :count]
    viscosity = parameters[..., count + 1] if design.kind == "frequency" else np.zeros(strength.shape[:-1])
    tau = np.broadcast_to(design.relaxation_time, strength.shape)
    return RelaxationSpectrum(strength, tau, parameters[..., count], viscosity)  # pyright: ignore[reportArgumentType]


def _positive(what: str, values: Any) -> np.ndarray:
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or not len(values) or not (np.isfinite(values).all() and (values > 0).all()):
        raise DataError(f"the {what} must be a finite positive array (m,); got shape {values.shape} from "
                        f"{np.min(values, initial=np.inf):g} to {np.max(values, initial=-np.inf):g}")
    return values


def _checked(design: Design, values: np.ndarray, noise: np.ndarray, points: int) -> Data:
    """The data if shapes and noise make sense."""
    if values.shape[-1:] != (points,):
        raise ValueError(f"the modulus must have one value per point on its last axis: {points} points, but shape "
                         f"{values.shape}")
    missing = ~np.isfinite(values)
    noise = np.broadcast_to(noise, values.shape)
    if design.parts == 2:
        missing = np.concatenate([missing, missing], axis=-1)
        values = np.concatenate([np.real(values), np.imag(values)], axis=-1)
        noise = np.concatenate([np.real(noise), np.imag(noise) if np.iscomplexobj(noise) else noise], axis=-1)
    if not ((noise > 0) | missing).all():
        raise DataError("the noise must be positive everywhere (infinite for a point that does not count); state "
                        "the standard deviation in Pa, for example with noise_of")
    return Data(design, np.where(missing, 0.0, values), np.where(missing, np.inf, noise))


def _fit(data: Data) -> SpectrumFit:
    shape, rows = data.values.shape[:-1], data.values.shape[-1]
    fits = [_fit_one(data.design, v, s) for v, s in zip(data.values.reshape(-1, rows), data.noise.reshape(-1, rows))]
    parameters, chi_square, count, smoothing = (
        np.array(part).reshape(shape + np.shape(part)[1:]) for part in zip(*fits))
    spectrum = spectrum_of(data.design, parameters)
    return SpectrumFit(spectrum, chi_square, count, smoothing, np.isfinite(chi_square))


def whitened(design: Design, values: np.ndarray, noise: np.ndarray) -> Whitened:
    """The problem of one set of values (rows,) in numbers of order one."""
    counted = np.isfinite(noise)
    weight = np.where(counted, 1 / noise, 0.0)
    largest = np.max(np.abs(values), initial=0.0, where=counted)
    scale = np.where(largest > 0, largest, 1.0) / design.matrix.max(axis=0)
    spacing = np.log(design.relaxation_time[1] / design.relaxation_time[0])
    relative = scale[: -design.free] / _local_modulus(design, values, counted) / spacing
    rough = np.pad(np.diff(np.diag(relative), 2, axis=0), ((0, 0), (0, design.free)))
    return Whitened(design.matrix * (scale * weight[:, None]), values * weight, rough, scale,
                    int(counted.sum()) if largest > 0 else 0)


def _local_modulus(design: Design, values: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """|E*| at 1/tau, or E at tau, for every relaxation time, that of the nearest point beyond the data."""
    size = np.linalg.norm(np.where(counted, values, 0.0).reshape(design.parts, -1), axis=0)
    there = np.flatnonzero(size > 0)
    if not len(there):
        return np.ones_like(design.relaxation_time)
    order = there[np.argsort(design.time[there])]
    return np.exp(np.interp(np.log(design.relaxation_time), np.log(design.time[order]), np.log(size[order])))


def smoothed(problem: Whitened, smoothing: float, bends: Any = 0.0) -> tuple[np.ndarray, float]:
    """The nonnegative parameters (in their scales) at one lambda, and chi-square.

    ``bends`` (n - 2,) is what the square root of lambda times the second differences should be.
    """
    matrix = np.concatenate([problem.matrix, np.sqrt(smoothing) * problem.rough])
    target = np.concatenate([problem.target, np.zeros(len(problem.rough)) + bends])
    found = nnls(matrix, target, maxiter=30 * matrix.shape[1])[0]
    return found, float(np.sum((problem.matrix @ found - problem.target) ** 2))


def _fit_one(design: Design, values: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, float, int, float]:
    """Parameters, chi-square, number of data and smoothing of one set of values (rows,)."""
    problem = whitened(design, values, noise)
    if problem.number < FEWEST:
        return np.full(design.matrix.shape[1], np.nan), np.nan, problem.number, np.nan
    smoothing = by_discrepancy(problem)
    found, chi_square = smoothed(problem, smoothing)
    return found * problem.scale, chi_square, problem.number, smoothing


def by_discrepancy(problem: Whitened) -> float:
    """The largest lambda at which chi-square is what the noise makes of a true spectrum."""
    found, least = smoothed(problem, 0.0)
    used = np.count_nonzero(found)
    goal = least + used * max(1.0, least / max(problem.number - used, 1))
    return float(np.exp(_largest(lambda x: smoothed(problem, np.exp(x))[1] / goal - 1)))


def _largest(excess) -> float:
    """The ln(lambda) at which a rising function passes 0, or the bound on the side where it does."""
    low, high = _SMOOTHINGS
    if excess(high) <= 0:
        return high
    if excess(low) >= 0:
        return low
    return float(brentq(excess, low, high, xtol=_CLOSE))  # pyright: ignore
