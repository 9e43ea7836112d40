r"""Nanoindentation with an oscillating force: the complex modulus from amplitude and phase.

The indenter hangs on springs (K, m, C) in series with a frame of compliance $C_f$ and the contact S:

$$\frac{F_0}{h_0} e^{i\phi} = \Big(\frac1S + C_f\Big)^{-1} + K - m\omega^2 + i\omega C, \qquad
  \frac{E^*}{1-\nu^2} = \frac{\sqrt\pi}{2\beta}\,\frac{S}{\sqrt A}$$

$h_0 e^{-i\phi}$ is the displacement that the force $F_0$ drives, $\phi$ its lag. Solved for S in the reverse order:
the instrument in parallel is taken off first, then the frame in series. Without frame compliance these are
the usual $E' \propto (F_0/h_0)\cos\phi - K + m\omega^2$ and $E'' \propto (F_0/h_0)\sin\phi - \omega C$.

Source: Oliver, Pharr, J. Mater. Res. 7, 1564 (1992), the dynamic model; Herbert, Oliver, Pharr, J. Phys. D 41,
074021 (2008).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from asperity.messages import DataError

__all__ = ["Indenter", "contact_response", "dynamic_modulus"]


class Indenter(NamedTuple):
    """The instrument, as measured in free air and on a stiff standard."""

    spring_constant: float = 0.0  # K in N/m
    damping: float = 0.0  # C in N s/m
    mass: float = 0.0  # m in kg
    frame_compliance: float = 0.0  # C_f in m/N


def contact_response(force: Any, displacement: Any, phase: Any, frequency: Any, indenter: Indenter) -> np.ndarray:
    """The contact's complex stiffness S = S' + iS'' in N/m.

    Args:
        force, displacement: amplitudes F_0 in N and h_0 in m.
        phase: lag of the displacement behind the force in rad, 0 for a spring.
        frequency: Hz.
        indenter: what belongs to the instrument.

    Raises:
        ValueError: amplitudes that are not positive.
    """
    force, displacement = np.asarray(force, float), np.asarray(displacement, float)
    if not ((force > 0).all() and (displacement > 0).all()):
        raise DataError("the amplitudes of force and displacement must be positive; check their signs and units")
    omega = 2 * np.pi * np.asarray(frequency, float)
    instrument = indenter.spring_constant - indenter.mass * omega**2 + 1j * omega * indenter.damping
    seen = force / displacement * np.exp(1j * np.asarray(phase)) - instrument
    return seen / (1 - seen * indenter.frame_compliance)


def dynamic_modulus(stiffness: Any, area: Any, poisson_ratio: float, *, shape_factor: float = 1.0) -> np.ndarray:
    """E* in Pa of the sample under a rigid indenter.

    Args:
        stiffness: S in N/m, complex, of `contact_response`.
        area: projected contact area A in m^2.
        poisson_ratio: of the sample.
        shape_factor: beta, 1 for a body of revolution, about 1.034 for a Berkovich tip.
    """
    return (1 - poisson_ratio**2) * np.sqrt(np.pi) / (2 * shape_factor) * np.asarray(stiffness) / np.sqrt(area)
