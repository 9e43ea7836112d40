r"""The thermal spectrum of a cantilever: one mode of vibration, detector noise, 1/f noise.

A mode answers a force F at the frequency f with $x = F / (k D(f))$, D(0) = 1, $D = R - iI$. The theorem of
fluctuation and dissipation then gives its one-sided spectral density
$$S(f) = \langle x^2\rangle\,\frac{2}{\pi f}\,\frac{I}{R^2 + I^2}, \qquad
\int_0^\infty S\,df = \langle x^2\rangle = k_B T / k.$$
Both models are written in the frequency $f_R$ where R = 0 and the quality factor $Q = 1/I(f_R)$.
"""

from __future__ import annotations

import abc
from typing import Any, final

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from asperity.instrument.hydrodynamics import Fluid, hydrodynamic_function, reynolds_number
from asperity.messages import ArgumentError

__all__ = ["AbstractResonance", "HarmonicOscillator", "ImmersedLever", "RolledOff", "spectral_density"]

_DEGREE = 20  # of the polynomials for the hydrodynamic function; see `ImmersedLever.of`


class AbstractResonance(eqx.Module):
    """One mode of vibration in its medium."""

    @abc.abstractmethod
    def inverse_response(self, frequency: Array, resonance: Array, quality: Array) -> tuple[Array, Array]:
        """R and I (dimensionless, of the shape of ``frequency``) for frequencies in Hz."""


@final
class HarmonicOscillator(AbstractResonance):
    r"""Mass, spring and a constant viscous damping: $R = 1 - f^2/f_R^2$, $I = f/(f_R Q)$.

    $S = \langle x^2\rangle \frac{2}{\pi f_R Q} f_R^4 / ((f^2-f_R^2)^2 + (f f_R/Q)^2)$. Good in air (Q > 10);
    in a liquid the moving mass and the damping depend on the frequency.
    Source: Butt and Jaschke, Nanotechnology 6, 1 (1995).
    """

    def inverse_response(self, frequency: Array, resonance: Array, quality: Array) -> tuple[Array, Array]:
        """R and I (dimensionless)."""
        ratio = frequency / resonance
        return 1 - ratio**2, ratio / quality


@final
class ImmersedLever(AbstractResonance):
    r"""A rectangular lever in a viscous fluid, with the hydrodynamic function $\Gamma$ of Sader.

    $$R = 1 - \frac{f^2}{f_R^2}\Big(1 + \frac{\Gamma_r(f)-\Gamma_r(f_R)}{Q\,\Gamma_i(f_R)}\Big), \qquad
      I = \frac{f^2}{f_R^2}\,\frac{\Gamma_i(f)}{Q\,\Gamma_i(f_R)}$$

    It has the same free parameters as the harmonic oscillator; the frequency in vacuum and the mass of the
    lever are expressed by $f_R$ and $Q = (4\mu/(\pi\rho b^2) + \Gamma_r)/\Gamma_i$ at $f_R$.
    Source: Sader, J. Appl. Phys. 84, 64 (1998), with the thermal force of the fluctuation-dissipation theorem
    (Paul and Cross, Phys. Rev. Lett. 92, 235501 (2004)) in place of a white one.
    """

    log_real: Array  # (d,) Chebyshev coefficients of ln Gamma_r in ln f
    log_imaginary: Array  # (d,) of ln Gamma_i
    least: Array  # Hz
    most: Array  # Hz

    @classmethod
    def of(cls, width: float, fluid: Fluid, least: float, most: float) -> ImmersedLever:
        """The lever of a width in m in a fluid, for frequencies from ``least`` to ``most`` in Hz.

        ln(Gamma) is kept as a polynomial in ln f, so that it can be differentiated; it deviates by less than
        1e-6 over four decades.

        Raises:
            ValueError: a range of frequencies that is empty or beyond the hydrodynamic function.
        """
        if not 0 < least < most < np.inf:
            raise ArgumentError(f"frequencies from {least:g} to {most:g} Hz: give a positive, growing range")
        place = np.cos(np.pi * (np.arange(4 * _DEGREE) + 0.5) / (4 * _DEGREE))
        frequency = np.exp(0.5 * (np.log(most * least) + place * np.log(most / least)))
        gamma = hydrodynamic_function(reynolds_number(np.clip(frequency, least, most), width, fluid))
        logarithms = np.log(np.column_stack([np.real(gamma), np.imag(gamma)]))
        fit = np.polynomial.chebyshev.chebfit(place, logarithms, _DEGREE)
        return cls(fit[:, 0], fit[:, 1], np.asarray(least), np.asarray(most))  # type: ignore[arg-type]

    def gamma(self, frequency: Array) -> tuple[Array, Array]:
        """Real and imaginary part of the hydrodynamic function at frequencies in Hz inside the range."""
        place = jnp.log(frequency**2 / (self.least * self.most)) / jnp.log(self.most / self.least)
        return jnp.exp(_chebyshev(self.log_real, place)), jnp.exp(_chebyshev(self.log_imaginary, place))

    def inverse_response(self, frequency: Array, resonance: Array, quality: Array) -> tuple[Array, Array]:
        """R and I (dimensionless)."""
        real, imaginary = self.gamma(frequency)
        real_there, imaginary_there = self.gamma(resonance)
        square = (frequency / resonance) ** 2
        damping = quality * imaginary_there
        return 1 - square * (1 + (real - real_there) / damping), square * imaginary / damping


def _chebyshev(coefficients: Array, place: Array) -> Array:
    """Clenshaw's sum."""
    def step(sums, coefficient):
        after, afterwards = sums
        return (2 * place * after - afterwards + coefficient, after), None

    zero = jnp.zeros_like(place)
    (after, afterwards), _ = lax.scan(step, (zero, zero), coefficients[:0:-1])
    return place * after - afterwards + coefficients[0]


@final
class RolledOff(AbstractResonance):
    r"""A mode behind a detector that passes $H = 1/(1 + (f/f_c)^{2m})$ of the power.

    The detector takes the mode alone (noise that comes after it is white all the same), or ``everything``.
    Source: first order and Butterworth filters, Butterworth, Wireless Engineer 7, 536 (1930).
    """

    resonance: AbstractResonance
    corner: Array  # f_c in Hz
    order: int = eqx.field(static=True)  # m
    everything: bool = eqx.field(static=True)

    def passed(self, frequency: Array) -> Array:
        """H (dimensionless) at frequencies in Hz."""
        return 1 / (1 + (frequency / self.corner) ** (2 * self.order))

    def inverse_response(self, frequency: Array, resonance: Array, quality: Array) -> tuple[Array, Array]:
        """R and I (dimensionless), over H where the mode alone is taken: the spectrum is then H times the mode's."""
        real, imaginary = self.resonance.inverse_response(frequency, resonance, quality)
        if self.everything:
            return real, imaginary
        return real / self.passed(frequency), imaginary / self.passed(frequency)


def spectral_density(model: AbstractResonance, frequency: Any, parameters: Any) -> Array:
    r"""$S(f) = \langle x^2\rangle \frac{2}{\pi f} \frac{I}{R^2+I^2} + n + c/f$, one-sided, per Hz.

    A detector that takes ``everything`` (`RolledOff`) multiplies it.

    Args:
        model: the resonance.
        frequency: (m,) Hz, above 0.
        parameters: (5,) the mean square $\langle x^2\rangle$ of the mode (unit of x squared), resonance f_R
            (Hz), quality factor Q, white noise n (unit of x squared per Hz), 1/f noise c (unit of x squared).
    """
    mean_square, resonance, quality, white, pink = parameters
    real, imaginary = model.inverse_response(frequency, resonance, quality)
    mode = 2 / jnp.pi * mean_square * imaginary / (real**2 + imaginary**2)
    density = (mode + pink) / frequency + white
    if isinstance(model, RolledOff) and model.everything:
        return density * model.passed(frequency)
    return density
