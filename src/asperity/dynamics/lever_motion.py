r"""The motion of a lever from one moment to the next: exact but for the tip's force, whose push is integrated.

With $\tau = \omega_0 t$ the lever obeys $\ddot x + \dot x/Q + x = (F_d(\tau) + F(z + x)) / k$, so that over a step h

$$s(\tau + h) = e^{Ah} s(\tau) + \int_0^h e^{A(h-u)}\,(0,\ (F_d + F)/k)^\top du, \qquad s = (x, \dot x).$$

The integral is Gauss's formula along the cubic through both states. It is what is left of the motion when the exact
linear part is taken off, and linear in whatever F is linear in.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

__all__ = ["StepRule", "between", "free_flow", "path", "step_rule"]

_GAUSS = 4  # nodes in one step


class StepRule(NamedTuple):
    """What one step needs, of a lever with stiffness 1."""

    length: float  # rad of the lever's angular frequency
    share: Float[np.ndarray, " node"]  # where the nodes lie in the step, from 0 to 1
    flow: Float[np.ndarray, "2 2"]  # e^(A h)
    kick: Float[np.ndarray, "node 2"]  # what a force of 1 at each node adds to the state
    spread: Float[np.ndarray, "2 2"]  # covariance of what white noise of the force with intensity 1 adds


def step_rule(quality: float, length: float) -> StepRule:
    """The rule of a step of this ``length`` (rad) for a lever with this ``quality``."""
    nodes, weights = np.polynomial.legendre.leggauss(_GAUSS)
    share, weights = (nodes + 1) / 2, weights * length / 2
    moved = free_flow(quality, 1.0, np.append(length * (1 - share), length))
    late = moved[:-1, :, 1]
    return StepRule(length, share, moved[-1], weights[:, None] * late, np.einsum("q,qi,qj->ij", weights, late, late))


def free_flow(quality: Any, rate: Any, step: Any, array: Any = np) -> Any:
    r"""The exact motion of $\ddot x + (r / Q)\,\dot x + r^2 x = 0$ over a step h, (..., 2, 2) for $(x, \dot x)$.

    $$e^{Ah} = e^{-\gamma h} \begin{pmatrix} \cos \nu h + \frac\gamma\nu \sin \nu h & \frac1\nu \sin \nu h \\
      -\frac{r^2}{\nu} \sin \nu h & \cos \nu h - \frac\gamma\nu \sin \nu h \end{pmatrix}, \qquad
      \gamma = \frac{r}{2Q}, \quad \nu = \sqrt{r^2 - \gamma^2}$$

    Args:
        quality: Q, above 1/2.
        rate: r, the angular frequency without damping, in radians of what the step counts.
        step: h; all three broadcast.
        array: numpy, or jax.numpy.
    """
    decay = rate / (2 * quality)
    turn = array.sqrt(rate**2 - decay**2)
    cosine, sine, fall = array.cos(turn * step), array.sin(turn * step) / turn, array.exp(-decay * step)
    rows = [array.stack([cosine + decay * sine, sine], -1), array.stack([-(rate**2) * sine, cosine - decay * sine], -1)]
    return fall[..., None, None] * array.stack(rows, -2)


def path(rule: StepRule) -> Float[np.ndarray, "4 node"]:
    """Weights of position, velocity, next position and next velocity in the deflection at the nodes of a step."""
    t, h = rule.share, rule.length
    return np.stack([(1 + 2 * t) * (1 - t) ** 2, h * t * (1 - t) ** 2, t**2 * (3 - 2 * t), h * t**2 * (t - 1)])


def between(samples: Float[np.ndarray, " sample"], share: Float[np.ndarray, " node"]) -> Float[np.ndarray, "step node"]:
    """Values within each step, by the cubic through four samples."""
    ends = [3 * (samples[0] - samples[1]) + samples[2]], [3 * (samples[-1] - samples[-2]) + samples[-3]]
    padded, count = np.concatenate([ends[0], samples, ends[1]]), len(samples) - 1
    t = share
    weights = (-t * (t - 1) * (t - 2) / 6, (t + 1) * (t - 1) * (t - 2) / 2, -(t + 1) * t * (t - 2) / 2,
               (t + 1) * t * (t - 1) / 6)
    return np.sum([padded[i : i + count, None] * weight for i, weight in enumerate(weights)], axis=0)
