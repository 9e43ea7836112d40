r"""The spring constant of a cantilever from its thermal motion or from its damping, with every uncertainty.

All constants are for a force at the tip normal to the surface, in N/m. A rectangular lever clamped at one
end bends differently when it vibrates than under a force at its end: its first mode has the stiffness
$k_1 = k/\beta$, and for the same height its end is less inclined: its sensitivity is $\chi$ times larger.
Source: Butt and Jaschke, Nanotechnology 6, 1 (1995); the constants follow from $\cos\alpha\cosh\alpha = -1$.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from asperity.instrument.hydrodynamics import Fluid, hydrodynamic_function, reynolds_number

__all__ = ["BETA", "BOLTZMANN", "CHI", "Estimate", "Known", "contact_free_sensitivity", "equipartition",
           "from_coefficient", "propagate", "propagate_fit", "sader"]

BOLTZMANN = 1.380649e-23  # J/K, exact


def _first_mode() -> tuple[float, float]:
    """alpha of the first flexural mode, and its slope at the free end times length over deflection there."""
    alpha = 1.875
    for _ in range(6):
        alpha -= (np.cos(alpha) * np.cosh(alpha) + 1) / (
            np.cos(alpha) * np.sinh(alpha) - np.sin(alpha) * np.cosh(alpha))
    ratio = (np.cosh(alpha) + np.cos(alpha)) / (np.sinh(alpha) + np.sin(alpha))
    end = np.cosh(alpha) - np.cos(alpha) - ratio * (np.sinh(alpha) - np.sin(alpha))
    slope = alpha * (np.sinh(alpha) + np.sin(alpha) - ratio * (np.cosh(alpha) - np.cos(alpha)))
    return float(alpha), float(slope / end)


_ALPHA, _SLOPE = _first_mode()
#: k / k_1 of a rectangular lever: 12 / alpha^4 = 0.970688
BETA = 12 / _ALPHA**4
#: sensitivity (m/V) of the free vibration over that of the static deflection by an end load: 1.089716
CHI = 1.5 / _SLOPE


class Known(NamedTuple):
    """A number that goes into a calibration, and its standard uncertainty in the same unit."""

    value: float
    std: float


class Estimate(NamedTuple):
    """A result: ``value``, what repeating would scatter, and what repeating would not reveal (same unit)."""

    value: float
    std_statistical: float
    std_systematic: float

    @property
    def std(self) -> float:
        """Both together."""
        return float(np.hypot(self.std_statistical, self.std_systematic))


def equipartition(mean_square: Any, temperature: Any, sensitivity: Any = 1.0, *, beta: Any = BETA,
                  chi: Any = CHI) -> Any:
    r"""$k = \frac{\beta}{\chi^2}\,\frac{k_B T}{s^2 \langle U^2\rangle}$ in N/m.

    Args:
        mean_square: of the first mode, V^2 (or m^2, already multiplied with the static sensitivity).
        temperature: K.
        sensitivity: s in m/V, static, from a curve on a stiff surface; 1 where ``mean_square`` is in m^2.
        beta: k / k_1; chi: sensitivity of the vibration over the static one. The defaults hold for
            rectangular levers with a small laser spot at the end. A sensitivity that was measured on the
            tilted lever makes this the constant normal to the surface.
    """
    return beta / chi**2 * BOLTZMANN * temperature / (sensitivity**2 * mean_square)


def contact_free_sensitivity(spring_constant: Any, mean_square: Any, temperature: Any, *, beta: Any = BETA,
                             chi: Any = CHI) -> Any:
    """The static sensitivity in m/V that brings `equipartition` to a known spring constant (V^2, K)."""
    return np.sqrt(equipartition(mean_square, temperature, beta=beta, chi=chi) / spring_constant)


def sader(resonance: Any, quality: Any, *, width: Any, length: Any, fluid: Fluid, tilt: Any = 0.0) -> Any:
    r"""$k = \frac{3\pi}{4\alpha^4}\,\rho\,b^2 L\,Q\,\Gamma_i(f)\,(2\pi f)^2 / \cos^2\theta$ in N/m.

    For rectangular levers of width b and length L (m, L > 3 b) in a fluid, at resonance f (Hz) with quality
    factor Q, far from walls; $\theta$ is the angle (rad) between lever and surface. The factor is 0.1906.
    Source: Sader, Chon and Mulvaney, Rev. Sci. Instrum. 70, 3967 (1999).

    Raises:
        ValueError: a Reynolds number outside 1e-6 to 1e4.
    """
    damping = np.imag(hydrodynamic_function(reynolds_number(resonance, width, fluid)))
    factor = 3 * np.pi / (4 * _ALPHA**4) * fluid.density * width**2 * length
    return factor * quality * damping * (2 * np.pi * resonance) ** 2 / np.cos(tilt) ** 2


def from_coefficient(resonance: Any, quality: Any, coefficient: Any, *, tilt: Any = 0.0) -> Any:
    r"""$k = A\,Q\,f^{1.3} / \cos^2\theta$ in N/m, with a coefficient A in N/m Hz^-1.3 of this kind of lever.

    A in N/m kHz^-1.3 is to be divided by 1000^1.3.
    Source: Sader et al., Rev. Sci. Instrum. 87, 093711 (2016).
    """
    return coefficient * quality * resonance**1.3 / np.cos(tilt) ** 2


def propagate(function: Callable[..., Any], inputs: Mapping[str, Known]) -> tuple[float, dict[str, float]]:
    """The value of a function of independent inputs, and the relative standard uncertainty that each brings.

    Each input is moved by one standard deviation up and down. The uncertainties add in squares.
    """
    values = {name: known.value for name, known in inputs.items()}
    value = float(function(**values))
    parts = {}
    for name, (center, std) in inputs.items():
        if std > 0:
            high, low = (float(function(**values | {name: center + sign * std})) for sign in (1, -1))
            parts[name] = abs(high - low) / 2 / abs(value)
    return value, parts


def propagate_fit(function: Callable[..., Any], parameters: Sequence[float],
                  covariance: Any) -> tuple[float, float]:
    """Value and relative standard deviation of a function of (mean square, resonance, quality).

    ``covariance`` (3, 3) or larger is that of their logarithms, as in `asperity.instrument.thermal_fit`.
    """
    start, step = np.asarray(parameters, dtype=float)[:3], 1e-5
    value = float(function(*start))
    slopes = [(np.log(function(*start * np.exp(step * e))) - np.log(function(*start * np.exp(-step * e)))) / (
        2 * step) for e in np.eye(3)]
    return value, float(np.sqrt(slopes @ np.asarray(covariance)[:3, :3] @ slopes))
