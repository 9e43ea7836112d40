r"""The force of a fluid on an oscillating rectangular lever.

Per unit length, a blade of width b that moves with amplitude W at the angular frequency $\omega$ feels
$F = \frac{\pi}{4}\,\rho\,\omega^2 b^2\,\Gamma(\omega)\,W$: the real part of $\Gamma$ is the mass of fluid
that moves along, the imaginary part the damping (time dependence $e^{-i\omega t}$).
Source: Sader, J. Appl. Phys. 84, 64 (1998).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from scipy.special import kve

from asperity.messages import ArgumentError

__all__ = ["Fluid", "air", "hydrodynamic_circular", "hydrodynamic_function", "reynolds_number", "water"]

_GAS_CONSTANT = 8.31446261815324  # J/(mol K), exact
_MOLAR_MASS_AIR = 0.0289647  # kg/mol, dry
#: terms of the viscosity of water at 300 K in Pa s, and their powers of 300 K / T
_VISCOSITY_WATER = ((280.68e-6, 1.9), (511.45e-6, 7.7), (61.131e-6, 19.6), (0.45903e-6, 40.0))
_REYNOLDS = (1e-6, 1e4)  # where the correction to a circular blade was fitted, to 0.1 %
#: coefficients of powers of log10(Re), lowest first: numerator and denominator, real and imaginary part
_REAL = ((0.91324, -0.48274, 0.46842, -0.12886, 0.044055, -0.0035117, 0.00069085),
         (1.0, -0.56964, 0.48690, -0.13444, 0.045155, -0.0035862, 0.00069085))
_IMAGINARY = ((-0.024134, -0.029256, 0.016294, -0.00010961, 0.000064577, -0.000044510),
              (1.0, -0.59702, 0.55182, -0.18357, 0.079156, -0.014369, 0.0028361))


class Fluid(NamedTuple):
    """What surrounds the lever: ``density`` in kg/m^3 and ``viscosity`` in Pa s."""

    density: float
    viscosity: float


def air(temperature: float, pressure: float = 101325.0) -> Fluid:
    """Dry air at a temperature in K and a pressure in Pa: ideal gas, and Sutherland's viscosity.

    Raises:
        ValueError: below 150 K or above 600 K, or a pressure of less than 1 kPa or more than 1 MPa.
    """
    _within("temperature", temperature, 150, 600, "K")
    _within("pressure", pressure, 1e3, 1e6, "Pa")
    density = pressure * _MOLAR_MASS_AIR / (_GAS_CONSTANT * temperature)
    return Fluid(density, 1.716e-5 * (temperature / 273.15) ** 1.5 * (273.15 + 110.4) / (temperature + 110.4))


def water(temperature: float) -> Fluid:
    """Water at a temperature in K: Kell's density, and the viscosity of IAPWS at 0.1 MPa (to 1 %).

    Raises:
        ValueError: below 273.15 K or above 373.15 K.
    """
    _within("temperature", temperature, 273.15, 373.15, "K")
    c = temperature - 273.15
    density = (999.83952 + c * (16.945176 + c * (-7.9870401e-3 + c * (
        -46.170461e-6 + c * (105.56302e-9 - c * 280.54253e-12))))) / (1 + 16.879850e-3 * c)
    reduced = temperature / 300
    viscosity = sum(factor * reduced**-power for factor, power in _VISCOSITY_WATER)
    return Fluid(density, viscosity)


def _within(name: str, value: float, least: float, most: float, unit: str) -> None:
    if not least <= value <= most:
        raise ArgumentError(f"the {name} is {value:g} {unit}; this fluid is described from {least:g} to {most:g}"
                            f" {unit}: give density and viscosity (or check the unit)")


def reynolds_number(frequency: Any, width: float, fluid: Fluid) -> Any:
    r"""$\mathrm{Re} = \rho\,\omega\,b^2 / (4\eta)$ for frequencies in Hz and a width b in m."""
    return fluid.density * 2 * np.pi * np.asarray(frequency) * width**2 / (4 * fluid.viscosity)


def hydrodynamic_circular(reynolds: Any) -> np.ndarray:
    r"""$\Gamma$ of a circular cylinder of diameter b, complex, of the shape of ``reynolds``.

    $$\Gamma = 1 + \frac{4i\,K_1(-is)}{s\,K_0(-is)}, \qquad s = \sqrt{i\,\mathrm{Re}}$$
    """
    root = np.sqrt(1j * np.asarray(reynolds, dtype=float))
    return 1 + 4j * kve(1, -1j * root) / (root * kve(0, -1j * root))


def hydrodynamic_function(reynolds: Any) -> np.ndarray:
    r"""$\Gamma = \Omega(\mathrm{Re})\,\Gamma_\mathrm{circular}$ of a rectangular lever (a blade), complex.

    $\Omega$ is Sader's rational fit in $\log_{10}\mathrm{Re}$, good to 0.1 %. Thin levers far from walls,
    much longer than wide, in their first flexural modes.

    Raises:
        ValueError: a Reynolds number outside 1e-6 to 1e4, where the fit does not hold.
    """
    reynolds = np.asarray(reynolds, dtype=float)
    if not np.all((reynolds >= _REYNOLDS[0]) & (reynolds <= _REYNOLDS[1])):
        raise ArgumentError(f"Reynolds numbers from {np.min(reynolds):.3g} to {np.max(reynolds):.3g}: the "
                            "hydrodynamic function is known from 1e-6 to 1e4; check width (m), density "
                            "(kg/m^3), viscosity (Pa s) and frequency (Hz)")
    t = np.log10(reynolds)
    real, imaginary = (np.polynomial.polynomial.polyval(t, above) / np.polynomial.polynomial.polyval(t, below)
                       for above, below in (_REAL, _IMAGINARY))
    return (real + 1j * imaginary) * hydrodynamic_circular(reynolds)
