"""The cantilever as independent oscillators, one for each flexural mode."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import brentq

__all__ = ["Cantilever", "euler_bernoulli", "mode_numbers"]

_BOUND = 1e-12  # of the roots of the frequency equation


def _vector(value: Any) -> Array:
    return jnp.atleast_1d(jnp.asarray(value))


class Cantilever(eqx.Module):
    r"""Modes j with $m_j \ddot x_j = -k_j x_j - (m_j \omega_j / Q_j)\,\dot x_j + F$, $m_j = k_j / \omega_j^2$.

    The deflection of the tip is their sum, and every force at the tip acts on each. One number each makes a point
    mass.

    Source: Melcher, Hu, Raman, Appl. Phys. Lett. 91, 053101 (2007) (equivalent point masses).
    """

    stiffness: Float[Array, " mode"] = eqx.field(converter=_vector)  # N/m
    frequency: Float[Array, " mode"] = eqx.field(converter=_vector)  # Hz, without damping
    quality: Float[Array, " mode"] = eqx.field(converter=_vector)


def mode_numbers(modes: int) -> np.ndarray:
    r"""$\beta_j L$ of a beam with one clamped and one free end: the roots of $1 + \cos x \cosh x = 0$."""
    ends = np.pi * np.arange(modes + 1)
    ends[0] = 1.0

    def scaled(x: float) -> float:
        return np.cos(x) + 1 / np.cosh(x)

    return np.array([brentq(scaled, low, high, xtol=_BOUND) for low, high in pairwise(ends)])


def euler_bernoulli(stiffness: float, frequency: float, quality: Float[np.ndarray, " mode"]) -> Cantilever:
    r"""A uniform beam with the ``stiffness`` (N/m) and ``frequency`` (Hz) of its first mode, a Q for each mode.

    $f_j / f_1 = (\beta_j / \beta_1)^2$ and $k_j / k_1 = (f_j / f_1)^2$: all modes have the same mass at the tip, a
    quarter of the beam's.
    """
    numbers = mode_numbers(len(np.atleast_1d(quality)))
    ratio = (numbers / numbers[0]) ** 2
    return Cantilever(stiffness * ratio**2, frequency * ratio, quality)
