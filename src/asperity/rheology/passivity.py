r"""Does a measured spectrum belong to a causal material that dissipates? A report that says what it cannot see.

The nearest passive spectrum (a nonnegative relaxation spectrum of 20 nodes per decade, a spring and a dashpot) is the
best advocate of the data; for noise below 0.1 % of |E*| it is not fine enough. What it leaves over is compared with
what the *stated* noise leaves over when the measurement is repeated on that material in the computer (parametric
bootstrap): there is no fixed threshold, since the same distance is alarming at 1 % noise and expected at 5 %.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from asperity.messages import DataError
from asperity.rheology.finite_band import finite_band
from asperity.rheology.lin_kk import LinKK, lin_kk
from asperity.rheology.relative_noise import renewed
from asperity.rheology.relaxation_spectrum import RelaxationSpectrum
from asperity.rheology.spectrum_estimate import FEWEST, Data, frequency_data, nearest_passive, spectrum_of

__all__ = ["BLIND_SPOTS", "PassivityReport", "broken_bounds", "check_passivity", "runs_score"]

#: faults of a measurement that no Kramers-Kronig test can see
BLIND_SPOTS = (
    "a constant gain: a wrong spring constant, sensitivity, tip radius or contact area",
    "a constant real part: a spring left in or taken out",
    "drag left in, and a pure time lag: both look like a viscosity (a lead is nearly as hard to see)",
    "some drag taken out too much: seen only when the loss that is left falls too low",
    "whatever happens outside the band, or between its points",
    "slow drift of gain or depth below about 10 % over the sweep",
)

_PER_DECADE = 20  # relaxation times: any passive spectrum is met to 0.1 % of |E*|
_LEVEL = 0.05  # probability of an alarm on good data
_BOUNDS_LEVEL = 0.01  # the same for all inequalities together
_SYSTEMATIC = -3.5  # standard score of the sign changes
_SMALL = 0.1  # relative noise up to which that of a repetition is as good as that of the data (false alarms 5 %)
_EDGE = 0.2  # decades left out at either end of the ln coth residual


class PassivityReport(NamedTuple):
    """What the tests say of one spectrum on its band. ``str()`` gives it in words."""

    band: tuple[float, float]  # rad/s
    points: int
    distance: float  # rms of |nearest passive - E*| / |E*|, 1
    expected_distance: float  # its median on the nearest passive material with the stated noise
    p_value: float  # probability of a chi-square as large on a passive material
    runs: tuple[float, float]  # standard scores of the sign changes of the residuals of E' and E''; < -2: systematic
    lin_kk: LinKK  # the signed test: causality alone
    residual: float  # rms of the ln coth residual away from the edges; NaN where the band is too narrow
    residual_floor: float  # the same on the nearest passive spectrum: the error of the relations on this band
    broken: tuple[str, ...]  # inequalities that are violated beyond the noise
    nearest: RelaxationSpectrum  # the nearest passive material

    @property
    def alarm(self) -> bool:
        """Whether the data contradict every passive material, at 5 % risk of a false alarm."""
        return self.p_value < _LEVEL

    @property
    def blind_spots(self) -> tuple[str, ...]:
        """What no such test can see."""
        return BLIND_SPOTS

    def __str__(self) -> str:
        low, high = self.band
        verdict = ("no passive material with the stated noise gives these data" if self.alarm else
                   "the data are those of a passive material with the stated noise, as far as this band shows")
        lines = [
            f"{self.points} points from {low:.3g} to {high:.3g} rad/s: {verdict}.",
            f"passive distance {100 * self.distance:.3g} % rms (expected {100 * self.expected_distance:.3g} %), "
            f"p = {self.p_value:.2g}; runs {self.runs[0]:+.1f} / {self.runs[1]:+.1f}",
            f"signed branches: distance {100 * self.lin_kk.distance:.3g} % with M = {self.lin_kk.branches}, "
            f"share {self.lin_kk.share:.2f}",
            f"ln coth residual {100 * self.residual:.3g} %, of which the band alone makes "
            f"{100 * self.residual_floor:.3g} %",
            *(["the residuals are systematic, not noise: errors common to neighbors, as from stitching, are in them"]
              if min(self.runs) < _SYSTEMATIC else []),
            *(f"violated: {bound}" for bound in self.broken),
            "not visible to this test:", *(f"- {spot}" for spot in self.blind_spots)]
        return "\n".join(lines)


def check_passivity(angular_frequency: Any, modulus: Any, noise: Any, *, relative: float | None = None,
                    draws: int = 999, seed: int = 0) -> PassivityReport:
    """Test one spectrum for causality and dissipation on its finite band.

    Args:
        angular_frequency: (m,) rad/s, positive and ascending, m >= 4 where finite.
        modulus: (m,) complex E* in Pa; points that are not finite are left out.
        noise: standard deviation in Pa, real (the same for E' and E'') or complex, see
            `asperity.rheology.spectrum_estimate.noise_of`. The p-value is about data *and* stated noise: an
            alarm may also mean that the noise is larger than stated.
        relative: where the noise is that of `asperity.rheology.relative_noise.relative_noise`, in these parts of the
            fitted |E*|; above a tenth each repetition then has its own.
        draws: repetitions of the measurement in the computer; the p-value is at least 1 / (draws + 1).
        seed: of the random numbers.

    Raises:
        ValueError: shapes, frequencies or noise, or fewer than four finite points.
    """
    omega, modulus, noise = _finite(angular_frequency, modulus, noise)
    data = frequency_data(omega, modulus, noise, per_decade=_PER_DECADE)
    found, chi_square = nearest_passive(*data)
    fitted = data.design.matrix @ found
    predicted = _complex(fitted)
    squares, distances = _repeated(data, fitted, relative, draws, seed)
    residual = modulus - predicted
    return PassivityReport(
        band=(float(omega[0]), float(omega[-1])), points=len(omega), distance=_distance(residual, modulus),
        expected_distance=float(np.median(distances)),
        p_value=float((1 + np.sum(squares >= chi_square)) / (draws + 1)),
        runs=(runs_score(residual.real), runs_score(residual.imag)), lin_kk=lin_kk(omega, modulus),
        residual=_ln_coth(omega, modulus), residual_floor=_ln_coth(omega, predicted),
        broken=broken_bounds(omega, modulus, noise), nearest=spectrum_of(data.design, found))


def runs_score(residual: Any) -> float:
    """Standard score of the number of sign changes along (n,) residuals, which independent noise makes 0 +- 1."""
    above = np.asarray(residual) > 0
    pairs = len(above) - 1
    return float((np.sum(above[1:] != above[:-1]) - pairs / 2) / np.sqrt(pairs / 4))


def broken_bounds(angular_frequency: Any, modulus: Any, noise: Any) -> tuple[str, ...]:
    """Inequalities of every passive relaxing material that the data violate beyond their noise, in words.

    E'' >= 0, and between any two points 0 <= d ln E'/d ln w <= 2, |d ln E''/d ln w| <= 1: necessary, cheap, and blind
    to most faults. The risk of a false alarm of all together is 1 %. Arguments as in `check_passivity`.
    """
    omega, modulus, noise = _finite(angular_frequency, modulus, noise)
    low, high = np.triu_indices(len(omega), 1)
    ratio, storage, loss = omega[high] / omega[low], modulus.real, modulus.imag

    def score(values: np.ndarray, deviation: np.ndarray, sign: float, factor: Any) -> np.ndarray:
        """How far sign * (upper value - factor * lower value) is below 0, in standard deviations."""
        return -sign * (values[high] - factor * values[low]) / np.hypot(deviation[high], factor * deviation[low])

    kinds = {"E'' >= 0": -loss / noise.imag,
             "E' does not fall": score(storage, noise.real, 1, 1.0),
             "E' rises at most as w^2": score(storage, noise.real, -1, ratio**2),
             "E'' rises at most as w": score(loss, noise.imag, -1, ratio),
             "E'' falls at most as 1/w": score(loss, noise.imag, 1, 1 / ratio)}
    limit = -ndtri(_BOUNDS_LEVEL / sum(map(len, kinds.values())))
    return tuple(f"{name}, by {scores.max():.1f} standard deviations near {omega[_upper(scores, high)]:.3g} rad/s"
                 for name, scores in kinds.items() if scores.max() > limit)


def _upper(scores: np.ndarray, high: np.ndarray) -> int:
    """The point, or the upper one of the pair, at which a bound is exceeded most."""
    worst = int(scores.argmax())
    return int(high[worst]) if len(scores) == len(high) else worst


def _finite(angular_frequency: Any, modulus: Any, noise: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frequencies, moduli and complex noise of the points that are finite."""
    omega, modulus = np.asarray(angular_frequency, np.float64), np.asarray(modulus, np.complex128)
    if omega.ndim != 1 or omega.shape != modulus.shape or not (np.diff(omega) > 0).all():
        raise DataError(f"ascending frequencies (m,) with one modulus each are needed; got shapes {omega.shape} and "
                        f"{modulus.shape}: sort one spectrum by frequency and loop over several")
    noise = np.broadcast_to(np.asarray(noise), modulus.shape)
    noise = noise if np.iscomplexobj(noise) else noise * (1 + 1j)
    counted = np.isfinite(modulus) & np.isfinite(noise) & (modulus != 0)
    if counted.sum() < FEWEST:
        raise DataError(f"only {counted.sum()} of {len(omega)} points are finite; the test needs {FEWEST}")
    return omega[counted], modulus[counted], noise[counted]


def _complex(values: np.ndarray) -> np.ndarray:
    real, imaginary = np.split(values, 2, axis=-1)
    return real + 1j * imaginary


def _distance(residual: np.ndarray, modulus: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.abs(residual / modulus) ** 2)))


def _repeated(data: Data, fitted: np.ndarray, relative: float | None, draws: int,
              seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Chi-square and distance of repetitions of the measurement on the fitted material."""
    rng, squares, distances = np.random.default_rng([seed, 104729]), np.empty(draws), np.empty(draws)
    for i in range(draws):
        values = fitted + data.noise * rng.standard_normal(fitted.shape)
        again = data._replace(values=values)
        if relative is not None and relative > _SMALL:
            again = again._replace(noise=np.tile(renewed(again, relative), 2))
        found, squares[i] = nearest_passive(*again)
        distances[i] = _distance(_complex(data.design.matrix @ found - values), _complex(values))
    return squares, distances


def _ln_coth(omega: np.ndarray, modulus: np.ndarray) -> float:
    """The distance of `finite_band`, NaN where the band is too narrow for it."""
    inner = (omega > omega[0] * 10**_EDGE) & (omega < omega[-1] * 10**-_EDGE)
    return finite_band(omega, modulus, edge=_EDGE).distance if len(omega) >= 5 and inner.sum() >= 3 else float("nan")
