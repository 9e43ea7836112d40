"""Roots of smooth scalar equations, with exact derivatives of every order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from asperity.contact._model import Scalar

__all__ = ["implicit_root"]


def _away_from_zero(slope: Scalar) -> Scalar:
    """``slope``, with a magnitude of at least sqrt(eps): a fold's slope is not resolved any further."""
    floor = jnp.finfo(slope.dtype).eps ** 0.5
    return jnp.where(jnp.abs(slope) < floor, jnp.where(slope < 0, -floor, floor), slope)


def implicit_root(solve: Callable[..., Scalar], residual: Callable[..., Scalar]) -> Callable[..., Scalar]:
    r"""``solve(*arguments)``, differentiated as the x with ``residual(x, *arguments) = 0``.

    $$dx = -\frac{\partial_{arguments}\, residual \cdot d\,arguments}{\partial_x\, residual}$$

    How ``solve`` finds x does not matter to the derivative (it may iterate or branch). At a fold, where
    $\partial_x$ vanishes, the derivative is large but finite. ``residual`` is to be of order one.
    """
    root = jax.custom_jvp(lambda *arguments: solve(*(lax.stop_gradient(one) for one in arguments)))

    @root.defjvp
    def tangent(primals: Any, tangents: Any) -> tuple[Scalar, Scalar]:
        x = root(*primals)
        _, slope = jax.jvp(lambda y: residual(y, *primals), (x,), (jnp.ones_like(x),))
        _, change = jax.jvp(lambda *arguments: residual(x, *arguments), primals, tangents)
        return x, -change / _away_from_zero(slope)

    return root
