r"""A detector that does not follow: its roll-off, seen in the shape of a thermal spectrum around the resonance.

A photodiode with its amplifier, or a filter before the converter, passes $1/(1 + x (f/f_0)^{2m})$ of the power, with
$x = (f_0/f_c)^{2m}$, m = 1 or 2 (Butterworth). At the resonance it looks like a smaller mean square: a spring constant
by equipartition too large by the factor 1 + x. The wings of the mode tell it. Near x = 0 the likelihood of a spectrum
averaged over n periodograms is quadratic in x: with $g_x = \partial \ln S/\partial x$ less its projection g on what the
other parameters can do, $\hat x = \sum g (P/S - 1) / \sum g^2$ (the score test of Rao, Proc. Camb. Phil. Soc. 44, 50
(1948)). Where it is significant, the corner is fitted with everything else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize_scalar

from asperity.instrument.thermal import AbstractResonance, RolledOff, spectral_density
from asperity.instrument.thermal_fit import SpectralFit, fit_bands, fit_spectrum

__all__ = ["LIKELIER", "RollOff", "roll_off"]

_KINDS = tuple((order, everything) for order in (1, 2) for everything in (False, True))
_SEEN = 3.0  # standard errors of x beyond which a roll-off is fitted
_PRIOR = 0.5  # standard deviation of x before the spectrum is seen
#: gain of ln(likelihood) that the corner of a detector must bring
LIKELIER = 6.0
_AS_LIKELY = 4.0  # loss of ln(likelihood) within which another kind of detector may be the true one
_FASTEST = 20.0  # corner over resonance, beyond which it is none (x < 0.25 %)
_SLOWEST = 0.5
_PARTS = (0.7, 1.0, 1.5)  # corners over the resonance, at which a spectrum that no model describes is fitted anew
_WRONG = 1e-3  # p-value below which a model with a roll-off does not describe the spectrum
_DOUBT = 0.5  # of what such a model changes, as a standard uncertainty
_LAGS = 2  # bins over which a window correlates


class RollOff(NamedTuple):
    """What a detector may have done to a spectrum.

    ``model``, ``fit``  with the roll-off in it, or as they were where none is seen (``seen`` is False);
    ``plain``           (5,) the parameters without it;
    ``shift``           (3,) doubt of ln mean square, ln resonance, ln quality, of which kind and size it is.
    """

    model: AbstractResonance
    fit: SpectralFit
    seen: bool
    plain: np.ndarray
    shift: np.ndarray


class _Test(NamedTuple):
    size: float  # x
    std: float
    shift: np.ndarray  # (5,) of ln mean square, ln resonance, ln quality, white, pink for x = 1


def roll_off(frequency: Any, power: Any, fit: SpectralFit, model: AbstractResonance,
             band: tuple[float, float]) -> RollOff:
    """Test the fit of a spectrum for a roll-off, of the first and second order, of the mode or of everything.

    Where none is seen, ``shift`` is what the largest could do that the data leave open: the estimate where it is
    positive, with half of its standard error, both under a normal prior of standard deviation 0.5 (a corner at 1.4
    times the resonance), which counts where the spectrum does not tell. Where one is seen, it is the spread over the
    kinds that are as likely.
    """
    frequency, power = np.asarray(frequency, dtype=float), np.asarray(power, dtype=float)
    known = _local(frequency, fit, model)
    tests = [_tested(frequency, power, fit, known, *kind) for kind in _KINDS]
    if fit.p_value < _WRONG or _lines_on_peak(frequency, fit):
        fit = _better_start(frequency, power, fit, model, band)
    if any(test.size > _SEEN * test.std for test in tests):
        found = [_cornered(frequency, power, fit, model, kind, band) for kind in _KINDS]
        best = max(found, key=lambda one: one.likelihood)
        if best.likelihood > _likelihood(frequency, power, fit, model, fit.parameters) + LIKELIER:
            return _with_corner(frequency, power, fit, best, found, band)
    left = [_open(test) * test.shift[:3] for test in tests]
    return RollOff(model, fit, False, fit.parameters, max(left, key=lambda shift: abs(shift[0])))


def _open(test: _Test) -> float:
    """What size of x the data and the prior leave open."""
    weight = _PRIOR**2 / (_PRIOR**2 + test.std**2)
    return float(np.hypot(max(test.size, 0.0) * weight, test.std * np.sqrt(weight) / 2))


def _lines_on_peak(frequency: np.ndarray, fit: SpectralFit) -> bool:
    """Whether electronic lines were left out within the width of the resonance."""
    resonance, quality = fit.parameters[1:3]
    return bool((np.abs(frequency[fit.lines] - resonance) < resonance / quality).any())


def _better_start(frequency: np.ndarray, power: np.ndarray, fit: SpectralFit, model: AbstractResonance,
                  band: tuple[float, float]) -> SpectralFit:
    """The fit, or one behind a detector that describes the spectrum and needs fewer lines, or where the fit does not.

    The shoulder of a noise that rolls off looks like a broad resonance, and the true one like an electronic line.
    """
    corners = [part * float(fit.parameters[1]) for part in _PARTS]
    tried = [fit_spectrum(frequency, power, averages=max(float(fit.averages), 1.0), band=band,
                          model=_behind(model, corner, order, True)) for order in (1, 2) for corner in corners]
    lines = int(fit.lines.sum())
    sound = [other for other in tried if other.converged and (
        other.p_value > fit.p_value if fit.p_value < _WRONG else other.p_value > _WRONG and other.lines.sum() < lines)]
    return max(sound, key=lambda other: float(other.p_value), default=fit)


def _behind(model: AbstractResonance, corner: float, order: int, everything: bool) -> RolledOff:
    """The corner as an array, so that the compiled fit serves all of them."""
    return RolledOff(model, np.asarray(corner), order, everything)  # type: ignore[arg-type]


class _Cornered(NamedTuple):
    model: RolledOff
    parameters: np.ndarray
    likelihood: float


def _cornered(frequency: np.ndarray, power: np.ndarray, fit: SpectralFit, model: AbstractResonance,
              kind: tuple[int, bool], band: tuple[float, float]) -> _Cornered:
    """The likeliest corner of one kind of detector."""
    resonance, tried = float(fit.parameters[1]), {}

    def loss(logarithm: float) -> float:
        rolled = _behind(model, resonance * np.exp(logarithm), *kind)
        found = fit_bands(frequency, power, fit, [band], rolled)[0][0]
        value = _likelihood(frequency, power, fit, rolled, found) if np.isfinite(found).all() else -np.inf
        tried[value] = _Cornered(rolled, found, value)
        return -max(value, -1e300)

    minimize_scalar(loss, bounds=(np.log(_SLOWEST), np.log(_FASTEST)), method="bounded", options={"xatol": 2e-3})
    return tried[max(tried)]


def _with_corner(frequency: np.ndarray, power: np.ndarray, plain: SpectralFit, best: _Cornered,
                 found: Sequence[_Cornered], band: tuple[float, float]) -> RollOff:
    """The whole fit with the likeliest corner, whose uncertainty is in the covariance."""
    fit = fit_spectrum(frequency, power, model=best.model, averages=max(float(plain.averages), 1.0), band=band)
    test = _tested(frequency, power, fit, _local(frequency, fit, best.model), best.model.order, best.model.everything,
                   float(fit.parameters[1] / best.model.corner))
    covariance = fit.covariance + test.std**2 * np.outer(test.shift, test.shift)
    other = [np.log(one.parameters[:3] / best.parameters[:3]) for one in found
             if one.likelihood > best.likelihood - _AS_LIKELY]
    shift = np.sqrt(np.mean(np.square(other), axis=0))
    if fit.p_value < _WRONG:
        shift = np.hypot(shift, _DOUBT * np.log(fit.parameters[:3] / plain.parameters[:3]))
    return RollOff(best.model, fit._replace(covariance=covariance), True, plain.parameters, shift)


def _likelihood(frequency: np.ndarray, power: np.ndarray, fit: SpectralFit, model: AbstractResonance,
                parameters: np.ndarray) -> float:
    with jax.enable_x64(True):
        density = np.asarray(_density(model, frequency[fit.used], parameters))
    return -float(fit.averages * (power[fit.used] / density + np.log(density)).sum())


_density = jax.jit(spectral_density)


@jax.jit
def _slopes(model: AbstractResonance, grid: Any, parameters: Any) -> jax.Array:
    """Derivatives (k, 5) of ln S by the parameters."""
    return jax.jacfwd(lambda p: jnp.log(spectral_density(model, grid, p)))(parameters)


class _Local(NamedTuple):
    density: np.ndarray  # (k,)
    slopes: np.ndarray  # (k, 5) of its logarithm by ln mean square, ln resonance, ln quality, white, pink


def _local(frequency: np.ndarray, fit: SpectralFit, model: AbstractResonance) -> _Local:
    """The model at its optimum."""
    grid = frequency[fit.used]
    with jax.enable_x64(True):
        density = np.asarray(_density(model, grid, fit.parameters))
        slopes = np.array(_slopes(model, grid, fit.parameters))
    slopes[:, :3] *= fit.parameters[:3]
    return _Local(density, slopes)


def _tested(frequency: np.ndarray, power: np.ndarray, fit: SpectralFit, known: _Local, order: int, everything: bool,
            ratio: float = 0.0) -> _Test:
    """The score test at corner = resonance / ratio; by default at no roll-off."""
    grid, x, (density, by_all) = frequency[fit.used], ratio ** (2 * order), known
    passed = (grid / fit.parameters[1]) ** (2 * order)
    share = 1.0 if everything else 1 - (fit.parameters[3] + fit.parameters[4] / grid) / density
    by_x = -share * passed / (1 + x * passed)
    size = np.sqrt((by_all**2).sum(axis=0))
    scaled = by_all / np.where(size > 0, size, 1.0)
    shift = np.linalg.lstsq(scaled, by_x, rcond=1e-10)[0]
    own = by_x - scaled @ shift
    push = own * (power[fit.used] / density - 1)
    variance = (push**2).sum() + 2 * sum((push[lag:] * push[:-lag]).sum() for lag in range(1, _LAGS + 1))
    info = (own**2).sum()
    if not info > 0:
        return _Test(0.0, 0.0, np.zeros(5))
    std = float(np.sqrt(max(variance, (push**2).sum() / 2))) / info
    return _Test(float(push.sum() / info), std, shift / np.where(size > 0, size, 1.0))
